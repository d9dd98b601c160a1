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
from .pk_records import Record, Records, number, read_records
from .pk_units import Scale, amount_unit, concentration_unit, time_unit, volume_of

Array = NDArray[np.float64]

#: So many doses may one subject have, additional ones included.
MOST_DOSES = 10_000


@dataclass(frozen=True)
class PkDose:
    """One dose as given.

    Attributes
    ----------
    t_h, amount, duration_h : float
        The duration is 0 for a bolus or a swallowed dose.
    compartment : int
        As in the table; 1 where it has no CMT.
    interval_h : float
        Above 0: at steady state of such doses at this interval.
    place : float
        Among the records of the subject: an observation with a larger one comes after the dose.
    until : float
        Place of the reset that ends what the dose does.
    line : int
    """

    t_h: float
    amount: float
    duration_h: float
    compartment: int
    interval_h: float
    place: float
    until: float
    line: int


@dataclass(frozen=True, eq=False)
class PkSubject:
    """One person (or animal).

    Attributes
    ----------
    id : str
    doses : tuple of PkDose
    t_h, concentration : array, shape (n,)
        Of the observations.
    places : array, shape (n,)
        Among the records, to be compared with those of doses.
    lines : tuple of int, length n
    covariates : mapping of str -> float
        The first value of each; NaN where the table has none.
    changing : frozenset of str
        Covariates that do not stay the same.
    """

    id: str
    doses: tuple[PkDose, ...]
    t_h: Array
    concentration: Array
    places: Array
    lines: tuple[int, ...]
    covariates: Mapping[str, float]
    changing: frozenset[str] = frozenset()

    def counts(self) -> NDArray[np.bool_]:
        """Return whether each dose had been given when each sample was taken, shape (n, doses)."""
        begin = np.array([dose.place for dose in self.doses])
        end = np.array([dose.until for dose in self.doses])
        return (begin[None] < self.places[:, None]) & (self.places[:, None] < end[None])

    def counts_at(self, t_h: Array) -> NDArray[np.bool_]:
        """Return whether each dose has been given, and not been reset, at any times, shape (n, doses)."""
        begin = np.array([dose.t_h for dose in self.doses])
        end = []
        for dose in self.doses:
            after = [d.t_h for d in self.doses if d.place >= dose.until]
            after += list(self.t_h[self.places >= dose.until])
            end.append(min(after, default=math.inf))
        return (begin[None] <= t_h[:, None]) & (t_h[:, None] < np.array(end)[None])


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
    scales = _Scales.of(records, where)
    notes = list(records.notes)
    records, chosen = _of_one_kind(records, observed, where)
    notes += chosen
    subjects: list[PkSubject] = []
    empty: list[str] = []
    blq = late = zero = early = 0
    seen: dict[str, int] = {}
    for id, rows in _by_subject(records, seen, where):
        subject, below, nulls = _subject(id, rows, records, scales, where, repeats)
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


# ---------------------------------------------------------------------------------------------- units


@dataclass(frozen=True)
class _Scales:
    time: float
    amount: Scale
    concentration: Scale
    rate: float

    @classmethod
    def of(cls, records: Records, where: str) -> _Scales:
        """Return the scales of a table; a missing unit blocks the import."""
        missing = [name for name in ("TIME", "AMT", "DV") if not records.units.get(name)]
        if missing:
            example = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}
            raise DataError(
                f"No unit of {', '.join(missing)}", where=f"{where} line {records.header_line}",
                why="a number without a unit is never guessed",
                do="write it behind the name, e.g. " + " ".join(f'"{n} ({example[n]})"' for n in missing)
                + ", or give " + ",".join(f"{n}={example[n]}" for n in missing) + " as units",
            )  # fmt: skip
        time = time_unit(records.units["TIME"], f"{where} TIME")
        amount = amount_unit(records.units["AMT"], f"{where} AMT")
        concentration = concentration_unit(records.units["DV"], f"{where} DV")
        if (ii := records.units.get("II")) and time_unit(ii, f"{where} II") != time:
            raise DataError(f"II is in {ii} and TIME in {records.units['TIME']}", where=where, do="use one unit")
        told = records.units.get("RATE")
        if told:
            top, _, bottom = told.replace(" ", "").rpartition("/")
            rate = amount_unit(top, f"{where} RATE")
            if rate.unit != amount.unit:
                raise DataError(f"RATE is in {told} and AMT in {records.units['AMT']}", where=where, do="use one unit")
            return cls(time.factor, amount, concentration, rate.factor / time_unit(bottom, f"{where} RATE").factor)
        return cls(time.factor, amount, concentration, amount.factor / time.factor)


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


# ------------------------------------------------------------------------------------------- subjects


