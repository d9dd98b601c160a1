"""Pareto-smoothed importance sampling, and leave-one-out prediction with it.

Draws of one distribution stand for another through their weights. The largest weights are replaced by those of a
generalised Pareto distribution fitted to them, whose shape k tells whether the weighted mean can be trusted.

Sources: Vehtari, Gelman & Gabry 2017, Stat Comput 27:1413 (leave-one-out); Vehtari et al. 2024, JMLR 25:72 (smoothing,
limits of k); Zhang & Stephens 2009, Technometrics 51:316 (the fit); Magnusson et al. 2019, arXiv 1904.10679 (draws of
an approximate posterior).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError

#: Above this no number of draws that anybody makes will do (Vehtari et al. 2024).
WORST_SHAPE = 0.7

#: Weights in the tail below which no shape can be fitted.
_FEWEST = 5

#: The shape is pulled to a half with the weight of that many values (Vehtari et al. 2024).
_PULL_VALUES, _PULL_TO = 10, 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Loo:
    """Leave-one-out predictive density.

    Attributes
    ----------
    elpd : float
        Sum over units of the log predictive density of each, given the others.
    se : float
        Standard error of elpd, from the scatter between units; NaN for one unit.
    units : array, shape (units,)
    k_hat : array, shape (units,)
        Shape of the tail of the weights of each; infinite where it cannot be fitted.
    status : str
        ``ok`` or ``unreliable``.
    reason : str
        Which unit is not to be trusted; empty if ok.
    """

    elpd: float
    se: float
    units: np.ndarray
    k_hat: np.ndarray
    status: str
    reason: str


def largest_shape(draws: int) -> float:
    """Return the k up to which a weighted mean of that many draws can be trusted.

    Examples
    --------
    >>> round(largest_shape(100), 3), largest_shape(4000)
    (0.5, 0.7)
    """
    return min(1.0 - 1.0 / math.log10(max(draws, 11)), WORST_SHAPE)


def fit_pareto(exceedances: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of a generalised Pareto distribution.

    Parameters
    ----------
    exceedances : array, shape (n,)
        Positive, ascending.

    Returns
    -------
    k, sigma : float
        Density ``(1 + k x / sigma) ** (-1 / k - 1) / sigma``; k positive for a heavy tail.

    Notes
    -----
    Zhang & Stephens 2009: posterior mean of ``theta = -k / sigma`` on a grid of quantiles of their prior, k by
    likelihood given theta.
    """
    x = np.asarray(exceedances, dtype=float)
    n = x.size
    m = 30 + int(math.sqrt(n))
    quartile = x[max(int(n / 4 + 0.5) - 1, 0)]
    theta = 1.0 / x[-1] + (1.0 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3.0 * quartile)
    shape = np.log1p(-theta[:, None] * x).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        profile = n * (np.log(-theta / shape) - shape - 1.0)
    profile = np.where(np.isfinite(profile), profile, -np.inf)
    weight = np.exp(profile - profile.max())
    mean = float(theta @ weight / weight.sum())
    k = float(np.log1p(-mean * x).mean())
    return k, -k / mean


def smooth(log_ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return smoothed weights and the shape of their tail.

    Parameters
    ----------
    log_ratios : array, shape (draws, units)
        Logarithm of target over proposal density, up to a constant of each unit. ``-inf``: outside the target.

    Returns
    -------
    log_weights : array, shape (draws, units)
        Normalised: their exponentials sum to one.
    k_hat : array, shape (units,)
        Infinite where fewer than five distinct weights make up the tail, zero where all weights are alike.

    Raises
    ------
    UsageError
        NaN, ``+inf``, or a unit without any finite ratio.
    """
    ratios = np.asarray(log_ratios, dtype=float)
    if ratios.ndim != 2:
        raise UsageError(f"Log ratios of shape {ratios.shape}", do="give (draws, units)")
    if np.isnan(ratios).any() or not np.isfinite(ratios.max(axis=0)).all():
        raise UsageError("Log ratios that are not numbers", why="the weights would not be either")
    weights, shapes = np.empty_like(ratios), np.empty(ratios.shape[1])
    for unit in range(ratios.shape[1]):
        weights[:, unit], shapes[unit] = _smooth_one(ratios[:, unit])
    return weights, shapes


def _smooth_one(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    w = log_ratios - log_ratios.max()
    draws = w.size
    tail = math.ceil(min(0.2 * draws, 3.0 * math.sqrt(draws)))
    order = np.argsort(w, kind="stable")
    top = order[draws - tail :]
    k = math.inf
    if np.ptp(w) == 0.0:
        k = 0.0
    elif tail >= _FEWEST and tail < draws:
        cutoff = math.exp(w[order[draws - tail - 1]])  # zero where the tail is all there is
        exceedances = np.exp(w[top]) - cutoff
        if np.unique(exceedances[exceedances > 0.0]).size >= _FEWEST:
            above = exceedances > 0.0
            k, sigma = fit_pareto(exceedances[above])
            n = int(above.sum())
            k = (n * k + _PULL_VALUES * _PULL_TO) / (n + _PULL_VALUES)
            p = (np.arange(n) + 0.5) / n
            quantiles = -sigma * np.log1p(-p) if abs(k) < 1e-12 else sigma * np.expm1(-k * np.log1p(-p)) / k
            w = w.copy()
            w[top[above]] = np.minimum(np.log(cutoff + quantiles), 0.0)  # none above the largest raw weight
    return w - _log_sum(w), k


def loo(
    log_likelihood: np.ndarray,
    log_ratio_to_posterior: np.ndarray | float = 0.0,
    names: Sequence[str] | None = None,
) -> Loo:
    """Return how well each unit is predicted from the others.

    Parameters
    ----------
    log_likelihood : array, shape (draws, units)
        Of each unit at each draw of the parameters.
    log_ratio_to_posterior : array, shape (draws,)
        Log posterior less the log density that the draws came from, up to a constant; 0 for draws of the posterior.
    names : sequence of str, optional
        Of the units, for the reason.

    Returns
    -------
    Loo
        ``unreliable`` where k of a unit exceeds :func:`largest_shape`.

    Raises
    ------
    UsageError
        As for :func:`smooth`.
    """
    likelihood = np.asarray(log_likelihood, dtype=float)
    if likelihood.ndim != 2 or 0 in likelihood.shape:
        raise UsageError(f"Log likelihoods of shape {likelihood.shape}", do="give (draws, units)")
    if not np.isfinite(likelihood).all():
        raise UsageError("Log likelihoods that are not finite", do="leave such draws out")
    draws, count = likelihood.shape
    correction = np.broadcast_to(np.asarray(log_ratio_to_posterior, dtype=float), (draws,))
    weights, k_hat = smooth(correction[:, None] - likelihood)
    units = np.array([_log_sum(weights[:, u] + likelihood[:, u]) for u in range(count)])
    se = math.sqrt(count) * float(np.std(units, ddof=1)) if count > 1 else math.nan
    limit = largest_shape(draws)
    bad = np.flatnonzero(k_hat > limit)
    reason = ""
    if bad.size:
        worst = int(bad[np.argmax(k_hat[bad])])
        name = names[worst] if names is not None else f"unit {worst}"
        reason = f"{bad.size} of {count} with k above {limit:.2f}, worst {name} (k {k_hat[worst]:.2f})"
    return Loo(float(units.sum()), se, units, k_hat, "unreliable" if bad.size else "ok", reason)


def _log_sum(values: np.ndarray) -> float:
    most = float(values.max())
    return most + math.log(float(np.exp(values - most).sum()))
