"""What every scheme document must satisfy, alone and with every modulator."""

import math

import numpy as np
import pytest

from potentiate.kinetics.modulator import apply_modulator
from potentiate.library.ensemble import ensemble
from potentiate.library.modulator import find_action, modulator_ids
from potentiate.library.scheme import find_scheme, scheme_document, scheme_ids
from potentiate.preparations import assays
from potentiate.preparations.patch import Patch

ALL = scheme_ids()
OPERATORS = [i for i in modulator_ids() if find_action(i).kind == "operator"]


def conditions(scheme, glutamate_uM):
    return {scheme.agonist: glutamate_uM} | dict(scheme.bath_uM)


@pytest.mark.parametrize("name", ALL)
def test_rest_is_rest(name):
    """Without agonist nothing conducts, and most receptors rest (or the document says otherwise)."""
    scheme = find_scheme(name)
    p = Patch(scheme).rest(conditions(scheme, 0.0))
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    assert p @ np.array(scheme.conductance) < 1e-6 * max(scheme.conductance)


@pytest.mark.parametrize("name", ALL)
def test_agonist_opens(name):
    scheme = find_scheme(name)
    # voltage relieves magnesium block
    patch = Patch(scheme, voltage_mV=40.0)
    po = patch.open_probability(assays.jump("glutamate", 10_000.0, 50.0, 1.0, dt_ms=0.05))
    assert po.max() > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_open_states_conduct_and_only_they(name):
    scheme = find_scheme(name)
    for state_class, g in zip(scheme.classes, scheme.conductance, strict=True):
        assert (g > 0) == (state_class == "open")


@pytest.mark.parametrize("name", ALL)
def test_roles_fit_the_states_they_join(name):
    scheme = find_scheme(name)
    for e in scheme.edges:
        a, b = scheme.classes[e.source], scheme.classes[e.target]
        gained = scheme.bound[e.target] - scheme.bound[e.source]
        if e.role == "bind" and e.forward.ligand == scheme.agonist:
            assert gained == 1
        if e.role == "desensitize":
            assert "desensitized" in (a, b) or "blocked" in (a, b)
        if e.role == "convert":
            assert a == b or "rest" in (a, b)
        if a != "desensitized" and b == "desensitized" and e.role != "bind":
            assert e.role == "desensitize"


@pytest.mark.parametrize("name", ALL)
def test_balance_or_declared(name):
    scheme = find_scheme(name)
    document, correction = scheme_document(name)
    declared = (correction.unbalanced if correction else document.unbalanced) is not None
    assert bool(scheme.imbalances(0.01)) == declared


@pytest.mark.parametrize("drug", OPERATORS)
@pytest.mark.parametrize(
    "name", [*ensemble().schemes, "Jonas1993", "Saftenku_Jonas_GrC", "Geiger1999", "NMDA_Church2021_MCell"]
)
def test_any_operator_applies_to_any_scheme(name, drug):
    """Cyclic schemes included: the operator adds no imbalance, and at zero drug nothing changes."""
    base = find_scheme(name)
    action = find_action(drug)
    own = max((abs(math.log(i.factor)) for i in base.imbalances(1e-12)), default=0.0)
    for _, modulator in action.variants:
        scheme = apply_modulator(base, modulator)  # the operator itself does not ask for the family
        # a drug layer repeats the base's own small imbalance, never more
        found = max((abs(math.log(i.factor)) for i in scheme.imbalances(1e-9)), default=0.0)
        assert found <= 3 * own + 1e-9
        plain = base.equilibrium(conditions(base, 100.0), -60.0) @ np.array(base.conductance)
        without = scheme.equilibrium(conditions(base, 100.0) | {drug: 0.0}, -60.0) @ np.array(scheme.conductance)
        assert without == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("name", sorted(ensemble().schemes))
def test_ensemble_members_meet_the_criteria(name):
    assert not outside(name)


@pytest.mark.parametrize("name", sorted(ensemble().excluded))
def test_excluded_schemes_fail_a_criterion(name):
    assert outside(name)


def outside(name):
    patch = Patch(find_scheme(name))
    found = assays.deactivation(patch) | assays.desensitization(patch) | assays.recovery(patch)
    return [
        key for key, c in ensemble().criteria.items() if not (found[key].known and c.low <= found[key].value <= c.high)
    ]


def test_every_scheme_is_judged():
    """A scheme with explicit binding is in the ensemble, excluded with a reason, or superseded by its correction."""
    judged = {*ensemble().schemes, *ensemble().excluded}
    for name in scheme_ids("AMPA"):
        scheme = find_scheme(name)
        if any(r.occupancy for r in scheme.directed[2]) or "modulator" in scheme.ligands:
            continue
        corrected = [i for i in scheme_ids("AMPA") if (c := scheme_document(i)[1]) and c.corrects == name]
        copy = scheme_document(name)[1] is not None and name.endswith("_copy2")
        assert name in judged or corrected or copy, name


def test_jonas_desensitized_states():
    """C3, C4 and C5 of the published scheme are the desensitized ones (they were once read as bound)."""
    scheme = find_scheme("Jonas1993")
    assert {s for s, c in zip(scheme.states, scheme.classes, strict=True) if c == "desensitized"} == {"C3", "C4", "C5"}
