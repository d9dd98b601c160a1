"""Recordings on disk: NetCDF classic through xarray's scipy engine (no compiled extra needed)."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from ..errors import RecordingError
from .channel import Channel
from .recording import Recording


def save(recording: Recording, path: str | Path) -> Path:
    """Write a recording: to a temporary name in the same folder, then rename.

    Parameters
    ----------
    recording : Recording
    path : path
        Replaced if it exists.

    Returns
    -------
    Path

    Raises
    ------
    RecordingError
        The folder cannot be written.
    """
    path = Path(path)
    dataset = recording.dataset.assign_attrs(created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise RecordingError("Cannot write the recording", where=path.name, why=error.strerror or "") from None
    os.close(handle)
    try:
        dataset.to_netcdf(temporary, engine="scipy", format="NETCDF3_64BIT")
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def load(path: str | Path) -> Recording:
    """Read a recording that :func:`save` wrote.

    Raises
    ------
    RecordingError
        Not a recording of this package, or damaged.
    """
    import xarray as xr

    path = Path(path)
    try:
        with xr.open_dataset(path, engine="scipy", decode_times=False) as opened:
            dataset = opened.load()
        numbers = sorted(int(name.removeprefix("channel_")) for name in map(str, dataset.data_vars))
        variables = [dataset[f"channel_{number}"] for number in numbers]
        channels = [
            Channel(str(v.attrs["long_name"]), str(v.attrs["units"]), str(v.attrs["file_units"])) for v in variables
        ]
        metadata = {
            str(name).removeprefix("sweep_"): coord.values
            for name, coord in dataset.coords.items()
            if str(name).startswith("sweep_")
        }
        label = str(dataset.attrs["label"])
        if label not in ("simulated", "data"):
            raise ValueError(f"label {label!r}")
        protocol = str(dataset.attrs["protocol"])
        return Recording(
            dataset["time"].values,
            np.stack([v.transpose("sweep", "time").values for v in variables]),
            tuple(channels),
            metadata,
            label,  # type: ignore[arg-type]
            json.loads(protocol) if protocol else None,
            json.loads(str(dataset.attrs["provenance"])),
        )
    except RecordingError:
        raise
    except Exception as error:  # scipy and xarray raise many unrelated types on damaged files
        raise RecordingError(
            "Not a recording of potentiate, or damaged",
            where=path.name,
            why=f"{type(error).__name__}: {error}".splitlines()[0][:200],
            do="give a .nc file written by potentiate, or the original acquisition file",
        ) from None
