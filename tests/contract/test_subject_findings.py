"""Contract of the findings on exposure and people: asked of subjects that exist, or evidence that says why not."""

import collections
import csv
import math
from pathlib import Path

import pytest

from potentiate.errors import PotentiateError
from potentiate.evidence import subject_experiment
from potentiate.evidence.experiment import score_finding
from potentiate.exposure.people_text import parse_people
from potentiate.exposure.regimen import parse_regimen
from potentiate.library.compound import find_compound
from potentiate.library.disposition import find_disposition
from potentiate.library.document import LIBRARY
from potentiate.library.finding import (
    Finding,
    NoExperiment,
    SubjectExperiment,
    find_finding,
    finding_ids,
    findings_about,
    findings_of,
)
from potentiate.library.subject_arm import SubjectArmDoc

ALL = [find_finding(i) for i in finding_ids()]
ON_SUBJECT = [f for f in ALL if isinstance(f.experiment, SubjectExperiment)]
HUMAN = [f for f in ALL if f.human is not None]
STUDY = Path(__file__).parents[2] / "docs" / "studies" / "exposure.csv"
RECORDED = {row["finding"]: row for row in csv.DictReader(STUDY.read_text(encoding="utf-8").splitlines())}
COMPOUNDS = {path.stem for path in (LIBRARY / "compounds").glob("*.yaml")}
#: Claims that nothing may support, and the findings that answer them.
NEGATIVE_CONTROLS = {
    "imuracetam": ["imuracetam-none"],
    "lion's mane, acute": ["lm-acute-null", "lm-acute-trail-worse", "lm-acute-memory", "lm-acute-stroop"],
    "bacopa, acute": ["bacopa-acute-none"],
    "noopept and BDNF": ["noo-bdnf-human-none"],
    "choline with racetams": ["pir-choline-null"],
}


def by_id(findings):
    return pytest.mark.parametrize("finding", findings, ids=lambda f: f.id)


def test_library_has_the_findings_on_exposure_and_people():
    levels = collections.Counter(f.level for f in ALL)
    assert levels["pk"] >= 150
    assert levels["human"] >= 120
    assert len(ON_SUBJECT) >= 110
    assert len(HUMAN) >= 100


@by_id(ON_SUBJECT)
def test_arms_can_be_asked(finding):
    experiment = finding.experiment
    assert experiment.tolerance.reason
    for arm in experiment.arms:
        regimen = parse_regimen(arm.regimen)
        parse_people(arm.people, n=arm.count)
        taken = set(regimen.compounds)
        assert arm.analyte is None or arm.analyte in COMPOUNDS
        assert {finding.subject, *finding.partners} & taken, "what is taken is what the finding is about"
        assert arm.analyte is None or arm.analyte in taken | {finding.subject, *finding.partners}
        for text in (arm.at, *(arm.window or ())):
            assert text is None or subject_experiment._hours(text) >= 0


@by_id([f for f in ON_SUBJECT if f.effect.kind in ("value", "range")])
def test_unit_fits_the_measure(finding):
    unit, experiment = finding.effect.unit, finding.experiment
    if experiment.compare == "value":
        assert any(unit in units for units in subject_experiment.UNITS.values())
    else:
        assert unit == "fold"


@by_id(ON_SUBJECT)
def test_variants_are_those_of_the_disposition(finding):
    experiment = finding.experiment
    compound = subject_experiment.taken(experiment.arm)
    disposition = find_disposition(compound, experiment.arm.species)
    known = {v.name for v in disposition.variants} if disposition else set()
    assert set(experiment.variants) <= known
    assert {arm.variant for arm in experiment.arms} - {None} <= known


@by_id([f for f in ON_SUBJECT if f.experiment.no_test and "disposition" in f.experiment.no_test])
def test_a_number_that_the_disposition_is_said_to_hold_is_there(finding):
    experiment = finding.experiment
    compound = subject_experiment.taken(experiment.arm)
    disposition = find_disposition(compound, experiment.arm.species)
    sources = {n.source for v in disposition.variants for _, n in disposition.numbers(v.name)}
    assert finding.source.key in sources


@by_id(ON_SUBJECT)
def test_every_finding_is_scored_or_says_why_not(finding):
    verdict = score_finding(finding)
    if math.isfinite(verdict.model):
        assert verdict.verdict != "not simulable"
        assert verdict.score
    else:
        assert verdict.reason
    if finding.role == "calibration" or finding.experiment.no_test:
        assert verdict.verdict == "calibration"
    told = "calibration/studies/exposure_findings.py writes the table again"
    assert RECORDED[finding.id]["verdict"] == verdict.verdict, told


def test_the_study_has_every_finding_and_no_other():
    assert set(RECORDED) == {f.id for f in ON_SUBJECT}


@by_id([f for f in ALL if f.level in ("pk", "human")])
def test_partners_are_compounds(finding):
    assert set(finding.partners) <= COMPOUNDS - {finding.subject}


@by_id(HUMAN)
def test_human_evidence_is_a_row(finding):
    human = finding.human
    assert finding.level == "human"
    for text in (human.claim, human.population, human.indication, human.outcome, human.dose, human.comparator):
        assert text.strip()
    if finding.effect.kind == "registration":
        assert not human.found
    if human.result == "no benefit":
        assert finding.effect.kind in ("null", "structure")
    if human.result == "benefit":
        assert finding.effect.kind not in ("null", "registration")
    if finding.design == "vendor":
        assert human.result == "claimed"


