"""Experiments of findings and the battery of a compound."""

import dataclasses
import math

import pytest

from potentiate.errors import NoPharmacologyError, UsageError
from potentiate.evidence.battery import run_battery
from potentiate.evidence.experiment import samples, score_finding
from potentiate.evidence.patch_experiment import observe_arm
from potentiate.evidence.scoring import Sample
from potentiate.library.compound import find_compound
from potentiate.library.ensemble import ensemble
from potentiate.library.finding import ArmDoc, ExperimentDoc, find_finding, finding_ids
from potentiate.library.modulator import find_action
from potentiate.library.scheme import find_scheme
from potentiate.preparations import assays
from potentiate.preparations.patch import Patch


def test_imuracetam_is_refused():
    with pytest.raises(NoPharmacologyError, match="Imuracetam"):
        run_battery(find_compound("67542-41-0"))


def test_a_compound_without_a_battery_says_so():
    with pytest.raises(UsageError, match="battery"):
        run_battery(find_compound("creatine"))


def test_an_arm_is_the_assay_it_names():
    arm = ArmDoc(protocol="deactivation", measure="tau_deact")
    scheme = find_scheme("Partin1996")
    assert observe_arm(arm, scheme, None).value == assays.deactivation(Patch(scheme))["tau_deact"].value


def test_samples_cover_the_ensemble_and_the_variants():
    found = samples(find_finding("ani-deact-tau"))
    assert {s.scheme for s in found} >= set(ensemble().schemes)
    assert len({s.variant for s in found}) == len(find_action("aniracetam").variants)
    assert all(math.isfinite(s.value) for s in found)


def test_a_finding_about_one_receptor_uses_its_scheme_only():
    specific = [
        f
        for i in finding_ids()
        if isinstance((f := find_finding(i)).experiment, ExperimentDoc) and f.experiment.specific
    ]
    assert specific
    for finding in specific[:3]:
        assert {s.scheme for s in samples(finding)} == {finding.experiment.base_scheme}


def test_a_drug_without_parameters_is_not_simulable():
    verdict = score_finding(find_finding("dzx-glu-current-1mM"))
    assert verdict.verdict == "not simulable"
    assert "diazoxide" in verdict.reason


def test_findings_that_set_the_model_are_never_tests():
    for finding_id in ("ani-glu-current-1mM", "ani-nm-recovery-null", "ani-deact-vs-desens-order"):
        assert score_finding(find_finding(finding_id)).verdict == "calibration"


def test_a_miss_stays_visible():
    """The kainate null is missed by every variant; it must come out as a miss, not be hidden or reweighted."""
    verdict = score_finding(find_finding("ani-kainate-null"))
    assert verdict.verdict == "fail"
    assert verdict.model > 1.25


def test_a_wrong_model_fails():
    """The scorer is not a rubber stamp: turn the finding round and the same model fails."""
    finding = find_finding("ani-deact-tau")
    other = finding.model_copy(update={"effect": finding.effect.model_copy(update={"direction": "decrease"})})
    assert score_finding(finding).verdict == "pass"
    assert score_finding(other).verdict == "fail"


def test_slices_are_run_only_when_asked():
    battery = run_battery(find_compound("idra-21"))
    assert {f.id for f in battery.not_run} >= {"idra21-ltp", "idra21-feedforward-ipsp"}
    assert not battery.scored
    assert "idra21-mono-ipsp-null" in {f.id for f, _ in battery.silent}


def test_a_stand_in_is_near_at_most(monkeypatch):
    finding = find_finding("idra21-fepsp-amplitude")
    monkeypatch.setattr(
        "potentiate.evidence.slice_experiment.samples",
        lambda experiment, unit: [Sample(2.0, name) for name in ensemble().schemes],
    )
    verdict = score_finding(finding)
    assert verdict.verdict == "near"
    assert "aniracetam stands in for idra-21" in verdict.reason
    own = finding.experiment.arm.model_copy(update={"stands_for": None})
    other = finding.model_copy(update={"experiment": finding.experiment.model_copy(update={"arm": own})})
    assert score_finding(other).verdict == "pass"


def test_battery_of_a_small_compound():
    battery = run_battery(find_compound("cx516"))
    verdicts = {v.id: v for _, v in battery.scored}
    assert verdicts["cx516-deact-4fold"].verdict == "calibration"
    assert verdicts["cx516-25"].verdict in ("pass", "near", "fail")
    assert dataclasses.is_dataclass(battery)
    assert battery.study is not None
