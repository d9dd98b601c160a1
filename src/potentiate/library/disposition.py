"""Dispositions: a compound's pharmacokinetic model in one species, as a document.

The compound document lists what was published; this one says which model is run and where each of its numbers
comes from. A number that no source gives stays unknown: the courses that would need it are then unknown too, or,
where half-life and time of the peak are known, a normalised shape (``scale: relative``).
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .compound_terms import Species
from .document import LIBRARY, Document, load

DISPOSITIONS = LIBRARY / "dispositions"

Route = Literal["po", "buccal", "sublingual", "gum", "pouch", "iv", "inhaled", "ip", "sc"]
ROUTES: tuple[Route, ...] = ("po", "buccal", "sublingual", "gum", "pouch", "iv", "inhaled", "ip", "sc")

#: unit -> (factor to L, L/h, 1/h, h or a pure number, scales with body weight)
UNITS: dict[str, tuple[float, bool]] = {
    "L": (1.0, False), "mL": (1e-3, False), "L/kg": (1.0, True), "mL/kg": (1e-3, True),
    "L/h": (1.0, False), "mL/min": (0.06, False), "L/min": (60.0, False), "mL/h": (1e-3, False),
    "L/h/kg": (1.0, True), "mL/min/kg": (0.06, True), "mL/h/kg": (1e-3, True),
    "1/h": (1.0, False), "1/min": (60.0, False), "h": (1.0, False), "min": (1.0 / 60.0, False), "d": (24.0, False),
    "1": (1.0, False), "%": (0.01, False), "kg": (1.0, False),
    "mg/h": (1.0, False), "mg/L": (1.0, False), "uM": (1.0, False),
}  # fmt: skip

#: quantity (last word of a parameter's name) -> units that it may be printed in
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "V": ("L", "mL", "L/kg", "mL/kg"),
    "CL": ("L/h", "mL/min", "L/min", "mL/h", "L/h/kg", "mL/min/kg", "mL/h/kg"),
    "rate": ("1/h", "1/min"),
    "time": ("h", "min", "d"),
    "fraction": ("1", "%"),
    "mass rate": ("mg/h",),
    "concentration": ("mg/L", "uM"),
    "weight": ("kg",),
}


class PkNumber(Document):
    """One number of a disposition: typical value, spread between people, and where both come from.

    `value` is the typical (median) value. `omega2` is the variance of its logarithm between people (a log-normal
    distribution; a fraction is kept below one); without it people do not differ in this number, and the run says so.
    `interval` is what the sources leave open for the typical value. Without a value, `unknown` says why; with an
    interval, runs may span it.
    """

    value: float | None = None
    unit: str
    interval: tuple[float, float] | None = None
    omega2: float | None = Field(default=None, ge=0)
    omega2_source: Key | None = None
    source: Key | None = None
    secondary: bool = False
    status: Literal["reported", "computed", "assumed", "calibrated"] = "reported"
    reason: Text | None = None
    unknown: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> PkNumber:
        if self.unit not in UNITS:
            raise ValueError(f"unit {self.unit!r}: use one of {', '.join(UNITS)}")
        if (self.value is None) == (self.unknown is None):
            raise ValueError("give either a value or, under 'unknown', the reason why there is none")
        if self.value is not None and self.value < 0:
            raise ValueError("a negative number")
        if self.interval is not None and not 0 <= self.interval[0] <= self.interval[1]:
            raise ValueError("an interval is [low, high]")
        if self.value is not None and self.source is None and self.status not in ("assumed", "calibrated"):
            raise ValueError("a value needs a source, or 'status: assumed' with a reason")
        if self.status != "reported" and not self.reason:
            raise ValueError(f"'status: {self.status}' needs a reason")
        return self

    @property
    def per_kg(self) -> bool:
        """Whether the number scales with body weight."""
        return UNITS[self.unit][1]

    def internal(self) -> float:
        """Return the typical value in L, L/h, 1/h, h or as a pure number (per kg where `per_kg`).

        Raises
        ------
        ValueError
            The value is unknown.
        """
        if self.value is None:
            raise ValueError(self.unknown)
        return self.value * UNITS[self.unit][0]

    def internal_interval(self) -> tuple[float, float] | None:
        """Return the interval in the same unit as :meth:`internal`."""
        factor = UNITS[self.unit][0]
        return None if self.interval is None else (self.interval[0] * factor, self.interval[1] * factor)

    def show(self) -> str:
        """Return the value with its unit as text."""
        return f"{self.value:g}" if self.unit == "1" else f"{self.value:g} {self.unit}"

    def needs(self, dimension: str) -> None:
        """Raise ValueError if the unit does not belong to a dimension of :data:`DIMENSIONS`."""
        if self.unit not in DIMENSIONS[dimension]:
            raise ValueError(f"a {dimension} in {self.unit!r}: use one of {', '.join(DIMENSIONS[dimension])}")


class Branch(Document):
    """One way in: a fraction of the dose that is absorbed from one site.

    `F` is what of this fraction reaches plasma unchanged. `first_pass` is what of the rest appears as metabolites
    (fractions of the amount, in mol). Without `ka` the branch enters plasma at once.
    """

    site: Literal["gut", "mouth", "lung", "tissue", "vein"]
    fraction: PkNumber | None = None  # of the dose; without it, all that no other branch takes
    F: PkNumber | None = None  # without it 1, which only iv may leave out
    ka: PkNumber | None = None
    tlag: PkNumber | None = None
    first_pass: dict[Key, PkNumber] = {}

    @model_validator(mode="after")
    def _dimensions(self) -> Branch:
        for number, dimension in (
            (self.fraction, "fraction"),
            (self.F, "fraction"),
            (self.ka, "rate"),
            (self.tlag, "time"),
        ):
            if number is not None:
                number.needs(dimension)
        for number in self.first_pass.values():
            number.needs("fraction")
        if self.site != "vein" and self.F is None:
            raise ValueError("a branch needs F (its value, or why it is unknown)")
        return self


class RouteDoc(Document):
    """One route of administration: parallel branches."""

    branches: tuple[Branch, ...] = Field(min_length=1, max_length=3)
    remark: Text | None = None

    @model_validator(mode="after")
    def _whole(self) -> RouteDoc:
        if sum(b.fraction is None for b in self.branches) != 1:
            raise ValueError("exactly one branch takes the rest of the dose: it has no 'fraction'")
        if len({b.site for b in self.branches}) != len(self.branches):
            raise ValueError("two branches at one site")
        return self


class MetaboliteDoc(Document):
    """What the model says of a metabolite once it is formed: its volume and clearance."""

    V: PkNumber
    CL: PkNumber

    @model_validator(mode="after")
    def _dimensions(self) -> MetaboliteDoc:
        self.V.needs("V")
        self.CL.needs("CL")
        return self


class Saturation(Document):
    """Michaelis-Menten elimination beside the linear one."""

    Vmax: PkNumber
    Km: PkNumber

    @model_validator(mode="after")
    def _dimensions(self) -> Saturation:
        self.Vmax.needs("mass rate")
        self.Km.needs("concentration")
        return self


class CovarianceDoc(Document):
    """A covariance between the logarithms of two numbers, by their flat names."""

    between: tuple[str, str]
    value: float
    source: Key


class VariantDoc(Document):
    """One complete set of numbers; variants differ in who was studied."""

    name: Key
    text: Text
    V: PkNumber | None = None
    CL: PkNumber | None = None  # elimination that is not followed further
    formation: dict[Key, PkNumber] = {}  # clearances to metabolites
    half_life: PkNumber | None = None  # instead of V and CL, for a relative course
    k12: PkNumber | None = None
    k21: PkNumber | None = None
    k13: PkNumber | None = None
    k31: PkNumber | None = None
    saturation: Saturation | None = None
    metabolites: dict[Key, MetaboliteDoc] = {}
    routes: dict[Route, RouteDoc] = {}  # where they differ from those of the disposition
    covariances: tuple[CovarianceDoc, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> VariantDoc:
        for number, dimension in ((self.V, "V"), (self.CL, "CL"), (self.half_life, "time")):
            if number is not None:
                number.needs(dimension)
        for number in (self.k12, self.k21, self.k13, self.k31):
            if number is not None:
                number.needs("rate")
        for number in self.formation.values():
            number.needs("CL")
        for there, back in ((self.k12, self.k21), (self.k13, self.k31)):
            if (there is None) != (back is None):
                raise ValueError("a peripheral compartment needs both rates, k12 and k21 (k13 and k31)")
        if self.k13 is not None and self.k12 is None:
            raise ValueError("a third compartment without a second")
        if missing := set(self.formation) - set(self.metabolites):
            raise ValueError(f"formation of {', '.join(sorted(missing))}, of which 'metabolites' says nothing")
        return self


class Disposition(Document):
    """A compound in a species: see the module.

    `fu` is the unbound fraction in plasma; `kpuu` the ratio of unbound concentrations in brain and plasma; `csf_ratio`
    that of CSF to total plasma. Each may be unknown, with the reason. `ke0` delays an effect site.
    """

    id: Key
    compound: Key
    species: Species
    scale: Literal["absolute", "relative"]
    apparent: bool = False  # volumes and clearances are divided by an unknown F
    body_weight: PkNumber  # to which per-kg numbers are scaled where the person's weight is not given
    fu: PkNumber
    kpuu: PkNumber
    csf_ratio: PkNumber | None = None
    ke0: PkNumber | None = None
    #: first variant is used where nothing is said of the person
    variants: tuple[VariantDoc, ...] = Field(min_length=1)
    routes: dict[Route, RouteDoc] = {}
    dose_range_mg: tuple[float, float] | None = None  # studied single doses
    named_effects: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _scaled(self) -> Disposition:
        self.body_weight.needs("weight")
        self.fu.needs("fraction")
        self.kpuu.needs("fraction")
        for variant in self.variants:
            absolute = variant.V is not None and variant.CL is not None and variant.half_life is None
            relative = variant.half_life is not None and variant.V is None and variant.CL is None
            if self.scale == "absolute" and not absolute:
                raise ValueError(f"variant {variant.name}: an absolute scale needs V and CL, and no half_life")
            if self.scale == "relative" and not relative:
                raise ValueError(f"variant {variant.name}: a relative scale needs half_life, and no V or CL")
            for key, doc in (self.routes | variant.routes).items():
                for branch in doc.branches:
                    if missing := set(branch.first_pass) - set(variant.metabolites):
                        raise ValueError(
                            f"first pass of {key} to {', '.join(sorted(missing))}: not among 'metabolites'"
                        )
            if not self.routes and not variant.routes:
                raise ValueError(f"variant {variant.name}: no routes")
            spread = {name for name, number in self.numbers(variant.name) if number.omega2}
            for covariance in variant.covariances:
                if missing := set(covariance.between) - spread:
                    raise ValueError(f"a covariance of {', '.join(sorted(missing))}, of which no spread is given")
        if len({v.name for v in self.variants}) != len(self.variants):
            raise ValueError("two variants of one name")
        return self

    def routes_of(self, variant: str | None = None) -> dict[Route, RouteDoc]:
        """Return the routes of a variant: its own, and those that all variants share."""
        return self.routes | self.variant(variant).routes

    def variant(self, name: str | None = None) -> VariantDoc:
        """Return a variant by name; the first without one.

        Raises
        ------
        UnknownNameError
        """
        if name is None:
            return self.variants[0]
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise UnknownNameError(f"variant of {self.id}", name, [v.name for v in self.variants])

    def numbers(
        self, variant: str | None = None, routes: Collection[str] | None = None
    ) -> Iterator[tuple[str, PkNumber]]:
        """Yield every number of a variant with its flat name.

        Names are ``V``, ``CL``, ``CL:paraxanthine`` (formation), ``half_life``, ``k12`` ..., ``Vmax``, ``Km``,
        ``paraxanthine.V``, ``paraxanthine.CL``, and per route ``po.gut.F``, ``po.gut.ka``, ``po.gut.tlag``,
        ``gum.mouth.fraction``, ``po.gut.first_pass:n-anisoyl-gaba``;
        ``fu``, ``kpuu``, ``csf_ratio``, ``ke0`` and ``body_weight`` too.

        Parameters
        ----------
        variant : str, optional
            Default the first.
        routes : collection of str, optional
            Only numbers of these; default all.
        """
        v = self.variant(variant)
        for name in ("V", "CL", "half_life", "k12", "k21", "k13", "k31"):
            if (number := getattr(v, name)) is not None:
                yield name, number
        if v.saturation is not None:
            yield "Vmax", v.saturation.Vmax
            yield "Km", v.saturation.Km
        for metabolite, number in v.formation.items():
            yield f"CL:{metabolite}", number
        for metabolite, doc in v.metabolites.items():
            yield f"{metabolite}.V", doc.V
            yield f"{metabolite}.CL", doc.CL
        for key, doc in self.routes_of(variant).items():
            for branch in doc.branches if routes is None or key in routes else ():
                at = f"{key}.{branch.site}"
                for name in ("fraction", "F", "ka", "tlag"):
                    if (number := getattr(branch, name)) is not None:
                        yield f"{at}.{name}", number
                for metabolite, number in branch.first_pass.items():
                    yield f"{at}.first_pass:{metabolite}", number
        for name in ("fu", "kpuu", "csf_ratio", "ke0", "body_weight"):
            if (number := getattr(self, name)) is not None:
                yield name, number


def disposition_ids() -> list[str]:
    """Return the ids of all dispositions, sorted."""
    return sorted(path.stem for path in DISPOSITIONS.glob("*.yaml"))


@functools.cache
def read_disposition(path: Path) -> Disposition:
    """Read and check one document.

    Raises
    ------
    DocumentError
    """
    found, source = load(path, Disposition)
    if found.id != path.stem:
        raise source.error(f"The id is {found.id!r} but the file is {path.name}", ("id",))
    if found.id != f"{found.compound}-{found.species.replace(' ', '-')}":
        raise source.error("The id is not compound-species", ("id",))
    return found


def find_disposition(compound: str, species: str = "human") -> Disposition | None:
    """Return the disposition of a compound (by id) in a species, or nothing where none is on record."""
    path = DISPOSITIONS / f"{compound}-{species.replace(' ', '-')}.yaml"
    return read_disposition(path) if path.exists() else None
