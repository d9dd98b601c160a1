"""From a regimen to concentrations: identities that hold for any numbers, and refusals."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from potentiate.errors import UnknownNameError, UsageError
from potentiate.exposure import expose as module
from potentiate.exposure.courses import Unknown, band
from potentiate.exposure.expose import expose
from potentiate.exposure.people import People
from potentiate.exposure.regimen import parse_regimen
from potentiate.library.disposition import Disposition


def number(value, unit, **more):
    return {"value": value, "unit": unit, "status": "assumed", "reason": "of this test", **more}


MADE_UP = {
    "id": "piracetam-human", "compound": "piracetam", "species": "human", "scale": "absolute",
    "body_weight": number(60.0, "kg"), "fu": number(1.0, "1"), "kpuu": {"unit": "1", "unknown": "of this test"},
    "variants": [{
        "name": "only", "text": "made up", "V": number(0.5, "L/kg"), "CL": number(50.0, "mL/min"),
        "formation": {"2-pyrrolidinone": number(1.0, "L/h")},
        "metabolites": {"2-pyrrolidinone": {"V": number(10.0, "L"), "CL": number(2.0, "L/h")}},
    }],
    "routes": {
        "iv": {"branches": [{"site": "vein"}]},
        "po": {"branches": [{"site": "gut", "F": number(40.0, "%"), "ka": number(1.5, "1/h"),
                             "tlag": number(15.0, "min"),
                             "first_pass": {"2-pyrrolidinone": number(0.5, "1")}}]},
        "buccal": {"branches": [
            {"site": "mouth", "fraction": {"unit": "1", "unknown": "nobody measured it", "interval": [0.0, 1.0]},
             "F": number(1.0, "1"), "ka": number(4.0, "1/h")},
            {"site": "gut", "F": number(0.4, "1"), "ka": number(1.5, "1/h"), "tlag": number(15.0, "min")}]},
    },
}  # fmt: skip
V, CL = 30.0, 50.0 * 0.06 + 1.0
MASS = 142.16


@pytest.fixture
def made_up(monkeypatch):
    """Put a made-up disposition in the place of the library's."""
    document = copy.deepcopy(MADE_UP)

    def find(compound, species):
        return Disposition.model_validate(document) if (compound, species) == ("piracetam", "human") else None

    monkeypatch.setattr(module, "find_disposition", find)
    return document


def run(text, **options):
    return expose(parse_regimen(text, "piracetam"), **options)


def test_bolus_against_the_closed_form(made_up):
    exposure = run("100 mg iv", t_h=np.linspace(0, 30, 301))
    expected = 100.0 / V * np.exp(-CL / V * exposure.t_h)
    np.testing.assert_allclose(
        exposure.courses["piracetam"].mg_per_L()[0], expected, rtol=2e-4
    )  # molar mass to 5 digits


def test_oral_dose_against_the_bateman_function(made_up):
    t = np.array([0.1, 0.25, 0.5, 1.0, 2.0, 7.0])
    k, since = CL / V, np.maximum(t - 0.25, 0)
    expected = 0.4 * 100.0 / V * 1.5 / (1.5 - k) * (np.exp(-k * since) - np.exp(-1.5 * since))
    np.testing.assert_allclose(
        run("100 mg po", t_h=t).courses["piracetam"].mg_per_L()[0], expected, rtol=2e-4, atol=1e-12
    )


def test_area_is_what_arrives_over_clearance(made_up):
    course = run("100 mg po; 50 mg iv over 2 h at 3 h").courses["piracetam"]
    assert course.auc_uM_h[0] * MASS * 1e-3 == pytest.approx((0.4 * 100 + 50) / CL, rel=2e-4)


def test_metabolite_is_formed_by_clearance_and_first_pass(made_up):
    course = run("100 mg po").courses["2-pyrrolidinone"]
    umol = 1e5 / MASS
    assert course.auc_uM_h[0] == pytest.approx(umol * (0.4 * 1.0 / CL + 0.6 * 0.5) / 2.0, rel=2e-4)


