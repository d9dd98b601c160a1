"""Quality control of sweeps: every verdict with the value that was found and the limit that it broke."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..recordings.alignment import Alignment
from ..recordings.recording import Recording
from ..recordings.sweeps import samples_in, sweep_numbers

Array = NDArray[np.float64]

Verdict = Literal[
    "ok", "NaN run", "constant trace", "saturated", "lost seal", "baseline drift", "series-resistance change",
    "exchange later than the response", "non-responder", "run-down",
]  # fmt: skip


@dataclass(frozen=True)
class QualityLimits:
    """The thresholds, by name; None switches a check off.

    Attributes
    ----------
    nan_samples : int or None
        Most NaN samples in a row.
    constant_share : float or None
        Largest share of the sweep in one run of equal samples.
    rail_samples : int or None
        Samples in a row at the extreme of the sweep, far from the noise, that make it saturated.
    holding_jump_pA : float or None
        Largest difference of the holding current from the median of all sweeps: beyond it the seal is lost.
    noise_ratio : float or None
        Largest noise relative to the median of all sweeps: beyond it the seal is lost.
    drift_pA : float or None
        Largest straight-line change of the baseline over its window, and of the holding current from the first sweep.
    series_change : float or None
        Largest relative change of the series resistance (test pulse) from the first sweep.
    exchange_lead_ms : float or None
        The response may start at most this long before the half-way point of the solution exchange.
    response_sd : float or None
        A response must exceed this many standard deviations of the baseline.
    response_pA : float or None
        Smallest response, however quiet the baseline.
    rundown_loss : float or None
        Largest loss of peak relative to the mean of the first three responses.
    """

    nan_samples: int | None = 0
    constant_share: float | None = 0.5
    rail_samples: int | None = 5
    holding_jump_pA: float | None = 200.0
    noise_ratio: float | None = 3.0
    drift_pA: float | None = 50.0
    series_change: float | None = 0.2
    exchange_lead_ms: float | None = 0.1
    response_sd: float | None = 5.0
    response_pA: float | None = 20.0
    rundown_loss: float | None = 0.5

    def without(self, *names: str) -> QualityLimits:
        """Return the limits with some checks switched off.

        Raises
        ------
        UsageError
            No such limit.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for name in names:
            if name not in known:
                raise UsageError(f"No limit is called {name!r}", do=f"one of {', '.join(known)}")
        return dataclasses.replace(self, **dict.fromkeys(names))

    def describe(self) -> str:
        """Return the limits in one line."""
        shown = [f"{f.name} {getattr(self, f.name)}" for f in dataclasses.fields(self)]
        return "limits: " + ", ".join(text if not text.endswith("None") else text[:-4] + "off" for text in shown)


@dataclass(frozen=True)
class Check:
    """One check of one sweep.

    Attributes
    ----------
    verdict : str
        What the sweep is if the check fails.
    value, limit : float
    unit : str
    failed : bool
    text : str
        Value and limit in words.
    """

    verdict: Verdict
    value: float
    limit: float
    unit: str
    failed: bool
    text: str


@dataclass(frozen=True)
class SweepQuality:
    """Verdict on one sweep: that of its first failed check, and all of them."""

    number: int
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.failed)

    @property
    def status(self) -> Verdict:
        """``ok`` or the first failure."""
        return self.failed[0].verdict if self.failed else "ok"

    @property
    def reason(self) -> str:
        """All failures, with value and limit."""
        return "; ".join(f"{check.verdict}: {check.text}" for check in self.failed)


