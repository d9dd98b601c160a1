"""Interactions: who meets whom, how grave, and what is applied to exposure."""

from __future__ import annotations

import numpy as np
import pytest

from potentiate.errors import UnknownNameError, UsageError
from potentiate.exposure.interaction import Applied, apply_interactions, find_interactions
from potentiate.exposure.people import TYPICAL, People
from potentiate.exposure.people_text import parse_people
from potentiate.exposure.regimen import parse_regimen
from potentiate.exposure.static_interaction import gut_activities
from potentiate.library.interaction import find_interaction


def ids(compounds: list[str], people: str = "", **options: bool) -> list[str]:
    return [i.id for i in find_interactions(compounds, parse_people(people), **options)]


def applied(regimen: str, people: str = "") -> Applied:
    return apply_interactions(parse_regimen(regimen).doses, parse_people(people))


@pytest.mark.parametrize(
    ("compounds", "people", "found"),
    [
        (["caffeine", "Dynamine"], "", ["methylliberine-caffeine"]),
        (["caffeine", "theacrine"], "", ["theacrine-caffeine"]),
        (["caffeine"], "", []),
        (["caffeine"], "oral-contraceptive", ["caffeine-oral-contraceptive"]),
        (["caffeine"], "takes=the pill", ["caffeine-oral-contraceptive"]),
        (["caffeine"], "pregnant=2nd", ["caffeine-pregnancy"]),
        (["caffeine"], "post-partum", []),
        (["caffeine"], "stopped=2 d", ["caffeine-stopping-smoking"]),
        (["5-HTP"], "takes=sertraline", ["5-htp-serotonergic-medicines"]),
        (["5-HTP"], "takes=tramadol", ["5-htp-serotonergic-medicines"]),
        (["5-HTP", "carbidopa"], "", ["5-htp-carbidopa"]),
        (["tyrosine"], "takes=MAOI", ["tyrosine-maoi"]),
        (["modafinil"], "oral contraceptive", ["modafinil-contraceptive"]),
        (["modafinil", "midazolam"], "", ["modafinil-cyp3a4"]),
        (["bacopa", "caffeine"], "", ["bacopa-cyp"]),
        (["bacopa"], "takes=phenytoin", ["bacopa-cyp"]),
        (["phenibut", "alcohol"], "", ["phenibut-depressants"]),
        (["piracetam", "alpha-gpc"], "age=60", ["alpha-gpc-stroke", "racetam-choline"]),
        (["piracetam"], "crcl=50", ["piracetam-renal-impairment"]),
        (["piracetam"], "crcl=90", []),
        (["vinpocetine"], "has=child-bearing potential", ["vinpocetine-pregnancy"]),
        (["ashwagandha"], "has=hyperthyroidism", ["ashwagandha-conditions"]),
        (["creatine", "noopept"], "", []),
    ],
)
def test_who_meets_whom(compounds: list[str], people: str, found: list[str]) -> None:
    assert sorted(ids(compounds, people)) == sorted(found)


def test_the_gravest_stands_first() -> None:
    found = find_interactions(["caffeine", "methylliberine", "theacrine", "alcohol", "phenibut"])
    assert [i.worst or i.grade for i in found] == sorted(i.worst or i.grade for i in found)
    assert found[0].grade == "A"
    assert all(i.evidence and i.mechanism and i.size and i.sources for i in found)
    assert "ratio" not in found[0].show()


def test_a_stated_covariate_makes_the_graver_grade_hold() -> None:
    (mild,) = find_interactions(["piracetam"], parse_people("crcl=50"))
    (grave,) = find_interactions(["piracetam"], parse_people("crcl=15"))
    assert (mild.grade, mild.worst) == ("B", "A")
    assert (grave.grade, grave.worst) == ("A", None)


def test_what_is_possible_names_the_missing_side() -> None:
    found = find_interactions(["modafinil"], possible=True)
    assert {i.id for i in found} == {
        "modafinil-contraceptive",
        "modafinil-cyp3a4",
        "modafinil-cyp2c19",
        "modafinil-warfarin",
    }
    assert ("hormonal-contraceptive",) in [side for i in found for side in i.missing]
    assert found[0].id == "modafinil-contraceptive"


def test_a_compound_does_not_meet_itself() -> None:
    # theophylline and caffeine are both substrates; one compound must not fill two sides
    assert "racetam-choline" not in ids(["piracetam", "aniracetam"])
    assert ids(["choline"]) == []


def test_unknown_names_carry_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="caffeine"):
        find_interactions(["cafeine"])


# --------------------------------------------------------------------------------------------------- exposure
def test_the_ratio_of_the_study_at_its_doses() -> None:
    found = applied("caffeine 150 mg po 08:00; methylliberine 100 mg po 08:00")
    (factor,) = found.factors
    assert (factor.compound, factor.parameter) == ("caffeine", "CL")
    assert (factor.low, factor.typical, factor.high) == (0.28, 0.41, 0.59)
    assert not factor.range_only
    assert found.of("caffeine")["CL"] == pytest.approx([0.41])
    assert found.of("methylliberine") == {}
    assert any("not changed by caffeine" in note for note in found.notes)


