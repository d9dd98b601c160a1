"""The installed console script, called as a user calls it: in an empty folder, as a process of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(sysconfig.get_path("scripts")) / ("potentiate.exe" if os.name == "nt" else "potentiate")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, what it printed, and the words on stdout without line breaks."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        return " ".join(self.out.split())

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on stdout; fails where there is anything else."""
        return json.loads(self.out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))


Runner = Callable[..., Outcome]


@pytest.fixture
def potentiate(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Call the command line in ``tmp_path``."""
    if not SCRIPT.exists():
        pytest.skip(f"the program is not installed: {SCRIPT.name} (pip install -e .)")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COLUMNS")}
    environment["XDG_CACHE_HOME"] = str(tmp_path_factory.getbasetemp() / "cache")

    def run(*words: str, **variables: str) -> Outcome:
        done = subprocess.run(
            [str(SCRIPT), *words], cwd=tmp_path, env={**environment, **variables}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=100, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Three sweeps, 200 to 700 ms agonist; the last does not respond. Peak -100 pA, SS/peak 0.4, tau 80 ms."""
    t = np.arange(0.0, 1200.0)
    rng = np.random.default_rng(3)
    on = (t >= 200) & (t < 700)
    current = np.where(on, -(40 + 60 * np.exp(-(t - 200) / 80)), 0.0)
    end = -(40 + 60 * np.exp(-500 / 80))
    current = np.where(t >= 700, end * np.exp(-(t - 700) / 30), current)
    sweeps = np.stack([current, 0.5 * current, 0.0 * current]) + rng.normal(0, 0.3, (3, t.size))
    path = tmp_path / "application.csv"
    write(path, t, sweeps)
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Six sweeps, five stimuli at 50 Hz with artefacts; amplitudes 100, 60, 40, 30, 25 pA, tau 3 ms."""
    t = np.arange(0.0, 400.0, 0.1)
    rng = np.random.default_rng(4)
    current = np.zeros_like(t)
    for k, size in enumerate((100, 60, 40, 30, 25)):
        after = t - (100 + 20 * k)
        current -= np.where(after > 4, size * (1 - np.exp(-(after - 4) / 0.5)) * np.exp(-(after - 4) / 3), 0.0)
        current += np.where((after >= 0) & (after < 0.5), 1500.0, 0.0)
    path = tmp_path / "train.csv"
    write(path, t, np.stack([current] * 6) + rng.normal(0, 1.0, (6, t.size)))
    return path


def write(path: Path, t: np.ndarray, sweeps: np.ndarray) -> None:
    header = ",".join(["time (ms)", *[f"I {k + 1} (pA)" for k in range(len(sweeps))]])
    np.savetxt(path, np.column_stack([t, sweeps.T]), delimiter=",", header=header, comments="", fmt="%.6g")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings, as for tests/recordings."""
    told = os.environ.get("POTENTIATE_DATA")
    candidates = [Path(told)] if told else []
    candidates.append(Path(__file__).resolve().parents[2].parent / "shared" / "data")
    path = next((path for path in candidates if path.is_dir()), None)
    if path is None:
        pytest.skip("no real recordings: set POTENTIATE_DATA to the folder that holds nmda_application_pyabf/ ...")
    return path


def pytest_report_header() -> str:
    return f"console script: {SCRIPT.name} of Python {sys.version.split()[0]}"
