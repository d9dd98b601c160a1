"""From what a library found to a Recording: units, roles, and what is odd about the traces."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import RecordingError, UsageError
from .channel import Channel, Role, check_plausible, inside, is_auxiliary, likely_role, plain_unit
from .recording import Array, Label, Recording

#: True units instead of the header's: of the only channel, or by channel name or number.
Units = str | Mapping[int | str, str] | None

#: Largest number of samples (all channels and sweeps) that one recording may hold.
MAX_SAMPLES = 2**28


class Played(Protocol):
    """A command that can be rebuilt: its channel, and a function that writes it into (sweep, time)."""

    @property
    def channel(self) -> Channel: ...
    def fill(self, values: Array) -> None: ...


@dataclass(frozen=True)
class Raw:
    """What a library found, in the file's own numbers.

    Attributes
    ----------
    traces : sequence of sequence of (time,) array
        By channel, then sweep; value in ``units`` = number x gain + offset.
    names, units : tuple of str
        By channel.
    rate_Hz : float
    starts_s : tuple of float
        Begin of each sweep.
    gain, offset : tuple of float
        By channel.
    protocol, reader : str
        Protocol of the acquisition program; name and version of the library.
    warnings, notes : tuple of str
        What the library logged; what the user must know.
    roles : tuple of Role, optional
        By channel; guessed from names and ranges where empty.
    time_ms : (time,) array, optional
        Uneven sampling.
    """

    traces: Sequence[Sequence[NDArray[Any]]]
    names: tuple[str, ...]
    units: tuple[str, ...]
    rate_Hz: float
    starts_s: tuple[float, ...]
    gain: tuple[float, ...]
    offset: tuple[float, ...]
    protocol: str
    reader: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    time_ms: Array | None = None
    label: Label = "data"
    commands: Sequence[Played] = ()
    metadata: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, sweep, time)."""
        return len(self.traces), len(self.traces[0]), len(self.traces[0][0])

    def trace(self, channel: int, sweep: int) -> Array:
        """Return one trace in the file's unit."""
        return np.multiply(self.traces[channel][sweep], self.gain[channel], dtype=float) + self.offset[channel]


