"""Stiff initial value problems in JAX: Rodas4 with error control, restarted at given times.

One compiled loop takes all steps of all intervals. Between two edges (a stimulus, a switch of solution, the beat of a
clamp) the problem is smooth; at an edge the next row of the drive takes over, the state may jump, and the step size
starts again from what the interval before last could afford at its start (on and off alternate). The right-hand side
may depend on time. Values at sample times come from the dense output, evaluated after the loop.

Lanes (the last axis of everything) are independent problems of one structure that advance in one loop, each with its
own steps: on a CPU this is faster than :func:`jax.vmap`, which also works. Nothing here raises inside the loop: a
problem that fails ends as NaN with a status.

Method: Hairer & Wanner 1996, sections IV.7 and IV.8 (step control with Gustafsson's predictive controller).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import NumericalError
from .dense_output import sampled
from .elimination import LinearSolver
from .one_piece import in_one_piece
from .rodas4 import ALPHA, GAMMA, STAGES, A, C, D, H

#: What the status of a solution says.
REASONS = ("ok", "too many steps", "step too small", "not finite")
_OK, _TOO_MANY, _TOO_SMALL, _NOT_FINITE = range(4)

#: Relative to the time: below it a step does not move the clock.
_SMALLEST = 1e-15

#: Steps that one call takes where a loop is compiled in one piece.
_AT_ONCE = 16

_SAFETY, _LEAST_CHANGE, _MOST_CHANGE = 0.9, 1.0 / 6.0, 5.0


@dataclasses.dataclass(frozen=True, eq=False)
class System:
    """An initial value problem ``dy/dt = f(t, y, drive, parameters)``.

    Attributes
    ----------
    rhs : callable
        (t, y, drive, parameters) -> dy/dt. `y` is an array or a tree of arrays, the first axis the components; `drive`
        is what holds in the present interval.
    solver : LinearSolver
        Knows the Jacobian.
    time_derivative : callable, optional
        (t, y, drive, parameters) -> df/dt, in the shape of `y`; default: forward differentiation of `rhs`.
    one_piece : bool
        Compile steps with :func:`~.one_piece.in_one_piece`: a sparse system of 30 equations is many times faster on a
        CPU. Not for lanes, :func:`jax.vmap` or LAPACK.
    """

    rhs: Callable[[Any, Any, Any, Any], Any]
    solver: LinearSolver
    time_derivative: Callable[[Any, Any, Any, Any], Any] | None = None
    one_piece: bool = False


class Solution(NamedTuple):
    """What an integration gives; a tree of arrays, with lanes as the last axis where there are lanes.

    Attributes
    ----------
    end : tree
        State at the last edge; NaN where the integration failed.
    values : array, shape (samples, k), or None
        NaN from where the integration failed.
    status : int array
        Index into :data:`REASONS`.
    time : array
        Time reached.
    accepted, rejected, jacobians : int arrays
        Steps taken, steps refused, matrices formed and factored.
    """

    end: Any
    values: Any
    status: Any
    time: Any
    accepted: Any
    rejected: Any
    jacobians: Any


class _Carry(NamedTuple):
    t: Any
    y: Any
    h: Any
    at: Any  # interval
    first: Any  # no step of this interval has been accepted
    refused: Any  # the last try was rejected
    restart: Any  # step sizes with which the next even and odd intervals start
    last_h: Any
    last_error: Any
    status: Any
    accepted: Any
    rejected: Any
    tries: Any
    record: Any


def jacobian_of(rhs: Callable[..., Any], *, lanes: bool = False) -> Callable[..., Any]:
    """Return df/dy of a right-hand side on arrays (n,) or (n, lanes) by forward differentiation.

    With lanes every leaf of `drive` and `parameters` must carry them.
    """
    import jax

    one = jax.jacfwd(rhs, argnums=1)
    return jax.vmap(one, in_axes=-1, out_axes=-1) if lanes else one


def integrate(
    system: System,
    start: Any,
    edges: Any,
    *,
    drive: Any = None,
    parameters: Any = None,
    jumps: Any = None,
    samples: Any = None,
    observe: Callable[[Any], Any] | None = None,
    rtol: float = 1e-5,
    atol: Any = 1e-7,
    first_step: float = 1e-4,
    largest_step: float = np.inf,
    max_steps: int = 20_000,
    lanes: bool = False,
) -> Solution:
    """Integrate from the first edge to the last one; to be called inside :func:`jax.jit`.

    Parameters
    ----------
    system : System
    start : tree of arrays
        State at the first edge. The last axis is lanes if `lanes`.
    edges : array, shape (intervals + 1,) or (intervals + 1, lanes)
        Increasing; may be padded by repeating the last one.
    drive : tree of arrays, shape (intervals, ...), optional
        What `rhs` is given in each interval.
    parameters : tree, optional
        Handed to `rhs` as it is.
    jumps : tree like `start`, with intervals first, optional
        Added to the state when an interval begins.
    samples : array, shape (samples,), optional
        Increasing times, the same for all lanes. At an edge the value is that before the jump.
    observe : callable, optional
        LINEAR function of the state that gives what is recorded, shape (k,) or (k, lanes); default: the state itself,
        which must then be one array.
    rtol, atol : float; atol also a tree that broadcasts against the state
        The root mean square over components of ``error / (atol + rtol |y|)`` is kept below one.
    first_step, largest_step : float
        In units of time.
    max_steps : int
        Accepted and rejected ones, in each lane.
    lanes : bool

    Returns
    -------
    Solution

    Raises
    ------
    NumericalError
        JAX runs without 64-bit numbers.
    """
    import jax
    import jax.numpy as jnp

    if not jax.config.read("jax_enable_x64"):
        raise NumericalError(
            "JAX is set to single precision",
            why="a stiff problem loses its small differences in float32",
            do="set JAX_ENABLE_X64=1, or enable it before the first JAX operation",
        )
    edges = jnp.asarray(edges, float)
    start, drive, jumps = (jax.tree.map(lambda x: jnp.asarray(x, float), tree) for tree in (start, drive, jumps))
    width = jax.tree.leaves(start)[0].shape[-1:] if lanes else ()
    if lanes and edges.ndim == 1:
        edges = jnp.broadcast_to(edges[:, None], (len(edges), *width))
    first = edges[0]
    chosen = observe if observe is not None else lambda y: y
    record = None
    if samples is not None:
        k = jax.eval_shape(chosen, start).shape
        room = max_steps + _AT_ONCE
        record = (jnp.full((room, *width), jnp.inf), jnp.zeros((room, *width)), jnp.zeros((room, 4, *k)))
    zeros = jnp.zeros(width)
    none = jnp.zeros(width, int)
    h = jnp.full(width, jnp.minimum(first_step, largest_step))
    carry = _Carry(
        t=first,
        y=start,
        h=h,
        at=none,
        first=zeros == 0,
        refused=zeros > 0,
        restart=(h, h),
        last_h=h,
        last_error=zeros + 1.0,
        status=none,
        accepted=none,
        rejected=none,
        tries=jnp.zeros((), int),
        record=record,
    )

    control = _Control(rtol, largest_step, max_steps, lanes)
    attempt = functools.partial(_attempt, system, control, chosen if samples is not None else None)
    several = 1
    if system.one_piece and jax.default_backend() == "cpu":
        several = _AT_ONCE
        attempt = in_one_piece(functools.partial(_attempts, attempt))

    def step(c: _Carry) -> _Carry:
        at = (lambda leaf, i: leaf[i]) if not lanes else _lane_rows
        now = jax.tree.map(lambda leaf: at(leaf, c.at), drive)
        upcoming = jnp.minimum(c.at + 1, len(edges) - 2)
        jump = jax.tree.map(lambda leaf: at(leaf, upcoming), jumps)
        bounds = (at(edges, c.at + 1), edges[0], edges[-1])
        new, rows = attempt(c._replace(record=None), bounds, now, jump, parameters, atol)
        if c.record is None:
            return new
        put = jax.lax.dynamic_update_index_in_dim if several == 1 else jax.lax.dynamic_update_slice_in_dim
        record = tuple(put(kept, row, c.tries, 0) for kept, row in zip(c.record, rows, strict=True))
        return new._replace(record=record)

    done = jax.lax.while_loop(lambda c: jnp.any(_active(c, edges[-1])), step, carry)
    failed = done.status > 0
    return Solution(
        end=jax.tree.map(lambda x: jnp.where(failed, jnp.nan, x), done.y),
        values=None if samples is None else sampled(done.record, jnp.asarray(samples, float), first, lanes),
        status=done.status,
        time=done.t,
        accepted=done.accepted,
        rejected=done.rejected,
        jacobians=done.accepted + done.rejected,
    )


def _active(c: _Carry, last: Any) -> Any:
    return (c.status == _OK) & (c.t < last)


def _lane_rows(leaf: Any, at: Any) -> Any:
    """Return each lane's own row."""
    import jax.numpy as jnp

    index = jnp.broadcast_to(at.reshape([1] * (leaf.ndim - 1) + [-1]), (1, *leaf.shape[1:]))
    return jnp.take_along_axis(leaf, index, axis=0)[0]


