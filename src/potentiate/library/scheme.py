"""Scheme documents and corrections of them -> :class:`potentiate.kinetics.scheme.Scheme`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ..errors import DataError, UnknownNameError, UsageError
from ..kinetics.rate import Q10, AntonovBlock, LogisticTemperature, Rate, Voltage
from ..kinetics.scheme import Edge, Scheme
from ..units import parse_concentration, parse_rate
from .document import LIBRARY, Document, Source, load, read_text

SCHEMES = LIBRARY / "schemes"

#: A cycle may be out of balance by this fraction before the import guard stops it (rounding of printed rates).
BALANCE_TOLERANCE = 0.01


#: Largest base rate, 1/ms or 1/(uM ms): a thousand times a bond vibration, so a slip of the exponent.
LARGEST_RATE = 1e12


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("a slope must not be zero")
    return value


Slope = Annotated[float, AfterValidator(_not_zero)]
Positive = Annotated[float, Field(gt=0)]


class StateDoc(Document):
    """A state: class, agonists bound, conductance."""

    name: str = Field(min_length=1)
    state_class: Literal["rest", "bound", "open", "desensitized", "blocked"] = Field(alias="class")
    bound: int = Field(ge=0, le=8)
    conductance: float = Field(default=0.0, ge=0)


class VoltageDoc(Document):
    """Exponential voltage dependence ``exp((V - zero_mV) / slope_mV)``."""

    zero_mV: float
    slope_mV: Slope


class AntonovDoc(Document):
    """Mg block with permeant ions (see :class:`potentiate.kinetics.rate.AntonovBlock`)."""

    Na_mM: float
    Cs_mM: float
    Kna_mM: Positive
    Kcs_mM: Positive
    Kcs_slope_mV: Slope
    kP: Positive
    kP_slope_mV: Slope
    kNo: Positive
    kNo_slope_mV: Slope
    kNi: Positive
    kNi_slope_mV: Slope


class VoltagePair(Document):
    """Voltage dependence of the two directions of a transition."""

    forward: VoltageDoc | None = None
    backward: VoltageDoc | None = None
    antonov: AntonovDoc | None = None


class OccupancyDoc(Document):
    """Instantaneous binding: the forward rate is multiplied by ``(L / (L + half)) ** power``."""

    half: str
    power: int = Field(ge=1, le=4)


class TransitionDoc(Document):
    """A reversible transition; both rates are written, each with its unit."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    role: Literal["bind", "gate", "desensitize", "block", "convert", "modulate"]
    forward: str
    backward: str
    ligand: str | None = None
    voltage: VoltagePair | None = None
    occupancy: OccupancyDoc | None = None


class LogisticDoc(Document):
    """Sigmoid temperature factor."""

    top: float = Field(gt=1)
    slope_per_C: Slope
    midpoint_C: float
    base: float = 0.0


class TemperatureDoc(Document):
    """Temperature dependence: one Q10 for all rates, or a sigmoid per direction, of all rates or of binding alone."""

    q10: float | None = Field(default=None, gt=0)
    reference_C: float | None = None
    bind_forward: LogisticDoc | None = None
    bind_backward: LogisticDoc | None = None
    all_forward: LogisticDoc | None = None
    all_backward: LogisticDoc | None = None


class ConditionsDoc(Document):
    """Under which conditions the rates hold; `unknown` keys carry the reason."""

    temperature_C: float | None = None
    temperature: str
    preparation: str
    subunits: str | None = None


class SourceDoc(Document):
    """Where the topology and the numbers were read."""

    topology: str
    numbers: str
    keys: list[str] = Field(min_length=1)


class SchemeDocument(Document):
    """A kinetic scheme as published or ported."""

    id: str
    title: str
    family: Literal["AMPA", "NMDA"]
    agonist: str = "glutamate"
    conditions: ConditionsDoc
    source: SourceDoc
    notes: list[str] = []
    bath: dict[str, str] = {}
    temperature: TemperatureDoc | None = None
    conductance_unit: Literal["relative", "pS"]
    rest: str
    states: list[StateDoc] = Field(min_length=2)
    transitions: list[TransitionDoc] = Field(min_length=1)
    unbalanced: str | None = Field(default=None, description="why an unbalanced cycle is let in (as-read)")


