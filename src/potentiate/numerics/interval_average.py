"""What one Markov chain contributes to a reading that sums over an interval: exact first and second moments.

A chain in state k adds ``i[k]`` to a signal. A reading sees ``xi``, the integral of the signal over the interval, or
the states ``z`` of a linear filter that is at rest at the start, ``dz/dt = A z + B i``. The moments ``P[j, k] = Pr(k at
the end | j)``, ``U[j, k] = E(xi; k at the end | j)`` and ``V[j] = E(xi xi' | j)`` obey one linear equation: one
exponential of a block-triangular matrix gives them all, and where conditions change within the interval, a product.

References: van Loan 1978, IEEE Trans Automat Contr 23:395 (integrals from block-triangular exponentials); Colquhoun &
Hawkes 1977, Proc R Soc Lond B 199:231 (noise of channels); Moffatt 2007, Biophys J 93:74 (interval averages).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from .matrix_exponential import squarings_for, transition_matrix

_COEFFICIENTS = [[1.0 / math.factorial(4 * row + k) for k in range(4)] for row in range(4)]
_LAST = 1.0 / math.factorial(16)
_STEP = 6  # squarings after which short parts may drop out
_AIM = 0.5  # of the scaled norm; at twice this the series is still good to 3e-15


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Moments of one chain over each kind of interval.

    Attributes
    ----------
    transition : array, shape (kinds, n, n)
        P: from the state at the start (row) to that at the end.
    joint : array, shape (kinds, n, n, m)
        U: the mean of each component of the reading where the chain ends in a state, times the chance that it does.
    second : array, shape (kinds, n, m, m)
        V: second moments of the reading, for each state at the start.
    """

    transition: Any
    joint: Any
    second: Any


def block_generator(generator: Any, current: Any, density: Any, a: np.ndarray, b: np.ndarray, *, xp: Any = np) -> Any:
    """Return the matrix whose exponential, in its first n rows, is ``[P, U, V]``.

    Parameters
    ----------
    generator : array, shape (..., n, n)
    current : array, shape (..., n)
        What a chain in each state adds to the signal.
    density : array, shape (..., n)
        Spectral density of white noise that a chain in each state adds.
    a, b : arrays, shapes (m, m) and (m,)
        The filter; zero and one are the integral.

    Returns
    -------
    array, shape (..., n + n m + m m, n + n m + m m)
    """
    n, m = generator.shape[-1], len(b)
    lead = generator.shape[:-2]
    eye_n, eye_m = np.eye(n), np.eye(m)
    to_u = xp.einsum("...k,kl,a->...kla", current, eye_n, b).reshape(*lead, n, n * m)
    within_u = xp.einsum("...kl,ab->...kalb", generator, eye_m) + np.einsum("kl,ba->kalb", eye_n, a)
    pairs = np.einsum("ca,b->cab", eye_m, b) + np.einsum("cb,a->cab", eye_m, b)
    u_to_v = xp.einsum("...k,cab->...kcab", current, pairs).reshape(*lead, n * m, m * m)
    to_v = xp.einsum("...k,ab->...kab", density, np.outer(b, b)).reshape(*lead, n, m * m)
    within_v = (np.einsum("ac,bd->cdab", a, eye_m) + np.einsum("ca,bd->cdab", eye_m, a)).reshape(m * m, m * m)
    blocks = [
        [generator, to_u, to_v],
        [xp.zeros((*lead, n * m, n)), within_u.reshape(*lead, n * m, n * m), u_to_v],
        [xp.zeros((*lead, m * m, n + n * m)), xp.broadcast_to(within_v, (*lead, m * m, m * m))],
    ]
    return xp.concatenate([xp.concatenate(row, axis=-1) for row in blocks], axis=-2)


def _exponential(matrix: Any, shift: Any, weight: Any, squarings: np.ndarray, xp: Any) -> Any:
    """Return ``exp(matrix)`` by the shifted series of :mod:`.matrix_exponential`; NaN if `weight` is too large.

    `squarings` of each matrix must not increase along the batch: those that are done drop out of it.
    """
    scale = 0.5**squarings
    eye = np.eye(matrix.shape[-1])
    shift = (shift * scale)[:, None, None]
    b = matrix * scale[:, None, None] + shift * eye
    b2 = b @ b
    b3, b4 = b2 @ b, b2 @ b2
    terms = [c[0] * eye + c[1] * b + c[2] * b2 + c[3] * b3 for c in _COEFFICIENTS]
    series = terms[3] + _LAST * b4
    for k in (2, 1, 0):
        series = series @ b4 + terms[k]
    trusted = (weight * scale)[:, None, None] <= 2.0 * _AIM
    series = series * xp.where(trusted, xp.exp(-shift), xp.nan)
    done = []
    for s in range(int(squarings.max(initial=0))):
        more = int((squarings > s).sum())
        done.append(series[more:])
        series = series[:more] @ series[:more]
    return xp.concatenate([series, *reversed(done)])


def _constant(value: Any, xp: Any) -> Any:
    if xp is np:
        return value
    from jax.lax import stop_gradient

    return stop_gradient(value)


