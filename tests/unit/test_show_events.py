"""Figures of events and fluctuations draw what was measured, and say what could not be."""

import numpy as np
import pytest

from potentiate.measures import (
    average_event,
    detect_events,
    detection_sensitivity,
    nonstationary_noise,
    plateau_spectrum,
)
from potentiate.measures.event_sensitivity import event_shape
from potentiate.show.event_comparison import event_comparison_figure
from potentiate.show.noise_figure import noise_figure, spectrum_figure

T = np.arange(0.0, 4000.0, 0.1)


@pytest.fixture(scope="module")
def recording():
    rng = np.random.default_rng(1)
    y = rng.normal(0, 1.0, (2, T.size))
    for k in range(2):
        for at in rng.uniform(50, 3900, 30):
            y[k] -= 25 * event_shape(T - at, 0.8, 5.0)
    return y


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        found += [text.get_text() for text in ax.texts] + [ax.get_title(loc=place) for place in ("left", "center")]
    return " | ".join(found)


def test_events_of_control_and_drug(recording, tmp_path):
    events = detect_events(T, recording)
    average = average_event(T, recording, events)
    tested = detection_sensitivity(T, recording, events, decay_ms=5.0)
    figure = event_comparison_figure(
        T, [recording] * 2, [events] * 2, [average] * 2, [tested] * 2, ["control", "drug"], "cell 1"
    )
    said = texts(figure)
    assert f"control: {len(events)} events in" in said
    assert f"{average.n} averaged" in said
    assert f"τ {average.tau.value:.2g} ms" in said
    assert len(figure.axes) == 6
    # every event of the stretch is drawn: one line for its rise, and one for its decay or a circle
    assert len(figure.axes[0].lines) > 3
    figure.savefig(tmp_path / "events.png")
    assert (tmp_path / "events.png").stat().st_size > 10_000


def test_no_events_and_nothing_tested(recording):
    quiet = np.random.default_rng(2).normal(0, 1.0, (1, T.size))
    events = detect_events(T, quiet)
    figure = event_comparison_figure(T, [quiet], [events], [average_event(T, quiet, events)])
    assert "too few isolated events" in texts(figure)
    assert "not tested" in texts(figure)


def test_parabola_and_refusal():
    rng = np.random.default_rng(3)
    t = np.arange(0, 60, 0.5)
    y = -2.0 * rng.binomial(40, np.broadcast_to(0.8 * np.exp(-t / 15), (60, t.size)))
    said = texts(noise_figure(nonstationary_noise(t, y, convention="unscaled", window_ms=(0, 60)), "patch"))
    assert "i -2" in said or "i -1.9" in said
    assert "N 4" in said or "N 3" in said
    refused = nonstationary_noise(t, y * np.linspace(2, 1, 60)[:, None], convention="unscaled")
    assert "drifts" in texts(noise_figure(refused))


def test_spectrum():
    rng = np.random.default_rng(4)
    x = np.zeros((2, 8000))
    for k in range(1, x.shape[1]):  # one Lorentzian: corner 0.05 / (2 pi 0.2 ms) = 40 Hz
        x[:, k] = 0.95 * x[:, k - 1] + rng.normal(0, 1, 2)
    t = np.arange(x.shape[1]) * 0.2
    y = np.where(t < 500, 0, x - 50) + rng.normal(0, 0.3, x.shape)
    found = plateau_spectrum(t, y, (520, 1590), (0, 490))
    assert found.corner.interval[0] < 0.05 / (2 * np.pi * 0.2e-3) * 1.03 < found.corner.interval[1]
    figure = spectrum_figure(found)
    assert "fc" in texts(figure)
    assert "plateau less baseline" in texts(figure)
