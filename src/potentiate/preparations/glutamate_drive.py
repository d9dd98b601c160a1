"""Glutamate at many synapses, interval by interval: a constant, and exponentials that decay from its start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..mechanisms.cleft import Cleft, DiffusionCleft


def glutamate_drive(
    cleft: Cleft | DiffusionCleft,
    releases_ms: Sequence[np.ndarray],
    end_ms: float,
    *,
    amounts: Sequence[np.ndarray] | None = None,
    switches_ms: Sequence[float] = (),
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the intervals of a run and the glutamate of each spine in them.

    Parameters
    ----------
    cleft : Cleft or DiffusionCleft with a radius
    releases_ms : sequence of arrays
        Times of release at each of N spines, from 0 on.
    end_ms : float
    amounts : sequence of arrays, optional
        Quanta of each release; default 1.
    switches_ms : sequence of float
        Further edges, for switches of the clamp.

    Returns
    -------
    edges : array, shape (intervals + 1,)
    drive : dict
        ``start_ms`` (intervals,), ``pulse_uM`` (intervals, N), ``amplitude_uM`` and ``rate_per_ms`` (intervals, K, N).
    """
    pulse, amplitudes, rates = _waveform(cleft)
    width = pulse[1] if pulse else 0.0
    n = len(releases_ms)
    sizes = [np.ones(len(r)) for r in releases_ms] if amounts is None else [np.asarray(a, float) for a in amounts]
    owner = np.concatenate([np.full(len(r), i) for i, r in enumerate(releases_ms)]).astype(int)
    times = np.concatenate([np.asarray(r, float) for r in releases_ms])
    size = np.concatenate(sizes)
    if len(times) and (times.min() < 0 or times.max() >= end_ms):
        raise UsageError("A release lies outside the run", why=f"the run lasts from 0 to {end_ms:g} ms")
    edges = np.unique(np.concatenate([[0.0, end_ms], times, times + width, np.asarray(switches_ms, float)]))
    edges = edges[(edges >= 0) & (edges <= end_ms)]
    edges = edges[np.concatenate([[True], np.diff(edges) > 1e-9])]
    edges[-1] = end_ms
    intervals = len(edges) - 1
    at = np.searchsorted(edges, times - 1e-9)
    until = np.searchsorted(edges, times + width - 1e-9)
    height = np.zeros((intervals + 1, n))
    if pulse:
        np.add.at(height, (at, owner), pulse[0] * size)
        np.add.at(height, (until, owner), -pulse[0] * size)
        height = np.cumsum(height, axis=0)
        height[np.abs(height) < 1e-9 * pulse[0]] = 0.0
    released = np.zeros((intervals + 1, n))
    np.add.at(released, (at, owner), size)
    decays = np.zeros((intervals, len(rates), n))
    left = np.zeros((len(rates), n))
    for i in range(intervals):
        left = left + amplitudes[:, None] * released[i]
        decays[i] = left
        left = left * np.exp(-rates * (edges[i + 1] - edges[i]))[:, None]
        left[np.abs(left) < 1e-12] = 0.0
    rate = np.broadcast_to(rates[None, :, None], decays.shape)
    return edges, {"start_ms": edges[:-1], "pulse_uM": height[:-1], "amplitude_uM": decays, "rate_per_ms": rate}


def _waveform(cleft: Cleft | DiffusionCleft) -> tuple[tuple[float, float] | None, np.ndarray, np.ndarray]:
    """Return the rectangular part, and amplitudes (uM) and rates (1/ms) of the exponential parts."""
    if isinstance(cleft, DiffusionCleft):
        if cleft.radius_um is None:
            raise UsageError(
                f"Cleft {cleft.name!r} is not a sum of exponentials", do="give the disc a radius, with a free rim"
            )
        return None, *cleft._series
    decays = np.array(cleft.decays, float).reshape(-1, 2)
    return cleft.pulse, decays[:, 0], 1.0 / decays[:, 1]
