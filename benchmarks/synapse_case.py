"""The stiff case: one spine and its cell, 100 releases at 100 Hz and 1 s more, 29 equations."""

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np

from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.calcium import CalciumChannel, CalciumDynamics, FixedShare
from potentiate.mechanisms.cleft import BRIEF_PULSE
from potentiate.mechanisms.magnesium_block import JAHR_STEVENS
from potentiate.mechanisms.spine import CA1SIM_SPINE
from potentiate.preparations.spine_parts import Compartments, KineticBuffer
from potentiate.preparations.spine_receptors import Receptor
from potentiate.preparations.spine_system import SpineSystem

from .synapse_report import EQUAL_ERROR
from .timing import timed

PULSES_MS = 5.0 + 10.0 * np.arange(100)
END_MS = 2005.0
GLUTAMATE_UM, WIDTH_MS = BRIEF_PULSE.pulse
SAMPLES_MS = np.round(np.arange(1, 20_050) * 0.1, 9)
TOLERANCES = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 3e-8, 1e-8)

AMPA = Receptor(find_scheme("Coombs2017"), 0.5, 0.0, None, FixedShare(0.01))
NMDA = Receptor(find_scheme("NMDA5_LesterJahr1992"), 0.5, 0.0, JAHR_STEVENS, FixedShare(0.1))
CELL = Compartments((50.0, 100.0), (2.5, 5.0), (-70.0, -70.0), ((0, 1, 20.0),))
BUFFER, CHANNEL = KineticBuffer(50.0, 0.1, 0.5), CalciumChannel(0.05)
SYSTEM = SpineSystem(
    (AMPA, NMDA), CA1SIM_SPINE, CalciumDynamics(0.1, 1.0, 12.0, 0.07), CELL, buffer=BUFFER, channel=CHANNEL
)
START = SYSTEM.start()
N_A, N = AMPA.n, SYSTEM.size
HEAD = SYSTEM.index["head"]
#: What is compared: open AMPA receptors, and open NMDA receptors before the block.
OPEN = np.zeros((2, N))
OPEN[0, :N_A], OPEN[1, N_A : N_A + NMDA.n] = AMPA.weights, NMDA.weights


def edges(pulses: np.ndarray = PULSES_MS) -> np.ndarray:
    """Return where glutamate switches, with start and end."""
    return np.round(np.concatenate([[0.0], np.stack([pulses, pulses + WIDTH_MS], 1).ravel(), [END_MS]]), 9)


