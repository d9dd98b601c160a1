"""Which drugs of a bath act in a slice, and how: through the AMPA scheme, or as a block of a target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import UsageError
from ..library.block import SLICE_TARGETS, actions_on, release_left, targets_left
from ..library.compound import find_compound
from .slice_specimen import Blocked, Drugs


def drugs_in(concentrations_uM: Mapping[str, float], *, on_interneurons: bool = True) -> Drugs:
    """Return what drugs do to the receptors of a slice.

    Parameters
    ----------
    concentrations_uM : mapping of compound -> uM in the tissue
    on_interneurons : bool
        Whether modulators reach the interneurons' receptors.

    Raises
    ------
    UsageError
        A drug acts on nothing that the slice has.
    """
    modulators: dict[str, float] = {}
    release = 1.0
    for name, c in concentrations_uM.items():
        effects = actions_on(name)
        if not effects.acts:
            raise UsageError(
                f"{name}: no effect known on any target of the slice",
                why=" ".join(effects.notes()),
                do=f"see what is known: potentiate compound {name}",
            )
        if any(effect.how == "scheme" for effect in effects.effects):
            modulators[find_compound(name).id] = c
        release *= release_left(name, c)[0]
    left = targets_left(concentrations_uM, SLICE_TARGETS, assume_complete=True)
    ampa, nmda, gaba, autoreceptor, _ = (left[str(target)] for target in SLICE_TARGETS)
    return Drugs(modulators, Blocked(ampa, nmda, gaba, autoreceptor, release), on_interneurons)


def assumed_of(compounds: Iterable[str]) -> list[str]:
    """Return what is assumed of the actions of compounds."""
    found = []
    for name in compounds:
        effects = actions_on(name)
        found += [f"{name}: {text}" for effect in effects.effects if effect.block for text in effect.block.assumed]
    return found
