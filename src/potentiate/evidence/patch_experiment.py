"""Run the patch experiment of a finding: one arm, on one scheme, with one variant of the drug's operator."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from ..errors import PotentiateError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.scheme import Scheme
from ..library.finding import ArmDoc, PatchExperiment
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme
from ..measures.concentration import half_concentration
from ..measures.observable import Observable, missing
from ..preparations import antagonist_assays, assays
from ..preparations.patch import Patch
from ..units import parse, parse_concentration
from .comparison import ensemble_samples
from .scoring import Sample

#: Measures of the plateau: a fold change of them says nothing where the scheme's own plateau is not that of a receptor.
STEADY = ("steady_state", "steady_state_ratio", "percent_desensitization", "emax")

#: Steady state over peak of recombinant AMPA receptors at 10 mM glutamate (Traynelis 2010, table 16).
NATIVE_STEADY = (0.002, 0.08)

#: Names of the agonists that schemes are written for.
NATIVE_AGONISTS = ("glutamate", "glycine")


def samples(experiment: PatchExperiment, unit: str | None) -> list[Sample]:
    """Return the model's values for an experiment, one per scheme and variant.

    Parameters
    ----------
    experiment : PatchExperiment
    unit : str or None
        Of the finding's effect.
    """
    if experiment.preparation != "patch":
        return [Sample(math.nan, experiment.base_scheme, None, "the membrane preparation answers this one")]

    def observe(arm: ArmDoc, scheme: str, name: str | None) -> Observable:
        return _observe(arm, scheme, name)

    def refused(arm: ArmDoc, scheme: str) -> str | None:
        return _outside_native_range(scheme) if arm.measure in STEADY else None

    return ensemble_samples(experiment, unit, observe, refused)


@functools.lru_cache(maxsize=256)
def _outside_native_range(scheme: str) -> str | None:
    ratio = assays.desensitization(Patch(find_scheme(scheme)))["steady_state_ratio"]
    if ratio.known and NATIVE_STEADY[0] <= ratio.value <= NATIVE_STEADY[1]:
        return None
    low, high = NATIVE_STEADY
    return f"fold change refused: the control steady state {ratio.value:.2g} is outside the native {low} to {high}"


def _observe(arm: ArmDoc, scheme: str, variant: str | None) -> Observable:
    return _cached(arm.model_dump_json(), scheme, None if arm.drug is None else variant)


@functools.lru_cache(maxsize=4096)
def _cached(arm_json: str, scheme: str, variant: str | None) -> Observable:
    arm = ArmDoc.model_validate_json(arm_json)
    action = None
    if arm.drug is not None and arm.drug != arm.agonist:
        action = find_action(arm.drug)
        if action is None:
            return missing(arm.measure, "", "not determined", f"no operator parameters for {arm.drug}")
    base = find_scheme(scheme)
    if action is not None and action.document.family != base.family:
        # nothing is known of the drug at this family, so the model has no action there: a null that is built in
        return observe_arm(arm.without_drug(), base, None)
    return observe_arm(arm, base, action, variant)


def observe_arm(arm: ArmDoc, scheme: Scheme, action: Action | None, variant: str | None = None) -> Observable:
    """Run one arm on a scheme.

    Parameters
    ----------
    arm : ArmDoc
    scheme : Scheme
        Without the drug; it and the agonist are applied here.
    action : Action or None
        Of the arm's drug.
    variant : str, optional
        Of the drug's operator.
    """
    scheme = with_agonist(scheme, arm.agonist)
    if action is not None:
        scheme = action.apply(scheme, variant)
    patch = Patch(scheme)
    if arm.measure in ("drug_ec50", "drug_ic50"):
        assert action is not None
        assert arm.of is not None
        return _drug_half(arm, patch, action)
    if action is None or arm.concentration is None:
        return _run(arm, patch, NO_DRUG)
    dose = action.concentration_uM(arm.concentration)
    return _run(arm, patch, Bath({action.compound: dose}, arm.placement))


def with_agonist(scheme: Scheme, agonist: str) -> Scheme:
    """Return the scheme driven by an agonist of the library, if it is not the scheme's own."""
    if agonist == scheme.agonist or agonist in NATIVE_AGONISTS:
        return scheme
    action = find_action(agonist)
    if action is None or action.kind != "agonist":
        raise PotentiateError(f"{agonist} has no agonist parameters")
    return action.apply(scheme)


