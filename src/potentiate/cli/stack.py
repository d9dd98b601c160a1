"""`potentiate stack`: what a combination does, meets and promises, and what is known of each. It never recommends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish

if TYPE_CHECKING:
    from ..evidence.stack_review import StackReview


def stack(
    text: str | None = None,
    /,
    *,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    hours: float = 12.0,
    people: int = 1,
    who: str = "",
    seed: int = 1,
    species: str = "human",
    no_interactions: Annotated[bool, Parameter(negative="")] = False,
    onset: float = 0.2,
    window: float = 0.5,
    json: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
) -> int:
    """Review a stack: parts by target and system, exposure on one timeline, interactions, promises, rules, limits.

    Parameters
    ----------
    text
        Name of a stack or product on record, or parts: "caffeine 80 mg po 08:00; l-theanine 60 mg po 08:00". Doses may
        be left out: "modafinil; l-theanine".
    list_
        List the stacks on record.
    hours
        Of the timeline, from the first dose.
    people
        So many are drawn, with the spread between them that sources report.
    who
        What is said of them: "smoker, age=70", "pregnant", "takes=warfarin".
    seed
        Of the draws.
    species
        human | rat | mouse ...: whose exposure.
    no_interactions
        Leave out what the parts do to each other's exposure.
    onset, window
        Onset: first time above this share of the largest effect; window: time above that one.
    json
        Print one JSON object.
    out
        Folder for the files.
    """
    if list_ or text is None:
        if text is not None or not list_:
            raise UsageError(
                "Name a stack or --list, not both" if text else "No stack named",
                do='for example: potentiate stack roon, or potentiate stack "caffeine 80 mg po; l-theanine 60 mg po"',
            )
        return finish(_listing(), as_json=json, files=False)
    from ..evidence.dose_study import known_species
    from ..evidence.stack_review import review_stack
    from ..exposure.people_text import parse_people

    known_species(species)
    taken_by = parse_people(who, people, seed, where="--who")
    review = review_stack(
        text, taken_by, species=species, hours=hours, interactions=not no_interactions, shares=(onset, window)
    )
    inputs = {"stack": text, "people": taken_by.show(), "n": people, "hours": hours, "species": species,
              "interactions": not no_interactions, "onset": onset, "window": window}  # fmt: skip
    return finish(_result(review, inputs), as_json=json, out=out)


def _listing() -> Result:
    from ..library.compound import find_compound
    from ..library.stack import all_stacks

    rows = []
    for s in all_stacks():
        parts = ", ".join(
            find_compound(p.compound).name + (f" {p.dose_mg:g} mg" if p.dose_mg is not None else "") for p in s.parts
        )
        rows.append([s.id, s.name, str(s.goal), parts, s.source])
    return Result(
        "stack", "list", {}, ["id", "name", "goal", "parts", "source"], rows, title=f"{len(rows)} stacks",
        extra={"stacks": [{"id": r[0], "name": r[1], "goal": r[2]} for r in rows]},
    )  # fmt: skip


def _result(review: StackReview, inputs: dict[str, Any]) -> Result:
    from ..evidence.stack_rows import COLUMNS, as_dict, rows

    title = [review.asked.name, review.asked.goal, f"{len(review.parts)} parts", review.people.show()]
    return Result(
        "stack", review.asked.name, inputs, COLUMNS, rows(review), _observables(review), [], list(review.assumed),
        list(review.notes), title="   ".join(["stack", *filter(None, title)]),
        seed=review.people.seed, figure=lambda: _figure(review), short=4,
        extra={"review": as_dict(review), "references": list(review.sources)},
    )  # fmt: skip


def _observables(review: StackReview) -> list[dict[str, Any]]:
    found = [review.overlap.as_dict("prediction", {"stack": review.asked.name})]
    for effect in review.timeline.effects:
        for scenario, timing in effect.timing:
            said = {"target": str(effect.document.target), "scenario": scenario}
            found += [o.as_dict("prediction", said) for o in (timing.onset, timing.window, timing.peak)]
    return found


def _figure(review: StackReview) -> Any:
    from ..show.stack_figure import stack_figure

    return stack_figure(review)
