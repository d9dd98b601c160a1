"""The likelihood behind a low-pass filter: against convolution of the exact autocovariance, limits, gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from potentiate.errors import UsageError
from potentiate.kinetics.bins import cut_bins, plan_bins
from potentiate.kinetics.channels import simulate_counts
from potentiate.kinetics.macroscopic_likelihood import log_likelihood, predict_current
from potentiate.numerics.low_pass import bessel, chain, first_order

# closed, open, desensitized; without and with agonist
Q = np.zeros((2, 3, 3))
for g, opens in enumerate((0.3, 3.0)):
    Q[g][[0, 1, 1, 2], [1, 0, 2, 1]] = opens, 1.5, 0.5, 0.2
    np.fill_diagonal(Q[g], -Q[g].sum(axis=1))
I = np.array([0.0, -1.2, 0.0])  # noqa: E741
P0 = np.linalg.solve(np.vstack([Q[0].T[:2], np.ones(3)]), [0, 0, 1.0])
SEGMENTS = [(0, 1.03), (1, 1.5), (0, 1.47)]
EDGES = np.concatenate([np.arange(0, 2.05, 0.1), np.arange(2.4, 4.1, 0.4)])
PLAN = plan_bins([cut_bins(SEGMENTS, EDGES)])
NOTHING = np.full(PLAN.kind.shape, np.nan)
N, DENSITY, AFTER = 200.0, 0.3, 0.5
FILTER = bessel(4, 1.0)


def by_convolution(reading, dt=0.01, before=5.0):
    """Mean and covariance of all readings, from the current's autocovariance on a fine grid and the filter."""
    t = np.arange(-before, 4.0 + dt / 2, dt)
    borders = np.cumsum([ms for _, ms in SEGMENTS])
    # half a grid point off, so that each step of the grid lies in one segment
    kinds = np.searchsorted(borders, t[:-1] + dt / 2).clip(max=2)
    steps = [scipy.linalg.expm(Q[g] * dt) for g, _ in SEGMENTS]
    p = np.empty((len(t), 3))
    p[0] = P0
    for k, kind in enumerate(kinds):
        p[k + 1] = p[k] @ steps[kind]
    mean = p @ I
    cov = np.empty((len(t), len(t)))
    for s in range(len(t)):
        row = p[s] * I
        cov[s, s] = row @ I - mean[s] ** 2
        for u in range(s + 1, len(t)):
            row = row @ steps[kinds[u - 1]]
            cov[s, u] = cov[u, s] = row @ I - mean[s] * mean[u]
    # impulse response at lags 0, dt, ...; trapezoidal weights
    move, z, response = scipy.linalg.expm(FILTER.a * dt), FILTER.b, []
    for _ in t:
        response.append(FILTER.c @ z)
        z = move @ z
    smear = scipy.linalg.toeplitz(np.array(response) * dt, np.zeros(len(t)))
    smear[np.diag_indices(len(t))] *= 0.5
    read = np.zeros((len(EDGES) - 1, len(t)))
    for b, (left, right) in enumerate(itertools.pairwise(EDGES)):
        first, last = np.rint((np.array([left, right]) + before) / dt).astype(int)
        if reading == "sample":
            read[b, last] = 1.0
        else:
            read[b, first : last + 1] = dt / (right - left)
            read[b, [first, last]] *= 0.5
    whole = read @ smear
    white = np.eye(len(t)) * DENSITY / dt
    expected = N * (whole @ mean + (1 - whole.sum(axis=1)) * mean[0])  # at rest before the grid
    return expected, whole @ (N * cov + white) @ whole.T + AFTER * np.eye(len(read))


@pytest.mark.parametrize("reading", ["average", "sample"])
def test_readings_are_the_convolved_current(reading):
    mean, sigma = by_convolution(reading)
    arguments = (Q, I, P0, N, AFTER)
    rest = {"low_pass": FILTER, "input_noise_pA2_ms": DENSITY, "reading": reading}
    got, alone = predict_current(PLAN, NOTHING, *arguments, **rest)
    np.testing.assert_allclose(got[0], mean, atol=2e-3 * np.abs(mean).max())
    np.testing.assert_allclose(alone[0], np.diag(sigma), rtol=3e-3)
    # without surprises, predicted variances are those of the joint Gaussian in turn
    _, variance = predict_current(PLAN, got, *arguments, **rest)
    np.testing.assert_allclose(variance[0], np.diag(np.linalg.cholesky(sigma)) ** 2, rtol=6e-3)


