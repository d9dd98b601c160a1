"""Sweeps by cell and setting: all that the comparison of mechanisms needs to know of the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import UsageError
from .experiment import Experiment
from .setting import Setting


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One sweep.

    Attributes
    ----------
    cell : str
    setting : int
    order : int
        Place among the sweeps of its cell.
    values : array, shape (bins,)
        pA; NaN where not used.
    name : str
        Where it came from.
    """

    cell: str
    setting: int
    order: int
    values: np.ndarray
    name: str


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """The sweeps of one cell in one setting: how many, their mean, how they scatter, their mean place."""

    cell: str
    setting: int
    n: int
    mean: np.ndarray
    scatter: np.ndarray
    order: float


class Tally:
    """Sweeps by cell and setting; grows while recording goes on.

    Parameters
    ----------
    settings : sequence of Setting
        Known beforehand (a menu); others are added as they come.
    """

    def __init__(self, settings: Sequence[Setting] = ()) -> None:
        self.settings: list[Setting] = list(settings)
        self._place = {s.key: k for k, s in enumerate(self.settings)}
        self.rows: list[Row] = []

    def add(self, experiment: Experiment) -> list[int]:
        """Add the sweeps of an experiment; return their settings.

        Raises
        ------
        UsageError
            A second drug.
        """
        used, places = experiment.used, []
        for s in range(len(experiment.baths)):
            experiment.drug(s)  # refuses mixtures
            setting = Setting.of(experiment, s)
            k = self._place.get(setting.key)
            if k is None:
                k = self._place[setting.key] = len(self.settings)
                self.settings.append(setting)
            places.append(k)
            order = sum(r.cell == experiment.cell for r in self.rows)
            values = self.settings[k].binned(experiment.recording.sweeps[s], used[s])
            name = str(experiment.recording.provenance.get("file", experiment.cell))
            self.rows.append(Row(experiment.cell, k, order, values, name))
        drugs = self.drugs
        if len(drugs) > 1:
            raise UsageError(
                f"{len(drugs)} drugs in one comparison", why=", ".join(drugs), do="compare one drug at a time"
            )
        return places

    @staticmethod
    def of(experiments: Iterable[Experiment], settings: Sequence[Setting] = ()) -> Tally:
        """Return the tally of some experiments."""
        tally = Tally(settings)
        for e in experiments:
            tally.add(e)
        return tally

    @property
    def cells(self) -> list[str]:
        """Cells in the order of their first sweep."""
        return list(dict.fromkeys(r.cell for r in self.rows))

    @property
    def drugs(self) -> list[str]:
        """Drugs that occur in recorded sweeps."""
        return list(dict.fromkeys(d for r in self.rows if (d := self.settings[r.setting].drug)))

    def blocks(self, cells: Sequence[str] | None = None) -> list[Block]:
        """Return the sweeps of each cell and setting together."""
        found: dict[tuple[str, int], list[Row]] = {}
        for r in self.rows:
            if cells is None or r.cell in cells:
                found.setdefault((r.cell, r.setting), []).append(r)
        centre = {c: np.mean([r.order for r in self.rows if r.cell == c]) for c in self.cells}
        made = []
        for (cell, k), rows in found.items():
            values = np.array([r.values for r in rows])
            mean = values.mean(axis=0)
            order = float(np.mean([r.order for r in rows]) - centre[cell])
            made.append(Block(cell, k, len(rows), mean, values - mean, order))
        return made
