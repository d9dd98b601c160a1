"""What an exposure does in a person, over time: occupancy of a target, and lapses of attention over days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, DASHES, FAINT, GREY, LIGHT, SERIES, SMALL, heading, page, styled, wrapped
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..preparations.effect_course import EffectCourse
    from ..preparations.onset import OnsetWindow
    from ..preparations.subject_alertness import AlertnessCourse

#: The dark hours of the clock, drawn as a shade.
NIGHT = (23.0, 31.0)


@styled
def occupancy_figure(
    courses: Mapping[str, EffectCourse],
    title: str = "",
    *,
    doses_h: Sequence[float] = (),
    marks: Mapping[str, OnsetWindow] | None = None,
    level: float | None = 0.5,
) -> Figure:
    """Draw occupancy over time.

    Parameters
    ----------
    courses : mapping of label -> EffectCourse
        Known ones are lines (median of people), with what constants or people leave open as a band; the others are
        named with the reason.
    title : str
    doses_h : sequence of float
        Times of doses.
    marks : mapping of label -> OnsetWindow, optional
        Onset (open circle) and window (bar) of a course.
    level : float or None
        A line to compare with, e.g. half.

    Returns
    -------
    Figure
    """
    known = {k: c for k, c in courses.items() if c.unknown is None}
    if not known:
        return _nothing(title, courses)
    missing = [f"{k}: unknown ({c.unknown})" for k, c in courses.items() if c.unknown is not None]
    width, height = 7.2, 4.55 + 0.18 * len(missing)
    figure = page(width, height)
    heading(figure, title, "\n".join(wrapped(m, width - 0.7, SMALL) for m in missing))
    ax = _place(figure, 0.75, 0.85 + 0.18 * len(missing), width - 1.15, 2.85)
    top = 0.0
    for i, (label, course) in enumerate(known.items()):
        look = i % len(SERIES)
        found = (marks or {}).get(label)
        if found is not None and found.onset.known:
            label += f" (onset {60 * found.onset.value:.0f} min, window {found.window.value:.1f} h)"
        top = max(top, _share(ax, course, label, SERIES[look], DASHES[look]))
        if found is not None:
            _onset(ax, course, found, SERIES[look])
    if level is not None:
        ax.axhline(100 * level, color=LIGHT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    ax.set_ylim(0.0, min(100.0, 1.15 * max(top, 100 * (level or 0.0) if top > 50 * (level or 0.0) else top, 1e-6)))
    ax.set_ylabel("occupied (%)")
    times = [c.t_h for c in known.values()]
    _clock(ax, min(float(t[0]) for t in times), max(float(t[-1]) for t in times))
    _doses(ax, doses_h)
    # above the axes: a line may run anywhere inside
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=1 if len(known) < 3 else 2, borderaxespad=0.2)
    return figure


def _nothing(title: str, courses: Mapping[str, EffectCourse]) -> Figure:
    """Return a page that says why there is nothing to draw: no axes, no empty curve."""
    figure = page(7.2, 1.1 + 0.4 * len(courses))
    heading(figure, title)
    for i, (label, course) in enumerate(courses.items()):
        place = 1 - (0.65 + 0.4 * i) / figure.get_figheight()
        figure.text(0.35 / 7.2, place, wrapped(f"{label}: unknown. {course.unknown}", 6.5), va="top")
    return figure


def _share(ax: Axes, course: EffectCourse, label: str, colour: str, dash: Any) -> float:
    values, t = 100.0 * course.known(), course.t_h
    low, high = course.low, course.high
    if len(values) > 1:
        low, high = np.quantile(values, [0.05, 0.95], axis=0) / 100.0
    elif low is not None and high is not None:
        low, high = low[0], high[0]
    if low is not None and high is not None:
        ax.fill_between(t, 100.0 * low, 100.0 * high, color=colour, alpha=0.15, linewidth=0)
    if course.one_sided is not None:
        label += f" ({course.one_sided.split(':')[0].removeprefix('a ').removeprefix('an ')})"
    ax.plot(t, np.median(values, axis=0), color=colour, linestyle=dash, label=label, linewidth=1.5)
    return float(np.nanmax(values if high is None else np.maximum(values, 100.0 * high)))


def _onset(ax: Axes, course: EffectCourse, found: OnsetWindow, colour: str) -> None:
    if not found.onset.known:
        return
    typical = 100.0 * course.typical()
    at = found.from_h + found.onset.value
    ax.plot([at], [np.interp(at, course.t_h, typical)], "o", color=colour, markerfacecolor="white", markersize=5)
    half = 0.5 * np.nanmax(typical)
    ax.plot(course.t_h, np.where(typical > half, half, np.nan), color=colour, linewidth=1.0, alpha=0.8)


@styled
def alertness_figure(
    courses: Mapping[str, AlertnessCourse],
    title: str = "",
    *,
    doses_h: Sequence[float] = (),
    sleeps_h: Sequence[tuple[float, float]] = (),
    note: str = "",
) -> Figure:
    """Draw lapses of attention without and with caffeine, and what caffeine takes away.

    Parameters
    ----------
    courses : mapping of label -> AlertnessCourse
        Same times and schedule; the lapses without caffeine are drawn once, in black.
    title, note : str
    doses_h : sequence of float
    sleeps_h : sequence of (from, to)

    Returns
    -------
    Figure
    """
    width, height = 7.2, 5.6
    figure = page(width, height)
    heading(figure, title, wrapped(note, width - 0.7, SMALL))
    upper = _place(figure, 0.75, 2.75, width - 1.15, 2.05)
    lower = _place(figure, 0.75, 0.95, width - 1.15, 1.3)
    first = next(iter(courses.values()))
    upper.plot(first.t_h, first.free.known()[0], color=BLACK, label="without caffeine", linewidth=1.5)
    for i, (label, course) in enumerate(courses.items()):
        look = 1 + i % (len(SERIES) - 1)
        if course.lapses.unknown is not None:
            upper.plot([], [], color=SERIES[look], linestyle=DASHES[look], label=f"{label}: unknown")
            continue
        for ax, effect in ((upper, course.lapses), (lower, course.benefit)):
            values = effect.known()
            if len(values) > 1:
                # NaN for everybody while asleep
                low, high = np.quantile(values, [0.05, 0.95], axis=0)
                ax.fill_between(course.t_h, low, high, color=SERIES[look], alpha=0.15, linewidth=0)
            ax.plot(course.t_h, np.median(values, axis=0), color=SERIES[look], linestyle=DASHES[look], label=label)
    for ax in (upper, lower):
        _nights(ax, float(first.t_h[0]), float(first.t_h[-1]))
        for a, b in sleeps_h:
            ax.axvspan(a, b, color=LIGHT, alpha=0.7, linewidth=0, zorder=0)
            ax.text((a + b) / 2, 0.5, "asleep", transform=ax.get_xaxis_transform(), ha="center", va="center",
                    fontsize=SMALL, color=GREY, rotation=90)  # fmt: skip
        _clock(ax, float(first.t_h[0]), float(first.t_h[-1]))
        ax.set_ylim(bottom=0.0)
    upper.set_xlabel("")
    upper.set_ylabel("lapses in 10 min")
    lower.set_ylabel("fewer lapses")
    upper.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=min(3, len(courses) + 1), borderaxespad=0.1)
    _doses(lower, doses_h)
    return figure


def _nights(ax: Axes, begin: float, end: float) -> None:
    for day in range(-1, int(end // 24) + 1):
        a, b = (x + 24.0 * day for x in NIGHT)
        if b > begin and a < end:
            ax.axvspan(max(a, begin), min(b, end), color=FAINT, linewidth=0, zorder=0)


def _clock(ax: Axes, begin: float, end: float) -> None:
    """Set a time axis in clock hours, with the day where there are several."""
    span = end - begin
    step = next(s for s in (1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 168.0, 1e9) if span / s <= 10.0)
    ticks = np.arange(np.ceil(begin / step) * step, end + 1e-9, step)
    several = end > 24.0 or step >= 24.0
    ax.set_xticks(ticks, [_label(h, several, step) for h in ticks])
    ax.set_xlim(begin, end)
    ax.set_xlabel("time of day" if step < 24.0 else "day")


def _label(hour: float, several: bool, step: float) -> str:
    day, clock = int(hour // 24) + 1, hour % 24
    if step >= 24.0:
        return f"{day}"
    text = f"{int(clock):02d}:{round(60 * (clock % 1)):02d}"
    return f"{text}\nday {day}" if several and (clock < step or hour < step) else text


def _doses(ax: Axes, doses_h: Sequence[float]) -> None:
    """Mark doses at the upper edge, where no line and no label runs."""
    ax.plot(
        list(doses_h), [1.0] * len(doses_h), "v", transform=ax.get_xaxis_transform(), color=GREY, markersize=5,
        clip_on=False, zorder=4,
    )  # fmt: skip
