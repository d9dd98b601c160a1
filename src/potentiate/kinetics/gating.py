"""A common speed of opening and closing: gating faster or slower at the same equilibrium."""

from __future__ import annotations

import dataclasses
import math

from ..errors import UsageError
from .scheme import Scheme


def speed_gating(scheme: Scheme, factor: float) -> Scheme:
    """Return the scheme with opening and closing multiplied by one factor.

    Every equilibrium, and so the balance of every cycle, stays as it is. With a brief pulse a factor above one enlarges
    the response and makes it briefer; Ambros-Ingerson & Lynch 1993 proposed this as the expression of long-term
    potentiation. Their rate table was not read, so any factor is assumed.

    Parameters
    ----------
    scheme : Scheme
        With or without drugs; edges of the role ``gate`` change in all layers of drug occupancy.
    factor : float
        Positive.

    Raises
    ------
    UsageError
        The factor is not positive, or the scheme has no gating step of its own.
    """
    if not (math.isfinite(factor) and factor > 0.0):
        raise UsageError(f"A gating speed of {factor} is not a factor", do="give a positive number")
    if not any(e.role == "gate" for e in scheme.edges):
        raise UsageError(f"Scheme {scheme.name} has no gating step", do="use a scheme with transitions of role gate")
    edges = tuple(
        dataclasses.replace(e, forward=e.forward.scaled(factor), backward=e.backward.scaled(factor))
        if e.role == "gate"
        else e
        for e in scheme.edges
    )
    return dataclasses.replace(scheme, name=f"{scheme.name}, gating x{factor:g}", edges=edges)
