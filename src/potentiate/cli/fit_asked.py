"""What `potentiate fit` is asked for, in words: free rates, effects of a drug, sharing, bounds, fixed values."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..inference.alternatives import EFFECTS

if TYPE_CHECKING:
    from ..inference.conditions import Conditions
    from ..inference.experiment import Experiment
    from ..inference.model import DrugModel, Model
    from ..kinetics.scheme import Scheme

#: Where a weight starts that is to be found: a drug that does nothing would leave its affinity without a trace.
START_WEIGHT = 2.0
#: koff of a drug without parameters: it comes and goes within milliseconds, as aniracetam and CX614 do.
START_KOFF_PER_MS = 1.0

#: Word of the bench -> (parameter of the drug, role and share of the shift that goes to the forward rate). Unbinding is
#: none: it goes with the number of agonists bound, and an operator has one weight per class of state.
WORDS = {
    name: (f"w({effect.states})", effect.role, effect.split)
    for name, effect in EFFECTS.items()
    if effect.states != "bound"
}


def parts(text: str | None) -> list[str]:
    """Return the parts of a list that is separated by semicolons."""
    return [part.strip() for part in (text or "").split(";") if part.strip()]


def parse_free(text: str | None) -> dict[str, list[str]] | tuple[()] | None:
    """Return the free rates of ``closing=O->RA2; R->RA,RA->RA2``; None (all that balance leaves) for ``all``.

    Examples
    --------
    >>> parse_free("closing=O->RA2; RA->R")
    {'closing': ['O->RA2'], 'RA->R': ['RA->R']}
    """
    if text is not None and text.strip().lower() == "all":
        return None
    found: dict[str, list[str]] = {}
    for part in parts(text):
        name, _, members = part.rpartition("=")
        listed = [m.strip() for m in members.split(",") if m.strip()]
        for key, group in [(name.strip(), listed)] if name.strip() else [(m, [m]) for m in listed]:
            if key in found:
                raise UsageError(f"{key} is freed twice", where="--free")
            found[key] = group
    return found or ()


def pairs(text: str | None, option: str) -> dict[str, str]:
    """Return name -> value of ``closing=cell; kd=drug``.

    Raises
    ------
    UsageError
        A part has no sign of equality, or a name is given twice.
    """
    found: dict[str, str] = {}
    for part in parts(text):
        name, sign, value = (p.strip() for p in part.rpartition("="))
        if not (name and sign and value):
            raise UsageError(f"Cannot read {part!r}", where=option, do="write NAME=VALUE; NAME=VALUE")
        if name in found:
            raise UsageError(f"{name} is given twice", where=option)
        found[name] = value
    return found


def positive(text: str, where: str) -> float:
    """Return a positive number.

    Raises
    ------
    UsageError
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{text!r} is not a positive number", where=where)
    return value


def build_model(
    scheme: Scheme,
    experiments: Sequence[Experiment],
    *,
    free: str | None,
    drug: str | None,
    sites: int | None,
    effects: str | None,
    variant: str | None,
    share: str | None,
    bounds: str | None,
    fix: str | None,
    assumed: list[str],
) -> Model:
    """Return the model that the options describe; what they leave open goes to `assumed`.

    Raises
    ------
    UsageError
        A name that nothing has; a drug that the data do not hold; effects that are one weight.
    """
    from ..inference.model import Model

    present = list(dict.fromkeys(d for e in experiments for s in range(len(e.baths)) if (d := e.drug(s)) is not None))
    if drug is not None:
        drug = canonical(drug)
        if drug not in present:
            raise UsageError(f"No sweep holds {drug}", why=f"drugs of the data: {', '.join(present) or 'none'}")
    if not present and (effects or sites or variant):
        raise UsageError("Effects, sites and variants belong to a drug, and no sweep holds one")
    fixed = pairs(fix, "--fix")
    scheme = _with_fixed_rates(scheme, fixed)
    drugs = {name: _drug(name, experiments, effects, sites, variant, fixed, assumed) for name in present}
    left = [name for name in fixed if "->" not in name and not any(_of_drug(name, d) for d in drugs)]
    if left:
        raise UsageError(
            f"Cannot fix {left[0]!r}", where="--fix", do="a transition A->B, or kd, koff, w(CLASS) of the drug"
        )
    model = Model(scheme, parse_free(free), drugs)
    names = [p.name for d in (*drugs, None) for p in model.rate_map(d).parameters]

    def full(name: str, option: str) -> list[str]:
        same = [n for n in dict.fromkeys(names) if n == name or any(n == f"{d} {name}" for d in drugs)]
        if not same:
            raise UnknownNameError(
                f"parameter of {option}", name, names, do=f"free are: {', '.join(dict.fromkeys(names))}"
            )
        return same

    sharing: dict[str, Any] = {n: word for name, word in pairs(share, "--share").items() for n in full(name, "--share")}
    limits = {}
    for name, text in pairs(bounds, "--bounds").items():
        low, sign, high = text.partition(":")
        if not sign:
            raise UsageError(f"Cannot read the bounds {text!r}", where="--bounds", do="write NAME=LOW:HIGH")
        for n in full(name, "--bounds"):
            limits[n] = (positive(low, "--bounds"), positive(high, "--bounds"))
    return dataclasses.replace(model, sharing=sharing, bounds=limits)


def _with_fixed_rates(scheme: Scheme, fixed: Mapping[str, str]) -> Scheme:
    """Return the scheme with some rate constants set; cycles keep their balance."""
    from ..kinetics.rate_map import free_rates

    told = {name: positive(value, "--fix") for name, value in fixed.items() if "->" in name}
    if not told:
        return scheme
    rate_map = free_rates(scheme, list(told))
    return rate_map.scheme_at(np.log([told[name] for name in told]))


