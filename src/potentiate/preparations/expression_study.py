"""What a drug does before and after long-term potentiation, under each route of its expression.

One synapse, a brief pulse of glutamate, voltage clamp at the dendrite: receptors of a patch, or behind a spine neck.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np

from ..errors import UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.gating import speed_gating
from ..kinetics.scheme import Scheme
from ..library.modulator import Action
from ..measures.observable import Observable, missing
from ..mechanisms.expression import ROUTES, Expressed, Route, enlargement, express, membrane_filter
from ..mechanisms.spine import series
from ..protocols.fast_application import jump
from .patch import UNITARY_PS, Patch

#: Units of what is measured of each response.
MEASURES = {"amplitude": "pA", "decay": "ms", "charge": "fC", "early": "pA", "epsp": "pA", "time_to_peak": "ms"}

#: Time constant with which a membrane turns the current into an EPSP: assumed.
MEMBRANE_MS = 10.0

#: A fold effect that changes by less than this share counts as unaffected. Assumed: the statements give no number.
UNAFFECTED = 0.05

#: Speed of the gating route. Assumed: the rates of Ambros-Ingerson & Lynch 1993 were not read.
SPEED = 3.0

Verdict = Literal["unaffected", "reduced", "raised", "not determined"]


@dataclasses.dataclass(frozen=True)
class Response:
    """One response and its measures.

    Attributes
    ----------
    current_pA : array, shape (times,)
    measures : dict of Observable
        ``amplitude`` (pA), ``decay`` (charge over amplitude, ms), ``charge`` (fC), ``early`` (mean current until the
        response before potentiation and without drug peaks, pA), ``epsp`` (peak of the current as a passive membrane
        filters it, pA), ``time_to_peak`` (ms, from release).
    """

    current_pA: np.ndarray
    measures: dict[str, Observable]


@dataclasses.dataclass(frozen=True)
class RouteRow:
    """One route of expression.

    Attributes
    ----------
    route : str
    receptors : Expressed
        After potentiation.
    control, drugged : Response
        After potentiation.
    fold : dict of Observable
        Drug over control after potentiation, for each measure.
    change : dict of Observable
        Relative change of the fold effect by potentiation: -0.1 is a fold effect 10 % smaller.
    waveform_change : Observable
        Largest difference of the responses without drug, before and after, each normalised to its peak.
    effect_time : Observable
        When the drug adds most current, ms from release, after potentiation.
    """

    route: Route
    receptors: Expressed
    control: Response
    drugged: Response
    fold: dict[str, Observable]
    change: dict[str, Observable]
    waveform_change: Observable
    effect_time: Observable

    def verdict(self, measure: str) -> Verdict:
        """Say whether potentiation left the drug's effect on a measure unaffected, reduced it or raised it.

        Source 003 (table 1) says unaffected, Xiao 1991 says reduced: a route can bear out one of the two at most.
        """
        value = self.change[measure].value
        if not math.isfinite(value):
            return "not determined"
        return "unaffected" if abs(value) < UNAFFECTED else "reduced" if value < 0.0 else "raised"


@dataclasses.dataclass(frozen=True)
class ExpressionStudy:
    """The result of :func:`study_expression`.

    Attributes
    ----------
    scheme, drug : str
    dose_uM, strength, neck_GOhm : float
    time_ms : array, shape (times,)
        From release.
    control, drugged : Response
        Before potentiation.
    fold : dict of Observable
        Drug over control before potentiation.
    effect_time : Observable
        When the drug adds most current before potentiation, ms from release.
    gating_alone : dict of Observable
        A receptor of faster gating over a resident one, without drug: what gating does without any new receptors.
    rows : tuple of RouteRow
    assumed : tuple of str
    """

    scheme: str
    drug: str
    dose_uM: float
    strength: float
    neck_GOhm: float
    time_ms: np.ndarray
    control: Response
    drugged: Response
    fold: dict[str, Observable]
    effect_time: Observable
    gating_alone: dict[str, Observable]
    rows: tuple[RouteRow, ...]
    assumed: tuple[str, ...]

    def row(self, route: Route) -> RouteRow:
        """Return the row of a route."""
        return next(r for r in self.rows if r.route == route)


def study_expression(
    scheme: Scheme,
    action: Action,
    dose_uM: float,
    *,
    strength: float = 1.6,
    inserted: Scheme | None = None,
    speed: float = SPEED,
    membrane_ms: float = 0.0,
    receptors: float = 80.0,
    unitary_pS: float = UNITARY_PS,
    neck_GOhm: float = 0.0,
    voltage_mV: float = -60.0,
    glutamate_uM: float = 1000.0,
    pulse_ms: float = 0.3,
    temperature_C: float | None = None,
    variant: str | None = None,
) -> ExpressionStudy:
    """Measure a drug's effect on a synaptic response before and after potentiation under each route.

    Parameters
    ----------
    scheme : Scheme
        Resident receptors.
    action : Action
    dose_uM : float
    strength : float
        Response after over before potentiation (``number``, ``conductance``, ``gating``), or receptors after over
        before (``composition``). 1.6: 2 x 100 Hz after 1 h, PMC3539311.
    membrane_ms : float
        What response ``gating`` brings to that strength. 0: the current; :data:`MEMBRANE_MS`: the potential.
    inserted : Scheme, optional
        What ``composition`` inserts; without it that route is left out.
    speed : float
        Common factor on opening and closing of what ``gating`` turns receptors into.
    receptors, unitary_pS : float
        Of the synapse before potentiation, and of one channel where the scheme's conductances are relative.
    neck_GOhm : float
        0: a patch; 0.5: a spine of CA1 (Harnett 2012). The head follows its dendrite within microseconds.
    glutamate_uM, pulse_ms : float
        1 mM for 0.3 ms, as in a CA1 model (CA1Sim).

    Returns
    -------
    ExpressionStudy

    Raises
    ------
    UsageError
        The drug does not act on a scheme, or a number is not positive.
    """
    if not all(math.isfinite(v) and v > 0.0 for v in (dose_uM, strength, receptors, unitary_pS, pulse_ms)):
        raise UsageError("dose_uM, strength, receptors, unitary_pS and pulse_ms must be positive")
    if not neck_GOhm >= 0.0:
        raise UsageError(f"neck_GOhm is {neck_GOhm}", do="give 0 for a patch, or a positive resistance")
    protocol = jump(scheme.agonist, glutamate_uM, pulse_ms, 80.0, 0.01)
    baths = (NO_DRUG, Bath({action.compound: dose_uM}))

    def one_receptor(resting: Scheme) -> tuple[np.ndarray, np.ndarray]:
        """Return the conductance of one receptor without and with the drug, nS."""
        patch = Patch(action.apply(resting, variant), 1, -1.0, temperature_C=temperature_C, unitary_pS=unitary_pS)
        sweeps = patch.run(protocol, baths).sweeps
        return -sweeps[0], -sweeps[1]

    resident = one_receptor(scheme)
    if not resident[0].max() > 0.0:
        raise UsageError(f"{scheme.name} does not respond", why=f"glutamate is {glutamate_uM:g} uM", do="give more")
    changed = {"gating": one_receptor(speed_gating(scheme, speed))}
    if inserted is not None:
        changed["composition"] = one_receptor(inserted)
    t = np.arange(len(resident[0])) * protocol.dt_ms - protocol.marks["on"]
    early_ms = float(t[np.argmax(resident[0])])

    def response(conductance_nS: np.ndarray) -> Response:
        shown = series(1.0 / neck_GOhm, conductance_nS) if neck_GOhm > 0.0 else conductance_nS
        return _measure(t, shown * voltage_mV, early_ms)

    before = (response(receptors * resident[0]), response(receptors * resident[1]))
    fold = _fold(*before)
    rows = []
    for route in ROUTES:
        if route == "composition" and inserted is None:
            continue
        other = changed.get(route, resident)
        gain = enlargement(resident[0], other[0], strength, dt_ms=protocol.dt_ms, membrane_ms=membrane_ms)
        made = express(route, strength, receptors, gain)
        after = (
            response(made.conductance(resident[0], other[0])),
            response(made.conductance(resident[1], other[1])),
        )
        fold_after = _fold(*after)
        change = {name: _ratio(f"{name}/fold change", fold_after[name].value, fold[name].value, 1.0) for name in fold}
        shape = [r.current_pA / r.measures["amplitude"].value for r in (before[0], after[0])]
        distance = Observable("waveform change", float(np.max(np.abs(shape[1] - shape[0]))))
        rows.append(RouteRow(route, made, after[0], after[1], fold_after, change, distance, _effect_time(t, *after)))
    return ExpressionStudy(
        scheme.name, action.compound, dose_uM, strength, neck_GOhm, t, *before, fold,
        _effect_time(t, *before),
        _fold(_measure(t, resident[0], early_ms), _measure(t, changed["gating"][0], early_ms)),
        tuple(rows),
        (
            f"gating: opening and closing both x{speed:g}; no rate table was read",
            f"{receptors:g} receptors of {unitary_pS:g} pS where the scheme gives relative conductances",
            f"glutamate {glutamate_uM:g} uM for {pulse_ms:g} ms",
            f"EPSP: a membrane of {MEMBRANE_MS:g} ms",
            f"unaffected: a fold effect that changes by less than {100 * UNAFFECTED:g} %",
        ),
    )  # fmt: skip


def gating_switch(
    scheme: Scheme,
    *,
    speed: float = SPEED,
    membrane_ms: float = MEMBRANE_MS,
    temperature_C: float | None = None,
    glutamate_uM: float = 1000.0,
    pulse_ms: float = 0.3,
) -> tuple[Scheme, float]:
    """Return the scheme of faster gating, and by what it enlarges the response to one release.

    Parameters
    ----------
    scheme : Scheme
        Resident receptors, without drugs.
    speed, membrane_ms, temperature_C, glutamate_uM, pulse_ms
        As for :func:`study_expression`.

    Returns
    -------
    changed : Scheme
    enlargement : float
        For :func:`potentiate.mechanisms.expression.express`.
    """
    changed = speed_gating(scheme, speed)
    protocol = jump(scheme.agonist, glutamate_uM, pulse_ms, 80.0, 0.01)
    one, other = (-Patch(s, 1, -1.0, temperature_C=temperature_C).run(protocol).sweeps[0] for s in (scheme, changed))
    return changed, enlargement(one, other, math.inf, dt_ms=protocol.dt_ms, membrane_ms=membrane_ms)


def _measure(t: np.ndarray, current: np.ndarray, early_ms: float) -> Response:
    at = int(np.argmax(np.abs(current)))
    area = float(np.trapezoid(current, t))
    amplitude = float(current[at])
    values = {
        "amplitude": amplitude,
        "decay": area / amplitude if amplitude else math.nan,
        "charge": area,
        "epsp": float(np.sign(amplitude) * np.max(np.abs(membrane_filter(current, float(t[1] - t[0]), MEMBRANE_MS)))),
        "early": float(current[(t > 0.0) & (t <= early_ms)].mean()),
        "time_to_peak": float(t[at]),
    }
    return Response(
        current,
        {
            name: Observable(name, v, MEASURES[name])
            if math.isfinite(v)
            else missing(name, MEASURES[name], "no response", "no current")
            for name, v in values.items()
        },
    )


def _effect_time(t: np.ndarray, control: Response, drugged: Response) -> Observable:
    added = np.abs(drugged.current_pA - control.current_pA)
    return Observable("effect time", float(t[np.argmax(added)]), "ms")


def _fold(control: Response, drugged: Response) -> dict[str, Observable]:
    return {
        name: _ratio(f"{name}/fold", drugged.measures[name].value, control.measures[name].value) for name in MEASURES
    }


def _ratio(name: str, value: float, base: float, minus: float = 0.0) -> Observable:
    if not base or not math.isfinite(value):
        return missing(name, "", "no response", "there is no response to relate to")
    return Observable(name, value / base - minus)