class ChangeDoc(Document):
    """New rates of one transition."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    forward: str | None = None
    backward: str | None = None


class CorrectionDocument(Document):
    """A patch on a scheme document: what was changed and why."""

    id: str
    title: str
    corrects: str
    reason: str
    source: SourceDoc
    status: Literal["read", "assumed"]
    changes: list[ChangeDoc] = Field(min_length=1)
    unbalanced: str | None = None


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(SCHEMES.glob("*/*.yaml"))}


def scheme_ids(family: str | None = None) -> list[str]:
    """Return the ids of all schemes of the library, corrections included."""
    return [name for name, path in _paths().items() if family is None or path.parent.name == family.lower()]


def find_scheme(name: str) -> Scheme:
    """Return a scheme of the library, or of a document file given by its path.

    Raises
    ------
    UnknownNameError
        No such scheme; carries the nearest ids.
    DocumentError
        A rule of the format is broken.
    """
    if name in _paths():
        return _library_scheme(name)
    if name.endswith((".yaml", ".yml")):
        return read_scheme(Path(name))
    by_lower = {k.lower(): k for k in _paths()}
    if name.lower() in by_lower:
        return _library_scheme(by_lower[name.lower()])
    raise UnknownNameError("scheme", name, _paths(), do="list them with: potentiate patch --schemes")


@functools.cache
def _library_scheme(name: str) -> Scheme:
    return read_scheme(_paths()[name])


@functools.cache
def scheme_document(name: str) -> tuple[SchemeDocument, CorrectionDocument | None]:
    """Return the document behind a library scheme, and the correction if it is one."""
    path = _paths()[name]
    if "corrects" in Source(read_text(path), str(path)).data:
        correction, _ = load(path, CorrectionDocument)
        return scheme_document(correction.corrects)[0], correction
    return load(path, SchemeDocument)[0], None


def read_scheme(path: Path) -> Scheme:
    """Read a scheme document or a correction from a file."""
    return scheme_from_text(read_text(path), str(path))


def scheme_from_text(text: str, where: str) -> Scheme:
    """Build a scheme from the text of a document; `where` names it in errors.

    Raises
    ------
    DocumentError
        With file, line and path: unknown or missing key, rate without unit, missing reverse, unknown or disconnected
        state, unbalanced cycle that the document does not declare.
    """
    source = Source(text, where)
    if "corrects" not in source.data:
        return _build(source.validate(SchemeDocument), source)
    correction = source.validate(CorrectionDocument)
    if correction.corrects not in _paths():
        raise source.error(f"Unknown scheme {correction.corrects!r} to correct", ("corrects",))
    base, earlier = scheme_document(correction.corrects)
    if earlier is not None:
        raise source.error(f"{correction.corrects!r} is itself a correction", ("corrects",), do=f"correct {base.id}")
    transitions = list(base.transitions)
    pairs = {(t.source, t.target): i for i, t in enumerate(transitions)}
    for i, change in enumerate(correction.changes):
        if (change.source, change.target) not in pairs:
            raise source.error(
                f"{base.id} has no transition {change.source} -> {change.target}", ("changes", i, "from")
            )
        at = pairs[change.source, change.target]
        new = {k: v for k in ("forward", "backward") if (v := getattr(change, k)) is not None}
        transitions[at] = transitions[at].model_copy(update=new)
    patched = base.model_copy(
        update={"id": correction.id, "transitions": transitions, "unbalanced": correction.unbalanced}
    )
    return _build(patched, source)


def _build(doc: SchemeDocument, source: Source) -> Scheme:
    names = [s.name for s in doc.states]
    if len(set(names)) != len(names):
        raise source.error("A state name is given twice", ("states",))
    if doc.rest not in names:
        raise source.error(f"The resting state {doc.rest!r} is not among the states", ("rest",))
    index = {name: i for i, name in enumerate(names)}
    edges, seen = [], set()
    for i, t in enumerate(doc.transitions):
        at = ("transitions", i)
        for key, name in (("from", t.source), ("to", t.target)):
            if name not in index:
                raise source.error(f"Unknown state {name!r}", (*at, key), do=f"states are {', '.join(names)}")
        if t.source == t.target or frozenset((t.source, t.target)) in seen:
            raise source.error(
                f"Transition {t.source} - {t.target} is given twice or leads nowhere",
                at,
                do="write each pair of states once, with its forward and its backward rate",
            )
        seen.add(frozenset((t.source, t.target)))
        forward = _rate(doc, t, "forward", source, at)
        backward = _rate(doc, t, "backward", source, at)
        edges.append(Edge(index[t.source], index[t.target], t.role, forward, backward))
    bath = tuple((name, _bath(name, text, source)) for name, text in doc.bath.items())
    try:
        scheme = Scheme(
            name=doc.id,
            states=tuple(names),
            classes=tuple(s.state_class for s in doc.states),
            bound=tuple(s.bound for s in doc.states),
            conductance=tuple(s.conductance for s in doc.states),
            edges=tuple(edges),
            agonist=doc.agonist,
            rest=index[doc.rest],
            conductance_unit=doc.conductance_unit,
            temperature_C=doc.conditions.temperature_C,
            family=doc.family,
            bath_uM=bath,
        )
    except DataError as error:
        raise source.error(error.what, ("states",), why=error.why) from None
    try:
        broken = scheme.imbalances(BALANCE_TOLERANCE)
    except ArithmeticError as error:
        raise source.error("The rates leave the range of numbers at -60 mV", ("transitions",), why=str(error)) from None
    if broken and doc.unbalanced is None:
        worst = broken[0]
        raise source.error(
            f"Cycle closed by {worst.edge} is not balanced: forward / backward product {worst.factor:.4g}",
            ("transitions",),
            why="microscopic reversibility needs a product of 1",
            do="correct the rates, or declare the as-read fault with the key 'unbalanced: reason'",
        )
    return scheme


def _bath(name: str, text: str, source: Source) -> float:
    try:
        return parse_concentration(text)
    except UsageError as error:
        raise source.error(error.what, ("bath", name), why=error.why, do=error.do) from None


def _rate(doc: SchemeDocument, t: TransitionDoc, side: str, source: Source, at: tuple[str | int, ...]) -> Rate:
    text = getattr(t, side)
    try:
        k, order = parse_rate(text)
        occupancy = None
        if t.occupancy is not None and side == "forward":
            occupancy = (parse_concentration(t.occupancy.half), t.occupancy.power)
    except UsageError as error:
        raise source.error(error.what, (*at, side), why=error.why, do=error.do) from None
    except ValueError:
        raise source.error(f"Rate {text!r} is not a number with a unit", (*at, side)) from None
    if k > LARGEST_RATE:
        raise source.error(f"Rate {text!r} is impossibly fast", (*at, side), do="check the exponent and the unit")
    if k == 0:
        raise source.error(
            f"The reverse of {t.source} - {t.target} is missing ({side} rate is zero)",
            (*at, side),
            do="every transition needs both rates",
        )
    ligand = (t.ligand or doc.agonist) if order or occupancy else None
    voltage: Voltage | AntonovBlock | None = None
    if t.voltage is not None:
        if (law := getattr(t.voltage, side)) is not None:
            voltage = Voltage(law.zero_mV, law.slope_mV)
        elif t.voltage.antonov is not None:
            voltage = AntonovBlock(direction=side, **t.voltage.antonov.model_dump())
    return Rate(k, ligand, occupancy, voltage, _temperature(doc, t, side))


def _temperature(doc: SchemeDocument, t: TransitionDoc, side: str) -> Q10 | LogisticTemperature | None:
    law = doc.temperature
    if law is None:
        return None
    if law.q10 is not None and law.reference_C is not None:
        return Q10(law.q10, law.reference_C)
    of_binding, of_all = (
        (law.bind_forward, law.all_forward) if side == "forward" else (law.bind_backward, law.all_backward)
    )
    sigmoid = of_binding if t.role == "bind" and of_binding is not None else of_all
    if sigmoid is None:
        return None
    return LogisticTemperature(sigmoid.top, sigmoid.slope_per_C, sigmoid.midpoint_C, sigmoid.base)
