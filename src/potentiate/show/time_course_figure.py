"""The time plot of a plasticity or drug experiment: per cent of baseline per minute, with its windows marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, BLUE, FAINT, GREY, LIGHT, MARKERS, ORANGE, SERIES, SMALL, heading, page, pretty, styled
from .traces import _place, _scale_bars, _thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.time_course import TimeCourse

#: Single recordings are drawn behind their mean when there are more than these.
MOST_SINGLE = 3

# Time and the mean traces of baseline and last minutes, ms and the unit of the trace.
Inset = tuple[Any, Any, Any, str]


@styled
def time_course_figure(
    courses: Sequence[TimeCourse], names: Sequence[str] = (), title: str = "", *, what: str = "response",
    inset: Inset | None = None, drug: str = "drug", induction: str = "induction",
) -> Figure:  # fmt: skip
    """Draw time courses.

    Parameters
    ----------
    courses : sequence of TimeCourse
        One to three are drawn each with symbols +/- SEM of its sweeps; more as thin lines behind the mean +/- SEM of
        the recordings. Windows, arrow and drug bar are those of the first.
    names : sequence of str
    title : str
    what : str
        What was followed, e.g. ``fEPSP slope``.
    inset : (t_ms, before, after, unit), optional
        Mean traces of baseline and last minutes, drawn on the right.
    drug, induction : str
        Words beside the bar and the arrow.

    Returns
    -------
    Figure
    """
    first = courses[0]
    width, height = (8.8, 4.3) if inset is not None else (7.4, 4.3)
    figure = page(width, height)
    heading(figure, title, _foot(courses))
    ax = _place(figure, 0.85, 0.85, width - (2.75 if inset is not None else 1.15), height - 1.45)
    many = len(courses) > MOST_SINGLE
    if many:
        _group(ax, courses)
    else:
        for k, course in enumerate(courses):
            _points(ax, course, k, names[k] if k < len(names) and len(courses) > 1 else "")
    changes = [course.change.value for course in courses if course.change.known] if many else [first.change.value]
    _ground(ax, first, float(np.mean(changes)) if changes else float("nan"), drug, induction)
    if inset is not None:
        for text, span in (("1", first.baseline_min), ("2", first.window_min)):
            # beside the end of each window: there the two traces come from
            ax.text(span[1] - 0.02 * (span[1] - span[0]), ax.get_ylim()[0], text, fontsize=SMALL, fontweight="bold",
                    ha="right", va="bottom")  # fmt: skip
    ax.set_xlabel("time (min)")
    ax.set_ylabel(f"{pretty(what)} (% of baseline)")
    if not many and len(courses) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(0.0, 1.12), ncols=len(courses))
    if inset is not None:
        _traces(figure, inset, width, height)
    return figure


def _foot(courses: Sequence[TimeCourse]) -> str:
    first = courses[0]
    a, b = first.baseline_min
    c, d = first.window_min
    if len(courses) > MOST_SINGLE:
        points = f"n = {len(courses)} recordings (grey lines), their mean ± SEM"
    else:
        bins = first.percent_bins
        points = f"mean ± SEM of the sweeps of {bins.stop_min[0] - bins.start_min[0]:g} min"
    return f"{points}; grey ground: baseline {a:.3g}–{b:.3g} min; orange: result {c:.3g}–{d:.3g} min"


def _points(ax: Axes, course: TimeCourse, k: int, name: str) -> None:
    bins = course.percent_bins
    colour, marker = SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)]
    ax.errorbar(bins.centre_min, bins.mean, np.nan_to_num(bins.sem), fmt=marker, color=colour, markersize=3.6,
                markerfacecolor=colour if k == 0 else "white", elinewidth=0.8, linestyle="none", label=name or None,
                zorder=3)  # fmt: skip


def _group(ax: Axes, courses: Sequence[TimeCourse]) -> None:
    count = max(course.percent_bins.mean.size for course in courses)
    table = np.full((len(courses), count), np.nan)
    for row, course in zip(table, courses, strict=True):
        bins = course.percent_bins
        row[: bins.mean.size] = bins.mean
        ax.plot(bins.centre_min, bins.mean, color=LIGHT, linewidth=0.6, zorder=1.5)
    longest = max(courses, key=lambda course: course.percent_bins.mean.size).percent_bins
    n = np.isfinite(table).sum(axis=0)
    some = n > 1
    mean = np.nanmean(table[:, some], axis=0)
    sem = np.nanstd(table[:, some], axis=0, ddof=1) / np.sqrt(n[some])
    ax.errorbar(longest.centre_min[some], mean, sem, fmt="o", color=BLACK, markersize=3.8, elinewidth=0.9,
                linestyle="none", zorder=3)  # fmt: skip


def _ground(ax: Axes, course: TimeCourse, value: float, drug: str, induction: str) -> None:
    """Draw baseline, windows, 100 %, drug bar and arrow."""
    low, high = ax.get_ylim()
    low, high = min(low, 0.0) if low < 25 else low - 0.06 * (high - low), max(high, 110.0)
    span = high - low
    top = high + 0.20 * span
    ax.set_ylim(low, top)
    ax.axhline(100.0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.axvspan(*course.baseline_min, color=FAINT, linewidth=0, zorder=0)
    ax.axvspan(*course.window_min, color=ORANGE, alpha=0.18, linewidth=0, zorder=0)
    if np.isfinite(value):
        ax.plot(course.window_min, [value] * 2, color=ORANGE, linewidth=1.8, zorder=3.5)
        ax.text(course.window_min[1], high + 0.03 * span, f"{value:.1f} %", fontsize=SMALL, ha="right", va="bottom")
    if course.drug_min is not None:
        start, end = course.drug_min
        ax.plot([start, end], [high + 0.14 * span] * 2, color=BLACK, linewidth=4.0, zorder=3)
        ax.text(start, high + 0.16 * span, drug, fontsize=SMALL, va="bottom")
    elif course.induction_min is not None:
        at = course.induction_min
        ax.annotate("", (at, high + 0.01 * span), (at, high + 0.14 * span),
                    arrowprops={"arrowstyle": "-|>", "color": BLACK, "linewidth": 1.1})  # fmt: skip
        ax.text(at, high + 0.15 * span, induction, fontsize=SMALL, ha="center", va="bottom")


def _traces(figure: Figure, inset: Inset, width: float, height: float) -> None:
    """Draw the mean traces of baseline (1) and result (2) with scale bars."""
    t, before, after, unit = inset
    ax = _place(figure, width - 1.75, 1.2, 1.6, height - 2.2)
    for y, colour, dash in ((before, BLACK, "solid"), (after, BLUE, (0, (4, 1.2)))):
        ax.plot(*_thin(np.asarray(t, float), np.asarray(y, float)), color=colour, linestyle=dash, linewidth=1.2)
    low = float(min(np.nanmin(before), np.nanmin(after)))
    span = float(max(np.nanmax(before), np.nanmax(after))) - low or 1.0
    long = float(t[-1] - t[0])
    _scale_bars(ax, float(t[0]) + 0.62 * long, low, span, long, unit)
    ax.set_ylim(low - 0.1 * span, low + 1.05 * span)
    ax.set_axis_off()
    ax.set_title("1 baseline (black)\n2 result (blue)")
