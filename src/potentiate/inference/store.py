"""A fit as a labelled data set and as a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from .result import Fit


def to_dataset(fit: Fit) -> xr.Dataset:
    """Return a fit as a data set: dims parameter, start, cell, and (sweep, time) for each experiment."""
    import xarray as xr

    from .. import __version__

    names = np.array([e.name for e in fit.estimates])
    variables: dict[str, Any] = {
        "theta": ("parameter", fit.theta, {"long_name": "on the scale of the search"}),
        "estimate": ("parameter", np.array([e.value for e in fit.estimates])),
        "low": ("parameter", np.array([e.low for e in fit.estimates])),
        "high": ("parameter", np.array([e.high for e in fit.estimates])),
        "word": ("parameter", np.array([e.word for e in fit.estimates])),
        "information": (("parameter", "parameter_2"), fit.information.matrix),
        "start_theta": (("start", "parameter"), np.array([s.theta for s in fit.starts])),
        "start_misfit": ("start", np.array([s.misfit for s in fit.starts])),
    }
    for name, values in fit.nuisance.items():
        values = np.atleast_1d(values)
        dim = "cell" if values.size == len(fit.problem.cells) else f"{name}_index"
        variables[name] = (dim, values, {"units": name.rsplit("_", 1)[-1]})
    for i, (e, predicted) in enumerate(zip(fit.problem.experiments, fit.predictions(), strict=True)):
        dims, attrs = (f"sweep_{i}", f"time_{i}"), {"units": "pA"}
        variables[f"data_{i}"] = (dims, e.recording.sweeps, {**attrs, "cell": e.cell})
        variables[f"prediction_{i}"] = (dims, predicted, attrs)
        variables[f"time_{i}"] = (f"time_{i}", e.recording.time_ms, {"units": "ms"})
    coords = {
        "parameter": names,
        "unit": ("parameter", np.array([e.unit for e in fit.estimates])),
        "cell": np.array(fit.problem.cells),
    }
    attributes = {
        "title": "potentiate fit",
        "potentiate_version": __version__,
        "objective": fit.objective,
        "scheme": fit.problem.model.scheme.name,
        "log_likelihood": fit.log_likelihood,
        "aicc": fit.aicc,
        "n_samples": fit.n_samples,
        "n_parameters": fit.n_parameters,
        "seed": fit.seed,
        "status": fit.status,
        "notes": json.dumps(list(fit.notes)),
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


def load_estimates(path: str | Path) -> Mapping[str, float]:
    """Return name -> estimate of a saved fit, to go on from.

    Raises
    ------
    DataError
        Not a fit, or damaged.
    """
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="scipy") as found:
            if found.attrs.get("title") != "potentiate fit":
                raise DataError("Not a fit", where=str(path), do="give the .nc file that a fit wrote")
            names = [str(n) for n in found["parameter"].values]
            return dict(zip(names, found["estimate"].values.tolist(), strict=True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("The fit cannot be read", where=str(path), why=str(error)) from None
