"""Conductances of the receptors of the reference spine under a train of releases, computed exactly.

The receptors do not feel voltage or calcium (magnesium block is instantaneous and apart), so their occupancies are
propagated by matrix exponentials: with transmitter, one matrix per run and release; without, one table of observables
for each distinct silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..errors import UsageError
from ..kinetics.scheme import Scheme
from ..mechanisms.gaba_receptor import OPEN, gaba_generator
from ..numerics.matrix_exponential import stationary, transition_matrix

Generators = Callable[[np.ndarray], np.ndarray]


def scheme_generators(scheme: Scheme, drugs_uM: Mapping[str, float], temperature_C: float) -> Generators:
    """Return what gives generators, shape (..., n, n), for agonist concentrations of shape (...) in uM.

    Raises
    ------
    UsageError
        The scheme depends on voltage.
    """

    def at(agonist_uM: float) -> np.ndarray:
        try:
            return scheme.generator({**drugs_uM, scheme.agonist: agonist_uM}, temperature_C=temperature_C)
        except ValueError as error:
            raise UsageError(
                f"Scheme {scheme.name} cannot be used in the reference spine",
                why=str(error),
                do="take a scheme without voltage-dependent rates; magnesium block is added by the spine",
            ) from None

    bare, one, large = at(0.0), at(1.0), at(1000.0)
    slope = one - bare
    if not np.allclose(large, bare + 1000.0 * slope, rtol=1e-9, atol=1e-9):  # saturating binding: no straight line
        return lambda c: np.array([at(float(x)) for x in np.ravel(c)]).reshape(*np.shape(c), *bare.shape)
    return lambda c: bare + np.asarray(c, dtype=float)[..., None, None] * slope


def gaba_generators(temperature_C: float) -> Generators:
    """Return the same for GABA-A receptors; the transmitter is GABA."""
    return lambda c: gaba_generator(np.asarray(c, dtype=float), temperature_C)


def gaba_open() -> np.ndarray:
    """Return which states of the GABA-A receptor conduct, shape (5,)."""
    return OPEN


class DrivenReceptors:
    """Receptors of one kind in all runs, carried from one release to the next.

    Parameters
    ----------
    generators : callable
    conductance_nS : array, shape (n,)
        All receptors of the spine in each state.
    runs : int
    """

    def __init__(self, generators: Generators, conductance_nS: np.ndarray, runs: int) -> None:
        self.generators, self.conductance_nS = generators, conductance_nS
        self.bare = generators(np.array(0.0))
        self.occupancy = np.tile(stationary(self.bare), (runs, 1))
        self._tables: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def silence(self, since_ms: np.ndarray, length_ms: float) -> np.ndarray:
        """Return the conductance at times since the start of a silence, shape (times, runs), and pass its length."""
        key = np.round(np.append(since_ms, length_ms), 6).tobytes()
        if key not in self._tables:
            self._tables[key] = self._table(since_ms, length_ms)
        seen, over = self._tables[key]
        found = seen @ self.occupancy.T
        self.occupancy = self.occupancy @ over
        return found

    def _table(self, since_ms: np.ndarray, length_ms: float) -> tuple[np.ndarray, np.ndarray]:
        over = transition_matrix(self.bare, length_ms)
        if len(since_ms) < 1000:
            return transition_matrix(self.bare, since_ms) @ self.conductance_nS, over
        # many times, few distinct steps between them: one product with a vector each
        steps = np.round(np.diff(since_ms, prepend=0.0), 9)
        matrices = {h: transition_matrix(self.bare, h) for h in np.unique(steps)}
        seen, column = np.empty((len(since_ms), len(self.bare))), self.conductance_nS
        for i, h in enumerate(steps):
            column = matrices[h] @ column
            seen[i] = column
        return seen, over

    def pulse(self, transmitter_uM: np.ndarray, width_ms: float, steps: int) -> np.ndarray:
        """Return the conductance in the middle of each of `steps` steps of transmitter, shape (steps, runs)."""
        matrices = transition_matrix(self.generators(transmitter_uM), 0.5 * width_ms / steps)
        found = np.empty((steps, len(transmitter_uM)))
        for step in range(steps):
            self.occupancy = np.einsum("ri,rij->rj", self.occupancy, matrices)
            found[step] = self.occupancy @ self.conductance_nS
            self.occupancy = np.einsum("ri,rij->rj", self.occupancy, matrices)
        return found


def driven_conductance(
    generators: Generators,
    conductance_nS: np.ndarray,
    grid_ms: np.ndarray,
    pulses_ms: np.ndarray,
    width_ms: float,
    transmitter_uM: np.ndarray,
) -> np.ndarray:
    """Return the expected conductance in the middle of every step.

    Parameters
    ----------
    generators : callable
    conductance_nS : array, shape (n,)
        All receptors of the spine in each state.
    grid_ms : array, shape (steps + 1,)
        Holds every onset and end of transmitter.
    pulses_ms : array, shape (pulses,)
    width_ms : float
    transmitter_uM : array, shape (runs, pulses)

    Returns
    -------
    array, shape (steps, runs)
    """
    receptors = DrivenReceptors(generators, conductance_nS, len(transmitter_uM))
    middle = 0.5 * (grid_ms[1:] + grid_ms[:-1])
    found, last = [], float(grid_ms[0])
    for k, onset in enumerate(pulses_ms):
        i, j, e = np.searchsorted(middle, (last, onset, onset + width_ms))
        found.append(receptors.silence(middle[i:j] - last, float(onset) - last))
        found.append(receptors.pulse(transmitter_uM[:, k], width_ms, int(e - j)))
        last = float(onset) + width_ms
    i = np.searchsorted(middle, last)
    found.append(receptors.silence(middle[i:] - last, float(grid_ms[-1]) - last))
    return np.concatenate(found)
