"""The verdict over several base schemes: what every scheme that describes the recordings agrees on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ..errors import NumericalError, UsageError
from ..kinetics.scheme import Scheme
from .discriminate import Discrimination, discriminate
from .experiment import Experiment
from .tally import Tally
from .verdict import Size, Verdict

#: A scheme whose richest alternative misses the data by this much more than that of the best scheme is set aside.
SET_ASIDE = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class MechanismEnsemble:
    """Verdicts of several schemes, and what they agree on.

    Attributes
    ----------
    members : tuple of Discrimination
        One per scheme that could be fitted.
    counted : tuple of bool
        Whether a scheme describes the recordings about as well as the best one does.
    verdict : Verdict
    notes : tuple of str
    """

    members: tuple[Discrimination, ...]
    counted: tuple[bool, ...]
    verdict: Verdict
    notes: tuple[str, ...]

    @property
    def status(self) -> str:
        """As of one scheme."""
        return self.verdict.status

    @property
    def sentence(self) -> str:
        """The answer."""
        return self.verdict.sentence

    @property
    def best(self) -> Discrimination:
        """The scheme that leaves least over."""
        return min(self.members, key=lambda m: m.misfit)


def discriminate_ensemble(
    experiments: Sequence[Experiment] | Tally, schemes: Sequence[Scheme], **options: Any
) -> MechanismEnsemble:
    """Weigh the alternatives under several base schemes.

    Parameters
    ----------
    experiments, **options
        As for :func:`.discriminate.discriminate`.
    schemes : sequence of Scheme

    Raises
    ------
    UsageError
        No scheme, or none that could be fitted.
    """
    if not schemes:
        raise UsageError("No scheme")
    tally = experiments if isinstance(experiments, Tally) else Tally.of(experiments)
    members, notes = [], []
    for scheme in schemes:
        try:
            members.append(discriminate(tally, scheme, **options))
        except NumericalError as error:
            notes.append(f"{scheme.name} could not be fitted: {error.what}")
    if not members:
        raise UsageError("No scheme could be fitted", why="; ".join(notes))
    least = min(m.misfit for m in members)
    counted = tuple(m.misfit <= SET_ASIDE * least for m in members)
    notes += [
        f"{m.scheme.name} is set aside: it leaves {m.misfit / least:.1f} times as much over as {_best_name(members)}"
        for m, keep in zip(members, counted, strict=True)
        if not keep
    ]
    agreed = combine([m for m, keep in zip(members, counted, strict=True) if keep])
    return MechanismEnsemble(tuple(members), counted, agreed, tuple(notes))


def _best_name(members: Sequence[Discrimination]) -> str:
    return min(members, key=lambda m: m.misfit).scheme.name


def combine(members: Sequence[Discrimination]) -> Verdict:
    """Return the verdict that several schemes share; intervals hold those of all."""
    first = members[0].verdict
    schemes = ", ".join(m.scheme.name for m in members)
    if len(members) == 1:
        return first
    if any(m.verdict.status != first.status or m.verdict.names != first.names for m in members):
        each = "; ".join(f"{m.scheme.name}: {m.sentence}" for m in members)
        names = tuple(dict.fromkeys(n for m in members for n in m.verdict.names))
        return Verdict("undecided", f"It depends on the base scheme. {each}", names)
    if first.status != "decided":
        return Verdict(first.status, f"{first.sentence} (schemes: {schemes})", first.names)
    sizes = []
    for k, size in enumerate(first.sizes):
        own = [m.verdict.sizes[k] for m in members]
        middle = sorted(s.factor for s in own)[len(own) // 2]
        word = next((s.word for s in own if s.word != "determined"), "determined")
        sizes.append(Size(size.effect, middle, min(s.low for s in own), max(s.high for s in own), word))
    drug = members[0].drug
    who = "The drug" if drug == "drug" else drug[:1].upper() + drug[1:]
    told = " and ".join(s.describe() for s in sizes)
    return Verdict(
        "decided", f"{who} {told}; nothing else is needed, under each of {schemes}", first.names, tuple(sizes)
    )
