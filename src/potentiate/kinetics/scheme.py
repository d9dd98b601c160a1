"""A kinetic scheme as numbers: states, reversible edges, generator, balance, equilibrium."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping

import numpy as np

from ..errors import DataError
from ..numerics.matrix_exponential import stationary
from .rate import Rate

#: What a state is to the ligands that act on states.
CLASSES = ("rest", "bound", "open", "desensitized", "blocked")

#: What a transition does. ``modulate`` is the exchange of a modulator, ``convert`` a change within a class.
ROLES = ("bind", "gate", "desensitize", "block", "convert", "modulate")


@dataclasses.dataclass(frozen=True)
class Edge:
    """A reversible transition between two states (indices into the scheme's states)."""

    source: int
    target: int
    role: str
    forward: Rate
    backward: Rate


@dataclasses.dataclass(frozen=True)
class Imbalance:
    """A cycle whose product of forward over backward rates is not one."""

    edge: str
    factor: float


@dataclasses.dataclass(frozen=True)
class Scheme:
    """A Markov scheme of one receptor.

    Attributes
    ----------
    name : str
    states, classes : tuples of str, length n
    bound : tuple of int, length n
        Agonist molecules bound in each state.
    conductance : tuple of float, length n
        pS or relative, see `conductance_unit`.
    edges : tuple of Edge
    agonist : str
        Name of the ligand that the binding edges take.
    rest : int
        Index of the resting state.
    temperature_C : float or None
        Temperature of the rates as written; None where the source does not state it.
    bath_uM : tuple of (ligand, concentration)
        What the solutions hold unless told otherwise (glycine, magnesium).
    family : str
        Receptor family: AMPA or NMDA.
    """

    name: str
    states: tuple[str, ...]
    classes: tuple[str, ...]
    bound: tuple[int, ...]
    conductance: tuple[float, ...]
    edges: tuple[Edge, ...]
    agonist: str = "glutamate"
    rest: int = 0
    conductance_unit: str = "relative"
    temperature_C: float | None = None
    bath_uM: tuple[tuple[str, float], ...] = ()
    family: str = "AMPA"

    def __post_init__(self) -> None:
        if len(set(self.states)) != len(self.states):
            raise DataError(f"Scheme {self.name}: a state name is given twice")
        for state_class in self.classes:
            if state_class not in CLASSES:
                raise DataError(f"Scheme {self.name}: unknown class {state_class!r}", do=f"use one of {CLASSES}")
        reached = {self.rest}
        grew = True
        while grew:
            grew = False
            for e in self.edges:
                if (e.source in reached) != (e.target in reached):
                    reached |= {e.source, e.target}
                    grew = True
        if missing := [s for i, s in enumerate(self.states) if i not in reached]:
            raise DataError(
                f"Scheme {self.name}: state {missing[0]!r} is disconnected", why="no transition leads to it"
            )

    @property
    def n(self) -> int:
        """Number of states."""
        return len(self.states)

    @functools.cached_property
    def ligands(self) -> tuple[str, ...]:
        """Names of all ligands that the rates depend on, the agonist first."""
        names = [r.ligand for e in self.edges for r in (e.forward, e.backward) if r.ligand is not None]
        return tuple(dict.fromkeys([self.agonist, *names]))

    @functools.cached_property
    def agonist_sites(self) -> int:
        """Largest number of agonists bound in any state."""
        return max(self.bound)

    @functools.cached_property
    def directed(self) -> tuple[np.ndarray, np.ndarray, tuple[Rate, ...]]:
        """Sources, targets and rates of all directed transitions: all forward ones, then all backward ones."""
        source = np.array([e.source for e in self.edges] + [e.target for e in self.edges])
        target = np.array([e.target for e in self.edges] + [e.source for e in self.edges])
        return source, target, (*[e.forward for e in self.edges], *[e.backward for e in self.edges])

    @functools.cached_property
    def constants(self) -> np.ndarray:
        """Base rate constants of :attr:`directed`, shape (2 edges,), in 1/ms or 1/(uM ms)."""
        return np.array([r.k for r in self.directed[2]])

    def factors(
        self,
        ligands_uM: Mapping[str, float],
        voltage_mV: float | None = None,
        temperature_C: float | None = None,
    ) -> np.ndarray:
        """Return what multiplies each base rate constant under given conditions.

        Parameters
        ----------
        ligands_uM : mapping
            Concentrations; ligands that are not named are at their `bath_uM`, else absent (0).
        voltage_mV : float, optional
            Needed only by schemes with voltage-dependent rates.
        temperature_C : float, optional
            Default: the temperature of the scheme as written.

        Returns
        -------
        array, shape (2 edges,)
        """
        bath = dict(self.bath_uM)
        known = {name: ligands_uM.get(name, bath.get(name, 0.0)) for name in self.ligands}
        return np.array([r.factor(known, voltage_mV, temperature_C) for r in self.directed[2]])

    def generator(
        self,
        ligands_uM: Mapping[str, float],
        voltage_mV: float | None = None,
        temperature_C: float | None = None,
    ) -> np.ndarray:
        """Return the generator Q under given conditions.

        Returns
        -------
        array, shape (n, n)
            Entry (i, j) is the rate from i to j in 1/ms; rows sum to zero.
        """
        return self.assemble(self.constants * self.factors(ligands_uM, voltage_mV, temperature_C))

    def assemble(self, rates: np.ndarray) -> np.ndarray:
        """Return the generator for given rates of :attr:`directed`, shape (2 edges,) -> (n, n)."""
        source, target, _ = self.directed
        q = np.zeros((self.n, self.n))
        np.add.at(q, (source, target), rates)
        q[np.diag_indices(self.n)] = -q.sum(axis=1)
        return q

    def equilibrium(
        self,
        ligands_uM: Mapping[str, float],
        voltage_mV: float | None = None,
        temperature_C: float | None = None,
    ) -> np.ndarray:
        """Return the stationary occupancy under constant conditions, shape (n,)."""
        return stationary(self.generator(ligands_uM, voltage_mV, temperature_C))

    def imbalances(
        self, tolerance: float = 0.01, voltage_mV: float = -60.0, temperature_C: float | None = None
    ) -> tuple[Imbalance, ...]:
        """Return the independent cycles that break detailed balance by more than `tolerance` (a fraction).

        Saturating (instantaneous) binding has no reverse of its own and is checked at one concentration.
        """
        ones = dict.fromkeys(self.ligands, 1.0)
        rates = self.constants * self.factors(ones, voltage_mV, temperature_C)
        order = [(r.ligand if r.occupancy is None else None) for r in self.directed[2]]
        half = len(self.edges)
        potential: dict[int, float] = {self.rest: 0.0}
        ligand_count: dict[int, dict[str, int]] = {self.rest: {}}
        closing = []
        pending = [i for i in range(half) if rates[i] > 0 and rates[half + i] > 0]
        grew = True
        while grew:
            grew = False
            for i in list(pending):
                e = self.edges[i]
                step = math.log(rates[i] / rates[half + i])
                for a, b, sign in ((e.source, e.target, 1), (e.target, e.source, -1)):
                    if a in potential and b not in potential:
                        potential[b] = potential[a] + sign * step
                        count = dict(ligand_count[a])
                        for name, change in ((order[i], sign), (order[half + i], -sign)):
                            if name is not None:
                                count[name] = count.get(name, 0) + change
                        ligand_count[b] = count
                        pending.remove(i)
                        grew = True
                        break
        closing = pending
        found = []
        for i in closing:
            e = self.edges[i]
            step = math.log(rates[i] / rates[half + i])
            factor = math.exp(step - (potential[e.target] - potential[e.source]))
            count = dict(ligand_count[e.source])
            for name, change in ((order[i], 1), (order[half + i], -1)):
                if name is not None:
                    count[name] = count.get(name, 0) + change
            same = {k: v for k, v in count.items() if v} == {k: v for k, v in ligand_count[e.target].items() if v}
            if abs(math.log(factor)) > math.log1p(tolerance) or not same:
                name = f"{self.states[e.source]}-{self.states[e.target]}"
                found.append(Imbalance(name, factor if same else math.inf))
        return tuple(found)
