"""Model over published value of each finding of a run, as SVG text: a forest without a drawing library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .html import Markup, join, tag, text
from .page import EDGES

ROW, LEFT, WIDTH, RIGHT, TOP = 22, 270, 430, 130, 34
#: How far the axis reaches at most, as a factor either way.
FARTHEST = 30.0


def comparable(finding: dict[str, Any]) -> tuple[float, float, float, float, float] | None:
    """Return model, its interval, and the published low and high, all relative to the published middle; or None."""
    model, published = finding.get("model"), finding.get("published")
    ends = published if isinstance(published, list) else [published, published]
    interval = finding.get("interval") or [model, model]
    if not isinstance(interval, list) or len(interval) != 2 or len(ends) != 2:
        return None
    numbers = [_positive(v) for v in (model, *interval, *ends)]
    found = [v for v in numbers if v is not None]
    if len(found) != 5:
        return None
    middle = math.sqrt(found[3] * found[4])
    return found[0] / middle, found[1] / middle, found[2] / middle, found[3] / middle, found[4] / middle


def _positive(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        return None
    return float(value)


def agreement_svg(findings: Sequence[dict[str, Any]], *, prefix: str, title: str, summary: str) -> Markup:
    """Return the forest of the findings that have a number on both sides.

    Diamond and line: model and the span of its ensemble; square, or bar for a range: published. Outside the axis an
    arrow stands at its edge.
    """
    rows = [(f, c) for f in findings if (c := comparable(f)) is not None]
    reach = max([2.0, *(max(max(c), 1.0 / min(c)) for _, c in rows)])
    reach = min(FARTHEST, 1.1 * reach)

    def x(ratio: float) -> float:
        place = math.log(ratio) / math.log(reach)
        return LEFT + WIDTH * (0.5 + 0.5 * max(-1.0, min(1.0, place)))

    height = TOP + ROW * len(rows) + 44
    parts = [tag("title", title, id=f"{prefix}-title"), tag("desc", summary, id=f"{prefix}-desc")]
    bottom = TOP + ROW * len(rows)
    for at in [t for t in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0) if 1.0 / reach <= t <= reach]:
        dash = None if at == 1.0 else "2 3"
        parts.append(_line(x(at), TOP - 6, x(at), bottom, "#1a1a1a" if at == 1.0 else "#999999", 1, dash))
        parts.append(_label(x(at), bottom + 16, f"{at:g}", "middle"))
    parts.append(_label(LEFT + WIDTH / 2, bottom + 34, "model over published (log axis)", "middle"))
    parts.append(_label(0, TOP - 16, "finding"))
    parts.append(_label(LEFT + WIDTH + 14, TOP - 16, "verdict"))
    for i, (finding, (model, low, high, least, most)) in enumerate(rows):
        y = TOP + ROW * (i + 0.5)
        word = str(finding.get("verdict"))
        name = str(finding["id"])
        parts.append(_label(0, y + 4, name if len(name) <= 38 else name[:37] + "…"))
        parts.append(_label(LEFT + WIDTH + 14, y + 4, word))
        if most > least:
            parts.append(_line(x(least), y + 5, x(most), y + 5, "#000000", 3))
        else:
            corner = {"x": f"{x(1.0) - 3.5:.1f}", "y": f"{y - 3.5:.1f}"}
            parts.append(tag("rect", **corner, width="7", height="7", fill="#000000"))
        parts.append(_line(x(low), y, x(high), y, "#0072B2", 2))
        parts.append(_model(x(model), y, model, reach, EDGES.get(word, "#BDBDBD")))
    whole = LEFT + WIDTH + RIGHT
    return tag(
        "svg", join(parts), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {whole} {height}", width="100%",
        role="img", style=f"max-width: {whole}px", aria_labelledby=f"{prefix}-title {prefix}-desc", font_size="12",
        font_family="system-ui, 'DejaVu Sans', sans-serif",
    )  # fmt: skip


def _model(x: float, y: float, ratio: float, reach: float, colour: str) -> Markup:
    """Return the model's diamond, or an arrow where it lies outside."""
    if ratio > reach or ratio < 1.0 / reach:
        way = 6 if ratio > reach else -6
        points = f"{x - way:.1f},{y - 6:.1f} {x + way:.1f},{y:.1f} {x - way:.1f},{y + 6:.1f}"
    else:
        points = f"{x - 6:.1f},{y:.1f} {x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f}"
    return tag("polygon", points=points, fill=colour, stroke="#000000", stroke_width="1")


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int, dash: str | None = None) -> Markup:
    at = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return tag("line", **at, stroke=colour, stroke_width=width, stroke_dasharray=dash)


def _label(x: float, y: float, said: str, anchor: str | None = None) -> Markup:
    return tag("text", text(said), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, fill="#1a1a1a")
