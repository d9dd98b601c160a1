"""What compounds do to the targets of a synapse or slice, and how much of a target a blocker leaves.

AMPA receptors are schemes, so a compound with parameters there acts through :func:`.modulator.find_action`; every
other target is scaled by the fraction that this module returns.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..units import show_concentration
from .compound import Compound, find_compound
from .compound_parts import Action, Parameter
from .compound_terms import ActionKind, Target
from .modulator import modulator_ids

#: What a slice of the hippocampus holds, as far as it is modelled.
SLICE_TARGETS = (Target.AMPA, Target.NMDA, Target.GABA_A, Target.GABA_B, Target.CAV)

_BLOCKING = (
    ActionKind.COMPETITIVE_ANTAGONIST, ActionKind.NONCOMPETITIVE_ANTAGONIST, ActionKind.ANTAGONIST,
    ActionKind.CHANNEL_BLOCKER, ActionKind.NEGATIVE_MODULATOR,
)  # fmt: skip
#: Constants in the order in which they are trusted for occupancy.
_CONSTANTS = ("Kd", "Ki", "IC50")
_TO_UM = {"uM": 1.0, "nM": 1e-3, "mM": 1e3}


@dataclasses.dataclass(frozen=True)
class Block:
    """How a compound takes a target away.

    Attributes
    ----------
    compound, target : str
    kind : str
        E.g. ``competitive antagonist``.
    constant_uM : float or None
        Kd, Ki or IC50; the geometric mean where a range is published; None where no number is on record.
    interval_uM : (low, high) or None
    quantity : str
        What the constant is.
    sites : int
        Sites that must all be free for the target to work: 2 for the affinity of a competitive antagonist of NMDA
        receptors, otherwise 1.
    source : str
    assumed : tuple of str
    """

    compound: str
    target: str
    kind: str
    constant_uM: float | None
    interval_uM: tuple[float, float] | None
    quantity: str
    sites: int
    source: str
    assumed: tuple[str, ...] = ()

    def left(self, concentration_uM: Any, *, assume_complete: bool = False) -> Any:
        """Return the fraction of the target that works at a concentration (float or array).

        Parameters
        ----------
        concentration_uM : float or array
            At the site, uM.
        assume_complete : bool
            Where no constant is on record: take any concentration above zero as complete block.

        Raises
        ------
        UsageError
            Negative or non-finite concentrations; no constant on record and no leave to assume complete block.
        """
        c = np.asarray(concentration_uM, float)
        if not (np.isfinite(c) & (c >= 0)).all():
            raise UsageError(f"Concentration {concentration_uM!r} uM of {self.compound}", why="not zero or more")
        if self.constant_uM is None:
            if not assume_complete:
                raise UsageError(
                    f"How strongly {self.compound} blocks the {self.target} is not on record",
                    why=self.quantity,
                    do="pass assume_complete=True: any concentration then counts as complete block (an assumption)",
                )
            value = np.where(c > 0, 0.0, 1.0)
        else:
            value = (1.0 + c / self.constant_uM) ** -self.sites
        return value if value.ndim else float(value)


@dataclasses.dataclass(frozen=True)
class Effect:
    """What is on record of a compound at one target.

    Attributes
    ----------
    target : str
    how : {"scheme", "block", "none", "not modelled"}
        ``scheme``: through the receptor scheme; ``block``: scales the target; ``none``: reported to do nothing;
        ``not modelled``: an action is reported that this package does not turn into numbers.
    text : str
        One sentence.
    block : Block or None
    """

    target: str
    how: Literal["scheme", "block", "none", "not modelled"]
    text: str
    block: Block | None = None


@dataclasses.dataclass(frozen=True)
class Effects:
    """What is on record of a compound at the targets that are present.

    Attributes
    ----------
    compound : str
    effects : tuple of Effect
        Targets of which nothing is on record are absent.
    elsewhere : tuple of str
        Targets of the compound that are not present.
    """

    compound: str
    effects: tuple[Effect, ...]
    elsewhere: tuple[str, ...]

    @property
    def acts(self) -> bool:
        """Whether anything that is present is changed by the compound."""
        return any(effect.how in ("scheme", "block") for effect in self.effects)

    def notes(self) -> list[str]:
        """Return sentences for the reader; never empty, so that a drug without effect is not silently zero."""
        found = [effect.text for effect in self.effects]
        if not self.acts:
            where = f" Its known targets are absent: {', '.join(self.elsewhere)}." if self.elsewhere else ""
            known = any(effect.how == "not modelled" for effect in self.effects)
            what = f"What is reported of {self.compound} here is not modelled" if known else (
                f"No effect of {self.compound} on any target that is present is known"
            )  # fmt: skip
            found.append(f"{what}, so it changes nothing here; that is not a finding.{where}")
        for effect in self.effects:
            found += [f"assumed: {text}" for text in (effect.block.assumed if effect.block else ())]
        return found


def _short(uM: float) -> str:
    return show_concentration(float(f"{uM:.3g}"))


def _constant(action: Action) -> Parameter | None:
    for quantity in _CONSTANTS:
        for parameter in action.parameters:
            if parameter.quantity == quantity and parameter.value is not None and parameter.unit in _TO_UM:
                return parameter
    return None


def _block(compound: Compound, action: Action) -> Block:
    parameter = _constant(action)
    name, target, kind = compound.name, str(action.target), str(action.kind)
    assumed: list[str] = []
    if parameter is None:
        reasons = [p.unknown for p in action.parameters if p.unknown] or [action.unknown or "no constant on record"]
        return Block(name, target, kind, None, None, reasons[0], 1, action.sources[0])
    factor = _TO_UM[parameter.unit or "uM"]
    ends = parameter.value if isinstance(parameter.value, tuple) else (parameter.value, parameter.value)
    low, high = (factor * float(end) for end in ends if end is not None)
    competitive = action.kind is ActionKind.COMPETITIVE_ANTAGONIST
    sites = 2 if competitive and action.target is Target.NMDA and parameter.quantity != "IC50" else 1
    if competitive:
        assumed.append(
            f"{name} does not leave the {target} while transmitter is in the cleft, so transmitter does not displace it"
        )
    if sites == 2:
        assumed.append(f"both agonist sites of the {target} must be free of {name}")
    if action.kind is ActionKind.CHANNEL_BLOCKER and action.target is Target.NMDA:
        assumed.append(f"block of the {target} by {name} is at equilibrium; it needs open channels to get there")
    if parameter.status != "reported":
        assumed.append(f"{parameter.quantity} of {name} is {parameter.status}: {parameter.reason}")
    interval = (low, high) if high > low else None
    return Block(
        name, target, kind, math.sqrt(low * high), interval, parameter.quantity, sites, parameter.source or "assumed",
        tuple(assumed),
    )  # fmt: skip


def _target(text: str | Target) -> Target:
    try:
        return Target(text)
    except ValueError:
        raise UnknownNameError("target", str(text), [str(t) for t in Target]) from None


def find_block(compound: str, target: str | Target) -> Block | None:
    """Return how a compound blocks a target, or None where no block is on record.

    None does not mean that there is no effect: :func:`actions_on` says what is known.

    Raises
    ------
    UnknownNameError
        No such compound or target.
    NoPharmacologyError
        Nothing at all is on record of the compound.

    Examples
    --------
    >>> block = find_block("D-AP5", "NMDA receptor")
    >>> round(block.left(50.0), 4), round(block.left(0.0), 4)
    (0.0007, 1.0)
    """
    entity, wanted = find_compound(compound), _target(target)
    entity.require_pharmacology()
    for action in entity.actions:
        if action.target is wanted and action.kind in _BLOCKING and action.direction == "decrease":
            return _block(entity, action)
    return None


def actions_on(compound: str, targets: Iterable[str | Target] = SLICE_TARGETS) -> Effects:
    """Return what is on record of a compound at the targets that are present.

    Raises
    ------
    UnknownNameError
        No such compound or target.
    NoPharmacologyError
        Nothing at all is on record of the compound.

    Examples
    --------
    >>> actions_on("aniracetam").acts, actions_on("caffeine").acts
    (True, False)
    """
    entity, present = find_compound(compound), [_target(t) for t in targets]
    entity.require_pharmacology()
    effects: list[Effect] = []
    for action in entity.actions:
        if action.target in present:
            effects.append(_effect(entity, action))
    if Target.AMPA in present and entity.id in modulator_ids() and not any(e.how == "scheme" for e in effects):
        effects.append(Effect(str(Target.AMPA), "scheme", f"{entity.name} acts on the schemes of AMPA receptors"))
    elsewhere = tuple(dict.fromkeys(str(a.target) for a in entity.actions if a.target not in present))
    return Effects(entity.name, tuple(effects), elsewhere)


def _effect(compound: Compound, action: Action) -> Effect:
    target = str(action.target)
    said = f"{compound.name}, {action.kind} at the {target}: {action.effect}"
    if action.direction == "none":
        return Effect(target, "none", f"{compound.name} has no effect on the {target} (reported: {action.effect})")
    if action.target is Target.AMPA and compound.id in modulator_ids():
        return Effect(target, "scheme", f"{said} (through the receptor scheme)")
    if action.kind in _BLOCKING and action.direction == "decrease":
        block = _block(compound, action)
        if block.constant_uM is None:
            return Effect(target, "block", f"{said} (no constant on record: {block.quantity})", block)
        text = f"{said} ({block.quantity} {_short(block.constant_uM)}, {block.source})"
        return Effect(target, "block", text, block)
    return Effect(target, "not modelled", f"{said} (reported, but not modelled: it changes nothing here)")


def targets_left(
    drugs_uM: Mapping[str, float], targets: Iterable[str | Target] = SLICE_TARGETS, *, assume_complete: bool = False
) -> dict[str, float]:
    """Return the fraction of each target that several drugs leave, without AMPA receptors that act by scheme.

    Drugs are independent of each other (assumed). Targets that nothing blocks have 1.

    Raises
    ------
    UsageError
        As :meth:`Block.left`.

    Examples
    --------
    >>> left = targets_left({"D-AP5": 50.0, "bicuculline": 20.0})
    >>> round(left["NMDA receptor"], 4), round(left["GABA-A receptor"], 3), left["GABA-B receptor"]
    (0.0007, 0.033, 1.0)
    """
    left = {str(_target(t)): 1.0 for t in targets}
    for compound, concentration in drugs_uM.items():
        for effect in actions_on(compound, left).effects:
            if effect.block is not None:
                left[effect.target] *= float(effect.block.left(concentration, assume_complete=assume_complete))
    return left


def release_left(compound: str, concentration_uM: float) -> tuple[float, str]:
    """Return the factor on release probability by a compound in the bath, and where it is from.

    The published ratio of EPSCs at one concentration is carried to others by simple occupancy (assumed).

    Returns
    -------
    factor : float
        1 where no effect on release is on record.
    note : str

    Raises
    ------
    UsageError
        Negative or non-finite concentration.

    Examples
    --------
    >>> round(release_left("cadmium ion", 20.0)[0], 2)
    0.14
    """
    if not (math.isfinite(concentration_uM) and concentration_uM >= 0):
        raise UsageError(f"Concentration {concentration_uM!r} uM of {compound}", why="not zero or more")
    entity = find_compound(compound)
    for action in entity.actions:
        numbers = {p.quantity: p for p in action.parameters if p.value is not None}
        if action.target is Target.CAV and {"dose", "ratio"} <= numbers.keys():
            dose, ratio = numbers["dose"].value, numbers["ratio"].value
            if isinstance(dose, float) and isinstance(ratio, float) and 0.0 < ratio < 1.0:
                half = dose * ratio / (1.0 - ratio)
                note = (
                    f"assumed: release under {entity.name} falls by occupancy, half at {_short(half)}, from "
                    f"one ratio of EPSCs ({ratio:g} at {show_concentration(dose)}; {numbers['ratio'].reason})"
                )
                return 1.0 / (1.0 + concentration_uM / half), note
    return 1.0, f"No effect of {entity.name} on release is on record"
