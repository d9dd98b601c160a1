"""Events of control and drug side by side: on the trace, averaged, their distributions, and what can be detected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, DASHES, GREY, LIGHT, MARKERS, SERIES, SMALL, heading, nice, page, styled
from .traces import _place, _thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.event_average import AverageEvent
    from ..measures.event_sensitivity import Sensitivity
    from ..measures.events import Events

#: Length of the stretch of trace that is drawn, ms.
STRETCH_MS = 1500.0


@styled
def event_comparison_figure(
    t_ms: Any,
    sweeps_pA: Sequence[Any],
    events: Sequence[Events],
    averages: Sequence[AverageEvent] = (),
    sensitivity: Sequence[Sensitivity] = (),
    labels: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw events of control and drug (or of one recording, with the recall of added events).

    Parameters
    ----------
    t_ms : (time,) array
        Common to all.
    sweeps_pA : sequence of (sweep, time) arrays
        One per condition, control first.
    events : sequence of Events
    averages : sequence of AverageEvent
    sensitivity : sequence of Sensitivity
    labels : sequence of str
    title : str

    Returns
    -------
    Figure
        Above, per condition, the stretch of trace with the usual number of events, every event marked; below, the
        average event, cumulative amplitudes and intervals, and the recall of added events.
    """
    n = len(events)
    names = list(labels) or [f"recording {k + 1}" for k in range(n)]
    tall = 1.75
    foot = 0.75 + 0.14 * n
    height = 0.35 + n * tall + 1.9 + foot
    figure = page(8.6, height)
    heading(figure, title or "events", _foot(events, averages, names))
    t = np.asarray(t_ms, dtype=float)
    for k, (y, found) in enumerate(zip(sweeps_pA, events, strict=True)):
        ax = _place(figure, 0.35, height - 0.5 - (k + 1) * tall + 0.1, 7.9, tall - 0.15)
        _stretch(
            ax, t, np.atleast_2d(np.asarray(y, dtype=float)), found, names[k] if n > 1 or labels else "", SERIES[k]
        )
    width, gap = 1.36, 0.72
    panels = [_place(figure, 0.5 + i * (width + gap), foot, width, 1.45) for i in range(4)]
    _averages(panels[0], averages)
    _cumulative(panels[1], events, "amplitude", "amplitude (pA)")
    _cumulative(panels[2], events, "interval", "interval (ms)")
    _recall(panels[3], sensitivity)
    return figure


def _foot(events: Sequence[Events], averages: Sequence[AverageEvent], names: Sequence[str]) -> str:
    parts = []
    for k, found in enumerate(events):
        rate = found.rate
        low, high = rate.interval or (math.nan, math.nan)
        name = f"{names[k]}: " if len(events) > 1 else ""
        mean = f", {averages[k].n} averaged" if k < len(averages) else ""
        span = f"{rate.value:.2f} Hz ({low:.2f} to {high:.2f})"
        parts.append(f"{name}{len(found)} events in {found.observed_s:.3g} s, {span}{mean}")
    return "\n".join([*parts, "bands: SEM of the average; 95 % intervals of recall. Open circle: decay not determined"])


def _stretch(ax: Axes, t: np.ndarray, rows: np.ndarray, found: Events, name: str, colour: str) -> None:
    """Draw the stretch that holds the median number of events."""
    span = min(STRETCH_MS, float(t[-1] - t[0]))
    sweep, start = _typical(t, found, span)
    inside = (t >= start) & (t <= start + span)
    x, y = t[inside], rows[sweep][inside]
    ax.plot(
        *_thin(x, y), color=LIGHT if colour == BLACK else colour, alpha=1.0 if colour == BLACK else 0.35, linewidth=0.6
    )
    for i in np.flatnonzero((found.sweep == sweep) & (found.peak_ms > start) & (found.peak_ms < start + span)):
        base, size, tau = found.baseline_pA[i], found.amplitude_pA[i], found.tau_ms[i]
        ax.plot([found.start_ms[i], found.peak_ms[i]], [base, base + size], color=colour, linewidth=1.1)
        if np.isfinite(tau):
            after = np.linspace(0.0, 3 * tau, 60)
            ax.plot(found.peak_ms[i] + after, base + size * np.exp(-after / tau), color=colour, linewidth=1.1)
        else:
            ax.plot(found.peak_ms[i], base + size, "o", color=colour, markersize=3.5, markerfacecolor="white")
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    tall = (high - low) or 1.0
    right = start + span
    bar_pA, bar_ms = nice(0.35 * tall), nice(0.1 * span)
    ax.plot([right + 0.012 * span] * 2, [low, low + bar_pA], color=BLACK, linewidth=1.4)
    ax.plot([right + 0.012 * span, right + 0.012 * span + 0.4 * bar_ms], [low, low], color=BLACK, linewidth=1.4)
    ax.text(right + 0.02 * span, low + 0.5 * bar_pA, f"{bar_pA:g} pA", fontsize=SMALL, va="center")
    ax.text(right + 0.012 * span, low - 0.05 * tall, f"{0.4 * bar_ms:g} ms", fontsize=SMALL, va="top")
    ax.set_xlim(start, right + 0.085 * span)
    ax.set_ylim(low - 0.22 * tall, high + 0.2 * tall)
    said = f"sweep {sweep}, {start:.0f} to {right:.0f} ms"
    ax.text(
        0.0, 1.0, f"{name}   {said}" if name else said, transform=ax.transAxes, fontsize=SMALL, color=GREY, va="top"
    )
    ax.set_axis_off()