@dataclass(frozen=True)
class QualityReport:
    """Verdicts on all sweeps.

    Attributes
    ----------
    sweeps : tuple of SweepQuality
    limits : QualityLimits
    not_checked : tuple of str
        Checks that could not be made, and what they need.
    """

    sweeps: tuple[SweepQuality, ...]
    limits: QualityLimits
    not_checked: tuple[str, ...] = ()

    @property
    def ok(self) -> tuple[int, ...]:
        """Numbers of the good sweeps."""
        return tuple(sweep.number for sweep in self.sweeps if sweep.status == "ok")

    def with_status(self, verdict: str) -> tuple[int, ...]:
        """Return numbers of the sweeps for which a check of that name failed."""
        return tuple(s.number for s in self.sweeps if verdict in [check.verdict for check in s.failed])

    def describe(self) -> str:
        """Return the verdicts as text, one line per flagged sweep."""
        lines = [f"{len(self.ok)} of {len(self.sweeps)} sweeps are ok"]
        lines += [f"  sweep {s.number}  {s.reason}" for s in self.sweeps if s.failed]
        lines += [f"  not checked: {text}" for text in self.not_checked]
        return "\n".join([*lines, "  " + self.limits.describe()])


def check_quality(
    recording: Recording,
    *,
    limits: QualityLimits | None = None,
    channel: int = 0,
    baseline_ms: tuple[float, float] | None = None,
    response_ms: tuple[float, float] | None = None,
    exchange: Alignment | None = None,
    test_pulse: tuple[float, float, float] | None = None,
) -> QualityReport:
    """Judge every sweep.

    Parameters
    ----------
    recording : Recording
        As recorded: before baseline subtraction, which would hide holding currents.
    limits : QualityLimits, optional
    channel : int
        Current, pA.
    baseline_ms : (float, float), optional
        Window without agonist or stimulus; default the first tenth of the sweep.
    response_ms : (float, float), optional
        Where a response is expected. Without it responses, their run-down and their order are not checked.
    exchange : Alignment, optional
        Of the exchange trace, from :func:`potentiate.recordings.alignment.find_exchange`.
    test_pulse : (start_ms, stop_ms, step_mV), optional
        For the series resistance: step over the transient current at its start.

    Returns
    -------
    QualityReport

    Raises
    ------
    UsageError
        A window holds no sample.

    Notes
    -----
    Noise is the robust standard deviation of sample-to-sample differences in the baseline, so that events in the
    baseline do not count as noise.
    """
    limits = limits or QualityLimits()
    t, sweeps = recording.time_ms, recording.data[channel]
    if baseline_ms is None:
        baseline_ms = (float(t[0]), float(t[0] + 0.1 * (t[-1] - t[0])))
    quiet = samples_in(recording, baseline_ms, "baseline")
    active = None if response_ms is None else samples_in(recording, response_ms, "response")
    checks: list[list[Check]] = [[] for _ in sweeps]
    usable = np.array([_form(sweep, limits, mine) for sweep, mine in zip(sweeps, checks, strict=True)])
    with np.errstate(all="ignore"):
        _seal(t, sweeps, quiet, usable, limits, checks)
        if test_pulse is not None:
            _series(t, sweeps, test_pulse, usable, limits, checks)
        if active is not None:
            onsets = _responses(t, sweeps, quiet, active, usable, limits, checks)
            if exchange is not None:
                _order(onsets, exchange, limits, checks)
    skipped = []
    if response_ms is None:
        skipped.append("responses and run-down (need response_ms)")
    if exchange is None or response_ms is None:
        skipped.append("order of exchange and response (needs the exchange trace and response_ms)")
    if test_pulse is None:
        skipped.append("series resistance (needs a test pulse)")
    skipped += [f"{f.name} (switched off)" for f in dataclasses.fields(limits) if getattr(limits, f.name) is None]
    numbers = sweep_numbers(recording)
    judged = tuple(SweepQuality(int(n), tuple(found)) for n, found in zip(numbers, checks, strict=True))
    return QualityReport(judged, limits, tuple(skipped))


def _add(checks: list[Check], verdict: Verdict, value: float, limit: float | None, unit: str, text: str) -> bool:
    """Append a check of "value is above limit"; return whether it failed. A limit of None is no check."""
    if limit is None or not math.isfinite(value):
        return False
    failed = value > limit
    checks.append(Check(verdict, value, limit, unit, failed, text))
    return failed


