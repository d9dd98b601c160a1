"""Read the folder of a run back: results, table, figure, command; nothing in it is trusted."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import DataError

#: Largest file that is read, bytes.
LARGEST = 50_000_000
#: Files of a run that are read; of all others only the hash is taken.
RESULTS, TABLE, FIGURE, COMMAND = "results.json", "table.csv", "figure.svg", "command.txt"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """One run.

    Attributes
    ----------
    name : str
        Of the folder.
    body : dict
        The JSON object of the command; the kinds of its parts are checked, their content is not.
    columns, rows
        The table, as text.
    figure : str or None
        SVG, as it is in the file.
    drawings : dict of str -> str
        The further SVG files by their names without ending.
    command : str
        As given.
    hashes : dict of file name -> sha256
    """

    name: str
    body: dict[str, Any]
    columns: list[str]
    rows: list[list[str]]
    figure: str | None
    drawings: dict[str, str]
    command: str
    hashes: dict[str, str]

    @property
    def verb(self) -> str:
        """Return the command's own name, e.g. ``patch``."""
        words = [str(w) for w in self.body["command"]]
        return words[1] if len(words) > 1 else "run"

    @property
    def about(self) -> str:
        """Return the run in a few words: its command without options for files."""
        words = [str(w) for w in self.body["command"][1:]]
        kept = [w for w, before in zip(words, ["", *words], strict=False) if before != "--out" and w != "--out"]
        return " ".join(w for w in kept if not w.startswith("--out=")) or self.name

    def parts(self, key: str) -> list[dict[str, Any]]:
        """Return the entries of ``observables`` or ``findings``."""
        return self.body[key]


#: What must be there, and as what.
_KINDS: dict[str, type | tuple[type, ...]] = {
    "potentiate": str, "command": list, "inputs": dict, "assumed": list, "observables": list, "findings": list,
    "files": dict,
}  # fmt: skip


def read_run(folder: Path) -> RunFolder:
    """Read the folder that a command has written.

    Raises
    ------
    DataError
        No such folder, no run in it, or a file that is cut off or of another kind.
    """
    if not folder.is_dir():
        raise DataError("There is no such run", where=str(folder), do="give the folder that a command has written")
    if not (folder / RESULTS).is_file():
        raise DataError(
            "The folder is no run", where=str(folder), why=f"there is no {RESULTS} in it",
            do="give the folder that a command has written, e.g. one of runs/",
        )  # fmt: skip
    try:
        body = json.loads(_text(folder / RESULTS))
    except ValueError as error:
        raise DataError(
            "The results are not whole", where=str(folder / RESULTS), why=str(error), do="run the command again"
        ) from None
    except RecursionError:
        raise DataError("The results are nested too deep", where=str(folder / RESULTS)) from None
    _check(body, folder / RESULTS)
    columns, rows = _table(folder / TABLE)
    figure = _text(folder / FIGURE) if (folder / FIGURE).is_file() else None
    command = _text(folder / COMMAND).strip() if (folder / COMMAND).is_file() else " ".join(map(str, body["command"]))
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.is_symlink())
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    drawings = {p.stem: _text(p) for p in files if p.suffix == ".svg" and p.name != FIGURE}
    return RunFolder(folder.resolve().name, body, columns, rows, figure, drawings, command, hashes)


def _check(body: Any, where: Path) -> None:
    if not isinstance(body, dict):
        raise DataError("Not the results of a run", where=str(where), why="it is not a JSON object")
    for key, kind in _KINDS.items():
        if not isinstance(body.get(key), kind):
            why = f"{key!r} is missing" if key not in body else f"{key!r} is a {type(body[key]).__name__}"
            raise DataError("Not the results of a run", where=str(where), why=why, do="give the folder of a run")
    for key in ("observables", "findings"):
        if not all(isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in body[key]):
            raise DataError("Not the results of a run", where=f"{where}: {key}", why="an entry is no object with an id")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError("The file is too large", where=str(path), why=f"more than {LARGEST} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("Cannot read the run", where=str(path), why=str(error)) from None


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    if not path.is_file():
        raise DataError("The run has no table", where=str(path.parent), why=f"there is no {TABLE}")
    try:
        lines = list(csv.reader(_text(path).splitlines(keepends=True), strict=True))
    except csv.Error as error:
        raise DataError("The table is not whole", where=str(path), why=str(error)) from None
    if not lines or any(len(line) != len(lines[0]) for line in lines[1:]):
        raise DataError("The table is not whole", where=str(path), why="its rows have different lengths")
    return lines[0], lines[1:]
