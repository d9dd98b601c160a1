"""Igor Pro: binary waves (.ibw) and the waves of packed experiments (.pxp).

Layout: WaveMetrics Technical Notes TN003 (binary wave) and PTN003 (packed experiment). Only wave and folder records are
looked at. Units are the wave's own: data units, and the unit of its x scaling. A one-dimensional wave is a sweep; the
columns of a two-dimensional one are sweeps. igor2 is the second opinion in the tests; it does not read here, because
damaged sizes keep it busy for minutes.
"""

from __future__ import annotations

import fnmatch
import math
import re
import struct
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RecordingError, UsageError
from .assembly import Raw, Units, assemble, guarded
from .channel import inside, plain_unit
from .recording import Recording

MAX_WAVES = 20_000
_WAVE, _FOLDER, _END = 3, 9, 10
#: Version -> bytes before the wave header; type -> NumPy type. Complex numbers (1) and text (0) are no sweeps.
_HEADS = {1: 8, 2: 16, 3: 20, 5: 64}
_TYPES = {2: "f4", 4: "f8", 8: "i1", 16: "i2", 32: "i4", 72: "u1", 80: "u2", 96: "u4"}


@dataclass(frozen=True)
class Wave:
    """One wave: (time, sweep) numbers, its units, and x scaling in seconds."""

    folder: str
    name: str
    values: NDArray[Any]
    unit: str
    step_ms: float
    begin_ms: float

    @property
    def channel(self) -> str:
        """The name without the number of the sweep."""
        return re.sub(r"_?\d+$", "", self.name) or self.name

    @property
    def number(self) -> int:
        found = re.search(r"(\d{1,9})$", self.name)
        return int(found.group(1)) if found else 0


def read_igor(path: Path, *, packed: bool, part: str | None = None, unit: Units = None, yes: bool = False) -> Recording:
    """Read an Igor binary wave or packed experiment.

    Parameters
    ----------
    path : Path
    packed : bool
        A packed experiment.
    part : str, optional
        Pattern of wave names (``*``, ``?``), or FOLDER:PATTERN, where an experiment holds waves of several kinds.
    unit : str or mapping, optional
        True unit instead of the wave's.
    yes : bool
        Accept an implausible scale.

    Raises
    ------
    UsageError
        No wave matches `part`.
    RecordingError
        Damaged; units missing; waves that do not fit one time axis.
    """
    told = unit is not None

    def call() -> Raw:
        content = path.read_bytes()
        if packed:
            waves = [_wave(record, folder, path.name, told) for folder, record in _records(content, path.name)]
        else:
            waves = [_wave(content, "", path.name, told)]
        found = [wave for wave in waves if isinstance(wave, Wave)]
        skipped = [wave for wave in waves if isinstance(wave, str)]
        if not found:
            why = skipped[0] if skipped else "no wave"
            raise RecordingError(
                "No sweeps in the file", where=path.name, why=why, do="set the units in Igor: SetScale"
            )
        return _raw(found, skipped, part, path.name, "potentiate igor")

    return assemble(path, guarded("igor", path, call), unit, yes)


def _damaged(where: str, why: str) -> RecordingError:
    return RecordingError("File is truncated or damaged", where=where, why=why, do="save it again in Igor")


def _records(content: bytes, where: str) -> list[tuple[str, bytes]]:
    """Return (folder, wave record) of a packed experiment."""
    order = "<"
    for guess in "<>":
        kind, _, size = struct.unpack_from(f"{guess}HhI", content.ljust(8, b"\0"))
        if (kind & 0x7FFF) <= 64 and 8 + size <= len(content):
            order = guess
            break
    found: list[tuple[str, bytes]] = []
    folders: list[str] = []
    at = 0
    while at < len(content):
        if at + 8 > len(content):
            raise _damaged(where, f"half a record at byte {at}")
        kind, _, size = struct.unpack_from(f"{order}HhI", content, at)
        at += 8
        if at + size > len(content):
            raise _damaged(where, f"the record at byte {at - 8} claims {size} bytes beyond the end")
        body = content[at : at + size]
        at += size
        kind_only = kind & 0x7FFF
        if kind & 0x8000:  # replaced by a later record
            continue
        if kind_only == _FOLDER:
            folders.append(body[:32].split(b"\0")[0].decode("latin-1"))
        elif kind_only == _END and folders:
            folders.pop()
        elif kind_only == _WAVE:
            found.append((":".join(folders), body))
        if len(found) > MAX_WAVES or len(folders) > 100:
            raise _damaged(where, "more waves or folders than anybody records")
    return found


