"""Event detection on synthetic noise: what is planted is found, whatever its decay."""

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.measures import average_event, compare_events, detect_events, detection_sensitivity
from potentiate.measures.event_detection import slow_level
from potentiate.measures.event_sensitivity import binomial_interval, event_shape
from potentiate.measures.events import QUANTITIES
from potentiate.preparations.patch import low_pass

DT = 0.1
T = np.arange(0.0, 10_000.0, DT)
RATE_HZ = 6.0


def planted(decay_ms, seed=1, sweeps=2, size=25.0, rate=RATE_HZ, noise=3.5, sign=-1):
    """Sweeps with events at known times, and those times and sizes."""
    rng = np.random.default_rng(seed)
    made, truth = np.zeros((sweeps, T.size)), []
    for k in range(sweeps):
        for at in np.sort(rng.uniform(30, T[-1] - 30, rng.poisson(rate * T[-1] / 1e3))):
            amplitude = size * float(np.exp(rng.normal(0, 0.3)))
            part = slice(int(at / DT), min(T.size, int((at + 12 * decay_ms) / DT)))
            made[k, part] += sign * amplitude * event_shape(T[part] - at, 0.8, decay_ms)
            truth.append((k, at, amplitude))
        made[k] = low_pass(made[k] + rng.normal(0, noise, T.size), DT, 2.0)
    return made, truth


def matched(events, truth, within_ms=2.0):
    return sum((np.abs(events.start_ms[events.sweep == k] - at) < within_ms).any() for k, at, _ in truth)


@pytest.fixture(scope="module")
def control():
    y, truth = planted(3.0)
    return y, truth, detect_events(T, y)


@pytest.mark.parametrize("decay_ms", [3.0, 9.0])
def test_planted_events_are_found_and_measured(decay_ms):
    y, truth = planted(decay_ms)
    events = detect_events(T, y)
    assert matched(events, truth) >= 0.93 * len(truth)
    assert len(events) <= 1.02 * len(truth)
    assert events.rate.interval[0] < RATE_HZ < events.rate.interval[1]
    summary = {o.id: o for o in events.summary()}
    assert summary["event_tau_median"].value == pytest.approx(decay_ms, rel=0.1)
    assert summary["event_amplitude_median"].value == pytest.approx(np.median([a for *_, a in truth]), rel=0.08)
    # the integral of the shape is close to amplitude x (decay + part of the rise)
    expected = np.median([a for *_, a in truth]) * (np.trapezoid(event_shape(T[:3000], 0.8, decay_ms), T[:3000]))
    assert summary["event_charge_median"].value == pytest.approx(expected, rel=0.12)
    average = average_event(T, y, events)
    assert average.tau.value == pytest.approx(decay_ms, rel=0.1)
    assert average.rise.value == pytest.approx(0.8, abs=0.25)


def test_tripling_the_decay_does_not_change_the_rate(control):
    before = control[2]
    slow, _ = planted(9.0)
    after = detect_events(T, slow, settings=before.settings)
    assert abs(len(after) / len(before) - 1) < 0.04
    # with a floor of its own, too: slow events are not taken for noise
    assert detect_events(T, slow).settings.floor_pA == pytest.approx(before.settings.floor_pA, rel=0.1)


def test_comparison_corrects_or_flags_the_rate(control):
    y, _, before = control
    slow, _ = planted(9.0, seed=2)
    after = detect_events(T, slow, settings=before.settings)
    untested = compare_events(before, after)
    assert untested.rate_ratio.status == "not determined"
    assert "was not tested" in untested.rate_ratio.reason
    pair = tuple(
        detection_sensitivity(T, data, events, decay_ms=tau, rise_ms=0.8)
        for data, events, tau in ((y, before, 3.0), (slow, after, 9.0))
    )
    found = compare_events(before, after, pair)
    assert found.rate_ratio.ok
    for ratio in (found.rate_ratio, found.corrected_rate_ratio):
        assert ratio.interval[0] < 1 < ratio.interval[1]
    assert found.amplitude_ratio.interval[0] < 1.03 < found.amplitude_ratio.interval[1] + 0.1
    assert found.decay_ratio.value == pytest.approx(3.0, rel=0.1)
    assert found.recall_control.value > 0.85
    with pytest.raises(UsageError, match="differently"):
        compare_events(before, detect_events(T, slow, floor_pA=12.0))


def test_unequal_detection_is_flagged(control):
    """A drug under which events rise slowly loses some of them, and that is not called a change of rate."""
    y, _, before = control
    pair = tuple(
        detection_sensitivity(T, y, before, decay_ms=decay, rise_ms=rise) for rise, decay in ((0.8, 3.0), (9.0, 25.0))
    )
    found = compare_events(before, before, pair)
    assert found.recall_drug.value < found.recall_control.value - 0.05
    assert found.rate_ratio.status == "not determined"
    assert "recall is" in found.rate_ratio.reason
    # the same events, of which more are said to be missed: the corrected rate is higher
    assert found.corrected_rate_ratio.value > 1.03


