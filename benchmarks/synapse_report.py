"""The section on the synapse: all engines one after the other, ratios, and the text."""

from typing import Any

PEERS = ("peer_synapse_lsoda", "peer_synapse_myokit", "peer_synapse_neuron")
EQUAL_ERROR = 3e-6


def collect(part: Any, load: Any) -> dict[str, Any]:
    """Run everything, each engine in a process of its own."""
    results: dict[str, Any] = {"load_before": load(), "engines": [], "unavailable": []}
    for module in ("synapse_train", *PEERS):
        before = load()[0]
        answer = part(module, "rows")
        if isinstance(answer, dict):
            results["unavailable"].append({"engine": module, "reason": answer["failed"]})
        else:
            results["engines"] += [{**row, "load": before} for row in answer]
    results["batch"] = part("synapse_train", "batch")
    results["load_after"] = load()
    return results


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is aimed at; ratios are of best times at equal error."""
    engines = {r["name"]: r for r in result.get("engines", []) if "best_ms" in r}
    ours = engines.get("potentiate, Rodas4")
    checks = []
    if ours:
        for kind, aim in (("SciPy LSODA", 6), ("Myokit CVODES", 1)):
            peers = [r for name, r in engines.items() if name.startswith(kind)]
            if peers:
                fastest = min(peers, key=lambda r: r["best_ms"])
                ratio = fastest["best_ms"] / ours["best_ms"]
                checks.append(
                    {"what": f"synapse, one run: times faster than {fastest['name']}", "value": ratio}
                    | {"aim": f">= {aim}"}
                )
    both = result.get("batch", {})
    if "lsoda_ms_per_run" in both:
        ratio = both["lsoda_ms_per_run"] / both["ms_per_run"]
        checks.append({"what": "synapse, batch: times faster per run than SciPy LSODA", "value": ratio, "aim": ">= 10"})
    return checks


def lines(result: dict[str, Any]) -> list[str]:
    """Return the section of the report."""
    head = ["", "## A synapse as stiff equations", ""]
    if "engines" not in result:
        return [*head, f"Failed: {result['failed']}"]
    text = [
        *head,
        "One spine on two compartments, 29 equations: Coombs2017 (17 states), NMDA5_LesterJahr1992 (5) with",
        "Jahr-Stevens block, head voltage, free and buffered calcium, calcium channels; 100 pulses of glutamate (1 mM,",
        "0.3 ms) at 100 Hz and 1 s more. Every engine restarts at every switch of glutamate and runs at its loosest",
        "tolerance (relative and absolute; 1e-3, 3e-4, 1e-4 and so on) at which no open probability is wrong by more",
        f"than {EQUAL_ERROR:g}, over samples every 0.1 ms, against LSODA at 1e-12. LSODA's equations are NumPy and",
        "Python floats, with the analytic Jacobian where it says so; one thread each. Load averages before",
        f"{result['load_before']}, after {result['load_after']}.",
        "",
        "| engine | best ms | median ms | tolerance | error | compile s | load |",
        "|---|---|---|---|---|---|---|",
    ]
    timed_rows = [r for r in result["engines"] if "best_ms" in r]
    for r in sorted(timed_rows, key=lambda r: r["best_ms"]):
        compiled = f"{r['compile_s']:.1f}" if "compile_s" in r else ""
        text.append(
            f"| {r['name']} | {r['best_ms']:.1f} | {r['median_ms']:.1f} | {r['tolerance']:g} | {r['error']:.1e} | "
            f"{compiled} | {r['load']} |"
        )
    text.append("")
    text += [f"{r['name']}: {r['failed']}." for r in result["engines"] if "failed" in r]
    text += [f"Not available: {u['engine']} ({u['reason']})." for u in result["unavailable"]]
    for r in timed_rows:
        if "accepted" in r:
            text.append(
                f"Rodas4 took {r['accepted']} steps and refused {r['rejected']}; at a tolerance of 1e-7 it differs "
                f"from LSODA at 1e-12 by {r['error_at_1e-7']:.0e}."
            )
    b = result["batch"]
    if "failed" in b and "sets" not in b:
        return [*text, "", f"Batch failed: {b['failed']}"]
    return [
        *text,
        "",
        f"Batch: {b['sets']} sets of rates and release patterns (half of the releases fail), one program, a thread per",
        f"core: {b['ms_per_run']:.1f} ms per run (median {b['median_ms_per_run']:.1f}), {b['accepted'][0]} to "
        f"{b['accepted'][1]} steps, {b['failed']} failed, largest error {b['error']:.1e}; first call",
        f"{b['first_call_s']:.1f} s. LSODA (analytic Jacobian, one thread, the same bound of the error):",
        f"{b['lsoda_ms_per_run']:.0f} ms per run.",
    ]
