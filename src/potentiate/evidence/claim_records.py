"""The records that bear on a claim: what each says, how near it is to what was claimed, and who stands behind it.

Nothing here knows a claim by name. A record says *for* where its direction on the outcome is the claimed one, *against*
where it is another one (no effect included), and *neither* where it has no direction. A seller's sentence is a claim
and says neither, whatever it says.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

from ..library.claim import Claim, Number
from ..library.compound import Compound, find_compound
from ..library.compound_parts import Action
from ..library.finding import Finding, NoExperiment
from ..library.finding_index import all_findings
from ..library.interaction import all_interactions
from ..library.record import Record
from ..library.rule import find_rule
from ..library.vocabulary import (
    Claimed,
    Direction,
    OutcomeWord,
    PopulationWord,
    find_outcome,
    find_population,
    starts,
    vocabulary,
)

if TYPE_CHECKING:
    from .ruler import Ruler

#: How near a record is to the claim, nearest first.
Group = Literal[
    "direct", "another comparison", "a part or a mixture", "other people", "another outcome", "open label",
    "healthy animals", "impaired animals", "cells and slices", "another substance or receptor", "hypothesis",
    "not posted", "searched for", "pages", "sellers",
]  # fmt: skip
GROUPS: tuple[Group, ...] = get_args(Group)
PEOPLE: tuple[Group, ...] = (
    "another comparison", "a part or a mixture", "other people", "another outcome", "open label"
)  # fmt: skip
ELSEWHERE: tuple[Group, ...] = ("healthy animals", "impaired animals", "cells and slices")
PEOPLE_OR_ANIMALS: tuple[Group, ...] = ("direct", "healthy animals")
Says = Literal["for", "against", "for and against", "neither"]

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
_EVIDENCE: dict[str, Group] = {
    "human": "direct", "animal": "healthy animals", "slice": "cells and slices", "cells": "cells and slices",
    "recombinant": "cells and slices", "binding": "cells and slices", "structure": "cells and slices",
    "secondary": "pages", "textbook": "pages", "claim": "sellers",
}  # fmt: skip
_MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0}
#: A receptor with an exchanged residue tells where a drug binds, not what it does to receptors.
_MUTANT = re.compile(r"\b[A-Z]\d{3}[A-Z]\b")
#: A number that is claimed may be missed by this factor. Assumed.
NEAR = 1.25


@dataclasses.dataclass(frozen=True)
class Line:
    """One record as it bears on a claim.

    Attributes
    ----------
    id : str
        Of the finding, or what else the record is.
    kind : str
        ``finding``, ``compound``, ``rule``, ``ruler`` or ``register``.
    group : str
        How near it is to the claim.
    says : str
    text : str
    design : str
    study : str
        What it shares with other lines of the same study; lines of one study count once.
    lab : str
    n : int or None
    funding : str or None
    flaws : tuple of str
    certainty : str or None
        Of the body of evidence, as the curator graded it.
    simulated : bool
        Whether the laboratory has an experiment for it.
    """

    id: str
    kind: Literal["finding", "compound", "rule", "ruler", "register"]
    group: Group
    says: Says
    text: str
    design: str
    study: str
    lab: str
    n: int | None = None
    funding: str | None = None
    flaws: tuple[str, ...] = ()
    certainty: str | None = None
    simulated: bool = False


def records_of(claim: Claim, findings: Iterable[Finding] | None = None) -> list[Line]:
    """Return every record that bears on a claim, nearest first.

    Parameters
    ----------
    claim : Claim
    findings : iterable of Finding, optional
        Default: those of the library.
    """
    if claim.rule is not None:
        return _sorted(_of_rule(claim.rule))
    assert claim.outcome is not None
    outcome = find_outcome(claim.outcome)
    found: list[Line] = []
    pool = all_findings() if findings is None else tuple(findings)
    if LEVELS[outcome.family]:
        found += _of_findings(claim, outcome, pool)
        found += _of_compounds(claim, outcome)
    if outcome.id == "more-is-better":
        found += _of_doses(claim)
    if outcome.family == "standing":
        found += _of_registers(claim, outcome)
    if outcome.family == "reach":
        found += _of_ruler(claim)
    return _sorted(found)


def _sorted(lines: Iterable[Line]) -> list[Line]:
    once = {(line.id, line.kind): line for line in lines}
    return sorted(once.values(), key=lambda x: (GROUPS.index(x.group), x.kind != "finding", x.id))


def members(subject: Iterable[str]) -> dict[str, str]:
    """Return the compounds that a subject means, each with the name by which it was meant; classes by their members."""
    found: dict[str, str] = {}
    for name in subject:
        compound = find_compound(name)
        found[compound.id] = compound.id
        if compound.kind == "class":
            found |= {c.compound: compound.id for c in compound.constituents}
        elif compound.kind in ("product", "mixture"):  # a part alone is not the product: its records are not direct
            found |= {c.compound: c.compound for c in compound.constituents}
    return found


def meant_singly(claim: Claim) -> list[str]:
    """Return the compounds of a claim, and the members of its classes; a class itself has no register and no plasma."""
    return [c for c in members(claim.subject) if find_compound(c).kind != "class"]


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
            searched = f.protocol.startswith("search of the curator") and outcome.family in ("behaviour", "combination")
            if not (searched and f.subject in meant):
                continue
            speaks = outcome
        read = speaks or wider
        assert read is not None
        found.append(_line(f, claim, read, broad, meant))
    return found


def _about(f: Finding, claim: Claim, meant: dict[str, str]) -> bool:
    if not claim.subject:
        return f.subject not in _compounds()
    return f.subject in meant or any(p in meant for p in f.partners)


def _compounds() -> frozenset[str]:
    from ..library.compound import compound_ids

    return frozenset(compound_ids())


def _line(f: Finding, claim: Claim, outcome: OutcomeWord, broad: bool, meant: dict[str, str]) -> Line:
    human = f.human
    given = {meant.get(c, c) for c in (f.subject, *f.partners)}
    group = _group(f, claim, outcome, broad, given)
    directions = directions_of(f, outcome)
    if claim.number is not None:
        says = _number_says(f, claim.number, outcome)
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


def asked_population(claim: Claim) -> PopulationWord | None:
    """Return the group of people that a claim means; healthy people for an effect on them, else anybody."""
    if claim.population is not None:
        return find_population(claim.population)
    return find_population("healthy") if claim.kind == "effect" else None


def _meant_people(claim: Claim, indication: str, people: str, title: str) -> bool:
    asked = asked_population(claim)
    if asked is None:
        return True
    if asked.animals:
        return False
    if asked.people:
        return bool(starts(asked.people, people) and starts(asked.indications, indication))
    return bool(starts(asked.titles, title) or any(indication.casefold().startswith(i) for i in asked.indications))


def directions_of(f: Finding, outcome: OutcomeWord) -> frozenset[Direction]:
    """Return where a finding moves an outcome: none, one or two directions; empty where it has none.

    A result of a study in people is a benefit or a harm; elsewhere the direction of the observable counts, turned round
    where less of the observable is more of the outcome. An order counts where the vocabulary names both of its sides.
    """
    good: Direction = "increase" if outcome.better == "more" else "decrease"
    bad: Direction = "decrease" if outcome.better == "more" else "increase"
    if f.human is not None:
        results: dict[str, tuple[Direction, ...]] = {
            "benefit": (good,), "no benefit": ("none",), "worse": (bad,), "harm": (bad,), "no harm seen": ("none",),
            "mixed": (good, "none"),
        }  # fmt: skip
        return frozenset(results.get(f.human.result, ()))
    sign = outcome.reads(f.observable)
    effect = f.effect
    if effect.kind == "null":
        return frozenset({"none"})
    if effect.kind == "structure":
        return frozenset({"increase"} if outcome.structures else ())
    if effect.kind == "order" and not starts(("before over after", "after over before"), f.observable):
        return frozenset()
    direction = effect.direction
    # a quotient of two things says nothing of either
    plain = " over " not in f.observable
    if plain and direction == "unspecified" and effect.value is not None and effect.unit in ("fold", "ratio"):
        direction = "increase" if effect.value > 1 else "decrease" if effect.value < 1 else "none"
    if direction in ("unspecified", "none") or sign == 0:
        return frozenset({"none"} if direction == "none" else ())
    turned = {1: {"increase": "increase", "decrease": "decrease"}, -1: {"increase": "decrease", "decrease": "increase"}}
    return frozenset({turned[sign][direction]})  # type: ignore[arg-type]


def says_of(directions: frozenset[Direction], claimed: Claimed, outcome: OutcomeWord | None = None) -> Says:
    """Return what directions say of a claimed one.

    Examples
    --------
    >>> says_of(frozenset({"none"}), "increase"), says_of(frozenset(), "increase")
    ('against', 'neither')
    """
    if not directions:
        return "neither"
    if claimed == "not better":
        good = "decrease" if outcome is not None and outcome.better == "less" else "increase"
        return "for" if good not in directions else "against" if directions == {good} else "for and against"
    if directions == {claimed}:
        return "for"
    return "for and against" if claimed in directions else "against"


def _number_says(f: Finding, number: Number, outcome: OutcomeWord) -> Says:
    low = f.effect.value if f.effect.value is not None else f.effect.low
    high = f.effect.value if f.effect.value is not None else f.effect.high
    if low is None or high is None or f.effect.unit is None:
        return "neither"
    if outcome.reads(f.observable) < 0:
        if f.effect.unit not in ("fold", "ratio") or low <= 0:
            return "neither"
        low, high = 1 / high, 1 / low
    if f.effect.unit != number.unit:
        if f.effect.unit not in _MINUTES or number.unit not in _MINUTES:
            return "neither"
        scale = _MINUTES[f.effect.unit] / _MINUTES[number.unit]
        low, high = low * scale, high * scale
    return "for" if low <= number.high * NEAR and high >= number.low / NEAR else "against"


def _of_compounds(claim: Claim, outcome: OutcomeWord) -> list[Line]:
    """What compound documents say of a target that is the outcome, and of tolerance."""
    if claim.number is not None:
        return []
    found = []
    meant = members(claim.subject)
    for name in meant:
        compound = find_compound(name)
        # of a mixture, what one part does is another thing than what all do together
        alone = len({meant[m] for m in meant}) == 1
        found += [
            _of_action(compound, action, claim, outcome, alone)
            for action in compound.actions
            if action.target in outcome.targets
        ]
        if outcome.family == "harm" and outcome.id in ("adverse-effects", "dependence"):
            found += _of_hazards(compound, claim, outcome, alone)
        for told in compound.tolerance if outcome.id == "tolerance" else ():
            word: dict[str, tuple[Direction, ...]] = {
                "shown": ("increase",), "partial": ("increase",), "not shown": ("none",), "no data": ()
            }  # fmt: skip
            key = told.sources[0] if told.sources else compound.id
            says = says_of(frozenset(word[told.word]), claim.direction)
            group: Group = "searched for" if told.word == "no data" else "direct" if alone else "a part or a mixture"
            text = f"{compound.name}: tolerance to {told.of}: {told.word}; {told.text}"
            found.append(Line(f"{compound.id}: tolerance to {told.of}", "compound", group, says, text,
                              "human-obs", key, key))  # fmt: skip
    return found


#: What the evidence of an interaction document is evidence in.
_MEETS: dict[str, Group] = {
    "controlled study in people": "direct", "comparison of groups of people": "direct", "observational": "direct",
    "label": "direct", "regulator": "direct", "cases": "direct", "animals": "healthy animals",
    "in vitro": "cells and slices", "opinion": "pages", "mechanism only": "pages",
}  # fmt: skip


def _of_hazards(compound: Compound, claim: Claim, outcome: OutcomeWord, alone: bool) -> list[Line]:
    """Return hazards of a compound and interactions that call for caution as records of harm."""
    found = []
    near: Group = "direct" if alone else "a part or a mixture"
    harm = says_of(frozenset({"increase"}), claim.direction)
    for i, hazard in enumerate(compound.hazards, start=1):
        if hazard.about == "dependence" or (outcome.id == "adverse-effects" and hazard.severity != "C"):
            found.append(Line(f"{compound.id}: hazard {i}", "compound", near, harm, f"{hazard.about}: {hazard.text}",
                              hazard.evidence, hazard.sources[0], hazard.sources[0]))  # fmt: skip
    for doc in all_interactions() if outcome.id == "adverse-effects" else ():
        if doc.grade == "C" or not any(compound.id in side for side in doc.between):
            continue
        group = near if _MEETS[doc.evidence] == "direct" else _MEETS[doc.evidence]
        says: Says = "neither" if group == "pages" else harm
        found.append(Line(doc.id, "compound", group, says, f"{doc.title} ({doc.evidence})", doc.evidence,
                          doc.sources[0], doc.sources[0]))  # fmt: skip
    return found


def _of_action(compound: Compound, action: Action, claim: Claim, outcome: OutcomeWord, alone: bool) -> Line:
    group = _EVIDENCE[action.evidence]
    if outcome.family == "receptor":
        # what an animal or a person did is no measurement of a receptor
        group = "direct" if group == "cells and slices" else "another outcome" if group in PEOPLE_OR_ANIMALS else group
    if not alone and group == "direct":
        group = "a part or a mixture"
    if group == "direct" and outcome.family == "system" and action.kind == "precursor":
        group = "another outcome"  # the precursor was measured in people, not what is made of it
    known: dict[str, tuple[Direction, ...]] = {
        "increase": ("increase",), "decrease": ("decrease",), "none": ("none",),
        "mixed": ("increase", "none"), "unknown": (),
    }  # fmt: skip
    says = says_of(frozenset(known[action.direction]), claim.direction)
    if group in ("pages", "sellers"):
        says = "neither"
    key = next((s for s in action.sources if not s.startswith("source-")), action.sources[0])
    return Line(
        f"{compound.id}: {action.target}", "compound", group, says,
        f"{compound.name} at {action.target} ({action.evidence}): {action.effect}", action.evidence, key, key,
    )  # fmt: skip


def _of_doses(claim: Claim) -> list[Line]:
    from .clinical_doses import clinical_doses

    found = []
    for name in members(claim.subject):
        for response in clinical_doses(name):
            says: Says = "for" if response.word == "rises with dose" else "neither"
            if response.word == "does not rise with dose":
                says = "against"
            ids = [r.finding for r in response.rows]
            found.append(Line(f"{name}: {response.outcome}", "finding", "direct", says, response.show(), "RCT",
                              ids[0], ids[0]))  # fmt: skip
    return found


#: What a standing says of being a lawful supplement, and of being an approved medicine.
_LEGAL = {"supplement or food": "increase", "unapproved drug": "none", "ineligible": "none", "banned": "none",
          "prescription": "none", "controlled prescription": "none", "investigational": "none"}  # fmt: skip
_APPROVED = {"prescription": "increase", "controlled prescription": "increase", "investigational": "none",
             "unapproved drug": "none"}  # fmt: skip


def _of_registers(claim: Claim, outcome: OutcomeWord) -> list[Line]:
    table: dict[str, str] = _LEGAL if outcome.id == "legal" else _APPROVED
    found = []
    for name in meant_singly(claim):
        for status in find_compound(name).status:
            if status.topic not in ("legal", "development") or (claim.where and status.where != claim.where):
                continue
            direction = table.get(status.standing or "")
            directions: frozenset[Direction] = frozenset({direction} if direction else ())  # type: ignore[arg-type]
            dated = f", read {status.read}" if status.read else ""
            text = f"{find_compound(name).name}, {status.where}: {status.standing or 'described'}; {status.text}{dated}"
            group: Group = "direct" if direction else "searched for"
            found.append(Line(f"{name}: {status.where}", "register", group, says_of(directions, claim.direction), text,
                              "register", status.source, status.source))  # fmt: skip
    return found


def _of_ruler(claim: Claim) -> list[Line]:
    from .ruler import ruler

    found = []
    for name in meant_singly(claim):
        found.append(gap_line(ruler(name, target=claim.target, metabolites=False), claim.direction))
    return found


def gap_line(found: Ruler, claimed: Claimed) -> Line:
    """Return the concentration ruler as a record: for, where the highest exposure reaches the lowest effect."""
    name, where = found.compound.name, found.target or "its target"
    if not found.gap.known:
        return Line(f"{found.compound.id}: ruler", "ruler", "searched for", "neither",
                    f"{name} at the {where}: {found.gap.reason}", "computed", "ruler", "ruler")  # fmt: skip
    low, high = found.gap.value, found.widest.value
    directions: set[Direction] = {"increase"} if low <= 0 else set()
    directions |= {"none"} if high > 0 else set()
    places = f"{low:.1f} to {high:.1f}" if math.isfinite(high) else f"{low:.1f}"
    text = f"{name} at the {where}: body to effect {places} orders of magnitude"
    return Line(f"{found.compound.id}: ruler", "ruler", "direct", says_of(frozenset(directions), claimed), text,
                "computed", "ruler", "ruler")  # fmt: skip


def _of_rule(name: str) -> list[Line]:
    rule = find_rule(name)
    found = [_of_record(r, f"{name} {i}") for i, r in enumerate(rule.records, start=1)]
    if rule.searched:
        found.append(Line(f"{name}: search", "rule", "searched for", "neither", rule.searched, "search", name, name))
    return found


def _of_record(record: Record, identifier: str) -> Line:
    group: Group = {"human": "direct" if record.direct else "other people", "animal": "healthy animals",
                    "in vitro": "cells and slices"}[record.species]  # type: ignore[assignment]  # fmt: skip
    key = record.source or record.finding or identifier
    return Line(record.finding or identifier, "rule", group, record.says, f"{record.design}: {record.text}",
                record.design, key, key)  # fmt: skip
