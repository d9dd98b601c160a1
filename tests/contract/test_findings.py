"""Contract of the findings: every document is valid, sourced, declared and asks an experiment that exists."""

import collections
from pathlib import Path

import pytest
import yaml

from potentiate.errors import DocumentError, UnknownNameError
from potentiate.library.document import LIBRARY
from potentiate.library.finding import (
    FINDINGS,
    ExperimentDoc,
    Finding,
    NoExperiment,
    PatchExperiment,
    find_finding,
    finding_ids,
    findings_of,
)
from potentiate.library.scheme import scheme_ids
from potentiate.units import parse

PLAN = yaml.safe_load((Path(__file__).parents[2] / "calibration" / "plan.yaml").read_text(encoding="utf-8"))
#: Drugs with a single number: no number is left to test them, so their other outputs are predictions.
ONLY_NUMBER = {"cx546"}
#: The drugs of the plan; what it declares of other models (a slice, a person) says which under `model`.
DRUGS = [name for name, doc in PLAN.items() if "model" not in doc]
MODELS = [name for name, doc in PLAN.items() if "model" in doc]
#: Subjects that are no compound.
NO_DRUG = {"AMPA receptor", "glutamatergic synapse", "synaptic plasticity"}
#: Units in which a value is compared, and what the unit table calls them.
UNITS = {"ms": "time", "s": "time", "uM": "concentration", "nM": "concentration", "mM": "concentration"}
PLAIN_UNITS = {"fold", "%", "ratio", "1/s", "1/ms", "1/(M s)"}

ALL = [find_finding(i) for i in finding_ids()]
SIMULABLE = [f for f in ALL if isinstance(f.experiment, ExperimentDoc)]
PATCH = [f for f in SIMULABLE if isinstance(f.experiment, PatchExperiment)]


def compound_ids():
    return {path.stem for path in (LIBRARY / "compounds").glob("*.yaml")}


def declared():
    return {name: doc["findings"] for name, doc in PLAN.items()}


def arms(finding):
    return finding.experiment.arms


def by_id(findings):
    return pytest.mark.parametrize("finding", findings, ids=lambda f: f.id)


def test_library_has_the_receptor_and_binding_findings():
    levels = collections.Counter(f.level for f in ALL)
    assert levels["receptor"] >= 100
    assert levels["binding"] >= 20
    assert len(SIMULABLE) >= 80


@by_id(ALL)
def test_folder_is_the_level(finding):
    assert (FINDINGS / finding.level / f"{finding.id}.yaml").is_file()


@by_id(ALL)
def test_source_and_reading_are_there(finding):
    assert finding.source.title
    assert finding.read.at
    assert 1 <= len(finding.read.quote.split()) <= 15
    assert not finding.read.at.startswith("/"), "a place on the web or in a source, not on a machine"


def test_reference_keys_exist():
    bibliography = (LIBRARY / "references.bib").read_text(encoding="utf-8")
    missing = {f.source.key for f in ALL if f.source.key and f"{{{f.source.key}," not in bibliography}
    assert not missing


@by_id(ALL)
def test_subject_is_a_compound_or_the_receptor(finding):
    if finding.subject not in NO_DRUG and compound_ids():
        assert finding.subject in compound_ids()


def test_roles_are_those_of_the_calibration_plan():
    planned = {i for ids in declared().values() for i in ids}
    assert {f.id for f in ALL if f.role == "calibration"} == planned


@pytest.mark.parametrize("drug", DRUGS)
def test_no_more_calibration_findings_than_free_numbers(drug):
    assert len(PLAN[drug]["findings"]) <= len(PLAN[drug]["free"])
    for name in PLAN[drug]["findings"]:
        assert find_finding(name).subject == drug.lower()
        assert isinstance(find_finding(name).experiment, ExperimentDoc), "a calibration needs its experiment"


@pytest.mark.parametrize("drug", DRUGS)
def test_half_of_the_numbers_of_a_drug_stay_tests(drug):
    asked = [f for f in findings_of(drug.lower()) if isinstance(f.experiment, ExperimentDoc)]
    numeric = [f for f in asked if f.effect.kind in ("value", "range")]
    tests = [f for f in numeric if f.role == "test"]
    if drug.lower() in ONLY_NUMBER:
        assert len(numeric) == 1, "more numbers are known now: remove the exception"
        return
    assert len(tests) >= len(numeric) / 2


@pytest.mark.parametrize("model", MODELS)
def test_a_model_keeps_findings_for_tests(model):
    plan = PLAN[model]
    assert len(plan["findings"]) <= len(plan["free"])
    for name in [*plan.get("scored", []), *plan.get("bounded_by", [])]:
        assert find_finding(name).role == "test"


