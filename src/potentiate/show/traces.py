"""Currents as an electrophysiologist draws them: inward down, scale bars, the solution above."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .curves import Curve, draw_curve
from .style import (
    BLACK,
    DASHES,
    GREY,
    SERIES,
    SMALL,
    bare,
    heading,
    inches,
    nice,
    page,
    pretty,
    shades,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..kinetics.scheme import Scheme

__all__ = ["Curve", "Panel", "draw_curve", "draw_traces", "patch_figure"]

#: Samples drawn per trace; more are thinned, keeping every extreme.
MOST_SAMPLES = 3000
#: More labels than this do not fit into the key of a page.
MOST_IN_KEY = 7
#: Part of the width that is kept free for the scale bars.
SIDE = 0.27


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """Sweeps to draw in one panel.

    Attributes
    ----------
    title : str
    t_ms : (time,) array
    sweeps : (n, time) array
        Control first.
    labels : sequence of str
    marks : mapping
        Times of the protocol: ``on``, ``off``, ``on2`` ...; ``rise_ms`` is the 10-90 % time of a slow solution.
    normalise : bool
        Scale every sweep to its own peak.
    window_ms : (start, end) or None
        Part of the trace to show.
    unit, bar, note : str
        Unit of the sweeps; name of the solution; a line under the traces, e.g. what n and a band are.
    """

    title: str
    t_ms: Any
    sweeps: Any
    labels: Sequence[str] = ()
    marks: Mapping[str, float] = dataclasses.field(default_factory=dict)
    normalise: bool = False
    window_ms: tuple[float, float] | None = None
    unit: str = "pA"
    bar: str = ""
    note: str = ""


@styled
def draw_traces(
    ax: Axes,
    t_ms: Any,
    sweeps: Any,
    labels: Sequence[str] = (),
    marks: Mapping[str, float] | None = None,
    unit: str = "pA",
    normalise: bool = False,
    zoom: tuple[float, float] | None = None,
    *,
    bar: str = "",
    colours: Sequence[str] | None = None,
    legend: bool = True,
) -> None:
    """Draw sweeps on axes.

    Parameters
    ----------
    ax : Axes
    t_ms : (time,) array
    sweeps : (n, time) or (time,) array
        Control first: black; the others coloured and dashed; a series of more than five in shades.
    labels : sequence of str
    marks : mapping, optional
        Protocol marks; pairs ``on``/``off``, ``on2``/``off2`` ... become the bar of the solution.
    unit : str
    normalise : bool
        Scale every sweep to its own largest excursion in the window.
    zoom : (start, end), optional
        ms.
    bar : str
        Name of the solution.
    colours : sequence of str, optional
    legend : bool
    """
    t = np.asarray(t_ms, float)
    rows = np.atleast_2d(np.asarray(sweeps, float))
    start, end = (float(t[0]), float(t[-1])) if zoom is None else zoom
    inside = (t >= start) & (t <= end)
    if inside.sum() < 2:
        inside = np.ones(t.size, bool)
        start, end = float(t[0]), float(t[-1])
    t, rows = t[inside], rows[:, inside]
    if normalise:
        peaks = np.nanmax(np.abs(rows), axis=1, keepdims=True)
        rows = rows / np.where(peaks > 0, peaks, 1.0)
    looks, dashes = _looks(len(rows))
    looks = list(colours or looks)
    for k, row in enumerate(rows):
        label = pretty(labels[k]) if k < len(labels) else None
        ax.plot(*_thin(t, row), color=looks[k], linestyle=dashes[k], linewidth=1.15, label=label, zorder=2 + 0.01 * k)
    finite = rows[np.isfinite(rows)]
    low, high = (min(float(finite.min()), 0.0), max(float(finite.max()), 0.0)) if finite.size else (-1.0, 0.0)
    span, width = (high - low) or 1.0, (end - start) or 1.0
    ax.plot([start, end], [0, 0], color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    ax.text(end + 0.012 * width, 0, "0", fontsize=SMALL, color=GREY, va="center")
    bars = _solution(ax, marks or {}, start, end, high + 0.09 * span, 0.045 * span, bar)
    _scale_bars(ax, end + 0.07 * width, low, span, width, "" if normalise else unit)
    ax.set_xlim(start - 0.01 * width, end + SIDE * width)
    ax.set_ylim(low - 0.04 * span, high + (0.3 if bar else 0.18 if bars else 0.06) * span)
    bare(ax)
    if legend and any(labels):
        ax.legend(loc="best", bbox_to_anchor=(0.0, 0.0, 1 / (1 + SIDE), 0.82))


def _looks(n: int) -> tuple[list[str], list[Any]]:
    """Return colours and dashes of n sweeps: categories up to five, a scale beyond."""
    if n <= len(SERIES):
        return list(SERIES[:n]), list(DASHES[:n])
    return shades(n), ["solid"] * n


def _thin(t: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fewer samples: the smallest and the largest of every bin."""
    if t.size <= MOST_SAMPLES:
        return t, y
    size = math.ceil(t.size / (MOST_SAMPLES // 2))
    whole = t.size // size * size
    bins = np.nan_to_num(y[:whole]).reshape(-1, size)
    base = np.arange(len(bins)) * size
    keep = np.unique(np.concatenate([base + bins.argmin(1), base + bins.argmax(1), [0, t.size - 1]]))
    return t[keep], y[keep]


def _solution(
    ax: Axes, marks: Mapping[str, float], start: float, end: float, y: float, height: float, name: str
) -> bool:
    from matplotlib.patches import Polygon

    drawn = False
    for key in sorted(k for k in marks if k.startswith("on")):
        on, off = float(marks[key]), float(marks.get("off" + key[2:], math.inf))
        if off < start or on > end:
            continue
        ramp = 0.625 * float(marks.get("rise_ms", 0.0))
        left, right = max(on - ramp, start), min(off, end)
        right = max(right, left + 0.006 * (end - start))
        top = min(on + ramp, right)
        ax.add_patch(Polygon([(left, y), (top, y + height), (right, y + height), (right, y)], closed=True,
                             facecolor=BLACK, edgecolor="none"))  # fmt: skip
        if name and not drawn:
            ax.text(left, y + 1.6 * height, pretty(name), fontsize=SMALL, va="bottom")
        drawn = True
    return drawn


def _scale_bars(ax: Axes, x: float, low: float, span: float, width: float, unit: str) -> None:
    time, foot = nice(0.17 * width), low + 0.13 * span
    ax.plot([x, x + time], [foot, foot], color=BLACK, linewidth=1.4, solid_capstyle="projecting")
    shown = f"{time / 1000:g} s" if time >= 1000 else f"{time:g} ms" if time >= 0.1 else f"{time * 1000:g} µs"
    ax.text(x, foot - 0.03 * span, shown, fontsize=SMALL, va="top", ha="left")
    if unit:
        size = nice(0.3 * span)
        ax.plot([x, x], [foot, foot + size], color=BLACK, linewidth=1.4, solid_capstyle="projecting")
        text = f"{size / 1000:g} nA" if unit == "pA" and size >= 1000 else f"{size:g} {unit}"
        ax.text(x + 0.02 * width, foot + size / 2, text, fontsize=SMALL, va="center", ha="left")


def draw_panel(ax: Axes, panel: Panel, *, legend: bool = True) -> None:
    """Draw a panel on axes."""
    draw_traces(
        ax, panel.t_ms, panel.sweeps, panel.labels, panel.marks, panel.unit, panel.normalise, panel.window_ms,
        bar=panel.bar, legend=legend,
    )  # fmt: skip
    ax.set_title(wrapped(pretty(panel.title), inches(ax)[0]))
    note = panel.note or ("scaled to peak" if panel.normalise else "")
    if note:
        ax.text(0.0, -0.02, note, transform=ax.transAxes, fontsize=SMALL, color=GREY, va="top")


def shared_labels(panels: Sequence[Panel]) -> tuple[str, ...]:
    """Return the labels that all panels have in common, if they are the same; otherwise nothing."""
    sets = {tuple(p.labels) for p in panels}
    only = next(iter(sets)) if len(sets) == 1 else ()
    return only if 1 < len(only) <= MOST_IN_KEY and len(panels) > 1 else ()


def key(figure: Figure, labels: Sequence[str], x_in: float, y_in: float) -> None:
    """Write one key for all panels: coloured, dashed samples with their labels, in a row."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    colours, dashes = _looks(len(labels))
    lines = [Line2D([], [], color=c, linestyle=d, linewidth=1.4) for c, d in zip(colours, dashes, strict=True)]
    figure.legend(
        lines, [pretty(text) for text in labels], loc="upper left", bbox_to_anchor=(x_in / width, y_in / height),
        ncols=len(labels), columnspacing=1.4, borderaxespad=0.0,
    )  # fmt: skip


@styled
def patch_figure(
    panels: Sequence[Panel], curves: Sequence[Curve] = (), scheme: Scheme | None = None, title: str = ""
) -> Figure:
    """Draw a patch experiment: traces on top, concentration-responses below, the scheme in the corner.

    Parameters
    ----------
    panels : sequence of Panel
        Up to three in a row.
    curves : sequence of Curve
    scheme : Scheme or None
    title : str
    """
    columns = max(1, min(3, len(panels)))
    rows = math.ceil(len(panels) / columns)
    lower = len(curves) + (scheme is not None)
    per_row = max(1, min(2 if scheme is not None and len(curves) < 2 else 3, lower))
    lower_rows = math.ceil(lower / per_row)
    layered = scheme is not None and any(e.role in ("modulate", "block") for e in scheme.edges)
    top, side, trace_in, low_in = 0.78, 0.35, 2.1 if columns > 1 else 2.5, 3.3 if layered else 2.75
    width, height = 7.6, top + rows * trace_in + lower_rows * low_in + 0.25
    figure = page(width, height)
    heading(figure, title)
    labels = shared_labels(panels)
    if labels:
        key(figure, labels, side, height - 0.45)
    each = min((width - 2 * side) / columns, 5.0)
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        ax = _place(figure, side + column * each, height - top - row * trace_in - trace_in + 0.25, each - 0.12,
                    trace_in - 0.45)  # fmt: skip
        draw_panel(ax, panel, legend=not labels)
    cell = (width - 2 * side + 0.2) / per_row
    for i in range(lower):
        row, column = divmod(i, per_row)
        bottom = height - top - rows * trace_in - (row + 1) * low_in
        if i < len(curves):
            ax = _place(figure, side + column * cell + 0.45, bottom + 0.62, cell - 0.85, low_in - 1.05)
            draw_curve(ax, curves[i])
        elif scheme is not None:
            from .scheme_graph import draw_scheme

            ax = _place(figure, side + column * cell, bottom + 0.2, cell - 0.2, low_in - 0.45)
            draw_scheme(ax, scheme)
    return figure


def _place(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches."""
    w, h = figure.get_size_inches()
    return figure.add_axes((x / w, y / h, width / w, height / h))
