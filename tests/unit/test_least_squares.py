"""Least squares against scipy, exponentials against known ones, intervals against their meaning."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from potentiate.numerics.exponentials import fit_exponentials
from potentiate.numerics.least_squares import aicc, levenberg_marquardt, profile_interval, triangle


def sigmoid(p, x):
    return p[0] / (1 + np.exp(-(x - p[1]) * p[2]))


WIDE = (np.array([-50.0, -50.0, 0.0]), np.array([50.0, 50.0, 50.0]))


def noisy_sigmoid(seed, low=-3.0, high=3.0, n=40):
    rng = np.random.default_rng(seed)
    x = np.linspace(low, high, n)
    return x, sigmoid((2.0, 0.3, 1.5), x) + rng.normal(0, 0.05, n)


@pytest.mark.parametrize("seed", range(5))
def test_same_minimum_and_errors_as_scipy(seed):
    x, y = noisy_sigmoid(seed)
    ours = levenberg_marquardt(lambda p: sigmoid(p, x) - y, np.array([1.0, 0.0, 1.0]))
    theirs, covariance = optimize.curve_fit(lambda x, *p: sigmoid(p, x), x, y, p0=[1.0, 0.0, 1.0])
    assert ours.status == "ok"
    assert ours.x == pytest.approx(theirs, rel=1e-6)
    assert ours.standard_errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-4)


def test_rosenbrock():
    found = levenberg_marquardt(lambda p: np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]]), np.array([-1.2, 1.0]))
    assert found.x == pytest.approx([1, 1], abs=1e-8)


def test_bounds_are_kept_and_reported():
    found = levenberg_marquardt(
        lambda p: p - np.array([3.0, -1.0]), np.array([0.5, 0.5]), bounds=(np.zeros(2), np.ones(2))
    )
    assert found.x == pytest.approx([1.0, 0.0])
    assert found.at_bound.all()


def test_failures_are_nan_with_a_reason():
    bad = levenberg_marquardt(lambda p: np.array([np.nan, 1.0]), np.array([1.0]))
    assert bad.status == "failed"
    assert "finite" in bad.reason
    assert np.isnan(bad.x).all()
    short = levenberg_marquardt(
        lambda p: np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]]), np.array([-1.2, 1.0]), max_iterations=3
    )
    assert short.status == "failed"
    assert math.isnan(short.ssr)


def test_aicc_counts():
    # n ln(S/n) + 2k + 2k(k+1)/(n-k-1) with k = 3
    assert aicc(2.0, 10, 2) == pytest.approx(10 * math.log(0.2) + 6 + 24 / 6)
    assert aicc(1.0, 4, 2) == math.inf


def test_profile_of_a_linear_model_is_the_student_interval():
    rng = np.random.default_rng(3)
    x = np.linspace(0, 1, 12)
    y = 2 + 3 * x + rng.normal(0, 0.2, 12)
    fit = levenberg_marquardt(lambda p: p[0] + p[1] * x - y, np.zeros(2))
    line = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 10) * line.stderr
    interval = profile_interval(lambda p: p[0] + p[1] * x - y, fit, 1, bounds=(np.full(2, -100.0), np.full(2, 100.0)))
    assert (interval.low, interval.high) == pytest.approx((line.slope - half, line.slope + half), rel=1e-4)
    assert interval.word == "determined"


def test_words():
    x, y = noisy_sigmoid(1)
    fit = levenberg_marquardt(lambda p: sigmoid(p, x) - y, np.array([1.0, 0.0, 1.0]), bounds=WIDE)
    words = [profile_interval(lambda p: sigmoid(p, x) - y, fit, k, bounds=WIDE).word for k in range(3)]
    assert words == ["determined"] * 3
    # only the foot of the curve: the top has no upper limit
    x, y = noisy_sigmoid(1, high=-1.0)
    fit = levenberg_marquardt(lambda p: sigmoid(p, x) - y, np.array([1.0, 0.0, 1.0]), bounds=WIDE)
    top = profile_interval(lambda p: sigmoid(p, x) - y, fit, 0, bounds=WIDE)
    assert top.word == "one-sided"
    assert top.high == math.inf
    # two parameters that only enter as their sum
    fit = levenberg_marquardt(lambda p: p[0] + p[1] - y, np.zeros(2), bounds=(np.full(2, -9.0), np.full(2, 9.0)))
    both = profile_interval(lambda p: p[0] + p[1] - y, fit, 0, bounds=(np.full(2, -9.0), np.full(2, 9.0)))
    assert both.word == "not determined"


def test_profile_intervals_cover_the_truth():
    inside = 0
    for seed in range(100):
        x, y = noisy_sigmoid(100 + seed, n=15)

        def residual(p, x=x, y=y):
            return sigmoid(p, x) - y

        fit = levenberg_marquardt(residual, np.array([1.8, 0.2, 1.3]), bounds=WIDE)
        interval = profile_interval(residual, fit, 2, bounds=WIDE)
        inside += interval.low <= 1.5 <= interval.high
    # binomial 95 +- 3 SD
    assert 88 <= inside <= 100


def test_two_exponentials_agree_with_scipy():
    rng = np.random.default_rng(0)
    t = np.arange(0, 100, 0.05)
    y = 300 * np.exp(-t / 2.5) + 100 * np.exp(-t / 18) + 5 + rng.normal(0, 3, t.size)

    def curve(t, a, tau_a, b, tau_b, c):
        return a * np.exp(-t / tau_a) + b * np.exp(-t / tau_b) + c

    theirs, _ = optimize.curve_fit(curve, t, y, p0=[250, 2, 120, 20, 0])
    ours = fit_exponentials(t, y, 2, offset=None)
    assert ours.status == "ok"
    got = [ours.amplitudes[0], ours.taus[0], ours.amplitudes[1], ours.taus[1], ours.offset]
    assert got == pytest.approx(theirs, rel=1e-5)
    assert ours.fitted == pytest.approx(curve(t, *theirs), rel=1e-5)


@given(
    tau=st.floats(0.5, 30), ratio=st.floats(3, 30), share=st.floats(0.1, 0.9), size=st.floats(1e-3, 1e4),
    level=st.floats(-1, 1), sign=st.sampled_from([-1, 1]),
)  # fmt: skip
def test_noise_free_exponentials_are_recovered(tau, ratio, share, size, level, sign):
    t = np.linspace(0, 4 * tau * ratio, 600)
    y = sign * size * (share * np.exp(-t / tau) + (1 - share) * np.exp(-t / (tau * ratio)) + level)
    fit = fit_exponentials(t, y, 2, offset=None)
    assert fit.status == "ok"
    assert fit.taus == pytest.approx([tau, tau * ratio], rel=1e-4)
    assert fit.amplitudes == pytest.approx([sign * size * share, sign * size * (1 - share)], rel=1e-3)


def test_exponential_refusals():
    t = np.linspace(0, 10, 50)
    assert "do not change" in fit_exponentials(t, np.full(50, 3.0), 1, offset=None).reason
    assert "samples for" in fit_exponentials(t[:3], t[:3], 2).reason
    assert "finite" in fit_exponentials(t, np.where(t > 5, np.nan, 1.0), 1).reason
    # a straight line has no time constant that the window can tell
    assert fit_exponentials(t, 1 - 1e-4 * t, 1).status == "failed"
    one = fit_exponentials(t, np.exp(-t / 2), 2)
    assert one.status == "failed"
    assert np.isnan(one.taus).all()


@pytest.mark.parametrize("rows", [3, 400, 1500, 5000])
def test_a_tall_triangle_is_that_of_the_whole(rows):
    matrix = np.random.default_rng(1).normal(size=(rows, 6))
    matrix[:, 3] = matrix[:, 2] + 1e-9 * matrix[:, 3]  # nearly dependent: products would lose this
    found, whole = triangle(matrix), np.linalg.qr(matrix, mode="r")
    assert found.shape == whole.shape
    assert np.linalg.svd(found)[1] == pytest.approx(np.linalg.svd(whole)[1], rel=1e-6)
    assert found.T @ found == pytest.approx(matrix.T @ matrix, abs=1e-9)
