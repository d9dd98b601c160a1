"""Score a finding against the model: pure functions from an ensemble of model values to a verdict.

The distance between model and finding is measured in units of what is allowed (the `miss`): up to 1 passes,
below 2 is near, more fails. What is allowed depends on the kind of finding:

value
    Log ratio of model and published against the log of the tolerance factor; or an absolute difference; or
    the size of z against its limit. The model is the median of the ensemble.
range
    Zero inside; outside, the log distance to the nearest edge (factor) or the difference (absolute).
direction
    Share of the ensemble that does not move the published way, against 0.1 (strictly less passes).
null
    The farther end of the 90 % interval of the ensemble against the margin: equivalence, not a lack of
    significance.
order
    Share of the ensemble in which the order does not hold, against 0.1 (strictly less passes).
structure
    Share of the schemes without the transition that is asked for, against 0.1 (strictly less passes), by
    :func:`score_structure`; not simulable where no transition says it.
constant, registration
    Not simulable.

z scores compare the model, which is one receptor, with the spread of cells (z_cell). A SEM with n becomes a
SD; without n only the mean can be compared (z_mean). Where the page does not say SD or SEM both readings are
taken: it passes only if both do, and is near if one does. A score in SEM compares means, that of the model's slices
with the published one. Percent changes become folds before a logarithm is
taken.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ..library.finding import ComparisonDoc, ExperimentDoc, Finding, NoExperiment

#: A drug's effect depends on the base scheme: with fewer schemes a verdict is at most "near".
FEWEST_SCHEMES = 5
#: Share of the ensemble that may contradict a direction or an order.
ALLOWED_SHARE = 0.1
#: A fold change this near to 1, or a value this near to 0, has no direction.
NO_EFFECT = 1e-3

#: A published direction asks for an effect that somebody could see: below this median change it is at most near.
SMALL_EFFECT = 0.05
#: With fewer samples than this, quantiles mean little: the interval is the whole span.
ENOUGH_FOR_QUANTILES = 20

Word = Literal["pass", "near", "fail", "not simulable", "calibration"]


@dataclasses.dataclass(frozen=True)
class Sample:
    """What one member of the ensemble gives.

    Attributes
    ----------
    value : float
        As the finding's `compare` asks, in the unit of its effect; NaN where there is none.
    scheme : str
        Base scheme; of a subject, who it is.
    variant : str or None
        Variant of the drug's operator, or of its disposition.
    reason : str or None
        Why there is no value.
    """

    value: float
    scheme: str
    variant: str | None = None
    reason: str | None = None

    @property
    def label(self) -> str:
        """Return the scheme, with the variant where there is one."""
        return f"{self.scheme} ({self.variant})" if self.variant else self.scheme


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A scored finding.

    Attributes
    ----------
    id : str
    verdict : {"pass", "near", "fail", "not simulable", "calibration"}
    model : float
        Median of the ensemble; NaN without values.
    interval : (float, float) or None
        Span of the ensemble; its 5-95 % range from 20 samples on.
    published : float, (float, float) or str
    unit : str or None
    score : str
        The distance and what is allowed, as text.
    reason : str or None
        Why it is not simulable, or why it is less than its score.
    schemes : int
        Number of schemes (or of persons) that gave a value.
    worst : str or None
        The member of the ensemble farthest from the finding.
    source : str
    miss : float
        Distance in units of what is allowed; NaN without values.
    """

    id: str
    verdict: Word
    model: float
    interval: tuple[float, float] | None
    published: float | tuple[float, float] | str
    unit: str | None
    score: str
    reason: str | None
    schemes: int
    worst: str | None
    source: str
    miss: float


@dataclasses.dataclass(frozen=True)
class _Rule:
    """A rule applied to the ensemble: `each` is how far every single member is."""

    miss: float
    text: str
    each: list[float]
    strict: bool = False  # 1 itself does not pass
    best_reading: float | None = None  # the kinder reading of an ambiguous uncertainty

    @property
    def word(self) -> Word:
        if self.miss < 1 or (self.miss == 1 and not self.strict):
            return "pass"
        if self.miss < 2 or (self.best_reading is not None and self.best_reading <= 1):
            return "near"
        return "fail"


