"""Fast induction: calcium above two thresholds moves a bistable efficacy (Graupner & Brunel 2012, in the form that
Chindemi et al. 2022 gave it: calcium follows voltage, and the thresholds are those of each synapse)."""

from __future__ import annotations

import dataclasses

import numpy as np

#: Bins per window of :func:`move_efficacy`; 20 bins of 5 ms are short beside the 70 s of the bistable term.
WINDOW = 20


@dataclasses.dataclass(frozen=True)
class ThresholdPlasticity:
    """Parameters of the rule.

    Attributes
    ----------
    integration_ms : float
        Time constant of the leaky integral of free calcium above rest.
    depression_pre, depression_post, potentiation_pre, potentiation_post : float
        Thresholds as multiples of the peaks that one release and one postsynaptic spike make at the same synapse,
        without drug: ``theta = pre c_pre + post c_post``.
    depression_rate, potentiation_rate : float
        gamma_d and gamma_p.
    unstable : float
        Efficacy rho* between the two stable states 0 and 1.
    tau_s : float
        Time scale of the efficacy.
    """

    integration_ms: float
    depression_pre: float
    depression_post: float
    potentiation_pre: float
    potentiation_post: float
    depression_rate: float
    potentiation_rate: float
    unstable: float = 0.5
    tau_s: float = 70.0

    def thresholds(self, pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the thresholds of depression and potentiation of each synapse, uM ms.

        Set once, without drug: computed again with it they would normalise its effect away.
        """
        return (
            self.depression_pre * pre + self.depression_post * post,
            self.potentiation_pre * pre + self.potentiation_post * post,
        )


def bin_calcium(t_ms: np.ndarray, calcium_uM: np.ndarray, bin_ms: float = 5.0) -> np.ndarray:
    """Average a course given by steps (value holds until its time) over regular bins, exactly.

    Parameters
    ----------
    t_ms : array, shape (steps,)
        Ends of the steps.
    calcium_uM : array, shape (steps, synapses)
    bin_ms : float

    Returns
    -------
    array, shape (bins, synapses)
    """
    widths = np.diff(t_ms, prepend=0.0)
    area = np.concatenate([np.zeros((1, calcium_uM.shape[1])), np.cumsum(calcium_uM * widths[:, None], axis=0)])
    bins = int(np.ceil(t_ms[-1] / bin_ms - 1e-9))
    edges = np.minimum(np.arange(bins + 1) * bin_ms, t_ms[-1])
    at = np.concatenate([[0.0], t_ms])
    left = np.clip(np.searchsorted(at, edges, side="right") - 1, 0, len(at) - 2)
    share = (edges - at[left]) / (at[left + 1] - at[left])
    cumulative = area[left] + share[:, None] * (area[left + 1] - area[left])
    return np.diff(cumulative, axis=0) / np.diff(edges)[:, None]


def integrate_calcium(
    calcium_uM: np.ndarray, rest_uM: float, integration_ms: float, bin_ms: float = 5.0, start: np.ndarray | None = None
) -> np.ndarray:
    """Return the leaky integral of calcium above rest.

    Parameters
    ----------
    calcium_uM : array, shape (bins, synapses)
        Means of regular bins, see :func:`bin_calcium`.
    rest_uM, integration_ms, bin_ms : float
    start : array, shape (synapses,), optional
        The integral before the first bin, uM ms; default 0.

    Returns
    -------
    array, shape (bins, synapses)
        At the end of each bin, uM ms.
    """
    from scipy.signal import lfilter

    keep = np.exp(-bin_ms / integration_ms)
    gain = integration_ms * (1.0 - keep)
    above = (calcium_uM - rest_uM) * gain
    before = np.zeros(above.shape[1]) if start is None else start
    # the state of a one-pole filter is what is left of its last output
    return np.asarray(lfilter([1.0], [1.0, -keep], above, axis=0, zi=keep * before[None])[0])


def move_efficacy(
    rule: ThresholdPlasticity,
    integral: np.ndarray,
    depression: np.ndarray,
    potentiation: np.ndarray,
    start: np.ndarray,
    bin_ms: float = 5.0,
) -> np.ndarray:
    """Return the efficacy after a course of integrated calcium.

    The terms that calcium switches on are linear in the efficacy: the maps of the bins of a window are multiplied
    exactly. The slow bistable term is added once per window.

    Parameters
    ----------
    rule : ThresholdPlasticity
    integral : array, shape (bins, synapses)
        Of :func:`integrate_calcium`, uM ms.
    depression, potentiation : array, shape (synapses,)
        Thresholds, uM ms, see :meth:`ThresholdPlasticity.thresholds`.
    start : array, shape (synapses,)
        Efficacy before, 0 to 1.
    bin_ms : float

    Returns
    -------
    array, shape (synapses,)
    """
    rho = np.array(start, dtype=float)
    h = bin_ms / 1000.0 / rule.tau_s
    up = rule.potentiation_rate * np.asarray(integral > potentiation, dtype=float)
    total = up + rule.depression_rate * np.asarray(integral > depression, dtype=float)
    decay = np.exp(-total * h)
    gained = (1.0 - decay) * np.divide(up, total, out=np.zeros_like(up), where=total > 0)
    for at in range(0, len(integral), WINDOW):
        window = slice(at, at + WINDOW)
        d, width = decay[window], min(WINDOW, len(integral) - at)
        left = np.cumprod(d[::-1], axis=0)[::-1]  # of what a bin gains, the later bins of the window leave this
        later = np.concatenate([left[1:], np.ones((1, d.shape[1]))])
        slow = -rho * (1.0 - rho) * (rule.unstable - rho) * h * width
        rho = left[0] * rho + (gained[window] * later).sum(axis=0) + slow
    return rho


def settle(rule: ThresholdPlasticity, rho: np.ndarray, minutes: float) -> np.ndarray:
    """Return the efficacy after a rest: the cubic term alone drives it to 0 or 1."""
    steps = max(1, round(minutes * 60.0 / rule.tau_s * 20.0))
    h = minutes * 60.0 / rule.tau_s / steps
    rho = np.array(rho, dtype=float)
    for _ in range(steps):  # Heun
        slope = -rho * (1.0 - rho) * (rule.unstable - rho)
        guess = rho + h * slope
        rho = rho + 0.5 * h * (slope - guess * (1.0 - guess) * (rule.unstable - guess))
    return rho
