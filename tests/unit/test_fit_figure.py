"""The figure of a fit: every word has its mark, and nothing runs out of its place."""

import dataclasses
import math

import numpy as np
import pytest

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.inference.experiment import Experiment
from potentiate.inference.information import information
from potentiate.inference.model import Model
from potentiate.inference.problem import Problem
from potentiate.inference.result import Estimate, Fit, Start
from potentiate.show.fit_figure import fit_figure

SCHEME = find_scheme("Partin1996")
WORDS = (
    ("closing", 1.2, 1.0, 1.5, "determined"),
    ("recovery", 4.0, 0.5, math.inf, "one-sided"),
    ("binding", 0.01, -math.inf, math.inf, "not determined"),
)


@pytest.fixture(scope="module")
def fit():
    """Two cells, two protocols; one estimate of each word; one start that failed."""
    made = []
    for cell in ("a", "b"):
        for protocol in (protocols.jump(after_ms=8.0, dt_ms=0.1), protocols.paired_pulses(4.0, dt_ms=0.1)):
            recording = run(Patch(SCHEME, rig=Rig(noise_pA=0.5)), protocol, [Bath()] * 3, seed=len(made))
            made.append(Experiment(recording, protocol, cell=cell))
    names = {"closing": ["O->RA2"], "recovery": ["RdA->RA"], "binding": ["R->RA"]}
    problem = Problem(Model(SCHEME, names), tuple(made))
    estimates = tuple(
        Estimate(n, "1/ms", x, low, high, word, "", "all", 1.5, 1e-3, 1e3) for n, x, low, high, word in WORDS
    )
    theta = problem.table.start
    _, linear = problem.details(theta)
    return Fit(
        problem, "least squares", theta, estimates,
        {"amplitude_nS": linear["amplitude"], "noise_pA": np.array([0.5, 0.5])}, 0.0, 1000, 9, 0.0,
        information(np.eye(3)),
        tuple(Start(tuple(theta), m, "ok" if math.isfinite(m) else "failed", 1) for m in (1.0, 9.0, math.inf)), (), 1.0,
        {}, 1,
    )  # fmt: skip


def test_every_word_is_written_and_an_open_end_is_an_arrow(fit):
    figure = fit_figure(fit)
    texts = [t.get_text() for ax in figure.axes for t in ax.texts]
    for _, _, _, _, word in WORDS:
        assert any(word in text for text in texts)
    assert not any("0.01" in text for text in texts), "what is not determined has no number"
    markers = [line.get_marker() for ax in figure.axes for line in ax.lines]
    assert markers.count(">") == 2  # one-sided above; not determined
    assert markers.count("<") == 1
    assert "x" in markers  # the start that failed


def test_labels_stay_on_the_page(fit):
    figure = fit_figure(fit)
    figure.canvas.draw()
    page = figure.bbox
    for ax in figure.axes:
        for text in [*ax.texts, ax.title, ax.xaxis.label]:
            box = text.get_window_extent()
            if text.get_text():
                assert box.x0 >= page.x0 - 1, text.get_text()
                assert box.x1 <= page.x1 + 1, text.get_text()


def test_a_single_start_and_a_fit_without_intervals_can_be_drawn(fit):
    plain = tuple(dataclasses.replace(e, word="no interval") for e in fit.estimates)
    figure = fit_figure(dataclasses.replace(fit, estimates=plain, starts=fit.starts[:1], nuisance={}))
    assert len(figure.axes) == 6  # traces and residuals of two protocols, strip, starts
