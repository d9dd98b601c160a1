"""SciPy's LSODA (odeint: compiled driver, analytic Jacobian), restarted at the end of the pulse."""

import numpy as np
from scipy.integrate import odeint

from . import case
from .timing import timed


def trace(tolerance: float) -> np.ndarray:
    """Return the trace at relative and absolute tolerance."""
    pulse, wash = case.Q[1].T.copy(), case.Q[0].T.copy()
    times = np.arange(case.N_SAMPLES) * case.DT_MS

    def run(q: np.ndarray, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return odeint(lambda x, _: q.dot(x), x, t, Dfun=lambda *_: q, rtol=tolerance, atol=tolerance, mxstep=5000)

    first = run(pulse, case.REST, times[: case.N_PULSE + 1])
    second = run(wash, first[-1], times[case.N_PULSE :])
    return np.concatenate([first[:-1], second]) @ case.OBSERVE


def rows() -> list[dict]:
    """Return the timings."""
    return [
        {"name": f"SciPy LSODA {tol:g}", "error": case.error(trace(tol)), **timed(lambda tol=tol: trace(tol))}
        for tol in (1e-6, 1e-9)
    ]
