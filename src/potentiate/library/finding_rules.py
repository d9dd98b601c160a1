"""Rules on a finding that its schema cannot check: names that must exist, tolerances that test nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..errors import nearest
from .document import LIBRARY
from .finding import (
    ComparisonDoc,
    ExperimentDoc,
    Finding,
    NoExperiment,
    SliceExperiment,
    SubjectExperiment,
    SynapseExperiment,
)
from .scheme import scheme_ids

#: A factor wider than this either way passes nearly everything.
WIDEST_FACTOR = 2.0


def complaints(finding: Finding) -> list[str]:
    """Return what is wrong with a finding beyond its schema; nothing where all is well."""
    return [*_sourced(finding), *_tests_something(finding), *_known_names(finding)]


def repeated(names: Iterable[str]) -> list[str]:
    """Return the names that are given more than once.

    Examples
    --------
    >>> repeated(["a", "b", "a"])
    ['a']
    """
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for name in names:
        if name in seen:
            twice[name] = None
        seen.add(name)
    return list(twice)


def _sourced(finding: Finding) -> list[str]:
    found = []
    if not finding.read.at.strip():
        found.append("read.at is empty: a number without the page it was read on does not enter")
    if not finding.read.quote.strip():
        found.append("read.quote is empty: a number without its words does not enter")
    error = finding.uncertainty
    if error.type in ("SD", "SEM", "CI95") and error.value is None and not (error.text or "").strip():
        found.append(f"uncertainty is {error.type} without its value")
    return found


def _tests_something(finding: Finding) -> list[str]:
    experiment = finding.experiment
    if isinstance(experiment, NoExperiment):
        return []
    found = []
    if (factor := _factor(finding, experiment)) and factor > WIDEST_FACTOR * (1 + 1e-9):
        found.append(f"the tolerance allows x/÷{factor:.3g}, wider than x/÷{WIDEST_FACTOR:g}")
    neutral = {"ratio": 1.0, "inverse_ratio": 1.0, "difference_percent": 0.0}.get(experiment.compare)
    interval = _interval(finding)
    directed = finding.effect.direction in ("increase", "decrease")
    if neutral is not None and interval is not None and directed and interval[0] <= neutral <= interval[1]:
        low, high = interval
        found.append(
            f"the published interval {low:g} to {high:g} contains no effect ({neutral:g}), so it has no direction: "
            f"write direction: unspecified, or kind: null"
        )
    return found


def _factor(finding: Finding, experiment: ComparisonDoc) -> float | None:
    """Return the tolerance as a factor, where it is one or can be read as one."""
    tolerance, goal = experiment.tolerance, finding.effect.value
    if tolerance.kind == "factor":
        return tolerance.value
    if tolerance.kind != "absolute" or goal is None or finding.effect.kind != "value" or tolerance.value is None:
        return None
    fold = 1.0 + goal / 100.0 if experiment.compare == "difference_percent" else goal
    width = tolerance.value / (100.0 if experiment.compare == "difference_percent" else 1.0)
    # around zero, and for per cent, a difference is no factor: only a number far from zero can be read as one
    if experiment.compare == "value" and (finding.effect.unit == "%" or fold <= 0):
        return None
    return math.inf if fold <= width else fold / (fold - width)


def _interval(finding: Finding) -> tuple[float, float] | None:
    effect, error = finding.effect, finding.uncertainty
    if effect.low is not None and effect.high is not None:
        return effect.low, effect.high
    if error.type == "CI95" and error.value is not None and effect.value is not None:
        return effect.value - error.value, effect.value + error.value
    return None


def _known_names(finding: Finding) -> list[str]:
    experiment = finding.experiment
    if isinstance(experiment, NoExperiment):
        return []
    found = []
    if isinstance(experiment, ExperimentDoc):
        schemes = [*scheme_ids("AMPA"), *scheme_ids("NMDA")]
        found += _unknown("base scheme", [experiment.base_scheme], schemes)
    preparations = _documents("preparations")
    if isinstance(experiment, SynapseExperiment):
        found += _unknown("preparation", [arm.synapse for arm in experiment.arms], preparations)
    elif isinstance(experiment, SliceExperiment):
        found += _unknown("preparation", [arm.slice for arm in experiment.arms], preparations)
    named: list[str] = []
    if isinstance(experiment, ExperimentDoc):
        for arm in experiment.arms:
            named += [arm.drug] if arm.drug is not None else []
            named += list(getattr(arm, "blockers", {}))
            named += [a for a in [getattr(arm, "agonist", "glutamate")] if a != "glutamate"]
    elif isinstance(experiment, SubjectExperiment):
        named += [arm.analyte for arm in experiment.arms if arm.analyte is not None]
    return found + _unknown("compound", named, _documents("compounds"))


def _unknown(kind: str, names: Iterable[str], valid: list[str]) -> list[str]:
    found = []
    for name in dict.fromkeys(names):
        if name not in valid:
            near = nearest(name, valid)
            found.append(f"unknown {kind} {name!r}" + (f" (closest: {', '.join(near)})" if near else ""))
    return found


def _documents(room: str) -> list[str]:
    return sorted(path.stem for path in (LIBRARY / room).glob("*.yaml"))
