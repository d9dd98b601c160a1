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
    bare = generators(np.array(0.0))
    rest = stationary(bare)
    runs = len(transmitter_uM)
    p = np.tile(rest, (runs, 1))
    middle = 0.5 * (grid_ms[1:] + grid_ms[:-1])
    found = np.empty((len(middle), runs))
    tables: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def silence(a: float, b: float) -> None:
        nonlocal p
        i, j = np.searchsorted(middle, (a, b))
        since = np.append(middle[i:j] - a, b - a)
        key = np.round(since, 6).tobytes()
        if key not in tables:
            matrices = transition_matrix(bare, since)
            tables[key] = matrices[:-1] @ conductance_nS, matrices[-1]
        seen, over = tables[key]
        found[i:j] = seen @ p.T
        p = p @ over

    last = float(grid_ms[0])
    for k, onset in enumerate(pulses_ms):
        silence(last, float(onset))
        end = float(onset) + width_ms
        i, j = np.searchsorted(middle, (onset, end))
        half_step = 0.5 * width_ms / (j - i)
        matrices = transition_matrix(generators(transmitter_uM[:, k]), half_step)
        for step in range(i, j):
            p = np.einsum("ri,rij->rj", p, matrices)
            found[step] = p @ conductance_nS
            p = np.einsum("ri,rij->rj", p, matrices)
        last = end
    if last < grid_ms[-1]:
        silence(last, float(grid_ms[-1]))
    return found
