"""Synapses that compete for AMPA receptors of one dendritic pool.

Triesch, Vo & Hafner 2018 (triesch2018; public repository triesch/synaptic-competition): w_i receptors in the s_i
slots of synapse i, p receptors in the pool::

    dw_i/dt = alpha_i p (s_i - w_i) - beta w_i
    dp/dt   = sum_i (beta w_i - alpha_i p (s_i - w_i)) - delta p + gamma

Potentiating one synapse (more slots, faster insertion) takes receptors from its neighbours until production refills the
pool. A lasting fall of production, or rise of removal, is how sustained modulation lowers all synapses together.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from ..numerics.dormand_prince import integrate


@dataclasses.dataclass(frozen=True)
class ReceptorPool:
    """A dendrite's pool and the synapses on it; all numbers read from the public repository.

    Attributes
    ----------
    slots : array, shape (synapses,)
        20 to 80 in the published runs.
    filling : float
        Share of slots that are filled at rest.
    relative_size : float
        Receptors of the pool over receptors in slots, at rest.
    unbinding_per_min, removal_per_min : float
        beta and delta: a receptor leaves a slot after 43 s, the pool after 14 min.
    """

    slots: ArrayLike = (20.0, 40.0, 60.0, 80.0)
    filling: float = 0.9
    relative_size: float = 2.67
    unbinding_per_min: float = 60.0 / 43.0
    removal_per_min: float = 1.0 / 14.0

    def __post_init__(self) -> None:
        if not 0.0 < self.filling < 1.0:
            raise UsageError(f"filling is {self.filling}", why="it is a share of slots", do="give a number in (0, 1)")
        if not self.relative_size > 0.0 or not self.unbinding_per_min > 0.0 or not self.removal_per_min > 0.0:
            raise UsageError("A pool needs a positive relative_size, unbinding_per_min and removal_per_min")
        if not np.all(self.rest_slots > 0.0):
            raise UsageError("A synapse has no slots", do="give positive slots")

    @property
    def rest_slots(self) -> np.ndarray:
        """Slots as an array, shape (synapses,)."""
        return np.atleast_1d(np.asarray(self.slots, dtype=float))

    @property
    def insertion_per_min(self) -> float:
        """Rate alpha, per receptor of the pool and per free slot."""
        return self.unbinding_per_min / (self.relative_size * self.rest_slots.sum() * (1.0 - self.filling))

    @property
    def production_per_min(self) -> float:
        """Rate gamma at which receptors enter the pool."""
        return self.removal_per_min * self.filling * self.rest_slots.sum() * self.relative_size


@dataclasses.dataclass(frozen=True)
class Potentiation:
    """LTP of some synapses: numbers of the published figure of LTP.

    Attributes
    ----------
    synapses : tuple of int
    start_min, stimulation_min : float
    peak_volume, sustained_volume : float
        Factors on spine volume; slots follow its power 2/3.
    volume_decay_min : float
        From peak to sustained, after the stimulation.
    steepness_per_min : float
        Of the logistic growth, around the middle of the stimulation.
    insertion : float
        Peak factor on insertion, linear up in `insertion_up_min` and down in `insertion_down_min`.
    """

    synapses: tuple[int, ...]
    start_min: float = 0.0
    stimulation_min: float = 1.5
    peak_volume: float = 4.0
    sustained_volume: float = 2.0
    volume_decay_min: float = 5.0
    steepness_per_min: float = 8.0
    insertion: float = 4.0
    insertion_up_min: float = 0.1
    insertion_down_min: float = 2.0

    def slot_factor(self, t_min: float) -> float:
        """Return the factor on slots at a time."""
        since = t_min - self.start_min
        if since < 0.0:
            return 1.0
        if since < self.stimulation_min:
            grown = 1.0 / (1.0 + math.exp(-self.steepness_per_min * (since - 0.5 * self.stimulation_min)))
            return (1.0 + (self.peak_volume - 1.0) * grown) ** (2.0 / 3.0)
        left = math.exp(-(since - self.stimulation_min) / self.volume_decay_min)
        return (self.sustained_volume + (self.peak_volume - self.sustained_volume) * left) ** (2.0 / 3.0)

    def insertion_factor(self, t_min: float) -> float:
        """Return the factor on insertion at a time."""
        since = t_min - self.start_min
        up, down = self.insertion_up_min, self.insertion_down_min
        return float(np.interp(since, [0.0, up, up + down], [1.0, self.insertion, 1.0]))

    @property
    def breaks_min(self) -> tuple[float, ...]:
        """Times at which a course has a corner."""
        up = self.start_min + self.insertion_up_min
        return (self.start_min, up, up + self.insertion_down_min, self.start_min + self.stimulation_min)


@dataclasses.dataclass(frozen=True)
class DownRegulation:
    """A fall of production (or rise of removal) while something - a modulator, activity - acts.

    Attributes
    ----------
    exposures_min : tuple of (start, end)
        In time order, not overlapping.
    depth : float
        Production falls to ``1 - depth`` under endless exposure (removal rises by its inverse). No number is
        published: 12-24 h of CX614 lower GluA1-3 mRNA and protein (Lauterborn 2009), by how much was not read.
    half_time_min : float
        Of onset and of recovery. Assumed: 12 h with which 3 h a day do little and 24 h much, as reported.
    route : {"production", "removal"}
    """

    exposures_min: tuple[tuple[float, float], ...]
    depth: float
    half_time_min: float = 720.0
    route: Literal["production", "removal"] = "production"

    def __post_init__(self) -> None:
        if not 0.0 <= self.depth < 1.0:
            raise UsageError(f"depth is {self.depth}", do="give a number from 0 to below 1")
        if not self.half_time_min > 0.0:
            raise UsageError(f"half_time_min is {self.half_time_min}", do="give a positive time")
        edges = [t for pair in self.exposures_min for t in pair]
        if any(b < a for a, b in itertools.pairwise(edges)):
            raise UsageError("Exposures overlap or run backwards", where="exposures_min")
        if self.route not in ("production", "removal"):
            raise UsageError(f"There is no route {self.route!r}", do="use production or removal")

    def signal(self, t_min: float) -> float:
        """Return the filtered exposure, 0 (none so far) to 1 (endless)."""
        x, at = 0.0, -math.inf
        for start, end in self.exposures_min:
            if t_min <= start:
                break
            x *= 0.5 ** ((start - at) / self.half_time_min) if x else 1.0
            at = min(end, t_min)
            x = 1.0 - (1.0 - x) * 0.5 ** ((at - start) / self.half_time_min)
        return x * 0.5 ** ((t_min - at) / self.half_time_min) if x else 0.0

    def factors(self, t_min: float) -> tuple[float, float]:
        """Return the factors on production and on removal at a time."""
        left = 1.0 - self.depth * self.signal(t_min)
        return (left, 1.0) if self.route == "production" else (1.0, 1.0 / left)


def steady_state(
    pool: ReceptorPool,
    *,
    slots: ArrayLike = 1.0,
    insertion: ArrayLike = 1.0,
    production: float = 1.0,
    removal: float = 1.0,
) -> tuple[np.ndarray, float]:
    """Return receptors in slots, shape (synapses,), and in the pool, at the exact steady state.

    Parameters
    ----------
    slots, insertion : float or array, shape (synapses,)
        Factors on the resting values.
    production, removal : float
        Factors.
    """
    p = production * pool.production_per_min / (removal * pool.removal_per_min)
    alpha_p = np.asarray(insertion, dtype=float) * pool.insertion_per_min * p
    return np.asarray(slots) * pool.rest_slots * alpha_p / (alpha_p + pool.unbinding_per_min), p


def fast_equilibrium(pool: ReceptorPool, receptors: float, slots: float) -> float:
    """Return the receptors in all `slots` together, of a fixed number of `receptors` in slots and pool.

    This is what holds from some minutes after a change until production and removal act, if all synapses insert at the
    same rate (quadratic equation of the paper).
    """
    ratio = pool.unbinding_per_min / pool.insertion_per_min
    half = 0.5 * (slots + receptors + ratio)
    # the smaller root; this form does not cancel
    return receptors * slots / (half + math.sqrt(half * half - receptors * slots))


def simulate_pool(
    pool: ReceptorPool,
    times_min: ArrayLike,
    potentiation: Potentiation | Sequence[Potentiation] = (),
    down_regulation: DownRegulation | None = None,
    *,
    tolerance: float = 1e-8,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the pool from rest.

    Parameters
    ----------
    pool : ReceptorPool
    times_min : array, shape (times,)
        Increasing; the pool is at rest at the first time.
    potentiation : Potentiation or sequence of Potentiation
        Factors of several multiply.
    down_regulation : DownRegulation, optional
    tolerance : float
        Of the integrator, relative and absolute (in receptors).

    Returns
    -------
    receptors : array, shape (times, synapses)
        In slots.
    in_pool : array, shape (times,)

    Raises
    ------
    UsageError
        Times do not increase; a potentiated synapse does not exist.
    """
    times = np.asarray(times_min, dtype=float)
    if times.ndim != 1 or not len(times) or np.any(np.diff(times) <= 0.0):
        raise UsageError("Times do not increase", where="times_min", do="give increasing times in minutes")
    events = [potentiation] if isinstance(potentiation, Potentiation) else list(potentiation)
    n = len(pool.rest_slots)
    chosen = np.zeros((len(events), n), dtype=bool)
    for row, event in zip(chosen, events, strict=True):
        if any(not 0 <= i < n for i in event.synapses):
            raise UsageError("A potentiated synapse does not exist", why=f"there are {n}, counted from 0")
        row[list(event.synapses)] = True
    alpha, beta = pool.insertion_per_min, pool.unbinding_per_min
    gamma, delta = pool.production_per_min, pool.removal_per_min

    def slope(t: float, state: np.ndarray) -> np.ndarray:
        slots, insertion = pool.rest_slots, np.full(n, alpha)
        for row, event in zip(chosen, events, strict=True):
            slots = np.where(row, slots * event.slot_factor(t), slots)
            insertion = np.where(row, insertion * event.insertion_factor(t), insertion)
        made, lost = (1.0, 1.0) if down_regulation is None else down_regulation.factors(t)
        net = insertion * state[n] * (slots - state[:n]) - beta * state[:n]
        return np.append(net, -net.sum() - lost * delta * state[n] + made * gamma)

    breaks = [t for event in events for t in event.breaks_min]
    if down_regulation is not None:
        breaks += [t for pair in down_regulation.exposures_min for t in pair]
    bound, free = steady_state(pool)
    found = integrate(slope, np.append(bound, free), times, breaks=breaks, rtol=tolerance, atol=tolerance)
    return found[:, :n], found[:, n]