class _Control(NamedTuple):
    rtol: float
    largest: float
    max_steps: int
    lanes: bool


def _attempt(
    system: System, control: _Control, observe: Any, c: _Carry, bounds: Any, now: Any, jump: Any, parameters: Any,
    atol: Any,
) -> tuple[_Carry, Any]:  # fmt: skip
    """Try one step in every lane; return what follows, and what the dense output needs of it."""
    import jax
    import jax.numpy as jnp

    edge, begin, end = bounds
    active = _active(c, end)
    lands = c.h * 1.0001 >= edge - c.t
    h = jnp.where(lands, edge - c.t, c.h)
    h = jnp.where(active, h, 1.0)  # lanes that are done compute something harmless
    new, estimate, stages = _step(system, c.t, c.y, h, now, parameters)
    error = _norm(estimate, c.y, new, control.rtol, atol, control.lanes)
    finite = jnp.isfinite(error)
    error = jnp.where(finite, error, jnp.inf)
    accept = active & (error <= 1.0)
    change = jnp.clip(error**0.25 / _SAFETY, _LEAST_CHANGE, _MOST_CHANGE)
    predicted = (c.last_h / h) * (error**2 / c.last_error) ** 0.25 / _SAFETY
    predicted = jnp.clip(predicted, _LEAST_CHANGE, _MOST_CHANGE)
    change = jnp.where(accept & ~c.first, jnp.maximum(change, predicted), change)
    following = jnp.minimum(h / change, control.largest)
    following = jnp.where(accept & c.refused, jnp.minimum(following, h), following)
    learned = accept & c.first
    restart = tuple(jnp.where(learned & (c.at % 2 == parity), following, size) for parity, size in enumerate(c.restart))
    arrive = accept & lands
    t = jnp.where(arrive, edge, jnp.where(accept, c.t + h, c.t))
    y = jax.tree.map(lambda a, b: jnp.where(accept, b, a), c.y, new)
    going = arrive & (t < end)
    at = jnp.where(going, c.at + 1, c.at)
    rows = None if observe is None else _rows(c, accept, h, t, observe, new, stages)
    if jump is not None:
        y = jax.tree.map(lambda a, more: jnp.where(going, a + more, a), y, jump)
    tries = c.tries + 1
    small = active & ~accept & (following <= _SMALLEST * jnp.maximum(jnp.abs(c.t), 1e-9 * (end - begin)))
    status = jnp.where(small, jnp.where(finite, _TOO_SMALL, _NOT_FINITE), c.status)
    unfinished = active & (status == _OK) & (tries >= control.max_steps) & (t < end)
    following_carry = _Carry(
        t=t,
        y=y,
        h=jnp.where(arrive, jnp.where(at % 2 == 0, *restart), jnp.where(active, following, c.h)),
        at=at,
        first=jnp.where(arrive, True, jnp.where(accept, False, c.first)),
        refused=jnp.where(active, ~accept, c.refused),
        restart=restart,
        last_h=jnp.where(accept, h, c.last_h),
        last_error=jnp.where(accept, jnp.maximum(error, 0.01), c.last_error),
        status=jnp.where(unfinished, _TOO_MANY, status),
        accepted=c.accepted + accept,
        rejected=c.rejected + (active & ~accept),
        tries=tries,
        record=None,
    )
    return following_carry, rows


