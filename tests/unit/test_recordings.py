"""The Recording itself, NetCDF, and the text format with its messages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import RecordingError, UnknownNameError, UsageError
from potentiate.recordings import Channel, Recording, read, write_csv


def make(sweeps=3, samples=50, **more):
    rng = np.random.default_rng(0)
    return Recording.from_arrays(
        np.arange(samples) * 0.1, rng.normal(0, 10, (sweeps, samples)), {"glutamate_uM": np.arange(sweeps) * 10.0},
        protocol={"id": "deactivation"}, provenance={"seed": 1}, **more,
    )  # fmt: skip


def test_construction():
    recording = make()
    assert recording.sweeps.shape == (3, 50)
    assert recording.label == "simulated"
    assert recording.unit == "pA"
    assert recording.interval_ms == pytest.approx(0.1)
    assert not recording.data.flags.writeable
    assert "3 sweeps x 50 samples" in recording.describe()
    assert recording.select([2, 0]).sweep_metadata["glutamate_uM"].tolist() == [20.0, 0.0]
    assert recording.select(1).sweeps.shape == (1, 50)
    with pytest.raises(UsageError, match="No sweep"):
        recording.select(3)


@pytest.mark.parametrize(
    ("time", "data", "metadata", "message"),
    [
        ([0, 1, 1], [[1, 2, 3]], {}, "increase"),
        ([0, 1, np.nan], [[1, 2, 3]], {}, "increase"),
        ([0, 1], [[1, 2, 3]], {}, "Shapes"),
        ([], [[]], {}, "empty"),
        ([0, 1, 2], [[1, 2, 3]], {"x": [1, 2]}, "metadata"),
    ],
)
def test_bad_arrays(time, data, metadata, message):
    with pytest.raises(RecordingError, match=message):
        Recording.from_arrays(time, data, metadata)


def test_channels():
    data = np.arange(12.0).reshape(2, 2, 3)
    recording = Recording(np.arange(3.0), data, (Channel("Im", "pA"), Channel("Vm", "mV")))
    assert recording.channel("Vm").unit == "mV"
    assert np.array_equal(recording.channel(1).sweeps, data[1])
    with pytest.raises(UnknownNameError, match="Vm"):
        recording.channel("Vn")
    with pytest.raises(UsageError, match="No channel 5"):
        recording.channel(5)
    twins = Recording(np.arange(3.0), data, (Channel("I", "pA"), Channel("I", "pA")))
    with pytest.raises(UsageError, match="give the number"):
        twins.channel("I")


def test_dataset_has_dims_units_and_provenance():
    dataset = make().dataset
    assert dataset["channel_0"].dims == ("sweep", "time")
    assert dataset["channel_0"].attrs["units"] == "pA"
    assert dataset["time"].attrs["units"] == "ms"
    assert dataset["sweep_glutamate_uM"].values.tolist() == [0, 10, 20]
    assert dataset.attrs["label"] == "simulated"
    assert "deactivation" in dataset.attrs["protocol"]
    assert dataset.attrs["potentiate_version"]


def test_netcdf_round_trip(tmp_path):
    recording = make()
    path = recording.save(tmp_path / "r.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]
    back = read(path)
    assert np.array_equal(back.data, recording.data)
    assert np.array_equal(back.time_ms, recording.time_ms)
    assert back.sweep_metadata["glutamate_uM"].tolist() == [0, 10, 20]
    assert back.protocol == {"id": "deactivation"}
    assert dict(back.provenance) == {"seed": 1}
    assert back.label == "simulated"
    import xarray as xr

    with xr.open_dataset(path, engine="scipy") as dataset:
        assert "created" in dataset.attrs


def test_text_metadata_survive_netcdf(tmp_path):
    recording = Recording.from_arrays([0, 1], [[1, 2], [3, 4]], {"drug": ["none", "CX614"], "n": [1, 2]})
    back = Recording.load(recording.save(tmp_path / "r.nc"))
    assert back.sweep_metadata["drug"].tolist() == ["none", "CX614"]
    assert back.sweep_metadata["n"].tolist() == [1, 2]


def test_other_netcdf_is_refused(tmp_path):
    import xarray as xr

    path = tmp_path / "other.nc"
    xr.Dataset({"x": ("a", [1.0, 2.0])}).to_netcdf(path, engine="scipy")
    with pytest.raises(RecordingError, match="Not a recording"):
        read(path)
    whole = make().save(tmp_path / "r.nc").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="Not a recording"):
        read(path)


def test_cannot_write(tmp_path):
    with pytest.raises(RecordingError, match="Cannot write"):
        make().save(tmp_path / "missing" / "r.nc")
    with pytest.raises(RecordingError, match="Cannot write"):
        write_csv(make(), tmp_path / "missing" / "r.csv")


@settings(max_examples=25)
@given(
    data=st.lists(
        st.lists(st.floats(-1e5, 1e5), min_size=4, max_size=4), min_size=1, max_size=3
    ),
    mark=st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_csv_round_trip_is_exact(data, mark, tmp_path_factory):
    recording = Recording.from_arrays([0.0, 0.1, 0.3, 1 / 3], data)
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    back = read(write_csv(recording, path, delimiter=mark))
    assert np.array_equal(back.sweeps, recording.sweeps)
    assert np.array_equal(back.time_ms, recording.time_ms)
    assert back.label == "simulated"


def text(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_units_of_the_header_are_used(tmp_path):
    recording = read(text(tmp_path, "time (s), I [nA], V (mV)\n0,-0.5,-60\n0.001,1,-60\n"))
    assert recording.time_ms.tolist() == [0, 1]
    assert recording.channel(0).sweeps.tolist() == [[-500, 1000]]
    assert recording.units == {"I": "pA", "V": "mV"}
    sweeps = read(text(tmp_path, "t (ms)\tI 1 (µA)\tI 2 (uA)\n0\t1\t2\n1\t3\t4\n", "data.tsv"))
    assert sweeps.sweeps.tolist() == [[1e6, 3e6], [2e6, 4e6]]
    assert sweeps.channels[0].name == "I"


def test_missing_unit_is_refused_with_the_line_to_paste(tmp_path):
    path = text(tmp_path, "time (ms), I\n0,-812\n0.1,24\n")
    with pytest.raises(RecordingError, match="Units missing") as caught:
        read(path)
    error = caught.value
    assert error.exit_code == 3
    assert error.where == 'data.csv column 2 "I" has no unit'
    assert error.why == "values -812..24 look like pA"
    assert 'rename it "I (pA)"' in error.do
    assert "time (ms), I (pA)" in error.do
    assert read(path, unit="pA").sweeps.tolist() == [[-812, 24]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0,1\n0.1,2\n", "no header row"),
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("time (ms),I (pA)\n", "No samples"),
        ("time (ms)\n1\n", "One column"),
        ("time (ms),I (foo)\n0,1\n", "unknown unit 'foo'"),
        ("V (mV),I (pA)\n0,1\n", "First column is not time"),
        ("time (ms),I (pA)\n0,1\n1,x\n", "line 3 column 2"),
        ("time (ms),I (pA)\n0,1\n1,\n", "blank"),
        ("time (ms),I (pA)\n0,1\n1,2,3\n", "wrong number of cells"),
        ("time (ms);I (pA)\n0;1,5\n", "decimal point"),
        ("time (ms),I (pA)\n0,1\n0,2\n", "line 3"),
        ("time (ms),I (pA)\nnan,1\n0,2\n", "increase"),
        ("time (ms),I (pA)\n0,1\n\x00,2\n", "Not a text file"),
    ],
)
def test_bad_text(tmp_path, content, message):
    with pytest.raises(RecordingError) as caught:
        read(text(tmp_path, content))
    assert message in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(RecordingError, match="Cannot open"):
        read(tmp_path / "none.abf")
    with pytest.raises(RecordingError, match="Not a file"):
        read(tmp_path)
    (tmp_path / "a.abf").write_bytes(b"")
    with pytest.raises(RecordingError, match="empty"):
        read(tmp_path / "a.abf")
    (tmp_path / "a.abf").write_bytes(b"time (ms), I (pA)\n0,1\n")
    with pytest.raises(RecordingError, match="disagree"):
        read(tmp_path / "a.abf")
    (tmp_path / "a.csv").write_bytes(b"ABF2" + bytes(600))
    with pytest.raises(RecordingError, match="disagree"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(RecordingError, match="not read"):
        read(tmp_path / "a.xlsx")
    (tmp_path / "a.xyz").write_bytes(b"whatever")
    with pytest.raises(RecordingError, match="Unknown format"):
        read(tmp_path / "a.xyz")


def test_size_limit(tmp_path):
    path = text(tmp_path, "time (ms), I (pA)\n0,1\n1,2\n")
    with pytest.raises(RecordingError, match="too large"):
        read(path, max_bytes=40)


def test_the_file_is_what_xarray_would_write(tmp_path):
    """The writer goes without xarray; what xarray reads back must be its own labelled form of the recording."""
    import xarray as xr

    recording = Recording.from_arrays(
        np.arange(5) * 0.1,
        np.random.default_rng(0).normal(size=(3, 5)),
        {"drug_uM": np.array([0.0, 1.0, 2.0]), "number": np.array([1, 2, 3]), "cell": np.array(["a", "bc", "dé"])},
        protocol={"name": "jump"},
    )
    read = xr.open_dataset(recording.save(tmp_path / "a.nc"), engine="scipy", decode_times=False).load()
    assert read.drop_attrs().identical(recording.dataset.drop_attrs())
    assert {k: v for k, v in read.attrs.items() if k != "created"} == {
        k: v for k, v in recording.dataset.attrs.items()
    } | {"provenance": read.attrs["provenance"]}
    assert read["channel_0"].attrs["units"] == "pA"
    assert read["time"].attrs["units"] == "ms"
