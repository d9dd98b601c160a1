"""Stationary fluctuations of simulated two-state channels: the textbook identities, and honest intervals."""

import math

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.kinetics.channels import simulate_channels
from potentiate.measures import plateau_noise, plateau_spectrum

I_PA, N, DT = -0.6, 200, 0.2
QUIET, PLATEAU = (0.0, 495.0), (550.0, 1200.0)


def plateau(opening, closing, *, sweeps=4, seed=1, noise=0.5):
    """Channels that are closed for 500 ms and then open with a rate; white noise."""
    rng = np.random.default_rng(seed)
    generators = np.array([[[0.0, 0.0], [closing, -closing]], [[-opening, opening], [closing, -closing]]])
    counts = simulate_channels([(0, 500.0), (1, 700.0)], generators, np.array([1.0, 0.0]), np.array([0.0, 1.0]), N, DT,
                               rng, trials=sweeps)  # fmt: skip
    y = I_PA * counts + rng.normal(0, noise, counts.shape)
    return np.arange(y.shape[1]) * DT, y


@pytest.mark.parametrize(("opening", "closing"), [(0.05, 0.35), (0.2, 0.4)])
def test_identities_of_two_states(opening, closing):
    """Corner (alpha + beta) / 2 pi, and variance over mean i (1 - p)."""
    p, corner_Hz = opening / (opening + closing), (opening + closing) / (2 * math.pi) * 1e3
    t, y = plateau(opening, closing)
    spectrum = plateau_spectrum(t, y, PLATEAU, QUIET, open_probability=p)
    low, high = spectrum.corner.interval
    assert low < corner_Hz < high < 1.6 * low
    assert spectrum.relaxation.value == pytest.approx(1e3 / (2 * math.pi * spectrum.corner.value))
    assert spectrum.unitary_current.interval[0] < I_PA < spectrum.unitary_current.interval[1]
    noise = plateau_noise(t, y, PLATEAU, QUIET, open_probability=p)
    assert noise.unitary_current.ok
    assert noise.unitary_current.interval[0] < I_PA < noise.unitary_current.interval[1]
    assert noise.background.value == pytest.approx(0.25, rel=0.05)
    assert noise.channels.status == "not determined"


def test_open_probability_not_told_is_a_lower_limit():
    t, y = plateau(0.2, 0.4)
    for unitary in (
        plateau_noise(t, y, PLATEAU, QUIET).unitary_current,
        plateau_spectrum(t, y, PLATEAU, QUIET).unitary_current,
    ):
        assert unitary.status == "one-sided"
        assert unitary.interval[0] is None
        # a third of the channels are open: i is too small by that part
        assert unitary.value == pytest.approx(I_PA * 2 / 3, rel=0.1)


def test_plateaus_of_several_sizes_tell_the_number_of_channels():
    sweeps = []
    for k, opening in enumerate((0.02, 0.05, 0.1, 0.2, 0.4, 0.8)):
        t, y = plateau(opening, 0.4, sweeps=2, seed=k)
        sweeps.append(y)
    found = plateau_noise(t, np.concatenate(sweeps), PLATEAU, QUIET)
    assert found.unitary_current.interval[0] < I_PA < found.unitary_current.interval[1]
    assert found.channels.interval[0] < N < found.channels.interval[1]
    assert found.channels.value == pytest.approx(N, rel=0.15)


def test_intervals_cover():
    """100 patches. Of 400, the intervals cover 95 (corner), 96 (i, spectrum) and 92 % (i, variance)."""
    hits = np.zeros(3)
    t, patches = plateau(0.05, 0.35, sweeps=200, seed=100)
    for y in patches.reshape(100, 2, t.size):
        spectrum = plateau_spectrum(t, y, PLATEAU, QUIET, open_probability=0.125)
        noise = plateau_noise(t, y, PLATEAU, QUIET, open_probability=0.125)
        pairs = (
            (spectrum.corner, 400 / (2 * math.pi)),
            (spectrum.unitary_current, I_PA),
            (noise.unitary_current, I_PA),
        )
        hits += [found.interval[0] < truth < found.interval[1] for found, truth in pairs]
    assert (hits >= 88).all(), hits


def test_noise_without_channels_has_no_unitary_current():
    t = np.arange(0, 1200, DT)
    y = np.random.default_rng(2).normal(0, 1, (4, t.size)) + np.where(t > 500, -50.0, 0.0)
    noise = plateau_noise(t, y, PLATEAU, QUIET)
    assert noise.unitary_current.status == "not determined"
    assert "not different from zero" in noise.unitary_current.reason
    spectrum = plateau_spectrum(t, y, PLATEAU, QUIET)
    assert {o.status for o in spectrum.observables} == {"not determined"}


def test_bad_input():
    t, y = np.arange(0, 1200, DT), np.ones((2, 6000))
    for wrong in (np.full_like(y, np.nan), y[:, :20]):
        with pytest.raises(UsageError):
            plateau_noise(t, wrong, PLATEAU, QUIET)
    with pytest.raises(UsageError, match="holds 0 samples"):
        plateau_noise(t, y, (2000.0, 3000.0), QUIET)
    with pytest.raises(UsageError, match="does not fit"):
        plateau_spectrum(t, y, PLATEAU, QUIET, segment_ms=1000.0)
    with pytest.raises(UsageError, match="holds"):
        plateau_spectrum(t, y, PLATEAU, QUIET, band_Hz=(1.0, 2.0))
