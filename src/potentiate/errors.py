"""The error families. Every error says what, where, why and what to do, in the user's words.

Exit codes by kind: 2 usage, 3 input data, 4 numerical failure, 5 validation outside tolerance.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PotentiateError(Exception):
    """Base of all errors that a user can meet.

    Parameters
    ----------
    what : str
        What is wrong, in one clause.
    where : str, optional
        File, document path, command option or object in which it was found.
    why : str, optional
        The reason, with the offending value.
    do : str, optional
        What the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.why, self.do = what, where, why, do

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"  where: {self.where}")
        if self.why:
            parts.append(f"  why:   {self.why}")
        if self.do:
            parts.append(f"  do:    {self.do}")
        return "\n".join(parts)


class UsageError(PotentiateError):
    """The request itself is wrong (unknown name, bad option, absurd value)."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that the library does not know; carries the nearest valid names."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], *, do: str = "") -> None:
        self.nearest = nearest(name, valid)
        hint = f"closest: {', '.join(self.nearest)}" if self.nearest else "no similar name"
        super().__init__(f"Unknown {kind} {name!r}", why=hint, do=do)


class NoPharmacologyError(UsageError):
    """The entity is known but nothing about its action is on record, so nothing is predicted."""


class DataError(PotentiateError):
    """An input file or document cannot be used."""

    exit_code = 3


class DocumentError(DataError):
    """A library document breaks a rule; names the file, the line and the path in the document."""


class RecordingError(DataError):
    """A recording cannot be read, or its content is not what it claims."""


class NumericalError(PotentiateError):
    """A computation failed; never replaced by a good-looking number."""

    exit_code = 4


class ValidationError(PotentiateError):
    """Model and findings disagree beyond tolerance."""

    exit_code = 5


def nearest(name: str, valid: Iterable[str], n: int = 4) -> list[str]:
    """Return up to `n` names of `valid` that look like `name` (case ignored), best first."""
    by_lower = {}
    for candidate in valid:
        by_lower.setdefault(candidate.lower(), candidate)
    hits = difflib.get_close_matches(name.lower(), by_lower, n=n, cutoff=0.6)
    return [by_lower[h] for h in hits]
