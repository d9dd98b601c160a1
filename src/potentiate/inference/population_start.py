"""Where a population fit starts: one curve through everybody's data, found by many guesses and least squares."""

from __future__ import annotations

import math

import numpy as np

from ..errors import NumericalError
from ..mechanisms.pk_closed_forms import GivenDoses, concentration
from .population_data import PopulationData
from .population_model import ERRORS, PopulationModel

GUESSES = 300
#: Guesses that are improved by least squares.
POLISHED = 4
#: So many subjects are enough to guess.
MOST_PEOPLE = 40


def pooled_start(model: PopulationModel, data: PopulationData, seed: int = 1) -> np.ndarray:
    """Return a point of the search: fixed effects of one pooled curve, variances of a size that goes with its misfit.

    Raises
    ------
    NumericalError
        No guess gives a finite curve.
    """
    from scipy.optimize import least_squares

    rng = np.random.default_rng(seed)
    few = slice(0, MOST_PEOPLE)
    there = data.there[few]
    y = data.observed[few][there]
    floor = 0.05 * float(np.median(y[y > 0])) if (y > 0).any() else 1.0
    logs = np.log(y + floor)
    offset, design = data.offset[few], data.design[few]
    doses = GivenDoses(*(getattr(data.doses, f)[few] for f in GivenDoses.__dataclass_fields__))

    def residuals(beta: np.ndarray) -> np.ndarray:
        p = np.exp(offset + design @ beta)
        named = {name: p[:, k] for k, name in enumerate(model.parameters)}
        with np.errstate(all="ignore"):
            f = concentration(model.structure, named, data.t_h[few], doses, kinds=data.kinds)[there]
            found = np.log(np.maximum(f, 0.0) + floor) - logs
        return np.where(np.isfinite(found), found, 1e3)

    guesses = _guesses(model, data, rng)
    misfit = np.array([np.sum(residuals(beta) ** 2) for beta in guesses])
    order = np.argsort(misfit)[:POLISHED]
    if not misfit[order[0]] < 1e5 * logs.size:
        raise NumericalError("No start gives finite concentrations", do="give starting values")
    best = None
    for k in order:
        found = least_squares(residuals, guesses[k], loss="soft_l1", max_nfev=60)
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    beta = _ordered(model, best.x)
    spread = float(np.clip(np.median(np.abs(residuals(beta))) * 1.48, 0.15, 0.8))
    x = np.zeros(len(model.names))
    k, q = model.fixed_effects, len(model.etas)
    x[:k] = beta
    x[k : k + q] = math.log(spread / math.sqrt(2))
    sigma = {"proportional": math.log(0.5 * spread), "additive": math.log(0.3 * spread * float(np.mean(y)))}
    if model.error == "combined":
        sigma["additive"] = math.log(0.5 * floor)
    x[-len(ERRORS[model.error]) :] = [sigma[name] for name in ERRORS[model.error]]
    return x


def _ordered(model: PopulationModel, beta: np.ndarray) -> np.ndarray:
    """Return the thetas with the faster of two peripheral compartments second: their names may be exchanged."""
    outer = ("Q2", "V2", "Q3", "V3")
    if not set(outer) <= set(model.parameters) or any(r.parameter in outer for r in model.relations):
        return beta
    q2, v2, q3, v3 = (model.parameters.index(name) for name in outer)
    if beta[q2] - beta[v2] >= beta[q3] - beta[v3]:
        return beta
    swapped = beta.copy()
    swapped[[q2, v2, q3, v3]] = beta[[q3, v3, q2, v2]]
    return swapped


def _guesses(model: PopulationModel, data: PopulationData, rng: np.random.Generator) -> np.ndarray:
    """Return guesses of the fixed effects, shape (guesses, thetas), on the scale of the data."""
    first = np.array([s.doses[0].amount for s in data.table.subjects])
    top = np.array([s.concentration.max() for s in data.table.subjects])
    scale = float(np.median(first / np.maximum(top, 1e-12 + 1e-3 * top.max())))
    ends = [s.t_h.max() - min(s.t_h.min(), s.doses[0].t_h) for s in data.table.subjects]
    span = max(float(np.median(ends)), 1e-6)

    def between(low: float, high: float) -> np.ndarray:
        return np.exp(rng.uniform(math.log(low), math.log(high), GUESSES))

    volume = scale * between(0.3, 3.0)
    ke = between(0.1, 20.0) / span
    made = {
        "V": volume, "V1": volume, "KE": ke, "CL": ke * volume, "KA": ke * between(1.5, 40.0),
        "Q": ke * volume * between(0.1, 10.0), "V2": volume * between(0.2, 5.0),
        "Q2": ke * volume * between(0.5, 20.0), "Q3": ke * volume * between(0.05, 2.0),
        "V3": volume * between(0.5, 10.0), "K12": ke * between(0.1, 10.0),
        "K21": ke * between(0.1, 10.0), "TLAG": 0.01 * span * between(0.1, 1.0), "F": np.ones(GUESSES),
    }  # fmt: skip
    beta = np.zeros((GUESSES, model.fixed_effects))
    for k, name in enumerate(model.parameters):
        beta[:, k] = np.log(made[name]) - float(np.mean(data.offset[:, k]))
    for k, relation in enumerate(model.coefficients):
        beta[:, len(model.parameters) + k] = relation.inward(relation.start)
    return beta
