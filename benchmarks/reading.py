"""Reading a 4 MB ABF (``epsc_train_st_nts_pyabf/f1.abf``: 4 channels, 10 sweeps, 2,000,000 samples) against pyabf.

Ratios of medians in one process, the readers in turn so that a busy machine slows all of them. Both end with all
samples scaled in memory: pyabf as float32 of one sweep layout, we as float64 by channel and sweep, with the SHA-256 of
the file, the roles and the command waveform of every sweep (pyabf: of one).
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 41


def rows() -> dict[str, Any]:
    """Return median and best ms of each reader, and their ratios to pyabf."""
    import pyabf

    from potentiate.recordings import read

    told = os.environ.get("POTENTIATE_DATA")
    root = Path(told) if told else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    path = root / "epsc_train_st_nts_pyabf" / "f1.abf"
    if not path.is_file():
        return {"failed": "no real recordings: set POTENTIATE_DATA"}
    readers: dict[str, Callable[[], Any]] = {
        "pyabf.ABF(file)": lambda: pyabf.ABF(str(path)),
        "read(file)": lambda: read(path),
        'read(file, reader="pyabf")': lambda: read(path, reader="pyabf"),
        'read(file, reader="neo")': lambda: read(path, reader="neo"),
    }
    times: dict[str, list[float]] = {name: [] for name in readers}
    for call in readers.values():
        call()
    for _ in range(ROUNDS):
        for name, call in readers.items():
            start = time.perf_counter()
            kept = call()
            times[name].append(1e3 * (time.perf_counter() - start))
            del kept
    base = statistics.median(times["pyabf.ABF(file)"])
    return {
        "megabytes": path.stat().st_size / 1e6,
        "rounds": ROUNDS,
        "readers": [
            {"name": name, "median_ms": statistics.median(t), "best_ms": min(t), "ratio": statistics.median(t) / base}
            for name, t in times.items()
        ],
    }


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is aimed at: at most twice the time of pyabf."""
    return [
        {"what": f"reading a 4 MB ABF, {r['name']}: times pyabf's time", "value": r["ratio"], "aim": "<= 2"}
        for r in result.get("readers", [])[1:]
    ]


def lines(result: dict[str, Any]) -> list[str]:
    """Return the section of the report."""
    head = ["", "## Reading a recording", ""]
    if "failed" in result:
        return [*head, f"Failed: {result['failed']}"]
    table = [
        f"| `{r['name']}` | {r['median_ms']:.1f} | {r['best_ms']:.1f} | {r['ratio']:.2f} |" for r in result["readers"]
    ]
    return [
        *head,
        f"One ABF1 file of {result['megabytes']:.1f} MB, {result['rounds']} rounds in one process, readers in turn.",
        "", "| reader | median ms | best ms | times pyabf |", "|---|---|---|---|",
        *table,
    ]  # fmt: skip
