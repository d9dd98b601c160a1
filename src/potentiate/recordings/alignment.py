"""Alignment of sweeps in time: to the solution exchange, or to the steepest rise of the response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import UsageError
from .recording import Array, Recording
from .sweeps import Span, noted, samples_in, sweep_numbers


@dataclass(frozen=True)
class Alignment:
    """Where each sweep has its mark.

    Attributes
    ----------
    times_ms : (sweep,) array
        Time of the mark; NaN where there is none.
    reasons : tuple of str
        Why there is none; empty otherwise.
    what : str
    """

    times_ms: Array
    reasons: tuple[str, ...]
    what: str

    @property
    def spread_ms(self) -> float:
        """Range of the marks; NaN without any."""
        found = self.times_ms[np.isfinite(self.times_ms)]
        return float(np.ptp(found)) if found.size else float("nan")


def find_exchange(recording: Recording, channel: int, *, window_ms: Span | None = None) -> Alignment:
    """Find when the solution changes: the first half-way crossing of an open-tip, piezo or valve trace.

    Parameters
    ----------
    recording : Recording
    channel : int
        The trace of the exchange, not of the response.
    window_ms : (float, float), optional
        Where to look.

    Notes
    -----
    Half-way is between the level at the start of the window and the largest excursion from it, per sweep; the time is
    interpolated between samples.
    """
    return _crossings(recording, channel, window_ms, "half of the exchange")


def find_rise(recording: Recording, *, channel: int = 0, window_ms: Span | None = None) -> Alignment:
    """Find the steepest rise of every response (signed as the response), by a parabola through three differences.

    A response must exceed 8 robust standard deviations of the noise of its sweep.
    """
    t, sweeps = recording.time_ms, recording.data[channel]
    mask = np.ones(t.size, dtype=bool) if window_ms is None else samples_in(recording, window_ms, "search")
    where = np.flatnonzero(mask)
    times, reasons = np.full(len(sweeps), np.nan), []
    for k, sweep in enumerate(sweeps):
        part = sweep[where]
        if where.size < 8 or not np.isfinite(part).all():
            reasons.append("too few samples" if where.size < 8 else "NaN in the window")
            continue
        noise = float(np.median(np.abs(np.diff(part)))) / 0.6745 / np.sqrt(2)
        start = float(np.median(part[: max(4, where.size // 20)]))
        far = part - start
        peak = int(np.argmax(np.abs(far)))
        if abs(far[peak]) <= 8 * noise or peak < 3:
            reasons.append(f"no response: {far[peak]:.3g} against noise of {noise:.3g}")
            continue
        # differences over three samples: less noise, same place
        slope = np.sign(far[peak]) * (part[3:] - part[:-3])[: max(peak - 1, 1)]
        j = int(np.argmax(slope))
        times[k] = t[where[j]] + 1.5 * (t[where[j + 1]] - t[where[j]]) + _vertex(slope, j) * (t[1] - t[0])
        reasons.append("")
    return Alignment(times, tuple(reasons), "steepest rise")


def _vertex(y: Array, j: int) -> float:
    """Return the offset, in samples, of the top of the parabola through y[j - 1 .. j + 1]."""
    if not 0 < j < y.size - 1:
        return 0.0
    curve = y[j - 1] - 2 * y[j] + y[j + 1]
    return 0.0 if curve >= 0 else float(np.clip(0.5 * (y[j - 1] - y[j + 1]) / curve, -0.5, 0.5))


def _crossings(recording: Recording, channel: int, window_ms: Span | None, what: str) -> Alignment:
    t, sweeps = recording.time_ms, recording.data[channel]
    mask = np.ones(t.size, dtype=bool) if window_ms is None else samples_in(recording, window_ms, "search")
    where = np.flatnonzero(mask)
    times, reasons = np.full(len(sweeps), np.nan), []
    for k, sweep in enumerate(sweeps):
        part = sweep[where]
        if where.size < 4 or not np.isfinite(part).all():
            reasons.append("too few samples" if where.size < 4 else "NaN in the window")
            continue
        noise = float(np.median(np.abs(np.diff(part)))) / 0.6745 / np.sqrt(2)
        far = part - part[: max(1, where.size // 100)].mean()
        size = far[np.argmax(np.abs(far))]
        if abs(size) <= max(8 * noise, 1e-9 * np.abs(part).max()):
            reasons.append("the exchange trace does not change")
            continue
        over = np.flatnonzero(np.sign(size) * far >= 0.5 * abs(size))
        j = int(over[0])
        if j == 0:
            reasons.append("the exchange trace is high from the start")
            continue
        part_way = (0.5 * size - far[j - 1]) / (far[j] - far[j - 1])
        times[k] = t[where[j - 1]] + part_way * (t[where[j]] - t[where[j - 1]])
        reasons.append("")
    return Alignment(times, tuple(reasons), what)


def align(
    recording: Recording,
    marks: Alignment,
    *,
    to_ms: float | None = None,
    missing: Literal["stop", "drop", "keep"] = "stop",
    edges: Literal["cut", "nan"] = "cut",
) -> Recording:
    """Shift sweeps by whole samples so that their marks coincide.

    Parameters
    ----------
    recording : Recording
        Evenly sampled.
    marks : Alignment
        From :func:`find_exchange` or :func:`find_rise`.
    to_ms : float, optional
        Common time of the marks; default their median.
    missing : {"stop", "drop", "keep"}
        What happens to sweeps without a mark: an error, left out, or left where they are.
    edges : {"cut", "nan"}
        Cut what not all sweeps have, or keep the time axis (its start is the start of the protocol, as fits want it)
        and fill with NaN.

    Returns
    -------
    Recording
        Metadata ``shift_ms`` (applied; whole samples, so that the noise stays as it was) and ``mark_ms`` (found). All
        channels are shifted together.

    Raises
    ------
    UsageError
        No mark at all, a sweep without one where ``missing="stop"``, uneven sampling, or nothing in common.
    """
    if missing not in ("stop", "drop", "keep") or edges not in ("cut", "nan"):
        raise UsageError(f"Unknown choice {missing!r}, {edges!r}", do="use stop, drop or keep; cut or nan")
    dt = recording.interval_ms
    if not np.isfinite(dt):
        raise UsageError("Sweeps of uneven sampling cannot be shifted", do="align before binning")
    numbers, times = sweep_numbers(recording), np.array(marks.times_ms)
    lost = np.flatnonzero(~np.isfinite(times))
    if lost.size == times.size:
        raise UsageError(f"No sweep shows the {marks.what}", why=marks.reasons[0])
    if lost.size and missing == "stop":
        raise UsageError(
            f"{lost.size} of {times.size} sweeps do not show the {marks.what}",
            why=f"sweep {numbers[lost[0]]}: {marks.reasons[lost[0]]}",
            do="leave them out first, or choose missing='drop' or 'keep'",
        )
    if lost.size and missing == "drop":
        kept = [k for k in range(times.size) if np.isfinite(times[k])]
        recording = recording.select(kept)
        numbers, times = numbers[kept], times[kept]
    target = float(np.nanmedian(times)) if to_ms is None else to_ms
    steps = np.where(np.isfinite(times), np.rint((target - times) / dt), 0.0).astype(int)
    samples = recording.time_ms.size
    first, last = max(0, int(steps.max())), samples + min(0, int(steps.min()))
    if last - first < 2:
        raise UsageError(
            "Nothing is left after the shift", why=f"shifts of {steps.min() * dt:g} to {steps.max() * dt:g} ms"
        )
    if edges == "cut":
        data = np.stack([recording.data[:, k, first - step : last - step] for k, step in enumerate(steps)], axis=1)
        time = recording.time_ms[first:last]
    else:
        data, time = np.full_like(recording.data, np.nan), recording.time_ms
        for k, step in enumerate(steps):
            data[:, k, max(step, 0) : samples + min(step, 0)] = recording.data[
                :, k, max(-step, 0) : samples - max(step, 0)
            ]
    shift = np.where(np.isfinite(times), steps * dt, np.nan) if missing == "keep" else steps * dt
    metadata = {**recording.sweep_metadata, "number": numbers, "shift_ms": shift, "mark_ms": times}
    note = (
        f"aligned to the {marks.what} at {target:.4g} ms: shifts {np.nanmin(shift):.4g} to {np.nanmax(shift):.4g} ms"
        + (f"; {lost.size} sweeps without it {'dropped' if missing == 'drop' else 'not shifted'}" if lost.size else "")
    )
    return noted(recording, note, data=data, time_ms=time, sweep_metadata=metadata)
