"""What one vesicle does at one site: conductance, current; and how many receptors another scheme needs for the same."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.scheme import Scheme
from .synaptic_glutamate import Glutamate
from .synaptic_receptors import SiteReceptors, conductance_nS

if TYPE_CHECKING:
    from .synapse import Synapse


def quantal_conductance(
    synapse: Synapse,
    bath: Bath = NO_DRUG,
    *,
    family: str = "AMPA",
    duration_ms: float = 30.0,
    dt_ms: float = 0.02,
    variant: str | None = None,
) -> np.ndarray:
    """Return the conductance of one site after one mean vesicle, before magnesium block.

    Parameters
    ----------
    synapse : Synapse
    bath : Bath
    family : {"AMPA", "NMDA"}
    duration_ms, dt_ms : float
    variant : str, optional
        Of the drug's operator.

    Returns
    -------
    array, shape (samples,), nS
    """
    glutamate = Glutamate(synapse.cleft, np.zeros(1), np.ones((1, 1, 1)), None)
    samples = round(duration_ms / dt_ms) + 1
    total = np.zeros(samples)
    for r in synapse.under(bath, variant):
        if r.family == family:
            total += _one(synapse, r, glutamate, samples, dt_ms, bath)
    return total


def _one(
    synapse: Synapse, receptors: SiteReceptors, glutamate: Glutamate, samples: int, dt_ms: float, bath: Bath
) -> np.ndarray:
    ligands = {**bath.drugs_uM, "magnesium": 1000.0 * synapse.magnesium_mM}
    voltage = synapse.holding_mV if synapse.holding_mV is not None else -70.0
    return conductance_nS(
        receptors, glutamate, samples, dt_ms,
        ligands=ligands, voltage_mV=voltage, temperature_C=synapse.temperature_C,
    )[0, 0]  # fmt: skip


def match_quantum(synapse: Synapse, scheme: Scheme) -> Synapse:
    """Return the synapse with another AMPA-receptor scheme and the number of receptors that keeps the quantal peak.

    Raises
    ------
    UsageError
        The scheme is not one of AMPA receptors, or the synapse has none.
    """
    if scheme.family != "AMPA":
        raise UsageError(f"{scheme.name} is a scheme of {scheme.family} receptors", do="give one of the AMPA family")
    old = [r for r in synapse.receptors if r.family == "AMPA"]
    if not old:
        raise UsageError(f"{synapse.name} has no AMPA receptors")
    goal = quantal_conductance(synapse).max()
    one = dataclasses.replace(old[0], name="AMPA", scheme=scheme, number=1.0, unitary_pS=UNITARY_AMPA_PS)
    others = tuple(r for r in synapse.receptors if r.family != "AMPA")
    peak = quantal_conductance(dataclasses.replace(synapse, receptors=(one, *others))).max()
    number = float(goal / peak)
    note = f"{number:.3g} receptors of scheme {scheme.name}: the same quantal peak as with {old[0].scheme.name}"
    return dataclasses.replace(
        synapse,
        receptors=(dataclasses.replace(one, number=number), *others),
        assumed=(*synapse.assumed, note),
    )


#: Largest conductance where an AMPA scheme gives relative ones (Spruston et al. 1995); only the product with the
#: number of receptors, which is matched, matters.
UNITARY_AMPA_PS = 10.0
