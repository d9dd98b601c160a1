"""`potentiate validate` as a user calls it: the board, files, exit codes, own findings, refusals."""

import csv
import json

import pytest

from potentiate.cli import main

OWN = """\
id: our-cx614
statement: In our patches 100 uM CX614 slowed deactivation ninefold.
subject: cx614
level: receptor
preparation: outside-out patch, rat CA1
protocol: 1 ms glutamate
concentration: 100 uM
observable: deactivation tau ratio
effect: {kind: value, value: VALUE, unit: fold, direction: increase}
uncertainty: {type: SD, value: 1.5}
n: 11
design: in-vitro
source: {title: Our notebook, year: 2026}
read: {at: "notebook 12, page 31", quote: CX614 tau ninefold}
role: test
experiment:
  preparation: patch
  base_scheme: Rodrigues2023
  arm: {protocol: deactivation, measure: tau_deact, width: 1 ms, agonist_concentration: 10 mM, drug: cx614,
    concentration: 100 uM}
  compare: ratio
  tolerance: {kind: z, value: 2.0, reason: scatter of our patches}
"""


@pytest.fixture
def own(tmp_path):
    def write(value=9.0):
        (tmp_path / "mine.yaml").write_text(OWN.replace("VALUE", f"{value}"))
        return "mine.yaml"

    return write


def test_the_board_of_a_drug_and_its_files(potentiate, tmp_path):
    done = potentiate("validate", "perampanel", "--json", "--out", "run")
    assert done.code == 0, done.err
    body = done.object
    assert {r["level"] for r in body["board"]} == {"receptor", "pk"}
    fails = [f for f in body["findings"] if f["verdict"] == "fail"]
    assert [f["id"] for f in fails] == ["per-ic50-ka"]
    assert fails[0]["cause"]
    assert body["regressions"] == []
    assert {"scores", "matrix", "tension", "potency", "figure", "forest receptor"} <= set(body["files"])
    with (tmp_path / "run" / "scores.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {r["id"] for r in rows} == {f["id"] for f in body["findings"]}
    assert all(r["level"] and r["verdict"] and r["source"] for r in rows)
    assert "<svg" in (tmp_path / "run" / "forest-receptor.svg").read_text()


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Call the command in this process: exit code, words on stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main(["validate", *words])
        told = capsys.readouterr()
        return end.value.code, " ".join(told.out.split()), told.err

    return run


def test_failures_come_first_with_their_cause(here):
    code, words, _ = here("perampanel", "--level", "receptor", "pk")
    assert code == 0
    assert words.index("per-ic50-ka (receptor): model 3.86") < words.index("tension per-ic50-ka")
    assert "cause: the published rates give an affinity of 3.9 uM" in words
    assert "published potencies differ 6.02-fold" in words


def test_an_own_finding_runs_without_code(here, own):
    code, words, _ = here("--findings", own())
    assert code == 0
    assert "pass our-cx614 (receptor)" in words
    assert here("--findings", own(90.0))[0] == 0, "new since the baseline: no regression"


def test_a_regression_against_an_own_baseline_is_code_5(here, own, tmp_path):
    words = ["--findings", own(), "--baseline", "base.json"]
    assert here(*words)[0] == 3, "no such baseline"
    assert here(*words, "--update-baseline")[0] == 0
    own(90.0)
    code, out, _ = here(*words, "--json")
    assert code == 5
    assert json.loads(out)["regressions"] == ["our-cx614"]
    assert json.loads((tmp_path / "base.json").read_text())["verdicts"]["our-cx614"]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--level", "receptr"], 2, "closest: receptor"),
        (["perampnel"], 2, "perampanel"),
        (["perampanel", "--level", "slice"], 2, "No finding of perampanel"),
        (["--workers", "0"], 2, "at least one process"),
        (["--findings", "absent.yaml"], 3, "absent.yaml"),
        (["--findings", "mine.yaml", "--update-baseline"], 2, "give --baseline FILE"),
        (["--findings", "mine.yaml", "aniracetam"], 2, "No finding in mine.yaml"),
        (["--baseline", "absent.json"], 3, "baseline"),
    ],
)
def test_refusals(here, own, words, code, says):
    own()
    found, out, err = here(*words)
    assert found == code
    assert says in err
    assert out == ""
