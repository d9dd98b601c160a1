"""Interactions as documents: who meets whom, what happens, by how much, and how well that is known.

Grades say what a reviewer of a stack should do with it: A avoid, B caution and watch, C inform. They grade the
consequence, not the certainty; `evidence` grades what it rests on.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load
from .partner import StatedBy

INTERACTIONS = LIBRARY / "interactions"

#: avoid, caution, inform
Grade = Literal["A", "B", "C"]

#: pharmacokinetic: an exposure changes; pharmacodynamic: an effect does; signal: an association without a mechanism
Kind = Literal["pharmacokinetic", "pharmacodynamic", "signal"]

#: strongest first
Evidence = Literal[
    "controlled study in people", "comparison of groups of people", "observational", "label", "regulator", "opinion",
    "cases", "animals", "in vitro", "mechanism only",
]  # fmt: skip

#: which model carries the size. ``ratio``: a factor on a parameter, and nothing about its time course; ``turnover``:
#: the amount of an enzyme approaches a new level; the others are in mechanisms/enzyme_inhibition.py
Model = Literal["ratio", "turnover", "competitive", "mechanism-based", "induction", "none"]

Parameter = Literal["CL", "V", "F", "ka", "tlag"]


class At(Document):
    """The doses with which a size was measured."""

    by_mg: float | None = Field(default=None, gt=0)
    of_mg: float | None = Field(default=None, gt=0)


class PkEffect(Document):
    """What one partner does to one parameter of another: a ratio, or the reason why there is none.

    `elsewhere` is the range used where the doses differ from those of the study by more than `within_fold`, or were
    taken more than `together_h` apart; `by_covariate` names the covariate that applies the ratio instead.
    """

    of: Key
    by: Key
    parameter: Parameter
    ratio: float | None = Field(default=None, gt=0)
    interval: tuple[float, float] | None = None
    interval_is: Text | None = None
    direction: Literal["increase", "decrease", "none", "unknown"]
    unknown: Text | None = None
    at: At = At()
    within_fold: float = Field(default=1.25, ge=1)
    together_h: float | None = Field(default=None, gt=0)
    elsewhere: tuple[float, float] | None = None
    by_covariate: Key | None = None
    by_variant: Key | None = None
    population: Text
    source: Key
    also: tuple[Key, ...] = ()
    status: Literal["reported", "computed", "assumed"] = "reported"
    reason: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> PkEffect:
        if (self.ratio is None) == (self.unknown is None):
            raise ValueError("give a ratio, or under 'unknown' the reason why there is none")
        if self.ratio is not None and (self.interval is None or not self.interval_is):
            raise ValueError("a ratio needs its interval and what the interval is")
        for interval in (self.interval, self.elsewhere):
            if interval is not None and not 0 < interval[0] <= interval[1]:
                raise ValueError("an interval is [low, high], both above zero")
        if self.ratio is not None and self.interval is not None:
            if not self.interval[0] <= self.ratio <= self.interval[1]:
                raise ValueError("the ratio is outside its interval")
            if self.direction != ("increase" if self.ratio > 1 else "decrease" if self.ratio < 1 else "none"):
                raise ValueError("the direction contradicts the ratio")
        if self.status != "reported" and not self.reason:
            raise ValueError(f"'status: {self.status}' needs a reason")
        return self


class InVitro(Document):
    """Constants of one laboratory for one enzyme, in ug/mL of an extract or uM of a compound."""

    enzyme: Text
    Ki: float | None = Field(default=None, gt=0)
    IC50: float | None = Field(default=None, gt=0)
    unit: Literal["ug/mL", "uM"]
    mode: Literal["competitive", "non-competitive", "unknown"] = "unknown"
    source: Key

    @model_validator(mode="after")
    def _one(self) -> InVitro:
        if self.Ki is None and self.IC50 is None:
            raise ValueError("give Ki or IC50")
        return self


class Gut(Document):
    """An estimate of the concentration in the gut, and who made it."""

    concentration: float = Field(gt=0)
    unit: Literal["ug/mL", "uM"]
    dose_mg: float = Field(gt=0)
    source: Key


class InteractionDoc(Document):
    """One interaction; see the module.

    `between` holds two or more sides; each lists compounds of the library or partners, any of which will do.
    `worst` is a second, more severe grade that holds under `worst_when`, or
    where the covariate of `worst_if` is stated.
    """

    id: Key
    title: Text
    between: tuple[tuple[Key, ...], ...] = Field(min_length=2)
    grade: Grade
    worst: Grade | None = None
    worst_when: Text | None = None
    worst_if: StatedBy | None = None
    kind: Kind
    evidence: Evidence
    mechanism: Text
    size: Text
    model: Model
    linear: Text | None = None
    effects: tuple[PkEffect, ...] = ()
    in_vitro: tuple[InVitro, ...] = ()
    gut: Gut | None = None
    contested: Text | None = None
    sources: tuple[Key, ...] = Field(min_length=1)
    remarks: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> InteractionDoc:
        if (self.worst is None) != (self.worst_when is None):
            raise ValueError("a second grade says when it holds")
        if self.worst_if is not None and self.worst is None:
            raise ValueError("'worst_if' goes with a second grade")
        if self.worst is not None and self.worst >= self.grade:
            raise ValueError("the second grade is the more severe one")
        if (self.model == "none") == bool(self.effects or self.in_vitro):
            raise ValueError("a model has effects or constants; 'model: none' has neither")
        if self.kind != "pharmacokinetic" and self.effects:
            raise ValueError("only a pharmacokinetic interaction changes parameters")
        if (self.model != "none") != (self.linear is not None):
            raise ValueError("a model says whether the system stays linear, and only a model does")
        members = {member for side in self.between for member in side}
        for effect in self.effects:
            if effect.of not in members or effect.by not in members:
                raise ValueError(f"{effect.by} on {effect.of}: not both among 'between'")
        return self

    def keys(self) -> set[str]:
        """Return the keys of the works that this document cites."""
        found = set(self.sources) | {v.source for v in self.in_vitro}
        found |= {key for effect in self.effects for key in (effect.source, *effect.also)}
        return found | ({self.gut.source} if self.gut is not None else set())


def interaction_ids() -> list[str]:
    """Return the ids of all interactions, sorted."""
    return sorted(path.stem for path in INTERACTIONS.glob("*.yaml"))


@functools.cache
def read_interaction(path: Path) -> InteractionDoc:
    """Read and check one document.

    Raises
    ------
    DocumentError
    """
    found, source = load(path, InteractionDoc)
    if found.id != path.stem:
        raise source.error(f"The id is {found.id!r} but the file is {path.name}", ("id",))
    return found


def find_interaction(identifier: str) -> InteractionDoc:
    """Return an interaction by id.

    Raises
    ------
    UnknownNameError
    """
    if identifier not in interaction_ids():
        raise UnknownNameError("interaction", identifier, interaction_ids())
    return read_interaction(INTERACTIONS / f"{identifier}.yaml")


@functools.cache
def all_interactions() -> tuple[InteractionDoc, ...]:
    """Return every interaction, sorted by id."""
    return tuple(find_interaction(identifier) for identifier in interaction_ids())
