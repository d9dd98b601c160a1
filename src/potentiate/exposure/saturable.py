"""Courses with saturable (Michaelis-Menten) elimination: no superposition holds, so each person is integrated.

SciPy's LSODA switches between stiff and non-stiff methods and is started again at everything that happens: a dose that
comes in, an infusion that begins or ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import NumericalError, UsageError
from ..mechanisms.compartments import Array, Compartments
from .events import Event

RTOL, ATOL = 1e-9, 1e-12


def follow_saturable(
    model: Compartments,
    events: Sequence[Event],
    t_h: Array,
    readings: Array,
    maximum_per_h: Array,
    half_amount: Array,
    *,
    lag_h: Mapping[str, Any] | None = None,
) -> Array:
    """Return readings under dosing events with saturable elimination from ``central``.

    Parameters
    ----------
    model : Compartments
        The linear part.
    events : sequence of Event
        Without steady state, which has no closed form here.
    t_h : array, shape (m,)
        Ascending.
    readings : array, shape (people, n, q)
    maximum_per_h : array, shape (people,)
        Largest rate, in amount/h.
    half_amount : array, shape (people,)
        Amount in ``central`` at which the rate is half of that.
    lag_h : mapping of compartment -> array (people,), optional

    Returns
    -------
    array, shape (people, m, q)

    Raises
    ------
    UsageError
        Steady state or a reset is asked for.
    NumericalError
        The solver gave up.
    """
    from scipy.integrate import solve_ivp

    if any(e.steady or e.reset for e in events):
        raise UsageError(
            "Steady state of a compound with saturable elimination",
            why="it has no closed form, and doses do not add up", do="give the doses one by one, e.g. daily x30",
        )  # fmt: skip
    t = np.asarray(t_h, float)
    central = model.index("central")
    out = np.zeros((model.people, len(t), readings.shape[-1]))
    for person in range(model.people):
        generator = model.generator_per_h[person].T
        maximum, half = float(maximum_per_h[person]), float(half_amount[person])

        def slope(
            _: float, x: Array, source: Array, g: Array = generator, v: float = maximum, h: float = half
        ) -> Array:
            lost = v * x[central] / (h + x[central])
            change = g @ x + source
            change[central] -= lost
            change[-1] += lost
            return change

        boluses, infusions = _inputs(model, events, lag_h or {}, person)
        edges = sorted({s for s, *_ in boluses} | {s for s, *_ in infusions} | {e for _, e, *_ in infusions})
        state, now = np.zeros(len(model.names)), min([*edges, float(t[0])])
        ends = [e for e in [*edges, float(t[-1]) + 1e-9] if e >= now]
        for end in ends:
            inside = (t >= now) & (t < end)
            if end > now:
                source = np.zeros(len(model.names))
                for start, stop, where, rate in infusions:
                    if start <= now and end <= stop:
                        source[where] += rate
                at = np.append(t[inside], end)
                solution = solve_ivp(slope, (now, end), state, "LSODA", at, args=(source,), rtol=RTOL, atol=ATOL)
                if not solution.success:
                    raise NumericalError("The course could not be integrated", why=solution.message)
                out[person, inside] = solution.y[:, :-1].T @ readings[person]
                state, now = solution.y[:, -1], end
            for start, where, amount in boluses:
                if start == end:
                    state[where] += amount
    return out


def _inputs(
    model: Compartments, events: Sequence[Event], lag_h: Mapping[str, Any], person: int
) -> tuple[list[tuple[float, int, float]], list[tuple[float, float, int, float]]]:
    """Return boluses (start, compartment, amount) and infusions (start, end, compartment, rate) of a person."""
    boluses, infusions = [], []
    for event in events:
        lag = float(np.broadcast_to(lag_h.get(event.compartment, 0.0), (model.people,))[person])
        amount = float(np.broadcast_to(event.amount, (model.people,))[person])
        where = model.index(event.compartment)
        for k in range(event.additional + 1):
            start = event.time_h + k * event.interval_h + lag
            duration = event.duration_h or (amount / event.rate_per_h if event.rate_per_h else 0.0)
            if duration:
                infusions.append((start, start + duration, where, amount / duration))
            else:
                boluses.append((start, where, amount))
    return boluses, infusions
