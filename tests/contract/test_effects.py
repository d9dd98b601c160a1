"""Contract of the effect documents: every number sourced, assumed, calibrated as declared, or unknown with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from potentiate.errors import DocumentError, UnknownNameError, UsageError
from potentiate.library import references
from potentiate.library.effect import (
    EFFECTS,
    AlertnessDoc,
    EffectNumber,
    OccupancyDoc,
    ToleranceDoc,
    UnsupportedDoc,
    effect_ids,
    find_effect,
    find_occupancy,
    find_tolerance,
    read_effect,
    unsupported,
)
from potentiate.library.effect_constants import ligands, to_uM, tolerance_model
from potentiate.library.finding import find_finding, finding_ids

PLAN = yaml.safe_load((Path(__file__).parents[2] / "calibration" / "plan.yaml").read_text(encoding="utf-8"))
COMPOUNDS = {p.stem for p in (EFFECTS.parent / "compounds").glob("*.yaml")}
ALL = [find_effect(i) for i in effect_ids()]


def numbers(value):
    if isinstance(value, EffectNumber):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from numbers(part)
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            yield from numbers(getattr(value, name))


def by_id(documents):
    return pytest.mark.parametrize("document", documents, ids=lambda d: d.id)


def test_there_are_documents_of_every_kind():
    assert {type(d) for d in ALL} == {OccupancyDoc, ToleranceDoc, AlertnessDoc, UnsupportedDoc}


@by_id(ALL)
def test_sources_and_findings_exist(document):
    for number in numbers(document):
        if number.source is not None:
            assert number.source in references.bibliography() or number.source in finding_ids(), number
    for name in getattr(document, "findings", ()):
        assert name in finding_ids()
    for key in [*getattr(document, "sources", ()), *([document.source] if isinstance(document, AlertnessDoc) else [])]:
        assert key in references.bibliography()


@by_id(ALL)
def test_a_calibrated_number_rests_on_a_finding_of_the_plan(document):
    planned = {i: "calibration" for plan in PLAN.values() for i in plan["findings"]}
    planned |= {i: "test" for plan in PLAN.values() for i in plan.get("bounded_by", [])}
    for number in numbers(document):
        if number.status == "calibrated":
            assert find_finding(str(number.source)).role == planned[str(number.source)]
            assert number.word is not None


@by_id([d for d in ALL if isinstance(d, OccupancyDoc)])
def test_occupancy_names_known_compounds_and_gives_constants(document):
    assert set(document.compounds) <= COMPOUNDS
    if document.bound is not None:
        assert document.bound.agonist in COMPOUNDS
        return
    if any(n.value is None for n in numbers(document)):
        with pytest.raises(ValueError, match=r"\w"):
            ligands(document)
        return
    for one in ligands(document):
        assert 0.0 < one.low_uM <= one.constant_uM <= one.high_uM
    assert any(one.counted for one in ligands(document))


@by_id([d for d in ALL if isinstance(d, ToleranceDoc)])
def test_tolerance_has_a_model_or_says_why_not(document):
    if document.form == "unknown":
        with pytest.raises(UsageError, match="unknown"):
            tolerance_model(document)
    else:
        assert (tolerance_model(document) is None) == (document.form == "none")
    assert find_tolerance(document.endpoint) is document


@by_id([d for d in ALL if isinstance(d, UnsupportedDoc)])
def test_what_is_unsupported_is_about_known_compounds(document):
    for entry in document.effects:
        assert set(entry.compounds) & COMPOUNDS
        assert unsupported(entry.compounds[0], entry.effect) is entry


def test_no_document_gives_advice():
    for path in EFFECTS.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(recommend|should take|safe dose|you )", text), path.name
        assert not re.search(r"/(work|home|tmp|Users)/", text), path.name


def test_names_that_do_not_exist():
    with pytest.raises(UnknownNameError, match="a1-caffeine"):
        find_effect("a1-cafeine")
    with pytest.raises(UnknownNameError, match="a1-caffeine"):
        find_occupancy("a1-caffein")
    with pytest.raises(UsageError, match="tolerance"):
        find_occupancy("platelet-a2a")
    with pytest.raises(UnknownNameError):
        find_tolerance("hair growth")
    assert find_occupancy("adenosine A1 receptor").id == "a1-caffeine"
    assert unsupported("caffeine", "vigilance") is None


def test_concentrations_in_every_unit():
    def uM(unit):
        return to_uM(EffectNumber(value=13.0, unit=unit, status="assumed", reason="a test"), "caffeine")[0]

    assert uM("uM") == 13.0
    assert uM("nM") == pytest.approx(0.013)
    assert uM("mM") == pytest.approx(13000.0)
    assert uM("mg/L") == pytest.approx(13.0 / 194.19 * 1e3)
    with pytest.raises(UsageError, match="no concentration"):
        uM("1/h")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("status: read, source: elmenhorst2012, secondary: true", "status: read", "needs a source"),
        ("kind: occupancy", "kind: occupation", "Unknown kind"),
        ("value: 13,", "", "value or 'status: unknown'"),
        ("relative_to: caffeine", "relative_to: cocaine", "no constant here"),
        ("interval: [0.364, 0.722]", "interval: [0.6, 0.722]", "around the value"),
        ("trust: measured in people", "trust: measured in people\nhalf: 3", "Extra"),
        ("matrix: plasma", "matrix: blood", "plasma"),
        ("id: a1-caffeine", "id: other", "but the file is"),
    ],
)
def test_damaged_documents_are_refused(tmp_path, old, new, message):
    text = (EFFECTS / "a1-caffeine.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "a1-caffeine.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DocumentError, match=message):
        read_effect(path)
