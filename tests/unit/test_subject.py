"""Subjects: occupancy, tolerance and alertness of an exposure; what is unknown stays unknown; onset and window."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate import Subject, run
from potentiate.errors import UsageError
from potentiate.exposure.expose import expose
from potentiate.exposure.regimen import parse_regimen
from potentiate.preparations.onset import answer_over, onset_and_window
from potentiate.preparations.subject import claimed_effect
from potentiate.preparations.subject_alertness import alertness_of
from potentiate.preparations.subject_effects import (
    carry_over,
    concentration,
    modulation_of,
    occupancy_of,
    plain_exposure,
    pressor_of,
    tolerance_of,
)
from potentiate.protocols.sleep import SleepSchedule, nights, parse_sleep

T = np.arange(8.0, 32.0, 0.25)
EC50_UM = 13.0 / 194.19 * 1e3


@pytest.fixture(scope="module")
def morning():
    return expose(parse_regimen("caffeine 200 mg po 08:00"), t_h=np.arange(8.0, 56.0, 0.25))


def constant(**uM):
    return plain_exposure(T, **{k: np.full(T.shape, v) for k, v in uM.items()})


# ---- occupancy


def test_half_at_its_constant_and_more_with_paraxanthine():
    both = constant(caffeine=EC50_UM, paraxanthine=20.0)
    alone = occupancy_of(both, "a1-caffeine")
    assert alone.peak().value == pytest.approx(0.5)
    counted = occupancy_of(both, "a1-caffeine", count=["caffeine", "paraxanthine"])
    assert counted.peak().value > 0.55
    low, high = counted.peak().interval
    assert low < counted.peak().value < high
    assert occupancy_of(both, "adenosine A1 receptor").peak().value == alone.peak().value


def test_a_metabolite_that_is_not_followed_makes_a_lower_bound(morning):
    counted = occupancy_of(morning, "a1-caffeine", count="all")
    assert counted.peak().status == "one-sided"
    assert "theophylline" in " ".join(counted.notes)
    assert counted.peak().value > occupancy_of(morning, "a1-caffeine").peak().value


def test_people_give_a_band():
    people = plain_exposure(T, caffeine=np.vstack([np.full(T.shape, v) for v in (10.0, 20.0, 40.0)]))
    course = occupancy_of(people, "a1-caffeine")
    assert course.known().shape == (3, T.size)
    peak = course.peak()
    assert peak.interval[0] < peak.value < peak.interval[1]
    assert course.typical() == pytest.approx(np.full(T.shape, 20.0 / (20.0 + EC50_UM)))


def test_what_is_unknown_says_why():
    nothing = constant(l_theanine=30.0)
    assert "nothing of caffeine" in occupancy_of(nothing, "a1-caffeine").unknown
    brain = occupancy_of(nothing, "ampa-theanine")
    assert "brain" in brain.unknown
    assert brain.peak().status == "not determined"
    assert math.isnan(brain.at(10.0).value)
    with pytest.raises(UsageError, match="brain"):
        brain.known()


def test_theanine_hardly_competes_with_glutamate_and_is_only_bounded():
    course = occupancy_of(constant(l_theanine=50.0), "ampa-theanine", matrix="plasma")
    peak = course.peak()
    assert peak.status == "one-sided"
    # 50 uM against 1 mM glutamate that binds at least 80 times better
    assert peak.value == pytest.approx(50.0 / (80.0 * 1000.0), rel=1e-2)
    assert any("stands for" in text for text in course.assumed)
    assert occupancy_of(constant(l_theanine=50.0), "kainate-theanine", matrix="plasma").peak().value < 0.01
    assert occupancy_of(constant(l_theanine=50.0), "nmda-glycine-theanine", matrix="plasma").peak().value < 0.1


def test_a_count_of_strangers_is_refused():
    with pytest.raises(UsageError, match="No constant of modafinil"):
        occupancy_of(constant(caffeine=3.0), "a1-caffeine", count=["modafinil"])


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e4))
def test_occupancy_rises_with_concentration(a, b):
    low, high = sorted((a, b))
    first, second = (occupancy_of(constant(caffeine=c), "a1-caffeine").peak().value for c in (low, high))
    assert 0.0 <= first <= second < 1.0


def test_modulators_by_their_affinity():
    assert modulation_of(constant(aniracetam=500.0), "aniracetam", matrix="plasma").peak().value == pytest.approx(0.5)
    assert "brain" in modulation_of(constant(aniracetam=1.0), "aniracetam").unknown
    assert "affinity" in modulation_of(constant(cx516=1.0), "cx516", matrix="plasma").unknown
    assert "no action" in modulation_of(constant(cx717=1.0), "cx717", matrix="plasma").unknown
    assert "no action" in modulation_of(constant(n_anisoyl_gaba=40.0), "n-anisoyl-gaba", matrix="plasma").unknown


# ---- tolerance


def test_tolerance_by_endpoint(morning):
    left = tolerance_of(morning, "blood pressure")
    assert left.label == "calibration"
    assert np.all((left.known() <= 1.0) & (left.known() > 0.2))
    assert "rat" in tolerance_of(morning, "brain A1 receptors").unknown, "no number of another species is used"
    rat = plain_exposure(T, caffeine=np.full(T.shape, 50.0), species="rat")
    assert tolerance_of(rat, "brain A1 receptors").known() == pytest.approx(1.0)
    assert "human" in occupancy_of(rat, "a1-caffeine").unknown
    assert "size" in tolerance_of(morning, "alertness").unknown
    assert tolerance_of(morning, "platelet A2A receptors").known() == pytest.approx(1.0), "one dose does nothing"
    with pytest.raises(UsageError, match="hair"):
        tolerance_of(morning, "hair growth")


def test_a_tolerant_person_has_no_pressor_response_and_nobody_a_rebound(morning):
    naive, tolerant = pressor_of(morning), pressor_of(morning, start=1.0)
    assert tolerant.peak().value < 0.3 * naive.peak().value
    assert np.all(tolerant.known() >= 0.0)


def test_a_habit_carries_over():
    habit = expose(parse_regimen("caffeine 250 mg po 08:00 tid x14 days"), t_h=np.arange(8.0, 8.0 + 340.0, 0.5))
    day = expose(parse_regimen("caffeine 200 mg po 08:00"), t_h=np.arange(8.0, 32.0, 0.5))
    lost = carry_over(habit, "blood pressure")
    assert lost.shape == (1,)
    assert 0.9 < lost[0] <= 1.0
    assert pressor_of(day, start=lost).peak().value < 0.15 * pressor_of(day).peak().value
    more = carry_over(habit, "platelet A2A receptors")
    assert tolerance_of(day, "platelet A2A receptors", start=more).at(8.0).value > 1.2
    assert carry_over(plain_exposure(T, caffeine=T, species="rat"), "brain A1 receptors") == 0.0
    with pytest.raises(UsageError, match="unknown"):
        carry_over(constant(modafinil=3.0), "blood pressure")
    with pytest.raises(UsageError, match="size"):
        carry_over(habit, "alertness")


def test_tolerance_without_caffeine_is_unknown():
    assert "not part" in tolerance_of(constant(modafinil=3.0), "blood pressure").unknown


# ---- alertness


def test_caffeine_takes_lapses_away_and_sleep_is_not_tested(morning):
    found = alertness_of(morning, nights(2))
    asleep = ~found.awake
    assert np.isnan(found.free.known()[0, asleep]).all()
    assert np.nanmin(found.benefit.known()) >= 0.0
    assert np.nanmax(found.benefit.known()) > 0.1
    assert any("tolerance" in text for text in found.lapses.assumed)
    assert found.inertia[found.awake].max() > 0.5


def test_a_sleeper_has_no_lapses_to_read(morning):
    found = alertness_of(morning, nights(2)).lapses
    for observable in (found.at(27.0), found.mean(24.0, 30.0)):
        assert observable.status == "not determined"
        assert "asleep" in observable.reason
    with pytest.raises(UsageError, match="within"):
        found.at(500.0)
    with pytest.raises(UsageError, match="No time"):
        found.mean(500.0, 600.0)


def test_without_caffeine_nothing_changes():
    found = alertness_of(None, t_h=np.arange(7.0, 79.0, 0.5))
    assert found.lapses.known() == pytest.approx(found.free.known())
    other = alertness_of(constant(modafinil=5.0))
    assert other.benefit.known() == pytest.approx(0.0)


def test_alertness_past_the_exposure_is_unknown_under_caffeine_only(morning):
    found = alertness_of(morning, t_h=np.arange(8.0, 100.0))
    assert "later times" in found.lapses.unknown
    assert found.free.unknown is None


def test_short_sleepers_are_worse(morning):
    long, short = (np.nanmean(alertness_of(morning, sleep_hours=h).free.known()) for h in (8.0, 5.0))
    assert short > long + 1.0


def test_readings_of_the_factor(morning):
    with pytest.raises(UsageError, match="a2b"):
        alertness_of(morning, reading="a2b")
    late = alertness_of(morning, reading="a2a").benefit.at(20.0).value
    assert late > alertness_of(morning, reading="a1").benefit.at(20.0).value, "a saturated effect lasts longer"


@pytest.mark.parametrize(
    "call",
    [
        lambda: alertness_of(None),
        lambda: alertness_of(None, SleepSchedule(9.0), t_h=[8.0, 10.0]),
        lambda: alertness_of(plain_exposure(T, caffeine=T, species="rat")),
    ],
)
def test_alertness_needs_times_after_waking(call):
    with pytest.raises(UsageError):
        call()


# ---- schedules


def test_schedules_in_words():
    assert parse_sleep("23:00-07:00 x3") == nights(3)
    assert parse_sleep("awake from 06:30") == SleepSchedule(6.5)
    odd = parse_sleep("awake from 06:00; day 2 14:00-16:00; 23:00 to 05:00")
    assert odd.sleeps_h == ((23.0, 29.0), (38.0, 40.0))
    assert nights(1, bed_h=1.0, rise_h=8.0).sleeps_h == ((25.0, 32.0),)
    for bad in ("all day", "07:00-07:00", "25:00-26:99", "23:00-07:00; 22:00-23:30"):
        with pytest.raises(UsageError):
            parse_sleep(bad)


# ---- onset and window


@given(st.floats(0.5, 20.0), st.floats(0.1, 10.0), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_triangle_has_known_onset_and_window(width, height, onset_share, window_share):
    t = [0.0, width / 2.0, width]
    found = onset_and_window(t, [0.0, height, 0.0], onset_share=onset_share, window_share=window_share)
    assert found.onset.value == pytest.approx(onset_share * width / 2.0)
    assert found.window.value == pytest.approx((1.0 - window_share) * width)
    assert found.peak.value == pytest.approx(height)
    assert found.time_of_peak.value == pytest.approx(width / 2.0)


def test_two_doses_have_a_window_in_two_parts():
    found = onset_and_window([0, 1, 2, 3, 4, 5, 6], [0, 1, 0, 0, 0, 1, 0])
    assert found.window.value == pytest.approx(2.0)


def test_an_effect_that_lasts_is_bounded_on_one_side():
    found = onset_and_window([0, 1, 2], [0, 1, 1])
    assert found.window.status == "one-sided"
    assert found.window.interval[1] is None


def test_no_effect_has_no_onset():
    found = onset_and_window([0, 1, 2], [0, 0, 0])
    assert found.onset.status == "no response"
    assert math.isnan(found.window.value)


def test_people_and_what_came_before_the_dose():
    t = np.arange(0.0, 10.0, 0.1)
    rows = np.stack([np.where(t >= 2, np.exp(-((t - 4 - s) ** 2)), 1.0) for s in (0.0, 0.5, 1.0)])
    found = onset_and_window(t, rows, from_h=2.0)
    assert found.time_of_peak.value == pytest.approx(2.5, abs=0.06)
    assert found.onset.interval[0] < found.onset.value < found.onset.interval[1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: onset_and_window([0, 1], [0, 1], onset_share=1.0),
        lambda: onset_and_window([0, 1], [0, 1], from_h=5.0),
        lambda: onset_and_window([0, 1, 2], [0, 1]),
    ],
)
def test_bad_onsets(call):
    with pytest.raises(UsageError):
        call()


def test_an_answer_that_flips_is_not_determined():
    assert answer_over(lambda f: True).answer == "yes"
    assert answer_over(lambda f: False).answer == "no"
    flips = answer_over(lambda f: f >= 0.5, name="buccal fraction")
    assert flips.answer == "not determined"
    assert "flips" in flips.reason
    assert answer_over(lambda f: None if f > 0.7 else True).answer == "not determined"


# ---- the subject


def test_one_verb_runs_a_subject(morning):
    found = run(Subject(), nights(2), morning)
    assert set(found.occupancy) == {"a1-caffeine", "a2a-caffeine"}
    assert set(found.tolerance) == {"blood-pressure-tolerance", "platelet-a2a", "brain-a1", "alertness-tolerance"}
    assert found.alertness is not None
    assert any("stands for brain water" in text for text in found.assumed())
    courses = found.courses()
    assert "lapses" in courses
    assert all(c.unknown or c.known().shape[-1] == c.t_h.size for c in courses.values())


def test_a_subject_with_metabolites_and_a_modulator():
    both = constant(caffeine=20.0, paraxanthine=10.0, aniracetam=0.05)
    found = Subject(metabolites=True).run(None, both, matrix="plasma")
    assert found.modulation["aniracetam"].peak().value < 1e-3
    assert found.occupancy["a1-caffeine"].peak().value > 20.0 / (20.0 + EC50_UM)
    assert Subject().run(None, constant(l_theanine=3.0)).alertness is None


def test_an_animal_has_no_lapses_of_attention():
    found = Subject().run(None, plain_exposure(T, caffeine=T, species="rat"))
    assert found.alertness is None
    assert found.tolerance["brain-a1"].unknown is None


def test_a_subject_needs_an_exposure():
    with pytest.raises(UsageError, match="exposure"):
        Subject().run(None)
    assert "not part" in concentration(constant(caffeine=1.0), "modafinil", "plasma").reason


@pytest.mark.parametrize(
    ("compound", "effect"),
    [
        ("imuracetam", "memory"),
        ("lions-mane", "acute effect on cognition"),
        ("bacopa", "acute effect on cognition"),
        ("noopept", "BDNF"),
        ("alpha-gpc", "synergy of choline with a racetam"),
    ],
)
def test_negative_controls_have_no_supported_effect(compound, effect):
    assert claimed_effect(compound, effect).startswith("no supported effect")


def test_other_claims_are_not_affirmed():
    assert claimed_effect("rhodiola", "fatigue").startswith("unknown")
    assert "for its findings to say" in claimed_effect("caffeine", "vigilance")
    assert "AMPA" in claimed_effect("aniracetam", "faster EPSCs")
