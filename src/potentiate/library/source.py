"""The four source documents, statement by statement, in our own words: what each says, cites and gets wrong.

What the laboratory makes of a statement is not written here where it can follow: the word comes from the claim or the
rule that the statement names, or from the command that repeats it.
"""

from __future__ import annotations

import datetime
import functools
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load

DIRECTORY = LIBRARY / "sources"

#: Whether a cited work bears out the sentence that cites it. ``not checked``: the work is known, and nobody read it
#: for this.
Bearing = Literal["supports", "does not address", "contradicts", "unresolvable", "not checked"]
StatementKind = Literal["claim", "table", "protocol", "rule", "promise", "stack", "definition", "figure", "disclaimer"]


class Citation(Document):
    """A reference as the source prints it, and what it resolves to."""

    number: str
    printed: Text
    resolves_to: Text | None = None
    #: key of the bibliography, where the work is in it
    work: Key | None = None
    unresolvable: Text | None = None

    @model_validator(mode="after")
    def _resolved(self) -> Citation:
        if (self.resolves_to is None) == (self.unresolvable is None):
            raise ValueError("a reference resolves to a work, or says why it does not")
        return self


class Cited(Document):
    """How a reference bears on the statement that cites it."""

    number: str
    bearing: Bearing
    because: Text


class Statement(Document):
    """One statement of a source."""

    id: Key
    section: Text
    kind: StatementKind
    says: Text
    claim: Key | None = None
    rule: Key | None = None
    stack: Key | None = None
    findings: tuple[Text, ...] = ()
    #: how the findings bear on a statement that no claim, rule, stack or command answers
    holds: Literal["supports", "qualifies", "contradicts"] | None = None
    commands: tuple[Text, ...] = ()
    cites: tuple[Cited, ...] = ()
    fault: Text | None = None
    #: why nothing of the library answers it
    outside: Text | None = None

    @model_validator(mode="after")
    def _answered(self) -> Statement:
        answers = [self.claim, self.rule, self.stack, *self.findings, *self.commands]
        if not any(answers) and self.outside is None and self.fault is None:
            raise ValueError("a statement names what answers it, or says under 'outside' why nothing does")
        alone = bool(self.findings) and not (self.claim or self.rule or self.stack or self.commands)
        if alone != (self.holds is not None):
            raise ValueError("'holds' says how findings bear on a statement that only they answer, and on no other")
        return self


class SourceDocument(Document):
    """A source: who wrote it, what it sells, its statements and references."""

    id: Key
    title: Text
    author: Text
    dated: Text
    sells: Text
    read: datetime.date
    statements: tuple[Statement, ...] = Field(min_length=1)
    references: tuple[Citation, ...] = ()
    faults: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _joined(self) -> SourceDocument:
        ids = [s.id for s in self.statements]
        if len(ids) != len(set(ids)):
            raise ValueError("two statements have the same id")
        numbers = {c.number for c in self.references}
        cited = set()
        for s in self.statements:
            for c in s.cites:
                if c.number not in numbers:
                    raise ValueError(f"statement {s.id} cites {c.number}, which is not in the list of references")
                cited.add(c.number)
        if never := sorted(numbers - cited):
            raise ValueError(f"references that no statement cites: {', '.join(never)}")
        unresolved = {c.number for c in self.references if c.unresolvable is not None}
        for s in self.statements:
            for c in s.cites:
                if (c.bearing == "unresolvable") != (c.number in unresolved):
                    raise ValueError(f"statement {s.id}: reference {c.number} is unresolvable in one place only")
        return self


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(DIRECTORY.glob("*.yaml"))}


def source_ids() -> list[str]:
    """Return the ids of the source documents."""
    return list(_paths())


@functools.cache
def find_source(name: str) -> SourceDocument:
    """Return one source by id or number.

    Raises
    ------
    UnknownNameError
    DocumentError

    Examples
    --------
    >>> find_source("001").id
    'source-001'
    """
    key = f"source-{name.zfill(3)}" if name.isdigit() else name
    if key not in _paths():
        raise UnknownNameError("source", name, _paths(), do=f"use one of {', '.join(_paths())}")
    found, source = load(_paths()[key], SourceDocument)
    if found.id != key:
        raise source.error(f"The id is {found.id!r} but the file is {key}.yaml", ("id",))
    return found
