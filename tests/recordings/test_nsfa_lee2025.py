"""509 aligned inhibitory PSCs (Lee 2025, MIT): peak-scaled fluctuation analysis.

The published value is not in the repository; i = 3.77 pA, N = 14.0 is the curator's own analysis, the band for
i is 3.0-4.5 pA (expected.json). Scaling at the mean's peak gives 3.73; scaling to each event's own extreme 2.9.
"""

import json

import numpy as np
import pytest

from potentiate.measures import decay, nonstationary_noise, peak


@pytest.fixture(scope="module")
def ensemble(data_dir):
    from scipy.io import loadmat

    path = data_dir / "nsfa_psc_lee2025" / "Fig3_NSFA_Data.mat"
    traces = loadmat(path, struct_as_record=False, squeeze_me=True)["Data"].aligned_trace.T
    return np.arange(traces.shape[1]) * 0.1, traces


def test_mean_waveform(ensemble, data_dir):
    expected = json.loads((data_dir / "nsfa_psc_lee2025" / "expected.json").read_text())
    t, traces = ensemble
    mean = traces.mean(axis=0)
    at = peak(t, mean, baseline_ms=(0.0, 2.5))
    assert at.amplitude.value == pytest.approx(expected["mean_peak_pA"], rel=0.01)
    assert at.time.value == pytest.approx(expected["mean_peak_ms"], abs=0.05)
    tau = decay(t, mean, at, convention="mono").tau
    assert tau.value == pytest.approx(expected["tau_ms"], rel=0.05)


def test_peak_scaled(ensemble, data_dir):
    expected = json.loads((data_dir / "nsfa_psc_lee2025" / "expected.json").read_text())
    result = nonstationary_noise(*ensemble)
    i = -result.unitary_current.value
    assert expected["band_i_pA"][0] <= i <= expected["band_i_pA"][1]
    assert i == pytest.approx(expected["ps_nsfa"]["i_pA"], rel=0.05)
    assert result.channels.value == pytest.approx(expected["ps_nsfa"]["N"], rel=0.05)
    assert result.background.value == pytest.approx(expected["ps_nsfa"]["b_pA2"], rel=0.1)
    assert result.open_probability.status == "not determined"
    # the interval is that of 509 events, not of 146 samples; the published band lies within it
    low, high = result.unitary_current.interval
    assert low < -expected["band_i_pA"][1] < -expected["band_i_pA"][0] < high < -2.0
    assert result.channels.interval[0] < expected["ps_nsfa"]["N"] < result.channels.interval[1]


def test_unscaled_analysis_of_spontaneous_events_gives_nonsense_and_sorted_events_are_refused(ensemble):
    t, traces = ensemble
    ordered = traces[np.argsort(traces.min(axis=1))]
    result = nonstationary_noise(t, ordered)
    assert result.unitary_current.status == "refused"
    assert "drift" in result.unitary_current.reason
