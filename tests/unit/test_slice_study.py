"""What is read off slice experiments, on recordings whose answers are known."""

import dataclasses
import math

import numpy as np
import pytest

from potentiate.errors import NumericalError, UnknownNameError, UsageError
from potentiate.exposure.wash_in import SliceExposure
from potentiate.kinetics.modulator import Modulator
from potentiate.measures.observable import Observable, missing
from potentiate.preparations.slice import Slice, SliceExperiment, SliceRun
from potentiate.preparations.slice_average import average
from potentiate.preparations.slice_curves import _crossing
from potentiate.preparations.slice_sensitivity import variations
from potentiate.preparations.slice_study import UNITS, difference, measure_experiment
from potentiate.preparations.slice_windows import find_windows
from potentiate.protocols.slice_plan import INDUCTIONS, induction, plan_experiment, without_drug
from potentiate.protocols.slice_timetables import source_003
from potentiate.protocols.timetable import WashIn, WashOut
from potentiate.recordings.recording import Recording
from potentiate.show.ltp_figure import ltp_figure


def experiment(table, size, width=lambda t: 1.0, runs=2, noise=0.002, other=lambda t: 1.0):
    """Return slices whose field EPSP has a given size (and width) at every minute; the second is twice the first."""
    t = np.arange(0.0, 90.0, 0.05)
    made = []
    for k in range(runs):
        rng = np.random.default_rng(k)
        at = np.concatenate([table.test_times_min(p) for p in table.pathways])
        which = np.repeat(np.arange(len(table.pathways)), [len(table.test_times_min(p)) for p in table.pathways])
        sweeps = []
        for minute, pathway in zip(at, which, strict=True):
            grow = size(minute) if pathway == 0 else other(minute)
            x = np.maximum(t - 13.0, 0.0) / (2.0 * width(minute))
            sweeps.append(-0.3 * (k + 1) * grow * x * np.exp(1.0 - x))
        v = np.stack(sweeps) + noise * rng.standard_normal((len(at), len(t)))
        recording = Recording.from_arrays(
            t, v, {"time_min": at, "pathway": which}, "mV", protocol=table.as_document(),
            provenance={"stimulus_ms": 10.0}, name="field potential",
        )  # fmt: skip
        made.append(SliceRun(k + 1, recording))
    return SliceExperiment(Slice.of(), table, SliceExposure(table), tuple(made), ())


def step(*changes):
    """Return a size that changes at given minutes, from 1 on."""

    def size(minute):
        value = 1.0
        for at, new in changes:
            value = new if minute >= at else value
        return value

    return size


def test_effect_of_the_drug_and_ltp_over_both_baselines():
    table = source_003()  # drug from 20, tetanus at 45 min
    study = measure_experiment(experiment(table, step((20.0, 1.5), (45.0, 3.0)), step((20.0, 1.4))))
    found = {name: a.observable.value for name, a in study.averages.items()}
    assert found["drug_amplitude"] == pytest.approx(150.0, rel=0.02)
    assert found["drug_half_width"] == pytest.approx(1.4, rel=0.02)
    assert found["drug_decay"] == pytest.approx(1.4, rel=0.03)
    assert found["ltp"] == pytest.approx(200.0, rel=0.02)
    assert found["ltp_of_drug_free"] == pytest.approx(2.0 * found["drug_slope"], rel=0.02)
    assert found["post_tetanic"] == pytest.approx(200.0, rel=0.03)
    assert study.average("ltp").n == 2
    assert "no induction" in str(study.average("synapses_up").observable.reason)  # no bout was computed here


def test_baseline_is_a_mean_with_its_sem_over_slices():
    study = measure_experiment(experiment(source_003(None), step()))
    found = study.average("baseline_amplitude")
    assert found.observable.value == pytest.approx(-0.45, rel=0.03)
    assert found.sem == pytest.approx(0.15, rel=0.05)  # half of the difference of two
    low, high = found.observable.interval
    assert low == pytest.approx(-0.45 - 12.706 * found.sem, rel=0.03)
    assert high == pytest.approx(-0.45 + 12.706 * found.sem, rel=0.05)


def test_drug_before_and_after_ltp_from_one_slice():
    table = plan_experiment("aniracetam", 1500.0, induction("1x100Hz"), when="after")
    on = [e.at_min for e in table.events if isinstance(e, WashIn)]
    off = [e.at_min for e in table.events if isinstance(e, WashOut)]
    tetanus = table.inductions[0].at_min
    assert on[0] < off[0] < tetanus < on[1]
    size = step((on[0], 1.5), (off[0], 1.0), (tetanus, 2.0), (on[1], 2.6))
    found = measure_experiment(experiment(table, size)).averages
    assert found["drug_amplitude"].observable.value == pytest.approx(150.0, rel=0.02)
    assert found["drug_amplitude_after_ltp"].observable.value == pytest.approx(130.0, rel=0.02)
    assert found["ltp"].observable.value == pytest.approx(200.0, rel=0.02)  # ends where the second drug begins


def test_control_pathway_and_depotentiation():
    table = plan_experiment(
        None, 0.0, induction("depotentiation"), then=induction("lfs"), two_pathway=True, test_strength=0.4
    )
    first, second = table.inductions
    size = step((first.at_min, 1.8), (second.at_min, 1.1))
    found = measure_experiment(experiment(table, size, other=step((first.at_min, 0.95)))).averages
    assert found["ltp_before_second"].observable.value == pytest.approx(180.0, rel=0.02)
    assert found["ltp"].observable.value == pytest.approx(110.0, rel=0.02)
    assert found["control_pathway"].observable.value == pytest.approx(95.0, rel=0.02)
    assert found["percent_of_control_pathway"].observable.value == pytest.approx(100 * 110 / 95, rel=0.02)


