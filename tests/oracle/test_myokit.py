"""Exported models run by Myokit's CVODES give our occupancies."""

import numpy as np
import pytest
from peers import COMPILED, TWO_SITES, VOLTAGE_mV, ours, pulse, start_of

from potentiate.exchange.mmt import to_mmt
from potentiate.exchange.naming import ligand_names, state_names
from potentiate.kinetics.modulator import apply_modulator
from potentiate.library.scheme import find_scheme, scheme_ids

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(240)]
myokit = pytest.importorskip("myokit", reason="Myokit is not installed (extra 'oracle')", exc_type=ImportError)

SCHEMES = {
    **COMPILED,
    "Jonas1993, two sites": lambda: apply_modulator(find_scheme("Jonas1993"), TWO_SITES),
    "NMDA_ClarkeJohnson2008_Mg": lambda: find_scheme("NMDA_ClarkeJohnson2008_Mg"),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_myokit_gives_our_occupancies(name):
    scheme = SCHEMES[name]()
    sweeps = [pulse(scheme, 1.0), pulse(scheme, 100.0)]
    texts = [to_mmt(scheme, [(2.0, s.segments[1][0], 10.0)], voltage_mV=VOLTAGE_mV) for s in sweeps]
    model, _, _ = myokit.parse(texts[0])
    exported = dict(zip(scheme.ligands, ligand_names(scheme.ligands), strict=True))
    for ligand, concentration in sweeps[0].segments[0][1].items():
        if ligand != scheme.agonist:
            model.get(f"bath.{exported[ligand]}").set_rhs(concentration / 1000.0)
    model.set_initial_values(list(start_of(scheme, sweeps[0])))  # with the drug; the file starts without
    try:
        simulation = myokit.Simulation(model)
    except myokit.CompilationError as error:
        pytest.skip(f"Myokit cannot compile here (SUNDIALS or compiler missing): {str(error).splitlines()[0]}")
    simulation.set_tolerance(1e-11, 1e-11)
    logged = [f"receptor.{s}" for s in state_names(scheme.states)]
    for sweep, text in zip(sweeps, texts, strict=True):
        simulation.set_protocol(myokit.parse(text)[1])
        simulation.reset()
        log = simulation.run(sweep.samples_ms[-1] + 0.01, log=logged, log_times=sweep.samples_ms)
        theirs = np.array([log[variable] for variable in logged]).T
        difference = np.abs(theirs - ours(scheme, sweep)).max()
        print(f"{name}, {sweep.segments[1][0]:g} ms: {difference:.1e}")
        assert difference < 1e-6


@pytest.mark.parametrize("name", scheme_ids())
def test_every_scheme_is_a_valid_model_with_consistent_units(name):
    model, protocol, _ = myokit.parse(to_mmt(find_scheme(name), [(2.0, 1.0, 10.0)]))
    model.validate()
    model.check_units(myokit.UNIT_STRICT)
    assert protocol.events()[0].level() == 10.0
    assert model.count_states() == find_scheme(name).n
