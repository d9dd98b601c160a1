"""The records that bear on a claim: what each says, and how near it is to what was claimed.

Nothing here knows a claim by name. A record says *for* where its direction on the outcome is the claimed one, *against*
where it is another one (no effect included), and *neither* where it has no direction. A seller's sentence is a claim
and says neither, whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..library.claim import Claim
from ..library.compound import compound_ids, find_compound
from ..library.finding import Finding, NoExperiment
from ..library.finding_index import all_findings
from ..library.vocabulary import OutcomeWord, find_outcome, find_population, starts, vocabulary
from .claim_documents import of_compounds, of_doses, of_registers, of_rule, of_ruler
from .claim_line import GROUPS, Group, Line, asked_population, directions_of, members, number_says, says_of

#: Levels of findings that can speak of a family of outcomes.
LEVELS = {
    "behaviour": ("human", "rodent", "network"),
    "harm": ("human", "rodent"),
    "system": ("human", "rodent", "network", "slice"),
    "receptor": ("receptor", "binding", "synapse", "slice", "network", "rodent"),
    "exposure": ("pk",),
    "combination": ("human", "rodent"),
    "reach": (),
    "standing": (),
}
#: Keys of works that are the sources themselves: what they print is the claim.
_SOURCES = ("source000", "source001", "source002", "source003")
#: A receptor with an exchanged residue tells where a drug binds, not what it does to receptors.
_MUTANT = re.compile(r"\b[A-Z]\d{3}[A-Z]\b")


def records_of(claim: Claim, findings: Iterable[Finding] | None = None) -> list[Line]:
    """Return every record that bears on a claim, nearest first.

    Parameters
    ----------
    claim : Claim
    findings : iterable of Finding, optional
        Default: those of the library.
    """
    if claim.rule is not None:
        return _sorted(of_rule(claim.rule))
    assert claim.outcome is not None
    outcome = find_outcome(claim.outcome)
    found: list[Line] = []
    pool = all_findings() if findings is None else tuple(findings)
    if LEVELS[outcome.family]:
        found += _of_findings(claim, outcome, pool)
        found += of_compounds(claim, outcome)
    if outcome.id == "more-is-better":
        found += of_doses(claim)
    if outcome.family == "standing":
        found += of_registers(claim, outcome)
    if outcome.family == "reach":
        found += of_ruler(claim)
    return _sorted(found)


def _sorted(lines: Iterable[Line]) -> list[Line]:
    once = {(line.id, line.kind): line for line in lines}
    return sorted(once.values(), key=lambda x: (GROUPS.index(x.group), x.kind != "finding", x.id))


def _of_findings(claim: Claim, outcome: OutcomeWord, pool: tuple[Finding, ...]) -> list[Line]:
    meant = members(claim.subject)
    parts = vocabulary().parts_of(outcome.id)
    parts += [p for part in parts for p in vocabulary().parts_of(part.id)]
    wider = find_outcome(outcome.part_of) if outcome.part_of else None
    wider = find_outcome(wider.part_of) if wider is not None and wider.part_of else wider
    levels = LEVELS[outcome.family]
    found = []
    for f in pool:
        if f.level not in levels or not _about(f, claim, meant):
            continue
        text = f.human.outcome if f.human else f.observable
        speaks = next((o for o in (outcome, *parts) if o.reads(text)), None)
        if speaks is None and f.human is not None and starts(outcome.titles, f.human.claim):
            speaks = outcome
        broad = speaks is None and wider is not None and bool(wider.reads(text))
        if speaks is None and not broad:
            # who found nothing at all found nothing of this either
            if not (f.protocol.startswith("search of the curator") and f.observable == "any effect"):
                continue
            speaks = outcome
        read = speaks or wider
        assert read is not None
        found.append(_line(f, claim, read, broad, meant))
    return found


def _about(f: Finding, claim: Claim, meant: dict[str, str]) -> bool:
    if not claim.subject:
        return f.subject not in compound_ids()
    return f.subject in meant or any(p in meant for p in f.partners)


def _line(f: Finding, claim: Claim, outcome: OutcomeWord, broad: bool, meant: dict[str, str]) -> Line:
    human = f.human
    given = {meant.get(c, c) for c in (f.subject, *f.partners)}
    group = _group(f, claim, outcome, broad, given)
    directions = directions_of(f, outcome)
    if claim.number is not None:
        says = number_says(f, claim.number, outcome)
    else:
        says = says_of(directions, claim.direction, outcome)
    if group in ("hypothesis", "not posted", "searched for", "sellers", "pages"):
        says = "neither"
    text = f"{human.outcome}, {human.indication}, {human.dose}: {human.result}" if human else f.statement
    key = f.source.key or f.id
    return Line(
        f.id, "finding", group, says, text, f.design, key, f.same_lab_as or key, f.n, f.funding,
        tuple(human.flaws) if human else (), human.certainty if human else None,
        not isinstance(f.experiment, NoExperiment),
    )  # fmt: skip


def _group(f: Finding, claim: Claim, outcome: OutcomeWord, broad: bool, given: set[str]) -> Group:
    human = f.human
    printed = f.read.at.startswith(("source 000", "source 001", "source 002", "source 003"))
    if printed or f.design == "vendor" or f.source.key in _SOURCES or (human and human.result == "claimed"):
        return "sellers"
    if f.design == "hypothesis" or (f.caveat or "").startswith("hypothesis"):
        return "hypothesis"
    if f.protocol.startswith("search of the curator"):
        return "searched for"
    if (human and human.result in ("not posted", "not read")) or f.effect.kind == "registration":
        return "not posted"
    asked = {find_compound(s).id for s in claim.subject}
    alone = given == asked or (len(asked) == 1 and len(given) == 1 and given <= asked)
    # what was compared with is no part of what was given
    if human and not alone and asked <= given and any(_names(c, human.comparator) for c in given - asked):
        alone = True
    if outcome.family == "combination" and not claim.subject:
        alone = True
    if f.level not in ("human", "pk"):
        if (claim.subject and not alone) or _MUTANT.search(f.preparation):
            return "another substance or receptor"
        if outcome.family == "receptor":
            return "direct"
        return _animals(f)
    if f.level == "pk" and f.design == "animal":
        return "healthy animals"
    if outcome.family == "exposure" and claim.population is not None:
        people = find_population(claim.population)
        if people.people and not starts(people.people, f"{f.preparation} {f.observable} {f.statement}"):
            return "other people"
    if outcome.family == "exposure":
        return "direct" if alone or claim.outcome == "caffeine-half-life" else "a part or a mixture"
    if human is None and f.design not in ("RCT", "human-obs", "meta-analysis"):
        return "pages"
    if claim.subject and not alone:
        return "a part or a mixture"
    if outcome.family == "behaviour" and f.design == "human-obs":
        return "open label"
    if human is not None and _compares_otherwise(human.comparator, claim):
        return "another comparison"
    if human is not None and not _meant_people(claim, human.indication, human.population, human.claim):
        return "other people"
    return "another outcome" if broad else "direct"


def _compares_otherwise(comparator: str, claim: Claim) -> bool:
    """Say whether a study compared with another dose or another drug, where the claim says nothing of the kind."""
    if claim.kind != "effect" or starts(("placebo", "without", "no drug", "conditions", "before", "-"), comparator):
        return False
    if claim.comparator is not None and _names(claim.comparator, comparator):
        return False
    return bool(re.search(r"\bmg\b", comparator))


def _names(compound: str, text: str) -> bool:
    return bool(starts((compound.replace("-", " "), compound), text))


def _animals(f: Finding) -> Group:
    if f.level in ("slice", "synapse", "receptor", "binding") or (f.level == "network" and f.design == "in-vitro"):
        return "cells and slices"
    sick = starts(vocabulary().impaired_animals, f"{f.preparation} {f.observable}")
    return "impaired animals" if sick else "healthy animals"


def _meant_people(claim: Claim, indication: str, people: str, title: str) -> bool:
    asked = asked_population(claim)
    if asked is None:
        return True
    if asked.animals:
        return False
    if asked.people:
        return bool(starts(asked.people, people) and starts(asked.indications, indication))
    return bool(starts(asked.titles, title) or any(indication.casefold().startswith(i) for i in asked.indications))
