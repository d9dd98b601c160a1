"""What a board of findings needs beside them: suspected causes of misses, structures to look for, the fast subset."""

from __future__ import annotations

import functools
from typing import Literal

from .document import LIBRARY, Document, load

FOLDER = LIBRARY / "validation"


class CauseDoc(Document):
    """Why the model is suspected to miss a finding; `where` argues it, and `known` says whether it was shown."""

    cause: str
    known: Literal["shown", "suspected"]
    where: str | None = None


class CausesDoc(Document):
    """Suspected causes by finding."""

    causes: dict[str, CauseDoc]


class StructureDoc(Document):
    """A transition that a scheme must have: its role, and the classes of state one of which it leaves."""

    role: Literal["bind", "gate", "desensitize", "block", "convert"]
    leaves: list[Literal["rest", "bound", "open", "desensitized", "blocked"]]
    reason: str


class StructuresDoc(Document):
    """Structures by finding."""

    structures: dict[str, StructureDoc]


class FastDoc(Document):
    """Findings on whole slices that are scored even when only the fast ones are."""

    slices: list[str]
    reason: str


@functools.cache
def causes() -> dict[str, CauseDoc]:
    """Return the suspected causes of misses by finding."""
    return load(FOLDER / "causes.yaml", CausesDoc)[0].causes


@functools.cache
def structures() -> dict[str, StructureDoc]:
    """Return the structures that schemes are asked for, by finding."""
    return load(FOLDER / "structures.yaml", StructuresDoc)[0].structures


@functools.cache
def fast_slices() -> frozenset[str]:
    """Return the findings on whole slices that belong to the fast subset."""
    return frozenset(load(FOLDER / "fast.yaml", FastDoc)[0].slices)
