"""A posterior as a labelled data set and as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from .posterior import Posterior

_TITLE = "potentiate posterior"


def to_dataset(posterior: Posterior) -> xr.Dataset:
    """Return a posterior as a data set: dims chain, draw, parameter."""
    import xarray as xr

    from .. import __version__

    p = posterior
    numbers = ("mean", "sd", "median", "low", "high", "r_hat", "ess_bulk", "ess_tail", "share_of_prior_sd")
    words = ("word", "reason", "prior", "shared_by")
    variables = {
        "draws": (("chain", "draw", "parameter"), p.draws, {"long_name": "in the unit of each parameter"}),
        "theta": (("chain", "draw", "parameter"), p.theta, {"long_name": "on the scale of the search"}),
        "diverging": (("chain", "draw"), p.diverging.astype(np.int8)),
        "steps": (("chain", "draw"), p.steps.astype(np.int32)),
        "acceptance": (("chain", "draw"), p.acceptance),
        "energy": (("chain", "draw"), p.energy),
        **{name: ("parameter", np.array([getattr(m, name) for m in p.marginals])) for name in (*numbers, *words)},
    }
    coords = {
        "chain": np.arange(p.theta.shape[0], dtype=np.int32),
        "draw": np.arange(p.theta.shape[1], dtype=np.int32),
        "parameter": np.array(p.target.names),
        "unit": ("parameter", np.array([q.unit for q in p.target.parameters])),
    }
    problem = p.target.problem
    files = [] if problem is None else [str(e.recording.provenance.get("file", e.cell)) for e in problem.experiments]
    attributes = {
        "title": _TITLE,
        "potentiate_version": __version__,
        "method": "NUTS (numpyro), dense mass matrix from the curvature at the optimum",
        "objective": p.target.objective,
        "treatment": p.target.treatment,
        "scheme": "" if problem is None else problem.model.scheme.name,
        "recordings": json.dumps(files),
        "interval_level": p.level,
        "warmup": p.warmup,
        "gradients": p.gradients,
        "seconds": json.dumps(dict(p.seconds)),
        "seed": p.seed,
        "status": p.status,
        "notes": json.dumps(list(p.notes)),
    }
    return xr.Dataset(variables, coords, attributes)


def load_posterior(path: str | Path) -> xr.Dataset:
    """Return the data set of a saved posterior.

    Raises
    ------
    DataError
        Not a posterior, or damaged.
    """
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="scipy") as found:
            if found.attrs.get("title") != _TITLE or found["draws"].dims != ("chain", "draw", "parameter"):
                raise DataError("Not a posterior", where=str(path), do="give the .nc file that a posterior wrote")
            return found.load()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("The posterior cannot be read", where=str(path), why=str(error)) from None
