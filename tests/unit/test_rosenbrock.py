"""Rodas4: its coefficients, stiff problems with published answers, restarts, lanes, and how it fails."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from potentiate.errors import NumericalError
from potentiate.numerics.elimination import Dense, DenseLanes
from potentiate.numerics.rodas4 import ALPHA, GAMMA, D, classical
from potentiate.numerics.rosenbrock import REASONS, System, integrate, jacobian_of

pytestmark = pytest.mark.timeout(100)


def test_order_conditions():
    # Hairer & Wanner 1996, table IV.7.1
    alpha, gamma, b, embedded = classical()
    both = alpha + gamma
    a, total = alpha.sum(axis=1), both.sum(axis=1)

    def residuals(b):
        return np.array(
            [
                b.sum() - 1,
                b @ total - 1 / 2,
                b @ a**2 - 1 / 3,
                b @ both @ total - 1 / 6,
                b @ a**3 - 1 / 4,
                b @ (a * (alpha @ total)) - 1 / 8,
                b @ both @ a**2 - 1 / 12,
                b @ both @ both @ total - 1 / 24,
            ]
        )

    assert np.abs(residuals(b)).max() < 1e-14
    assert np.abs(residuals(embedded)[:4]).max() < 1e-14
    assert np.abs(residuals(embedded)[4:]).max() > 1e-3  # of order 3 only, or it could not tell an error
    np.testing.assert_allclose(a, ALPHA, atol=1e-14)
    np.testing.assert_allclose(gamma.sum(axis=1), D, atol=1e-14)
    np.testing.assert_allclose(np.diag(gamma), GAMMA, atol=1e-14)


def test_stability():
    alpha, gamma, b, embedded = classical()
    both, one = alpha + gamma, np.ones(6)

    def amplification(z, b):
        return 1 + z * (b @ np.linalg.solve(np.eye(6) - z * both, one))

    for weights in (b, embedded):
        assert abs(amplification(-1e8, weights)) < 1e-6  # L-stable: damped at infinity
        y = np.concatenate([np.linspace(0, 40, 400), np.geomspace(40, 1e6, 50)])
        assert max(abs(amplification(1j * x, weights)) for x in y) < 1 + 1e-9
    np.testing.assert_allclose(both[-1], b, atol=1e-14)  # stiffly accurate


# ------------------------------------------------------------------------------- published problems


def van_der_pol(t, y, drive, mu):
    return jnp.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


def robertson(t, y, drive, _):
    a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return jnp.stack([-a + b, a - b - c, c])


def oregonator(t, y, drive, _):
    return jnp.stack(
        [
            77.27 * (y[1] + y[0] * (1 - 8.375e-6 * y[0] - y[1])),
            (y[2] - (1 + y[0]) * y[1]) / 77.27,
            0.161 * (y[0] - y[2]),
        ]
    )


def hires(t, y, drive, _):
    meets = 280.0 * y[5] * y[7]
    leaves = meets - 1.81 * y[6]
    return jnp.stack(
        [
            -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
            1.71 * y[0] - 8.75 * y[1],
            -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
            8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
            -1.745 * y[4] + 0.43 * (y[5] + y[6]),
            -meets + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
            leaves,
            -leaves,
        ]
    )


#: Start, end, absolute tolerance over the relative one, reference: Test Set for IVP Solvers (Mazzia & Magherini 2008).
PROBLEMS = {
    "van der Pol": (van_der_pol, [2.0, 0.0], 2000.0, 1e-4, [1.706167732170469, -0.8928097010248125e-3]),
    "Robertson": (robertson, [1.0, 0, 0], 1e11, 1e-9, [2.083340149701255e-8, 8.333360770334713e-14, 0.999999979166505]),
    "Oregonator": (oregonator, [1.0, 2, 3], 360.0, 1e-4, [1.000814870318523, 1228.178521549917, 132.0554942846706]),
    "HIRES": (
        hires, [1.0, 0, 0, 0, 0, 0, 0, 0.0057], 321.8122, 1e-4,
        [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
         0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_published_problems(name):
    rhs, start, end, ratio, expected = PROBLEMS[name]
    system = System(rhs, Dense(jacobian_of(rhs)))
    run = jax.jit(
        lambda tol: integrate(
            system, jnp.array(start), [0.0, end], parameters=1e3, rtol=tol, atol=ratio * tol, first_step=1e-6
        )
    )
    errors = []
    for tol in (1e-4, 1e-7):
        found = run(tol)
        assert REASONS[int(found.status)] == "ok"
        assert int(found.jacobians) == int(found.accepted) + int(found.rejected)
        errors.append(np.abs(found.end / np.array(expected) - 1).max())
        print(f"{name} at {tol:g}: error {errors[-1]:.1e}, {found.accepted} steps, {found.rejected} refused")
    # the relaxation oscillators multiply errors of their phase
    assert errors[0] < (5e-3 if name == "Oregonator" else 5e-4)
    assert errors[1] < (1e-5 if name == "Oregonator" else 1e-6)


# ------------------------------------------------------------------------------- order, dense output


def pendulum(t, y, drive, _):
    return jnp.stack([y[1], -jnp.sin(y[0]) - 0.2 * y[1] + jnp.cos(1.3 * t)])


def test_order_of_convergence_and_of_the_dense_output():
    from scipy.integrate import solve_ivp

    times = np.linspace(0.3, 3.0, 28)
    exact = solve_ivp(
        lambda t, y: np.array(pendulum(t, y, None, None)), (0, 3), [1.0, 0.0], "DOP853", times, rtol=1e-12, atol=1e-12
    ).y.T
    system = System(pendulum, Dense(jacobian_of(pendulum)))
    run = jax.jit(
        lambda h: integrate(
            system, jnp.array([1.0, 0.0]), [0.0, 3.0], samples=times, rtol=1e3, atol=1e3, first_step=h, largest_step=h
        )
    )
    found = [run(h) for h in (0.1, 0.05, 0.025)]
    assert [int(f.accepted) for f in found] == [30, 60, 120]
    errors = [np.abs(f.end - exact[-1]).max() for f in found]
    between = [np.abs(f.values - exact).max() for f in found]
    for e in (errors, between):  # the dense output is of order 3: an error of h^4 in each step, not summed up
        orders = np.log2(np.array(e[:-1]) / e[1:])
        assert np.all(orders > 3.6), (e, orders)
    np.testing.assert_allclose(found[-1].values[-1], found[-1].end, rtol=1e-13)


def test_error_stays_in_proportion_to_the_tolerance():
    rhs, start, end, _, expected = PROBLEMS["HIRES"]
    system = System(rhs, Dense(jacobian_of(rhs)))
    run = jax.jit(lambda tol: integrate(system, jnp.array(start), [0.0, end], rtol=tol, atol=1e-3 * tol).end)
    tolerances = np.array([1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
    errors = np.array([np.abs(run(tol) / np.array(expected) - 1).max() for tol in tolerances])
    assert np.all(errors < 2 * tolerances), errors
    assert np.all(np.diff(errors) < 0)


# ------------------------------------------------------------------------------- intervals, jumps


def relaxation(t, y, drive, rate):
    return rate * (drive + jnp.sin(t) - y)


def exact_relaxation(y, t0, t1, drive, rate):
    """Exact solution of dy/dt = rate (drive + sin t - y)."""

    def particular(t):
        return drive + rate * (rate * np.sin(t) - np.cos(t)) / (1 + rate**2)

    return particular(t1) + (y - particular(t0)) * np.exp(-rate * (t1 - t0))


RELAXATION = System(relaxation, Dense(jacobian_of(relaxation)))


def test_restarts_drives_and_jumps():
    edges, drive, jumps, rate = [0.0, 1.0, 1.5, 4.0], np.array([0.0, 5.0, -2.0]), np.array([9.0, 1.0, -3.0]), 40.0
    times = np.array([-1.0, 0.0, 0.3, 1.0, 1.01, 1.5, 1.6, 3.0, 4.0, 4.5])
    found = jax.jit(
        lambda: integrate(
            RELAXATION, jnp.array([2.0]), edges, drive=drive[:, None], jumps=jumps[:, None], parameters=rate,
            samples=times, rtol=1e-8, atol=1e-8,
        )
    )()  # fmt: skip
    y, values = 2.0, {-1.0: np.nan, 4.5: np.nan, 0.0: 2.0}  # the first jump is not made: the start is given
    for a, b, level, jump in zip(edges, edges[1:], drive, [0.0, *jumps[1:]], strict=False):
        y = y + jump
        values |= {t: exact_relaxation(y, a, t, level, rate) for t in times if a < t <= b}
        y = exact_relaxation(y, a, b, level, rate)
    np.testing.assert_allclose(found.values[:, 0], [values[t] for t in times], atol=2e-6)
    np.testing.assert_allclose(found.end[0], y, atol=1e-7)
    assert float(found.time) == 4.0


def test_linear_observables_are_reduced_inside():
    system = System(pendulum, Dense(jacobian_of(pendulum)))
    times = np.array([0.5, 1.0, 2.9])

    @functools.partial(jax.jit, static_argnums=0)
    def run(observe):
        return integrate(system, jnp.array([1.0, 0.0]), [0.0, 3.0], samples=times, observe=observe).values

    whole = run(None)
    parts = run(lambda y: jnp.stack([y[0] + 2 * y[1], y[0], y.sum()]))
    assert parts.shape == (3, 3)
    expected = np.stack([whole[:, 0] + 2 * whole[:, 1], whole[:, 0], whole.sum(axis=1)], 1)
    np.testing.assert_allclose(parts, expected, rtol=1e-12)


# --------------------------------------------------------------------------------------- batches


def test_lanes_and_vmap_equal_single_runs():
    mu = np.array([1.0, 30.0, 500.0])
    start, times = np.array([2.0, 0.0]), np.linspace(0, 20, 7)
    solver, lanes = Dense(jacobian_of(van_der_pol)), DenseLanes(jacobian_of(van_der_pol, lanes=True))
    single = jax.jit(lambda m, y: integrate(System(van_der_pol, solver), y, [0.0, 20.0], parameters=m, samples=times))
    together = jax.jit(
        lambda m, y: integrate(System(van_der_pol, lanes), y, [0.0, 20.0], parameters=m, samples=times, lanes=True)
    )(mu, np.repeat(start[:, None], 3, axis=1))
    mapped = jax.jit(jax.vmap(single))(mu, np.repeat(start[None], 3, axis=0))
    steps = set()
    for i, m in enumerate(mu):
        alone = single(m, start)
        steps.add(int(alone.accepted))
        for batch, at in ((together, -1), (mapped, 0)):
            np.testing.assert_allclose(np.take(np.asarray(batch.end), i, at), alone.end, rtol=1e-9)
            np.testing.assert_allclose(np.take(np.asarray(batch.values), i, at), alone.values, rtol=1e-9, atol=1e-12)
            assert int(batch.accepted[i]) == int(alone.accepted)
            assert int(batch.rejected[i]) == int(alone.rejected)
    assert len(steps) == 3


def test_lanes_have_intervals_of_their_own():
    edges = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 3.0], [3.0, 4.0]])  # the first lane has one interval fewer
    drive = np.array([[[1.0, -1.0]], [[4.0, 2.0]], [[99.0, 0.5]]])
    solver = DenseLanes(jacobian_of(relaxation, lanes=True))
    found = jax.jit(
        lambda: integrate(
            System(relaxation, solver), jnp.array([[0.0, 1.0]]), edges, drive=drive, parameters=np.array([7.0, 7.0]),
            rtol=1e-8, atol=1e-8, lanes=True,
        )
    )()  # fmt: skip
    for lane, start in enumerate((0.0, 1.0)):
        y = start
        for a, b, level in zip(edges[:, lane], edges[1:, lane], drive[:, 0, lane], strict=False):
            y = exact_relaxation(y, a, b, level, 7.0)
        np.testing.assert_allclose(found.end[0, lane], y, atol=1e-7)


# ------------------------------------------------------------------------------------- failures


def accident(t, y, drive, kind):
    """Jumps at t = 1 (kind 0), is not a number after t = 1 (kind 1), is harmless (kind 2)."""
    late = jnp.where(kind == 0, 1e20, jnp.where(kind == 1, jnp.nan, 0.0))
    return -y + jnp.where(t > 1.0, late, 0.0)


def test_failures_are_nan_with_a_reason_and_leave_other_lanes_alone():
    solver = DenseLanes(jacobian_of(accident, lanes=True))
    run = jax.jit(
        lambda steps: integrate(
            System(accident, solver), jnp.ones((1, 3)), [0.0, 2.0], parameters=np.array([0, 1, 2]),
            samples=np.array([0.5, 1.5]), max_steps=steps, lanes=True,
        ),
        static_argnums=0,
    )  # fmt: skip
    found = run(5000)
    assert [REASONS[s] for s in np.asarray(found.status)] == ["step too small", "not finite", "ok"]
    assert np.isnan(found.end[0, :2]).all()
    np.testing.assert_allclose(found.end[0, 2], np.exp(-2.0), atol=1e-6)
    np.testing.assert_allclose(found.values[0, 0], np.exp(-0.5), atol=1e-5)
    assert np.isnan(found.values[1, 0, :2]).all()
    np.testing.assert_allclose(found.values[1, 0, 2], np.exp(-1.5), atol=1e-6)
    few = run(3)
    assert [REASONS[s] for s in np.asarray(few.status)] == ["too many steps"] * 3
    assert np.isnan(few.end).all()
    assert np.all(few.time < 2.0)


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(NumericalError, match="single precision"):
        integrate(RELAXATION, jnp.array([2.0]), [0.0, 1.0])
