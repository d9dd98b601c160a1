"""Concentration-response, recovery, ratios, noise analysis and trains with known answers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.measures import (
    Observable,
    concentration_response,
    find_stimuli,
    fold_change,
    half_concentration,
    hill,
    measure_train,
    nonstationary_noise,
    open_probability,
    paired_pulse_ratio,
    recovery,
)
from potentiate.measures.train import regular_run

C = np.array([1.0, 3, 10, 30, 100, 300, 1000, 3000])


@settings(max_examples=30)
@given(
    ec50=st.floats(8, 400), slope=st.floats(0.7, 3), bottom=st.floats(-50, 50), top=st.floats(100, 1e4),
    fall=st.booleans(),
)  # fmt: skip
def test_noise_free_hill_is_recovered(ec50, slope, bottom, top, fall):
    ends = (top, bottom) if fall else (bottom, top)
    fit = concentration_response(C, hill(C, *ends, ec50, slope), intervals=False)
    assert fit.ec50.value == pytest.approx(ec50, rel=1e-4)
    assert fit.slope.value == pytest.approx(slope, rel=1e-4)
    assert (fit.bottom.value, fit.top.value) == pytest.approx(ends, rel=1e-4, abs=1e-3)


def test_interval_holds_the_truth_and_agrees_with_scipy():
    from scipy.optimize import curve_fit

    rng = np.random.default_rng(4)
    c = np.tile(C, 4)
    y = hill(c, 0.1, 1.0, 60.0, 1.4) + rng.normal(0, 0.03, c.size)
    fit = concentration_response(c, y)
    theirs, covariance = curve_fit(
        lambda c, b, t, le, n: hill(c, b, t, math.exp(le), n), c, y, p0=[0, 1, math.log(50), 1]
    )
    got = [fit.bottom.value, fit.top.value, math.log(fit.ec50.value), fit.slope.value]
    assert got == pytest.approx(theirs, rel=1e-4)
    assert fit.word == "determined"
    low, high = fit.ec50.interval
    assert low < 60 < high
    assert (high / low) == pytest.approx(math.exp(2 * 2.05 * math.sqrt(covariance[2, 2])), rel=0.1)


def test_zero_concentration_informs_the_bottom_only():
    fit = concentration_response([0.0, *C], [2.0, *hill(C, 2.0, 9.0, 50.0, 1.0)], intervals=False)
    assert fit.bottom.value == pytest.approx(2.0, rel=1e-4)


def test_no_plateau_is_one_sided_and_extrapolation_is_noted():
    c = np.array([1.0, 3, 10, 30])
    y = hill(c, 0, 1, 300, 1) + np.array([1e-4, -1e-4, 2e-4, -1e-4])
    fit = concentration_response(c, y, convention="3-parameter")
    assert fit.top.status == "one-sided"
    assert fit.ec50.interval[1] is None
    assert any("extrapolated" in note for note in fit.ec50.notes)


def test_held_parameters_and_too_few_points():
    fit = concentration_response(C, hill(C, 0, 8, 50, 1), convention="3-parameter nH=1", top=8.0, intervals=False)
    assert fit.slope.value == 1
    assert "held" in fit.top.notes
    assert fit.ec50.value == pytest.approx(50, rel=1e-6)
    few = concentration_response([1, 1, 1], [1, 2, 3])
    assert few.ec50.status == "not determined"
    assert math.isnan(few.ec50.value)
    exact = concentration_response(C[:4], hill(C[:4], 0, 1, 5, 1))
    assert exact.word == "not determined"
    assert "noise" in exact.ec50.reason
    assert concentration_response(C, np.ones(8)).ec50.status == "not determined"
    with pytest.raises(UsageError, match="negative"):
        concentration_response([-1, 2, 3], [1, 2, 3])


def test_half_concentration_depends_on_the_definition():
    c = np.geomspace(1, 10_000, 60)
    y = hill(c, 0, 1, 1788, 1)
    given_10mM = half_concentration(c, y)
    saturating = half_concentration(c, y, convention="half_of_saturating", saturating=1.0)
    assert saturating.value == pytest.approx(1788, rel=2e-3)
    # half of y(10 mM) = 0.848: C = EC50 * 0.424 / 0.576
    share = float(hill(1e4, 0, 1, 1788, 1)) / 2
    assert given_10mM.value == pytest.approx(1788 * share / (1 - share), rel=2e-3)
    falling = half_concentration(c, 1 - y, given=c[-1], control=1.0, name="IC50")
    assert falling.value == pytest.approx(given_10mM.value, rel=1e-9)
    assert half_concentration(c[:5], y[:5], convention="half_of_saturating", saturating=1.0).status == "not determined"
    with pytest.raises(UsageError, match="not tested"):
        half_concentration(c, y, given=5.0)
    with pytest.raises(UsageError, match="saturating"):
        half_concentration(c, y, convention="half_of_saturating")


@pytest.mark.parametrize(("form", "power"), [("mono", 1), ("hodgkin-huxley 4", 4)])
def test_recovery(form, power):
    rng = np.random.default_rng(6)
    x = np.geomspace(2, 800, 14)
    r = 0.02 + 0.98 * (1 - np.exp(-x / 60)) ** power
    steady, first = -8.0, -400.0
    second = steady + (first - steady) * r + rng.normal(0, 1.0, x.size)
    tau, t63 = recovery(x, second, first, steady, convention=form)
    assert tau.status == "ok"
    assert tau.value == pytest.approx(60, rel=0.03)
    assert tau.interval[0] < 60 < tau.interval[1]
    assert "(peak2 - SS)" in tau.notes[0]
    exact = -60 * math.log(1 - ((1 - math.exp(-1) - 0.02) / 0.98) ** (1 / power))
    assert t63.value == pytest.approx(exact, rel=0.05)


def test_recovery_that_is_not_seen():
    x = np.array([1.0, 2, 4, 8, 16])
    tau, t63 = recovery(x, 0.1 + 1e-4 * x, np.ones(5))
    assert tau.status in ("not determined", "one-sided")
    assert t63.status == "not determined"
    assert recovery(x[:3], x[:3], 100.0)[0].status == "not determined"
    with pytest.raises(UsageError, match="length"):
        recovery(x, x[:3], 1.0)


def test_paired_pulse_ratio_and_its_bias():
    first, second = np.array([1.0, 3.0]), np.array([2.0, 2.0])
    assert paired_pulse_ratio(first, second).value == 1.0
    biased = paired_pulse_ratio(first, second, convention="mean of ratios")
    assert biased.value == pytest.approx(4 / 3)
    assert "biased: +0.333" in biased.notes[1]
    assert paired_pulse_ratio([], []).status == "not determined"


def test_fold_change_and_its_refusals():
    drug, control = Observable("SS/peak", 0.5), Observable("SS/peak", 0.05)
    assert fold_change(drug, control, (0.001, 0.1)).value == pytest.approx(10)
    refused = fold_change(drug, Observable("SS/peak", 0.39), (0.001, 0.1))
    assert refused.status == "refused"
    assert math.isnan(refused.value)
    assert "outside the native range" in refused.reason
    moving = Observable("SS/peak", 0.5, "", "not steady", "still falling")
    assert fold_change(moving, control).status == "not steady"
    assert fold_change(drug, Observable("SS/peak", math.nan, "", "solver", "diverged")).status == "refused"
    with pytest.raises(UsageError, match="no ratio"):
        fold_change(drug, Observable("tau", 1.0, "ms"))


def channels(i, n, sweeps, seed, scale=None):
    """Binomial channels whose open probability rises instantly to 0.8 and decays with 20 ms."""
    rng = np.random.default_rng(seed)
    t = np.arange(0, 100, 0.5)
    open_ = rng.binomial(n, np.broadcast_to(0.8 * np.exp(-t / 20), (sweeps, t.size)))
    current = i * open_ + rng.normal(0, 1.0, open_.shape)
    return t, current if scale is None else current * scale[:, None]


def test_unscaled_noise_analysis_recovers_the_channels():
    t, y = channels(-2.0, 60, 400, 7)
    result = nonstationary_noise(t, y, convention="unscaled", window_ms=(0, 100))
    assert result.unitary_current.value == pytest.approx(-2.0, rel=0.05)
    assert result.channels.value == pytest.approx(60, rel=0.1)
    assert result.open_probability.value == pytest.approx(0.8, abs=0.06)
    low, high = result.background.interval
    assert low < 1.0 < high
    assert result.unitary_current.interval[0] < -2 < result.unitary_current.interval[1]


def test_drift_is_refused():
    t, y = channels(-2.0, 60, 100, 8, scale=np.linspace(1.1, 0.9, 100))
    result = nonstationary_noise(t, y, convention="unscaled")
    assert {o.status for o in result.observables} == {"refused"}
    assert "-20%" in result.drift.reason or "-2" in result.drift.reason


def test_low_open_probability_has_no_upper_limit_for_n():
    rng = np.random.default_rng(9)
    t = np.arange(0, 100, 0.5)
    y = 2.0 * rng.poisson(np.broadcast_to(5 * np.exp(-t / 20), (1000, t.size)))
    result = nonstationary_noise(t, y, convention="unscaled", window_ms=(0, 100))
    assert result.unitary_current.value == pytest.approx(2.0, rel=0.1)
    assert result.channels.status in ("one-sided", "not determined")
    assert result.open_probability.status == result.channels.status


def test_noise_needs_an_ensemble():
    with pytest.raises(UsageError, match="too few"):
        nonstationary_noise(np.arange(5.0), np.ones((3, 5)))
    with pytest.raises(UsageError, match="ensemble"):
        nonstationary_noise(np.arange(5.0), np.ones((20, 4)))


def test_open_probability_guard():
    i, n = Observable("unitary_current", -1.0, "pA"), Observable("channels", 50.0)
    assert open_probability(-25.0, i, n).value == pytest.approx(0.5)
    assert open_probability(-100.0, i, n).status == "not determined"
    assert open_probability(25.0, i, n).status == "not determined"


def train(stimuli, sizes, sweeps=4):
    rng = np.random.default_rng(11)
    t = np.arange(0, 400, 0.05)
    y = rng.normal(0, 1.0, (sweeps, t.size)) - 30
    for s, size in zip(stimuli, sizes, strict=True):
        x = np.clip(t - s - 4, 0, None)
        y -= size * (np.exp(-x / 3) - np.exp(-x / 0.5)) / 0.5824
        y += np.where((t > s) & (t < s + 0.3), 1500.0, 0.0)
    return t, y


def test_train_of_known_amplitudes():
    stimuli, sizes = np.array([100.0, 130, 160, 190]), np.array([200.0, 120, 80, 0])
    t, y = train(stimuli, sizes)
    # a test pulse later in the sweep is no stimulus of the train
    y[:, (t > 350) & (t < 380)] += 300
    assert find_stimuli(t, y).size == 6
    result = measure_train(t, y)
    assert result.stimuli_ms == pytest.approx(stimuli, abs=0.06)
    assert [a.value for a in result.amplitudes[:3]] == pytest.approx(-sizes[:3], abs=4)
    assert result.amplitudes[3].status == "no response"
    assert result.ppr.value == pytest.approx(0.6, abs=0.03)
    assert [tau.value for tau in result.taus[:3]] == pytest.approx([3] * 3, rel=0.15)
    assert result.failures[:, 3].all()
    assert not result.failures[:, :3].any()


def test_stimuli():
    assert regular_run(np.array([5.0, 100, 120, 140, 1500, 2500])) == pytest.approx([100, 120, 140])
    assert regular_run(np.array([7.0])) == pytest.approx([7])
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="No stimulus"):
        measure_train(np.arange(1000) * 0.1, rng.normal(size=(5, 1000)))
