"""Effect documents: what a concentration does in a person, and with which constants (pharmacodynamics).

One document per target and its ligands (`occupancy`), per endpoint that adapts (`tolerance`), one for the model of
alertness, and a list of effects that nothing supports. Each constant says in which matrix it was measured and how it
came about; what no source gives is `unknown`, with the reason, and nothing is computed with it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError, UsageError
from ..mechanisms.alertness import UnifiedModel
from .compound_parts import Key, Text
from .compound_terms import Species, Target
from .document import LIBRARY, Document, Source, read_text

EFFECTS = LIBRARY / "effects"

Matrix = Literal["plasma", "free", "brain", "csf"]

#: What the words of a matrix mean.
MATRICES: dict[str, str] = {
    "plasma": "total concentration in plasma",
    "free": "unbound concentration in plasma",
    "brain": "unbound concentration in brain",
    "csf": "concentration in cerebrospinal fluid",
}


class EffectNumber(Document):
    """One constant, and how it came about.

    `status` says whether it was read on a page, computed from read numbers, fitted to declared findings (whose ids
    stand in `source`), assumed, or is unknown. `interval` is what sources or fits leave open.
    """

    value: float | None = None
    unit: str = "1"
    interval: tuple[float, float] | None = None
    status: Literal["read", "computed", "calibrated", "assumed", "unknown"]
    source: str | None = None
    secondary: bool = False
    reason: Text | None = None
    prior: tuple[float, float] | None = None
    word: Literal["determined", "one-sided", "not determined"] | None = None

    @model_validator(mode="after")
    def _sourced(self) -> EffectNumber:
        if (self.value is None) != (self.status == "unknown"):
            raise ValueError("give either a value or 'status: unknown'")
        if self.status in ("read", "computed", "calibrated") and self.source is None:
            raise ValueError(f"a number that is {self.status} needs a source")
        if self.status in ("computed", "assumed", "unknown") and self.reason is None:
            raise ValueError(f"a number that is {self.status} needs a reason")
        if self.interval is not None:
            low, high = self.interval
            if not (low <= high and (self.value is None or low <= self.value <= high)):
                raise ValueError("an interval is [low, high] around the value")
        return self

    def known(self) -> float:
        """Return the value; ValueError with the reason where there is none."""
        if self.value is None:
            raise ValueError(self.reason)
        return self.value

    def describe(self, name: str) -> str:
        """Return the number as a line of an Assumed list: ``k 66.9 uM (assumed: ...)``."""
        shown = "unknown" if self.value is None else f"{self.value:g}{'' if self.unit == '1' else ' ' + self.unit}"
        why = self.reason or (f"from {self.source}" if self.source else "")
        return f"{name} {shown} ({self.status}{': ' + why if why else ''})"


class LigandDoc(Document):
    """A competing ligand: its own constant, or its potency relative to another ligand of the document."""

    compound: Key
    constant: EffectNumber | None = None
    relative_to: Key | None = None
    #: constant of this ligand over that of the other, both in mol per litre
    ratio: EffectNumber | None = None
    #: whether it counts unless the user says otherwise
    counted: bool = True

    @model_validator(mode="after")
    def _one(self) -> LigandDoc:
        if (self.constant is None) == (self.ratio is None) or (self.ratio is None) != (self.relative_to is None):
            raise ValueError("a ligand has a constant, or a ratio and what it is relative to")
        return self


class AgainstAgonist(Document):
    """A bound for a ligand that is only known to be weaker than an agonist, which is there in excess."""

    agonist: Key
    #: the agonist's concentration at its receptors while they work
    concentration: EffectNumber
    #: by what factor the ligand is weaker: the interval counts
    weaker: EffectNumber
    compound: Key
    remark: Text

    @model_validator(mode="after")
    def _bounded(self) -> AgainstAgonist:
        if self.weaker.interval is None:
            raise ValueError("a bound needs the interval of the factor")
        return self


class OccupancyDoc(Document):
    """How much of a target its ligands hold."""

    kind: Literal["occupancy"]
    id: Key
    title: Text
    target: Target
    species: Species
    matrix: Matrix
    trust: Literal["measured in people", "calibrated on people", "measured in animals", "low", "bound only"]
    ligands: tuple[LigandDoc, ...] = ()
    bound: AgainstAgonist | None = None
    findings: tuple[Key, ...] = ()
    assumed: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> OccupancyDoc:
        if bool(self.ligands) == (self.bound is not None):
            raise ValueError("an occupancy document has ligands, or a bound")
        own = {x.compound for x in self.ligands if x.constant is not None}
        for x in self.ligands:
            if x.relative_to is not None and x.relative_to not in own:
                raise ValueError(f"{x.compound} is relative to {x.relative_to}, which has no constant here")
        return self

    @property
    def compounds(self) -> tuple[str, ...]:
        """Return the compounds whose occupancy the document gives."""
        return tuple(x.compound for x in self.ligands) or (self.bound.compound,)  # type: ignore[union-attr]


class ToleranceDoc(Document):
    """How an endpoint adapts to a drug, or that it does not, or that its size is unknown."""

    kind: Literal["tolerance"]
    id: Key
    title: Text
    compound: Key
    endpoint: Literal["blood pressure", "alertness", "platelet A2A receptors", "brain A1 receptors"]
    form: Literal["attenuation", "up-regulation", "none", "unknown"]
    species: Species
    matrix: Matrix = "plasma"
    rate: EffectNumber | None = None
    half: EffectNumber | None = None
    maximum: EffectNumber | None = None
    #: concentration of half of the acute response that is attenuated
    response: EffectNumber | None = None
    gain: EffectNumber | None = None
    threshold: EffectNumber | None = None
    unknown: Text | None = None
    findings: tuple[Key, ...] = ()
    sources: tuple[Key, ...] = ()
    assumed: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> ToleranceDoc:
        needed = {
            "attenuation": (self.rate, self.half, self.maximum),
            "up-regulation": (self.rate, self.gain, self.threshold),
        }
        if any(x is None for x in needed.get(self.form, ())):
            raise ValueError(f"{self.form} needs all of its constants")
        if (self.form == "unknown") != (self.unknown is not None):
            raise ValueError("an unknown tolerance says why, and no other does")
        if self.form == "none" and not (self.findings or self.sources):
            raise ValueError("that there is no tolerance is a finding and needs one")
        return self


class CaffeineFactorDoc(Document):
    """One reading of the factor that caffeine puts on lapses of attention."""

    name: Key
    half: EffectNumber
    amplitude: EffectNumber


class AlertnessDoc(Document):
    """The Unified Model of Performance and its caffeine factor; the first reading of the factor is the reference."""

    kind: Literal["alertness"]
    id: Key
    title: Text
    unit: Text
    source: Key
    upper: float
    tau_wake_h: float
    tau_sleep_h: float
    tau_debt_h: float
    circadian: float
    phase_h: float
    harmonics: tuple[float, ...]
    inertia: float
    inertia_rate_per_h: float
    matrix: Matrix
    caffeine: tuple[CaffeineFactorDoc, ...]
    findings: tuple[Key, ...] = ()
    assumed: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()

    def model(self) -> UnifiedModel:
        """Return the constants as the model takes them."""
        return UnifiedModel(
            self.upper, self.tau_wake_h, self.tau_sleep_h, self.tau_debt_h, self.circadian, self.phase_h,
            self.harmonics, self.inertia, self.inertia_rate_per_h,
        )  # fmt: skip

    def reading(self, name: str | None = None) -> CaffeineFactorDoc:
        """Return a reading of the caffeine factor; the reference without a name."""
        if name is None:
            return self.caffeine[0]
        for one in self.caffeine:
            if one.name == name:
                return one
        raise UnknownNameError("reading of the caffeine factor", name, [c.name for c in self.caffeine])


class Unsupported(Document):
    """An effect that is claimed and that nothing read supports."""

    compounds: tuple[Key, ...] = Field(min_length=1)
    effect: Text
    #: words by which the effect is asked for
    words: tuple[Text, ...] = ()
    reason: Text
    sources: tuple[Key, ...] = ()


class UnsupportedDoc(Document):
    """Effects without support: the answer to them is `no supported effect`, not a curve."""

    kind: Literal["unsupported"]
    id: Key
    title: Text
    effects: tuple[Unsupported, ...]


EffectDoc = OccupancyDoc | ToleranceDoc | AlertnessDoc | UnsupportedDoc


_KINDS: dict[str, type[EffectDoc]] = {
    "occupancy": OccupancyDoc, "tolerance": ToleranceDoc, "alertness": AlertnessDoc, "unsupported": UnsupportedDoc,
}  # fmt: skip


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(EFFECTS.glob("*.yaml"))}


def effect_ids() -> list[str]:
    """Return the ids of all effect documents."""
    return list(_paths())


@functools.cache
def find_effect(name: str) -> EffectDoc:
    """Return an effect document.

    Raises
    ------
    UnknownNameError
    DocumentError
    """
    if name not in _paths():
        raise UnknownNameError("effect", name, _paths())
    return read_effect(_paths()[name])


def read_effect(path: Path) -> EffectDoc:
    """Read an effect document from a file, whose name is its id."""
    source = Source(read_text(path), str(path))
    kind = source.data.get("kind")
    if kind not in _KINDS:
        raise source.error(f"Unknown kind {kind!r} of effect", ("kind",), do=f"use one of {', '.join(_KINDS)}")
    document = source.validate(_KINDS[kind])
    if document.id != path.stem:
        raise source.error(f"The id is {document.id!r} but the file is {path.name}", ("id",))
    return document


def find_occupancy(name: str) -> OccupancyDoc:
    """Return an occupancy document by its id or, where one alone has it, by its target.

    Raises
    ------
    UnknownNameError
        Neither; the nearest names.
    """
    if name in _paths():
        document = find_effect(name)
        if isinstance(document, OccupancyDoc):
            return document
        raise UsageError(f"{name!r} is a document of {document.kind}", do=f"use one of {', '.join(_of_kind())}")
    fitting = [d for d in map(find_effect, _of_kind()) if isinstance(d, OccupancyDoc) and d.target == name]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"Several documents have the target {name}", do=f"use {', '.join(d.id for d in fitting)}")
    raise UnknownNameError("occupancy", name, _of_kind())


def occupancies_of(compound: str) -> list[OccupancyDoc]:
    """Return the occupancy documents that name a compound among their ligands."""
    documents = (find_effect(i) for i in _of_kind())
    return [d for d in documents if isinstance(d, OccupancyDoc) and compound in d.compounds]


def find_tolerance(name: str) -> ToleranceDoc:
    """Return a tolerance document by its id or its endpoint."""
    documents = [d for i in effect_ids() if isinstance(d := find_effect(i), ToleranceDoc)]
    for one in documents:
        if name in (one.id, one.endpoint):
            return one
    raise UnknownNameError("tolerance", name, [x for d in documents for x in (d.id, d.endpoint)])


def find_alertness(name: str = "alertness") -> AlertnessDoc:
    """Return the document of the alertness model."""
    document = find_effect(name)
    if not isinstance(document, AlertnessDoc):
        raise UsageError(f"{name!r} is no model of alertness")
    return document


def unsupported(compound: str, effect: str) -> Unsupported | None:
    """Return the entry that says that nothing supports an effect of a compound, if there is one."""
    asked = effect.casefold()
    for name in effect_ids():
        document = find_effect(name)
        if not isinstance(document, UnsupportedDoc):
            continue
        for one in document.effects:
            named = any(w.casefold() in asked or asked in w.casefold() for w in (one.effect, *one.words))
            if compound in one.compounds and (named or "any effect" in one.words):
                return one
    return None


@functools.cache
def _of_kind(kind: str = "occupancy") -> tuple[str, ...]:
    return tuple(i for i in effect_ids() if find_effect(i).kind == kind)
