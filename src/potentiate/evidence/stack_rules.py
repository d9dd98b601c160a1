"""Which rules apply to a stack: the closed predicates of the rule documents, answered for its parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..library.compound import Compound, find_compound
from ..library.compound_terms import ActionKind
from ..library.rule import ActsOn, Rule, When, all_rules
from .stack_systems import actions_by_system, meetings


@dataclasses.dataclass(frozen=True)
class AppliedRule:
    """A rule that applies to a stack.

    Attributes
    ----------
    rule : Rule
    by : tuple of str
        What triggers it: compounds, or the reason in words.
    met : bool or None
        Whether the stack has what the source demands; None where it demands nothing.
    """

    rule: Rule
    by: tuple[str, ...]
    met: bool | None


@dataclasses.dataclass(frozen=True)
class Context:
    """What predicates are asked about.

    Attributes
    ----------
    compounds : sequence of Compound
    asked_for : sequence of str
        Covariates that were stated of the person.
    """

    compounds: Sequence[Compound]
    asked_for: Sequence[str] = ()


def applied_rules(compounds: Sequence[Compound], asked_for: Sequence[str] = ()) -> list[AppliedRule]:
    """Return every rule that applies, sorted by id."""
    context = Context(compounds, tuple(asked_for))
    found = []
    for rule in all_rules():
        by = holds(rule.when, context)
        if by:
            found.append(AppliedRule(rule, by, None if rule.asks is None else bool(holds(rule.asks, context))))
    return found


def holds(when: When, context: Context) -> tuple[str, ...]:
    """Return what makes a predicate true; nothing where it is false."""
    if when.all is not None:
        parts = [holds(w, context) for w in when.all]
        return tuple(dict.fromkeys(x for p in parts for x in p)) if all(parts) else ()
    if when.any is not None:
        return tuple(dict.fromkeys(x for w in when.any for x in holds(w, context)))
    if when.none is not None:
        return () if any(holds(w, context) for w in when.none) else ("none of the parts",)
    if when.member_of is not None:
        members = {when.member_of, *(c.compound for c in find_compound(when.member_of).constituents)}
        return tuple(c.id for c in context.compounds if c.id in members)
    if when.among is not None:
        named = tuple(c.id for c in context.compounds if c.id in when.among)
        return named if len(named) >= when.at_least else ()
    if when.extract is not None:
        return tuple(c.id for c in context.compounds if (c.kind == "extract") == when.extract)
    if when.more_parts_than is not None:
        return (f"{len(context.compounds)} parts",) if len(context.compounds) > when.more_parts_than else ()
    if when.acts_on is not None:
        return _acting(when.acts_on, context)
    if when.asked_for is not None:
        return tuple(name for name in when.asked_for if name in context.asked_for)
    double = [m.what for m in meetings(context.compounds) if not m.opposing]
    return tuple(double) if bool(double) == when.duplicates else ()


def _acting(asked: ActsOn, context: Context) -> tuple[str, ...]:
    named = []
    for compound in context.compounds:
        for action in actions_by_system(compound):
            if action.system != asked.system:
                continue
            # a claim without direction ("acts on serotonin") counts: the rule is about what people believe
            believed = action.direction == "unknown" and action.action.evidence == "claim"
            raises = believed or action.direction in ("increase", "mixed")
            precursor = action.action.kind is ActionKind.PRECURSOR
            if raises == asked.raises and (precursor or not asked.as_precursor):
                named.append(compound.id)
    named = list(dict.fromkeys(named))
    return tuple(named) if len(named) >= asked.at_least else ()
