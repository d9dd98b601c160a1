"""Reviews of stacks: parts as typed, systems, rules, limits, promises answered by records and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import NoPharmacologyError, UnknownNameError, UsageError
from potentiate.evidence.approach_table import approach_table, by_indication
from potentiate.evidence.human_record import as_records, human_records
from potentiate.evidence.stack_limits import Factor, check_limits
from potentiate.evidence.stack_parts import read_stack
from potentiate.evidence.stack_promises import answer
from potentiate.evidence.stack_review import review_stack
from potentiate.evidence.stack_rules import applied_rules
from potentiate.evidence.stack_systems import actions_by_system, meetings
from potentiate.evidence.stack_timeline import follow_parts
from potentiate.evidence.stack_windows import Window
from potentiate.exposure.people_text import parse_people
from potentiate.library.compound import find_compound
from potentiate.library.finding import find_finding
from potentiate.library.record import word_of
from potentiate.library.stack import OnsetPromise, WindowPromise, stack_ids
from potentiate.library.system import System


@pytest.fixture(scope="module")
def roon():
    return review_stack("roon")


def compounds(*names):
    return [find_compound(n) for n in names]


class TestParts:
    def test_names_without_doses(self):
        asked = read_stack("modafinil; l-theanine + α GPC + creatine")
        assert asked.ids == ("modafinil", "l-theanine", "alpha-gpc", "creatine")
        assert asked.regimen is None
        assert all(p.unknown == "no dose was given" for p in asked.parts)

    def test_the_parts_of_a_stack_on_record_are_that_stack(self):
        asked = read_stack("Aniracetam + Alpha-GPC")
        assert (asked.name, asked.source) == ("Aniracetam + Alpha-GPC", "source-002")
        assert asked.notes[0] == "Aniracetam + Alpha-GPC is the stack aniracetam-alpha-gpc of source-002"

    def test_doses_and_names_together(self):
        asked = read_stack("caffeine 80 mg po 08:00; l-theanine; 5-HTP 100 mg po 09:00")
        assert [len(p.doses) for p in asked.parts] == [1, 0, 1]
        assert asked.regimen is not None
        assert asked.regimen.compounds == ("caffeine", "5-htp")

    def test_the_same_part_twice_is_one_and_said(self):
        asked = read_stack("caffeine 80 mg po 08:00; caffeine 40 mg po 10:00; Caffeine; l-theanine")
        assert asked.ids == ("caffeine", "l-theanine")
        assert len(asked.parts[0].doses) == 2
        assert asked.parts[0].day_mg() == 120
        assert "named 3 times" in asked.notes[0]

    def test_a_missing_time_is_an_assumption(self):
        asked = read_stack("caffeine 80 mg po 08:00; l-theanine 60 mg po; bacopa")
        assert asked.assumed == (
            "l-theanine 60 mg po: no time was given, so it is taken with the part before, or at 00:00",
        )
        assert {d.time_h for p in asked.parts for d in p.doses} == {8.0}

    def test_a_product_within_a_stack_is_its_parts(self):
        asked = read_stack("caffeine-theanine; bacopa")
        assert asked.ids == ("caffeine", "l-theanine", "bacopa")
        assert "mixture" in asked.notes[0]

    def test_more_than_five_parts_are_fine(self):
        names = "caffeine; l-theanine; bacopa; rhodiola; creatine; uridine; citicoline; 5-htp"
        assert len(read_stack(names).parts) == 8

    def test_daily_doses(self):
        asked = read_stack("caffeine 100 mg po 08:00 bid x4; bacopa 300 mg po daily x7")
        assert [p.day_mg() for p in asked.parts] == [200, 300]
        steady = read_stack("caffeine 100 mg po 08:00 every 8 h at steady state; bacopa")
        assert steady.parts[0].day_mg() == pytest.approx(300)

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("", UsageError, "empty"),
            (" ; ", UsageError, "empty"),
            ("caffiene", UnknownNameError, "caffeine"),
            ("5-htpp; caffeine", UnknownNameError, "5-htp"),
            ("focus-productivty", UnknownNameError, "focus-productivity"),
            ("caffeine; imuracetam", NoPharmacologyError, "aniracetam"),
            ("67542-41-0", NoPharmacologyError, "no paper"),
            ("Thesis", NoPharmacologyError, "no composition"),
            ("caffeine 80 po", UsageError, "No unit"),
            ("caffeine 80 mg", UsageError, "No route"),
            ("caffeine -80 mg po", UsageError, "more than nothing"),
            ("caffeine 80 mg po daily", UsageError, "no end"),
            ("caffeine 80 mg po 25:00", UsageError, "no time of day"),
            ("racetams; caffeine", UsageError, "class"),
            ("racetams 5 mg po", UsageError, "class"),
            ("roon 2 mg po", UsageError, "product"),
        ],
    )
    def test_bad_input(self, text, error, message):
        with pytest.raises(error, match=message):
            read_stack(text)


class TestSystems:
    def test_a_blocked_transporter_raises_its_transmitter(self):
        found = [a for a in actions_by_system(find_compound("modafinil")) if a.system is System.DOPAMINE]
        assert [(a.direction, a.action.direction) for a in found] == [("increase", "decrease")]
        assert "51.4" in found[0].strength()

    def test_adenosine_falls_under_an_antagonist(self):
        caffeine = {a.system: a.direction for a in actions_by_system(find_compound("caffeine"))}
        assert caffeine[System.ADENOSINE] == "decrease"

    def test_doubling_and_opposing(self):
        found = meetings(compounds("l-tyrosine", "uridine", "modafinil", "l-theanine"))
        doubled = {m.what: m for m in found if not m.opposing}
        assert {c for c, _, _ in doubled["dopamine"].actions} >= {"l-tyrosine", "uridine", "modafinil"}
        assert doubled["dopamine"].on_record
        opposed = {m.what: m for m in found if m.opposing}
        assert not opposed["GABA system"].on_record, "one side is a claim"

    def test_one_compound_meets_nobody(self):
        assert meetings(compounds("caffeine")) == []
        assert meetings(compounds("creatine", "caffeine")) == []


class TestRules:
    def by_id(self, names, asked_for=()):
        return {a.rule.id: a for a in applied_rules(compounds(*names), asked_for)}

    def test_choline_with_a_racetam(self):
        with_choline = self.by_id(["aniracetam", "alpha-gpc"])["choline-with-racetams"]
        without = self.by_id(["piracetam", "caffeine"])["choline-with-racetams"]
        assert with_choline.met
        assert without.met is False
        assert with_choline.rule.word == "contradicted"
        assert "choline-with-racetams" not in self.by_id(["caffeine", "alpha-gpc"])

    def test_more_than_five(self):
        five = ["caffeine", "l-theanine", "bacopa", "creatine", "uridine"]
        assert "more-than-five" not in self.by_id(five)
        assert self.by_id([*five, "citicoline"])["more-than-five"].by == ("6 parts",)

    def test_stimulants_are_counted(self):
        assert "too-many-stimulants" not in self.by_id(["caffeine", "bacopa"])
        assert self.by_id(["caffeine", "modafinil"])["too-many-stimulants"].by == ("caffeine", "modafinil")

    def test_serotonin_beside_dopamine(self):
        assert self.by_id(["5-htp", "l-tyrosine"])["serotonin-with-dopamine"].met
        assert self.by_id(["l-tyrosine"])["serotonin-with-dopamine"].met is False

    def test_the_person_is_asked_for(self):
        assert "adjust-to-the-person" not in self.by_id(["caffeine"])
        found = self.by_id(["caffeine"], ("age", "genotype"))["adjust-to-the-person"]
        assert found.by == ("age", "genotype")
        assert found.rule.word == "no evidence"

    def test_duplicates(self):
        assert "duplicates" in self.by_id(["l-tyrosine", "uridine"])
        assert "duplicates" not in self.by_id(["creatine", "caffeine"])


PARTS = ["caffeine", "l-theanine", "modafinil", "aniracetam", "alpha-gpc", "bacopa", "5-htp", "uridine", "rhodiola"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_parts_does_not_matter(names, random):
    shuffled = random.sample(names, len(names))
    for one, other in zip(_answers(names), _answers(shuffled), strict=True):
        assert one == other


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=2, unique=True))
def test_a_further_part_takes_no_meeting_away(names):
    before, after = (
        {(m.opposing, frozenset(a), m.what) for m in meetings(compounds(*some)) for a in [m.actions]}
        for some in (names[:-1], names)
    )
    for opposing, actions, what in before:
        wider = [a for o, a, w in after if o == opposing and (w == what or a >= actions)]
        assert any(a >= actions for a in wider), what


def _answers(names):
    met = {(m.what, m.opposing, frozenset(m.actions)) for m in meetings(compounds(*names))}
    rules = {(a.rule.id, frozenset(a.by), a.met) for a in applied_rules(compounds(*names))}
    return met, rules


class TestLimits:
    def test_magnesium_is_counted_as_the_element(self):
        checks = check_limits(read_stack("magnesium-l-threonate 2000 mg po; caffeine").parts)
        mine = {c.limit.amount_mg: c for c in checks if "magnesium" in c.limit.of}
        assert mine[250].taken_mg == pytest.approx(2000 * 24.305 / 294.5, rel=1e-3)
        assert {c.answer for c in mine.values()} == {"within the limit"}
        unknown = next(c for c in checks if c.limit.of == "caffeine")
        assert unknown.answer == "not determined"
        assert "no dose" in unknown.text

    @pytest.mark.parametrize(
        ("dose", "answer"), [(160, "within the limit"), (300, "may be above"), (401, "above the limit")]
    )
    def test_a_range_of_exposure(self, dose, answer):
        parts = read_stack(f"caffeine {dose} mg po").parts
        factor = Factor("caffeine", "methylliberine", 1.0, 1 / 0.41, "range")
        daily = next(c for c in check_limits(parts, [factor]) if c.limit.per == "day" and c.limit.who == "adults")
        assert daily.answer == answer
        assert daily.counted_mg == pytest.approx((dose, dose / 0.41))

    def test_in_pregnancy_other_limits_count(self):
        parts = read_stack("caffeine 250 mg po").parts
        assert {c.limit.amount_mg for c in check_limits(parts, who=["pregnancy"])} == {200}

    def test_methylliberine_counts_fully_at_the_doses_of_its_study(self):
        study = review_stack("caffeine 150 mg po 08:00; methylliberine 100 mg po 08:00")
        pouch = review_stack("caffeine 80 mg po 08:00; methylliberine 25 mg po 08:00")
        counted = [
            next(c.counted_mg for c in r.limits if c.limit.per == "day") for r in (study, pouch)
        ]  # fmt: skip
        assert counted[0] == pytest.approx((150 / 0.41, 150 / 0.41))
        assert counted[1] == pytest.approx((80, 80 / 0.41))


class TestTimeline:
    def test_unknown_parts_draw_nothing(self):
        asked = read_stack("caffeine 80 mg po 08:00; bacopa 300 mg po; alpha-gpc; l-theanine 60 mg iv")
        found = {c.compound: c for c in follow_parts(asked.parts, asked.regimen).courses}
        assert found["caffeine"].unknown is None
        assert found["bacopa"].middle is None
        assert "not found" in found["bacopa"].unknown
        assert found["alpha-gpc"].unknown == "no dose was given"
        assert found["l-theanine"].unknown == "no source describes the route iv"

    def test_species_without_a_model_is_unknown(self):
        asked = read_stack("caffeine 80 mg po 08:00; l-theanine 60 mg po 08:00")
        timeline = follow_parts(asked.parts, asked.regimen, species="gerbil")
        assert all(c.middle is None and "gerbil" in c.unknown for c in timeline.courses)
        assert timeline.effects == ()

    def test_the_middle_lies_in_its_band(self, roon):
        for course in roon.timeline.courses:
            assert (course.low <= course.middle + 1e-9).all()
            assert (course.middle <= course.high + 1e-9).all()
        for effect in roon.timeline.effects:
            if effect.middle is not None:
                assert (effect.low <= effect.middle + 1e-9).all()
                assert (effect.middle <= effect.high + 1e-9).all()

    def test_interactions_can_be_left_out(self):
        apart = review_stack("roon", interactions=False)
        assert len(apart.timeline.scenarios) == 5
        spans = next(w.window_h for w in apart.windows)
        assert max(spans) - min(spans) < 0.2, "what is taken up in the mouth hardly changes how long it lasts"

    @pytest.mark.parametrize("hours", [0, -3, 1e6])
    def test_impossible_length(self, hours):
        asked = read_stack("caffeine 80 mg po; l-theanine")
        with pytest.raises(UsageError, match="timeline"):
            follow_parts(asked.parts, asked.regimen, hours=hours)

    def test_onset_counts_from_the_dose_that_acts(self):
        review = review_stack("l-theanine 100 mg po 06:00; caffeine 100 mg po 08:00")
        window = next(w for w in review.windows if "caffeine" in w.effect)
        assert window.onset_h[0] < 0.5


class TestPromises:
    promise = OnsetPromise(kind="onset", text="5 to 10 minutes", minutes=(5, 10))
    lasting = WindowPromise(kind="window", text="6 to 8 hours", hours=(6, 8))

    @pytest.mark.parametrize(
        ("onsets", "word"),
        [
            ((0.1, 0.15), "supported"),
            ((0.02, 0.1), "supported"),
            ((0.3, 0.5), "contradicted"),
            ((0.1, 0.3), "not determined"),
            ((None, 0.1), "not determined"),
        ],
    )
    def test_onset(self, onsets, word):
        found = answer([self.promise], [], [Window("effect", onsets, (7.0,), "")])
        assert found[0].word == word

    @pytest.mark.parametrize(
        ("spans", "word"),
        [
            ((6.5, 7.5), "supported"),
            ((3.0, 5.0), "contradicted"),
            ((9.0, 12.0), "contradicted"),
            ((5.0, 9.0), "not determined"),
        ],
    )
    def test_window(self, spans, word):
        """Two ends on either side of the promise leave it open, although neither end keeps it."""
        assert answer([self.lasting], [], [Window("effect", (0.1,), spans, "")])[0].word == word

    def test_without_an_effect_nothing_is_determined(self):
        assert [a.word for a in answer([self.promise, self.lasting], [], [])] == ["not determined"] * 2

    def test_the_product_of_source_000(self, roon):
        words = {a.promise.text: a.word for a in roon.promises}
        assert words == {
            "5 to 10 minute onset": "not determined",
            "6 to 8 hour window": "not determined",
            "no jitters": "not supported",
            "no crash": "not supported",
            "no tolerance buildup": "not supported",
            "tempers excitation at AMPA and NMDA receptors": "not supported",
        }
        window = roon.windows[0]
        assert min(window.onset_h) * 60 < 5 < 10 < max(window.onset_h) * 60
        assert min(window.window_h) < 6 < 8 < max(window.window_h)

    def test_a_precursor_is_no_transmitter(self):
        words = {a.promise.text: a.word for a in review_stack("focus-productivity").promises}
        assert words == {"dopamine boost": "supported", "acetylcholine boost": "not supported"}

    def test_growth_factors_are_animal_data(self):
        words = {a.promise.text: a.word for a in review_stack("longevity-repair").promises}
        assert words["BDNF"] == "not supported", "lion's mane left it unchanged in people"
        assert words["NGF"] == "animals or cells only"
        assert words["mitochondrial health"] == "no evidence"


class TestNegativeControls:
    """What must never come out as supported."""

    @pytest.mark.parametrize(
        ("stack", "said"),
        [
            ("lion's mane", "acute effect"),
            ("bacopa", "acute effect"),
            ("noopept", "BDNF in people"),
            ("piracetam + choline", "synergy"),
            ("aniracetam-alpha-gpc", "synergy"),
        ],
    )
    def test_no_supported_effect(self, stack, said):
        lines = review_stack(stack).without_support
        assert any("no supported effect" in line and said in line for line in lines)

    def test_a_racetam_alone_has_no_synergy_to_deny(self):
        assert not any("synergy" in line for line in review_stack("piracetam; caffeine").without_support)

    @pytest.mark.parametrize("name", stack_ids())
    def test_promises_about_them_are_not_supported(self, name):
        for answered in review_stack(name).promises:
            text = answered.promise.text.casefold()
            if any(word in text for word in ("bdnf", "ngf", "recall", "side-effect-free")):
                assert answered.word not in ("supported", "mixed")

    def test_imuracetam(self):
        with pytest.raises(NoPharmacologyError):
            review_stack("imuracetam + alpha-gpc")


class TestReview:
    @pytest.mark.parametrize("name", stack_ids())
    def test_every_stack_of_the_library(self, name):
        review = review_stack(name)
        assert len(review.timeline.courses) == len(review.parts)
        if review.asked.source == "source-002":
            assert all(c.middle is None for c in review.timeline.courses), "without a dose there is no course"
        assert {r.rule.source for r in review.rules} <= {"source-002"}
        assert "not advice" in review.assumed[0]
        for part in review.parts:
            assert any(a.compound == part.compound.id for a in review.does) or part.compound.actions

    def test_covariates_change_exposure_and_limits(self):
        plain = review_stack("caffeine 150 mg po 08:00; l-theanine")
        pregnant = review_stack("caffeine 150 mg po 08:00; l-theanine", parse_people("pregnant"))
        assert {c.limit.who for c in pregnant.limits} == {"pregnancy"}
        spans = [r.windows[0].window_h[0] for r in (plain, pregnant)]
        assert spans[1] > 1.5 * spans[0]
        assert any("CL x0.41" in line for line in pregnant.person)

    def test_people_widen_the_band(self):
        people = parse_people("", 40, 3)
        many = review_stack("caffeine 100 mg po 08:00; l-theanine 100 mg po 08:00", people).timeline.courses[0]
        one = review_stack("caffeine 100 mg po 08:00; l-theanine 100 mg po 08:00").timeline.courses[0]
        assert np.max(many.high - many.low) > np.max(one.high - one.low)


class TestFigure:
    @pytest.mark.parametrize("text", ["longevity-repair", "caffeine 80 mg po 08:00; methylliberine 25 mg po; uridine"])
    def test_it_draws_what_is_known_and_says_what_is_not(self, text, tmp_path):
        from potentiate.show.stack_figure import stack_figure

        review = review_stack(text)
        figure = stack_figure(review)
        figure.savefig(tmp_path / "figure.svg")
        written = " ".join(t.get_text() for ax in figure.axes for t in ax.texts)
        assert written.count("unknown, no curve") == sum(c.unknown is not None for c in review.timeline.courses)
        assert len(figure.axes) == len(review.parts) + sum(e.unknown is None for e in review.timeline.effects) + 1


class TestApproachTable:
    def test_ampakines_are_experimental(self):
        row = approach_table(["ampakines"])[0]
        assert "AMPA receptor" in row.mechanism
        assert "investigational" in row.status
        assert any(result in ("no benefit", "worse") for _, result, _ in row.trials)

    def test_unposted_trials_are_in_it(self):
        rows = approach_table(["CX717", "BIIB104"])
        assert all(any(result in ("not posted", "not read") for _, result, _ in row.trials) for row in rows)
        assert "NCT" in " ".join(text for row in rows for _, _, text in row.trials)
        assert "without a posted or readable result" in rows[0].evidence

    def test_cx516_follows_from_its_records(self):
        row = approach_table(["CX516"])[0]
        patients = [r for r in human_records(["cx516"]) if not r.human.indication.startswith("healthy")]
        efficacy = [r for r in patients if not r.human.adverse]
        assert f"patients: {word_of(as_records(efficacy, direct=True))}" in row.evidence
        assert int(row.evidence.split()[0]) < len(row.trials), "outcomes of one work count once"
        assert any("schizophrenia" in indication and result == "no benefit" for indication, result, _ in row.trials)
        assert "harm" in row.adverse

    def test_a_compound_counts_only_trials_of_itself(self):
        for record in approach_table(["l-theanine"])[0].records:
            assert find_finding(record).partners == []

    def test_a_product_that_nobody_tested_says_so(self):
        assert approach_table(["roon"])[0].evidence.startswith("none with all parts; with some of them together: ")

    def test_indications_by_result(self):
        lines = {who: (results, ids) for who, results, ids in by_indication(approach_table(["CX717"])[0])}
        assert "1 not posted" in lines["ADHD"][0]
        assert "cx717-adhd-registered" in lines["ADHD"][1]

    def test_a_combination_counts_only_trials_of_the_combination(self):
        row = approach_table(["caffeine-theanine"])[0]
        assert row.records
        for record in human_records(["caffeine", "l-theanine"]):
            if record.compounds == {"caffeine"}:
                assert record.finding.id not in row.records

    def test_no_record_says_so(self):
        row = approach_table(["microdosing-hybrid"])[0]
        assert row.evidence == "none on record"
        assert row.adverse.startswith("none on record")

    def test_bad_names(self):
        with pytest.raises(UnknownNameError, match="cx717"):
            approach_table(["cx771"])
        with pytest.raises(NoPharmacologyError):
            approach_table(["imuracetam"])
