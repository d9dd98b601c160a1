"""A spine on a cell in NEURON, written as voltages at given times; a process of its own, started by the tests.

Reads a JSON task from standard input: ``library`` (compiled mechanisms), ``receptors`` (lists of [mechanism, {range
variable: value}]), ``head`` [length, diameter um], ``neck_GOhm``, ``cell`` (lists of [pF, nS, mV]), ``coupling_nS``,
``clamp`` ([compartment, GOhm, mV] or null), ``start_mV``, ``pulses`` (lists of [on ms, off ms, mM]), ``samples_ms``,
``tolerance``, ``output`` (.npz file to write).
"""

import json
import math
import sys

import numpy as np


def compartment(h: object, name: str, pF: float, nS: float, mV: float) -> object:
    """Return a passive cylinder of given capacitance and leak."""
    section = h.Section(name=name)
    section.cm = 1.0
    section.L = section.diam = math.sqrt(100.0 * pF / math.pi)  # 1 uF/cm2 is 0.01 pF/um2
    section.insert("pas")
    section.g_pas = nS * 1e-9 / (100.0 * pF * 1e-8)
    section.e_pas = mV
    return section


def attach(child: object, parent: object, GOhm: float) -> None:
    """Join a section to the middle of another: half of its axial resistance is the coupling."""
    cross = 0.25 * math.pi * child.diam**2
    child.Ra = GOhm * 1e9 * cross / (0.5 * child.L) * 1e-4
    child.connect(parent(0.5), 0.0)


def main() -> None:
    """Simulate the task on standard input."""
    from neuron import h  # not at the top: pytest imports every file

    task = json.load(sys.stdin)
    if not h.nrn_load_dll(task["library"]):
        sys.exit(f"cannot load {task['library']}")
    cell = [compartment(h, f"c{i}", *row) for i, row in enumerate(task["cell"])]
    for i, section in enumerate(cell[1:], start=1):
        attach(section, cell[0], 1.0 / task["coupling_nS"][i - 1])
    head = h.Section(name="head")
    head.L, head.diam = task["head"]
    head.cm = 1.0
    attach(head, cell[0], task["neck_GOhm"])
    points = []
    for mechanism, values in task["receptors"]:
        point = getattr(h, mechanism)(head(0.5))
        for name, value in values.items():
            setattr(point, name, value)
        points.append(point)
    clamp = None
    if task["clamp"]:
        at, resistance, level = task["clamp"]
        clamp = h.SEClamp(cell[at](0.5))
        clamp.rs, clamp.dur1, clamp.amp1 = 1e3 * resistance, 1e9, level
    solver = h.CVode()
    solver.active(True)
    solver.rtol(0.0)
    solver.atol(task["tolerance"])
    times = h.Vector(task["samples_ms"])
    sections = [head, *cell]
    traces = [h.Vector().record(s(0.5)._ref_v, times) for s in sections]

    def switch(concentration: float) -> None:
        for point in points:
            point.C_glutamate = concentration
        solver.re_init()

    h.finitialize(task["start_mV"])
    for on, off, concentration in task["pulses"]:
        solver.event(on, lambda c=concentration: switch(c))
        solver.event(off, lambda: switch(0.0))
    solver.solve(task["samples_ms"][-1] + 1.0)  # so that the last sample is recorded
    np.savez(task["output"], voltage_mV=np.array([t.to_python() for t in traces]).T)


if __name__ == "__main__":
    main()
