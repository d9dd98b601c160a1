"""Many synapses on one cell, on a common time grid: the fast engine of the slice.

Receptors whose gating does not depend on voltage are stepped exactly (one propagator per kind of step, shared by
all synapses). Head voltages follow their dendrite without delay (the head's time constant is microseconds), so each
synapse shows its layer one series conductance; the layers are stepped by the implicit midpoint rule, with the
magnesium block at the voltage of the midpoint. Cost is linear in the number of synapses. The unreduced system
(spine_system) is the check.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import NumericalError
from ..kinetics.scheme import Scheme
from ..mechanisms.calcium import CalciumChannel, CalciumDynamics, FixedShare
from ..mechanisms.feedforward_inhibition import FeedforwardInhibition, biexponential_peak
from ..mechanisms.magnesium_block import MagnesiumBlock
from ..mechanisms.pyramidal_cell import PyramidalCell
from ..numerics.matrix_exponential import stationary
from .pulse_grid import MOST_OVERLAPS, PulseGrid

#: Steps per compiled piece of the loop; longer bouts repeat it, so that one program serves all protocols.
PIECE = 512

#: Picard iterations for the magnesium block at the midpoint of a step.
ITERATIONS = 2

ROUTES = ("NMDA", "AMPA", "VGCC")


@dataclasses.dataclass(frozen=True)
class Receptors:
    """Receptors at one synapse: schemes side by side, with what each contributes.

    Attributes
    ----------
    ampa : Scheme
    nmda : tuple of (Scheme, share)
        NMDA receptors by subtype; the shares are parts of the NMDA conductance.
    ampa_nS, nmda_nS : float
        Conductance of one synapse with all channels open (in the largest open state) and no block.
    temperature_C : float or None
    changed : Scheme or None
        A second kind of AMPA receptor, which plasticity may insert.
    """

    ampa: Scheme
    nmda: tuple[tuple[Scheme, float], ...]
    ampa_nS: float
    nmda_nS: float
    temperature_C: float | None = None
    changed: Scheme | None = None

    @property
    def observe(self) -> np.ndarray:
        """Open conductance by state, shape (states, 3): AMPA, AMPA of the changed kind, NMDA; in nS."""
        blocks = [(0, _relative(self.ampa) * self.ampa_nS)]
        if self.changed is not None:
            blocks.append((1, _relative(self.changed) * self.ampa_nS))
        blocks += [(2, _relative(s) * share * self.nmda_nS) for s, share in self.nmda]
        found = np.zeros((sum(len(g) for _, g in blocks), 3))
        at = 0
        for column, g in blocks:
            found[at : at + len(g), column] = g
            at += len(g)
        return found

    def generator(self, glutamate_uM: float, drugs_uM: Mapping[str, float]) -> np.ndarray:
        """Return the block-diagonal generator of all receptors at a glutamate concentration, 1/ms."""
        from scipy.linalg import block_diag

        return np.asarray(block_diag(*[self._generator(s, glutamate_uM, drugs_uM) for s in self._schemes]))

    def rest(self, drugs_uM: Mapping[str, float]) -> np.ndarray:
        """Return resting occupancies with the drug equilibrated, shape (states,)."""
        return np.concatenate([self._at_rest(s, drugs_uM) for s in self._schemes])

    def _at_rest(self, scheme: Scheme, drugs_uM: Mapping[str, float]) -> np.ndarray:
        return stationary(self._generator(scheme, 0.0, drugs_uM))

    @property
    def _schemes(self) -> tuple[Scheme, ...]:
        changed = () if self.changed is None else (self.changed,)
        return (self.ampa, *changed, *[s for s, _ in self.nmda])

    def _generator(self, scheme: Scheme, glutamate_uM: float, drugs_uM: Mapping[str, float]) -> np.ndarray:
        ligands = {name: c for name, c in drugs_uM.items() if name in scheme.ligands}
        return scheme.generator({**ligands, "glutamate": glutamate_uM}, None, self.temperature_C)


def _relative(scheme: Scheme) -> np.ndarray:
    g = np.array(scheme.conductance)
    return g / g.max()


@dataclasses.dataclass(frozen=True)
class Synapses:
    """Where the simulated synapses are and how they differ.

    Attributes
    ----------
    layer : array of int, shape (synapses,)
        Layer of the cell.
    multiplicity : array, shape (synapses,)
        How many real synapses each stands for.
    ampa_scale, changed_scale, nmda_scale : array, shape (synapses,)
        Receptor numbers relative to :class:`Receptors`.
    probability : array, shape (synapses,)
        Release probability at rest.
    """

    layer: np.ndarray
    multiplicity: np.ndarray
    ampa_scale: np.ndarray
    changed_scale: np.ndarray
    nmda_scale: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.layer)


@dataclasses.dataclass(frozen=True)
class SharedDendrite:
    """A pyramidal cell, its synapses' membrane and calcium, and the inhibition of the same fibres.

    Attributes
    ----------
    cell : PyramidalCell
    neck_nS : float
    block : MagnesiumBlock
    magnesium_mM, calcium_mM : float
        External.
    ampa_mV, nmda_mV : float
        Reversal potentials.
    calcium : CalciumDynamics
    nmda_calcium, ampa_calcium : FixedShare
    channel : CalciumChannel
        Voltage-gated, in each head.
    calcium_mV : float
        Reversal of the channel.
    inhibition : FeedforwardInhibition
    interneuron : Scheme
        AMPA receptors of the interneurons.
    """

    cell: PyramidalCell
    neck_nS: float
    block: MagnesiumBlock
    magnesium_mM: float
    calcium_mM: float
    ampa_mV: float
    nmda_mV: float
    calcium: CalciumDynamics
    nmda_calcium: FixedShare
    ampa_calcium: FixedShare
    channel: CalciumChannel
    calcium_mV: float
    inhibition: FeedforwardInhibition
    interneuron: Scheme


@dataclasses.dataclass(frozen=True)
class Course:
    """What happened during a bout.

    Attributes
    ----------
    t_ms : array, shape (steps,)
        Ends of the steps.
    voltage_mV : array, shape (steps, layers)
    calcium_uM : array, shape (steps, synapses)
    head_mV : array, shape (steps, synapses)
    routes_uM : array, shape (synapses, 3)
        Free calcium that entered by each of :data:`ROUTES`, summed over the bout.
    ampa_nS, nmda_nS : array, shape (steps,)
        Open conductance summed over real synapses, NMDA after the block.
    inhibition_nS : array, shape (steps,)
        GABA-A conductance, all layers.
    spikes_ms : array
        Times of somatic spikes.
    interneuron_spikes : array, shape (steps,)
        Interneurons that fire in each step, as a part of all.
    """

    t_ms: np.ndarray
    voltage_mV: np.ndarray
    calcium_uM: np.ndarray
    head_mV: np.ndarray
    routes_uM: np.ndarray
    ampa_nS: np.ndarray
    nmda_nS: np.ndarray
    inhibition_nS: np.ndarray
    spikes_ms: np.ndarray
    interneuron_spikes: np.ndarray


def simulate_bout(
    dendrite: SharedDendrite,
    receptors: Receptors,
    synapses: Synapses,
    grid: PulseGrid,
    releases: np.ndarray,
    drive: np.ndarray,
    *,
    interneuron_ligands: Mapping[str, float] | None = None,
    drugs_uM: Mapping[str, float] | None = None,
    spikes_ms: tuple[float, ...] = (),
    holding_mV: float | None = None,
    recruited: float = 1.0,
) -> Course:
    """Simulate one bout of stimulation of many synapses.

    Parameters
    ----------
    dendrite : SharedDendrite
    receptors : Receptors
        With the drug's sites where a drug is present.
    synapses : Synapses
    grid : PulseGrid
    releases : array, shape (synapses, pulses)
        0 or 1; a number between gives the weight of an expected release (test pulses).
    drive : array, shape (pulses,)
        Expected release at the interneurons' synapses.
    interneuron_ligands : mapping, optional
        Drugs at the interneurons' receptors; default: the same as `drugs_uM`.
    drugs_uM : mapping, optional
    spikes_ms : tuple of float
        Spikes made by current injection.
    holding_mV : float, optional
        Clamps all layers (an ideal space clamp).
    recruited : float
        Part of the fibres that are stimulated; scales the drive of the interneurons.

    Returns
    -------
    Course

    Raises
    ------
    NumericalError
        A voltage or calcium that is not finite.
    """
    from ..kinetics.ensemble import use_float64

    use_float64()
    drugs = dict(drugs_uM or {})
    inter_drugs = drugs if interneuron_ligands is None else dict(interneuron_ligands)
    alone = Receptors(dendrite.interneuron, (), 1.0, 0.0, receptors.temperature_C)
    steps = _steps(grid, receptors, drugs, alone, inter_drugs)
    # weights: sites that release only in expectation carry a current in proportion
    released = releases > 0
    weight = np.where(released, releases, 0.0).max(axis=1) if releases.size else np.zeros(len(synapses))
    model = _model(dendrite, receptors, synapses, weight, alone, recruited)
    forced = _forced(grid, spikes_ms)
    state = _start(dendrite, receptors.rest(drugs), alone.rest(inter_drugs), len(synapses), holding_mV)
    outputs = []
    codes = _codes(grid, released)
    inter = _interneuron_drive(grid, drive)
    n = len(grid.widths_ms)
    for at in range(0, n, PIECE):
        piece = slice(at, min(at + PIECE, n))
        per_step = {
            "h": grid.widths_ms[piece], "kind": steps.kind[piece], "code": codes[piece], "forced": forced[piece],
            **{name: values[piece] for name, values in inter.items()},
        }  # fmt: skip
        pad = PIECE - (piece.stop - piece.start)
        per_step = {k: np.concatenate([v, np.zeros((pad, *v.shape[1:]), v.dtype)]) for k, v in per_step.items()}
        if pad:
            per_step["kind"][-pad:] = steps.nothing
        state, out = _compiled(holding_mV is not None)(model, steps.table, steps.inter_table, state, per_step)
        outputs.append({k: np.asarray(v)[: piece.stop - piece.start] for k, v in out.items()})
    found = {k: np.concatenate([o[k] for o in outputs]) for k in outputs[0]}
    if not (np.isfinite(found["v"]).all() and np.isfinite(found["ca"]).all()):
        raise NumericalError(
            "A voltage or a concentration of calcium is not finite",
            why="conductances are too large for the steps, or a number of the preparation is not a number",
            do="look at the preparation's numbers",
        )
    t = grid.edges_ms[1:]
    return Course(
        t, found["v"], found["ca"], found["head"], np.asarray(state["routes"]), found["ga"], found["gn"],
        found["gaba"], t[found["spike"]], found["inter_spikes"],
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Steps:
    """Propagators: which row of the tables each step needs, by the combination of pulses that released."""

    kind: np.ndarray  # (steps, combinations)
    table: np.ndarray
    inter_table: np.ndarray
    nothing: int  # row of a step of no length


def _steps(
    grid: PulseGrid,
    receptors: Receptors,
    drugs: Mapping[str, float],
    alone: Receptors,
    inter_drugs: Mapping[str, float],
) -> _Steps:
    """Return the propagators of all kinds of steps, and which one each step needs."""
    from scipy.linalg import expm

    widths = np.round(grid.widths_ms, 9)
    combinations = 2**MOST_OVERLAPS
    keys: dict[tuple[float, float], int] = {}
    kind = np.zeros((len(widths), combinations), dtype=np.int32)
    for step, h in enumerate(widths):
        for c in range(combinations):
            present = [grid.glutamate_uM[step, m] for m in range(MOST_OVERLAPS) if c >> m & 1]
            key = (float(h), float(np.round(sum(present), 6)))
            kind[step, c] = keys.setdefault(key, len(keys))
    size = 64
    while size < len(keys) + 1:
        size *= 2
    tables = []
    for which, ligands in ((receptors, drugs), (alone, inter_drugs)):
        n = which.observe.shape[0]
        table = np.tile(np.eye(n), (size, 1, 1))
        generators = {g: which.generator(g, ligands) for _, g in keys}
        for (h, g), row in keys.items():
            table[row] = expm(generators[g] * h)
        tables.append(table)
    return _Steps(kind, tables[0], tables[1], len(keys))


def _codes(grid: PulseGrid, released: np.ndarray) -> np.ndarray:
    """Return, per step and synapse, which of the present pulses released there, as bits; shape (steps, synapses)."""
    codes = np.zeros((len(grid.pulse), released.shape[0]), dtype=np.int8)
    for m in range(MOST_OVERLAPS):
        present = grid.pulse[:, m] >= 0
        codes[present] += (released[:, grid.pulse[present, m]].T << m).astype(np.int8)
    return codes


def _interneuron_drive(grid: PulseGrid, drive: np.ndarray) -> dict[str, np.ndarray]:
    """Return, per step: whether a pulse begins, its chance of release, and which glutamate its synapses see.

    Where waveforms overlap, the tail of the earlier one is left out at interneurons.
    """
    latest = grid.pulse.max(axis=1)
    fresh = (latest >= 0) & (np.concatenate([[-1], np.maximum.accumulate(latest)[:-1]]) < latest)
    slot = np.where(latest >= 0, 1 << np.argmax(grid.pulse, axis=1), 0)
    chance = np.append(drive, 0.0)[latest]
    return {"fresh": fresh, "chance": chance, "slot": slot.astype(np.int32)}


def _forced(grid: PulseGrid, spikes_ms: tuple[float, ...]) -> np.ndarray:
    """Return which steps begin an injected spike."""
    found = np.zeros(len(grid.widths_ms), dtype=bool)
    found[np.searchsorted(grid.edges_ms, np.asarray(spikes_ms, dtype=float) - 1e-9)] = True
    return found


def _start(dendrite: SharedDendrite, rest: np.ndarray, inter: np.ndarray, n: int, holding: float | None) -> Any:
    cell, inhibition = dendrite.cell, dendrite.inhibition
    v = np.full(len(cell.layers), cell.rest_mV if holding is None else holding)
    m, h = dendrite.channel.steady(v[0])
    return {
        "r": np.tile(rest, (n, 1)), "v": v, "head": np.full(n, v[0]), "m": np.full(n, m), "hh": np.full(n, h),
        "ca": np.full(n, dendrite.calcium.rest_uM), "routes": np.zeros((n, 3)), "clock": np.array(1e6),
        "ri": np.tile(inter, (2, 1)), "share": np.array(0.0),
        "vi": np.full(inhibition.cells, inhibition.rest_mV), "quiet": np.full(inhibition.cells, 1e6),
        "wait": np.zeros(2), "gaba": np.zeros(2), "auto": np.zeros(2),
    }  # fmt: skip


def _model(
    d: SharedDendrite, receptors: Receptors, synapses: Synapses, weight: np.ndarray, alone: Receptors, recruited: float
) -> Any:
    """Return all numbers of the step as arrays, so that one compiled program serves every parameter set."""
    cell, q = d.cell, d.inhibition
    onto = np.zeros((len(synapses), len(cell.layers)))
    onto[np.arange(len(synapses)), synapses.layer] = synapses.multiplicity
    used = np.where(weight > 0, weight, 1.0)
    per = d.calcium.per_pA_ms()

    def slope(share: FixedShare, reversal: float) -> tuple[float, float]:
        return -share.current_pA(1.0, share.reversal_mV - 1.0, d.calcium_mM, reversal), share.reversal_mV

    return {
        "observe": receptors.observe,
        "scale": np.stack([synapses.ampa_scale, synapses.changed_scale, synapses.nmda_scale], axis=1),
        "onto": onto * used[:, None],
        "layer": synapses.layer,
        "c": np.array(cell.capacitance_pF), "leak": np.array(cell.leak_nS), "join": np.array(cell.coupling_nS),
        "rest": cell.rest_mV, "threshold": cell.threshold_mV, "soma": cell.soma,
        "spike_g": np.array(cell.spike_nS), "spike_e": np.array([cell.spike_mV, cell.repolarization_mV]),
        "spike_ms": cell.spike_ms, "repolarization_ms": cell.repolarization_ms, "refractory": cell.refractory_ms,
        "neck": d.neck_nS, "ea": d.ampa_mV, "en": d.nmda_mV, "eca": d.calcium_mV, "gca": d.channel.conductance_nS,
        "mg": d.magnesium_mM / d.block.half_mM, "mg_slope": d.block.slope_per_mV,
        "vm": np.array(d.channel.activation_mV), "vh": np.array(d.channel.inactivation_mV),
        "tm": d.channel.activation_ms, "th": d.channel.inactivation_ms,
        "ca_per": per, "ca_tau": d.calcium.decay_ms, "ca_rest": d.calcium.rest_uM,
        "ca_nmda": np.array(slope(d.nmda_calcium, d.nmda_mV)), "ca_ampa": np.array(slope(d.ampa_calcium, d.ampa_mV)),
        "inter_g": alone.observe[:, 0] * q.synapse_nS * recruited, "inter_c": q.capacitance_pF, "inter_leak": q.leak_nS,
        "inter_rest": q.rest_mV, "inter_threshold": q.thresholds_mV, "inter_refractory": q.refractory_ms,
        "gaba_g": np.array(q.gaba_nS) / biexponential_peak(q.gaba_rise_ms, q.gaba_decay_ms),
        "gaba_tau": np.array([q.gaba_rise_ms, q.gaba_decay_ms]), "gaba_e": q.gaba_mV, "delay": q.delay_ms,
        "auto": q.autoreceptor / biexponential_peak(q.autoreceptor_rise_ms, q.autoreceptor_decay_ms),
        "auto_tau": np.array([q.autoreceptor_rise_ms, q.autoreceptor_decay_ms]),
    }  # fmt: skip


@functools.cache
def _compiled(clamped: bool) -> Any:
    import jax
    import jax.numpy as jnp

    def propagate(table: Any, kinds: Any, r: Any, code: Any) -> Any:
        quiet = r @ table[kinds[0]]

        def with_glutamate() -> Any:
            found = quiet
            for c in range(1, 2**MOST_OVERLAPS):
                found = jnp.where((code == c)[:, None], r @ table[kinds[c]], found)
            return found

        return jax.lax.cond(jnp.any(code > 0), with_glutamate, lambda: quiet)

    def step(model: Any, table: Any, inter_table: Any, state: Any, x: Any) -> Any:
        h = x["h"]
        # receptors: exact; conductances at the midpoint by the mean of both ends
        r = propagate(table, x["kind"], state["r"], x["code"])
        open_nS = 0.5 * ((state["r"] + r) @ model["observe"]) * model["scale"]
        ga, gn_open = open_nS[:, 0] + open_nS[:, 1], open_nS[:, 2]

        # interneurons
        # their synapses are many: those that released at the last pulse and those that did not, each exact
        old = state["share"]
        merged = old * state["ri"][0] + (1.0 - old) * state["ri"][1]
        start = jnp.where(x["fresh"], merged, state["ri"])
        weight = jnp.where(x["fresh"], x["chance"], old)
        ri = jnp.stack([start[0] @ inter_table[x["kind"][x["slot"]]], start[1] @ inter_table[x["kind"][0]]])
        middle = 0.5 * (start + ri)
        gi = (weight * middle[0] + (1.0 - weight) * middle[1]) @ model["inter_g"]
        total = gi + model["inter_leak"]
        target = model["inter_leak"] * model["inter_rest"] / total
        vi = target + (state["vi"] - target) * jnp.exp(-h * total / model["inter_c"])
        vi = jnp.where(state["quiet"] < model["inter_refractory"], model["inter_rest"], vi)
        fires = vi > model["inter_threshold"]
        share = jnp.mean(fires.astype(vi.dtype))
        release = share / (1.0 + model["auto"] * (state["auto"][1] - state["auto"][0]))
        quiet = jnp.where(fires, 0.0, state["quiet"] + h)
        vi = jnp.where(fires, model["inter_rest"], vi)
        # two stages of half the delay stand for conduction and release
        pass_on = jnp.exp(-h / (0.5 * model["delay"]))
        first = state["wait"][0] * pass_on + release
        second = state["wait"][1] * pass_on + state["wait"][0] * (1.0 - pass_on)
        arrives = state["wait"][1] * (1.0 - pass_on)
        gaba = state["gaba"] * jnp.exp(-h / model["gaba_tau"]) + arrives
        auto = state["auto"] * jnp.exp(-h / model["auto_tau"]) + release
        gaba_mid = 0.5 * (state["gaba"] + gaba)
        inhibition = model["gaba_g"] * (gaba_mid[1] - gaba_mid[0])

        # spikes
        clock = jnp.where(x["forced"], 0.0, state["clock"])
        rising, falling = (
            clock < model["spike_ms"],
            (clock >= model["spike_ms"]) & (clock < model["spike_ms"] + model["repolarization_ms"]),
        )
        spiking = rising | falling
        spike_g = jnp.where(spiking, model["spike_g"], 0.0)
        spike_e = jnp.where(rising, model["spike_e"][0], model["spike_e"][1])

        # gates at the old head voltage, exact relaxation
        sm = 1.0 / (1.0 + jnp.exp((model["vm"][0] - state["head"]) / model["vm"][1]))
        sh = 1.0 / (1.0 + jnp.exp((model["vh"][0] - state["head"]) / model["vh"][1]))
        m = sm + (state["m"] - sm) * jnp.exp(-h / model["tm"])
        hh = sh + (state["hh"] - sh) * jnp.exp(-h / model["th"])
        gv = model["gca"] * (0.5 * (state["m"] + m)) ** 2 * 0.5 * (state["hh"] + hh)

        neck, join = model["neck"], model["join"]
        drive_g = model["leak"] + inhibition + spike_g
        drive_i = model["leak"] * model["rest"] + inhibition * model["gaba_e"] + spike_g * spike_e

        def half_step(head: Any) -> Any:
            gn = gn_open / (1.0 + model["mg"] * jnp.exp(-model["mg_slope"] * head))
            gs = ga + gn + gv
            current = ga * model["ea"] + gn * model["en"] + gv * model["eca"]
            through = neck / (neck + gs)
            g = (gs * through) @ model["onto"] + drive_g
            i = (current * through) @ model["onto"] + drive_i
            if clamped:
                v = state["v"]
            else:
                v = chain(model["c"] + 0.5 * h * g, 0.5 * h * join, model["c"] * state["v"] + 0.5 * h * i)
            return v, (neck * v[model["layer"]] + current) / (neck + gs), gn

        v_half, head, gn = half_step(state["head"])
        for _ in range(ITERATIONS - 1):
            v_half, head, gn = half_step(head)
        v = 2.0 * v_half - state["v"]

        crossed = (v[model["soma"]] > model["threshold"]) & (clock > model["refractory"]) & (not clamped) & (h > 0)
        clock = jnp.where(crossed, 0.0, clock + h)

        slopes = jnp.stack([model["ca_nmda"], model["ca_ampa"]])
        enter = (
            jnp.stack(
                [
                    gn * slopes[0, 0] * jnp.maximum(slopes[0, 1] - head, 0.0),
                    ga * slopes[1, 0] * jnp.maximum(slopes[1, 1] - head, 0.0),
                    gv * jnp.maximum(model["eca"] - head, 0.0),
                ],
                axis=1,
            )
            * model["ca_per"]
        )
        decay = jnp.exp(-h / model["ca_tau"])
        ca = model["ca_rest"] + (state["ca"] - model["ca_rest"]) * decay
        ca = ca + jnp.sum(enter, axis=1) * model["ca_tau"] * (1.0 - decay)

        new = {
            "r": r, "v": v, "head": head, "m": m, "hh": hh, "ca": ca, "routes": state["routes"] + enter * h,
            "clock": clock, "ri": ri, "share": weight, "vi": vi, "quiet": quiet,
            "wait": jnp.stack([first, second]), "gaba": gaba, "auto": auto,
        }  # fmt: skip
        weights = jnp.sum(model["onto"], axis=1)
        out = {
            "v": v, "ca": ca, "head": head, "ga": ga @ weights, "gn": gn @ weights, "gaba": jnp.sum(inhibition),
            "spike": crossed, "inter_spikes": share,
        }  # fmt: skip
        return new, out

    def chain(diagonal: Any, join: Any, right: Any) -> Any:
        """Solve the tridiagonal system of the layers (Thomas; no pivoting is needed, the diagonal dominates)."""
        n = diagonal.shape[0]
        d = [diagonal[k] + (join[k - 1] if k else 0.0) + (join[k] if k < n - 1 else 0.0) for k in range(n)]
        b = [right[k] for k in range(n)]
        for k in range(1, n):
            f = join[k - 1] / d[k - 1]
            d[k] = d[k] - f * join[k - 1]
            b[k] = b[k] + f * b[k - 1]
        v = [b[n - 1] / d[n - 1]]
        for k in range(n - 2, -1, -1):
            v.insert(0, (b[k] + join[k] * v[0]) / d[k])
        return jnp.stack(v)

    @jax.jit
    def run(model: Any, table: Any, inter_table: Any, state: Any, per_step: Any) -> Any:
        return jax.lax.scan(lambda s, x: step(model, table, inter_table, s, x), state, per_step)

    return run
