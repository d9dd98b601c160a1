"""Release from a docked and a reserve pool of vesicles, one vesicle per stimulus at most, drawn with a seed.

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/OnlyStp.jl, src/ParamsSynapse.jl), pools
after Sterratt et al., Principles of Computational Modelling in Neuroscience.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .sigmoid import Sigmoid

_HALF_BY_CALCIUM = Sigmoid(0.004225803293622208, 1708.4124496514878, 1.3499793762587964, 0.6540248201173222)


@dataclasses.dataclass(frozen=True)
class DockedRelease:
    """Presynaptic terminal.

    Attributes
    ----------
    docked, reserve : int
        Vesicles at rest.
    undock_ms, dock_ms, refill_ms : float
        Time constants of docked -> reserve, reserve -> docked (both also scaled by free places) and of refilling.
    calcium_ms, jump_recover_ms, jump_loss : float
        Presynaptic calcium (units of one fresh jump): decay, recovery of the jump, and its loss per calcium and ms.
    half : float
        Calcium at half-maximal release probability (Hill coefficient 2).
    epsp_ms, spike_delay_ms, spike_share : float
        Summed drive of the whole input: decay; delay of the postsynaptic spike; share of `docked` trials that must
        succeed for a spike.
    transmitter_uM, transmitter_cv : float
        Mean and coefficient of variation (gamma) of the glutamate of a vesicle.
    """

    docked: int = 25
    reserve: int = 30
    undock_ms: float = 5000.0
    dock_ms: float = 45000.0
    refill_ms: float = 40000.0
    calcium_ms: float = 20.0
    jump_recover_ms: float = 20000.0
    jump_loss: float = 4e-4
    half: float = 0.7
    epsp_ms: float = 40.0
    spike_delay_ms: float = 15.0
    spike_share: float = 0.8
    transmitter_uM: float = 1000.0
    transmitter_cv: float = 0.5

    @classmethod
    def at(cls, external_calcium_uM: float) -> DockedRelease:
        """Return a terminal whose release probability is that of an external calcium concentration."""
        return cls(half=_HALF_BY_CALCIUM.at(external_calcium_uM))

    def probability(self, drive: np.ndarray) -> np.ndarray:
        """Return the Hill function of presynaptic calcium (or of the summed drive)."""
        return drive**2 / (drive**2 + self.half**2)


@dataclasses.dataclass(frozen=True)
class Releases:
    """What left the terminal at each stimulus.

    Attributes
    ----------
    transmitter_uM : array, shape (runs, pulses)
        Zero where nothing was released.
    spikes : array of bool, shape (runs, pulses)
        Whether the input as a whole evoked a postsynaptic spike, `spike_delay_ms` later.
    docked : array of int, shape (runs, pulses)
        Docked vesicles before the stimulus.
    """

    transmitter_uM: np.ndarray
    spikes: np.ndarray
    docked: np.ndarray


def draw_docked_releases(
    pulses_ms: Sequence[float], terminal: DockedRelease, runs: int, rng: np.random.Generator
) -> Releases:
    """Draw releases; vesicle movements between stimuli are drawn exactly (Gillespie), run by run.

    Parameters
    ----------
    pulses_ms : sequence of float
    terminal : DockedRelease
    runs : int
    rng : Generator
    """
    k, n = terminal, len(pulses_ms)
    glutamate, spikes, seen = np.zeros((runs, n)), np.zeros((runs, n), bool), np.zeros((runs, n), int)
    shape = 1.0 / k.transmitter_cv**2
    amount = rng.gamma(shape, 1.0 / shape, (runs, n)) * k.transmitter_uM
    calcium, jump, drive = np.zeros(runs), np.ones(runs), np.zeros(runs)
    docked, reserve = np.full(runs, k.docked), np.full(runs, k.reserve)
    last = 0.0
    for i, t in enumerate(pulses_ms):
        gap = t - last
        if i:
            # the loss of the jump over a gap, from the integral of the decaying calcium; exact but for its recovery
            # inside the first few calcium time constants
            spent = k.jump_loss * calcium * k.calcium_ms * (1.0 - np.exp(-gap / k.calcium_ms))
            jump = 1.0 + (jump * np.exp(-spent) - 1.0) * np.exp(-gap / k.jump_recover_ms)
            calcium, drive = calcium * np.exp(-gap / k.calcium_ms), drive * np.exp(-gap / k.epsp_ms)
            docked, reserve = _shuffle(docked, reserve, gap, k, rng)
        calcium, drive = calcium + jump, drive + 1.0
        seen[:, i] = docked
        released = (rng.random(runs) < k.probability(calcium)) & (docked > 0)
        glutamate[:, i] = np.where(released, amount[:, i], 0.0)
        docked = docked - released
        trials = rng.binomial(k.docked, k.probability(drive))
        spikes[:, i] = (trials > k.spike_share * k.docked) & (docked > 0)
        last = t
    return Releases(glutamate, spikes, seen)


def _shuffle(
    docked: np.ndarray, reserve: np.ndarray, gap_ms: float, k: DockedRelease, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Move vesicles for a time, all runs at once; each run has its own clock."""
    docked, reserve = docked.copy(), reserve.copy()
    left = np.full(docked.shape, gap_ms)
    while True:
        rates = np.stack(
            [
                (k.reserve - reserve) * docked / k.undock_ms,
                (k.docked - docked) * reserve / k.dock_ms,
                (k.reserve - reserve) / k.refill_ms,
            ],
            axis=-1,
        )
        total = rates.sum(axis=-1)
        with np.errstate(divide="ignore"):
            wait = rng.exponential(size=docked.shape) / total
        going = wait < left
        if not going.any():
            return docked, reserve
        pick = (rng.random(docked.shape)[:, None] * total[:, None] > np.cumsum(rates, axis=-1)).sum(axis=-1)
        docked += going * np.select([pick == 0, pick == 1], [-1, 1], 0)
        reserve += going * np.select([pick == 0, pick == 1], [1, -1], 1)
        left = np.where(going, left - wait, 0.0)
