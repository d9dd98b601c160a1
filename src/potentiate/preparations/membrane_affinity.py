"""The affinity of a membrane in a tube against that of a kinetic scheme at equilibrium: a gap to report."""

from __future__ import annotations

import numpy as np

from ..kinetics.scheme import Scheme
from ..measures.observable import Observable, missing
from .membrane import GIBERTI_1991, Membrane

#: Glutamate against 5 nM [3H]AMPA, IC50 in nM (Giberti et al. 1991; with CNQX and DNQX in one range).
GLUTAMATE_IC50_NM = (272.0, 373.0)


def scheme_affinity(scheme: Scheme, *, low_uM: float = 1e-5, high_uM: float = 1e5) -> Observable:
    """Return the agonist concentration at which half of a scheme's receptors hold agonist at equilibrium.

    The nearest thing that a kinetic scheme has to the affinity seen in a tube, where the agonist stays for an
    hour and most receptors with agonist are desensitized. For comparison with [3H]AMPA; never to be fitted
    together with EC50 by one affinity.

    Returns
    -------
    Observable
        nM; at least one agonist bound.
    """
    free = np.array(scheme.bound) == 0
    grid = np.geomspace(low_uM, high_uM, 241)
    part = np.array([1.0 - scheme.equilibrium({scheme.agonist: c}) @ free for c in grid])
    if not part[0] < 0.5 < part[-1]:
        return missing(
            "half_bound", "nM", "not determined", "half of the receptors is not reached in the range"
        )
    at = 10 ** np.interp(0.5, part, np.log10(grid))
    return Observable("half_bound", float(at) * 1e3, "nM", convention="half of the receptors at equilibrium")


def affinity_gap(scheme: Scheme, membrane: Membrane = GIBERTI_1991) -> tuple[Observable, ...]:
    """Return how far the equilibrium affinity of a scheme lies from the membrane's.

    Two comparisons: with the Kd of [3H]AMPA at the low-affinity sites, where agonist and method differ; with
    the IC50 of glutamate against [3H]AMPA (its geometric middle), where only the method differs.

    Returns
    -------
    tuple of Observable
        ``half_bound`` (nM), ``over_ampa_kd``, ``over_glutamate_ic50``.
    """
    half = scheme_affinity(scheme)
    if not half.known:
        reason = half.reason or "no affinity"
        return half, *(
            missing(i, "", "not determined", reason) for i in ("over_ampa_kd", "over_glutamate_ic50")
        )
    weakest = max(p.kd_nM for p in membrane.populations)
    middle = float(np.sqrt(GLUTAMATE_IC50_NM[0] * GLUTAMATE_IC50_NM[1]))
    return (
        half,
        Observable(
            "over_ampa_kd", half.value / weakest, "", convention="scheme over membrane, low-affinity sites"
        ),
        Observable(
            "over_glutamate_ic50", half.value / middle, "", convention="scheme over membrane, glutamate"
        ),
    )
