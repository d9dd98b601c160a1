"""Recordings on disk: NetCDF classic (no compiled extra needed).

Written with SciPy alone, because importing xarray costs as much as a short run; a test holds the file against what
xarray writes for :attr:`Recording.dataset`. Read with xarray.
"""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from ..errors import RecordingError
from .channel import Channel, known_role
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
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise RecordingError("Cannot write the recording", where=path.name, why=error.strerror or "") from None
    os.close(handle)
    try:
        _write(recording, temporary)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _write(recording: Recording, path: str) -> None:
    from scipy.io import netcdf_file

    attributes = recording.attributes() | {"created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    columns = {f"sweep_{name}": column for name, column in recording.plain_metadata().items()}
    with netcdf_file(path, "w", version=2) as file:
        for name, text in attributes.items():
            setattr(file, name, text.encode())
        file.createDimension("sweep", recording.data.shape[1])
        file.createDimension("time", recording.data.shape[2])
        time = file.createVariable("time", "d", ("time",))
        time[:] = recording.time_ms
        time.units = b"ms"
        file.createVariable("sweep", "i", ("sweep",))[:] = np.arange(recording.data.shape[1])
        for name, column in columns.items():
            if column.dtype.kind == "U":
                letters = np.char.encode(column, "utf-8").astype("S")
                width = max(1, letters.dtype.itemsize)
                file.createDimension(f"string_{name}", width)
                text = file.createVariable(name, "c", ("sweep", f"string_{name}"))
                text[:] = letters.astype(f"S{width}").view("S1").reshape(len(column), width)
                text._Encoding = b"utf-8"
            else:
                file.createVariable(name, "d", ("sweep",))[:] = column
        for i, channel in enumerate(recording.channels):
            variable = file.createVariable(f"channel_{i}", "d", ("sweep", "time"))
            variable[:] = recording.data[i]
            # an empty attribute cannot be written by SciPy
            for name, text in (
                ("long_name", channel.name), ("units", channel.unit), ("file_units", channel.file_unit),
                ("role", channel.role),
            ):  # fmt: skip
                setattr(variable, name, (text or " ").encode())
            if columns:
                variable.coordinates = " ".join(columns).encode()


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
            Channel(
                *(str(v.attrs[key]).strip() for key in ("long_name", "units", "file_units")),
                role=known_role(str(v.attrs.get("role", "response")).strip()),
            )
            for v in variables
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
