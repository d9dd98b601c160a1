"""Tolerance: what keeps an effect from staying as it began. Every model has one slow state per endpoint.

`follow` is that state: a first-order filter of its drive, exact for a drive that is linear between samples. The models
differ in what the state does: it takes a share of the effect away (`Attenuation`), it opposes the drug and outlasts it
(`Moderator`), or it is the number of receptors (`UpRegulation`).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..errors import UsageError


def follow(t_h: Any, drive: Any, rate_per_h: float, start: Any = 0.0) -> np.ndarray:
    """Return the state of ``dx/dt = rate (drive - x)``.

    Parameters
    ----------
    t_h : array, shape (times,)
        Increasing.
    drive : array, shape (..., times)
        Taken as linear between the times, for which the result is exact.
    rate_per_h : float
        One over the time constant.
    start : float or array, shape (...)
        State at ``t_h[0]``.

    Returns
    -------
    array, shape (..., times)

    Raises
    ------
    UsageError
        Times that do not increase, or a rate that is not positive.

    Examples
    --------
    >>> follow([0.0, 24.0, 48.0], [1.0, 1.0, 1.0], 1 / 24.0).round(3).tolist()
    [0.0, 0.632, 0.865]
    """
    t, u = np.asarray(t_h, float), np.asarray(drive, float)
    if t.ndim != 1 or t.size != u.shape[-1]:
        raise UsageError(f"{t.shape} times for a drive of shape {u.shape}", do="give the drive at every time")
    steps = np.diff(t)
    if not np.all(steps > 0.0):
        raise UsageError("Times do not increase", do="sort them and remove what is given twice")
    if not (math.isfinite(rate_per_h) and rate_per_h > 0.0):
        raise UsageError(f"A rate of {rate_per_h} per hour is not positive")
    z = rate_per_h * steps
    kept = np.exp(-z)
    # mean of exp(-z s) over the step; expm1 keeps short steps accurate
    mean = -np.expm1(-z) / z
    before, after = mean - kept, 1.0 - mean
    out = np.empty_like(u)
    out[..., 0] = x = np.broadcast_to(np.asarray(start, float), u.shape[:-1])
    for i in range(len(steps)):
        x = kept[i] * x + before[i] * u[..., i] + after[i] * u[..., i + 1]
        out[..., i + 1] = x
    return out


@dataclasses.dataclass(frozen=True)
class Attenuation:
    """Tolerance that takes a growing share of the effect away while the drug is there, and adds nothing of its own.

    There is no rebound: without drug there is no effect to be attenuated.

    Attributes
    ----------
    rate_per_h : float
        Of onset and of loss of tolerance.
    half_uM : float
        Concentration that drives it half as strongly as any concentration can.
    maximum : float
        Share of the effect that is lost in the end; 1 is complete tolerance.
    """

    rate_per_h: float
    half_uM: float
    maximum: float = 1.0

    def __post_init__(self) -> None:
        if not (self.half_uM > 0.0 and 0.0 <= self.maximum <= 1.0):
            raise UsageError("half_uM is positive and the maximum between 0 and 1")

    def lost(self, t_h: Any, concentration_uM: Any, start: Any = 0.0) -> np.ndarray:
        """Return the share of the effect that is lost, (..., times).

        Parameters
        ----------
        t_h : array, shape (times,)
        concentration_uM : array, shape (..., times)
        start : float or array, shape (...)
            Share lost at the start.
        """
        c = np.asarray(concentration_uM, float)
        return follow(t_h, self.maximum * c / (self.half_uM + c), self.rate_per_h, start)


@dataclasses.dataclass(frozen=True)
class Moderator:
    """Tolerance by an opponent: a state that follows the drug and is subtracted from it, also when the drug is gone.

    Attributes
    ----------
    rate_per_h : float
    strength : float
        1: a constant effect vanishes in the end. After the drug the effect has the opposite sign (withdrawal).
    """

    rate_per_h: float
    strength: float = 1.0

    def effect(self, t_h: Any, drive: Any, start: Any = 0.0) -> np.ndarray:
        """Return the drive less its opponent, (..., times)."""
        u = np.asarray(drive, float)
        return u - self.strength * follow(t_h, u, self.rate_per_h, start)


@dataclasses.dataclass(frozen=True)
class UpRegulation:
    """Receptor turnover: blockade makes receptors more numerous, slowly.

    ``dB/dt = k (1 + gain * drive - B)`` around one; receptors appear only by what the drive has moved the slow state
    beyond a threshold.

    Attributes
    ----------
    rate_per_h : float
        Turnover, ``ln 2`` over the half-life of the receptors.
    gain : float
        Relative increase per unit of the state above the threshold.
    threshold : float
        In units of the drive.
    """

    rate_per_h: float
    gain: float
    threshold: float = 0.0

    def state(self, t_h: Any, drive: Any, start: Any = 0.0) -> np.ndarray:
        """Return the slow state, (..., times), in units of the drive."""
        return follow(t_h, drive, self.rate_per_h, start)

    def receptors(self, t_h: Any, drive: Any, start: Any = 0.0) -> np.ndarray:
        """Return the number of receptors relative to before, (..., times).

        Parameters
        ----------
        t_h : array, shape (times,)
        drive : array, shape (..., times)
            Blockade, or the concentration that causes it.
        start : float or array, shape (...)
            Slow state at the start.
        """
        return 1.0 + self.gain * np.maximum(self.state(t_h, drive, start) - self.threshold, 0.0)