class Equations:
    """Right-hand side and Jacobian as plain NumPy and Python floats: what a user of SciPy would write, and fast."""

    def __init__(self, rates: tuple[np.ndarray, ...] | None = None) -> None:
        """Take the rates of the transitions of both receptors, or those of the case."""
        rates = rates or (AMPA.base_rates, NMDA.base_rates)
        self.linear = np.zeros((2, N, N))  # dx/dt = (linear[0] + c linear[1]) x
        at = 0
        for r, k in zip((AMPA, NMDA), rates, strict=True):
            source = r.scheme.directed[0]
            takes = np.array([x.ligand == "glutamate" for x in r.scheme.directed[2]])
            for power, use in ((0, ~takes), (1, takes)):
                for e in np.flatnonzero(use):
                    self.linear[power, at : at + r.n, at + source[e]] += r.incidence[:, e] * k[e]
            at += r.n
        foot = N - CELL.m
        self.linear[0, foot:, foot:] += CELL.matrix
        neck = CA1SIM_SPINE.neck_nS
        self.linear[0, foot, HEAD] += neck / CELL.capacitance_pF[0]
        self.linear[0, foot, foot] -= neck / CELL.capacitance_pF[0]
        self.linear[0, HEAD, foot] += neck / CA1SIM_SPINE.head_pF
        self.linear[0, HEAD, HEAD] -= neck / CA1SIM_SPINE.head_pF
        self.constant = np.zeros(N)
        self.constant[foot:] = np.array(CELL.leak_nS) * np.array(CELL.rest_mV) / np.array(CELL.capacitance_pF)
        self.per = SYSTEM.calcium.per_pA_ms()
        # calcium current = share slope g (V - 40)
        self.share = [r.calcium.share * -65.0 / -105.0 for r in (AMPA, NMDA)]
        self.matrix = self.linear[0]

    def glutamate(self, uM: float) -> None:
        """Set the concentration."""
        self.matrix = self.linear[0] + uM * self.linear[1]

    def rhs(self, y: np.ndarray, _t: float = 0.0) -> np.ndarray:
        """Return dy/dt."""
        out = self.matrix.dot(y)
        out += self.constant
        v, ca, bound, m, h = y[HEAD : HEAD + 5].tolist()
        opened, slow = OPEN.dot(y).tolist()
        ga = AMPA.conductance_nS * opened
        gn = NMDA.conductance_nS * slow / (1.0 + math.exp(-JAHR_STEVENS.slope_per_mV * v) / JAHR_STEVENS.half_mM)
        through = CHANNEL.conductance_nS * m * m * h * (v - SYSTEM.calcium_mV)
        enters = (self.share[0] * ga + self.share[1] * gn) * (v - 40.0) + through
        binds = BUFFER.kon_per_uM_ms * ca * (BUFFER.total_uM - bound) - BUFFER.koff_per_ms * bound
        (vm, sm), (vh, sh) = CHANNEL.activation_mV, CHANNEL.inactivation_mV
        out[HEAD] -= (ga * v + gn * v + through) / CA1SIM_SPINE.head_pF
        out[HEAD + 1] = -enters * self.per - (ca - SYSTEM.calcium.rest_uM) / SYSTEM.calcium.decay_ms - binds
        out[HEAD + 2] = binds
        out[HEAD + 3] = (1.0 / (1.0 + math.exp((vm - v) / sm)) - m) / CHANNEL.activation_ms
        out[HEAD + 4] = (1.0 / (1.0 + math.exp((vh - v) / sh)) - h) / CHANNEL.inactivation_ms
        return out

    def jacobian(self, y: np.ndarray, _t: float = 0.0) -> np.ndarray:
        """Return df/dy."""
        j = self.matrix.copy()
        v, ca, bound, m, h = y[HEAD : HEAD + 5].tolist()
        opened, slow = OPEN.dot(y).tolist()
        block = 1.0 / (1.0 + math.exp(-JAHR_STEVENS.slope_per_mV * v) / JAHR_STEVENS.half_mM)
        steeper = JAHR_STEVENS.slope_per_mV * block * (1.0 - block)
        a, n, c = AMPA.conductance_nS, NMDA.conductance_nS, CHANNEL.conductance_nS
        pF, per, away = CA1SIM_SPINE.head_pF, self.per, v - SYSTEM.calcium_mV
        j[HEAD] -= (a * v * OPEN[0] + n * block * v * OPEN[1]) / pF
        gates = (2.0 * c * m * h * away, c * m * m * away)
        j[HEAD, HEAD] -= (a * opened + n * slow * (block + steeper * v) + c * m * m * h) / pF
        j[HEAD, HEAD + 3] -= gates[0] / pF
        j[HEAD, HEAD + 4] -= gates[1] / pF
        s, t = self.share
        j[HEAD + 1] -= per * (v - 40.0) * (s * a * OPEN[0] + t * n * block * OPEN[1])
        j[HEAD + 1, HEAD] -= per * (s * a * opened + t * n * slow * (block + steeper * (v - 40.0)) + c * m * m * h)
        j[HEAD + 1, HEAD + 3] -= per * gates[0]
        j[HEAD + 1, HEAD + 4] -= per * gates[1]
        on, off = BUFFER.kon_per_uM_ms * (BUFFER.total_uM - bound), BUFFER.kon_per_uM_ms * ca + BUFFER.koff_per_ms
        j[HEAD + 1, HEAD + 1] -= 1.0 / SYSTEM.calcium.decay_ms + on
        j[HEAD + 1, HEAD + 2] += off
        j[HEAD + 2, HEAD + 1] += on
        j[HEAD + 2, HEAD + 2] -= off
        for row, (mid, slope), tau in (
            (HEAD + 3, CHANNEL.activation_mV, CHANNEL.activation_ms),
            (HEAD + 4, CHANNEL.inactivation_mV, CHANNEL.inactivation_ms),
        ):
            steady = 1.0 / (1.0 + math.exp((mid - v) / slope))
            j[row, HEAD] += steady * (1.0 - steady) / slope / tau
            j[row, row] -= 1.0 / tau
        return j


def lsoda(equations: Equations, tolerance: float, *, analytic: bool, pulses: np.ndarray = PULSES_MS) -> np.ndarray:
    """Return open probabilities at the samples by SciPy's LSODA, restarted at every switch of glutamate."""
    from scipy.integrate import odeint

    at = edges(pulses)
    y, found = START, []
    for i, (a, b) in enumerate(itertools.pairwise(at)):
        equations.glutamate(GLUTAMATE_UM if i % 2 else 0.0)
        first, last = np.searchsorted(SAMPLES_MS, [a, b], side="right")
        inside = SAMPLES_MS[first:last]
        ends = len(inside) > 0 and inside[-1] == b
        times = np.concatenate([[a], inside, [] if ends else [b]])
        states = odeint(
            equations.rhs, y, times, Dfun=equations.jacobian if analytic else None, rtol=tolerance, atol=tolerance,
            mxstep=100_000,
        )  # fmt: skip
        y = states[-1]
        found.append(states[1 : 1 + len(inside)] @ OPEN.T)
    return np.concatenate(found)


@functools.cache
def reference() -> np.ndarray:
    """Return open probabilities at the samples by LSODA with a tolerance of 1e-12, shape (samples, 2)."""
    return lsoda(Equations(), 1e-12, analytic=True)


def error(values: np.ndarray) -> float:
    """Return the largest error of an open probability."""
    return float(np.max(np.abs(np.asarray(values) - reference())))


def at_equal_error(run: Callable[[float], np.ndarray]) -> dict:
    """Return time and error of an engine at its loosest tolerance whose error is at most EQUAL_ERROR.

    `run` takes a tolerance and returns values at the samples.
    """
    tried = []
    for tolerance in TOLERANCES:
        found = error(run(tolerance))
        tried.append([tolerance, found])
        if found <= EQUAL_ERROR:
            times = timed(functools.partial(run, tolerance))
            return {"tolerance": tolerance, "error": found, "tried": tried, **times}
    return {"failed": f"no tolerance reaches {EQUAL_ERROR:g}", "tried": tried}
