"""The average event: isolated events aligned on their rise."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .decay import decay
from .event_detection import Array, EventSettings, ensemble
from .events import Events
from .observable import Observable, missing
from .peak import peak, rise


@dataclass(frozen=True, eq=False)
class AverageEvent:
    """Mean of isolated events.

    Attributes
    ----------
    t_ms : (time,) array
        From the half of the rise.
    mean_pA, sem_pA : (time,) arrays
    n : int
    rise, tau : Observable
        10-90 % rise, and one exponential from 90 % of the peak; ms.
    """

    t_ms: Array
    mean_pA: Array
    sem_pA: Array
    n: int
    rise: Observable
    tau: Observable


def average_event(
    t_ms: ArrayLike, sweeps_pA: ArrayLike, events: Events, *, before_ms: float = 3.0, after_ms: float = 40.0
) -> AverageEvent:
    """Average isolated events, aligned on the half of their rise.

    Parameters
    ----------
    t_ms, sweeps_pA
        As given to :func:`detect_events`.
    events : Events
    before_ms, after_ms : float
        Around the start. An event takes part when no other starts in that stretch.

    Returns
    -------
    AverageEvent
    """
    t, y, dt = ensemble(t_ms, sweeps_pA)
    low, high = round(before_ms / dt), round(after_ms / dt)
    traces = []
    for i in range(len(events)):
        same = events.sweep == events.sweep[i]
        gap = events.start_ms[same] - events.start_ms[i]
        alone = not ((gap > 0) & (gap < after_ms) | (gap < 0) & (gap > -before_ms - 10.0)).any()
        at = round(float(events.half_ms[i] - t[0]) / dt)
        if alone and at - low >= 0 and at + high < t.size:
            piece = y[events.sweep[i], at - low : at + high]
            traces.append(piece - piece[: max(1, low - round(1.0 / dt))].mean())
    axis = np.arange(-low, high, dtype=np.float64) * dt
    if len(traces) < 5:
        reason = f"{len(traces)} isolated events of {len(events)}"
        none = {
            id: missing(id, unit, "not determined", reason) for id, unit in (("event_tau", "ms"), ("event_rise", "ms"))
        }
        empty = np.full(axis.size, math.nan)
        return AverageEvent(axis, empty, empty, len(traces), none["event_rise"], none["event_tau"])
    block = np.array(traces)
    mean = block.mean(axis=0)
    sem = block.std(axis=0, ddof=1) / math.sqrt(len(block))
    rise, tau = _average_measures(axis, mean, events.settings)
    return AverageEvent(axis, mean, sem, len(block), rise, tau)


def _average_measures(axis: Array, mean: Array, settings: EventSettings) -> tuple[Observable, Observable]:
    at = peak(axis, mean, convention=settings.polarity, baseline_ms=(float(axis[0]), -1.0), search_ms=(0.0, 10.0))
    found = decay(axis, mean, at, convention="mono", pedestal=False, from_fraction=0.9)
    up = rise(axis, mean, at)
    return dataclasses.replace(up, id="event_rise"), dataclasses.replace(found.tau, id="event_tau")
