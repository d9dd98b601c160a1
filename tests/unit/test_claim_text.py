"""Claims in plain words: what is understood, what is asked back, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import PotentiateError, UnknownNameError, UsageError
from potentiate.evidence import claim_text
from potentiate.evidence.claim_answer import answer_claim
from potentiate.evidence.claim_text import understand
from potentiate.library.claim import all_claims


@pytest.mark.parametrize(
    ("text", "subject", "outcome", "direction", "population"),
    [
        ("Aniracetam improves memory in healthy people", ("aniracetam",), "memory", "increase", "healthy"),
        ("aniracetam slows AMPA receptor desensitization", ("aniracetam",), "desensitization", "decrease", None),
        ("Caffeine with L-theanine improves focus of students", ("caffeine", "l-theanine"), "attention", "increase",
         "healthy"),
        ("CX717 fights fatigue in sleep-deprived people", ("cx717",), "fatigue", "decrease", "sleepless"),
        ("CX516 does not improve memory in schizophrenia", ("cx516",), "memory", "not better", "schizophrenia"),
        ("Alpha-GPC raises acetylcholine", ("alpha-gpc",), "acetylcholine", "increase", None),
        ("Brahmi enhances recall in the elderly", ("bacopa",), "memory", "increase", "older"),
        ("Dynamine lowers blood pressure", ("methylliberine",), "blood-pressure", "decrease", None),
        ("Suntheanine is unsafe", ("l-theanine",), "adverse-effects", "increase", None),
        ("72432-10-1 facilitates LTP", ("aniracetam",), "ltp", "increase", None),
    ],
)  # fmt: skip
def test_what_is_understood(text, subject, outcome, direction, population):
    claim = understand(text).claim
    assert (claim.subject, claim.outcome, claim.direction, claim.population) == (
        subject,
        outcome,
        direction,
        population,
    )


def test_plain_words_and_documents_agree(monkeypatch):
    """The wordings of claims on record, read as plain words, mean nearly always what their documents say."""
    monkeypatch.setattr(claim_text, "_document", lambda text: None)
    claims = [c for c in all_claims() if c.kind != "rule"]
    same = 0
    for c in claims:
        try:
            read = understand(c.text).claim
        except UsageError:
            continue  # asked back: not misunderstood
        same += (set(c.subject), c.outcome, c.direction) == (set(read.subject), read.outcome, read.direction)
    assert same >= 0.9 * len(claims), f"{same} of {len(claims)}"


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("Caffeine gum peaks within 10 minutes", 0, 10, "min"),
        ("Caffeine has a half-life of 3 to 7 hours", 3, 7, "h"),
        ("Sublingual caffeine starts to act within seconds", 0, 1, "min"),
        ("Pregnancy gives caffeine a half-life 2-4 times as long", 2, 4, "fold"),
    ],
)
def test_numbers_of_exposure(text, low, high, unit):
    number = understand(text).claim.number
    assert number is not None
    assert (number.low, number.high, number.unit) == (low, high, unit)


def test_a_wording_on_record_is_its_document():
    found = understand("a 2024 meta-analysis found that NOOPEPT boosts BDNF expression!")
    assert found.document == "noopept-bdnf-meta-analysis"
    assert found.claim.cites is not None


def test_a_dose_is_kept_and_simulated():
    found = answer_claim("200 mg of caffeine improves vigilance at night")
    assert found.claim.dose == "200 mg"
    assert found.reach is not None
    assert "after 200 mg by mouth (simulated)" in found.reach.text


def test_what_a_terminal_would_obey_is_not_printed():
    found = answer_claim("Aniracetam \x1b[31mimproves\x07 memory\u202e\nnow")
    assert found.text == "Aniracetam [31mimproves memory now"


def test_a_comparison_names_what_it_is_against():
    claim = understand("Noopept improves memory better than piracetam").claim
    assert (claim.subject, claim.comparator) == (("noopept",), "piracetam")


def test_a_class_that_only_says_what_something_is_is_left_out():
    assert understand("The ampakine CX516 improves memory").claim.subject == ("cx516",)


def test_a_verb_that_is_not_known_is_assumed_aloud():
    assert understand("Caffeine: memory").assumed == (
        "direction: increase, because the claim has no verb that is known",
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", UsageError, "empty"),
        ("   \u200b ", UsageError, "empty"),
        ("?!", UsageError, "empty"),
        ("x" * 301, UsageError, "301 letters"),
        ("El aniracetam mejora la memoria en los adultos", UsageError, "not in English"),
        ("Aniracetam verbessert das Gedächtnis und die Stimmung", UsageError, "not in English"),
        ("Анирацетам улучшает память", UsageError, "not in English"),
        ("アニラセタムは記憶を改善する", UsageError, "not in English"),
        ("Caffein improves vigilance", UnknownNameError, "closest: caffeine"),
        ("Anirasetam improves memory", UnknownNameError, "closest: aniracetam"),
        ("Foobarol improves memory", UnknownNameError, "Foobarol"),
        ("It improves memory", UsageError, "no substance"),
        ("Piracetam", UsageError, "No outcome"),
        ("Piracetam improves memory and mood", UsageError, "2 outcomes: memory, mood"),
        ("Piracetam improves memory in dementia and schizophrenia", UsageError, "groups"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_asked_back(text, error, message):
    with pytest.raises(error, match=message) as caught:
        understand(text)
    assert caught.value.do or message in ("2 outcomes: memory, mood",)


def test_an_option_settles_what_the_text_leaves_open():
    assert understand("Piracetam improves memory and mood", outcome="mood").claim.outcome == "mood"
    assert understand("It improves memory", subject=["piracetam"]).claim.subject == ("piracetam",)
    assert understand("Piracetam improves memory", population="dementia").claim.population == "dementia"


@pytest.mark.parametrize(
    ("name", "option"), [("outcome", "memori"), ("population", "helthy"), ("subject", ["aniracetm"])]
)
def test_unknown_options_name_the_nearest(name, option):
    with pytest.raises(UnknownNameError, match="closest"):
        understand("Piracetam improves memory", **{name: option})


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_answered_or_refused_in_our_words(text):
    try:
        found = understand(text)
    except PotentiateError:
        return
    assert found.claim.subject or found.document
