"""Maximisation with gradients, and profile intervals, on functions whose answers are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.numerics.maximum_likelihood import curvature, maximise, profile_of_likelihood, typical_scale

WIDE = (np.full(3, -50.0), np.full(3, 50.0))


def gaussian(information, centre):
    def function(x):
        d = x - centre
        return -0.5 * float(d @ information @ d), -information @ d

    return function


@settings(max_examples=15)
@given(st.integers(0, 2**31))
def test_a_gaussian_gives_its_centre_curvature_and_intervals(seed):
    rng = np.random.default_rng(seed)
    root = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    information, centre = root @ np.diag([100.0, 1.0, 25.0]) @ root.T, rng.normal(0, 3, 3)
    function = gaussian(information, centre)
    best = maximise(function, np.zeros(3), WIDE, enough=1e-10)
    sd = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(best.x, centre, atol=2e-2 * sd.max())
    scale = typical_scale(function, best.x, WIDE)
    np.testing.assert_allclose(curvature(function, best.x, scale, WIDE), information, rtol=1e-6, atol=1e-6)
    found = profile_of_likelihood(function, best, 1, information, bounds=WIDE)
    assert found.word == "determined"
    assert (found.high - found.low) / (2 * 1.96 * sd[1]) == pytest.approx(1.0, abs=0.03)


def test_what_does_not_matter_is_not_determined():
    information = np.diag([4.0, 1e-12, 1.0])
    function = gaussian(information, np.zeros(3))
    best = maximise(function, np.ones(3), WIDE)
    found = profile_of_likelihood(function, best, 1, information, bounds=WIDE)
    assert found.word == "not determined"
    assert math.isinf(found.low)
    assert math.isinf(found.high)


def test_one_side_may_be_open():
    """A Poisson count of zero bounds its rate from above only."""

    def function(x):
        return -float(np.exp(x[0])), -np.exp(x)

    bounds = (np.array([-30.0]), np.array([5.0]))
    best = maximise(function, np.array([0.0]), bounds, enough=1e-12)
    found = profile_of_likelihood(function, best, 0, np.array([[1e-6]]), bounds=bounds)
    assert found.word == "one-sided"
    assert np.exp(found.high) == pytest.approx(1.92, rel=0.05)


def test_places_that_cannot_be_computed_are_walked_around():
    def function(x):
        if x[0] > 1.5:
            return math.nan, np.full(1, math.nan)
        return -float((x[0] - 1.0) ** 2), -2 * (x - 1.0)

    best = maximise(function, np.array([-20.0]), (np.array([-50.0]), np.array([50.0])))
    assert best.status == "ok"
    assert best.x[0] == pytest.approx(1.0, abs=0.02)
    lost = maximise(function, np.array([2.0]), (np.array([-50.0]), np.array([50.0])))
    assert lost.status == "failed"
    assert math.isnan(lost.value)
    assert "not finite at the start" in lost.reason
