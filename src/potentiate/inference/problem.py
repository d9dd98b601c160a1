"""A fit as numbers: experiments and a model turned into residuals and their derivatives, in JAX.

Amplitude (number of channels times conductance), run-down and leak enter linearly; they are solved for at every trial
instead of being searched (variable projection: Golub & Pereyra 1973, SIAM J Numer Anal 10:413), and the derivative goes
through that solution. Everything that does not depend on the parameters is laid out once, so a fit compiles two
programs: residuals, and residuals with their derivative.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal

import numpy as np

from ..errors import UsageError
from ..kinetics.ensemble import assemble, require_float64
from ..kinetics.rate_map import RateMap
from ..numerics.matrix_exponential import settle
from ..numerics.propagation import sample_sweeps
from ..numerics.sweep_plan import Plan, plan_sweeps
from ..preparations.patch import low_pass
from .experiment import Condition, Experiment
from .model import Model
from .sharing import SharingTable, sharing_table

Amplitude = Literal["cell", "sweep"]
Leak = Literal["sweep", "none"]

#: Rates may grow by this factor over those of the documents before a trial counts as failed (not finite).
LARGEST_RATIO = 512.0


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Sweeps of one sampling interval under one scheme, laid out for the engine.

    Arrays over generators (g) or sweeps (s) and samples (t); `units` are (drug, cell) combinations.
    """

    drug: str | None
    rate_map: RateMap
    plan: Plan
    segments: tuple[tuple[tuple[int, float], ...], ...]  # (generator, ms) of each sweep
    take: np.ndarray  # (u, p) places in theta
    unit: np.ndarray  # (g,)
    unit_cell: np.ndarray  # (u,) place in Problem.cells
    voltage_mV: np.ndarray  # (g,)
    generator_drive_mV: np.ndarray  # (g,)
    factors: np.ndarray  # (g, 2 edges)
    rest: np.ndarray  # (s,) generator that the sweep has settled under
    drive_mV: np.ndarray  # (s, t)
    data_pA: np.ndarray  # (s, t), 0 where not used
    used: np.ndarray  # (s, t)
    response: np.ndarray | None  # impulse response of the filter, (t,)
    cell: np.ndarray  # (s,)
    order: np.ndarray  # (s,) place of the sweep within its cell, centred
    sweeps: tuple[tuple[int, int], ...]  # (experiment, sweep) of each row


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """A model and the experiments that it is to explain.

    Attributes
    ----------
    model : Model
    experiments : tuple of Experiment
    amplitude : {"cell", "sweep"}
        Whether the sweeps of a cell share their amplitude. A drug that opens more channels can only be told from a
        larger patch where they do.
    leak : {"sweep", "none"}
        Whether each sweep has an offset of its own.
    rundown : bool
        Let the amplitude of a cell change linearly from sweep to sweep (with amplitude "cell").
    """

    model: Model
    experiments: tuple[Experiment, ...]
    amplitude: Amplitude = "cell"
    leak: Leak = "sweep"
    rundown: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "experiments", tuple(self.experiments))
        if not self.experiments:
            raise UsageError("Nothing to fit", do="give one or more experiments")
        if self.rundown and self.amplitude == "sweep":
            raise UsageError("Run-down cannot be told from amplitudes of single sweeps", do='use amplitude="cell"')

    @functools.cached_property
    def cells(self) -> tuple[str, ...]:
        """Cells in the order of their first experiment."""
        return tuple(dict.fromkeys(e.cell for e in self.experiments))

    @functools.cached_property
    def table(self) -> SharingTable:
        """Who shares which parameter."""
        units = [(e.drug(s), e.cell) for e in self.experiments for s in range(len(e.baths))]
        return sharing_table(self.model, list(dict.fromkeys(units)))

    @functools.cached_property
    def groups(self) -> tuple[Group, ...]:
        """Sweeps by drug and sampling interval."""
        found: dict[tuple[str | None, float], list[tuple[int, int]]] = {}
        for i, e in enumerate(self.experiments):
            for s in range(len(e.baths)):
                found.setdefault((e.drug(s), round(e.recording.interval_ms, 9)), []).append((i, s))
        return tuple(self._group(drug, rows) for (drug, _), rows in found.items())

    @functools.cached_property
    def samples(self) -> np.ndarray:
        """Number of fitted samples of each cell, shape (cells,)."""
        count = np.zeros(len(self.cells), dtype=int)
        for group in self.groups:
            np.add.at(count, group.cell, group.used.sum(axis=1))
        return count

    @functools.cached_property
    def linear_numbers(self) -> int:
        """How many amplitudes, run-downs and leaks are solved for."""
        sweeps = sum(len(e.baths) for e in self.experiments)
        amplitudes = sweeps if self.amplitude == "sweep" else len(self.cells) * (1 + self.rundown)
        return amplitudes + (sweeps if self.leak == "sweep" else 0)

    def _group(self, drug: str | None, rows: list[tuple[int, int]]) -> Group:
        rate_map = self.model.rate_map(drug)
        units = [k for k, (d, _) in enumerate(self.table.units) if d == drug]
        unit_of = {self.table.units[k][1]: i for i, k in enumerate(units)}
        length = max(self.experiments[i].recording.time_ms.size for i, _ in rows)
        dt = self.experiments[rows[0][0]].recording.interval_ms
        index: dict[tuple[int, Condition, float | None, float], int] = {}
        segments, rest = [], []
        courses = {i: self.experiments[i].courses() for i in dict.fromkeys(i for i, _ in rows)}
        for i, s in rows:
            e = self.experiments[i]
            own = [
                (index.setdefault((unit_of[e.cell], c, e.temperature_C, e.reversal_mV), len(index)), ms)
                for c, ms in courses[i][s]
            ]
            missing = dt * (length - 1) - sum(ms for _, ms in own)
            if missing > 1e-9:
                own[-1] = (own[-1][0], own[-1][1] + missing)
            segments.append(own)
            rest.append(own[0][0])
        factors = np.empty((len(index), len(rate_map.offset)))
        by_solution: dict[tuple[Any, float | None], list[tuple[int, float]]] = {}
        for (_, condition, temperature, _), g in index.items():
            by_solution.setdefault((condition.ligands_uM, temperature), []).append((g, condition.voltage_mV))
        for ligands, _ in by_solution:
            for name, level in ligands:
                if level > 0 and name not in rate_map.scheme.ligands:
                    raise UsageError(
                        f"{name} does not act on {rate_map.scheme.name}",
                        why=f"its ligands are {', '.join(rate_map.scheme.ligands)}",
                        do="check the agonist of the data, or use another scheme",
                    )
        for (ligands, temperature), members in by_solution.items():
            places = [g for g, _ in members]
            voltages = np.array([v for _, v in members])
            factors[places] = rate_map.condition_factors(dict(ligands), voltages, temperature)
        data, used, drive = (np.zeros((len(rows), length)) for _ in range(3))
        for row, (i, s) in enumerate(rows):
            e = self.experiments[i]
            n = e.recording.time_ms.size
            used[row, :n] = e.used[s]
            data[row, :n] = np.where(e.used[s], e.recording.sweeps[s], 0.0)
            drive[row, :n] = e.drive_mV
            drive[row, n:] = e.drive_mV[-1]
        order = [sum(1 for other in rows if other[0] == i and other[1] < s) for i, s in rows]
        return Group(
            drug,
            rate_map,
            plan_sweeps(segments, dt),
            tuple(tuple(own) for own in segments),
            np.stack([self.table.take[k] for k in units]),
            np.array([u for u, *_ in index]),
            np.array([self.cells.index(self.table.units[k][1]) for k in units]),
            np.array([c.voltage_mV for _, c, *_ in index]),
            np.array([c.voltage_mV - reversal for _, c, _, reversal in index]),
            factors,
            np.array(rest),
            drive,
            data,
            used.astype(bool),
            self._response(rows, length, dt),
            np.array([self.cells.index(self.experiments[i].cell) for i, _ in rows]),
            self._order(rows) if self.rundown else np.array(order, dtype=float),
            tuple(rows),
        )

    def _order(self, rows: list[tuple[int, int]]) -> np.ndarray:
        """Return the place of each sweep among all sweeps of its cell, centred, as a fraction of one sweep."""
        all_rows = [(i, s) for i, e in enumerate(self.experiments) for s in range(len(e.baths))]
        result = []
        for i, s in rows:
            own = [r for r in all_rows if self.experiments[r[0]].cell == self.experiments[i].cell]
            result.append(own.index((i, s)) - 0.5 * (len(own) - 1))
        return np.array(result, dtype=float)

    def _response(self, rows: list[tuple[int, int]], length: int, dt_ms: float) -> np.ndarray | None:
        """Return the impulse response of the rig's filter; the sweeps of a group must share it."""
        told = {(self.experiments[i].filter_kHz, self.experiments[i].filter_kind) for i, _ in rows}
        if len(told) > 1:
            raise UsageError(
                "Sweeps of one sampling interval have different filters", do="fit them one after the other"
            )
        corner, kind = told.pop()
        if corner is None:
            return None
        if kind != "bessel":
            raise UsageError(f"A {kind} filter cannot be fitted through", do="use bessel, or no filter")
        impulse = np.zeros(2 * length)
        impulse[length] = 1.0  # after a stretch of zeros: the filter starts settled
        return low_pass(impulse, dt_ms, corner, kind)[length:]

    # ------------------------------------------------------------------------------------------------ in JAX

    def generators(self, group: Group, theta: Any, *, xp: Any) -> Any:
        """Return the generators of a group at a point of the search, shape (g, n, n)."""
        m = group.rate_map
        own = theta[group.take]
        log_k = (m.offset + own @ m.design.T)[group.unit]
        if np.any(m.voltage_design):
            log_k = log_k + group.voltage_mV[:, None] * (own @ m.voltage_design.T)[group.unit]
        return assemble(m.scheme, xp.exp(log_k) * group.factors, xp=xp)

    def open_conductance(self, group: Group, theta: Any, *, xp: Any) -> Any:
        """Return the filtered response of one unit of conductance, pA per nS, shape (s, t)."""
        q = self.generators(group, theta, xp=xp)
        settled, where = np.unique(group.rest, return_inverse=True)
        start = settle(q[settled], xp=xp)[where]
        g = np.array(group.rate_map.scheme.conductance)
        observe = xp.asarray((g / g.max())[:, None])
        squarings = _squarings(self, group)
        trace, _ = sample_sweeps(group.plan, q, start, observe, xp=xp, squarings=squarings)
        response = trace[..., 0] * group.drive_mV
        if group.response is not None:
            first = response[:, :1]
            size = 2 * response.shape[1]
            spectrum = xp.fft.rfft(response - first, size) * np.fft.rfft(group.response, size)
            response = xp.fft.irfft(spectrum, size)[:, : response.shape[1]] + first
        return response

    def _projected(self, theta: Any, weight: Any, xp: Any) -> tuple[list[Any], list[Any], dict[str, Any]]:
        """Return weighted residuals and predictions by group, and the linear numbers.

        `weight` (cells,) is one over the noise of each cell.
        """
        basis = [self.open_conductance(group, theta, xp=xp) for group in self.groups]
        n_cells = len(self.cells)
        flat_b, flat_y, means = [], [], []
        for group, b in zip(self.groups, basis, strict=True):
            used = group.used.astype(float)
            if self.leak == "sweep":
                count = used.sum(axis=1, keepdims=True)
                mean_b = (used * b).sum(axis=1, keepdims=True) / count
                mean_y = (used * group.data_pA).sum(axis=1, keepdims=True) / count
            else:
                mean_b, mean_y = xp.zeros((len(used), 1)), np.zeros((len(used), 1))
            flat_b.append(used * (b - mean_b))
            flat_y.append(used * (group.data_pA - mean_y))
            means.append((mean_b, mean_y))
        amplitudes = []
        if self.amplitude == "sweep":
            for b, y in zip(flat_b, flat_y, strict=True):
                amplitudes.append((b * y).sum(axis=1) / xp.maximum((b * b).sum(axis=1), 1e-300))
            linear = {"amplitude": xp.concatenate(amplitudes)}
        else:
            total = [0.0] * 5
            for group, b, y in zip(self.groups, flat_b, flat_y, strict=True):
                k = group.order if self.rundown else np.zeros(len(group.order))
                bb, by = (b * b).sum(axis=1), (b * y).sum(axis=1)
                for j, term in enumerate((bb, k * bb, k * k * bb, by, k * by)):
                    total[j] = total[j] + term @ np.eye(n_cells)[group.cell]
            s0, s1, s2, t0, t1 = total
            if self.rundown:
                determinant = xp.maximum(s0 * s2 - s1 * s1, 1e-300)
                a, slope = (t0 * s2 - t1 * s1) / determinant, (t1 * s0 - t0 * s1) / determinant
            else:
                a, slope = t0 / xp.maximum(s0, 1e-300), xp.zeros(n_cells)
            linear = {"amplitude": a, "slope": slope}
            for group in self.groups:
                amplitudes.append(a[group.cell] + slope[group.cell] * group.order)
        residuals, predictions = [], []
        for group, b, y, (mean_b, mean_y), full, amplitude in zip(
            self.groups, flat_b, flat_y, means, basis, amplitudes, strict=True
        ):
            # a patch cannot have a negative number of channels
            amplitude = xp.maximum(amplitude, 0.0)[:, None]
            residuals.append((y - amplitude * b) * weight[group.cell][:, None])
            predictions.append(amplitude * (full - mean_b) + mean_y)
        return residuals, predictions, linear

    def _residual(self, theta: Any, weight: Any) -> Any:
        import jax.numpy as jnp

        residuals, _, _ = self._projected(theta, weight, jnp)
        return jnp.concatenate(
            [r.reshape(-1)[np.flatnonzero(g.used)] for r, g in zip(residuals, self.groups, strict=True)]
        )

    @functools.cached_property
    def _compiled(self) -> tuple[Any, Any]:
        import jax

        require_float64()
        return (
            jax.jit(self._residual),
            jax.jit(jax.jacfwd(self._residual)),
        )

    def residual(self, theta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return weighted residuals of all fitted samples, shape (samples,)."""
        return np.asarray(self._compiled[0](np.asarray(theta, dtype=float), weight))

    def jacobian(self, theta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return their derivative in every number of the search, shape (samples, p)."""
        return np.asarray(self._compiled[1](np.asarray(theta, dtype=float), weight))

    def details(self, theta: np.ndarray) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Return predictions (pA) by group, each (s, t), and the linear numbers."""
        _, predictions, linear = self._projected(np.asarray(theta, dtype=float), np.ones(len(self.cells)), np)
        return predictions, linear

    @property
    def typical(self) -> np.ndarray:
        """Size of a meaningful change of each number of the search, shape (p,)."""
        return np.array([1.0 if n.parameter.scale == "log" else 0.01 for n in self.table.numbers])

    def sample_sweeps(self) -> np.ndarray:
        """Return the sweep of each fitted sample, counted through all groups, in the order of :meth:`residual`."""
        sizes = np.concatenate([g.used.sum(axis=1) for g in self.groups])
        return np.repeat(np.arange(sizes.size), sizes)

    def sample_cells(self) -> np.ndarray:
        """Return the cell of each fitted sample, in the order of :meth:`residual`."""
        return np.concatenate([np.repeat(g.cell, g.used.sum(axis=1)) for g in self.groups])


def _squarings(problem: Problem, group: Group) -> int:
    q = problem.generators(group, problem.table.start, xp=np)
    exits = -np.min(np.diagonal(q, axis1=-2, axis2=-1), axis=-1)
    return group.plan.squarings(exits * LARGEST_RATIO / 2.0)
