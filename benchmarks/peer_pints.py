"""PINTS (CMA-ES) and SciPy (least_squares with differences), both over Myokit CVODES, on the problem of `fits`."""

import time
from typing import Any

import myokit
import numpy as np

from potentiate.numerics.matrix_exponential import settle

from . import fits

#: Seconds after which a peer is cut off.
BUDGET_S = 480.0


class Enough(Exception):
    """The time is spent."""


class Compiled:
    """The problem over CVODES: residuals of all sweeps, with amplitude and leak solved for.

    Parameters
    ----------
    tolerance : float
        Relative and absolute.
    """

    def __init__(self, tolerance: float) -> None:
        problem = fits.problem()
        self.group = problem.groups[0]
        assert len(problem.groups) == 1
        assert self.group.used.all()
        self.rate_map = self.group.rate_map
        self.bounds = problem.table.bounds
        scheme = self.rate_map.scheme
        source, target, rates = scheme.directed
        names = [f"x{i}" for i in range(scheme.n)]
        text = ["[[model]]", *(f"r.{n} = {float(i == scheme.rest)}" for i, n in enumerate(names))]
        text += ["[engine]", "time = 0 bind time", "pace = 0 bind pace", "[r]", "c = engine.pace"]
        for e, rate in enumerate(rates):
            text += [f"p{e} = {rate.k!r}", f"k{e} = p{e}" + (" * c" if rate.ligand else "")]
        for i, name in enumerate(names):
            gain = [f"k{e} * {names[s]}" for e, (s, t) in enumerate(zip(source, target, strict=True)) if t == i]
            loss = [f"k{e}" for e, s in enumerate(source) if s == i]
            text.append(f"dot({name}) = {' + '.join(gain)} - ({' + '.join(loss)}) * {name}")
        g = np.array(scheme.conductance) / max(scheme.conductance)
        text.append("g = " + " + ".join(f"{v!r} * {n}" for v, n in zip(g.tolist(), names, strict=True) if v))
        began = time.perf_counter()
        self.problem = problem
        self.simulation = myokit.Simulation(myokit.parse_model("\n".join(text)))
        self.simulation.set_tolerance(tolerance, tolerance)
        self.compile_s = time.perf_counter() - began
        self.paces = []
        for protocol in fits.sweeps():
            pace, now = myokit.Protocol(), 0.0
            for segment in protocol.segments:
                level = sum(protocol.solutions[segment.solution].values())
                if level:
                    pace.schedule(level, now, segment.duration_ms)
                now += segment.duration_ms
            self.paces.append(pace)
        self.times = np.arange(fits.SAMPLES) * fits.DT_MS
        self.data = self.group.data_pA - self.group.data_pA.mean(axis=1, keepdims=True)
        self.trials, self.history = 0, []
        self.began, self.smallest = time.perf_counter(), np.inf

    def residual(self, theta: np.ndarray) -> np.ndarray:
        """Return the residuals in pA, shape (sweeps * samples,)."""
        if time.perf_counter() - self.began > BUDGET_S:
            raise Enough
        for e, k in enumerate(np.exp(self.rate_map.log_rates(theta))):
            self.simulation.set_constant(f"r.p{e}", float(k))
        rest = settle(self.problem.generators(self.group, theta, xp=np)[self.group.rest[:1]], xp=np)[0]
        self.simulation.set_default_state(rest)
        b = np.empty_like(self.data)
        for s, pace in enumerate(self.paces):
            self.simulation.reset()
            self.simulation.set_protocol(pace)
            log = self.simulation.run(self.times[-1] + fits.DT_MS / 2, log=["r.g"], log_times=self.times)
            b[s] = log["r.g"]
        b *= self.group.drive_mV
        b -= b.mean(axis=1, keepdims=True)
        amplitude = max(0.0, float((b * self.data).sum() / (b * b).sum()))
        residual = (self.data - amplitude * b).ravel()
        self.trials += 1
        squares = float(residual @ residual)
        if squares < self.smallest:
            self.smallest = squares
            self.history.append((time.perf_counter() - self.began, self.trials, squares))
        return residual

    def agreement(self) -> float:
        """Return the largest difference from our residual at the start, in pA."""
        return float(np.max(np.abs(self.residual(fits.start()) - fits.problem().residual(fits.start(), np.ones(1)))))

    def restart(self) -> None:
        """Set the clock and the count to zero."""
        self.began, self.trials, self.history, self.smallest = time.perf_counter(), 0, [], np.inf

    def report(self, name: str, optimum: float, ended: str) -> dict[str, Any]:
        """Return times and result."""
        found: dict[str, Any] = {
            "name": name,
            "compile_s": self.compile_s,
            "spent_s": time.perf_counter() - self.began,
            "trials": self.trials,
            "sum_of_squares": self.smallest,
            "ended": ended,
            "reached": fits.reached(self.history, optimum),
        }
        return found


def optimum() -> float:
    """Return the sum of squares at the optimum, from our fit and started at the truth (so not from where peers do)."""
    from potentiate.inference.fit import fit

    p = fits.problem()
    found = fit(p, starts=1, intervals="none")
    return float((p.residual(found.theta, np.ones(1)) ** 2).sum())


def least_squares() -> dict[str, Any]:
    """Return SciPy's trust-region least squares with forward differences."""
    from scipy.optimize import least_squares

    best = optimum()
    peer = Compiled(1e-8)
    difference = peer.agreement()
    peer.restart()
    ended = "by itself"
    try:
        # steps of 1e-4: differences of an integrator with tolerance 1e-8 need more than the default 1.5e-8
        least_squares(peer.residual, fits.start(), bounds=peer.bounds, diff_step=1e-4, x_scale=1.0, method="trf")
    except Enough:
        ended = "cut off"
    return peer.report("SciPy least_squares over Myokit CVODES (1e-8)", best, ended) | {"difference_pA": difference}


def cma() -> dict[str, Any]:
    """Return PINTS' CMA-ES."""
    import pints

    best = optimum()
    peer = Compiled(1e-6)
    difference = peer.agreement()

    class Error(pints.ErrorMeasure):
        def n_parameters(self) -> int:
            return len(peer.bounds[0])

        def __call__(self, x: Any) -> float:
            try:
                r = peer.residual(np.asarray(x))
            except (myokit.SimulationError, ArithmeticError):
                return float("inf")
            return float(r @ r)

    np.random.seed(1)  # noqa: NPY002  (PINTS draws from NumPy's global state)
    search = pints.OptimisationController(
        Error(), fits.start(), sigma0=0.5, boundaries=pints.RectangularBoundaries(*peer.bounds), method=pints.CMAES
    )
    search.set_function_tolerance(200, 1e-6 * best)
    search.set_max_iterations(100_000)
    search.set_log_to_screen(False)
    peer.restart()
    ended = "by itself"
    try:
        search.run()
    except Enough:
        ended = "cut off"
    return peer.report("PINTS CMA-ES over Myokit CVODES (1e-6)", best, ended) | {"difference_pA": difference}
