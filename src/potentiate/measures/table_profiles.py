"""The profile of each subject of a PK table, analysed without a compartment model."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import UsageError
from ..recordings.pk_table import PkSubject, PkTable
from .noncompartmental import Noncompartmental, Route, noncompartmental


def profiles_of(
    table: PkTable, *, route: Literal["oral", "iv"], auc: str | None = None, tau_h: float | None = None
) -> list[tuple[str, Noncompartmental]]:
    """Analyse the samples after the last dose that samples follow, subject by subject.

    Parameters
    ----------
    table : PkTable
    route : {"oral", "iv"}
    auc : str, optional
        Convention of :func:`potentiate.measures.noncompartmental.area_under_curve`.
    tau_h : float, optional
        Dosing interval; default: II of a dose at steady state, or the time to the next dose.

    Returns
    -------
    list of (str, Noncompartmental)
        What a subject does not allow carries its reason; with earlier doses nothing is extrapolated to infinity.
    """
    return [(s.id, _profile(table, s, route, auc, tau_h)) for s in table.subjects]


def _profile(table: PkTable, s: PkSubject, route: str, auc: str | None, tau_h: float | None) -> Noncompartmental:
    times = sorted({d.t_h for d in s.doses})
    after = [int(((s.t_h >= t) & (s.t_h < end)).sum()) for t, end in zip(times, [*times[1:], np.inf], strict=True)]
    # the interval with the most samples; of equals the last
    k = max(range(len(times)), key=lambda n: (after[n], n))
    begin, end = times[k], times[k + 1] if k + 1 < len(times) else np.inf
    here = [d for d in s.doses if d.t_h == begin]
    amounts, durations = sum(d.amount for d in here), {d.duration_h for d in here}
    if len(durations) > 1:
        raise UsageError(f"Subject {s.id} got an infusion and a bolus at one time", do="analyse it by a model")
    duration = durations.pop()
    steady = any(d.interval_h > 0 for d in here)
    told = tau_h or next((d.interval_h for d in here if d.interval_h > 0), None)
    tau = told or (end - begin if end < np.inf else None)
    kind: Route = "oral" if route == "oral" else "infusion" if duration > 0 else "iv bolus"
    before = times[k - 1] if k else -np.inf
    use = (s.t_h >= before) & (s.t_h <= end)
    # a sample that was recorded before the dose of its time belongs to the dose before
    place = min(d.place for d in here)
    at_dose = (s.t_h == begin) & (s.places < place)
    use &= ~at_dose | (kind == "oral")
    last = max((d.place for d in s.doses if d.t_h == end), default=np.inf)
    use &= ~((s.t_h == end) & (s.places > last))
    return noncompartmental(
        s.t_h[use], s.concentration[use], amounts, route=kind, dose_at_h=begin, duration_h=duration, tau_h=tau,
        steady_state=steady, earlier_doses=bool(k) and not steady, auc=auc,
        amount_unit=table.amount_unit, concentration_unit=table.concentration_unit, volume_unit=table.volume_unit,
    )  # fmt: skip
