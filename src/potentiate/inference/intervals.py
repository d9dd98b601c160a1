"""Intervals of least squares, and by how much they are widened because residuals are not independent and alike.

Channel noise is correlated in time and larger where more channels flicker. Sweeps, however, are independent of each
other: how much their pulls on the parameters differ shows what the noise really does to each parameter (the sandwich
of Huber 1967 and White 1980, by clusters: Liang & Zeger 1986, Biometrika 73:13). With few sweeps only the
correlation time of the residuals is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..numerics.least_squares import LeastSquares, ProfileInterval, profile_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from .problem import Problem

#: Fewer sweeps than this, or than three for each parameter, say too little about themselves.
FEWEST_SWEEPS = 10


def widening(
    jacobian: np.ndarray, residual: np.ndarray, sweep: np.ndarray, correlation_time: float
) -> tuple[np.ndarray, bool]:
    """Return the factor by which the standard error of each parameter grows.

    Parameters
    ----------
    jacobian : array, shape (samples, p)
        Of residuals divided by their standard deviation, at the minimum.
    residual : array, shape (samples,)
    sweep : int array, shape (samples,)
        Which sweep each sample belongs to.
    correlation_time : float
        Of the residuals, in samples.

    Returns
    -------
    factor : array, shape (p,)
        At least the square root of the correlation time.
    by_sweeps : bool
        Whether there were enough sweeps for more than that.
    """
    n, p = jacobian.shape
    floor = np.full(p, np.sqrt(max(correlation_time, 1.0)))
    count = int(sweep.max()) + 1
    if count < max(FEWEST_SWEEPS, 3 * p):
        return floor, False
    _, s, vt = np.linalg.svd(np.linalg.qr(jacobian, mode="r"))
    if s[-1] <= s[0] * 1e-10:  # something is not determined at all: no covariance to compare with
        return floor, False
    inverse = (vt.T / s**2) @ vt
    pulls = np.zeros((count, p))
    for k in range(p):
        pulls[:, k] = np.bincount(sweep, jacobian[:, k] * residual, minlength=count)
    correction = count / (count - 1) * (n - 1) / (n - p)
    robust = inverse @ (correction * pulls.T @ pulls) @ inverse
    return np.maximum(floor, np.sqrt(np.diag(robust) / np.diag(inverse))), True


def square_intervals(
    problem: Problem,
    best: LeastSquares,
    weight: np.ndarray,
    wider: np.ndarray,
    kind: str,
    level: float,
    progress: Callable[[str, int, int], None] | None,
    covariance: np.ndarray,
) -> list[ProfileInterval | None]:
    """Return the interval of each number of the search.

    Parameters
    ----------
    problem : Problem
    best : LeastSquares
        With `weight`.
    weight : array, shape (cells,)
        One over the noise of each cell.
    wider : array, shape (p,)
        From :func:`widening`.
    kind : {"profile", "curvature"}
    level : float
    progress : callable or None
    covariance : array, shape (p, p)
        As if residuals were independent.
    """
    made: list[ProfileInterval | None] = []
    if kind == "curvature":
        from scipy.special import ndtri

        z = float(ndtri(0.5 + level / 2))
        for k, x in enumerate(best.x.tolist()):
            half = z * math.sqrt(covariance[k, k]) * float(wider[k])
            known = math.isfinite(half)
            word, reason = ("determined", "") if known else ("not determined", "the data do not change with it")
            made.append(ProfileInterval(x, x - half, x + half, word, reason, level))
        return made
    for k, scale in enumerate((1.0 / wider).tolist()):
        if progress:
            progress("intervals", k, best.x.size)
        scaled = LeastSquares(
            best.x, best.residuals * scale, best.ssr * scale**2, best.jacobian * scale, "ok", "", 0, best.at_bound
        )
        made.append(
            profile_interval(
                lambda x, scale=scale: problem.residual(x, weight) * scale,
                scaled,
                k,
                bounds=problem.table.bounds,
                level=level,
                sigma_known=True,
                typical=problem.typical,
                jacobian=lambda x, scale=scale: problem.jacobian(x, weight) * scale,
                scaling="typical",
            )
        )
    return made
