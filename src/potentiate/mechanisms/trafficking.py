"""AMPA-receptor trafficking at spines: mobile, bound and exocytosed receptors after LTP and LTD.

The equations, rates and stimulus responses of LTP are those of Becker & Tetzlaff 2021 (PLoS Comput Biol,
10.1371/journal.pcbi.1008813; public repository MoritzB90/AMPAR-Trafficking-Model, ``ampartrafficking/rate_model.py``):
U mobile receptors of the spine membrane, B receptors bound to slots of the postsynaptic density (what the EPSC reads),
S receptors per exocytosis event, V the spine's volume and A its area::

    dS/dt = k_in_RE - k_out_RE S / V
    dU/dt = k_exo S + k_in - (k_endo + k_out) U / A + k_BU(B) B - k_UB(B) (P - B) U / A
    dB/dt = k_UB(B) (P - B) U / A - k_BU(B) B

LTP raises binding and exocytosis for about a minute and the volume for about an hour. Three things are not in the
paper: the LTD branch (`Trafficking.ltd_gain`), `Trafficking.persistence`, and what happens when inductions follow one
another (:func:`amplitudes`). They are assumed, and marked so.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from ..numerics.dormand_prince import integrate

#: Time constants (s) of a stimulus response, falling and rising: read, Becker & Tetzlaff 2021.
BINDING_S = (5.0, 60.0)
EXOCYTOSIS_S = (25.0, 60.0)
SWELLING_S = (250.0, 5.0)
ENLARGEMENT_S = (3000.0, 500.0)

#: LTD develops, and an induction undoes an earlier one of opposite sign, with this time constant (s): assumed.
REVERSAL_S = 300.0


@dataclasses.dataclass(frozen=True)
class Trafficking:
    """Parameters of trafficking; `slots` and `volume_um3` may differ between synapses (arrays of shape (synapses,)).

    Attributes
    ----------
    cooperative : bool
        Binding is faster and unbinding slower among bound receptors.
    structural : bool
        LTP enlarges the spine.
    exocytosis_blocked_from_min : float or None
        Exocytosis stops at this time; inductions from then on leave no lasting enlargement (Yang 2008, Penn 2017).
        ``-inf``: no exocytosis at rest either.
    persistence : float
        Share, 0 to 1, of the LTP-induced enlargement that does not decay; the slots grow with the area of that share
        (slots in proportion to area hold between spines of the published model). 0 is the published, decaying early
        LTP. Assumed, to be calibrated.
    ltd_gain : float
        Full LTD divides the binding rate by, or (`ltd_route`) multiplies the endocytosis rate with, 1 + `ltd_gain`.
        None takes `LTD_GAIN`.
    ltd_route : {"binding", "endocytosis"}
        Assumed: the paper has no LTD.
    slots, volume_um3 : float or array, shape (synapses,)
    mobile, bound, exocytosis_size : float
        Receptors at rest in the reference spine (of `reference_slots` and `reference_volume_um3`); they fix the rates
        of endocytosis, binding and endosome exit.
    in_per_s, out_um2_per_s : float
        Exchange of mobile receptors with the dendrite.
    exocytosis_per_s, unbinding_per_s, endosomes_in_per_s : float
    binding_gain : float or None
        Full LTP multiplies binding by up to 1 + `binding_gain`; None: 5 with cooperative binding, 30 without.
    exocytosis_gain : float
    swelling_gain : float
        Of the volume, within seconds.
    """

    cooperative: bool = True
    structural: bool = True
    exocytosis_blocked_from_min: float | None = None
    persistence: float = 0.0
    ltd_gain: float | None = None
    ltd_route: Literal["binding", "endocytosis"] = "binding"
    slots: ArrayLike = 70.0
    volume_um3: ArrayLike = 0.08
    reference_slots: float = 70.0
    reference_volume_um3: float = 0.08
    mobile: float = 10.0
    bound: float = 20.0
    exocytosis_size: float = 13.0
    in_per_s: float = 0.2
    out_um2_per_s: float = 0.018
    exocytosis_per_s: float = 0.0018
    unbinding_per_s: float = 0.1
    endosomes_in_per_s: float = 0.1
    binding_gain: float | None = None
    exocytosis_gain: float = 5.0
    swelling_gain: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.persistence <= 1.0:
            raise UsageError(f"persistence is {self.persistence}", why="it is a share", do="give a number from 0 to 1")
        if self.persistence > 0.0 and not self.structural:
            raise UsageError(
                "persistence needs the enlargement of the spine",
                why="it is the share of the enlargement that does not decay",
                do="set structural=True, or persistence=0",
            )
        if self.ltd_gain is not None and not self.ltd_gain >= 0.0:
            raise UsageError(f"ltd_gain is {self.ltd_gain}", do="give a number of 0 or more")
        if self.ltd_route not in ("binding", "endocytosis"):
            raise UsageError(f"There is no LTD route {self.ltd_route!r}", do="use binding or endocytosis")
        if not (np.all(np.asarray(self.slots) > 0) and np.all(np.asarray(self.volume_um3) > 0)):
            raise UsageError("A synapse has no slots or no volume", do="give positive slots and volume_um3")

    @property
    def endosomes_out_um3_per_s(self) -> float:
        """Rate at which endosomes leave the spine, from `exocytosis_size` at rest."""
        return self.endosomes_in_per_s * self.reference_volume_um3 / self.exocytosis_size

    @property
    def endocytosis_um2_per_s(self) -> float:
        """Rate of endocytosis, from `mobile` at rest."""
        inflow = self.exocytosis_per_s * self.exocytosis_size + self.in_per_s
        return inflow * float(area_um2(self.reference_volume_um3)) / self.mobile - self.out_um2_per_s

    @property
    def binding_um2_per_s(self) -> float:
        """Rate of binding to a slot, from `bound` at rest."""
        free = (self.reference_slots - self.bound) * self.mobile / float(area_um2(self.reference_volume_um3))
        up, down = self.cooperativity(np.array(self.bound), self.reference_slots)
        return float(self.unbinding_per_s * down * self.bound / (free * up))

    @property
    def ltp_binding_gain(self) -> float:
        """`binding_gain`, or the published one."""
        return self.binding_gain if self.binding_gain is not None else 5.0 if self.cooperative else 30.0

    @property
    def ltd_amplitude(self) -> float:
        """`ltd_gain`, or the calibrated one."""
        return LTD_GAIN[self.ltd_route, self.cooperative] if self.ltd_gain is None else self.ltd_gain

    def cooperativity(self, bound: np.ndarray, slots: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors on binding and unbinding among `bound` receptors, shapes of `bound`."""
        p = np.asarray(slots, dtype=float)
        if not self.cooperative:
            return np.ones_like(bound), np.ones_like(bound)
        # a trial step of the integrator may leave the physical range; the error control then rejects it
        up = 24.6 / (12.5 + p) * np.maximum(bound, 0.0) ** 0.8 + 1.0
        return up, (0.9 * p + 15.5) / (0.6 * p + 9.3 + bound) - 0.5


