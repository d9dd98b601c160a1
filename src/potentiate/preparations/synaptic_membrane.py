"""Voltage and calcium of spines on a dendrite, given the conductances of their receptors.

The gating of receptors without voltage-dependent rates does not depend on the membrane, so conductances come first
and voltage follows: the head follows its dendrite within microseconds and is taken at its balance of currents.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ..mechanisms.calcium import CalciumChannel, CalciumDynamics, Share, nernst_mV

#: Balance of the head: tolerance and most iterations.
_TOLERANCE_MV, _MOST = 1e-5, 200

#: What is returned for every run, and for one with calcium.
MEMBRANE = ("synaptic", "ampa", "nmda", "head", "dendrite", "soma")
CALCIUM = ("calcium", "calcium nmda", "calcium ampa", "calcium channels")

Unblocked = Callable[[np.ndarray], np.ndarray]
# Conductance and its drive; two voltages.
Load = tuple[np.ndarray, np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class HeadCalcium:
    """What calcium enters and leaves a head.

    Attributes
    ----------
    dynamics : CalciumDynamics
    nmda, ampa : FixedShare, SaturatingShare or GoldmanShare
    channel : CalciumChannel
    external_mM, temperature_C : float
    """

    dynamics: CalciumDynamics
    nmda: Share
    ampa: Share
    channel: CalciumChannel
    external_mM: float
    temperature_C: float


@dataclasses.dataclass(frozen=True)
class Cell:
    """Dendrite and soma, both passive.

    Attributes
    ----------
    rest_mV : float
        Reversal of the leak.
    dendrite_pF, dendrite_nS, soma_pF, soma_nS : float
        Capacitance and leak of each.
    coupling_nS : float
        Between them.
    soma_rest_mV : float or None
        Where the soma rests elsewhere.
    """

    rest_mV: float
    dendrite_pF: float
    dendrite_nS: float
    soma_pF: float
    soma_nS: float
    coupling_nS: float
    soma_rest_mV: float | None = None

    @property
    def soma_mV(self) -> float:
        """Where the soma rests on its own."""
        return self.rest_mV if self.soma_rest_mV is None else self.soma_rest_mV


@dataclasses.dataclass(frozen=True)
class Site:
    """What stands between the receptors of a site and the cell.

    Attributes
    ----------
    neck_nS : float
        Infinite where there is no spine.
    ampa_mV, nmda_mV : float
        Reversal potentials.
    unblocked : callable
        Part of the NMDA conductance that magnesium leaves, of the head voltage.
    calcium : HeadCalcium or None
    """

    neck_nS: float
    ampa_mV: float
    nmda_mV: float
    unblocked: Unblocked
    calcium: HeadCalcium | None


def follow(
    ampa_nS: np.ndarray,
    nmda_nS: np.ndarray,
    dt_ms: float,
    site: Site,
    *,
    holding_mV: float | None = None,
    series_GOhm: float = 0.0,
    cell: Cell | None = None,
    at_soma: bool = False,
) -> dict[str, np.ndarray]:
    """Follow voltage, currents and calcium.

    Parameters
    ----------
    ampa_nS, nmda_nS : array, shape (trials, sites, samples)
    dt_ms : float
    site : Site
    holding_mV : float, optional
        Command of a voltage clamp; None: current clamp, which needs `cell`.
    series_GOhm : float
        Resistance between amplifier and cell.
    cell : Cell, optional
    at_soma : bool
        The electrode is on the soma and the dendrite escapes the clamp (needs `cell`); otherwise the dendrite itself is
        held.

    Returns
    -------
    dict of arrays, shape (trials, samples)
        ``synaptic`` (pA, all sites), ``ampa``, ``nmda`` (pA, all sites), ``head``, ``dendrite``, ``soma`` (mV; the head
        is a mean over sites), and with calcium ``calcium`` (uM), ``calcium nmda``, ``calcium ampa``,
        ``calcium channels`` (pA), means over sites. With an electrode on the soma also ``clamp``: the change of its
        current (pA). NaN in a trial from where no balance was found.
    """
    trials, sites, samples = ampa_nS.shape
    if (holding_mV is None or at_soma) and cell is None:
        raise ValueError("a free dendrite needs a cell")
    at_soma = at_soma and holding_mV is not None
    if holding_mV is not None and not at_soma and site.calcium is None and series_GOhm <= 0:
        return _clamped_at_once(ampa_nS, nmda_nS, site, holding_mV)
    start = holding_mV if holding_mV is not None else cell.rest_mV  # type: ignore[union-attr]
    cable = (np.full((trials, 1), start), np.full((trials, 1), start))
    head = np.full((trials, sites), start)
    calcium = None if site.calcium is None else _Calcium(site.calcium, site.nmda_mV, site.ampa_mV, head, dt_ms)
    load_nS = 1.0 / series_GOhm if series_GOhm > 0 else np.inf
    found = {name: np.full((trials, samples), np.nan) for name in (*MEMBRANE, *(CALCIUM if calcium else ()))}
    stepped = resting = cell
    if at_soma:
        assert cell is not None
        assert holding_mV is not None
        stepped, resting = _patched(cell, holding_mV, load_nS)
    before = None
    for k in range(samples):
        a, n = ampa_nS[:, :, k], nmda_nS[:, :, k]
        v, reversal = (calcium.conductance_nS, calcium.reversal_mV) if calcium else (np.zeros_like(a), 0.0)
        heads = _Heads(site, a, n, v, reversal)
        if holding_mV is not None and not at_soma:
            dendrite, head = heads.clamped(head, holding_mV, load_nS)
            cable, seen = (dendrite, dendrite), heads.seen(head)
        else:
            assert stepped is not None
            assert resting is not None
            cable, head, seen = _free(stepped if k else resting, heads, cable, head, before, dt_ms)
        before = seen
        open_nS = n * site.unblocked(head)
        found["synaptic"][:, k] = (seen[0] * cable[0] - seen[1])[:, 0]
        found["ampa"][:, k] = (a * (head - site.ampa_mV)).sum(axis=1)
        found["nmda"][:, k] = (open_nS * (head - site.nmda_mV)).sum(axis=1)
        found["head"][:, k] = head.mean(axis=1)
        found["dendrite"][:, k], found["soma"][:, k] = cable[0][:, 0], cable[1][:, 0]
        if calcium is not None:
            for name, values in zip(CALCIUM, calcium.advance(open_nS, a, head, first=k == 0), strict=True):
                found[name][:, k] = values.mean(axis=1)
    if at_soma:
        assert cell is not None
        held = np.isinf(load_nS)
        current = -cell.coupling_nS * found["dendrite"] if held else load_nS * (holding_mV - found["soma"])
        found["clamp"] = current - current[:, :1]
    return found


def _patched(cell: Cell, holding_mV: float, load_nS: float) -> tuple[Cell, Cell]:
    """Return a cell with an electrode on its soma: for the steps, and for the state at the start."""
    if np.isinf(load_nS):  # the soma does not move
        fixed = dataclasses.replace(cell, soma_nS=1e12, soma_rest_mV=holding_mV)
        return dataclasses.replace(cell, soma_pF=math.inf), fixed
    total = cell.soma_nS + load_nS
    rest = (cell.soma_nS * cell.rest_mV + load_nS * holding_mV) / total
    electrode = dataclasses.replace(cell, soma_nS=total, soma_rest_mV=rest)
    return electrode, electrode


def _clamped_at_once(ampa_nS: np.ndarray, nmda_nS: np.ndarray, site: Site, holding_mV: float) -> dict[str, np.ndarray]:
    """Return what `follow` does where nothing carries over from one sample to the next: all samples are one batch."""
    trials, sites, samples = ampa_nS.shape
    a, n = (np.moveaxis(g, 2, 1).reshape(trials * samples, sites) for g in (ampa_nS, nmda_nS))
    heads = _Heads(site, a, n, np.zeros_like(a), 0.0)
    dendrite, head = heads.clamped(np.full_like(a, holding_mV), holding_mV, np.inf)
    g, drive = heads.seen(head)
    open_nS = n * site.unblocked(head)
    found = {
        "synaptic": g[:, 0] * dendrite[:, 0] - drive[:, 0],
        "ampa": (a * (head - site.ampa_mV)).sum(axis=1),
        "nmda": (open_nS * (head - site.nmda_mV)).sum(axis=1),
        "head": head.mean(axis=1),
        "dendrite": dendrite[:, 0],
        "soma": dendrite[:, 0],
    }
    return {name: values.reshape(trials, samples) for name, values in found.items()}


class _Calcium:
    """Free calcium and the channels of all heads, stepped along a run."""

    def __init__(self, of: HeadCalcium, nmda_mV: float, ampa_mV: float, head: np.ndarray, dt_ms: float) -> None:
        self._of, self._nmda_mV, self._ampa_mV, self._dt = of, nmda_mV, ampa_mV, dt_ms
        self.reversal_mV = float(nernst_mV(of.external_mM, of.dynamics.rest_uM, of.temperature_C))
        self._gates = of.channel.steady(head)
        self._free = np.full_like(head, of.dynamics.rest_uM)
        self._flux = np.zeros_like(head)
        self._fade = math.exp(-dt_ms / of.dynamics.decay_ms)

    @property
    def conductance_nS(self) -> np.ndarray:
        """Conductance of the calcium channels of each head."""
        return self._of.channel.conductance_nS * self._gates[0] ** 2 * self._gates[1]

    def advance(
        self, nmda_nS: np.ndarray, ampa_nS: np.ndarray, head: np.ndarray, *, first: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return free calcium and the calcium currents by route at a sample, and step the channels to the next."""
        of, dynamics = self._of, self._of.dynamics
        nmda = of.nmda.current_pA(nmda_nS, head, of.external_mM, self._nmda_mV)
        ampa = of.ampa.current_pA(ampa_nS, head, of.external_mM, self._ampa_mV)
        channels = self.conductance_nS * (head - self.reversal_mV)
        flux = -(nmda + ampa + channels) * dynamics.per_pA_ms()
        if not first:
            # exact for a current that is constant over the step, at the mean of its ends
            gained = 0.5 * (flux + self._flux) * dynamics.decay_ms * (1.0 - self._fade)
            self._free = dynamics.rest_uM + (self._free - dynamics.rest_uM) * self._fade + gained
        self._flux = flux
        self._gates = of.channel.advance(*self._gates, head, self._dt)
        return self._free, nmda, ampa, channels


