"""What a rate depends on: ligands, voltage, temperature."""

import math

import pytest

from potentiate.kinetics.rate import Q10, AntonovBlock, LogisticTemperature, Rate, Voltage
from potentiate.library.scheme import find_scheme
from potentiate.preparations import assays
from potentiate.preparations.patch import Patch


def test_mass_action_and_saturating_binding():
    assert Rate(2.0, "x").factor({"x": 3.0}, None, None) == 3.0
    assert Rate(2.0, "x", occupancy=(10.0, 2)).factor({"x": 10.0}, None, None) == 0.25
    assert Rate(2.0, "x", occupancy=(10.0, 2)).factor({"x": 0.0}, None, None) == 0.0


def test_a_missing_voltage_is_an_error():
    with pytest.raises(ValueError, match="voltage"):
        Rate(1.0, voltage=Voltage(0.0, 25.0)).factor({}, None, None)


def test_q10():
    law = Q10(2.4, 22.0)
    assert law.factor(22.0) == 1.0
    assert law.factor(32.0) == pytest.approx(2.4)


def test_logistic_temperature_is_one_at_its_reference():
    law = LogisticTemperature(10.273, 0.47378, 31.725)
    assert law.factor(law.reference_C) == pytest.approx(1.0)
    assert law.factor(60.0) == pytest.approx(10.273, rel=1e-4)


def test_kampa_magnesium_rates_have_valence_two_and_distance_0_8():
    """Facts 5.13: exp(-1.6 (V - 40) / 25) on, exp(0.4 (V - 40) / 25) off."""
    scheme = find_scheme("NMDA_Kampa2004")
    edge = next(e for e in scheme.edges if scheme.states[e.source] == "O" and scheme.states[e.target] == "OMg")
    on = edge.forward.factor({"magnesium": 1000.0}, -60.0, None) * edge.forward.k
    off = edge.backward.factor({}, -60.0, None) * edge.backward.k
    assert on == pytest.approx(5e-5 * 1000.0 * math.exp(1.6 * 100 / 25))
    assert off == pytest.approx(12.8 * math.exp(-0.4 * 100 / 25))


def test_antonov_block_without_permeant_ions_is_bare():
    numbers = {"Kna_mM": 34.4, "Kcs_mM": 0.27, "Kcs_slope_mV": -21.0, "kP": 1100.0, "kP_slope_mV": -55.0}
    numbers |= {"kNo": 110.0, "kNo_slope_mV": 52.7, "kNi": 0.0618, "kNi_slope_mV": -50.0}
    bare = AntonovBlock("forward", 0.0, 0.0, **numbers)
    assert bare.factor(-55.0) == pytest.approx(1100.0 * math.e)
    crowded = AntonovBlock("forward", 140.0, 148.0, **numbers)
    assert crowded.factor(-55.0) < 1e-2 * bare.factor(-55.0)


@pytest.mark.parametrize("scheme", ["NMDA_Kampa2004", "NMDA_VCR2004_Mg_145836", "NMDA_ClarkeJohnson2008_Mg"])
def test_depolarisation_relieves_magnesium(scheme):
    protocol = assays.jump("glutamate", 1000.0, 20.0, 1.0, dt_ms=0.1)
    po = {v: Patch(find_scheme(scheme), voltage_mV=v).open_probability(protocol).max() for v in (-80.0, 20.0)}
    assert po[20.0] > 3 * po[-80.0]


def test_warming_speeds_a_scheme_with_a_temperature_law():
    """RT1992: Q10 1.5 on all rates, so 10 degrees shorten every time constant by exactly 1.5."""
    cold, warm = (
        assays.desensitization(Patch(find_scheme("RT1992"), temperature_C=t), concentration_uM=1e6)["tau_des"].value
        for t in (22.0, 32.0)
    )
    assert cold / warm == pytest.approx(1.5, rel=0.02)


def test_a_scheme_without_a_law_ignores_temperature():
    found = {
        assays.deactivation(Patch(find_scheme("Partin1996"), temperature_C=t))["tau_deact"].value for t in (None, 35.0)
    }
    assert len(found) == 1


def test_a_temperature_sigmoid_with_a_base_may_never_be_one():
    law = LogisticTemperature(1621.6, 0.10605, 98.999, base=3.0369)
    assert math.isnan(law.reference_C)
    lifted = LogisticTemperature(10.0, 0.1, 30.0, base=-2.0)
    assert lifted.factor(lifted.reference_C) == pytest.approx(1.0)
