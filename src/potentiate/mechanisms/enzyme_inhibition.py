"""Inhibition, inactivation and induction of an enzyme: what is left of it, and what that does to a drug it clears.

Activities are relative to the undisturbed enzyme. With a constant inhibitor every model ends in a constant factor on
clearance, and the drug stays linear. With a known course of the inhibitor the drug is linear with a clearance that
changes in time: exact between the steps of a piecewise constant course. Only drugs that change each other's clearance
are nonlinear, and are integrated.

Equations: fahmi2009 (static model: reversible inhibition, inactivation and induction, in gut and liver)
and the turnover model behind it, dE/dt = kdeg (induction - E) - inactivation E.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..errors import NumericalError


def activity_left(inhibitor: np.ndarray | float, ki: float) -> np.ndarray | float:
    """Return what reversible inhibition leaves of an enzyme, ``1 / (1 + I / Ki)``.

    Holds for a non-competitive inhibitor, and for a competitive one where the substrate is far below its Km.

    Parameters
    ----------
    inhibitor : array or float
        Unbound concentration.
    ki : float
        In the same unit.
    """
    return 1.0 / (1.0 + inhibitor / ki)


@dataclasses.dataclass(frozen=True)
class Turnover:
    """An enzyme that is made and degraded, and what changes either.

    Attributes
    ----------
    kdeg_per_h : float
    kinact_per_h : float
        Largest rate of inactivation by the inhibitor; 0 for none.
    ki_inact : float
        Concentration at half of it.
    emax : float
        Largest gain of synthesis by the inducer (1 doubles it); 0 for none.
    ec50 : float
        Concentration at half of it.
    """

    kdeg_per_h: float
    kinact_per_h: float = 0.0
    ki_inact: float = math.inf
    emax: float = 0.0
    ec50: float = math.inf

    def rates(self, concentration: np.ndarray | float) -> tuple[np.ndarray | float, np.ndarray | float]:
        """Return synthesis (relative to kdeg) and the total rate of loss, 1/h, at a concentration."""
        synthesis = (
            1.0 + self.emax * concentration / (self.ec50 + concentration) if self.emax else 1.0 + 0 * concentration
        )
        loss = self.kdeg_per_h + (
            self.kinact_per_h * concentration / (self.ki_inact + concentration)
            if self.kinact_per_h
            else 0 * concentration
        )
        return synthesis, loss

    def steady(self, concentration: np.ndarray | float) -> np.ndarray | float:
        """Return the amount of enzyme in the end, relative to the undisturbed one."""
        synthesis, loss = self.rates(concentration)
        return self.kdeg_per_h * synthesis / loss

    def course(self, edges_h: np.ndarray, concentration: np.ndarray, start: float = 1.0) -> np.ndarray:
        """Return the enzyme at the edges of a piecewise constant concentration, exactly.

        Parameters
        ----------
        edges_h : array, shape (m + 1,)
        concentration : array, shape (m,) or (people, m)
            Between the edges.
        start : float

        Returns
        -------
        array, shape (m + 1,) or (people, m + 1)
        """
        concentration = np.asarray(concentration, dtype=float)
        _, loss = self.rates(concentration)
        ends = np.asarray(self.steady(concentration))
        kept = np.exp(-loss * np.diff(edges_h))
        found = np.empty((*concentration.shape[:-1], len(edges_h)))
        found[..., 0] = start
        for i in range(len(edges_h) - 1):
            found[..., i + 1] = ends[..., i] + (found[..., i] - ends[..., i]) * kept[..., i]
        return found


def auc_ratio(
    fraction: float, activity: np.ndarray | float, *, gut_escape: float = 1.0, gut_activity: np.ndarray | float = 1.0
) -> np.ndarray | float:
    """Return AUC with the interaction over AUC without it, by the static model.

    Parameters
    ----------
    fraction : float
        Of clearance by the enzyme (fm), 0 to 1.
    activity : array or float
        Of the enzyme in the liver, relative to the undisturbed one: the product of :func:`activity_left` and of
        :meth:`Turnover.steady`.
    gut_escape : float
        Fraction of the dose that escapes the enzyme in the gut wall undisturbed (Fg).
    gut_activity : array or float
        Of the enzyme there.

    Examples
    --------
    >>> round(auc_ratio(1.0, 0.5), 3), round(auc_ratio(0.5, 0.0), 3)
    (2.0, 2.0)
    """
    gut = gut_escape + (1.0 - gut_escape) * gut_activity
    return 1.0 / (fraction * activity + 1.0 - fraction) / gut


def least_fraction(ratio: float) -> float:
    """Return the smallest fraction of clearance by one enzyme that allows an AUC ratio: ``1 - 1 / ratio``.

    Examples
    --------
    >>> round(least_fraction(105 / 9.1), 2)
    0.91
    """
    return 1.0 - 1.0 / ratio


def left_under_decaying_inhibitor(
    t_h: np.ndarray, k_per_h: float, start_over_ki: float, inhibitor_k_per_h: float, fraction: float = 1.0
) -> np.ndarray:
    """Return what is left of a drug (bolus, one compartment) while its reversible inhibitor decays.

    The rate of elimination is ``k (fraction / (1 + x exp(-l t)) + 1 - fraction)``, whose integral is closed.

    Parameters
    ----------
    t_h : array
    k_per_h : float
        Undisturbed elimination.
    start_over_ki : float
        Inhibitor at time zero over its Ki (x).
    inhibitor_k_per_h : float
        Elimination of the inhibitor (l).
    fraction : float
        Of elimination that is inhibited.
    """
    x, rate = start_over_ki, inhibitor_k_per_h
    # log(exp(l t) + x) without overflow
    inhibited = (np.logaddexp(rate * t_h, math.log(x)) - math.log1p(x)) / rate if x > 0 else t_h
    return np.exp(-k_per_h * (fraction * inhibited + (1.0 - fraction) * t_h))


def left_under_steps(edges_h: np.ndarray, rate_per_h: np.ndarray) -> np.ndarray:
    """Return what is left of a drug at the edges of a piecewise constant rate of elimination, exactly.

    Parameters
    ----------
    edges_h : array, shape (m + 1,)
    rate_per_h : array, shape (m,) or (people, m)

    Returns
    -------
    array, shape (m + 1,) or (people, m + 1)
    """
    lost = np.cumsum(rate_per_h * np.diff(edges_h), axis=-1)
    return np.exp(-np.concatenate([np.zeros((*lost.shape[:-1], 1)), lost], axis=-1))


@dataclasses.dataclass(frozen=True)
class MutualInhibition:
    """Two drugs of one compartment each that one enzyme clears and that compete for it; the second may inactivate it.

    Attributes
    ----------
    vmax_per_h : (float, float)
        Largest rates with the undisturbed enzyme, uM/h.
    km_uM : (float, float)
        Each is also the drug's Ki for the other.
    other_per_h : (float, float)
        Elimination by other ways, 1/h.
    turnover : Turnover
        Of the enzyme; its inactivator is the second drug.
    """

    vmax_per_h: tuple[float, float]
    km_uM: tuple[float, float]
    other_per_h: tuple[float, float]
    turnover: Turnover

    def derivative(self, y: np.ndarray) -> np.ndarray:
        """Return d(first uM, second uM, enzyme)/dt, 1/h."""
        first, second, enzyme = y
        load = 1.0 + first / self.km_uM[0] + second / self.km_uM[1]
        synthesis, loss = self.turnover.rates(second)
        return np.array([
            -self.vmax_per_h[0] * enzyme * first / self.km_uM[0] / load - self.other_per_h[0] * first,
            -self.vmax_per_h[1] * enzyme * second / self.km_uM[1] / load - self.other_per_h[1] * second,
            self.turnover.kdeg_per_h * synthesis - loss * enzyme,
        ])  # fmt: skip

    def run(self, start_uM: tuple[float, float], t_h: np.ndarray, *, rtol: float = 1e-8) -> np.ndarray:
        """Integrate from two concentrations and an undisturbed enzyme.

        Parameters
        ----------
        start_uM : (float, float)
        t_h : array, shape (m,)
            From zero, increasing.
        rtol : float

        Returns
        -------
        array, shape (3, m)
            First and second drug, uM, and enzyme.

        Raises
        ------
        NumericalError
            The integration failed.
        """
        from scipy.integrate import solve_ivp

        largest = max(*start_uM, 1e-9)
        found = solve_ivp(
            lambda _, y: self.derivative(y), (float(t_h[0]), float(t_h[-1])), [*start_uM, 1.0], method="Radau",
            t_eval=t_h, rtol=rtol, atol=[1e-10 * largest, 1e-10 * largest, 1e-12],
        )  # fmt: skip
        if not found.success:
            raise NumericalError("Two drugs that inhibit each other: the integration failed", why=str(found.message))
        return found.y
