"""Release of glutamate: short-term plasticity of its probability, and draws of who releases when."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class ShortTermPlasticity:
    """Facilitation and depression of the release probability, in the form of Varela et al. 1997.

    The probability at a pulse is ``min(1, p0 F D1 D2 ...)``. At each pulse F grows by an increment (or is multiplied),
    each D is multiplied by its factor; between pulses all return to 1 exponentially. This depression counts pulses,
    not vesicles: it is the mean over many sites.

    Attributes
    ----------
    name : str
    p0 : float
        Release probability at rest.
    facilitation : tuple of (increment, tau_ms)
    depression : tuple of (factor, tau_ms)
    source : str
    """

    name: str
    p0: float
    facilitation: tuple[tuple[float, float], ...] = ()
    depression: tuple[tuple[float, float], ...] = ()
    source: str = ""

    def relative(self, pulses_ms: Sequence[float]) -> np.ndarray:
        """Return ``F D1 D2 ...`` at each pulse, shape (pulses,); 1 at the first."""
        grow, fade = np.ones(len(self.facilitation)), np.ones(len(self.depression))
        up = np.array([tau for _, tau in self.facilitation])
        down = np.array([tau for _, tau in self.depression])
        found, last = [], None
        for t in pulses_ms:
            if last is not None:
                grow = 1.0 + (grow - 1.0) * np.exp(-(t - last) / up)
                fade = 1.0 - (1.0 - fade) * np.exp(-(t - last) / down)
            found.append(float(np.prod(grow) * np.prod(fade)))
            grow = grow + np.array([increment for increment, _ in self.facilitation])
            fade = fade * np.array([factor for factor, _ in self.depression])
            last = t
        return np.array(found)

    def probabilities(self, pulses_ms: Sequence[float], p0: float | np.ndarray | None = None) -> np.ndarray:
        """Return release probabilities, shape (pulses,), or (..., pulses) for an array of resting probabilities."""
        start = np.asarray(self.p0 if p0 is None else p0)
        return np.minimum(1.0, start[..., None] * self.relative(pulses_ms))


#: Fitted by its authors to theta-burst and 20 Hz field responses of rat CA1 (Kronberg 2020, param.py). Its slow d3
#: (120 s) is left out: it would silence 1 Hz stimulation.
KRONBERG = ShortTermPlasticity(
    "Kronberg", 0.2, ((5.0, 94.0),), ((0.45, 540.0), (0.12, 45.0)), "Kronberg2020BrainStim, param.py"
)
#: CA1Sim, pr.mod; p0 is its own. No depletion: saturates in long trains.
MILSTEIN = ShortTermPlasticity("Milstein", 0.2, ((1.769, 67.351),), ((0.878, 92.918),), "CA1Sim, pr.mod")

PLASTICITIES = {law.name: law for law in (KRONBERG, MILSTEIN)}


def draw_releases(
    probabilities: np.ndarray, sites: int, rng: np.random.Generator, trials: int | None = None
) -> np.ndarray:
    """Draw which sites release at which pulse.

    Parameters
    ----------
    probabilities : array, shape (pulses,) or (sites, pulses)
    sites : int
    rng : Generator
    trials : int, optional

    Returns
    -------
    array of bool, shape (sites, pulses), or (trials, sites, pulses)
    """
    p = np.broadcast_to(probabilities, (sites, np.shape(probabilities)[-1]))
    shape = p.shape if trials is None else (trials, *p.shape)
    return rng.random(shape) < p
