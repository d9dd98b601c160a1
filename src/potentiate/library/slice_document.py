"""The slice as a document: layers, schemes, and numbers that each say where they come from."""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from ..units import parse
from .document import LIBRARY, Document, load
from .modulator import NumberDoc

DIRECTORY = LIBRARY / "preparations"

_DIMENSION = {
    "mV": "voltage", "ms": "time", "s": "time", "nS": "conductance", "pF": "capacitance", "GOhm": "resistance",
    "uM": "concentration", "um3": "volume",
}  # fmt: skip


class LayerDoc(Document):
    """One layer of the cell; coupling to the next, and the last has none."""

    name: str
    depth_um: float
    capacitance_pF: float = Field(gt=0)
    leak_nS: float = Field(gt=0)
    coupling_nS: float | None = Field(default=None, gt=0)
    spike_nS: float = Field(ge=0)
    gaba_nS: float = Field(ge=0)


class SchemesDoc(Document):
    """Receptor schemes by name."""

    ampa: str
    interneuron: str
    nmda: tuple[str, str]


class ChoicesDoc(Document):
    """Named mechanisms that may be exchanged."""

    cleft: str
    release: str
    magnesium_block: str


class SliceDocument(Document):
    """A slice preparation."""

    id: str
    title: str
    species: str
    temperature_C: float
    solution: str
    interior: str
    layers: list[LayerDoc]
    synapse_layers: dict[str, float]
    schemes: SchemesDoc
    choices: ChoicesDoc
    numbers: dict[str, NumberDoc]
    between_slices: dict[str, NumberDoc]
    plasticity: dict[str, NumberDoc]

    @model_validator(mode="after")
    def _consistent(self) -> SliceDocument:
        names = [layer.name for layer in self.layers]
        if missing := [name for name in self.synapse_layers if name not in names]:
            raise ValueError(f"synapses lie in {missing[0]!r}, which is no layer")
        if abs(sum(self.synapse_layers.values()) - 1.0) > 1e-9:
            raise ValueError("the shares of synapse_layers do not sum to 1")
        joined = [layer.coupling_nS is not None for layer in self.layers]
        if joined != [True] * (len(joined) - 1) + [False]:
            raise ValueError("every layer but the last is coupled to the next")
        return self

    def number(self, name: str) -> float:
        """Return a number of the preparation in the unit it is written in (mV, ms, nS, pF, GOhm, uM or plain)."""
        return _value(self.numbers[name], name)

    def between(self, name: str) -> float:
        """Return the coefficient of variation of a number between slices."""
        return _value(self.between_slices[name], name)

    def rule(self, name: str) -> float:
        """Return a number of the plasticity rule."""
        return _value(self.plasticity[name], name)

    @property
    def assumed(self) -> tuple[str, ...]:
        """Every number that no source gives, with the reason."""
        tables = (self.numbers, self.between_slices, self.plasticity)
        return tuple(
            f"{name.replace('_', ' ')} {number.value}: {number.reason}"
            for table in tables
            for name, number in table.items()
            if number.status == "assumed"
        )


def _value(number: NumberDoc, name: str) -> float:
    if isinstance(number.value, int | float):
        return float(number.value)
    assert number.value is not None, name
    text, _, unit = str(number.value).partition(" ")
    if unit in ("", "s", "um3"):
        return float(text)
    return float(parse(str(number.value), _DIMENSION[unit]))


def slice_ids() -> list[str]:
    """Return the ids of all slice preparations."""
    return sorted(path.stem for path in _paths())


def _paths() -> list[Path]:
    return [path for path in DIRECTORY.glob("*.yaml") if "\nlayers:\n" in path.read_text(encoding="utf-8")]


@functools.cache
def find_slice(name: str) -> SliceDocument:
    """Return a slice preparation by its id.

    Raises
    ------
    UnknownNameError
    DocumentError
    """
    if name not in slice_ids():
        raise UnknownNameError("slice", name, slice_ids(), do=f"use one of {', '.join(slice_ids())}")
    document, source = load(DIRECTORY / f"{name}.yaml", SliceDocument)
    if document.id != name:
        raise source.error(f"id {document.id!r} and file name differ", ("id",))
    return document
