"""A field potential with everything that was read off it, and the slopes of its sweeps or its input-output curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, BLUE, DASHES, GREEN, GREY, LIGHT, ORANGE, PURPLE, SMALL, VERMILLION, heading, page, styled
from .traces import _place, _thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.field_potential import FieldPotential
    from ..measures.input_output import InputOutput

#: Colour and dash of each definition of the slope.
LINES = {
    "fixed window": (VERMILLION, DASHES[0]), "maximum": (BLUE, DASHES[1]), "20-80": (GREEN, DASHES[2]),
    "20-90": (GREEN, DASHES[2]), "10-90": (GREEN, DASHES[2]),
}  # fmt: skip


@styled
def field_figure(
    t_ms: Any,
    sweeps: Any,
    found: Mapping[str, FieldPotential],
    title: str = "",
    *,
    slopes: Sequence[float] = (),
    names: Sequence[Any] = (),
    curve: InputOutput | None = None,
    stimulus_unit: str = "uA",
) -> Figure:
    """Draw field potentials.

    Parameters
    ----------
    t_ms : (time,) array
    sweeps : (sweep, time) array
        mV; drawn in grey behind their mean.
    found : mapping of str to FieldPotential
        What was measured on the mean, by the name of the slope's definition.
    title : str
    slopes : sequence of float
        Slope of every sweep, mV/ms.
    names : sequence
        Numbers of the sweeps.
    curve : InputOutput, optional
        Drawn on the right instead of the slopes of the sweeps.
    stimulus_unit : str

    Returns
    -------
    Figure
    """
    t, rows = np.asarray(t_ms, float), np.atleast_2d(np.asarray(sweeps, float))
    one = next(iter(found.values()))
    right = curve is not None or len(slopes) > 1
    width, height = (8.8, 4.4) if right else (5.9, 4.4)
    figure = page(width, height)
    heading(figure, title, _foot(one, len(rows)))
    ax = _place(figure, 0.75, 0.75, 4.85, height - 1.3)
    _trace(ax, t, rows, found, one)
    if right:
        side = _place(figure, 6.5, 0.75, width - 6.8, height - 1.5)
        if curve is not None:
            _curve(side, curve, stimulus_unit)
        else:
            _slopes(side, slopes, names)
    return figure


def _foot(one: FieldPotential, n: int) -> str:
    marks = ["circle: peak"]
    if one.volley.amplitude.known:
        marks.append("triangle: fibre volley")
    if one.spike.known:
        marks.append("square: population spike")
    drawn = f"n = {n} sweeps (grey) and their mean (black)" if n > 1 else "one sweep"
    return f"{drawn}; {', '.join(marks)}; orange: baseline; 0 ms: stimulus"


def _trace(ax: Axes, t: np.ndarray, rows: np.ndarray, found: Mapping[str, FieldPotential], one: FieldPotential) -> None:
    mean = rows.mean(axis=0)
    peak_ms = float(t[one.index]) - one.stimulus_ms
    x = t - one.stimulus_ms
    seen = (x >= -0.35 * max(peak_ms, 6.0)) & (x <= 3.2 * max(peak_ms, 6.0))
    after = seen & (t > max(one.volley.artefact_end_ms if np.isfinite(one.volley.artefact_end_ms) else 0.0,
                            one.stimulus_ms + 0.3))  # fmt: skip
    if len(rows) > 1:
        for row in rows[:: max(1, len(rows) // 40)]:
            ax.plot(*_thin(x[seen], row[seen]), color=LIGHT, linewidth=0.5, zorder=1)
    ax.plot(*_thin(x[seen], mean[seen]), color=BLACK, linewidth=1.1, zorder=2)
    # the artefact may leave the page: the response sets the scale
    inside = rows[:, after] if len(rows) > 1 else mean[None, after]
    low, high = float(np.quantile(inside, 0.001)), float(np.quantile(inside, 0.999))
    low, high = min(low, one.baseline_mV), max(high, one.baseline_mV)
    span = (high - low) or 1.0
    ax.set_ylim(low - 0.12 * span, high + 0.28 * span)
    ax.axhline(one.baseline_mV, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0.5)
    ax.plot([x[seen][0], -0.5], [one.baseline_mV] * 2, color=ORANGE, linewidth=2.4, zorder=3)
    for name, each in found.items():
        if each.line is None:
            continue
        colour, dash = LINES[name]
        line, reach = each.line, 0.28 * span
        # the line is drawn longer than its window, whose ends are marked
        extra = min(reach / abs(line.slope), 3.0) if line.slope else 1.0
        ends = np.array([line.start_ms - extra, line.stop_ms + extra])
        ax.plot(ends - one.stimulus_ms, line.level + line.slope * (ends - line.start_ms), color=colour, linestyle=dash,
                linewidth=1.7, zorder=4, label=f"{name}: {each.slope.value:.3g} mV/ms")  # fmt: skip
        bounds = np.array([line.start_ms, line.stop_ms])
        ax.plot(bounds - one.stimulus_ms, line.level + line.slope * (bounds - line.start_ms), "|", color=colour,
                markersize=8, markeredgewidth=1.4, zorder=4)  # fmt: skip
    ax.plot([x[one.index]], [mean[one.index]], "o", color=VERMILLION, markersize=6, markerfacecolor="none", zorder=5)
    if one.volley.index >= 0:
        k, (a, b) = one.volley.index, one.volley.shoulders
        ax.plot([x[k]], [mean[k]], "^", color=PURPLE, markersize=6, markerfacecolor="none", zorder=5)
        ax.plot(x[[a, b]], mean[[a, b]], color=PURPLE, linewidth=1.0, linestyle=(0, (2, 1)), zorder=4)
    if one.spike_index >= 0:
        k = one.spike_index
        ax.plot([x[k]], [mean[k]], "s", color=PURPLE, markersize=6, markerfacecolor="none", zorder=5)
    ax.set_xlim(x[seen][0], x[seen][-1])
    ax.set_xlabel("time after the stimulus (ms)")
    ax.set_ylabel("field potential (mV)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower right", title="slope", title_fontsize=SMALL, alignment="left")


def _slopes(ax: Axes, slopes: Sequence[float], names: Sequence[Any]) -> None:
    numbers = list(names) or list(range(len(slopes)))
    ax.plot(numbers, slopes, "o", color=BLACK, markersize=3.4)
    ax.axhline(0.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.set_title("slope of each sweep (mV/ms)")
    ax.set_xlabel("sweep")


def _curve(ax: Axes, curve: InputOutput, unit: str) -> None:
    ax.plot(curve.stimulus, curve.response, "o", color=BLACK, markersize=3.8, zorder=3)
    x = np.linspace(0.0, float(curve.stimulus.max()) * 1.02, 200)
    if curve.half_maximal.ok:
        ax.plot(x, curve(x), color=VERMILLION, linewidth=1.5, label="Boltzmann")
        ax.axvline(curve.half_maximal.value, color=VERMILLION, linewidth=0.8, linestyle=(0, (2, 2)))
    elif curve.slope.known:
        middle = curve.response.mean() - curve.slope.value * curve.stimulus.mean()
        low = 0.0 if curve.slope.convention == "through zero" else middle
        ax.plot(x, low + curve.slope.value * x, color=BLUE, linewidth=1.4, linestyle=DASHES[1], label="straight line")
    ax.axhline(0.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.set_title("input-output: slope (mV/ms)")
    ax.set_xlabel(f"stimulus ({unit.replace('u', 'µ', 1) if unit.startswith('u') else unit})")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left" if curve.response.mean() < 0 else "upper left")
