"""The published inductions that Rodrigues et al. 2023 coded for their spine, and their published directions.

Conditions and times: rveltz/SynapseElife.jl, src/UtilsData.jl (its temperatures and somatic currents are the model's,
not always those of the experiment). Directions: the same file for Tigaret & Mellor 2016 (its column ``outcome``), and
the experiments themselves where a source is named. `distance_um` is 200 throughout.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..protocols.stimulation import Stimulation, low_frequency, stdp, train
from .reference_spine import ReferenceSpine


@dataclasses.dataclass(frozen=True)
class PublishedInduction:
    """One protocol in one preparation, and what it did there.

    Attributes
    ----------
    name : str
    stimulation : Stimulation
    conditions : mapping
        Fields of :class:`ReferenceSpine`.
    published : str
        ``LTP``, ``LTD``, ``none``, or ``not read`` where no source was found.
    source : str
    """

    name: str
    stimulation: Stimulation
    conditions: Mapping[str, Any]
    published: str
    source: str

    def spine(self, **changes: Any) -> ReferenceSpine:
        """Return the spine in the conditions of this experiment, with changes (a scheme with a drug, a grid)."""
        return ReferenceSpine(**{**self.conditions, **changes})


TIGARET = "Tigaret & Mellor 2016, Nat Commun 7:10289; outcome as in UtilsData.jl"
DUDEK_92 = "Dudek & Bear 1992, PNAS 89:4363: depression at low, potentiation at high rates; the paper was not read"
DUDEK_93 = "Dudek & Bear 1993, J Neurosci 13:2910: LFS depresses, TBS potentiates young slices; the paper was not read"
INGLEBERT = "Inglebert et al. 2020, PNAS; directions: Inglebert & Debanne 2021, Front Cell Neurosci 15:727336, figure 1"

_TIGARET: dict[str, Any] = {
    "temperature_C": 35.0, "calcium_mM": 2.5, "magnesium_mM": 1.3, "age_days": 60.0, "inhibition": False,
}  # fmt: skip
_BURST, _SINGLE = {**_TIGARET, "injected_pA": 2000.0}, {**_TIGARET, "injected_pA": 1000.0}
_DUDEK: dict[str, Any] = {
    "temperature_C": 35.0, "calcium_mM": 2.5, "magnesium_mM": 1.5, "age_days": 35.0, "spikes_by_input": True,
}  # fmt: skip


def doublets(interval_ms: float, pairs: int, rate_Hz: float) -> Stimulation:
    """Return pairs of presynaptic stimuli."""
    times = tuple(i * 1000.0 / rate_Hz + j * interval_ms for i in range(pairs) for j in range(2))
    return Stimulation(f"{pairs} doublets of {interval_ms:g} ms at {rate_Hz:g} Hz", times, times[-1] + 500.0)


def coded_theta_burst(bursts: int = 10, silence_ms: float = 200.0) -> Stimulation:
    """Return bursts of 4 at 100 Hz with the silence after the last pulse that the model's code leaves."""
    times = tuple(i * (30.0 + silence_ms) + 10.0 * j for i in range(bursts) for j in range(4))
    return Stimulation(f"{bursts} bursts of 4 at 100 Hz, {silence_ms:g} ms between", times, times[-1] + 500.0)


def _inglebert(calcium_mM: float, delta_ms: float, published: str) -> PublishedInduction:
    before = delta_ms > 0
    conditions = {
        "temperature_C": 30.45 if before else 30.0,
        "age_days": 21.0 if before else 14.0,
        "calcium_mM": calcium_mM,
        "magnesium_mM": calcium_mM / 1.5,
        "injected_pA": 500.0,
        "injected_ms": 6.0,
    }
    name = f"Inglebert {delta_ms:+g} ms, {calcium_mM:g} mM Ca"
    return PublishedInduction(name, stdp(100 if before else 150, delta_ms, 0.3), conditions, published, INGLEBERT)


def published_inductions() -> tuple[PublishedInduction, ...]:
    """Return all of them, in the order of the publications."""
    tigaret = [
        ("1Pre2Post10", stdp(300, 10, 5, 2), _BURST, "LTP"),
        ("1Pre2Post50", stdp(300, 50, 5, 2), _BURST, "LTP"),
        ("2Post1Pre20", stdp(300, -10, 5, 2), _BURST, "LTP"),
        ("2Post1Pre50", stdp(300, -40, 5, 2), _BURST, "none"),
        ("1Pre1Post10", stdp(300, 10, 5), _SINGLE, "none"),
        ("2Pre10", doublets(10, 300, 5), _SINGLE, "none"),
        ("2Pre50, 900 x 3 Hz", doublets(50, 900, 3), _SINGLE, "LTD"),
        ("1Pre", train(5, 300), _SINGLE, "none"),
    ]
    dudek = [(1.0, "LTD"), (3.0, "LTD"), (10.0, "not read"), (50.0, "LTP")]
    lfs = {**_DUDEK, "age_days": 15.0, "injected_pA": 2000.0}
    tbs = {**_DUDEK, "temperature_C": 34.0, "age_days": 35.0, "injected_ms": 5.0}
    return (
        *(PublishedInduction(f"Tigaret {n}", s, c, d, TIGARET) for n, s, c, d in tigaret),
        *(
            PublishedInduction(f"Dudek & Bear 900 x {f:g} Hz", low_frequency(900, f), _DUDEK, d, DUDEK_92)
            for f, d in dudek
        ),
        PublishedInduction("Dudek & Bear LFS, P15", low_frequency(900, 1.0), lfs, "LTD", DUDEK_93),
        PublishedInduction("Dudek & Bear TBS, P35", coded_theta_burst(), tbs, "LTP", DUDEK_93),
        *(_inglebert(ca, 10.0, d) for ca, d in ((1.3, "none"), (1.8, "LTD"), (2.5, "LTP"), (3.0, "LTP"))),
        *(_inglebert(ca, -25.0, d) for ca, d in ((1.3, "none"), (1.8, "LTD"), (3.0, "LTD"))),
    )
