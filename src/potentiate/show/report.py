"""One document from runs: what was asked, of what model, what came out, how it agrees, and what it cannot tell."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import UnknownNameError
from ..library.compound import find_compound
from ..library.references import Reference
from .agreement_svg import agreement_svg, comparable
from .html import Markup, items, join, plain, table, tag
from .page import page
from .run_folder import RunFolder
from .svg_inline import inline_svg

#: Findings of these verdicts stand first.
ORDER = ("fail", "near", "not explained", "pass", "calibration", "not run", "not simulable")
#: So many rows of a table are shown; the rest is counted, and named with its file.
LONGEST = 400
#: So many reasons why findings are not simulated are listed among the limits.
LISTED = 40

#: What the words before a number mean.
LABELS = {
    "prediction": "no data constrain this number",
    "model": "computed from numbers that were read",
    "calibration": "data were used to set it, so agreement is no test",
    "data": "measured",
}

_STANDING = (
    "What the model leaves out cannot show. A number without an interval has no stated uncertainty, not none.",
    "A simulation is no measurement, and nothing here is advice on taking anything.",
)


@dataclasses.dataclass(frozen=True)
class Bibliography:
    """The works that runs rest on, and the texts that name none of the library."""

    entries: Sequence[Reference]
    unlisted: Sequence[str]


def report(
    runs: Sequence[RunFolder], bibliography: Bibliography, *, title: str | None = None, question: str | None = None
) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    runs : sequence of RunFolder
    bibliography : Bibliography
    title, question : str, optional
        In the reader's words; by default the commands of the runs.

    Raises
    ------
    DataError
        A figure is no SVG.
    """
    names = list(dict.fromkeys(run.about for run in runs))
    title = title or "Report: " + "; ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    sections = [
        ("question", "Question", join([tag("p", question) if question else "", _each(runs, _question)])),
        ("model", "Model card", _each(runs, _model_card)),
        ("protocol", "Protocol", _each(runs, _protocol)),
        ("assumed", "Assumed", _each(runs, _assumed)),
        ("results", "Results", _each(runs, _results)),
        ("figures", "Figures", _each(runs, _figure)),
        ("agreement", "Agreement with the literature", _each(runs, _agreement)),
        ("limits", "What this cannot tell", join([items(_STANDING), _each(runs, _limits)])),
        ("numbers", "Every number", _each(runs, _every_number)),
        ("provenance", "Provenance", _each(runs, _provenance)),
        ("bibliography", "Bibliography", _bibliography(bibliography)),
    ]
    return page(title, _lead(runs), sections)


def _lead(runs: Sequence[RunFolder]) -> str:
    """Return the report in two sentences."""
    words = "One run" if len(runs) == 1 else f"{len(runs)} runs"
    said = f"{words} of potentiate: {'; '.join(run.about for run in runs)}."
    counts = _counts([f for run in runs for f in run.parts("findings")])
    doubtful = sum(o.get("status") not in ("ok", None) for run in runs for o in run.parts("observables"))
    if counts:
        said += f" Against the literature: {_counted(counts)}."
    total = sum(len(run.parts("observables")) for run in runs)
    return said + f" {total} numbers, {doubtful or 'none'} of them with a reservation."


