"""One list of rules that every reader of recordings must pass, on real files and on ones made from published layouts.

After the idea of neo's compliance tests. Truncation and damage must end in a RecordingError or in a Recording, soon.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from potentiate.errors import RecordingError
from potentiate.recordings import Channel, Recording, read, write
from potentiate.recordings.channel import UNITS, Role

REAL = {
    "abf1": "myokit-abf-v1.abf", "abf2": "myokit-abf-v2.abf", "axograph x": "AxoGraph_X_File.axgx",
    "axograph graph": "AxoGraph_Graph_File.axgr", "axograph digitized": "AxoGraph_Digitized_File.axgd",
    "winwcp": "myokit-wcp-file.wcp",
}  # fmt: skip
MADE = [
    "heka", "igor wave", "igor wave 2", "igor experiment", "nwb", "our nwb", "our abf", "csv", "tsv",
    "netcdf",
]  # fmt: skip
#: Text can be cut at the end of a line; a hole in samples cannot be seen there.
TEXT = ("csv", "tsv")
#: Formats whose end is not needed to read the samples: what is cut off is padding or what nobody reads.
SLACK = {"igor wave 2": 16, "our abf": 512, "abf1": 512, "abf2": 512, "winwcp": 512}


def ours() -> Recording:
    rng = np.random.default_rng(5)
    data = np.stack([rng.normal(-80, 30, (3, 120)), rng.normal(-60, 0.5, (3, 120))])
    channels = (Channel("Im", "pA", "pA"), Channel("Vm", "mV", "mV"))
    return Recording(np.arange(120) * 0.1, data, channels, {"start_s": np.arange(3.0)}, "data", None, {"file": "x"})


def make(kind: str, folder: Path, foreign) -> Path:
    rng = np.random.default_rng(7)

    def sweep() -> list:
        return [("Imon", "A", rng.integers(-900, 900, 120), 1e-13, 0.0),
                ("Vmon", "V", rng.integers(-900, 900, 120), 1e-5, 0.0)]  # fmt: skip

    if kind == "heka":
        return foreign.heka(folder / "a.dat", [("jump", [sweep(), sweep()])])
    if kind in ("igor wave", "igor wave 2"):
        wave = foreign.igor_wave("Record0", 1e-12 * rng.normal(0, 9, 120), version=2 if kind.endswith("2") else 5)
        (folder / "a.ibw").write_bytes(wave)
        return folder / "a.ibw"
    if kind == "igor experiment":
        waves = [
            foreign.igor_wave(f"Record{c}{k}", rng.normal(0, 9, 120), unit=u)
            for c, u in (("A", "pA"), ("B", "mV")) for k in range(3)
        ]  # fmt: skip
        (folder / "a.pxp").write_bytes(foreign.igor_experiment(["root", *waves, None]))
        return folder / "a.pxp"
    if kind == "nwb":
        pytest.importorskip("pynwb")
        return foreign.nwb(folder / "a.nwb")
    ending = {"our nwb": ".nwb", "our abf": ".abf", "csv": ".csv", "tsv": ".tsv", "netcdf": ".nc"}[kind]
    return write(ours(), folder / f"a{ending}").path


@pytest.fixture(scope="module", params=[*REAL, *MADE])
def sample(request, tmp_path_factory, foreign):
    """(kind, file, recording)."""
    kind = request.param
    if kind in REAL:
        told = os.environ.get("POTENTIATE_DATA")
        root = Path(told) if told else Path(__file__).resolve().parents[2].parent / "shared" / "data"
        path = root / "format_fixtures" / REAL[kind]
        if not path.is_file():
            pytest.skip("no real recordings: set POTENTIATE_DATA")
        return kind, path, read(path)
    path = make(kind, tmp_path_factory.mktemp("readers"), foreign)
    return kind, path, read(path)


def test_what_a_recording_must_say(sample):
    kind, _, recording = sample
    count, sweeps, points = recording.data.shape
    assert recording.label == "data"
    assert sweeps >= 1
    assert points >= 2
    assert len(recording.channels) == count
    assert recording.time_ms.shape == (points,)
    assert (np.diff(recording.time_ms) > 0).all()
    assert any(c.unit in ("pA", "mV") and c.role == "response" for c in recording.channels)
    for channel in recording.channels:
        # AxoGraph columns may have no unit: nothing is guessed, and they are no response
        assert channel.unit in ("pA", "mV") or channel.role == "auxiliary"
        assert channel.file_unit in UNITS or channel.unit == channel.file_unit
        assert channel.role in Role.__args__
        assert channel.unit in recording.describe()
    noted = " ".join(recording.provenance["notes"]) if kind != "netcdf" else ""
    for channel, values in zip(recording.channels, recording.data, strict=True):
        assert not np.isinf(values).any()
        assert np.isfinite(values).all() or (repr(channel.name) in noted and "missing" in noted)
    assert not recording.data.flags.writeable
    assert all(v.shape == (sweeps,) for v in recording.sweep_metadata.values())
    json.dumps(dict(recording.provenance))


def test_provenance(sample):
    kind, path, recording = sample
    if kind == "netcdf":
        pytest.skip("NetCDF of this package gives back the provenance that was written")
    provenance = recording.provenance
    assert provenance["file"] == path.name
    assert provenance["reader"].split()[0] in ("neo", "pyabf", "potentiate")
    assert provenance["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert isinstance(provenance["notes"], list)


def test_read_twice_is_equal(sample):
    first, second = sample[2], read(sample[1])
    assert np.array_equal(first.data, second.data, equal_nan=True)
    assert np.array_equal(first.time_ms, second.time_ms)
    assert first.channels == second.channels
    assert dict(first.provenance) == dict(second.provenance)


def test_one_channel_can_be_asked_for(sample):
    whole = sample[2]
    last = len(whole.channels) - 1
    assert np.array_equal(read(sample[1], last).data[0], whole.data[last], equal_nan=True)


def test_the_wrong_name_is_refused(sample, tmp_path):
    path = sample[1]
    wrong = tmp_path / ("x.wcp" if path.suffix != ".wcp" else "x.abf")
    wrong.write_bytes(path.read_bytes())
    with pytest.raises(RecordingError, match="disagree"):
        read(wrong)


@pytest.mark.timeout(60)
def test_a_cut_file_is_refused(sample, tmp_path):
    kind, path, before = sample
    whole = path.read_bytes()
    copy = tmp_path / path.name
    until = len(whole) - SLACK.get(kind, 0)
    for at in {0, 1, 7, 63, 64, 255, *np.linspace(0, until - 1, 25).astype(int).tolist()}:
        copy.write_bytes(whole[:at])
        try:
            left = read(copy)
        except RecordingError:
            continue
        # what still reads must be whole: the same samples, or (text) fewer rows
        n = left.data.shape[2]
        assert kind in TEXT or left.data.shape == before.data.shape, at
        assert np.array_equal(left.data[..., : n - 1], before.data[..., : n - 1], equal_nan=True), at


@pytest.mark.timeout(60)
def test_flipped_bytes_are_read_or_refused(sample, tmp_path):
    """Many damaged copies each: no other exception, no endless loop, nothing printed."""
    kind, path, _ = sample
    whole = path.read_bytes()
    rng = np.random.default_rng(int.from_bytes(kind.encode()[:4], "big"))
    copy = tmp_path / path.name
    for _ in range(8 if "nwb" in kind else 40):  # an NWB file is read by a process of its own
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 30)):
            damaged[at] = rng.integers(0, 256)
        copy.write_bytes(damaged)
        try:
            recording = read(copy, yes=True)
        except RecordingError:
            continue
        assert not np.isinf(recording.data).any()
        recording.describe()
