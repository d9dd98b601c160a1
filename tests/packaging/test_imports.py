"""`import potentiate` is quick and quiet, and the rules about imports cover every room."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROBE = """
import json, os, sys, threading
before = dict(os.environ)
import potentiate
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "environment": dict(os.environ) == before,
    "threads": threading.active_count(),
    "version": potentiate.__version__,
}))
"""


@pytest.fixture(scope="module")
def after_import(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    # -S -E would hide the editable install: only warnings are made errors
    probe = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert probe.returncode == 0, probe.stderr
    assert not list(folder.iterdir()), "importing wrote files"
    lines = probe.stdout.splitlines()
    assert len(lines) == 1, "importing printed something"
    return json.loads(lines[0])


@pytest.mark.parametrize(
    "library", ["jax", "matplotlib", "pint", "xarray", "scipy", "pandas", "pydantic", "neo", "rich"]
)
def test_import_is_lazy(after_import, library):
    assert library not in after_import["modules"]


def test_import_has_no_side_effect(after_import):
    assert after_import["environment"], "importing changed the environment"
    assert after_import["threads"] == 1, "importing started a thread"


def test_version_is_a_release_number(after_import):
    parts = after_import["version"].split(".")
    assert len(parts) == 3
    assert all(part[0].isdigit() for part in parts)


def test_the_plain_rooms_are_all_under_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    plain = next(contract for contract in contracts if contract["id"] == "plain")
    for room in ("numerics", "kinetics", "mechanisms"):
        if (ROOT / "src" / "potentiate" / room / "__init__.py").exists():
            assert f"potentiate.{room}" in plain["source_modules"]
