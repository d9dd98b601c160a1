"""The synapse preparation beside the unreduced system (own integrator, voltage and gating together)."""

import dataclasses

import jax
import numpy as np
import pytest

from potentiate.exposure.bath import Bath
from potentiate.mechanisms.calcium import nernst_mV
from potentiate.numerics.rosenbrock import REASONS, integrate
from potentiate.preparations.spine_parts import Compartments
from potentiate.preparations.spine_receptors import Receptor
from potentiate.preparations.spine_system import SpineSystem
from potentiate.preparations.synapse import BEFORE_MS, Synapse
from potentiate.protocols.stimulation import train

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]

CA1 = Synapse.from_document("ca1-spine")
ONE = dataclasses.replace(CA1, sites=1, quantum=dataclasses.replace(CA1.quantum, content_cv=0.0), holding_mV=None)
#: Fewer states compile faster.
SMALL, VARIANT = ONE.with_scheme("Partin1996"), "one site"
#: Strong enough that magnesium block and the head's voltage matter.
STRONG = dataclasses.replace(
    SMALL, receptors=tuple(dataclasses.replace(r, number=4 * r.number) for r in SMALL.receptors), magnesium_mM=0.5
)


def unreduced(synapse, bath, pulses, end, samples):
    """Solve the same synapse as one stiff system; soma, dendrite, head and calcium at the samples."""
    shares = {"AMPA": synapse.calcium.ampa, "NMDA": synapse.calcium.nmda}
    receptors = tuple(
        Receptor(
            r.scheme, float(r.conductances_nS.max()), r.reversal_mV, synapse.block if r.family == "NMDA" else None,
            shares[r.family], bath.drugs_uM, synapse.temperature_C,
        )
        for r in synapse.under(bath, VARIANT)
    )  # fmt: skip
    cell = synapse.cell
    compartments = Compartments(
        (cell.dendrite_pF, cell.soma_pF), (cell.dendrite_nS, cell.soma_nS), (cell.rest_mV,) * 2,
        ((0, 1, cell.coupling_nS),),
    )  # fmt: skip
    system = SpineSystem(
        receptors, synapse.spine, synapse.calcium.dynamics, compartments, synapse.magnesium_mM, synapse.calcium_mM,
        None, synapse.calcium.channel, float(nernst_mV(synapse.calcium_mM, 0.07, synapse.temperature_C)),
    )  # fmt: skip
    edges, drive = system.drive(synapse.cleft, np.array(pulses), end)
    found = jax.jit(
        lambda y: integrate(
            system.system(), y, edges, drive=drive, parameters=system.parameters(), samples=samples,
            rtol=1e-5, atol=1e-7,
        )
    )(system.start())  # fmt: skip
    assert REASONS[int(found.status)] == "ok"
    values = np.asarray(found.values)
    at = system.index
    return values[:, -1], values[:, -2], values[:, at["head"]], values[:, at["calcium"]]


def test_reduced_and_unreduced_synapse_agree():
    bout, bath = train(100.0, 3, after_ms=30.0), Bath({"aniracetam": 1500.0})
    made = STRONG.run(bout, bath, seed=1, trials=1, dt_ms=0.05, variant=VARIANT, vesicles=np.ones((1, 1, 3), int))
    pulses = [t + BEFORE_MS for t in bout.pulses_ms]
    samples = made.time_ms[120:-1:20]
    truth = unreduced(STRONG, bath, pulses, float(made.time_ms[-1]), samples)
    names = ("soma", "dendrite", "spine head", "free calcium")
    for name, expected in zip(names, truth, strict=True):
        ours = made.channel(name).sweeps[0][120:-1:20]
        span = np.ptp(expected)
        worst = np.abs(ours - expected).max() / span
        print(f"{name}: {worst:.1e} of {span:.3g}")
        assert worst < 2e-3, name
    assert np.ptp(truth[2]) > 15.0
