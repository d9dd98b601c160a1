"""Conditioning of recordings: choice of sweeps, baseline, leak, artefacts, bins.

Every function takes a recording and returns a new one, and what it did is a note in its provenance. They work on
one channel (the first unless told); the others are carried along.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UnknownNameError, UsageError
from .recording import Array, Recording

Span = tuple[float, float]

_RANGE = re.compile(r"^(\d+)(?:\s*[:-]\s*(\d+))?$")
_CONDITION = re.compile(r"^\s*([A-Za-z_][\w%]*)\s*(<=|>=|!=|==|=|<|>)\s*(.+?)\s*$")


def noted(recording: Recording, note: str, **changes: Any) -> Recording:
    """Return the recording with changes, and a note of what was done in its provenance."""
    notes = [*recording.provenance.get("notes", ()), note]
    return replace(recording, provenance={**recording.provenance, "notes": notes}, **changes)


def with_channel(recording: Recording, channel: int, values: ArrayLike) -> Array:
    """Return a copy of the data in which one channel is replaced, shape (channel, sweep, time)."""
    data = np.array(recording.data)
    data[channel] = values
    return data


def samples_in(recording: Recording, window_ms: Span, what: str) -> NDArray[np.bool_]:
    """Return the mask of samples from start to stop, both included.

    Raises
    ------
    UsageError
        The window holds no sample.
    """
    t = recording.time_ms
    mask = (t >= window_ms[0]) & (t <= window_ms[1])
    if not mask.any():
        raise UsageError(
            f"The {what} window {window_ms[0]:g} to {window_ms[1]:g} ms holds no sample",
            why=f"sweeps run from {t[0]:g} to {t[-1]:g} ms",
        )
    return mask


# ------------------------------------------------------------------------------------------------ choice


def sweep_numbers(recording: Recording) -> NDArray[np.int64]:
    """Return the number that every sweep had in the file, from 0, shape (sweep,)."""
    told = recording.sweep_metadata.get("number")
    return np.arange(recording.data.shape[1]) if told is None else np.asarray(told, dtype=np.int64)


def find_sweeps(recording: Recording, text: str) -> list[int]:
    """Return the positions of the sweeps that a text names.

    Parameters
    ----------
    recording : Recording
    text : str
        Numbers of the file from 0, with ranges that include both ends: ``"10:30,33"``. Or conditions on the sweep
        metadata, joined by ``and``: ``"glutamate_uM >= 100 and start_s < 600"``.

    Raises
    ------
    UsageError
        Not understood, no such sweep or metadata, or nothing is left.
    """
    numbers = sweep_numbers(recording)
    if any(sign in text for sign in "<>="):
        keep = np.ones(numbers.size, dtype=bool)
        for part in re.split(r"\band\b|&", text):
            keep &= _holds(recording, part)
        if not keep.any():
            raise UsageError("No sweep is left", where=text)
        return [int(k) for k in np.flatnonzero(keep)]
    found: list[int] = []
    for part in text.split(","):
        hit = _RANGE.match(part.strip())
        if hit is None:
            raise UsageError(
                f"Sweeps {part.strip()!r} are not understood",
                do='give numbers and ranges, both ends included: "10:30,33"; or a condition: "start_s < 600"',
            )
        first = int(hit.group(1))
        last = int(hit.group(2)) if hit.group(2) else first
        if last < first:
            raise UsageError(f"The range {part.strip()!r} runs backwards", do=f'give "{last}:{first}"')
        for number in (first, last):
            if number not in numbers:
                raise UsageError(f"No sweep {number}", why=f"sweeps are {numbers.min()} to {numbers.max()}")
        found += [int(k) for k in np.flatnonzero((numbers >= first) & (numbers <= last)) if int(k) not in found]
    return found


def _holds(recording: Recording, text: str) -> NDArray[np.bool_]:
    hit = _CONDITION.match(text)
    if hit is None:
        raise UsageError(f"The condition {text.strip()!r} is not understood", do='for example "start_s < 600"')
    name, sign, wanted = hit.groups()
    known = dict(recording.sweep_metadata)
    if name not in known:
        do = f"this file has: {', '.join(known)}" if known else "this file has none: give sweep numbers"
        raise UnknownNameError("sweep metadata", name, known, do=do)
    column = np.asarray(known[name])
    if column.dtype.kind in "fiub":
        try:
            value = float(wanted)
        except ValueError:
            raise UsageError(f"{wanted!r} is not a number", where=text.strip(), why=f"{name} is a number") from None
        column = column.astype(float)
        if sign in ("=", "==", "!="):
            equal = np.isclose(column, value, rtol=1e-9, atol=0.0)
            return ~equal if sign == "!=" else equal
        return {"<": column < value, ">": column > value, "<=": column <= value, ">=": column >= value}[sign]
    if sign not in ("=", "==", "!="):
        raise UsageError(f"{name} is text: it has no order", where=text.strip(), do="compare with = or !=")
    equal = column.astype(str) == wanted.strip("'\"")
    return ~equal if sign == "!=" else equal


def select_sweeps(recording: Recording, text: str) -> Recording:
    """Return the sweeps that a text names; they keep their numbers as metadata ``number``.

    Parameters
    ----------
    recording : Recording
    text : str
        As for :func:`find_sweeps`.

    Raises
    ------
    UsageError
        As :func:`find_sweeps`.
    """
    numbers = sweep_numbers(recording)
    positions = find_sweeps(recording, text)
    chosen = recording.select(positions)
    metadata = {**chosen.sweep_metadata, "number": numbers[positions]}
    note = f"sweeps {text!r}: {len(positions)} of {numbers.size} kept, both ends of ranges included"
    return noted(chosen, note, sweep_metadata=metadata)


# ---------------------------------------------------------------------------------------------- baseline


def subtract_baseline(
    recording: Recording,
    *windows_ms: Span,
    how: Literal["mean", "median", "line"] = "mean",
    channel: int = 0,
) -> Recording:
    """Subtract the baseline of every sweep.

    Parameters
    ----------
    recording : Recording
    *windows_ms : (float, float)
        Where nothing happens; for a line best before and after the response.
    how : {"mean", "median", "line"}
        A line removes linear drift within the sweep.
    channel : int

    Returns
    -------
    Recording
        With the level subtracted in the sweep metadata ``baseline_pA`` (or the channel's unit): for a line its value
        at the middle of the windows. A sweep whose windows hold no finite sample becomes NaN.

    Raises
    ------
    UsageError
        An empty or missing window; ``how`` unknown.
    """
    if not windows_ms:
        raise UsageError("No baseline window", do="give one: (0.0, 10.0)")
    if how not in ("mean", "median", "line"):
        raise UsageError(f"Unknown baseline {how!r}", do="use mean, median or line")
    mask = np.any([samples_in(recording, span, "baseline") for span in windows_ms], axis=0)
    t, sweeps = recording.time_ms, recording.data[channel]
    middle = float(t[mask].mean())
    levels = np.full(len(sweeps), np.nan)
    slopes = np.zeros(len(sweeps))
    for k, sweep in enumerate(sweeps):
        used = mask & np.isfinite(sweep)
        if used.sum() < (3 if how == "line" else 1):
            continue
        if how == "line":
            slopes[k], levels[k] = np.polyfit(t[used] - middle, sweep[used], 1)
        else:
            levels[k] = np.median(sweep[used]) if how == "median" else sweep[used].mean()
    clean = sweeps - levels[:, None] - slopes[:, None] * (t - middle)
    unit = recording.channels[channel].unit
    spans = ", ".join(f"{a:g} to {b:g} ms" for a, b in windows_ms)
    note = f"baseline ({how} of {spans}) subtracted from {recording.channels[channel].name!r}{_span(levels, unit)}"
    metadata = {**recording.sweep_metadata, f"baseline_{unit or 'level'}": levels}
    return noted(recording, note, data=with_channel(recording, channel, clean), sweep_metadata=metadata)


def _span(values: Array, unit: str) -> str:
    finite = values[np.isfinite(values)]
    return f": {finite.min():.4g} to {finite.max():.4g} {unit}" if finite.size else ": no finite sample"


# -------------------------------------------------------------------------------------------------- leak


def subtract_leak_conductance(
    recording: Recording,
    command: int,
    step_ms: Span,
    reference_ms: Span,
    *,
    channel: int = 0,
) -> Recording:
    """Subtract an ohmic leak measured with a test pulse of every sweep.

    Parameters
    ----------
    recording : Recording
    command : int
        Channel of the command voltage, mV.
    step_ms, reference_ms : (float, float)
        Steady part of the test pulse, and the holding level before it.
    channel : int
        Current, pA.

    Returns
    -------
    Recording
        Without ``g V``, g = change of current over change of voltage; the current at the holding potential
        becomes what the leak does not explain. Leak conductances are the metadata ``leak_nS``.

    Raises
    ------
    UsageError
        Units are not pA and mV, or the command does not change between the windows.
    """
    units = recording.channels[channel].unit, recording.channels[command].unit
    if units != ("pA", "mV"):
        raise UsageError("A leak needs current in pA and voltage in mV", why=f"units are {units[0]!r}, {units[1]!r}")
    current, voltage = recording.data[channel], recording.data[command]
    on, off = samples_in(recording, step_ms, "test pulse"), samples_in(recording, reference_ms, "reference")
    volts = np.nanmean(voltage[:, on], axis=1) - np.nanmean(voltage[:, off], axis=1)
    if (np.abs(volts) < 0.1).any():
        raise UsageError("The command does not step between the windows", why=f"{np.abs(volts).min():.3g} mV")
    leak_nS = (np.nanmean(current[:, on], axis=1) - np.nanmean(current[:, off], axis=1)) / volts
    clean = current - leak_nS[:, None] * voltage
    note = f"ohmic leak of the test pulse {step_ms[0]:g} to {step_ms[1]:g} ms subtracted{_span(leak_nS, 'nS')}"
    metadata = {**recording.sweep_metadata, "leak_nS": leak_nS}
    return noted(recording, note, data=with_channel(recording, channel, clean), sweep_metadata=metadata)


def subtract_p_over_n(recording: Recording, leak_sweeps: str, *, scale: float, channel: int = 0) -> Recording:
    """Subtract the mean of scaled-down sweeps (P/N protocol) and drop them.

    Parameters
    ----------
    recording : Recording
    leak_sweeps : str
        The sub-sweeps, as for :func:`find_sweeps`.
    scale : float
        Step of the response sweeps divided by the step of the sub-sweeps, with its sign: -4 for P/-4.

    Raises
    ------
    UsageError
        No response sweep is left, or a scale of zero.
    """
    if not np.isfinite(scale) or scale == 0:
        raise UsageError(f"Scale {scale!r} is not a scale", do="give step of the response over step of the sub-sweep")
    positions = find_sweeps(recording, leak_sweeps)
    rest = [k for k in range(recording.data.shape[1]) if k not in positions]
    if not rest:
        raise UsageError("No sweep is left", why=f"{leak_sweeps!r} names all of them as leak sweeps")
    numbers = sweep_numbers(recording)
    template = np.nanmean(recording.data[channel][positions], axis=0)
    # the holding current is in the sub-sweeps too and must not be scaled: it is their level at the first sample
    template = template - template[0]
    kept = recording.select(rest)
    clean = kept.data[channel] - scale * template
    note = f"P/N leak: mean of {len(positions)} sweeps {leak_sweeps!r} times {scale:g} subtracted"
    metadata = {**kept.sweep_metadata, "number": numbers[rest]}
    return noted(kept, note, data=with_channel(kept, channel, clean), sweep_metadata=metadata)


# --------------------------------------------------------------------------------------------- artefacts


def blank(t_ms: ArrayLike, sweeps: ArrayLike, stimuli_ms: ArrayLike, span_ms: Span = (-0.2, 2.5)) -> Array:
    """Return a copy with every artefact replaced by a straight line.

    Parameters
    ----------
    t_ms : (time,) array
    sweeps : (..., time) array
    stimuli_ms : (pulse,) array
    span_ms : (float, float)
        Begin and end around each stimulus.
    """
    t, y = np.asarray(t_ms, dtype=float), np.array(sweeps, dtype=float)
    for stimulus in np.asarray(stimuli_ms, dtype=float):
        inside = np.flatnonzero((t > stimulus + span_ms[0]) & (t < stimulus + span_ms[1]))
        if inside.size == 0:
            continue
        left, right = max(inside[0] - 1, 0), min(inside[-1] + 1, t.size - 1)
        share = (t[inside] - t[left]) / (t[right] - t[left])
        y[..., inside] = y[..., [left]] * (1 - share) + y[..., [right]] * share
    return y


def blank_artefacts(
    recording: Recording,
    times_ms: ArrayLike,
    span_ms: Span = (-0.2, 2.5),
    *,
    fill: Literal["line", "nan"] = "line",
    channel: int = 0,
) -> Recording:
    """Blank stimulus artefacts.

    Parameters
    ----------
    recording : Recording
    times_ms : (pulse,) array
    span_ms : (float, float)
        Begin and end around each time.
    fill : {"line", "nan"}
        A line joins the samples beside the gap; NaN keeps the gap visible for fits that leave it out.
    channel : int
    """
    times = np.atleast_1d(np.asarray(times_ms, dtype=float))
    t, y = recording.time_ms, recording.data[channel]
    if fill == "line":
        clean = blank(t, y, times, span_ms)
    elif fill == "nan":
        gaps = np.any([(t > at + span_ms[0]) & (t < at + span_ms[1]) for at in times], axis=0)
        clean = np.where(gaps, np.nan, y)
    else:
        raise UsageError(f"Unknown fill {fill!r}", do="use line or nan")
    note = f"{times.size} artefacts blanked ({fill}), {span_ms[0]:g} to {span_ms[1]:g} ms around each"
    return noted(recording, note, data=with_channel(recording, channel, clean))


# -------------------------------------------------------------------------------------------------- bins


def bin_samples(recording: Recording, edges_ms: Sequence[float] | NDArray[np.float64]) -> Recording:
    """Average the samples between edges; the bins may differ in length.

    Parameters
    ----------
    recording : Recording
    edges_ms : (bins + 1,) array
        Increasing. A bin holds the samples from its lower edge up to, not including, its upper edge.

    Returns
    -------
    Recording
        One sample per bin, at the mean time of its samples; edges and numbers of samples are in the provenance as
        ``bin_edges_ms`` and ``bin_samples``. NaN samples are left out of a mean.

    Raises
    ------
    UsageError
        Edges do not increase, or a bin holds no sample.
    """
    edges = np.asarray(edges_ms, dtype=float)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise UsageError("Edges of bins must increase", why=f"{edges.size} edges")
    borders = np.searchsorted(recording.time_ms, edges)
    counts = np.diff(borders)
    if (counts == 0).any():
        k = int(np.argmax(counts == 0))
        raise UsageError(f"The bin {edges[k]:g} to {edges[k + 1]:g} ms holds no sample")
    part = recording.data[..., borders[0] : borders[-1]]
    starts = borders[:-1] - borders[0]
    finite = np.isfinite(part)
    n = np.add.reduceat(finite.astype(float), starts, axis=-1)
    total = np.add.reduceat(np.where(finite, part, 0.0), starts, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        data = total / n
    time = np.add.reduceat(recording.time_ms[borders[0] : borders[-1]], starts) / counts
    made = noted(recording, f"{counts.size} bins of {counts.min()} to {counts.max()} samples", data=data, time_ms=time)
    provenance = {**made.provenance, "bin_edges_ms": edges.tolist(), "bin_samples": counts.tolist()}
    return replace(made, provenance=provenance)