def _typical(t: np.ndarray, found: Events, span: float) -> tuple[int, float]:
    """Return sweep and start of the analysed stretch whose number of events is the median one."""
    after = max((last for _, last in found.excluded_ms), default=float(t[0]))
    first = after if after + span <= t[-1] else float(t[0])
    starts = np.arange(first, max(t[-1] - span, first) + 1e-9, span) if t[-1] - first > span else np.array([first])
    choices = [(k, float(s)) for k in range(found.counts.size) for s in starts]
    counts = [int(((found.sweep == k) & (found.start_ms > s) & (found.start_ms < s + span)).sum()) for k, s in choices]
    wanted = int(np.median(counts))
    return choices[int(np.argmin(np.abs(np.array(counts) - wanted)))]


def _averages(ax: Axes, averages: Sequence[AverageEvent]) -> None:
    ax.set_title("average event (pA)")
    ax.set_xlabel("ms")
    shown = [(k, a) for k, a in enumerate(averages) if np.isfinite(a.mean_pA).any()]
    if not shown:
        _nothing(ax, "too few isolated events")
        return
    for k, average in shown:
        low, high = average.mean_pA - average.sem_pA, average.mean_pA + average.sem_pA
        ax.fill_between(average.t_ms, low, high, color=SERIES[k], alpha=0.25, linewidth=0)
        ax.plot(average.t_ms, average.mean_pA, color=SERIES[k], linewidth=1.1)
    texts = [f"τ {a.tau.value:.2g} ms" for _, a in shown if a.tau.known]
    down = shown[0][1].mean_pA[np.nanargmax(np.abs(shown[0][1].mean_pA))] < 0
    for row, (text, (k, _)) in enumerate(zip(texts, shown, strict=False)):
        ax.text(0.97, (0.06 if down else 0.8) + 0.11 * row, text, transform=ax.transAxes, color=SERIES[k], ha="right",
                fontsize=SMALL)  # fmt: skip


def _cumulative(ax: Axes, events: Sequence[Events], quantity: str, label: str) -> None:
    top = 0.0
    for k, found in enumerate(events):
        x, share = found.cumulative(quantity)
        if x.size:
            ax.step(x, share, where="post", color=SERIES[k], linestyle=DASHES[k], linewidth=1.1)
            top = max(top, float(np.quantile(x, 0.98)))
    ax.set_title(label)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(0, top or 1.0)
    ax.set_ylabel("share of events")
    if quantity == "amplitude" and events:
        ax.axvline(events[0].settings.floor_pA, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
        ax.text(events[0].settings.floor_pA, 1.0, " floor", fontsize=SMALL, color=GREY, va="top")


def _recall(ax: Axes, sensitivity: Sequence[Sensitivity]) -> None:
    ax.set_title("recall of added events")
    if not sensitivity:
        _nothing(ax, "not tested")
        return
    from ..measures.event_sensitivity import binomial_interval

    for k, found in enumerate(sensitivity):
        ends = np.array([binomial_interval(int(a), int(n)) for a, n in zip(found.found, found.added, strict=True)])
        ax.fill_between(found.amplitude_pA, ends[:, 0], ends[:, 1], color=SERIES[k], alpha=0.18, linewidth=0)
        look = {"color": SERIES[k], "linestyle": DASHES[k], "marker": MARKERS[k], "markersize": 3.5, "linewidth": 1.0}
        ax.plot(found.amplitude_pA, found.recall, label=f"τ {found.decay_ms:.2g} ms", **look)
    ax.axvline(sensitivity[0].settings.floor_pA, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.set_xscale("log")
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("amplitude (pA)")
    ax.legend(loc="lower right")


def _nothing(ax: Axes, text: str) -> None:
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=SMALL, color=GREY)
    ax.set_xticks([])
    ax.set_yticks([])
