"""Systems of the brain and body: the closed vocabulary in which a stack is reviewed, and which target belongs where."""

from __future__ import annotations

from enum import StrEnum

from .compound_terms import Target


class System(StrEnum):
    """What source 002 divides the action of compounds into, and the glutamate, adenosine and stress systems beside."""

    ACETYLCHOLINE = "acetylcholine"
    DOPAMINE = "dopamine"
    SEROTONIN = "serotonin"
    GABA = "GABA"
    GLUTAMATE = "glutamate"
    ADENOSINE = "adenosine"
    HPA = "HPA/cortisol"
    BDNF = "BDNF"
    NGF = "NGF"
    ENERGY = "mitochondria/ATP"
    BLOOD_FLOW = "blood flow"
    MEMBRANE = "membrane"
    HORMONES = "hormones"


#: Targets by system. A target may serve several: one transporter or enzyme can feed two transmitters.
SYSTEMS: dict[Target, tuple[System, ...]] = {
    Target.AMPA: (System.GLUTAMATE,),
    Target.NMDA: (System.GLUTAMATE,),
    Target.NMDA_GLYCINE: (System.GLUTAMATE,),
    Target.KAINATE: (System.GLUTAMATE,),
    Target.MGLUR_I: (System.GLUTAMATE,),
    Target.MGLUR_II: (System.GLUTAMATE,),
    Target.MGLUR: (System.GLUTAMATE,),
    Target.GABA_A: (System.GABA,),
    Target.GABA_B: (System.GABA,),
    Target.A1: (System.ADENOSINE,),
    Target.A2A: (System.ADENOSINE,),
    Target.D2: (System.DOPAMINE,),
    Target.DOPAMINE: (System.DOPAMINE,),
    Target.SEROTONIN: (System.SEROTONIN,),
    Target.NICOTINIC: (System.ACETYLCHOLINE,),
    Target.MUSCARINIC: (System.ACETYLCHOLINE,),
    Target.DAT: (System.DOPAMINE,),
    Target.SLC38A1: (System.GLUTAMATE, System.GABA),
    Target.AADC: (System.DOPAMINE, System.SEROTONIN),
    Target.A2D: (System.MEMBRANE,),
    Target.CAV: (System.MEMBRANE,),
    Target.NAV: (System.MEMBRANE,),
    Target.KV: (System.MEMBRANE,),
    Target.KATP: (System.MEMBRANE, System.ENERGY),
    Target.MEMBRANE_LIPIDS: (System.MEMBRANE,),
    Target.ACETYLCHOLINE_SYSTEM: (System.ACETYLCHOLINE,),
    Target.DOPAMINE_SYSTEM: (System.DOPAMINE,),
    Target.SEROTONIN_SYSTEM: (System.SEROTONIN,),
    Target.GABA_SYSTEM: (System.GABA,),
    Target.GLUTAMATE_SYSTEM: (System.GLUTAMATE,),
    Target.BDNF: (System.BDNF,),
    Target.NGF: (System.NGF,),
    Target.ENERGY: (System.ENERGY,),
    Target.BLOOD_FLOW: (System.BLOOD_FLOW,),
    Target.STRESS: (System.HPA,),
    Target.THYROID: (System.HORMONES,),
    Target.GROWTH_HORMONE: (System.HORMONES,),
}

#: Targets outside the vocabulary, each with the reason.
NO_SYSTEM: dict[Target, str] = {
    Target.GLYCINE: "inhibition by glycine is not among the systems",
    Target.MU: "the opioid system is not among the systems",
    Target.CYP1A2: "an enzyme that clears drugs: it changes exposure",
    Target.CYP3A4: "an enzyme that clears drugs: it changes exposure",
    Target.CYP2C9: "an enzyme that clears drugs: it changes exposure",
    Target.CYP2C19: "an enzyme that clears drugs: it changes exposure",
    Target.CAFFEINE_CLEARANCE: "it changes the exposure to caffeine",
    Target.PDE: "second messengers of many systems",
    Target.ALPHA_SECRETASE: "processing of the amyloid precursor is not among the systems",
    Target.UNKNOWN: "no target is on record",
}


def systems_of(target: Target) -> tuple[System, ...]:
    """Return the systems that a target belongs to; empty where `NO_SYSTEM` says why there is none.

    Examples
    --------
    >>> [str(s) for s in systems_of(Target.AADC)], systems_of(Target.CYP1A2)
    (['dopamine', 'serotonin'], ())
    """
    return SYSTEMS.get(target, ())
