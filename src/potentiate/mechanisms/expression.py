"""How a change of synaptic strength is written into receptors: number, conductance, gating or composition.

A synapse holds two kinds of receptors, the resident one and a changed one (faster gating, another splice form, another
auxiliary subunit: another scheme). The four routes differ in what a strength moves.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np

from ..errors import UsageError

Route = Literal["number", "conductance", "gating", "composition"]
ROUTES: tuple[Route, ...] = ("number", "conductance", "gating", "composition")


@dataclasses.dataclass(frozen=True)
class Expressed:
    """Receptors of synapses after plasticity.

    Attributes
    ----------
    resident, changed : array, shape (synapses,)
        Receptors of each kind.
    unitary : array, shape (synapses,)
        Factor on the conductance of every channel.
    """

    resident: np.ndarray
    changed: np.ndarray
    unitary: np.ndarray

    def conductance(self, resident: Any, changed: Any) -> Any:
        """Return the conductance of each synapse, in the unit of that of one receptor.

        Parameters
        ----------
        resident, changed : array, shape (..., 1) or (..., synapses)
            Of one receptor of each kind.

        Returns
        -------
        array, shape (..., synapses)
        """
        return self.unitary * (self.resident * resident + self.changed * changed)


def express(route: Route, strength: Any, receptors: Any, enlargement: float = 1.0) -> Expressed:
    """Return the receptors that a route makes of a strength.

    Parameters
    ----------
    route : {"number", "conductance", "gating", "composition"}
        ``number``: receptors in proportion to strength. ``conductance``: the conductance of each channel instead.
        ``gating``: receptors turn into the changed kind until the response is as large as asked, and what all of them
        cannot give comes from their number. ``composition``: what is inserted is of the changed kind.
        Depression removes resident receptors in all routes but ``conductance`` (assumed).
    strength : float or array, shape (synapses,)
        Relative to before; 1 changes nothing.
    receptors : float or array, shape (synapses,)
        Before.
    enlargement : float
        Response of one changed over one resident receptor, without drug; used by ``gating``.

    Raises
    ------
    UsageError
        An unknown route, or a strength that is not a positive number.
    """
    if route not in ROUTES:
        raise UsageError(f"There is no route of expression {route!r}", do=f"use one of {', '.join(ROUTES)}")
    s, n = np.broadcast_arrays(np.atleast_1d(np.asarray(strength, float)), np.asarray(receptors, float))
    if not (np.all(np.isfinite(s)) and np.all(s >= 0.0)):
        raise UsageError("A strength is not a positive number", do="give strength relative to before, 1 for no change")
    none, one = np.zeros_like(s), np.ones_like(s)
    if route == "number":
        return Expressed(n * s, none, one)
    if route == "conductance":
        return Expressed(n * one, none, s.copy())
    if route == "composition":
        return Expressed(n * np.minimum(s, 1.0), n * np.maximum(s - 1.0, 0.0), one)
    gain = np.maximum(s - 1.0, 0.0)
    # a change that does not enlarge cannot be dosed by size: all receptors turn
    turned = np.minimum(gain / (enlargement - 1.0), 1.0) if enlargement > 1.0 else np.where(gain > 0.0, 1.0, 0.0)
    # what the turned receptors do not give (or take away) comes from the number of all of them
    number = s / (1.0 + turned * (enlargement - 1.0))
    return Expressed(n * number * (1.0 - turned), n * number * turned, one)


def enlargement(
    resident: np.ndarray, changed: np.ndarray, strength: float, *, dt_ms: float = 1.0, membrane_ms: float = 0.0
) -> float:
    """Return the enlargement that turned receptors must be credited with for the response of the mixture to be exact.

    Peaks at different times do not add; the share that gives the asked-for peak is found by bisection. Faster gating
    makes a response larger and briefer, so what it enlarges depends on what is asked: the current or, behind a
    membrane, the potential.

    Parameters
    ----------
    resident, changed : array, shape (times,)
        Conductance of one receptor of each kind, without drug.
    strength : float
    dt_ms : float
    membrane_ms : float
        0: the peak of the conductance counts. Otherwise the peak behind a membrane with this time constant.

    Returns
    -------
    float
        For :func:`express`; below one where the change makes the response smaller.
    """
    if membrane_ms > 0.0:
        resident, changed = (membrane_filter(g, dt_ms, membrane_ms) for g in (resident, changed))
    peak = resident.max()
    full = float(changed.max() / peak)
    if full <= strength or strength <= 1.0:
        return full
    low, high = 0.0, 1.0
    for _ in range(60):
        share = 0.5 * (low + high)
        reached = ((1.0 - share) * resident + share * changed).max() >= strength * peak
        low, high = (low, share) if reached else (share, high)
    return 1.0 + (strength - 1.0) / high


def membrane_filter(current: np.ndarray, dt_ms: float, time_constant_ms: float) -> np.ndarray:
    """Return a current as a passive membrane filters it, shape (times,); the steady gain is one."""
    from scipy.signal import lfilter

    kept = math.exp(-dt_ms / time_constant_ms)
    return np.asarray(lfilter([1.0 - kept], [1.0, -kept], current))
