"""One agonist application: when it was, whether the sweep responds, and everything read off it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .decay import Decay, decay, desensitization
from .observable import Observable, missing
from .peak import Array, Peak, peak, rise, trace
from .plateau import steady_state_ratio

#: A response below this is not counted as one, however quiet the baseline (leak drift is of this size).
MINIMUM_PA = 20.0


@dataclass(frozen=True)
class Jump:
    """What one sweep with an agonist application shows.

    Attributes
    ----------
    responds : bool
    reason : str
        Why it counts as a response or not.
    on, off : Observable
        Begin and end of the agonist, ms: as told or as detected.
    peak : Peak
    rise, steady_state, tau_des, tau_off : Observable
        ``rise_10_90``, ``SS/peak``, ``tau_des``, ``tau_off`` (one exponential after the end).
    wash : Decay
        The fit behind tau_off.
    """

    responds: bool
    reason: str
    on: Observable
    off: Observable
    peak: Peak
    rise: Observable
    steady_state: Observable
    tau_des: Observable
    tau_off: Observable
    wash: Decay | None

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return (
            self.on, self.off, self.peak.amplitude, self.peak.time, self.rise, self.steady_state, self.tau_des,
            self.tau_off,
        )  # fmt: skip


def measure_jump(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    on_ms: float | None = None,
    off_ms: float | None = None,
    *,
    baseline_ms: tuple[float, float] | None = None,
    polarity: str | None = None,
    minimum_pA: float = MINIMUM_PA,
    average_ms: float = 0.0,
    desensitization_convention: str | None = "fit",
    off_form: str = "mono",
    off_fraction: float = 0.6,
) -> Jump:
    """Measure the response to one application of agonist.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    on_ms, off_ms : float, optional
        Begin and end of the agonist; detected from the response where absent.
    baseline_ms : (float, float), optional
        Default: from the start of the trace to just before `on_ms`, or its first tenth.
    polarity : {"auto", "negative", "positive"}, optional
    minimum_pA : float
        Smallest response; it must also exceed 5 standard deviations of the baseline. Use 0 for simulations.
    average_ms : float
        Width of the mean at the peak.
    desensitization_convention : {"fit", "1/e"}
        "1/e" for clean or averaged traces.
    off_form : {"mono", "bi", "auto"}
        Form of the relaxation after the end.
    off_fraction : float
        Its fit starts where the current has fallen to this part of its value at the end: the solution
        exchange comes before.

    Returns
    -------
    Jump
        For a sweep that does not respond every measure is NaN with status ``no response``.

    Raises
    ------
    UsageError
        Bad arrays or an empty window.
    """
    t, y = trace(t_ms, current_pA)
    if baseline_ms is None:
        tenth = t[0] + 0.1 * (t[-1] - t[0])
        before = t[t < on_ms] if on_ms is not None else t[t <= tenth]
        baseline_ms = (float(t[0]), float(before[-1])) if before.size >= 2 else None
    span = (t[0] if on_ms is None else on_ms, t[-1] if off_ms is None else off_ms)
    at = peak(t, y, convention=polarity, baseline_ms=baseline_ms, search_ms=span, average_ms=average_ms)
    reason = at.amplitude.reason or ""
    if at.amplitude.ok and at.size_pA < minimum_pA:
        reason = f"{at.amplitude.value:.3g} pA is above the noise but below the floor of {minimum_pA:g} pA"
        small = Observable("peak", at.amplitude.value, "pA", "no response", reason, None, at.amplitude.convention)
        at = Peak(small, missing("peak_time", "ms", "no response", reason), at.baseline_pA, at.noise_sd_pA, at.sign,
                  at.index)  # fmt: skip
    if not at.amplitude.ok:

        def no(id: str, unit: str = "ms") -> Observable:
            return missing(id, unit, "no response", reason)

        return Jump(
            False, reason, no("on"), no("off"), at, no("rise_10_90"), no("SS/peak", ""), no("tau_des"), no("tau_off"),
            None,
        )  # fmt: skip
    part = at.sign * (y - at.baseline_pA)
    on = Observable("on", on_ms, "ms", convention="told") if on_ms is not None else _onset(t, part, at)
    off = Observable("off", off_ms, "ms", convention="told") if off_ms is not None else _end(t, part, at)
    good = f"{at.amplitude.value:.4g} pA, {at.size_pA / at.noise_sd_pA:.0f} SD" if at.noise_sd_pA > 0 else "above zero"
    rising = rise(t, y, at)
    if not (on.known and off.known):
        why = on.reason or off.reason or ""
        steady, fading, tau_off = (
            missing(id, unit, "not determined", why)
            for id, unit in (("SS/peak", ""), ("tau_des", "ms"), ("tau_off", "ms"))
        )
        return Jump(True, good, on, off, at, rising, steady, fading, tau_off, None)
    steady = steady_state_ratio(t, y, at, (on.value, off.value))
    fading = desensitization(t, y, at, off.value, steady, convention=desensitization_convention)
    wash, tau_off = _wash(t, y, at, part, off.value, off_form, off_fraction)
    return Jump(True, good, on, off, at, rising, steady, fading, tau_off, wash)


def _smooth(part: Array, samples: int = 5) -> Array:
    padded = np.pad(part, samples // 2, mode="edge")
    return np.convolve(padded, np.ones(samples) / samples, mode="valid")


def _onset(t: Array, part: Array, at: Peak) -> Observable:
    """The last time before the peak at which the smoothed current was below 2 % of it, or 3 SD."""
    noise = at.noise_sd_pA if math.isfinite(at.noise_sd_pA) else 0.0
    below = np.flatnonzero(_smooth(part)[: at.index + 1] <= max(0.02 * at.size_pA, 3 * noise))
    if below.size == 0:
        return missing("on", "ms", "not determined", "the trace starts inside the response", "detected")
    return Observable("on", float(t[below[-1]]), "ms", convention="detected")


def _end(t: Array, part: Array, at: Peak) -> Observable:
    """Walk back from the last fall through half of the plateau to where the fall begins."""
    smooth = _smooth(part, 9)
    noise = at.noise_sd_pA if math.isfinite(at.noise_sd_pA) else 0.0
    above = np.flatnonzero(smooth > max(0.1 * at.size_pA, 5 * noise))
    last = int(above[-1])
    if last >= t.size - 3:
        return missing("off", "ms", "not determined", "the response does not end inside the trace", "detected")
    # plateau: the middle of the response between its peak and its last tenth
    k = at.index + int(0.5 * (last - at.index))
    level = float(np.median(smooth[k : at.index + int(0.8 * (last - at.index)) + 1]))
    if level < max(0.1 * at.size_pA, 5 * noise):
        return missing("off", "ms", "not determined", "no plateau to fall from: give off_ms", "detected")
    half = k + int(np.flatnonzero(smooth[k:] > level / 2)[-1])
    speed = -np.gradient(smooth, t)
    steepest = max(k, half - (last - half)) + int(np.argmax(speed[max(k, half - (last - half)) : last + 1]))
    slow = np.flatnonzero(speed[k : steepest + 1] < 0.2 * speed[steepest])
    begin = k + int(slow[-1]) if slow.size else k
    return Observable("off", t[begin], "ms", convention="detected")


def _wash(
    t: Array, y: Array, at: Peak, part: Array, off_ms: float, form: str, fraction: float
) -> tuple[Decay | None, Observable]:
    """Fit the relaxation after the agonist has left."""
    begin = int(np.searchsorted(t, off_ms))
    reference = float(np.interp(off_ms, t, part))
    noise = at.noise_sd_pA if math.isfinite(at.noise_sd_pA) else 0.0
    if begin >= t.size - 4:
        return None, missing("tau_off", "ms", "not determined", "the trace ends with the pulse")
    if reference <= max(5 * noise, 1e-9 * at.size_pA):
        return None, missing("tau_off", "ms", "not determined", "nothing is left at the end of the pulse")
    fallen = np.flatnonzero(part[begin:] <= fraction * reference)
    if fallen.size == 0:
        return None, missing("tau_off", "ms", "not determined", "the current does not fall after the pulse")
    start = float(t[begin + int(fallen[0])])
    wash = decay(t, y, at, convention=form, start_ms=start)
    tau = wash.tau
    name = f"{form}, from {fraction:.0%} of the value at the end"
    return wash, Observable("tau_off", tau.value, "ms", tau.status, tau.reason, None, name, tau.notes)
