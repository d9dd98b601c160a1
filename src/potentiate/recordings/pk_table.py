"""Doses and concentrations of people over time, from tables in the form that NONMEM reads."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UnknownNameError
from .pk_records import Record, Records, read_records
from .pk_subject import PkDose as PkDose
from .pk_subject import PkSubject, Scales, by_subject, make_subject
from .pk_units import volume_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PkTable:
    """A PK data set.

    Attributes
    ----------
    subjects : tuple of PkSubject
        Those with observations.
    amount_unit, concentration_unit : str
        mg, umol, mg/kg ...; mg/L or uM. Times are in h.
    units : mapping of str -> str
        As the table (or the caller) wrote them, covariates included.
    covariates : tuple of str
    where : str
        File name.
    notes : tuple of str
        What was met while reading.
    sha256 : str
    """

    subjects: tuple[PkSubject, ...]
    amount_unit: str
    concentration_unit: str
    units: Mapping[str, str]
    covariates: tuple[str, ...]
    where: str
    notes: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def volume_unit(self) -> str:
        """Unit of volumes, amount over concentration."""
        return volume_of(self.amount_unit, self.concentration_unit)

    @property
    def observations(self) -> int:
        """Number of observations."""
        return sum(s.t_h.size for s in self.subjects)

    def subject(self, id: str) -> PkSubject:
        """Return a subject by its identifier; raises UnknownNameError."""
        for subject in self.subjects:
            if subject.id == id:
                return subject
        raise UnknownNameError("subject", id, [s.id for s in self.subjects])

    def covariate(self, name: str) -> Array:
        """Return a covariate of all subjects, shape (subjects,).

        Raises
        ------
        UnknownNameError
        DataError
            It is missing, or changes, in a subject.
        """
        if name not in self.covariates:
            raise UnknownNameError(
                f"covariate of {self.where}", name, self.covariates,
                do=f"there are: {', '.join(self.covariates) or 'none'}",
            )  # fmt: skip
        for s in self.subjects:
            if name in s.changing:
                raise DataError(
                    f"{name} changes within subject {s.id}", where=f"{self.where} line {s.lines[0]} and after",
                    why="covariates that change over time are not modelled",
                    do="use its first value in every row, or leave the covariate out of the model",
                )  # fmt: skip
            if not math.isfinite(s.covariates[name]):
                raise DataError(f"{name} of subject {s.id} is missing", where=self.where, do="fill it in")
        return np.array([s.covariates[name] for s in self.subjects])


def read_pk_table(
    path: str | Path, *, units: Mapping[str, str] | None = None, molar_mass_g_mol: float | None = None,
    repeats: Literal["error", "keep"] = "error", observed: int | None = None,
) -> PkTable:  # fmt: skip
    """Read a PK table.

    Parameters
    ----------
    path : path
        Text with one record per line, separated by commas, semicolons, tabs or blanks. First line: names. ID, TIME, DV
        and AMT are needed; EVID, MDV, CMT, RATE, ADDL, II, SS and BLQ are understood; all others are covariates. A unit
        stands behind its name, ``TIME (h)``, or all of them in the second line.
    units : mapping, optional
        Units that the table does not state: ``{"TIME": "h", "AMT": "mg", "DV": "mg/L"}``.
    molar_mass_g_mol : float, optional
        Joins doses in mg to concentrations in uM (and the other way round): concentrations are converted.
    repeats : {"error", "keep"}
        Two observations of a subject at one time.
    observed : int, optional
        Which observations are used, where there are several kinds (DVID, else CMT).

    Returns
    -------
    PkTable
        Observations below the limit of quantification are left out, and counted in the notes.

    Raises
    ------
    DataError
        Not a table; a needed column or unit is missing; a number is none; times run backwards; a subject's records are
        not together; two observations at one time; events that are not understood.
    UnknownNameError
        `units` names no column.
    """
    path = Path(path)
    where = path.name
    records = read_records(path, dict(units or {}))
    scales = Scales.of(records, where)
    notes = list(records.notes)
    records, chosen = _of_one_kind(records, observed, where)
    notes += chosen
    subjects: list[PkSubject] = []
    empty: list[str] = []
    blq = late = zero = early = 0
    seen: dict[str, int] = {}
    for id, rows in by_subject(records, seen, where):
        subject, below, nulls = make_subject(id, rows, records, scales, where, repeats)
        blq, zero = blq + below, zero + nulls
        if not subject.t_h.size:
            empty.append(id)
            continue
        if not subject.doses:
            raise DataError(
                f"Subject {id} has observations and no dose", where=f"{where} line {rows[0].line}",
                why="nothing explains them", do="add the record of the dose (AMT), or remove the subject",
            )  # fmt: skip
        late += int(sum(dose.place > subject.places.max() for dose in subject.doses))
        early += int((~subject.counts().any(axis=1)).sum())
        subjects.append(subject)
    if not subjects:
        raise DataError("No observations", where=where, why="no record has a DV with AMT 0 and MDV 0")
    if empty:
        notes.append(f"{len(empty)} subject{'s' * (len(empty) > 1)} without observations left out: {_some(empty)}")
    if late:
        notes.append(f"{late} dose{'s' * (late > 1)} after the last observation of a subject: they change nothing")
    if early:
        notes.append(f"{early} observation{'s' * (early > 1)} before the first dose: the model says 0 there")
    if zero:
        notes.append(f"{zero} observation{'s' * (zero > 1)} of exactly 0 kept as numbers")
    if blq:
        notes.append(f"{blq} observation{'s' * (blq > 1)} below the limit of quantification left out: late "
                     "concentrations are biased upwards")  # fmt: skip
    changing = sorted({name for s in subjects for name in s.changing})
    if changing:
        notes.append(f"change over time (not usable in a model): {', '.join(changing)}")
    table = PkTable(
        tuple(subjects), scales.amount.unit, scales.concentration.unit, records.units, records.covariates, where,
        tuple(notes), hashlib.sha256(path.read_bytes()).hexdigest(),
    )  # fmt: skip
    return _joined(table, molar_mass_g_mol)


def _of_one_kind(records: Records, observed: int | None, where: str) -> tuple[Records, list[str]]:
    """Return the records with observations of one kind only."""
    rows = [row for row in records.rows if row.evid == 0 and not row.mdv]
    column = "DVID" if len({row.dvid for row in rows}) > 1 else "CMT"

    def kind(row: Record) -> int:
        return row.dvid if column == "DVID" else row.cmt

    kinds = sorted({kind(row) for row in rows})
    if observed is None and len(kinds) > 1:
        raise DataError(
            f"Several kinds of observations: {column} {', '.join(map(str, kinds))}", where=where,
            why="one concentration is modelled at a time", do="say which one is meant (observed)",
        )  # fmt: skip
    if observed is None:
        return records, []
    if observed not in kinds:
        known = ", ".join(map(str, kinds))
        raise DataError(f"No observation has {column} {observed}", where=where, do=f"one of {known}")
    kept = tuple(r for r in records.rows if not (r.evid == 0 and not r.mdv) or kind(r) == observed)
    left = len(records.rows) - len(kept)
    said = [f"{left} observations of another {column} left out"] if left else []
    return dataclasses.replace(records, rows=kept), said


def _joined(table: PkTable, molar_mass: float | None) -> PkTable:
    """Return the table with concentrations in the kind of unit that the doses have."""
    top = table.amount_unit.partition("/")[0]
    wanted = {"mg": "mg/L", "umol": "uM"}[top]
    if wanted == table.concentration_unit:
        return table
    if molar_mass is None:
        volume_of(table.amount_unit, table.concentration_unit)  # says what to do
    if molar_mass is None or not (math.isfinite(molar_mass) and molar_mass > 0):
        raise DataError(f"Molar mass {molar_mass}", do="give it in g/mol, above 0")
    factor = molar_mass / 1e3 if wanted == "mg/L" else 1e3 / molar_mass
    subjects = tuple(dataclasses.replace(s, concentration=s.concentration * factor) for s in table.subjects)
    note = f"concentrations converted to {wanted} by a molar mass of {molar_mass:g} g/mol"
    return dataclasses.replace(table, subjects=subjects, concentration_unit=wanted, notes=(*table.notes, note))


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
