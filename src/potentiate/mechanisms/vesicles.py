"""Vesicles: a pool that runs out and refills, what a tetanus leaves behind, and how quanta vary."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

#: Steps of the refilling (its fastest time constant is 200 ms): fine between pulses of a train, coarse in long gaps.
_FINE_MS, _COARSE_MS = 20.0, 100.0
#: After this silence a pool is as good as full (its slowest time constant is about 5 min).
_FULL_MS = 3_600_000.0


@dataclasses.dataclass(frozen=True)
class VesiclePool:
    """Docked and reserve vesicles of one site (Rodrigues et al. 2023, after Sterratt et al.).

    Attributes
    ----------
    docked, reserve : int
        Vesicles at rest.
    undock_ms, dock_ms : float
        Of the exchange: ``(reserve0 - reserve) docked / undock`` back, ``(docked0 - docked) reserve / dock`` forward.
    refill_ms : float
        Of the reserve from an endless store.
    """

    docked: int
    reserve: int
    undock_ms: float
    dock_ms: float
    refill_ms: float

    def refill(self, docked: np.ndarray, reserve: np.ndarray, gap_ms: float) -> tuple[np.ndarray, np.ndarray]:
        """Return docked and reserve vesicles after a gap; movements between pools are their means."""
        if gap_ms >= _FULL_MS:
            return np.full_like(docked, self.docked), np.full_like(reserve, self.reserve)
        steps = max(1, math.ceil(gap_ms / (_FINE_MS if gap_ms <= 2000.0 else _COARSE_MS)))
        h = gap_ms / steps
        for _ in range(steps):
            back = (self.reserve - reserve) * docked / self.undock_ms
            forward = (self.docked - docked) * reserve / self.dock_ms
            docked = docked + h * (forward - back)
            reserve = reserve + h * (back - forward + (self.reserve - reserve) / self.refill_ms)
        return docked, reserve


#: Rodrigues et al. 2023 (SynapseElife.jl, ParamsSynapse.jl).
RODRIGUES_POOL = VesiclePool(25, 30, 5_000.0, 45_000.0, 40_000.0)


def draw_with_pool(
    pool: VesiclePool,
    probabilities: np.ndarray,
    pulses_ms: Sequence[float],
    trials: int,
    rng: np.random.Generator,
    multivesicular: bool = False,
) -> np.ndarray:
    """Draw released vesicles pulse by pulse while the pools of all sites empty and refill.

    Parameters
    ----------
    pool : VesiclePool
    probabilities : array, shape (sites, pulses)
        That a site with a full pool releases at all.
    pulses_ms : sequence of float
    trials : int
    rng : Generator
    multivesicular : bool
        Every docked vesicle releases on its own, with the probability that makes a full pool release as stated;
        otherwise one vesicle, as long as one is docked.

    Returns
    -------
    array of int, shape (trials, sites, pulses)
    """
    shape = (trials, probabilities.shape[0])
    docked, reserve = np.full(shape, float(pool.docked)), np.full(shape, float(pool.reserve))
    found = np.zeros((*shape, len(pulses_ms)), int)
    for k, t in enumerate(pulses_ms):
        if k:
            docked, reserve = pool.refill(docked, reserve, t - pulses_ms[k - 1])
        if multivesicular:
            each = 1.0 - (1.0 - probabilities[:, k]) ** (1.0 / pool.docked)
            # part of a vesicle is one with that probability
            whole = np.floor(docked + rng.random(shape)).astype(int)
            count = rng.binomial(whole, each)
        else:
            count = (rng.random(shape) < probabilities[:, k] * np.minimum(docked, 1.0)).astype(int)
        found[:, :, k] = count
        docked = np.maximum(docked - count, 0.0)
    return found


@dataclasses.dataclass(frozen=True)
class PostTetanic:
    """Potentiation of release after a tetanus, without NMDA receptors. All its numbers are assumed.

    A residue grows by one per pulse and fades fast; only where it exceeds a threshold (so not at 1 Hz, nor after
    paired pulses) does the potentiation x grow, towards 1, and it fades over a minute or so. The release
    probability is multiplied by ``1 + gain x``.

    Attributes
    ----------
    gain : float
    increment : float
        Growth of x per pulse and unit of residue above the threshold.
    threshold : float
    residue_ms, decay_ms : float
    """

    gain: float = 1.0
    increment: float = 0.001
    threshold: float = 2.0
    residue_ms: float = 200.0
    decay_ms: float = 60_000.0

    def factors(self, pulses_ms: Sequence[float]) -> np.ndarray:
        """Return what multiplies the release probability at each pulse, shape (pulses,); 1 at the first."""
        residue, x, last, found = 0.0, 0.0, None, []
        for t in pulses_ms:
            if last is not None:
                residue *= math.exp(-(t - last) / self.residue_ms)
                x *= math.exp(-(t - last) / self.decay_ms)
            found.append(1.0 + self.gain * x)
            residue += 1.0
            x += (1.0 - x) * -math.expm1(-self.increment * max(0.0, residue - self.threshold))
            last = t
        return np.array(found)


@dataclasses.dataclass(frozen=True)
class QuantalVariation:
    """How the glutamate that receptors see varies from vesicle to vesicle.

    The concentration is scaled by a lognormal factor of mean 1. Its variance has two parts: the content of vesicles,
    and where in the active zone they fuse. Of the variance of quantal responses, franks2003 gives 58 % to the
    quantity, 36 % to the place and 8 % to the channels (which come by themselves where channels are drawn). That the
    place scales the concentration like the content does is assumed.

    Attributes
    ----------
    content_cv : float
        Coefficient of variation of vesicle content.
    place_over_content : float
        Ratio of the variances, 36 / 58; 0 leaves the place out.
    levels : int
        Equally likely levels that stand for the distribution.
    """

    content_cv: float = 0.0
    place_over_content: float = 36.0 / 58.0
    levels: int = 6

    @property
    def cv(self) -> float:
        """Coefficient of variation of both together."""
        return self.content_cv * math.sqrt(1.0 + self.place_over_content)

    def factors(self) -> np.ndarray:
        """Return the equally likely levels, shape (levels,), mean 1; one level where nothing varies."""
        if self.content_cv == 0.0:
            return np.ones(1)
        from scipy.special import ndtr, ndtri

        sigma = math.sqrt(math.log1p(self.cv**2))
        edges = ndtri(np.linspace(0.0, 1.0, self.levels + 1))
        # mean of a lognormal between two quantiles
        return np.diff(ndtr(edges - sigma)) * self.levels

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw the level of each release (indices into :meth:`factors`)."""
        return rng.integers(0, len(self.factors()), shape)
