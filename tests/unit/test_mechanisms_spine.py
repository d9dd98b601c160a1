"""Cleft, magnesium block, spine and calcium against closed forms and published numbers."""

import numpy as np
import pytest
from scipy.integrate import quad

from potentiate.mechanisms.calcium import (
    PA_MS_PER_UM_UM3,
    CalciumChannel,
    CalciumDynamics,
    FixedShare,
    GoldmanShare,
    SaturatingShare,
    nernst_mV,
)
from potentiate.mechanisms.cleft import (
    BRIEF_PULSE,
    CLEFTS,
    CLEMENTS,
    DIFFUSION,
    DIFFUSION_ENDLESS,
    TRIPLE_EXPONENTIAL,
    DiffusionCleft,
)
from potentiate.mechanisms.magnesium_block import BLOCKS, GLUSYNAPSE, GRUNDITZ, JAHR_STEVENS, MILSTEIN
from potentiate.mechanisms.spine import CA1SIM_SPINE, Spine, series


@pytest.mark.parametrize("cleft", CLEFTS.values(), ids=list(CLEFTS))
def test_means_of_waveforms_are_their_integrals(cleft):
    for start, end in ((-0.1, 0.05), (0.02, 0.2), (0.25, 0.9), (1.0, 3.0)):
        points = [p for p in (0.0, 0.3, 1.0) if start < p < end]
        area, _ = quad(lambda t: float(cleft.concentration_uM(t)), start, end, points=points, limit=200)
        assert float(cleft.mean_uM(start, end)) * (end - start) == pytest.approx(area, rel=1e-6)
    assert float(cleft.concentration_uM(-1.0)) == 0.0


def test_peaks_and_integrals_of_the_published_waveforms():
    assert CLEMENTS.peak_uM == 1100.0
    assert float(CLEMENTS.mean_uM(0.0, 100.0)) * 100.0 == pytest.approx(1100 * 1.2)
    assert float(BRIEF_PULSE.mean_uM(0.0, 10.0)) * 10.0 == pytest.approx(300.0)
    assert float(TRIPLE_EXPONENTIAL.mean_uM(0.0, 100.0)) * 100.0 == pytest.approx(2880 * 0.05 + 200 * 0.5 + 40 * 1.7)
    assert float(CLEMENTS.concentration_uM(CLEMENTS.duration_ms)) == pytest.approx(1.1, rel=1e-6)


def test_diffusion_in_an_endless_cleft_is_the_formula_not_the_trap():
    found = DIFFUSION_ENDLESS.concentration_uM(np.array([0.01, 0.1]))
    np.testing.assert_allclose(found, [2800, 560], rtol=0.02)  # computed in the facts of the project from the formula
    t = np.geomspace(1e-3, 1.0, 4001)
    assert DIFFUSION_ENDLESS.concentration_uM(t).max() == pytest.approx(DIFFUSION_ENDLESS.peak_uM, rel=1e-4)
    # all molecules are in the plane
    r = np.linspace(1e-4, 4.0, 4001)
    c = [float(DiffusionCleft("x", distance_um=x).concentration_uM(0.5)) for x in r]
    assert np.trapezoid(2 * np.pi * r * 0.02 * np.array(c), r) * 602.214076 == pytest.approx(3000, rel=1e-3)


def test_the_rim_takes_glutamate_away_only_after_it_is_reached():
    early = np.array([0.005, 0.01])
    np.testing.assert_allclose(DIFFUSION.concentration_uM(early), DIFFUSION_ENDLESS.concentration_uM(early), rtol=0.02)
    assert DIFFUSION.concentration_uM(1.0) < 0.01 * DIFFUSION_ENDLESS.concentration_uM(1.0)
    wide = DiffusionCleft("wide", radius_um=3.0)
    np.testing.assert_allclose(wide.concentration_uM(0.5), DIFFUSION_ENDLESS.concentration_uM(0.5), rtol=1e-3)


