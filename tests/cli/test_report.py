"""`potentiate report`: one page from folders of runs, and its PDF where a browser is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from potentiate.cli.report import BROWSERS

BROWSER = next((name for name in BROWSERS if shutil.which(name)), None)


BODY = {
    "potentiate": "0.1.0", "command": ["potentiate", "patch"], "inputs": {}, "assumed": [], "seed": None,
    "observables": [], "findings": [], "files": {},
}  # fmt: skip


@pytest.fixture
def small(tmp_path) -> str:
    """A run with hardly anything in it."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "results.json").write_text(json.dumps(BODY))
    (tmp_path / "small" / "table.csv").write_text("a,b\n1,2\n")
    return "small"


def test_a_page_from_a_run(potentiate, tmp_path):
    outcome = potentiate("patch", "aniracetam", "--conc", "1mM", "--out", "run")
    assert outcome.code == 0, outcome.err
    outcome = potentiate("report", "run", "-o", "page.html", "--title", "<script>alert(1)</script>", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.object["files"] == {"report": "page.html"}
    page = (tmp_path / "page.html").read_text()
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in page
    assert "<svg" in page
    assert "partin1996" in page
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]
    again = potentiate("report", "run", "-o", "page.html")
    assert again.code == 3
    assert "nothing is overwritten" in again.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "No run is given"),
        (("nowhere",), 3, "no such run"),
        (("empty",), 3, "The folder is no run"),
        (("cut",), 3, "not whole"),
        (("empty", "-o", "page.pdf"), 2, "no HTML file"),
    ],
)
def test_bad_requests(potentiate, tmp_path, words, code, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "results.json").write_text('{"potentiate": "0.1.0", "comm')
    outcome = potentiate("report", *words)
    assert outcome.code == code, outcome.err
    assert said in outcome.err
    assert not list(tmp_path.glob("*.html"))


def test_without_a_browser_nothing_is_written(potentiate, tmp_path, small):
    outcome = potentiate("report", small, "--pdf", PATH=str(tmp_path / "bin"))
    assert outcome.code == 2
    assert "install Chromium" in outcome.err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason=f"no browser that prints to PDF: {', '.join(BROWSERS)}")
def test_pdf(potentiate, tmp_path, small):
    outcome = potentiate("report", small, "--pdf", PATH=os.environ["PATH"])
    assert outcome.code == 0, outcome.err
    assert Path(tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
