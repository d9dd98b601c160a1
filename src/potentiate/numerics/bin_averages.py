"""Averages over bins of what linear systems show on piecewise constant courses, for many parameter sets at once.

A row vector obeys ``dx/dt = x M``; its last entry sums what is to be averaged. Every stretch of constant ``M`` within a
bin is one matrix exponential, and stretches of the same ``M`` and length share it. With bins that widen after each
switch a sweep of 25,000 samples takes some sixty products, exactly, without sampling it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_COEFFICIENTS = np.array([1.0 / math.factorial(k) for k in range(9)])

#: Norm up to which degree 8 is good to 1e-12 (Taylor remainder 0.06^9 / 9!, then squared up).
_AIM = 0.06

_EPS = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class BinCourses:
    """Courses of several sweeps cut at the borders of their bins.

    Attributes
    ----------
    generator : int array, shape (kinds,)
    ms : array, shape (kinds,)
        Distinct stretches; the first is empty.
    steps : int array, shape (sweeps, steps)
        Stretches of each sweep, filled up with 0.
    bins : int array, shape (sweeps, steps)
        The bin that each stretch belongs to; -1: before the first one, or none.
    widths_ms : tuple of arrays
        Widths of the bins of each sweep.
    """

    generator: np.ndarray
    ms: np.ndarray
    steps: np.ndarray
    bins: np.ndarray
    widths_ms: tuple[np.ndarray, ...]


def cut_courses(courses: Sequence[Sequence[tuple[int, float]]], borders_ms: Sequence[np.ndarray]) -> BinCourses:
    """Return courses, lists of (generator, duration), cut at the borders of bins.

    Parameters
    ----------
    courses : sequence of sequences of (int, float)
        The last generator goes on where borders lie beyond the end.
    borders_ms : sequence of arrays, shape (bins + 1,)
        Increasing; the first may be below zero: the system is then taken to have been at its start before.
    """
    kinds: dict[tuple[int, float], int] = {(0, 0.0): 0}
    all_steps, all_bins = [], []
    for course, borders in zip(courses, borders_ms, strict=True):
        ends = np.cumsum([d for _, d in course])
        cuts = np.unique(np.round(np.concatenate([[borders[0]], ends[ends < borders[-1] - _EPS], borders]), 9))
        cuts = cuts[(cuts >= borders[0] - _EPS) & (cuts <= borders[-1] + _EPS)]
        cuts = cuts[np.concatenate([[True], np.diff(cuts) > _EPS])]
        middle = 0.5 * (cuts[1:] + cuts[:-1])
        segment = np.minimum(np.searchsorted(ends, middle), len(course) - 1)
        own = np.searchsorted(borders, middle) - 1
        lengths = np.round(np.diff(cuts), 9)
        steps = [kinds.setdefault((course[s][0], float(d)), len(kinds)) for s, d in zip(segment, lengths, strict=True)]
        all_steps.append(steps)
        all_bins.append(own.tolist())
    longest = max(map(len, all_steps))
    return BinCourses(
        np.array([g for g, _ in kinds]),
        np.array([ms for _, ms in kinds]),
        np.array([s + [0] * (longest - len(s)) for s in all_steps]),
        np.array([b + [-1] * (longest - len(b)) for b in all_bins]),
        tuple(np.diff(b) for b in borders_ms),
    )


def exponentials(matrices: np.ndarray) -> np.ndarray:
    """Return ``exp(M)`` of a stack of matrices, shape (k, n, n); those of like size are squared equally often.

    Degree 8 in Paterson-Stockmeyer form (three products), then scaling and squaring.
    """
    norm = np.abs(matrices).sum(axis=-1).max(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        squarings = np.ceil(np.log2(np.maximum(norm, 1e-300) / _AIM))
    good = np.isfinite(norm) & (squarings < 60)
    squarings = np.where(good, np.maximum(squarings, 0), 0).astype(int)
    result = np.full_like(matrices, np.nan)
    eye = np.eye(matrices.shape[-1])
    c = _COEFFICIENTS
    for level in np.unique(squarings[good]):
        which = np.flatnonzero(good & (squarings == level))
        b = matrices[which] * 0.5**level
        b2 = b @ b
        b3 = b2 @ b
        series = c[6] * eye + c[7] * b + c[8] * b2
        series = series @ b3 + (c[3] * eye + c[4] * b + c[5] * b2)
        series = series @ b3 + (eye + b + c[2] * b2)
        for _ in range(level):
            series = series @ series
        result[which] = series
    return result


def bin_averages(plan: BinCourses, matrices: np.ndarray, start: np.ndarray) -> list[np.ndarray]:
    """Return the averages over the bins of every sweep.

    Parameters
    ----------
    plan : BinCourses
    matrices : array, shape (sets, generators, n, n)
        The last column sums what is averaged; the last row is zero.
    start : array, shape (sets, sweeps, n - 1)

    Returns
    -------
    list of arrays, shape (sets, bins)
        One per sweep. NaN where a matrix is not finite.
    """
    sets, _, n, _ = matrices.shape
    kinds = len(plan.ms)
    table = exponentials((matrices[:, plan.generator] * plan.ms[:, None, None]).reshape(sets * kinds, n, n))
    table = table.reshape(sets, kinds, n, n)
    sweeps, steps = plan.steps.shape
    x = np.zeros((sets, sweeps, n))
    x[..., :-1] = start
    sums = np.empty((steps, sets, sweeps))
    for k in range(steps):
        x = np.matmul(x[..., None, :], table[:, plan.steps[:, k]])[..., 0, :]
        sums[k] = x[..., -1]
        x[..., -1] = 0.0
    result = []
    for s, widths in enumerate(plan.widths_ms):
        total = np.zeros((sets, widths.size))
        used = plan.bins[s] >= 0
        for k in np.flatnonzero(used):
            total[:, plan.bins[s][k]] += sums[k, :, s]
        result.append(total / widths)
    return result
