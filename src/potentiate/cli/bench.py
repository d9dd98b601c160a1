"""What `potentiate patch` is told about the bench, resolved: drug, scheme, rig. Whatever it assumes it says."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..library.compound import cautions, find_compound
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme, scheme_document, scheme_ids
from ..measures.observable import Observable
from ..units import parse, parse_concentration, show_concentration

if TYPE_CHECKING:
    from ..kinetics.permeation import PolyamineBlock
    from ..kinetics.scheme import Scheme
    from ..preparations.patch import Rig

#: The scheme that drug effects are shown on unless another is named: nearest to GluA1 data of those with a source that
#: was read; verdicts never rest on it alone.
DEFAULT_SCHEME = "Rodrigues2023"


def resolve_drug(
    compound: str | None, conc: list[str] | None, assumed: list[str]
) -> tuple[str | None, Action | None, list[float]]:
    """Resolve a drug and its concentrations; everything that a bench would warn about goes to `assumed`."""
    if compound is None:
        if conc:
            raise UsageError("A concentration needs a drug", do="potentiate patch aniracetam --conc 5mM")
        return None, None, []
    entity = find_compound(compound)
    entity.require_pharmacology()
    action = find_action(entity.id)
    if action is None or action.kind == "agonist":
        raise UsageError(
            f"{entity.name} has no parameters for AMPA-receptor schemes",
            why="no source gives its effect on receptor kinetics" if action is None else "it is an agonist here",
            do=f"potentiate compound {entity.id}" if action is None else f"--agonist {entity.id}",
        )
    if conc is None:
        conc = ["saturating"] if action.saturating_only else [
            show_concentration(float(f"{f * action.kd_uM:.2g}")) for f in (0.1, 0.3, 1.0, 3.0, 10.0)
        ]
        assumed.append(f"no concentration given: {', '.join(conc)}")
    texts = [part.strip() for text in conc for part in text.split(",") if part.strip()]
    doses = []
    for text in texts:
        if text != "saturating":
            parse_concentration(text, where="--conc")
        dose = action.concentration_uM(text)
        doses.append(dose)
        valid = action.document.valid_uM
        if valid and text != "saturating" and not valid[0] <= dose <= valid[1]:
            assumed.append(
                f"{text} is outside the range of the parameters ({show_concentration(valid[0])} to "
                f"{show_concentration(valid[1])}): extrapolated"
            )
    assumed += [] if action.saturating_only else cautions(entity, max(doses, default=0.0))
    return entity.id, action, doses


def resolve_scheme(
    scheme: str | None, receptor: str | None, assumed: list[str]
) -> tuple[Scheme, str, PolyamineBlock | None]:
    """Return the scheme of a name, a file or a receptor composition, its id, and the block of its pore."""
    if scheme and receptor:
        raise UsageError("Give a scheme or a receptor, not both")
    if receptor:
        from ..library.receptor import resolve

        found = resolve(receptor)
        assumed.append(f"{receptor}: {found.reason}")
        assumed += [f"misses {miss}" for miss in found.missed]
        levels = ", ".join(f"{g:g}" for g in found.conductance_pS)
        assumed.append(f"conductance levels {levels} pS ({found.conductance_source})")
        block = found.rectification
        assumed.append(
            f"polyamine block: conductance at +40 over -60 mV {block.rectification_index():.2g}"
            if block is not None
            else "no polyamine block: edited GluA2"
        )
        assumed.append(f"calcium carries {100 * found.fractional_ca.fraction:g} % of the current")
        assumed += [*found.assumed, *found.remarks]
        return found.scheme(), found.scheme_id, block
    if scheme is None:
        assumed.append(f"scheme {DEFAULT_SCHEME} (no scheme or receptor given); effects depend on the scheme")
    base = find_scheme(scheme or DEFAULT_SCHEME)
    return base, base.name, None


def resolve_rig(
    typical: bool,
    exchange: str | None,
    filter: str | None,
    noise: str | None,
    series: str | None,
    leak: str | None,
    rundown: float,
    assumed: list[str],
) -> Rig:
    """Return the rig of the options; values that are not given are those of a typical rig."""
    from ..preparations.patch import IDEAL, TYPICAL_RIG

    given = [exchange, filter, noise, series]
    if not 0 <= rundown < 1:
        raise UsageError(f"Run-down of {rundown:g} per sweep", do="give a fraction from 0 to below 1")
    if not typical and not any((*given, leak, rundown)):
        return IDEAL
    bench = TYPICAL_RIG if typical or any(given) else IDEAL
    changes: dict[str, float] = {"rundown_per_sweep": rundown}
    if leak:
        changes["leak_nS"] = parse(leak, "conductance", where="--leak")
    if exchange:
        changes["exchange_10_90_ms"] = positive(exchange, "time", "--exchange")
    if filter:
        changes["filter_kHz"] = positive(filter, "frequency", "--filter")
    if noise:
        changes["noise_pA"] = parse(noise, "current", where="--noise")
    if series:
        changes["series_GOhm"] = parse(series, "resistance", where="--series")
    bench = dataclasses.replace(bench, **changes)
    filtered = f"{bench.filter_kHz:g} kHz {bench.filter_kind}" if bench.filter_kHz else "none"
    assumed.append(
        f"rig: exchange 10-90 % {bench.exchange_10_90_ms:g} ms, filter {filtered}, "
        f"series {bench.series_GOhm * 1000:g} MOhm, leak {bench.leak_nS:g} nS, run-down {bench.rundown_per_sweep:g} "
        f"per sweep, noise {bench.noise_pA:g} pA before the filter"
    )
    return bench


def positive(text: str, dimension: str, where: str) -> float:
    """Parse a quantity that must be above zero."""
    value = parse(text, dimension, where=where)
    if value <= 0:
        raise UsageError(f"{text!r} is not positive", where=where)
    return value


def scheme_title(scheme_id: str) -> str:
    """Return the title of a scheme of the library."""
    if scheme_id not in scheme_ids():
        return "from a file"
    document, correction = scheme_document(scheme_id)
    return correction.title if correction else document.title


def references(scheme_id: str, entity: str | None) -> list[str]:
    """Return the bibliography keys behind a scheme, a compound and its operator."""
    from ..library.references import references_of_modulator, references_of_scheme

    keys = references_of_scheme(scheme_id) if scheme_id in scheme_ids() else []
    if entity is not None:
        keys += references_of_modulator(entity) + sorted(find_compound(entity).sources())
    return list(dict.fromkeys(keys))


def number(observable: Observable | None) -> float:
    """Return the value of an observable for a table; NaN where there is none."""
    return observable.value if observable is not None else math.nan
