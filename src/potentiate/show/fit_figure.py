"""The figure of a fit: data and fit, what is left over, how well each number is known, where the starts ended."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..units import show_concentration
from .style import (
    BLACK,
    FAINT,
    GREY,
    LIGHT,
    SERIES,
    SMALL,
    VERMILLION,
    heading,
    inches,
    page,
    pretty,
    shades,
    styled,
    wrapped,
)
from .traces import _place, _thin, draw_traces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..inference.result import Estimate, Fit

#: Panels side by side, exposures in one panel, single sweeps behind a mean.
MOST_PANELS = 3
MOST_EXPOSURES = 5
MOST_SWEEPS = 25
#: Decades that the strip shows at most; what lies beyond is an arrow.
MOST_DECADES = 4.0


@dataclasses.dataclass(frozen=True, eq=False)
class _Panel:
    """Sweeps of one cell under one protocol, by exposure."""

    title: str
    t_ms: np.ndarray
    labels: list[str]
    data: list[np.ndarray]  # (sweep, time) for each exposure
    fitted: list[np.ndarray]
    noise_pA: float
    marks: dict[str, float]
    bar: str


@styled
def fit_figure(fit: Fit, title: str = "") -> Figure:
    """Draw a fit.

    Parameters
    ----------
    fit : Fit
    title : str

    Returns
    -------
    Figure
        Data (pale) and fit (full) by protocol, control black; residuals below, with one standard deviation of the noise
        in grey; estimates and intervals relative to where the documents put them, with words; the misfit of the starts.
    """
    panels = _panels(fit)
    columns = len(panels)
    strip_in = 0.25 * len(fit.estimates)
    lower = max(strip_in, 1.1) + 0.95
    trace_in, left_in, width = 2.35, 0.85, 7.6
    height = 0.82 + trace_in + left_in + lower + 0.2
    figure = page(width, height)
    cells = len(fit.problem.cells)
    name = title or f"{fit.problem.model.scheme.name}: fit of {cells} cell{'s' * (cells > 1)} by {fit.objective}"
    heading(figure, name, _foot(fit, panels))
    labels = list(dict.fromkeys(label for panel in panels for label in panel.labels))
    colours = dict(zip(labels, SERIES if len(labels) <= len(SERIES) else shades(len(labels)), strict=False))
    if len(labels) > 1:
        _key(figure, labels, [colours[label] for label in labels], height)
    each = (width - 0.7) / columns
    for i, panel in enumerate(panels):
        x = 0.35 + i * each
        ax = _place(figure, x, height - 0.82 - trace_in + 0.1, each - 0.12, trace_in - 0.3)
        _traces(ax, panel, [colours[label] for label in panel.labels])
        below = _place(figure, x, height - 0.82 - trace_in - left_in + 0.12, each - 0.12, left_in - 0.25)
        _residuals(below, ax, panel, [colours[label] for label in panel.labels], first=i == 0)
    top = height - 0.82 - trace_in - left_in - 0.32
    left = min(0.45 + 0.068 * max(len(e.name) for e in fit.estimates), 2.2)
    right = 1.95 + 1.45  # value and word, then the starts
    strip = _place(figure, left, top - strip_in, width - left - right, strip_in)
    _strip(strip, fit.estimates)
    water = _place(figure, width - 1.2, top - 1.05, 1.0, 1.0)
    _waterfall(water, fit)
    return figure


def _key(figure: Figure, labels: list[str], colours: list[str], height: float) -> None:
    """Write what the colours are; fits are solid, so no dashes here."""
    from matplotlib.lines import Line2D

    figure.legend(
        [Line2D([], [], color=c, linewidth=1.6) for c in colours], [pretty(text) for text in labels],
        loc="upper left", bbox_to_anchor=(0.35 / 7.6, 1 - 0.45 / height), ncols=len(labels), columnspacing=1.4,
        borderaxespad=0.0,
    )  # fmt: skip


def _foot(fit: Fit, panels: list[_Panel]) -> str:
    sweeps = sum(len(e.baths) for e in fit.problem.experiments)
    shown = f"drawn: {panels[0].title.split(',')[0]}" if len(fit.problem.cells) > 1 else f"n = {sweeps} sweeps"
    which = f"{shown} of {len(fit.problem.cells)} cells" if len(fit.problem.cells) > 1 else shown
    return f"{which}; single sweeps pale, mean grey or tinted, fit solid; intervals: {100 * fit.level:g} %"


def _panels(fit: Fit) -> list[_Panel]:
    """Return up to three protocols of the cell that has most of them, sweeps by exposure."""
    experiments = fit.problem.experiments
    predictions = fit.predictions()
    found: dict[str, dict[Any, list[int]]] = {}
    for i, e in enumerate(experiments):
        shape = tuple((s.duration_ms, s.solution) for s in e.protocol.segments)
        own = found.setdefault(e.cell, {})
        own.setdefault((shape, tuple(sorted(e.protocol.marks.items())), e.recording.time_ms.size,
                        round(e.recording.interval_ms, 9)), []).append(i)  # fmt: skip

    def richness(cell: str) -> tuple[int, int]:
        kinds = {tuple(sorted(b.drugs_uM.items())) for rows in found[cell].values() for i in rows
                 for b in experiments[i].baths}  # fmt: skip
        return len(kinds), len(found[cell])

    cell = max(found, key=richness)
    noise = fit.nuisance.get("noise_pA")
    k = fit.problem.cells.index(cell)
    panels = []
    for rows in list(found[cell].values())[:MOST_PANELS]:
        first = experiments[rows[0]]
        by_bath: dict[str, list[tuple[int, int]]] = {}
        order: dict[str, float] = {}
        for i in rows:
            for s, bath in enumerate(experiments[i].baths):
                drugs = [(d, c) for d, c in bath.drugs_uM.items() if c > 0]
                where = "" if bath.placement == "both" or not drugs else f" ({bath.placement})"
                label = ", ".join(f"{show_concentration(c)} {d}" for d, c in drugs) + where if drugs else "control"
                by_bath.setdefault(label, []).append((i, s))
                order[label] = max((c for _, c in drugs), default=0.0)
        labels = sorted(by_bath, key=lambda label: order[label])[:MOST_EXPOSURES]
        data = [np.stack([np.where(experiments[i].used[s], experiments[i].recording.sweeps[s], np.nan)
                          for i, s in by_bath[label]]) for label in labels]  # fmt: skip
        fitted = [np.stack([predictions[i][s] for i, s in by_bath[label]]) for label in labels]
        agonists = {n: c for s in first.protocol.solutions.values() for n, c in s.items() if c > 0}
        bar = ", ".join(f"{show_concentration(c)} {n}" for n, c in agonists.items())
        width = first.protocol.marks.get("off", math.nan) - first.protocol.marks.get("on", math.nan)
        what = f"{width:g} ms" if math.isfinite(width) else first.protocol.name
        panels.append(
            _Panel(f"{cell}, {what}", first.recording.time_ms, labels, data, fitted,
                   math.nan if noise is None or noise.size != len(fit.problem.cells) else float(noise[k]),
                   dict(first.protocol.marks), bar)
        )  # fmt: skip
    return panels


def _mean(rows: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        counted = np.isfinite(rows).sum(axis=0)
        return np.where(counted > 0, np.nansum(rows, axis=0) / np.maximum(counted, 1), np.nan)


def _pale(colour: str, share: float = 0.45) -> str:
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (1 - share + share * part for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _traces(ax: Axes, panel: _Panel, colours: list[str]) -> None:
    """Draw the means of the data, single sweeps behind them, and the fits on top."""
    means = np.stack([_mean(rows) for rows in panel.data])
    draw_traces(ax, panel.t_ms, means, marks=panel.marks, bar=panel.bar, colours=[_pale(c) for c in colours],
                legend=False)  # fmt: skip
    for line in ax.lines[: len(means)]:
        line.set_linestyle("solid")
        line.set_linewidth(2.2)
    low, high = ax.get_ylim()
    for rows, fitted, colour in zip(panel.data, panel.fitted, colours, strict=True):
        if len(rows) > 1:
            for row in rows[:MOST_SWEEPS]:
                ax.plot(*_thin(panel.t_ms, row), color=_pale(colour, 0.22), linewidth=0.5, zorder=1.5)
        ax.plot(*_thin(panel.t_ms, _mean(fitted)), color=colour, linewidth=1.1, zorder=4)
    ax.set_ylim(low, high)
    ax.set_title(wrapped(pretty(panel.title), inches(ax)[0]))


def _residuals(ax: Axes, above: Axes, panel: _Panel, colours: list[str], *, first: bool) -> None:
    """Draw data minus fit, the mean of each exposure, with the noise of single samples behind."""
    left = [_mean(rows - fitted) for rows, fitted in zip(panel.data, panel.fitted, strict=True)]
    start, end = float(panel.t_ms[0]), float(panel.t_ms[-1])
    if math.isfinite(panel.noise_pA):
        ax.fill_between([start, end], -panel.noise_pA, panel.noise_pA, color=FAINT, zorder=0, linewidth=0)
    for row, colour in zip(left, colours, strict=True):
        ax.plot(*_thin(panel.t_ms, row), color=colour, linewidth=0.6, zorder=2)
    ax.plot([start, end], [0, 0], color=GREY, linewidth=0.7, zorder=3)
    ax.set_xlim(above.get_xlim())
    finite = np.concatenate([row[np.isfinite(row)] for row in left])
    most = max(float(np.abs(finite).max()), panel.noise_pA if math.isfinite(panel.noise_pA) else 0.0, 1e-12)
    ax.set_ylim(-1.1 * most, 1.1 * most)
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(end + 0.02 * (end - start), 0.0, f"±{most:.2g} pA", fontsize=SMALL, color=GREY, va="center")
    if first:
        ax.set_title("data − fit", color=GREY, pad=1.0, fontsize=SMALL)


def _strip(ax: Axes, estimates: tuple[Estimate, ...]) -> None:
    """Draw every estimate relative to its start, with interval and word; what is not bounded ends in an arrow."""
    ratios = [e.value / e.start for e in estimates if e.word != "not determined" and e.value / e.start > 0]
    ends = [x / e.start for e in estimates for x in (e.low, e.high)
            if e.word in ("determined", "one-sided") and math.isfinite(x) and x / e.start > 0]  # fmt: skip
    spread = [x for x in (*ratios, *ends, 1.0) if x > 0]
    middle = 0.5 * (math.log10(min(spread)) + math.log10(max(spread)))
    half = min(max(0.5 * (math.log10(max(spread)) - math.log10(min(spread))) + 0.25, 0.5), MOST_DECADES / 2)
    low, high = 10 ** (middle - half), 10 ** (middle + half)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(len(estimates) - 0.5, -0.5)
    ax.axvline(1.0, color=LIGHT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    edge = ax.get_yaxis_transform()
    for k, e in enumerate(estimates):
        known = e.word != "not determined"
        colour = BLACK if e.word in ("determined", "no interval") else VERMILLION if e.word == "one-sided" else GREY
        if e.word != "no interval":
            span = [x / e.start if math.isfinite(x) and x / e.start > 0 else None for x in (e.low, e.high)]
            _whisker(ax, k, (span[0], span[1]) if known else (None, None), (low, high), colour)
        ratio = e.value / e.start
        if low <= ratio <= high:
            ax.plot([ratio], [k], "o", color=colour, markersize=4.5, markerfacecolor=colour if known else "white",
                    zorder=3, clip_on=False)  # fmt: skip
        value = f"{e.value:.3g} {e.unit}".strip() if known else "–"
        ax.text(-0.03, k, pretty(e.name), transform=edge, fontsize=SMALL, ha="right", va="center")
        ax.text(1.04, k, pretty(f"{value}   {e.word}"), transform=edge, fontsize=SMALL, va="center",
                color=BLACK if known else GREY)  # fmt: skip
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("estimate / start")
    _plain_ticks(ax, low, high)


def _plain_ticks(ax: Axes, low: float, high: float) -> None:
    """Label a log axis with plain numbers, few enough to be read."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    decades = math.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
    at = [m * 10.0**k for k in range(-9, 10) for m in steps]
    at = [x for x in at if low <= x <= high]
    ax.xaxis.set_major_locator(FixedLocator(at))
    ax.set_xticklabels([f"{x:g}" for x in at])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def _whisker(
    ax: Axes, y: float, span: tuple[float | None, float | None], limits: tuple[float, float], colour: str
) -> None:
    """Draw an interval; an end that the data do not bound, or that lies outside, is an arrow."""
    low, high = (x if x is not None else edge for x, edge in zip(span, limits, strict=True))
    left, right = max(low, limits[0]), min(high, limits[1])
    if right < left:
        return
    ax.plot(
        [left, right], [y, y], color=colour, linewidth=1.6 if colour != GREY else 0.8, solid_capstyle="butt", zorder=2
    )
    for at, inside, mark in ((left, span[0] is not None and low >= limits[0], "<"),
                             (right, span[1] is not None and high <= limits[1], ">")):  # fmt: skip
        ax.plot([at], [y], marker="|" if inside else mark, color=colour, markersize=6 if inside else 4.5, clip_on=False,
                zorder=2)  # fmt: skip