def score(finding: Finding, samples: Sequence[Sample], *, used: bool = False) -> Verdict:
    """Score one finding.

    Parameters
    ----------
    finding : Finding
    samples : sequence of Sample
        One per member of the ensemble (scheme and drug variant), missing ones included. Where the finding is
        about a specific receptor, only samples of its base scheme count.
    used : bool
        The model holds this number already (a parameter was read from it): scored like a calibration finding.

    Returns
    -------
    Verdict
    """
    experiment, effect = finding.experiment, finding.effect
    used = used or finding.role == "calibration"
    if isinstance(experiment, NoExperiment):
        return _without(finding, experiment.none, used)
    if effect.kind in ("structure", "constant", "registration"):
        return _without(finding, f"a {effect.kind} is no observable of an experiment", used)
    # receptors have an ensemble of schemes; a subject has its persons and the readings of a disposition
    base = experiment.base_scheme if isinstance(experiment, ExperimentDoc) else None
    specific = isinstance(experiment, ExperimentDoc) and experiment.specific
    asked = [s for s in samples if not specific or s.scheme == base]
    found = [s for s in asked if math.isfinite(s.value)]
    missing = [s for s in asked if not math.isfinite(s.value)]
    if not found:
        why = "; ".join(dict.fromkeys(s.reason or "no value" for s in missing))
        whose = f"scheme {base}" if base is not None else "the subject"
        return _without(finding, why or f"no sample of {whose}", used)

    values = np.array([s.value for s in found])
    interval = _interval(values)
    rule = _RULES[effect.kind](finding, experiment, values, interval)
    schemes = len({s.scheme for s in found})
    word, reasons = rule.word, []
    if base is not None and not specific and schemes < FEWEST_SCHEMES:
        capped = ": at most near" if word == "pass" else ""
        reasons.append(f"{schemes} of at least {FEWEST_SCHEMES} schemes gave a value{capped}")
        word = "near" if word == "pass" else word
    if effect.kind == "direction" and experiment.compare != "value" and _small(experiment, float(np.median(values))):
        reasons.append(f"the median change is below {SMALL_EFFECT:.0%}: a direction, but hardly an effect")
        word = "near" if word == "pass" else word
    if missing:
        why = "; ".join(dict.fromkeys(s.reason or "no value" for s in missing))
        reasons.append(f"{len(missing)} of {len(asked)} without a value: {why}")
    if used:
        word = "calibration"
        reasons.append(experiment.no_test or "used to set the model, not a test of it")
    return Verdict(
        id=finding.id,
        verdict=word,
        model=float(np.median(values)),
        interval=interval,
        published=published(finding),
        unit=effect.unit,
        score=rule.text,
        reason="; ".join(reasons) or None,
        schemes=schemes,
        worst=found[int(np.argmax(rule.each))].label,
        source=cite(finding),
        miss=rule.miss,
    )


def score_structure(finding: Finding, samples: Sequence[Sample]) -> Verdict:
    """Score a finding on structure: one yes (1) or no (0) per scheme."""
    used = finding.role == "calibration"
    values = np.array([s.value for s in samples])
    rule = _share([v - 0.5 for v in values], "the structure is there")
    return Verdict(
        id=finding.id,
        verdict="calibration" if used else rule.word,
        model=float(values.mean()),
        interval=None,
        published=published(finding),
        unit=None,
        score=rule.text,
        reason="used to set the model, not a test of it" if used else None,
        schemes=len({s.scheme for s in samples}),
        worst=samples[int(np.argmax(rule.each))].label,
        source=cite(finding),
        miss=rule.miss,
    )


def published(finding: Finding) -> float | tuple[float, float] | str:
    """Return what the finding says: a number, a range, or a word."""
    effect = finding.effect
    if effect.kind == "range":
        assert effect.low is not None
        assert effect.high is not None
        return effect.low, effect.high
    if effect.kind == "direction":
        return effect.direction
    if effect.kind == "null":
        return "no change"
    return effect.value if effect.value is not None else effect.kind


