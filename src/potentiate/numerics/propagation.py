"""Sampled traces of a Markov chain under piecewise-constant generators: the two-level matrix exponential.

A sweep is cut into *rows* of up to `block` samples under one generator. For each generator ``P = exp(Q dt)`` is squared
again and again; the powers double a table of observables, ``P^j o``, and lead from the head of one row to the next.
The table turns the state at the head of a row into all its samples with one matrix product; a loop (a scan in JAX)
carries the state from row to row. The cost is 2 n T for T samples instead of 2 n^2 T for stepping, and the result is
exact at every sample, whatever the sampling interval.

Which row, which generator and which sample is the business of :mod:`.sweep_plan`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .matrix_exponential import transition_matrix
from .sweep_plan import Plan

#: With more pieces than this a sweep is gathered sample by sample.
_MOST_PIECES = 32


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
