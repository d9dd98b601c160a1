"""A PK table as padded arrays for a population model."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import DataError, UsageError
from ..mechanisms.pk_closed_forms import GivenDoses, Kinds, kinds_of
from ..recordings.pk_table import PkTable
from .population_model import PopulationModel


@dataclasses.dataclass(frozen=True, eq=False)
class PopulationData:
    """Doses, observations and covariates of N subjects, padded to J observations and D doses.

    Attributes
    ----------
    t_h, observed : array, shape (N, J)
    there : bool array, shape (N, J)
        False for padding.
    doses : GivenDoses
        Arrays (N, D), (N, J, D).
    offset : array, shape (N, P)
        What covariates add to the logarithm of each parameter.
    design : array, shape (N, P, thetas)
        What multiplies the fixed effects in that logarithm.
    kinds : Kinds
    table : PkTable
    """

    t_h: np.ndarray
    observed: np.ndarray
    there: np.ndarray
    doses: GivenDoses
    offset: np.ndarray
    design: np.ndarray
    kinds: Kinds
    table: PkTable

    def take(self, rows: np.ndarray) -> PopulationData:
        """Return the arrays of some subjects (repeated ones too); the table stays whole."""
        doses = GivenDoses(*(np.asarray(getattr(self.doses, n))[rows] for n in GivenDoses.__dataclass_fields__))
        return dataclasses.replace(
            self, t_h=self.t_h[rows], observed=self.observed[rows], there=self.there[rows], doses=doses,
            offset=self.offset[rows], design=self.design[rows],
        )  # fmt: skip

    @property
    def arrays(self) -> dict[str, Any]:
        """The arrays, subjects first, as the likelihood takes them."""
        d = self.doses
        return {
            "t": self.t_h, "y": self.observed, "there": self.there, "offset": self.offset, "design": self.design,
            "dose_t": d.t_h, "amount": d.amount, "duration": d.duration_h, "depot": d.depot, "interval": d.interval_h,
            "counts": d.counts,
        }  # fmt: skip


def population_data(model: PopulationModel, table: PkTable) -> PopulationData:
    """Return the arrays of a table for a model.

    Raises
    ------
    DataError
        A dose into a compartment that the model does not have; a covariate that is missing or changes; two kinds of
        units that only a molar mass joins.
    UsageError
        Fewer subjects than numbers that describe how they vary.
    """
    table.volume_unit  # noqa: B018 - says where units do not fit
    people = table.subjects
    if len(people) < 2:
        raise UsageError("One subject is no population", where=table.where, do="give several, or measure --as nca")
    if not any((s.concentration > 0).any() for s in people):
        raise DataError("All observations are 0", where=table.where, why="there is nothing to fit", do="check DV")
    n, m = len(people), max(s.t_h.size for s in people)
    d = max(len(s.doses) for s in people)
    t, y, there = np.zeros((n, m)), np.zeros((n, m)), np.zeros((n, m), dtype=bool)
    dose = {name: np.zeros((n, d)) for name in ("t", "amount", "duration", "interval")}
    depot, counts = np.zeros((n, d), dtype=bool), np.zeros((n, m, d), dtype=bool)
    oral = model.structure.endswith("oral")
    for i, s in enumerate(people):
        k = s.t_h.size
        t[i, :k], y[i, :k], there[i, :k] = s.t_h, s.concentration, True
        counts[i, :k, : len(s.doses)] = s.counts()
        for j, given in enumerate(s.doses):
            at = f"{table.where} line {given.line}"
            if given.compartment not in ((1, 2) if oral else (1,)):
                raise DataError(
                    f"A dose into compartment {given.compartment}", where=at,
                    why=f"{model.structure} has {'1 = depot, 2 = central' if oral else '1 = central'}",
                    do="correct CMT",
                )  # fmt: skip
            depot[i, j] = oral and given.compartment == 1
            if depot[i, j] and given.duration_h > 0:
                raise DataError("An infusion into the depot", where=at, why="absorption is of first order",
                                do="give CMT 2 for an infusion into the blood")  # fmt: skip
            for name, value in (("t", given.t_h), ("amount", given.amount), ("duration", given.duration_h),
                                ("interval", given.interval_h)):  # fmt: skip
                dose[name][i, j] = value
    doses = GivenDoses(dose["t"], dose["amount"], dose["duration"], depot, dose["interval"], counts)
    offset, design = np.zeros((n, len(model.parameters))), np.zeros((n, len(model.parameters), model.fixed_effects))
    for k in range(len(model.parameters)):
        design[:, k, k] = 1.0
    coefficient = len(model.parameters)
    for r in model.relations:
        constant, slope = r.values(table.covariate(r.covariate))
        row = model.parameters.index(r.parameter)
        offset[:, row] += constant
        if r.estimated:
            if np.ptp(slope) == 0:
                raise DataError(
                    f"{r.text} cannot be estimated", where=table.where,
                    why=f"{r.covariate} tells no two subjects apart in it", do="leave the relation out",
                )  # fmt: skip
            design[:, row, coefficient] = slope
            coefficient += 1
    return PopulationData(t, y, there, doses, offset, design, kinds_of(doses), table)
