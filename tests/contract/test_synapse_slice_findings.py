"""Contract of the findings on synapses and slices: conditions said, roles declared, experiments that can be asked."""

import collections
from pathlib import Path

import pytest
import yaml

from potentiate.library.document import LIBRARY
from potentiate.library.finding import (
    Finding,
    NoExperiment,
    SliceExperiment,
    SynapseExperiment,
    find_finding,
    finding_ids,
)
from potentiate.library.scheme import scheme_ids
from potentiate.library.slice_arm import PairingDoc, SliceArmDoc, SpikeTimingDoc, TetanusDoc, ThetaDoc
from potentiate.library.synapse_arm import SynapseArmDoc, TrainDoc
from potentiate.units import parse

PLAN = yaml.safe_load((Path(__file__).parents[2] / "calibration" / "plan.yaml").read_text(encoding="utf-8"))
#: Findings 10 to 15 of the curator's list: the drug-free targets of plasticity.
TARGETS = {
    10: {"ltp-pairing-ca1", "ltp-pairing-ap5"},
    11: {"ltp-2x100hz-mouse"},
    12: {"ltp-tbs-mouse", "ltp-3tbs-mouse"},
    13: {"ltd-900x1hz-mouse", "ltd-young-mouse"},
    14: {"eltp-10min", "eltp-30min", "eltp-60min", "eltp-90min"},
    15: {"theta-200ms-over-2s", "theta-2s-little"},
}
COMPOUNDS = {path.stem for path in (LIBRARY / "compounds").glob("*.yaml")}
ALL = [find_finding(i) for i in finding_ids()]
LEVELS = [f for f in ALL if f.level in ("synapse", "slice")]
ON_SYNAPSE = [f for f in ALL if isinstance(f.experiment, SynapseExperiment)]
ON_SLICE = [f for f in ALL if isinstance(f.experiment, SliceExperiment)]
NO_DRUG = {"glutamatergic synapse", "synaptic plasticity"}
PREPARATIONS = {path.stem for path in (LIBRARY / "preparations").glob("*.yaml")}


def by_id(findings):
    return pytest.mark.parametrize("finding", findings, ids=lambda f: f.id)


def test_library_has_the_synapse_and_slice_findings():
    levels = collections.Counter(f.level for f in ALL)
    assert levels["synapse"] >= 30
    assert levels["slice"] >= 60
    assert len(ON_SYNAPSE) >= 30
    assert len(ON_SLICE) >= 40


@by_id(LEVELS)
def test_every_condition_is_said_or_said_to_be_unknown(finding):
    assert finding.conditions is not None
    for text in finding.conditions.model_dump().values():
        assert text.strip()


def test_at_most_half_of_the_drug_free_targets_set_the_model():
    used, targets = set(PLAN["ca1-slice"]["findings"]), set().union(*TARGETS.values())
    assert used <= targets
    assert {find_finding(i).role for i in used} == {"calibration"}
    assert all(find_finding(i).subject == "synaptic plasticity" for i in targets)
    assert len(used) <= len(targets) / 2
    assert sum(bool(ids & used) for ids in TARGETS.values()) <= len(TARGETS) / 2


def test_no_finding_with_a_drug_on_a_synapse_or_slice_is_a_calibration():
    for finding in ON_SYNAPSE + ON_SLICE:
        if finding.subject not in NO_DRUG:
            assert finding.role == "test"


@by_id(ON_SYNAPSE + ON_SLICE)
def test_compounds_are_on_record_and_numbers_have_units(finding):
    experiment = finding.experiment
    assert experiment.base_scheme in scheme_ids("AMPA")
    assert any("base scheme" in text for text in experiment.assumed), "say why this scheme"
    drugs = set()
    for arm in experiment.arms:
        drugs |= {arm.drug, arm.stands_for} - {None}
        assert arm.drug is None or arm.drug in COMPOUNDS
        assert set(arm.blockers) <= COMPOUNDS
        ions = [arm.calcium, arm.magnesium] if isinstance(arm, SynapseArmDoc) else []
        for text in [arm.concentration, *ions, *arm.blockers.values()]:
            assert text in (None, "saturating") or parse(text, "concentration") >= 0
    assert drugs == set() if finding.subject in NO_DRUG else finding.subject in drugs


@by_id([f for f in ON_SYNAPSE + ON_SLICE if f.concentration is not None])
def test_a_concentration_that_the_page_gives_is_the_one_asked(finding):
    asked = {arm.concentration for arm in finding.experiment.arms}
    stands = {arm.stands_for for arm in finding.experiment.arms} - {None}
    assert stands or finding.concentration in asked | {"varied"}


@by_id(ON_SYNAPSE)
def test_synapse_arms_name_a_preparation_and_readable_times(finding):
    for arm in finding.experiment.arms:
        assert arm.synapse in PREPARATIONS
        if isinstance(arm.stimulation, TrainDoc):
            assert parse(arm.stimulation.rate, "frequency") > 0
        elif arm.stimulation.kind == "paired_pulses":
            assert parse(arm.stimulation.interval, "time") > 0
        assert arm.clamp.holding is None or -100 <= parse(arm.clamp.holding, "voltage") <= 60


