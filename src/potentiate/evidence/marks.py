"""Marks of the concentration ruler, and those that a compound's document gives.

A mark is one record on the axis of concentration: where it lies, in what, in whom, who says so; or nothing, and why.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Literal

from ..errors import UsageError
from ..library.compound import Compound, find_compound
from ..library.compound_parts import Action, Parameter
from ..library.disposition import find_disposition
from ..library.effect import occupancies_of
from ..library.effect_constants import ligands
from ..library.modulator import NumberDoc, find_action
from ..units import parse

#: What a mark is. Effects count for the gap; the other three that need a drug at a receptor are shown beside them.
KINDS = {
    "exposure": "a concentration that a body reaches",
    "effect": "a measured effect at the target, or the constant of one",
    "constant": "a constant of the model that this laboratory runs",
    "binding": "a binding constant: no effect was measured",
    "other": "an effect that the action at the target does not explain, or that no target is named for",
    "caution": "above it a result must be read with care",
}
Kind = Literal["exposure", "effect", "constant", "binding", "other", "caution"]

#: How a number came about, best first.
STANDINGS = ("reported", "computed", "secondary", "calibrated", "simulated", "assumed", "unknown")
Standing = Literal["reported", "computed", "secondary", "calibrated", "simulated", "assumed", "unknown"]

#: Matrices of exposure that every ruler answers, known or unknown.
MATRICES = ("plasma", "free plasma", "CSF", "brain")

_MOLAR = {"pM": 1e-6, "nM": 1e-3, "uM": 1.0, "mM": 1e3, "M": 1e6}
_MASS = {
    "mg/L": 1.0,
    "ug/mL": 1.0,
    "ug/L": 1e-3,
    "ng/mL": 1e-3,
    "mg/mL": 1e3,
    "g/L": 1e3,
    "ug/g": 1.0,
    "mg/kg tissue": 1.0,
}
_HALF = ("EC50", "IC50", "Kd", "Ki")
_CONSTANTS = ("EC50", "IC50", "EC2x", "threshold", "Kd", "Ki")
_RADIOLIGAND = re.compile(r"\[\d+[A-Z][a-z]?\]|binding|displacement")


@dataclasses.dataclass(frozen=True)
class Mark:
    """One record on the ruler.

    Attributes
    ----------
    compound : str
        Id of the compound or metabolite.
    kind : str
        Key of :data:`KINDS`.
    matrix : str
        ``plasma``, ``free plasma``, ``CSF``, ``brain``, ``in vitro``.
    what : str
        In a few words.
    low_uM, high_uM : float
        Ends (equal for one value); NaN where `unknown` says why there is none.
    target : str or None
        What the compound acts on.
    species : str or None
    sources : tuple of str
        Keys of the bibliography.
    standing : str
        One of :data:`STANDINGS`.
    detail : str
        Conditions, and what was assumed.
    unknown : str or None
        The reason.
    half : bool
        Whether it is the concentration of half an effect, or of half occupancy: a course can be compared with it.
    best_uM : float
        The value within the range, where the source gives one.
    """

    compound: str
    kind: Kind
    matrix: str
    what: str
    low_uM: float = math.nan
    high_uM: float = math.nan
    target: str | None = None
    species: str | None = None
    sources: tuple[str, ...] = ()
    standing: Standing = "reported"
    detail: str = ""
    unknown: str | None = None
    half: bool = False
    best_uM: float = math.nan

    def __post_init__(self) -> None:
        known = math.isfinite(self.low_uM) and math.isfinite(self.high_uM)
        if known == (self.unknown is not None):
            raise UsageError(f"Mark {self.what!r}: either a concentration or the reason why there is none")
        if known and not 0 < self.low_uM <= self.high_uM:
            raise UsageError(f"Mark {self.what!r}: {self.low_uM} to {self.high_uM} uM is no place on a log axis")

    @property
    def known(self) -> bool:
        """Whether the mark has a place."""
        return self.unknown is None

    @property
    def middle_uM(self) -> float:
        """The best value where one is given, else the geometric middle."""
        if math.isfinite(self.best_uM):
            return self.best_uM
        return math.sqrt(self.low_uM * self.high_uM)


def unknown_mark(compound: str, kind: Kind, matrix: str, what: str, why: str, **rest: object) -> Mark:
    """Return a mark without a place."""
    return Mark(compound, kind, matrix, what, standing="unknown", unknown=why, **rest)  # type: ignore[arg-type]


def to_uM(value: float, unit: str, molar_mass: float | None) -> float | None:
    """Return a concentration in uM; None where the unit is not one, or the molar mass it needs is not known.

    Tissue in ug/g counts as ug/mL: a density of 1.

    Examples
    --------
    >>> round(to_uM(13, "mg/L", 194.19), 1)
    66.9
    """
    if unit in _MOLAR:
        return value * _MOLAR[unit]
    if unit in _MASS and molar_mass is not None:
        return value * _MASS[unit] * 1e3 / molar_mass
    return None


def document_marks(compound: Compound, species: str = "human") -> Iterator[Mark]:
    """Yield the marks that a compound's document and its AMPA-receptor parameters give.

    Parameters
    ----------
    compound : Compound
    species : str
        Exposure in other species is given too, under its own name.
    """
    for action in compound.actions:
        yield from _action_marks(compound, action)
    yield from _model_marks(compound)
    yield from _occupancy_marks(compound)
    for name, pk in compound.pharmacokinetics.items():
        for p in pk.parameters:
            yield from _exposure_mark(compound, p, name)
    yield from _unbound_marks(compound, species)
    for c in compound.cautions:
        standing: Standing = c.status
        yield Mark(compound.id, "caution", "in vitro", c.subject, c.above_uM, c.above_uM, sources=c.sources,
                   standing=standing, detail="; ".join(filter(None, [c.text, c.reason])))  # fmt: skip
    if not any(c.subject == "toxicity" for c in compound.cautions):
        yield unknown_mark(compound.id, "caution", "plasma", "toxicity", "no toxic concentration is on record here")


def _standing(p: Parameter) -> Standing:
    if p.status != "reported":
        return p.status
    return "secondary" if p.secondary else "reported"


def _ends(p: Parameter, molar_mass: float | None) -> tuple[float, float] | None:
    if p.value is None or p.unit is None:
        return None
    ends = [to_uM(v, p.unit, molar_mass) for v in (p.value if isinstance(p.value, tuple) else (p.value, p.value))]
    if ends[0] is None or ends[1] is None or ends[0] <= 0:
        return None
    return ends[0], ends[1]


def _about(p: Parameter) -> str:
    return "; ".join(filter(None, [p.conditions, p.uncertainty, p.reason]))


def _sources(p: Parameter) -> tuple[str, ...]:
    return (p.source,) if p.source else ()


def _action_marks(compound: Compound, action: Action) -> Iterator[Mark]:
    target = str(action.target)
    for p in action.parameters:
        said = f"{p.of or ''} {p.conditions or ''}"
        ends, what = _ends(p, compound.molar_mass), p.quantity if p.of is None else f"{p.quantity}, {p.of}"
        if ends is not None and p.quantity in _CONSTANTS:
            loose = p.quantity in ("Kd", "Ki") and p.status != "computed"  # pA2 of a functional assay is computed
            plasma = "plasma" in said  # occupancy in people, against what their plasma holds
            binding = not plasma and (loose or bool(_RADIOLIGAND.search(said)))
            yield Mark(compound.id, "binding" if binding else "effect", "plasma" if plasma else "in vitro", what, *ends,
                       target, "human" if plasma else None, _sources(p), _standing(p), _about(p),
                       half=p.quantity in _HALF)  # fmt: skip
        elif ends is not None and p.quantity == "dose":
            yield Mark(compound.id, "effect", "in vitro", p.of or "concentration used", *ends, target, None,
                       _sources(p), _standing(p), _about(p))  # fmt: skip
        elif p.quantity == "fold" and p.conditions and p.value is not None and _changes(p.value):
            used = leading_concentration(p.conditions)
            if used is not None:
                yield Mark(compound.id, "effect", "in vitro", f"{p.of}, {_shown(p.value)} fold", *used, target, None,
                           _sources(p), _standing(p), _about(p))  # fmt: skip
        elif p.quantity == "ratio" and p.of == "IC50 to that of glutamate" and p.value is not None:
            yield from _ratio_to_glutamate(compound, action, p)
        elif p.value is not None and p.quantity in _CONSTANTS and p.unit in _MASS:
            why = f"{_shown(p.value)} {p.unit} has no place on a molar axis: the molar mass is not known"
            yield unknown_mark(compound.id, "effect", "in vitro", what, why, target=target, sources=_sources(p))
        elif p.unknown is not None and p.quantity in _CONSTANTS:
            kind: Kind = "binding" if p.quantity in ("Kd", "Ki") else "effect"
            yield unknown_mark(compound.id, kind, "in vitro", what, p.unknown, target=target)


def _changes(value: float | tuple[float, float]) -> bool:
    ends = value if isinstance(value, tuple) else (value,)
    return any(abs(v - 1.0) > 1e-9 for v in ends)


def _shown(value: float | tuple[float, float]) -> str:
    return " to ".join(f"{v:g}" for v in (value if isinstance(value, tuple) else (value,)))


def _ratio_to_glutamate(compound: Compound, action: Action, p: Parameter) -> Iterator[Mark]:
    """Yield the constant that a ratio gives with glutamate's own, both against radioligands."""
    ratio = p.value if isinstance(p.value, tuple) else (p.value, p.value)
    for other in find_compound("l-glutamate").actions:
        for q in other.parameters if other.target == action.target else ():
            ends = _ends(q, None)
            if q.quantity != "IC50" or ends is None or ratio[0] is None or ratio[1] is None:
                continue
            yield Mark(
                compound.id, "binding", "in vitro", "IC50, from its ratio to glutamate", ratio[0] * ends[0],
                ratio[1] * ends[1], str(action.target), None, (*_sources(p), *_sources(q)), "computed",
                f"{_shown(p.value or 0.0)} times glutamate's {q.of}; three receptors in one range",
                half=True,
            )  # fmt: skip


