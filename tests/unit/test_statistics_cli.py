"""`potentiate measure TABLE --as hill|groups`: tables, JSON, figures, and errors with exit codes."""

import csv
import json

import numpy as np
import pytest

from potentiate.cli import main
from potentiate.measures import hill


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["measure", *words])
        out = capsys.readouterr()
        return end.value.code, out.out, out.err

    return call


def table(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def cells(tmp_path):
    """12 cells of 4 animals, before and in drug, which adds half."""
    rng = np.random.default_rng(6)
    rows = []
    for animal in range(4):
        base = rng.normal(8, 1)
        for cell in range(3):
            tau = base + rng.normal(0, 0.6)
            rows += [[f"m{animal}", f"c{animal}{cell}", drug, round(tau * factor + rng.normal(0, 0.2), 3)]
                     for drug, factor in (("control", 1.0), ("CX546", 1.5))]  # fmt: skip
    table(tmp_path / "cells.csv", ["animal", "cell", "drug", "decay (ms)"], rows)
    return "cells.csv"


@pytest.fixture
def doses(tmp_path):
    rng = np.random.default_rng(2)
    rows = [[f"c{k}", c, round(float(hill(c, 0, 100 * (k + 1), 40, 1.3)) + rng.normal(0, 3), 2)]
            for k in range(3) for c in (3, 10, 30, 100, 300, 1000)]  # fmt: skip
    table(tmp_path / "doses.csv", ["cell", "CX614 (uM)", "peak (pA)"], rows)
    return "doses.csv"


def by_id(body, id, **conditions):
    return [o for o in body["observables"] if o["id"] == id and conditions.items() <= o["conditions"].items()]


class TestGroups:
    def test_paired_animals(self, run, cells):
        code, out, _ = run(cells, "--as", "groups", "--by", "drug", "--unit", "animal", "--paired", "--log", "--json")
        assert code == 0
        body = json.loads(out)
        (ratio,) = by_id(body, "ratio", group="CX546")
        assert ratio["interval"][0] < 1.5 < ratio["interval"][1]
        assert (ratio["n"], ratio["unit_of_n"], ratio["label"]) == ([4], "animal", "data")
        (p,) = by_id(body, "p", group="CX546")
        assert (p["df"], p["convention"]) == (3.0, "paired t")
        assert p["value"] < 0.001
        assert set(body["files"]) == {"table", "results", "figure"}
        assert body["inputs"]["unit"] == "animal"

    def test_counting_cells_is_refused_and_said(self, run, cells, tmp_path):
        code, out, _ = run(cells, "--as", "groups", "--by", "drug", "--unit", "cell", "--paired", "--out", "o")
        assert code == 0
        words = " ".join(out.split())
        assert "refused" in words
        assert "12 cells from 4 animals" in words
        body = json.loads((tmp_path / "o" / "results.json").read_text())
        (difference,) = by_id(body, "mean_difference")
        assert (difference["value"], difference["status"]) == (None, "refused")

    def test_mixed_model(self, run, cells):
        code, out, _ = run(cells, "--as", "groups", "--by", "drug", "--model", "mixed", "--log", "--reference",
                           "control", "--second-opinion", "--json")  # fmt: skip
        assert code == 0
        body = json.loads(out)
        (ratio,) = by_id(body, "ratio")
        assert ratio["interval"][0] < 1.5 < ratio["interval"][1]
        assert ratio["conditions"]["contrast"] == "CX546 / control"
        assert {o["conditions"]["level"] for o in by_id(body, "icc")} == {"animal", "cell", "residual"}
        assert any("random levels animal / cell" in text for text in body["assumed"])

    def test_three_groups_and_rows(self, run, tmp_path):
        rng = np.random.default_rng(1)
        rows = [[g, i, rng.normal(m, 1), "x"] for g, m in (("a", 5), ("b", 6), ("c", 9)) for i in range(6)]
        table(tmp_path / "three.csv", ["group", "cell", "x", "bad"], [[r[0], f"{r[0]}{r[1]}", *r[2:]] for r in rows])
        code, out, _ = run("three.csv", "--as=groups", "--by", "group", "--value", "x", "--units", "x=pA", "--where",
                           "group=a,b,c;", "--test", "rank", "--interval", "percentile", "--json")  # fmt: skip
        assert code == 0
        body = json.loads(out)
        assert len(by_id(body, "p_adjusted")) == 2
        assert "Mann-Whitney U" in {o["convention"] for o in by_id(body, "p")}

    @pytest.mark.parametrize(
        ("words", "code", "says"),
        [
            ([], 2, "Which column holds the groups"),
            (["--by", "drog"], 2, "drug"),
            (["--by", "drug", "--value", "cell"], 3, "Text in a column of numbers"),
            (["--by", "drug", "--where", "animal"], 2, "Cannot read 'animal'"),
            (["--by", "drug", "--where", "animal=m9"], 2, "m9"),
            (["--by", "drug", "--units", "decay"], 2, "Cannot read 'decay'"),
            (["--by", "drug", "--units", "decay=s"], 3, "has the unit"),
            (["--by", "drug", "--unit", "dish"], 2, "dish"),
            (["--by", "drug", "--reference", "CX516"], 2, "CX546"),
            (["--by", "drug,cell"], 2, "compared by one column"),
            (["--by", "drug", "--model", "mixed", "--unit", "cell"], 2, "counts every level"),
            (["--by", "drug", "--model", "mixed", "--random", "litter"], 2, "litter"),
            (["--by", "drug", "--test", "anova"], 2, "anova"),
        ],
    )
    def test_bad_requests(self, run, cells, words, code, says):
        got, out, err = run(cells, "--as", "groups", *words)
        assert (got, out) == (code, "")
        assert says in err
        assert "Traceback" not in err

    def test_repeats_must_be_asked_for(self, run, tmp_path):
        rows = [[c, d, v] for c in "abc" for d in ("no", "yes") for v in (1.0, 2.0)]
        table(tmp_path / "r.csv", ["cell", "drug", "x (pA)"], rows)
        code, _, err = run("r.csv", "--as", "groups", "--by", "drug", "--paired")
        assert code == 3
        assert "lines 2 and 3" in err
        assert run("r.csv", "--as", "groups", "--by", "drug", "--paired", "--repeats", "mean")[0] == 0


class TestHill:
    def test_one_curve_per_cell(self, run, doses):
        code, out, _ = run(doses, "--as", "hill", "--form", "3-parameter", "--json")
        assert code == 0
        body = json.loads(out)
        for k in range(3):
            (ec50,) = by_id(body, "EC50", curve=f"c{k}")
            assert ec50["interval"][0] < 40 < ec50["interval"][1]
            assert ec50["unit"] == "uM"
        assert "one curve per cell" in body["assumed"]

    def test_shared(self, run, doses):
        code, out, _ = run(doses, "--as", "hill", "--form", "3-parameter", "--share", "EC50,nH")
        assert code == 0
        assert "EC50, nH shared: extra-sum-of-squares p" in out

    def test_no_plateau_is_not_hidden(self, run, doses):
        code, out, _ = run(doses, "--as", "hill", "--where", "CX614=3,10,30; cell=c0", "--form", "3-parameter")
        assert code == 0
        assert "one-sided" in out or "not determined" in out

    @pytest.mark.parametrize(
        ("words", "code", "says"),
        [
            (["--unit", "cell"], 2, "--unit"),
            (["--concentration", "dose"], 2, "dose"),
            (["--share", "Emax"], 2, "Unknown parameter"),
            (["--share", "nH", "--sd", "peak"], 2, "--sd"),
        ],
    )
    def test_bad_requests(self, run, doses, words, code, says):
        got, _, err = run(doses, "--as", "hill", *words)
        assert got == code
        assert says in err

    def test_no_concentration(self, run, cells):
        code, _, err = run(cells, "--as", "hill")
        assert code == 2
        assert "Which column is the concentration" in err


def test_a_missing_library_names_the_extra(run, cells, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    words = (cells, "--as", "groups", "--by", "drug", "--model", "mixed", "--log")
    code, _, err = run(*words, "--second-opinion")
    assert code == 2
    assert "potentiate[statistics]" in err
    assert run(*words)[0] == 0  # the model itself needs no extra
