"""How large an effect is, with a bootstrap interval: mean difference and ratio of geometric means.

Every number carries n and what was counted (cells, slices, animals).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .conventions import chosen
from .observable import Observable, Status

Array = NDArray[np.float64]

#: Bootstrap samples.
RESAMPLES = 5000
#: Below this n a bootstrap interval is clearly too narrow (tests measure it), and the t interval is noted beside it.
FEW = 10
#: Fewest values from which an interval is taken.
FEWEST = 3


@dataclass(frozen=True)
class Statistic(Observable):
    """An observable of groups: it carries n and the unit of n.

    Attributes
    ----------
    n : tuple of int
        How many units stand behind it, one number per group (one for pairs).
    unit_of_n : str
        What was counted: ``cell``, ``slice``, ``animal`` ...
    statistic : float or None
        t, U, W or F of a test.
    df : float or None
        Degrees of freedom of the error.
    df_effect : int or None
        Numerator degrees of freedom of an F test.
    """

    n: tuple[int, ...] = ()
    unit_of_n: str = ""
    statistic: float | None = None
    df: float | None = None
    df_effect: int | None = None

    def as_dict(self, label: str, conditions: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the entry of the results object, with n and its unit."""
        entry = super().as_dict(label, conditions)
        test = {"statistic": self.statistic, "df": self.df, "df_effect": self.df_effect}
        return {**entry, "n": list(self.n), "unit_of_n": self.unit_of_n,
                **{key: value for key, value in test.items() if value is not None}}  # fmt: skip

    @property
    def counted(self) -> str:
        """n and its unit in words.

        Examples
        --------
        >>> Statistic("difference", 1.0, "pA", n=(5, 1), unit_of_n="cell").counted
        'n = 5, 1 cells'
        """
        return f"n = {', '.join(map(str, self.n))} {plural(self.unit_of_n, sum(self.n))}"


def plural(unit: str, count: int) -> str:
    """Return the name of a unit for a count.

    Examples
    --------
    >>> plural("mouse", 2), plural("cell", 1), plural("patch", 3)
    ('mice', 'cell', 'patches')
    """
    if count == 1:
        return unit
    return "mice" if unit.lower() == "mouse" else unit + ("es" if unit.endswith(("s", "x", "ch", "sh")) else "s")


@dataclass(frozen=True)
class Effect:
    """An effect size and what its interval was taken from.

    Attributes
    ----------
    estimate : Statistic
        ``mean_difference`` in the unit of the values, or ``ratio``.
    resampled : (resamples,) array
        Bootstrap distribution of the estimate; empty where none was possible.
    """

    estimate: Statistic
    resampled: Array


