"""Curves of a slice: input-output, paired pulses, concentrations, threshold of LTP, map, sensitivity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..measures.concentration import ConcentrationResponse
from ..preparations.slice_curves import SliceCurve
from ..preparations.slice_sensitivity import spans
from .style import BLUE, DASHES, GREY, MARKERS, ORANGE, SERIES, SMALL, heading, page, pretty, styled, wrapped
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 8.6, 4.1


@styled
def slice_curve_figure(curve: SliceCurve, title: str = "") -> Figure:
    """Draw a curve of a slice; the panels follow from its kind.

    Parameters
    ----------
    curve : SliceCurve
    title : str

    Returns
    -------
    Figure
    """
    if curve.kind == "map":
        return _map(curve, title)
    if curve.kind == "sensitivity":
        return _sensitivity(curve, title)
    panels = {
        "io": (("slope", "strength"), ("slope", "volley")),
        "ppr": (("ppr", "x"),),
        "concentration": (("amplitude", "x"), ("half_width", "x")),
        "threshold": (("ltp", "x"), ("up", "x")),
    }[curve.kind]
    width = _WIDTH if len(panels) > 1 else 5.2
    figure = page(width, _HEIGHT)
    heading(figure, pretty(title), pretty(wrapped(_foot(curve), width - 0.5, SMALL)))
    each = (width - 0.25) / len(panels)
    for i, (name, against) in enumerate(panels):
        ax = _place(figure, 0.8 + i * each, 0.95, each - 1.1, _HEIGHT - 1.62)
        if against == "volley":
            _against_volley(ax, curve)
        else:
            _lines(ax, curve, name)
        if i == 0 and len(curve.rows) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=3, borderaxespad=0.0)
    return figure


#: What is drawn, in words.
_WORDS = {
    "slope": "fEPSP slope", "amplitude": "fEPSP amplitude", "half_width": "fEPSP half-width", "ltp": "fEPSP at 55 min",
    "up": "synapses potentiated", "ppr": "slope 2 / slope 1", "decay": "fEPSP decay",
}  # fmt: skip
_UNITS = {"ltp": "% of before", "up": "%, weighted"}


def _foot(curve: SliceCurve) -> str:
    n = next(iter(curve.values.values())).shape[2]
    parts = [f"n = {n} slices (seeds {curve.seed} to {curve.seed + n - 1}), mean ± SEM" if n > 1 else "one slice"]
    return "; ".join([*parts, *[note for note in curve.notes if not note.startswith("slice of")][:2]])


def _label(curve: SliceCurve, name: str) -> str:
    unit = _UNITS.get(name, curve.units[name])
    if curve.kind == "concentration":
        unit = "% of control" if unit == "%" else "x control"
    return pretty(f"{_WORDS[name]} ({unit})" if unit else _WORDS[name])


def _lines(ax: Axes, curve: SliceCurve, name: str) -> None:
    sign = -1.0 if name in ("slope", "amplitude") and curve.kind == "io" else 1.0
    for i, row in enumerate(curve.rows):
        mean, sem = curve.mean_sem(name, i)
        colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
        line = "none" if _fitted(curve, name) else DASHES[i % len(DASHES)]
        ax.errorbar(curve.x, sign * mean, np.nan_to_num(sem), fmt=marker, color=colour, markersize=4.0, elinewidth=0.9,
                    markerfacecolor=colour if i == 0 else "white", linestyle=line, linewidth=1.1,
                    label=pretty(row))  # fmt: skip
    x = "fibres recruited (part)" if curve.x_name == "fibres recruited" else curve.x_name
    ax.set_xlabel(pretty(f"{x} ({curve.x_unit})" if curve.x_unit and "(" not in x else x))
    ax.set_ylabel(("−" if sign < 0 else "") + _label(curve, name))
    if curve.kind == "concentration":
        ax.set_xscale("log")
        one = 100.0 if curve.units[name] == "%" else 1.0
        ax.axhline(one, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        fit = _fitted(curve, name)
        if fit is not None:
            x_fit = np.geomspace(curve.x[0], curve.x[-1], 200)
            ax.plot(x_fit, fit(x_fit), color=BLUE, linewidth=1.0)
            ax.set_title(pretty(f"EC50 {fit.ec50.value:.3g} uM ({fit.word})"), fontsize=SMALL)
    if name in ("ltp", "ppr"):
        ax.axhline(100.0 if name == "ltp" else 1.0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    if name == "up" or curve.kind == "io":
        ax.set_ylim(bottom=0.0)


def _fitted(curve: SliceCurve, name: str) -> ConcentrationResponse | None:
    fit = curve.fits.get(name)
    return fit if isinstance(fit, ConcentrationResponse) and fit.ec50.known else None


def _against_volley(ax: Axes, curve: SliceCurve) -> None:
    for i, row in enumerate(curve.rows):
        x, y = curve.mean_sem("volley", i)[0], -curve.mean_sem("slope", i)[0]
        colour = SERIES[i % len(SERIES)]
        ax.plot(x, y, MARKERS[i % len(MARKERS)], color=colour, markersize=4.0, linestyle=DASHES[i % len(DASHES)],
                markerfacecolor=colour if i == 0 else "white", linewidth=1.1, label=pretty(row))  # fmt: skip
    ax.set_xlabel("fibre volley (mV)")
    ax.set_ylabel("−fEPSP slope (mV/ms)")
    ax.set_xlim(left=0.0)
    ax.set_ylim(bottom=0.0)


def _map(curve: SliceCurve, title: str) -> Figure:
    """Draw potentiated synapses by strength and concentration, with the number in each field."""
    table = np.stack([curve.mean_sem("up", i)[0] for i in range(len(curve.rows))])
    n_rows, n_x = table.shape
    width, height = 2.6 + 0.72 * n_x, 1.75 + 0.48 * n_rows
    figure = page(max(width, 5.6), height)
    heading(figure, pretty(title), pretty(wrapped(_foot(curve), max(width, 5.6) - 0.5, SMALL)))
    ax = _place(figure, 1.2, 1.05, 0.72 * n_x, 0.48 * n_rows)
    top = max(float(np.nanmax(table)), 1.0) if np.isfinite(table).any() else 1.0
    image = ax.pcolormesh(np.arange(n_x + 1), np.arange(n_rows + 1), table, cmap="cividis", vmin=0.0, vmax=top,
                          edgecolors="white", linewidth=0.8)  # fmt: skip
    for i in range(n_rows):
        for k in range(n_x):
            value = table[i, k]
            text = f"{value:.0f}" if np.isfinite(value) else "–"
            ax.text(k + 0.5, i + 0.5, text, ha="center", va="center", fontsize=SMALL,
                    color="white" if not np.isfinite(value) or value < 0.55 * top else "black")  # fmt: skip
    ax.set_xticks(np.arange(n_x) + 0.5, [f"{x:g}" for x in curve.x])
    ax.set_yticks(np.arange(n_rows) + 0.5, [pretty(row) for row in curve.rows])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_xlabel("stimulus strength (part of the fibres)")
    ax.set_ylabel("drug")
    bar = _place(figure, 1.2 + 0.72 * n_x + 0.2, 1.05, 0.14, 0.48 * n_rows)
    figure.colorbar(image, cax=bar).set_label("synapses potentiated (%)")
    return figure


def _sensitivity(curve: SliceCurve, title: str) -> Figure:
    """Draw what each number of the drug moves: LTP, potentiated synapses, duration of the current."""
    names = curve.rows[1:]
    ltp, up, long = (spans(curve, name) for name in ("ltp", "up", "epsc_duration"))
    order = np.argsort(np.abs(ltp))
    height = 1.8 + 0.38 * len(names)
    figure = page(_WIDTH, height)
    heading(figure, pretty(title), pretty(wrapped(_foot(curve), _WIDTH - 0.5, SMALL)))
    y = np.arange(len(names))
    left, gap = 2.25, 0.3
    each = (_WIDTH - left - 0.25 - 2 * gap) / 3
    titles = ("LTP (points)", "synapses potentiated (points)", "duration of the current (%)")
    for i, (values, colour, text) in enumerate(zip((ltp, up, long), (SERIES[1], ORANGE, BLUE), titles, strict=True)):
        ax = _place(figure, left + i * (each + gap), 0.95, each, 0.38 * len(names))
        ax.barh(y, values[order], height=0.62, color=colour)
        ax.axvline(0.0, color=GREY, linewidth=0.8)
        reach = max(float(np.nanmax(np.abs(values))), 0.5)  # half a point: an axis of rounding errors says nothing
        ax.set_xlim(-1.75 * reach, 1.75 * reach)
        for k, value in enumerate(values[order]):
            shown = f"{value:+.0f}" if abs(value) >= 10 else f"{value:+.1f}" if abs(value) >= 0.05 else "0"
            ax.text(value + np.copysign(0.06 * reach, value), k, shown, va="center", fontsize=SMALL,
                    ha="left" if value >= 0 else "right")  # fmt: skip
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.set_yticks(y, [names[j] for j in order] if i == 0 else [])
        ax.tick_params(axis="y", length=0)
        ax.set_title(text, fontsize=SMALL)
        if i == 1:
            ax.set_xlabel(f"change from x{curve.x[0]:g} to x{curve.x[1]:g} of the number")
    return figure
