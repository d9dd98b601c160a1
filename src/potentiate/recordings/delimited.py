"""Recordings as text: CSV and TSV with the units in the header, ``time (ms), I (pA)``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import RecordingError
from .assembly import oddities
from .channel import UNITS, Channel, Role, inside, known_role, plain_unit
from .recording import Array, Label, Recording

_TITLE = re.compile(r"^\s*(?P<name>.*?)\s*[(\[]\s*(?P<unit>[^()\[\]]*?)\s*[)\]]\s*$")
_CHANNELS = re.compile(r"^#\s*channels:\s*(\[.*\])\s*$")
_LABEL = re.compile(r"^#\s*potentiate\b.*\blabel=(simulated|data)\b")


def read_delimited(path: Path, *, unit: str | None = None) -> Recording:
    """Read a delimited text file.

    Parameters
    ----------
    path : Path
        First row: a title with a unit per column. First column: time. Columns of one unit are the
        sweeps of one channel; columns of several units are one channel each.
    unit : str, optional
        Unit of the data columns that have none.

    Raises
    ------
    RecordingError
        No header, a unit missing or unknown, a cell that is not a number, ragged rows, not text.

    Notes
    -----
    Decimal points only; the separator is a tab, a semicolon or a comma, whichever the header has, in
    that order.
    """
    where = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordingError("Not a text file", where=where, do="save it as CSV (UTF-8)") from None
    if "\0" in text:
        raise RecordingError("Not a text file", where=where, why="it contains zero bytes")
    lines = text.splitlines()
    said = next((m.group(1) for line in lines[:20] if (m := _LABEL.match(line))), "data")
    label: Label = "simulated" if said == "simulated" else "data"
    layout = next((m.group(1) for line in lines[:20] if (m := _CHANNELS.match(line))), None)
    body = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not body:
        raise RecordingError("File is empty", where=where, do="first row: time (ms), I (pA)")
    header = body[0][1]
    delimiter = next((mark for mark in "\t;," if mark in header), ",")
    titles = [cell.strip() for cell in next(csv.reader(io.StringIO(header), delimiter=delimiter))]
    if len(titles) < 2:
        raise RecordingError(
            "One column only",
            where=where,
            why=f"the header reads {header[:60]!r}",
            do="separate columns by comma, semicolon or tab: time (ms), I (pA)",
        )
    headless = all(_is_number(title) for title in titles)
    values = _numbers(body if headless else body[1:], delimiter, len(titles), where)
    found = [("", None)] * len(titles) if headless else [_title(title) for title in titles]
    columns = _complete(found, titles, values, unit, delimiter, where, headless)
    time_unit = columns[0][1]
    if inside(time_unit)[0] != "ms":
        raise RecordingError(
            "First column is not time",
            where=f"{where} column 1 {titles[0]!r}",
            why=f"{time_unit!r} is not s, ms or us",
            do="put time first: time (ms)",
        )
    time_ms = values[:, 0] * inside(time_unit)[1]
    if time_ms.size > 1 and not (np.diff(time_ms) > 0).all():
        row = int(np.argmax(~(np.diff(time_ms) > 0)))
        raise RecordingError(
            "Time does not increase",
            where=f"{where} line {body[row + (1 if headless else 2)][0]}",
            why=f"{values[row, 0]:g} is followed by {values[row + 1, 0]:g}",
            do="give one time axis for all sweeps, one sweep per column",
        )
    if layout is None:
        data, channels = _channels(columns[1:], values[:, 1:])
    else:
        data, channels = _as_written(layout, columns[1:], values[:, 1:], where)
    notes = [
        note
        for channel, rows in zip(channels, data, strict=True)
        for note in oddities(channel.name, rows, *(_finite_range(rows, where)))
    ]
    provenance = {"file": where, "reader": "potentiate csv", "notes": notes}
    return Recording(time_ms, data, channels, {}, label, None, provenance)


def _channels(columns: Sequence[tuple[str, str]], values: Array) -> tuple[Array, tuple[Channel, ...]]:
    """Group columns to (channel, sweep, time): one unit means sweeps, several mean channels."""
    scaled = values.T * np.array([inside(unit)[1] for _, unit in columns])[:, None]
    insides = [inside(unit)[0] for _, unit in columns]
    if len(set(insides)) == 1:
        name = re.sub(r"[\s_]*\d+$", "", columns[0][0]) or columns[0][0] or "I"
        return scaled[None], (Channel(name if len(columns) > 1 else columns[0][0], insides[0], columns[0][1]),)
    groups = {unit: [k for k, other in enumerate(insides) if other == unit] for unit in dict.fromkeys(insides)}
    sizes = {len(rows) for rows in groups.values()}
    if len(sizes) == 1:
        channels = [Channel(columns[rows[0]][0], unit, columns[rows[0]][1]) for unit, rows in groups.items()]
        return np.stack([scaled[rows] for rows in groups.values()]), tuple(channels)
    return scaled[:, None], tuple(Channel(n, inside(u)[0], u) for n, u in columns)


def _as_written(
    layout: str, columns: Sequence[tuple[str, str]], values: Array, where: str
) -> tuple[Array, tuple[Channel, ...]]:
    """Group columns as the comment of :func:`write_csv` says: [[name, role], ...], sweeps of one channel in a row."""
    try:
        named: list[tuple[str, Role]] = [(str(name), known_role(str(role))) for name, role in json.loads(layout)]
        sweeps = len(columns) // len(named)
        groups = [columns[k * sweeps : (k + 1) * sweeps] for k in range(len(named))]
        if sweeps * len(named) != len(columns) or any(len({unit for _, unit in group}) != 1 for group in groups):
            raise ValueError(f"{len(named)} channels, {len(columns)} columns")
    except (ValueError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise RecordingError(
            "Columns disagree with the comment on channels",
            where=where,
            why=str(error)[:100],
            do="delete the line that begins with '# channels:'",
        ) from None
    scaled = values.T * np.array([inside(unit)[1] for _, unit in columns])[:, None]
    channels = tuple(
        Channel(name, inside(group[0][1])[0], group[0][1], role)
        for (name, role), group in zip(named, groups, strict=True)
    )
    return scaled.reshape(len(named), sweeps, -1), channels


def _finite_range(values: Array, where: str) -> tuple[float, float]:
    if np.isinf(values).any():
        raise RecordingError("Infinite samples", where=where, do="write nan for a missing sample")
    finite = values[~np.isnan(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _title(title: str) -> tuple[str, str | None]:
    match = _TITLE.match(title)
    if match is None or not match.group("unit"):
        return title, None
    return match.group("name"), plain_unit(match.group("unit"))


def _likely(values: Array, is_time: bool) -> str:
    """Guess a unit from the size of the numbers; only ever printed, never used."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    if is_time:
        return "s" if finite.size > 1 and np.median(np.diff(finite)) < 1e-3 else "ms"
    return "A" if largest < 1e-5 else "nA" if largest < 3 else "pA"


