"""Compounds as documents: what is known of an entity, from which page, and what is not known and why.

The kinetic operator of an AMPA receptor modulator is not here (``library/parameters``): these documents
hold identity, actions as published, solubility, metabolites, pharmacokinetics and status.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, model_validator

from ..errors import DocumentError, NoPharmacologyError, UnknownNameError, UsageError
from ..units import show_concentration
from .compound_parts import (
    Action,
    Caution,
    Constituent,
    Key,
    Pharmacokinetics,
    Solubility,
    Status,
    Substitution,
    Text,
    Vehicle,
)
from .compound_terms import (
    Species,
    cas_is_valid,
    molar_mass,
)
from .compound_use import Hazard, Limit, Onset, Tolerance
from .document import LIBRARY, Document, Source, read_text

DIRECTORY = LIBRARY / "compounds"
BIBLIOGRAPHY = LIBRARY / "references.bib"

#: keys of the four documents whose claims the laboratory answers; they are not in the bibliography
SOURCE_DOCUMENTS = ("source-000", "source-001", "source-002", "source-003")

IDENTITY = ("cas", "inchikey", "pubchem", "formula", "molar_mass")


def _cas(value: str) -> str:
    if not cas_is_valid(value):
        raise ValueError(f"{value!r} is not a CAS number (form or check digit)")
    return value


class Compound(Document):
    """One entity of the library; see the module for what belongs here.

    `unknown` maps each missing field to the reason. `pharmacology: none on record` means that the entity is
    known by name only and no effect of it may be predicted.
    """

    id: Key
    name: Text
    synonyms: tuple[str, ...] = ()
    cas: Annotated[str, AfterValidator(_cas)] | None = None
    kind: Literal["compound", "extract", "class", "product", "mixture", "intervention"]
    formula: str | None = None
    molar_mass: float | None = Field(default=None, gt=0)
    smiles: str | None = None
    inchikey: Annotated[str, Field(pattern=r"^[A-Z]{14}-[A-Z]{8}[SN][A-Z]-[A-Z]$")] | None = None
    pubchem: int | None = Field(default=None, gt=0)
    identity_sources: dict[str, Key] = {}
    unknown: dict[str, Text] = {}
    pharmacology: Literal["on record", "none on record"] = "on record"
    no_pharmacology: Text | None = None
    substitution: Substitution | None = None
    parent: Key | None = None
    metabolites: tuple[Key, ...] = ()
    constituents: tuple[Constituent, ...] = ()
    actions: tuple[Action, ...] = ()
    solubility: tuple[Solubility, ...] = ()
    vehicle: tuple[Vehicle, ...] = ()
    cautions: tuple[Caution, ...] = ()
    pharmacokinetics: dict[Species, Pharmacokinetics] = {}
    status: tuple[Status, ...] = ()
    onset: Onset | None = None
    tolerance: tuple[Tolerance, ...] = ()
    limits: tuple[Limit, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    named_in: tuple[Key, ...] = ()
    remarks: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _identified(self) -> Compound:
        for field in IDENTITY if self.kind == "compound" else ():
            if getattr(self, field) is None and field not in self.unknown:
                raise ValueError(f"{field!r} is missing: give it, or its reason under 'unknown'")
        if self.kind == "compound" and self.molar_mass is not None and self.formula is None:
            raise ValueError("a molar mass needs its formula")
        if self.kind != "compound" and self.formula is not None:
            raise ValueError(f"a {self.kind} has constituents, not a formula")
        for field in self.unknown:
            if field not in type(self).model_fields:
                raise ValueError(f"'unknown' names {field!r}, which is not a field")
            if getattr(self, field) not in (None, (), {}):
                raise ValueError(f"{field!r} is given and also unknown")
        for field in ("cas", "inchikey", "pubchem", "formula"):
            if getattr(self, field) is not None and field not in self.identity_sources:
                raise ValueError(f"'identity_sources' does not say where {field!r} is from")
        if self.formula is not None and self.molar_mass is not None:
            computed = molar_mass(self.formula)
            if abs(computed - self.molar_mass) > 0.02:
                raise ValueError(f"molar mass {self.molar_mass}, but {self.formula} has {computed:.3f}")
        return self

    @model_validator(mode="after")
    def _acting(self) -> Compound:
        none = self.pharmacology == "none on record"
        if none != (self.no_pharmacology is not None):
            raise ValueError("'no_pharmacology' goes with 'pharmacology: none on record', and only with it")
        if none and self.actions:
            raise ValueError("actions are listed although no pharmacology is on record")
        if not none and not self.actions and not self.constituents and "actions" not in self.unknown:
            raise ValueError("no actions: list them, or say why under 'unknown'")
        return self

    def require_pharmacology(self) -> None:
        """Refuse an entity of which no action is on record.

        Raises
        ------
        NoPharmacologyError
            With the reason and the substitution that documents made.
        """
        if self.no_pharmacology is None:
            return
        do = "name the compound that is meant"
        if self.substitution is not None:
            meant = self.substitution.text_is_about
            do = f"{self.substitution.text} If that is what you mean, ask for {meant!r}"
        raise NoPharmacologyError(
            f"No pharmacology on record for {self.name}",
            where=f"compound {self.id}",
            why=self.no_pharmacology,
            do=do,
        )

    def sources(self) -> set[str]:
        """Return the keys of every work and source document that this document cites."""
        found: set[str] = set(self.identity_sources.values()) | set(self.named_in)

        def walk(value: Any) -> None:
            if isinstance(value, dict):
                for key, part in value.items():
                    if key == "source" and part:
                        found.add(part)
                    elif key in ("sources", "named_by"):
                        found.update(part)
                    else:
                        walk(part)
            elif isinstance(value, list | tuple):
                for part in value:
                    walk(part)

        walk(self.model_dump(exclude={"identity_sources", "named_in"}))
        return found


def normalise(name: str) -> str:
    """Return a name without case, spaces, hyphens and signs; Greek letters are spelled out.

    Examples
    --------
    >>> normalise("Alpha-GPC") == normalise("α GPC")
    True
    """
    text = name.casefold()
    for letter, spelled in (("α", "alpha"), ("β", "beta"), ("γ", "gamma"), ("μ", "mu"), ("µ", "mu")):
        text = text.replace(letter, spelled)
    return re.sub(r"[\W_]", "", text)


@functools.cache
def compound_ids() -> list[str]:
    """Return the ids of all compounds, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


