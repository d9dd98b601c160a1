"""What a drug may have done to a receptor, in words of the bench, and as columns of one rate map.

Every alternative with the same number of sites lives in the same scheme of layers (0, 1 ... n sites occupied), and what
it does to the rates is linear in logarithms. So one map holds all of them side by side, and an alternative is the set
of columns that may move: the alternatives share their compiled programs.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..kinetics.modulator import DEFAULT_SPLIT, Modulator, apply_modulator
from ..kinetics.rate_map import RateMap, RateParameter, free_rates, map_of
from ..kinetics.scheme import Scheme
from .model import Model

#: A rate may change by this factor either way.
LARGEST_FOLD = 300.0

#: Exchange on a state that does not exchange: this much slower than at rest (a rate of zero has no logarithm).
NO_EXCHANGE = 1e-9


@dataclasses.dataclass(frozen=True)
class Effect:
    """One microscopic step that a bound drug changes.

    Attributes
    ----------
    name : str
    states : {"open", "desensitized", "bound"}
        Whose affinity for the drug follows; "bound": in proportion to the agonists bound.
    role : str
        Transitions that change.
    split : float
        1: the rate of entry changes, 0: the rate of exit.
    verb : (str, str)
        What it does when the factor on the rate is below one, and above.
    """

    name: str
    states: str
    role: str
    split: float
    verb: tuple[str, str] = ("slows", "speeds up")


#: All steps; the number of an effect is the factor on its rate with one site occupied (two sites: its square).
EFFECTS: dict[str, Effect] = {
    e.name: e
    for e in (
        Effect("closing", "open", "gate", 0.0),
        Effect("opening", "open", "gate", 1.0),
        Effect("desensitization entry", "desensitized", "desensitize", 1.0),
        Effect("desensitization exit", "desensitized", "desensitize", 0.0),
        Effect("unbinding", "bound", "bind", 0.0),
    )
}

#: Alternatives without any effect.
NOTHING = "no effect"


@dataclasses.dataclass(frozen=True)
class Alternative:
    """A hypothesis about the drug.

    Attributes
    ----------
    effects : tuple of str
        Keys of :data:`EFFECTS`; empty: the drug does nothing.
    sites : int
        Sites on the receptor, alike and independent.
    exchange_while_open : bool
        Whether the drug binds and unbinds while the channel is open.
    """

    effects: tuple[str, ...]
    sites: int = 1
    exchange_while_open: bool = True

    @property
    def name(self) -> str:
        """In words of the bench."""
        text = " + ".join(self.effects) or NOTHING
        if self.effects and self.sites > 1:
            text += f", {self.sites} sites"
        return text if self.exchange_while_open or not self.effects else f"{text}, no exchange while open"

    def within(self, other: Alternative) -> bool:
        """Whether it is a special case of another alternative (or the same)."""
        if not self.effects:
            return True
        alike = self.sites == other.sites and self.exchange_while_open == other.exchange_while_open
        return alike and set(self.effects) <= set(other.effects)


def all_alternatives(
    scheme: Scheme, sites: Sequence[int] = (1,), *, exchange: bool = False, pairs: bool = True
) -> tuple[Alternative, ...]:
    """Return every alternative that a scheme can express: nothing, each step, each pair of steps.

    Parameters
    ----------
    scheme : Scheme
    sites : sequence of int
    exchange : bool
        Also each of them without exchange while the channel is open (told apart by drug that is applied or removed
        during the response).
    pairs : bool
    """
    roles = {e.role for e in scheme.edges}
    steps = [name for name, effect in EFFECTS.items() if effect.role in roles]
    sets: list[tuple[str, ...]] = [(s,) for s in steps] + (list(itertools.combinations(steps, 2)) if pairs else [])
    made = [Alternative(())]
    for n in sites:
        for open_exchange in (True, False) if exchange else (True,):
            made += [Alternative(s, n, open_exchange) for s in sets]
    return tuple(made)


def parse_alternatives(
    text: str | Sequence[str], scheme: Scheme, sites: Sequence[int] = (1,), *, exchange: bool = False
) -> tuple[Alternative, ...]:
    """Return alternatives from words such as ``closing, closing + desensitization entry, no effect``.

    Raises
    ------
    UnknownNameError
        No such step.
    UsageError
        The scheme has no such transition.
    """
    words = text.split(",") if isinstance(text, str) else list(text)
    roles = {e.role for e in scheme.edges}
    sets: list[tuple[str, ...]] = []
    for word in (w.strip() for w in words):
        if not word:
            continue
        parts = () if word == NOTHING else tuple(p.strip() for p in word.split("+"))
        for part in parts:
            if part not in EFFECTS:
                raise UnknownNameError("alternative", part, [*EFFECTS, NOTHING], do="join steps with +")
            if EFFECTS[part].role not in roles:
                raise UsageError(
                    f"{scheme.name} cannot say whether a drug changes {part}",
                    why=f"it has no transition of role {EFFECTS[part].role}",
                    do="use a scheme that has",
                )
        sets.append(tuple(e for e in EFFECTS if e in parts))
    if not sets:
        raise UsageError("No alternative is named", do=f"name some of: {', '.join(EFFECTS)}")
    made = [Alternative(())]
    for n in sites:
        for open_exchange in (True, False) if exchange else (True,):
            made += [Alternative(s, n, open_exchange) for s in sets if s]
    return tuple(dict.fromkeys(made))


@dataclasses.dataclass(frozen=True)
class EffectModel(Model):
    """A scheme and a drug whose every possible effect is a parameter.

    Attributes
    ----------
    ligand : str
    sites : int
    kd_uM, koff_per_ms : float
        Of one site of the resting receptor.
    """

    ligand: str = "drug"
    sites: int = 1
    kd_uM: float = 1.0
    koff_per_ms: float = 1.0

    @functools.cached_property
    def base_names(self) -> tuple[str, ...]:
        """Rates of the base scheme that move."""
        return free_rates(self.scheme, self.free).names

    @property
    def effect_names(self) -> dict[str, str]:
        """Effect -> name of its parameter."""
        return {e: f"{self.ligand} {e}" for e in EFFECTS}

    @property
    def exchange_name(self) -> str:
        """Name of the parameter of exchange on open states."""
        return f"{self.ligand} exchange while open"

    def rate_map(self, drug: str | None) -> RateMap:
        """Return the map in control (None), or with the drug and all that it may do."""
        base = free_rates(self.scheme, self.free)
        if drug is None:
            return self._bounded(base)
        if drug != self.ligand:
            raise UsageError(f"The model says nothing of {drug}", why=f"it is one of {self.ligand}")
        kd, koff = f"{drug} kd", f"{drug} koff"
        parameters = [
            *base.parameters,
            RateParameter(kd, "uM", self.kd_uM),
            RateParameter(koff, "1/ms", self.koff_per_ms),
        ]

        def build(values: Mapping[str, float]) -> Scheme:
            theta = np.array([p.inward(values[p.name]) for p in base.parameters])
            idle = Modulator(drug, self.sites, values[kd], values[koff])
            return apply_modulator(base.scheme_at(theta), idle)

        plain = map_of(build, parameters, base.balancing)
        columns = [effect_column(self.scheme, plain.scheme, effect) for effect in EFFECTS.values()]
        columns.append(_exchange_column(self.scheme, plain.scheme))
        more = [
            RateParameter(name, "", 1.0, "log", 1 / LARGEST_FOLD, LARGEST_FOLD) for name in self.effect_names.values()
        ]
        more.append(RateParameter(self.exchange_name, "", 1.0, "log", NO_EXCHANGE, 1.0))
        design = np.column_stack([plain.design, *columns])
        return self._bounded(
            RateMap(
                plain.scheme,
                (*plain.parameters, *more),
                plain.offset,
                design,
                np.zeros_like(design),
                plain.balancing,
            )
        )

    def free_of(self, alternative: Alternative, *, affinity: bool) -> tuple[str, ...]:
        """Return the drug parameters that an alternative moves."""
        names = tuple(self.effect_names[e] for e in alternative.effects)
        return (*names, f"{self.ligand} kd") if affinity and names else names


def effect_column(base: Scheme, layered: Scheme, effect: Effect) -> np.ndarray:
    """Return what one unit of the logarithm of an effect adds to the log rates of the layered scheme.

    Parameters
    ----------
    base, layered : Scheme
        The latter from :func:`~potentiate.kinetics.modulator.apply_modulator` with all weights one.
    effect : Effect

    Returns
    -------
    array, shape (2 edges,)

    Notes
    -----
    The operator of :class:`~potentiate.kinetics.modulator.Modulator` in logarithms, so cycles stay balanced: states
    get weights, a transition shifts by their difference, and the drug leaves a state more slowly by its weight.
    """
    if effect.states == "bound":
        per_state = np.array(base.bound, dtype=float)
    else:
        per_state = np.array([float(c == effect.states) for c in base.classes])
    weight = per_state * (1.0 if effect.split == 1.0 else -1.0)
    n = base.n
    forward, backward = np.zeros(len(layered.edges)), np.zeros(len(layered.edges))
    for i, e in enumerate(layered.edges):
        m, s = divmod(e.source, n)
        if e.role == "modulate":
            backward[i] = -weight[s]
            continue
        split = effect.split if e.role == effect.role else DEFAULT_SPLIT.get(e.role, 1.0)
        shift = m * (weight[e.target % n] - weight[s])
        forward[i], backward[i] = split * shift, (split - 1.0) * shift
    return np.concatenate([forward, backward])


def _exchange_column(base: Scheme, layered: Scheme) -> np.ndarray:
    moves = [float(e.role == "modulate" and base.classes[e.source % base.n] == "open") for e in layered.edges]
    return np.array([*moves, *moves])


#: Rates of the base scheme that are fitted along, unless told: all of one kind move together.
_KINDS = {
    "base closing": ("gate", False),
    "base desensitization": ("desensitize", True),
    "base unbinding": ("bind", False),
}


def base_rates(scheme: Scheme) -> tuple[dict[str, list[str]], list[str]]:
    """Return which rates of a scheme follow the control sweeps by default, and why some kinds do not.

    Returns
    -------
    free : dict of name -> transitions
        Closing, entry into desensitization, unbinding: each a factor on all rates of its kind.
    left : list of str
        Kinds that balance ties to others, or that the scheme does not have.
    """
    free: dict[str, list[str]] = {}
    left = []
    for name, (role, forward) in _KINDS.items():
        edges = [e for e in scheme.edges if e.role == role]
        members = [
            "->".join(scheme.states[i] for i in ((e.source, e.target) if forward else (e.target, e.source)))
            for e in edges
        ]
        if not members:
            left.append(f"{name}: {scheme.name} has no such transition")
            continue
        try:
            free_rates(scheme, {**free, name: members})
        except UsageError:
            left.append(f"{name}: detailed balance ties its rates to others")
            continue
        free[name] = members
    return free, left
