"""The static model where in-vitro constants are on record: what is left of an enzyme in the gut, by laboratory."""

from __future__ import annotations

import dataclasses

from ..errors import UsageError
from ..library.interaction import InteractionDoc
from ..mechanisms.enzyme_inhibition import activity_left, auc_ratio


@dataclasses.dataclass(frozen=True)
class GutActivity:
    """What an estimate of the concentration in the gut leaves of one enzyme.

    Attributes
    ----------
    enzyme, source : str
    constant : str
        ``Ki`` or ``IC50``, with its value.
    activity : float
        Relative to no inhibitor.
    """

    enzyme: str
    source: str
    constant: str
    activity: float

    def auc_ratio(self, gut_escape: float) -> float:
        """Return the AUC ratio of a drug of which a fraction escapes this enzyme in the gut wall (Fg).

        Nothing is assumed of the liver: no unbound concentration in plasma is on record.

        Raises
        ------
        UsageError
            A fraction that is not above zero and at most one.
        """
        if not 0 < gut_escape <= 1:
            raise UsageError(
                f"A fraction of {gut_escape:g} that escapes the gut wall", do="give one above 0, at most 1"
            )
        return float(auc_ratio(0.0, 1.0, gut_escape=gut_escape, gut_activity=self.activity))


def gut_activities(doc: InteractionDoc, dose_mg: float | None = None) -> list[GutActivity]:
    """Return the static model of an interaction by enzyme and laboratory.

    Parameters
    ----------
    doc : InteractionDoc
        With in-vitro constants and an estimate of the concentration in the gut.
    dose_mg : float, optional
        The estimate is scaled to it; default the dose of the estimate.

    Returns
    -------
    list of GutActivity
        Empty where the document has no constants.

    Raises
    ------
    UsageError
        A dose that is not above zero.
    """
    if doc.gut is None:
        return []
    if dose_mg is not None and not dose_mg > 0:
        raise UsageError(f"A dose of {dose_mg:g} mg", do="give one above zero")
    concentration = doc.gut.concentration * (1.0 if dose_mg is None else dose_mg / doc.gut.dose_mg)
    found = []
    for entry in doc.in_vitro:
        if entry.unit != doc.gut.unit:
            continue
        constant = entry.Ki if entry.Ki is not None else entry.IC50
        assert constant is not None
        name = f"{'Ki' if entry.Ki is not None else 'IC50'} {constant:g} {entry.unit}"
        found.append(GutActivity(entry.enzyme, entry.source, name, float(activity_left(concentration, constant))))
    return found
