"""One sample of a finding: arms observed on one scheme and compared as the finding asks, for every preparation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import PotentiateError
from ..library.ensemble import ensemble
from ..library.finding import ArmDoc, ComparisonDoc, ExperimentDoc
from ..library.modulator import find_action
from ..library.slice_arm import SliceArmDoc
from ..library.subject_arm import SubjectArmDoc
from ..library.synapse_arm import SynapseArmDoc
from ..measures.observable import Observable
from .scoring import Sample

Arm = TypeVar("Arm", bound=ArmDoc | SynapseArmDoc | SliceArmDoc | SubjectArmDoc)
DrugArm = TypeVar("DrugArm", bound=ArmDoc | SynapseArmDoc | SliceArmDoc)
#: (arm, scheme, variant of the drug's operator) -> what is measured
Observe = Callable[[Arm, str, str | None], Observable]

#: From the unit of a measure to the unit of a finding, where they differ.
SCALE = {("ms", "s"): 1e-3, ("uM", "mM"): 1e-3, ("uM", "nM"): 1e3, ("GOhm", "MOhm"): 1e3, ("fraction", "%"): 100.0}


def ensemble_samples(
    experiment: ExperimentDoc[DrugArm],
    unit: str | None,
    observe: Observe[DrugArm],
    refused: Callable[[DrugArm, str], str | None] = lambda arm, scheme: None,
) -> list[Sample]:
    """Return one sample per scheme of the ensemble and per variant of the drug's operator on the base scheme.

    Parameters
    ----------
    experiment : ExperimentDoc
    unit : str or None
        Of the finding's effect.
    observe : callable
    refused : callable
        Why a fold change of an arm's measure means nothing on a scheme, if so.
    """
    base = experiment.base_scheme
    schemes = [base] if experiment.specific else list(dict.fromkeys([*ensemble().schemes, base]))
    variant = experiment.arm.receptor_variant
    others = [] if variant else other_variants(experiment.arm.drug)
    members = [(scheme, variant) for scheme in schemes] + [(base, other) for other in others]
    return [one_sample(experiment, unit, observe, refused, scheme, name) for scheme, name in members]


def one_sample(
    experiment: ComparisonDoc[Arm],
    unit: str | None,
    observe: Observe[Arm],
    refused: Callable[[Arm, str], str | None],
    scheme: str,
    variant: str | None,
) -> Sample:
    """Return the sample of one scheme and variant; an error of the experimenter's kind is its reason."""
    try:
        value, reason = compared(experiment, unit, observe, refused, scheme, variant)
    except PotentiateError as error:
        value, reason = math.nan, f"{error.what}" + (f" ({error.why})" if error.why else "")
    return Sample(value, scheme, variant, reason)


def other_variants(drug: str | None) -> list[str]:
    """Return the further readings of a drug's operator."""
    action = find_action(drug) if drug else None
    if action is None:
        return []
    # a named receptor ("flop") is another receptor, not another reading of this one
    return [name for name, _ in action.variants[1:] if name != "flop"]


def compared(
    experiment: ComparisonDoc[Arm],
    unit: str | None,
    observe: Observe[Arm],
    refused: Callable[[Arm, str], str | None],
    scheme: str,
    variant: str | None,
) -> tuple[float, str | None]:
    """Return the compared value of an experiment and, where there is none, the reason."""

    def one(arm: Arm) -> tuple[float, str | None]:
        # an arm that names its receptor ("flop") keeps it, whatever reading of the drug is asked of the others
        own = getattr(arm, "receptor_variant", None) or variant
        drug = observe(arm, scheme, own)
        if experiment.compare == "value":
            scale = SCALE.get((drug.unit, unit or drug.unit), 1.0)
            return drug.value * scale, drug.reason if not drug.known else None
        reference: Any = experiment.reference or arm.without_drug()  # type: ignore[union-attr]
        control = observe(reference, scheme, getattr(reference, "receptor_variant", None) or own)
        if not (drug.known and control.known):
            return math.nan, drug.reason if not drug.known else control.reason
        if control.value == 0:
            return math.nan, "the control is zero"
        if outside := refused(arm, scheme):
            return math.nan, outside
        ratio = drug.value / control.value
        if experiment.compare == "inverse_ratio":
            return (1.0 / ratio, None) if ratio else (math.nan, "the drug arm is zero")
        return (100.0 * (ratio - 1.0), None) if experiment.compare == "difference_percent" else (ratio, None)

    value, reason = one(experiment.arm)
    second = experiment.larger_arm or experiment.other_arm
    if second is None:
        return value, reason
    larger, why = one(second)
    if not (math.isfinite(value) and math.isfinite(larger)):
        return math.nan, reason or why
    return (larger / value, None) if value else (math.nan, "the arm to compare with is zero")
