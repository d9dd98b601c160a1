"""Feed-forward inhibition: interneurons driven by the same fibres, GABA-A on the pyramidal cell, GABA-B on their
own terminals."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class FeedforwardInhibition:
    """Integrate-and-fire interneurons and the conductance that they make.

    Attributes
    ----------
    cells : int
        Interneurons that are simulated; their thresholds are spread evenly.
    synapse_nS : float
        Conductance of all open AMPA receptors of one interneuron at full recruitment of the fibres.
    capacitance_pF, leak_nS, rest_mV : float
    threshold_mV : (float, float)
        Range of the thresholds.
    refractory_ms : float
    gaba_nS : tuple of float
        Peak GABA-A conductance per layer of the pyramidal cell when all interneurons fire once.
    gaba_rise_ms, gaba_decay_ms, gaba_mV : float
    delay_ms : float
        From an interneuron's spike to its GABA.
    autoreceptor : float
        Strength of presynaptic GABA-B: release is divided by ``1 + autoreceptor x`` with x = 1 at the peak of its
        effect after one volley.
    autoreceptor_rise_ms, autoreceptor_decay_ms : float
    """

    cells: int
    synapse_nS: float
    capacitance_pF: float
    leak_nS: float
    rest_mV: float
    threshold_mV: tuple[float, float]
    refractory_ms: float
    gaba_nS: tuple[float, ...]
    gaba_rise_ms: float
    gaba_decay_ms: float
    gaba_mV: float
    delay_ms: float
    autoreceptor: float
    autoreceptor_rise_ms: float
    autoreceptor_decay_ms: float

    @property
    def thresholds_mV(self) -> np.ndarray:
        """Thresholds of the interneurons, shape (cells,)."""
        return np.linspace(*self.threshold_mV, self.cells)


def biexponential_peak(rise_ms: float, decay_ms: float) -> float:
    """Return the peak of ``exp(-t / decay) - exp(-t / rise)``, by which such a course is normalised."""
    at = rise_ms * decay_ms / (decay_ms - rise_ms) * np.log(decay_ms / rise_ms)
    return float(np.exp(-at / decay_ms) - np.exp(-at / rise_ms))
