"""The fast engine of the slice beside the unreduced system: the same synapses, releases and cell, below spikes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from potentiate.mechanisms.spine import CA1SIM_SPINE, Spine
from potentiate.numerics.rosenbrock import REASONS, integrate
from potentiate.preparations.slice import Slice
from potentiate.preparations.slice_drugs import drugs_in
from potentiate.preparations.slice_specimen import NO_DRUGS, with_modulators
from potentiate.preparations.spine_parts import Compartments
from potentiate.preparations.spine_receptors import Receptor
from potentiate.preparations.spine_system import SpineSystem
from potentiate.protocols import stimulation as stim

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

SYNAPSES = 12
BURST = dataclasses.replace(stim.train(100.0, 4), duration_ms=60.0)


def unreduced(specimen, releases, drugs, part, samples):
    """Solve the same bout as one stiff system; layers, heads and calcium at the samples."""
    d, r, s = specimen.dendrite, specimen.receptors, specimen.synapses
    kinds = [(with_modulators(r.ampa, drugs), r.ampa_nS, d.ampa_mV, None, d.ampa_calcium, s.ampa_scale)]
    kinds += [(x, r.nmda_nS * share, d.nmda_mV, d.block, d.nmda_calcium, s.nmda_scale) for x, share in r.nmda]
    receptors = tuple(
        Receptor(scheme, nS, reversal, block, calcium, drugs, r.temperature_C)
        for scheme, nS, reversal, block, calcium, _ in kinds
    )
    cell = d.cell
    coupling = tuple((k, k + 1, g) for k, g in enumerate(cell.coupling_nS))
    compartments = Compartments(cell.capacitance_pF, cell.leak_nS, (cell.rest_mV,) * len(cell.layers), coupling)
    spine = Spine(d.calcium.volume_um3, CA1SIM_SPINE.head_um2, 1.0 / d.neck_nS)
    system = SpineSystem(
        receptors, spine, d.calcium, compartments, d.magnesium_mM, d.calcium_mM, None, d.channel, d.calcium_mV,
        tuple(s.layer.tolist()), tuple((s.multiplicity * part).tolist()),
    )  # fmt: skip
    pulses = np.asarray(BURST.pulses_ms)
    edges, drive = system.drive(specimen.cleft, [pulses[row > 0] for row in releases], BURST.duration_ms)
    parameters = system.parameters() | {"nS": tuple(nS * scale for _, nS, _, _, _, scale in kinds)}
    head, calcium = system.index["head"], system.index["calcium"]
    found = jax.jit(
        lambda p: integrate(
            system.system(), system.start(), edges, drive=drive, parameters=p, samples=samples,
            observe=lambda y: jnp.concatenate([y[1], y[0][head], y[0][calcium]]), rtol=1e-5, atol=1e-6,
        )
    )(parameters)  # fmt: skip
    assert REASONS[int(found.status)] == "ok"
    print(f"{found.accepted} steps, {found.rejected} refused")
    return np.split(np.asarray(found.values), [len(cell.layers), len(cell.layers) + len(s)], axis=1)


# with aniracetam, 1.5 mM, the differences are smaller (0.4, 2.6 and 0.1 %); left out because XLA compiles it for 15 s
@pytest.mark.parametrize("drug", [None])
def test_fast_engine_agrees_with_the_unreduced_system(drug):
    specimen = Slice.of("ca1-slice", synapses=SYNAPSES, between=False, noise=False).draw(1)
    drugs = NO_DRUGS if drug is None else drugs_in({drug: 1500.0})
    releases = (np.random.default_rng(0).random((SYNAPSES, len(BURST.pulses_ms))) < 0.5).astype(float)
    part = 0.2  # below the NMDA plateau
    bout = dataclasses.replace(BURST, strength=part)
    quiet = dataclasses.replace(
        specimen,
        dendrite=dataclasses.replace(
            specimen.dendrite,
            inhibition=dataclasses.replace(
                specimen.dendrite.inhibition, gaba_nS=(0.0,) * len(specimen.dendrite.cell.layers)
            ),
        ),
    )
    fast = quiet.simulate(bout, releases, drugs, fires=False)
    keep = np.flatnonzero(fast.t_ms > 1.0)[::3]
    ends = fast.t_ms[keep]
    middles = ends - 0.5 * np.diff(fast.t_ms)[keep - 1]  # where the engine knows the heads
    samples = np.unique(np.concatenate([ends, middles]))
    found = unreduced(quiet, releases, drugs.modulators_uM, part, samples)
    at_end, at_middle = np.searchsorted(samples, ends), np.searchsorted(samples, middles)
    truth = (found[0][at_end], found[1][at_middle], found[2][at_end])
    for name, ours, exact in zip(
        ("layers", "heads", "calcium"), (fast.voltage_mV, fast.head_mV, fast.calcium_uM), truth, strict=True
    ):
        span = np.ptp(exact, axis=0).max()
        worst = np.abs(ours[keep] - exact).max() / span
        print(f"{drug}, {name}: {worst:.1e} of {span:.3g}")
        # heads jump within a step of the engine when glutamate comes
        assert worst < (0.05 if name == "heads" else 0.02), name
    assert np.ptp(truth[0], axis=0).max() > 1.0  # layers move by millivolts