def _complete(
    columns: Sequence[tuple[str, str | None]],
    titles: list[str],
    values: Array,
    unit: str | None,
    delimiter: str,
    where: str,
    headless: bool,
) -> list[tuple[str, str]]:
    """Return every column with its unit, or say which unit is missing and what to paste."""
    known = [
        (name, plain_unit(unit) if found is None and unit is not None and k > 0 else found)
        for k, (name, found) in enumerate(columns)
    ]
    bad = [k for k, (_, found) in enumerate(known) if found is None or (found not in UNITS)]
    if not bad:
        return [(name, str(found)) for name, found in known]
    suggested = []
    for k, (name, found) in enumerate(known):
        guess = _likely(values[:, k], k == 0) if found is None or found not in UNITS else found
        base = name or ("time" if k == 0 else f"I {k}" if len(known) > 2 else "I")
        suggested.append(f"{base} ({guess})")
    k = bad[0]
    low, high = np.nanmin(values[:, k]), np.nanmax(values[:, k])
    guess = suggested[k].rsplit("(", 1)[1].rstrip(")")
    line = (delimiter + ("" if delimiter == "\t" else " ")).join(suggested)
    if headless:
        what, do = f"{where} has no header row", "put this line first"
    elif known[k][1] is None:
        what, do = f'{where} column {k + 1} "{titles[k]}" has no unit', f'rename it "{suggested[k]}"'
    else:
        what = f'{where} column {k + 1} "{titles[k]}" has the unknown unit {known[k][1]!r}'
        do = f"use one of {', '.join(UNITS)}"
    raise RecordingError(
        "Units missing",
        where=what,
        why=f"values {low:.6g}..{high:.6g} look like {guess}",
        do=f"{do}; likely header: {line}",
    )


