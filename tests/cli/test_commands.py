"""What compound, measure, convert, conventions, cite and doctor answer."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from potentiate.library.compound import all_compounds
from potentiate.library.references import bibliography
from potentiate.library.scheme import find_scheme
from potentiate.measures.conventions import CONVENTIONS
from potentiate.recordings import read


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "table.csv").read_text().splitlines()))


class TestCompound:
    def test_card(self, potentiate):
        outcome = potentiate("compound", "72432-10-1")
        assert outcome.code == 0
        assert outcome.out.startswith("Aniracetam   compound   id aniracetam")
        for text in ("ZXNRTKGTQJPIJK-UHFFFAOYSA-N", "219.24 g/mol", "AMPA parameters", "caution", "calibration"):
            assert text in outcome.words

    def test_parameters_say_prior_interval_and_word(self):
        from potentiate.cli.compound import _receptor

        shown = [row[2] for row in _receptor("cx614") if "calibrated" in row[2]]
        assert shown
        assert all(re.search(r"interval \S+ to \S+; prior \S+ to \S+; (not )?(determined|one-sided)", s) for s in shown)
        unknown = [row[2] for row in _receptor("thiocyanate") if "unknown" in row[2]]
        assert all(len(text) > len("-; unknown") for text in unknown), "the reason is printed"

    def test_counts_are_those_of_the_library(self, potentiate):
        body = potentiate("compound", "aniracetam", "--json").object
        assert sum(row["n"] for row in body["counts"]) > 10
        assert body["ampa_receptor"]["kind"] == "operator"
        assert "lawrence2003" in body["references"]

    def test_imuracetam_is_shown_and_nothing_is_claimed(self, potentiate):
        outcome = potentiate("compound", "imuracetam")
        assert outcome.code == 0
        assert "none on record" in outcome.words
        assert "nothing is predicted" in outcome.words
        assert "stands for aniracetam" in outcome.words

    def test_every_compound_has_a_card(self):
        from potentiate.cli.compound import _card, _listing

        for compound in all_compounds():
            card = _card(compound)
            assert all(len(row) == 4 and all(isinstance(text, str) for text in row) for row in card.rows)
        assert len(_listing(None).rows) == len(all_compounds())
        assert 0 < len(_listing("class").rows) < len(all_compounds())


class TestMeasure:
    def test_application(self, potentiate, application, tmp_path):
        outcome = potentiate("measure", "application.csv", "--on", "200ms", "--off", "700 ms", "--out", "run")
        assert outcome.code == 0, outcome.err
        assert "2 of 3 sweeps respond" in outcome.out
        rows = table(tmp_path / "run")
        assert [row["response"] for row in rows] == ["yes", "yes", "no"]
        first = rows[0]
        assert float(first["peak (pA)"]) == pytest.approx(-100, rel=0.02)
        assert float(first["SS/peak"]) == pytest.approx(0.4, rel=0.03)
        assert float(first["tau_des (ms)"]) == pytest.approx(80, rel=0.05)
        assert float(first["tau_off (ms)"]) == pytest.approx(30, rel=0.05)
        assert rows[2]["peak (pA)"]
        assert not rows[2]["SS/peak"]
        assert rows[2]["status"] == "no response"
        assert rows[2]["reason"]

    def test_the_three_outputs_hold_the_same_numbers(self, potentiate, application, tmp_path):
        potentiate("measure", "application.csv", "--out", "run")
        rows = table(tmp_path / "run")
        body = json.loads((tmp_path / "run" / "results.json").read_text())
        peaks = [o["value"] for o in body["observables"] if o["id"] == "peak"]
        assert peaks == [float(row["peak (pA)"]) for row in rows]
        assert {o["label"] for o in body["observables"]} == {"data"}
        assert body["inputs"]["sha256"]
        svg = (tmp_path / "run" / "figure.svg").read_text()
        assert "2 of 3 sweeps respond" in svg or "<svg" in svg

    def test_sweeps_and_channels_are_chosen(self, potentiate, application):
        body = potentiate("measure", "application.csv", "--sweeps", "0,2", "--channel", "0", "--json").object
        assert body["inputs"]["sweeps"] == [0, 2]
        assert {o["conditions"]["sweep"] for o in body["observables"]} == {0, 2}

    def test_what_was_not_told_is_listed(self, potentiate, application):
        told = potentiate("measure", "application.csv", "--on", "200ms", "--off", "700ms", "--json").object["assumed"]
        blind = potentiate("measure", "application.csv", "--json").object["assumed"]
        assert len(blind) > len(told)
        assert any("--on and --off" in text for text in blind)

    def test_train(self, potentiate, train, tmp_path):
        outcome = potentiate("measure", "train.csv", "--out", "run")
        assert outcome.code == 0, outcome.err
        assert "5 evenly spaced stimulus artefacts" in outcome.words
        rows = table(tmp_path / "run")
        assert [float(row["stimulus (ms)"]) for row in rows] == pytest.approx([100, 120, 140, 160, 180], abs=0.2)
        ratios = np.array([float(row["ratio"]) for row in rows])
        assert ratios == pytest.approx(np.array([1, 0.6, 0.4, 0.3, 0.25]), abs=0.04)
        assert re.search(r"PPR 0\.(5[6-9]|6)", outcome.out)

    def test_stimuli_can_be_given(self, potentiate, train):
        body = potentiate("measure", "train.csv", "--stimuli", "100ms, 120 ms", "--json").object
        assert [o["conditions"]["pulse"] for o in body["observables"] if o["id"] == "latency"] == [1, 2]

    def test_the_unit_of_a_column_can_be_given(self, potentiate, tmp_path):
        t = np.arange(0.0, 1000.0)
        current = np.where((t > 200) & (t < 700), -1.0, 0.0) + np.random.default_rng(1).normal(0, 0.01, t.size)
        np.savetxt(tmp_path / "nA.csv", np.column_stack([t, current]), delimiter=",", header="time (ms),I", comments="")
        body = potentiate("measure", "nA.csv", "--unit", "nA", "--json").object
        peak = next(o for o in body["observables"] if o["id"] == "peak")
        assert peak["unit"] == "pA"
        assert peak["value"] == pytest.approx(-1000, rel=0.05)

    def test_four_responders_of_the_real_recording(self, potentiate, data_dir):
        path = str(data_dir / "nmda_application_pyabf" / "File_axon_7.abf")
        outcome = potentiate("measure", path, "--on", "500 ms", "--off", "2500 ms", "--out", "run")
        assert outcome.code == 0, outcome.err
        assert "4 of 12 sweeps respond" in outcome.out
        assert "-666.14 .. 4.5365 pA" in outcome.out

    def test_train_of_the_real_recording(self, potentiate, data_dir):
        path = str(data_dir / "epsc_train_st_nts_pyabf" / "f1.abf")
        body = potentiate("measure", path, "--json").object
        assert body["inputs"]["as"] == "train"
        assert any("channel 0 'CH1'" in text for text in body["assumed"])
        ppr = next(o for o in body["observables"] if o["id"] == "PPR")
        assert ppr["value"] == pytest.approx(0.553, rel=0.02)


class TestConvert:
    @pytest.mark.parametrize(("to", "ending", "first"), [("nmodl", ".mod", ":"), ("mmt", ".mmt", "[[model]]")])
    def test_a_scheme(self, to, ending, first, potentiate, tmp_path):
        outcome = potentiate("convert", "partin1996", "--to", to)
        assert outcome.code == 0, outcome.err
        assert (tmp_path / f"Partin1996{ending}").read_text().startswith(first)
        assert "channel noise" in outcome.words
        assert outcome.out.count("not expressed") >= 3

    def test_a_compound_on_a_chosen_scheme(self, potentiate, tmp_path):
        words = ("convert", "CX614", "--to", "mmt", "--scheme", "Partin1996", "--variant", "strongest", "-o", "x.mmt")
        body = potentiate(*words, "--json").object
        assert body["inputs"]["scheme"] == "Partin1996"
        assert {"partin1996", "arai2000"} <= set(body["references"])
        assert "cx614" in (tmp_path / "x.mmt").read_text()

    def test_the_default_scheme_is_listed_as_assumed(self, potentiate):
        body = potentiate("convert", "cyclothiazide", "--to", "nmodl", "--json").object
        assert any("base scheme" in text for text in body["assumed"])
        assert find_scheme(body["inputs"]["scheme"])

    @pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.nc"])
    def test_a_recording_reads_back_as_it_was(self, name, potentiate, application, tmp_path):
        outcome = potentiate("convert", "application.csv", name, "--check")
        assert outcome.code == 0, outcome.err
        assert "read back as they were" in outcome.words
        before, after = read(application), read(tmp_path / name)
        assert np.array_equal(before.data, after.data)
        assert before.units == after.units

    def test_force_replaces(self, potentiate, application, tmp_path):
        (tmp_path / "out.csv").write_text("old")
        assert potentiate("convert", "application.csv", "out.csv").code == 3
        assert (tmp_path / "out.csv").read_text() == "old"
        assert potentiate("convert", "application.csv", "out.csv", "--force").code == 0
        assert read(tmp_path / "out.csv").data.shape == (1, 3, 1200)

    def test_a_real_abf(self, potentiate, data_dir, tmp_path):
        path = data_dir / "nmda_application_pyabf" / "File_axon_7.abf"
        outcome = potentiate("convert", str(path), "cell.csv")
        assert outcome.code == 0, outcome.err
        assert np.array_equal(read(path).data, read(tmp_path / "cell.csv").data)


class TestConventions:
    def test_table_holds_every_quantity(self, potentiate):
        words = potentiate("conventions").words
        assert all(c.quantity.split()[0] in words for c in CONVENTIONS)

    @pytest.mark.parametrize("name", ["SS/peak", "ss/PEAK", "steady_state_ratio"])
    def test_one_quantity_by_any_of_its_names(self, name, potentiate):
        words = potentiate("conventions", name).words
        assert "last 10 %" in words
        assert "last 5 ms" in words


class TestCite:
    def test_a_scheme_its_works_and_this_program(self, potentiate):
        keys = [r["key"] for r in potentiate("cite", "Coombs2017", "--json").object["references"]]
        assert keys == ["coombs2017", "tagg_nmodl", "potentiate"]

    def test_bibtex_is_bibtex(self, potentiate):
        from potentiate.library.references import read_bibtex

        outcome = potentiate("cite", "--all", "--bibtex")
        assert set(read_bibtex(outcome.out, "stdout")) == set(bibliography())

    def test_a_finding_with_its_work(self, potentiate):
        keys = [r["key"] for r in potentiate("cite", "cx614-deact-8p4", "--json").object["references"]]
        assert keys == ["arai2000", "potentiate"]

    def test_a_run(self, potentiate, tmp_path):
        assert potentiate("patch", "aniracetam", "--conc", "1mM", "--scheme", "Partin1996", "--out", "run").code == 0
        body = potentiate("cite", "run", "--json").object
        assert {"partin1996", "modeldb50997", "lawrence2003"} <= {r["key"] for r in body["references"]}
        assert potentiate("cite", "run").code == 0


class TestDoctor:
    def test_all_is_well_here(self, potentiate):
        outcome = potentiate("doctor")
        assert outcome.code == 0
        assert "jax float64 yes" in outcome.words
        assert "All that is needed is here." in outcome.out

    def test_a_missing_dependency_is_named_with_what_it_is_for(self, monkeypatch):
        from potentiate.cli import doctor

        def version(name: str) -> str:
            raise doctor.importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(doctor.importlib.metadata, "version", version)
        assert doctor._package("neo", doctor.NEEDED["neo"], "", "missing")[2] == "missing"

    def test_a_wrong_version_is_named(self):
        from potentiate.cli import doctor

        assert doctor._package("numpy", "arrays", ">=999", "missing")[2] == "wrong version"

    def test_folders_follow_the_environment(self, potentiate, tmp_path):
        (tmp_path / "data").mkdir()
        checks = potentiate("doctor", "--json", POTENTIATE_DATA=str(tmp_path / "data")).object["checks"]
        assert {c["item"]: c["status"] for c in checks}["data folder"] == "ok"
        checks = potentiate("doctor", "--json", POTENTIATE_DATA="nowhere").object["checks"]
        assert {c["item"]: c["status"] for c in checks}["data folder"] == "not found"
