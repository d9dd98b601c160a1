"""Values of several recordings side by side, and the variance-mean plot of a fluctuation analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, BLUE, GREY, VERMILLION, heading, page, pretty, styled
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..measures.noise import NoiseAnalysis

#: Observables that fit on a page.
MOST_PANELS = 6


@styled
def values_figure(names: Sequence[str], values: Mapping[str, Sequence[Any]], title: str = "") -> Figure:
    """Draw observables of several recordings, one panel each.

    Parameters
    ----------
    names : sequence of str
        Of the recordings.
    values : mapping of str to sequence of Observable or None
        One per recording, by the name of the observable. Values whose status is not ``ok`` are hollow.
    title : str
    """
    ids = [id for id, row in values.items() if any(getattr(o, "known", False) for o in row)][:MOST_PANELS]
    columns = max(1, min(3, len(ids)))
    rows = max(1, -(-len(ids) // columns))
    width, height = 0.4 + 2.75 * columns, 0.95 + 2.3 * rows
    figure = page(max(width, 4.5), height)
    heading(figure, title, f"n = {len(names)} recordings; bars: 95 % intervals; hollow: not ok, see the table")
    names = [name.rsplit(".", 1)[0] if "." in name else name for name in names]
    short = [name if len(name) <= 14 else f"{name[:6]}…{name[-7:]}" for name in names]
    for k, id in enumerate(ids):
        row, column = divmod(k, columns)
        ax = _place(figure, 0.65 + 2.75 * column, height - 0.75 - 2.3 * row - 1.35, 2.05, 1.35)
        unit = next(o.unit for o in values[id] if getattr(o, "known", False))
        for i, o in enumerate(values[id]):
            if not getattr(o, "known", False):
                continue
            ax.plot(
                [i], [o.value], "o", color=BLACK, markersize=4, markerfacecolor=BLACK if o.ok else "white", zorder=3
            )
            if o.interval is not None and None not in o.interval:
                ax.plot([i, i], o.interval, color=BLACK, linewidth=0.9, zorder=2)
        ax.set_title(pretty(f"{id} ({unit})" if unit else id))
        ax.set_xlim(-0.5, len(names) - 0.5)
        ax.set_xticks(range(len(names)), short if len(names) <= 12 else [str(i) for i in range(len(names))],
                      rotation=30 if len(names) <= 12 else 0, ha="right" if len(names) <= 12 else "center")  # fmt: skip
        ax.margins(y=0.15)
    return figure


@styled
def noise_figure(analysis: NoiseAnalysis, title: str = "", note: str = "") -> Figure:
    """Draw variance against mean with the fitted parabola and the background."""
    figure = page(5.4, 4.2)
    heading(figure, title, note)
    ax = _place(figure, 0.85, 0.85, 4.25, 2.75)
    x, y = np.abs(analysis.mean_pA), analysis.variance_pA2
    ax.plot(x, y, "o", color=BLACK, markersize=3.8, zorder=3)
    order = np.argsort(x)
    if np.isfinite(analysis.fitted_pA2).all():
        ax.plot(x[order], analysis.fitted_pA2[order], color=VERMILLION, linewidth=1.5, label="i I − I²/N + background")
    if analysis.background.known:
        ax.axhline(analysis.background.value, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), label="background")
    if analysis.unitary_current.known:
        slope = abs(analysis.unitary_current.value)
        reach = np.array([0.0, float(x.max())]) if x.size else np.array([0.0, 1.0])
        base = analysis.background.value if analysis.background.known else 0.0
        top = ax.get_ylim()[1]
        ax.plot(reach, base + slope * reach, color=BLUE, linewidth=0.9, linestyle=(0, (2, 1)), label="slope i at zero")
        ax.set_ylim(0.0, top)
    ax.set_xlabel("mean current (pA)")
    ax.set_ylabel("variance (pA²)")
    ax.legend(loc="lower right")
    return figure
