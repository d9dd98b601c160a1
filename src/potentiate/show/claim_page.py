"""The answer to a claim as one HTML page: the same rows as on the screen, and every record with its study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from ..evidence.claim_rows import COLUMNS, rows
from .html import items, join, table, tag
from .page import page

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
    answer = join([tag("p", judged.meaning), table(COLUMNS, rows(found), caption="The answer")])
    records = table(_RECORD, lines, caption="Records that bear on the claim, nearest first")
    note = tag("p", f"potentiate {__version__}. What is on record, by rule; not medical advice.", class_="muted")
    return page(
        f"Claim: {found.claim.text}",
        f"{judged.verdict}; certainty: {judged.certainty}",
        [
            ("answer", "Answer", answer),
            ("assumed", "Assumed", items(found.assumed)),
            ("records", "Every record", join([records, note])),
        ],
    )
