"""Concentration-response: all points, a log axis with units, the half-maximal concentration with its interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import DASHES, GREY, LIGHT, MARKERS, SERIES, SMALL, inches, pretty, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..measures.observable import Observable

# value and interval (or None); an end that the data do not bound is None
Half = tuple[float, tuple[float | None, float | None] | None]

#: Up to so many points are drawn as points; more are a computed curve.
MOST_POINTS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """A concentration-response to draw.

    Attributes
    ----------
    title : str
    x : (n,) array
        Concentrations; zero is the control and becomes a dashed line.
    y : (n,) or (series, n) array
        Responses; several series share x (control and drug).
    x_label, y_label : str
        With units.
    half : (value, interval), Observable, a sequence of them (one per series), or None
        Where the response is half; drawn only inside the tested range.
    points_label : str or sequence of str
        What the points are; one per series.
    half_name, unit : str
        How `half` is written, e.g. ``EC50``, ``uM``.
    smooth : callable or None
        Fitted curve of concentration, drawn inside the tested range; otherwise the points are joined.
    log : bool
        False for what is no concentration (sweeps).
    """

    title: str
    x: Any
    y: Any
    x_label: str
    y_label: str
    half: Half | Observable | Sequence[Half | Observable | None] | None = None
    points_label: str | Sequence[str] = ""
    half_name: str = "EC50"
    unit: str = "µM"
    smooth: Any = None
    log: bool = True


@styled
def draw_curve(ax: Axes, curve: Curve, *, colours: Sequence[str] | None = None) -> None:
    """Draw a concentration-response on axes.

    Parameters
    ----------
    ax : Axes
    curve : Curve
    colours : sequence of str, optional
        One per series; a single series is drawn in the drug's colour.
    """
    x = np.asarray(curve.x, float).ravel()
    series = np.atleast_2d(np.asarray(curve.y, float))
    labels = [curve.points_label] if isinstance(curve.points_label, str) else list(curve.points_label)
    first = 1 if len(series) == 1 else 0
    tested = x[(x > 0) & np.isfinite(x)]
    for k, y in enumerate(series):
        look = (k + first) % len(SERIES)
        colour = colours[k] if colours else SERIES[look]
        label = pretty(labels[k]) if k < len(labels) else ""
        _series(ax, x, y, curve.smooth, colour, look, label)
    ax.set_title(wrapped(pretty(curve.title), inches(ax)[0]))
    ax.set_xlabel(pretty(curve.x_label))
    ax.set_ylabel(pretty(curve.y_label))
    if not curve.log:
        ax.margins(x=0.04, y=0.08)
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif tested.size:
        ax.set_xscale("log")
        low, high = float(tested.min()), float(tested.max())
        pad = (high / low) ** 0.04 if high > low else 2.0
        ax.set_xlim(low / pad, high * pad)
        _log_ticks(ax, low, high)
        ax.margins(y=0.08)
        _halves(ax, curve, len(series), (low, high), first, colours)
    if any(labels):
        ax.legend(loc="best")


def _series(
    ax: Axes, x: np.ndarray, y: np.ndarray, smooth: Any, colour: str, look: int, label: str
) -> None:  # fmt: skip
    used = (x > 0) & np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[used], kind="stable")
    c, r = x[used][order], y[used][order]
    points = c.size <= MOST_POINTS
    if smooth is not None and c.size:
        fine = np.geomspace(c[0], c[-1], 200)
        ax.plot(fine, smooth(fine), color=colour, linestyle=DASHES[look], label="" if points else label)
    elif np.unique(c).size == c.size:
        style: dict[str, Any] = {"alpha": 0.6} if points else {"label": label}
        ax.plot(c, r, color=colour, linestyle=DASHES[look], linewidth=1.0 if points else 1.4, **style)
    if points or np.unique(c).size < c.size:
        ax.plot(
            c, r, MARKERS[look], color=colour, markersize=4.2, markerfacecolor=colour if look else "white",
            markeredgewidth=1.0, linestyle="none", label=label, clip_on=False, zorder=3,
        )  # fmt: skip
    for control in y[(x == 0) & np.isfinite(y)]:
        ax.axhline(control, color=LIGHT, linestyle=(0, (4, 3)), linewidth=0.9, zorder=0)


def _log_ticks(ax: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = math.log10(high / low) if high > low else 1.0
    subs = (1.0,) if decades > 2.2 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
    ax.xaxis.set_major_locator(LogLocator(10.0, subs=subs, numticks=7))
    ax.xaxis.set_minor_locator(LogLocator(10.0, subs=tuple(range(2, 10)), numticks=50))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _amount(v)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _halves(
    ax: Axes, curve: Curve, count: int, tested: tuple[float, float], first: int, colours: Sequence[str] | None
) -> None:
    found = [_half(h) for h in _listed(curve.half, count)]
    shown = 0
    for k, half in enumerate(found):
        if half is None:
            continue
        look = (k + first) % len(SERIES)
        colour = colours[k] if colours else SERIES[look]
        value, interval = half
        if not tested[0] <= value <= tested[1]:
            continue
        height = 0.04 + 0.085 * shown
        low, high = interval or (None, None)
        line = ax.get_xaxis_transform()
        if interval is not None:
            ends = [max(low or tested[0], tested[0]), min(high or tested[1], tested[1])]
            ax.plot(ends, [height, height], color=colour, transform=line, linewidth=1.0, solid_capstyle="butt")
        ax.plot([value], [height], marker="|", markersize=8, markeredgewidth=1.6, color=colour, transform=line)
        text = f"{_subscript(curve.half_name)} {_amount(value)} {pretty(curve.unit)}"
        # a legend of its own: text beside the tick would meet the points
        ax.plot([], [], marker="|", markersize=7, markeredgewidth=1.6, linestyle="none", color=colour, label=text)
        shown += 1
    if shown and not ax.get_legend():
        ax.legend(loc="best")
    if any(h is not None and not tested[0] <= h[0] <= tested[1] for h in found):
        ax.text(0.98, 0.04, "half lies outside the tested range", transform=ax.transAxes, ha="right", fontsize=SMALL,
                color=GREY)  # fmt: skip


def _amount(value: float) -> str:
    """Return three significant digits, thousands set apart."""
    if value < 1000:
        return f"{value:.3g}"
    return f"{float(f'{value:.3g}'):,.0f}".replace(",", "\u2009")


def _subscript(name: str) -> str:
    return {"EC50": "EC$_{50}$", "IC50": "IC$_{50}$"}.get(name, name)


def _listed(half: Any, count: int) -> list[Any]:
    if half is None:
        return [None] * count
    plain_pair = isinstance(half, tuple) and len(half) == 2 and isinstance(half[0], (int, float))
    return [half] if plain_pair or hasattr(half, "value") else list(half)


def _half(half: Any) -> Half | None:
    if half is None:
        return None
    value, interval = (half.value, half.interval) if hasattr(half, "value") else half
    return (float(value), interval) if math.isfinite(value) else None
