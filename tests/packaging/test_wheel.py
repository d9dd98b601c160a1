"""The wheel works where only it is installed: `make wheel-test`."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "potentiate"

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]


def call(*command, cwd, timeout=300):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Wheel made from the source distribution, so that both are complete."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of programs of an empty environment that holds the wheel and what it requires."""
    venv = tmp_path_factory.mktemp("venv")
    call(sys.executable, "-m", "venv", venv, cwd=venv)
    programs = venv / ("Scripts" if os.name == "nt" else "bin")
    call(
        programs / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
        "--constraint", ROOT / "constraints.txt", wheel, cwd=venv,
    )  # fmt: skip
    return programs


def test_wheel_holds_every_document_and_no_test(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        f"potentiate/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    }
    assert any(name.endswith(".yaml") for name in data), "the library has no documents"
    assert data <= names, f"not in the wheel: {sorted(data - names)}"
    assert not [name for name in names if name.startswith(("tests/", "calibration/", "docs/"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_version(installed, wheel, tmp_path):
    version = call(installed / "potentiate", "--version", cwd=tmp_path).strip()
    assert wheel.name.split("-")[1] in version


def test_runs_in_an_empty_folder(installed, tmp_path):
    printed = call(installed / "potentiate", "run", "aniracetam", "--json", cwd=tmp_path)
    result = json.loads(printed)  # exactly one object, nothing around it
    assert isinstance(result, dict)
    assert result["observables"]
    for observable in result["observables"]:
        assert {"id", "value", "unit", "status"} <= set(observable)
    assert result["findings"]
    for path in result["files"].values():
        assert (tmp_path / path).is_file()
