"""Writers: what other programs read from our files, quantisation, labels, never half a file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import DataError, RecordingError, UsageError
from potentiate.recordings import Channel, Recording, read, write
from potentiate.recordings.abf_command import PULSE, RAMP, STEP, Epoch, waveform
from potentiate.recordings.channel import is_auxiliary, likely_role
from potentiate.recordings.write import compare, not_expressed


def patch(label="simulated", sweeps=3, points=200, interval_ms=0.05):
    rng = np.random.default_rng(2)
    data = np.stack([rng.normal(-90, 30, (sweeps, points)), np.full((sweeps, points), -60.0)])
    data[1, :, 50:100] = 20.0
    channels = (Channel("Im", "pA", "pA"), Channel("Vcmd", "mV", "mV", "stimulus"))
    metadata = {"start_s": 5.0 * np.arange(sweeps)}
    return Recording(np.arange(points) * interval_ms, data, channels, metadata, label, None, {"file": "x.nc"})


class TestAbf:
    @pytest.mark.parametrize("interval_ms", [0.05, 0.1, 0.02, 2.48, 1 / 3])
    def test_pyabf_neo_and_myokit_read_what_was_written(self, tmp_path, interval_ms):
        import pyabf

        recording = patch(interval_ms=interval_ms)
        path = write(recording, tmp_path / "a.abf").path
        file = pyabf.ABF(str(path))
        assert (file.channelCount, file.sweepCount, file.sweepPointCount) == (2, 3, 200)
        assert file.adcUnits == ["pA", "mV"]
        assert file.adcNames == ["Im", "Vcmd"]
        assert file.dataRate == int(round(1e3 / interval_ms, 6))
        for k in range(2):
            step = np.abs(recording.data[k]).max() / 32000
            for s in range(3):
                file.setSweep(s, k)
                assert np.abs(file.sweepY - recording.data[k, s]).max() <= step
        for reader in ("neo", "pyabf", "both"):
            back = read(path, reader=reader)
            assert compare(recording, back, (3e-2, 3e-2)) == []
            if reader != "pyabf":  # pyabf knows no start times of ABF1
                assert back.sweep_metadata["start_s"].tolist() == [0, 5, 10]
        axon = pytest.importorskip("myokit.formats.axon")
        theirs = axon.AbfFile(str(path))
        values = np.array([[channel.values() for channel in sweep] for sweep in theirs])
        assert np.abs(values[:, 0] - recording.data[0]).max() < np.abs(recording.data[0]).max() / 32000

    def test_the_step_is_said_and_kept(self, tmp_path):
        recording = patch()
        written = write(recording, tmp_path / "a.abf", check=True)
        step = np.abs(recording.data[0]).max() / 32766
        assert f"one step is {step:.3g} pA" in written.notes[0]
        assert np.abs(read(written.path).data[0] - recording.data[0]).max() <= 0.5001 * step

    def test_values_of_16_bit_files_survive_a_second_writing(self, tmp_path):
        first = read(write(patch(), tmp_path / "a.abf").path)
        second = read(write(first, tmp_path / "b.abf").path)
        step = np.abs(first.data[0]).max() / 32766
        assert np.abs(second.data - first.data).max() <= step

    @pytest.mark.parametrize("label", ["simulated", "data"])
    def test_the_label_is_in_the_file(self, tmp_path, label):
        path = write(patch(label), tmp_path / "a.abf").path
        assert read(path).label == label
        assert (b"SIMULATED by potentiate" in path.read_bytes()) == (label == "simulated")

    def test_what_does_not_fit(self, tmp_path):
        good = patch()
        uneven = Recording.from_arrays([0.0, 0.1, 0.3], [[1.0, 2.0, 3.0]])
        many = Recording(good.time_ms, np.ones((17, 1, 200)), tuple(Channel(f"c{k}", "pA") for k in range(17)))
        gap = Recording.from_arrays([0.0, 0.1, 0.2], [[1.0, np.nan, 3.0]])
        for recording, why in ((uneven, "uneven"), (many, "17 channels"), (gap, "missing")):
            with pytest.raises(RecordingError, match="cannot hold") as caught:
                write(recording, tmp_path / "a.abf")
            assert why in caught.value.why
        assert list(tmp_path.iterdir()) == []

    def test_long_names_are_cut_and_it_is_said(self, tmp_path):
        recording = Recording.from_arrays([0.0, 0.1, 0.2], [[1.0, 2.0, 3.0]], name="membrane current")
        written = write(recording, tmp_path / "a.abf", check=True)
        assert any("'membrane c'" in note for note in written.notes)
        assert any("channel name" in text for text in written.left_out)


@settings(max_examples=25, deadline=None)
@given(
    data=st.lists(st.lists(st.floats(-1e5, 1e5), min_size=4, max_size=4), min_size=1, max_size=3),
    label=st.sampled_from(["simulated", "data"]),
)
def test_abf_quantisation_is_at_most_half_a_step(data, label, tmp_path_factory):
    recording = Recording.from_arrays(np.arange(4) * 0.1, data, label=label)
    path = tmp_path_factory.mktemp("abf") / "a.abf"
    back = read(write(recording, path, check=True).path, yes=True)
    assert np.abs(back.data - recording.data).max() <= max(np.abs(recording.data).max(), 1e-30) / 32766 * 0.5001
    assert back.label == label


class TestNwb:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("pynwb")

    def test_pynwb_sees_pairs_units_and_the_label(self, tmp_path):
        import warnings

        import pynwb

        recording = patch()
        path = write(recording, tmp_path / "a.nwb", check=True).path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pynwb.NWBHDF5IO(str(path), "r") as source:
                file = source.read()
                assert file.session_description.startswith("SIMULATED")
                assert "simulated" in file.keywords[:]
                table = file.intracellular_recordings
                assert len(table.id) == 3
                response = table["responses"]["response"][1].timeseries
                stimulus = table["stimuli"]["stimulus"][1].timeseries
                assert type(response).__name__ == "VoltageClampSeries"
                assert type(stimulus).__name__ == "VoltageClampStimulusSeries"
                assert (response.unit, stimulus.unit) == ("amperes", "volts")
                np.testing.assert_allclose(response.data[:] * response.conversion, 1e-12 * recording.data[0, 1])
                np.testing.assert_allclose(stimulus.data[:] * stimulus.conversion, 1e-3 * recording.data[1, 1])
                assert response.starting_time == pytest.approx(5.0)
                assert response.rate == pytest.approx(2e4)
            assert list(pynwb.validate(path=str(path))) == []

    def test_everything_comes_back(self, tmp_path):
        base = patch("data")
        recording = Recording(
            base.time_ms + 1.5, np.concatenate([base.data, 3.2e3 + base.data[:1], base.data[:1]]),
            (*base.channels, Channel("IN 3", "mV", "V", "auxiliary"), Channel("Piezo", "mV", "V", "exchange")),
            {"start_s": np.arange(3.0), "drug": np.array(["a", "b", "é"]), "c_uM": np.array([0.0, 1.0, np.nan])},
            "data", {"id": "jump", "segments": [1, 2]}, {"file": "x.abf", "seed": 3},
        )  # fmt: skip
        written = write(recording, tmp_path / "a.nwb", check=True)
        back = read(written.path)
        assert written.left_out == ()
        assert np.array_equal(back.data, recording.data)
        assert np.abs(back.time_ms - recording.time_ms).max() < 1e-9
        assert [(c.name, c.unit, c.role) for c in back.channels] == [
            (c.name, c.unit, c.role) for c in recording.channels
        ]
        assert back.protocol == recording.protocol
        assert back.sweep_metadata["drug"].tolist() == ["a", "b", "é"]
        assert back.provenance["origin"] == {"file": "x.abf", "seed": 3}

    def test_current_clamp(self, tmp_path):
        base = patch()
        channels = (Channel("Vm", "mV"), Channel("I stim", "pA", role="stimulus"))
        recording = Recording(base.time_ms, base.data, channels)
        back = read(write(recording, tmp_path / "a.nwb", check=True).path)
        assert back.units == {"Vm": "mV", "I stim": "pA"}

    def test_without_a_response(self, tmp_path):
        recording = Recording(np.arange(3.0), np.ones((1, 1, 3)), (Channel("x", "K"),))
        with pytest.raises(RecordingError, match="cannot hold"):
            write(recording, tmp_path / "a.nwb")


class TestWrite:
    @pytest.mark.parametrize("name", ["a.abf", "a.csv", "a.tsv", "a.nc"])
    def test_nothing_is_replaced_unless_told(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(b"mine")
        with pytest.raises(DataError, match="exists"):
            write(patch(), path)
        assert path.read_bytes() == b"mine"
        write(patch(), path, force=True)
        assert read(path).data.shape == (2, 3, 200)
        assert [p.name for p in tmp_path.iterdir()] == [name]

    def test_bad_targets(self, tmp_path):
        with pytest.raises(UsageError, match="Cannot write"):
            write(patch(), tmp_path / "a.xlsx")
        with pytest.raises(DataError, match="Cannot write"):
            write(patch(), tmp_path / "no" / "a.csv")

    def test_a_crash_while_writing_leaves_the_old_file(self, tmp_path, monkeypatch):
        path = write(patch(), tmp_path / "a.abf").path
        before = path.read_bytes()
        from potentiate.recordings import abf_writer

        def fails(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(abf_writer, "_header", fails)
        with pytest.raises(DataError, match="Cannot write"):
            write(patch("data"), path, force=True)
        assert path.read_bytes() == before
        assert len(list(tmp_path.iterdir())) == 1

    def test_text_keeps_channels_and_roles(self, tmp_path):
        recording = patch()
        back = read(write(recording, tmp_path / "a.csv", check=True).path)
        assert [(c.name, c.role) for c in back.channels] == [("Im", "response"), ("Vcmd", "stimulus")]
        text = (tmp_path / "a.csv").read_text()
        (tmp_path / "b.csv").write_text(text.replace('["Vcmd"', '["Vcmd", 1'))
        with pytest.raises(RecordingError, match="comment on channels"):
            read(tmp_path / "b.csv")

    def test_compare_names_every_difference(self):
        one = patch()
        shifted = Recording(one.time_ms * 1.001, one.data, one.channels, {}, "data")
        words = " ".join(compare(one, shifted))
        assert "label simulated became data" in words
        assert "time axis" in words
        other = Recording(one.time_ms, one.data * (1 + 1e-5), (one.channels[0], Channel("Vcmd", "pA")), {}, "simulated")
        words = " ".join(compare(one, other))
        assert "values differ" in words
        assert "mV, stimulus became pA, response" in words
        assert "became (2, 2, 200)" in compare(one, one.select([0, 1]))[0]
        assert compare(one, one) == []
        assert not_expressed(one, shifted) == ("sweep metadata start_s",)


def played(epochs, holding, keeps, sweeps, points):
    values = np.full((sweeps, points), np.nan)
    waveform(epochs, holding, keeps, values)
    return values


class TestCommands:
    def test_steps_move_from_sweep_to_sweep(self):
        values = played([Epoch(STEP, -100, 10, 64, 0), Epoch(STEP, 0, 0, 32, 16)], -60, False, 3, 640)
        assert values[:, 5].tolist() == [-60, -60, -60]  # the first 1/64 is at the holding level
        assert values[:, 10].tolist() == values[:, 73].tolist() == [-100, -90, -80]
        assert [(row == 0).sum() for row in values] == [32, 48, 64]
        assert values[:, -1].tolist() == [-60, -60, -60]

    def test_the_last_level_stays_where_the_header_says_so(self):
        values = played([Epoch(STEP, -100, 10, 64, 0)], -60, True, 3, 640)
        assert values[:, -1].tolist() == [-100, -90, -80]
        assert values[:, 0].tolist() == [-60, -100, -90]

    def test_ramps_and_pulses(self):
        values = played([Epoch(RAMP, 40, 0, 101, 0), Epoch(PULSE, 90, 0, 100, 0, 20, 5)], -60, False, 1, 640)[0]
        np.testing.assert_allclose(values[10:111], np.linspace(-60, 40, 101))
        assert (values[111:211] == 90).sum() == 25
        assert values[111 + 5] == 40


    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"nWaveformSource": [2, 0]}, "another file"), ({"nULEnable": [1, 0, 0, 0]}, "user list"),
            ({"nEpochType": [5] + [0] * 19}, "epochs of type 5"), ({"lEpochInitDuration": [900] * 20}, "longer"),
            ({"lEpochInitDuration": [-1] * 20}, "longer"), ({"fEpochInitLevel": [np.nan] * 20}, "no finite level"),
            ({"lEpochDurationInc": [400] * 20}, "longer"), ({"level": 1e30}, "holding level"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_rebuilt_is_named_and_left_out(self, tmp_path, change, why):
        """A header as pyabf gives it (ABF1), with one thing that we do not play."""
        import struct
        from types import SimpleNamespace

        from potentiate.recordings.abf_command import commands

        fields = {
            "fFileVersionNumber": 1.83, "nWaveformEnable": [1, 0], "nWaveformSource": [1, 0], "nULEnable": [0] * 4,
            "nEpochType": [1] + [0] * 19, "fEpochInitLevel": [20.0] * 20, "fEpochLevelInc": [0.0] * 20,
            "lEpochInitDuration": [100] * 20, "lEpochDurationInc": [0] * 20, "sDACChannelName": ["Cmd 0", ""],
            "sDACChannelUnit": ["mV", ""], "nInterEpisodeLevel": [0, 0],
        }  # fmt: skip
        path = tmp_path / "head"

        def found(level=-70.0, **more):
            path.write_bytes(bytes(1394) + struct.pack("<4f", level, 0, 0, 0))
            header = SimpleNamespace(**(fields | more))
            return commands(
                SimpleNamespace(_headerV1=header, nOperationMode=5, sweepCount=3, sweepPointCount=640,
                                abfFilePath=str(path))
            )  # fmt: skip

        (command,), notes = found()
        values = np.empty((3, 640))
        command.fill(values)
        assert notes == ()
        assert (values == 20).sum() == 300
        assert values[0, 0] == -70
        none, (note,) = found(**change)
        assert none == ()
        assert why in note
        assert "'Cmd 0' is not rebuilt" in note


@pytest.mark.parametrize(
    ("name", "unit", "role"),
    [
        ("Im", "pA", "response"), ("Vm_sec", "mV", "response"), ("Voltage 0", "pA", "response"),
        ("(Piezo Com 10Vm)", "mV", "exchange"), ("Open Tip", "pA", "exchange"), ("Cmd 0", "mV", "stimulus"),
        ("Vcmd", "mV", "stimulus"), ("Command", "mV", "stimulus"), ("stimulus", "pA", "stimulus"),
        ("Temp", "degC", "auxiliary"), ("", "", "auxiliary"), ("recommended", "pA", "response"),
    ],
)  # fmt: skip
def test_roles_by_name(name, unit, role):
    assert likely_role(name, unit) == role


def test_inputs_that_belong_to_no_cell():
    assert is_auxiliary("mV", 3042.6, 3131.1)
    assert is_auxiliary("mV", -3400.0, -3390.0)
    assert is_auxiliary("pA", 0.0, 0.0)
    assert not is_auxiliary("mV", -70.25, -69.7)
    assert not is_auxiliary("mV", -3400.0, 3390.0)
    assert not is_auxiliary("pA", -2000.0, -1500.0)


def test_a_constant_and_an_infinite_trace(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time (ms), I (pA)\n0,5\n1,5\n2,5\n")
    assert "constant (5)" in read(path).describe()
    path.write_text("time (ms), I (pA)\n0,5\n1,inf\n2,5\n")
    with pytest.raises(RecordingError, match="Infinite"):
        read(path)
    path.write_text("time (ms), I (pA)\n0,5\n1,nan\n2,4\n")
    recording = read(path)
    assert np.isnan(recording.sweeps[0, 1])
    assert "1 samples are missing (NaN) in 1 of 1 sweeps" in recording.describe()


def test_a_recording_shares_no_memory_that_others_can_change():
    base = np.zeros((1, 1, 3))
    view = base[:]
    view.setflags(write=False)
    recording = Recording(np.arange(3.0), view, (Channel("I", "pA"),))
    base[:] = 9.0
    assert (recording.data == 0).all()
    frozen = np.zeros((1, 1, 3))
    frozen.setflags(write=False)
    assert Recording(np.arange(3.0), frozen, (Channel("I", "pA"),)).data is frozen  # nobody can: no copy
