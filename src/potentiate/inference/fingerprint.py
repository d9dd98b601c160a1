"""Which observable of the recordings an alternative misses most: peak, decays, plateau, second pulse."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import PotentiateError
from ..measures.jump import measure_jump
from .contest import Contender, Data
from .setting import Setting

#: A pulse up to this long measures deactivation, from this long on desensitization.
SHORT_MS, LONG_MS = 5.0, 20.0

#: An observable with a larger error, as a part of itself, is noise.
LARGEST_ERROR = 0.3

#: Synthetic repeats from which the error of an observable is read.
REPEATS = 16


@dataclasses.dataclass(frozen=True)
class Miss:
    """An observable in the data and as predicted.

    Attributes
    ----------
    name : str
        ``peak``, ``tau_deact`` ...
    setting : str
    data, predicted : float
    unit : str
    z : float
        Difference over its standard error.
    """

    name: str
    setting: str
    data: float
    predicted: float
    unit: str
    z: float

    def describe(self) -> str:
        """Return it in one line."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {self.data:.3g}{unit} against {self.predicted:.3g} (z {self.z:+.1f}), {self.setting}"


def observables(setting: Setting, values_pA: np.ndarray) -> dict[str, tuple[float, str]]:
    """Return what is measured on the binned sweep of a setting: name -> (value, unit); only what could be measured."""
    marks = setting.protocol.marks
    if "on" not in marks or "off" not in marks:
        return {}
    good = np.isfinite(values_pA)
    t, y = setting.times_ms[good], values_pA[good]
    width = marks["off"] - marks["on"]
    end = marks.get("on2", math.inf)
    first = t < end - 2.0 * setting.exchange_10_90_ms
    before = y[t < marks["on"] - 2.0 * setting.exchange_10_90_ms]
    baseline = float(before.mean()) if before.size else 0.0
    try:
        # a noiseless baseline: the error is known from elsewhere, and every sweep here responds
        level = np.where(t < marks["on"] - 2.0 * setting.exchange_10_90_ms, baseline, y)
        # windows of a measure may be narrower than a bin
        dense = np.union1d(t, np.linspace(max(marks["on"], t[0]), min(marks["off"], t[first][-1]), 41))
        t, y, level = dense, np.interp(dense, t, y), np.interp(dense, t, level)
        first = t < end - 2.0 * setting.exchange_10_90_ms
        jump = measure_jump(t[first], level[first], marks["on"], marks["off"], minimum_pA=0.0)
    except PotentiateError:
        return {}
    found = {"peak": jump.peak.amplitude}
    if width <= SHORT_MS:
        found["tau_deact"] = jump.tau_off
    if width >= LONG_MS:
        found |= {"tau_des": jump.tau_des, "SS/peak": jump.steady_state, "tau_off": jump.tau_off}
    made = {name: (o.value, o.unit) for name, o in found.items() if o.known}
    if "on2" in marks and "peak" in made:
        second = (t >= marks["on2"]) & (t <= marks.get("off2", math.inf) + 5.0)
        if second.sum() > 3:
            size = y[second] - baseline
            made["P2/P1"] = (float(size[np.argmax(np.abs(size))]) / made["peak"][0], "")
    return made


class Fingerprints:
    """The observables of the data with their errors, once for all alternatives.

    Parameters
    ----------
    data : Data
    settings : sequence of Setting
    covariances : sequence of arrays, shape (bins, bins)
        Covariance of each block's mean.
    reference : Contender
        Errors are those of noise around what it predicts: an observable that noise dominates has a large one.
    inflation : float
        Of the noise.
    seed : int
    """

    def __init__(
        self,
        data: Data,
        settings: Sequence[Setting],
        covariances: Sequence[np.ndarray],
        reference: Contender,
        inflation: float,
        seed: int,
    ) -> None:
        self.data, self.settings = data, settings
        rng = np.random.default_rng(seed)
        self.measured: dict[int, dict[str, tuple[float, str, float]]] = {}
        for k in sorted({b.setting for b in data.blocks}):
            own = [i for i, b in enumerate(data.blocks) if b.setting == k]
            mean = np.mean([data.blocks[i].mean for i in own], axis=0)
            truth = observables(settings[k], mean)
            good = np.isfinite(mean)
            covariance = np.sum([covariances[i] for i in own], axis=0) * inflation / len(own) ** 2
            root = np.linalg.cholesky(
                covariance[np.ix_(good, good)] + 1e-12 * np.trace(covariance) * np.eye(good.sum())
            )
            expected = self._expected(reference, k)
            drawn: dict[str, list[float]] = {name: [] for name in truth}
            for _ in range(REPEATS):
                noisy = np.where(good, expected, np.nan)
                noisy[good] += root @ rng.standard_normal(int(good.sum()))
                for name, (value, _) in observables(settings[k], noisy).items():
                    if name in drawn:
                        drawn[name].append(value)
            self.measured[k] = {}
            for name, (value, unit) in truth.items():
                if len(drawn[name]) <= 0.75 * REPEATS:
                    continue
                error = float(np.std(drawn[name], ddof=1))
                if error < LARGEST_ERROR * abs(float(np.median(drawn[name]))):
                    self.measured[k][name] = (value, unit, error)

    def _expected(self, contender: Contender, k: int) -> np.ndarray:
        """Return the mean cell in a setting as an alternative predicts it."""
        prediction = contender.bench.predict(contender.theta)
        _, _, amplitudes = self.data.residual(contender.bench.parts, prediction)
        own = [b for b in self.data.blocks if b.setting == k]
        size = np.mean([_amplitude(amplitudes[b.cell], b.order) for b in own])
        return size * prediction[contender.bench.parts[k]]

    def worst(self, contender: Contender) -> Miss | None:
        """Return the observable that an alternative misses most; None where nothing can be measured."""
        worst: Miss | None = None
        for k, measured in self.measured.items():
            expected = observables(self.settings[k], self._expected(contender, k))
            for name, (value, unit, error) in measured.items():
                if name not in expected or not error > 0:
                    continue
                z = (value - expected[name][0]) / error
                if worst is None or abs(z) > abs(worst.z):
                    worst = Miss(name, self.settings[k].brief(), value, expected[name][0], unit, float(z))
        return worst


def _amplitude(numbers: np.ndarray, order: float) -> float:
    return float(numbers[0] + (numbers[1] * order if len(numbers) > 1 else 0.0))
