"""An effect over time in one or many people, or the reason why it is not known."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np

from ..errors import UsageError
from ..exposure.courses import Unknown
from ..measures.observable import Observable, missing

#: Quantiles of people that an interval holds.
BAND = (0.05, 0.95)


@dataclasses.dataclass(frozen=True, eq=False)
class EffectCourse:
    """The course of one effect.

    Attributes
    ----------
    id : str
        E.g. ``occupancy of adenosine A1 receptor``.
    unit : str
        Empty for a share.
    t_h : array, shape (m,)
        From 00:00 of day 1.
    value : array, shape (people, m), or Unknown
        NaN where there is none (nobody's attention is tested asleep).
    low, high : array, shape (people, m), or None
        What the interval of the constants leaves open.
    label : {"prediction", "calibration"}
    one_sided : str or None
        Why the value is a bound only.
    assumed, notes, sources : tuple of str
    """

    id: str
    unit: str
    t_h: np.ndarray
    value: np.ndarray | Unknown
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    label: Literal["prediction", "calibration"] = "prediction"
    one_sided: str | None = None
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def unknown(self) -> str | None:
        """Why there is no course; None where there is one."""
        return self.value.reason if isinstance(self.value, Unknown) else None

    def known(self) -> np.ndarray:
        """Return the course, (people, m).

        Raises
        ------
        UsageError
            It is unknown; the reason.
        """
        if isinstance(self.value, Unknown):
            raise UsageError(f"The {self.id} is unknown", why=self.value.reason)
        return self.value

    def typical(self) -> np.ndarray:
        """Return the median over people, (m,)."""
        return np.median(self.known(), axis=0)

    def peak(self) -> Observable:
        """Return the largest value; over many people the median of their peaks with the 5-95 % band."""
        return self._observe("peak", lambda x: np.nanmax(x, axis=-1))

    def at(self, t_h: float) -> Observable:
        """Return the value at a time.

        Raises
        ------
        UsageError
            The time is not within the course.
        """
        if not self.t_h[0] <= t_h <= self.t_h[-1]:
            raise UsageError(f"{t_h:g} h is not within the course", why=f"{self.t_h[0]:g} to {self.t_h[-1]:g} h")
        return self._observe(f"at {t_h:g} h", lambda x: np.array([np.interp(t_h, self.t_h, row) for row in x]))

    def mean(self, from_h: float, to_h: float) -> Observable:
        """Return the mean over a span of time (of the samples within it)."""
        inside = (self.t_h >= from_h) & (self.t_h <= to_h)
        if not inside.any():
            raise UsageError(f"No time of the course lies between {from_h:g} and {to_h:g} h")
        return self._observe(f"mean {from_h:g}-{to_h:g} h", lambda x: np.nanmean(x[:, inside], axis=-1))

    def _observe(self, what: str, read: Callable[[np.ndarray], np.ndarray]) -> Observable:
        name = f"{self.id}, {what}"
        if isinstance(self.value, Unknown):
            return missing(name, self.unit, "not determined", self.value.reason)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a span of NaN alone is said below
            each = read(self.value)
        if not np.isfinite(each).any():
            return missing(name, self.unit, "not determined", "there is no value then: nobody is tested asleep")
        interval = None
        if len(each) > 1:
            low, high = np.quantile(each, BAND)
            interval = (float(low), float(high))
        elif self.low is not None and self.high is not None:
            interval = (float(read(self.low)[0]), float(read(self.high)[0]))
        status = "one-sided" if self.one_sided else "ok"
        return Observable(name, float(np.median(each)), self.unit, status, self.one_sided, interval, notes=self.notes)
