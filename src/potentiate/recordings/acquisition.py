"""Files that neo reads: AxoGraph and WinWCP, and ABF as one of two opinions (see :mod:`.abf`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import RecordingError
from .assembly import Raw, Units, assemble, guarded
from .channel import plain_unit
from .recording import Recording


def read_neo(path: Path, io: str, *, unit: Units = None, yes: bool = False) -> Recording:
    """Read a format by the neo class `io` (``AxographRawIO``, ``WinWcpRawIO``).

    Raises
    ------
    RecordingError
        Damaged; sweeps of unequal length; channels that differ in rate.
    """
    return assemble(path, guarded("neo", path, lambda: neo_raw(path, io)), unit, yes)


def neo_raw(path: Path, io: str) -> Raw:
    """Return what neo finds; samples stay the file's integers."""
    import neo
    import neo.rawio

    file: Any = getattr(neo.rawio, io)(filename=str(path))
    file.parse_header()
    count = file.segment_count(0)
    if count == 0:
        raise RecordingError("Recording is empty", where=path.name, why="no sweep")
    streams = range(file.signal_streams_count())
    rates = {float(file.get_signal_sampling_rate(stream)) for stream in streams}
    if max(rates) > 1.0001 * min(rates):
        raise RecordingError("Channels differ in sampling rate", where=path.name, why=f"{sorted(rates)} Hz")
    names, units, gains, offsets, traces, starts = [], [], [], [], [], []
    for stream in streams:
        info = file.header["signal_channels"]
        info = info[info["stream_id"] == file.header["signal_streams"][stream]["id"]]
        names += [str(name) for name in info["name"]]
        units += [plain_unit(str(text)) for text in info["units"]]
        gains += [float(gain) for gain in info["gain"]]
        offsets += [float(offset) for offset in info["offset"]]
        chunks = [file.get_analogsignal_chunk(0, segment, None, None, stream) for segment in range(count)]
        traces += [[chunk[:, k] for chunk in chunks] for k in range(len(info))]
        if stream == 0:
            starts = [float(file.get_signal_t_start(0, segment, stream)) for segment in range(count)]
    return Raw(
        traces, tuple(names), tuple(units), min(rates), tuple(starts), tuple(gains), tuple(offsets), "",
        f"neo {neo.__version__}",
    )  # fmt: skip
