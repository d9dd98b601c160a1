"""What is fitted: a scheme with some rates free, and drugs as operators with some of their numbers free."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..kinetics.modulator import Modulator, apply_modulator
from ..kinetics.rate_map import RateMap, RateParameter, free_rates, map_of
from ..kinetics.scheme import CLASSES, Scheme

Share = Literal["all", "cell", "drug"]

#: The words of the sharing table.
SHARES: dict[str, str] = {
    "all": "one value for all sweeps",
    "cell": "a value of its own for each cell",
    "drug": "a value of its own for control and for each drug",
}


@dataclasses.dataclass(frozen=True)
class DrugModel:
    """How a drug enters a model.

    Attributes
    ----------
    modulator : Modulator
        Sites, splits and speeds as they stay; kd, koff and weights where the search starts.
    free : tuple of str
        Of ``kd``, ``koff``, ``w(open)``, ``w(desensitized)``, ``w(bound)``, ``speed(open)`` ... A free weight is that
        of one site; n occupied sites multiply (independent sites).
    """

    modulator: Modulator
    free: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "free", tuple(self.free))
        valid = ["kd", "koff", *(f"w({c})" for c in CLASSES if c != "rest"), *(f"speed({c})" for c in CLASSES)]
        for name in self.free:
            if name not in valid:
                raise UnknownNameError("drug parameter", name, valid, do=f"one of: {', '.join(valid)}")

    def parameters(self) -> list[RateParameter]:
        """Return the free numbers with their start."""
        drug = self.modulator.ligand
        made = []
        for name in self.free:
            full = f"{drug} {name}"
            if name == "kd":
                made.append(RateParameter(full, "uM", self.modulator.kd_uM))
            elif name == "koff":
                made.append(RateParameter(full, "1/ms", self.modulator.koff_per_ms))
            elif name.startswith("w("):
                start = self.modulator.weight(name[2:-1], 1)
                made.append(RateParameter(full, "", start, "log", 1e-4, 1e4))
            else:
                start = self.modulator.speed.get(name[6:-1], 1.0)
                if start <= 0:
                    raise UsageError(f"{full} starts at zero", do="start it above zero, or leave it fixed")
                made.append(RateParameter(full, "", start, "log", 1e-4, 1e2))
        return made

    def at(self, values: Mapping[str, float]) -> Modulator:
        """Return the operator with its free numbers set (keys as in :meth:`parameters`)."""
        m, drug = self.modulator, self.modulator.ligand
        weights, speed = dict(m.weights), dict(m.speed)
        kd, koff = values.get(f"{drug} kd", m.kd_uM), values.get(f"{drug} koff", m.koff_per_ms)
        for name in self.free:
            value = values[f"{drug} {name}"]
            if name.startswith("w("):
                weights[name[2:-1]] = tuple(value**k for k in range(1, m.sites + 1))
            elif name.startswith("speed("):
                speed[name[6:-1]] = value
        return dataclasses.replace(m, kd_uM=kd, koff_per_ms=koff, weights=weights, speed=speed)


@dataclasses.dataclass(frozen=True)
class Model:
    """A scheme, its free rates, its drugs, and who shares what.

    Attributes
    ----------
    scheme : Scheme
        Without drugs.
    free : mapping of name -> transitions, sequence of transitions, or None
        As for :func:`potentiate.kinetics.rate_map.free_rates`; ``()`` holds the scheme as it is, None frees all.
    drugs : mapping of ligand -> DrugModel
    sharing : mapping of parameter -> {"all", "cell", "drug"}
        Default "all". What is not named is shared by all sweeps.
    bounds : mapping of parameter -> (low, high)
        Instead of a thousandfold either way.
    """

    scheme: Scheme
    free: Mapping[str, Sequence[str]] | Sequence[str] | None = ()
    drugs: Mapping[str, DrugModel] = dataclasses.field(default_factory=dict)
    sharing: Mapping[str, Share] = dataclasses.field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("drugs", "sharing", "bounds"):
            object.__setattr__(self, name, types.MappingProxyType(dict(getattr(self, name))))
        for ligand, drug in self.drugs.items():
            if drug.modulator.ligand != ligand:
                raise UsageError(f"The operator of {ligand!r} is one of {drug.modulator.ligand!r}")
        names = [p.name for p in self.rate_map(None).parameters]
        names += [p.name for drug in self.drugs.values() for p in drug.parameters()]
        for kind, told in (("sharing", self.sharing), ("bounds", self.bounds)):
            for name in told:
                if name not in names:
                    raise UnknownNameError(f"parameter of {kind}", name, names, do=f"free are: {', '.join(names)}")
        for name, share in self.sharing.items():
            if share not in SHARES:
                raise UnknownNameError("sharing", share, SHARES, do=f"{name}: one of {', '.join(SHARES)}")

    def rate_map(self, drug: str | None) -> RateMap:
        """Return the map from parameters to rates in control (None) or with a drug.

        Raises
        ------
        UsageError
            The model says nothing of this drug.
        """
        base = free_rates(self.scheme, self.free)
        if drug is None:
            return self._bounded(base)
        if drug not in self.drugs:
            raise UsageError(
                f"The model says nothing of {drug}",
                why=f"its drugs: {', '.join(self.drugs) or 'none'}",
                do="give a DrugModel for it",
            )
        action = self.drugs[drug]
        parameters = [*base.parameters, *action.parameters()]

        def build(values: Mapping[str, float]) -> Scheme:
            theta = np.array([p.inward(values[p.name]) for p in base.parameters])
            return apply_modulator(base.scheme_at(theta), action.at(values))

        return self._bounded(map_of(build, parameters, base.balancing))

    def _bounded(self, rate_map: RateMap) -> RateMap:
        parameters = tuple(
            dataclasses.replace(p, low=self.bounds[p.name][0], high=self.bounds[p.name][1])
            if p.name in self.bounds
            else p
            for p in rate_map.parameters
        )
        return dataclasses.replace(rate_map, parameters=parameters)
