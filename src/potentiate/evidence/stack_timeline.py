"""All parts of a stack on one clock: courses with what is left open, effects that can be computed, what is unknown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ..errors import UsageError
from ..exposure.courses import Exposure, Unknown
from ..exposure.expose import expose
from ..exposure.interaction import Applied, apply_interactions
from ..exposure.people import TYPICAL, People
from ..exposure.regimen import Dose, Regimen
from ..library.disposition import find_disposition
from ..library.effect import OccupancyDoc, occupancies_of
from ..preparations.onset import FRACTIONS, ONSET_SHARE, WINDOW_SHARE, OnsetWindow, onset_and_window
from ..preparations.subject_effects import occupancy_of
from .stack_parts import StackPart

#: Routes of which a part is taken up in the mouth.
MOUTH = ("buccal", "sublingual", "gum", "pouch")
STEP_H = 1.0 / 60.0
#: Longer timelines are sampled more coarsely.
MOST_SAMPLES = 3000
LONGEST_H = 24.0 * 28
#: Onset and window are read on a course at least so long: caffeine may last half a day and more.
TIMED_H = 48.0
#: Effects below this share of a target are said to be out of reach and not drawn as windows. Assumed.
NEGLIGIBLE = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class PartCourse:
    """The course of one part.

    Attributes
    ----------
    compound : str
    unknown : str or None
        Why there is no course; then no array is set.
    unit : str
        ``uM``, or ``of its peak`` where only the shape is known.
    low, middle, high : array, shape (m,), or None
        Over people and over what is left open; the middle is that of the middle scenario.
    """

    compound: str
    unknown: str | None = None
    unit: str = "uM"
    low: np.ndarray | None = None
    middle: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def peak(self) -> float | None:
        """Highest value of the middle course."""
        return None if self.middle is None else float(self.middle.max())

    def until(self, samples: int) -> PartCourse:
        """Return the first samples only."""
        return dataclasses.replace(self, **_cut(self, samples))


@dataclasses.dataclass(frozen=True, eq=False)
class EffectBand:
    """The occupancy of one target over time.

    Attributes
    ----------
    document : OccupancyDoc
    parts : tuple of str
        The parts of the stack that hold it.
    unknown : str or None
    low, middle, high : array, shape (m,), or None
        Shares of the target.
    timing : tuple of (scenario, OnsetWindow)
        Onset and window of the typical person in each scenario.
    one_sided : str or None
    """

    document: OccupancyDoc
    parts: tuple[str, ...]
    unknown: str | None = None
    low: np.ndarray | None = None
    middle: np.ndarray | None = None
    high: np.ndarray | None = None
    timing: tuple[tuple[str, OnsetWindow], ...] = ()
    one_sided: str | None = None

    @property
    def reach(self) -> float:
        """Highest share that the middle course comes to; zero where it is unknown."""
        return 0.0 if self.middle is None else float(self.middle.max())

    def until(self, samples: int) -> EffectBand:
        """Return the first samples only; onset and window stay those of the whole course."""
        return dataclasses.replace(self, **_cut(self, samples))


def _cut(course: PartCourse | EffectBand, samples: int) -> dict[str, np.ndarray | None]:
    named = {"low": course.low, "middle": course.middle, "high": course.high}
    return {name: None if values is None else values[:samples] for name, values in named.items()}


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One reading of what is not known: a name, numbers of dispositions, and the size of interactions."""

    name: str
    fix: Mapping[str, float]
    interactions: Literal["typical", "low", "high"] = "typical"


@dataclasses.dataclass(frozen=True, eq=False)
class Timeline:
    """What :func:`follow_parts` found.

    Attributes
    ----------
    t_h : array, shape (m,)
        From 00:00 of day 1.
    start_h : float
        First dose.
    courses : tuple of PartCourse
    effects : tuple of EffectBand
    scenarios : tuple of str
        What was tried for what is not known.
    middle : Scenario or None
        The reading in the middle.
    followed : tuple of Dose
        Doses of the parts with a course.
    assumed : tuple of str
    sources : tuple of str
    """

    t_h: np.ndarray
    start_h: float
    courses: tuple[PartCourse, ...]
    effects: tuple[EffectBand, ...]
    scenarios: tuple[str, ...]
    middle: Scenario | None
    followed: tuple[Dose, ...]
    assumed: tuple[str, ...]
    sources: tuple[str, ...]


