"""Alertness as lapses of attention: the Unified Model of Performance, in closed form over any sleep schedule.

A homeostat S rises awake towards U and falls asleep towards a floor L, which itself carries sleep debt; a circadian
rhythm C of five harmonics is added: ``P = S + kappa C`` (Rajdev 2013; ramakrishnan2016 as the code of fips2020 has it).
Larger is worse. Caffeine multiplies P (ramakrishnan2013).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UsageError


@dataclasses.dataclass(frozen=True)
class UnifiedModel:
    """Constants of the Unified Model of Performance.

    Attributes
    ----------
    upper : float
        U, lapses that wakefulness tends to.
    tau_wake_h, tau_sleep_h, tau_debt_h : float
        Of S awake, of S asleep, of L.
    circadian : float
        kappa, lapses per unit of C.
    phase_h : float
        phi, added to clock time.
    harmonics : tuple of float
        Amplitudes of the harmonics of 24 h.
    inertia, inertia_rate_per_h : float
        Lapses right after waking, and how fast they go.
    """

    upper: float
    tau_wake_h: float
    tau_sleep_h: float
    tau_debt_h: float
    circadian: float
    phase_h: float
    harmonics: tuple[float, ...]
    inertia: float = 0.0
    inertia_rate_per_h: float = 1.0

    def __post_init__(self) -> None:
        times = (self.tau_wake_h, self.tau_sleep_h, self.tau_debt_h)
        if not all(math.isfinite(x) and x > 0.0 for x in (self.upper, *times)):
            raise UsageError("The upper asymptote and the time constants must be positive")
        if self.tau_sleep_h == self.tau_debt_h:
            raise UsageError("The time constants of sleep and of sleep debt are equal", do="change one of them")


@dataclasses.dataclass(frozen=True)
class Homeostat:
    """Sleep drive over time.

    Attributes
    ----------
    pressure, floor : array, shape (times,)
        S and L.
    awake : array of bool, shape (times,)
    since_wake_h : array, shape (times,)
        Hours since the last waking (or since the start); NaN asleep.
    """

    pressure: np.ndarray
    floor: np.ndarray
    awake: np.ndarray
    since_wake_h: np.ndarray


def wake(model: UnifiedModel, pressure: Any, floor: Any, hours: Any) -> tuple[Any, Any]:
    """Return S and L after so many hours awake."""
    kept, debt = np.exp(-hours / model.tau_wake_h), np.exp(-hours / model.tau_debt_h)
    return model.upper - (model.upper - pressure) * kept, floor * debt + model.upper * (1.0 - debt)


def sleep(model: UnifiedModel, pressure: Any, floor: Any, hours: Any) -> tuple[Any, Any]:
    """Return S and L after so many hours asleep."""
    kept, debt = np.exp(-hours / model.tau_sleep_h), np.exp(-hours / model.tau_debt_h)
    low = -2.0 * model.upper
    share = model.tau_debt_h / (model.tau_debt_h - model.tau_sleep_h)
    s = low + (pressure - low) * kept + (floor - low) * share * (debt - kept)
    return s, low + (floor - low) * debt


def check_sleeps(sleeps_h: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return periods of sleep as floats.

    Raises
    ------
    UsageError
        A period that ends before it begins, or periods that overlap or are out of order.
    """
    found = [(float(a), float(b)) for a, b in sleeps_h]
    for a, b in found:
        if not (math.isfinite(a) and math.isfinite(b) and a < b):
            raise UsageError(f"Sleep from {a:g} to {b:g} h", why="it ends before it begins", do="count hours on")
    for (_, end), (begin, _) in itertools.pairwise(found):
        if begin < end:
            raise UsageError(f"Sleep begins at {begin:g} h", why=f"the one before ends at {end:g} h", do="sort them")
    return found