@functools.cache
def bibliography_keys() -> frozenset[str]:
    """Return the keys of the bibliography."""
    return frozenset(re.findall(r"^@\w+\{([^,\s]+),", read_text(BIBLIOGRAPHY), flags=re.MULTILINE))


def names_in(text: str) -> list[str]:
    """Return id, name, synonyms and CAS number of a document without reading the rest of it.

    The names of a document stand at its head, before ``kind``: a lookup must not pay for the validation,
    nor even for the parsing, of every document.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    head = yaml.load(text.split("\nkind:", 1)[0], Loader=loader)  # noqa: S506 - a safe loader
    return [n for n in (head["id"], head["name"], *head.get("synonyms", ()), head.get("cas")) if n]


@functools.cache
def _index() -> tuple[dict[str, str], list[str]]:
    by_name: dict[str, str] = {}
    shown: list[str] = []
    for identifier in compound_ids():
        names = names_in(read_text(DIRECTORY / f"{identifier}.yaml"))
        shown += names
        for name in names:
            by_name.setdefault(normalise(name), identifier)
    return by_name, shown


def read_compound(path: Path) -> Compound:
    """Read and check one compound document.

    Raises
    ------
    DocumentError
        A rule of the document is broken, a source key is not in the bibliography, or a compound that it
        refers to has no document.
    """
    source = Source(read_text(path), str(path))
    compound = source.validate(Compound)
    if compound.id != path.stem:
        raise source.error(f"id {compound.id!r} and file name differ", ("id",))
    missing = compound.sources() - bibliography_keys() - set(SOURCE_DOCUMENTS)
    if missing:
        raise DocumentError(
            f"Source key not in the bibliography: {', '.join(sorted(missing))}",
            where=str(path),
            do=f"add it to {BIBLIOGRAPHY.name}, or correct its spelling",
        )
    known = set(compound_ids())
    referred = {*compound.metabolites, *(c.compound for c in compound.constituents)}
    referred |= {compound.parent} if compound.parent else set()
    referred |= {compound.substitution.text_is_about} if compound.substitution else set()
    for other in sorted(referred - known):
        raise DocumentError(f"Compound {other!r} has no document", where=str(path))
    return compound


@functools.cache
def _load(identifier: str) -> Compound:
    return read_compound(DIRECTORY / f"{identifier}.yaml")


def known_names() -> dict[str, str]:
    """Return every name, synonym and CAS number with the id of its compound."""
    by_name, shown = _index()
    return {name: by_name[normalise(name)] for name in shown}


def find_compound(name: str) -> Compound:
    """Return the compound with this id, name, synonym or CAS number.

    Case, spaces, hyphens and signs do not matter.

    Raises
    ------
    UnknownNameError
        No such name; carries the nearest ones.
    DocumentError
        Its document breaks a rule.

    Examples
    --------
    >>> find_compound("72432-10-1").name
    'Aniracetam'
    """
    by_name, shown = _index()
    identifier = by_name.get(normalise(name))
    if identifier is None:
        raise UnknownNameError("compound", name, shown, do="give an id, a name or a CAS number it knows")
    return _load(identifier)


def all_compounds() -> list[Compound]:
    """Return every compound, sorted by id."""
    return [_load(identifier) for identifier in compound_ids()]


def cautions(compound: Compound, concentration_uM: float) -> list[str]:
    """Return what to keep in mind when a compound is used at a concentration.

    Parameters
    ----------
    compound : Compound
        The compound.
    concentration_uM : float
        Concentration at the site, uM.

    Returns
    -------
    list of str
        One sentence per caution whose threshold is reached, each with the standing of its threshold.

    Raises
    ------
    UsageError
        Negative or non-finite concentration.
    """
    if not math.isfinite(concentration_uM) or concentration_uM < 0:
        raise UsageError(f"Concentration {concentration_uM} uM is not a finite number of zero or more")
    found = []
    for caution in compound.cautions:
        if concentration_uM >= caution.above_uM:
            basis = ", ".join(caution.sources)
            if caution.status != "reported":
                basis = f"{caution.status}: {caution.reason}"
            found.append(
                f"{compound.name} at {show_concentration(concentration_uM)} ({caution.subject}): "
                f"{caution.text} [from {show_concentration(caution.above_uM)}; {basis}]"
            )
    return found
