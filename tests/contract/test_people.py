"""Every covariate, partner and interaction document keeps the contract."""

from __future__ import annotations

import itertools
import re

import pytest

from potentiate.errors import DocumentError, UnknownNameError
from potentiate.library import covariate as covariates
from potentiate.library import interaction as interactions
from potentiate.library import partner as partners
from potentiate.library.compound import compound_ids, find_compound, normalise
from potentiate.library.covariate import all_covariates, find_covariate
from potentiate.library.disposition import find_disposition
from potentiate.library.interaction import all_interactions, find_interaction
from potentiate.library.partner import all_partners
from potentiate.library.references import bibliography

ADVICE = re.compile(r"\b(you should|we recommend|recommended dose|take \d|safe to)\b", re.IGNORECASE)


@pytest.mark.parametrize("identifier", covariates.covariate_ids())
def test_a_covariate_is_whole(identifier: str) -> None:
    doc = find_covariate(identifier)
    assert doc.effects or doc.variants or doc.modifies, "it says nothing"
    assert doc.sources() <= set(bibliography())
    for effect in doc.effects:
        assert effect.compound in compound_ids()
        assert effect.population
    for choice in doc.variants:
        disposition = find_disposition(choice.compound)
        assert disposition is not None
        assert choice.variant in {v.name for v in disposition.variants}
    for rule in doc.excludes:
        other = find_covariate(rule.covariate)
        assert rule.other == "any" or rule.other in {level.name for level in other.levels}
    for effect in doc.effects:
        assert effect.yields_to is None or effect.yields_to in covariates.covariate_ids()


def test_the_words_of_covariates_are_unambiguous() -> None:
    owners: dict[str, set[str]] = {}
    for doc in all_covariates():
        for level in doc.levels:
            for word in (level.name, *level.words):
                if len(word) > 4 or word in ("man", "men"):  # shorter ones are only read behind a key
                    owners.setdefault(word.casefold(), set()).add(doc.id)
    assert not {word: ids for word, ids in owners.items() if len(ids) > 1}
    keys = [key for doc in all_covariates() for key in doc.keys]
    assert len(set(keys)) == len(keys)


def test_bands_of_a_number_leave_no_overlap() -> None:
    for doc in all_covariates():
        for compound in {e.compound for e in doc.effects}:
            bands = sorted(
                (e.at_least or 0.0, e.below or float("inf"))
                for e in doc.effects
                if e.compound == compound and e.parameter == "CL" and doc.kind == "number"
            )
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(bands)), (doc.id, compound)


@pytest.mark.parametrize("identifier", interactions.interaction_ids())
def test_an_interaction_is_whole(identifier: str) -> None:
    doc = find_interaction(identifier)
    assert doc.keys() <= set(bibliography())
    for side in doc.between:
        for member in side:
            assert member in compound_ids() or member in all_partners(), member
    for effect in doc.effects:
        assert effect.by_covariate is None or effect.by_covariate in covariates.covariate_ids()
    assert not ADVICE.search(" ".join([doc.title, doc.mechanism, doc.size, *doc.remarks]))
    assert doc.evidence != "animals" or "unknown" in doc.size or "rabbit" in doc.size or "rat" in doc.size


def test_ratios_are_the_quotients_that_their_reasons_state() -> None:
    checked = 0
    everything = (*all_covariates(), *all_interactions())
    stated = [effect for doc in everything for effect in doc.effects]
    for effect in stated:
        quotient = re.search(r"([\d.]+)[^\d]* divided by ([\d.]+)", effect.reason or "")
        if quotient and effect.ratio is not None and "x15.4" not in (effect.reason or ""):
            expected = float(quotient.group(1)) / float(quotient.group(2))
            assert effect.ratio == pytest.approx(expected, rel=0.02), effect.reason
            checked += 1
    assert checked >= 12


