"""Peak, rise, decay, plateau and charge on traces whose answers are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UnknownNameError, UsageError
from potentiate.measures import (
    charge,
    deactivation,
    decay,
    decay_time,
    desensitization,
    measure_jump,
    peak,
    rise,
    steady_state_ratio,
    weighted_tau,
)

T = np.arange(0.0, 200.0, 0.02)


def response(taus=(3.0, 20.0), parts=(0.7, 0.3), size=-100.0, onset=10.0):
    """Instant rise at `onset`, then a sum of exponentials."""
    x = np.clip(T - onset, 0, None)
    return np.where(T >= onset, size * sum(p * np.exp(-x / tau) for p, tau in zip(parts, taus, strict=True)), 0.0)


def test_peak_polarity_baseline_and_noise():
    rng = np.random.default_rng(0)
    y = response() + 30 + rng.normal(0, 2, T.size)
    at = peak(T, y, baseline_ms=(0, 9))
    assert at.sign == -1
    assert at.baseline_pA == pytest.approx(30, abs=0.5)
    assert at.noise_sd_pA == pytest.approx(2, rel=0.1)
    assert at.time.value == pytest.approx(10, abs=0.3)
    assert at.amplitude.value == pytest.approx(-100, abs=6)
    assert peak(T, y, convention="positive", baseline_ms=(0, 9)).amplitude.value < 12


def test_no_response_is_said():
    rng = np.random.default_rng(1)
    at = peak(T, rng.normal(0, 2, T.size), baseline_ms=(0, 100))
    assert at.amplitude.status == "no response"
    assert "5 SD" in at.amplitude.reason
    for observable in (rise(T, T, at), decay_time(T, T, at), decay(T, T, at).tau, charge(T, T, at)):
        assert observable.status == "no response"
        assert math.isnan(observable.value)
    assert peak(T, np.zeros(T.size)).amplitude.status == "no response"


def test_bad_input():
    with pytest.raises(UsageError, match="Not a trace"):
        peak([0, 1, 2], [0, 1])
    with pytest.raises(UsageError, match="increase"):
        peak([0, 1, 1], [0, 1, 2])
    with pytest.raises(UsageError, match="NaN"):
        peak([0, 1, 2], [0, math.nan, 2])
    with pytest.raises(UsageError, match="baseline window"):
        peak([0, 1, 2], [0, 1, 2], baseline_ms=(5, 6))
    with pytest.raises(UnknownNameError, match="auto"):
        peak([0, 1, 2], [0, 1, 2], convention="atuo")


def test_rise_of_a_ramp_and_its_guard():
    y = -np.clip((T - 10) / 5, 0, 1) * np.exp(-np.clip(T - 15, 0, None) / 10)
    at = peak(T, y)
    assert rise(T, y, at).value == pytest.approx(0.8 * 5, rel=1e-6)
    assert rise(T, y, at, convention="20-80").value == pytest.approx(0.6 * 5, rel=1e-6)
    coarse = rise(T, response(), peak(T, response()))
    assert coarse.status == "not resolved"
    assert "sampled every 0.02 ms" in coarse.reason


def test_decay_chooses_and_prints_the_loser():
    rng = np.random.default_rng(2)
    y = response() + rng.normal(0, 0.5, T.size)
    two = decay(T, y, peak(T, y, baseline_ms=(0, 9)))
    assert two.form == "bi"
    assert two.tau_fast.value == pytest.approx(3, rel=0.03)
    assert two.tau_slow.value == pytest.approx(20, rel=0.03)
    assert any(note.startswith("mono lost: AICc +") for note in two.tau.notes)
    y = response((8.0,), (1.0,)) + rng.normal(0, 0.5, T.size)
    one = decay(T, y, peak(T, y, baseline_ms=(0, 9)))
    assert one.form == "mono"
    assert one.tau.value == pytest.approx(8, rel=0.02)
    assert any(note.startswith("bi lost") for note in one.tau.notes)
    assert one.tau_fast.status == "not determined"


def test_noise_free_mono_is_not_split():
    y = response((8.0,), (1.0,))
    assert decay(T, y, peak(T, y)).form == "mono"


def test_weighted_tau_and_the_two_conventions():
    y = response()
    at = peak(T, y)
    fitted = decay(T, y, at, from_fraction=1.0)
    assert weighted_tau(T, y, at, fitted=fitted).value == pytest.approx(0.7 * 3 + 0.3 * 20, rel=1e-4)
    # without pedestal both conventions agree (the trace ends after 9 slow time constants)
    assert weighted_tau(T, y, at, convention="charge over peak").value == pytest.approx(8.1, rel=2e-3)
    with_pedestal = np.where(T >= 10, y - 5, y)
    late = weighted_tau(T, with_pedestal, peak(T, with_pedestal), convention="charge over peak")
    assert late.value > 12


def test_decay_times():
    y = response((8.0,), (1.0,))
    at = peak(T, y)
    assert decay_time(T, y, at).value == pytest.approx(8, rel=1e-4)
    assert decay_time(T, y, at, convention="half").value == pytest.approx(8 * math.log(2), rel=1e-4)
    cut = T < 12
    assert decay_time(T[cut], y[cut], peak(T[cut], y[cut])).status == "not determined"


def test_deactivation_counts_from_the_end_of_the_pulse():
    # rises during a 1 ms pulse from 10 ms, keeps rising for 0.5 ms, then falls with 2 ms
    y = np.interp(T, [0, 10, 11.5], [0, 0, -100]) * np.exp(-np.clip(T - 11.5, 0, None) / 2)
    at = peak(T, y)
    end = 11.0
    at_end = 100 / 1.5
    expected = 11.5 + 2 * math.log(100 / (at_end / math.e)) - end
    assert deactivation(T, y, at, end).value == pytest.approx(expected, rel=1e-3)
    assert deactivation(T, y, at, end, convention="of peak").value == pytest.approx(0.5 + 2, rel=1e-3)
    # a peak inside the pulse: both start at its end
    y = response((4.0,), (1.0,))
    assert deactivation(T, y, peak(T, y), 12.0).value == pytest.approx(4, rel=1e-3)
    assert deactivation(T, y, peak(T, y), 12.0, convention="of peak").value == pytest.approx(2, rel=1e-3)
    assert deactivation(T, y, peak(T, y), 500.0).status == "not determined"


def test_desensitization_and_plateau():
    x = T - 10
    y = np.where((T >= 10) & (T < 110), -100 * (0.1 + 0.9 * np.exp(-x / 5)), 0.0)
    at = peak(T, y)
    steady = steady_state_ratio(T, y, at, (10, 110))
    assert steady.status == "ok"
    assert steady.value == pytest.approx(0.1, rel=1e-6)
    assert desensitization(T, y, at, 110, steady).value == pytest.approx(5, rel=1e-3)
    assert desensitization(T, y, at, 110, steady, convention="fit").value == pytest.approx(5, rel=1e-3)
    assert steady_state_ratio(T, y, at, (10, 110), convention="last 5 ms").value == pytest.approx(0.1, rel=1e-6)
    flat = np.where((T >= 10) & (T < 110), -50.0, 0.0)
    at = peak(T, flat)
    level = steady_state_ratio(T, flat, at, (10, 110))
    assert "does not desensitize" in desensitization(T, flat, at, 110, level).reason


def test_moving_plateau_is_said():
    y = np.where((T >= 10) & (T < 40), -100 * np.exp(-(T - 10) / 30), 0.0)
    ratio = steady_state_ratio(T, y, peak(T, y), (10, 40))
    assert ratio.status == "not steady"
    assert ratio.value == pytest.approx(np.exp(-28.5 / 30), rel=0.01)
    assert "still falling" in ratio.reason


def test_noise_alone_does_not_make_a_plateau_move():
    rng = np.random.default_rng(5)
    y = np.where((T >= 10) & (T < 110), -20.0 - 80 * np.exp(-(T - 10) / 4), 0.0) + rng.normal(0, 2, T.size)
    assert steady_state_ratio(T, y, peak(T, y, baseline_ms=(0, 9)), (10, 110)).status == "ok"


def test_charge():
    y = response((8.0,), (1.0,))
    at = peak(T, y)
    # down to 0.5 % of the peak
    assert charge(T, y, at).value == pytest.approx(-800 * 0.995, rel=2e-3)
    assert charge(T, y, at, convention="window", window_ms=(0, 200)).value == pytest.approx(-800, rel=2e-3)
    assert charge(T, y, at, convention="window").status == "refused"
    cut = T < 20
    assert charge(T[cut], y[cut], peak(T[cut], y[cut])).status == "not determined"


@settings(max_examples=40)
@given(
    tau=st.floats(1, 8), steady=st.floats(0.02, 0.7), off=st.floats(0.5, 8), size=st.floats(30, 3000),
    offset=st.floats(-200, 200), sign=st.sampled_from([-1, 1]),
)  # fmt: skip
def test_jump_reads_what_was_put_in(tau, steady, off, size, offset, sign):
    x = T - 20
    pulse = size * (steady + (1 - steady) * np.exp(-x / tau))
    end = size * (steady + (1 - steady) * np.exp(-100 / tau))
    y = offset + sign * np.where(T < 20, 0, np.where(T < 120, pulse, end * np.exp(-(T - 120) / off)))
    jump = measure_jump(T, y, 20.0, 120.0, desensitization_convention="1/e")
    assert jump.responds
    assert jump.peak.amplitude.value == pytest.approx(sign * size, rel=1e-6)
    assert jump.steady_state.value == pytest.approx(end / size, rel=0.01)
    assert jump.steady_state.ok
    assert jump.tau_des.value == pytest.approx(tau, rel=0.01)
    assert jump.tau_off.value == pytest.approx(off, rel=1e-3)


def test_jump_that_does_not_end_says_so():
    y = np.where(T >= 20, -100.0, 0.0)
    jump = measure_jump(T, y)
    assert jump.responds
    assert jump.off.status == "not determined"
    assert "give" in jump.off.reason or "end" in jump.off.reason
    assert math.isnan(jump.tau_off.value)
