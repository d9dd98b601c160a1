"""`potentiate validate [DRUG]`: every finding scored, failures first, and what became worse since the baseline."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json as json_text
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish
from .validate_progress import Meter

if TYPE_CHECKING:
    from ..evidence.baseline import Change
    from ..evidence.board import LevelRow, Pair, Potency
    from ..evidence.validation import Scored, Validation
    from ..library.finding import Finding

#: A regression against the baseline.
OUTSIDE_TOLERANCE = 5
INTERRUPTED = 130


def validate(
    drug: str | None = None,
    /,
    *,
    level: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    fast: bool = False,
    findings: str | None = None,
    baseline: str | None = None,
    update_baseline: bool = False,
    workers: int | None = None,
    json: bool = False,
    out: str | None = None,
) -> int:
    """Score the model against the literature: a board by level, failures first with reason and suspected cause.

    Exit code 5 says that a finding is worse than in the baseline.

    Parameters
    ----------
    drug : str
        Only findings about this compound.
    level : list of str
        Only these levels: receptor, binding, synapse, slice, network, rodent, human, pk, or dose (pk and human).
    fast : bool
        Leave out whole slices, but for a fixed few.
    findings : str
        A YAML file with your own findings, scored instead of the library's.
    baseline : str
        Baseline to compare with (and to write); default: that of the package.
    update_baseline : bool
        Write the verdicts into the baseline.
    workers : int
        Processes; default: one per core.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    from ..evidence import baseline as base
    from ..evidence.validation import select
    from ..evidence.validation import validate as run

    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: at least one process is needed")
    path = Path(baseline) if baseline else base.COMMITTED
    if update_baseline and findings and not baseline:
        raise UsageError("Your own findings do not belong into the package's baseline", do="give --baseline FILE")
    asked, left = _own(findings, drug, level or []) if findings else select(drug, level or [], fast=fast)
    before = base.read(path) if path.exists() or not update_baseline else {}
    meter = Meter(quiet=json)
    found = run(asked, left, workers=workers, progress=meter.tell)
    meter.done()
    changes = base.compare(found.verdicts(), before)
    worse = [c for c in changes if c.worse]
    inputs = {
        "drug": drug, "levels": level or [], "fast": fast, "findings": findings,
        "baseline": baseline or "that of the package",
        "update_baseline": update_baseline,
    }  # fmt: skip
    result = _result(found, changes, before, inputs, drug or (Path(findings).stem if findings else "all"))
    if update_baseline and not found.interrupted:
        kept = base.write(found.verdicts(), path)
        result.notes.append(f"Baseline {path}: {len(found.scored)} verdicts written, {kept} in all")
    finish(result, as_json=json, out=out)
    if found.interrupted:
        return INTERRUPTED
    return OUTSIDE_TOLERANCE if worse and not update_baseline else 0


def _own(path: str, drug: str | None, levels: Sequence[str]) -> tuple[list[Finding], list[Finding]]:
    from ..evidence.validation import expand
    from ..library.compound import find_compound
    from ..library.finding_file import read_findings

    found, wanted = read_findings(path), expand(levels)
    subject = find_compound(drug).id if drug else None
    found = [f for f in found if not wanted or f.level in wanted]
    found = [f for f in found if subject is None or subject in (f.subject, *f.partners)]
    if not found:
        raise UsageError(f"No finding in {path} is asked for", do="leave out the drug or --level")
    return found, []


