"""Which microscopic number of a modulator moves LTP, and which only prolongs the synaptic current."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import UsageError
from ..kinetics.modulator import Modulator, apply_modulator
from ..library.modulator import find_action
from ..protocols.stimulation import Stimulation
from .slice import Slice
from .slice_curves import SliceCurve, _assumed, _each, _present, draw_slices, learned, responses
from .slice_specimen import Specimen

#: A parameter that moves the duration of the current by at least the first (%), and LTP and the potentiated synapses by
#: at most the second (points), only prolongs the current.
PROLONGS_PERCENT, LEAVES_PERCENT = 5.0, 2.0


def variations(modulator: Modulator, factor: float = 2.0) -> dict[str, tuple[Modulator, Modulator]]:
    """Return the modulator with every number of it divided and multiplied by a factor.

    Parameters
    ----------
    modulator : Modulator
    factor : float
        Above 1. A weight with m of n sites occupied changes by ``factor ** (m / n)``: the same energy per site.

    Returns
    -------
    dict of name -> (smaller, larger)
        Weights and speeds of zero stay zero and are left out.

    Examples
    --------
    >>> found = variations(Modulator("x", 1, 500.0, 5.0, {"open": (6.0,)}))
    >>> sorted(found), found["weight of open"][1].weights["open"]
    (['affinity (Kd)', 'exchange (koff at constant Kd)', 'weight of open'], (12.0,))
    """
    if not (math.isfinite(factor) and factor > 1.0):
        raise UsageError(f"A factor of {factor!r}", do="give a number above 1")
    m, n = modulator, modulator.sites

    def both(change: Callable[[float], Modulator]) -> tuple[Modulator, Modulator]:
        return change(1.0 / factor), change(factor)

    found = {
        "affinity (Kd)": both(lambda f: dataclasses.replace(m, kd_uM=m.kd_uM * f, koff_per_ms=m.koff_per_ms * f)),
        "exchange (koff at constant Kd)": both(lambda f: dataclasses.replace(m, koff_per_ms=m.koff_per_ms * f)),
    }
    for name, weights in m.weights.items():
        if name != "rest" and any(w > 0 for w in weights):

            def heavier(f: float, name: str = name, weights: tuple[float, ...] = weights) -> Modulator:
                scaled = tuple(w * f ** ((k + 1) / n) for k, w in enumerate(weights))
                return dataclasses.replace(m, weights={**m.weights, name: scaled})

            found[f"weight of {name}"] = both(heavier)
    for name, speed in m.speed.items():
        if speed > 0:

            def faster(f: float, name: str = name, speed: float = speed) -> Modulator:
                return dataclasses.replace(m, speed={**m.speed, name: speed * f})

            found[f"exchange while {name}"] = both(faster)
    return found


def sensitivity(
    preparation: Slice,
    drug: str,
    concentration_uM: float,
    stimulation: Stimulation,
    *,
    factor: float = 2.0,
    test_strength: float = 0.4,
    blockers_uM: Mapping[str, float] | None = None,
    seed: int = 1,
    slices: int = 2,
    progress: Callable[[str], None] = lambda text: None,
) -> SliceCurve:
    """Return what changing each number of a modulator does to LTP and to the synaptic current.

    Parameters
    ----------
    preparation : Slice
    drug : str
        One that acts as an operator on receptor states.
    concentration_uM : float
    stimulation : Stimulation
        The induction; one near threshold tells most.
    factor : float
        Every number is divided and multiplied by it.

    Returns
    -------
    SliceCurve
        Rows are the parameters, the first one the unchanged drug; the two points are 1/factor and factor. Values are
        ``ltp`` (%), ``up`` (% of synapses, weighted), ``epsc_duration`` (ms), ``half_width`` (ms), ``amplitude`` (mV).

    Raises
    ------
    UsageError
        The drug does not act on receptor states.
    """
    action = find_action(drug)
    if action is None or action.kind != "operator":
        raise UsageError(
            f"{drug} is no modulator of receptor states",
            why="only an operator has weights and speeds to vary",
            do="take a modulator such as aniracetam",
        )
    own = action.modulator()
    changed = {"as it is": (own, own), **variations(own, factor)}
    rows = tuple(changed)
    drugs = _present(preparation, {drug: concentration_uM}, blockers_uM)
    specimens = draw_slices(preparation, seed, slices)

    def compute(s: int, specimen: Specimen, row: int, k: int) -> Mapping[str, float]:
        other = _with(specimen, changed[rows[row]][k], preparation.drug_on_interneurons)
        test = responses(other, test_strength, drugs)
        found = learned(preparation, other, stimulation, drugs, s, test_strength=test_strength)
        return {"ltp": found.ltp_percent, "up": found.up_percent, **test}

    units = {"ltp": "%", "up": "%", "epsc_duration": "ms", "half_width": "ms", "amplitude": "mV"}
    points = [(0, 0), *[(row, k) for row in range(1, len(rows)) for k in (0, 1)]]
    tables, failed = _each(specimens, points, (len(rows), 2), tuple(units), compute, progress)
    for table in tables.values():
        table[0, 1] = table[0, 0]
    frozen = [f"exchange while {name}" for name, speed in own.speed.items() if speed == 0]
    notes = [*failed, *([f"zero and left at zero: {', '.join(frozen)}"] if frozen else [])]
    curve = SliceCurve(
        "sensitivity", np.array([1.0 / factor, factor]), "factor", "", rows, tables, units, {}, (),
        (*_assumed(preparation, [drug, *(blockers_uM or {})]),
         f"{drug}: reference variant of its operator; thresholds of plasticity are those without drug"), seed,
    )  # fmt: skip
    return dataclasses.replace(curve, notes=(*notes, *verdicts(curve)))


def _with(specimen: Specimen, modulator: Modulator, on_interneurons: bool) -> Specimen:
    """Return the specimen whose receptors hold the sites of a changed modulator."""
    own = specimen.receptors
    receptors = dataclasses.replace(
        own,
        ampa=apply_modulator(own.ampa, modulator),
        changed=own.changed and apply_modulator(own.changed, modulator),
    )
    dendrite = specimen.dendrite
    if on_interneurons:
        dendrite = dataclasses.replace(dendrite, interneuron=apply_modulator(dendrite.interneuron, modulator))
    return dataclasses.replace(specimen, receptors=receptors, dendrite=dendrite)


def spans(curve: SliceCurve, name: str) -> np.ndarray:
    """Return, by parameter, the mean change of a value from 1/factor to factor, shape (parameters,).

    ``ltp`` and ``up`` in percentage points, everything else in % of the unchanged drug.
    """
    table = curve.values[name][1:]
    change = table[:, 1] - table[:, 0]
    if name not in ("ltp", "up"):
        change = 100.0 * change / curve.values[name][:1, 0]
    return np.asarray(np.nanmean(change, axis=1))


def verdicts(curve: SliceCurve) -> Sequence[str]:
    """Say which parameter moves potentiation most, and which only prolong the current."""
    ltp, up, long = (spans(curve, name) for name in ("ltp", "up", "epsc_duration"))
    names = curve.rows[1:]
    most = int(np.nanargmax(np.abs(ltp)))
    found = [
        f"LTP is moved most by: {names[most]} ({ltp[most]:+.3g} points from x {curve.x[0]:g} to x {curve.x[1]:g}; "
        f"current {long[most]:+.3g} %)"
    ]
    only = [
        f"{name} ({d:+.3g} %)"
        for name, d, a, b in zip(names, long, ltp, up, strict=True)
        if abs(d) >= PROLONGS_PERCENT and max(abs(a), abs(b)) <= LEAVES_PERCENT
    ]
    found.append(f"only change the duration of the current: {', '.join(only) if only else 'none of them'}")
    if np.nanmax(np.abs(up)) == 0.0:
        found.append(
            "no number changes which synapses go up: this bout is far from the threshold (differences of LTP are those "
            "of the response); ask a weaker one, e.g. --protocol tbs --bursts 3"
        )
    return found
