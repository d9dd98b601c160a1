"""Estimation plots: every value, the effect with its bootstrap distribution, and what n counts.

Two groups share one axis turned to the effect (Gardner & Altman 1986); several have the effects below (Cumming 2012).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import (
    BLACK,
    FAINT,
    GREY,
    LIGHT,
    MARKERS,
    NORMAL,
    SERIES,
    SMALL,
    heading,
    page,
    pretty,
    styled,
    wrapped,
)
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.estimation import Statistic
    from ..measures.mixed_model import Contrast, MixedModel
    from ..measures.statistics import Comparison, Difference, Group

#: Width of a half violin, in group distances.
VIOLIN = 0.34


@styled
def estimation_figure(comparison: Comparison, title: str = "") -> Figure:
    """Draw a comparison of groups.

    Parameters
    ----------
    comparison : Comparison
    title : str

    Returns
    -------
    Figure
        Points are units of n (cells, animals), lines join pairs; the effect is drawn with its bootstrap distribution
        and 95 % interval. A refused comparison shows the values and the reason.
    """
    two = len(comparison.groups) == 2
    count = len(comparison.groups)
    width = 5.6 if two else max(4.6, 1.7 + 1.15 * count)
    height = 4.4 if two else 6.4
    figure = page(width, height)
    heading(
        figure, title or f"{comparison.quantity} by {comparison.by}", wrapped(_foot(comparison), width - 0.5, SMALL)
    )
    log = comparison.log and all((g.values > 0).all() for g in comparison.groups)
    if two:
        ax = _place(figure, 0.75, 1.25, 2.35, height - 1.8)
        _values(ax, comparison, log)
        _gardner(figure, ax, comparison, log, width, height)
    else:
        low = 2.35
        ax = _place(figure, 0.85, low + 1.05, width - 1.1, height - low - 1.6)
        _values(ax, comparison, log)
        _cumming(_place(figure, 0.85, 0.75, width - 1.1, low - 0.55), comparison)
    return figure


def _foot(comparison: Comparison) -> str:
    some = comparison.differences[0].effect.estimate
    points = "geometric means" if comparison.log else "means"
    what = f"points: one per {comparison.sampling.unit}; bars: {points}"
    if any(d.effect.estimate.interval is not None for d in comparison.differences):
        what += f"; effect: 95 % interval ({some.convention}"
        what += ", too narrow: few values)" if any("too narrow" in note for note in some.notes) else ")"
    return what


def _values(ax: Axes, comparison: Comparison, log: bool) -> None:
    """Draw the values of each group: joined where paired, spread where not."""
    groups = comparison.groups
    colours = [SERIES[k % len(SERIES)] for k in range(len(groups))]
    if log:
        ax.set_yscale("log")
    if comparison.paired:
        _pairs(ax, groups)
    every = np.concatenate([g.values for g in groups])
    for k, group in enumerate(groups):
        x = np.full(group.values.size, float(k))
        if not comparison.paired:
            x = x + _spread(np.log(group.values) if log else group.values, np.log(every) if log else every)
        ax.plot(x, group.values, MARKERS[k % len(MARKERS)], color=colours[k], markersize=4.2, markerfacecolor="none",
                markeredgewidth=0.9, zorder=3)  # fmt: skip
        if group.mean.known:
            ax.plot([k - 0.22, k + 0.22], [group.mean.value] * 2, color=colours[k], linewidth=2.2, zorder=4)
    ax.set_xlim(-0.5, len(groups) - 0.5)
    ax.set_xticks(range(len(groups)), [_named(group, comparison.sampling.unit) for group in groups])
    unit = f" ({pretty(comparison.unit)})" if comparison.unit else ""
    ax.set_ylabel(f"{comparison.quantity}{unit}")
    ax.set_xlabel(comparison.by, color=GREY)
    if log:
        _plain_ticks(ax, *ax.get_ylim())
    else:
        ax.margins(y=0.08)


def _named(group: Group, unit: str) -> str:
    from ..measures.estimation import plural

    return f"{wrapped(group.name, 1.0)}\n{group.values.size} {plural(unit, group.values.size)}"


def _pairs(ax: Axes, groups: Sequence[Group]) -> None:
    """Join the values of each unit through the groups in which it occurs."""
    for key in dict.fromkeys(key for group in groups for key in group.keys):
        at = [(k, g.values[g.keys.index(key)]) for k, g in enumerate(groups) if key in g.keys]
        if len(at) > 1:
            ax.plot(*zip(*at, strict=True), color=LIGHT, linewidth=0.8, zorder=1)


def _spread(values: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Return sideways shifts that keep points apart, nearest to the middle first; the same for the same values."""
    span = float(np.ptp(every)) or 1.0
    near = 0.035 * span
    shift = np.zeros(values.size)
    placed: list[int] = []
    for i in np.argsort(values, kind="stable"):
        taken = [shift[j] for j in placed if abs(values[j] - values[i]) < near]
        for step in range(12):
            candidates = [side * 0.055 * step for side in ((1, -1) if step else (1,))]
            free = [c for c in candidates if all(abs(c - t) > 0.05 for t in taken)]
            if free:
                shift[i] = free[0]
                break
        placed.append(int(i))
    return shift


