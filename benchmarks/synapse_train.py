"""The stiff case by our integrator, alone and in batches."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from potentiate.numerics.in_threads import in_threads
from potentiate.numerics.rosenbrock import integrate

from . import synapse_case as case
from .synapse_report import EQUAL_ERROR
from .timing import once, timed

BATCH = 64
#: Members of the batch that LSODA computes too.
CHECKED = (0, 21, 42, 63)


def program() -> Any:
    """Return the compiled run: (edges, drive, parameters, tolerance) -> Solution."""
    system, observe = case.SYSTEM.system(), jnp.asarray(case.OPEN)

    @jax.jit
    def run(edges: Any, drive: Any, parameters: Any, tolerance: Any) -> Any:
        return integrate(
            system, jnp.asarray(case.START), edges, drive=drive, parameters=parameters, samples=case.SAMPLES_MS,
            observe=lambda y: observe @ y, rtol=tolerance, atol=tolerance,
        )  # fmt: skip

    return run


def rows() -> list[dict]:
    """Return the timing of one run."""
    run = program()
    edges, drive = case.SYSTEM.drive(case.BRIEF_PULSE, case.PULSES_MS, case.END_MS)
    arguments = jax.tree.map(jnp.asarray, (edges, drive, case.SYSTEM.parameters()))
    _, wall, _ = once(lambda: jax.block_until_ready(run(*arguments, 1e-4)))
    found = case.at_equal_error(lambda tol: np.asarray(run(*arguments, tol).values))
    best = run(*arguments, found["tolerance"])
    fine = case.error(run(*arguments, 1e-7).values)
    return [
        {"name": "potentiate, Rodas4", "compile_s": wall, "error_at_1e-7": fine}
        | {"accepted": int(best.accepted), "rejected": int(best.rejected)}
        | found
    ]


def members() -> list[tuple[np.ndarray, dict, dict]]:
    """Return pulses, rates and conductances of the batch: every set has its own, and its own failures of release."""
    rng = np.random.default_rng(11)
    found = []
    for _ in range(BATCH):
        pulses = case.PULSES_MS[rng.random(len(case.PULSES_MS)) < 0.5]
        base = case.SYSTEM.parameters()
        rates = tuple(k * np.exp(0.1 * rng.normal(size=len(k))) for k in base["rates"])
        found.append((pulses, {"rates": rates, "nS": base["nS"]}))
    return found


def padded(edges: np.ndarray, drive: dict, intervals: int) -> tuple[np.ndarray, dict]:
    """Return edges and drive of a common length, so that all runs share one program."""
    more = intervals - (len(edges) - 1)
    longer = {k: np.concatenate([v, np.repeat(v[-1:], more, axis=0)]) for k, v in drive.items()}
    return np.concatenate([edges, np.full(more, edges[-1])]), longer


def batch() -> dict[str, Any]:
    """Return the time per run of a batch of parameter sets and release patterns, beside LSODA at equal error."""
    run = program()
    tolerance = rows()[0]["tolerance"]
    sets, most = members(), 2 * len(case.PULSES_MS) + 1
    arguments = []
    for pulses, parameters in sets:
        edges, drive = padded(*case.SYSTEM.drive(case.BRIEF_PULSE, pulses, case.END_MS), most)
        arguments.append(jax.tree.map(jnp.asarray, (edges, drive, parameters, tolerance)))
    found, wall, _ = once(lambda: in_threads(run, arguments))
    ours = timed(lambda: in_threads(run, arguments), repeats=5, seconds=15.0)
    exact = {
        i: case.lsoda(case.Equations(sets[i][1]["rates"]), 1e-12, analytic=True, pulses=sets[i][0]) for i in CHECKED
    }
    worst = max(float(np.abs(np.asarray(found[i].values) - exact[i]).max()) for i in CHECKED)
    lsoda = next(
        tol for tol in case.TOLERANCES
        if max(np.abs(lsoda_run(sets[i], tol) - exact[i]).max() for i in CHECKED) <= EQUAL_ERROR
    )  # fmt: skip
    theirs = timed(lambda: [lsoda_run(sets[i], lsoda) for i in CHECKED], repeats=5, seconds=10.0)
    return {
        "sets": BATCH,
        "first_call_s": wall,
        "ms_per_run": ours["best_ms"] / BATCH,
        "median_ms_per_run": ours["median_ms"] / BATCH,
        "error": worst,
        "failed": int(sum(int(f.status) != 0 for f in found)),
        "accepted": [int(min(f.accepted for f in found)), int(max(f.accepted for f in found))],
        "lsoda_tolerance": lsoda,
        "lsoda_ms_per_run": theirs["best_ms"] / len(CHECKED),
    }


def lsoda_run(member: tuple[np.ndarray, dict], tolerance: float) -> np.ndarray:
    """Return one member by LSODA."""
    return case.lsoda(case.Equations(member[1]["rates"]), tolerance, analytic=True, pulses=member[0])
