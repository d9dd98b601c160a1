"""`potentiate fit`: rates of a scheme, and what a drug does to them, from recordings."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UsageError
from ..measures.observable import Observable
from ..units import parse, parse_concentration
from .output import Result, cell, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..inference.fit import Progress
    from ..inference.problem import Problem
    from ..inference.result import Estimate, Fit

#: So many directions of the information and so many residual checks are printed; all are in the files.
MOST_DIRECTIONS = 6
MOST_CHECKS = 4


def fit(
    *data: Path,
    scheme: str | None = None,
    free: str | None = None,
    drug: str | None = None,
    sites: int | None = None,
    effects: str | None = None,
    variant: str | None = None,
    share: str | None = None,
    bounds: str | None = None,
    fix: str | None = None,
    amplitude: Literal["cell", "sweep"] = "cell",
    rundown: Annotated[bool, Parameter(negative="")] = False,
    objective: Literal["least-squares", "kalman"] | None = None,
    growth: float | None = None,
    intervals: Literal["profile", "curvature", "none"] = "profile",
    starts: int | None = None,
    seed: int = 1,
    posterior: Annotated[bool, Parameter(negative="")] = False,
    resume: Path | None = None,
    watch: Path | None = None,
    idle: str | None = None,
    agonist: str | None = None,
    on: str | None = None,
    pulse: str | None = None,
    interval: str | None = None,
    conc: str | None = None,
    placement: str | None = None,
    sweeps: str | None = None,
    channel: str | None = None,
    part: str | None = None,
    voltage: str | None = None,
    reversal: str | None = None,
    exchange: str | None = None,
    filter: str | None = None,
    temperature: str | None = None,
    use_from: str | None = None,
    use_to: str | None = None,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Fit a scheme, and a drug as an operator on it, to many recordings at once.

    Concentrations of people: potentiate fit TABLE --as population --help.

    Parameters
    ----------
    data
        Tables of conditions (CSV with a column "file"), folders that hold conditions.csv, or single recordings.
    scheme
        Scheme of the library (`potentiate patch --schemes`) or a document file.
    free
        Free rates, e.g. "closing=O->RA2; binding=R->RA,RA->RA2" (members move together), "R->RA", or all.
    drug
        Drug of a single recording (with --conc); tables name theirs.
    sites
        Sites of the drug on the receptor.
    effects
        What of the drug is free: closing, opening, desensitization entry, desensitization exit, kd, koff, w(CLASS),
        speed(CLASS), separated by commas; none holds it as it is.
    variant
        Variant of the library's operator to start from.
    share
        Who has a value of its own: "closing=cell; kd=drug". All sweeps share the rest.
    bounds
        Limits of the search: "closing=0.1:10".
    fix
        Values that stay: "O->RA2=1.5; kd=500" (1/ms, 1/(uM ms), uM).
    amplitude
        Whether the sweeps of a cell share their amplitude, or each has its own.
    rundown
        Let the amplitude of a cell change from sweep to sweep.
    objective
        least-squares (default; after --resume alone: as before), or kalman: the likelihood that also reads the noise of
        the channels.
    growth
        Of the bins of kalman: 0 reads every sample, 0.05 averages over a twentieth of the time since the last switch.
    intervals
        profile | curvature | none.
    starts
        Starts of the search; default 6, after --resume 1.
    seed
        Of the scatter of the starts, and of the posterior.
    posterior
        Also sample the posterior (NUTS).
    resume
        A fit.nc to go on from; without data, on its own.
    watch
        A folder in which sweeps appear: each new file updates which steps the drug may change, and the next sweep is
        proposed, until they separate.
    idle
        Stop watching when nothing has come for so long, e.g. "10 min".
    agonist
        Of a single recording, e.g. "10 mM", or "10 mM AMPA".
    on, pulse, interval
        Of a single recording: begin and width of the agonist, time from its end to a second pulse.
    conc, placement
        Of a single recording: concentration of the drug; both | agonist | control.
    sweeps, channel, part
        Of a single recording: sweeps "0:9,12", channel, part of a file that holds several experiments.
    voltage, reversal, exchange, filter, temperature, use_from, use_to
        Where tables and files are silent: holding and reversal potential, 10-90 % exchange time, corner of the
        low-pass filter, temperature; begin and end of what is fitted.
    out
        Folder to write; default runs/TIME_fit_SCHEME.
    json
        Print one JSON object.
    """
    if watch is not None:
        if data or resume is not None:
            raise UsageError("--watch reads its own folder", do="leave out data and --resume")
        from .fit_watch import watch_folder

        idle_ms = None if idle is None else parse(idle, "time", where="--idle")
        return watch_folder(watch, _scheme_named(scheme), rundown=rundown, idle_ms=idle_ms, as_json=json, out=out)
    from ..inference.store import load_estimates, load_fit

    assumed: list[str] = []
    inputs: dict[str, Any] = {"data": [str(p) for p in data], "scheme": scheme}
    if not data:
        if resume is None:
            raise UsageError("Nothing to fit", do="potentiate fit conditions.csv --scheme Rodrigues2023 --free ...")
        told = [n for n, v in (("scheme", scheme), ("free", free), ("drug", drug), ("effects", effects),
                               ("sites", sites), ("share", share), ("bounds", bounds), ("fix", fix))
                if v is not None]  # fmt: skip
        if told:
            raise UsageError(
                f"--{told[0]} without data", why="--resume alone goes on with its own", do="name the data too"
            )
        before = load_fit(resume)
        problem = before.problem
        objective = objective or ("kalman" if before.objective == "kalman" else "least-squares")
    else:
        problem = _problem_of(
            data, _words(drug, placement, channel, part, agonist), _numbers(locals()), sweeps, scheme, assumed,
            {"free": free, "drug": drug, "sites": sites, "effects": effects, "variant": variant, "share": share,
             "bounds": bounds, "fix": fix}, amplitude, rundown,
        )  # fmt: skip
    told_start = None if resume is None else {
        name: value for name, value in load_estimates(resume).items() if name in problem.table.names
    }  # fmt: skip
    count = starts if starts is not None else 1 if resume is not None else 6
    if count < 1:
        raise UsageError(f"{count} starts", where="--starts", do="one or more")
    inputs |= {
        "scheme": problem.model.scheme.name, "free": free, "effects": effects, "sites": sites, "share": share,
        "fix": fix, "bounds": bounds, "amplitude": problem.amplitude, "rundown": problem.rundown,
        "objective": objective or "least-squares", "intervals": intervals, "starts": count,
        "resume": None if resume is None else str(resume),
    }  # fmt: skip
    if not json:
        _print_sharing(problem, assumed)
    from ..inference.fit import fit as search
    from ..kinetics.ensemble import enable_compilation_cache, use_float64

    use_float64()
    enable_compilation_cache()
    options: dict[str, Any] = {"objective": "kalman", "growth": growth} if objective == "kalman" else {}
    with _progress(json) as progress:
        found = search(
            problem, starts=count, start_at=told_start, intervals=intervals, seed=seed, progress=progress, **options
        )
        draws = _posterior(found, seed, progress) if posterior and found.status == "ok" else None
    result = fit_result(found, inputs, assumed)
    if draws is not None:
        _add_posterior(result, draws)
    finish(result, as_json=json, out=out)
    if found.status == "interrupted":
        print(f"potentiate: interrupted; the best so far is kept. Go on with:\n  potentiate fit --resume "
              f"{result.extra['files']['fit']}", file=sys.stderr)  # fmt: skip
        return 130
    return 0


