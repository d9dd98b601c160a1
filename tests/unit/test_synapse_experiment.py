"""Experiments of findings on synapses, and the statements of source 003."""

import math

import pytest

from potentiate.evidence import source_003
from potentiate.evidence.experiment import samples, score_finding
from potentiate.evidence.synapse_experiment import bath_of, observe, prepared
from potentiate.library.ensemble import ensemble
from potentiate.library.finding import find_finding
from potentiate.library.synapse_arm import SynapseArmDoc

SPINE = {"synapse": "ca1-spine", "measure": "decay_weighted", "blockers": {"d-ap5": "50 uM"}}
CALYX = {"synapse": "nucleus-magnocellularis", "measure": "epsc_amplitude"}
DRUG = {"drug": "aniracetam", "concentration": "5 mM"}


def arm(base, **changes):
    return SynapseArmDoc.model_validate({**base, **changes})


def test_an_arm_sets_its_synapse():
    asked = arm(SPINE, calcium="4 mM", magnesium="2 mM", clamp={"mode": "voltage", "holding": "-60 mV"})
    synapse = prepared(asked, "Rodrigues2023")
    assert (synapse.calcium_mM, synapse.magnesium_mM, synapse.holding_mV) == (4.0, 2.0, -60.0)
    assert {r.family for r in synapse.receptors} == {"AMPA"}, "50 uM D-AP5 leaves next to nothing of the NMDA receptors"
    assert dict(bath_of(asked).drugs_uM) == {}


def test_a_weak_block_stays_in_the_bath():
    asked = arm(SPINE, blockers={"d-ap5": "1 uM"}, **DRUG)
    assert {r.family for r in prepared(asked, "Rodrigues2023").receptors} == {"AMPA", "NMDA"}
    assert dict(bath_of(asked).drugs_uM) == {"d-ap5": 1.0, "aniracetam": 5000.0}


def test_another_scheme_keeps_the_size_of_a_quantum():
    sizes = [observe(arm(SPINE, measure="epsc_amplitude"), s, None).value for s in ("Rodrigues2023", "Partin1996")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_a_preparation_that_is_not_there_is_a_reason():
    finding = find_finding("nm-ppr-p2")
    other = finding.experiment.arm.model_copy(update={"synapse": "nucleus-laminaris"})
    changed = finding.experiment.model_copy(update={"arm": other})
    verdict = score_finding(finding.model_copy(update={"experiment": changed}))
    assert verdict.verdict == "not simulable"
    assert "nucleus-laminaris" in verdict.reason


def test_the_drug_makes_responses_longer_and_larger():
    for measure, least in (("decay_weighted", 1.5), ("epsc_amplitude", 1.01), ("half_width", 1.2), ("charge", 1.5)):
        drug, control = (observe(arm(SPINE, measure=measure, **d), "Rodrigues2023", None) for d in (DRUG, {}))
        assert drug.value / control.value > least, measure


def test_the_pair_is_the_train_of_two():
    pair = arm(CALYX, measure="ppr", stimulation={"kind": "paired_pulses", "interval": "5 ms"})
    train = arm(CALYX, measure="train_ratio", stimulation={"kind": "train", "rate": "200 Hz", "pulses": 2})
    assert observe(pair, "RT1995", None).value == pytest.approx(observe(train, "RT1995", None).value, rel=0.02)


def test_a_pulse_of_a_train_can_be_read():
    train = {"kind": "train", "rate": "200 Hz", "pulses": 4}
    early, late = (
        observe(arm(CALYX, measure="train_ratio", stimulation=train, pulse=p), "RT1995", None).value for p in (2, None)
    )
    assert 0 < early < 1
    assert late != early


def test_low_release_relieves_depression():
    pair = {"measure": "ppr", "stimulation": {"kind": "paired_pulses", "interval": "5 ms"}}
    high = observe(arm(CALYX, **pair), "RT1995", None).value
    low = observe(arm(CALYX, **pair, blockers={"cadmium-ion": "20 uM"}), "RT1995", None).value
    assert low > 2 * high


def test_a_null_that_nothing_could_miss_is_no_test():
    verdict = score_finding(find_finding("ani-fepsp-nmda-null"))
    assert verdict.model == 1.0
    assert verdict.verdict == "calibration"


def test_a_finding_is_asked_of_the_whole_ensemble():
    found = samples(find_finding("ani-epsc-large"))
    assert {s.scheme for s in found} >= set(ensemble().schemes)
    assert all(math.isfinite(s.value) for s in found)


def test_a_wrong_published_direction_fails():
    finding = find_finding("ani-epsc-large")
    other = finding.model_copy(update={"effect": finding.effect.model_copy(update={"direction": "decrease"})})
    assert score_finding(finding).verdict == "pass"
    assert score_finding(other).verdict == "fail"


def test_open_share_lies_between_none_and_all():
    for measure in ("open_fraction", "nmda_open_fraction"):
        assert 0.01 < observe(arm(SPINE, measure=measure, blockers={}), "Rodrigues2023", None).value < 1


@pytest.fixture(scope="module")
def guide():
    return source_003.check_source_003()


def test_both_columns_and_both_rows_of_table_1_are_answered(guide):
    assert {(c.measure, c.column) for c in guide.cells} == {
        (m, c) for m in ("amplitude", "decay") for c in ("before", "after")
    }
    for cell in guide.cells:
        assert math.isfinite(cell.fold)
        assert (cell.route is None) == (cell.column == "before")


def test_a_statement_holds_exactly_where_the_numbers_say_so(guide):
    for cell in guide.cells:
        if cell.statement == "Potentiation by aniracetam is unaffected":
            assert (cell.holds == "yes") == (abs(cell.change) < source_003.UNAFFECTED)


def test_receptors_without_glua2_carry_more_calcium_and_the_drug_adds_to_it(guide):
    share = {(s.glua2, s.drug_uM > 0): s.share.value for s in guide.calcium}
    assert 0 < share[True, False] < share[False, False]
    assert share[True, False] < share[True, True]
    assert share[False, False] < share[False, True] < 1
    most = max(share[True, False], share[True, True])
    word = "borne out: AMPA" if most >= source_003.CONTRIBUTES else "not borne out"
    assert guide.calcium_verdict.startswith(word)


def test_the_comparison_is_text_and_plain_data(guide):
    assert len(source_003.lines(guide)) == len(guide.cells) + 2
    data = source_003.as_json(guide)
    assert data["calcium_verdict"] == guide.calcium_verdict
    assert data["table_1"][0]["change"] is None