def _wave(record: bytes, folder: str, where: str, told: bool) -> Wave | str:
    """Return a wave, or why it is none of a recording.

    Raises
    ------
    RecordingError
        The header claims more than there is.
    """
    if len(record) < 8:
        raise _damaged(where, f"{len(record)} bytes")
    order = "<" if struct.unpack_from("<h", record)[0] in _HEADS else ">"
    (version,) = struct.unpack_from(f"{order}h", record)
    if version not in _HEADS:
        raise _damaged(where, "it does not begin like an Igor binary wave")
    head, size = _HEADS[version], 320 if version == 5 else 110
    if len(record) < head + size:
        raise _damaged(where, f"the header has {len(record)} of {head + size} bytes")
    header, rest = record[head : head + size], record[head + size :]
    points, kind = struct.unpack_from(f"{order}ih", header, 12) if version == 5 else (
        struct.unpack_from(f"{order}i", header, 42)[0], struct.unpack_from(f"{order}h", header, 0)[0]
    )  # fmt: skip
    name = _text(header[28:60] if version == 5 else header[6:26])
    if kind not in _TYPES:
        return f"wave {name!r} holds no real numbers (type {kind})"
    dtype = np.dtype(_TYPES[kind]).newbyteorder(order)
    if not 0 <= points * dtype.itemsize <= len(rest):
        raise _damaged(where, f"wave {name!r} claims {points} points of {dtype.itemsize} bytes in {len(rest)}")
    values = np.frombuffer(rest, dtype, points)
    if version == 5:
        dims = [n for n in struct.unpack_from(f"{order}4i", header, 68) if n]
        if min(dims, default=0) < 0 or math.prod(dims) != points:
            raise _damaged(where, f"wave {name!r} has dimensions {dims} and {points} points")
        step, begin = (struct.unpack_from(f"{order}d", header, at)[0] for at in (84, 116))
        long_unit, long_x = _long_units(record, rest[points * dtype.itemsize :], order, where)
        unit, x_unit = long_unit or _text(header[148:152]), long_x or _text(header[152:156])
    else:
        dims = [points]
        step, begin = struct.unpack_from(f"{order}2d", header, 48)
        unit, x_unit = _text(header[34:38]), _text(header[38:42])
    if len(dims) not in (1, 2) or not points:
        return f"wave {name!r} holds no sweeps ({len(dims)} dimensions, {points} points)"
    unit, x_unit = plain_unit(unit), plain_unit(x_unit)
    if inside(x_unit)[0] != "ms":
        return f'wave {name!r}: the unit of x is {x_unit or "missing"} (in Igor: SetScale/P x 0, 5e-05, "s", {name})'
    if not unit and not told:
        return f'wave {name!r}: the unit of the data is missing (in Igor: SetScale d 0, 0, "A", {name})'
    if not (math.isfinite(step) and step > 0 and math.isfinite(begin)):
        return f"wave {name!r}: time does not increase (x step {step:g} {x_unit})"
    factor = inside(x_unit)[1]
    # the first dimension runs fastest: the columns follow one another
    table = values.reshape(dims[-1], dims[0]).T if len(dims) == 2 else values[:, None]
    return Wave(folder, name, table, unit, step * factor, begin * factor)


def _long_units(record: bytes, after: bytes, order: str, where: str) -> tuple[str, str]:
    """Return the units of data and x where they are longer than three letters; they lie behind formula and note."""
    formula, note, data, x = struct.unpack_from(f"{order}4i", record, 8)
    if min(formula, note, data, x) < 0 or formula + note + data + x > len(after):
        raise _damaged(where, "its notes and units end beyond the file")
    at = formula + note
    return _text(after[at : at + data]), _text(after[at + data : at + data + x])


def _text(content: bytes) -> str:
    return content.split(b"\0")[0].decode("latin-1").strip()


def _raw(waves: list[Wave], skipped: list[str], part: str | None, where: str, reader: str) -> Raw:
    """Group waves to channels: RecordA0, RecordA1 ... are the sweeps of RecordA."""

    def kinds() -> str:
        words = [f"{len(group)} x {key[2]} samples ({group[0].name} ...)" for key, group in groups.items()]
        return "; ".join(words[:8])

    if part is not None:
        folder, _, pattern = part.rpartition(":")
        chosen = [w for w in waves if fnmatch.fnmatchcase(w.name, pattern) and folder in ("", w.folder)]
        if not chosen:
            raise UsageError(f"No wave is called {part!r}", where=where, why=", ".join(w.name for w in waves[:8]))
        waves = chosen
    if len(folders := {w.folder for w in waves}) > 1:
        raise RecordingError(
            "Waves lie in several folders", where=where, why=", ".join(sorted(map(repr, folders))[:8]),
            do=f"choose one: part={min(folders, key=len)}:* (--part)",
        )  # fmt: skip
    groups: dict[tuple[str, str, int, str], list[Wave]] = defaultdict(list)
    for wave in waves:
        groups[wave.folder, wave.channel, len(wave.values), wave.unit].append(wave)
    first = waves[0]
    same = all(
        len(w.values) == len(first.values)
        and math.isclose(w.step_ms, first.step_ms, rel_tol=1e-6)
        and abs(w.begin_ms - first.begin_ms) <= 1e-6 * first.step_ms
        for w in waves
    )
    if not same or len({sum(w.values.shape[1] for w in group) for group in groups.values()}) > 1:
        raise RecordingError(
            "Waves do not fit one time axis", where=where, why=f"they differ in number, length or scaling: {kinds()}",
            do="choose waves of one kind by name: part='PATTERN' (--part)",
        )  # fmt: skip
    traces, names, units = [], [], []
    for (_, channel, _, unit), group in groups.items():
        group.sort(key=lambda w: w.number)
        traces.append([column for w in group for column in w.values.T])
        names.append(group[0].name if len(group) == 1 else channel)
        units.append(unit)
    count = len(traces)
    notes = (f"{len(skipped)} waves are not read: {skipped[0]}",) if skipped else ()
    time_ms = first.begin_ms + np.arange(len(first.values), dtype=np.float64) * first.step_ms
    return Raw(
        traces, tuple(names), tuple(units), 1e3 / first.step_ms, (), (1.0,) * count, (0.0,) * count, "", reader,
        notes=notes, time_ms=time_ms,
    )  # fmt: skip
