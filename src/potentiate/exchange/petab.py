"""A fitted problem as PEtab: an SBML model, and tables of conditions, observables, measurements and parameters.

Schmiester et al. 2021, PLoS Comput Biol 17:e1008646 (format version 1). Every sweep starts in equilibrium with its
first solution, which PEtab reaches by pre-equilibration; pulses are events of the model whose times and solutions the
condition table sets. Amplitudes and offsets, which a fit here solves for, are parameters like the others there.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..errors import DataError, UsageError
from ..inference.result import Fit
from ..kinetics.rate_map import RateMap
from ..kinetics.scheme import Scheme
from .expressions import UM_PER_MM, depends_on_temperature
from .naming import ligand_names, model_name, unique_names
from .sbml import (
    EXCHANGE,
    NEVER_MS,
    REVERSAL,
    TEMPERATURE,
    USE_TEMPERATURE,
    VOLTAGE,
    Solutions,
    solutions_of,
    write_filter,
    write_scheme,
)
from .sbml_writer import Writer

if TYPE_CHECKING:
    import xarray as xr

#: A search for amplitudes and noise may go so far from where they are.
AMPLITUDE_SPREAD = 1e3

Condition = tuple[tuple[str, str], ...]


def to_petab(fit: Fit, folder: str | Path, *, posterior: xr.Dataset | None = None) -> Path:
    """Write a fitted problem as a folder of PEtab files.

    Parameters
    ----------
    fit : Fit
        Estimates become nominal values.
    folder : path
        Must not exist.
    posterior : Dataset, optional
        Of :func:`potentiate.inference.posterior.sample`; becomes ``posterior.tsv``, one row per draw.

    Returns
    -------
    Path
        The folder: ``problem.yaml, model.xml, conditions.tsv, observables.tsv, measurements.tsv, parameters.tsv,
        README.txt``.

    Raises
    ------
    UsageError
        What PEtab 1 or one SBML model cannot hold: several drugs, voltage protocols, different filters.
    DataError
        The folder exists or cannot be written; the posterior is one of other parameters.
    """
    folder = Path(folder)
    if folder.exists():
        raise DataError(f"{folder} exists", do="choose another name; nothing is overwritten")
    files = petab_files(fit, posterior)
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
        for name, content in files.items():
            if isinstance(content, str):
                (part / name).write_text(content, encoding="utf-8")
            else:
                with (part / name).open("w", newline="", encoding="utf-8") as handle:
                    csv.writer(handle, delimiter="\t", lineterminator="\n").writerows(content)
        part.chmod(0o755)
        os.replace(part, folder)
        part = None
    except OSError as error:
        raise DataError(f"Cannot write {folder}", why=error.strerror or str(error)) from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def petab_files(fit: Fit, posterior: xr.Dataset | None = None) -> dict[str, str | list[list[Any]]]:
    """Return the files of :func:`to_petab`: text, or rows of a table."""
    problem = _Export(fit)
    files: dict[str, str | list[list[Any]]] = {
        "problem.yaml": _YAML,
        "model.xml": problem.model_text(),
        "conditions.tsv": problem.condition_rows(),
        "observables.tsv": problem.observable_rows(),
        "measurements.tsv": problem.measurement_rows(),
        "parameters.tsv": problem.parameter_rows(),
        "README.txt": problem.readme(posterior is not None),
    }
    if posterior is not None:
        files["posterior.tsv"] = problem.posterior_rows(posterior)
    return files


_YAML = """format_version: 1
parameter_file: parameters.tsv
problems:
  - sbml_files: [model.xml]
    condition_files: [conditions.tsv]
    observable_files: [observables.tsv]
    measurement_files: [measurements.tsv]
