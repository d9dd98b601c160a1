"""A synapse after plasticity: its AMPA receptors changed in number, conductance, gating or composition."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..errors import UsageError
from ..kinetics.gating import speed_gating
from ..kinetics.scheme import Scheme
from ..mechanisms.expression import Route, enlargement, express
from .expression_study import MEMBRANE_MS, SPEED
from .synapse import Synapse
from .synapse_quantum import match_quantum, quantal_conductance
from .synaptic_receptors import SiteReceptors

#: Sampling of the response whose size is compared.
QUANTUM_DT_MS = 0.02


def potentiated(
    synapse: Synapse,
    route: Route,
    strength: float,
    *,
    speed: float = SPEED,
    membrane_ms: float = MEMBRANE_MS,
    inserted: Scheme | None = None,
) -> Synapse:
    """Return a synapse whose AMPA response has changed by a factor along one route.

    Parameters
    ----------
    synapse : Synapse
    route : {"number", "conductance", "gating", "composition"}
    strength : float
        Size of the response of AMPA receptors to one release, after over before.
    membrane_ms : float
        What counts as its size in ``gating``. 0: the peak of the conductance; otherwise the peak of the potential on a
        membrane with this time constant.
    speed : float
        Common factor on opening and closing of what ``gating`` turns receptors into; assumed.
    inserted : Scheme, optional
        What ``composition`` inserts. Its receptors are counted in resident ones: those whose quantal peak they match.

    Returns
    -------
    Synapse
        NMDA receptors are left alone.

    Raises
    ------
    UsageError
        No AMPA receptors; ``composition`` without a scheme to insert; an impossible strength.
    """
    resident = [r for r in synapse.receptors if r.family == "AMPA"]
    others = [r for r in synapse.receptors if r.family != "AMPA"]
    if not resident:
        raise UsageError(f"{synapse.name} has no AMPA receptors to change")
    found: list[SiteReceptors] = []
    for r in resident:
        changed = _changed(synapse, r, route, speed, inserted)
        gain = 1.0
        if route == "gating":
            gain = enlargement(
                _quantum(synapse, r), _quantum(synapse, changed), strength, dt_ms=QUANTUM_DT_MS, membrane_ms=membrane_ms
            )
        made = express(route, strength, r.number, gain)
        unitary = float(made.unitary[0])
        for kind, number in ((r, float(made.resident[0])), (changed, float(made.changed[0]))):
            if number > 0.0:
                # a matched scheme brings its own number for each resident receptor
                each = kind.number / r.number
                found.append(
                    dataclasses.replace(
                        kind,
                        scheme=_scaled(kind.scheme, unitary),
                        number=number * each,
                        unitary_pS=kind.unitary_pS * unitary,
                    )
                )
    note = f"expression by {route}: strength x{strength:g}" + (
        f", opening and closing x{speed:g} (assumed)" if route == "gating" else ""
    )
    return dataclasses.replace(synapse, receptors=(*found, *others), assumed=(*synapse.assumed, note))


def _changed(
    synapse: Synapse, resident: SiteReceptors, route: Route, speed: float, inserted: Scheme | None
) -> SiteReceptors:
    if route == "gating":
        return dataclasses.replace(
            resident, name=f"{resident.name}, faster gating", scheme=speed_gating(resident.scheme, speed)
        )
    if route == "composition":
        if inserted is None:
            raise UsageError("composition needs the scheme that is inserted", do="give inserted")
        alone = dataclasses.replace(synapse, receptors=(resident,))
        matched = match_quantum(alone, inserted).receptors[0]
        return dataclasses.replace(matched, name=f"{resident.name}, inserted")
    return resident


def _scaled(scheme: Scheme, unitary: float) -> Scheme:
    """Return the scheme with other conductances, where it gives them in pS."""
    if unitary == 1.0 or scheme.conductance_unit != "pS":
        return scheme
    return dataclasses.replace(scheme, conductance=tuple(g * unitary for g in scheme.conductance))


def _quantum(synapse: Synapse, receptors: SiteReceptors) -> np.ndarray:
    return quantal_conductance(dataclasses.replace(synapse, receptors=(receptors,)), dt_ms=QUANTUM_DT_MS)
