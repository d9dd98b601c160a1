"""`potentiate discriminate`: which microscopic step did the drug change, and what to record next."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from ..measures.observable import Observable
from ..units import parse_concentration
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..inference.discriminate import Binding, Discrimination
    from ..inference.mechanism_ensemble import MechanismEnsemble

#: Proposals printed.
MOST_PROPOSALS = 3


def discriminate(
    *data: Path,
    scheme: str | None = None,
    alternatives: str | None = None,
    free: str | None = None,
    sites: str | None = None,
    kd: str | None = None,
    koff: float | None = None,
    odds: float = 20.0,
    rundown: Annotated[bool, Parameter(negative="")] = False,
    loo: Annotated[bool, Parameter(negative="")] = False,
    exchange: str | None = None,
    filter: str | None = None,
    seed: int = 1,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Tell which step of a receptor a drug changed, from recordings with and without it.

    Parameters
    ----------
    data
        Tables of conditions (CSV with a column "file"), folders that hold conditions.csv, or recordings that hold
        their protocol. Control and drug sweeps of the same cells.
    scheme
        Base scheme of the library or a document file; several, separated by commas, give the verdict that they share.
    alternatives
        Steps to compare: closing, opening, desensitization entry, desensitization exit, unbinding; join with +,
        separate with commas. "no effect" always takes part. Default: each step and each pair.
    free
        Base rates that are fitted along, e.g. "closing=O->RA2"; none holds the scheme. Default: closing, entry into
        desensitization and unbinding, each kind as a whole.
    sites
        Numbers of drug sites to compare, e.g. 1,2. Default: that of the library's operator, or 1.
    kd, koff
        Of one site; default from the library. kd is fitted where several concentrations were recorded. koff in 1/ms.
    odds
        Evidence that rules an alternative out.
    rundown
        Let the amplitude of a cell run down from sweep to sweep.
    loo
        Also predict each mean sweep from the others (PSIS-LOO), for the leading alternatives; some seconds.
    exchange, filter
        10-90 % exchange time and low-pass corner, where table and files are silent.
    seed
        Of the synthetic repeats behind the errors of observables.
    out
        Folder to write; default runs/TIME_discriminate_DRUG.
    json
        Print one JSON object.
    """
    from ..inference.alternatives import parse_alternatives
    from ..inference.mechanism_ensemble import discriminate_ensemble
    from ..inference.tally import Tally
    from ..library.scheme import find_scheme, scheme_ids
    from ..units import parse
    from .fit_asked import gather, parse_free

    if not data:
        raise UsageError("No recordings", do="potentiate discriminate conditions.csv --scheme Partin1996")
    if scheme is None:
        raise UsageError("No scheme", why="the verdict is about the steps of a scheme",
                         do=f"add --scheme, e.g. one of {', '.join(scheme_ids('AMPA')[:6])} ...")  # fmt: skip
    if not odds > 1:
        raise UsageError(f"Odds of {odds:g}", where="--odds", do="more than 1, e.g. 20")
    numbers = {}
    if exchange is not None:
        numbers["exchange"] = parse(exchange, "time", where="--exchange")
    if filter is not None:
        numbers["filter"] = parse(filter, "frequency", where="--filter")
    conditions = gather(data, {}, numbers, None)
    tally = Tally.of(conditions.experiments)
    if not tally.drugs:
        raise UsageError("No sweep holds a drug", do="give sweeps with and without the drug")
    drug = tally.drugs[0]
    schemes = [find_scheme(name.strip()) for name in scheme.split(",") if name.strip()]
    assumed = list(conditions.assumed)
    binding = _binding(drug, tally, sites, kd, koff, assumed)
    rates: Any = None if free is None else () if free.strip().lower() == "none" else parse_free(free)
    placements = {s.bath.placement for s in tally.settings if s.drug}
    chosen = None
    if alternatives is not None:
        chosen = parse_alternatives(alternatives, schemes[0], binding.sites, exchange=placements != {"both"})
    found = discriminate_ensemble(
        tally, schemes, binding=binding, alternatives=chosen, free=rates, odds=odds, rundown=rundown, loo=loo,
        seed=seed,
    )  # fmt: skip
    inputs = {
        "data": [str(p) for p in data], "scheme": [s.name for s in schemes], "alternatives": alternatives,
        "free": free, "sites": list(binding.sites), "kd_uM": binding.kd_uM, "koff_per_ms": binding.koff_per_ms,
        "odds": odds, "rundown": rundown, "loo": loo,
    }  # fmt: skip
    return finish(discriminate_result(found, inputs, assumed, seed), as_json=json, out=out)


