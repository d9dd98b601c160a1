"""Spontaneous PSCs on real noise (pyABF, MIT). There is no published event list.

171116sh_0020: the curator's simple detector gives 11 Hz; 5-20 Hz is a sanity band. The tests that count add events of
known time, size and decay to the recording and look for them. 05210017: a stimulus at 0.61 s, a compound current, then
a burst; drift of the holding current.
"""

import itertools

import numpy as np
import pytest

from potentiate.measures import average_event, detect_events, detection_sensitivity
from potentiate.recordings import read


@pytest.fixture(scope="module")
def recording(data_dir):
    return read(data_dir / "spontaneous_psc_pyabf" / "171116sh_0020.abf", reader="neo")


@pytest.fixture(scope="module")
def events(recording):
    return detect_events(recording.time_ms, recording.sweeps)


def test_rate_lies_in_the_band(events):
    assert events.rate.ok
    assert 5.0 < events.rate.interval[0] < events.rate.interval[1] < 20.0
    # the membrane test (154-356 ms) and 200 ms of settling are left out, unasked
    assert events.excluded_ms == [(pytest.approx(154.2, abs=0.5), pytest.approx(556.2, abs=0.5))]
    assert events.observed_s == pytest.approx(7 * 9.58, abs=0.1)
    assert (events.amplitude_pA < -events.settings.floor_pA).all()


def test_amplitudes_are_those_of_the_curator(events):
    """His median is 10.6 and his mean 15.4 pA, above 6 pA; above our floor of 7.8 pA both must be larger, not much."""
    sizes = events.values("amplitude")
    assert 10.6 < np.median(sizes) < 16.0
    assert 15.4 < sizes.mean() < 22.0


def test_outward_events_are_few_and_separate(recording, events):
    outward = detect_events(recording.time_ms, recording.sweeps, polarity="positive")
    assert 0.1 < outward.rate.value < 1.0
    for k in range(7):
        gaps = np.abs(outward.start_ms[outward.sweep == k][:, None] - events.start_ms[events.sweep == k])
        assert gaps.min(initial=np.inf) > 1.0


@pytest.fixture(scope="module")
def sensitivity(recording, events):
    return {
        decay: detection_sensitivity(recording.time_ms, recording.sweeps, events, decay_ms=decay, rise_ms=0.8)
        for decay in (3.0, 9.0)
    }


def test_added_events_are_found_whatever_their_decay(sensitivity):
    fast, slow = (sensitivity[decay].total for decay in (3.0, 9.0))
    assert fast.value > 0.85
    assert abs(slow.value - fast.value) < 0.03
    for found in sensitivity.values():
        # complete above one and a half times the floor, but for events that fall on others
        assert found.recall[2:].min() > 0.88
        assert found.amplitude_bias.value == pytest.approx(1.0, abs=0.05)


def test_what_is_found_beside_the_added_events(recording, events, sensitivity):
    """Adding events makes no others: the count grows by those found, within 1 %."""
    from potentiate.measures.event_sensitivity import event_shape

    t, y = recording.time_ms, np.array(recording.sweeps)
    grid = np.arange(700.0, 9900.0, 250.0)
    for at in grid:
        part = slice(int(at / 0.05), int(at / 0.05) + 1500)
        y[:, part] -= 30.0 * event_shape(t[part] - at, 0.8, 9.0)
    again = detect_events(t, y, settings=events.settings, decays=False)
    hits = np.zeros(len(again), dtype=bool)
    for at in grid:
        hits |= np.abs(again.half_ms - at - 0.4) < 2.0
    assert hits.sum() > 0.95 * 7 * grid.size
    assert (~hits).sum() <= 1.01 * len(events)


def test_noise_of_the_same_spectrum_gives_few_events(recording, events):
    """Gaussian noise with the spectrum of the stretches between events, 30 s: false positives."""
    from scipy.signal import welch

    t, y = recording.time_ms, recording.sweeps
    outward = detect_events(t, y, polarity="positive", decays=False)
    pieces, length = [], 4096
    for k in range(7):
        starts = np.sort(np.concatenate([e.start_ms[e.sweep == k] for e in (events, outward)]))
        for a, b in itertools.pairwise(starts):
            first, last = int((a + 50) / 0.05), int((b - 5) / 0.05)
            if a > 556 and last - first >= length:
                pieces.append(y[k, first : first + length] - y[k, first : first + length].mean())
    assert len(pieces) > 20
    f, power = welch(np.array(pieces), 20.0, nperseg=length)
    rng, n = np.random.default_rng(1), t.size
    grid = np.fft.rfftfreq(n, 0.05)
    size = np.sqrt(np.interp(grid, f, power.mean(axis=0)) * n * 20.0 / 2)
    noise = np.fft.irfft(size * np.exp(2j * np.pi * rng.uniform(size=(3, grid.size))), n)
    false = detect_events(t, noise, settings=events.settings, exclude_ms=[], decays=False)
    assert false.rate.value < 0.03 * events.rate.value


def test_average_event(recording, events):
    average = average_event(recording.time_ms, recording.sweeps, events)
    assert average.n > 200
    assert average.rise.ok
    assert average.tau.ok
    assert 0.5 < average.rise.value < 2.0
    assert 3.0 < average.tau.value < 12.0


def test_burst_after_a_stimulus(data_dir):
    recording = read(data_dir / "spontaneous_psc_pyabf" / "05210017_vc_abf1.abf", 0, reader="neo")
    events = detect_events(recording.time_ms, recording.sweeps)
    assert events.excluded_ms == [(pytest.approx(49.9, abs=1.0), pytest.approx(302, abs=1.0))]
    for k in range(6):
        mine = events.start_ms[events.sweep == k]
        assert ((mine > 605) & (mine < 635)).any(), f"no evoked current in sweep {k}"
        # the burst: more events in the half second after the stimulus than in the one before
        assert ((mine > 610) & (mine < 960)).sum() > ((mine > 303) & (mine < 605)).sum()
