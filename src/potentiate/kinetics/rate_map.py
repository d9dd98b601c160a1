"""Rate constants as an exponential of a linear map of a few free parameters.

``log k = offset + design @ theta``, one row per directed transition. Everything that a fit is allowed to move has this
form: single rate constants, groups that move together, the drug's affinity and weights, voltage slopes. Constraints
that are linear in log rates (detailed balance above all) are then solved once, before any data are seen, and hold
exactly for every trial of every fit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import DataError, UnknownNameError, UsageError
from .rate import Voltage
from .scheme import Scheme


@dataclasses.dataclass(frozen=True)
class RateParameter:
    """A number that rates depend on.

    Attributes
    ----------
    name : str
    unit : str
    start : float
        Value as written in the documents.
    scale : {"log", "linear"}
        How it is searched: positive numbers on a log scale, the inverse of a voltage slope on a linear one.
    low, high : float
        Limits of the search.
    """

    name: str
    unit: str
    start: float
    scale: Literal["log", "linear"] = "log"
    low: float = math.nan
    high: float = math.nan

    def __post_init__(self) -> None:
        if self.scale == "log" and not (self.start > 0 and math.isfinite(self.start)):
            raise UsageError(f"Parameter {self.name} is {self.start!r}", why="a positive number is needed")
        if math.isnan(self.low):
            object.__setattr__(self, "low", self.start / 1e3 if self.scale == "log" else -0.2)
        if math.isnan(self.high):
            object.__setattr__(self, "high", self.start * 1e3 if self.scale == "log" else 0.2)
        if not self.low <= self.start <= self.high:
            raise UsageError(f"Parameter {self.name} starts at {self.start:g}, outside {self.low:g} to {self.high:g}")

    def inward(self, value: float) -> float:
        """Return a value on the scale of the search."""
        return math.log(value) if self.scale == "log" else value

    def outward(self, theta: Any) -> Any:
        """Return what a point of the search stands for."""
        return np.exp(theta) if self.scale == "log" else theta


@dataclasses.dataclass(frozen=True, eq=False)
class RateMap:
    """A scheme whose rates follow from parameters.

    Attributes
    ----------
    scheme : Scheme
        With the parameters at their start.
    parameters : tuple of RateParameter, length p
    offset : array, shape (2 edges,)
        Logarithm of each rate constant at theta = 0.
    design : array, shape (2 edges, p)
    voltage_design : array, shape (2 edges, p)
        What multiplies the voltage in mV, for rates whose voltage slope is free.
    balancing : tuple of str
        Transitions that are not free and follow from detailed balance.
    """

    scheme: Scheme
    parameters: tuple[RateParameter, ...]
    offset: np.ndarray
    design: np.ndarray
    voltage_design: np.ndarray
    balancing: tuple[str, ...] = ()

    @property
    def start(self) -> np.ndarray:
        """Theta of the scheme as written, shape (p,)."""
        return np.array([p.inward(p.start) for p in self.parameters])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(p.name for p in self.parameters)

    def log_rates(self, theta: Any, voltage_mV: float = 0.0) -> Any:
        """Return the logarithms of all rates but for :meth:`condition_factors`, shape (2 edges,)."""
        return self.offset + self.design @ theta + voltage_mV * (self.voltage_design @ theta)

    def scheme_at(self, theta: np.ndarray) -> Scheme:
        """Return the scheme with its rate constants at a point of the search.

        Voltage slopes stay inside the rates: only schemes without free slopes can be written out this way.

        Raises
        ------
        UsageError
            A voltage slope is free.
        """
        if np.any(self.voltage_design):
            raise UsageError("A scheme with free voltage slopes has no single set of rate constants")
        scale = np.exp(self.design @ (np.asarray(theta, dtype=float) - self.start))
        return with_rates(self.scheme, self.scheme.constants * scale)

    def condition_factors(
        self, ligands_uM: Mapping[str, float], voltage_mV: np.ndarray, temperature_C: float | None = None
    ) -> np.ndarray:
        """Return what ligands, temperature and voltage (where its slope is not free) multiply the rates with.

        Parameters
        ----------
        ligands_uM : mapping
        voltage_mV : array, shape (v,)
        temperature_C : float, optional

        Returns
        -------
        array, shape (v, 2 edges)
        """
        voltage = np.asarray(voltage_mV, dtype=float)
        rates = self.scheme.directed[2]
        bare = [dataclasses.replace(r, voltage=None) for r in rates]
        bath = dict(self.scheme.bath_uM)
        known = {name: ligands_uM.get(name, bath.get(name, 0.0)) for name in self.scheme.ligands}
        factors = np.tile([r.factor(known, None, temperature_C) for r in bare], (len(voltage), 1))
        is_free = np.any(self.voltage_design, axis=1)
        for i, rate in enumerate(rates):
            law = rate.voltage
            if law is None or is_free[i]:
                continue
            if isinstance(law, Voltage):
                factors[:, i] *= np.exp((voltage - law.zero_mV) / law.slope_mV)
            else:
                levels, where = np.unique(voltage, return_inverse=True)
                factors[:, i] *= np.array([law.factor(float(v)) for v in levels])[where]
        return factors


def with_rates(scheme: Scheme, constants: np.ndarray) -> Scheme:
    """Return a scheme with other base rate constants, shape (2 edges,), in the order of :attr:`Scheme.directed`."""
    half = len(scheme.edges)
    edges = tuple(
        dataclasses.replace(
            e,
            forward=dataclasses.replace(e.forward, k=float(constants[i])),
            backward=dataclasses.replace(e.backward, k=float(constants[half + i])),
        )
        for i, e in enumerate(scheme.edges)
    )
    return dataclasses.replace(scheme, edges=edges)


def transition_index(scheme: Scheme, text: str) -> int:
    """Return the place of a directed transition, written ``A->B``, in :attr:`Scheme.directed`.

    Raises
    ------
    UnknownNameError
    """
    names = transition_names(scheme)
    clean = "->".join(part.strip() for part in text.split("->"))
    if clean not in names:
        raise UnknownNameError(f"transition of {scheme.name}", text, names, do="write it as FROM->TO")
    return names.index(clean)


def transition_names(scheme: Scheme) -> list[str]:
    """Return the names of all directed transitions, all forward ones first."""
    source, target, _ = scheme.directed
    return [f"{scheme.states[s]}->{scheme.states[t]}" for s, t in zip(source, target, strict=True)]


def cycle_constraints(scheme: Scheme) -> np.ndarray:
    """Return one row per independent cycle: the sum of log rates that detailed balance fixes.

    Returns
    -------
    array, shape (cycles, 2 edges)
        Entries are -1, 0 and 1; ``row @ log_rates`` is the logarithm of the product of rates one way round over
        that of the other way.
    """
    half = len(scheme.edges)
    # signed path from the resting state to every state, in edges of a spanning tree
    paths: dict[int, np.ndarray] = {scheme.rest: np.zeros(half)}
    closing = set(range(half))
    grew = True
    while grew:
        grew = False
        for i in sorted(closing):
            e = scheme.edges[i]
            for a, b, sign in ((e.source, e.target, 1.0), (e.target, e.source, -1.0)):
                if a in paths and b not in paths:
                    paths[b] = paths[a].copy()
                    paths[b][i] += sign
                    closing.discard(i)
                    grew = True
                    break
    rows = []
    for i in sorted(closing):
        e = scheme.edges[i]
        row = paths[e.source] - paths[e.target]
        row[i] += 1.0
        rows.append(np.concatenate([row, -row]))
    return np.array(rows).reshape(len(rows), 2 * half)


def free_rates(
    scheme: Scheme, free: Mapping[str, Sequence[str]] | Sequence[str] | None = None, *, spread: float = 1e3
) -> RateMap:
    """Return the map from chosen rate constants to all rates of a scheme; cycles keep the balance they have.

    Parameters
    ----------
    scheme : Scheme
    free : mapping of name -> transitions, or sequence of transitions, optional
        Transitions are written ``A->B``. Those of one name move together and keep their ratios (statistical factors);
        the value of the parameter is the rate constant of the first. ``"A->B slope"`` frees a voltage slope (searched
        as its inverse, 1/mV). Default: every rate constant that balance leaves free.
    spread : float
        The search runs from start / spread to start x spread.

    Returns
    -------
    RateMap

    Raises
    ------
    UnknownNameError
        No such transition.
    UsageError
        A transition is named twice, or balance ties the named rates to each other.
    """
    names = transition_names(scheme)
    constraints = cycle_constraints(scheme)
    if free is None:
        groups = {name: [name] for name in names}
        for name in _dependent_rates(scheme, constraints, list(range(len(names)))):
            del groups[names[name]]
    elif isinstance(free, Mapping):
        groups = {name: list(members) for name, members in free.items()}
    else:
        groups = {name: [name] for name in free}
    _, _, rates = scheme.directed
    parameters, columns, slopes = [], [], []
    taken: dict[str, str] = {}
    for name, members in groups.items():
        is_slope = all(member.endswith(" slope") for member in members)
        if not members or any(member.endswith(" slope") != is_slope for member in members):
            raise UsageError(f"Parameter {name!r} needs transitions, or slopes only")
        index = [transition_index(scheme, member.removesuffix(" slope")) for member in members]
        for member, i in zip(members, index, strict=True):
            key = names[i] + (" slope" if is_slope else "")
            if key in taken:
                raise UsageError(f"{member} belongs to two parameters", why=f"{taken[key]!r} and {name!r}")
            taken[key] = name
        column = np.zeros(len(names))
        column[index] = 1.0
        first = rates[index[0]]
        if is_slope:
            if not isinstance(first.voltage, Voltage):
                raise UsageError(f"{members[0].removesuffix(' slope')} does not depend on voltage exponentially")
            inverse = 1.0 / first.voltage.slope_mV
            for i in index:
                law = rates[i].voltage
                if not isinstance(law, Voltage) or law.zero_mV != 0.0:
                    raise UsageError(f"{names[i]} needs a voltage dependence exp(V / slope) for its slope to be free")
                column[i] = 1.0 / law.slope_mV / inverse
            parameters.append(RateParameter(name, "1/mV", inverse, "linear"))
        else:
            unit = "1/ms" if first.ligand is None or first.occupancy is not None else "1/(uM ms)"
            parameters.append(RateParameter(name, unit, first.k, "log", first.k / spread, first.k * spread))
        columns.append(column)
        slopes.append(is_slope)
    design = np.array([c * (not s) for c, s in zip(columns, slopes, strict=True)]).reshape(-1, len(names)).T
    voltage_design = np.array([c * s for c, s in zip(columns, slopes, strict=True)]).reshape(-1, len(names)).T
    balancing: list[str] = []
    for matrix in (design, voltage_design):
        for column in matrix.T:  # a view: the matrix is completed in place
            moved = constraints @ column
            if not np.any(np.abs(moved) > 1e-12):
                continue
            fixed = [i for i in range(len(names)) if not any(np.any(c[i]) for c in columns)]
            chosen, solved = _follow(scheme, constraints, fixed, moved)
            column[chosen] += solved
            balancing += [names[i] for i, x in zip(chosen, solved, strict=True) if abs(x) > 1e-12]
    start = np.array([p.inward(p.start) for p in parameters])
    offset = np.log(scheme.constants) - design @ start
    return RateMap(scheme, tuple(parameters), offset, design, voltage_design, tuple(dict.fromkeys(balancing)))


def _order(scheme: Scheme, candidates: list[int]) -> list[int]:
    """Return rates in the order in which they may follow others: backward ones of late edges first."""
    return sorted(candidates, key=lambda i: (i < len(scheme.edges), -i))


def _dependent_rates(scheme: Scheme, constraints: np.ndarray, candidates: list[int]) -> list[int]:
    """Return rates that all cycles together determine, one for each cycle."""
    chosen: list[int] = []
    for i in _order(scheme, candidates):
        if len(chosen) == len(constraints):
            break
        if np.linalg.matrix_rank(constraints[:, [*chosen, i]]) > len(chosen):
            chosen.append(i)
    return chosen


def _follow(
    scheme: Scheme, constraints: np.ndarray, fixed: list[int], moved: np.ndarray
) -> tuple[list[int], np.ndarray]:
    """Return rates, and their powers, that undo what a parameter does to the cycles; one rate alone where that does.

    Raises
    ------
    UsageError
        None of the rates that are not free can.
    """
    for i in _order(scheme, fixed):
        power = -moved @ constraints[:, i] / max(constraints[:, i] @ constraints[:, i], 1e-300)
        if np.max(np.abs(moved + constraints[:, i] * power)) < 1e-9:
            return [i], np.array([power])
    chosen = _dependent_rates(scheme, constraints, fixed)
    solved = np.linalg.lstsq(constraints[:, chosen], -moved, rcond=None)[0] if chosen else np.zeros(0)
    if not chosen or np.max(np.abs(constraints[:, chosen] @ solved + moved)) > 1e-9:
        raise UsageError(
            f"Detailed balance ties the free rates of {scheme.name} to each other",
            why="a cycle has no other rate left that could follow",
            do="leave one rate of each cycle out of the free ones",
        )
    return chosen, solved


def map_of(
    build: Callable[[Mapping[str, float]], Scheme], parameters: Sequence[RateParameter], balancing: Sequence[str] = ()
) -> RateMap:
    """Return the map of any construction whose log rates are linear in its parameters.

    Parameters
    ----------
    build : callable
        From {name: value} to a scheme with always the same states and edges.
    parameters : sequence of RateParameter
        All on a log scale.

    Raises
    ------
    DataError
        The log rates are not linear in the parameters (checked at a further point).

    Notes
    -----
    Unit steps of a linear map are exact, so no derivative has to be written by hand.
    """
    start = np.array([p.inward(p.start) for p in parameters])

    def log_constants(theta: np.ndarray) -> np.ndarray:
        values = {p.name: float(p.outward(t)) for p, t in zip(parameters, theta, strict=True)}
        return np.log(build(values).constants)

    scheme = build({p.name: p.start for p in parameters})
    at_start = np.log(scheme.constants)
    design = np.stack(
        [log_constants(start + step) - at_start for step in np.eye(len(start))] or [np.zeros((0,))], axis=-1
    ).reshape(len(at_start), len(start))
    probe = 0.37 * np.cos(1.0 + np.arange(len(start)))
    if np.max(np.abs(log_constants(start + probe) - at_start - design @ probe), initial=0.0) > 1e-9:
        raise DataError("The rates of this construction are not exponential in its parameters")
    design = np.where(np.abs(design) < 1e-12, 0.0, design)
    return RateMap(
        scheme, tuple(parameters), at_start - design @ start, design, np.zeros_like(design), tuple(balancing)
    )
