"""Binding to membranes: identities of the assay model, fits, and the question of Bmax."""

import dataclasses
import math

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.library.scheme import find_scheme
from potentiate.preparations import membrane as m
from potentiate.preparations import membrane_question as q
from potentiate.preparations.membrane_affinity import affinity_gap, scheme_affinity
from potentiate.preparations.saturation import fit_saturation

LIGAND = np.geomspace(0.5, 300, 12)
ONE = m.Membrane((m.Population("low", 50.0, 1.0, 1.45e6),))


def test_isotherm_of_one_site():
    bound = m.isotherm(ONE, [0.0, 50.0, 5e7])
    assert bound == pytest.approx([0.0, 0.5, 1.0], abs=1e-5)
    scatchard = m.isotherm(ONE, LIGAND)
    slope = np.diff(scatchard / LIGAND) / np.diff(scatchard)
    assert slope == pytest.approx(np.full(11, -1 / 50.0))  # bound/free against bound: a line of slope -1/Kd


def test_two_populations_bend_the_scatchard_plot():
    bound = m.isotherm(m.GIBERTI_1991, LIGAND)
    slope = np.diff(bound / LIGAND) / np.diff(bound)
    assert (np.diff(slope) > 0).all()
    assert m.isotherm(m.GIBERTI_1991, 1e9)[0] == pytest.approx(0.19 + 1.30)


def test_defaults_are_the_published_numbers():
    high, low = m.GIBERTI_1991.populations
    assert (high.kd_nM, high.bmax_pmol_per_mg, low.kd_nM, low.bmax_pmol_per_mg) == (5.49, 0.19, 52.0, 1.30)
    assay = m.filtration_assay(m.GIBERTI_1991, [5.0], m.Assay(math.inf, 0.0))
    assert assay.specific / assay.total == pytest.approx(0.95)


def test_no_wash_and_long_incubation_is_equilibrium():
    seen = m.filtration_assay(m.GIBERTI_1991, LIGAND, m.Assay(math.inf, 0.0))
    assert seen.specific == pytest.approx(m.isotherm(m.GIBERTI_1991, LIGAND), rel=1e-12)
    assert seen.total - seen.nonspecific == pytest.approx(seen.specific)
    late = m.filtration_assay(m.GIBERTI_1991, LIGAND, m.Assay(1e5, 0.0))
    assert late.specific == pytest.approx(seen.specific, rel=1e-9)


def test_endless_wash_leaves_nothing_specific():
    seen = m.filtration_assay(m.GIBERTI_1991, LIGAND, m.Assay(math.inf, 1e7))
    assert (seen.specific < 1e-12).all()
    assert seen.total == pytest.approx(seen.nonspecific)


def test_short_incubation_is_the_association_line():
    minutes = 1e-3
    seen = m.filtration_assay(ONE, LIGAND, m.Assay(minutes, 0.0))
    assert seen.specific == pytest.approx(1.0 * 1.45e6 * 1e-9 * LIGAND * minutes, rel=1e-3)


def test_wash_scales_bmax_and_leaves_kd():
    p = ONE.populations[0]
    assay = m.Assay(math.inf, 600.0)
    seen = m.filtration_assay(ONE, LIGAND, assay)
    fit = fit_saturation(LIGAND, seen.specific)
    assert fit.kd[0].value == pytest.approx(50.0, rel=1e-4)
    assert fit.bmax[0].value == pytest.approx(math.exp(-p.koff_per_min * 10.0), rel=1e-4)
    assert dict(seen.retained)["low"] == pytest.approx(math.exp(-1.45e6 * 50e-9 * 10.0))


def test_back_calculated_sites_show_the_published_numbers():
    assay = m.Assay(math.inf, 120.0)
    seen = m.filtration_assay(m.sites_behind(m.GIBERTI_1991, assay), LIGAND, assay)
    assert seen.specific == pytest.approx(m.isotherm(m.GIBERTI_1991, LIGAND))


