"""Preparations, and the one verb that joins them with protocols and exposures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..exposure.bath import Bath
    from ..protocols.protocol import Protocol
    from ..recordings.recording import Recording
    from .patch import Patch


def run(
    preparation: Patch, protocol: Protocol, exposure: Bath | Sequence[Bath] | None = None, *, seed: int | None = None
) -> Recording:
    """Give a preparation, under an exposure, a protocol.

    Parameters
    ----------
    preparation : Patch
    protocol : Protocol
    exposure : Bath or sequence of Bath, optional
        One sweep per exposure; without one the solutions hold no drug.
    seed : int, optional
        Needed where the preparation has noise or stochastic channels.

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

    return preparation.run(protocol, NO_DRUG if exposure is None else exposure, seed=seed)
