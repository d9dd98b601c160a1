"""The figure of `potentiate measure`: sweeps, what was measured on them, and the fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, GREY, LIGHT, ORANGE, SERIES, SMALL, VERMILLION, heading, inches, page, pretty, shades, styled
from .traces import _place, _thin, draw_traces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..recordings.recording import Recording

#: More sweeps than this are drawn behind their mean, without marks of their own.
MOST_SWEEPS = 6

#: Observables drawn against the sweep number; the table holds the others.
MOST_VALUES = 6

#: Observables that are currents, drawn as levels, and where they are read.
LEVELS = ("steady_state", "pedestal")

Measured = Mapping[str, Any]


@styled
def recording_figure(
    recording: Recording, measures: Sequence[Measured] = (), title: str = "", *, sweep_names: Sequence[str] = ()
) -> Figure:
    """Draw the sweeps of a recording with what was measured on them.

    Parameters
    ----------
    recording : Recording
        First channel.
    measures : sequence of mapping, one per sweep
        Observables by id. Beside observables an entry may hold, under ``at``, a :class:`~potentiate.measures.peak.Peak`
        and, under ``fit``, a :class:`~potentiate.measures.decay.Decay`: these are marked and overlaid.
    title : str
    sweep_names : sequence of str

    Returns
    -------
    Figure
        Sweeps on the left; on the right the values per sweep. More than six sweeps are drawn in grey behind their
        mean, and the values against the sweep number.
    """
    t, rows = recording.time_ms, recording.sweeps
    n = len(rows)
    many = n > MOST_SWEEPS
    names = list(sweep_names) or [f"sweep {i + 1}" for i in range(n)]
    ids = _ids(measures)
    width = 8.2 if (many and ids) else 7.2
    height = 4.2 if not many else max(4.2, 0.9 + 1.2 * min(len(ids), MOST_VALUES))
    figure = page(width, height)
    heading(figure, title or str(recording.provenance.get("file", "recording")), _foot(recording, n, many))
    traces_in = width - 0.6 - (3.1 if many and ids else 0.0)
    ax = _place(figure, 0.35, 0.45, traces_in, height - 1.0)
    if many:
        _cloud(ax, t, rows, recording.unit)
        _values(figure, ids[:MOST_VALUES], measures, width, height)
    else:
        full = SERIES if n <= len(SERIES) else shades(n)
        # fits are drawn in the colour of their sweep, over a paler sweep
        pale = [_pale(colour) for colour in full] if n > 1 else full
        draw_traces(ax, t, rows, unit=recording.unit or "(no unit)", colours=pale)
        for i, found in enumerate(measures[:n]):
            _marks(ax, t, rows[i], found, full[i] if n > 1 else VERMILLION)
        if not _table(ax, measures[:n], names, full) and n > 1:
            _names(ax, names, full)
    return figure


def _foot(recording: Recording, n: int, many: bool) -> str:
    dt = recording.interval_ms
    rate = "uneven sampling" if math.isnan(dt) else f"{1 / dt:.4g} kHz"
    drawn = f"n = {n} sweeps (grey) and their mean (black)" if many else f"n = {n} sweep{'s' if n > 1 else ''}"
    marks = "" if many else "; circle: peak, bar: baseline, dashes: fit"
    return f"{drawn}, {recording.label}, channel {recording.channels[0].name!r}, {rate}{marks}"


def _ids(measures: Sequence[Measured]) -> list[str]:
    """Return ids of observables that have a value in some sweep, in order."""
    return list(dict.fromkeys(k for found in measures for k, o in found.items() if getattr(o, "known", False)))


def _cloud(ax: Axes, t: np.ndarray, rows: np.ndarray, unit: str) -> None:
    """Draw single sweeps in grey behind their mean."""
    draw_traces(ax, t, rows.mean(axis=0), unit=unit or "(no unit)")
    step = max(1, len(rows) // 60)
    low, high = ax.get_ylim()
    for row in rows[::step]:
        ax.plot(*_thin(t, row), color=LIGHT, linewidth=0.5, zorder=0.5)
    ax.set_ylim(min(low, float(np.nanpercentile(rows, 0.01))), max(high, float(np.nanpercentile(rows, 99.99))))


def _pale(colour: str) -> str:
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (0.45 + 0.55 * part for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _marks(ax: Axes, t: np.ndarray, row: np.ndarray, found: Measured, colour: str) -> None:
    """Mark peak, baseline, levels and the fitted decay of one sweep."""
    at: Any = found.get("at")
    fit: Any = found.get("fit")
    peak: Any = found.get("peak")
    baseline = float(getattr(at, "baseline_pA", math.nan))
    if at is not None and at.amplitude.known:
        ax.plot([t[at.index]], [row[at.index]], "o", color=colour, markersize=5, markerfacecolor="none", zorder=5)
    elif _known(peak):
        k = int(np.argmin(np.abs(row - peak.value)))
        ax.plot([t[k]], [row[k]], "o", color=colour, markersize=5, markerfacecolor="none", zorder=5)
    if math.isfinite(baseline):
        ax.plot([t[0], t[max(1, len(t) // 12)]], [baseline] * 2, color=ORANGE, linewidth=2.0, zorder=4)
    for id in LEVELS:
        level: Any = found.get(id)
        if _known(level) and level.unit == "pA":
            shift = baseline if math.isfinite(baseline) else 0.0
            ax.plot([t[int(0.85 * len(t))], t[-1]], [level.value + shift] * 2, color=ORANGE, linewidth=1.4, zorder=4)
    exponentials = getattr(fit, "fit", None)
    if exponentials is not None:
        x = np.linspace(fit.start_ms, fit.stop_ms, 400)
        part = exponentials.offset + np.exp(-(x[:, None] - fit.start_ms) / exponentials.taus) @ exponentials.amplitudes
        sign = getattr(at, "sign", -1)
        ax.plot(x, (baseline if math.isfinite(baseline) else 0.0) + sign * part, color=colour, linewidth=1.6,
                linestyle=(0, (3, 1.5)), zorder=5)  # fmt: skip


def _known(o: Any) -> bool:
    return bool(getattr(o, "known", False))


def _table(ax: Axes, measures: Sequence[Measured], names: Sequence[str], colours: Sequence[str]) -> bool:
    """Write the values, one column per sweep, below the trace on the right, where a decayed current leaves room."""
    ids = list(dict.fromkeys(k for found in measures for k, o in found.items() if hasattr(o, "known")))[:9]
    if not ids or len(measures) > 3:  # more columns would meet the scale bars
        return False
    width = inches(ax)[0]
    step, first = 0.72 / width, 0.30 if len(measures) > 2 else 0.36
    several = len(measures) > 1
    lines: list[str] = [""] if several else []
    for row, id in enumerate([*lines, *ids]):
        y = 0.05 + 0.062 * (len(ids) - row if several else len(ids) - 1 - row)
        unit = next((found[id].unit for found in measures if hasattr(found.get(id), "unit")), "")
        ax.text(first, y, f"{id} ({pretty(unit)})" if unit else id, transform=ax.transAxes, fontsize=SMALL, color=GREY)
        for i, found in enumerate(measures):
            text = names[i] if not id else f"{found[id].value:.4g}" if _known(found.get(id)) else "–"
            ax.text(first + (1.75 / width) + i * step, y, text, transform=ax.transAxes, fontsize=SMALL, ha="right",
                    color=_ink(colours[i]) if several else BLACK)  # fmt: skip
    return True


def _names(ax: Axes, names: Sequence[str], colours: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, linewidth=1.6) for colour, _ in zip(colours, names, strict=False)]
    ax.legend(lines, names, loc="upper right", bbox_to_anchor=(1.0, 0.85))


def _ink(colour: str) -> str:
    """Return a colour dark enough for text."""
    from matplotlib.colors import to_hex, to_rgb

    rgb = to_rgb(colour)
    bright = 0.21 * rgb[0] + 0.72 * rgb[1] + 0.07 * rgb[2]
    red, green, blue = (part * min(1.0, 0.42 / max(bright, 0.01)) for part in rgb)
    return to_hex((red, green, blue))


def _values(figure: Figure, ids: Sequence[str], measures: Sequence[Measured], width: float, height: float) -> None:
    """Draw values against the number of the sweep, one axis per observable."""
    if not ids:
        return
    tall = (height - 1.0) / len(ids)
    for k, id in enumerate(ids):
        ax = _place(figure, width - 2.55, height - 0.55 - (k + 1) * tall + 0.32, 2.3, tall - 0.38)
        some = next(found[id] for found in measures if _known(found.get(id)))
        pairs = [(i + 1, found[id]) for i, found in enumerate(measures) if _known(found.get(id))]
        for good, face in ((True, BLACK), (False, "white")):
            mine = [(i, o.value) for i, o in pairs if o.ok == good]
            if mine:
                ax.plot(*zip(*mine, strict=True), "o", color=BLACK, markersize=3.2, markerfacecolor=face,
                        label="" if good else "not ok: see the table")  # fmt: skip
        ax.set_title(f"{id} ({some.unit})" if some.unit else id)
        ax.margins(0.05, 0.12)
        if k == len(ids) - 1:
            ax.set_xlabel("sweep")
        else:
            ax.tick_params(labelbottom=False)
        if any(not o.ok for _, o in pairs):
            ax.legend(loc="best")
