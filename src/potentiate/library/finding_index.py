"""Every finding at once, fast: parsed documents are kept in the user's cache folder by the hash of their files.

A changed, new or damaged file makes another hash and is read again; what the cache holds is validated like what a
document holds. Without a folder that can be written everything is read each time.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from .document import Source, read_text
from .finding import FINDINGS, Finding, find_finding

#: Raised when the form of the cache file changes.
VERSION = 1


def cache_file() -> Path:
    """Return the file of the cache: ``potentiate/findings.json`` in the user's cache folder (XDG_CACHE_HOME)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "potentiate" / "findings.json"


@functools.cache
def all_findings() -> tuple[Finding, ...]:
    """Return every finding of the library, sorted by id.

    Raises
    ------
    DocumentError
        A document breaks a rule.
    """
    data = read_all(FINDINGS, cache_file())
    found = []
    for name in sorted(data):
        try:
            finding = Finding.model_validate(data[name])
        except ValidationError:
            finding = find_finding(name)  # the same rule broken in the document: an error with file and line
        found.append(finding)
    return tuple(found)


def as_yaml(findings: Sequence[Finding]) -> str:
    """Return findings as YAML documents, one after the other, as the library holds them."""
    bodies = [f.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for f in findings]
    return yaml.safe_dump_all(bodies, sort_keys=False, allow_unicode=True, width=110)


def read_all(folder: Path, cache: Path) -> dict[str, dict[str, Any]]:
    """Return the content of every document below a folder by the stem of its file.

    Parameters
    ----------
    folder : Path
        Documents are ``*/*.yaml`` in it.
    cache : Path
        JSON file; written where it was not complete.
    """
    known = _load(cache)
    found: dict[str, dict[str, Any]] = {}
    used: dict[str, Any] = {}
    for path in sorted(folder.glob("*/*.yaml")):
        content = path.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        data = known.get(key)
        if not isinstance(data, dict):
            data = Source(read_text(path), str(path)).data
        found[path.stem] = used[key] = data
    if used.keys() != known.keys():
        _save(cache, used)
    return found


def _load(cache: Path) -> dict[str, Any]:
    try:
        body = json.loads(cache.read_text(encoding="utf-8"))
        return body["documents"] if body["version"] == VERSION and isinstance(body["documents"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _save(cache: Path, documents: dict[str, Any]) -> None:
    try:
        text = json.dumps({"version": VERSION, "documents": documents})
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache.parent, prefix=".findings-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
            Path(name).replace(cache)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except (OSError, TypeError, ValueError):
        return  # a cache that cannot be kept (read-only folder, a date in a document) costs time, not the answer
