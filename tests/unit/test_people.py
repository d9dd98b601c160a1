"""People: parsing, ratios of covariates, draws, mixtures, and what is said of the rest."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UnknownNameError, UsageError
from potentiate.exposure.covariates import blocked, multipliers, spread_ratio
from potentiate.exposure.expose import expose
from potentiate.exposure.individuals import assumed_of, choose_variant, deviations, draw
from potentiate.exposure.parameters import typical_numbers
from potentiate.exposure.people import TYPICAL, People, Stated
from potentiate.exposure.people_text import answers, parse_people
from potentiate.exposure.regimen import parse_regimen
from potentiate.library.disposition import Disposition, find_disposition


@pytest.fixture(scope="module")
def caffeine() -> Disposition:
    found = find_disposition("caffeine")
    assert found is not None
    return found


# ------------------------------------------------------------------------------------------------------ text
@pytest.mark.parametrize(
    ("text", "covariate", "level", "value"),
    [
        ("smoker", "smoking", "smoker", None),
        ("Non-Smoker", "smoking", "non-smoker", None),
        ("smoking=yes", "smoking", "smoker", None),
        ("smoking=no", "smoking", "non-smoker", None),
        ("oral-contraceptive", "oral-contraceptive", "oral contraceptive", None),
        ("takes=the pill", "oral-contraceptive", "oral contraceptive", None),
        ("pregnant=3rd", "pregnancy", "3rd trimester", None),
        ("pregnant", "pregnancy", "pregnant", None),
        ("age=70", "age", None, 70.0),
        ("70 y", "age", None, 70.0),
        ("crcl=50", "renal-function", None, 50.0),
        ("crcl = 50 mL/min", "renal-function", None, 50.0),
        ("weight=60kg", "weight", None, 60.0),
        ("60 kg", "weight", None, 60.0),
        ("weight=154 lb", "weight", None, 69.853),
        ("stopped=4 d", "stopped-smoking", None, 96.0),
        ("habitual=300mg", "habitual-caffeine", None, 300.0),
        ("liver=cirrhosis", "liver", "cirrhosis", None),
        ("stress=high", "stress", "acute stress", None),
    ],
)
def test_statements_are_read(text: str, covariate: str, level: str | None, value: float | None) -> None:
    (stated,) = parse_people(text).covariates
    assert (stated.covariate, stated.level) == (covariate, level)
    if value is not None:
        assert stated.value == pytest.approx(value, rel=1e-4)


def test_a_genotype_keeps_its_text() -> None:
    assert parse_people("genotype=CYP1A2*1F/*1F").covariates[0].text == "CYP1A2*1F/*1F"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age=-3", "out of range"),
        ("age=200", "out of range"),
        ("weight=900 kg", "out of range"),
        ("weight=0 kg", "out of range"),
        ("crcl=0", "out of range"),
        ("crcl=1e300", "out of range"),
        ("habitual=-1 mg", "out of range"),
        ("pregnant, man", "Contradictory"),
        ("sex=man; oral contraceptive", "Contradictory"),
        ("pregnant, oral contraceptive", "Contradictory"),
        ("smoker, stopped=2 d", "Contradictory"),
        ("age=70, age=80", "twice"),
        ("weight=60", "without a unit"),
        ("weight=60 parsecs", "parsecs"),
        ("age=old", "Cannot read"),
        ("age=nan", "Cannot read"),
        ("age", "without a value"),
        ("genotype=?", "Cannot read"),
        ("20% smoker", "of one person"),
        ("0% smoker", "share"),
        ("140% smoker", "share"),
        ("30% takes=warfarin", "share"),
    ],
)
def test_bad_people_are_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_people(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [("smokr", "smoker"), ("wieght=60 kg", "weight"), ("pregnant=4th", "name one of"), ("takes=warfarine", "warfarin"),
     ("has=thyroid desease", "yroid"), ("star sign=leo", "known are")],
)  # fmt: skip
def test_unknown_words_name_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        parse_people(text)
    assert near in str(error.value)


@given(st.text(max_size=40) | st.from_regex(r"[0-9.% a-z=*/-]{0,30}", fullmatch=True))
@settings(max_examples=40, deadline=None)
def test_no_text_crashes_the_reader(text: str) -> None:
    with contextlib.suppress(UsageError):  # anything else is a crash
        assert parse_people(text).n == 1


@pytest.mark.parametrize("bad", [{"n": 0}, {"n": -5}, {"n": 10**8}, {"seed": -1}])
def test_impossible_populations_are_refused(bad: dict) -> None:
    with pytest.raises(UsageError):
        People(**bad)
    with pytest.raises(UsageError):
        Stated("smoking", level="smoker", share=math.nan)


# ---------------------------------------------------------------------------------------------------- ratios
@pytest.mark.parametrize(
    ("text", "compound", "ratio"),
    [
        ("smoker", "caffeine", 1.65),
        ("oral-contraceptive", "caffeine", 0.60),
        ("pregnant", "caffeine", 0.41),
        ("pregnant=last month", "caffeine", 0.29),
        ("post-partum", "caffeine", 1.0),
        ("genotype=CYP1A2*1F/*1F", "caffeine", 1.0),
        ("age=70", "piracetam", 0.63),
        ("age=30", "piracetam", None),
        ("crcl=50", "piracetam", 0.5),
        ("crcl=39.9", "piracetam", 0.25),
        ("crcl=100", "piracetam", 1.0),
        ("age=70, crcl=50", "piracetam", 0.5),  # age acts through the kidneys: not applied twice
        ("smoker, oral contraceptive", "caffeine", 1.65 * 0.60),
        ("smoker", "piracetam", None),
        ("stress=high", "l-tyrosine", None),
        ("liver=cirrhosis", "caffeine", 0.64),
        ("woman", "modafinil", 0.89),
    ],
)
def test_clearance_ratios_are_those_of_the_documents(text: str, compound: str, ratio: float | None) -> None:
    found = multipliers(compound, parse_people(text))
    if ratio is None:
        assert found == {}
    else:
        assert list(found) == ["CL"]
        assert found["CL"] == pytest.approx(ratio)


def test_the_enzyme_returns_after_smoking() -> None:
    hours = [0.0, 38.6, 2 * 38.6, 300.0]
    ratio = [multipliers("caffeine", parse_people(f"stopped={h} h"))["CL"][0] for h in hours]
    assert ratio == pytest.approx([1.65, 1.325, 1.1625, 1.003], abs=1e-3)


def test_a_mixture_holds_its_share_exactly_and_by_seed() -> None:
    text = "20% smoker"
    ratio = multipliers("caffeine", parse_people(text, n=1000, seed=3))["CL"]
    assert (ratio == 1.65).sum() == 200
    assert set(ratio) == {1.0, 1.65}
    assert np.array_equal(ratio, multipliers("caffeine", parse_people(text, n=1000, seed=3))["CL"])
    assert not np.array_equal(ratio, multipliers("caffeine", parse_people(text, n=1000, seed=4))["CL"])


def test_a_mixture_over_levels_is_disjoint() -> None:
    people = parse_people("30% pregnant=3rd, 20% pregnant=last month", n=100)
    ratio = multipliers("caffeine", people)["CL"]
    assert [(ratio == r).sum() for r in (0.41, 0.29, 1.0)] == [30, 20, 50]
    with pytest.raises(UsageError, match="add up"):
        parse_people("70% pregnant=3rd, 50% pregnant=last month", n=100)


def test_a_range_of_ages_is_drawn_and_bands_apply_person_by_person() -> None:
    people = parse_people("age=40..80", n=500, seed=2)
    ages = people.values("age")
    ratio = multipliers("piracetam", people)["CL"]
    assert 40 <= ages.min() < 45
    assert 75 < ages.max() <= 80
    assert np.array_equal(ratio == 0.63, ages >= 65)


def test_where_no_clearance_is_known_the_exposure_is_not_given() -> None:
    reason = blocked("piracetam", parse_people("crcl=15"))
    assert reason is not None
    assert "contraindicated" in reason
    assert blocked("oxiracetam", parse_people("crcl=40")) is not None
    assert blocked("caffeine", parse_people("crcl=15")) is None
    assert blocked("piracetam", TYPICAL) is None


@given(st.sampled_from(["smoker", "oral contraceptive", "pregnant=1st", "liver=cirrhosis", "age=70", "stopped=30 h"]),
       st.integers(0, 50))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_ratios_are_positive_even_when_drawn_from_their_intervals(text: str, seed: int) -> None:
    people = parse_people(text, n=50, seed=seed, uncertainty=True)
    for compound in ("caffeine", "piracetam"):
        for values in multipliers(compound, people).values():
            assert values.shape == (50,)
            assert (values > 0).all()
            assert np.isfinite(values).all()


def test_an_interval_is_a_95_percent_interval() -> None:
    z = np.random.default_rng(1).standard_normal(20_000)
    drawn = spread_ratio(0.41, (0.28, 0.59), z)
    assert np.median(drawn) == pytest.approx(0.41, rel=0.02)
    assert np.percentile(drawn, [2.5, 97.5]) == pytest.approx([0.28, 0.59], rel=0.03)


# ----------------------------------------------------------------------------------------------------- draws
def test_one_typical_person_is_the_disposition(caffeine: Disposition) -> None:
    typical = typical_numbers(caffeine).numbers
    drawn = draw(caffeine)
    assert set(drawn.numbers) == set(typical)
    for name, value in drawn.numbers.items():
        assert value == pytest.approx(typical[name]), name
    # and people without variability are copies of him
    for name, value in draw(caffeine, People(n=3)).numbers.items():
        assert value == pytest.approx(np.full(3, typical[name][0])), name


def test_the_spread_is_that_of_the_source(caffeine: Disposition) -> None:
    people = parse_people(n=20_000, seed=5)
    drawn = draw(caffeine, people).numbers
    for name, number in caffeine.numbers():
        if number.omega2:
            logs = np.log(drawn[name])
            assert logs.mean() == pytest.approx(math.log(number.internal()), abs=0.03), name
            assert logs.var() == pytest.approx(number.omega2, rel=0.05), name
        elif name in drawn:
            assert np.ptp(drawn[name]) == 0, name
    independent = np.corrcoef(np.log(drawn["V"]), np.log(drawn["CL"]))[0, 1]
    assert abs(independent) < 0.03


def test_a_person_stays_himself_when_a_covariate_is_stated(caffeine: Disposition) -> None:
    plain = draw(caffeine, parse_people(n=50, seed=9)).numbers
    smoking = draw(caffeine, parse_people("smoker", n=50, seed=9)).numbers
    for name in ("CL", "CL:paraxanthine"):
        assert smoking[name] == pytest.approx(1.65 * plain[name])
    for name in ("V", "k12", "po.gut.ka", "paraxanthine.CL"):
        assert smoking[name] == pytest.approx(plain[name])


def test_the_variant_follows_the_habit(caffeine: Disposition) -> None:
    assert choose_variant(caffeine) is None
    assert choose_variant(caffeine, parse_people("abstinent")) == "abstinent"
    assert choose_variant(caffeine, parse_people("habitual=300 mg")) == "habitual"
    assert choose_variant(caffeine, parse_people("habitual=0 mg")) == "abstinent"
    assert choose_variant(caffeine, parse_people("habitual=300 mg, abstinent")) == "abstinent"
    assert choose_variant(caffeine, parse_people("abstinent"), "habitual") == "habitual"
    with pytest.raises(UsageError, match="mixture"):
        choose_variant(caffeine, parse_people("50% abstinent", n=10))
    assert draw(caffeine, parse_people("abstinent")).numbers["V"] == pytest.approx(31.2)


def test_numbers_given_by_hand_do_not_vary(caffeine: Disposition) -> None:
    drawn = draw(caffeine, parse_people("smoker", n=20), fix={"CL": 5.0})
    assert drawn.numbers["CL"] == pytest.approx(np.full(20, 5.0))
    assert np.ptp(drawn.numbers["CL:paraxanthine"]) > 0


def test_factors_of_interactions_are_multiplied_on(caffeine: Disposition) -> None:
    drawn = draw(caffeine, parse_people("smoker"), factors={"CL": np.array([0.41])})
    assert drawn.numbers["CL"] == pytest.approx(3.70 * 1.65 * 0.41)


def test_what_does_not_vary_is_listed(caffeine: Disposition) -> None:
    lines = assumed_of(caffeine, parse_people("smoker, liver=cirrhosis", n=10))
    assert any("no spread" in line and "po.gut.F" in line for line in lines)
    assert any("liver and smoking" in line and "no study of both" in line for line in lines)


def test_covariances_are_kept(caffeine: Disposition) -> None:
    omega = np.array([[0.269, 0.123], [0.123, 0.317]])  # zandvliet2005: volume and clearance
    drawn = deviations(caffeine, ["V", "CL"], omega, People(n=40_000, seed=2, variability=True))
    assert np.cov(drawn) == pytest.approx(omega, rel=0.05)
    diagonal = deviations(caffeine, ["V", "CL"], np.array([0.269, 0.317]), People(n=10, variability=True))
    full = deviations(caffeine, ["V", "CL"], np.diag([0.269, 0.317]), People(n=10, variability=True))
    assert full == pytest.approx(diagonal)
    with pytest.raises(UsageError, match="no distribution"):
        deviations(caffeine, ["V", "CL"], np.array([[0.1, 0.5], [0.5, 0.1]]), People(n=3, variability=True))


def test_a_covariance_of_a_disposition_is_drawn() -> None:
    number = {"unit": "L", "source": "zandvliet2005", "value": 76.2, "omega2": 0.269}
    document = {
        "id": "caffeine-human", "compound": "caffeine", "species": "human", "scale": "absolute", "apparent": True,
        "body_weight": {"value": 70, "unit": "kg", "status": "assumed", "reason": "a test"},
        "fu": {"unit": "1", "unknown": "a test"}, "kpuu": {"unit": "1", "unknown": "a test"},
        "variants": [{
            "name": "users", "text": "ten heroin users", "V": number,
            "CL": {"unit": "L/h", "source": "zandvliet2005", "value": 8.37, "omega2": 0.317},
            "covariances": [{"between": ["V", "CL"], "value": 0.123, "source": "zandvliet2005"}],
        }],
        "routes": {"iv": {"branches": [{"site": "vein"}]}},
    }  # fmt: skip
    drawn = draw(Disposition.model_validate(document), parse_people(n=40_000, seed=3)).numbers
    logs = np.log([drawn["V"], drawn["CL"]])
    assert np.cov(logs) == pytest.approx(np.array([[0.269, 0.123], [0.123, 0.317]]), rel=0.05)
    document["variants"][0]["covariances"][0]["between"] = ["V", "k12"]
    with pytest.raises(ValueError, match="no spread is given"):
        Disposition.model_validate(document)


# -------------------------------------------------------------------------------------------------- answers
def test_every_statement_is_answered_for_every_compound() -> None:
    people = parse_people("age=70, stress=high, genotype=COMT Val158Met")
    found = answers(people, ["caffeine", "theacrine", "l-tyrosine"])
    kinds = {(a.covariate, a.compound): a.kind for a in found}
    assert kinds["age", "theacrine"] == "no evidence"
    assert kinds["stress", "theacrine"] == "no evidence"
    assert kinds["genotype", "theacrine"] == "no evidence"
    assert kinds["stress", "l-tyrosine"] == "effect only"
    assert any(a.compound == "caffeine" and a.covariate == "age" and a.kind == "no difference" for a in found)
    assert all(a.text for a in found)
    genotypes = {
        text: [a.kind for a in answers(parse_people(f"genotype={text}"), ["caffeine"])]
        for text in ("CYP1A2*1F/*1F", "ADORA2A rs5751876", "COMT Val158Met")
    }
    assert genotypes == {
        "CYP1A2*1F/*1F": ["assumed"], "ADORA2A rs5751876": ["effect only"], "COMT Val158Met": ["no evidence"]
    }  # fmt: skip


def test_expose_answers_in_words_and_blocks_what_it_cannot_give() -> None:
    regimen = parse_regimen("piracetam 800 mg po 08:00; caffeine 80 mg po 08:00; theacrine 5 mg po 08:00")
    found = expose(regimen, parse_people("crcl=15, stress=high"), t_h=[8.0, 9.0])
    assert "contraindicated" in found.unknown["piracetam"]
    assert set(found.courses) >= {"caffeine", "theacrine"}
    assert any(n.startswith("creatinine clearance: no evidence for") and "theacrine" in n for n in found.notes)
    assert any(n.startswith("stress, caffeine: effect only") for n in found.notes)
    rat = expose(parse_regimen("caffeine 80 mg po 08:00"), parse_people("smoker"), species="rat")
    assert not any("smoking" in n for n in rat.notes)


def test_age_yields_to_the_kidneys() -> None:
    kinds = {a.covariate: a.kind for a in answers(parse_people("age=70, crcl=50"), ["piracetam"])}
    assert kinds == {"age": "not applied", "creatinine clearance": "ratio"}


def test_reference_statements_change_nothing_and_are_not_called_missing_evidence() -> None:
    (answer,) = answers(parse_people("smoking=no"), ["caffeine"])
    assert answer.kind == "reference"
