"""`potentiate fit --watch FOLDER`: a verdict after every new sweep file, and what to record next."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..measures.observable import Observable
from .output import Result, finish

if TYPE_CHECKING:
    from ..inference.watch import Update

#: So many alternatives are named under the table.
MOST_NAMED = 5


def watch_folder(
    folder: Path, scheme: str, *, rundown: bool, idle_ms: float | None, as_json: bool, out: str | None
) -> int:
    """Watch until the mechanisms separate, nothing has come for `idle_ms`, or Ctrl-C; return the exit code.

    Raises
    ------
    KeyboardInterrupt
        Before the first sweep.
    """
    from ..inference.watch import watch
    from ..kinetics.ensemble import enable_compilation_cache, use_float64
    from ..library.scheme import find_scheme

    found = find_scheme(scheme)
    use_float64()
    enable_compilation_cache()
    updates: list[Update] = []
    stopped = False
    limit_s = math.inf if idle_ms is None else idle_ms / 1000.0
    if not as_json:
        print(f"Watching {folder} with {found.name}; Ctrl-C ends it.", flush=True)
    try:
        for update in watch(folder, found, limit_s=limit_s, rundown=rundown):
            updates.append(update)
            if not as_json:
                print(f"{', '.join(update.files) or '-'}   {update.describe()}   ({update.seconds:.2g} s)", flush=True)
                for text in update.unreadable:
                    print(f"  cannot be read: {text}", flush=True)
    except KeyboardInterrupt:
        if not updates:
            raise
        stopped = True
    finish(watch_result(folder, found.name, updates, rundown=rundown), as_json=as_json, out=out)
    if stopped:
        print(f"potentiate: watching ended; go on with:\n  potentiate fit --watch {folder} --scheme {scheme}",
              file=sys.stderr)  # fmt: skip
    return 130 if stopped else 0


def watch_result(folder: Path, scheme: str, updates: list[Update], *, rundown: bool) -> Result:
    """Return what was seen as the result of a command: one row per update."""
    proposed = ["" if u.next_sweep is None else u.next_sweep.text for u in updates]
    rows = [
        [u.sweeps, ", ".join(u.files), u.status, u.sentence, text, u.seconds]
        for u, text in zip(updates, proposed, strict=True)
    ]
    notes, observables = [], []
    inputs = {"watch": str(folder), "scheme": scheme, "rundown": rundown}
    if not updates:
        notes.append("No sweep came.")
    else:
        last = updates[-1]
        ranked = sorted(last.weights.items(), key=lambda pair: -pair[1])
        if ranked:
            notes.append("Weights: " + ", ".join(f"{name} {w:.2g}" for name, w in ranked[:MOST_NAMED]))
        conditions = {"scheme": scheme, "sweeps": last.sweeps, "verdict": last.status}
        observables = [
            Observable(f"weight of {name}", w, "", convention="Akaike weight").as_dict("calibration", conditions)
            for name, w in ranked
        ]
        notes += [f"cannot be read: {text}" for u in updates for text in u.unreadable]
        notes.append(f"Verdict after {last.sweeps} sweeps: {last.sentence}.")
    return Result(
        "fit", folder.name, inputs, ["sweeps", "new", "status", "verdict", "record next", "seconds"], rows, observables,
        assumed=["alternatives: one or two microscopic steps at a time, drug sites alike"], notes=notes,
        extra={"status": updates[-1].status if updates else "waiting",
               "next": (proposed[-1] or None) if proposed else None},
    )  # fmt: skip
