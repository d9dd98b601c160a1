"""GABA-A receptors with two binding steps and two open states.

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/ParamsSynapse.jl, src/SynapseModel.jl,
src/JumpMatrices.jl), scheme after Destexhe. There, GABA is released together with glutamate at the same concentration.
"""

from __future__ import annotations

import numpy as np

from .sigmoid import Sigmoid

_CLOSING = Sigmoid(0.19127068198185954, 32.16771140618756, -1.2798050197287802, 1.470692263981145)
_CHLORIDE = Sigmoid(0.09151696057098718, 0.6919298240788684, 243.5159017060495, -92.6496083089155)

#: States: free, once bound, twice bound, and the open state of each.
STATES = ("C0", "C1", "C2", "O1", "O2")
OPEN = np.array([0.0, 0.0, 0.0, 1.0, 1.0])


def gaba_generator(transmitter_uM: np.ndarray | float, temperature_C: float) -> np.ndarray:
    """Return the generator in 1/ms, shape (..., 5, 5), for concentrations of shape (...); rows sum to zero."""
    c = np.asarray(transmitter_uM, dtype=float)
    closing = _CLOSING.at(temperature_C)
    q = np.zeros((*c.shape, 5, 5))
    q[..., 0, 1], q[..., 1, 0] = 0.02 * c, 4.6
    q[..., 1, 2], q[..., 2, 1] = 0.01 * c, 9.2
    q[..., 1, 3], q[..., 3, 1] = 3.3, 9.8 * closing
    q[..., 2, 4], q[..., 4, 2] = 10.6, 0.4 * closing
    diagonal = np.arange(5)
    q[..., diagonal, diagonal] = -q.sum(axis=-1)
    return q


def chloride_reversal_mV(age_days: float) -> float:
    """Return the chloride reversal potential at an age."""
    return _CHLORIDE.at(age_days)
