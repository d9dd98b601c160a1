"""Write the observables of every candidate scheme, and rescalings of schemes to the published table.

Run from the repository root: ``python calibration/receptors.py`` (about two minutes). It writes
``library/receptors/observables.yaml`` and ``library/parameters/receptors/*.yaml``; the table it fits is
``library/receptors/published.yaml``. Nothing is random.

Definitions: glutamate steps are instantaneous; tau_deact is the time from the
end of a 1 ms, 10 mM pulse to 1/e of the current there; tau_des the time from the peak to 1/e of (peak -
steady) in 10 mM; steady the equilibrium; tau_rec the interval after 100 ms of 10 mM at which a 10 mM test
peak has regained 63 % of what it lost; EC50 the concentration whose peak is half of the 10 mM peak.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from potentiate.kinetics.scheme import Scheme
from potentiate.library import receptor
from potentiate.library import receptor_documents as documents
from potentiate.library.scheme import find_scheme
from potentiate.numerics.least_squares import levenberg_marquardt
from potentiate.numerics.matrix_exponential import transition_matrix

GLUTAMATE_UM = 10_000.0
DT_MS = 0.005
GENERATED_BY = "calibration/receptors.py"

#: Schemes that rescale by role without unbalancing a cycle.
BASES = ("RH2003_GluA4", "RH2003_GluA1_balanced", "Rodrigues2023")

#: The factors that are fitted, and how far they may go from the published scheme (natural log).
FITTED = ("bind_backward", "gate_forward", "gate_backward", "desensitize_forward", "desensitize_backward")
REACH = math.log(10.0)

#: The factors for rows that have neither EC50 nor deactivation: nothing there speaks of binding and gating.
DESENSITIZATION_ONLY = ("desensitize_forward", "desensitize_backward")

#: Pull towards the published rates, per unit of log factor, relative to one half-width of a published range.
PULL = 0.05


def course(start: np.ndarray, generator: np.ndarray, duration_ms: float, dt_ms: float = DT_MS) -> np.ndarray:
    """Return occupancies at 0, dt, 2 dt ..., shape (samples, n), by doubling."""
    samples = round(duration_ms / dt_ms) + 1
    step, table = transition_matrix(generator, dt_ms), start[None]
    while len(table) < samples:
        table = np.concatenate([table, table @ step])
        step = step @ step
    return table[:samples]


def _fall(y: np.ndarray, start: int, level: float) -> float:
    """Return the sample (fractional) after `start` at which y first falls to `level`; NaN if never."""
    below = np.flatnonzero(y[start:] <= level)
    if below.size == 0:
        return math.nan
    k = start + int(below[0])
    return k if k == start else k - 1 + (y[k - 1] - level) / (y[k - 1] - y[k])


def _peak(y: np.ndarray) -> tuple[float, int]:
    """Return the peak by a parabola through the largest sample, and that sample."""
    k = int(np.argmax(y))
    if 0 < k < len(y) - 1 and (bend := y[k - 1] - 2 * y[k] + y[k + 1]) < 0:
        return float(y[k] - (y[k + 1] - y[k - 1]) ** 2 / (8 * bend)), k
    return float(y[k]), k


def _root(f, low: float, high: float) -> float:
    """Root on log10 by the Illinois method; f(low) < 0 < f(high), else NaN."""
    a, b = math.log10(low), math.log10(high)
    fa, fb = f(low), f(high)
    if not fa < 0 < fb:
        return math.nan
    m = a
    for _ in range(60):
        before, m = m, (a * fb - b * fa) / (fb - fa)
        fm = f(10**m)
        if abs(m - before) < 1e-10 or fm == 0:
            break
        if fm * fb < 0:
            a, fa = b, fb
        else:
            fa *= 0.5
        b, fb = m, fm
    return 10**m


def observables(scheme: Scheme) -> dict[str, float]:
    """Return the plain observables of a scheme; NaN where a definition does not apply."""
    g = np.array(scheme.conductance)
    agonist, free = scheme.agonist, scheme.generator({})
    on = scheme.generator({agonist: GLUTAMATE_UM})
    rest = scheme.equilibrium({})

    def peak_from(start: np.ndarray, concentration: float = GLUTAMATE_UM) -> float:
        generator = on if concentration == GLUTAMATE_UM else scheme.generator({agonist: concentration})
        return _peak(course(start, generator, 10.0, 0.01) @ g)[0]

    long = course(rest, on, 100.0)
    current = long @ g
    peak, k = _peak(current)
    steady = float(scheme.equilibrium({agonist: GLUTAMATE_UM}) @ g)
    tau_des = (_fall(current, k, steady + (peak - steady) / math.e) - k) * DT_MS
    tail = course(long[round(1.0 / DT_MS)], free, 50.0) @ g
    tau_deact = _fall(tail, int(np.argmax(tail)), tail[0] / math.e) * DT_MS
    end = long[-1]
    plateau = float(end @ g)

    def recovered(interval: float) -> float:
        return (peak_from(end @ transition_matrix(free, interval)) - plateau) / (peak - plateau) - 0.63

    half = _root(lambda c: peak_from(rest, c) - 0.5 * peak, 30.0, GLUTAMATE_UM)
    return {
        "EC50_uM": half,
        "tau_deact_ms": tau_deact,
        "tau_des_ms": tau_des,
        "tau_rec_ms": _root(recovered, 1.0, 10_000.0),
        "steady_over_peak": steady / peak,
    }


def fit(row: documents.RowDoc, base: str) -> tuple[dict[str, float], dict[str, float], list[str], float]:
    """Fit the factors of one base scheme to one row.

    Returns
    -------
    (factors, observables, factors on their bound, cost)
    """
    scheme = find_scheme(base)
    aims = {}
    for key in receptor.OBSERVABLES:
        if limits := receptor.published_range(row, key):
            low, high = math.log(limits[0]), math.log(limits[1])
            aims[key] = ((low + high) / 2, max((high - low) / 2, 0.05))

    fitted = FITTED if {"EC50_uM", "tau_deact_ms"} & set(aims) else DESENSITIZATION_ONLY

    def factors(x: np.ndarray) -> dict[str, float]:
        return dict(zip(fitted, np.exp(x).tolist(), strict=True))

    def residual(x: np.ndarray) -> np.ndarray:
        got = observables(receptor.rescale(scheme, factors(x), base))
        misses = [(math.log(max(got[key], 1e-9)) - middle) / width for key, (middle, width) in aims.items()]
        return np.array([*misses, *(PULL * x)])

    n = len(fitted)
    edge = np.full(n, REACH)
    best = levenberg_marquardt(residual, np.zeros(n), bounds=(-edge, edge), tolerance=1e-5, max_iterations=60)
    if best.status != "ok":
        return {}, {}, [], math.inf
    got = observables(receptor.rescale(scheme, factors(best.x), base))
    return factors(best.x), got, [f for f, at in zip(fitted, best.at_bound, strict=True) if at], best.ssr


def _yaml(value: float) -> str:
    text = f"{value:.6g}"
    return text if "e" not in text else f"{value:.9f}".rstrip("0")


def write_observables(path: Path) -> dict[str, dict[str, float]]:
    """Compute and write the observables of every candidate."""
    values = {c.scheme: observables(find_scheme(c.scheme)) for c in documents.candidates()}
    lines = [
        f"# Generated by {GENERATED_BY}: do not edit.",
        'title: "Plain observables of the candidate schemes"',
        f"generated_by: {GENERATED_BY}",
        'definitions: "instantaneous steps of 10 mM glutamate; see the script"',
        "values:",
    ]
    for scheme, row in values.items():
        lines.append(f"  {scheme}: {{{', '.join(f'{k}: {_yaml(v)}' for k, v in row.items())}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return values


def write_rescaling(row: documents.RowDoc, folder: Path) -> str:
    """Fit one row from each base, keep the cheapest, write it; return a line of report."""
    composition, _ = receptor.complete(receptor.parse_composition(row.composition))
    found = []
    for base in BASES:
        factors, got, bound, cost = fit(row, base)
        if factors:
            missed = sum(1 for c in receptor.compare(got, row) if c.outside)
            found.append((missed, cost, base, factors, got, bound))
    missed, cost, base, factors, got, bound = min(found, key=lambda f: f[:2])
    name = str(composition).replace("/", "_").replace("(", "-").replace(")", "")
    lines = [
        f"# Generated by {GENERATED_BY}: do not edit.",
        f"id: {name}",
        f'title: "{composition}, rescaled from {base}"',
        f"base: {base}",
        f"composition: {composition}",
        "status: calibrated",
        f"source: {row.source}",
        f"generated_by: {GENERATED_BY}",
        f"factors: {{{', '.join(f'{k}: {_yaml(v)}' for k, v in factors.items())}}}",
        f"at_bound: [{', '.join(bound)}]",
        f"values: {{{', '.join(f'{k}: {_yaml(v)}' for k, v in got.items())}}}",
    ]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"{composition}: {base}, misses {missed}, cost {cost:.3g}, at bound {bound or 'none'}"


def main() -> None:
    """Write both kinds of document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only-observables", action="store_true")
    parser.add_argument("--only", help="composition of the one row to fit")
    chosen = parser.parse_args()
    for scheme, row in write_observables(documents.RECEPTORS / "observables.yaml").items():
        print(scheme, {k: float(f"{v:.3g}") for k, v in row.items()})
    if chosen.only_observables:
        return
    documents.model_observables.cache_clear()
    documents.RESCALINGS.mkdir(parents=True, exist_ok=True)
    for row in documents.published().rows:
        values = [receptor.published_range(row, key) for key in receptor.OBSERVABLES]
        spliced = all(s.splice for s in receptor.parse_composition(row.composition).subunits)
        # one or two observables say too little even about the factors of desensitization
        if chosen.only not in (None, row.composition):
            continue
        if spliced and sum(v is not None for v in values) >= 3 and receptor.resolve(row.composition).missed:
            print(write_rescaling(row, documents.RESCALINGS), flush=True)


if __name__ == "__main__":
    main()
