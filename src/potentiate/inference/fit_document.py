"""A problem as plain data, so that a saved fit can be taken up again or written in another format, and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..exposure.bath import Bath
from ..kinetics.modulator import Modulator
from ..kinetics.rate import Q10, AntonovBlock, LogisticTemperature, Rate, Voltage
from ..kinetics.scheme import ROLES, Edge, Scheme
from ..protocols.protocol import Protocol, Segment, Transient
from ..recordings.recording import Recording
from .experiment import Experiment
from .model import DrugModel, Model
from .problem import Problem

#: Raised when the form changes; a reader refuses what is newer.
VERSION = 1

_LAWS = {law.__name__: law for law in (Voltage, AntonovBlock, Q10, LogisticTemperature)}


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return everything of a problem but its arrays (data, masks, command voltages) as plain data."""
    return {
        "version": VERSION,
        "model": model_document(problem.model) if type(problem.model) is Model else None,  # others are made in code
        "amplitude": problem.amplitude,
        "leak": problem.leak,
        "rundown": problem.rundown,
        "experiments": [_experiment_document(e) for e in problem.experiments],
    }


def model_document(model: Model) -> dict[str, Any]:
    """Return a model as plain data."""
    free = model.free
    return {
        "scheme": scheme_document(model.scheme),
        "free": None if free is None else {k: list(v) for k, v in free.items()} if isinstance(free, Mapping)
        else list(free),
        "drugs": {
            ligand: {
                "free": list(drug.free),
                "sites": drug.modulator.sites,
                "kd_uM": drug.modulator.kd_uM,
                "koff_per_ms": drug.modulator.koff_per_ms,
                "weights": {k: list(v) for k, v in drug.modulator.weights.items()},
                "split": dict(drug.modulator.split),
                "speed": dict(drug.modulator.speed),
            }
            for ligand, drug in model.drugs.items()
        },
        "sharing": dict(model.sharing),
        "bounds": {k: list(v) for k, v in model.bounds.items()},
    }  # fmt: skip


def scheme_document(scheme: Scheme) -> dict[str, Any]:
    """Return a scheme as plain data."""
    fields = {f.name: getattr(scheme, f.name) for f in dataclasses.fields(Scheme)}
    fields["bath_uM"] = dict(scheme.bath_uM)
    fields["edges"] = [
        {"source": e.source, "target": e.target, "role": e.role, "forward": _rate_document(e.forward),
         "backward": _rate_document(e.backward)}
        for e in scheme.edges
    ]  # fmt: skip
    return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}


def _rate_document(rate: Rate) -> dict[str, Any]:
    made: dict[str, Any] = {"k": rate.k}
    if rate.ligand is not None:
        made["ligand"] = rate.ligand
    if rate.occupancy is not None:
        made["occupancy"] = list(rate.occupancy)
    for name in ("voltage", "temperature"):
        law = getattr(rate, name)
        if law is not None:
            made[name] = {"law": type(law).__name__, **dataclasses.asdict(law)}
    return made


def _experiment_document(e: Experiment) -> dict[str, Any]:
    voltage = np.asarray(e.voltage_mV, dtype=float)
    return {
        "file": str(e.recording.provenance.get("file", "")),
        "label": e.recording.label,
        "protocol": e.protocol.as_document(),
        "exposure": [{"drugs_uM": dict(b.drugs_uM), "placement": b.placement} for b in e.baths],
        "cell": e.cell,
        "animal": e.animal,
        "voltage_mV": float(voltage) if voltage.ndim == 0 else None,  # None: an array of its own
        "reversal_mV": float(e.reversal_mV),
        "temperature_C": e.temperature_C,
        "exchange_10_90_ms": float(e.exchange_10_90_ms),
        "filter_kHz": e.filter_kHz,
        "filter_kind": e.filter_kind,
    }


# -------------------------------------------------------------------------------------------------- back


