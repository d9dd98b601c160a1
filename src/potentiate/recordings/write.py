"""One door out: the ending decides the format; written to a temporary name, checked if asked, then renamed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError, RecordingError, UsageError
from .recording import Recording

#: Endings that can be written.
WRITTEN = (".abf", ".nwb", ".csv", ".tsv", ".nc")

#: Largest relative difference that a check accepts (of the largest value of a channel, or of the sweep's duration).
CHECK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    path : Path
    notes : tuple of str
        What the format changed: rounding, shortened names.
    left_out : tuple of str
        What the format cannot express; known only after a check.
    checked : bool
        Whether the file was read back and compared.
    """

    path: Path
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    checked: bool = False


def write(recording: Recording, path: str | Path, *, force: bool = False, check: bool = False) -> Written:
    """Write a recording as ABF1, NWB, CSV, TSV or NetCDF.

    Parameters
    ----------
    recording : Recording
    path : path
        The ending decides: .abf (ABF1), .nwb, .csv, .tsv, .nc.
    force : bool
        Replace the file if it exists.
    check : bool
        Read the file back and compare before it gets its name; if it differs, nothing is left behind.

    Returns
    -------
    Written

    Raises
    ------
    UsageError
        No such format, or its extra is not installed.
    DataError
        The file exists, or the folder cannot be written.
    RecordingError
        The format cannot hold the recording, or the check failed.

    Examples
    --------
    >>> import tempfile
    >>> recording = Recording.from_arrays([0.0, 0.1, 0.2], [[0.0, -5.0, -2.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(recording, Path(folder) / "patch.abf", check=True).notes[0]
    "channel 'I': rounded to 16 bit, one step is 0.000153 pA"
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in WRITTEN:
        raise UsageError(f"Cannot write {path.name!r}", why=f"ending {ending!r}", do=f"use {', '.join(WRITTEN)}")
    if path.exists() and not force:
        raise DataError(f"{path} exists", do="choose another name, or add --force (force=True)")
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        notes, steps = _write(recording, part, ending)
        left_out: tuple[str, ...] = ()
        if check:
            from .read import read

            after = read(part, yes=True)
            differences = compare(recording, after, steps)
            if differences:
                raise RecordingError(
                    "The file does not read back as it was; nothing was written",
                    where=path.name,
                    why="; ".join(differences[:5]),
                    do="use NetCDF (.nc), and report this",
                )
            left_out = not_expressed(recording, after)
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"Cannot write {path}", why=error.strerror or str(error), do="choose another file") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return Written(path, tuple(notes), left_out, check)


def _write(recording: Recording, part: Path, ending: str) -> tuple[list[str], tuple[float, ...]]:
    """Return notes, and one quantisation step per channel (0: exact)."""
    exact = (0.0,) * len(recording.channels)
    if ending == ".abf":
        from .abf_writer import write_abf1

        return write_abf1(recording, part)
    if ending == ".nwb":
        from .nwb_writer import write_nwb

        return write_nwb(recording, part), exact
    if ending == ".nc":
        recording.save(part)
        return [], exact
    from .delimited import write_csv

    write_csv(recording, part, delimiter="\t" if ending == ".tsv" else ",")
    return [], exact


def compare(before: Recording, after: Recording, steps: tuple[float, ...] | None = None) -> list[str]:
    """Return in words how a recording that was read back differs from what was written.

    Parameters
    ----------
    before, after : Recording
    steps : tuple of float, optional
        Quantisation step of each channel in its unit; half of it is forgiven, besides :data:`CHECK_TOLERANCE` of the
        channel's largest value.

    Returns
    -------
    list of str
        Empty where values, units, channels, sweeps, time axis and label agree.
    """
    if before.data.shape != after.data.shape:
        return [f"{before.data.shape} (channel, sweep, time) became {after.data.shape}"]
    found = []
    if before.label != after.label:
        found.append(f"label {before.label} became {after.label}")
    begin = before.time_ms[0]
    drift = np.abs((before.time_ms - begin) - (after.time_ms - after.time_ms[0])).max()
    if drift > CHECK_TOLERANCE * max(before.time_ms[-1] - begin, 1e-3):
        found.append(f"the time axis moved by up to {drift:.3g} ms")
    for k, (old, new) in enumerate(zip(before.channels, after.channels, strict=True)):
        if (old.unit, old.role) != (new.unit, new.role):
            found.append(
                f"channel {old.name!r}: {old.unit or 'no unit'}, {old.role} became {new.unit or 'no unit'}, {new.role}"
            )
        a, b = before.data[k], after.data[k]
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            found.append(f"channel {old.name!r}: other samples are missing")
            continue
        apart = float(np.nanmax(np.abs(a - b), initial=0.0))
        step = steps[k] if steps else 0.0
        allowed = CHECK_TOLERANCE * float(np.nanmax(np.abs(a), initial=0.0)) + 0.5 * step
        if apart > allowed:
            found.append(f"channel {old.name!r}: values differ by up to {apart:.3g} {old.unit} (allowed {allowed:.3g})")
    return found


def not_expressed(before: Recording, after: Recording) -> tuple[str, ...]:
    """Return in words what the file that was read back no longer says."""
    gone = []
    if before.protocol is not None and after.protocol is None:
        gone.append("the protocol")
    if before.time_ms[0] != after.time_ms[0]:
        gone.append(f"the begin of the time axis ({before.time_ms[0]:g} ms)")
    for name, values in before.plain_metadata().items():
        kept = after.plain_metadata().get(name)
        same = kept is not None and kept.dtype.kind == values.dtype.kind
        if same and values.dtype.kind == "f":
            same = np.allclose(kept, values, rtol=CHECK_TOLERANCE, atol=1e-3, equal_nan=True)  # type: ignore[arg-type]
        elif same:
            same = np.array_equal(kept, values)  # type: ignore[arg-type]
        if not same:
            gone.append(f"sweep metadata {name}")
    renamed = [(a.name, b.name) for a, b in zip(before.channels, after.channels, strict=True) if a.name != b.name]
    gone += [f"channel name {old!r} (now {new!r})" for old, new in renamed]
    told = set(before.provenance) - {"file", "reader", "sha256", "notes"}
    kept_of = {**dict(after.provenance.get("origin", {})), **after.provenance}
    if lost := sorted(key for key in told if key not in kept_of):
        gone.append(f"provenance ({', '.join(lost)})")
    return tuple(gone)
