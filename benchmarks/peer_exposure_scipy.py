"""The exposure by SciPy: LSODA restarted at every dose, and the matrix exponential stepped over the grid."""

from typing import Any

import numpy as np
from scipy.integrate import odeint, solve_ivp
from scipy.linalg import expm

from . import exposure_case as case
from .timing import once

TOLERANCES = (1e-6, 1e-9)


def _pieces(model: case.Linear, person: int) -> list[tuple[float, np.ndarray]]:
    """Return the moments at which something is added to the state, in order."""
    added: dict[float, np.ndarray] = {}
    for at, times, amounts in model.doses:
        jump = added.setdefault(float(times[person]), np.zeros(len(model.names)))
        jump[at] += amounts[person]
    return sorted(added.items())


def _follow(model: case.Linear, person: int, solve: Any) -> np.ndarray:
    """Return the state on the grid: `solve(k, state, times)` carries it between doses."""
    t, n = case.TIMES_H, len(model.names)
    out = np.zeros((len(t), n))
    state, now = np.zeros(n), float(t[0])
    jumps = [*_pieces(model, person), (np.inf, np.zeros(n))]
    k = model.k_per_h[person]
    for until, jump in jumps:
        inside = np.flatnonzero((t >= now) & (t < until))
        stops = np.unique(np.concatenate([[now], t[inside], [] if np.isinf(until) else [until]]))
        if len(stops) > 1:
            values = solve(k, state, stops) if np.any(state) else np.zeros((len(stops), n))
            out[inside] = values[np.searchsorted(stops, t[inside])]
            state = values[-1]
        elif len(inside):
            out[inside] = state
        state, now = state + jump, until
    return out


def _courses(solve: Any) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for model in case.equations():
        states = np.stack([_follow(model, p, solve) for p in range(case.FOLLOWED)])
        for analyte, (at, volume) in model.volumes_L.items():
            found[analyte] = states[..., at] / volume[:, None]
    return found


def _odeint(tolerance: float) -> Any:
    def solve(k: np.ndarray, state: np.ndarray, times: np.ndarray) -> np.ndarray:
        return odeint(lambda x, _: k @ x, state, times, Dfun=lambda *_: k, rtol=tolerance, atol=tolerance, mxstep=5000)

    return solve


def _solve_ivp(tolerance: float) -> Any:
    def solve(k: np.ndarray, state: np.ndarray, times: np.ndarray) -> np.ndarray:
        done = solve_ivp(lambda _, x: k @ x, (times[0], times[-1]), state, "LSODA", times, rtol=tolerance,
                         atol=tolerance, jac=lambda *_: k)  # fmt: skip
        return done.y.T

    return solve


def _expm(k: np.ndarray, state: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Step over the grid with one exponential, and over the odd pieces at doses with two more."""
    out = np.empty((len(times), len(state)))
    out[0] = state
    full = expm(k * case.STEP_H)
    for i in range(1, len(times)):
        step = times[i] - times[i - 1]
        out[i] = (full if abs(step - case.STEP_H) < 1e-12 else expm(k * step)) @ out[i - 1]
    return out


def rows() -> list[dict]:
    """Return the timings, scaled to all people; without bands."""
    found = []
    ways = [(f"SciPy odeint (LSODA) {tol:g}", _odeint(tol)) for tol in TOLERANCES]
    ways += [(f"SciPy solve_ivp (LSODA) {TOLERANCES[0]:g}", _solve_ivp(TOLERANCES[0])), ("SciPy expm, stepped", _expm)]
    for name, solve in ways:
        case.equations()
        tries = [once(lambda s=solve: _courses(s)) for _ in range(3)]
        best = min(tries, key=lambda x: x[1])
        found.append({"name": name, "best_ms": 1e3 * best[1] * case.PEOPLE / case.FOLLOWED, "followed": case.FOLLOWED,
                      "difference": case.difference(best[0])})  # fmt: skip
    return found
