"""`measure --as nca` and `fit --as population` as a user calls them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from potentiate.cli import main

MODEL = ("--as", "population", "--model", "one-compartment-iv")


@pytest.fixture
def table(tmp_path):
    """Eight people, one bolus, no noise but 5 %: CL 2 L/h, V 30 L."""
    rng = np.random.default_rng(1)
    lines = ["ID,TIME (h),AMT (mg),DV (mg/L),WT (kg)"]
    for k in range(8):
        cl, v, kg = 2.0 * np.exp(rng.normal(0, 0.3)), 30.0 * np.exp(rng.normal(0, 0.2)), rng.uniform(50, 90)
        lines.append(f"{k + 1},0,100,.,{kg:.3g}")
        for t in (0.5, 2.0, 6.0, 12.0, 24.0, 48.0):
            lines.append(f"{k + 1},{t},.,{100 / v * np.exp(-cl / v * t) * (1 + 0.05 * rng.normal()):.5g},{kg:.3g}")
    path = tmp_path / "people.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_fit_writes_table_figures_and_files(potentiate, table, tmp_path):
    done = potentiate("fit", table.name, *MODEL, "--vpc", "50", "--starts", "1", "--out", "run")
    assert done.code == 0, done.err
    for text in ("8 subjects 48 observations", "FOCE with interaction", "Objective", "shrinkage %", "Assumed",
                 "determined", "Predictive check"):  # fmt: skip
        assert text in done.words
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"table.csv", "figure.svg", "figure.png", "results.json", "individuals.csv", "predictions.csv",
            "individual_fits.svg", "vpc.svg"} <= names  # fmt: skip
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    found = {o["id"]: o for o in results["observables"]}
    assert found["CL"]["unit"] == "L/h"
    assert found["CL"]["label"] == "calibration"
    assert found["CL"]["interval"][0] < found["CL"]["value"] < found["CL"]["interval"][1]
    assert found["CL"]["rse_percent"] < 30
    with (tmp_path / "run" / "individuals.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 8
    assert sum(float(row["objective"]) for row in rows) == pytest.approx(results["objective"], abs=1e-4)
    with (tmp_path / "run" / "predictions.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == 48


def test_the_objective_alone(potentiate, table):
    start = "CL=2,V=30,V~WT<60=0.1,omega CL=0.09,omega V=0.04,sigma proportional=0.01"
    done = potentiate("fit", table.name, *MODEL, "--covariate", "V~WT<60", "--evaluate", "--start", start, "--json")
    assert done.code == 0, done.err
    assert len(done.object["by_subject"]) == 8
    assert done.object["objective"] == pytest.approx(sum(done.object["by_subject"]))


def test_nca(potentiate, table):
    done = potentiate("measure", table.name, "--as", "nca", "--route", "iv", "--json", "--out", "nca")
    assert done.code == 0, done.err
    found = [o for o in done.object["observables"] if o["id"] == "CL"]
    assert len(found) == 8
    assert all(o["status"] == "ok" for o in found)
    assert 1 < np.median([o["value"] for o in found]) < 4
    assert set(done.object["files"]) == {"table", "results", "figure", "subjects"}


REFUSED = {
    "no model": (("fit", "people.csv", "--as", "population"), 2, ["No model", "one-compartment-iv"]),
    "unknown model": (("fit", "people.csv", "--as", "population", "--model", "one-comp"), 2, ["'one-comp'"]),
    "relation": (("fit", "people.csv", *MODEL, "--covariate", "CL=WT"), 2, ["'CL=WT'", "CL~WT"]),
    "covariate": (("fit", "people.csv", *MODEL, "--covariate", "CL~AGE"), 2, ["'AGE'", "WT"]),
    "start": (("fit", "people.csv", *MODEL, "--start", "CL=two"), 2, ["CL of 'two'", "--start"]),
    "start of another": (("fit", "people.csv", *MODEL, "--start", "KA=2"), 2, ["'KA'", "CL, V"]),
    "simulations": (("fit", "people.csv", *MODEL, "--vpc", "3"), 2, ["3 simulations", "--vpc"]),
    "route": (("measure", "people.csv", "--as", "nca"), 2, ["How were the doses given?", "--route oral"]),
    "interval": (("measure", "people.csv", "--as", "nca", "--route", "iv", "--tau", "24"), 2, ["No unit", "--tau"]),
    "no units": (("measure", "bare.csv", "--as", "nca", "--route", "iv"), 3, ["No unit of TIME, AMT, DV", "line 1"]),
    "missing column": (("fit", "columns.csv", *MODEL), 3, ["No column AMT", "columns.csv line 1"]),
    "twice at a time": (("fit", "twice.csv", *MODEL), 3, ["Two observations", "line 4 and line 3"]),
    "negative": (("measure", "people.csv", "--as", "nca", "--route", "iv", "--tau=-2 h"), 2, ["'-2 h'", "--tau"]),
    "molar mass": (("fit", "people.csv", *MODEL, "--molar-mass", "heavy"), 2, ["'heavy'", "g/mol"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(table, tmp_path, monkeypatch, capsys, name):
    """In this process: a process of its own for each takes a second."""
    (tmp_path / "bare.csv").write_text("ID,TIME,AMT,DV\n1,0,9,.\n1,1,.,5\n")
    (tmp_path / "columns.csv").write_text("ID,TIME (h),DV (mg/L)\n1,0,9\n")
    (tmp_path / "twice.csv").write_text("ID,TIME (h),AMT (mg),DV (mg/L)\n1,0,9,.\n1,1,.,5\n1,1,.,6\n")
    words, code, fragments = REFUSED[name]
    before = set(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(list(words))
    said = capsys.readouterr()
    assert end.value.code == code, said.err or said.out
    assert said.out == ""
    assert "internal error" not in said.err
    for fragment in fragments:
        assert fragment in said.err
    assert set(tmp_path.rglob("*")) == before
