"""Who shares which parameter: from the numbers of a fit to the parameters of each cell and drug."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..kinetics.rate_map import RateParameter
from .model import SHARES, Model


@dataclasses.dataclass(frozen=True)
class FreeNumber:
    """One number of a fit.

    Attributes
    ----------
    name : str
        ``closing``, or ``closing [cell 2]`` where every cell has its own.
    parameter : RateParameter
    share : str
    applies_to : str
        "" for all, else the cell or the drug ("control" without one).
    """

    name: str
    parameter: RateParameter
    share: str
    applies_to: str


@dataclasses.dataclass(frozen=True, eq=False)
class SharingTable:
    """All numbers of a fit, and how each cell and drug takes its parameters from them.

    Attributes
    ----------
    numbers : tuple of FreeNumber
    units : tuple of (drug or None, cell)
        Combinations that occur in the data.
    take : tuple of int arrays
        For each unit, the place in `numbers` of each parameter of its rate map.
    """

    numbers: tuple[FreeNumber, ...]
    units: tuple[tuple[str | None, str], ...]
    take: tuple[np.ndarray, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers."""
        return tuple(n.name for n in self.numbers)

    @property
    def start(self) -> np.ndarray:
        """Where the search starts, on its own scale."""
        return np.array([n.parameter.inward(n.parameter.start) for n in self.numbers])

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Limits of the search, on its own scale."""
        low = np.array([n.parameter.inward(n.parameter.low) for n in self.numbers])
        return low, np.array([n.parameter.inward(n.parameter.high) for n in self.numbers])

    def rows(self) -> list[list[str]]:
        """Return the table as text: parameter, unit, shared by, start, from, to."""
        return [
            [n.name, n.parameter.unit, SHARES[n.share] if not n.applies_to else n.applies_to]
            + [f"{x:.4g}" for x in (n.parameter.start, n.parameter.low, n.parameter.high)]
            for n in self.numbers
        ]


def sharing_table(model: Model, units: list[tuple[str | None, str]]) -> SharingTable:
    """Return the sharing table of a model for the (drug, cell) combinations of the data."""
    numbers: dict[str, FreeNumber] = {}
    taken = []
    for drug, cell in units:
        names = []
        for parameter in model.rate_map(drug).parameters:
            share = model.sharing.get(parameter.name, "all")
            owner = {"all": "", "cell": cell, "drug": drug or "control"}[share]
            name = f"{parameter.name} [{owner}]" if owner else parameter.name
            numbers.setdefault(name, FreeNumber(name, parameter, share, owner))
            names.append(name)
        taken.append(names)
    order = {name: i for i, name in enumerate(numbers)}
    take = tuple(np.array([order[name] for name in names], dtype=int) for names in taken)
    return SharingTable(tuple(numbers.values()), tuple(units), take)
