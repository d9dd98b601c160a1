"""The concentration ruler: what a body reaches, and what an effect needs, on one axis.

It answers one question: can this compound, at this dose, reach the concentration at which it acts? Nothing is averaged
over records and nothing is filled in; a place that nobody measured is shown as unknown, with the reason.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from ..errors import UnknownNameError
from ..library.compound import Compound, find_compound
from ..measures.observable import Observable, missing
from .finding_marks import finding_marks
from .marks import KINDS, MATRICES, Mark, document_marks, unknown_mark

if TYPE_CHECKING:
    from ..exposure.courses import Exposure

CONVENTION = (
    "log10 of an effective concentration over one in plasma or brain of the same species, total, of the parent (of the "
    "regimen, where one is simulated): the closest pair is the lowest effect over the highest exposure, the widest the "
    "highest over the lowest; where no effect at the target has a concentration, binding constants stand in"
)
#: A binding or unexplained record this far below the lowest effect is a tension.
TENSION_LOG10 = 1.0


@dataclasses.dataclass(frozen=True)
class Ruler:
    """What is on record about the concentrations of a compound.

    Attributes
    ----------
    compound : Compound
    species : str
    target : str or None
        What the gap is about.
    marks : tuple of Mark
        Of the compound, then of its metabolites.
    gap, widest : Observable
        Orders of magnitude (log10) between exposure and effect; see :data:`CONVENTION`. Positive: exposure lies below.
    free_gap : Observable
        From the highest unbound concentration in plasma to the lowest effect that was measured in vitro.
    """

    compound: Compound
    species: str
    target: str | None
    marks: tuple[Mark, ...]
    gap: Observable
    widest: Observable
    free_gap: Observable

    def own(self, kind: str) -> list[Mark]:
        """Return the marks of a kind of the compound itself, known ones first, lowest first."""
        found = [m for m in self.marks if m.compound == self.compound.id and m.kind == kind]
        return sorted(found, key=_place)

    def of_metabolites(self) -> list[Mark]:
        """Return the marks of the metabolites."""
        return [m for m in self.marks if m.compound != self.compound.id]

    @property
    def exposures(self) -> list[Mark]:
        """Plasma and brain marks that the gap is measured from."""
        return _exposures(self.marks, self.compound.id, self.species)

    @property
    def effects(self) -> list[Mark]:
        """Marks of effects at the target that the gap is measured to."""
        return _effects(self.marks, self.compound.id, self.target)

    def away(self, mark: Mark) -> float:
        """Return how far a mark lies above the highest exposure, in log10 units; NaN where either is unknown."""
        top = [m.high_uM for m in self.exposures]
        return math.log10(mark.low_uM / max(top)) if mark.known and top else math.nan

    @property
    def tensions(self) -> list[str]:
        """Records far below every effect at the target: they do not fit in one model with it."""
        if all(m.kind == "binding" for m in self.effects):
            return []
        lowest = min(m.low_uM for m in self.effects)
        found = []
        for m in self.own("binding") + self.own("other"):
            if m.known and m.target in (self.target, None) and m.high_uM < lowest * 10**-TENSION_LOG10:
                orders = math.log10(lowest / m.high_uM)
                why = f" ({m.detail})" if m.detail else ""
                found.append(
                    f"{m.what} at {span(m)}, {orders:.1f} orders of magnitude below the lowest effect at the "
                    f"{self.target}{why} [{', '.join(m.sources)}]"
                )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return everything for a results file."""
        marks = [{**dataclasses.asdict(m), "log10_above_exposure": self.away(m)} for m in self.marks]
        return {"compound": self.compound.id, "species": self.species, "target": self.target, "marks": marks,
                "tensions": self.tensions, "convention": CONVENTION}  # fmt: skip