@pytest.mark.parametrize(
    ("block", "half", "slope"),
    [(JAHR_STEVENS, 3.57, 0.062), (GLUSYNAPSE, 2.552, 0.072), (GRUNDITZ, 0.69, 0.08), (MILSTEIN, 9.98, 0.101)],
)
def test_magnesium_blocks(block, half, slope):
    assert block.unblocked(0.0, half) == pytest.approx(0.5)
    odds = [1 / block.unblocked(v, 1.0) - 1 for v in (-60.0, -30.0)]
    assert np.log(odds[0] / odds[1]) / 30 == pytest.approx(slope)
    assert block.unblocked(-70.0, 0.0) == 1.0
    assert BLOCKS[block.name] is block


def test_neck_resistances_of_published_spines():
    assert CA1SIM_SPINE.neck_GOhm == pytest.approx(0.509, rel=0.005)
    assert Spine.cylinder(0.5, 0.5, 1.0, 0.0394).neck_GOhm == pytest.approx(1.23, rel=0.005)  # Grunditz 2008
    rodrigues = Spine.cylinder(0.5, 0.5, 0.2, 0.1, axial_Ohm_cm=1000.0)  # 1e-2 GOhm um
    assert rodrigues.neck_nS == pytest.approx(3.93, rel=0.005)
    assert CA1SIM_SPINE.time_constant_ms < 0.01
    assert series(2.0, 2.0) == 1.0


def test_a_million_ions_make_the_concentration_that_chemistry_says():
    # 1 pA for 1 ms is 1e-15 C: 1e-15 / (2 F) mol in 0.1 um3 = 1e-16 L
    moles = 1e-15 / (2 * 96485.33212)
    dynamics = CalciumDynamics.from_kappa(0.1, 0.0, 14.0, 0.07)
    assert dynamics.per_pA_ms() == pytest.approx(moles / 1e-16 * 1e6)
    assert 1.0 / (PA_MS_PER_UM_UM3 * 0.1) == pytest.approx(dynamics.per_pA_ms())
    buffered = CalciumDynamics.from_kappa(0.1, 24.0, 14.0, 0.07)
    assert buffered.per_pA_ms() * 25 == pytest.approx(dynamics.per_pA_ms())
    assert buffered.rate(0.07, 0.0) == 0.0


@pytest.mark.parametrize("law", [FixedShare(0.1), GoldmanShare(0.1)])
def test_a_share_is_the_share_where_it_was_measured(law):
    total = 0.5 * (-65.0 - 0.0)
    assert law.current_pA(0.5, -65.0, 2.0, 0.0) / total == pytest.approx(0.1)
    assert law.current_pA(0.5, -65.0, 4.0, 0.0) / total == pytest.approx(0.2, rel=1e-3)
    assert law.current_pA(0.5, 0.0, 2.0, 0.0) < 0  # calcium still enters where the whole current reverses


def test_goldman_current_reverses_at_the_nernst_potential():
    law = GoldmanShare(0.1)
    reversal = nernst_mV(2.0, 0.07)
    assert reversal == pytest.approx(136, abs=2)
    assert law.current_pA(1.0, reversal, 2.0, 0.0) == pytest.approx(0.0, abs=1e-9)
    around = law.current_pA(1.0, np.array([-1e-5, 0.0, 1e-5]), 2.0, 0.0)
    assert around[1] == pytest.approx(around[[0, 2]].mean(), rel=1e-6)


def test_glusynapse_calcium_fraction():
    law = SaturatingShare()
    assert law.fraction(2.0) == pytest.approx(0.6 * 8 / (8 + 120 / 1.38))
    assert law.current_pA(1.0, 40.0, 2.0, 0.0) == 0.0


def test_calcium_channels_step_exactly_and_need_depolarisation():
    channel = CalciumChannel(0.05)
    m, h = channel.steady(-70.0)
    assert m * m * h < 1e-5
    # composition of two steps is one step
    once = channel.advance(m, h, -10.0, 2.0)
    twice = channel.advance(*channel.advance(m, h, -10.0, 1.0), -10.0, 1.0)
    np.testing.assert_allclose(once, twice)
    np.testing.assert_allclose(channel.advance(m, h, -10.0, 1e4), channel.steady(-10.0))
    assert channel.current_pA(*channel.steady(-10.0), -10.0, 130.0) < 0
