"""Synaptic membranes in a tube: [3H]AMPA binding at equilibrium and through a filtration assay.

The published fact to explain: micromolar aniracetam raises the Bmax of [3H]AMPA in cortical synaptic
membranes and leaves its affinity alone (Copani et al. 1992); others find binding minimally changed (Xiao et
al. 1991). A drug cannot make sites in a tube. It can make sites *visible* if they lose their ligand on the
filter and the drug slows that loss. Whether this can pass for "Bmax up, Kd unchanged" is computed in
:mod:`potentiate.preparations.membrane_question`. Bmax is never fitted to the claim.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..measures.observable import Observable, missing
from .saturation import SaturationFit, fit_saturation

Array = NDArray[np.float64]

#: Range of total radioligand of a saturation experiment (assumed), nM.
LIGAND_NM = tuple(float(x) for x in np.geomspace(0.5, 300.0, 12))


@dataclasses.dataclass(frozen=True)
class Population:
    """Sites of one affinity.

    Attributes
    ----------
    name : str
    kd_nM : float
        Equilibrium dissociation constant.
    bmax_pmol_per_mg : float
        Density, per mg protein.
    kon_per_M_min : float
        Association rate constant, 1/(M min).
    """

    name: str
    kd_nM: float
    bmax_pmol_per_mg: float
    kon_per_M_min: float

    def __post_init__(self) -> None:
        for field in ("kd_nM", "bmax_pmol_per_mg", "kon_per_M_min"):
            if not (getattr(self, field) > 0 and math.isfinite(getattr(self, field))):
                raise UsageError(
                    f"Sites {self.name!r}: {field} must be positive", why=f"got {getattr(self, field)!r}"
                )

    @property
    def koff_per_min(self) -> float:
        """Dissociation rate constant, kon x Kd."""
        return self.kon_per_M_min * self.kd_nM * 1e-9


@dataclasses.dataclass(frozen=True)
class Membrane:
    """A membrane preparation.

    Attributes
    ----------
    populations : tuple of Population
        True sites, as they are before any loss on a filter.
    nonspecific_pmol_per_mg_nM : float
        Nonspecific binding per nM of free ligand.
    """

    populations: tuple[Population, ...]
    nonspecific_pmol_per_mg_nM: float = 0.0


@dataclasses.dataclass(frozen=True)
class Assay:
    """How bound ligand is measured.

    Attributes
    ----------
    incubation_min : float
        With the radioligand; math.inf is equilibrium.
    wash_s : float
        From the moment the free ligand is gone (filter, rinses) until the bound ligand is fixed; ligand
        that leaves meanwhile does not come back. 0 for an ideal centrifugation.
    """

    incubation_min: float = 45.0
    wash_s: float = 10.0

    def __post_init__(self) -> None:
        if not (self.incubation_min > 0 and self.wash_s >= 0):
            raise UsageError("An assay needs an incubation above 0 min and a wash of 0 s or more")


@dataclasses.dataclass(frozen=True)
class DrugOnBinding:
    """What a drug does to the binding of the radioligand.

    Attributes
    ----------
    koff_factor : float
        Multiplies dissociation; 0.5 = twice as slow.
    kon_factor : float
        Multiplies association. With 1 the affinity rises as dissociation slows; with `koff_factor` the Kd
        is kept and the drug only raises the barrier.
    populations : tuple of str
        Names of the sites it acts on; empty: all.
    """

    koff_factor: float = 1.0
    kon_factor: float = 1.0
    populations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("koff_factor", "kon_factor"):
            if not (getattr(self, field) > 0 and math.isfinite(getattr(self, field))):
                raise UsageError(
                    f"{field} must be positive", why=f"got {getattr(self, field)!r}", do="1 is no effect"
                )

    def on(self, p: Population) -> Population:
        """Return a population in the presence of the drug."""
        if self.populations and p.name not in self.populations:
            return p
        return dataclasses.replace(
            p,
            kd_nM=p.kd_nM * self.koff_factor / self.kon_factor,
            kon_per_M_min=p.kon_per_M_min * self.kon_factor,
        )


NO_EFFECT = DrugOnBinding()

#: [3H]AMPA in rat cortex membranes (Giberti et al. 1991, J Recept Res 11:727): Kd and Bmax of two
#: populations; the nonspecific slope follows from "specific is 95 % of total at 5 nM". Association was not
#: given there: rate constants of Henley & Barnard 1989 (J Neurochem 53:140; solubilised chick receptor, 0
#: degC, thiocyanate), so `assumed`.
KON_HIGH, KON_LOW = 6.55e6, 1.45e6

#: Range in which kon is varied, 1/(M min): below the published values, up to a slow enzyme's 1e9 (about 2e7
#: 1/(M s)).
KON_RANGE = (1e6, 1e9)

HIGH = Population("high", 5.49, 0.19, KON_HIGH)
LOW = Population("low", 52.0, 1.30, KON_LOW)


def _nonspecific_from(populations: tuple[Population, ...], specific_part: float, at_nM: float) -> float:
    specific = sum(p.bmax_pmol_per_mg * at_nM / (at_nM + p.kd_nM) for p in populations)
    return specific * (1.0 - specific_part) / specific_part / at_nM


GIBERTI_1991 = Membrane((HIGH, LOW), _nonspecific_from((HIGH, LOW), 0.95, 5.0))


def isotherm(membrane: Membrane, ligand_nM: ArrayLike, drug: DrugOnBinding = NO_EFFECT) -> Array:
    """Return specific binding at equilibrium, pmol/mg.

    Parameters
    ----------
    membrane : Membrane
    ligand_nM : array
        Free radioligand (depletion is neglected).
    drug : DrugOnBinding

    Returns
    -------
    array of the shape of `ligand_nM`
    """
    free = _ligand(ligand_nM)
    total = np.zeros_like(free)
    for p in map(drug.on, membrane.populations):
        total += p.bmax_pmol_per_mg * free / (free + p.kd_nM)
    return total


@dataclasses.dataclass(frozen=True, eq=False)
class Binding:
    """What an assay counts.

    Attributes
    ----------
    ligand_nM, total, nonspecific, specific : (n,) arrays
        pmol/mg; specific = total - nonspecific.
    retained : tuple of (population, fraction)
        Part of the bound ligand that survives the wash.
    """

    ligand_nM: Array
    total: Array
    nonspecific: Array
    specific: Array
    retained: tuple[tuple[str, float], ...]


def filtration_assay(
    membrane: Membrane, ligand_nM: ArrayLike, assay: Assay, drug: DrugOnBinding = NO_EFFECT
) -> Binding:
    """Simulate incubation and wash.

    Parameters
    ----------
    membrane : Membrane
    ligand_nM : array
    assay : Assay
    drug : DrugOnBinding
        Present in incubation and wash alike.

    Returns
    -------
    Binding

    Notes
    -----
    Association is pseudo-first order, ``1 - exp(-(kon L + koff) t)``; dissociation on the filter
    ``exp(-koff t)``. Nonspecific binding is linear in the ligand and not washed off further.
    """
    free = _ligand(ligand_nM)
    specific = np.zeros_like(free)
    retained = []
    for p in map(drug.on, membrane.populations):
        rate = p.kon_per_M_min * free * 1e-9 + p.koff_per_min
        reached = 1.0 if math.isinf(assay.incubation_min) else -np.expm1(-rate * assay.incubation_min)
        kept = math.exp(-p.koff_per_min * assay.wash_s / 60.0)
        specific += p.bmax_pmol_per_mg * free / (free + p.kd_nM) * reached * kept
        retained.append((p.name, kept))
    nonspecific = membrane.nonspecific_pmol_per_mg_nM * free
    return Binding(free, specific + nonspecific, nonspecific, specific, tuple(retained))


def sites_behind(apparent: Membrane, assay: Assay) -> Membrane:
    """Return the true sites whose assay would show the given (published) Bmax values at equilibrium."""
    return dataclasses.replace(
        apparent,
        populations=tuple(
            dataclasses.replace(
                p, bmax_pmol_per_mg=p.bmax_pmol_per_mg * math.exp(p.koff_per_min * assay.wash_s / 60.0)
            )
            for p in apparent.populations
        ),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class AssayRun:
    """A saturation experiment without and with drug.

    Attributes
    ----------
    control, drug : Binding
    control_fit, drug_fit : SaturationFit
    equilibrium, drug_equilibrium : (n,) arrays
        Specific binding without loss, pmol/mg.
    observables : tuple of Observable
        Fits with the prefixes ``control/`` and ``drug/``, and the ratios.
    assumed : tuple of str
    """

    control: Binding
    drug: Binding
    control_fit: SaturationFit
    drug_fit: SaturationFit
    equilibrium: Array
    drug_equilibrium: Array
    observables: tuple[Observable, ...]
    assumed: tuple[str, ...]


#: What every run on the default membrane assumes.
ASSUMED = (
    "kon of [3H]AMPA 6.55e6 (high) and 1.45e6 1/(M min) (low): solubilised chick receptor at 0 degC in "
    "thiocyanate "
    "(Henley & Barnard 1989), applied to rat cortex; range 1e6 to 1e9",
    "incubation and wash times: not in the abstracts of Giberti 1991 or Copani 1992",
    "published Bmax values are what the filter kept: true sites are back-calculated from the assay",
    "no rebinding during the wash, no depletion of ligand, nonspecific binding linear in ligand",
)


def run_assay(
    drug_factor: float = 1.0,
    *,
    kd_kept: bool = False,
    on: tuple[str, ...] = (),
    wash_s: float = 10.0,
    incubation_min: float = 45.0,
    kon_scale: float = 1.0,
    sites: int = 1,
    ligand_nM: ArrayLike = LIGAND_NM,
    membrane: Membrane = GIBERTI_1991,
    intervals: bool = True,
) -> AssayRun:
    """Run a saturation experiment without and with a drug that changes the dissociation of [3H]AMPA.

    Parameters
    ----------
    drug_factor : float
        Factor on koff. No source gives it for any drug: it is a hypothesis to state, so it has no default
        but 1.
    kd_kept : bool
        The drug slows association by the same factor, so that the true Kd stays.
    on : tuple of str
        Populations the drug acts on; empty: all.
    wash_s, incubation_min : float
    kon_scale : float
        Factor on kon of all sites (Kd kept): sensitivity to the assumed association.
    sites : {1, 2}
        Number of sites of the fit.
    ligand_nM : array
    membrane : Membrane
        Apparent sites (as published).
    intervals : bool

    Returns
    -------
    AssayRun
    """
    if unknown := sorted(set(on) - {p.name for p in membrane.populations}):
        raise UsageError(
            f"No sites named {unknown[0]!r}", do=f"use {', '.join(p.name for p in membrane.populations)}"
        )
    assay = Assay(incubation_min, wash_s)
    scaled = with_kon(membrane, kon_scale)
    true = sites_behind(scaled, assay)
    drug = DrugOnBinding(drug_factor, drug_factor if kd_kept else 1.0, on)
    before, after = (filtration_assay(true, ligand_nM, assay, d) for d in (NO_EFFECT, drug))
    fits = [fit_saturation(b.ligand_nM, b.specific, sites, intervals=intervals) for b in (before, after)]
    found = [
        dataclasses.replace(o, id=f"{w}/{o.id}")
        for w, f in zip(("control", "drug"), fits, strict=True)
        for o in f.observables
    ]
    for a, b in zip(fits[0].observables, fits[1].observables, strict=True):
        worst = next((o for o in (a, b) if not o.known), None)
        found.append(
            missing(f"ratio/{a.id}", "", "not determined", worst.reason or "no fit") if worst
            else Observable(f"ratio/{a.id}", b.value / a.value, "", convention="drug over control")
        )  # fmt: skip
    return AssayRun(
        before,
        after,
        fits[0],
        fits[1],
        isotherm(true, ligand_nM),
        isotherm(true, ligand_nM, drug),
        tuple(found),
        ASSUMED,
    )


def with_kon(membrane: Membrane, scale: float) -> Membrane:
    """Return the membrane with association and dissociation scaled together (Kd kept)."""
    return dataclasses.replace(
        membrane,
        populations=tuple(
            dataclasses.replace(p, kon_per_M_min=p.kon_per_M_min * scale) for p in membrane.populations
        ),
    )


def _ligand(ligand_nM: ArrayLike) -> Array:
    free = np.atleast_1d(np.asarray(ligand_nM, float))
    if not (np.isfinite(free).all() and (free >= 0).all()):
        raise UsageError("Ligand concentrations must be zero or more and finite")
    return free
