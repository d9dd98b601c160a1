"""Sampled traces of a Markov chain under piecewise-constant generators: the two-level matrix exponential.

A sweep is cut into *rows* of up to `block` samples under one generator. One small table per generator, ``P^j o``
built by doubling, turns the state at the head of a row into all its samples with one matrix product; a loop (a
scan in JAX) carries the state from row to row. The cost is 2 n T for T samples instead of 2 n^2 T for stepping, and
the result is exact at every sample, whatever the sampling interval.

The plan (which row, which generator, which sample) is plain NumPy and does not depend on rates, so the same plan
serves NumPy, JAX, gradients, batches and GPUs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .matrix_exponential import squarings_for, transition_matrix

_EPS = 1e-9  # ms; times closer than this are the same time


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a set of sweeps that does not depend on rates.

    Attributes
    ----------
    dt_ms : float
        Sampling interval.
    n_samples : int
        Samples per sweep, at 0, dt, 2 dt, ...
    n_generators : int
    row_generator, row_propagator : int arrays, shape (sweeps, rows)
        Generator of each row, and the propagator that leads to the next row.
    propagator_generator, propagator_ms : arrays, shape (propagators,)
    gather : int array, shape (sweeps, samples)
        Where each sample lies in the concatenated row outputs.
    tables : tuple of (generator, length, flat row indices)
        One table of observables per generator.
    singles : int array
        Flat indices of rows of one sample under generators that have no longer row (a varying ligand).
    """

    dt_ms: float
    n_samples: int
    n_generators: int
    row_generator: np.ndarray
    row_propagator: np.ndarray
    propagator_generator: np.ndarray
    propagator_ms: np.ndarray
    gather: np.ndarray
    tables: tuple[tuple[int, int, np.ndarray], ...]
    singles: np.ndarray

    def squarings(self, exit_rates_per_ms: np.ndarray) -> tuple[int, int]:
        """Return squarings for (propagators, one sample) given each generator's largest exit rate."""
        longest = float(np.max(exit_rates_per_ms[self.propagator_generator] * self.propagator_ms, initial=0.0))
        return squarings_for(longest, 1.0), squarings_for(float(np.max(exit_rates_per_ms)), self.dt_ms)


def plan_sweeps(sweeps: Sequence[Sequence[tuple[int, float]]], dt_ms: float) -> Plan:
    """Plan sweeps given as lists of (generator index, duration in ms).

    Parameters
    ----------
    sweeps : sequence of sequences of (int, float)
        All sweeps must have the same total duration.
    dt_ms : float
        Sampling interval; segment borders need not lie on samples.

    Returns
    -------
    Plan
    """
    totals = [sum(d for _, d in sweep) for sweep in sweeps]
    if max(totals) - min(totals) > 1e-6:
        raise ValueError("sweeps of one plan must last equally long")
    n_samples = math.floor(totals[0] / dt_ms + 1e-6) + 1
    block = 2 ** max(0, round(math.log2(max(1.0, math.sqrt(n_samples)))))
    propagators: dict[tuple[int, float], int] = {}
    rows: list[list[tuple[int, int, int, int]]] = []  # generator, first sample, count, propagator
    for sweep in sweeps:
        out: list[tuple[int, int, int, int]] = []

        def add(generator: int, first: int, count: int, duration: float, out: list = out) -> None:
            key = (generator, round(duration, 12))
            out.append((generator, first, count, propagators.setdefault(key, len(propagators))))

        start, stop = 0.0, 0
        for generator, duration in sweep:
            end = start + duration
            first = math.ceil((start - _EPS) / dt_ms)
            stop = min(math.ceil((end - _EPS) / dt_ms), n_samples)
            if stop <= first:
                add(generator, 0, 0, duration)
            else:
                if first * dt_ms - start > _EPS:
                    add(generator, 0, 0, first * dt_ms - start)
                for head in range(first, stop, block):
                    count = min(block, stop - head)
                    reach = head + count
                    leave = end if reach == stop else reach * dt_ms
                    add(generator, head, count, leave - head * dt_ms)
            start = end
        if stop < n_samples:
            add(generator, n_samples - 1, 1, 0.0)  # the sample at the very end
        rows.append(out)
    n_rows = max(len(r) for r in rows)
    hold = propagators.setdefault((0, 0.0), len(propagators))
    row_generator = np.zeros((len(rows), n_rows), dtype=int)
    row_propagator = np.full((len(rows), n_rows), hold)
    by_generator: dict[int, list[tuple[int, int, int, int]]] = {}
    for s, sweep_rows in enumerate(rows):
        for r, (generator, first, count, propagator) in enumerate(sweep_rows):
            row_generator[s, r], row_propagator[s, r] = generator, propagator
            if count:
                by_generator.setdefault(generator, []).append((s, r, first, count))
    gather = np.full((len(rows), n_samples), -1)
    tables, offset, singles = [], 0, []
    for generator, members in by_generator.items():
        length = max(count for *_, count in members)
        if length == 1:
            singles.extend(members)
            continue
        flat = np.array([s * n_rows + r for s, r, *_ in members])
        for i, (s, _, first, count) in enumerate(members):
            gather[s, first : first + count] = offset + i * length + np.arange(count)
        tables.append((generator, length, flat))
        offset += len(members) * length
    for i, (s, _, first, _) in enumerate(singles):
        gather[s, first] = offset + i
    keys = list(propagators)
    return Plan(
        dt_ms=dt_ms,
        n_samples=n_samples,
        n_generators=1 + max(g for sweep in sweeps for g, _ in sweep),
        row_generator=row_generator,
        row_propagator=row_propagator,
        propagator_generator=np.array([g for g, _ in keys]),
        propagator_ms=np.array([d for _, d in keys]),
        gather=gather,
        tables=tuple(tables),
        singles=np.array([s * n_rows + r for s, r, *_ in singles], dtype=int),
    )


