"""Sampled traces of a Markov chain under piecewise-constant generators: the two-level matrix exponential.

A sweep is cut into *rows* of up to `block` samples under one generator. For each generator ``P = exp(Q dt)`` is squared
again and again; the powers double a table of observables, ``P^j o``, and lead from the head of one row to the next.
The table turns the state at the head of a row into all its samples with one matrix product; a loop (a scan in JAX)
carries the state from row to row. The cost is 2 n T for T samples instead of 2 n^2 T for stepping, and the result is
exact at every sample, whatever the sampling interval.

The plan (which row, which generator, which sample) is plain NumPy and does not depend on rates, so the same plan
serves NumPy, JAX, gradients, batches and GPUs.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .matrix_exponential import squarings_for, transition_matrix

_EPS = 1e-9  # ms; times closer than this are the same time

#: Samples per row over the square root of the samples per sweep: reading long rows is cheaper than many hops.
_ROW = 2.0

#: With more pieces than this a sweep is gathered sample by sample.
_MOST_PIECES = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Rows that are read with tables of the same size.

    Attributes
    ----------
    width : int
        Samples per row, a power of two.
    generators : int array
        One table each.
    rows : tuple of int
        How many rows each generator has.
    squares : int
        How often P is squared: often enough for the table and for the longest hop.
    """

    width: int
    generators: np.ndarray
    rows: tuple[int, ...]
    squares: int


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a set of sweeps that does not depend on rates.

    A sweep goes from the head of one row to the next by *hops*: powers ``P^(2^j)`` of the table's generator for whole
    sample intervals, an exponential of its own for a part of one.

    Attributes
    ----------
    dt_ms : float
        Sampling interval.
    n_samples : int
        Samples per sweep, at 0, dt, 2 dt, ...
    n_generators : int
    exponential_generator, exponential_ms : arrays, shape (exponentials,)
        Matrix exponentials to take: one sample interval for each generator that has a table (in the order of
        `tables`), then the parts of an interval. None is longer than `dt_ms`.
    hops : int array, shape (sweeps, hops)
        Indices into the stack: parts, an identity, then all powers of the first table, of the second, ...
    heads : int array, shape (rows,)
        For each row the flat index (sweep-major, one more state than hops) of the state at its head; rows of the first
        generator of the first table, of the second, ..., then rows of one sample under generators that have no longer
        row (a varying ligand).
    single_generator : int array
        Generators of the latter.
    tables : tuple of Table
    pieces : tuple of tuples of (output, start, stop)
        For each sweep, the stretches of the row outputs that make up its samples. There is one output for each
        generator of each table, then one of all single samples.
    samples : tuple of int arrays, shape (rows, width)
        For each output the sample that each place holds, counted through all sweeps; -1 where a row is cut short.
    """

    dt_ms: float
    n_samples: int
    n_generators: int
    exponential_generator: np.ndarray
    exponential_ms: np.ndarray
    hops: np.ndarray
    heads: np.ndarray
    single_generator: np.ndarray
    tables: tuple[Table, ...]
    pieces: tuple[tuple[tuple[int, int, int], ...], ...]
    samples: tuple[np.ndarray, ...]

    def squarings(self, exit_rates_per_ms: np.ndarray) -> int:
        """Return the squarings that the exponentials need, given each generator's largest exit rate."""
        weights = np.asarray(exit_rates_per_ms)[self.exponential_generator] * self.exponential_ms
        return squarings_for(float(np.max(weights, initial=0.0)), 1.0)


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
    if any(d < 0 for sweep in sweeps for _, d in sweep):
        raise ValueError("a segment has a negative duration")
    n_samples = math.floor(totals[0] / dt_ms + 1e-6) + 1
    block = 2 ** max(0, round(math.log2(_ROW * math.sqrt(n_samples))))
    sheets: list[list[_Row]] = []
    for sweep in sweeps:
        rows: list[_Row] = []
        start, stop = 0.0, 0
        for generator, duration in sweep:
            end = start + duration
            first = math.ceil((start - _EPS) / dt_ms)
            stop = min(math.ceil((end - _EPS) / dt_ms), n_samples)
            if stop <= first:
                rows.append(_row(generator, 0, 0, duration, dt_ms))
            else:
                if first * dt_ms - start > _EPS:
                    rows.append(_row(generator, 0, 0, first * dt_ms - start, dt_ms))
                for head in range(first, stop, block):
                    count = min(block, stop - head)
                    leave = end if head + count == stop else (head + count) * dt_ms
                    rows.append(_row(generator, head, count, leave - head * dt_ms, dt_ms))
            start = end
        if stop < n_samples:
            rows.append(_Row(sweep[-1][0], n_samples - 1, 1, 0, 0.0))  # the sample at the very end
        sheets.append(rows)
    return _lay_out(sheets, dt_ms, n_samples)


