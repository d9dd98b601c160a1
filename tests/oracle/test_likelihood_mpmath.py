"""Moments of interval averages against 50 digits, where they are hard: stiff schemes, microseconds and minutes."""

import mpmath
import numpy as np
import pytest

from potentiate.kinetics.bins import plan_bins
from potentiate.library.scheme import find_scheme
from potentiate.numerics.interval_average import interval_moments

pytestmark = pytest.mark.oracle

SCHEME = find_scheme("RT1992")  # six states
Q = np.stack([SCHEME.generator({"glutamate": c}) for c in (0.0, 10_000.0)])
CURRENT = -np.array(SCHEME.conductance) - 0.01


def exact(parts):
    """P, U and V of a sequence of parts by the exponential of [[Q, D, 0], [0, Q, D], [0, 0, Q]] with 50 digits."""
    n = SCHEME.n
    with mpmath.workdps(50):
        total = mpmath.eye(3 * n)
        for g, ms in parts:
            q = mpmath.matrix(Q[g].tolist())
            for i in range(n):  # rows that sum to zero in all digits
                q[i, i] -= sum(q[i, j] for j in range(n))
            big = mpmath.zeros(3 * n)
            for block in range(3):
                for i in range(n):
                    for j in range(n):
                        big[block * n + i, block * n + j] = q[i, j] * mpmath.mpf(ms)
                    if block < 2:
                        big[block * n + i, (block + 1) * n + i] = mpmath.mpf(float(CURRENT[i])) * mpmath.mpf(ms)
            total = total * mpmath.expm(big)
        p = np.array(total[:n, :n].tolist(), dtype=float)
        u = np.array(total[:n, n : 2 * n].tolist(), dtype=float)
        v = np.array([float(2 * sum(total[i, 2 * n + j] for j in range(n))) for i in range(n)])
    return p, u, v


@pytest.mark.parametrize(
    "parts",
    [[(1, 1e-3)], [(1, 0.02)], [(0, 0.0137), (1, 0.0063)], [(0, 13.7)], [(1, 5.0), (0, 1000.0)], [(0, 6e4)]],
    ids=["1 us", "20 us", "pulse edge", "13.7 ms", "5 ms and 1 s", "1 min"],
)
def test_moments_to_many_digits(parts):
    plan = plan_bins([[parts, [(1, 1e-4)], [(0, 5e4)]]])  # beside parts a billion times shorter and longer
    got = interval_moments(Q, CURRENT, plan.part_generator, plan.part_ms, plan.kinds)
    p, u, v = exact(parts)
    ms = sum(ms for _, ms in parts)
    # squaring k times may cost up to k bits; measured: 1e-14 after 20 us, 6e-12 after 13.7 ms, less after that
    tolerance = min(1e-14 * max(10.0, -Q[1].min() * ms), 1e-10)
    np.testing.assert_allclose(got.transition[0], p, rtol=0, atol=tolerance)
    np.testing.assert_allclose(got.joint[0, :, :, 0] / ms, u / ms, rtol=0, atol=tolerance * np.abs(CURRENT).max())
    np.testing.assert_allclose(
        got.second[0, :, 0, 0] / ms**2, v / ms**2, rtol=0, atol=tolerance * np.abs(CURRENT).max() ** 2
    )
    # what the likelihood needs is the variance, a small difference for short bins
    variance, expected = got.second[0, :, 0, 0] - got.joint[0, :, :, 0].sum(axis=1) ** 2, v - u.sum(axis=1) ** 2
    np.testing.assert_allclose(variance / ms**2, expected / ms**2, rtol=0, atol=4 * tolerance)