def simulate_down_regulation(
    pool: ReceptorPool, times_min: ArrayLike, down_regulation: DownRegulation
) -> tuple[np.ndarray, np.ndarray]:
    """Run days of down-regulation with slots and pool always in their fast equilibrium.

    Within half a minute receptors have spread over slots and pool, production and removal take a quarter of an hour:
    the number of all receptors R then obeys dR/dt = gamma - delta p (section on the slow time scale of the paper).

    Parameters, errors as for :func:`simulate_pool`.

    Returns
    -------
    receptors : array, shape (times, synapses)
        In slots.
    in_pool : array, shape (times,)
    """
    times = np.asarray(times_min, dtype=float)
    if times.ndim != 1 or not len(times) or np.any(np.diff(times) <= 0.0):
        raise UsageError("Times do not increase", where="times_min", do="give increasing times in minutes")
    slots = float(pool.rest_slots.sum())

    def slope(t: float, total: np.ndarray) -> np.ndarray:
        made, lost = down_regulation.factors(t)
        free = total - fast_equilibrium(pool, float(total[0]), slots)
        return made * pool.production_per_min - lost * pool.removal_per_min * free

    start = np.array([(1.0 + pool.relative_size) * pool.filling * slots])
    breaks = [t for pair in down_regulation.exposures_min for t in pair]
    total = integrate(slope, start, times, breaks=breaks)[:, 0]
    bound = np.array([fast_equilibrium(pool, float(r), slots) for r in total])
    return bound[:, None] / slots * pool.rest_slots, total - bound