@pytest.mark.parametrize("factor", [0.3, 0.8])
def test_drug_on_one_site_by_hand(factor):
    """exp(koff t (1 - f)) on Bmax; f on Kd, or nothing where association slows too."""
    assay, p = m.Assay(math.inf, 600.0), ONE.populations[0]
    control = m.filtration_assay(ONE, LIGAND, assay)
    for kept in (False, True):
        drug = m.DrugOnBinding(factor, factor if kept else 1.0)
        seen = fit_saturation(LIGAND, m.filtration_assay(ONE, LIGAND, assay, drug).specific)
        base = fit_saturation(LIGAND, control.specific)
        expected = math.exp(p.koff_per_min * 10.0 * (1 - factor))
        assert seen.bmax[0].value / base.bmax[0].value == pytest.approx(expected, rel=1e-4)
        assert seen.kd[0].value / base.kd[0].value == pytest.approx(1.0 if kept else factor, rel=1e-4)


def test_a_drug_on_named_sites_only():
    drug = m.DrugOnBinding(0.1, populations=("low",))
    high, low = (drug.on(p) for p in m.GIBERTI_1991.populations)
    assert high == m.HIGH
    assert low.kd_nM == pytest.approx(5.2)
    assert low.kon_per_M_min == m.LOW.kon_per_M_min


def test_two_sites_come_out_of_a_fit_with_honest_intervals():
    wide = np.geomspace(0.05, 5_000, 40)
    fit = fit_saturation(wide, m.isotherm(m.GIBERTI_1991, wide), sites=2)
    assert [o.value for o in fit.kd] == pytest.approx([5.49, 52.0], rel=1e-3)
    assert [o.value for o in fit.bmax] == pytest.approx([0.19, 1.30], rel=1e-3)
    for o in fit.observables:
        assert o.interval[0] < o.value < o.interval[1]
    # sites that are not there are not determined
    single = fit_saturation(LIGAND, m.isotherm(ONE, LIGAND), sites=2)
    assert not all(o.ok for o in single.observables)


def test_fit_without_data_says_so():
    fit = fit_saturation([1.0, 2.0], [0.1, 0.2])
    assert fit.status == "failed"
    assert math.isnan(fit.kd[0].value)
    assert "2 points" in fit.kd[0].reason
    with pytest.raises(UsageError):
        fit_saturation(LIGAND, LIGAND, sites=3)


@pytest.mark.parametrize("bad", [{"wash_s": -1.0}, {"incubation_min": 0.0}])
def test_impossible_assays(bad):
    with pytest.raises(UsageError):
        m.Assay(**bad)


def test_impossible_drugs_and_sites():
    with pytest.raises(UsageError, match="koff_factor"):
        m.DrugOnBinding(0.0)
    with pytest.raises(UsageError, match="kd_nM"):
        m.Population("x", math.nan, 1.0, 1.0)
    with pytest.raises(UsageError, match="middle"):
        m.run_assay(0.5, on=("middle",))
    with pytest.raises(UsageError):
        m.isotherm(ONE, [-1.0])


def test_run_without_effect_changes_nothing():
    run = m.run_assay(1.0, intervals=False)
    ratios = {o.id: o.value for o in run.observables if o.id.startswith("ratio/")}
    assert ratios == pytest.approx({"ratio/Kd": 1.0, "ratio/Bmax": 1.0})
    assert run.drug.specific == pytest.approx(run.control.specific)
    assert any("Henley" in text for text in run.assumed)


def test_run_reports_intervals_and_the_control_first():
    run = m.run_assay(0.5)
    assert [o.id for o in run.observables] == [
        "control/Kd", "control/Bmax", "drug/Kd", "drug/Bmax", "ratio/Kd", "ratio/Bmax",
    ]  # fmt: skip
    assert all(o.interval[0] < o.value < o.interval[1] for o in run.observables[:4])
    assert (run.equilibrium >= run.control.specific).all()


# --- the question ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verdict():
    return q.can_slow_dissociation_raise_bmax()


def test_not_explained_at_published_kinetics(verdict):
    assert verdict.verdict == "not explained"
    assert 1.0 < verdict.largest_reference_rise < q.BMAX_RISE
    home = [p for p in verdict.points if p.reference]
    assert len(home) > 100
    assert not any(p.mimics for p in home)
    assert max(p.control_loss for p in home) < 0.05


def test_verdict_follows_from_the_thresholds(verdict):
    """The same scan with a threshold below what slowing can do must turn the verdict."""
    easy = q.can_slow_dissociation_raise_bmax(
        rise=verdict.largest_reference_rise * 0.99, kon_scales=(0.3, 1.0, 3.0), washes_s=(0.0, 10.0)
    )
    assert easy.verdict == "explained"
    for p in verdict.points:
        expected = p.bmax_ratio >= 1.2 and abs(p.kd_ratio - 1) <= 0.2 and p.control_loss <= 0.95
        assert p.mimics == expected