def leading_concentration(text: str) -> tuple[float, float] | None:
    """Return the concentration that a text begins with, in uM.

    Examples
    --------
    >>> leading_concentration("10-100 nM (not 1 uM)")
    (0.01, 0.1)
    >>> leading_concentration("glutamate 1 mM") is None
    True
    """
    match = re.match(r"\s*([\d.]+)(?:\s*(?:-|to)\s*([\d.]+))?\s*([pnum]?M)\b", text.replace("µ", "u"))
    if match is None:
        return None
    low, high = float(match.group(1)), float(match.group(2) or match.group(1))
    factor = _MOLAR[match.group(3)]
    return (float(f"{low * factor:.12g}"), float(f"{high * factor:.12g}")) if 0 < low <= high else None


def _model_marks(compound: Compound) -> Iterator[Mark]:
    """Yield the affinity with which patch, synapse and slice run this compound."""
    action = find_action(compound.id)
    if action is None or action.kind == "agonist" or action.document.kd is None:
        return
    kd: NumberDoc = action.document.kd
    target, what = f"{action.document.family} receptor", "Kd of the model's operator"
    if kd.value is None or kd.status == "unknown":
        why = kd.reason or "the affinity is unknown"
        yield unknown_mark(compound.id, "constant", "in vitro", what, why, target=target)
        return
    value = parse(str(kd.value), "concentration")
    said = kd.source or ""
    standing: Standing = "assumed"
    if kd.status in ("read", "calibrated"):
        standing = "calibrated" if kd.status == "calibrated" else "secondary" if "secondary" in said else "reported"
    key = re.match(r"[A-Za-z0-9-]+", said)
    sources = (key.group(0),) if key else ()
    yield Mark(compound.id, "constant", "in vitro", what, value, value, target, None, sources, standing,
               kd.reason or said, half=True)  # fmt: skip


