"""Nonlinear mixed effects of PK data: the search, and what it found."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from ..errors import NumericalError, UnknownNameError, UsageError
from ..numerics.maximum_likelihood import Maximum, curvature, maximise
from ..recordings.pk_table import PkTable
from .population_data import PopulationData, population_data
from .population_likelihood import Likelihood, Method
from .population_model import ERRORS, PopulationModel
from .population_result import PopulationEstimate, PopulationFit, PopulationStart, PopulationValue
from .population_start import pooled_start
from .population_uncertainty import Uncertainty, uncertainty

METHODS = {
    "focei": "FOCE with interaction", "laplace": "Laplace with interaction", "quadrature": "adaptive Gauss-Hermite",
}  # fmt: skip

#: Standard deviations of etas and correlations are searched between these.
OMEGA_SD = (5e-3, 10.0)
PARTIAL = 3.8
#: Thetas are searched within this factor of the start.
REACH = 1e4
#: Two starts end at the same place where their objectives differ by less than this.
SAME = 0.01

Progress = Callable[[str, int, int], None]
Intervals = Literal["profile", "curvature", "none"]


def evaluate_population(
    model: PopulationModel, table: PkTable, values: Mapping[str, float], *, method: Method = "focei", nodes: int = 9
) -> PopulationValue:
    """Return the objective at given natural numbers, nothing is fitted.

    Parameters
    ----------
    model : PopulationModel
    table : PkTable
    values : mapping of str -> float
        All of ``model.names``; omegas and sigmas are variances.
    method : {"focei", "laplace", "quadrature"}
    nodes : int

    Raises
    ------
    UsageError, NumericalError
    """
    data = population_data(model, table)
    missing = [name for name in model.names if name not in values]
    if missing:
        raise UsageError(f"No value for {', '.join(missing)}", do="give all numbers of the model")
    x = model.inward(np.array([values[name] for name in model.names], dtype=float))
    likelihood = Likelihood(model, data, method, nodes)
    _check_zeros(likelihood, x)
    by_subject, slope, etas = likelihood.evaluate(x)
    if not np.isfinite(by_subject).all():
        raise NumericalError(f"The objective of {_who(data, by_subject)} is not a number", do="try other values")
    return PopulationValue(float(by_subject.sum()), by_subject, slope.sum(axis=0), etas)


def fit_population(
    model: PopulationModel, table: PkTable, *, method: Method = "focei", nodes: int = 9,
    start: Mapping[str, float] | None = None, fix: Sequence[str] = (), starts: int = 3,
    intervals: Intervals = "curvature", seed: int = 1, progress: Progress | None = None,
) -> PopulationFit:  # fmt: skip
    """Fit a population model.

    Parameters
    ----------
    model : PopulationModel
    table : PkTable
    method : {"focei", "laplace", "quadrature"}
        FOCE with interaction, Laplace with interaction, adaptive Gauss-Hermite quadrature.
    nodes : int
        Per eta, for quadrature.
    start : mapping of str -> float, optional
        Natural numbers by name (``model.names``); what is not named starts from one curve through everybody's data.
    fix : sequence of str
        Names that stay at their start (which must be given).
    starts : int
        The first is `start`; the others are scattered around it.
    intervals : {"curvature", "profile", "none"}
        95 % by standard errors on the scale of the search, or of the profile likelihood.
    seed : int
        Of the scatter.
    progress : callable, optional
        Called with (what, done, total).

    Returns
    -------
    PopulationFit

    Raises
    ------
    UsageError
        An unknown name, a fixed number without a value.
    DataError
        The table does not fit the model.
    NumericalError
        No start leads anywhere.
    """
    if starts < 1:
        raise UsageError(f"{starts} starts", do="one or more")
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS, do=f"one of {', '.join(METHODS)}")
    if not 1 <= nodes <= 25:
        raise UsageError(f"{nodes} nodes", do="1 to 25 per eta")
    with np.errstate(all="ignore"):  # what is not a number is asked for where it matters
        return _fitted(model, table, method, nodes, start or {}, fix, starts, intervals, seed, progress)


def _fitted(
    model: PopulationModel, table: PkTable, method: Method, nodes: int, start: Mapping[str, float], fix: Sequence[str],
    starts: int, intervals: Intervals, seed: int, progress: Progress | None,
) -> PopulationFit:  # fmt: skip
    began = time.perf_counter()
    data = population_data(model, table)
    x0, fixed = _start(model, data, start, fix, seed)
    likelihood = Likelihood(model, data, method, nodes)
    _check_zeros(likelihood, x0)

    function = _Search(likelihood)
    bounds = _bounds(model, data, x0, fixed)
    if method != "focei" and not set(start) >= set(model.names):
        x0 = _approached(model, data, x0, bounds)
    rng = np.random.default_rng(seed)
    scatter = np.where(fixed, 0.0, 0.3)
    points = [x0] + [np.clip(x0 + scatter * rng.standard_normal(x0.size), *bounds) for _ in range(starts - 1)]
    ends: list[Maximum] = []
    for k, point in enumerate(points):
        function.forget()
        ends.append(maximise(function, point, bounds, enough=1e-7, most=300))
        if progress:
            progress("starts", k + 1, len(points))
    if all(end.status == "failed" for end in ends):
        by_subject, _, _ = likelihood.evaluate(x0)
        raise NumericalError(
            "The fit does not start", why=f"the objective of {_who(data, by_subject)} is not a number",
            do="give other starting values, or an additive part of the error",
        )  # fmt: skip
    ends.sort(key=lambda end: -end.value if end.status != "failed" else math.inf)
    best, information = _polish(function, ends[0], bounds, fixed, steps=4 if method == "focei" else 0)
    searched = time.perf_counter()
    by_subject, slopes, etas = likelihood.evaluate(best.x)
    other = 2 * best.value + float(by_subject.sum())
    found = uncertainty(model, best, information, slopes, bounds, fixed)
    estimates = _estimates(model, table, best, found, function, information, bounds, fixed, intervals, x0, progress)
    ended = time.perf_counter()
    starts_ = tuple(PopulationStart(-2 * e.value if e.status != "failed" else math.nan, e.status, e.evaluations)
                    for e in ends)  # fmt: skip
    notes = [*table.notes, *_warnings(best, found, starts_), *_flip_flop(model, best.x)]
    if abs(other) > SAME:
        notes.append(f"the etas of some people have several modes: the objective differs by {abs(other):.3g} with "
                     "where they are sought from")  # fmt: skip
    return PopulationFit(
        model, data, method, nodes if method == "quadrature" else 1, best.x, float(by_subject.sum()), estimates, found,
        etas, by_subject, starts_, {"search": searched - began, "intervals": ended - searched}, seed, tuple(notes),
        likelihood,
    )  # fmt: skip


class _Search:
    """The log likelihood with its gradient; modes are sought from those of the best point so far."""

    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood
        self.forget()

    def forget(self) -> None:
        """Begin again from etas of 0."""
        self.best, self.etas = -math.inf, None

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        by_subject, slope, etas = self.likelihood.evaluate(x, self.etas)
        value = -0.5 * float(by_subject.sum())
        if value > self.best:
            self.best, self.etas = value, etas
        return value, -0.5 * slope.sum(axis=0)


# ------------------------------------------------------------------------------------------------ before


def _start(
    model: PopulationModel, data: PopulationData, told: Mapping[str, float], fix: Sequence[str], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    for name in [*told, *fix]:
        if name not in model.names:
            raise UnknownNameError("number of the model", name, model.names, do=f"it has: {', '.join(model.names)}")
    unknown = [name for name in fix if name not in told]
    if unknown:
        raise UsageError(f"{unknown[0]} is fixed without a value", do=f"give it as a start: {unknown[0]}=...")
    guess = (
        np.ones(len(model.names)) if set(told) >= set(model.names) else model.outward(pooled_start(model, data, seed))
    )
    natural = np.array([told.get(name, value) for name, value in zip(model.names, guess, strict=True)], dtype=float)
    fixed = np.array([name in fix for name in model.names])
    if fixed.all():
        raise UsageError("Everything is fixed", do="evaluate the objective instead")
    return model.inward(natural), fixed


def _check_zeros(likelihood: Likelihood, x: np.ndarray) -> None:
    """A proportional error cannot explain an observation where the model says 0."""
    data = likelihood.data
    if likelihood.model.error != "proportional":
        return
    f = likelihood.predict(x, np.zeros((len(data.there), 1, len(likelihood.model.etas))))[:, 0]
    nothing = data.there & (f <= 0)
    if nothing.any():
        i, j = np.argwhere(nothing)[0]
        subject = data.table.subjects[i]
        before = not subject.counts()[j].any()
        count = int(nothing.sum())
        raise NumericalError(
            f"The model says 0 for {count} observation{'s' * (count > 1)}, the first of subject "
            f"{subject.id} at {subject.t_h[j]:g} h", where=f"{data.table.where} line {subject.lines[j]}",
            why=f"{'it is before any dose, and ' if before else ''}a proportional error allows no deviation from 0",
            do="choose the combined or additive error, or remove the observation",
        )  # fmt: skip


def _bounds(
    model: PopulationModel, data: PopulationData, x0: np.ndarray, fixed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    k, q, m = model.fixed_effects, len(model.etas), len(model.correlated)
    low, high = x0 - math.log(REACH), x0 + math.log(REACH)
    low[k : k + q], high[k : k + q] = math.log(OMEGA_SD[0]), math.log(OMEGA_SD[1])
    low[k + q : k + q + m], high[k + q : k + q + m] = -PARTIAL, PARTIAL
    size = float(np.median(data.observed[data.there]))
    for n, name in enumerate(reversed(ERRORS[model.error]), 1):
        scale = 1.0 if name == "proportional" else max(size, 1e-12)
        low[-n], high[-n] = math.log(1e-4 * scale), math.log(10.0 * scale)
    low, high = np.minimum(low, x0), np.maximum(high, x0)
    return np.where(fixed, x0, low), np.where(fixed, x0, high)


def _who(data: PopulationData, by_subject: np.ndarray) -> str:
    bad = [s.id for s, value in zip(data.table.subjects, by_subject, strict=True) if not math.isfinite(value)]
    return f"subject {', '.join(bad[:5])}" if bad else "no single subject"


def _approached(
    model: PopulationModel, data: PopulationData, x0: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the optimum of FOCE, where its exact gradient is cheap; the start where that fails."""
    quick = Likelihood(model, data, "focei")

    end = maximise(_Search(quick), x0, bounds, enough=1e-4, most=200)
    return x0 if end.status == "failed" else end.x


