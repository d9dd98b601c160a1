"""A dendritic spine: geometry, neck resistance, and the head voltage that synaptic conductance makes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any


@dataclasses.dataclass(frozen=True)
class Spine:
    """A spine head on a neck.

    Attributes
    ----------
    head_um3 : float
        Volume of the head.
    head_um2 : float
        Membrane area of the head.
    neck_GOhm : float
        Resistance of the neck.
    capacitance_pF_per_um2 : float
        1 uF/cm2 is 0.01 pF/um2.
    """

    head_um3: float
    head_um2: float
    neck_GOhm: float
    capacitance_pF_per_um2: float = 0.01

    @property
    def neck_nS(self) -> float:
        """Conductance of the neck."""
        return 1.0 / self.neck_GOhm

    @property
    def head_pF(self) -> float:
        """Capacitance of the head."""
        return self.head_um2 * self.capacitance_pF_per_um2

    @property
    def time_constant_ms(self) -> float:
        """Time in which the head follows its dendrite, pF x GOhm = ms: a few microseconds."""
        return self.head_pF * self.neck_GOhm

    @classmethod
    def cylinder(
        cls, head_length_um: float, head_diameter_um: float, neck_length_um: float, neck_diameter_um: float,
        axial_Ohm_cm: float = 150.0, capacitance_pF_per_um2: float = 0.01,
    ) -> Spine:  # fmt: skip
        """Return a spine with a cylindrical head and neck.

        Parameters
        ----------
        head_length_um, head_diameter_um, neck_length_um, neck_diameter_um : float
        axial_Ohm_cm : float
            Resistivity of the cytoplasm in the neck.
        capacitance_pF_per_um2 : float
        """
        area = math.pi * head_diameter_um * head_length_um
        volume = 0.25 * math.pi * head_diameter_um**2 * head_length_um
        # Ohm cm x um / um2 = 1e4 Ohm = 1e-5 GOhm
        neck = axial_Ohm_cm * neck_length_um / (0.25 * math.pi * neck_diameter_um**2) * 1e-5
        return cls(volume, area, neck, capacitance_pF_per_um2)


#: Head 0.5 x 0.5 um, neck 1.58 x 0.077 um (CA1Sim): 509 MOhm, near the 500 MOhm of Harnett et al. 2012.
CA1SIM_SPINE = Spine.cylinder(0.5, 0.5, 1.58, 0.077)


def series(neck_nS: Any, synapse_nS: Any) -> Any:
    """Return the conductance that a synapse behind its neck shows to the dendrite, nS (head capacitance neglected)."""
    return neck_nS * synapse_nS / (neck_nS + synapse_nS)