def test_a_slice_that_failed_is_counted_and_not_averaged():
    good = experiment(source_003(None), step((45.0, 2.0)))
    bad = dataclasses.replace(good, runs=(*good.runs, SliceRun(9, None, "the step size went to zero")))
    study = measure_experiment(bad)
    assert study.average("ltp").n == 2
    assert math.isnan(study.slices[2].observables["ltp"].value)
    assert "the step size" in str(study.slices[2].observables["ltp"].reason)
    assert any("1 of 3 slices" in text for text in study.notes)
    with pytest.raises(NumericalError, match="No slice"):
        measure_experiment(dataclasses.replace(good, runs=(SliceRun(9, None, "no"),)))


def test_a_stimulus_that_recruits_nothing_has_reasons_instead_of_values():
    study = measure_experiment(experiment(source_003(), lambda minute: 0.0))
    for name in ("baseline_slope", "drug_slope", "ltp", "post_tetanic"):
        o = study.average(name).observable
        assert not o.known
        assert "No response" in str(o.reason), name
    ltp_figure({"control": study}, "nothing")  # draws


def test_difference_is_paired_by_seed():
    table = source_003(None)
    low, high = (measure_experiment(experiment(table, step((45.0, s)))) for s in (1.5, 1.9))
    found = difference("ltp", high, low)
    assert found.observable.value == pytest.approx(40.0, abs=2.0)
    assert found.sem < 1.0  # slices of other sizes, the same change


def test_average_keeps_reasons():
    none = average("x", [missing("x", "%", "no response", "silence")])
    assert (none.n, none.observable.status, none.observable.reason) == (0, "no response", "silence")
    one = average("x", [Observable("x", 5.0, "%"), missing("x", "%", "no response", "silence")])
    assert (one.n, one.observable.value, one.observable.interval) == (1, 5.0, None)
    assert "n = 1 of 2 slices" in one.observable.notes


def test_windows_of_a_control_are_those_of_its_experiment_or_its_own():
    table = plan_experiment("aniracetam", 1500.0, induction("tbs"), blockers_uM={"d-ap5": 50.0})
    windows = find_windows(table, "aniracetam")
    # blocker at 20, baseline under it until the drug comes at 40, theta bursts at 65
    assert windows.baseline == (25.0, 40.0)
    assert windows.before_induction == (45.0, 65.0)
    alone = without_drug(table, "aniracetam")
    assert alone.compounds == ("d-ap5",)
    assert alone.end_min == table.end_min
    assert alone.inductions[0].under == ("d-ap5",)
    assert find_windows(alone, None).effect is None


def test_plain_plan_is_source_003():
    assert plan_experiment("aniracetam", 1500.0, induction("1x")) == source_003()


def test_inductions_by_name():
    for name in INDUCTIONS:
        assert induction(name, strength=0.3).strength == 0.3
    assert induction("4 x 100 Hz") == induction("4x100Hz")
    assert len(induction("3xtbs", bursts=75).pulses_ms) == 900
    with pytest.raises(UnknownNameError, match="induction"):
        induction("5x100Hz")
    with pytest.raises(UsageError, match="no bursts"):
        induction("lfs", bursts=3)


def test_variations_move_one_number_each_and_leave_zero_alone():
    drug = Modulator("x", 2, 500.0, 5.0, {"open": (2.0, 4.0)}, {}, {"open": 0.0, "bound": 0.5})
    found = variations(drug, 4.0)
    assert set(found) == {
        "affinity (Kd)", "exchange (koff at constant Kd)", "weight of open", "exchange while bound"
    }  # fmt: skip
    assert found["weight of open"][1].weights["open"] == pytest.approx((4.0, 16.0))
    assert found["affinity (Kd)"][0].kd_uM == 125.0
    assert found["affinity (Kd)"][0].koff_per_ms / found["affinity (Kd)"][0].kd_uM == pytest.approx(0.01)  # same kon
    with pytest.raises(UsageError, match="factor"):
        variations(drug, 1.0)


def test_every_observable_has_its_unit():
    study = measure_experiment(experiment(source_003(None), step(), runs=1))
    assert set(study.slices[0].observables) == set(UNITS)
    for name, unit in UNITS.items():
        assert study.slices[0].observables[name].unit == unit, name
        assert study.slices[0].observables[name].id == name
    assert math.isnan(study.average("baseline_slope").sem)


def test_ltp_of_a_response_that_is_all_but_blocked_is_no_number():
    size = step((20.0, 0.02), (45.0, 0.06))
    found = measure_experiment(experiment(source_003("nbqx", 10.0), size)).averages
    assert not found["ltp"].observable.known
    assert "drug-free baseline" in str(found["ltp"].observable.reason)
    assert not found["post_tetanic"].observable.known


def test_threshold_is_where_a_rising_curve_reaches_a_level():
    x, up = np.array([1.0, 2.0, 4.0]), np.array([0.0, 10.0, 30.0])
    assert _crossing(x, up, 5.0) == pytest.approx(1.5)
    assert _crossing(x, up, 20.0) == pytest.approx(3.0)
    assert math.isnan(_crossing(x, up, 40.0))
    assert math.isnan(_crossing(x, 0 * up, 0.0))  # nothing moves: no threshold
    assert _crossing(x, up + 20.0, 10.0) == 1.0