def homeostat(
    model: UnifiedModel,
    t_h: Any,
    sleeps_h: Sequence[tuple[float, float]] = (),
    *,
    pressure: float = 0.0,
    floor: float = 0.0,
    start_h: float | None = None,
) -> Homeostat:
    """Return sleep pressure and its floor at given times; exact, whatever the times are.

    Parameters
    ----------
    model : UnifiedModel
    t_h : array, shape (times,)
        Clock hours, 0 at midnight of day 1; increasing.
    sleeps_h : sequence of (from, to)
        Periods of sleep; awake otherwise.
    pressure, floor : float
        S and L at `start_h`.
    start_h : float, optional
        Default ``t_h[0]``; awake just before it unless a sleep covers it.

    Returns
    -------
    Homeostat

    Raises
    ------
    UsageError
        Times before the start, or a sleep schedule that is none (:func:`check_sleeps`).
    """
    t = np.asarray(t_h, float)
    begin = float(t[0]) if start_h is None else float(start_h)
    if t.ndim != 1 or t.size == 0 or np.any(np.diff(t) < 0.0) or t[0] < begin:
        raise UsageError("Times must increase and not lie before the start")
    edges = [begin]
    for a, b in check_sleeps(sleeps_h):
        edges += [x for x in (a, b) if x > begin]
    asleep_at = [any(a <= x < b for a, b in sleeps_h) for x in edges]
    s, low, awake, since = (np.full(t.shape, np.nan) for _ in range(4))
    now, s0, l0, woke = begin, pressure, floor, begin
    for i, edge in enumerate(edges):
        last = i + 1 == len(edges)
        until = math.inf if last else edges[i + 1]
        if not asleep_at[i]:
            woke = edge if i == 0 or asleep_at[i - 1] else woke
        law = sleep if asleep_at[i] else wake
        inside = (t >= edge) & (t < until)
        s[inside], low[inside] = law(model, s0, l0, t[inside] - now)
        awake[inside] = not asleep_at[i]
        if not asleep_at[i]:
            since[inside] = t[inside] - woke
        if not last:
            s0, l0 = law(model, s0, l0, until - now)
            now = until
    return Homeostat(s, low, awake.astype(bool), since)


def habitual_state(model: UnifiedModel, sleep_hours: float) -> tuple[float, float]:
    """Return S and L on waking in someone who always sleeps so many hours of 24.

    Parameters
    ----------
    model : UnifiedModel
    sleep_hours : float
        Between 0 and 24, both excluded.

    Returns
    -------
    pressure, floor : float
        The fixed point of a day; both laws are linear, so it is exact.
    """
    if not 0.0 < sleep_hours < 24.0:
        raise UsageError(f"{sleep_hours:g} h of sleep a day", do="give a number between 0 and 24")

    def day(s: float, low: float) -> np.ndarray:
        return np.array(sleep(model, *wake(model, s, low, 24.0 - sleep_hours), sleep_hours))

    zero = day(0.0, 0.0)
    matrix = np.column_stack([day(1.0, 0.0) - zero, day(0.0, 1.0) - zero])
    s, low = np.linalg.solve(np.eye(2) - matrix, zero)
    return float(s), float(low)


def circadian(model: UnifiedModel, t_h: Any) -> Any:
    """Return C at clock hours, in units of its amplitudes."""
    angle = 2.0 * math.pi * (np.asarray(t_h, float) + model.phase_h) / 24.0
    return sum((a * np.sin((i + 1) * angle) for i, a in enumerate(model.harmonics)), np.zeros_like(angle))


def sleep_inertia(model: UnifiedModel, since_wake_h: Any) -> Any:
    """Return the lapses that follow waking; zero asleep."""
    return np.nan_to_num(model.inertia * np.exp(-model.inertia_rate_per_h * np.asarray(since_wake_h, float)))


def caffeine_factor(concentration_uM: Any, amplitude: float, half_uM: float) -> Any:
    """Return what caffeine leaves of the lapses: ``1 / (1 + M C / (k + C))``.

    Parameters
    ----------
    concentration_uM : array
        Caffeine in plasma.
    amplitude : float
        M: lapses without over lapses with unlimited caffeine, less one.
    half_uM : float
        k.

    Examples
    --------
    >>> float(caffeine_factor(10.0, 2.0, 10.0))
    0.5
    """
    if not (amplitude >= 0.0 and half_uM > 0.0):
        raise UsageError("The amplitude of caffeine is not negative, and its half concentration positive")
    c = np.asarray(concentration_uM, float)
    return 1.0 / (1.0 + amplitude * c / (half_uM + c))


def with_caffeine(lapses: Any, factor: Any) -> Any:
    """Return lapses under caffeine; where the model has none to take away (below zero) it changes nothing."""
    free = np.asarray(lapses, float)
    return np.where(free > 0.0, free * factor, free)