def _result(
    found: Validation, changes: Sequence[Change], before: dict[str, Any], inputs: dict[str, Any], about: str
) -> Result:
    from ..evidence.board import GLYPHS, matrix, potencies, scoreboard, tensions
    from ..evidence.validation import row

    board = scoreboard(found)
    pairs, ledger = tensions(found), potencies(found.scored)
    subjects, groups, cells = matrix(found.scored)
    glyphs = [
        [subject, *("".join(GLYPHS[s.verdict.verdict] for s in cells.get((subject, g), [])) for g in groups)]
        for subject in subjects
    ]
    rows = [row(s) for s in found.scored]
    new = [v.id for v in found.verdicts() if before and v.id not in before and v.model == v.model]
    own = inputs["findings"] is not None
    whose = f"findings of {about}" if own else about if inputs["drug"] else "the model"
    saves: dict[str, tuple[str, Callable[[Path], object]]] = {
        "scores": ("scores.csv", functools.partial(_write_scores, rows)),
        "matrix": ("matrix.csv", functools.partial(_write, ["subject", *groups], glyphs)),
        "tension": ("tension.csv", functools.partial(_write, _TENSION, [_pair_cells(p) for p in pairs])),
        "potency": ("potency.csv", functools.partial(_write, _POTENCY, _ledger_cells(ledger))),
    }
    for name in found.levels:
        here = [s for s in found.scored if s.finding.level == name and s.verdict.miss == s.verdict.miss]
        if here:
            title = f"{name}: {whose} against the literature"
            saves[f"forest {name}"] = (f"forest-{name}.svg", functools.partial(_forest, here, title))
    assumed = list(dict.fromkeys(a for s in found.scored for a in getattr(s.finding.experiment, "assumed", [])))
    return Result(
        "validate", about, inputs,
        ["level", "fail", "near", "pass", "not simulable", "calibration", "labs", "without a miss"],
        [_board_cells(r) for r in board],
        findings=rows,
        assumed=assumed,
        notes=_notes(found, changes, new, pairs, ledger if inputs["drug"] or own else {}, every=own),
        title=f"validate   {whose} against the literature",
        figure=lambda: _figure(found, f"{whose[0].upper()}{whose[1:]} against the literature"),
        saves=saves,
        extra={
            "board": [_board_entry(r) for r in board],
            "changes": [dataclasses.asdict(c) for c in changes],
            "regressions": [c.id for c in changes if c.worse],
            "new": new,
            "tensions": [dict(zip(_TENSION, _pair_cells(p), strict=True)) for p in pairs],
            "potency": [dict(zip(_POTENCY, cells_, strict=True)) for cells_ in _ledger_cells(ledger)],
            "matrix": {"groups": groups, "subjects": {r[0]: r[1:] for r in glyphs}, "glyphs": GLYPHS},
            "not_run": [f.id for f in found.not_run],
            "interrupted": found.interrupted,
        },
        short=2,
    )  # fmt: skip


def _board_cells(r: LevelRow) -> list[Any]:
    words = ("fail", "near", "pass", "not simulable", "calibration")
    return [r.level, *(r.counts[w] for w in words), r.labs, r.labs_clean]


def _board_entry(r: LevelRow) -> dict[str, Any]:
    return {"level": r.level, **r.counts, "labs": r.labs, "labs_without_a_miss": r.labs_clean}


def _notes(
    found: Validation, changes: Sequence[Change], new: Sequence[str], pairs: Sequence[Pair],
    ledger: dict[str, list[Potency]], *, every: bool,
) -> list[str]:  # fmt: skip
    simulated, count = sum(s.diagnosis.members > 0 for s in found.scored), len(found.scored)
    notes = [
        f"{count} finding{'s' * (count != 1)}, {simulated} simulated. Levels are not added up; calibration is not "
        "counted; records of the same data are one finding, a laboratory counts once."
    ]
    for word in ("fail", "near", "pass", "not simulable", "calibration") if every else ("fail", "near"):
        for s in found.of(word):
            notes += _explained(word, s)
    worse, other = [c for c in changes if c.worse], [c for c in changes if not c.worse]
    notes += [f"worse     {c.id}: {c.before} -> {c.now} (model {_n(c.before_model)} -> {_n(c.model)})" for c in worse]
    notes += [f"changed   {c.id}: {c.before} -> {c.now} (model {_n(c.before_model)} -> {_n(c.model)})" for c in other]
    if new:
        notes.append(f"new since the baseline: {len(new)} ({', '.join(new[:6])}{', ...' if len(new) > 6 else ''})")
    shown = [p for p in pairs if p.both_simulable]
    for p in shown:
        notes.append(f"tension   {_side(p.one, p.verdicts[0])}  |  {_side(p.other, p.verdicts[1])}: {p.says}")
    if len(pairs) > len(shown):
        notes.append(f"tension   {len(pairs) - len(shown)} further pairs, not both simulable: tension.csv")
    for subject, those in ledger.items():
        notes.append(f"potency   {subject}")
        notes += [f"  {_potency(p)}" for p in those]
        if len(those) > 1:
            ratio = max(p.published_uM[1] for p in those) / min(p.published_uM[0] for p in those)
            notes.append(f"  published potencies differ {ratio:.3g}-fold")
    if found.not_run:
        why = "interrupted; the rest is kept, run again to go on" if found.interrupted else "left out by --fast"
        notes.append(f"not run   {len(found.not_run)} findings: {why}")
    return notes


