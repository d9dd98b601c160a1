"""A registry: a folder of files that are written once, and a chain of hashes that shows when one was changed.

Each line of ``chain.jsonl`` holds the hash of one file and that of the line before it. So nothing can be changed,
taken out or put in between without changing every later line; whoever keeps the last hash elsewhere (in a
preregistration, in a signed commit) can tell even that the whole chain was rewritten.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError as _PydanticError

from ..errors import DataError, DocumentError, UnknownNameError
from .document import Document, read_text
from .prediction import FrozenPrediction, Resolution

CHAIN = "chain.jsonl"
#: What stands before the first link.
START = "0" * 64

D = TypeVar("D", bound=Document)


@dataclasses.dataclass(frozen=True)
class Link:
    """One line of the chain.

    Attributes
    ----------
    n : int
        From 1.
    file : str
        Name in the folder.
    sha256 : str
        Of the file's bytes.
    previous, hash : str
        That of the link before, and of this link.
    """

    n: int
    file: str
    sha256: str
    previous: str
    hash: str

    @classmethod
    def after(cls, previous: Link | None, file: str, content: bytes) -> Link:
        """Return the link of a file behind another one."""
        n, before = (previous.n + 1, previous.hash) if previous is not None else (1, START)
        digest = hashlib.sha256(content).hexdigest()
        return cls(n, file, digest, before, _hash(n, file, digest, before))

    def line(self) -> str:
        """Return the link as it is written."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)


def _hash(n: int, file: str, digest: str, previous: str) -> str:
    return hashlib.sha256(f"{n}\n{file}\n{digest}\n{previous}".encode()).hexdigest()


def canonical(document: Document) -> bytes:
    """Return a document as the bytes that are hashed."""
    text = json.dumps(document.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False)
    return (text + "\n").encode()


class Registry:
    """Frozen predictions and their resolutions in a folder.

    Parameters
    ----------
    folder : path
        Need not exist: an empty registry.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def links(self) -> list[Link]:
        """Return the chain as it is written, unchecked.

        Raises
        ------
        DocumentError
            A line that is no link.
        """
        path = self.folder / CHAIN
        if not path.exists():
            return []
        links = []
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            try:
                entry = json.loads(line)
                link = Link(**entry)
            except (ValueError, TypeError):
                link, entry = None, {}
            if link is None or not all(isinstance(v, int if k == "n" else str) for k, v in entry.items()):
                raise DocumentError("Not a link of a chain", where=f"{path}:{number}", why=f"it reads {line[:60]!r}")
            links.append(link)
        return links

    def faults(self) -> list[str]:
        """Return everything that is not as it was written; empty where the registry is whole."""
        found: list[str] = []
        try:
            links = self.links
        except DocumentError as error:
            return [f"{error.what} ({error.where})"]
        before = START
        for number, link in enumerate(links, start=1):
            if link.n != number or link.previous != before:
                found.append(f"link {number}: a link before it is missing, or was put in or changed")
            if link.hash != _hash(link.n, link.file, link.sha256, link.previous):
                found.append(f"link {number}: the link itself was changed")
            before = link.hash
            path = self.folder / link.file
            if Path(link.file).name != link.file or not path.is_file():
                found.append(f"{link.file}: the file is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != link.sha256:
                found.append(f"{link.file}: the file was changed after it was frozen")
        if len({link.file for link in links}) != len(links):
            found.append("a file is in the chain twice")
        known = {link.file for link in links}
        if self.folder.is_dir():
            for path in sorted(self.folder.iterdir()):
                if path.name != CHAIN and path.name not in known:
                    found.append(f"{path.name}: a file that is not in the chain")
        return found

    @property
    def head(self) -> str:
        """Return the last hash: whoever keeps it elsewhere can tell whether anything was changed."""
        links = self.links
        return links[-1].hash if links else START

    def require_whole(self) -> None:
        """Refuse a registry that was changed.

        Raises
        ------
        DataError
        """
        if faults := self.faults():
            raise DataError(
                "The registry was changed", where=str(self.folder), why="; ".join(faults[:4]),
                do="restore it from version control; a frozen prediction is never edited",
            )  # fmt: skip

    def predictions(self) -> list[FrozenPrediction]:
        """Return what was frozen, in the order of the chain."""
        return [self._read(link, FrozenPrediction) for link in self.links if not link.file.startswith("resolved-")]

    def resolutions(self) -> list[Resolution]:
        """Return what was resolved, in the order of the chain."""
        return [self._read(link, Resolution) for link in self.links if link.file.startswith("resolved-")]

    def find(self, name: str) -> tuple[FrozenPrediction, Link]:
        """Return one frozen prediction with its link.

        Raises
        ------
        UnknownNameError
        """
        named = {link.file.removesuffix(".json"): link for link in self.links}
        if name not in named or name.startswith("resolved-"):
            raise UnknownNameError("registered prediction", name, named, do="list them with: potentiate predict --list")
        return self._read(named[name], FrozenPrediction), named[name]

    def _read(self, link: Link, kind: type[D]) -> D:
        path = self.folder / link.file
        try:
            return kind.model_validate_json(read_text(path))
        except _PydanticError as error:
            first = error.errors()[0]
            where = f"{path}: {'.'.join(str(step) for step in first['loc'])}"
            raise DocumentError(first["msg"], where=where) from None

    def add(self, document: FrozenPrediction | Resolution) -> Link:
        """Freeze a document.

        Raises
        ------
        DataError
            The registry was changed, holds a prediction of this name, or cannot be written.
        """
        self.require_whole()
        links = self.links
        name = f"{document.id}.json" if isinstance(document, FrozenPrediction) else (
            f"resolved-{len(links) + 1:03d}-{document.data.prediction}.json"
        )
        if any(link.file == name for link in links):
            raise DataError(
                f"The prediction {name.removesuffix('.json')!r} is registered", where=str(self.folder),
                why="what is frozen is never replaced", do="ask another question, with a name of its own",
            )  # fmt: skip
        content = canonical(document)
        link = Link.after(links[-1] if links else None, name, content)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / name, content)
            _write(self.folder / CHAIN, "".join(each.line() + "\n" for each in [*links, link]).encode())
        except OSError as error:
            raise DataError("Cannot write the registry", where=str(self.folder), why=str(error)) from None
        return link


def _write(path: Path, content: bytes) -> None:
    handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(part).chmod(0o644)
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)


def now() -> datetime.datetime:
    """Return the time as it is written into a registry: UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def versions_of(**more: str) -> dict[str, str]:
    """Return the versions that a number depends on, with `more`."""
    import platform
    from importlib.metadata import version

    from .. import __version__

    found = {"potentiate": __version__, "python": platform.python_version()}
    found |= {name: version(name) for name in ("numpy", "scipy", "jax")}
    return {**found, **more}
