"""Synthetic patches for studies of the method itself: truths drawn from stated priors, two kinds of noise.

Everything compiled takes the data as an argument, so that hundreds of patches cost a handful of compilations. The fits
are those of the package (`fit`, with profile or curvature intervals), not copies of them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Literal

import jax
import numpy as np

from potentiate import Patch, Rig, find_scheme, protocols, run
from potentiate.inference.channel_noise import ChannelNoise, channel_noise
from potentiate.inference.experiment import Experiment
from potentiate.inference.fit import fit
from potentiate.inference.model import Model
from potentiate.inference.priors import Prior
from potentiate.inference.problem import Problem
from potentiate.inference.result import Fit
from potentiate.inference.target import channel_noise_likelihood, least_squares_likelihood, with_data
from potentiate.numerics.maximum_likelihood import curvature, maximise, typical_scale

Noise = Literal["white", "channels"]

SCHEME = find_scheme("Partin1996")
FREE = {"closing": ["O->RA2"], "desensitization": ["RA2->RdA2"]}
#: 10 mM for 1 ms and for 15 ms: 131 and 251 samples at 10 kHz.
PROTOCOLS = tuple(protocols.jump(width_ms=w, after_ms=a, dt_ms=0.1) for w, a in ((1.0, 10.0), (15.0, 8.0)))
#: Truths are log-normal: median, and one standard deviation as a factor. Rates around those of the scheme.
RATE_FACTOR = 1.5
CHANNELS, CONDUCTANCE_PS, NOISE_PA = (400.0, 1.25), (10.0, 1.2), (1.0, 1.2)
GROWTH = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A patch and what it was made from.

    Attributes
    ----------
    theta : array, shape (2,)
        Logarithms of the true rates.
    own : array, shape (3,)
        Logarithms of the number of channels, their conductance (pS) and the noise (pA).
    data_pA : array, shape (2, samples)
        The shorter sweep filled up with zeros, as the problem has it.
    """

    theta: np.ndarray
    own: np.ndarray
    data_pA: np.ndarray


@functools.cache
def template() -> Problem:
    """Return the problem that lends its layout to all patches."""
    patch = Patch(SCHEME, channels=400, rig=Rig(noise_pA=1.0))
    return Problem(Model(SCHEME, FREE), tuple(Experiment(run(patch, p, seed=1), p) for p in PROTOCOLS))


def rate_priors() -> tuple[Prior, ...]:
    """Return the priors of the rates, cut off at the limits of the search."""
    low, high = template().table.bounds
    start = template().table.start
    return tuple(Prior(c, math.log(RATE_FACTOR), a, b) for c, a, b in zip(start, low, high, strict=True))


def own_priors() -> tuple[Prior, ...]:
    """Return the priors of channels, conductance, noise (logarithms), and of the offsets in pA (flat)."""
    made = [Prior(math.log(m), math.log(f)) for m, f in (CHANNELS, CONDUCTANCE_PS, NOISE_PA)]
    return (*made, *(Prior(0.0, math.inf, -20.0, 20.0) for _ in PROTOCOLS))


def draw_case(noise: Noise, seed: int) -> Case:
    """Return a patch: rates, channels, conductance and noise from their priors, then a current."""
    rng = np.random.default_rng([seed, 0 if noise == "white" else 1])
    theta = np.array([p.centre + p.sd * rng.standard_normal() for p in rate_priors()])
    own = np.array([p.centre + p.sd * rng.standard_normal() for p in own_priors()[:3]])
    channels = max(1, round(math.exp(own[0])))
    own[0] = math.log(channels)
    scheme = template().groups[0].rate_map.scheme_at(theta)
    patch = Patch(
        scheme,
        channels=channels,
        unitary_pS=math.exp(own[1]),
        stochastic=noise == "channels",
        rig=Rig(noise_pA=math.exp(own[2])),
    )
    data = np.zeros_like(template().groups[0].data_pA)
    for row, protocol in enumerate(PROTOCOLS):
        current = run(patch, protocol, seed=int(rng.integers(2**31))).sweeps[0]
        data[row, : current.size] = current
    return Case(theta, own, data)


