"""From a regimen to numbers: the courses of caffeine in man, time above a level, what is unknown."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import NoPharmacologyError, UnknownNameError, UsageError
from potentiate.evidence.dose_study import DoseStudy, study_dose, time_above
from potentiate.exposure.people_text import parse_people
from potentiate.measures.noncompartmental import noncompartmental
from potentiate.measures.observable import Observable


@pytest.fixture(scope="module")
def caffeine() -> DoseStudy:
    return study_dose("200 mg po 08:00", "caffeine")


def of(study: DoseStudy, who: str, id: str, unit: str | None = None) -> Observable:
    return next(o for w, o in study.observables if w == who and o.id.startswith(id) and unit in (None, o.unit))


def test_the_numbers_of_a_dose_are_those_of_its_course(caffeine: DoseStudy) -> None:
    # our arithmetic from the parameters of Perera 2013 (not abstinent): 200 mg gives 4.17 mg/L at 0.72 h, 5.1 h
    assert of(caffeine, "caffeine", "Cmax", "mg/L").value == pytest.approx(4.17, rel=0.01)
    assert of(caffeine, "caffeine", "Tmax").value == pytest.approx(0.72, abs=0.02)
    assert of(caffeine, "caffeine", "half-life").value == pytest.approx(5.1, rel=0.01)
    assert of(caffeine, "caffeine", "AUC", "mg h/L").value == pytest.approx(200 / 6.33, rel=1e-6)
    assert of(caffeine, "paraxanthine", "Cmax", "mg/L").value == pytest.approx(1.34, rel=0.01)
    free = of(caffeine, "caffeine", "free Cmax").value
    assert free == pytest.approx(0.66 * of(caffeine, "caffeine", "Cmax", "uM").value)


def test_samples_of_the_course_say_the_same_as_the_model() -> None:
    """Non-compartmental analysis sees only the courses; area and half-life of the table come from the equations."""
    study = study_dose("200 mg po 08:00", "caffeine", hours=60)
    course = study.typical.courses["caffeine"]
    seen = noncompartmental(study.t_h, course.mg_per_L()[0], 200.0, dose_at_h=8.0)
    for id, unit, name in (("Cmax", "mg/L", "Cmax"), ("AUC", "mg h/L", "AUCinf"), ("half-life", "h", "half-life")):
        ours = of(study, "caffeine", id, unit).value
        assert seen[name].value == pytest.approx(ours, rel=2e-3), name
    assert seen["Tmax"].value == pytest.approx(of(study, "caffeine", "Tmax").value, abs=0.02)


def test_what_is_not_known_says_why(caffeine: DoseStudy) -> None:
    brain = of(caffeine, "caffeine", "brain")
    assert math.isnan(brain.value)
    assert "no ratio of brain" in str(brain.reason)
    assert of(caffeine, "caffeine", "trough").reason == "one dose has no trough"


def test_the_ruler_of_a_regimen_is_measured_from_its_own_peak(caffeine: DoseStudy) -> None:
    peak = of(caffeine, "caffeine", "Cmax", "uM").value
    assert of(caffeine, "caffeine", "gap_closest").value == pytest.approx(math.log10(13e3 / 194.19 / peak))


def test_time_above_ec20_of_plasma_occupancy(caffeine: DoseStudy) -> None:
    line = next(e for e in caffeine.effects if e.compound == "caffeine" and "A1" in str(e.mark.target))
    assert line.matrix == "plasma"
    assert line.ec50_uM == pytest.approx(13e3 / 194.19)
    above = caffeine.typical.courses["caffeine"].uM[0] > line.ec50_uM / 4
    found = of(caffeine, "caffeine", f"time above EC20, {line.short}").value
    assert found == pytest.approx(above.sum() / 60.0, abs=0.05)


def test_repeated_doses_have_a_trough_and_steady_state_no_end() -> None:
    daily = study_dose("100 mg po 08:00 daily x3", "caffeine")
    t, uM = daily.t_h, daily.typical.courses["caffeine"].uM[0]
    assert of(daily, "caffeine", "trough").value == pytest.approx(float(np.interp(56.0 - 1 / 12, t, uM)), rel=1e-3)
    steady = study_dose("100 mg po every 12 h at steady state", "caffeine")
    assert "no end" in str(of(steady, "caffeine", "AUC").reason)
    assert of(steady, "caffeine", "trough").known


def test_a_compound_without_pharmacokinetics_draws_nothing() -> None:
    found = study_dose("300 mg po", "bacopa")
    assert [a.typical_uM for a in found.analytes] == [None]
    assert found.analytes[0].unknown
    assert not found.effects
    assert found.rulers[0].marks


def test_another_species_never_borrows_numbers() -> None:
    found = study_dose("10 mg/kg po", "caffeine", species="rabbit")
    assert "rabbit" in str(found.analytes[0].unknown)
    with pytest.raises(UnknownNameError, match="species"):
        study_dose("10 mg po", "caffeine", species="rabit")


def test_people_differ_and_the_typical_one_stays() -> None:
    drawn = study_dose("200 mg po 08:00", "caffeine", parse_people("smoker", 200, seed=3), hours=12)
    alone = study_dose("200 mg po 08:00", "caffeine", parse_people("smoker"), hours=12)
    assert drawn.drawn == 200
    assert drawn.seed == 3
    for id, unit in (("Cmax", "mg/L"), ("AUC", "mg h/L"), ("half-life", "h")):
        many, one = of(drawn, "caffeine", id, unit), of(alone, "caffeine", id, unit)
        assert many.value == one.value
        assert one.interval is None
        assert many.interval is not None
        assert float(str(many.interval[0])) < many.value < float(str(many.interval[1]))
    # smoking multiplies clearance by 1.65 and nothing else
    assert of(alone, "caffeine", "AUC", "mg h/L").value == pytest.approx(200 / 6.33 / 1.65, rel=1e-3)
    mark = next(m for m in drawn.rulers[0].own("exposure") if m.standing == "simulated" and m.matrix == "plasma")
    assert mark.low_uM < of(drawn, "caffeine", "Cmax", "uM").value < mark.high_uM


def test_both_typical_persons_unless_one_is_named() -> None:
    names = {row.label.split(",")[0] for o in study_dose("200 mg po", "caffeine").occupancies for row in o.rows}
    assert {"habitual", "abstinent"} <= names
    for options in ({"variants": {"caffeine": "abstinent"}}, {"people": parse_people("habitual=0 mg/d")}):
        rows = study_dose("200 mg po", "caffeine", **options).occupancies[0].rows
        assert rows[0].typical.max() == pytest.approx(0.2125, abs=0.001)  # 3.51 / (3.51 + 13)
        assert {row.label for row in rows} == {"typical person", "with paraxanthine"}


def test_refusals() -> None:
    with pytest.raises(UsageError, match="people at"):
        study_dose("100 mg po", "caffeine", parse_people("", 1_000_000))
    with pytest.raises(NoPharmacologyError):
        study_dose("100 mg po", "imuracetam")
    with pytest.raises(UsageError, match="year"):
        study_dose("100 mg po", "caffeine", hours=1e6)
    with pytest.raises(UsageError, match="matrix"):
        study_dose("100 mg po", "caffeine", matrix="blood")
    with pytest.raises(UnknownNameError):
        study_dose("100 mg po", "caffeine", target="AMPA receptor")


@given(st.lists(st.floats(0.0, 10.0), min_size=2, max_size=20), st.floats(0.1, 9.9))
def test_time_above_is_a_part_of_the_time_and_falls_with_the_level(values: list[float], level: float) -> None:
    t = np.arange(len(values), dtype=float)
    low, high = (float(time_above(t, [values], x)[0]) for x in (level, level + 0.1))
    assert 0.0 <= high <= low + 1e-9
    assert low <= t[-1]
    fine = np.linspace(0, t[-1], 20001)
    assert low == pytest.approx(float(np.mean(np.interp(fine, t, values) > level) * t[-1]), abs=0.02 * t[-1])


def test_figure(caffeine: DoseStudy, tmp_path: Path) -> None:
    from potentiate.show.exposure_figure import exposure_figure

    figure = exposure_figure(caffeine, "caffeine")
    figure.savefig(tmp_path / "dose.svg")
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == [
        "Caffeine in plasma",
        "Paraxanthine in plasma (metabolite)",
    ]
    nothing = exposure_figure(study_dose("300 mg po", "bacopa"))
    assert len(nothing.axes) == 1  # the ruler; no axes for a curve that nobody knows
    assert any("unknown, no curve" in t.get_text() for t in nothing.texts)
