"""How a compound is used, as far as that is on record: onset, tolerance, upper limits, warnings. Never advice."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .compound_parts import Key, Text
from .document import Document

#: A: combinations or people to avoid, as the source says; B: caution or monitoring; C: for information.
Severity = Literal["A", "B", "C"]


class Onset(Document):
    """When an effect in people was on record: after one dose, or after weeks.

    `speed` ``acute``: an effect of a single dose was shown; ``weeks``: effects were shown or sought after repeated
    doses only; ``not shown``: no effect in people at any time was read; ``unknown``: nobody looked, or no page was
    read.
    """

    speed: Literal["acute", "weeks", "not shown", "unknown"]
    weeks: tuple[float, float] | None = None
    text: Text
    sources: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _based(self) -> Onset:
        if (self.speed == "weeks") != (self.weeks is not None):
            raise ValueError("an onset in weeks gives [first, last] of the weeks of the trials, and no other does")
        if self.weeks is not None and not 0 < self.weeks[0] <= self.weeks[1]:
            raise ValueError("weeks are [first, last], above zero")
        if self.speed in ("acute", "weeks") and not self.sources:
            raise ValueError("an onset that is on record has a source")
        return self


class Tolerance(Document):
    """Whether an effect wanes on repeated use, and what breaks are known to do."""

    of: Text
    word: Literal["shown", "partial", "not shown", "no data"]
    days: tuple[float, float] | None = None
    text: Text
    sources: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _based(self) -> Tolerance:
        if self.word != "no data" and not self.sources:
            raise ValueError("tolerance that was looked for has a source")
        return self


class Limit(Document):
    """An upper limit that an authority set: so much of a substance, at once or a day, for whom.

    `fraction` is the mass of the limited substance in one mg of the compound (elemental magnesium of a salt).
    """

    of: Text
    amount_mg: float = Field(gt=0)
    per: Literal["single", "day"]
    who: Literal["adults", "pregnancy"] = "adults"
    authority: Text
    year: int | None = None
    endpoint: Text | None = None
    fraction: float = Field(default=1.0, gt=0, le=1)
    reason: Text | None = None
    source: Key

    @model_validator(mode="after")
    def _computed(self) -> Limit:
        if self.fraction != 1.0 and self.reason is None:
            raise ValueError("a fraction needs the arithmetic under 'reason'")
        return self


class Hazard(Document):
    """Something that a source warns of and that is no interaction: pregnancy, diseases and medicines are interactions.

    `fold` is set for a label: how much of the stated amount products were found to hold, [lowest, highest].
    """

    about: Literal["condition", "dependence", "label", "safety"]
    severity: Severity
    text: Text
    evidence: Text
    fold: tuple[float, float] | None = None
    sources: tuple[Key, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _labelled(self) -> Hazard:
        if (self.fold is not None) != (self.about == "label"):
            raise ValueError("a fold belongs to a hazard about the label, and the label to a fold")
        return self
