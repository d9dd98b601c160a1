"""The parts of a compound document: numbers, actions, solubility, cautions, pharmacokinetics, status."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .compound_terms import ActionKind, Direction, Evidence, Quantity, Target
from .document import Document

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Text = Annotated[str, Field(min_length=2)]


class Parameter(Document):
    """One published number of a compound, or the reason why there is none.

    `value` is a number, or ``[low, high]`` when the page gives a range. `status` says how the value came
    about: read on a page, our arithmetic from read numbers, or assumed.
    """

    quantity: Quantity
    value: float | tuple[float, float] | None = None
    unit: str | None = None
    of: str | None = None
    uncertainty: str | None = None
    conditions: str | None = None
    source: Key | None = None
    secondary: bool = False
    status: Literal["reported", "computed", "assumed"] = "reported"
    reason: Text | None = None
    unknown: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Parameter:
        if (self.value is None) == (self.unknown is None):
            raise ValueError("give either a value or, under 'unknown', the reason why there is none")
        if self.value is not None and not self.unit:
            raise ValueError("a value needs a unit ('1' for a pure number)")
        if isinstance(self.value, tuple) and self.value[0] > self.value[1]:
            raise ValueError("a range is [low, high]")
        if self.value is not None and self.source is None and self.status != "assumed":
            raise ValueError("a value needs a source, or 'status: assumed' with a reason")
        if self.status != "reported" and not self.reason:
            raise ValueError(f"'status: {self.status}' needs a reason")
        return self


class Action(Document):
    """What a compound does at one target."""

    target: Target
    kind: ActionKind
    direction: Direction
    evidence: Evidence
    effect: Text
    sources: tuple[Key, ...] = Field(min_length=1)
    parameters: tuple[Parameter, ...] = ()
    unknown: Text | None = None

    @model_validator(mode="after")
    def _quantified(self) -> Action:
        if not self.parameters and self.unknown is None:
            raise ValueError("an action without parameters says under 'unknown' why it has none")
        return self


class Solubility(Document):
    """Saturation concentration in a solvent."""

    solvent: Text
    value: float | tuple[float, float]
    unit: Literal["uM", "mg/mL"]
    conditions: str | None = None
    source: Key
    secondary: bool = False
    status: Literal["reported", "computed"] = "reported"
    reason: Text | None = None


class Vehicle(Document):
    """How the compound was brought into solution."""

    text: Text
    source: Key
    secondary: bool = False


class Caution(Document):
    """A concentration above which a result must be read with care, and why."""

    subject: Literal["solubility", "exposure", "agonism", "toxicity", "selectivity"]
    above_uM: float = Field(gt=0)
    text: Text
    status: Literal["reported", "computed", "assumed"]
    reason: Text | None = None
    sources: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _based(self) -> Caution:
        if self.status != "reported" and not self.reason:
            raise ValueError(f"a threshold that is {self.status} needs a reason")
        if self.status != "assumed" and not self.sources:
            raise ValueError("a threshold that is not assumed needs a source")
        return self


class Pharmacokinetics(Document):
    """Exposure of one species: parameters, or the reason why there are none."""

    parameters: tuple[Parameter, ...] = ()
    unknown: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Pharmacokinetics:
        if not self.parameters and self.unknown is None:
            raise ValueError("pharmacokinetics without parameters say under 'unknown' why")
        return self


#: What a jurisdiction says of a substance, or a sport. ``not checked``: nobody read the rule; ``inferred`` in the text
#: says that the standing follows from a general clause and not from a line that names the substance.
Standing = Literal[
    "prescription", "controlled prescription", "unapproved drug", "investigational", "supplement or food", "ineligible",
    "banned", "warning", "prohibited in competition", "prohibited at all times", "monitored", "not listed",
    "not checked",
]  # fmt: skip

#: `where` of statements that are no jurisdiction
_SUBJECTS = {
    "evidence": "evidence", "claims": "evidence", "healthy people": "evidence", "tolerance": "evidence",
    "safety": "safety", "development": "development", "approval": "development",
}  # fmt: skip


class Status(Document):
    """Regulatory or evidence status, as read; it ages, so a standing says the day on which it was read."""

    where: Text
    text: Text
    source: Key
    standing: Standing | None = None
    read: datetime.date | None = None

    @model_validator(mode="after")
    def _dated(self) -> Status:
        if (self.standing is None) != (self.read is None):
            raise ValueError("a standing needs the day on which it was read, and that day a standing")
        return self

    @property
    def topic(self) -> str:
        """Which kind of status it is: ``legal``, ``sport``, ``evidence``, ``safety`` or ``development``."""
        return "sport" if self.where == "WADA" else _SUBJECTS.get(self.where, "legal")


class Constituent(Document):
    """A part of a product, mixture or extract; a member of a class."""

    compound: Key
    amount_mg: float | None = Field(default=None, gt=0)
    unknown: Text | None = None
    source: Key


class Substitution(Document):
    """A name under which documents discuss another compound."""

    named_by: tuple[Key, ...] = Field(min_length=1)
    text_is_about: Key
    text: Text
