"""Effects that a course can be compared with: the concentrations of 20 % and 50 % of an effect, and in which matrix."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .marks import STANDINGS, Mark

#: kinds of mark with a half-effective concentration, best first
_KINDS = ("effect", "constant", "binding")

#: how effects that were measured in a dish are compared with a body
ASSUMED_HILL = "EC20 is a quarter of EC50: one molecule per site (Hill slope 1)"
ASSUMED_FREE = (
    "a constant measured in vitro is compared with the unbound concentration in plasma, as if brain held the same"
)
ASSUMED_TOTAL = "the unbound fraction is unknown: total plasma stands for it, the most that it can be"


@dataclasses.dataclass(frozen=True)
class EffectLine:
    """One effect with a half-effective concentration.

    Attributes
    ----------
    mark : Mark
        The record.
    matrix : str
        ``plasma``, ``free``, ``brain`` or ``csf``: the concentration that is compared.
    """

    mark: Mark
    matrix: str

    @property
    def compound(self) -> str:
        """Return the id of what acts."""
        return self.mark.compound

    @property
    def ec50_uM(self) -> float:
        """Return the half-effective concentration; the geometric middle of a range."""
        return self.mark.middle_uM

    @property
    def short(self) -> str:
        """Return the effect in a few words."""
        target = (self.mark.target or "").removesuffix(" receptor")
        word = {"constant": "model", "binding": "binding", "effect": "effect"}[self.mark.kind]
        return f"{target} ({word}{', secondary' if self.mark.standing == 'secondary' else ''})"

    def level(self, share: float) -> float:
        """Return the concentration of a share of the full effect, uM, for a Hill slope of 1."""
        return self.ec50_uM * share / (1.0 - share)


def effect_lines(
    marks: Sequence[Mark], *, target: str | None = None, every: bool = False, matrix: str | None = None,
    free_known: Sequence[str] = (),
) -> list[EffectLine]:  # fmt: skip
    """Return the effects that courses are compared with.

    Parameters
    ----------
    marks : sequence of Mark
    target : str, optional
        Only effects at this target.
    every : bool
        All records; by default the best one for each compound and target: measured effects before constants of a
        model, these before binding, what was read before what is second-hand.
    matrix : str, optional
        Compare with this one, whatever was measured.
    free_known : sequence of str
        Compounds with a known unbound fraction.
    """
    found = [m for m in marks if m.known and m.half and m.kind in _KINDS and target in (None, m.target)]
    found.sort(key=lambda m: (_KINDS.index(m.kind), m.matrix != "plasma", STANDINGS.index(m.standing), m.low_uM))
    if not every:
        best: dict[tuple[str, str | None], Mark] = {}
        for m in found:
            best.setdefault((m.compound, m.target), m)
        found = list(best.values())
    return [EffectLine(m, matrix or _matrix(m, m.compound in free_known)) for m in found]


def _matrix(mark: Mark, free: bool) -> str:
    return "plasma" if mark.matrix == "plasma" or not free else "free"