@dataclasses.dataclass(frozen=True)
class _Heads:
    """Conductances (nS) of all heads at a sample: AMPA, NMDA before block, calcium channels."""

    site: Site
    ampa: np.ndarray
    nmda: np.ndarray
    channels: np.ndarray
    channels_mV: float

    def _load(self, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return conductance and its drive (conductance x reversal, pA) in each head, at a head voltage."""
        site = self.site
        u = self.nmda * site.unblocked(head)
        drive = self.ampa * site.ampa_mV + u * site.nmda_mV + self.channels * self.channels_mV
        return self.ampa + u + self.channels, drive

    def seen(self, head: np.ndarray) -> Load:
        """Return conductance and drive as the dendrite sees them through the necks, summed, (trials, 1)."""
        g, drive = self._load(head)
        neck = self.site.neck_nS
        through = 1.0 if math.isinf(neck) else neck / (neck + g)
        return (g * through).sum(axis=1, keepdims=True), (drive * through).sum(axis=1, keepdims=True)

    def balanced(self, head: np.ndarray, dendrite_of: Callable[[np.ndarray], np.ndarray]) -> Pair:
        """Return dendrite and head voltages at which the currents of the heads balance; NaN where none is found."""
        moved = np.full_like(head, np.inf)
        dendrite = head[:, :1]
        for _ in range(_MOST):
            dendrite = dendrite_of(head)
            if math.isinf(self.site.neck_nS):
                new = np.broadcast_to(dendrite, head.shape)
            else:
                g, drive = self._load(head)
                new = (self.site.neck_nS * dendrite + drive) / (self.site.neck_nS + g)
            moved, head = np.abs(new - head), new
            if not (moved > _TOLERANCE_MV).any():
                return dendrite, head
        lost = (moved > _TOLERANCE_MV).any(axis=1, keepdims=True)
        return np.where(lost, np.nan, dendrite), np.where(lost, np.nan, head)

    def clamped(self, head: np.ndarray, holding_mV: float, load_nS: float) -> Pair:
        """Return dendrite and heads behind an amplifier with a series conductance."""

        def dendrite(head: np.ndarray) -> np.ndarray:
            if math.isinf(load_nS):
                return np.full((len(head), 1), holding_mV)
            g, drive = self.seen(head)
            return (load_nS * holding_mV + drive) / (load_nS + g)

        return self.balanced(head, dendrite)

    def under(self, dendrite: np.ndarray, head: np.ndarray) -> np.ndarray:
        """Return the heads on a dendrite of known voltage."""
        return self.balanced(head, lambda _: dendrite)[1]


def _free(
    cell: Cell, heads: _Heads, cable: Pair, head: np.ndarray, before: Load | None, dt_ms: float
) -> tuple[Pair, np.ndarray, Load]:
    """Return dendrite and soma, heads, and what the dendrite sees, one sample later (or at rest, at the first)."""
    head = heads.under(cable[0], head)
    seen = heads.seen(head)
    old = cable
    for _ in range(2):  # a predictor and its correction
        cable = _resting(cell, *seen) if before is None else _step(cell, *old, before, seen, dt_ms)
        head = heads.under(cable[0], head)
        seen = heads.seen(head)
    return cable, head, seen


def _resting(cell: Cell, conductance: np.ndarray, drive: np.ndarray) -> Pair:
    """Return dendrite and soma at rest with a constant conductance on the dendrite."""
    soma_nS = cell.soma_nS + cell.coupling_nS
    back = cell.coupling_nS / soma_nS
    own = cell.dendrite_nS + cell.coupling_nS + conductance - cell.coupling_nS * back
    inward = cell.dendrite_nS * cell.rest_mV + drive + back * cell.soma_nS * cell.soma_mV
    dendrite = inward / own
    return dendrite, (cell.soma_nS * cell.soma_mV + cell.coupling_nS * dendrite) / soma_nS


def _step(
    cell: Cell, dendrite: np.ndarray, soma: np.ndarray, before: Load,
    after: Load, dt_ms: float,
) -> Pair:  # fmt: skip
    """Return dendrite and soma after a step of the trapezoidal rule."""
    c, leak = cell.coupling_nS, cell.dendrite_nS * cell.rest_mV
    half_d, half_s = 0.5 * dt_ms / cell.dendrite_pF, 0.5 * dt_ms / cell.soma_pF
    right_d = dendrite + half_d * (
        leak + before[1] - (cell.dendrite_nS + c + before[0]) * dendrite + c * soma + leak + after[1]
    )
    right_s = soma + half_s * (2.0 * cell.soma_nS * cell.soma_mV - (cell.soma_nS + c) * soma + c * dendrite)
    d11, d22 = 1.0 + half_d * (cell.dendrite_nS + c + after[0]), 1.0 + half_s * (cell.soma_nS + c)
    d12, d21 = -half_d * c, -half_s * c
    det = d11 * d22 - d12 * d21
    return (right_d * d22 - d12 * right_s) / det, (d11 * right_s - d21 * right_d) / det
