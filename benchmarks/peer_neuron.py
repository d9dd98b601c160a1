"""NEURON: the scheme as a KINETIC block, variable steps (CVode); the states are recorded, not the conductance."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import case
from .timing import once, timed


def nmodl() -> str:
    """Return the mechanism; glutamate (uM) is a parameter that an event changes."""
    n = case.SCHEME.n
    half = len(case.RATES) // 2
    arrows = []
    for e in range(half):
        forward, backward = case.RATES[e], case.RATES[half + e]
        arrows.append(
            f"  ~ y{case.SOURCE[e]}q <-> y{case.TARGET[e]}q "
            f"({forward.k!r}{'*c' if forward.ligand else ''}, {backward.k!r}{'*c' if backward.ligand else ''})"
        )
    return "\n".join(
        [
            "NEURON { POINT_PROCESS Receptor\n  RANGE c }",
            "PARAMETER { c = 0 }",
            "STATE { " + " ".join(f"y{i}q" for i in range(n)) + " }",
            "INITIAL {",
            *(f"  y{i}q = {float(p)!r}" for i, p in enumerate(case.REST)),
            "}",
            "BREAKPOINT { SOLVE scheme METHOD sparse }",
            "KINETIC scheme {",
            *arrows,
            "}",
        ]
    )


def rows() -> list[dict]:
    """Return the timings."""
    folder = Path(tempfile.mkdtemp(prefix="bench-neuron-"))
    (folder / "receptor.mod").write_text(nmodl())
    compiler = Path(sys.executable).parent / "nrnivmodl"
    environment = {**os.environ, "PATH": f"{compiler.parent}{os.pathsep}{os.environ['PATH']}"}
    done, seconds, _ = once(
        lambda: subprocess.run(
            [str(compiler)], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    )
    if done.returncode:
        raise RuntimeError(f"nrnivmodl failed: {done.stderr.strip().splitlines()[-1]}")
    import neuron
    from neuron import h

    if not neuron.load_mechanisms(str(folder), warn_if_already_loaded=False):
        raise RuntimeError("the compiled mechanism was not found")
    section = h.Section(name="patch")
    receptor = h.Receptor(section(0.5))
    cvode = h.CVode()
    cvode.active(1)
    times = h.Vector(np.arange(case.N_SAMPLES) * case.DT_MS)
    records = {i: h.Vector().record(receptor, getattr(receptor, f"_ref_y{i}q"), times) for i in case.OPEN}

    def wash() -> None:
        receptor.c = 0.0
        cvode.re_init()

    def run() -> np.ndarray:
        receptor.c = case.GLUTAMATE_UM
        h.finitialize(-65)
        cvode.event(case.PULSE_MS, wash)
        cvode.solve(case.TOTAL_MS)
        return sum(case.OBSERVE[i] * record.as_numpy() for i, record in records.items())

    found = []
    for tol in (1e-6, 1e-9):
        cvode.rtol(tol)
        cvode.atol(tol)
        found.append(
            {"name": f"NEURON CVode {tol:g}", "error": case.error(run()), "compile_s": seconds} | timed(run)
        )
    return found
