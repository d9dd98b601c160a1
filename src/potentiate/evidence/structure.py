"""Findings about structure: does each scheme of the ensemble have the transition that a finding requires?"""

from __future__ import annotations

from ..kinetics.scheme import Scheme
from ..library.board import StructureDoc, structures
from ..library.ensemble import ensemble
from ..library.scheme import find_scheme
from .scoring import Sample


def samples(name: str) -> list[Sample]:
    """Return 1 for each scheme that has the structure and 0 for each that lacks it; nothing where none is asked for.

    Parameters
    ----------
    name : str
        Id of a finding of kind structure.
    """
    asked = structures().get(name)
    if asked is None:
        return []
    return [Sample(float(has(find_scheme(scheme), asked)), scheme) for scheme in ensemble().schemes]


def has(scheme: Scheme, asked: StructureDoc) -> bool:
    """Return whether a scheme has a transition of the asked role that leaves a state of one of the asked classes.

    Transitions are written either way round, so both ends are looked at.
    """
    for edge in scheme.edges:
        if edge.role != asked.role:
            continue
        ends = scheme.classes[edge.source], scheme.classes[edge.target]
        if any(end in asked.leaves for end in ends):
            return True
    return False
