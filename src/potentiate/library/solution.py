"""Solutions as documents, and what they set: ions, osmolality, pH, reversal potentials, calcium shares."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from ..errors import DocumentError, UnknownNameError, UsageError
from ..mechanisms import electrolyte as salts
from ..mechanisms.permeation_potential import calcium_share, ghk_reversal_mV, nernst_mV, permeability_for_share
from .document import LIBRARY, Document, load

DIRECTORY = LIBRARY / "solutions"
PERMEABILITY = LIBRARY / "parameters" / "permeability.yaml"

Use = Literal["bath", "pipette", "interior"]


class Measured(Document):
    """What somebody measured in a solution."""

    osmolality_mOsm: float | None = None
    pH: float | tuple[float, float] | None = None


class SolutionDocument(Document):
    """A recipe (or the ions of a cell), where it is from and what for."""

    id: str
    name: str
    use: Use
    contents_mM: dict[str, float] = {}
    ions_mM: dict[str, float] = {}
    co2_fraction: float | None = Field(default=None, gt=0, lt=1)
    pH: float | None = Field(default=None, gt=0, lt=14)
    free_calcium_mM: float | None = Field(default=None, gt=0)
    temperature_degC: tuple[float, float] | None = None
    preparation: str
    measured: Measured | None = None
    status: Literal["read", "assumed"]
    source: str
    reason: str | None = None
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> SolutionDocument:
        if bool(self.contents_mM) == bool(self.ions_mM):
            raise ValueError("give either contents_mM (salts) or ions_mM")
        if (self.co2_fraction is None) == (self.pH is None):
            raise ValueError("give the CO2 of the gas, or the pH of a solution with another buffer")
        if self.status == "assumed" and not self.reason:
            raise ValueError("'status: assumed' needs a reason")
        return self


class ChannelDocument(Document):
    """What permeates one channel."""

    name: str
    permeability: dict[str, float]
    source: str | None = None
    reason: str | None = None
    remark: str | None = None
    calcium_share: float | None = Field(default=None, ge=0, lt=1)
    share_source: str | None = None

    @model_validator(mode="after")
    def _sourced(self) -> ChannelDocument:
        if (self.source is None) == (self.reason is None):
            raise ValueError("give a source, or the reason why the numbers are assumed")
        return self


class PermeabilityDocument(Document):
    """Channels, and where their calcium shares were measured."""

    channels: list[ChannelDocument]
    share_voltage_mV: float
    share_calcium_mM: float
    share_reason: str
    remarks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Solution:
    """A saline, a pipette solution or the inside of a cell.

    Attributes
    ----------
    id, name : str
    use : {"bath", "pipette", "interior"}
    contents_mM : mapping of salt -> mM; empty for an interior
    ions_mM : mapping of ion -> mM, as weighed in (see :meth:`ions_at`)
    co2_fraction : float or None
        Of the gas that it is bubbled with.
    stated_pH : float or None
    assumed : tuple of str
    """

    id: str
    name: str
    use: Use
    contents_mM: Mapping[str, float]
    ions_mM: Mapping[str, float]
    co2_fraction: float | None
    stated_pH: float | None
    document: SolutionDocument
    assumed: tuple[str, ...] = ()

    def pH_at(self, temperature_degC: float) -> float:
        """Return the pH: of the bicarbonate buffer at a temperature, or as stated."""
        if self.co2_fraction is None:
            assert self.stated_pH is not None  # the document has one of the two
            return self.stated_pH
        return salts.equilibrium_pH(self.ions_mM, self.co2_fraction, temperature_degC)

    def ions_at(self, temperature_degC: float) -> dict[str, float]:
        """Return the ions with bicarbonate in equilibrium with the gas, mM."""
        ions = dict(self.ions_mM)
        if self.co2_fraction is not None:
            ions["HCO3"] = salts.bicarbonate_mM(self.pH_at(temperature_degC), self.co2_fraction, temperature_degC)
        return ions

    @property
    def calcium_mM(self) -> float:
        """Free calcium, taken as the total (complexes are neglected)."""
        return self.ions_mM.get("Ca", 0.0)

    @property
    def magnesium_mM(self) -> float:
        """Free magnesium, taken as the total (complexes are neglected)."""
        return self.ions_mM.get("Mg", 0.0)

    @property
    def ideal_osmolality_mOsm(self) -> float:
        """Particles, if every salt were dissociated and ideal."""
        self._needs_recipe()
        return salts.ideal_osmolality_mOsm(self.contents_mM)

    @property
    def osmolality_mOsm(self) -> float:
        """What an osmometer would show (osmotic coefficients per salt)."""
        self._needs_recipe()
        return salts.osmolality_mOsm(self.contents_mM)

    def _needs_recipe(self) -> None:
        if not self.contents_mM:
            raise UsageError(f"{self.name} is given by its ions", why="its impermeant ions are not on record")

    def complaints(self, temperature_degC: float) -> list[str]:
        """Return what is unusual about the solution at a temperature.

        Raises
        ------
        UsageError
            It cannot be a solution for nervous tissue.
        """
        if not self.contents_mM:
            return []
        found = salts.complaints(self.contents_mM, self.pH_at(temperature_degC))
        limits = self.document.temperature_degC
        if limits and not limits[0] - 1.0 <= temperature_degC <= limits[1] + 1.0:
            found.append(f"used at {limits[0]:g}-{limits[1]:g} degC, here {temperature_degC:g} degC")
        return found

    def changed(self, **contents_mM: float) -> Solution:
        """Return the solution with other amounts, e.g. ``changed(CaCl2=4.0, MgSO4=0.0)``.

        Nothing replaces what is taken out; the ranges are checked.

        Raises
        ------
        UsageError
            Unknown or negative amounts, or an impossible solution.
        """
        self._needs_recipe()
        contents = {**self.contents_mM, **contents_mM}
        what = ", ".join(f"{name} {amount:g} mM" for name, amount in contents_mM.items())
        salts.complaints(contents, None)  # refuses the impossible
        return dataclasses.replace(
            self,
            name=f"{self.name} with {what}",
            contents_mM=types.MappingProxyType(contents),
            ions_mM=types.MappingProxyType(_ions(contents, self.document.free_calcium_mM)),
        )


def _ions(contents: Mapping[str, float], free_calcium_mM: float | None) -> dict[str, float]:
    ions = salts.ions_mM(contents)
    if free_calcium_mM is not None:
        ions["Ca"] = free_calcium_mM
    return ions


@functools.cache
def solution_ids() -> list[str]:
    """Return the ids of all solutions, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


