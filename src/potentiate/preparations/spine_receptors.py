"""Receptors of a synapse inside differential equations: rates at the cleft's glutamate and the head's voltage.

Arrays have the states or transitions first and any trailing axes after (spines, lanes). Nothing is reduced: every
scheme of the library enters with its own transitions, voltage-dependent ones included.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from ..kinetics.scheme import Scheme
from ..mechanisms.calcium import GoldmanShare, Share
from ..mechanisms.magnesium_block import MagnesiumBlock


@dataclasses.dataclass(frozen=True, eq=False)
class Receptor:
    """One population of receptors in a spine head.

    Attributes
    ----------
    scheme : Scheme
        With the sites of a modulator where one is present.
    conductance_nS : float
        With all channels in the largest open state, unblocked.
    reversal_mV : float
    block : MagnesiumBlock or None
        Instantaneous block; None where there is none or the scheme binds magnesium itself.
    calcium : Share or None
        Which part of the current calcium carries.
    ligands_uM : mapping
        Whatever the solution holds besides the agonist (drug, glycine, magnesium).
    temperature_C : float or None
    """

    scheme: Scheme
    conductance_nS: float
    reversal_mV: float = 0.0
    block: MagnesiumBlock | None = None
    calcium: Share | None = None
    ligands_uM: Mapping[str, float] = dataclasses.field(default_factory=dict)
    temperature_C: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.calcium, GoldmanShare):
            raise UsageError(
                "The unreduced system takes calcium as a linear share of the current",
                why="the Goldman form exists for NumPy only",
                do="use FixedShare or SaturatingShare",
            )
        if self.block is not None and "magnesium" in self.scheme.ligands:
            raise UsageError(
                f"Scheme {self.scheme.name} binds magnesium itself", do="leave out the instantaneous block"
            )

    @property
    def n(self) -> int:
        """Number of states."""
        return self.scheme.n

    @functools.cached_property
    def weights(self) -> np.ndarray:
        """Conductance of the states relative to the largest, shape (n,)."""
        g = np.array(self.scheme.conductance, float)
        return g / g.max()

    @functools.cached_property
    def conducting(self) -> tuple[int, ...]:
        """States that conduct."""
        return tuple(int(i) for i in np.flatnonzero(self.weights))

    @functools.cached_property
    def base_rates(self) -> np.ndarray:
        """Rates but for what glutamate and voltage multiply, shape (2 edges,)."""
        bath = dict(self.scheme.bath_uM)
        known = {name: self.ligands_uM.get(name, bath.get(name, 0.0)) for name in self.scheme.ligands}
        found = []
        for rate in self.scheme.directed[2]:
            ligand = None if rate.ligand == self.scheme.agonist else rate.ligand
            bare = dataclasses.replace(rate, voltage=None, ligand=ligand, occupancy=rate.occupancy if ligand else None)
            found.append(rate.k * bare.factor(known, None, self.temperature_C))
        return np.array(found)

    @functools.cached_property
    def depends_on_voltage(self) -> bool:
        """Whether any rate depends on voltage."""
        return any(rate.voltage is not None for rate in self.scheme.directed[2])

    @functools.cached_property
    def incidence(self) -> np.ndarray:
        """What a flux along each transition does to each state, shape (n, 2 edges)."""
        source, target, _ = self.scheme.directed
        found = np.zeros((self.n, len(source)))
        np.add.at(found, (target, np.arange(len(source))), 1.0)
        np.add.at(found, (source, np.arange(len(source))), -1.0)
        return found

    @functools.cached_property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Entries (row, column) of the transposed generator that are not zero."""
        source, target, _ = self.scheme.directed
        pairs = {(int(t), int(s)) for s, t in zip(source, target, strict=True)}
        return tuple(sorted(pairs | {(i, i) for i in range(self.n)}))

    @functools.cached_property
    def entries(self) -> np.ndarray:
        """The linear map from rates to the entries at :attr:`places`, shape (places, 2 edges)."""
        source, target, _ = self.scheme.directed
        index = {place: e for e, place in enumerate(self.places)}
        found = np.zeros((len(self.places), len(source)))
        for e, (s, t) in enumerate(zip(source.tolist(), target.tolist(), strict=True)):
            found[index[t, s], e] += 1.0
            found[index[s, s], e] -= 1.0
        return found

    def rates(self, base: Any, glutamate_uM: Any, voltage_mV: Any) -> Any:
        """Return all rates, shape (2 edges, ...).

        Parameters
        ----------
        base : array, shape (2 edges,) or (2 edges, ...)
            :attr:`base_rates`, or those of other parameter sets.
        glutamate_uM, voltage_mV : array, shape (...)
        """
        import jax.numpy as jnp

        axes = (-1, *[1] * jnp.ndim(glutamate_uM))
        laws = self.scheme.directed[2]
        takes = np.array([r.ligand == self.scheme.agonist for r in laws])
        saturating = [e for e, r in enumerate(laws) if takes[e] and r.occupancy is not None]
        plain = takes.copy()
        plain[saturating] = False
        factor = (~plain).astype(float).reshape(axes) + plain.astype(float).reshape(axes) * glutamate_uM
        for e in saturating:
            half, power = laws[e].occupancy or (1.0, 1)
            factor = factor.at[e].set((glutamate_uM / (glutamate_uM + half)) ** power)
        if self.depends_on_voltage:
            voltage = jnp.broadcast_to(voltage_mV, factor.shape[1:])
            rows = [1.0 if r.voltage is None else r.voltage.factor(voltage, jnp.exp) for r in laws]
            factor = factor * jnp.stack([jnp.broadcast_to(x, factor.shape[1:]) for x in rows])
        base = jnp.asarray(base)
        return (base.reshape(axes) if base.ndim == 1 else base) * factor

    def rest(self, voltage_mV: float) -> np.ndarray:
        """Return the occupancies without agonist, shape (n,); a trapped blocker is left out."""
        ligands = {**self.ligands_uM, self.scheme.agonist: 0.0}
        known = {name: c for name, c in ligands.items() if name in self.scheme.ligands}
        try:
            return self.scheme.equilibrium(known, voltage_mV, self.temperature_C)
        except ZeroDivisionError:
            return np.eye(self.n)[self.scheme.rest]


def product(matrix: np.ndarray, rows: Any) -> Any:
    """Return a constant matrix times rows, shape (a, b) and (b, ...) -> (a, ...).

    Of scalars only the entries that are not zero are summed: incidence matrices hold one or two per column.
    """
    import jax.numpy as jnp

    if rows.ndim > 1:
        return jnp.tensordot(jnp.asarray(matrix), rows, axes=1)
    return jnp.stack([sum((w * rows[e] for e, w in enumerate(row) if w), jnp.zeros(())) for row in matrix])
