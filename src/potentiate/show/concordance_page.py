"""A source answered, as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from ..evidence.concordance import COLUMNS
from .html import items, join, table, tag
from .page import page

if TYPE_CHECKING:
    from ..evidence.concordance import Concordance


def concordance_page(found: Concordance) -> str:
    """Return the page."""
    source = found.source
    references = [
        (c.number, c.printed, c.resolves_to or "-", c.work or "-", c.unresolvable or "-") for c in source.references
    ]
    counted = ", ".join(f"{n} {word}" for word, n in found.counts().items())
    statements = join([
        tag("p", f"{source.author}, {source.dated}. It sells: {source.sells}."),
        tag("p", f"Statements: {counted}."),
        table(COLUMNS, list(found.rows()), caption="What the source says, and what the records say"),
    ])  # fmt: skip
    sections = [("statements", "Statements", statements)]
    if references:
        bearings = ", ".join(f"{n} {word}" for word, n in found.bearings().items())
        columns = ("number", "printed", "resolves to", "key", "why not")
        cited = join([
            tag("p", f"How they bear on the statements that cite them: {bearings}."),
            table(columns, references, caption="References as printed, and what they resolve to"),
        ])  # fmt: skip
        sections.append(("references", "References", cited))
    note = tag("p", f"potentiate {__version__}. Statements in our own words; not medical advice.", class_="muted")
    sections.append(("faults", "Faults", join([items(found.faults()), note])))
    return page(f"{source.id}: {source.title}", f"Read {source.read}, answered {found.date}.", sections)