def test_infusion_reaches_its_plateau(made_up):
    exposure = run("1000 mg iv over 100 h", t_h=np.array([99.9]))
    assert exposure.courses["piracetam"].mg_per_L()[0, 0] == pytest.approx(10.0 / CL, rel=1e-3)


def test_steady_state_is_where_many_doses_lead(made_up):
    t = np.array([0.0, 1.0, 6.0])
    for_ever = run("100 mg po tid at steady state", t_h=t).courses["piracetam"]
    many = run("100 mg po tid x60", t_h=t + 59 * 8).courses["piracetam"]
    np.testing.assert_allclose(for_ever.uM, many.uM, rtol=1e-9)
    assert "no end" in for_ever.auc_uM_h.reason


def test_terminal_half_life(made_up):
    course = run("100 mg po").courses
    assert course["piracetam"].half_life_h[0] == pytest.approx(math.log(2) * V / CL)
    assert course["2-pyrrolidinone"].half_life_h[0] == pytest.approx(math.log(2) * max(V / CL, 5.0))


def test_dose_per_kg_uses_the_weight_and_says_so(made_up):
    exposure = run("5 mg/kg iv")
    assert exposure.courses["piracetam"].mg_per_L()[0, 0] == pytest.approx(300.0 / V, rel=2e-4)
    assert any("body_weight = 60 kg" in text for text in exposure.assumed)


def test_unknown_fraction_is_the_middle_of_its_interval_or_given(made_up):
    exposure = run("100 mg buccal")
    assert any("mouth.fraction is unknown" in text and "0.5" in text for text in exposure.assumed)
    areas = [
        run("100 mg buccal", fix={"piracetam:buccal.mouth.fraction": f}).courses["piracetam"].auc_uM_h[0]
        for f in (0.0, 1.0)
    ]
    assert areas[0] == pytest.approx(0.4 * areas[1])
    assert exposure.courses["piracetam"].auc_uM_h[0] == pytest.approx(np.mean(areas))


def test_relative_course_peaks_at_one(made_up):
    variant = made_up["variants"][0]
    for name in ("V", "CL", "formation", "metabolites"):
        del variant[name]
    made_up["scale"] = "relative"
    variant["half_life"] = number(5.0, "h")
    gut = {"site": "gut", "F": {"unit": "1", "unknown": "of this test"}, "ka": number(1.5, "1/h")}
    made_up["routes"] = {"po": {"branches": [gut]}}
    course = run("100 mg po; 50 mg po at 48 h").courses["piracetam"]
    assert course.relative
    assert course.reference_dose_mg == 100.0
    assert course.uM.max() == pytest.approx(1.0, rel=1e-4)
    assert isinstance(course.plasma_uM(), Unknown)
    assert isinstance(course.free_uM(), Unknown)


def test_metabolite_without_volume_is_unknown_with_the_reason(made_up):
    made_up["variants"][0]["metabolites"]["2-pyrrolidinone"]["V"] = {"unit": "L", "unknown": "no study"}
    exposure = run("100 mg po")
    assert exposure.courses["2-pyrrolidinone"].uM.reason == "no study"
    assert exposure.courses["piracetam"].uM.max() > 0


def test_unknown_brain_and_other_species(made_up):
    exposure = run("100 mg po")
    course = exposure.courses["piracetam"]
    np.testing.assert_allclose(course.free_uM(), course.plasma_uM())
    assert course.brain_uM().reason == "of this test"
    rat = run("100 mg po", species="rat")
    assert not rat.courses
    assert "rat" in rat.unknown["piracetam"] or rat.unknown["piracetam"]
    with pytest.raises(UsageError, match="unknown"):
        rat.course("piracetam")


def test_refusals(made_up):
    with pytest.raises(UsageError, match="No route 'gum'") as error:
        run("100 mg gum")
    assert "iv, po, buccal" in str(error.value)
    with pytest.raises(UnknownNameError, match="number of piracetam-human"):
        run("100 mg po", fix={"piracetam:po.gut.kaa": 1.0})
    with pytest.raises(UsageError, match="Unknown number"):
        run("100 mg po", fix={"caffeine:V": 1.0})
    with pytest.raises(UsageError, match="not a finite number"):
        run("100 mg po", fix={"piracetam:V": math.nan})
    made_up["routes"]["po"]["branches"][0]["ka"] = {"unit": "1/h", "unknown": "nobody looked"}
    with pytest.raises(UsageError, match=r"po\.gut\.ka of piracetam is unknown"):
        run("100 mg po")


