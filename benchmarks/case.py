"""The one case that every engine computes: a 17-state receptor, 1 ms of 10 mM glutamate, 200 ms at 50 kHz."""

import functools

import numpy as np

from potentiate.library.scheme import find_scheme
from potentiate.numerics.sweep_plan import Plan, plan_sweeps

DT_MS = 0.02
PULSE_MS, TOTAL_MS = 1.0, 200.0
N_PULSE, N_SAMPLES = 50, 10_000
GLUTAMATE_UM = 10_000.0

SCHEME = find_scheme("Coombs2017")
SOURCE, TARGET, RATES = SCHEME.directed
#: Conductance relative to the largest.
OBSERVE = np.array(SCHEME.conductance) / max(SCHEME.conductance)
OPEN = [i for i, g in enumerate(OBSERVE) if g > 0]
REST = SCHEME.equilibrium({"glutamate": 0.0})
Q = np.stack([SCHEME.generator({"glutamate": c}) for c in (0.0, GLUTAMATE_UM)])
#: Eight samples in the pulse, eight after it.
CHECKED = [0, 1, 2, 5, 10, 20, 35, 49, 50, 51, 55, 70, 200, 1000, 4000, 9999]


def plan() -> Plan:
    """Return the sampling plan: generator 1 is glutamate, 0 washout."""
    return plan_sweeps([[(1, PULSE_MS), (0, TOTAL_MS - PULSE_MS - DT_MS)]], DT_MS)


@functools.cache
def reference() -> np.ndarray:
    """Return the exact values at the checked samples, by mpmath with 50 digits."""
    import mpmath

    with mpmath.workdps(50):
        n = SCHEME.n

        def power(q: np.ndarray, last: int) -> list:
            p = mpmath.expm(mpmath.matrix(q.tolist()) * mpmath.mpf("0.02"))
            squares = [p]
            while 2 ** len(squares) <= last:
                squares.append(squares[-1] * squares[-1])
            return squares

        def state(x: mpmath.matrix, squares: list, k: int) -> mpmath.matrix:
            for j, square in enumerate(squares):
                if k >> j & 1:
                    x = x * square
            return x

        rest = mpmath.matrix([REST.tolist()])
        pulse, wash = power(exact_rows(Q[1]), N_PULSE), power(exact_rows(Q[0]), N_SAMPLES)
        end = state(rest, pulse, N_PULSE)
        values = []
        for k in CHECKED:
            x = state(rest, pulse, k) if k < N_PULSE else state(end, wash, k - N_PULSE)
            values.append(float(sum(x[0, i] * mpmath.mpf(float(OBSERVE[i])) for i in range(n))))
    return np.array(values)


def exact_rows(q: np.ndarray) -> np.ndarray:
    """Return the generator with its diagonal as mpmath numbers, so that rows sum to zero exactly."""
    import mpmath

    exact = np.array([[mpmath.mpf(float(v)) for v in row] for row in q], dtype=object)
    for i in range(len(q)):
        exact[i, i] = -sum((exact[i, j] for j in range(len(q)) if j != i), mpmath.mpf(0))
    return exact


def error(trace: np.ndarray) -> float:
    """Return the largest absolute error at the checked samples."""
    return float(np.max(np.abs(np.asarray(trace)[CHECKED] - reference())))
