"""Voltage and calcium of spines on a dendrite, given the conductances of their receptors.

The gating of receptors without voltage-dependent rates does not depend on the membrane, so conductances come first
and voltage follows: the head follows its dendrite within microseconds and is taken at its balance of currents.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..mechanisms.calcium import CalciumChannel, CalciumDynamics, Share, nernst_mV

#: Balance of the head: tolerance and most iterations.
_TOLERANCE_MV, _MOST = 1e-6, 200

Unblocked = Callable[[np.ndarray], np.ndarray]


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
    """Dendrite and soma, both passive (pF, nS, mV)."""

    rest_mV: float
    dendrite_pF: float
    dendrite_nS: float
    soma_pF: float
    soma_nS: float
    coupling_nS: float


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
) -> dict[str, np.ndarray]:
    """Follow voltage, currents and calcium.

    Parameters
    ----------
    ampa_nS, nmda_nS : array, shape (trials, sites, samples)
    dt_ms : float
    site : Site
    holding_mV : float, optional
        Command of a voltage clamp of the dendrite; None: current clamp, which needs `cell`.
    series_GOhm : float
        Resistance between amplifier and cell.
    cell : Cell, optional

    Returns
    -------
    dict of arrays, shape (trials, samples)
        ``synaptic`` (pA, all sites), ``ampa``, ``nmda`` (pA, all sites), ``head``, ``dendrite``, ``soma`` (mV; the head
        is a mean over sites), and with calcium ``calcium`` (uM), ``calcium nmda``, ``calcium ampa``,
        ``calcium channels`` (pA), means over sites. NaN in a trial from where no balance was found.
    """
    trials, sites, samples = ampa_nS.shape
    start = holding_mV if holding_mV is not None else (cell.rest_mV if cell else np.nan)
    dendrite = np.full((trials, 1), start)
    soma = np.full((trials, 1), start)
    head = np.full((trials, sites), start)
    names = ["synaptic", "ampa", "nmda", "head", "dendrite", "soma"]
    ca = site.calcium
    free, gates, reversal = np.empty(0), (np.empty(0), np.empty(0)), 0.0
    flux_before = np.zeros((trials, sites))
    fade = 0.0
    if ca is not None:
        names += ["calcium", "calcium nmda", "calcium ampa", "calcium channels"]
        free = np.full((trials, sites), ca.dynamics.rest_uM)
        m, h = ca.channel.steady(start)
        gates = np.full((trials, sites), m), np.full((trials, sites), h)
        reversal = float(nernst_mV(ca.external_mM, ca.dynamics.rest_uM, ca.temperature_C))
        fade = float(np.exp(-dt_ms / ca.dynamics.decay_ms))
    found = {name: np.full((trials, samples), np.nan) for name in names}
    previous: tuple[np.ndarray, np.ndarray] | None = None
    for k in range(samples):
        a, n = ampa_nS[:, :, k], nmda_nS[:, :, k]
        v = ca.channel.conductance_nS * gates[0] ** 2 * gates[1] if ca is not None else np.zeros_like(a)
        if holding_mV is not None:
            load = 1.0 / series_GOhm if series_GOhm > 0 else np.inf
            dendrite, head = _balance(a, n, v, reversal, site, head, lambda g, i: _clamped(g, i, holding_mV, load))
            soma = dendrite
            seen = _seen(a, n, v, reversal, site, head)
        else:
            assert cell is not None
            if previous is None:
                previous = _seen(a, n, v, reversal, site, head)
                if not np.allclose(previous[0], 0.0):  # conductance at rest: start where the cell is at rest with it
                    dendrite, soma = _resting(cell, *previous)
            for _ in range(2):  # a predictor and its correction
                _, head_now = _balance(a, n, v, reversal, site, head, lambda g, i, d=dendrite: d)
                seen = _seen(a, n, v, reversal, site, head_now)
                new = _step(cell, dendrite, soma, previous, seen, dt_ms) if k else (dendrite, soma)
                _, head_now = _balance(a, n, v, reversal, site, head_now, lambda g, i, d=new[0]: d)
                seen = _seen(a, n, v, reversal, site, head_now)
            dendrite, soma, head, previous = *new, head_now, seen
        conductance, drive = seen
        open_nS = n * site.unblocked(head)
        found["synaptic"][:, k] = (conductance * dendrite - drive)[:, 0]
        found["ampa"][:, k] = (a * (head - site.ampa_mV)).sum(axis=1)
        found["nmda"][:, k] = (open_nS * (head - site.nmda_mV)).sum(axis=1)
        found["head"][:, k], found["dendrite"][:, k], found["soma"][:, k] = (
            head.mean(axis=1), dendrite[:, 0], soma[:, 0],
        )  # fmt: skip
        if ca is not None:
            currents = (
                ca.nmda.current_pA(open_nS, head, ca.external_mM, site.nmda_mV),
                ca.ampa.current_pA(a, head, ca.external_mM, site.ampa_mV),
                v * (head - reversal),
            )
            flux = -(currents[0] + currents[1] + currents[2]) * ca.dynamics.per_pA_ms()
            if k:
                # exact for a current that is constant over the step, at the mean of its ends
                gained = 0.5 * (flux + flux_before) * ca.dynamics.decay_ms * (1.0 - fade)
                free = ca.dynamics.rest_uM + (free - ca.dynamics.rest_uM) * fade + gained
            flux_before = flux
            found["calcium"][:, k] = free.mean(axis=1)
            for name, current in zip(names[-3:], currents, strict=True):
                found[name][:, k] = current.mean(axis=1)
            gates = ca.channel.advance(*gates, head, dt_ms)
    return found


def _seen(
    a: np.ndarray, n: np.ndarray, v: np.ndarray, reversal: float, site: Site, head: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the conductance (nS) and its drive (conductance x reversal, pA) that the dendrite sees, (trials, 1)."""
    u = n * site.unblocked(head)
    g = a + u + v
    drive = a * site.ampa_mV + u * site.nmda_mV + v * reversal
    through = 1.0 if np.isinf(site.neck_nS) else site.neck_nS / (site.neck_nS + g)
    return (g * through).sum(axis=1, keepdims=True), (drive * through).sum(axis=1, keepdims=True)


