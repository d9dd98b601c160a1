"""Parts of a stack by system: which way each pushes which system, and on what evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .style import BLACK, FAINT, GREY, LIGHT, SMALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..evidence.stack_review import StackReview
    from ..evidence.stack_systems import SystemAction

ROW, HEAD, KEY = 0.24, 0.95, 0.42
_SHAPES = {"increase": "^", "decrease": "v", "mixed": "D", "none": "_", "unknown": "o"}


def matrix_height(review: StackReview) -> float:
    """Return the height that the matrix needs, inches."""
    return HEAD + ROW * len(review.parts) + KEY if review.does else 0.0


def draw_matrix(figure: Figure, review: StackReview, top: float, left: float, right: float) -> None:
    """Draw the matrix onto a page.

    Parameters
    ----------
    figure : Figure
    review : StackReview
    top : float
        Of the matrix, inches from the top of the page.
    left, right : float
        Margins, inches.
    """
    if not review.does:
        return
    width, height = figure.get_size_inches()
    systems = list(dict.fromkeys(sorted((a.system for a in review.does), key=lambda s: list(type(s)).index(s))))
    promised = {getattr(a.promise, "system", None) for a in review.promises}
    tall = ROW * len(review.parts)
    bottom = height - top - HEAD - tall
    ax = figure.add_axes((left / width, bottom / height, (width - left - right) / width, tall / height))
    ax.set_xlim(-0.5, max(len(systems), 8) - 0.5)
    ax.set_ylim(len(review.parts) - 0.5, -0.5)
    for k, system in enumerate(systems):
        if system in promised:
            ax.axvspan(k - 0.45, k + 0.45, color=FAINT, zorder=0)
        ax.text(k - 0.12, -0.7, str(system), rotation=35, ha="left", va="bottom", fontsize=SMALL)
    for row, part in enumerate(review.parts):
        ax.axhline(row, color=LIGHT, linewidth=0.5, zorder=1)
        for k, system in enumerate(systems):
            mine = [a for a in review.does if a.compound == part.compound.id and a.system == system]
            if mine:
                _mark(ax, k, row, mine[0])
        middle = (bottom + tall - ROW * (row + 0.5)) / height
        figure.text(0.35 / width, middle, part.compound.name, fontsize=SMALL, va="center")
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    key = (
        "triangles: the system goes up or down; diamond both ways; bar no effect; circle direction unknown.  black: in "
        "people; grey: animals,\ncells, receptors; hollow: review, textbook or claim only; strongest evidence shown"
        + ("; shaded: promised" if promised & set(systems) else "")
    )
    figure.text(0.35 / width, (bottom - 0.1) / height, key, fontsize=SMALL - 0.5, color=GREY, va="top")


def _mark(ax: object, x: int, y: int, action: SystemAction) -> None:
    colour = BLACK if action.action.evidence == "human" else GREY
    face = colour if action.on_record else "white"
    ax.plot(  # type: ignore[attr-defined]
        [x], [y], marker=_SHAPES[action.direction], color=colour, markerfacecolor=face, markersize=6, zorder=3
    )
