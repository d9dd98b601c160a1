"""Validate the model: every finding that is asked for is run, scored, explained and compared with the baseline."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import UnknownNameError, UsageError
from ..library.board import fast_slices
from ..library.compound import find_compound
from ..library.finding import (
    Finding,
    NoExperiment,
    SliceExperiment,
    find_finding,
    finding_ids,
    findings_about,
)
from . import scoring_pool
from .diagnosis import Diagnosis, diagnose
from .experiment import judge
from .scoring import Sample, Verdict, as_json

#: Levels in the order of the board.
LEVELS = ("receptor", "binding", "synapse", "slice", "network", "rodent", "human", "pk")
#: What a level may also be called.
GROUPS = {"dose": ("pk", "human")}
#: Worst first; what cannot be simulated last.
WORST_FIRST = ("fail", "near", "pass", "not simulable", "calibration")


@dataclasses.dataclass(frozen=True)
class Scored:
    """One finding on the board."""

    finding: Finding
    verdict: Verdict
    diagnosis: Diagnosis


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes
    ----------
    scored : tuple of Scored
        Worst first within each level.
    not_run : tuple of Finding
        Findings that the interrupted or fast run left out.
    interrupted : bool
    """

    scored: tuple[Scored, ...]
    not_run: tuple[Finding, ...] = ()
    interrupted: bool = False

    def verdicts(self, level: str | None = None) -> list[Verdict]:
        """Return the verdicts, of one level if asked."""
        return [s.verdict for s in self.scored if level is None or s.finding.level == level]

    @property
    def levels(self) -> list[str]:
        """Return the levels that have a finding, in the order of the board."""
        return [level for level in LEVELS if any(s.finding.level == level for s in self.scored)]

    def of(self, *words: str) -> list[Scored]:
        """Return what has one of some verdicts, by level and distance."""
        return [s for s in self.scored if s.verdict.verdict in words]


def select(
    drug: str | None = None, levels: Sequence[str] = (), *, fast: bool = False
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings of the library that are asked for, and those that only the fast run leaves out.

    Parameters
    ----------
    drug : str, optional
        A compound by id, name or synonym.
    levels : sequence of str
        Of `LEVELS`, or "dose" (pk and human); none: all.
    fast : bool
        Leave out findings on whole slices, but for the fixed subset.

    Raises
    ------
    UnknownNameError
        Drug or level.
    UsageError
        Nothing is left.
    """
    wanted = expand(levels)
    if drug is None:
        found = [find_finding(name) for name in finding_ids()]
    else:
        found = findings_about(find_compound(drug).id)
    found = [f for f in found if not wanted or f.level in wanted]
    if not found:
        whose = f" of {drug}" if drug else ""
        raise UsageError(
            f"No finding{whose} is on record" + (f" at {', '.join(levels)}" if levels else ""),
            do="leave out --level, or give your own: --findings FILE",
        )
    left = [f for f in found if fast and is_slow(f) and f.id not in fast_slices()]
    return [f for f in found if f not in left], left


def expand(levels: Sequence[str]) -> list[str]:
    """Return the levels that are meant.

    Examples
    --------
    >>> expand(["dose"])
    ['pk', 'human']
    """
    found: list[str] = []
    for level in levels:
        if level not in (*LEVELS, *GROUPS):
            raise UnknownNameError("level", level, [*LEVELS, *GROUPS], do=f"use one of {', '.join([*LEVELS, *GROUPS])}")
        found += GROUPS.get(level, (level,))
    return list(dict.fromkeys(found))


def is_slow(finding: Finding) -> bool:
    """Return whether a finding is asked of whole slices."""
    return isinstance(finding.experiment, SliceExperiment)


def validate(
    findings: Sequence[Finding],
    not_run: Sequence[Finding] = (),
    *,
    workers: int | None = None,
    progress: Callable[[scoring_pool.Progress], None] = lambda told: None,
) -> Validation:
    """Run and score findings; those that the cache holds are only scored.

    An interruption (Ctrl-C) keeps and returns what was finished.

    Parameters
    ----------
    findings : sequence of Finding
    not_run : sequence of Finding
        Left out on purpose; only listed.
    workers : int, optional
        Processes; default as many as there are cores.
    progress : callable
    """
    samples: dict[str, list[Sample]] = {}
    interrupted = False

    def done(finding: Finding, found: list[Sample]) -> None:
        samples[finding.id] = found

    try:
        scoring_pool.run_all(findings, done, workers=workers, progress=progress)
    except KeyboardInterrupt:
        interrupted = True
    scored = []
    for finding in findings:
        if finding.id in samples:
            verdict = judge(finding, samples[finding.id])
            scored.append(Scored(finding, verdict, diagnose(finding, samples[finding.id], verdict)))
    scored.sort(key=_order)
    left = [f for f in findings if f.id not in samples]
    return Validation(tuple(scored), (*left, *not_run), interrupted)


def _order(s: Scored) -> tuple[int, int, float, str]:
    miss = s.verdict.miss
    far = math.inf if math.isinf(miss) else miss if math.isfinite(miss) else 0.0
    return LEVELS.index(s.finding.level), WORST_FIRST.index(s.verdict.verdict), -far, s.finding.id


#: Columns of the machine-readable scores.
COLUMNS = (
    "id", "level", "subject", "observable", "statement", "verdict", "published", "unit", "model", "interval", "score",
    "miss", "members", "passing", "side", "over_schemes", "over_parameters", "reason", "cause", "schemes", "worst",
    "role", "design", "lab", "same_data_as", "tension", "uncertainty", "uncertainty_value", "n", "tolerance",
    "tolerance_value", "preparation", "source", "read_at",
)  # fmt: skip


def row(s: Scored) -> dict[str, Any]:
    """Return a scored finding as plain values, for JSON and CSV; what is not known is None."""
    f, d, experiment = s.finding, s.diagnosis, s.finding.experiment
    entry = as_json(s.verdict)
    runs = not isinstance(experiment, NoExperiment)
    return {
        **entry,
        "level": f.level,
        "subject": f.subject,
        "observable": f.observable,
        "statement": f.statement,
        "members": d.members,
        "passing": d.passing,
        "side": d.side,
        "over_schemes": list(d.over_schemes) if d.over_schemes else None,
        "over_parameters": list(d.over_parameters) if d.over_parameters else None,
        "reason": d.reason or entry["reason"],
        "cause": d.cause or None,
        "role": f.role,
        "design": f.design,
        "lab": f.same_lab_as,
        "same_data_as": f.same_data_as,
        "tension": f.tension,
        "uncertainty": f.uncertainty.type,
        "uncertainty_value": f.uncertainty.value,
        "n": f.n,
        "tolerance": experiment.tolerance.kind if runs else None,
        "tolerance_value": experiment.tolerance.value if runs else None,
        "preparation": experiment.preparation if runs else None,
        "read_at": f.read.at,
    }
