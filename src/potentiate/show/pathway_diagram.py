"""From glutamate to the field EPSP as boxes and arrows, drawn from runs: what flowed, without and with drug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..evidence.pathway_evidence import step_evidence
from ..library.block import actions_on
from ..library.compound_terms import Target
from ..measures.observable import Observable
from ..preparations.slice import SliceRun
from ..preparations.slice_pathway import STEPS, Pathway, read_pathway
from .style import BLACK, FAINT, GREY, SERIES, SMALL, heading, page, pretty, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _GRAPH = 11.4, 8.9, 7.35
_LEFT, _MIDDLE, _RIGHT = 1.05, 3.7, 6.35
_HALF = (0.72, 0.19)

#: Box -> centre in inches from the top left.
_BOXES = {
    "fibres": (_MIDDLE, 0.95),
    "glutamate": (_MIDDLE, 1.75),
    "AMPA receptors": (_LEFT, 2.75),
    "interneurons": (_MIDDLE, 2.75),
    "NMDA receptors": (_RIGHT, 2.75),
    "depolarization": (_MIDDLE, 3.95),
    "calcium channels": (_MIDDLE, 4.65),
    "spine calcium": (_MIDDLE, 5.4),
    "thresholds": (_MIDDLE, 6.4),
    "receptor traffic": (_MIDDLE, 7.2),
    "field EPSP": (_MIDDLE, 8.0),
}

#: Target of a compound -> box that is marked with its name.
_ACTS_ON = {
    Target.AMPA: "AMPA receptors",
    Target.NMDA: "NMDA receptors",
    Target.GABA_A: "interneurons",
    Target.GABA_B: "interneurons",
    Target.CAV: "glutamate",
}

#: What is written at an arrow, in place of the long texts of the table.
_SHORT = {
    "released": "released per pulse",
    "ampa_peak": "peak",
    "ampa_mean": "mean",
    "nmda_mean": "mean",
    "inhibition_mean": "GABA-A",
    "depolarization": "mean",
    "spikes": "spikes",
    "unblocked": "unblocked",
    "calcium_NMDA": "entered",
    "calcium_AMPA": "entered",
    "calcium_VGCC": "entered",
    "calcium_peak": "peak",
    "above_depression": "of spines above the lower",
    "above_potentiation": "above the upper threshold",
    "up": "of synapses up",
    "down": "down",
    "receptors": "AMPA receptors",
    "field": "slope of the field EPSP",
}

#: Step -> where its label stands (inches from the top left) and which way it runs.
_LABELS: dict[str, tuple[float, float, Literal["left", "right"]]] = {
    "release": (_MIDDLE + 0.12, 1.35, "left"),
    "ampa": (2.5, 1.95, "right"),
    "inhibition": (_MIDDLE + 0.1, 3.06, "left"),
    "depolarization": (_LEFT + 0.12, 3.85, "left"),
    "unblock": (_RIGHT - 0.12, 3.85, "right"),
    "calcium NMDA": (_RIGHT - 0.12, 4.7, "right"),
    "calcium AMPA": (_LEFT + 0.12, 4.7, "left"),
    "calcium VGCC": (_MIDDLE + 0.1, 5.03, "left"),
    "thresholds": (_MIDDLE + 0.12, 5.9, "left"),
    "kinases": (_MIDDLE + 0.12, 6.8, "left"),
    "insertion": (_MIDDLE + 0.12, 7.6, "left"),
}

_HEAD: dict[str, Any] = {
    "arrowstyle": "-|>", "color": BLACK, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11,
}  # fmt: skip

#: Arrows without a number of their own.
_PLAIN = (("glutamate", "interneurons"), ("glutamate", "NMDA receptors"), ("depolarization", "calcium channels"))


@styled
def pathway_figure(
    control: SliceRun | Sequence[SliceRun], drug: SliceRun | Sequence[SliceRun] | None = None, title: str = ""
) -> Figure:
    """Draw what flowed from glutamate to the field EPSP in an induction, and what each step rests on.

    Parameters
    ----------
    control : SliceRun or sequence of SliceRun
        Several are averaged.
    drug : SliceRun or sequence of SliceRun, optional
        The same timetable with a drug.
    title : str
        Default: the induction and the baths.

    Returns
    -------
    Figure
        Values of the control in black, with drug in colour; at the right the grades of the numbers behind every step
        and the works whose findings are about it, both looked up in the library.

    Raises
    ------
    UsageError
        A run without an induction, or none that could be computed.
    """
    pathways = [read_pathway(control)] if drug is None else [read_pathway(control), read_pathway(drug)]
    figure = page(_WIDTH, _HEIGHT)
    notes = [
        *dict.fromkeys(note for p in pathways for note in p.notes),
        "means are over the 10 ms after each pulse; calcium entered is free calcium summed over the bout, per spine",
        "two thresholds on calcium stand for the kinases and phosphatases",
        "a source may be a measurement or a published model",
    ]
    foot = wrapped(pretty("; ".join(notes)), 1.1 * (_WIDTH - 0.7), SMALL)
    name = " and ".join(p.label for p in pathways)
    heading(figure, title or pretty(f"{pathways[0].bout}: {name}"), foot)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, _WIDTH)
    ax.set_ylim(_HEIGHT, 0)
    for number, step in enumerate(STEPS, 1):
        _arrow(ax, step.source, step.target, stops=step.id == "inhibition")
        _label(ax, step.id, number, step.quantities, pathways)
    for source, target in _PLAIN:
        _arrow(ax, source, target)
    for name, (x, y) in _BOXES.items():
        _box(ax, x, y, name)
    for pathway, colour in zip(pathways, SERIES, strict=False):
        _mark_targets(ax, pathway.compounds, colour)
    _key(ax, pathways)
    _evidence(ax, pathways)
    return figure


def _box(ax: Axes, x: float, y: float, text: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    w, h = _HALF
    ax.add_patch(
        FancyBboxPatch((x - w + 0.05, y - h + 0.05), 2 * w - 0.1, 2 * h - 0.1, boxstyle="round,pad=0.05",
                       facecolor="white", edgecolor=BLACK, linewidth=1.0, zorder=3)
    )  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", fontweight="bold", zorder=4)


def _arrow(ax: Axes, source: str, target: str, *, stops: bool = False) -> None:
    """Draw an arrow between the edges of two boxes, or a bar where it inhibits."""
    start, end = (_BOXES[name] for name in (source, target))
    if target == "spine calcium" and start[0] != end[0]:
        # around the boxes between: down, then to the side
        ax.plot([start[0], start[0]], [start[1] + _HALF[1], end[1]], color=BLACK, linewidth=1.3, zorder=2)
        start = (start[0], end[1])
        side = _HALF[0] if start[0] > end[0] else -_HALF[0]
        ax.annotate("", (end[0] + side, end[1]), start, arrowprops=_HEAD, zorder=2)
        return
    ax.annotate(
        "", _edge(end, start), _edge(start, end),
        arrowprops={**_HEAD, "arrowstyle": "-[,widthB=0.35,lengthB=0", "shrinkB": 2} if stops else _HEAD, zorder=2,
    )  # fmt: skip


def _edge(box: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Return where the line to another point leaves a box."""
    dx, dy = towards[0] - box[0], towards[1] - box[1]
    w, h = _HALF
    part = min(w / abs(dx) if dx else float("inf"), h / abs(dy) if dy else float("inf"))
    return box[0] + part * dx, box[1] + part * dy


