"""Myokit: the analytical solution (eigenvectors) of a linear model, and CVODES with compiled equations."""

import myokit
import myokit.lib.markov
import numpy as np

from . import case
from .timing import once, timed

NAMES = [f"x{i}" for i in range(case.SCHEME.n)]


def model() -> myokit.Model:
    """Return the receptor with glutamate (uM) as the pacing variable."""
    text = ["[[model]]", *(f"r.{n} = {float(p)!r}" for n, p in zip(NAMES, case.REST, strict=True))]
    text += ["[engine]", "time = 0 bind time", "pace = 0 bind pace", "[r]", "c = engine.pace"]
    for e, rate in enumerate(case.RATES):
        text.append(f"k{e} = {rate.k!r}" + (" * c" if rate.ligand else ""))
    for i, name in enumerate(NAMES):
        gain = [f"k{e} * {NAMES[s]}" for e, (s, t) in enumerate(zip(case.SOURCE, case.TARGET, strict=True)) if t == i]
        loss = [f"k{e}" for e, s in enumerate(case.SOURCE) if s == i]
        text.append(f"dot({name}) = {' + '.join(gain)} - ({' + '.join(loss)}) * {name}")
    text.append("g = " + " + ".join(f"{float(case.OBSERVE[i])!r} * x{i}" for i in case.OPEN))
    return myokit.parse_model("\n".join(text))


def rows() -> list[dict]:
    """Return the timings."""
    receptor = model()
    linear = myokit.lib.markov.LinearModel(receptor, [f"r.{n}" for n in NAMES], [], "r.g", vm="r.c")
    protocol = myokit.Protocol()
    protocol.schedule(case.GLUTAMATE_UM, 0, case.PULSE_MS, 0, 0)
    found = []

    simulation = myokit.lib.markov.AnalyticalSimulation(linear, protocol)

    def run() -> np.ndarray:
        simulation.reset()
        return np.asarray(simulation.run(case.TOTAL_MS, log_interval=case.DT_MS)["r.g"])

    found.append({"name": "Myokit analytical, run()", "error": case.error(run()), **timed(run)})

    direct = myokit.lib.markov.AnalyticalSimulation(linear)
    times = np.arange(case.N_SAMPLES + 1 - case.N_PULSE) * case.DT_MS

    def solve() -> np.ndarray:
        direct.set_membrane_potential(case.GLUTAMATE_UM)
        direct.set_state(case.REST)
        states, first = direct.solve(times[: case.N_PULSE + 1])
        direct.set_membrane_potential(0.0)
        direct.set_state(states[:, -1])
        return np.concatenate([first[:-1], direct.solve(times[:-1])[1]])

    found.append({"name": "Myokit analytical, solve()", "error": case.error(solve()), **timed(solve)})

    compiled, seconds, _ = once(lambda: myokit.Simulation(receptor, protocol))
    for tol in (1e-6, 1e-9):
        compiled.set_tolerance(tol, tol)

        def integrate() -> np.ndarray:
            compiled.reset()
            return np.asarray(compiled.run(case.TOTAL_MS, log=["r.g"], log_interval=case.DT_MS)["r.g"])

        found.append(
            {"name": f"Myokit CVODES {tol:g}", "error": case.error(integrate()), "compile_s": seconds}
            | timed(integrate)
        )
    return found