def _drug_half(arm: ArmDoc, patch: Patch, action: Action) -> Observable:
    if action.saturating_only:
        return missing(arm.measure, "uM", "not determined", f"the affinity of {action.compound} is unknown")
    top = min(1e3 * action.kd_uM, action.concentration_uM("saturating"))
    # slow applications are followed step by step: fewer points, the curve is smooth on a log axis
    grid = np.geomspace(1e-2 * action.kd_uM, top, 9 if arm.protocol == "slow_application" else 16)
    inner = arm.model_copy(update={"measure": arm.of, "of": None})
    values = [_run(inner, patch, NO_DRUG)] + [_run(inner, patch, Bath({action.compound: float(c)})) for c in grid]
    if not all(v.known for v in values):
        bad = next(v for v in values if not v.known)
        return missing(arm.measure, "uM", "not determined", f"{bad.id}: {bad.reason}")
    response = np.array([v.value for v in values])
    if abs(response[-1] - response[0]) < 0.02 * max(abs(response).max(), 1e-12):
        return missing(arm.measure, "uM", "not determined", "the drug does not change the measure")
    return half_concentration(
        grid,
        response[1:],
        convention="half_of_saturating",
        saturating=float(response[-1]),
        control=float(response[0]),
        name=arm.measure,
    )


def _run(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    return _PROTOCOLS[arm.protocol](arm, patch, bath)


def _agonist_uM(arm: ArmDoc, default: float) -> float:
    return parse_concentration(arm.agonist_concentration) if arm.agonist_concentration else default


def _ms(text: str | None, default: float) -> float:
    return parse(text, "time") if text else default


def _pick(found: dict[str, Observable], arm: ArmDoc) -> Observable:
    if arm.measure not in found:
        return missing(arm.measure, "", "not determined", f"{arm.protocol} does not measure {arm.measure}")
    value = found[arm.measure]
    # amplitudes are compared by size; their sign is the direction of the current
    return Observable(value.id, abs(value.value), value.unit, value.status, value.reason) if value.known else value


def _deactivation(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    if arm.measure == "open_probability":
        return assays.open_probability(patch, bath, concentration_uM=_agonist_uM(arm, assays.SATURATING_UM))
    dose = _agonist_uM(arm, assays.SATURATING_UM)
    return _pick(assays.deactivation(patch, bath, None, dose, _ms(arm.width, 1.0)), arm)


def _desensitization(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    dose = _agonist_uM(arm, assays.SATURATING_UM)
    if arm.measure == "open_probability":
        return assays.open_probability(patch, bath, concentration_uM=dose)
    return _pick(assays.desensitization(patch, bath, None, dose, _ms(arm.width, 500.0)), arm)


def _recovery(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    dose = _agonist_uM(arm, assays.SATURATING_UM)
    return _pick(assays.recovery(patch, bath, None, dose, _ms(arm.width, 100.0)), arm)


def _paired(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    dose = _agonist_uM(arm, assays.SATURATING_UM)
    return assays.paired_pulse_ratio(patch, bath, _ms(arm.interval, 10.0), None, dose, _ms(arm.width, 1.0))


def _slow(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    return _pick(assays.slow_current(patch, bath, None, _agonist_uM(arm, 1_000.0), _ms(arm.rise, 20.0)), arm)


def _steady(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    dose = np.array([_agonist_uM(arm, 1_000.0)])
    return Observable("steady_state", float(assays.agonist_steady(patch, dose, bath, patch.scheme.agonist)[0]), "pA")


def _agonist_curve(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    of = "steady_state" if arm.of == "steady_state" else "peak"
    given = _agonist_uM(arm, 1e5)
    grid = np.geomspace(1e-2, given, 43)
    return _pick(assays.agonist_curve(patch, bath, None, grid, of, given), arm)


def _agonist_free(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    return assays.agonist_free(patch, bath)


def _block_onset(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    if not bath.drugs_uM:
        return missing(arm.measure, "", "not determined", "an onset needs a drug")
    ((drug, dose),) = bath.drugs_uM.items()
    found = antagonist_assays.block_onset(patch, drug, dose, _agonist_uM(arm, 100.0))
    on, off = found["tau"], found.get("tau_off")
    if arm.measure == "tau" or not on.known or off is None or not off.known:
        return on
    per_s = 1000.0
    if arm.measure == "koff":
        return Observable("koff", per_s / off.value, "1/s")
    return Observable("kon", (1.0 / on.value - 1.0 / off.value) / dose * per_s * 1e6, "1/M/s")


def _wash_out(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    if not bath.drugs_uM:
        return missing(arm.measure, "", "not determined", "a wash-out needs a drug")
    ((drug, dose),) = bath.drugs_uM.items()
    found = antagonist_assays.block_onset(patch, drug, dose, _agonist_uM(arm, 100.0))
    return found.get("tau_off", found["tau"])


def _transient(arm: ArmDoc, patch: Patch, bath: Bath) -> Observable:
    return _pick(assays.synaptic_current(patch, bath), arm)


_PROTOCOLS: dict[str, Callable[[ArmDoc, Patch, Bath], Observable]] = {
    "deactivation": _deactivation,
    "desensitization": _desensitization,
    "recovery": _recovery,
    "paired_pulses": _paired,
    "slow_application": _slow,
    "steady_state": _steady,
    "agonist_curve": _agonist_curve,
    "agonist_free": _agonist_free,
    "wash_out": _wash_out,
    "block_onset": _block_onset,
    "synaptic_transient": _transient,
}
