"""Receptor compositions as text: ``GluA1i``, ``GluA2o(Q)``, ``GluA1/GluA2 flop + gamma-2``."""

from __future__ import annotations

import dataclasses
import re

from ..errors import UnknownNameError, UsageError, nearest

SUBUNITS = ("GluA1", "GluA2", "GluA3", "GluA4")
AUXILIARIES = (
    "gamma-2", "gamma-3", "gamma-4", "gamma-5", "gamma-7", "gamma-8", "CNIH-2", "CNIH-3", "CKAMP44", "GSG1L",
)  # fmt: skip

_OLD_LETTERS = {"A": "1", "B": "2", "C": "3", "D": "4"}
_NAMES = (*SUBUNITS, *(f"{s}{v}" for s in SUBUNITS for v in "io"))
_SUBUNIT = re.compile(
    r"^(?P<family>glu[ra]|glur-?|gria)-?(?P<number>[1-9a-h])\s*(?P<splice>i|o|flip|flop)?"
    r"\s*(?:\(\s*(?P<editing>[a-z])\s*\))?$",
    re.IGNORECASE,
)
_AUXILIARY = re.compile(r"^(?:tarp)?\s*(?:gamma|γ|g)[\s-]*(?P<number>\d)$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, order=True)
class Subunit:
    """One kind of subunit.

    Attributes
    ----------
    number : int
        1 to 4.
    splice : {"i", "o", ""}
        Flip, flop, or not stated.
    editing : {"R", "Q", ""}
        Q/R site of GluA2; the others are always Q and leave it empty.
    """

    number: int
    splice: str = ""
    editing: str = ""

    def __str__(self) -> str:
        return f"GluA{self.number}{self.splice}" + (f"({self.editing})" if self.editing else "")


@dataclasses.dataclass(frozen=True)
class Composition:
    """Kinds of subunits (a homomer has one) and auxiliary subunits, sorted."""

    subunits: tuple[Subunit, ...]
    auxiliaries: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " + ".join(["/".join(str(s) for s in self.subunits), *self.auxiliaries])

    @property
    def numbers(self) -> tuple[int, ...]:
        """Subunit numbers."""
        return tuple(s.number for s in self.subunits)

    @property
    def calcium_permeable(self) -> bool:
        """Whether edited GluA2 is absent."""
        return not any(s.number == 2 and s.editing == "R" for s in self.subunits)

    def covers(self, other: Composition) -> bool:
        """Whether this composition, with what it leaves open, describes `other`."""
        if self.auxiliaries != other.auxiliaries or self.numbers != other.numbers:
            return False
        return all(
            a.splice in ("", b.splice) and (a.editing in ("", b.editing))
            for a, b in zip(self.subunits, other.subunits, strict=True)
        )

    @property
    def open_choices(self) -> int:
        """How many splice and editing choices are left open."""
        return sum((not s.splice) + (s.number == 2 and not s.editing) for s in self.subunits)


def parse_composition(text: str) -> Composition:
    """Parse a composition, leaving open what the text does not say.

    Parameters
    ----------
    text : str
        Kinds of subunits separated by ``/``, each with ``i``/``o`` or ``flip``/``flop``, GluA2 with ``(Q)``
        or ``(R)``; a trailing ``flip`` or ``flop`` holds for all that have none; auxiliary subunits after
        ``+``.

    Returns
    -------
    Composition

    Raises
    ------
    UnknownNameError
        A subunit or auxiliary subunit that does not exist, with the nearest names.
    UsageError
        Nothing to read, a subunit given twice, more than four kinds, editing of a subunit that is not edited.

    Examples
    --------
    >>> str(parse_composition("GluA1/GluA2 flop + gamma-2"))
    'GluA1o/GluA2o + gamma-2'
    """
    shown = str(text)
    head, *tail = (part.strip() for part in shown.split("+"))
    common = ""
    pieces = [piece.strip() for piece in head.split("/")]
    if trailing := re.fullmatch(r"(.*\S)\s+(flip|flop)", pieces[-1], re.IGNORECASE):
        common = trailing.group(2).lower()[2]  # fl-i-p, fl-o-p
    if not head or not all(pieces):
        raise UsageError(
            f"Cannot read {shown!r} as a receptor",
            why="a subunit is missing",
            do="write it like GluA1i/GluA2i(R)",
        )
    subunits = [_subunit(piece, shown) for piece in pieces]
    if common:
        subunits = [dataclasses.replace(s, splice=s.splice or common) for s in subunits]
    if len(subunits) > 4:
        raise UsageError(
            f"{shown!r} names {len(subunits)} kinds of subunits", why="the receptor is a tetramer"
        )
    if len({(s.number) for s in subunits}) < len(subunits):
        raise UsageError(
            f"{shown!r} names a subunit twice",
            why="mixtures of flip and flop of one subunit have no published table",
            do="write it like GluA1i/GluA2i(R)",
        )
    auxiliaries = tuple(sorted(dict.fromkeys(_auxiliary(name, shown) for name in tail)))
    return Composition(tuple(sorted(subunits)), auxiliaries)


def _subunit(piece: str, whole: str) -> Subunit:
    match = _SUBUNIT.match(piece)
    number = _OLD_LETTERS.get(match["number"].upper(), match["number"]) if match else ""
    if match is None or number not in "1234":
        raise _unknown("subunit", piece, _NAMES, whole)
    splice = (match["splice"] or "").lower()
    splice = splice[2] if len(splice) > 1 else splice
    editing = (match["editing"] or "").upper()
    if editing and number != "2":
        if editing != "Q":
            raise UsageError(
                f"GluA{number} is not edited at the Q/R site", where=repr(whole),
                why="only GluA2 carries R there",
                do=f"write GluA{number}{splice}",
            )  # fmt: skip
        editing = ""
    if editing not in ("", "Q", "R"):
        raise UsageError(f"Unknown editing ({editing}) of GluA2", where=repr(whole), do="write (Q) or (R)")
    return Subunit(int(number), splice, editing)


def _auxiliary(name: str, whole: str) -> str:
    known = {a.lower(): a for a in AUXILIARIES}
    known |= {a.lower().replace("-", ""): a for a in AUXILIARIES} | {
        "stargazin": "gamma-2",
        "cornichon-2": "CNIH-2",
    }
    match = _AUXILIARY.match(name)
    plain = f"gamma-{match['number']}" if match else name.lower().strip()
    if plain not in known:
        raise _unknown("auxiliary subunit", name, AUXILIARIES, whole)
    return known[plain]


def _unknown(kind: str, name: str, valid: tuple[str, ...], whole: str) -> UnknownNameError:
    close = nearest(name, valid)
    error = UnknownNameError(kind, name, valid, do=f"use one of {', '.join(close or valid[:10])}")
    error.where = repr(whole)
    return error


def complete(composition: Composition) -> tuple[Composition, tuple[str, ...]]:
    """Fill in what a composition leaves open.

    Returns
    -------
    (Composition, tuple of str)
        Every splice form and editing stated, and what was assumed to get there.
    """
    assumed, subunits = [], []
    for s in composition.subunits:
        if not s.splice:
            s = dataclasses.replace(s, splice="i")
            assumed.append(f"GluA{s.number} flip: the splice form was not given")
        if s.number == 2 and not s.editing:
            s = dataclasses.replace(s, editing="R")
            assumed.append("GluA2 edited (R): editing was not given; nearly all native GluA2 is edited")
        subunits.append(s)
    if len(subunits) > 1:
        assumed.append(
            "equal parts of the kinds of subunits: the stoichiometry does not enter any published scheme"
        )
    return Composition(tuple(subunits), composition.auxiliaries), tuple(assumed)