def _of_drug(name: str, drug: str) -> bool:
    return re.sub(rf"^{re.escape(drug)} ", "", name) in ("kd", "koff") or bool(
        re.fullmatch(r"(w|speed)\(\w+\)", re.sub(rf"^{re.escape(drug)} ", "", name))
    )


def _drug(
    name: str, experiments: Sequence[Experiment], effects: str | None, sites: int | None, variant: str | None,
    fixed: Mapping[str, str], assumed: list[str],
) -> DrugModel:  # fmt: skip
    from ..inference.model import DrugModel
    from ..kinetics.modulator import Modulator
    from ..library.modulator import find_action

    action = find_action(name)
    if action is not None and action.kind == "operator":
        known = action.modulator(variant)
        assumed.append(f"the search for {name} starts at its library operator ({variant or action.variants[0][0]})")
    else:
        if variant:
            raise UsageError(f"{name} has no variants", where="--variant")
        known = None
    if known is None or (sites is not None and sites != known.sites):
        levels = [b.drugs_uM[name] for e in experiments for b in e.baths if b.drugs_uM.get(name, 0.0) > 0]
        kd = float(f"{np.exp(np.mean(np.log(levels))):.3g}") if known is None else known.kd_uM
        koff = START_KOFF_PER_MS if known is None else known.koff_per_ms
        known = Modulator(name, sites or 1, kd, koff)
        if sites is None:
            assumed.append(f"{name}: 1 site (--sites)")
        told = {re.sub(rf"^{re.escape(name)} ", "", key) for key in fixed}
        if "kd" not in told:
            assumed.append(f"{name}: Kd {kd:g} uM, the middle of its concentrations, unless it is free (--fix kd=...)")
        if "koff" not in told:
            assumed.append(f"{name}: koff {koff:g} /ms unless it is free (--fix koff=...)")
    free: list[str] = []
    weights, split, speed = dict(known.weights), dict(known.split), dict(known.speed)
    if effects is None:
        words = ["kd", *(f"w({c})" for c in weights)] if weights else ["kd", "closing", "desensitization entry"]
        assumed.append(f"free of {name}: {', '.join(words)} (--effects)")
    else:
        words = [] if effects.strip().lower() == "none" else [w.strip() for w in effects.split(",") if w.strip()]
    by_weight: dict[str, str] = {}
    for word in words:
        if word in WORDS:
            parameter, role, share = WORDS[word]
            if parameter in by_weight:
                raise UsageError(
                    f"{by_weight[parameter]} and {word} are one number of the operator", where="--effects",
                    why=f"{parameter}: the affinity of the state", do="compare them: potentiate discriminate",
                )  # fmt: skip
            by_weight[parameter] = word
            split[role] = share
        else:
            parameter = word
        free.append(parameter)
        if parameter.startswith("w("):
            weights.setdefault(parameter[2:-1], tuple(START_WEIGHT**m for m in range(1, known.sites + 1)))
    if len(set(free)) != len(free):
        raise UsageError("An effect is named twice", where="--effects", why=", ".join(free))
    values = {}
    for key, text in fixed.items():
        own = re.sub(rf"^{re.escape(name)} ", "", key)
        if not _of_drug(key, name):
            continue
        value = positive(text, "--fix")
        if own in free:
            raise UsageError(f"{name} {own} is both free and fixed")
        if own.startswith("w("):
            weights[own[2:-1]] = tuple(value**m for m in range(1, known.sites + 1))
        elif own.startswith("speed("):
            speed[own[6:-1]] = value
        else:
            values[{"kd": "kd_uM", "koff": "koff_per_ms"}[own]] = value
    valid = [*WORDS, "kd", "koff", "w(open)", "w(desensitized)", "w(bound)", "speed(open)", "speed(desensitized)"]
    try:
        known = dataclasses.replace(known, weights=weights, split=split, speed=speed, **values)
        return DrugModel(known, tuple(free))
    except UnknownNameError:
        wrong = next(f for f in free if f not in valid)
        raise UnknownNameError("effect", wrong, valid, do=f"one of: {', '.join(valid)}; or none") from None


def canonical(drug: str) -> str:
    """Return the library's id of a drug, or the name as it is."""
    from ..library.compound import find_compound

    try:
        return find_compound(drug).id
    except UnknownNameError:
        return drug


def with_canonical_drugs(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Return experiments whose drugs are named as in the library, where it knows them."""
    names = {d: canonical(d) for e in experiments for b in e.baths for d in b.drugs_uM}
    return [
        dataclasses.replace(
            e,
            exposure=[dataclasses.replace(b, drugs_uM={names[d]: c for d, c in b.drugs_uM.items()}) for b in e.baths],
        )
        for e in experiments
    ]


def gather(
    data: Sequence[Path], words: Mapping[str, str | None], numbers: Mapping[str, float], sweeps: str | None
) -> Conditions:
    """Return the experiments of tables, folders and single recordings."""
    from ..inference.condition_table import is_table
    from ..inference.conditions import Conditions, conditions_of, load_conditions

    experiments: list[Experiment] = []
    assumed: list[str] = []
    for path in data:
        if path.is_dir() or is_table(path):
            extra = [f"--{name}" for name in ("on", "pulse", "interval", "concentration") if name in numbers]
            extra += ["--sweeps"] if sweeps else []
            if extra:
                raise UsageError(f"{', '.join(extra)} and a table", where=str(path), do="write it into the table")
            found = load_conditions(path, numbers)
        else:
            found = conditions_of(path, words, numbers, sweeps=sweeps)
        experiments += found.experiments
        assumed += [line for line in found.assumed if line not in assumed]
    return Conditions(tuple(with_canonical_drugs(experiments)), tuple(assumed))
