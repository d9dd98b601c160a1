"""`measure --as nsfa`: unitary current and number of channels from aligned responses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..measures.noise import nonstationary_noise
from .measure_asked import Asked
from .measure_found import Found, holes, label_of, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..recordings.recording import Recording


def nsfa(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Analyse the fluctuations of aligned responses, one row per observable."""
    whole = [k for k, sweep in enumerate(one.sweeps) if not holes(sweep)]
    if len(whole) < len(index):
        assumed.append(f"{len(index) - len(whole)} sweeps hold samples that are no numbers and are left out")
    if not whole:
        raise UsageError("Every sweep holds samples that are no numbers", where=file)
    assumed.append("every sweep is one response, aligned to the others")
    if asked.baseline_ms is None:
        assumed.append("the baseline is near 0 pA (--baseline to subtract one)")
    found = nonstationary_noise(
        one.time_ms, one.sweeps[whole], convention=asked.convention("nonstationary_noise"), window_ms=asked.window_ms,
        baseline_ms=asked.baseline_ms,
    )  # fmt: skip
    rows: list[list[Any]] = []
    for o in found.observables:
        low, high = o.interval or (None, None)
        rows.append([o.id, o.value if o.known else None, o.unit or None, low, high, o.status, o.reason])
    conditions = {"file": file, "channel": one.channels[0].name, "sweeps": index}
    notes = [f"{sentence(found.unitary_current, 3)}; {sentence(found.channels, 3)}. "
             f"n = {len(whole)} responses, {found.unitary_current.convention}."]  # fmt: skip
    headline = {"i": found.unitary_current, "N": found.channels, "drift": found.drift}

    def figure() -> Figure:
        from ..show.values_figure import noise_figure

        title = f"{Path(file).name}: {len(whole)} responses, {found.unitary_current.convention}"
        peak = float(np.abs(found.mean_pA).max()) if found.mean_pA.size else 0.0
        return noise_figure(found, title, f"{found.mean_pA.size} bins of equal amplitude up to {peak:.3g} pA")

    columns = ["observable", "value", "unit", "low", "high", "status", "reason"]
    entries = [o.as_dict(label_of(one), conditions) for o in found.observables]
    return Found(columns, rows, entries, headline, notes, figure)
