"""Fit what calibration/plan.yaml declares of effects in people, and write the numbers into their documents.

Four small fits, each of one number to one finding: the amplitude of caffeine on lapses of attention (in each reading of
its half concentration), the EC50 of modafinil at the dopamine transporter, the gain of A2A receptors on platelets, and
the rate of tolerance of blood pressure.

Run with: make calibrate
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from potentiate.exposure.courses import Exposure, Unknown
from potentiate.exposure.expose import expose
from potentiate.exposure.regimen import parse_regimen
from potentiate.library.disposition import find_disposition
from potentiate.library.effect import EFFECTS, find_alertness, find_tolerance
from potentiate.library.effect_constants import to_uM
from potentiate.library.finding import find_finding
from potentiate.mechanisms.alertness import caffeine_factor
from potentiate.mechanisms.tolerance import Attenuation, UpRegulation, follow

PLAN = yaml.safe_load((Path(__file__).parent / "plan.yaml").read_text())
#: Readings of the disposition of caffeine; the first, which is its default, is the reference, both span the interval.
VARIANTS = ("habitual", "abstinent")
#: Share of what a gum releases that is absorbed in the mouth: not measured. The first is the reference, all span the
#: interval.
MOUTH = (0.5, 0.0, 1.0)
WAKE_H, DOSES_AWAKE_H = 7.0, (6, 18, 30, 42)
NIGHT_H, AFTER_H = (18, 42), 2.0


def declared(model: str, finding_id: str) -> float:
    """Return the number of a finding, and refuse one that is not declared for this fit."""
    finding = find_finding(finding_id)
    if finding_id not in PLAN[model]["findings"] or finding.role != "calibration":
        raise SystemExit(f"{finding_id} is not declared for the calibration of {model}")
    effect = finding.effect
    if effect.value is not None:
        return effect.value
    assert effect.low is not None
    assert effect.high is not None
    return 0.5 * (effect.low + effect.high)


def solve(observe: Callable[[float], float], goal: float, prior: tuple[float, float]) -> tuple[float, str]:
    """Solve ``observe(x) = goal`` by bisection inside the prior; at a bound the answer is one-sided."""
    low, high = prior
    f_low, f_high = observe(low) - goal, observe(high) - goal
    if f_low * f_high > 0:
        return (low, "one-sided") if abs(f_low) < abs(f_high) else (high, "one-sided")
    for _ in range(60):
        middle = 0.5 * (low + high)
        if (observe(middle) - goal) * f_low > 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high), "determined"


def gum(dose_mg: float, variant: str, mouth: float = MOUTH[0]) -> Exposure:
    """Return the exposure to four doses of gum while awake for 48 h."""
    parts = [f"caffeine {dose_mg:g} mg gum day {1 + int(WAKE_H + h) // 24} {int(WAKE_H + h) % 24:02d}:00"
             for h in DOSES_AWAKE_H]  # fmt: skip
    t = np.arange(WAKE_H, WAKE_H + 48.0 + 1e-9, 1.0 / 12.0)
    return expose(
        parse_regimen("; ".join(parts)),
        t_h=t,
        variants={"caffeine": variant},
        fix={"caffeine:gum.mouth.fraction": mouth},
    )


def plasma(exposure: Exposure, compound: str) -> np.ndarray:
    """Return the concentration of the typical person."""
    found = exposure.course(compound).plasma_uM()
    if isinstance(found, Unknown):
        raise SystemExit(f"{compound}: {found.reason}")
    return found[0]


def night_ratio(exposure: Exposure, amplitude: float, half_uM: float) -> float:
    """Return lapses under placebo over those under caffeine in the two hours after the doses of the night."""
    factor = caffeine_factor(plasma(exposure, "caffeine"), amplitude, half_uM)
    t = exposure.t_h
    inside = np.zeros(t.shape, bool)
    for h in NIGHT_H:
        inside |= (t > WAKE_H + h) & (t <= WAKE_H + h + AFTER_H)
    return float(np.mean(1.0 / factor[inside]))


def fit_caffeine() -> None:
    """Fit the amplitude in each reading of k."""
    goal, prior = (
        declared("caffeine-alertness", "caf-pvt-200-night"),
        tuple(PLAN["caffeine-alertness"]["prior"]["amplitude"]),
    )
    exposures = [gum(200.0, v, m) for v in VARIANTS for m in MOUTH]
    for reading in find_alertness().caffeine:
        half = to_uM(reading.half, "caffeine")[0]
        found = [solve(lambda m, e=e, k=half: night_ratio(e, m, k), goal, prior) for e in exposures]
        # at a large concentration the ratio is 1 + M whatever k is: below that no amplitude reaches the goal
        write("alertness", ("caffeine", reading.name, "amplitude"), found, "caf-pvt-200-night", prior, "1")


def fit_dat() -> None:
    """Fit the EC50 of modafinil in plasma."""
    disposition = find_disposition("modafinil", "human")
    if disposition is None:
        print("modafinil has no disposition: its EC50 stays unknown")
        return
    share = declared("modafinil-dat", "modafinil-dat-200") / 100.0
    prior = tuple(PLAN["modafinil-dat"]["prior"]["ec50_uM"])
    found = []
    for variant in disposition.variants:
        exposure = expose(parse_regimen("modafinil 200 mg po 08:00"), variants={"modafinil": variant.name})
        peak = float(plasma(exposure, "modafinil").max())
        found.append(solve(lambda k, c=peak: c / (c + k), share, prior))
    write("dat-modafinil", ("ligands", "modafinil", "constant"), found, "modafinil-dat-200", prior, "uM")


def daily(regimen: str, until_h: float, variant: str) -> Exposure:
    """Return an exposure of days, every 15 min."""
    plan = parse_regimen(regimen)
    first = plan.doses[0].time_h
    return expose(plan, t_h=first + np.arange(0.0, until_h + 1e-9, 0.25), variants={"caffeine": variant})


def fit_platelets() -> None:
    """Set the threshold where the null bounds it, and the gain by the number."""
    document = find_tolerance("platelet-a2a")
    assert document.rate is not None
    rate = document.rate.known()
    goal = 1.0 + declared("platelet-a2a", "caf-a2a-750-12h") / 100.0
    found, thresholds = [], []
    for variant in VARIANTS:
        null, number = (daily(f"caffeine {dose}", until, variant) for dose, until in
                        (("200 mg po q12h x14", 180.0), ("250 mg po q8h x21", 172.0)))  # fmt: skip
        threshold = float(follow(null.t_h, plasma(null, "caffeine"), rate).max())
        c = plasma(number, "caffeine")

        def last(gain: float, c: np.ndarray = c, t: np.ndarray = number.t_h, x: float = threshold) -> float:
            return float(UpRegulation(rate, gain, x).receptors(t, c)[-1])

        found.append(solve(last, goal, tuple(PLAN["platelet-a2a"]["prior"]["gain"])))
        thresholds.append((threshold, "one-sided"))
    write("platelet-a2a", ("gain",), found, "caf-a2a-750-12h", PLAN["platelet-a2a"]["prior"]["gain"], "1/uM")
    write("platelet-a2a", ("threshold",), thresholds, "caf-a2a-400-7d-null", None, "uM")


def fit_pressure() -> None:
    """Fit the rate at which the pressor response is lost."""
    document = find_tolerance("blood-pressure-tolerance")
    assert document.half is not None
    assert document.response is not None
    half, response = (to_uM(x, "caffeine")[0] for x in (document.half, document.response))
    goal, prior = declared("blood-pressure", "caf-bp-tolerance"), tuple(PLAN["blood-pressure"]["prior"]["rate_per_h"])
    found = []
    for variant in VARIANTS:
        many, one = daily("caffeine 250 mg po q8h x12", 73.0, variant), daily("caffeine 250 mg po 00:00", 1.0, variant)

        def pressor(exposure: Exposure, rate: float) -> float:
            c = plasma(exposure, "caffeine")
            return float(c[-1] / (response + c[-1]) * (1.0 - Attenuation(rate, half).lost(exposure.t_h, c)[-1]))

        def ratio(rate: float, many: Exposure = many, one: Exposure = one) -> float:
            return pressor(many, rate) / pressor(one, rate)

        found.append(solve(ratio, goal, prior))
    write("blood-pressure-tolerance", ("rate",), found, "caf-bp-tolerance", prior, "1/h")


def write(
    document: str, path: tuple[str, ...], found: list[tuple[float, str]], source: str, prior: object, unit: str
) -> None:
    """Put a calibrated number into a document; the first reading is the value, all of them span the interval."""
    values = [float(f"{v:.4g}") for v, _ in found]
    word = "one-sided" if any(w != "determined" for _, w in found) else "determined"
    text = f"{{value: {values[0]:g}, unit: '{unit}'"
    if len(values) > 1:
        text += f", interval: [{min(values):g}, {max(values):g}]"
    text += f", status: calibrated, source: {source}"
    if prior is not None:
        low, high = prior  # type: ignore[misc]
        text += f", prior: [{low:g}, {high:g}]"
    text += f", word: {word}}}"
    file = EFFECTS / f"{document}.yaml"
    old = file.read_text(encoding="utf-8")
    start = 0
    for step in path[:-1]:
        start = re.compile(rf"^.*\b{re.escape(step)}\s*(:|$)", re.MULTILINE).search(old, start).end()  # type: ignore[union-attr]
    key = re.compile(rf"^(\s*(?:- )?{re.escape(path[-1])}: )\{{", re.MULTILINE).search(old, start)
    assert key is not None, path
    depth, end = 1, key.end()
    while depth:
        depth += {"{": 1, "}": -1}.get(old[end], 0)
        end += 1
    new = old[: key.end(1)] + text + old[end:]
    written = file.with_suffix(".tmp")
    written.write_text(new, encoding="utf-8")
    written.replace(file)
    print(f"{document} {'.'.join(path)}: {text}")


if __name__ == "__main__":
    fit_caffeine()
    fit_dat()
    fit_platelets()
    fit_pressure()
