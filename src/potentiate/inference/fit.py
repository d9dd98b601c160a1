"""Fit any scheme, with or without a drug, to many recordings at once."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import NumericalError, UsageError
from ..numerics.least_squares import LeastSquares, ProfileInterval, levenberg_marquardt
from .experiment import Experiment
from .information import information
from .intervals import FEWEST_SWEEPS, square_intervals, widening
from .model import SHARES, Model
from .problem import Problem
from .residuals import check_sweep, correlation_time
from .result import Estimate, Fit, Start

Intervals = Literal["profile", "curvature", "none"]
Objective = Literal["least squares", "kalman"]
Progress = Callable[[str, int, int], None]

#: Noise of the cells is estimated anew until it changes by less than this part.
_NOISE_TOLERANCE = 1e-3

#: A search ends when its last four steps lowered the misfit by less than this, in units of the noise variance: less
#: than a hundredth of what moves the end of an interval.
_ENOUGH = 0.01


def fit(
    model: Model | Problem,
    experiments: Experiment | Sequence[Experiment] = (),
    *,
    objective: Objective = "least squares",
    growth: float | None = None,
    starts: int = 6,
    spread: float = 5.0,
    start_at: Mapping[str, float] | None = None,
    intervals: Intervals = "profile",
    level: float = 0.95,
    seed: int = 1,
    progress: Progress | None = None,
    **options: Any,
) -> Fit:
    """Fit a model to experiments.

    Parameters
    ----------
    model : Model or Problem
    experiments : Experiment or sequence of Experiment
        Not needed with a Problem.
    objective : {"least squares", "kalman"}
        "kalman" goes on from least squares with the likelihood that counts channels: each cell then also has a number
        of channels, a conductance of one and a noise (:mod:`.channel_noise`).
    growth : float, optional
        Of bins, for "kalman": 0 reads every sample; 0.05 averages over a twentieth of the time since the last switch,
        which is ten times faster. Default 0.05, and 0 behind a filter or where single samples are left out.
    starts : int
        The first start is where the documents (or `start_at`) put the parameters; the others scatter around it.
    spread : float
        Factor by which starts scatter (one standard deviation of the logarithm is ``log(spread)``), within bounds.
    start_at : mapping of name -> value, optional
        E.g. the values of an interrupted fit.
    intervals : {"profile", "curvature", "none"}
    level : float
    seed : int
        Of the scatter.
    progress : callable, optional
        Called with (what, done, total).
    **options
        Of :class:`~potentiate.inference.problem.Problem`: amplitude, leak, rundown.

    Returns
    -------
    Fit
        After Ctrl-C with status ``interrupted``: the best start so far, without intervals.

    Raises
    ------
    NumericalError
        No start reached an end.
    UsageError
        Nothing is free, or more parameters than samples.

    Notes
    -----
    Each cell has a noise of its own, estimated with the rates (maximum likelihood by reweighting). Samples whose
    noise is correlated, by a filter or because it is the noise of channels, do not count fully: intervals are widened
    by the correlation time of the residuals, and with enough sweeps by how much these really differ
    (:mod:`.intervals`). Channel noise also has a likelihood of its own (objective "kalman").
    """
    if objective not in ("least squares", "kalman"):
        raise UsageError(f"Unknown objective {objective!r}", do="use 'least squares' or 'kalman'")
    if intervals not in ("profile", "curvature", "none"):
        raise UsageError(f"Unknown intervals {intervals!r}", do="use 'profile', 'curvature' or 'none'")
    problem = model if isinstance(model, Problem) else _problem(model, experiments, options)
    whole = all(e.filter_kHz is None and e.used.all() for e in problem.experiments)
    if growth and not whole and objective == "kalman":
        raise UsageError("Growing bins need every sample, unfiltered", do="use growth=0")
    table = problem.table
    if not table.numbers:
        raise UsageError("Nothing is free", do="free some rates: Model(scheme, free=[...])")
    count = int(problem.samples.sum())
    if count <= len(table.numbers) + problem.linear_numbers + len(problem.cells):
        raise UsageError(f"{count} samples for {len(table.numbers)} parameters", do="fix some, or use more of the data")
    rng = np.random.default_rng(seed)
    low, high = table.bounds
    first = table.start.copy()
    for name, value in (start_at or {}).items():
        if name not in table.names:
            from ..errors import UnknownNameError

            raise UnknownNameError("parameter of the start", name, table.names)
        k = table.names.index(name)
        first[k] = table.numbers[k].parameter.inward(value)
    began = time.perf_counter()
    weight = 1.0 / _difference_noise(problem)
    problem.residual(first, weight)
    problem.jacobian(first, weight)
    compiled = time.perf_counter()
    found: list[tuple[LeastSquares, np.ndarray]] = []
    status = "ok"
    try:
        for k in range(max(1, starts)):
            x0 = first if k == 0 else _scatter(problem, first, spread, rng)
            if progress:
                progress("starts", k, max(1, starts))
            found.append((_search(problem, x0, weight), x0))
        best = _best(found)
        best, weight = _with_noise(problem, best, weight)
    except KeyboardInterrupt:
        status = "interrupted"
        if all(end.status == "failed" for end, _ in found):
            raise
        best = _best(found)
        weight = 1.0 / _cell_noise(problem, problem.residual(best.x, weight) / weight[problem.sample_cells()])
    searched = time.perf_counter()
    residual = problem.residual(best.x, weight)
    cells = problem.sample_cells()
    times = [correlation_time(residual[cells == c]) for c in range(len(problem.cells))]
    slow = float(np.average(times, weights=problem.samples))
    jacobian = problem.jacobian(best.x, weight)
    known = information(jacobian, slow)
    wider, by_sweeps = widening(jacobian, residual, problem.sample_sweeps(), slow)
    profiles: list[ProfileInterval | None] = [None] * len(table.numbers)
    if status == "ok" and intervals != "none" and objective == "least squares":
        try:
            profiles = square_intervals(
                problem, best, weight, wider, intervals, level, progress, known.covariance / slow
            )
        except KeyboardInterrupt:
            status = "interrupted"
    _, linear = problem.details(best.x)
    noise = 1.0 / weight
    log_likelihood = -0.5 * float(np.sum(problem.samples * (np.log(2 * math.pi * noise**2) + 1)))
    parameters = len(table.numbers) + problem.linear_numbers + len(problem.cells)
    correction = 2 * parameters * (parameters + 1) / max(count - parameters - 1, 1)
    notes = []
    if best.status == "stopped":
        notes.append(f"the best start was still falling: {best.reason}")
    if wider.max() > 1.2:
        span = f"intervals are widened {wider.min():.2g} to {wider.max():.2g}-fold"
        if by_sweeps:
            notes.append(f"{span}: sweeps differ by more than independent noise (channel noise, filter)")
        else:
            notes.append(
                f"{span}: {slow:.1f} neighbouring samples count as one; under channel noise that is not enough: "
                f"use {max(FEWEST_SWEEPS, 3 * len(table.numbers))} sweeps or more, or objective kalman"
            )
    ended = [
        Start(tuple(end.x), math.inf if end.status == "failed" else end.ssr, end.status, end.iterations)
        for end, _ in found
    ]
    nuisance = {"amplitude_nS": linear["amplitude"], "noise_pA": noise}
    if problem.rundown:
        nuisance["slope_nS"] = linear["slope"]
    by_squares = Fit(
        problem,
        "least squares",
        best.x,
        tuple(_estimate(problem, k, best.x, best.at_bound, profiles[k], low, high) for k in range(len(table.numbers))),
        nuisance,
        log_likelihood,
        count,
        parameters,
        -2 * log_likelihood + 2 * parameters + correction,
        known,
        tuple(sorted(ended, key=lambda s: s.misfit)),
        _checks(problem, residual, times),
        slow,
        {"compile": compiled - began, "search": searched - compiled, "intervals": time.perf_counter() - searched},
        seed,
        status,
        tuple(notes),
        level,
    )
    if objective == "least squares" or status != "ok":
        return by_squares
    if growth is None:
        growth = 0.05 if whole else 0.0
    return _with_channel_noise(by_squares, growth, intervals, level, progress)


def _with_channel_noise(
    first: Fit, growth: float, intervals: Intervals, level: float, progress: Progress | None
) -> Fit:
    """Go on from least squares with the likelihood that counts channels."""
    from .fit_channel_noise import maximise_channel_noise

    problem = first.problem
    try:
        found = maximise_channel_noise(
            first, _difference_noise(problem), growth=growth, intervals=intervals, level=level, progress=progress
        )
    except KeyboardInterrupt:
        notes = (*first.notes, "interrupted: least squares only")
        return dataclasses.replace(first, status="interrupted", notes=notes)
    p, n = len(problem.table.numbers), len(problem.cells)
    x, (low, high) = found.best.x, problem.table.bounds
    own = np.exp(x[p : p + 3 * n]).reshape(3, n)
    nuisance = {"channels": own[0], "conductance_pS": own[1], "noise_pA": own[2]}
    if problem.rundown:
        nuisance["rundown"] = x[p + 3 * n : p + 4 * n]
    count, parameters = found.objective.readings(), x.size
    correction = 2 * parameters * (parameters + 1) / max(count - parameters - 1, 1)
    notes = () if found.best.status == "ok" else (f"the likelihood was still rising: {found.best.reason}",)
    return dataclasses.replace(
        first,
        objective="kalman",
        theta=x[:p],
        estimates=tuple(_estimate(problem, k, x, found.best.at_bound, found.profiles[k], low, high) for k in range(p)),
        nuisance=nuisance,
        log_likelihood=found.best.value,
        n_samples=count,
        n_parameters=parameters,
        aicc=-2 * found.best.value + 2 * parameters + correction,
        information=found.information,
        correlation_time=1.0,
        seconds={k: first.seconds[k] + found.seconds[k] for k in found.seconds},
        notes=notes,
    )


def _problem(model: Model, experiments: Experiment | Sequence[Experiment], options: dict[str, Any]) -> Problem:
    return Problem(model, (experiments,) if isinstance(experiments, Experiment) else tuple(experiments), **options)


def _difference_noise(problem: Problem) -> np.ndarray:
    """Return a first guess of the noise of each cell from neighbouring samples, robust against the response."""
    noise = np.ones(len(problem.cells))
    for c in range(len(problem.cells)):
        steps = []
        for group in problem.groups:
            for s in np.flatnonzero(group.cell == c):
                pair = group.used[s, 1:] & group.used[s, :-1]
                steps.append(np.diff(group.data_pA[s])[pair])
        joined = np.abs(np.concatenate(steps))
        typical = float(np.median(joined)) / 0.6745 / math.sqrt(2.0) if joined.size else 0.0
        if typical <= 0:  # a trace without noise
            data = np.concatenate([g.data_pA[g.cell == c].ravel() for g in problem.groups])
            typical = 1e-4 * float(np.ptp(data)) or 1.0
        noise[c] = typical
    return noise


def _cell_noise(problem: Problem, residual_pA: np.ndarray) -> np.ndarray:
    cells = problem.sample_cells()
    ssr = np.bincount(cells, residual_pA**2, minlength=len(problem.cells))
    smallest = 1e-9 * max(float(np.abs(g.data_pA).max()) for g in problem.groups)
    return np.maximum(np.sqrt(ssr / problem.samples), max(smallest, 1e-300))


def _scatter(problem: Problem, centre: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Return a start around the first one, inside the bounds; linear numbers scatter by half of their size."""
    low, high = problem.table.bounds
    width = np.array([math.log(spread) if n.parameter.scale == "log" else 0.5 * abs(c) + 1e-3
                      for n, c in zip(problem.table.numbers, centre, strict=True)])  # fmt: skip
    return np.clip(centre + width * rng.standard_normal(centre.size), low, high)