def _counts(findings: Iterable[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for finding in findings:
        word = str(finding.get("verdict"))
        found[word] = found.get(word, 0) + 1
    return {word: found[word] for word in [*ORDER, *sorted(set(found) - set(ORDER))] if word in found}


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {n}" for word, n in counts.items())


def _each(runs: Sequence[RunFolder], content: Any) -> Markup:
    """Return the content of every run, under its own heading where there are several."""
    if len(runs) == 1:
        return content(runs[0], 1)
    return join(join([tag("h3", f"{i}. {run.about}"), content(run, i)]) for i, run in enumerate(runs, start=1))


def _question(run: RunFolder, _: int) -> Markup:
    inputs = run.body["inputs"]
    about = next((inputs[key] for key in ("compound", "stack", "drug") if inputs.get(key)), None)
    asks = _QUESTIONS.get(run.verb)
    return tag("p", f"{asks} ({plain(about)})" if asks and about else asks or "As the command says.")


_QUESTIONS = {
    "run": "What does the model say of everything that was published on this compound, and does it agree?",
    "patch": "What does the drug do to the kinetics of receptors in a patch?",
    "synapse": "What does the drug do to synaptic responses?",
    "slice": "What does the drug do to field potentials and their plasticity in a slice?",
    "membrane": "What does the drug do to binding in membranes?",
    "dose": "What concentration is there when, and can it act?",
    "stack": "What does the combination do, meet and promise, and what is known of it?",
    "validate": "Does the model agree with what was published?",
    "evidence": "What is on record?",
    "claim": "What is on record about this claim?",
    "measure": "What do these recordings show?",
    "fit": "Which numbers of the model do these recordings determine?",
    "discriminate": "Which step of the receptor did the drug change?",
}


def _model_card(run: RunFolder, _: int) -> Markup:
    inputs, body = run.body["inputs"], run.body
    rows: list[list[Any]] = [["program", f"potentiate {body['potentiate']}"]]
    names = [inputs.get(key) for key in ("compound", "drug", "stack") if inputs.get(key)]
    for name in names:
        rows += _identity(str(name))
    conditions = [o["conditions"] for o in run.parts("observables") if isinstance(o.get("conditions"), dict)]
    for key, word in (("scheme", "receptor schemes"), ("preparation", "preparations"), ("species", "species")):
        found = [inputs.get(key), *(c.get(key) for c in conditions)]
        shown = list(dict.fromkeys(plain(v) for v in found if v))
        if shown:
            rows.append([word, ", ".join(shown)])
    labels = _labels(run)
    for word, n in labels.items():
        rows.append([f"numbers called {word}", f"{n}: {LABELS.get(word, 'as the program calls them')}"])
    rows.append(["random seed", "none was drawn" if body.get("seed") is None else body["seed"]])
    return table(["what", "which"], rows, caption=f"Model of {run.about}")


def _labels(run: RunFolder) -> dict[str, int]:
    found: dict[str, int] = {}
    for o in run.parts("observables"):
        word = str(o.get("label"))
        found[word] = found.get(word, 0) + 1
    return found


def _identity(name: str) -> list[list[Any]]:
    """Return what the library knows of a compound; nothing where the name is none of its own."""
    try:
        compound = find_compound(name)
    except UnknownNameError:
        return [["about", name]]
    rows: list[list[Any]] = [["compound", f"{compound.name} ({compound.kind})"]]
    told = {"CAS number": compound.cas, "InChIKey": compound.inchikey, "molar mass (g/mol)": compound.molar_mass}
    return rows + [[f"{compound.name}: {key}", value] for key, value in told.items() if value]


def _protocol(run: RunFolder, _: int) -> Markup:
    given = {key: value for key, value in run.body["inputs"].items() if value not in (None, {}, [], "")}
    if not given:
        return tag("p", "Nothing.")
    rows = [[key.replace("_", " "), value] for key, value in given.items()]
    return table(["asked for", "value"], rows, caption=f"What was asked of {run.verb}")


def _assumed(run: RunFolder, _: int) -> Markup:
    return items(run.body["assumed"], none="Nothing that the run was not told.")


def _results(run: RunFolder, i: int) -> Markup:
    return _long(run.columns, run.rows, f"Table {i}a. {run.about}", f"table-{i}", "table.csv")


def _every_number(run: RunFolder, i: int) -> Markup:
    observables = run.parts("observables")
    if not observables:
        return tag("p", "This run has no numbers beside its table.")
    common = _common(observables)
    columns = ["quantity", "value", "unit", "interval", "status", "kind", "conditions"]
    rows = [
        [o["id"], o.get("value"), o.get("unit") or "", _interval(o.get("interval")), _status(o), o.get("label"),
         _conditions(o.get("conditions"), common)]
        for o in observables
    ]  # fmt: skip
    said = tag("p", f"The same for all: {plain(common)}.") if common else ""
    return join([said, _long(columns, rows, f"Table {i}b. Numbers, units, status", f"numbers-{i}", "results.json")])


def _common(observables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the conditions that all numbers share."""
    given = [o["conditions"] if isinstance(o.get("conditions"), dict) else {} for o in observables]
    return {k: v for k, v in given[0].items() if v is not None and all(k in g and g[k] == v for g in given)}


def _long(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str, id: str, file: str) -> Markup:
    short = [[_short_number(cell) for cell in row] for row in rows[:LONGEST]]
    made = table(columns, short, caption=caption, id=id)
    rest = len(rows) - LONGEST
    return join([made, tag("p", f"{rest} more rows are in {file}.", class_="muted")]) if rest > 0 else made


def _short_number(cell: Any) -> Any:
    """Return a number that came as text with four digits."""
    if not isinstance(cell, str) or "." not in cell:
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell


def _interval(value: Any) -> str:
    if not isinstance(value, list) or len(value) != 2:
        return ""
    ends = ["not bounded" if end is None else plain(end) for end in value]
    return f"{ends[0]} to {ends[1]}"


def _status(observable: dict[str, Any]) -> str:
    status, reason = observable.get("status"), observable.get("reason")
    return f"{plain(status)}: {plain(reason)}" if reason else plain(status)


def _conditions(value: Any, leave_out: Iterable[str] = ()) -> str:
    if not isinstance(value, dict):
        return ""
    left = {k: v for k, v in value.items() if v is not None and k not in leave_out}
    return plain(left) if left else ""


def _figure(run: RunFolder, i: int) -> Markup:
    if run.figure is None:
        return tag("p", "This run has no figure.")
    where, table_a = f"{run.name}/figure.svg", f"Table {i}a"
    first = _drawing(run.figure, f"{i}", where, run.about, summary(run), f"#table-{i}", table_a)
    behind = (f"#table-{i}", table_a)
    for key, id, letter in (("findings", "agreement", "c"), ("observables", "numbers", "b")):
        if run.parts(key):
            behind = (f"#{id}-{i}", f"Table {i}{letter}")
    further = [
        _drawing(svg, f"{i}.{k}", f"{run.name}/{name}.svg", f"{run.about}: {name}",
                 f"The {name.replace('_', ' ')} of the same run.", *behind)
        for k, (name, svg) in enumerate(run.drawings.items(), start=1)
    ]  # fmt: skip
    return join([first, *further])


def _drawing(svg: str, number: str, where: str, title: str, said: str, target: str, behind: str) -> Markup:
    drawn = inline_svg(svg, prefix=f"figure-{number.replace('.', '-')}", title=title, summary=said, where=where)
    link = tag("a", behind, href=target)
    caption = tag("figcaption", tag("strong", f"Figure {number}. "), said, " The numbers behind it: ", link, ".")
    return tag("figure", Markup(drawn), caption)


def summary(run: RunFolder) -> str:
    """Return what a figure shows in words, from the table behind it: how far every number goes, from row to row."""
    if not run.rows:
        return f"{run.about}: the table has no rows."
    first, last = run.rows[0][0], run.rows[-1][0]
    span = f"one row ({first})" if len(run.rows) == 1 else f"{len(run.rows)} rows, from {first} to {last}"
    said = []
    for k, name in enumerate(run.columns[1:], start=1):
        values = _numbers([row[k] for row in run.rows])
        if len(values) > 1:
            low, high = min(values), max(values)
            said.append(f"{name} {low:.3g} throughout" if low == high else f"{name} {low:.3g} to {high:.3g}")
        elif values:
            said.append(f"{name} {values[0]:.3g}")
    counts = _counts(run.parts("findings"))
    tail = f" Findings: {_counted(counts)}." if counts else ""
    return f"{run.about}: {span}" + (f"; {'; '.join(said)}." if said else ".") + tail


def _numbers(cells: Iterable[str]) -> list[float]:
    found = []
    for cell in cells:
        try:
            found.append(float(cell))
        except ValueError:
            continue
    return [v for v in found if v == v]


def _agreement(run: RunFolder, i: int) -> Markup:
    findings = sorted(run.parts("findings"), key=_failures_first)
    if not findings:
        return tag("p", "This run compares nothing with published values.")
    counts = _counts(findings)
    parts = [tag("p", _counted(counts) + ".")]
    drawn = [f for f in findings if comparable(f) is not None]
    if drawn:
        said = (
            f"{len(drawn)} findings with a number on both sides: model over published value, failures first. "
            f"{_counted(_counts(drawn))}. Square or bar: published; diamond and line: model and its span."
        )
        forest = agreement_svg(drawn, prefix=f"forest-{i}", title=f"Agreement of {run.about}", summary=said)
        link = tag("a", f"Table {i}c", href=f"#agreement-{i}")
        parts.append(tag("figure", forest, tag("figcaption", said, " The numbers behind it: ", link, ".")))
    rows = [
        [f["id"], _word(f.get("verdict")), _model(f), _published(f.get("published")), f.get("unit") or "",
         f.get("reason") or "", f.get("source")]
        for f in findings
    ]  # fmt: skip
    columns = ["finding", "verdict", "model (span)", "published", "unit", "reason", "source"]
    parts.append(_long(columns, rows, f"Table {i}c. Findings, failures first", f"agreement-{i}", "results.json"))
    return join(parts)


def _failures_first(finding: dict[str, Any]) -> tuple[int, float]:
    word = str(finding.get("verdict"))
    miss = finding.get("miss")
    return (ORDER.index(word) if word in ORDER else len(ORDER), -miss if isinstance(miss, (int, float)) else 0.0)


def _word(verdict: Any) -> Markup:
    known = str(verdict) if str(verdict) in ORDER else "other"
    return tag("span", verdict, class_=f"word v-{known.replace(' ', '-')}")


def _model(finding: dict[str, Any]) -> str:
    span = _interval(finding.get("interval"))
    return plain(finding.get("model")) + (f" ({span})" if span else "")


def _published(value: Any) -> Any:
    return f"{plain(value[0])} to {plain(value[1])}" if isinstance(value, list) and len(value) == 2 else value


def _limits(run: RunFolder, _: int) -> Markup:
    said: list[Any] = []
    assumed = len(run.body["assumed"])
    if assumed:
        said.append(tag("span", f"{assumed} things were assumed (", tag("a", "Assumed", href="#assumed"), ")."))
    labels = _labels(run)
    if n := labels.get("prediction"):
        said.append(f"{n} of {sum(labels.values())} numbers are predictions: no data constrain them.")
    without = sum(o.get("interval") is None for o in run.parts("observables"))
    if without:
        said.append(f"{without} numbers carry no interval.")
    doubtful: dict[str, list[str]] = {}
    for o in run.parts("observables"):
        if o.get("status") not in ("ok", None):
            doubtful.setdefault(_status(o), []).append(o["id"])
    said += [f"{', '.join(dict.fromkeys(ids))}: {status}." for status, ids in doubtful.items()]
    for word, intro in (("not run", "was not run"), ("not simulable", "cannot be simulated")):
        reasons: dict[str, list[str]] = {}
        for f in run.parts("findings"):
            if f.get("verdict") == word:
                reasons.setdefault(plain(f.get("reason")), []).append(f["id"])
        for reason, ids in list(reasons.items())[:LISTED]:
            said.append(f"{', '.join(ids)} {intro}: {reason}")
        if len(reasons) > LISTED:
            rest = sum(len(ids) for ids in list(reasons.values())[LISTED:])
            said.append(f"{rest} more are {word}; all of them are in the table of agreement.")
    if not run.parts("findings"):
        said.append("This run was not held against any published value.")
    return items(said)


def _provenance(run: RunFolder, _: int) -> Markup:
    command = tag("p", "Command: ", tag("code", run.command))
    recorded = " ".join(str(w) for w in run.body["command"])
    differs = run.command.replace("'", "").replace('"', "") != recorded.replace("'", "").replace('"', "")
    warning = tag("p", f"The results name another command: {recorded}", class_="box") if differs else ""
    rows = [[name, tag("code", digest)] for name, digest in run.hashes.items()]
    parts = [
        command, warning,
        tag("p", f"Folder {run.name}, potentiate {run.body['potentiate']}, seed {plain(run.body.get('seed'))}."),
        table(["file", "sha256"], rows, caption="Files of the run"),
    ]  # fmt: skip
    return join(parts)


def _bibliography(bibliography: Bibliography) -> Markup:
    entries = bibliography.entries
    listed = tag("ol", join(tag("li", f"{e.text()} [{e.key}]") for e in entries)) if entries else tag("p", "No works.")
    bibtex = "\n\n".join(e.bibtex() for e in entries) + "\n"
    data = base64.b64encode(bibtex.encode()).decode()
    link = tag("a", "references.bib", href=f"data:application/x-bibtex;base64,{data}", download="references.bib")
    details = tag("details", tag("summary", "BibTeX"), tag("pre", bibtex), class_="screen")
    said = bibliography.unlisted
    missing = join([tag("p", "Not in the bibliography:"), items(said)]) if said else ""
    return join([listed, missing, tag("p", "As a file: ", link, class_="screen"), details])