def _value(observable: Observable) -> str:
    if not observable.known:
        return "not determined"
    sign = "+" if observable.id in ("receptors", "field") else ""
    unit = f"\u00a0{observable.unit}" if observable.unit else ""
    return pretty(f"{observable.value:{sign}.3g}{unit}").replace("-", "\u2212")


def _label(ax: Axes, step: str, number: int, quantities: Sequence[str], pathways: Sequence[Pathway]) -> None:
    """Write the number of a step and its fluxes, a line per quantity."""
    from matplotlib.offsetbox import AnnotationBbox, HPacker, TextArea, VPacker

    x, y, side = _LABELS[step]
    lines: list[Artist] = []
    for i, name in enumerate(quantities):
        parts: list[Artist] = []
        if i == 0:
            parts.append(TextArea(str(number), textprops={"color": GREY, "fontsize": SMALL, "fontweight": "bold"}))
        parts.append(TextArea(_SHORT[name], textprops={"color": GREY, "fontsize": SMALL}))
        for pathway, colour in zip(pathways, SERIES, strict=False):
            parts.append(TextArea(_value(pathway.fluxes[name]), textprops={"color": colour, "fontsize": SMALL}))
        lines.append(HPacker(children=parts, pad=0, sep=5, align="baseline"))
    block = VPacker(children=lines, pad=0, sep=1.5, align=side)
    ax.add_artist(
        AnnotationBbox(block, (x, y), xycoords="data", box_alignment=(0.0 if side == "left" else 1.0, 0.5), pad=0.15,
                       bboxprops={"facecolor": "white", "edgecolor": "none", "alpha": 0.85}, zorder=2.5)
    )  # fmt: skip


