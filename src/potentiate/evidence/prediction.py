"""Ask the model a question, freeze what it says, and score it against data that came later."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError, NumericalError
from ..library.document import LIBRARY
from ..library.ensemble import ensemble
from ..library.finding import PatchExperiment, SliceExperiment, SubjectExperiment
from ..library.modulator import find_action
from ..library.prediction import (
    ExpressionExperiment,
    FrozenOutcome,
    FrozenPrediction,
    OutcomeDoc,
    PredictionDocument,
    Resolution,
    ResolutionData,
    SampleDoc,
)
from ..library.registry import Registry, now, versions_of
from ..library.scheme import find_scheme
from ..library.slice_arm import SliceArmDoc
from ..measures.observable import Observable, missing
from ..preparations.expression_study import study_expression
from . import patch_experiment, slice_experiment, subject_experiment, synapse_experiment
from .comparison import one_sample
from .predictive import Predictive
from .scoring import Sample

#: Resamplings of the slices of a slice experiment, for each reading of the drug.
RESAMPLED = 40

Progress = Callable[[str], None]


def _silent(text: str) -> None:
    """Show nothing."""


def answer(question: PredictionDocument, *, seed: int = 1, progress: Progress = _silent) -> list[FrozenOutcome]:
    """Return the distribution of every outcome of a question.

    Patch, synapse and expression: one sample per scheme of the ensemble, variant of the drug and reading of its
    affinity. Slice: means of resampled slices, for each reading of the affinity, on the scheme that its plasticity is
    calibrated on. Subject: persons and readings of the disposition.

    Raises
    ------
    NumericalError
        No sample of an outcome has a value.
    """
    found = []
    for outcome in question.outcomes:
        progress(f"{question.id}: {outcome.id}")
        found.append(_frozen(outcome, samples_of(outcome, seed)))
    return found


def _frozen(outcome: OutcomeDoc, samples: Sequence[Sample]) -> FrozenOutcome:
    usable = [math.isfinite(s.value) and (outcome.scale == "linear" or s.value > 0) for s in samples]
    values = [s.value for s, good in zip(samples, usable, strict=True) if good]
    if not values:
        why = "; ".join(dict.fromkeys(s.reason or "no value" for s in samples))
        raise NumericalError(f"No sample of {outcome.id} has a value", why=why)
    made = Predictive.around(values, outcome.scale, outcome.discrepancy)
    return FrozenOutcome(
        id=outcome.id, unit=outcome.unit, scale=outcome.scale, median=_round(made.quantile(0.5)),
        interval_50=_ends(made.interval(0.5)), interval_90=_ends(made.interval(0.9)), bandwidth=made.bandwidth,
        samples=[
            SampleDoc(
                value=s.value if good else None, scheme=s.scheme, variant=s.variant,
                reason=None if good else s.reason or f"{s.value:g} has no place on a log scale",
            )
            for s, good in zip(samples, usable, strict=True)
        ],
    )  # fmt: skip


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _ends(interval: tuple[float, float]) -> tuple[float, float]:
    return _round(interval[0]), _round(interval[1])


def samples_of(outcome: OutcomeDoc, seed: int = 1) -> list[Sample]:
    """Return what every reading of the model gives for an outcome."""
    experiment = outcome.experiment
    if isinstance(experiment, SubjectExperiment):
        return subject_experiment.samples(experiment, outcome.unit)
    found: list[Sample] = []
    for factor in outcome.kd_factors:
        name = "" if factor == 1.0 else f"affinity constant x {factor:g}"
        if isinstance(experiment, ExpressionExperiment):
            given = _expression_samples(experiment, factor)
        else:
            arms = {
                key: _read_as(arm, factor)
                for key in ("arm", "reference", "larger_arm", "other_arm")
                if (arm := getattr(experiment, key)) is not None
            }
            asked = experiment.model_copy(update=arms)
            if isinstance(asked, SliceExperiment):
                given = _slice_samples(asked, outcome.unit, seed)
            elif isinstance(asked, PatchExperiment):
                given = patch_experiment.samples(asked, outcome.unit)
            else:
                given = synapse_experiment.samples(asked, outcome.unit)
        for s in given:
            variant = ", ".join(filter(None, [s.variant, name])) or None
            found.append(Sample(s.value, s.scheme, variant, s.reason))
    return found


def _read_as(arm: object, factor: float) -> object:
    """Return an arm in which the drug's affinity constant is so many times larger.

    With the unbinding rate as it is, that is the same as a concentration so many times smaller.
    """
    drug, text = getattr(arm, "drug", None), getattr(arm, "concentration", None)
    if factor == 1.0 or drug is None or text is None:
        return arm
    action = find_action(drug)
    if text == "saturating" or action is None:
        raise DataError(
            f"{drug} at {text} has no readings of its affinity", do="leave out kd_factors, or name a concentration"
        )
    return arm.model_copy(update={"concentration": f"{action.concentration_uM(text) / factor:.8g} uM"})  # type: ignore[attr-defined]


def _slice_samples(experiment: SliceExperiment, unit: str, seed: int) -> list[Sample]:
    """Return means over resampled slices; every arm has the same slices, so they are resampled together."""
    scheme, count = experiment.base_scheme, experiment.arm.slices
    draws = np.random.default_rng(seed).integers(0, count, (RESAMPLED, count))
    found = []
    for number, draw in enumerate(draws, start=1):

        def mean(arm: SliceArmDoc, scheme: str, variant: str | None, draw: np.ndarray = draw) -> Observable:
            del variant
            read = np.array(slice_experiment.per_slice(arm, scheme))[draw]
            good = read[np.isfinite(read)]
            if good.size == 0:
                return missing(arm.measure, "", "not determined", "no slice gave a value")
            return Observable(arm.measure, float(good.mean()), "")

        sample = one_sample(experiment, unit, mean, lambda arm, scheme: None, scheme, None)
        found.append(Sample(sample.value, scheme, f"resampling {number} of {count} slices", sample.reason))
    return found


def _expression_samples(experiment: ExpressionExperiment, factor: float) -> list[Sample]:
    action = find_action(experiment.drug)
    if action is None:
        return [Sample(math.nan, "", None, f"no operator parameters for {experiment.drug}")]
    dose = action.concentration_uM(experiment.concentration) / factor
    inserted = None if experiment.inserted is None else find_scheme(experiment.inserted)
    base = "Rodrigues2023"
    members = [(s, None) for s in ensemble().schemes if s != experiment.inserted]
    members += [(base, name) for name, _ in action.variants[1:] if name != "flop"]
    found = []
    for scheme, variant in members:
        study = study_expression(
            find_scheme(scheme), action, dose, strength=experiment.strength, inserted=inserted,
            neck_GOhm=experiment.neck_GOhm, variant=variant,
        )  # fmt: skip
        change = study.row(experiment.route).change[experiment.measure]
        found.append(Sample(1.0 + change.value, scheme, variant, change.reason))
    return found


def freeze(
    question: PredictionDocument, registry: Registry, *, seed: int = 1, command: Sequence[str] = (),
    progress: Progress = _silent,
) -> FrozenPrediction:  # fmt: skip
    """Answer a question and put the answer into a registry, for good.

    Raises
    ------
    DataError
        The registry was changed, or holds a prediction of this name: said before anything is computed.
    """
    registry.require_whole()
    if any(link.file == f"{question.id}.json" for link in registry.links):
        raise DataError(
            f"The prediction {question.id!r} is registered", where=str(registry.folder),
            why="what is frozen is never replaced", do="ask another question, with a name of its own",
        )  # fmt: skip
    # what runs is what was loaded: hashed before the minutes in which a file may change
    versions, documents = versions_of(program=program_hash()), document_hashes()
    outcomes = answer(question, seed=seed, progress=progress)
    assumed = [*question.assumed, *(text for o in question.outcomes for text in o.experiment.assumed)]
    for outcome in question.outcomes:
        assumed.append(f"{outcome.id}: measured means lie {outcome.discrepancy:g} (SD) around a model that is right")
        if outcome.kd_factors != [1.0]:
            readings = ", ".join(f"{f:g}" for f in outcome.kd_factors)
            assumed.append(f"{outcome.id}: the drug's affinity constant as read times {readings}")
        if isinstance(outcome.experiment, SliceExperiment):
            assumed.append(
                f"{outcome.id}: {outcome.experiment.arm.slices} slices on {outcome.experiment.base_scheme}, on which "
                "plasticity is calibrated: the spread of schemes is not in the interval"
            )
    frozen = FrozenPrediction(
        format=1, kind="prediction", id=question.id, registered=now(), question=question, outcomes=outcomes,
        assumed=list(dict.fromkeys(assumed)), seed=seed, versions=versions, documents=documents,
        command=list(command),
    )  # fmt: skip
    registry.add(frozen)
    return frozen


@functools.cache
def program_hash() -> str:
    """Return a hash of every Python file of the program."""
    return _tree(LIBRARY.parent, "*.py")


@functools.cache
def document_hashes() -> dict[str, str]:
    """Return a hash of every folder of documents, and of the schemes and parameters that predictions rest on."""
    found = {}
    for folder in sorted(p for p in LIBRARY.iterdir() if p.is_dir() and p.name not in ("predictions", "__pycache__")):
        found[f"{folder.name}/"] = _tree(folder, "*.yaml")
    for path in sorted([*LIBRARY.glob("parameters/**/*.yaml"), *LIBRARY.glob("preparations/*.yaml")]):
        found[path.relative_to(LIBRARY).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name in ensemble().schemes:
        path = LIBRARY / "schemes" / "ampa" / f"{name}.yaml"
        found[path.relative_to(LIBRARY).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _tree(folder: Path, pattern: str) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob(pattern)):
        total.update(path.relative_to(folder).as_posix().encode() + b"\n")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def resolve(data: ResolutionData, prediction: FrozenPrediction, sha256: str) -> Resolution:
    """Score a frozen prediction against data; the prediction itself is only read.

    Parameters
    ----------
    data : ResolutionData
    prediction : FrozenPrediction
    sha256 : str
        Of the frozen file.

    Raises
    ------
    DataError
        The data are older than the prediction, or have another unit.
    """
    outcome = prediction.outcome(data.outcome)
    if data.measured <= prediction.registered.date():
        raise DataError(
            f"The data were measured on {data.measured}, the prediction was frozen on {prediction.registered.date()}",
            why="what was known before is no test of a prediction", do="score it as a finding: potentiate validate",
        )  # fmt: skip
    if data.unit != outcome.unit:
        raise DataError(
            f"The data are in {data.unit!r}, the prediction is in {outcome.unit!r}",
            do="give the value in the unit of the prediction",
        )
    asked = prediction.question.outcome(data.outcome)
    made = Predictive(tuple(outcome.values), outcome.scale, outcome.bandwidth)
    score = made.score(data.value, data.standard_error, asked.reference.centre, asked.reference.spread)
    return Resolution(
        format=1, kind="resolution", resolved=now(), scored=sha256, data=data, log_score=score.log_score,
        reference_log_score=score.reference, gain=score.gain, quantile=score.quantile,
        inside_50=score.inside(0.5), inside_90=score.inside(0.9), versions=versions_of(),
    )  # fmt: skip
