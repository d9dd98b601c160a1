"""Have the chains converged, and how many independent draws are they worth?

Rank-normalised split R-hat, bulk and tail effective sample sizes: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021,
Bayesian Analysis 16:667 (doi:10.1214/20-BA1221). Autocorrelations are summed to Geyer's initial monotone sequence
(Geyer 1992, Stat Sci 7:473).
"""

from __future__ import annotations

import math

import numpy as np


def r_hat(draws: np.ndarray) -> float:
    """Return the larger of the split R-hat of ranks and of folded ranks (differences in place and in spread).

    Parameters
    ----------
    draws : array, shape (chains, draws)

    Returns
    -------
    float
        NaN with fewer than four draws or values that do not vary.
    """
    halves = _split(draws)
    if not _usable(halves):
        return math.nan
    folded = np.abs(halves - np.median(halves))
    return max(_plain_r_hat(_normal_scores(halves)), _plain_r_hat(_normal_scores(folded)))


def ess_bulk(draws: np.ndarray) -> float:
    """Return the effective number of draws for the centre of the distribution; shape (chains, draws)."""
    halves = _split(draws)
    return _ess(_normal_scores(halves)) if _usable(halves) else math.nan


def ess_tail(draws: np.ndarray) -> float:
    """Return the effective number of draws for the 5 % and 95 % quantiles, the smaller of both."""
    halves = _split(draws)
    if not _usable(halves):
        return math.nan
    return min(_ess((halves <= np.quantile(halves, q)).astype(float)) for q in (0.05, 0.95))


def ess(draws: np.ndarray) -> float:
    """Return the effective number of draws for the mean, without ranks; shape (chains, draws)."""
    halves = _split(draws)
    return _ess(halves) if _usable(halves) else math.nan


def _usable(halves: np.ndarray) -> bool:
    return halves.shape[1] >= 2 and bool(np.isfinite(halves).all()) and float(np.ptp(halves)) > 0


def _split(draws: np.ndarray) -> np.ndarray:
    draws = np.atleast_2d(np.asarray(draws, dtype=float))
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def _normal_scores(values: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(values, method="average").reshape(values.shape)
    return ndtri((ranks - 0.375) / (values.size + 0.25))


def _plain_r_hat(chains: np.ndarray) -> float:
    n = chains.shape[1]
    within = chains.var(axis=1, ddof=1).mean()
    between = chains.mean(axis=1).var(ddof=1)
    if within == 0:
        return math.inf if between > 0 else math.nan
    return math.sqrt((n - 1) / n + between / within)


def _ess(chains: np.ndarray) -> float:
    m, n = chains.shape
    centred = chains - chains.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * n, axis=1)
    covariance = np.fft.irfft(spectrum * spectrum.conj(), 2 * n, axis=1)[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    variance = within * (n - 1) / n + (chains.mean(axis=1).var(ddof=1) if m > 1 else 0.0)
    if variance <= 0:
        return math.nan
    rho = 1.0 - (within - covariance * n / (n - 1)) / variance
    rho[0] = 1.0
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    stop = np.flatnonzero(pairs < 0)
    kept = np.minimum.accumulate(pairs[: stop[0] if stop.size else pairs.size])
    time = max(-1.0 + 2.0 * float(kept.sum()), 1.0 / math.log10(m * n))
    return m * n / time
