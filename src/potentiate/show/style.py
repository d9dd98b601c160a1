"""How figures look: palette, type sizes, pages that save the same bytes every time.

matplotlib is imported when something is drawn, never when a module of this room is imported, and no global state
(pyplot, rcParams) is touched: settings live in a context around every drawing function.
"""

from __future__ import annotations

import functools
import math
import re
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

#: Okabe & Ito (2008): distinguishable with every common colour deficiency.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = PALETTE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip

#: Control first (black, solid), then drugs; dashes tell them apart in grey print.
SERIES = (BLACK, VERMILLION, BLUE, ORANGE, PURPLE)
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.2)), (0, (1.5, 1)), (0, (6, 1.2, 1.2, 1.2)), (0, (3, 2.5)))
MARKERS = ("o", "s", "^", "D", "v")

GREY, LIGHT, FAINT = "#5A5A5A", "#BDBDBD", "#E9E9E9"
SMALL, NORMAL, TITLE = 8.0, 8.5, 11.0

_SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.titlelocation": "left",
    "axes.titlepad": 5.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.labelpad": 3.0,
    "axes.unicode_minus": True,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.minor.width": 0.5,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "butt",
    "legend.frameon": False,
    "legend.handlelength": 1.9,
    "legend.labelspacing": 0.3,
    "legend.borderpad": 0.1,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "potentiate",
    "svg.fonttype": "path",
    "path.simplify": True,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorate a drawing function: it runs under the settings of this module and leaves none behind."""

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import rc_context, rcParamsDefault

        with rc_context({k: v for k, v in rcParamsDefault.items() if not k.startswith(("backend", "interactive"))}):
            with rc_context(_SETTINGS):
                return draw(*args, **kwargs)

    return inside


@functools.cache
def _page_class() -> type[Figure]:
    from matplotlib.figure import Figure

    class Page(Figure):
        """A figure whose SVG is the same, byte for byte, whenever and wherever it is saved."""

        @styled
        def savefig(self, fname: Any, **options: Any) -> None:
            kind = str(options.get("format") or getattr(fname, "suffix", "") or str(fname)).lower()
            if kind.endswith("svg"):
                options["metadata"] = {"Creator": "potentiate", **(options.get("metadata") or {}), "Date": None}
            super().savefig(fname, **options)

    return Page


def page(width_in: float, height_in: float) -> Figure:
    """Return an empty page."""
    return _page_class()(figsize=(width_in, height_in))


def shades(n: int) -> list[str]:
    """Return colours for a series of n concentrations: black for the first, then dark to light of cividis."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    rest = [to_hex(colormaps["cividis"](0.22 + 0.66 * i / max(n - 2, 1))) for i in range(n - 1)]
    return [BLACK, *rest]


def nice(length: float) -> float:
    """Return the largest of 1, 2, 5 x 10^k that is not above a length.

    Examples
    --------
    >>> nice(37.0)
    20.0
    """
    power = 10.0 ** math.floor(math.log10(length))
    return max(m for m in (1.0, 2.0, 5.0) if m * power <= length * (1 + 1e-9)) * power


def pretty(text: str) -> str:
    """Return text with Greek letters, and without the underscores of identifiers of time constants.

    Examples
    --------
    >>> pretty("glutamate (uM)"), pretty("tau_deact (ms)")
    ('glutamate (µM)', 'τ deact (ms)')
    """
    text = re.sub(r"\btau_?(?=[a-z]+\b)", "τ ", text)
    return re.sub(r"(?<![A-Za-z])u(?=[MLgms]\b)", "µ", re.sub(r"\btau\b", "τ", text))


def wrapped(text: str, width_in: float, size: float = NORMAL) -> str:
    """Return text broken into lines that fit a width."""
    return "\n".join(textwrap.wrap(text, max(8, int(width_in * 72 / (0.56 * size)))))


def inches(ax: Axes) -> tuple[float, float]:
    """Return width and height of axes in inches."""
    box = ax.get_position()
    width, height = ax.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    return box.width * width, box.height * height


def bare(ax: Axes) -> None:
    """Take the frame and ticks off axes."""
    ax.set_axis_off()
    ax.patch.set_visible(False)


def heading(figure: Figure, title: str, note: str = "", *, left_in: float = 0.35) -> None:
    """Write the title of a page, and a note at its foot."""
    width, height = figure.get_size_inches()
    if title:
        figure.text(left_in / width, 1 - 0.14 / height, title, fontsize=TITLE, fontweight="bold", va="top")
    if note:
        figure.text(left_in / width, 0.10 / height, note, fontsize=SMALL, color=GREY, va="bottom")
