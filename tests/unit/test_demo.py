"""The demo set: what was planted is in it, it says that it is synthetic, and a blind set does not tell."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from potentiate.errors import DataError, UsageError
from potentiate.inference.conditions import read_conditions
from potentiate.measures import find_stimuli, measure_jump
from potentiate.preparations.demo import COLUMNS, DRUG, concentration_table, demo_files, epsc
from potentiate.preparations.demo_folder import write_demo
from potentiate.recordings import read

SEED = 987654321


@pytest.fixture(scope="module")
def items():
    """The recordings, made once: both sets below hold the same ones."""
    return list(demo_files("both", cells=1, seed=SEED))


def write(items, folder: Path, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("potentiate.preparations.demo_folder.demo_files", lambda *_, **__: iter(items))
        return write_demo(folder, seed=SEED, format="nc", cells=1, mechanism="both", **options)


@pytest.fixture(scope="module")
def plain(items, tmp_path_factory) -> Path:
    return write(items, tmp_path_factory.mktemp("demo") / "set").folder


@pytest.fixture(scope="module")
def blind(items, tmp_path_factory):
    return write(items, tmp_path_factory.mktemp("blind") / "set", blind=True)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        reader = csv.DictReader(handle)
        assert tuple(reader.fieldnames or ()) == COLUMNS
        return list(reader)


def test_every_file_is_described_and_says_that_it_is_synthetic(plain):
    kinds = {"patches": 6, "trains": 2, "spontaneous": 2, "slices": 2}
    for kind, count in kinds.items():
        described = rows(plain / kind / "conditions.csv")
        assert len(described) == count
        assert {row["file"] for row in described} == {path.name for path in (plain / kind).glob("*.nc")}
        for row in described:
            recording = read(plain / kind / row["file"])
            assert recording.label == "simulated"
            assert recording.provenance["synthetic"] is True
            assert any("not measured" in note for note in recording.provenance["notes"])
    assert "SYNTHETIC" in (plain / "README.txt").read_text()
    assert "synthetic" in (plain / "tables" / "concentration_response.csv").read_text()
    assert not list(plain.parent.glob(".part*"))


def test_what_was_planted_is_there(plain):
    planted = json.loads((plain / "truth.json").read_text())
    found = {}
    for row in rows(plain / "patches" / "conditions.csv"):
        recording = read(plain / "patches" / row["file"])
        mean, on, width = recording.sweeps.mean(axis=0), float(row["on_ms"]), float(row["pulse_ms"])
        jump = measure_jump(recording.time_ms, mean, on, on + width)
        found[float(row["concentration_uM"]), width] = jump
        assert row["drug"] == (DRUG if float(row["concentration_uM"]) else "none")
    # closing five times slower, and less desensitization
    assert planted["patches"]["weights"] == {"open": [5.0], "desensitized": [0.2]}
    assert found[300.0, 1.0].tau_off.value > 3 * found[0.0, 1.0].tau_off.value
    assert found[300.0, 100.0].tau_des.value > 3 * found[0.0, 100.0].tau_des.value
    assert found[300.0, 100.0].steady_state.value > found[30.0, 100.0].steady_state.value
    train = read(plain / "trains" / "c1_control.nc")
    assert find_stimuli(train.time_ms, train.sweeps)[:5] == pytest.approx(100 + 20 * np.arange(5), abs=0.5)
    slices = rows(plain / "slices" / "conditions.csv")
    field = read(plain / "slices" / slices[0]["file"])
    late = -field.sweeps[100:, 80:200].min(axis=1).mean() / -field.sweeps[:40, 80:200].min(axis=1).mean()
    expected = planted["slices"]["late_factor"]["control" if slices[0]["drug"] == "none" else "drug"]
    assert late == pytest.approx(expected, rel=0.05)


def test_a_blind_set_does_not_tell(blind):
    folder = blind.folder
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for word in (DRUG, "300uM", "30uM", '"seed"', str(SEED)):
        assert not any(word.encode() in text for text in texts), word
    for kind in ("patches", "trains", "spontaneous", "slices"):
        described = rows(folder / kind / "conditions.csv")
        assert {row["drug"] + row["concentration_uM"] for row in described} == {"hidden"}
        heads = set()
        for row in described:
            recording = read(folder / kind / row["file"])
            meta = {k: v.tolist() for k, v in recording.sweep_metadata.items()}
            heads.add((row["pulse_ms"], json.dumps([recording.attributes(), meta], sort_keys=True)))
        # files of one protocol differ in their samples only
        assert len(heads) == len({row["pulse_ms"] for row in described})
    assert "BLIND" in (folder / "README.txt").read_text()


def test_the_key_lies_beside_the_folder_and_opens_it(blind):
    *keys, truth = blind.keys
    assert {path.parent for path in blind.keys} == {blind.folder.parent}
    assert json.loads(truth.read_text())["seed"] == SEED
    for path, count in zip(keys, (6, 2, 2, 2), strict=True):
        described = rows(path)
        assert len(described) == count
        assert all((path.parent / row["file"]).is_file() for row in described)
        assert {row["drug"] for row in described} == {"none", DRUG}


def test_conditions_become_experiments(plain, blind):
    """What fits read: the folder of an open set, the key of a blind one; the blind folder itself is refused."""
    for path in (plain / "patches", blind.keys[0]):
        found = read_conditions(path)
        doses = [bath.drugs_uM.get(DRUG, 0.0) for e in found for bath in e.baths]
        assert sorted(set(doses)) == [0.0, 30.0, 300.0]
        assert {e.cell for e in found} == {"c1"}
    with pytest.raises(DataError):
        read_conditions(blind.folder / "patches")


def test_nothing_is_overwritten_or_half_written(plain, blind, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="exists"):
        write_demo(plain)
    (tmp_path / "new.key.slices.csv").write_text("mine")
    with pytest.raises(DataError, match="exists"):
        write_demo(tmp_path / "new", blind=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.key.slices.csv"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("potentiate.preparations.demo_folder.write_as", full)
    monkeypatch.setattr("potentiate.preparations.demo_folder.demo_files", lambda *_, **__: iter(ITEM))
    with pytest.raises(DataError, match="Cannot write"):
        write_demo(tmp_path / "other", blind=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.key.slices.csv"]


@pytest.mark.parametrize("wrong", [{"format": "doc"}, {"cells": 0}, {"cells": 21}, {"mechanism": "magic"}])
def test_bad_requests_leave_nothing(wrong, tmp_path):
    with pytest.raises(UsageError):
        write_demo(tmp_path / "set", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_waveform_and_table():
    t = np.arange(-1.0, 60.0, 0.01)
    assert epsc(t, -20.0, 3.0).min() == pytest.approx(-20.0, rel=1e-3)
    table = concentration_table()
    assert len(table) == 36
    assert table == concentration_table()


class _Item:
    folder, name, conditions = "patches", "x", dict.fromkeys(COLUMNS[1:], "")
    recording = None


ITEM = [_Item()]