def _explained(word: str, s: Scored) -> list[str]:
    from ..evidence.battery import model_text, published_text

    head = f"{word:9s} {s.finding.id} ({s.finding.level}): model {model_text(s.verdict)}, published "
    lines = [f"{head}{published_text(s.verdict)}; {s.verdict.score}"]
    if s.diagnosis.reason and word != "near":
        lines.append(f"          {s.diagnosis.reason}")
    if word == "fail":
        lines.append(f"          cause: {s.diagnosis.cause or 'none on record'}")
    return lines


def _potency(p: Potency) -> str:
    finding, model = p.scored.finding, p.model_uM
    told = "no value of the model" if model is None else f"model {model:.3g} uM: {p.scored.verdict.verdict}"
    return f"{_span(p.published_uM)} uM   {finding.observable} ({finding.level}, {finding.id}), {told}"


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _span(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.3g}" if pair[0] == pair[1] else f"{pair[0]:.3g} to {pair[1]:.3g}"


def _side(finding: Finding, s: Scored | None) -> str:
    from ..evidence.battery import model_text, published_text

    if s is None:
        return finding.id
    return f"{finding.id}: published {published_text(s.verdict)}, model {model_text(s.verdict)}, {s.verdict.verdict}"


_TENSION = ("one", "one published", "one model", "one verdict", "other", "other published", "other model",
            "other verdict", "says")  # fmt: skip


def _pair_cells(p: Pair) -> list[Any]:
    from ..evidence.scoring import published

    cells: list[Any] = []
    for finding, s in zip((p.one, p.other), p.verdicts, strict=True):
        value = published(finding)
        said = f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else value
        known = s is not None and s.verdict.model == s.verdict.model
        cells += [finding.id, said, s.verdict.model if s is not None and known else None,
                  s.verdict.verdict if s is not None else "not asked"]  # fmt: skip
    return [*cells, p.says]


_POTENCY = ("subject", "finding", "level", "observable", "published low uM", "published high uM", "model uM", "verdict")


def _ledger_cells(ledger: dict[str, list[Potency]]) -> list[list[Any]]:
    return [
        [subject, p.scored.finding.id, p.scored.finding.level, p.scored.finding.observable, *p.published_uM, p.model_uM,
         p.scored.verdict.verdict]
        for subject, those in ledger.items()
        for p in those
    ]  # fmt: skip


def _write_scores(rows: Sequence[dict[str, Any]], path: Path) -> None:
    from ..evidence.validation import COLUMNS

    _write(COLUMNS, [[_flat(r[name]) for name in COLUMNS] for r in rows], path)


def _flat(value: Any) -> Any:
    return json_text.dumps(value) if isinstance(value, list) else value


def _write(columns: Sequence[str], rows: Sequence[Sequence[Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)


def _forest(scored: Sequence[Scored], title: str, path: Path) -> None:
    from ..show.forest import forest_figure

    forest_figure(scored, title).savefig(path, metadata={"Date": None})


def _figure(found: Validation, title: str) -> Any:
    from ..show.board_figure import board_figure

    return board_figure(found, title)
