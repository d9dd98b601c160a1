"""Glutamate in the synaptic cleft after the release of one vesicle."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

#: Molecules in 1 um3 of a 1 uM solution.
MOLECULES_PER_UM_UM3 = 6.02214076e23 * 1e-6 * 1e-15


@dataclasses.dataclass(frozen=True)
class Cleft:
    """A waveform: a brief rectangular pulse and a sum of exponentials, all starting at release.

    Attributes
    ----------
    name : str
    pulse : (uM, ms) or None
        Concentration and width of the rectangular part.
    decays : tuple of (uM, ms)
        Peaks and time constants of the exponential parts.
    """

    name: str
    pulse: tuple[float, float] | None = None
    decays: tuple[tuple[float, float], ...] = ()

    @property
    def peak_uM(self) -> float:
        """Concentration right after release."""
        return (self.pulse[0] if self.pulse else 0.0) + sum(peak for peak, _ in self.decays)

    @property
    def duration_ms(self) -> float:
        """Time after which less than 0.1 % of the peak is left."""
        ends = [self.pulse[1]] if self.pulse else []
        # each exponential has faded when it alone is below its share of the limit
        limit = 1e-3 * self.peak_uM / max(len(self.decays), 1)
        ends += [tau * math.log(peak / limit) for peak, tau in self.decays if peak > limit]
        return max(ends)

    def concentration_uM(self, t_ms: Any, *, xp: Any = np) -> Any:
        """Return the concentration at a time after release (0 before it)."""
        t = xp.asarray(t_ms)
        total = xp.zeros_like(t, dtype=float)
        if self.pulse:
            total = total + xp.where(t < self.pulse[1], self.pulse[0], 0.0)
        for peak, tau in self.decays:
            total = total + peak * xp.exp(-xp.maximum(t, 0.0) / tau)
        return xp.where(t >= 0, total, 0.0)

    def mean_uM(self, start_ms: Any, end_ms: Any, *, xp: Any = np) -> Any:
        """Return the concentration averaged between two times after release, exactly."""
        width = end_ms - start_ms
        first, last = xp.maximum(start_ms, 0.0), xp.maximum(end_ms, 0.0)
        area = xp.zeros_like(xp.asarray(last, dtype=float))
        if self.pulse:
            area = area + self.pulse[0] * (xp.minimum(last, self.pulse[1]) - xp.minimum(first, self.pulse[1]))
        for peak, tau in self.decays:
            area = area + peak * tau * (xp.exp(-first / tau) - xp.exp(-last / tau))
        return area / width


@dataclasses.dataclass(frozen=True)
class DiffusionCleft:
    """Glutamate from a point between two membranes: diffusion in a plane, sampled at a distance from the release site.

    ``C(r, t) = N / (4 pi h D t) exp(-r^2 / 4 D t)`` in an endless cleft; in a disc whose rim is kept free of
    glutamate, the series of Bessel functions that the same source gives there (release at the centre).

    Attributes
    ----------
    name : str
    molecules : float
        N, glutamate molecules in the vesicle.
    diffusion_um2_per_ms : float
        D.
    height_um : float
        h, width of the cleft.
    distance_um : float
        r, of the receptors from the site of release.
    radius_um : float or None
        Of the disc; None for an endless cleft, where the concentration fades as slowly as 1/t.

    Notes
    -----
    Trap: the EONS mechanism file (ModelDB 267103, NTDiffusion.mod) integrates ``NT' = -NT^2`` from 1, which puts
    1 / (1 ms + t) in the place of 1 / t: its peak is 0.08 mM instead of several mM. Here t is t.
    """

    name: str
    molecules: float = 3000.0
    diffusion_um2_per_ms: float = 0.33
    height_um: float = 0.02
    distance_um: float = 0.1
    radius_um: float | None = None

    @property
    def _scale(self) -> float:
        """N / (4 pi h D) in uM ms."""
        area = 4.0 * math.pi * self.height_um * self.diffusion_um2_per_ms
        return self.molecules / area / MOLECULES_PER_UM_UM3

    @functools.cached_property
    def _series(self) -> tuple[np.ndarray, np.ndarray]:
        """Amplitudes (uM) and rates (1/ms) of the modes of the disc."""
        from scipy.special import j0, j1, jn_zeros

        assert self.radius_um is not None
        # enough modes to resolve half a microsecond
        count = math.ceil(self.radius_um * math.sqrt(40.0 / (self.diffusion_um2_per_ms * 5e-4)) / math.pi) + 2
        zeros = jn_zeros(0, count)
        disc = math.pi * self.radius_um**2 * self.height_um
        amplitude = self.molecules / disc / MOLECULES_PER_UM_UM3
        amplitudes = amplitude * j0(zeros * self.distance_um / self.radius_um) / j1(zeros) ** 2
        return amplitudes, self.diffusion_um2_per_ms * (zeros / self.radius_um) ** 2

    @property
    def peak_uM(self) -> float:
        """Largest concentration at the receptors (at t = r^2 / 4 D in an endless cleft)."""
        if self.radius_um is None:
            return self._scale * 4.0 * self.diffusion_um2_per_ms / self.distance_um**2 * math.exp(-1.0)
        t = np.geomspace(5e-4, 10.0, 2000)
        return float(np.max(self.concentration_uM(t)))

    @property
    def duration_ms(self) -> float:
        """Time after which less than 0.1 % of the peak is left."""
        if self.radius_um is None:
            return self._scale / (1e-3 * self.peak_uM)
        amplitudes, rates = self._series
        return math.log(max(amplitudes[0] / (1e-3 * self.peak_uM), math.e)) / rates[0]

    def concentration_uM(self, t_ms: Any) -> Any:
        """Return the concentration at a time after release (0 before it); NumPy only."""
        t = np.asarray(t_ms, float)
        later = np.maximum(t, 1e-9)
        if self.radius_um is None:
            found = self._scale / later * np.exp(-(self.distance_um**2) / (4.0 * self.diffusion_um2_per_ms * later))
        else:
            amplitudes, rates = self._series
            found = np.maximum(np.exp(-later[..., None] * rates) @ amplitudes, 0.0)
        return np.where(t > 0, found, 0.0)

    def mean_uM(self, start_ms: Any, end_ms: Any) -> Any:
        """Return the concentration averaged between two times after release, exactly; NumPy only."""
        first, last = np.maximum(np.asarray(start_ms, float), 0.0), np.maximum(np.asarray(end_ms, float), 0.0)
        if self.radius_um is None:
            from scipy.special import exp1

            reach = self.distance_um**2 / (4.0 * self.diffusion_um2_per_ms)
            # the integral of exp(-a/t) / t from 0 is E1(a/t)
            area = self._scale * (exp1(reach / np.maximum(last, 1e-12)) - exp1(reach / np.maximum(first, 1e-12)))
        else:
            amplitudes, rates = self._series
            first, last = np.maximum(first, 0.0)[..., None], np.maximum(last, 0.0)[..., None]
            area = (np.exp(-first * rates) - np.exp(-last * rates)) @ (amplitudes / rates)
        return np.maximum(area, 0.0) / (np.asarray(end_ms, float) - np.asarray(start_ms, float))


#: 1 mM for 0.3 ms, the pulse of a CA1 model (Milstein CA1Sim, ampa_kin.mod).
BRIEF_PULSE = Cleft("brief pulse", pulse=(1000.0, 0.3))
#: 1 mM for 1 ms (Rodrigues 2023).
MILLISECOND_PULSE = Cleft("1 ms pulse", pulse=(1000.0, 1.0))
#: Displacement of an NMDA antagonist at cultured hippocampal synapses (Clements et al. 1992).
CLEMENTS = Cleft("Clements", decays=((1100.0, 1.2),))
#: Granule-cell synapse (ModelDB 51196, glu1.mod).
TRIPLE_EXPONENTIAL = Cleft("triple exponential", decays=((2880.0, 0.05), (200.0, 0.5), (40.0, 1.7)))

#: Numbers of EONS (ModelDB 267103) in the formula itself; receptors 0.1 um from the release site, and a synaptic disc
#: of 0.25 um radius with a rim free of glutamate: distance and disc are assumed, and without the disc 6 uM would
#: linger 10 ms after release.
DIFFUSION = DiffusionCleft("diffusion", radius_um=0.25)
#: The same without a rim.
DIFFUSION_ENDLESS = DiffusionCleft("endless diffusion")

CLEFTS: dict[str, Cleft | DiffusionCleft] = {
    cleft.name: cleft
    for cleft in (BRIEF_PULSE, MILLISECOND_PULSE, CLEMENTS, TRIPLE_EXPONENTIAL, DIFFUSION, DIFFUSION_ENDLESS)
}
