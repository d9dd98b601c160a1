"""Tables of conditions: what they become, and what they are refused for."""

import dataclasses

import numpy as np
import pytest

from potentiate import Bath, Patch, Recording, Rig, find_scheme, protocols, run
from potentiate.errors import DataError, UnknownNameError
from potentiate.inference.conditions import experiments_of, load_conditions, read_conditions
from potentiate.recordings.channel import Channel

PROTOCOL = protocols.jump(width_ms=1.0, before_ms=5.0, after_ms=14.0, dt_ms=0.1)
HEADER = "file,cell,animal,drug,concentration_uM,placement,agonist,agonist_uM,pulse_ms,on_ms"
LINE = "a.nc,c1,m1,,,,glutamate,10000,1,5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three sweeps of one patch, one of another, one of noise alone."""
    folder = tmp_path_factory.mktemp("rig")
    patch = Patch(find_scheme("Partin1996"), channels=100, rig=Rig(noise_pA=0.5))
    a = run(patch, PROTOCOL, [Bath()] * 3, seed=1)
    a = dataclasses.replace(a, data=a.data + 7.0)  # a holding current
    a.save(folder / "a.nc")
    run(patch, PROTOCOL, Bath(), seed=2).save(folder / "b.nc")
    flat = a.data[:, :1] * 0 + np.random.default_rng(1).normal(size=a.time_ms.size)
    Recording(a.time_ms, flat, a.channels).save(folder / "noise.nc")
    return folder


def table(folder, *lines, header=HEADER):
    path = folder / "table.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_line_becomes_an_experiment(folder):
    (e,) = read_conditions(
        table(folder, LINE + ',-70,5,0.2,2,22,4,15,"0:1"', header=HEADER + ",voltage_mV,reversal_mV,exchange_ms,"
              "filter_kHz,temperature_C,use_from_ms,use_to_ms,sweeps")
    )  # fmt: skip
    assert (e.cell, e.animal, e.voltage_mV, e.reversal_mV) == ("c1", "m1", -70.0, 5.0)
    assert (e.exchange_10_90_ms, e.filter_kHz, e.temperature_C) == (0.2, 2.0, 22.0)
    assert e.recording.sweeps.shape[0] == 2
    assert e.used.any(axis=0).sum() == 111
    assert dict(e.protocol.marks) == {"on": 5.0, "off": 6.0}
    assert e.protocol.solutions["agonist"] == {"glutamate": 10_000.0}
    assert e.baths == (Bath(), Bath())
    before = e.recording.time_ms < 4.5
    assert abs(e.recording.sweeps[:, before].mean()) < 0.05  # the holding current is gone


def test_units_may_stand_in_titles_or_cells(folder):
    header = "file,drug,concentration (mM),placement,agonist_mM,pulse,on (s)"
    (e,) = read_conditions(table(folder, "b.nc,CX614,0.1,agonist,10,1000 us,0.005", header=header))
    assert e.baths == (Bath({"CX614": 100.0}, "agonist"),)
    assert e.protocol.solutions["agonist"] == {"glutamate": 10_000.0}
    assert dict(e.protocol.marks) == {"on": 5.0, "off": 6.0}
    assert e.cell == "b"


def test_a_folder_is_read_through_its_table_and_says_what_it_assumed(folder):
    table(folder, "a.nc,5,10000,1", "b.nc,5,10000,1", header="file,on_ms,agonist_uM,pulse_ms").rename(
        folder / "conditions.csv"
    )
    found = load_conditions(folder)
    assert [e.cell for e in found.experiments] == ["a", "b"]
    assert any("each file is a cell" in line for line in found.assumed)
    assert any("-60 mV" in line for line in found.assumed)


def test_a_second_pulse_follows_after_the_interval(folder):
    (e,) = read_conditions(table(folder, LINE + ",4", header=HEADER + ",interval_ms"))
    assert dict(e.protocol.marks) == {"on": 5.0, "off": 6.0, "on2": 10.0, "off2": 11.0}
    assert [s.solution for s in e.protocol.segments] == ["control", "agonist"] * 2 + ["control"]