def _balance(
    a: np.ndarray, n: np.ndarray, v: np.ndarray, reversal: float, site: Site, head: np.ndarray,
    dendrite_of: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return dendrite and head voltages at which the currents of the heads balance; NaN where none is found."""
    for _ in range(_MOST):
        dendrite = dendrite_of(*_seen(a, n, v, reversal, site, head))
        u = n * site.unblocked(head)
        if np.isinf(site.neck_nS):
            new = np.broadcast_to(dendrite, head.shape)
        else:
            drive = a * site.ampa_mV + u * site.nmda_mV + v * reversal
            new = (site.neck_nS * dendrite + drive) / (site.neck_nS + a + u + v)
        moved = np.abs(new - head)
        head = new
        if not np.nanmax(moved, initial=0.0) > _TOLERANCE_MV:
            return dendrite, head
    lost = (moved > _TOLERANCE_MV).any(axis=1, keepdims=True)
    return np.where(lost, np.nan, dendrite), np.where(lost, np.nan, head)


def _clamped(conductance: np.ndarray, drive: np.ndarray, holding_mV: float, load_nS: float) -> np.ndarray:
    """Return the voltage behind a series conductance."""
    if np.isinf(load_nS):
        return np.full_like(conductance, holding_mV)
    return (load_nS * holding_mV + drive) / (load_nS + conductance)


def _resting(cell: Cell, conductance: np.ndarray, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return dendrite and soma at rest with a constant conductance on the dendrite."""
    soma_nS = cell.soma_nS + cell.coupling_nS
    back = cell.coupling_nS / soma_nS
    own = cell.dendrite_nS + cell.coupling_nS + conductance - cell.coupling_nS * back
    inward = cell.dendrite_nS * cell.rest_mV + drive + back * cell.soma_nS * cell.rest_mV
    dendrite = inward / own
    return dendrite, (cell.soma_nS * cell.rest_mV + cell.coupling_nS * dendrite) / soma_nS


def _step(
    cell: Cell, dendrite: np.ndarray, soma: np.ndarray, before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray], dt_ms: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return dendrite and soma after a step of the trapezoidal rule."""
    c, leak = cell.coupling_nS, cell.dendrite_nS * cell.rest_mV
    half_d, half_s = 0.5 * dt_ms / cell.dendrite_pF, 0.5 * dt_ms / cell.soma_pF
    right_d = dendrite + half_d * (
        leak + before[1] - (cell.dendrite_nS + c + before[0]) * dendrite + c * soma + leak + after[1]
    )
    right_s = soma + half_s * (2.0 * cell.soma_nS * cell.rest_mV - (cell.soma_nS + c) * soma + c * dendrite)
    d11, d22 = 1.0 + half_d * (cell.dendrite_nS + c + after[0]), 1.0 + half_s * (cell.soma_nS + c)
    d12, d21 = -half_d * c, -half_s * c
    det = d11 * d22 - d12 * d21
    return (right_d * d22 - d12 * right_s) / det, (d11 * right_s - d21 * right_d) / det
