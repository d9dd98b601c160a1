"""Run-down: how the size of a response changes from sweep to sweep, and its correction on request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .recording import Array, Recording
from .sweeps import noted, sweep_numbers, with_channel

Form = Literal["linear", "exponential"]


@dataclass(frozen=True)
class RunDown:
    """Course of the response size with the sweep number.

    Attributes
    ----------
    form : {"linear", "exponential"}
    per_sweep : float
        Part of the initial size lost per sweep (linear), or of the present size (exponential); negative for run-up.
    interval : (float, float)
        95 %.
    word : {"determined", "not determined"}
        Not determined where the interval includes no change.
    reason : str
    scatter : float
        Residual standard deviation, relative to the initial size.
    n : int
        Reference sweeps used.
    numbers : (sweep,) array
        Numbers of all sweeps.
    factors : (sweep,) array
        Size of each sweep relative to the first sweep number.
    """

    form: Form
    per_sweep: float
    interval: tuple[float, float]
    word: Literal["determined", "not determined"]
    reason: str
    scatter: float
    n: int
    numbers: Array
    factors: Array

    def describe(self) -> str:
        """Return one line."""
        low, high = self.interval
        return (
            f"run-down ({self.form}, {self.n} reference sweeps): {100 * self.per_sweep:.3g} % per sweep, 95 % interval "
            f"{100 * low:.3g} to {100 * high:.3g} %: {self.word}" + (f" ({self.reason})" if self.reason else "")
        )


def estimate_rundown(
    sizes: ArrayLike,
    numbers: ArrayLike | None = None,
    *,
    reference: Sequence[int] | None = None,
    form: Form = "exponential",
) -> RunDown:
    """Estimate run-down from the sizes of responses that should be equal.

    Parameters
    ----------
    sizes : (sweep,) array
        Peaks or any size, of one sign; NaN where there is none.
    numbers : (sweep,) array, optional
        Sweep numbers; default 0, 1, 2 ...
    reference : sequence of int, optional
        Positions of the sweeps of equal stimulus (reference pulses); default all.
    form : {"linear", "exponential"}
        ``1 - r k``, or ``(1 - r)^k``, k counted from the first sweep.

    Returns
    -------
    RunDown

    Raises
    ------
    UsageError
        Fewer than three reference sizes, or sizes of both signs.

    Notes
    -----
    Ordinary least squares of size, or of log size, on the number; t interval.
    """
    if form not in ("linear", "exponential"):
        raise UsageError(f"Unknown form {form!r}", do="use linear or exponential")
    y = np.asarray(sizes, dtype=float).ravel()
    k = np.arange(y.size, dtype=float) if numbers is None else np.asarray(numbers, dtype=float).ravel()
    if k.shape != y.shape:
        raise UsageError("Sizes and sweep numbers differ in number", why=f"{y.size} and {k.size}")
    used = np.isfinite(y)
    if reference is not None:
        chosen = np.zeros(y.size, dtype=bool)
        chosen[np.asarray(reference, dtype=int)] = True
        used &= chosen
    n = int(used.sum())
    if n < 3 or np.ptp(k[used]) == 0:
        raise UsageError(f"{n} reference sizes are too few for run-down", do="give three or more")
    signs = np.sign(y[used])
    if (signs != signs[0]).any():
        raise UsageError("Sizes of both signs have no run-down", do="measure them with one polarity")
    size, x = np.abs(y[used]), k[used] - k[0]
    from scipy.special import stdtrit

    target = size if form == "linear" else np.log(size)
    centre = x - x.mean()
    slope = float(centre @ target / (centre @ centre))
    level = float(target.mean()) - slope * float(x.mean())
    residual = target - level - slope * x
    scatter = math.sqrt(float(residual @ residual) / (n - 2))
    reach = float(stdtrit(n - 2, 0.975)) * scatter / math.sqrt(float(centre @ centre))
    ends = (slope - reach, slope + reach)
    if form == "linear":
        if level <= 0:
            raise UsageError(
                "The line has no positive start", why=f"{level:.3g} at the first sweep", do="use exponential"
            )
        per_sweep, low, high = -slope / level, -ends[1] / level, -ends[0] / level
        factors, scatter = 1 - per_sweep * (k - k[0]), scatter / level
    else:
        per_sweep, low, high = 1 - math.exp(slope), 1 - math.exp(ends[1]), 1 - math.exp(ends[0])
        factors = np.exp(slope * (k - k[0]))
    clear = low > 0 or high < 0
    reason = "" if clear else "the interval includes no change"
    word: Literal["determined", "not determined"] = "determined" if clear else "not determined"
    return RunDown(form, per_sweep, (low, high), word, reason, scatter, n, k, factors)


def correct_rundown(recording: Recording, rundown: RunDown, *, channel: int = 0, force: bool = False) -> Recording:
    """Divide every sweep by its run-down factor; subtract the baseline first.

    Parameters
    ----------
    recording : Recording
        The sweeps of which the run-down was estimated.
    rundown : RunDown
    channel : int
    force : bool
        Also correct a run-down that is not determined.

    Raises
    ------
    UsageError
        Sweeps differ, the run-down is not determined, or a factor is at or below 5 %.
    """
    numbers = sweep_numbers(recording)
    if not np.array_equal(numbers, rundown.numbers):
        raise UsageError("The run-down is of other sweeps", why=f"{rundown.numbers.size} and {numbers.size} sweeps")
    if rundown.word != "determined" and not force:
        raise UsageError(
            "Run-down is not determined", why=rundown.describe(), do="leave it, or give more reference sweeps"
        )
    if (rundown.factors <= 0.05).any():
        raise UsageError("Almost nothing is left to correct", why=f"smallest factor {rundown.factors.min():.3g}")
    clean = recording.data[channel] / rundown.factors[:, None]
    metadata = {**recording.sweep_metadata, "rundown_factor": rundown.factors}
    note = f"corrected for {rundown.describe()}; noise grew by up to {1 / rundown.factors.min():.3g}"
    return noted(recording, note, data=with_channel(recording, channel, clean), sweep_metadata=metadata)
