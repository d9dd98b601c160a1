"""Findings in people as records: what each says for or against a compound, and how much of it there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..library.compound import Compound
from ..library.finding import Finding, findings_about
from ..library.human_evidence import HumanEvidenceDoc
from ..library.record import Record, Word, word_of
from ..library.stack import GOAL_WORDS, Goal

#: A mixed result speaks both ways.
_SAYS = {"benefit": ("for",), "no benefit": ("against",), "worse": ("against",), "mixed": ("for", "against")}
_CERTAINTY = ("high", "moderate", "low", "very low", "none")
#: Results of a trial that leave a gap: it was done, and what came of it is not on record.
GAPS = ("not posted", "not read")


@dataclasses.dataclass(frozen=True)
class HumanRecord:
    """A finding in people.

    Attributes
    ----------
    finding : Finding
    human : HumanEvidenceDoc
        Its row of an evidence table.
    """

    finding: Finding
    human: HumanEvidenceDoc

    @property
    def compounds(self) -> frozenset[str]:
        """Ids of what was given."""
        return frozenset({self.finding.subject, *self.finding.partners})

    def show(self) -> str:
        """Return one line: outcome, who, dose and result."""
        n = f", n={self.finding.n}" if self.finding.n else ""
        certainty = f", certainty {self.human.certainty}" if self.human.certainty else ""
        return f"{self.human.outcome} ({self.human.indication}{n}, {self.human.dose}): {self.human.result}{certainty}"


def human_records(compounds: Iterable[str]) -> list[HumanRecord]:
    """Return every finding in people about any of the compounds, each once, sorted by id."""
    found: dict[str, HumanRecord] = {}
    for compound in compounds:
        for finding in findings_about(compound):
            if finding.level == "human" and finding.human is not None:
                found[finding.id] = HumanRecord(finding, finding.human)
    return [found[key] for key in sorted(found)]


def towards(goal: Goal, records: Iterable[HumanRecord]) -> list[HumanRecord]:
    """Return the records whose claim or outcome is one of a goal, by its words; adverse effects are left out."""
    words = GOAL_WORDS[goal]
    return [
        r
        for r in records
        if not r.human.adverse and any(w in f"{r.human.claim} {r.human.outcome}".casefold() for w in words)
    ]


@dataclasses.dataclass(frozen=True)
class GoalEvidence:
    """What findings in people say of a compound, or of a whole stack, towards a goal.

    Attributes
    ----------
    about : str
        Id of the compound, or ``all parts together``.
    word : str
        Follows from the records: see :func:`potentiate.library.record.word_of`.
    records : tuple of HumanRecord
    """

    about: str
    word: Word
    records: tuple[HumanRecord, ...]

    def counts(self) -> dict[str, int]:
        """Return how many records end in each result."""
        counted: dict[str, int] = {}
        for record in self.records:
            counted[record.human.result] = counted.get(record.human.result, 0) + 1
        return dict(sorted(counted.items()))

    @property
    def certainty(self) -> str | None:
        """The best certainty that a curator gave a body of evidence here; None where nobody graded it."""
        graded = [c for c in (r.human.certainty for r in self.records) if c is not None]
        return min(graded, key=_CERTAINTY.index) if graded else None

    def show(self) -> str:
        """Return the counts in words."""
        return ", ".join(f"{n} {result}" for result, n in self.counts().items()) or "no finding in people on record"


TOGETHER = "all parts together"


def goal_evidence(goal: Goal, compounds: Sequence[Compound]) -> list[GoalEvidence]:
    """Return the evidence of every part alone towards a goal, then that of all parts together.

    Only healthy people are direct evidence: a stack is sold to them. Findings in which a part was given with others do
    not count for the part alone, those with fewer or more than all parts not for the stack.
    """
    ids = [c.id for c in compounds]
    records = towards(goal, human_records(ids))
    found = []
    for identifier in ids:
        mine = [r for r in records if r.compounds == {identifier}]
        found.append(GoalEvidence(identifier, word_of(as_records(mine)), tuple(mine)))
    whole = [r for r in records if r.compounds == set(ids)]
    found.append(GoalEvidence(TOGETHER, word_of(as_records(whole)), tuple(whole)))
    return found


def as_records(records: Iterable[HumanRecord], *, direct: bool | None = None) -> list[Record]:
    """Return findings as records: direct in healthy people, indirect in patients.

    Parameters
    ----------
    records : iterable of HumanRecord
    direct : bool, optional
        Say for all of them whether they are direct.
    """
    return [
        Record.model_validate({
            "says": says, "species": "human", "design": r.finding.design, "text": r.show(),
            "direct": r.human.indication.startswith("healthy") if direct is None else direct, "finding": r.finding.id,
        })
        for r in records
        for says in _SAYS.get(r.human.result, ("neither",))
    ]  # fmt: skip
