"""Model against published findings, one row each: failures first, told by marker and colour."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .style import BLACK, BLUE, FAINT, GREY, LIGHT, NORMAL, ORANGE, SMALL, VERMILLION, bare, heading, page, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..evidence.scoring import Verdict

#: colour, marker and whether it is filled
LOOKS = {
    "fail": (VERMILLION, "X", True),
    "near": (ORANGE, "^", True),
    "pass": (BLUE, "o", True),
    "calibration": (GREY, "D", False),
}
ORDER = ("fail", "near", "pass", "calibration")
ROW_IN = 0.205
#: ratios beyond this are drawn at the edge, with an arrow head
WIDEST = 30.0


@dataclasses.dataclass(frozen=True)
class _Row:
    """A finding on a ratio axis."""

    verdict: Verdict
    model: float
    interval: tuple[float, float] | None
    band: tuple[float, float] | None  # published range, or margin of a null
    arrow: int  # published direction: 1, -1 or 0


def split(verdicts: Sequence[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    """Return findings with a published number, and directions, orders and nulls; failures first in both."""
    shown = [v for v in verdicts if v.verdict in LOOKS and math.isfinite(v.model)]
    shown.sort(key=lambda v: (ORDER.index(v.verdict), -v.miss if math.isfinite(v.miss) else 0.0, v.id))
    numbers = [v for v in shown if not isinstance(v.published, str)]
    return numbers, [v for v in shown if isinstance(v.published, str)]


def counts(verdicts: Sequence[Verdict]) -> str:
    """Return how many verdicts there are of each kind, as text."""
    words = (*ORDER, "not simulable")
    found = {w: sum(v.verdict == w for v in verdicts) for w in words}
    return ", ".join(f"{n} {w}" for w, n in found.items() if n) or "no findings"


def _experiment(verdict: Verdict) -> tuple[str, float | None, str]:
    """Return how the model was compared, and the tolerance and its kind, where the library knows the finding."""
    from ..errors import PotentiateError
    from ..library.finding import NoExperiment, find_finding

    try:
        experiment = find_finding(verdict.id).experiment
    except PotentiateError:
        return ("difference_percent" if verdict.unit == "%" else "ratio"), None, ""
    if isinstance(experiment, NoExperiment):
        return "ratio", None, ""
    return experiment.compare, experiment.tolerance.value, experiment.tolerance.kind


def _row(v: Verdict) -> _Row | None:
    """Return a finding as ratios; None where no ratio can be formed."""
    compare, tolerance, kind = _experiment(v)

    def fold(x: float) -> float:
        return 1.0 + x / 100.0 if compare == "difference_percent" else x

    spread = None if v.interval is None else (fold(v.interval[0]), fold(v.interval[1]))
    arrow, reference = 0, 1.0
    band: tuple[float, float] | None = None
    if isinstance(v.published, tuple):
        low, high = (fold(x) for x in v.published)
        if low <= 0:
            return None
        reference = math.sqrt(low * high)
        band = (low / reference, high / reference)
    elif isinstance(v.published, str):
        if compare == "value" and v.published != "order":
            return None
        arrow = {"decrease": -1, "increase": 1, "order": 1}.get(v.published, 0)
        if v.published == "no change" and tolerance is not None:
            wide = fold(tolerance) if kind == "absolute" and compare == "difference_percent" else tolerance
            wide = 1.0 + tolerance if kind == "absolute" and compare != "difference_percent" else wide
            band = (1 / wide, wide)
    else:
        reference = fold(v.published)
        if kind == "factor" and tolerance is not None:
            band = (1 / tolerance, tolerance)
        elif kind == "absolute" and tolerance is not None and fold(v.published - tolerance) > 0 < reference:
            band = (fold(v.published - tolerance) / reference, fold(v.published + tolerance) / reference)
    if reference <= 0 or fold(v.model) <= 0:
        return None
    if spread is not None:
        spread = (max(spread[0], 1e-9) / reference, max(spread[1], 1e-9) / reference)
    return _Row(v, fold(v.model) / reference, spread, band, arrow)


def _draw_rows(ax: Axes, verdicts: Sequence[Verdict], axis_label: str) -> None:
    """Draw rows on a ratio axis, first on top; names to the left."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    rows = [_row(v) for v in verdicts]
    reach = [abs(math.log(x)) for r in rows if r for x in (r.model, *(r.interval or ()), *(r.band or ())) if x > 0]
    wide = min(max([math.log(2.2), *(1.12 * x for x in reach)]), math.log(WIDEST))
    ax.set_xscale("log")
    ax.set_xlim(math.exp(-wide), math.exp(wide))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.axvline(1.0, color=BLACK, linewidth=0.8, zorder=1)
    for y, (v, row) in enumerate(zip(verdicts, rows, strict=True)):
        colour, marker, filled = LOOKS[v.verdict]
        if y % 2:
            ax.axhspan(y - 0.5, y + 0.5, color="#F6F6F6", zorder=0, linewidth=0)
        if row is None:
            ax.text(0.5, y, "no ratio: see the numbers", transform=ax.get_yaxis_transform(), fontsize=SMALL, color=GREY,
                    ha="center", va="center")  # fmt: skip
            continue
        if row.band:
            ax.plot(row.band, [y, y], color=LIGHT, linewidth=7.0, solid_capstyle="butt", zorder=1.5)
        if row.arrow:
            ax.annotate(
                "", (math.exp(0.93 * wide * row.arrow), y), (1.0, y), zorder=1.6,
                arrowprops={"arrowstyle": "-|>,head_width=0.32,head_length=0.5", "color": LIGHT, "linewidth": 3.0,
                            "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        edge = math.exp(wide)
        if row.interval:
            ax.plot([max(row.interval[0], 1 / edge), min(row.interval[1], edge)], [y, y], color=colour, linewidth=1.3,
                    zorder=2)  # fmt: skip
        beyond = row.model > edge or row.model < 1 / edge
        at = min(max(row.model, 1 / edge), edge)
        ax.plot(
            [at], [y], marker=(">" if row.model > 1 else "<") if beyond else marker, color=colour, markersize=6.0,
            markerfacecolor=colour if filled else "white", markeredgewidth=1.1, zorder=3, clip_on=False,
            linestyle="none",
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [v.id for v in verdicts])
    ax.tick_params(axis="y", length=0, pad=3)
    for spine in ("left", "top"):
        ax.spines[spine].set_visible(False)
    steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20] if wide > math.log(3.2) else [0.33, 0.5, 0.7, 1, 1.5, 2, 3]
    ax.xaxis.set_major_locator(FixedLocator([s for s in steps if abs(math.log(s)) <= wide]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(axis_label)


def _number(x: float) -> str:
    return f"{x:.3g}" if 1e-3 <= abs(x) < 1e4 or x == 0 else f"{x:.1e}"


def _texts(v: Verdict) -> tuple[str, str]:
    """Return the published and the model's value as text."""
    unit = "" if v.unit in (None, "ratio", "fold") else f" {v.unit}"
    published = v.published
    if isinstance(published, tuple):
        said = f"{_number(published[0])}–{_number(published[1])}{unit}"
    else:
        said = published if isinstance(published, str) else f"{_number(published)}{unit}"
    model = _number(v.model)
    if v.interval is not None and v.interval[0] != v.interval[1]:
        model += f" ({_number(v.interval[0])} to {_number(v.interval[1])})"
    return said, model


def height_in(verdicts: Sequence[Verdict], columns: bool = True) -> float:
    """Return the height that :func:`draw_agreement` needs, inches."""
    parts = [len(p) for p in split(verdicts) if p]
    return sum(n * ROW_IN + 0.78 for n in parts) + (0.28 if columns else 0.6)


@styled
def draw_agreement(
    figure: Figure,
    verdicts: Sequence[Verdict],
    box_in: tuple[float, float, float, float],
    *,
    columns: bool = True,
    names_in: float = 1.95,
) -> int:
    """Draw the agreement of model and findings into a part of a page.

    Parameters
    ----------
    figure : Figure
    verdicts : sequence of Verdict
    box_in : (left, bottom, width, height)
        Inches. Rows that do not fit are left out, passes first, and counted under the figure.
    columns : bool
        Write published and model values to the right.
    names_in : float
        Room for the names of findings.

    Returns
    -------
    int
        How many findings were left out.
    """
    left, bottom, width, height = box_in
    page_width, page_height = figure.get_size_inches()
    both = list(split(verdicts))
    left_out = 0
    while height_in([v for part in both for v in part], columns) > height + 1e-6 and any(both):
        candidates = [(ORDER.index(part[-1].verdict) % 3, len(part), i) for i, part in enumerate(both) if part]
        both[max(candidates)[2]].pop()
        left_out += 1
    text_in = 2.55 if columns else 0.0
    top = bottom + height - 0.28
    _legend(figure, verdicts, left, bottom + height)
    sections = (
        (both[0], "Numbers", "model / published", "grey: tolerated, or the published range"),
        (both[1], "Directions and nulls", "model, drug / control", "arrow: published direction; grey: margin of null"),
    )
    for rows, name, axis_label, note in sections:
        if not rows:
            continue
        tall = len(rows) * ROW_IN
        figure.text(left / page_width, (top - 0.06) / page_height, name, fontsize=NORMAL, fontweight="bold", va="top")
        if columns:
            figure.text((left + names_in) / page_width, (top - 0.06) / page_height, note, fontsize=SMALL, color=GREY,
                        va="top")  # fmt: skip
        ax = figure.add_axes((
            (left + names_in) / page_width, (top - 0.28 - tall) / page_height,
            (width - names_in - text_in - 0.05) / page_width, tall / page_height,
        ))  # fmt: skip
        _draw_rows(ax, rows, axis_label)
        if columns:
            _columns(ax, rows, (width - names_in - text_in - 0.05), text_in)
        top -= tall + 0.78
    if any(both) and not columns:
        key = "grey bar: tolerated, published range, or margin of a null\ngrey arrow: published direction"
        figure.text((left + width) / page_width, (top - 0.02) / page_height, key, fontsize=SMALL, color=GREY, va="top",
                    ha="right", linespacing=1.35)  # fmt: skip
    if not any(both):
        figure.text(left / page_width, (top - 0.1) / page_height, "no finding is simulable", fontsize=SMALL, color=GREY,
                    va="top")  # fmt: skip
    return left_out


def _columns(ax: Axes, rows: Sequence[Verdict], axes_in: float, text_in: float) -> None:
    for x, name in ((0.12, "published"), (1.08, "model (interval)")):
        ax.text(1 + x / axes_in, -0.62, name, transform=ax.get_yaxis_transform(), fontsize=SMALL, color=GREY,
                va="bottom")  # fmt: skip
        for y, v in enumerate(rows):
            ax.text(1 + x / axes_in, y, _texts(v)[x > 1], transform=ax.get_yaxis_transform(), fontsize=SMALL,
                    va="center")  # fmt: skip


def _legend(figure: Figure, verdicts: Sequence[Verdict], left: float, top: float) -> None:
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    handles = []
    for word in ORDER:
        if n := sum(v.verdict == word and math.isfinite(v.model) for v in verdicts):
            colour, marker, filled = LOOKS[word]
            handles.append(Line2D([], [], color=colour, marker=marker, markersize=6, linestyle="none",
                                  markerfacecolor=colour if filled else "white", label=f"{n} {word}"))  # fmt: skip
    if handles:
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(left / width, top / height), ncols=len(handles),
            columnspacing=1.1, handletextpad=0.1, borderaxespad=0.0,
        )  # fmt: skip


@styled
def agreement_figure(verdicts: Sequence[Verdict], title: str = "") -> Figure:
    """Draw every simulable finding: published against model, failures first.

    Parameters
    ----------
    verdicts : sequence of Verdict
    title : str

    Returns
    -------
    Figure
        Findings with a number on an axis of model over published; directions, orders and nulls on an axis of drug
        over control, with the published direction as an arrow and the margin of a null as a band. Markers are the
        median of the ensemble, whiskers its interval.
    """
    width, height = 8.6, height_in(verdicts) + 0.95
    figure = page(width, max(height, 1.8))
    heading(figure, title, f"{counts(verdicts)}. Marker: median of the schemes; line: their span (90 % from 20 on).")
    draw_agreement(figure, verdicts, (0.35, 0.4, width - 0.7, max(height, 1.8) - 0.9))
    return figure


def no_agreement(ax: Axes, text: str) -> None:
    """Say on axes why there is nothing to compare."""
    bare(ax)
    ax.text(0, 1, text, fontsize=SMALL, color=GREY, va="top", bbox={"facecolor": FAINT, "edgecolor": "none"})
