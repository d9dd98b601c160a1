"""`potentiate demo`: a synthetic data set with known answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from .output import Result, finish


def demo(
    folder: Path,
    /,
    *,
    seed: int | None = None,
    format: Literal["abf", "nwb", "csv", "nc"] = "abf",
    blind: Annotated[bool, Parameter(negative="")] = False,
    mechanism: Literal["closing", "desensitization", "both"] | None = None,
    cells: int = 4,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a synthetic data set to try everything with: patches, trains, spontaneous currents, field potentials.

    Parameters
    ----------
    folder
        Where to; must not exist.
    seed
        Default 1; of a blind set one that only the key tells.
    format
        abf | nwb | csv | nc.
    blind
        Shuffle the file names and hide drug and concentration; the key is written beside the folder.
    mechanism
        What the drug does in the patches: closing | desensitization | both. Default closing; drawn where blind.
    cells
        Cells per kind of experiment, 1 to 20.
    json
        Print one JSON object.
    """
    from ..preparations.demo_folder import write_demo

    show = sys.stderr.isatty()

    def progress(text: str) -> None:
        if show:
            print(f"\r{text:<40}", end="", file=sys.stderr, flush=True)

    try:
        made = write_demo(
            folder, seed=seed, format=format, blind=blind, mechanism=mechanism, cells=cells, progress=progress
        )
    finally:
        if show:
            print(f"\r{'':<40}\r", end="", file=sys.stderr, flush=True)
    rows = [[f"{kind}/", count, "conditions.csv"] for kind, count in made.counts.items()]
    rows.append(["tables/", 1, "concentration_response.csv"])
    notes = [f"Read {made.folder / 'README.txt'} first."]
    if blind:
        notes.append(f"Blind: the key lies beside the folder, in {made.folder.name}.key.*; open it at the end.")
    else:
        notes.append("What was planted is in truth.json.")
    files = {"folder": str(made.folder), **{path.name.split(".key.")[1]: str(path) for path in made.keys}}
    return finish(
        Result(
            "demo", made.folder.name, {"folder": str(folder), "format": format, "blind": blind, "cells": cells},
            ["folder", "files", "described in"], rows, notes=notes,
            title=f"demo   {made.folder}   synthetic: nothing in it was measured",
            seed=None if blind else made.seed, extra={"files": files},
        ),
        as_json=json, files=False,
    )  # fmt: skip
