"""Can slower dissociation of [3H]AMPA pass for a rise of Bmax at unchanged Kd? A scan and its verdict."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Literal

import numpy as np

from ..errors import UsageError
from ..measures.observable import Observable, missing
from . import membrane as m
from .saturation import fit_saturation

#: What counts as "Bmax up" (assumed: Copani's number was not readable; below this a binding assay hardly
#: sees it).
BMAX_RISE = 1.2

#: What counts as "Kd unchanged".
KD_TOLERANCE = 0.2

#: Factors of the drug on koff, factors on the assumed kon, and wash times that are scanned.
FACTORS = (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.3, 0.1, 0.05)
KON_SCALES = (0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0, 200.0)
WASHES_S = (0.0, 10.0, 30.0)
INCUBATIONS_MIN = (math.inf, 45.0)

#: The conditions a reader may take for granted: equilibrium (without which neither Kd nor Bmax is one),
#: published association within a factor of three, a quick filtration.
REFERENCE_KON = (0.3, 3.0)
REFERENCE_WASH_S = (0.0, 10.0)

#: Larger losses on the filter are not counted: the largest on record is 20-fold (Morgan et al. 1991, see
#: LOSS_EVIDENCE).
LARGEST_LOSS = 0.95

#: The four drugs that are scanned: does affinity follow, and on which sites.
HYPOTHESES = (
    ("slower off, affinity rises, all sites", False, ()),
    ("slower off, affinity rises, low-affinity sites", False, ("low",)),
    ("slower off and on, affinity kept, all sites", True, ()),
    ("slower off and on, affinity kept, low-affinity sites", True, ("low",)),
)

ROUTES = ("loss on the filter", "no equilibrium")

TENSION = (
    "Copani et al. 1992: aniracetam, piracetam and oxiracetam raise the Bmax of [3H]AMPA in cortical "
    "synaptic membranes, "
    "affinity unchanged (value not in the abstract)",
    "Xiao et al. 1991 and Staubli et al. 1992: ligand binding to synaptosomal membranes minimally "
    "changed by aniracetam",
    "[3H]aniracetam (J Neurochem 65:912, 1995): Kd about 70 nM, Bmax 3.5 pmol/mg, more than twice all "
    "[3H]AMPA sites of "
    "Giberti 1991 (1.49 pmol/mg), much of it mitochondrial, against millimolar functional concentrations",
)

LOSS_EVIDENCE = (
    "Morgan et al. 1991 (Neurochem Int 18:75): without chaotrope, Bmax of [3H]AMPA by filtration is 20 "
    "times lower than "
    "by centrifugation, so losses on the filter beyond those of the reference kinetics have been seen "
    "(at Kd 150 nM, "
    "15 uM, weaker than Giberti's sites)"
)


@dataclasses.dataclass(frozen=True)
class Point:
    """One point of the scan.

    Attributes
    ----------
    hypothesis : str
    kon_scale, wash_s, incubation_min, koff_factor : float
    kd_ratio, bmax_ratio : float
        Drug over control, one-site fits; NaN where there was nothing left to fit.
    control_loss : float
        Part of the low-affinity binding that the wash removes without drug.
    mimics : bool
        Bmax up and Kd unchanged by the thresholds, with a loss on record.
    """

    hypothesis: str
    kon_scale: float
    wash_s: float
    incubation_min: float
    koff_factor: float
    kd_ratio: float
    bmax_ratio: float
    control_loss: float
    mimics: bool

    @property
    def reference(self) -> bool:
        """Whether the point lies within the reference kinetics, at equilibrium, with a quick wash."""
        return (
            math.isinf(self.incubation_min)
            and REFERENCE_KON[0] <= self.kon_scale <= REFERENCE_KON[1]
            and REFERENCE_WASH_S[0] <= self.wash_s <= REFERENCE_WASH_S[1]
        )


@dataclasses.dataclass(frozen=True)
class Region:
    """Where a hypothesis mimics the finding, and what that takes.

    Attributes
    ----------
    hypothesis : str
    route : {"loss on the filter", "no equilibrium"}
        What makes it possible: sites that the wash hides, or an incubation too short for the association.
    points, of : int
        How many points of the scan.
    koff_factor : (float, float)
        Smallest and largest drug factor among them.
    least_loss : float
        Smallest loss of low-affinity binding in control among them.
    least_kon_per_M_min : float
        Smallest kon of the low-affinity sites at a wash of 10 s among them; NaN if none at 10 s.
    largest_bmax_ratio : float
    """

    hypothesis: str
    route: str
    points: int
    of: int
    koff_factor: tuple[float, float]
    least_loss: float
    least_kon_per_M_min: float
    largest_bmax_ratio: float


@dataclasses.dataclass(frozen=True)
class BmaxVerdict:
    """The answer.

    Attributes
    ----------
    verdict : {"not explained", "explained"}
        At the reference kinetics and wash.
    reason : str
    thresholds : tuple of (name, value)
    largest_reference_rise : float
        Largest Bmax ratio at the reference with Kd within the tolerance.
    points : tuple of Point
    regions : tuple of Region
        Only hypotheses with a region, most of it outside the reference.
    requirement : str
        What the region takes; empty if there is none.
    tension, evidence, assumed : tuple of str
    """

    verdict: Literal["not explained", "explained"]
    reason: str
    thresholds: tuple[tuple[str, float], ...]
    largest_reference_rise: float
    points: tuple[Point, ...]
    regions: tuple[Region, ...]
    requirement: str
    tension: tuple[str, ...] = TENSION
    evidence: tuple[str, ...] = (LOSS_EVIDENCE,)
    assumed: tuple[str, ...] = m.ASSUMED

    @property
    def observables(self) -> tuple[Observable, ...]:
        """What the verdict rests on, as numbers."""
        home = [p for p in self.points if p.reference]
        lost = Observable(
            "loss_at_reference", max(p.control_loss for p in home), "", convention="low-affinity sites"
        )
        if not math.isfinite(self.largest_reference_rise):
            reason = "no point of the reference keeps Kd within the tolerance"
            return missing("Bmax_ratio_at_reference", "", "not determined", reason), lost
        name = "largest with Kd within the tolerance"
        return Observable("Bmax_ratio_at_reference", self.largest_reference_rise, "", convention=name), lost


def least_loss(
    rise: float = BMAX_RISE, kd_tolerance: float = KD_TOLERANCE, *, kd_kept: bool = False
) -> float:
    """Return the part of the binding of one population that the wash must remove for slowing to mimic it.

    For one population the wash multiplies Bmax by ``exp(-koff t)`` and leaves Kd alone, so with a factor f
    on koff ``Bmax ratio = exp(koff t (1 - f))`` and ``Kd ratio = f`` (or 1 where affinity is kept). Hence
    ``koff t >= ln(rise) / kd_tolerance`` (or ``ln(rise)``, for a drug that stops dissociation).
    """
    if not (rise > 1 and 0 < kd_tolerance < 1):
        raise UsageError("A rise above 1 and a tolerance between 0 and 1 are needed")
    return 1.0 - math.exp(-math.log(rise) / (1.0 if kd_kept else kd_tolerance))


def can_slow_dissociation_raise_bmax(
    *,
    rise: float = BMAX_RISE,
    kd_tolerance: float = KD_TOLERANCE,
    factors: tuple[float, ...] = FACTORS,
    kon_scales: tuple[float, ...] = KON_SCALES,
    washes_s: tuple[float, ...] = WASHES_S,
    incubations_min: tuple[float, ...] = INCUBATIONS_MIN,
    membrane: m.Membrane = m.GIBERTI_1991,
) -> BmaxVerdict:
    """Scan drug factor, association and wash, and say whether the finding can be mimicked.

    Parameters
    ----------
    rise, kd_tolerance : float
        Thresholds: Bmax ratio of at least `rise`, Kd ratio within 1 +/- `kd_tolerance`.
    factors, kon_scales, washes_s, incubations_min : tuples of float
        The grid.
    membrane : Membrane
        Apparent sites as published; the true ones are back-calculated for every assay, so that the control
        always shows the published numbers.

    Returns
    -------
    BmaxVerdict
    """
    points = []
    ligand = m.LIGAND_NM
    for scale, wash, incubation in itertools.product(kon_scales, washes_s, incubations_min):
        assay = m.Assay(incubation, wash)
        true = m.sites_behind(m.with_kon(membrane, scale), assay)
        before = m.filtration_assay(true, ligand, assay)
        fitted = fit_saturation(ligand, before.specific, intervals=False)
        loss = 1.0 - dict(before.retained)["low"]
        for (name, kept, on), f in itertools.product(HYPOTHESES, factors):
            after = m.filtration_assay(true, ligand, assay, m.DrugOnBinding(f, f if kept else 1.0, on))
            again = fit_saturation(ligand, after.specific, intervals=False)
            kd = again.kd[0].value / fitted.kd[0].value
            bmax = again.bmax[0].value / fitted.bmax[0].value
            mimics = bool(bmax >= rise and abs(kd - 1.0) <= kd_tolerance and loss <= LARGEST_LOSS)
            points.append(Point(name, scale, wash, incubation, f, kd, bmax, loss, mimics))
    return _judge(tuple(points), rise, kd_tolerance, membrane)


def _judge(points: tuple[Point, ...], rise: float, tolerance: float, membrane: m.Membrane) -> BmaxVerdict:
    low = next(p for p in membrane.populations if p.name == "low")
    at_home = [p for p in points if p.reference]
    if not at_home:
        raise UsageError(
            "The scan leaves the reference out", do="keep kon x1, a wash of up to 10 s and equilibrium in it"
        )
    largest = max((p.bmax_ratio for p in at_home if abs(p.kd_ratio - 1) <= tolerance), default=math.nan)
    regions = []
    for (name, _, _), route in itertools.product(HYPOTHESES, ROUTES):
        mine = [
            p for p in points if p.hypothesis == name and math.isinf(p.incubation_min) == (route == ROUTES[0])
        ]
        if route == ROUTES[1]:  # what needs no loss on the filter
            mine = [p for p in mine if p.wash_s == 0.0]
        hits = [p for p in mine if p.mimics]
        if not hits:
            continue
        quick = [p.kon_scale * low.kon_per_M_min for p in hits if p.wash_s == 10.0]
        regions.append(
            Region(
                name, route, len(hits), len(mine),
                (min(p.koff_factor for p in hits), max(p.koff_factor for p in hits)),
                min(p.control_loss for p in hits), min(quick, default=math.nan),
                max(p.bmax_ratio for p in hits),
            )
        )  # fmt: skip
    found = any(p.mimics for p in at_home)
    lost = max(p.control_loss for p in at_home)
    reason = (
        f"at the reference (equilibrium, kon x{REFERENCE_KON[0]:g} to x{REFERENCE_KON[1]:g}, wash up to "
        f"{REFERENCE_WASH_S[1]:g} s) the filter loses at most {lost:.1%} of low-affinity binding; with Kd "
        "within "
        f"{tolerance:.0%} the largest Bmax ratio is {largest:.3f}, {'at least' if found else 'below'} "
        f"{rise:g}"
    )
    return BmaxVerdict(
        "explained" if found else "not explained", reason,
        (
            ("Bmax ratio at least", rise), ("Kd ratio within 1 +/-", tolerance),
            ("loss on the filter at most", LARGEST_LOSS),
        ),
        largest, points, tuple(regions), "; ".join(_requirement(r) for r in regions),
    )  # fmt: skip


def _requirement(region: Region) -> str:
    span = f"koff factor {region.koff_factor[0]:g} to {region.koff_factor[1]:g}"
    if region.route == ROUTES[1]:
        return (
            f"{region.hypothesis}: an incubation far from equilibrium, {span} "
            f"({region.points} of {region.of} points)"
        )
    return (
        f"{region.hypothesis}: at least {region.least_loss:.0%} of low-affinity binding lost on the "
        "filter without drug "
        f"(kon from {region.least_kon_per_M_min:.2g} 1/(M min) at 10 s), {span} ({region.points} of "
        f"{region.of} points)"
    )


def table(verdict: BmaxVerdict, hypothesis: str, wash_s: float = 10.0) -> np.ndarray:
    """Return the scan of one hypothesis at one wash and equilibrium as a structured array."""
    rows = [
        (p.kon_scale, p.koff_factor, p.kd_ratio, p.bmax_ratio, p.control_loss, p.mimics)
        for p in verdict.points
        if p.hypothesis == hypothesis and p.wash_s == wash_s and math.isinf(p.incubation_min)
    ]  # fmt: skip
    return np.array(rows, dtype=[
        ("kon_scale", float), ("koff_factor", float), ("kd_ratio", float), ("bmax_ratio", float),
        ("control_loss", float), ("mimics", bool),
    ])  # fmt: skip