@by_id(ON_SLICE)
def test_slice_arms_name_a_preparation_and_readable_times(finding):
    for arm in finding.experiment.arms:
        assert arm.slice in PREPARATIONS
        times = [arm.baseline, arm.test_interval, arm.window, *[b.wait for b in arm.induction]]
        for text in times + ([arm.at] if arm.at else []):
            assert parse(text, "time") >= 0
        for given in arm.induction:
            if isinstance(given.bout, TetanusDoc):
                assert parse(given.bout.duration, "time") <= parse(given.bout.interval, "time")
            elif isinstance(given.bout, ThetaDoc):
                assert parse(given.bout.spacing, "time") > 0
            elif isinstance(given.bout, PairingDoc | SpikeTimingDoc):
                assert parse(given.bout.rate, "frequency") > 0
        if finding.effect.kind == "value" and finding.uncertainty.type == "SEM":
            assert arm.slices >= 12, "a mean is compared over at least 12 slices"


def test_every_mean_with_an_error_is_compared_in_standard_errors():
    for finding in ON_SLICE:
        if finding.uncertainty.type == "SEM":
            assert finding.experiment.tolerance.kind == "sem"
            assert finding.experiment.tolerance.value == 2


def test_table_1_of_source_003_is_there_and_its_citation_is_said_to_be_unresolvable():
    cells = [find_finding(i) for i in finding_ids() if i.startswith(("ani-guide3-amplitude", "ani-guide3-decay"))]
    assert {f.id for f in cells} >= {
        "ani-guide3-amplitude-before",
        "ani-guide3-amplitude-after",
        "ani-guide3-decay-before",
        "ani-guide3-decay-after",
    }
    for finding in cells:
        assert finding.design == "vendor"
        assert "cannot be resolved" in finding.caveat
    assert "ani-occluded-by-ltp" in find_finding("ani-guide3-amplitude-after").tension


# ---- what the schema refuses


def changed(name, **changes):
    data = find_finding(name).model_dump(mode="python", exclude_none=True)
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = data
        for key in parents:
            node = node[key]
        if value is ...:
            node.pop(last, None)
        else:
            node[last] = value
    return data


@pytest.mark.parametrize("name", ["ani-nm-depression", "ani-occluded-by-ltp", "ltp-tbs-mouse", "ani-calcium-null"])
def test_round_trip_is_valid(name):
    data = find_finding(name).model_dump(mode="json")
    assert Finding.model_validate(data) == find_finding(name)
    assert not isinstance(find_finding(name).experiment, NoExperiment)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ani-nm-depression", {"experiment__arm__stimulation": {"kind": "single"}}, "needs a train"),
        ("ani-nm-depression", {"experiment__arm__stimulation__pulses": 1}, "greater than or equal to 2"),
        ("ani-nm-depression", {"experiment__arm__pulse": 11}, "response of the train"),
        ("ani-nm-depression", {"experiment__arm__slice": "ca1-slice"}, "Extra"),
        ("ani-nm-depression", {"experiment__arm__blockers": {"aniracetam": "1 mM"}}, "drug and a blocker"),
        ("ani-nm-depression", {"experiment__arm__concentration": ...}, "needs a concentration"),
        ("spine-amplification", {"experiment__arm__clamp": {"mode": "voltage"}}, "free cell"),
        ("cx614-epsc-ec50", {"experiment__arm__of": ...}, "varied"),
        ("ani-occluded-by-ltp", {"experiment__arm__when": ...}, "needs `when`"),
        ("ani-occluded-by-ltp", {"experiment__arm__induction": []}, "needs an induction"),
        ("ltp-tbs-mouse", {"experiment__arm__at": ...}, "needs an induction and the time"),
        ("depotentiation-mouse", {"experiment__arm__induction": [{"bout": {"kind": "tetanus"}}]}, "two inductions"),
        ("second-burst-larger", {"experiment__arm__burst": ...}, "needs `burst`"),
        ("ltp-tbs-mouse", {"uncertainty": {"type": "none"}}, "standard error"),
        ("ltp-tbs-mouse", {"experiment__tolerance": {"kind": "z", "value": 2, "sem": 3}}, "belongs to"),
        ("ani-calcium-null", {"experiment__tolerance": {"kind": "absolute", "value": 1}}, "by a factor"),
        ("ani-calcium-null", {"effect": {"kind": "value", "value": 1, "unit": "fold"}}, "kind 'null'"),
        ("ani-calcium-null", {"experiment__preparation": "liquid"}, "patch"),
    ],
)
def test_schema_refuses(name, changes, message):
    with pytest.raises(ValueError, match=message):
        Finding.model_validate(changed(name, **changes))


def test_the_control_of_an_arm_has_no_drug():
    synapse = find_finding("ani-nm-epsc-cd").experiment.arm
    assert isinstance(synapse, SynapseArmDoc)
    assert synapse.without_drug().drug is None
    assert synapse.without_drug().blockers == synapse.blockers
    arm = find_finding("idra21-ltp").experiment.arm
    assert isinstance(arm, SliceArmDoc)
    assert arm.without_drug() == SliceArmDoc.model_validate(arm.without_drug().model_dump())
