"""The figure of a comparison of mechanisms: where the alternatives differ, how they rank, what to record next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLACK, BLUE, FAINT, GREY, LIGHT, SMALL, VERMILLION, heading, page, pretty, styled, wrapped
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..inference.discriminate import Discrimination, Entry
    from ..inference.next_experiment import Proposal

#: Settings side by side; alternatives and proposals listed.
MOST_SETTINGS = 3
MOST_ALTERNATIVES = 12
MOST_PROPOSALS = 6

#: Evidence of one cell beyond so many decades is drawn as if it were so many.
MOST_DECADES = 60.0

#: Differences of the criterion beyond this are drawn at the border.
FARTHEST = 1e3


@styled
def discriminate_figure(found: Discrimination, title: str = "") -> Figure:
    """Draw a comparison of mechanisms.

    Returns
    -------
    Figure
        Above: binned means of the data (with one standard error) in the settings where the best alternative and its
        nearest rival differ most, what both predict, and the difference in standard errors. Below: the ranking, and the
        next experiment.
    """
    best, rival = found.entries[0], _rival(found)
    shown = _settings(found, best, rival)
    ranked = found.entries[:MOST_ALTERNATIVES]
    proposals = found.proposals[:MOST_PROPOSALS]
    width, upper = 9.6, 3.2
    told = wrapped(found.sentence, width - 0.7, SMALL + 0.5)
    top_in = 0.78 + 0.16 * told.count("\n") + 0.2
    lower = max(0.24 * len(ranked), 1.2)
    height = top_in + upper + 0.62 + lower + 0.55
    figure = page(width, height)
    who = "the drug" if found.drug == "drug" else found.drug
    heading(figure, title or f"What {who} changes, on {found.scheme.name}")
    figure.text(0.35 / width, 1 - 0.42 / height, told, fontsize=SMALL + 0.5, va="top")
    each = (width - 0.3) / len(shown)
    for i, k in enumerate(shown):
        left, base = 0.8 + i * each, height - top_in - upper
        ax = _place(figure, left, base + 1.2, each - 0.75, upper - 1.65)
        below = _place(figure, left, base + 0.45, each - 0.75, 0.62)
        _draw_setting(ax, below, found, k, best, rival, first=i == 0)
        if i == 0:
            handles, labels = ax.get_legend_handles_labels()
            figure.legend(handles, labels, loc="upper left", ncols=3, fontsize=SMALL,
                          bbox_to_anchor=(0.28 / width, 1 - (top_in - 0.28) / height))  # fmt: skip
    bottom, names = 0.5, 2.35
    span = 4.75 if proposals else 7.4
    _draw_ranking(_place(figure, names + 0.2, bottom, span - names - 0.2, lower), found, ranked, rival)
    left_out = len(found.entries) - len(ranked)
    more = f"; {left_out} more lie farther off" if left_out else ""
    _caption(figure, 0.35, bottom + lower + 0.12, f"Ranking. Dashed: odds {found.odds:g}:1; open: ruled out{more}")
    if proposals:
        start = span + 2.75
        _draw_proposals(_place(figure, start, bottom, width - start - 0.3, lower), proposals)
        _caption(figure, span + 0.35, bottom + lower + 0.12, "Next experiment: what one cell tells, cells needed")
    return figure


def _caption(figure: Figure, x_in: float, y_in: float, text: str) -> None:
    width, height = figure.get_size_inches()
    figure.text(x_in / width, y_in / height, text, fontsize=SMALL, fontweight="bold")


def _rival(found: Discrimination) -> Entry:
    """Return what the best alternative is drawn against: a live rival, else the nearest one that was ruled out."""
    best = found.entries[0]
    others = [e for e in found.entries[1:] if not best.alternative.within(e.alternative)]
    live = [e for e in others if e.live and e.name in found.verdict.names]
    return (live or others or list(found.entries))[0]


def _mean(found: Discrimination, k: int, entry: Entry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return data, standard error and prediction of the mean cell in a setting."""
    data = found.contest.data
    contender = entry.contender
    prediction = contender.bench.predict(contender.theta)
    _, _, amplitudes = data.residual(contender.bench.parts, prediction)
    own = [i for i, b in enumerate(data.blocks) if b.setting == k]
    mean = np.mean([data.blocks[i].mean for i in own], axis=0)
    shape = prediction[contender.bench.parts[k]]
    size = 0.0
    for i in own:
        a = amplitudes[data.blocks[i].cell]
        size += float(a[0] + (a[1] * data.blocks[i].order if len(a) > 1 else 0.0)) / len(own)
    variance = np.mean([np.diag(found.covariances[i]) for i in own], axis=0) / len(own)
    good = np.isfinite(mean)
    offset = float(np.mean((mean - size * shape)[good]))
    return mean - offset, np.sqrt(variance), size * shape


