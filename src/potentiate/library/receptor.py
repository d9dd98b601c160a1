"""A receptor composition resolved to a published scheme: what that scheme misses, how the pore conducts.

Nothing is integrated here: the observables of every candidate scheme are a generated table
(``receptors/observables.yaml``, written by ``calibration/receptors.py`` and recomputed by a test).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from ..errors import DataError, UnknownNameError
from ..kinetics.permeation import FractionalCalcium, PolyamineBlock
from ..kinetics.scheme import Scheme
from .composition import Composition, complete, parse_composition
from .receptor_documents import (
    CandidateDoc,
    RowDoc,
    candidates,
    model_observables,
    permeation,
    published,
    rescalings,
    rows,
)
from .scheme import find_scheme

#: The plain observables and their units, by key of the documents.
OBSERVABLES = {
    "EC50_uM": "uM",
    "tau_deact_ms": "ms",
    "tau_des_ms": "ms",
    "tau_rec_ms": "ms",
    "steady_over_peak": "",
}

#: Directions of the transition roles that a rescaling may multiply.
FACTORS = (
    "bind_forward",
    "bind_backward",
    "gate_forward",
    "gate_backward",
    "desensitize_forward",
    "desensitize_backward",
)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One observable of a scheme against its published range.

    Attributes
    ----------
    observable, unit : str
    model : float
    low, high : float
        Published range; a single published value is widened by `single_value_tolerance`.
    single_value : bool
    source : str
    """

    observable: str
    unit: str
    model: float
    low: float
    high: float
    single_value: bool
    source: str

    @property
    def outside(self) -> float:
        """Natural log of how far the model lies outside (0 inside, negative below)."""
        if self.low <= self.model <= self.high:
            return 0.0
        return math.log(self.model / (self.high if self.model > self.high else self.low))

    def __str__(self) -> str:
        around = " (one value +/- tolerance)" if self.single_value else ""
        return f"{self.observable} {self.model:.3g} against {self.low:.3g}-{self.high:.3g}{around}"


@dataclasses.dataclass(frozen=True)
class Receptor:
    """A receptor composition as the model has it.

    Attributes
    ----------
    composition : Composition
        Completed: every splice form and editing stated.
    scheme_id : str
        Library scheme; the base where `rescaling` is given.
    status : {"published", "nearest", "calibrated"}
        A scheme was published for this composition; none was, so the nearest; rescaled to the table.
    reason : str
    compared : tuple of Comparison
        Every observable with a published range.
    unjudged : tuple of str
        Observables without one.
    conductance_pS : tuple of float
        Levels of the open states, rising.
    conductance_source : str
    rectification : PolyamineBlock or None
        None with edited GluA2: no block.
    fractional_ca : FractionalCalcium
    assumed : tuple of str
    remarks : tuple of str
        Disagreements between sources that bear on this receptor.
    rescaling : tuple of (factor, value)
        Empty unless `status` is ``calibrated``.
    """

    composition: Composition
    scheme_id: str
    status: Literal["published", "nearest", "calibrated"]
    reason: str
    compared: tuple[Comparison, ...]
    unjudged: tuple[str, ...]
    conductance_pS: tuple[float, ...]
    conductance_source: str
    rectification: PolyamineBlock | None
    fractional_ca: FractionalCalcium
    assumed: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    rescaling: tuple[tuple[str, float], ...] = ()

    @property
    def missed(self) -> tuple[Comparison, ...]:
        """Observables outside the published range."""
        return tuple(c for c in self.compared if c.outside)

    def scheme(self) -> Scheme:
        """Return the scheme, rescaled where the receptor is, with the receptor's conductance levels in pS.

        Levels replace relative conductances where both have as many; otherwise the scheme keeps its own.
        """
        base = find_scheme(self.scheme_id)
        if self.rescaling:
            base = rescale(base, dict(self.rescaling), f"{base.name} rescaled to {self.composition}")
        levels = sorted({g for g in base.conductance if g > 0})
        if base.conductance_unit != "relative" or len(levels) != len(self.conductance_pS):
            return base
        absolute = dict(zip(levels, self.conductance_pS, strict=True)) | {0.0: 0.0}
        return dataclasses.replace(
            base, conductance=tuple(absolute[g] for g in base.conductance), conductance_unit="pS"
        )


