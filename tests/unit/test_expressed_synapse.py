"""A synapse after plasticity by each route: quantal size, and a drug's effect behind a spine neck."""

import dataclasses

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.exposure.bath import NO_DRUG, Bath
from potentiate.library.modulator import find_action
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.expression import membrane_filter
from potentiate.preparations.expressed_synapse import potentiated
from potentiate.preparations.expression_study import study_expression
from potentiate.preparations.synapse import Synapse
from potentiate.preparations.synapse_quantum import quantal_conductance
from potentiate.protocols.stimulation import test_pulse as pulse

CA1 = Synapse.from_document("ca1-spine")
#: One spine, quanta alike, AMPA receptors alone, held at -70 mV.
ONE = dataclasses.replace(
    CA1,
    sites=1,
    quantum=dataclasses.replace(CA1.quantum, content_cv=0.0),
    receptors=tuple(r for r in CA1.receptors if r.family == "AMPA"),
)
ANIRACETAM = Bath({"aniracetam": 1500.0})
OTHER = find_scheme("RH2003_GluA1_balanced")


def current(synapse: Synapse, bath: Bath) -> np.ndarray:
    released = np.ones((1, 1, 1), int)
    found = synapse.run(pulse(after_ms=60.0), bath, seed=1, trials=1, vesicles=released)
    return found.data[[c.name for c in found.channels].index("AMPA current"), 0]


def fold(synapse: Synapse) -> tuple[float, float]:
    """Return the drug's effect on peak and charge."""
    control, drugged = current(synapse, NO_DRUG), current(synapse, ANIRACETAM)
    return float(drugged.min() / control.min()), float(drugged.sum() / control.sum())


@pytest.mark.parametrize("scheme", ["Rodrigues2023", "Partin1996", "Coombs2017"])
@pytest.mark.parametrize("route", ["number", "conductance", "gating"])
def test_the_response_to_one_release_grows_by_the_strength(scheme, route):
    synapse = ONE if scheme == "Rodrigues2023" else ONE.with_scheme(scheme)
    before = quantal_conductance(synapse)
    current = quantal_conductance(potentiated(synapse, route, 1.6, membrane_ms=0.0))
    assert current.max() / before.max() == pytest.approx(1.6, rel=1e-6)
    potential = quantal_conductance(potentiated(synapse, route, 1.6, membrane_ms=10.0))
    ratio = membrane_filter(potential, 0.02, 10.0).max() / membrane_filter(before, 0.02, 10.0).max()
    assert ratio == pytest.approx(1.6, rel=1e-6)


def test_composition_adds_receptors_of_the_other_scheme_for_as_many_quanta():
    synapse = potentiated(ONE, "composition", 1.6, inserted=OTHER)
    old, new = synapse.receptors
    assert old.number == pytest.approx(ONE.receptors[0].number)
    assert new.scheme.name == OTHER.name
    alone = quantal_conductance(dataclasses.replace(synapse, receptors=(new,))).max()
    assert alone == pytest.approx(0.6 * quantal_conductance(ONE).max(), rel=1e-6)


def test_nmda_receptors_are_left_alone_and_the_change_is_listed():
    changed = potentiated(CA1, "gating", 1.5)
    assert [r for r in changed.receptors if r.family == "NMDA"] == [r for r in CA1.receptors if r.family == "NMDA"]
    assert "expression by gating" in changed.assumed[-1]
    same = potentiated(CA1, "number", 1.0)
    assert quantal_conductance(same) == pytest.approx(quantal_conductance(CA1))


def test_behind_a_neck_number_and_conductance_leave_the_drugs_effect_and_gating_reduces_its_charge():
    peak, charge = fold(ONE)
    for route in ("number", "conductance"):
        after = fold(potentiated(ONE, route, 1.6))
        assert after[0] / peak == pytest.approx(1.0, abs=0.02)
        assert after[1] / charge == pytest.approx(1.0, abs=0.02)
    assert fold(potentiated(ONE, "gating", 1.6, membrane_ms=0.0))[1] / charge < 0.95


def test_the_study_and_the_synapse_agree():
    action = find_action("aniracetam")
    assert action is not None
    receptors = ONE.receptors[0]
    assert ONE.spine is not None
    study = study_expression(
        receptors.scheme, action, 1500.0, receptors=receptors.number, unitary_pS=receptors.unitary_pS,
        neck_GOhm=ONE.spine.neck_GOhm, temperature_C=ONE.temperature_C,
    )  # fmt: skip
    assert (study.fold["amplitude"].value, study.fold["charge"].value) == pytest.approx(fold(ONE), rel=0.01)
    after = study.row("gating").fold
    found = fold(potentiated(ONE, "gating", 1.6, membrane_ms=0.0))
    # the synapse is sampled every 0.05 ms, the study every 0.01
    assert (after["amplitude"].value, after["charge"].value) == pytest.approx(found, rel=0.02)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="give inserted"):
        potentiated(ONE, "composition", 1.6)
    with pytest.raises(UsageError, match="no AMPA receptors"):
        potentiated(dataclasses.replace(CA1, receptors=CA1.receptors[1:]), "number", 1.6)
