"""What is read off a synapse: single responses, pairs, trains, NMDA charge, calcium and its routes.

Each assay stimulates, records and measures the mean of all trials by the conventions of `measures`. All take the same
seed with and without drug, so that release is the same and only the drug differs.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..measures.decay import weighted_tau
from ..measures.observable import Observable, missing
from ..measures.peak import peak, rise
from ..measures.plateau import charge
from ..measures.variability import variability
from ..measures.width import half_width
from ..protocols.stimulation import paired_pulses, train
from ..protocols.stimulation import test_pulse as one_pulse
from ..recordings.recording import Recording
from .synapse import BEFORE_MS, Synapse

Observables = dict[str, Observable]

#: Routes of calcium into the head: name -> channel.
ROUTES = {
    "NMDA receptors": "calcium through NMDA receptors",
    "AMPA receptors": "calcium through AMPA receptors",
    "channels": "calcium through channels",
}


def response(recording: Recording) -> tuple[np.ndarray, str]:
    """Return what the amplifier shows of every trial, and its unit: current in voltage clamp, soma voltage otherwise.

    Returns
    -------
    array, shape (trials, samples)
        Trials that the solver lost are left out.
    unit : str

    Raises
    ------
    UsageError
        The solver lost every trial.
    """
    clamped = recording.provenance["clamp"] != "current"
    electrode = any(c.name == "clamp current" for c in recording.channels)
    channel = recording.channel("soma" if not clamped else "clamp current" if electrode else "synaptic current")
    kept = channel.sweeps[np.isfinite(channel.sweeps).all(axis=1)]
    if not len(kept):
        raise UsageError("No trial was solved", do="look at the recording's notes")
    return kept, channel.unit


def measure_response(recording: Recording, until_ms: float | None = None) -> Observables:
    """Measure the first response of a recording.

    Parameters
    ----------
    recording : Recording
        From :meth:`Synapse.run`.
    until_ms : float, optional
        End of the response, e.g. the second stimulus.

    Returns
    -------
    dict
        ``amplitude``, ``rise``, ``tau_weighted``, ``half_width``, ``charge`` of the mean; ``failure_rate`` (of trials
        without release) and ``CV^-2`` over trials.
    """
    sweeps, unit = response(recording)
    inside = recording.time_ms <= (recording.time_ms[-1] if until_ms is None else until_ms)
    t, mean = recording.time_ms[inside], sweeps.mean(axis=0)[inside]
    at = peak(t, mean, baseline_ms=(0.0, BEFORE_MS - 0.1), search_ms=(BEFORE_MS, float(t[-1])))
    if not at.amplitude.ok:
        ids = {"amplitude": unit, "rise": "ms", "tau_weighted": "ms", "half_width": "ms", "charge": "fC"}
        reason = at.amplitude.reason or "no response"
        return {i: missing(i, u, "no response", reason) for i, u in ids.items()}
    total = charge(t, mean, at, convention="window", window_ms=(BEFORE_MS, float(t[-1])))
    found = {
        "amplitude": dataclasses.replace(at.amplitude, id="amplitude", unit=unit),
        "rise": dataclasses.replace(rise(t, mean, at), id="rise"),
        "tau_weighted": weighted_tau(t, mean, at, convention="charge over peak"),
        "half_width": half_width(t, mean, at),
        "charge": dataclasses.replace(total, unit="fC" if unit == "pA" else f"{unit} ms"),
    }
    baseline = sweeps[:, recording.time_ms < BEFORE_MS - 0.1].mean(axis=1)
    singles = at.sign * (sweeps[:, inside][:, at.index] - baseline)
    found["CV^-2"] = variability(singles, unit=unit).cv_inverse_square
    released = np.asarray(recording.sweep_metadata["released"])
    found["failure_rate"] = Observable("failure_rate", float((released == 0).mean()), "", convention="no release")
    return found


def amplitudes(recording: Recording) -> np.ndarray:
    """Return the size of the mean response after each stimulus, from just before it, shape (pulses,)."""
    sweeps, _ = response(recording)
    t, mean = recording.time_ms, sweeps.mean(axis=0)
    stimuli = [*recording.provenance["stimuli_ms"], float(t[-1])]
    sign = 1.0 if abs(mean.max() - mean[0]) > abs(mean.min() - mean[0]) else -1.0
    found = []
    for start, end in itertools.pairwise(stimuli):
        inside = (t >= start - 1e-9) & (t <= end - 1e-9)
        before = mean[np.searchsorted(t, start - 1e-9)]
        found.append(float(np.max(sign * (mean[inside] - before))))
    return np.array(found)


def single(synapse: Synapse, bath: Bath = NO_DRUG, *, seed: int, trials: int = 50, **run: Any) -> Recording:
    """Record single responses.

    Parameters
    ----------
    synapse : Synapse
    bath : Bath
    seed : int
        Draws releases and quanta: the same ones under every bath.
    trials : int
    run
        Further arguments of :meth:`Synapse.run`.
    """
    return synapse.run(one_pulse(after_ms=run.pop("after_ms", 60.0)), bath, seed=seed, trials=trials, **run)


def quantum(
    synapse: Synapse, bath: Bath = NO_DRUG, *, after_ms: float = 60.0, dt_ms: float = 0.02, **run: Any
) -> Observables:
    """Measure the miniature current: one vesicle of mean content at one site; nothing is drawn.

    Parameters
    ----------
    synapse : Synapse
    bath : Bath
    after_ms, dt_ms : float
        How long it is followed, and the sample interval.
    run
        Further arguments of :meth:`Synapse.run`.
    """
    one = dataclasses.replace(
        synapse, sites=1, quantum=dataclasses.replace(synapse.quantum, content_cv=0.0), residual=None
    )
    released = np.ones((1, 1, 1), int)
    made = one.run(one_pulse(after_ms=after_ms), bath, seed=0, trials=1, dt_ms=dt_ms, vesicles=released, **run)
    found = measure_response(made)
    return {k: v for k, v in found.items() if k not in ("CV^-2", "failure_rate")}


def paired_pulse(
    synapse: Synapse, bath: Bath = NO_DRUG, interval_ms: float = 50.0, *, seed: int, trials: int = 50, **run: Any
) -> Observable:
    """Return the second response over the first, of mean responses.

    Parameters
    ----------
    interval_ms : float
        From onset to onset.
    synapse, bath, seed, trials, run
        As for :func:`single`.
    """
    made = synapse.run(
        paired_pulses(interval_ms, after_ms=min(interval_ms, 50.0)), bath, seed=seed, trials=trials, **run
    )
    first, second = amplitudes(made)
    if first <= 0:
        return missing("ppr", "", "no response", "no first response")
    released = np.asarray(made.sweep_metadata["released"])
    notes = (f"{interval_ms:g} ms, n = {trials} trials, {int(released.sum())} vesicles at the first pulse",)
    return Observable("ppr", float(second / first), "", convention="ratio of means", notes=notes)


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """A train of responses.

    Attributes
    ----------
    recording : Recording
    sizes : (pulses,) array
        Of mean responses, pA or mV.
    last : Observable
        ``train_ratio``: mean of the last fifth of responses over the first.
    """

    recording: Recording
    sizes: np.ndarray
    last: Observable

    @property
    def relative(self) -> np.ndarray:
        """Responses relative to the first."""
        return self.sizes / self.sizes[0]


def stimulate_train(
    synapse: Synapse, bath: Bath = NO_DRUG, rate_Hz: float = 100.0, pulses: int = 10, *,
    seed: int, trials: int = 20, after_ms: float = 50.0, **run: Any,
) -> TrainResult:  # fmt: skip
    """Give a train and measure the size of each response from just before its stimulus.

    Parameters
    ----------
    rate_Hz : float
    pulses : int
    after_ms : float
        What is recorded after the last one.
    synapse, bath, seed, trials, run
        As for :func:`single`.
    """
    made = synapse.run(train(rate_Hz, pulses, after_ms=after_ms), bath, seed=seed, trials=trials, **run)
    sizes = amplitudes(made)
    count = max(1, pulses // 5)
    if sizes[0] <= 0:
        return TrainResult(made, sizes, missing("train_ratio", "", "no response", "no first response"))
    last = float(sizes[-count:].mean() / sizes[0])
    note = f"{pulses} pulses at {rate_Hz:g} Hz, last {count} over the first"
    return TrainResult(made, sizes, Observable("train_ratio", last, "", convention="of mean responses", notes=(note,)))


def nmda_charge(recording: Recording) -> Observable:
    """Return the charge through NMDA receptors over the whole recording, all sites, mean of trials, fC."""
    names = [c.name for c in recording.channels]
    current = recording.channel("NMDA current").sweeps if "NMDA current" in names else np.zeros((1, 1))
    if not np.any(current):
        return missing("nmda_charge", "fC", "no response", "no NMDA current")
    value = float(np.trapezoid(np.nanmean(current, axis=0), recording.time_ms))
    return Observable("nmda_charge", value, "fC", convention="window")


def nmda_charge_at(
    synapse: Synapse, bath: Bath = NO_DRUG, voltage_mV: float = -30.0, *, seed: int, trials: int = 20, **run: Any
) -> Observable:
    """Return the NMDA charge of single responses in voltage clamp at a voltage, fC over 200 ms; arguments as for
    :func:`single`."""
    held = dataclasses.replace(one_pulse(after_ms=200.0), holding_mV=voltage_mV)
    return nmda_charge(synapse.run(held, bath, seed=seed, trials=trials, **run))


def ampa_over_nmda(synapse: Synapse, bath: Bath = NO_DRUG, *, seed: int, trials: int = 20, **run: Any) -> Observable:
    """Return the AMPA peak at -70 mV over the NMDA current at +40 mV 50 ms after the stimulus; arguments as for
    :func:`single`."""
    low, high = (
        synapse.run(dataclasses.replace(one_pulse(after_ms=60.0), holding_mV=v), bath, seed=seed, trials=trials, **run)
        for v in (-70.0, 40.0)
    )
    ampa = float(np.abs(np.nanmean(low.channel("AMPA current").sweeps, axis=0)).max())
    at = int(np.searchsorted(high.time_ms, BEFORE_MS + 50.0))
    nmda = float(np.nanmean(high.channel("NMDA current").sweeps[:, at]))
    if nmda <= 0:
        return missing("AMPA/NMDA", "", "no response", "no NMDA current at +40 mV")
    return Observable("AMPA/NMDA", ampa / nmda, "", convention="peak at -70 mV over 50 ms at +40 mV")


def calcium(recording: Recording) -> Observables:
    """Measure calcium of the heads: peak above rest, and the charge that each route carries.

    Returns
    -------
    dict
        ``calcium_peak`` (uM above rest, mean over sites and trials), ``calcium_<route>`` (fC per site) and
        ``calcium_share_AMPA``. All ``not determined`` for a preparation without spines.
    """
    names = [c.name for c in recording.channels]
    if "free calcium" not in names:
        return {i: missing(i, "", "not determined", "no spine") for i in ("calcium_peak", "calcium_share_AMPA")}
    free = np.nanmean(recording.channel("free calcium").sweeps, axis=0)
    found = {"calcium_peak": Observable("calcium_peak", float(free.max() - free[0]), "uM", convention="above rest")}
    charges = {
        route: float(-np.trapezoid(np.nanmean(recording.channel(name).sweeps, axis=0), recording.time_ms))
        for route, name in ROUTES.items()
    }
    for route, value in charges.items():
        found[f"calcium_{route}"] = Observable(f"calcium_{route}", value, "fC", convention="window")
    total = sum(charges.values())
    found["calcium_share_AMPA"] = (
        Observable("calcium_share_AMPA", charges["AMPA receptors"] / total, "", convention="of calcium charge")
        if total > 0
        else missing("calcium_share_AMPA", "", "no response", "no calcium entered")
    )
    return found


def fold(drug: Mapping[str, Observable], control: Mapping[str, Observable], id: str) -> Observable:
    """Return a measure under drug over the same measure without."""
    a, b = drug[id], control[id]
    if not (a.known and b.known) or b.value == 0:
        return missing(f"fold_{id}", "", "not determined", a.reason or b.reason or "the control is zero")
    return Observable(f"fold_{id}", a.value / b.value, "", convention="drug over control")


def free(synapse: Synapse) -> Synapse:
    """Return the synapse in current clamp."""
    return dataclasses.replace(synapse, holding_mV=None)
