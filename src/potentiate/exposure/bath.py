"""Drugs around a patch: concentration, and which of the two solutions holds them."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Literal

from ..errors import UsageError
from ..units import ABSURD_CONCENTRATION_UM

Placement = Literal["both", "agonist", "control"]

#: What the placements mean, in the words of the bench.
PLACEMENTS: dict[Placement, str] = {
    "both": "drug in both solutions, equilibrated before the pulse",
    "agonist": "drug only in the agonist solution, so it must bind during the pulse",
    "control": "pre-incubated: drug in the control solution, absent from the agonist solution",
}


@dataclasses.dataclass(frozen=True)
class Bath:
    """Constant drug concentrations and their placement.

    Attributes
    ----------
    drugs_uM : mapping of ligand -> uM
    placement : {"both", "agonist", "control"}
    """

    drugs_uM: Mapping[str, float] = dataclasses.field(default_factory=dict)
    placement: Placement = "both"

    def __post_init__(self) -> None:
        if self.placement not in PLACEMENTS:
            raise UsageError(f"Unknown placement {self.placement!r}", do=f"use one of {', '.join(PLACEMENTS)}")
        for name, value in self.drugs_uM.items():
            if not math.isfinite(value) or value < 0 or value > ABSURD_CONCENTRATION_UM:
                raise UsageError(
                    f"Concentration of {name} is {value!r} uM", why="not between 0 and 1 M", do="check the unit"
                )
        object.__setattr__(self, "drugs_uM", types.MappingProxyType(dict(self.drugs_uM)))

    def in_solution(self, solution: str) -> dict[str, float]:
        """Return the drugs that flow in a solution of the protocol."""
        holds = self.placement == "both" or (self.placement == "agonist") == (solution == "agonist")
        return dict(self.drugs_uM) if holds else dict.fromkeys(self.drugs_uM, 0.0)


NO_DRUG = Bath()