def _settings(found: Discrimination, best: Entry, rival: Entry) -> list[int]:
    """Return the recorded settings in which two alternatives differ most, in order of their recording."""
    score = {}
    for k in sorted({b.setting for b in found.contest.data.blocks}):
        (_, error, one), (_, _, other) = _mean(found, k, best), _mean(found, k, rival)
        score[k] = float(np.nansum(((one - other) / error) ** 2))
    chosen = sorted(score, key=lambda k: -score[k])[:MOST_SETTINGS]
    return sorted(chosen)


def _draw_setting(
    ax: Axes, below: Axes, found: Discrimination, k: int, best: Entry, rival: Entry, *, first: bool
) -> None:  # fmt: skip
    setting = found.tally.settings[k]
    data, error, one = _mean(found, k, best)
    _, _, other = _mean(found, k, rival)
    on = setting.protocol.marks.get("on", 0.0)
    t = setting.times_ms - on
    off = setting.protocol.marks.get("off", on) - on
    # what follows is seldom longer than the pulse and a few decays
    end = min(float(t[-1]), max(1.6 * off, off + 25.0))
    seen = t <= end
    ax.errorbar(t[seen], data[seen], error[seen], fmt="o", ms=2.4, color=GREY, ecolor=LIGHT, elinewidth=0.8, zorder=1,
                label="data, mean cell")  # fmt: skip
    ax.plot(t[seen], other[seen], color=BLUE, lw=1.1, ls=(0, (5, 1.4)), label=pretty(rival.name), zorder=2)
    ax.plot(t[seen], one[seen], color=VERMILLION, lw=1.2, label=pretty(best.name), zorder=3)
    ax.set_title(pretty(wrapped(setting.brief(), 2.6)), fontsize=SMALL)
    ax.tick_params(labelbottom=False)
    for a in (ax, below):
        a.set_xlim(-2.0, end)
        a.axvspan(0.0, off, color=FAINT, lw=0, zorder=0)
    below.axhspan(-1.0, 1.0, color=LIGHT, lw=0, alpha=0.6)
    below.plot(t[seen], ((data - other) / error)[seen], color=BLUE, lw=0.9, ls=(0, (5, 1.4)))
    below.plot(t[seen], ((data - one) / error)[seen], color=VERMILLION, lw=0.9)
    most = max(3.0, min(12.0, float(np.nanmax(np.abs(((data - other) / error)[seen])))))
    below.set_ylim(-most, most)
    below.set_xlabel("ms from the agonist")
    if first:
        ax.set_ylabel("current (pA)")
        below.set_ylabel("misfit (SE)")


def _draw_ranking(ax: Axes, found: Discrimination, ranked: Any, rival: Entry) -> None:
    limit = 2.0 * math.log(found.odds)
    places = np.arange(len(ranked))[::-1]
    for y, e in zip(places, ranked, strict=True):
        value = min(max(e.delta, 0.0), FARTHEST)
        colour = VERMILLION if e is ranked[0] else BLUE if e is rival else BLACK if e.live else GREY
        ax.plot([0.0, value], [y, y], color=LIGHT, lw=2.2, solid_capstyle="butt", zorder=1)
        ax.plot(value, y, "o", ms=5, color=colour, mfc=colour if e.live else "white", zorder=2)
    ax.axvline(limit, color=GREY, lw=0.8, ls=(0, (2, 2)))
    ax.set_xscale("symlog", linthresh=10.0, linscale=1.2)
    ax.set_xlim(-0.6, FARTHEST * 1.3)
    ax.set_xticks([0, 2, 4, 6, 10, 100, 1000], ["0", "2", "4", "6", "10", "100", "1000"])
    ax.minorticks_off()
    ax.set_ylim(-0.7, len(ranked) - 0.3)
    ax.set_yticks(places, [pretty(e.name) for e in ranked])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("Δ AICc")


def _draw_proposals(ax: Axes, proposals: tuple[Proposal, ...]) -> None:
    places = np.arange(len(proposals))[::-1]
    most = min(max(p.log10_odds_per_cell for p in proposals), MOST_DECADES)
    for y, p in zip(places, proposals, strict=True):
        value = min(p.log10_odds_per_cell, most)
        ax.barh(y, value, height=0.45, color=VERMILLION if p is proposals[0] else LIGHT)
        many = f"{p.cells} cell{'s' if p.cells != 1 else ''}" if p.cells else "> 100 cells"
        ax.text(value + 0.03 * most, y, many, va="center", fontsize=SMALL - 0.5)
    ax.set_xlim(0.0, 1.5 * max(most, 1e-3))
    ax.set_ylim(-0.7, len(proposals) - 0.3)
    names = [pretty(wrapped(p.candidate.describe(), 2.3, SMALL - 1)) for p in proposals]
    ax.set_yticks(places, names, fontsize=SMALL - 1)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("log₁₀ of the odds")
