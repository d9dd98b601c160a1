"""Bouts of stimulation and the timetable of a slice experiment."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.protocols import slice_timetables as tables
from potentiate.protocols import stimulation as stim
from potentiate.protocols.stimulation import Stimulation
from potentiate.protocols.timetable import Induce, TemperatureStep, Timetable, WashIn, WashOut


def test_bouts_have_the_pulses_that_their_names_say() -> None:
    one = stim.tetanus()
    assert len(one.pulses_ms) == 100
    np.testing.assert_allclose(np.diff(one.pulses_ms), 10.0)
    four = stim.tetanus(4)
    assert [len(t) for t in four.trains()] == [100] * 4
    assert [t[0] for t in four.trains()] == [0.0, 20_000.0, 40_000.0, 60_000.0]
    theta = stim.theta_burst(10, trains=3)
    assert len(theta.pulses_ms) == 120
    assert [b[0] for b in theta.trains(gap_ms=50.0)][:3] == [0.0, 200.0, 400.0]
    slow = stim.theta_burst(5, spacing_ms=2000.0)
    assert len(slow.trains(gap_ms=50.0)) == 5
    depress = stim.low_frequency()
    assert len(depress.pulses_ms) == 900
    assert depress.pulses_ms[-1] == 899_000.0
    assert depress.rate_Hz == pytest.approx(1.0)
    assert stim.paired_pulses(50.0).pulses_ms == (0.0, 50.0)
    assert math.isclose(stim.train(200.0, 10).rate_Hz, 200.0)


def test_pairing_ends_with_its_tetani_and_says_what_is_assumed() -> None:
    bout = stim.pairing()
    assert bout.holding_mV == 0.0
    assert len(bout.trains(gap_ms=1000.0)) == 3
    assert bout.duration_ms - bout.pulses_ms[-1] == pytest.approx(10.0)
    assert "not the numbers" in bout.assumed[0]
    with pytest.raises(UsageError, match="do not fit"):
        stim.pairing(depolarization_s=1.0)


@given(
    delta=st.floats(-60.0, 60.0),
    spikes=st.integers(1, 4),
    rate=st.floats(0.2, 5.0),
    pairs=st.integers(1, 20),
)
def test_stdp_interval_is_from_the_pulse_to_the_nearest_spike(
    delta: float, spikes: int, rate: float, pairs: int
) -> None:
    bout = stim.stdp(pairs, delta, rate, spikes)
    assert len(bout.pulses_ms) == pairs
    assert len(bout.spikes_ms) == pairs * spikes
    pulse, volley = bout.pulses_ms[0], np.array(bout.spikes_ms[:spikes])
    nearest = volley[0] if delta >= 0 else volley[-1]
    assert nearest - pulse == pytest.approx(delta, abs=1e-6)
    assert (volley >= pulse - 1e-9).all() or (volley <= pulse + 1e-9).all()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"pulses_ms": (10.0, 5.0)}, "runs backwards"),
        ({"pulses_ms": (10.0, 10.05)}, "overlaps"),
        ({"pulses_ms": (-1.0,)}, "outside the bout"),
        ({"pulses_ms": (math.nan,)}, "outside the bout"),
        ({"pulses_ms": (150.0,)}, "outside the bout"),
        ({"duration_ms": -5.0}, "not a positive time"),
        ({"strength": 1.2}, "strength"),
        ({"strength": math.nan}, "strength"),
        ({"pulses_ms": ()}, "without a pulse"),
        ({"holding_mV": 4000.0}, "Holding"),
        ({"holding_mV": 0.0, "spikes_ms": (1.0,)}, "clamped cell"),
        ({"pathway": ""}, "pathway"),
    ],
)
def test_impossible_bouts_are_refused(change: dict, word: str) -> None:
    given = {"name": "x", "pulses_ms": (0.0,), "duration_ms": 100.0, **change}
    with pytest.raises(UsageError, match=word):
        Stimulation(**given)


@pytest.mark.parametrize(
    "build",
    [
        lambda: stim.tetanus(2, interval_s=0.5),
        lambda: stim.tetanus(0),
        lambda: stim.theta_burst(10, spacing_ms=20.0),
        lambda: stim.theta_burst(10, trains=2, train_interval_s=1.0),
        lambda: stim.theta_burst(2.5),  # type: ignore[arg-type]
        lambda: stim.low_frequency(rate_Hz=0.0),
        lambda: stim.stdp(10, 50.0, 25.0),
        lambda: stim.stdp(10, math.inf, 1.0),
        lambda: stim.paired_pulses(-3.0),
    ],
)
def test_impossible_requests_are_refused(build) -> None:
    with pytest.raises(UsageError):
        build()


def test_source_003_exactly() -> None:
    table = tables.source_003()
    assert table.recovery_min == 60.0
    assert table.baseline_min == 20.0
    assert table.interval_s == 30.0
    (drug,) = (e for e in table.events if isinstance(e, WashIn))
    assert (drug.compound, drug.concentration_uM, drug.at_min) == ("aniracetam", 1500.0, 20.0)
    (bout,) = table.inductions
    assert 20.0 <= bout.at_min - drug.at_min <= 30.0
    assert len(bout.stimulation.pulses_ms) == 100
    assert bout.stimulation.rate_Hz == pytest.approx(100.0)
    assert table.end_min - bout.until_min == pytest.approx(60.0)
    times = table.test_times_min()
    assert ((times >= 0) & (times < 20)).sum() == 40
    assert not ((times >= bout.at_min) & (times < bout.until_min)).any()
    assert (times < table.end_min).all()
    temperatures = dict(table.temperature_steps())
    assert 30.0 <= temperatures[0.0] <= 32.0
    assert any("no wash-out" in note for note in table.notes())
    control = tables.source_003(None)
    assert control.compounds == ()
    np.testing.assert_array_equal(control.test_times_min(), times)
    with pytest.raises(UsageError, match="source 003"):
        tables.source_003(drug_min=10.0)
    with pytest.raises(UsageError, match="source 003"):
        tables.source_003(recovery_min=30.0)


def test_other_timetables() -> None:
    after = tables.drug_after_ltp("aniracetam", 1500.0, before_min=15.0)
    bout = after.inductions[0]
    steps = after.inflow_steps("aniracetam")
    assert [c for _, c in steps] == [1500.0, 0.0, 1500.0]
    assert steps[1][0] < bout.at_min < steps[2][0]
    plain = tables.drug_after_ltp("aniracetam", 1500.0)
    assert any("cannot act on that induction" in note for note in plain.notes())
    two = tables.two_pathway(drugs=(WashIn("aniracetam", 1500.0, 20.0),))
    assert two.inductions[0].under == ("aniracetam",)
    test, control = two.test_times_min(), two.test_times_min("control")
    assert not set(test) & set(control)
    assert control[0] - test[0] == pytest.approx(0.25)
    both = tables.depotentiation()
    assert [len(b.stimulation.pulses_ms) for b in both.inductions] == [100, 900]


TETANUS = stim.tetanus()


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ((Induce(TETANUS, 30.0), WashIn("aniracetam", 1.0, 25.0)), "runs backwards"),
        ((Induce(TETANUS, 10.0),), "outside the timetable"),
        ((Induce(TETANUS, 100.0),), "outside the timetable"),
        ((WashIn("aniracetam", 1.0, 500.0),), "outside the timetable"),
        ((TemperatureStep(31.0, -90.0),), "outside the timetable"),
        ((TemperatureStep(300.0, 0.0),), "no slice survives"),
        ((Induce(stim.low_frequency(), 30.0), Induce(TETANUS, 40.0)), "overlaps"),
        ((WashOut("aniracetam", 30.0),), "not washed in"),
        ((Induce(TETANUS, 30.0, under=("aniracetam",)), WashIn("aniracetam", 1.0, 40.0)), "comes before"),
        (
            (WashIn("aniracetam", 1.0, 25.0), WashOut("aniracetam", 30.0), Induce(TETANUS, 31.0, ("aniracetam",))),
            "comes before",
        ),
        ((WashIn("aniracetam", -1.0, 25.0),), "Concentration"),
        ((WashIn("aniracetam", 1e9, 25.0),), "Concentration"),
        ((Induce(TETANUS.on("other"), 30.0),), "pathway"),
    ],
)
def test_impossible_timetables_are_refused(events: tuple, word: str) -> None:
    with pytest.raises(UsageError, match=word) as error:
        Timetable("x", 20.0, 100.0, events)
    assert error.value.where == "timetable 'x'"
    assert error.value.why


@pytest.mark.parametrize(
    "change",
    [
        {"baseline_min": -1.0},
        {"end_min": 10.0},
        {"end_min": math.nan},
        {"recovery_min": -60.0},
        {"interval_s": 0.0},
        {"test_strength": 2.0},
        {"pathways": ()},
        {"pathways": ("test", "test")},
    ],
)
def test_impossible_times_are_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        Timetable(**{"name": "x", "baseline_min": 20.0, "end_min": 100.0, **change})


@given(
    interval=st.floats(5.0, 60.0), end=st.floats(21.0, 120.0), n=st.integers(1, 3), rate=st.sampled_from([1.0, 100.0])
)
def test_test_pulses_alternate_and_rest_during_a_bout(interval: float, end: float, n: int, rate: float) -> None:
    bout = stim.train(rate, 50)
    names = tuple(f"p{i}" for i in range(n))
    events = (Induce(bout.on("p0"), 20.0),) if end > 20.0 + bout.duration_ms / 6e4 else ()
    table = Timetable("x", 20.0, end, events, interval_s=interval, pathways=names)
    every = np.sort(np.concatenate([table.test_times_min(name) for name in names]))
    assert (every >= 0).all()
    assert (every < end).all()
    gaps = np.diff(every) * 60.0
    assert (gaps > interval / n - 1e-6).all(), "two tests overlap"
    for induction in table.inductions:
        assert not ((every > induction.at_min) & (every < induction.until_min - 1e-6)).any()
    longest = interval / n + (bout.duration_ms / 1e3 if events else 0.0)
    assert (gaps < longest + interval / n + 1e-6).all(), "tests are missing"


def test_input_output_rises_and_its_ends_are_told() -> None:
    curve = stim.input_output()
    assert [len(b.pulses_ms) for b in curve] == [1] * len(curve)
    assert [b.strength for b in curve] == sorted(b.strength for b in curve)
    with pytest.raises(UsageError, match="fall"):
        stim.input_output((0.5, 0.1))
    silent = Timetable("x", 20.0, 90.0, (Induce(TETANUS.with_strength(1.0), 20.0),), test_strength=0.0)
    assert any("below the threshold" in note for note in silent.notes())
    assert any("recruits every fibre" in note for note in silent.notes())


def test_documents_are_plain_data() -> None:
    table = tables.source_003()
    again = json.loads(json.dumps(table.as_document()))
    assert again["events"][-1]["event"] == "induction"
    assert len(again["events"][-1]["stimulation"]["pulses_ms"]) == 100
    assert again["events"][-1]["under"] == ["aniracetam"]
