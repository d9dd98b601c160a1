"""Forest plots of a validation: published value and model, one row per finding, observable by observable."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..evidence.board import group_of, laboratory
from ..library.finding import ComparisonDoc, NoExperiment
from .style import BLACK, BLUE, FAINT, GREY, LIGHT, NORMAL, ORANGE, SMALL, VERMILLION, heading, page, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..evidence.validation import Scored
    from ..library.finding import Finding

#: colour of the model's diamond and whether it is filled
LOOKS = {
    "fail": (VERMILLION, True),
    "near": (ORANGE, True),
    "pass": (BLUE, True),
    "calibration": (GREY, False),
}
ORDER = ("fail", "near", "pass", "calibration")
#: Height of a row and of a heading, inches.
ROW_IN, HEAD_IN = 0.2, 0.34
#: Ratios beyond this are drawn at the edge.
WIDEST = 30.0
#: Room for names, plot and texts, inches.
NAMES_IN, PLOT_IN, TEXT_IN = 2.25, 3.2, 4.1


@dataclasses.dataclass(frozen=True)
class Row:
    """A finding on an axis of model over published, or of drug over control where nothing but a direction is published.

    Attributes
    ----------
    scored : Scored
    model : float
    interval, published, allowed : (float, float) or None
        Spread of the model; error or range of the published value; what passes.
    arrow : int
        Published direction: 1, -1 or 0.
    """

    scored: Scored
    model: float
    interval: tuple[float, float] | None
    published: tuple[float, float] | None
    allowed: tuple[float, float] | None
    arrow: int


def forest_row(s: Scored) -> Row | None:
    """Return a finding as ratios; None where no ratio can be formed.

    Parameters
    ----------
    s : Scored
    """
    experiment, effect, verdict = s.finding.experiment, s.finding.effect, s.verdict
    if isinstance(experiment, NoExperiment) or not math.isfinite(verdict.model):
        return None
    percent = experiment.compare == "difference_percent"

    def fold(x: float) -> float:
        return 1.0 + x / 100.0 if percent else x

    reference, arrow, published = 1.0, 0, None
    if effect.kind == "value" and effect.value is not None:
        reference = fold(effect.value)
        published = _error(s.finding, fold)
    elif effect.kind == "range" and effect.low is not None and effect.high is not None:
        low, high = fold(effect.low), fold(effect.high)
        if low <= 0:
            return None
        reference, published = math.sqrt(low * high), (low, high)
    elif effect.kind in ("null", "direction"):
        if experiment.compare == "value":
            return None
        arrow = {"increase": 1, "decrease": -1}.get(effect.direction, 0) if effect.kind == "direction" else 0
    else:  # an order: the larger over the smaller
        arrow = 1
    model = fold(verdict.model)
    if reference <= 0 or model <= 0:
        return None

    def ratios(pair: tuple[float, float] | None) -> tuple[float, float] | None:
        return None if pair is None else (max(pair[0], 1e-9) / reference, max(pair[1], 1e-9) / reference)

    interval = None if verdict.interval is None else (fold(verdict.interval[0]), fold(verdict.interval[1]))
    allowed = _allowed(s.finding, experiment, fold)
    return Row(s, model / reference, ratios(interval), ratios(published), ratios(allowed), arrow)


def _error(finding: Finding, fold: Callable[[float], float]) -> tuple[float, float] | None:
    error, value = finding.uncertainty, finding.effect.value
    if error.value is None or value is None or error.type not in ("SD", "SEM", "CI95", "ambiguous"):
        return None
    return fold(value - error.value), fold(value + error.value)


def _allowed(finding: Finding, experiment: ComparisonDoc, fold: Callable[[float], float]) -> tuple[float, float] | None:
    effect, tolerance = finding.effect, experiment.tolerance
    low, high = (effect.value, effect.value) if effect.kind == "value" else (effect.low, effect.high)
    if effect.kind == "null":
        neutral = 0.0 if experiment.compare == "difference_percent" else 1.0
        low = high = neutral
    if low is None or high is None or tolerance.value is None:
        return None
    if tolerance.kind == "factor":
        return fold(low) / tolerance.value, fold(high) * tolerance.value
    if tolerance.kind == "absolute":
        return fold(low - tolerance.value), fold(high + tolerance.value)
    error = finding.uncertainty.value
    if tolerance.kind == "sem" and finding.uncertainty.type != "SEM":
        error = tolerance.sem
    if tolerance.kind in ("z", "sem") and error is not None:
        return fold(low - tolerance.value * error), fold(high + tolerance.value * error)
    return None


def sections(scored: Sequence[Scored]) -> list[tuple[str, list[Scored]]]:
    """Return the findings with a value of the model by group of observables; groups with most fails first."""
    found: dict[str, list[Scored]] = {}
    for s in scored:
        if math.isfinite(s.verdict.model) and s.verdict.verdict in LOOKS:
            found.setdefault(group_of(s.finding), []).append(s)
    for rows in found.values():
        rows.sort(key=lambda s: (ORDER.index(s.verdict.verdict), s.finding.id))

    def worst(name: str) -> tuple[int, str]:
        return -sum(s.verdict.verdict == "fail" for s in found[name]), name

    return [(name, found[name]) for name in sorted(found, key=worst)]


@styled
def forest_figure(scored: Sequence[Scored], title: str) -> Figure:
    """Draw a forest plot of the findings that have a value of the model.

    Parameters
    ----------
    scored : sequence of Scored
    title : str

    Returns
    -------
    Figure
        Squares: published (1 on the axis), with its error or range; larger with more cells or animals, hollow where a
        seller published it. Grey band: what passes. Diamonds: median of the model with its interval, by verdict. An
        arrow is a published direction; two findings in tension are joined at the right.
    """
    parts = sections(scored)
    rows = sum(len(found) for _, found in parts)
    width = NAMES_IN + PLOT_IN + TEXT_IN + 0.5
    height = max(rows * ROW_IN + len(parts) * HEAD_IN + 1.55, 1.8)
    figure = page(width, height)
    counts = {word: sum(s.verdict.verdict == word for _, found in parts for s in found) for word in ORDER}
    told = ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "no finding is simulable"
    heading(
        figure, title,
        f"{told}. Square: published, with its error or range (hollow: a seller's); diamond: model, median and\n"
        "interval; grey: what passes; arrow: published direction; bracket at the right: in tension. Axis: model over "
        "published, or drug over control.",
    )  # fmt: skip
    if not parts:
        return figure
    bottom = 0.78
    ax = figure.add_axes((
        (NAMES_IN + 0.2) / width, bottom / height, PLOT_IN / width, (height - bottom - 0.5) / height,
    ))  # fmt: skip
    _draw(ax, parts)
    return figure


def _draw(ax: Axes, parts: Sequence[tuple[str, list[Scored]]]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    made = [(name, [(s, forest_row(s)) for s in found]) for name, found in parts]
    reach = [
        abs(math.log(x))
        for _, found in made
        for _, row in found
        if row
        for x in (row.model, *(row.interval or ()), *(row.published or ()))
        if x > 0
    ]
    wide = min(max([math.log(2.2), *(1.1 * x for x in reach)]), math.log(WIDEST))
    edge = math.exp(wide)
    ax.set_xscale("log")
    ax.set_xlim(1 / edge, edge)
    y, at, text = 0.0, {}, ax.get_yaxis_transform()
    for name, found in made:
        y += HEAD_IN / ROW_IN
        ax.text(-NAMES_IN / PLOT_IN, y - 0.85, name, transform=text, fontsize=NORMAL, fontweight="bold", va="center")
        ax.plot([-NAMES_IN / PLOT_IN, 1 + TEXT_IN / PLOT_IN], [y - 0.45] * 2, transform=text, color=FAINT,
                linewidth=0.8, clip_on=False)  # fmt: skip
        for s, row in found:
            at[s.finding.id] = y
            _one(ax, s, row, y, edge)
            y += 1.0
    ax.set_ylim(y - 0.4, 0.0)
    ax.axvline(1.0, color=BLACK, linewidth=0.8, zorder=1)
    ax.set_yticks([])
    for spine in ("left", "top"):
        ax.spines[spine].set_visible(False)
    steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20] if wide > math.log(3.2) else [0.33, 0.5, 0.7, 1, 1.5, 2, 3]
    ax.xaxis.set_major_locator(FixedLocator([x for x in steps if abs(math.log(x)) <= wide]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("model / published   (drug / control for a direction or null)")
    for x, head in zip(_COLUMNS, ("published", "model (interval)", "whose"), strict=True):
        ax.text(1 + x / PLOT_IN, 0.35, head, transform=text, fontsize=SMALL, color=GREY, va="center")
    _join(ax, made, at)


#: Where the texts at the right begin, inches from the axes.
_COLUMNS = (0.22, 1.3, 3.1)


def _one(ax: Axes, s: Scored, row: Row | None, y: float, edge: float) -> None:
    text = ax.get_yaxis_transform()
    ax.text(-0.1 / PLOT_IN, y, s.finding.id, transform=text, fontsize=SMALL, ha="right", va="center")
    said, model = _texts(s)
    whose = laboratory(s.finding)
    for x, what in zip(_COLUMNS, (said, model, whose if len(whose) <= 16 else whose[:15] + "…"), strict=True):
        ax.text(1 + x / PLOT_IN, y, what, transform=text, fontsize=SMALL, va="center")
    if row is None:
        told = s.verdict.score.split(", allowed")[0].split(", asked")[0].split(", margin")[0]
        ax.text(0.5, y, told, transform=text, fontsize=SMALL, color=LOOKS[s.verdict.verdict][0], ha="center",
                va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5}, zorder=3)  # fmt: skip
        return

    def inside(x: float) -> float:
        return min(max(x, 1 / edge), edge)

    if row.allowed:
        ax.plot([inside(x) for x in row.allowed], [y, y], color=FAINT, linewidth=8.5, zorder=1.2)
    if row.arrow:
        ax.annotate(
            "", (edge ** (0.9 * row.arrow), y), (1.0, y), zorder=1.4,
            arrowprops={"arrowstyle": "-|>,head_width=0.28,head_length=0.45", "color": LIGHT, "linewidth": 2.2,
                        "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    numeric = s.finding.effect.kind in ("value", "range")
    if numeric:
        if row.published:
            ax.plot([inside(x) for x in row.published], [y - 0.18] * 2, color=BLACK, linewidth=1.0, zorder=2)
        size = 3.2 + 1.1 * math.log10(s.finding.n or 1)
        hollow = s.finding.design == "vendor"
        ax.plot([1.0], [y - 0.18], marker="s", color=BLACK, markersize=size, zorder=2.2, linestyle="none",
                markerfacecolor="white" if hollow else BLACK)  # fmt: skip
    colour, filled = LOOKS[s.verdict.verdict]
    below = y + 0.16 if numeric else y
    if row.interval:
        ax.plot([inside(x) for x in row.interval], [below, below], color=colour, linewidth=1.3, zorder=2.4)
    beyond = ">" if row.model > edge else "<" if row.model < 1 / edge else ""
    ax.plot([inside(row.model)], [below], marker=beyond or "D", color=colour, markersize=5.2, zorder=3, clip_on=False,
            markerfacecolor=colour if filled else "white", markeredgewidth=1.0, linestyle="none")  # fmt: skip


def _join(ax: Axes, made: Sequence[tuple[str, list[tuple[Scored, Row | None]]]], at: dict[str, float]) -> None:
    """Join pairs in tension that are on this plot by a bracket at the right."""
    pairs = {
        (a, b) if at[a] < at[b] else (b, a)
        for _, found in made
        for s, _ in found
        for a, b in [(s.finding.id, other) for other in s.finding.tension]
        if a in at and b in at
    }
    text = ax.get_yaxis_transform()
    for lane, (a, b) in enumerate(sorted(pairs, key=lambda p: at[p[0]])):
        x = 1 + (0.04 + 0.035 * (lane % 4)) / PLOT_IN
        ax.plot([x - 0.01, x, x, x - 0.01], [at[a], at[a], at[b], at[b]], transform=text, color=GREY, linewidth=0.8,
                clip_on=False)  # fmt: skip


def _number(x: float) -> str:
    return f"{x:.3g}" if 1e-3 <= abs(x) < 1e4 or x == 0 else f"{x:.1e}"


def _texts(s: Scored) -> tuple[str, str]:
    """Return the published and the model's value as text."""
    v = s.verdict
    unit = "" if v.unit in (None, "ratio", "fold") else f" {v.unit}"
    if isinstance(v.published, tuple):
        said = f"{_number(v.published[0])}–{_number(v.published[1])}{unit}"
    else:
        said = v.published if isinstance(v.published, str) else f"{_number(v.published)}{unit}"
    model = _number(v.model)
    if v.interval is not None and v.interval[0] != v.interval[1]:
        model += f" ({_number(v.interval[0])} to {_number(v.interval[1])})"
    return said, model
