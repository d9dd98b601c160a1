"""One small file of each acquisition format: shape, rate and units as in PROVENANCE.md."""

import numpy as np
import pytest

from potentiate.errors import RecordingError, UsageError
from potentiate.recordings import Recording, read, write_csv

FILES = {
    "AxoGraph_X_File.axgx": ((6, 1, 1000), 20.0, "pA"),
    "AxoGraph_Graph_File.axgr": ((2, 1, 2048), 2.0, "pA"),
    "AxoGraph_Digitized_File.axgd": ((28, 1, 200), 10.0, "pA"),
    "myokit-abf-v1.abf": ((2, 9, 5000), 10.0, "pA"),
    "myokit-abf-v2.abf": ((2, 37, 516), 20.0, "pA"),
    "myokit-wcp-file.wcp": ((2, 11, 256), 1.0, "pA"),
}


@pytest.mark.parametrize("name", FILES)
def test_shape_rate_unit(data_dir, name):
    recording = read(data_dir / "format_fixtures" / name)
    shape, rate_kHz, unit = FILES[name]
    assert recording.data.shape == shape
    assert 1 / recording.interval_ms == pytest.approx(rate_kHz, rel=1e-4)
    assert recording.unit == unit
    assert recording.label == "data"
    assert unit in recording.describe()


def test_axograph_amperes_become_picoamperes(data_dir):
    recording = read(data_dir / "format_fixtures" / "AxoGraph_X_File.axgx")
    assert recording.sweeps.min() == pytest.approx(-294.4, abs=0.1)
    assert recording.channels[0].file_unit == "A"
    # columns without title and unit are not guessed
    assert recording.channels[1].unit == ""


def test_abf_that_says_ampere_is_stopped(data_dir):
    path = data_dir / "format_fixtures" / "pyabf-2018_12_09_pCLAMP11_0001.abf"
    with pytest.raises(RecordingError, match="Scale implausible") as caught:
        read(path)
    assert caught.value.exit_code == 3
    assert "unit='pA'" in caught.value.do
    told = read(path, unit="pA")
    assert told.data.shape == (2, 10, 2000)  # the second is the command
    assert told.sweeps.min() == pytest.approx(-5.59, abs=0.01)
    assert any("as told" in note for note in told.provenance["notes"])
    assert read(path, yes=True).sweeps.min() == pytest.approx(-5.59e12, rel=1e-2)


def test_a_unit_needs_its_channel(data_dir):
    path = data_dir / "format_fixtures" / "myokit-wcp-file.wcp"
    with pytest.raises(UsageError, match="Which channel"):
        read(path, unit="nA")
    assert read(path, "Im", unit="fA").sweeps.min() == pytest.approx(-20.06, abs=0.01)
    assert read(path, unit={"Vm": "uV"}).units == {"Im": "pA", "Vm": "mV"}
    with pytest.raises(UsageError, match="0 channels match"):
        read(path, unit={"Bm": "V"})


@pytest.mark.parametrize("name", ["myokit-abf-v1.abf", "myokit-abf-v2.abf"])
def test_the_two_abf_readers_agree(data_dir, name):
    neo, pyabf = (read(data_dir / "format_fixtures" / name, reader=reader) for reader in ("neo", "pyabf"))
    assert np.abs(neo.data[0] - pyabf.data[0]).max() < 1e-3
    assert read(data_dir / "format_fixtures" / name).provenance["reader"].startswith("neo")


def test_disagreeing_scales_are_reported_with_both_opinions(data_dir, monkeypatch):
    from dataclasses import replace

    from potentiate.recordings import abf

    real = abf.pyabf_raw

    def smaller(path, **options):
        raw = real(path, **options)
        return replace(raw, gain=tuple(g * 1e-3 for g in raw.gain), offset=tuple(o * 1e-3 for o in raw.offset))

    monkeypatch.setattr(abf, "pyabf_raw", smaller)
    path = data_dir / "format_fixtures" / "myokit-abf-v1.abf"
    with pytest.raises(RecordingError, match="Scale disagrees") as caught:
        read(path)
    assert "pyABF says -4.5" in caught.value.why
    assert "Neo says -459" in caught.value.why
    assert read(path, reader="neo").data.shape == (1, 9, 5000)
    monkeypatch.setattr(abf, "pyabf_raw", lambda path, **options: replace(real(path, **options), units=("nA",)))
    with pytest.raises(RecordingError, match="Scale disagrees"):
        read(path)


def test_round_trip_of_a_real_file(data_dir, tmp_path):
    recording = read(data_dir / "format_fixtures" / "myokit-wcp-file.wcp")
    back = Recording.load(recording.save(tmp_path / "wcp.nc"))
    assert np.array_equal(back.data, recording.data)
    assert back.channels == recording.channels
    assert dict(back.provenance) == dict(recording.provenance)
    text = read(write_csv(recording, tmp_path / "wcp.csv"))
    assert np.array_equal(text.data, recording.data)
    assert np.array_equal(text.time_ms, recording.time_ms)


