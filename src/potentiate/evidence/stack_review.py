"""The review of a stack: what its parts do, meet and promise, and what is known of each. It never recommends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..exposure.interaction import Applied, Interaction, apply_interactions, find_interactions
from ..exposure.people import TYPICAL, People
from ..exposure.people_text import answers
from ..library.compound import Compound
from ..library.effect import UnsupportedDoc, effect_ids, find_effect
from ..library.stack import Goal
from ..measures.observable import Observable
from ..preparations.onset import ONSET_SHARE, WINDOW_SHARE
from .human_record import GoalEvidence, goal_evidence
from .stack_limits import Factor, LimitCheck, check_limits
from .stack_parts import Asked, StackPart, read_stack
from .stack_promises import Answered, answer
from .stack_rules import AppliedRule, applied_rules
from .stack_systems import Meeting, SystemAction, actions_by_system, meetings
from .stack_timeline import Timeline, follow_parts
from .stack_tolerance import tolerance_lines
from .stack_windows import Window, overlap, windows_of

#: Levels of the covariate pregnancy that are none.
NOT_PREGNANT = ("not pregnant", "post-partum")
#: What a review is not, said on every one.
NO_ADVICE = "a review of what is on record, not advice; it recommends nothing"


@dataclasses.dataclass(frozen=True, eq=False)
class StackReview:
    """What :func:`review_stack` found.

    Attributes
    ----------
    asked : Asked
    people : People
    does : tuple of SystemAction
        Part by part, system by system.
    meets : tuple of Meeting
        Duplications and opposing actions.
    timeline : Timeline
    windows : tuple of Window
    overlap : Observable
    interactions, possible : tuple of Interaction
        Between parts and with what was stated of the person; with medicines and conditions that were not stated.
    applied : Applied
        What interactions did to the exposure.
    rules : tuple of AppliedRule
    limits : tuple of LimitCheck
    promises : tuple of Answered
    goals : tuple of (Goal, tuple of GoalEvidence)
    without_support : tuple of str
        Effects that are claimed of a part and that nothing supports.
    person : tuple of str
        What is known of each stated covariate for each part.
    assumed, notes, sources : tuple of str
    """

    asked: Asked
    people: People
    does: tuple[SystemAction, ...]
    meets: tuple[Meeting, ...]
    timeline: Timeline
    windows: tuple[Window, ...]
    overlap: Observable
    interactions: tuple[Interaction, ...]
    possible: tuple[Interaction, ...]
    applied: Applied
    rules: tuple[AppliedRule, ...]
    limits: tuple[LimitCheck, ...]
    promises: tuple[Answered, ...]
    goals: tuple[tuple[Goal, tuple[GoalEvidence, ...]], ...]
    without_support: tuple[str, ...]
    person: tuple[str, ...]
    assumed: tuple[str, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def parts(self) -> tuple[StackPart, ...]:
        """The parts."""
        return self.asked.parts


def review_stack(
    stack: str | Asked,
    people: People = TYPICAL,
    *,
    species: str = "human",
    hours: float = 12.0,
    interactions: bool = True,
    shares: tuple[float, float] = (ONSET_SHARE, WINDOW_SHARE),
) -> StackReview:
    """Review a stack.

    Parameters
    ----------
    stack : str or Asked
        Text, id or product: see :func:`~potentiate.evidence.stack_parts.read_stack`.
    people : People
        Covariates, medicines and conditions.
    species : str
        Whose exposure; evidence and limits are always those of people.
    hours : float
        Of the timeline, from the first dose.
    interactions : bool
        Whether the parts change each other's exposure.
    shares : (float, float)
        Of the largest effect, for onset and window.

    Returns
    -------
    StackReview

    Raises
    ------
    UsageError
        The stack cannot be read, or the timeline is too long.
    """
    asked = read_stack(stack) if isinstance(stack, str) else stack
    compounds = [part.compound for part in asked.parts]
    regimen = asked.regimen
    stated = tuple(s.covariate for s in people.covariates)
    present = [i for i in find_interactions(asked.ids, people, possible=True) if not i.missing]
    possible = [i for i in find_interactions(asked.ids, people, possible=True) if i.missing]
    doses = regimen.doses if regimen is not None and interactions else ()
    applied = apply_interactions(doses, people, species)
    timeline = follow_parts(
        asked.parts, regimen, people=people, species=species, hours=hours, interactions=interactions, shares=shares
    )
    windows = windows_of(timeline)
    simulated: dict[str, list[str]] = {}
    if timeline.middle is not None and any(getattr(p, "simulate", None) == "tolerance" for p in asked.promises):
        simulated["tolerance"] = tolerance_lines(timeline.followed, timeline.middle, people, species=species)
    goals = tuple(Goal) if asked.goal is None else (asked.goal,)
    pregnant = any(s.level not in NOT_PREGNANT for s in people.stated("pregnancy"))
    review = StackReview(
        asked,
        people,
        tuple(a for c in compounds for a in actions_by_system(c)),
        tuple(meetings(compounds)),
        timeline,
        tuple(windows),
        overlap(timeline.courses, timeline.t_h),
        tuple(present),
        tuple(possible),
        applied,
        tuple(applied_rules(compounds, stated)),
        tuple(check_limits(asked.parts, exposure_factors(applied), ("pregnancy" if pregnant else "adults",))),
        tuple(answer(asked.promises, compounds, windows, simulated)),
        tuple((goal, tuple(goal_evidence(goal, compounds))) for goal in goals),
        tuple(unsupported_effects(compounds)),
        tuple(a.show() for a in answers(people, asked.ids)),
        tuple(dict.fromkeys((NO_ADVICE, *asked.assumed, *timeline.assumed, *applied.assumed))),
        (*asked.notes, *applied.notes),
        (),
    )
    return dataclasses.replace(review, sources=tuple(_sources(review)))


def exposure_factors(applied: Applied) -> list[Factor]:
    """Return by how much interactions of clearance and bioavailability raise each exposure (area under the curve)."""
    found = []
    for factor in applied.factors:
        if factor.parameter == "CL":
            low, high = 1.0 / factor.high, 1.0 / factor.low
        elif factor.parameter == "F":
            low, high = factor.low, factor.high
        else:
            continue
        if not factor.range_only:
            low = high = 1.0 / factor.typical if factor.parameter == "CL" else factor.typical
        found.append(Factor(factor.compound, factor.interaction, low, high, factor.text))
    return found


def unsupported_effects(compounds: Sequence[Compound]) -> list[str]:
    """Return the effects of parts that are claimed and that nothing supports, as lines."""
    lines = []
    for name in effect_ids():
        document = find_effect(name)
        if not isinstance(document, UnsupportedDoc):
            continue
        for entry in document.effects:
            named = [c.name for c in compounds if c.id in entry.compounds]
            # a synergy needs both of its partners
            if named and not (entry.effect.startswith("synergy") and len(named) < 2):
                lines.append(f"{', '.join(named)}: no supported effect: {entry.effect} ({entry.reason})")
    return lines


def _sources(review: StackReview) -> list[str]:
    found: set[str] = set(review.timeline.sources)
    if review.asked.source is not None:
        found.add(review.asked.source)
    for part in review.parts:
        found |= part.compound.sources()
    for rule in review.rules:
        found |= {rule.rule.source, *(r.source for r in rule.rule.records if r.source)}
    for answered in review.promises:
        found |= set(answered.keys)
    for interaction in (*review.interactions, *review.possible):
        found |= set(interaction.sources)
    found |= {check.limit.source for check in review.limits}
    for _, evidence in review.goals:
        found |= {r.finding.source.key for e in evidence for r in e.records if r.finding.source.key}
    return sorted(found)