def test_region_needs_a_loss_on_the_filter(verdict):
    loss = {r.hypothesis: r for r in verdict.regions if r.route == "loss on the filter"}
    assert set(loss) == {name for name, _, _ in q.HYPOTHESES}
    affinity_rises = loss["slower off, affinity rises, all sites"]
    # two populations let the fit compensate a little; one population alone needs 60 %
    assert 0.45 < affinity_rises.least_loss < 0.75
    assert affinity_rises.least_kon_per_M_min > 30 * m.KON_LOW
    for r in loss.values():
        assert r.least_loss > 0.16  # 1 - 1/1.2: no drug can uncover more than was lost
        assert r.largest_bmax_ratio >= q.BMAX_RISE
    assert "lost on the filter" in verdict.requirement
    assert any("Copani" in text for text in verdict.tension)
    assert any("Xiao" in text for text in verdict.tension)


def test_without_wash_only_an_unfinished_incubation_can_do_it(verdict):
    dry = [p for p in verdict.points if p.wash_s == 0.0 and p.mimics]
    assert all(not math.isinf(p.incubation_min) and p.koff_factor <= 0.1 and p.kon_scale <= 1.0 for p in dry)


def test_least_loss_of_one_population():
    assert q.least_loss(kd_kept=True) == pytest.approx(1 - 1 / 1.2)
    assert q.least_loss() == pytest.approx(1 - math.exp(-math.log(1.2) / 0.2))
    # the definition, by the model: at that loss a factor of 0.8 gives exactly 1.2
    p = ONE.populations[0]
    wash = -math.log(1 - q.least_loss()) / p.koff_per_min * 60
    seen = [
        fit_saturation(LIGAND, m.filtration_assay(ONE, LIGAND, m.Assay(math.inf, wash), d).specific)
        for d in (m.NO_EFFECT, m.DrugOnBinding(0.8))
    ]
    assert seen[1].bmax[0].value / seen[0].bmax[0].value == pytest.approx(1.2, rel=1e-3)
    assert seen[1].kd[0].value / seen[0].kd[0].value == pytest.approx(0.8, rel=1e-3)
    with pytest.raises(UsageError):
        q.least_loss(rise=1.0)


def test_scan_must_hold_the_reference():
    with pytest.raises(UsageError, match="reference"):
        q.can_slow_dissociation_raise_bmax(kon_scales=(100.0,), washes_s=(10.0,), incubations_min=(45.0,))


def test_results_are_frozen(verdict):
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.verdict = "explained"
    table = q.table(verdict, q.HYPOTHESES[0][0])
    assert len(table) == len(q.FACTORS) * len(q.KON_SCALES)


def test_affinity_of_a_scheme_is_not_that_of_the_membrane():
    """Kinetic schemes hold glutamate at 0.5 to 10 uM; the membrane holds AMPA at 5 and 52 nM."""
    for name in ("Rodrigues2023", "RH2003_GluA4", "Partin1996", "Jonas1993"):
        seen = scheme_affinity(find_scheme(name))
        assert 300 < seen.value < 2e4, name
        scheme = find_scheme(name)
        free = np.array(scheme.bound) == 0
        assert scheme.equilibrium({"glutamate": seen.value / 1e3}) @ free == pytest.approx(0.5, abs=1e-3)


def test_gap_is_mostly_the_agonist():
    """Against AMPA's Kd schemes are 9 to 200 times weaker, against glutamate's own IC50 up to 30 times."""
    half, ampa, glutamate = affinity_gap(find_scheme("RH2003_GluA4"))
    assert ampa.value == pytest.approx(half.value / 52.0)
    assert glutamate.value == pytest.approx(half.value / math.sqrt(272 * 373))
    assert 100 < ampa.value < 200
    assert 1 < affinity_gap(find_scheme("RH2003_GluA1_balanced"))[2].value < 2
    unbound = affinity_gap(find_scheme("MilsteinCA1Sim"))
    assert all(o.known or o.reason for o in unbound)


def test_observables_of_the_verdict(verdict):
    rise, lost = verdict.observables
    assert rise.value == verdict.largest_reference_rise
    assert 0 < lost.value < 0.05
