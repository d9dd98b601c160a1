"""Modulators as operators on the states of any scheme.

With m of n equal sites occupied, each class of state has a weight ``w(class, m)`` relative to the resting receptor.
The equilibrium of a transition between classes A and B shifts by ``r = w(B, m) / w(A, m)``; ``split`` per role says how
much of the shift goes to the forward rate (``r ** split``), the rest goes to the backward rate (``r ** (split - 1)``).
The affinity of a state for the drug follows from the same weights, so every cycle of every scheme stays balanced
by construction. Sites are equal, so the 2^n site patterns reduce exactly to n + 1 layers with statistical factors.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping

from ..errors import DataError
from .rate import Rate
from .scheme import CLASSES, Edge, Scheme

#: Where a shift goes unless the modulator says otherwise: binding is limited by diffusion, so a change of agonist
#: affinity shows in unbinding; every other change shows in entry.
DEFAULT_SPLIT = types.MappingProxyType({"bind": 0.0})


#: A partial agonist loses desensitization faster than opening (kainate hardly desensitizes AMPA receptors). The power
#: is assumed: one factor of efficacy for each of four subunits.
DESENSITIZATION_POWER = 4


@dataclasses.dataclass(frozen=True)
class Modulator:
    """Parameters of an operator on states.

    Attributes
    ----------
    ligand : str
        Name of the drug.
    sites : int
        Number n of equal sites on the receptor.
    kd_uM, koff_per_ms : float
        Affinity of, and unbinding from, one site of the resting receptor.
    weights : mapping class -> tuple of n floats
        ``w(class, m)`` for m = 1..n; a class that is not named has weight 1 (the drug does not care). A weight of
        zero removes the state: a receptor with m sites occupied never enters that class.
    split : mapping role -> float
        Share of the shift that goes to the forward rate; default :data:`DEFAULT_SPLIT`, else 1 (all on entry).
    speed : mapping class -> float
        Speed of exchange relative to the resting receptor; 0 means no exchange in that class.
    """

    ligand: str
    sites: int
    kd_uM: float
    koff_per_ms: float
    weights: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    split: Mapping[str, float] = dataclasses.field(default_factory=dict)
    speed: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("weights", "split", "speed"):
            object.__setattr__(self, name, types.MappingProxyType(dict(getattr(self, name))))
        if self.sites < 1 or self.kd_uM <= 0 or self.koff_per_ms <= 0:
            raise DataError(f"Modulator {self.ligand}: sites, kd and koff must be positive")
        for state_class, weights in self.weights.items():
            if state_class not in CLASSES:
                raise DataError(f"Modulator {self.ligand}: unknown class {state_class!r}", do=f"one of {CLASSES}")
            if len(weights) != self.sites or min(weights) < 0:
                raise DataError(
                    f"Modulator {self.ligand}: class {state_class!r} needs {self.sites} weights of zero or more"
                )
        if self.weight("rest", self.sites) != 1.0:
            raise DataError(f"Modulator {self.ligand}: the resting state is the reference, its weight is 1")

    def weight(self, state_class: str, m: int) -> float:
        """Return ``w(class, m)``."""
        return 1.0 if m == 0 or state_class not in self.weights else self.weights[state_class][m - 1]


def apply_modulator(scheme: Scheme, modulator: Modulator) -> Scheme:
    """Return the scheme with the modulator's sites.

    Parameters
    ----------
    scheme : Scheme
    modulator : Modulator

    Returns
    -------
    Scheme
        States ``name`` (m = 0) and ``name+m`` of the base scheme with m sites occupied; the drug is a further
        ligand. At zero drug it behaves as the base scheme.

    Raises
    ------
    DataError
        The drug is already a ligand of the scheme, or zero exchange leaves a state unreachable.
    """
    drug, n = modulator.ligand, modulator.sites
    if drug in scheme.ligands:
        raise DataError(f"{drug} already acts on scheme {scheme.name}")
    index: dict[tuple[int, int], int] = {}
    for m in range(n + 1):
        for s, state_class in enumerate(scheme.classes):
            if modulator.weight(state_class, m) > 0:
                index[s, m] = len(index)
    edges = []
    for m in range(n + 1):
        for e in scheme.edges:
            if (e.source, m) not in index or (e.target, m) not in index:
                continue
            shift = modulator.weight(scheme.classes[e.target], m) / modulator.weight(scheme.classes[e.source], m)
            split = modulator.split.get(e.role, DEFAULT_SPLIT.get(e.role, 1.0))
            edges.append(
                dataclasses.replace(
                    e,
                    source=index[e.source, m],
                    target=index[e.target, m],
                    forward=e.forward.scaled(shift**split),
                    backward=e.backward.scaled(shift ** (split - 1.0)),
                )
            )
    kon = modulator.koff_per_ms / modulator.kd_uM
    for m in range(n):
        for s, state_class in enumerate(scheme.classes):
            speed = modulator.speed.get(state_class, 1.0)
            if speed == 0.0 or (s, m) not in index or (s, m + 1) not in index:
                continue
            tighter = modulator.weight(state_class, m + 1) / modulator.weight(state_class, m)
            edges.append(
                Edge(
                    index[s, m],
                    index[s, m + 1],
                    "modulate",
                    Rate((n - m) * kon * speed, ligand=drug),
                    Rate((m + 1) * modulator.koff_per_ms * speed / tighter),
                )
            )
    return _layered(scheme, drug, "+", list(index), edges)


def _layered(scheme: Scheme, ligand: str, mark: str, kept: list[tuple[int, int]], edges: list[Edge]) -> Scheme:
    """Return the scheme whose states are pairs of a base state and the number of sites that the ligand occupies."""
    states = [scheme.states[s] + (f"{mark}{m}" if m else "") for s, m in kept]
    if len(set(states)) < len(states):  # another ligand of the same kind is in the names already
        states = [scheme.states[s] + (f"{mark}{m} {ligand}" if m else "") for s, m in kept]
    return dataclasses.replace(
        scheme,
        name=f"{scheme.name} + {ligand}",
        states=tuple(states),
        classes=tuple(scheme.classes[s] for s, _ in kept),
        bound=tuple(scheme.bound[s] for s, _ in kept),
        conductance=tuple(scheme.conductance[s] for s, _ in kept),
        edges=tuple(edges),
        rest=kept.index((scheme.rest, 0)),
    )


def apply_competitor(scheme: Scheme, ligand: str, kd_uM: float, koff_per_ms: float) -> Scheme:
    """Return the scheme with a competitive antagonist that occupies free agonist sites of undesensitized receptors.

    A site holds the agonist or the antagonist, never both, so the agonist's binding to a receptor with j antagonists
    is slower by ``(free - j) / free``. Gating is left to the agonists that are bound.

    Parameters
    ----------
    scheme : Scheme
        Agonist binding must be explicit (bound counts change along ``bind`` edges by one).
    ligand : str
    kd_uM, koff_per_ms : float
        Per site.
    """
    if ligand in scheme.ligands:
        raise DataError(f"{ligand} already acts on scheme {scheme.name}")
    _require_explicit_binding(scheme)
    sites = scheme.agonist_sites
    index: dict[tuple[int, int], int] = {}
    for j in range(sites + 1):
        for s, b in enumerate(scheme.bound):
            if j == 0 or (j <= sites - b and scheme.classes[s] in ("rest", "bound")):
                index[s, j] = len(index)
    edges = []
    for j in range(sites + 1):
        for e in scheme.edges:
            if (e.source, j) not in index or (e.target, j) not in index:
                continue
            forward = e.forward
            if e.role == "bind" and j:
                free = sites - scheme.bound[e.source]
                forward = forward.scaled((free - j) / free)
            edges.append(dataclasses.replace(e, source=index[e.source, j], target=index[e.target, j], forward=forward))
    kon = koff_per_ms / kd_uM
    for (s, j), i in index.items():
        if (s, j + 1) in index:
            free = sites - scheme.bound[s]
            edges.append(
                Edge(i, index[s, j + 1], "modulate", Rate((free - j) * kon, ligand), Rate((j + 1) * koff_per_ms))
            )
    return _layered(scheme, ligand, "-", list(index), edges)


def apply_agonist(scheme: Scheme, ligand: str, affinity: float, efficacy: float) -> Scheme:
    """Return the scheme driven by another agonist, described by two numbers relative to the scheme's own.

    Parameters
    ----------
    scheme : Scheme
    ligand : str
        Name of the other agonist.
    affinity : float
        Binding affinity relative to the scheme's agonist; changes unbinding only.
    efficacy : float
        Weight of the open class relative to the scheme's agonist; the desensitized class takes its power
        :data:`DESENSITIZATION_POWER`. Both show in the entry rates.

    Notes
    -----
    A stand-in where no rates for the agonist were published: weights act on states, so balance is kept.
    """
    _require_explicit_binding(scheme)
    weight: dict[str, float] = dict.fromkeys(CLASSES, 1.0)
    weight |= {"open": efficacy, "desensitized": efficacy**DESENSITIZATION_POWER}
    edges = []
    for e in scheme.edges:
        gained = scheme.bound[e.target] - scheme.bound[e.source]
        shift = weight[scheme.classes[e.target]] / weight[scheme.classes[e.source]]
        # a state without agonist is the same state for every agonist
        if scheme.bound[e.target] == 0 or scheme.bound[e.source] == 0:
            own = [weight[scheme.classes[s]] if scheme.bound[s] else 1.0 for s in (e.source, e.target)]
            shift = own[1] / own[0]
        edges.append(
            dataclasses.replace(
                e,
                forward=_renamed(e.forward, scheme.agonist, ligand).scaled(shift),
                backward=_renamed(e.backward, scheme.agonist, ligand).scaled(affinity**-gained),
            )
        )
    return dataclasses.replace(scheme, name=f"{scheme.name} ({ligand})", agonist=ligand, edges=tuple(edges))


def _require_explicit_binding(scheme: Scheme) -> None:
    if any(rate.occupancy is not None for rate in scheme.directed[2]):
        raise DataError(
            f"Scheme {scheme.name} treats agonist binding as instantaneous",
            why="another ligand of the agonist site needs explicit binding steps",
            do="use a scheme with binding transitions",
        )


def _renamed(rate: Rate, old: str, new: str) -> Rate:
    return dataclasses.replace(rate, ligand=new) if rate.ligand == old else rate
