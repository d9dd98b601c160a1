"""The word and the certainty that follow from the records of a claim. Both are rules; nobody writes an answer.

Studies are counted, not records: records of the same data or work are one study, and studies of one laboratory are one
voice. Certainty follows the GRADE approach: it starts from the design and falls by one for each flaw that most of the
direct studies share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from ..library.claim import Claim
from ..library.finding_index import all_findings
from .claim_line import ELSEWHERE, PEOPLE, Line

#: The closed list of answers, strongest first.
Verdict = Literal[
    "supported", "mixed", "contradicted", "not supported", "animals or cells only", "hypothesis only", "not determined",
    "unverifiable", "no evidence",
]  # fmt: skip
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Certainty = Literal["high", "moderate", "low", "very low", "none"]
LADDER: tuple[Certainty, ...] = ("high", "moderate", "low", "very low")
#: Fewer people than this in all direct studies together are called few. Assumed: GRADE asks for the size of one
#: adequate trial; 200 gives 80 % power for a difference of 0.4 standard deviations between two arms.
FEW = 200

_MEANING = {
    "supported": "direct records for it, none against",
    "mixed": "direct records for and against it",
    "contradicted": "direct records against it, none for it",
    "not supported": "no direct record; what is nearest does not make it",
    "animals or cells only": "no record in people; animals or cells point that way",
    "hypothesis only": "somebody proposed it; nobody showed it",
    "not determined": "studies are on record whose outcome is not, or has no direction",
    "unverifiable": "the work that it leans on was searched for and not found, and no direct record exists",
    "no evidence": "nothing on record",
}


@dataclasses.dataclass(frozen=True)
class Judged:
    """A verdict with its certainty.

    Attributes
    ----------
    verdict : str
        One of :data:`VERDICTS`.
    certainty : str
        high, moderate, low, very low, or none where there is nothing to be certain of.
    reasons : tuple of str
        Why the certainty is not higher.
    studies, labs : int
        Direct studies with a direction, and laboratories behind them.
    """

    verdict: Verdict
    certainty: Certainty
    reasons: tuple[str, ...]
    studies: int
    labs: int

    @property
    def meaning(self) -> str:
        """What the word means."""
        return _MEANING[self.verdict]


def decided(lines: Iterable[Line]) -> list[Line]:
    """Return the lines that say something."""
    return [line for line in lines if line.says != "neither"]


def sides(lines: Iterable[Line]) -> set[str]:
    """Return ``for`` and ``against`` as far as any line says so."""
    return {side for line in lines for side in line.says.split(" and ") if side != "neither"}


def verdict_of(claim: Claim, lines: Sequence[Line]) -> Verdict:
    """Return the word that follows from records.

    Direct records decide. Without one, the nearest records can only say that it is not supported, or that animals and
    cells point that way; a hypothesis, a registered trial and a seller's sentence decide nothing.
    """
    said = decided(lines)
    direct = sides(x for x in said if x.group == "direct")
    if direct:
        return "mixed" if len(direct) == 2 else "supported" if direct == {"for"} else "contradicted"
    if claim.cites is not None and claim.cites.search is not None and any(x.id == claim.cites.search for x in lines):
        return "unverifiable"
    if any(x.group in PEOPLE for x in said):
        return "not supported"
    elsewhere = sides(x for x in said if x.group in ELSEWHERE)
    if "for" in elsewhere:
        return "animals or cells only"
    if elsewhere:
        return "not supported"
    groups = {x.group for x in lines}
    if "not posted" in groups or "direct" in groups:
        return "not determined"
    if "hypothesis" in groups:
        return "hypothesis only"
    return "no evidence"


def judge(claim: Claim, lines: Sequence[Line]) -> Judged:
    """Return the verdict of a claim and the certainty of the evidence behind it."""
    verdict = verdict_of(claim, lines)
    direct = [x for x in decided(lines) if x.group == "direct"]
    studies = independent(direct)
    labs = {lab for study in studies for lab in {x.lab for x in study}}
    if not decided(lines):
        return Judged(verdict, "none", ("no record has a direction",), 0, 0)
    if not direct:
        reasons = ("indirect: no record of the claim itself",)
        return Judged(verdict, "very low", reasons, 0, 0)
    if claim.kind in ("standing", "reach"):
        reason = "a register, as read on its day" if claim.kind == "standing" else "indirect: computed from records"
        standing: Certainty = "moderate" if claim.kind == "standing" else "low"
        return Judged(verdict, standing, (reason,), len(studies), len(labs))
    start, why = _start(claim, direct)
    reasons = [why, *_flaws(claim, direct, studies, lines, len(labs))]
    steps = sum(1 for r in reasons[1:])
    at = min(LADDER.index(start) + steps, len(LADDER) - 1)
    graded = [LADDER.index(x.certainty) for x in direct if x.certainty in LADDER]  # type: ignore[arg-type]
    if graded and min(graded) > at:
        # who read the pages saw flaws that no field of a record holds
        at = min(graded)
        reasons.append(f"graded {LADDER[at]} by the curator, who read the pages")
    return Judged(verdict, LADDER[at], tuple(reasons), len(studies), len(labs))


def independent(lines: Sequence[Line]) -> list[list[Line]]:
    """Return lines by study: what shares a work or its data is one study."""
    same = _same_data()
    groups: list[tuple[set[str], list[Line]]] = []
    for line in lines:
        keys = {line.study, line.id, *same.get(line.id, ())}
        joined = [g for g in groups if g[0] & keys]
        rest = [g for g in groups if not g[0] & keys]
        merged = (set(keys).union(*(g[0] for g in joined)), [x for g in joined for x in g[1]] + [line])
        groups = [*rest, merged]
    return [g[1] for g in groups]


def _same_data() -> dict[str, tuple[str, ...]]:
    return {f.id: tuple(f.same_data_as) for f in all_findings() if f.same_data_as}


#: Designs, and standings of actions, in which something was measured; a review or a page measures nothing.
_MEASURED = {"in-vitro", "animal", "human", "human-obs", "structure", "binding", "recombinant", "cells", "slice"}


def _start(claim: Claim, direct: Sequence[Line]) -> tuple[Certainty, str]:
    designs = {x.design for x in direct}
    if designs & {"RCT", "meta-analysis"}:
        return "high", "starts high: randomised trials"
    if claim.kind in ("mechanism", "exposure") and designs & _MEASURED:
        return "moderate", "starts moderate: measured on the thing itself, without randomisation"
    return "low", "starts low: observations, reviews or reports, no randomised trial"


#: Flaws that count once each, with the word that is shown.
_SHOWN = {
    "bias": "risk of bias", "inconsistent": "inconsistent", "indirect": "indirect", "secondary": "read at second hand",
    "exploratory": "not the planned outcome", "interest": "interest of the maker",
}  # fmt: skip


def _flaws(
    claim: Claim, direct: Sequence[Line], studies: Sequence[Sequence[Line]], lines: Sequence[Line], labs: int
) -> list[str]:
    found = []
    for word, shown in _SHOWN.items():
        having = [s for s in studies if any(f.startswith(word) for x in s for f in x.flaws)]
        if word == "interest":
            having += [s for s in studies if s not in having and any(x.funding for x in s)]
        if 2 * len(having) > len(studies):
            found.append(f"{shown}: {len(having)} of {len(studies)} studies")
    if len(sides(direct)) == 2 and not any(x.startswith("inconsistent") for x in found):
        found.append("inconsistent: records for and against")
    sizes = [max((x.n or 0) for x in s) for s in studies]
    flagged = [s for s in studies if any(f.startswith("imprecise") for x in s for f in x.flaws)]
    people = any(x.design in ("RCT", "human-obs") for x in direct)
    in_people = people and claim.kind in ("effect", "harm", "combination")
    few = in_people and sum(sizes) < FEW and "meta-analysis" not in {x.design for x in direct}
    if few or 2 * len(flagged) > len(studies):
        found.append(f"imprecise: {sum(sizes)} people in all" if sum(sizes) else "imprecise: sizes not on the pages")
    unposted = [x for x in lines if x.group == "not posted"]
    told = [s for s in studies if any(f.startswith("publication") for x in s for f in x.flaws)]
    if unposted or told:
        many = "1 study" if len(unposted) == 1 else f"{len(unposted)} studies"
        found.append(f"publication: {many} without a posted or read result" if unposted
                     else "publication: results withheld or by the maker only")  # fmt: skip
    if claim.kind == "mechanism" and labs == 1:
        found.append("one laboratory")
    return found
