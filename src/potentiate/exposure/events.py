"""Dosing events on a linear compartment model, with the semantics that pharmacometricians know from NONMEM.

A linear model lets every dose be followed alone: its course is added to the others. A dose with lag time starts at its
own moment in each person; a dose at steady state starts with what all earlier doses left; a reset ends all courses.

References: the event record of NONMEM (EVID, AMT, RATE, ADDL, II, SS), as described in the help of NONMEM and by the
test suite of mrgsolve (github.com/mrgsolve/nmtests).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import UsageError
from ..mechanisms.compartments import Compartments, carry, infused, on_grid, steady

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Event:
    """One dosing record.

    Attributes
    ----------
    time_h : float
    amount : float or array (people,)
        In the unit of the model; zero for a constant infusion at steady state (then `rate_per_h` counts) or a reset.
    compartment : str
    duration_h : float
        Of an infusion whose duration is fixed: bioavailability changes its rate.
    rate_per_h : float
        Of an infusion whose rate is fixed: bioavailability changes its duration. Not with `duration_h`.
    additional : int
        Further doses at `interval_h`.
    interval_h : float
    steady : {0, 1, 2}
        1: the system is at steady state of this dose, whatever was before; 2: the steady state is added.
    reset : bool
        All amounts, infusions and doses still to come of earlier records end here (EVID 3; with an amount EVID 4).
    """

    time_h: float
    amount: Any = 0.0
    compartment: str = "central"
    duration_h: float = 0.0
    rate_per_h: float = 0.0
    additional: int = 0
    interval_h: float = 0.0
    steady: Literal[0, 1, 2] = 0
    reset: bool = False

    def __post_init__(self) -> None:
        where = f"dosing event at {self.time_h:g} h"
        if np.any(np.asarray(self.amount) < 0) or self.duration_h < 0 or self.rate_per_h < 0:
            raise UsageError("A negative amount, duration or rate", where=where)
        if self.duration_h and self.rate_per_h:
            raise UsageError("An infusion with a rate and a duration", where=where, do="give one of them")
        if (self.additional or self.steady) and self.interval_h <= 0 and not self.constant:
            raise UsageError(
                "Additional doses or steady state without an interval", where=where, do="give the interval (II)"
            )
        if self.additional < 0 or self.steady not in (0, 1, 2):
            raise UsageError("A negative number of doses, or a steady state other than 0, 1, 2", where=where)
        if self.constant and self.additional:
            raise UsageError("A constant infusion has no additional doses", where=where)

    @property
    def constant(self) -> bool:
        """Whether this is a constant infusion that has run for ever and stops now."""
        return self.steady > 0 and self.rate_per_h > 0 and not np.any(np.asarray(self.amount))


@dataclasses.dataclass(frozen=True, eq=False)
class _Course:
    """What one dose does: an amount that is there at `start_h`, or enters at a constant rate until `stop_h`."""

    start_h: Array  # (people,)
    state: Array | None  # (people, n): of a dose of one
    scale: Array  # (people,)
    target: str = ""
    lasts_h: Array | None = None  # (people,): of an infusion of one per hour
    until_h: float = math.inf  # the next reset
    key: tuple[Any, ...] = ()


def course(
    model: Compartments,
    events: Sequence[Event],
    t_h: Array,
    readings: Array,
    *,
    lag_h: Mapping[str, Any] | None = None,
    bioavailability: Mapping[str, Any] | None = None,
    before: Array | None = None,
) -> Array:
    """Return readings of a model under dosing events.

    Parameters
    ----------
    model : Compartments
    events : sequence of Event
        In order of record.
    t_h : array, shape (m,)
        Ascending; a uniform grid is much cheaper.
    readings : array, shape (n, q) or (people, n, q)
    lag_h, bioavailability : mapping of compartment -> float or array (people,), optional
        Of doses into that compartment.
    before : bool array, shape (m,), optional
        Readings just before the doses of the same moment; by default they are taken just after.

    Returns
    -------
    array, shape (people, m, q)
    """
    t = np.asarray(t_h, float)
    if t.ndim != 1 or (len(t) > 1 and np.any(np.diff(t) < 0)):
        raise UsageError("Times of reading are not in order")
    lag, share = lag_h or {}, bioavailability or {}
    courses = _courses(model, events, lag, share)
    out = np.zeros((model.people, len(t), readings.shape[-1]))
    earlier = np.zeros(len(t), bool) if before is None else np.asarray(before, bool)
    dt = _step(t)
    tables: dict[Any, Array] = {}
    for one in courses:
        if dt is not None and not earlier.any() and one.lasts_h is None:
            _add_on_grid(out, model, one, t, dt, readings, tables)
        else:
            _add_at_times(out, model, one, t, readings, earlier)
    return out


def _step(t: Array) -> float | None:
    """Return the step of a uniform grid, or nothing."""
    if len(t) < 8:
        return None
    dt = (t[-1] - t[0]) / (len(t) - 1)
    return float(dt) if dt > 0 and np.allclose(np.diff(t), dt, rtol=1e-9, atol=1e-12) else None


def _courses(
    model: Compartments, events: Sequence[Event], lag: Mapping[str, Any], share: Mapping[str, Any]
) -> list[_Course]:
    ordered = sorted(events, key=lambda e: e.time_h)
    ends = [e.time_h if (e.reset or e.steady == 1) else math.inf for e in ordered]
    found: list[_Course] = []
    for k, event in enumerate(ordered):
        # records that share a moment count in their order
        until = min(ends[k + 1 :], default=math.inf)
        if not np.any(np.asarray(event.amount)) and not event.constant:
            continue
        delay = np.broadcast_to(np.asarray(lag.get(event.compartment, 0.0), float), (model.people,))
        part = np.broadcast_to(np.asarray(share.get(event.compartment, 1.0), float), (model.people,))
        amount = np.broadcast_to(np.asarray(event.amount, float), (model.people,)) * part
        duration: Array | None = None
        if event.duration_h > 0:
            duration = np.full(model.people, event.duration_h)
        elif event.rate_per_h > 0 and not event.constant:
            duration = amount / event.rate_per_h
        if event.steady:
            found += _steady_courses(model, event, amount, duration, delay, until)
        for number in range(event.additional + 1):
            start = event.time_h + number * event.interval_h
            if start >= until:
                break  # a reset cancels what is still to come
            if not event.constant:
                found.append(_dose(model, event, amount, duration, start + delay, until))
    return found


def _dose(
    model: Compartments, event: Event, amount: Array, duration: Array | None, start: Array, until: float
) -> _Course:
    if duration is None:
        return _Course(start, model.unit(event.compartment), amount, until_h=until, key=("unit", event.compartment))
    rate = np.divide(amount, duration, out=np.zeros_like(amount), where=duration > 0)
    return _Course(start, None, rate, event.compartment, duration, until)


def _steady_courses(
    model: Compartments, event: Event, amount: Array, duration: Array | None, delay: Array, until: float
) -> list[_Course]:
    """Return what all earlier doses left: courses that start at the record, the dose itself excluded."""
    start = np.full(model.people, event.time_h)
    if event.constant:  # what entered for ever at a constant rate; it stops at the record
        body = model.generator_per_h[:, :-1, :-1]
        source = model.unit(event.compartment)[:, :-1]
        level = -np.linalg.solve(np.swapaxes(body, 1, 2), source[..., None])[..., 0]
        state = np.concatenate([level, np.zeros((model.people, 1))], axis=1)
        part = np.full(model.people, event.rate_per_h)
        return [_Course(start, state, part, until_h=until, key=("constant", event.compartment, event.time_h))]
    interval = event.interval_h
    if np.any(delay >= interval):
        raise UsageError(
            "A lag time as long as the interval at steady state", where=f"dosing event at {event.time_h:g} h"
        )
    # the dose before was taken one interval ago and came in `delay` later
    gone = interval - delay
    if duration is None:
        after = steady(model, model.unit(event.compartment), interval)
        state = carry(model, after, gone)
        return [_Course(start, state, amount, until_h=until, key=("steady", event.compartment, interval, event.time_h))]
    rate = np.divide(amount, duration, out=np.zeros_like(amount), where=duration > 0)
    running: list[_Course] = []
    # infusions of earlier intervals that still run at the record, and those that have ended
    state = np.zeros((model.people, len(model.names)))
    most = math.ceil(float(duration.max()) / interval)
    for k in range(1, most + 1):
        since = k * interval - delay
        left = np.maximum(duration - since, 0.0)
        given = np.minimum(duration, since)
        state = state + carry(model, infused(model, event.compartment, given), np.maximum(since - given, 0.0))
        if np.any(left > 0):
            running.append(_Course(start, None, np.where(left > 0, rate, 0.0), event.compartment, left, until))
    ended = infused(model, event.compartment, duration)
    since = (most + 1) * interval - delay - duration
    state = state + carry(model, steady(model, ended, interval), np.maximum(since, 0.0))
    key = ("steady infusion", event.compartment, interval, event.time_h)
    return [_Course(start, state, rate, until_h=until, key=key), *running]


def _add_at_times(out: Array, model: Compartments, one: _Course, t: Array, readings: Array, earlier: Array) -> None:
    """Add a course at any times: one exponential for each person and time."""
    since = t[None, :] - one.start_h[:, None]
    seen = np.where(earlier[None, :], since > 1e-12, since >= -1e-12) & (t < one.until_h)[None, :]
    seen |= (t == one.until_h)[None, :] & earlier[None, :] & (since > 1e-12)
    columns = np.flatnonzero(seen.any(axis=0))
    if not len(columns):
        return
    after = np.maximum(since[:, columns], 0.0)
    if one.lasts_h is None:
        assert one.state is not None
        amounts = carry(model, one.state, after)
    else:
        amounts = np.zeros((model.people, len(columns), len(model.names)))
        for j in range(len(columns)):
            given = np.minimum(after[:, j], one.lasts_h)
            amounts[:, j] = carry(model, infused(model, one.target, given), after[:, j] - given)
    amounts *= (one.scale[:, None] * seen[:, columns])[..., None]
    out[:, columns] += np.matmul(amounts, readings)


def _add_on_grid(
    out: Array, model: Compartments, one: _Course, t: Array, dt: float, readings: Array, tables: dict[Any, Array]
) -> None:
    """Add a course on a uniform grid, through a table that equal doses share."""
    assert one.state is not None
    first = float(one.start_h.min())
    begin = math.floor((first - t[0]) / dt + 1e-9)  # grid point at or before the earliest start
    phase = (one.start_h - (t[0] + begin * dt)) / dt  # steps from there to each person's start
    if begin >= len(t) - 1 and np.all(phase > 1e-9):
        return
    count = len(t) - max(begin, 0) + max(-begin, 0)
    # doses into one compartment share their lag times, so the earliest start tells all
    key = (*one.key, round(float(phase.min()), 9))
    table = tables.get(key)
    if table is None or table.shape[1] < count:
        table = tables[key] = _aligned(model, one.state, phase, dt, count, readings)
    to = len(t) if math.isinf(one.until_h) else int(np.searchsorted(t, one.until_h - 1e-12))
    low = max(begin, 0)
    if to > low:
        out[:, low:to] += one.scale[:, None, None] * table[:, low - begin : to - begin]


def _aligned(model: Compartments, state: Array, phase: Array, dt: float, count: int, readings: Array) -> Array:
    """Return readings at 0 ... count-1 steps, of courses that start `phase` steps later in each person."""
    skip = np.ceil(phase - 1e-9).astype(int)
    begun = carry(model, state, np.maximum(skip - phase, 0.0) * dt)
    rows = on_grid(model, begun, dt, count, readings)
    if not skip.any():
        return rows
    aligned = np.zeros_like(rows)
    for steps in np.unique(skip):  # few: lag times are short. Slices are cheaper than gathering each sample
        if steps < count:
            late = skip == steps
            aligned[late, steps:] = rows[late, : count - steps]
    return aligned
