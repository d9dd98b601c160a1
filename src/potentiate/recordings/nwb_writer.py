"""NWB 2 icephys files by pynwb: every sweep is a row of the intracellular recordings table.

Layout: NWB schema 2.x, ``nwb.icephys`` (VoltageClampSeries, CurrentClampSeries and their stimuli; the tables of
simultaneous and sequential recordings). Currents are stored in pA with conversion 1e-12, voltages in mV with 1e-3, so
that nothing is rounded. What NWB has no field for (protocol, sweep metadata, provenance, roles, names) is JSON in
``notes``.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import RecordingError, UsageError
from .recording import Recording

#: unit inside -> (unit of NWB, conversion)
SI = {"pA": ("amperes", 1e-12), "mV": ("volts", 1e-3)}
UNKNOWN_DATE = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MARK = "potentiate_recording"


def write_nwb(recording: Recording, path: Path) -> list[str]:
    """Write an NWB file.

    Parameters
    ----------
    recording : Recording
    path : Path
        Written straight to: callers pass a temporary name (see :func:`.write.write`).

    Returns
    -------
    list of str
        What the reader of the file must know.

    Raises
    ------
    UsageError
        pynwb is not installed.
    RecordingError
        No channel is a current or voltage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pynwb
            from pynwb import icephys
    except ImportError:
        raise UsageError("pynwb is not installed", do="pip install 'potentiate[nwb]'") from None
    responses = [k for k, c in enumerate(recording.channels) if c.role == "response" and c.unit in SI]
    if not responses:
        raise RecordingError(
            "NWB cannot hold this recording", where=path.name, why="no channel with role response is in pA or mV"
        )
    stimuli = [k for k, c in enumerate(recording.channels) if c.role == "stimulus" and c.unit in SI]
    others = [k for k in range(len(recording.channels)) if k not in (*responses, *stimuli)]
    digest = hashlib.sha256(recording.data.tobytes()).hexdigest()
    simulated = recording.label == "simulated"
    source = recording.provenance.get("file", "no file")
    file: Any = pynwb.NWBFile(
        session_description=f"{'SIMULATED' if simulated else 'Recorded data'}, written by potentiate {__version__} "
        f"from {source}",
        identifier=digest,
        session_start_time=UNKNOWN_DATE,
        keywords=["simulated" if simulated else "data", "potentiate"],
        notes=json.dumps({MARK: _document(recording)}, default=str),
    )
    device = file.create_device(name="amplifier", description="not stated")
    electrodes = {
        k: file.create_icephys_electrode(
            name=f"electrode_{k}", description=f"channel {recording.channels[k].name!r}", device=device
        )
        for k in responses
    }
    kinds: dict[tuple[str, str], Any] = {
        ("response", "pA"): icephys.VoltageClampSeries, ("response", "mV"): icephys.CurrentClampSeries,
        ("stimulus", "mV"): icephys.VoltageClampStimulusSeries, ("stimulus", "pA"): icephys.CurrentClampStimulusSeries,
    }  # fmt: skip
    starts = recording.sweep_metadata.get("start_s")
    if starts is None or starts.dtype.kind not in "fiu" or not np.isfinite(starts).all():
        starts = np.arange(recording.data.shape[1]) * (recording.time_ms[-1] - recording.time_ms[0]) * 1e-3

    def series(k: int, sweep: int) -> Any:
        channel = recording.channels[k]
        common = {
            "name": f"sweep_{sweep:05d}_{channel.role}_{k}",
            "data": recording.data[k, sweep],
            "description": f"channel {channel.name!r}, sweep {sweep}",
            **_times(recording, float(starts[sweep])),
        }
        if k in others:
            unit, conversion = SI.get(channel.unit, (channel.unit or "unknown", 1.0))
            return pynwb.TimeSeries(unit=unit, conversion=conversion, **common)
        electrode = electrodes.get(k, electrodes[responses[min(stimuli.index(k) if k in stimuli else 0,
                                                               len(responses) - 1)]])  # fmt: skip
        return kinds[(channel.role, channel.unit)](
            electrode=electrode, gain=math.nan, conversion=SI[channel.unit][1], sweep_number=np.uint32(sweep), **common
        )

    rows: list[int] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynwb dislikes the missing gain; there is none to state
        for sweep in range(recording.data.shape[1]):
            played = [series(k, sweep) for k in stimuli]
            for extra in played[len(responses) :]:
                file.add_stimulus(extra)
            for number, k in enumerate(responses):
                pair = {"stimulus": played[number]} if number < len(played) else {}
                rows.append(file.add_intracellular_recording(
                    electrode=electrodes[k], response=series(k, sweep), **pair
                ))  # fmt: skip
            for k in others:
                file.add_acquisition(series(k, sweep))
            file.add_icephys_simultaneous_recording(recordings=rows[-len(responses) :])
        file.add_icephys_sequential_recording(
            simultaneous_recordings=list(range(recording.data.shape[1])), stimulus_type="not stated"
        )
        storage: Any = pynwb.NWBHDF5IO  # its signature is made at run time
        with storage(str(path), "w") as out:
            out.write(file)
    return ["NWB wants a date: 1970-01-01 stands for unknown"]


def _times(recording: Recording, start_s: float) -> dict[str, Any]:
    """Return rate and begin, or time stamps where sampling is uneven."""
    dt_ms = recording.interval_ms
    if math.isnan(dt_ms):
        return {"timestamps": start_s + 1e-3 * recording.time_ms}
    return {"rate": 1e3 / dt_ms, "starting_time": start_s + 1e-3 * float(recording.time_ms[0])}


def _document(recording: Recording) -> dict[str, Any]:
    return {
        "channels": [[c.name, c.unit, c.file_unit, c.role] for c in recording.channels],
        "sweeps": recording.data.shape[1],
        "time_begin_ms": float(recording.time_ms[0]),
        "sweep_metadata": {name: values.tolist() for name, values in recording.plain_metadata().items()},
        "label": recording.label,
        "protocol": dict(recording.protocol) if recording.protocol is not None else None,
        "provenance": dict(recording.provenance),
    }
