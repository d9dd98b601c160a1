"""Run one NEURON mechanism and write the occupancies it gives; a process of its own, started by the tests.

Reads a JSON task from standard input: ``library`` (compiled mechanisms), ``mechanism``, ``states``, ``samples_ms``,
``segments`` (lists of [duration ms, {range variable: value}]), ``set`` (range variables), ``voltage_mV``, ``output``
(.npz file to write), and ``tolerance`` (of CVode) or ``step_ms`` (fixed; samples are whole steps).
"""

import json
import sys

import numpy as np


def main() -> None:
    """Simulate the task on standard input."""
    # not at the top: pytest imports every file, and NEURON's SUNDIALS in the process of Myokit's ends in a crash
    from neuron import h

    task = json.load(sys.stdin)
    if not h.nrn_load_dll(task["library"]):
        sys.exit(f"cannot load {task['library']}")
    section = h.Section(name="clamped")  # no channels and no current: the voltage stays where it starts
    point = getattr(h, task["mechanism"])(section(0.5))
    for name, value in task["set"].items():
        setattr(point, name, value)
    h.celsius = 37.0  # must not matter: exported mechanisms do not read it
    if "step_ms" in task:
        start, occupancy = fixed_steps(h, task, point)
    else:
        start, occupancy = variable_steps(h, task, point)
    np.savez(task["output"], start=start, occupancy=occupancy, voltage_mV=section(0.5).v)


def occupancies(task: dict, point: object) -> list[float]:
    """Return the states as they are now."""
    return [getattr(point, s) for s in task["states"]]


def switch(point: object, values: dict) -> None:
    """Set concentrations."""
    for name, value in values.items():
        setattr(point, name, value)


def fixed_steps(h: object, task: dict, point: object) -> tuple[list, list]:
    """Advance by implicit Euler steps; return the first state and the states at the samples."""
    h.dt = task["step_ms"]
    per_sample = round((task["samples_ms"][1] - task["samples_ms"][0]) / h.dt)
    switch(point, task["segments"][0][1])
    h.finitialize(task["voltage_mV"])
    out = [occupancies(task, point)]
    for duration, values in task["segments"]:
        switch(point, values)
        for _ in range(round(duration / h.dt / per_sample)):
            for _ in range(per_sample):
                h.fadvance()
            out.append(occupancies(task, point))
    return out[0], out


def variable_steps(h: object, task: dict, point: object) -> tuple[list, np.ndarray]:
    """Integrate by CVode, restarted at every switch."""
    solver = h.CVode()
    solver.active(True)
    solver.rtol(0.0)
    solver.atol(task["tolerance"])
    times = h.Vector(task["samples_ms"])
    traces = [h.Vector().record(getattr(point, f"_ref_{s}"), times) for s in task["states"]]
    switch(point, task["segments"][0][1])
    h.finitialize(task["voltage_mV"])
    start = occupancies(task, point)

    def switch_now(values: dict) -> None:
        switch(point, values)
        solver.re_init()

    at = 0.0
    for before, after in zip(task["segments"], task["segments"][1:], strict=False):
        at += before[0]
        solver.event(at, lambda values=after[1]: switch_now(values))
    solver.solve(sum(duration for duration, _ in task["segments"]) + 1.0)  # so that the last sample is recorded
    return start, np.array([t.to_python() for t in traces]).T


if __name__ == "__main__":
    main()
