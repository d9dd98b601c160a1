"""The part of `potentiate dose` that a sleep schedule adds: lapses of attention without and with caffeine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..exposure.courses import Unknown
from ..measures.observable import Observable, missing

if TYPE_CHECKING:
    from ..evidence.dose_study import DoseStudy
    from ..preparations.subject_alertness import AlertnessCourse
    from ..protocols.sleep import SleepSchedule
    from .output import Result


@dataclasses.dataclass(frozen=True)
class Vigilance:
    """Alertness of the typical person, by reading of the caffeine factor."""

    courses: dict[str, AlertnessCourse]
    schedule: SleepSchedule
    study: DoseStudy

    def observables(self) -> list[tuple[str, Observable]]:
        """Return the numbers of the table."""
        found: list[tuple[str, Observable]] = []
        for reading, course in self.courses.items():
            plain = course.free.known()[0]
            if not found:
                most = float(np.nanmax(plain))
                found.append(("attention", Observable("most lapses without caffeine", most, "lapses")))
            of = f"attention, caffeine at {reading.upper()}"
            if isinstance(course.benefit.value, Unknown):
                reason = course.benefit.value.reason
                found.append((of, missing("most lapses taken away", "lapses", "not determined", reason)))
                continue
            gain = course.benefit.value[0]
            k = int(np.nanargmax(gain))
            found.append((of, Observable("most lapses taken away", float(gain[k]), "lapses")))
            found.append((of, Observable("time of that", float(course.t_h[k] - self.study.t_h[0]), "h")))
            found.append((of, Observable("lapses then, with caffeine", float(plain[k] - gain[k]), "lapses")))
        return found

    def assumed(self) -> list[str]:
        """Return what the courses take for granted."""
        return list(dict.fromkeys(text for course in self.courses.values() for text in course.lapses.assumed))

    def draw(self, path: Path) -> None:
        """Write the figure."""
        from ..show.subject_figure import alertness_figure

        doses = [d.time_h for d in self.study.regimen.doses]
        labels = {f"caffeine at {reading.upper()}": course for reading, course in self.courses.items()}
        figure = alertness_figure(labels, "Lapses of attention", doses_h=doses, sleeps_h=self.schedule.sleeps_h)
        figure.savefig(path, metadata={"Date": None})


def vigilance(study: DoseStudy, sleep: str) -> Vigilance:
    """Return alertness under the exposure of a study.

    Raises
    ------
    UsageError
        No caffeine is taken, or the schedule is not understood.
    """
    from ..library.effect import find_alertness
    from ..preparations.subject_alertness import alertness_of
    from ..protocols.sleep import parse_sleep

    if "caffeine" not in study.regimen.compounds:
        raise UsageError(
            "--sleep without caffeine", why="alertness under other compounds has no model here", do="leave it out"
        )
    schedule = parse_sleep(sleep)
    readings = [reading.name for reading in find_alertness().caffeine]
    return Vigilance({r: alertness_of(study.typical, schedule, reading=r) for r in readings}, schedule, study)


def add_vigilance(result: Result, study: DoseStudy, sleep: str) -> None:
    """Add the rows, assumptions and figure of alertness to the result of `dose`."""
    found = vigilance(study, sleep)
    for of, observable in found.observables():
        shown = observable.value if observable.known else None
        result.rows = [*result.rows, [of, observable.id, observable.unit, shown, None, None, observable.reason or ""]]
        result.observables.append(observable.as_dict("prediction", {"of": of, "sleep": sleep}))
    result.assumed += [text for text in found.assumed() if text not in result.assumed]
    result.saves["alertness"] = ("alertness.svg", found.draw)
