"""`potentiate dose` as a user types it: tables, files, and input that is refused."""

from __future__ import annotations

import csv
import json

import pytest

from potentiate.cli import main

from .conftest import Outcome
from .test_bad_input import refused
from .test_json_contract import check

#: words -> what the message must hold; all are usage errors
REFUSED = {
    "no unit of mass": (("caffeine", "200 po"), ["No unit of mass", "'200 mg po'"]),
    "bare number": (("caffeine", "200"), ["No unit of mass"]),
    "negative": (("caffeine", "-5 mg po"), ["-5 mg", "more than nothing"]),
    "zero": (("caffeine", "0 mg po"), ["0 mg"]),
    "absurd": (("caffeine", "1e9 mg po"), ["above 100 g", "check the unit"]),
    "before midnight of day 1": (("caffeine", "200 mg po at -3 h"), ["-3 h"]),
    "every 0 h": (("caffeine", "200 mg po every 0 h x3"), ["interval above zero"]),
    "no time of day": (("caffeine", "200 mg po 25:00"), ["25:00 is no time of day"]),
    "contradictory": (("caffeine", "200 mg po daily every 8 h x3"), ["Two repetitions"]),
    "no end": (("caffeine", "200 mg po daily"), ["How often?", "x7"]),
    "no route": (("caffeine", "200 mg"), ["No route", "po"]),
    "gibberish": (("caffeine", "200 mg po with breakfast"), ["Not understood", "with breakfast"]),
    "another compound in the text": (("caffeine", "l-theanine 200 mg po"), ["names 'l-theanine'"]),
    "unknown compound": (("caffine", "200 mg po"), ["'caffine'", "closest: caffeine"]),
    "imuracetam": (("imuracetam", "200 mg po"), ["No pharmacology on record", "'aniracetam'"]),
    "class": (("ampakines", "200 mg po"), ["is a class, not a substance", "cx717"]),
    "route without a source": (("caffeine", "200 mg ip"), ["No route 'ip' for caffeine", "use po"]),
    "species": (("caffeine", "200 mg po", "--species", "martian"), ["'martian'", "human, rat"]),
    "variant": (("caffeine", "200 mg po", "--variant", "abstinant"), ["'abstinant'", "abstinent"]),
    "target": (("caffeine", "200 mg po", "--target", "A3"), ["target of Caffeine", "adenosine A1 receptor"]),
    "matrix": (("caffeine", "200 mg po", "--matrix", "blood"), ["'blood'", "plasma, free, brain or csf"]),
    "sleep of another": (("modafinil", "200 mg po", "--sleep", "awake from 07:00"), ["--sleep without caffeine"]),
    "sleep": (("caffeine", "200 mg po", "--sleep", "a little"), ["a little"]),
    "hours": (("caffeine", "200 mg po", "--hours", "-1"), ["-1 h after the last dose"]),
    "onset": (("caffeine", "200 mg po", "--onset", "1.5"), ["1.5", "between 0 and 1"]),
    "mouth": (("caffeine", "200 mg po", "--mouth-fraction", "0.3"), ["no dose is given in the mouth"]),
    "fix, no number": (("caffeine", "200 mg po", "--fix", "po.gut.ka=fast"), ["'po.gut.ka=fast'", "po.gut.ka=1.5"]),
    "fix, no such name": (("caffeine", "200 mg po", "--fix", "po.gut.kaa=1"), ["po.gut.kaa", "po.gut.ka"]),
    "unknown covariate": (("caffeine", "200 mg po", "--who", "smokr"), ["'smokr'", "closest: smoker"]),
    "covariate out of range": (("caffeine", "200 mg po", "--who", "age=700"), ["Age of 700", "18 to 100"]),
    "contradictory covariates": (("caffeine", "200 mg po", "--who", "male, pregnant"), ["Contradictory"]),
    "weight without a unit": (("caffeine", "200 mg po", "--weight", "60"), ["weight without a unit", "kg"]),
    "nobody": (("caffeine", "200 mg po", "--people", "0"), ["0 people"]),
    "no regimen": (("caffeine",), ["No regimen of Caffeine", "--ruler"]),
    "ruler and regimen": (("caffeine", "200 mg po", "--ruler"), ["leave one out"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_dose_is_refused_with_what_to_do(name, capsys, monkeypatch, tmp_path):
    """In this process: every start of the program costs more than the refusal."""
    monkeypatch.chdir(tmp_path)
    words, fragments = REFUSED[name]
    with pytest.raises(SystemExit) as end:
        main(["dose", *words])
    printed = capsys.readouterr()
    refused(Outcome(int(str(end.value.code)), printed.out, printed.err), 2, fragments, tmp_path, set())


def test_a_dose_gives_numbers_courses_and_a_ruler(potentiate, tmp_path):
    words = ("dose", "caffeine", "200 mg po 08:00", "--hours", "12")
    outcome = potentiate(*words, "--json")
    assert outcome.code == 0, outcome.err
    body = outcome.object
    check(body, words)
    files = {name: tmp_path / path for name, path in body["files"].items()}
    assert {"table", "figure", "results", "courses", "ruler"} <= set(files)
    with files["courses"].open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    peak = max(float(row["caffeine (uM)"]) for row in rows)
    cmax = next(o for o in body["observables"] if o["id"] == "Cmax" and o["conditions"]["of"] == "caffeine")
    assert cmax["value"] == pytest.approx(peak, rel=1e-4)
    assert float(rows[0]["time (h)"]) == 8.0
    assert float(rows[-1]["time (h)"]) == pytest.approx(20.0, abs=0.02)
    a1 = [o for o in body["observables"] if o["conditions"]["of"] == "adenosine A1 receptor"]
    occupied = [o for o in a1 if o["id"].startswith("peak occupancy")]
    assert len(occupied) >= 4, "two persons, with and without paraxanthine"
    assert {"perera2013", "elmenhorst2012"} <= set(body["references"])


def test_the_ruler_alone(potentiate, tmp_path):
    outcome = potentiate("dose", "aniracetam", "--ruler", "--json")
    assert outcome.code == 0, outcome.err
    check(outcome.object, ("dose", "aniracetam", "--ruler"))
    gap = next(o for o in outcome.object["observables"] if o["id"] == "gap_closest")
    assert 4.0 < gap["value"] < 5.0
    marks = outcome.object["rulers"][0]["marks"]
    assert all((m["unknown"] is None) == (m["low_uM"] is not None) for m in marks)


def test_without_pharmacokinetics_no_curve_is_written(potentiate, tmp_path):
    outcome = potentiate("dose", "bacopa", "300 mg po", "--out", "one")
    assert outcome.code == 0, outcome.err
    assert "unknown" in outcome.words
    assert not (tmp_path / "one" / "pk.csv").exists()
    assert (tmp_path / "one" / "ruler.csv").exists()
    results = json.loads((tmp_path / "one" / "results.json").read_text())
    assert all(o["value"] is None for o in results["observables"])
