"""Evoked EPSCs, 5 pulses at 50 Hz, 10 sweeps (pyABF, MIT). Numbers: expected.json of the curator.

Tolerances: amplitude of the mean 5 %, tau of pulses 1-3 10 % (the curator's; his window is not stated, and on
this record one exponential gives 2.6 to 3.5 ms depending on window and pedestal).
"""

import json

import numpy as np
import pytest

from potentiate.measures import blank, find_stimuli, find_voltage_step, measure_train, measure_voltage_step
from potentiate.recordings import read


@pytest.fixture(scope="module")
def folder(data_dir):
    return data_dir / "epsc_train_st_nts_pyabf"


@pytest.fixture(scope="module")
def recording(folder):
    return read(folder / "f1.abf", channel=0)


@pytest.fixture(scope="module")
def train(recording):
    return measure_train(recording.time_ms, recording.sweeps)


@pytest.fixture(scope="module")
def expected(folder):
    return json.loads((folder / "expected.json").read_text())


def test_stimuli_are_found_and_the_test_pulse_is_left_out(train, expected):
    assert train.stimuli_ms == pytest.approx(np.array(expected["stim_s"]) * 1e3, abs=0.2)


def test_amplitudes_and_ratios(train, expected):
    assert [a.value for a in train.amplitudes] == pytest.approx(expected["mean_amp"], rel=0.05)
    assert [r.value for r in train.ratios] == pytest.approx(expected["ratio_to_first"], abs=0.01)
    assert train.ppr.value == pytest.approx(0.553, rel=0.02)
    assert train.ppr.convention == "ratio of means"


def test_latency_and_decay(train, expected):
    assert [o.value for o in train.latencies] == pytest.approx(expected["peak_latency"], abs=0.25)
    assert [o.value for o in train.taus[:3]] == pytest.approx(expected["tau"][:3], rel=0.10)


def test_single_sweeps_and_failures(train, expected):
    assert train.sweep_amplitudes_pA[:, 0] == pytest.approx(expected["first_pulse_per_sweep"], rel=0.03)
    assert not train.failures[:, :2].any()
    assert train.failures[:, 2:].any()


def test_blanking_removes_the_artefact_and_nothing_else(recording, train):
    clean = blank(recording.time_ms, recording.sweeps, train.stimuli_ms)
    t = recording.time_ms
    during = (t > 160) & (t < 250)
    assert np.abs(recording.sweeps[:, during]).max() > 2000
    assert np.abs(clean[:, during]).max() < 500
    outside = np.all([(t < s - 0.3) | (t > s + 2.6) for s in train.stimuli_ms], axis=0)
    assert np.array_equal(clean[:, outside], recording.sweeps[:, outside])
    assert find_stimuli(t[during], clean[:, during]).size == 0


def test_auxiliary_channels_keep_their_unit(folder):
    recording = read(folder / "f1.abf")
    assert recording.units == {"CH1": "pA", "CH2": "pA", "IN 2": "mV", "IN 3": "mV", "OUT 0": "mV"}
    assert recording.roles == ("response", "response", "auxiliary", "auxiliary", "stimulus")
    assert recording.data.shape == (5, 10, 50000)


def test_the_test_pulse_tells_access_and_membrane(recording):
    """Step of -5 mV from 1664 ms, as the header commands it (-60 to -65 mV); no published values.

    By hand on the mean: the current moves by -6.9 pA, so R_series + R_membrane = 0.73 GOhm.
    """
    t, sweeps = recording.time_ms, recording.sweeps
    step = find_voltage_step(t, sweeps)
    assert step == pytest.approx((1664.05, 2064.05), abs=0.1)
    found = measure_voltage_step(t, sweeps, *step, -5.0)
    assert found.series.value + found.membrane.value == pytest.approx(730, rel=0.03)
    assert 50 < found.series.value < 75
    assert 20 < found.capacitance.value < 40
    single = [measure_voltage_step(t, sweep, *step, -5.0) for sweep in sweeps]
    known = [one.series.value for one in single if one.series.known]
    # noise of 4 pA on a transient of 40: one sweep says that it does not know
    assert len(known) == 9
    assert np.median(known) == pytest.approx(found.series.value, rel=0.15)
    assert [one.series.status for one in single if not one.series.known] == ["not determined"]


def test_latency_jitter_and_late_failures(train):
    first = train.jitter[0]
    assert first.ok
    assert 0 < first.value < 1.0
    assert first.notes[0] == "n = 10 responses"
    # the first pulse never fails; late ones do
    assert [o.value for o in train.failure_rates[:2]] == [0.0, 0.0]
    assert train.failure_rates[3].value > 0
    assert all(o.interval is not None for o in train.failure_rates)
