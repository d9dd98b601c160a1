"""Files of acquisition programs: ABF by neo with pyabf as second opinion; AxoGraph and WinWCP by neo."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import RecordingError, UsageError
from .abf_header import check_abf_header
from .channel import Channel, check_plausible, inside, plain_unit
from .recording import Array, Recording

Reader = Literal["both", "neo", "pyabf"]
#: True units instead of the header's: of the only channel, or by channel name or number.
Units = str | Mapping[int | str, str] | None

#: Largest disagreement of the two ABF readers on the range of sweep 1, relative to the larger.
SCALE_TOLERANCE = 0.01


@dataclass(frozen=True)
class _Raw:
    """What a library found: data (channel, sweep, time) in the file's own units."""

    data: Array
    names: tuple[str, ...]
    units: tuple[str, ...]
    rate_Hz: float
    starts_s: tuple[float, ...]
    protocol: str
    reader: str
    warnings: tuple[str, ...] = ()


def read_abf(path: Path, *, reader: Reader = "both", unit: Units = None, yes: bool = False) -> Recording:
    """Read ABF1 or ABF2.

    Parameters
    ----------
    path : Path
    reader : {"both", "neo", "pyabf"}
        With "both", neo's data are returned after pyabf agreed on sweeps, unit, and range of sweep 1.
    unit : str or mapping, optional
        True unit instead of the header's: of the only channel, or {channel name or number: unit}.
    yes : bool
        Accept an implausible scale, or metadata that end early.

    Raises
    ------
    RecordingError
        Damaged, or the two readers disagree ("Scale disagrees").
    """
    with open(path, "rb") as file:
        check_abf_header(file.read(8192), path.stat().st_size, path.name)
    opinions = []
    if reader in ("both", "neo"):
        opinions.append(_library("neo", path, lambda: _neo_raw(path, "AxonRawIO")))
    if reader in ("both", "pyabf"):
        opinions.append(_library("pyabf", path, lambda: _pyabf_raw(path)))
    if len(opinions) == 2:
        _agree(*opinions, where=path.name)
    protocol = opinions[-1].protocol
    return _recording(path, opinions[0], unit, yes, " + ".join(o.reader for o in opinions), protocol)


def read_neo(path: Path, io: str, *, unit: Units = None, yes: bool = False) -> Recording:
    """Read a format by the neo class `io` (``AxographRawIO``, ``WinWcpRawIO``); errors as :func:`read_abf`."""
    raw = _library("neo", path, lambda: _neo_raw(path, io))
    return _recording(path, raw, unit, yes, raw.reader, raw.protocol)