def _attempts(
    attempt: Callable[..., tuple[_Carry, Any]], c: _Carry, bounds: Any, now: Any, jump: Any, parameters: Any, atol: Any
) -> tuple[_Carry, Any]:
    """Try up to :data:`_AT_ONCE` steps in one interval; rows of steps that were not tried end nowhere (inf)."""
    import jax
    import jax.numpy as jnp

    interval = c.at
    _, like = jax.eval_shape(attempt, c, bounds, now, jump, parameters, atol)
    rows = jax.tree.map(lambda x: jnp.full((_AT_ONCE, *x.shape), jnp.inf), like)

    def more(state: Any) -> Any:
        return (state[0] < _AT_ONCE) & _active(state[1], bounds[-1]) & (state[1].at == interval)

    def one(state: Any) -> Any:
        new, row = attempt(state[1], bounds, now, jump, parameters, atol)
        put = jax.lax.dynamic_update_index_in_dim
        return state[0] + 1, new, jax.tree.map(lambda kept, x: put(kept, x, state[0], 0), state[2], row)

    return jax.lax.while_loop(more, one, (0, c, rows))[1:]


def _step(system: System, t: Any, y: Any, h: Any, drive: Any, parameters: Any) -> tuple[Any, Any, Any]:
    """Return the new state, the error estimate and the stages (stage first) of one step."""
    import jax
    import jax.numpy as jnp

    if system.time_derivative is None:
        in_time = jax.jvp(lambda s: system.rhs(s, y, drive, parameters), (t,), (jnp.ones_like(t),))[1]
    else:
        in_time = system.time_derivative(t, y, drive, parameters)
    factors = system.solver.factor(1.0 / (GAMMA * h), t, y, drive, parameters)
    alpha, a, c, d = (jnp.asarray(x) for x in (ALPHA, A, C, D))

    def combined(weights: Any, k: Any) -> Any:
        return jnp.sum(weights.reshape(-1, *[1] * (k.ndim - 1)) * k, axis=0)

    def stage(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        k, _ = carry
        argument = jax.tree.map(lambda leaf, stages: leaf + combined(a[i], stages), y, k)
        f = system.rhs(t + alpha[i] * h, argument, drive, parameters)
        b = jax.tree.map(lambda x, stages, s: x + combined(c[i], stages) / h + (h * d[i]) * s, f, k, in_time)
        x = system.solver.solve(factors, b)
        return jax.tree.map(lambda stages, new: stages.at[i].set(new), k, x), jax.tree.map(jnp.add, argument, x)

    empty = jax.tree.map(lambda leaf: jnp.zeros((STAGES, *leaf.shape)), y)
    stages, new = jax.lax.fori_loop(0, STAGES, stage, (empty, y))
    return new, jax.tree.map(lambda k: k[-1], stages), stages


def _norm(error: Any, old: Any, new: Any, rtol: float, atol: Any, lanes: bool) -> Any:
    """Return the root mean square of the error in units of what is tolerated, over all components."""
    import jax
    import jax.numpy as jnp

    leaves, shape = jax.tree.flatten(old)
    allowed = [atol] * len(leaves) if np.ndim(atol) == 0 else shape.flatten_up_to(atol)
    total, count = 0.0, 0
    for e, a, b, tolerated in zip(*map(jax.tree.leaves, (error, old, new)), allowed, strict=True):
        scaled = (e / (tolerated + rtol * jnp.maximum(jnp.abs(a), jnp.abs(b)))) ** 2
        axes = tuple(range(scaled.ndim - 1 if lanes else scaled.ndim))
        total = total + jnp.sum(scaled, axis=axes)
        count += int(np.prod([scaled.shape[i] for i in axes]))
    return jnp.sqrt(total / count)


def _rows(c: _Carry, accept: Any, h: Any, t: Any, observe: Any, new: Any, stages: Any) -> Any:
    """Return what the dense output of this step needs; a step that was refused leaves a constant."""
    import jax
    import jax.numpy as jnp

    old, new = observe(c.y), observe(new)
    bends = [observe(jax.tree.map(lambda k, w=w: jnp.tensordot(w, k, axes=1), stages)) for w in jnp.asarray(H)]
    accepted = [jnp.where(accept, x, y) for x, y in zip((new, *bends), (old, 0.0, 0.0), strict=True)]
    polynomial = jnp.stack([old, *accepted])
    # rows of a lane that does not advance any more must not be found
    return jnp.where(c.status > 0, jnp.inf, t), h, polynomial
