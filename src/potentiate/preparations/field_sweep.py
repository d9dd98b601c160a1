"""From the voltages of one average cell to the field potential that an electrode records after a test pulse."""

from __future__ import annotations

import math

import numpy as np

from ..mechanisms.field import FibreBundle, Lamina, PopulationSpike, fibre_volley, field_potential
from .shared_dendrite import Course
from .slice_specimen import Specimen

#: Sampling and length of a sweep, and when its stimulus comes.
DT_MS, SWEEP_MS, STIMULUS_MS = 0.05, 90.0, 10.0


def field_sweep(course: Course, specimen: Specimen, recruited: float) -> np.ndarray:
    """Return the field potential at the electrode in stratum radiatum.

    Fibres do not arrive together and vesicles do not wait alike: the response of synchronous synapses is spread over
    the arrival times (a gamma density of order 3; linear, so what the spread changes in voltage is neglected).

    Parameters
    ----------
    course : Course
        Response to a test pulse at time 0.
    specimen : Specimen
    recruited : float
        Part of the fibres.

    Returns
    -------
    array, shape (samples,), mV
        The stimulus is at :data:`STIMULUS_MS`; without its artefact.
    """
    cell, number = specimen.dendrite.cell, specimen.document.number
    bundle = FibreBundle(
        number("electrode_distance"), number("conduction_velocity"), uV_per_fibre=number("volley_per_fibre")
    )
    t = np.arange(round(SWEEP_MS / DT_MS)) * DT_MS - STIMULUS_MS
    arrives = bundle.latency_ms + number("synaptic_delay")
    at = np.concatenate([[0.0], course.t_ms])
    rest = np.full((1, len(cell.layers)), cell.rest_mV)
    voltage = np.concatenate([rest, course.voltage_mV])
    layers = np.stack([np.interp(t - arrives, at, voltage[:, k]) for k in range(voltage.shape[1])], axis=1)
    layers = _spread(layers, number("dispersion"))
    currents_nA = cell.membrane_currents_pA(layers) / 1000.0
    soma = layers[:, cell.soma]
    peak = int(np.argmax(soma))
    threshold = specimen.document.number("threshold")
    fraction = 0.5 * math.erfc((threshold - soma[peak]) / (math.sqrt(2.0) * number("threshold_sd")))
    currents_nA = currents_nA + PopulationSpike().currents_nA(t, fraction, t[peak])
    volley = fibre_volley(t, number("fibres") * recruited, bundle)
    return field_potential(currents_nA, Lamina()) + volley


def _spread(layers: np.ndarray, sd_ms: float) -> np.ndarray:
    """Delay by a gamma density of order 3 with a given standard deviation, shape (samples, layers)."""
    if sd_ms == 0.0:
        return layers
    scale = sd_ms / math.sqrt(3.0)
    lag = (np.arange(round(12.0 * sd_ms / DT_MS)) + 0.5) * DT_MS
    kernel = lag**2 * np.exp(-lag / scale)
    kernel /= kernel.sum()
    above = layers - layers[0]
    return layers[0] + np.stack(
        [np.convolve(above[:, k], kernel)[: len(above)] for k in range(layers.shape[1])], axis=1
    )
