"""A kinetic scheme as a graph: columns are agonists bound, open states above, desensitized below, drug behind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .scheme_layout import Layout, lay_out
from .style import BLACK, BLUE, GREY, ORANGE, PURPLE, SKY, SMALL, bare, heading, inches, page, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..kinetics.scheme import Scheme

#: fill, text and line of a class; lines tell the classes apart in grey print
LOOKS: dict[str, tuple[str, str, Any]] = {
    "rest": ("#FFFFFF", BLACK, "solid"),
    "bound": (SKY, BLACK, "solid"),
    "open": (ORANGE, BLACK, "solid"),
    "desensitized": (BLUE, "#FFFFFF", "dashed"),
    "blocked": (PURPLE, BLACK, "dotted"),
}
NAMES = {"rest": "unbound", "bound": "bound, closed", "open": "open", "desensitized": "desensitized",
         "blocked": "blocked"}  # fmt: skip

#: With more states than this no rates are written.
MOST_RATED = 20


@styled
def draw_scheme(
    ax: Axes,
    scheme: Scheme,
    occupancy: Any = None,
    flux: Any = None,
    *,
    ligands_uM: Mapping[str, float] | None = None,
    legend: bool = True,
) -> None:
    """Draw a scheme on axes.

    Parameters
    ----------
    ax : Axes
        Placed already: the size of boxes depends on the room there is.
    scheme : Scheme
    occupancy : (n,) array, optional
        Shown by the strength of the fill, and in per cent under the name where there is room.
    flux : (edges,) array, optional
        Net flux along each edge (positive: from source to target), shown by the width of the arrows.
    ligands_uM : mapping, optional
        Write the rates in 1/s at these concentrations (schemes of up to 20 states).
    legend : bool
        Name the classes under the graph.
    """
    from matplotlib.patches import FancyArrowPatch

    layout = lay_out(scheme)
    spots, pitch, shift = _spots(ax, layout, legend)
    half = _box(scheme, layout, pitch, shift)
    layers = max(layout.layer)
    rates = None
    if ligands_uM is not None and scheme.n <= MOST_RATED:
        rates = scheme.constants * scheme.factors(ligands_uM, -60.0)
    strength = None if flux is None else np.abs(np.asarray(flux, float))
    for i, e in enumerate(scheme.edges):
        a, b = spots[e.source], spots[e.target]
        back = max(layout.layer[e.source], layout.layer[e.target])
        bend = _bend(e.source, e.target, spots, layout)
        crossing = layout.layer[e.source] != layout.layer[e.target]
        width = 0.9 if back == 0 else 0.55
        style = "<|-|>"
        if strength is not None:
            width = 0.4 + 3.0 * float(strength[i]) / (float(strength.max()) or 1.0)
            style = "-|>" if np.asarray(flux)[i] >= 0 else "<|-"
        # a bent arrow leaves a box steeply, near its shorter side
        gap = [min(_reach(half[s], a, b), 10.0 if bend else 1e9) + 1.5 for s in (e.source, e.target)]
        ax.add_patch(FancyArrowPatch(
            a, b, arrowstyle=style, mutation_scale=4.5 if back == 0 else 3.2, shrinkA=gap[0], shrinkB=gap[1],
            connectionstyle=f"arc3,rad={bend}", linewidth=width, linestyle=(0, (1.5, 1.2)) if crossing else "solid",
            color=_fade(BLACK, back, layers), zorder=10.0 - 2 * back, clip_on=False,
        ))  # fmt: skip
        if rates is not None and back == 0:
            _write_rates(ax, a, b, rates[i], rates[len(scheme.edges) + i], bend)
    for s in range(scheme.n):
        share = None if occupancy is None else float(np.clip(np.asarray(occupancy)[s], 0, 1))
        _draw_state(ax, scheme, s, spots[s], half[s], layout.layer[s], layers, share)
    _finish(ax, scheme, layers, legend)


def _spots(ax: Axes, layout: Layout, legend: bool) -> tuple[list[tuple[float, float]], float, tuple[float, float]]:
    """Return places in points from the lower left corner, the smaller pitch, and the step from layer to layer."""
    width, height = (72 * v for v in inches(ax))
    foot = 17.0 * (1 + (width < 235)) if legend else 3.0
    head = 12.0 if max(layout.layer) else 3.0
    columns, rows, layers = max(layout.column) + 1, max(layout.row) + 1, max(layout.layer)
    # layers step back, up and to the right, within 0.62 of a pitch
    step = 0.62 / layers if layers else 0.0
    dx = min((width - 8) / (columns + 0.62 * bool(layers)), 110.0)
    dy = min((height - foot - head) / (rows + 0.62 * bool(layers)), 62.0 + 25.0 * bool(layers))
    left = (width - dx * (columns - 1 + 0.62 * bool(layers))) / 2
    bottom = foot + (height - foot - head - dy * (rows - 1 + 0.62 * bool(layers))) / 2
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    spots = [
        (left + (c + step * m) * dx, bottom + (r + step * m) * dy)
        for c, r, m in zip(layout.column, layout.row, layout.layer, strict=True)
    ]
    return spots, min(dx, 1.6 * dy), (step * dx, step * dy)


def _box(
    scheme: Scheme, layout: Layout, pitch: float, shift: tuple[float, float]
) -> list[tuple[float, float]]:
    """Return half width and half height of every box in points; (r, r) below 6 means a dot without a name."""
    longest = max(len(scheme.states[s]) for s in range(scheme.n) if layout.layer[s] == 0)
    wanted = (0.5 * 5.3 * longest + 3.5, 8.0)
    room = (0.5 * pitch * 0.72, 8.0)
    if layout.layer and max(layout.layer):
        room = (min(room[0], max(shift[0] * 0.95, 5.0)), min(8.0, max(4.0, shift[1] * 0.9)))
    dot = (4.0, 4.0)
    named = wanted[0] <= room[0] or (max(layout.layer) > 0 and wanted[0] <= 0.5 * pitch * 0.5)
    return [
        (max(wanted[0], 8.0), wanted[1]) if named and layout.layer[s] == 0 else dot for s in range(scheme.n)
    ]


def _reach(half: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return how far the edge of a box is from its middle on the way from a to b."""
    dx, dy = abs(b[0] - a[0]), abs(b[1] - a[1])
    length = math.hypot(dx, dy) or 1.0
    return min(half[0] * length / dx if dx else math.inf, half[1] * length / dy if dy else math.inf)


