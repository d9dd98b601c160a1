"""Compile a function of scalars as one piece of machine code (XLA on a CPU).

XLA's runtime for CPUs calls every small operation of a loop on its own. Where an operation is one addition, the call
costs a hundred times more than the addition: a step of thirty stiff equations spends nearly all of its time there. XLA
itself marks tiny loops as "small calls", whose body is emitted as one function; the same mark is set here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def in_one_piece(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that XLA neither inlines nor cuts into single calls; on other machines, the function itself.

    Parameters
    ----------
    function : callable
        Of small trees of arrays: scalars and short vectors. No LAPACK, no scatter, nothing that XLA would share out
        among threads.

    Notes
    -----
    Everything goes in as one array and comes out as one array: several buffers make XLA's emitter give up.
    """
    import jax
    from jax.experimental.xla_metadata import set_xla_metadata
    from jax.flatten_util import ravel_pytree

    if jax.default_backend() != "cpu":
        return function

    def call(*arguments: Any) -> Any:
        packed, unpack = ravel_pytree(arguments)
        shape = jax.eval_shape(function, *arguments)
        _, unpack_found = ravel_pytree(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shape))
        whole = jax.jit(lambda x: ravel_pytree(function(*unpack(x)))[0])
        with set_xla_metadata(inlineable="false", xla_cpu_small_call="true"):
            return unpack_found(whole(packed))

    return call
