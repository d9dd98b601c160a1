"""Claims as documents: what a sentence says, resolved into the words of the library; never whether it is true.

A document names subject, outcome, direction, people and kind. It holds no verdict and no records: both follow from
the findings, compounds, rules and registers of the library when the claim is asked (`evidence.claim_answer`).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load
from .vocabulary import Claimed, find_outcome, find_population

DIRECTORY = LIBRARY / "claims"

Kind = Literal["effect", "harm", "mechanism", "exposure", "combination", "reach", "standing", "rule"]

#: Kinds of claims by the family of their outcome.
KIND_OF: dict[str, Kind] = {
    "behaviour": "effect", "harm": "harm", "system": "mechanism", "receptor": "mechanism", "exposure": "exposure",
    "combination": "combination", "reach": "reach", "standing": "standing",
}  # fmt: skip


class Number(Document):
    """The claim is that the outcome lies between two numbers."""

    low: float
    high: float
    unit: str

    @model_validator(mode="after")
    def _ordered(self) -> Number:
        if self.low > self.high:
            raise ValueError("a number is claimed as low <= high")
        return self


class CitedWork(Document):
    """A work that the claim leans on: its key in the bibliography, or the finding that reports the search for it."""

    text: Text
    work: Key | None = None
    search: Key | None = None

    @model_validator(mode="after")
    def _resolved(self) -> CitedWork:
        if (self.work is None) == (self.search is None):
            raise ValueError("a cited work has a key, or the finding that says that it was searched for")
        return self


class Said(Document):
    """Where the claim is made. ``vendors``: in shops and on their pages; `number` is that of the curator's list."""

    by: Literal["source-000", "source-001", "source-002", "source-003", "vendors"]
    number: Annotated[int, Field(ge=1)] | None = None


class Claim(Document):
    """A sentence, resolved.

    `text` is the claim in our words. A claim without subject is about biology. `subject` of several compounds means
    all of them together; a class stands for its members. `rule` names the rule of the library that the claim states.
    """

    id: Key
    text: Text
    also: tuple[Text, ...] = ()
    said: tuple[Said, ...] = ()
    kind: Kind
    subject: tuple[Key, ...] = ()
    outcome: Key | None = None
    direction: Claimed = "increase"
    population: Key | None = None
    dose: Text | None = None
    target: Text | None = None
    comparator: Key | None = None
    #: jurisdiction, for a claim about a standing
    where: Text | None = None
    number: Number | None = None
    rule: Key | None = None
    cites: CitedWork | None = None

    @model_validator(mode="after")
    def _resolved(self) -> Claim:
        if (self.kind == "rule") != (self.rule is not None):
            raise ValueError("a claim of kind rule, and no other, names a rule")
        if (self.kind == "rule") == (self.outcome is not None):
            raise ValueError("a claim names an outcome, or a rule")
        if self.outcome is not None:
            family = find_outcome(self.outcome).family
            if self.direction == "not better" and family != "behaviour":
                raise ValueError("only an effect on people can be 'not better'")
            if KIND_OF[family] != self.kind:
                raise ValueError(f"an outcome of the family {family} belongs to a claim of kind {KIND_OF[family]}")
        if self.population is not None:
            find_population(self.population)
        return self


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(DIRECTORY.glob("*.yaml"))}


def claim_ids() -> list[str]:
    """Return the ids of all claims, sorted."""
    return list(_paths())


@functools.cache
def find_claim(name: str) -> Claim:
    """Return one claim.

    Raises
    ------
    UnknownNameError
        No such claim; carries the nearest ones.
    DocumentError
        Its document breaks a rule.
    """
    if name not in _paths():
        raise UnknownNameError("claim", name, _paths(), do="list them with: potentiate claim --list")
    claim, source = load(_paths()[name], Claim)
    if claim.id != name:
        raise source.error(f"The id is {claim.id!r} but the file is {name}.yaml", ("id",))
    return claim


def all_claims() -> list[Claim]:
    """Return every claim, sorted by id."""
    return [find_claim(name) for name in claim_ids()]
