"""The figure of `potentiate measure --as hill`: one panel per curve, all points, the fit inside the tested range."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from .curves import Curve, draw_curve
from .style import heading, page, pretty, styled
from .traces import _place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..measures.concentration import ConcentrationResponse
    from ..measures.concentration_sets import ConcentrationSets

#: More curves than this are in the table only.
MOST_PANELS = 12


@styled
def hill_figure(
    value: str,
    dose: str,
    dose_unit: str,
    value_unit: str,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    fits: Mapping[str, ConcentrationResponse],
    common: ConcentrationSets | None = None,
) -> Figure:
    """Draw fitted concentration-response curves.

    Parameters
    ----------
    value, dose, dose_unit, value_unit : str
        Names and units of response and concentration.
    curves : mapping of str to (concentration, response)
    fits : mapping of str to ConcentrationResponse
    common : ConcentrationSets, optional
        The fit with shared parameters, drawn instead.

    Returns
    -------
    Figure
    """
    shown = list(curves)[:MOST_PANELS]
    across = min(4, len(shown), max(1, math.ceil(math.sqrt(len(shown)))))
    down = math.ceil(len(shown) / across)
    wide, tall = (3.4, 2.6) if len(shown) < 3 else (2.5, 2.1)
    width, height = 0.7 + across * (wide + 0.65), 0.75 + down * (tall + 0.95)
    figure = page(width, height)
    left_out = f"; {len(curves) - len(shown)} more curves in the table" if len(curves) > len(shown) else ""
    what = "common fit" if common is not None else "fit"
    heading(figure, f"{value} against {dose}", f"points: all; line: {what}, Hill function; tick: half, 95 %{left_out}")
    for k, name in enumerate(shown):
        row, column = divmod(k, across)
        ax = _place(figure, 0.75 + column * (wide + 0.65), height - 0.75 - (row + 1) * tall - row * 0.95, wide, tall)
        c, y = curves[name]
        half = common.parameters[name, "EC50"] if common is not None else fits[name].ec50
        smooth = functools.partial(common, name) if common is not None else fits[name]
        unit = f" ({pretty(value_unit)})" if value_unit else ""
        draw_curve(
            ax,
            Curve(
                "" if len(curves) == 1 else name, c, y, f"{dose} ({pretty(dose_unit)})", f"{value}{unit}",
                half if half.known else None, "", "EC50", dose_unit, smooth if half.known else None,
            ),
        )  # fmt: skip
        if not half.known:
            ax.text(0.03, 0.95, half.status, transform=ax.transAxes, va="top")
    return figure