def longest_run(flags: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of True.

    Examples
    --------
    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _form(sweep: Array, limits: QualityLimits, checks: list[Check]) -> bool:
    """NaN, constant, clipped. Return whether anything else can be measured."""
    gap = longest_run(~np.isfinite(sweep))
    text = f"{gap} samples without a number in a row (limit {limits.nan_samples})"
    broken = _add(checks, "NaN run", gap, limits.nan_samples, "samples", text)
    finite = sweep[np.isfinite(sweep)]
    if finite.size < 8:
        return False
    same = (longest_run(np.diff(sweep) == 0) + 1) / sweep.size
    text = f"{same:.0%} of the sweep is one value (limit {limits.constant_share or 0:.0%})"
    flat = _add(checks, "constant trace", same, limits.constant_share, "", text)
    middle = np.median(finite)
    steps = np.abs(np.diff(finite))
    # never finer than the digital step: a quiet, coarsely digitised trace often repeats its extreme
    digit = float(steps[steps > 0].min()) if steps.any() else 0.0
    noise = max(float(np.median(steps)) / 0.6745 / math.sqrt(2), digit)
    if limits.rail_samples is not None and not flat:
        runs = []
        for end in (finite.min(), finite.max()):
            far = abs(end - middle) > 10 * max(noise, 1e-12)
            runs.append((longest_run(sweep == end) if far else 0, end))
        run, end = max(runs)
        text = f"{run} samples in a row at {end:.4g} (limit {limits.rail_samples - 1})"
        _add(checks, "saturated", run, limits.rail_samples - 1, "samples", text)
    return not (broken and np.isfinite(sweep).mean() < 0.5) and not flat


def _seal(
    t: Array, sweeps: Array, quiet: NDArray[np.bool_], usable: NDArray[np.bool_], limits: QualityLimits,
    checks: Sequence[list[Check]],
) -> None:  # fmt: skip
    """Holding current, noise, drift."""
    if not usable.any() or quiet.sum() < 4:
        return
    base = sweeps[:, quiet]
    holding = np.array(
        [np.nanmedian(b) if u and np.isfinite(b).any() else np.nan for b, u in zip(base, usable, strict=True)]
    )
    steps = np.abs(np.diff(base, axis=1))
    noise = np.array([np.nanmedian(s) / 0.6745 / math.sqrt(2) if np.isfinite(s).any() else np.nan for s in steps])
    noise[~usable] = np.nan
    usual, usual_noise = np.nanmedian(holding), np.nanmedian(noise)
    first = holding[np.isfinite(holding)][0] if np.isfinite(holding).any() else np.nan
    for k, mine in enumerate(checks):
        if not usable[k]:
            continue
        off = abs(holding[k] - usual)
        text = f"holding {holding[k]:.4g} pA is {off:.3g} pA from the median (limit {limits.holding_jump_pA} pA)"
        lost = _add(mine, "lost seal", off, limits.holding_jump_pA, "pA", text)
        if usual_noise > 0:
            ratio = noise[k] / usual_noise
            text = f"noise {noise[k]:.3g} pA is {ratio:.2g} times the median (limit {limits.noise_ratio})"
            lost |= _add(mine, "lost seal", ratio, limits.noise_ratio, "", text)
        if lost:
            continue
        moved = abs(holding[k] - first)
        text = f"holding {holding[k]:.4g} pA, {first:.4g} pA in the first sweep (limit {limits.drift_pA} pA)"
        drifted = _add(mine, "baseline drift", moved, limits.drift_pA, "pA", text)
        good = np.isfinite(base[k])
        if good.sum() > 8 and not drifted:
            x = t[quiet][good]
            change = abs(float(np.polyfit(x - x.mean(), base[k][good], 1)[0]) * (x[-1] - x[0]))
            text = f"the baseline moves by {change:.3g} pA in its window (limit {limits.drift_pA} pA)"
            _add(mine, "baseline drift", change, limits.drift_pA, "pA", text)


def series_resistances(recording: Recording, test_pulse: tuple[float, float, float], *, channel: int = 0) -> Array:
    """Return the series resistance of every sweep in MOhm, shape (sweep,): test step over its transient current.

    The transient is the extreme sample within 1 ms of the step, so a filter makes the value too large; its change
    from sweep to sweep is what counts.
    """
    return _series_of(recording.time_ms, recording.data[channel], test_pulse)


def _series_of(t: Array, sweeps: Array, test_pulse: tuple[float, float, float]) -> Array:
    start, stop, step_mV = test_pulse
    before = (t >= start - 0.1 * (stop - start)) & (t < start)
    after = (t >= start) & (t <= min(start + 1.0, stop))
    if not before.any() or not after.any() or step_mV == 0:
        raise UsageError("The test pulse is not in the sweep", why=f"{start:g} to {stop:g} ms, {step_mV:g} mV")
    jump = np.sign(step_mV) * (sweeps[:, after] - np.median(sweeps[:, before], axis=1, keepdims=True))
    size = jump.max(axis=1)
    return np.where(size > 0, 1e3 * abs(step_mV) / np.where(size > 0, size, 1.0), np.nan)


def _series(
    t: Array, sweeps: Array, test_pulse: tuple[float, float, float], usable: NDArray[np.bool_], limits: QualityLimits,
    checks: Sequence[list[Check]],
) -> None:  # fmt: skip
    ohms = np.where(usable, _series_of(t, sweeps, test_pulse), np.nan)
    known = np.flatnonzero(np.isfinite(ohms))
    if known.size == 0:
        return
    first = ohms[known[0]]
    for k in map(int, known):
        change = abs(ohms[k] / first - 1)
        text = f"{ohms[k]:.3g} MOhm, {first:.3g} MOhm at first: {change:.0%} (limit {limits.series_change or 0:.0%})"
        _add(checks[k], "series-resistance change", change, limits.series_change, "", text)


def _responses(
    t: Array, sweeps: Array, quiet: NDArray[np.bool_], active: NDArray[np.bool_], usable: NDArray[np.bool_],
    limits: QualityLimits, checks: Sequence[list[Check]],
) -> Array:  # fmt: skip
    """Responders, run-down; return the time at which each response passes a tenth of its peak, NaN without one."""
    peaks, onsets = np.full(len(sweeps), np.nan), np.full(len(sweeps), np.nan)
    where = np.flatnonzero(active)
    for k, sweep in enumerate(sweeps):
        if not usable[k]:
            continue
        level, sd = float(np.nanmean(sweep[quiet])), float(np.nanstd(sweep[quiet]))
        far = sweep[where] - level
        if not np.isfinite(far).any():
            continue
        size = float(far[np.nanargmax(np.abs(far))])
        floor = max((limits.response_sd or 0.0) * sd, limits.response_pA or 0.0)
        if limits.response_sd is not None or limits.response_pA is not None:
            text = (
                f"{size:.3g} pA against a limit of {floor:.3g} pA"
                f" ({limits.response_sd or 0:g} SD of the baseline are {(limits.response_sd or 0) * sd:.3g} pA)"
            )
            silent = abs(size) <= floor
            checks[k].append(Check("non-responder", abs(size), floor, "pA", silent, text))
            if silent:
                continue
        peaks[k] = size
        passed = np.flatnonzero(np.sign(size) * far >= 0.1 * abs(size))
        onsets[k] = t[where[passed[0]]]
    answered = peaks[np.isfinite(peaks)]
    if answered.size >= 4:
        start = float(answered[:3].mean())
        for k in map(int, np.flatnonzero(np.isfinite(peaks))):
            loss = 1 - peaks[k] / start
            text = (
                f"peak {peaks[k]:.4g} pA has lost {loss:.0%} of {start:.4g} pA (limit {limits.rundown_loss or 0:.0%})"
            )
            _add(checks[k], "run-down", loss, limits.rundown_loss, "", text)
    return onsets


def _order(onsets: Array, exchange: Alignment, limits: QualityLimits, checks: Sequence[list[Check]]) -> None:
    for k, mine in enumerate(checks):
        lead = float(exchange.times_ms[k] - onsets[k])
        text = (
            f"the response starts {lead:.3g} ms before the exchange is half-way (limit {limits.exchange_lead_ms} ms): "
            "wrong channel, or wrong delay"
        )
        _add(mine, "exchange later than the response", lead, limits.exchange_lead_ms, "ms", text)
