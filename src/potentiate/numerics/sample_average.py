"""Moments of the mean of several samples of a Markov chain, for readings that were averaged after sampling.

A sample is an instant, so channels that flicker faster than the sampling interval add their full variance to each
sample, where an integral over the same time would smooth them. As in :mod:`.interval_average` the moments of a stretch
are a block-triangular matrix, ``[[P, U, V], [0, P, W], [0, 0, 1]]`` with ``W = 2 U 1``; a mean of r samples is its
r-th power.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .interval_average import Moments, sample_moments


def sample_mean_moments(
    generators: Any,
    currents: Any,
    part_generator: np.ndarray,
    part_ms: np.ndarray,
    kinds: np.ndarray,
    repeats: np.ndarray,
    *,
    variance: Any = None,
    xp: Any = np,
    squarings: int | None = None,
) -> Moments:
    """Return the moments of the mean of samples, each taken at the end of a repetition of an interval.

    Parameters
    ----------
    generators, currents, part_generator, part_ms, kinds, variance, xp, squarings
        As for :func:`potentiate.numerics.interval_average.sample_moments`; a kind is one repetition.
    repeats : int array, shape (kinds,)
        How often the interval is passed through, with a sample at each end.

    Returns
    -------
    Moments
        Of the mean, in units of the signal, and its square.
    """
    once = sample_moments(
        generators, currents, part_generator, part_ms, kinds, variance=variance, xp=xp, squarings=squarings
    )
    if int(repeats.max()) == 1:
        return once
    p, u, v = once.transition, once.joint[..., 0], once.second[..., 0]
    count, n = p.shape[0], p.shape[-1]
    w = 2.0 * xp.sum(u, axis=-1, keepdims=True)
    zero, one = xp.zeros((count, n, n)), xp.ones((count, 1, 1))
    rows = [
        xp.concatenate([p, u, v], axis=-1),
        xp.concatenate([zero, p, w], axis=-1),
        xp.concatenate([xp.zeros((count, 1, 2 * n)), one], axis=-1),
    ]
    power = xp.concatenate(rows, axis=-2)
    result = xp.broadcast_to(np.eye(2 * n + 1), power.shape)
    for bit in range(int(repeats.max()).bit_length()):
        takes = (repeats >> bit & 1).astype(bool)
        result = xp.where(takes[:, None, None], result @ power, result)
        power = power @ power
    r = repeats.astype(float)[:, None, None]
    return Moments(
        result[:, :n, :n], (result[:, :n, n : 2 * n] / r)[..., None], (result[:, :n, 2 * n :] / r**2)[..., None]
    )