def mean_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    paired: bool = False,
    log: bool = False,
    convention: str | None = None,
    unit: str = "",
    unit_of_n: str = "value",
    seed: int = 1,
    resamples: int = RESAMPLES,
) -> Effect:
    """Estimate second minus first, or their ratio, with a 95 % interval.

    Parameters
    ----------
    first, second : (n,) and (m,) arrays
        Without NaN. Of equal length and order where paired.
    paired : bool
        Estimate the mean of the differences within pairs.
    log : bool
        Estimate the ratio of geometric means: the difference of mean logarithms, taken back.
    convention : {"BCa", "percentile", "t"}, optional
        The interval. BCa: bias-corrected and accelerated bootstrap. t: Student, Welch where unpaired.
    unit : str
        Of the values.
    unit_of_n : str
        What one value is.
    seed, resamples : int

    Returns
    -------
    Effect
        ``not determined`` with the estimate but no interval where there are fewer than three values or they do not
        vary; ``refused`` where a ratio is asked of values that are not positive.

    Raises
    ------
    UsageError
        NaN among the values, or pairs of unequal length.

    Notes
    -----
    BCa: Efron 1987, JASA 82:171; acceleration of two samples as in Davison & Hinkley 1997, section 5.3. With few
    values it covers less than 95 % (n = 5: about 83 % for normal data), so below n = 10 the t interval is noted too.
    """
    name = chosen("mean_difference", convention)
    a, b = (np.asarray(v, dtype=float).ravel() for v in (first, second))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("A value is missing or not finite", do="leave out missing values first")
    if paired and a.size != b.size:
        raise UsageError("Pairs need equal numbers", why=f"{a.size} and {b.size}")
    id, n = ("ratio" if log else "mean_difference"), ((a.size,) if paired else (a.size, b.size))
    unit = "" if log else unit
    none = np.empty(0)

    def withheld(status: Status, reason: str, value: float = math.nan) -> Effect:
        return Effect(Statistic(id, value, unit, status, reason, None, name, (), n, unit_of_n), none)

    if min(n) == 0:
        return withheld("not determined", "a group has no values")
    if log and not ((a > 0).all() and (b > 0).all()):
        bad = int((a <= 0).sum() + (b <= 0).sum())
        return withheld("refused", f"{bad} value{'s are' if bad > 1 else ' is'} not positive: no logarithm")
    if log:
        a, b = np.log(a), np.log(b)
    samples = [b - a] if paired else [b, -a]
    back = math.exp if log else float
    estimate = float(sum(s.mean() for s in samples))
    if min(n) < FEWEST:
        return withheld("not determined", f"n = {min(n)}: an interval needs at least {FEWEST}", back(estimate))
    if all(np.ptp(s) == 0 for s in samples):
        return withheld("not determined", "the values do not vary: no interval", back(estimate))
    rng = np.random.default_rng(seed)
    drawn = sum((s[rng.integers(0, s.size, (resamples, s.size))].mean(axis=1) for s in samples), np.zeros(resamples))
    ends = {"BCa": _bca, "percentile": _percentile}[name](drawn, samples, estimate) if name != "t" else _t(samples)
    notes = [f"{resamples} bootstrap samples, seed {seed}"] if name != "t" else []
    if min(n) < FEW and name != "t":
        low, high = (back(end) for end in _t(samples))
        notes.append(f"few values: a bootstrap interval is too narrow; t interval {low:.4g} to {high:.4g}")
    made = Statistic(
        id, back(estimate), unit, "ok", None, (back(ends[0]), back(ends[1])), name, tuple(notes), n, unit_of_n
    )
    return Effect(made, np.exp(drawn) if log else drawn)


def _percentile(drawn: Array, samples: list[Array], estimate: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _bca(drawn: Array, samples: list[Array], estimate: float) -> tuple[float, float]:
    from scipy.special import ndtr, ndtri

    # few values give few distinct means: those equal to the estimate are halved, and rounding must not decide
    tie = np.abs(drawn - estimate) <= 1e-9 * drawn.std()
    below = (np.sum((drawn < estimate) & ~tie) + 0.5 * np.sum(tie)) / drawn.size
    bias = float(ndtri(np.clip(below, 0.5 / drawn.size, 1 - 0.5 / drawn.size)))
    # empirical influence values of a mean are the deviations from it
    cubes = sum(float(np.sum((s - s.mean()) ** 3)) / s.size**3 for s in samples)
    squares = sum(float(np.sum((s - s.mean()) ** 2)) / s.size**2 for s in samples)
    acceleration = cubes / (6 * squares**1.5)
    z = ndtri(np.array([0.025, 0.975]))
    levels = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
    low, high = np.quantile(drawn, levels)
    return float(low), float(high)


def _t(samples: list[Array]) -> tuple[float, float]:
    """Return the interval of Student, or of Welch for two samples."""
    from scipy.special import stdtrit

    estimate, error, df = welch(samples)
    reach = float(stdtrit(df, 0.975)) * error
    return estimate - reach, estimate + reach


def welch(samples: list[Array]) -> tuple[float, float, float]:
    """Return the sum of means, its standard error, and the degrees of freedom of Welch and Satterthwaite.

    Notes
    -----
    Welch 1947, Biometrika 34:28. With one sample these are Student's.
    """
    parts = [float(s.var(ddof=1)) / s.size for s in samples]
    total = sum(parts)
    spread = sum(part**2 / (s.size - 1) for part, s in zip(parts, samples, strict=True))
    return float(sum(s.mean() for s in samples)), math.sqrt(total), total**2 / spread if spread > 0 else math.nan
