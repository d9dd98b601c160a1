"""Marks of the concentration ruler that simulated courses give: the peak in plasma, free, in CSF and in brain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..exposure.courses import Exposure, Unknown
from .marks import Mark, unknown_mark

_MATRIX = (("plasma", "plasma"), ("free plasma", "free"), ("CSF", "csf"), ("brain", "brain"))


def exposure_marks(compound: str, exposure: Exposure) -> Iterator[Mark]:
    """Yield the marks of one compound or metabolite.

    Parameters
    ----------
    compound : str
        Id.
    exposure : Exposure
        With several people a mark spans their 5th to 95th percentile of peaks.

    Yields
    ------
    Mark
        For every matrix, known or unknown; nothing where the compound is not part of the exposure.
    """
    if compound in exposure.unknown:
        for matrix, _ in _MATRIX:
            yield unknown_mark(
                compound, "exposure", matrix, "simulated peak", exposure.unknown[compound], species=exposure.species
            )
        return
    course = exposure.courses.get(compound)
    if course is None:
        return
    text = exposure.regimen.text if len(exposure.regimen.compounds) == 1 else ""
    if not text:  # only what leads to this analyte
        doses = exposure.regimen.of(course.parent)
        first = doses[0]
        text = f"{first.amount_mg:g} mg{'/kg' if first.per_kg else ''} {first.route}"
        text += f" and {len(doses) - 1} more" if len(doses) > 1 else ""
    for matrix, name in _MATRIX:
        values = course.in_matrix(name)
        what = "unbound peak" if name in ("brain", "free") else "peak"
        what = f"{what} of {text}"
        if isinstance(values, Unknown):
            yield unknown_mark(compound, "exposure", matrix, what, values.reason, species=exposure.species)
            continue
        peaks = values.max(axis=1)
        low, high = np.percentile(peaks, (5, 95)) if len(peaks) > 1 else (peaks[0], peaks[0])
        if not high > 0:
            yield unknown_mark(compound, "exposure", matrix, what, "nothing of it arrives", species=exposure.species)
            continue
        who = f"5 to 95 % of {len(peaks)} people" if len(peaks) > 1 else "typical person"
        yield Mark(compound, "exposure", matrix, what, max(float(low), 1e-9 * float(high)), float(high), None,
                   exposure.species, course.sources, "simulated", who)  # fmt: skip