def _by_subject(records: Records, seen: dict[str, int], where: str) -> list[tuple[str, list[Record]]]:
    groups: list[tuple[str, list[Record]]] = []
    for record in records.rows:
        if not groups or groups[-1][0] != record.id:
            if record.id in seen:
                raise DataError(
                    f"Subject {record.id} appears again", where=f"{where} line {record.line}",
                    why=f"its other records begin at line {seen[record.id]}", do="put a subject's records together",
                )  # fmt: skip
            seen[record.id] = record.line
            groups.append((record.id, []))
        groups[-1][1].append(record)
    return groups


def _subject(
    id: str, rows: list[Record], records: Records, scales: _Scales, where: str, repeats: str
) -> tuple[PkSubject, int, int]:
    """Return a subject, how many of its observations were below the limit, and how many exactly 0."""
    doses: list[PkDose] = []
    times: list[float] = []
    values: list[float] = []
    places: list[float] = []
    lines: list[int] = []
    below = 0
    shift, before = 0.0, -math.inf
    met: dict[tuple[float, int], int] = {}
    for place, row in enumerate(rows):
        at = f"{where} line {row.line}"
        reset = row.evid in (3, 4)
        time = row.time * scales.time
        if reset and time + shift < before:
            shift = before - time  # a reset may start the clock again
        time += shift
        if time < before:
            raise DataError(
                "Time runs backwards", where=at, why=f"subject {id}: {row.time:g} after {rows[place - 1].time:g}",
                do="sort the records of each subject by TIME, or mark a new occasion by EVID 3 or 4",
            )  # fmt: skip
        before = time
        if reset or (row.evid == 1 and row.ss == 1):
            doses = [dataclasses.replace(d, until=min(d.until, float(place))) for d in doses]
            met = {}
        if row.evid in (1, 4):
            doses += _doses(row, time, float(place), scales, at)
            if len(doses) > MOST_DOSES:
                raise DataError(f"More than {MOST_DOSES} doses", where=at, why=f"ADDL {row.addl:g}", do="check ADDL")
        elif row.evid == 0 and not row.mdv:
            if row.below:
                below += 1
                continue
            key = (time, row.cmt)
            if key in met and repeats == "error":
                raise DataError(
                    f"Two observations of subject {id} at {row.time:g}", where=f"{at} and line {met[key]}",
                    why="replicates, or an error of typing?", do="remove one, or keep both on purpose (repeats)",
                )  # fmt: skip
            met[key] = row.line
            times.append(time)
            values.append(number(row.dv, f"{at} column DV") * scales.concentration.factor)
            places.append(float(place))
            lines.append(row.line)
    negative = [line for line, value in zip(lines, values, strict=True) if value < 0]
    if negative:
        raise DataError(
            f"Negative concentration of subject {id}", where=f"{where} line {negative[0]}",
            do="logarithms are not concentrations: give DV itself; mark what is below the limit as BLQ",
        )  # fmt: skip
    covariates = {name: _first([row.covariates[name] for row in rows]) for name in records.covariates}
    changing = frozenset(
        name for name in records.covariates
        if len({row.covariates[name] for row in rows if math.isfinite(row.covariates[name])}) > 1
    )  # fmt: skip
    made = PkSubject(
        id, tuple(doses), np.array(times), np.array(values), np.array(places), tuple(lines), covariates, changing
    )
    return made, below, sum(v == 0 for v in values)


def _doses(row: Record, time: float, place: float, scales: _Scales, at: str) -> list[PkDose]:
    amount = row.amt * scales.amount.factor
    if not amount > 0:
        raise DataError(
            f"A dose of {row.amt:g}", where=at, why="EVID says dose", do="AMT above 0, or EVID 0 for an observation"
        )
    if row.rate < 0:
        raise DataError(f"RATE {row.rate:g}", where=at, why="modelled rates and durations are not understood",
                        do="give the rate of the infusion itself")  # fmt: skip
    if row.ss not in (0, 1, 2):
        raise DataError(f"SS {row.ss}", where=at, do="0, 1 (steady state) or 2 (added to what is there)")
    duration = amount / (row.rate * scales.rate) if row.rate > 0 else 0.0
    interval = row.ii * scales.time
    if (row.ss or row.addl) and not interval > 0:
        raise DataError(f"{'SS' if row.ss else 'ADDL'} without an interval", where=at, do="give II above 0")
    if row.addl < 0 or row.addl != round(row.addl) or row.addl > MOST_DOSES:
        raise DataError(f"ADDL {row.addl:g}", where=at, do=f"a whole number, at most {MOST_DOSES}")
    if row.ss and duration > interval:
        raise DataError("An infusion at steady state that outlasts its interval", where=at, do="check RATE and II")
    first = PkDose(time, amount, duration, row.cmt or 1, interval if row.ss else 0.0, place, math.inf, row.line)
    # additional doses take the place of the first: they are given when their time has come
    more = [
        dataclasses.replace(first, t_h=time + k * interval, interval_h=0.0) for k in range(1, int(row.addl) + 1)
    ]
    return [first, *more]


def _first(values: list[float]) -> float:
    return next((v for v in values if math.isfinite(v)), math.nan)


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
