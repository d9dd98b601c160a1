"""`potentiate stack` and `compound --table` as a user types them: tables, files, and input that is refused."""

from __future__ import annotations

import csv
import json

import pytest

from potentiate.cli import main
from potentiate.library.stack import stack_ids


@pytest.fixture
def typed(capsys, monkeypatch, tmp_path):
    """Run a command in this process: exit code, what it printed, what it complained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main(list(words))
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return run


REFUSED = {
    "nothing": ((), ["No stack named", "potentiate stack roon"]),
    "both": (("roon", "--list"), ["not both"]),
    "unknown": (("caffiene",), ["Unknown compound 'caffiene'", "closest: caffeine"]),
    "nearly": (("longevity-repear",), ["longevity-repair"]),
    "imuracetam": (
        ("imuracetam; alpha-gpc",),
        ["No pharmacology on record for Imuracetam", "carry a text about aniracetam"],
    ),
    "no unit": (("caffeine 80 po; l-theanine",), ["No unit of mass after '80'", "caffeine 80 po"]),
    "impossible": (("caffeine 80 mg po daily; l-theanine",), ["the repetition has no end"]),
    "class": (("racetams; caffeine",), ["Racetams is a class", "piracetam, aniracetam"]),
    "age": (("roon", "--who", "age=200"), ["Age of 200 y is out of range"]),
    "covariate": (("roon", "--who", "smokr"), ["Unknown covariate 'smokr'", "smoker"]),
    "people": (("roon", "--people", "0"), ["0 people"]),
    "hours": (("roon", "--hours", "-1"), ["A timeline of -1 h"]),
    "species": (("roon", "--species", "unicorn"), ["Unknown species 'unicorn'"]),
    "shares": (("roon", "--onset", "2"), ["Shares of 2"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name, typed, tmp_path):
    words, said = REFUSED[name]
    code, out, err = typed("stack", *words)
    assert code == 2
    assert out == ""
    assert all(text in err for text in said), err
    assert list(tmp_path.iterdir()) == []


def test_the_list(typed, tmp_path):
    code, out, _ = typed("stack", "--list", "--json")
    assert code == 0
    assert [s["id"] for s in json.loads(out)["stacks"]] == stack_ids()
    assert list(tmp_path.iterdir()) == []


def test_the_pouch_writes_table_figure_and_results(typed, tmp_path):
    code, out, err = typed("stack", "roon", "--out", "pouch")
    assert code == 0, err
    words = " ".join(out.split())
    for text in ("80 mg pouch 08:00", "onset 1.92 to 10.4 min", "not advice", "counts as 80 to 195 mg"):
        assert text in words
    folder = tmp_path / "pouch"
    assert {p.name for p in folder.iterdir()} == {
        "table.csv",
        "figure.svg",
        "figure.png",
        "results.json",
        "command.txt",
    }
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    about = {row["about"] for row in rows}
    assert about >= {"part", "does", "effect", "overlap", "interaction", "promise", "evidence", "rule", "limit",
                     "onset", "tolerance", "sport", "legal", "if with", "safety"}  # fmt: skip
    promises = {row["what"]: row["answer"] for row in rows if row["about"] == "promise"}
    assert promises["5 to 10 minute onset"] == promises["6 to 8 hour window"] == "not determined"
    body = json.loads((folder / "results.json").read_text())
    assert {p["compound"] for p in body["review"]["parts"]} == {"caffeine", "l-theanine", "methylliberine", "theacrine"}
    assert "mondal2021" in body["references"]
    assert all(o["reason"] for o in body["observables"] if o["status"] != "ok")


def test_a_stack_without_doses_draws_no_curve(typed):
    code, out, _ = typed("stack", "longevity-repair", "--json", "--out", "run")
    assert code == 0
    review = json.loads(out)["review"]
    assert all(p["exposure"] == "source 002 gives no dose" and p["peak"] is None for p in review["parts"])
    assert any("BDNF in people" in line for line in review["no_supported_effect"])
    words = {p["promise"]: p["word"] for p in review["promises"]}
    assert words["Noopept boosts BDNF in people (2024 meta-analysis)"] == "animals or cells only"


def test_the_table_of_source_000(typed):
    names = ("ampakines", "racetams", "caffeine", "l-theanine", "caffeine-theanine", "roon")
    code, out, _ = typed("compound", *names, "--table", "--json")
    assert code == 0
    rows = json.loads(out)["approaches"]
    assert [r["name"] for r in rows] == [
        "Ampakines", "Racetams", "Caffeine", "L-Theanine", "Caffeine + L-theanine", "Roon",
    ]  # fmt: skip
    assert all(r["mechanism"] and r["evidence"] and r["status"] and r["adverse"] for r in rows)
    assert {"not posted", "no benefit"} <= {result for _, result, _ in rows[0]["trials"]}


def test_one_table_is_asked_for(typed):
    code, _, err = typed("compound", "cx516", "cx717")
    assert code == 2
    assert "--table" in err
    code, _, err = typed("compound", "imuracetam", "--table")
    assert code == 2
    assert "No pharmacology on record" in err


def test_the_installed_program(potentiate):
    outcome = potentiate("stack", "caffeine 80 mg po 08:00; l-theanine 60 mg po 08:00", "--json", "--out", "run")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert {p["compound"]: p["exposure"] for p in outcome.object["review"]["parts"]} == {
        "caffeine": "followed", "l-theanine": "followed",
    }  # fmt: skip
