"""Transition matrices of Markov chains, ``exp(Q t)``, for NumPy and JAX with the same code.

The generator is shifted by its largest exit rate so that every term of the Taylor series is non-negative: there is
no cancellation, and rows keep summing to one. Degree 16 in Paterson-Stockmeyer form costs six products;
scaling and squaring does the rest. There is no linear solve, no eigenvalue and no data-dependent loop, so the
function differentiates, batches and runs on a GPU (eig/eigh fail at washout and at repeated eigenvalues).

References: Paterson & Stockmeyer 1973, SIAM J Comput 2:60; Higham 2005, SIAM J Matrix Anal Appl 26:1179 (scaling
and squaring); Grassmann 1977, Comput Oper Res 4:47 (the shift, "uniformisation").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

#: 1/k! for k = 0 ... 15: one row for each power of the fourth power, the last term (k = 16) apart.
_COEFFICIENTS = np.array([1.0 / math.factorial(k) for k in range(16)]).reshape(4, 4)
_LAST = 1.0 / math.factorial(16)

#: Scaled norm aimed at; at twice this value the truncation error of degree 16 is still 3e-15.
_AIM = 0.5


def squarings_for(rate_bound_per_ms: float, time_ms: float) -> int:
    """Return the number of squarings for exit rates up to `rate_bound_per_ms` over `time_ms`.

    Under JAX the number must be known before tracing; rates may then grow twofold before
    :func:`transition_matrix` returns NaN.
    """
    scaled = rate_bound_per_ms * time_ms / _AIM
    return max(0, math.ceil(math.log2(scaled))) if scaled > 1.0 else 0


def transition_matrix(generator: Any, time_ms: Any, *, xp: Any = np, squarings: int | None = None) -> Any:
    """Return ``exp(Q t)``.

    Parameters
    ----------
    generator : array, shape (..., n, n)
        Rows sum to zero; entry (i, j) is the rate from state i to state j in 1/ms.
    time_ms : float or array, shape (...)
        Duration of each matrix of the batch.
    xp : module
        ``numpy`` or ``jax.numpy``.
    squarings : int, optional
        Number of squarings; chosen from the matrices if omitted (NumPy only, values must be concrete).

    Returns
    -------
    array, shape (..., n, n)
        NaN where `squarings` is too small for the rates: a failure is never a plausible number.
    """
    n = generator.shape[-1]
    diagonal = xp.diagonal(generator, axis1=-2, axis2=-1)
    weight = -diagonal.min(axis=-1) * time_ms
    constant = _constant(xp)
    weight = constant(weight)  # exp(Q t) does not depend on the shift
    if squarings is None:
        squarings = squarings_for(float(np.max(weight, initial=0.0)), 1.0)
    scale = 0.5**squarings
    scaled = (weight * scale)[..., None, None]
    eye = xp.eye(n)
    b = generator * (xp.asarray(time_ms) * scale)[..., None, None] + scaled * eye
    b2 = b @ b
    b4 = b2 @ b2
    b3 = b2 @ b
    if xp is np:  # one product is faster than many small sums; XLA fuses the sums
        terms = (_COEFFICIENTS @ np.stack([np.zeros_like(b) + eye, b, b2, b3]).reshape(4, -1)).reshape(4, *b.shape)
    else:
        terms = [c[0] * eye + c[1] * b + c[2] * b2 + c[3] * b3 for c in _COEFFICIENTS.tolist()]
    series = terms[3] + _LAST * b4
    for k in (2, 1, 0):
        series = series @ b4 + terms[k]
    trusted = scaled <= 2.0 * _AIM
    series = series * xp.where(trusted, xp.exp(-scaled), xp.nan)
    for _ in range(squarings):
        series = series @ series
    # rounding lets rows drift from one in proportion to rate x time: put them back
    rows = xp.sum(series, axis=-1, keepdims=True)
    return series / constant(rows)  # they are one, whatever the rates


def _constant(xp: Any) -> Callable[[Any], Any]:
    """Return what takes a value out of differentiation: nothing to do in NumPy."""
    if xp is np:
        return lambda value: value
    from jax.lax import stop_gradient

    return stop_gradient


def settle(generator: Any, *, xp: Any = np, doublings: int = 60) -> Any:
    """Return the stationary distribution by repeated squaring of a transition matrix.

    Differentiable and free of linear solves (batched solves can deadlock XLA on CPU). Each squaring doubles the
    time, so 60 of them cover 18 decades of rates.

    Parameters
    ----------
    generator : array, shape (..., n, n)

    Returns
    -------
    array, shape (..., n)
        The distribution reached from a uniform start; unique when there is one closed class of states.
    """
    exit_rate = xp.max(-xp.diagonal(generator, axis1=-2, axis2=-1), axis=-1)
    p = transition_matrix(generator, 0.5 / exit_rate, xp=xp, squarings=0)

    def double(p: Any, _: Any = None) -> tuple[Any, None]:
        p = p @ p
        return p / xp.sum(p, axis=-1, keepdims=True), None

    if xp is np:
        for _ in range(doublings):
            p, _ = double(p)
    else:
        from jax import lax

        p, _ = lax.scan(double, p, length=doublings)
    return xp.mean(p, axis=-2)


def stationary(generator: np.ndarray) -> np.ndarray:
    """Return the stationary distribution by Grassmann-Taksar-Heyman elimination (no subtraction, so full accuracy).

    Parameters
    ----------
    generator : array, shape (n, n)
        A chain with one closed class; transient states get zero.

    Returns
    -------
    array, shape (n,)

    References
    ----------
    Grassmann, Taksar & Heyman 1985, Oper Res 33:1107.
    """
    q = np.array(generator, dtype=float)
    n = len(q)
    np.fill_diagonal(q, 0.0)
    # eliminate transient states first: order by reachability so that the last state lies in the closed class
    order = _closed_class_last(q)
    q = q[np.ix_(order, order)]
    exits = np.zeros(n)
    for k in range(0, n - 1):
        exits[k] = q[k, k + 1 :].sum()
        if exits[k] == 0.0:
            raise ZeroDivisionError("more than one closed class of states")
        q[k + 1 :, k + 1 :] += np.outer(q[k + 1 :, k] / exits[k], q[k, k + 1 :])
    x = np.zeros(n)
    x[-1] = 1.0
    for k in range(n - 2, -1, -1):
        x[k] = x[k + 1 :] @ q[k + 1 :, k] / exits[k]
    result = np.zeros(n)
    result[order] = x / x.sum()
    return result


def _closed_class_last(q: np.ndarray) -> np.ndarray:
    reach = (q > 0) | np.eye(len(q), dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(len(q))))):
        reach = (reach.astype(float) @ reach.astype(float)) > 0
    # a state of the closed class is reachable from every state; put one of them last
    last = int(np.argmax(reach.sum(axis=0)))
    # farther states first: elimination then always finds an exit towards the closed class
    leads = q > 0
    steps = np.full(len(q), len(q))
    frontier = np.zeros(len(q), dtype=bool)
    frontier[last] = True
    level = 0
    while frontier.any():
        steps[frontier] = level
        level += 1
        frontier = leads[:, frontier].any(axis=1) & (steps == len(q))
    return np.argsort(-steps, kind="stable")
