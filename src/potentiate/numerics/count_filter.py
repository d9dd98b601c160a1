"""The Kalman filter of the counts of many independent Markov chains that are seen through one noisy sum.

Counts n have mean ``mu`` and covariance S. The filter carries ``X = S - diag(mu)``, the covariance beyond that of
independent Poisson counts: it maps by ``P' X P``, and the multinomial scatter of the chains drops out. With the moments
of one chain over an interval (P; G the mean reading where the chain ends in a state; g = G 1; w its mean square) and
noise of variance R, a reading y has

    h = X g      F = g.h + mu.w + R      e = y - mu.g      c = P'h + G'mu
    mu <- P'mu + c e/F      X <- P'X P - c c'/F - diag(c) e/F      log L -= (log 2 pi F + e^2/F) / 2

where F is the variance of y, c its covariance with the counts at the end. A reading that is missing leaves out all that
has F below the line. First and second moments are exact; that they are all is the (Gaussian) closure.

The derivative is the hand-written adjoint of this recursion: two scans and a few large products instead of a
differentiated scan.

References: Moffatt 2007, Biophys J 93:74; Münch et al. 2022, eLife 11:e62714 (the filter for samples).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

_LOG_2PI = math.log(2.0 * math.pi)


def pack(p: Any, joint: Any, second: Any, *, xp: Any = np) -> Any:
    """Return [G | P | g | w], shape (kinds, n, 2 n + 2), the form in which the filter reads moments.

    Parameters
    ----------
    p, joint : arrays, shape (kinds, n, n)
    second : array, shape (kinds, n)
    """
    return xp.concatenate([joint, p, xp.sum(joint, axis=-1, keepdims=True), second[..., None]], axis=-1)


def log_density(y: Any, prediction: Any, variance: Any, *, xp: Any = np) -> Any:
    """Return the Gaussian log density of each reading; 0 where `y` is NaN, NaN where the variance is not positive."""
    seen = ~xp.isnan(y)
    e = xp.where(seen, y - prediction, 0.0)
    f = xp.where(seen, xp.where(variance > 0, variance, xp.nan), 1.0)
    return -0.5 * xp.where(seen, _LOG_2PI + xp.log(f) + e * e / f, 0.0)


def filter_counts(
    table: Any, kind: Any, y: Any, noise: Any, mean: Any, beyond: Any, *, xp: Any = np
) -> tuple[Any, Any]:
    """Return the prediction of each reading of one sweep from all earlier ones, and its variance.

    Parameters
    ----------
    table : array, shape (kinds, n, 2 n + 2)
        From :func:`pack`.
    kind : int array, shape (bins,)
    y : array, shape (bins,)
        Readings less their baseline; NaN where nothing was recorded.
    noise : array, shape (bins,)
        Variance of the noise of each reading.
    mean, beyond : arrays, shapes (n,) and (n, n)
        mu and X at the start.
    xp : module
        ``numpy`` or ``jax.numpy``. Under JAX the result can be differentiated in reverse in all arrays.

    Returns
    -------
    prediction, variance : arrays, shape (bins,)
        Mean and variance (noise included) of each reading, given all readings before it; also where nothing was
        recorded. Without any recording they are mean and variance of the current, exactly.
    """
    if xp is np:
        return _filter_numpy(table, kind, y, noise, mean, beyond)
    seen = ~xp.isnan(y)
    return _jax_filter()(table, kind, xp.where(seen, y, 0.0), noise, seen.astype(y.dtype), mean, beyond)


def _filter_numpy(table: Any, kind: Any, y: Any, noise: Any, mean: Any, beyond: Any) -> tuple[Any, Any]:
    n = len(mean)
    mu, x = np.array(mean, dtype=float), np.array(beyond, dtype=float)
    prediction, variance = np.empty(len(y)), np.empty(len(y))
    # contiguous pieces of each kind: slicing would cost more than the products
    ahead = [np.ascontiguousarray(t) for t in table]
    onward = [np.ascontiguousarray(t[:, n : 2 * n + 1]) for t in table]
    back = [np.ascontiguousarray(t[:, n : 2 * n].T) for t in table]
    first = [np.ascontiguousarray(t[:, 2 * n]) for t in table]
    diagonal = slice(None, None, n + 1)
    with np.errstate(all="ignore"):  # a failure shows as NaN
        for t, (k, reading, r) in enumerate(zip(kind.tolist(), y.tolist(), noise.tolist(), strict=True)):
            m = mu.dot(ahead[k])
            xr = x.dot(onward[k])
            f = first[k].dot(xr[:, n]) + m[2 * n + 1] + r
            pair = back[k].dot(xr)
            mu, x = m[n : 2 * n].copy(), pair[:, :n].copy()
            prediction[t], variance[t] = m[2 * n], f
            if reading == reading:  # not NaN
                c = pair[:, n] + m[:n]
                step = c * ((reading - m[2 * n]) / f)
                mu += step
                x -= np.outer(c, c / f)
                x.reshape(-1)[diagonal] -= step
    return prediction, variance


@functools.cache
def _jax_filter() -> Any:
    """Return the JAX filter with its adjoint (JAX is imported when it is first needed)."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    def forwards(table: Any, kind: Any, y: Any, noise: Any, seen: Any, mean: Any, beyond: Any) -> Any:
        n = len(mean)
        eye = jnp.eye(n)

        def step(carry: Any, bin_: Any) -> Any:
            mu, x = carry
            k, reading, r, s = bin_
            t = table[k]
            m = mu @ t
            xr = x @ t[:, n : 2 * n + 1]
            pair = t[:, n : 2 * n].T @ xr
            f = t[:, 2 * n] @ xr[:, n] + m[2 * n + 1] + r
            e = reading - m[2 * n]
            c = pair[:, n] + m[:n]
            ca = c * (s * e / f)
            new_x = pair[:, :n]
            new_x = 0.5 * (new_x + new_x.T) - c[:, None] * (c * (s / f)) - eye * ca
            return (m[n : 2 * n] + ca, new_x), (mu, x, m[2 * n], e, f, c)

        return lax.scan(step, (mean, beyond), (kind, y, noise, seen))[1]

    @jax.custom_vjp
    def run(table: Any, kind: Any, y: Any, noise: Any, seen: Any, mean: Any, beyond: Any) -> Any:
        _, _, prediction, _, f, _ = forwards(table, kind, y, noise, seen, mean, beyond)
        return prediction, f

    def run_forwards(table: Any, kind: Any, y: Any, noise: Any, seen: Any, mean: Any, beyond: Any) -> Any:
        mu, x, prediction, e, f, c = forwards(table, kind, y, noise, seen, mean, beyond)
        return (prediction, f), (table, kind, seen, mu, x, e, f, c)

    def run_backwards(kept: Any, bars: Any) -> Any:
        table, kind, seen, mu, x, e, f, c = kept
        n = mu.shape[1]

        def step(carry: Any, bin_: Any) -> Any:
            mu_bar, x_bar = carry  # of the counts after this bin; x_bar is symmetric
            k, m_in, f_in, s, e, f, c = bin_
            t = table[k]
            p, g = t[:, n : 2 * n], t[:, 2 * n]
            inverse = s / f
            a = e * inverse
            xc = x_bar @ c
            diagonal = jnp.diagonal(x_bar)
            a_bar = c @ mu_bar - c @ diagonal
            c_bar = (mu_bar - diagonal) * a - 2.0 * inverse * xc
            e_bar = a_bar * inverse
            m_bar = m_in - e_bar  # of mu.g
            f_bar = f_in + (c @ xc) * inverse * inverse - a_bar * a * inverse
            # [P x_bar, P c_bar, P mu_bar]
            left = p @ jnp.concatenate([x_bar, c_bar[:, None], mu_bar[:, None]], axis=1)
            h_bar = left[:, n] + g * f_bar
            outer = 0.5 * h_bar[:, None] * g
            new_x = left[:, :n] @ p.T + outer + outer.T
            new_mu = left[:, n + 1] + t[:, :n] @ c_bar + t[:, 2 * n + 1] * f_bar + g * m_bar
            return (new_mu, new_x), (mu_bar, left[:, :n], c_bar, h_bar, m_bar, e_bar, f_bar)

        start = (jnp.zeros(n), jnp.zeros((n, n)))
        inputs = (kind, bars[0], bars[1], seen, e, f, c)
        (mean_bar, beyond_bar), (mu_bar, px_bar, c_bar, h_bar, m_bar, e_bar, f_bar) = lax.scan(
            step, start, inputs, reverse=True
        )
        # derivatives in the moments, all bins at once, added up over the bins of each kind
        g = table[:, :, 2 * n][kind]
        h = jnp.einsum("tij,tj->ti", x, g)
        g_bar = h * f_bar[:, None] + jnp.einsum("tij,tj->ti", x, h_bar) + mu * m_bar[:, None]
        p_bar = mu[:, :, None] * mu_bar[:, None, :] + h[:, :, None] * c_bar[:, None, :] + 2.0 * jnp.matmul(x, px_bar)
        joint_bar = mu[:, :, None] * c_bar[:, None, :]
        each = jnp.concatenate([joint_bar, p_bar, g_bar[..., None], (mu * f_bar[:, None])[..., None]], axis=-1)
        table_bar = jax.ops.segment_sum(each.reshape(len(each), -1), kind, len(table)).reshape(table.shape)
        return table_bar, None, e_bar, f_bar, None, mean_bar, beyond_bar

    run.defvjp(run_forwards, run_backwards)
    return run
