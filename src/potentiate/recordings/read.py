"""One door for every file: the content decides the format, and the name must not contradict it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from ..errors import RecordingError, UsageError
from .abf import Reader, read_abf
from .acquisition import read_neo
from .assembly import Units
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
    (b"\x89HDF\r\n\x1a\n", "nwb"),
    (b"PK\x03\x04", "zip or Excel"),
    (b"MATLAB", "MATLAB"),
    (b"DAT1", "heka"),
    (b"DAT2", "heka"),
    (b"\x89PNG", "PNG picture"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
)

#: Extension -> format
_EXTENSION = {
    ".abf": "abf", ".axgr": "axograph", ".axgd": "axograph", ".axgx": "axograph", ".wcp": "winwcp",
    ".nwb": "nwb", ".dat": "heka", ".ibw": "igor wave", ".bwav": "igor wave", ".pxp": "igor experiment",
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
    part: str | None = None,
    yes: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Recording:
    """Read a recording: ABF1/2, AxoGraph, WinWCP, HEKA, Igor, NWB, CSV/TSV with units, NetCDF of this package.

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
    part : str, optional
        Which part of a file that holds several experiments: NWB, a pattern of series names; Igor, a pattern of wave
        names; HEKA, GROUP.SERIES from 1. The error of such a file lists what there is.
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
        "Scale disagrees" between the two ABF readers; implausible scale; several experiments and no `part`.
    UsageError
        No such channel or part; the extra ``nwb`` is not installed.
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
    if part is not None and kind not in ("nwb", "heka", "igor wave", "igor experiment"):
        raise UsageError("There are no parts to choose", where=where, why=f"a file of kind {kind} is one recording")
    if kind == "abf":
        recording = read_abf(path, reader=reader, unit=unit, yes=yes)
    elif kind == "axograph":
        recording = read_neo(path, "AxographRawIO", unit=unit, yes=yes)
    elif kind == "winwcp":
        recording = read_neo(path, "WinWcpRawIO", unit=unit, yes=yes)
    elif kind == "nwb":
        from .nwb import read_nwb

        recording = read_nwb(path, part=part, unit=unit, yes=yes)
    elif kind == "heka":
        from .heka import read_heka

        recording = read_heka(path, part=part, unit=unit, yes=yes)
    elif kind in ("igor wave", "igor experiment"):
        from .igor import read_igor

        recording = read_igor(path, packed=kind == "igor experiment", part=part, unit=unit, yes=yes)
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
        if named in ("igor wave", "igor experiment"):  # no signature: the reader looks at the header
            return named
        if named == "text" or extension in ("", ".dat"):
            return "text"
        if named is None:
            raise RecordingError(
                "Unknown format",
                where=path.name,
                why=f"extension {extension!r}, first bytes {head[:8]!r}",
                do="give ABF, AxoGraph, WinWCP, HEKA, Igor, NWB, CSV/TSV or NetCDF of potentiate",
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
