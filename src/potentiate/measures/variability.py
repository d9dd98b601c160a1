"""Trial-to-trial variability: CV^-2 and variance over mean, before and after, and what side of the synapse changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .observable import Observable, missing
from .peak import Array

#: Resamplings behind an interval.
RESAMPLINGS = 2000


@dataclass(frozen=True)
class Variability:
    """Scatter of a response over trials.

    Attributes
    ----------
    mean, sd, sem : float
        In the unit of the values.
    cv_inverse_square : Observable
        ``CV^-2``: mean^2 / variance; bootstrap 95 % interval.
    variance_over_mean : Observable
        ``VMR``: variance / mean, in the unit of the values.
    n : int
    """

    mean: float
    sd: float
    sem: float
    cv_inverse_square: Observable
    variance_over_mean: Observable
    n: int

    @property
    def cv(self) -> float:
        """Coefficient of variation, of the size of the mean."""
        return self.sd / abs(self.mean) if self.mean else math.nan

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Those with a convention."""
        return self.cv_inverse_square, self.variance_over_mean


def variability(value: ArrayLike, *, unit: str = "pA", noise_sd: float = 0.0, seed: int = 1) -> Variability:
    """Measure the variability of a response.

    Parameters
    ----------
    value : (trial,) array
        Amplitudes; NaN are left out, failures count as what was measured.
    unit : str
    noise_sd : float
        Standard deviation of the recording noise in one amplitude; its square is taken off the variance.
    seed : int
        Of the bootstrap.

    Raises
    ------
    UsageError
        Not one-dimensional.
    """
    y = np.asarray(value, dtype=float)
    if y.ndim != 1:
        raise UsageError("Not amplitudes of trials", why=f"shape {y.shape}")
    y = y[np.isfinite(y)]
    if y.size < 3:
        why = f"{y.size} trials; at least three are needed"
        mean = float(y.mean()) if y.size else math.nan
        return Variability(mean, math.nan, math.nan, missing("CV^-2", "", "not determined", why),
                           missing("VMR", unit, "not determined", why), y.size)  # fmt: skip
    mean, variance = float(y.mean()), float(y.var(ddof=1))
    true = variance - noise_sd**2
    sd = math.sqrt(variance)
    notes = (f"n = {y.size} trials",) + ((f"noise {noise_sd:.3g} {unit} taken off",) if noise_sd else ())
    if true <= 0 or mean == 0:
        why = "the mean is zero" if mean == 0 else f"the noise ({noise_sd:.3g} {unit}) explains the whole scatter"
        return Variability(mean, sd, sd / math.sqrt(y.size), missing("CV^-2", "", "not determined", why),
                           missing("VMR", unit, "not determined", why), y.size)  # fmt: skip
    draws = y[np.random.default_rng(seed).integers(0, y.size, (RESAMPLINGS, y.size))]
    means, variances = draws.mean(axis=1), draws.var(axis=1, ddof=1) - noise_sd**2
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(variances > 0, means**2 / variances, np.inf)
        over = variances / np.abs(means)
    return Variability(
        mean, sd, sd / math.sqrt(y.size),
        Observable("CV^-2", mean**2 / true, "", interval=_ends(inverse), convention="mean^2 / variance", notes=notes),
        Observable("VMR", true / abs(mean), unit, interval=_ends(over), convention="variance / mean", notes=notes),
        y.size,
    )  # fmt: skip


@dataclass(frozen=True)
class Locus:
    """Change of CV^-2 beside change of the mean.

    Attributes
    ----------
    mean_ratio, cv_ratio : Observable
        After over before, of the mean and of CV^-2, with bootstrap 95 % intervals.
    verdict : Observable
        ``locus_index``: log cv_ratio / log mean_ratio. 1 or more: as a change of release predicts; 0: as a change of
        the quantal size predicts. Its notes hold the word.
    """

    mean_ratio: Observable
    cv_ratio: Observable
    verdict: Observable

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.mean_ratio, self.cv_ratio, self.verdict


def locus(before: ArrayLike, after: ArrayLike, *, noise_sd: float = 0.0, seed: int = 1) -> Locus:
    """Compare CV^-2 and mean before and after a change.

    Parameters
    ----------
    before, after : (trial,) arrays
        Amplitudes.
    noise_sd : float
        Recording noise in one amplitude, taken off both variances.
    seed : int

    Returns
    -------
    Locus
        The verdict is ``not determined`` where the mean did not change, or where the interval holds neither or both
        predictions.

    Notes
    -----
    With binomial release CV^-2 = N p / (1 - p): it does not depend on the quantal size, and grows at least as the mean
    with N or p (Malinow & Tsien 1990, Nature 346:177; Bekkers & Stevens 1990, Nature 346:724). Unequal sites, silent
    synapses and a drifting mean break the rule (Faber & Korn 1991, Biophys J 60:1288): it is a hint, no proof.
    """
    a, b = (np.asarray(v, dtype=float) for v in (before, after))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    name = "Malinow & Tsien 1990"
    first, second = (variability(v, noise_sd=noise_sd, seed=seed).cv_inverse_square for v in (a, b))
    bad = next((o for o in (first, second) if not o.known), None)
    if bad is not None:
        return Locus(*(missing(id, "", "not determined", bad.reason or "", name)
                       for id in ("mean_ratio", "CV^-2_ratio", "locus_index")))  # fmt: skip
    rng = np.random.default_rng(seed)
    means, inverses = [], []
    for v in (a, b):
        draws = v[rng.integers(0, v.size, (RESAMPLINGS, v.size))]
        variance = np.maximum(draws.var(axis=1, ddof=1) - noise_sd**2, np.finfo(float).tiny)
        means.append(draws.mean(axis=1))
        inverses.append(draws.mean(axis=1) ** 2 / variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_draws, cv_draws = means[1] / means[0], inverses[1] / inverses[0]
    mean_ratio = Observable(
        "mean_ratio", b.mean() / a.mean(), "", interval=_ends(mean_draws), convention="after / before"
    )
    cv_ratio = Observable(
        "CV^-2_ratio", second.value / first.value, "", interval=_ends(cv_draws), convention="after / before"
    )
    return Locus(mean_ratio, cv_ratio, _verdict(mean_ratio, cv_ratio, mean_draws, cv_draws, name))


def _verdict(mean: Observable, cv: Observable, mean_draws: Array, cv_draws: Array, name: str) -> Observable:
    low, high = mean.interval or (None, None)
    if mean.value <= 0 or low is None or high is None or low <= 0:
        return missing("locus_index", "", "not determined", "the mean changes sign or has no bounds", name)
    if low <= 1 <= high:
        why = f"the mean did not change ({low:.3g} to {high:.3g} of before)"
        return missing("locus_index", "", "not determined", why, name)
    value = math.log(cv.value) / math.log(mean.value)
    usable = (mean_draws > 0) & (cv_draws > 0) & np.isfinite(cv_draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = _ends(np.log(cv_draws[usable]) / np.log(mean_draws[usable]))
    quantal, release = ends[0] <= 0 <= ends[1], ends[1] >= 1
    if quantal == release:
        word = "both a change of release and one of the quantal size" if quantal else "neither simple prediction"
        why = f"the interval {ends[0]:.2g} to {ends[1]:.2g} holds {word}"
        return Observable("locus_index", value, "", "not determined", why, ends, name)
    word = "as a change of release predicts" if release else "as a change of the quantal size predicts"
    return Observable("locus_index", value, "", interval=ends, convention=name, notes=(word,))


def _ends(draws: Array) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
