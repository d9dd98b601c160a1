"""Low-pass filters of a recording rig as linear systems: ``dz/dt = A z + B u``, read as ``C z``, gain one at rest.

A filter is a chain of first- and second-order sections, whose numbers are all of the size of its cutoff, so that its
exponentials are well scaled (the companion form of a Bessel filter is not).

References: Bessel filters and their cutoff at -3 dB as in patch-clamp amplifiers: Colquhoun & Sigworth 1995, in
Single-Channel Recording, 2nd ed., chapter 19.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..errors import UsageError


@dataclasses.dataclass(frozen=True, eq=False)
class LowPass:
    """A filter.

    Attributes
    ----------
    a : array, shape (m, m)
        In 1/ms.
    b, c : arrays, shape (m,)
        Input (1/ms) and reading.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    @property
    def noise_per_ms(self) -> float:
        """Variance of the output for white noise of spectral density one at the input: the integral of its square."""
        from scipy.linalg import solve_continuous_lyapunov

        return float(self.c @ solve_continuous_lyapunov(self.a, -np.outer(self.b, self.b)) @ self.c)

    @property
    def slowest_per_ms(self) -> float:
        """The rate at which the filter forgets."""
        return float(-np.linalg.eigvals(self.a).real.max())

    @property
    def largest_per_ms(self) -> float:
        """What an exponential has to reckon with besides the exit rates of a chain, with a state that sums up."""
        with_sum = np.vstack([np.abs(self.a), np.abs(self.c)])
        return 4.0 * float(with_sum.sum(axis=-1).max())


def response(low_pass: LowPass, dt_ms: float, count: int) -> np.ndarray:
    """Return the response to one sample: what sampled input, straight between samples, becomes at the samples.

    The filter is the analogue one whatever the sampling; a digital design by the bilinear transform would be off by
    several per cent of a fast peak where the cutoff nears half the sampling rate.

    Parameters
    ----------
    low_pass : LowPass
    dt_ms : float
        Sampling interval.
    count : int

    Returns
    -------
    array, shape (count,)
        To be convolved with the input; it sums to one (for long responses).

    Examples
    --------
    >>> filter = first_order(1.0)
    >>> round(float(response(filter, 0.05, 2000).sum()), 6)
    1.0
    """
    from scipy.linalg import expm

    m = len(low_pass.b)
    block = np.zeros((m + 2, m + 2))  # states, input, its slope
    block[:m, :m], block[:m, m] = low_pass.a * dt_ms, low_pass.b * dt_ms
    block[m, m + 1] = 1.0
    held = expm(block)
    step, level, slope = held[:m, :m], held[:m, m], held[:m, m + 1]
    state = slope  # the input rises from nothing to this sample
    made = np.empty(count)
    for k in range(count):
        made[k] = low_pass.c @ state
        state = step @ state
        if k == 0:  # and falls to nothing until the next
            state = state + level - slope
    return made


def chain(poles_per_ms: np.ndarray) -> LowPass:
    """Return the low-pass filter with these poles and no zeros.

    Parameters
    ----------
    poles_per_ms : complex array
        In the left half plane; complex ones in conjugate pairs.

    Returns
    -------
    LowPass

    Raises
    ------
    UsageError
        A pole is not in the left half plane, or has no conjugate.
    """
    poles = [complex(pole) for pole in poles_per_ms]
    upper = [pole for pole in poles if pole.imag > 1e-12 * abs(pole)]
    lower = [pole for pole in poles if pole.imag < -1e-12 * abs(pole)]
    sections = [complex(pole.real) for pole in poles if abs(pole.imag) <= 1e-12 * abs(pole)] + upper
    paired = len(upper) == len(lower) and np.allclose(np.sort(upper), np.sort(np.conj(lower)), rtol=1e-9)
    if not poles or not paired or any(pole.real >= 0 for pole in poles):
        raise UsageError(
            "These poles make no low-pass filter", why=f"{poles}", do="give poles with negative real part, in pairs"
        )
    m = len(poles)
    a, b, at, before = np.zeros((m, m)), np.zeros(m), 0, 0
    for pole in sections:
        speed, second = abs(pole), pole.imag != 0
        entry = at + second  # of a second-order section the second state takes the input, the first gives the output
        if second:
            a[at, at + 1] = speed
            a[at + 1, at] = -speed
            a[at + 1, at + 1] = 2.0 * pole.real
        else:
            a[at, at] = -speed
        if at:
            a[entry, before] = speed
        else:
            b[entry] = speed
        before, at = at, at + 1 + second
    c = np.zeros(m)
    c[before] = 1.0
    return LowPass(a, b, c)


def bessel(poles: int, cutoff_kHz: float) -> LowPass:
    """Return a Bessel filter with its -3 dB point at the cutoff.

    Examples
    --------
    >>> filter = bessel(4, 10.0)
    >>> gain = filter.c @ np.linalg.solve(2j * np.pi * 10.0 * np.eye(4) - filter.a, filter.b)
    >>> round(20 * np.log10(abs(gain)).item(), 2)
    -3.01
    """
    from scipy.signal import bessel as design

    roots = design(poles, 2.0 * math.pi * cutoff_kHz, analog=True, norm="mag", output="zpk")[1]  # pyright: ignore
    return chain(np.asarray(roots))


def first_order(*cutoffs_kHz: float) -> LowPass:
    """Return resistor-capacitor filters in series (an electrode, a membrane), by their -3 dB points."""
    return chain(np.array([-2.0 * math.pi * f for f in cutoffs_kHz]))
