"""NWB, HEKA and Igor files: values, units, pairs, and what is refused. Made by the writers of tests/conftest.py."""

import numpy as np
import pytest

from potentiate.errors import RecordingError, UsageError
from potentiate.recordings import read


class TestNwb:
    @pytest.fixture
    def nwb(self, foreign, tmp_path):
        pytest.importorskip("pynwb")
        return lambda **more: foreign.nwb(tmp_path / "a.nwb", **more)

    @pytest.fixture
    def edit(self, nwb):
        """Return a function that lets h5py change a written file."""
        import h5py

        def call(change, **more):
            path = nwb(**more)
            with h5py.File(path, "r+") as file:
                change(file)
            return path

        return call

    def counts(self, sweeps=4, points=200):
        rng = np.random.default_rng(3)
        return np.stack([rng.integers(-2000, 2000, points) for _ in range(sweeps)])

    @pytest.mark.parametrize("table", [True, False])
    def test_si_is_data_times_conversion_plus_offset_and_the_gain_is_left_alone(self, nwb, table):
        recording = read(nwb(table=table, conversion=2e-12, offset=5e-12))
        assert recording.data.shape == (2, 4, 200)
        np.testing.assert_allclose(recording.data[0], 2.0 * self.counts() + 5.0, rtol=1e-12)
        assert recording.units == {"elec0": "pA", "stimulus of elec0": "mV"}
        assert recording.roles == ("response", "stimulus")
        assert recording.interval_ms == pytest.approx(0.05, rel=1e-9)
        assert recording.sweep_metadata["start_s"].tolist() == [0, 3, 6, 9]

    @pytest.mark.parametrize(("table", "how"), [(True, "table of intracellular"), (False, "sweep number")])
    def test_pairs_and_missing_stimuli(self, nwb, table, how):
        recording = read(nwb(table=table, stimulated=3))
        assert recording.data[1, :3, 0].tolist() == [-60, -59, -58]
        assert np.isnan(recording.data[1, 3]).all()
        notes = " ".join(recording.provenance["notes"])
        assert how in notes
        assert "1 of 4 responses have no stimulus" in notes

    def test_no_stimulus_at_all(self, nwb):
        recording = read(nwb(stimulated=0))
        assert len(recording.channels) == 1
        assert "4 of 4 responses have no stimulus" in " ".join(recording.provenance["notes"])

    def test_sweeps_of_several_kinds_are_refused_until_some_are_chosen(self, nwb):
        path = nwb(lengths=[200, 200, 300, 300])
        with pytest.raises(RecordingError, match="one time axis") as caught:
            read(path)
        assert "2 x 300 samples at 20 kHz" in caught.value.why
        assert "--part" in caught.value.do
        assert read(path, part="data_00[01]_AD0").data.shape == (2, 2, 200)
        assert read(path, part="data_002*").data.shape == (2, 1, 300)
        with pytest.raises(UsageError, match="No series"):
            read(path, part="ccc*")

    def test_uneven_time_stamps(self, edit):
        stamps = np.cumsum(np.random.default_rng(0).uniform(1e-4, 1e-3, 200))

        def change(file, times=stamps):
            for group in file["acquisition"].values():
                begin = float(group["starting_time"][()])
                del group["starting_time"]
                group["timestamps"] = begin + times

        recording = read(edit(change, stimulated=0))
        np.testing.assert_allclose(recording.time_ms, 1e3 * (stamps - stamps[0]), atol=1e-6)
        assert recording.sweep_metadata["start_s"][2] == pytest.approx(6 + stamps[0])
        with pytest.raises(RecordingError, match="Time does not increase"):
            read(edit(lambda file: change(file, stamps[::-1]), stimulated=0))

    def test_missing_samples_are_kept_and_noted(self, edit):
        def change(file):
            group = file["acquisition/data_001_AD0"]
            values, attributes = group["data"][()].astype(float), dict(group["data"].attrs)
            values[10:15] = np.nan
            del group["data"]
            group["data"] = values
            group["data"].attrs.update(attributes)

        recording = read(edit(change))
        assert np.isnan(recording.data[0]).sum() == 5
        assert "5 samples are missing (NaN) in 1 of 4 sweeps" in recording.describe()

    def test_contradictory_units(self, edit):
        def change(file):
            file["acquisition/data_001_AD0/data"].attrs["unit"] = "volts"

        with pytest.raises(RecordingError, match="Units contradict") as caught:
            read(edit(change))
        assert "data_001_AD0" in caught.value.where

    def test_a_billion_samples_that_are_not_there(self, edit):
        def change(file):
            group = file["acquisition/data_001_AD0"]
            attributes = dict(group["data"].attrs)
            del group["data"]
            group.create_dataset("data", shape=(10**12,), chunks=(1000,), dtype="f8").attrs.update(attributes)

        with pytest.raises(RecordingError, match="damaged") as caught:
            read(edit(change))
        assert "1000000000000 samples" in caught.value.why

    @pytest.mark.parametrize("kind", ["external link", "external storage", "virtual", "circle"])
    def test_other_files_are_not_followed(self, edit, tmp_path, kind):
        import h5py

        secret = tmp_path / "secret.h5"
        with h5py.File(secret, "w") as file:
            file["data"] = np.full(200, 42.0)
        (tmp_path / "secret.bin").write_bytes(bytes(1600))

        def change(file):
            group = file["acquisition/data_001_AD0"]
            attributes = dict(group["data"].attrs)
            del group["data"]
            if kind == "external link":
                group["data"] = h5py.ExternalLink(str(secret), "/data")
                return
            if kind == "circle":
                group["data"] = h5py.SoftLink("/acquisition/data_001_AD0/data")
                return
            if kind == "virtual":
                layout = h5py.VirtualLayout((200,), "f8")
                layout[:] = h5py.VirtualSource(str(secret), "data", (200,))
                group.create_virtual_dataset("data", layout)
            else:
                group.create_dataset("data", (200,), "f8", external=[(str(tmp_path / "secret.bin"), 0, 1600)])
            group["data"].attrs.update(attributes)

        with pytest.raises(RecordingError) as caught:
            read(edit(change))
        assert caught.value.what in ("The file points to another file", "File is damaged")

    def test_other_hdf5_and_a_broken_superblock(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file["x"] = [1, 2]
        with pytest.raises(RecordingError, match="not read") as caught:
            read(path)
        assert "not NWB" in caught.value.why
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(RecordingError, match="truncated"):
            read(path)

    def test_a_crash_of_the_library_is_an_error_here(self, nwb, monkeypatch):
        from potentiate.recordings import isolated

        path = nwb()
        monkeypatch.setattr(isolated, "_CHILD", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        with pytest.raises(RecordingError, match="damaged") as caught:
            read(path)
        assert "crashed" in caught.value.why
        monkeypatch.setattr(isolated, "_CHILD", "import time; time.sleep(30)")
        monkeypatch.setattr(isolated, "PATIENCE_S", 0.2)
        with pytest.raises(RecordingError, match="damaged") as caught:
            read(path)
        assert "did not come to an end" in caught.value.why


class TestHeka:
    def sweep(self, seed, points=100):
        rng = np.random.default_rng(seed)
        return [
            ("Imon", "A", rng.integers(-1000, 1000, points), 1e-13, 5e-12),
            ("Vmon", "V", rng.integers(-1000, 1000, points), 1e-5, 0.0),
        ]

    def test_two_opinions(self, foreign, tmp_path):
        """Myokit reads the same file: same samples, units, times (Clerx et al. 2016)."""
        path = foreign.heka(tmp_path / "a.dat", [("IV", [self.sweep(0), self.sweep(1)])], begin_s=0.002)
        recording = read(path)
        heka = pytest.importorskip("myokit.formats.heka")
        with pytest.warns(UserWarning, match="new"):
            file = heka.PatchMasterFile(str(path))
        with file:
            series = file.group("cell 1")[0]
            assert series.label() == recording.provenance["acquisition_protocol"].split(" / ")[1] == "IV"
            for s, sweep in enumerate(series):
                for k, trace in enumerate(sweep):
                    factor = {"[A]": 1e12, "[V]": 1e3}[str(trace.value_unit())]
                    assert trace.label() == recording.channels[k].name
                    np.testing.assert_allclose(recording.data[k, s], trace.values() * factor, rtol=1e-12)
                    np.testing.assert_allclose(recording.time_ms, 1e3 * trace.times(), rtol=1e-12)

    def test_values_units_times_and_what_is_not_done(self, foreign, tmp_path):
        sweeps = [self.sweep(0), self.sweep(1)]
        recording = read(foreign.heka(tmp_path / "a.dat", [("IV", sweeps)]))
        assert recording.units == {"Imon": "pA", "Vmon": "mV"}
        np.testing.assert_allclose(recording.data[0, 1], 0.1 * sweeps[1][0][2], rtol=1e-12)
        assert recording.interval_ms == pytest.approx(0.05)
        assert recording.sweep_metadata["start_s"].tolist() == [0, 2]
        notes = " ".join(recording.provenance["notes"])
        assert "5e-12 A" in notes
        assert "not subtracted" in notes
        assert "template" in notes

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("kind", [0, 1, 2, 3])
    def test_byte_orders_and_sample_formats(self, foreign, tmp_path, order, kind):
        sweeps = [self.sweep(0), self.sweep(1)]
        recording = read(foreign.heka(tmp_path / "a.dat", [("IV", sweeps)], order=order, kind=kind))
        for s, sweep in enumerate(sweeps):
            np.testing.assert_allclose(recording.data[1, s], 0.01 * sweep[1][2], rtol=1e-12)
        assert recording.sweep_metadata["start_s"].tolist() == [0, 2]

    def test_one_series_of_several(self, foreign, tmp_path):
        path = foreign.heka(tmp_path / "a.dat", [("IV", [self.sweep(0)]), ("jump", [self.sweep(k) for k in (1, 2)])])
        with pytest.raises(RecordingError, match="Several series") as caught:
            read(path)
        assert "1.2 'jump' (2 sweeps)" in caught.value.why
        assert read(path, part="1.2").data.shape == (2, 2, 100)
        with pytest.raises(UsageError, match="No series"):
            read(path, part="2.1")

    def test_sweeps_of_unequal_length(self, foreign, tmp_path):
        path = foreign.heka(tmp_path / "a.dat", [("IV", [self.sweep(0), self.sweep(1, 90)])])
        with pytest.raises(RecordingError, match="differ in length"):
            read(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda b, _: b.__setitem__(slice(0, 4), b"DAT1"), "kind of HEKA"),
            (lambda b, at: b.__setitem__(at + 70, 9), "unknown format 9"),
            (lambda b, at: b.__setitem__(slice(at + 292, at + 300), bytes([0, 1, 0, 0, 0, 2, 0, 0])), "Interleaved"),
            (lambda b, at: b.__setitem__(slice(at + 96, at + 104), bytes(8)), "Units missing"),
            (lambda b, at: b.__setitem__(slice(at + 44, at + 48), b"\xff\xff\xff\x7f"), "2147483647 samples"),
            (lambda b, at: b.__setitem__(slice(at + 104, at + 112), bytes(8)), "every 0 s"),
        ],
    )
    def test_what_is_refused(self, foreign, tmp_path, change, message):
        path = foreign.heka(tmp_path / "a.dat", [("IV", [self.sweep(0)])])
        content = bytearray(path.read_bytes())
        change(content, content.index(b"Imon") - 4)
        path.write_bytes(content)
        with pytest.raises(RecordingError) as caught:
            read(path)
        assert message in str(caught.value)


