"""What a query found: a harvest plot by level and direction, and a forest of folds where there are any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..library.vocabulary import Direction
from .style import BLACK, BLUE, FAINT, GREEN, GREY, LIGHT, NORMAL, ORANGE, PURPLE, SMALL, heading, page, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..library.finding import Finding

_SIDES = ("decrease", "none", "increase", "unspecified")
_NAMES = {
    "decrease": "decrease\nor worse", "none": "no effect", "increase": "increase\nor better",
    "unspecified": "no direction",
}  # fmt: skip
_DESIGNS = {"RCT": BLUE, "meta-analysis": BLACK, "human-obs": PURPLE, "animal": ORANGE, "in-vitro": GREEN}
_ROW, _LINE, _MOST = 0.42, 0.24, 30
#: Marks in one cell: three lines of twelve.
_FULL = 36


@styled
def harvest_figure(asked: str, findings: Sequence[Finding]) -> Figure:
    """Draw what a query found."""
    levels = list(dict.fromkeys(f.level for f in findings))
    forest = [(f, *span) for f in findings if (span := fold_of(f)) is not None]
    shown = forest[:_MOST]
    top, tall = 0.75, max(_ROW * len(levels), 0.5)
    below = _LINE * len(shown) + 0.55 if shown else 0.0
    height = top + tall + 0.62 + below + 0.35
    figure = page(8.4, height)
    more = f"; the first {len(shown)} of {len(forest)} folds below" if len(forest) > len(shown) else ""
    heading(figure, wrapped(f"{asked}: {len(findings)} findings", 7.6, 11.0), f"One mark is a finding{more}.")
    ax = figure.add_axes((0.13, 1 - (top + tall) / height, 0.68, tall / height))
    _harvest(ax, levels, findings)
    for i, (name, colour) in enumerate([*_DESIGNS.items(), ("other", GREY)]):
        y = 1 - (top + 0.08 + 0.19 * i) / height
        figure.text(0.835, y, "\u25cf", color=colour, fontsize=NORMAL, va="center")
        figure.text(0.857, y, name, fontsize=SMALL, va="center")
    if shown:
        low = figure.add_axes((0.34, 0.72 / height, 0.47, _LINE * len(shown) / height))
        _forest(low, shown)
    return figure


def side_of(f: Finding) -> Direction | str:
    """Return the column of a finding: what a person gains counts as up."""
    if f.human is not None:
        told = {"benefit": "increase", "no benefit": "none", "worse": "decrease", "harm": "decrease",
                "no harm seen": "none"}  # fmt: skip
        return told.get(f.human.result, "unspecified")
    if f.effect.kind == "null":
        return "none"
    return f.effect.direction


def fold_of(f: Finding) -> tuple[float, float, float] | None:
    """Return low, middle and high as folds, where a finding gives a fold or a change in per cent; else None."""
    e = f.effect
    if e.unit not in ("fold", "%") or e.kind not in ("value", "range"):
        return None
    if f.level == "pk" and e.direction == "unspecified":
        return None  # a bioavailability or a partition is no effect
    # a share of people or of receptors is in per cent too: only what calls itself a change is one
    if e.unit == "%" and "change" not in f.observable and getattr(f.experiment, "compare", "") != "difference_percent":
        return None
    numbers = [e.value] if e.value is not None else [e.low, e.high]
    if any(n is None for n in numbers):
        return None
    spread = f.uncertainty.value if f.uncertainty.type in ("SD", "SEM") and f.uncertainty.value else 0.0
    values = [float(n) for n in numbers if n is not None]
    low, high = values[0] - spread, values[-1] + spread
    if e.unit == "%":
        low, high, values = 1 + low / 100, 1 + high / 100, [1 + v / 100 for v in values]
    middle = math.sqrt(values[0] * values[-1]) if min(values) > 0 else 0.0
    return (low, middle, high) if low > 0 and middle > 0 else None


def _harvest(ax: Axes, levels: Sequence[str], findings: Sequence[Finding]) -> None:
    for row, level in enumerate(levels):
        ax.axhline(row, color=FAINT, lw=0.8, zorder=0)
        for column, side in enumerate(_SIDES):
            here = [f for f in findings if f.level == level and side_of(f) == side]
            here.sort(key=lambda f: f.design)
            for i, f in enumerate(here[:_FULL]):
                x, y = column - 0.43 + 0.068 * (i % 12), row + (i // 12 - min((len(here) - 1) // 12, 2) / 2) * 0.27
                ax.scatter([x + 0.03], [y], s=17, color=_DESIGNS.get(f.design, GREY), lw=0, zorder=3)
            if len(here) > _FULL:
                told = f"+{len(here) - _FULL}"
                ax.text(column + 0.485, row, told, fontsize=SMALL - 1.5, ha="right", va="center", color=GREY)
    ax.set_ylim(max(len(levels), 1) - 0.5, -0.5)
    ax.set_xlim(-0.5, len(_SIDES) - 0.5)
    ax.set_yticks(range(len(levels)), levels)
    ax.set_xticks(range(len(_SIDES)), [_NAMES[s] for s in _SIDES])
    for edge in (0.5, 1.5, 2.5):
        ax.axvline(edge, color=LIGHT, lw=0.6)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if not levels:
        ax.text(1.5, 0, "nothing on record", ha="center", va="center", color=GREY)


def _forest(ax: Axes, shown: Sequence[tuple[Finding, float, float, float]]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.set_xscale("log")
    ax.axvline(1.0, color=LIGHT, lw=0.8)
    for i, (f, low, middle, high) in enumerate(shown):
        colour = _DESIGNS.get(f.design, GREY)
        if high > low:
            ax.plot([low, high], [i, i], color=colour, lw=1.4)
        ax.scatter([middle], [i], s=20, color=colour, zorder=3, lw=0)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    low, high = min(x[1] for x in shown), max(x[3] for x in shown)
    ax.set_xlim(min(low, 1.0) / 1.3, max(high, 1.0) * 1.3)
    ax.set_yticks(range(len(shown)), [f.id for f, *_ in shown], fontsize=SMALL - 0.5)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    if max(high, 1.0) / min(low, 1.0) < 12:
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if min(low, 1.0) / 1.3 <= t <= max(high, 1.0) * 1.3]
        ax.set_xticks(ticks)
    ax.set_xlabel("fold, as printed (bars: range, SD or SEM)")
