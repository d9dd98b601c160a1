"""`potentiate compound`: what is on record about one compound, or the list of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UsageError
from ..library.compound import IDENTITY, Compound, all_compounds, find_compound
from ..library.compound_parts import Parameter as Number
from ..library.finding import NoExperiment, findings_of
from ..library.modulator import NumberDoc, find_action, modulator_ids
from ..library.references import references_of_modulator
from ..units import show_concentration
from .output import Result, cell, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["compound", "extract", "class", "product", "mixture"]
Row = tuple[str, str, str, str]


def compound(
    *names: str,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    kind: Kind | None = None,
    table: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show what is on record about a compound: identity, actions, parameters, status, findings.

    Parameters
    ----------
    names
        Id, name, synonym or CAS number; with --table several, classes and stacks too.
    list_
        List all compounds instead.
    kind
        With --list: only this kind.
    table
        Approach, mechanism, human evidence, status, adverse effects and trials of all names in one table.
    json
        Print one JSON object.
    """
    if list_ or not names:
        if names or not list_:
            what = "Give a name or --list, not both" if names else "No compound named"
            raise UsageError(what, do="for example: potentiate compound aniracetam, or potentiate compound --list")
        return finish(_listing(kind), as_json=json, files=False)
    if kind is not None:
        raise UsageError("--kind goes with --list", do="for example: potentiate compound --list --kind extract")
    if table:
        return finish(_approaches(names), as_json=json, files=False)
    if len(names) != 1:
        raise UsageError(
            f"{len(names)} names",
            why=", ".join(names),
            do="name one compound, or ask for one table of all with --table",
        )
    return finish(_card(find_compound(names[0])), as_json=json, files=False)


def _approaches(names: Sequence[str]) -> Result:
    """Return the table of source 000 for any set."""
    import dataclasses

    from ..evidence.approach_table import approach_table, by_indication

    found = approach_table(names)
    rows = [[a.name, a.mechanism, a.evidence, a.status, a.adverse] for a in found]
    notes = ["indication x result (efficacy; registered trials without results included):"]
    notes += [f"{a.name}   {who}   {results}   [{ids}]" for a in found for who, results, ids in by_indication(a)]
    return Result(
        "compound", "table", {"names": list(names)},
        ["approach", "mechanism", "human evidence", "status", "adverse effects"], rows, title=f"{len(rows)} approaches",
        notes=notes,
        extra={"approaches": [dataclasses.asdict(a) for a in found]},
    )  # fmt: skip


def _listing(kind: str | None) -> Result:
    chosen = [c for c in all_compounds() if kind is None or c.kind == kind]
    acting = set(modulator_ids())
    rows = []
    for c in chosen:
        action = find_action(c.id) if c.id in acting else None
        rows.append([c.id, c.name, c.kind, c.cas, len(c.actions), None if action is None else action.kind])
    notes = ["AMPA receptor: the kind of parameters that a run can use; a dash where there are none."]
    return Result(
        "compound", "list", {"kind": kind}, ["id", "name", "kind", "CAS", "actions", "AMPA receptor"], rows,
        title=f"{len(rows)} compounds", notes=notes,
        extra={"compounds": [{"id": c.id, "name": c.name, "kind": c.kind} for c in chosen]},
    )  # fmt: skip


def _card(c: Compound) -> Result:
    findings, works = _findings(c.id), sorted(c.sources() | set(references_of_modulator(c.id)))
    rows = [*_identity(c), *_actions(c), *_receptor(c.id), *_handling(c), *findings[0]]
    notes = [f"{c.name}: nothing is predicted, because no pharmacology is on record."] if c.no_pharmacology else []
    notes += [f"Remark  {text}" for text in c.remarks]
    action = find_action(c.id)
    extra = {
        "compound": c.model_dump(mode="json", exclude_defaults=True),
        "ampa_receptor": None if action is None else action.document.model_dump(mode="json", exclude_none=True),
        "counts": findings[1],
        "references": works,
    }
    return Result(
        "compound", c.id, {"compound": c.id}, ["about", "what", "value", "source"], rows,
        title=f"{c.name}   {c.kind}   id {c.id}", notes=notes, extra=extra,
    )  # fmt: skip


def _identity(c: Compound) -> list[Row]:
    rows: list[Row] = []
    if c.synonyms:
        rows.append(("identity", "synonyms", ", ".join(c.synonyms), ""))
    for field in IDENTITY:
        value = getattr(c, field)
        if value is not None:
            text = f"{value:.2f} g/mol" if field == "molar_mass" else str(value)
            rows.append(("identity", field.replace("_", " "), text, c.identity_sources.get(field, "")))
    rows += [("identity", field.replace("_", " "), f"unknown: {why}", "") for field, why in c.unknown.items()]
    if c.no_pharmacology is not None:
        rows.append(("pharmacology", "none on record", c.no_pharmacology, ""))
    if c.substitution is not None:
        by = ", ".join(c.substitution.named_by)
        rows.append(("name", f"stands for {c.substitution.text_is_about}", c.substitution.text, by))
    if c.parent is not None:
        rows.append(("metabolism", "metabolite of", c.parent, ""))
    if c.metabolites:
        rows.append(("metabolism", "metabolites", ", ".join(c.metabolites), ""))
    for part in c.constituents:
        amount = f"{part.amount_mg:g} mg" if part.amount_mg is not None else f"amount unknown: {part.unknown or '-'}"
        rows.append(("constituent", part.compound, amount, part.source))
    return rows


