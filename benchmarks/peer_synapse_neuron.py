"""The stiff case by NEURON's CVode: sections for the voltages, one mechanism for everything else."""

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import synapse_case as case
from .timing import once


def nmodl() -> str:
    """Return the mechanism; glutamate (uM) is a parameter that an event changes."""
    a, n, c, buffer, calcium = case.AMPA, case.NMDA, case.CHANNEL, case.BUFFER, case.SYSTEM.calcium
    share = [r.calcium.share * -65.0 / -105.0 for r in (a, n)]
    (vm, sm), (vh, sh) = c.activation_mV, c.inactivation_mV
    arrows = []
    for at, r in ((0, a), (case.N_A, n)):
        source, target, laws = r.scheme.directed
        half = len(laws) // 2
        for e in range(half):
            f, b = (f"{float(r.base_rates[i])!r}" + ("*c" if laws[i].ligand else "") for i in (e, half + e))
            arrows.append(f"  ~ y{at + source[e]}q <-> y{at + target[e]}q ({f}, {b})")
    weights = [" + ".join(f"{float(row[i])!r}*y{i}q" for i in np.flatnonzero(row)) for row in case.OPEN]
    states = [f"y{i}q" for i in range(case.N_A + n.n)]
    start = [f"  {s} = {float(p)!r}" for s, p in zip(states, case.START, strict=False)]
    ca, bound, m, h = case.START[case.HEAD + 1 : case.HEAD + 5]
    names = ("caq", "bq", "bfq", "mq", "mcq", "hq", "hcq")
    others = (ca, bound, buffer.total_uM - bound, m, 1.0 - m, h, 1.0 - h)
    return "\n".join(
        [
            "NEURON { POINT_PROCESS Synapse\n  RANGE c\n  NONSPECIFIC_CURRENT i }",
            "PARAMETER { c = 0 }",
            "ASSIGNED { v (mV) i (nA) ga gn through enters }",
            "STATE { " + " ".join([*states, *names]) + " }",
            "INITIAL {",
            *start,
            *(f"  {s} = {float(p)!r}" for s, p in zip(names, others, strict=True)),
            "}",
            "BREAKPOINT {",
            "  SOLVE all METHOD sparse",
            "  currents()",
            "  i = 0.001*(ga*v + gn*v + through)",
            "}",
            "PROCEDURE currents() {",
            f"  ga = {a.conductance_nS}*({weights[0]})",
            f"  gn = {n.conductance_nS}*({weights[1]})/(1 + exp(-{n.block.slope_per_mV}*v)/{n.block.half_mM})",
            f"  through = {c.conductance_nS}*mq*mq*hq*(v - {case.SYSTEM.calcium_mV})",
            f"  enters = ({share[0]!r}*ga + {share[1]!r}*gn)*(v - 40) + through",
            "}",
            "KINETIC all {",
            "  LOCAL mi, hi",
            "  currents()",
            f"  mi = 1/(1 + exp(({vm} - v)/{sm}))",
            f"  hi = 1/(1 + exp(({vh} - v)/({sh})))",
            *arrows,
            f"  ~ caq + bfq <-> bq ({buffer.kon_per_uM_ms}, {buffer.koff_per_ms})",
            f"  ~ caq -> ({1.0 / calcium.decay_ms!r})",
            f"  ~ caq << ({calcium.rest_uM / calcium.decay_ms!r} - enters*{calcium.per_pA_ms()!r})",
            f"  ~ mcq <-> mq (mi/{c.activation_ms}, (1 - mi)/{c.activation_ms})",
            f"  ~ hcq <-> hq (hi/{c.inactivation_ms}, (1 - hi)/{c.inactivation_ms})",
            "}",
        ]
    )  # fmt: skip


def rows() -> list[dict]:
    """Return the timings."""
    folder = Path(tempfile.mkdtemp(prefix="bench-neuron-"))
    (folder / "synapse.mod").write_text(nmodl())
    compiler = Path(sys.executable).parent / "nrnivmodl"
    environment = {**os.environ, "PATH": f"{compiler.parent}{os.pathsep}{os.environ['PATH']}"}
    done, seconds, _ = once(
        lambda: subprocess.run(
            [str(compiler)], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    )
    if done.returncode:
        raise RuntimeError(f"nrnivmodl failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    import neuron
    from neuron import h

    if not neuron.load_mechanisms(str(folder), warn_if_already_loaded=False):
        raise RuntimeError("the compiled mechanism was not found")
    cell = case.CELL
    parts = []
    for name, pF, nS, mV in zip(("dend", "soma"), cell.capacitance_pF, cell.leak_nS, cell.rest_mV, strict=True):
        part = h.Section(name=name)
        part.L = part.diam = math.sqrt(100.0 * pF / math.pi)
        part.cm = 1.0
        part.insert("pas")
        part.g_pas, part.e_pas = nS * 1e-9 / (100.0 * pF * 1e-8), mV
        parts.append(part)
    head = h.Section(name="head")
    head.L = head.diam = 0.5
    head.cm = 1.0
    for child, GOhm in ((parts[1], 1.0 / cell.coupling_nS[0][2]), (head, case.CA1SIM_SPINE.neck_GOhm)):
        child.Ra = GOhm * 1e9 * 0.25 * math.pi * child.diam**2 / (0.5 * child.L) * 1e-4
        child.connect(parts[0](0.5), 0.0)
    synapse = h.Synapse(head(0.5))
    cvode = h.CVode()
    cvode.active(1)
    times = h.Vector(case.SAMPLES_MS)
    wanted = [int(i) for i in np.flatnonzero(case.OPEN.any(axis=0))]
    records = [h.Vector().record(synapse, getattr(synapse, f"_ref_y{i}q"), times) for i in wanted]
    weights = case.OPEN[:, wanted].T

    def switch(concentration: float) -> None:
        synapse.c = concentration
        cvode.re_init()

    def run(tolerance: float) -> np.ndarray:
        cvode.rtol(tolerance)
        cvode.atol(tolerance)
        synapse.c = 0.0
        h.finitialize(float(case.START[case.HEAD]))
        for at in case.PULSES_MS:
            cvode.event(at, lambda: switch(case.GLUTAMATE_UM))
            cvode.event(at + case.WIDTH_MS, lambda: switch(0.0))
        cvode.solve(case.END_MS)
        return np.stack([r.as_numpy() for r in records], axis=1) @ weights

    return [{"name": "NEURON CVode", "compile_s": seconds} | case.at_equal_error(run)]
