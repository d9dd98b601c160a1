"""Our occupancies against SciPy's integrators and matrix exponential on every scheme, and against 50 digits."""

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from peers import TWO_SITES, VOLTAGE_mV, ours, partin_with_modulator, pulse, start_of

from potentiate.kinetics.modulator import apply_modulator
from potentiate.library.scheme import find_scheme, scheme_ids

pytestmark = pytest.mark.oracle


def by_integration(scheme, sweep, method, rtol, atol):
    """Integrate p' = p Q, restarted at every border; return samples x states."""
    t, borders = sweep.samples_ms, sweep.borders_ms
    out = np.empty((len(t), scheme.n))
    p = start_of(scheme, sweep)
    for i, (_, concentrations) in enumerate(sweep.segments):
        qt = scheme.generator(concentrations, VOLTAGE_mV).T.copy()
        inside = (t > borders[i] - 1e-9) & (t < borders[i + 1] + 1e-9)
        jacobian = {"jac": qt} if method == "Radau" else {"jac": lambda _, __, qt=qt: qt}
        times = np.clip(t[inside], borders[i], borders[i + 1])
        solution = scipy.integrate.solve_ivp(
            lambda _, y, qt=qt: qt @ y, (borders[i], borders[i + 1]), p, method=method, rtol=rtol, atol=atol,
            first_step=1e-6, t_eval=np.append(times[times < borders[i + 1]], borders[i + 1]), **jacobian,
        )  # fmt: skip
        assert solution.success, solution.message
        out[inside] = solution.y.T[: inside.sum()]
        p = solution.y[:, -1]
    return out


def by_exponential(scheme, sweep, chosen):
    """Return the occupancies at chosen samples by one exponential from each segment's start."""
    t, borders = sweep.samples_ms, sweep.borders_ms
    out = np.empty((len(chosen), scheme.n))
    p = start_of(scheme, sweep)
    for i, (duration, concentrations) in enumerate(sweep.segments):
        q = scheme.generator(concentrations, VOLTAGE_mV)
        for row, sample in enumerate(chosen):
            if borders[i] - 1e-9 <= t[sample] <= borders[i + 1] + 1e-9:
                out[row] = p @ scipy.linalg.expm(q * (t[sample] - borders[i]))
        p = p @ scipy.linalg.expm(q * duration)
    return out


MODULATED = {
    "partin_modulated": partin_with_modulator,
    "Jonas1993, two sites": lambda: apply_modulator(find_scheme("Jonas1993"), TWO_SITES),
    "RH2003_GluA1_balanced, two sites": lambda: apply_modulator(find_scheme("RH2003_GluA1_balanced"), TWO_SITES),
}
ALL = {**{name: lambda name=name: find_scheme(name) for name in scheme_ids()}, **MODULATED}


@pytest.mark.parametrize("duration_ms", [1.0, 100.0])
@pytest.mark.parametrize("name", ALL)
def test_scipy_on_every_scheme(name, duration_ms):
    scheme = ALL[name]()
    sweep = pulse(scheme, duration_ms)
    mine = ours(scheme, sweep)
    np.testing.assert_allclose(mine.sum(axis=1), 1.0, rtol=0, atol=1e-9)
    assert mine.min() > -1e-15
    on, off = np.searchsorted(sweep.samples_ms, sweep.borders_ms[1:3] - 1e-9)
    last = len(sweep.samples_ms) - 1
    chosen = sorted({0, 7, on, on + 1, on + 3, off - 1, off, off + 1, off + 10, off + 100, last})
    assert np.abs(mine[chosen] - by_exponential(scheme, sweep, chosen)).max() < 1e-9
    assert np.abs(mine - by_integration(scheme, sweep, "LSODA", 1e-10, 1e-12)).max() < 1e-6


@pytest.mark.parametrize("name", ["partin_modulated", "RH2003_GluA4", "Jonas1993", "NMDA_ClarkeJohnson2008_Mg"])
def test_radau(name):
    scheme = ALL[name]()
    sweep = pulse(scheme, 1.0)
    assert np.abs(ours(scheme, sweep) - by_integration(scheme, sweep, "Radau", 1e-8, 1e-10)).max() < 1e-6


@pytest.mark.timeout(300)
def test_mpmath_50_digits():
    scheme = find_scheme("Coombs2017")
    assert scheme.n == 17
    sweep = pulse(scheme, 100.0)
    mine = ours(scheme, sweep)
    t, borders = sweep.samples_ms, sweep.borders_ms
    with mpmath.workdps(50):
        p = mpmath.matrix([list(map(mpmath.mpf, map(float, start_of(scheme, sweep))))])
        worst = 0.0
        for i, (duration, concentrations) in enumerate(sweep.segments):
            q = mpmath.matrix(scheme.generator(concentrations, VOLTAGE_mV).tolist())
            for k in range(scheme.n):  # rows that sum to zero to 50 digits, not 16
                q[k, k] = -mpmath.fsum(q[k, j] for j in range(scheme.n) if j != k)
            for after in {0: (), 1: (0.1, 1.0), 2: (0.5, 20.0)}[i]:
                exact = p * mpmath.expm(q * mpmath.mpf(after), method="taylor")
                sample = int(np.searchsorted(t, borders[i] + after - 1e-9))
                error = max(abs(exact[0, k] - float(mine[sample, k])) for k in range(scheme.n))
                worst = max(worst, float(error))
            p = p * mpmath.expm(q * mpmath.mpf(duration), method="taylor")
        worst = max(worst, max(abs(float(p[0, k]) - mine[-1, k]) for k in range(scheme.n)))
    print(f"largest difference from 50 digits: {worst:.1e}")
    assert worst < 1e-10
