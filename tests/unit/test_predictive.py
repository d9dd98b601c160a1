"""Predictive distributions: quantiles, log scores and intervals against what can be worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from potentiate.errors import DataError, NumericalError
from potentiate.evidence.predictive import Predictive

POSITIVE = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=20)


def test_one_normal():
    made = Predictive((2.0,), "linear", 3.0)
    assert made.interval(0.9) == pytest.approx(norm(2, 3).interval(0.9))
    score = made.score(5.0, 4.0, 0.0, 12.0)
    assert score.log_score == pytest.approx(norm(2, 5).logpdf(5))  # 3 and 4 add as squares
    assert score.reference == pytest.approx(norm(0, math.hypot(12, 4)).logpdf(5))
    assert score.quantile == pytest.approx(norm(2, 5).cdf(5))
    assert score.gain == pytest.approx(score.log_score - score.reference)


def test_log_scale_takes_the_error_relative_to_the_value():
    made = Predictive((1.0,), "log", 0.3)
    assert made.quantile(0.5) == pytest.approx(1.0)
    assert made.score(2.0, 0.8, 1.0, 1.0).log_score == pytest.approx(norm(0, 0.5).logpdf(math.log(2)))


def test_mixture_of_two():
    made = Predictive((0.0, 10.0), "linear", 1.0)
    assert made.quantile(0.25) == pytest.approx(0.0, abs=1e-6)
    expected = math.log(0.5 * norm(0, 1).pdf(1) + 0.5 * norm(10, 1).pdf(1))
    assert made.score(1.0, 0.0, 0.0, 1.0).log_score == pytest.approx(expected)


@settings(max_examples=30)
@given(POSITIVE, st.floats(0.01, 0.5))
def test_intervals_hold_what_they_say(values, discrepancy):
    made = Predictive.around(values, "log", discrepancy)
    assert made.bandwidth >= discrepancy
    for share in (0.5, 0.9):
        low, high = made.interval(share)
        x = np.log(values)[:, None]
        inside = norm.cdf((np.log([low, high]) - x) / made.bandwidth).mean(axis=0)
        assert inside[1] - inside[0] == pytest.approx(share, abs=1e-6)
        middle = made.score(math.sqrt(low * high), 0.0, 1.0, 1.0)
        assert middle.inside(0.999)


@given(st.floats(-1e6, 1e6))
def test_a_far_value_has_a_finite_score(value):
    score = Predictive((0.0, 1.0), "linear", 1.0).score(value, 0.0, 0.0, 1.0)
    assert math.isfinite(score.log_score)
    assert 0.0 <= score.quantile <= 1.0


def test_the_right_sharp_forecast_beats_the_broad_one_and_the_wrong_one_does_not():
    sharp = Predictive((5.0,), "linear", 0.5)
    assert sharp.score(5.2, 0.1, 5.0, 5.0).gain > 1.5
    assert sharp.score(12.0, 0.1, 5.0, 5.0).gain < -10


@pytest.mark.parametrize("values", [[], [1.0, -1.0], [0.0], [math.nan]])
def test_no_distribution(values):
    with pytest.raises(NumericalError):
        Predictive.around(values, "log", 0.1)


def test_a_ratio_that_is_not_positive():
    with pytest.raises(DataError, match="-1"):
        Predictive((1.0,), "log", 0.1).score(-1.0, 0.1, 1.0, 1.0)
