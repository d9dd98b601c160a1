"""Glutamate in the synaptic cleft after the release of one vesicle."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np


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


#: 1 mM for 0.3 ms, the pulse of a CA1 model (Milstein CA1Sim, ampa_kin.mod).
BRIEF_PULSE = Cleft("brief pulse", pulse=(1000.0, 0.3))
#: 1 mM for 1 ms (Rodrigues 2023).
MILLISECOND_PULSE = Cleft("1 ms pulse", pulse=(1000.0, 1.0))
#: Displacement of an NMDA antagonist at cultured hippocampal synapses (Clements et al. 1992).
CLEMENTS = Cleft("Clements", decays=((1100.0, 1.2),))
#: Granule-cell synapse (ModelDB 51196, glu1.mod).
TRIPLE_EXPONENTIAL = Cleft("triple exponential", decays=((2880.0, 0.05), (200.0, 0.5), (40.0, 1.7)))

CLEFTS = {cleft.name: cleft for cleft in (BRIEF_PULSE, MILLISECOND_PULSE, CLEMENTS, TRIPLE_EXPONENTIAL)}
