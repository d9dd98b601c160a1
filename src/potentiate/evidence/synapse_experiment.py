"""Run the synapse experiment of a finding: one arm, on one scheme, with one variant of the drug's operator."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np

from ..errors import UsageError
from ..exposure.bath import Bath
from ..library.block import find_block
from ..library.compound_terms import Target
from ..library.finding import SynapseExperiment
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme
from ..library.synapse_arm import FREE_CELL, PairDoc, SynapseArmDoc, TrainDoc
from ..measures.concentration import half_concentration
from ..measures.observable import Observable, missing
from ..preparations import assays as patch_assays
from ..preparations import synapse_assays
from ..preparations.patch import Patch
from ..preparations.synapse import Synapse
from ..preparations.synapse_quantum import quantal_conductance
from ..protocols.stimulation import test_pulse as one_pulse
from ..units import parse, parse_concentration
from .comparison import ensemble_samples
from .scoring import Sample

#: The same releases and quanta with and without drug, and on every scheme.
SEED = 1
#: Releases of a first response to average over, and the most trials for them.
RELEASES = 60
MOST_TRIALS = 4
#: Part of the NMDA receptors that may be left where they are taken for blocked.
NEXT_TO_NOTHING = 0.01
#: Trials where their scatter is measured, and how long they last.
SCATTER_TRIALS = 40
SCATTER_MS = 15.0
#: Followed after a single stimulus, and after the last of several.
AFTER_MS = 30.0
#: Measure of an arm -> what the assays call it.
_NAMES = {
    "epsc_amplitude": "amplitude",
    "epsc_rise": "rise",
    "decay_weighted": "tau_weighted",
    "half_width": "half_width",
    "charge": "charge",
    "failure_rate": "failure_rate",
    "inverse_cv2": "CV^-2",
    "calcium_peak": "calcium_peak",
    "calcium_share_ampa": "calcium_share_AMPA",
}

Found = Mapping[str, Observable]


def samples(experiment: SynapseExperiment, unit: str | None) -> list[Sample]:
    """Return the model's values for an experiment, one per scheme and variant.

    Parameters
    ----------
    experiment : SynapseExperiment
    unit : str or None
        Of the finding's effect.
    """
    return ensemble_samples(experiment, unit, observe)


def observe(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    """Run one arm with AMPA receptors of a scheme and read its measure."""
    action = _action(arm)
    if arm.measure == "drug_ec50":
        assert action is not None
        return _drug_half(arm, scheme, variant, action)
    return _read(arm, scheme, variant)


def prepared(arm: SynapseArmDoc, scheme: str) -> Synapse:
    """Return the arm's synapse with AMPA receptors of a scheme, in its solution, held as the arm says."""
    synapse = _synapse(arm.synapse)
    own = {r.scheme.name for r in synapse.receptors if r.family == "AMPA"}
    if scheme not in own:
        synapse = synapse.with_scheme(scheme)
    changes: dict[str, object] = {}
    if arm.calcium is not None:
        changes["calcium_mM"] = parse_concentration(arm.calcium) / 1000.0
    if arm.magnesium is not None:
        changes["magnesium_mM"] = parse_concentration(arm.magnesium) / 1000.0
    if _without_nmda(arm):
        changes["receptors"] = tuple(r for r in synapse.receptors if r.family != "NMDA")
    changes["holding_mV"] = parse(arm.clamp.holding, "voltage") if arm.clamp.holding is not None else None
    if arm.measure not in FREE_CELL:
        changes["calcium"] = None  # not asked for, and following it costs time
    if arm.measure.startswith("nmda"):
        # blocked, not absent: a drug with an action at AMPA receptors still meets its target
        changes["receptors"] = tuple(
            dataclasses.replace(r, number=0.0) if r.family == "AMPA" else r for r in synapse.receptors
        )
    return dataclasses.replace(synapse, **changes)  # type: ignore[arg-type]


def bath_of(arm: SynapseArmDoc) -> Bath:
    """Return what is in the bath of an arm, uM."""
    done = _without_nmda(arm)
    drugs = {c: parse_concentration(text) for c, text in arm.blockers.items() if c not in done}
    action = _action(arm)
    if action is not None and arm.drug is not None and arm.concentration is not None:
        drugs[arm.drug] = action.concentration_uM(arm.concentration)
    return Bath(drugs)


def _without_nmda(arm: SynapseArmDoc) -> list[str]:
    """Return the blockers that leave next to nothing of the NMDA receptors: these are then left out of the run."""
    if arm.measure.startswith("nmda"):
        return []
    found = []
    for compound, text in arm.blockers.items():
        block = find_block(compound, Target.NMDA) if find_action(compound) is None else None
        if block is None:
            continue
        if block.left(parse_concentration(text), assume_complete=True) < NEXT_TO_NOTHING:
            found.append(compound)
    return found


