"""Smoothed importance weights against closed forms and scipy's generalised Pareto distribution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from potentiate.errors import UsageError
from potentiate.inference.psis import fit_pareto, largest_shape, loo, smooth


def gaussian_mean(y, sigma, draws, *, shift=0.0, wider=1.0, seed=2):
    """Mean with a flat prior, draws of (or near) its posterior; exact leave-one-out densities."""
    n = len(y)
    sd = sigma / np.sqrt(n)
    mu = y.mean() + sd * (shift + wider * np.random.default_rng(seed).standard_normal(draws))
    proposal = stats.norm.logpdf(mu, y.mean() + shift * sd, wider * sd)
    ratio = stats.norm.logpdf(mu, y.mean(), sd) - proposal
    others = (y.sum() - y) / (n - 1)
    exact = stats.norm.logpdf(y, others, sigma * np.sqrt(1.0 + 1.0 / (n - 1)))
    return stats.norm.logpdf(y, mu[:, None], sigma), ratio, exact


@pytest.mark.parametrize(("shift", "wider"), [(0.0, 1.0), (0.3, 1.3)])
def test_leave_one_out_of_a_gaussian_mean_is_exact(shift, wider):
    y = np.random.default_rng(1).normal(3.0, 2.0, 20)
    likelihood, ratio, exact = gaussian_mean(y, 2.0, 4000, shift=shift, wider=wider)
    found = loo(likelihood, ratio)
    assert found.status == "ok"
    np.testing.assert_allclose(found.units, exact, atol=0.02)
    assert found.elpd == pytest.approx(exact.sum(), abs=0.05)
    assert found.se == pytest.approx(np.sqrt(20) * exact.std(ddof=1), rel=0.05)


def test_draws_of_another_distribution_need_their_ratios():
    y = np.random.default_rng(1).normal(3.0, 2.0, 20)
    likelihood, ratio, exact = gaussian_mean(y, 2.0, 4000, shift=1.5)
    assert np.abs(loo(likelihood, ratio).units - exact).max() < 0.5 * np.abs(loo(likelihood).units - exact).max()


def test_an_outlier_that_the_posterior_hardly_knows_is_reported():
    y = np.append(np.random.default_rng(1).normal(0.0, 1.0, 5), 12.0)
    likelihood, ratio, _ = gaussian_mean(y, 1.0, 1000)
    found = loo(likelihood, ratio, [*"abcde", "outlier"])
    assert found.status == "unreliable"
    assert found.k_hat.argmax() == 5
    assert found.k_hat[5] > 0.7
    assert "outlier" in found.reason


@pytest.mark.parametrize("k", [-0.3, 0.2, 0.7, 1.2])
def test_the_shape_of_pareto_samples_is_recovered(k):
    x = np.sort(stats.genpareto.rvs(k, scale=2.5, size=4000, random_state=3))
    found, sigma = fit_pareto(x)
    assert found == pytest.approx(k, abs=0.06)
    assert sigma == pytest.approx(2.5, rel=0.08)
    likelihood = [stats.genpareto.logpdf(x, *p).sum() for p in ((found, 0.0, sigma), (k, 0.0, 2.5))]
    assert likelihood[0] > likelihood[1] - 1.0  # as good as the truth, by scipy's density


def test_weights_with_a_pareto_tail_show_its_shape():
    ratios = np.log(stats.genpareto.rvs(0.9, size=(20000, 1), random_state=4))
    weights, k = smooth(ratios)
    assert k[0] == pytest.approx(0.9, abs=0.15)
    tail = np.sort(np.exp(weights[:, 0]))[-100:]
    raw = np.sort(np.exp(ratios[:, 0]))[-100:]
    assert tail[-1] / tail[0] <= raw[-1] / raw[0] * 1.01


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 20.0), st.floats(-500.0, 500.0))
def test_weights_are_weights_whatever_the_constant(seed, spread, constant):
    ratios = spread * np.random.default_rng(seed).standard_normal((200, 2))
    weights, k = smooth(ratios)
    again, k_again = smooth(ratios + constant)
    np.testing.assert_allclose(np.exp(weights).sum(axis=0), 1.0)
    np.testing.assert_allclose(np.exp(again), np.exp(weights), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(k_again, k, atol=1e-6)
    assert (np.argsort(weights, axis=0)[:150] == np.argsort(ratios, axis=0)[:150]).all()


def test_draws_outside_the_target_get_no_weight():
    ratios = np.where(np.arange(400) % 2, -np.inf, 0.1 * np.random.default_rng(5).standard_normal(400))[:, None]
    weights, k = smooth(ratios)
    assert (np.exp(weights[1::2]) == 0.0).all()
    assert k[0] < largest_shape(400)
    few = np.full((400, 1), -np.inf)
    few[:3] = 0.0
    assert smooth(few)[1][0] == np.inf
    assert smooth(np.zeros((100, 1)))[1][0] == 0.0


def test_what_is_not_a_ratio_is_refused():
    with pytest.raises(UsageError, match="not numbers"):
        smooth(np.full((10, 1), np.nan))
    with pytest.raises(UsageError, match="not finite"):
        loo(np.array([[0.0], [-np.inf]]))
    with pytest.raises(UsageError, match="shape"):
        loo(np.zeros(5))