# ------------------------------------------------------------------------------------------------- after


def _polish(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]], end: Maximum, bounds: tuple[np.ndarray, np.ndarray],
    fixed: np.ndarray, *, steps: int,
) -> tuple[Maximum, np.ndarray]:  # fmt: skip
    """Return the optimum after a few Newton steps (none where gradients are dear), and the information there."""
    free = ~fixed & ~end.at_bound
    scale = np.full(end.x.size, 0.02)
    x, value, gradient = end.x, end.value, end.gradient
    open_ = (end.x - 1.0, end.x + 1.0)  # what is fixed has a curvature too, though nobody asks for it
    information = curvature(function, x, scale, open_) if free.any() else np.eye(x.size)
    for _ in range(steps):
        inside = np.ix_(free, free)
        try:
            np.linalg.cholesky(information[inside])
            step = np.zeros_like(x)
            step[free] = np.linalg.solve(information[inside], gradient[free])
        except np.linalg.LinAlgError:
            break
        promised = 0.5 * float(step @ gradient)
        tried = np.clip(x + step, *bounds)
        new, slope = function(tried)
        if not (math.isfinite(new) and new > value - 1e-9) or promised < 1e-11:
            break
        x, value, gradient = tried, new, slope
    if x is not end.x:
        information = curvature(function, x, scale, (x - 1.0, x + 1.0))
    return dataclasses.replace(end, x=x, value=value, gradient=gradient), information


