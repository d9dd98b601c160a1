"""`potentiate measure`: every kind of measurement on planted files, and what it refuses. Runs in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from potentiate.cli import main

from .test_json_contract import check

T = np.arange(0.0, 80.0, 0.05)
STIMULUS = 20.0


def table(path: Path, titles: list[str], columns: list[np.ndarray]) -> str:
    np.savetxt(path, np.column_stack(columns), delimiter=",", header=",".join(titles), comments="", fmt="%.6g")
    return path.name


def field_sweep(slope: float, rng: np.random.Generator, volley: float = 0.2) -> np.ndarray:
    """Artefact of 0.3 ms, volley at 1.6 ms, straight fEPSP from 4 to 8 ms, noise of 5 uV."""
    x = T - STIMULUS
    v = slope * np.interp(x - 4.0, [0.0, 4.0, 20.0], [0.0, 4.0, 0.0])
    v = v - volley * np.exp(-0.5 * ((x - 1.6) / 0.25) ** 2)
    v = np.where((x >= 0) & (x < 0.3), 3.0, v)
    return v + rng.normal(0, 0.005, T.size)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Call the command; returns (code, stdout as one line of words or the object, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str):
        monkeypatch.setattr(sys, "argv", ["potentiate", "measure", *words])
        with pytest.raises(SystemExit) as end:
            main(["measure", *words])
        said = capsys.readouterr()
        if "--json" in words and end.value.code == 0:
            return end.value.code, json.loads(said.out), said.err
        return end.value.code, " ".join(said.out.split()), " ".join(said.err.split())

    return call


def values(body: dict, id: str) -> list[float]:
    return [entry["value"] for entry in body["observables"] if entry["id"] == id]


@pytest.fixture
def io_file(tmp_path) -> str:
    rng = np.random.default_rng(3)
    strength = np.repeat([20.0, 40.0, 60.0, 80.0, 100.0, 120.0], 2)
    slopes = -0.8 / (1 + np.exp((60.0 - strength) / 12.0))
    sweeps = [field_sweep(slope, rng, volley=0.004 * s) for slope, s in zip(slopes, strength, strict=True)]
    return table(tmp_path / "io.csv", ["time (ms)", *[f"V {k} (mV)" for k in range(12)]], [T, *sweeps])


class TestField:
    def test_slopes_volleys_and_input_output(self, run, io_file, tmp_path):
        words = (io_file, "--intensities", "20x2, 40x2, 60x2, 80x2, 100x2, 120x2 uA", "--json")
        code, body, _ = run(*words)
        assert code == 0
        check(body, ("measure", *words[:-1]))
        assert body["inputs"]["as"] == "field"
        slopes = values(body, "fEPSP_slope")
        assert slopes[-1] == pytest.approx(-0.8 / (1 + np.exp(-5)), rel=0.02)
        assert values(body, "fibre_volley")[-1] == pytest.approx(0.48, rel=0.08)
        assert values(body, "half_maximal_stimulus")[0] == pytest.approx(60.0, rel=0.05)
        assert values(body, "io_slope_per_volley")[0] == pytest.approx(values(body, "io_slope")[0] / 0.004, rel=0.15)
        assert body["observables"][0]["conditions"]["stimulus_uA"] == 20.0
        for name in ("table", "figure", "results"):
            assert (tmp_path / body["files"][name]).stat().st_size > 500
        assert any("slope window" in line for line in body["assumed"])

    @pytest.mark.parametrize(("name", "long"), [("max", "maximum"), ("20-80", "20-80"), ("fixed", "fixed window")])
    def test_the_definition_of_the_slope_is_switched_by_name(self, run, io_file, name, long):
        code, body, _ = run(io_file, "--sweeps", "8-11", "--slope", name, "--json", "--out", "o")
        assert code == 0
        entries = [entry for entry in body["observables"] if entry["id"] == "fEPSP_slope"]
        assert {entry["convention"] for entry in entries} == {long}
        assert all(-0.82 < entry["value"] < -0.7 for entry in entries)

    def test_windows_are_told(self, run, io_file):
        code, body, _ = run(io_file, "--window", "5 ms, 7 ms", "--search", "4 ms, 12 ms", "--volley",
                            "1 ms, 3 ms", "--stimuli", "20 ms", "--polarity", "negative",
                            "--baseline=-15 ms, -1 ms", "--json")  # fmt: skip
        assert code == 0
        assert body["assumed"] == []
        assert body["inputs"]["window_ms"] == [5.0, 7.0]

    def test_several_files_give_a_row_each(self, run, io_file, tmp_path):
        rng = np.random.default_rng(5)
        other = table(tmp_path / "other.csv", ["time (ms)", "V (mV)"], [T, field_sweep(-0.3, rng)])
        code, out, _ = run(io_file, other, "--as", "field")
        assert code == 0
        assert "io.csv" in out
        assert "2 recordings" in out
        assert "compare groups by animals" in out
        (folder,) = (tmp_path / "runs").iterdir()
        cells = (folder / "table.csv").read_text().splitlines()[2].split(",")
        assert cells[0] == "other.csv"
        assert float(cells[1]) == pytest.approx(-0.3, rel=0.02)
        assert run(io_file, io_file)[0] == 2


class TestTimeCourse:
    @pytest.fixture
    def slices(self, tmp_path) -> str:
        rng = np.random.default_rng(6)
        t = np.arange(0.0, 60.0, 1 / 3)
        rows = ["time (min),slice,slope (mV/ms),control (mV/ms)"]
        for name, change in (("a", 1.5), ("b", 1.3), ("c", 1.0), ("d", 1.6)):
            test = -0.3 * (np.where(t >= 20, change, 1.0) + rng.normal(0, 0.03, t.size))
            control = -0.2 * (1.0 + rng.normal(0, 0.03, t.size))
            rows += [f"{x:.6f},{name},{y:.5f},{z:.5f}" for x, y, z in zip(t, test, control, strict=True)]
        (tmp_path / "ltp.csv").write_text("\n".join(rows))
        return "ltp.csv"

    def test_a_table_of_slices_with_a_control_pathway(self, run, slices, tmp_path):
        words = (slices, "--by", "slice", "--column", "slope", "--control", "control", "--induction", "20 min")
        code, body, _ = run(*words, "--json")
        assert code == 0
        check(body, ("measure", *words))
        assert values(body, "percent_of_baseline") == pytest.approx([150, 130, 100, 160], abs=2.5)
        assert values(body, "percent_of_control_pathway") == pytest.approx([150, 130, 100, 160], abs=4)
        assert len((tmp_path / body["files"]["table"]).read_text().splitlines()) == 5

    def test_one_slice_prints_its_minutes(self, run, slices, tmp_path):
        lines = [line for line in (tmp_path / slices).read_text().splitlines() if ",a," in line or "time" in line]
        (tmp_path / "a.csv").write_text("\n".join(lines))
        code, out, _ = run("a.csv", "--column", "slope", "--induction", "20 min", "--last", "20", "--out", "o")
        assert code == 0
        assert float(out.split("percent_of_baseline ")[1].split()[0]) == pytest.approx(150, abs=2)
        assert "n = 60 sweeps against 60 of baseline" in out
        assert len((tmp_path / "o" / "table.csv").read_text().splitlines()) == 61

    def test_sweeps_of_a_recording_with_two_pathways(self, run, tmp_path):
        rng = np.random.default_rng(7)
        # every 30 s, pathways in turn; the even one is potentiated from 10 min (sweep 20) on
        slopes = [-0.5 * (1.5 if k >= 20 and k % 2 == 0 else 1.0) for k in range(60)]
        sweeps = [field_sweep(slope, rng) for slope in slopes]
        name = table(tmp_path / "two.csv", ["time (ms)", *[f"V {k} (mV)" for k in range(60)]], [T, *sweeps])
        code, body, _ = run(name, "--induction", "10 min", "--interval", "30 s", "--control", "odd", "--json")
        assert code == 0
        assert body["inputs"]["as"] == "timecourse"
        assert values(body, "percent_of_baseline") == pytest.approx([150.0], abs=1.5)
        assert values(body, "percent_of_control_pathway") == pytest.approx([150.0], abs=2.0)
        assert (tmp_path / body["files"]["figure"]).stat().st_size > 2000

    def test_what_it_refuses(self, run, slices, io_file):
        for words, fragments in (
            ((slices, "--by", "slice", "--column", "slope"), ["When does the baseline end", "--induction"]),
            ((slices, "--by", "slice", "--induction", "20 min"), ["Which column", "--column"]),
            ((slices, "--column", "slope", "--by", "animal", "--induction", "20 min"), ["'animal'"]),
            ((slices, "--column", "slope", "--by", "slice", "--induction", "55 min"), ["reach back"]),
            ((slices, "--column", "slope", "--induction", "20 min", "--on", "1 ms"), ["--on", "application"]),
            ((io_file, "--induction", "20 min"), ["When did the sweeps start", "--interval"]),
            ((io_file, "--induction", "2 min", "--interval", "20 s", "--column", "x"), ["--column"]),
            ((io_file, "--intensities", "20,40 uA"), ["2 intensities for 12 sweeps"]),
            ((io_file, "--intensities", "20,40"), ["No unit"]),
            ((io_file, "--window", "8 ms, 5 ms"), ["ends before"]),
            ((io_file, "--window", "5, 8"), ["No unit"]),
            ((io_file, "--slope", "30-70"), ["30-70"]),
            ((io_file, "--convention", "PPR"), ["quantity=name"]),
            ((io_file, "--convention", "speed=fast"), ["speed"]),
            ((io_file, "--as", "train", "--slope", "max"), ["--slope", "train"]),
            ((io_file, "--last", "10", "--result", "1 min, 2 min"), ["twice"]),
        ):  # fmt: skip
            code, _, error = run(*words)
            assert code == 2, (words, error)
            assert all(fragment in error for fragment in fragments), (words, error)
        code, _, error = run(slices, "--column", "slope", "--induction", "20 min")
        assert code == 3
        assert "--by" in error


def test_paired_pulses(run, tmp_path):
    t = np.arange(0.0, 300.0, 0.1)
    rng = np.random.default_rng(8)
    sweeps, planted = [], []
    for _ in range(12):
        y = rng.normal(0, 1.0, t.size)
        planted.append((80.0 + rng.normal(0, 10), 60.0 + rng.normal(0, 8)))
        for at, size in zip((100.0, 150.0), planted[-1], strict=True):
            x = t - at
            y -= np.where(x > 4, size * np.exp(-(x - 4) / 4) * (1 - np.exp(-(x - 4) / 0.4)) / 0.697, 0.0)
            y += np.where((x >= 0) & (x < 0.5), 1200.0, 0.0)
        sweeps.append(y)
    name = table(tmp_path / "pairs.csv", ["time (ms)", *[f"I {k} (pA)" for k in range(12)]], [t, *sweeps])
    code, body, _ = run(name, "--json")
    assert code == 0
    assert body["inputs"]["as"] == "pairs"
    (ppr,) = (entry for entry in body["observables"] if entry["id"] == "PPR")
    first, second = np.mean(planted, axis=0)
    assert ppr["value"] == pytest.approx(second / first, rel=0.02)
    assert ppr["conditions"]["interval_ms"] == pytest.approx(50.0, abs=0.2)
    biased = run(name, "--convention", "PPR=mean of ratios", "--json")[1]
    (other,) = (entry for entry in biased["observables"] if entry["id"] == "PPR")
    assert other["convention"] == "mean of ratios"
    assert any("biased" in note for note in other["notes"])
    assert run(name, "--as", "pairs", "--stimuli", "100 ms, 150 ms, 200 ms")[0] == 2


def test_fluctuation_analysis(run, tmp_path):
    t = np.arange(0.0, 40.0, 0.1)
    rng = np.random.default_rng(9)
    p = 0.8 * np.exp(-np.clip(t - 5, 0, None) / 8) * (t >= 5)
    sweeps = [-1.5 * rng.binomial(60, p) + rng.normal(0, 0.5, t.size) for _ in range(80)]
    name = table(tmp_path / "jumps.csv", ["time (ms)", *[f"I {k} (pA)" for k in range(80)]], [t, *sweeps])
    code, body, _ = run(name, "--as", "nsfa", "--convention", "NSFA=unscaled", "--baseline", "0 ms, 4 ms", "--json")
    assert code == 0
    by_id = {entry["id"]: entry for entry in body["observables"]}
    assert by_id["unitary_current"]["value"] == pytest.approx(-1.5, rel=0.08)
    assert by_id["channels"]["value"] == pytest.approx(60, rel=0.1)


def test_a_broken_sweep_is_refused_and_the_others_are_measured(run, tmp_path):
    t = np.arange(0.0, 1200.0)
    rng = np.random.default_rng(3)
    on = (t >= 200) & (t < 700)
    sweep = np.where(on, -(40 + 60 * np.exp(-(t - 200) / 80)), 0.0) + rng.normal(0, 0.3, t.size)
    broken = sweep.copy()
    broken[500:520] = np.nan
    name = table(tmp_path / "holes.csv", ["time (ms)", "I 1 (pA)", "I 2 (pA)"], [t, sweep, broken])
    code, body, _ = run(name, "--on", "200 ms", "--off", "700 ms", "--json")
    assert code == 0
    peaks = [entry for entry in body["observables"] if entry["id"] == "peak"]
    assert [entry["status"] for entry in peaks] == ["ok", "refused"]
    assert "no numbers" in peaks[1]["reason"]
    assert body["quality"][0]["sweep"] == 1


def test_the_test_pulse_of_a_real_train(run, data_dir):
    path = str(data_dir / "epsc_train_st_nts_pyabf" / "f1.abf")
    code, body, _ = run(path, "--json")
    assert code == 0
    assert body["inputs"]["as"] == "train"
    # the command is in the file; told or read, it gives the same
    assert any("steps by -5 mV" in line for line in body["assumed"])
    assert values(body, "R_series")[0] == pytest.approx(61, rel=0.1)
    told = run(path, "--step=-5 mV", "--json")[1]
    assert values(told, "R_series")[0] == pytest.approx(values(body, "R_series")[0], rel=0.1)
    assert len(values(body, "latency_jitter")) == 5


def test_the_real_time_course_is_read_from_a_table(run, data_dir, tmp_path):
    text = (data_dir / "eepsc_drug_timecourse_patchclampplotteR" / "raw_eEPSC_19cells.csv").read_text()
    head, _, rest = text.partition("\n")
    (tmp_path / "cells.csv").write_text(
        head.replace("time", "time (min)").replace(",P1,P2", ",P1 (pA),P2 (pA)") + "\n" + rest
    )
    code, body, _ = run("cells.csv", "--column", "P1", "--by", "letter", "--baseline", "0 min, 5 min", "--result",
                        "20 min, 25 min", "--bins", "right", "--json")  # fmt: skip
    assert code == 0
    change = {
        entry["conditions"]["letter"]: entry["value"]
        for entry in body["observables"]
        if entry["id"] == "percent_of_baseline"
    }
    assert len(change) == 19
    assert change["AO"] == pytest.approx(21.27, abs=0.02)
    assert change["HG"] == pytest.approx(115.12, abs=0.02)


def test_events_of_control_and_drug(run, tmp_path):
    t = np.arange(0.0, 6000.0, 0.25)
    names = []
    for k, (decay, rate) in enumerate(((4.0, 5.0), (8.0, 5.0))):
        rng = np.random.default_rng(10 + k)
        y = rng.normal(0, 1.5, t.size)
        starts = np.cumsum(rng.exponential(1e3 / rate, 40) + 20)
        starts = starts[starts < 5900]
        for at, size in zip(starts, 15 + 20 * rng.random(starts.size), strict=True):
            x = np.clip(t - at, 0, None)
            y -= size * (1 - np.exp(-x / 0.4)) * np.exp(-x / decay) / 0.75
        path = tmp_path / f"{'drug' if k else 'control'}.csv"
        names.append((table(path, ["time (ms)", "I (pA)"], [t, y]), starts.size))
    code, body, _ = run(names[0][0], "--as", "events", "--json")
    assert code == 0
    assert len(body["events"]) == pytest.approx(names[0][1], abs=3)
    assert values(body, "event_tau")[0] == pytest.approx(4.0, rel=0.15)
    assert values(body, "event_rate")[0] == pytest.approx(names[0][1] / 6.0, rel=0.12)
    code, body, _ = run(*(name for name, _ in names), "--as", "events", "--json")
    assert code == 0
    assert values(body, "event_tau_ratio")[0] == pytest.approx(2.0, rel=0.2)
    assert len(values(body, "event_recall")) == 2
    assert all(recall > 0.7 for recall in values(body, "event_recall"))
    assert values(body, "event_rate_ratio")[0] == pytest.approx(names[1][1] / names[0][1], rel=0.15)
    assert any("settings of the first file" in line for line in body["assumed"])
    assert run(names[0][0], "--as", "events", "--polarity", "auto")[0] == 2