def _search(problem: Problem, x0: np.ndarray, weight: np.ndarray) -> LeastSquares:
    return levenberg_marquardt(
        lambda x: problem.residual(x, weight),
        x0,
        jacobian=lambda x: problem.jacobian(x, weight),
        bounds=problem.table.bounds,
        typical=problem.typical,
        tolerance=1e-8,
        scaling="typical",
        enough=_ENOUGH,
        partial=True,
    )


def _best(found: list[tuple[LeastSquares, np.ndarray]]) -> LeastSquares:
    good = [end for end, _ in found if end.status != "failed"]
    if not good:
        reasons = "; ".join(dict.fromkeys(end.reason for end, _ in found))
        raise NumericalError(
            f"None of {len(found)} starts reached an end", why=reasons, do="free fewer rates, or start nearer the data"
        )
    return min(good, key=lambda end: end.ssr)


def _with_noise(problem: Problem, best: LeastSquares, weight: np.ndarray) -> tuple[LeastSquares, np.ndarray]:
    """Estimate the noise of each cell with the rates: reweight and refit until it stays."""
    for _ in range(10):
        residual_pA = best.residuals / weight[problem.sample_cells()]
        noise = _cell_noise(problem, residual_pA)
        changed = np.max(np.abs(np.log(noise * weight)))
        relative = np.ptp(np.log(noise * weight)) if noise.size > 1 else 0.0
        weight = 1.0 / noise
        if changed < _NOISE_TOLERANCE:
            break
        if relative < _NOISE_TOLERANCE:  # one scale for all: the optimum does not move
            residual = problem.residual(best.x, weight)
            jac = problem.jacobian(best.x, weight)
            best = LeastSquares(
                best.x, residual, float(residual @ residual), jac, "ok", "", best.iterations, best.at_bound
            )
            break
        again = _search(problem, best.x, weight)
        if again.status == "failed":
            raise NumericalError("The fit does not converge with the noise of each cell", why=again.reason)
        best = again
    return best, weight