def rescale(scheme: Scheme, factors: dict[str, float], name: str) -> Scheme:
    """Multiply the rates of whole roles.

    Parameters
    ----------
    scheme : Scheme
    factors : dict
        Keys of :data:`FACTORS`; ``desensitize`` also holds for the steps between desensitized states.
    name : str

    Returns
    -------
    Scheme

    Raises
    ------
    DataError
        Unknown factor, or the factors would unbalance a cycle of this scheme (open states inside a cycle).
    """
    if unknown := sorted(set(factors) - set(FACTORS)):
        raise UnknownNameError("factor of a rescaling", unknown[0], FACTORS)
    edges = []
    for e in scheme.edges:
        inner = e.role == "convert" and scheme.classes[e.source] == scheme.classes[e.target] == "desensitized"
        role = "desensitize" if inner else e.role
        forward, backward = (factors.get(f"{role}_{side}", 1.0) for side in ("forward", "backward"))
        edges.append(
            dataclasses.replace(e, forward=e.forward.scaled(forward), backward=e.backward.scaled(backward))
        )
    scaled = dataclasses.replace(scheme, name=name, edges=tuple(edges))
    before, after = ({i.edge: i.factor for i in s.imbalances(1e-9)} for s in (scheme, scaled))
    for edge in before | after:
        if abs(math.log(after.get(edge, 1.0) / before.get(edge, 1.0))) > 1e-6:
            raise DataError(
                f"Rescaling {scheme.name} by role unbalances the cycle at {edge}", do="choose another base"
            )
    return scaled


def published_row(composition: Composition) -> tuple[RowDoc | None, tuple[str, ...]]:
    """Return the row of the table for a completed composition, and what was assumed to use it.

    The most specific row that covers the composition; else one of the same subunits with another splice
    form or editing.
    """
    own = [(c, row) for c, row in rows() if c.covers(composition)]
    if own:
        return min(own, key=lambda pair: pair[0].open_choices)[1], ()
    for what in ("editing", "splice"):

        def without(c: Composition, what: str = what) -> Composition:
            fields = {"editing": ""} if what == "editing" else {"editing": "", "splice": ""}
            return dataclasses.replace(
                c, subunits=tuple(dataclasses.replace(s, **fields) for s in c.subunits)
            )

        for c, row in rows():
            if without(c) == without(composition):
                return row, (f"observables judged by the row of {c}: the table has none for this {what}",)
    return None, ()


def published_range(row: RowDoc, observable: str) -> tuple[float, float, bool] | None:
    """Return (low, high, is a single value) of one observable of a row, or None."""
    values = getattr(row, observable)
    if values is None:
        return None
    if len(values) == 2:
        return values[0], values[1], False
    tolerance = published().single_value_tolerance
    return values[0] * (1 - tolerance), values[0] * (1 + tolerance), True


def compare(values: dict[str, float], row: RowDoc) -> tuple[Comparison, ...]:
    """Compare model observables with a row of the table."""
    found = []
    for observable, unit in OBSERVABLES.items():
        limits = published_range(row, observable)
        if limits is not None and observable in values:
            found.append(Comparison(observable, unit, values[observable], *limits, row.source))
    return tuple(found)


def distance(compared: tuple[Comparison, ...]) -> float:
    """Root mean square of the natural log by which each observable lies outside its range; 0: all inside."""
    return math.sqrt(sum(c.outside**2 for c in compared) / len(compared)) if compared else math.nan


def resolve(text: str, *, rescaled: bool = False) -> Receptor:
    """Resolve a composition.

    Parameters
    ----------
    text : str
        See :func:`potentiate.library.composition.parse_composition`.
    rescaled : bool
        Prefer a rescaling calibrated on the table where there is one.

    Returns
    -------
    Receptor

    Raises
    ------
    UnknownNameError, UsageError
        The text is not a receptor.
    """
    composition, assumed = complete(parse_composition(text))
    row, more = published_row(composition)
    assumed += more
    scored = []
    for candidate in candidates():
        compared = compare(model_observables()[candidate.scheme], row) if row else ()
        missed = sum(1 for c in compared if c.outside)
        scored.append((missed, distance(compared) if compared else 0.0, candidate, compared))
    scored.sort(key=lambda entry: entry[:2])
    own = [s for s in scored if s[2].composition and parse_composition(s[2].composition).covers(composition)]
    factors: tuple[tuple[str, float], ...] = ()
    if own:
        status, pool = "published", own
        why = f"published for {own[0][2].composition}: {own[0][2].why}"
    else:
        status = "nearest"
        pool, why, more = _nearest(composition, scored, row)
        assumed += more
    _, _, candidate, compared = pool[0]
    if len(pool) > 1 and row:
        why += f"; next: {pool[1][2].scheme} (misses {pool[1][0]} of {len(pool[1][3])})"
    if rescaled and str(composition) in rescalings():
        doc = rescalings()[str(composition)]
        candidate = next(c for c in candidates() if c.scheme == doc.base)
        status, factors = "calibrated", tuple(doc.factors.items())
        compared = compare(doc.values, row) if row else ()
        why = f"{doc.title}: factors by role on {doc.base}, calibrated on the table ({doc.source})"
    if candidate.caveat:
        assumed += (f"{candidate.scheme}: {candidate.caveat}",)
    judged = {c.observable for c in compared}
    levels, source = _conductance(candidate)
    if "assumed" in source:
        assumed += (f"conductance levels {source}",)
    if not composition.calcium_permeable and len(composition.subunits) == 1:
        assumed += ("homomeric edited GluA2 passes little current; its conductance is that of the scheme",)
    block, calcium, notes = _pore(composition)
    return Receptor(
        composition, candidate.scheme, status, why, compared,  # type: ignore[arg-type]
        tuple(o for o in OBSERVABLES if o not in judged), levels, source, block, calcium, assumed,
        (*(row.remarks if row else ()), *notes), factors,
    )  # fmt: skip


