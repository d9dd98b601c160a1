"""Documents of synapse preparations -> frozen numbers, in internal units, each with where it comes from."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError, UsageError
from ..units import INTERNAL, parse
from .document import LIBRARY, Document, Source, load

PREPARATIONS = LIBRARY / "preparations"

#: Units of quantities that text at the command line never holds: dimension -> unit.
_OWN = {
    "length": "um",
    "area": "um2",
    "volume": "um3",
    "axial resistivity": "Ohm cm",
    "specific capacitance": "pF/um2",
    "specific conductance": "nS/um2",
    "number": "",
}
#: What cannot vanish without dividing by zero somewhere.
_NEVER_ZERO = ("time", "capacitance", "length", "axial resistivity")


class NumberDoc(Document):
    """One number: value, unit, and its source, or why it is assumed or to what it was calibrated."""

    value: float
    unit: str = ""
    source: str | None = None
    assumed: str | None = None
    calibrated: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _standing(self) -> NumberDoc:
        if sum(x is not None for x in (self.source, self.assumed, self.calibrated)) != 1:
            raise ValueError("a number needs exactly one of source, assumed, calibrated")
        return self

    def internal(self, dimension: str) -> float:
        """Return the value in the internal unit of a dimension.

        Raises
        ------
        UsageError
            Wrong unit; a negative number that is no voltage or temperature; an extent that is zero.
        """
        if self.value < 0 and dimension not in ("voltage", "temperature"):
            raise UsageError(f"Negative {dimension} {self.value:g} {self.unit}")
        if self.value == 0 and dimension in _NEVER_ZERO:
            raise UsageError(f"A {dimension} of zero", do="leave the part out, or give its size")
        if dimension in INTERNAL:
            return parse(f"{self.value} {self.unit}", dimension)
        if self.unit != _OWN[dimension]:
            raise UsageError(
                f"Unit {self.unit!r} of a {dimension}", do=f"write it in {_OWN[dimension] or 'a pure number'}"
            )
        return self.value


class ReceptorDoc(Document):
    """Receptors of one scheme at a site."""

    name: str
    family: Literal["AMPA", "NMDA"]
    scheme: str
    number: NumberDoc
    unitary: NumberDoc | None = None
    reversal: NumberDoc
    calcium_share: NumberDoc | None = None


class SpineDoc(Document):
    """A spine with a cylindrical head and neck."""

    head_length: NumberDoc
    head_diameter: NumberDoc
    neck_length: NumberDoc
    neck_diameter: NumberDoc
    axial_resistivity: NumberDoc
    specific_capacitance: NumberDoc


class CellDoc(Document):
    """Dendrite and soma as two passive compartments."""

    rest: NumberDoc
    dendrite_capacitance: NumberDoc
    dendrite_leak: NumberDoc
    soma_capacitance: NumberDoc
    soma_leak: NumberDoc
    coupling: NumberDoc


class CalciumDoc(Document):
    """Calcium handling of the head."""

    kappa: NumberDoc
    decay: NumberDoc
    rest: NumberDoc
    channel_density: NumberDoc


class PresynapticDoc(Document):
    """A compound that changes the release probability: it is multiplied by ``1 + (limit - 1) C / (C + half)``."""

    compound: str
    half: NumberDoc
    limit: NumberDoc


class PoolDoc(Document):
    """Vesicles of a site, one exponential of recovery."""

    docked: NumberDoc
    recovery: NumberDoc


class ReleaseDoc(Document):
    """Which law, at which resting probability, in which external calcium."""

    law: str
    probability: NumberDoc
    calcium: NumberDoc
    pool: PoolDoc | None = None
    post_tetanic: bool
    content_cv: NumberDoc
    drugs: list[PresynapticDoc] = []


class ResidualDoc(Document):
    """Glutamate that released vesicles leave in the common cleft of many sites."""

    peak: NumberDoc
    decay: NumberDoc


class CleftDoc(Document):
    """Waveform that receptors of a site see after the release of one vesicle."""

    waveform: str
    source: str
    residual: ResidualDoc | None = None


class SynapseDocument(Document):
    """A synapse preparation."""

    id: str
    kind: Literal["synapse"]
    title: str
    species: str
    age: str
    conditions: str
    temperature: NumberDoc
    calcium_external: NumberDoc
    magnesium_external: NumberDoc
    holding: NumberDoc
    sites: NumberDoc
    release: ReleaseDoc
    cleft: CleftDoc
    receptors: Annotated[list[ReceptorDoc], Field(min_length=1)]
    magnesium_block: str
    spine: SpineDoc | None = None
    cell: CellDoc | None = None
    calcium: CalciumDoc | None = None
    notes: list[str] = []

    @model_validator(mode="after")
    def _whole(self) -> SynapseDocument:
        if (self.spine is None) != (self.calcium is None):
            raise ValueError("a spine and its calcium handling come together")
        return self

    def numbers(self) -> dict[str, NumberDoc]:
        """Return every number by its path in the document."""
        found: dict[str, NumberDoc] = {}

        def walk(value: object, path: str) -> None:
            if isinstance(value, NumberDoc):
                found[path] = value
            elif isinstance(value, Document):
                for name in type(value).model_fields:
                    walk(getattr(value, name), f"{path}.{name}" if path else name)
            elif isinstance(value, list):
                for part in value:
                    label = getattr(part, "name", None) or getattr(part, "compound", "")
                    walk(part, f"{path}[{label}]")

        walk(self, "")
        return found

    def sources(self) -> list[str]:
        """Return all source texts, in order of appearance."""
        texts = [n.source for n in self.numbers().values() if n.source is not None]
        return list(dict.fromkeys([*texts, self.cleft.source]))

    def assumed(self) -> list[str]:
        """Return what the document assumes, one sentence each."""
        return [
            f"{path.replace('_', ' ')} {n.value:g}{' ' + n.unit if n.unit else ''}: {n.assumed}"
            for path, n in self.numbers().items()
            if n.assumed is not None
        ]


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A document with the file behind it, for errors."""

    document: SynapseDocument
    source: Source

    def number(self, number: NumberDoc, dimension: str) -> float:
        """Return a number in internal units; a wrong unit names the file."""
        try:
            return number.internal(dimension)
        except UsageError as error:
            raise self.source.error(error.what, ("id",), why=error.why, do=error.do) from None


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(PREPARATIONS.glob("*.yaml"))}


def synapse_ids() -> list[str]:
    """Return the ids of the synapse preparations of the library."""
    return [name for name in _paths() if _is_synapse(name)]


@functools.cache
def _is_synapse(name: str) -> bool:
    return "\nkind: synapse" in _paths()[name].read_text(encoding="utf-8")


@functools.cache
def find_preparation(name: str) -> Loaded:
    """Return a synapse preparation of the library, or of a document file given by its path.

    Raises
    ------
    UnknownNameError
        No such preparation; carries the nearest ids.
    DocumentError
        A rule of the format is broken.
    """
    if name.endswith((".yaml", ".yml")):
        return Loaded(*load(Path(name), SynapseDocument))
    if name not in synapse_ids():
        raise UnknownNameError("preparation", name, synapse_ids(), do=f"use one of {', '.join(synapse_ids())}")
    return Loaded(*load(_paths()[name], SynapseDocument))
