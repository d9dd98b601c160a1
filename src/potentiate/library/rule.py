"""Rules that people hold about stacks: when one applies, what its source says, and what is known.

A trigger is a closed set of predicates over the parts of a stack and the person; nothing is evaluated as code.
"""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load
from .record import Record, Word, word_of
from .system import System

DIRECTORY = LIBRARY / "rules"


class ActsOn(Document):
    """At least so many parts act on a system, each at least by the claim of a source.

    `raises` asks for parts that raise it (of which any record or claim says so); `as_precursor` for precursors.
    """

    system: System
    at_least: int = Field(default=1, ge=1)
    raises: bool = True
    as_precursor: bool = False


class When(Document):
    """One predicate; exactly one of the fields is given."""

    all: tuple[When, ...] | None = None
    any: tuple[When, ...] | None = None
    none: tuple[When, ...] | None = None
    #: a part is a member of this class, or the class itself
    member_of: Key | None = None
    #: at least so many of these compounds are parts
    among: tuple[Key, ...] | None = None
    at_least: int = Field(default=1, ge=1)
    extract: bool | None = None
    more_parts_than: int | None = Field(default=None, ge=1)
    acts_on: ActsOn | None = None
    #: the review was asked for a person with one of these covariates
    asked_for: tuple[Text, ...] | None = None
    #: two parts push one system the same way
    duplicates: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> When:
        given = [n for n in type(self).model_fields if n != "at_least" and getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a predicate is exactly one of {', '.join(n for n in type(self).model_fields if n != 'at_least')}"
            )
        if self.at_least != 1 and self.among is None:
            raise ValueError("'at_least' counts the compounds of 'among'")
        return self


class Rule(Document):
    """What a source says about a kind of stack, and what is known about it."""

    id: Key
    title: Text
    source: Key
    says: Text = Field(description="the source, shortened to 15 words or fewer")
    when: When
    #: what the source demands of a stack to which the rule applies
    asks: When | None = None
    #: the statement that the records are about, in our words
    statement: Text
    records: tuple[Record, ...] = ()
    searched: Text | None = None
    assumed: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Rule:
        if len(self.says.split()) > 15:
            raise ValueError("a quote has at most 15 words")
        if not self.records and self.searched is None:
            raise ValueError("a rule without records says under 'searched' what was looked for")
        return self

    @property
    def word(self) -> Word:
        """What the records say of the statement."""
        return word_of(self.records)


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(DIRECTORY.glob("*.yaml"))}


def rule_ids() -> list[str]:
    """Return the ids of all rules, sorted."""
    return list(_paths())


@functools.cache
def find_rule(name: str) -> Rule:
    """Return one rule.

    Raises
    ------
    UnknownNameError
        No such rule; carries the nearest ones.
    DocumentError
        Its document breaks a rule.
    """
    if name not in _paths():
        raise UnknownNameError("rule", name, _paths())
    rule, source = load(_paths()[name], Rule)
    if rule.id != name:
        raise source.error(f"The id is {rule.id!r} but the file is {name}.yaml", ("id",))
    return rule


def all_rules() -> list[Rule]:
    """Return every rule, sorted by id."""
    return [find_rule(name) for name in rule_ids()]
