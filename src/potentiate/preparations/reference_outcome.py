"""What an induction did to the enzymes and units of the reference spine."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..errors import NumericalError
from ..measures.observable import Observable
from ..mechanisms.geometrical_readout import weight_change_percent


@dataclasses.dataclass(frozen=True)
class Induction:
    """What an induction did.

    Attributes
    ----------
    time_ms : array, shape (bins,)
        Ends of the bins of the traces; zero is the first event.
    calcium_uM, can_uM, camkii_uM : arrays, shape (runs, bins)
        Largest free calcium of each bin; calcineurin with calmodulin, and active CaMKII, at its end.
    dwell_s : array, shape (runs, 2)
        Time in the regions of depression and of potentiation.
    units : array, shape (runs, 3)
        Fractions depressed, unchanged, potentiated.
    released : array, shape (runs,)
        Stimuli that released transmitter.
    error_uM : float
        Largest estimate of the local integration error in free calcium.
    seed : int or None
    assumed : tuple of str
    status : tuple of str, length runs
        ``ok``, or why a run has no outcome (its numbers are NaN).
    """

    time_ms: np.ndarray
    calcium_uM: np.ndarray
    can_uM: np.ndarray
    camkii_uM: np.ndarray
    dwell_s: np.ndarray
    units: np.ndarray
    released: np.ndarray
    error_uM: float
    seed: int | None
    assumed: tuple[str, ...]
    status: tuple[str, ...]

    @property
    def weight_change_percent(self) -> np.ndarray:
        """Potentiated minus depressed units of each run, per cent."""
        return weight_change_percent(self.units)

    def direction(self, none_below_percent: float = 10.0) -> str:
        """Return ``LTP``, ``LTD`` or ``none`` for the mean of the runs that ended."""
        mean = float(np.nanmean(self.weight_change_percent))
        return "none" if abs(mean) < none_below_percent else "LTP" if mean > 0 else "LTD"

    def observables(self) -> tuple[Observable, ...]:
        """Return means over the runs that ended, with the interval of the mean (normal) where there are two or more."""
        ended = np.array([s == "ok" for s in self.status])
        values = {
            "weight_change": (self.weight_change_percent, "%"),
            "units_potentiated": (100.0 * self.units[:, 2], "%"),
            "units_depressed": (100.0 * self.units[:, 0], "%"),
            "time_in_potentiation": (self.dwell_s[:, 1], "s"),
            "time_in_depression": (self.dwell_s[:, 0], "s"),
            "calcium_peak": (self.calcium_uM.max(axis=1), "uM"),
            "calcineurin_peak": (self.can_uM.max(axis=1), "uM"),
            "CaMKII_peak": (self.camkii_uM.max(axis=1), "uM"),
        }
        lost = () if ended.all() else (f"{int((~ended).sum())} of {len(ended)} runs failed and are not in the mean",)
        found = []
        for name, (all_runs, unit) in values.items():
            x = all_runs[ended]
            half = 1.96 * float(x.std(ddof=1)) / len(x) ** 0.5 if len(x) > 1 else None
            ends = None if half is None else (float(x.mean()) - half, float(x.mean()) + half)
            found.append(Observable(name, float(x.mean()), unit, interval=ends, convention="runs", notes=lost))
        return tuple(found)


def collect(
    ends_ms: np.ndarray,
    found: dict[str, np.ndarray],
    bin_ms: float,
    released: np.ndarray,
    seed: int | None,
    assumed: tuple[str, ...],
) -> Induction:
    """Return the outcome of a run of the loop.

    Parameters
    ----------
    ends_ms : array, shape (steps,)
        Ends of the steps (or segments), from the first event.
    found : dict
        See :func:`potentiate.preparations.reference_engine.run_loop`.
    bin_ms : float
    released : array, shape (runs,)
    seed : int or None
    assumed : tuple of str

    Raises
    ------
    NumericalError
        No run ended.
    """
    failed = np.asarray(~np.isfinite(found["state"]).all(axis=1))
    if failed.all():
        raise NumericalError(
            "The reference spine left the range of numbers", do="use a finer grid: grid=GridRule().refined(2)"
        )
    found["units"] = np.where(failed[:, None], np.nan, found["units"])
    found["dwell_ms"] = np.where(failed[:, None], np.nan, found["dwell_ms"])
    bins = np.floor(ends_ms / bin_ms).astype(int)
    first = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    last = np.append(first[1:], len(bins)) - 1
    return Induction(
        time_ms=ends_ms[last],
        calcium_uM=np.maximum.reduceat(found["calcium_uM"], first, axis=0).T,
        can_uM=found["can_uM"][last].T,
        camkii_uM=found["camkii_uM"][last].T,
        dwell_s=1e-3 * found["dwell_ms"],
        units=found["units"],
        released=released,
        error_uM=float(np.nan_to_num(found["error"][16 if len(found["error"]) > 17 else 0])),
        seed=seed,
        assumed=assumed,
        status=tuple("solver: not finite, grid too coarse" if f else "ok" for f in failed),
    )
