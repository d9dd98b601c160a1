"""`potentiate measure TABLE --as hill` and `--as groups`: curves and statistics of tables of measured values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish

if TYPE_CHECKING:
    from ..measures.estimation import Statistic
    from ..measures.mixed_model import Contrast, MixedModel
    from ..measures.statistics import Comparison
    from ..measures.table import Table


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class TableOptions:
    """Options of tables, on the command line of `potentiate measure`."""

    value: str | None = None
    "Column of the measured quantity; default: the only one with a unit."
    by: str | None = None
    "Column of the groups (several for a mixed model: genotype,drug), or of the curves."
    where: str | None = None
    'Rows to use, e.g. "genotype=WT,KO; interval=t0to5".'
    units: str | None = None
    'Units of columns whose header has none, e.g. "peak=pA,decay=ms".'
    paired: Annotated[bool, Parameter(negative="")] = False
    "The same units occur in both groups."
    log: Annotated[bool, Parameter(negative="")] = False
    "Compare logarithms: geometric means and ratios."
    reference: str | None = None
    "Group that the others are compared with; default: the first."
    test: Literal["t", "rank"] = "t"
    "Paired or Welch's t; or Wilcoxon, Mann-Whitney."
    interval: Literal["BCa", "percentile", "t"] = "BCa"
    "95 % interval of the effect: bootstrap, or t."
    repeats: Literal["error", "mean"] = "error"
    "Several rows of one cell in one group: an error, or averaged."
    nested_in: str | None = None
    "Column within which the numbering of animals restarts."
    model: Literal["means", "mixed"] = "means"
    "Compare means of units, or fit a mixed model to all rows."
    random: str | None = None
    "Nested levels of the mixed model, coarse to fine: animal,slice,cell; default: those in the table."
    second_opinion: Annotated[bool, Parameter(negative="")] = False
    "Fit the mixed model with statsmodels too."
    concentration: str | None = None
    "Column of concentrations; default: the only one in M, mM, uM, nM or pM."
    share: str | None = None
    "Parameters with one value for all curves: EC50,nH,top,bottom."
    form: Literal["4-parameter", "3-parameter", "3-parameter nH=1"] = "4-parameter"
    "Hill function: 3-parameter holds the bottom at 0."
    sd: str | None = None
    "Column of the standard deviation of each response; residuals count divided by it."
    seed: int = 1
    "Of the bootstrap."


def measure_table(
    file: Path,
    /,
    *,
    as_: Annotated[Literal["hill", "groups"], Parameter(name="--as")],
    options: Annotated[TableOptions | None, Parameter(name="*")] = None,
    unit: str | None = None,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure a table of values: fit concentration-response curves, or compare groups.

    Parameters
    ----------
    file
        CSV or TSV, units in the titles: cell, animal, drug, amplitude (pA).
    as_
        hill: concentration-response curves; groups: effects between groups.
    unit
        Groups: the column whose labels are n (animal, slice, cell); default the coarsest in the table.
    out
        Folder to write; default runs/TIME_measure_FILE.
    json
        Print one JSON object.
    """
    from ..measures.table import read_table

    given = options or TableOptions()
    table = read_table(file, units=_pairs(given.units, "--units") if given.units else None)
    for column, labels in (_conditions(given.where) if given.where else {}).items():
        table = table.where_is(column, labels)
    inputs: dict[str, Any] = {"file": str(file), "sha256": _digest(file), "as": as_}
    inputs |= {name: value for name, value in dataclasses.asdict(given).items() if value not in (None, False)}
    title = f"{table.where}   data   {len(table)} rows"
    result = Result("measure", file.stem, inputs, [], [], title=title, notes=list(table.notes), seed=given.seed)
    if as_ == "hill":
        from .table_curves import hill_curves

        if unit is not None:
            raise UsageError("--unit says what is counted in groups", do="give units of columns by --units")
        hill_curves(result, table, given)
    elif given.by is None:
        raise UsageError("Which column holds the groups?", why=f"columns: {', '.join(table.names)}", do="give --by")
    elif given.model == "mixed":
        if unit is not None:
            raise UsageError("A mixed model counts every level", do="leave out --unit; give --random for the levels")
        _mixed(result, table, given)
    else:
        result.inputs = {**inputs, "unit": unit}
        _groups(result, table, given, unit)
    return finish(result, as_json=json, out=out)


