"""The words and the arithmetic of compound documents: targets, kinds of action, CAS check, molar mass."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

#: standard atomic weights (CIAAW 2021, abridged), g/mol
ATOMIC_WEIGHTS = {
    "H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "Na": 22.990, "Mg": 24.305,
    "P": 30.974, "S": 32.06, "Cl": 35.45, "K": 39.098, "Br": 79.904, "Cd": 112.41, "I": 126.90,
}  # fmt: skip


class Target(StrEnum):
    """What a compound acts on: receptors, transporters, enzymes, and whole systems where no more is known."""

    AMPA = "AMPA receptor"
    NMDA = "NMDA receptor"
    NMDA_GLYCINE = "NMDA receptor glycine site"
    KAINATE = "kainate receptor"
    MGLUR_I = "group I mGluR"
    MGLUR_II = "group II mGluR"
    MGLUR = "mGluR"
    GLYCINE = "glycine receptor"
    GABA_A = "GABA-A receptor"
    GABA_B = "GABA-B receptor"
    A1 = "adenosine A1 receptor"
    A2A = "adenosine A2A receptor"
    D2 = "dopamine D2/D3 receptors"
    DOPAMINE = "dopamine receptors"
    SEROTONIN = "5-HT receptors"
    NICOTINIC = "nicotinic receptor"
    MUSCARINIC = "muscarinic receptor"
    MU = "mu-opioid receptor"
    DAT = "dopamine transporter"
    SLC38A1 = "glutamine transporter Slc38a1"
    AADC = "aromatic L-amino-acid decarboxylase"
    CYP1A2 = "CYP1A2"
    CYP3A4 = "CYP3A4"
    CYP2C9 = "CYP2C9"
    CYP2C19 = "CYP2C19"
    PDE = "phosphodiesterases"
    A2D = "calcium channel alpha2-delta subunit"
    CAV = "voltage-gated calcium channels"
    NAV = "voltage-gated sodium channels"
    KV = "voltage-gated potassium channels"
    KATP = "ATP-sensitive potassium channel"
    ALPHA_SECRETASE = "alpha-secretase"
    CAFFEINE_CLEARANCE = "caffeine clearance"
    ACETYLCHOLINE_SYSTEM = "acetylcholine system"
    DOPAMINE_SYSTEM = "dopamine system"
    SEROTONIN_SYSTEM = "serotonin system"
    GABA_SYSTEM = "GABA system"
    GLUTAMATE_SYSTEM = "glutamate system"
    BDNF = "BDNF"
    NGF = "NGF"
    ENERGY = "brain energy metabolism"
    BLOOD_FLOW = "cerebral blood flow"
    STRESS = "stress axis"
    THYROID = "thyroid hormones"
    GROWTH_HORMONE = "growth hormone"
    MEMBRANE_LIPIDS = "membrane lipids"
    UNKNOWN = "unknown"


class ActionKind(StrEnum):
    """How a compound acts on its target."""

    POSITIVE_MODULATOR = "positive modulator"
    NEGATIVE_MODULATOR = "negative modulator"
    COMPETITIVE_ANTAGONIST = "competitive antagonist"
    NONCOMPETITIVE_ANTAGONIST = "non-competitive antagonist"
    ANTAGONIST = "antagonist"
    CHANNEL_BLOCKER = "channel blocker"
    CHANNEL_OPENER = "channel opener"
    AGONIST = "agonist"
    PARTIAL_AGONIST = "partial agonist"
    CO_AGONIST = "co-agonist"
    INVERSE_AGONIST = "inverse agonist"
    REUPTAKE_INHIBITOR = "reuptake inhibitor"
    TRANSPORT_INHIBITOR = "transport inhibitor"
    ENZYME_INHIBITOR = "enzyme inhibitor"
    ENZYME_INDUCER = "enzyme inducer"
    PRECURSOR = "precursor"
    LIGAND = "ligand"
    INDIRECT = "indirect"
    UNKNOWN = "unknown"


#: what the evidence for an action is. `secondary`: only a review, label, vendor or encyclopaedia page was
#: read; `textbook`: target and kind are common knowledge, the page read shows the effect only; `claim`: only
#: a source document (or a maker) says so
Evidence = Literal[
    "structure", "binding", "recombinant", "cells", "slice", "animal", "human",
    "secondary", "textbook", "claim",
]  # fmt: skip
Direction = Literal["increase", "decrease", "mixed", "none", "unknown"]
Quantity = Literal[
    "Kd", "Ki", "IC50", "EC50", "EC2x", "Bmax", "kon", "koff", "fold", "ratio", "maximum", "threshold",
    "occupancy", "dose", "Cmax", "Tmax", "AUC", "AUC ratio", "F", "CL", "CL/F", "CL renal", "V", "V/F",
    "half-life", "half-life ratio", "ka", "tlag", "k12", "k21", "k13", "k31", "kel", "ke0", "Vmax", "Km", "MRT", "fu",
    "fraction",
    "plasma concentration", "brain concentration", "metabolite to parent",
]  # fmt: skip
Species = Literal["human", "rat", "mouse", "gerbil", "monkey", "pigeon", "guinea pig", "rabbit"]


def cas_is_valid(number: str) -> bool:
    """Return whether a CAS registry number has its form and the right check digit.

    Examples
    --------
    >>> cas_is_valid("58-08-2"), cas_is_valid("58-08-3")
    (True, False)
    """
    match = re.fullmatch(r"(\d{2,7})-(\d{2})-(\d)", number)
    if match is None:
        return False
    digits = match.group(1) + match.group(2)
    return sum(i * int(d) for i, d in enumerate(reversed(digits), start=1)) % 10 == int(match.group(3))


def molar_mass(formula: str) -> float:
    """Return the molar mass of a formula from the standard atomic weights.

    Parameters
    ----------
    formula : str
        Hill formula without brackets; a charge at its end (``Mg2+`` is written ``Mg+2``) is ignored.

    Returns
    -------
    float
        g/mol.

    Raises
    ------
    ValueError
        Unknown element or unreadable text.

    Examples
    --------
    >>> round(molar_mass("C8H10N4O2"), 2)
    194.19
    """
    neutral = re.sub(r"[+-]\d*$", "", formula)
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", neutral)
    if "".join(e + n for e, n in parts) != neutral or not parts:
        raise ValueError(f"cannot read the formula {formula!r}")
    unknown = [e for e, _ in parts if e not in ATOMIC_WEIGHTS]
    if unknown:
        raise ValueError(f"no atomic weight for {', '.join(unknown)} in {formula!r}")
    return sum(ATOMIC_WEIGHTS[e] * int(n or 1) for e, n in parts)
