"""Interactions of what is taken with what else is taken and with the person: found, graded, applied to exposure."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np

from ..errors import UnknownNameError
from ..library.compound import find_compound
from ..library.covariate import find_covariate
from ..library.interaction import InteractionDoc, PkEffect, all_interactions
from ..library.partner import StatedBy, all_partners, classes_of, find_partner, partner_names
from .covariates import spread_ratio
from .people import TYPICAL, People, generator

#: doses further apart than this do not meet, h
APART_H = 24.0


class TakenDose(Protocol):
    """What an interaction needs to know of a dose (:class:`~potentiate.exposure.regimen.Dose`)."""

    @property
    def compound(self) -> str: ...
    @property
    def amount_mg(self) -> float: ...
    @property
    def time_h(self) -> float: ...


@dataclasses.dataclass(frozen=True)
class Interaction:
    """One interaction on record, as it concerns this stack and these people.

    Attributes
    ----------
    id, title : str
    members : tuple of str
        Which of the compounds, medicines or conditions meet (ids).
    missing : tuple of tuple of str
        Sides of which nothing is present; empty for an interaction that is present.
    grade, worst, worst_when : str, str or None, str or None
        A avoid, B caution, C inform; the graver grade and when it holds.
    kind, evidence, mechanism, size, model : str
    linear, contested : str or None
    sources, remarks : tuple of str
    document : InteractionDoc
    """

    id: str
    title: str
    members: tuple[str, ...]
    missing: tuple[tuple[str, ...], ...]
    grade: str
    worst: str | None
    worst_when: str | None
    kind: str
    evidence: str
    mechanism: str
    size: str
    model: str
    linear: str | None
    contested: str | None
    sources: tuple[str, ...]
    remarks: tuple[str, ...]
    document: InteractionDoc = dataclasses.field(repr=False, compare=False)

    def show(self) -> str:
        """Return one line."""
        grade = f"{self.grade}/{self.worst}" if self.worst else self.grade
        return f"{grade} {self.title}: {self.size} [{self.evidence}; {', '.join(self.sources)}]"


def _present(compounds: Iterable[str], people: People) -> dict[str, set[str]]:
    """Return everything that is there, by id, with all ids that it answers to."""
    items: dict[str, set[str]] = {}
    known = partner_names()
    for name in compounds:
        identifier = find_identifier(name)
        items[identifier] = {identifier}
    for identifier in (*people.takes, *people.has):
        items[identifier] = {identifier}
    for partner in all_partners().values():
        if any(_is_stated(rule, people) for rule in partner.stated_by):
            items.setdefault(partner.id, {partner.id})
    partners = set(known.values())
    for identifier, answers_to in items.items():
        if identifier in partners:
            answers_to |= classes_of(identifier)
        for partner in all_partners().values():
            if identifier in partner.compounds:
                answers_to |= classes_of(partner.id)
    return items


def _is_stated(rule: StatedBy, people: People) -> bool:
    """Whether a covariate says of anybody among the people what a rule asks."""
    doc = find_covariate(rule.covariate)
    for stated in people.stated(rule.covariate):
        if doc.kind == "state":
            if stated.level == rule.level:
                return True
            continue
        low = -math.inf if rule.at_least is None else rule.at_least
        high = math.inf if rule.below is None else rule.below
        if any(low <= v < high for v in (stated.value, stated.upper) if v is not None):
            return True
    return False


def find_interactions(
    compounds: Iterable[str], people: People = TYPICAL, *, possible: bool = False
) -> list[Interaction]:
    """Return the interactions on record between compounds, and with what the people take, have or are.

    Parameters
    ----------
    compounds : iterable of str
        Names or ids of compounds; medicines and foods that are partners of an interaction may stand there too.
    people : People
    possible : bool
        Also return those of which one side is missing (a medicine that was not stated, say); `missing` names it.

    Returns
    -------
    list of Interaction
        Gravest first, what is present before what is possible.

    Raises
    ------
    UnknownNameError
        A name that is neither a compound nor a partner.

    Examples
    --------
    >>> [(i.grade, i.id) for i in find_interactions(["caffeine", "Dynamine"])]
    [('B', 'methylliberine-caffeine')]
    """
    asked = list(compounds)
    items = _present(asked, people)
    own = {find_identifier(name) for name in asked}
    found = []
    for doc in all_interactions():
        matched = [tuple(i for i, tags in items.items() if tags & set(side)) for side in doc.between]
        missing = tuple(side for side, there in zip(doc.between, matched, strict=True) if not there)
        members = _distinct(matched)
        if not missing and members:
            worst = doc.worst_if is not None and _is_stated(doc.worst_if, people)
            found.append(_as_found(doc, members, (), worst))
        elif possible and missing and any(set(there) & own for there in matched):
            there = tuple(dict.fromkeys(i for side in matched for i in side))
            found.append(_as_found(doc, there, missing, False))
    return sorted(found, key=lambda i: (bool(i.missing), i.worst or i.grade, i.grade, i.title))


def find_identifier(name: str) -> str:
    """Return the id of a compound or a partner by any of its names.

    Raises
    ------
    UnknownNameError
    """
    try:
        return find_compound(name).id
    except UnknownNameError as error:
        try:
            return find_partner(name).id
        except UnknownNameError as other:
            raise (error if error.nearest else other) from None


def _distinct(sides: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return every item that takes part where each side is met by another item."""
    members: dict[str, None] = {}
    for chosen in itertools.product(*sides):
        if len(set(chosen)) == len(chosen):
            members |= dict.fromkeys(chosen)
    return tuple(members)