# ------------------------------------------------------------------------------------------------ asked


_DIMENSIONS = {
    "on": "time", "pulse": "time", "interval": "time", "voltage": "voltage", "reversal": "voltage", "exchange": "time",
    "filter": "frequency", "temperature": "temperature", "use_from": "time", "use_to": "time",
}  # fmt: skip


def _numbers(told: dict[str, Any]) -> dict[str, float]:
    numbers = {
        name: parse(told[name], dimension, where=f"--{name.replace('_', '-')}")
        for name, dimension in _DIMENSIONS.items()
        if told[name] is not None
    }
    if told["conc"] is not None:
        numbers["concentration"] = parse_concentration(told["conc"], where="--conc")
    if told["agonist"] is not None:
        level = " ".join(told["agonist"].split()[:2]) if told["agonist"][:1].isdigit() else ""
        if not level:
            raise UsageError(f"Cannot read the agonist {told['agonist']!r}", where="--agonist", do='write "10 mM"')
        numbers["agonist_concentration"] = parse_concentration(level, where="--agonist")
    return numbers


def _words(
    drug: str | None, placement: str | None, channel: str | None, part: str | None, agonist: str | None
) -> dict[str, str | None]:
    name = " ".join((agonist or "").split()[2:]) or None
    return {"drug": drug, "placement": placement, "channel": channel, "part": part, "agonist": name}


