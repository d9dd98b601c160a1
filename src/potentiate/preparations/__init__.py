"""Preparations, and the one verb that joins them with protocols and exposures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..exposure.bath import Bath
    from ..recordings.recording import Recording
    from .patch import Patch
    from .synapse import Synapse


def run(
    preparation: Patch | Synapse,
    protocol: Any,
    exposure: Bath | Sequence[Bath] | None = None,
    *,
    seed: int | None = None,
    **options: Any,
) -> Recording:
    """Give a preparation, under an exposure, a protocol.

    Parameters
    ----------
    preparation : Patch or Synapse
    protocol : Protocol, or Stimulation of a synapse
    exposure : Bath or sequence of Bath, optional
        One sweep of a patch per exposure; a synapse takes one. Without any the solutions hold no drug.
    seed : int, optional
        Needed where the preparation has noise, stochastic channels or stochastic release.
    **options
        Of the preparation's own `run`, e.g. ``trials``.

    Returns
    -------
    Recording

    Examples
    --------
    >>> from potentiate import Patch, find_scheme, protocols, run
    >>> recording = run(Patch(find_scheme("Partin1996")), protocols.jump(width_ms=1.0))
    >>> recording.unit
    'pA'
    """
    from ..exposure.bath import NO_DRUG

    given: Any = preparation
    return given.run(protocol, NO_DRUG if exposure is None else exposure, seed=seed, **options)
