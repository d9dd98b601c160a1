"""The committed verdicts: what a change of the model makes worse is a regression."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError
from ..library.board import FOLDER
from .scoring import Verdict

#: The baseline that the package holds.
COMMITTED = FOLDER / "baseline.json"
#: From best to worst; a finding that is no longer simulable is a loss as well.
_ORDER = ("pass", "near", "fail", "not simulable")


@dataclasses.dataclass(frozen=True)
class Change:
    """A finding whose verdict is not that of the baseline."""

    id: str
    before: str
    now: str
    before_model: float | None
    model: float | None
    worse: bool


def read(path: Path = COMMITTED) -> dict[str, dict[str, float | str | None]]:
    """Return the verdicts of a baseline by finding.

    Raises
    ------
    DataError
        Not readable, or not a baseline.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        verdicts = found["verdicts"]
        assert all(isinstance(v["verdict"], str) for v in verdicts.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise DataError(
            "Cannot use the baseline", where=str(path), why=str(error) or "not a baseline",
            do="make one: potentiate validate --update-baseline --baseline FILE",
        ) from None  # fmt: skip
    return verdicts


def compare(verdicts: Sequence[Verdict], baseline: dict[str, dict[str, float | str | None]]) -> list[Change]:
    """Return the verdicts that changed, the worse ones first.

    A calibration finding is no test: a change from or to that word is listed, and is never worse.
    """
    found = []
    for v in verdicts:
        before = baseline.get(v.id)
        if before is None or before["verdict"] == v.verdict:
            continue
        word = str(before["verdict"])
        tests = word in _ORDER and v.verdict in _ORDER
        worse = tests and _ORDER.index(v.verdict) > _ORDER.index(word)
        was = before.get("model")
        model = v.model if math.isfinite(v.model) else None
        found.append(Change(v.id, word, v.verdict, float(was) if was is not None else None, model, worse))
    return sorted(found, key=lambda c: (not c.worse, c.id))


def write(verdicts: Sequence[Verdict], path: Path = COMMITTED) -> int:
    """Put verdicts into a baseline, beside what it holds of other findings; return how many it has then.

    Findings without a value of the model are left out.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    held = read(path) if path.exists() else {}
    for v in verdicts:
        held.pop(v.id, None)
        if math.isfinite(v.model):
            held[v.id] = {"verdict": v.verdict, "model": float(f"{v.model:.4g}")}
    # one line for each, so that a change is one line of a diff
    lines = ",\n".join(f"  {json.dumps(i)}: {json.dumps(held[i], allow_nan=False)}" for i in sorted(held))
    text = f'{{"verdicts": {{\n{lines}\n}}}}\n'
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        raise DataError(
            "Cannot write the baseline", where=str(path), why=str(error), do="give another --baseline FILE"
        ) from None  # fmt: skip
    return len(held)
