"""Explicit Runge-Kutta 5(4) of Dormand & Prince for many mildly stiff systems that share their time steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import NumericalError

# Dormand & Prince 1980, J Comput Appl Math 6:19.
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = np.array(
    [
        [0.0] * 6,
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
_ERROR = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])


def integrate(
    rhs: Callable[[float, np.ndarray], np.ndarray],
    start: np.ndarray,
    times: Sequence[float] | np.ndarray,
    *,
    breaks: Sequence[float] = (),
    rtol: float = 1e-8,
    atol: float = 1e-8,
    max_steps: int = 200_000,
) -> np.ndarray:
    """Integrate dy/dt = rhs(t, y) for all systems at once.

    The step is the largest that keeps the error of every component of every system below ``atol + rtol |y|``.

    Parameters
    ----------
    rhs : callable
        Takes a time and a state of the shape of `start`.
    start : array, any shape
        State at ``times[0]``.
    times : array, shape (times,)
        Increasing; where the solution is wanted.
    breaks : sequence of float
        Times at which `rhs` is not smooth: steps end there.
    rtol, atol : float
    max_steps : int

    Returns
    -------
    array, shape (times, ...)
        The shape of `start` follows the times.

    Raises
    ------
    NumericalError
        The step became too small, or there were too many.

    Examples
    --------
    >>> y = integrate(lambda t, y: -y, np.array([1.0]), [0.0, 1.0, 2.0])
    >>> bool(np.max(np.abs(y[:, 0] - np.exp(-np.arange(3.0)))) < 1e-7)
    True
    """
    times = np.asarray(times, dtype=float)
    stops = np.unique([*times, *(b for b in breaks if times[0] < b < times[-1])])
    y = np.array(start, dtype=float)
    out = np.empty((len(times), *y.shape))
    out[times == times[0]] = y
    # a millionth of the span: the error control enlarges it within a few steps
    h = 1e-6 * (times[-1] - times[0]) if len(stops) > 1 else 0.0
    taken, first = 0, True
    k = np.empty((7, y.size))
    for begin, end in itertools.pairwise(stops):
        t = begin
        if first or begin in breaks:
            k[0] = rhs(np.nextafter(t, end), y).ravel()
            first = False
            h = min(h, 1e-3 * (end - begin)) if begin in breaks else h
        while t < end:
            last = t + h * (1.0 + 1e-10) >= end
            step = end - t if last else h
            trial = y
            for i in range(1, 7):
                # the right-hand side may jump at `end`: stay on this side of it
                at = t + _NODES[i] * step if not last or _NODES[i] < 1.0 else np.nextafter(end, t)
                trial = y + (step * _STAGES[i, :i] @ k[:i]).reshape(y.shape)
                k[i] = rhs(at, trial).ravel()
            error = (step * _ERROR @ k).reshape(y.shape)
            scale = atol + rtol * np.maximum(np.abs(y), np.abs(trial))
            ratio = float(np.max(np.abs(error) / scale, initial=0.0))
            taken += 1
            if taken > max_steps:
                raise NumericalError("The integration needs too many steps", where=f"at t = {t:g}", why="it is stiff")
            if not ratio <= 1.0:
                h = step * (0.2 if not np.isfinite(ratio) else max(0.2, 0.9 * ratio**-0.2))
                if t + h == t:
                    raise NumericalError("The integration step became too small", where=f"at t = {t:g}")
                continue
            t = end if last else t + step
            y = trial
            # the last stage of a step is the first of the next
            k[0] = k[6]
            grown = step * min(5.0, 0.9 * max(ratio, 1e-10) ** -0.2)
            # a step cut short by a stop says little about the next one
            h = max(h, grown) if last else grown
        out[times == end] = y
    return out
