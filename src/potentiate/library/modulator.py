"""Modulator documents -> :class:`potentiate.kinetics.modulator.Modulator` and other actions on a receptor."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..errors import UsageError
from ..kinetics.modulator import Modulator, apply_agonist, apply_competitor, apply_modulator
from ..kinetics.scheme import Scheme
from ..units import ABSURD_CONCENTRATION_UM, parse, parse_rate, show_concentration
from .document import LIBRARY, Document, load

PARAMETERS = LIBRARY / "parameters" / "modulators"


class NumberDoc(Document):
    """Where one number comes from."""

    value: str | float | None = None
    interval: tuple[float, float] | None = None
    status: Literal["read", "assumed", "calibrated", "unknown"]
    source: str | None = None
    reason: str | None = None
    prior: tuple[float, float] | None = None
    word: Literal["determined", "one-sided", "not determined"] | None = None

    @model_validator(mode="after")
    def _sourced(self) -> NumberDoc:
        if self.status in ("read", "calibrated") and self.source is None:
            raise ValueError(f"a number that is {self.status} needs a source")
        if self.status in ("assumed", "unknown") and self.reason is None:
            raise ValueError(f"a number that is {self.status} needs a reason")
        return self


class VariantDoc(Document):
    """One complete set of weights; several variants span what the findings leave open."""

    name: str
    sites: int = Field(ge=1, le=4)
    weights: dict[Literal["bound", "open", "desensitized", "blocked"], list[float]] = {}
    split: dict[Literal["bind", "gate", "desensitize", "block", "convert"], float] = {}
    speed: dict[Literal["rest", "bound", "open", "desensitized", "blocked"], float] = {}
    reason: str


class ModulatorDocument(Document):
    """How a compound acts on AMPA-receptor schemes."""

    id: str
    kind: Literal["operator", "competitor", "agonist"]
    family: Literal["AMPA", "NMDA"] = "AMPA"
    kd: NumberDoc | None = None
    koff: NumberDoc | None = None
    affinity: NumberDoc | None = None
    efficacy: NumberDoc | None = None
    provenance: dict[str, NumberDoc] = {}
    variants: list[VariantDoc] = []
    valid_uM: tuple[float, float] | None = None
    assumed: list[str] = []
    calibrated_on: list[str] = []
    #: findings without a number of their own that narrow an interval (orders, nulls)
    bounded_by: list[str] = []
    #: findings whose number is itself a parameter
    read_from: list[str] = []


@dataclasses.dataclass(frozen=True)
class Action:
    """A compound's action on receptors, ready to be applied to any scheme.

    Attributes
    ----------
    compound : str
    kind : {"operator", "competitor", "agonist"}
    variants : tuple of (name, Modulator); empty unless `kind` is "operator"
    saturating_only : bool
        The affinity is unknown: only "saturating" may be asked for.
    """

    compound: str
    kind: str
    document: ModulatorDocument
    variants: tuple[tuple[str, Modulator], ...] = ()
    saturating_only: bool = False

    def apply(self, scheme: Scheme, variant: str | None = None) -> Scheme:
        """Return the scheme with this compound as a further ligand (or as its agonist).

        Raises
        ------
        UsageError
            The scheme is of another receptor family: nothing is known of the compound there.
        """
        doc = self.document
        if scheme.family != doc.family:
            raise UsageError(
                f"{self.compound} has no parameters at {scheme.family} receptors",
                why=f"its parameters are for {doc.family} receptors",
                do=f"use a scheme of the {doc.family} family",
            )
        if self.kind == "operator":
            return apply_modulator(scheme, self.modulator(variant))
        if self.kind == "competitor":
            assert doc.kd is not None and doc.koff is not None
            return apply_competitor(scheme, self.compound, _uM(doc.kd), _per_ms(doc.koff))
        assert doc.affinity is not None and doc.efficacy is not None
        return apply_agonist(scheme, self.compound, float(doc.affinity.value), float(doc.efficacy.value))  # type: ignore[arg-type]

    @property
    def used(self) -> frozenset[str]:
        """Findings that the parameters already hold."""
        return frozenset([*self.document.calibrated_on, *self.document.bounded_by, *self.document.read_from])

    def modulator(self, variant: str | None = None) -> Modulator:
        """Return the operator of a variant; the first one is the reference."""
        names = [name for name, _ in self.variants]
        if variant is None:
            return self.variants[0][1]
        if variant not in names:
            raise UsageError(f"{self.compound} has no variant {variant!r}", do=f"use one of {', '.join(names)}")
        return dict(self.variants)[variant]

    def dose_label(self, dose_uM: float) -> str:
        """Return a dose as text: "saturating" where the affinity is unknown and no number would mean anything."""
        return "saturating" if self.saturating_only and dose_uM > 0 else show_concentration(dose_uM)

    @property
    def kd_uM(self) -> float:
        """Affinity of the resting receptor for the drug (of the reference variant)."""
        if self.kind == "operator":
            return self.modulator().kd_uM
        assert self.document.kd is not None
        return _uM(self.document.kd)

    def concentration_uM(self, text: str) -> float:
        """Parse a concentration; "saturating" is a thousand times the affinity, but no more than 1 M.

        Raises
        ------
        UsageError
            A number is asked for while the affinity is unknown.
        """
        if text == "saturating":
            return min(1000.0 * self.kd_uM, ABSURD_CONCENTRATION_UM)
        if self.saturating_only:
            assert self.document.kd is not None
            raise UsageError(
                f"The affinity of {self.compound} is unknown",
                why=self.document.kd.reason or "",
                do='ask for the concentration "saturating"',
            )
        return parse(text, "concentration")


def _uM(number: NumberDoc) -> float:
    return parse(str(number.value), "concentration") if number.value is not None else 1.0


def _per_ms(number: NumberDoc) -> float:
    return parse_rate(str(number.value))[0]


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(PARAMETERS.glob("*.yaml"))}


def modulator_ids() -> list[str]:
    """Return the ids of all compounds whose action on AMPA-receptor schemes is parameterised."""
    return list(_paths())


@functools.cache
def find_action(compound: str) -> Action | None:
    """Return the action of a compound on AMPA-receptor schemes, or None where no parameters exist."""
    if compound not in _paths():
        return None
    doc, source = load(_paths()[compound], ModulatorDocument)
    variants = []
    if doc.kind == "operator":
        if doc.kd is None or doc.koff is None or not doc.variants:
            raise source.error("An operator needs kd, koff and at least one variant", ("kind",))
        for i, v in enumerate(doc.variants):
            try:
                modulator = Modulator(
                    compound,
                    v.sites,
                    _uM(doc.kd),
                    _per_ms(doc.koff),
                    {k: tuple(w) for k, w in v.weights.items()},
                    {str(k): w for k, w in v.split.items()},
                    {str(k): w for k, w in v.speed.items()},
                )
            except Exception as error:
                raise source.error(str(error).splitlines()[0], ("variants", i)) from None
            variants.append((v.name, modulator))
    unknown = doc.kd is not None and doc.kd.status == "unknown"
    return Action(compound, doc.kind, doc, tuple(variants), unknown)