def interval_moments(
    generators: Any,
    currents: Any,
    part_generator: np.ndarray,
    part_ms: np.ndarray,
    kinds: np.ndarray,
    *,
    density: Any = None,
    filtered: tuple[np.ndarray, np.ndarray] | None = None,
    xp: Any = np,
    squarings: int | None = None,
) -> Moments:
    """Return the moments of the integral, or of the filter states, over each kind of interval.

    Parameters
    ----------
    generators : array, shape (generators, n, n)
        In 1/ms, rows sum to zero.
    currents : array, shape (n,) or (generators, n)
        What a chain in each state adds to the signal.
    part_generator, part_ms : arrays, shape (parts,)
        The distinct stretches of constant conditions.
    kinds : int array, shape (kinds, longest)
        Each kind of interval as parts in order; -1 fills up.
    density : array, shape (n,) or (generators, n), optional
        Spectral density (signal squared times ms) of white noise of a chain in each state.
    filtered : (A, B), optional
        A filter in 1/ms; default the integral.
    xp : module
        ``numpy`` or ``jax.numpy``.
    squarings : int, optional
        For the longest part under the fastest generator; required under JAX, NaN results where it is too small.

    Returns
    -------
    Moments
        In units of the signal times ms (filter: times the unit of B times ms), and its square.
    """
    a, b = (np.zeros((1, 1)), np.ones(1)) if filtered is None else filtered
    n, m = generators.shape[-1], len(b)
    currents = xp.broadcast_to(xp.asarray(currents), (len(generators), n))[part_generator]
    none = density is None
    density = xp.zeros((len(part_ms), n)) if none else xp.broadcast_to(density, (len(generators), n))[part_generator]
    # a result of degree one in the current is scaled by the current and the time, so that the series converges alike
    # for fA and nA, us and s; the scale itself is exact and does not take part in derivatives
    top = xp.max(xp.abs(currents))
    if not none:
        top = top + xp.sqrt(xp.max(xp.abs(density) / np.maximum(part_ms, 1e-9)[:, None]))
    unit = _constant(xp.where(top > 0, top, 1.0), xp) * np.where(part_ms > 0, part_ms, 1.0)
    unit_, q = unit[:, None], generators[part_generator]
    block = block_generator(q, currents / unit_, density / unit_**2, a, b, xp=xp)
    exits = -xp.min(xp.diagonal(generators, axis1=-2, axis2=-1), axis=-1)[part_generator]
    speed = float(np.abs(a).sum(axis=-1).max())
    shift = _constant((exits + 2.0 * speed) * part_ms, xp)
    weight = _constant((exits + 4.0 * speed) * part_ms, xp)
    longest = float(part_ms.max(initial=0.0))
    if squarings is None:
        squarings = squarings_for(float(np.max(exits, initial=0.0)) + 4.0 * speed, longest)
    # a part half as long needs one squaring less, whatever its generator; in steps, each of which is compiled
    shorter = _STEP * np.floor(np.log2(longest / np.where(part_ms > 0, part_ms, np.nan)) / _STEP)
    own = np.maximum(squarings - np.where(part_ms > 0, shorter, squarings), 0.0)
    order = np.argsort(-own, kind="stable")
    matrices = (block * part_ms[:, None, None])[order]
    scaled = _exponential(matrices, shift[order], weight[order], own[order], xp)[np.argsort(order)]
    grade = np.repeat([0, 1, 2], [n, n * m, m * m])
    parts = scaled * unit[:, None, None] ** np.maximum(grade[None, :] - grade[:, None], 0)
    parts = xp.concatenate([parts, np.eye(len(grade))[None]])
    rows = parts[kinds[:, 0], :n]
    for column in kinds.T[1:]:
        rows = rows @ parts[column]
    # rounding lets rows drift in proportion to rate x time: what they sum to is one, whatever the rates
    rows = rows / _constant(xp.sum(rows[..., :n], axis=-1, keepdims=True), xp)
    count = len(kinds)
    return Moments(
        rows[..., :n],
        rows[..., n : n + n * m].reshape(count, n, n, m),
        rows[..., n + n * m :].reshape(count, n, m, m),
    )


def sample_moments(
    generators: Any,
    currents: Any,
    part_generator: np.ndarray,
    part_ms: np.ndarray,
    kinds: np.ndarray,
    *,
    variance: Any = None,
    xp: Any = np,
    squarings: int | None = None,
) -> Moments:
    """Return the moments of the signal at the very end of each kind of interval.

    Parameters
    ----------
    generators, currents, part_generator, part_ms, kinds, xp, squarings
        As for :func:`interval_moments`.
    variance : array, shape (n,) or (generators, n), optional
        Variance that a chain in each state adds to a sample.

    Returns
    -------
    Moments
        In units of the signal, and its square.
    """
    n = generators.shape[-1]
    parts = transition_matrix(generators[part_generator], part_ms, xp=xp, squarings=squarings)
    parts = xp.concatenate([parts, np.eye(n)[None]])
    p = parts[kinds[:, 0]]
    for column in kinds.T[1:]:
        p = p @ parts[column]
    last = part_generator[kinds[np.arange(len(kinds)), (kinds >= 0).sum(axis=1) - 1]]
    current = xp.broadcast_to(xp.asarray(currents), (len(generators), n))[last]
    square = current**2
    if variance is not None:
        square = square + xp.broadcast_to(variance, (len(generators), n))[last]
    second = xp.einsum("kij,kj->ki", p, square)
    return Moments(p, (p * current[:, None, :])[..., None], second[..., None, None])
