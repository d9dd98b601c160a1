"""Conductance of a receptor scheme at many sites under their own glutamate: exact steps, shared between sites.

Under constant voltage a receptor is linear: a step under concentration c is one matrix ``exp(Q(c) dt)``. Sites with
the same concentration share it; where concentrations differ from site to site it is interpolated in a table. Between
releases one table of ``exp(Q(0) k dt) g`` turns the occupancies at the start into all samples at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..kinetics.scheme import Scheme
from ..mechanisms.cleft import Cleft
from ..numerics.matrix_exponential import transition_matrix
from .synaptic_glutamate import Glutamate

#: Largest step at an age after the last release, (age ms, step ms): fine while glutamate changes fast.
STEPS = ((0.4, 0.01), (1.0, 0.025), (math.inf, 0.05))
#: Largest step where glutamate is a rectangle whose edge lies on a step: errs by 1e-5 of a train's peak.
RECTANGLE_STEP_MS = 0.1
#: With more distinct concentrations in a step than this the table is used.
_MOST_EXACT = 24
#: Table of propagators: concentrations (uM) spaced so that linear interpolation errs by less than 1e-4.
_GRID_UM = np.concatenate([[0.0], np.geomspace(1e-2, 2e4, 401)])


@dataclasses.dataclass(frozen=True)
class SiteReceptors:
    """Receptors of one scheme at one site.

    Attributes
    ----------
    name, family : str
    scheme : Scheme
    number : float
        Per site.
    unitary_pS : float
        Where the scheme gives relative conductances.
    reversal_mV : float
    """

    name: str
    family: str
    scheme: Scheme
    number: float
    unitary_pS: float
    reversal_mV: float

    @property
    def conductances_nS(self) -> np.ndarray:
        """Conductance of all receptors of the site if all were in a state, shape (n,)."""
        g = np.array(self.scheme.conductance)
        g = g if self.scheme.conductance_unit == "pS" else g / g.max() * self.unitary_pS
        return g * self.number / 1000.0

    @property
    def blocks_by_itself(self) -> bool:
        """Whether magnesium is a ligand of the scheme, so that no instantaneous block is applied."""
        return "magnesium" in self.scheme.ligands


class Propagators:
    """Transition matrices of a scheme for any glutamate and step, computed once each."""

    def __init__(
        self, scheme: Scheme, ligands: Mapping[str, float], voltage_mV: float, temperature_C: float | None
    ) -> None:
        self._scheme, self._ligands = scheme, dict(ligands)
        self._voltage, self._temperature = voltage_mV, temperature_C
        self._exact: dict[tuple[float, float], np.ndarray] = {}
        self._tables: dict[float, np.ndarray] = {}

        at_0, at_1, at_2 = (self._generator(c) for c in (0.0, 1.0, 2.0))
        # binding is proportional to glutamate in all but saturating steps: then one line gives every generator
        linear = np.allclose(at_2 - at_1, at_1 - at_0, rtol=1e-12, atol=1e-15)
        self._line = (at_0, at_1 - at_0) if linear else None

    def _generator(self, glutamate_uM: float) -> np.ndarray:
        ligands = {**self._ligands, self._scheme.agonist: glutamate_uM}
        return self._scheme.generator(ligands, self._voltage, self._temperature)

    def generators(self, glutamate_uM: np.ndarray) -> np.ndarray:
        """Return the generator at each concentration, shape (concentrations, n, n), 1/ms."""
        if self._line is None:
            return np.stack([self._generator(float(c)) for c in glutamate_uM])
        return self._line[0] + glutamate_uM[:, None, None] * self._line[1]

    def exact(self, glutamate_uM: Sequence[float], step_ms: float) -> list[np.ndarray]:
        """Return the transition matrix of each concentration; missing ones are computed together."""
        missing = [c for c in dict.fromkeys(glutamate_uM) if (c, step_ms) not in self._exact]
        if missing:
            found = transition_matrix(self.generators(np.array(missing)), step_ms)
            self._exact.update({(c, step_ms): found[i] for i, c in enumerate(missing)})
        return [self._exact[c, step_ms] for c in glutamate_uM]

    def table(self, step_ms: float) -> np.ndarray:
        """Return the transition matrices of a step on the grid of concentrations, shape (grid, n, n)."""
        if step_ms not in self._tables:
            self._tables[step_ms] = transition_matrix(self.generators(_GRID_UM), step_ms)
        return self._tables[step_ms]

    def groups(self, glutamate_uM: np.ndarray, step_ms: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows that share a concentration, and their transition matrix, for a step."""
        values, which = np.unique(glutamate_uM, return_inverse=True)
        # a hundred at a time: the matrices of a thousand concentrations are not kept together
        for first in range(0, len(values), 100):
            part = values[first : first + 100]
            matrices = transition_matrix(self.generators(part), step_ms)
            for i in range(len(part)):
                yield np.flatnonzero(which == first + i), matrices[i]

    def advance(self, states: np.ndarray, glutamate_uM: np.ndarray, step_ms: float) -> np.ndarray:
        """Return the occupancies (rows, n) after a step."""
        values, which = np.unique(glutamate_uM, return_inverse=True)
        after = np.empty_like(states)
        if len(values) <= _MOST_EXACT:
            for i, matrix in enumerate(self.exact([float(c) for c in values], step_ms)):
                rows = which == i
                after[rows] = states[rows] @ matrix
            return after
        table = self.table(step_ms)
        low = np.clip(np.searchsorted(_GRID_UM, glutamate_uM, side="right") - 1, 0, len(_GRID_UM) - 2)
        part = (glutamate_uM - _GRID_UM[low]) / (_GRID_UM[low + 1] - _GRID_UM[low])
        for i in np.unique(low):
            rows = low == i
            share = part[rows, None]
            after[rows] = (1.0 - share) * (states[rows] @ table[i]) + share * (states[rows] @ table[i + 1])
        return after


