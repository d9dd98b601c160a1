"""The field potential of a CA1 lamina: transmembrane currents by layer, fibre volley, population spike.

A population whose cells are activated within a radius R makes, in each layer, a cylinder of current. On its axis, in an
endless medium of conductivity sigma, a disc with current I at depth z_k contributes (Nicholson & Freeman 1975)::

    phi(z) = I / (2 sigma pi R^2) (sqrt((z - z_k)^2 + R^2) - |z - z_k|)

and a layer of finite thickness the mean of this over its depth, which is exact below. Currents are outward positive:
a synaptic sink is negative, and so is the field near it. With I in nA, lengths in um and sigma in S/m, phi is in mV.

The shape follows from the currents; the scale (density of activated cells, radius, conductivity) is assumed, because no
population mean in mV was read. The medium has no surface: the saline above a slice would lower the field.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..errors import UsageError

#: Order in which every array of layers comes.
LAYERS = (
    "oriens",
    "pyramidale",
    "radiatum proximal",
    "radiatum middle",
    "radiatum distal",
    "lacunosum-moleculare",
)


@dataclasses.dataclass(frozen=True)
class Lamina:
    """Where the layers are, and what lies around them.

    Attributes
    ----------
    centre_um, thickness_um : tuple of float, length layers
        Depth from the middle of the pyramidal layer, positive towards the hippocampal fissure. Assumed: radiatum 300,
        oriens 150, pyramidale 50 and lacunosum-moleculare 150 um thick.
    conductivity_S_per_m : float
        0.3, the default of LFPykit (lfpykit) and of much of the field.
    radius_um : float
        Of the activated population; assumed, half of a 400 um slice.
    cells_per_mm2 : float
        Activated cells in a column of 1 mm2 across all layers; assumed.
    """

    centre_um: tuple[float, ...] = (-100.0, 0.0, 75.0, 175.0, 275.0, 400.0)
    thickness_um: tuple[float, ...] = (150.0, 50.0, 100.0, 100.0, 100.0, 150.0)
    conductivity_S_per_m: float = 0.3
    radius_um: float = 200.0
    cells_per_mm2: float = 10_000.0

    def __post_init__(self) -> None:
        if len(self.centre_um) != len(self.thickness_um):
            raise UsageError("A lamina needs one thickness for each layer")
        positive = (*self.thickness_um, self.conductivity_S_per_m, self.radius_um, self.cells_per_mm2)
        if not all(np.isfinite(v) and v > 0.0 for v in positive):
            raise UsageError("A lamina needs positive thicknesses, conductivity, radius and density")

    @property
    def cells(self) -> float:
        """Number of activated cells."""
        return self.cells_per_mm2 * np.pi * self.radius_um**2 * 1e-6


#: Recording in the middle of stratum radiatum, where the field EPSP is read.
RADIATUM_UM = 175.0
#: Recording at the cell bodies, where the population spike is read.
PYRAMIDALE_UM = 0.0


def gains_mV_per_nA(lamina: Lamina, electrode_um: Any) -> np.ndarray:
    """Return the potential that 1 nA per cell in each layer makes at the electrode.

    Parameters
    ----------
    lamina : Lamina
    electrode_um : float or array, shape (electrodes,)
        Depth on the axis.

    Returns
    -------
    array, shape (layers,) or (electrodes, layers)
    """
    z = np.asarray(electrode_um, dtype=float)[..., None]
    centre, thickness = np.array(lamina.centre_um), np.array(lamina.thickness_um)
    mean = (
        _integral(z - centre + 0.5 * thickness, lamina.radius_um)
        - _integral(z - centre - 0.5 * thickness, lamina.radius_um)
    ) / thickness
    area = np.pi * lamina.radius_um**2
    return lamina.cells * mean / (2.0 * lamina.conductivity_S_per_m * area)


def field_potential(currents_nA: Any, lamina: Lamina, electrode_um: float = RADIATUM_UM, *, xp: Any = np) -> Any:
    """Return the potential at an electrode.

    Parameters
    ----------
    currents_nA : array, shape (..., layers)
        Transmembrane current of one average activated cell in each layer, outward positive; a whole cell's sum is
        zero (:func:`with_return`).
    lamina : Lamina
    electrode_um : float
        Depth on the axis of the population.
    xp : module
        numpy or jax.numpy.

    Returns
    -------
    array, shape (...), mV

    Raises
    ------
    UsageError
        Another number of currents than layers.

    Examples
    --------
    >>> currents = with_return(-1.0, sink=3, returns=(0.2, 0.3, 0.3, 0.0, 0.1, 0.1))
    >>> bool(field_potential(currents, Lamina()) < 0.0 < field_potential(currents, Lamina(), PYRAMIDALE_UM))
    True
    """
    currents = xp.asarray(currents_nA)
    if currents.shape[-1:] != (len(lamina.centre_um),):
        raise UsageError(
            "Currents do not fit the lamina",
            why=f"{currents.shape[-1:]} currents for {len(lamina.centre_um)} layers",
            do=f"give one current for each of {', '.join(LAYERS)}",
        )
    return currents @ xp.asarray(gains_mV_per_nA(lamina, electrode_um))


def with_return(current_nA: Any, *, sink: int, returns: tuple[float, ...], xp: Any = np) -> Any:
    """Return the currents of all layers when one carries the active current and the others give it back.

    Parameters
    ----------
    current_nA : array, shape (...)
        Of the active layer, outward positive (negative for a synaptic sink), before what returns through the layer
        itself.
    sink : int
        Index of the active layer.
    returns : tuple of float, length layers
        Shares of the return current; they sum to one.

    Returns
    -------
    array, shape (..., layers); sums to zero

    Raises
    ------
    UsageError
        Shares that are negative or do not sum to one.
    """
    if not np.isclose(sum(returns), 1.0) or min(returns) < 0.0:
        raise UsageError("Return currents are shares", why=f"they sum to {sum(returns):g}", do="let them sum to one")
    shares = -np.array(returns, dtype=float)
    shares[sink] += 1.0
    return xp.asarray(current_nA)[..., None] * xp.asarray(shares)


@dataclasses.dataclass(frozen=True)
class FibreBundle:
    """The stimulated fibres on their way to the electrode.

    Attributes
    ----------
    distance_um : float
        From the stimulating to the recording electrode; assumed.
    velocity_m_per_s : float
        0.3 from CA3 to CA1 along the Schaffer collaterals, of discharges that spread by synapses (voskuyl-albus).
    width_ms : float
        Half the time between the two peaks of the volley; assumed.
    uV_per_fibre : float
        Negative peak for each fibre; assumed, the scale only.
    """

    distance_um: float = 400.0
    velocity_m_per_s: float = 0.3
    width_ms: float = 0.25
    uV_per_fibre: float = 0.5

    @property
    def latency_ms(self) -> float:
        """Time from the stimulus to the middle of the volley; 1 m/s is 1000 um/ms."""
        return self.distance_um / (1000.0 * self.velocity_m_per_s)


def fibre_volley(t_ms: Any, fibres: Any, bundle: FibreBundle | None = None, *, xp: Any = np) -> Any:
    """Return the volley of one stimulus at time 0: positive, then negative, with no net area.

    Parameters
    ----------
    t_ms : array, shape (times,)
    fibres : float or array, shape (..., 1)
        Recruited fibres; the volley is proportional to them.
    bundle : FibreBundle, optional

    Returns
    -------
    array, shape (..., times), mV
    """
    bundle = FibreBundle() if bundle is None else bundle
    x = (xp.asarray(t_ms) - bundle.latency_ms) / bundle.width_ms
    # derivative of a Gaussian, with extremes of exactly one
    return -1e-3 * bundle.uV_per_fibre * xp.asarray(fibres) * x * xp.exp(0.5 - 0.5 * x * x)


@dataclasses.dataclass(frozen=True)
class PopulationSpike:
    """The transmembrane current of a cell that fires, by layer; all numbers assumed.

    Attributes
    ----------
    peak_nA : float
        Inward peak in the pyramidal layer.
    width_ms : float
        Standard deviation of the inward phase, jitter between cells included.
    returns : tuple of float, length layers
        Where the current comes back.
    """

    peak_nA: float = 3.0
    width_ms: float = 0.6
    returns: tuple[float, ...] = (0.4, 0.0, 0.4, 0.2, 0.0, 0.0)

    def currents_nA(self, t_ms: Any, fraction: Any, at_ms: Any, *, xp: Any = np) -> Any:
        """Return the current of the average cell when a fraction of cells fires around a time.

        Parameters
        ----------
        t_ms : array, shape (times,)
        fraction, at_ms : float, or array of shape (..., 1)

        Returns
        -------
        array, shape (..., times, layers)
        """
        x = (xp.asarray(t_ms) - at_ms) / self.width_ms
        sink = -self.peak_nA * xp.asarray(fraction) * xp.exp(-0.5 * x * x)
        return with_return(sink, sink=LAYERS.index("pyramidale"), returns=self.returns, xp=xp)


def _integral(x: np.ndarray, radius: float) -> np.ndarray:
    """Return the integral of sqrt(x^2 + R^2) - |x| from 0 to x, free of cancellation far away."""
    size = np.abs(x)
    # x sqrt(x^2 + R^2) - x^2 = R^2 x / (sqrt(x^2 + R^2) + x)
    near = radius**2 * size / (np.hypot(size, radius) + size)
    return np.sign(x) * 0.5 * (near + radius**2 * np.arcsinh(size / radius))
