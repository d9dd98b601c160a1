"""Igor Pro: binary waves (.ibw) and the waves of packed experiments (.pxp), decoded by igor2.

Layout: WaveMetrics Technical Notes TN003 (binary wave) and PTN003 (packed experiment). Only wave and folder records are
looked at; their sizes are checked here before igor2 sees them. Units are the wave's own: data units, and the unit of
its x scaling. A one-dimensional wave is a sweep; the columns of a two-dimensional one are sweeps.
"""

from __future__ import annotations

import fnmatch
import io
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
#: Igor number types -> bytes per point (TN003); complex, text and unsigned flags are refused or added below.
_BYTES = {2: 4, 4: 8, 8: 1, 16: 2, 32: 4}
_UNSIGNED = 64


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
        igor2 is not installed (extra ``igor``); no wave matches `part`.
    RecordingError
        Damaged; units missing; waves that do not fit one time axis.
    """
    try:
        import igor2
        import igor2.binarywave
    except ImportError:
        raise UsageError("Igor files need igor2", where=path.name, do="pip install 'potentiate[igor]'") from None
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
        return _raw(found, skipped, part, path.name, f"igor2 {igor2.__version__}")

    return assemble(path, guarded("igor2", path, call), unit, yes)


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


def _check(record: bytes, where: str) -> None:
    """Refuse a wave whose header claims more than there is."""
    if len(record) < 8:
        raise _damaged(where, f"{len(record)} bytes")
    version = struct.unpack_from("<h", record)[0]
    order = "<" if version in (1, 2, 3, 5) else ">"
    version = struct.unpack_from(f"{order}h", record)[0]
    if version not in (1, 2, 3, 5):
        raise _damaged(where, "it does not begin like an Igor binary wave")
    head, wave = {1: 8, 2: 16, 3: 20, 5: 64}[version], 320 if version == 5 else 110
    if len(record) < head + wave:
        raise _damaged(where, f"the header has {len(record)} of {head + wave} bytes")
    if version == 5:
        size, *more = struct.unpack_from(f"{order}13i", record, 4)
        points, kind = struct.unpack_from(f"{order}ih", record, head + 12)
        dims = struct.unpack_from(f"{order}4i", record, head + 68)
        more = more[:-2]  # the last two are reserved
        used = [n for n in dims if n]
        if any(n < 0 for n in dims) or (used and math.prod(used) != points):
            raise _damaged(where, f"dimensions {dims} of {points} points")
    else:
        size = struct.unpack_from(f"{order}i", record, 2)[0]
        more = struct.unpack_from(f"{order}{version - 1}i", record, 6)[: version - 1] if version > 1 else ()
        kind = struct.unpack_from(f"{order}h", record, head)[0]
        points = struct.unpack_from(f"{order}i", record, head + 42)[0]
    each = _BYTES.get(kind & ~_UNSIGNED, 0) if kind else 1
    if points < 0 or size < 0 or any(n < 0 for n in more) or head + wave + each * points > len(record):
        raise _damaged(where, f"{points} points of {each} bytes in {len(record)}")
    if head + size + sum(more) > len(record):
        raise _damaged(where, "its sections end beyond the file")


def _wave(record: bytes, folder: str, where: str, told: bool) -> Wave | str:
    """Return a wave, or why it is none of a recording."""
    import igor2.binarywave

    _check(record, where)
    wave = igor2.binarywave.load(io.BytesIO(record))["wave"]
    header, values = wave["wave_header"], np.asarray(wave["wData"])
    name = bytes(header["bname"]).split(b"\0")[0].decode("latin-1")
    if values.dtype.kind not in "iuf" or values.ndim > 2 or values.size == 0:
        return f"wave {name!r} holds no sweeps (type {values.dtype}, shape {values.shape})"
    if "sfA" in header:  # version 5: per dimension
        step, begin = float(header["sfA"][0]), float(header["sfB"][0])
        dim = header["dimUnits"][0]
        x_unit = _letters(wave.get("dimension_units", [b""])[:1]) or _letters(dim)
        unit = _letters(wave.get("data_units", b"")) or _letters(header["dataUnits"])
    else:
        step, begin = float(header["hsA"]), float(header["hsB"])
        x_unit, unit = _letters(header["xUnits"]), _letters(header["dataUnits"])
    x_unit, unit = plain_unit(x_unit), plain_unit(unit)
    if inside(x_unit)[0] != "ms":
        return f'wave {name!r}: the unit of x is {x_unit or "missing"} (in Igor: SetScale/P x 0, 5e-05, "s", {name})'
    if not unit and not told:
        return f'wave {name!r}: the unit of the data is missing (in Igor: SetScale d 0, 0, "A", {name})'
    factor = inside(x_unit)[1]
    if not (math.isfinite(step) and step > 0 and math.isfinite(begin)):
        return f"wave {name!r}: time does not increase (x step {step:g} {x_unit})"
    return Wave(folder, name, values.reshape(len(values), -1), unit, step * factor, begin * factor)


def _letters(value: Any) -> str:
    """Return the text of what igor2 gives as bytes, or as a list or array of letters."""
    if isinstance(value, (list, tuple, np.ndarray)):
        value = b"".join(bytes(x) if isinstance(x, (bytes, np.bytes_)) else b"" for x in np.asarray(value).reshape(-1))
    text = value.decode("latin-1", "replace") if isinstance(value, bytes) else str(value)
    return text.split("\0")[0].strip()


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
