"""Release of glutamate: short-term plasticity of its probability, and draws of who releases when."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .vesicles import RODRIGUES_POOL, PostTetanic, VesiclePool, draw_with_pool


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
    pool : VesiclePool or None
        Vesicles that a site can run out of.
    tetanic : PostTetanic or None
        Slow rise of the probability after a tetanus.
    multivesicular : bool
        Docked vesicles release independently, so a site can release several (needs a pool).
    """

    name: str
    p0: float
    facilitation: tuple[tuple[float, float], ...] = ()
    depression: tuple[tuple[float, float], ...] = ()
    source: str = ""
    pool: VesiclePool | None = None
    tetanic: PostTetanic | None = None
    multivesicular: bool = False

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
        slow = 1.0 if self.tetanic is None else self.tetanic.factors(pulses_ms)
        return np.array(found) * slow

    def probabilities(self, pulses_ms: Sequence[float], p0: float | np.ndarray | None = None) -> np.ndarray:
        """Return release probabilities, shape (pulses,), or (..., pulses) for an array of resting probabilities."""
        start = np.asarray(self.p0 if p0 is None else p0)
        return np.minimum(1.0, start[..., None] * self.relative(pulses_ms))


@dataclasses.dataclass(frozen=True)
class CalciumRelease:
    """Release by the square of a presynaptic calcium trace (Rodrigues et al. 2023).

    Each pulse adds a jump to the trace c, which fades; the jump itself is worn by c and recovers slowly. The
    probability is ``c^s / (c^s + h^s)`` right after the jump, and 1 / (1 + h^s) at rest.

    Attributes
    ----------
    name : str
    p0 : float
        Release probability at rest; sets h.
    hill : float
        s.
    residual_ms : float
        Fading of the trace.
    wear_per_ms : float
        Wear of the jump per unit of the trace.
    recovery_ms : float
        Of the jump.
    source : str
    pool, tetanic, multivesicular
        As in :class:`ShortTermPlasticity`.
    """

    name: str
    p0: float
    hill: float = 2.0
    residual_ms: float = 20.0
    wear_per_ms: float = 4e-4
    recovery_ms: float = 20_000.0
    source: str = ""
    pool: VesiclePool | None = None
    tetanic: PostTetanic | None = None
    multivesicular: bool = False

    def traces(self, pulses_ms: Sequence[float]) -> np.ndarray:
        """Return the calcium trace right after each pulse, shape (pulses,); 1 at the first."""
        trace, jump, last, found = 0.0, 1.0, None, []
        for t in pulses_ms:
            if last is not None:
                gap = t - last
                # the jump wears by the area under the trace and recovers in the gap
                area = trace * self.residual_ms * -np.expm1(-gap / self.residual_ms)
                jump *= np.exp(-self.wear_per_ms * area)
                jump = 1.0 + (jump - 1.0) * np.exp(-gap / self.recovery_ms)
                trace *= np.exp(-gap / self.residual_ms)
            trace += jump
            found.append(trace)
            last = t
        return np.array(found)

    def probabilities(self, pulses_ms: Sequence[float], p0: float | np.ndarray | None = None) -> np.ndarray:
        """Return release probabilities, shape (pulses,), or (..., pulses) for an array of resting probabilities."""
        start = np.asarray(self.p0 if p0 is None else p0)
        odds = (1.0 / start - 1.0)[..., None]
        trace = self.traces(pulses_ms) ** self.hill
        slow = 1.0 if self.tetanic is None else self.tetanic.factors(pulses_ms)
        return np.minimum(1.0, slow * trace / (trace + odds))

    def relative(self, pulses_ms: Sequence[float]) -> np.ndarray:
        """Return probabilities relative to the first, shape (pulses,)."""
        p = self.probabilities(pulses_ms)
        return p / p[0]


ReleaseLaw = ShortTermPlasticity | CalciumRelease


def calcium_factor(external_mM: float, reference_mM: float = 2.5) -> float:
    """Return the resting release probability at an external calcium, relative to that at a reference.

    The form is that of Rodrigues et al. 2023 (their fit to CA1 data between 1 and 3 mM): p = 1 / (1 + h^2) with h
    falling from 2.0 to 0.65 around 1.7 mM.
    """

    def resting(mM: float) -> float:
        half = 0.6540248201173222 + 1.3499793762587964 / (
            1.0 + np.exp(0.004225803293622208 * (1e3 * mM - 1708.4124496514878))
        )
        return 1.0 / (1.0 + half * half)

    return float(resting(external_mM) / resting(reference_mM))


#: Fitted by its authors to theta-burst and 20 Hz field responses of rat CA1 (Kronberg 2020, param.py). Its slow d3
#: (120 s) is left out: it would silence 1 Hz stimulation. Without it the law serves 100 Hz for 1 s (0.33 of the first
#: response at the end) and 900 pulses at 1 Hz (0.91).
KRONBERG = ShortTermPlasticity(
    "Kronberg", 0.2, ((5.0, 94.0),), ((0.45, 540.0), (0.12, 45.0)), "Kronberg2020BrainStim, param.py"
)
#: CA1Sim, pr.mod; p0 is its own. No depletion: saturates in long trains.
MILSTEIN = ShortTermPlasticity("Milstein", 0.2, ((1.769, 67.351),), ((0.878, 92.918),), "CA1Sim, pr.mod")
#: The same with vesicles that run out. The pair is ours: law and pool come from different models.
MILSTEIN_POOL = dataclasses.replace(MILSTEIN, name="Milstein with pool", pool=RODRIGUES_POOL)
#: Rodrigues 2023 at 2.5 mM external calcium (h 0.7).
RODRIGUES = CalciumRelease("Rodrigues", 1.0 / 1.49, source="SynapseElife.jl, ParamsSynapse.jl", pool=RODRIGUES_POOL)

#: The same, with every docked vesicle on its own, so that several can fuse at once.
RODRIGUES_MULTIVESICULAR = dataclasses.replace(RODRIGUES, name="Rodrigues multivesicular", multivesicular=True)

PLASTICITIES: dict[str, ReleaseLaw] = {
    law.name: law for law in (KRONBERG, MILSTEIN, MILSTEIN_POOL, RODRIGUES, RODRIGUES_MULTIVESICULAR)
}


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


def draw_vesicles(
    law: ReleaseLaw,
    pulses_ms: Sequence[float],
    sites: int,
    trials: int,
    rng: np.random.Generator,
    p0: float | np.ndarray | None = None,
) -> np.ndarray:
    """Draw how many vesicles each site releases at each pulse, with the law's pool if it has one.

    Parameters
    ----------
    law : ShortTermPlasticity or CalciumRelease
    pulses_ms : sequence of float
    sites, trials : int
    rng : Generator
    p0 : float or array, shape (sites,), optional
        Release probability at rest; default that of the law.

    Returns
    -------
    array of int, shape (trials, sites, pulses)
    """
    p = law.probabilities(pulses_ms, p0)
    if law.pool is None:
        return draw_releases(p, sites, rng, trials).astype(int)
    p = np.broadcast_to(p, (sites, len(pulses_ms)))
    return draw_with_pool(law.pool, p, pulses_ms, trials, rng, law.multivesicular)
