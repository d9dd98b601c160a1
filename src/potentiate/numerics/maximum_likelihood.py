"""Maximum of a log likelihood with its gradient, its curvature, and profile intervals.

For likelihoods that are no sum of squares; for those see :mod:`.least_squares`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .least_squares import ProfileInterval, Word

Array = NDArray[np.float64]
ValueAndGradient = Callable[[Array], tuple[float, Array]]

#: Stands for a log likelihood that cannot be computed: far below any that can.
_NOWHERE = -1e15


@dataclasses.dataclass(frozen=True)
class Maximum:
    """The end of a search.

    Attributes
    ----------
    x : array, shape (k,)
    value : float
    gradient : array, shape (k,)
    status : {"ok", "stopped", "failed"}
    reason : str
    evaluations : int
    at_bound : array of bool, shape (k,)
    """

    x: Array
    value: float
    gradient: Array
    status: Literal["ok", "stopped", "failed"]
    reason: str
    evaluations: int
    at_bound: NDArray[np.bool_]


def maximise(
    function: ValueAndGradient,
    x0: Array,
    bounds: tuple[Array, Array],
    *,
    scale: Array | None = None,
    enough: float = 1e-4,
    most: int = 400,
) -> Maximum:
    """Maximise a function with its gradient inside bounds (L-BFGS-B on rescaled parameters).

    Parameters
    ----------
    function : callable, (k,) -> (float, (k,))
        May return NaN where it cannot be computed.
    x0 : array, shape (k,)
    bounds : ((k,) array, (k,) array)
    scale : array, shape (k,), optional
        A typical uncertainty of each parameter; measured by differences of the gradient at `x0` when absent.
    enough : float
        Converged when a step raises the value by less than this.
    most : int
        Limit on evaluations.

    Returns
    -------
    Maximum
    """
    from scipy.optimize import minimize

    low, high = bounds
    x0 = np.clip(np.asarray(x0, dtype=float), low, high)
    first, gradient = function(x0)
    if not (math.isfinite(first) and np.isfinite(gradient).all()):
        return Maximum(x0, math.nan, gradient, "failed", "the likelihood is not finite at the start", 1, x0 <= low)
    if scale is None:
        scale = typical_scale(function, x0, bounds)
    count = 0

    def negative(z: Array) -> tuple[float, Array]:
        nonlocal count
        count += 1
        value, slope = function(np.clip(x0 + scale * z, low, high))
        if not (math.isfinite(value) and np.isfinite(slope).all()):
            return -_NOWHERE, np.zeros_like(z)
        return -value, -slope * scale

    with np.errstate(all="ignore"):
        found = minimize(
            negative,
            np.zeros_like(x0),
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([(low - x0) / scale, (high - x0) / scale], axis=1),
            options={
                "maxcor": 30,
                "ftol": enough / max(abs(first), 1.0),
                "gtol": 1e-5,
                "maxfun": most,
                "maxiter": most,
            },
        )
    x = np.clip(x0 + scale * found.x, low, high)
    value, gradient = function(x)
    if value < first or not math.isfinite(value):  # a search that only got lost
        x, (value, gradient) = x0, function(x0)
    stopped = count >= most
    near = 1e-9 * (1 + np.abs(x))
    return Maximum(
        x,
        value,
        gradient,
        "stopped" if stopped else "ok",
        f"no convergence in {most} evaluations" if stopped else "",
        count,
        (x <= low + near) | (x >= high - near),
    )


def typical_scale(function: ValueAndGradient, x: Array, bounds: tuple[Array, Array], step: float = 1e-3) -> Array:
    """Return one over the square root of the diagonal curvature; a tenth of unity where there is none."""
    _, g0 = function(x)
    scale = np.full(x.size, 0.1)
    for k in range(x.size):
        moved = x.copy()
        moved[k] += step if x[k] + step <= bounds[1][k] else -step
        curvature = -(function(moved)[1][k] - g0[k]) / (moved[k] - x[k])
        if math.isfinite(curvature) and curvature > 1e-8:
            scale[k] = min(1.0 / math.sqrt(curvature), 1.0)
    return scale


def curvature(function: ValueAndGradient, x: Array, scale: Array, bounds: tuple[Array, Array]) -> Array:
    """Return the negative second derivative (observed information), shape (k, k), by differences of the gradient.

    Parameters
    ----------
    function : callable
    x : array, shape (k,)
    scale : array, shape (k,)
        Uncertainties; the differences reach a tenth of one to either side.
    bounds : ((k,) array, (k,) array)
    """
    rows = []
    for k in range(x.size):
        ends = []
        for side in (1.0, -1.0):
            moved = x.copy()
            moved[k] = np.clip(x[k] + side * 0.1 * scale[k], bounds[0][k], bounds[1][k])
            ends.append((moved[k], function(moved)[1]))
        (a, up), (b, down) = ends
        rows.append(-(up - down) / (a - b))
    matrix = np.array(rows)
    return 0.5 * (matrix + matrix.T)


def profile_of_likelihood(
    function: ValueAndGradient,
    best: Maximum,
    index: int,
    information: Array,
    *,
    bounds: tuple[Array, Array],
    level: float = 0.95,
) -> ProfileInterval:
    """Profile-likelihood interval of one parameter: where the maximum over all others has fallen by chi^2 / 2.

    Parameters
    ----------
    function : callable
    best : Maximum
    index : int
    information : array, shape (k, k)
        Curvature at the maximum: it says where to look and how the others follow.
    bounds, level
        As for :func:`potentiate.numerics.least_squares.profile_interval`.
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    values, vectors = np.linalg.eigh(information)
    covariance = (vectors / np.maximum(values, max(values.max(), 1e-300) * 1e-12)) @ vectors.T
    sd = math.sqrt(covariance[index, index])
    follow = covariance[:, index] / covariance[index, index]
    spread = np.sqrt(np.clip(np.diag(covariance), 1e-12, 1.0))

    def fall(at: float) -> float:
        held_low, held_high = bounds[0].copy(), bounds[1].copy()
        held_low[index] = held_high[index] = at
        start = best.x + follow * (at - best.x[index])
        start[index] = at
        scale = spread.copy()
        end = maximise(function, start, (held_low, held_high), scale=scale, enough=1e-3)
        if end.status == "failed":
            start = best.x.copy()
            start[index] = at
            end = maximise(function, start, (held_low, held_high), scale=scale, enough=1e-3)
        return math.inf if end.status == "failed" else math.sqrt(max(2 * (best.value - end.value), 0.0))

    ends = [_end(fall, float(best.x[index]), side, z, sd, bounds, index) for side in (-1, 1)]
    open_sides = [name for name, end in zip(("below", "above"), ends, strict=True) if math.isinf(end)]
    word: Word = ("determined", "one-sided", "not determined")[len(open_sides)]  # type: ignore[assignment]
    reason = f"not bounded {' or '.join(open_sides)}" if open_sides else ""
    return ProfileInterval(float(best.x[index]), ends[0], ends[1], word, reason, level)


