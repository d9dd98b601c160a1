"""Spontaneous events: where they are in a stretch of the recording, their average, and their distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, GREY, SKY, VERMILLION, heading, page, styled
from .traces import _place, _thin, draw_traces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.event_average import AverageEvent
    from ..measures.events import Events
    from ..recordings.recording import Recording

#: Length of the stretch that is shown, ms.
STRETCH_MS = 2000.0


@styled
def events_figure(recording: Recording, events: Events, mean: AverageEvent, title: str = "") -> Figure:
    """Draw events.

    Parameters
    ----------
    recording : Recording
        First channel.
    events : Events
    mean : AverageEvent
    title : str

    Returns
    -------
    Figure
        Above the stretch of 2 s with most events (circles: peaks); below the average event and the cumulative
        distributions of amplitude and interval.
    """
    figure = page(8.2, 5.2)
    floor = events.settings.floor_pA
    heading(figure, title, f"{events.observed_s:.4g} s analysed; circle: peak of an event; band of the average: SEM; "
                           f"floor {floor:.3g} pA")  # fmt: skip
    _stretch(_place(figure, 0.35, 2.75, 7.5, 1.95), recording, events)
    ax = _place(figure, 0.35, 0.55, 2.2, 1.75)
    if np.isfinite(mean.mean_pA).any():
        draw_traces(ax, mean.t_ms, mean.mean_pA)
        ax.fill_between(
            mean.t_ms, mean.mean_pA - mean.sem_pA, mean.mean_pA + mean.sem_pA, color=SKY, alpha=0.5, linewidth=0
        )
        ax.set_title(f"average of {mean.n} isolated events")
    else:
        ax.set_axis_off()
        ax.set_title("too few isolated events to average")
    for k, (quantity, unit) in enumerate((("amplitude", "pA"), ("interval", "ms"))):
        side = _place(figure, 3.35 + 2.55 * k, 0.75, 1.95, 1.45)
        x, share = events.cumulative(quantity)
        if x.size:
            side.step(
                np.concatenate([[0.0], x]), np.concatenate([[0.0], share]), where="post", color=BLACK, linewidth=1.2
            )
            side.axvline(float(np.median(x)), color=VERMILLION, linewidth=0.9, linestyle=(0, (4, 2)))
            side.set_xlim(0.0, float(np.quantile(x, 0.995)) * 1.05 + 1e-9)
        if quantity == "amplitude":
            side.axvline(floor, color=GREY, linewidth=0.8, linestyle=(0, (1.5, 1.5)))
        side.set_ylim(0, 1.02)
        side.set_xlabel(f"{quantity} ({unit})")
        side.set_title("share of events at or below" if k == 0 else "dashes: median")
    return figure


def _stretch(ax: Axes, recording: Recording, events: Events) -> None:
    """Draw the stretch with most events."""
    t = recording.time_ms
    length = min(STRETCH_MS, float(t[-1] - t[0]))
    sweep, start = 0, float(t[0])
    if len(events):
        counts = [
            int(np.count_nonzero((events.sweep == s) & (events.start_ms >= at) & (events.start_ms < at + length)))
            for s, at in zip(events.sweep, events.start_ms - 0.02 * length, strict=True)
        ]
        best = int(np.argmax(counts))
        sweep, start = int(events.sweep[best]), float(events.start_ms[best] - 0.02 * length)
        start = min(max(start, float(t[0])), float(t[-1]) - length)
    seen = (t >= start) & (t <= start + length)
    row = recording.sweeps[sweep]
    level = float(np.nanmedian(row[seen]))
    draw_traces(ax, *_thin(t[seen], row[seen] - level), legend=False)
    inside = (events.sweep == sweep) & (events.peak_ms >= start) & (events.peak_ms <= start + length)
    ok = np.array([status == "ok" for status in events.status], dtype=bool)
    peaks = events.peak_ms
    heights = np.interp(peaks, t, row) - level
    for mask, colour in ((inside & ok, VERMILLION), (inside & ~ok, GREY)):
        ax.plot(peaks[mask], heights[mask], "o", color=colour, markersize=4.2, markerfacecolor="none", zorder=5)
    ax.set_title(
        f"sweep {sweep}, {start:.4g} to {start + length:.4g} ms (grey circles: overlapping, or decay not measured)"
    )