def _bend(i: int, j: int, spots: list[tuple[float, float]], layout: Layout) -> float:
    """Return the curvature of an edge: none, unless it would run through a third state of its layer."""
    a, b = np.array(spots[i]), np.array(spots[j])
    along = b - a
    for k, spot in enumerate(spots):
        if k in (i, j) or layout.layer[k] not in (layout.layer[i], layout.layer[j]):
            continue
        part = float((np.array(spot) - a) @ along / (along @ along))
        if 0.05 < part < 0.95 and np.linalg.norm(np.array(spot) - a - part * along) < 9.0:
            return 0.32
    return 0.0


def _fade(colour: str, layer: int, layers: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    white = 0.0 if layer == 0 else 0.35 + 0.25 * layer / max(layers, 1)
    red, green, blue = to_rgb(colour)
    return red + white * (1 - red), green + white * (1 - green), blue + white * (1 - blue)


def _draw_state(
    ax: Axes, scheme: Scheme, s: int, spot: tuple[float, float], half: tuple[float, float], layer: int, layers: int,
    share: float | None,
) -> None:  # fmt: skip
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    fill, ink, line = LOOKS[scheme.classes[s]]
    face = np.array(_fade(fill, layer, layers))
    if share is not None:  # white at nothing, full colour at half of the receptors or more
        full = math.sqrt(min(2.0 * share, 1.0))
        face = 1.0 - full * (1.0 - np.array(to_rgb(fill if fill != "#FFFFFF" else "#9A9A9A")))
        ink = "#FFFFFF" if scheme.classes[s] == "desensitized" and full > 0.6 else BLACK
    named = half[0] > 6
    radius = min(half)
    ax.add_patch(FancyBboxPatch(
        (spot[0] - half[0], spot[1] - half[1]), 2 * half[0], 2 * half[1],
        boxstyle=f"round,pad=0,rounding_size={radius if scheme.classes[s] == 'open' else 0.35 * radius}",
        facecolor=tuple(face), edgecolor=_fade(BLACK, layer, layers), linewidth=1.6 if scheme.classes[s] == "open" and
        layer == 0 else 0.9, linestyle=line, zorder=11.0 - 2 * layer, clip_on=False,
    ))  # fmt: skip
    if named:
        ax.text(*spot, scheme.states[s], fontsize=SMALL, color=ink, ha="center", va="center", zorder=12.0)
    if share is not None and named and share >= 0.01:
        ax.text(spot[0], spot[1] - half[1] - 1.5, f"{share:.0%}", fontsize=SMALL, color=GREY, ha="center", va="top",
                zorder=12.0)  # fmt: skip


def _write_rates(
    ax: Axes, a: tuple[float, float], b: tuple[float, float], forward: float, backward: float, bend: float
) -> None:
    """Write forward and backward rates beside an arrow, 1/s."""
    start, end = np.array(a), np.array(b)
    along = (end - start) / (np.linalg.norm(end - start) or 1.0)
    normal = np.array([-along[1], along[0]])
    middle = (start + end) / 2 - bend * 0.5 * np.linalg.norm(end - start) * normal
    flat = abs(along[0]) > abs(along[1])
    for rate, side, mark in ((forward, 1, 0), (backward, -1, 1)):
        slant = 3.0 if min(abs(along)) > 0.3 else 1.0
        offset = normal * side * 2.5 * slant * (1 if along @ (1, 0) >= 0 or not flat else -1)
        arrow = ("↑", "↓") if along[1] > 0 else ("↓", "↑")
        where = middle + offset
        across = "center" if flat else "right" if offset[0] < 0 else "left"
        up = ("bottom" if offset[1] > 0 else "top") if flat else "center"
        text = f"{_short(rate * 1000)}" if flat else f"{arrow[mark]}{_short(rate * 1000)}"
        ax.text(float(where[0]), float(where[1]), text, fontsize=SMALL, color=GREY, ha=across, va=up, zorder=12.5)


def _short(rate: float) -> str:
    if rate == 0:
        return "0"
    if 0.1 <= rate < 1e5:
        return f"{rate:.3g}" if rate < 1000 else f"{rate:.0f}"
    return f"{rate:.1e}".replace("e-0", "e-").replace("e+0", "e")


def _finish(ax: Axes, scheme: Scheme, layers: int, legend: bool) -> None:
    from matplotlib.patches import Patch

    bare(ax)
    if layers:
        behind = [e.forward.ligand for e in scheme.edges if e.role in ("modulate", "block") and e.forward.ligand]
        added = behind[0] if behind else ""
        text = f"behind: 1{f' to {layers}' if layers > 1 else ''} {added} bound"
        ax.text(0.0, 1.0, text, transform=ax.transAxes, fontsize=SMALL, color=GREY, va="top")
    if not legend:
        return
    present = [c for c in LOOKS if c in scheme.classes]
    handles = [
        Patch(facecolor=LOOKS[c][0], edgecolor=BLACK, linestyle=LOOKS[c][2], linewidth=0.8, label=NAMES[c])
        for c in present
    ]
    ax.legend(
        handles=handles, loc="lower center", ncols=len(present) if 72 * inches(ax)[0] >= 235 else 2, handlelength=1.1,
        handleheight=0.8, handletextpad=0.4, columnspacing=0.9, bbox_to_anchor=(0.5, -0.02), borderaxespad=0.0,
    )  # fmt: skip


@styled
def scheme_figure(scheme: Scheme, *, ligands_uM: Mapping[str, float] | None = None, title: str = "") -> Figure:
    """Draw a scheme on a page of its own, sized by its states.

    Parameters
    ----------
    scheme : Scheme
    ligands_uM : mapping, optional
        Write the rates at these concentrations.
    title : str
        Default: the scheme's name and conditions.
    """
    layout = lay_out(scheme)
    behind = 0.62 * bool(max(layout.layer))
    longest = max(len(name) for s, name in enumerate(scheme.states) if layout.layer[s] == 0)
    pitch = max(0.95, 0.16 + 0.11 * longest) * (1.6 if behind else 1.0) + (0.3 if ligands_uM else 0.0)
    width = max(4.2, 0.6 + pitch * (max(layout.column) + 1 + behind))
    height = 1.25 + (1.25 if behind else 0.85) * (max(layout.row) + 1 + behind)
    figure = page(width, height)
    conditions = "" if scheme.temperature_C is None else f", {scheme.temperature_C:g} °C"
    note = ""
    if ligands_uM is not None and scheme.n <= MOST_RATED:
        solution = ", ".join(f"{v:g} µM {k}" for k, v in ligands_uM.items())
        note = f"rates in 1/s at {solution or 'no ligand'}; above or ↑ away from the box on the left or below"
    heading(figure, title or f"{scheme.name}{conditions}", note, left_in=0.2)
    ax = figure.add_axes((0.2 / width, 0.35 / height, 1 - 0.4 / width, 1 - 0.85 / height))
    draw_scheme(ax, scheme, ligands_uM=ligands_uM)
    return figure
