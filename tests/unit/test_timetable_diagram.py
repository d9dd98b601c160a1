"""The diagram of a timetable is drawn from its data."""

from __future__ import annotations

import io

import numpy as np
import pytest

from potentiate.exposure.chamber import SUBMERGED_ON_GLASS
from potentiate.exposure.wash_in import SliceExposure
from potentiate.protocols import depotentiation, drug_after_ltp, source_003
from potentiate.protocols.stimulation import tetanus
from potentiate.protocols.timetable import Induce, Timetable, WashIn
from potentiate.show.timetable_diagram import timetable_figure


def texts(figure) -> list[str]:
    found = [t.get_text() for ax in figure.axes for t in ax.texts] + [t.get_text() for t in figure.texts]
    return found + [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]


def test_source_003_shows_its_times() -> None:
    exposure = SliceExposure(source_003())
    figure = timetable_figure(exposure)
    strip, drug, warm = figure.axes
    seen = texts(figure)
    for text in ("aniracetam 1.5 mM", "recovery, 60 min", "baseline, 20 min", "1 x 100 Hz, 1 s", "tests, every 30 s"):
        assert text in seen
    (ticks,) = [c for c in strip.collections if len(c.get_segments()) > 100]  # type: ignore[attr-defined]
    drawn = np.array([segment[0][0] for segment in ticks.get_segments()])  # type: ignore[attr-defined]
    np.testing.assert_allclose(drawn, exposure.timetable.test_times_min())
    tissue = next(line for line in drug.get_lines() if "tissue" in str(line.get_label()))
    t, shown = np.asarray(tissue.get_xdata(), float), np.asarray(tissue.get_ydata(), float)
    np.testing.assert_allclose(shown, exposure.concentration_uM("aniracetam", t) / 15.0, atol=1e-9)
    np.testing.assert_allclose(np.asarray(warm.get_lines()[0].get_ydata(), float)[[0, -1]], [22.0, 31.0], atol=1e-3)


@pytest.mark.parametrize(
    "table",
    [
        drug_after_ltp("aniracetam", 1500.0, before_min=15.0),
        depotentiation(),
        Timetable("nothing happens", 5.0, 30.0, recovery_min=0.0),
    ],
    ids=lambda table: table.name,
)
def test_other_timetables_draw_the_same_bytes_twice(table: Timetable) -> None:
    pages = []
    for _ in range(2):
        buffer = io.BytesIO()
        timetable_figure(SliceExposure(table)).savefig(buffer, format="svg")
        pages.append(buffer.getvalue())
    assert pages[0] == pages[1]


def test_an_early_tetanus_is_said_on_the_page() -> None:
    table = Timetable("early", 20.0, 90.0, (WashIn("aniracetam", 1500.0, 20.0), Induce(tetanus(), 22.0)))
    assert any("warning" in text for text in texts(timetable_figure(SliceExposure(table, SUBMERGED_ON_GLASS))))
