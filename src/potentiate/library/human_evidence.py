"""What a study in people tried, in whom, against what and how it ended: the fields of an evidence table's row."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .document import Document

#: How a study ended for the outcome of the record. ``not posted``: a registered trial without posted results;
#: ``not read``: a result exists or may exist, but not on the page read; ``claimed``: a seller's sentence.
Result = Literal[
    "benefit", "no benefit", "mixed", "worse", "harm", "no harm seen", "not posted", "not read", "claimed", "described"
]

#: Results that say that something was found, for or against.
FOUND = ("benefit", "no benefit", "mixed", "worse", "harm", "no harm seen")

#: What a flaw lowers, as in the GRADE approach; a flaw's text starts with one of these words.
FLAWS = (
    "bias",  # open label, completers only, post hoc, not randomised
    "imprecise",  # few people, wide interval
    "inconsistent",  # studies that disagree
    "indirect",  # other people, other outcome, other drug, placebo where a combination was asked
    "publication",  # unposted, withheld, maker only
    "interest",  # paid or written by the maker
    "secondary",  # read in a news page, review or mirror
    "exploratory",  # not the outcome that the trial was planned for
)


class HumanEvidenceDoc(Document):
    """One outcome of one study (or of a body of studies) in people.

    `claim` joins the records that answer one question ("caffeine: vigilance when sleepy"). `indication` is the disease,
    or "healthy". `certainty` is that of the body of evidence on the claim, as the curator graded it, and null where
    nobody did; `flaws` are what lowered it.
    """

    claim: str
    population: str
    indication: str
    outcome: str
    result: Result
    #: adverse effects and safety measures, as opposed to what the drug was taken for
    adverse: bool = False
    dose: str
    duration: str | None = None
    comparator: str
    #: whether it was the outcome the trial was planned for; null: not on the page
    primary: bool | None = None
    registration: str | None = Field(default=None, description="trial register number")
    certainty: Literal["high", "moderate", "low", "very low", "none"] | None = None
    flaws: list[str] = []

    @model_validator(mode="after")
    def _complete(self) -> HumanEvidenceDoc:
        for flaw in self.flaws:
            if flaw.split(":")[0] not in FLAWS:
                raise ValueError(f"a flaw starts with one of {', '.join(FLAWS)} and a colon, not {flaw!r}")
        if self.result == "harm" and not self.adverse:
            raise ValueError("harm is an adverse outcome (adverse: true)")
        if self.adverse and self.result in ("benefit", "no benefit"):
            raise ValueError("an adverse outcome ends in harm or in no harm seen")
        return self

    @property
    def found(self) -> bool:
        """Return whether the record holds a result at all."""
        return self.result in FOUND
