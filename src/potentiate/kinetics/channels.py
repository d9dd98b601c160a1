"""Independent channels of one scheme, simulated exactly on the sampling grid, and the mean and variance to expect.

Under constant ligand the counts of channels in the states form a Markov chain with ``P = exp(Q dt)``: from each state
the channels scatter over the states by one multinomial draw per sample. There is no leap and no time-step error.

Reference: Colquhoun & Hawkes 1977, Proc R Soc Lond B 199:231 (mean and variance of the macroscopic current).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..numerics.matrix_exponential import transition_matrix
from ..numerics.propagation import sample_sweeps
from ..numerics.sweep_plan import plan_sweeps

_EPS = 1e-9  # ms; times closer than this are the same time


def _intervals(
    segments: Sequence[tuple[int, float]], dt_ms: float
) -> tuple[list[tuple[tuple[int, float], ...]], list[int]]:
    """Return the distinct sample intervals as (generator, duration) parts, and the kind of each interval in turn."""
    kinds: dict[tuple[tuple[int, float], ...], int] = {}
    order: list[int] = []
    n_intervals = int(np.floor(sum(d for _, d in segments) / dt_ms + 1e-6))
    parts: list[tuple[int, float]] = []
    filled = 0.0
    for generator, duration in segments:
        left = duration
        while left > _EPS and len(order) < n_intervals:
            if not parts and left > dt_ms - _EPS:  # whole intervals, many at a time
                whole = min(int((left + _EPS) / dt_ms), n_intervals - len(order))
                order += [kinds.setdefault(((generator, dt_ms),), len(kinds))] * whole
                left -= whole * dt_ms
                continue
            step = min(left, dt_ms - filled)
            parts.append((generator, round(step, 12)))
            filled, left = filled + step, left - step
            if filled > dt_ms - _EPS:
                order.append(kinds.setdefault(tuple(parts), len(kinds)))
                parts, filled = [], 0.0
    if parts and len(order) < n_intervals:
        order.append(kinds.setdefault(tuple(parts), len(kinds)))
    return list(kinds), order


def simulate_counts(
    segments: Sequence[tuple[int, float]],
    generators: np.ndarray,
    start: np.ndarray,
    n_channels: int,
    dt_ms: float,
    rng: np.random.Generator,
    *,
    trials: int = 1,
) -> np.ndarray:
    """Return how many channels are in each state at every sample.

    Parameters
    ----------
    segments : sequence of (int, float)
        Generator index and duration in ms, as for :func:`potentiate.numerics.sweep_plan.plan_sweeps`; borders need
        not lie on samples.
    generators : array, shape (generators, n, n)
        In 1/ms, rows sum to zero.
    start : array, shape (n,)
        Occupancy at time zero; each trial draws its counts from it.
    n_channels : int
    dt_ms : float
    rng : numpy.random.Generator
        With an explicit seed.
    trials : int

    Returns
    -------
    int array, shape (trials, samples, n)
    """
    kinds, order = _intervals(segments, dt_ms)
    n = generators.shape[-1]
    # one matrix per distinct part, one product per kind of interval
    parts = list(dict.fromkeys(part for kind in kinds for part in kind))
    index = {part: i for i, part in enumerate(parts)}
    exponentials = transition_matrix(
        generators[np.array([g for g, _ in parts], dtype=int)], np.array([d for _, d in parts])
    )
    steps = np.empty((len(kinds), n, n))
    for i, kind in enumerate(kinds):
        steps[i] = exponentials[index[kind[0]]]
        for part in kind[1:]:
            steps[i] = steps[i] @ exponentials[index[part]]
    steps = np.clip(steps, 0.0, None)
    steps /= steps.sum(axis=-1, keepdims=True)
    counts = np.empty((trials, len(order) + 1, n), dtype=np.int64)
    p = np.clip(start, 0.0, None)
    counts[:, 0] = rng.multinomial(n_channels, p / p.sum(), size=trials)
    for t, kind in enumerate(order):
        counts[:, t + 1] = rng.multinomial(counts[:, t], steps[kind]).sum(axis=1)
    return counts


def simulate_channels(
    segments: Sequence[tuple[int, float]],
    generators: np.ndarray,
    start: np.ndarray,
    conductances: np.ndarray,
    n_channels: int,
    dt_ms: float,
    rng: np.random.Generator,
    *,
    trials: int | None = None,
) -> np.ndarray:
    """Return the summed conductance of independent channels at every sample.

    Parameters
    ----------
    segments, generators, start, n_channels, dt_ms, rng
        As for :func:`simulate_counts`.
    conductances : array, shape (n,)
        Of each state.
    trials : int, optional

    Returns
    -------
    array, shape (samples,), or (trials, samples) where `trials` is given
        In the unit of `conductances`.
    """
    counts = simulate_counts(segments, generators, start, n_channels, dt_ms, rng, trials=trials or 1)
    summed = counts @ np.asarray(conductances, dtype=float)
    return summed[0] if trials is None else summed


def expected_conductance(
    segments: Sequence[tuple[int, float]],
    generators: np.ndarray,
    start: np.ndarray,
    conductances: np.ndarray,
    n_channels: int,
    dt_ms: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of the summed conductance of independent channels at every sample.

    With occupancy p and conductances o of the states, the mean is ``N p.o`` and the variance ``N (p.o^2 - (p.o)^2)``.

    Parameters
    ----------
    segments, generators, start, conductances, n_channels, dt_ms
        As for :func:`simulate_channels`.

    Returns
    -------
    mean, variance : arrays, shape (samples,)
    """
    o = np.asarray(conductances, dtype=float)
    plan = plan_sweeps([segments], dt_ms)
    trace, _ = sample_sweeps(plan, generators, start[None], np.stack([o, o**2], axis=1))
    first, second = trace[0].T
    return n_channels * first, n_channels * np.clip(second - first**2, 0.0, None)