def _nearest(composition: Composition, scored: list, row: RowDoc | None) -> tuple[list, str, tuple[str, ...]]:
    """Choose where no scheme was published for the composition."""
    if composition.auxiliaries:
        shares = [
            s for s in scored
            if s[2].composition
            and set(parse_composition(s[2].composition).auxiliaries) & set(composition.auxiliaries)
        ]  # fmt: skip
        if shares:
            return (
                shares,
                (
                    f"no scheme was published for {composition}; {shares[0][2].scheme} "
                    f"({shares[0][2].composition}) is the "
                    "only one with this auxiliary subunit, and the table has no rows with one"
                ),
                ("subunits other than those of the scheme change its rates by an unknown factor",),
            )
        bare = dataclasses.replace(composition, auxiliaries=())
        inner = resolve(str(bare))
        pool = [s for s in scored if s[2].scheme == inner.scheme_id]
        return (
            pool,
            f"no scheme was published with {', '.join(composition.auxiliaries)}; without it: {inner.reason}",
            (
                f"{', '.join(composition.auxiliaries)} left out: its effect is not in the scheme, and "
                "nothing was compared",
            ),
        )
    if row:
        pool = [
            s for s in scored if not (s[2].composition and parse_composition(s[2].composition).auxiliaries)
        ]
        pool.sort(key=lambda s: (round(s[1], 3), not _shares(s[2], composition), s[0]))
        best = pool[0]
        return (
            pool,
            (
                f"no scheme was published for {composition}; of {len(pool)} schemes {best[2].scheme} "
                f"({best[2].why}) lies "
                f"nearest to the table (misses {best[0]} of {len(best[3])}, on average by "
                f"x{math.exp(best[1]):.2f})"
            ),
            (),
        )
    shared = [s for s in scored if _shares(s[2], composition)] or [s for s in scored if s[2].composition]
    return (
        shared,
        (
            f"no scheme and no observables were published for {composition}; {shared[0][2].scheme} was "
            "published for "
            f"{shared[0][2].composition}"
        ),
        ("nothing was compared: the table has no row for these subunits",),
    )


def _shares(candidate: CandidateDoc, composition: Composition) -> bool:
    """Whether a scheme was published for one of the subunits, without auxiliary subunits."""
    own = parse_composition(candidate.composition) if candidate.composition else None
    return own is not None and not own.auxiliaries and bool(set(own.numbers) & set(composition.numbers))


def _conductance(candidate: CandidateDoc) -> tuple[tuple[float, ...], str]:
    scheme = find_scheme(candidate.scheme)
    if scheme.conductance_unit == "pS":
        return tuple(sorted({g for g in scheme.conductance if g > 0})), candidate.conductance
    if candidate.levels_pS is None:
        raise DataError(f"Scheme {scheme.name} gives relative conductances and candidates.yaml no levels_pS")
    return tuple(candidate.levels_pS), candidate.conductance


def _pore(composition: Composition) -> tuple[PolyamineBlock | None, FractionalCalcium, tuple[str, ...]]:
    doc = permeation()
    if not composition.calcium_permeable:
        return (
            None,
            FractionalCalcium(doc.calcium.edited, doc.calcium.contested, doc.calcium.edited_source),
            (),
        )
    p = doc.polyamine
    block = PolyamineBlock(
        p.blocker_uM, p.kd0_uM, p.zd, p.thermal_mV, p.outward, p.outward_mid_mV,
        p.outward_slope_mV,
    )  # fmt: skip
    return (
        block,
        FractionalCalcium(doc.calcium.lacking, doc.calcium.contested, doc.calcium.lacking_source),
        tuple(p.remarks),
    )
