"""A fit as a labelled data set and as a file, and back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, PotentiateError
from .fit_document import problem_document, problem_from
from .information import Direction, Information
from .residuals import ResidualCheck
from .result import Estimate, Fit, Start

if TYPE_CHECKING:
    import xarray as xr

    from .problem import Problem

_TITLE = "potentiate fit"
_ESTIMATE_NUMBERS = ("value", "low", "high", "start", "lowest", "highest")
_CHECK_NUMBERS = ("experiment", "sweep", "sd", "lag1", "correlation_time", "runs_z")


def to_dataset(fit: Fit) -> xr.Dataset:
    """Return a fit as a data set: dims parameter, start, cell, and (sweep, time) for each experiment."""
    import xarray as xr

    from .. import __version__

    def column(name: str) -> Any:
        return ("parameter", np.array([getattr(e, name) for e in fit.estimates]))

    variables: dict[str, Any] = {
        "theta": ("parameter", fit.theta, {"long_name": "on the scale of the search"}),
        "estimate": column("value"),
        **{name: column(name) for name in ("low", "high", "word", "reason", "shared_by", "lowest", "highest")},
        "started_from": column("start"),
        "information": (("parameter", "parameter_2"), fit.information.matrix),
        "direction_loadings": (("direction", "parameter"), np.stack([d.loadings for d in fit.information.directions])),
        "direction_sd": ("direction", np.array([d.sd for d in fit.information.directions])),
        "direction_word": ("direction", np.array([d.word for d in fit.information.directions])),
        "start_theta": (("start", "parameter"), np.array([s.theta for s in fit.starts])),
        "start_misfit": ("start", np.array([s.misfit for s in fit.starts])),
        "start_status": ("start", np.array([s.status for s in fit.starts])),
        "start_iterations": ("start", np.array([s.iterations for s in fit.starts], dtype=np.int32)),
        **{
            f"check_{name}": ("check", np.array([getattr(c, name) for c in fit.checks], dtype=float))
            for name in _CHECK_NUMBERS
        },
        **{
            f"check_{name}": ("check", np.array([getattr(c, name) for c in fit.checks]))
            for name in ("status", "reason")
        },
    }
    for name, values in fit.nuisance.items():
        values = np.atleast_1d(values)
        dim = "cell" if values.size == len(fit.problem.cells) else f"{name}_index"
        variables[name] = (dim, values, {"units": name.rsplit("_", 1)[-1] if "_" in name else "1"})
    for i, (e, predicted) in enumerate(zip(fit.problem.experiments, fit.predictions(), strict=True)):
        dims, attrs = (f"sweep_{i}", f"time_{i}"), {"units": "pA"}
        variables[f"data_{i}"] = (dims, e.recording.sweeps, {**attrs, "cell": e.cell})
        variables[f"prediction_{i}"] = (dims, predicted, attrs)
        variables[f"used_{i}"] = (dims, e.used.astype(np.int8))
        variables[f"time_{i}"] = (f"time_{i}", e.recording.time_ms, {"units": "ms"})
        if np.ndim(e.voltage_mV):
            variables[f"voltage_{i}"] = (f"time_{i}", np.asarray(e.voltage_mV, dtype=float), {"units": "mV"})
    coords = {
        "parameter": np.array([e.name for e in fit.estimates]),
        "unit": ("parameter", np.array([e.unit for e in fit.estimates])),
        "cell": np.array(fit.problem.cells),
    }
    attributes = {
        "title": _TITLE,
        "potentiate_version": __version__,
        "objective": fit.objective,
        "scheme": fit.problem.model.scheme.name,
        "log_likelihood": fit.log_likelihood,
        "aicc": fit.aicc,
        "n_samples": fit.n_samples,
        "n_parameters": fit.n_parameters,
        "correlation_time": fit.correlation_time,
        "seed": fit.seed,
        "level": fit.level,
        "status": fit.status,
        "seconds": json.dumps(dict(fit.seconds)),
        "notes": json.dumps(list(fit.notes)),
        "nuisance": json.dumps(list(fit.nuisance)),
        "document": json.dumps(problem_document(fit.problem)),
    }
    return xr.Dataset(variables, coords, attributes)


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a data set as NetCDF (classic model), to a temporary name first.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")
    try:
        dataset.to_netcdf(temporary, engine="scipy")
        os.replace(temporary, path)
    except OSError as error:
        raise DataError("Cannot write the fit", where=path.name, why=error.strerror or str(error)) from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def is_fit(path: str | Path) -> bool:
    """Return whether a file is a saved fit; False where it cannot be read."""
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="scipy") as found:
            return found.attrs.get("title") == _TITLE
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_estimates(path: str | Path) -> Mapping[str, float]:
    """Return name -> estimate of a saved fit, to go on from.

    Raises
    ------
    DataError
        Not a fit, or damaged.
    """
    found = _open(path)
    try:
        return dict(zip(_words(found, "parameter"), found["estimate"].values.tolist(), strict=True))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("The fit cannot be read", where=str(path), why=str(error)) from None


def load_problem(path: str | Path) -> Problem:
    """Return the problem of a saved fit: model, experiments, data.

    Raises
    ------
    DataError
        Not a fit, damaged, or without a description (written before there was one).
    """
    return _problem(_open(path), str(path))


def load_fit(path: str | Path) -> Fit:
    """Return a saved fit.

    Raises
    ------
    DataError
        Not a fit, damaged, or without a description (written before there was one).
    """
    found = _open(path)
    problem = _problem(found, str(path))
    try:
        if tuple(_words(found, "parameter")) != problem.table.names:
            raise DataError(
                "The fit does not belong to its description", where=str(path),
                why=f"it holds {', '.join(_words(found, 'parameter'))}; its model has {', '.join(problem.table.names)}",
            )  # fmt: skip
        read = {"value": "estimate", "start": "started_from"}
        numbers = {name: found[read.get(name, name)].values.astype(float) for name in _ESTIMATE_NUMBERS}
        words = {name: _words(found, name) for name in ("word", "reason", "shared_by", "unit")}
        names = _words(found, "parameter")
        columns: list[dict[str, Any]] = [
            {
                "name": name,
                **{n: float(numbers[n][k]) for n in _ESTIMATE_NUMBERS},
                **{n: words[n][k] for n in words},
            }
            for k, name in enumerate(names)
        ]
        estimates = tuple(Estimate(**column) for column in columns)
        directions = tuple(
            Direction(np.array(loadings), float(sd), word)
            for loadings, sd, word in zip(
                found["direction_loadings"].values, found["direction_sd"].values, _words(found, "direction_word"),
                strict=True,
            )
        )  # fmt: skip
        starts = tuple(
            Start(tuple(map(float, theta)), float(misfit), status, int(iterations))
            for theta, misfit, status, iterations in zip(
                found["start_theta"].values, found["start_misfit"].values, _words(found, "start_status"),
                found["start_iterations"].values, strict=True,
            )
        )  # fmt: skip
        read_off = [found[f"check_{name}"].values for name in _CHECK_NUMBERS]
        checks = tuple(
            ResidualCheck(int(i), int(s), float(sd), float(lag1), float(slow), float(z), status, reason)
            for i, s, sd, lag1, slow, z, status, reason in zip(
                *read_off, _words(found, "check_status"), _words(found, "check_reason"), strict=True
            )
        )
        a = found.attrs
        nuisance = {str(name): found[str(name)].values for name in json.loads(a["nuisance"])}
        return Fit(
            problem, str(a["objective"]), found["theta"].values, estimates, nuisance, float(a["log_likelihood"]),
            int(a["n_samples"]), int(a["n_parameters"]), float(a["aicc"]),
            Information(found["information"].values, directions), starts, checks, float(a["correlation_time"]),
            json.loads(a["seconds"]), int(a["seed"]), str(a["status"]), tuple(json.loads(a["notes"])),
            float(a["level"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("The fit cannot be read", where=str(path), why=str(error)) from None


def _open(path: str | Path) -> xr.Dataset:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="scipy") as found:
            if found.attrs.get("title") != _TITLE:
                raise DataError("Not a fit", where=str(path), do="give the .nc file that a fit wrote")
            return found.load()
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError("The fit cannot be read", where=str(path), why=why) from None


def _words(found: xr.Dataset, name: str) -> list[str]:
    return [w.decode() if isinstance(w, bytes) else str(w) for w in found[name].values.tolist()]


def _problem(found: xr.Dataset, where: str) -> Problem:
    if "document" not in found.attrs:
        raise DataError("The fit has no description of its model", where=where, do="fit again, and save it")
    try:
        document = json.loads(found.attrs["document"])
        arrays = []
        for i, _ in enumerate(document["experiments"]):
            own = {
                "time_ms": found[f"time_{i}"].values, "data_pA": found[f"data_{i}"].values,
                "used": found[f"used_{i}"].values != 0,
            }  # fmt: skip
            if f"voltage_{i}" in found:
                own["voltage_mV"] = found[f"voltage_{i}"].values
            arrays.append(own)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("The description of the fit is damaged", where=where, why=str(error)) from None
    try:
        return problem_from(document, arrays, where=where)
    except PotentiateError as error:
        raise DataError("The description of the fit is damaged", where=where, why=error.what, do=error.do) from None
