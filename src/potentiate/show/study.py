"""The pictures of a patch study: traces of its two pulses, concentration-responses of its time constants."""

from __future__ import annotations

import math

from ..preparations.patch_study import MEASURES, PatchStudy, changed, hill_fits, response
from ..units import show_concentration
from .traces import Curve, Panel


def study_panels(study: PatchStudy) -> list[Panel]:
    """Return one panel for the brief and one for the long pulse, the long one cut to where things happen."""
    labels = ["control", *[r.label for r in study.rows[1:]]]
    agonist = study.patch.scheme.agonist
    strength = show_concentration(study.brief_protocol.solutions["agonist"][agonist])
    slowest = max(
        (r.observables["tau_des"].value for r in study.rows if r.observables["tau_des"].known), default=math.inf
    )
    return [
        Panel(
            title,
            recording.time_ms,
            recording.sweeps,
            labels,
            protocol.marks,
            window_ms=(0.0, min(window, float(recording.time_ms[-1]))),
            bar=f"{strength} {agonist}",
        )
        for title, recording, protocol, window in (
            ("deactivation", study.brief, study.brief_protocol, 30.0),
            ("desensitization", study.long, study.long_protocol, 6.0 * slowest),
        )
    ]


def study_curves(study: PatchStudy, drug: str) -> list[Curve]:
    """Return what the drug changes against its concentration, with Hill fits where there are enough points."""
    fits = hill_fits(study)
    curves = []
    for name in changed(study):
        x, y = response(study.rows, name)
        if len(x) < 2:
            continue
        fit = fits.get(name)
        label = f"{name} ({MEASURES[name]})" if MEASURES[name] else name
        curves.append(Curve(name, x, y, f"{drug} (uM)", label, half=fit.ec50 if fit else None, smooth=fit, unit="µM"))
    return curves
