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
    b"CDF\x01", b"CDF\x02", b"time (ms), I (pA)\n", b"time (ms)\tI (pA)\n0\t1\n", b"",
]  # fmt: skip
EXTENSIONS = [".abf", ".axgx", ".axgr", ".wcp", ".nc", ".csv", ".tsv", ".txt", ""]
FIXTURES = [
    "myokit-abf-v1.abf", "myokit-abf-v2.abf", "pyabf-2018_12_09_pCLAMP11_0001.abf", "AxoGraph_X_File.axgx",
    "AxoGraph_Graph_File.axgr", "AxoGraph_Digitized_File.axgd", "myokit-wcp-file.wcp",
]  # fmt: skip


def survives(path: Path) -> None:
    try:
        recording = read(path, yes=True)
    except RecordingError:
        return
    assert isinstance(recording, Recording)
    recording.describe()


def fixtures() -> Path:
    told = os.environ.get("POTENTIATE_DATA")
    root = Path(told) if told else Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not (root / "format_fixtures").is_dir():
        pytest.skip("no real recordings: set POTENTIATE_DATA")
    return root / "format_fixtures"


relaxed = settings(max_examples=60, suppress_health_check=list(HealthCheck))


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
