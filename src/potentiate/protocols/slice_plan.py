"""Inductions by name, and the timetable of an experiment: drug, blockers, one or two pathways, when."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

from ..errors import UnknownNameError, UsageError
from ..units import show_concentration
from .slice_timetables import RECORDING_DEGC, ROOM_DEGC, source_003
from .stimulation import Stimulation, low_frequency, pairing, stdp, tetanus, theta_burst
from .timetable import Event, Induce, TemperatureStep, Timetable, WashIn, WashOut

When = Literal["before", "after", "throughout"]
WHEN: tuple[When, ...] = ("before", "after", "throughout")

#: name -> (line of help, bout at a strength); bursts are set by :func:`induction`.
INDUCTIONS: dict[str, tuple[str, Callable[[float], Stimulation]]] = {
    "1x100Hz": ("one train of 100 Hz, 1 s (source 003)", lambda s: tetanus(1, strength=s)),
    "2x100Hz": ("two trains, 20 s apart", lambda s: tetanus(2, strength=s)),
    "3x100Hz": ("three trains, 20 s apart", lambda s: tetanus(3, strength=s)),
    "4x100Hz": ("four trains, 20 s apart", lambda s: tetanus(4, strength=s)),
    "tbs": ("10 theta bursts (4 pulses of 100 Hz), 200 ms apart", lambda s: theta_burst(10, strength=s)),
    "3xtbs": ("three trains of 10 theta bursts, 10 s apart", lambda s: theta_burst(10, trains=3, strength=s)),
    "tbs-2s": ("10 bursts, 2 s apart: not theta", lambda s: theta_burst(10, spacing_ms=2000.0, strength=s)),
    "lfs": ("900 pulses of 1 Hz", lambda s: low_frequency(strength=s)),
    "depotentiation": ("the first tetanus; 900 pulses of 1 Hz follow it", lambda s: tetanus(1, strength=s)),
    "pairing": ("tetani at the end of 3 min at 0 mV (its numbers are assumed)", lambda s: pairing(strength=s)),
    "stdp": ("300 pairs at 5 Hz, two spikes from 10 ms after the pulse", lambda s: stdp(300, 10.0, 5.0, 2, strength=s)),
    "stdp-reversed": (
        "300 pairs at 5 Hz, two spikes that end 50 ms before the pulse",
        lambda s: stdp(300, -50.0, 5.0, 2, strength=s),
    ),
}

#: Wait between a tetanus and its depotentiation, and between a bout and a drug that comes after it, min.
DEPOTENTIATION_WAIT_MIN, AFTER_WAIT_MIN = 15.0, 40.0
BASELINE_MIN, DRUG_MIN, WASH_MIN, AFTER_MIN = 20.0, 25.0, 30.0, 60.0


def induction(name: str, *, strength: float = 0.4, bursts: int | None = None) -> Stimulation:
    """Return an induction by name.

    Parameters
    ----------
    name : str
        Key of :data:`INDUCTIONS`; case, blanks and the word "Hz" do not matter (``1x``).
    strength : float
        Part of the fibres, 0 to 1.
    bursts : int, optional
        Of theta bursts, per train.

    Raises
    ------
    UnknownNameError
    UsageError
        Bursts of a bout that has none.

    Examples
    --------
    >>> induction("tbs", bursts=5).name
    '5 theta bursts, 200 ms'
    """
    plain = name.lower().replace(" ", "").replace("_", "-")
    known = {key.lower(): key for key in INDUCTIONS}
    short = {key.lower().removesuffix("100hz"): key for key in INDUCTIONS}
    key = known.get(plain) or short.get(plain)
    if key is None:
        raise UnknownNameError("induction", name, INDUCTIONS, do=f"use one of {', '.join(INDUCTIONS)}")
    if bursts is None:
        return INDUCTIONS[key][1](strength)
    if "tbs" not in key:
        raise UsageError(f"{key} has no bursts", where="bursts", do="leave it out, or take tbs")
    trains, spacing = (3 if key == "3xtbs" else 1), (2000.0 if key == "tbs-2s" else 200.0)
    gap = max(10.0, bursts * spacing / 1000.0 + 1.0) if trains > 1 else 10.0
    return theta_burst(bursts, spacing_ms=spacing, trains=trains, train_interval_s=gap, strength=strength)


def plan_experiment(
    compound: str | None,
    concentration_uM: float,
    stimulation: Stimulation,
    *,
    when: When = "throughout",
    then: Stimulation | None = None,
    blockers_uM: Mapping[str, float] | None = None,
    two_pathway: bool = False,
    test_strength: float = 0.4,
) -> Timetable:
    """Return the timetable of a drug experiment; the plain one is that of source 003.

    Parameters
    ----------
    compound : str or None
    concentration_uM : float
    stimulation : Stimulation
        The induction.
    when : {"throughout", "before", "after"}
        Drug from 25 min before the induction to the end; from then to the end of the induction; or twice: 25 min
        before it, washed out for 30 min, and again 40 min after it (does LTP change the effect of the drug?).
    then : Stimulation, optional
        A second bout 15 min after the first (depotentiation).
    blockers_uM : mapping of compound -> uM
        In the bath from 20 min on, to the end; another 20 min of baseline follow.
    two_pathway : bool
        Test a second pathway that gets no induction.
    test_strength : float

    Raises
    ------
    UsageError
        Another `when`; a drug that is its own blocker.
    """
    if when not in WHEN:
        raise UsageError(f"There is no time {when!r}", where="when", do=f"use one of {', '.join(WHEN)}")
    blockers = dict(blockers_uM or {})
    if compound in blockers:
        raise UsageError(f"{compound} is the drug and a blocker as well", do="name it once")
    if when == "throughout" and then is None and not blockers and not two_pathway:
        return source_003(compound, concentration_uM, stimulation=stimulation, test_strength=test_strength)
    events: list[Event] = [TemperatureStep(ROOM_DEGC, -60.0), TemperatureStep(RECORDING_DEGC, 0.0)]
    events += [WashIn(name, c, BASELINE_MIN) for name, c in blockers.items()]
    at = BASELINE_MIN + (20.0 if blockers else 0.0)
    drug = () if compound is None else (compound,)
    events += [WashIn(c, concentration_uM, at) for c in drug]
    at += DRUG_MIN
    if when == "after":
        events += [WashOut(c, at) for c in drug]
        at += WASH_MIN
    bout = Induce(stimulation, at, under=(*blockers, *(drug if when != "after" else ())))
    events.append(bout)
    end = bout.until_min + AFTER_MIN
    assumed = [f"room temperature is {ROOM_DEGC:g} degC and 30-32 degC is {RECORDING_DEGC:g} degC (changes all rates)"]
    if when == "before":
        events += [WashOut(c, bout.until_min) for c in drug]
    elif when == "after":
        events += [WashIn(c, concentration_uM, bout.until_min + AFTER_WAIT_MIN) for c in drug]
        end = bout.until_min + AFTER_WAIT_MIN + DRUG_MIN
        assumed.append(f"{AFTER_WAIT_MIN:g} min between induction and drug: not in the source that reports it")
    if then is not None:
        second = Induce(then, bout.until_min + DEPOTENTIATION_WAIT_MIN)
        events.append(second)
        end = max(end, second.until_min + AFTER_MIN)
        assumed.append(f"{DEPOTENTIATION_WAIT_MIN:g} min between the two inductions: not on the pages that were read")
    events.sort(key=lambda event: event.at_min)
    dose = f"{compound} {show_concentration(concentration_uM)}" if compound else "control"
    words = [dose, stimulation.name, *([f"then {then.name}"] if then else [])]
    words += [when] if when != "throughout" else []
    other = "control" if stimulation.pathway != "control" else "test"
    return Timetable(
        ", ".join(words),
        BASELINE_MIN,
        end,
        tuple(events),
        60.0,
        30.0,
        (stimulation.pathway, other) if two_pathway else (stimulation.pathway,),
        test_strength,
        tuple(assumed),
    )


def without_drug(timetable: Timetable, compound: str) -> Timetable:
    """Return the control experiment: the same times without the drug."""
    kept: list[Event] = []
    for event in timetable.events:
        if isinstance(event, WashIn | WashOut) and event.compound == compound:
            continue
        if isinstance(event, Induce):
            event = dataclasses.replace(event, under=tuple(c for c in event.under if c != compound))
        kept.append(event)
    assumed = tuple(text for text in timetable.assumed if compound not in text)
    return dataclasses.replace(timetable, name=f"{timetable.name}: control", events=tuple(kept), assumed=assumed)
