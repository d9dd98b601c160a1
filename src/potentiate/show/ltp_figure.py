"""The classic LTP plot: field EPSP per minute over slices, arrow, drug bar, baseline, last minutes, traces 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..protocols.timetable import WashIn
from ..units import show_concentration
from .style import (
    BLACK,
    DASHES,
    FAINT,
    GREY,
    LIGHT,
    MARKERS,
    ORANGE,
    SERIES,
    SMALL,
    heading,
    page,
    pretty,
    styled,
    wrapped,
)
from .traces import _place, _scale_bars, _thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..preparations.slice_study import SliceStudy
    from ..preparations.slice_windows import Windows

_WIDTH, _HEIGHT, _SIDE = 9.4, 5.0, 2.35
_LEFT, _BOTTOM, _TOP = 0.8, 0.95, 0.72
#: Height of one row of bars above the data, in parts of the range of the data.
_ROW = 0.085


@styled
def ltp_figure(studies: Mapping[str, SliceStudy], title: str = "") -> Figure:
    """Draw slice experiments side by side.

    Parameters
    ----------
    studies : mapping of label -> SliceStudy
        The same times; control first. Bars, arrows and windows are those of the last one.
    title : str

    Returns
    -------
    Figure
        Slope in per cent of the drug-free baseline, 1-min means +/- SEM over slices; on the right the mean sweeps of
        the minutes before the induction (1) and of the last ones (2).
    """
    last = list(studies.values())[-1]
    figure = page(_WIDTH, _HEIGHT)
    heading(figure, pretty(title), wrapped(_foot(studies), _WIDTH - 0.4, SMALL))
    ax = _place(figure, _LEFT, _BOTTOM, _WIDTH - _LEFT - _SIDE, _HEIGHT - _BOTTOM - _TOP)
    shown = False
    for k, (label, study) in enumerate(studies.items()):
        shown |= _points(ax, study, k, label)
    if not shown:
        ax.text(0.5, 0.5, "no slice shows a response", transform=ax.transAxes, ha="center", color=GREY)
        ax.set_ylim(0, 200)
    _ground(ax, last)
    ax.set_xlabel("time (min)")
    ax.set_ylabel("fEPSP slope (% of drug-free baseline)")
    if shown:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, borderaxespad=0.2)
    if last.windows.before_induction is not None and last.windows.last is not None:
        each = min(1.75, (_HEIGHT - _BOTTOM - 0.75) / len(studies))
        for k, (label, study) in enumerate(studies.items()):
            y = _HEIGHT - 0.75 - (k + 1) * each
            inset = _place(figure, _WIDTH - _SIDE + 0.3, y, _SIDE - 0.45, each - 0.22)
            _traces(inset, study, label, k, last.windows)
    return figure


def _foot(studies: Mapping[str, SliceStudy]) -> str:
    parts = []
    study = list(studies.values())[-1]
    counts = {label: len(s.experiment.done) for label, s in studies.items()}
    n = set(counts.values())
    parts.append(f"n = {n.pop()}" if len(n) == 1 else ", ".join(f"{k}: n = {v}" for k, v in counts.items()))
    parts[0] += " slices, 1-min means ± SEM over slices" if max(counts.values()) > 1 else " slice, 1-min means"
    a, b = study.windows.baseline
    parts.append(f"grey ground: drug-free baseline {a:.4g}\u2013{b:.4g} min")
    if study.windows.last is not None:
        c, d = study.windows.last
        parts.append(f"orange: {c:.4g}\u2013{d:.4g} min")
        for label, each in studies.items():
            ltp = each.average("ltp")
            if ltp.n:
                sem = f" ± {ltp.sem:.1f}" if ltp.n > 1 else ""
                parts.append(f"{label}: {ltp.observable.value:.1f}{sem} % of the minutes before the induction")
    if study.experiment.timetable.inductions:
        parts.append("arrow: " + ", ".join(b.stimulation.name for b in study.experiment.timetable.inductions))
    return pretty("; ".join(parts))


def _points(ax: Axes, study: SliceStudy, k: int, label: str) -> bool:
    colour, marker = SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)]
    t, mean, sem = study.course()
    fill = colour if k == 0 else "white"
    if t.size:
        # rows that agree would hide each other
        ax.errorbar(t + 0.3 * k, mean, np.nan_to_num(sem), fmt=marker, color=colour, markersize=3.4, elinewidth=0.8,
                    markerfacecolor=fill, linestyle="none", label=pretty(label), zorder=3)  # fmt: skip
    if len(study.experiment.timetable.pathways) > 1:
        u, other, error = study.course(1)
        if u.size:
            ax.errorbar(u + 0.3 * k, other, np.nan_to_num(error), fmt="^", color=LIGHT if k == 0 else colour,
                        alpha=0.7, markersize=2.6, elinewidth=0.6, linestyle="none", markerfacecolor="none",
                        label=pretty(f"{label}, other pathway"), zorder=2)  # fmt: skip
    return bool(t.size)


def _ground(ax: Axes, study: SliceStudy) -> None:
    """Draw windows, bars of the bath, arrows and 100 %."""
    table, windows = study.experiment.timetable, study.windows
    low, high = ax.get_ylim()
    low, high = (0.0 if low < 60 else low - 5.0), max(high, 120.0)
    span = high - low
    rows = len(table.compounds) + bool(table.inductions)
    ax.set_ylim(low, high + (0.04 + _ROW * 1.5 * rows) * span)
    ax.set_xlim(0.0, table.end_min)
    ax.axhline(100.0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.axvspan(*windows.baseline, color=FAINT, linewidth=0, zorder=0)
    if windows.last is not None:
        ax.axvspan(*windows.last, color=ORANGE, alpha=0.18, linewidth=0, zorder=0)
    y = high + 0.03 * span
    for bout in table.inductions:
        ax.annotate("", (bout.at_min, y), (bout.at_min, y + _ROW * 1.3 * span),
                    arrowprops={"arrowstyle": "-|>", "color": BLACK, "linewidth": 1.3, "shrinkA": 0,
                                "shrinkB": 0})  # fmt: skip
        if bout.until_min - bout.at_min > 1.0:
            ax.plot([bout.at_min, bout.until_min], [y, y], color=BLACK, linewidth=1.2)
    y += _ROW * 1.5 * span if table.inductions else 0.0
    for compound in table.compounds:
        steps = [*table.inflow_steps(compound), (table.end_min, 0.0)]
        top = max(e.concentration_uM for e in table.events if isinstance(e, WashIn) and e.compound == compound)
        for i, ((start, level), (stop, _)) in enumerate(pairwise(steps)):
            if level > 0:
                ax.plot([start, stop], [y, y], color=BLACK, linewidth=4.0, zorder=3)
                if i == 0:
                    ax.text(start, y + 0.02 * span, pretty(f"{compound} {show_concentration(top)}"), fontsize=SMALL,
                            va="bottom")  # fmt: skip
        y += _ROW * 1.5 * span
    for number, window in (("1", windows.before_induction), ("2", windows.last)):
        if window is not None and windows.last is not None:
            ax.text(window[1] - 0.4, low + 0.015 * span, number, fontsize=SMALL, fontweight="bold", ha="right",
                    va="bottom")  # fmt: skip


def _traces(ax: Axes, study: SliceStudy, label: str, k: int, windows: Windows) -> None:
    """Draw mean sweeps 1 (thin, black) and 2 (in the colour of the row)."""
    colour = SERIES[k % len(SERIES)]
    assert windows.before_induction is not None and windows.last is not None
    sweeps = [study.trace(span) for span in (windows.before_induction, windows.last)]
    t = sweeps[0][0]
    seen = (t >= 5.0) & (t <= 50.0)
    (_, one), (_, two) = sweeps
    ax.plot(*_thin(t[seen], one[seen]), color=GREY if k == 0 else BLACK, linewidth=0.9, linestyle=DASHES[1], label="1")
    ax.plot(*_thin(t[seen], two[seen]), color=colour, linewidth=1.4, label="2")
    low, high = min(one[seen].min(), two[seen].min()), max(one[seen].max(), two[seen].max())
    span = float(high - low) or 1.0
    _scale_bars(ax, 36.0, float(low) - 0.1 * span, span, 45.0, "mV")
    ax.set_ylim(low - 0.18 * span, high + 0.1 * span)
    ax.set_axis_off()
    ax.set_title(pretty(f"{label}: 1 dashed, 2"), fontsize=SMALL)