#: `ltd_gain` by route and cooperative binding. Calibrated: it leaves 72.8 % of the bound receptors 1 h after full LTD
#: (900 pulses at 1 Hz: -27.2 +- 2.8 %, PMC3539311).
LTD_GAIN: dict[tuple[str, bool], float] = {
    ("binding", True): 0.095596,
    ("binding", False): 0.523081,
    ("endocytosis", True): 0.931602,
    ("endocytosis", False): 5.097489,
}


@dataclasses.dataclass(frozen=True)
class Induction:
    """One induction of plasticity.

    Attributes
    ----------
    time_min : float
        When the stimulus is given (ends, if it is long).
    drive : float or array, shape (synapses,)
        +1: LTP with the full published amplitudes; -1: full LTD; 0: nothing.
    """

    time_min: float
    drive: ArrayLike

    def __post_init__(self) -> None:
        drive = np.asarray(self.drive, dtype=float)
        if drive.ndim > 1 or not np.all(np.abs(drive) <= 1.0):
            raise UsageError("An induction's drive is not between -1 and 1", do="give +1 for full LTP, -1 for full LTD")


def area_um2(volume_um3: ArrayLike) -> np.ndarray:
    """Return the area of a sphere of this volume, any shape."""
    return 4.0 * np.pi * (3.0 * np.asarray(volume_um3, dtype=float) / (4.0 * np.pi)) ** (2.0 / 3.0)


