"""A whole slice experiment: source 003's timetable with the drug, six slices; and how time grows with the synapses."""

from __future__ import annotations

import resource
import time
from typing import Any

SLICES = 6


def rows() -> list[dict[str, Any]]:
    """Return wall time and memory of whole experiments in one process; the first includes all that is compiled."""
    from potentiate.preparations.slice import SYNAPSES, Slice
    from potentiate.protocols.slice_timetables import source_003

    timetable = source_003("aniracetam", 1500.0)
    found = []
    for n, slices in ((SYNAPSES, SLICES), (SYNAPSES, 1), (2 * SYNAPSES, 1), (4 * SYNAPSES, 1)):
        start = time.perf_counter()
        experiment = Slice.of("ca1-slice", synapses=n).run(timetable, slices=slices)
        found.append(
            {
                "name": f"{slices} slices, {n} synapses each",
                "s": time.perf_counter() - start,
                "sweeps": sum(run.recording.data.shape[1] for run in experiment.done if run.recording is not None),
                "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            }
        )
    return found


def aims(found: Any) -> list[dict[str, Any]]:
    """Return what is aimed at."""
    if not isinstance(found, list):
        return []
    whole, one, double, fourfold = found
    return [
        {"what": "slice experiment (6 slices, 105 min): s", "value": whole["s"], "aim": "<= 300"},
        {"what": "slice experiment: peak memory, MB", "value": whole["peak_MB"], "aim": "<= 3000"},
        {"what": "slice: time for 2x the synapses over 1x", "value": double["s"] / one["s"], "aim": "<= 2.2"},
        {"what": "slice: time for 4x the synapses over 1x", "value": fourfold["s"] / one["s"], "aim": "<= 4.4"},
    ]


def lines(found: Any) -> list[str]:
    """Return the section as Markdown."""
    if not isinstance(found, list):
        return ["## A slice experiment", "", f"Not run: {found.get('failed', '')}", ""]
    text = [
        "",
        "## A slice experiment",
        "",
        "Timetable of source 003 (20 min baseline, aniracetam 1.5 mM, 100 Hz for 1 s, 60 min), all sweeps computed; no "
        "peer runs such an experiment.",
        "",
        "| what | s | sweeps | peak MB |",
        "|---|---|---|---|",
    ]
    text += [f"| {r['name']} | {r['s']:.1f} | {r['sweeps']} | {r['peak_MB']:.0f} |" for r in found]
    return [*text, ""]
