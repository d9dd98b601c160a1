"""A source answered, as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from ..evidence.concordance import COLUMNS
from .page import page_of, paragraph, section, table, text

if TYPE_CHECKING:
    from ..evidence.concordance import Concordance


def concordance_page(found: Concordance) -> str:
    """Return the page."""
    source = found.source
    references = [
        (c.number, c.printed, c.resolves_to or "-", c.work or "-", c.unresolvable or "-") for c in source.references
    ]
    counted = ", ".join(f"{n} {word}" for word, n in found.counts().items())
    parts = [
        paragraph(f"{source.author}, {source.dated}. It sells: {source.sells}."),
        paragraph(f"Read {source.read}, answered {found.date}."),
        paragraph(f"Statements: {counted}."),
        table("What the source says, and what the records say", COLUMNS, found.rows()),
    ]
    if references:
        bearings = ", ".join(f"{n} {word}" for word, n in found.bearings().items())
        parts += [section("References"), paragraph(f"How they bear on the statements that cite them: {bearings}."),
                  table("References as printed, and what they resolve to",
                        ("number", "printed", "resolves to", "key", "why not"), references)]  # fmt: skip
    parts.append(section("Faults"))
    parts.append("<ul>" + "".join(f"<li>{text(f)}</li>" for f in found.faults()) + "</ul>")
    parts.append(paragraph(f"potentiate {__version__}. Statements in our own words; not medical advice.", "note"))
    return page_of(f"{source.id}: {source.title}", parts)
