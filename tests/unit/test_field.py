"""Forward model of the field: limits with closed forms, signs, scale and bad input."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.mechanisms.field import (
    LAYERS,
    PYRAMIDALE_UM,
    RADIATUM_UM,
    FibreBundle,
    Lamina,
    PopulationSpike,
    fibre_volley,
    field_potential,
    gains_mV_per_nA,
    with_return,
)


def one_layer(thickness, radius, cells=1.0):
    """Return a lamina of one layer at depth 0 with a number of cells."""
    return Lamina((0.0,), (thickness,), radius_um=radius, cells_per_mm2=cells / (np.pi * radius**2 * 1e-6))


@given(st.floats(10.0, 1000.0), st.floats(10.0, 500.0))
def test_a_thin_layer_is_the_disc_of_nicholson_and_freeman(z, radius):
    disc = (np.hypot(z, radius) - z) / (2 * 0.3 * np.pi * radius**2)
    assert gains_mV_per_nA(one_layer(1e-2, radius), z)[0] == pytest.approx(disc, rel=1e-4)


@given(st.floats(50.0, 5000.0))
def test_a_small_thin_layer_is_a_point_source(z):
    assert gains_mV_per_nA(one_layer(0.01, 0.01), z)[0] == pytest.approx(1 / (4 * np.pi * 0.3 * z), rel=1e-4)


@given(st.floats(60.0, 5000.0))
def test_a_narrow_layer_is_a_line_source(z):
    line = np.log((z + 50.0) / (z - 50.0)) / (4 * np.pi * 0.3 * 100.0)
    assert gains_mV_per_nA(one_layer(100.0, 0.01), z)[0] == pytest.approx(line, rel=1e-4)


def test_a_thick_layer_agrees_with_quadrature_inside_and_outside():
    lamina = one_layer(120.0, 150.0)
    depths = np.linspace(-60.0, 60.0, 200_001)
    for z in (-300.0, -60.0, 10.0, 59.0, 400.0):
        disc = (np.hypot(z - depths, 150.0) - np.abs(z - depths)) / (2 * 0.3 * np.pi * 150.0**2)
        assert gains_mV_per_nA(lamina, z)[0] == pytest.approx(np.trapezoid(disc, depths) / 120.0, rel=1e-8)


def test_without_net_current_the_field_decays_as_a_dipole():
    lamina = Lamina()
    currents = with_return(-1.0, sink=3, returns=(0.2, 0.3, 0.3, 0.0, 0.1, 0.1))
    moment = lamina.cells * currents @ np.array(lamina.centre_um)
    for z in (1e5, -1e5):
        dipole = np.sign(z) * moment / (4 * np.pi * lamina.conductivity_S_per_m * z**2)
        assert field_potential(currents, lamina, z) == pytest.approx(dipole, rel=1e-2)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-5.0, 5.0), min_size=6, max_size=6), st.floats(0.0, 4.0))
def test_the_field_is_linear_and_numpy_and_jax_agree(currents, scale):
    lamina, i = Lamina(), np.array(currents)
    phi = field_potential(i, lamina)
    assert field_potential(scale * i, lamina) == pytest.approx(scale * phi, abs=1e-12)
    assert float(field_potential(jnp.asarray(i), lamina, xp=jnp)) == pytest.approx(float(phi), rel=1e-6, abs=1e-9)


def test_density_scales_and_conductivity_divides():
    currents = with_return(np.array([-1.0, -2.0]), sink=3, returns=(0.2, 0.3, 0.3, 0.0, 0.1, 0.1))
    base = field_potential(currents, Lamina())
    assert base.shape == (2,)
    assert field_potential(currents, Lamina(cells_per_mm2=20_000.0)) == pytest.approx(2 * base)
    assert field_potential(currents, Lamina(conductivity_S_per_m=0.6)) == pytest.approx(base / 2)


def test_a_sink_in_radiatum_is_negative_there_and_positive_at_the_cell_bodies():
    currents = with_return(-1.0, sink=LAYERS.index("radiatum middle"), returns=(0.2, 0.3, 0.3, 0.0, 0.1, 0.1))
    depths = np.array([-100.0, PYRAMIDALE_UM, RADIATUM_UM])
    phi = gains_mV_per_nA(Lamina(), depths) @ currents
    assert phi[2] < 0.0 < phi[1]
    assert currents.sum() == pytest.approx(0.0)


def test_excitation_above_and_below_the_cell_bodies_cancels():
    apical = with_return(-1.0, sink=3, returns=(0.2, 0.3, 0.3, 0.0, 0.1, 0.1))
    basal = with_return(-1.0, sink=0, returns=(0.0, 0.3, 0.3, 0.2, 0.1, 0.1))
    both = field_potential(apical + basal, Lamina())
    assert abs(both) < abs(field_potential(apical, Lamina()))


def test_the_population_spike_is_negative_at_the_cell_bodies_and_positive_in_the_dendrites():
    t = np.arange(0.0, 10.0, 0.01)
    currents = PopulationSpike().currents_nA(t, np.array([[0.0], [0.5], [1.0]]), 5.0)
    assert currents.shape == (3, len(t), len(LAYERS))
    soma = field_potential(currents, Lamina(), PYRAMIDALE_UM)
    dendrite = field_potential(currents, Lamina(), RADIATUM_UM)
    assert soma[2].min() < 0.0 < dendrite[2].max()
    assert t[soma[2].argmin()] == pytest.approx(5.0)
    assert soma[1] == pytest.approx(soma[2] / 2)
    assert np.all(soma[0] == 0.0)


def test_the_volley_is_biphasic_proportional_and_on_time():
    t = np.arange(-2.0, 8.0, 0.001)
    bundle = FibreBundle(distance_um=600.0, velocity_m_per_s=0.5, width_ms=0.2, uV_per_fibre=1.0)
    volley = fibre_volley(t, 200.0, bundle)
    assert volley.max() == pytest.approx(0.2, rel=1e-4)
    assert volley.min() == pytest.approx(-0.2, rel=1e-4)
    assert t[volley.argmax()] == pytest.approx(1.2 - 0.2, abs=2e-3)
    assert t[volley.argmin()] == pytest.approx(1.2 + 0.2, abs=2e-3)
    assert np.trapezoid(volley, t) == pytest.approx(0.0, abs=1e-9)
    assert fibre_volley(t, np.array([[100.0], [200.0]]), bundle)[0] == pytest.approx(volley / 2)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="do not fit"):
        field_potential(np.zeros(5), Lamina())
    with pytest.raises(UsageError, match="sum to"):
        with_return(-1.0, sink=0, returns=(0.5, 0.4))
    with pytest.raises(UsageError, match="positive"):
        Lamina(radius_um=0.0)
    with pytest.raises(UsageError, match="each layer"):
        Lamina(thickness_um=(1.0,))
