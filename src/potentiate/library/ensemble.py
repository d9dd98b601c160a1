"""The ensemble of schemes over which verdicts are formed."""

from __future__ import annotations

import functools

from .document import LIBRARY, Document, load


class CriterionDoc(Document):
    """Range of a drug-free observable of real receptors."""

    low: float
    high: float
    unit: str
    source: str


class EnsembleDocument(Document):
    """Which schemes, by which criteria, and why the others are left out."""

    id: str
    criteria: dict[str, CriterionDoc]
    schemes: list[str]
    excluded: dict[str, str]


@functools.cache
def ensemble() -> EnsembleDocument:
    """Return the ensemble document."""
    return load(LIBRARY / "parameters" / "ensemble.yaml", EnsembleDocument)[0]
