"""Preparations, and the one verb that joins them with protocols and exposures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from ..exposure.bath import Bath
    from ..protocols.sleep import SleepSchedule
    from ..recordings.recording import Recording
    from .patch import Patch
    from .subject import Subject, SubjectCourses
    from .subject_effects import Exposed
    from .synapse import Synapse


@overload
def run(
    preparation: Patch | Synapse,
    protocol: Any,
    exposure: Bath | Sequence[Bath] | None = None,
    *,
    seed: int | None = None,
    **options: Any,
) -> Recording: ...
@overload
def run(
    preparation: Subject,
    protocol: SleepSchedule | None,
    exposure: Exposed,
    *,
    seed: int | None = None,
    **options: Any,
) -> SubjectCourses: ...
def run(preparation: Any, protocol: Any, exposure: Any = None, *, seed: int | None = None, **options: Any) -> Any:
    """Give a preparation, under an exposure, a protocol.

    Parameters
    ----------
    preparation : Patch, Synapse or Subject
    protocol : Protocol, Stimulation of a synapse, or SleepSchedule of a subject
    exposure : Bath or sequence of Bath, optional; Exposure of a subject
        One sweep of a patch per exposure; a synapse takes one. Without any the solutions hold no drug.
    seed : int, optional
        Needed where the preparation has noise, stochastic channels or stochastic release.
    **options
        Of the preparation's own `run`, e.g. ``trials``.

    Returns
    -------
    Recording
        Of a subject, what happens at targets and to attention (`SubjectCourses`).

    Examples
    --------
    >>> from potentiate import Patch, find_scheme, protocols, run
    >>> recording = run(Patch(find_scheme("Partin1996")), protocols.jump(width_ms=1.0))
    >>> recording.unit
    'pA'
    """
    from ..exposure.bath import NO_DRUG

    return preparation.run(protocol, NO_DRUG if exposure is None else exposure, seed=seed, **options)
