"""Where the real recordings lie; they are not part of the project (see data/README.md)."""

import os
from pathlib import Path

import pytest


def find_data() -> Path | None:
    """POTENTIATE_DATA, else ../shared/data beside the repository."""
    told = os.environ.get("POTENTIATE_DATA")
    candidates = [Path(told)] if told else []
    candidates.append(Path(__file__).resolve().parents[2].parent / "shared" / "data")
    return next((path for path in candidates if path.is_dir()), None)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with one sub-folder per set."""
    path = find_data()
    if path is None:
        pytest.skip("no real recordings: set POTENTIATE_DATA to the folder that holds nmda_application_pyabf/ ...")
    return path
