"""What a posterior is of: a log likelihood in JAX, where it is largest, and what each of its numbers is called."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kinetics.rate_map import RateParameter
from .channel_noise import ChannelNoise, channel_noise
from .priors import Prior, default_prior
from .problem import Problem
from .result import Fit


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """A log likelihood on the scale of a search.

    Attributes
    ----------
    parameters : tuple of RateParameter, length p
        Name, unit and scale of each number.
    shared_by : tuple of str
    log_likelihood : callable
        From (x, data) to a number, in JAX; `x` has shape (p,).
    data : pytree of arrays
        What `log_likelihood` is given; other data of the same shapes need no new compilation.
    optimum : array, shape (p,)
        Where chains start.
    information : array, shape (p, p)
        Fisher information there.
    priors : tuple of Prior
        Unless others are given.
    objective : str
    treatment : str
        What was done to amplitude, leak and noise, in words.
    problem : Problem, optional
    """

    parameters: tuple[RateParameter, ...]
    shared_by: tuple[str, ...]
    log_likelihood: Callable[[Any, Any], Any]
    data: Any
    optimum: np.ndarray
    information: np.ndarray
    priors: tuple[Prior, ...]
    objective: str
    treatment: str
    problem: Problem | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers."""
        return tuple(p.name for p in self.parameters)


def with_data(problem: Problem, data_pA: tuple[Any, ...]) -> Problem:
    """Return a problem with other currents, shape (sweep, time) for each of its groups; they may be traced by JAX."""
    other = copy.copy(problem)
    groups = tuple(dataclasses.replace(g, data_pA=d) for g, d in zip(problem.groups, data_pA, strict=True))
    other.__dict__["groups"] = groups  # the cached property
    other.__dict__.pop("_compiled", None)
    return other


def least_squares_likelihood(problem: Problem) -> Callable[[Any, Any], Any]:
    """Return the log likelihood of independent Gaussian noise, from (theta, (currents by group, samples per one)).

    Notes
    -----
    The noise of each cell is integrated out with its scale-free prior (density 1/sd): with sum of squares S over n
    samples and m linear numbers the likelihood is ``S ** (-(n - m) / 2)``. Amplitude and leak are solved for at every
    point. For the leak that equals integrating over a flat prior. For the amplitude it equals integrating over a prior
    that is flat in its logarithm, up to terms of the order of the squared relative error of the amplitude: the
    integral is proportional to sd / (amplitude x norm of the response), and that product is the norm of the fitted
    current.
    """
    import jax.numpy as jnp

    cells = len(problem.cells)
    linear = np.zeros(cells)
    for group in problem.groups:
        each = float(problem.leak == "sweep") + float(problem.amplitude == "sweep")
        np.add.at(linear, group.cell, each)
    if problem.amplitude == "cell":
        linear += 1.0 + problem.rundown
    weight = problem.samples - linear
    scale = np.zeros(cells)
    for group in problem.groups:
        np.add.at(scale, group.cell, (group.data_pA**2).sum(axis=1))

    def log_likelihood(theta: Any, data: tuple[tuple[Any, ...], Any]) -> Any:
        currents, samples_per_one = data
        residuals, _, _ = with_data(problem, currents)._projected(theta, jnp.ones(cells), jnp)
        squares = jnp.zeros(cells)
        for group, residual in zip(problem.groups, residuals, strict=True):
            squares = squares.at[group.cell].add((residual**2).sum(axis=1))
        return -0.5 * jnp.sum(weight * jnp.log(squares / scale)) / samples_per_one

    return log_likelihood