def _estimates(
    model: PopulationModel, table: PkTable, best: Maximum, found: Uncertainty,
    function: Callable[[np.ndarray], tuple[float, np.ndarray]], information: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray], fixed: np.ndarray, intervals: Intervals, x0: np.ndarray,
    progress: Progress | None,
) -> tuple[PopulationEstimate, ...]:  # fmt: skip
    from .population_uncertainty import interval_of

    natural, begun = model.outward(best.x), model.outward(x0)
    units = model.units(table.volume_unit, table.concentration_unit, table.units)
    made = []
    for k, name in enumerate(model.names):
        if fixed[k]:
            low = high = math.nan
            word, reason = "fixed", ""
        elif intervals == "none":
            low = high = math.nan
            word, reason = "no interval", ""
        else:
            low, high, word, reason = interval_of(
                model, best, k, found, function, information, bounds, profile=intervals == "profile"
            )
            if progress and intervals == "profile":
                progress("intervals", k + 1, len(model.names))
        made.append(PopulationEstimate(
            name, units[k], float(natural[k]), float(found.se[k]), float(found.se_hessian[k]), low, high, word, reason,
            float(begun[k]),
        ))  # fmt: skip
    return tuple(made)


def _flip_flop(model: PopulationModel, x: np.ndarray) -> list[str]:
    """Say that absorption is slower than elimination: the two rates exchange their names without changing a curve."""
    p = dict(zip(model.parameters, np.exp(x[: len(model.parameters)]), strict=True))
    if model.structure != "one-compartment-oral" or model.relations:
        return []
    ke = p["KE"] if "KE" in p else p["CL"] / p["V"]
    if p["KA"] >= ke:
        return []
    return ["absorption is slower than elimination: the same curves come from the two rates exchanged (flip-flop)"]


def _warnings(best: Maximum, found: Uncertainty, starts: Sequence[PopulationStart]) -> list[str]:
    lines = []
    same = sum(s.objective - starts[0].objective < SAME for s in starts if math.isfinite(s.objective))
    if len(starts) > 1:
        lines.append(f"{same} of {len(starts)} starts end at the best objective (within {SAME})")
    if best.status == "stopped":
        lines.append(f"the search stopped early: {best.reason}")
    if found.reason:
        lines.append(found.reason)
    elif found.condition_number > 1000:
        lines.append(f"condition number {found.condition_number:.3g}: the data do not separate all numbers")
    return lines
