"""Findings out: YAML, CSV, RIS, BibTeX and nanopublications (TriG)."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import UsageError
from ..library.finding import Finding, NoExperiment
from ..library.finding_index import as_yaml
from ..library.references import Reference, bibliography
from .nanopublication import trig

_CSV = (
    "id", "statement", "subject", "partners", "level", "preparation", "concentration", "observable", "kind", "value",
    "low", "high", "unit", "direction", "uncertainty_type", "uncertainty", "n", "design", "population", "outcome",
    "result", "comparator", "funding", "source_key", "title", "year", "doi", "pmid", "page", "quote", "secondary",
    "tension", "same_data_as", "same_lab_as", "caveat", "role", "simulated",
)  # fmt: skip


def as_csv(findings: Sequence[Finding]) -> str:
    """Return one row a finding; lists are joined by semicolons."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for f in findings:
        writer.writerow([_plain(_cells(f)[name]) for name in _CSV])
    return out.getvalue()


def _plain(value: Any) -> Any:
    """Return a cell; text that a spreadsheet would run as a formula is marked as text."""
    if isinstance(value, str) and value[:1] in "=+-@" and value != "-":
        return "'" + value
    return value


def _cells(f: Finding) -> dict[str, Any]:
    h = f.human
    return {
        "id": f.id, "statement": f.statement, "subject": f.subject, "partners": "; ".join(f.partners), "level": f.level,
        "preparation": f.preparation, "concentration": f.concentration, "observable": f.observable,
        "kind": f.effect.kind, "value": f.effect.value, "low": f.effect.low, "high": f.effect.high,
        "unit": f.effect.unit, "direction": f.effect.direction, "uncertainty_type": f.uncertainty.type,
        "uncertainty": f.uncertainty.value if f.uncertainty.value is not None else f.uncertainty.text,
        "n": f.n, "design": f.design, "population": h.population if h else None, "outcome": h.outcome if h else None,
        "result": h.result if h else None, "comparator": h.comparator if h else None, "funding": f.funding,
        "source_key": f.source.key, "title": f.source.title, "year": f.source.year, "doi": f.source.doi,
        "pmid": f.source.pmid, "page": f.read.at, "quote": f.read.quote, "secondary": f.read.secondary,
        "tension": "; ".join(f.tension), "same_data_as": "; ".join(f.same_data_as), "same_lab_as": f.same_lab_as,
        "caveat": f.caveat, "role": f.role, "simulated": not isinstance(f.experiment, NoExperiment),
    }  # fmt: skip


def works(findings: Sequence[Finding]) -> list[Reference]:
    """Return the works behind findings, each once, by key."""
    keys = sorted({f.source.key for f in findings if f.source.key})
    return [bibliography()[key] for key in keys if key in bibliography()]


def as_bibtex(findings: Sequence[Finding]) -> str:
    """Return the works behind findings as BibTeX."""
    return "\n".join(r.bibtex() for r in works(findings)) + "\n"


_RIS_TYPES = {"article": "JOUR", "book": "BOOK", "incollection": "CHAP", "inproceedings": "CPAPER"}


def as_ris(findings: Sequence[Finding]) -> str:
    """Return the works behind findings as RIS, with the findings of each as keywords."""
    out = []
    for work in works(findings):
        out.append(f"TY  - {_RIS_TYPES.get(work.kind, 'GEN')}")
        out.append(f"ID  - {work.key}")
        out += [f"AU  - {name.strip()}" for name in work.field("author").split(" and ") if name.strip()]
        for tag, field in (("TI", "title"), ("JO", "journal"), ("PY", "year"), ("DO", "doi"), ("UR", "howpublished")):
            if value := work.field(field):
                out.append(f"{tag}  - {value}")
        if pmid := work.field("pmid"):
            out.append(f"AN  - PMID:{pmid}")
        out += [f"KW  - {f.id}" for f in findings if f.source.key == work.key]
        out += [f"N1  - read: {work.read}", "ER  - ", ""]
    return "\n".join(out) + "\n"


def as_trig(findings: Sequence[Finding]) -> str:
    """Return findings as nanopublications of today."""
    return trig(findings, datetime.datetime.now(tz=datetime.UTC).date())


EXPORTS: dict[str, tuple[str, Callable[[Sequence[Finding]], str]]] = {
    "yaml": ("records.yaml", as_yaml),
    "csv": ("records.csv", as_csv),
    "ris": ("works.ris", as_ris),
    "bibtex": ("works.bib", as_bibtex),
    "trig": ("nanopublications.trig", as_trig),
}


def export(findings: Sequence[Finding], form: str) -> str:
    """Return findings in a form of :data:`EXPORTS`.

    Raises
    ------
    UsageError
    """
    if form not in EXPORTS:
        raise UsageError(f"No export is called {form!r}", do=f"use one of {', '.join(EXPORTS)}")
    return EXPORTS[form][1](findings)
