"""The demo set as a folder: recordings, conditions, tables and a README; blind on request."""

from __future__ import annotations

import csv
import functools
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, UsageError
from ..recordings.recording import Recording
from .demo import COLUMNS, DemoFile, Mechanism, concentration_table, demo_files, truth

#: format -> ending
FORMATS = {"abf": ".abf", "nwb": ".nwb", "csv": ".csv", "nc": ".nc"}

#: What conditions.csv of a blind folder says instead: not empty, which would mean control.
HIDDEN = {"drug": "hidden", "concentration_uM": ""}

KINDS = ("patches", "trains", "spontaneous", "slices")

#: What each folder holds, and commands to try; {one} and {other} are two of its files.
_ABOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "patches": (
        "Outside-out patches, simulated channel by channel: 10 mM glutamate for 1 ms (deactivation) and for 100 ms\n"
        "(desensitization), without and with a drug. Agonist arrives at 10 ms; holding -60 mV, reversal 0 mV; 5 kHz\n"
        "filter, 20 kHz sampling; exchange 0.25 ms; the patch runs down by about 0.5 % per sweep. Scheme: Partin1996.",
        (
            'potentiate measure patches/{one} --on "10 ms"',
            "potentiate fit {conditions} --scheme Partin1996 --sites 1 --effects closing,kd --rundown",
            "potentiate discriminate {conditions} --scheme Partin1996 --rundown",
        ),
    ),
    "trains": (
        "Evoked currents, 5 stimuli at 50 Hz from 100 ms on, with stimulus artefacts; 10 sweeps each.",
        ("potentiate measure trains/{one} --as train",),
    ),
    "spontaneous": (
        "Spontaneous currents, 2 sweeps of 10 s; a membrane test of -5 mV at 50 to 80 ms opens each sweep.",
        ("potentiate measure spontaneous/{one} spontaneous/{other} --as events",),
    ),
    "slices": (
        "Field EPSPs (mV) every 30 s for 60 min; stimulus at 5 ms of every sweep; induction after 20 min (sweep 40).",
        ('potentiate measure slices/{one} --induction "20 min"',),
    ),
    "tables": (
        "A concentration-response table, 6 cells at 6 concentrations.",
        ("potentiate measure tables/concentration_response.csv --as hill --form 3-parameter --share EC50,nH",),
    ),
}


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    folder : Path
    keys : tuple of Path
        Outside the folder, of a blind set: conditions per kind, and what was planted.
    counts : dict of str to int
        Recordings per kind.
    seed : int
    mechanism : str
        Planted in the patches.
    """

    folder: Path
    keys: tuple[Path, ...]
    counts: dict[str, int]
    seed: int
    mechanism: str


def write_demo(
    folder: str | Path,
    *,
    seed: int | None = None,
    format: str = "abf",
    blind: bool = False,
    mechanism: Mechanism | None = None,
    cells: int = 4,
    progress: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write the demo set.

    Parameters
    ----------
    folder : path
        Must not exist. Written beside it under another name, then renamed.
    seed : int, optional
        Default 1; of a blind set one that nobody knows (it is in the key).
    format : {"abf", "nwb", "csv", "nc"}
    blind : bool
        Shuffled names, conditions without drug and concentration. Beside the folder, not in it, lie the full
        conditions, ``FOLDER.key.patches.csv`` and so on, and what was planted, ``FOLDER.key.truth.json``.
    mechanism : {"closing", "desensitization", "both"}, optional
        What the drug does in the patches; default "closing", of a blind set drawn by the seed.
    cells : int
    progress : callable
        Told what is being made.

    Raises
    ------
    DataError
        The folder or a key exists, or cannot be written.
    UsageError
        Unknown format, mechanism or number of cells.
    """
    if format not in FORMATS:
        raise UsageError(f"Unknown format {format!r}", do=f"use one of {', '.join(FORMATS)}")
    target = Path(folder)
    hidden = [f"{target.name}.key.{kind}.csv" for kind in KINDS] + [f"{target.name}.key.truth.json"]
    keys = [target.with_name(name) for name in hidden] if blind else []
    for path in (target, *keys):
        if path.exists():
            raise DataError(f"{path} exists", do="choose another name; nothing is overwritten")
    if seed is None:
        seed = secrets.randbelow(2**31) if blind else 1
    rng = np.random.default_rng([seed, 99])
    drawn: Mechanism = ("closing", "desensitization", "both")[int(rng.integers(3))]
    planted: Mechanism = mechanism or (drawn if blind else "closing")
    made: list[DemoFile] = []
    for item in demo_files(planted, cells=cells, seed=seed):
        progress(f"{item.folder} {len(made) + 1}" if blind else f"{item.folder}/{item.name}")
        made.append(item)
    names = _names(made, blind, rng, FORMATS[format])
    # in the order of recording, which run-down needs; blind by name, so that rows and times of writing tell nothing
    order = sorted(range(len(made)), key=names.__getitem__) if blind else list(range(len(made)))
    rows = [{"file": f"{target.name}/{made[i].folder}/{names[i]}", **made[i].conditions} for i in order]
    part: Path | None = None
    written: list[Path] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=target.parent))
        for kind in dict.fromkeys(item.folder for item in made):
            (part / kind).mkdir()
            mine = [i for i in order if made[i].folder == kind]
            for i in mine:
                write_as(made[i].recording, part / kind / names[i])
            _table(part / kind / "conditions.csv", [{**made[i].conditions, "file": names[i]} for i in mine], blind)
        (part / "tables").mkdir()
        _concentrations(part / "tables" / "concentration_response.csv", seed)
        _readme(part / "README.txt", made, names, blind, format, keys[0] if blind else None)
        planted_text = json.dumps(truth(planted, seed), indent=1) + "\n"
        if blind:
            for kind, path in zip(KINDS, keys, strict=False):
                mine = [row for row in rows if Path(row["file"]).parent.name == kind]
                _replace(path, functools.partial(_table, rows=mine, blind=False))
                written.append(path)
            _replace(keys[-1], lambda p: p.write_text(planted_text, encoding="utf-8"))
            written.append(keys[-1])
        else:
            (part / "truth.json").write_text(planted_text, encoding="utf-8")
        part.chmod(0o755)
        part.rename(target)
        part, written = None, []
    except OSError as error:
        raise DataError(
            f"Cannot write {target}", why=error.strerror or str(error), do="choose another folder"
        ) from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        for path in written:  # a key without its set would be a puzzle
            path.unlink(missing_ok=True)
    counts = {kind: sum(item.folder == kind for item in made) for kind in dict.fromkeys(i.folder for i in made)}
    return Written(target, tuple(keys), counts, seed, planted)


