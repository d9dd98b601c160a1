"""How well events are detected, and events with and without a drug.

The recording itself is the test: events of known shape and size are added to it, and looked for again. A change of
rate that is only a change of what is detected is so seen.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .event_detection import Array, EventSettings, ensemble, quiet_mask
from .events import Events, detect_events
from .observable import Observable, missing

#: An added event is found when one more event starts this close to it.
HIT_MS = 2.0
#: Where the recall of control and drug differs by more than this, a change of rate is not believed.
RECALL_TOLERANCE = 0.05


def event_shape(t_ms: ArrayLike, rise_ms: float, decay_ms: float) -> Array:
    """Return ``(1 - exp(-t / r)) exp(-t / decay)`` from t = 0, peak 1, with a 10-90 % rise of `rise_ms`.

    Raises
    ------
    UsageError
        The rise is longer than the shape allows (0.8 of the decay).

    Examples
    --------
    >>> shape = event_shape(np.arange(0.0, 30.0, 0.01), 0.8, 5.0)
    >>> up = shape[: shape.argmax()]
    >>> round(float(0.01 * (np.searchsorted(up, 0.9) - np.searchsorted(up, 0.1))), 1)
    0.8
    """
    if not 0 < rise_ms <= 0.8 * decay_ms:
        raise UsageError(f"No event rises in {rise_ms:g} ms and decays with {decay_ms:g} ms")
    return _difference(np.asarray(t_ms, dtype=float), _rise_constant(rise_ms, decay_ms), decay_ms)


def _difference(t_ms: Array, r: float, decay_ms: float) -> Array:
    t = np.clip(t_ms, 0.0, None)
    share = r / (r + decay_ms)
    return (1 - np.exp(-t / r)) * np.exp(-t / decay_ms) / ((1 - share) * share ** (r / decay_ms))


@functools.lru_cache(maxsize=64)
def _rise_constant(rise_ms: float, decay_ms: float) -> float:
    """Return the time constant r that gives a 10-90 % rise, by bisection."""

    def rise(r: float) -> float:
        peak = r * math.log(1 + decay_ms / r)
        t = np.linspace(0.0, peak, 4001)
        y = _difference(t, r, decay_ms)
        return float(np.interp(0.9, y, t) - np.interp(0.1, y, t))

    low, high = 1e-3 * rise_ms, 1e3 * rise_ms
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if rise(middle) < rise_ms else (low, middle)
    return math.sqrt(low * high)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Detection of added events.

    Attributes
    ----------
    rise_ms, decay_ms : float
        Of the added events.
    amplitude_pA : (bin,) array
        Middle (geometric) of the amplitude bins, without sign.
    added, found : (bin,) arrays
    bias : (bin,) array
        Median of measured over true amplitude of those found.
    added_seconds : float
        Time in which they were added.
    settings : EventSettings
    """

    rise_ms: float
    decay_ms: float
    amplitude_pA: Array
    added: Array
    found: Array
    bias: Array
    added_seconds: float
    settings: EventSettings

    @property
    def recall(self) -> Array:
        """Share found, per amplitude bin."""
        return self.found / np.maximum(self.added, 1)

    def recall_of(self, amplitude_pA: ArrayLike) -> Array:
        """Return the recall at amplitudes, linear in log amplitude between bins, that of the ends beyond them."""
        return np.interp(np.log(np.abs(np.asarray(amplitude_pA, dtype=float))), np.log(self.amplitude_pA), self.recall)

    @property
    def total(self) -> Observable:
        """Recall of all added events above the floor, with its exact binomial interval."""
        above = self.amplitude_pA >= self.settings.floor_pA
        n, k = int(self.added[above].sum()), int(self.found[above].sum())
        name = f"rise {self.rise_ms:.3g} ms, decay {self.decay_ms:.3g} ms"
        if n == 0:
            return missing("event_recall", "", "not determined", "no event was added", name)
        return Observable("event_recall", k / n, "", interval=binomial_interval(k, n), convention=name,
                          notes=(f"{k} of {n} added events found",))  # fmt: skip

    @property
    def amplitude_bias(self) -> Observable:
        """Median measured over true amplitude of the found events above 1.5 times the floor."""
        above = (self.amplitude_pA >= 1.5 * self.settings.floor_pA) & np.isfinite(self.bias)
        if not above.any():
            return missing("amplitude_bias", "", "not determined", "no large event was found")
        return Observable("amplitude_bias", float(np.average(self.bias[above], weights=self.found[above])), "")


