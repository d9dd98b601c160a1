"""Lapses of attention of a person under a sleep schedule and an exposure to caffeine."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import UsageError
from ..exposure.courses import Unknown
from ..library.effect import Matrix, find_alertness
from ..library.effect_constants import to_uM
from ..mechanisms.alertness import (
    caffeine_factor,
    circadian,
    habitual_state,
    homeostat,
    sleep_inertia,
    with_caffeine,
)
from ..protocols.sleep import SleepSchedule
from .effect_course import EffectCourse
from .subject_effects import Exposed, concentration


@dataclasses.dataclass(frozen=True, eq=False)
class AlertnessCourse:
    """Lapses of attention over time, without and with caffeine.

    Attributes
    ----------
    t_h : array, shape (m,)
    free : EffectCourse
        Lapses without caffeine, one row; NaN asleep.
    lapses : EffectCourse
        With caffeine.
    benefit : EffectCourse
        Lapses that caffeine takes away.
    pressure, floor : array, shape (m,)
        Sleep pressure S and its floor L.
    inertia : array, shape (m,)
        Lapses that follow waking; not part of `free`.
    awake : array of bool, shape (m,)
    reading : str
        Of the caffeine factor.
    """

    t_h: np.ndarray
    free: EffectCourse
    lapses: EffectCourse
    benefit: EffectCourse
    pressure: np.ndarray
    floor: np.ndarray
    inertia: np.ndarray
    awake: np.ndarray
    reading: str


def alertness_of(
    exposure: Exposed | None,
    schedule: SleepSchedule | None = None,
    *,
    t_h: Any = None,
    reading: str | None = None,
    sleep_hours: float | None = None,
) -> AlertnessCourse:
    """Return lapses of attention under a sleep schedule and an exposure to caffeine.

    Parameters
    ----------
    exposure : Exposure or None
        None: no caffeine.
    schedule : SleepSchedule, optional
        Default: awake since 07:00 of day 1.
    t_h : array, shape (m,), optional
        Default: the times of the exposure from waking on. Concentrations are interpolated.
    reading : str, optional
        Of the caffeine factor: ``a1`` or ``a2a``.
    sleep_hours : float, optional
        What the person has always slept; default: no sleep pressure and no debt on waking, nearly that of 8 h.

    Returns
    -------
    AlertnessCourse

    Raises
    ------
    UsageError
        Neither an exposure nor times, times before waking, or an animal.
    """
    if exposure is not None and exposure.species != "human":
        raise UsageError(f"Lapses of attention of a {exposure.species}", why="the model is of people")
    document = find_alertness()
    model, plan = document.model(), schedule or SleepSchedule()
    factor = document.reading(reading)
    if t_h is None:
        if exposure is None:
            raise UsageError("Alertness of no times", do="give an exposure, or t_h")
        t_h = exposure.t_h[exposure.t_h >= plan.wake_h]
    t = np.asarray(t_h, float)
    if t.size == 0 or t[0] < plan.wake_h:
        raise UsageError(
            "Alertness begins on waking", why=f"at {plan.wake_h:g} h", do="give later times, or wake earlier"
        )
    s0, l0 = (0.0, 0.0) if sleep_hours is None else habitual_state(model, sleep_hours)
    state = homeostat(model, t, plan.sleeps_h, pressure=s0, floor=l0, start_h=plan.wake_h)
    plain = np.where(state.awake, state.pressure + model.circadian * circadian(model, t), np.nan)[None]
    start = () if sleep_hours is None else (f"always slept {sleep_hours:g} h a day before",)
    assumed = (
        *(a for a in document.assumed if sleep_hours is None or not a.startswith("sleep pressure")),
        *start,
        factor.half.describe("caffeine: half of its effect at"),
        factor.amplitude.describe("caffeine: amplitude"),
    )
    made: dict[str, Any] = {"assumed": assumed, "notes": document.remarks, "sources": (document.source,)}
    free = EffectCourse("lapses of attention without caffeine", "lapses", t, plain, **made)
    made["label"] = "calibration" if factor.amplitude.status == "calibrated" else "prediction"
    c = _caffeine_at(exposure, t, document.matrix)
    if isinstance(c, Unknown):
        lapses: np.ndarray | Unknown = c
        benefit: np.ndarray | Unknown = c
    else:
        half = to_uM(factor.half, "caffeine")[0]
        lapses = with_caffeine(plain, caffeine_factor(c, factor.amplitude.known(), half))
        benefit = plain - lapses
    return AlertnessCourse(
        t, free, EffectCourse("lapses of attention", "lapses", t, lapses, **made),
        EffectCourse("lapses that caffeine takes away", "lapses", t, benefit, **made),
        state.pressure, state.floor, sleep_inertia(model, state.since_wake_h), state.awake, factor.name,
    )  # fmt: skip


def _caffeine_at(exposure: Exposed | None, t: np.ndarray, matrix: Matrix) -> np.ndarray | Unknown:
    if exposure is None or ("caffeine" not in exposure.courses and "caffeine" not in exposure.unknown):
        return np.zeros((1, t.size))
    c = concentration(exposure, "caffeine", matrix)
    if isinstance(c, Unknown):
        return c
    if t[-1] > exposure.t_h[-1] + 1e-9:
        return Unknown(f"the exposure ends at {exposure.t_h[-1]:g} h: give it later times")
    return np.stack([np.interp(t, exposure.t_h, row, left=0.0) for row in c])
