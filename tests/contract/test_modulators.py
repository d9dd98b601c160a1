"""What every modulator document must satisfy, and that its numbers come from where it says."""

import math
import sys
from pathlib import Path

import pytest
import yaml

from potentiate.errors import UsageError
from potentiate.exposure.bath import Bath
from potentiate.library.compound import find_compound
from potentiate.library.finding import find_finding
from potentiate.library.modulator import find_action, modulator_ids
from potentiate.library.scheme import find_scheme
from potentiate.preparations import assays
from potentiate.preparations.patch import Patch

ROOT = Path(__file__).parents[2]
PLAN = yaml.safe_load((ROOT / "calibration" / "plan.yaml").read_text())
BY_ID = {name.lower(): entry for name, entry in PLAN.items() if "model" not in entry}


@pytest.mark.parametrize("drug", modulator_ids())
def test_belongs_to_a_compound(drug):
    assert find_compound(drug).id == drug


@pytest.mark.parametrize("drug", modulator_ids())
def test_every_number_says_where_it_comes_from(drug):
    doc = find_action(drug).document
    numbers = [n for n in (doc.kd, doc.koff, doc.affinity, doc.efficacy, *doc.provenance.values()) if n]
    assert numbers
    for n in numbers:
        assert n.source or n.reason
        if n.status == "calibrated":
            assert n.prior is not None
            assert n.interval is not None
            assert n.word is not None
            assert n.prior[0] <= n.interval[0] <= n.interval[1] <= n.prior[1]


@pytest.mark.parametrize("drug", sorted(BY_ID))
def test_calibrated_on_what_was_declared(drug):
    doc = find_action(drug).document
    assert doc.calibrated_on == BY_ID[drug]["findings"]
    assert len(doc.calibrated_on) <= len(BY_ID[drug]["free"])
    assert set(doc.bounded_by) <= set(BY_ID[drug].get("bounded_by", []))
    calibrated = {n.source.split(":")[0] for n in [*doc.provenance.values(), doc.kd] if n and n.status == "calibrated"}
    assert calibrated <= set(doc.calibrated_on)


@pytest.mark.parametrize("drug", [d for d in modulator_ids() if find_action(d).document.calibrated_on == []])
def test_nothing_is_calibrated_without_a_plan(drug):
    doc = find_action(drug).document
    assert not [n for n in doc.provenance.values() if n.status == "calibrated"]


def test_a_drug_of_unknown_affinity_has_no_potency():
    for drug in ("cx516", "cx546"):
        action = find_action(drug)
        assert action.saturating_only
        with pytest.raises(UsageError, match="affinity of"):
            action.concentration_uM("100 uM")


def calibration():
    sys.path.insert(0, str(ROOT / "calibration"))
    try:
        import modulators
    finally:
        sys.path.pop(0)
    return modulators


def test_the_flop_number_of_cyclothiazide_is_reproduced():
    """One calibrated number, solved again from its finding: the script and the document agree."""
    doc = find_action("cyclothiazide").document
    weight = doc.provenance["desensitized_weight_flop"].value
    scheme = find_scheme("RH2003_GluA1_balanced")
    patch = Patch(find_action("cyclothiazide").apply(scheme, "flop"))
    ratio = (
        assays.desensitization(patch, Bath({"cyclothiazide": 100.0}))["tau_des"].value
        / assays.desensitization(Patch(scheme))["tau_des"].value
    )
    assert ratio == pytest.approx(find_finding("ctz-flop-50fold").effect.value, rel=0.02)
    assert 1e-4 < weight < 0.1


def test_cx516_slows_deactivation_four_fold_in_the_median_scheme():
    action = find_action("cx516")
    low, high = action.document.provenance["open_weight"].interval
    assert low < action.document.provenance["open_weight"].value < high
    ratios = []
    for name in ("RT1992", "Partin1996", "Rodrigues2023", "RH2003_GluA4", "Momiyama2003"):
        scheme = find_scheme(name)
        bath = Bath({"cx516": action.concentration_uM("saturating")})
        ratios.append(
            assays.deactivation(Patch(action.apply(scheme)), bath)["tau_deact"].value
            / assays.deactivation(Patch(scheme))["tau_deact"].value
        )
    assert sorted(ratios)[2] == pytest.approx(4.0, rel=0.1)


def test_a_finding_that_is_not_declared_cannot_be_fitted():
    with pytest.raises(SystemExit, match="not declared"):
        calibration().target("ani-nm-recovery-null")


def test_solving_at_a_bound_is_said():
    solve = calibration().solve
    assert solve(lambda x: x, 100.0, (0.1, 10.0)) == (10.0, "at upper bound")
    value, where = solve(lambda x: x, 2.0, (0.1, 10.0))
    assert where == "inside"
    assert value == pytest.approx(2.0, rel=1e-2)


def test_word_of_a_spread():
    word = calibration().word
    assert word([0.05, 1.0], (0.05, 1.0)) == "not determined"
    assert word([0.05, 0.5], (0.05, 1.0)) == "one-sided"
    assert word([0.2, 0.5], (0.05, 1.0)) == "determined"


def test_aniracetam_keeps_the_published_numbers():
    modulator = find_action("aniracetam").modulator("one site")
    assert (modulator.sites, modulator.kd_uM, modulator.koff_per_ms) == (1, 500.0, 5.0)
    assert modulator.weight("open", 1) == 6.0
    reference = find_action("aniracetam").modulator()
    assert reference.weight("open", 2) == 6.0
    assert math.isclose(reference.weight("desensitized", 1), 1.0)
