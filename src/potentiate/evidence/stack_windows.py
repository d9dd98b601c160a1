"""When the effects of a stack start and end, over all that is left open, and whether parts are there together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..measures.observable import Observable, missing
from .stack_timeline import NEGLIGIBLE, EffectBand, PartCourse, Timeline

#: A part counts as present above this share of its own peak.
PRESENT = 0.5


@dataclasses.dataclass(frozen=True)
class Window:
    """Onset and window of one effect in every scenario.

    Attributes
    ----------
    effect : str
    onset_h, window_h : tuple of float or None
        After the first dose; hours. None where a scenario gives none.
    over : str
        What the scenarios span.
    why : str
        Why a scenario gives none.
    """

    effect: str
    onset_h: tuple[float | None, ...]
    window_h: tuple[float | None, ...]
    over: str
    why: str = ""


def windows_of(timeline: Timeline) -> list[Window]:
    """Return onset and window of every effect that parts of the stack reach."""
    return [_window(effect, timeline) for effect in timeline.effects if _counts(effect)]


def _counts(effect: EffectBand) -> bool:
    return effect.unknown is None and effect.one_sided is None and effect.reach >= NEGLIGIBLE


def _window(effect: EffectBand, timeline: Timeline) -> Window:
    onsets = [w.onset for _, w in effect.timing]
    spans = [w.window for _, w in effect.timing]
    why = next((o.reason for o in (*onsets, *spans) if not o.ok and o.reason), "")
    over = f" over {len(effect.timing)} readings of what is not known" if len(effect.timing) > 1 else ""
    name = f"{effect.document.target} by {', '.join(effect.parts)}"
    return Window(name, tuple(map(_number, onsets)), tuple(map(_number, spans)), over, why)


def _number(o: Observable) -> float | None:
    return o.value if o.ok else None


def overlap(courses: Sequence[PartCourse], t_h: np.ndarray) -> Observable:
    """Return for how long all parts with a course are above half of their own peaks at once.

    Parts without a course are not counted; the reason says which.
    """
    known = [c for c in courses if c.middle is not None and c.peak]
    silent = [c.compound for c in courses if c.middle is None]
    if len(known) < 2:
        return missing("overlap", "h", "not determined", "fewer than two parts have a course")
    present = np.all([c.middle >= PRESENT * c.peak for c in known if c.middle is not None and c.peak], axis=0)
    step = float(t_h[1] - t_h[0])
    without = f"without {', '.join(silent)}" if silent else ""
    rule = f"all of {', '.join(c.compound for c in known)} above {PRESENT:.0%} of their own peaks"
    return Observable(
        "overlap", float(present.sum() * step), "h", "one-sided" if silent else "ok", without or None, None, rule
    )


def present_from_to(course: PartCourse, t_h: np.ndarray) -> tuple[float, float] | None:
    """Return when a part is first and last above half of its own peak, h; None without a course."""
    if course.middle is None or not course.peak:
        return None
    above = np.flatnonzero(course.middle >= PRESENT * course.peak)
    return float(t_h[above[0]]), float(t_h[above[-1]])