def channel_noise_target(fit: Fit, *, growth: float | None = None) -> Target:
    """Return the posterior's target of a fit by the likelihood that counts channels.

    Parameters
    ----------
    fit : Fit
        With objective "kalman".
    growth : float, optional
        Of bins, as given to the fit.

    Notes
    -----
    Number of channels, conductance of one and noise of each cell, run-down and the offset of each sweep are sampled
    along with the rates. Their priors are flat (the first three in the logarithm) between the limits of the search.
    """
    from ..numerics.maximum_likelihood import curvature, typical_scale

    problem = fit.problem
    own = [fit.nuisance[name] for name in ("channels", "conductance_pS", "noise_pA")]
    growth = default_growth(problem) if growth is None else growth
    objective = channel_noise(problem, fit.theta, fit.nuisance["noise_pA"], growth=growth)
    x, first = objective.start.copy(), len(problem.table.numbers)
    x[first : first + 3 * len(problem.cells)] = np.log(np.concatenate(own))
    if problem.rundown:
        at = first + 3 * len(problem.cells)
        x[at : at + len(problem.cells)] = fit.nuisance["rundown"]
    objective = dataclasses.replace(objective, start=x)
    low, high = bounds = objective.bounds
    x = np.clip(x, low, high)
    scale = typical_scale(objective.value_and_gradient, x, bounds)
    information = curvature(objective.value_and_gradient, x, scale, bounds)
    parameters = channel_noise_parameters(objective)
    priors = tuple(
        default_prior(p) if k < first else Prior(0.0, np.inf, low[k], high[k]) for k, p in enumerate(parameters)
    )
    return Target(
        parameters,
        (*(e.shared_by for e in fit.estimates), *("the cell" for _ in parameters[first:])),
        channel_noise_likelihood(objective),
        tuple(b.reading_pA for b in objective._bins),
        x,
        information,
        priors,
        "kalman",
        "number of channels, conductance, noise of each cell and offset of each sweep are sampled too",
        problem,
    )


def channel_noise_parameters(objective: ChannelNoise) -> tuple[RateParameter, ...]:
    """Return name, unit and scale of each number of the likelihood that counts channels."""
    low, high = objective.bounds
    made = [dataclasses.replace(n.parameter, name=n.name) for n in objective.problem.table.numbers]
    for k in range(len(made), len(objective.names)):
        name = objective.names[k]
        unit = {"channels": "", "conductance": "pS", "noise": "pA", "offset": "pA"}.get(name.split(" ")[0], "")
        x = float(np.clip(objective.start[k], low[k], high[k]))
        ends = (float(low[k]), float(high[k]))
        if name.split(" ")[0] in ("channels", "conductance", "noise"):
            made.append(RateParameter(name, unit, float(np.exp(x)), "log", *(float(np.exp(e)) for e in ends)))
        else:
            made.append(RateParameter(name, unit, x, "linear", *ends))
    return tuple(made)


def channel_noise_likelihood(objective: ChannelNoise) -> Callable[[Any, Any], Any]:
    """Return the log likelihood that counts channels, from (x, readings by group)."""
    import jax.numpy as jnp

    def log_likelihood(x: Any, readings: tuple[Any, ...]) -> Any:
        other = copy.copy(objective)
        bins = (dataclasses.replace(b, reading_pA=r) for b, r in zip(objective._bins, readings, strict=True))
        other.__dict__["_bins"] = tuple(bins)  # the cached property
        return other.log_likelihood(x, xp=jnp)

    return log_likelihood


def default_growth(problem: Problem) -> float:
    """Return how bins grow in a fit that was not told."""
    return 0.05 if all(e.filter_kHz is None and e.used.all() for e in problem.experiments) else 0.0


def least_squares_target(fit: Fit, *, widen: bool = True) -> Target:
    """Return the posterior's target of a least-squares fit.

    Parameters
    ----------
    fit : Fit
    widen : bool
        Let as many neighbouring samples count as one as the residuals of the fit are correlated over (the same repair
        as in the intervals of a fit).
    """
    problem, table = fit.problem, fit.problem.table
    samples_per_one = fit.correlation_time if widen else 1.0
    information = fit.information.matrix * (fit.correlation_time / samples_per_one)
    parameters = tuple(dataclasses.replace(n.parameter, name=n.name) for n in table.numbers)
    counted = f"; {samples_per_one:.3g} neighbouring samples count as one" if widen else ""
    return Target(
        parameters,
        tuple(e.shared_by for e in fit.estimates),
        least_squares_likelihood(problem),
        (tuple(g.data_pA for g in problem.groups), samples_per_one),
        np.asarray(fit.theta, dtype=float),
        information,
        tuple(default_prior(p) for p in parameters),
        "least squares",
        f"noise of each cell integrated out (prior 1/sd); amplitude and leak solved for at every point{counted}",
        problem,
    )
