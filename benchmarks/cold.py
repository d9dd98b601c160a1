"""Whole processes, from start to end: what a user waits for when a command is typed."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = [
    ["python", "-c", "pass"],
    ["python", "-c", "import numpy"],
    ["python", "-c", "import potentiate.kinetics.ensemble"],
    ["python", "-c", "import jax"],
    ["potentiate", "--version"],
    ["potentiate", "patch", "aniracetam", "--conc", "5mM"],
    ["potentiate", "run", "aniracetam"],
]
REPEATS = 3


def rows() -> list[dict]:
    """Return the wall time of each command, run in an empty folder; first run and best of the later ones."""
    found = []
    beside = Path(sys.executable).parent
    for command in COMMANDS:
        program = sys.executable if command[0] == "python" else shutil.which(command[0], path=str(beside))
        name = " ".join(command)
        if program is None:
            found.append({"name": name, "skipped": "not installed"})
            continue
        times, failed = [], ""
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(REPEATS):
                start = time.perf_counter()
                done = subprocess.run(
                    [program, *command[1:]], cwd=folder, env=os.environ, capture_output=True, text=True, check=False
                )
                times.append(time.perf_counter() - start)
                if done.returncode:
                    failed = f"exit code {done.returncode}"
                    break
        if failed:
            found.append({"name": name, "skipped": failed})
        else:
            found.append({"name": name, "first_s": times[0], "best_s": min(times)})
    return found
