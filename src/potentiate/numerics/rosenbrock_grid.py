"""Rosenbrock steps of a whole batch on one given time grid (JAX).

For many runs that share their events (the same stimuli, other draws of release) a common grid, fine after each event
and coarse in between, costs less than a controller per run: one program, no restarts, the forcing known in advance at
the middle of every step. The price is that the error is estimated, not controlled: it is returned.

Method: Rodas3, four stages, order 3 with an embedded solution of order 2, L-stable and stiffly accurate
(Sandu et al. 1997, Atmos Environ 31:3459; Hairer & Wanner, Solving Ordinary Differential Equations II, IV.7). It keeps
linear invariants. The linear system is inverted by Gauss-Jordan elimination without pivoting: with the step in its
diagonal the matrix of a stiff chemical network is dominated by it, and batched LAPACK calls can deadlock XLA on CPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

_GAMMA = 0.5


def invert(matrix: Any) -> Any:
    """Return the inverse of a batch of matrices, shape (..., n, n), by elimination without pivoting."""
    n = matrix.shape[-1]
    for k in range(n):
        pivot = 1.0 / matrix[..., k : k + 1, k : k + 1]
        row = matrix[..., k : k + 1, :] * pivot
        column = matrix[..., :, k : k + 1]
        swept = matrix - column * row
        # column k of the result: -column / pivot off the diagonal, 1 / pivot on it; row k: the scaled row
        swept = swept.at[..., :, k].set((-column * pivot)[..., 0])
        swept = swept.at[..., k, :].set(row[..., 0, :])
        matrix = swept.at[..., k, k].set(pivot[..., 0, 0])
    return matrix


def dense_solver(matrix: Any) -> Callable[[Any], Any]:
    """Return a solver of ``M x = r``, for matrices of shape (..., n, n)."""
    inverse = invert(matrix)
    return lambda right: jnp.einsum("...ij,...j->...i", inverse, right)


def linked_solver(matrix: Any, first: int, link: int) -> Callable[[Any], Any]:
    """Return a solver of ``M x = r`` for two blocks that know each other through one component only.

    Parameters
    ----------
    matrix : array, shape (..., n, n)
        The first `first` rows may depend on one later component, number `link` of the second block, and only its row
        may depend on the first block. What else stands in the off-diagonal blocks is not looked at.
    first : int
    link : int

    Returns
    -------
    function of an array, shape (..., n)
    """
    a, d = invert(matrix[..., :first, :first]), invert(matrix[..., first:, first:])
    into_first = matrix[..., :first, first + link]
    from_first = matrix[..., first + link, :first]
    felt = jnp.einsum("...ij,...j->...i", a, into_first)
    loop = (from_first * felt).sum(axis=-1)
    column = d[..., :, link]

    def solve(right: Any) -> Any:
        alone = jnp.einsum("...ij,...j->...i", a, right[..., :first])
        sent = (from_first * alone).sum(axis=-1)
        second = jnp.einsum("...ij,...j->...i", d, right[..., first:]) - column * sent[..., None]
        shared = second[..., link] / (1.0 - loop * column[..., link])
        second = second + column * (loop * shared)[..., None]
        return jnp.concatenate([alone - felt * shared[..., None], second], axis=-1)

    return solve


def rosenbrock_step(
    rate: Callable[[Any, Any], Any],
    state: Any,
    forcing: Any,
    step_ms: Any,
    blocks: tuple[int, int] | None = None,
) -> tuple[Any, Any]:
    """Advance a batch by one step with the forcing held.

    Parameters
    ----------
    rate : function of (state (n,), forcing (f,)) -> (n,)
    state : array, shape (runs, n)
    forcing : array, shape (runs, f)
    step_ms : scalar
        Zero leaves the state as it is (padding).
    blocks : (first, link), optional
        See :func:`linked_solver`; default: one dense block.

    Returns
    -------
    state : array, shape (runs, n)
    error : array, shape (runs, n)
        Difference to the embedded solution of order 2.
    """
    h = jnp.where(step_ms > 0, step_ms, 1.0)
    f = jax.vmap(rate)
    jacobian = jax.vmap(jax.jacfwd(rate))(state, forcing)
    matrix = jnp.eye(state.shape[-1]) / (_GAMMA * h) - jacobian
    solve = linked_solver(matrix, *blocks) if blocks else dense_solver(matrix)
    slope = f(state, forcing)
    u1 = solve(slope)
    u2 = solve(slope + 4.0 * u1 / h)
    u3 = solve(f(state + 2.0 * u1, forcing) + (u1 - u2) / h)
    u4 = solve(f(state + 2.0 * u1 + u3, forcing) + (u1 - u2 - 8.0 / 3.0 * u3) / h)
    after = state + 2.0 * u1 + u3 + u4
    moving = step_ms > 0
    return jnp.where(moving, after, state), jnp.where(moving, u4, 0.0)
