"""Run all benchmarks, each engine in a process of its own, and write RESULTS.md and results.json.

``python -m benchmarks`` runs all; ``python -m benchmarks SECTION`` runs one of likelihood, reading, fits, synapse,
slices, exposure, population and keeps the other numbers; ``python -m benchmarks MODULE FUNCTION`` runs one part and
prints its JSON.
"""

import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import exposure_report, fits, population, reading, slices, synapse_report

HERE = Path(__file__).parent
MARK = "benchmark-json:"
#: One thread for BLAS: small matrices, and other work on the machine disturbs less. JAX uses all cores.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
TRACES = ["engine", "peer_lsoda", "peer_myokit", "peer_neuron", "peer_roadrunner"]
VERSIONS = ["numpy", "scipy", "jax", "myokit", "neuron", "libroadrunner", "pints", "cma", "numpyro", "mpmath"]
NOT_RUN = {"failed": "not run"}


def part(module: str, function: str) -> Any:
    """Run one part in a process of its own; an engine that is not there or fails gives its reason."""
    print(f"{module}.{function} ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", module, function],
            cwd=HERE.parent,
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": "more than 600 s"}
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return json.loads(line.removeprefix(MARK))
    return {"failed": (done.stderr.strip().splitlines() or ["no output"])[-1]}


def machine() -> dict[str, Any]:
    """Describe the machine."""
    cpu = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text()
        cpu = next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "versions": versions}


def load() -> list[float]:
    """Return the load averages over 1, 5 and 15 minutes."""
    return [round(x, 2) for x in os.getloadavg()]


SECTIONS = ("likelihood", "reading", "fits", "synapse", "slices", "exposure", "population")


def section(name: str) -> Any:
    """Run one section."""
    several = {"fits": fits, "synapse": synapse_report, "exposure": exposure_report}
    return several[name].collect(part, load) if name in several else part(name, "rows")


def collect() -> dict[str, Any]:
    """Run everything."""
    results: dict[str, Any] = {"machine": machine(), "load_before": load(), "traces": [], "unavailable": []}
    for module in TRACES:
        before = load()[0]
        answer = part(module, "rows")
        if isinstance(answer, dict):
            results["unavailable"].append({"engine": module.removeprefix("peer_"), "reason": answer["failed"]})
        else:
            results["traces"] += [{**row, "load": before} for row in answer]
    for name in ("many", "gradient"):
        results[name] = {**part("engine", name), "load": load()[0]}
    for name in SECTIONS:
        results[name] = section(name)
    results["cold"] = part("cold", "rows")
    results["load_after"] = load()
    return results


