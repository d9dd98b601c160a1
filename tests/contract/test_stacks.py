"""Rules, stacks, systems and the use of compounds as documents keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from potentiate.errors import DocumentError, UnknownNameError
from potentiate.library import compound as compounds_room
from potentiate.library.compound import all_compounds, find_compound
from potentiate.library.compound_terms import Target, molar_mass
from potentiate.library.document import load
from potentiate.library.finding import finding_ids
from potentiate.library.record import Record, word_of
from potentiate.library.rule import DIRECTORY as RULES
from potentiate.library.rule import Rule, find_rule, rule_ids
from potentiate.library.stack import DIRECTORY as STACKS
from potentiate.library.stack import Stack, find_stack, load_stack, stack_ids
from potentiate.library.system import NO_SYSTEM, SYSTEMS, System, systems_of

#: what the stacks and lists of source 002 name, and the pouch of source 000
OF_THE_SOURCES = [
    "modafinil", "l-theanine", "alpha-gpc", "aniracetam", "bacopa", "citicoline", "ashwagandha", "rhodiola",
    "magnesium-l-threonate", "lions-mane", "coenzyme-q10", "noopept", "alpha-lipoic-acid", "acetyl-l-carnitine",
    "5-htp",
    "l-tyrosine", "phenylpiracetam", "phenibut", "vinpocetine", "piracetam", "creatine", "uridine", "caffeine",
    "methylliberine", "theacrine",
]  # fmt: skip


class TestSystems:
    def test_every_target_has_a_system_or_a_reason(self):
        assert set(SYSTEMS) | set(NO_SYSTEM) == set(Target)
        assert not set(SYSTEMS) & set(NO_SYSTEM)
        assert all(SYSTEMS.values())
        assert all(len(reason) > 10 for reason in NO_SYSTEM.values())

    def test_every_system_is_reached(self):
        assert {s for systems in SYSTEMS.values() for s in systems} == set(System)
        acted_on = {s for c in all_compounds() for a in c.actions for s in systems_of(a.target)}
        assert acted_on == set(System)


class TestUse:
    @pytest.mark.parametrize("name", OF_THE_SOURCES)
    def test_each_compound_of_the_sources_says_what_it_does_and_how_it_is_used(self, name):
        compound = find_compound(name)
        assert compound.actions
        known = [a for a in compound.actions if systems_of(a.target)]
        nowhere = [a for a in compound.actions if a.target is Target.UNKNOWN]
        assert known or any(a.unknown for a in nowhere), "a system, or why there is none"
        assert compound.onset is not None
        assert compound.tolerance
        topics = {s.topic for s in compound.status if s.standing is not None}
        assert {"legal", "sport"} <= topics
        assert all(s.read is not None for s in compound.status if s.standing is not None)

    def test_fractions_of_salts_follow_from_their_formulas(self):
        salt = find_compound("magnesium-l-threonate")
        for limit in salt.limits:
            assert limit.fraction == pytest.approx(molar_mass("Mg") / molar_mass(salt.formula), rel=2e-3)

    def test_limits_of_caffeine(self):
        limits = {(x.per, x.who): x.amount_mg for x in find_compound("caffeine").limits}
        assert limits == {("single", "adults"): 200, ("day", "adults"): 400, ("day", "pregnancy"): 200}

    def test_what_is_banned_in_competition(self):
        banned = {
            c.id
            for c in all_compounds()
            for s in c.status
            if s.topic == "sport" and s.standing == "prohibited in competition"
        }
        assert banned == {"modafinil", "phenylpiracetam"}


class TestRecords:
    @pytest.mark.parametrize(
        ("given", "word"),
        [
            ([], "no evidence"),
            ([("for", "animal", True)], "animals or cells only"),
            ([("against", "in vitro", True)], "not supported"),
            ([("for", "human", True)], "supported"),
            ([("for", "human", True), ("against", "human", True)], "mixed"),
            ([("for", "animal", True), ("against", "human", True)], "contradicted"),
            ([("for", "human", False)], "not supported"),
            ([("for", "human", True), ("against", "human", False)], "supported"),
            ([("neither", "human", True)], "no evidence"),
        ],
    )
    def test_the_word_follows_from_the_records(self, given, word):
        records = [
            Record(says=says, species=species, design="design", text="text", direct=direct, source="growdon1986")
            for says, species, direct in given
        ]  # fmt: skip
        assert word_of(records) == word


def _sources(document: Rule | Stack) -> set[str]:
    records = document.records if isinstance(document, Rule) else [
        r for p in document.promises if p.kind == "record" for r in p.records
    ]  # fmt: skip
    return {document.source} | {r.source for r in records if r.source}


@pytest.mark.parametrize("name", rule_ids())
def test_rules(name):
    rule = find_rule(name)
    known = compounds_room.bibliography_keys() | set(compounds_room.SOURCE_DOCUMENTS)
    assert _sources(rule) <= known
    assert {r.finding for r in rule.records if r.finding} <= set(finding_ids())
    named = {c for w in _predicates(rule) for c in (*(w.among or ()), *([w.member_of] if w.member_of else []))}
    assert named <= set(compounds_room.compound_ids())


def _predicates(rule: Rule):
    todo = [w for w in (rule.when, rule.asks) if w is not None]
    while todo:
        here = todo.pop()
        yield here
        todo += [*(here.all or ()), *(here.any or ()), *(here.none or ())]


def test_the_rules_of_source_002_are_all_there():
    assert {
        "choline-with-racetams", "more-than-five", "too-many-stimulants", "serotonin-with-dopamine",
        "natural-means-safe", "cycle-synthetics", "ignoring-tolerance", "confusing-transmitters",
        "adjust-to-the-person",
    } <= set(rule_ids())  # fmt: skip


def test_what_the_evidence_says_of_the_rules():
    assert find_rule("choline-with-racetams").word == "contradicted"
    assert find_rule("serotonin-with-dopamine").word == "no evidence"
    assert find_rule("adjust-to-the-person").word == "no evidence"
    assert find_rule("natural-means-safe").word == "supported"


@pytest.mark.parametrize("name", stack_ids())
def test_stacks(name):
    stack = load_stack(name)
    known = compounds_room.bibliography_keys() | set(compounds_room.SOURCE_DOCUMENTS)
    assert _sources(stack) <= known
    for part in stack.parts:
        assert find_compound(part.compound).id == part.compound
        assert stack.source in find_compound(part.compound).named_in
    if stack.product is not None:
        product = find_compound(stack.product)
        assert {c.compound: c.amount_mg for c in product.constituents} == {p.compound: p.dose_mg for p in stack.parts}


def test_source_002_gives_no_doses_and_neither_do_we():
    for name in stack_ids():
        if load_stack(name).source == "source-002":
            assert all(p.dose_mg is None and p.unknown for p in load_stack(name).parts)


def test_stacks_of_the_issue_are_there():
    assert set(stack_ids()) == {
        "focus-productivity", "memory-learning", "mood-stress", "longevity-repair", "aniracetam-alpha-gpc",
        "microdosing-hybrid", "roon",
    }  # fmt: skip
    assert find_stack("Aniracetam + Alpha-GPC").id == "aniracetam-alpha-gpc"
    with pytest.raises(UnknownNameError, match="focus-productivity"):
        find_stack("focus-productivty")


WHEN = "when: {more_parts_than: 5}"
LONG = "says: one two three four five six seven eight nine ten eleven twelve Use"
BROKEN = [
    (RULES / "more-than-five.yaml", Rule, (WHEN, "when: {}"), "exactly one"),
    (RULES / "more-than-five.yaml", Rule, (WHEN, "when: {eval: 'len(parts) > 5'}"), "Extra inputs"),
    (RULES / "more-than-five.yaml", Rule, ("searched:", "assumed:"), "what was looked for"),
    (RULES / "duplicates.yaml", Rule, ("says: Use", LONG), "15 words"),
    (STACKS / "roon.yaml", Stack, ("dose_mg: 80, ", ""), "the reason why there is none"),
    (STACKS / "roon.yaml", Stack, ("goal: focus", "goal: happiness"), "Input should be"),
    (STACKS / "roon.yaml", Stack, ("kind: onset", "kind: verdict"), "does not match"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "model", "change", "message"), BROKEN)
def test_a_broken_document_is_refused(tmp_path: Path, path, model, change, message):
    text = path.read_text(encoding="utf-8")
    assert change[0] in text, "the mutation would change nothing"
    broken = tmp_path / path.name
    broken.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(DocumentError, match=message):
        load(broken, model)


def test_documents_give_no_advice():
    for path in (*RULES.glob("*.yaml"), *STACKS.glob("*.yaml")):
        text = path.read_text(encoding="utf-8").casefold()
        assert "we recommend" not in text
        assert "you should" not in text