@pytest.mark.parametrize(
    "regimen",
    [
        "caffeine 80 mg po 08:00; methylliberine 25 mg po 08:00",  # the product of source 000
        "caffeine 150 mg po 08:00; methylliberine 300 mg po 08:00",
        "caffeine 150 mg po 08:00; methylliberine 100 mg po 12:00",
    ],
)
def test_elsewhere_a_range_to_no_effect(regimen: str) -> None:
    found = applied(regimen)
    (factor,) = found.factors
    assert factor.range_only
    assert (factor.low, factor.high) == (0.41, 1.0)
    assert factor.low < factor.typical < factor.high
    assert any("stands for the typical person" in line for line in found.assumed)
    assert found.of("caffeine", which="low")["CL"] == pytest.approx([0.41])
    assert found.of("caffeine", which="high")["CL"] == pytest.approx([1.0])


def test_doses_on_other_days_do_not_meet() -> None:
    found = applied("caffeine 150 mg po 08:00; methylliberine 100 mg po day 3 08:00")
    assert found.factors == ()
    assert any("48 h apart" in note for note in found.notes)


def test_directions_of_unknown_size_change_no_number() -> None:
    found = applied("caffeine 150 mg po 08:00; theacrine 125 mg po 08:00")
    assert found.factors == ()
    assert any("theacrine F increase, size unknown" in note for note in found.notes)
    assert any("caffeine CL is not changed by theacrine" in note for note in found.notes)


def test_a_covariate_is_not_applied_twice() -> None:
    found = applied("caffeine 150 mg po 08:00", "oral contraceptive")
    assert found.factors == ()
    assert any("applied as a covariate" in note for note in found.notes)


def test_carbidopa_splits_into_clearance_and_arrival_and_gives_back_the_ratio_of_auc() -> None:
    found = applied("5-htp 100 mg po 08:00; carbidopa 100 mg po 08:00")
    if not found.variants:  # without a variant measured with the partner
        factors = found.of("5-htp")
        assert factors["F"] / factors["CL"] == pytest.approx([15.4])
        assert 1 / factors["CL"] == pytest.approx([2.0])


def test_a_medicine_acts_at_the_dose_of_its_study() -> None:
    found = applied("caffeine 250 mg po 08:00", "takes=fluvoxamine")
    assert found.of("caffeine")["CL"] == pytest.approx([0.087])
    assert any("dose of fluvoxamine is not stated" in line for line in found.assumed)


def test_a_compound_may_be_taken_like_a_medicine() -> None:
    found = applied("caffeine 150 mg po 08:00", "takes=Dynamine")
    assert found.of("caffeine")["CL"] == pytest.approx([0.41])
    assert ids(["caffeine"], "takes=Dynamine") == ["methylliberine-caffeine"]


def test_nothing_of_people_is_applied_to_rats() -> None:
    doses = parse_regimen("caffeine 150 mg po 08:00; methylliberine 100 mg po 08:00").doses
    found = apply_interactions(doses, TYPICAL, "rat")
    assert found.factors == ()
    assert any("not applied to rat" in note for note in found.notes)


def test_factors_are_drawn_within_their_limits() -> None:
    people = People(n=5000, seed=4, variability=True, uncertainty=True)
    ranged = applied("caffeine 80 mg po 08:00; methylliberine 25 mg po 08:00").of("caffeine", people)["CL"]
    assert 0.41 <= ranged.min() < 0.42
    assert 0.99 < ranged.max() <= 1.0
    assert np.median(ranged) == pytest.approx(0.64, abs=0.02)
    study = applied("caffeine 150 mg po 08:00; methylliberine 100 mg po 08:00").of("caffeine", people)["CL"]
    assert np.percentile(study, [2.5, 50, 97.5]) == pytest.approx([0.28, 0.41, 0.59], rel=0.05)
    assert np.array_equal(
        study, applied("caffeine 150 mg po 08:00; methylliberine 100 mg po 08:00").of("caffeine", people)["CL"]
    )


# ----------------------------------------------------------------------------------------------- static model
def test_two_laboratories_disagree_on_bacopa() -> None:
    found = {(a.enzyme, a.source): a.activity for a in gut_activities(find_interaction("bacopa-cyp"))}
    for enzyme in ("CYP3A4", "CYP2C9", "CYP2C19"):
        assert found[enzyme, "bacopa-cyp2014"] < 0.1  # what its authors computed: less than 10 %
    assert found["CYP2C9", "bacopa-cyp2017"] == pytest.approx(1 / (1 + 600 / 184.7))
    assert found["CYP2C9", "bacopa-cyp2017"] > 10 * found["CYP2C9", "bacopa-cyp2014"]


def test_the_gut_wall_cannot_give_more_than_it_takes() -> None:
    for activity in gut_activities(find_interaction("bacopa-cyp")):
        assert activity.auc_ratio(1.0) == 1.0  # caffeine: all of it arrives
        assert 1.0 < activity.auc_ratio(0.5) < 2.0
    half = gut_activities(find_interaction("bacopa-cyp"), dose_mg=150)
    whole = gut_activities(find_interaction("bacopa-cyp"))
    assert all(h.activity > w.activity for h, w in zip(half, whole, strict=True))
    assert gut_activities(find_interaction("caffeine-pregnancy")) == []
    with pytest.raises(UsageError):
        gut_activities(find_interaction("bacopa-cyp"), dose_mg=0)
    with pytest.raises(UsageError):
        half[0].auc_ratio(0.0)
