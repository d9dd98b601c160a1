"""The timetable of a slice experiment: recovery, baseline, test pulses, and what happens when.

Time zero is the start of the recording (the slice lies in the recording chamber); recovery is negative time.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..errors import UsageError
from ..units import ABSURD_CONCENTRATION_UM
from .stimulation import Stimulation


@dataclasses.dataclass(frozen=True)
class WashIn:
    """From `at_min` on the solution that flows in holds `compound` at `concentration_uM`."""

    compound: str
    concentration_uM: float
    at_min: float


@dataclasses.dataclass(frozen=True)
class WashOut:
    """From `at_min` on the solution that flows in is free of `compound`."""

    compound: str
    at_min: float


@dataclasses.dataclass(frozen=True)
class Induce:
    """A bout of stimulation that is no test pulse (tetanus, theta bursts, 900 x 1 Hz, paired pulses ...).

    Attributes
    ----------
    stimulation : Stimulation
    at_min : float
    under : tuple of str
        Compounds that the experimenter means to have in the bath at that time; checked against the wash-ins.
    """

    stimulation: Stimulation
    at_min: float
    under: tuple[str, ...] = ()

    @property
    def until_min(self) -> float:
        """End of the bout, min."""
        return self.at_min + self.stimulation.duration_ms / 60_000.0


@dataclasses.dataclass(frozen=True)
class TemperatureStep:
    """From `at_min` (negative: during recovery) the chamber is set to `temperature_degC`."""

    temperature_degC: float
    at_min: float


Event = WashIn | WashOut | Induce | TemperatureStep
_WORD = {WashIn: "wash-in", WashOut: "wash-out", Induce: "induction", TemperatureStep: "temperature step"}


@dataclasses.dataclass(frozen=True)
class Timetable:
    """What is done to a slice, and when.

    Attributes
    ----------
    name : str
    baseline_min : float
        Undisturbed recording from time zero: no event of stimulation or drug before its end.
    end_min : float
        End of the recording.
    events : tuple of WashIn, WashOut, Induce or TemperatureStep
        In order of time.
    recovery_min : float
        Rest before the recording.
    interval_s : float
        Between the test pulses of one pathway.
    pathways : tuple of str
        One, or several that alternate within the interval.
    test_strength : float
        Fraction of fibres that a test pulse recruits, 0 to 1.
    assumed : tuple of str

    Raises
    ------
    UsageError
        Negative durations; events outside the recording, out of order, or inside the baseline; inductions that
        overlap; a wash-out of what was not washed in; an induction under a drug that is not on.
    """

    name: str
    baseline_min: float
    end_min: float
    events: tuple[Event, ...] = ()
    recovery_min: float = 60.0
    interval_s: float = 30.0
    pathways: tuple[str, ...] = ("test",)
    test_strength: float = 0.4
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", tuple(self.events))
        object.__setattr__(self, "pathways", tuple(self.pathways))
        for what in ("baseline_min", "recovery_min"):
            if not (math.isfinite(getattr(self, what)) and getattr(self, what) >= 0):
                raise self._error(f"{what} is {getattr(self, what)!r}", why="not a time of zero or more")
        if not (math.isfinite(self.end_min) and self.end_min > 0 and self.end_min >= self.baseline_min):
            raise self._error(
                f"The recording ends at {self.end_min!r} min",
                why=f"the baseline alone takes {self.baseline_min:g} min",
                do="let the recording end after the baseline",
            )
        if not (math.isfinite(self.interval_s) and self.interval_s > 0):
            raise self._error(f"Test pulses every {self.interval_s!r} s", why="not a positive interval")
        if not 0.0 <= self.test_strength <= 1.0:
            raise self._error(
                f"Stimulus strength {self.test_strength!r}", why="it is the fraction of fibres recruited, 0 to 1"
            )
        if not self.pathways or len(set(self.pathways)) != len(self.pathways):
            raise self._error(f"Pathways {self.pathways!r}", why="they need at least one name, each once")
        self._check_times()
        self._check_drugs()

    def _error(self, what: str, *, why: str = "", do: str = "") -> UsageError:
        return UsageError(what, where=f"timetable {self.name!r}", why=why, do=do)

    def _check_times(self) -> None:
        before: Event | None = None
        bout: Induce | None = None
        for event in self.events:
            word, at = _WORD[type(event)], event.at_min
            earliest = -self.recovery_min if isinstance(event, TemperatureStep) else self.baseline_min
            ends = event.until_min if isinstance(event, Induce) else at
            if not (math.isfinite(at) and earliest <= at and ends <= self.end_min):
                span = f"the recording from {earliest:g} to {self.end_min:g} min"
                raise self._error(
                    f"The {word} at {at!r} min is outside the timetable",
                    why=f"it must lie, with all it lasts, in {span}",
                    do="move it, or change the baseline or the end",
                )
            if before is not None and at < before.at_min:
                raise self._error(
                    f"The {word} at {at:g} min runs backwards",
                    why=f"the event listed before it is at {before.at_min:g} min",
                    do="list the events in order of time",
                )
            before = event
            if isinstance(event, TemperatureStep) and not 0.0 <= event.temperature_degC <= 45.0:
                raise self._error(
                    f"A chamber at {event.temperature_degC!r} degC", why="no slice survives it", do="check the unit"
                )
            if isinstance(event, Induce):
                if bout is not None and at < bout.until_min:
                    raise self._error(
                        f"{event.stimulation.name} at {at:g} min overlaps {bout.stimulation.name}",
                        why=f"that one runs until {bout.until_min:.2f} min",
                        do="start it later",
                    )
                if event.stimulation.pathway not in self.pathways:
                    raise self._error(
                        f"{event.stimulation.name} is on pathway {event.stimulation.pathway!r}",
                        why=f"this timetable has {', '.join(self.pathways)}",
                        do="name one of them",
                    )
                bout = event

    def _check_drugs(self) -> None:
        on: dict[str, float] = {}
        for event in self.events:
            if isinstance(event, WashIn):
                c = event.concentration_uM
                if not (math.isfinite(c) and 0.0 <= c <= ABSURD_CONCENTRATION_UM):
                    raise self._error(
                        f"Concentration of {event.compound} is {c!r} uM",
                        why="not between 0 and 1 M",
                        do="check the unit",
                    )
                on[event.compound] = c
            elif isinstance(event, WashOut):
                if event.compound not in on:
                    raise self._error(
                        f"{event.compound} is washed out at {event.at_min:g} min", why="it was not washed in before"
                    )
                del on[event.compound]
            elif isinstance(event, Induce):
                for compound in event.under:
                    if not on.get(compound):
                        raise self._error(
                            f"{event.stimulation.name} at {event.at_min:g} min comes before {compound} is on",
                            why=f"it is meant to be under {compound}, which is not in the bath at that time",
                            do="move the wash-in before it, or leave the compound out of 'under'",
                        )

    @property
    def compounds(self) -> tuple[str, ...]:
        """Compounds that are washed in, in order of their first wash-in."""
        return tuple(dict.fromkeys(e.compound for e in self.events if isinstance(e, WashIn)))

    @property
    def inductions(self) -> tuple[Induce, ...]:
        """The bouts that are no test pulses, in order of time."""
        return tuple(e for e in self.events if isinstance(e, Induce))

    def inflow_steps(self, compound: str) -> tuple[tuple[float, float], ...]:
        """Return (min, uM) of every change of what flows in; before the first it is zero."""
        return tuple(
            (e.at_min, e.concentration_uM if isinstance(e, WashIn) else 0.0)
            for e in self.events
            if isinstance(e, WashIn | WashOut) and e.compound == compound
        )

    def temperature_steps(self) -> tuple[tuple[float, float], ...]:
        """Return (min, degC) of every temperature that is set."""
        return tuple((e.at_min, e.temperature_degC) for e in self.events if isinstance(e, TemperatureStep))

    def test_times_min(self, pathway: str | None = None) -> np.ndarray:
        """Return when a pathway (default: the first) gets its test pulses; none during a bout.

        Pathways alternate: with two, the second is tested half an interval after the first.

        Returns
        -------
        (pulses,) array
            min; the response to the last one lies inside the recording.
        """
        name = self.pathways[0] if pathway is None else pathway
        if name not in self.pathways:
            raise self._error(f"No pathway {name!r}", why=f"this timetable has {', '.join(self.pathways)}")
        step = self.interval_s / 60.0
        first = self.pathways.index(name) * step / len(self.pathways)
        times = first + step * np.arange(max(0, math.ceil((self.end_min - first) / step - 1e-9)))
        for bout in self.inductions:
            times = times[(times < bout.at_min - 1e-9) | (times >= bout.until_min - 1e-9)]
        return times

    def notes(self) -> list[str]:
        """Return what a reader of the results should know about the timetable (not errors)."""
        found = [f"assumed: {text}" for text in self.assumed]
        if self.baseline_min < 15.0:
            found.append(f"baseline of {self.baseline_min:g} min is shorter than the usual 15 to 20 min")
        found += _recruitment(self.test_strength, "test pulses")
        for bout in self.inductions:
            found += [f"assumed: {text}" for text in bout.stimulation.assumed]
            found += _recruitment(bout.stimulation.strength, bout.stimulation.name)
            late = [c for c in self.compounds if all(at >= bout.at_min for at, _ in self.inflow_steps(c))]
            if late:
                found.append(
                    f"{bout.stimulation.name} at {bout.at_min:g} min comes before {', '.join(late)}: "
                    "the compound cannot act on that induction"
                )
            if self.end_min - bout.until_min < 60.0 - 1e-6 and bout is self.inductions[-1]:
                found.append(
                    f"only {self.end_min - bout.until_min:.0f} min are recorded after {bout.stimulation.name}; "
                    "magnitudes are usually read at 55 to 60 min"
                )
        return found

    def as_document(self) -> dict[str, object]:
        """Return the timetable as plain data, for the recording's provenance."""
        events: list[dict[str, object]] = []
        for event in self.events:
            entry: dict[str, object] = {"event": _WORD[type(event)], **dataclasses.asdict(event)}
            if isinstance(event, Induce):
                entry |= {"stimulation": event.stimulation.as_document(), "under": list(event.under)}
            events.append(entry)
        return {
            "name": self.name,
            "recovery_min": self.recovery_min,
            "baseline_min": self.baseline_min,
            "end_min": self.end_min,
            "interval_s": self.interval_s,
            "pathways": list(self.pathways),
            "test_strength": self.test_strength,
            "assumed": list(self.assumed),
            "events": events,
        }


def _recruitment(strength: float, what: str) -> list[str]:
    if strength == 0.0:
        return [f"{what}: the stimulus is below the threshold of every fibre, so nothing is recruited"]
    if strength == 1.0:
        return [f"{what}: the stimulus recruits every fibre; a stronger one changes nothing"]
    return []
