"""Baseline, peak and rise time of one response."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .conventions import chosen
from .observable import Observable, missing

Array = NDArray[np.float64]

#: A response must exceed this many standard deviations of the baseline.
RESPONSE_SD = 5.0


def trace(t_ms: ArrayLike, current_pA: ArrayLike) -> tuple[Array, Array]:
    """Return time and current as float arrays of one length.

    Raises
    ------
    UsageError
        Not one-dimensional, lengths differ, fewer than 3 samples, time not increasing, samples not finite.
    """
    t, y = np.asarray(t_ms, dtype=float), np.asarray(current_pA, dtype=float)
    if t.ndim != 1 or t.shape != y.shape or t.size < 3:
        raise UsageError("Not a trace", why=f"time {t.shape}, current {y.shape}; wanted two (time,), 3 or more")
    if not (np.diff(t) > 0).all():
        raise UsageError("Time does not increase")
    if not np.isfinite(y).all():
        raise UsageError("The trace holds NaN or infinity", do="choose a window without them")
    return t, y


def window(t: Array, span_ms: tuple[float, float], what: str) -> NDArray[np.bool_]:
    """Return the mask of samples in ``[start, stop]``.

    Raises
    ------
    UsageError
        No sample in it.
    """
    mask = (t >= span_ms[0]) & (t <= span_ms[1])
    if not mask.any():
        raise UsageError(f"The {what} window {span_ms[0]:g} to {span_ms[1]:g} ms holds no sample",
                         why=f"the trace runs from {t[0]:g} to {t[-1]:g} ms")  # fmt: skip
    return mask


@dataclass(frozen=True)
class Peak:
    """A peak and what it was measured against.

    Attributes
    ----------
    amplitude : Observable
        Deviation from baseline, pA, signed.
    time : Observable
        Time of the peak, ms.
    baseline_pA, noise_sd_pA : float
        Mean and standard deviation of the baseline window; 0 and NaN when none was given.
    sign : {-1, 1}
        Direction of the response.
    index : int
        Sample of the peak.
    """

    amplitude: Observable
    time: Observable
    baseline_pA: float
    noise_sd_pA: float
    sign: int
    index: int

    @property
    def size_pA(self) -> float:
        """Absolute amplitude."""
        return abs(self.amplitude.value)


def peak(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    *,
    convention: str | None = None,
    baseline_ms: tuple[float, float] | None = None,
    search_ms: tuple[float, float] | None = None,
    average_ms: float = 0.0,
) -> Peak:
    """Measure the peak.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    convention : {"auto", "negative", "positive"}, optional
        Polarity.
    baseline_ms : (float, float), optional
        Window of the baseline. Without it the baseline is 0 pA and the noise guard is off.
    search_ms : (float, float), optional
        Where to look; default the whole trace.
    average_ms : float
        Width of the mean around the extreme sample. 0 takes the sample itself, which in noise is too large.

    Returns
    -------
    Peak
        Its amplitude has status ``no response`` below 5 standard deviations of the baseline.

    Raises
    ------
    UsageError
        Bad arrays or an empty window.
    """
    t, y = trace(t_ms, current_pA)
    polarity = chosen("peak", convention)
    level, noise, notes = 0.0, math.nan, ("no baseline window: baseline 0 pA, noise unknown",)
    if baseline_ms is not None:
        quiet = y[window(t, baseline_ms, "baseline")]
        level = float(quiet.mean())
        noise = float(quiet.std(ddof=1)) if quiet.size > 1 else math.nan
        notes = (f"baseline {level:.4g} pA, SD {noise:.3g} pA",)
    where = np.flatnonzero(window(t, search_ms or (t[0], t[-1]), "search"))
    deviation = y[where] - level
    sign = {"negative": -1, "positive": 1}.get(polarity, 1 if deviation.max() >= -deviation.min() else -1)
    index = int(where[np.argmax(sign * deviation)])
    around = np.abs(t - t[index]) <= average_ms / 2
    amplitude = float(y[around].mean()) - level
    guard = RESPONSE_SD * noise if math.isfinite(noise) else 0.0
    # below 1e-9 of the level, a difference is arithmetic
    if sign * amplitude <= max(guard, 1e-12 * abs(level)):
        reason = f"{amplitude:.3g} pA against a limit of {guard:.3g} pA (5 SD of the baseline)"
        size = Observable("peak", amplitude, "pA", "no response", reason, None, polarity, notes)
        return Peak(size, missing("peak_time", "ms", "no response", reason), level, noise, sign, index)
    return Peak(
        Observable("peak", amplitude, "pA", convention=polarity, notes=notes),
        Observable("peak_time", t[index], "ms", convention=polarity),
        level, noise, sign, index,
    )  # fmt: skip


def crossing(t: Array, y: Array, level: float, k: int) -> float:
    """Return the time at which the straight line from sample k to k + 1 meets `level`."""
    step = y[k + 1] - y[k]
    part = 0.0 if step == 0 else (level - y[k]) / step
    return float(t[k] + min(max(part, 0.0), 1.0) * (t[k + 1] - t[k]))


def rise(t_ms: ArrayLike, current_pA: ArrayLike, at: Peak, *, convention: str | None = None) -> Observable:
    """Measure the rise time to a peak.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
        From :func:`peak` on the same arrays.
    convention : {"10-90", "20-80"}, optional

    Returns
    -------
    Observable
        ms. ``not resolved`` (with its value) when fewer than three samples lie between the crossings.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("rise", convention)
    id = f"rise_{name.replace('-', '_')}"
    if not at.amplitude.ok:
        return missing(id, "ms", "no response", at.amplitude.reason or "no response", name)
    low, high = (float(part) / 100 for part in name.split("-"))
    part = at.sign * (y - at.baseline_pA) / at.size_pA
    before = part[: at.index + 1]
    under_high = np.flatnonzero(before < high)
    under_low = np.flatnonzero(before < low)
    if under_low.size == 0 or under_high.size == 0:
        return missing(id, "ms", "not determined", f"the trace starts above {low:.0%} of the peak", name)
    k_low, k_high = int(under_low[-1]), int(under_high[-1])
    # the last crossing of the low level that comes before the last crossing of the high level
    value = crossing(t, part, high, k_high) - crossing(t, part, low, k_low)
    interval = float(np.median(np.diff(t)))
    notes = (f"sampling {interval:.3g} ms",)
    if k_high - k_low < 3:
        reason = f"{k_high - k_low} samples between the crossings, sampled every {interval:.3g} ms"
        return Observable(id, value, "ms", "not resolved", reason, None, name, notes)
    return Observable(id, value, "ms", convention=name, notes=notes)
