"""One subject of a PK table: doses and observations from its records, in hours and the units inside."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .pk_records import Record, Records, number
from .pk_units import Scale, amount_unit, concentration_unit, time_unit

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


@dataclass(frozen=True)
class Scales:
    """What turns the numbers of a table into those inside.

    Attributes
    ----------
    time : float
    amount, concentration : Scale
    rate : float
        Of infusions, to the amount inside per hour.
    """

    time: float
    amount: Scale
    concentration: Scale
    rate: float

    @classmethod
    def of(cls, records: Records, where: str) -> Scales:
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


def by_subject(records: Records, seen: dict[str, int], where: str) -> list[tuple[str, list[Record]]]:
    """Return the records of each subject in order; raises DataError where one appears again."""
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


def make_subject(
    id: str, rows: list[Record], records: Records, scales: Scales, where: str, repeats: str
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


def _doses(row: Record, time: float, place: float, scales: Scales, at: str) -> list[PkDose]:
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
