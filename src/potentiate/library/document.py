"""Read one YAML document: safe, no duplicate or unknown keys, errors with file, line and path.

Documents from outside are hostile: only `safe_load` semantics, limits on size and depth, no aliases (which can
expand without bound), no tags, no non-finite surprises.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as _PydanticError

from ..errors import DocumentError

MAX_BYTES = 2_000_000
MAX_DEPTH = 40
LIBRARY = Path(__file__).parent

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document(BaseModel):
    """Base of all documents: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


D = TypeVar("D", bound=Document)


def _compose(text: str, where: str) -> yaml.Node:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise DocumentError(
                    f"The document is nested more than {MAX_DEPTH} levels deep",
                    where=f"{where}:{event.start_mark.line + 1}",
                )
            if getattr(event, "tag", None) is not None:
                raise DocumentError(
                    f"YAML tags are not allowed in documents ({event.tag[:60]})",
                    where=f"{where}:{event.start_mark.line + 1}",
                    do="write plain text, numbers, lists and mappings; quote text that starts with !",
                )
            if isinstance(event, yaml.AliasEvent):
                raise DocumentError(
                    "YAML aliases are not allowed in documents",
                    where=f"{where}:{event.start_mark.line + 1}",
                    do="write the value out",
                )
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: lone surrogates
        mark = getattr(error, "problem_mark", None)
        at = f"{where}:{mark.line + 1}" if mark else where
        raise DocumentError(
            "Not valid YAML", where=at, why=str(getattr(error, "problem", error) or error)
        ) from None
    if not isinstance(node, yaml.MappingNode):
        raise DocumentError("The document is empty or not a mapping", where=where)
    return node


def _check_keys(node: yaml.Node, where: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise DocumentError(
                    "A key is not plain text", where=f"{where}:{key.start_mark.line + 1}",
                    do="keys are words; quote text that starts with [ or {",
                )  # fmt: skip
            if key.value in seen:
                raise DocumentError(
                    f"Key {key.value!r} is given twice", where=f"{where}:{key.start_mark.line + 1}"
                )
            seen.add(key.value)
            _check_keys(value, where)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, where)


def line_of(node: yaml.Node, path: tuple[int | str, ...]) -> int:
    """Return the 1-based line of the deepest existing part of `path` in a composed document."""
    line = node.start_mark.line + 1
    for step in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    line, found = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
            line = found.start_mark.line + 1
        if found is None:
            break
        node = found
    return line


def show_path(path: tuple[int | str, ...]) -> str:
    """Return a document path as text: ``transitions[4].forward``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else str(step))
    return text or "(top)"


def _short(value: Any) -> str:
    """Return the beginning of an offending value, whatever it is."""
    try:
        return repr(str(value)[:80])
    except ValueError:  # an integer of thousands of digits
        return f"a {type(value).__name__} too long to print"


class Source:
    """The text of a document with its line map, kept for later, deeper checks."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        if len(text) > MAX_BYTES:
            raise DocumentError(f"Document larger than {MAX_BYTES} bytes", where=where)
        self.node = _compose(text, where)
        _check_keys(self.node, where)
        try:
            self.data: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - safe loader
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            at = f"{where}:{mark.line + 1}" if mark else where
            raise DocumentError("Not valid YAML", where=at, why=str(error)) from None

    def error(self, what: str, path: tuple[int | str, ...], *, why: str = "", do: str = "") -> DocumentError:
        """Return a DocumentError that points at `path`."""
        line = line_of(self.node, path)
        return DocumentError(what, where=f"{self.where}:{line}: {show_path(path)}", why=why, do=do)

    def validate(self, model: type[D]) -> D:
        """Validate against a pydantic model.

        Raises
        ------
        DocumentError
            First failing rule, with the file, line and path in the document.
        """
        try:
            return model.model_validate(self.data)
        except _PydanticError as error:
            first = error.errors()[0]
            # a union puts its branch names into the location: keep the steps that exist in the file
            path = tuple(first["loc"])
            do = ""
            if first["type"] == "extra_forbidden":
                do = "remove the key, or correct its spelling"
            raise self.error(first["msg"], path, why=f"got {_short(first['input'])}", do=do) from None


def read_text(path: Path) -> str:
    """Read a document file as UTF-8 text.

    Raises
    ------
    DocumentError
        Missing, too large, or not text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(f"Document larger than {MAX_BYTES} bytes", where=str(path))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError("Cannot read the document", where=str(path), why=str(error)) from None


def load(path: Path, model: type[D]) -> tuple[D, Source]:
    """Load and validate one document file."""
    source = Source(read_text(path), str(path))
    return source.validate(model), source
