"""The Kalman filter of :mod:`.count_filter` where readings have a memory: a rig's filter between channels and record.

The state is that of the chains and of the filter together: mean ``x = (mu, z)`` and covariance ``X``, in which the
block of the counts is again less ``diag(mu)``. Over an interval

    x <- x T      X <- T'X T + sum_j mu_j E_j + W

with ``T = [[P, g], [0, Phi']]``, what the chains add to the filter beyond that, E, and what noise at the input adds, W.
A reading ``y = h.x`` then updates them as any Kalman filter, and the diagonal of the counts with the mean. The adjoint
is written by hand, as there.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def pack_memory(p: Any, joint: Any, second: Any, phi: Any, extra: Any, *, xp: Any = np) -> tuple[Any, Any, Any]:
    """Return T (kinds, N, N), E (kinds, n, n m + m m) and W (kinds, m, m), with N = n + m.

    Parameters
    ----------
    p, joint, second : arrays
        Of :class:`potentiate.numerics.interval_average.Moments`.
    phi : array, shape (kinds, m, m)
        From the filter's state before to that after.
    extra : array, shape (kinds, m, m)
        Covariance that noise at the input adds.
    """
    count, n, _, m = joint.shape
    top = xp.concatenate([p, xp.sum(joint, axis=2)], axis=-1)
    bottom = xp.concatenate([xp.zeros((count, m, n)), xp.asarray(np.swapaxes(phi, -1, -2))], axis=-1)
    spread = xp.concatenate([joint.reshape(count, n, n * m), second.reshape(count, n, m * m)], axis=-1)
    return xp.concatenate([top, bottom], axis=-2), spread, extra


def _ahead(x: Any, cov: Any, t: Any, spread: Any, extra: Any, n: int, xp: Any) -> tuple[Any, Any]:
    """Carry mean and covariance over an interval."""
    m = len(x) - n
    added = x[:n] @ spread
    corner = added[: n * m].reshape(n, m)
    after = t.T @ cov @ t
    blocks = [
        xp.concatenate([xp.zeros((n, n)), corner], axis=1),
        xp.concatenate([corner.T, added[n * m :].reshape(m, m) + extra], axis=1),
    ]
    return x @ t, after + xp.concatenate(blocks, axis=0)


def filter_with_memory(
    tables: tuple[Any, Any, Any], read: Any, kind: Any, y: Any, noise: Any, x: Any, cov: Any, *, n: int, xp: Any = np
) -> tuple[Any, Any]:
    """Return the prediction of each reading of one sweep from all earlier ones, and its variance.

    Parameters
    ----------
    tables : tuple of arrays
        From :func:`pack_memory`.
    read : array, shape (kinds, N)
        h, what a reading at the end of each kind of interval sees; taken as constant in derivatives.
    kind : int array, shape (bins,)
    y, noise : arrays, shape (bins,)
        Readings (NaN: nothing recorded) and the variance of what is added to them after the filter.
    x, cov : arrays, shapes (N,) and (N, N)
        At the start.
    n : int
        Number of states of the chain.

    Returns
    -------
    prediction, variance : arrays, shape (bins,)
    """
    if xp is not np:
        seen = ~xp.isnan(y)
        run = _jax_filter(n)
        return run(*tables, xp.asarray(read), kind, xp.where(seen, y, 0.0), noise, seen.astype(y.dtype), x, cov)
    prediction, variance = np.empty(len(y)), np.empty(len(y))
    own = np.arange(len(x)) < n
    with np.errstate(all="ignore"):  # a failure shows as NaN
        for t, k in enumerate(kind.tolist()):
            x, cov = _ahead(x, cov, tables[0][k], tables[1][k], tables[2][k], n, np)
            c = cov @ read[k]
            prediction[t], variance[t] = read[k] @ x, read[k] @ c + noise[t]
            if not np.isnan(y[t]):
                step = c * ((y[t] - prediction[t]) / variance[t])
                x = x + step
                cov = cov - np.outer(c, c / variance[t]) - np.diag(np.where(own, step, 0.0))
    return prediction, variance


@functools.cache
def _jax_filter(n: int) -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    def forwards(t_, spread_, extra_, read_, kind, y, noise, seen, x, cov):
        own = jnp.arange(len(x)) < n
        eye = jnp.where(own[:, None], jnp.eye(len(x)), 0.0)

        def step(carry: Any, bin_: Any) -> Any:
            x, cov = carry
            k, reading, r, s = bin_
            h = read_[k]
            x_on, cov_on = _ahead(x, cov, t_[k], spread_[k], extra_[k], n, jnp)
            cov_on = 0.5 * (cov_on + cov_on.T)
            c = cov_on @ h
            prediction, f = h @ x_on, h @ c + r
            e = reading - prediction
            a = c * (s * e / f)
            return (x_on + a, cov_on - c[:, None] * (c * (s / f)) - eye * a), (x, cov, prediction, e, f, c)

        return lax.scan(step, (x, cov), (kind, y, noise, seen))[1]

    @jax.custom_vjp
    def run(t_, spread_, extra_, read_, kind, y, noise, seen, x, cov):
        _, _, prediction, _, f, _ = forwards(t_, spread_, extra_, read_, kind, y, noise, seen, x, cov)
        return prediction, f

    def run_forwards(t_, spread_, extra_, read_, kind, y, noise, seen, x, cov):
        xs, covs, prediction, e, f, c = forwards(t_, spread_, extra_, read_, kind, y, noise, seen, x, cov)
        return (prediction, f), (t_, spread_, extra_, read_, kind, seen, xs, covs, e, f, c)

    def run_backwards(kept: Any, bars: Any) -> Any:
        t_, spread_, extra_, read_, kind, seen, xs, covs, e, f, c = kept
        size = xs.shape[1]
        m = size - n
        own = jnp.arange(size) < n

        def step(carry: Any, bin_: Any) -> Any:
            x_bar, cov_bar, spread_bar, extra_bar = carry
            k, p_in, f_in, s, e, f, c, x = bin_
            t, h = t_[k], read_[k]
            inverse = s / f
            a = e * inverse
            own_diagonal = jnp.where(own, jnp.diagonal(cov_bar), 0.0)
            cc = cov_bar @ c
            a_bar = c @ x_bar - c @ own_diagonal
            c_bar = (x_bar - own_diagonal) * a - 2.0 * inverse * cc
            e_bar = a_bar * inverse
            f_bar = f_in + (c @ cc) * inverse * inverse - a_bar * a * inverse
            half = 0.5 * (c_bar + f_bar * h)
            on_bar = cov_bar + half[:, None] * h + h[:, None] * half  # of the covariance before the reading
            x_on_bar = x_bar + (p_in - e_bar) * h
            packed = jnp.concatenate([2.0 * on_bar[:n, n:].reshape(n * m), on_bar[n:, n:].reshape(m * m)])
            through = t @ on_bar
            new_x = t @ x_on_bar
            new_x = new_x.at[:n].add(spread_[k] @ packed)
            spread_bar = spread_bar.at[k].add(x[:n, None] * packed)
            extra_bar = extra_bar.at[k].add(on_bar[n:, n:])
            return (new_x, through @ t.T, spread_bar, extra_bar), (x_on_bar, through, e_bar, f_bar)

        start = (jnp.zeros(size), jnp.zeros((size, size)), jnp.zeros_like(spread_), jnp.zeros_like(extra_))
        inputs = (kind, bars[0], bars[1], seen, e, f, c, xs)
        (x_bar, cov_bar, spread_bar, extra_bar), (on_bar, through, e_bar, f_bar) = lax.scan(
            step, start, inputs, reverse=True
        )
        each = xs[:, :, None] * on_bar[:, None, :] + 2.0 * jnp.matmul(covs, through)
        t_bar = jax.ops.segment_sum(each.reshape(len(each), -1), kind, len(t_)).reshape(t_.shape)
        return t_bar, spread_bar, extra_bar, None, None, e_bar, f_bar, None, x_bar, cov_bar

    run.defvjp(run_forwards, run_backwards)
    return run