def _occupancy_marks(compound: Compound) -> Iterator[Mark]:
    """Yield the constants with which occupancy in a body is computed."""
    for document in occupancies_of(compound.id):
        numbers = {x.compound: x.constant or x.ratio for x in document.ligands}
        number = numbers.get(compound.id)
        if number is None:  # only a bound is known
            continue
        matrix = {"free": "free plasma", "csf": "CSF"}.get(document.matrix, document.matrix)
        target, what = str(document.target), f"half of the {document.target} occupied"
        try:
            found = next(x for x in ligands(document) if x.compound == compound.id)
        except ValueError as error:
            yield unknown_mark(compound.id, "effect", matrix, what, str(error), target=target)
            continue
        in_people = document.trust in ("measured in people", "calibrated on people")
        standing: Standing = {"read": "reported", "unknown": "unknown"}.get(number.status, number.status)  # type: ignore[assignment]
        if standing == "reported" and (number.secondary or document.trust == "low"):
            standing = "secondary"
        sources = tuple(re.findall(r"[A-Za-z0-9-]+", number.source or ""))[:1]
        yield Mark(compound.id, "effect" if in_people else "binding", matrix, what, found.low_uM, found.high_uM, target,
                   document.species, sources, standing, number.reason or "", half=True,
                   best_uM=found.constant_uM)  # fmt: skip


