"""The numbers of a disposition in people: typical values, what is unknown, and what was given by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..library.disposition import Disposition
from ..mechanisms.compartments import Array
from .courses import Unknown

#: These may be unknown without stopping the course.
BESIDE = ("fu", "kpuu", "csf_ratio", "ke0")


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Numbers of people.

    Attributes
    ----------
    numbers : mapping of flat name -> array (people,)
        In L, L/h, 1/h, h; what is missing is unknown.
    unknown : mapping of flat name -> reason
    assumed : tuple of str
    """

    numbers: Mapping[str, Array]
    unknown: Mapping[str, str]
    assumed: tuple[str, ...]

    def of(self, name: str) -> Array | Unknown:
        """Return a number, or why there is none."""
        if name in self.numbers:
            return self.numbers[name]
        return Unknown(self.unknown.get(name, "not on record"))


def typical_numbers(
    disposition: Disposition,
    variant: str | None = None,
    routes: Collection[str] | None = None,
    *,
    people: int = 1,
    fix: Mapping[str, float] | None = None,
    by_weight: bool = False,
) -> Drawn:
    """Return the typical numbers of a disposition.

    Parameters
    ----------
    disposition : Disposition
    variant : str, optional
    routes : collection of str, optional
        That are used; default all.
    people : int
        Copies.
    fix : mapping of flat name -> value, optional
        Given by hand.
    by_weight : bool
        Doses are per kg, so that the body weight matters even where no number does.

    Raises
    ------
    UnknownNameError
        `fix` names what is not a number of the disposition.
    UsageError
        A value that is negative or not finite.
    """
    given = dict(fix or {})
    numbers: dict[str, Array] = {}
    unknown: dict[str, str] = {}
    assumed: list[str] = []
    known = {name for name, _ in disposition.numbers(variant)}
    every = dict(disposition.numbers(variant, routes))
    for name in given:
        if name not in known and name not in BESIDE:
            raise UnknownNameError(f"number of {disposition.id}", name, known)
        if not np.isfinite(given[name]) or given[name] < 0:
            raise UsageError(f"{name} = {given[name]!r}", where="--fix", why="not a finite number of zero or more")
    weight = given.get("body_weight", disposition.body_weight.internal())
    by_weight = by_weight or any(n.per_kg for n in every.values())
    for name, number in every.items():
        if name in given:
            value = given[name]
            assumed.append(f"{disposition.compound} {name} = {value:g}: given by hand")
        elif number.value is not None:
            value = number.internal() * (weight if number.per_kg else 1.0)
            if number.status in ("assumed", "calibrated") and (by_weight or name != "body_weight"):
                assumed.append(f"{disposition.compound} {name} = {number.show()}: {number.reason}")
        elif number.interval is not None and name not in BESIDE:
            low, high = number.internal_interval()  # type: ignore[misc]
            value = 0.5 * (low + high)
            assumed.append(
                f"{disposition.compound} {name} is unknown ({number.unknown}): "
                f"{value:g}, the middle of {low:g} to {high:g}"
            )
        else:
            unknown[name] = str(number.unknown)
            continue
        numbers[name] = np.full(people, float(value))
    for name in set(given) - set(every):  # what the document leaves out
        numbers[name] = np.full(people, float(given[name]))
        assumed.append(f"{disposition.compound} {name} = {given[name]:g}: given by hand")
    return Drawn(numbers, unknown, tuple(assumed))
