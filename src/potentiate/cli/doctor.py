"""`potentiate doctor`: what is installed, what is missing and why it matters. Uses no network."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .. import __version__
from .output import Result, finish

#: distribution -> what stops working without it
NEEDED = {
    "numpy": "all arrays",
    "scipy": "fits and special functions",
    "jax": "batches, gradients, accelerators",
    "jaxlib": "batches, gradients, accelerators",
    "xarray": "labelled recordings and NetCDF",
    "pydantic": "checking of library documents",
    "pyyaml": "reading of library documents",
    "pint": "text with units, such as 5 mM",
    "matplotlib": "figures",
    "rich": "tables",
    "cyclopts": "the command line",
    "neo": "reading ABF, AxoGraph, WinWCP",
    "pyabf": "the second opinion on ABF scales",
}
OPTIONAL = {
    "pynwb": "NWB files (extra nwb)",
    "igor2": "second opinion on Igor files (tests only)",
    "statsmodels": "the second opinion on mixed models (extra statistics)",
    "numpyro": "posteriors (extra bayes)",
    "python-libsbml": "SBML and PEtab (extra sbml)",
    "myokit": "comparison with another simulator (tests only)",
    "neuron": "comparison with another simulator (tests only)",
    "libroadrunner": "comparison with another simulator (tests only)",
}

Row = tuple[str, str, str, str]


def doctor(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Show the state of this installation: dependencies, accelerator, cache and data folders.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    wanted = _specifiers()
    core = [_package(name, why, wanted.get(name, ""), "missing") for name, why in NEEDED.items()]
    optional = [_package(name, why, wanted.get(name, ""), "not installed") for name, why in OPTIONAL.items()]
    rows: list[Row] = [
        ("potentiate", __version__, "ok", "this program"),
        ("python", platform.python_version(), "ok", f"{platform.system()} {platform.machine()}"),
        *core, *_accelerator(), *_folders(), *_library(), *optional,
    ]  # fmt: skip
    bad = [row[0] for row in rows if row[2] in ("missing", "wrong version", "failed")]
    notes = [f"Repair: install {', '.join(bad)}" if bad else "All that is needed is here."]
    checks = [dict(zip(("item", "found", "status", "matters_for"), row, strict=True)) for row in rows]
    return finish(
        Result("doctor", "installation", {}, ["item", "found", "status", "what it is for"], rows, notes=notes,
               extra={"healthy": not bad, "checks": checks}),
        as_json=json, files=False,
    )  # fmt: skip


def _specifiers() -> dict[str, str]:
    """Return the versions that this installation asks for; empty where it carries no metadata."""
    try:
        from packaging.requirements import Requirement  # comes with xarray and matplotlib

        texts = importlib.metadata.requires("potentiate") or []
    except (ImportError, importlib.metadata.PackageNotFoundError):
        return {}
    return {r.name.lower(): str(r.specifier) for r in map(Requirement, texts)}


def _package(name: str, why: str, wanted: str, absent: str) -> Row:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return name, "-", absent, why
    if wanted:
        from packaging.specifiers import SpecifierSet

        if not SpecifierSet(wanted).contains(version, prereleases=True):
            return name, version, "wrong version", f"{why}; needs {wanted}"
    return name, version, "ok", why


def _accelerator() -> list[Row]:
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy as jnp

        devices = ", ".join(f"{d.platform} ({d.device_kind})" for d in jax.devices())
        exact = jnp.asarray(1.0).dtype == jnp.float64
    except Exception as error:  # a broken accelerator raises anything; the doctor reports it
        return [("jax device", "-", "failed", f"{type(error).__name__}: {str(error).splitlines()[0][:90]}")]
    return [
        ("jax device", devices, "ok", "where batches run"),
        ("jax float64", "yes" if exact else "no", "ok" if exact else "failed", "everything fitted or scored"),
    ]


def _folders() -> list[Row]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "potentiate" / "jax"
    here = next((p for p in (cache, *cache.parents) if p.is_dir()), Path("/"))
    state = "ok" if os.access(here, os.W_OK) else "read-only"
    told = os.environ.get("POTENTIATE_DATA")
    found = "ok" if told and Path(told).is_dir() else "not found" if told else "not set"
    return [
        ("cache folder", str(cache), state if cache.is_dir() else f"{state}, still empty", "compiled programs (jax)"),
        ("data folder", told or "-", found, "POTENTIATE_DATA: real recordings, used by tests only"),
        ("runs folder", "runs", "ok" if os.access(Path.cwd(), os.W_OK) else "read-only", "results of commands"),
    ]


def _library() -> list[Row]:
    from ..library.compound import compound_ids
    from ..library.finding import finding_ids
    from ..library.references import bibliography
    from ..library.scheme import scheme_ids

    counts = {"compounds": compound_ids(), "schemes": scheme_ids(), "findings": finding_ids(), "works": bibliography()}
    text = ", ".join(f"{len(v)} {k}" for k, v in counts.items())
    complete = all(counts.values())
    return [("library", text, "ok" if complete else "missing", f"documents of this package ({sys.prefix})")]
