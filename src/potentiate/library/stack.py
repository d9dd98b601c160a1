"""Stacks as documents: parts with the doses that a source gives, and what the source promises of them."""

from __future__ import annotations

import functools
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound import normalise
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load
from .record import Record
from .system import System

DIRECTORY = LIBRARY / "stacks"

Route = Literal["po", "buccal", "sublingual", "gum", "pouch"]


class Goal(StrEnum):
    """What people take a stack for."""

    FOCUS = "focus"
    MEMORY = "memory"
    MOOD = "mood and stress"
    REPAIR = "longevity and repair"
    ENDURANCE = "sustained performance"


#: Words in the outcome, or claim, of a human finding that put it under a goal. Assumed: a reading of plain words.
GOAL_WORDS: dict[Goal, tuple[str, ...]] = {
    Goal.FOCUS: ("attention", "vigilance", "alert", "switch", "reaction", "focus", "concentration", "wake", "tracking"),
    Goal.MEMORY: ("memory", "recall", "learning", "recognition", "encoding", "cogniti", "mmse", "adas"),
    Goal.MOOD: ("mood", "anxiety", "stress", "depress", "madrs", "fatigue", "calm", "cortisol", "panic"),
    Goal.REPAIR: ("dementia", "ageing", "aging", "decline", "neurogenesis", "bdnf", "ngf", "regenerat", "stroke"),
    Goal.ENDURANCE: ("fatigue", "sleep depriv", "night", "endurance", "sustained", "vigilance"),
}


class Part(Document):
    """One part of a stack: a compound with its dose, or the reason why there is none."""

    compound: Key
    dose_mg: float | None = Field(default=None, gt=0)
    route: Route = "po"
    #: clock time of the dose; null where the source gives none
    time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    unknown: Text | None = None
    source: Key

    @model_validator(mode="after")
    def _dosed(self) -> Part:
        if (self.dose_mg is None) == (self.unknown is None):
            raise ValueError("give a dose or, under 'unknown', the reason why there is none")
        return self


class OnsetPromise(Document):
    """The effect is said to start within so many minutes."""

    kind: Literal["onset"]
    text: Text
    minutes: tuple[float, float]


class WindowPromise(Document):
    """The effect is said to last so many hours."""

    kind: Literal["window"]
    text: Text
    hours: tuple[float, float]


class SystemPromise(Document):
    """The stack is said to push a system."""

    kind: Literal["system"]
    text: Text
    system: System
    direction: Literal["increase", "decrease", "balance"]


class RecordPromise(Document):
    """A promise that only records can answer."""

    kind: Literal["record"]
    text: Text
    statement: Text
    records: tuple[Record, ...] = ()
    searched: Text | None = None
    #: a model that says something to it: shown beside the records, and part of none of them
    simulate: Literal["tolerance"] | None = None

    @model_validator(mode="after")
    def _searched(self) -> RecordPromise:
        if not self.records and self.searched is None:
            raise ValueError("a promise without records says under 'searched' what was looked for")
        return self


Promise = Annotated[OnsetPromise | WindowPromise | SystemPromise | RecordPromise, Field(discriminator="kind")]


class Stack(Document):
    """A combination that a source names."""

    id: Key
    name: Text
    synonyms: tuple[str, ...] = ()
    source: Key
    goal: Goal
    #: the product of the library that this stack is, where there is one
    product: Key | None = None
    parts: tuple[Part, ...] = Field(min_length=2)
    promises: tuple[Promise, ...] = Field(min_length=1)
    remarks: tuple[Text, ...] = ()


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(DIRECTORY.glob("*.yaml"))}


def stack_ids() -> list[str]:
    """Return the ids of all stacks, sorted."""
    return list(_paths())


@functools.cache
def load_stack(identifier: str) -> Stack:
    """Return the stack with this id.

    Raises
    ------
    DocumentError
    """
    stack, source = load(_paths()[identifier], Stack)
    if stack.id != identifier:
        raise source.error(f"The id is {stack.id!r} but the file is {identifier}.yaml", ("id",))
    return stack


def all_stacks() -> list[Stack]:
    """Return every stack, sorted by id."""
    return [load_stack(identifier) for identifier in stack_ids()]


def find_stack(name: str) -> Stack:
    """Return the stack with this id, name, synonym or product.

    Raises
    ------
    UnknownNameError
        No such name; carries the nearest ones.

    Examples
    --------
    >>> find_stack("Roon").product
    'roon'
    """
    shown: list[str] = []
    for stack in all_stacks():
        names = [n for n in (stack.id, stack.name, *stack.synonyms, stack.product) if n]
        if normalise(name) in {normalise(n) for n in names}:
            return stack
        shown += names
    raise UnknownNameError("stack", name, shown, do="list them with: potentiate stack --list")