def ruler(
    compound: str,
    exposure: Exposure | None = None,
    *,
    species: str = "human",
    target: str | None = None,
    metabolites: bool = True,
) -> Ruler:
    """Return the concentration ruler of a compound.

    Parameters
    ----------
    compound : str
        Id, name, synonym or CAS number.
    exposure : Exposure, optional
        Simulated courses: their peaks become marks.
    species : str
        Whose plasma and brain the gap is measured from.
    target : str, optional
        Target of the gap, e.g. ``"AMPA receptor"``; default: the first target with an effective concentration.
    metabolites : bool
        Also the marks of the metabolites.

    Returns
    -------
    Ruler

    Raises
    ------
    UnknownNameError
        No such compound, or it has no action at the target.

    Examples
    --------
    >>> found = ruler("aniracetam")
    >>> found.target, 4.0 < found.gap.value < 5.0
    ('AMPA receptor', True)
    >>> [m.unknown for m in ruler("cx717").own("exposure") if m.matrix == "plasma"]
    ['no absolute plasma concentration was found']
    """
    found = find_compound(compound)
    target = _named_target(found, target)
    marks = _all_marks(found, exposure, species, default_target(found))
    if target is None:
        effects = [m for m in marks if m.kind == "effect" and m.known and m.target is not None]
        target = default_target(found) if not effects else effects[0].target
    for identifier in found.metabolites if metabolites else ():
        other = find_compound(identifier)
        marks += [m for m in _all_marks(other, exposure, species, default_target(other)) if m.known or _answers(m)]
    tops, effects = _exposures(marks, found.id, species), _effects(marks, found.id, target)
    closest, widest = _gaps(found, species, target, tops, effects, marks)
    free = _free_gap(found, species, effects, marks)
    return Ruler(found, species, target, tuple(marks), closest, widest, free)


def default_target(compound: Compound) -> str | None:
    """Return the first target of a compound."""
    return str(compound.actions[0].target) if compound.actions else None


def span(mark: Mark) -> str:
    """Return the place of a mark as text."""
    from ..units import show_concentration

    low, high = (show_concentration(float(f"{v:.3g}")) for v in (mark.low_uM, mark.high_uM))
    return low if low == high else f"{low} to {high}"


def _named_target(compound: Compound, target: str | None) -> str | None:
    if target is None:
        return None
    names = {str(a.target): str(a.target) for a in compound.actions}
    short = {n.lower().removesuffix(" receptor").removeprefix("adenosine "): n for n in names}
    short |= {n.lower(): n for n in names}
    if target.lower() not in short:
        raise UnknownNameError(f"target of {compound.name}", target, names, do=f"use one of {', '.join(names) or '-'}")
    return short[target.lower()]


def _all_marks(compound: Compound, exposure: Exposure | None, species: str, target: str | None) -> list[Mark]:
    marks = list(document_marks(compound, species))
    marks = _merged([*marks, *finding_marks(compound, target)])
    if exposure is not None:
        from .exposure_marks import exposure_marks

        simulated = list(exposure_marks(compound.id, exposure))
        known = {m.matrix for m in simulated if m.known}
        # what documents say of a matrix is dropped only for a number; a second unknown says nothing new
        marks = [m for m in marks if m.known or m.kind != "exposure" or m.matrix not in known]
        told = {m.matrix for m in marks if m.kind == "exposure" and m.species == species}
        marks += [m for m in simulated if m.known or m.matrix not in told]
    return sorted(marks + _unanswered(compound, marks, species), key=_order)


def _unanswered(compound: Compound, marks: list[Mark], species: str) -> list[Mark]:
    """Return the places of the ruler that no record fills."""
    found = []
    seen = {m.matrix for m in marks if m.kind == "exposure" and m.species == species}
    for matrix in MATRICES:
        if matrix not in seen:
            why = "no number is on record"
            pk = compound.pharmacokinetics.get(species)  # type: ignore[call-overload]
            if matrix == "plasma" and pk is not None and pk.unknown is not None:
                why = pk.unknown
            found.append(unknown_mark(compound.id, "exposure", matrix, matrix, why, species=species))
    if not any(m.kind in ("effect", "binding") for m in marks):
        whys = [a.unknown for a in compound.actions[:1] if a.unknown]
        why = compound.no_pharmacology or (whys[0] if whys else "no effective concentration is on record")
        found.append(unknown_mark(compound.id, "effect", "in vitro", "effect", why, target=default_target(compound)))
    return found


def _answers(mark: Mark) -> bool:
    """Say whether an unknown mark of a metabolite is worth its line."""
    return mark.kind == "effect" or (mark.kind == "exposure" and mark.matrix in ("plasma", "CSF"))


def _merged(marks: list[Mark]) -> list[Mark]:
    """Join records of one kind, target and place: often a finding, and its number in the compound's document."""
    found: dict[Any, Mark] = {}
    for m in marks:
        key = (m.kind, m.matrix, m.target, m.species, f"{m.low_uM:.6g}", f"{m.high_uM:.6g}") if m.known else id(m)
        first = found.get(key)
        if first is None:
            found[key] = m
            continue
        short, long = sorted((first.what, m.what), key=len)
        whats = long if short.lower() in long.lower() else f"{first.what}; {m.what}"
        sources = tuple(dict.fromkeys([*first.sources, *m.sources]))
        detail = first.detail if m.detail in first.detail else "; ".join(filter(None, [first.detail, m.detail]))
        best = "reported" if "reported" in (first.standing, m.standing) else first.standing
        found[key] = dataclasses.replace(
            first, what=whats, sources=sources, detail=detail, standing=best, half=first.half or m.half
        )
    return list(found.values())