def _gardner(figure: Figure, ax: Axes, comparison: Comparison, log: bool, width: float, height: float) -> None:
    """Draw the effect beside the values, on an axis that starts at the mean of the reference group."""
    (difference,) = comparison.differences
    estimate = difference.effect.estimate
    if not estimate.known or not comparison.groups[0].mean.known:
        _withheld(figure, estimate, 3.4 / width, 0.62, width - 3.6)
        return
    start = comparison.groups[0].mean.value
    side = _place(figure, 3.45, 1.25, 0.95, height - 1.8)
    side.set_xlim(-0.25, 1)
    side.spines["left"].set_visible(False)
    side.spines["right"].set_visible(True)
    side.yaxis.tick_right()
    side.yaxis.set_label_position("right")
    low, high = ax.get_ylim()
    ends = [estimate.value, *(end for end in estimate.interval or () if end is not None)]
    if log:
        side.set_yscale("log")
        low, high = min(low, 0.97 * start * min(ends)), max(high, 1.03 * start * max(ends))
        ax.set_ylim(low, high)
        side.set_ylim(low / start, high / start)
        _plain_ticks(side, low / start, high / start)
        _plain_ticks(ax, low, high)
    else:
        room = 0.04 * (high - low)
        low, high = min(low, start + min(ends) - room), max(high, start + max(ends) + room)
        ax.set_ylim(low, high)
        side.set_ylim(low - start, high - start)
    neutral = 1.0 if comparison.log else 0.0
    # the reference level runs from the values to the axis of the effect
    ax.plot([0, 1.5], [start] * 2, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0, clip_on=False)
    side.axhline(neutral, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    _effect(side, 0.0, difference, SERIES[1], log)
    side.set_xticks([0.0], [f"{difference.group}\n{'over' if comparison.log else 'minus'} {difference.reference}"])
    side.tick_params(axis="x", length=0)
    name = "ratio of geometric means" if comparison.log else f"mean difference ({pretty(estimate.unit)})"
    if not comparison.log and not estimate.unit:
        name = "mean difference"
    side.set_ylabel(name)
    figure.text(0.35 / width, 0.46 / height, _words(difference), fontsize=SMALL, va="bottom")


def _cumming(ax: Axes, comparison: Comparison) -> None:
    """Draw the effects below the values, one per group."""
    log = comparison.log
    if log:
        ax.set_yscale("log")
    ax.axhline(1.0 if log else 0.0, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    for k, difference in enumerate(comparison.differences, 1):
        if difference.effect.estimate.known:
            _effect(ax, float(k), difference, SERIES[k % len(SERIES)], log)
    ax.set_xlim(-0.5, len(comparison.groups) - 0.5)
    labels = ["reference", *(_short(d) for d in comparison.differences)]
    ax.set_xticks(range(len(comparison.groups)), labels)
    ax.tick_params(axis="x", length=0)
    if all(not d.effect.estimate.known for d in comparison.differences):
        reason = comparison.differences[0].effect.estimate.reason or ""
        ax.set_yticks([])
        ax.text(0.5, 0.55, wrapped(f"no effect shown: {reason}", 4.0), transform=ax.transAxes, ha="center", va="center",
                fontsize=SMALL, color=GREY)  # fmt: skip
    elif log:
        _plain_ticks(ax, *ax.get_ylim())
    some = next((d.effect.estimate for d in comparison.differences if d.effect.estimate.known), None)
    unit = f" ({pretty(some.unit)})" if some is not None and some.unit else ""
    ax.set_ylabel(("ratio" if log else f"difference{unit}") + "\nto " + comparison.groups[0].name)


def _effect(ax: Axes, x: float, difference: Difference, colour: str, log: bool) -> None:
    """Draw an estimate, its interval, and the bootstrap distribution as a half violin on its right."""
    estimate, drawn = difference.effect.estimate, difference.effect.resampled
    if drawn.size and np.ptp(drawn) > 0:
        values = np.log(drawn) if log else drawn
        low, high = np.quantile(values, (0.001, 0.999))
        edges = np.linspace(low, high, 41)
        density, _ = np.histogram(values, bins=edges)
        # a short moving mean: the picture of the resamples, not another estimate
        density = np.convolve(density, np.ones(5) / 5, mode="same")
        middle = (edges[1:] + edges[:-1]) / 2
        y = np.exp(middle) if log else middle
        ax.fill_betweenx(
            y, x, x + VIOLIN * density / density.max(), color=FAINT, edgecolor=LIGHT, linewidth=0.6, zorder=1
        )
    if estimate.interval is not None and None not in estimate.interval:
        ax.plot(
            [x, x], [float(end) for end in estimate.interval if end is not None], color=colour, linewidth=1.8, zorder=3
        )
    ax.plot([x], [estimate.value], "o", color=colour, markersize=6, zorder=4)


def _plain_ticks(ax: Axes, low: float, high: float) -> None:
    """Label a logarithmic axis with ordinary numbers at 1, 2 and 5."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [m * 10.0**d for d in decades for m in (1, 2, 5) if low <= m * 10.0**d <= high]
    if len(ticks) < 3:
        ticks = [
            m * 10.0**d for d in decades for m in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if low <= m * 10.0**d <= high
        ]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _words(difference: Difference) -> str:
    """Return the effect in words: estimate, interval, test, n with its unit."""
    estimate, test = difference.effect.estimate, difference.test
    unit = f" {pretty(estimate.unit)}" if estimate.unit else ""
    text = f"{estimate.value:.3g}{unit}"
    if estimate.interval is not None:
        low, high = estimate.interval
        text += f" [{low:.3g}, {high:.3g}]" if low is not None and high is not None else ""
    if test.known:
        text += f"; {test.convention}: p = {test.value:.2g}"
    return f"{text}; {estimate.counted}"


def _short(difference: Difference) -> str:
    estimate, adjusted = difference.effect.estimate, difference.adjusted
    if not estimate.known:
        return "–"
    text = f"{estimate.value:.3g}"
    if estimate.interval is not None and None not in estimate.interval:
        text += "\n[{:.3g}, {:.3g}]".format(*estimate.interval)
    return text + (f"\np = {adjusted.value:.2g} (Holm)" if adjusted.known else "")


def _withheld(figure: Figure, estimate: Statistic, x: float, y: float, width: float) -> None:
    text = f"{estimate.status}:\n{wrapped(estimate.reason or '', width)}"
    figure.text(x, y, text, fontsize=NORMAL, color=GREY, va="center")


@styled
def marginal_figure(model: MixedModel, contrasts: Sequence[tuple[str, Contrast]], title: str = "") -> Figure:
    """Draw the marginal means of a mixed model over all rows, and contrasts as a forest.

    Parameters
    ----------
    model : MixedModel
    contrasts : sequence of (name, Contrast)
    title : str

    Returns
    -------
    Figure
    """
    from ..measures.estimation import plural

    means = model.means()
    width, height = max(7.8, 4.6 + 0.75 * len(means)), max(3.6, 1.7 + 0.34 * len(contrasts))
    figure = page(width, height)
    counts = ", ".join(f"{model.counts[name]} {plural(name, model.counts[name])}" for name in (*model.random, "row"))
    kind = "geometric means" if model.log else "means"
    heading(figure, title or f"{model.quantity}: mixed model",
            f"grey: rows; black: marginal {kind} with 95 % interval (Kenward-Roger); n: {counts}")  # fmt: skip
    left = 0.75
    ax = _place(figure, left, 0.95, 0.72 * len(means) + 0.3, height - 1.5)
    if model.log:
        ax.set_yscale("log")
    for k, (place, mean) in enumerate(means):
        rows = model.observed(**place)
        shift = np.linspace(-0.18, 0.18, max(rows.size, 2))[: rows.size]
        ax.plot(k + shift, rows, ".", color=LIGHT, markersize=3, zorder=1)
        if mean.known:
            _bar(ax, k, mean)
    ax.set_xlim(-0.6, len(means) - 0.4)
    ax.set_xticks(range(len(means)), ["\n".join(place.values()) for place, _ in means])
    ax.set_xlabel(" / ".join(model.factors), color=GREY)
    ax.set_ylabel(f"{model.quantity} ({pretty(model.unit)})" if model.unit else model.quantity)
    if model.log:
        _plain_ticks(ax, *ax.get_ylim())
    _forest(figure, model, contrasts, left + 0.72 * len(means) + 0.3, width, height)
    return figure


def _bar(ax: Axes, x: float, mean: Statistic) -> None:
    if mean.interval is not None and None not in mean.interval:
        ax.plot([x, x], [float(end) for end in mean.interval if end is not None], color=BLACK, linewidth=1.4, zorder=3)
    ax.plot([x], [mean.value], "o", color=BLACK, markersize=5, zorder=4)


def _forest(
    figure: Figure,
    model: MixedModel,
    contrasts: Sequence[tuple[str, Contrast]],
    used: float,
    width: float,
    height: float,
) -> None:
    known = [(name, c) for name, c in contrasts if c.effect.known and c.effect.interval is not None]
    if not known:
        if contrasts:
            _withheld(figure, contrasts[0][1].effect, (used + 0.4) / width, 0.6, width - used - 0.6)
        return
    label = 0.075 * max(len(name) for name, _ in known) + 0.25
    ax = _place(figure, used + label, 0.95, width - used - label - 1.35, height - 1.5)
    if model.log:
        ax.set_xscale("log")
    ax.axvline(1.0 if model.log else 0.0, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    for k, (_, contrast) in enumerate(known):
        ends: Any = contrast.effect.interval
        ax.plot(ends, [-k, -k], color=BLACK, linewidth=1.4)
        ax.plot([contrast.effect.value], [-k], "s", color=BLACK, markersize=5)
        words = f"{contrast.effect.value:.3g} [{ends[0]:.3g}, {ends[1]:.3g}]"
        ax.text(1.02, -k, words, transform=ax.get_yaxis_transform(), fontsize=SMALL, va="center")
    ax.set_yticks([-k for k in range(len(known))], [name for name, _ in known])
    ax.set_ylim(-len(known) + 0.4, 0.6)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    unit = f" ({pretty(model.unit)})" if model.unit else ""
    ax.set_xlabel("ratio" if model.log else f"difference{unit}")
    if model.log:
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

        low, high = ax.get_xlim()
        few = [v for v in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if low <= v <= high]
        many = [v for v in (0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.7, 2) if low <= v <= high]
        ax.xaxis.set_major_locator(FixedLocator(few if len(few) > 1 else many))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
