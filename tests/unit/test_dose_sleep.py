"""Attention under a dose: what the sleep schedule adds to the table of `dose`."""

from __future__ import annotations

import numpy as np
import pytest

from potentiate.cli.dose_sleep import vigilance
from potentiate.evidence.dose_study import study_dose
from potentiate.exposure.regimen import parse_regimen


@pytest.fixture(scope="module")
def awake():
    study = study_dose(parse_regimen("200 mg po day 2 02:00", "caffeine"), hours=6)
    return vigilance(study, "awake from 07:00")


def test_each_reading_gives_what_caffeine_takes_away(awake):
    rows = awake.observables()
    found = {(of, o.id): o.value for of, o in rows}
    plain = found["attention", "most lapses without caffeine"]
    for reading, course in awake.courses.items():
        of = f"attention, caffeine at {reading.upper()}"
        gain = found[of, "most lapses taken away"]
        assert gain == pytest.approx(np.nanmax(course.benefit.known()[0]))
        assert 0 < gain < plain
        assert 0 <= found[of, "time of that"] <= 6
        assert found[of, "lapses then, with caffeine"] <= plain - 0.99 * gain
    assert awake.assumed()


def test_asleep_there_is_nothing_to_take_away():
    study = study_dose(parse_regimen("200 mg po 12:00", "caffeine"), hours=18)
    course = vigilance(study, "awake from 07:00; day 1 23:00-05:00").courses["a1"]
    night = (course.t_h > 23.1) & (course.t_h < 28.9)
    assert np.isnan(course.free.known()[0, night]).all()
    assert np.isfinite(course.free.known()[0, ~((course.t_h >= 23) & (course.t_h <= 29))]).all()