def sample_sweeps(
    plan: Plan,
    generators: Any,
    start: Any,
    observe: Any,
    *,
    xp: Any = np,
    squarings: tuple[int, int] | None = None,
) -> tuple[Any, Any]:
    """Return the observables at every sample and the states at the end of the sweeps.

    Parameters
    ----------
    plan : Plan
    generators : array, shape (generators, n, n)
        In 1/ms, rows sum to zero.
    start : array, shape (sweeps, n)
        Occupancy at time zero.
    observe : array, shape (n, k) or (generators, n, k)
        What is read from the occupancies, e.g. conductances; may differ between generators (driving force).
    xp : module
        ``numpy`` or ``jax.numpy``.
    squarings : (int, int), optional
        From :meth:`Plan.squarings`; required for JAX.

    Returns
    -------
    trace : array, shape (sweeps, samples, k)
    end : array, shape (sweeps, n)
    """
    if squarings is None:
        squarings = plan.squarings(-np.min(np.diagonal(generators, axis1=-2, axis2=-1), axis=-1))
    n = generators.shape[-1]
    steps = transition_matrix(
        generators[plan.propagator_generator], xp.asarray(plan.propagator_ms), xp=xp, squarings=squarings[0]
    )
    heads, end = _walk(plan, steps, start, xp)  # heads: (sweeps, rows, n)
    heads = heads.reshape(-1, n)
    if observe.ndim == 2:
        observe = xp.broadcast_to(observe, (plan.n_generators, *observe.shape))
    k = observe.shape[-1]
    pieces = []
    if plan.tables:
        which = [generator for generator, _, _ in plan.tables]
        powers = transition_matrix(generators[np.array(which)], plan.dt_ms, xp=xp, squarings=squarings[1])
        for i, (generator, length, flat) in enumerate(plan.tables):
            table, power = observe[generator], powers[i]
            width = 1
            while width < length:
                table = xp.concatenate([table, power @ table], axis=1)
                width *= 2
                if width < length:
                    power = power @ power
            pieces.append((heads[flat] @ table[:, : length * k]).reshape(-1, k))
    if len(plan.singles):
        which = plan.row_generator.reshape(-1)[plan.singles]
        pieces.append(xp.einsum("rn,rnk->rk", heads[plan.singles], observe[which]))
    return xp.concatenate(pieces)[plan.gather], end


def _walk(plan: Plan, steps: Any, start: Any, xp: Any) -> tuple[Any, Any]:
    """Carry the states from row to row; return the heads of all rows and the last states."""
    if xp is np:
        heads = np.empty((*plan.row_propagator.shape, start.shape[-1]))
        end = np.empty_like(start, dtype=float)
        for s, p in enumerate(start):
            for r, propagator in enumerate(plan.row_propagator[s]):
                heads[s, r] = p
                p = p @ steps[propagator]
            end[s] = p
        return heads, end
    from jax import lax

    def step(p: Any, propagators: Any) -> tuple[Any, Any]:
        return xp.einsum("sn,snm->sm", p, steps[propagators]), p

    end, heads = lax.scan(step, start, xp.asarray(plan.row_propagator.T))
    return xp.swapaxes(heads, 0, 1), end


# Commutator-free Magnus integrator of order four with two Gauss points: exponentials of two averaged generators, each
# held for half a step. Blanes & Moan 2006, Appl Numer Math 56:1519; Thalhammer 2006, SIAM J Numer Anal 44:851.
GAUSS_NODES = (0.5 - math.sqrt(3.0) / 6.0, 0.5 + math.sqrt(3.0) / 6.0)
_NEAR, _FAR = (3.0 + 2.0 * math.sqrt(3.0)) / 6.0, (3.0 - 2.0 * math.sqrt(3.0)) / 6.0


def magnus_averages(first: Any, second: Any) -> tuple[Any, Any]:
    """Return the two constant values that stand for a varying one over the halves of a step.

    Parameters
    ----------
    first, second : array
        Generator (or a ligand concentration, where the generator is affine in it) at the two Gauss nodes.

    Returns
    -------
    tuple of arrays
        To be held for half the step each, in this order; the error of a step is of order five.
    """
    return _NEAR * first + _FAR * second, _FAR * first + _NEAR * second
