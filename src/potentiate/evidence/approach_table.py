"""The table of source 000 for any set: approach, mechanism, human evidence, status; also adverse effects and trials.

Every cell is made from documents and findings: how much evidence there is by counting works, what it says by the word
that follows from the results of the records. What the library does not hold is not counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..errors import UnknownNameError
from ..library.compound import Compound, find_compound
from ..library.compound_parts import Action
from ..library.record import word_of
from ..library.stack import find_stack
from .human_record import GAPS, HumanRecord, as_records, human_records
from .stack_systems import NO_RECORD, RANK

MECHANISMS = 2


@dataclasses.dataclass(frozen=True)
class Approach:
    """One row.

    Attributes
    ----------
    name : str
    members : tuple of str
        Ids of the compounds that it stands for.
    mechanism, evidence, status, adverse : str
    trials : tuple of (indication, result, text)
        One per record of efficacy, trials without posted results included.
    records : tuple of str
        Ids of the findings behind the row.
    """

    name: str
    members: tuple[str, ...]
    mechanism: str
    evidence: str
    status: str
    adverse: str
    trials: tuple[tuple[str, str, str], ...]
    records: tuple[str, ...]


def approach_table(names: Iterable[str]) -> list[Approach]:
    """Return the table for compounds, classes, mixtures, products or stacks.

    Raises
    ------
    UnknownNameError
        A name that neither the compounds nor the stacks know.
    NoPharmacologyError
        Nothing is on record of an entity.
    """
    return [_approach(*_entity(name)) for name in names]


def _entity(name: str) -> tuple[str, list[Compound], list[Compound]]:
    """Return name, the documents that say what it does, and the members that findings may be about."""
    try:
        compound = find_compound(name)
    except UnknownNameError as error:
        try:
            stack = find_stack(name)
        except UnknownNameError as other:
            raise UnknownNameError("compound or stack", name, [*error.nearest, *other.nearest]) from None
        parts = [find_compound(p.compound) for p in stack.parts]
        return f"{stack.name} stack", parts, parts
    if compound.kind in ("class", "mixture", "product"):
        if compound.kind == "product":
            compound.require_pharmacology()
        parts = [find_compound(c.compound) for c in compound.constituents]
        acting = parts if compound.kind == "product" else [compound]
        return compound.name, acting, [compound, *parts]
    compound.require_pharmacology()
    return compound.name, [compound], [compound]


def _approach(name: str, acting: Sequence[Compound], members: Sequence[Compound]) -> Approach:
    together = len(acting) > 1 or members[0].kind in ("mixture", "product")
    records = _about(members, together)
    efficacy = [r for r in records if not r.human.adverse]
    evidence = evidence_words(efficacy)
    if together:
        whole = {c.id for c in members if c.kind in ("compound", "extract")}
        if efficacy and not any(r.compounds >= whole or members[0].id in r.compounds for r in efficacy):
            evidence = f"none with all parts; with some of them together: {evidence}"
    return Approach(
        name, tuple(c.id for c in members), "; ".join(dict.fromkeys(m for c in acting for m in _mechanisms(c))),
        evidence, _status(members), _adverse(records),
        tuple((r.human.indication, r.human.result, _trial(r)) for r in efficacy), tuple(r.finding.id for r in records),
    )  # fmt: skip


def _about(members: Sequence[Compound], together: bool) -> list[HumanRecord]:
    """Return findings: for a combination those in which two or more parts were given, else those of members alone."""
    ids = {c.id for c in members}
    records = human_records(sorted(ids))
    if not together:
        return [r for r in records if r.compounds <= ids]
    named = {members[0].id} if members[0].kind in ("mixture", "product") else set()
    return [r for r in records if r.compounds & named or len(r.compounds & ids) >= 2]


def _mechanisms(compound: Compound) -> list[str]:
    actions = sorted(compound.actions, key=lambda a: RANK.index(a.evidence))
    return [_mechanism(a) for a in actions if a.target != "unknown"][:MECHANISMS] or ["no target on record"]


def _mechanism(action: Action) -> str:
    if action.direction == "none":
        return f"{action.target}: no effect ({action.evidence})"
    kind = "acts on" if action.kind in ("indirect", "unknown") else f"{action.kind} at"
    weak = f", {action.evidence} only" if action.evidence in NO_RECORD else f" ({action.evidence})"
    return f"{kind} {action.target}{weak}"


def evidence_words(records: Sequence[HumanRecord]) -> str:
    """Return how many works in people there are, and what they say; healthy people apart from patients."""
    if not records:
        return "none on record"
    works = {r.finding.source.key or r.finding.source.title for r in records}
    parts = [
        f"{len(works)} work{'s' if len(works) > 1 else ''}, {len(records)} outcome{'s' if len(records) > 1 else ''}"
    ]
    for who, mine in (
        ("healthy", [r for r in records if r.human.indication.startswith("healthy")]),
        ("patients", [r for r in records if not r.human.indication.startswith("healthy")]),
    ):
        if mine:
            parts.append(f"{who}: {_balance(mine)}")
    gaps = sum(r.human.result in GAPS for r in records)
    claims = sum(r.human.result == "claimed" for r in records)
    if gaps:
        parts.append(f"{gaps} without a posted or readable result")
    if claims:
        parts.append(f"{claims} a seller's claim")
    return "; ".join(parts)


def _balance(records: Sequence[HumanRecord]) -> str:
    results: dict[str, int] = {}
    for r in records:
        results[r.human.result] = results.get(r.human.result, 0) + 1
    counted = ", ".join(f"{n} {result}" for result, n in sorted(results.items(), key=lambda kv: (-kv[1], kv[0])))
    if not any(r.human.found for r in records):
        return counted
    # indirect evidence of one group is direct evidence about that group
    word = word_of(as_records(records, direct=True))
    return f"{word} ({counted})"


def _status(members: Sequence[Compound]) -> str:
    said: dict[str, list[str]] = {}
    for compound in members:
        for status in compound.status:
            if status.standing is not None and status.standing != "not checked":
                text = f"{status.where} {status.standing} ({status.read})"
                said.setdefault(text, []).append(compound.name)
    if not said:
        unread = sorted({s.where for c in members for s in c.status if s.standing == "not checked"})
        return f"not looked up: {', '.join(unread)}" if unread else "no standing on record"
    whole = len([c for c in members if c.kind == "compound" or c.kind == "extract"])
    return "; ".join(
        text if whole == 1 or len(names) >= whole else f"{text}: {', '.join(names)}" for text, names in said.items()
    )


def _adverse(records: Sequence[HumanRecord]) -> str:
    said: dict[tuple[str, str], list[HumanRecord]] = {}
    for r in records:
        if r.human.adverse:
            said.setdefault((r.human.outcome, r.human.result), []).append(r)
    if not said:
        return "none on record (nobody looked, or no page was read)"
    return "; ".join(
        f"{outcome}: {result} ({_who(mine[0]) if len(mine) == 1 else f'{len(mine)} records'})"
        for (outcome, result), mine in said.items()
    )


def _who(r: HumanRecord) -> str:
    n = f"n={r.finding.n}, " if r.finding.n else ""
    return f"{n}{r.human.dose}"


def _trial(r: HumanRecord) -> str:
    register = f", {r.human.registration}" if r.human.registration else ""
    return f"{r.human.outcome}: {_who(r)}{register} [{r.finding.id}]"


def by_indication(approach: Approach) -> list[tuple[str, str, str]]:
    """Return indication, results with their numbers, and the trials behind them (trial register where there is one)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for indication, result, text in approach.trials:
        found.setdefault(indication, []).append((result, text))
    lines = []
    for indication, trials in found.items():
        counted: dict[str, int] = {}
        for result, _ in trials:
            counted[result] = counted.get(result, 0) + 1
        words = ", ".join(f"{n} {result}" for result, n in counted.items())
        lines.append((indication, words, ", ".join(text.rsplit("[", 1)[-1].rstrip("]") for _, text in trials)))
    return lines