def _waterfall(ax: Axes, fit: Fit) -> None:
    """Draw how far above the best each start ended, sorted."""
    misfits = np.array([s.misfit for s in fit.starts])
    above = misfits - misfits[0]
    rank = np.arange(1, len(above) + 1)
    good = np.isfinite(above)
    floor = 1e-2
    ax.set_yscale("log")
    ax.axhspan(floor / 3, 1.0, color=FAINT, zorder=0, linewidth=0)
    ax.plot(rank[good], np.maximum(above[good], floor), "o-", color=BLACK, markersize=3.5, linewidth=0.8)
    top = max(float(np.max(above[good], initial=1.0)) * 3, 30.0)
    if not good.all():
        ax.plot(rank[~good], np.full((~good).sum(), top), "x", color=VERMILLION, markersize=5, clip_on=False)
    ax.set_ylim(floor / 3, top)
    ax.set_xlim(0.5, len(above) + 0.5)
    ax.set_title("misfit above best")
    ax.set_yticks(
        [1e-2, 1.0, 100.0] if top > 100 else [1e-2, 1.0], ["≤0.01", "1", "100"] if top > 100 else ["≤0.01", "1"]
    )
    ax.minorticks_off()
    ax.set_xlabel("start, sorted" + ("" if good.all() else "; ×: failed"))
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4, min_n_ticks=1))
