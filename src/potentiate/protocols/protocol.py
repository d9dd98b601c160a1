"""A protocol: what the experimenter switches during a sweep (solutions, voltage), in segments of time."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping

from ..errors import UsageError


@dataclasses.dataclass(frozen=True)
class Transient:
    """A ligand that decays exponentially from the start of a segment, on top of the solution."""

    ligand: str
    peak_uM: float
    tau_ms: float


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stretch of time in one solution at one voltage.

    Attributes
    ----------
    duration_ms : float
    solution : str
        Name of one of the protocol's solutions.
    transients : tuple of Transient
        Ligand released at the start of the segment.
    """

    duration_ms: float
    solution: str = "control"
    transients: tuple[Transient, ...] = ()


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Segments of time x solutions, with the times that measures need.

    Attributes
    ----------
    name : str
    segments : tuple of Segment
    solutions : mapping of solution -> mapping of ligand -> uM
        What flows in each barrel; drugs come from the exposure.
    marks : mapping of str -> float
        Times in ms: ``on``, ``off``, ``on2``, ``off2`` ...
    dt_ms : float
        Sampling interval.
    """

    name: str
    segments: tuple[Segment, ...]
    solutions: Mapping[str, Mapping[str, float]]
    marks: Mapping[str, float]
    dt_ms: float = 0.02

    def __post_init__(self) -> None:
        for segment in self.segments:
            if segment.solution not in self.solutions:
                raise UsageError(f"Protocol {self.name}: unknown solution {segment.solution!r}")
            if not (segment.duration_ms > 0 and math.isfinite(segment.duration_ms)):
                raise UsageError(f"Protocol {self.name}: a segment needs a positive duration")
        frozen = {k: types.MappingProxyType(dict(v)) for k, v in self.solutions.items()}
        object.__setattr__(self, "solutions", types.MappingProxyType(frozen))
        object.__setattr__(self, "marks", types.MappingProxyType(dict(self.marks)))

    @property
    def duration_ms(self) -> float:
        """Length of the sweep."""
        return sum(s.duration_ms for s in self.segments)

    def as_document(self) -> dict[str, object]:
        """Return the protocol as plain data, for the recording's provenance."""
        return {
            "name": self.name,
            "dt_ms": self.dt_ms,
            "segments": [
                {
                    "duration_ms": s.duration_ms,
                    "solution": s.solution,
                    **({"transients": [dataclasses.asdict(t) for t in s.transients]} if s.transients else {}),
                }
                for s in self.segments
            ],
            "solutions": {k: dict(v) for k, v in self.solutions.items()},
            "marks": dict(self.marks),
        }
