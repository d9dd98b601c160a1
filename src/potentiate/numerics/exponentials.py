"""Sums of one or two exponentials by variable projection.

The amplitudes and the offset enter linearly, so only the log time constants are searched
(Golub & Pereyra 1973, SIAM J Numer Anal 10:413), with Kaufman's Jacobian (1975, BIT 15:49).
No starting values are asked for: a coarse grid of time constants gives them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .least_squares import Array, aicc, levenberg_marquardt

#: Root-mean-square misfit, relative to the span of the data, that arithmetic can not better.
MISFIT_FLOOR = 1e-9
#: Components closer than this ratio of time constants are one component.
MIN_RATIO = 1.3


@dataclass(frozen=True)
class ExponentialFit:
    """``y = offset + sum_k amplitudes[k] * exp(-t / taus[k])``, with t counted from the first sample.

    Attributes
    ----------
    taus, amplitudes : (n,) arrays
        Fast first; units of t and of y. NaN when failed.
    offset : float
    ssr, aicc : float
    n_points, n_parameters : int
    status : {"ok", "failed"}
    reason : str
    fitted : (n_points,) array
        The curve at the samples.
    """

    taus: Array
    amplitudes: Array
    offset: float
    ssr: float
    aicc: float
    n_points: int
    n_parameters: int
    status: Literal["ok", "failed"]
    reason: str
    fitted: Array


def _project(t: Array, y: Array, log_taus: Array, with_offset: bool) -> tuple[Array, Array, Array, Array]:
    """Return basis (n, k), its orthonormal factor, linear coefficients and residual y - basis @ c."""
    basis = np.exp(-t[:, None] / np.exp(np.clip(log_taus, -300, 300)))
    if with_offset:
        basis = np.column_stack([basis, np.ones_like(t)])
    left, s, right = np.linalg.svd(basis, full_matrices=False)
    keep = s > s[0] * 1e-12
    left, inverse = left[:, keep], 1 / s[keep]
    coordinates = left.T @ y
    return basis, left, right[keep].T @ (inverse * coordinates), y - left @ coordinates


def fit_exponentials(
    t: Array,
    y: Array,
    n: Literal[1, 2] = 1,
    *,
    offset: float | None = 0.0,
    tau_bounds: tuple[float, float] | None = None,
) -> ExponentialFit:
    """Fit a sum of one or two decaying exponentials.

    Parameters
    ----------
    t : (N,) array
        Times, increasing; need not be evenly spaced.
    y : (N,) array
    n : {1, 2}
        Number of components.
    offset : float or None
        A fixed final level, or None to fit it.
    tau_bounds : (float, float), optional
        Where to look; default from half the smallest sample interval to ten times the span. A time constant
        that ends outside is a failure: the window cannot tell it.

    Returns
    -------
    ExponentialFit
    """
    t = np.asarray(t, dtype=float)
    y = np.asarray(y, dtype=float)
    free_offset = offset is None
    n_parameters = 2 * n + free_offset

    def failed(reason: str) -> ExponentialFit:
        nan = np.full(n, math.nan)
        return ExponentialFit(
            nan,
            nan,
            math.nan,
            math.nan,
            math.inf,
            t.size,
            n_parameters,
            "failed",
            reason,
            np.full(t.size, math.nan),
        )

    if t.size < n_parameters + 2:
        return failed(f"{t.size} samples for {n_parameters} parameters")
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        return failed("the samples are not all finite")
    x = t - t[0]
    target = y if free_offset else y - offset
    span = float(np.abs(target).max())
    if span == 0 or np.ptp(target) == 0:
        return failed("the samples do not change")
    low, high = tau_bounds or (0.5 * float(np.diff(x).min()), 10 * float(x[-1]))
    if not 0 < low < high:
        return failed(f"no range of time constants in [{low:g}, {high:g}]")
    start = _grid_start(x, target, n, free_offset, low, high)

    def residual(log_taus: Array) -> Array:
        return _project(x, target, log_taus, free_offset)[3]

    def jacobian(log_taus: Array) -> Array:
        basis, q, c, _ = _project(x, target, log_taus, free_offset)
        slopes = basis[:, :n] * (x[:, None] / np.exp(np.clip(log_taus, -300, 300))) * c[:n]
        return -(slopes - q @ (q.T @ slopes))

    found = levenberg_marquardt(residual, start, jacobian=jacobian)
    if found.status != "ok":
        return failed(found.reason)
    order = np.argsort(found.x)
    log_taus = found.x[order]
    taus = np.exp(np.clip(log_taus, -300, 300))
    if taus[0] < low or taus[-1] > high:
        return failed(f"time constant outside what the window can tell ({low:.3g} to {high:.3g})")
    if n == 2 and taus[1] / taus[0] < MIN_RATIO:
        return failed(f"the two time constants are one ({taus[0]:.3g} and {taus[1]:.3g})")
    basis, _, c, r = _project(x, target, log_taus, free_offset)
    ssr = float(r @ r)
    level = float(c[n]) if free_offset else float(offset)
    floor = t.size * (MISFIT_FLOOR * span) ** 2
    return ExponentialFit(
        taus,
        c[:n],
        level,
        ssr,
        aicc(max(ssr, floor), t.size, n_parameters),
        t.size,
        n_parameters,
        "ok",
        "",
        basis @ c + (0.0 if free_offset else level),
    )


def _grid_start(x: Array, y: Array, n: int, free_offset: bool, low: float, high: float) -> Array:
    """Return the best log time constants, (n,), of a coarse grid on at most 200 samples."""
    if x.size > 200:
        # denser early, where the fast component lives
        index = np.unique((np.linspace(0, 1, 200) ** 2 * (x.size - 1)).astype(int))
        x, y = x[index], y[index]
    centres = np.linspace(math.log(low), math.log(high), 16 if n == 1 else 11)[1:-1]
    best, start = math.inf, centres[:n]
    for combination in itertools.combinations(centres, n):
        r = _project(x, y, np.array(combination), free_offset)[3]
        ssr = float(r @ r)
        if ssr < best:
            best, start = ssr, np.array(combination)
    return start
