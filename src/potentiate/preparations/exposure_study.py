"""From a dose to a current: the concentration of an exposure in the bath of a patch, a synapse or a slice."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ..errors import NoPharmacologyError, UsageError
from ..exposure.courses import Unknown
from ..library.compound import find_compound
from ..library.effect import MATRICES, Matrix
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme
from ..measures.observable import Observable, missing
from ..mechanisms.occupancy import log_gap, occupied
from ..units import show_concentration
from .subject_effects import Exposed, concentration

if TYPE_CHECKING:
    from .patch_study import PatchStudy
    from .slice_study import SliceStudy
    from .synapse_study import SynapseStudy

Preparation = Literal["patch", "synapse", "slice"]

#: A fold effect nearer to one than this is none. Assumed: a tenth of what recordings of ten cells can tell apart.
NULL_SHARE = 0.01
SCHEME = "Rodrigues2023"


@dataclasses.dataclass(frozen=True)
class ExposureStudy:
    """What the concentration of an exposure does to receptors, synapse and slice.

    Attributes
    ----------
    compound : str
    matrix : str
    concentration : Observable
        uM; of the typical person, with the 5-95 % band where there are many.
    at_h : float
        When it is reached.
    gap : Observable
        Powers of ten from the concentration up to the affinity of the resting receptor; negative above it.
    occupancy : Observable
        Of the drug's sites on resting receptors.
    folds : mapping of preparation -> mapping of measure -> Observable
        Drug over control.
    patch, synapse, slice : the studies themselves, where asked for
    assumed, notes : tuple of str
    """

    compound: str
    matrix: Matrix
    concentration: Observable
    at_h: float
    gap: Observable
    occupancy: Observable
    folds: Mapping[str, Mapping[str, Observable]]
    patch: PatchStudy | None = None
    synapse: SynapseStudy | None = None
    slice: Mapping[str, SliceStudy] | None = None
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def effect(self, preparation: str) -> Literal["effect", "no effect", "not determined"]:
        """Say whether any measure of a preparation changes by more than :data:`NULL_SHARE`."""
        found = [o.value for o in self.folds[preparation].values() if math.isfinite(o.value)]
        if not found:
            return "not determined"
        return "effect" if max(abs(x - 1.0) for x in found) > NULL_SHARE else "no effect"


def study_exposure(
    exposure: Exposed,
    compound: str,
    *,
    matrix: Matrix = "brain",
    at_h: float | None = None,
    preparations: Sequence[Preparation] = ("patch",),
    scheme: str = SCHEME,
    variant: str | None = None,
    slices: int = 2,
    trials: int = 20,
    seed: int = 1,
) -> ExposureStudy:
    """Run patch, synapse and slice with the concentration that an exposure brings about.

    Parameters
    ----------
    exposure : Exposure
    compound : str
        One that is in the exposure (a metabolite too).
    matrix : {"brain", "csf", "free", "plasma"}
        Where the concentration is taken from. Where brain is unknown nothing is computed, unless another matrix is
        asked for by name: that it stands for the brain is then listed under Assumed.
    at_h : float, optional
        Default: the peak of the typical person.
    preparations : sequence of {"patch", "synapse", "slice"}
    scheme : str
        AMPA receptors of the patch; synapse and slice have their own.
    variant : str, optional
        Of the drug's operator.
    slices, trials, seed : int

    Returns
    -------
    ExposureStudy

    Raises
    ------
    UsageError
        The concentration is unknown, or so is the affinity; the reason.
    NoPharmacologyError
        No action of the compound on these receptors is on record.
    """
    if strange := set(preparations) - set(get_args(Preparation)):
        raise UsageError(f"No preparation {', '.join(sorted(strange))}", do="use patch, synapse or slice")
    name = find_compound(compound).id
    action = find_action(name)
    if action is None:
        raise NoPharmacologyError(
            f"No action of {name} on AMPA receptors is on record, so no effect is computed",
            do=f"see what is known: potentiate compound {name}",
        )
    course = concentration(exposure, name, matrix)
    if isinstance(course, Unknown):
        others = [m for m in MATRICES if not isinstance(concentration(exposure, name, m), Unknown)]  # type: ignore[arg-type]
        raise UsageError(
            f"The concentration of {name} at the receptor is unknown",
            why=course.reason,
            do=f"say that another matrix stands for it: matrix={others[0]!r}" if others else "there is no other matrix",
        )
    if action.saturating_only:
        raise UsageError(
            f"The affinity of {name} is unknown",
            why="a concentration cannot be turned into an effect without it",
            do="study the patch at a saturating concentration",
        )
    typical = np.median(course, axis=0)
    i = int(typical.argmax()) if at_h is None else _index(exposure.t_h, at_h)
    uM = float(typical[i])
    band = np.quantile(course[:, i], [0.05, 0.95]) if len(course) > 1 else None
    found = Observable(
        f"{name}, {MATRICES[matrix]}", uM, "uM", interval=None if band is None else (float(band[0]), float(band[1]))
    )
    kd = action.modulator(variant).kd_uM if action.kind == "operator" else action.kd_uM
    gap = (
        Observable("gap to the affinity", log_gap(kd, uM), "log10", notes=(f"half of the sites at {kd:g} uM",))
        if uM > 0.0
        else missing("gap to the affinity", "log10", "no response", "there is no drug at that time")
    )
    share = Observable("occupancy of the sites at rest", float(occupied([uM], [kd])))
    assumed = [f"scheme {scheme}: effects depend on the scheme"]
    if matrix != "brain":
        assumed.append(f"the {MATRICES[matrix]} stands for that in brain (asked for by the user)")
    assumed.append("the concentration is constant while the preparation is studied")
    studies: dict[str, object] = {}
    folds: dict[str, Mapping[str, Observable]] = {}
    for preparation in preparations:
        run = {"patch": _patch, "synapse": _synapse, "slice": _slice}[preparation]
        studies[preparation], folds[preparation] = run(action, uM, scheme, variant, slices, trials, seed)
    return ExposureStudy(
        name, matrix, found, float(exposure.t_h[i]), gap, share, folds, assumed=tuple(assumed),
        notes=tuple(_outside(action, uM)), **studies,  # type: ignore[arg-type]
    )  # fmt: skip


def _index(t_h: np.ndarray, at_h: float) -> int:
    if not t_h[0] <= at_h <= t_h[-1]:
        raise UsageError(f"{at_h:g} h is not within the exposure", why=f"{t_h[0]:g} to {t_h[-1]:g} h")
    return int(np.abs(t_h - at_h).argmin())


def _outside(action: Action, uM: float) -> list[str]:
    valid = action.document.valid_uM
    if valid is None or valid[0] <= uM <= valid[1]:
        return []
    return [
        f"{show_concentration(uM)} lies outside {valid[0]:g} to {valid[1]:g} uM, where the parameters were calibrated: "
        "what is computed there is the law of mass action"
    ]


def _fold(name: str, drug: Observable, control: Observable) -> Observable:
    if not (drug.known and control.known and control.value):
        return missing(name, "", "not determined", drug.reason or control.reason or "no value")
    return Observable(name, drug.value / control.value)


def _patch(
    action: Action, uM: float, scheme: str, variant: str | None, slices: int, trials: int, seed: int
) -> tuple[PatchStudy, dict[str, Observable]]:
    from .patch_study import MEASURES, study_patch

    study = study_patch(find_scheme(scheme), action, [uM] if uM > 0.0 else [], variant=variant)
    control, drug = study.rows[0].observables, study.rows[-1].observables
    return study, {m: _fold(m, drug[m], control[m]) for m in MEASURES if m in drug and m in control}


def _synapse(
    action: Action, uM: float, scheme: str, variant: str | None, slices: int, trials: int, seed: int
) -> tuple[SynapseStudy, dict[str, Observable]]:
    from .synapse import Synapse
    from .synapse_study import folds, study_synapse

    study = study_synapse(Synapse.from_document(), action.compound, [uM], variant=variant, seed=seed, trials=trials)
    return study, folds(study)[0]


def _slice(
    action: Action, uM: float, scheme: str, variant: str | None, slices: int, trials: int, seed: int
) -> tuple[dict[str, SliceStudy], dict[str, Observable]]:
    from ..protocols.slice_plan import induction, plan_experiment, without_drug
    from .slice import Slice
    from .slice_study import side_by_side

    table = plan_experiment(action.compound, uM, induction("1x100Hz"))
    label = f"{action.compound} {show_concentration(uM)}"
    tables = {"control": without_drug(table, action.compound), label: table}
    studies = side_by_side(Slice.of("ca1-slice"), tables, action.compound, seed=seed, slices=slices)
    control, drug = (s.averages for s in studies.values())
    # the same slices, so that their noise cancels; what is read before the drug or under it only has no control
    names = ("post_tetanic", "ltp", "ltp_of_drug_free", "synapses_up", "synapses_down")
    return studies, {n: _fold(n, drug[n].observable, control[n].observable) for n in names}
