"""A review of a stack as one table, and as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from ..exposure.interaction import Interaction
from ..library.partner import all_partners
from ..measures.observable import Observable
from .stack_limits import label_folds
from .stack_review import StackReview
from .stack_systems import SystemAction
from .stack_windows import present_from_to

COLUMNS = ("about", "what", "answer", "because")
Row = tuple[str, str, str, str]
Sourced = tuple[str, str, str, str, str]

#: So many records are written out in one cell; all are in the results file.
SHOWN = 3


def rows(review: StackReview) -> list[Row]:
    """Return the review as rows of :data:`COLUMNS`; the sources of a row stand in brackets at its end."""
    return [
        (about, what, answer, f"{because} [{source}]" if source else because)
        for about, what, answer, because, source in _rows_of(review)
    ]


def _rows_of(review: StackReview) -> list[Sourced]:
    return [
        *_parts(review), *_does(review), *_timed(review), *_together(review), *_meets(review), *_promises(review),
        *_goals(review), *_rules(review), *_limits(review), *_use(review), *_status(review), *_possible(review),
        *_hazards(review),
    ]  # fmt: skip


def _parts(review: StackReview) -> Iterator[Sourced]:
    courses, folds = {c.compound: c for c in review.timeline.courses}, label_folds(review.parts)
    for part in review.parts:
        course = courses[part.compound.id]
        if course.unknown is not None:
            said = f"exposure unknown: {course.unknown}"
        else:
            span = present_from_to(course, review.timeline.t_h)
            first, last = (h - review.timeline.start_h for h in span or (0.0, 0.0))
            height = f"peak {course.peak:.3g} uM, " if course.unit == "uM" else "only the shape is known, "
            said = f"{height}above half of its peak from {first:.2g} to {last:.2g} h"
        fold = folds.get(part.compound.id)
        if fold is not None:
            said += f"; products held {fold[0]:g} to {fold[1]:g} times their label, which is not in the exposure"
        yield "part", part.compound.name, part.show_dose(), said, part.source or ""


def _does(review: StackReview) -> Iterator[Sourced]:
    for part in review.parts:
        mine = [a for a in review.does if a.compound == part.compound.id]
        for action in mine:
            yield _action(part.compound.name, action)
        if not mine:
            reasons = [a.unknown for a in part.compound.actions if a.unknown] or [
                part.compound.unknown.get("actions", "")
            ]
            yield "does", part.compound.name, "unknown", next(filter(None, reasons), "no action on record"), ""


def _action(name: str, a: SystemAction) -> Sourced:
    because = f"{a.action.kind} at {a.action.target}: {a.action.effect}; {a.strength()}"
    return "does", f"{name}: {a.system}", f"{a.direction} ({a.action.evidence})", because, ", ".join(a.action.sources)


def _timed(review: StackReview) -> Iterator[Sourced]:
    for effect in review.timeline.effects:
        what = f"{effect.document.target} by {', '.join(effect.parts)}"
        if effect.unknown is not None:
            yield "effect", what, "unknown", effect.unknown, ""
            continue
        assert effect.high is not None
        assert effect.low is not None
        most = f"{effect.low.max():.2g} to {effect.high.max():.2g} of the target at most"
        if effect.one_sided is not None:
            yield "effect", what, most, effect.one_sided, ""
            continue
        onsets, spans = [w.onset for _, w in effect.timing], [w.window for _, w in effect.timing]
        many = f" (over {len(effect.timing)} readings of what is not known)" if len(effect.timing) > 1 else ""
        yield "effect", what, most, f"onset {_span(onsets, 60, 'min')}, window {_span(spans, 1, 'h')}{many}", ""
    o = review.overlap
    said = f"{o.value:.2g} h" if o.known else "not determined"
    yield "overlap", "all parts at once", said, "; ".join(filter(None, [o.convention, o.reason])), ""


def _span(found: Sequence[Observable], scale: float, unit: str) -> str:
    known = sorted(o.value * scale for o in found if o.ok)
    if len(known) < len(found):
        return next(o.reason or o.status for o in found if not o.ok)
    low, high = f"{known[0]:.3g}", f"{known[-1]:.3g}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _together(review: StackReview) -> Iterator[Sourced]:
    for i in review.interactions:
        because = f"{_worst(i)}{i.size}; {i.mechanism} ({i.evidence})"
        yield "interaction", i.title, _grade(i), because, ", ".join(i.sources)
    if not review.interactions:
        yield "interaction", "between the parts", "none on record", "which is not evidence that there is none", ""


def _grade(i: Interaction) -> str:
    return f"{i.grade} or {i.worst}" if i.worst else i.grade


def _worst(i: Interaction) -> str:
    return f"{i.worst} when {i.worst_when}: " if i.worst else ""


def _meets(review: StackReview) -> Iterator[Sourced]:
    for m in review.meets:
        word = "opposing" if m.opposing else "doubling"
        answer = "on record" if m.on_record else "by claim or at one side only"
        yield word, m.what, answer, ", ".join(f"{c} {d} ({e})" for c, d, e in m.actions), ""


def _promises(review: StackReview) -> Iterator[Sourced]:
    for a in review.promises:
        yield "promise", a.promise.text, a.word, " | ".join(a.because), ""


def _goals(review: StackReview) -> Iterator[Sourced]:
    for goal, evidence in review.goals:
        for e in evidence:
            said = "; ".join(r.show() for r in e.records[:SHOWN])
            more = f"; and {len(e.records) - SHOWN} more" if len(e.records) > SHOWN else ""
            because = f"{e.show()}: {said}{more}" if e.records else e.show()
            word = f"{e.word}, certainty {e.certainty}" if e.certainty else e.word
            yield "evidence", f"{goal}: {e.about}", word, because, ", ".join(r.finding.id for r in e.records[:SHOWN])


def _rules(review: StackReview) -> Iterator[Sourced]:
    for a in review.rules:
        rule = a.rule
        asked = (
            ""
            if a.met is None
            else "; the stack does what it asks"
            if a.met
            else "; the stack does not do what it asks"
        )
        records = " | ".join(f"{r.says}{'' if r.direct else ', indirect'}: {r.design}: {r.text}" for r in rule.records)
        because = f"by {', '.join(a.by)}{asked}. {rule.statement}: {records or rule.searched}"
        keys = [rule.source, *(r.source for r in rule.records if r.source)]
        yield "rule", rule.title, rule.word, because, ", ".join(dict.fromkeys(keys))


def _limits(review: StackReview) -> Iterator[Sourced]:
    for c in review.limits:
        lim = c.limit
        year = f" {lim.year}" if lim.year else ""
        what = f"{lim.of}: {lim.amount_mg:g} mg, {lim.per} ({lim.authority}{year}, {lim.who})"
        if c.counted_mg is None or c.taken_mg is None:
            because = c.text
        else:
            low, high = c.counted_mg
            counted = f"{low:.3g}" if abs(high - low) < 1e-9 else f"{low:.3g} to {high:.3g}"
            because = f"{c.taken_mg:.3g} mg taken, counts as {counted} mg: {c.text}"
        yield "limit", what, c.answer, because, lim.source


def _use(review: StackReview) -> Iterator[Sourced]:
    for part in review.parts:
        onset = part.compound.onset
        if onset is not None:
            word = f"weeks {onset.weeks[0]:g} to {onset.weeks[1]:g}" if onset.weeks else onset.speed
            yield "onset", part.compound.name, word, onset.text, ", ".join(onset.sources)
    for part in review.parts:
        for t in part.compound.tolerance:
            days = f", days {t.days[0]:g} to {t.days[1]:g}" if t.days else ""
            yield "tolerance", f"{part.compound.name}: {t.of}", f"{t.word}{days}", t.text, ", ".join(t.sources)


def _status(review: StackReview) -> Iterator[Sourced]:
    for topic in ("sport", "legal"):
        for part in review.parts:
            for s in part.compound.status:
                if s.topic == topic and s.standing is not None:
                    yield topic, f"{part.compound.name}, {s.where}", s.standing, f"{s.text}; read {s.read}", s.source


def _possible(review: StackReview) -> Iterator[Sourced]:
    partners = all_partners()
    for i in review.possible:
        sides = [[partners[m].name if m in partners else m for m in side] for side in i.missing]
        with_what = " and ".join(" or ".join(side) for side in sides)
        because = f"{i.title}: {_worst(i)}{i.size} ({i.evidence})"
        yield "if with", f"{', '.join(i.members)} + {with_what}", _grade(i), because, ", ".join(i.sources)


def _hazards(review: StackReview) -> Iterator[Sourced]:
    for part in review.parts:
        for h in part.compound.hazards:
            yield h.about, part.compound.name, h.severity, f"{h.text} ({h.evidence})", ", ".join(h.sources)
    for text in review.without_support:
        name, _, rest = text.partition(": ")
        yield "no support", name, "no supported effect", rest.removeprefix("no supported effect: "), ""
    for text in review.person:
        covariate, _, rest = text.partition(": ")
        kind, _, rest = rest.partition(": ")
        yield "person", covariate, kind, rest, ""


def as_dict(review: StackReview) -> dict[str, Any]:
    """Return the review as plain data."""
    return {
        "stack": review.asked.name,
        "goal": review.asked.goal,
        "source": review.asked.source,
        "people": review.people.show(),
        "parts": [
            {"compound": p.compound.id, "dose": p.show_dose(), "doses_mg": [d.amount_mg for d in p.doses],
             "exposure": c.unknown or "followed", "unit": c.unit, "peak": c.peak}
            for p, c in zip(review.parts, review.timeline.courses, strict=True)
        ],
        "does": [
            {"compound": a.compound, "system": a.system, "direction": a.direction, "target": a.action.target,
             "kind": a.action.kind, "evidence": a.action.evidence, "strength": a.strength(), "effect": a.action.effect,
             "sources": a.action.sources}
            for a in review.does
        ],
        "meets": [
            {"what": m.what, "opposing": m.opposing, "on_record": m.on_record, "actions": m.actions}
            for m in review.meets
        ],
        "windows": [dataclasses.asdict(w) for w in review.windows],
        "interactions": [_interaction(i) for i in review.interactions],
        "possible_interactions": [_interaction(i) for i in review.possible],
        "rules": [
            {"rule": a.rule.id, "says": a.rule.says, "by": a.by, "met": a.met, "word": a.rule.word,
             "records": [r.model_dump(exclude_none=True) for r in a.rule.records]}
            for a in review.rules
        ],
        "limits": [
            {"of": c.limit.of, "limit_mg": c.limit.amount_mg, "per": c.limit.per, "who": c.limit.who,
             "authority": c.limit.authority, "taken_mg": c.taken_mg, "counted_mg": c.counted_mg, "answer": c.answer,
             "text": c.text}
            for c in review.limits
        ],
        "promises": [
            {"promise": a.promise.text, "kind": a.promise.kind, "word": a.word, "because": a.because, "keys": a.keys}
            for a in review.promises
        ],
        "evidence": [
            {"goal": goal, "about": e.about, "word": e.word, "certainty": e.certainty, "counts": e.counts(),
             "findings": [r.finding.id for r in e.records]}
            for goal, evidence in review.goals
            for e in evidence
        ],
        "no_supported_effect": list(review.without_support),
        "person": list(review.person),
    }  # fmt: skip


def _interaction(i: Interaction) -> dict[str, Any]:
    names = ("id", "title", "members", "missing", "grade", "worst", "worst_when", "kind", "evidence", "size", "sources")
    return {name: getattr(i, name) for name in names}
