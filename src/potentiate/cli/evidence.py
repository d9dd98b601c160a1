"""`potentiate evidence`: findings that a query asks for, and the sources answered statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish

if TYPE_CHECKING:
    from ..evidence.concordance import Concordance
    from ..library.finding import Finding

_LIMIT = 40


def evidence(
    *words: str,
    compound: str = "",
    level: str = "",
    design: str = "",
    population: str = "",
    outcome: str = "",
    direction: str = "",
    tension: str = "",
    source: str | None = None,
    export: str | None = None,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
) -> int:
    """List findings: statement, value with uncertainty, n, design, who paid, work, what is in tension with it.

    Parameters
    ----------
    words
        A query: plain words and field:value terms, for example "aniracetam level:slice direction:increase".
    compound, level, design, population, outcome, direction, tension
        The same fields as options.
    source
        Instead: a source document (000 ... 003), statement by statement, with what it cites.
    export
        Print the records as yaml, csv, ris, bibtex or trig (nanopublications), and nothing else; with --source: csv or
        html.
    all_
        Print every row; otherwise the first 40.
    json
        Print one JSON object.
    out
        Write the files into this folder: table, figure, results and every export.
    """
    options = {"compound": compound, "level": level, "design": design, "population": population,
               "outcome": outcome, "direction": direction, "tension": tension}  # fmt: skip
    if source is not None:
        if words or any(options.values()):
            raise UsageError("Ask for a source or for findings, not both")
        return _source(source, export, as_json=json, out=out)
    from ..evidence.finding_query import parse_query, select
    from ..evidence.record_exports import export as exported

    asked = parse_query(" ".join(words), **options)
    found = select(asked)
    if export is not None:
        print(exported(found, export), end="")
        return 0
    return finish(_result(asked.show(), found, all_), as_json=json, out=out, files=out is not None)


def _result(asked: str, found: Sequence[Finding], everything: bool) -> Result:
    from ..evidence.finding_query import COLUMNS, row
    from ..evidence.record_exports import EXPORTS

    shown = found if everything else found[:_LIMIT]
    notes = []
    if len(shown) < len(found):
        notes.append(f"{len(found) - len(shown)} more: --all, or a narrower query")
    if not found:
        notes.append("Nothing on record: that is an answer about the library, not about the world.")
    records = [f.model_dump(mode="json", exclude_none=True) for f in found]
    return Result(
        "evidence", asked, {"query": asked}, COLUMNS, [row(f) for f in shown], notes=notes,
        title=f"evidence   {asked}   {len(found)} findings", figure=lambda: _figure(asked, found),
        saves={form: (name, _writer(write, found)) for form, (name, write) in EXPORTS.items()},
        extra={"records": records},
    )  # fmt: skip


def _writer(write: Callable[[Sequence[Finding]], str], found: Sequence[Finding]) -> Callable[[Path], object]:
    return lambda path: path.write_text(write(found), encoding="utf-8")


def _figure(asked: str, found: Sequence[Finding]) -> Any:
    from ..show.harvest_figure import harvest_figure

    return harvest_figure(asked, found)


def _source(name: str, export: str | None, *, as_json: bool, out: str | None) -> int:
    from ..evidence.concordance import COLUMNS, concordance

    found = concordance(name)
    if export is not None:
        forms = {"csv": found.as_csv, "html": lambda: _page(found)}
        if export not in forms:
            raise UsageError(f"No export of a source is called {export!r}", do="use one of csv, html")
        print(forms[export](), end="")
        return 0
    counted = ", ".join(f"{n} {word}" for word, n in found.counts().items())
    bearings = ", ".join(f"{n} {word}" for word, n in found.bearings().items()) or "none"
    result = Result(
        "evidence", found.source.id, {"source": found.source.id, "date": found.date.isoformat()}, COLUMNS,
        found.rows(short=True), title=f"{found.source.id}   {found.source.title}   answered {found.date}",
        notes=[f"Product: {counted}", f"Cited works: {bearings}", *(f"Fault: {f}" for f in found.faults())],
        saves={"concordance": ("concordance.csv", lambda path: path.write_text(found.as_csv(), encoding="utf-8")),
               "page": ("concordance.html", lambda path: path.write_text(_page(found), encoding="utf-8"))},
        figure=lambda: _source_figure(found), extra={"concordance": found.as_dict()},
    )  # fmt: skip
    return finish(result, as_json=as_json, out=out, files=out is not None)


def _page(found: Concordance) -> str:
    from ..show.concordance_page import concordance_page

    return concordance_page(found)


def _source_figure(found: Concordance) -> Any:
    from ..show.concordance_figure import concordance_figure

    return concordance_figure(found)
