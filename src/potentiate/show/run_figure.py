"""The page of `potentiate run`: what the drug does to a patch, on what it acts, and how far the literature agrees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .agreement import counts, draw_agreement
from .curves import Curve, draw_curve
from .style import NORMAL, heading, page, styled
from .traces import Panel, _place, draw_panel, key, shared_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..evidence.scoring import Verdict
    from ..kinetics.scheme import Scheme

#: A4, landscape.
WIDTH, HEIGHT = 11.69, 8.27
RIGHT = 4.25


@styled
def run_figure(
    compound_name: str,
    panels: Sequence[Panel],
    curves: Sequence[Curve] = (),
    scheme: Scheme | None = None,
    verdicts: Sequence[Verdict] = (),
    *,
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw everything about one compound on one page.

    Parameters
    ----------
    compound_name : str
    panels : sequence of Panel
        Deactivation, desensitization, slow application: up to three in a row.
    curves : sequence of Curve
        Concentration-responses, up to two beside the scheme.
    scheme : Scheme or None
    verdicts : sequence of Verdict
        The column on the right; without any the page is narrower.
    title, note : str
        Default title: the compound on the scheme.
    """
    beside = RIGHT if verdicts else 0.0
    width = WIDTH if verdicts else WIDTH - RIGHT + 0.3
    figure = page(width, HEIGHT)
    on = f" on {scheme.name.split(' + ')[0]}" if scheme is not None else ""
    heading(figure, title or f"{compound_name}{on}", note)
    side, top = 0.35, 0.85
    room = width - beside - 2 * side
    labels = shared_labels(panels)
    if labels:
        key(figure, labels, side, HEIGHT - 0.47)
    columns = max(1, min(3, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    upper = 2.65 if rows == 1 else 1.95 * rows
    each, tall = room / columns, upper / rows
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        ax = _place(figure, side + column * each, HEIGHT - top - (row + 1) * tall + 0.25, each - 0.1, tall - 0.5)
        draw_panel(ax, panel, legend=not labels)
    lower = HEIGHT - top - upper - 0.25
    _lower(figure, curves, scheme, side, 0.35, room, lower)
    if verdicts:
        left = width - beside
        figure.text(left / width, 1 - 0.17 / HEIGHT, "Published findings", fontsize=NORMAL, fontweight="bold", va="top")
        box = (left, 0.38, beside - 0.3, HEIGHT - 0.85)
        left_out = draw_agreement(figure, verdicts, box, columns=False, names_in=2.05)
        text = counts(verdicts) + (f"; {left_out} not drawn" if left_out else "")
        figure.text((width - 0.3) / width, 0.10 / HEIGHT, text, fontsize=8, color="#5A5A5A", ha="right", va="bottom")
    return figure


def _lower(
    figure: Figure, curves: Sequence[Curve], scheme: Scheme | None, left: float, bottom: float, width: float,
    height: float,
) -> None:
    """Draw concentration-responses on the left, the scheme on the right (or below, when there are many curves)."""
    share = 0.42 if scheme is not None and curves else (0.0 if scheme is not None else 1.0)
    if len(curves) > 1 and scheme is not None:
        share = 0.38
    each = height / max(len(curves), 1)
    for i, curve in enumerate(curves):
        if scheme is None:
            cell = width / len(curves)
            ax = _place(figure, left + i * cell + 0.45, bottom + 0.55, cell - 0.7, height - 0.95)
        else:
            y = bottom + height - (i + 1) * each
            ax = _place(figure, left + 0.5, y + 0.55, share * width - 0.7, each - 0.9)
        draw_curve(ax, curve)
    if scheme is not None:
        from .scheme_graph import draw_scheme

        ax = _place(figure, left + share * width, bottom + 0.05, (1 - share) * width - 0.1, height - 0.3)
        draw_scheme(ax, scheme)