def judge(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Compare with what is aimed at; ratios are of best times."""
    own = {r["name"]: r for r in results["traces"] if r["name"].startswith("potentiate")}
    peers = [r for r in results["traces"] if not r["name"].startswith("potentiate")]
    checks = []
    if own and peers:
        fastest = min(peers, key=lambda r: r["best_ms"])
        for name, row in own.items():
            ratio = fastest["best_ms"] / row["best_ms"]
            what = f"one trace, {name}: times faster than {fastest['name']}"
            checks.append({"what": what, "value": ratio, "aim": ">= 5"})
            checks.append({"what": f"one trace, {name}: error", "value": row["error"], "aim": "<= 1e-10"})
        if "best_us_per_set" in results["many"]:
            each = results["many"]["best_us_per_set"]
            checks.append(
                {
                    "what": f"10,000 parameter sets: times faster than {fastest['name']} one by one",
                    "value": 1e3 * fastest["best_ms"] / each,
                    "aim": ">= 25",
                }
            )
            checks.append({"what": "10,000 parameter sets: us per set", "value": each, "aim": "<= 60"})
    both = results["gradient"]
    if "ratio" in both:
        wall = both["compile_gradient_s"]["wall"]
        checks += [
            {"what": "value and gradient over value", "value": both["ratio"], "aim": "<= 4"},
            {"what": "value and gradient: ms", "value": both["value_and_gradient_ms"]["best_ms"], "aim": "<= 4"},
            {"what": "value and gradient: s to compile (wall)", "value": wall, "aim": "<= 3"},
        ]
    if isinstance(results.get("likelihood"), list):
        checks += [
            {
                "what": f"likelihood, value and gradient: ms ({r['name']})",
                "value": r["value_and_gradient_ms"]["best_ms"],
            }
            | {"aim": "<= 200"}
            for r in results["likelihood"]
            if r["name"].startswith("10 states")
        ]
    checks += reading.aims(results.get("reading", NOT_RUN)) + fits.aims(results.get("fits", NOT_RUN))
    checks += synapse_report.aims(results.get("synapse", NOT_RUN)) + slices.aims(results.get("slices", NOT_RUN))
    checks += exposure_report.aims(results.get("exposure", NOT_RUN))
    checks += population.aims(results.get("population", NOT_RUN))
    for check in checks:
        relation, bound = check["aim"].split()
        check["met"] = check["value"] >= float(bound) if relation == ">=" else check["value"] <= float(bound)
    return checks


def likelihood(rows: Any) -> list[str]:
    """Return the lines on the Kalman likelihood."""
    lines = ["", "## Kalman likelihood", ""]
    if isinstance(rows, dict):
        return [*lines, f"Failed: {rows['failed']}"]
    lines += [
        "10,000 readings of 300 channels at 20 kHz, one pulse; all log rates, number of channels, unit current, noise",
        "and baseline free. Milliseconds, warm, JAX in float64; the NumPy path gives the value alone.",
        "",
        "| case | value | value and gradient | of which processor | NumPy value | compile s | gradient's error |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['name']} ({r['parameters']} parameters) | {r['value_ms']['best_ms']:.0f} | "
            f"{r['value_and_gradient_ms']['best_ms']:.0f} | {r['processor_ms']:.0f} | {r['numpy_value_ms']:.0f} | "
            f"{r['compile_s']['wall']:.1f} | {r['largest_difference_from_central_differences']:.0e} |"
        )
    return lines


def report(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    m = results["machine"]
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks`; `results.json` holds the same numbers. Every number is from one run on one",
        f"machine: {m['cpu']}, {m['cores']} cores, Python {m['python']}, "
        + ", ".join(f"{k} {v}" for k, v in m["versions"].items())
        + f". Load averages (1, 5, 15 min) before {results['load_before']}, after {results['load_after']}: other work",
        "on the machine makes times longer, so ratios use the best of the repeats.",
        "",
        "## One trace",
        "",
        "Scheme Coombs2017 (17 states), 1 ms of 10 mM glutamate, 200 ms at 50 kHz: 10,000 samples of the conductance",
        "relative to its maximum. Warm. Error: largest absolute difference from mpmath (50 digits) at 16 samples.",
        "Tolerances are relative and absolute. BLAS has one thread; compile times are not in the other columns.",
        "",
        "| engine | best ms | median ms | error | compile s | load |",
        "|---|---|---|---|---|---|",
    ]
    for r in sorted(results["traces"], key=lambda r: r["best_ms"]):
        compiled = f"{r['compile_s']:.1f}" if "compile_s" in r else ""
        lines.append(
            f"| {r['name']} | {r['best_ms']:.3f} | {r['median_ms']:.3f} | {r['error']:.1e} | {compiled} | {r['load']} |"
        )
    lines += [f"\nNot available: {u['engine']} ({u['reason']})." for u in results["unavailable"]]
    many, both = results["many"], results["gradient"]
    lines += ["", "## 10,000 parameter sets", ""]
    if "failed" in many:
        lines.append(f"Failed: {many['failed']}")
    else:
        lines += [
            f"The same trace for {many['sets']} sets of rates, reduced to peak and charge where it is computed, "
            f"{many['chunk']} sets at a time, float64, {m['cores']} cores (load {many['load']}): best "
            f"{many['best_us_per_set']:.0f}, median {many['median_us_per_set']:.0f} us per set; first call "
            f"{many['first_call_s']:.1f} s. Largest difference from NumPy {many['largest_difference_from_numpy']:.0e}.",
            "The other engines have no such map: their time is that of one trace on one core, without the change of",
            "parameters.",
        ]
    lines += ["", "## Value and gradient", ""]
    if "failed" in both:
        lines.append(f"Failed: {both['failed']}")
    else:
        v, g, c = both["value_ms"], both["value_and_gradient_ms"], both["compile_gradient_s"]
        lines += [
            f"Sum of squares of {both['sweeps']} sweeps of {both['samples']} samples at 20 kHz, five concentrations, "
            f"{both['parameters']} log rates (load {both['load']}): value best {v['best_ms']:.2f}, median "
            f"{v['median_ms']:.2f} ms; value and gradient best {g['best_ms']:.2f}, median {g['median_ms']:.2f} ms "
            f"({both['ratio']:.1f} times the value). Compiling takes {c['wall']:.1f} s ({c['cpu']:.1f} s of processor "
            "time). Largest difference from central differences, relative to the largest component: "
            f"{both['largest_difference_from_central_differences']:.0e}.",
        ]
    lines += likelihood(results.get("likelihood", NOT_RUN))
    lines += reading.lines(results.get("reading", NOT_RUN))
    lines += fits.lines(results.get("fits", NOT_RUN))
    lines += synapse_report.lines(results.get("synapse", NOT_RUN)) + slices.lines(results.get("slices", NOT_RUN))
    lines += exposure_report.lines(results.get("exposure", NOT_RUN))
    lines += population.lines(results.get("population", NOT_RUN))
    lines += ["", "## Whole processes", "", "| command | first s | best s |", "|---|---|---|"]
    for r in results["cold"] if isinstance(results["cold"], list) else []:
        if "skipped" in r:
            lines.append(f"| `{r['name']}` | {r['skipped']} | |")
        else:
            lines.append(f"| `{r['name']}` | {r['first_s']:.2f} | {r['best_s']:.2f} |")
    lines += ["", "## Aims", "", "| what | here | aim | met |", "|---|---|---|---|"]
    for c in results["aims"]:
        lines.append(f"| {c['what']} | {c['value']:.3g} | {c['aim']} | {'yes' if c['met'] else 'no'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run one part, or all of them."""
    if len(sys.argv) == 3:
        module, function = sys.argv[1:]
        answer = getattr(importlib.import_module(f"benchmarks.{module}"), function)()
        print(MARK + json.dumps(answer))
        return
    if len(sys.argv) == 2 and sys.argv[1] in SECTIONS:
        results = json.loads((HERE / "results.json").read_text())
        results[sys.argv[1]] = section(sys.argv[1])
        versions = results["machine"]["versions"]  # of what ran earlier stay
        results["machine"]["versions"] = {**machine()["versions"], **versions}
    else:
        results = collect()
    results["aims"] = judge(results)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "RESULTS.md").write_text(report(results))
    print(report(results))


if __name__ == "__main__":
    main()
