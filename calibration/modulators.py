"""Fit the free numbers that calibration/plan.yaml declares, and write the modulator documents.

Each free number is solved for in every scheme of the ensemble (and, where the plan assumes a rise time, at each of
its bounds), inside its prior. The document gets the median as reference and the whole spread as interval: a
number whose interval fills the prior is `not determined`.

Run with: make calibrate
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from potentiate.exposure.bath import Bath
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.kinetics.scheme import Scheme
from potentiate.library.ensemble import ensemble
from potentiate.library.finding import find_finding
from potentiate.library.modulator import PARAMETERS, find_action
from potentiate.library.scheme import find_scheme
from potentiate.preparations import assays
from potentiate.preparations.patch import Patch

PLAN = yaml.safe_load((Path(__file__).parent / "plan.yaml").read_text())
RISES_MS = (20.0, 5.0, 100.0)  # assumed, then its bounds
SLOW_UM = 1_000.0

Build = Callable[[float], Modulator]


def target(finding_id: str) -> float:
    """Return the published value, and refuse one that is not declared for calibration."""
    finding = find_finding(finding_id)
    if finding.role != "calibration" or not any(finding_id in p["findings"] for p in PLAN.values()):
        raise SystemExit(f"{finding_id} is not declared for calibration")
    assert finding.effect.value is not None
    return finding.effect.value


def solve(observe: Callable[[float], float], goal: float, prior: tuple[float, float]) -> tuple[float, str]:
    """Solve ``observe(x) = goal`` on a log scale inside the prior; at a bound the answer is one-sided."""
    low, high = (math.log(x) for x in prior)
    f_low, f_high = observe(math.exp(low)) - goal, observe(math.exp(high)) - goal
    if f_low * f_high > 0:
        return (prior[0], "at lower bound") if abs(f_low) < abs(f_high) else (prior[1], "at upper bound")
    for _ in range(12):
        middle = 0.5 * (low + high)
        if (observe(math.exp(middle)) - goal) * f_low > 0:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high)), "inside"


def spread(
    build: Build,
    measure: Callable[[Scheme, Modulator], float],
    goal: float,
    prior: tuple[float, float],
    schemes: list[str] | None = None,
) -> dict[str, tuple[float, str]]:
    """Solve for the free number in every scheme of the ensemble."""
    found = {}
    for name in schemes or ensemble().schemes:
        scheme = find_scheme(name)
        found[name] = solve(lambda x, s=scheme: measure(s, build(x)), goal, prior)
        print(f"    {name:24s} {found[name][0]:.4g} ({found[name][1]})")
        sys.stdout.flush()
    return found


def slow_ratio(scheme: Scheme, modulator: Modulator, uM: float, rise_ms: float) -> float:
    """Return the drug's fold effect on the peak of a slow glutamate application."""
    drug = Patch(apply_modulator(scheme, modulator))
    bath = Bath({modulator.ligand: uM})
    plain = assays.slow_current(Patch(scheme), concentration_uM=SLOW_UM, rise_ms=rise_ms)["peak"].value
    return assays.slow_current(drug, bath, concentration_uM=SLOW_UM, rise_ms=rise_ms)["peak"].value / plain


def tau_ratio(scheme: Scheme, modulator: Modulator, uM: float, which: str) -> float:
    """Return the drug's fold effect on tau_deact or tau_des; infinite where the drug leaves no decay."""
    assay = assays.deactivation if which == "tau_deact" else assays.desensitization
    drug = assay(Patch(apply_modulator(scheme, modulator)), Bath({modulator.ligand: uM}))[which].value
    return drug / assay(Patch(scheme))[which].value if math.isfinite(drug) else math.inf


def percent_desensitization(scheme: Scheme, modulator: Modulator, uM: float) -> float:
    """Return 100 (1 - steady/peak) with the drug."""
    patch = Patch(apply_modulator(scheme, modulator))
    long = assays.desensitization(patch, Bath({modulator.ligand: uM}))
    return long["percent_desensitization"].value


