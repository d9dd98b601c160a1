"""`potentiate cite`: the works that a run, a scheme, a compound or a finding rests on."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from .. import __version__
from ..errors import DataError, UnknownNameError, UsageError
from ..library.compound import SOURCE_DOCUMENTS, compound_ids, find_compound
from ..library.finding import find_finding, finding_ids
from ..library.references import (
    Reference,
    bibliography,
    reference,
    references_of_modulator,
    references_of_scheme,
    references_of_sources,
)
from ..library.scheme import scheme_ids
from .output import Result, finish

SOFTWARE = Reference(
    "potentiate",
    "software",
    {
        "author": "{The potentiate authors}",
        "title": "{potentiate: an in-silico laboratory for the pharmacology of the glutamatergic synapse}",
        "version": __version__,
        "note": "this program",
    },
)


def cite(
    *what: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    bibtex: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print the bibliography of a run, or of schemes, compounds, findings and keys.

    Parameters
    ----------
    what
        Folder of a run, key of a work, id of a scheme, compound or finding; several may be given. Without any: how
        to cite this program.
    all_
        The whole bibliography.
    bibtex
        Print BibTeX.
    json
        Print one JSON object.
    """
    if all_ and what:
        raise UsageError("Give --all or what to cite, not both")
    unlisted: list[str] = []
    keys = list(bibliography()) if all_ else [key for item in what for key in keys_of(item, unlisted)]
    entries = [reference(key) for key in dict.fromkeys(keys)] if (all_ or what) else []
    if not all_:
        entries.append(SOFTWARE)
    if bibtex and not json:
        print("\n\n".join(entry.bibtex() for entry in entries))
        return 0
    extra = {
        "references": [{"key": e.key, "text": e.text(), "read": e.read, "bibtex": e.bibtex()} for e in entries],
        "unlisted": unlisted,
    }
    return finish(
        Result(
            "cite", "bibliography", {"what": list(what), "all": all_}, ["key", "work", "what was read of it"],
            [[e.key, e.text(), e.read] for e in entries],
            notes=[f"Not in the bibliography: {text}" for text in unlisted], extra=extra,
        ),
        as_json=json, files=False,
    )  # fmt: skip


def keys_of(item: str, unlisted: list[str]) -> list[str]:
    """Return the keys of a run, a scheme, a compound, a finding or a work; what has none is added to `unlisted`."""
    path = Path(item)
    if path.is_dir() or path.name == "results.json":
        return _of_run(path if path.name == "results.json" else path / "results.json", unlisted)
    return _of_name(item, unlisted)


def _of_name(name: str, unlisted: list[str]) -> list[str]:
    if name in bibliography():
        return [name]
    if name in finding_ids():
        if not (keys := references_of_sources([name])):
            source = find_finding(name).source
            said = [source.authors, source.year and str(source.year), source.title, source.journal, source.doi]
            unlisted.append(f"{name}: " + ", ".join(filter(None, said)))
        return keys
    if name in scheme_ids():
        return references_of_scheme(name)
    try:
        compound = find_compound(name)
    except UnknownNameError:
        valid = [*bibliography(), *scheme_ids(), *finding_ids(), *compound_ids()]
        raise UnknownNameError(
            "work, run, scheme, finding or compound", name, valid, do="list the works with: potentiate cite --all"
        ) from None
    return sorted(compound.sources() - set(SOURCE_DOCUMENTS)) + references_of_modulator(compound.id)


def _of_run(path: Path, unlisted: list[str]) -> list[str]:
    """Return the keys that a run lists, with those of the schemes, compounds and findings it names."""
    try:
        body = json_module.loads(path.read_text(encoding="utf-8"))
        named = [*body.get("references", []), *_names(body["inputs"]), *[f["id"] for f in body.get("findings", [])]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = getattr(error, "strerror", None) or f"not the results of a run ({type(error).__name__})"
        raise DataError("Cannot read the run", where=str(path), why=why, do="give the folder of a run") from None
    keys: list[str] = []
    for name in named:
        try:
            keys += _of_name(str(name), unlisted)
        except UnknownNameError:
            unlisted.append(str(name))
    return keys


def _names(inputs: dict[str, Any]) -> Iterable[str]:
    """Return the schemes and compounds among the inputs of a run."""
    for key, value in inputs.items():
        if key in ("scheme", "base_scheme", "compound", "schemes", "compounds"):
            yield from [value] if isinstance(value, str) else value or []
