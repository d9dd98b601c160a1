"""Field potentials: three definitions of the fEPSP slope, amplitude, latency, volley and population spike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .conventions import chosen
from .observable import Observable, missing
from .peak import RESPONSE_SD, Array, crossing, trace, window
from .volley import Volley, find_volley, missing_volley

#: Width of the sliding line of the maximum slope, ms (WinLTP's definition).
MAXIMUM_MS = 1.0
#: The fixed window, where none is given, spans these parts of the peak of the mean of all sweeps.
FIXED_PARTS = (0.2, 0.8)
#: The onset is counted to this part of the peak.
ONSET_PART = 0.1


@dataclass(frozen=True)
class Line:
    """A straight line through part of a trace.

    Attributes
    ----------
    start_ms, stop_ms : float
    level : float
        Its value at `start_ms`, mV.
    slope : float
        mV/ms.
    """

    start_ms: float
    stop_ms: float
    level: float
    slope: float


@dataclass(frozen=True)
class FieldPotential:
    """What one evoked field potential shows.

    Attributes
    ----------
    amplitude : Observable
        ``fEPSP_amplitude``, mV, signed, from the baseline (or from the mark of its start).
    slope : Observable
        ``fEPSP_slope``, mV/ms, signed.
    onset, peak_time : Observable
        ``fEPSP_onset``, ``fEPSP_peak_time``: ms from the stimulus.
    volley : Volley
        Fibre volley.
    spike : Observable
        ``population_spike``, mV, positive: from the trough to the line between its shoulders.
    line : Line or None
        The line behind `slope`.
    baseline_mV, noise_sd_mV : float
    sign : {-1, 1}
        Direction of the fEPSP.
    index, spike_index : int
        Samples of the peak and of the trough of the spike (-1 without one).
    stimulus_ms : float
    """

    amplitude: Observable
    slope: Observable
    onset: Observable
    peak_time: Observable
    volley: Volley
    spike: Observable
    line: Line | None
    baseline_mV: float
    noise_sd_mV: float
    sign: int
    index: int
    spike_index: int
    stimulus_ms: float

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return (
            self.slope, self.amplitude, self.onset, self.peak_time, self.volley.amplitude, self.volley.latency,
            self.spike,
        )  # fmt: skip


def measure_field(
    t_ms: ArrayLike,
    voltage_mV: ArrayLike,
    stimulus_ms: float,
    *,
    convention: str | None = None,
    window_ms: tuple[float, float] | None = None,
    crossing_convention: str | None = None,
    marks_ms: tuple[float, float] | None = None,
    polarity: str = "negative",
    baseline_ms: tuple[float, float] = (-20.0, -0.5),
    search_ms: tuple[float, float] = (2.0, 30.0),
    volley_ms: tuple[float, float] | None = None,
    volley_convention: str | None = None,
) -> FieldPotential:
    """Measure the field potential after one stimulus.

    Parameters
    ----------
    t_ms, voltage_mV : (time,) arrays
    stimulus_ms : float
        Begin of the shock.
    convention : {"fixed window", "maximum", "20-80", "20-90", "10-90"}, optional
        Definition of the slope.
    window_ms : (float, float), optional
        The fixed window, relative to the stimulus. Without it 20 to 80 % of this trace are the window: for a series
        take :func:`fixed_window` of its mean, once.
    crossing_convention : {"last crossing", "nearest sample"}, optional
        Which sample starts and ends a low-high % slope; see :func:`level_samples`.
    marks_ms : (float, float), optional
        Start and peak of the fEPSP as somebody marked them (absolute times): the level at the first is the baseline.
    polarity : {"negative", "positive", "auto"}
        Of the fEPSP: negative in stratum radiatum, positive at the somata.
    baseline_ms, search_ms : (float, float)
        Relative to the stimulus: the baseline, and where the peak is looked for (behind artefact and volley).
    volley_ms : (float, float), optional
        Where the fibre volley is, relative to the stimulus; default from the end of the artefact to the rise of the
        fEPSP.
    volley_convention : str, optional
        See :func:`~potentiate.measures.volley.find_volley`.

    Returns
    -------
    FieldPotential
        Below 5 SD of the baseline: amplitude, fixed-window and maximum slope keep their values with status ``no
        response``; a low-high % slope is ``refused``.

    Raises
    ------
    UsageError
        Bad arrays, an empty window, or marks in the wrong order.

    Notes
    -----
    The three definitions are those of WinLTP (Anderson & Collingridge 2007, J Neurosci Methods 162:346), which calls
    the low-high % slope the least useful one where the response is small.
    """
    t, v = trace(t_ms, voltage_mV)
    name = chosen("measure_field", convention)
    if polarity not in ("negative", "positive", "auto"):
        raise UsageError(f"Unknown polarity {polarity!r}", do="negative, positive or auto")
    level, noise = _baseline(t, v, stimulus_ms, baseline_ms)
    if marks_ms is None:
        start, peak_at, sign = _peak(t, v, level, stimulus_ms, search_ms, polarity)
        reference, how = level, "from the baseline"
    else:
        start, peak_at = (int(np.argmin(np.abs(t - mark))) for mark in marks_ms)
        if peak_at <= start:
            raise UsageError("The marked peak does not come after the marked start", why=f"{marks_ms} ms")
        reference, how = float(v[start]), "between the marks"
        sign = 1 if v[peak_at] >= reference else -1
    amplitude = _amplitude(float(v[peak_at]) - reference, noise, how, level)
    part = sign * (v - reference)
    onset, peak_time = _times(t, part, start, peak_at, stimulus_ms, amplitude)
    slope, line = _slope(
        t,
        v,
        part,
        start,
        peak_at,
        stimulus_ms,
        name,
        window_ms,
        chosen("level_samples", crossing_convention),
        amplitude,
    )
    rising = _first(part[start : peak_at + 1], 0.5 * part[peak_at])
    before = start + (rising if rising is not None else peak_at - start)
    volley = (
        find_volley(t, v, stimulus_ms, float(t[before]), level, noise, sign, volley_ms, convention=volley_convention)
        if amplitude.ok or volley_ms is not None
        else missing_volley("no response", "no fEPSP tells where the volley ends: give its window")
    )
    # what lies between volley and fEPSP is a shoulder of both, not a spike
    late = search_ms if volley.index < 0 else (max(search_ms[0], t[volley.shoulders[1]] - stimulus_ms), search_ms[1])
    spike, trough = _population_spike(t, sign * (v - level), stimulus_ms, late, noise, amplitude)
    return FieldPotential(
        amplitude, slope, onset, peak_time, volley, spike, line, level, noise, sign, peak_at, trough, stimulus_ms
    )


def fixed_window(
    t_ms: ArrayLike, mean_mV: ArrayLike, stimulus_ms: float, *, polarity: str = "negative",
    baseline_ms: tuple[float, float] = (-20.0, -0.5), search_ms: tuple[float, float] = (2.0, 30.0),
) -> tuple[float, float]:  # fmt: skip
    """Return the window, relative to the stimulus, in which the mean response goes from 20 to 80 % of its peak.

    Meant for the mean of a series: the same window then serves all of its sweeps.

    Raises
    ------
    UsageError
        The mean holds no response, or fewer than three samples lie in the window.
    """
    t, v = trace(t_ms, mean_mV)
    level, noise = _baseline(t, v, stimulus_ms, baseline_ms)
    start, peak_at, sign = _peak(t, v, level, stimulus_ms, search_ms, polarity)
    part = sign * (v - level)
    if part[peak_at] < RESPONSE_SD * noise or part[peak_at] <= 0:
        why = f"the mean of the sweeps reaches {part[peak_at]:.3g} mV, {RESPONSE_SD:g} SD are {RESPONSE_SD * noise:.3g}"
        raise UsageError("No response to take the slope window from", why=why, do="give the window")
    first, last = level_samples(part[start : peak_at + 1], *FIXED_PARTS)
    if last - first < 2:
        raise UsageError("Fewer than three samples between 20 and 80 % of the mean response", do="give the window")
    return float(t[start + first] - stimulus_ms), float(t[start + last] - stimulus_ms)


def level_samples(part: Array, low: float, high: float, *, convention: str | None = None) -> tuple[int, int]:
    """Return the first and last sample of a low-high % slope.

    Parameters
    ----------
    part : (n,) array
        From the start of the response to its peak, upward, 0 at the baseline.
    low, high : float
        Parts of the last sample, 0 to 1.
    convention : {"last crossing", "nearest sample"}, optional
        "last crossing": the samples after the last one below `low` and up to the last one below `high`.
        "nearest sample": the two samples whose ABSOLUTE deviation from the start comes nearest to the two levels, the
        first of equals; a volley or artefact of the other sign can be taken for the 20 % crossing.

    Notes
    -----
    "nearest sample" is the rule behind the reference results of the data set ``fepsp_io_slutsky``: all its 93 windows
    follow from it, and 13 of them do not when the sign of the deviation counts.
    """
    rule = chosen("level_samples", convention)
    top = abs(float(part[-1]))
    if rule == "nearest sample":
        size = np.abs(part)
        first, last = (int(np.argmin(np.abs(size - share * top))) for share in (low, high))
        return min(first, last), max(first, last)
    under_low, under_high = (np.flatnonzero(part < share * top) for share in (low, high))
    first = int(under_low[-1]) + 1 if under_low.size else 0
    return first, int(under_high[-1]) if under_high.size else 0


def _baseline(t: Array, v: Array, stimulus_ms: float, span: tuple[float, float]) -> tuple[float, float]:
    quiet = v[window(t, (stimulus_ms + span[0], stimulus_ms + span[1]), "baseline")]
    return float(quiet.mean()), float(quiet.std(ddof=1)) if quiet.size > 1 else math.nan


def _peak(
    t: Array, v: Array, level: float, stimulus_ms: float, search_ms: tuple[float, float], polarity: str
) -> tuple[int, int, int]:
    """Return the first sample of the search, that of the peak, and the direction."""
    where = np.flatnonzero(window(t, (stimulus_ms + search_ms[0], stimulus_ms + search_ms[1]), "search"))
    deviation = v[where] - level
    larger = 1 if deviation.max() >= -deviation.min() else -1
    sign = {"negative": -1, "positive": 1}.get(polarity, larger)
    return int(where[0]), int(where[np.argmax(sign * deviation)]), sign


def _amplitude(value: float, noise: float, how: str, level: float) -> Observable:
    notes = (f"baseline {level:.4g} mV, SD {noise:.3g} mV",)
    if not abs(value) > RESPONSE_SD * (noise if math.isfinite(noise) else 0.0):
        reason = f"{value:.3g} mV against a limit of {RESPONSE_SD * noise:.3g} mV (5 SD of the baseline)"
        return Observable("fEPSP_amplitude", value, "mV", "no response", reason, None, how, notes)
    return Observable("fEPSP_amplitude", value, "mV", convention=how, notes=notes)


def _first(part: Array, level: float) -> int | None:
    hits = np.flatnonzero(part >= level)
    return int(hits[0]) if hits.size else None


def _times(
    t: Array, part: Array, start: int, peak_at: int, stimulus_ms: float, amplitude: Observable
) -> tuple[Observable, Observable]:
    name = f"stimulus to {ONSET_PART:.0%} of the peak"
    if not amplitude.ok:
        why = amplitude.reason or ""
        return (missing("fEPSP_onset", "ms", "no response", why, name),
                missing("fEPSP_peak_time", "ms", "no response", why, "stimulus to peak"))  # fmt: skip
    peak_time = Observable("fEPSP_peak_time", t[peak_at] - stimulus_ms, "ms", convention="stimulus to peak")
    level = ONSET_PART * part[peak_at]
    below = np.flatnonzero(part[start : peak_at + 1] < level)
    if below.size == 0:
        why = f"the trace is beyond {ONSET_PART:.0%} of the peak all the way back to the start of the search"
        return missing("fEPSP_onset", "ms", "not separable", why, name), peak_time
    at = crossing(t, part, level, start + int(below[-1]))
    return Observable("fEPSP_onset", at - stimulus_ms, "ms", convention=name), peak_time


def _slope(
    t: Array, v: Array, part: Array, start: int, peak_at: int, stimulus_ms: float, name: str,
    window_ms: tuple[float, float] | None, rule: str, amplitude: Observable,
) -> tuple[Observable, Line | None]:  # fmt: skip
    weak = not amplitude.ok
    notes: tuple[str, ...] = ()
    if name == "fixed window":
        if window_ms is None:
            if weak:
                why = f"no window was given, and none can be taken from this trace: {amplitude.reason}"
                return missing("fEPSP_slope", "mV/ms", "not determined", why, name), None
            first, last = level_samples(part[start : peak_at + 1], *FIXED_PARTS)
            first, last = start + first, start + last
            notes = ("window from 20 to 80 % of this very trace",)
        else:
            if window_ms[1] <= window_ms[0]:
                raise UsageError("The slope window ends before it begins", why=f"{window_ms} ms")
            where = np.flatnonzero(window(t, (stimulus_ms + window_ms[0], stimulus_ms + window_ms[1]), "slope"))
            first, last = int(where[0]), int(where[-1])
    elif name == "maximum":
        first, last = _steepest(t, part, start, peak_at)
        notes = (f"line of {MAXIMUM_MS:g} ms",)
    else:
        if weak:
            why = f"the peak is below 5 SD of the baseline: {amplitude.reason}"
            return missing("fEPSP_slope", "mV/ms", "refused", why, name), None
        low, high = (float(share) / 100 for share in name.split("-"))
        first, last = level_samples(part[start : peak_at + 1], low, high, convention=rule)
        first, last = start + first, start + last
        notes = (rule,)
    if last - first < 2:
        why = f"{max(last - first + 1, 0)} samples in the window; a slope needs three"
        return missing("fEPSP_slope", "mV/ms", "not resolved", why, name), None
    x, y = t[first : last + 1], v[first : last + 1]
    centred = x - x.mean()
    value = float(centred @ y / (centred @ centred))
    line = Line(float(x[0]), float(x[-1]), float(y.mean() - value * (x.mean() - x[0])), value)
    notes = (*notes, f"{x.size} samples, {x[0] - stimulus_ms:.4g} to {x[-1] - stimulus_ms:.4g} ms after the stimulus")
    if weak:
        return Observable("fEPSP_slope", value, "mV/ms", "no response", amplitude.reason, None, name, notes), line
    return Observable("fEPSP_slope", value, "mV/ms", convention=name, notes=notes), line


def _steepest(t: Array, part: Array, start: int, peak_at: int) -> tuple[int, int]:
    """Return the ends of the steepest line of 1 ms between the start of the search and the peak."""
    width = int(np.searchsorted(t, t[start] + MAXIMUM_MS + 1e-9)) - start - 1
    if width < 2 or peak_at - start < width:
        return start, start
    x, y = t[start : peak_at + 1] - t[start], part[start : peak_at + 1]
    views = np.lib.stride_tricks.sliding_window_view
    xs, ys = views(x, width + 1), views(y, width + 1)
    centred = xs - xs.mean(axis=1, keepdims=True)
    slopes = (centred * ys).sum(axis=1) / (centred**2).sum(axis=1)
    best = start + int(np.argmax(slopes))
    return best, best + width


def _population_spike(
    t: Array, up: Array, stimulus_ms: float, search_ms: tuple[float, float], noise: float, amplitude: Observable
) -> tuple[Observable, int]:
    """The deepest notch of the fEPSP: a trough against its direction between two shoulders at most 5 ms away."""
    name = "trough to the line between the shoulders"
    if not amplitude.ok:
        return missing("population_spike", "mV", "no response", amplitude.reason or "", name), -1
    where = np.flatnonzero((t >= stimulus_ms + search_ms[0]) & (t <= stimulus_ms + search_ms[1]))
    if where.size < 5:
        return missing("population_spike", "mV", "not resolved", "fewer than five samples in the search", name), -1
    part = up[where]
    reach = max(2, int(5.0 / np.median(np.diff(t[where]))))
    left, right = _running_maximum(part, reach), _running_maximum(part[::-1], reach)[::-1]
    trough = int(np.argmax(np.minimum(left, right) - part))
    a = max(0, trough - reach) + int(np.argmax(part[max(0, trough - reach) : trough + 1]))
    b = trough + int(np.argmax(part[trough : trough + reach + 1]))
    line = part[a] + (part[b] - part[a]) * (trough - a) / max(b - a, 1)
    depth, prominence = float(line - part[trough]), float(min(part[a], part[b]) - part[trough])
    # noise alone digs notches of a few SD into hundreds of samples
    limit = 2 * RESPONSE_SD * (noise if math.isfinite(noise) else 0.0)
    if prominence <= max(limit, 0.05 * abs(amplitude.value)):
        limit = max(limit, 0.05 * abs(amplitude.value))
        why = f"the deepest notch is {prominence:.3g} mV against a limit of {limit:.3g} mV (10 SD, 5 % of the peak)"
        return missing("population_spike", "mV", "no response", why, name), -1
    note = f"{t[where[trough]] - stimulus_ms:.4g} ms after the stimulus"
    return Observable("population_spike", depth, "mV", convention=name, notes=(note,)), int(where[trough])


def _running_maximum(part: Array, reach: int) -> Array:
    """Return the largest of the samples from `reach` before each one up to it."""
    padded = np.concatenate([np.full(reach, -np.inf), part])
    return np.lib.stride_tricks.sliding_window_view(padded, reach + 1).max(axis=1)
