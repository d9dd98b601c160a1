"""The concentration ruler: what a body reaches and what an effect needs, on one log axis, a row for every record."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from typing import TYPE_CHECKING, Any

from ..evidence.marks import Mark
from ..evidence.ruler import Ruler, span
from .style import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SMALL,
    VERMILLION,
    heading,
    page,
    pretty,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: kind -> (word of the first column, colour, marker, filled)
_LOOK: dict[str, tuple[str, str, str, bool]] = {
    "exposure": ("", BLUE, "o", True),
    "effect": ("effect", VERMILLION, "s", True),
    "constant": ("model", ORANGE, "^", True),
    "binding": ("binding", PURPLE, "D", False),
    "other": ("unexplained", BLACK, "v", False),
    "caution": ("caution", GREY, "|", True),
}
_ROW, _WIDTH, _LEFT, _LABEL, _SOURCE = 0.205, 9.6, 0.3, 3.3, 2.25


@dataclasses.dataclass(frozen=True)
class _Line:
    """One line of the ruler: a mark, a heading, or what is unknown of something."""

    word: str
    text: str
    mark: Mark | None = None
    head: bool = False
    unknown: str = ""
    source: str = ""


@styled
def ruler_figure(ruler: Ruler, title: str = "") -> Figure:
    """Draw a ruler on a page of its own.

    Parameters
    ----------
    ruler : Ruler
    title : str

    Returns
    -------
    Figure
    """
    height = 0.55 + ruler_height(ruler) + 0.1
    figure = page(_WIDTH, height)
    heading(figure, title or f"{ruler.compound.name}: concentrations")
    draw_ruler(figure, ruler, 0.5)
    return figure


def ruler_height(ruler: Ruler) -> float:
    """Return the height in inches that :func:`draw_ruler` needs."""
    return _ROW * len(_lines(ruler)) + 0.55 + _ROW * _notes(ruler)


def draw_ruler(figure: Figure, ruler: Ruler, top_in: float) -> Axes:
    """Draw a ruler over the width of a page, its top so far from the page's top.

    Returns
    -------
    Axes
        Of concentrations, uM.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    lines = _lines(ruler)
    width, height = figure.get_size_inches()
    tall = _ROW * len(lines)
    right = _SOURCE + 0.1
    ax = figure.add_axes(
        (
            (_LEFT + _LABEL) / width,
            1 - (top_in + tall) / height,
            (width - _LEFT - _LABEL - right) / width,
            tall / height,
        )
    )
    low, high = _limits(ruler)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(len(lines), 0)
    ax.spines["left"].set_visible(False)
    ax.yaxis.set_major_locator(NullLocator())
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    ax.xaxis.set_major_locator(FixedLocator([10.0**k for k in decades]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([_decade(k) for k in decades])
    for k in decades:
        ax.axvline(10.0**k, color=FAINT, linewidth=0.7, zorder=0)
    ax.set_xlabel("concentration")
    axis_in = width - _LEFT - _LABEL - right
    for i, line in enumerate(lines):
        _draw_line(ax, line, i + 0.5, axis_in)
    _draw_gap(ax, ruler, lines)
    for k, note in enumerate(_tension_notes(ruler)):
        y = 1 - (top_in + tall + 0.5 + _ROW * k) / height
        figure.text(_LEFT / width, y, note, fontsize=SMALL, color=GREY, va="top")
    return ax


def _decade(power: int) -> str:
    for least, unit in ((3, "mM"), (0, "µM"), (-3, "nM"), (-6, "pM")):
        if power >= least:
            return f"{10 ** (power - least)} {unit}"
    return f"1e{power} µM"


def _limits(ruler: Ruler) -> tuple[float, float]:
    ends = [v for m in ruler.marks if m.known for v in (m.low_uM, m.high_uM)] or [0.01, 100.0]
    low, high = math.floor(math.log10(min(ends)) - 0.15), math.ceil(math.log10(max(ends)) + 0.15)
    while high - low < 4:  # a ruler of two decades makes small gaps look large
        low, high = low - 1, high + (high - low < 3)
    return 10.0**low, 10.0**high


def _lines(ruler: Ruler) -> list[_Line]:
    own = [m for m in ruler.marks if m.compound == ruler.compound.id]
    lines = [_Line("", f"{ruler.compound.name}", head=True)]
    for m in own:
        if m.kind == "caution" and not m.known and m.what != "toxicity":
            continue
        lines.append(_line(m))
    others: dict[str, list[Mark]] = {}
    for m in ruler.of_metabolites():
        others.setdefault(m.compound, []).append(m)
    for compound, marks in others.items():
        lines.append(_Line("", f"{compound} (metabolite)", head=True))
        lines += [_line(m) for m in marks if m.known and m.kind != "caution"]
        missing = [m for m in marks if not m.known]
        if missing:
            words = ", ".join(dict.fromkeys(m.matrix if m.kind == "exposure" else m.kind for m in missing))
            whys = "; ".join(dict.fromkeys(m.unknown or "" for m in missing))
            lines.append(_Line("", words, unknown=whys))
    return lines


def _line(mark: Mark) -> _Line:
    word = mark.matrix if mark.kind == "exposure" else _LOOK[mark.kind][0]
    if mark.kind == "exposure" and mark.species not in (None, "human"):
        word += f", {mark.species}"
    text = mark.what if mark.what != mark.matrix else ""
    if mark.target is not None and mark.kind in ("effect", "constant", "binding"):
        text = f"{_short(mark.target)}: {text}" if text != "effect" else _short(mark.target)
    source = mark.standing if mark.standing not in ("reported", "unknown") else ""
    if mark.sources:
        source = f"{mark.sources[0]}{f' +{len(mark.sources) - 1}' if len(mark.sources) > 1 else ''}" + (
            f", {source}" if source else ""
        )
    return _Line(word, text, mark if mark.known else None, unknown=mark.unknown or "", source=source)


def _short(target: str) -> str:
    return target.removesuffix(" receptor").removesuffix(" receptors")


def _draw_line(ax: Axes, line: _Line, y: float, axis_in: float) -> None:
    from matplotlib.transforms import blended_transform_factory

    across = blended_transform_factory(ax.transAxes, ax.transData)

    def write(x_in: float, text: str, **options: Any) -> None:
        ax.text(x_in / axis_in, y, text, transform=across, fontsize=SMALL, va="center", **options)

    if line.head:
        write(-_LABEL, line.text, fontweight="bold")
        ax.axhline(y - 0.5, color=LIGHT, linewidth=0.6, zorder=0, clip_on=False)
        return
    shade = BLACK if line.mark is not None else GREY
    write(-_LABEL, line.word, color=shade)
    start = 0.92 if line.word else 0.0
    write(-_LABEL + start, textwrap.shorten(pretty(line.text), 38 if start else 54, placeholder=" …"), color=shade)
    if line.mark is None:
        text = textwrap.shorten(f"unknown: {line.unknown}", int((axis_in + _SOURCE) * 14.2), placeholder=" …")
        write(0.05, text, color=GREY, style="italic")
        return
    write(axis_in + 0.12, textwrap.shorten(line.source, 38, placeholder=" …"), color=GREY)
    _draw_mark(ax, line.mark, y)


def _draw_mark(ax: Axes, mark: Mark, y: float) -> None:
    _, colour, marker, filled = _LOOK[mark.kind]
    if mark.kind == "caution":
        left, right = ax.get_xlim()
        end = mark.low_uM * math.exp(0.04 * math.log(right / left))
        ax.annotate("", (end, y), (mark.low_uM, y), arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.9})
        ax.plot([mark.low_uM], [y], "|", color=GREY, markersize=7)
        _write_place(ax, mark, y, 0.05)
        return
    simulated = mark.standing == "simulated"
    if simulated:
        colour = GREEN
    face = colour if filled and mark.standing in ("reported", "computed", "simulated", "calibrated") else "white"
    if mark.high_uM > mark.low_uM:
        ax.plot([mark.low_uM, mark.high_uM], [y, y], color=colour, linewidth=3.2, solid_capstyle="butt", zorder=2,
                alpha=0.55)  # fmt: skip
        ax.plot([mark.low_uM, mark.high_uM], [y, y], "|", color=colour, markersize=7, zorder=3)
    else:
        ax.plot([mark.low_uM], [y], marker, color=colour, markerfacecolor=face, markersize=5.5, zorder=3)
    _write_place(ax, mark, y, 0.018)


def _write_place(ax: Axes, mark: Mark, y: float, apart: float) -> None:
    """Write where a mark lies to its right, or to its left where the axis ends."""
    left, right = ax.get_xlim()
    text, whole = _text(mark), math.log(right / left)
    needed = apart + len(text) * 0.0155
    if math.log(right / mark.high_uM) / whole > needed:
        ax.text(mark.high_uM * math.exp(whole * apart), y, text, fontsize=SMALL - 1, color=GREY, va="center")
    else:
        x = mark.low_uM * math.exp(-whole * 0.018)
        ax.text(x, y, text, fontsize=SMALL - 1, color=GREY, va="center", ha="right")


def _text(mark: Mark) -> str:
    return pretty(span(mark))


def _draw_gap(ax: Axes, ruler: Ruler, lines: list[_Line]) -> None:
    """Draw an arrow from the highest exposure to the lowest effect, over the lane between them."""
    if not ruler.gap.known:
        return
    top = max(ruler.exposures, key=lambda m: m.high_uM)
    low = min(ruler.effects, key=lambda m: m.low_uM)
    shown = [line.mark for line in lines]
    if top not in shown or low not in shown:
        return
    start, end = shown.index(top) + 0.5, shown.index(low) + 0.5
    ax.plot([top.high_uM] * 2, [start, end], color=BLACK, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
    if abs(ruler.gap.value) < 0.3:
        return
    ax.annotate("", (low.low_uM, end), (top.high_uM, end),
                arrowprops={"arrowstyle": "<->", "color": BLACK, "lw": 1.0, "shrinkA": 0, "shrinkB": 4})  # fmt: skip
    left, right = ax.get_xlim()
    short = abs(ruler.gap.value) / math.log10(right / left) < 0.25  # no room between the two
    middle = min(low.low_uM, top.high_uM) * 0.9 if short else math.sqrt(low.low_uM * top.high_uM)
    way = "below" if ruler.gap.value > 0 else "above"
    text = f"{abs(ruler.gap.value):.1f} orders {way}"
    place: Any = {"ha": "right", "va": "center"} if short else {"ha": "center", "va": "bottom"}
    ax.text(middle, end if short else end - 0.12, text, fontsize=SMALL, fontweight="bold", zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6}, **place)  # fmt: skip


def _tension_notes(ruler: Ruler) -> list[str]:
    """Return the tensions, broken into lines of the page's width."""
    return [
        part for t in ruler.tensions for part in textwrap.wrap(pretty(f"Tension: {t}"), 138, subsequent_indent="    ")
    ]


def _notes(ruler: Ruler) -> int:
    return len(_tension_notes(ruler))
