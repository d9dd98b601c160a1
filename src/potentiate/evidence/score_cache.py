"""Samples of findings on disk, by the hash of everything that they depend on.

The key is made of the experiment (without what only judges it: tolerance, texts), of the documents that it can reach,
of the code of every room below this one and of the experiments here, and of the versions of the numerical libraries. A
change anywhere makes another key, so nothing stale can be read; texts, tolerances and verdicts are never stored.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import math
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..library.document import LIBRARY
from ..library.finding import Finding, NoExperiment, SubjectExperiment
from .scoring import Sample

#: Rooms whose code the samples depend on.
ROOMS = ("numerics", "kinetics", "mechanisms", "library", "protocols", "recordings", "measures", "exposure",
         "preparations")  # fmt: skip
#: Libraries whose version may change a number.
LIBRARIES = ("numpy", "scipy", "jax")
#: Folders of documents that any receptor, synapse or slice may reach.
RECEPTOR_DOCUMENTS = ("schemes", "receptors", "preparations", "solutions")
#: Folders of documents that a subject may reach; a metabolite or a partner need not be named by the finding.
SUBJECT_DOCUMENTS = ("dispositions", "people", "interactions", "receptors", "pathways")
#: What only judges an experiment, or explains it.
JUDGING = {"tolerance", "assumed", "no_test"}


def folder() -> Path:
    """Return the folder of the cache: ``potentiate/scores`` in the user's cache folder (XDG_CACHE_HOME)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "potentiate" / "scores"


def key(finding: Finding) -> str | None:
    """Return the key of a finding's samples; None where nothing is run."""
    experiment = finding.experiment
    if isinstance(experiment, NoExperiment):
        return None
    asked = experiment.model_dump(mode="json", exclude=JUDGING)
    parts: list[Any] = [asked, finding.effect.unit, code(), _ensemble_and_permeability()]
    if isinstance(experiment, SubjectExperiment):
        parts += [_folder_hash(name) for name in SUBJECT_DOCUMENTS]
        parts += [_folder_hash("compounds"), _folder_hash("parameters")]
    else:
        parts += [_folder_hash(name) for name in RECEPTOR_DOCUMENTS]
        parts += [_compound_hash(name) for name in _compounds(asked)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load(name: str) -> list[Sample] | None:
    """Return the samples of a key; None where there are none that can be read."""
    try:
        rows = json.loads((folder() / f"{name}.json").read_text(encoding="utf-8"))
        return [
            Sample(math.nan if value is None else float(value), str(scheme), variant, reason)
            for value, scheme, variant, reason in rows
        ]
    except (OSError, ValueError, TypeError):
        return None  # absent, cut off or not ours: it is computed again


def save(name: str, samples: Sequence[Sample]) -> None:
    """Keep samples; a folder that cannot be written only costs time."""
    rows = [[s.value if math.isfinite(s.value) else None, s.scheme, s.variant, s.reason] for s in samples]
    at = folder()
    try:
        at.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".part-", dir=at)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(rows, out, allow_nan=False)
        Path(part).replace(at / f"{name}.json")
    except OSError:
        return


@functools.cache
def code() -> str:
    """Return the hash of the code that samples depend on, and of the versions of the numerical libraries."""
    package = LIBRARY.parent
    files = [package / "units.py", package / "errors.py"]
    for room in ROOMS:
        files += sorted((package / room).rglob("*.py"))
    here = Path(__file__).parent
    files += [here / "comparison.py", here / "experiment.py", here / "slice_run.py"]
    files += sorted(here.glob("*_experiment.py"))
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    return _hash(files, package) + " " + ", ".join(versions)


@functools.cache
def _folder_hash(name: str) -> str:
    return _hash(sorted((LIBRARY / name).rglob("*.yaml")), LIBRARY)


@functools.cache
def _ensemble_and_permeability() -> str:
    return _hash(sorted((LIBRARY / "parameters").glob("*.yaml")), LIBRARY)


@functools.cache
def _compound_hash(name: str) -> str:
    found = [LIBRARY / "compounds" / f"{name}.yaml", LIBRARY / "parameters" / "modulators" / f"{name}.yaml"]
    return _hash([path for path in found if path.is_file()], LIBRARY)


def _compounds(asked: Any) -> list[str]:
    """Return every compound that an experiment names, wherever it names it."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                if name == "blockers" and isinstance(value, dict):
                    found.update(value)
                elif name in ("drug", "agonist") and isinstance(value, str):
                    found.add(value)
                else:
                    walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(asked)
    return sorted(found)


def _hash(files: Iterable[Path], relative_to: Path) -> str:
    told = hashlib.sha256()
    for path in files:
        told.update(path.relative_to(relative_to).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return told.hexdigest()
