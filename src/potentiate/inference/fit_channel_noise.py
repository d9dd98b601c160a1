"""Fit with the likelihood that counts channels, started from least squares."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NumericalError
from ..numerics.least_squares import ProfileInterval
from ..numerics.maximum_likelihood import Maximum, curvature, maximise, profile_of_likelihood, typical_scale
from .channel_noise import ChannelNoise, channel_noise
from .information import SLOPPY_ABOVE, STIFF_BELOW, Direction, Information

if TYPE_CHECKING:
    from .result import Fit

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelFit:
    """What maximising the likelihood found.

    Attributes
    ----------
    objective : ChannelNoise
    best : Maximum
    curvature : array, shape (k, k)
        Observed information of all numbers.
    profiles : list of ProfileInterval or None
        Of the numbers of the sharing table.
    information : Information
        Of the numbers of the sharing table, all others maximised out.
    seconds : dict
    """

    objective: ChannelNoise
    best: Maximum
    curvature: np.ndarray
    profiles: list[ProfileInterval | None]
    information: Information
    seconds: dict[str, float]


def maximise_channel_noise(
    first: Fit, noise_pA: np.ndarray, *, growth: float, intervals: str, level: float, progress: Progress | None
) -> ChannelFit:
    """Maximise the likelihood from where least squares ended.

    Raises
    ------
    NumericalError
        The likelihood is not finite at the start.
    """
    objective = channel_noise(first.problem, first.theta, noise_pA, growth=growth)
    began = time.perf_counter()
    objective.value_and_gradient(objective.start)
    compiled = time.perf_counter()
    bounds = objective.bounds
    best = maximise(objective.value_and_gradient, objective.start, bounds)
    if best.status == "failed":
        raise NumericalError(
            "The likelihood cannot be computed at the start", why=best.reason, do="start nearer the data, or free less"
        )
    # once more with fresh scales: the first were those of the start
    scale = typical_scale(objective.value_and_gradient, best.x, bounds)
    best = maximise(objective.value_and_gradient, best.x, bounds, scale=scale)
    matrix = curvature(objective.value_and_gradient, best.x, scale, bounds)
    searched = time.perf_counter()
    p = len(first.problem.table.numbers)
    known = _marginal(matrix, p)
    profiles: list[ProfileInterval | None] = [None] * p
    if intervals == "profile":
        for k in range(p):
            if progress:
                progress("intervals", k, p)
            profiles[k] = profile_of_likelihood(
                objective.value_and_gradient, best, k, matrix, bounds=bounds, level=level
            )
    elif intervals == "curvature":
        from scipy.special import ndtri

        z = float(ndtri(0.5 + level / 2))
        covariance = known.covariance
        for k in range(p):
            half = z * math.sqrt(covariance[k, k])
            x = float(best.x[k])
            word = "determined" if math.isfinite(half) else "not determined"
            reason = "" if math.isfinite(half) else "the likelihood does not change with it"
            profiles[k] = ProfileInterval(x, x - half, x + half, word, reason, level)
    seconds = {
        "compile": compiled - began,
        "search": searched - compiled,
        "intervals": time.perf_counter() - searched,
    }
    return ChannelFit(objective, best, matrix, profiles, known, seconds)


def _marginal(matrix: np.ndarray, p: int) -> Information:
    """Return the information about the first p numbers when the others are unknown too (Schur complement)."""
    rest = matrix[p:, p:]
    values, vectors = np.linalg.eigh(rest)
    inverse = (vectors / np.maximum(values, max(float(values.max()), 1e-300) * 1e-12)) @ vectors.T
    own = matrix[:p, :p] - matrix[:p, p:] @ inverse @ matrix[p:, :p]
    own = 0.5 * (own + own.T)
    values, vectors = np.linalg.eigh(own)
    directions = []
    for value, loadings in sorted(zip(values, vectors.T, strict=True), key=lambda pair: -pair[0]):
        loadings = loadings * np.sign(loadings[np.argmax(np.abs(loadings))] or 1.0)
        sd = 1.0 / math.sqrt(value) if value > 1e-10 else math.inf
        word = "stiff" if sd < STIFF_BELOW else "sloppy" if sd > SLOPPY_ABOVE else "middling"
        directions.append(Direction(loadings, sd, word))
    return Information(own, tuple(directions))
