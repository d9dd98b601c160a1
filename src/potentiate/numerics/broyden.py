"""Least squares where a derivative costs many residuals: it is updated, and computed anew only where that fails.

The Jacobian of the start may be shared between searches; at the end it is exact again. Reference: Broyden 1965, Math
Comp 19:577; damping as in :mod:`.least_squares`.
"""

from __future__ import annotations

import numpy as np

from .least_squares import Array, LeastSquares, Residual


def broyden_squares(
    residual: Residual,
    x0: Array,
    jacobian: Residual,
    *,
    bounds: tuple[Array, Array],
    enough: float = 0.02,
    max_iterations: int = 60,
) -> LeastSquares:
    """Minimise the sum of squares of ``residual(x)``.

    Parameters
    ----------
    residual : callable, (p,) -> (n,)
        In units of its noise.
    x0 : (p,) array
        On a scale where a change of one is large.
    jacobian : callable, (p,) -> (n, p)
    bounds : ((p,) array, (p,) array)
    enough : float
        Converged where a step with an exact Jacobian would lower the sum of squares by less.
    max_iterations : int
        Trial steps.

    Returns
    -------
    LeastSquares
        Status "stopped" at the limit on steps, "failed" where the start is not finite.
    """
    low, high = bounds
    x = np.clip(np.asarray(x0, dtype=float), low, high)
    r = residual(x)
    p = x.size

    def end(status: str, reason: str, iterations: int) -> LeastSquares:
        at_bound = (x <= low) | (x >= high)
        return LeastSquares(x, r, float(r @ r), j, status, reason, iterations, at_bound)  # type: ignore[arg-type]

    j = jacobian(x)
    if not (np.isfinite(r).all() and np.isfinite(j).all()):
        return end("failed", "not finite at the start", 0)
    exact, damping = True, 1e-3
    for iteration in range(1, max_iterations + 1):
        gradient = j.T @ r
        free = ~(((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0)))
        if not free.any():
            if exact:
                return end("ok", "", iteration)
            j, exact = jacobian(x), True
            continue
        own = j[:, free]
        gram = own.T @ own
        size = max(float(np.trace(gram)) / max(int(free.sum()), 1), 1e-300)
        step = np.zeros(p)
        step[free] = np.linalg.solve(gram + damping * size * np.eye(len(gram)), -gradient[free])
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))  # at most e^2 at once
        trial = np.clip(x + step, low, high)
        step = trial - x
        predicted = float(r @ r) - float(np.sum((r + j @ step) ** 2))
        if predicted < enough * (1.0 if exact else 5.0):
            if exact:
                return end("ok", "", iteration)
            j, exact = jacobian(x), True
            continue
        with np.errstate(all="ignore"):
            moved = residual(trial)
        fall = float(r @ r) - float(moved @ moved) if np.isfinite(moved).all() else -np.inf
        if fall <= 0:
            if exact:
                damping *= 10.0
                if damping > 1e8:
                    return end("ok", "", iteration)
            else:
                j, exact = jacobian(x), True
            continue
        poor = fall < 0.25 * predicted
        j = j + np.outer(moved - r - j @ step, step) / float(step @ step)
        x, r, exact = trial, moved, False
        if poor:
            j, exact = jacobian(x), True
            damping *= 2.0
        else:
            damping = max(damping / 5.0, 1e-9)
    j = jacobian(x)
    return end("stopped", f"still falling after {max_iterations} steps", max_iterations)
