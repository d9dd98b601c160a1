"""The answer of a slice to one test pulse, without a timetable: its field potential and what is read off it."""

from __future__ import annotations

import math

import numpy as np

from ..errors import UsageError
from ..measures.field_potential import fixed_window
from .field_sweep import DT_MS, STIMULUS_MS, field_sweep
from .shared_dendrite import Course
from .slice_specimen import NO_DRUGS, Drugs, Specimen
from .slice_study import PER_SWEEP, read_sweep
from .slice_windows import Span

#: Sweeps that a response without a timetable is the average of.
AVERAGED = 16


def sweep_of(course: Course, specimen: Specimen, recruited: float) -> tuple[np.ndarray, np.ndarray]:
    """Return time and field potential of a response to a test pulse, as the average of :data:`AVERAGED`; ms and mV.

    The guards of the measures compare with the noise of the baseline, so there must be some; it is the same each time.
    """
    v = field_sweep(course, specimen, recruited)
    noise = specimen.document.number("sweep_noise") / math.sqrt(AVERAGED)
    v = v + noise * np.random.default_rng(0).standard_normal(v.shape)
    return np.arange(len(v)) * DT_MS, v


def responses(
    specimen: Specimen,
    strength: float,
    drugs: Drugs = NO_DRUGS,
    *,
    window_ms: Span | None = None,
    synapses: np.ndarray | float = 1.0,
) -> dict[str, float]:
    """Return what one test pulse shows, by the names of :data:`~.slice_study.PER_SWEEP`; NaN where nothing.

    Parameters
    ----------
    specimen : Specimen
    strength : float
        Part of the fibres.
    drugs : Drugs
    window_ms : (float, float), optional
        Of the slope; default 20 to 80 % of this response.
    synapses : array or float
        Strength of each synapse relative to the start.

    Returns
    -------
    dict
        Also ``epsc_duration``: charge over peak of the AMPA conductance, ms.
    """
    course = specimen.respond(strength, drugs, strength=synapses)
    t, v = sweep_of(course, specimen, strength)
    if window_ms is None:
        try:
            window_ms = fixed_window(t, v, STIMULUS_MS, baseline_ms=(-9.5, -0.5))
        except UsageError:
            return {**dict.fromkeys(PER_SWEEP, math.nan), "epsc_duration": math.nan}
    found = {name: o.value if o.ok else math.nan for name, o in read_sweep(t, v, STIMULUS_MS, window_ms).items()}
    charge, top = float(np.trapezoid(course.ampa_nS, course.t_ms)), float(course.ampa_nS.max())
    return {**found, "epsc_duration": charge / top if top > 0 else math.nan}


def slope_window(specimen: Specimen, strength: float) -> Span:
    """Return the window of the slope: 20 to 80 % of the drug-free response.

    Raises
    ------
    UsageError
        The stimulus recruits nothing that can be seen.
    """
    t, v = sweep_of(specimen.respond(strength), specimen, strength)
    return fixed_window(t, v, STIMULUS_MS, baseline_ms=(-9.5, -0.5))