def word(values: list[float], prior: tuple[float, float]) -> str:
    """Say what the spread leaves of the prior (log scale): determined, one-sided, not determined."""
    at_low = min(values) <= prior[0] * 1.01
    at_high = max(values) >= prior[1] / 1.01
    return "not determined" if at_low and at_high else "one-sided" if at_low or at_high else "determined"


def number(found: dict[str, tuple[float, str]], prior: tuple[float, float], finding_ids: str) -> dict:
    """Return the provenance of a calibrated number."""
    values = [v for v, _ in found.values()]
    return {
        "value": round(float(np.median(values)), 5),
        "interval": [round(min(values), 5), round(max(values), 5)],
        "status": "calibrated",
        "source": finding_ids,
        "prior": list(prior),
        "word": word(values, prior),
    }


class _NoAliases(yaml.SafeDumper):
    """Documents may not hold aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write(doc: dict) -> None:
    """Write a document under a temporary name, then rename."""
    text = "# Written by calibration/modulators.py; edit the plan or the script, not this file.\n"
    text += yaml.dump(doc, Dumper=_NoAliases, sort_keys=False, width=110, allow_unicode=True)
    path = PARAMETERS / f"{doc['id']}.yaml"
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
    print(f"  wrote {path.name}")


def assumed(value: str | float, reason: str) -> dict:
    """Return an assumed number with its reason."""
    return {"value": value, "status": "assumed", "reason": reason}


def unknown_affinity(reason: str) -> dict:
    """Return an affinity that nobody reported: only saturating concentrations can be asked for."""
    return {"value": "1 uM", "status": "unknown", "reason": reason}


def aniracetam() -> None:
    """One free number: how much both sites together slow entry into desensitization."""
    prior = tuple(PLAN["aniracetam"]["prior"]["desensitized_weight"])
    goal = target("ani-glu-current-1mM")
    split, speed = {"gate": 0.0, "desensitize": 1.0}, {"desensitized": 0.01, "open": 0.0}

    def build(weight: float) -> Modulator:
        weights = {"open": (6.0, 6.0), "desensitized": (1.0, weight)}
        return Modulator("aniracetam", 2, 500.0, 5.0, weights, split, speed)

    found = {}
    for rise in RISES_MS:
        print(f"  10-90 % rise {rise:g} ms")
        part = spread(build, lambda s, m, r=rise: slow_ratio(s, m, 1000.0, r), goal, prior)
        found |= {f"{k} at {rise:g} ms": v for k, v in part.items()}
    fitted = number(found, prior, "ani-glu-current-1mM")
    low, high = bounded(build, prior)
    print(f"  order and null findings leave {low:.3g} to {high:.3g}")
    # the number that was fitted leaves the whole prior open, so the middle of what the orders and nulls leave stands
    fitted |= {
        "value": round((low * high) ** 0.5, 5),
        "interval": [round(low, 5), round(high, 5)],
        "source": "ani-glu-current-1mM: bounded by ani-deact-vs-desens-order and ani-nm-recovery-null",
        "reason": f"the fit alone leaves {fitted['interval']} (its prior); orders and nulls leave the interval given",
    }

    def variant(name: str, sites: int, opening: list[float], closed: list[float] | None, reason: str) -> dict:
        weights = {"open": opening} | ({"desensitized": closed} if closed else {})
        return {"name": name, "sites": sites, "weights": weights, "split": split, "speed": speed, "reason": reason}

    write(
        {
            "id": "aniracetam",
            "kind": "operator",
            "kd": {"value": "500 uM", "status": "read", "source": "partin1996"},
            "koff": {"value": "5000 1/s", "status": "read", "source": "partin1996"},
            "provenance": {
                "sites": {"value": 2, "status": "read", "source": "ahmed2010: one molecule per dimer, two dimers"},
                "open_weight": {"value": 6.0, "status": "read", "source": "partin1996: closing 1500 -> 250 1/s"},
                "open_weight_one_site": assumed(
                    6.0, "deactivation saturates before desensitization: one site suffices"
                ),
                "desensitized_weight_one_site": assumed(1.0, "the effect on desensitization needs both sites"),
                "desensitized_weight": fitted,
                "speed_open": {
                    "value": 0.0,
                    "status": "read",
                    "source": "partin1996: open states do not exchange drug",
                },
                "speed_desensitized": {"value": 0.01, "status": "read", "source": "partin1996"},
            },
            "variants": [
                variant(
                    "reference", 2, [6.0, 6.0], [1.0, fitted["value"]], "middle of the interval that the findings leave"
                ),
                variant("weakest", 2, [6.0, 6.0], [1.0, high], "upper end of the interval"),
                variant("strongest", 2, [6.0, 6.0], [1.0, low], "lower end of the calibrated interval"),
                variant("one site", 1, [6.0], None, "Partin 1996 as read: closing only"),
                variant("equal steps", 2, [6.0**0.5, 6.0], [1.0, fitted["value"]], "each site slows closing 2.45-fold"),
            ],
            "valid_uM": [0.0, 5000.0],
            "assumed": [
                "the open state does not exchange drug, as in the published scheme (with exchange, tau_deact at 0.1 mM "
                "is "
                "longer; at 5 mM the difference is small)",
                "slow application: 1 mM glutamate, 10-90 % rise 20 ms (5 and 100 ms bound the interval)",
                "the weight of the desensitized class is the middle of what an order and a null leave: the one number "
                "given to the fit does not determine it, and the kainate null that the plan names does not bound it",
            ],
            "calibrated_on": ["ani-glu-current-1mM"],
            "bounded_by": [i for i in PLAN["aniracetam"]["bounded_by"] if i != "ani-kainate-null"],  # does not bound it
            "read_from": ["ani-nmda-null"],  # the model has no NMDA action because none is on record
        }
    )


def bounded(build: Build, prior: tuple[float, float]) -> tuple[float, float]:
    """Return the range of the weight in which every scheme of the ensemble keeps the order and the recovery null.

    Order: half of the effect on deactivation comes at a lower concentration than half of that on desensitization.
    Null: recovery at 5 mM within a factor 1.25. The kainate null does not depend on this weight.
    """
    from potentiate.evidence.patch_experiment import observe_arm
    from potentiate.library.finding import ArmDoc
    from potentiate.library.modulator import Action, ModulatorDocument

    kept = []
    for weight in np.geomspace(*prior, 17):
        modulator = build(float(weight))
        action = Action(
            "aniracetam", "operator", ModulatorDocument(id="aniracetam", kind="operator"), (("x", modulator),)
        )

        def half(scheme: Scheme, protocol: str, of: str, action: Action = action) -> float:
            arm = ArmDoc(protocol=protocol, measure="drug_ec50", of=of, drug="aniracetam")
            return observe_arm(arm, scheme, action).value

        held = []
        for name in ensemble().schemes:
            scheme = find_scheme(name)
            drugged = Patch(apply_modulator(scheme, modulator))
            recovery = assays.recovery(drugged, Bath({"aniracetam": 5000.0}))["tau_rec"].value
            recovery /= assays.recovery(Patch(scheme))["tau_rec"].value
            order = half(scheme, "desensitization", "tau_des") / half(scheme, "deactivation", "tau_deact")
            held.append(order > 1.0 and 0.8 < recovery < 1.25)
            print(f"    weight {weight:.3g} {name:24s} EC50 order {order:.2f} recovery x{recovery:.2f}")
        if all(held):
            kept.append(float(weight))
    if not kept:
        raise SystemExit("no weight satisfies the order and null findings in every scheme")
    return min(kept), max(kept)


def cyclothiazide() -> None:
    """Two free numbers: weight of the desensitized class, native or flip, and flop."""
    plan = PLAN["cyclothiazide"]["prior"]

    def build(weight: float) -> Modulator:
        weights = {"desensitized": (weight**0.5, weight)}
        return Modulator("cyclothiazide", 2, 7.1, 1e-3, weights, {"desensitize": 1.0}, {"desensitized": 0.0})

    print("  native / flip")
    prior = tuple(plan["desensitized_weight"])
    goal = target("ctz-18fold")
    native = number(spread(build, lambda s, m: slow_ratio(s, m, 100.0, 20.0), goal, prior), prior, "ctz-18fold")
    print("  flop")
    prior = tuple(plan["desensitized_weight_flop"])
    goal = target("ctz-flop-50fold")
    flop = number(
        spread(build, lambda s, m: tau_ratio(s, m, 100.0, "tau_des"), goal, prior, ["RH2003_GluA1_balanced"]),
        prior,
        "ctz-flop-50fold",
    )

    def variant(name: str, weight: float, reason: str) -> dict:
        return {
            "name": name,
            "sites": 2,
            "weights": {"desensitized": [round(weight**0.5, 6), weight]},
            "split": {"desensitize": 1.0},
            "speed": {"desensitized": 0.0},
            "reason": reason,
        }

    low, high = native["interval"]
    write(
        {
            "id": "cyclothiazide",
            "kind": "operator",
            "kd": {
                "value": "7.1 uM",
                "status": "read",
                "source": "ctzslice1993: slice depolarization ED50 as affinity",
            },
            "koff": assumed("1 1/s", "slow wash-out is reported (30 times slower for flip) without a rate"),
            "provenance": {
                "desensitized_weight": native,
                "desensitized_weight_flop": flop,
                "open_weight": assumed(1.0, "deactivation is only weakly slowed (Arai & Lynch 1998)"),
                "sites": assumed(2, "one per dimer interface, as for aniracetam"),
                "speed_desensitized": assumed(0.0, "binds receptors that are not desensitized"),
            },
            "variants": [
                variant("reference", native["value"], "median over the ensemble"),
                variant("weakest", high, "upper end of the calibrated interval"),
                variant("strongest", low, "lower end of the calibrated interval"),
                variant("flop", flop["value"], "GluA1 flop"),
            ],
            "valid_uM": [0.0, 300.0],
            "assumed": ["slow application: 1 mM glutamate, 10-90 % rise 20 ms"],
            "calibrated_on": ["ctz-18fold", "ctz-flop-50fold"],
        }
    )


def cx614() -> None:
    """Three free numbers, solved one after the other: open weight, desensitized weight, affinity."""
    plan = PLAN["CX614"]["prior"]
    split = {"gate": 0.0, "desensitize": 1.0}

    def make(opening: float, closed: float, kd: float = 1.0) -> Modulator:
        weights = {"open": (opening**0.5, opening), "desensitized": (closed**0.5, closed)}
        return Modulator("cx614", 2, kd, 1.0, weights, split, {"open": 0.0})

    print("  open weight")
    goals = [target(i) for i in PLAN["CX614"]["findings"]]
    saturating = 1000.0
    opening, closing, affinity = {}, {}, {}
    for name in ensemble().schemes:
        scheme = find_scheme(name)
        w_open, w_des = 8.0, 0.1
        at = at_des = "inside"
        for _ in range(2):  # the two weights act on different measures: two rounds suffice
            w_open, at = solve(
                lambda x, s=scheme, d=w_des: tau_ratio(s, make(x, d), saturating, "tau_deact"),
                goals[0],
                tuple(plan["open_weight"]),
            )
            w_des, at_des = solve(
                lambda x, s=scheme, o=w_open: percent_desensitization(s, make(o, x), saturating),
                goals[2],
                tuple(plan["desensitized_weight"]),
            )
        opening[name], closing[name] = (w_open, at), (w_des, at_des)
        affinity[name] = (goals[1] / half_block(scheme, make(w_open, w_des)), "inside")
        print(f"    {name:24s} open {w_open:.3g} desensitized {w_des:.3g} kd {affinity[name][0]:.3g} uM")
    numbers = {
        "open_weight": number(opening, tuple(plan["open_weight"]), "cx614-deact-8p4"),
        "desensitized_weight": number(closing, tuple(plan["desensitized_weight"]), "cx614-jin-percent-desensitization"),
        "kd_uM": number(affinity, tuple(plan["kd_uM"]), "cx614-desens-ec50"),
    }
    o, d = numbers["open_weight"], numbers["desensitized_weight"]

    def variant(name: str, opening: float, closed: float, reason: str) -> dict:
        weights = {
            "open": [round(opening**0.5, 6), opening],
            "desensitized": [round(closed**0.5, 6), closed],
        }
        return {"name": name, "sites": 2, "weights": weights, "split": split, "speed": {"open": 0.0}, "reason": reason}

    write(
        {
            "id": "cx614",
            "kind": "operator",
            "kd": {**numbers["kd_uM"], "value": f"{numbers['kd_uM']['value']} uM"},
            "koff": assumed("1000 1/s", "no rate was read; affects only how fast the drug equilibrates"),
            "provenance": {
                "open_weight": o,
                "desensitized_weight": d,
                "sites": assumed(2, "one per dimer interface (competes with cyclothiazide)"),
            },
            "variants": [
                variant("reference", o["value"], d["value"], "median over the ensemble"),
                variant("weakest", o["interval"][0], d["interval"][1], "weak ends of the calibrated intervals"),
                variant("strongest", o["interval"][1], d["interval"][0], "strong ends of the calibrated intervals"),
            ],
            "valid_uM": [0.0, 1000.0],
            "assumed": [
                "native patches and GluR2 flop are described by one set of numbers",
                "each site contributes the square root of the full effect",
            ],
            "calibrated_on": PLAN["CX614"]["findings"],
        }
    )


def half_block(scheme: Scheme, modulator: Modulator) -> float:
    """Return the concentration (uM) at which half of the effect on the steady state is reached."""
    patch = Patch(apply_modulator(scheme, modulator))
    grid = np.geomspace(0.01, 1000.0, 21) * modulator.kd_uM
    ratio = [
        assays.desensitization(patch, Bath({modulator.ligand: float(c)}))["steady_state_ratio"].value for c in grid
    ]
    middle = 0.5 * (ratio[0] + ratio[-1])
    return math.exp(float(np.interp(middle, ratio, np.log(grid))))


def saturating_only(
    drug: str,
    plan_key: str,
    finding: str,
    build: Build,
    measure: Callable[[Scheme, Modulator], float],
    weights: Callable[[float], dict],
    name: str,
    notes: list[str],
    goal: float,
) -> None:
    """Calibrate one weight of a drug whose affinity is unknown."""
    prior = tuple(PLAN[plan_key]["prior"][name])
    fitted = number(spread(build, measure, goal, prior), prior, finding)
    low, high = fitted["interval"]
    split = {"gate": 0.0, "desensitize": 1.0}
    variants = [
        {"name": n, "sites": 1, "weights": weights(w), "split": split, "speed": {}, "reason": r}
        for n, w, r in (
            ("reference", fitted["value"], "median over the ensemble"),
            ("weakest", low, "weak end of the calibrated interval"),
            ("strongest", high, "strong end of the calibrated interval"),
        )
    ]
    write(
        {
            "id": drug,
            "kind": "operator",
            "kd": unknown_affinity("no potency was read in a trustworthy source"),
            "koff": assumed("1000 1/s", "irrelevant at saturation"),
            "provenance": {name: fitted},
            "variants": variants,
            "assumed": ["one site stands for the saturated receptor", *notes],
            "calibrated_on": [finding],
        }
    )


def thiocyanate() -> None:
    """The negative control: stabilises desensitization."""
    prior = tuple(PLAN["thiocyanate"]["prior"]["desensitized_weight"])
    goal = 1.0 / target("scn-desens-2x")

    def build(weight: float) -> Modulator:
        return Modulator("thiocyanate", 1, 3200.0, 10.0, {"desensitized": (weight,)}, {"desensitize": 1.0})

    ampa = find_action("ampa")
    assert ampa is not None

    def ratio(scheme: Scheme, modulator: Modulator) -> float:
        """Measured with 1 mM AMPA, so it is fitted with 1 mM AMPA."""
        scheme = ampa.apply(scheme)
        drugged = Patch(apply_modulator(scheme, modulator))
        bath = Bath({"thiocyanate": 1e6})
        drug = assays.desensitization(drugged, bath, concentration_uM=1000.0)["tau_des"].value
        return drug / assays.desensitization(Patch(scheme), concentration_uM=1000.0)["tau_des"].value

    fitted = number(spread(build, ratio, goal, prior), prior, "scn-desens-2x")
    low, high = fitted["interval"]
    write(
        {
            "id": "thiocyanate",
            "kind": "operator",
            "kd": {"value": "3.2 mM", "status": "read", "source": "arai1995: EC50 taken as affinity"},
            "koff": assumed("10000 1/s", "a small ion; no rate was read"),
            "provenance": {"desensitized_weight": fitted, "sites": assumed(1, "not known")},
            "variants": [
                {"name": n, "sites": 1, "weights": {"desensitized": [w]}, "split": {"desensitize": 1.0}, "reason": r}
                for n, w, r in (
                    ("reference", fitted["value"], "median over the ensemble"),
                    ("weakest", low, "weak end of the calibrated interval"),
                    ("strongest", high, "strong end of the calibrated interval"),
                )
            ],
            "valid_uM": [0.0, 30000.0],
            "assumed": ["the whole effect is on entry into desensitization"],
            "calibrated_on": ["scn-desens-2x"],
            "read_from": ["scn-ec50"],
        }
    )


def cx516() -> None:
    """One free number: open weight."""
    saturating_only(
        "cx516",
        "CX516",
        "cx516-deact-4fold",
        lambda w: Modulator("cx516", 1, 1.0, 1.0, {"open": (w,)}, {"gate": 0.0}),
        lambda s, m: tau_ratio(s, m, 1000.0, "tau_deact"),
        lambda w: {"open": [w]},
        "open_weight",
        ["no effect on desensitization itself (minor influence)"],
        target("cx516-deact-4fold"),
    )


def cx546() -> None:
    """One free number for both effects."""
    saturating_only(
        "cx546",
        "CX546",
        "cx546-250",
        lambda w: Modulator("cx546", 1, 1.0, 1.0, {"open": (w,), "desensitized": (1 / w,)}, {"gate": 0.0}),
        lambda s, m: slow_ratio(s, m, 1000.0, 20.0),
        lambda w: {"open": [w], "desensitized": [round(1 / w, 6)]},
        "weight",
        [
            "open class x w and desensitized class x 1/w: one number for both effects",
            "slow application: 1 mM glutamate, 10-90 % rise 20 ms",
        ],
        1.0 + target("cx546-250") / 100.0,  # "by 250 %"
    )


DRUGS = {
    "aniracetam": aniracetam,
    "cyclothiazide": cyclothiazide,
    "cx614": cx614,
    "cx516": cx516,
    "cx546": cx546,
    "thiocyanate": thiocyanate,
}

if __name__ == "__main__":
    PARAMETERS.mkdir(parents=True, exist_ok=True)
    for drug in sys.argv[1:] or DRUGS:
        print(drug)
        DRUGS[drug]()
