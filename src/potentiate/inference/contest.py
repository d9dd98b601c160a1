"""Alternatives fitted to the same whitened data, side by side."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import NumericalError
from ..numerics.broyden import broyden_squares
from ..numerics.least_squares import LeastSquares, ProfileInterval, profile_interval
from .alternatives import Alternative
from .bench import Bench
from .residuals import correlation_time
from .tally import Block
from .whitening import Whitening

#: Both directions of an effect are tried from here.
_FIRST_FOLD = 2.5


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Blocks of a tally with their whitening.

    Attributes
    ----------
    blocks : tuple of Block
    whitenings : tuple of Whitening
    rundown : bool
        Whether the amplitude of a cell changes linearly from sweep to sweep.
    """

    blocks: tuple[Block, ...]
    whitenings: tuple[Whitening, ...]
    rundown: bool = False

    @functools.cached_property
    def cells(self) -> tuple[str, ...]:
        """Cells that occur."""
        return tuple(dict.fromkeys(b.cell for b in self.blocks))

    @functools.cached_property
    def readings(self) -> tuple[np.ndarray, ...]:
        """Whitened means."""
        return tuple(w(b.mean) for b, w in zip(self.blocks, self.whitenings, strict=True))

    @functools.cached_property
    def independent(self) -> int:
        """Independent values."""
        return sum(w.size for w in self.whitenings)

    @functools.cached_property
    def amplitudes_per_cell(self) -> int:
        """Linear numbers of each cell."""
        return 2 if self.rundown else 1

    def only(self, cells: Sequence[str]) -> Data:
        """Return the data of some cells."""
        return self._where([b.cell in cells for b in self.blocks])

    def of_settings(self, settings: Sequence[int]) -> Data:
        """Return the data of some settings."""
        return self._where([b.setting in settings for b in self.blocks])

    def _where(self, keep: Sequence[bool]) -> Data:
        return Data(
            tuple(b for b, k in zip(self.blocks, keep, strict=True) if k),
            tuple(w for w, k in zip(self.whitenings, keep, strict=True) if k),
            self.rundown,
        )

    def residual(
        self, parts: Sequence[slice], prediction: np.ndarray, slopes: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None, dict[str, np.ndarray]]:
        """Return whitened residuals, their derivative, and the amplitudes (nS) of each cell.

        The amplitudes are solved for, and the derivative goes through that solution.
        """
        residuals: list[np.ndarray | None] = [None] * len(self.blocks)
        derivatives: list[np.ndarray | None] = [None] * len(self.blocks)
        amplitudes = {}
        for cell in self.cells:
            own = [i for i, b in enumerate(self.blocks) if b.cell == cell]
            shapes = [self.whitenings[i](prediction[parts[self.blocks[i].setting]]) for i in own]
            y = np.concatenate([self.readings[i] for i in own])
            powers = [[1.0, self.blocks[i].order] if self.rundown else [1.0] for i in own]
            design = np.concatenate([np.outer(s, p) for s, p in zip(shapes, powers, strict=True)])
            gram = design.T @ design + 1e-300 * np.eye(design.shape[1])
            a = np.linalg.solve(gram, design.T @ y)
            if a[0] < 0:  # a patch cannot have a negative number of channels
                a = np.zeros_like(a)
            r = y - design @ a
            amplitudes[cell] = a
            tangent = None
            if slopes is not None:
                moved = [self.whitenings[i](slopes[parts[self.blocks[i].setting]]) for i in own]
                scale = [float(np.dot(p, a)) for p in powers]
                d_fit = np.concatenate([m * s for m, s in zip(moved, scale, strict=True)])
                d_gram = np.stack(
                    [
                        np.concatenate([m * p[j] for m, p in zip(moved, powers, strict=True)]).T @ r
                        for j in range(len(a))
                    ]
                )
                d_a = np.linalg.solve(gram, d_gram - design.T @ d_fit)
                tangent = -d_fit - design @ d_a
            at = 0
            for i, s in zip(own, shapes, strict=True):
                residuals[i] = r[at : at + s.size]
                if tangent is not None:
                    derivatives[i] = tangent[at : at + s.size]
                at += s.size
        joined = np.concatenate([r for r in residuals if r is not None])
        tangents = None if slopes is None else np.concatenate([d for d in derivatives if d is not None])
        return joined, tangents, amplitudes