def _actions(c: Compound) -> list[Row]:
    rows: list[Row] = []
    for action in c.actions:
        what = f"{action.kind}, {action.direction} ({action.evidence})"
        rows.append((str(action.target), what, action.effect, ", ".join(action.sources)))
        rows += [("", *_number(p)) for p in action.parameters]
        if action.unknown is not None:
            rows.append(("", "parameters", f"unknown: {action.unknown}", ""))
    for species, pk in c.pharmacokinetics.items():
        rows += [(f"PK {species}", *_number(p)) for p in pk.parameters]
        if pk.unknown is not None:
            rows.append((f"PK {species}", "parameters", f"unknown: {pk.unknown}", ""))
    return rows


def _number(p: Number) -> tuple[str, str, str]:
    what = f"{p.quantity} of {p.of}" if p.of else p.quantity
    if p.value is None:
        return what, f"unknown: {p.unknown}", p.source or ""
    text = " ".join(filter(None, [_value(p.value, p.unit or ""), p.uncertainty]))
    said = [p.conditions, None if p.status == "reported" else f"{p.status}: {p.reason}"]
    source = f"{p.source or 'assumed'}{' (secondary)' if p.secondary else ''}"
    return what, "; ".join(filter(None, [text, *said])), source


def _value(value: float | tuple[float, float], unit: str) -> str:
    unit = "" if unit == "1" else f" {unit}"
    ends = value if isinstance(value, tuple) else (value,)
    return " to ".join(f"{v:g}" for v in ends) + unit


def _receptor(compound_id: str) -> list[Row]:
    """Parameters on AMPA-receptor schemes, each with prior, interval and word together."""
    action = find_action(compound_id)
    about = "AMPA parameters"
    if action is None:
        return [(about, "none", "no operator, competitor or agonist parameters: patch and membrane refuse it", "")]
    doc = action.document
    variants = ", ".join(name for name, _ in action.variants)
    rows: list[Row] = [(about, doc.kind, f"variants: {variants}" if variants else "one set", "")]
    named = {"Kd": doc.kd, "koff": doc.koff, "affinity": doc.affinity, "efficacy": doc.efficacy, **doc.provenance}
    rows += [(about, key.replace("_", " "), _status(n), n.source or "") for key, n in named.items() if n is not None]
    if doc.valid_uM is not None:
        low, high = map(show_concentration, doc.valid_uM)
        rows.append((about, "valid", f"{low} to {high}", ""))
    return rows + [(about, "assumed", text, "") for text in doc.assumed]


def _status(n: NumberDoc) -> str:
    parts = [cell(n.value), n.status]
    if n.interval is not None:
        parts.append(f"interval {n.interval[0]:.4g} to {n.interval[1]:.4g}")
    if n.prior is not None:
        parts.append(f"prior {n.prior[0]:.4g} to {n.prior[1]:.4g}")
    return "; ".join(filter(None, [*parts, n.word, n.reason]))


def _handling(c: Compound) -> list[Row]:
    rows: list[Row] = []
    for s in c.solubility:
        text = "; ".join(filter(None, [_value(s.value, s.unit), s.conditions, s.reason]))
        rows.append(("solubility", s.solvent, text, s.source))
    rows += [("vehicle", "", v.text, v.source) for v in c.vehicle]
    for caution in c.cautions:
        text = f"{caution.text} ({caution.status}{': ' + caution.reason if caution.reason else ''})"
        what = f"{caution.subject} above {show_concentration(caution.above_uM)}"
        rows.append(("caution", what, text, ", ".join(caution.sources)))
    return rows + [("status", s.where, s.text, s.source) for s in c.status]


def _findings(compound_id: str) -> tuple[Sequence[Row], list[dict[str, Any]]]:
    counts: dict[tuple[str, str], list[int]] = {}
    for finding in findings_of(compound_id):
        entry = counts.setdefault((finding.level, finding.role), [0, 0])
        entry[0] += 1
        entry[1] += not isinstance(finding.experiment, NoExperiment)
    rows = [
        ("findings", f"{level}, {role}", f"{n} ({simulable} simulable)", "")
        for (level, role), (n, simulable) in sorted(counts.items())
    ]
    table = [{"level": k[0], "role": k[1], "n": v[0], "simulable": v[1]} for k, v in sorted(counts.items())]
    return rows or [("findings", "", "none on record", "")], table