@functools.cache
def find_solution(name: str) -> Solution:
    """Return a solution by its id.

    Raises
    ------
    UnknownNameError
        No such solution.
    DocumentError
        Its document breaks a rule.

    Examples
    --------
    >>> saline = find_solution("source-003")
    >>> saline.calcium_mM, saline.ideal_osmolality_mOsm
    (2.0, 327.5)
    """
    if name not in solution_ids():
        raise UnknownNameError("solution", name, solution_ids(), do="give the id of one of them")
    document, source = load(DIRECTORY / f"{name}.yaml", SolutionDocument)
    if document.id != name:
        raise source.error(f"id {document.id!r} and file name differ", ("id",))
    try:
        ions = _ions(document.contents_mM, document.free_calcium_mM) if document.contents_mM else document.ions_mM
        if document.contents_mM:
            salts.complaints(document.contents_mM, document.pH)
    except UsageError as error:
        raise DocumentError(error.what, where=source.where, why=error.why) from None
    assumed = tuple(f"solution {name}: {text}" for text in ((document.reason,) if document.reason else ()))
    assumed += tuple(f"solution {name}: {text}" for text in document.remarks if "assumed" in text)
    return Solution(
        document.id,
        document.name,
        document.use,
        types.MappingProxyType(dict(document.contents_mM)),
        types.MappingProxyType(dict(ions)),
        document.co2_fraction,
        document.pH,
        document,
        assumed,
    )


@functools.cache
def permeability_document() -> PermeabilityDocument:
    """Return the permeabilities of the channels."""
    return load(PERMEABILITY, PermeabilityDocument)[0]


@dataclasses.dataclass(frozen=True)
class Potentials:
    """What two solutions set at a temperature.

    Attributes
    ----------
    nernst_mV : mapping of ion -> mV
        Ions that both sides hold; not magnesium, which ATP binds inside.
    reversal_mV : mapping of channel -> mV
        ``AMPA``, ``AMPA without GluA2``, ``NMDA``, ``GABA-A``.
    calcium_share : mapping of channel -> fraction
        Of the inward current at `share_voltage_mV`, scaled from the calcium of the measurement to this bath.
    magnesium_mM, calcium_mM : float
        Outside.
    temperature_degC, pH : float
    """

    nernst_mV: Mapping[str, float]
    reversal_mV: Mapping[str, float]
    calcium_share: Mapping[str, float]
    share_voltage_mV: float
    magnesium_mM: float
    calcium_mM: float
    temperature_degC: float
    pH: float


def potentials(bath: Solution, inside: Solution, temperature_degC: float) -> Potentials:
    """Return the reversal potentials and calcium shares that a bath and an inside set.

    Raises
    ------
    UsageError
        The bath is no bath, or a channel has nothing that permeates it on one side.
    """
    if bath.use != "bath" or inside.use == "bath":
        raise UsageError(
            f"{bath.name} outside and {inside.name} inside",
            why="a bath goes outside, a pipette solution or interior inside",
        )
    out, within = bath.ions_at(temperature_degC), inside.ions_at(temperature_degC)
    document = permeability_document()
    at = document.share_voltage_mV
    reference = {**out, "Ca": document.share_calcium_mM}
    reversal, shares = {}, {}
    for channel in document.channels:
        reversal[channel.name] = ghk_reversal_mV(channel.permeability, out, within, temperature_degC)
        if channel.calcium_share is not None:
            others = {ion: p for ion, p in channel.permeability.items() if ion != "Ca"}
            p = permeability_for_share(channel.calcium_share, reference, within, at, temperature_degC, others)
            shares[channel.name] = calcium_share({**others, "Ca": p}, out, within, at, temperature_degC)
    nernst = {
        ion: nernst_mV(out[ion], within[ion], salts.CHARGE[ion], temperature_degC)
        for ion in ("Na", "K", "Cs", "Ca", "Cl", "HCO3")
        if out.get(ion) and within.get(ion)
    }
    return Potentials(
        nernst, reversal, shares, at, bath.magnesium_mM, bath.calcium_mM, temperature_degC, bath.pH_at(temperature_degC)
    )