@dataclasses.dataclass(frozen=True, eq=False)
class Contender:
    """An alternative at its best.

    Attributes
    ----------
    alternative : Alternative
    bench : Bench
    columns : tuple of int
        Parameters that moved.
    found : LeastSquares
        In whitened units.
    theta : array
        All parameters, on the scale of the search.
    chi2 : float
    parameters : int
        Everything that was estimated, amplitudes and noise included.
    """

    alternative: Alternative
    bench: Bench
    columns: tuple[int, ...]
    found: LeastSquares
    theta: np.ndarray
    chi2: float
    parameters: int

    @property
    def values(self) -> dict[str, float]:
        """Name -> value of what moved."""
        names = self.bench.names
        return {names[c]: float(self.bench.parameters[names[c]].outward(self.theta[c])) for c in self.columns}


class Contest:
    """Fits of alternatives to the same data.

    Parameters
    ----------
    benches : mapping of sites -> Bench
        All with the same settings.
    data : Data
    affinity : bool
        Whether kd is fitted along with any effect.
    """

    def __init__(self, benches: Mapping[int, Bench], data: Data, *, affinity: bool) -> None:
        self.benches, self.data, self.affinity = dict(benches), data, affinity

    def columns(self, alternative: Alternative) -> tuple[int, ...]:
        """Return the parameters that an alternative moves."""
        bench = self._bench(alternative)
        model = bench.model
        names = [*model.base_names, *model.free_of(alternative, affinity=self.affinity)]
        return tuple(bench.names.index(n) for n in names)

    def _bench(self, alternative: Alternative) -> Bench:
        return self.benches[alternative.sites if alternative.effects else next(iter(self.benches))]

    def fit(self, alternative: Alternative, starts: Sequence[Contender | None] = (None,)) -> Contender:
        """Fit one alternative from where others ended (None: from the documents).

        A new effect is tried in both directions.

        Raises
        ------
        NumericalError
            No start reached an end.
        """
        bench, columns = self._bench(alternative), self.columns(alternative)
        model = bench.model
        found: list[tuple[LeastSquares, np.ndarray]] = []
        for start in starts:
            base = bench.start.copy()
            if start is not None:
                for name, value in zip(start.bench.names, start.theta, strict=True):
                    if name in bench.names:
                        base[bench.names.index(name)] = value
            keep = {bench.names[c] for c in columns} | {f"{model.ligand} kd", f"{model.ligand} koff"}
            for k, name in enumerate(bench.names):  # effects that this alternative does not know
                if name not in keep and name not in model.base_names:
                    base[k] = 0.0
            if model.exchange_name in bench.names and not alternative.exchange_while_open:
                base[bench.names.index(model.exchange_name)] = bench.bounds[0][bench.names.index(model.exchange_name)]
            new = [
                bench.names.index(model.effect_names[e])
                for e in alternative.effects
                if base[bench.names.index(model.effect_names[e])] == 0.0
            ]
            folds: tuple[float, ...] = (0.0,)
            if new and len(new) == len(alternative.effects):
                folds = (-math.log(_FIRST_FOLD), math.log(_FIRST_FOLD))
            firsts = [base.copy() for _ in folds]
            for first, fold in zip(firsts, folds, strict=True):
                first[new] = fold
            if len(firsts) > 1:  # the direction that looks better
                misfits = [self._misfit(bench, f) for f in firsts]
                firsts = [firsts[int(np.argmin(misfits))]]
            found += [(self.search(bench, columns, first), first) for first in firsts]
        good = [(end, first) for end, first in found if end.status != "failed"]
        if not good:
            raise NumericalError(
                f"{alternative.name} could not be fitted", why="; ".join(dict.fromkeys(e.reason for e, _ in found))
            )
        end, first = min(good, key=lambda pair: pair[0].ssr)
        theta = first.copy()
        theta[list(columns)] = end.x
        cells = len(self.data.cells)
        parameters = len(columns) + cells * (self.data.amplitudes_per_cell + 2)  # and two numbers for the noise
        return Contender(alternative, bench, columns, end, theta, end.ssr, parameters)

    def search(self, bench: Bench, columns: Sequence[int], first: np.ndarray, *, steps: int = 60) -> LeastSquares:
        """Return the end of a search over some parameters."""
        columns = list(columns)
        if not columns:
            residual, _, _ = self.data.residual(bench.parts, bench.predict(first))
            return LeastSquares(
                np.zeros(0), residual, float(residual @ residual), np.zeros((residual.size, 0)), "ok", "", 0,
                np.zeros(0, dtype=bool),
            )  # fmt: skip
        return broyden_squares(
            functools.partial(self._residual, bench, columns, first),
            first[columns],
            functools.partial(self._jacobian, bench, columns, first),
            bounds=(bench.bounds[0][columns], bench.bounds[1][columns]),
            max_iterations=steps,
        )

    def _misfit(self, bench: Bench, theta: np.ndarray) -> float:
        residual = self.data.residual(bench.parts, bench.predict(theta))[0]
        return float(residual @ residual) if np.isfinite(residual).all() else math.inf

    def _residual(self, bench: Bench, columns: list[int], first: np.ndarray, x: np.ndarray) -> np.ndarray:
        theta = first.copy()
        theta[columns] = x
        return self.data.residual(bench.parts, bench.predict(theta))[0]

    def _jacobian(self, bench: Bench, columns: list[int], first: np.ndarray, x: np.ndarray) -> np.ndarray:
        theta = first.copy()
        theta[columns] = x
        value, slopes = bench.slopes(theta, columns)
        tangent = self.data.residual(bench.parts, value, slopes)[1]
        assert tangent is not None
        return tangent

    def profile(self, contender: Contender, name: str, inflation: float, level: float = 0.95) -> ProfileInterval:
        """Return the interval of a parameter of a contender, on the scale of the search."""
        bench, columns = contender.bench, list(contender.columns)
        scale = 1.0 / math.sqrt(inflation)
        end = contender.found
        best = LeastSquares(
            end.x, end.residuals * scale, end.ssr * scale**2, end.jacobian * scale, "ok", "", 0, end.at_bound
        )
        residual = functools.partial(self._residual, bench, columns, contender.theta)
        jacobian = functools.partial(self._jacobian, bench, columns, contender.theta)
        return profile_interval(
            lambda x: residual(x) * scale,
            best,
            columns.index(bench.names.index(name)),
            bounds=(bench.bounds[0][columns], bench.bounds[1][columns]),
            level=level,
            sigma_known=True,
            jacobian=lambda x: jacobian(x) * scale,
            scaling="typical",
        )

    def curvature(self, contender: Contender, inflation: float) -> np.ndarray:
        """Return the covariance of the parameters that moved, from the curvature at the optimum."""
        j = contender.found.jacobian
        return np.linalg.pinv(j.T @ j, rcond=1e-12, hermitian=True) * inflation


def inflation_of(contender: Contender, data: Data) -> tuple[float, float, float]:
    """Return by how much misfits overstate what is known, and why.

    Returns
    -------
    inflation : float
        What to divide chi-squared by: its size per degree of freedom (at least one) times the correlation time.
    size, correlation : float
        The two factors.

    Notes
    -----
    Quasi-likelihood as for overdispersed counts (Burnham & Anderson 2002, section 2.5), with the correlation time
    because misfit of a kinetic trace keeps its sign.
    """
    free = max(data.independent - len(contender.columns) - len(data.cells) * data.amplitudes_per_cell, 1)
    size = contender.chi2 / free
    correlation = correlation_time(contender.found.residuals)
    return max(1.0, size) * correlation, size, correlation


def criterion(contender: Contender, data: Data, inflation: float) -> float:
    """Return AICc with inflated noise: ``chi2 / inflation + 2 k`` and the correction for few independent values."""
    k = contender.parameters
    n = data.independent / inflation
    return contender.chi2 / inflation + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1.0)
