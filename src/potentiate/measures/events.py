"""Spontaneous and miniature events: amplitude, rise, decay and charge of each, rate and distributions of all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..numerics.exponentials import fit_exponentials
from .event_detection import (
    PEAK_MS,
    Array,
    EventSettings,
    Span,
    box_difference,
    choose_settings,
    edge_samples,
    ensemble,
    filled,
    find_edges,
    quiet_mask,
    slow_level,
    smooth,
)
from .observable import Observable, missing

#: What the status of an event means.
EVENT_STATUSES = {
    "ok": "isolated, rise and decay measured",
    "overlapping": "starts on the tail of an event (the tail is subtracted) or is cut by the next one",
    "decay not determined": "too short or too small for its decay",
}

#: How long an event of the other direction is kept in mind.
OPPOSITE_MS = 50.0

#: Quantities of an event that have a distribution, and their units.
QUANTITIES = {"amplitude": "pA", "rise": "ms", "tau": "ms", "charge": "fC", "interval": "ms"}


@dataclass(frozen=True, eq=False)
class Events:
    """Events of a recording; arrays have one entry per event, in order of sweep and time.

    Attributes
    ----------
    sweep : (event,) int array
    start_ms, half_ms, peak_ms : (event,) arrays
        Start of the rise (where its line through 10 and 90 % meets the baseline), half of it, and peak.
    amplitude_pA : (event,) array
        Signed, from the baseline (or the tail) below the peak.
    baseline_pA : (event,) array
    rise_ms, tau_ms, charge_fC : (event,) arrays
        10-90 % rise; decay of one exponential; charge, ``amplitude x tau`` of the rest where the next event cuts it.
        NaN where not measured.
    status : tuple of str
        Keys of :data:`EVENT_STATUSES`.
    observed_s : float
        Time that was analysed.
    counts, seconds : (sweep,) arrays
        Events and analysed time of every sweep.
    excluded_ms : list of (float, float)
        Windows left out of every sweep.
    settings : EventSettings
    """

    sweep: NDArray[np.int64]
    start_ms: Array
    half_ms: Array
    peak_ms: Array
    amplitude_pA: Array
    baseline_pA: Array
    rise_ms: Array
    tau_ms: Array
    charge_fC: Array
    status: tuple[str, ...]
    observed_s: float
    counts: Array
    seconds: Array
    excluded_ms: list[Span]
    settings: EventSettings

    def __len__(self) -> int:
        return self.sweep.size

    @property
    def interval_ms(self) -> Array:
        """Time to the next event of the same sweep; not across a window that was left out. Shorter than the events."""
        gaps = np.diff(self.start_ms)
        keep = np.diff(self.sweep) == 0
        for first, last in self.excluded_ms:
            keep &= ~((self.start_ms[:-1] < first) & (self.start_ms[1:] > last))
        return gaps[keep]

    def values(self, quantity: str) -> Array:
        """Return a quantity of all events in which it was measured; amplitudes and charges without their sign.

        Raises
        ------
        UsageError
            No such quantity.
        """
        if quantity not in QUANTITIES:
            raise UsageError(f"Unknown quantity {quantity!r}", do=f"one of {', '.join(QUANTITIES)}")
        found = getattr(self, f"{quantity}_{QUANTITIES[quantity]}")
        return np.abs(found[np.isfinite(found)])

    def cumulative(self, quantity: str) -> tuple[Array, Array]:
        """Return sorted values and the share of events at or below each."""
        x = np.sort(self.values(quantity))
        return x, np.arange(1, x.size + 1) / max(x.size, 1)

    @property
    def dispersion(self) -> float:
        """Variance over mean of counts in stretches of a tenth of the time (1 for a Poisson process), at least 1."""
        return max(1.0, _dispersion(self))

    @property
    def rate(self) -> Observable:
        """Events per second; interval from the counts, widened where they scatter more than a Poisson process."""
        n = len(self)
        if self.observed_s <= 0:
            return missing("event_rate", "Hz", "not determined", "nothing was analysed", "edge")
        from scipy.special import chdtri

        low = 0.5 * float(chdtri(2 * n, 0.975)) if n else 0.0
        high = 0.5 * float(chdtri(2 * n + 2, 0.025))
        wide, value = math.sqrt(self.dispersion), n / self.observed_s
        ends = (value - wide * (value - low / self.observed_s), value + wide * (high / self.observed_s - value))
        notes = (
            f"{n} events in {self.observed_s:.4g} s, amplitudes above {self.settings.floor_pA:.3g} pA",
            f"dispersion {self.dispersion:.2f}; the interval is of this recording, not of a population of cells",
        )
        return Observable(
            "event_rate", value, "Hz", interval=(max(0.0, ends[0]), ends[1]), convention="edge", notes=notes
        )

    def summary(self) -> tuple[Observable, ...]:
        """Return the rate, and the medians of amplitude, rise, decay, charge and interval."""
        return (self.rate, *(median(self, quantity) for quantity in QUANTITIES))

    def table(self) -> list[dict[str, Any]]:
        """Return one row per event, units in the names."""
        columns = {
            "sweep": self.sweep, "start_ms": self.start_ms, "peak_ms": self.peak_ms, "amplitude_pA": self.amplitude_pA,
            "baseline_pA": self.baseline_pA, "rise_10_90_ms": self.rise_ms, "tau_ms": self.tau_ms,
            "charge_fC": self.charge_fC, "status": self.status,
        }  # fmt: skip
        return [
            {k: (v[i] if k == "status" else int(v[i]) if k == "sweep" else float(v[i])) for k, v in columns.items()}
            for i in range(len(self))
        ]


def median(events: Events, quantity: str) -> Observable:
    """Return the median of a quantity with the distribution-free 95 % interval of order statistics."""
    from scipy.special import bdtrik

    x = np.sort(events.values(quantity))
    id, unit = f"event_{quantity}_median", QUANTITIES[quantity]
    if x.size < 6:
        return missing(id, unit, "not determined", f"{x.size} events in which it was measured", "median")
    k = int(np.floor(float(bdtrik(0.025, x.size, 0.5))))
    notes = [f"n = {x.size} events, mean {x.mean():.4g} {unit}"]
    if quantity == "amplitude":
        notes.append(f"of events above the floor of {events.settings.floor_pA:.3g} pA; without sign")
    return Observable(
        id, float(np.median(x)), unit, interval=(x[k], x[-1 - k]), convention="median", notes=tuple(notes)
    )


def _dispersion(events: Events) -> float:
    """Variance over mean of the counts in about ten stretches of equal analysed time."""
    per = max(1, round(10 / max(1, events.counts.size)))
    counts = []
    for k, seconds in enumerate(events.seconds):
        times = events.start_ms[events.sweep == k]
        if seconds > 0 and times.size:
            edges = np.linspace(times[0] - 1e-9, times[-1] + 1e-9, per + 1)
            counts += list(np.histogram(times, edges)[0])
        else:
            counts += [0] * per
    values = np.array(counts, dtype=float)
    return float(values.var(ddof=1) / values.mean()) if values.size > 3 and values.mean() > 0 else 1.0


def detect_events(
    t_ms: ArrayLike,
    sweeps_pA: ArrayLike,
    *,
    polarity: Literal["negative", "positive"] = "negative",
    settings: EventSettings | None = None,
    floor_pA: float | None = None,
    exclude_ms: list[Span] | None = None,
    settle_ms: float = 200.0,
    edge_sd: float = 4.0,
    floor_sd: float = 5.0,
    decays: bool = True,
) -> Events:
    """Find events and measure each of them.

    Parameters
    ----------
    t_ms : (time,) array
        Evenly spaced, 2 kHz or faster.
    sweeps_pA : (sweep, time) or (time,) array
        NaN samples are left out.
    polarity : {"negative", "positive"}
    settings : EventSettings, optional
        Those of the control, so that control and drug are treated alike; then the following are ignored.
    floor_pA : float, optional
        Smallest amplitude that counts; default `floor_sd` standard deviations of the noise of an amplitude.
    exclude_ms : list of (float, float), optional
        Windows that are left out; default what is found: steps at the same time in all sweeps (membrane test).
    settle_ms : float
        What is left out after such a step.
    edge_sd, floor_sd : float
    decays : bool
        Fit the decay of every event.

    Returns
    -------
    Events

    Raises
    ------
    UsageError
        Bad arrays, or nothing is left to analyse.

    Notes
    -----
    An event starts where the edge statistic (mean of 2 ms from 0.5 ms on, minus mean of the 2 ms before) has a
    maximum above a robust threshold; the local baseline makes drift harmless. Its amplitude is the mean of 0.5 ms at
    the peak of the filtered trace over the mean before the rise; for an event on a tail, over the tail extrapolated
    with the decay of the event before. What returns from an event of the other direction is no event. Convention of
    this laboratory; an edge, not a template: a template of one decay counts otherwise when a drug changes the decay.
    """
    t, y, dt = ensemble(t_ms, sweeps_pA)
    if polarity not in ("negative", "positive"):
        raise UsageError(f"Unknown polarity {polarity!r}", do="use negative (inward) or positive (outward)")
    sign = settings.sign if settings else (-1 if polarity == "negative" else 1)
    use, excluded = quiet_mask(t, y, exclude_ms, settle_ms, 5.0)
    if use.sum() * dt < 100.0:
        raise UsageError("Less than 100 ms are left to analyse", why=f"left out: {excluded}", do="give exclude_ms")
    part = sign * filled(y)
    if settings is None:
        settings = choose_settings(part, use, dt, polarity, floor_pA, edge_sd=edge_sd, floor_sd=floor_sd)
    edge, soft = box_difference(part, *edge_samples(settings, dt)), smooth(part, dt, settings.corner_kHz)
    found: list[_Event] = []
    for k in range(len(y)):
        starts, opposite = (find_edges(e, use[k], settings, dt) for e in (edge[k], -edge[k]))
        found += _sweep(k, t, part[k], soft[k], starts, opposite, settings, dt, decays)
    seconds = use.sum(axis=1) * dt / 1e3
    counts = np.bincount([e.sweep for e in found], minlength=len(y)).astype(float)

    def column(name: str) -> Array:
        return np.array([getattr(e, name) for e in found], dtype=float)

    return Events(
        np.array([e.sweep for e in found], dtype=np.int64), column("start"), column("half"), column("peak"),
        sign * column("amplitude"),
        sign * column("baseline"), column("rise"), column("tau"), sign * column("charge"),
        tuple(e.status for e in found), float(seconds.sum()), counts, seconds, excluded, settings,
    )  # fmt: skip


@dataclass
class _Event:
    """One event, upward; `rest` is the baseline without the tail it may ride on."""

    sweep: int
    start: float
    half: float
    peak: float
    amplitude: float
    baseline: float
    rise: float
    rest: float
    tau: float = math.nan
    charge: float = math.nan
    status: str = "ok"


def _sweep(
    k: int,
    t: Array,
    y: Array,
    soft: Array,
    starts: NDArray[np.int64],
    opposite: NDArray[np.int64],
    settings: EventSettings,
    dt: float,
    decays: bool,
) -> list[_Event]:
    """Measure the events of one sweep, in turn: each needs the tail of the one before."""
    kept: list[_Event] = []
    usual: list[float] = []
    before, width = round(settings.before_ms / dt), max(1, round(0.5 * PEAK_MS / dt))
    slow = slow_level(y, dt) + settings.noise_pA
    # the return of an event of this direction is an edge of the other one too: cap at the slow level
    levels = [(int(at), min(float(y[max(0, at - before) : max(1, at)].mean()), float(slow[at]))) for at in opposite]
    for number, begin in enumerate(starts):
        last = starts[number + 1] if number + 1 < starts.size else y.size - 1
        stop = min(int(begin) + round(settings.search_ms / dt), int(last) + 1, y.size)
        top = _top(soft, int(begin), stop, settings.noise_pA, max(1, round(PEAK_MS / dt)))
        previous = kept[-1] if kept else None
        decay_of_previous = _known_tau(previous, usual)
        first = int(begin)
        level = 0.0
        for _ in range(2):  # the baseline ends where the rise starts, which needs the baseline
            low = max(0, first - before)
            level = float(y[low : max(first, low + 1)].mean())
            height = soft[top] - level
            if height <= 0:
                break
            under = np.flatnonzero(soft[low : top + 1] - level < 0.1 * height)
            first = low + int(under[-1]) - round(0.2 / dt) if under.size else first
        rest, base = level, level
        if previous is not None and t[begin] - previous.peak < 5 * decay_of_previous:
            middle = t[max(0, first - before)] + 0.5 * settings.before_ms
            rest = min(previous.rest, level)
            base = rest + (level - rest) * math.exp(-max(0.0, t[top] - middle) / decay_of_previous)
        # the return of an event of the other direction is no event: count from the level before that one
        over = [before_it for at, before_it in levels if 0 <= begin - at < OPPOSITE_MS / dt]
        if over and base < max(over):
            base = rest = max(over)
        amplitude = float(y[max(0, top - width) : top + width + 1].mean()) - base
        if amplitude < settings.floor_pA:
            continue
        event = _Event(k, t[first], t[first], t[top], amplitude, base, math.nan, rest)
        _rise(event, t, soft, first, top, base)
        riding = previous is not None and t[begin] - previous.peak < 3 * decay_of_previous
        event.status = "overlapping" if riding else "ok"
        if decays:
            _decay(
                event,
                t,
                y,
                soft,
                top,
                int(last) if number + 1 < starts.size else y.size,
                base,
                level,
                decay_of_previous,
                dt,
            )
            if math.isfinite(event.tau) and event.status == "ok":
                usual.append(event.tau)
        kept.append(event)
    return kept


def _top(soft: Array, begin: int, stop: int, noise: float, reach: int) -> int:
    """Return the sample of the peak: the first local maximum that is within the noise of the largest value.

    The largest itself comes too late, and too large, the slower the decay.
    """
    part = soft[begin:stop]
    first = int(np.argmax(part >= part.max() - noise))
    return begin + first + int(np.argmax(part[first : first + reach]))


def _known_tau(event: _Event | None, usual: list[float]) -> float:
    """Return the decay of an event, or that usual in the sweep; 5 ms as long as nothing is known."""
    if event is not None and math.isfinite(event.tau):
        return event.tau
    return float(np.median(usual)) if usual else 5.0


def _rise(event: _Event, t: Array, soft: Array, first: int, top: int, base: float) -> None:
    part = (soft[first : top + 1] - base) / max(soft[top] - base, 1e-12)
    crossings = []
    for level in (0.1, 0.5, 0.9):
        under = np.flatnonzero(part < level)
        if under.size == 0 or under[-1] + 1 >= part.size:
            return
        j = int(under[-1])
        crossings.append(t[first + j] + (level - part[j]) / (part[j + 1] - part[j]) * (t[1] - t[0]))
    event.rise, event.half = crossings[2] - crossings[0], crossings[1]
    event.start = crossings[0] - event.rise / 8


def _decay(
    event: _Event,
    t: Array,
    y: Array,
    soft: Array,
    top: int,
    end: int,
    base: float,
    level: float,
    tail_tau: float,
    dt: float,
) -> None:
    """Fit one exponential from 90 % of the peak, over three of its 1/e times, up to the next event; then the charge."""
    limit = min(end - round(0.3 / dt), top + round(120.0 / dt), y.size)
    rest = event.rest
    # what the event before leaves, from the peak on
    tail = (base - rest) * np.exp(-(t[top:limit] - t[top]) / tail_tau)
    part = soft[top:limit] - rest - tail
    height = soft[top] - base
    fallen = np.flatnonzero(part < height / math.e)
    from_90 = np.flatnonzero(part < 0.9 * height)
    guess = float(t[top + fallen[0]] - t[top]) if fallen.size else math.nan
    first = int(from_90[0]) if from_90.size else 0
    stop = min(part.size, first + round(3.0 * guess / dt)) if fallen.size else part.size
    own = y[top:limit] - rest - tail
    if fallen.size == 0 or stop - first < 6:
        event.status = (
            "overlapping"
            if event.status == "overlapping" or limit < top + round(120.0 / dt)
            else "decay not determined"
        )
    else:
        fit = fit_exponentials(t[top + first : top + stop], own[first:stop], 1, offset=0.0, tau_bounds=(0.2, 300.0))
        # a window shorter than the time constant does not tell it
        if fit.status == "ok" and fit.amplitudes[0] > 0 and fit.taus[0] < (stop - first) * dt:
            event.tau = float(fit.taus[0])
        elif event.status == "ok":
            event.status = "decay not determined"
    begin = max(0, top - round(max(event.peak - event.start, dt) / dt))
    rising = float(np.sum(y[begin:top] - base)) * dt
    if math.isfinite(event.tau):
        reach = min(own.size, round(5 * event.tau / dt))
        left = event.amplitude * event.tau * math.exp(-reach * dt / event.tau)
        event.charge = rising + float(np.sum(own[:reach])) * dt + left
