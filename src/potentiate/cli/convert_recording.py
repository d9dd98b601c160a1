"""The recording half of `potentiate convert`: echo the header, write, read back and compare."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from .output import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..recordings.abf import Reader
    from ..recordings.recording import Recording


def convert_recording(
    source: Path,
    target: Path | None,
    *,
    unit: str | None = None,
    channels: Sequence[str] = (),
    part: str | None = None,
    reader: Reader = "both",
    yes: bool = False,
    force: bool = False,
    check: bool = False,
) -> Result:
    """Return the table of what was written; see :func:`.convert.convert` for the parameters.

    Raises
    ------
    RecordingError
        The file cannot be read, the format cannot hold it, or the check failed: then nothing is written.
    """
    from ..recordings.read import read
    from ..recordings.write import WRITTEN, write

    if target is None:
        raise UsageError("No file to write", do=f"for example: potentiate convert {source} {source.stem}.csv")
    if target.suffix.lower() not in WRITTEN:  # before a large file is read
        why = f"ending {target.suffix.lower()!r}"
        raise UsageError(f"Cannot write {target.name!r}", why=why, do=f"use {', '.join(WRITTEN)}")
    wanted = [int(text) if text.isdecimal() else text for text in channels]
    told = {wanted[0]: unit} if unit is not None and len(wanted) == 1 else unit
    recording = chosen(read(source, unit=told, part=part, reader=reader, yes=yes), wanted)
    written = write(recording, target, force=force, check=check)
    rows = []
    for number, channel in enumerate(recording.channels):
        values = recording.data[number][np.isfinite(recording.data[number])]
        low, high = (float(values.min()), float(values.max())) if values.size else (float("nan"), float("nan"))
        rows.append([number, channel.name, channel.role, channel.file_unit or "-", channel.unit or "-", low, high])
    notes = list(written.notes)
    if check:
        notes.append("Check: values, units, sweeps, time axis and label read back as they were.")
        notes += [f"Not expressed in {target.suffix.lower()}: {text}" for text in written.left_out]
    else:
        notes.append("Not read back: add --check to compare the file with what went in.")
    return Result(
        "convert", source.stem,
        {"what": str(source), "to": target.suffix.lower()[1:], "unit": unit, "channels": wanted, "part": part},
        ["channel", "name", "role", "unit in file", "unit written", "lowest", "highest"], rows,
        title=recording.describe(), notes=notes,
        extra={
            "files": {"recording": str(target)}, "label": recording.label, "checked": written.checked,
            "changed": list(written.notes), "not_expressed": list(written.left_out),
        },
    )  # fmt: skip


def chosen(recording: Recording, wanted: Sequence[int | str]) -> Recording:
    """Return the recording of the wanted channels, all where none is named."""
    if not wanted:
        return recording
    ones = [recording.channel(which) for which in wanted]
    data = np.concatenate([one.data for one in ones])
    return replace(recording, data=data, channels=tuple(one.channels[0] for one in ones))