@by_id(ALL)
@pytest.mark.parametrize("relation", ["tension", "same_data_as"])
def test_relations_are_symmetric(finding, relation):
    assert finding.id not in getattr(finding, relation)
    for other in getattr(finding, relation):
        if other in finding_ids():
            assert finding.id in getattr(find_finding(other), relation)


@by_id(ALL)
def test_reason_where_there_is_no_experiment(finding):
    if isinstance(finding.experiment, NoExperiment):
        assert finding.experiment.none.strip()
    elif finding.effect.kind in ("structure", "constant"):
        pytest.fail("structures and constants have no experiment")


@by_id(PATCH)
def test_experiment_can_be_asked_for(finding):
    experiment = finding.experiment
    # the built-in null of a drug at another receptor family is the one experiment off AMPA receptors
    assert experiment.base_scheme in scheme_ids("AMPA" if finding.id != "ani-nmda-null" else "NMDA")
    assert any("base scheme" in text for text in experiment.assumed), "say why this scheme"
    for arm in arms(finding):
        assert arm.agonist == "glutamate" or arm.agonist in compound_ids()
        assert arm.drug is None or arm.drug in compound_ids()
        for text in (arm.width, arm.interval, arm.rise):
            assert text is None or parse(text, "time") > 0
        for text in (arm.agonist_concentration, arm.concentration):
            assert text in (None, "saturating") or parse(text, "concentration") > 0
        if arm.measure in ("kon", "koff", "tau"):
            assert arm.protocol in ("block_onset", "wash_out")
    if finding.subject not in NO_DRUG:
        assert finding.subject in {arm.drug for arm in arms(finding)}
    else:
        assert all(arm.drug is None for arm in arms(finding))


@by_id(SIMULABLE)
def test_unit_fits_what_is_compared(finding):
    unit, experiment = finding.effect.unit, finding.experiment
    if finding.effect.kind not in ("value", "range"):
        return
    expected = {"ratio": {"fold"}, "inverse_ratio": {"fold"}, "difference_percent": {"%"}}
    if experiment.compare != "value":
        assert unit in expected[experiment.compare]
    elif unit in UNITS:
        assert parse(f"1 {unit}", UNITS[unit]) > 0
    else:
        assert unit in PLAIN_UNITS


def test_a_specific_receptor_is_a_control():
    for finding in SIMULABLE:
        assert not finding.experiment.specific or finding.subject in NO_DRUG or finding.id == "ani-nmda-null"


def test_unknown_finding_names_the_nearest():
    with pytest.raises(UnknownNameError, match="ani-closing"):
        find_finding("ani-closeing")


# ---- what the schema refuses


def changed(**changes):
    data = find_finding("cx614-deact-8p4").model_dump(mode="python", exclude_none=True)
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


def test_round_trip_is_valid():
    assert Finding.model_validate(changed()) == find_finding("cx614-deact-8p4")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"read__quote": "word " * 16}, "15 words"),
        ({"effect__value": ...}, "needs a value"),
        ({"effect__unit": ...}, "needs a unit"),
        ({"effect__value": float("nan")}, "finite"),
        ({"effect": {"kind": "range", "low": 3, "high": 2, "unit": "ms"}}, "low <= high"),
        ({"effect": {"kind": "direction", "direction": "none"}}, "increase or decrease"),
        ({"experiment__tolerance": {"kind": "sign"}}, "takes factor"),
        ({"experiment__tolerance": {"kind": "factor", "value": 0.9}}, "larger than 1"),
        ({"experiment__tolerance": {"kind": "factor"}}, "positive value"),
        ({"experiment__tolerance": {"kind": "z", "value": 2}}, "uncertainty"),
        ({"experiment__tolerance": {"kind": "order"}}, "larger arm"),
        ({"experiment__arm__concentration": ...}, "concentration"),
        ({"experiment__arm__drug": ..., "experiment__arm__concentration": ...}, "drug or a reference"),
        ({"experiment__arm__measure": "drug_ec50"}, "varied"),
        ({"experiment__arm__protocol": "no such"}, "deactivation"),
        ({"experiment__arm__extra": 1}, "Extra"),
        ({"uncertainty": ...}, "required"),
        ({"role": "fitted"}, "calibration"),
        ({"effect": {"kind": "null"}, "experiment__compare": "value"}, "absolute margin"),
        ({"effect": {"kind": "structure"}}, "no experiment"),
    ],
)
def test_schema_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        Finding.model_validate(changed(**changes))


def test_a_file_under_another_name_is_refused(tmp_path, monkeypatch):
    import potentiate.library.finding as room

    path = tmp_path / "other.yaml"
    path.write_text((FINDINGS / "receptor" / "cx614-deact-8p4.yaml").read_text(encoding="utf-8"))
    monkeypatch.setattr(room, "_paths", lambda: {"other": path})
    with pytest.raises(DocumentError, match=r"file is other\.yaml"):
        room.find_finding.__wrapped__("other")
