"""With --json every command prints exactly one JSON object, in the shape of the design."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

KEYS = {"potentiate", "command", "inputs", "assumed", "seed", "observables", "findings", "files"}
OBSERVABLE = {"id", "value", "unit", "interval", "status", "reason", "label", "conditions"}
FINDING = {"id", "verdict", "model", "published", "unit", "source"}
LABELS = {"model", "prediction", "calibration", "data"}
# "not explained" is the membrane preparation's own word: no parameter is fitted, so it is no miss of a fit;
# "not run" is a finding on whole slices, which take minutes and are run when asked
VERDICTS = {"pass", "near", "fail", "not simulable", "calibration", "not explained", "not run"}

#: words of every command; the second group writes files
LOOKUPS = [
    ("compound", "aniracetam"), ("compound", "imuracetam"), ("compound", "--list"),
    ("compound", "--list", "--kind", "extract"), ("conventions",), ("conventions", "rise"), ("cite",),
    ("cite", "Partin1996", "aniracetam"), ("cite", "--all"), ("doctor",), ("patch", "--schemes"),
    ("claim", "Aniracetam improves memory in healthy people"), ("evidence", "cx614"),
    ("evidence", "--source", "003"),
    ("stack", "--list"), ("compound", "CX717", "roon", "--table"), ("predict", "--list"), ("predict", "--check"),
]  # fmt: skip
RUNS = [
    ("measure", "application.csv"), ("measure", "application.csv", "--on", "200ms", "--off", "700ms"),
    ("patch", "aniracetam", "--conc", "1mM", "5mM"), ("patch",),
    ("synapse", "aniracetam", "--conc", "5mM", "--sites", "3", "--trials", "4", "--pulses", "3"),
    ("stack", "roon"), ("stack", "mood-stress"),
]  # fmt: skip
SLOW = [
    pytest.param(("membrane", "--no-question"), marks=pytest.mark.slow, id="membrane"),
    pytest.param(("run", "aniracetam"), marks=pytest.mark.slow, id="run aniracetam"),
]


def check(body: dict, words: tuple[str, ...]) -> None:
    assert KEYS <= set(body)
    assert body["command"] == ["potentiate", *words, "--json"]
    assert all(isinstance(text, str) for text in body["assumed"])
    assert body["seed"] is None or isinstance(body["seed"], int)
    for entry in body["observables"]:
        assert OBSERVABLE <= set(entry)
        assert entry["label"] in LABELS
        assert entry["value"] is not None or entry["status"] != "ok"
        assert (entry["status"] == "ok") or entry["reason"], entry
        assert entry["interval"] is None or len(entry["interval"]) == 2
    for entry in body["findings"]:
        assert FINDING <= set(entry)
        assert entry["verdict"] in VERDICTS, entry["verdict"]


@pytest.mark.parametrize("words", LOOKUPS, ids=" ".join)
def test_lookups_print_one_object_and_write_nothing(words, potentiate, tmp_path):
    outcome = potentiate(*words, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    check(outcome.object, words)
    assert outcome.object["files"] == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [*(pytest.param(w, id=" ".join(w)) for w in RUNS), *SLOW])
def test_runs_print_one_object_and_write_the_same(words, potentiate, application, tmp_path):
    outcome = potentiate(*words, "--json")
    assert outcome.code in (0, 5), outcome.err
    body = outcome.object
    check(body, words)
    assert {"table", "figure", "results"} <= set(body["files"])
    files = {name: tmp_path / path for name, path in body["files"].items()}
    assert all(path.stat().st_size > 0 for path in files.values())
    assert len({path.parent for path in files.values()}) == 1, "one folder"
    assert json.loads(files["results"].read_text()) == body
    assert not [path for path in tmp_path.rglob("*") if "part" in path.name]


@pytest.mark.parametrize("words", [("convert", "cx614", "--to", "nmodl"), ("convert", "application.csv", "a.nc")])
def test_convert_prints_one_object_that_names_its_file(words, potentiate, application, tmp_path):
    body = potentiate(*words, "--json").object
    check(body, words)
    (path,) = body["files"].values()
    assert Path(tmp_path / path).stat().st_size > 0
