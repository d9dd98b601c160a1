"""Linear compartment models, exactly: amounts that move between compartments at constant rates.

What leaves the body goes to a last compartment, ``out``, so that the rates form the generator of a Markov chain and a
matrix exponential carries any amount over any time without error of a step. People are the first axis throughout.
On a uniform grid the course of a dose costs two short walks and one product (a table of small steps seen through the
readings, and a table of giant steps), not one step for each sample.

References: Sheiner et al. 1979, Clin Pharmacol Ther 25:358 (an effect site takes a negligible amount); the two-level
walk is that of `numerics.propagation`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..numerics.matrix_exponential import transition_matrix

Array = np.ndarray
OUT = "out"


@dataclasses.dataclass(frozen=True, eq=False)
class Compartments:
    """A chain of compartments of one or many people.

    Attributes
    ----------
    names : tuple of str
        The last is ``out``.
    generator_per_h : array, shape (people, n, n)
        Entry (i, j) is the rate from i to j, 1/h; rows sum to zero.
    """

    names: tuple[str, ...]
    generator_per_h: Array

    @property
    def people(self) -> int:
        """Number of people."""
        return len(self.generator_per_h)

    def index(self, name: str) -> int:
        """Return the position of a compartment."""
        return self.names.index(name)

    def unit(self, name: str) -> Array:
        """Return the state (people, n) with amount one in a compartment."""
        state = np.zeros(self.generator_per_h.shape[:2])
        state[:, self.index(name)] = 1.0
        return state


def compartments(names: Sequence[str], flows_per_h: Mapping[tuple[str, str], Any], people: int) -> Compartments:
    """Build the model from its flows.

    Parameters
    ----------
    names : sequence of str
        Without ``out``, which is added.
    flows_per_h : mapping of (from, to) -> float or array (people,)
        Rates, 1/h.
    people : int

    Raises
    ------
    ValueError
        A rate is negative or not finite, or a name is unknown.
    """
    every = (*names, OUT)
    generator = np.zeros((people, len(every), len(every)))
    for (here, there), rate in flows_per_h.items():
        rate = np.broadcast_to(np.asarray(rate, float), (people,))
        if not np.all(np.isfinite(rate)) or np.any(rate < 0):
            raise ValueError(f"the rate from {here} to {there} is negative or not finite")
        i, j = every.index(here), every.index(there)
        generator[:, i, j] += rate
        generator[:, i, i] -= rate
    return Compartments(every, generator)


def carry(model: Compartments, state: Array, t_h: Any) -> Array:
    """Return the amounts after a time.

    Parameters
    ----------
    state : array, shape (people, n)
    t_h : float or array, shape (people,) or (people, m)
        Not negative.

    Returns
    -------
    array, shape (people, n) or (people, m, n)
    """
    t = np.asarray(t_h, float)
    if t.ndim == 2:
        p = transition_matrix(model.generator_per_h[:, None], np.broadcast_to(t, (model.people, t.shape[1])))
        return np.matmul(state[:, None, None, :], p)[..., 0, :]
    p = transition_matrix(model.generator_per_h, np.broadcast_to(t, (model.people,)))
    return np.matmul(state[:, None, :], p)[:, 0, :]


def infused(model: Compartments, target: str, t_h: Any) -> Array:
    """Return the amounts (people, n) after a constant input of 1/h into a compartment for a time from an empty body.

    The integral over a short piece is a series; pieces are joined by doubling, so nothing is divided by a rate.
    """
    t = np.broadcast_to(np.asarray(t_h, float), (model.people,))
    weight = np.maximum(-np.diagonal(model.generator_per_h, axis1=1, axis2=2).min(axis=1) * t, 1e-300)
    pieces = max(1, 2 ** math.ceil(math.log2(max(float(weight.max()), 1.0))))
    step = t / pieces
    start = model.unit(target)
    total = _integral_series(model.generator_per_h, start, step)
    p = transition_matrix(model.generator_per_h, step)
    done = 1
    while done < pieces:  # doubling: I(2t) = I(t) + I(t) P(t)
        total = total + np.matmul(total[:, None, :], p)[:, 0, :]
        p = p @ p
        done *= 2
    return total


def _integral_series(generator: Array, start: Array, step: Array) -> Array:
    """Return ``start`` times the integral of exp(G s) over a step with rates x step below one."""
    term = start * step[:, None]
    total = term.copy()
    scaled = generator * step[:, None, None]
    for k in range(2, 40):
        term = np.matmul(term[:, None, :], scaled)[:, 0, :] / k
        total = total + term
        if np.max(np.abs(term)) < 1e-17 * np.max(np.abs(total)):
            break
    return total


def steady(model: Compartments, state: Array, interval_h: float) -> Array:
    """Return the amounts just after a dose that has been repeated for ever.

    Parameters
    ----------
    state : array, shape (people, n)
        What one dose leaves at that moment.
    interval_h : float

    Notes
    -----
    What left the body is not counted: it would be without limit.
    """
    p = transition_matrix(model.generator_per_h, np.full(model.people, float(interval_h)))[:, :-1, :-1]
    rest = np.eye(p.shape[-1]) - p
    body = np.linalg.solve(np.swapaxes(rest, 1, 2), state[:, :-1, None])[..., 0]
    return np.concatenate([body, np.zeros((model.people, 1))], axis=1)


def on_grid(model: Compartments, state: Array, dt_h: float, count: int, readings: Array) -> Array:
    """Return readings at 0, dt, 2 dt, ... from a state.

    Parameters
    ----------
    state : array, shape (people, n)
    dt_h : float
    count : int
        Samples.
    readings : array, shape (people, n, q) or (n, q)
        What a unit amount in a compartment adds to each reading (1/volume, for a concentration).

    Returns
    -------
    array, shape (people, count, q)
    """
    q = readings.shape[-1]
    if count == 0:
        return np.zeros((model.people, 0, q))
    baby = max(1, math.isqrt(count - 1) + 1)
    giants = -(-count // baby)
    step = transition_matrix(model.generator_per_h, np.full(model.people, dt_h))
    # seen[:, j] = P^j R for j < baby: through the readings, columns are few
    seen = np.broadcast_to(readings, (model.people, *readings.shape[-2:]))[:, None]
    power = step
    while seen.shape[1] < baby:
        seen = np.concatenate([seen, np.matmul(power[:, None], seen)], axis=1)
        power = power @ power
    seen = seen[:, :baby]
    stride = _power(step, baby)
    rows = state[:, None, :]
    while rows.shape[1] < giants:
        rows = np.concatenate([rows, rows @ stride], axis=1)
        stride = stride @ stride
    rows = rows[:, :giants]
    # (people, giants, n) times (people, n, baby q)
    table = np.swapaxes(seen, 1, 2).reshape(model.people, len(model.names), baby * q)
    return (rows @ table).reshape(model.people, giants * baby, q)[:, :count]


def _power(matrix: Array, exponent: int) -> Array:
    result: Array | None = None
    while exponent:
        if exponent & 1:
            result = matrix if result is None else result @ matrix
        exponent >>= 1
        if exponent:
            matrix = matrix @ matrix
    assert result is not None
    return result
