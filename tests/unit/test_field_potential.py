"""Field potentials with planted slope, volley, spike and artefact."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.measures import fixed_window, level_samples, measure_field

T = np.arange(0.0, 60.0, 0.05)
STIMULUS = 20.0


def ramp(slope=-0.5, width=4.0, onset=4.0):
    """A fEPSP that falls in a straight line for `width` ms and comes back four times more slowly."""
    x = T - STIMULUS - onset
    return slope * np.interp(x, [0.0, width, 5 * width], [0.0, width, 0.0])


def wave(at, size, sd=0.25):
    return size * np.exp(-0.5 * ((T - STIMULUS - at) / sd) ** 2)


def noisy(v, sd=0.002, seed=1):
    return v + np.random.default_rng(seed).normal(0, sd, v.size)


@pytest.mark.parametrize("convention", ["fixed window", "maximum", "20-80", "20-90", "10-90"])
def test_every_definition_finds_the_slope_of_a_straight_line(convention):
    found = measure_field(T, ramp(), STIMULUS, convention=convention)
    assert found.slope.value == pytest.approx(-0.5, rel=1e-6)
    assert found.slope.unit == "mV/ms"
    assert found.slope.convention == convention
    assert found.slope.ok
    assert found.line is not None
    assert found.line.slope == found.slope.value
    assert found.amplitude.value == pytest.approx(-2.0, rel=1e-6)
    assert found.onset.value == pytest.approx(4.4, abs=1e-6)  # 10 % of the peak
    assert found.peak_time.value == pytest.approx(8.0, abs=1e-6)


def test_the_definitions_differ_where_the_response_is_no_straight_line():
    x = np.clip(T - STIMULUS - 3.0, 0, None)
    v = -1.5 * (x / 3) * np.exp(1 - x / 3)
    slopes = {c: measure_field(T, noisy(v), STIMULUS, convention=c).slope.value for c in ("maximum", "20-80", "20-90")}
    steepest = min(np.polyfit(T[k : k + 21], v[k : k + 21], 1)[0] for k in range(440, 540))
    assert slopes["maximum"] < slopes["20-80"] < slopes["20-90"] < 0
    assert slopes["maximum"] == pytest.approx(steepest, rel=0.01)


def test_one_window_for_a_series_is_taken_from_its_mean():
    sweeps = np.stack([noisy(k * ramp(), seed=k) for k in (1, 2, 3)])
    window = fixed_window(T, sweeps.mean(axis=0), STIMULUS)
    assert window == pytest.approx((4.8, 7.2), abs=0.1)
    slopes = [measure_field(T, sweep, STIMULUS, window_ms=window).slope.value for sweep in sweeps]
    assert slopes == pytest.approx([-0.5, -1.0, -1.5], rel=0.01)
    with pytest.raises(UsageError, match="No response"):
        fixed_window(T, noisy(0 * T), STIMULUS)


def test_a_weak_response_is_refused_or_marked_and_never_silent():
    v = noisy(0.005 * ramp(), sd=0.02)
    for convention in ("20-80", "20-90"):
        slope = measure_field(T, v, STIMULUS, convention=convention).slope
        assert slope.status == "refused"
        assert math.isnan(slope.value)
        assert "5 SD" in (slope.reason or "")
    marked = measure_field(T, v, STIMULUS, window_ms=(4.5, 7.5)).slope
    assert marked.status == "no response"
    assert marked.known
    assert measure_field(T, v, STIMULUS, convention="maximum").slope.status == "no response"
    assert measure_field(T, v, STIMULUS).slope.status == "not determined"
    assert all(o.reason for o in measure_field(T, v, STIMULUS).observables if not o.ok)


def test_volley_between_artefact_and_response():
    artefact = np.where((T >= STIMULUS) & (T < STIMULUS + 0.3), 3.0, 0.0)
    found = measure_field(T, noisy(ramp() + wave(1.6, -0.3) + artefact), STIMULUS)
    assert found.volley.amplitude.value == pytest.approx(0.3, rel=0.08)
    assert found.volley.latency.value == pytest.approx(1.6, abs=0.1)
    assert found.volley.artefact_end_ms == pytest.approx(STIMULUS + 0.3, abs=0.06)
    assert found.slope.value == pytest.approx(-0.5, rel=0.01)
    # the notch between volley and fEPSP is no population spike
    assert found.spike.status == "no response"
    named = measure_field(T, noisy(ramp() + wave(1.6, -0.3) + artefact), STIMULUS, volley_convention="baseline")
    assert named.volley.amplitude.value == pytest.approx(0.3, rel=0.08)
    assert named.volley.amplitude.convention == "baseline"


def test_volley_that_merges_with_the_artefact_is_not_separable():
    tail = np.where(T >= STIMULUS, -2.0 * np.exp(-(T - STIMULUS) / 0.8), 0.0)
    found = measure_field(T, noisy(ramp() + wave(0.5, -0.1, 0.4) + tail), STIMULUS)
    assert found.volley.amplitude.status == "not separable"
    assert "artefact" in (found.volley.amplitude.reason or "")
    alone = measure_field(T, noisy(ramp()), STIMULUS)
    assert alone.volley.amplitude.status == "no response"


def test_population_spike_is_measured_to_its_shoulders():
    positive = -ramp(width=5.0)
    found = measure_field(T, noisy(positive + wave(10.0, -1.5, 0.4)), STIMULUS, polarity="positive")
    assert found.sign == 1
    assert found.spike.value == pytest.approx(1.5, rel=0.1)
    assert T[found.spike_index] - STIMULUS == pytest.approx(10.0, abs=0.2)
    assert measure_field(T, noisy(positive), STIMULUS, polarity="positive").spike.status == "no response"


@settings(max_examples=25)
@given(scale=st.floats(0.2, 5.0), offset=st.floats(-50, 50), turn=st.sampled_from([1, -1]))
def test_slope_scales_with_the_trace_and_ignores_its_offset(scale, offset, turn):
    v = noisy(ramp() + wave(1.6, -0.3))
    for convention in ("maximum", "20-80"):
        one = measure_field(T, v, STIMULUS, convention=convention, polarity="auto")
        other = measure_field(T, turn * scale * v + offset, STIMULUS, convention=convention, polarity="auto")
        assert other.slope.value == pytest.approx(turn * scale * one.slope.value, rel=1e-6)
        assert other.volley.amplitude.value == pytest.approx(scale * one.volley.amplitude.value, rel=1e-6)


def test_the_two_sample_rules_differ_where_the_trace_goes_the_wrong_way_first():
    part = np.array([0.0, -0.2, -0.05, 0.1, 0.25, 0.5, 0.8, 0.91, 1.0])
    assert level_samples(part, 0.2, 0.9, convention="nearest sample") == (1, 7)
    assert level_samples(part, 0.2, 0.9) == (4, 6)


def test_marks_window_and_names_that_make_no_sense():
    v = ramp()
    with pytest.raises(UsageError, match="does not come after"):
        measure_field(T, v, STIMULUS, marks_ms=(30.0, 25.0))
    with pytest.raises(UsageError, match="before it begins"):
        measure_field(T, v, STIMULUS, window_ms=(8.0, 5.0))
    with pytest.raises(UsageError, match="slope window"):
        measure_field(T, v, STIMULUS, window_ms=(100.0, 105.0))
    with pytest.raises(UsageError, match="volley window"):
        measure_field(T, v, STIMULUS, volley_ms=(1.0, 1.1))
    with pytest.raises(UsageError, match="polarity"):
        measure_field(T, v, STIMULUS, polarity="down")
    with pytest.raises(UsageError, match="fEPSP slope"):
        measure_field(T, v, STIMULUS, convention="30-70")