def _digest(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def _pairs(text: str, option: str) -> dict[str, str]:
    """Return ``{"peak": "pA"}`` of ``peak=pA``."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise UsageError(
                f"Cannot read {part.strip()!r}", where=option, do="write name=value, e.g. peak=pA,decay=ms"
            )
        found[name.strip()] = value.strip()
    return found


def _conditions(text: str) -> dict[str, list[str]]:
    """Return ``{"genotype": ["WT", "KO"]}`` of ``genotype=WT,KO; ...``."""
    found: dict[str, list[str]] = {}
    for part in filter(str.strip, text.split(";")):
        name, equals, labels = part.partition("=")
        wanted = [label.strip() for label in labels.split(",") if label.strip()]
        if not (equals and name.strip() and wanted):
            raise UsageError(f"Cannot read {part.strip()!r}", where="--where", do='write "genotype=WT,KO; drug=CX546"')
        found[name.strip()] = wanted
    return found


def value_column(table: Table, asked: str | None, besides: Sequence[str], assumed: list[str]) -> str:
    """Return the column of the measured quantity, asked for or the only one with a unit."""
    if asked is not None:
        return table.column(asked).name
    open_ = [c.name for c in table.columns if c.unit is not None and c.name not in besides]
    if len(open_) != 1:
        why = f"columns with a unit: {', '.join(open_)}" if open_ else "no other column has a unit in its title"
        raise UsageError("Which column is measured?", why=why, do="give --value, and --units where a title has none")
    assumed.append(f"{open_[0]} is measured")
    return open_[0]


# ------------------------------------------------------------------------------------------------- groups
def _groups(result: Result, table: Table, given: TableOptions, unit: str | None) -> None:
    from ..measures.statistics import compare

    by = str(given.by)
    if "," in by:
        raise UsageError("Means are compared by one column", why=f"--by {by}", do="choose one, or --model mixed")
    value = value_column(table, given.value, [by], result.assumed)
    found = compare(
        table, value, by, unit=unit, paired=given.paired, log=given.log, reference=given.reference,
        convention=given.test, interval=given.interval, nested_in=given.nested_in, repeats=given.repeats,
        seed=given.seed,
    )  # fmt: skip
    if unit is None:
        result.assumed.append(f"n counts {found.sampling.unit}s" if found.sampling.unit != "row" else "n counts rows")
    if given.reference is None:
        result.assumed.append(f"{found.groups[0].name!r} is the reference")
    of = f" ({found.unit})" if found.unit else ""
    mean = "geometric mean" if found.log else "mean"
    effect = "ratio" if found.log else f"difference{of}"
    result.columns = [by, "n", "counted", f"{mean}{of}", f"SEM{of}", effect, "low", "high", "test", "p", "p (Holm)",
                      "status", "reason"]  # fmt: skip
    differences = {d.group: d for d in found.differences}
    for group in found.groups:
        where = {"by": found.by, "group": group.name, "quantity": found.quantity}
        row: list[Any] = [group.name, group.values.size, found.sampling.unit, _number(group.mean), _number(group.sem)]
        result.observables += [group.mean.as_dict("data", where), group.sem.as_dict("data", where)]
        d = differences.get(group.name)
        if d is None:
            worst = group.mean
            row += [None, None, None, None, None, None]
        else:
            e = d.effect.estimate
            low, high = e.interval or (None, None)
            row += [_number(e), low, high, d.test.convention, _number(d.test), _number(d.adjusted)]
            where["reference"] = d.reference
            result.observables += [s.as_dict("data", where) for s in (e, d.test, d.adjusted)]
            worst = next((s for s in (e, d.test) if not s.ok), e)
        result.rows = [*result.rows, [*row, worst.status, worst.reason]]
    result.notes += found.notes
    result.notes += _group_words(found)
    result.figure = lambda: _estimation_figure(found)


def _group_words(found: Comparison) -> list[str]:
    words = [
        f"{d.group}: {note}" for d in found.differences for note in d.effect.estimate.notes if "too narrow" in note
    ]
    return words


def _estimation_figure(found: Comparison) -> Any:
    from ..show.estimation_figure import estimation_figure

    return estimation_figure(found)


def _number(statistic: Statistic) -> float | None:
    return statistic.value if statistic.known else None


# ------------------------------------------------------------------------------------------------- mixed model
def _mixed(result: Result, table: Table, given: TableOptions) -> None:
    from ..measures.mixed_model import mixed_model
    from ..measures.second_opinion import second_opinion
    from ..measures.statistics import holm

    by = [part.strip() for part in str(given.by).split(",") if part.strip()]
    value = value_column(table, given.value, by, result.assumed)
    random = _levels(table, value, given, result.assumed)
    model = mixed_model(table, value, by, random, log=given.log, nested_in=given.nested_in)
    contrasts = _contrasts(model, given.reference, result.assumed)
    unit = f" ({model.unit})" if model.unit else ""
    result.columns = ["what", "of", f"value{unit}", "low", "high", "df", "t or F", "p", "p (Holm)", "n",
                      "status", "reason"]  # fmt: skip
    rows: list[list[Any]] = []

    def add(
        kind: str, of: str, s: Statistic, p: Statistic | None, where: dict[str, Any], adjusted: float | None = None
    ) -> None:
        low, high = s.interval or (None, None)
        tested = (None, None) if p is None else (p.statistic, _number(p))
        counted = s.counted.removeprefix("n = ")
        rows.append([kind, of, _number(s), low, high, s.df, *tested, adjusted, counted, s.status, s.reason])
        result.observables.append(s.as_dict("data", {"quantity": model.quantity, **where}))
        if p is not None and p is not s:
            result.observables.append(p.as_dict("data", {"quantity": model.quantity, **where}))

    for place, mean in model.means():
        add("geometric mean" if model.log else "mean", " ".join(place.values()), mean, None, dict(place))
    adjusted = holm([contrast.test.value for _, contrast in contrasts])
    for (name, contrast), p_holm in zip(contrasts, adjusted, strict=True):
        kind = "ratio" if model.log else "difference"
        add(kind, name, contrast.effect, contrast.test, {"contrast": name, "p_holm": p_holm}, p_holm)
    for name, test in model.f_tests():
        low = [f"F({test.df_effect}, {test.df:.4g})" if test.df is not None else "F", name, None, None, None, test.df]
        rows.append(
            [*low, test.statistic, _number(test), None, test.counted.removeprefix("n = "), test.status, test.reason]
        )
        result.observables.append(test.as_dict("data", {"quantity": model.quantity, "term": name}))
    for name, share in model.shares():
        add("share of variance", name, share, None, {"level": name})
    result.rows = rows
    result.notes += model.notes
    result.notes.append(
        f"Random levels: {' / '.join(random) or 'none'}. REML; degrees of freedom after Kenward and Roger (1997). "
        "Holm's adjustment runs over the contrasts shown."
    )
    if given.second_opinion:
        other = second_opinion(model)
        said = f"; it said: {'; '.join(other.warnings)}" if other.warnings else ""
        result.notes.append(
            f"statsmodels: log-likelihood {other.log_likelihood:.4f}, here {model.fit.log_likelihood:.4f}{said}"
        )
    result.figure = lambda: _marginal_figure(model, contrasts)


def _levels(table: Table, value: str, given: TableOptions, assumed: list[str]) -> list[str]:
    """Return the random levels: asked for, or those of the table that have several groups of several rows."""
    from ..measures.sampling import level_columns

    if given.random is not None:
        return [part.strip() for part in given.random.split(",") if part.strip()]
    import numpy as np

    used = table.keep(np.isfinite(table.numbers(value)))
    found: list[str] = []
    keys = [() if given.nested_in is None else (label,) for label in used.labels(given.nested_in or table.names[0])]
    for name in level_columns(table).values():
        inside = [(*outer, label) for outer, label in zip(keys, used.labels(name), strict=True)]
        above = len(set(keys)) if found else 1
        if above < len(set(inside)) < len(inside):
            found.append(name)
            keys = inside
        else:
            assumed.append(f"{name} is no level of its own ({len(set(inside))} groups in {len(inside)} rows)")
    if not found:
        raise UsageError("No random level", why="no column names animal, slice or cell with several rows each",
                         do="give --random, or compare without --model mixed")  # fmt: skip
    assumed.append(f"random levels {' / '.join(found)}")
    return found


def _contrasts(model: MixedModel, reference: str | None, assumed: list[str]) -> list[tuple[str, Contrast]]:
    """Return every level of the last factor against the reference, at each level of the other factors."""
    import itertools

    *others, last = model.factors
    levels = model.factors[last]
    first = levels[0] if reference is None else reference
    if reference is None:
        assumed.append(f"{first!r} of {last} is the reference")
    mark = "/" if model.log else "-"
    found = []
    for place in itertools.product(*(model.factors[name] for name in others)):
        at = dict(zip(others, place, strict=True))
        for level in levels:
            if level != first:
                name = f"{level} {mark} {first}" + (f" at {' '.join(place)}" if place else "")
                found.append((name, model.against(last, level, first, **at)))
    if first not in levels:
        model.weights(**{last: first})  # an error with the names that there are
    return found


def _marginal_figure(model: MixedModel, contrasts: Sequence[tuple[str, Contrast]]) -> Any:
    from ..show.estimation_figure import marginal_figure

    return marginal_figure(model, contrasts)