def _end(
    fall: Callable[[float], float],
    centre: float,
    side: int,
    z: float,
    sd: float,
    bounds: tuple[Array, Array],
    index: int,
) -> float:
    """Return where the signed root of the fall crosses z, to 1 % of its distance; +-inf where the bound comes first."""
    reach = abs(float(bounds[0][index] if side < 0 else bounds[1][index]) - centre)
    inner, inner_root, outer = 0.0, 0.0, min(z * sd, reach)
    root = fall(centre + side * outer)
    for _ in range(12):
        if root >= z:
            break
        if outer >= reach * (1 - 1e-9):
            return side * math.inf
        inner, inner_root = outer, root
        outer = min(outer * (min(2.5, 1.1 * z / root) if root > 0 else 2.5), reach)
        root = fall(centre + side * outer)
    else:
        return side * math.inf
    for k in range(30):
        if outer - inner <= 0.01 * outer or abs(root - z) < 0.01:
            break
        # every third cut halves, in case the root is anything but straight
        straight = (z - inner_root) / (root - inner_root) if math.isfinite(root) and k % 3 else 0.5
        middle = inner + (outer - inner) * min(max(straight, 0.05), 0.95)
        at = fall(centre + side * middle)
        if at >= z:
            outer, root = middle, at
        else:
            inner, inner_root = middle, at
    if not math.isfinite(root) or root <= inner_root:
        return centre + side * outer
    return centre + side * (inner + (outer - inner) * min(1.0, (z - inner_root) / (root - inner_root)))
