"""The fast engine of many synapses: identities, convergence of its steps, linear cost, what drugs and blocks do."""

import dataclasses

import numpy as np
import pytest

from potentiate.errors import NumericalError, UsageError
from potentiate.mechanisms.cleft import BRIEF_PULSE, CLEMENTS
from potentiate.mechanisms.threshold_plasticity import bin_calcium, integrate_calcium, move_efficacy, settle
from potentiate.preparations.pulse_grid import LADDER, pulse_grid
from potentiate.preparations.slice import Slice
from potentiate.preparations.slice_drugs import drugs_in
from potentiate.preparations.slice_specimen import REPEATED_PULSES, Drugs, plasticity_rule, shortened
from potentiate.protocols import stimulation as stim
from potentiate.protocols.timetable import TemperatureStep, Timetable

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def preparation():
    return Slice.of("ca1-slice", synapses=20, between=False, noise=False)


@pytest.fixture(scope="module")
def specimen(preparation):
    return preparation.draw(1)


def test_grid_holds_all_the_glutamate_of_every_pulse():
    pulses = (0.0, 10.0, 20.0)
    for cleft in (BRIEF_PULSE, CLEMENTS):
        grid = pulse_grid(pulses, 60.0, cleft)
        area = (grid.glutamate_uM * grid.widths_ms[:, None]).sum()
        one = cleft.mean_uM(0.0, 40.0) * 40.0
        assert area == pytest.approx(3 * one, rel=2e-3)  # what fades below 0.1 % of the peak is left out
        assert grid.edges_ms[-1] == pytest.approx(60.0)


def test_nothing_released_leaves_everything_at_rest(specimen):
    bout = stim.test_pulse()
    course = specimen.simulate(bout, np.zeros((20, 1)), fires=False)
    quiet = course.voltage_mV - specimen.dendrite.cell.rest_mV
    # without release only the interneurons speak, and they are driven by the fibres
    silent = specimen.simulate(bout, np.zeros((20, 1)), recruited=0.0)
    assert np.max(np.abs(silent.voltage_mV - specimen.dendrite.cell.rest_mV)) < 0.05
    assert np.max(np.abs(quiet)) < 5.0


def test_membrane_currents_of_all_layers_sum_to_zero(specimen):
    course = specimen.respond(0.4)
    currents = specimen.dendrite.cell.membrane_currents_pA(course.voltage_mV)
    assert np.max(np.abs(currents.sum(axis=1))) < 1e-9 * np.max(np.abs(currents))


def test_steps_are_fine_enough(specimen, monkeypatch):
    burst = dataclasses.replace(stim.train(100.0, 4), duration_ms=150.0, strength=0.2)  # below the NMDA plateau
    rng = np.random.default_rng(0)
    releases = (rng.random((20, 4)) < 0.4).astype(float)
    coarse = specimen.simulate(burst, releases, fires=False)
    fine_ladder = tuple((up_to, step / 4.0) for up_to, step in LADDER)
    monkeypatch.setattr(
        "potentiate.preparations.slice_specimen.pulse_grid",
        lambda pulses, duration, cleft, extra: pulse_grid(pulses, duration, cleft, extra, fine_ladder),
    )
    fine = specimen.simulate(burst, releases, fires=False)
    at = np.interp(coarse.t_ms, fine.t_ms, fine.voltage_mV[:, 3])
    assert np.max(np.abs(coarse.voltage_mV[:, 3] - at)) < 0.01 * np.ptp(fine.voltage_mV[:, 3])
    ratio = coarse.routes_uM.sum() / fine.routes_uM.sum()
    assert ratio == pytest.approx(1.0, rel=0.01)


def test_an_expected_release_is_the_mean_of_drawn_ones_where_synapses_do_not_interact(specimen):
    pulse = dataclasses.replace(stim.test_pulse(), holding_mV=-65.0)
    chance = specimen.synapses.probability[:, None]
    mean = specimen.simulate(pulse, chance).ampa_nS
    one = specimen.simulate(pulse, np.ones_like(chance))
    # at a clamp every synapse is by itself: the expected conductance is linear in the chance
    each = (specimen.synapses.probability * specimen.synapses.ampa_scale).sum() / specimen.synapses.ampa_scale.sum()
    assert mean.max() == pytest.approx(one.ampa_nS.max() * each, rel=1e-6)


def test_ap5_takes_the_calcium_and_aniracetam_raises_it(specimen):
    burst = dataclasses.replace(stim.train(100.0, 4), duration_ms=200.0)
    releases = np.ones((20, 4))
    control = specimen.simulate(burst, releases).routes_uM.sum()
    assert specimen.simulate(burst, releases, drugs_in({"D-AP5": 50.0})).routes_uM.sum() < 0.2 * control
    assert specimen.simulate(burst, releases, drugs_in({"aniracetam": 1500.0})).routes_uM.sum() > 1.05 * control