@dataclasses.dataclass(frozen=True)
class _Row:
    """Samples under one generator, and how far it is to the next row: whole sample intervals, then a part of one."""

    generator: int
    first: int
    count: int
    whole: int
    part_ms: float


def _row(generator: int, first: int, count: int, duration_ms: float, dt_ms: float) -> _Row:
    whole = math.floor((duration_ms + _EPS) / dt_ms)
    part_ms = round(duration_ms - whole * dt_ms, 12)
    if whole == 1 and count <= 1:  # as good as a part
        whole, part_ms = 0, duration_ms if part_ms > _EPS else dt_ms
    return _Row(generator, first, count, whole, part_ms if part_ms > _EPS else 0.0)


def _lay_out(sheets: list[list[_Row]], dt_ms: float, n_samples: int) -> Plan:
    """Group rows by the size of their tables; number exponentials, hops and outputs."""
    longest: dict[int, int] = {}
    farthest: dict[int, int] = {}
    for row in (row for rows in sheets for row in rows):
        longest[row.generator] = max(longest.get(row.generator, 1), row.count)
        farthest[row.generator] = max(farthest.get(row.generator, 0), row.whole)
    by_width: dict[int, list[int]] = {}
    for g, length in longest.items():
        if length > 1 or farthest[g] > 0:
            by_width.setdefault(2 ** math.ceil(math.log2(length)), []).append(g)
    layout = sorted(by_width.items(), reverse=True)
    tabled = [g for _, generators in layout for g in generators]
    parts = list(dict.fromkeys((r.generator, r.part_ms) for rows in sheets for r in rows if r.part_ms))
    part_index = {part: i for i, part in enumerate(parts)}

    squares, power_index, n_stack = [], {}, len(parts) + 1
    for width, generators in layout:
        most = max(1, *(farthest[g] for g in generators))
        squares.append(max(most.bit_length() - 1, round(math.log2(width)) - 1))
        for j in range(squares[-1] + 1):
            power_index.update({(g, j): n_stack + i for i, g in enumerate(generators)})
            n_stack += len(generators)

    hops: list[list[int]] = []
    # rows by the generator that reads them (None: single samples): sweep, hops before it, row
    outputs: dict[int | None, list[tuple[int, int, _Row]]] = {g: [] for g in [*tabled, None]}
    for s, rows in enumerate(sheets):
        own: list[int] = []
        for row in rows:
            if row.count:
                outputs[row.generator if longest[row.generator] > 1 else None].append((s, len(own), row))
            own += [power_index[row.generator, j] for j in range(row.whole.bit_length()) if row.whole >> j & 1]
            own += [part_index[row.generator, row.part_ms]] if row.part_ms else []
        hops.append(own)
    n_hops = max(map(len, hops))

    where = np.empty((len(sheets), n_samples, 2), dtype=int)  # output, place in it
    widths: dict[int | None, int] = {g: width for width, generators in layout for g in generators}
    for number, (g, members) in enumerate(outputs.items()):
        for i, (s, _, row) in enumerate(members):
            where[s, row.first : row.first + row.count, 0] = number
            where[s, row.first : row.first + row.count, 1] = i * widths.get(g, 1) + np.arange(row.count)
    samples = [np.full((len(members), widths.get(g, 1)), -1) for g, members in outputs.items()]
    for number, found in enumerate(samples):
        at = np.flatnonzero(where[..., 0].reshape(-1) == number)
        found.reshape(-1)[where[..., 1].reshape(-1)[at]] = at
    return Plan(
        dt_ms=dt_ms,
        n_samples=n_samples,
        n_generators=1 + max(longest),
        exponential_generator=np.array(tabled + [g for g, _ in parts], dtype=int),
        exponential_ms=np.array([dt_ms] * len(tabled) + [ms for _, ms in parts]),
        hops=np.array([own + [len(parts)] * (n_hops - len(own)) for own in hops]),
        heads=np.array([s * (n_hops + 1) + h for m in outputs.values() for s, h, _ in m], dtype=int),
        single_generator=np.array([row.generator for *_, row in outputs[None]], dtype=int),
        tables=tuple(
            Table(width, np.array(generators), tuple(len(outputs[g]) for g in generators), count)
            for (width, generators), count in zip(layout, squares, strict=True)
        ),
        pieces=tuple(_stretches(w) for w in where),
        samples=tuple(samples if outputs[None] else samples[:-1]),
    )