def guarded(name: str, path: Path, call: Callable[[], Raw]) -> Raw:
    """Run a reader of a library; whatever it raises on a damaged file becomes a RecordingError."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), _log_of(name) as said:
            warnings.simplefilter("ignore")
            raw = call()
    except (RecordingError, UsageError):
        raise
    except Exception as error:  # the libraries raise anything, from struct.error to AssertionError
        why = str(error).splitlines()[0][:160] if str(error) else ""
        raise RecordingError(
            "Cannot read the file",
            where=path.name,
            why=f"{name}: {type(error).__name__} {why}".strip(),
            do="check that it opens in the acquisition program; it may be truncated or damaged",
        ) from None
    if not raw.traces or not raw.traces[0] or 0 in raw.shape:
        raise RecordingError("Recording is empty", where=path.name, why=f"{name} finds no samples")
    lengths = {len(trace) for channel in raw.traces for trace in channel}
    if len(lengths) > 1:
        raise RecordingError(
            "Sweeps differ in length",
            where=path.name,
            why=f"{min(lengths)} to {max(lengths)} samples",
            do="read one part of the file, or export sweeps of equal length",
        )
    if raw.time_ms is None and not (math.isfinite(raw.rate_Hz) and 1e-3 <= raw.rate_Hz <= 1e8):
        raise RecordingError("File is damaged", where=path.name, why=f"{name}: rate {raw.rate_Hz} Hz")
    if math.prod(raw.shape) > MAX_SAMPLES:
        raise RecordingError(
            "Recording is too large",
            where=path.name,
            why=f"{math.prod(raw.shape):.3g} samples; the limit is {MAX_SAMPLES:.3g}",
            do="read one part of the file, or export the sweeps you need",
        )
    return replace(raw, warnings=raw.warnings + tuple(said))


@contextlib.contextmanager
def _log_of(name: str) -> Iterator[list[str]]:
    """Collect what a library logs instead of letting it print."""
    said: list[str] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, handler = logging.getLogger(name), _Collector(logging.WARNING)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _told_units(raw: Raw, unit: Units, where: str) -> dict[int, str]:
    """Return {channel number: unit} of what the caller said about units."""
    if unit is None:
        return {}
    if isinstance(unit, str):
        if len(raw.names) > 1:
            raise UsageError(
                "Which channel has that unit?",
                where=where,
                why=f"channels: {', '.join(map(repr, raw.names))}",
                do=f"choose the channel, or give {{channel: {unit!r}}}",
            )
        return {0: plain_unit(unit)}
    told = {}
    for which, text in unit.items():
        hits = [k for k, name in enumerate(raw.names) if which in (k, name)]
        if len(hits) != 1:
            raise UsageError(f"{len(hits)} channels match {which!r}", where=where, do="give the number of one")
        told[hits[0]] = plain_unit(text)
    return told


def assemble(path: Path, raw: Raw, unit: Units, yes: bool, readers: str | None = None) -> Recording:
    """Return the Recording of what a library found.

    Parameters
    ----------
    path : Path
    raw : Raw
    unit : str or mapping, optional
        True unit instead of the header's.
    yes : bool
        Accept an implausible scale, or metadata that end early.
    readers : str, optional
        Names of the libraries that were asked.

    Raises
    ------
    RecordingError
        A scale that no amplifier can have recorded; infinite samples; truncated.
    UsageError
        A unit for a channel that is not there.
    """
    notes = [*raw.notes, *(f"{raw.reader} warns: {text}" for text in raw.warnings)]
    if not yes and any("end of file" in text.lower() for text in raw.warnings):
        raise RecordingError(
            "File is truncated or damaged",
            where=path.name,
            why=next(text for text in notes if "end of file" in text.lower()),
            do="copy it again from the acquisition computer, or accept what is left (yes=True, --yes)",
        )
    told = _told_units(raw, unit, path.name)
    count, sweeps, samples = raw.shape
    data = np.empty((count + len(raw.commands), sweeps, samples))
    channels: list[Channel] = []
    ranges: list[tuple[float, float]] = []
    for k, (name, found) in enumerate(zip(raw.names, raw.units, strict=True)):
        stated = told.get(k, found)
        internal, factor = inside(stated)
        low, high = _scale(raw.traces[k], raw.gain[k] * factor, raw.offset[k] * factor, data[k])
        missing = math.isnan(low)
        if missing:
            finite = data[k][~np.isnan(data[k])]
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
        if math.isinf(low) or math.isinf(high):
            raise RecordingError("File is damaged", where=path.name, why=f"channel {name!r} holds infinite samples")
        role = raw.roles[k] if raw.roles else likely_role(name, internal)
        channels.append(Channel(name, internal, stated, role))
        ranges.append((low, high))
        if stated != found:
            notes.append(f"channel {name!r}: unit {stated} as told, header says {found or 'nothing'}")
        if not yes and math.isfinite(low):
            check_plausible(channels[-1], low, high, path.name)
        if missing or low == high:
            notes += oddities(name, data[k], low, high)
    if not any(math.isfinite(low) for low, _ in ranges):
        raise RecordingError("File is damaged", where=path.name, why="no channel has a finite sample")
    if not raw.roles:
        channels = _auxiliaries(channels, ranges)
    for k, command in enumerate(raw.commands, start=count):
        command.fill(data[k])
        channels.append(command.channel)
    time_ms = raw.time_ms
    if time_ms is None:
        time_ms = np.arange(samples, dtype=np.float64) * (1e3 / raw.rate_Hz)
    provenance: dict[str, Any] = {
        **raw.provenance, "file": path.name, "reader": readers or raw.reader, "notes": notes
    }  # fmt: skip
    if raw.protocol:
        provenance["acquisition_protocol"] = raw.protocol
    data.setflags(write=False)  # nobody else holds it: the Recording need not copy
    metadata = {**({"start_s": np.array(raw.starts_s)} if raw.starts_s else {}), **raw.metadata}
    return Recording(time_ms, data, tuple(channels), metadata, raw.label, raw.document, provenance)


def _scale(traces: Sequence[NDArray[Any]], gain: float, offset: float, rows: Array) -> tuple[float, float]:
    """Scale the traces into the rows, and return the range, NaN where a sample is missing.

    One row at a time: what was just written is still in the cache when its range is taken.
    """
    ends = []
    with np.errstate(over="ignore", invalid="ignore"):
        for row, trace in zip(rows, traces, strict=True):
            row[:] = trace
            row *= gain
            if offset:
                row += offset
            ends.append((float(row.min()), float(row.max())))
    lows, highs = zip(*ends, strict=True)
    # min() of a list forgets NaN, the sum does not
    return (math.nan, math.nan) if math.isnan(sum(lows)) else (min(lows), max(highs))


def oddities(name: str, values: Array, low: float, high: float) -> list[str]:
    """Say what is kept but must be known: missing samples, and channels that never change."""
    if math.isnan(low):
        return [f"channel {name!r} has no finite sample"]
    notes = []
    if math.isnan(float(values.min())):
        missing = np.isnan(values)
        notes.append(
            f"channel {name!r}: {int(missing.sum())} samples are missing (NaN) in {int(missing.any(axis=1).sum())} "
            f"of {len(values)} sweeps; they are kept"
        )
    if low == high and values.size > 1:
        notes.append(f"channel {name!r} is constant ({low:g})")
    return notes


def _auxiliaries(channels: list[Channel], ranges: list[tuple[float, float]]) -> list[Channel]:
    """Mark the inputs that belong to no cell, where something else is left."""
    cells = [c.role == "response" and not is_auxiliary(c.unit, *r) for c, r in zip(channels, ranges, strict=True)]
    if not any(cells):
        return channels
    return [
        replace(c, role="auxiliary") if c.role == "response" and not cell else c
        for c, cell in zip(channels, cells, strict=True)
    ]
