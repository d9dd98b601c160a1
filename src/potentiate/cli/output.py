"""What every command does with its result: one table, one figure, one results file, or one JSON object."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import math
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..recordings.recording import Recording


@dataclasses.dataclass
class Result:
    """What a command found.

    Attributes
    ----------
    command : str
        First word of the run folder's name, e.g. ``patch``.
    about : str
        Second word, e.g. ``aniracetam``.
    inputs : mapping
        What was asked for, units in the names.
    columns, rows
        The table; cells are text or numbers.
    observables, findings : list of dict
        Entries of the JSON object (`Observable.as_dict`, `scoring.as_json`).
    assumed : list of str
        Everything the run assumed without being told.
    notes : list of str
        Printed under the table.
    figure : callable or None
        Draws the figure; called only when files are written.
    recording : Recording or None
        Traces behind the table; saved as NetCDF.
    saves : mapping
        Further files of the run: key -> (name, what writes it).
    short : int or None
        So many assumptions are printed, and how many there are; all of them are in the files and the JSON object.
    """

    command: str
    about: str
    inputs: Mapping[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    observables: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    findings: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    assumed: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    title: str = ""
    seed: int | None = None
    figure: Callable[[], Figure] | None = None
    recording: Recording | None = None
    saves: dict[str, tuple[str, Callable[[Path], object]]] = dataclasses.field(default_factory=dict)
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    short: int | None = None


def finish(result: Result, *, as_json: bool = False, out: str | None = None, files: bool = True) -> int:
    """Write the files, then print the table or the JSON object.

    Parameters
    ----------
    as_json : bool
        Print exactly one JSON object and nothing else.
    out : str, optional
        Folder of the run; default ``runs/<time>_<command>_<about>``.
    files : bool
        False for commands that only look something up.

    Returns
    -------
    int
        Exit code 0.

    Raises
    ------
    DataError
        The folder exists or cannot be written.
    """
    body: dict[str, Any] = {
        "potentiate": __version__,
        "command": ["potentiate", *sys.argv[1:]],
        "inputs": dict(result.inputs),
        "assumed": result.assumed,
        "seed": result.seed,
        "observables": result.observables,
        "findings": result.findings,
        "files": {},
        **result.extra,
    }
    if files:
        body["files"] = result.extra["files"] = _write(result, body, out)
    if as_json:
        print(json.dumps(_plain(body), allow_nan=False))
        return 0
    _print(result, body["files"])
    return 0


def _plain(value: Any) -> Any:
    """Return the value with NaN as null and NumPy numbers as Python ones."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)


def _write(result: Result, body: dict[str, Any], out: str | None) -> dict[str, str]:
    stamp = datetime.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    about = "".join(c if c.isalnum() or c in "-_." else "_" for c in result.about)[:60]
    folder = Path(out) if out else Path("runs") / f"{stamp}_{result.command}_{about}"
    number = 1
    while out is None and folder.exists():  # two runs within a second
        number += 1
        folder = folder.with_name(f"{stamp}_{result.command}_{about}_{number}")
    if folder.exists():
        raise DataError(f"The folder {folder} exists", do="choose another --out; nothing is overwritten")
    files = {"table": folder / "table.csv", "results": folder / "results.json"}
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # everything is written beside the target and renamed at once: never a half-written run
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
        with (part / "table.csv").open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(result.columns)
            writer.writerows(result.rows)
        if result.figure is not None:
            figure = result.figure()
            figure.savefig(part / "figure.svg", metadata={"Date": None})
            figure.savefig(part / "figure.png", dpi=150)
            files["figure"] = folder / "figure.svg"
        if result.recording is not None:
            result.recording.save(part / "recording.nc")
            files["recording"] = folder / "recording.nc"
        for key, (name, write) in result.saves.items():
            write(part / name)
            files[key] = folder / name
        body["files"] = {k: str(v) for k, v in files.items()}
        (part / "results.json").write_text(json.dumps(_plain(body), indent=1, allow_nan=False))
        command = " ".join(shlex.quote(w) for w in body["command"])
        (part / "command.txt").write_text(command + "\n")
        part.chmod(0o755)
        part.rename(folder)
        part = None
    except OSError as error:
        raise DataError(f"Cannot write {folder}", why=str(error), do="choose another --out") from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return {k: str(v) for k, v in files.items()}


def _print(result: Result, files: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    if result.title:
        console.print(result.title, style="bold", markup=False)
    if result.assumed:
        first = result.assumed if result.short is None else result.assumed[: result.short]
        rest = len(result.assumed) - len(first)
        more = f" · and {rest} more, all in results.json" if rest else ""
        console.print("Assumed  " + " · ".join(first) + more, markup=False, style="dim")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for i, name in enumerate(result.columns):
        table.add_column(name, justify="left" if i == 0 else "right" if _numeric(result.rows, i) else "left")
    from rich.text import Text

    for row in result.rows:
        table.add_row(*[Text(cell(v)) for v in row])
    console.print(table)
    for text in result.notes:
        console.print(text, markup=False)
    if files:
        console.print("Wrote " + ", ".join(files.values()), markup=False, soft_wrap=True)


def _numeric(rows: Sequence[Sequence[Any]], column: int) -> bool:
    return any(isinstance(row[column], (int, float)) for row in rows)


def cell(value: Any) -> str:
    """Return a table cell as text: four significant digits, a dash for what is not known."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
