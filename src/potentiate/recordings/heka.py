"""HEKA PatchMaster bundles (.dat, signature DAT2): the pulsed tree and the raw samples it points to.

Layout: HEKA's published descriptions "DataFile_v9.txt" (bundle header) and "PulsedFile_v9.txt" (tree of root, group,
series, sweep, trace). A bundle begins with a header of 256 bytes: signature, version, time, number of items, byte
order, and up to twelve items (begin, length, extension). A tree begins with "Tree" or "eerT" (its byte order), the
number of levels and the record size of each; then, depth first, each record and the number of its children.

Not read, and said so: files whose tree lies in a separate .pul file (DAT1), older formats, interleaved samples, the
stimulus template (.pgf). The zero current of PatchMaster is not subtracted.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RecordingError, UsageError
from .assembly import Raw, Units, assemble, guarded
from .channel import plain_unit
from .recording import Recording

MAX_RECORDS = 200_000
#: TrDataFormat -> NumPy type
_FORMATS = {0: "i2", 1: "i4", 2: "f4", 3: "f8"}
#: Smallest record of root, group, series, sweep, trace that holds the fields used here.
_LEAST = (520, 36, 36, 56, 128)


@dataclass
class _Record:
    content: bytes
    children: list[_Record] = field(default_factory=list)


@dataclass(frozen=True)
class _Trace:
    label: str
    unit: str
    samples: NDArray[Any]
    scale: float
    step_s: float
    begin_s: float
    zero: float


def read_heka(path: Path, *, part: str | None = None, unit: Units = None, yes: bool = False) -> Recording:
    """Read one series of a PatchMaster bundle.

    Parameters
    ----------
    path : Path
    part : str, optional
        GROUP.SERIES, numbered from 1 as in PatchMaster, where the file holds several series.
    unit : str or mapping, optional
        True unit instead of the file's.
    yes : bool
        Accept an implausible scale.

    Raises
    ------
    UsageError
        No such series.
    RecordingError
        Damaged, of a kind that is not read, or several series and none chosen.
    """
    return assemble(path, guarded("heka", path, lambda: _raw(path.read_bytes(), path.name, part)), unit, yes)


def _damaged(where: str, why: str) -> RecordingError:
    return RecordingError(
        "File is truncated or damaged", where=where, why=why, do="copy it again from the acquisition computer"
    )


def _text(content: bytes) -> str:
    return content.split(b"\0")[0].decode("latin-1").strip()


def _raw(content: bytes, where: str, part: str | None) -> Raw:
    if content[:4] != b"DAT2":
        raise RecordingError(
            "This kind of HEKA file is not read", where=where,
            why=f"signature {content[:4]!r}: the tree lies in a separate .pul file, or the format is older",
            do="in PatchMaster, save it as a bundle file, or export it as ASCII with units, or Igor",
        )  # fmt: skip
    if len(content) < 256:
        raise _damaged(where, f"the bundle header has {len(content)} of 256 bytes")
    order = "<" if content[52] else ">"
    (count,) = struct.unpack_from(f"{order}i", content, 48)
    if not 0 < count <= 12:
        raise _damaged(where, f"the header claims {count} items")
    items = {}
    for k in range(count):
        begin, length = struct.unpack_from(f"{order}2i", content, 64 + 16 * k)
        name = _text(content[72 + 16 * k : 80 + 16 * k])
        if begin < 0 or length < 0 or begin + length > len(content):
            raise _damaged(where, f"item {name!r} ends beyond the {len(content)} bytes of the file")
        items[name] = (begin, length)
    if ".pul" not in items:
        raise _damaged(where, f"no pulsed tree; items {', '.join(items) or 'none'}")
    begin, length = items[".pul"]
    root = _tree(content[begin : begin + length], where)
    group, series, label = _series(root, part, where)
    return _sweeps(content, series, order, where, f"{group} / {label}")


def _tree(content: bytes, where: str) -> _Record:
    """Return the root of a tree of five levels."""
    if content[:4] not in (b"Tree", b"eerT"):
        raise _damaged(where, f"the pulsed tree begins with {content[:4]!r}")
    order = ">" if content[:4] == b"Tree" else "<"
    if len(content) < 28:
        raise _damaged(where, "the pulsed tree has no header")
    levels, *sizes = struct.unpack_from(f"{order}6i", content, 4)
    if levels != 5:
        raise _damaged(where, f"the pulsed tree has {levels} levels, not 5")
    if any(size < least or size > 2**20 for size, least in zip(sizes, _LEAST, strict=True)):
        raise RecordingError(
            "This version of HEKA files is not read", where=where, why=f"records of {sizes} bytes",
            do="export it from PatchMaster as ASCII with units, or Igor",
        )  # fmt: skip
    at, records = 8 + 4 * levels, 0
    root: _Record | None = None
    # depth first without recursion: (record, children still to come)
    stack: list[tuple[_Record, int]] = []
    while True:
        level = len(stack)
        if at + sizes[level] + 4 > len(content):
            raise _damaged(where, f"the tree ends in record {records + 1}")
        record = _Record(content[at : at + sizes[level]])
        at += sizes[level]
        (children,) = struct.unpack_from(f"{order}i", content, at)
        at += 4
        records += 1
        if not 0 <= children <= MAX_RECORDS or records > MAX_RECORDS or (level == 4 and children):
            raise _damaged(where, f"record {records} claims {children} children")
        if root is None:
            root = record
        else:
            stack[-1][0].children.append(record)
        stack.append((record, children))
        while stack and stack[-1][1] == 0:
            stack.pop()
        if not stack:
            return root
        parent, left = stack.pop()
        stack.append((parent, left - 1))


def _series(root: _Record, part: str | None, where: str) -> tuple[str, _Record, str]:
    """Return the labels of group and series, and the series."""
    found = {
        f"{g}.{s}": (_text(group.content[4:36]), series, _text(series.content[4:36]))
        for g, group in enumerate(root.children, 1)
        for s, series in enumerate(group.children, 1)
    }
    if not found:
        raise RecordingError("Recording is empty", where=where, why="no series")
    named = "; ".join(f"{key} {label!r} ({len(s.children)} sweeps)" for key, (_, s, label) in list(found.items())[:12])
    if part is None:
        if len(found) > 1:
            raise RecordingError(
                "Several series in the file", where=where, why=named,
                do=f"choose one: part={next(iter(found))!r} (--part)",
            )  # fmt: skip
        part = next(iter(found))
    if part not in found:
        raise UsageError(f"No series {part!r}", where=where, why=named, do="give GROUP.SERIES, numbered from 1")
    group, series, label = found[part]
    return group, series, label


def _sweeps(content: bytes, series: _Record, order: str, where: str, protocol: str) -> Raw:
    sweeps = [[_trace(content, t.content, order, where) for t in sweep.children] for sweep in series.children]
    if not sweeps or not sweeps[0]:
        raise RecordingError("Recording is empty", where=where, why=f"series {protocol!r} has no sweep with a trace")
    layout = [(t.label, t.unit) for t in sweeps[0]]
    first = sweeps[0][0]
    for number, sweep in enumerate(sweeps, 1):
        if [(t.label, t.unit) for t in sweep] != layout:
            raise RecordingError("Sweeps differ in their traces", where=where, why=f"sweep {number} of {protocol!r}")
        for t in sweep:
            if not math.isclose(t.step_s, first.step_s, rel_tol=1e-9) or abs(t.begin_s - first.begin_s) > 1e-9:
                raise RecordingError(
                    "Channels differ in sampling rate or begin", where=where,
                    why=f"{1 / first.step_s:g} Hz from {first.begin_s:g} s, {1 / t.step_s:g} Hz from {t.begin_s:g} s",
                )  # fmt: skip
    count = len(layout)
    scales = [{sweep[k].scale for sweep in sweeps} for k in range(count)]
    traces = [
        [sweep[k].samples if len(scales[k]) == 1 else sweep[k].samples * sweep[k].scale for sweep in sweeps]
        for k in range(count)
    ]
    times = [struct.unpack_from(f"{order}d", sweep.content, 48)[0] for sweep in series.children]
    starts = tuple(t - times[0] for t in times) if all(math.isfinite(t) for t in times) else ()
    notes = ["the stimulus template (.pgf) is not rebuilt"]
    zeros = sorted({f"{sweep[k].zero:.3g} {layout[k][1]}" for sweep in sweeps for k in range(count) if sweep[k].zero})
    if zeros:
        notes.append(f"the zero current of PatchMaster ({', '.join(zeros[:3])}) is not subtracted")
    samples = len(first.samples)
    return Raw(
        traces, tuple(label or f"trace {k + 1}" for k, (label, _) in enumerate(layout)), tuple(u for _, u in layout),
        1 / first.step_s, starts, tuple(next(iter(s)) if len(s) == 1 else 1.0 for s in scales), (0.0,) * count,
        protocol, "potentiate heka", notes=tuple(notes),
        time_ms=1e3 * (first.begin_s + np.arange(samples, dtype=np.float64) * first.step_s) if first.begin_s else None,
    )  # fmt: skip


def _trace(content: bytes, record: bytes, order: str, where: str) -> _Trace:
    at, points = struct.unpack_from(f"{order}2i", record, 40)
    kind = record[70]
    scale, offset_s, zero = struct.unpack_from(f"{order}3d", record, 72)
    step_s, begin_s = struct.unpack_from(f"{order}2d", record, 104)
    label = _text(record[4:36])
    unit, x_unit = plain_unit(_text(record[96:104])), _text(record[120:128])
    if kind not in _FORMATS:
        raise _damaged(where, f"trace {label!r}: samples of unknown format {kind}")
    dtype = np.dtype(order + _FORMATS[kind])
    if points <= 0 or at < 0 or at + points * dtype.itemsize > len(content):
        raise _damaged(where, f"trace {label!r}: {points} samples at byte {at} of {len(content)}")
    if len(record) >= 300:
        size, skip = struct.unpack_from(f"{order}2i", record, 292)
        if size and skip:
            raise RecordingError(
                "Interleaved samples are not read", where=where, why=f"trace {label!r}: blocks of {size} bytes",
                do="export it from PatchMaster as ASCII with units, or Igor",
            )  # fmt: skip
    if x_unit != "s" or not (math.isfinite(step_s) and step_s > 0 and math.isfinite(begin_s + offset_s)):
        raise _damaged(where, f"trace {label!r}: a sample every {step_s:g} {x_unit or 'unit missing'}")
    if not unit:
        raise RecordingError("Units missing", where=f"{where}, trace {label!r}", do="set the unit in PatchMaster")
    if not (math.isfinite(scale) and scale and math.isfinite(zero)):
        raise _damaged(where, f"trace {label!r}: scale {scale:g}, zero {zero:g}")
    samples = np.frombuffer(content, dtype, points, at)
    return _Trace(label, unit, samples, scale, step_s, begin_s + offset_s, zero)
