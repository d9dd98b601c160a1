"""Documents of synapse preparations -> :class:`potentiate.preparations.synapse.Synapse`."""

from __future__ import annotations

import dataclasses

from ..library.preparation import Loaded, SynapseDocument
from ..library.receptor_documents import permeation
from ..library.scheme import find_scheme
from ..mechanisms.calcium import CalciumChannel, CalciumDynamics, FixedShare, Share
from ..mechanisms.cleft import CLEFTS
from ..mechanisms.magnesium_block import BLOCKS
from ..mechanisms.release import PLASTICITIES, ReleaseLaw, ShortTermPlasticity
from ..mechanisms.spine import Spine
from ..mechanisms.vesicles import PostTetanic, QuantalVariation, VesiclePool
from .synapse import KINETIC_BLOCKS, UNITARY_NMDA_PS, PresynapticDrug, Synapse
from .synaptic_glutamate import Residual
from .synaptic_membrane import Cell, HeadCalcium
from .synaptic_receptors import SiteReceptors

#: What every run leaves out.
EXPECTED = (
    "receptors conduct as their expectation: the noise of single channels is left out (--channel-noise draws them; "
    "Franks 2003 gives it 8 % of quantal variance, a spine of 14 nearly saturated receptors more than half)"
)


def built(loaded: Loaded) -> Synapse:
    """Return the synapse of a document."""
    doc, number = loaded.document, loaded.number
    receptors = tuple(
        SiteReceptors(
            r.name, r.family, find_scheme(r.scheme), number(r.number, "number"),
            1000.0 * number(r.unitary, "conductance") if r.unitary else UNITARY_NMDA_PS,
            number(r.reversal, "voltage"),
        )
        for r in doc.receptors
    )  # fmt: skip
    law, p0, extra = _law(loaded)
    if doc.cleft.waveform not in CLEFTS:
        raise loaded.source.error(f"Unknown waveform {doc.cleft.waveform!r}", ("cleft", "waveform"))
    if doc.magnesium_block not in {**BLOCKS, **KINETIC_BLOCKS}:
        raise loaded.source.error(f"Unknown magnesium block {doc.magnesium_block!r}", ("magnesium_block",))
    residual = doc.cleft.residual
    spine, cell = _spine(loaded), _cell(loaded)
    degrees = number(doc.temperature, "temperature")
    synapse = Synapse(
        doc.id,
        receptors,
        int(number(doc.sites, "number")),
        law,
        p0,
        QuantalVariation(number(doc.release.content_cv, "number")),
        CLEFTS[doc.cleft.waveform],
        None if residual is None else Residual(
            number(residual.peak, "concentration"), number(residual.decay, "time")
        ),
        BLOCKS.get(doc.magnesium_block),
        number(doc.magnesium_external, "concentration") / 1000.0,
        number(doc.calcium_external, "concentration") / 1000.0,
        number(doc.release.calcium, "concentration") / 1000.0,
        degrees,
        number(doc.holding, "voltage"),
        0.0,
        spine,
        cell,
        _calcium(loaded, spine, degrees),
        {
            d.compound: PresynapticDrug(number(d.half, "concentration"), number(d.limit, "number"))
            for d in doc.release.drugs
        },
        (*doc.assumed(), *extra, EXPECTED, "the place of release scales the concentration"),
    )  # fmt: skip
    return synapse if doc.magnesium_block in BLOCKS else synapse.with_block(doc.magnesium_block)


def _law(loaded: Loaded) -> tuple[ReleaseLaw, float, list[str]]:
    doc, number = loaded.document.release, loaded.number
    p0, assumed = number(doc.probability, "number"), []
    if doc.pool is not None:
        recovery = number(doc.pool.recovery, "time")
        # an ample reserve makes the recovery of a site one exponential
        pool = VesiclePool(int(number(doc.pool.docked, "number")), 1000, 1e12, 1000.0 * recovery, 1e12)
        law: ReleaseLaw = ShortTermPlasticity(doc.law, p0, pool=pool)
    elif doc.law in PLASTICITIES:
        law = PLASTICITIES[doc.law]
    else:
        raise loaded.source.error(f"Unknown law of release {doc.law!r}", ("release", "law"))
    if doc.post_tetanic:
        law = dataclasses.replace(law, tetanic=PostTetanic())
        assumed.append("post-tetanic potentiation of release, fading over a minute: none of its numbers has a source")
    return law, p0, assumed


def _spine(loaded: Loaded) -> Spine | None:
    doc, number = loaded.document.spine, loaded.number
    if doc is None:
        return None
    return Spine.cylinder(
        number(doc.head_length, "length"),
        number(doc.head_diameter, "length"),
        number(doc.neck_length, "length"),
        number(doc.neck_diameter, "length"),
        number(doc.axial_resistivity, "axial resistivity"),
        number(doc.specific_capacitance, "specific capacitance"),
    )


def _cell(loaded: Loaded) -> Cell | None:
    doc, number = loaded.document.cell, loaded.number
    if doc is None:
        return None
    return Cell(
        number(doc.rest, "voltage"),
        number(doc.dendrite_capacitance, "capacitance"),
        number(doc.dendrite_leak, "conductance"),
        number(doc.soma_capacitance, "capacitance"),
        number(doc.soma_leak, "conductance"),
        number(doc.coupling, "conductance"),
    )


def _calcium(loaded: Loaded, spine: Spine | None, degrees: float) -> HeadCalcium | None:
    doc, number = loaded.document.calcium, loaded.number
    if doc is None or spine is None:
        return None
    external = number(loaded.document.calcium_external, "concentration") / 1000.0
    return HeadCalcium(
        CalciumDynamics.from_kappa(
            spine.head_um3, number(doc.kappa, "number"), number(doc.decay, "time"), number(doc.rest, "concentration")
        ),
        _share(loaded, loaded.document),
        FixedShare(permeation().calcium.edited),
        CalciumChannel(number(doc.channel_density, "specific conductance") * spine.head_um2),
        external,
        degrees,
    )


def _share(loaded: Loaded, doc: SynapseDocument) -> Share:
    shares = {loaded.number(r.calcium_share, "number") for r in doc.receptors if r.calcium_share is not None}
    if len(shares) > 1:
        raise loaded.source.error("NMDA receptors of a site with different calcium shares", ("receptors",))
    return FixedShare(shares.pop() if shares else 0.0)