def stimulus_response(since_s: ArrayLike, constants_s: tuple[float, float]) -> np.ndarray:
    """Return a response that starts at 0, peaks at exactly 1 and decays; 0 before the stimulus. Any shape."""
    b, c = constants_s
    t = np.maximum(np.asarray(since_s, dtype=float), 0.0)
    return (np.exp(-t / b) - np.exp(-t / c)) / _norm(b, c)


def lasting_enlargement(volume_um3: ArrayLike) -> np.ndarray:
    """Return the peak of the lasting volume increase relative to rest: large in small spines (Matsuzaki 2004)."""
    return np.maximum(0.0, (299.0 * np.exp(-np.asarray(volume_um3, dtype=float) / 0.102) - 0.9) / 100.0)


def rest(parameters: Trafficking) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the exact steady state: mobile, bound and exocytosed-per-event receptors, each of shape (synapses,).

    The mobile pool does not depend on binding. The bound one solves a scalar equation; where cooperative binding has
    several solutions, bisection finds one of them, with as much binding as unbinding.
    """
    p, v = np.broadcast_arrays(
        np.atleast_1d(np.asarray(parameters.slots, dtype=float)),
        np.atleast_1d(np.asarray(parameters.volume_um3, dtype=float)),
    )
    size = parameters.endosomes_in_per_s * v / parameters.endosomes_out_um3_per_s
    blocked = parameters.exocytosis_blocked_from_min == -np.inf
    inflow = (0.0 if blocked else parameters.exocytosis_per_s) * size + parameters.in_per_s
    density = inflow / (parameters.endocytosis_um2_per_s + parameters.out_um2_per_s)
    low, high = np.zeros_like(p), p.copy()
    for _ in range(200):
        middle = 0.5 * (low + high)
        up, down = parameters.cooperativity(middle, p)
        binds = parameters.binding_um2_per_s * up * (p - middle) * density > parameters.unbinding_per_s * down * middle
        low, high = np.where(binds, middle, low), np.where(binds, high, middle)
        if np.all(high - low <= 4.0 * np.finfo(float).eps * high):
            break
    return density * area_um2(v), 0.5 * (low + high), size


def simulate_trafficking(
    parameters: Trafficking,
    inductions: Induction | Sequence[Induction],
    times_min: ArrayLike,
    *,
    tolerance: float = 1e-7,
) -> np.ndarray:
    """Return bound receptors relative to rest, the postsynaptic strength of each synapse.

    Parameters
    ----------
    parameters : Trafficking
    inductions : Induction or sequence of Induction
        In time order.
    times_min : array, shape (times,)
        Increasing; on the clock of the inductions. The synapses are at rest before the first induction.
    tolerance : float
        Relative and absolute, of receptor counts.

    Returns
    -------
    array, shape (times, synapses)

    Raises
    ------
    UsageError
        Times or inductions run backwards, or numbers of synapses disagree.
    NumericalError
        The integrator fails.
    """
    return receptors(parameters, inductions, times_min, tolerance=tolerance)[1] / rest(parameters)[1]


def receptors(
    parameters: Trafficking,
    inductions: Induction | Sequence[Induction],
    times_min: ArrayLike,
    *,
    tolerance: float = 1e-7,
) -> np.ndarray:
    """Return mobile, bound and exocytosed-per-event receptors, shape (3, times, synapses).

    Parameters, errors as for :func:`simulate_trafficking`.
    """
    events = [inductions] if isinstance(inductions, Induction) else list(inductions)
    times_s = 60.0 * np.asarray(times_min, dtype=float)
    if times_s.ndim != 1 or not len(times_s) or np.any(np.diff(times_s) <= 0.0):
        raise UsageError("Times do not increase", where="times_min", do="give increasing times in minutes")
    starts = np.array([60.0 * e.time_min for e in events])
    if np.any(np.diff(starts) <= 0.0):
        raise UsageError("Inductions run backwards or coincide", do="give them in time order, one drive for each time")
    mobile, bound, size = rest(parameters)
    try:
        shape = np.broadcast_shapes(bound.shape, *(np.atleast_1d(np.asarray(e.drive)).shape for e in events))
    except ValueError:
        raise UsageError(
            "Numbers of synapses disagree", why="drives, slots and volumes have different lengths", do="use one length"
        ) from None
    at_rest = np.broadcast_to(np.stack([mobile, bound, size])[:, None], (3, 1, *shape))[:, 0]
    blocked = parameters.exocytosis_blocked_from_min
    changes = [*starts, *([] if blocked is None or np.isinf(blocked) else [60.0 * blocked])]
    first = min(changes, default=np.inf)
    out = np.broadcast_to(at_rest[:, None], (3, len(times_s), *shape)).copy()
    later = times_s > first
    if np.any(later):
        course = _Course(parameters, events)
        grid = np.concatenate([[first], times_s[later]])
        found = integrate(course.slope, at_rest.copy(), grid, breaks=changes, rtol=tolerance, atol=tolerance)
        out[:, later] = np.moveaxis(found[1:], 1, 0)
    return out


class _Course:
    """The right-hand side: rates that depend on the inductions, and the equations."""

    def __init__(self, parameters: Trafficking, inductions: Sequence[Induction]) -> None:
        self.parameters, self.inductions = parameters, inductions
        self.slots = np.atleast_1d(np.asarray(parameters.slots, dtype=float))
        self.volume = np.atleast_1d(np.asarray(parameters.volume_um3, dtype=float))
        self.area = area_um2(self.volume)
        self.amplitudes = amplitudes(parameters, inductions)
        self.blocked_s = _blocked_s(parameters)
        self.lasting = lasting_enlargement(self.volume)
        lasting = [self.lasting * (60.0 * i.time_min < self.blocked_s) for i in inductions]
        self.ltp = [ltp for ltp, _ in self.amplitudes]
        self.swelling = [
            ltp * (parameters.swelling_gain + 1.75 * more) for ltp, more in zip(self.ltp, lasting, strict=True)
        ]
        self.binding = parameters.binding_um2_per_s
        self.endocytosis = parameters.endocytosis_um2_per_s
        self.endosomes_out = parameters.endosomes_out_um3_per_s

    def slope(self, t_s: float, state: np.ndarray) -> np.ndarray:
        """Return the derivatives, shape (3, synapses), per s."""
        p = self.parameters
        mobile, bound, size = state
        since = [t_s - 60.0 * i.time_min for i in self.inductions]
        binds = self.binding * (1.0 + p.ltp_binding_gain * _sum(self.ltp, since, BINDING_S))
        exocytosis = 0.0
        if t_s < self.blocked_s:
            exocytosis = p.exocytosis_per_s * (1.0 + p.exocytosis_gain * _sum(self.ltp, since, EXOCYTOSIS_S))
        volume, area, slots = self.volume, self.area, self.slots
        if p.structural:
            enlarged, kept = potentiation(p, self.inductions, self.amplitudes, t_s)
            relative = 1.0 + _sum(self.swelling, since, SWELLING_S) + self.lasting * enlarged
            volume, area = volume * relative, area * np.cbrt(relative) ** 2
            if p.persistence > 0.0:
                slots = slots * np.cbrt(1.0 + self.lasting * kept) ** 2
        depressed = 1.0 + p.ltd_amplitude * depression(self.inductions, self.amplitudes, t_s)
        endocytosis = self.endocytosis
        if p.ltd_route == "binding":
            binds = binds / depressed
        else:
            endocytosis = endocytosis * depressed
        density = mobile / area
        faster, slower = p.cooperativity(bound, slots)
        net = binds * faster * (slots - bound) * density - p.unbinding_per_s * slower * bound
        out = np.empty_like(state)
        out[0] = exocytosis * size + p.in_per_s - (endocytosis + p.out_um2_per_s) * density - net
        out[1] = net
        out[2] = p.endosomes_in_per_s - self.endosomes_out * size / volume
        return out


def _blocked_s(parameters: Trafficking) -> float:
    """Return when exocytosis stops, s; infinite if it does not."""
    blocked = parameters.exocytosis_blocked_from_min
    return np.inf if blocked is None else 60.0 * blocked


def amplitudes(parameters: Trafficking, inductions: Sequence[Induction]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the LTP and LTD amplitude (0 to 1) of each induction, pairs of shape (synapses,).

    Assumed: an LTP induction adds what is missing to a full enlargement, so that repeated trains saturate. An
    induction first undoes what earlier ones of the other sign have left (whether or not the enlargement has decayed:
    the synapse is still potentiated); only what its drive exceeds that by goes beyond the start. So depotentiation ends
    at the baseline.
    """
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for i, induction in enumerate(inductions):
        t = 60.0 * induction.time_min
        drive = np.atleast_1d(np.asarray(induction.drive, dtype=float))
        up = np.maximum(drive - _standing(inductions[:i], [ltd for _, ltd in found], 1.0, t), 0.0)
        down = np.maximum(-drive - _standing(inductions[:i], [ltp for ltp, _ in found], -1.0, t), 0.0)
        room_up = 1.0 - potentiation(parameters, inductions[:i], found, t, committed=True)[0]
        room_down = 1.0 - depression(inductions[:i], found, t, committed=True)
        found.append((up * room_up, down * room_down))
    return found


