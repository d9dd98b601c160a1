"""The stiff case by Myokit's CVODES (compiled equations, restarted by its protocol)."""

import myokit
import numpy as np

from . import synapse_case as case
from .timing import once


def model() -> myokit.Model:
    """Return the equations; glutamate (uM) is the pacing variable."""
    names = [f"x{i}" for i in range(case.N)]
    a, n, c = case.AMPA, case.NMDA, case.CHANNEL
    text = ["[[model]]", *(f"r.{v} = {float(p)!r}" for v, p in zip(names, case.START, strict=True))]
    text += ["[engine]", "time = 0 bind time", "pace = 0 bind pace", "[r]", "c = engine.pace"]
    for at, r in ((0, a), (case.N_A, n)):
        source, target, laws = r.scheme.directed
        for i in range(r.n):
            gain, loss = [], []
            for e, (s, t) in enumerate(zip(source, target, strict=True)):
                rate = f"{float(r.base_rates[e])!r}" + (" * c" if laws[e].ligand else "")
                if t == i:
                    gain.append(f"{rate} * x{at + s}")
                if s == i:
                    loss.append(rate)
            text.append(f"dot(x{at + i}) = {' + '.join(gain)} - ({' + '.join(loss)}) * x{at + i}")
    v, ca, bound, m, h, dend, soma = (f"x{case.HEAD + i}" for i in range(7))
    for name, row in (("opened", case.OPEN[0]), ("slow", case.OPEN[1])):
        text.append(f"{name} = " + " + ".join(f"{float(row[i])!r} * x{i}" for i in np.flatnonzero(row)))
    block, calcium, buffer, cell = n.block, case.SYSTEM.calcium, case.BUFFER, case.CELL
    share = [r.calcium.share * -65.0 / -105.0 for r in (a, n)]
    neck, pF = case.CA1SIM_SPINE.neck_nS, case.CA1SIM_SPINE.head_pF
    couple = cell.coupling_nS[0][2]
    (vm, sm), (vh, sh) = c.activation_mV, c.inactivation_mV
    text += [
        f"ga = {a.conductance_nS} * opened",
        f"gn = {n.conductance_nS} * slow / (1 + exp(-{block.slope_per_mV} * {v}) / {block.half_mM})",
        f"through = {c.conductance_nS} * {m}^2 * {h} * ({v} - {case.SYSTEM.calcium_mV})",
        f"enters = ({share[0]!r} * ga + {share[1]!r} * gn) * ({v} - 40) + through",
        f"binds = {buffer.kon_per_uM_ms} * {ca} * ({buffer.total_uM} - {bound}) - {buffer.koff_per_ms} * {bound}",
        f"dot({v}) = -(ga * {v} + gn * {v} + through + {neck!r} * ({v} - {dend})) / {pF!r}",
        f"dot({ca}) = -enters * {calcium.per_pA_ms()!r} - ({ca} - {calcium.rest_uM}) / {calcium.decay_ms} - binds",
        f"dot({bound}) = binds",
        f"dot({m}) = (1 / (1 + exp(({vm} - {v}) / {sm})) - {m}) / {c.activation_ms}",
        f"dot({h}) = (1 / (1 + exp(({vh} - {v}) / ({sh}))) - {h}) / {c.inactivation_ms}",
        f"dot({dend}) = ({cell.leak_nS[0]} * ({cell.rest_mV[0]} - {dend}) + {couple} * ({soma} - {dend}) "
        f"+ {neck!r} * ({v} - {dend})) / {cell.capacitance_pF[0]}",
        f"dot({soma}) = ({cell.leak_nS[1]} * ({cell.rest_mV[1]} - {soma}) + {couple} * ({dend} - {soma})) "
        f"/ {cell.capacitance_pF[1]}",
    ]
    return myokit.parse_model("\n".join(text))


def rows() -> list[dict]:
    """Return the timings."""
    protocol = myokit.Protocol()
    for at in case.PULSES_MS:
        protocol.schedule(case.GLUTAMATE_UM, float(at), case.WIDTH_MS)
    simulation, seconds, _ = once(lambda: myokit.Simulation(model(), protocol))

    def run(tolerance: float) -> np.ndarray:
        simulation.set_tolerance(tolerance, tolerance)
        simulation.reset()
        log = simulation.run(case.END_MS, log=["r.opened", "r.slow"], log_times=case.SAMPLES_MS)
        return np.stack([log["r.opened"], log["r.slow"]], axis=1)

    return [{"name": "Myokit CVODES", "compile_s": seconds} | case.at_equal_error(run)]
