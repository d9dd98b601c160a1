"""Score a finding: its preparation runs its experiment over the ensemble, and the samples become a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..library.finding import (
    Finding,
    NoExperiment,
    PatchExperiment,
    SliceExperiment,
    SubjectExperiment,
    SynapseExperiment,
)
from ..library.modulator import find_action
from . import patch_experiment, slice_experiment, structure, subject_experiment, synapse_experiment
from .scoring import Sample, Verdict, score, score_structure


def score_finding(finding: Finding) -> Verdict:
    """Run a finding's experiment over the ensemble and score it.

    The samples are every scheme of the ensemble with the drug's reference variant, and the base scheme with every
    other variant, so that the interval shows what the scheme and what the calibration leave open.
    """
    return judge(finding, samples(finding))


def judge(finding: Finding, found: Sequence[Sample]) -> Verdict:
    """Score a finding on samples that were computed before."""
    if finding.effect.kind == "structure" and found:
        return score_structure(finding, found)
    return _for_a_stand_in(finding, score(finding, found, used=used(finding)))


def _for_a_stand_in(finding: Finding, verdict: Verdict) -> Verdict:
    """Return the verdict, at most near where another drug was asked in the place of the finding's."""
    experiment = finding.experiment
    if not isinstance(experiment, SynapseExperiment | SliceExperiment) or experiment.arm.stands_for is None:
        return verdict
    reason = f"{experiment.arm.drug} stands in for {experiment.arm.stands_for}: at most near"
    reason = f"{verdict.reason}; {reason}" if verdict.reason else reason
    return dataclasses.replace(verdict, verdict="near" if verdict.verdict == "pass" else verdict.verdict, reason=reason)


def used(finding: Finding) -> bool:
    """Return whether the model holds the finding already: a parameter was read from it, or agreement is no test."""
    experiment = finding.experiment
    if isinstance(experiment, NoExperiment):
        return False
    if experiment.no_test is not None:
        return True
    if isinstance(experiment, SubjectExperiment) or experiment.arm.drug is None:
        return False
    action = find_action(experiment.arm.drug)
    return action is not None and finding.id in action.used


def samples(finding: Finding) -> list[Sample]:
    """Return the model's values for a finding, one per scheme and variant."""
    experiment = finding.experiment
    if finding.effect.kind == "structure":
        return structure.samples(finding.id)
    if isinstance(experiment, NoExperiment):
        return []
    if isinstance(experiment, PatchExperiment):
        return patch_experiment.samples(experiment, finding.effect.unit)
    if isinstance(experiment, SubjectExperiment):
        return subject_experiment.samples(experiment, finding.effect.unit)
    if isinstance(experiment, SynapseExperiment):
        return synapse_experiment.samples(experiment, finding.effect.unit)
    return slice_experiment.samples(experiment, finding.effect.unit)
