"""Contract of the predictions: every question is valid, registered as it stands, and the registry is whole."""

import pytest

from potentiate.errors import DocumentError
from potentiate.library.document import Source
from potentiate.library.ensemble import ensemble
from potentiate.library.finding import SliceExperiment
from potentiate.library.prediction import (
    REGISTRY,
    ExpressionExperiment,
    PredictionDocument,
    ResolutionData,
    find_question,
    question_ids,
)
from potentiate.library.registry import Registry

FROZEN = Registry(REGISTRY)


def test_the_registry_is_whole():
    assert FROZEN.faults() == []


def test_every_question_is_registered():
    assert {p.id for p in FROZEN.predictions()} == set(question_ids())
    assert len(question_ids()) >= 4


@pytest.mark.parametrize("name", question_ids())
def test_the_question_is_the_one_that_was_frozen(name):
    frozen, _ = FROZEN.find(name)
    assert frozen.question == find_question(name)
    assert [o.id for o in frozen.outcomes] == [o.id for o in frozen.question.outcomes]
    assert frozen.versions["program"]
    assert {"schemes/", "parameters/ensemble.yaml"} <= set(frozen.documents)


@pytest.mark.parametrize("name", question_ids())
def test_the_ensemble_is_behind_every_outcome(name):
    frozen, _ = FROZEN.find(name)
    for asked, outcome in zip(frozen.question.outcomes, frozen.outcomes, strict=True):
        schemes = {s.scheme for s in outcome.samples if s.value is not None}
        if isinstance(asked.experiment, SliceExperiment):
            assert schemes == {asked.experiment.base_scheme}
            assert any("spread of schemes" in text for text in frozen.assumed)
        else:
            inserted = asked.experiment.inserted if isinstance(asked.experiment, ExpressionExperiment) else None
            assert set(ensemble().schemes) - schemes <= {inserted}


QUESTION = """
id: mine
title: A title
statement: A statement
why: Because
settled_by: Patches
outcomes:
  - id: one
    statement: How much
    unit: ratio
    scale: log
    discrepancy: 0.1
    reference: {centre: 1.0, spread: 0.5, reason: no effect}
    experiment: {preparation: expression, drug: aniracetam, concentration: 1 mM, measure: decay, route: number}
"""


def test_a_question_of_a_user():
    assert Source(QUESTION, "mine.yaml").validate(PredictionDocument).outcome("one").kd_factors == [1.0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: mine", "id: resolved-001"),
        ("id: mine", "id: ../mine"),
        ("id: mine", "id: <script>"),
        ("discrepancy: 0.1", "discrepancy: 0"),
        ("centre: 1.0", "centre: -1.0"),
        ("route: number", "route: composition"),
        ("route: number", "route: number, inserted: RT1992"),
        ("preparation: expression", "preparation: person"),
        ("unit: ratio", "unit: ratio\n    kd_factors: [-1.0]"),
        ("unit: ratio", "unit: ratio\n    kd_factors: []"),
        ("measure: decay", "measure: colour"),
    ],
)
def test_bad_questions(old, new):
    assert old in QUESTION
    with pytest.raises(DocumentError):
        Source(QUESTION.replace(old, new, 1), "mine.yaml").validate(PredictionDocument)


DATA = """
prediction: mine
outcome: one
value: 1.2
unit: ratio
uncertainty: {type: SEM, value: 0.1}
n: 8
n_of: slices
measured: 2031-02-03
source: a later work
blind: true
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: SEM", "type: ambiguous"),
        ("value: 0.1", "value: 0"),
        ("n: 8", "n: 1"),
        ("2031-02-03", "soon"),
        ("value: 1.2", "value: .nan"),
        ("blind: true", ""),
        ("blind: true", "blind: true\nscore: 9"),
    ],
)
def test_bad_data(old, new):
    Source(DATA, "data.yaml").validate(ResolutionData)
    assert old in DATA
    with pytest.raises(DocumentError):
        Source(DATA.replace(old, new, 1), "data.yaml").validate(ResolutionData)