def _place(mark: Mark) -> tuple[bool, float]:
    return (not mark.known, mark.low_uM if mark.known else 0.0)


def _order(mark: Mark) -> tuple[Any, ...]:
    matrix = MATRICES.index(mark.matrix) if mark.matrix in MATRICES else len(MATRICES)
    return (list(KINDS).index(mark.kind), matrix if mark.kind == "exposure" else 0, *_place(mark))


def _exposures(marks: Any, compound: str, species: str) -> list[Mark]:
    found = [m for m in marks if m.compound == compound and m.kind == "exposure" and m.known and m.species == species
             and m.matrix in ("plasma", "brain")]  # fmt: skip
    # a regimen is asked about: what it reaches counts, not what others reached
    return [m for m in found if m.standing == "simulated"] or found


def _effects(marks: Any, compound: str, target: str | None) -> list[Mark]:
    at = [m for m in marks if m.compound == compound and m.known and m.target == target]
    return [m for m in at if m.kind == "effect"] or [m for m in at if m.kind == "binding"]


def _free_gap(compound: Compound, species: str, effects: list[Mark], marks: list[Mark]) -> Observable:
    """Return the gap of what is not bound in plasma: the part that could reach a receptor."""
    own = [m for m in marks if m.compound == compound.id and m.matrix == "free plasma" and m.species == species]
    known = [m for m in own if m.known]
    known = [m for m in known if m.standing == "simulated"] or known
    measured = [m for m in effects if m.matrix != "plasma"]
    if not known or not measured:
        why = f"unbound concentration: {_reasons([m.unknown for m in own])}"
        if known:
            why = (
                "no effect has a concentration in vitro"
                if not effects
                else "effects were measured against total plasma"
            )
        return missing("gap_free", "log10", "not determined", why, CONVENTION)
    top, low = max(m.high_uM for m in known), min(m.low_uM for m in measured)
    return Observable("gap_free", math.log10(low / top), "log10", convention=CONVENTION)


def _reasons(whys: list[str | None]) -> str:
    """Return the first two of the reasons; the marks hold all."""
    unique = list(dict.fromkeys(w for w in whys if w))
    return "; ".join(unique[:2]) or "none on record"


def _gaps(
    compound: Compound, species: str, target: str | None, tops: list[Mark], effects: list[Mark], marks: list[Mark]
) -> tuple[Observable, Observable]:
    names, unit = ("gap_closest", "gap_widest"), "log10"
    if not tops or not effects:
        own = [m for m in marks if m.compound == compound.id and m.unknown is not None]
        missed = []
        if not tops:
            whys = [m.unknown for m in own if m.kind == "exposure" and m.matrix == "plasma"]
            missed.append(f"no plasma or brain concentration in {species}: {_reasons(whys)}")
        if not effects:
            whys = [m.unknown for m in own if m.kind == "effect" and m.target in (None, target)]
            missed.append(f"no effective concentration at {target or 'any target'}: {_reasons(whys)}")
        closest, widest = (missing(n, unit, "not determined", "; ".join(missed), CONVENTION) for n in names)
        return closest, widest
    top, low = max(tops, key=lambda m: m.high_uM), min(effects, key=lambda m: m.low_uM)
    bottom, high = min(tops, key=lambda m: m.low_uM), max(effects, key=lambda m: m.high_uM)
    pairs = ((low.low_uM, top.high_uM, low, top), (high.high_uM, bottom.low_uM, high, bottom))
    closest, widest = (
        Observable(name, math.log10(effect / body), unit, convention=CONVENTION, notes=(
            f"{m.what}, {span(m)} [{', '.join(m.sources)}] over {b.matrix}, {b.what}, {span(b)}"
            + (f" [{', '.join(b.sources)}]" if b.sources else f" ({b.standing})"),
            *(["binding: no effect at this target has a concentration"] if m.kind == "binding" else []),
        ))
        for name, (effect, body, m, b) in zip(names, pairs, strict=True)
    )  # fmt: skip
    return closest, widest
