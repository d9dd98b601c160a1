"""What documents other than findings say of a claim: compounds, doses, registers, the concentration ruler, rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..library.claim import Claim
from ..library.compound import Compound, find_compound
from ..library.compound_parts import Action
from ..library.interaction import all_interactions
from ..library.record import Record
from ..library.rule import find_rule
from ..library.vocabulary import Claimed, Direction, OutcomeWord
from .claim_line import PEOPLE_OR_ANIMALS, Group, Line, Says, meant_singly, members, says_of

if TYPE_CHECKING:
    from .ruler import Ruler

#: What the evidence of an action is evidence in.
_EVIDENCE: dict[str, Group] = {
    "human": "direct", "animal": "healthy animals", "slice": "cells and slices", "cells": "cells and slices",
    "recombinant": "cells and slices", "binding": "cells and slices", "structure": "cells and slices",
    "secondary": "pages", "textbook": "pages", "claim": "sellers",
}  # fmt: skip
#: What the evidence of an interaction document is evidence in.
_MEETS: dict[str, Group] = {
    "controlled study in people": "direct", "comparison of groups of people": "direct", "observational": "direct",
    "label": "direct", "regulator": "direct", "cases": "direct", "animals": "healthy animals",
    "in vitro": "cells and slices", "opinion": "pages", "mechanism only": "pages",
}  # fmt: skip


#: What a standing says of being a lawful supplement, and of being an approved medicine.
_LEGAL = {"supplement or food": "increase", "unapproved drug": "none", "ineligible": "none", "banned": "none",
          "prescription": "none", "controlled prescription": "none", "investigational": "none"}  # fmt: skip
_APPROVED = {"prescription": "increase", "controlled prescription": "increase", "investigational": "none",
             "unapproved drug": "none"}  # fmt: skip


def of_compounds(claim: Claim, outcome: OutcomeWord) -> list[Line]:
    """Return what compound documents say of a target that is the outcome, of harm and of tolerance."""
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


def of_doses(claim: Claim) -> list[Line]:
    """Return whether results rise with dose, outcome by outcome."""
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


def of_registers(claim: Claim, outcome: OutcomeWord) -> list[Line]:
    """Return what jurisdictions say, as read on their day."""
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


def of_ruler(claim: Claim) -> list[Line]:
    """Return the gap between body and effect of each compound of a claim."""
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


def of_rule(name: str) -> list[Line]:
    """Return the records of a rule of the library, and its search."""
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
