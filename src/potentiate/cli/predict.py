"""`potentiate predict`: freeze what the model says before anybody measures it, and score it when somebody has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..errors import UnknownNameError, UsageError
from ..library.prediction import REGISTRY, FrozenOutcome, FrozenPrediction, Resolution
from ..library.registry import Registry
from .output import Result, finish

#: Where a user's own predictions go.
OWN = Path("predictions")

COLUMNS = ["prediction", "outcome", "median", "90 % interval", "unit", "registered", "state"]


def predict(
    name: str | None = None, /, *,
    register: str | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    check: Annotated[bool, Parameter(negative="")] = False,
    resolve: Path | None = None,
    registry: Path | None = None,
    seed: int = 1,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:  # fmt: skip
    """Register a prediction, list and check what is registered, resolve one with data.

    Parameters
    ----------
    name
        Show one registered prediction in full.
    register
        Freeze the answer to a question: its name in the library, or a YAML file.
    list_
        List what is registered; also what happens without any option.
    check
        Recompute every hash; exit code 3 where anything was changed.
    resolve
        YAML file with data that were measured later: score them, and add the score to the registry.
    registry
        Folder of the registry. Default: that of the program, with your own in predictions/.
    seed
        Of resampled slices.
    json
        Print one JSON object.
    """
    asked = [word for word, given in (
        ("a name", name), ("--register", register), ("--list", list_), ("--check", check), ("--resolve", resolve)
    ) if given]  # fmt: skip
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} do not go together", do="give one of them")
    if register is not None:
        return _register(register, registry or OWN, seed, json)
    if resolve is not None:
        return _resolve(resolve, registry, json)
    registries = [Registry(registry)] if registry is not None else _readable()
    if registry is not None and not registry.is_dir():
        raise UsageError(f"There is no registry in {registry}", do="give the folder that --register wrote")
    return _check(registries, json) if check else _list(registries, name, json)


def _readable() -> list[Registry]:
    """Return the program's registry, and the user's own where there is one."""
    found = [Registry(REGISTRY)]
    return [*found, Registry(OWN)] if OWN.is_dir() else found


def _progress(quiet: bool) -> Any:
    if quiet or not sys.stderr.isatty():
        return lambda text: None
    return lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _register(name: str, folder: Path, seed: int, json: bool) -> int:
    from ..evidence.prediction import freeze
    from ..library.prediction import find_question

    question, registry = find_question(name), Registry(folder)
    command = ["potentiate", *sys.argv[1:]]
    frozen = freeze(question, registry, seed=seed, command=command, progress=_progress(json))
    _, link = registry.find(frozen.id)
    notes = [frozen.question.statement, f"Frozen as {folder / link.file}", f"sha256 {link.sha256}",
             f"head of the chain {link.hash}: keep it elsewhere, and a rewritten registry shows"]  # fmt: skip
    return _show([(frozen, [])], notes, json, assumed=frozen.assumed, seed=seed,
                 extra={"registry": str(folder), "sha256": link.sha256, "head": link.hash})  # fmt: skip


def _list(registries: list[Registry], name: str | None, json: bool) -> int:
    listed = [(p, registry) for registry in registries for p in registry.predictions()]
    solved = [r for registry in registries for r in registry.resolutions()]
    pairs = [(p, [r for r in solved if r.scored == registry.find(p.id)[1].sha256]) for p, registry in listed]
    if name is None:
        notes = [] if pairs else ["Nothing is registered"]
        if any(registry.faults() for registry in registries):
            notes.append("warning: a registry was changed: potentiate predict --check")
        return _show(pairs, notes, json)
    chosen = [(p, r) for p, r in pairs if p.id == name]
    if not chosen:
        raise UnknownNameError("registered prediction", name, [p.id for p, _ in pairs])
    question = chosen[0][0].question
    notes = [question.statement, f"Why: {question.why}", f"Settled by: {question.settled_by}"]
    notes += [f"{o.id}: {o.statement}" for o in question.outcomes]
    return _show(chosen, notes, json, assumed=chosen[0][0].assumed, seed=chosen[0][0].seed)


def _check(registries: list[Registry], json: bool) -> int:
    faults = {str(registry.folder): registry.faults() for registry in registries}
    rows: list[list[Any]] = []
    for registry in registries:
        found = faults[str(registry.folder)]
        which = "the program's" if registry.folder == REGISTRY else str(registry.folder)
        head = "-" if found else registry.head
        rows.append([which, "-" if found else len(registry.links), "changed" if found else "whole", head])
    notes = [f"{folder}: {fault}" for folder, found in faults.items() for fault in found]
    result = Result(
        "predict", "check", {"check": True}, ["registry", "files", "state", "head of the chain"], rows, notes=notes,
        extra={"faults": faults},
    )  # fmt: skip
    finish(result, as_json=json, files=False)
    return 3 if notes else 0


def _resolve(path: Path, folder: Path | None, json: bool) -> int:
    from ..evidence.prediction import resolve
    from ..library.prediction import read_resolution_data

    data = read_resolution_data(path)
    registries = [Registry(folder)] if folder is not None else _readable()
    own = next((r for r in registries if any(link.file == f"{data.prediction}.json" for link in r.links)), None)
    own = own or Registry(REGISTRY)
    own.require_whole()
    frozen, link = own.find(data.prediction)
    resolution = resolve(data, frozen, link.sha256)
    # a registry inside the program is not the user's to write to
    target = Registry(folder) if folder is not None else Registry(OWN)
    written = target.add(resolution)
    notes = [
        f"log score {resolution.log_score:.3g}, that of the forecast to beat {resolution.reference_log_score:.3g}: "
        f"gain {resolution.gain:+.3g}",
        f"{resolution.quantile:.0%} of the prediction lies below what was measured; "
        f"inside the 90 % interval: {_yes(resolution.inside_90)}, the 50 % interval: {_yes(resolution.inside_50)}",
        "one number scores a forecast little: calibration shows over many",
        f"Added {target.folder / written.file}; the prediction itself was not touched",
    ]
    if not data.blind:
        notes.append("The data were not analysed blind to the prediction")
    return _show([(frozen, [resolution])], notes, json, only=data.outcome,
                 extra={"registry": str(target.folder), "head": written.hash})  # fmt: skip


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _show(
    pairs: list[tuple[FrozenPrediction, list[Resolution]]], notes: list[str], json: bool, *, only: str | None = None,
    assumed: list[str] | None = None, seed: int | None = None, extra: dict[str, Any] | None = None,
) -> int:  # fmt: skip
    rows: list[list[Any]] = []
    observables, resolutions = [], []
    for prediction, solved in pairs:
        for outcome in prediction.outcomes:
            if only not in (None, outcome.id):
                continue
            mine = [r for r in solved if r.data.outcome == outcome.id]
            low, high = outcome.interval_90
            rows.append([prediction.id, outcome.id, outcome.median, f"{low:.3g} to {high:.3g}", outcome.unit,
                         prediction.registered.date().isoformat(), _state(mine)])  # fmt: skip
            observables.append(_observable(prediction, outcome))
            resolutions += [r.model_dump(mode="json") for r in mine]
    result = Result(
        "predict", "registry", {"predictions": [p.id for p, _ in pairs]}, COLUMNS, rows, observables,
        assumed=assumed or [], notes=notes, seed=seed, extra={"resolutions": resolutions, **(extra or {})},
    )  # fmt: skip
    return finish(result, as_json=json, files=False)


def _state(solved: list[Resolution]) -> str:
    if not solved:
        return "open"
    where = {True: "inside", False: "outside"}
    return "; ".join(f"{r.data.value:.3g}, {where[r.inside_90]}, gain {r.gain:+.2g}" for r in solved)


def _observable(prediction: FrozenPrediction, outcome: FrozenOutcome) -> dict[str, Any]:
    from ..measures.observable import Observable

    notes = tuple(f"{s.scheme}: {s.reason}" for s in outcome.samples if s.reason)
    found = Observable(
        outcome.id, outcome.median, outcome.unit, interval=outcome.interval_90,
        convention="median and 90 % interval of the mixture of the ensemble", notes=notes,
    )
    when = prediction.registered.isoformat()
    return found.as_dict("prediction", {"prediction": prediction.id, "registered": when})
