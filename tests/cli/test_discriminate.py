"""`potentiate discriminate`: from a table of conditions to a sentence, a ranking and the next experiment."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.cli import main
from potentiate.kinetics.modulator import Modulator, apply_modulator

ASKED = ("--scheme", "Partin1996", "--kd", "500 uM", "--koff", "2", "--sites", "1")


def record(folder: Path, channels: int, widths: tuple[float, ...], repeats: int) -> Path:
    """Write sweeps of a patch with a drug that slows closing sixfold, and their table."""
    drug = Modulator("slowclose", 1, 500.0, 2.0, {"open": (6.0,)}, {"gate": 0.0})
    patch = Patch(apply_modulator(find_scheme("Partin1996"), drug), channels=channels, stochastic=True,
                  rig=Rig(noise_pA=2.0))  # fmt: skip
    lines = ["file,cell,drug,concentration_uM,agonist_mM,pulse_ms,on_ms"]
    for i, width in enumerate(widths):
        protocol = protocols.jump(width_ms=width, after_ms=40.0, dt_ms=0.05)
        for k, level in enumerate((0.0, 3000.0)):
            name = f"{i}{k}.nc"
            run(patch, protocol, [Bath({"slowclose": level})] * repeats, seed=10 * i + k).save(folder / name)
            lines.append(f"{name},c1,{'slowclose' if level else 'control'},{level},10,{width},2")
    (folder / "conditions.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """Run the command in this process and an empty folder; return exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def go(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["discriminate", *words])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return go


def test_a_folder_is_answered_in_one_sentence(call, tmp_path):
    folder = record(tmp_path, 150, (1.0, 100.0), 4)
    words = ("closing, desensitization entry, closing + desensitization entry",)
    code, out, err = call(str(folder), *ASKED, "--alternatives", *words, "--out", "found")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "Answer Slowclose slows closing" in text
    assert "nothing else is needed" in text
    with (tmp_path / "found" / "table.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert rows[0]["alternative"] == "closing"
    assert {r["alternative"] for r in rows} >= {"no effect", "desensitization entry"}
    assert (tmp_path / "found" / "figure.png").stat().st_size > 20_000
    found = json.loads((tmp_path / "found" / "results.json").read_text())
    assert found["status"] == "decided"
    change = found["observables"][0]
    assert change["id"] == "closing rate factor"
    assert change["interval"][0] < 1 / 6.0 < change["interval"][1]


def test_too_few_data_end_in_a_proposal(call, tmp_path):
    folder = record(tmp_path, 20, (1.0,), 1)
    code, out, _ = call(str(folder), *ASKED, "--alternatives", "closing, opening, unbinding", "--json", "--out", "few",
                        "--loo")  # fmt: skip
    assert code == 0
    found = json.loads(out)
    predicted = [entry["psis_loo"] for entry in found["ranking"]]
    assert predicted[0]["gain"] == 0.0
    assert predicted[1]["blocks"] == 2
    assert predicted[1]["status"] == "unreliable"  # two mean sweeps, one of them left out
    assert sum("PSIS-LOO" in note for note in found["notes"]) == 1 + sum(p is not None for p in predicted)
    assert found["status"] == "undecided"
    assert found["observables"] == []
    assert len(found["next"]) > 5
    assert found["next"][0]["log10_odds_per_cell"] > 0
    assert found["next"][0]["hardest"][0] in found["names"]
    assert any("one concentration" in line for line in found["assumed"])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "No recordings"),
        (("x.csv",), 2, "No scheme"),
        (("x.csv", "--scheme", "Partin1996", "--odds", "1"), 2, "Odds of 1"),
        (("x.csv", "--scheme", "Partin1996"), 3, "x.csv"),
    ],
)
def test_bad_requests_exit_with_their_code(call, words, code, says):
    got, out, err = call(*words)
    assert (got, out) == (code, "")
    assert says in err


def test_unknown_steps_are_named(call, tmp_path):
    folder = record(tmp_path, 20, (1.0,), 1)
    code, _, err = call(str(folder), *ASKED, "--alternatives", "closing, slowing")
    assert code == 2
    assert "slowing" in err
    code, _, err = call(str(folder), "--scheme", "Partin1996", "--sites", "9")
    assert code == 2
    assert "between 1 and 4" in err
