"""What a posterior predicts: currents of the fitted experiments, or of one that was not made yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from .experiment import Experiment
from .posterior import Posterior
from .problem import Problem

if TYPE_CHECKING:
    import xarray as xr


def predict(posterior: Posterior, experiment: Experiment | int = 0, *, draws: int = 100, seed: int = 1) -> xr.Dataset:
    """Return currents drawn from the posterior predictive distribution.

    Parameters
    ----------
    posterior : Posterior
        Of a least-squares fit.
    experiment : Experiment or int
        One of the fitted experiments by its place, or another one (its currents are not used) of a cell that was
        fitted: another protocol, concentration, drug level ...
    draws : int
        Drawn from all chains without replacement, where there are as many.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``mean_pA`` (draw, sweep, time) without and ``current_pA`` with the noise of the cell; ``theta``
        (draw, parameter). Noise is white. Amplitude and leak are those that go with each draw; the leak of a sweep that
        was not made is taken to be zero, its amplitude that of the middle of the run-down.

    Raises
    ------
    UsageError
        Another objective; an unknown cell; the experiment needs a parameter that was not sampled; each sweep had its
        own amplitude.
    """
    import xarray as xr

    problem = posterior.target.problem
    if problem is None or posterior.target.objective != "least squares":
        raise UsageError(f"No predictions from a posterior by {posterior.target.objective}")
    rng = np.random.default_rng(seed)
    theta = posterior.theta.reshape(-1, posterior.theta.shape[-1])
    chosen = rng.choice(len(theta), size=min(draws, len(theta)), replace=False)
    theta = theta[chosen]
    if isinstance(experiment, Experiment):
        means, noise, time = _elsewhere(problem, experiment, theta, rng)
    else:
        means, noise, time = _again(problem, experiment, theta, rng)
    white = rng.standard_normal(means.shape) * noise[:, None, None]
    dims = ("draw", "sweep", "time")
    return xr.Dataset(
        {
            "mean_pA": (dims, means, {"units": "pA"}),
            "current_pA": (dims, means + white, {"units": "pA"}),
            "theta": (("draw", "parameter"), theta),
        },
        {"time": ("time", time, {"units": "ms"}), "parameter": np.array(posterior.target.names)},
        {"title": "potentiate posterior predictive", "seed": seed, "objective": posterior.target.objective},
    )


def _noise(problem: Problem, theta: np.ndarray, cell: int, rng: np.random.Generator) -> float:
    """Draw the noise of a cell given the rates: its variance is S over a chi-squared number."""
    predicted, _ = problem.details(theta)
    squares, samples = 0.0, 0
    for group, prediction in zip(problem.groups, predicted, strict=True):
        own = group.used & (group.cell == cell)[:, None]
        squares += float(((group.data_pA - prediction)[own] ** 2).sum())
        samples += int(own.sum())
    return float(np.sqrt(squares / rng.chisquare(samples)))


def _again(
    problem: Problem, index: int, thetas: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not 0 <= index < len(problem.experiments):
        raise UsageError(f"There is no experiment {index}", why=f"{len(problem.experiments)} were fitted")
    e = problem.experiments[index]
    cell = problem.cells.index(e.cell)
    means = np.empty((len(thetas), *e.recording.sweeps.shape))
    for d, theta in enumerate(thetas):
        predicted, _ = problem.details(theta)
        for group, rows in zip(problem.groups, predicted, strict=True):
            for (i, s), row in zip(group.sweeps, rows, strict=True):
                if i == index:
                    means[d, s] = row[: means.shape[-1]]
    return means, np.array([_noise(problem, t, cell, rng) for t in thetas]), e.recording.time_ms


def _elsewhere(
    problem: Problem, experiment: Experiment, thetas: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if experiment.cell not in problem.cells:
        raise UsageError(
            f"Nothing is known of the amplitude of {experiment.cell}",
            why=f"fitted were {', '.join(problem.cells)}",
            do="name one of them as its cell",
        )
    if problem.amplitude == "sweep":
        raise UsageError("Each sweep had an amplitude of its own", do='fit with amplitude="cell" to predict')
    other = Problem(problem.model, (experiment,), leak="none")
    missing = [name for name in other.table.names if name not in problem.table.names]
    if missing:
        raise UsageError(f"The experiment needs {', '.join(missing)}", why="not among the sampled parameters")
    take = [problem.table.names.index(name) for name in other.table.names]
    cell = problem.cells.index(experiment.cell)
    means = np.empty((len(thetas), *experiment.recording.sweeps.shape))
    noise = np.empty(len(thetas))
    for d, theta in enumerate(thetas):
        amplitude: Any = problem.details(theta)[1]["amplitude"][cell]
        for group in other.groups:
            response = other.open_conductance(group, theta[take], xp=np)
            for (_, s), row in zip(group.sweeps, response, strict=True):
                means[d, s] = max(float(amplitude), 0.0) * row[: means.shape[-1]]
        noise[d] = _noise(problem, theta, cell, rng)
    return means, noise, experiment.recording.time_ms
