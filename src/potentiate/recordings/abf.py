"""ABF1 and ABF2: neo, with pyabf as second opinion on sweeps, units and scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import RecordingError
from .abf_command import commands
from .abf_header import check_abf_header
from .acquisition import neo_raw
from .assembly import Raw, Units, assemble, guarded
from .channel import Role, plain_unit
from .recording import Label, Recording

Reader = Literal["both", "neo", "pyabf"]

#: Largest disagreement of the two ABF readers on the range of sweep 1, relative to the larger.
SCALE_TOLERANCE = 0.01

#: How the ABF1 writer of this package marks its files (creator, then file comment).
CREATOR, SIMULATED = "potentiate", "SIMULATED"
ROLE_LETTERS: dict[Role, str] = {"response": "r", "stimulus": "s", "exchange": "x", "auxiliary": "a"}


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

    Returns
    -------
    Recording
        The command of each output that plays epochs is the last channel, role "stimulus".

    Raises
    ------
    RecordingError
        Damaged, or the two readers disagree ("Scale disagrees").
    """
    with open(path, "rb") as file:
        head = file.read(8192)
    check_abf_header(head, path.stat().st_size, path.name)
    opinions = []
    if reader in ("both", "neo"):
        opinions.append(guarded("neo", path, lambda: neo_raw(path, "AxonRawIO")))
    if reader in ("both", "pyabf"):
        opinions.append(guarded("pyabf", path, lambda: pyabf_raw(path, first_only=reader == "both")))
    if len(opinions) == 2:
        _agree(*opinions, where=path.name)
    else:
        opinions = [*opinions, *opinions]
    ours, theirs = opinions
    found, notes = (), ()
    if reader != "neo":  # neo does not rebuild commands of ABF1
        found, notes = theirs.commands, theirs.notes
    label, roles = _ours(head, len(ours.names))
    raw = replace(ours, protocol=theirs.protocol, commands=found, notes=notes, label=label, roles=roles)
    readers = " + ".join(dict.fromkeys(o.reader for o in opinions))
    return assemble(path, raw, unit, yes, readers)


def _ours(head: bytes, channels: int) -> tuple[Label, tuple[Role, ...]]:
    """Return label and roles that our own writer stated; anybody else's file is data, without roles."""
    creator, comment, more = (
        head[at : at + n].split(b"\0")[0].decode("latin-1") for at, n in ((294, 16), (310, 56), (5154, 128))
    )
    if head[:4] != b"ABF " or creator.strip() != CREATOR:
        return "data", ()
    letters = more.rpartition("roles ")[2].strip()
    named: dict[str, Role] = {letter: role for role, letter in ROLE_LETTERS.items()}
    known = len(letters) == channels and set(letters) <= set(named)
    label: Label = "simulated" if comment.startswith(SIMULATED) else "data"
    return label, tuple(named[letter] for letter in letters) if known else ()


def pyabf_raw(path: Path, *, first_only: bool = False) -> Raw:
    """Return what pyabf says of the header, scaled by its numbers.

    Parameters
    ----------
    path : Path
    first_only : bool
        Read the samples of sweep 1 only; the other sweeps repeat it. Enough to compare scales.
    """
    import pyabf

    # not setSweep: it builds the command waveform, which loops over epochs and opens files that a damaged or hostile
    # header names
    file: Any = pyabf.ABF(str(path), loadData=False)
    sweeps, points, count = int(file.sweepCount), int(file.sweepPointCount), int(file.channelCount)
    if sweeps < 1 or points < 1 or count < 1 or sweeps * points * count > int(file.dataPointCount):
        raise RecordingError("File is damaged", where=path.name, why=f"pyabf: {sweeps} sweeps of {points} samples")
    wanted = (1 if first_only else sweeps) * points * count
    with open(path, "rb") as stream:
        stream.seek(int(file.dataByteStart))
        numbers = np.fromfile(stream, dtype=file._dtype, count=wanted)
    if numbers.size < wanted:
        raise RecordingError("File is truncated or damaged", where=path.name, why=f"pyabf: {numbers.size} of {wanted}")
    table = numbers.reshape(-1, points, count)
    traces = [[table[0 if first_only else s, :, k] for s in range(sweeps)] for k in range(count)]
    integer = numbers.dtype.kind == "i"
    protocol = file.protocol if file.protocol not in (None, "None") else ""
    found, notes = commands(file)
    return Raw(
        traces, tuple(map(str, file.adcNames)), tuple(plain_unit(str(u)) for u in file.adcUnits),
        _rate_Hz(file), tuple(np.arange(sweeps) * float(file.sweepIntervalSec)),
        tuple(float(g) if integer else 1.0 for g in file._dataGain[:count]),
        tuple(float(o) if integer else 0.0 for o in file._dataOffset[:count]),
        str(protocol), f"pyabf {pyabf.__version__}", notes=notes, commands=found,
    )  # fmt: skip


def _rate_Hz(file: Any) -> float:
    """Return the rate as the header has it: pyabf cuts it to a whole number."""
    if hasattr(file, "_headerV1"):
        return 1e6 / (float(file._headerV1.fADCSampleInterval) * int(file.channelCount))
    return 1e6 / float(file._protocolSection.fADCSequenceInterval)


def _agree(neo: Raw, pyabf: Raw, where: str) -> None:
    """Compare two opinions on sweeps, channels, and the unit and range of sweep 1."""
    if neo.shape != pyabf.shape:
        raise RecordingError(
            "Shape disagrees",
            where=where,
            why=f"pyABF says {pyabf.shape}, Neo says {neo.shape} (channel, sweep, time)",
            do="check in Clampfit, then choose --reader pyabf or --reader neo",
        )
    for k, name in enumerate(neo.names):
        ours, theirs = _ends(neo, k), _ends(pyabf, k)
        size = max(map(abs, (*ours, *theirs)))
        apart = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if neo.units[k] != pyabf.units[k] or not apart <= SCALE_TOLERANCE * size:
            say = [f"{low:.4g} to {high:.4g} {unit}" for (low, high), unit in
                   zip((ours, theirs), (neo.units[k], pyabf.units[k]), strict=True)]  # fmt: skip
            raise RecordingError(
                "Scale disagrees",
                where=f"{where}, channel {name!r}, sweep 1",
                why=f"pyABF says {say[1]}, Neo says {say[0]}",
                do="check in Clampfit, then choose --reader pyabf or --reader neo",
            )


def _ends(raw: Raw, channel: int) -> tuple[float, float]:
    """Return the range of sweep 1 in the file's unit; scaling is linear, so the ends are enough."""
    trace = raw.traces[channel][0]
    ends = sorted(float(x) * raw.gain[channel] + raw.offset[channel] for x in (trace.min(), trace.max()))
    return ends[0], ends[1]
