"""Concentrations of all people after a dose, linear and logarithmic, with the terminal lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .style import BLUE, GREY, SMALL, VERMILLION, heading, page, pretty, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..measures.noncompartmental import Noncompartmental


@styled
def nca_figure(profiles: Sequence[tuple[str, Noncompartmental]], unit: str, title: str = "") -> Figure:
    """Draw the profiles: left linear, right on a log axis with the terminal line of each.

    Parameters
    ----------
    profiles : sequence of (str, Noncompartmental)
        Subject and analysis.
    unit : str
        Of the concentrations.
    title : str
    """
    figure = page(7.8, 4.0)
    lines = sum(p.line is not None for _, p in profiles)
    heading(figure, title, f"Time counts from the dose. Right: terminal lines of {lines} of {len(profiles)} subjects, "
                           "drawn over the points they rest on.")  # fmt: skip
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.085, right=0.985, top=0.87, bottom=0.2, wspace=0.22)
    alpha = 0.75 if len(profiles) <= 20 else 0.4
    for ax in (left, right):
        for _, p in profiles:
            shown = p.concentration > 0 if ax is right else np.ones(p.t_h.size, dtype=bool)
            ax.plot(p.t_h[shown], p.concentration[shown], "o-", color=BLUE if ax is left else GREY, linewidth=0.8,
                    markersize=2.6, markeredgewidth=0, alpha=alpha)  # fmt: skip
        ax.set_xlabel("time after the dose (h)")
    for _, p in profiles:
        if p.line is not None:
            t = np.array([p.t_h[p.line.points[0]], p.t_h[p.line.points[-1]]])
            right.plot(t, np.exp(p.line.log_intercept - p.line.rate * t), color=VERMILLION, linewidth=1.1, alpha=alpha)
    left.set_ylabel(f"concentration ({pretty(unit)})")
    left.set_ylim(bottom=0)
    if any((p.concentration > 0).any() for _, p in profiles):
        right.set_yscale("log")
        right.yaxis.set_major_formatter("{x:g}")
        right.tick_params(axis="y", which="minor", labelsize=SMALL - 2)
    return figure
