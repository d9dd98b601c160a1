"""Reading records and judging them: directions, nearness, independence, certainty."""

from __future__ import annotations

import dataclasses

import pytest

from potentiate.evidence.claim_answer import answer_claim, answer_document
from potentiate.evidence.claim_documents import gap_line
from potentiate.evidence.claim_line import Line, directions_of, says_of
from potentiate.evidence.claim_records import records_of
from potentiate.evidence.claim_verdict import independent, judge, verdict_of
from potentiate.evidence.ruler import ruler
from potentiate.library.claim import Claim, find_claim
from potentiate.library.finding import find_finding
from potentiate.library.vocabulary import find_outcome

CLAIM = Claim(id="c", text="x improves memory", kind="effect", subject=("caffeine",), outcome="memory")


def line(says, group="direct", **k):
    told = {"design": "RCT", "study": k.get("id", "a"), "lab": k.get("id", "a"), "n": 500, "text": "t", **k}
    return Line(id=told.pop("id", "a"), kind="finding", group=group, says=says, **told)


@pytest.mark.parametrize(
    ("finding", "outcome", "directions"),
    [
        ("ani-desens-rate", "desensitization", {"decrease"}),
        ("ani-tang-desens", "desensitization", {"decrease"}),  # a longer time constant is less desensitization
        ("cx516-deact-4fold", "deactivation", {"decrease"}),
        ("ani-mouse-null-2014", "cognition", {"none"}),
        ("ani-vs-pir-8of18", "cognition", {"increase", "none"}),
        ("caf-anxiety-all", "anxiety", {"increase"}),
        ("cx516-scz-panss", "psychosis", {"increase"}),
        ("cx717-fentanyl-rat", "breathing", {"increase"}),
        ("cx717-adhd-registered", "adhd-symptoms", set()),
        ("ani-nm-decay-deactivation", "epsc-decay", set()),
        ("ani-occluded-by-ltp", "after-ltp", {"decrease"}),
        ("ani-dimer-site", "binding-site", {"increase"}),
        ("mlib-caf-cl", "caffeine-half-life", {"increase"}),
    ],
)
def test_directions(finding, outcome, directions):
    assert directions_of(find_finding(finding), find_outcome(outcome)) == directions


def test_not_better_is_made_by_a_loss_too():
    psychosis = find_outcome("psychosis")
    assert says_of(frozenset({"increase"}), "not better", psychosis) == "for"
    assert says_of(frozenset({"decrease"}), "not better", psychosis) == "against"
    assert says_of(frozenset({"increase"}), "none") == "against"


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([line("for")], "supported"),
        ([line("against")], "contradicted"),
        ([line("for"), line("against", id="b")], "mixed"),
        ([line("for and against")], "mixed"),
        ([line("for", "other people")], "not supported"),
        ([line("for", "healthy animals")], "animals or cells only"),
        ([line("against", "healthy animals")], "not supported"),
        ([line("for", "other people"), line("for", "healthy animals", id="b")], "not supported"),
        ([line("neither", "hypothesis")], "hypothesis only"),
        ([line("neither", "not posted")], "not determined"),
        ([line("neither")], "not determined"),
        ([line("neither", "sellers")], "no evidence"),
        ([line("neither", "pages")], "no evidence"),
        ([], "no evidence"),
    ],
)
def test_the_rule(lines, verdict):
    assert verdict_of(CLAIM, lines) == verdict


def test_a_work_that_was_not_found_is_unverifiable_only_without_direct_records():
    claim = find_claim("noopept-bdnf-meta-analysis")
    search = line("neither", "searched for", id="noo-bdnf-human-none")
    assert verdict_of(claim, [search, line("for", "healthy animals", id="b")]) == "unverifiable"
    assert verdict_of(claim, [search, line("for", id="b")]) == "supported"


def test_records_of_one_work_or_of_the_same_data_are_one_study():
    a, b = line("for", id="x", study="w"), line("for", id="y", study="w")
    assert len(independent([a, b])) == 1
    press = [x for x in records_of(dataclasses_claim("cx717", "adhd-symptoms", "adhd"))]
    assert len({x.id for x in press}) == 2
    assert len(independent(press)) == 1


def dataclasses_claim(subject, outcome, population):
    return Claim(id="c", text="some claim", kind="effect", subject=(subject,), outcome=outcome, population=population,
                 direction="decrease")  # fmt: skip


class TestCertainty:
    def test_a_large_clean_trial_is_high(self):
        assert judge(CLAIM, [line("for")]).certainty == "high"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"n": 20}, "imprecise: 20"),
            ({"n": None}, "imprecise"),
            ({"funding": "the maker"}, "interest"),
            ({"flaws": ("bias: open label",)}, "risk of bias"),
            ({"flaws": ("secondary: a news page",)}, "second hand"),
            ({"flaws": ("publication: withheld",)}, "publication"),
        ],
    )
    def test_each_flaw_costs_one_step(self, change, reason):
        found = judge(CLAIM, [dataclasses.replace(line("for"), **change)])
        assert found.certainty == "moderate"
        assert any(reason in r for r in found.reasons)

    def test_records_that_disagree_and_trials_without_results_cost(self):
        found = judge(CLAIM, [line("for"), line("against", id="b"), line("neither", "not posted", id="c")])
        assert found.certainty == "low"

    def test_a_flaw_of_a_minority_does_not(self):
        found = judge(CLAIM, [line("for"), line("for", id="b"), line("for", id="c", flaws=("bias: open",))])
        assert found.certainty == "high"

    def test_the_curator_who_read_the_pages_may_know_better(self):
        assert judge(CLAIM, [line("for", certainty="very low")]).certainty == "very low"
        assert judge(CLAIM, [line("for", n=20, certainty="high")]).certainty == "moderate"

    def test_indirect_evidence_is_very_low_and_none_is_none(self):
        assert judge(CLAIM, [line("for", "healthy animals")]).certainty == "very low"
        assert judge(CLAIM, []).certainty == "none"


class TestReach:
    def test_the_gap_is_that_of_the_ruler(self):
        found = answer_claim("Aniracetam improves memory in healthy people")
        assert found.reach is not None
        assert found.reach.ruler.gap.value == pytest.approx(ruler("aniracetam").gap.value)
        assert found.reach.text.startswith("not by the parent")
        assert any("nag-csf" in r for r in found.reach.routes)

    def test_a_gap_is_a_record(self):
        assert gap_line(ruler("aniracetam", metabolites=False), "increase").says == "against"
        assert gap_line(ruler("cx717", metabolites=False), "increase").says == "neither"

    def test_no_ruler_where_nothing_was_swallowed(self):
        assert answer_document("rule-more-than-five").reach is None
        assert answer_document("imuracetam-effects").reach is None


def test_the_answer_of_the_design():
    found = answer_claim("Aniracetam improves memory in healthy people")
    groups = {g: {x.id for x in lines} for g, lines in found.by_group().items()}
    assert "direct" not in groups
    assert groups["healthy animals"] == {"ani-mouse-null-2014", "ani-mouse-null-2017", "ani-pigeon-null"}
    assert groups["impaired animals"] == {"ani-fae-benefit"}
    assert groups["open label"] == {"ani-open-276"}
    assert "ani-sdat-placebo" in groups["other people"]
    assert (found.judged.verdict, found.judged.certainty) == ("not supported", "very low")
