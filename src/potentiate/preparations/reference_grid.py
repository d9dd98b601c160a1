"""The time grid of the reference spine: fine after each event, coarse in between, the same for every run."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

#: Steps over which a transmitter pulse is resolved; equal, so that one transition matrix serves them all.
PULSE_STEPS = 20


@dataclasses.dataclass(frozen=True)
class GridRule:
    """How long steps may be.

    Attributes
    ----------
    finest_ms : float
        First step after an event.
    growth : float
        Of each step over the one before it.
    coarsest_ms : float
        While stimulation lasts.
    spike_ms : float
        During a spike and for 5 ms after its current.
    rest_ms : float
        Long after the last event.
    """

    finest_ms: float = 0.02
    growth: float = 1.15
    coarsest_ms: float = 5.0
    spike_ms: float = 0.05
    rest_ms: float = 100.0

    def refined(self, factor: float) -> GridRule:
        """Return a rule with every step shorter by a factor."""
        return GridRule(
            self.finest_ms / factor,
            1.0 + (self.growth - 1.0) / factor,
            self.coarsest_ms / factor,
            self.spike_ms / factor,
            self.rest_ms / factor,
        )


def time_grid(
    pulses_ms: Sequence[float],
    width_ms: float,
    spikes_ms: Sequence[float],
    current_ms: float,
    end_ms: float,
    rule: GridRule,
) -> np.ndarray:
    """Return the edges of all steps from 0 to `end_ms`, shape (steps + 1,).

    Parameters
    ----------
    pulses_ms, width_ms
        Onsets and duration of transmitter; resolved in equal steps.
    spikes_ms, current_ms
        Onsets and duration of somatic current; its rounded onset begins a little earlier.
    end_ms : float
    rule : GridRule
    """
    windows = sorted((t - 0.15 * current_ms, t + current_ms + 5.0) for t in spikes_ms)
    stops = {0.0, end_ms, *pulses_ms, *(t + width_ms for t in pulses_ms), *(max(0.0, a) for a, _ in windows)}
    edges = sorted(t for t in stops if t <= end_ms)
    pulses = set(pulses_ms)
    last = max([*pulses_ms, *spikes_ms, 0.0])
    grid, w = [0.0], 0
    for a, b in itertools.pairwise(edges):
        if b - a < 1e-9:
            continue
        if a in pulses and b - a <= width_ms + 1e-9:
            grid.extend(a + (b - a) * np.arange(1, PULSE_STEPS + 1) / PULSE_STEPS)
            continue
        t, h = a, rule.finest_ms
        while t < b:
            while w < len(windows) and windows[w][1] <= t:
                w += 1
            spiking = any(x <= t + 1e-9 < y for x, y in windows[w : w + 3])
            limit = rule.spike_ms if spiking else rule.coarsest_ms if t < last + 2000.0 else rule.rest_ms
            step = min(h, limit)
            t = b if t + 1.5 * step >= b else t + step
            grid.append(t)
            h = step * rule.growth
    return np.array(grid)
