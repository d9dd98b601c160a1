"""The CA1 slice: a timetable in, field potentials of every test pulse out."""

from __future__ import annotations

#: Synapses that are simulated per slice; from the convergence study (docs/studies/slice-convergence).
SYNAPSES = 120

#: Uniform sampling of a field sweep, and how long it lasts after the stimulus and before it.
DT_MS, SWEEP_MS, BEFORE_MS = 0.05, 60.0, 5.0
