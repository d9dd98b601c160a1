"""The reference spine with its calcium-permeable channels drawn one by one (NMDA receptors, T, R and L type).

A spine holds fifteen NMDA receptors and three channels of each type; what they let in feeds enzymes that respond to the
square and the fourth power of calcium, so the mean over draws is not the outcome of the mean. AMPA and GABA receptors
(120 and 34) stay at their expected conductance. Steps are short and given (0.02 ms near an event, 0.08 ms else, as long
as a T-type opening at rest): channels are Markov chains with exact two-state (NMDA: exact seven-state) transition
probabilities at the voltage of the step, voltages an implicit midpoint rule with staggered gates, calcium and buffer
linearly implicit, enzymes explicit.

The same loop with expected occupancies instead of draws is held against the Rosenbrock loop in the tests.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..mechanisms.calmodulin import ACTIVE_CAMKII, ACTIVE_CAN, enzyme_rates
from ..mechanisms.geometrical_readout import Readout
from ..mechanisms.magnesium_block import JAHR_STEVENS
from ..mechanisms.reference_spine import CALCIUM, FAST, SpineConstants
from ..mechanisms.somatic_spike import linoid
from ..mechanisms.spine_calcium_channels import FARADAY, GATES, calcium_drive
from ..numerics.matrix_exponential import stationary, transition_matrix
from .reference_engine import register_constants

#: Steps of one call of the compiled loop.
CHUNK = 250
#: Channels of each voltage-gated type.
CHANNELS = 3


def _step_voltage(v: Any, gates: Any, fatigue: Any, spine: Any, gaba: Any, current: Any, h: Any, k: Any) -> Any:
    """Return dendrite and soma voltage after an implicit midpoint step; `spine` is (conductance, current at 0 mV)."""
    dendrite, soma = v
    m, inact, n = gates
    coupling, _, drive = fatigue
    s = k.spike
    link = coupling * s.coupling_nS
    total, source = spine
    through = k.neck_nS * (1.0 - k.neck_nS / total)
    leak = k.leak_nS_um2 * k.dendrite_um2
    sodium = s.sodium_nS * m**3 * inact * drive
    cd, cs = 2.0 * k.capacitance_pF_um2 * k.dendrite_um2 / h, 2.0 * s.capacitance_pF / h
    a = cd + through + gaba + leak + link
    b = cs + sodium + s.potassium_nS * n + s.leak_nS + link
    p = cd * dendrite + k.neck_nS * source / total + gaba * k.chloride_mV + leak * k.leak_mV
    q = cs * soma + current * drive + sodium * s.sodium_mV + s.potassium_nS * n * s.potassium_mV + s.leak_nS * s.leak_mV
    det = a * b - link * link
    return 2.0 * (b * p + link * q) / det - dendrite, 2.0 * (link * p + a * q) / det - soma


@functools.cache
def _program(readout: Readout) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp
    from jax import lax

    can_row, camkii_row = jnp.asarray(ACTIVE_CAN), jnp.asarray(ACTIVE_CAMKII)

    def two_state(x: Any, u: Any, opening: Any, closing: Any, h: Any, stochastic: Any) -> Any:
        rate = opening + closing
        steady = opening / rate
        p = steady + (x - steady) * jnp.exp(-rate * h)
        return jnp.where(stochastic, (u < p).astype(float), p)

    def categorical(row: Any, u: Any, stochastic: Any) -> Any:
        above = jnp.cumsum(row, axis=-1)
        below = above - row
        last = jnp.arange(row.shape[-1]) == row.shape[-1] - 1
        drawn = (u[..., None] >= below) & ((u[..., None] < above) | last)
        return jnp.where(stochastic, drawn.astype(float), row)

    def body(carry: Any, x: Any, k: Any, tables: Any, nmda_nS: Any, near_ms: Any, stochastic: Any) -> Any:
        fast, enzymes, gates, l_type, nmda, (activation, units, was_in, dwell), key = carry
        h0, ampa, gaba, current = x
        moving = h0 > 0
        h = jnp.where(moving, h0, 1.0)
        vd, vs, m, inact, n, coupling, restraint, drive, sk, ca, buffer, v = (fast[:, i] for i in range(12))
        runs = fast.shape[0]
        key, sub = jax.random.split(key)
        receptors = nmda[0].shape[1] + nmda[1].shape[1]
        u = jax.random.uniform(sub, (runs, 5 * CHANNELS + receptors))
        # voltage-gated channels, at the spine's voltage
        drawn = []
        for i, g in enumerate(GATES):
            steady = 1.0 / (1.0 + jnp.exp((g.half_mV - v) / g.slope_mV))[:, None]
            opening = k.channel_factors[0] * steady / g.tau_ms
            closing = k.channel_factors[1] * (1.0 - steady) / g.tau_ms
            drawn.append(
                two_state(gates[:, i], u[:, i * CHANNELS : (i + 1) * CHANNELS], opening, closing, h, stochastic)
            )
        gates = jnp.stack(drawn, axis=1)
        up = (k.channel_factors[0] * 0.83 / (1.0 + jnp.exp((13.7 - v) / 6.1)))[:, None]
        down1 = (k.channel_factors[1] * 0.53 / (1.0 + jnp.exp((v - 11.5) / 6.4)))[:, None]
        down2 = (k.channel_factors[1] * 1.86 / (1.0 + jnp.exp((v - 18.8) / 6.17)))[:, None]
        leave, back1, back2 = 1.0 - jnp.exp(-2.0 * up * h), 1.0 - jnp.exp(-down1 * h), 1.0 - jnp.exp(-down2 * h)
        c, o1, o2 = l_type[..., 0], l_type[..., 1], l_type[..., 2]
        rows = jnp.stack(
            [c * (1.0 - leave) + o1 * back1 + o2 * back2, 0.5 * c * leave + o1 * (1.0 - back1),
             0.5 * c * leave + o2 * (1.0 - back2)], axis=-1,
        )  # fmt: skip
        l_type = categorical(rows, u[:, 4 * CHANNELS : 5 * CHANNELS], stochastic)
        # NMDA receptors: one transition matrix for each of the two step lengths
        near = h0 < 1.5 * near_ms
        start, opened, new = 5 * CHANNELS, 0.0, []
        for state, (short, long, open_states) in zip(nmda, tables, strict=True):
            stop = start + state.shape[1]
            state = categorical(state @ jnp.where(near, short, long), u[:, start:stop], stochastic)
            new.append(state)
            opened = opened + (state @ open_states).sum(axis=1)
            start = stop
        # voltages
        block = JAHR_STEVENS.unblocked(v, k.magnesium_mM, xp=jnp)
        nmda_g = opened * nmda_nS * block
        spine_leak = k.leak_nS_um2 * k.spine_um2
        total = ampa + nmda_g + k.sk_nS * sk + spine_leak + k.neck_nS
        source = k.sk_nS * sk * k.sk_mV + spine_leak * k.leak_mV
        xm, yh = vs + 30.0, vs + 45.0
        open_m, close_m = 0.4 * linoid(xm, 7.2, xp=jnp), 0.124 * linoid(-xm, 7.2, xp=jnp)
        recover, inactivate = 0.01 * linoid(-yh, 1.5, xp=jnp), 0.03 * linoid(yh, 1.5, xp=jnp)
        bias = jnp.exp(-0.11 * (vs - 13.0))
        tau_n = jnp.maximum(50.0 * jnp.exp(-0.08 * (vs - 13.0)) / (1.0 + bias), 2.0)
        m_new, inact_new, n_new = (
            y + (steady - y) * (1.0 - jnp.exp(-rate * h))
            for y, steady, rate in (
                (m, open_m / (open_m + close_m), open_m + close_m),
                (inact, recover / (recover + inactivate), recover + inactivate),
                (n, 1.0 / (1.0 + bias), 1.0 / tau_n),
            )
        )
        vd_new, vs_new = _step_voltage(
            (vd, vs), (m_new, inact_new, n_new), (coupling, restraint, drive), (total, source), gaba, current, h, k
        )
        v_new = (source + k.neck_nS * 0.5 * (vd + vd_new)) / total
        s = k.spike
        coupling_new = coupling + h * ((1.0 - coupling) / s.recover_ms - s.use * coupling / restraint * current)
        restraint_new = restraint + h * ((1.0 - restraint) / s.recover_ms - s.use_of_use * restraint * current)
        drive_new = drive + h * ((1.0 - drive) / s.age_recover_ms - s.age_use * drive * current)
        # calcium
        permeable = (
            k.t_type_nS / CHANNELS * (gates[:, 0] * gates[:, 1]).sum(axis=1)
            + k.r_type_nS / CHANNELS * (gates[:, 2] * gates[:, 3]).sum(axis=1)
            + k.l_type_nS / CHANNELS * (l_type[..., 1] + l_type[..., 2]).sum(axis=1)
            + k.nmda_calcium_share * nmda_g
        )
        influx = permeable * calcium_drive(v_new, ca, k.external_calcium_uM, k.temperature_C, xp=jnp)
        influx = influx / (2.0 * FARADAY * k.spine_um2)
        slope, uptake = enzyme_rates(enzymes, ca, k.enzymes, xp=jnp)
        free_sites, kept = k.buffer_on * (k.buffer_uM - buffer) * h, 1.0 + h * k.buffer_off
        beyond = jnp.maximum(k.rest_uM, ca / 3.0)
        right = ca + h * (influx + k.rest_uM / k.extrusion_ms + beyond / k.neck_diffusion_ms - uptake)
        left = 1.0 + h / k.extrusion_ms + h / k.neck_diffusion_ms + free_sites / kept
        ca_new = (right + buffer - buffer / kept) / left
        buffer_new = (buffer + free_sites * ca_new) / kept
        sixth = ca**6
        sk_steady = sixth / (sixth + k.sk_half_uM**6) * k.sk_factors[0]
        sk_new = sk_steady + (sk - sk_steady) * jnp.exp(-h / (k.sk_ms * k.sk_factors[1]))
        after = jnp.stack(
            [vd_new, vs_new, m_new, inact_new, n_new, coupling_new, restraint_new, drive_new, sk_new, ca_new,
             buffer_new, v_new], axis=1,
        )  # fmt: skip
        enzymes_new = enzymes + h * slope
        can, camkii = enzymes_new @ can_row, enzymes_new @ camkii_row
        is_in = readout.indicators(can, camkii, xp=jnp)
        part = 0.5 * (was_in + is_in)
        activation_new, units_new = readout.advance(activation, units, part, h, xp=jnp)
        moved = (
            after, enzymes_new, gates, l_type, tuple(new), (activation_new, units_new, is_in, dwell + h * part), key,
        )  # fmt: skip
        return jax.tree.map(lambda a, b: jnp.where(moving, a, b), moved, carry), (ca_new, v_new)

    @jax.jit
    def loop(carry: Any, k: Any, tables: Any, nmda_nS: Any, near_ms: Any, stochastic: Any, xs: Any) -> Any:
        step = lambda c, x: body(c, x, k, tables, nmda_nS, near_ms, stochastic)  # noqa: E731
        carry, (ca, v) = lax.scan(step, carry, xs)
        return carry, (ca.max(axis=0), v.max(axis=0))

    return loop


@dataclasses.dataclass(frozen=True)
class FlickerRule:
    """Step lengths of the loop.

    Attributes
    ----------
    near_ms, far_ms : float
        Step within `near_after_ms` of an event, and beyond.
    stop_after_ms : float
        After the last event, when channels return to their expected behaviour for the rest of the readout.
    """

    near_ms: float = 0.02
    far_ms: float = 0.08
    near_after_ms: float = 15.0
    stop_after_ms: float = 2000.0


def segment_steps(a: float, b: float, events: np.ndarray, rule: FlickerRule) -> np.ndarray:
    """Return steps from a to b (ms), short within a while after each event, shape (steps,)."""
    starts = events[(events > a - rule.near_after_ms) & (events < b)]
    cuts = sorted({a, b, *(min(max(t, a), b) for e in starts for t in (e - 1.0, e + rule.near_after_ms))})
    parts = []
    for left, right in itertools.pairwise(cuts):
        middle = 0.5 * (left + right)
        near = bool(((starts - 1.0 <= middle) & (middle < starts + rule.near_after_ms)).any())
        length = rule.near_ms if near else rule.far_ms
        count = max(1, round((right - left) / length))
        parts.append(np.full(count, (right - left) / count))
    return np.concatenate(parts)


class FlickerLoop:
    """The compiled loop, its state and its tables.

    Parameters
    ----------
    readout : Readout
    constants : SpineConstants
    start : array, shape (35,)
        State at rest.
    nmda : two of (generators, receptors, open)
        GluN2A and GluN2B: see :func:`potentiate.preparations.reference_drive.scheme_generators`; number; which states
        conduct.
    nmda_nS : float
        Of one open receptor.
    runs, seed : int
    stochastic : bool
        False: expected occupancies (for tests).
    """

    def __init__(
        self, readout: Readout, constants: SpineConstants, start: np.ndarray, nmda: Any, nmda_nS: float, runs: int,
        seed: int, rule: FlickerRule, stochastic: bool = True,
    ) -> None:  # fmt: skip
        import jax
        import jax.numpy as jnp

        from ..kinetics.ensemble import require_float64

        require_float64()
        register_constants()
        self.runs, self.constants, self.rule, self.nmda, self.nmda_nS = runs, constants, rule, nmda, nmda_nS
        self.loop, self.stochastic = _program(readout), stochastic
        rng = np.random.default_rng(seed)
        named = dict(zip(FAST, start, strict=False))

        def sample(p: np.ndarray) -> np.ndarray:
            if not stochastic:
                return p
            pick = (rng.random(p.shape[:-1])[..., None] > np.cumsum(p, axis=-1)).sum(axis=-1)
            return np.eye(p.shape[-1])[np.minimum(pick, p.shape[-1] - 1)]

        order = (
            "dendrite_mV", "soma_mV", "m", "h", "n", "coupling", "restraint", "drive", "SK", "calcium_uM", "buffer_uM",
            "spine_mV",
        )  # fmt: skip
        fast = np.tile([named[name] for name in order], (runs, 1))
        open_ = np.array([named[name] for name in ("T_m", "T_h", "R_m", "R_h")])[None, :, None]
        open_ = np.broadcast_to(open_, (runs, 4, CHANNELS))
        gates = (rng.random(open_.shape) < open_).astype(float) if stochastic else open_.copy()
        l_open = named["L_1"], named["L_2"]
        l_type = sample(np.broadcast_to([1.0 - sum(l_open), *l_open], (runs, CHANNELS, 3)))
        rests = [stationary(generators(np.array(0.0))) for generators, _, _ in nmda]
        receptors = tuple(
            sample(np.broadcast_to(rest, (runs, count, len(rest))))
            for rest, (_, count, _) in zip(rests, nmda, strict=True)
        )
        enzymes = np.tile(start[len(FAST) :], (runs, 1))
        inside = readout.indicators(enzymes @ ACTIVE_CAN, enzymes @ ACTIVE_CAMKII)
        units = np.tile([0.0, 1.0, 0.0], (runs, 1))
        state = fast, enzymes, gates, l_type, receptors, (np.zeros((runs, 2)), units, inside, np.zeros((runs, 2)))
        self.carry = (*jax.tree.map(jnp.asarray, state), jax.random.PRNGKey(seed))
        self.bare = self._tables(np.zeros(runs), rule.near_ms)

    def _tables(self, transmitter_uM: np.ndarray, near_ms: float) -> Any:
        found = []
        for generators, _, open_states in self.nmda:
            q = generators(transmitter_uM)
            short, long = transition_matrix(q, near_ms), transition_matrix(q, self.rule.far_ms)
            found.append((short, long, np.asarray(open_states, dtype=float)))
        return tuple(found)

    def advance(
        self, steps_ms: np.ndarray, ampa: np.ndarray, gaba: np.ndarray, current: np.ndarray,
        transmitter_uM: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Advance over steps; conductances and current of shape (steps, runs).

        Returns
        -------
        calcium_uM, spine_mV : arrays, shape (chunks, runs)
            Largest values of each chunk of steps.
        """
        near = self.rule.near_ms if transmitter_uM is None else float(steps_ms[0])
        tables = self.bare if transmitter_uM is None else self._tables(transmitter_uM, near)
        peaks = []
        for i in range(0, len(steps_ms), CHUNK):
            xs = [x[i : i + CHUNK] for x in (steps_ms, ampa, gaba, current)]
            missing = CHUNK - len(xs[0])
            if missing:
                xs = [np.concatenate([x, np.zeros((missing, *x.shape[1:]))]) for x in xs]
            self.carry, peak = self.loop(
                self.carry, self.constants, tables, self.nmda_nS, near, self.stochastic, tuple(xs)
            )
            peaks.append(peak)
        return tuple(np.array([np.asarray(p[j]) for p in peaks]) for j in range(2))  # type: ignore[return-value]

    def plane(self) -> tuple[np.ndarray, np.ndarray]:
        """Return calcineurin and active CaMKII now, each of shape (runs,)."""
        enzymes = np.asarray(self.carry[1])
        return enzymes @ ACTIVE_CAN, enzymes @ ACTIVE_CAMKII

    def expected_state(self) -> np.ndarray:
        """Return the state for the Rosenbrock loop, shape (runs, 35): channels at their mean."""
        fast, enzymes, gates, l_type = (np.asarray(x) for x in self.carry[:4])
        means = gates.mean(axis=2)
        l_means = l_type.mean(axis=1)
        columns = [fast[:, 11], fast[:, 0], fast[:, 1], *fast[:, 2:8].T, *means.T, l_means[:, 1], l_means[:, 2]]
        columns += [fast[:, 8], fast[:, 9], fast[:, 10], *enzymes.T]
        state = np.stack(columns, axis=1)
        assert FAST[CALCIUM] == "calcium_uM"
        return state

    def readout_state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return activation, units and dwell (ms)."""
        activation, units, _, dwell = (np.asarray(x) for x in self.carry[5])
        return activation, units, dwell