def test_modulator_on_interneurons_can_be_switched_off(specimen):
    drug = Drugs({"aniracetam": 1500.0})
    on = specimen.respond(0.2, drug).interneuron_spikes.sum()
    off = specimen.respond(0.2, dataclasses.replace(drug, on_interneurons=False)).interneuron_spikes.sum()
    assert on > off


def test_a_drug_without_a_target_in_the_slice_is_refused():
    with pytest.raises(Exception, match="no effect known"):
        drugs_in({"caffeine": 100.0})


def test_slow_trains_are_shortened_and_fast_ones_are_not():
    short, repeats = shortened(stim.low_frequency())
    assert (len(short.pulses_ms), repeats) == (REPEATED_PULSES, 15)
    assert shortened(stim.tetanus(2))[1] == 1


def test_calcium_bins_keep_the_area():
    t = np.cumsum(np.random.default_rng(0).uniform(0.1, 3.0, 200))
    calcium = np.random.default_rng(1).uniform(0.0, 2.0, (200, 3))
    binned = bin_calcium(t, calcium, 5.0)
    widths = np.diff(np.minimum(np.arange(len(binned) + 1) * 5.0, t[-1]))
    area = (calcium * np.diff(t, prepend=0.0)[:, None]).sum(axis=0)
    assert (binned * widths[:, None]).sum(axis=0) == pytest.approx(area)


def test_leaky_integral_continues_where_it_stopped():
    calcium = np.random.default_rng(0).uniform(0.0, 2.0, (100, 2))
    whole = integrate_calcium(calcium, 0.07, 278.0)
    first = integrate_calcium(calcium[:40], 0.07, 278.0)
    second = integrate_calcium(calcium[40:], 0.07, 278.0, start=first[-1])
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-12)


def test_efficacy_follows_the_analytic_relaxation_and_settles_at_its_ends(preparation):
    rule = plasticity_rule(preparation.document)
    above = np.full((400, 1), 10.0)  # 2 s above both thresholds
    moved = move_efficacy(rule, above, np.array([1.0]), np.array([2.0]), np.array([0.0]))
    rate = (rule.potentiation_rate + rule.depression_rate) / rule.tau_s
    top = rule.potentiation_rate / (rule.potentiation_rate + rule.depression_rate)
    assert moved[0] == pytest.approx(top * (1.0 - np.exp(-2.0 * rate)), abs=0.01)
    ends = settle(rule, np.array([0.02, 0.45, 0.55, 0.98]), 60.0)
    np.testing.assert_allclose(ends, [0.0, 0.0, 1.0, 1.0], atol=1e-3)


def test_test_pulses_leave_the_efficacy_alone(preparation):
    specimen = preparation.draw(2)
    pulses = dataclasses.replace(stim.train(1.0 / 30.0, 20), strength=0.4)
    after, _ = specimen.learn(pulses, specimen.efficacy, rng=np.random.default_rng(0))
    np.testing.assert_allclose(settle(specimen.rule, after, 60.0), specimen.efficacy, atol=1e-3)


def test_thresholds_do_not_know_the_drug(preparation):
    specimen = preparation.draw(1)
    assert "drugs" not in {field.name for field in dataclasses.fields(specimen)}
    again = preparation.draw(1)
    np.testing.assert_array_equal(specimen.pre, again.pre)


def test_a_number_that_is_none_is_an_error_and_not_a_trace(specimen):
    broken = dataclasses.replace(
        specimen, synapses=dataclasses.replace(specimen.synapses, ampa_scale=np.full(20, np.inf))
    )
    with pytest.raises(NumericalError, match="not finite"):
        broken.respond(0.4)


def test_a_temperature_that_would_be_ignored_is_refused(preparation):
    warmer = Timetable("warmer", 5.0, 20.0, (TemperatureStep(34.0, 10.0),))
    with pytest.raises(UsageError, match="34 degC at 10 min"):
        preparation.run(warmer, slices=1)


def test_what_stands_outside_the_document_is_among_the_assumptions(preparation):
    told = " ".join(preparation.assumed)
    for word in ("cells per mm2", "population spike", "post-tetanic", "LTD branch", "one temperature"):
        assert word in told


def test_a_timetable_of_another_temperature_is_told(preparation):
    table = Timetable("short", 1.0, 2.0, (TemperatureStep(31.0, 0.0),), interval_s=30.0)
    other = dataclasses.replace(preparation, temperature_C=33.0)
    assert "runs at 33 degC; its timetable warms it to 31" in " ".join(other.run(table, slices=1).assumed)
    assert "its timetable warms" not in " ".join(preparation.run(table, slices=1).assumed)