def _scheme_named(scheme: str | None) -> str:
    """Return the scheme that was asked for; there is no default.

    Raises
    ------
    UsageError
    """
    if scheme is None:
        from ..library.scheme import scheme_ids

        raise UsageError("No scheme", why="what the recordings show depends on it",
                         do=f"add --scheme, e.g. one of {', '.join(scheme_ids('AMPA')[:6])} ...")  # fmt: skip
    return scheme


def _problem_of(
    data: tuple[Path, ...], words: dict[str, str | None], numbers: dict[str, float], sweeps: str | None,
    scheme: str | None, assumed: list[str], told: dict[str, Any], amplitude: Any, rundown: bool,
) -> Problem:  # fmt: skip
    from ..inference.problem import Problem
    from ..library.scheme import find_scheme
    from .fit_asked import build_model, gather

    found = find_scheme(_scheme_named(scheme))
    conditions = gather(data, words, numbers, sweeps)
    assumed += conditions.assumed
    model = build_model(found, conditions.experiments, assumed=assumed, **told)
    problem = Problem(model, conditions.experiments, amplitude=amplitude, rundown=rundown)
    if not problem.table.numbers:
        raise UsageError("Nothing is free", do='add --free "closing=O->RA2", --free all, or --effects of a drug')
    assumed.append("channels open and close independently; the response before the pulse is at equilibrium")
    return problem


