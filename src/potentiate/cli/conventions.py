"""`potentiate conventions`: how every quantity is defined, and what else may be chosen."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from ..measures.conventions import CONVENTIONS, convention
from .output import Result, finish


def conventions(quantity: str | None = None, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Show the definitions in use: default, alternatives, guard, source.

    Parameters
    ----------
    quantity
        One quantity, e.g. SS/peak; all of them otherwise.
    json
        Print one JSON object.
    """
    by_lower = {name.lower(): c for c in CONVENTIONS for name in (c.quantity, c.function)}
    if quantity is None:
        chosen = list(CONVENTIONS)
        columns = ["quantity", "default", "alternatives", "guard"]
        rows = [[c.quantity, c.default, ", ".join(c.alternatives) or None, c.guard] for c in chosen]
        notes = ["The definition and source of one: potentiate conventions QUANTITY"]
    else:
        one = by_lower.get(quantity.lower()) or convention(quantity)
        chosen, columns, notes = [one], [one.quantity, "meaning"], []
        rows = [
            ["default", one.default], ["alternatives", ", ".join(one.alternatives) or None],
            ["definition", one.definition], ["guard", one.guard], ["source", one.citation],
            ["function", f"potentiate.measures.{one.function}"],
        ]  # fmt: skip
    extra = {"conventions": [dataclasses.asdict(c) for c in chosen]}
    result = Result("conventions", quantity or "all", {"quantity": quantity}, columns, rows, notes=notes, extra=extra)
    return finish(result, as_json=json, files=False)
