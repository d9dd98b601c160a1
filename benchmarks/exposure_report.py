"""The section on exposure: all engines one after the other, ratios, and the text."""

from typing import Any

PEERS = ("peer_exposure_scipy", "peer_exposure_roadrunner")


def collect(part: Any, load: Any) -> dict[str, Any]:
    """Run everything, each engine in a process of its own."""
    results: dict[str, Any] = {"load_before": load(), "engines": [], "unavailable": []}
    for module in ("exposure_case", *PEERS):
        before = load()[0]
        answer = part(module, "rows")
        if isinstance(answer, dict):
            results["unavailable"].append({"engine": module, "reason": answer["failed"]})
        else:
            results["engines"] += [{**row, "load": before} for row in answer]
    results["load_after"] = load()
    return results


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is aimed at; ratios are of best times, ours with bands and theirs without."""
    engines = {r["name"]: r for r in result.get("engines", [])}
    ours = engines.get("potentiate, with bands")
    if ours is None:
        return []
    checks = [{"what": "exposure, 1,000 people, 7 days: s", "value": ours["best_ms"] / 1e3, "aim": "<= 2"}]
    for kind in ("SciPy", "libRoadRunner"):
        peers = [r for name, r in engines.items() if name.startswith(kind)]
        if peers:
            fastest = min(peers, key=lambda r: r["best_ms"])
            ratio = fastest["best_ms"] / ours["best_ms"]
            checks.append({"what": f"exposure: times faster than {fastest['name']}", "value": ratio, "aim": ">= 10"})
    exact = [r["difference"] for name, r in engines.items() if "expm" in name]
    if exact:
        checks.append({"what": "exposure: largest difference from SciPy expm", "value": exact[0], "aim": "<= 1e-10"})
    return checks


def lines(result: dict[str, Any]) -> list[str]:
    """Return the section of the report."""
    head = ["", "## Exposure of a population", ""]
    if not result.get("engines"):
        return [*head, f"Failed: {result.get('failed', 'no engine ran')}"]
    shape = next((r for r in result["engines"] if "people" in r), {})
    text = [
        *head,
        f"{shape.get('people', 0)} people, seven days of a pouch a day with caffeine 80, theanine 60, methylliberine",
        f"25 and theacrine 5 mg, {shape.get('samples', 0)} samples five minutes apart of",
        f"{', '.join(shape.get('analytes', []))}.",
        "Ours from the text of the regimen on, draws included, with the 5, 25, 50, 75 and 95 % bands and without;",
        "warm. The others solve the same equations with the same numbers, without bands, in a few of the people, and",
        "their time is scaled; they restart at every dose (odeint with the analytic Jacobian; CVODE compiled, doses as",
        "events), relative and absolute tolerance as named. Difference: largest from ours, relative to the peak of the",
        f"analyte. Load averages before {result['load_before']}, after {result['load_after']}.",
        "",
        "| engine | best s | people followed | difference | load |",
        "|---|---|---|---|---|",
    ]
    for r in sorted(result["engines"], key=lambda r: r["best_ms"]):
        off = f"{r['difference']:.0e}" if "difference" in r else ""
        text.append(
            f"| {r['name']} | {r['best_ms'] / 1e3:.2f} | {r.get('followed', r.get('people'))} | {off} | {r['load']} |"
        )
    return text + [f"\nNot available: {u['engine']} ({u['reason']})." for u in result["unavailable"]]