@by_id([f for f in ALL if f.level == "human"])
def test_what_happened_in_a_trial_is_evidence_and_not_an_arm(finding):
    if not isinstance(finding.experiment, NoExperiment):
        assert finding.experiment.arm.measure in ("occupancy", "receptor_density", "pressor_response")


@pytest.mark.parametrize("claim", NEGATIVE_CONTROLS)
def test_negative_controls_have_no_supported_effect(claim):
    found = [find_finding(i) for i in NEGATIVE_CONTROLS[claim]]
    assert any(f.effect.kind == "null" for f in found)
    assert all(isinstance(f.experiment, NoExperiment) for f in found)
    for other in findings_about(found[0].subject):
        if other.human is not None and other.human.claim == (found[0].human.claim if found[0].human else None):
            assert other.human.certainty in ("very low", "low", "none")


def test_registered_trials_without_results_are_on_record():
    gaps = [f for f in HUMAN if f.human.result == "not posted"]
    assert len(gaps) >= 2
    assert all(f.human.registration for f in gaps)


def test_partners_find_the_finding():
    assert "mlib-caf-cl" in {f.id for f in findings_about("caffeine")}
    assert "mlib-caf-cl" not in {f.id for f in findings_of("caffeine")}
    assert {f.subject for f in findings_of("caffeine")} == {"caffeine"}


def test_absolute_concentrations_of_one_laboratory_stand_against_the_others():
    assert "caf-162-cmax" in find_finding("mlib-caf-cmax-absolute").tension
    assert "thea-t12-encyclopaedia" in find_finding("thea-t12").tension
    assert "caf-a1-ec50" in find_finding("caf-a1-cups-50").tension


# ---- reading


def arm(**changes):
    return SubjectArmDoc.model_validate({"regimen": "caffeine 100 mg po 08:00", "measure": "cmax"} | changes)


def test_clearance_is_dose_over_area_and_volume_follows():
    cl = subject_experiment.observe(arm(measure="cl", variant="habitual"), "L/h")
    assert cl.value == pytest.approx(6.33, rel=1e-3)
    per_kg = subject_experiment.observe(arm(measure="cl", variant="habitual"), "mL/min/kg")
    assert per_kg.value == pytest.approx(6.33 / 70 / 60 * 1000, rel=1e-3)
    half = subject_experiment.observe(arm(measure="half_life", variant="habitual"), "h")
    volume = subject_experiment.observe(arm(measure="v", variant="habitual"), "L")
    assert volume.value == pytest.approx(cl.value * half.value / math.log(2))


def test_times_count_from_the_first_dose():
    late = arm(regimen="caffeine 100 mg po day 2 20:00", measure="tmax", variant="habitual")
    assert subject_experiment.observe(late, "min").value == pytest.approx(43, abs=2)
    left = arm(measure="fraction_left", at="24 h", variant="habitual")
    assert 0 < subject_experiment.observe(left, "%").value < 5


def test_a_window_gives_part_of_the_area():
    whole = subject_experiment.observe(arm(measure="auc", variant="habitual"), "mg*h/L").value
    part = subject_experiment.observe(arm(measure="auc", variant="habitual", window=["0 h", "24 h"]), "mg*h/L").value
    assert 0.9 * whole < part < whole


def test_hours_above_a_threshold_in_both_units():
    mass = find_compound("caffeine").molar_mass
    one = subject_experiment.observe(arm(measure="time_above", threshold="1 mg/L", variant="habitual"), "h").value
    other = arm(measure="time_above", threshold=f"{1000 / mass} uM", variant="habitual")
    assert subject_experiment.observe(other, "h").value == pytest.approx(one)
    assert 3 < one < 9


def test_drawn_people_spread_and_the_typical_person_does_not():
    low, high = (arm(measure="half_life", variant="habitual", count=200, read=q) for q in ("q05", "q95"))
    assert subject_experiment.observe(low, "h").value < 5.1 < subject_experiment.observe(high, "h").value


@pytest.mark.parametrize(
    ("changes", "unit", "message"),
    [
        ({"regimen": "caffeine 100 mg po 08:00; caffeine 100 mg po 12:00", "measure": "cl"}, "L/h", "one dose"),
        ({}, "mmHg", "cannot be given"),
        ({"analyte": "piracetam"}, "mg/L", "not part"),
        ({"measure": "receptor_density", "target": "AMPA receptor"}, "%", "No adaptation"),
        ({"regimen": "caffeine 100 mg ip 08:00", "measure": "ka"}, "1/h", "No route"),
    ],
)
def test_what_cannot_be_read_is_refused(changes, unit, message):
    with pytest.raises(PotentiateError, match=message):
        subject_experiment.observe(arm(**changes), unit)


def test_a_shape_has_no_concentration():
    found = subject_experiment.observe(arm(regimen="cx717 1500 mg po 08:00"), "mg/L")
    assert not found.known
    assert "shape" in found.reason


def test_schema_refuses_a_ratio_without_a_reference():
    data = find_finding("caf-oc-cl").model_dump(mode="python", exclude_none=True)
    del data["experiment"]["reference"]
    with pytest.raises(ValueError, match="reference"):
        Finding.model_validate(data)


def test_a_finding_survives_its_own_document():
    for name in ("caf-oc-cl", "cx717-adhd-registered", "caf-t12-low"):
        assert Finding.model_validate(find_finding(name).model_dump(mode="json")) == find_finding(name)
