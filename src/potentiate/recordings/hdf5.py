"""HDF5 as hostile input: links stay inside the file, sizes are checked before memory is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RecordingError
from .assembly import MAX_SAMPLES

#: A stored byte unpacks to at most so many (gzip of zeros reaches a thousand).
MAX_EXPANSION = 2000
MAX_CHUNK_BYTES = 2**27
MAX_LINKS = 8


@dataclass(frozen=True)
class Node:
    """A group or dataset, reached without leaving the file."""

    handle: Any
    where: str

    @property
    def path(self) -> str:
        """Absolute path inside the file."""
        return str(self.handle.name or "")

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def attributes(self) -> Any:
        """Attributes."""
        return self.handle.attrs

    def root(self) -> Node:
        """Return the root group."""
        return Node(self.handle.file["/"], self.where)

    def has(self, path: str) -> bool:
        """Return whether there is such a child, links to other files aside."""
        return self._find(path) is not None

    def child(self, path: str) -> Node:
        """Return a group or dataset below; RecordingError where there is none."""
        found = self._find(path)
        if found is None:
            raise RecordingError("File is damaged", where=self.where, why=f"{self.path}/{path} is missing")
        return found

    def children(self) -> Iterator[Node]:
        """Return the groups and datasets directly below, in the order of their names."""
        for name in self.handle:
            if (found := self._find(name)) is not None:
                yield found

    def _find(self, path: str, links: int = 0) -> Node | None:
        """Walk name by name: a soft link is followed inside the file, any other kind is an error."""
        import h5py

        if links > MAX_LINKS:
            raise RecordingError("File is damaged", where=self.where, why="links go in a circle")
        at: Node = self.root() if path.startswith("/") else self
        for name in [n for n in path.split("/") if n not in ("", ".")]:
            if not isinstance(at.handle, h5py.Group):
                return None
            link = at.handle.get(name, getlink=True)
            if link is None:
                return None
            if isinstance(link, h5py.SoftLink):
                step = at._find(link.path, links + 1)
                if step is None:
                    return None
                at = step
            elif isinstance(link, h5py.HardLink):
                at = Node(at.handle[name], self.where)
            else:
                raise RecordingError(
                    "The file points to another file", where=self.where, why=f"{at.path}/{name}",
                    do="copy the data into one file",
                )  # fmt: skip
        return at

    def text(self, attribute: str) -> str:
        """Return an attribute as text, empty where there is none."""
        return _text(self.attributes.get(attribute, ""))

    def number(self, attribute: str, otherwise: float) -> float:
        """Return an attribute as a number."""
        value = self.attributes.get(attribute)
        return otherwise if value is None else float(np.asarray(value).reshape(-1)[0])

    def scalar(self) -> float:
        """Return a dataset of one number."""
        return float(np.asarray(self.handle[()]).reshape(-1)[0]) if self.length() <= 1 else math.nan

    def string(self) -> str:
        """Return a dataset of one text."""
        return _text(self.handle[()]) if self.handle.size == 1 else ""

    def strings(self) -> list[str]:
        """Return a dataset of a few texts."""
        return [_text(x) for x in self.handle[()].reshape(-1)] if 0 < self.handle.size <= 1000 else []

    def integers(self) -> NDArray[np.int64]:
        """Return a dataset of whole numbers."""
        return samples(self, 0, self.length()).astype(np.int64)

    def references(self) -> list[tuple[str, int, int]]:
        """Return (path, first sample, count) of a dataset of references to series."""
        size = self.length()
        if size > 1_000_000:
            raise RecordingError("File is damaged", where=self.where, why=f"{self.path} claims {size} rows")
        rows = self.handle[()]
        found = []
        for row in rows:
            target = self.handle.file[row["timeseries"]] if row["timeseries"] else None
            found.append((str(target.name) if target is not None else "", int(row["idx_start"]), int(row["count"])))
        return found

    def length(self) -> int:
        """Return the number of samples of a dataset, checked before anything is read.

        Raises
        ------
        RecordingError
            Not a trace; stored in another file; more samples than the file can hold.
        """
        import h5py

        data = self.handle
        if not isinstance(data, h5py.Dataset):
            raise RecordingError("File is damaged", where=self.where, why=f"{self.path} is no dataset")
        if data.shape is None or len(data.shape) > 2 or (len(data.shape) == 2 and data.shape[1] != 1):
            raise RecordingError("Not a trace", where=self.where, why=f"{self.path} has shape {data.shape}")
        if data.is_virtual or data.external:
            raise RecordingError("The file points to another file", where=self.where, why=self.path)
        size, stored = int(math.prod(data.shape)), int(data.id.get_storage_size())
        chunk = math.prod(data.chunks) * data.dtype.itemsize if data.chunks else 0
        if size > MAX_SAMPLES or size * data.dtype.itemsize > MAX_EXPANSION * stored + 4096 or chunk > MAX_CHUNK_BYTES:
            raise RecordingError(
                "File is damaged", where=self.where,
                why=f"{self.path} claims {size} samples in {stored} bytes (chunks of {chunk} bytes)",
            )  # fmt: skip
        return size


def samples(node: Node, first: int, size: int) -> NDArray[Any]:
    """Return numbers of a dataset as stored; RecordingError where they are none or fewer."""
    if not 0 <= first <= first + size <= node.length() or node.handle.dtype.kind not in "iuf":
        raise RecordingError(
            "File is damaged", where=node.where, why=f"{node.path}: samples {first} to {first + size} of "
            f"{node.length()}, type {node.handle.dtype}",
        )  # fmt: skip
    return np.asarray(node.handle[first : first + size]).reshape(-1)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else ""