def _binding(
    drug: str, tally: Any, sites: str | None, kd: str | None, koff: float | None, assumed: list[str]
) -> Binding:
    """Return what is known of the drug's site: as told, else from the library, else assumed."""
    import numpy as np

    from ..inference.discriminate import ASSUMED_KOFF_PER_MS, Binding
    from ..library.modulator import find_action

    action = find_action(drug)
    known = action.modulator() if action is not None and action.kind == "operator" else None
    levels = [s.concentration_uM for s in tally.settings if s.drug]
    try:
        numbers = tuple(int(n) for n in sites.split(",")) if sites else (known.sites if known else 1,)
    except ValueError:
        raise UsageError(f"Cannot read the sites {sites!r}", where="--sites", do="write 1 or 1,2") from None
    if min(numbers) < 1 or max(numbers) > 4:
        raise UsageError(f"Sites {sites}", where="--sites", do="between 1 and 4")
    if koff is not None and not koff > 0:
        raise UsageError(f"koff {koff:g}", where="--koff", do="a positive number in 1/ms")
    middle = known.kd_uM if known else float(f"{np.exp(np.mean(np.log(levels))):.3g}")
    found = Binding(
        middle if kd is None else parse_concentration(kd, where="--kd"),
        koff if koff is not None else known.koff_per_ms if known else ASSUMED_KOFF_PER_MS,
        numbers,
        "told" if kd is not None and koff is not None else f"library operator of {drug}" if known else "assumed",
    )
    if not found.kd_uM > 0:
        raise UsageError("kd is zero", where="--kd")
    parts = [
        (f"{' or '.join(map(str, numbers))} site{'s' if numbers != (1,) else ''}", sites, "--sites"),
        (f"kd {found.kd_uM:g} uM", kd, "--kd"),
        (f"koff {found.koff_per_ms:g} /ms", koff, "--koff"),
    ]
    open_ones = [f"{text} ({option})" for text, told, option in parts if told is None]
    if open_ones:
        assumed.append(f"{drug}: {', '.join(open_ones)}, {'from the library' if known else 'for want of better'}")
    return found


def discriminate_result(found: MechanismEnsemble, inputs: dict[str, Any], assumed: list[str], seed: int) -> Result:
    """Return a comparison as the result of a command: table, sentence, next experiment, figure."""
    best = found.best
    rows: list[list[Any]] = []
    observables: list[dict[str, Any]] = []
    several = len(found.members) > 1
    for m in found.members:
        for e, row in zip(m.entries, m.rows(), strict=True):
            gain = None if math.isnan(e.left_out) else e.left_out
            rows.append([*([m.scheme.name] if several else []), *row[:5], gain, *row[5:]])
        observables += _observables(m)
    notes = [f"Answer   {found.sentence}."]
    for m in found.members:
        notes += [f"{m.scheme.name}: {note}" if several else note for note in m.notes]
    notes += found.notes
    if best.proposals:
        notes.append("Next experiment (control and drug in the same cell)")
        notes += [f"  {k}. {p.describe()}" for k, p in enumerate(best.proposals[:MOST_PROPOSALS], 1)]
    lines = list(dict.fromkeys(line for m in found.members for line in m.assumed))
    columns = ["alternative", "k", "AICc", "delta", "weight", "left out", "worst observable", "z", "status"]
    extra = {
        "status": found.status, "sentence": found.sentence, "names": list(found.verdict.names),
        "notes": [*found.notes, *best.notes], "inflation": {m.scheme.name: m.inflation for m in found.members},
        "ranking": [
            {"scheme": m.scheme.name, "alternative": e.name, "aicc": e.aicc, "delta": e.delta, "weight": e.weight,
             "parameters": e.contender.parameters, "status": e.status, "left_out": e.left_out,
             "left_out_se": e.left_out_se,
             "psis_loo": None if e.blocks is None else dataclasses.asdict(e.blocks), "estimates": e.contender.values,
             "worst": None if e.worst is None else {"observable": e.worst.name, "setting": e.worst.setting,
                                                    "data": e.worst.data, "predicted": e.worst.predicted,
                                                    "unit": e.worst.unit, "z": e.worst.z}}
            for m in found.members for e in m.entries
        ],
        "next": [
            {"protocol": p.candidate.describe(), "log10_odds_per_cell": p.log10_odds_per_cell, "cells": p.cells,
             "sweeps": p.sweeps, "hardest": list(p.hardest)} for p in best.proposals
        ],
    }  # fmt: skip
    return Result(
        "discriminate", best.drug, inputs, [*(["scheme"] if several else []), *columns], rows, observables,
        assumed=[*assumed, *lines], notes=notes, seed=seed, extra=extra, figure=lambda: _figure(best),
        title=f"discriminate   {best.drug}   {', '.join(m.scheme.name for m in found.members)}   "
        f"{len(best.tally.cells)} cell(s)   {len(best.tally.rows)} sweeps",
    )  # fmt: skip


def _observables(m: Discrimination) -> list[dict[str, Any]]:
    """Return the changes of an answer as observables; what was not decided has no number."""
    made = []
    conditions = {"compound": m.drug, "scheme": m.scheme.name, "alternative": m.verdict.names[0]}
    for size in m.verdict.sizes:
        ends = tuple(x if math.isfinite(x) else None for x in (size.low, size.high))
        status = "ok" if size.word == "determined" else size.word
        reason = None if status == "ok" else "the data do not bound it"
        found = Observable(f"{size.effect} rate factor", size.factor, "", status, reason, (ends[0], ends[1]),  # type: ignore[arg-type]
                           "with one site occupied; 95 % profile interval")  # fmt: skip
        made.append(found.as_dict("calibration", conditions))
    return made


def _figure(found: Discrimination) -> Figure:
    from ..show.discriminate_figure import discriminate_figure

    return discriminate_figure(found)
