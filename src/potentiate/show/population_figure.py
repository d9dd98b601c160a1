"""Goodness of fit of a population model (four panels), and the curves of its subjects one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, BLUE, GREY, LIGHT, SMALL, VERMILLION, heading, page, pretty, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..inference.population import PopulationFit
    from ..inference.population_diagnostics import Diagnostics

#: More subjects than this are drawn as an even selection.
MOST_SUBJECTS = 20


@styled
def goodness_figure(fit: PopulationFit, found: Diagnostics, title: str = "") -> Figure:
    """Draw the quartet: observed against predicted (typical, individual), residuals against time and prediction.

    Parameters
    ----------
    fit : PopulationFit
    found : Diagnostics
    title : str
    """
    figure = page(7.6, 6.6)
    names = ", ".join(f"{name} {value:.0f} %" for name, value in found.eta_shrinkage.items())
    heading(figure, title, f"Dashed: equal, or 0 and ±1.96. Line: running median. Shrinkage: η {names}; "
                           f"ε {found.eps_shrinkage:.0f} %.")  # fmt: skip
    axes = figure.subplots(2, 2)
    figure.subplots_adjust(left=0.09, right=0.98, top=0.9, bottom=0.125, wspace=0.27, hspace=0.33)
    unit = pretty(fit.data.table.concentration_unit)
    for ax, x, name in ((axes[0, 0], found.pred, "typical prediction, PRED"),
                        (axes[0, 1], found.ipred, "individual prediction, IPRED")):  # fmt: skip
        _against(ax, x, found.observed)
        ax.set_xlabel(f"{name} ({unit})")
        ax.set_ylabel(f"observed, DV ({unit})")
    for ax, x, label in ((axes[1, 0], found.t_h, "time (h)"),
                         (axes[1, 1], found.pred, f"typical prediction, PRED ({unit})")):  # fmt: skip
        _residuals(ax, x, found.cwres)
        ax.set_xlabel(label)
        ax.set_ylabel("CWRES")
    return figure


def _against(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    top = 1.05 * float(max(x.max(), y.max()))
    ax.plot([0, top], [0, top], color=GREY, linestyle=(0, (4, 2)), linewidth=0.9, zorder=1)
    ax.plot(x, y, "o", color=BLUE, markersize=3.2, markeredgewidth=0, alpha=0.65, zorder=2)
    line = _running_median(x, y)
    if line is not None:
        ax.plot(*line, color=VERMILLION, linewidth=1.5, zorder=3)
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)


def _residuals(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    reach = max(4.0, 1.08 * float(np.abs(y).max()))
    for level, width in ((0.0, 1.0), (1.96, 0.8), (-1.96, 0.8)):
        ax.axhline(level, color=GREY if level == 0 else LIGHT, linestyle=(0, (4, 2)), linewidth=width, zorder=1)
    ax.plot(x, y, "o", color=BLUE, markersize=3.2, markeredgewidth=0, alpha=0.65, zorder=2)
    line = _running_median(x, y)
    if line is not None:
        ax.plot(*line, color=VERMILLION, linewidth=1.5, zorder=3)
    ax.set_ylim(-reach, reach)
    ax.margins(x=0.03)


def _running_median(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return medians of about equal groups in order of x."""
    groups = min(8, x.size // 8)
    if groups < 3:
        return None
    parts = np.array_split(np.argsort(x, kind="stable"), groups)
    return np.array([np.median(x[p]) for p in parts]), np.array([np.median(y[p]) for p in parts])


@styled
def individuals_figure(fit: PopulationFit, title: str = "") -> Figure:
    """Draw data, individual and typical curve of every subject (of an even selection where there are many)."""
    from ..inference.population_diagnostics import curve

    people = fit.data.table.subjects
    chosen = np.unique(np.linspace(0, len(people) - 1, min(MOST_SUBJECTS, len(people))).round().astype(int))
    columns = min(5, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    figure = page(1.75 * columns + 0.9, 1.45 * rows + 1.25)
    some = "" if len(chosen) == len(people) else f" {len(chosen)} of {len(people)} subjects."
    heading(figure, title, f"Line: individual; dashed: typical person with the same covariates and doses.{some}")
    width, height = figure.get_size_inches()
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(left=0.75 / width, right=1 - 0.15 / width, top=1 - 0.62 / height, bottom=0.78 / height,
                           wspace=0.34, hspace=0.55)  # fmt: skip
    for ax, k in zip(axes.flat, chosen, strict=False):
        s = people[k]
        begin = min(s.t_h.min(), s.doses[0].t_h)
        end = float(s.t_h.max())
        near = np.array([d.t_h for d in s.doses if begin <= d.t_h <= end])
        t = np.unique(np.concatenate([np.linspace(begin, end, 160), s.t_h, near, near - 1e-6 * (end - begin)]))
        t = t[t >= begin]
        ax.plot(t, curve(fit, k, t, typical=True), color=GREY, linestyle=(0, (3, 1.6)), linewidth=0.9)
        ax.plot(t, curve(fit, k, t), color=BLUE, linewidth=1.2)
        ax.plot(s.t_h, s.concentration, "o", color=BLACK, markersize=3, markeredgewidth=0)
        ax.set_title(s.id, pad=2.0, fontsize=SMALL)
        ax.set_ylim(0, 1.1 * max(float(s.concentration.max()), ax.get_ylim()[1] / 1.05))
        ax.tick_params(labelsize=SMALL - 1)
        ax.locator_params(axis="x", nbins=3)
        ax.locator_params(axis="y", nbins=3)
    for ax in list(axes.flat)[len(chosen) :]:
        ax.set_visible(False)
    figure.text(0.5, 0.42 / height, "time (h)", ha="center", fontsize=SMALL)
    unit = pretty(fit.data.table.concentration_unit)
    figure.text(0.18 / width, 0.5, f"concentration ({unit})", va="center", rotation=90, fontsize=SMALL)
    return figure
