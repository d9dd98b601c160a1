"""What daily use of a stack does to its effects, as far as a model of tolerance is on record: of caffeine only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..exposure.expose import expose
from ..exposure.people import TYPICAL, People
from ..exposure.regimen import Dose, Regimen
from ..library.effect import ToleranceDoc, effect_ids, find_effect
from ..preparations.subject_effects import tolerance_of
from .stack_timeline import Scenario

DAYS = 7
STEP_H = 0.25


def tolerance_lines(
    doses: Sequence[Dose], scenario: Scenario, people: People = TYPICAL, *, species: str = "human", days: int = DAYS
) -> list[str]:
    """Return what is left of each effect after days of the same doses, one line for every model of tolerance.

    Parameters
    ----------
    doses : sequence of Dose
        Of one day, of parts that can be followed.
    scenario : Scenario
        One reading of what is not known.
    people : People
    species : str
    days : int
    """
    taken = {d.compound for d in doses}
    documents = [d for d in map(find_effect, effect_ids()) if isinstance(d, ToleranceDoc) and d.compound in taken]
    if not documents or species != "human" or any(d.steady_interval_h for d in doses):
        return []
    first = min(d.time_h for d in doses)
    repeated = tuple(
        dataclasses.replace(d, time_h=d.time_h + 24.0 * k)
        for k in range(days)
        for d in doses
        if d.time_h < first + 24.0
    )
    t_h = first + STEP_H * np.arange(round(24.0 * days / STEP_H) + 1)
    exposure = expose(
        Regimen(repeated), people, species=species, t_h=t_h, fix=scenario.fix, interactions=scenario.interactions
    )
    lines = []
    for document in documents:
        effect = tolerance_of(exposure, document.id)
        what = f"simulated, {days} days of these doses, {document.endpoint}"
        if effect.unknown is not None:
            lines.append(f"{what}: unknown: {effect.unknown}")
            continue
        last = effect.typical()[t_h >= t_h[-1] - 24.0]
        ends = f"{last.min():.2f} to {last.max():.2f}"
        left = "receptors relative to before" if document.endpoint.endswith("receptors") else "of the effect is left"
        lines.append(f"{what}: {ends} {left} on the last day ({effect.label})")
    return lines