def write_as(recording: Recording, path: Path) -> None:
    """Write one recording; the ending decides the format."""
    from ..recordings.write import write

    write(recording, path)


def _names(made: Sequence[DemoFile], blind: bool, rng: np.random.Generator, ending: str) -> list[str]:
    if not blind:
        return [item.name + ending for item in made]
    names = [""] * len(made)
    for kind in dict.fromkeys(item.folder for item in made):
        mine = [i for i, item in enumerate(made) if item.folder == kind]
        for number, k in enumerate(rng.permutation(len(mine))):
            names[mine[int(k)]] = f"{kind[0]}{number + 1:03d}{ending}"
    return names


def _table(path: Path, rows: Sequence[dict[str, Any]], blind: bool) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list[str](COLUMNS), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, **HIDDEN} if blind else row)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _concentrations(path: Path, seed: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        handle.write("# synthetic: made by potentiate demo, not measured\n")
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["concentration (uM)", "response (%)", "cell", "animal"])
        writer.writerows([dose, value, cell, animal] for cell, animal, dose, value in concentration_table(seed))


def _readme(
    path: Path, made: Sequence[DemoFile], names: Sequence[str], blind: bool, format: str, key: Path | None
) -> None:
    kind_of_file = "NetCDF" if format == "nc" else format.upper()
    lines = [
        "SYNTHETIC DATA. Everything in this folder was made by `potentiate demo`. Nothing here was measured.",
        "",
        f"Recordings are {kind_of_file}. In every folder conditions.csv says what each file is; an empty cell means",
        "that it does not apply" + (", or is hidden." if blind else "."),
        "",
    ]
    if blind:
        lines += [
            "The set is BLIND: names are shuffled, and drug and concentration are not in this folder. The full",
            "conditions and what was planted lie beside it, in the files that have .key. in their names. Open them",
            "when your analysis is done.",
            "",
        ]
    else:
        lines += ["What was planted, with all numbers, is in truth.json. Analyse first, look afterwards.", ""]
    conditions = f"../{key.name}" if key is not None else "patches"
    for kind, (about, commands) in _ABOUT.items():
        mine = sorted(name for item, name in zip(made, names, strict=True) if item.folder == kind) or [""]
        lines += [f"{kind}/", *(f"  {text}" for text in about.splitlines())]
        words = {"one": mine[0], "other": mine[min(1, len(mine) - 1)], "conditions": conditions}
        lines += [f"  try: {command.format(**words)}" for command in commands]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
