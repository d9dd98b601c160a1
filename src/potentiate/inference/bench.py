"""The bench: what a model predicts for every setting at once.

The current of a setting does not depend on which cell it came from (but for its amplitude and leak, which are linear),
nor on how often it was recorded. So one prediction serves every cell, every subset of the data, and every sweep that is
still to come. Nothing is compiled: bins that widen after each switch make a sweep some sixty small products, and
derivatives are differences of predictions that are exact to 1e-12.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..kinetics.rate_map import RateMap, RateParameter
from ..numerics.bin_averages import BinCourses, bin_averages, cut_courses
from ..numerics.interval_average import Moments, interval_moments
from ..numerics.low_pass import LowPass, bessel
from ..numerics.matrix_exponential import settle
from .alternatives import EffectModel
from .experiment import Condition
from .setting import Setting

#: Derivatives that are remembered: where one search ended, others begin.
MOST_KEPT = 64

#: Step of a difference, on the scale of the search.
_STEP = 1e-5


@dataclasses.dataclass(frozen=True, eq=False)
class _Group:
    """Settings that share a scheme and a filter."""

    rate_map: RateMap
    take: np.ndarray
    settings: tuple[int, ...]
    plan: BinCourses
    factors: np.ndarray
    voltage_mV: np.ndarray
    drive_mV: np.ndarray
    rest: np.ndarray
    low_pass: LowPass | None


@dataclasses.dataclass(frozen=True, eq=False)
class Bench:
    """A model and the settings it is to predict.

    Attributes
    ----------
    model : EffectModel
        Everything is shared by all cells.
    settings : tuple of Setting
    """

    model: EffectModel
    settings: tuple[Setting, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", tuple(self.settings))
        if not self.settings:
            raise UsageError("No setting to predict")

    @functools.cached_property
    def _maps(self) -> dict[str | None, RateMap]:
        return {drug: self.model.rate_map(drug) for drug in dict.fromkeys([None, *(s.drug for s in self.settings)])}

    @functools.cached_property
    def parameters(self) -> dict[str, RateParameter]:
        """Name -> parameter, in the order of theta."""
        return {p.name: p for m in self._maps.values() for p in m.parameters}

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters, in the order of theta."""
        return tuple(self.parameters)

    @functools.cached_property
    def start(self) -> np.ndarray:
        """Theta of the documents, all effects absent."""
        return np.array([p.inward(p.start) for p in self.parameters.values()])

    @functools.cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Limits of theta."""
        all_of = self.parameters.values()
        return np.array([p.inward(p.low) for p in all_of]), np.array([p.inward(p.high) for p in all_of])

    @functools.cached_property
    def parts(self) -> tuple[slice, ...]:
        """Where the bins of each setting are in the flat prediction."""
        ends = np.cumsum([0, *(s.bins for s in self.settings)])
        return tuple(slice(int(a), int(b)) for a, b in itertools.pairwise(ends))

    @functools.cached_property
    def _groups(self) -> tuple[_Group, ...]:
        found: dict[tuple[str | None, float | None], list[int]] = {}
        for k, s in enumerate(self.settings):
            found.setdefault((s.drug, s.filter_kHz), []).append(k)
        return tuple(self._group(drug, corner, tuple(members)) for (drug, corner), members in found.items())

    def _group(self, drug: str | None, filter_kHz: float | None, members: tuple[int, ...]) -> _Group:
        rate_map = self._maps[drug]
        index: dict[tuple[Condition, float | None, float], int] = {}
        courses, rest = [], []
        for k in members:
            s = self.settings[k]
            own = [
                (index.setdefault((c, s.temperature_C, s.reversal_mV), len(index)), duration)
                for c, duration in s.course
            ]
            courses.append(own)
            rest.append(own[0][0])
        factors = np.stack(
            [
                rate_map.condition_factors(dict(c.ligands_uM), np.array([c.voltage_mV]), temperature)[0]
                for c, temperature, _ in index
            ]
        )
        return _Group(
            rate_map,
            np.array([self.names.index(n) for n in rate_map.names], dtype=int),
            members,
            cut_courses(courses, [self.settings[k].borders_ms for k in members]),
            factors,
            np.array([c.voltage_mV for c, _, _ in index]),
            np.array([c.voltage_mV - reversal for c, _, reversal in index]),
            np.array(rest),
            None if filter_kHz is None else bessel(4, filter_kHz),
        )

    def generators(self, group: _Group, thetas: np.ndarray) -> np.ndarray:
        """Return generators in all conditions of a group, shape (sets, conditions, n, n)."""
        m = group.rate_map
        log_k = m.offset + thetas[:, group.take] @ m.design.T
        slopes = thetas[:, group.take] @ m.voltage_design.T if np.any(m.voltage_design) else None
        with np.errstate(over="ignore"):
            rates = np.exp(log_k)[:, None, :] * group.factors
            if slopes is not None:
                rates = rates * np.exp(group.voltage_mV[:, None] * slopes[:, None, :])
        source, target, _ = m.scheme.directed
        n = m.scheme.n
        q = np.zeros((*rates.shape[:2], n, n))
        for e, (s, t) in enumerate(zip(source, target, strict=True)):
            q[..., s, t] += rates[..., e]
            q[..., s, s] -= rates[..., e]
        return q

    def _predict(self, group: _Group, thetas: np.ndarray) -> list[np.ndarray]:
        """Return pA per nS in the bins of each setting of a group, each (sets, bins)."""
        q = self.generators(group, thetas)
        sets, conditions, n, _ = q.shape
        resting, where = np.unique(group.rest, return_inverse=True)
        with np.errstate(all="ignore"):
            start = settle(q[:, resting])[:, where]
        g = np.array(group.rate_map.scheme.conductance)
        shown = group.drive_mV[:, None] * (g / g.max())  # (conditions, n)
        f = group.low_pass
        extra = 0 if f is None else len(f.b)
        matrices = np.zeros((sets, conditions, n + extra + 1, n + extra + 1))
        matrices[..., :n, :n] = q
        if f is None:
            matrices[..., :n, -1] = shown
        else:
            matrices[..., :n, n:-1] = shown[..., None] * f.b
            matrices[..., n:-1, n:-1] = f.a.T
            matrices[..., n:-1, -1] = f.c
            settled = np.linalg.solve(f.a, -f.b)
            level = (start * shown[group.rest]).sum(axis=-1)
            start = np.concatenate([start, level[..., None] * settled], axis=-1)
        return bin_averages(group.plan, matrices, start)

    @functools.cached_property
    def _kept(self) -> dict[bytes, tuple[np.ndarray, tuple[int, ...], np.ndarray]]:
        return {}

    def predict(self, theta: np.ndarray) -> np.ndarray:
        """Return pA per nS in all bins, shape (bins of all settings,)."""
        kept = self._kept.get(np.asarray(theta, dtype=float).tobytes())
        return self.slopes(theta, ())[0] if kept is None else kept[0]

    def predict_many(self, thetas: np.ndarray) -> np.ndarray:
        """Return pA per nS in all bins for several thetas, shape (sets, bins of all settings)."""
        thetas = np.asarray(thetas, dtype=float)
        values = np.empty((len(thetas), self.parts[-1].stop))
        for group in self._groups:
            for k, found in zip(group.settings, self._predict(group, thetas), strict=True):
                values[:, self.parts[k]] = found
        return values

    def slopes(self, theta: np.ndarray, columns: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the prediction and its derivative in some parameters, shape (bins,) and (bins, columns)."""
        theta = np.asarray(theta, dtype=float)
        key = theta.tobytes()
        if columns and key in self._kept and set(columns) <= set(self._kept[key][1]):
            value, known, slope = self._kept[key]  # searches that start at the same place share their derivative
            return value, slope[:, [known.index(c) for c in columns]]
        size = self.parts[-1].stop
        value, slope = np.empty(size), np.zeros((size, len(columns)))
        for group in self._groups:
            own = [j for j, c in enumerate(columns) if c in group.take]
            thetas = np.tile(theta, (1 + len(own), 1))
            for row, j in enumerate(own):
                thetas[row + 1, columns[j]] += _STEP
            for k, found in zip(group.settings, self._predict(group, thetas), strict=True):
                value[self.parts[k]] = found[0]
                for row, j in enumerate(own):
                    slope[self.parts[k], j] = (found[row + 1] - found[0]) / _STEP
        if columns:
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (value, tuple(columns), slope)
        return value, slope

    def channel_covariances(self, theta: np.ndarray, which: Sequence[int]) -> list[np.ndarray]:
        """Return the covariance between bins of the current of one channel of 1 nS, in pA^2, for some settings.

        Exact averages over the bins; the filter, which is faster than the channels, is left out.
        """
        made: dict[int, np.ndarray] = {}
        thetas = np.asarray(theta, dtype=float)[None]
        for group in self._groups:
            rows = [row for row, k in enumerate(group.settings) if k in which]
            if not rows:
                continue
            q = self.generators(group, thetas)[0]
            g = np.array(group.rate_map.scheme.conductance)
            shown = group.drive_mV[:, None] * (g / g.max())
            plan = group.plan
            kinds = np.arange(len(plan.ms))[:, None]
            moments = interval_moments(q, shown, plan.generator, plan.ms, kinds)
            resting = settle(q[group.rest])
            for row in rows:
                made[group.settings[row]] = _covariance(plan, row, resting[row], moments)
        return [made[k] for k in which]


def _covariance(plan: BinCourses, row: int, start: np.ndarray, moments: Moments) -> np.ndarray:
    """Return the covariance of the bins of one sweep of a single channel."""
    bins = len(plan.widths_ms[row])
    joint, second = moments.joint[..., 0], moments.second[..., 0, 0]
    means, product = np.zeros(bins), np.zeros((bins, bins))
    p, carried = start, np.zeros((bins, start.size))  # carried: mean of the sum in a bin where the channel is now
    for kind, b in zip(plan.steps[row], plan.bins[row], strict=True):
        if b < 0:
            break
        reading = joint[kind].sum(axis=1)
        onto = carried @ reading
        product[:, b] += onto
        product[b, :] += onto
        product[b, b] += p @ second[kind]
        means[b] += p @ reading
        carried = carried @ moments.transition[kind]
        carried[b] += p @ joint[kind]
        p = p @ moments.transition[kind]
    width = plan.widths_ms[row]
    return (product - np.outer(means, means)) / np.outer(width, width)
