"""One record as it bears on a claim, and how a finding is read: its direction, and what that says of a claimed one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal, get_args

from ..library.claim import Claim, Number
from ..library.compound import find_compound
from ..library.finding import Finding
from ..library.vocabulary import Claimed, Direction, OutcomeWord, PopulationWord, find_outcome, find_population, starts

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

_MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0}
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


def asked_population(claim: Claim) -> PopulationWord | None:
    """Return the group of people that a claim means; healthy people for an effect on them, else anybody."""
    if claim.population is not None:
        return find_population(claim.population)
    if claim.outcome is not None and (implied := find_outcome(claim.outcome).implies) is not None:
        return find_population(implied)
    return find_population("healthy") if claim.kind == "effect" else None


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


def number_says(f: Finding, number: Number, outcome: OutcomeWord) -> Says:
    """Return what the number of a finding says of a claimed one; neither, where the units do not meet."""
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