def _as_found(
    doc: InteractionDoc, members: tuple[str, ...], missing: tuple[tuple[str, ...], ...], worst: bool
) -> Interaction:
    grade, graver = (doc.worst or doc.grade, None) if worst else (doc.grade, doc.worst)
    return Interaction(
        doc.id, doc.title, members, missing, grade, graver, doc.worst_when, doc.kind, doc.evidence,
        doc.mechanism, doc.size, doc.model, doc.linear, doc.contested, tuple(sorted(doc.keys())), doc.remarks, doc,
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------- exposure
@dataclasses.dataclass(frozen=True)
class Factor:
    """A factor on one parameter of one compound.

    Attributes
    ----------
    compound, parameter : str
    low, typical, high : float
        `low` and `high` are the 95 % interval of the study, or the range where its doses were others.
    range_only : bool
        The size is not known within `low` to `high`; `typical` is their geometric middle and marked as assumed.
    interaction : str
    text : str
    sources : tuple of str
    """

    compound: str
    parameter: str
    low: float
    typical: float
    high: float
    range_only: bool
    interaction: str
    text: str
    sources: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Applied:
    """What the interactions of a regimen do to the dispositions of its compounds.

    Attributes
    ----------
    factors : tuple of Factor
    variants : mapping of compound -> variant
        Where the disposition has a variant that was measured with the partner, it replaces the factors.
    notes : tuple of str
        What is known and changes no number (unknown sizes, nulls, what a covariate already applies).
    assumed : tuple of str
    """

    factors: tuple[Factor, ...] = ()
    variants: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def of(
        self, compound: str, people: People = TYPICAL, which: Literal["typical", "low", "high"] = "typical"
    ) -> dict[str, np.ndarray]:
        """Return the factors of a compound by parameter, arrays (n,).

        Where the people are drawn with `uncertainty`, ``typical`` draws each factor: log-normal within its interval,
        or evenly on a log axis over a range.
        """
        found: dict[str, np.ndarray] = {}
        for factor in self.factors:
            if factor.compound != compound:
                continue
            value = np.full(people.n, getattr(factor, which))
            if people.uncertainty and which == "typical":
                stream = generator(people.seed, f"interaction:{factor.interaction}:{compound}:{factor.parameter}")
                if factor.range_only:
                    value = factor.low * (factor.high / factor.low) ** stream.random(people.n)
                else:
                    value = spread_ratio(factor.typical, (factor.low, factor.high), stream.standard_normal(people.n))
            found[factor.parameter] = found.get(factor.parameter, np.ones(people.n)) * value
        return found


def apply_interactions(doses: Iterable[TakenDose], people: People = TYPICAL, species: str = "human") -> Applied:
    """Return by what the interactions of a regimen multiply the parameters of its compounds.

    A factor holds for the whole course: documented interactions are ratios, without a time course of their own. Sizes
    are those of the study where the doses are its doses (within a quarter) and were taken together; elsewhere the range
    that the document gives, whose geometric middle stands for the typical person and is marked as assumed.

    Parameters
    ----------
    doses : iterable of Dose
        Compounds by id.
    people : People
        Their medicines and conditions count too.
    species : str
        Every size on record is of people; elsewhere nothing is applied, and a note says so.

    Returns
    -------
    Applied
    """
    taken = list(doses)
    compounds = sorted({dose.compound for dose in taken})
    factors: list[Factor] = []
    variants: dict[str, str] = {}
    notes: list[str] = []
    assumed: list[str] = []
    for found in find_interactions(compounds, people):
        for effect in found.document.effects:
            of = [d for d in taken if d.compound == effect.of]
            if not of or not _meets(effect.by, found.members):
                continue
            label = f"{found.title} [{effect.source}]"
            if species != "human":
                notes.append(f"{label}: measured in people, not applied to {species}")
            elif effect.by_covariate is not None:
                notes.append(f"{label}: applied as a covariate ({find_covariate(effect.by_covariate).name.lower()})")
            elif effect.unknown is not None:
                what = f"{effect.of} {effect.parameter} {effect.direction}"
                notes.append(f"{what}, size unknown: {effect.unknown} [{effect.source}]")
            elif effect.by_variant is not None and _has_variant(effect.of, effect.by_variant):
                variants[effect.of] = effect.by_variant
                notes.append(
                    f"{label}: the numbers of {effect.of} measured with {effect.by} are used ({effect.by_variant})"
                )
            elif effect.direction == "none":
                notes.append(f"{effect.of} {effect.parameter} is not changed by {effect.by} [{effect.source}]")
            else:
                _apply(found, effect, of, [d for d in taken if d.compound == effect.by], factors, notes, assumed)
    several: dict[tuple[str, str], int] = {}
    for factor in factors:
        several[factor.compound, factor.parameter] = several.get((factor.compound, factor.parameter), 0) + 1
    for (compound, parameter), count in several.items():
        if count > 1:
            assumed.append(f"{compound}: {count} interactions on {parameter} are multiplied; no study of them together")
    return Applied(tuple(factors), variants, tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(assumed)))


