"""ABF1, so that a recording can be analysed in Clampfit, MiniAnalysis, Stimfit and other programs.

Layout: Axon Binary File format 1.83 (Molecular Devices, ABF file support pack): a header of 12 blocks of 512 bytes,
16-bit samples of all channels in turn, and the table of the sweeps. Blind spots: 16-bit steps (reported), names of 10
letters, no missing samples.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import RecordingError
from .abf import CREATOR, ROLE_LETTERS, SIMULATED
from .recording import Array, Recording

BLOCK, HEADER_BLOCKS = 512, 12
RANGE_V, RESOLUTION = 10.0, 32768
UNKNOWN_DATE = 19700101
#: Smaller values are nothing that anybody records, and their scale would not fit in 32 bits.
SMALLEST = 1e-30


@dataclass(frozen=True)
class Quantised:
    """Samples as (sweep, time, channel) integers, and one step of each channel in its unit."""

    counts: np.ndarray
    steps: tuple[float, ...]
    scales: tuple[float, ...]


def write_abf1(recording: Recording, path: Path) -> tuple[list[str], tuple[float, ...]]:
    """Write ABF1.

    Parameters
    ----------
    recording : Recording
        Evenly sampled; at most 16 channels; no missing samples.
    path : Path
        Written straight to: callers pass a temporary name (see :func:`.write.write`).

    Returns
    -------
    notes : list of str
        What changed on the way.
    steps : tuple of float
        One 16-bit step of each channel, in its unit; samples are rounded to the nearest.

    Raises
    ------
    RecordingError
        ABF1 cannot hold it.
    """
    count, sweeps, points = recording.data.shape
    where, dt_ms = path.name, recording.interval_ms
    if math.isnan(dt_ms):
        raise _cannot(where, "sampling is uneven, or there is one sample")
    if count > 16:
        raise _cannot(where, f"it has {count} channels; ABF1 holds 16")
    if not np.isfinite(recording.data).all():
        raise _cannot(where, "samples are missing (NaN); 16-bit integers cannot say so")
    if recording.data.size >= 2**31 // 2:
        raise _cannot(where, f"it has {recording.data.size} samples")
    quantised = quantise(recording.data)
    notes = [
        f"channel {c.name!r}: rounded to 16 bit, one step is {step:.3g} {c.unit or '(no unit)'}"
        for c, step in zip(recording.channels, quantised.steps, strict=True)
    ]
    notes.append("ABF1 wants a date: 1970-01-01 stands for unknown")
    if recording.time_ms[0] != 0:
        notes.append(f"time begins at 0, not at {recording.time_ms[0]:g} ms")
    for channel in recording.channels:
        if len(channel.name.encode("latin-1", "replace")) > 10:
            notes.append(f"channel {channel.name!r} is called {channel.name[:10]!r}: names have 10 letters")
    # float32 rounded towards zero: a reader that cuts the rate to a whole number then still finds it
    interval_us = np.nextafter(np.float32(1e3 * dt_ms / count), np.float32(0))
    samples = quantised.counts.tobytes()
    data_blocks = -(-len(samples) // BLOCK)
    starts_us = 1e6 * _starts_s(recording)
    unit_us = next((u for u in (1.0, 10.0, 100.0, 1000.0) if starts_us.max() / u < 2**31 - 1), 0.0)
    if not unit_us:
        raise _cannot(where, "its sweeps begin more than 24 days apart")
    table = np.stack([np.rint(starts_us / unit_us), np.full(sweeps, points * count)], axis=1).astype("<i4").tobytes()
    header = _header(recording, quantised.scales, float(interval_us))
    struct.pack_into("<iif", header, 92, HEADER_BLOCKS + data_blocks, sweeps, 0)
    struct.pack_into("<h", header, 100, 0)
    struct.pack_into("<f", header, 130, unit_us)
    with open(path, "wb") as out:
        out.write(header)
        out.write(samples.ljust(data_blocks * BLOCK, b"\0"))
        out.write(table.ljust(-(-len(table) // BLOCK) * BLOCK, b"\0"))
    return notes, quantised.steps


def quantise(data: Array) -> Quantised:
    """Round (channel, sweep, time) to 16 bit; each channel uses the whole range, zero stays zero."""
    largest = np.abs(data).max(axis=(1, 2))
    largest = np.where(largest > 0, np.maximum(largest, SMALLEST), 1.0)
    # rounded towards zero in float32, so that the largest value surely fits
    scales = np.nextafter((RANGE_V / RESOLUTION * 32766.0 / largest).astype(np.float32), np.float32(0))
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise RecordingError("ABF1 cannot hold this recording", why=f"values as large as {largest.max():g}")
    steps = RANGE_V / scales.astype(float) / RESOLUTION
    counts = np.rint(data / steps[:, None, None]).astype("<i2")
    return Quantised(np.ascontiguousarray(counts.transpose(1, 2, 0)), tuple(steps), tuple(map(float, scales)))


def _starts_s(recording: Recording) -> Array:
    """Return the begin of each sweep: as recorded, or one after the other."""
    starts = recording.sweep_metadata.get("start_s")
    sweeps, points = recording.data.shape[1:]
    if starts is not None and starts.dtype.kind in "fiu" and np.isfinite(starts).all() and (starts >= 0).all():
        return starts.astype(float)
    return np.arange(sweeps) * points * recording.interval_ms * 1e-3


def _header(recording: Recording, scales: tuple[float, ...], interval_us: float) -> bytearray:
    count, sweeps, points = recording.data.shape
    header = bytearray(HEADER_BLOCKS * BLOCK)

    def put(form: str, at: int, *values: object) -> None:
        struct.pack_into("<" + form, header, at, *values)

    put("4sfhihi", 0, b"ABF ", 1.83, 5, recording.data.size, 0, sweeps)  # 5: episodic
    put("i", 20, UNKNOWN_DATE)
    put("f", 32, 1.83)
    put("hh", 36, 1, 0)  # an ABF file
    put("i", 40, HEADER_BLOCKS)
    put("hf", 120, count, interval_us)
    put("iii", 138, points * count, 0, sweeps)
    put("ffii", 244, RANGE_V, RANGE_V, RESOLUTION, RESOLUTION)
    said = SIMULATED if recording.label == "simulated" else "written"
    put("16s56s", 294, CREATOR.encode(), f"{said} by potentiate {__version__}".encode()[:56])
    put("16h", 378, *range(16))
    put("16h", 410, *range(count), *[-1] * (16 - count))
    header[442:730] = b" " * 288  # names and units of inputs, 16 x (10 + 8); some readers want letters in all of them
    header[1306:1378] = b" " * 72  # and of outputs, 4 x (10 + 8)
    for k in range(16):
        put("f", 730 + 4 * k, 1.0)  # programmable gain
        put("f", 922 + 4 * k, scales[k] if k < count else 1.0)  # volts per unit
        put("f", 1050 + 4 * k, 1.0)  # signal gain
    for k, channel in enumerate(recording.channels):
        put("10s", 442 + 10 * k, channel.name.encode("latin-1", "replace")[:10].ljust(10))
        put("8s", 602 + 8 * k, channel.unit.encode("latin-1", "replace")[:8].ljust(8))
    if protocol := recording.provenance.get("acquisition_protocol"):
        put("256s", 4898, f"{protocol}.pro".encode("latin-1", "replace")[-255:])
    roles = "".join(ROLE_LETTERS[channel.role] for channel in recording.channels)
    put("128s", 5154, f"{said} by potentiate {__version__}; roles {roles}".encode()[:128])
    return header


def _cannot(where: str, why: str) -> RecordingError:
    return RecordingError("ABF1 cannot hold this recording", where=where, why=why, do="write .nwb or .nc instead")
