"""The bins of a recording: which conditions held in each, and which bins are alike.

A bin is what one number of a recording stands for: a sample interval, or the mean of many. It is a sequence of
(generator, ms), because a border between two solutions need not lie on a border between bins. A plan does not depend on
rates, so one serves every evaluation of a fit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..numerics.low_pass import LowPass
from ..numerics.matrix_exponential import squarings_for

_EPS = 1e-9  # ms; times closer than this are the same time

#: Time constants of a filter after which it has forgotten what was before, to exp(-40).
RUN_IN = 40.0

Bin = Sequence[tuple[int, float]]


@dataclasses.dataclass(frozen=True, eq=False)
class BinPlan:
    """Everything about the bins of some sweeps that does not depend on rates.

    Attributes
    ----------
    n_generators : int
    part_generator, part_ms : arrays, shape (parts,)
        The distinct stretches under one generator.
    kinds : int array, shape (kinds, longest)
        The distinct bins, as parts in order; -1 fills up.
    kind_ms : array, shape (kinds,)
        How long a bin of each kind lasts.
    repeats : int array, shape (kinds,)
        How often the parts follow each other within a bin: samples that it is the mean of.
    kind : int array, shape (sweeps, bins)
        Sweeps with fewer bins than the longest are filled up with kind 0: there the recording must be NaN.
    bins : int array, shape (sweeps,)
        How many bins each sweep has.
    """

    n_generators: int
    part_generator: np.ndarray
    part_ms: np.ndarray
    kinds: np.ndarray
    kind_ms: np.ndarray
    repeats: np.ndarray
    kind: np.ndarray
    bins: np.ndarray

    @property
    def bin_ms(self) -> np.ndarray:
        """How long each bin lasts, shape (sweeps, bins)."""
        return self.kind_ms[self.kind]

    def squarings(self, exit_rates_per_ms: np.ndarray, low_pass: LowPass | None = None) -> int:
        """Return the squarings that the longest part needs, given the largest exit rates of the generators."""
        longest, fastest = float(self.part_ms.max()), float(np.max(exit_rates_per_ms))
        if low_pass is not None:
            longest, fastest = max(longest, RUN_IN / low_pass.slowest_per_ms), fastest + low_pass.largest_per_ms
        return squarings_for(fastest, longest)


def plan_bins(sweeps: Sequence[Sequence[Bin]], repeats: Sequence[Sequence[int]] | None = None) -> BinPlan:
    """Plan sweeps given as bins, each a sequence of (generator index, duration in ms).

    Parameters
    ----------
    sweeps : sequence of sequences of bins
        Sweeps may differ in the number of bins.
    repeats : sequence of sequences of int, optional
        How often each bin's parts are passed through, with a sample at each end (for the reading "mean of samples").

    Returns
    -------
    BinPlan

    Raises
    ------
    UsageError
        There is no bin, a bin has no part, or a duration is negative or not finite.

    Examples
    --------
    >>> plan = plan_bins([[[(0, 1.0)], [(0, 0.4), (1, 0.6)], [(1, 1.0)], [(1, 1.0)]]])
    >>> plan.kind
    array([[0, 1, 2, 2]])
    >>> plan.bin_ms
    array([[1., 1., 1., 1.]])
    """
    parts: dict[tuple[int, float], int] = {}
    kinds: dict[tuple[int, tuple[int, ...]], int] = {}
    order: list[list[int]] = []
    for s, sweep in enumerate(sweeps):
        order.append([])
        for b, one in enumerate(sweep):
            if not one:
                raise UsageError("A bin has no part", where=f"sweep {s}, bin {b}", do="give (generator, ms)")
            for generator, ms in one:
                if not (math.isfinite(ms) and ms >= 0 and generator >= 0):
                    raise UsageError(f"A bin has the part ({generator}, {ms} ms)", where=f"sweep {s}, bin {b}")
            key = tuple(parts.setdefault((int(g), round(float(ms), 9)), len(parts)) for g, ms in one)
            often = 1 if repeats is None else int(repeats[s][b])
            if often < 1:
                raise UsageError(f"A bin is passed through {often} times", where=f"sweep {s}, bin {b}")
            order[-1].append(kinds.setdefault((often, key), len(kinds)))
    longest = max(map(len, order), default=0)
    if not longest:
        raise UsageError("There is no bin to plan", do="give at least one sweep with at least one bin")
    part_ms = np.array([ms for _, ms in parts])
    width = max(len(key) for _, key in kinds)
    return BinPlan(
        n_generators=1 + max(g for g, _ in parts),
        part_generator=np.array([g for g, _ in parts], dtype=int),
        part_ms=part_ms,
        kinds=np.array([list(key) + [-1] * (width - len(key)) for _, key in kinds]),
        kind_ms=np.array([often * part_ms[list(key)].sum() for often, key in kinds]),
        repeats=np.array([often for often, _ in kinds]),
        kind=np.array([own + [0] * (longest - len(own)) for own in order]),
        bins=np.array([len(own) for own in order]),
    )


def cut_bins(segments: Sequence[tuple[int, float]], edges_ms: Sequence[float] | np.ndarray) -> list[Bin]:
    """Cut a sweep given as (generator, ms), from time zero, into bins between successive edges.

    Parameters
    ----------
    segments : sequence of (int, float)
        As for :func:`potentiate.numerics.sweep_plan.plan_sweeps`.
    edges_ms : sequence of float
        Increasing; two equal edges make an empty bin (a sample at time zero). What lies before the first edge is left
        out.

    Returns
    -------
    list of bins
        For :func:`plan_bins`.

    Raises
    ------
    UsageError
        Edges that decrease or lie outside the sweep.

    Examples
    --------
    >>> cut_bins([(0, 1.5), (1, 1.0)], [0, 1, 2])
    [((0, 1.0),), ((0, 0.5), (1, 0.5))]
    """
    edges = np.asarray(edges_ms, dtype=float)
    borders = np.concatenate([[0.0], np.cumsum([ms for _, ms in segments])])
    if not (np.diff(edges) >= 0).all() or edges[0] < -_EPS or edges[-1] > borders[-1] + 1e-6:
        raise UsageError(
            "Bin edges decrease or lie outside the sweep",
            why=f"edges from {edges[0]:g} to {edges[-1]:g} ms in a sweep of {borders[-1]:g} ms",
        )
    bins: list[Bin] = []
    first = 0
    for left, right in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        while first + 1 < len(segments) and borders[first + 1] <= left + _EPS:
            first += 1
        one, s = [], first
        while s < len(segments) and (borders[s] < right - _EPS or not one):
            ms = min(right, borders[s + 1]) - max(left, borders[s])
            if ms > _EPS or (right - left <= _EPS and not one):
                one.append((segments[s][0], round(float(max(ms, 0.0)), 9)))
            s += 1
        bins.append(tuple(one))
    return bins
