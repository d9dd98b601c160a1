"""A visual predictive check: percentiles of the data over the bands that a fitted model expects of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, BLUE, GREY, SKY, VERMILLION, heading, page, pretty, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..inference.population_diagnostics import PredictiveCheck

_COLOURS = (SKY, VERMILLION, SKY)
_LINES = ((0, (4, 2)), "solid", (0, (4, 2)))


@styled
def predictive_check_figure(check: PredictiveCheck, unit: str, title: str = "") -> Figure:
    """Draw a visual predictive check.

    Parameters
    ----------
    check : PredictiveCheck
    unit : str
        Of the concentrations.
    title : str
    """
    figure = page(6.8, 4.5)
    what = "prediction-corrected observations" if check.corrected else "observations"
    heading(
        figure, title,
        f"Lines: 5, 50 and 95 % of the data. Bands: 95 % of {check.simulations} simulations (seed {check.seed}). "
        f"{100 * check.outside:.0f} % of the points lie outside.",
    )  # fmt: skip
    ax = figure.add_axes((0.095, 0.17, 0.885, 0.715))
    for k, colour in enumerate(_COLOURS):
        low, high = check.simulated[k, 0], check.simulated[k, 2]
        for b in range(check.middle.size):
            left, right = check.edges[b], check.edges[b + 1]
            ax.fill_between([left, right], [low[b]] * 2, [high[b]] * 2, color=colour, alpha=0.32, linewidth=0)
    ax.plot(check.t_h, check.points, "o", color=GREY, markersize=2.6, markeredgewidth=0, alpha=0.5)
    for k, style in enumerate(_LINES):
        ax.plot(check.middle, check.observed[k], color=BLACK if k == 1 else BLUE, linestyle=style, linewidth=1.4,
                marker="o", markersize=2.5)  # fmt: skip
    for edge in check.edges:
        ax.plot([edge] * 2, [0, 0.018], color=GREY, linewidth=0.8, transform=ax.get_xaxis_transform())
    ax.set_xlabel("time (h)")
    ax.set_ylabel(f"{what} ({pretty(unit)})")
    ax.margins(x=0.02)
    top = np.nanpercentile(check.points, 99.5)
    ax.set_ylim(min(0.0, float(check.points.min())), 1.08 * float(max(top, check.simulated.max())))
    return figure
