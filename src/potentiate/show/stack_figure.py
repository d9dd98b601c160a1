"""The timeline of a stack: a row per part with its course and band, the effects computed, and who meets whom."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from .style import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    heading,
    page,
    pretty,
    styled,
)
from .system_matrix import draw_matrix, matrix_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..evidence.stack_parts import StackPart
    from ..evidence.stack_review import StackReview
    from ..evidence.stack_timeline import EffectBand, PartCourse
    from ..exposure.interaction import Interaction

_WIDTH, _LEFT, _RIGHT, _TOP, _AXIS, _FOOT = 9.6, 2.55, 1.75, 0.85, 0.35, 0.6
_ROW, _EFFECT, _GAP = 0.56, 1.0, 0.14
_COLOURS = (BLUE, GREEN, ORANGE, PURPLE, SKY, BLACK)
_GRADES = {"A": VERMILLION, "B": ORANGE, "C": GREY}
#: Connectors that fit beside the rows.
MOST_CONNECTORS = 6


@styled
def stack_figure(review: StackReview, title: str = "") -> Figure:
    """Draw the timeline of a stack.

    Parameters
    ----------
    review : StackReview
    title : str

    Returns
    -------
    Figure
        Relative course of every part that can be followed, the reason for every other; occupancy of targets with onset
        and window; interactions between parts as connectors with their grade; the matrix of parts by system.
    """
    parts, effects = review.timeline.courses, [e for e in review.timeline.effects if e.unknown is None]
    courses = _TOP + len(parts) * (_ROW + _GAP) + len(effects) * (_EFFECT + _GAP) + _AXIS
    height = courses + matrix_height(review) + _FOOT
    figure = page(_WIDTH, height)
    heading(figure, title or review.asked.name)
    spans = " and ".join(filter(None, ["what is not known", "people" if review.people.n > 1 else ""]))
    line = (
        "typical person" if review.people.n == 1 else f"median of {review.people.n} people (seed {review.people.seed})"
    )
    key = f"line: {line}; band: {spans}; each course on its own scale; triangles: doses"
    figure.text(0.35 / _WIDTH, 1 - 0.42 / height, key, fontsize=SMALL, color=GREY, va="top")
    hours = review.timeline.t_h - review.timeline.start_h
    y = height - _TOP
    centres: dict[str, float] = {}
    axes: list[Axes] = []
    for k, (course, part) in enumerate(zip(parts, review.parts, strict=True)):
        ax = _axes(figure, height, y - _ROW, _ROW)
        axes.append(ax)
        colour = _COLOURS[k % len(_COLOURS)]
        _part(ax, hours, course, colour)
        for dose in part.doses:
            at = dose.time_h - review.timeline.start_h
            if at <= hours[-1]:
                ax.plot([at], [-0.08], marker="^", color=colour, markersize=5, clip_on=False, zorder=5)
        figure.text(
            0.35 / _WIDTH, (y - _ROW / 2) / height, _label(part, course), fontsize=SMALL, va="center", linespacing=1.35
        )
        centres[course.compound] = y - _ROW / 2
        y -= _ROW + _GAP
    _connect(figure, height, review, centres)
    for effect in effects:
        ax = _axes(figure, height, y - _EFFECT, _EFFECT)
        axes.append(ax)
        _effect(ax, hours, effect, review.timeline.start_h)
        name = "\n".join([*textwrap.wrap(str(effect.document.target), 26), f"by {', '.join(effect.parts)}"])
        figure.text(0.35 / _WIDTH, (y - _EFFECT / 2) / height, name, fontsize=SMALL, va="center", linespacing=1.35)
        y -= _EFFECT + _GAP
    for ax in axes:
        ax.set_xlim(0.0, float(hours[-1]))
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[-1].set_xlabel("time after the first dose (h)")
    draw_matrix(figure, review, courses, _LEFT, _RIGHT)
    figure.text(0.35 / _WIDTH, 0.12 / height, _foot(review), fontsize=SMALL, color=GREY, va="bottom")
    return figure


def _axes(figure: Figure, height: float, bottom: float, tall: float) -> Axes:
    wide = _WIDTH - _LEFT - _RIGHT
    return figure.add_axes((_LEFT / _WIDTH, bottom / height, wide / _WIDTH, tall / height))


def _label(part: StackPart, course: PartCourse) -> str:
    lines = [part.compound.name, part.show_dose() if part.doses else "dose unknown"]
    if course.unknown is None:
        lines.append(f"peak {course.peak:.3g} µM" if course.unit == "uM" else "shape only")
    return "\n".join(lines)


def _part(ax: Axes, hours: np.ndarray, course: PartCourse, colour: str) -> None:
    ax.set_ylim(0.0, 1.12)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if course.unknown is not None or course.middle is None or course.low is None or course.high is None:
        ax.set_facecolor("none")
        ax.spines["bottom"].set_color(LIGHT)
        text = "\n".join(textwrap.wrap(f"unknown, no curve: {course.unknown}", 82)[:3])
        ax.text(0.01, 0.5, text, transform=ax.transAxes, fontsize=SMALL, color=GREY, va="center", style="italic")
        return
    top = float(course.high.max()) or 1.0
    ax.fill_between(hours, course.low / top, course.high / top, color=colour, alpha=0.22, linewidth=0)
    ax.plot(hours, course.middle / top, color=colour)


def _effect(ax: Axes, hours: np.ndarray, effect: EffectBand, start_h: float) -> None:
    assert effect.low is not None
    assert effect.middle is not None
    assert effect.high is not None
    top = 100.0 * float(effect.high.max()) or 1.0
    ax.fill_between(hours, 100 * effect.low, 100 * effect.high, color=VERMILLION, alpha=0.18, linewidth=0)
    if effect.one_sided is None:
        ax.plot(hours, 100 * effect.middle, color=VERMILLION)
    ax.set_ylabel("% held")
    ax.set_ylim(0.0, 1.35 * top)
    if effect.one_sided is not None:
        text = "\n".join(textwrap.wrap(effect.one_sided, 80))
        ax.text(0.995, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=SMALL, color=GREY)
        return
    onsets = [w.onset.value for _, w in effect.timing if w.onset.ok]
    spans = [w.window.value for _, w in effect.timing if w.window.ok]
    if onsets:
        taken_h = effect.timing[0][1].from_h - start_h
        ax.axvspan(taken_h + min(onsets), taken_h + max(max(onsets), min(onsets) + 0.02), color=FAINT, zorder=0)
        first = f"onset {_span([60 * h for h in onsets], '.0f')} min"
        last = f"above half of its top for {_span(spans, '.1f')} h" if spans else "still above half at the end"
        text = f"{first}, {last}"
        ax.text(0.995, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=SMALL, color=GREY)
    half = 0.5 * 100 * float(effect.middle.max())
    lasting = np.where(100 * effect.middle >= half, half, np.nan)
    ax.plot(hours, lasting, color=BLACK, linewidth=1.0, linestyle=(0, (4, 2)))


def _span(values: list[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"


def _connect(figure: Figure, height: float, review: StackReview, centres: dict[str, float]) -> None:
    """Draw a bracket with its grade beside the rows for every interaction of two or more parts."""
    from matplotlib.lines import Line2D

    shown = [(i, [centres[m] for m in i.members if m in centres]) for i in review.interactions]
    shown = [(i, rows) for i, rows in shown if len(rows) >= 2][:MOST_CONNECTORS]
    for k, (interaction, rows) in enumerate(shown):
        x = _WIDTH - _RIGHT + 0.2 + 0.3 * k
        colour = _GRADES[interaction.worst or interaction.grade]
        low, high = min(rows), max(rows)
        path = [(x - 0.08, high), (x, high), (x, low), (x - 0.08, low)]
        figure.add_artist(
            Line2D([p[0] / _WIDTH for p in path], [p[1] / height for p in path], color=colour, linewidth=1.4)
        )
        figure.text(
            (x + 0.04) / _WIDTH,
            (low + high) / 2 / height,
            _grade(interaction),
            fontsize=SMALL,
            color=colour,
            va="center",
            fontweight="bold",
        )


def _grade(interaction: Interaction) -> str:
    return f"{interaction.grade}/{interaction.worst}" if interaction.worst else interaction.grade


def _foot(review: StackReview) -> str:
    met = [f"{_grade(i)}: {i.title}" for i in review.interactions if len(i.members) >= 2][:MOST_CONNECTORS]
    text = "interactions  " + ("; ".join(met) if met else "none on record between the parts")
    return pretty("\n".join(textwrap.wrap(text, 128)[:3]))
