"""What the oracle tests share: the schemes, the sweeps, and our own answer to them."""

import dataclasses

import numpy as np

from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.kinetics.scheme import Scheme
from potentiate.library.scheme import find_scheme
from potentiate.numerics.propagation import sample_sweeps
from potentiate.numerics.sweep_plan import plan_sweeps

#: The modulator of Partin, Fleck & Mayer's model as an operator on states.
PARTIN_MODULATOR = Modulator(
    "modulator",
    1,
    500.0,
    5.0,
    weights={"open": (6.0,)},
    split={"gate": 0.0},
    speed={"desensitized": 0.01, "open": 0.0},
)

#: Two sites that slow desensitization and deactivation, for cyclic schemes.
TWO_SITES = Modulator(
    "drug",
    2,
    300.0,
    0.4,
    weights={"open": (2.0, 5.0), "desensitized": (0.5, 0.1)},
    split={"gate": 0.3, "desensitize": 0.6},
    speed={"open": 0.2, "desensitized": 0.5},
)

VOLTAGE_mV = -40.0


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Segments of (duration ms, concentrations uM), and the sampling interval."""

    segments: tuple[tuple[float, dict[str, float]], ...]
    dt_ms: float = 0.1

    @property
    def samples_ms(self) -> np.ndarray:
        """Sample times, shape (samples,)."""
        return np.arange(round(sum(d for d, _ in self.segments) / self.dt_ms) + 1) * self.dt_ms

    @property
    def borders_ms(self) -> np.ndarray:
        """Where segments begin and end, shape (segments + 1,)."""
        return np.concatenate([[0.0], np.cumsum([d for d, _ in self.segments])])


def pulse(scheme: Scheme, duration_ms: float, agonist_uM: float = 10_000.0, drug_uM: float = 500.0) -> Sweep:
    """Return 2 ms of bath, a pulse of agonist, and 50 ms of bath, with drugs (if any) present throughout."""
    bath = dict(scheme.bath_uM)
    drugs = {n: bath.get(n, drug_uM) for n in scheme.ligands if n != scheme.agonist}
    on, off = {scheme.agonist: agonist_uM, **drugs}, {scheme.agonist: 0.0, **drugs}
    return Sweep(((2.0, off), (duration_ms, on), (50.0, off)))


def start_of(scheme: Scheme, sweep: Sweep) -> np.ndarray:
    """Return the equilibrium with the first segment, or the resting state where a trapped blocker leaves several."""
    try:
        return scheme.equilibrium(sweep.segments[0][1], VOLTAGE_mV)
    except ZeroDivisionError:
        return np.eye(scheme.n)[scheme.rest]


def ours(scheme: Scheme, sweep: Sweep) -> np.ndarray:
    """Return occupancies by the two-level matrix exponential, shape (samples, n)."""
    generators = np.stack([scheme.generator(c, VOLTAGE_mV) for _, c in sweep.segments])
    plan = plan_sweeps([[(i, d) for i, (d, _) in enumerate(sweep.segments)]], sweep.dt_ms)
    trace, _ = sample_sweeps(plan, generators, start_of(scheme, sweep)[None], np.eye(scheme.n))
    return trace[0]


def partin_with_modulator() -> Scheme:
    """Return Partin1996 with its modulator, built by the operator."""
    return apply_modulator(find_scheme("Partin1996"), PARTIN_MODULATOR)


#: Schemes that the compiled peers are asked about.
COMPILED = {
    "partin_modulated": partin_with_modulator,
    "RH2003_GluA4": lambda: find_scheme("RH2003_GluA4"),
    "Jonas1993": lambda: find_scheme("Jonas1993"),
}
