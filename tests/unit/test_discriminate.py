"""Planted mechanisms are named, with intervals that cover the truth; too few data are said to be too few."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from potentiate import Bath, find_scheme, protocols
from potentiate.errors import UnknownNameError, UsageError
from potentiate.inference.alternatives import (
    EFFECTS,
    Alternative,
    EffectModel,
    all_alternatives,
    base_rates,
    parse_alternatives,
)
from potentiate.inference.bench import Bench
from potentiate.inference.discriminate import Binding, discriminate
from potentiate.inference.left_blocks import leave_out_blocks
from potentiate.inference.next_experiment import Candidate, propose_next
from potentiate.inference.setting import Setting
from potentiate.inference.tally import Tally
from potentiate.inference.whitening import cell_noise, rig_covariance, whiten
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.numerics.bin_averages import exponentials
from potentiate.numerics.broyden import broyden_squares

sys.path.insert(0, str(Path(__file__).parent))
from synthetic_drugs import PLANTED, SCHEME, patches

BINDING = Binding(500.0, 2.0, source="planted")


@pytest.fixture(scope="module")
def closing():
    return discriminate(patches("closing", doses=(500.0, 3000.0)), SCHEME, binding=BINDING)


@pytest.fixture(scope="module")
def both():
    return discriminate(patches("closing + desensitization entry", cells=2), SCHEME, binding=BINDING)


@pytest.fixture(scope="module")
def few():
    experiments = patches("closing", cells=1, repeats=1, channels=15, noise=4.0, widths=(1.0,))
    return discriminate(experiments, SCHEME, binding=BINDING)


def test_a_drug_that_slows_closing_is_named(closing):
    assert closing.status == "decided"
    assert closing.verdict.names == ("closing",)
    size = closing.verdict.sizes[0]
    assert size.low < 1 / 6.0 < size.high
    assert size.high / size.low < 1.6
    assert closing.sentence.startswith("The drug slows closing")
    assert "nothing else is needed" in closing.sentence
    assert closing.proposals == ()


def test_mean_sweeps_are_predicted_from_the_others_by_the_planted_step(closing):
    both = [closing[name].contender for name in ("closing", "opening")]
    first, other = leave_out_blocks(closing.contest, both, closing.inflation, seed=1, draws=1000)
    assert (first.gain, first.blocks) == (0.0, 18)
    assert other.gain < -2.0 * other.se
    assert other.status == "unreliable"  # a hopeless fit: its number is not to be believed, and that is said
    assert "opening" not in other.reason
    assert other.k_hat > 0.7


def test_with_rates_held_left_out_blocks_are_gaussian(closing):
    """Only amplitudes are unknown then, and the predictive density is a closed form."""
    held = [dataclasses.replace(closing[name].contender, columns=()) for name in ("closing", "no effect")]
    _, other = leave_out_blocks(closing.contest, held, closing.inflation, seed=1, draws=500)
    data, exact = closing.contest.data, []
    for c in held:
        prediction = c.bench.predict(c.theta)
        shapes = [w(prediction[c.bench.parts[b.setting]]) for b, w in zip(data.blocks, data.whitenings, strict=True)]
        for i, block in enumerate(data.blocks):
            rest = [k for k, b in enumerate(data.blocks) if b.cell == block.cell and k != i]
            known = sum(shapes[k] @ shapes[k] for k in rest)
            a = sum(shapes[k] @ data.readings[k] for k in rest) / known
            r, s, ratio = data.readings[i] - a * shapes[i], shapes[i], shapes[i] @ shapes[i] / known
            misfit = r @ r - (r @ s) ** 2 / known / (1.0 + ratio)
            exact.append(-0.5 * misfit / closing.inflation - 0.5 * np.log1p(ratio))
    exact = np.diff(np.reshape(exact, (2, -1)), axis=0)[0]
    print(exact.sum(), other)
    assert other.gain == pytest.approx(exact.sum(), abs=0.5)


def test_affinity_is_found_from_two_concentrations(closing):
    assert 350.0 < closing["closing"].contender.values["drug kd"] < 700.0
    assert not any("one concentration" in line for line in closing.assumed)


def test_a_drug_that_also_slows_desensitization_is_named(both):
    assert both.status == "decided"
    assert both.verdict.names == ("closing + desensitization entry",)
    for size in both.verdict.sizes:
        assert size.low < 0.25 < size.high
        assert size.high / size.low < 2.5
    assert both["closing"].delta > 20.0
    assert abs(both["closing"].worst.z) > 3.0
    assert abs(both.entries[0].worst.z) < 4.0
    assert any("one concentration" in line for line in both.assumed)


def test_no_effect_is_said_where_effects_are_excluded():
    found = discriminate(
        patches("no effect", cells=4, channels=400, repeats=6, noise=1.0),
        SCHEME,
        binding=BINDING,
        alternatives=parse_alternatives("closing, desensitization entry", SCHEME),
    )
    assert found.status == "no effect"
    assert "by less than 1.25-fold, if at all" in found.sentence


def test_too_few_data_leave_it_undecided(few):
    assert few.status == "undecided"
    assert len(few.verdict.names) > 1
    assert "cannot tell" in few.sentence or "too few" in few.sentence
    assert any("too few to predict" in note for note in few.notes)


def test_the_next_experiment_separates_what_is_left(few):
    assert few.proposals
    best = few.proposals[0]
    assert best.cells is not None
    gains = [p.log10_odds_per_cell for p in few.proposals]
    again = next(p for p in few.proposals if p.candidate.drug.key == few.tally.settings[1].key)
    assert best.log10_odds_per_cell > again.log10_odds_per_cell
    assert max(gains) > 0.5
    assert best.hardest[0] in few.verdict.names
    assert best.candidate.drug.protocol.name in best.describe()


def test_a_pulse_without_agonist_tells_nothing(few):
    like = few.tally.settings[0]
    silent = protocols.jump(width_ms=10.0, concentration_uM=0.0, after_ms=20.0, dt_ms=0.05)
    option = Candidate(Setting.planned(silent, Bath(), like), Setting.planned(silent, Bath({"drug": 500.0}), like))
    proposal = propose_next(few, [option])[0]
    assert proposal.log10_odds_per_cell == pytest.approx(0.0, abs=1e-6)
    assert proposal.cells is None


def test_the_columns_are_the_operator():
    model = EffectModel(SCHEME, ligand="drug", sites=2, kd_uM=500.0, koff_per_ms=2.0)
    rate_map = model.rate_map("drug")
    theta = rate_map.start
    theta[rate_map.names.index("drug closing")] = np.log(0.25)
    theta[rate_map.names.index("drug desensitization exit")] = np.log(2.0)
    wanted = Modulator(
        "drug", 2, 500.0, 2.0, {"open": (4.0, 16.0), "desensitized": (0.5, 0.25)}, {"gate": 0.0, "desensitize": 0.0}
    )
    np.testing.assert_allclose(np.exp(rate_map.log_rates(theta)), apply_modulator(SCHEME, wanted).constants)


@pytest.mark.parametrize("name", ["Jonas1993", "RH2003_GluA1_balanced", "Momiyama2003"])
def test_every_effect_keeps_the_balance(name):
    scheme = find_scheme(name)
    free, _ = base_rates(scheme)
    rate_map = EffectModel(scheme, free, ligand="drug", sites=2).rate_map("drug")
    theta = rate_map.start + 0.5 * np.cos(np.arange(len(rate_map.start)))
    before = {round(i.factor, 6) for i in scheme.imbalances()}
    after = {round(i.factor, 6) for i in rate_map.scheme_at(theta).imbalances()}
    assert after <= before


def test_binned_predictions_are_the_means_of_the_patch():
    experiment = patches("closing", cells=1, repeats=1, noise=0.0, exchange=0.2, filter_kHz=5.0, widths=(1.0,))[0]
    from potentiate import Patch, Rig, run

    scheme = apply_modulator(SCHEME, PLANTED["closing"])
    patch = Patch(scheme, channels=100, rig=Rig(exchange_10_90_ms=0.2, filter_kHz=5.0))
    exact = run(patch, experiment.protocol, list(experiment.baths))
    settings = tuple(Setting.of(experiment, s) for s in range(2))
    bench = Bench(EffectModel(SCHEME, ligand="drug", kd_uM=500.0, koff_per_ms=2.0), settings)
    theta = bench.start
    theta[bench.names.index("drug closing")] = -np.log(6.0)
    predicted = bench.predict(theta)
    for s, setting in enumerate(settings):
        wanted = setting.binned(exact.sweeps[s], np.ones(setting.samples, dtype=bool))
        np.testing.assert_allclose(predicted[bench.parts[s]], wanted, atol=3e-3 * np.abs(wanted).max())


def test_the_noise_of_repeated_sweeps_is_split_into_rig_and_channels():
    """160 sweeps: the covariance of bins is the predicted one, and whitening makes it the identity."""
    experiment = patches("no effect", cells=1, repeats=80, doses=(500.0,), widths=(1.0,), noise=1.0)[0]
    tally = Tally.of([experiment])
    bench = Bench(EffectModel(SCHEME, ligand="drug", kd_uM=500.0, koff_per_ms=2.0), tuple(tally.settings))
    channel = dict(enumerate(bench.channel_covariances(bench.start, [0, 1])))
    rig = {k: rig_covariance(tally.settings[k]) for k in (0, 1)}
    blocks = tally.blocks()
    noise = cell_noise(blocks, [b.mean for b in blocks], rig, channel, 0.0)
    assert noise.source == "repeated sweeps"
    assert noise.rig_pA == pytest.approx(1.0, rel=0.03)
    assert noise.channel_nS2 == pytest.approx(1.0 * 0.01, rel=0.15)  # 100 channels of 10 pS
    block = blocks[0]
    white = whiten(noise, 1, np.isfinite(block.mean), rig[0], channel[0])(block.scatter.T)
    assert np.mean(white**2) == pytest.approx(1.0, rel=0.05)


def test_words_become_alternatives():
    found = parse_alternatives("no effect, desensitization entry + closing", SCHEME, (1, 2))
    assert [a.name for a in found] == [
        "no effect",
        "closing + desensitization entry",
        "closing + desensitization entry, 2 sites",
    ]
    with pytest.raises(UnknownNameError):
        parse_alternatives("closing + slowing", SCHEME)
    with pytest.raises(UsageError, match="cannot say"):
        parse_alternatives("desensitization entry", find_scheme("MilsteinCA1Sim"))
    assert len(all_alternatives(SCHEME)) == 1 + len(EFFECTS) + 10
    assert Alternative(("closing",)).within(found[1])
    assert not Alternative(("closing",)).within(found[2])


def test_bad_requests_say_what_to_do():
    control = patches("closing", cells=1, repeats=1, doses=())
    with pytest.raises(UsageError, match="No sweep holds a drug"):
        discriminate(control, SCHEME)
    drug = patches("closing", cells=1, repeats=1)
    only = Tally.of(drug)
    only.rows = [r for r in only.rows if only.settings[r.setting].drug]
    with pytest.raises(UsageError, match="No cell has both"):
        discriminate(only, SCHEME)


def test_exponentials_of_matrices_of_any_size():
    from scipy.linalg import expm

    rng = np.random.default_rng(1)
    q = rng.exponential(1.0, (5, 6, 6)) * np.array([1e-4, 0.1, 1.0, 10.0, 300.0])[:, None, None]
    q[:, range(6), range(6)] = 0.0
    q[:, range(6), range(6)] = -q.sum(axis=-1)
    np.testing.assert_allclose(exponentials(q), [expm(m) for m in q], atol=2e-11)
    assert np.isnan(exponentials(q * np.inf)[0]).all()


def test_a_search_with_an_updated_jacobian_ends_where_it_should():
    t = np.linspace(0.0, 3.0, 50)
    y = 2.0 * np.exp(-1.5 * t) + 0.3

    def residual(x):
        return (np.exp(x[0] - np.exp(x[1]) * t) + np.exp(x[2]) - y) * 100.0

    calls = []

    def jacobian(x):
        calls.append(1)
        steps = 1e-6 * np.eye(3)
        return np.stack([(residual(x + s) - residual(x - s)) / 2e-6 for s in steps], axis=1)

    bounds = (np.full(3, -5.0), np.full(3, 5.0))
    end = broyden_squares(residual, np.zeros(3), jacobian, bounds=bounds, enough=1e-6)
    assert end.status == "ok"
    np.testing.assert_allclose(np.exp(end.x), [2.0, 1.5, 0.3], rtol=1e-4)
    assert len(calls) < 8
    held = broyden_squares(residual, np.zeros(3), jacobian, bounds=(bounds[0], np.array([5.0, 0.2, 5.0])))
    assert held.at_bound[1]


def placed(planted, sites=1):
    """One patch: drug in both solutions at three concentrations, or only with the agonist."""
    from potentiate import Patch, Rig, run
    from potentiate.inference.experiment import Experiment

    patch = Patch(apply_modulator(SCHEME, planted), channels=400, stochastic=True, rig=Rig(noise_pA=1.0))
    doses = (100.0, 500.0, 5000.0) if sites > 1 else (2000.0,)
    baths = [Bath()] * 4 + [Bath({"drug": d}) for d in doses for _ in range(4)]
    baths += [] if sites > 1 else [Bath({"drug": 2000.0}, "agonist")] * 4
    protocol = protocols.jump(width_ms=60.0, after_ms=30.0, dt_ms=0.05)
    return [Experiment(run(patch, protocol, baths, seed=5), protocol, baths)]


def test_a_drug_that_cannot_leave_open_channels_is_told_from_one_that_can():
    trapped = Modulator("drug", 1, 500.0, 0.05, {"open": (6.0,)}, {"gate": 0.0}, {"open": 0.0})
    binding = Binding(500.0, 0.05, source="planted")
    options = parse_alternatives("closing", SCHEME, exchange=True)
    found = discriminate(placed(trapped), SCHEME, binding=binding, alternatives=options, leave_out=False)
    assert found.verdict.names == ("closing, no exchange while open",)
    assert "does not exchange with open channels" in found.sentence
    assert found["closing"].delta > 6.0


def test_the_number_of_sites_is_read_off_the_concentrations():
    two = Modulator("drug", 2, 500.0, 2.0, {"open": (2.5, 6.25)}, {"gate": 0.0})
    options = parse_alternatives("closing", SCHEME, (1, 2))
    found = discriminate(placed(two, 2), SCHEME, binding=BINDING, alternatives=options, leave_out=False)
    assert found.verdict.names[0] == "closing, 2 sites"
    size = found["closing, 2 sites"].sizes[0]
    assert size.low < 1 / 2.5 < size.high


def test_schemes_that_agree_give_one_verdict_with_the_wider_interval():
    from potentiate.inference.mechanism_ensemble import discriminate_ensemble

    options = parse_alternatives("closing, unbinding", SCHEME)
    slower = apply_base(0.8)
    found = discriminate_ensemble(
        patches("closing", cells=1), [SCHEME, slower], binding=BINDING, alternatives=options, propose=False
    )
    assert found.status == "decided"
    assert found.verdict.names == ("closing",)
    size = found.verdict.sizes[0]
    for m in found.members:
        assert size.low <= m.verdict.sizes[0].low
        assert size.high >= m.verdict.sizes[0].high
    assert "under each of" in found.sentence


def apply_base(factor):
    """The scheme with another rate of agonist binding."""
    from potentiate.kinetics.rate_map import free_rates

    rate_map = free_rates(SCHEME, {"binding": ["R->RA", "RA->RA2"]})
    return dataclasses.replace(rate_map.scheme_at(rate_map.start + np.log(factor)), name="slower binding")
