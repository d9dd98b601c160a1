"""The Recording: what a run yields and what a file holds, under one roof.

Data stay NumPy arrays until somebody asks for the labelled form (``.dataset``) or saves, so that a
simulation does not pay for the import of xarray.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RecordingError, UnknownNameError, UsageError
from .channel import Channel, Role

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
Label = Literal["simulated", "data"]


def _kept(values: ArrayLike) -> Array:
    """Return a float array that nobody else can change: a copy, unless it is frozen and owns its memory already."""
    array = np.asarray(values)
    frozen = array.dtype == np.float64 and not array.flags.writeable
    while frozen and isinstance(array.base, np.ndarray):
        array = array.base
        frozen = not array.flags.writeable
    if frozen and array.base is None:
        return np.asarray(values)
    return np.array(values, dtype=float)


@dataclass(frozen=True, eq=False)
class Recording:
    """Sweeps of one or more channels on one time axis.

    Build it with :meth:`from_arrays` or :func:`potentiate.recordings.read`.

    Attributes
    ----------
    time_ms : (time,) array
        Increasing; counted from the start of the sweep.
    data : (channel, sweep, time) array
        In the units of `channels`.
    channels : tuple of Channel
    sweep_metadata : mapping of str to (sweep,) array
        One value per sweep: concentration, interval, start time ... Names carry the unit.
    label : {"simulated", "data"}
    protocol : mapping or None
        The protocol that was given, as a plain document.
    provenance : mapping
        File, reader, versions, seed ...: whatever made it.
    """

    time_ms: Array
    data: Array
    channels: tuple[Channel, ...]
    sweep_metadata: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    label: Label = "data"
    protocol: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        time, data = _kept(self.time_ms), _kept(self.data)
        if data.ndim != 3 or time.ndim != 1 or data.shape[2] != time.size:
            raise RecordingError(
                "Shapes disagree",
                why=f"data {data.shape}, time {time.shape}; wanted (channel, sweep, time) and (time,)",
            )
        if 0 in data.shape:
            raise RecordingError("Recording is empty", why=f"data have shape {data.shape}")
        if not np.isfinite(time).all() or (time.size > 1 and not (np.diff(time) > 0).all()):
            raise RecordingError("Time does not increase", why="a time is repeated, goes back or is not finite")
        if len(self.channels) != data.shape[0]:
            raise RecordingError("Shapes disagree", why=f"{len(self.channels)} channels for {data.shape[0]} rows")
        metadata = {}
        for name, values in dict(self.sweep_metadata).items():
            metadata[name] = np.array(values)
            if metadata[name].shape != (data.shape[1],):
                raise RecordingError(
                    f"Sweep metadata {name!r} has shape {metadata[name].shape}",
                    why=f"there are {data.shape[1]} sweeps",
                )
        for array in (time, data, *metadata.values()):
            array.setflags(write=False)
        object.__setattr__(self, "time_ms", time)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "sweep_metadata", MappingProxyType(metadata))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    @classmethod
    def from_arrays(
        cls,
        t_ms: ArrayLike,
        current: ArrayLike,
        sweep_metadata: Mapping[str, ArrayLike] | None = None,
        unit: str = "pA",
        protocol: Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
        label: Label = "simulated",
        *,
        name: str = "I",
    ) -> Recording:
        """Make a one-channel recording.

        Parameters
        ----------
        t_ms : (time,) array
        current : (sweep, time) or (time,) array
        sweep_metadata : mapping of str to (sweep,) array, optional
        unit : str
            Unit of `current`.
        protocol, provenance : mapping, optional
        label : {"simulated", "data"}
        name : str
            Channel name.

        Raises
        ------
        RecordingError
            Shapes disagree, time does not increase, or nothing is in it.

        Examples
        --------
        >>> Recording.from_arrays([0.0, 0.1, 0.2], [[0.0, -5.0, -2.0]]).sweeps.shape
        (1, 3)
        """
        sweeps = np.atleast_2d(np.asarray(current, dtype=float))
        metadata = {key: np.asarray(value) for key, value in (sweep_metadata or {}).items()}
        return cls(
            np.asarray(t_ms, dtype=float),
            sweeps[None],
            (Channel(name, unit, unit),),
            metadata,
            label,
            protocol,
            provenance or {},
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """Role of each channel."""
        return tuple(channel.role for channel in self.channels)

    @property
    def sweeps(self) -> Array:
        """The first channel, shape (sweep, time). Choose another with :meth:`channel`."""
        return self.data[0]

    @property
    def unit(self) -> str:
        """Unit of :attr:`sweeps`."""
        return self.channels[0].unit

    @property
    def units(self) -> dict[str, str]:
        """Channel name -> unit."""
        return {channel.name: channel.unit for channel in self.channels}

    @property
    def interval_ms(self) -> float:
        """Sample interval; NaN where sampling is uneven or there is one sample."""
        steps = np.diff(self.time_ms)
        if steps.size == 0 or np.ptp(steps) > 1e-3 * steps.mean():
            return math.nan
        return float((self.time_ms[-1] - self.time_ms[0]) / steps.size)

    def channel(self, which: int | str) -> Recording:
        """Return the recording of one channel, by number (from 0) or name.

        Raises
        ------
        UsageError
            No such channel, or a name that several share.
        """
        names = [channel.name for channel in self.channels]
        if isinstance(which, str):
            if which not in names:
                raise UnknownNameError("channel", which, names, do=f"channels: {', '.join(map(repr, names))}")
            if names.count(which) > 1:
                raise UsageError(f"{names.count(which)} channels are called {which!r}", do="give the number")
            which = names.index(which)
        if not 0 <= which < len(names):
            raise UsageError(f"No channel {which}", why=f"channels are 0 to {len(names) - 1}")
        return replace(self, data=self.data[which : which + 1], channels=(self.channels[which],))

    def select(self, sweeps: Sequence[int] | int) -> Recording:
        """Return the recording of some sweeps, by number (from 0).

        Raises
        ------
        UsageError
            No such sweep.
        """
        index = np.atleast_1d(np.asarray(sweeps, dtype=int))
        count = self.data.shape[1]
        if index.size == 0 or index.min() < 0 or index.max() >= count:
            raise UsageError(f"No sweep {sweeps}", why=f"sweeps are 0 to {count - 1}")
        metadata = {name: values[index] for name, values in self.sweep_metadata.items()}
        return replace(self, data=self.data[:, index], sweep_metadata=metadata)

    def describe(self) -> str:
        """Return the header echo: label, sweeps, rate, and the range of every channel."""
        dt = self.interval_ms
        rate = "uneven sampling" if math.isnan(dt) else f"{1 / dt:.6g} kHz"
        _, sweeps, samples = self.data.shape
        lines = [
            f"{self.provenance.get('file', 'recording')}   {self.label}   {sweeps} sweeps x "
            f"{samples} samples   {rate}   {self.time_ms[-1] - self.time_ms[0]:.6g} ms"
        ]
        for number, (channel, values) in enumerate(zip(self.channels, self.data, strict=True)):
            finite = values[np.isfinite(values)]
            span = f"{finite.min():.6g} .. {finite.max():.6g}" if finite.size else "no finite value"
            was = f"   (file: {channel.file_unit})" if channel.file_unit not in ("", channel.unit) else ""
            role = f"   {channel.role}" if channel.role != "response" else ""
            lines.append(f"  channel {number}  {channel.name!r}  {span} {channel.unit or '(no unit)'}{was}{role}")
        lines += [f"  note: {note}" for note in self.provenance.get("notes", ())]
        return "\n".join(lines)

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The labelled form: one variable per channel, dims (sweep, time), units in attrs."""
        import xarray as xr

        variables: dict[str, Any] = {}
        for number, (channel, values) in enumerate(zip(self.channels, self.data, strict=True)):
            attrs = {
                "units": channel.unit, "long_name": channel.name, "file_units": channel.file_unit,
                "role": channel.role,
            }  # fmt: skip
            variables[f"channel_{number}"] = (("sweep", "time"), values, attrs)
        coords: dict[str, Any] = {
            "time": ("time", self.time_ms, {"units": "ms"}),
            "sweep": ("sweep", np.arange(self.data.shape[1], dtype=np.int32)),
        }
        for name, column in self.plain_metadata().items():
            coords[f"sweep_{name}"] = ("sweep", column)
        return xr.Dataset(variables, coords, self.attributes())

    def plain_metadata(self) -> dict[str, NDArray[Any]]:
        """Return the sweep metadata as numbers or text only, as files hold them."""
        return {
            name: column if column.dtype.kind == "f" else column.astype(float if column.dtype.kind in "iu" else str)
            for name, column in self.sweep_metadata.items()
        }

    def attributes(self) -> dict[str, str]:
        """Return title, version, label, protocol and provenance as text, as files hold them."""
        from .. import __version__

        return {
            "title": "potentiate recording",
            "potentiate_version": __version__,
            "label": self.label,
            "protocol": json.dumps(dict(self.protocol), default=str) if self.protocol is not None else "",
            "provenance": json.dumps(dict(self.provenance), default=str),
        }

    def save(self, path: str | Path) -> Path:
        """Write NetCDF (classic model), to a temporary name first; see :mod:`.netcdf`."""
        from .netcdf import save

        return save(self, path)

    @staticmethod
    def load(path: str | Path) -> Recording:
        """Read what :meth:`save` wrote.

        Raises
        ------
        RecordingError
            Not such a file, or damaged.
        """
        from .netcdf import load

        return load(path)
