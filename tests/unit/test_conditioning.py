"""Conditioning: what each function changes, what it leaves alone, what it refuses, and the note it leaves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.recordings import Recording
from potentiate.recordings.alignment import align, find_exchange, find_rise
from potentiate.recordings.channel import Channel
from potentiate.recordings.rundown import correct_rundown, estimate_rundown
from potentiate.recordings.sweeps import (
    bin_samples,
    blank_artefacts,
    select_sweeps,
    subtract_baseline,
    subtract_leak_conductance,
    subtract_p_over_n,
)

T = np.arange(0.0, 50.0, 0.1)


def response(start, size=-100.0, tau=4.0):
    after = T - start
    return np.where(after > 0, size * (1 - np.exp(-after / 0.3)) * np.exp(-after / tau), 0.0)


def recording(sweeps, **metadata):
    return Recording.from_arrays(T, sweeps, metadata, label="data")


def notes(r):
    return " | ".join(r.provenance["notes"])


# ---------------------------------------------------------------------------------------------- choice


def test_sweeps_by_number_keep_their_number():
    r = recording(np.arange(40.0)[:, None] + np.zeros(T.size))
    some = select_sweeps(r, "10:30,33")
    assert some.sweeps[:, 0].tolist() == [*range(10, 31), 33]
    again = select_sweeps(some, "30,33")
    assert again.sweeps[:, 0].tolist() == [30, 33]
    assert "21 + 1" not in notes(some)
    assert "22 of 40 kept" in notes(some)
    with pytest.raises(UsageError, match="No sweep 9"):
        select_sweeps(some, "9")


def test_sweeps_by_metadata():
    doses = [1.0, 10.0, 100.0, 100.0]
    r = recording(np.zeros((4, T.size)), glutamate_uM=doses, start_s=[0, 10, 20, 30], drug=list("abab"))
    assert select_sweeps(r, "glutamate_uM >= 10 and start_s < 30").sweep_metadata["number"].tolist() == [1, 2]
    assert select_sweeps(r, "drug = b").sweep_metadata["number"].tolist() == [1, 3]
    assert select_sweeps(r, "glutamate_uM != 100").sweep_metadata["number"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not understood"), ("x", "not understood"), ("3:1", "backwards"), ("0:9", "No sweep 9"),
        ("glutamate > 3", "Unknown sweep metadata"), ("start_s > 99", "No sweep is left"),
        ("start_s > x", "not a number"), ("drug < b", "no order"), ("drug = b and", "not understood"),
    ],
)  # fmt: skip
def test_bad_choices(text, words):
    r = recording(np.zeros((4, T.size)), start_s=[0, 10, 20, 30], drug=list("abab"))
    with pytest.raises(UsageError, match=words):
        select_sweeps(r, text)


# -------------------------------------------------------------------------------------------- baseline


@pytest.mark.parametrize("how", ["mean", "median", "line"])
def test_baseline(how):
    drift = np.array([[0.0], [2.0]]) * (T - 25) / 25 if how == "line" else 0.0
    truth = np.stack([response(10.0), 0.5 * response(10.0)])
    r = recording(truth + np.array([[30.0], [-12.0]]) + drift)
    clean = subtract_baseline(r, (0.0, 9.0), (45.0, 50.0), how=how)
    # 0.02 pA of the tail of the response are left in the second window
    assert clean.sweeps == pytest.approx(truth, abs=0.02)
    assert clean.sweep_metadata["baseline_pA"] == pytest.approx([30.0, -12.0], abs=1.5)
    assert "9 ms" in notes(clean)
    assert r.sweeps[0, 0] == pytest.approx(30.0)


def test_baseline_of_a_nan_sweep_and_of_bad_windows():
    sweeps = np.ones((2, T.size))
    sweeps[1] = np.nan
    clean = subtract_baseline(recording(sweeps), (0.0, 5.0))
    assert clean.sweeps[0].tolist() == [0.0] * T.size
    assert np.isnan(clean.sweep_metadata["baseline_pA"][1])
    with pytest.raises(UsageError, match="holds no sample"):
        subtract_baseline(recording(sweeps), (60.0, 70.0))
    with pytest.raises(UsageError, match="No baseline window"):
        subtract_baseline(recording(sweeps))


# ------------------------------------------------------------------------------------------- alignment


def shifted(starts, noise=0.5, seed=1):
    rng = np.random.default_rng(seed)
    current = np.stack([response(s) for s in starts]) + rng.normal(0, noise, (len(starts), T.size))
    tip = np.stack([2.5 * (1 + np.tanh((T - s + 0.05) / 0.04)) for s in starts])
    return Recording(T, np.stack([current, tip]), (Channel("I", "pA"), Channel("tip", "mV")), {}, "data")


@pytest.mark.parametrize("how", ["exchange", "rise"])
def test_alignment_undoes_the_jitter(how):
    starts = [10.0, 10.7, 9.4, 12.2]
    r = shifted(starts)
    marks = find_exchange(r, 1) if how == "exchange" else find_rise(r)
    assert np.diff(marks.times_ms) == pytest.approx(np.diff(starts), abs=0.02 if how == "exchange" else 0.12)
    moved = align(r, marks)
    assert np.ptp(moved.sweep_metadata["shift_ms"] + starts) < 0.15
    again = find_exchange(moved, 1)
    assert again.spread_ms < 0.15
    assert "aligned to the" in notes(moved)
    # whole samples: the values are those of the file
    assert set(np.round(moved.data[0, 2], 9)) <= set(np.round(r.data[0, 2], 9))
    assert moved.time_ms.size < T.size
    whole = align(r, marks, edges="nan")
    assert np.array_equal(whole.time_ms, T)
    assert np.isnan(whole.sweeps).any(axis=1).sum() == (whole.sweep_metadata["shift_ms"] != 0).sum()
    inner = np.isin(T, moved.time_ms)
    assert np.array_equal(whole.data[..., inner], moved.data)


def test_sweeps_without_a_response():
    r = shifted([10.0, 99.0, 11.0])
    marks = find_rise(r)
    assert np.isnan(marks.times_ms[1])
    assert "no response" in marks.reasons[1]
    with pytest.raises(UsageError, match="1 of 3 sweeps"):
        align(r, marks)
    assert align(r, marks, missing="drop").sweep_metadata["number"].tolist() == [0, 2]
    kept = align(r, marks, missing="keep")
    assert kept.data.shape[1] == 3
    assert np.isnan(kept.sweep_metadata["shift_ms"][1])
    with pytest.raises(UsageError, match="No sweep shows"):
        align(r.select([1]), find_rise(r.select([1])))


# -------------------------------------------------------------------------------------------- run-down


@pytest.mark.parametrize("form", ["linear", "exponential"])
def test_rundown_is_estimated_and_undone(form):
    k = np.arange(20)
    factor = 1 - 0.02 * k if form == "linear" else 0.98**k
    sizes = -100 * factor * (1 + np.random.default_rng(2).normal(0, 0.01, k.size))
    found = estimate_rundown(sizes, form=form)
    assert found.word == "determined"
    assert found.interval[0] < 0.02 < found.interval[1]
    r = recording(np.stack([f * response(10.0) for f in factor]))
    clean = correct_rundown(r, found)
    peaks = clean.sweeps.min(axis=1)
    assert np.ptp(peaks) / abs(peaks.mean()) < 0.05
    assert "run-down" in notes(clean)


def test_rundown_that_is_not_determined_is_not_applied():
    sizes = np.array([-100, -90, -95, -104, -108, -99, -96, -101.0])
    found = estimate_rundown(sizes, reference=[0, 2, 4, 6])
    assert (found.word, found.n) == ("not determined", 4)
    assert "includes no change" in found.describe()
    r = recording(np.zeros((8, T.size)))
    with pytest.raises(UsageError, match="not determined"):
        correct_rundown(r, found)
    assert correct_rundown(r, found, force=True).sweep_metadata["rundown_factor"].size == 8
    with pytest.raises(UsageError, match="too few"):
        estimate_rundown(sizes, reference=[0, 1])
    with pytest.raises(UsageError, match="both signs"):
        estimate_rundown([1.0, -1.0, 1.0])
    with pytest.raises(UsageError, match="other sweeps"):
        correct_rundown(r.select([0, 1]), found, force=True)


@given(st.floats(0.0, 0.05), st.integers(0, 10**6))
def test_rundown_interval_of_exact_sizes_is_a_point(rate, seed):
    sizes = np.random.default_rng(seed).uniform(1, 1e4) * (1 - rate) ** np.arange(6)
    found = estimate_rundown(sizes)
    assert found.per_sweep == pytest.approx(rate, abs=1e-9)


# ------------------------------------------------------------------------- leak, artefacts, bins


def test_leak_of_a_test_pulse():
    command = np.where((T > 5) & (T < 10), -10.0, 0.0) - 60.0
    truth = np.stack([response(20.0)] * 3)
    leak = np.array([[0.5], [1.0], [2.0]])
    r = Recording(T, np.stack([truth + leak * command, np.stack([command] * 3)]),
                  (Channel("I", "pA"), Channel("V", "mV")), {}, "data")  # fmt: skip
    clean = subtract_leak_conductance(r, 1, (6.0, 9.5), (0.0, 4.5))
    assert clean.sweep_metadata["leak_nS"] == pytest.approx([0.5, 1.0, 2.0])
    assert clean.sweeps == pytest.approx(truth, abs=1e-9)
    assert np.array_equal(clean.data[1], r.data[1])
    with pytest.raises(UsageError, match="does not step"):
        subtract_leak_conductance(r, 1, (0.0, 2.0), (2.5, 4.5))
    with pytest.raises(UsageError, match="pA and voltage"):
        subtract_leak_conductance(r, 0, (6.0, 9.5), (0.0, 4.5))


def test_p_over_n():
    step = np.where((T > 5) & (T < 30), 1.0, 0.0)
    passive = 7.0 * step
    sweeps = [20 + passive * -0.25] * 4 + [20 + passive + response(10.0)]
    clean = subtract_p_over_n(recording(np.stack(sweeps)), "0:3", scale=-4.0)
    assert clean.sweep_metadata["number"].tolist() == [4]
    assert clean.sweeps[0] == pytest.approx(20 + response(10.0), abs=1e-9)
    with pytest.raises(UsageError, match="No sweep is left"):
        subtract_p_over_n(recording(np.stack(sweeps)), "0:4", scale=-4.0)


def test_artefacts_by_line_and_by_gap():
    spike = np.where((T > 10) & (T < 10.5), 1000.0, 0.0)
    r = recording((spike + 3.0)[None])
    line = blank_artefacts(r, [10.0], (-0.2, 1.0))
    assert line.sweeps == pytest.approx(3.0)
    gap = blank_artefacts(r, [10.0], (-0.2, 1.0), fill="nan")
    assert np.isnan(gap.sweeps).sum() == 11
    assert "1 artefacts blanked (nan)" in notes(gap)


def test_unequal_bins():
    r = recording(np.stack([T, 2 * T]))
    edges = [0.0, 0.1, 0.5, 10.0, 50.0]
    binned = bin_samples(r, edges)
    assert binned.provenance["bin_samples"] == [1, 4, 95, 400]
    assert binned.provenance["bin_edges_ms"] == edges
    # the mean of a ramp is the ramp at the mean time
    assert binned.sweeps == pytest.approx(np.stack([binned.time_ms, 2 * binned.time_ms]))
    assert np.isnan(binned.interval_ms)
    with pytest.raises(UsageError, match="holds no sample"):
        bin_samples(r, [0.0, 0.01, 0.02])
    with pytest.raises(UsageError, match="must increase"):
        bin_samples(r, [1.0, 0.0])
    with pytest.raises(UsageError, match="uneven"):
        align(binned, find_rise(binned))
