"""Figures of fluctuations: variance against mean with its parabola, and the spectrum with its Lorentzian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .style import BLACK, GREY, SMALL, VERMILLION, heading, page, styled
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measures.fluctuation import Spectrum
    from ..measures.noise import NoiseAnalysis
    from ..measures.observable import Observable


def _said(name: str, o: Observable, digits: int = 3) -> str:
    if not o.known:
        return f"{name}: {o.status}"
    low, high = o.interval or (None, None)
    ends = f" ({'?' if low is None else f'{low:.{digits}g}'} to {'?' if high is None else f'{high:.{digits}g}'})"
    return f"{name} {o.value:.{digits}g}{' ' + o.unit.replace('^2', '²') if o.unit else ''}{ends if o.interval else ''}"


@styled
def noise_figure(found: NoiseAnalysis, title: str = "") -> Figure:
    """Draw variance against mean, with the parabola and its initial slope.

    Parameters
    ----------
    found : NoiseAnalysis
    title : str

    Returns
    -------
    Figure
    """
    figure = page(4.6, 3.5)
    heading(
        figure, title or "fluctuation analysis", f"{found.unitary_current.convention}; one point per bin of the mean"
    )
    ax = _place(figure, 0.7, 0.75, 3.6, 2.25)
    if found.mean_pA.size == 0:
        reason = found.unitary_current.reason or "no points"
        ax.text(0.5, 0.5, reason, transform=ax.transAxes, ha="center", va="center", fontsize=SMALL, wrap=True)
        ax.set_axis_off()
        return figure
    x = np.abs(found.mean_pA)
    ax.plot(x, found.variance_pA2, "o", color=BLACK, markersize=4, markerfacecolor="white")
    i, n, b = found.unitary_current, found.channels, found.background
    if i.known and b.known:
        whole = np.linspace(0, x.max(), 200)
        bend = whole**2 / n.value if n.known else 0.0
        ax.plot(whole, abs(i.value) * whole - bend + b.value, color=VERMILLION, linewidth=1.3)
        line = abs(i.value) * whole + b.value
        ax.plot(whole[line < 1.08 * found.variance_pA2.max()], line[line < 1.08 * found.variance_pA2.max()], color=GREY,
                linewidth=0.8, linestyle=(0, (3, 2)))  # fmt: skip
        ax.axhline(b.value, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    ax.set_xlim(0, None)
    ax.set_ylim(0, 1.12 * float(found.variance_pA2.max()))
    ax.set_xlabel("mean current, without sign (pA)")
    ax.set_ylabel("variance (pA²)")
    lines = [
        _said("i", i),
        _said("N at the peak" if i.convention == "peak-scaled" else "N", n),
        _said("background", b, 2),
    ]
    for row, text in enumerate(lines):
        ax.text(0.5, 0.46 - 0.1 * row, text, transform=ax.transAxes, fontsize=SMALL, ha="center", va="center")
    return figure


@styled
def spectrum_figure(found: Spectrum, title: str = "") -> Figure:
    """Draw the spectrum of a plateau less that of the baseline, with the Lorentzian.

    Parameters
    ----------
    found : Spectrum
    title : str

    Returns
    -------
    Figure
        Bins where the baseline exceeds the plateau cannot be drawn on a log axis; their number is in the note.
    """
    figure = page(4.6, 3.5)
    positive = found.density > 0
    lost = int((~positive).sum())
    note = f"plateau less baseline; {lost} of {positive.size} frequencies at or below zero are not drawn" if lost else (
        "plateau less baseline"
    )  # fmt: skip
    heading(figure, title or "spectrum", note)
    ax = _place(figure, 0.7, 0.75, 3.6, 2.25)
    look = {"color": BLACK, "markersize": 2.4, "markerfacecolor": "white", "markeredgewidth": 0.6}
    ax.plot(found.frequency_Hz[positive], found.density[positive], "o", **look)
    if np.isfinite(found.fitted).all():
        ax.plot(found.frequency_Hz, found.fitted, color=VERMILLION, linewidth=1.4)
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    if positive.any():
        ax.set_ylim(None, 3 * float(found.density.max()))  # room for the numbers
    if found.corner.known:
        _corner(ax, found)
    ax.set_xlabel("frequency (Hz)")
    ax.set_ylabel("density (pA²/Hz)")
    lines = [_said("fc", found.corner), _said("τ", found.relaxation), _said("i", found.unitary_current)]
    for row, text in enumerate(lines):
        ax.text(0.99, 0.95 - 0.1 * row, text, transform=ax.transAxes, fontsize=SMALL, va="center", ha="right")
    return figure


def _corner(ax: Axes, found: Spectrum) -> None:
    """Mark the corner at half of the plateau of the Lorentzian."""
    at = found.corner.value
    half = float(np.exp(np.interp(math.log(at), np.log(found.frequency_Hz), np.log(found.fitted))))
    ax.plot([at, at], [ax.get_ylim()[0], half], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.text(at, half * 1.6, " fc", fontsize=SMALL, color=GREY)
