"""Findings of a user: a file with one finding, or with several under `findings`, checked like the library's."""

from __future__ import annotations

from pathlib import Path

from ..errors import DocumentError
from .document import Document, Source, read_text
from .finding import Finding, finding_ids
from .finding_rules import complaints, repeated


class FindingsDoc(Document):
    """Several findings in one file."""

    findings: list[Finding]


def read_findings(path: str | Path) -> list[Finding]:
    """Read a user's findings.

    Parameters
    ----------
    path : str or Path
        A YAML file.

    Returns
    -------
    list of Finding

    Raises
    ------
    DocumentError
        Not readable, not valid, an id that is given twice or that the library has, an unknown preparation, compound or
        scheme, a tolerance wider than x/÷2, a direction whose interval contains no effect.
    """
    source = Source(read_text(Path(path)), str(path))
    several = "findings" in source.data
    found = source.validate(FindingsDoc).findings if several else [source.validate(Finding)]
    if not found:
        raise DocumentError("The file has no finding", where=str(path))
    if twice := repeated(f.id for f in found):
        raise DocumentError(f"The id {twice[0]!r} is given twice", where=str(path), do="ids are never used again")
    known = set(finding_ids())
    for i, finding in enumerate(found):
        at: tuple[int | str, ...] = ("findings", i) if several else ()
        if finding.id in known:
            raise source.error(
                f"The library has a finding {finding.id!r} already", (*at, "id"), do="choose another id"
            )
        if wrong := complaints(finding):
            raise source.error(f"The finding {finding.id!r} cannot be scored", (*at, "id"), why="; ".join(wrong))
    return found
