"""The figure of `potentiate membrane`: isotherm, Scatchard plot, and the scan of the Bmax question."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, DASHES, GREY, SMALL, VERMILLION, heading, page, styled
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.observable import Observable
    from ..preparations.membrane import AssayRun
    from ..preparations.membrane_question import BmaxVerdict
    from ..preparations.saturation import SaturationFit


@styled
def membrane_figure(
    run: AssayRun | None = None,
    verdict: BmaxVerdict | None = None,
    title: str = "[³H]AMPA binding",
    *,
    drug: str = "drug",
    hypothesis: str | None = None,
    wash_s: float = 10.0,
) -> Figure:
    """Draw saturation binding without and with drug, and where slower dissociation passes for more sites.

    Parameters
    ----------
    run : AssayRun or None
        Isotherm and Scatchard plot.
    verdict : BmaxVerdict or None
        Scan map.
    title, drug : str
    hypothesis : str, optional
        Which one to map; default the one with the most points that mimic, else the first.
    wash_s : float
        Wash of the map; incubation at equilibrium.
    """
    upper, lower = (3.0 if run is not None else 0.0), (3.45 if verdict is not None else 0.0)
    width, height = 7.4, 0.4 + upper + lower
    figure = page(width, height)
    heading(figure, title)
    if run is not None:
        bottom = height - 0.4 - upper
        _isotherm(_place(figure, 0.75, bottom + 0.55, 2.75, upper - 0.9), run, drug)
        _scatchard(_place(figure, 4.35, bottom + 0.55, 2.75, upper - 0.9), run, drug)
    if verdict is not None:
        name = hypothesis or _strongest(verdict)
        ratios = (("bmax_ratio", "Bmax, drug / control", 1.0), ("kd_ratio", "Kd, drug / control", 1.0))
        for i, (field, label, _) in enumerate(ratios):
            ax = _place(figure, 0.75 + 3.42 * i, 1.0, 2.3, lower - 1.6)
            _map(figure, ax, verdict, name, wash_s, field, label, first=i == 0)
        said = (
            f"Map: {name}; at equilibrium, {wash_s:g} s wash.\n"
            "Frame: reference kinetics; crosses: Bmax up and Kd unchanged. "
            f"At the reference: {verdict.verdict}."
        )
        figure.text(0.35 / width, 0.12 / height, said, fontsize=SMALL, color=GREY, linespacing=1.35, va="bottom")
    return figure


def _pairs(run: AssayRun, drug: str) -> tuple:
    return (
        (run.control, run.control_fit, run.equilibrium, "control", BLACK, "o", DASHES[0]),
        (run.drug, run.drug_fit, run.drug_equilibrium, drug, VERMILLION, "s", DASHES[1]),
    )


def _fitted(fit: SaturationFit, free: np.ndarray) -> np.ndarray | None:
    if fit.status != "ok":
        return None
    return sum(b.value * free / (free + k.value) for k, b in zip(fit.kd, fit.bmax, strict=True))  # type: ignore[return-value]


def _said(name: str, o: Observable) -> str:
    if not o.known:
        return f"{name} –"
    ends = ""
    if o.interval and None not in o.interval:
        ends = f" ({o.interval[0]:.3g}–{o.interval[1]:.3g})"
    return f"{name} {o.value:.3g}{ends}"


def _isotherm(ax: Axes, run: AssayRun, drug: str) -> None:
    for binding, fit, _, name, colour, marker, dash in _pairs(run, drug):
        free = binding.ligand_nM
        fine = np.geomspace(free.min(), free.max(), 200)
        curve = _fitted(fit, fine)
        if curve is not None:
            ax.plot(fine, curve, color=colour, linestyle=dash)
        ax.plot(free, binding.specific, marker, color=colour, markersize=4, label=name, linestyle="none",
                markerfacecolor="white" if colour == BLACK else colour)  # fmt: skip
    ax.plot(run.control.ligand_nM, run.control.nonspecific, color=GREY, linestyle=(0, (1, 1.5)), label="nonspecific")
    ax.set_xlabel("free [³H]AMPA (nM)")
    ax.set_ylabel("bound (pmol/mg)")
    ax.set_title("Saturation isotherm")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.legend(loc="best")


def _scatchard(ax: Axes, run: AssayRun, drug: str) -> None:
    texts = []
    for binding, fit, _, name, colour, marker, dash in _pairs(run, drug):
        used = binding.ligand_nM > 0
        free, bound = binding.ligand_nM[used], binding.specific[used]
        fine = np.geomspace(free.min(), free.max(), 200)
        curve = _fitted(fit, fine)
        if curve is not None:
            ax.plot(curve, curve / fine, color=colour, linestyle=dash)
        ax.plot(bound, bound / free, marker, color=colour, markersize=4, linestyle="none",
                markerfacecolor="white" if colour == BLACK else colour)  # fmt: skip
        for k, b in zip(fit.kd, fit.bmax, strict=True):
            texts.append((f"{name}: {_said('Kd', k)} nM\n  {_said('Bmax', b)} pmol/mg", colour))
    ax.set_xlabel("bound (pmol/mg)")
    ax.set_ylabel("bound / free (pmol/mg/nM)")
    ax.set_title("Scatchard plot, 95 % intervals")
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1.22 * ax.get_ylim()[1])
    for i, (text, colour) in enumerate(texts):
        ax.text(1.02, 1.0 - 0.17 * i, text, transform=ax.transAxes, fontsize=SMALL, color=colour, va="top", ha="right",
                linespacing=1.2)  # fmt: skip


def _strongest(verdict: BmaxVerdict) -> str:
    if verdict.regions:
        return max(verdict.regions, key=lambda r: r.points).hypothesis
    return verdict.points[0].hypothesis


def _map(
    figure: Figure, ax: Axes, verdict: BmaxVerdict, hypothesis: str, wash_s: float, field: str, label: str, *,
    first: bool,
) -> None:
    """Draw a ratio over the drug's factor and the association; crosses where the finding is mimicked."""
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    points = [
        p for p in verdict.points if p.hypothesis == hypothesis and p.wash_s == wash_s and math.isinf(p.incubation_min)
    ]
    if not points:
        ax.text(0.5, 0.5, "not scanned", transform=ax.transAxes, ha="center", fontsize=SMALL, color=GREY)
        return
    scales = sorted({p.kon_scale for p in points})
    factors = sorted({p.koff_factor for p in points}, reverse=True)
    grid = np.full((len(scales), len(factors)), np.nan)
    for p in points:
        grid[scales.index(p.kon_scale), factors.index(p.koff_factor)] = getattr(p, field)
    finite = grid[np.isfinite(grid) & (grid > 0)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.5, 2.0)
    # what is far out of every question is one colour
    bottom, top = max(min(low, 0.8), 0.05), min(max(high, 1.25), 20.0)
    norm = LogNorm(bottom, top)
    image = ax.pcolormesh(np.clip(grid, bottom, top), norm=norm, cmap="cividis", edgecolors="white",
                          linewidth=0.3)  # fmt: skip
    for p in points:
        if p.mimics:
            ax.plot(factors.index(p.koff_factor) + 0.5, scales.index(p.kon_scale) + 0.5, "x", color="white",
                    markersize=6.0, markeredgewidth=1.8)  # fmt: skip
    home = [scales.index(p.kon_scale) for p in points if p.reference]
    if home:
        tall = max(home) - min(home) + 1
        ax.add_patch(Rectangle((0, min(home)), len(factors), tall, fill=False, edgecolor=VERMILLION, linewidth=1.6,
                               linestyle=(0, (4, 2)), clip_on=False))  # fmt: skip
    ax.set_xticks(np.arange(len(factors))[::3] + 0.5, [f"{f:g}" for f in factors[::3]])
    ax.set_yticks(np.arange(len(scales)) + 0.5, [f"{s:g}" for s in scales] if first else [""] * len(scales))
    ax.set_xlabel("factor on dissociation")
    if first:
        ax.set_ylabel("factor on association")
    ax.set_title(label)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=2)
    x0, y0, w, h = ax.get_position().bounds
    bar = figure.add_axes((x0 + w + 0.012, y0, 0.014, h))
    colours = figure.colorbar(image, cax=bar, extend="max" if high > 20 else "neither")
    ticks: list[float] = []
    for t in (1, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20):
        apart = 0.16 * math.log(top / bottom)
        if bottom <= t <= top and all(abs(math.log(t / u)) > apart for u in ticks):
            ticks.append(t)
    colours.ax.yaxis.set_major_locator(FixedLocator(ticks))
    colours.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    colours.ax.yaxis.set_minor_locator(NullLocator())
    colours.outline.set_visible(False)  # type: ignore[operator]