def conductance_nS(
    receptors: SiteReceptors,
    glutamate: Glutamate,
    samples: int,
    dt_ms: float,
    *,
    ligands: Mapping[str, float] | None = None,
    voltage_mV: float = -70.0,
    temperature_C: float | None = None,
    per_site: bool = True,
) -> np.ndarray:
    """Return the expected conductance, before instantaneous block, at every sample.

    Parameters
    ----------
    receptors : SiteReceptors
    glutamate : Glutamate
        Its pulses lie on samples.
    samples : int
    dt_ms : float
        Sample interval.
    ligands : mapping, optional
        Drugs and ions that stay constant, uM.
    voltage_mV : float
        For schemes with voltage-dependent rates.
    temperature_C : float, optional
    per_site : bool
        False: summed over the sites of a trial.

    Returns
    -------
    array, shape (trials, sites, samples), or (trials, 1, samples)
    """
    scheme = receptors.scheme
    known = {name: c for name, c in (ligands or {}).items() if name in scheme.ligands}
    chain = Propagators(scheme, known, voltage_mV, temperature_C)
    trials, sites = glutamate.amounts.shape[:2]
    states = np.tile(resting(scheme, known, voltage_mV, temperature_C), (glutamate.rows, 1))
    read = receptors.conductances_nS
    found = np.empty((trials, sites if per_site else 1, samples))

    def record(k: int) -> None:
        g = (states @ read).reshape(trials, sites)
        found[:, :, k] = g if per_site else g.sum(axis=1, keepdims=True)

    pulses = np.round(glutamate.pulses_ms / dt_ms).astype(int)
    (silent,) = chain.exact([0.0], dt_ms)
    k = 0
    record(0)
    while k < samples - 1:
        if glutamate.active(k * dt_ms).size == 0:
            ahead = pulses[pulses > k]
            stop = min(int(ahead[0]) if ahead.size else samples - 1, samples - 1)
            table = _after(silent, read, stop - k)  # (n, stop - k)
            heads = states if per_site else states.reshape(trials, sites, -1).sum(axis=1)
            found[:, :, k + 1 : stop + 1] = (heads @ table).reshape(trials, -1, stop - k)
            states = states @ np.linalg.matrix_power(silent, stop - k)
            k = stop
            continue
        before = pulses[pulses <= k]
        age = (k - int(before[-1])) * dt_ms
        limit = longest_step(glutamate, age)
        parts = max(1, math.ceil(dt_ms / limit - 1e-9))
        step = dt_ms / parts
        for j in range(parts):
            start = k * dt_ms + j * step
            states = chain.advance(states, glutamate.mean_uM(start, start + step), step)
        k += 1
        record(k)
    return found


def longest_step(glutamate: Glutamate, age_ms: float) -> float:
    """Return the largest step in which glutamate may be taken for constant, at an age after the last release."""
    cleft = glutamate.cleft
    if isinstance(cleft, Cleft) and not cleft.decays and cleft.pulse is not None:
        # a rectangle is constant until its edge, and what is left between sites fades slowly
        width = cleft.pulse[1]
        if abs(width / RECTANGLE_STEP_MS - round(width / RECTANGLE_STEP_MS)) < 1e-9:
            return RECTANGLE_STEP_MS
    return next(step for reach, step in STEPS if age_ms < reach)


def resting(scheme: Scheme, ligands: Mapping[str, float], voltage_mV: float, temperature_C: float | None) -> np.ndarray:
    """Return the occupancy without glutamate, shape (n,)."""
    try:
        return scheme.equilibrium(ligands, voltage_mV, temperature_C)
    except ZeroDivisionError:  # a trapped blocker leaves no unique equilibrium without agonist
        return np.eye(scheme.n)[scheme.rest]


def _after(step: np.ndarray, read: np.ndarray, count: int) -> np.ndarray:
    """Return ``P^k g`` for k = 1 ... count as columns, by doubling."""
    table, power = (step @ read)[:, None], step
    while table.shape[1] < count:
        table = np.concatenate([table, power @ table], axis=1)
        power = power @ power
    return table[:, :count]
