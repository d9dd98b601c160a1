"""`measure --as events`: spontaneous and miniature events, their rate and distributions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..measures.event_average import average_event
from ..measures.events import detect_events
from .measure_asked import Asked
from .measure_found import Found, Listed, flagged, holes, label_of, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..measures.event_sensitivity import Sensitivity
    from ..recordings.recording import Recording


def events(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Find events and measure each; rows are what all of them show."""
    t, sweeps = one.time_ms, one.sweeps
    if asked.polarity == "auto":
        raise UsageError("Events have one direction", where="--polarity", do="negative (inward) or positive (outward)")
    settings = asked.event_settings
    if settings is None and asked.polarity is None:
        assumed.append("events are inward (--polarity positive for outward ones)")
    if settings is not None:
        assumed.append(f"events are found with the settings of the first file: floor {settings.floor_pA:.3g} pA")
    found = detect_events(
        t,
        sweeps,
        polarity="positive" if asked.polarity == "positive" else "negative",
        settings=settings,
        floor_pA=asked.minimum_pA if "minimum" in asked.given else None,
    )
    mean = average_event(t, sweeps, found)
    if settings is None and "minimum" not in asked.given:
        assumed.append(
            f"events exceed {found.settings.floor_pA:.3g} pA, five SD of the noise of an amplitude (--minimum)"
        )
    if found.excluded_ms:
        spans = ", ".join(f"{first:.5g} to {last:.5g}" for first, last in found.excluded_ms[:3])
        assumed.append(f"left out of every sweep: {spans} ms (a step at the same time in all sweeps)")
    measured = (*found.summary(), mean.rise, mean.tau)
    rows: list[list[Any]] = []
    for o in measured:
        low, high = o.interval or (None, None)
        rows.append([o.id, o.value if o.known else None, o.unit or None, low, high, o.status, o.reason])
    conditions = {"file": file, "channel": one.channels[0].name, "sweeps": index}
    clean = sum(status == "ok" for status in found.status)
    notes = [f"{len(found)} events in {found.observed_s:.4g} s, {clean} of them isolated; {sentence(found.rate, 3)}. "
             f"Average of {mean.n} isolated events: {sentence(mean.tau, 3)}."]  # fmt: skip
    broken = [index[k] for k, sweep in enumerate(sweeps) if holes(sweep)]
    if broken:
        notes.append(f"Samples that are no numbers are left out of sweeps {', '.join(map(str, broken))}.")
    quality = flagged(one, None, notes)
    headline = {o.id: o for o in (found.rate, *found.summary()[1:4], mean.tau)}

    def figure() -> Figure:
        from ..show.events_figure import events_figure

        return events_figure(one, found, mean, f"{Path(file).name}: {len(found)} events")

    listing = [{**row, "sweep": index[row["sweep"]]} for row in found.table()]
    columns = ["observable", "value", "unit", "low", "high", "status", "reason"]
    entries = [o.as_dict(label_of(one), conditions) for o in measured]

    def sensitivity() -> Sensitivity | None:
        from ..measures.event_sensitivity import detection_sensitivity

        if not (mean.tau.ok and mean.rise.known and mean.rise.value < 0.8 * mean.tau.value):
            return None
        return detection_sensitivity(t, sweeps, found, decay_ms=mean.tau.value, rise_ms=mean.rise.value)

    return Found(columns, rows, entries, headline, notes, figure, None, quality, Listed(found, listing, sensitivity))


def comparison(first: Listed, second: Listed, names: tuple[str, str]) -> tuple[list[dict[str, Any]], str]:
    """Compare the events of two files; returns entries of the JSON object and a note.

    Events of the shape of each file are added to it and looked for: only where both are found alike is the rate ratio
    that of the cell.
    """
    from ..measures.event_sensitivity import compare_events

    tested = (first.sensitivity(), second.sensitivity())
    found = compare_events(
        first.events,
        second.events,
        None if None in tested else tested,  # type: ignore[arg-type]
    )
    conditions = {"file": names[1], "against": names[0]}
    text = "; ".join(sentence(o, 3) for o in found.observables[:4])
    recall = "how many are missed is not known: too few isolated events"
    if found.recall_control.known and found.recall_drug.known:
        recall = (
            f"added events were found at {found.recall_control.value:.0%} and {found.recall_drug.value:.0%} (seed 1)"
        )
    entries = [o.as_dict("data", conditions) for o in found.observables]
    return entries, f"{Path(names[1]).name} over {Path(names[0]).name}: {text}; {recall}."
