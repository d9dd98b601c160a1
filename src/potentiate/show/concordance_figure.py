"""How a source fares: its statements by what the product makes of them, and its citations by how they bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .style import BLACK, BLUE, GREEN, GREY, LIGHT, NORMAL, ORANGE, SMALL, VERMILLION, heading, page, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..evidence.concordance import Concordance

_COLOURS = {
    "reproduces": BLUE, "supports": GREEN, "qualifies": ORANGE, "contradicts": VERMILLION, "not on record": GREY,
    "outside": LIGHT, "does not address": ORANGE, "unresolvable": VERMILLION, "not checked": GREY,
}  # fmt: skip
_ORDER = ("reproduces", "supports", "qualifies", "contradicts", "not on record", "outside")
_BEARINGS = ("supports", "does not address", "contradicts", "unresolvable", "not checked")


@styled
def concordance_figure(found: Concordance) -> Figure:
    """Draw the counts of a concordance."""
    counts, bearings = found.counts(), found.bearings()
    blocks: list[tuple[str, tuple[str, ...], dict[str, int]]] = [
        ("statements, by what the product makes of them", _ORDER, counts)
    ]
    if bearings:
        blocks.append(("citations, by how the cited work bears", _BEARINGS, bearings))
    height = 0.95 + sum(0.42 + 0.27 * len(order) for _, order, _ in blocks)
    figure = page(7.2, height)
    heading(figure, wrapped(f"{found.source.id}: {found.source.title}", 6.6, 11.0), f"answered {found.date}")
    top = 0.55 + 0.16
    for title, order, counted in blocks:
        tall = 0.27 * len(order)
        ax = figure.add_axes((0.22, 1 - (top + 0.28 + tall) / height, 0.70, tall / height))
        for i, word in enumerate(order):
            n = counted.get(word, 0)
            ax.barh(i, n, color=_COLOURS[word], height=0.68)
            ax.text(n + 0.15, i, str(n), va="center", fontsize=SMALL, color=BLACK)
        ax.set_yticks(range(len(order)), order)
        ax.set_ylim(len(order) - 0.5, -0.5)
        ax.set_xlim(0, max([*counts.values(), *bearings.values(), 1]) * 1.08 + 0.5)
        ax.set_xticks([])
        ax.tick_params(length=0)
        ax.spines["bottom"].set_visible(False)
        ax.set_title(title, fontsize=NORMAL, loc="left")
        top += 0.42 + tall
    return figure