def follow_parts(
    parts: Sequence[StackPart],
    regimen: Regimen | None,
    *,
    people: People = TYPICAL,
    species: str = "human",
    hours: float = 12.0,
    interactions: bool = True,
    shares: tuple[float, float] = (ONSET_SHARE, WINDOW_SHARE),
) -> Timeline:
    """Follow every part of a stack.

    Parameters
    ----------
    parts : sequence of StackPart
    regimen : Regimen or None
        The doses that are known.
    people : People
    species : str
    hours : float
        From the first dose.
    interactions : bool
        Whether the parts change each other's exposure, over the range that studies leave open.
    shares : (float, float)
        Of the largest effect: onset is the first time above the first, the window the time above the second.

    Returns
    -------
    Timeline
        A part without dose, model or route has a reason and no course.

    Raises
    ------
    UsageError
        `hours` is not positive, or longer than :data:`LONGEST_H`.
    """
    if not 0.0 < hours <= LONGEST_H:
        raise UsageError(f"A timeline of {hours:g} h", do=f"give more than 0 and at most {LONGEST_H:g} h")
    start = regimen.doses[0].time_h if regimen is not None else 0.0
    step = max(STEP_H, hours / MOST_SAMPLES)
    shown = round(hours / step) + 1
    t_h = start + step * np.arange(max(shown, round(TIMED_H / step) + 1))
    reasons = {p.compound.id: why for p in parts if (why := _why_not(p, species)) is not None}
    followed = tuple(d for d in regimen.doses if d.compound not in reasons) if regimen is not None else ()
    if not followed:
        courses = tuple(PartCourse(p.compound.id, reasons.get(p.compound.id, "no dose")) for p in parts)
        return Timeline(t_h[:shown], start, courses, (), (), None, (), (), ())
    applied = apply_interactions(followed, people, species) if interactions else Applied()
    scenarios = _scenarios(followed, species, applied)
    runs = [
        (
            s,
            expose(
                Regimen(followed),
                people,
                species=species,
                t_h=t_h,
                fix=s.fix,
                interactions=s.interactions if interactions else None,
            ),
        )
        for s in scenarios
    ]
    courses = tuple(_course(p.compound.id, reasons, runs).until(shown) for p in parts)
    taken = [p.compound.id for p in parts if p.compound.id not in reasons]
    effects = tuple(e.until(shown) for e in _effects(taken, runs, shares))
    tried = {key.replace(":", " ") for s in scenarios for key in s.fix}
    assumed = [f"{name}: not measured; 0 to 1 are tried" for name in sorted(tried)]
    assumed += [a for _, run in runs for a in run.assumed if a.split(" =")[0] not in tried]
    assumed += [a for e in effects if e.unknown is None for a in e.document.assumed]
    sources = [s for _, run in runs for c in run.courses.values() for s in c.sources]
    return Timeline(
        t_h[:shown],
        start,
        courses,
        effects,
        tuple(s.name for s in scenarios if s.name),
        scenarios[len(scenarios) // 2],
        followed,
        tuple(dict.fromkeys(assumed)),
        tuple(sorted(set(sources))),
    )


def _why_not(part: StackPart, species: str) -> str | None:
    """Return why a part cannot be followed; None where it can."""
    if not part.doses:
        return part.unknown or "no dose"
    compound = part.compound
    disposition = find_disposition(compound.id, species)
    if disposition is None:
        known = compound.pharmacokinetics.get(species)  # type: ignore[call-overload]
        reason = known.unknown if known is not None else None
        return reason or f"no pharmacokinetic model in the {species} is on record"
    routes = disposition.routes_of()
    for dose in part.doses:
        if dose.route not in routes:
            return f"no source describes the route {dose.route}"
    return None


def _scenarios(doses: Sequence[Dose], species: str, applied: Applied) -> list[Scenario]:
    """Return what is tried: shares of a dose that are taken up in the mouth, and sizes of interactions.

    Middle values stand in the middle of the list.
    """
    open_shares = sorted(
        {
            f"{dose.compound}:{dose.route}.mouth.fraction"
            for dose in doses
            if dose.route in MOUTH and _open(dose.compound, dose.route, species)
        }
    )
    shares: list[tuple[str, dict[str, float]]] = [("", {})]
    if open_shares:
        shares = [(f"{f:.0%} taken up in the mouth", dict.fromkeys(open_shares, f)) for f in FRACTIONS]
    sizes: list[tuple[str, Literal["typical", "low", "high"]]] = [("", "typical")]
    if applied.factors:
        sizes = [("interactions at the low end", "low"), ("", "typical"), ("interactions at the high end", "high")]
    return [Scenario(", ".join(filter(None, [a, b])), fix, size) for a, fix in shares for b, size in sizes]


def _open(compound: str, route: str, species: str) -> bool:
    disposition = find_disposition(compound, species)
    assert disposition is not None
    numbers = dict(disposition.numbers(routes=(route,)))
    share = numbers.get(f"{route}.mouth.fraction")
    return share is not None and share.value is None


def _course(compound: str, reasons: Mapping[str, str], runs: Sequence[tuple[Scenario, Exposure]]) -> PartCourse:
    if compound in reasons:
        return PartCourse(compound, reasons[compound])
    found = []
    for _, run in runs:
        if compound in run.unknown:
            return PartCourse(compound, run.unknown[compound])
        course = run.courses[compound]
        if isinstance(course.uM, Unknown):
            return PartCourse(compound, course.uM.reason)
        found.append(course)
    values = np.stack([c.uM for c in found])  # scenario, people, time
    low, high = _ends(values)
    middle = np.median(values[len(found) // 2], axis=0)
    if not found[0].relative:
        return PartCourse(compound, None, "uM", low, middle, high)
    top = float(high.max()) or 1.0
    return PartCourse(compound, None, "of its peak", low / top, middle / top, high / top)


def _ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest 5 % and the highest 95 % of people over scenarios, (m,)."""
    return np.quantile(values, 0.05, axis=1).min(axis=0), np.quantile(values, 0.95, axis=1).max(axis=0)


Runs = Sequence[tuple[Scenario, Exposure]]


def _effects(compounds: Sequence[str], runs: Runs, shares: tuple[float, float]) -> list[EffectBand]:
    documents = {d.id: d for c in compounds for d in occupancies_of(c) if d.trust != "low"}
    return [_effect(d, [c for c in compounds if c in d.compounds], runs, shares) for d in documents.values()]


def _effect(document: OccupancyDoc, parts: Sequence[str], runs: Runs, shares: tuple[float, float]) -> EffectBand:
    found, timing, side = [], [], None
    start_h = min(d.time_h for d in runs[0][1].regimen.doses if d.compound in parts)
    for scenario, run in runs:
        effect = occupancy_of(run, document.id)
        if isinstance(effect.value, Unknown):
            return EffectBand(document, tuple(parts), effect.value.reason)
        side = side or effect.one_sided
        ends = [effect.value if e is None else e for e in (effect.low, effect.value, effect.high)]
        found.append(np.stack(ends))
        typical = np.median(effect.value, axis=0)
        read = onset_and_window(run.t_h, typical, from_h=start_h, onset_share=shares[0], window_share=shares[1])
        timing.append((scenario.name, read))
    values = np.stack(found)  # scenario; low, value and high of the constants; people; time
    low = np.quantile(values[:, 0], 0.05, axis=1).min(axis=0)
    high = np.quantile(values[:, 2], 0.95, axis=1).max(axis=0)
    middle = np.median(values[len(found) // 2, 1], axis=0)
    return EffectBand(document, tuple(parts), None, low, middle, high, tuple(timing), side)
