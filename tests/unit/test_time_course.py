"""Minute bins, per cent of baseline, drift, two pathways; input-output curves; variability over trials."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.measures import (
    bin_time,
    input_output,
    locus,
    releasable_pool,
    time_course,
    two_pathways,
    variability,
)
from potentiate.measures.line import straight_line

EVERY_20_S = np.arange(0.0, 80.0, 1 / 3)


def series(change=1.5, drift=0.0, sd=0.02, seed=1, induction=20.0):
    rng = np.random.default_rng(seed)
    level = np.where(EVERY_20_S >= induction, change, 1.0 + drift * EVERY_20_S / induction)
    return -0.4 * (level + rng.normal(0, sd, EVERY_20_S.size))


def test_ltp_is_the_mean_of_the_last_ten_minutes_in_per_cent_of_the_baseline():
    found = time_course(EVERY_20_S, series(), induction_min=20.0, unit="mV/ms")
    assert found.change.value == pytest.approx(150.0, abs=1.5)
    assert found.change.interval is not None
    assert found.change.interval[0] < 150.0 < found.change.interval[1]
    assert found.baseline.value == pytest.approx(-0.4, rel=0.01)
    assert found.baseline_min == (0.0, 20.0)
    assert found.window_min == pytest.approx((70.0, 80.0), abs=1e-3)
    assert found.change.notes[0].startswith("n = 30 sweeps against 60")
    assert found.drift.ok
    assert found.change.ok
    assert found.percent_bins.mean[:20].mean() == pytest.approx(100.0, abs=0.01)
    assert (found.bins.n == 3).all()
    lasts = {name: time_course(EVERY_20_S, series(), induction_min=20.0, convention=name).window_min
             for name in ("last 5 min", "last 20 min")}  # fmt: skip
    assert [round(b - a) for a, b in lasts.values()] == [5, 20]


def test_a_drifting_baseline_is_said_and_a_noisy_one_is_not_called_drifting():
    drifting = time_course(EVERY_20_S, series(drift=0.1), induction_min=20.0)
    assert drifting.drift.status == "unstable baseline"
    assert drifting.drift.value == pytest.approx(9.5, abs=1.5)
    assert drifting.change.status == "unstable baseline"
    assert drifting.change.known
    noisy = time_course(EVERY_20_S[45:], series(sd=0.3, seed=4)[45:], induction_min=20.0)
    assert noisy.drift.status == "not determined"
    assert noisy.change.ok
    assert any("drift" in note for note in noisy.change.notes)


def test_bins_and_who_owns_their_border():
    t = np.arange(0, 25.0001, 1 / 12)
    y = np.arange(t.size, dtype=float)
    left, right = bin_time(t, y), bin_time(t, y, convention="(k, k+1]")
    assert left.n.tolist() == [12] * 25 + [1]
    assert right.n.tolist() == [13] + [12] * 24
    assert right.mean[1] == pytest.approx(y[13:25].mean())
    gap = bin_time([0.0, 0.2, 3.1], [1.0, np.nan, 5.0])
    assert gap.n.tolist() == [1, 0, 0, 1]
    assert gap.empty == 2
    assert math.isnan(gap.mean[1])
    assert math.isnan(gap.sem[0])


@settings(max_examples=40)
@given(st.lists(st.floats(0, 60), min_size=1, max_size=80), st.sampled_from(["[k, k+1)", "(k, k+1]"]))
def test_every_sweep_falls_into_exactly_one_bin(times, rule):
    t = np.sort(times)
    y = np.arange(t.size, dtype=float)
    found = bin_time(t, y, convention=rule, start_min=0.0)
    assert found.n.sum() == t.size
    assert np.nansum(found.mean * found.n) == pytest.approx(y.sum())
    filled = found.n > 0
    assert filled[-1]


def test_a_change_of_both_pathways_is_no_change_of_the_test_pathway():
    test = time_course(EVERY_20_S, series(1.5, seed=2), induction_min=20.0)
    control = time_course(EVERY_20_S, series(1.2, seed=3), induction_min=20.0)
    ratio, bins = two_pathways(test, control)
    assert ratio.value == pytest.approx(125.0, abs=2.0)
    assert bins.size == 80
    bad = time_course(EVERY_20_S, series(1.2, drift=0.2), induction_min=20.0)
    assert two_pathways(test, bad)[0].status == "unstable baseline"
    with pytest.raises(UsageError, match="different windows"):
        two_pathways(test, time_course(EVERY_20_S, series(), induction_min=30.0))


def test_requests_that_make_no_sense():
    y = series()
    for words, fragment in (
        ({}, "When does the baseline end"), ({"induction_min": 75.0}, "reach back"),
        ({"induction_min": 20.0, "convention": "window"}, "'window'"),
        ({"baseline_min": (100.0, 120.0)}, "fewer than two"), ({"baseline_min": (5.0, 1.0)}, "empty"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=fragment):
            time_course(EVERY_20_S, y, **words)
    with pytest.raises(UsageError, match="beyond"):
        time_course(EVERY_20_S, 1e200 * y, induction_min=20.0)
    with pytest.raises(UsageError, match="fewer than two"):
        time_course([0.0], [1.0], induction_min=1.0)
    with pytest.raises(UsageError, match="go back"):
        time_course(EVERY_20_S[::-1], y, induction_min=20.0)
    with pytest.raises(UsageError, match="check the unit"):
        bin_time([0.0, 3.6e6], [1.0, 2.0])
    with pytest.raises(UsageError, match="width above zero"):
        bin_time([0.0, 1.0], [1.0, 2.0], width_min=0.0)


def test_input_output_finds_the_planted_curve():
    s = np.repeat(np.arange(20.0, 201.0, 20.0), 3)
    rng = np.random.default_rng(2)
    true = 2.0 / (1 + np.exp((90.0 - s) / 18.0))
    volley = 0.004 * s
    found = input_output(s, true + rng.normal(0, 0.03, s.size), volley)
    for o, value in ((found.half_maximal, 90.0), (found.maximum, 2.0), (found.steepness, 18.0)):
        assert o.ok
        assert o.value == pytest.approx(value, rel=0.05)
        assert o.interval is not None
        assert o.interval[0] < value < o.interval[1]
    assert found.slope.unit == "mV/ms/uA"
    assert found.slope.interval is not None
    assert found.slope.interval[0] < found.slope.value < found.slope.interval[1]
    assert found.per_volley.value == pytest.approx(found.slope.value / 0.004, rel=1e-6)


def test_input_output_that_does_not_saturate_is_not_determined():
    s = np.arange(10.0, 60.0, 10.0)
    found = input_output(s, -0.02 * s + np.array([0.01, -0.01, 0.0, 0.01, -0.01]))
    assert found.slope.value == pytest.approx(-0.02, rel=0.05)
    assert found.half_maximal.status in ("one-sided", "not determined")
    few = input_output([10.0, 20.0], [1.0, 2.0])
    assert few.half_maximal.status == "not determined"
    assert "at least 4" in (few.half_maximal.reason or "")
    assert few.slope.status == "not determined"
    assert few.slope.value == pytest.approx(0.1)
    assert input_output(s, -0.02 * s, convention="through zero").slope.value == pytest.approx(-0.02)


def test_the_releasable_pool_is_the_cumulative_curve_at_the_first_stimulus():
    # pool of 800 pA, a fifth released per stimulus, 20 pA refilled between stimuli: steady release 20 pA
    pool, released = 800.0, []
    for _ in range(60):
        released.append(-0.2 * pool)
        pool += released[-1] + 20.0
    found = releasable_pool(released)
    # in the steady state the pool holds 100 pA: they are not released
    assert found.ok
    assert found.value == pytest.approx(800 - 100 + 20, rel=0.03)
    assert releasable_pool(released[:5]).status == "not determined"
    assert releasable_pool(released[:10]).status == "not steady"


def test_a_straight_line_has_the_interval_of_the_textbook():
    # x = 1..5: s^2 = 0.2/3... checked with the formula b +- t(3, 0.975) sqrt(s^2 / Sxx), t = 3.182446
    line = straight_line([1, 2, 3, 4, 5], [2.0, 4.0, 5.0, 4.0, 5.0])
    assert line.slope == pytest.approx(0.6)
    assert line.intercept == pytest.approx(2.2)
    assert line.reach == pytest.approx(3.182446 * math.sqrt(2.4 / 3 / 10), rel=1e-5)
    assert math.isnan(straight_line([1, 1], [2, 3]).slope)


def test_release_and_quantal_size_are_told_apart_when_the_data_do():
    rng = np.random.default_rng(5)

    def trials(p, q, n=400):
        return -q * rng.binomial(10, p, n) + rng.normal(0, 1.0, n)

    before = trials(0.6, 20.0)
    release = locus(before, trials(0.25, 20.0), noise_sd=1.0)
    quantal = locus(before, trials(0.6, 9.0), noise_sd=1.0)
    assert release.verdict.ok
    assert "release" in release.verdict.notes[0]
    assert quantal.verdict.ok
    assert "quantal" in quantal.verdict.notes[0]
    assert locus(before, trials(0.6, 20.0)).verdict.status == "not determined"
    assert locus(before[:12], trials(0.4, 20.0, 12)).verdict.status == "not determined"
    found = variability(before, noise_sd=1.0)
    # binomial: CV^-2 = N p / (1 - p)
    assert found.cv_inverse_square.interval is not None
    assert found.cv_inverse_square.interval[0] < 10 * 0.6 / 0.4 < found.cv_inverse_square.interval[1]
    assert variability([1.0, 2.0]).cv_inverse_square.status == "not determined"
    assert variability(rng.normal(5, 1, 50), noise_sd=3.0).cv_inverse_square.status == "not determined"
