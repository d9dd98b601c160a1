"""Figures of a subject: what is drawn, and what is said where nothing can be."""

import numpy as np

from potentiate.preparations.onset import onset_and_window
from potentiate.preparations.subject_alertness import alertness_of
from potentiate.preparations.subject_effects import occupancy_of, plain_exposure
from potentiate.protocols.sleep import nights
from potentiate.show.subject_figure import alertness_figure, occupancy_figure

T = np.arange(8.0, 60.0, 0.25)
COURSE = plain_exposure(T, caffeine=40.0 * np.exp(-(T - 8.0) / 7.0), paraxanthine=np.full(T.shape, 5.0))


def texts(figure):
    found = [t.get_text() for t in figure.texts]
    for ax in figure.axes:
        legend = ax.get_legend()
        found += [t.get_text() for t in ax.texts] + ([t.get_text() for t in legend.get_texts()] if legend else [])
    return " | ".join(found)


def test_occupancy_names_lines_onsets_and_unknowns(tmp_path):
    shown = {
        "caffeine": occupancy_of(COURSE, "a1-caffeine"),
        "with paraxanthine": occupancy_of(COURSE, "a1-caffeine", count=["caffeine", "paraxanthine"]),
        "at A2A": occupancy_of(COURSE, "a2a-caffeine"),
    }
    marks = {"caffeine": onset_and_window(T, shown["caffeine"].known())}
    figure = occupancy_figure(shown, "A title", doses_h=[8.0], marks=marks)
    said = texts(figure)
    assert "onset 0 min" in said
    assert "at A2A: unknown" in said
    # a line each, the level of comparison, onset and window, and the doses
    assert len(figure.axes[0].get_lines()) == 6
    figure.savefig(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 5_000


def test_people_are_a_band():
    many = plain_exposure(T, caffeine=np.outer([10.0, 20.0, 40.0], np.ones(T.shape)))
    figure = occupancy_figure({"people": occupancy_of(many, "a1-caffeine")})
    assert len(figure.axes[0].collections) == 1


def test_nothing_known_draws_no_axes():
    figure = occupancy_figure({"theanine": occupancy_of(COURSE, "ampa-theanine")})
    assert not figure.axes
    assert "not part of this exposure" in texts(figure)


def test_people_sleep_without_a_band():
    many = plain_exposure(T, caffeine=np.outer([10.0, 20.0, 40.0], np.ones(T.shape)))
    figure = alertness_figure({"people": alertness_of(many, nights(2))}, sleeps_h=nights(2).sleeps_h)
    assert len(figure.axes[0].collections) == 1


def test_alertness_over_days():
    plan = nights(2)
    free = alertness_of(COURSE, plan)
    late = alertness_of(COURSE, plan, t_h=np.arange(8.0, 90.0))
    figure = alertness_figure({"caffeine": free}, "Days", doses_h=[8.0], sleeps_h=plan.sleeps_h, note="a note")
    assert texts(figure).count("asleep") == 4
    assert "day 3" in [t.get_text().splitlines()[-1] for t in figure.axes[0].get_xticklabels()]
    assert "unknown" in texts(alertness_figure({"too late": late}))