def _library(name: str, path: Path, call: Callable[[], _Raw]) -> _Raw:
    """Run a reader of a library; whatever it raises on a damaged file becomes a RecordingError."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), _log_of(name) as said:
            warnings.simplefilter("ignore")
            raw = call()
    except RecordingError:
        raise
    except Exception as error:  # the libraries raise anything, from struct.error to AssertionError
        why = str(error).splitlines()[0][:160] if str(error) else ""
        raise RecordingError(
            "Cannot read the file",
            where=path.name,
            why=f"{name}: {type(error).__name__} {why}".strip(),
            do="check that it opens in the acquisition program; it may be truncated or damaged",
        ) from None
    if not (math.isfinite(raw.rate_Hz) and 1e-3 <= raw.rate_Hz <= 1e8):
        raise RecordingError("File is damaged", where=path.name, why=f"{name}: rate {raw.rate_Hz} Hz")
    if raw.data.size == 0:
        raise RecordingError("Recording is empty", where=path.name, why=f"{name} finds no samples")
    if not np.isfinite(raw.data).any():
        raise RecordingError("File is damaged", where=path.name, why=f"{name} finds no finite sample")
    return replace(raw, warnings=tuple(said))


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


def _same_length(sweeps: list[Array], where: str) -> Array:
    lengths = {values.shape[-1] for values in sweeps}
    if len(lengths) > 1:
        raise RecordingError(
            "Sweeps differ in length",
            where=where,
            why=f"{min(lengths)} to {max(lengths)} samples",
            do="export sweeps of equal length",
        )
    return np.stack(sweeps, axis=-2)


def _neo_raw(path: Path, io: str) -> _Raw:
    import neo
    import neo.rawio

    file: Any = getattr(neo.rawio, io)(filename=str(path))
    file.parse_header()
    count = file.segment_count(0)
    if count == 0:
        raise RecordingError("Recording is empty", where=path.name, why="no sweep")
    streams = range(file.signal_streams_count())
    rates = {float(file.get_signal_sampling_rate(stream)) for stream in streams}
    if max(rates) > 1.0001 * min(rates):
        raise RecordingError("Channels differ in sampling rate", where=path.name, why=f"{sorted(rates)} Hz")
    names, units, blocks, starts = [], [], [], []
    for stream in streams:
        info = file.header["signal_channels"]
        info = info[info["stream_id"] == file.header["signal_streams"][stream]["id"]]
        names += [str(name) for name in info["name"]]
        units += [plain_unit(str(text)) for text in info["units"]]
        sweeps = []
        for segment in range(count):
            chunk = file.get_analogsignal_chunk(0, segment, None, None, stream)
            sweeps.append(file.rescale_signal_raw_to_float(chunk, "float64", stream).T)
            if stream == 0:
                starts.append(float(file.get_signal_t_start(0, segment, stream)))
        blocks.append(_same_length(sweeps, path.name))
    data = np.concatenate(blocks)
    return _Raw(data, tuple(names), tuple(units), min(rates), tuple(starts), "", f"neo {neo.__version__}")


def _pyabf_raw(path: Path) -> _Raw:
    import pyabf

    # not setSweep: it also builds the command waveform, which loops over epochs and opens files that a damaged or
    # hostile header names
    file: Any = pyabf.ABF(str(path), loadData=False)
    with open(path, "rb") as stream:
        file._loadAndScaleData(stream)
    sweeps, points = int(file.sweepCount), int(file.sweepPointCount)
    data = np.asarray(file.data, dtype=float)
    if sweeps < 1 or points < 1 or data.shape[1] < sweeps * points:
        raise RecordingError("File is damaged", where=path.name, why=f"pyabf: {sweeps} sweeps of {points} samples")
    data = data[:, : sweeps * points].reshape(data.shape[0], sweeps, points)
    starts = np.arange(sweeps) * float(file.sweepIntervalSec)
    protocol = file.protocol if file.protocol not in (None, "None") else ""
    return _Raw(
        data, tuple(map(str, file.adcNames)), tuple(plain_unit(str(u)) for u in file.adcUnits),
        float(file.dataRate), tuple(starts), str(protocol), f"pyabf {pyabf.__version__}",
    )  # fmt: skip


def _agree(neo: _Raw, pyabf: _Raw, where: str) -> None:
    """Compare two opinions on sweeps, channels, and the unit and range of sweep 1."""
    if neo.data.shape != pyabf.data.shape:
        raise RecordingError(
            "Shape disagrees",
            where=where,
            why=f"pyABF says {pyabf.data.shape}, Neo says {neo.data.shape} (channel, sweep, time)",
            do="check in Clampfit, then choose --reader pyabf or --reader neo",
        )
    for k, name in enumerate(neo.names):
        ours, theirs = neo.data[k, 0], pyabf.data[k, 0]
        ends = np.array([[ours.min(), ours.max()], [theirs.min(), theirs.max()]])
        size = np.abs(ends).max()
        if neo.units[k] != pyabf.units[k] or np.abs(ends[0] - ends[1]).max() > SCALE_TOLERANCE * size:
            say = [f"{low:.4g} to {high:.4g} {unit}" for (low, high), unit in
                   zip(ends, (neo.units[k], pyabf.units[k]), strict=True)]  # fmt: skip
            raise RecordingError(
                "Scale disagrees",
                where=f"{where}, channel {name!r}, sweep 1",
                why=f"pyABF says {say[1]}, Neo says {say[0]}",
                do="check in Clampfit, then choose --reader pyabf or --reader neo",
            )


def _told_units(raw: _Raw, unit: Units, where: str) -> dict[int, str]:
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


def _recording(path: Path, raw: _Raw, unit: Units, yes: bool, readers: str, protocol: str) -> Recording:
    data = np.empty(raw.data.shape)
    channels, notes = [], [f"{raw.reader} warns: {text}" for text in raw.warnings]
    if not yes and any("end of file" in text.lower() for text in raw.warnings):
        raise RecordingError(
            "File is truncated or damaged",
            where=path.name,
            why=notes[0],
            do="copy it again from the acquisition computer, or accept what is left (yes=True, --yes)",
        )
    told = _told_units(raw, unit, path.name)
    for k, (name, found) in enumerate(zip(raw.names, raw.units, strict=True)):
        stated = told.get(k, found)
        internal, factor = inside(stated)
        with np.errstate(over="ignore"):
            data[k] = raw.data[k] * factor
        if np.isinf(data[k]).any():
            raise RecordingError("File is damaged", where=path.name, why=f"channel {name!r} holds infinite samples")
        channels.append(Channel(name, internal, stated))
        if stated != found:
            notes.append(f"channel {name!r}: unit {stated} as told, header says {found or 'nothing'}")
        if not yes:
            check_plausible(channels[-1], float(np.nanmin(data[k])), float(np.nanmax(data[k])), path.name)
    provenance: dict[str, Any] = {"file": path.name, "reader": readers, "notes": notes}
    if protocol:
        provenance["acquisition_protocol"] = protocol
    time_ms = np.arange(raw.data.shape[-1], dtype=np.float64) * (1e3 / raw.rate_Hz)
    metadata = {"start_s": np.array(raw.starts_s)}
    return Recording(time_ms, data, tuple(channels), metadata, "data", None, provenance)
