"""The board of a validation on one page: how many findings pass by level, and each record in the matrix of drugs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..evidence.board import matrix, scoreboard
from .style import BLUE, FAINT, GREY, LIGHT, NORMAL, ORANGE, SMALL, VERMILLION, heading, page, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..evidence.board import LevelRow
    from ..evidence.validation import Scored, Validation

#: verdict -> colour, marker, filled; the marker tells them apart in grey print
LOOKS = {
    "pass": (BLUE, "o", True),
    "near": (ORANGE, "^", True),
    "fail": (VERMILLION, "X", True),
    "calibration": (GREY, "D", False),
    "not simulable": (LIGHT, ".", True),
}
#: Height of a bar and of a line of the matrix, inches; so many glyphs stand in one line of a cell.
BAR_IN, LINE_IN, PER_LINE = 0.27, 0.17, 8
#: Subjects in the matrix of a page.
MOST_SUBJECTS = 30


@styled
def board_figure(validation: Validation, title: str) -> Figure:
    """Draw the scoreboard and the matrix of subjects and observables.

    Parameters
    ----------
    validation : Validation
    title : str

    Returns
    -------
    Figure
        Above, one bar per level: tests by verdict; findings that set the model and those that cannot be simulated stand
        apart. Below, one glyph per record.
    """
    rows = scoreboard(validation)
    subjects, groups, cells = matrix(validation.scored)
    left_out = len(subjects) - MOST_SUBJECTS
    subjects = subjects[:MOST_SUBJECTS]
    lines = [max(-(-len(cells.get((s, g), [])) // PER_LINE) or 1 for g in groups) for s in subjects]
    names_in, cell_in = 1.75, 0.86
    width = max(names_in + cell_in * len(groups) + 0.5, 9.4)
    bars_in, matrix_in = BAR_IN * len(rows), LINE_IN * sum(lines) + 0.06 * len(lines)
    height = bars_in + matrix_in + 2.5
    figure = page(width, height)
    note = "One glyph per record; no score is averaged, and none is added over levels."
    if left_out > 0:
        note += f" {left_out} further subjects are in matrix.csv."
    heading(figure, title, note)
    top = height - 0.82
    bars = (names_in / width, (top - bars_in) / height, (width - names_in - 4.1) / width, bars_in / height)
    ax = figure.add_axes(bars)
    _bars(ax, rows)
    _legend(figure, validation, 0.35 / width, (height - 0.42) / height)
    below = top - bars_in - 1.25
    box = (names_in / width, (below - matrix_in) / height, cell_in * len(groups) / width, matrix_in / height)
    ax = figure.add_axes(box)
    _matrix(ax, subjects, groups, cells, lines)
    return figure


def _bars(ax: Axes, rows: list[LevelRow]) -> None:
    ax.set_ylim(len(rows) - 0.5, -0.5)
    most = max((sum(r.counts[w] for w in ("pass", "near", "fail")) for r in rows), default=1)
    for y, r in enumerate(rows):
        left = 0
        for word in ("pass", "near", "fail"):
            n = r.counts[word]
            if not n:
                continue
            ax.barh(y, n, 0.66, left, color=LOOKS[word][0], edgecolor="white", linewidth=0.8)
            if n > 0.05 * most:
                ax.text(left + n / 2, y, str(n), color="white" if word != "near" else "black", fontsize=SMALL,
                        ha="center", va="center")  # fmt: skip
            left += n
        told = f"set the model {r.counts['calibration']} · not simulable {r.counts['not simulable']}"
        if r.labs:
            told += f" · {r.labs_clean} of {r.labs} labs without a miss"
        ax.text(left + 0.015 * most, y, told, fontsize=SMALL, color=GREY, va="center")
    ax.set_xlim(0, max(most, 1) * 1.02)
    ax.set_yticks(range(len(rows)), [r.level for r in rows])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("findings that test the model (records of the same data are one)")
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _matrix(
    ax: Axes, subjects: list[str], groups: list[str], cells: dict[tuple[str, str], list[Scored]], lines: list[int]
) -> None:
    tall = [LINE_IN * n + 0.06 for n in lines]
    ax.set_xlim(0, max(len(groups), 1))
    ax.set_ylim(sum(tall) or 1, 0)
    y, middles = 0.0, []
    at: dict[str, list[tuple[float, float]]] = {word: [] for word in LOOKS}  # drawn together: one by one is slow
    for k, (subject, high) in enumerate(zip(subjects, tall, strict=True)):
        if k % 2 == 0:
            ax.axhspan(y, y + high, color="#F6F6F6", linewidth=0, zorder=0)
        middles.append(y + high / 2)
        for x, group in enumerate(groups):
            for i, s in enumerate(cells.get((subject, group), [])):
                spot = x + 0.1 + 0.11 * (i % PER_LINE), y + 0.03 + LINE_IN * (i // PER_LINE + 0.5)
                at[s.verdict.verdict].append(spot)
        y += high
    for word, (colour, marker, filled) in LOOKS.items():
        if at[word]:
            ax.plot(
                *zip(*at[word], strict=True), marker=marker, color=colour, markersize=4.6, markeredgewidth=0.9,
                markerfacecolor=colour if filled else "white", linestyle="none", clip_on=False,
            )  # fmt: skip
    for x in range(1, len(groups)):
        ax.axvline(x, color=FAINT, linewidth=0.8, zorder=0)
    ax.set_yticks(middles, subjects)
    ax.xaxis.tick_top()
    ax.set_xticks([x + 0.05 for x in range(len(groups))], groups, rotation=28, ha="left", rotation_mode="anchor")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _legend(figure: Figure, validation: Validation, x: float, y: float) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for word, (colour, marker, filled) in LOOKS.items():
        if any(s.verdict.verdict == word for s in validation.scored):
            name = "calibration (not counted)" if word == "calibration" else word
            handles.append(Line2D([], [], color=colour, marker=marker, markersize=5.5, linestyle="none",
                                  markerfacecolor=colour if filled else "white", label=name))  # fmt: skip
    if handles:
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(x, y), ncols=len(handles), fontsize=NORMAL,
                      columnspacing=1.2, handletextpad=0.2, borderaxespad=0.0)  # fmt: skip