class TestIgor:
    @pytest.mark.parametrize(("version", "order"), [(5, "<"), (5, ">"), (2, "<"), (2, ">")])
    def test_a_wave(self, foreign, tmp_path, version, order):
        values = 1e-12 * np.arange(50.0)
        path = tmp_path / "a.ibw"
        path.write_bytes(foreign.igor_wave("Record3", values, version=version, order=order, begin=-0.001))
        recording = read(path)
        np.testing.assert_allclose(recording.sweeps[0], np.arange(50.0), rtol=1e-12)
        np.testing.assert_allclose(recording.time_ms, -1 + 0.05 * np.arange(50), atol=1e-12)
        assert recording.channels[0].name == "Record3"
        theirs = pytest.importorskip("igor2.binarywave").load(str(path))["wave"]
        assert np.array_equal(recording.sweeps[0], 1e12 * np.asarray(theirs["wData"]))

    def test_long_units_and_a_note(self, foreign, tmp_path):
        """Units of more than three letters lie behind the note; igor2 finds the same."""
        path = tmp_path / "a.ibw"
        values, units = 1e-12 * np.arange(9.0), ("amperes", "seconds")
        path.write_bytes(foreign.igor_wave("w", values, note="drug: none", long_units=units))
        recording = read(path)
        assert recording.channels[0].file_unit == "A"
        assert recording.sweeps[0, 1] == pytest.approx(1.0)
        assert recording.interval_ms == pytest.approx(0.05)
        theirs = pytest.importorskip("igor2.binarywave").load(str(path))["wave"]
        assert theirs["data_units"] == b"amperes"
        assert theirs["note"] == b"drug: none"

    def test_sizes_that_keep_others_busy(self, foreign, tmp_path):
        import struct

        whole = bytearray(foreign.igor_wave("w", np.arange(9.0), unit="pA"))
        path = tmp_path / "a.ibw"
        for at in range(4, 64, 4):
            damaged = whole.copy()
            struct.pack_into("<i", damaged, at, 603979776)
            path.write_bytes(damaged)
            try:
                assert read(path).data.shape == (1, 1, 9)  # a size that is of no use here
            except RecordingError as error:
                assert "beyond the file" in error.why  # noqa: PT017 - either is right

    def test_columns_are_sweeps(self, foreign, tmp_path):
        values = np.arange(150.0).reshape(50, 3)
        path = tmp_path / "a.ibw"
        path.write_bytes(foreign.igor_wave("all", values, unit="nA", step=0.1, x_unit="ms"))
        recording = read(path)
        assert np.array_equal(recording.sweeps, 1e3 * values.T)
        assert recording.interval_ms == pytest.approx(0.1)

    def test_an_experiment_and_igor2_itself(self, foreign, tmp_path):
        packed = pytest.importorskip("igor2.packed")
        rng = np.random.default_rng(0)
        waves = {
            f"Record{c}{k}": (rng.normal(size=40), u) for c, u in (("A", "pA"), ("B", "mV")) for k in (0, 1, 2, 10)
        }
        path = tmp_path / "a.pxp"
        content = [foreign.igor_wave(name, values, unit=unit) for name, (values, unit) in waves.items()]
        path.write_bytes(foreign.igor_experiment(["nmFolder0", *content, None]))
        recording = read(path)
        assert recording.units == {"RecordA": "pA", "RecordB": "mV"}
        records, _ = packed.load(path, initial_byte_order="<")
        seen = [np.asarray(r.wave["wave"]["wData"]) for r in records if type(r).__name__ == "WaveRecord"]
        assert np.array_equal(recording.data.reshape(8, 40), np.stack(seen))  # number 10 is the last of its channel

    def test_kinds_folders_and_parts(self, foreign, tmp_path):
        def wave(name, points):
            return foreign.igor_wave(name, np.arange(float(points)), unit="pA")

        path = tmp_path / "a.pxp"
        path.write_bytes(foreign.igor_experiment([wave("a0", 30), wave("a1", 30), wave("avg", 20)]))
        with pytest.raises(RecordingError, match="one time axis") as caught:
            read(path)
        assert "--part" in caught.value.do
        assert read(path, part="a?").data.shape == (1, 2, 30)
        path.write_bytes(foreign.igor_experiment(["x", wave("a0", 30), None, "y", wave("a0", 30), None]))
        with pytest.raises(RecordingError, match="several folders"):
            read(path)
        assert read(path, part="y:*").data.shape == (1, 1, 30)
        with pytest.raises(UsageError, match="No wave"):
            read(path, part="z:*")

    def test_missing_units_are_asked_for_in_the_words_of_igor(self, foreign, tmp_path):
        path = tmp_path / "a.ibw"
        path.write_bytes(foreign.igor_wave("w", np.arange(9.0), unit=""))
        with pytest.raises(RecordingError, match="No sweeps") as caught:
            read(path)
        assert "SetScale d" in caught.value.why
        assert read(path, unit="nA").sweeps[0, 1] == 1000
        path.write_bytes(foreign.igor_wave("w", np.arange(9.0), x_unit=""))
        with pytest.raises(RecordingError, match="No sweeps") as caught:
            read(path)
        assert "SetScale/P x" in caught.value.why
        path.write_bytes(foreign.igor_wave("w", np.arange(9.0), step=-1.0))
        with pytest.raises(RecordingError) as caught:
            read(path)
        assert "time does not increase" in caught.value.why


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    import importlib.util

    (tmp_path / "a.nwb").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "a.nwb")
    assert "potentiate[nwb]" in caught.value.do
