"""The answer to a claim as one HTML page: the same rows as on the screen, and every record with its study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from ..evidence.claim_rows import COLUMNS, rows
from .page import page_of, paragraph, section, table, text

if TYPE_CHECKING:
    from ..evidence.claim_answer import ClaimAnswer

_RECORD = ("record", "nearness", "says", "what", "design", "n", "work", "paid by", "flaws")


def claim_page(found: ClaimAnswer) -> str:
    """Return the page."""
    judged = found.judged
    lines = [
        (x.id, x.group, x.says, x.text, x.design, x.n or "-", x.study, x.funding or "-", "; ".join(x.flaws) or "-")
        for x in found.lines
    ]
    return page_of(
        f"Claim: {found.claim.text}",
        [
            f'<p><span class="word">{text(judged.verdict)}</span> certainty: {text(judged.certainty)}</p>',
            paragraph(judged.meaning),
            table("The answer", COLUMNS, rows(found)),
            section("Assumed"),
            paragraph("; ".join(found.assumed) or "nothing"),
            section("Every record"),
            table("Records that bear on the claim, nearest first", _RECORD, lines),
            paragraph(f"potentiate {__version__}. What is on record, by rule; not medical advice.", "note"),
        ],
    )