def cite(finding: Finding) -> str:
    """Return the finding's source in one short line."""
    source = finding.source
    who = f"{source.authors.rstrip('.')}." if source.authors else source.title
    return ", ".join(str(part) for part in (who, source.year, source.journal) if part)


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the entry of ``findings`` in the JSON of every command (NaN becomes null)."""
    entry = dataclasses.asdict(verdict)
    for key in ("model", "miss"):
        entry[key] = entry[key] if math.isfinite(entry[key]) else None
    for key in ("interval", "published"):
        entry[key] = list(entry[key]) if isinstance(entry[key], tuple) else entry[key]
    return entry


def _without(finding: Finding, reason: str, used: bool) -> Verdict:
    word: Word = "calibration" if used else "not simulable"
    return Verdict(
        id=finding.id,
        verdict=word,
        model=math.nan,
        interval=None,
        published=published(finding),
        unit=finding.effect.unit,
        score="no score",
        reason=reason,
        schemes=0,
        worst=None,
        source=cite(finding),
        miss=math.nan,
    )


def _interval(values: np.ndarray) -> tuple[float, float]:
    if len(values) < ENOUGH_FOR_QUANTILES:
        return float(values.min()), float(values.max())
    low, high = np.quantile(values, [0.05, 0.95])
    return float(low), float(high)


# ---- rules: (finding, experiment, values, interval) -> _Rule


def _fold(experiment: ComparisonDoc, x: float) -> float:
    return 1.0 + x / 100.0 if experiment.compare == "difference_percent" else x


def _log_distance(a: float, b: float) -> float:
    return abs(math.log(a / b)) if a > 0 and b > 0 else math.inf


def _allowed(experiment: ComparisonDoc) -> float:
    assert experiment.tolerance.value is not None
    return experiment.tolerance.value


def _value(finding: Finding, experiment: ComparisonDoc, values: np.ndarray, _: object) -> _Rule:
    goal, median, allowed = finding.effect.value, float(np.median(values)), _allowed(experiment)
    assert goal is not None
    if experiment.tolerance.kind == "z":
        return _z(finding, goal, values, allowed)
    if experiment.tolerance.kind == "sem":
        return _means(finding, experiment, goal, values)
    if experiment.tolerance.kind == "factor":
        limit = math.log(allowed)

        def distance(x: float) -> float:
            return _log_distance(_fold(experiment, x), _fold(experiment, goal))

        text = f"log ratio {distance(median):.3g}, allowed {limit:.3g}"
    else:
        limit = allowed

        def distance(x: float) -> float:
            return abs(x - goal)

        text = f"difference {distance(median):.3g}, allowed {limit:.3g}"
    return _Rule(distance(median) / limit, text, [distance(x) / limit for x in values])


def _z(finding: Finding, goal: float, values: np.ndarray, limit: float) -> _Rule:
    kind, error, n = finding.uncertainty.type, finding.uncertainty.value, finding.n
    assert error is not None
    sem_as_sd = error * math.sqrt(n) if n else None
    readings: dict[str, float] = {}  # name -> what one z is
    if kind == "SD":
        readings["z_cell"] = error
    elif kind == "SEM":
        readings["z_cell (from SEM)" if sem_as_sd else "z_mean (SEM, n unknown)"] = sem_as_sd or error
    elif kind == "CI95":
        readings["z_mean (from CI95)"] = error / 1.96
    else:
        readings["z_cell (read as SD)"] = error
        readings["z_cell (read as SEM)" if sem_as_sd else "z_mean (read as SEM)"] = sem_as_sd or error
    off = abs(float(np.median(values)) - goal)
    text = ", ".join(f"{name} {off / one:.3g}" for name, one in readings.items()) + f", allowed {limit:g}"
    if kind in ("SD", "SEM") and n:
        sem = error / math.sqrt(n) if kind == "SD" else error
        text += f"; z_mean {off / sem:.3g} not judged"
    narrow, wide = min(readings.values()), max(readings.values())
    best = off / wide / limit if len(readings) > 1 else None
    each = [abs(x - goal) / narrow / limit for x in values]
    return _Rule(off / narrow / limit, text, each, best_reading=best)


def _means(finding: Finding, experiment: ComparisonDoc, goal: float, values: np.ndarray) -> _Rule:
    printed = finding.uncertainty.value if finding.uncertainty.type == "SEM" else None
    sem, whose = (printed, "printed") if printed else (experiment.tolerance.sem, "assumed")
    assert sem is not None
    allowed = _allowed(experiment)
    off = abs(float(np.median(values)) - goal) / sem
    text = f"means differ by {off:.3g} SEM ({whose}, {sem:g}), allowed {allowed:g}"
    return _Rule(off / allowed, text, [abs(x - goal) / sem / allowed for x in values])


def _range(finding: Finding, experiment: ComparisonDoc, values: np.ndarray, _: object) -> _Rule:
    low, high, allowed = finding.effect.low, finding.effect.high, _allowed(experiment)
    assert low is not None
    assert high is not None
    factor = experiment.tolerance.kind == "factor"
    limit = math.log(allowed) if factor else allowed

    def distance(x: float) -> float:
        if low <= x <= high:
            return 0.0
        edge = low if x < low else high
        return _log_distance(_fold(experiment, x), _fold(experiment, edge)) if factor else abs(x - edge)

    off = distance(float(np.median(values)))
    what = "log distance to the range" if factor else "distance to the range"
    text = "inside the range" if off == 0 else f"{what} {off:.3g}, allowed {limit:.3g}"
    return _Rule(off / limit, text, [distance(x) / limit for x in values])


def _neutral(experiment: ComparisonDoc) -> float:
    return 1.0 if experiment.compare in ("ratio", "inverse_ratio") else 0.0


def _share(effects: list[float], what: str) -> _Rule:
    """Rule on signed effects, of which the positive ones agree."""
    wrong = sum(e <= 0 for e in effects)
    agree = 1.0 - wrong / len(effects)
    text = f"{what} in {len(effects) - wrong} of {len(effects)} ({agree:.2f}), asked > {1 - ALLOWED_SHARE:g}"
    return _Rule(wrong / len(effects) / ALLOWED_SHARE, text, [-e for e in effects], strict=True)


def _small(experiment: ComparisonDoc, median: float) -> bool:
    change = median / 100.0 if experiment.compare == "difference_percent" else median - 1.0
    return abs(change) < SMALL_EFFECT


def _direction(finding: Finding, experiment: ComparisonDoc, values: np.ndarray, _: object) -> _Rule:
    sign = 1.0 if finding.effect.direction == "increase" else -1.0
    unit = 100.0 if experiment.compare == "difference_percent" else 1.0
    neutral = _neutral(experiment)
    # a value has no scale of its own: any current is one. A change must be larger than rounding.
    dead = 0.0 if experiment.compare == "value" else NO_EFFECT * unit
    return _share([sign * (x - neutral) - dead for x in values], f"the {finding.effect.direction}")


def _order(finding: Finding, experiment: ComparisonDoc, values: np.ndarray, _: object) -> _Rule:
    return _share([x - 1.0 - NO_EFFECT for x in values], "the order holds")


def _null(finding: Finding, experiment: ComparisonDoc, values: np.ndarray, interval: tuple[float, float]) -> _Rule:
    allowed, neutral = _allowed(experiment), _neutral(experiment)
    factor = experiment.tolerance.kind == "factor"
    limit = math.log(allowed) if factor else allowed

    def distance(x: float) -> float:
        return _log_distance(_fold(experiment, x), 1.0) if factor else abs(x - neutral)

    off = max(distance(end) for end in interval)
    what = "log ratio" if factor else "difference"
    text = f"farther end of the 90 % interval: {what} {off:.3g}, margin {limit:.3g}"
    return _Rule(off / limit, text, [distance(x) / limit for x in values])


_RULES: dict[str, Callable[..., _Rule]] = {
    "value": _value,
    "range": _range,
    "direction": _direction,
    "null": _null,
    "order": _order,
}