def _mark_targets(ax: Axes, compounds: Sequence[str], colour: str) -> None:
    """Write the compounds at the boxes that they act on."""
    marks: dict[str, list[str]] = {}
    for compound in compounds:
        for effect in actions_on(compound).effects:
            box = _ACTS_ON.get(Target(effect.target))
            if box is not None and effect.how in ("scheme", "block"):
                marks.setdefault(box, []).append(f"{compound} ({'modulates' if effect.how == 'scheme' else 'blocks'})")
    for box, found in marks.items():
        x, y = _BOXES[box]
        # away from the arrow that comes from the middle
        side, align = (_HALF[0], "right") if x > _MIDDLE else (-_HALF[0], "left")
        text = "\n".join(dict.fromkeys(found))
        ax.text(x + side, y - _HALF[1] - 0.06, text, ha=align, va="bottom", fontsize=SMALL, color=colour)


def _key(ax: Axes, pathways: Sequence[Pathway]) -> None:
    for i, (pathway, colour) in enumerate(zip(pathways, SERIES, strict=False)):
        ax.text(_LEFT - _HALF[0], 0.85 + 0.2 * i, pretty(pathway.label), fontsize=SMALL, color=colour, va="center")


def _evidence(ax: Axes, pathways: Sequence[Pathway]) -> None:
    """Write, per step, the grades of its numbers and whose findings are about it."""
    compounds = {c for p in pathways for c in p.compounds}
    blocks = []
    for number, step in enumerate(STEPS, 1):
        found = step_evidence(step.id, pathways[0].slice, compounds)
        works = f"findings: {', '.join(found.sources)}" if found.findings else "no finding in the library"
        blocks.append(
            (f"{number}  {step.source} → {step.target}", wrapped(f"numbers: {found.counts}; {works}", 3.7, SMALL))
        )
    x, y, line = _GRAPH + 0.25, 0.85, 0.135
    ax.text(x, y, "what each step rests on", fontweight="bold", va="center")
    total = sum(1 + text.count("\n") + 1 for _, text in blocks)
    gap = min(0.24, (_HEIGHT - 0.75 - 1.05 - total * line) / len(blocks))
    y = 1.1
    ax.plot([_GRAPH, _GRAPH], [0.7, _HEIGHT - 0.7], color=FAINT, linewidth=1.0)
    for head, text in blocks:
        ax.text(x, y, head, fontsize=SMALL, va="top")
        ax.text(x, y + line, text, fontsize=SMALL, color=GREY, va="top", linespacing=1.15)
        y += line * (2 + text.count("\n")) + gap
