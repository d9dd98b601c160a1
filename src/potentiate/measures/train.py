"""Trains of evoked currents: stimulus artefacts, amplitudes, ratios, latency, decay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..recordings.sweeps import blank as blank  # for those who measure trains
from .decay import decay
from .observable import Observable, missing
from .pairs import paired_pulse_ratio
from .peak import Array, Peak, peak


@dataclass(frozen=True)
class Train:
    """A train of evoked responses.

    Attributes
    ----------
    stimuli_ms : (pulse,) array
    amplitudes : tuple of Observable
        Of the mean over sweeps, pA, per pulse.
    ratios : tuple of Observable
        Relative to the first.
    latencies : tuple of Observable
        Stimulus to peak, ms.
    taus : tuple of Observable
        One exponential on a free pedestal (responses overlap) from 90 % of the peak, over `decay_ms`; ms.
    ppr : Observable
        Second to first, by the convention of :func:`paired_pulse_ratio`.
    sweep_amplitudes_pA : (sweep, pulse) array
    failures : (sweep, pulse) array of bool
        Amplitude below 5 standard deviations of that sweep's baseline.
    jitter : tuple of Observable
        ``latency_jitter``: standard deviation of the latency of the sweeps that did not fail, ms, per pulse.
    failure_rates : tuple of Observable
        ``failure_rate`` with its Wilson 95 % interval, per pulse.
    """

    stimuli_ms: Array
    amplitudes: tuple[Observable, ...]
    ratios: tuple[Observable, ...]
    latencies: tuple[Observable, ...]
    taus: tuple[Observable, ...]
    ppr: Observable
    sweep_amplitudes_pA: Array
    failures: NDArray[np.bool_]
    jitter: tuple[Observable, ...] = ()
    failure_rates: tuple[Observable, ...] = ()


def find_stimuli(
    t_ms: ArrayLike, sweeps: ArrayLike, *, threshold: float = 25.0, merge_ms: float = 3.0, agreement: float = 0.8
) -> Array:
    """Find stimulus artefacts: jumps far beyond the noise, at the same time in most sweeps.

    Parameters
    ----------
    t_ms : (time,) array
    sweeps : (sweep, time) array
    threshold : float
        In robust standard deviations of the sample-to-sample difference.
    merge_ms : float
        Jumps closer than this are one artefact.
    agreement : float
        Part of the sweeps that must show it.

    Returns
    -------
    (pulse,) array
        Times of the last quiet sample before each artefact, ms. Steps of a test pulse are among them.
    """
    t, y = np.asarray(t_ms, dtype=float), np.atleast_2d(np.asarray(sweeps, dtype=float))
    step = np.abs(np.diff(y, axis=1))
    scale = np.median(step, axis=1, keepdims=True) / 0.6745
    hits = (step > threshold * np.where(scale > 0, scale, np.finfo(float).tiny)).mean(axis=0) >= agreement
    index = np.flatnonzero(hits)
    if index.size == 0:
        return np.empty(0)
    first = np.concatenate([[True], np.diff(t[index]) > merge_ms])
    return t[index[first]]


def regular_run(times_ms: Array, *, jitter: float = 0.02, longest_ms: float = 1000.0) -> Array:
    """Return the longest run of evenly spaced times (the train), leaving single events and test pulses out.

    Parameters
    ----------
    times_ms : (n,) array
    jitter : float
        Allowed relative difference of neighbouring intervals.
    longest_ms : float
        Longer intervals end a run.
    """
    best = times_ms[:1]
    for start in range(times_ms.size - 1):
        interval = times_ms[start + 1] - times_ms[start]
        if interval > longest_ms:
            continue
        stop = start + 1
        while stop + 1 < times_ms.size and abs(times_ms[stop + 1] - times_ms[stop] - interval) <= jitter * interval:
            stop += 1
        if stop - start + 1 > best.size:
            best = times_ms[start : stop + 1]
    return best


def measure_train(
    t_ms: ArrayLike,
    sweeps_pA: ArrayLike,
    stimuli_ms: ArrayLike | None = None,
    *,
    polarity: str = "negative",
    baseline_ms: tuple[float, float] = (-3.0, -0.5),
    search_ms: tuple[float, float] = (3.0, 18.0),
    average_ms: float = 0.0,
    decay_ms: float = 10.0,
    ppr_convention: str | None = None,
) -> Train:
    """Measure a train of evoked responses.

    Parameters
    ----------
    t_ms : (time,) array
    sweeps_pA : (sweep, time) or (time,) array
    stimuli_ms : (pulse,) array, optional
        Detected by :func:`find_stimuli` and :func:`regular_run` where absent.
    polarity : {"negative", "positive"}
    baseline_ms, search_ms : (float, float)
        Relative to each stimulus; the search ends at the latest 0.5 ms before the next one and starts after
        the artefact.
    average_ms : float
        Width of the mean at the peak of single sweeps and of the mean.
    decay_ms : float
        Length of the decay fit after the peak; it ends at the latest 0.5 ms before the next stimulus.
    ppr_convention : str, optional
        See :func:`paired_pulse_ratio`.

    Returns
    -------
    Train

    Raises
    ------
    UsageError
        No stimulus given or found, or a window outside the trace.
    """
    t, y = np.asarray(t_ms, dtype=float), np.atleast_2d(np.asarray(sweeps_pA, dtype=float))
    if t.shape != y.shape[1:]:
        raise UsageError("Not sweeps", why=f"time {t.shape}, sweeps {y.shape}; wanted (time,) and (sweep, time)")
    stimuli = regular_run(find_stimuli(t, y)) if stimuli_ms is None else np.asarray(stimuli_ms, dtype=float)
    if stimuli.size == 0:
        raise UsageError("No stimulus found", do="give stimuli_ms")
    mean = y.mean(axis=0)
    quiet = (t >= stimuli[0] - 50) & (t <= stimuli[0] - 0.5)
    noise = y[:, quiet].std(axis=1) if quiet.sum() > 2 else np.zeros(y.shape[0])
    found, taus, single, delays = [], [], [], []
    for k, stimulus in enumerate(stimuli):
        end = search_ms[1] if k + 1 == stimuli.size else min(search_ms[1], stimuli[k + 1] - stimulus - 0.5)
        base = (stimulus + baseline_ms[0], stimulus + baseline_ms[1])
        search = (stimulus + search_ms[0], stimulus + end)

        def one(trace: Array, base: tuple[float, float] = base, search: tuple[float, float] = search) -> Peak:
            return peak(t, trace, convention=polarity, baseline_ms=base, search_ms=search, average_ms=average_ms)

        at = one(mean)
        found.append(at)
        limit = float(t[at.index]) + decay_ms
        if k + 1 < stimuli.size:
            limit = min(limit, float(stimuli[k + 1]) - 0.5)
        fitted = decay(t, mean, at, convention="mono", pedestal=True, from_fraction=0.9, stop_ms=limit)
        taus.append(fitted.tau)
        per_sweep = [one(sweep) for sweep in y]
        single.append([each.amplitude.value for each in per_sweep])
        delays.append([float(t[each.index]) - stimulus for each in per_sweep])
    amplitudes = tuple(at.amplitude for at in found)
    latencies = tuple(
        Observable("latency", at.time.value - s, "ms", convention="stimulus to peak") if at.amplitude.ok
        else missing("latency", "ms", "no response", at.amplitude.reason or "no response")
        for at, s in zip(found, stimuli, strict=True)
    )  # fmt: skip
    table = np.array(single).T
    ratios = tuple(_ratio(amplitude, amplitudes[0]) for amplitude in amplitudes)
    if stimuli.size < 2:
        ppr = missing("PPR", "", "not determined", "one stimulus")
    elif not amplitudes[0].ok:
        ppr = missing("PPR", "", "no response", amplitudes[0].reason or "no first response")
    elif ppr_convention in (None, "ratio of means"):
        # of the mean trace: single-sweep extremes are biased by noise
        ppr = Observable("PPR", ratios[1].value, "", ratios[1].status, ratios[1].reason, None, "ratio of means",
                         (f"n = {y.shape[0]} sweeps",))  # fmt: skip
    else:
        ppr = paired_pulse_ratio(table[:, 0], table[:, 1], convention=ppr_convention)
    failures = np.abs(table) < 5 * noise[:, None]
    jitter = tuple(_jitter(np.array(delay)[~failed]) for delay, failed in zip(delays, failures.T, strict=True))
    rates = tuple(_failure_rate(failed) for failed in failures.T)
    return Train(stimuli, amplitudes, ratios, latencies, tuple(taus), ppr, table, failures, jitter, rates)


def _jitter(delays_ms: Array) -> Observable:
    name = "SD of stimulus to peak"
    if delays_ms.size < 3:
        return missing("latency_jitter", "ms", "not determined", f"{delays_ms.size} responses; three are needed", name)
    notes = (f"n = {delays_ms.size} responses", "noise at the peak is part of it")
    return Observable("latency_jitter", float(delays_ms.std(ddof=1)), "ms", convention=name, notes=notes)


def _failure_rate(failed: NDArray[np.bool_]) -> Observable:
    """Return the part of the sweeps that failed, with the interval of Wilson 1927 (J Am Stat Assoc 22:209)."""
    n, rate, z = failed.size, float(failed.mean()), 1.959964
    centre, reach = rate + z**2 / (2 * n), z * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    interval = (max((centre - reach) / scale, 0.0), min((centre + reach) / scale, 1.0))
    return Observable("failure_rate", rate, "", interval=interval, convention="below 5 SD", notes=(f"n = {n} sweeps",))


def _ratio(amplitude: Observable, first: Observable) -> Observable:
    if not first.ok or math.isnan(amplitude.value):
        return missing("ratio_to_first", "", "no response", first.reason or amplitude.reason or "no response")
    return Observable(
        "ratio_to_first",
        amplitude.value / first.value,
        "",
        amplitude.status,
        amplitude.reason,
        None,
        "of mean responses",
    )
