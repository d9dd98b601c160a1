"""A synthetic data set with known answers, so that every command can be tried without own data.

Patches are simulated channel by channel. Evoked and spontaneous currents and field potentials are sums of simple
waveforms, documented at each function: their numbers are assumed, typical of hippocampal slices, and no claim.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.modulator import Modulator, apply_modulator
from ..library.scheme import find_scheme
from ..protocols.fast_application import jump
from ..recordings.recording import Recording
from .patch import Patch, Rig, low_pass

Array = NDArray[np.float64]

#: What the planted drug does: weights of the state classes at full occupancy of its one site.
MECHANISMS: dict[str, dict[str, tuple[float, ...]]] = {
    "closing": {"open": (5.0,)},
    "desensitization": {"desensitized": (0.1,)},
    "both": {"open": (5.0,), "desensitized": (0.2,)},
}

SCHEME = "Partin1996"
KD_UM = 30.0
#: High and low test concentration; a tenfold and an equal one of the affinity.
DOSES_UM = (300.0, 30.0)
ON_MS = 10.0
DRUG = "demodrug"

COLUMNS = (
    "file", "cell", "animal", "drug", "concentration_uM", "placement", "agonist", "agonist_uM", "pulse_ms", "on_ms",
    "voltage_mV", "exchange_ms", "filter_kHz",
)  # fmt: skip

Mechanism = Literal["closing", "desensitization", "both"]


@dataclass(frozen=True)
class DemoFile:
    """One recording of the set.

    Attributes
    ----------
    folder : str
        Kind of experiment: ``patches``, ``trains``, ``spontaneous``, ``slices``.
    name : str
        File name without ending; tells the condition.
    recording : Recording
        Its provenance does not tell the condition.
    conditions : mapping
        The row of conditions.csv, all of :data:`COLUMNS` but the file.
    """

    folder: str
    name: str
    recording: Recording
    conditions: Mapping[str, Any]


def planted(mechanism: Mechanism) -> Modulator:
    """Return the drug of the demo set.

    Raises
    ------
    UsageError
        Unknown mechanism.
    """
    if mechanism not in MECHANISMS:
        raise UsageError(f"Unknown mechanism {mechanism!r}", do=f"use one of {', '.join(MECHANISMS)}")
    # the shift of the closed-open equilibrium is all in closing, that of desensitization all in entry
    return Modulator(DRUG, 1, KD_UM, 1.0, MECHANISMS[mechanism], {"gate": 0.0, "desensitize": 1.0})


def demo_files(mechanism: Mechanism = "closing", *, cells: int = 4, seed: int = 1) -> Iterator[DemoFile]:
    """Make the recordings of the set, one by one.

    Parameters
    ----------
    mechanism : {"closing", "desensitization", "both"}
    cells : int
        Cells per kind of experiment, 1 to 20. Every two cells come from one animal.
    seed : int

    Raises
    ------
    UsageError
        Cells out of range, or an unknown mechanism.
    """
    if not 1 <= cells <= 20:
        raise UsageError(f"{cells} cells", do="ask for 1 to 20")
    drug = planted(mechanism)
    # one stream per cell and kind: more cells leave the first ones as they were
    streams = iter(np.random.SeedSequence(seed).spawn(4 * 20))
    for kind in (_patch, _train, _spontaneous, _slice):
        for cell, stream in enumerate([next(streams) for _ in range(20)][:cells]):
            names = {"cell": f"c{cell + 1}", "animal": f"a{cell // 2 + 1}"}
            yield from kind(names, drug, np.random.default_rng(stream))


def _row(names: Mapping[str, str], dose_uM: float, **more: Any) -> dict[str, Any]:
    empty = {"placement": "both", **dict.fromkeys(COLUMNS[6:], "")}
    drug = DRUG if dose_uM > 0 else "none"
    return {**names, "drug": drug, "concentration_uM": dose_uM, **empty, **more}


def _synthetic(
    t_ms: Array, sweeps: Array, *, every_s: float, unit: str = "pA", name: str = "I", protocol: Any = None
) -> Recording:
    starts = every_s * np.arange(len(sweeps))
    provenance = {"synthetic": True, "notes": ["synthetic: made by potentiate demo, not measured"]}
    return Recording.from_arrays(t_ms, sweeps, {"start_s": starts}, unit, protocol, provenance, "simulated", name=name)


# ---------------------------------------------------------------------------------------------- patches

SWEEPS = {1.0: 6, 100.0: 3}
RIG = Rig(exchange_10_90_ms=0.25, filter_kHz=5.0, noise_pA=1.5, rundown_per_sweep=0.005)


def _patch(names: Mapping[str, str], drug: Modulator, rng: np.random.Generator) -> Iterator[DemoFile]:
    """Outside-out patches: 150-350 channels, 10 mM glutamate for 1 and for 100 ms, run-down 0.5 % per sweep."""
    channels = float(rng.uniform(150, 350))
    scheme = apply_modulator(find_scheme(SCHEME), drug)
    done = 0
    for dose in (0.0, *DOSES_UM):
        for width, count in SWEEPS.items():
            protocol = jump(width_ms=width, after_ms=60.0, dt_ms=0.05, before_ms=ON_MS)
            left = round(channels * (1 - RIG.rundown_per_sweep) ** done)
            patch = Patch(scheme, left, stochastic=True, rig=RIG)
            bath = Bath({DRUG: dose}) if dose > 0 else NO_DRUG
            made = patch.run(protocol, [bath] * count, seed=int(rng.integers(2**31)))
            document = {**protocol.as_document(), "voltage_mV": patch.voltage_mV}
            recording = _synthetic(made.time_ms, np.array(made.sweeps), every_s=5.0, protocol=document)
            done += count
            row = _row(
                names, dose, agonist="glutamate", agonist_uM=10_000.0, pulse_ms=width, on_ms=ON_MS,
                voltage_mV=patch.voltage_mV, exchange_ms=RIG.exchange_10_90_ms, filter_kHz=RIG.filter_kHz,
            )  # fmt: skip
            yield DemoFile("patches", f"{names['cell']}_{_dose(dose)}_{width:g}ms", recording, row)


def _dose(dose_uM: float) -> str:
    return "control" if dose_uM == 0 else f"{dose_uM:g}uM"


# ------------------------------------------------------------------------------------- evoked, spontaneous

DECAY_MS = {"control": 3.0, "drug": 6.0}
SPONTANEOUS_DECAY_MS = {"control": 3.0, "drug": 9.0}
RATE_HZ = 6.0


def epsc(t_ms: Array, amplitude_pA: float, decay_ms: float, rise_ms: float = 0.4) -> Array:
    """Return ``(1 - exp(-t / rise)) exp(-t / decay)`` from t = 0, scaled to a peak of `amplitude_pA`."""
    t = np.clip(t_ms, 0.0, None)
    shape = (1 - np.exp(-t / rise_ms)) * np.exp(-t / decay_ms)
    share = rise_ms / (rise_ms + decay_ms)
    return amplitude_pA * shape / ((1 - share) * share ** (rise_ms / decay_ms))


def _train(names: Mapping[str, str], drug: Modulator, rng: np.random.Generator) -> Iterator[DemoFile]:
    """Evoked currents at 50 Hz: 12 vesicles, release probability 0.4, 15 pA each, no refilling within the train."""
    t = np.arange(0.0, 300.0, 0.05)
    scale = float(rng.uniform(0.8, 1.3))
    for label, tau in DECAY_MS.items():
        sweeps = np.zeros((10, t.size))
        for sweep in sweeps:
            ready = 12
            for pulse in range(5):
                at = 100.0 + 20.0 * pulse
                released = rng.binomial(ready, 0.4)
                ready -= released
                sweep += epsc(t - at - 3.0 - rng.normal(0, 0.1), -15.0 * scale * released, tau)
                sweep += np.where((t >= at) & (t < at + 0.3), 1500.0, 0.0)
            sweep += rng.normal(0, 2.5, t.size)
        sweeps = np.stack([low_pass(sweep, 0.05, 4.0) for sweep in sweeps])
        row = _row(names, DOSES_UM[0] if label == "drug" else 0.0)
        yield DemoFile("trains", f"{names['cell']}_{label}", _synthetic(t, sweeps, every_s=10.0), row)


def _spontaneous(names: Mapping[str, str], drug: Modulator, rng: np.random.Generator) -> Iterator[DemoFile]:
    """Spontaneous currents, 2 x 10 s at 10 kHz: Poisson events of one rate and size in control and drug.

    Amplitudes are log-normal (median 18 pA, SD of the log 0.45); the drug only slows their decay. A -5 mV membrane
    test of 30 ms opens every sweep; the baseline drifts.
    """
    t = np.arange(0.0, 10_000.0, 0.1)
    for label, tau in SPONTANEOUS_DECAY_MS.items():
        sweeps = np.empty((2, t.size))
        for k in range(2):
            current = -30.0 + 5.0 * np.sin(2 * np.pi * (t / 8_000.0 + rng.uniform()))
            for at in rng.uniform(120.0, t[-1], rng.poisson(RATE_HZ * (t[-1] - 120.0) / 1e3)):
                start = int(at / 0.1)
                part = slice(start, min(t.size, start + int(12 * tau / 0.1)))
                current[part] += epsc(t[part] - at, -18.0 * float(np.exp(rng.normal(0, 0.45))), tau)
            after = t - 50.0
            step = np.where(after >= 0, -20.0 - 300.0 * np.exp(-np.clip(after, 0, None) / 1.0), 0.0)
            off = t - 80.0
            current += np.where(off < 0, step, 300.0 * np.exp(-np.clip(off, 0, None) / 1.0))
            sweeps[k] = low_pass(current + rng.normal(0, 3.5, t.size), 0.1, 2.0)
        row = _row(names, DOSES_UM[0] if label == "drug" else 0.0)
        yield DemoFile("spontaneous", f"{names['cell']}_{label}", _synthetic(t, sweeps, every_s=12.0), row)


# ------------------------------------------------------------------------------------------------ slices

INDUCTION_MIN = 20.0
POTENTIATION = {"control": 1.4, "drug": 1.7}


def field_potential(t_ms: Array, stimulus_ms: float, slope_mV_per_ms: float) -> Array:
    """Return artefact, fibre volley and a field EPSP ``-A (t/tau) exp(1 - t/tau)`` with tau 3 ms from 3 ms on.

    The initial slope of that waveform is ``-A e / tau``.
    """
    after = t_ms - stimulus_ms
    artefact = np.where((after >= 0) & (after < 0.3), 3.0, 0.0)
    volley = -0.15 * np.exp(-(((after - 1.6) / 0.25) ** 2)) + 0.07 * np.exp(-(((after - 2.1) / 0.25) ** 2))
    x = np.clip(after - 3.0, 0.0, None) / 3.0
    amplitude = -slope_mV_per_ms * 3.0 / np.e
    return artefact + volley - amplitude * x * np.exp(1 - x)


def _slice(names: Mapping[str, str], drug: Modulator, rng: np.random.Generator) -> Iterator[DemoFile]:
    """Field EPSPs every 30 s for 60 min, induction after 20 min.

    The initial slope, -0.35 mV/ms at first, is multiplied by ``p + (2.2 - p) exp(-t / 4 min)`` after induction, with
    p = 1.4 in control and 1.7 with the drug; each sweep varies by 6 %.
    """
    t = np.arange(0.0, 40.0, 0.1)
    minutes = 0.5 * np.arange(120)
    base = -0.35 * float(rng.uniform(0.8, 1.2))
    letters = rng.permutation(["a", "b"])  # so that the name of a slice does not tell its group
    for letter, (label, level) in zip(letters, POTENTIATION.items(), strict=True):
        since = minutes - INDUCTION_MIN
        factor = np.where(since >= 0, level + (2.2 - level) * np.exp(-np.clip(since, 0, None) / 4.0), 1.0)
        slopes = base * factor * (1 + rng.normal(0, 0.06, minutes.size))
        sweeps = np.stack([field_potential(t, 5.0, s) + rng.normal(0, 0.01, t.size) for s in slopes])
        slices = {**names, "cell": names["cell"].replace("c", "s") + str(letter)}
        row = _row(slices, DOSES_UM[0] if label == "drug" else 0.0)
        recording = _synthetic(t, sweeps, every_s=30.0, unit="mV", name="field")
        yield DemoFile("slices", f"{slices['cell']}_{label}", recording, row)


# ------------------------------------------------------------------------------------------------ tables


def concentration_table(seed: int = 1, cells: int = 6) -> list[tuple[str, str, float, float]]:
    """Return rows (cell, animal, concentration in uM, potentiation in %) of a concentration-response curve.

    ``180 / (1 + (50 / C)^1.3)`` with 8 % scatter of the top from cell to cell and 4 % noise.
    """
    rng = np.random.default_rng([seed, 4])
    rows = []
    for cell in range(cells):
        top = 180.0 * (1 + rng.normal(0, 0.08))
        for dose in (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0):
            value = top / (1 + (50.0 / dose) ** 1.3) + rng.normal(0, 7.0)
            rows.append((f"c{cell + 1}", f"a{cell // 2 + 1}", dose, round(value, 2)))
    return rows


def truth(mechanism: Mechanism, seed: int) -> dict[str, Any]:
    """Return everything that was planted, as plain data."""
    drug = planted(mechanism)
    return {
        "seed": seed,
        "patches": {
            "scheme": SCHEME, "mechanism": mechanism, "drug": DRUG, "kd_uM": drug.kd_uM, "sites": drug.sites,
            "koff_per_ms": drug.koff_per_ms, "weights": {k: list(v) for k, v in drug.weights.items()},
            "split": dict(drug.split), "rig": dataclasses.asdict(RIG), "agonist_uM": 10_000.0,
        },
        "trains": {"decay_ms": DECAY_MS, "vesicles": 12, "release_probability": 0.4, "quantum_pA": -15.0},
        "spontaneous": {
            "decay_ms": SPONTANEOUS_DECAY_MS, "rate_Hz": RATE_HZ, "median_amplitude_pA": -18.0, "sd_of_log": 0.45,
            "change": "the drug slows the decay; rate and amplitudes do not change",
        },
        "slices": {"induction_min": INDUCTION_MIN, "late_factor": POTENTIATION, "slope_mV_per_ms": -0.35},
        "concentration_response": {"EC50_uM": 50.0, "nH": 1.3, "top_percent": 180.0, "bottom_percent": 0.0},
    }  # fmt: skip