@pytest.mark.parametrize("name", [*FILES, "pyabf-2018_12_09_pCLAMP11_0001.abf"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.timeout(30)
def test_truncated_files_are_refused(data_dir, tmp_path, name, part):
    whole = (data_dir / "format_fixtures" / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(part * len(whole))])
    # the scale of the pCLAMP 11 file is wrong anyway (it says A), which must not hide the truncation
    with pytest.raises(RecordingError) as caught:
        read(path, yes=path.suffix == ".abf")
    assert caught.value.exit_code == 3


def test_wrong_extension(data_dir, tmp_path):
    path = tmp_path / "cell.abf"
    path.write_bytes((data_dir / "format_fixtures" / "myokit-wcp-file.wcp").read_bytes())
    with pytest.raises(RecordingError, match="disagree") as caught:
        read(path)
    assert "winwcp" in caught.value.why


def test_roles_of_real_channels(data_dir):
    """Traps of the curator: constant inputs at 3 V, a "Voltage 0" in pA, AxoGraph columns without unit, command."""
    assert read(data_dir / "epsc_train_st_nts_pyabf" / "f1.abf").roles == (
        "response", "response", "auxiliary", "auxiliary", "stimulus",
    )  # fmt: skip
    trap = read(data_dir / "spontaneous_psc_pyabf" / "05210017_vc_abf1.abf")
    assert (trap.channels[0].name, trap.unit, trap.roles[0]) == ("Voltage 0", "pA", "response")
    columns = read(data_dir / "format_fixtures" / "AxoGraph_Digitized_File.axgd")
    assert columns.roles[:3] == ("response", "response", "auxiliary")
    assert columns.units["Voltage"] == "mV"
    assert read(data_dir / "format_fixtures" / "myokit-wcp-file.wcp").roles == ("response", "response")


COMMANDS = [
    "format_fixtures/myokit-abf-v1.abf", "format_fixtures/myokit-abf-v2.abf",
    "format_fixtures/pyabf-2018_12_09_pCLAMP11_0001.abf", "epsc_train_st_nts_pyabf/f1.abf",
    "spontaneous_psc_pyabf/05210017_vc_abf1.abf", "spontaneous_psc_pyabf/171116sh_0020.abf",
]  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_as_pyabf_and_myokit_rebuild_them(data_dir, name):
    """Both programs agree with us, but where each is known to stray.

    pyabf takes the first epoch for the holding level of ABF1 (myokit-abf-v1); Myokit begins some epochs a sample
    off where the sweep does not divide by 64.
    """
    import pyabf

    path = data_dir / name
    recording = read(path, yes=True)
    ours = recording.data[recording.roles.index("stimulus")]
    file = pyabf.ABF(str(path))
    theirs = np.array([file.setSweep(s, 0) or file.sweepC for s in file.sweepList])
    if "myokit-abf-v1" not in name:
        assert np.array_equal(ours, theirs)
    axon = pytest.importorskip("myokit.formats.axon")
    values = np.array([sweep[-1].values() for sweep in axon.AbfFile(str(path))])
    # at most one sample at each end of each epoch
    assert (np.abs(values - ours) > 1e-6).sum(axis=1).max() <= 2 * len(np.unique(ours[0]))


def test_no_command_where_none_was_played(data_dir):
    recording = read(data_dir / "nmda_application_pyabf" / "File_axon_7.abf")
    assert recording.roles == ("response",)


@pytest.mark.parametrize("reader", ["neo", "pyabf", "both"])
def test_the_rate_is_not_cut_to_a_whole_number(data_dir, reader):
    recording = read(data_dir / "nmda_application_pyabf" / "File_axon_7.abf", reader=reader)
    assert recording.interval_ms == pytest.approx(2.48, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "ending"),
    [(n, e) for n in FILES if "Axo" not in n for e in (".abf", ".csv", ".nc")] + [("myokit-abf-v1.abf", ".nwb")],
)
def test_real_recordings_leave_in_every_format(data_dir, tmp_path, name, ending):
    from potentiate.recordings import write

    if ending == ".nwb":
        pytest.importorskip("pynwb")
    recording = read(data_dir / "format_fixtures" / name)
    written = write(recording, tmp_path / f"out{ending}", check=True)
    assert written.checked
    back = read(written.path)
    assert back.label == "data"
    if ending in (".nwb", ".nc", ".csv"):
        assert np.array_equal(back.data, recording.data)


def test_axograph_columns_without_unit_do_not_fit_csv(data_dir, tmp_path):
    from potentiate.recordings import write

    recording = read(data_dir / "format_fixtures" / "AxoGraph_X_File.axgx")
    with pytest.raises(RecordingError, match="no unit"):
        write(recording, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(read(write(recording, tmp_path / "a.nc", check=True).path).data, recording.data)


def test_the_second_opinion_reads_one_sweep(data_dir, monkeypatch):
    """Reading is fast because only the header and one sweep are read twice (counted, not timed)."""
    from potentiate.recordings import abf

    counts = []
    real = abf.np.fromfile
    monkeypatch.setattr(abf.np, "fromfile", lambda *a, **k: counts.append(k["count"]) or real(*a, **k))
    read(data_dir / "epsc_train_st_nts_pyabf" / "f1.abf")
    assert counts == [4 * 50_000]
