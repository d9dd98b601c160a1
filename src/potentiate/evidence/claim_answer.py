"""A claim answered: what was understood, the records by nearness, independence, funding, reach, verdict and certainty.

It answers what is on record. It is never advice to take or to leave anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..library.claim import Claim, find_claim
from ..library.compound import Compound, find_compound
from ..library.finding_index import all_findings
from ..library.rule import find_rule
from ..library.vocabulary import find_outcome
from .claim_line import GROUPS, Group, Line, asked_population
from .claim_records import records_of
from .claim_verdict import Judged, decided, independent, judge

if TYPE_CHECKING:
    from ..exposure.courses import Exposure
    from .ruler import Ruler


@dataclasses.dataclass(frozen=True)
class Reach:
    """Whether the compound gets to where it acts.

    Attributes
    ----------
    ruler : Ruler
    text : str
        One line.
    routes : tuple of str
        Metabolites with records of their own: another way to an effect.
    """

    ruler: Ruler
    text: str
    routes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ClaimAnswer:
    """What is on record about a claim.

    Attributes
    ----------
    text : str
        The claim as it was asked.
    claim : Claim
        How it was understood.
    document : str or None
        Id of the claim document whose wording it is.
    assumed : tuple of str
    lines : tuple of Line
        Nearest first.
    judged : Judged
    reach : Reach or None
        For claims about an effect of one compound.
    change : tuple of str
        What would change the answer.
    """

    text: str
    claim: Claim
    document: str | None
    assumed: tuple[str, ...]
    lines: tuple[Line, ...]
    judged: Judged
    reach: Reach | None
    change: tuple[str, ...]

    def of(self, *groups: Group) -> list[Line]:
        """Return the lines of some groups."""
        return [x for x in self.lines if x.group in groups]

    def by_group(self) -> dict[Group, list[Line]]:
        """Return the lines by group, nearest first; empty groups are left out."""
        found: dict[Group, list[Line]] = {}
        for group in GROUPS:
            if lines := self.of(group):
                found[group] = lines
        return found

    @property
    def funded(self) -> list[Line]:
        """Return lines whose study was paid for by somebody with an interest in it."""
        return [x for x in self.lines if x.funding]

    def independence(self) -> str:
        """Say how many studies and laboratories stand behind the records."""
        said = decided(self.lines)
        studies = independent(said)
        labs = {x.lab for x in said}
        if not said:
            return "no record with a direction"
        told = (_count(len(said), "record"), _count(len(studies), "study"), _count(len(labs), "laboratory"))
        return f"{told[0]} of {told[1]} from {told[2]}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        claim = self.claim.model_dump(mode="json", exclude_none=True)
        reach = None if self.reach is None else {"text": self.reach.text, "routes": list(self.reach.routes),
                                                 "gap": self.reach.ruler.gap.as_dict("data")}  # fmt: skip
        return {
            "text": self.text, "understood": claim, "document": self.document,
            "records": [dataclasses.asdict(x) for x in self.lines], "verdict": self.judged.verdict,
            "meaning": self.judged.meaning, "certainty": self.judged.certainty,
            "certainty_reasons": list(self.judged.reasons), "independence": self.independence(), "reach": reach,
            "what_would_change_it": list(self.change),
        }  # fmt: skip


def _count(n: int, word: str) -> str:
    plural = {"study": "studies", "laboratory": "laboratories"}.get(word, f"{word}s")
    return f"{n} {word if n == 1 else plural}"


def answer_claim(
    text: str, *, subject: Sequence[str] = (), outcome: str | None = None, population: str | None = None
) -> ClaimAnswer:
    """Answer a claim in plain words.

    Parameters
    ----------
    text : str
        The claim, or the id of a claim document.
    subject, outcome, population : optional
        Settle what the text leaves open; names of the library.

    Returns
    -------
    ClaimAnswer

    Raises
    ------
    UsageError
        Empty, too long, not English, ambiguous, or without an outcome.
    UnknownNameError
        It names no substance of the library; carries the nearest names.

    Examples
    --------
    >>> answer_claim("Aniracetam improves memory in healthy people").judged.verdict
    'not supported'
    """
    from .claim_text import cleaned, understand

    understood = understand(text, subject=subject, outcome=outcome, population=population)
    return answer(understood.claim, cleaned(text), understood.document, understood.assumed)


def answer_document(identifier: str) -> ClaimAnswer:
    """Answer a claim document of the library."""
    claim = find_claim(identifier)
    return answer(claim, claim.text, claim.id, ())


def answer(claim: Claim, text: str, document: str | None, assumed: Sequence[str]) -> ClaimAnswer:
    """Answer a claim that is resolved."""
    lines = records_of(claim)
    judged = judge(claim, lines)
    reach = _reach(claim)
    noted = list(assumed)
    if claim.population is None and claim.kind == "effect":
        noted.append(f"population: {show_population(claim)}, because the claim names none")
    return ClaimAnswer(text, claim, document, tuple(noted), tuple(lines), judged, reach,
                       tuple(_change(claim, lines, judged, reach)))  # fmt: skip


def _reach(claim: Claim) -> Reach | None:
    if claim.kind not in ("effect", "mechanism", "reach") or len(claim.subject) != 1:
        return None
    compound = find_compound(claim.subject[0])
    if compound.kind != "compound" or compound.pharmacology == "none on record":
        return None
    outcome = find_outcome(claim.outcome) if claim.outcome else None
    target = claim.target
    if target is None and claim.kind == "mechanism" and outcome is not None and outcome.targets:
        acted = [a.target for a in compound.actions if a.target in outcome.targets]
        if not acted:
            return None
        target = str(acted[0])
    from .ruler import ruler

    exposure = _exposure(claim, compound)
    found = ruler(compound.id, exposure, target=target, metabolites=False)
    after = f" after {claim.dose} by mouth (simulated)" if exposure is not None else ""
    if found.gap.known:
        low, high = found.gap.value, found.widest.value
        place = f"{low:.1f}" if low == high else f"{low:.1f} to {high:.1f}"
        word = "not by the parent" if low > 1 else "barely" if low > 0 else "yes, at the highest exposure on record"
        need = f"effects at the {found.target} need {place} orders of magnitude more than plasma or brain hold"
        if low <= 0:
            need = f"plasma or brain reach an effective concentration at the {found.target} ({place} log units)"
        text = f"{word}: {need}{after}"
    else:
        text = f"unknown: {found.gap.reason}"
    return Reach(found, text, tuple(_routes(compound)))


def _exposure(claim: Claim, compound: Compound) -> Exposure | None:
    """Return the courses after the dose of the claim; None where it gives none or no model of it is on record."""
    if claim.dose is None or not claim.dose.lower().endswith((" g", "mg", "mg/kg")):
        return None
    from ..exposure.expose import expose
    from ..exposure.regimen import parse_regimen
    from ..library.disposition import find_disposition

    if find_disposition(compound.id, "human") is None:
        return None
    return expose(parse_regimen(f"{claim.dose} po", compound.id))


def _routes(compound: Compound) -> list[str]:
    found = []
    for name in compound.metabolites:
        ids = [f.id for f in all_findings() if f.subject == name and compound.id in f.partners]
        if ids:
            found.append(f"{find_compound(name).name} ({', '.join(ids[:4])})")
    return found


def show_subject(claim: Claim) -> str:
    """Return the names of what a claim is about."""
    if not claim.subject:
        return "no compound: a statement on biology"
    return " with ".join(find_compound(s).name for s in claim.subject)


def show_outcome(claim: Claim) -> str:
    """Return the outcome, or the rule, with the claimed direction or number."""
    if claim.rule is not None:
        return f"rule: {find_rule(claim.rule).statement}"
    assert claim.outcome is not None
    name = find_outcome(claim.outcome).name
    if claim.number is not None:
        low, high = claim.number.low, claim.number.high
        span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        return f"{name} {span} {claim.number.unit}"
    told = {"none": "no change", "not better": "no better"}.get(claim.direction, claim.direction)
    return f"{name}: {told}"


def show_population(claim: Claim) -> str:
    """Return whom the claim means."""
    asked = asked_population(claim)
    return asked.name if asked else "anybody"


def _change(claim: Claim, lines: Sequence[Line], judged: Judged, reach: Reach | None) -> list[str]:
    who = "people" if asked_population(claim) is None else show_population(claim)
    what = find_outcome(claim.outcome).name if claim.outcome else "what the rule says"
    name = show_subject(claim)
    found = []
    unposted = [x for x in lines if x.group == "not posted"]
    if unposted:
        found.append(f"results of what was done and not posted or read: {', '.join(x.id for x in unposted[:4])}")
    if judged.verdict == "unverifiable" and claim.cites is not None:
        found.append(f"a page of the work itself: {claim.cites.text}")
    if claim.kind in ("effect", "combination", "rule") or (claim.kind == "mechanism" and not judged.studies):
        compared = " against each alone" if len(claim.subject) > 1 else ""
        trial = "one randomised, blinded trial" if judged.studies == 0 else "a larger randomised trial, by others,"
        tail = ""
        if reach is not None and (not reach.ruler.gap.known or reach.ruler.gap.value > 0):
            tail = ", with plasma or CSF concentrations" + (" of its metabolites" if reach.routes else "")
        found.append(f"{trial} of {name}{compared} in {who}, with {what} as its planned outcome{tail}")
    elif claim.kind == "mechanism":
        found.append(f"a measurement of {what} with {name} by another laboratory, with concentration and spread")
    elif claim.kind == "exposure":
        found.append(f"plasma samples of more people after {name}, with {what} and its spread")
    elif claim.kind == "harm":
        found.append(f"a controlled study of {name} long and large enough to see {what}")
    elif claim.kind == "reach":
        found.append(f"a concentration of {name} or an active metabolite in brain or CSF of people")
    elif claim.kind == "standing":
        found.append("another entry in the register; standings are dated and age")
    return found
