"""Steady state and charge."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .conventions import chosen
from .observable import Observable, missing
from .peak import Peak, trace, window

#: Largest change over the window, as part of the plateau, that still counts as steady.
STEADY_TOLERANCE = 0.02


def steady_state_ratio(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    at: Peak,
    pulse_ms: tuple[float, float],
    *,
    convention: str | None = None,
) -> Observable:
    """Measure the current at the end of a pulse relative to its peak.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
    pulse_ms : (float, float)
        Begin and end of the agonist.
    convention : {"last 10 %", "last 5 ms"}, optional

    Returns
    -------
    Observable
        ``SS/peak``; status ``not steady`` (with its value) where a straight line through the window moves by
        more than 2 % of the plateau and by more than 3 standard errors.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("steady_state_ratio", convention)
    if not at.amplitude.ok:
        return missing("SS/peak", "", "no response", at.amplitude.reason or "no response", name)
    on, off = pulse_ms
    width = 0.1 * (off - on) if name == "last 10 %" else 5.0
    if width > off - on:
        return missing("SS/peak", "", "not determined", f"the pulse is shorter than {width:g} ms", name)
    # the sample at the end of the pulse itself may already belong to the wash
    mask = window(t, (off - width, off), "plateau") & ((t < off) | (t == t[-1]))
    x, z = t[mask], at.sign * (y[mask] - at.baseline_pA)
    if x.size < 3:
        return missing("SS/peak", "", "not resolved", f"{x.size} samples in the last {width:g} ms", name)
    level = float(z.mean())
    centred = x - x.mean()
    slope = float(centred @ z / (centred @ centred))
    scatter = z - level - slope * centred
    error = math.sqrt(float(scatter @ scatter) / (x.size - 2) / float(centred @ centred))
    ratio, moved = level / at.size_pA, slope * width
    notes = (f"mean of {x.size} samples, {x[0]:.4g} to {x[-1]:.4g} ms",)
    if abs(moved) > max(STEADY_TOLERANCE * abs(level), 3 * error * width, 1e-6 * at.size_pA):
        verb = "rising" if slope > 0 else "falling"
        scale = f"{abs(moved / level):.2g} of the plateau" if level else f"{abs(moved):.2g} pA"
        reason = f"still {verb} by {scale} over the last {width:g} ms of the pulse"
        return Observable("SS/peak", ratio, "", "not steady", reason, None, name, notes)
    return Observable("SS/peak", ratio, "", convention=name, notes=notes)


def charge(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    at: Peak,
    *,
    convention: str | None = None,
    window_ms: tuple[float, float] | None = None,
    smooth_samples: int = 5,
) -> Observable:
    """Integrate a response.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
    convention : {"to baseline", "window"}, optional
        From the start of the response until it is back within 2 standard deviations of the baseline (or
        0.5 % of the peak), or over `window_ms`.
    window_ms : (float, float), optional
        For "window".
    smooth_samples : int
        The return counts when the mean of this many samples is back.

    Returns
    -------
    Observable
        fC (pA ms), signed; ``not determined`` (with the integral to the end of the trace) when the current
        does not return.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("charge", convention)
    z = y - at.baseline_pA
    if name == "window":
        if window_ms is None:
            return missing("charge", "fC", "refused", "convention 'window' needs window_ms", name)
        mask = window(t, window_ms, "charge")
        return Observable("charge", float(np.trapezoid(z[mask], t[mask])), "fC", convention=name)
    if not at.amplitude.ok:
        return missing("charge", "fC", "no response", at.amplitude.reason or "no response", name)
    noise = at.noise_sd_pA if math.isfinite(at.noise_sd_pA) else 0.0
    limit = max(2 * noise, 0.005 * at.size_pA)
    part = at.sign * z
    quiet_before = np.flatnonzero(part[: at.index] <= limit)
    first = int(quiet_before[-1]) if quiet_before.size else 0
    total = np.concatenate([[0.0], np.cumsum(part[at.index :])])
    width = min(smooth_samples, total.size - 1)
    running = np.abs(total[width:] - total[:-width]) / width
    back = np.flatnonzero(running <= limit)
    last = at.index + int(back[0]) if back.size else t.size - 1
    value = float(np.trapezoid(z[first : last + 1], t[first : last + 1]))
    if back.size == 0:
        reason = f"the current does not return to {limit:.3g} pA before the trace ends"
        return Observable("charge", value, "fC", "not determined", reason, None, name)
    return Observable("charge", value, "fC", convention=name, notes=(f"{t[first]:.4g} to {t[last]:.4g} ms",))
