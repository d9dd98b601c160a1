"""One measured number: value, unit, how it was defined, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import UsageError

#: What a status means. A value other than NaN may stand beside any of them.
STATUSES = {
    "ok": "measured as defined",
    "no response": "not larger than five standard deviations of the baseline",
    "not steady": "the plateau was still moving",
    "not resolved": "fewer samples than the definition needs",
    "not determined": "the data do not say",
    "one-sided": "the data bound it on one side only",
    "not separable": "it merges with the artefact or with another response",
    "unstable baseline": "the baseline drifted by more than the convention allows",
    "refused": "a guard of the convention forbids the number",
    "solver": "a fit or an integration failed",
}

Status = Literal[
    "ok", "no response", "not steady", "not resolved", "not determined", "one-sided", "not separable",
    "unstable baseline", "refused", "solver",
]  # fmt: skip


@dataclass(frozen=True)
class Observable:
    """A number read off a recording.

    Attributes
    ----------
    id : str
        ``peak``, ``tau_weighted``, ``EC50`` ...
    value : float
        NaN only together with a reason.
    unit : str
        Empty for a pure number.
    status : str
        Key of :data:`STATUSES`.
    reason : str or None
        Required whenever status is not ``ok``.
    interval : (float or None, float or None) or None
        95 % interval; an end that the data do not bound is None.
    convention : str
        Name of the definition used.
    notes : tuple of str
        What else the reader should know (the losing model, the sampling, a bias).

    Examples
    --------
    >>> Observable("peak", -120.0, "pA").status
    'ok'
    """

    id: str
    value: float
    unit: str = ""
    status: Status = "ok"
    reason: str | None = None
    interval: tuple[float | None, float | None] | None = None
    convention: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(self.value))
        if self.status not in STATUSES:
            raise UsageError(f"Unknown status {self.status!r}", do=f"one of {', '.join(STATUSES)}")
        if self.status != "ok" and not self.reason:
            raise UsageError(f"Status {self.status!r} of {self.id!r} needs a reason")
        if self.status == "ok" and not math.isfinite(self.value):
            raise UsageError(f"{self.id!r} is {self.value} but claims to be ok", do="give a status and a reason")
        if self.interval is not None:
            ends = [None if end is None or not math.isfinite(end) else float(end) for end in self.interval]
            object.__setattr__(self, "interval", (ends[0], ends[1]))

    @property
    def ok(self) -> bool:
        """Whether the status is ``ok``."""
        return self.status == "ok"

    @property
    def known(self) -> bool:
        """Whether there is a number at all."""
        return math.isfinite(self.value)

    def as_dict(self, label: str, conditions: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the entry of the results object that every command prints with ``--json``.

        Parameters
        ----------
        label : {"model", "prediction", "calibration", "data"}
        conditions : mapping, optional
        """
        return {
            "id": self.id,
            "value": self.value if self.known else None,
            "unit": self.unit,
            "interval": None if self.interval is None else list(self.interval),
            "status": self.status,
            "reason": self.reason,
            "convention": self.convention,
            "notes": list(self.notes),
            "label": label,
            "conditions": dict(conditions or {}),
        }


def missing(id: str, unit: str, status: Status, reason: str, convention: str = "") -> Observable:
    """Return the observable that could not be measured: NaN with its reason."""
    return Observable(id, math.nan, unit, status, reason, None, convention)