def _numbers(body: list[tuple[int, str]], delimiter: str, width: int, where: str) -> Array:
    """Return the numbers, (row, column); on failure name the line."""
    if not body:
        raise RecordingError("No samples", where=where, why="there is a header but no row of numbers")
    try:
        values = np.loadtxt([line for _, line in body], delimiter=delimiter, ndmin=2, comments=None)
        if values.shape[1] == width:
            return values
    except (ValueError, OverflowError, IndexError):
        pass
    for number, line in body:
        cells = [cell.strip() for cell in line.split(delimiter)]
        if len(cells) != width:
            raise RecordingError(
                "Row has the wrong number of cells",
                where=f"{where} line {number}",
                why=f"{len(cells)} cells where the header has {width}",
                do="use a decimal point, not a comma"
                if delimiter == "," and len(cells) > width
                else "complete the row",
            )
        for column, cell in enumerate(cells, 1):
            if not _is_number(cell):
                raise RecordingError(
                    "Cell is not a number" if cell else "Cell is blank",
                    where=f"{where} line {number} column {column}",
                    why=f"it reads {cell[:40]!r}",
                    do="use a decimal point; write nan for a missing sample",
                )
    raise RecordingError("Cannot read the numbers", where=where)


def write_csv(recording: Recording, path: str | Path, *, delimiter: str = ",") -> Path:
    """Write a recording as delimited text that :func:`read_delimited` returns exactly.

    Parameters
    ----------
    recording : Recording
    path : path
        Replaced if it exists (written to a temporary name first).
    delimiter : {",", ";", tab}

    Raises
    ------
    RecordingError
        A channel without a unit that :func:`read_delimited` knows; the file cannot be written.

    Notes
    -----
    Sweep metadata, protocol and provenance do not fit a table and are left out: use
    :meth:`Recording.save` to keep them.
    """
    from .. import __version__

    path = Path(path)
    for channel in recording.channels:
        if channel.unit not in UNITS:
            raise RecordingError(
                "Text cannot hold this recording",
                where=f"{path.name}, channel {channel.name!r}",
                why=f"it has {'the unknown unit ' + repr(channel.unit) if channel.unit else 'no unit'}",
                do="choose the other channels (--channel), or write .nc",
            )
    _, sweeps, _ = recording.data.shape
    titles = ["time (ms)"]
    for channel in recording.channels:
        name = re.sub(r"[\s(),;\[\]\"#]+", " ", channel.name).strip() or "I"
        titles += [
            f"{name} {k + 1} ({channel.unit})" if sweeps > 1 else f"{name} ({channel.unit})" for k in range(sweeps)
        ]
    table = np.column_stack([recording.time_ms, recording.data.reshape(-1, recording.time_ms.size).T])
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as out:
            out.write(f"# potentiate {__version__} label={recording.label}\n")
            out.write(f"# channels: {json.dumps([[c.name, c.role] for c in recording.channels])}\n")
            out.write(delimiter.join(titles) + "\n")
            np.savetxt(out, table, fmt="%.17g", delimiter=delimiter)
        os.replace(temporary, path)
    except OSError as error:
        raise RecordingError("Cannot write the recording", where=path.name, why=error.strerror or "") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path