def test_what_pkpd_lists_is_on_record() -> None:
    named = {member for doc in all_interactions() for side in doc.between for member in side}
    assert named >= {
        "methylliberine", "theacrine", "oral-contraceptive", "pregnancy", "stopping-smoking", "5-htp", "ssri", "maoi",
        "carbidopa", "l-tyrosine", "levodopa", "modafinil", "hormonal-contraceptive", "cyp3a4-substrate", "bacopa",
        "rhodiola", "ashwagandha", "phenibut", "ethanol", "piracetam", "warfarin", "vinpocetine", "alpha-gpc",
        "choline", "synephrine", "exertion", "cx717", "sleep",
    }  # fmt: skip
    assert {doc.grade for doc in all_interactions()} == {"A", "B", "C"}


def test_partners_and_compounds_have_different_ids_and_names_are_unique() -> None:
    assert not set(all_partners()) & set(compound_ids())
    owners: dict[str, set[str]] = {}
    for partner in all_partners().values():
        for name in (partner.id, partner.name, *partner.names):
            owners.setdefault(normalise(name), set()).add(partner.id)
        for compound in partner.compounds:
            assert find_compound(compound)
        for rule in partner.stated_by:
            doc = find_covariate(rule.covariate)
            assert rule.level is None or rule.level in {level.name for level in doc.levels}
    assert not {name: ids for name, ids in owners.items() if len(ids) > 1}
    with pytest.raises(UnknownNameError, match="sertraline"):
        partners.find_partner("sertralin")


BAD_EFFECT = """
id: x
name: Covariate
keys: [xx]
kind: state
reference: none
levels: [{{name: yes there}}]
no_evidence: nothing
effects:
- {{compound: caffeine, parameter: CL, level: yes there, population: people, source: parsons1978, {rest}}}
"""


@pytest.mark.parametrize(
    "rest",
    ["ratio: -1, interval: [1, 2], interval_is: all", "ratio: 1.5", "ratio: 3, interval: [1, 2], interval_is: all",
     "unknown: why", "ratio: 1, unknown: why, direction: none",
     "ratio: 1, interval: [1, 1], interval_is: all, blocks: true",
     "ratio: 1, interval: [1, 1], interval_is: all, status: assumed", "nonsense: 1"],
)  # fmt: skip
def test_damaged_covariates_are_refused(rest: str, tmp_path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(BAD_EFFECT.format(rest=rest))
    with pytest.raises(DocumentError):
        covariates.read_covariate(path)


BAD_INTERACTION = """
id: x
title: One and the other
between: [[caffeine], [l-theanine]]
grade: B
kind: {kind}
evidence: cases
mechanism: unknown
size: unknown
model: {model}
sources: [parsons1978]
{rest}
"""


@pytest.mark.parametrize(
    ("kind", "model", "rest"),
    [
        ("pharmacokinetic", "ratio", ""),
        ("pharmacokinetic", "none", "linear: it does"),
        ("pharmacodynamic", "none", "worst: C\nworst_when: always"),
        ("pharmacokinetic", "ratio", "linear: 'yes'\neffects:\n- {of: caffeine, by: l-theanine, parameter: CL, ratio: 2"
         ", interval: [1, 3], interval_is: all, direction: decrease, population: people, source: parsons1978}"),
        ("pharmacokinetic", "ratio", "linear: 'yes'\neffects:\n- {of: caffeine, by: modafinil, parameter: CL, ratio: 2"
         ", interval: [1, 3], interval_is: all, direction: increase, population: people, source: parsons1978}"),
        ("pharmacodynamic", "ratio", "linear: 'yes'\neffects:\n- {of: caffeine, by: l-theanine, parameter: CL, ratio: 2"
         ", interval: [1, 3], interval_is: all, direction: increase, population: people, source: parsons1978}"),
    ],
)  # fmt: skip
def test_damaged_interactions_are_refused(kind: str, model: str, rest: str, tmp_path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(BAD_INTERACTION.format(kind=kind, model=model, rest=rest))
    with pytest.raises(DocumentError):
        interactions.read_interaction(path)
