"""One door for every file: the content decides the format, and the name must not contradict it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from ..errors import RecordingError
from .acquisition import Reader, Units, read_abf, read_neo
from .delimited import read_delimited
from .netcdf import load
from .recording import Recording

#: First bytes -> format
_MAGIC = (
    (b"ABF ", "abf"),
    (b"ABF2", "abf"),
    (b"AxGr", "axograph"),
    (b"axgx", "axograph"),
    (b"CDF\x01", "netcdf"),
    (b"CDF\x02", "netcdf"),
    (b"VER=", "winwcp"),
    (b"\x89HDF", "HDF5 or NWB"),
    (b"PK\x03\x04", "zip or Excel"),
    (b"MATLAB", "MATLAB"),
    (b"DAT1", "HEKA"),
    (b"DAT2", "HEKA"),
    (b"\x89PNG", "PNG picture"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
)

#: Extension -> format
_EXTENSION = {
    ".abf": "abf", ".axgr": "axograph", ".axgd": "axograph", ".axgx": "axograph", ".wcp": "winwcp",
    ".nc": "netcdf", ".csv": "text", ".tsv": "text", ".txt": "text",
}  # fmt: skip

#: Larger files are refused (bytes); text is refused above a quarter of it.
MAX_BYTES = 512 * 1024**2


def read(
    path: str | Path,
    channel: int | str | None = None,
    *,
    unit: Units = None,
    reader: Reader = "both",
    yes: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Recording:
    """Read a recording: ABF1/2, AxoGraph, WinWCP, CSV/TSV with units, or NetCDF of this package.

    Parameters
    ----------
    path : path
    channel : int or str, optional
        Keep one channel, by number (from 0) or name; all channels otherwise.
    unit : str or mapping, optional
        True unit of the chosen (or only) channel, instead of the file's; or {channel: unit} for several. For
        text: the unit of the columns that state none.
    reader : {"both", "neo", "pyabf"}
        For ABF only. "both" compares the two.
    yes : bool
        Accept a scale that no amplifier can have recorded, or a file whose metadata end early.
    max_bytes : int
        Size limit.

    Returns
    -------
    Recording
        Currents in pA, voltages in mV, label ``data`` (or as written by this package). Print
        ``.describe()`` to check units and range.

    Raises
    ------
    RecordingError
        Missing, empty, too large, truncated or damaged file; content and name disagree; unit missing;
        "Scale disagrees" between the two ABF readers; implausible scale.
    UsageError
        No such channel.
    """
    path = Path(path)
    where = path.name
    try:
        if path.is_dir():
            raise RecordingError("Not a file", where=where, why="it is a folder")
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(64)
    except (OSError, ValueError) as error:
        raise RecordingError(
            "Cannot open the file", where=where, why=getattr(error, "strerror", None) or str(error)
        ) from None
    if size == 0:
        raise RecordingError("File is empty", where=where, why="it has 0 bytes")
    kind = _format(head, path)
    limit = max_bytes // 4 if kind == "text" else max_bytes
    if size > limit:
        raise RecordingError(
            "File is too large",
            where=where,
            why=f"{size / 1e6:.0f} MB; the limit is {limit / 1e6:.0f} MB",
            do="export the sweeps you need, or raise max_bytes",
        )
    if isinstance(unit, str) and channel is not None and kind != "text":
        unit = {channel: unit}
    if kind == "abf":
        recording = read_abf(path, reader=reader, unit=unit, yes=yes)
    elif kind == "axograph":
        recording = read_neo(path, "AxographRawIO", unit=unit, yes=yes)
    elif kind == "winwcp":
        recording = read_neo(path, "WinWcpRawIO", unit=unit, yes=yes)
    elif kind == "netcdf":
        recording = load(path)
    else:
        recording = read_delimited(path, unit=unit if isinstance(unit, str) else None)
    if kind != "netcdf":
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        recording = replace(recording, provenance={**recording.provenance, "sha256": digest})
    return recording if channel is None else recording.channel(channel)


def _format(head: bytes, path: Path) -> str:
    """Return the format by content; the extension only has a veto."""
    extension = path.suffix.lower()
    named = _EXTENSION.get(extension)
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    readable = set(_EXTENSION.values())
    if found is None:
        if named == "text" or (named is None and extension == ""):
            return "text"
        if named is None:
            raise RecordingError(
                "Unknown format",
                where=path.name,
                why=f"extension {extension!r}, first bytes {head[:8]!r}",
                do="give ABF, AxoGraph, WinWCP, CSV/TSV or NetCDF of potentiate",
            )
        raise RecordingError(
            "Content and name disagree",
            where=path.name,
            why=f"a {named} file does not start with {head[:8]!r}; it is damaged or something else",
            do="give the file its true extension, or copy it again from the acquisition computer",
        )
    if found not in readable:
        raise RecordingError(
            "Format is not read",
            where=path.name,
            why=f"the content is {found}",
            do="export it as ABF, or as CSV with the header: time (ms), I (pA)",
        )
    if named is not None and named != found:
        raise RecordingError(
            "Content and name disagree",
            where=path.name,
            why=f"named {named}, but the content is {found}",
            do="give the file its true extension",
        )
    return found
