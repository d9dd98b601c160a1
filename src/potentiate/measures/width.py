"""How wide a response is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .conventions import chosen
from .decay import fall_time
from .observable import Observable, missing
from .peak import Peak, crossing, trace


def half_width(t_ms: ArrayLike, current_pA: ArrayLike, at: Peak, *, convention: str | None = None) -> Observable:
    """Measure the width of a response at half of its peak.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
        From :func:`potentiate.measures.peak` on the same arrays.
    convention : {"half of peak"}, optional

    Returns
    -------
    Observable
        ms; ``not determined`` where the response starts above half of the peak or does not fall to it.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("half_width", convention)
    if not at.amplitude.ok:
        return missing("half_width", "ms", "no response", at.amplitude.reason or "no response", name)
    part = at.sign * (y - at.baseline_pA) / at.size_pA
    below = np.flatnonzero(part[: at.index + 1] < 0.5)
    end = fall_time(t, part, at.index, 0.5)
    if below.size == 0 or math.isnan(end):
        side = "starts above" if below.size == 0 else "does not fall to"
        return missing("half_width", "ms", "not determined", f"the trace {side} half of the peak", name)
    start = crossing(t, part, 0.5, int(below[-1]))
    return Observable("half_width", end - start, "ms", convention=name)
