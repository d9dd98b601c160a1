"""Why a finding is less than a pass: what its samples say themselves, and what is suspected beyond them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..library.board import causes
from ..library.finding import ExperimentDoc, Finding
from .scoring import Sample, Verdict, score


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What the samples of a finding say about its verdict.

    Attributes
    ----------
    members, passing : int
        Members of the ensemble with a value, and those that would pass alone.
    side : {"high", "low", "both sides", "-"}
        On which side of a published number the members that do not pass lie.
    over_schemes, over_parameters : (float, float) or None
        Span over the schemes (reference variant), and over the readings of the drug on the base scheme: the two
        parts of the interval.
    reason : str
        In words.
    cause : str
        Suspected cause as on record, with how it is known; empty where none is.
    """

    members: int
    passing: int
    side: str
    over_schemes: tuple[float, float] | None
    over_parameters: tuple[float, float] | None
    reason: str
    cause: str


def diagnose(finding: Finding, samples: Sequence[Sample], verdict: Verdict) -> Diagnosis:
    """Return what the samples say about a verdict."""
    found = [s for s in _asked(finding, samples) if math.isfinite(s.value)]
    experiment = finding.experiment
    alone = [_passes(finding, s) for s in found]
    missing = [s.value for s, good in zip(found, alone, strict=True) if not good]
    side = _side(finding, missing)
    reasons = []
    if verdict.verdict in ("fail", "near") and found:
        count = sum(alone)
        if len(found) == 1:
            reasons.append("one member of the ensemble was asked")
        elif count == 0:
            reasons.append(f"each of {len(found)} members misses" + (f", {side}" if side in ("high", "low") else ""))
        elif count == len(found):
            reasons.append("every member passes alone")
        else:
            reasons.append(f"{count} of {len(found)} members pass: the verdict depends on scheme or reading")
    if verdict.reason:
        reasons.append(verdict.reason)
    over_schemes = over_parameters = None
    if isinstance(experiment, ExperimentDoc) and found:
        # the first sample of a scheme is its reference reading; further ones are readings on the base scheme
        first: dict[str, float] = {}
        for s in found:
            first.setdefault(s.scheme, s.value)
        over_schemes = min(first.values()), max(first.values())
        readings = [s.value for s in found if s.scheme == experiment.base_scheme]
        over_parameters = (min(readings), max(readings)) if len(readings) > 1 else None
    told = causes().get(finding.id)
    cause = ""
    if told is not None and verdict.verdict in ("fail", "near"):
        cause = f"{told.cause} ({told.known}" + (f": {told.where})" if told.where else ")")
    return Diagnosis(
        len(found), sum(alone), side, over_schemes, over_parameters, "; ".join(reasons), cause
    )


def _asked(finding: Finding, samples: Sequence[Sample]) -> list[Sample]:
    experiment = finding.experiment
    if isinstance(experiment, ExperimentDoc) and experiment.specific:
        return [s for s in samples if s.scheme == experiment.base_scheme]
    return list(samples)


def _passes(finding: Finding, sample: Sample) -> bool:
    if finding.effect.kind == "structure":
        return sample.value > 0
    alone = score(finding, [sample])
    return alone.miss < 1 or (alone.miss == 1 and finding.effect.kind not in ("direction", "order"))


def _side(finding: Finding, missing: Sequence[float]) -> str:
    effect = finding.effect
    low, high = (effect.value, effect.value) if effect.kind == "value" else (effect.low, effect.high)
    if effect.kind not in ("value", "range") or low is None or high is None or not missing:
        return "-"
    values = np.array(missing)
    above, below = bool(np.all(values > high)), bool(np.all(values < low))
    return "high" if above else "low" if below else "both sides"
