"""Quality control: each fault is named, with the value that was found and the limit it broke."""

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.measures.quality import QualityLimits, check_quality, longest_run, series_resistances
from potentiate.recordings import Recording
from potentiate.recordings.alignment import find_exchange
from potentiate.recordings.channel import Channel

T = np.arange(0.0, 100.0, 0.1)
BASELINE, RESPONSE = (0.0, 18.0), (20.0, 60.0)


def good(n=8, seed=1):
    rng = np.random.default_rng(seed)
    after = T - 20.5
    one = np.where(after > 0, -200 * (1 - np.exp(-after / 0.3)) * np.exp(-after / 5), 0.0)
    return one - 40.0 + rng.normal(0, 2.0, (n, T.size))


def judge(sweeps, tip=None, limits=None, **options):
    rows = [sweeps] if tip is None else [sweeps, tip]
    r = Recording(T, np.stack(rows), (Channel("I", "pA"), Channel("tip", "mV"))[: len(rows)], {}, "data")
    exchange = None if tip is None else find_exchange(r, 1)
    return check_quality(r, limits=limits, baseline_ms=BASELINE, response_ms=RESPONSE, exchange=exchange, **options)


def test_good_sweeps_are_ok():
    report = judge(good())
    assert report.ok == tuple(range(8))
    assert "8 of 8 sweeps are ok" in report.describe()
    assert "holding_jump_pA 200" in report.describe()


def spoil(k, fault):
    sweeps = good()
    if fault == "NaN run":
        sweeps[k, 300:310] = np.nan
    elif fault == "constant trace":
        sweeps[k] = 3.0
    elif fault == "saturated":
        sweeps[k] = np.maximum(sweeps[k], -150.0)
    elif fault == "lost seal":
        sweeps[k] -= 900.0
    elif fault == "noise":
        sweeps[k] += np.random.default_rng(9).normal(0, 10.0, T.size)
    elif fault == "baseline drift":
        sweeps[k] += 60.0
    elif fault == "drift in the window":
        sweeps[k] += np.linspace(-200.0, 200.0, T.size)
    elif fault == "non-responder":
        sweeps[k] = good(1, 5)[0, 0:1] + np.random.default_rng(8).normal(0, 2.0, T.size)
    elif fault == "run-down":
        sweeps[k] = -40 + 0.3 * (sweeps[k] + 40)
    return sweeps


FAULTS = {
    "NaN run": ("NaN run", "10 samples"), "constant trace": ("constant trace", "100%"),
    "saturated": ("saturated", "-150"),
    "lost seal": ("lost seal", "900 pA from the median (limit 200"),
    "noise": ("lost seal", "times the median (limit 3"),
    "baseline drift": ("baseline drift", "(limit 50"), "drift in the window": ("baseline drift", "pA"),
    "non-responder": ("non-responder", "against a limit of 20 pA"), "run-down": ("run-down", "limit 50%"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_value_and_limit(fault):
    verdict, words = FAULTS[fault]
    report = judge(spoil(5, fault))
    assert report.ok == (0, 1, 2, 3, 4, 6, 7)
    sweep = report.sweeps[5]
    assert sweep.status == verdict
    assert words in sweep.reason
    assert report.with_status(verdict) == (5,)
    check = sweep.failed[0]
    assert check.value > check.limit or verdict == "non-responder"


def test_an_exchange_after_the_response_is_seen():
    tip = np.stack([np.where(s < T, 5.0, 0.0) for s in [20.4] * 7 + [21.5]])
    report = judge(good(), tip)
    assert report.with_status("exchange later than the response") == (7,)
    assert "before the exchange is half-way" in report.sweeps[7].reason


def test_series_resistance():
    sweeps = good()
    for k, ohms in enumerate((10, 10, 10.5, 11, 11.5, 13, 14, 20)):
        after = T - 80.0
        # 5 mV over 10 MOhm: 500 pA
        sweeps[k] += np.where((after >= 0) & (after < 10), 5e3 / ohms * np.exp(-after / 1.0) + 5.0, 0.0)
    report = judge(sweeps, test_pulse=(80.0, 90.0, 5.0))
    assert report.with_status("series-resistance change") == (5, 6, 7)
    r = Recording.from_arrays(T, sweeps, label="data")
    assert series_resistances(r, (80.0, 90.0, 5.0)) == pytest.approx([10, 10, 10.5, 11, 11.5, 13, 14, 20], rel=0.04)
    with pytest.raises(UsageError, match="test pulse"):
        series_resistances(r, (180.0, 190.0, 5.0))


def test_checks_are_switched_off_by_name():
    off = QualityLimits().without("rundown_loss", "noise_ratio")
    assert judge(spoil(5, "run-down"), limits=off).ok == tuple(range(8))
    report = judge(spoil(5, "noise"), limits=off)
    assert report.ok == tuple(range(8))
    assert "rundown_loss off" in report.describe()
    assert any("noise_ratio (switched off)" in text for text in report.not_checked)
    with pytest.raises(UsageError, match="No limit"):
        QualityLimits().without("drift")


def test_a_recording_without_anything_usable():
    report = judge(np.full((2, T.size), np.nan))
    assert report.ok == ()
    assert {sweep.status for sweep in report.sweeps} == {"NaN run"}


def test_a_quiet_coarsely_digitised_trace_is_not_saturated():
    coarse = np.round(np.random.default_rng(3).normal(0, 0.4, (2, T.size)))
    r = Recording.from_arrays(T, coarse, label="data")
    assert check_quality(r).ok == (0, 1)
    clipped = np.maximum(np.round(good()), -150.0)
    assert judge(clipped).with_status("saturated") == tuple(range(8))


def test_longest_run():
    assert longest_run(np.zeros(4, dtype=bool)) == 0
    assert longest_run(np.ones(4, dtype=bool)) == 4
