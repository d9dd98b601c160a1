"""When and how much glutamate reaches the receptors of each site, averaged over the steps of a run."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..mechanisms.cleft import Cleft, DiffusionCleft

#: Concentration below which glutamate is taken as gone, uM.
GONE_UM = 0.02
#: However slowly a waveform fades, it is followed no longer than this.
_LONGEST_MS = 200.0


@dataclasses.dataclass(frozen=True)
class Residual:
    """Glutamate that all sites share: each pulse adds `peak_uM` times the vesicles released per site, which decay with
    `decay_ms`."""

    peak_uM: float
    decay_ms: float


@dataclasses.dataclass(frozen=True)
class Glutamate:
    """Glutamate at the sites of all trials.

    Attributes
    ----------
    cleft : Cleft or DiffusionCleft
        Waveform after one vesicle of mean content.
    pulses_ms : array, shape (pulses,)
    amounts : array, shape (trials, sites, pulses)
        Vesicles times their relative content.
    residual : Residual or None
    """

    cleft: Cleft | DiffusionCleft
    pulses_ms: np.ndarray
    amounts: np.ndarray
    residual: Residual | None = None

    @property
    def rows(self) -> int:
        """Number of sites over all trials."""
        return self.amounts.shape[0] * self.amounts.shape[1]

    @property
    def reach_ms(self) -> float:
        """Time after a release at which its glutamate is gone."""
        largest = max(float(self.amounts.max(initial=0.0)), 1.0)
        if isinstance(self.cleft, DiffusionCleft):
            ends = [self.cleft.duration_ms * 3.0]
        else:
            ends = [self.cleft.pulse[1]] if self.cleft.pulse else []
            ends += [tau * math.log(peak * largest / GONE_UM) for peak, tau in self.cleft.decays]
        if self.residual is not None and self.residual.peak_uM > 0:
            ends.append(self.residual.decay_ms * math.log(self.residual.peak_uM * largest / GONE_UM))
        return min(max(ends), _LONGEST_MS)

    def active(self, start_ms: float) -> np.ndarray:
        """Return the indices of pulses whose glutamate is still there at a time."""
        age = start_ms - self.pulses_ms
        return np.flatnonzero((age > -1e-9) & (age < self.reach_ms - 1e-9))

    def mean_uM(self, start_ms: float, end_ms: float) -> np.ndarray:
        """Return the concentration at every site, averaged over a step, shape (trials * sites,)."""
        total = np.zeros(self.amounts.shape[:2])
        for k in self.active(start_ms):
            first, last = start_ms - self.pulses_ms[k], end_ms - self.pulses_ms[k]
            total += self.amounts[:, :, k] * float(self.cleft.mean_uM(max(first, 0.0), last))
            if self.residual is not None:
                tau = self.residual.decay_ms
                fade = tau * (math.exp(-max(first, 0.0) / tau) - math.exp(-last / tau)) / (last - first)
                total += self.residual.peak_uM * fade * self.amounts[:, :, k].mean(axis=1, keepdims=True)
        # rounded so that equal histories are equal numbers
        found = total.ravel()
        scale = 10.0 ** np.floor(np.log10(np.maximum(found, 1e-12)))
        return np.round(found / scale, 10) * scale
