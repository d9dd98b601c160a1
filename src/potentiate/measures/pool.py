"""The pool of vesicles behind a train: cumulative amplitudes, extrapolated back to the first stimulus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .line import straight_line
from .observable import Observable, missing

#: A shorter train has no steady part to extrapolate from.
FEWEST_PULSES = 8
#: The line goes through this part of the pulses, the last ones, and through at least four.
LAST_PART = 0.4
#: The late amplitudes count as steady where a line through them changes by less than this part of their mean.
STEADY = 0.2


def releasable_pool(amplitudes_pA: ArrayLike, *, unit: str = "pA") -> Observable:
    """Extrapolate the cumulative amplitude of a train to its first stimulus.

    Parameters
    ----------
    amplitudes_pA : (pulse,) array
        Of the mean over sweeps, all of one sign, corrected for what is left of the response before.
    unit : str

    Returns
    -------
    Observable
        ``pool_amplitude``: number of vesicles ready at the first stimulus times the quantal size, without sign; divided
        by the quantal size it is their number. ``not steady`` (with its value) where the late amplitudes still change;
        ``not determined`` for trains of fewer than eight pulses.

    Notes
    -----
    Schneggenburger, Meyer & Neher 1999, Neuron 23:399: the steady part of the cumulative curve is refilling at a
    constant rate; a line through it, taken back to the first stimulus, leaves what was there before. What still sits
    in the pool in the steady state is not counted: with weak depression the result is too small. It assumes that the
    steady depression is depletion, and not desensitization or saturation of the receptors.

    Examples
    --------
    >>> o = releasable_pool([-100, -60, -40, -30, -25, -25, -25, -25, -25, -25])
    >>> round(o.value), o.status
    (155, 'ok')
    """
    y = np.abs(np.asarray(amplitudes_pA, dtype=float).ravel())
    name = "cumulative amplitude, extrapolated back"
    if y.size < FEWEST_PULSES or not np.isfinite(y).all():
        why = f"{int(np.isfinite(y).sum())} amplitudes; {FEWEST_PULSES} pulses are needed to reach a steady part"
        return missing("pool_amplitude", unit, "not determined", why, name)
    last = max(4, round(LAST_PART * y.size))
    pulse = np.arange(1, y.size + 1, dtype=float)
    total = np.cumsum(y)
    line = straight_line(pulse[-last:], total[-last:])
    # total(n) = pool + (n - 1) refilling: the pool is where the line stands at the first stimulus, number 1
    value = line.intercept + line.slope
    late = straight_line(pulse[-last:], y[-last:])
    mean = float(y[-last:].mean())
    change = abs(late.slope) * (last - 1) / mean if mean > 0 else math.inf
    notes = (f"line through the last {last} of {y.size} pulses",)
    if change > STEADY:
        why = f"the last {last} amplitudes still change by {change:.0%}"
        return Observable("pool_amplitude", value, unit, "not steady", why, None, name, notes)
    return Observable("pool_amplitude", value, unit, convention=name, notes=notes)