"""


@dataclasses.dataclass(frozen=True)
class _Sweep:
    """One sweep as it is measured: where it is, its conditions, its nuisance numbers."""

    experiment: int
    sweep: int
    condition: str
    resting: str
    amplitude: str
    offset: str
    rundown: tuple[str, float] | None
    noise: str
    name: str


class _Export:
    """A fit under the names of PEtab."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        problem = self.problem = fit.problem
        drugs = list(dict.fromkeys(drug for drug, _ in problem.table.units if drug is not None))
        if len(drugs) > 1:
            raise UsageError(
                "Several drugs in one fit", why=f"{', '.join(drugs)}: each has its own scheme, PEtab 1 one model",
                do="fit and export them one by one",
            )  # fmt: skip
        if any(np.ndim(e.voltage_mV) for e in problem.experiments):
            raise UsageError(
                "A voltage that changes during a sweep cannot be written", do="export sweeps at one voltage"
            )
        filters = {(e.filter_kHz, e.filter_kind) for e in problem.experiments}
        if len(filters) > 1:
            raise UsageError(
                "Sweeps with different filters", why=f"{sorted(map(str, filters))}", do="export them apart"
            )
        self.filter_kHz = next(iter(filters))[0]
        self.rate_map: RateMap = problem.model.rate_map(drugs[0] if drugs else None)
        self.scheme: Scheme = self.rate_map.scheme
        own = unique_names(self.rate_map.names, "x_")
        self.model_ids = dict(zip(self.rate_map.names, own, strict=True))
        numbers = problem.table.numbers
        fresh = iter(unique_names([n.name for n in numbers if n.applies_to], "y_"))
        self.number_ids = [next(fresh) if n.applies_to else self.model_ids[n.parameter.name] for n in numbers]
        self.cell_ids = dict(zip(problem.cells, unique_names(problem.cells, ""), strict=True))
        self.solutions = {
            (i, s): solutions_of(e.protocol, bath)
            for i, e in enumerate(problem.experiments)
            for s, bath in enumerate(e.baths)
        }
        self.pulses = max(len(found.pulses_ms) for found in self.solutions.values())

    # ------------------------------------------------------------------------------------------ the model

    def model_text(self) -> str:
        """Return the SBML."""
        scheme, m = self.scheme, self.rate_map
        writer = Writer(model_name(None, scheme.name))
        for p in m.parameters:
            writer.parameter(self.model_ids[p.name], p.start, "dimensionless", name=f"{p.name} ({p.unit})")
        half = len(scheme.edges)
        names = []
        for i, rate in enumerate(scheme.directed[2]):
            id = f"kf_{i + 1}" if i < half else f"kb_{i - half + 1}"
            per_mM = rate.ligand is not None and rate.occupancy is None
            unit, size = ("per_ms_per_mM", UM_PER_MM) if per_mM else ("per_ms", 1.0)
            factors, slopes = [], []
            for j, p in enumerate(m.parameters):
                name = self.model_ids[p.name]
                if m.design[i, j]:
                    factors.append(f"{name}^({float(m.design[i, j])!r})")
                if m.voltage_design[i, j]:
                    slopes.append(f"{float(m.voltage_design[i, j])!r} * {name}")
            if slopes:
                factors.append(f"exp({VOLTAGE} * ({' + '.join(slopes)}))")
            value = float(math.exp(m.offset[i]) * size)
            writer.parameter(id, None if factors else value, unit, constant=not factors)
            if factors:
                writer.rule(id, f"{value!r} {unit} * " + " * ".join(factors))
            names.append(id)
        write_scheme(
            writer, _without_free_slopes(m), names, self._example(), voltage_mV=-60.0, reversal_mV=0.0,
            temperature_C=None, exchange_10_90_ms=0.0, start=np.eye(scheme.n)[scheme.rest],
        )  # fmt: skip
        writer.parameter("driven", None, "mV", constant=False)
        writer.rule("driven", f"open * ({VOLTAGE} - {REVERSAL})")
        writer.parameter("seen", None, "mV", constant=False)
        writer.rule(
            "seen", "driven" if self.filter_kHz is None else write_filter(writer, "driven", self.filter_kHz, "mV")
        )
        writer.notes(
            [
                f"{scheme.name}, written by potentiate {__version__} for PEtab",
                "Species are occupancies and begin at rest; pre-equilibrate. seen: driving force times the open part "
                "(mV), behind the filter; current in pA = amplitude in nS times seen",
            ]
        )
        return writer.text()

    def _example(self) -> Solutions:
        """Return solutions of the right form; every condition overrides them."""
        nothing = dict.fromkeys(self.scheme.ligands, 0.0)
        return Solutions(nothing, nothing, [(NEVER_MS, NEVER_MS)] * self.pulses)

    # ---------------------------------------------------------------------------------------- conditions

    @functools.cached_property
    def _conditions(self) -> tuple[dict[Condition, str], list[_Sweep]]:
        problem = self.problem
        found: dict[Condition, str] = {}
        sweeps = []
        for i, e in enumerate(problem.experiments):
            cell = self.cell_ids[e.cell]
            own = [(j, k) for j, other in enumerate(problem.experiments) if other.cell == e.cell
                   for k in range(len(other.baths))]  # fmt: skip
            for s in range(len(e.baths)):
                values = self._values(i, s)
                resting = {**values, **{f"{edge}_{k + 1}": repr(NEVER_MS) for k in range(self.pulses)
                                        for edge in ("on", "off")}}  # fmt: skip
                names = []
                for kind, told in (("sweep", values), ("rest", resting)):
                    key = tuple(told.items())
                    names.append(found.setdefault(key, f"{kind}_{len(found) + 1}"))
                rundown = None
                if problem.rundown:
                    rundown = (f"slope_{cell}", own.index((i, s)) - 0.5 * (len(own) - 1))
                sweeps.append(
                    _Sweep(
                        i, s, names[0], names[1],
                        f"amplitude_{cell}" if problem.amplitude == "cell" else f"amplitude_{i + 1}_{s + 1}",
                        f"offset_{i + 1}_{s + 1}" if problem.leak == "sweep" else "0.0",
                        rundown, f"noise_{cell}", f"{cell}_{i + 1}_{s + 1}",
                    )
                )  # fmt: skip
        return found, sweeps

    def _values(self, i: int, s: int) -> dict[str, str]:
        """Return what the condition table says of a sweep."""
        e, solutions = self.problem.experiments[i], self.solutions[i, s]
        drug = e.drug(s)
        values: dict[str, str] = {VOLTAGE: _text(float(e.voltage_mV)), REVERSAL: _text(e.reversal_mV)}
        bath = dict(self.scheme.bath_uM)
        for ligand, id in zip(self.scheme.ligands, ligand_names(self.scheme.ligands), strict=True):
            usual = bath.get(ligand, 0.0) / UM_PER_MM
            values[f"{id}_control"] = _text(solutions.control_mM.get(ligand, usual))
            if self.pulses:
                values[f"{id}_pulse"] = _text(solutions.other_mM.get(ligand, usual))
        if self.pulses:
            values[EXCHANGE] = _text(e.exchange_10_90_ms)
            for k in range(self.pulses):
                on, off = solutions.pulses_ms[k] if k < len(solutions.pulses_ms) else (NEVER_MS, NEVER_MS)
                values |= {f"on_{k + 1}": _text(on), f"off_{k + 1}": _text(off)}
        if depends_on_temperature(self.scheme):
            values[TEMPERATURE] = _text(0.0 if e.temperature_C is None else e.temperature_C)
            values[USE_TEMPERATURE] = _text(float(e.temperature_C is not None))
        unit = self.problem.table.units.index((drug, e.cell))
        here = dict(zip(self.problem.model.rate_map(drug).names, self.problem.table.take[unit].tolist(), strict=True))
        for p in self.rate_map.parameters:
            if self.problem.model.sharing.get(p.name, "all") != "all":
                # without the drug its numbers do not matter; the table wants one
                values[self.model_ids[p.name]] = self.number_ids[here[p.name]] if p.name in here else _text(p.start)
        return values

    def condition_rows(self) -> list[list[Any]]:
        """Return the table of conditions."""
        found, _ = self._conditions
        columns = [name for name, _ in next(iter(found))]
        return [["conditionId", *columns], *([id, *(v for _, v in key)] for key, id in found.items())]

    def observable_rows(self) -> list[list[Any]]:
        """Return the table of observables: one current."""
        slope = " + observableParameter3_current * observableParameter4_current" if self.problem.rundown else ""
        return [
            ["observableId", "observableName", "observableFormula", "observableTransformation", "noiseFormula",
             "noiseDistribution"],
            ["current", "current (pA)", f"(observableParameter1_current{slope}) * seen + observableParameter2_current",
             "lin", "noiseParameter1_current", "normal"],
        ]  # fmt: skip

    def measurement_rows(self) -> list[list[Any]]:
        """Return the table of measurements: every sample that was fitted."""
        rows: list[list[Any]] = [
            ["observableId", "preequilibrationConditionId", "simulationConditionId", "measurement", "time",
             "observableParameters", "noiseParameters", "datasetId"]
        ]  # fmt: skip
        _, sweeps = self._conditions
        for w in sweeps:
            e = self.problem.experiments[w.experiment]
            numbers = [w.amplitude, w.offset] + ([w.rundown[0], _text(w.rundown[1])] if w.rundown else [])
            told = ";".join(numbers)
            dt = e.recording.interval_ms
            for k in np.flatnonzero(e.used[w.sweep]):
                rows.append(["current", w.resting, w.condition, f"{e.recording.sweeps[w.sweep, k]:.10g}",
                             f"{k * dt:.12g}", told, w.noise, w.name])  # fmt: skip
        return rows

    # ---------------------------------------------------------------------------------------- parameters

    def parameter_rows(self) -> list[list[Any]]:
        """Return the table of parameters, with our interval and word beside each."""
        rows: list[list[Any]] = [
            ["parameterId", "parameterName", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate",
             "unit", "intervalLow", "intervalHigh", "word"]
        ]  # fmt: skip
        for number, id, e in zip(self.problem.table.numbers, self.number_ids, self.fit.estimates, strict=True):
            scale = "log10" if number.parameter.scale == "log" else "lin"
            rows.append([id, number.name, scale, _text(e.lowest), _text(e.highest), _text(e.value), 1, e.unit or "1",
                         _text(e.low), _text(e.high), e.word])  # fmt: skip
        for id, (name, unit, value, wide) in self.nuisance().items():
            positive = unit != "offset" and value > 0 and not id.startswith("slope_")
            if positive:
                limits = (value / AMPLITUDE_SPREAD, value * AMPLITUDE_SPREAD)
            else:
                limits = (value - wide, value + wide)
            shown = "pA" if unit == "offset" else unit
            rows.append([id, name, "log10" if positive else "lin", *map(_text, limits), _text(value), 1, shown, "", "",
                         "no interval"])  # fmt: skip
        return rows

    def nuisance(self) -> dict[str, tuple[str, str, float, float]]:
        """Return amplitudes, run-downs, offsets and noise: id -> (name, unit, value, width of the search)."""
        problem, theta = self.problem, self.fit.theta
        predicted, linear = problem.details(theta)
        _, sweeps = self._conditions
        by_row = {(w.experiment, w.sweep): w for w in sweeps}
        found: dict[str, tuple[str, str, float, float]] = {}
        residual: dict[str, list[np.ndarray]] = {}
        at = 0
        for group, rows in zip(problem.groups, predicted, strict=True):
            basis = problem.open_conductance(group, theta, xp=np)
            for r, key in enumerate(group.sweeps):
                w, cell, used = by_row[key], int(group.cell[r]), group.used[r]
                if problem.amplitude == "cell":
                    amplitude, place = float(linear["amplitude"][cell]), problem.cells[cell]
                else:
                    amplitude, place = float(linear["amplitude"][at]), w.name
                at += 1
                found[w.amplitude] = (f"amplitude of {place}", "nS", max(amplitude, 0.0), 1.0)
                now = amplitude
                if w.rundown:
                    slope = float(linear["slope"][cell])
                    now += slope * w.rundown[1]
                    found[w.rundown[0]] = (
                        f"change of amplitude per sweep of {place}",
                        "nS",
                        slope,
                        10 * abs(slope) + 1,
                    )
                offset = float(np.median(rows[r] - max(now, 0.0) * basis[r]))
                if problem.leak == "sweep":
                    size = float(np.ptp(group.data_pA[r][used])) or 1.0
                    found[w.offset] = (f"offset of {w.name}", "offset", offset, 10 * size)
                residual.setdefault(w.noise, []).append((group.data_pA[r] - rows[r])[used])
        told = self.fit.nuisance.get("noise_pA") if self.fit.objective == "least squares" else None
        for k, cell in enumerate(problem.cells):
            id = f"noise_{self.cell_ids[cell]}"
            left = np.concatenate(residual[id])
            value = float(told[k]) if told is not None else float(np.sqrt(np.mean(left**2)))
            found[id] = (f"noise of {cell}", "pA", value, 1.0)
        return found

    def posterior_rows(self, posterior: xr.Dataset) -> list[list[Any]]:
        """Return one row per draw, in the units of the table of parameters."""
        names = [str(n) for n in posterior["parameter"].values]
        if names != list(self.problem.table.names):
            raise DataError("The posterior is one of other parameters", why=", ".join(names))
        draws = np.asarray(posterior["draws"].values, dtype=float)
        rows: list[list[Any]] = [["chain", "draw", *self.number_ids]]
        for c, chain in enumerate(draws):
            rows += [[c, d, *(f"{x:.10g}" for x in draw)] for d, draw in enumerate(chain)]
        return rows

    def readme(self, posterior: bool) -> str:
        """Return what the files are and what they cannot say."""
        lines = [
            f"{self.scheme.name}: a fit as PEtab (format version 1), written by potentiate {__version__}.",
            "", "Units: ms, mM, mV, pA, nS; parameters in their own units (column unit of parameters.tsv).",
            f"Status of the fit: {self.fit.status}. Objective of the fit: {self.fit.objective}.", "",
            "Not the same here as in the fit:",
            "- amplitudes and offsets are solved for in the fit; here they are parameters;",
            "- intervals of the fit allow for correlated noise; PEtab takes every sample as independent;",
        ]  # fmt: skip
        if self.fit.objective != "least squares":
            lines.append(
                "- the likelihood that counts channels: PEtab has none; here noise is white and its size constant;"
            )
        if self.filter_kHz is not None:
            lines.append("- the filter: its input is continuous here, straight between samples in the fit;")
        if any(e.exchange_10_90_ms for e in self.problem.experiments):
            lines.append("- an exchange is followed continuously here, in steps in the fit (1e-4 of the peak);")
        if self.problem.model.bounds or any(e.word == "not determined" for e in self.fit.estimates):
            lines.append(
                "- words and intervals (columns word, intervalLow, intervalHigh) are ours, PEtab ignores them;"
            )
        lines[-1] = lines[-1].rstrip(";") + "."
        if posterior:
            lines += ["", "posterior.tsv: draws of the posterior, one row each, in the units of parameters.tsv."]
        return "\n".join(lines) + "\n"


def _without_free_slopes(m: RateMap) -> Scheme:
    """Return the scheme without the voltage laws whose slopes are free: the rule of the constant holds them."""
    is_free = np.any(m.voltage_design, axis=1)
    half = len(m.scheme.edges)
    edges = [
        dataclasses.replace(
            e,
            forward=dataclasses.replace(e.forward, voltage=None) if is_free[k] else e.forward,
            backward=dataclasses.replace(e.backward, voltage=None) if is_free[half + k] else e.backward,
        )
        for k, e in enumerate(m.scheme.edges)
    ]
    return dataclasses.replace(m.scheme, edges=tuple(edges))


def _text(x: float) -> str:
    """Return a number with all its digits; what is not finite as PEtab writes it."""
    return repr(float(x)) if math.isfinite(x) else "inf" if x > 0 else "-inf" if x < 0 else ""
