"""The command line itself: version, help, dispatch, and what `finish` writes."""

from __future__ import annotations

import json
import time

import pytest

from potentiate import __version__
from potentiate.cli import COMMANDS
from potentiate.cli.output import Result, _plain, cell, finish
from potentiate.errors import DataError


def test_version(potentiate):
    assert potentiate("--version").out.strip() == f"potentiate {__version__}"


@pytest.mark.parametrize("words", [("--help",), ()], ids=str)
def test_help_lists_every_command(words, potentiate):
    outcome = potentiate(*words)
    assert outcome.code == 0
    assert all(name in outcome.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_its_options(command, potentiate):
    outcome = potentiate(command, "--help")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert "--json" in outcome.out
    assert f"potentiate {command}" in outcome.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "seconds"),
    [(("--version",), 1.0), (("conventions",), 2.0), (("compound", "aniracetam"), 3.0)],
    ids=str,
)
def test_lookups_start_fast(words, seconds, potentiate):
    """Limits leave a factor of three for a busy machine."""
    potentiate(*words)
    start = time.perf_counter()
    assert potentiate(*words).code == 0
    assert time.perf_counter() - start < seconds


def result(**more):
    return Result("patch", "a b/../c", {"x_ms": 1.0}, ["a", "b (ms)"], [["one", 1.0], ["two", float("nan")]], **more)


def test_finish_writes_a_whole_folder_or_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert finish(result(), out="run") == 0
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"table.csv", "results.json", "command.txt"}
    capsys.readouterr()

    def fails():
        raise OSError("disk full")

    with pytest.raises(DataError, match="Cannot write"):
        finish(result(figure=fails), out="other")
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(result(figure=interrupted), out="run")
    assert list(tmp_path.iterdir()) == []


def test_two_runs_within_a_second_get_two_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        finish(result())
    capsys.readouterr()
    names = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert len(names) == 3
    assert all("/" not in name and "patch_a_b" in name for name in names)


def test_json_holds_no_nan_and_nothing_else_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    finish(result(extra={"nan": float("nan"), "path": tmp_path}), as_json=True, files=False)
    body = json.loads(capsys.readouterr().out)
    assert body["nan"] is None
    assert _plain((1, float("inf"), {"a": "b"})) == [1, None, {"a": "b"}]


def test_cells_and_markup_are_literal(capsys):
    assert [cell(v) for v in (None, float("nan"), 1.23456, 12, "[red]")] == ["-", "-", "1.235", "12", "[red]"]
    finish(Result("x", "y", {}, ["a"], [["[bold]x[/bold]"]], notes=["[red]n"], title="[t]"), files=False)
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert "[red]n" in out
    assert "[t]" in out
