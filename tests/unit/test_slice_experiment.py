"""Experiments of findings on slices: what an arm asks is what is simulated and read."""

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.evidence import slice_experiment as room
from potentiate.evidence.slice_run import stimulation_of
from potentiate.library.finding import find_finding
from potentiate.library.slice_arm import BoutDoc, SliceArmDoc

SLICE = {"slice": "ca1-slice", "slices": 1}
DRUG = {"drug": "aniracetam", "concentration": "1.5 mM", "when": "throughout"}
SCHEME = "Rodrigues2023"


def arm(measure, **changes):
    return SliceArmDoc.model_validate({**SLICE, "measure": measure, **changes})


def read(asked):
    return room.per_slice(asked, SCHEME)[0]


@pytest.mark.parametrize(
    ("bout", "pulses", "last_ms"),
    [
        ({"kind": "tetanus", "trains": 2}, 200, 20_990.0),
        ({"kind": "theta_burst", "bursts": 5}, 20, 830.0),
        ({"kind": "low_frequency"}, 900, 899_000.0),
        ({"kind": "pairing"}, 150, None),
        ({"kind": "stdp", "pairs": 3, "delta": "10 ms", "rate": "1 Hz"}, 3, 2000.0),
    ],
)
def test_a_document_is_the_bout_it_names(bout, pulses, last_ms):
    made = stimulation_of(BoutDoc.model_validate({"bout": bout}), 0.4)
    assert len(made.pulses_ms) == pulses
    assert last_ms is None or made.pulses_ms[-1] == pytest.approx(last_ms)
    assert (made.holding_mV is not None) == (bout["kind"] == "pairing")


def test_the_drug_enlarges_and_lengthens_the_field():
    for measure in ("fepsp_slope", "fepsp_amplitude", "fepsp_half_width", "feedforward_ipsp"):
        assert read(arm(measure, **DRUG)) > 1.05 * read(arm(measure)), measure


def test_blockers_take_the_field_away():
    plain = read(arm("fepsp_amplitude"))
    nmda = read(arm("fepsp_amplitude", blockers={"nbqx": "10 uM"}))
    assert nmda < 0.5 * plain
    assert read(arm("fepsp_amplitude", blockers={"nbqx": "10 uM", "d-ap5": "50 uM"})) < 0.1 * nmda


def test_more_fibres_more_field_and_more_volley():
    for measure in ("fepsp_amplitude", "volley"):
        assert read(arm(measure, strength=0.5)) > 1.5 * read(arm(measure, strength=0.25))
    assert read(arm("input_output_slope")) > 0


def test_another_scheme_has_the_same_quantum_and_so_a_field_of_the_same_order():
    ratio = room.per_slice(arm("fepsp_amplitude"), "Partin1996")[0] / read(arm("fepsp_amplitude"))
    assert 0.6 < ratio < 1.6


def test_what_is_read_after_ltp_is_larger_and_without_nmda_receptors_it_is_not():
    theta = [{"bout": {"kind": "theta_burst"}}]
    ltp = read(arm("ltp_percent", induction=theta, at="60 min"))
    blocked = read(arm("ltp_percent", induction=theta, at="60 min", blockers={"d-ap5": "50 uM"}))
    assert ltp > 5
    assert abs(blocked) < ltp / 2


def test_bursts_are_counted_from_the_first_train():
    theta = [{"bout": {"kind": "theta_burst"}}]
    first, second = (read(arm("burst_area", burst=k, induction=theta)) for k in (1, 2))
    assert first > 0
    assert second > 0
    assert first != second


def test_the_time_of_the_drug_effect_lies_in_the_response():
    assert 0 < read(arm("effect_time", **DRUG)) < 40


def test_a_drug_without_parameters_is_refused():
    with pytest.raises(UsageError, match="idra-21"):
        room.observe(arm("fepsp_slope", drug="idra-21", concentration="500 uM", when="throughout"), SCHEME, None)


def test_the_mean_says_how_many_slices_and_how_far_they_scatter():
    found = room.observe(arm("fepsp_amplitude", slices=2), SCHEME, None)
    assert found.value == pytest.approx(np.mean(room.per_slice(arm("fepsp_amplitude", slices=2), SCHEME)))
    assert found.notes[0].startswith("n = 2 of 2 slices, SD ")


def test_plasticity_is_asked_of_the_scheme_that_it_was_calibrated_with():
    finding = find_finding("ani-dg-ltp-facilitated")
    short = finding.experiment.arm.model_copy(update={"slices": 1})
    experiment = finding.experiment.model_copy(update={"arm": short})
    assert [s.scheme for s in room.samples(experiment, "fold")] == [SCHEME]
