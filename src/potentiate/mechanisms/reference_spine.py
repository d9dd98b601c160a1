"""The spine of Rodrigues et al. 2023 with deterministic channels: voltages, calcium, buffer and enzymes as one system.

Receptors are not part of the state: their conductances do not depend on voltage or calcium, so they are computed
exactly beforehand and enter as a forcing.

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/SynapseModel.jl, src/ParamsSynapse.jl).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from .calmodulin import SPECIES, EnzymeRates, enzyme_rates, unloaded
from .gaba_receptor import chloride_reversal_mV
from .magnesium_block import JAHR_STEVENS
from .sigmoid import Sigmoid
from .somatic_spike import SpikeConstants, soma_rates
from .spine_calcium_channels import FARADAY, GATES, calcium_drive, l_type_rates, temperature_factors

#: State before the enzymes: voltages of spine, dendrite, soma; sodium m, h, potassium n; coupling, restraint and drive
#: of the spike; gates of T and R; L-type open fractions; SK; free calcium and buffered calcium (uM).
FAST = (
    "spine_mV", "dendrite_mV", "soma_mV", "m", "h", "n", "coupling", "restraint", "drive",
    "T_m", "T_h", "R_m", "R_h", "L_1", "L_2", "SK", "calcium_uM", "buffer_uM",
)  # fmt: skip
STATE = (*FAST, *SPECIES)
CALCIUM = FAST.index("calcium_uM")
#: What drives the spine: AMPA conductance, NMDA conductance without magnesium, GABA conductance (nS), somatic current.
FORCING = ("ampa_nS", "nmda_nS", "gaba_nS", "injected_pA")

_NMDA_BY_CALCIUM = Sigmoid(0.004477162852447629, 2701.3929349701334, 58.38819453272428, 33.949463268365555)
_SUBUNITS_BY_AGE = Sigmoid(0.09993657672916968, 25.102347872464193, 0.9642137892004939, 0.5075183905839776)
_SK_FORWARD = Sigmoid(-0.334167923607112, 25.590920461511878, 2.2052151559841193, 0.005904170174699533)
_SK_BACKWARD = Sigmoid(0.09391588258147192, 98.85165844770867, -147.61669527876904, 149.37767054612135)


def glun2b_over_glun2a(age_days: float) -> float:
    """Return the expected ratio of GluN2B to GluN2A receptors at an age (the model adds noise of SD 0.05 to it)."""
    return _SUBUNITS_BY_AGE.at(age_days)


def nmda_receptors(age_days: float, total: int = 15) -> tuple[int, int]:
    """Return the whole numbers of GluN2A and GluN2B receptors of a spine at an age."""
    ratio = glun2b_over_glun2a(age_days)
    return round(total / (ratio + 1.0)), round(total * ratio / (ratio + 1.0))


def nmda_conductance_nS(external_calcium_uM: float) -> float:
    """Return the conductance of one open NMDA receptor; it falls with external calcium."""
    return 1e-3 * _NMDA_BY_CALCIUM.at(external_calcium_uM)


@dataclasses.dataclass(frozen=True)
class SpineConstants:
    """All constants of the right-hand side at one condition (see :meth:`at`).

    Geometry: head a sphere of 0.03 um3 on a neck of 0.2 um length and 0.1 um diameter, dendrite 1400 um x 2 um, soma
    30 um; axial resistivity 0.01 GOhm um, 0.6 uF/cm2, leak 4e-6 nS/um2. Channels: three each of T, R and L type, 15 SK.
    """

    temperature_C: float
    external_calcium_uM: float
    magnesium_mM: float
    chloride_mV: float
    channel_factors: tuple[float, float]
    sk_factors: tuple[float, float]
    spike: SpikeConstants
    enzymes: EnzymeRates
    neck_nS: float = math.pi * 0.05**2 / (0.2 * 1e-2)
    spine_um2: float = 4.0 * math.pi * (3.0 * 0.03 / (4.0 * math.pi)) ** (2.0 / 3.0)
    dendrite_um2: float = 2.0 * math.pi * 1400.0
    leak_nS_um2: float = 4e-6
    capacitance_pF_um2: float = 0.6e-2
    leak_mV: float = -70.0
    t_type_nS: float = 3 * 12e-3
    r_type_nS: float = 3 * 17e-3
    l_type_nS: float = 3 * 27e-3
    nmda_calcium_share: float = 0.1
    sk_nS: float = 15 * 10e-3
    sk_mV: float = -90.0
    sk_half_uM: float = 0.333
    sk_ms: float = 6.3
    rest_uM: float = 0.05
    extrusion_ms: float = 10.0
    neck_diffusion_ms: float = 0.03 / (2 * 0.3338 * 0.1) + 0.2**2 / (2 * 0.3338)
    buffer_uM: float = 62.0
    buffer_on: float = 0.247
    buffer_off: float = 0.524

    @classmethod
    def at(
        cls, temperature_C: float, external_calcium_uM: float, magnesium_mM: float, age_days: float,
        distance_um: float = 200.0,
    ) -> SpineConstants:  # fmt: skip
        """Return the constants for a temperature, a solution, an age and a distance of the spine from the soma."""
        return cls(
            temperature_C=temperature_C,
            external_calcium_uM=external_calcium_uM,
            magnesium_mM=magnesium_mM,
            chloride_mV=chloride_reversal_mV(age_days),
            channel_factors=temperature_factors(temperature_C),
            sk_factors=(_SK_FORWARD.at(temperature_C), _SK_BACKWARD.at(temperature_C)),
            spike=SpikeConstants.of(age_days, distance_um),
            enzymes=EnzymeRates.at(temperature_C),
        )


def quiet_start() -> np.ndarray:
    """Return a state near rest from which to settle, shape (35,): no enzyme loaded, T and R not inactivated."""
    fast = dict.fromkeys(FAST, 0.0) | dict.fromkeys(("spine_mV", "dendrite_mV", "soma_mV"), -70.0)
    fast |= dict.fromkeys(("h", "coupling", "restraint", "drive", "T_h", "R_h"), 1.0) | {"calcium_uM": 0.05}
    return np.concatenate([list(fast.values()), unloaded()])


def calcium_rate(free_uM: Any, buffered_uM: Any, influx: Any, k: SpineConstants, *, xp: Any = np) -> tuple[Any, Any]:
    """Return d(free)/dt before the enzymes take their part, and d(buffered)/dt, uM/ms.

    Calcium leaves through pumps and through the neck, into a dendrite whose calcium is a third of the spine's.
    """
    bound = k.buffer_on * (k.buffer_uM - buffered_uM) * free_uM - k.buffer_off * buffered_uM
    pumped = (k.rest_uM - free_uM) / k.extrusion_ms
    drained = (xp.maximum(k.rest_uM, free_uM / 3.0) - free_uM) / k.neck_diffusion_ms
    return influx + pumped + drained - bound, bound


def spine_rates(state: Any, forcing: Any, k: SpineConstants, *, xp: Any = np) -> Any:
    """Return the right-hand side.

    Parameters
    ----------
    state : array, shape (..., 35)
        See :data:`STATE`.
    forcing : array, shape (..., 4)
        See :data:`FORCING`.
    k : SpineConstants
    xp : module
        ``numpy`` or ``jax.numpy``.

    Returns
    -------
    array, shape (..., 35)
        Per ms.
    """
    y = {name: state[..., i] for i, name in enumerate(FAST)}
    ampa, nmda, gaba, injected = (forcing[..., i] for i in range(4))
    v, vd = y["spine_mV"], y["dendrite_mV"]
    nmda = nmda * JAHR_STEVENS.unblocked(v, k.magnesium_mM, xp=xp)
    gates = [y[name] for name in ("T_m", "T_h", "R_m", "R_h")]
    opened = (
        k.t_type_nS * gates[0] * gates[1]
        + k.r_type_nS * gates[2] * gates[3]
        + k.l_type_nS * (y["L_1"] + y["L_2"])
        + k.nmda_calcium_share * nmda
    )
    calcium_current = opened * calcium_drive(v, y["calcium_uM"], k.external_calcium_uM, k.temperature_C, xp=xp)
    neck = k.neck_nS * (vd - v)
    into_spine = (
        -(ampa + nmda) * v
        + k.sk_nS * y["SK"] * (k.sk_mV - v)
        + calcium_current
        + neck
        + k.leak_nS_um2 * k.spine_um2 * (k.leak_mV - v)
    )
    soma, gate_slopes, adaptation, from_soma = soma_rates(
        y["soma_mV"],
        vd,
        (y["m"], y["h"], y["n"]),
        (y["coupling"], y["restraint"], y["drive"]),
        injected,
        k.spike,
        xp=xp,
    )
    into_dendrite = from_soma - neck + gaba * (k.chloride_mV - vd) + k.leak_nS_um2 * k.dendrite_um2 * (k.leak_mV - vd)
    sixth = y["calcium_uM"] ** 6
    sk = (sixth / (sixth + k.sk_half_uM**6) * k.sk_factors[0] - y["SK"]) / (k.sk_ms * k.sk_factors[1])
    enzymes, uptake = enzyme_rates(state[..., len(FAST) :], y["calcium_uM"], k.enzymes, xp=xp)
    influx = calcium_current / (2.0 * FARADAY * k.spine_um2)
    free, buffered = calcium_rate(y["calcium_uM"], y["buffer_uM"], influx, k, xp=xp)
    fast = [
        into_spine / (k.capacitance_pF_um2 * k.spine_um2),
        into_dendrite / (k.capacitance_pF_um2 * k.dendrite_um2),
        soma,
        *gate_slopes,
        *adaptation,
        *(g.rate(v, x, k.channel_factors, xp=xp) for g, x in zip(GATES, gates, strict=True)),
        *l_type_rates(v, y["L_1"], y["L_2"], k.channel_factors, xp=xp),
        sk,
        free - uptake,
        buffered,
    ]
    return xp.concatenate([xp.stack(fast, axis=-1), enzymes], axis=-1)
