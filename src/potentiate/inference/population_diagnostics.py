"""What a population fit leaves over: predictions, residuals, shrinkage, and simulations beside the data."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..errors import NumericalError, UsageError
from ..mechanisms.pk_closed_forms import GivenDoses, concentration
from .population import PopulationFit
from .population_model import omega_of, omega_root
from .residual_error import residual_error

#: Percentiles of a visual predictive check, and the band of each over simulations.
PERCENTILES = (5.0, 50.0, 95.0)
BAND = (2.5, 50.0, 97.5)
#: Simulations at a time.
CHUNK = 50
#: Observations per bin, at least, and bins, at most.
PER_BIN, MOST_BINS = 12, 10


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnostics:
    """Predictions and residuals, an entry per observation.

    Attributes
    ----------
    subject : int array, shape (n,)
    t_h, observed : array, shape (n,)
    pred, ipred : array, shape (n,)
        Of the typical person with the covariates, and with the etas at their modes.
    cwres, iwres : array, shape (n,)
        Conditional weighted residuals (Hooker, Staatz & Karlsson 2007, Pharm Res 24:2187), and individual ones.
    eta_shrinkage : mapping of str -> float
        In %, 1 - SD(eta) / omega (Savic & Karlsson 2009, AAPS J 11:558).
    eps_shrinkage : float
        In %, 1 - SD(iwres).
    """

    subject: np.ndarray
    t_h: np.ndarray
    observed: np.ndarray
    pred: np.ndarray
    ipred: np.ndarray
    cwres: np.ndarray
    iwres: np.ndarray
    eta_shrinkage: dict[str, float]
    eps_shrinkage: float


def diagnostics(fit: PopulationFit) -> Diagnostics:
    """Return predictions, residuals and shrinkage of a fit."""
    with np.errstate(all="ignore"):
        return _diagnostics(fit)


def _diagnostics(fit: PopulationFit) -> Diagnostics:
    model, data = fit.model, fit.data
    there = data.there
    typical = fit.likelihood.details(fit.x, np.zeros_like(fit.etas))["f"]
    found = fit.likelihood.details(fit.x, fit.etas)
    slope = np.where(there[..., None], found["slope"], 0.0)
    variance = np.where(there, found["variance"], 1.0)
    omega = omega_of(model, fit.x)
    if not all(np.isfinite(a[there]).all() for a in (typical, found["f"], slope, variance)):
        raise NumericalError("Predictions are not numbers", why="the fit ended where the model overflows",
                             do="give starting values, or a simpler model")  # fmt: skip
    expected = found["f"] - np.einsum("njk,nk->nj", slope, fit.etas)
    covariance = np.einsum("njk,kl,nml->njm", slope, omega, slope)
    covariance = covariance + np.eye(there.shape[1]) * variance[:, None, :]
    values, vectors = np.linalg.eigh(covariance)
    left = np.where(there, data.observed - expected, 0.0)
    cwres = np.einsum("njk,nk,nlk,nl->nj", vectors, values**-0.5, vectors, left)
    iwres = np.where(there, data.observed - found["f"], 0.0) / np.sqrt(variance)
    subject = np.broadcast_to(np.arange(len(there))[:, None], there.shape)
    sd = np.sqrt(np.diag(omega))
    shrinkage = {
        name: 100 * (1 - float(fit.etas[:, k].std(ddof=1)) / float(sd[k])) for k, name in enumerate(model.etas)
    }
    return Diagnostics(
        subject[there], data.t_h[there], data.observed[there], typical[there], found["f"][there], cwres[there],
        iwres[there], shrinkage, 100 * (1 - float(iwres[there].std(ddof=1))),
    )  # fmt: skip


def individual_parameters(fit: PopulationFit) -> dict[str, np.ndarray]:
    """Return the parameters of each subject at the mode of its etas, name -> shape (N,)."""
    model = fit.model
    logs = fit.data.offset + fit.data.design @ fit.x[: model.fixed_effects]
    for k, name in enumerate(model.etas):
        logs[:, model.parameters.index(name)] += fit.etas[:, k]
    return {name: np.exp(logs[:, k]) for k, name in enumerate(model.parameters)}


def curve(fit: PopulationFit, subject: int, t_h: np.ndarray, *, typical: bool = False) -> np.ndarray:
    """Return the curve of one subject at any times, shape (m,): at its etas, or of the typical person."""
    model, data = fit.model, fit.data
    logs = data.offset[subject] + data.design[subject] @ fit.x[: model.fixed_effects]
    if not typical:
        for k, name in enumerate(model.etas):
            logs[model.parameters.index(name)] += fit.etas[subject, k]
    person = data.table.subjects[subject]
    count = len(person.doses)
    d = data.doses
    own = slice(0, count)
    doses = GivenDoses(
        d.t_h[subject, own], d.amount[subject, own], d.duration_h[subject, own], d.depot[subject, own],
        d.interval_h[subject, own], person.counts_at(t_h),
    )  # fmt: skip
    with np.errstate(all="ignore"):
        p = {name: np.exp(logs[k]) for k, name in enumerate(model.parameters)}
        return concentration(model.structure, p, t_h, doses)


# ------------------------------------------------------------------------------- visual predictive check


@dataclasses.dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """Percentiles of the data beside those of simulations.

    Attributes
    ----------
    edges : array, shape (bins + 1,)
        Of time, h.
    middle : array, shape (bins,)
        Median time of the observations in a bin.
    observed : array, shape (3, bins)
        Percentiles of the data.
    simulated : array, shape (3, 3, bins)
        (percentile, ends and middle of its band over simulations, bin).
    t_h, points : array, shape (n,)
        The observations, corrected as the percentiles are.
    corrected : bool
        Whether observations are scaled by the typical prediction of their bin over their own.
    simulations, seed : int
    outside : float
        Part of the observed percentiles that lie outside of their band.
    notes : tuple of str
    """

    edges: np.ndarray
    middle: np.ndarray
    observed: np.ndarray
    simulated: np.ndarray
    t_h: np.ndarray
    points: np.ndarray
    corrected: bool
    simulations: int
    seed: int
    outside: float
    notes: tuple[str, ...] = ()


def simulate_observations(fit: PopulationFit, simulations: int, seed: int = 1) -> np.ndarray:
    """Return observations drawn from a fitted model at the times of the data, shape (simulations, n)."""
    model, there = fit.model, fit.data.there
    rng = np.random.default_rng(seed)
    root = np.asarray(omega_root(model, fit.x))
    rows = []
    for begin in range(0, simulations, CHUNK):
        count = min(CHUNK, simulations - begin)
        etas = rng.standard_normal((len(there), count, len(model.etas))) @ root.T
        f = fit.likelihood.predict(fit.x, etas)
        v = residual_error(model, fit.x, f, fit.data, wide=True).v
        drawn = f + np.sqrt(v) * rng.standard_normal(f.shape)
        rows.append(np.swapaxes(drawn, 0, 1)[:, there])
    return np.concatenate(rows)


def predictive_check(
    fit: PopulationFit, *, simulations: int = 500, bins: int | None = None, corrected: bool = True, seed: int = 1
) -> PredictiveCheck:
    """Return a visual predictive check, prediction-corrected unless told otherwise.

    Parameters
    ----------
    fit : PopulationFit
    simulations : int
        Of the whole data set.
    bins : int, optional
        Of about equal numbers of observations; default by their number.
    corrected : bool
        Bergstrand, Hooker, Wallin & Karlsson 2011, AAPS J 13:143.
    seed : int

    Raises
    ------
    UsageError
        Fewer than 20 simulations, or no bin.
    """
    if simulations < 20:
        raise UsageError(f"{simulations} simulations", do="20 or more; 500 for a figure")
    found = diagnostics(fit)
    t, y = found.t_h, found.observed
    count = bins if bins is not None else max(1, min(MOST_BINS, t.size // PER_BIN))
    if count < 1:
        raise UsageError(f"{count} bins", do="one or more")
    edges = np.unique(np.quantile(t, np.linspace(0, 1, count + 1)))
    if edges.size < 2:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    place = np.clip(np.searchsorted(edges, t, side="right") - 1, 0, edges.size - 2)
    used = np.unique(place)
    with np.errstate(all="ignore"):
        drawn = simulate_observations(fit, simulations, seed)
    notes = []
    if not np.isfinite(drawn).all():
        share = 100 * float((~np.isfinite(drawn)).mean())
        raise NumericalError(f"{share:.2g} % of the simulated observations are not numbers",
                             why="the variances of the fit are enormous", do="--vpc 0, or a simpler model")  # fmt: skip
    negative = float((drawn < 0).mean())
    if negative > 0.001:
        notes.append(f"{100 * negative:.2g} % of simulated observations are below 0")
    scale = np.ones(t.size)
    if corrected:
        for k in used:
            here = place == k
            typical = np.median(found.pred[here])
            good = here & (found.pred > 1e-6 * max(float(found.pred.max()), 1e-300))
            scale[good] = typical / found.pred[good]
            left_alone = int((here & ~good).sum())
            if left_alone:
                notes.append(f"{left_alone} observations with a prediction of 0 are not corrected")
    y, drawn = y * scale, drawn * scale
    observed = np.stack([np.percentile(y[place == k], PERCENTILES) for k in used], axis=1)
    each = np.stack([np.percentile(drawn[:, place == k], PERCENTILES, axis=1) for k in used], axis=-1)  # (3, sim, bin)
    band = np.swapaxes(np.percentile(each, BAND, axis=1), 0, 1)
    outside = float(((observed < band[:, 0]) | (observed > band[:, 2])).mean())
    middle = np.array([np.median(t[place == k]) for k in used])
    kept = np.append(edges[used], edges[used[-1] + 1])
    return PredictiveCheck(
        kept, middle, observed, band, t, y, corrected, simulations, seed, outside if math.isfinite(outside) else 1.0,
        tuple(dict.fromkeys(notes)),
    )  # fmt: skip
