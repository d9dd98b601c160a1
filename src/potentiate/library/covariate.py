"""Covariates as documents: what is known of a person, and which parameter of which compound it changes.

An effect is a ratio to the reference person of the compound's disposition, with its interval, the people studied and
its source; an effect of unknown size says so. A compound that a covariate does not name is answered ``no evidence``:
its parameters stay as they are, and the run says that nobody looked, or that nothing was read.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load

PEOPLE = LIBRARY / "people"

Word = Annotated[str, Field(min_length=1)]

#: what a ratio multiplies. ``CL`` is all elimination of the compound, ``F`` and ``ka`` hold for every way in;
#: ``per-kg`` stands for every number that its source gives per kg of body weight
Scaled = Literal["CL", "V", "F", "ka", "tlag", "per-kg"]


class Decay(Document):
    """A ratio that returns to one after the cause has gone: ``1 + (start - 1) exp(-ln2 t / half_life)``."""

    start: float = Field(gt=0)
    half_life_h: float = Field(gt=0)
    half_life_interval_h: tuple[float, float]

    def at(self, hours: float) -> float:
        """Return the ratio some hours after the cause has gone."""
        return 1.0 + (self.start - 1.0) * math.exp(-math.log(2.0) * hours / self.half_life_h)


class CovariateEffect(Document):
    """What one level (or one range of values) of a covariate does to one parameter of one compound."""

    compound: Key
    parameter: Scaled
    level: Text | None = None
    only: Text | None = None  # of a text: what it begins with (a gene)
    at_least: float | None = None
    below: float | None = None
    ratio: float | None = Field(default=None, gt=0)
    interval: tuple[float, float] | None = None
    interval_is: Text | None = None
    decay: Decay | None = None
    direction: Literal["increase", "decrease", "none", "unknown"] | None = None
    yields_to: Key | None = None  # not applied where this covariate is stated too
    not_in: tuple[Key, ...] = ()  # variants of the disposition that were measured in such people already
    blocks: bool = False  # the exposure of the compound cannot be given
    population: Text
    source: Key | None = None
    also: tuple[Key, ...] = ()
    status: Literal["reported", "computed", "assumed"] = "reported"
    reason: Text | None = None
    unknown: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> CovariateEffect:
        if sum(value is not None for value in (self.ratio, self.decay, self.unknown)) != 1:
            raise ValueError("give a ratio, a decay, or under 'unknown' the reason why there is no size")
        if self.unknown is not None and self.direction is None:
            raise ValueError("an effect of unknown size has a direction (or 'direction: unknown')")
        if self.blocks and self.unknown is None:
            raise ValueError("only an effect of unknown size blocks the exposure")
        if self.source is None and self.status != "assumed":
            raise ValueError("an effect needs a source, or 'status: assumed' with a reason")
        if self.status != "reported" and not self.reason:
            raise ValueError(f"'status: {self.status}' needs a reason")
        if (self.ratio is not None or self.decay is not None) and (self.interval is None or not self.interval_is):
            raise ValueError("a ratio needs its interval and what the interval is")
        if self.interval is not None and not 0 < self.interval[0] <= self.interval[1]:
            raise ValueError("an interval is [low, high], both above zero")
        if self.ratio is not None and self.interval is not None:
            if not self.interval[0] <= self.ratio <= self.interval[1]:
                raise ValueError("the ratio is outside its interval")
        return self


class VariantChoice(Document):
    """Which set of numbers of a disposition was measured in such people (instead of a ratio to another set)."""

    compound: Key
    variant: Key
    level: Text | None = None
    at_least: float | None = None
    below: float | None = None
    reason: Text


class Level(Document):
    """One state of a person, and the words that name it."""

    name: Text
    words: tuple[Word, ...] = ()
    text: Text | None = None


class Exclusion(Document):
    """Another covariate that contradicts a level of this one."""

    level: Text
    covariate: Key
    other: Text
    why: Text


class Modifies(Document):
    """An effect, not an exposure, that the covariate changes: shown as evidence."""

    compound: Key
    only: Text | None = None  # of a text: what it begins with (a gene)
    text: Text
    population: Text
    source: Key


class CovariateDoc(Document):
    """One covariate: how it is said, where it is valid, what it changes, and what it does not.

    `kind`: a state of the person with levels; a number with a unit and a range of validity; or text (a genotype).
    `role`: a covariate of exposure, or a modifier of effects only.
    """

    id: Key
    name: Text
    keys: tuple[Text, ...] = Field(min_length=1)
    kind: Literal["state", "number", "text"]
    role: Literal["exposure", "effect modifier"] = "exposure"
    unit: Word | None = None
    other_units: dict[str, float] = {}
    valid: tuple[float, float] | None = None
    valid_because: Text | None = None
    pattern: Text | None = None
    levels: tuple[Level, ...] = ()
    reference: Text
    effects: tuple[CovariateEffect, ...] = ()
    variants: tuple[VariantChoice, ...] = ()
    modifies: tuple[Modifies, ...] = ()
    excludes: tuple[Exclusion, ...] = ()
    no_evidence: Text
    remarks: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> CovariateDoc:
        names = [level.name for level in self.levels]
        if (self.kind == "state") != bool(names):
            raise ValueError("a state, and only it, has levels")
        if (self.kind == "number") != (self.unit is not None and self.valid is not None and bool(self.valid_because)):
            raise ValueError("a number, and only it, has a unit, a valid range and the reason of the range")
        if (self.kind == "text") != (self.pattern is not None):
            raise ValueError("a text, and only it, has a pattern")
        if len(set(names)) != len(names):
            raise ValueError("two levels of one name")
        for effect in (*self.effects, *self.variants):
            if effect.level is not None and effect.level not in names:
                raise ValueError(f"an effect of {effect.level!r}, which is not a level")
            if effect.level is None and self.kind == "state":
                raise ValueError("an effect of a state names its level")
        for effect in self.effects:
            if effect.decay is not None and self.unit != "h":
                raise ValueError("a decay belongs to a number of hours")
        for other in self.excludes:
            if other.level not in names:
                raise ValueError(f"{other.level!r} excludes something, but is not a level")
        if self.role == "effect modifier" and self.effects:
            raise ValueError("an effect modifier has no effect on exposure")
        if self.role == "effect modifier" and not self.modifies:
            raise ValueError("an effect modifier says what it modifies")
        return self

    def sources(self) -> set[str]:
        """Return the keys of the works that this document cites."""
        keys = {key for effect in self.effects for key in (effect.source, *effect.also) if key}
        return keys | {entry.source for entry in self.modifies}

    def level(self, name: str) -> Level:
        """Return a level by its name.

        Raises
        ------
        UnknownNameError
        """
        for level in self.levels:
            if level.name == name:
                return level
        raise UnknownNameError(f"level of {self.id}", name, [level.name for level in self.levels])


def covariate_ids() -> list[str]:
    """Return the ids of all covariates, sorted."""
    return sorted(path.stem for path in PEOPLE.glob("*.yaml"))


@functools.cache
def read_covariate(path: Path) -> CovariateDoc:
    """Read and check one document.

    Raises
    ------
    DocumentError
    """
    found, source = load(path, CovariateDoc)
    if found.id != path.stem:
        raise source.error(f"The id is {found.id!r} but the file is {path.name}", ("id",))
    return found


def find_covariate(identifier: str) -> CovariateDoc:
    """Return a covariate by id.

    Raises
    ------
    UnknownNameError
        Carries the nearest names.
    """
    if identifier not in covariate_ids():
        raise UnknownNameError("covariate", identifier, covariate_ids())
    return read_covariate(PEOPLE / f"{identifier}.yaml")


@functools.cache
def all_covariates() -> tuple[CovariateDoc, ...]:
    """Return every covariate, sorted by id."""
    return tuple(find_covariate(identifier) for identifier in covariate_ids())
