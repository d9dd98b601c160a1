"""Values between the steps of Rodas4, from what every step leaves behind."""

from __future__ import annotations

from typing import Any


def sampled(record: Any, samples: Any, first: Any, lanes: bool) -> Any:
    """Return the solution at sample times, NaN where no step leads.

    Parameters
    ----------
    record : (array, array, array)
        Of every try: its end (infinite if there was none), its length, and four coefficients, shape
        (tries, 4, k) or (tries, 4, k, lanes); a try that was refused ends where it began and is constant.
    samples : array, shape (samples,)
    first : array
        Where the solution begins.
    lanes : bool

    Returns
    -------
    array, shape (samples, k) or (samples, k, lanes)
    """
    import jax
    import jax.numpy as jnp

    def one(ends: Any, lengths: Any, coefficients: Any, first: Any) -> Any:
        index = jnp.searchsorted(ends, samples, side="left")
        found = (index < len(ends)) & jnp.isfinite(ends[jnp.minimum(index, len(ends) - 1)]) & (samples >= first)
        index = jnp.minimum(index, len(ends) - 1)
        s = (1.0 + (samples - ends[index]) / lengths[index])[:, None]
        y0, y1, bend, twist = (coefficients[index, i] for i in range(4))
        values = (1.0 - s) * y0 + s * (y1 + (1.0 - s) * (bend + s * twist))
        return jnp.where(found[:, None], values, jnp.nan)

    mapped: Any = jax.vmap(one, in_axes=-1, out_axes=-1) if lanes else one
    return mapped(*record, first)