def test_effect_site_follows_plasma_with_its_own_rate(made_up):
    t = np.linspace(0, 20, 201)
    course = run("100 mg iv", t_h=t, fix={"piracetam:ke0": 0.8}).courses["piracetam"]
    k = CL / V
    expected = course.uM[0, 0] * 0.8 / (0.8 - k) * (np.exp(-k * t) - np.exp(-0.8 * t))
    np.testing.assert_allclose(course.effect_uM[0], expected, rtol=1e-6, atol=1e-6)
    assert run("100 mg iv").courses["piracetam"].effect_uM.reason == "not on record"


def saturated(made_up, vmax, km, cl):
    variant = made_up["variants"][0]
    variant["saturation"] = {"Vmax": number(vmax, "mg/h"), "Km": number(km, "mg/L")}
    variant["CL"] = number(cl, "L/h")
    del variant["formation"], variant["metabolites"]
    del made_up["routes"]["po"]["branches"][0]["first_pass"]


def test_saturable_elimination_against_lambert_w(made_up):
    from scipy.special import lambertw

    saturated(made_up, 20.0, 2.0, 0.0)
    t = np.linspace(0, 12, 25)
    course = run("300 mg iv", t_h=t).courses["piracetam"]
    start, rate = 300.0 / V, 20.0 / V
    expected = 2.0 * lambertw(start / 2.0 * np.exp((start - rate * t) / 2.0)).real
    np.testing.assert_allclose(course.mg_per_L()[0], expected, rtol=3e-4)
    assert "saturable" in course.auc_uM_h.reason
    with pytest.raises(UsageError, match="Steady state"):
        run("300 mg po daily at steady state")


def test_saturable_elimination_far_below_km_is_linear(made_up):
    t = np.linspace(0, 40, 81)
    text = "10 mg po bid x2; 20 mg iv over 3 h at 5 h"
    saturated(made_up, 3e6, 1e6, 1.0)
    found = run(text, t_h=t).courses["piracetam"].uM
    del made_up["variants"][0]["saturation"]
    made_up["variants"][0]["CL"] = number(4.0, "L/h")
    np.testing.assert_allclose(found, run(text, t_h=t).courses["piracetam"].uM, rtol=2e-6, atol=1e-9)


def test_people_differ_as_reported_and_the_typical_one_lies_in_the_middle(made_up):
    made_up["variants"][0]["V"]["omega2"] = 0.09
    t = np.array([0.0, 5.0])
    many = run("100 mg iv", people=People(n=2000, seed=3, variability=True), t_h=t).courses["piracetam"].uM
    alone = run("100 mg iv", t_h=t).courses["piracetam"].uM
    assert np.std(np.log(many[:, 0])) == pytest.approx(0.3, rel=0.05)
    assert np.median(many[:, 0]) == pytest.approx(alone[0, 0], rel=0.03)
    again = run("100 mg iv", people=People(n=2000, seed=3, variability=True), t_h=t).courses["piracetam"].uM
    np.testing.assert_array_equal(many, again)


def test_bands_are_quantiles():
    values = np.random.default_rng(0).normal(size=(37, 11))
    np.testing.assert_allclose(band(values, (0.05, 0.5, 0.95)), np.quantile(values, (0.05, 0.5, 0.95), axis=0))


def test_interactions_within_what_their_study_leaves_open():
    regimen = parse_regimen("caffeine 80 mg po; methylliberine 25 mg po")
    area = {size: expose(regimen, interactions=size).courses["caffeine"].auc_uM_h[0] for size in ("low", "high", None)}
    assert area["low"] == pytest.approx(area[None] / 0.41)
    assert area["high"] == pytest.approx(area[None])
    typical = expose(regimen)
    assert any("0.41" in text for text in typical.assumed)
    assert area[None] < typical.courses["caffeine"].auc_uM_h[0] < area["low"]