def _stretches(where: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    """Return maximal stretches (output, start, stop) of consecutive places, from (samples, 2)."""
    cuts = np.flatnonzero((np.diff(where[:, 0]) != 0) | (np.diff(where[:, 1]) != 1)) + 1
    edges = [0, *cuts.tolist(), len(where)]
    return tuple(
        (int(where[a, 0]), int(where[a, 1]), int(where[b - 1, 1]) + 1) for a, b in itertools.pairwise(edges)
    )


def sample_sweeps(
    plan: Plan,
    generators: Any,
    start: Any,
    observe: Any,
    *,
    xp: Any = np,
    squarings: int | None = None,
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
    squarings : int, optional
        From :meth:`Plan.squarings`; required for JAX.

    Returns
    -------
    trace : array, shape (sweeps, samples, k)
    end : array, shape (sweeps, n)
    """
    rows, end = sample_rows(plan, generators, start, observe, xp=xp, squarings=squarings)
    return _in_order(plan, [row.reshape(-1) for row in rows], observe.shape[-1], xp), end


def sample_rows(
    plan: Plan,
    generators: Any,
    start: Any,
    observe: Any,
    *,
    xp: Any = np,
    squarings: int | None = None,
) -> tuple[list[Any], Any]:
    """Return the observables in rows, as they are computed, and the states at the end of the sweeps.

    For what does not depend on the order of samples (peaks, sums): putting them in order costs a pass over memory.

    Parameters
    ----------
    plan, generators, start, observe, xp, squarings
        As for :func:`sample_sweeps`.

    Returns
    -------
    rows : list of arrays, shape (rows, width, k)
        `Plan.samples` tells which sample each place holds.
    end : array, shape (sweeps, n)
    """
    n, k = generators.shape[-1], observe.shape[-1]
    exponentials = transition_matrix(
        generators[plan.exponential_generator], plan.exponential_ms, xp=xp, squarings=squarings
    )
    *bases, parts = _split(exponentials, [len(table.generators) for table in plan.tables], xp)
    powers = []
    for table, base in zip(plan.tables, bases, strict=True):
        squares = [base]
        for _ in range(table.squares):
            squares.append(squares[-1] @ squares[-1])
        powers.append(squares)
    stack = xp.concatenate([parts, xp.eye(n)[None], *itertools.chain(*powers)])
    states = _walk(stack, plan.hops, start, xp)
    *heads, singles = _split(states.reshape(-1, n)[plan.heads], [c for t in plan.tables for c in t.rows], xp)
    observe = observe + xp.zeros((plan.n_generators, 1, 1))
    outputs = []
    for table, squares in zip(plan.tables, powers, strict=True):
        read = observe[table.generators]
        for power in squares[: round(math.log2(table.width))]:
            read = xp.concatenate([read, power @ read], axis=-1)
        outputs += [
            (heads[len(outputs) + i] @ read[i]).reshape(count, table.width, k) for i, count in enumerate(table.rows)
        ]
    if len(plan.single_generator):
        outputs.append(xp.einsum("rn,rnk->rk", singles, observe[plan.single_generator])[:, None])
    return outputs, states[:, -1]


def _split(array: Any, sizes: list[int], xp: Any) -> list[Any]:
    """Split along the first axis into pieces of these sizes and the rest."""
    sizes = [*sizes, len(array) - sum(sizes)]
    if xp is not np:
        from jax import lax

        return list(lax.split(array, sizes))  # its transpose is one concatenation, not a sum of padded slices
    edges = [0, *itertools.accumulate(sizes)]
    return [array[i:j] for i, j in itertools.pairwise(edges)]


def _walk(stack: Any, hops: np.ndarray, start: Any, xp: Any) -> Any:
    """Carry the states along the hops, (sweeps, hops + 1, n)."""
    if xp is np:
        states = np.empty((len(hops), hops.shape[1] + 1, start.shape[-1]))
        for s, p in enumerate(start):
            states[s, 0] = p
            for h, hop in enumerate(hops[s].tolist(), start=1):
                states[s, h] = p = p.dot(stack[hop])
        return states
    return _walk_jax(stack, hops, start)


def _walk_jax(stack: Any, hops: np.ndarray, start: Any) -> Any:
    """Walk as the solution of a block-bidiagonal system, ``x[h + 1] - x[h] P[h] = 0``.

    Its derivative in the stack is then one product over all hops, where that of a scan would add up the whole stack
    at every hop.
    """
    import jax.numpy as jnp
    from jax import lax

    order = jnp.asarray(hops.T)

    def hop_on(x: Any, hop: Any) -> Any:
        return jnp.einsum("...sn,...snm->...sm", x, stack[hop])

    def residual(x: Any) -> Any:
        return x - jnp.concatenate([jnp.zeros_like(x[:1]), hop_on(x[:-1], order)])

    def forwards(_: Any, b: Any) -> Any:
        def step(x: Any, inputs: tuple[Any, Any]) -> tuple[Any, Any]:
            x = hop_on(x, inputs[0]) + inputs[1]
            return x, x

        return jnp.concatenate([b[:1], lax.scan(step, b[0], (order, b[1:]))[1]])

    def backwards(_: Any, b: Any) -> Any:
        def step(x: Any, inputs: tuple[Any, Any]) -> tuple[Any, Any]:
            x = jnp.einsum("sm,snm->sn", x, stack[inputs[0]]) + inputs[1]
            return x, x

        return jnp.concatenate([lax.scan(step, b[-1], (order, b[:-1]), reverse=True)[1], b[-1:]])

    b = jnp.concatenate([start[None], jnp.zeros((len(order), *start.shape), start.dtype)])
    return jnp.swapaxes(lax.custom_linear_solve(residual, b, forwards, backwards), 0, 1)


def _in_order(plan: Plan, outputs: list[Any], k: int, xp: Any) -> Any:
    """Return flat outputs as (sweeps, samples, k)."""
    pieces = []
    if sum(map(len, plan.pieces)) > _MOST_PIECES * len(plan.pieces):
        offsets = np.cumsum([0, *(len(output) // k for output in outputs)])
        where = [offsets[o] + np.arange(a, b) for sweep in plan.pieces for o, a, b in sweep]
        pieces.append(xp.take(xp.concatenate(outputs).reshape(-1, k), np.concatenate(where), axis=0).reshape(-1))
    else:
        found = {}
        for o, output in enumerate(outputs):
            cuts = sorted({c for sweep in plan.pieces for at, a, b in sweep if at == o for c in (0, a, b)})
            parts = _split(output, [(b - a) * k for a, b in itertools.pairwise(cuts)], xp)
            found.update({(o, a): part for a, part in zip(cuts, parts, strict=True)})
        pieces = [found[o, a] for sweep in plan.pieces for o, a, _ in sweep]
    return xp.concatenate(pieces).reshape(len(plan.pieces), plan.n_samples, k)


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
