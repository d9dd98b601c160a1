"""A synapse without and with a drug: single response, train, relief of magnesium block, calcium by route."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..preparations.synapse_assays import ROUTES, response
from .style import (
    BLUE,
    DASHES,
    GREEN,
    GREY,
    MARKERS,
    ORANGE,
    SERIES,
    SMALL,
    heading,
    page,
    pretty,
    shades,
    styled,
)
from .traces import draw_traces, key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..preparations.synapse_study import SynapseStudy

#: Route -> colour and hatch.
_ROUTES = {"NMDA receptors": (BLUE, ""), "AMPA receptors": (ORANGE, "//"), "channels": (GREEN, "..")}
_WIDTH, _PANEL, _GAP, _LEFT, _TOP = 7.6, 2.1, 0.75, 0.35, 0.85


@styled
def synapse_figure(study: SynapseStudy, title: str = "") -> Figure:
    """Draw a synapse study.

    Parameters
    ----------
    study : SynapseStudy
    title : str

    Returns
    -------
    Figure
        Two panels in a row: the mean response, the same scaled to its peak, the train and its relative sizes; where
        the preparation has spines, magnesium unblock and calcium by route as well.
    """
    panels: list[Callable[[Axes, SynapseStudy], None]] = [_single, _scaled, _train, _relative]
    if study.unblocked(study.rows[0]) is not None:
        panels.append(_unblock)
    if _routes(study) is not None:
        panels.append(_calcium)
    rows = math.ceil(len(panels) / 2)
    height = _TOP + rows * (_PANEL + _GAP) + 0.05
    figure = page(_WIDTH, height)
    heading(figure, title, study.notes[0] if len(panels) > 4 else "")
    labels = [row.label for row in study.rows]
    if len(labels) > 1:
        key(figure, labels, _LEFT, height - 0.45)
    cell = (_WIDTH - _LEFT) / 2
    for i, draw in enumerate(panels):
        row, column = divmod(i, 2)
        traces = draw in (_single, _scaled, _train)
        x = _LEFT + column * cell + (0.0 if traces else 0.45)
        y = height - _TOP - row * (_PANEL + _GAP) - _PANEL
        wide = cell - (0.15 if traces else 0.75)
        ax = figure.add_axes((x / _WIDTH, y / height, wide / _WIDTH, (_PANEL - 0.1) / height))
        draw(ax, study)
    return figure


def _looks(n: int) -> list[tuple[str, object]]:
    if n <= len(SERIES):
        return list(zip(SERIES[:n], DASHES[:n], strict=True))
    return [(colour, "solid") for colour in shades(n)]


def _window(study: SynapseStudy) -> tuple[float, float]:
    """Return the part of the single response worth showing: until the slowest has fallen to a twentieth."""
    recording = study.rows[0].single
    t, last = recording.time_ms, 0.0
    for row in study.rows:
        mean = response(row.single)[0].mean(axis=0)
        size = np.abs(mean - mean[0])
        last = max(last, float(t[np.flatnonzero(size > 0.05 * size.max())[-1]]))
    return 3.0, min(max(last * 1.05, 15.0), float(t[-1]))


def _means(study: SynapseStudy) -> tuple[np.ndarray, str]:
    found = [response(row.single) for row in study.rows]
    means = np.stack([sweeps.mean(axis=0) for sweeps, _ in found])
    unit = found[0][1]
    return (means - means[:, :1], f"{unit} from rest") if unit == "mV" else (means, unit)


def _single(ax: Axes, study: SynapseStudy) -> None:
    means, unit = _means(study)
    draw_traces(
        ax, study.rows[0].single.time_ms, means, [r.label for r in study.rows], {}, unit.split(" ")[0],
        zoom=_window(study), legend=False,
    )  # fmt: skip
    ax.set_title(f"single response, mean of {len(study.rows[0].single.sweeps)} trials")


def _scaled(ax: Axes, study: SynapseStudy) -> None:
    means, unit = _means(study)
    draw_traces(
        ax, study.rows[0].single.time_ms, means, [r.label for r in study.rows], {}, unit, True, _window(study),
        legend=False,
    )  # fmt: skip
    ax.set_title("the same, scaled to peak")


def _train(ax: Axes, study: SynapseStudy) -> None:
    found = [response(row.train) for row in study.rows]
    means = np.stack([sweeps.mean(axis=0) for sweeps, _ in found])
    if found[0][1] == "mV":
        means = means - means[:, :1]
    draw_traces(
        ax, study.rows[0].train.time_ms, means, [r.label for r in study.rows], {}, found[0][1], legend=False
    )  # fmt: skip
    ax.set_title(f"{study.pulses} stimuli at {study.rate_Hz:g} Hz")


def _relative(ax: Axes, study: SynapseStudy) -> None:
    from matplotlib.ticker import MaxNLocator

    for (colour, dash), row, marker in zip(
        _looks(len(study.rows)), study.rows, MARKERS * len(study.rows), strict=False
    ):
        number = np.arange(1, len(row.relative) + 1)
        shown = marker if len(number) <= 20 else ""
        ax.plot(number, row.relative, color=colour, linestyle=dash, marker=shown, markersize=3.5)  # type: ignore[arg-type]
    ax.axhline(1.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    ax.set_ylim(bottom=0.0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("stimulus")
    ax.set_ylabel("response / first")
    ax.set_title("train: size from just before each stimulus")


def _unblock(ax: Axes, study: SynapseStudy) -> None:
    for (colour, dash), row in zip(_looks(len(study.rows)), study.rows, strict=True):
        unblocked = study.unblocked(row)
        if unblocked is not None and row.free is not None:
            ax.plot(row.free.time_ms, 100 * unblocked, color=colour, linestyle=dash)  # type: ignore[arg-type]
    block = study.synapse.block
    assert block is not None
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("NMDA unblocked (%)")
    ax.set_ylim(bottom=0.0)
    ax.set_title(f"relief of Mg block, {study.synapse.magnesium_mM:g} mM, {block.name}")


def _routes(study: SynapseStudy) -> np.ndarray | None:
    """Return the calcium charge by route, fC per spine, shape (rows, routes)."""
    table = [[row.observables.get(f"calcium_{route}") for route in _ROUTES] for row in study.rows]
    if any(o is None or not o.known for line in table for o in line):
        return None
    return np.array([[o.value for o in line if o is not None] for line in table])


def _calcium(ax: Axes, study: SynapseStudy) -> None:
    charges = _routes(study)
    assert charges is not None
    assert set(_ROUTES) == set(ROUTES)
    x = np.arange(len(study.rows))
    base = np.zeros(len(x))
    for i, (route, (colour, hatch)) in enumerate(_ROUTES.items()):
        ax.bar(x, charges[:, i], 0.62, base, color=colour, hatch=hatch, edgecolor="white", linewidth=0.6, label=route)
        base = base + charges[:, i]
    ax.set_xticks(x, [pretty(row.label) for row in study.rows], fontsize=SMALL)
    ax.set_ylabel("calcium charge (fC per spine)")
    ax.set_ylim(0, float(base.max()) * 1.45)
    ax.legend(loc="upper left", ncols=1)
    ax.set_title("calcium by route, same train")
