"""`potentiate convert` of recordings, in this process: what is written, checked, refused and said."""

import json

import numpy as np
import pytest

from potentiate.cli import main
from potentiate.recordings import Channel, Recording, read, write


@pytest.fixture
def convert(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as caught:
            main(["convert", *map(str, words)])
        out, err = capsys.readouterr()
        return caught.value.code, " ".join(out.split()), err

    return call


@pytest.fixture
def patch(tmp_path):
    """A synthetic patch with current, command and exchange, three sweeps, a protocol and a drug column."""
    t = np.arange(400) * 0.05
    rng = np.random.default_rng(1)
    data = np.stack([rng.normal(-50, 20, (3, 400)), np.full((3, 400), -60.0), rng.uniform(0, 50, (3, 400))])
    channels = (
        Channel("Im", "pA"), Channel("Cmd", "mV", role="stimulus"), Channel("tip", "mV", role="exchange"),
    )  # fmt: skip
    recording = Recording(
        t, data, channels, {"drug_uM": np.array([0.0, 10.0, 100.0])}, "simulated", {"id": "jump"}, {"seed": 7}
    )
    path = tmp_path / "patch.nc"
    write(recording, path)
    return path


@pytest.mark.parametrize("name", ["a.abf", "a.nwb", "a.csv", "a.tsv", "b.nc"])
def test_check_reads_back_and_the_label_survives(convert, patch, name, tmp_path):
    pytest.importorskip("pynwb") if name.endswith("nwb") else None
    code, out, err = convert(patch, name, "--check")
    assert code == 0, err
    assert "simulated 3 sweeps x 400 samples 20 kHz" in out
    assert "read back as they were" in out
    after, before = read(tmp_path / name), read(patch)
    assert after.label == "simulated"
    assert after.roles == before.roles
    assert after.units == before.units
    step = 2.5 / 32766 if name == "a.abf" else 0.0
    assert np.abs(after.data - before.data).max() <= np.abs(before.data).max() * max(step, 1e-15)
    lost = {"a.abf": "protocol", "a.csv": "protocol", "a.tsv": "sweep metadata drug_uM"}.get(name)
    assert ("Not expressed" in out) == (lost is not None)
    if lost:
        assert lost in out
    if name == "a.abf":
        assert "one step is" in out


def test_without_check_it_says_so(convert, patch):
    assert "Not read back" in convert(patch, "a.csv")[1]


def test_a_failed_check_leaves_nothing(convert, patch, tmp_path, monkeypatch):
    from potentiate.recordings import delimited

    real = delimited.np.savetxt
    monkeypatch.setattr(delimited.np, "savetxt", lambda out, table, **more: real(out, table * (1 + 1e-5), **more))
    code, out, err = convert(patch, "a.csv", "--check")
    assert code == 3
    assert "does not read back" in err
    assert "values differ by up to" in err
    assert out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["patch.nc"]


def test_channels_are_chosen_by_number_or_name(convert, patch, tmp_path):
    assert convert(patch, "a.csv", "--channel", "Cmd", "--channel", "0")[0] == 0
    assert [c.name for c in read(tmp_path / "a.csv").channels] == ["Cmd", "Im"]
    code, _, err = convert(patch, "b.csv", "--channel", "Vm")
    assert code == 2
    assert "'Vm'" in err
    assert not (tmp_path / "b.csv").exists()


def test_json_says_what_changed(convert, patch, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["convert", str(patch), "a.abf", "--check", "--json"])
    body = json.loads(capsys.readouterr().out)
    assert body["label"] == "simulated"
    assert body["checked"] is True
    assert len(body["changed"]) == 4  # a step for each channel, and the date
    assert any("drug_uM" in text for text in body["not_expressed"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("patch.nc", "a.xyz"), 2, "Cannot write"),
        (("patch.nc",), 2, "No file to write"),
        (("patch.nc", "patch.nc"), 3, "exists"),
        (("none.abf", "a.csv"), 3, "Cannot open"),
        (("patch.nc", "a.csv", "--part", "1.1"), 2, "no parts"),
        (("cx614", "--to", "mmt", "--check"), 2, "--check"),
    ],
)
def test_bad_requests(convert, patch, words, code, said, tmp_path):
    got, out, err = convert(*words)
    assert (got, out) == (code, "")
    assert said in err
    assert [p.name for p in tmp_path.iterdir()] == ["patch.nc"]


def test_missing_samples_do_not_fit_abf(convert, tmp_path):
    recording = Recording.from_arrays([0.0, 0.1, 0.2], [[1.0, np.nan, 2.0]])
    write(recording, tmp_path / "gap.nc")
    code, _, err = convert("gap.nc", "gap.abf")
    assert code == 3
    assert "missing" in err
    assert convert("gap.nc", "gap.csv", "--check")[0] == 0