def _estimate(
    problem: Problem,
    k: int,
    x: np.ndarray,
    at_bound: np.ndarray,
    profile: ProfileInterval | None,
    low: np.ndarray,
    high: np.ndarray,
) -> Estimate:
    number = problem.table.numbers[k]
    p = number.parameter
    value = float(p.outward(x[k]))
    if profile is None:
        ends, word, reason = (-math.inf, math.inf), "no interval", ""
        if at_bound[k]:
            word, reason = "not determined", "at the bound of the search"
    else:
        ends = tuple(float(p.outward(end)) if math.isfinite(end) else end for end in (profile.low, profile.high))
        if p.scale == "log" and ends[0] == -math.inf:
            ends = (0.0, ends[1])
        word, reason = profile.word, profile.reason
        if at_bound[k] and word == "determined":
            word, reason = "one-sided", "at the bound of the search"
    shared = SHARES[number.share] if not number.applies_to else number.applies_to
    return Estimate(number.name, p.unit, value, ends[0], ends[1], word, reason, shared, p.start, p.low, p.high)


def _checks(problem: Problem, residual: np.ndarray, times: list[float]) -> tuple[Any, ...]:
    checks, at = [], 0
    for group in problem.groups:
        for row, (i, s) in enumerate(group.sweeps):
            size = int(group.used[row].sum())
            checks.append(check_sweep(residual[at : at + size], i, s))
            at += size
    return tuple(sorted(checks, key=lambda c: (c.experiment, c.sweep)))