def test_noise_alone_gives_next_to_nothing():
    y, _ = planted(3.0, seed=7, rate=0.0)
    events = detect_events(T, y)
    assert len(events) <= 2
    assert events.rate.interval[0] == 0.0 or len(events) > 0
    assert {o.status for o in events.summary()[1:]} == {"not determined"}
    assert average_event(T, y, events).tau.status == "not determined"


def test_drift_steps_and_gaps_are_no_events():
    y, truth = planted(3.0, seed=3, sweeps=3)
    y += 40 * np.sin(2 * np.pi * T / 5000)
    y += np.where((T > 1000) & (T < 1100), -200.0, 0.0)  # a membrane test, in all sweeps
    y[1, 50_000:52_000] = np.nan
    events = detect_events(T, y)
    assert events.excluded_ms == [(pytest.approx(998, abs=1), pytest.approx(1300, abs=1))]
    assert not ((events.start_ms > 995) & (events.start_ms < 1300)).any()
    kept = [(k, at, a) for k, at, a in truth if not 990 < at < 1310 and not (k == 1 and 4990 < at < 5210)]
    assert matched(events, kept) >= 0.93 * len(kept)
    assert len(events) <= 1.03 * len(kept)
    assert events.observed_s == pytest.approx((30_000 - 3 * 312 - 200) / 1e3, abs=0.1)
    # an interval across the membrane test is none
    assert (events.interval_ms < 2000).all()


def test_outward_events_and_their_return():
    y, truth = planted(6.0, seed=5, sign=1)
    outward = detect_events(T, y, polarity="positive")
    assert (outward.amplitude_pA > 0).all()
    assert (outward.charge_fC[np.isfinite(outward.charge_fC)] > 0).all()
    assert matched(outward, truth) >= 0.93 * len(truth)
    # what returns from an outward event is no inward event
    assert len(detect_events(T, y)) <= 0.03 * len(truth)


def test_an_event_on_a_tail():
    y = np.random.default_rng(6).normal(0, 0.5, (1, T.size))
    for at, size in ((2000.0, 60.0), (2006.0, 30.0), (6000.0, 60.0)):
        y[0] -= size * event_shape(T - at, 0.8, 6.0)
    events = detect_events(T, y, floor_pA=8.0)
    assert events.amplitude_pA == pytest.approx([-60.0, -30.0, -60.0], rel=0.08)
    assert events.status[1] == "overlapping"
    assert events.tau_ms[1] == pytest.approx(6.0, rel=0.15)
    assert [row["sweep"] for row in events.table()] == [0, 0, 0]


def test_coarse_digitisation_is_no_row_of_artefacts():
    y, truth = planted(3.0, seed=8, noise=1.5, size=20.0)
    events = detect_events(T, np.round(y / 4.0) * 4.0, floor_pA=10.0)
    assert events.excluded_ms == []
    large = [(k, at, a) for k, at, a in truth if a > 14]
    assert matched(events, large) >= 0.93 * len(large)


def test_distributions(control):
    events = control[2]
    for quantity in QUANTITIES:
        x, share = events.cumulative(quantity)
        assert (np.diff(x) >= 0).all()
        assert share[-1] == 1.0
    assert events.values("interval").mean() == pytest.approx(1e3 / RATE_HZ, rel=0.2)
    with pytest.raises(UsageError, match="Unknown quantity"):
        events.values("size")
    assert "amplitudes above" in events.settings.describe()


def test_bad_input():
    y = np.zeros((1, T.size))
    with pytest.raises(UsageError, match="no noise"):
        detect_events(T, y)
    with pytest.raises(UsageError, match="polarity"):
        detect_events(T, y, polarity="inward")
    with pytest.raises(UsageError, match="Not sweeps"):
        detect_events(T[:50], y[:, :50])
    with pytest.raises(UsageError, match="rise of an event"):
        detect_events(T * 10, y)
    with pytest.raises(UsageError, match="even sampling"):
        detect_events(T**1.01, y)
    with pytest.raises(UsageError, match="are left to analyse"):
        detect_events(T, y, exclude_ms=[(0.0, 9950.0)])
    with pytest.raises(UsageError, match="are left to analyse"):
        detect_events(T, np.full_like(y, np.nan))


def test_helpers():
    assert binomial_interval(0, 10) == (0.0, pytest.approx(0.3085, abs=1e-4))
    assert binomial_interval(10, 10) == (pytest.approx(0.6915, abs=1e-4), 1.0)
    assert event_shape(T[:500], 1.0, 5.0).max() == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(UsageError, match="No event rises"):
        event_shape(T, 5.0, 5.0)
    ramp = np.linspace(0, 100, T.size)
    assert slow_level(ramp, DT)[20_000:80_000] == pytest.approx(ramp[20_000:80_000], abs=0.05)
