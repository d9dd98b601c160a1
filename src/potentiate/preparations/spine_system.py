"""The synapse unreduced: receptors, head voltage, calcium and the cell as one stiff system, one spine or many.

State: a block per spine (occupancies of every receptor, head voltage, free calcium, bound calcium, gates of calcium
channels) and the voltages of the cell's compartments, which all spines share. The fast engine of the slice reduces
this system (heads that follow at once, a common time grid); this is what it is checked against.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UsageError
from ..mechanisms.calcium import CalciumChannel, CalciumDynamics
from ..mechanisms.cleft import Cleft, DiffusionCleft
from ..mechanisms.spine import Spine
from ..numerics.block_arrow import BlockArrow
from ..numerics.elimination import Pattern, Sparse
from ..numerics.rosenbrock import System
from .glutamate_drive import glutamate_drive
from .spine_parts import Compartments, KineticBuffer
from .spine_receptors import Receptor, product


@dataclasses.dataclass(frozen=True, eq=False)
class SpineSystem:
    """One spine on a cell, or many.

    Attributes
    ----------
    receptors : tuple of Receptor
    spine : Spine
    calcium : CalciumDynamics
    cell : Compartments
    magnesium_mM, calcium_mM : float
        External.
    buffer : KineticBuffer or None
        Besides the instantaneous one of `calcium`.
    channel : CalciumChannel or None
    calcium_mV : float
        Reversal of the channel.
    layer : int, or tuple of int of length N
        Compartment of the spine, or of each of N spines.
    multiplicity : tuple of float, or None
        How many real spines each stands for.
    """

    receptors: tuple[Receptor, ...]
    spine: Spine
    calcium: CalciumDynamics
    cell: Compartments
    magnesium_mM: float = 1.0
    calcium_mM: float = 2.0
    buffer: KineticBuffer | None = None
    channel: CalciumChannel | None = None
    calcium_mV: float = 120.0
    layer: int | tuple[int, ...] = 0
    multiplicity: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        layers = np.atleast_1d(self.layer)
        if layers.min() < 0 or layers.max() >= self.cell.m:
            raise UsageError(f"A spine sits on compartment {int(layers.max())}", why=f"the cell has {self.cell.m}")

    # ---------------------------------------------------------------------------------------- components

    @property
    def spines(self) -> int | None:
        """Number of spines; None for one, whose state has no axis of spines."""
        return None if isinstance(self.layer, int) else len(self.layer)

    @functools.cached_property
    def offsets(self) -> tuple[int, ...]:
        """First state of each receptor in a block."""
        return tuple(np.cumsum([0, *[r.n for r in self.receptors]])[:-1].tolist())

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """Places of the other components in a block: head, calcium, bound, m, h."""
        names = ["head", "calcium"]
        names += ["bound"] if self.buffer is not None else []
        names += ["m", "h"] if self.channel is not None else []
        first = sum(r.n for r in self.receptors)
        return {name: first + i for i, name in enumerate(names)}

    @property
    def block_size(self) -> int:
        """Number of variables of one spine."""
        return sum(r.n for r in self.receptors) + len(self.index)

    @property
    def size(self) -> int:
        """Number of variables of one spine and the cell."""
        return self.block_size + self.cell.m

    def start(self, voltage_mV: float | None = None) -> Any:
        """Return the state without glutamate at a voltage (default: rest of each compartment).

        Returns
        -------
        array, shape (size,), or (array (block, N), array (m,))
        """
        shared = np.array(self.cell.rest_mV) if voltage_mV is None else np.full(self.cell.m, float(voltage_mV))
        blocks = [self._rest_block(float(shared[at])) for at in np.atleast_1d(self.layer)]
        if self.spines is None:
            return np.concatenate([blocks[0], shared])
        return np.stack(blocks, axis=-1), shared

    def _rest_block(self, voltage_mV: float) -> np.ndarray:
        free = self.calcium.rest_uM
        rest = [r.rest(voltage_mV) for r in self.receptors]
        others = [voltage_mV, free]
        others += [self.buffer.steady(free)] if self.buffer is not None else []
        others += list(self.channel.steady(voltage_mV)) if self.channel is not None else []
        return np.concatenate([*rest, np.array(others, float)])

    def drive(
        self,
        cleft: Cleft | DiffusionCleft,
        releases_ms: Any,
        end_ms: float,
        *,
        amounts: Any = None,
        command_mV: Sequence[tuple[float, float]] = ((0.0, -70.0),),
        injected_pA: Sequence[tuple[float, int, float]] = (),
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the edges of the intervals and what drives the system in each.

        Parameters
        ----------
        cleft : Cleft or DiffusionCleft with a radius
        releases_ms : array, or one array per spine
        end_ms : float
        amounts : like `releases_ms`, optional
            Quanta of each release.
        command_mV : sequence of (from ms, mV)
            Voltage of the clamp, if the cell has one.
        injected_pA : sequence of (from ms, compartment, pA)
            Injected current, until the next entry of the same compartment.
        """
        single = self.spines is None
        switches = [at for at, *_ in (*command_mV, *injected_pA) if 0 < at < end_ms]
        edges, found = glutamate_drive(
            cleft,
            [releases_ms] if single else releases_ms,
            end_ms,
            amounts=[amounts] if single and amounts is not None else amounts,
            switches_ms=switches,
        )
        if single:
            found = {name: x[..., 0] if x.ndim > 1 else x for name, x in found.items()}
        begin = edges[:-1] + 1e-9
        times, levels = zip(*sorted(command_mV), strict=True)
        command = np.array(levels)[np.maximum(np.searchsorted(times, begin, side="right") - 1, 0)]
        injected = np.zeros((len(begin), self.cell.m))
        for at, compartment, pA in sorted(injected_pA):
            injected[begin >= at, compartment] = pA
        return edges, {**found, "command_mV": command, "injected_pA": injected}

    def parameters(self) -> dict[str, Any]:
        """Return what may differ between lanes or spines: rates (2 edges, ...) and conductances of each receptor."""
        return {
            "rates": tuple(r.base_rates for r in self.receptors),
            "nS": tuple(float(r.conductance_nS) for r in self.receptors),
        }

    # ---------------------------------------------------------------------------------- equations

    def _split(self, y: Any) -> tuple[Any, Any]:
        if self.spines is None:
            return y[: self.block_size], y[self.block_size :]
        return y

    def _joined(self, block: Any, shared: Any) -> Any:
        import jax.numpy as jnp

        return jnp.concatenate([block, shared]) if self.spines is None else (block, shared)

    def _at(self, shared: Any) -> Any:
        """Return the voltage at the foot of each spine."""
        return shared[np.asarray(self.layer)] if self.spines is not None else shared[self.layer]

    @functools.cached_property
    def _onto(self) -> np.ndarray:
        """How much of the neck current of each spine enters each compartment, shape (m, N) or (m,)."""
        layers = np.asarray(self.layer)
        weights = np.ones(layers.shape) if self.multiplicity is None else np.asarray(self.multiplicity, float)
        return (np.arange(self.cell.m).reshape(-1, *[1] * layers.ndim) == layers) * weights

    def glutamate_uM(self, t: Any, drive: Any) -> Any:
        """Return the concentration in the cleft of each spine."""
        import jax.numpy as jnp

        decays = drive["amplitude_uM"] * jnp.exp(-drive["rate_per_ms"] * (t - drive["start_ms"]))
        return drive["pulse_uM"] + jnp.sum(decays, axis=0)

    def _currents(self, parameters: Any, opened: Sequence[Any], voltage: Any) -> tuple[Any, Any]:
        """Return the current of all receptors and its calcium part, pA."""
        import jax.numpy as jnp

        total, calcium = 0.0, 0.0
        for r, nS, part in zip(self.receptors, parameters["nS"], opened, strict=True):
            g = nS * part
            if r.block is not None:
                g = g * r.block.unblocked(voltage, self.magnesium_mM, xp=jnp)
            total = total + g * (voltage - r.reversal_mV)
            if r.calcium is not None:
                calcium = calcium + r.calcium.current_pA(g, voltage, self.calcium_mM, r.reversal_mV)
        return total, calcium

    def _membrane(self, parameters: Any, x: dict[str, Any]) -> dict[str, Any]:
        """Return derivatives of the components that are not occupancies.

        `x` holds open parts by receptor ("open0", ...), the components by name, and "foot", the voltage there.
        """
        import jax.numpy as jnp

        head, free = x["head"], x["calcium"]
        opened = [x[f"open{i}"] for i in range(len(self.receptors))]
        current, calcium = self._currents(parameters, opened, head)
        found = {}
        if self.channel is not None:
            through = self.channel.current_pA(x["m"], x["h"], head, self.calcium_mV)
            current, calcium = current + through, calcium + through
            m, h = self.channel.steady(head, xp=jnp)
            found["m"] = (m - x["m"]) / self.channel.activation_ms
            found["h"] = (h - x["h"]) / self.channel.inactivation_ms
        found["head"] = -(current + self.spine.neck_nS * (head - x["foot"])) / self.spine.head_pF
        found["calcium"] = self.calcium.rate(free, calcium)
        if self.buffer is not None:
            found["bound"] = self.buffer.rate(free, x["bound"])
            found["calcium"] = found["calcium"] - found["bound"]
        return found

    def _inputs(self, block: Any, shared: Any) -> dict[str, Any]:
        parts = {
            f"open{i}": sum(r.weights[s] * block[o + s] for s in r.conducting)
            for i, (r, o) in enumerate(zip(self.receptors, self.offsets, strict=True))
        }
        return parts | {name: block[i] for name, i in self.index.items()} | {"foot": self._at(shared)}

    def rhs(self, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return dy/dt, per ms; called by :func:`potentiate.numerics.rosenbrock.integrate`."""
        import jax.numpy as jnp

        block, shared = self._split(y)
        glutamate = self.glutamate_uM(t, drive)
        head = block[self.index["head"]]
        rows = []
        for r, at, base in zip(self.receptors, self.offsets, parameters["rates"], strict=True):
            fluxes = r.rates(base, glutamate, head) * block[r.scheme.directed[0] + at]
            rows.append(product(r.incidence, fluxes))
        others = self._membrane(parameters, self._inputs(block, shared))
        rows.append(jnp.stack([jnp.broadcast_to(others[name], head.shape) for name in self.index]))
        into = self.spine.neck_nS * (head - self._at(shared))
        capacitance = np.array(self.cell.capacitance_pF).reshape(-1, *[1] * (shared.ndim - 1))
        onto = self._onto.reshape(*self._onto.shape, *[1] * (head.ndim - self._onto.ndim + 1))
        spines = onto * into if self.spines is None else jnp.sum(onto * into, axis=1)
        cell = product(self.cell.matrix, shared) + self.cell.sources(drive["command_mV"], drive["injected_pA"])
        return self._joined(jnp.concatenate(rows), cell + spines / capacitance)

    def time_derivative(self, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return df/dt: glutamate is all that depends on time within an interval."""
        import jax
        import jax.numpy as jnp

        block, shared = self._split(y)
        head = block[self.index["head"]]
        glutamate, change = jax.jvp(lambda s: self.glutamate_uM(s, drive), (t,), (jnp.ones_like(t),))
        rows = []
        for r, at, base in zip(self.receptors, self.offsets, parameters["rates"], strict=True):
            moved = jax.jvp(lambda c, r=r, base=base: r.rates(base, c, head), (glutamate,), (change,))[1]
            rows.append(product(r.incidence, moved * block[r.scheme.directed[0] + at]))
        rows.append(jnp.zeros((len(self.index), *head.shape)))
        return self._joined(jnp.concatenate(rows), jnp.zeros_like(shared))

    # ----------------------------------------------------------------------------------- Jacobian

    @functools.cached_property
    def _reach(self) -> dict[str, tuple[str, ...]]:
        """Which derivatives of :meth:`_membrane` depend on each input."""
        found: dict[str, tuple[str, ...]] = {}
        for i, r in enumerate(self.receptors):
            found[f"open{i}"] = ("head", "calcium") if r.calcium is not None else ("head",)
        found["head"] = ("head", "calcium") + (("m", "h") if self.channel is not None else ())
        found["calcium"] = ("calcium",)
        if self.buffer is not None:
            found["calcium"] = ("calcium", "bound")
            found["bound"] = ("calcium", "bound")
        if self.channel is not None:
            found["m"], found["h"] = ("head", "calcium", "m"), ("head", "calcium", "h")
        found["foot"] = ("head",)
        return found

    def _slopes(self, parameters: Any, inputs: dict[str, Any]) -> dict[tuple[str, str], Any]:
        """Return d(derivative)/d(input) for all pairs of :attr:`_reach`."""
        import jax
        import jax.numpy as jnp

        found = {}
        for name, reached in self._reach.items():
            moved = jax.jvp(
                lambda x, name=name: self._membrane(parameters, {**inputs, name: x}),
                (inputs[name],),
                (jnp.ones_like(inputs[name]),),
            )[1]
            found |= {(out, name): moved[out] for out in reached}
        return found

    @functools.cached_property
    def own_places(self) -> tuple[tuple[int, int], ...]:
        """Entries of the Jacobian of one block, in the order of :meth:`jacobian_parts`."""
        places: list[tuple[int, int]] = []
        for i, (r, at) in enumerate(zip(self.receptors, self.offsets, strict=True)):
            places += [(a + at, b + at) for a, b in r.places]
            if r.depends_on_voltage:
                places += [(at + s, self.index["head"]) for s in range(r.n)]
            places += [(self.index[out], at + s) for out in self._reach[f"open{i}"] for s in r.conducting]
        for name in self.index:
            places += [(self.index[out], self.index[name]) for out in self._reach[name]]
        return tuple(places)

    def jacobian_parts(self, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return entries of the block at :attr:`own_places`, of head/foot, foot/head and of the cell (rows)."""
        import jax
        import jax.numpy as jnp

        block, shared = self._split(y)
        glutamate = self.glutamate_uM(t, drive)
        head = block[self.index["head"]]
        slopes = self._slopes(parameters, self._inputs(block, shared))
        own: list[Any] = []
        for i, (r, at, base) in enumerate(zip(self.receptors, self.offsets, parameters["rates"], strict=True)):
            if r.depends_on_voltage:
                rates, moved = jax.jvp(
                    lambda v, r=r, base=base: r.rates(base, glutamate, v), (head,), (jnp.ones_like(head),)
                )
            else:
                rates, moved = r.rates(base, glutamate, head), None
            own.append(product(r.entries, rates))
            if moved is not None:
                own.append(product(r.incidence, moved * block[r.scheme.directed[0] + at]))
            weights = r.weights[list(r.conducting)].reshape(-1, *[1] * head.ndim)
            own += [weights * slopes[out, f"open{i}"] for out in self._reach[f"open{i}"]]
        own += [slopes[out, name][None] for name in self.index for out in self._reach[name]]
        entries = jnp.concatenate([jnp.broadcast_to(x, (len(x), *head.shape)) for x in own])
        neck = self.spine.neck_nS / np.array(self.cell.capacitance_pF)
        onto = self._onto.reshape(*self._onto.shape, *[1] * (head.ndim - (self._onto.ndim - 1)))
        inward = [neck[j] * onto[j] for j in self._feet]
        outward = [slopes["head", "foot"] * (onto[j] > 0) for j in self._feet]
        cell = [[jnp.asarray(x) for x in row] for row in self.cell.matrix]
        for j in self._feet:
            cell[j][j] = cell[j][j] - neck[j] * float(self._onto[j].sum())
        return entries, outward, inward, cell

    @functools.cached_property
    def _feet(self) -> tuple[int, ...]:
        """Compartments that bear spines."""
        return tuple(np.unique(self.layer).tolist())

    @functools.cached_property
    def single_places(self) -> tuple[tuple[int, int], ...]:
        """Entries of the Jacobian of one spine and its cell."""
        k, head = self.block_size, self.index["head"]
        places = list(self.own_places)
        places += [(head, k + j) for j in self._feet] + [(k + j, head) for j in self._feet]
        return (*places, *((k + a, k + b) for a in range(self.cell.m) for b in range(self.cell.m)))

    def _single_values(self, t: Any, y: Any, drive: Any, parameters: Any) -> list[Any]:
        own, outward, inward, cell = self.jacobian_parts(t, y, drive, parameters)
        return [*own, *outward, *inward, *[x for row in cell for x in row]]

    def system(self, *, lanes: bool = False, one_piece: bool = True) -> System:
        """Return the system for :func:`~potentiate.numerics.rosenbrock.integrate`.

        Parameters
        ----------
        lanes : bool
            Whether states, drive and parameters carry lanes.
        one_piece : bool
            Compile the steps of one spine as one piece; False is slower and relies on nothing but XLA's usual ways.

        Notes
        -----
        One spine is solved by sparse elimination, many spines as an arrow.
        """
        if self.spines is not None:
            pattern = Pattern(self.block_size, self.own_places)
            head = self.index["head"]
            solver: Any = BlockArrow(
                pattern,
                tuple((head, j) for j in self._feet),
                tuple((j, head) for j in self._feet),
                self.cell.m,
                self.jacobian_parts,
            )
        else:
            solver = Sparse(Pattern(self.size, self.single_places), self._single_values)
        return System(self.rhs, solver, self.time_derivative, one_piece=one_piece and self.spines is None and not lanes)

    def dense_jacobian(self, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return the Jacobian of one spine as a matrix, shape (size, size, ...); for other solvers and tests."""
        import jax.numpy as jnp

        values = self._single_values(t, y, drive, parameters)
        found = jnp.zeros((self.size, self.size, *y.shape[1:]))
        for place, value in zip(self.single_places, values, strict=True):
            found = found.at[place].set(value)
        return found
