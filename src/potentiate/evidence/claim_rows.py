"""The answer to a claim as one table that fits a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .claim_answer import ClaimAnswer, show_outcome, show_population, show_subject
from .claim_line import Group, Line
from .claim_verdict import decided

COLUMNS = ("about", "answer", "records")
Row = tuple[str, str, str]
#: So many records are named in a cell; all are in the results file.
SHOWN = 4
#: Groups whose records say for or against, with what their row is called.
NEAR: dict[Group, str] = {
    "another comparison": "nearest: other comparison", "a part or a mixture": "nearest: a part or a mixture",
    "other people": "nearest: other people", "another outcome": "nearest: broader outcome",
    "open label": "nearest: no control group", "healthy animals": "nearest: healthy animals",
    "impaired animals": "nearest: impaired animals", "cells and slices": "nearest: cells and slices",
}  # fmt: skip
#: Groups that say neither, in a row of their own.
BESIDE: dict[Group, str] = {
    "another substance or receptor": "another substance or receptor", "hypothesis": "hypothesis",
    "not posted": "done, result not posted or read", "searched for": "searched for, not found",
    "pages": "told by pages, not counted", "sellers": "said by sellers, not counted",
}  # fmt: skip


def rows(found: ClaimAnswer) -> list[Row]:
    """Return the answer as rows of :data:`COLUMNS`."""
    return [*_understood(found), *_records(found), *_behind(found), *_judged(found)]


def _understood(found: ClaimAnswer) -> Iterator[Row]:
    claim = found.claim
    dose = f", {claim.dose}" if claim.dose else ""
    versus = f", against {claim.comparator}" if claim.comparator else ""
    yield (
        "understood as",
        f"{show_subject(claim)}{dose}{versus} | {show_outcome(claim)} | {show_population(claim)}",
        (f"claim {found.document}" if found.document else ""),
    )


def _records(found: ClaimAnswer) -> Iterator[Row]:
    groups = found.by_group()
    direct = groups.get("direct", [])
    if not decided(direct):
        yield "direct evidence", "none on record", _ids(direct)
    for side in ("for", "against", "for and against"):
        lines = [x for x in direct if x.says == side]
        if lines:
            yield f"direct, {side}", _texts(lines), _ids(lines)
    silent = [x for x in direct if x.says == "neither"]
    if silent and decided(direct):
        yield "direct, no direction", _texts(silent), _ids(silent)
    for group, name in NEAR.items():
        if lines := groups.get(group):
            yield name, f"{_tally(lines)}: {_texts(lines)}", _ids(lines)
    for group, name in BESIDE.items():
        if lines := groups.get(group):
            yield name, _texts(lines), _ids(lines)


def _behind(found: ClaimAnswer) -> Iterator[Row]:
    yield "independence", found.independence(), ""
    if found.funded:
        payers = sorted({x.funding for x in found.funded if x.funding})
        yield "paid by", ", ".join(payers), _ids(found.funded)
    if found.reach is not None:
        yield "does it reach the target", found.reach.text, "potentiate dose"
        if found.reach.routes:
            yield "other route on record", "; ".join(found.reach.routes), ""


def _judged(found: ClaimAnswer) -> Iterator[Row]:
    yield "verdict", f"{found.judged.verdict.upper()}: {found.judged.meaning}", ""
    yield "certainty", f"{found.judged.certainty}: {'; '.join(found.judged.reasons)}", ""
    if found.claim.cites is not None:
        cited = found.claim.cites
        told = f"cites {cited.text}: "
        told += "searched for, not found; unverifiable" if cited.search else "the work exists"
        yield "cited work", told, cited.search or cited.work or ""
    for text in found.change:
        yield "would change it", text, ""


def _tally(lines: Sequence[Line]) -> str:
    yes = sum("for" in x.says.split(" and ") for x in lines)
    no = sum("against" in x.says for x in lines)
    return f"{yes} for, {no} against"


def _texts(lines: Sequence[Line]) -> str:
    first = (decided(lines) or list(lines))[:2]
    more = f"; and {len(lines) - len(first)} more" if len(lines) > len(first) else ""
    return "; ".join(_short(x) for x in first) + more


def _short(line: Line) -> str:
    text = line.text.rstrip(".")
    n = f" (n={line.n})" if line.n else ""
    return (text if len(text) <= 110 else text[:107].rsplit(" ", 1)[0] + " ...") + n


def _ids(lines: Sequence[Line]) -> str:
    shown = ", ".join(x.id for x in lines[:SHOWN])
    return shown + (f" +{len(lines) - SHOWN}" if len(lines) > SHOWN else "")