def test_simulated_channels_behind_two_resistors():
    """Means, variances and innovations of simulated patches; the filter is run by an exact recursion on a fine grid."""
    fine, low_pass, trials = 0.01, first_order(1.0, 2.0), 600
    counts = simulate_counts([(0, 6.0), *SEGMENTS], Q, P0, int(N), fine, np.random.default_rng(1), trials=trials)
    current = counts @ I
    move = scipy.linalg.expm(low_pass.a * fine)
    push = np.linalg.solve(low_pass.a, (move - np.eye(2)) @ low_pass.b)
    z = np.outer(current[:, 0], np.linalg.solve(-low_pass.a, low_pass.b))
    out = []
    for k in range(current.shape[1] - 1):
        z = z @ move.T + np.outer(0.5 * (current[:, k] + current[:, k + 1]), push)
        out.append(z @ low_pass.c)
    at = np.rint((6.0 + EDGES[1:]) / fine).astype(int) - 1
    y = np.array(out)[at].T
    mean, variance = predict_current(PLAN, NOTHING, Q, I, P0, N, 0.0, low_pass=low_pass, reading="sample")
    assert np.abs((y.mean(axis=0) - mean[0]) / np.sqrt(variance[0] / trials)).max() < 4.0
    np.testing.assert_allclose(y.var(axis=0), variance[0], rtol=0.25)
    y = y + np.random.default_rng(2).normal(scale=np.sqrt(AFTER), size=y.shape)
    plan = plan_bins([cut_bins(SEGMENTS, EDGES)] * 100)
    mean, variance = predict_current(plan, y[:100], Q, I, P0, N, AFTER, low_pass=low_pass, reading="sample")
    score = (y[:100] - mean) / np.sqrt(variance)
    assert abs(score.mean()) < 4 / np.sqrt(score.size)
    assert score.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / score.size))
    assert abs((score[:, 1:] * score[:, :-1]).mean()) < 4 / np.sqrt(score.size)


@pytest.mark.parametrize("reading", ["average", "sample"])
def test_a_fast_filter_is_none(reading):
    y = predict_current(PLAN, NOTHING, Q, I, P0, N, AFTER)[0] + np.random.default_rng(3).normal(size=NOTHING.shape)
    plain = log_likelihood(PLAN, y, Q, I, P0, N, AFTER, reading=reading)
    fast = log_likelihood(PLAN, y, Q, I, P0, N, AFTER, reading=reading, low_pass=bessel(2, 1e4))
    assert fast == pytest.approx(plain, abs=0.02)
    slow = log_likelihood(PLAN, y, Q, I, P0, N, AFTER, reading=reading, low_pass=bessel(2, 1.0))
    assert abs(slow - plain) > 2.0


def test_white_noise_behind_the_filter_has_the_stated_variance():
    rms = 0.7
    _, variance = predict_current(
        PLAN, NOTHING, Q, 0 * I, P0, N, 0.0, reading="sample", low_pass=FILTER,
        input_noise_pA2_ms=rms**2 / FILTER.noise_per_ms,
    )  # fmt: skip
    np.testing.assert_allclose(variance, rms**2, rtol=1e-10)


def test_jax_agrees_and_gradients_are_differences():
    plan = plan_bins([cut_bins(SEGMENTS, EDGES), cut_bins(SEGMENTS[1:], [0.0, 0.2, 0.4, 0.9])])
    data = np.full(plan.kind.shape, np.nan)
    data[0] = predict_current(PLAN, NOTHING, Q, I, P0, N, AFTER)[0] + np.random.default_rng(4).normal(
        scale=4.0, size=NOTHING.shape
    )
    data[1, :3], data[0, 7] = (-60.0, -80.0, -90.0), np.nan
    point = [Q, I, P0, N, AFTER, DENSITY, 1.0]

    def value(q, i, p, n, after, density, baseline, xp=np, squarings=None):
        return log_likelihood(
            plan, data, q, i, p, n, after, baseline_pA=baseline, low_pass=FILTER,
            input_noise_pA2_ms=density, xp=xp, squarings=squarings,
        )  # fmt: skip

    squarings = plan.squarings(-np.min(np.diagonal(Q, axis1=-2, axis2=-1), axis=-1), FILTER)
    run = jax.jit(jax.value_and_grad(lambda *p: value(*p, xp=jnp, squarings=squarings), argnums=tuple(range(7))))
    got, gradient = run(*point)
    assert float(got) == pytest.approx(value(*point), rel=1e-11)
    rng = np.random.default_rng(5)
    for k, at in enumerate(point):
        direction = rng.normal(size=np.shape(at))
        if k == 0:
            direction = np.where(Q > 0, direction, 0.0)
            direction -= np.eye(3) * direction.sum(axis=-1)[..., None]
        h = 1e-5
        ends = [value(*[p + s * h * direction if j == k else p for j, p in enumerate(point)]) for s in (1, -1)]
        central = (ends[0] - ends[1]) / (2 * h)
        assert float(np.sum(gradient[k] * direction)) == pytest.approx(central, rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("poles", [[1.0], [-1.0 + 1.0j], []])
def test_poles_that_make_no_filter(poles):
    with pytest.raises(UsageError):
        chain(np.array(poles, dtype=complex))
