"""Timetables of slice experiments that papers and the source documents describe."""

from __future__ import annotations

from ..errors import UsageError
from ..units import show_concentration
from .stimulation import Stimulation, low_frequency, tetanus
from .timetable import Event, Induce, TemperatureStep, Timetable, WashIn, WashOut

#: Room temperature during recovery, degC; source 003 says "room temperature" only.
ROOM_DEGC = 22.0
#: Middle of 30-32 degC, source 003.
RECORDING_DEGC = 31.0


def _temperatures(recovery_min: float, recording_degC: float) -> tuple[Event, ...]:
    return (TemperatureStep(ROOM_DEGC, -recovery_min), TemperatureStep(recording_degC, 0.0))


def source_003(
    compound: str | None = "aniracetam",
    concentration_uM: float = 1500.0,
    *,
    stimulation: Stimulation | None = None,
    recovery_min: float = 60.0,
    drug_min: float = 25.0,
    after_min: float = 60.0,
    test_strength: float = 0.4,
) -> Timetable:
    """Return the timetable of source 003.

    At least 1 h of recovery at room temperature, 20 min of baseline every 30 s at 30-32 degC, the compound for
    20-30 min, one train of 100 Hz for 1 s, and 60 min more.

    Parameters
    ----------
    compound : str or None
        None: the control slice, with the same times and no drug.
    concentration_uM : float
        Of what flows in.
    stimulation : Stimulation, optional
        Another induction at the same time.
    drug_min : float
        From wash-in to tetanus, 20 to 30 min.
    recovery_min, after_min : float
        At least 60 each.
    test_strength : float
        Part of the fibres that test pulses recruit, 0 to 1.

    Raises
    ------
    UsageError
        Less than 1 h of recovery, or a drug time outside 20 to 30 min: that is another experiment.

    Examples
    --------
    >>> table = source_003()
    >>> len(table.test_times_min()), table.inductions[0].at_min
    (210, 45.0)
    """
    if recovery_min < 60.0 or not 20.0 <= drug_min <= 30.0 or after_min < 60.0:
        raise UsageError(
            "These are not the times of source 003",
            why="it has at least 60 min of recovery, 20 to 30 min of drug and at least 60 min after the tetanus",
            do="build a Timetable with your own times",
        )
    bout = tetanus() if stimulation is None else stimulation
    at, drug = 20.0 + drug_min, () if compound is None else (compound,)
    events: tuple[Event, ...] = (
        *_temperatures(recovery_min, RECORDING_DEGC),
        *(WashIn(c, concentration_uM, 20.0) for c in drug),
        Induce(bout, at, under=drug),
    )
    end = Induce(bout, at).until_min + after_min
    name = f"source 003, {compound} {show_concentration(concentration_uM)}" if compound else "source 003, control"
    assumed = (
        f"room temperature is {ROOM_DEGC:g} degC and 30-32 degC is {RECORDING_DEGC:g} degC (changes all rates)",
        *((f"{compound} stays in the bath to the end: the source names no wash-out",) if compound else ()),
    )
    return Timetable(name, 20.0, end, events, recovery_min, 30.0, test_strength=test_strength, assumed=assumed)


