"""A time grid for trains of release: fine after each pulse, coarse later, with one propagator per kind of step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..mechanisms.cleft import Cleft, DiffusionCleft

#: After a pulse the step grows with the time since it: (up to ms, step ms). From convergence: see the tests.
LADDER = ((0.5, 0.05), (4.0, 0.1), (12.0, 0.2), (40.0, 0.5), (150.0, 1.0), (1e9, 2.0))

#: Releases whose glutamate may overlap at one site.
MOST_OVERLAPS = 2


@dataclasses.dataclass(frozen=True)
class PulseGrid:
    """Steps of time and the glutamate in them.

    Attributes
    ----------
    edges_ms : array, shape (steps + 1,)
    pulse : array of int, shape (steps, MOST_OVERLAPS)
        Pulses whose glutamate is present in each step, -1 for none.
    glutamate_uM : array, shape (steps, MOST_OVERLAPS)
        What each of them contributes, averaged over the step.
    """

    edges_ms: np.ndarray
    pulse: np.ndarray
    glutamate_uM: np.ndarray

    @property
    def widths_ms(self) -> np.ndarray:
        """Lengths of the steps."""
        return np.diff(self.edges_ms)


def pulse_grid(
    pulses_ms: Sequence[float],
    duration_ms: float,
    cleft: Cleft | DiffusionCleft,
    extra_ms: Sequence[float] = (),
    ladder: Sequence[tuple[float, float]] = LADDER,
) -> PulseGrid:
    """Lay a grid over a bout of stimulation.

    Parameters
    ----------
    pulses_ms : sequence of float
        Times of release, ascending.
    duration_ms : float
    cleft : Cleft or DiffusionCleft
    extra_ms : sequence of float
        Further times after which the grid is fine (postsynaptic spikes).
    ladder : sequence of (up to ms, step ms)

    Raises
    ------
    UsageError
        Glutamate of more than :data:`MOST_OVERLAPS` releases would overlap at one site.
    """
    pulses = np.asarray(pulses_ms, dtype=float)
    starts = np.unique(np.concatenate([[0.0], pulses, np.asarray(extra_ms, dtype=float)]))
    starts = starts[starts < duration_ms]
    template = _template(cleft, ladder)
    edges: list[float] = []
    for start, stop in zip(starts, [*starts[1:], duration_ms], strict=True):
        own = start + template[template < stop - start - 1e-9]
        if len(own) > 1 and stop - own[-1] < 0.5 * (own[-1] - own[-2]):
            own = own[:-1]  # no sliver before the next start
        edges.extend(own)
    edges.append(duration_ms)
    at = np.array(edges)
    pulse = np.full((len(at) - 1, MOST_OVERLAPS), -1)
    glutamate = np.zeros((len(at) - 1, MOST_OVERLAPS))
    for k, t in enumerate(pulses):
        inside = np.flatnonzero((at[1:] > t + 1e-9) & (at[:-1] < t + cleft.duration_ms - 1e-9))
        for step in inside:
            free = np.flatnonzero(pulse[step] < 0)
            if not len(free):
                raise UsageError(
                    f"Glutamate of more than {MOST_OVERLAPS} releases overlaps",
                    why=f"the waveform {cleft.name!r} lasts {cleft.duration_ms:.3g} ms",
                    do="use a briefer waveform or a slower train",
                )
            pulse[step, free[0]] = k
            glutamate[step, free[0]] = cleft.mean_uM(at[step] - t, at[step + 1] - t)
    return PulseGrid(at, pulse, glutamate)


def _template(cleft: Cleft | DiffusionCleft, ladder: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return step edges after one start; the end of a rectangular pulse is one of them."""
    edges = [0.0]
    if isinstance(cleft, Cleft) and cleft.pulse is not None:
        steps = max(1, round(cleft.pulse[1] / ladder[0][1]))
        edges = list(np.linspace(0.0, cleft.pulse[1], steps + 1))
    for up_to, step in ladder:
        while edges[-1] < min(up_to, 3_000.0) - 1e-9:
            edges.append(edges[-1] + step)
    while edges[-1] < 20_000.0:
        edges.append(edges[-1] + 50.0)
    return np.array(edges)
