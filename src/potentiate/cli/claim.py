"""`potentiate claim`: what is on record about a sentence. It never advises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish

if TYPE_CHECKING:
    from ..evidence.claim_answer import ClaimAnswer


def claim(
    text: str | None = None,
    /,
    *,
    subject: str = "",
    outcome: str | None = None,
    population: str | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    said_by: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
) -> int:
    """Answer a claim from the records: direct and nearest evidence, independence, reach, certainty, verdict.

    Parameters
    ----------
    text
        The claim in plain English, or the id of a claim on record.
    subject
        Settle what acts: a name, or several separated by commas.
    outcome
        Settle the outcome, for example memory.
    population
        Settle whom, for example healthy.
    list_
        Answer every claim on record, one line each.
    said_by
        With --list: source-000 ... source-003, or vendors.
    json
        Print one JSON object.
    out
        Write the files into this folder: table, figure, results and a page (claim.html).
    """
    if list_:
        if text is not None:
            raise UsageError("Name a claim or --list, not both")
        return finish(_listing(said_by), as_json=json, files=False)
    if text is None:
        raise UsageError("No claim given", do='for example: potentiate claim "Aniracetam improves memory"')
    from ..evidence.claim_answer import answer_claim

    names = [n.strip() for n in subject.split(",") if n.strip()]
    found = answer_claim(text, subject=names, outcome=outcome, population=population)
    return finish(_result(found), as_json=json, out=out, files=out is not None)


def _listing(said_by: str | None) -> Result:
    from ..evidence.claim_answer import answer_document
    from ..library.claim import all_claims

    known = ("source-000", "source-001", "source-002", "source-003", "vendors")
    if said_by is not None and said_by not in known:
        raise UsageError(f"Nobody is called {said_by!r}", do=f"use one of {', '.join(known)}")
    rows = []
    for c in all_claims():
        if said_by is not None and said_by not in {s.by for s in c.said}:
            continue
        a = answer_document(c.id)
        rows.append([c.id, c.text, a.judged.verdict, a.judged.certainty, a.judged.studies])
    columns = ["id", "claim", "verdict", "certainty", "direct studies"]
    extra = {"claims": [dict(zip(columns, r, strict=True)) for r in rows]}
    return Result("claim", "list", {"said_by": said_by}, columns, rows, title=f"{len(rows)} claims", extra=extra)


def _result(found: ClaimAnswer) -> Result:
    from ..evidence.claim_rows import COLUMNS, rows

    observables: list[dict[str, Any]] = []
    if found.reach is not None:
        observables = [found.reach.ruler.gap.as_dict("data", {"compound": found.reach.ruler.compound.id})]
    inputs = {"claim": found.text, "understood": found.claim.model_dump(mode="json", exclude_none=True)}
    return Result(
        "claim", found.document or "asked", inputs, COLUMNS, rows(found), observables, [], list(found.assumed),
        ["This is what is on record. It is not medical advice."], title=f'claim "{found.text}"',
        figure=lambda: _figure(found), saves={"page": ("claim.html", lambda path: _page(found, path))},
        extra={"answer": found.as_dict()},
    )  # fmt: skip


def _figure(found: ClaimAnswer) -> Any:
    from ..show.claim_figure import claim_figure

    return claim_figure(found)


def _page(found: ClaimAnswer, path: Path) -> None:
    from ..show.claim_page import claim_page

    path.write_text(claim_page(found), encoding="utf-8")
