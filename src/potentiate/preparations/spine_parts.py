"""What surrounds a spine head in the unreduced system: a calcium buffer with rates, and a passive cell."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class KineticBuffer:
    """A calcium buffer: ``d[bound]/dt = kon_per_uM_ms [Ca] (total_uM - [bound]) - koff_per_ms [bound]``."""

    total_uM: float
    kon_per_uM_ms: float
    koff_per_ms: float

    def rate(self, free_uM: Any, bound_uM: Any) -> Any:
        """Return d[bound]/dt, uM/ms."""
        return self.kon_per_uM_ms * free_uM * (self.total_uM - bound_uM) - self.koff_per_ms * bound_uM

    def steady(self, free_uM: float) -> float:
        """Return what is bound in equilibrium, uM."""
        return self.total_uM * free_uM / (free_uM + self.koff_per_ms / self.kon_per_uM_ms)


@dataclasses.dataclass(frozen=True)
class Compartments:
    """A passive cell.

    Attributes
    ----------
    capacitance_pF, leak_nS, rest_mV : tuple of float, length m
    coupling_nS : tuple of (compartment, compartment, nS)
    clamp : (compartment, GOhm) or None
        Voltage clamp through a series resistance.
    """

    capacitance_pF: tuple[float, ...]
    leak_nS: tuple[float, ...]
    rest_mV: tuple[float, ...]
    coupling_nS: tuple[tuple[int, int, float], ...] = ()
    clamp: tuple[int, float] | None = None

    @property
    def m(self) -> int:
        """Number of compartments."""
        return len(self.capacitance_pF)

    @functools.cached_property
    def matrix(self) -> np.ndarray:
        """dV/dt = matrix @ V + ..., without spines, shape (m, m), 1/ms."""
        g = -np.diag(np.array(self.leak_nS, float))
        for a, b, nS in self.coupling_nS:
            g[a, a] -= nS
            g[b, b] -= nS
            g[a, b] += nS
            g[b, a] += nS
        if self.clamp is not None:
            g[self.clamp[0], self.clamp[0]] -= 1.0 / self.clamp[1]
        return g / np.array(self.capacitance_pF)[:, None]

    def sources(self, command_mV: Any, injected_pA: Any) -> Any:
        """Return the part of dV/dt that does not depend on voltages, shape (m, ...)."""
        import jax.numpy as jnp

        leak = np.array(self.leak_nS) * np.array(self.rest_mV)
        total = leak.reshape(-1, *[1] * (jnp.ndim(injected_pA) - 1)) + injected_pA
        if self.clamp is not None:
            total = total.at[self.clamp[0]].add(command_mV / self.clamp[1])
        return total / np.array(self.capacitance_pF).reshape(-1, *[1] * (total.ndim - 1))
