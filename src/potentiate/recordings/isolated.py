"""Reads HDF5 in a process of its own: on damaged files the HDF5 library can crash, which no handler catches.

The child sends back numbers (``.npy``, no pickle) and one JSON document. A crash, a hang or an error there is a
RecordingError here.
"""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PotentiateError, RecordingError, UsageError
from .assembly import Raw, guarded

#: A child that takes longer is stopped: so many seconds, and one more per so many bytes.
PATIENCE_S, BYTES_PER_S = 60.0, 5e6
#: Memory of the child: so many bytes, and so many times the file.
MEMORY, TIMES_FILE = 4 * 2**30, 40

_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from potentiate.recordings.isolated import child; child(*sys.argv[2:])"
)
_PLAIN = ("names", "units", "rate_Hz", "starts_s", "gain", "offset", "protocol", "reader", "warnings", "notes", "roles",
          "label", "document", "provenance")  # fmt: skip


def check_superblock(path: Path) -> None:
    """Refuse a truncated HDF5 file: the superblock states where the file ends.

    Layout: HDF5 File Format Specification 3.0, section II.A (The HDF Group).

    Raises
    ------
    RecordingError
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(96)
    at = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8] if len(head) > 8 else -1)
    if at is None or len(head) < 48:
        raise RecordingError("File is truncated or damaged", where=path.name, why="no HDF5 superblock")
    (end,) = struct.unpack_from("<Q", head, at)
    if end > size:
        raise RecordingError(
            "File is truncated or damaged", where=path.name, why=f"{size} of {end} bytes",
            do="copy it again from where it was made",
        )  # fmt: skip


def read_isolated(path: Path, part: str | None) -> Raw:
    """Return what :func:`.nwb.nwb_raw` finds, read by a child process.

    Raises
    ------
    RecordingError, UsageError
        As that function; also where the child crashed or was too slow.
    """
    check_superblock(path)
    if not sys.executable:
        raise UsageError("NWB files are read by a second Python process", why="this Python has no executable")
    patience = PATIENCE_S + path.stat().st_size / BYTES_PER_S
    with tempfile.TemporaryDirectory(prefix="potentiate-") as folder:
        words = [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(path.absolute()), part or "", folder]
        try:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, check=False, text=True
            )
        except subprocess.TimeoutExpired:
            raise RecordingError(
                "File is damaged", where=path.name, why=f"the HDF5 library did not come to an end in {patience:.0f} s"
            ) from None
        answer = Path(folder) / "answer.json"
        if done.returncode != 0 or not answer.exists():
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:160]
            why = f"the HDF5 library crashed on it (signal {-done.returncode})" if done.returncode < 0 else last
            raise RecordingError("File is damaged", where=path.name, why=why, do="copy it again from where it was made")
        return _received(json.loads(answer.read_text()), Path(folder))


def _received(answer: dict[str, Any], folder: Path) -> Raw:
    if error := answer.get("error"):
        kind = UsageError if error["usage"] else RecordingError
        raise kind(error["what"], where=error["where"], why=error["why"], do=error["do"])
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in answer["raw"].items() if key in _PLAIN
    }
    time_file = folder / "time.npy"
    return Raw(
        traces=[list(np.load(folder / f"channel_{k}.npy")) for k in range(len(plain["names"]))],
        metadata={name: np.array(values) for name, values in answer["metadata"].items()},
        time_ms=np.load(time_file) if time_file.exists() else None,
        **plain,
    )


def child(path: str, part: str, folder: str) -> None:
    """Read the file and leave the answer in `folder`; runs in the second process."""
    from .nwb import nwb_raw

    _limit_memory(Path(path).stat().st_size)
    out = Path(folder)
    try:
        raw = guarded("nwb", Path(path), lambda: nwb_raw(Path(path), part or None))
    except PotentiateError as error:
        body = {"what": error.what, "where": error.where, "why": error.why, "do": error.do}
        answer: dict[str, Any] = {"error": {**body, "usage": isinstance(error, UsageError)}}
    else:
        for k, rows in enumerate(raw.traces):
            np.save(out / f"channel_{k}.npy", np.stack(rows), allow_pickle=False)
        if raw.time_ms is not None:
            np.save(out / "time.npy", raw.time_ms, allow_pickle=False)
        metadata = {name: values.tolist() for name, values in raw.metadata.items()}
        answer = {"raw": {key: getattr(raw, key) for key in _PLAIN}, "metadata": metadata}
    (out / "answer.json").write_text(json.dumps(answer, default=str))


def _limit_memory(size: int) -> None:
    """Bound the memory of this process where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        wanted, (_, hard) = MEMORY + TIMES_FILE * size, resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
