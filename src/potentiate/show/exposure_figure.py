"""Courses of a regimen: concentration with bands of people and lines of effects, occupancy, the ruler below."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exposure.courses import band
from .ruler_figure import draw_ruler, ruler_height
from .style import (
    BLACK,
    BLUE,
    DASHES,
    FAINT,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
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

    from ..evidence.dose_study import AnalyteStudy, DoseStudy

_WIDTH, _PANEL, _GAP, _LEFT, _TOP = 9.6, 2.35, 0.72, 0.72, 0.8
_LINES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
#: Curves are shown until all have fallen to this part of their peak.
_FALLEN = 0.01
#: An effect line this much above the highest concentration is written, not drawn.
_FAR = 1.6


@styled
def exposure_figure(study: DoseStudy, title: str = "") -> Figure:
    """Draw what a regimen does in people.

    Parameters
    ----------
    study : DoseStudy
    title : str

    Returns
    -------
    Figure
        A panel for every compound that is taken, one for its metabolites, one for occupancy, and the concentration
        ruler. What is unknown is written; no curve is drawn for it.
    """
    shown = [a for a in study.analytes if a.typical_uM is not None]
    parents = [a for a in shown if a.parent is None]
    others = [a for a in shown if a.parent is not None]
    panels: list[Any] = [("course", [a]) for a in parents]
    panels += [("course", others)] if others else []
    panels += [("occupancy", o) for o in study.occupancies if o.rows]
    silent = [a for a in study.analytes if a.typical_uM is None]
    lines = [line for a in silent for line in textwrap.wrap(f"{a.name}: unknown, no curve: {a.unknown}", 130)]
    rows = math.ceil(len(panels) / 2)
    tall = [_TOP + rows * (_PANEL + _GAP), 0.2 * len(lines) + (0.15 if lines else 0.0)]
    below = [ruler_height(r) + 0.1 for r in study.rulers]
    height = sum(tall) + sum(below) + 0.1
    figure = page(_WIDTH, height)
    heading(figure, title or study.regimen.text)
    figure.text(0.35 / _WIDTH, 1 - 0.38 / height, _key(study, bool(panels)), fontsize=SMALL, color=GREY, va="top")
    wide = (_WIDTH - 0.15) / 2
    for k, (kind, what) in enumerate(panels):
        row, column = divmod(k, 2)
        x, y = _LEFT + column * wide, height - _TOP - row * (_PANEL + _GAP) - _PANEL + 0.1
        ax = figure.add_axes((x / _WIDTH, y / height, (wide - 1.4) / _WIDTH, (_PANEL - 0.2) / height))
        if kind == "course":
            _courses(ax, study, what)
        else:
            _occupancy(ax, study, what)
    top = tall[0]
    for k, line in enumerate(lines):
        figure.text(
            0.3 / _WIDTH, 1 - (top + 0.2 * k) / height, line, fontsize=SMALL, color=GREY, va="top", style="italic"
        )
    top += tall[1]
    for ruler, needed in zip(study.rulers, below, strict=True):
        draw_ruler(figure, ruler, top)
        top += needed
    return figure


def _key(study: DoseStudy, curves: bool) -> str:
    if not curves:
        return ""
    n = study.drawn
    bands = f"bands: 50 % and 90 % of {n} people (seed {study.seed}); " if n > 1 else ""
    if n > 1 and not any(a.people_uM is not None and np.ptp(a.people_uM, axis=0).any() for a in study.analytes):
        bands = f"no band: no spread between people is on record, so all {n} are alike; "
    return f"{bands}line: typical person; triangles: doses"


def _courses(ax: Axes, study: DoseStudy, analytes: list[AnalyteStudy]) -> None:
    """Draw courses that share a unit."""
    peak = max(float(np.nanmax(_highest(a))) for a in analytes)
    relative = analytes[0].relative
    factor, unit = (1.0, "fraction of peak") if relative else _prefix(peak)
    t, tick = _time(study)
    for k, a in enumerate(analytes):
        colour = _LINES[k % len(_LINES)]
        if a.people_uM is not None and len(a.people_uM) > 1:
            for ends_at, alpha in (((0.05, 0.95), 0.16), ((0.25, 0.75), 0.28)):
                ends = band(a.people_uM, ends_at) * factor
                ax.fill_between(t, *ends, color=colour, alpha=alpha, linewidth=0)
        assert a.typical_uM is not None
        ax.plot(t, a.typical_uM * factor, color=colour, linestyle=DASHES[k % len(DASHES)], label=a.name)
    top = 1.08 * peak * factor
    far: list[str] = []
    written: list[float] = []
    for line in _lines_of(study, analytes) if not relative else ():
        for word, level in (("EC50", line.ec50_uM), ("EC20", line.level(0.2))):
            if level <= _FAR * peak:
                y = level * factor
                top = max(top, 1.12 * y)
                if any(abs(y - w) < 0.09 * top for w in written):
                    continue  # a second line so near would only be ink
                written.append(y)
                ax.axhline(y, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)) if word == "EC50" else (0, (1, 2)))
                ax.annotate(pretty(f"{word} {line.short}"), (1.0, y), xycoords=("axes fraction", "data"),
                            xytext=(-2, 2), textcoords="offset points", ha="right", fontsize=SMALL - 1,
                            color=GREY)  # fmt: skip
            elif word == "EC50":
                far.append(f"EC50 {line.short}: {math.log10(level / peak):.1f} orders higher")
    for k, text in enumerate(far[:2]):
        ax.text(0.98, 0.97 - 0.09 * k, textwrap.shorten(pretty(text), 58, placeholder=" …"), transform=ax.transAxes,
                ha="right", va="top", fontsize=SMALL - 1, color=GREY)  # fmt: skip
    ax.set_ylim(0, top * (1.12 if far else 1.0))
    ax.set_xlim(t[0], _end(study, t))
    ax.set_ylabel(pretty(unit))
    ax.set_title(_title(analytes, relative))
    if len(analytes) > 1:
        ax.legend(loc="upper right")
    elif not relative and analytes[0].molar_mass is not None:
        _mass_axis(ax, analytes[0].molar_mass, factor, peak)
    _times(ax, study, t, tick)


def _highest(a: AnalyteStudy) -> Any:
    if a.people_uM is not None and len(a.people_uM) > 1:
        return band(a.people_uM, (0.95,))[0]
    return a.typical_uM


def _lines_of(study: DoseStudy, analytes: list[AnalyteStudy]) -> list[Any]:
    return [e for a in analytes for e in study.effects if e.compound == a.analyte][:4]


def _title(analytes: list[AnalyteStudy], relative: bool) -> str:
    if len(analytes) > 1 or analytes[0].parent is not None:
        return "metabolites in plasma" if len(analytes) > 1 else f"{analytes[0].name} in plasma (metabolite)"
    if relative:
        return f"{analytes[0].name}: shape only, the concentration is unknown"
    return f"{analytes[0].name} in plasma"


def _prefix(peak_uM: float) -> tuple[float, str]:
    if peak_uM >= 2000.0:
        return 1e-3, "mM"
    if peak_uM >= 0.2:
        return 1.0, "uM"
    return 1e3, "nM"


def _mass_axis(ax: Axes, molar_mass: float, factor: float, peak_uM: float) -> None:
    """Add mass concentration on the right."""
    grams = molar_mass * 1e-3  # mg/L of 1 uM
    scale, unit = (1.0, "mg/L") if peak_uM * grams >= 0.1 else (1e3, "ug/L")
    each = grams * scale / factor
    right = ax.secondary_yaxis("right", functions=(lambda v: np.asarray(v) * each, lambda v: np.asarray(v) / each))
    right.set_ylabel(pretty(unit))
    right.spines["right"].set_visible(True)


def _end(study: DoseStudy, t: Any) -> float:
    """Return the end of the time axis: when all curves have fallen."""
    last = 0
    for a in study.analytes:
        if a.typical_uM is not None:
            high = np.asarray(_highest(a))
            last = max(last, int(np.flatnonzero(high > _FALLEN * high.max())[-1]))
    return float(t[min(last + max(1, len(t) // 100), len(t) - 1)])


def _time(study: DoseStudy) -> tuple[Any, str]:
    t = np.asarray(study.t_h)
    if t[-1] - t[0] > 96.0:
        return t / 24.0, "days"
    first = study.regimen.doses[0].time_h
    return t, "clock" if first > 0 and t[-1] - t[0] <= 48.0 else "h"


def _times(ax: Axes, study: DoseStudy, t: Any, tick: str) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    if tick == "clock":
        span = _end(study, t) - t[0]
        ax.xaxis.set_major_locator(MultipleLocator(next(s for s in (1, 2, 3, 6, 12) if span / s <= 8)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{int(v) % 24:02d}:{round(60 * (v % 1)):02d}"))
        ax.set_xlabel("time of day")
    else:
        ax.set_xlabel("time (d)" if tick == "days" else "time (h)")
    scale = 24.0 if tick == "days" else 1.0
    at = [d.time_h / scale for d in study.regimen.doses if d.time_h / scale <= ax.get_xlim()[1]]
    ax.plot(at, np.zeros(len(at)), "^", color=BLACK, markersize=4.5, clip_on=False, transform=ax.get_xaxis_transform(),
            zorder=5)  # fmt: skip


def _occupancy(ax: Axes, study: DoseStudy, occupancy: Any) -> None:
    """Draw occupancy of a target over time, a line for each row (person, ligands)."""
    t, tick = _time(study)
    top = 0.0
    for k, row in enumerate(occupancy.rows):
        colour = _LINES[(k // 2) % len(_LINES)] if len(occupancy.rows) > 2 else _LINES[k % len(_LINES)]
        dash = DASHES[k % 2] if len(occupancy.rows) > 2 else "solid"
        if row.people is not None and len(row.people) > 1:
            ends = band(row.people, (0.05, 0.95)) * 100.0
            ax.fill_between(t, *ends, color=colour, alpha=0.14, linewidth=0)
            top = max(top, float(ends[1].max()))
        ax.plot(t, row.typical * 100.0, color=colour, linestyle=dash, label=row.label)
        top = max(top, float(np.nanmax(row.typical)) * 100.0)
    for level in (20.0, 50.0):
        if level < 1.3 * top:
            ax.axhline(level, color=FAINT, linewidth=0.8, zorder=0)
    ax.set_ylim(0, max((1.2 + 0.12 * len(occupancy.rows)) * top, 1e-3))
    ax.set_xlim(t[0], _end(study, t))
    ax.set_ylabel("occupied (%)")
    ax.set_title(f"{occupancy.target}: occupancy{', constants of low trust' if occupancy.trust == 'low' else ''}")
    ax.legend(loc="upper right")
    _times(ax, study, t, tick)