# ------------------------------------------------------------------------------------------------- least squares


@functools.cache
def _compiled_residual() -> tuple[Any, Any]:
    problem = template()

    def residual(theta: Any, weight: Any, data: Any) -> Any:
        return with_data(problem, (data,))._residual(theta, weight)

    return jax.jit(residual), jax.jit(jax.jacfwd(residual))


def problem_of(case: Case) -> Problem:
    """Return the problem of a patch; its residual and derivative are compiled once for all."""
    other = with_data(template(), (case.data_pA,))
    residual, jacobian = _compiled_residual()
    other.__dict__["_compiled"] = (
        lambda theta, weight: residual(theta, weight, case.data_pA),
        lambda theta, weight: jacobian(theta, weight, case.data_pA),
    )
    return other


def fit_squares(case: Case, intervals: Literal["profile", "curvature", "none"] = "none", level: float = 0.95) -> Fit:
    """Return the least-squares fit of a patch (one start, at the values of the scheme)."""
    return fit(problem_of(case), starts=1, intervals=intervals, level=level)


@functools.cache
def squares_likelihood() -> Any:
    """Return the log likelihood of least squares, from (theta, ((current,), samples per one))."""
    return least_squares_likelihood(template())


# --------------------------------------------------------------------------------------------- counting channels


@functools.cache
def _layout() -> ChannelNoise:
    found = fit(template(), starts=1, intervals="none")
    return channel_noise(template(), found.theta, found.nuisance["noise_pA"], growth=GROWTH)


@functools.cache
def channels_likelihood() -> Any:
    """Return the log likelihood that counts channels, from (x, readings)."""
    return channel_noise_likelihood(_layout())


@functools.cache
def _compiled_channels() -> Any:
    likelihood = channels_likelihood()
    return jax.jit(jax.value_and_grad(likelihood))


def readings(case: Case) -> tuple[np.ndarray, ...]:
    """Return the binned currents of a patch."""
    layout = _layout()
    other = dataclasses.replace(layout, problem=with_data(layout.problem, (case.data_pA,)))
    return tuple(bins.reading_pA for bins in other._bins)


@dataclasses.dataclass(frozen=True, eq=False)
class Peak:
    """Maximum of the likelihood that counts channels and its curvature, all numbers free; no priors."""

    x: np.ndarray
    information: np.ndarray
    status: str


def fit_channels(case: Case, first: Fit, *, priors: tuple[Prior, ...] = ()) -> Peak:
    """Return the maximum, from where least squares ended, as `fit(objective="kalman")` does.

    Parameters
    ----------
    case : Case
    first : Fit
    priors : tuple of Prior, optional
        Then of the posterior.
    """
    from potentiate.inference.fit import _difference_noise

    read = readings(case)
    compiled = _compiled_channels()
    start = channel_noise(first.problem, first.theta, _difference_noise(first.problem), growth=GROWTH)
    centre = np.array([p.centre for p in priors]) if priors else np.zeros(0)
    precision = np.array([p.precision for p in priors]) if priors else np.zeros(0)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = compiled(np.asarray(x, dtype=float), read)
        value, gradient = float(value), np.asarray(gradient)
        if priors:
            value -= 0.5 * float(precision @ (x - centre) ** 2)
            gradient = gradient - precision * (x - centre)
        return value, gradient

    bounds = start.bounds
    x0 = start.start
    if priors:
        x0 = np.where(precision > 0, centre, x0)
        x0[: first.theta.size] = first.theta
    best = maximise(function, np.clip(x0, *bounds), bounds)
    if best.status == "failed":
        return Peak(best.x, np.full((best.x.size, best.x.size), np.nan), "failed: " + best.reason)
    scale = typical_scale(function, best.x, bounds)
    best = maximise(function, best.x, bounds, scale=scale)
    return Peak(best.x, curvature(function, best.x, scale, bounds), best.status)
