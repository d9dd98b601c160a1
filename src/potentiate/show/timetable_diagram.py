"""The timetable of a slice experiment, drawn from its data: what is done when, and what reaches the tissue."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..exposure.wash_in import SliceExposure
from ..protocols.timetable import WashIn
from ..units import show_concentration
from .style import BLACK, DASHES, FAINT, GREY, LIGHT, SERIES, SMALL, heading, page, pretty, styled, wrapped
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 8.6
_LEFT, _RIGHT = 1.25, 0.3
_ROW = 0.3
#: Recovery is drawn this much shorter than true when it is longer than a third of the recording.
_MOST_RECOVERY = 0.22


@styled
def timetable_figure(exposure: SliceExposure, title: str = "") -> Figure:
    """Draw a timetable: recovery, baseline, drug bars, inductions, test pulses, tissue concentration, temperature.

    Parameters
    ----------
    exposure : SliceExposure
        The timetable in its chamber.
    title : str
        Default: the name of the timetable.

    Returns
    -------
    Figure
    """
    table = exposure.timetable
    drugs = table.compounds
    foot = wrapped("; ".join(_notes(exposure)), 1.12 * (_WIDTH - 0.7), SMALL)
    foot_in = 0.2 + 0.135 * (foot.count("\n") + 1)
    rows = 2 + len(drugs) + len(table.pathways)
    top_in, warm_in, gap = _ROW * rows, 0.75, 0.25
    curve_in = 1.35 if drugs else 0.0
    legend_in = 0.17 * (1 + len(drugs)) if drugs else 0.0
    height = 0.5 + top_in + (gap + legend_in + curve_in if drugs else 0.0) + gap + warm_in + 0.45 + foot_in
    figure = page(_WIDTH, height)
    heading(figure, title or _heading(exposure), foot)
    inside = _WIDTH - _LEFT - _RIGHT
    x0 = -min(table.recovery_min, _MOST_RECOVERY * table.end_min)
    y = height - 0.5 - top_in
    strip = _place(figure, _LEFT, y, inside, top_in)
    strip.set_xlim(x0, table.end_min)
    _strip(strip, exposure, x0, rows, inside / (table.end_min - x0))
    axes = [strip]
    if drugs:
        y -= gap + legend_in + curve_in
        curve = _place(figure, _LEFT, y, inside, curve_in)
        _concentrations(curve, exposure, x0)
        axes.append(curve)
    warm = _place(figure, _LEFT, y - gap - warm_in, inside, warm_in)
    _temperature(warm, exposure, x0)
    axes.append(warm)
    for ax in axes:
        ax.set_xlim(x0, table.end_min)
        # recovery is not to scale, so it has no ticks
        ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= table.end_min])
        for bout in table.inductions:
            ax.axvspan(bout.at_min, max(bout.until_min, bout.at_min + 0.15), color=FAINT, linewidth=0, zorder=0)
        if ax is not warm:
            ax.tick_params(labelbottom=False)
    warm.set_xlabel("time in the recording chamber (min)")
    return figure


def _heading(exposure: SliceExposure) -> str:
    return f"{pretty(exposure.timetable.name)} ({exposure.chamber.name})"


def _notes(exposure: SliceExposure) -> list[str]:
    table, notes = exposure.timetable, exposure.notes()
    found = [note for note in notes if note.startswith("warning")]
    if table.inductions:
        circles = "; circle: what the tissue has at that time" if table.compounds else ""
        found.append(f"arrow: induction, shaded while it lasts{circles}; dark boxes: baseline and the last 10 min")
    if table.recovery_min > _MOST_RECOVERY * table.end_min:
        found.append(f"recovery of {table.recovery_min:g} min is drawn short")
    if n := sum(note.startswith("assumed") for note in notes):
        found.append(f"{n} assumptions are listed with the run")
    return [pretty(text).replace(" %", "\u00a0%") for text in found]


def _fitting(texts: Sequence[str], width_in: float) -> str:
    """Return the first of some texts that fits a width; nothing if none does."""
    return next((text for text in texts if 0.56 * SMALL / 72 * len(text) <= width_in - 0.06), "")


def _strip(ax: Axes, exposure: SliceExposure, x0: float, rows: int, scale: float) -> None:
    table = exposure.timetable
    ax.set_ylim(rows, 0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(bottom=False, left=False)
    labels: list[str] = []

    def box(start: float, stop: float, row: int, texts: Sequence[str], colour: str, ink: str = BLACK) -> None:
        ax.barh(row + 0.5, stop - start, left=start, height=0.72, color=colour, edgecolor="none", zorder=2)
        text = _fitting(texts, (stop - start) * scale)
        ax.text(0.5 * (start + stop), row + 0.48, text, ha="center", va="center", fontsize=SMALL, color=ink, zorder=3)

    if table.recovery_min > 0:
        box(x0, 0.0, 0, (f"recovery, {table.recovery_min:g} min", "recovery", "rest"), FAINT)
    if table.baseline_min > 0:
        box(0.0, table.baseline_min, 0, (f"baseline, {table.baseline_min:g} min", "baseline"), LIGHT)
    last = max([b.until_min for b in table.inductions], default=table.end_min)
    if last + 10.0 < table.end_min:
        after = f"{table.end_min - last:.0f} min"
        box(last, table.end_min - 10.0, 0, (f"{after} after the induction", f"{after} after", after), FAINT)
        box(table.end_min - 10.0, table.end_min, 0, ("last 10 min", "last 10"), LIGHT)
    labels.append("phase")
    for i, compound in enumerate(table.compounds):
        steps = [*table.inflow_steps(compound), (table.end_min, 0.0)]
        for (start, level), (stop, _) in pairwise(steps):
            if level > 0:
                dose = pretty(show_concentration(level))
                box(start, stop, 1 + i, (f"{compound} {dose}", compound, dose), SERIES[1:][i % 4], "white")
        labels.append(("drug" if len(table.compounds) == 1 else "drugs") if i == 0 else "")
    row = 1 + len(table.compounds)
    _inductions(ax, exposure, row, x0, scale)
    labels.append("induction")
    for i, name in enumerate(table.pathways):
        times = table.test_times_min(name)
        ax.vlines(times, row + 1.2 + i, row + 1.8 + i, color=BLACK if i == 0 else GREY, linewidth=0.4)
        labels.append(f"{'tests' if len(table.pathways) == 1 else name}, every {table.interval_s:g} s")
    ax.set_yticks([i + 0.5 for i in range(len(labels))], labels)


def _inductions(ax: Axes, exposure: SliceExposure, row: int, x0: float, scale: float) -> None:
    table = exposure.timetable
    starts = [x0, *(bout.at_min for bout in table.inductions), table.end_min]
    free = x0
    for i, bout in enumerate(table.inductions):
        ax.annotate(
            "", (bout.at_min, row + 0.98), (bout.at_min, row + 0.06),
            arrowprops={"arrowstyle": "-|>", "color": BLACK, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        name = bout.stimulation.name
        texts, pad = (name, name.split(",")[0]), 0.09
        right = _fitting(texts[:1], (starts[i + 2] - bout.at_min) * scale - 2 * pad)
        left = _fitting(texts[:1], (bout.at_min - free) * scale - 2 * pad)
        text = right or left or _fitting(texts, (starts[i + 2] - bout.at_min) * scale - 2 * pad)
        on_left = bool(left and not right)
        ax.text(
            bout.at_min + (-pad if on_left else pad) / scale, row + 0.5, text, va="center",
            ha="right" if on_left else "left", fontsize=SMALL, color=BLACK, zorder=3,
        )  # fmt: skip
        free = bout.at_min + (0.0 if on_left else (0.56 * SMALL / 72 * len(text) + pad) / scale)


def _concentrations(ax: Axes, exposure: SliceExposure, x0: float) -> None:
    table = exposure.timetable
    t = np.linspace(x0, table.end_min, 2000)
    for i, compound in enumerate(table.compounds):
        top = max(e.concentration_uM for e in table.events if isinstance(e, WashIn) and e.compound == compound)
        colour, dash = SERIES[1:][i % 4], DASHES[i % 5]
        name = f"{compound} (100 % = {pretty(show_concentration(top))})"
        ax.plot(t, 100.0 * exposure.bath_uM(compound, t) / top, color=LIGHT, linewidth=2.2, zorder=1,
                label="in the bath" if i == 0 else None)  # fmt: skip
        inside = 100.0 * exposure.concentration_uM(compound, t) / top
        ax.plot(t, inside, color=colour, linestyle=dash, linewidth=1.5, zorder=2, label=f"{name} in the tissue")
        for bout in table.inductions:
            reached = 100.0 * float(exposure.concentration_uM(compound, bout.at_min)) / top
            ax.plot([bout.at_min], [reached], "o", color=colour, markersize=4.5, markerfacecolor="white", zorder=4)
    ax.axhline(90.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0.5)
    ax.text(x0, 91.5, " 90 %", fontsize=SMALL, color=GREY, va="bottom")
    ax.set_ylim(-3, 112)
    ax.set_yticks([0, 50, 100])
    ax.set_ylabel("drug (%)")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0)


def _temperature(ax: Axes, exposure: SliceExposure, x0: float) -> None:
    table = exposure.timetable
    if not table.temperature_steps():
        ax.text(0.5, 0.5, "no temperature is set", transform=ax.transAxes, ha="center", fontsize=SMALL, color=GREY)
        ax.set_yticks([])
        return
    t = np.linspace(x0, table.end_min, 1000)
    degC = exposure.temperature_degC(t)
    ax.plot(t, degC, color=BLACK, linewidth=1.2)
    low, high = float(degC.min()), float(degC.max())
    margin = 0.25 * max(high - low, 4.0)
    ax.set_ylim(low - margin, high + margin)
    ax.set_ylabel("slice (°C)")