def drug_after_ltp(
    compound: str,
    concentration_uM: float,
    *,
    stimulation: Stimulation | None = None,
    wait_min: float = 40.0,
    drug_min: float = 30.0,
    baseline_min: float = 20.0,
    before_min: float = 0.0,
    wash_min: float = 30.0,
    test_strength: float = 0.4,
) -> Timetable:
    """Return the same experiment with the drug applied after LTP: does LTP change the drug's effect?

    Parameters
    ----------
    compound : str
    concentration_uM : float
        Of what flows in.
    stimulation : Stimulation, optional
        Default: one train of 100 Hz for 1 s.
    baseline_min, drug_min : float
        Before anything; with the drug, to the end.
    test_strength : float
        Part of the fibres, 0 to 1.
    wait_min : float
        From the induction to the wash-in.
    before_min : float
        If above zero, the drug is also applied so long, and washed out for `wash_min`, before the induction:
        both effects then come from one slice.
    """
    bout = tetanus() if stimulation is None else stimulation
    events: list[Event] = list(_temperatures(60.0, RECORDING_DEGC))
    at = baseline_min
    if before_min > 0:
        events += [WashIn(compound, concentration_uM, at), WashOut(compound, at + before_min)]
        at += before_min + wash_min
    induction = Induce(bout, at)
    on = induction.until_min + wait_min
    events += [induction, WashIn(compound, concentration_uM, on)]
    name = f"{compound} {show_concentration(concentration_uM)} after {bout.name}"
    assumed = (f"{wait_min:g} min between induction and drug: not in the source that reports the experiment",)
    return Timetable(
        name, baseline_min, on + drug_min, tuple(events), 60.0, 30.0, test_strength=test_strength, assumed=assumed
    )


def two_pathway(
    stimulation: Stimulation | None = None,
    *,
    drugs: tuple[WashIn, ...] = (),
    baseline_min: float = 20.0,
    induce_at_min: float | None = None,
    after_min: float = 60.0,
    interval_s: float = 30.0,
    test_strength: float = 0.4,
) -> Timetable:
    """Return a two-pathway experiment: one is induced, the other (control) only tested, in alternation.

    Parameters
    ----------
    stimulation : Stimulation, optional
        Default: one train of 100 Hz for 1 s.
    drugs : tuple of WashIn
    baseline_min, after_min : float
        Before the induction, or the first drug; after the induction.
    induce_at_min : float, optional
        Default: the end of the baseline, or 25 min after the last drug.
    interval_s : float
        Between test pulses of one pathway.
    test_strength : float
        Part of the fibres, 0 to 1.
    """
    bout = tetanus() if stimulation is None else stimulation
    at = (max([baseline_min] + [d.at_min + 25.0 for d in drugs])) if induce_at_min is None else induce_at_min
    induction = Induce(bout, at, under=tuple(d.compound for d in drugs if d.at_min <= at))
    events: list[Event] = [*_temperatures(60.0, RECORDING_DEGC), *drugs, induction]
    events.sort(key=lambda e: e.at_min)
    other = "control" if bout.pathway != "control" else "test"
    return Timetable(
        f"two pathways, {bout.name}",
        baseline_min,
        induction.until_min + after_min,
        tuple(events),
        60.0,
        interval_s,
        (bout.pathway, other),
        test_strength,
    )


def depotentiation(
    potentiate: Stimulation | None = None,
    depotentiate: Stimulation | None = None,
    *,
    wait_min: float = 15.0,
    baseline_min: float = 20.0,
    after_min: float = 60.0,
    test_strength: float = 0.4,
) -> Timetable:
    """Return LTP and then 900 pulses at 1 Hz (PMC2652176, PMC3539311; the wait between them is assumed).

    Parameters
    ----------
    potentiate, depotentiate : Stimulation, optional
        Default: one train of 100 Hz for 1 s; 900 pulses at 1 Hz.
    wait_min : float
        Between them.
    baseline_min, after_min : float
    test_strength : float
        Part of the fibres, 0 to 1.
    """
    first = Induce(tetanus() if potentiate is None else potentiate, baseline_min)
    bout = low_frequency(strength=test_strength) if depotentiate is None else depotentiate
    second = Induce(bout, first.until_min + wait_min)
    name = f"{first.stimulation.name}, then {bout.name}"
    return Timetable(
        name,
        baseline_min,
        second.until_min + after_min,
        (*_temperatures(60.0, RECORDING_DEGC), first, second),
        60.0,
        30.0,
        test_strength=test_strength,
        assumed=(f"{wait_min:g} min between the two inductions: not on the pages that were read",),
    )
