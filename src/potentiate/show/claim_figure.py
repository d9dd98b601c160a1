"""The evidence profile of a claim: a harvest plot, one mark a study, by nearness and by what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..evidence.claim_line import Group
from ..evidence.claim_verdict import independent
from .style import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    LIGHT,
    NORMAL,
    ORANGE,
    SMALL,
    VERMILLION,
    heading,
    page,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..evidence.claim_answer import ClaimAnswer

_SIDES = ("against", "for and against", "neither", "for")
_NAMES = {"against": "against", "for and against": "both", "neither": "no direction", "for": "for"}
_DESIGN = {
    "RCT": (BLUE, "randomised trial"), "meta-analysis": (BLACK, "meta-analysis"),
    "animal": (ORANGE, "animals"), "in-vitro": (GREEN, "cells, slices, receptors"),
}  # fmt: skip
_OTHER = (GREY, "other")
_ROW = 0.34


@styled
def claim_figure(found: ClaimAnswer) -> Figure:
    """Draw the evidence profile of a claim."""
    groups = found.by_group()
    height = 1.75 + _ROW * max(len(groups), 1)
    figure = page(8.4, height)
    note = "One mark is a study; its area grows with the number of people or animals where it is known."
    heading(figure, wrapped(found.claim.text, 7.4, 11.0), note)
    ax = figure.add_axes((0.25, 0.62 / height, 0.60, (_ROW * max(len(groups), 1)) / height))
    used = {}
    for row, lines in enumerate(groups.values()):
        for column, side in enumerate(_SIDES):
            studies = independent([x for x in lines if x.says == side])
            ax.axhline(row, color=FAINT, lw=0.8, zorder=0)
            for i, study in enumerate(studies[:9]):
                colour, name = _DESIGN.get(study[0].design, _OTHER)
                used[name] = colour
                n = max((x.n or 0) for x in study)
                size = 34 + min(n, 500) * 0.16
                at = column + (i - (min(len(studies), 9) - 1) / 2) * 0.1
                ax.scatter([at], [row], s=size, color=colour, edgecolor="white", lw=0.5, zorder=3)
            if len(studies) > 9:
                ax.text(column + 0.5, row, f"+{len(studies) - 9}", fontsize=SMALL, ha="right", va="center", color=GREY)
    ax.set_ylim(max(len(groups), 1) - 0.5, -0.5)
    ax.set_xlim(-0.55, len(_SIDES) - 0.45)
    ax.set_yticks(range(len(groups)), [_row_name(g, len(x)) for g, x in groups.items()])
    ax.set_xticks(range(len(_SIDES)), [_NAMES[s] for s in _SIDES])
    for edge in (0.5, 1.5, 2.5):
        ax.axvline(edge, color=LIGHT, lw=0.6)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    if not groups:
        ax.text(1.5, 0, "nothing on record", ha="center", va="center", fontsize=NORMAL, color=GREY)
    for i, (name, colour) in enumerate(used.items()):
        y = 1 - (0.55 + 0.19 * i) / height
        figure.text(0.862, y, "\u25cf", color=colour, fontsize=NORMAL, va="center")
        figure.text(0.882, y, name, fontsize=SMALL, va="center")
    said = f"{found.judged.verdict}   (certainty: {found.judged.certainty})"
    colour = _colour(found.judged.verdict)
    figure.text(0.25, 1 - 0.62 / height, said, fontsize=NORMAL + 1, fontweight="bold", color=colour)
    return figure


def _row_name(group: Group, n: int) -> str:
    return f"{group} ({n})"


def _colour(verdict: str) -> str:
    return {"supported": GREEN, "contradicted": VERMILLION}.get(verdict, BLACK)
