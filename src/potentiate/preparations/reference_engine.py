"""The compiled loops of the reference induction engine: the spine with its enzymes, or enzymes under given calcium."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..mechanisms.calmodulin import ACTIVE_CAMKII, ACTIVE_CAN, EnzymeRates, enzyme_rates
from ..mechanisms.geometrical_readout import Readout
from ..mechanisms.reference_spine import CALCIUM, FAST, SpineConstants, spine_rates
from ..mechanisms.somatic_spike import SpikeConstants

#: Steps of one call of the compiled loop; the last call is padded with steps of zero.
CHUNK = 2048


@functools.cache
def register_constants() -> None:
    """Let JAX see constants as numbers that may change without compiling again."""
    import dataclasses

    import jax

    for cls in (SpineConstants, SpikeConstants, EnzymeRates):
        jax.tree_util.register_dataclass(cls, [f.name for f in dataclasses.fields(cls)], [])


@functools.cache
def _spine_program(readout: Readout) -> Callable[..., Any]:
    import jax.numpy as jnp

    offset = len(FAST)

    def rate(state: Any, forcing: Any, constants: Any) -> Any:
        return spine_rates(state, forcing, constants, xp=jnp)

    def seen(state: Any) -> Any:
        return state[:, CALCIUM], state[:, 0]

    return _program(readout, rate, offset, seen, (CALCIUM, 0))


@functools.cache
def _enzyme_program(readout: Readout) -> Callable[..., Any]:
    import jax.numpy as jnp

    def rate(state: Any, forcing: Any, constants: Any) -> Any:
        return enzyme_rates(state, forcing[0], constants, xp=jnp)[0]

    return _program(readout, rate, 0, lambda state: (0.0 * state[:, 0], 0.0 * state[:, 0]), None)


def _program(
    readout: Readout, rate: Callable[..., Any], offset: int, seen: Callable[..., Any], blocks: tuple[int, int] | None
) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp
    from jax import lax

    from ..numerics.rosenbrock_grid import rosenbrock_step

    can_row, camkii_row = jnp.asarray(ACTIVE_CAN), jnp.asarray(ACTIVE_CAMKII)

    def plane(state: Any) -> tuple[Any, Any]:
        enzymes = state[:, offset:]
        return enzymes @ can_row, enzymes @ camkii_row

    @jax.jit
    def loop(carry: Any, constants: Any, steps: Any, forcing: Any) -> Any:
        def body(carry: Any, x: Any) -> Any:
            state, activation, units, was_in, dwell, worst = carry
            h, u = x
            state, error = rosenbrock_step(lambda y, f: rate(y, f, constants), state, u, h, blocks)
            can, camkii = plane(state)
            is_in = readout.indicators(can, camkii, xp=jnp)
            part = 0.5 * (was_in + is_in)
            activation, units = readout.advance(activation, units, part, h, xp=jnp)
            worst = jnp.maximum(worst, jnp.abs(error).max(axis=0))
            return (state, activation, units, is_in, dwell + h * part, worst), (*seen(state), can, camkii)

        return lax.scan(body, carry, (steps, forcing))

    return loop


def run_loop(
    kind: str,
    readout: Readout,
    constants: Any,
    start: np.ndarray,
    steps_ms: np.ndarray,
    forcing: np.ndarray,
    before: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Run the spine (``"spine"``) or the enzymes alone (``"enzymes"``) over a grid.

    Parameters
    ----------
    start : array, shape (runs, n)
    steps_ms : array, shape (steps,)
    forcing : array, shape (steps, runs, f)
    before : (activation (runs, 2), units (runs, 3), dwell_ms (runs, 2)), optional
        What the readout already holds; default: nothing has happened.

    Returns
    -------
    dict
        ``calcium_uM, spine_mV, can_uM, camkii_uM``: arrays, shape (steps, runs), at the end of each step;
        ``state`` (runs, n), ``activation`` (runs, 2), ``units`` (runs, 3), ``dwell_ms`` (runs, 2) at the end;
        ``error`` (n,): largest local error estimate of each variable.
    """
    import jax
    import jax.numpy as jnp

    from ..kinetics.ensemble import require_float64

    require_float64()
    register_constants()
    program = _spine_program(readout) if kind == "spine" else _enzyme_program(readout)
    runs, n = start.shape
    offset = len(FAST) if kind == "spine" else 0
    enzymes = start[:, offset:]
    inside = readout.indicators(enzymes @ ACTIVE_CAN, enzymes @ ACTIVE_CAMKII)
    nothing = np.zeros((runs, 2)), np.tile([0.0, 1.0, 0.0], (runs, 1)), np.zeros((runs, 2))
    activation, units, dwell = nothing if before is None else before
    carry = tuple(jnp.asarray(x) for x in (start, activation, units, inside, dwell, np.zeros(n)))
    parts = []
    for i in range(0, len(steps_ms), CHUNK):
        h, u = steps_ms[i : i + CHUNK], forcing[i : i + CHUNK]
        if len(h) < CHUNK:
            u = np.concatenate([u, np.repeat(u[-1:], CHUNK - len(h), axis=0)])
            h = np.append(h, np.zeros(CHUNK - len(h)))
        carry, out = program(carry, constants, jnp.asarray(h), jnp.asarray(u))
        parts.append(jax.device_get(out))
    names = ("calcium_uM", "spine_mV", "can_uM", "camkii_uM")
    found = {name: np.concatenate([p[k] for p in parts])[: len(steps_ms)] for k, name in enumerate(names)}
    ends = dict(zip(("state", "activation", "units", "inside", "dwell_ms", "error"), carry, strict=True))
    return found | {name: np.asarray(value) for name, value in ends.items()}