@functools.cache
def _synapse(name: str) -> Synapse:
    return Synapse.from_document(name)


def _action(arm: SynapseArmDoc) -> Action | None:
    if arm.drug is None:
        return None
    action = find_action(arm.drug)
    if action is None:
        raise UsageError(f"No operator parameters for {arm.drug}")
    return action


def _trials(synapse: Synapse, bath: Bath) -> int:
    expected = synapse.sites * synapse.release_probability(bath)
    return int(np.clip(np.ceil(RELEASES / expected), 1, MOST_TRIALS))


def _read(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    used = None if arm.drug is None else variant
    if arm.measure in _SPECIAL:
        return _SPECIAL[arm.measure](arm, scheme, used)
    # one run answers every measure of its stimulation
    asked = arm.model_copy(update={"measure": _RUNS.get(arm.measure, "epsc_amplitude")} | _NO_READING)
    found = _run(asked.model_dump_json(), scheme, used)
    if arm.measure == "cv":
        inverse = found["CV^-2"]
        return Observable("cv", float(inverse.value**-0.5), "") if inverse.known and inverse.value > 0 else inverse
    if arm.measure == "train_ratio":
        given = arm.stimulation
        assert isinstance(given, TrainDoc)
        return found[f"pulse {arm.pulse or given.pulses}"]
    value = found.get("ppr" if arm.measure == "ppr" else _NAMES[arm.measure])
    if value is None:
        return missing(arm.measure, "", "not determined", f"{arm.stimulation.kind} does not show {arm.measure}")
    return value


#: What an arm reads off a run, and what does not change it.
_NO_READING = {"pulse": None, "stands_for": None}
#: Measures that need another run than the amplitude of the same stimulation.
_RUNS = {"inverse_cv2": "inverse_cv2", "cv": "inverse_cv2", "failure_rate": "inverse_cv2",
        "calcium_peak": "calcium_peak", "calcium_share_ampa": "calcium_peak"}  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _run(arm_json: str, scheme: str, variant: str | None) -> Found:
    arm = SynapseArmDoc.model_validate_json(arm_json)
    synapse, bath = prepared(arm, scheme), bath_of(arm)
    given = arm.stimulation
    trials = SCATTER_TRIALS if arm.measure == "inverse_cv2" else _trials(synapse, bath)
    if isinstance(given, PairDoc):
        interval = parse(given.interval, "time")
        run = {"seed": SEED, "trials": trials, "dt_ms": 0.1, "variant": variant}
        return {"ppr": synapse_assays.paired_pulse(synapse, bath, interval, **run)}
    if isinstance(given, TrainDoc):
        rate_Hz = 1000.0 * parse(given.rate, "frequency")
        made = synapse_assays.stimulate_train(
            synapse, bath, rate_Hz, given.pulses, seed=SEED, trials=trials, after_ms=10.0, dt_ms=0.1, variant=variant
        )
        if not made.sizes[0] > 0:
            none = missing("train_ratio", "", "no response", "no first response")
            return {f"pulse {k + 1}": none for k in range(given.pulses)}
        ratios = made.sizes / made.sizes[0]
        return {f"pulse {k + 1}": Observable("train_ratio", float(ratio), "") for k, ratio in enumerate(ratios)}
    after = SCATTER_MS if arm.measure == "inverse_cv2" else AFTER_MS
    made = synapse_assays.single(synapse, bath, seed=SEED, trials=trials, after_ms=after, dt_ms=0.1, variant=variant)
    found = dict(synapse_assays.measure_response(made))
    if arm.measure == "calcium_peak":
        found |= synapse_assays.calcium(made)
    return found


# ---- measures with a run of their own


def _nmda_measure(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    return _nmda(_only_nmda(arm).model_dump_json(), scheme if _acts_on_nmda(arm) else None, variant)


def _acts_on_nmda(arm: SynapseArmDoc) -> bool:
    action = _action(arm)
    return action is not None and action.document.family == "NMDA"


def _only_nmda(arm: SynapseArmDoc) -> SynapseArmDoc:
    # AMPA receptors are blocked, so a drug that acts on nothing else leaves the control: a null that is built in
    return arm if _acts_on_nmda(arm) else arm.without_drug()


@functools.lru_cache(maxsize=64)
def _nmda(arm_json: str, scheme: str | None, variant: str | None) -> Observable:
    arm = SynapseArmDoc.model_validate_json(arm_json)
    own = next(r.scheme.name for r in _synapse(arm.synapse).receptors if r.family == "AMPA")
    synapse = prepared(arm, scheme or own)
    run = {"seed": SEED, "trials": _trials(synapse, bath_of(arm)), "dt_ms": 0.1, "variant": variant}
    if arm.measure == "nmda_amplitude":
        return synapse_assays.measure_response(synapse.run(one_pulse(after_ms=100.0), bath_of(arm), **run))["amplitude"]
    if synapse.holding_mV is None:
        raise UsageError("An NMDA charge is read in voltage clamp")
    return synapse_assays.nmda_charge_at(synapse, bath_of(arm), synapse.holding_mV, **run)


def _nmda_ratio(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    whole = arm.model_copy(update={"measure": "charge"})
    synapse = prepared(whole, scheme)
    found = synapse_assays.ampa_over_nmda(
        synapse, bath_of(arm), seed=SEED, trials=_trials(synapse, bath_of(arm)), dt_ms=0.1, variant=variant
    )
    return Observable("nmda_ratio", 1.0 / found.value, "") if found.known else found


def _open_fraction(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    family = "NMDA" if arm.measure == "nmda_open_fraction" else "AMPA"
    synapse = prepared(arm.model_copy(update={"measure": "charge"}), scheme)
    counted = []
    for r in synapse.receptors:
        whole = np.array(r.scheme.conductance) > 0
        plain = dataclasses.replace(r.scheme, conductance=tuple(whole.astype(float)), conductance_unit="relative")
        counted.append(dataclasses.replace(r, scheme=plain, unitary_pS=1000.0))  # 1 nS each: a conductance is a number
    total = sum(r.number for r in counted if r.family == family)
    if not total:
        return missing(arm.measure, "", "not determined", f"{synapse.name} has no {family} receptors")
    open_ = quantal_conductance(
        dataclasses.replace(synapse, receptors=tuple(counted)), bath_of(arm), family=family, variant=variant
    )
    return Observable(arm.measure, float(open_.max() / total), "")


def _amplification(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    synapse = prepared(arm, scheme)
    one = dataclasses.replace(synapse, sites=1, quantum=dataclasses.replace(synapse.quantum, content_cv=0.0))
    released = np.ones((1, 1, 1), int)
    made = one.run(
        one_pulse(after_ms=AFTER_MS), bath_of(arm), seed=SEED, trials=1, variant=variant, vesicles=released
    )
    head, dendrite = (made.channel(name).sweeps[0] for name in ("spine head", "dendrite"))
    return Observable(arm.measure, float((head.max() - head[0]) / (dendrite.max() - dendrite[0])), "")


def _over_deactivation(arm: SynapseArmDoc, scheme: str, variant: str | None) -> Observable:
    decay = _read(arm.model_copy(update={"measure": "decay_weighted"}), scheme, variant)
    receptor, action, bath = find_scheme(scheme), _action(arm), Bath()
    if action is not None and arm.drug is not None and arm.concentration is not None:
        receptor = action.apply(receptor, variant)
        bath = Bath({arm.drug: action.concentration_uM(arm.concentration)})
    tau = patch_assays.deactivation(Patch(receptor), bath)["tau_deact"]
    if not (decay.known and tau.known):
        return missing(arm.measure, "", "not determined", decay.reason or tau.reason or "")
    return Observable(arm.measure, decay.value / tau.value, "")


_SPECIAL: dict[str, Callable[[SynapseArmDoc, str, str | None], Observable]] = {
    "nmda_charge": _nmda_measure,
    "nmda_amplitude": _nmda_measure,
    "nmda_ratio": _nmda_ratio,
    "open_fraction": _open_fraction,
    "nmda_open_fraction": _open_fraction,
    "spine_amplification": _amplification,
    "decay_over_deactivation": _over_deactivation,
}


def _drug_half(arm: SynapseArmDoc, scheme: str, variant: str | None, action: Action) -> Observable:
    if action.saturating_only:
        return missing(arm.measure, "uM", "not determined", f"the affinity of {action.compound} is unknown")
    grid = np.geomspace(0.02 * action.kd_uM, 500.0 * action.kd_uM, 8)
    inner = arm.model_copy(update={"measure": arm.of, "of": None})
    read = [_read(inner.without_drug(), scheme, variant)]
    read += [_read(inner.model_copy(update={"concentration": f"{c:.6g} uM"}), scheme, variant) for c in grid]
    if bad := next((o for o in read if not o.known), None):
        return missing(arm.measure, "uM", "not determined", f"{bad.id}: {bad.reason}")
    response = np.array([abs(o.value) for o in read])
    if abs(response[-1] - response[0]) < 0.02 * response.max():
        return missing(arm.measure, "uM", "not determined", "the drug does not change the measure")
    return half_concentration(
        grid, response[1:], convention="half_of_saturating", saturating=float(response[-1]),
        control=float(response[0]), name=arm.measure,
    )  # fmt: skip
