"""Does a method of inference say what is true? Simulation-based calibration and the coverage of intervals.

Parameters are drawn from the prior, data from the model, draws from the posterior: the rank of the truth among the
draws is then uniform (Talts, Betancourt, Simpson, Vehtari & Gelman 2018, arXiv:1804.06788). Intervals of level p are
to hold the truth in a part p of the cases.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..errors import UsageError


def rank_of_truth(draws: np.ndarray, truth: np.ndarray, effective: float, ranks: int = 99) -> np.ndarray:
    """Return how many of `ranks` nearly independent draws lie below the truth.

    Parameters
    ----------
    draws : array, shape (draws, p)
    truth : array, shape (p,)
    effective : float
        What the draws are worth (the smallest effective size); they are thinned evenly to `ranks`.
    ranks : int

    Returns
    -------
    int array, shape (p,)
        0 to `ranks`.

    Raises
    ------
    UsageError
        The draws are worth less than half of `ranks`: their ranks would pile up at the ends by themselves.
    """
    if len(draws) < ranks or effective < ranks / 2:
        raise UsageError(
            f"{len(draws)} draws worth {effective:.0f} for ranks from 0 to {ranks}", do="draw more, or rank among fewer"
        )
    thinned = draws[np.linspace(0, len(draws) - 1, ranks).round().astype(int)]
    return (thinned < truth).sum(axis=0)


@dataclasses.dataclass(frozen=True, eq=False)
class Uniformity:
    """Whether ranks are uniform.

    Attributes
    ----------
    counts : int array, shape (bins,)
    expected : float
        Per bin.
    band : (float, float)
        Where a count lies in 95 % of cases if ranks are uniform (each bin by itself).
    chi2, p_value : float
        Of all bins together.
    largest_deviation : float
        Of the distribution function of the ranks from the diagonal.
    critical_deviation : float
        Exceeded in 5 % of cases if ranks are uniform (Kolmogorov; a little too large for discrete ranks).
    shape : str
        What the deviation means: ``uniform``, ``too narrow`` (truths at both ends), ``too wide``, ``too high`` or
        ``too low`` (the posterior lies above or below the truths), ``other``.
    """

    counts: np.ndarray
    expected: float
    band: tuple[float, float]
    chi2: float
    p_value: float
    largest_deviation: float
    critical_deviation: float
    shape: str


def uniformity(ranks: np.ndarray, highest: int, bins: int = 10) -> Uniformity:
    """Return whether ranks from 0 to `highest` are uniform.

    Parameters
    ----------
    ranks : int array, shape (cases,)
    highest : int
        ``highest + 1`` is a multiple of `bins`.
    bins : int
    """
    from scipy.stats import binom, chi2

    if (highest + 1) % bins or len(ranks) < 5 * bins:
        raise UsageError(f"{len(ranks)} ranks up to {highest} in {bins} bins", do="5 a bin, and equal bins")
    n = len(ranks)
    counts = np.bincount(np.asarray(ranks) * bins // (highest + 1), minlength=bins)
    expected = n / bins
    statistic = float(((counts - expected) ** 2 / expected).sum())
    p_value = float(chi2.sf(statistic, bins - 1))
    band = tuple(float(binom.ppf(q, n, 1 / bins)) for q in (0.025, 0.975))
    share = (np.arange(highest + 1) + 1) / (highest + 1)
    below = np.searchsorted(np.sort(ranks), np.arange(highest + 1), side="right") / n
    deviation = float(np.max(np.abs(below - share)))
    critical = 1.358 / math.sqrt(n)
    place = (np.asarray(ranks) + 0.5) / (highest + 1)
    shift = (place.mean() - 0.5) * math.sqrt(12 * n)
    spread = (((place - 0.5) ** 2).mean() - 1 / 12) * math.sqrt(180 * n)
    shape = "uniform"
    if p_value < 0.05 or deviation > critical or abs(spread) > 1.96 or abs(shift) > 1.96:
        if abs(spread) >= abs(shift) and abs(spread) > 1.96:
            shape = "too narrow" if spread > 0 else "too wide"
        elif abs(shift) > 1.96:
            shape = "too low" if shift > 0 else "too high"
        else:
            shape = "other"
    return Uniformity(counts, expected, band, statistic, p_value, deviation, critical, shape)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How often intervals held the truth.

    Attributes
    ----------
    level : float
        What they claim.
    held, cases : int
    low, high : float
        95 % interval of the share (Clopper-Pearson).
    word : {"as claimed", "too narrow", "too wide"}
    """

    level: float
    held: int
    cases: int
    low: float
    high: float
    word: str

    @property
    def share(self) -> float:
        """Part of the cases."""
        return self.held / self.cases


def coverage(lows: np.ndarray, highs: np.ndarray, truths: np.ndarray, level: float) -> Coverage:
    """Return how often intervals held the truth; an open end is infinite, NaN ends are refused.

    Parameters
    ----------
    lows, highs, truths : arrays, shape (cases,)
    level : float

    Examples
    --------
    >>> found = coverage(np.zeros(20), np.ones(20), np.linspace(0.05, 1.0, 20), 0.95)
    >>> found.held, found.word
    (20, 'as claimed')
    """
    from scipy.stats import beta

    if np.isnan(lows).any() or np.isnan(highs).any() or not len(truths):
        raise UsageError("An interval that is not a number", do="count failures apart")
    held, cases = int(np.sum((lows <= truths) & (truths <= highs))), len(truths)
    low = float(beta.ppf(0.025, held, cases - held + 1)) if held else 0.0
    high = float(beta.ppf(0.975, held + 1, cases - held)) if held < cases else 1.0
    word = "too narrow" if high < level else "too wide" if low > level else "as claimed"
    return Coverage(level, held, cases, low, high, word)
