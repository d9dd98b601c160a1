"""The Kalman likelihood: against a dense Gaussian, exact binomial chains, simulated channels; gradients; limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import NumericalError, UsageError
from potentiate.kinetics.bins import cut_bins, plan_bins
from potentiate.kinetics.channels import simulate_counts
from potentiate.kinetics.macroscopic_likelihood import bin_noise, log_likelihood, predict_current
from potentiate.numerics.interval_average import interval_moments, sample_moments
from potentiate.numerics.low_pass import bessel
from potentiate.numerics.matrix_exponential import stationary, transition_matrix

# closed, bound, open, desensitized; without and with agonist
Q = np.zeros((2, 4, 4))
for g, bind in enumerate((0.0, 3.0)):
    Q[g][[0, 1, 1, 2, 1, 3], [1, 0, 2, 1, 3, 1]] = bind + 0.02, 2.0, 5.0, 1.0, 0.5, 0.05
    np.fill_diagonal(Q[g], -Q[g].sum(axis=1))
I = np.array([0.0, 0.0, -1.5, 0.1])  # noqa: E741
P0 = stationary(Q[0])
SEGMENTS = [(0, 0.93), (1, 2.004), (0, 3.063)]
EDGES = np.concatenate([np.arange(0, 3.05, 0.25), [3.1, 3.2, 3.4, 3.9, 4.9, 5.9]])  # unequal, borders inside bins
BINS = cut_bins(SEGMENTS, EDGES)
PLAN = plan_bins([BINS])
N, NOISE = 300.0, 4.0
NOTHING = np.full((1, len(BINS)), np.nan)


def moments_of(plan, reading):
    parts = (plan.part_generator, plan.part_ms, plan.kinds)
    if reading == "sample":
        return sample_moments(Q, I, *parts), np.ones(len(plan.kinds))
    return interval_moments(Q, I, *parts), plan.kind_ms


def dense(plan, n_channels, reading="average"):
    """Mean and covariance of all readings at once, from the chain of one channel: no filter, no update."""
    moments, ms = moments_of(plan, reading)
    kind, p, before = plan.kind[0], P0, []
    for k in kind:
        before.append(p)
        p = p @ moments.transition[k]
    mean = np.array([p @ moments.joint[k, :, :, 0].sum(axis=1) / ms[k] for p, k in zip(before, kind, strict=True)])
    cov = np.empty((len(kind), len(kind)))
    for a, k in enumerate(kind):
        cov[a, a] = before[a] @ moments.second[k, :, 0, 0] / ms[k] ** 2 - mean[a] ** 2
        carried = before[a] @ moments.joint[k, :, :, 0] / ms[k]
        for b in range(a + 1, len(kind)):
            j = kind[b]
            cov[a, b] = cov[b, a] = carried @ moments.joint[j, :, :, 0].sum(axis=1) / ms[j] - mean[a] * mean[b]
            carried = carried @ moments.transition[j]
    return n_channels * mean, n_channels * cov


def simulated(trials, seed, n_channels=int(N), fine=0.01):
    """Averages over the bins of simulated channels, by sums over a fine grid."""
    counts = simulate_counts(SEGMENTS, Q, P0, n_channels, fine, np.random.default_rng(seed), trials=trials)
    current = counts @ I
    middle = 0.5 * (current[:, 1:] + current[:, :-1])
    at = np.rint(EDGES / fine).astype(int)
    return np.add.reduceat(middle[:, : at[-1]], at[:-1], axis=1) / np.diff(at)


def test_mean_and_variance_of_simulated_channels():
    mean, variance = predict_current(PLAN, NOTHING, Q, I, P0, N, 0.0)
    y = simulated(2000, seed=1)
    z = (y.mean(axis=0) - mean[0]) / np.sqrt(variance[0] / len(y))
    assert np.abs(z).max() < 4.0
    # the standard error of a variance is about sqrt(2 / trials) = 3.2 %
    np.testing.assert_allclose(y.var(axis=0), variance[0], rtol=0.13)


@pytest.mark.parametrize("reading", ["average", "sample"])
def test_without_surprise_it_is_the_dense_gaussian(reading):
    """Where every reading is as predicted the closure changes nothing: predicted variances multiply to det(Sigma)."""
    mean, cov = dense(PLAN, N, reading)
    sigma = cov + np.diag(np.full(len(mean), NOISE))
    got, variance = predict_current(PLAN, mean[None], Q, I, P0, N, NOISE, reading=reading)
    np.testing.assert_allclose(got[0], mean, rtol=1e-12)
    np.testing.assert_allclose(variance[0], np.diag(np.linalg.cholesky(sigma)) ** 2, rtol=1e-10)
    # and a small surprise is passed on to all later bins as by regression
    small, at = 1e-4, 4
    pushed = mean.copy()
    pushed[at] += small
    after, _ = predict_current(PLAN, pushed[None], Q, I, P0, N, NOISE, reading=reading)
    lower = np.linalg.cholesky(sigma)
    innovations = np.linalg.solve(lower, pushed - mean) * np.diag(lower)
    np.testing.assert_allclose((pushed - after[0])[at + 1 :], innovations[at + 1 :], atol=1e-3 * small)


@pytest.mark.parametrize("reading", ["average", "sample"])
def test_many_channels_are_a_dense_gaussian(reading):
    many = 1e10
    mean, cov = dense(PLAN, many, reading)
    sigma = cov + 0.3 * many * np.eye(len(mean))
    y = np.random.default_rng(4).multivariate_normal(mean, sigma, method="cholesky")
    got = log_likelihood(PLAN, y[None], Q, I, P0, many, 0.3 * many, reading=reading)
    assert got == pytest.approx(scipy.stats.multivariate_normal(mean, sigma).logpdf(y), abs=1e-3)


def test_close_to_the_exact_likelihood_of_a_few_channels():
    """Forty channels of two states, read as samples: the hidden Markov chain of 41 counts is exact."""
    n, q = 40, np.array([[[-0.7, 0.7], [0.4, -0.4]]])
    p, start = transition_matrix(q[0], 0.5), stationary(q[0])
    rng = np.random.default_rng(6)
    counts = simulate_counts([(0, 30.0)], q, start, n, 0.5, rng)[0, 1:, 1]
    y = counts + rng.normal(scale=1.5, size=counts.size)
    k = np.arange(n + 1)
    # of j open, Binomial(j, p11) stay open and Binomial(n - j, p01) join them
    move = np.array(
        [np.convolve(scipy.stats.binom.pmf(np.arange(j + 1), j, p[1, 1]),
                     scipy.stats.binom.pmf(np.arange(n - j + 1), n - j, p[0, 1])) for j in k]
    )  # fmt: skip
    alpha, exact = scipy.stats.binom.pmf(k, n, start[1]), 0.0
    for reading in y:
        alpha = (alpha @ move) * scipy.stats.norm.pdf(reading, k, 1.5)
        exact += np.log(alpha.sum())
        alpha /= alpha.sum()
    plan = plan_bins([[[(0, 0.5)]] * len(y)])
    got = log_likelihood(plan, y[None], q, np.array([0.0, 1.0]), start, n, 1.5**2, reading="sample")
    assert got == pytest.approx(exact, abs=0.25)  # of -139
    independent = scipy.stats.norm.logpdf(y, n * start[1], np.sqrt(n * start[0] * start[1] + 1.5**2)).sum()
    assert got - independent > 10.0


def test_innovations_of_simulated_channels_are_white():
    y = simulated(400, seed=2) + np.random.default_rng(3).normal(scale=2.0, size=(400, len(BINS)))
    plan = plan_bins([BINS] * len(y))
    mean, variance = predict_current(plan, y, Q, I, P0, N, NOISE)
    z = (y - mean) / np.sqrt(variance)
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert z.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / z.size))
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 4 / np.sqrt(z.size)
    free, spread = predict_current(PLAN, NOTHING, Q, I, P0, N, NOISE)
    alone = (y - free) / np.sqrt(spread)
    assert (alone[:, 1:] * alone[:, :-1]).mean() > 0.3  # what least squares leaves


SWEEPS = plan_bins([BINS, BINS[:9]])
SQUARINGS = SWEEPS.squarings(-np.min(np.diagonal(Q, axis1=-2, axis2=-1), axis=-1)) + 1
DATA = np.full(SWEEPS.kind.shape, np.nan)
DATA[0] = predict_current(PLAN, NOTHING, Q, I, P0, N, NOISE)[0] + np.random.default_rng(8).normal(
    scale=6.0, size=len(BINS)
)
DATA[1, :9] = DATA[0, :9] * 1.1
DATA[0, 5:7] = np.nan
POINT = (Q, np.stack([I, 0.8 * I]), P0, N, bin_noise(np.arange(1.0, 1 + len(BINS)), 9.0, 2.0), 1.5, np.full(4, 0.2))


def at_point(q, i, p, n, noise, baseline, open_noise, xp=np, **rest):
    return log_likelihood(SWEEPS, DATA, q, i, p, n, noise, baseline_pA=baseline, open_noise=open_noise, xp=xp, **rest)


@pytest.fixture(scope="module")
def with_gradient():
    return jax.jit(
        jax.value_and_grad(lambda *a: at_point(*a, xp=jnp, squarings=SQUARINGS), argnums=tuple(range(len(POINT))))
    )


def test_jax_agrees_with_numpy(with_gradient):
    value, _ = with_gradient(*POINT)
    assert float(value) == pytest.approx(at_point(*POINT), rel=1e-12)


@pytest.mark.parametrize(
    "which", range(len(POINT)), ids="generators currents start N noise baseline open_noise".split()
)
def test_gradients_are_differences(with_gradient, which):
    _, gradient = with_gradient(*POINT)
    rng = np.random.default_rng(which)
    direction = rng.normal(size=np.shape(POINT[which]))
    if which == 0:  # stay a generator
        direction = np.where(Q > 0, direction, 0.0)
        direction -= np.eye(4) * direction.sum(axis=-1)[..., None]
    if which == 2:
        direction -= direction.mean()

    def moved(h):
        point = list(POINT)
        point[which] = point[which] + h * direction
        return at_point(*point)

    h = 1e-3 if which == 3 else 1e-4
    # Richardson: errors of fourth order in h
    central = [(moved(k * h) - moved(-k * h)) / (2 * k * h) for k in (1, 2)]
    expected = (4 * central[0] - central[1]) / 3
    assert float(np.sum(gradient[which] * direction)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_sweeps_add_up():
    alone = [
        log_likelihood(plan_bins([bins]), DATA[s : s + 1, : len(bins)], Q, I, P0, N, NOISE)
        for s, bins in enumerate((BINS, BINS[:9]))
    ]
    assert log_likelihood(SWEEPS, DATA, Q, I, P0, N, NOISE) == pytest.approx(sum(alone), rel=1e-13)


def test_many_small_channels_are_least_squares():
    """Same mean current, no channel noise: independent Gaussian residuals."""
    mean, _ = predict_current(PLAN, NOTHING, Q, I, P0, N, NOISE)
    y = mean + np.random.default_rng(5).normal(scale=3.0, size=mean.shape)
    got = log_likelihood(PLAN, y, Q, 1e-12 * I, P0, 1e12 * N, NOISE)
    assert got == pytest.approx(scipy.stats.norm.logpdf(y, mean, np.sqrt(NOISE)).sum(), rel=1e-9)


def test_current_that_all_states_carry_has_no_channel_noise():
    y = 400.0 + np.random.default_rng(6).normal(scale=30.0, size=(1, len(BINS)))
    mean, variance = predict_current(PLAN, y, Q, np.full(4, 2.0), P0, 200.0, NOISE)
    np.testing.assert_allclose(mean, 400.0, rtol=1e-12)
    np.testing.assert_allclose(variance, NOISE, rtol=1e-10)


@pytest.mark.parametrize("low_pass", [None, bessel(2, 2.0)], ids=["unfiltered", "filtered"])
def test_channels_are_neither_lost_nor_made(low_pass):
    """However surprising the record was: when all states carry the same current, N of them are there, without doubt."""
    currents = np.stack([I, np.full(4, 2.0)])
    plan = plan_bins([[*[[(0, 0.3)]] * 12, [(1, 9.0)], *[[(1, 0.2)]] * 3]])
    data = np.full((1, 16), np.nan)
    data[0, :12] = np.random.default_rng(7).normal(scale=60.0, size=12)
    mean, variance = predict_current(plan, data, Q, currents, P0, N, NOISE, low_pass=low_pass)
    np.testing.assert_allclose(mean[0, 13:], 2.0 * N, rtol=1e-10)
    np.testing.assert_allclose(variance[0, 13:], NOISE, rtol=1e-8)
    assert (
        np.abs(
            mean[0, 1:12] - predict_current(plan, np.full_like(data, np.nan), Q, currents, P0, N, NOISE)[0][0, 1:12]
        ).max()
        > 9
    )


def test_a_gap_can_be_cut_anywhere():
    head, tail = BINS[:6], BINS[6:]
    y = DATA[0][~np.isnan(DATA[0])][:10]
    one = plan_bins([[*head, [(0, 1.0), (1, 0.5)], *tail]])
    two = plan_bins([[*head, [(0, 0.3)], [(0, 0.7), (1, 0.2)], [(1, 0.3)], *tail]])
    values = []
    for plan, gap in ((one, 1), (two, 3)):
        data = np.full(plan.kind.shape, np.nan)
        data[0, :6], data[0, 6 + gap : 10 + gap] = y[:6], y[6:]
        values.append(log_likelihood(plan, data, Q, I, P0, N, NOISE))
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_a_pulse_border_inside_a_bin_matters():
    blurred = plan_bins([cut_bins([(0, 1.0), (1, 2.0), (0, 3.0)], EDGES)])
    exact = predict_current(PLAN, NOTHING, Q, I, P0, N, NOISE)[0][0]
    shifted = predict_current(blurred, NOTHING, Q, I, P0, N, NOISE)[0][0]
    assert np.abs(exact - shifted).max() > 1.0


@settings(max_examples=15)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_names_of_states_do_not_matter(n, seed):
    rng = np.random.default_rng(seed)
    q = np.exp(rng.normal(scale=2.0, size=(2, n, n)))
    q -= np.eye(n) * q.sum(axis=-1)[..., None]
    current, start = rng.normal(size=n), rng.dirichlet(np.ones(n))
    data = 100.0 * current @ start + rng.normal(scale=10.0, size=(1, len(BINS)))
    data[0, 3] = np.nan
    order = rng.permutation(n)
    found = log_likelihood(PLAN, data, q, current, start, 100.0, 5.0)
    again = log_likelihood(PLAN, data, q[:, order][:, :, order], current[order], start[order], 100.0, 5.0)
    assert np.isfinite(found)
    assert again == pytest.approx(found, rel=1e-10)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_a_state_may_be_split_in_two(seed):
    """Two copies of a state with the same exits, entered by halves, are one state."""
    rng = np.random.default_rng(seed)
    q = np.exp(rng.normal(size=(2, 3, 3)))
    q -= np.eye(3) * q.sum(axis=-1)[..., None]
    current, start = rng.normal(size=3), rng.dirichlet(np.ones(3))
    owner, share = np.array([0, 1, 2, 2]), np.array([1.0, 1.0, 0.3, 0.7])
    split = q[:, owner][:, :, owner] * share
    split -= np.eye(4) * split.sum(axis=-1)[..., None]
    data = rng.normal(scale=20.0, size=(1, len(BINS)))
    found = log_likelihood(PLAN, data, q, current, start, 80.0, 3.0)
    again = log_likelihood(PLAN, data, split, current[owner], start[owner] * share, 80.0, 3.0)
    assert again == pytest.approx(found, rel=1e-9)


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(NumericalError, match="single precision"):
        at_point(*POINT, xp=jnp, squarings=SQUARINGS)


def test_no_variance_is_no_likelihood():
    assert np.isnan(log_likelihood(PLAN, np.zeros_like(NOTHING), Q, 0 * I, P0, N, 0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current_pA": DATA[:1]}, "shape"),
        ({"current_pA": np.zeros(DATA.shape)}, "beyond the last bin"),
        ({"generators": Q[:1]}, "generators"),
        ({"reading": "mean"}, "mean"),
        ({"plan": plan_bins([[[(0, 0.0)]]]), "current_pA": np.zeros((1, 1))}, "empty bin"),
    ],
)
def test_requests_that_do_not_fit(change, message):
    arguments = {"plan": SWEEPS, "current_pA": DATA, "generators": Q, "currents_pA": I} | change
    with pytest.raises(UsageError, match=message):
        log_likelihood(**arguments, start=P0, n_channels=N, noise_pA2=NOISE)
