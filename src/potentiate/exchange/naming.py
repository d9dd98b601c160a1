"""Names that every target language accepts, and that do not collide in any of them.

NEURON makes further names out of a state ``x``: ``Dx`` (its derivative) and ``x0`` (its initial value), so the states
``R`` and ``DR``, or ``s1`` and ``s10``, collide. Every state is therefore written ``p_NAME_``: no such name starts
with ``D`` or ends in a digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import UsageError

_SPELLED = {"+": "_plus", "-": "_minus", "*": "_star", "'": "_prime"}


def plain(name: str) -> str:
    """Return a name made of ASCII letters, digits and underscores.

    Examples
    --------
    >>> plain("RA2+1"), plain("C0-2"), plain("2AR (bound)")
    ('RA2_plus1', 'C0_minus2', '2AR__bound_')
    """
    spelled = "".join(_SPELLED.get(c, c) for c in name)
    return re.sub(r"[^A-Za-z0-9_]", "_", spelled)


def unique_names(names: Iterable[str], prefix: str, suffix: str = "") -> list[str]:
    """Return ``prefix + plain(name) + suffix`` for each name; letters tell apart names that would become equal.

    Equal means equal without regard to case.
    """
    taken: set[str] = set()
    out = []
    for name in names:
        body, extra = plain(name), 0
        while (candidate := f"{prefix}{body}{'_' + _letters(extra) if extra else ''}{suffix}").lower() in taken:
            extra += 1
        taken.add(candidate.lower())
        out.append(candidate)
    return out


def state_names(states: Iterable[str]) -> list[str]:
    """Return the names under which states are exported.

    Examples
    --------
    >>> state_names(["R", "R+1", "R_plus1"])
    ['p_R_', 'p_R_plus1_', 'p_R_plus1_a_']
    """
    return unique_names(states, "p_", "_")


def ligand_names(ligands: Iterable[str]) -> list[str]:
    """Return the names under which ligand concentrations are exported.

    Examples
    --------
    >>> ligand_names(["glutamate", "CX-546"])
    ['C_glutamate', 'C_CX_minus546']
    """
    return unique_names(ligands, "C_")


def model_name(name: str | None, fallback: str) -> str:
    """Return the name of the exported model: the one asked for, else one made from the scheme's name.

    Raises
    ------
    UsageError
        The name asked for is not an identifier.
    """
    if name is None:
        body = re.sub(r"_+", "_", plain(fallback)).strip("_")
        return body if body[:1].isalpha() else f"M_{body}"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UsageError(
            f"{name!r} cannot name an exported model",
            why="letters, digits and underscores, a letter first, are all that NMODL and Myokit accept",
            do=f"for example {model_name(None, name)}",
        )
    return name


def _letters(number: int) -> str:
    """Return a, b, ..., z, aa, ab, ... for 1, 2, ...: a counter without digits."""
    out = ""
    while number:
        number, rest = divmod(number - 1, 26)
        out = chr(ord("a") + rest) + out
    return out