def binomial_interval(k: int, n: int) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) 95 % interval of k of n."""
    from scipy.special import betaincinv

    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, 0.025))
    return low, 1.0 if k == n else float(betaincinv(k + 1, n - k, 0.975))


def detection_sensitivity(
    t_ms: ArrayLike,
    sweeps_pA: ArrayLike,
    events: Events,
    *,
    decay_ms: float,
    rise_ms: float = 1.0,
    largest: float = 5.0,
    every_ms: float = 150.0,
    bins: int = 6,
    seed: int = 1,
) -> Sensitivity:
    """Add events of known size to a recording and look for them with the same settings.

    Parameters
    ----------
    t_ms, sweeps_pA
        As given to :func:`detect_events`.
    events : Events
        What was found there.
    decay_ms, rise_ms : float
        Shape of the added events: decay, and 10-90 % rise.
    largest : float
        Amplitudes are drawn, even in their logarithm, from 0.7 to `largest` times the floor.
    every_ms : float
        Mean interval of added events; small beside the events would make them overlap each other.
    bins : int
    seed : int

    Returns
    -------
    Sensitivity
        Added events that fall on real ones count: their loss is part of the recall.
    """
    t, y, dt = ensemble(t_ms, sweeps_pA)
    use, _ = quiet_mask(t, y, events.excluded_ms, 0.0, 5.0)
    rng = np.random.default_rng(seed)
    settings = events.settings
    made = np.array(y)
    where: list[tuple[int, float, float]] = []
    length = round(min(8 * decay_ms, 400.0) / dt)
    for k in range(len(y)):
        at = 10.0 + every_ms * rng.uniform(0, 0.5)
        while at < t[-1] - t[0] - 10.0:
            i = int(at / dt)
            if use[k, i]:
                size = settings.floor_pA * math.exp(rng.uniform(math.log(0.7), math.log(largest)))
                stop = min(i + length, t.size)
                start = t[0] + at
                made[k, i:stop] += settings.sign * size * event_shape(t[i:stop] - start, rise_ms, decay_ms)
                where.append((k, start, size))
            at += every_ms * rng.uniform(0.75, 1.25)
    if not where:
        raise UsageError("No room to add events", why=f"every {every_ms:g} ms in {events.observed_s:.3g} s")
    again = detect_events(t, made, settings=settings, exclude_ms=events.excluded_ms, decays=False)
    edges = settings.floor_pA * np.exp(np.linspace(math.log(0.7), math.log(largest), bins + 1))
    added, found = np.zeros(bins), np.zeros(bins)
    ratios: list[list[float]] = [[] for _ in range(bins)]
    for k, start, size in where:
        b = min(int(np.searchsorted(edges, size, side="right")) - 1, bins - 1)
        added[b] += 1
        before, after = (np.flatnonzero((e.sweep == k) & (np.abs(e.half_ms - start - 0.5 * rise_ms) < HIT_MS))
                         for e in (events, again))  # fmt: skip
        if after.size > before.size:
            found[b] += 1
            if before.size == 0:
                ratios[b].append(abs(float(again.amplitude_pA[after[0]])) / size)
    bias = np.array([float(np.median(r)) if r else math.nan for r in ratios])
    return Sensitivity(rise_ms, decay_ms, np.sqrt(edges[1:] * edges[:-1]), added, found, bias,
                       float(use.sum()) * dt / 1e3, settings)  # fmt: skip


@dataclass(frozen=True)
class EventComparison:
    """Events with a drug against control.

    Attributes
    ----------
    rate_ratio : Observable
        As counted; status "not determined" where the detection differs.
    corrected_rate_ratio : Observable
        Every event weighted by one over the recall of its amplitude.
    amplitude_ratio : Observable
        Of medians; interval by bootstrap.
    decay_ratio : Observable
        Of median time constants.
    recall_control, recall_drug : Observable
    """

    rate_ratio: Observable
    corrected_rate_ratio: Observable
    amplitude_ratio: Observable
    decay_ratio: Observable
    recall_control: Observable
    recall_drug: Observable

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return (self.rate_ratio, self.corrected_rate_ratio, self.amplitude_ratio, self.decay_ratio, self.recall_control,
                self.recall_drug)  # fmt: skip


def compare_events(
    control: Events, drug: Events, sensitivity: tuple[Sensitivity, Sensitivity] | None = None, *, seed: int = 1
) -> EventComparison:
    """Compare events with and without a drug.

    Parameters
    ----------
    control, drug : Events
        Found with the same settings.
    sensitivity : (Sensitivity, Sensitivity), optional
        Of control and drug, each with its own shape of events; without it a change of rate stays unexplained.
    seed : int
        Of the bootstrap.

    Raises
    ------
    UsageError
        Settings differ.

    Notes
    -----
    The interval of the rate ratio is normal in its logarithm, ``var = F1/n1 + F2/n2`` with the dispersions F. Events of
    one cell are no sample of cells: compare cells with the statistics of paired data.
    """
    if control.settings != drug.settings:
        raise UsageError(
            "Control and drug were treated differently", do="detect_events(..., settings=control.settings)"
        )
    rates = [e.rate for e in (control, drug)]
    counts = [len(e) for e in (control, drug)]
    recalls = [missing("event_recall", "", "not determined", "not tested: give sensitivity")] * 2
    reason = "detection with and without drug was not tested"
    trusted = False
    if sensitivity is not None:
        recalls = [s.total for s in sensitivity]
        gap = abs(recalls[0].value - recalls[1].value)
        trusted = gap <= RECALL_TOLERANCE
        reason = f"recall is {recalls[0].value:.2f} in control and {recalls[1].value:.2f} with drug"
    ratio = _rate_ratio("event_rate_ratio", rates[0].value, rates[1].value, control, drug, None if trusted else reason)
    corrected = missing("event_rate_ratio_corrected", "", "not determined", reason)
    if sensitivity is not None and min(counts) > 0:
        weights = [
            1 / np.maximum(s.recall_of(e.amplitude_pA), 0.2) for s, e in zip(sensitivity, (control, drug), strict=True)
        ]
        sums = [float(w.sum()) / e.observed_s for w, e in zip(weights, (control, drug), strict=True)]
        corrected = _rate_ratio("event_rate_ratio_corrected", sums[0], sums[1], control, drug, None)
    return EventComparison(
        ratio,
        corrected,
        _median_ratio("amplitude", control, drug, seed),
        _median_ratio("tau", control, drug, seed),
        *recalls,
    )


def _rate_ratio(id: str, first: float, second: float, control: Events, drug: Events, doubt: str | None) -> Observable:
    if min(len(control), len(drug)) < 5 or first <= 0:
        return missing(id, "", "not determined", f"{len(control)} and {len(drug)} events")
    error = math.sqrt(control.dispersion / len(control) + drug.dispersion / len(drug))
    value = second / first
    ends = (value * math.exp(-1.96 * error), value * math.exp(1.96 * error))
    notes = (f"{len(control)} and {len(drug)} events; of this cell, not of a population",)
    return Observable(id, value, "", "not determined" if doubt else "ok", doubt, ends, "drug over control", notes)


def _median_ratio(quantity: str, control: Events, drug: Events, seed: int) -> Observable:
    a, b = (e.values(quantity) for e in (control, drug))
    id = f"event_{quantity}_ratio"
    if min(a.size, b.size) < 10:
        return missing(id, "", "not determined", f"{a.size} and {b.size} events")
    rng = np.random.default_rng(seed)
    draws = np.array([np.median(rng.choice(b, b.size)) / np.median(rng.choice(a, a.size)) for _ in range(400)])
    low, high = np.quantile(draws, [0.025, 0.975])
    return Observable(id, float(np.median(b) / np.median(a)), "", interval=(float(low), float(high)),
                      convention="ratio of medians", notes=(f"bootstrap, seed {seed}",))  # fmt: skip
