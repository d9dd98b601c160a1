"""`potentiate predict`: register, list, check, resolve."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from potentiate.library.prediction import REGISTRY, question_ids

QUESTION = """
id: mine
title: A title
statement: A drug slows decay by half.
why: Because
settled_by: Patches
outcomes:
  - id: decay
    statement: How much
    unit: ratio
    scale: log
    discrepancy: 0.1
    reference: {centre: 1.0, spread: 0.5, reason: no effect}
    experiment:
      preparation: patch
      base_scheme: Partin1996
      specific: true
      arm: {protocol: deactivation, measure: tau_deact, drug: aniracetam, concentration: 1 mM}
      tolerance: {kind: factor, value: 1.3}
"""

DATA = """
prediction: {prediction}
outcome: {outcome}
value: {value}
unit: ratio
uncertainty: {{type: SEM, value: 0.2}}
n: 8
n_of: patches
measured: {measured}
source: '<script>alert(1)</script>'
blind: false
"""


def later() -> datetime.date:
    return datetime.date.today() + datetime.timedelta(days=400)


def write(folder: Path, **told: object) -> None:
    given = {"prediction": "mine", "outcome": "decay", "value": 4.0, "measured": later(), **told}
    (folder / "data.yaml").write_text(DATA.format(**given))


@pytest.fixture
def registered(potentiate, tmp_path):
    (tmp_path / "mine.yaml").write_text(QUESTION)
    outcome = potentiate("predict", "--register", "mine.yaml", "--json")
    assert outcome.code == 0, outcome.err
    return outcome.object


def test_the_programs_own_predictions_are_listed(potentiate):
    outcome = potentiate("predict", "--list", "--json")
    assert outcome.code == 0, outcome.err
    body = outcome.object
    assert {o["conditions"]["prediction"] for o in body["observables"]} == set(question_ids())
    assert {o["label"] for o in body["observables"]} == {"prediction"}
    assert all(o["interval"][0] < o["value"] < o["interval"][1] for o in body["observables"])


def test_one_is_shown_in_full(potentiate):
    outcome = potentiate("predict", "occlusion-by-composition")
    assert outcome.code == 0, outcome.err
    assert "Settled by:" in outcome.words
    assert "Assumed" in outcome.words


def test_register_check_resolve(potentiate, tmp_path, registered):
    assert len(registered["head"]) == 64
    frozen = (tmp_path / "predictions" / "mine.json").read_bytes()
    assert potentiate("predict", "--register", "mine.yaml").code == 3
    assert potentiate("predict", "--check").code == 0
    write(tmp_path)
    outcome = potentiate("predict", "--resolve", "data.yaml", "--json")
    assert outcome.code == 0, outcome.err
    (resolution,) = outcome.object["resolutions"]
    assert resolution["scored"] == registered["sha256"]
    assert isinstance(resolution["log_score"], float)
    assert (tmp_path / "predictions" / "mine.json").read_bytes() == frozen
    listed = potentiate("predict", "mine")
    assert "gain" in listed.words
    assert "open" not in listed.words.split("ratio")[1].split("A drug")[0]
    (tmp_path / "predictions" / "mine.json").write_bytes(frozen.replace(b'"bandwidth"', b'"Bandwidth"'))
    changed = potentiate("predict", "--check", "--json")
    assert changed.code == 3
    (fault,) = changed.object["faults"]["predictions"]
    assert "changed after it was frozen" in fault


def test_the_programs_registry_is_not_written_to(potentiate, tmp_path):
    before = {path.name: path.read_bytes() for path in REGISTRY.iterdir()}
    write(tmp_path, prediction="occlusion-by-composition", outcome="current-decay", value=1.1)
    outcome = potentiate("predict", "--resolve", "data.yaml")
    assert outcome.code == 0, outcome.err
    assert "not analysed blind" in outcome.words
    assert {path.name: path.read_bytes() for path in REGISTRY.iterdir()} == before
    assert len(list((tmp_path / "predictions").glob("resolved-001-*.json"))) == 1
    assert "1.1, inside" in potentiate("predict", "--list").words


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--register", "occlusion"), 2, "occlusion-by-composition"),
        (("--register", "nowhere.yaml"), 3, "nowhere.yaml"),
        (("occlusion-by-compositon",), 2, "occlusion-by-composition"),
        (("--list", "--check"), 2, "do not go together"),
        (("--check", "--registry", "nowhere"), 2, "no registry"),
        (("--resolve", "nowhere.yaml"), 3, "nowhere.yaml"),
        (("--resolve", "data.yaml"), 2, "Unknown registered prediction 'minee'"),
    ],
)
def test_bad_requests(potentiate, tmp_path, words, code, said):
    write(tmp_path, prediction="minee")
    outcome = potentiate("predict", *words)
    assert outcome.code == code
    assert said in outcome.err
    assert not (tmp_path / "predictions").exists()


def test_old_data(potentiate, tmp_path):
    write(tmp_path, prediction="occlusion-by-composition", outcome="current-decay", measured="2020-01-01")
    outcome = potentiate("predict", "--resolve", "data.yaml")
    assert outcome.code == 3
    assert "no test of a prediction" in outcome.err