def _exposure_mark(compound: Compound, p: Parameter, species: str) -> Iterator[Mark]:
    matrix = {"Cmax": "plasma", "plasma concentration": "plasma", "brain concentration": "brain"}.get(p.quantity)
    if matrix is None or p.of in ("metabolites", "all metabolites"):
        return
    how = re.split(r"[;,]", p.conditions or "")[0].strip()  # the first words name the dose
    named = [p.quantity, p.of if p.of != "parent" else None, how if len(how) <= 30 else None]
    what = ", ".join(filter(None, named))
    if p.unknown is not None:
        yield unknown_mark(compound.id, "exposure", matrix, what, p.unknown, species=species)
        return
    ends = _ends(p, compound.molar_mass)
    if ends is None:
        why = f"{_shown(p.value or 0.0)} {p.unit} is no molar concentration: the molar mass is not known"
        yield unknown_mark(compound.id, "exposure", matrix, what, why, species=species)
        return
    yield Mark(compound.id, "exposure", matrix, what, *ends, None, species, _sources(p), _standing(p), _about(p))


def _unbound_marks(compound: Compound, species: str) -> Iterator[Mark]:
    """Yield what is free of the published plasma concentrations, and why there is no CSF or brain concentration."""
    disposition = find_disposition(compound.id, species)
    if disposition is None:
        return
    if disposition.fu.value is not None and (pk := compound.pharmacokinetics.get(species)) is not None:  # type: ignore[call-overload]
        fu = disposition.fu.internal()
        for p in pk.parameters:
            for m in _exposure_mark(compound, p, species):
                if m.known and m.matrix == "plasma" and fu > 0:
                    sources = tuple(dict.fromkeys(filter(None, [*m.sources, disposition.fu.source])))
                    yield dataclasses.replace(m, matrix="free plasma", what=f"free of {m.what}", low_uM=fu * m.low_uM,
                                              high_uM=fu * m.high_uM, sources=sources, standing="computed",
                                              detail=f"unbound fraction {fu:g}; {m.detail}")  # fmt: skip
    d = disposition
    for matrix, number in (("free plasma", d.fu), ("brain", d.kpuu), ("CSF", d.csf_ratio)):
        if number is not None and number.value is None and number.unknown is not None:
            yield unknown_mark(compound.id, "exposure", matrix, matrix, number.unknown, species=species)
