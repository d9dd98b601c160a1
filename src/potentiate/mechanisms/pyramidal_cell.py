"""A reduced pyramidal cell: a passive chain of layers with a spiking soma whose spikes travel back."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class PyramidalCell:
    """Compartments in a chain, one per layer.

    Attributes
    ----------
    layers : tuple of str
    depth_um : tuple of float
        Distance of each layer's centre from the soma; apical is positive.
    capacitance_pF, leak_nS : tuple of float
    coupling_nS : tuple of float
        Between neighbours, one fewer than layers.
    rest_mV : float
    soma : int
        Index of the somatic layer.
    threshold_mV : float
        Somatic voltage that starts a spike.
    spike_nS : tuple of float
        Conductance per layer during a spike, 0 where spikes do not travel.
    spike_mV, repolarization_mV : float
        Reversal of the first and of the second part of a spike.
    spike_ms, repolarization_ms, refractory_ms : float
        Duration of each part; time from one spike to the next possible one.
    """

    layers: tuple[str, ...]
    depth_um: tuple[float, ...]
    capacitance_pF: tuple[float, ...]
    leak_nS: tuple[float, ...]
    coupling_nS: tuple[float, ...]
    rest_mV: float
    soma: int
    threshold_mV: float
    spike_nS: tuple[float, ...]
    spike_mV: float = 40.0
    repolarization_mV: float = -80.0
    spike_ms: float = 1.0
    repolarization_ms: float = 4.0
    refractory_ms: float = 6.0

    @property
    def input_GOhm(self) -> float:
        """Input resistance at the soma without any synapse."""
        return float(np.linalg.inv(self.conductance_matrix())[self.soma, self.soma])

    def conductance_matrix(self) -> np.ndarray:
        """Return the matrix that maps layer voltages (relative to rest) to injected currents, nS."""
        n = len(self.layers)
        matrix = np.diag(np.array(self.leak_nS))
        for k, g in enumerate(self.coupling_nS):
            matrix[k, k] += g
            matrix[k + 1, k + 1] += g
            matrix[k, k + 1] -= g
            matrix[k + 1, k] -= g
        assert matrix.shape == (n, n)
        return matrix

    def membrane_currents_pA(self, voltages_mV: np.ndarray) -> np.ndarray:
        """Return the current that leaves each layer through its membrane, shape (..., layers); it sums to zero.

        It is what flows into the layer along the cell: a synapse's sink is negative, its return current positive.
        """
        axial = np.array(self.coupling_nS) * np.diff(voltages_mV, axis=-1)  # from k + 1 into k
        zero = np.zeros((*axial.shape[:-1], 1))
        return np.concatenate([axial, zero], axis=-1) - np.concatenate([zero, axial], axis=-1)