def _meets(by: str, members: Sequence[str]) -> bool:
    return any(by == m or (m in all_partners() and by in classes_of(m)) for m in members)


def _has_variant(compound: str, variant: str) -> bool:
    from ..library.disposition import find_disposition

    disposition = find_disposition(compound)
    return disposition is not None and variant in {v.name for v in disposition.variants}


def _apply(
    found: Interaction, effect: PkEffect, of: Sequence[TakenDose], by: Sequence[TakenDose],
    factors: list[Factor], notes: list[str], assumed: list[str],
) -> None:  # fmt: skip
    """Turn one effect of known size into a factor."""
    assert effect.ratio is not None and effect.interval is not None
    apart = min((abs(a.time_h - b.time_h) for a in of for b in by), default=0.0)
    if apart > APART_H:
        notes.append(
            f"{found.title}: not applied, the doses are {apart:g} h apart and were taken together in the study"
        )
        return
    reasons = []
    for what, doses, studied in ((effect.by, by, effect.at.by_mg), (effect.of, of, effect.at.of_mg)):
        if studied is None or not doses:
            continue
        amounts = [d.amount_mg for d in doses if not getattr(d, "per_kg", False)]
        if not amounts or any(abs(math.log(a / studied)) > math.log(effect.within_fold) for a in amounts if a > 0):
            shown = ", ".join(f"{a:g}" for a in sorted(set(amounts))) or "per kg"
            reasons.append(f"{what} {shown} mg instead of {studied:g} mg")
    if effect.together_h is not None and apart > effect.together_h:
        reasons.append(f"taken {apart:g} h apart")
    sources = (effect.source, *effect.also)
    if reasons and effect.elsewhere is not None:
        low, high = effect.elsewhere
        middle = math.sqrt(low * high)
        text = (f"{effect.of} {effect.parameter} x{low:g} to x{high:g} with {effect.by}: {'; '.join(reasons)}; "
                f"the study found x{effect.ratio:g}")  # fmt: skip
        factors.append(Factor(effect.of, effect.parameter, low, middle, high, True, found.id, text, sources))
        assumed.append(f"{text}; the middle, x{middle:.2g}, stands for the typical person")
        if by and effect.at.by_mg is not None and max(d.amount_mg for d in by) > effect.at.by_mg * effect.within_fold:
            notes.append(f"{found.title}: more {effect.by} than in the study may do more than its range")
        return
    low, high = effect.interval
    text = (
        f"{effect.of} {effect.parameter} x{effect.ratio:g} ({low:g} to {high:g}) with {effect.by}; {effect.population}"
    )
    factors.append(Factor(effect.of, effect.parameter, low, effect.ratio, high, False, found.id, text, sources))
    if reasons:
        assumed.append(f"{text}: applied although {'; '.join(reasons)}")
    if not by and effect.at.by_mg is not None:
        assumed.append(
            f"{text}: the dose of {effect.by} is not stated, that of the study ({effect.at.by_mg:g} mg) is taken"
        )
