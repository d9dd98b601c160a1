"""The examples of the documentation: Python blocks run, and commands print the lines that the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from potentiate.cli import main

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(python|console|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: (language, text) of the blocks of each page that has an example
PAGES = {
    name: blocks
    for name, blocks in (
        (page.name, BLOCK.findall(page.read_text(encoding="utf-8"))) for page in sorted(DOCS.glob("*.md"))
    )
    if any(language != "text" for language, _ in blocks)
}


def quoted(path: Path) -> set[str]:
    return {words(line) for language, text in BLOCK.findall(path.read_text(encoding="utf-8")) if language == "text"
            for line in text.splitlines()}  # fmt: skip


def words(text: str) -> str:
    return " ".join(text.split())


def test_there_are_examples() -> None:
    assert {"tutorial-run.md", "tutorial-patch.md", "tutorial-measure.md", "tutorial-modulator.md"} <= set(PAGES)


def test_readme_quotes_the_tutorial() -> None:
    assert quoted(DOCS.parent / "README.md") <= quoted(DOCS / "tutorial-run.md")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks of a page share one namespace and one folder; a text block after a command quotes its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    names: dict[str, object] = {"__name__": "__example__"}
    printed: str | None = None
    for language, text in PAGES[page]:
        if language == "python":
            exec(compile(text, page, "exec"), names)
        elif language == "console":
            program, *arguments = shlex.split(text.removeprefix("$ "))
            assert program == "potentiate"
            with pytest.raises(SystemExit) as end:
                main(arguments)
            assert end.value.code == 0
            printed = words(capsys.readouterr().out)
        elif printed is not None:
            for line in map(words, text.splitlines()):
                assert line in ("...", "") or line in printed, f"{page} shows what is not printed: {line}"