def problem_from(document: Any, arrays: Sequence[Mapping[str, np.ndarray]], *, where: str = "") -> Problem:
    """Return the problem that a document describes.

    Parameters
    ----------
    document : mapping
        From :func:`problem_document`.
    arrays : sequence of mapping
        For each experiment ``time_ms`` (time,), ``data_pA`` and ``used`` (sweep, time), and, where the voltage changes,
        ``voltage_mV`` (time,).
    where : str
        For messages.

    Raises
    ------
    DataError
        It is newer than this program, or damaged.
    """
    try:
        version = int(document["version"])
        if version > VERSION:
            raise DataError(
                f"The fit is of a newer form ({version})", where=where, why=f"this program knows {VERSION}",
                do="update potentiate",
            )  # fmt: skip
        if document["model"] is None:
            raise DataError(
                "The model of this fit was made in code, and is not in the file", where=where, do="make it again"
            )
        experiments = [_experiment(d, a) for d, a in zip(document["experiments"], arrays, strict=True)]
        return Problem(
            _model(document["model"]), tuple(experiments), amplitude=document["amplitude"], leak=document["leak"],
            rundown=bool(document["rundown"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError("The description of the fit is damaged", where=where, why=f"{error}") from None


def _model(d: Any) -> Model:
    free = d["free"]
    drugs = {
        str(ligand): DrugModel(
            Modulator(
                str(ligand), int(a["sites"]), _number(a["kd_uM"]), _number(a["koff_per_ms"]),
                {str(k): tuple(_number(w) for w in v) for k, v in a["weights"].items()},
                {str(k): _number(v) for k, v in a["split"].items()},
                {str(k): _number(v) for k, v in a["speed"].items()},
            ),
            tuple(str(name) for name in a["free"]),
        )
        for ligand, a in d["drugs"].items()
    }  # fmt: skip
    if isinstance(free, dict):
        free = {str(k): [str(member) for member in v] for k, v in free.items()}
    elif free is not None:
        free = tuple(str(name) for name in free)
    bounds = {str(k): (float(low), float(high)) for k, (low, high) in d["bounds"].items()}
    return Model(_scheme(d["scheme"]), free, drugs, {str(k): v for k, v in d["sharing"].items()}, bounds)


def _scheme(d: Any) -> Scheme:
    n = len(d["states"])
    edges = []
    for e in d["edges"]:
        source, target = int(e["source"]), int(e["target"])
        if not (0 <= source < n and 0 <= target < n and source != target and e["role"] in ROLES):
            raise ValueError(f"transition {source} to {target} of a scheme of {n} states")
        edges.append(Edge(source, target, e["role"], _rate(e["forward"]), _rate(e["backward"])))
    return Scheme(
        str(d["name"]),
        tuple(str(s) for s in d["states"]),
        tuple(str(s) for s in d["classes"]),
        tuple(int(b) for b in d["bound"]),
        tuple(_number(c) for c in d["conductance"]),
        tuple(edges),
        str(d["agonist"]),
        int(d["rest"]),
        str(d["conductance_unit"]),
        None if d["temperature_C"] is None else _number(d["temperature_C"]),
        tuple((str(k), _number(v)) for k, v in d["bath_uM"].items()),
        str(d["family"]),
    )


def _rate(d: Any) -> Rate:
    laws: dict[str, Any] = {}
    for name in ("voltage", "temperature"):
        if name in d:
            told = dict(d[name])
            law: Any = _LAWS[told.pop("law")]
            laws[name] = law(**{k: str(v) if k == "direction" else _number(v) for k, v in told.items()})
    occupancy = d.get("occupancy")
    return Rate(
        _number(d["k"]), None if d.get("ligand") is None else str(d["ligand"]),
        None if occupancy is None else (_number(occupancy[0]), int(occupancy[1])), **laws,
    )  # fmt: skip


def _experiment(d: Any, arrays: Mapping[str, np.ndarray]) -> Experiment:
    recording = Recording.from_arrays(
        arrays["time_ms"], arrays["data_pA"], provenance={"file": str(d["file"])} if d["file"] else None,
        label=d["label"],
    )  # fmt: skip
    baths = [Bath({str(k): _number(v) for k, v in b["drugs_uM"].items()}, b["placement"]) for b in d["exposure"]]
    return Experiment(
        recording,
        protocol_from(d["protocol"]),
        baths,
        str(d["cell"]),
        str(d["animal"]),
        np.asarray(arrays["voltage_mV"], dtype=float) if d["voltage_mV"] is None else _number(d["voltage_mV"]),
        _number(d["reversal_mV"]),
        None if d["temperature_C"] is None else _number(d["temperature_C"]),
        np.asarray(arrays["used"], dtype=bool),
        _number(d["exchange_10_90_ms"]),
        None if d["filter_kHz"] is None else _number(d["filter_kHz"]),
        str(d["filter_kind"]),
    )


def protocol_from(d: Any) -> Protocol:
    """Return the protocol of :meth:`~potentiate.protocols.protocol.Protocol.as_document`."""
    segments = tuple(
        Segment(
            _number(s["duration_ms"]), str(s["solution"]),
            tuple(Transient(str(t["ligand"]), _number(t["peak_uM"]), _number(t["tau_ms"]))
                  for t in s.get("transients", ())),
        )
        for s in d["segments"]
    )  # fmt: skip
    solutions = {str(k): {str(n): _number(c) for n, c in v.items()} for k, v in d["solutions"].items()}
    marks = {str(k): _number(v) for k, v in d["marks"].items()}
    return Protocol(str(d["name"]), segments, solutions, marks, _number(d["dt_ms"]))


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a finite number")
    return number
