"""The documents behind a receptor: published observables, candidate schemes, permeation, generated tables."""

from __future__ import annotations

import functools
from typing import Literal

from pydantic import Field

from .composition import Composition, parse_composition
from .document import LIBRARY, Document, load

RECEPTORS = LIBRARY / "receptors"
RESCALINGS = LIBRARY / "parameters" / "receptors"


class RowDoc(Document):
    """Published observables of one composition."""

    composition: str
    EC50_uM: list[float] | None = Field(default=None, min_length=1, max_length=2)
    tau_deact_ms: list[float] | None = Field(default=None, min_length=1, max_length=2)
    tau_des_ms: list[float] | None = Field(default=None, min_length=1, max_length=2)
    tau_rec_ms: list[float] | None = Field(default=None, min_length=1, max_length=2)
    steady_over_peak: list[float] | None = Field(default=None, min_length=1, max_length=2)
    source: str
    remarks: list[str] = []


class PublishedDoc(Document):
    """The table of published observables."""

    title: str
    single_value_tolerance: float = Field(gt=0, lt=1)
    tolerance_source: str
    rows: list[RowDoc]
    sources: dict[str, str]


class CandidateDoc(Document):
    """A scheme and the composition it was published for."""

    scheme: str
    composition: str | None = None
    why: str
    caveat: str = ""
    levels_pS: list[float] | None = None
    conductance: str


class CandidatesDoc(Document):
    """All schemes that a composition can resolve to."""

    title: str
    candidates: list[CandidateDoc]


class PolyamineDoc(Document):
    """Numbers of the polyamine block."""

    blocker_uM: float = Field(ge=0)
    kd0_uM: float = Field(gt=0)
    zd: float
    thermal_mV: float
    outward: float
    outward_mid_mV: float
    outward_slope_mV: float
    source: str
    remarks: list[str] = []


class CalciumDoc(Document):
    """Fractional calcium current with and without edited GluA2."""

    edited: float
    lacking: float
    edited_source: str
    lacking_source: str
    contested: str


class PermeationDoc(Document):
    """What passes the pore."""

    title: str
    polyamine: PolyamineDoc
    calcium: CalciumDoc


class ModelDoc(Document):
    """Generated: observables of each scheme."""

    title: str
    generated_by: str
    definitions: str
    values: dict[str, dict[str, float]]


class RescalingDoc(Document):
    """Generated: a published scheme with six factors fitted to the table."""

    id: str
    title: str
    base: str
    composition: str
    status: Literal["calibrated"]
    source: str
    generated_by: str
    factors: dict[str, float]
    at_bound: list[str] = []
    values: dict[str, float]


@functools.cache
def published() -> PublishedDoc:
    """Return the table of published observables."""
    return load(RECEPTORS / "published.yaml", PublishedDoc)[0]


@functools.cache
def rows() -> tuple[tuple[Composition, RowDoc], ...]:
    """Return the rows of the table with their parsed compositions."""
    return tuple((parse_composition(row.composition), row) for row in published().rows)


@functools.cache
def candidates() -> tuple[CandidateDoc, ...]:
    """Return the schemes that a composition can resolve to."""
    return tuple(load(RECEPTORS / "candidates.yaml", CandidatesDoc)[0].candidates)


@functools.cache
def model_observables() -> dict[str, dict[str, float]]:
    """Return the generated observables of every candidate scheme, by scheme."""
    return load(RECEPTORS / "observables.yaml", ModelDoc)[0].values


@functools.cache
def permeation() -> PermeationDoc:
    """Return the numbers of polyamine block and fractional calcium current."""
    return load(RECEPTORS / "permeation.yaml", PermeationDoc)[0]


@functools.cache
def rescalings() -> dict[str, RescalingDoc]:
    """Return the calibrated rescalings by the text of their composition."""
    found = (load(path, RescalingDoc)[0] for path in sorted(RESCALINGS.glob("*.yaml")))
    return {doc.composition: doc for doc in found}