def _standing(inductions: Sequence[Induction], amplitude: list[np.ndarray], sign: float, t_s: float) -> np.ndarray:
    """Return the summed amplitudes of one branch that later inductions of `sign` have not undone, (synapses,)."""
    total = np.zeros(1)
    for i, a in enumerate(amplitude):
        total = total + a * _left(inductions, i, sign, t_s)
    return total


def potentiation(
    parameters: Trafficking,
    inductions: Sequence[Induction],
    amplitude: Sequence[tuple[np.ndarray, np.ndarray]],
    t_s: float,
    *,
    committed: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lasting enlargement relative to its full peak, and the part of it that does not decay.

    An induction while exocytosis is blocked leaves none (Yang 2008).

    With `committed` an induction counts in full from the start, although the enlargement takes minutes to develop.
    Both shapes (synapses,).
    """
    b, c = ENLARGEMENT_S
    peak_s = b * c / (b - c) * math.log(b / c)
    blocked_s = _blocked_s(parameters)
    total, kept = np.zeros(1), np.zeros(1)
    for i, (induction, (ltp, _)) in enumerate(zip(inductions, amplitude, strict=True)):
        since = t_s - 60.0 * induction.time_min
        if since < 0.0 or 60.0 * induction.time_min >= blocked_s:
            continue
        response = 1.0 if committed and since < peak_s else _response(since, ENLARGEMENT_S)
        held = response if since < peak_s else 1.0
        left = ltp * _left(inductions, i, -1.0, t_s)
        total = total + left * (parameters.persistence * held + (1.0 - parameters.persistence) * response)
        kept = kept + left * parameters.persistence * held
    return total, kept


def depression(
    inductions: Sequence[Induction],
    amplitude: Sequence[tuple[np.ndarray, np.ndarray]],
    t_s: float,
    *,
    committed: bool = False,
) -> np.ndarray:
    """Return the depression relative to full LTD, shape (synapses,); assumed not to decay by itself."""
    total = np.zeros(1)
    for i, (induction, (_, ltd)) in enumerate(zip(inductions, amplitude, strict=True)):
        since = t_s - 60.0 * induction.time_min
        if since >= 0.0:
            share = 1.0 if committed else -math.expm1(-since / REVERSAL_S)
            total = total + ltd * share * _left(inductions, i, 1.0, t_s)
    return total


def _left(inductions: Sequence[Induction], first: int, sign: float, t_s: float) -> np.ndarray | float:
    """Return the share of induction `first` that later ones of the other `sign` leave, shape (synapses,)."""
    left: np.ndarray | float = 1.0
    for later in inductions[first + 1 :]:
        since = t_s - 60.0 * later.time_min
        if since > 0.0:
            against = np.maximum(sign * np.atleast_1d(np.asarray(later.drive, dtype=float)), 0.0)
            left = left * (1.0 + against * math.expm1(-since / REVERSAL_S))
    return left


def _sum(amplitude: list[np.ndarray], since_s: list[float], constants_s: tuple[float, float]) -> np.ndarray | float:
    """Return the summed stimulus responses of all inductions, shape (synapses,)."""
    total: np.ndarray | float = 0.0
    for a, t in zip(amplitude, since_s, strict=True):
        # beyond 40 time constants a response is below the precision of the rates
        if 0.0 < t < 40.0 * max(constants_s):
            total = total + a * _response(t, constants_s)
    return total


def _response(since_s: float, constants_s: tuple[float, float]) -> float:
    """Return :func:`stimulus_response` at one time, quickly."""
    b, c = constants_s
    return (math.exp(-since_s / b) - math.exp(-since_s / c)) / _norm(b, c)


@functools.cache
def _norm(b: float, c: float) -> float:
    return (b / c) ** (c / (c - b)) - (b / c) ** (b / (c - b))