def _print_sharing(problem: Problem, assumed: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    sweeps = sum(len(e.baths) for e in problem.experiments)
    console.print(
        f"fit   {problem.model.scheme.name}   {len(problem.cells)} cell{'s' * (len(problem.cells) > 1)}   "
        f"{sweeps} sweeps   {int(problem.samples.sum())} samples   {len(problem.table.numbers)} free numbers",
        style="bold", markup=False,
    )  # fmt: skip
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("free", "unit", "shared by", "start", "lowest", "highest"):
        table.add_column(title)
    for row in problem.table.rows():
        table.add_row(*[Text(text) for text in row])
    console.print(table)
    own = "each cell" if problem.amplitude == "cell" else "each sweep"
    console.print(
        f"Solved for: amplitude of {own}{' and its run-down' if problem.rundown else ''}, offset of each sweep, "
        "noise of each cell.", markup=False,
    )  # fmt: skip
    for drug in dict.fromkeys(d for d, _ in problem.table.units):
        follows = problem.model.rate_map(drug).balancing
        if follows:
            console.print(
                f"Follow by detailed balance{f' ({drug})' if drug else ''}: {', '.join(follows)}.", markup=False
            )
            break
    console.print("")


# ------------------------------------------------------------------------------------------------ found


def fit_result(found: Fit, inputs: dict[str, Any], assumed: list[str]) -> Result:
    """Return a fit as the result of a command: table, notes, figure, files."""
    problem = found.problem
    rows = [_row(e) for e in found.estimates]
    notes = [*_cells(found), *_information(found), *_checks(found), *_starts(found), *found.notes]
    conditions = {"scheme": problem.model.scheme.name, "objective": found.objective}
    observables = [
        _observable(e).as_dict("calibration", {**conditions, "shared_by": e.shared_by}) for e in found.estimates
    ]
    extra = {
        "status": found.status, "sharing": problem.table.rows(), "log_likelihood": found.log_likelihood,
        "aicc": found.aicc, "n_samples": found.n_samples, "n_parameters": found.n_parameters,
        "nuisance": {name: list(map(float, values)) for name, values in found.nuisance.items()},
        "cells": list(problem.cells), "seconds": dict(found.seconds),
        "starts": [{"misfit": s.misfit, "status": s.status, "iterations": s.iterations} for s in found.starts],
        "residuals": [dataclasses.asdict(c) for c in found.checks], "notes": list(found.notes),
        "information": [{"sd": d.sd, "word": d.word, "loadings": list(map(float, d.loadings))}
                        for d in found.information.directions],
    }  # fmt: skip
    return Result(
        "fit", problem.model.scheme.name, inputs,
        ["parameter", "estimate", "unit", "low", "high", "word", "reason", "shared by"], rows, observables,
        assumed=assumed, notes=notes, seed=found.seed, extra=extra, figure=lambda: _figure(found),
        saves={"fit": ("fit.nc", found.save)},
    )  # fmt: skip


def _row(e: Estimate) -> list[Any]:
    low, high = (x if math.isfinite(x) else None for x in (e.low, e.high))
    if e.word == "not determined":
        return [e.name, None, e.unit, None, None, e.word, f"{e.reason} (best at {e.value:.3g})", e.shared_by]
    return [e.name, e.value, e.unit, low, high, e.word, e.reason, e.shared_by]


def _observable(e: Estimate) -> Observable:
    """Return an estimate as an observable; what is not determined is a status, and no number."""
    made = e.observable()
    if e.word != "not determined":
        return made
    return dataclasses.replace(made, value=math.nan, interval=None, notes=(f"best fit at {e.value:.4g}",))


def _cells(found: Fit) -> list[str]:
    lines = []
    problem = found.problem
    names = list(found.nuisance)
    for k, name in enumerate(problem.cells):
        own = [f"{n.rsplit('_', 1)[0]} {cell(float(found.nuisance[n][k]))}{_unit(n)}" for n in names
               if found.nuisance[n].size == len(problem.cells)]  # fmt: skip
        lines.append(f"{name}: {', '.join(own)}, {int(problem.samples[k])} samples")
    most = 8
    return lines if len(lines) <= most else [*lines[:most], f"... {len(lines) - most} more cells in fit.nc"]


def _unit(name: str) -> str:
    return f" {name.rsplit('_', 1)[1]}" if "_" in name else ""


def _information(found: Fit) -> list[str]:
    names = found.problem.table.names
    lines = [d.describe(names) for d in found.information.directions]
    shown = (
        lines if len(lines) <= MOST_DIRECTIONS else [*lines[: MOST_DIRECTIONS // 2], *lines[-MOST_DIRECTIONS // 2 :]]
    )
    return ["Combinations, best known first: " + "; ".join(shown)]


def _checks(found: Fit) -> list[str]:
    bad = sorted((c for c in found.checks if c.status != "ok"), key=lambda c: (-c.correlation_time, c.runs_z))
    count = len(found.checks)
    if not bad:
        return [f"Residuals: all {count} sweeps look like noise."]
    about = " (from the mean current: the noise of the channels is in them)" if found.objective == "kalman" else ""
    lines = [f"Residuals{about}: {len(bad)} of {count} sweeps do not look like white noise, worst first:"]
    for c in bad[:MOST_CHECKS]:
        e = found.problem.experiments[c.experiment]
        name = e.recording.provenance.get("file", e.cell)
        drug = e.drug(c.sweep)
        lines.append(f"  {name} sweep {c.sweep}{f' ({drug})' if drug else ''}: {c.status}, {c.reason}")
    return lines


def _starts(found: Fit) -> list[str]:
    best = found.starts[0].misfit
    same = sum(s.misfit - best < 1.0 for s in found.starts)
    failed = sum(not math.isfinite(s.misfit) for s in found.starts)
    text = f"Starts: {same} of {len(found.starts)} end at the best"
    if failed:
        text += f", {failed} failed"
    text += f"; AICc {found.aicc:.5g}"
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in found.seconds.items())
    return [f"{text} ({seconds})."]


def _figure(found: Fit) -> Figure:
    from ..show.fit_figure import fit_figure

    return fit_figure(found)


# -------------------------------------------------------------------------------------------- posterior


def _posterior(found: Fit, seed: int, progress: Progress | None) -> Any:
    from ..inference.posterior import sample

    return sample(found, seed=seed, progress=progress)


def _add_posterior(result: Result, draws: Any) -> None:
    result.notes.append("Posterior (NUTS): median, 95 % interval, R-hat, effective draws")
    result.notes += ["  " + line for line in draws.summary().splitlines()]
    result.notes += [f"  {note}" for note in draws.notes]
    conditions = {"objective": "posterior", "scheme": result.about}
    result.observables += [m.observable().as_dict("calibration", conditions) for m in draws.marginals]
    result.saves["posterior"] = ("posterior.nc", draws.save)


# --------------------------------------------------------------------------------------------- progress


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress | None]:
    """Yield what shows progress on stderr: a bar with rate and time left on a terminal, else a line per tenth."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                   TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            tasks: dict[str, Any] = {}
            began: dict[str, float] = {}
            compiling = bar.add_task("compiling", total=None, rate="")

            def show(what: str, done: int, total: int) -> None:
                bar.update(compiling, visible=False)
                if what not in tasks:
                    tasks[what], began[what] = bar.add_task(what, total=total, rate=""), time.monotonic()
                spent = time.monotonic() - began[what]
                rate = f"{done / spent:.2g}/s" if done and spent > 0 else ""
                bar.update(tasks[what], completed=done, rate=rate)

            yield show
    else:
        last: dict[str, float] = {}
        start = time.monotonic()

        def line(what: str, done: int, total: int) -> None:
            share = done / max(total, 1)
            if time.monotonic() - start > 5.0 and share >= last.get(what, 0.0) + 0.1:
                last[what] = share
                print(f"{what} {done}/{total}", file=sys.stderr, flush=True)

        yield line
