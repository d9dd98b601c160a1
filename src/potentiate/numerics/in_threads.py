"""Many runs of one compiled program, in as many threads as there are cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_threads(
    program: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], *, workers: int | None = None
) -> list[Any]:
    """Return ``program(*arguments[i])`` for all i, in order.

    XLA does the small operations of one run in turn, so that several runs at a time use the cores of a CPU better than
    one batch whose lanes wait for the slowest.

    Parameters
    ----------
    program : callable
        Compiled by :func:`jax.jit`; all arguments have the same shapes.
    arguments : sequence of tuples
    workers : int, optional
        Default: the cores that this process may use.
    """
    import jax

    if not arguments:
        return []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = [jax.block_until_ready(program(*arguments[0]))]  # compiles once, not once per thread
    with ThreadPoolExecutor(workers or cores) as pool:
        return found + list(pool.map(lambda a: jax.block_until_ready(program(*a)), arguments[1:]))