def test_a_voltage_protocol_needs_no_agonist(folder):
    t = np.arange(200) * 0.1
    command = np.where(t > 5, 20.0, -80.0)
    data = np.stack([np.where(t > 5, 50.0, 0.0) + 0.1 * np.sin(t), command])[:, None]
    channels = (Channel("I", "pA", "pA"), Channel("cmd", "mV", "mV", "stimulus"))
    Recording(t, data, channels).save(folder / "step.nc")
    (e,) = read_conditions(table(folder, "step.nc", header="file"))
    np.testing.assert_allclose(e.voltage_mV, command)
    assert e.recording.data.shape[0] == 1


@pytest.mark.parametrize(
    ("header", "lines", "what", "where"),
    [
        (HEADER, ["gone.nc,c1,,,,,,10000,1,5"], "Cannot read gone.nc", "line 2, column 'file'"),
        (HEADER, [LINE, LINE], "described twice", "line 3"),
        (HEADER, ["a.nc,c1,,CX614,100,inside,,10000,1,5"], "placement 'inside'", "line 2"),
        (HEADER, ["a.nc,c1,,CX614,,,,10000,1,5"], "No concentration of CX614", "line 2"),
        (HEADER, ["a.nc,c1,,,50,,,10000,1,5"], "and no drug", "line 2"),
        (HEADER, ["a.nc,c1,,,,,,10000,1 mV,5"], "'1 mV'", "line 2, column 'pulse_ms'"),
        (HEADER, ["a.nc,c1,,,,,,10000,1,9"], "exchange is later than the response", "line 2"),
        (HEADER, ["a.nc,c1,,,,,,10000,1,90"], "after the sweep", "line 2"),
        (HEADER, ["a.nc,c1,,,,,,10000,1,0"], "agonist comes at 0 ms", "line 2"),
        (HEADER, ["a.nc,c1,,,,,,10000,,5"], "No pulse_ms", "line 2"),
        (HEADER, ["a.nc,c1,,,,,,,,"], "response without an agonist", "line 2"),
        (HEADER, ["noise.nc,c1,,,,,,,,"], "No agonist and no change of voltage", "line 2"),
        (HEADER, ["a.nc,c1,,CX614,-5,,,10000,1,5"], "-5", "line 2"),
        (HEADER, [LINE.replace("10000", "nan")], "No agonist|response without", "line 2"),
        (HEADER + ",sweeps", [LINE + ",7"], "No sweep 7", "line 2"),
        ("file,pulse,agonist_uM,on_ms", ["a.nc,1,10000,5"], "No unit in '1'", "line 2, column 'pulse'"),
        ("file,pulse_ms,pulse (s)", ["a.nc,1,1"], "say the same", "table.csv"),
        ("cell", ["a"], "No column 'file'", "table.csv"),
    ],
)  # fmt: skip
def test_errors_name_line_and_column(folder, header, lines, what, where):
    with pytest.raises(DataError, match=what) as caught:
        read_conditions(table(folder, *lines, header=header))
    assert where in caught.value.where
    assert "table.csv" in caught.value.where


def test_an_unknown_column_has_a_nearest_one(folder):
    with pytest.raises(UnknownNameError, match="concentraton_uM") as caught:
        read_conditions(table(folder, "a.nc,1", header="file,concentraton_uM"))
    assert "concentration_uM" in caught.value.why


def test_a_late_exchange_is_judged_by_the_response_not_by_its_noise(folder):
    assert len(read_conditions(table(folder, LINE.replace("a.nc", "noise.nc").replace(",5", ",9")))) == 1


def test_a_single_file_takes_its_protocol(folder):
    (e,) = experiments_of(folder / "a.nc", protocol=PROTOCOL, sweeps="0", voltage_mV=-60.0)
    assert e.cell == "a"
    assert e.recording.sweeps.shape[0] == 1
    assert abs(e.recording.sweeps[:, e.recording.time_ms < 4.5].mean()) < 0.1


def test_an_empty_folder_says_what_is_wanted(tmp_path):
    with pytest.raises(DataError, match="no table of conditions"):
        read_conditions(tmp_path)
