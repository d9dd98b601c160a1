"""Whatever the bytes: a reader returns a Recording or raises RecordingError, in bounded time. Never anything else."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from potentiate.errors import RecordingError
from potentiate.recordings import Recording, read

MAGIC = [
    b"ABF ", b"ABF2", b"AxGr\x00\x01", b"AxGr\x00\x02", b"axgx\x00\x00\x00\x06", b"VER=9\r\nNC=1\r\nNR=2\r\n",
    b"DAT2", b"DAT1", b"\x89HDF\r\n\x1a\n", b"\x05\x00", b"\x02\x00",
    b"\x00\x05", b"\x02\x00\x00\x00\x06\x00\x00\x00print\r",
    b"CDF\x01", b"CDF\x02", b"time (ms), I (pA)\n", b"time (ms)\tI (pA)\n0\t1\n", b"",
]  # fmt: skip
EXTENSIONS = [".ibw", ".pxp", ".dat", ".nwb", ".abf", ".axgx", ".axgr", ".wcp", ".nc", ".csv", ".tsv", ".txt", ""]
FIXTURES = [
    "myokit-abf-v1.abf", "myokit-abf-v2.abf", "pyabf-2018_12_09_pCLAMP11_0001.abf", "AxoGraph_X_File.axgx",
    "AxoGraph_Graph_File.axgr", "AxoGraph_Digitized_File.axgd", "myokit-wcp-file.wcp",
]  # fmt: skip


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def survives(path: Path) -> None:
    try:
        recording = read(path, yes=True)
    except RecordingError:
        return
    assert isinstance(recording, Recording)
    recording.describe()


@relaxed
@pytest.mark.timeout(120)
@given(data=st.data(), kind=st.sampled_from(["heka", "igor wave", "igor experiment"]))
def test_damaged_headers_of_made_files(data, kind, foreign, tmp_path):
    """Any 32-bit field of a valid HEKA or Igor file replaced by a number that programs stumble over."""
    if kind == "heka":
        trace = ("Imon", "A", range(50), 1e-13, 0.0)
        path = foreign.heka(tmp_path / "a.dat", [("IV", [[trace], [trace]])])
        whole = bytearray(path.read_bytes())
    else:
        wave = foreign.igor_wave("w0", range(50), unit="pA")
        whole = bytearray(wave if kind == "igor wave" else foreign.igor_experiment(["x", wave, wave, None]))
        path = tmp_path / ("a.ibw" if kind == "igor wave" else "a.pxp")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 4))
        value = data.draw(st.sampled_from([0, 1, 2, 5, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 64]))
        struct.pack_into("<I", whole, at, value)
    path.write_bytes(whole)
    survives(path)


def fixtures() -> Path:
    told = os.environ.get("POTENTIATE_DATA")
    root = Path(told) if told else Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not (root / "format_fixtures").is_dir():
        pytest.skip("no real recordings: set POTENTIATE_DATA")
    return root / "format_fixtures"




@relaxed
@pytest.mark.timeout(120)
@given(magic=st.sampled_from(MAGIC), body=st.binary(max_size=3000), extension=st.sampled_from(EXTENSIONS))
def test_random_bytes(magic, body, extension, tmp_path):
    path = tmp_path / f"x{extension}"
    path.write_bytes(magic + body)
    survives(path)


@relaxed
@pytest.mark.timeout(120)
@given(body=st.text(max_size=400), extension=st.sampled_from([".csv", ".tsv", ".txt"]))
def test_random_text(body, extension, tmp_path):
    path = tmp_path / f"x{extension}"
    path.write_text(body, encoding="utf-8", errors="replace")
    survives(path)


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.timeout(120)
def test_flipped_header_bytes(name, tmp_path):
    """Sixty damaged copies: 1 to 40 bytes of the first 6 kB replaced."""
    whole = (fixtures() / name).read_bytes()
    rng = np.random.default_rng(int.from_bytes(name.encode()[:4], "big"))
    path = tmp_path / name
    for _ in range(60):
        damaged = bytearray(whole)
        for at in rng.integers(0, min(6000, len(whole)), rng.integers(1, 40)):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        survives(path)


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.timeout(120)
def test_cut_anywhere(name, tmp_path):
    whole = (fixtures() / name).read_bytes()
    path = tmp_path / name
    for at in np.random.default_rng(1).integers(0, len(whole), 25):
        path.write_bytes(whole[:at])
        survives(path)


@pytest.mark.parametrize("offset", range(0, 256, 4))
@pytest.mark.timeout(60)
def test_huge_counts_in_an_abf_header(offset, tmp_path):
    """Every 32-bit field of the header in turn at its largest: no endless loop, no memory error."""
    for name in ("myokit-abf-v1.abf", "myokit-abf-v2.abf"):
        damaged = bytearray((fixtures() / name).read_bytes())
        struct.pack_into("<i", damaged, 4 + offset, 2**31 - 1)
        path = tmp_path / name
        path.write_bytes(damaged)
        survives(path)
