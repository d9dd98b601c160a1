"""Standard errors of a population fit: Hessian, sandwich, condition number, intervals with words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ..numerics.maximum_likelihood import Maximum, profile_of_likelihood
from .population_model import PopulationModel

#: A number whose standard error on the scale of the search (a logarithm) exceeds this is not determined.
LOOSE = 1.0
_Z = 1.959963984540054


@dataclasses.dataclass(frozen=True, eq=False)
class Uncertainty:
    """How well the numbers are known.

    Attributes
    ----------
    covariance : array, shape (p, p)
        Of the natural numbers, R^-1 S R^-1; NaN in rows of what is fixed or at a bound.
    se, se_hessian : array, shape (p,)
        Standard errors by the sandwich and by R^-1.
    se_search : array, shape (p,)
        By R^-1, on the scale of the search.
    condition_number : float
        Largest over smallest eigenvalue of the correlation matrix of the estimates.
    reason : str
        Why there are none, else empty.
    """

    covariance: np.ndarray
    se: np.ndarray
    se_hessian: np.ndarray
    se_search: np.ndarray
    condition_number: float
    reason: str = ""


def uncertainty(
    model: PopulationModel, best: Maximum, information: np.ndarray, slopes: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray], fixed: np.ndarray,
) -> Uncertainty:  # fmt: skip
    """Return standard errors.

    Parameters
    ----------
    model : PopulationModel
    best : Maximum
    information : array, shape (p, p)
        Negative Hessian of the log likelihood on the scale of the search.
    slopes : array, shape (N, p)
        Gradient of the objective of each subject.
    bounds, fixed
        What may not move is left out.
    """
    p = best.x.size
    near = 1e-6 * (1 + np.abs(best.x))
    at_bound = (best.x <= bounds[0] + near) | (best.x >= bounds[1] - near)
    free = ~fixed & ~at_bound
    nothing = np.full(p, math.nan)
    inside = np.ix_(free, free)
    try:
        np.linalg.cholesky(information[inside])
        inverse = np.linalg.inv(information[inside])
    except np.linalg.LinAlgError:
        text = "no standard errors: the objective is flat or a saddle in some direction"
        return Uncertainty(np.full((p, p), math.nan), nothing, nothing, nothing, math.nan, text)
    scores = 0.5 * slopes[:, free]
    sandwich = inverse @ (scores.T @ scores) @ inverse
    jacobian = model.jacobian(best.x)[:, free]
    covariance = jacobian @ sandwich @ jacobian.T
    plain = jacobian @ inverse @ jacobian.T
    covariance[~free] = covariance[:, ~free] = math.nan
    with np.errstate(invalid="ignore"):
        se = np.sqrt(np.diag(covariance))
        hessian = np.where(free, np.sqrt(np.diag(plain)), math.nan)
    se_search = nothing.copy()
    se_search[free] = np.sqrt(np.diag(inverse))
    kept = covariance[inside]
    text = ""
    with np.errstate(all="ignore"):
        sd = np.sqrt(np.diag(kept))
        correlation = kept / np.outer(sd, sd)
    condition = math.nan
    if np.isfinite(correlation).all():
        values = np.linalg.eigvalsh(correlation)
        condition = float(values[-1] / values[0]) if values[0] > 0 else math.inf
    if (at_bound & ~fixed).any():
        names = ", ".join(n for n, flag in zip(model.names, at_bound & ~fixed, strict=True) if flag)
        text = f"at the end of the search: {names}"
    return Uncertainty(covariance, se, hessian, se_search, condition, text)


def interval_of(
    model: PopulationModel, best: Maximum, k: int, found: Uncertainty,
    function: Callable[[np.ndarray], tuple[float, np.ndarray]], information: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray], *, profile: bool,
) -> tuple[float, float, str, str]:  # fmt: skip
    """Return low, high, word and reason of a number: by its profile, or by its standard error on the search scale."""
    first = model.fixed_effects + len(model.etas)
    covariance = first <= k < first + len(model.correlated)
    lowest = -math.inf if covariance or len(model.parameters) <= k < model.fixed_effects else 0.0
    if profile and not covariance:
        curve = profile_of_likelihood(function, best, k, _definite(information), bounds=bounds)
        ends = [_natural(model, best.x, k, end) if math.isfinite(end) else (lowest, math.inf)[side]
                for side, end in enumerate((curve.low, curve.high))]  # fmt: skip
        return ends[0], ends[1], curve.word, curve.reason
    at = best.x[k]
    if at <= bounds[0][k] + 1e-6 * (1 + abs(at)) and model.fixed_effects <= k:
        return lowest, math.inf, "one-sided", "none is needed: the search ends at its lower bound"
    if not math.isfinite(found.se_search[k]):
        return lowest, math.inf, "not determined", found.reason or "no standard error"
    if covariance:
        value = float(model.outward(best.x)[k])
        return value - _Z * found.se[k], value + _Z * found.se[k], "determined", ""
    low, high = (_natural(model, best.x, k, at + side * _Z * found.se_search[k]) for side in (-1, 1))
    if found.se_search[k] > LOOSE:
        return low, high, "not determined", "its standard error exceeds it; a profile shows which side is open"
    return low, high, "determined", ""


def _natural(model: PopulationModel, x: np.ndarray, k: int, at: float) -> float:
    moved = x.copy()
    moved[k] = at
    return float(model.outward(moved)[k])


def _definite(information: np.ndarray) -> np.ndarray:
    """Return the information with directions that are flat made barely known."""
    values, vectors = np.linalg.eigh(information)
    return (vectors * np.maximum(values, 1e-6 * max(values[-1], 1.0))) @ vectors.T
