"""What to record next: the protocol under which the alternatives that are left differ most, in units of the noise.

Linear algebra on predictions: the rival may move its parameters, held back by what the data so far say of them, and its
amplitude freely, before the difference counts (expected log Bayes factor of Gaussian predictions; for the design
criterion see Lindley 1956, Ann Math Stat 27:986, and Box & Hill 1967, Technometrics 9:57).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..exposure.bath import Bath
from ..protocols import fast_application
from ..protocols.protocol import Protocol
from .bench import Bench
from .setting import Setting
from .verdict import simplest
from .whitening import CellNoise, rig_covariance, whiten

if TYPE_CHECKING:
    from .discriminate import Discrimination, Entry

#: Sweeps of control, and as many with the drug, in one cell.
SWEEPS = 5

#: At most so many alternatives are played against each other.
MOST_ALTERNATIVES = 5

#: More cells than this are not a proposal.
MOST_CELLS = 100

#: Chance of reaching the odds (standard normal quantile of 0.8).
_POWER_Z = 0.8416


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A protocol with control sweeps and sweeps of the drug in the same cell."""

    control: Setting
    drug: Setting

    def describe(self) -> str:
        """Return it in words of the bench."""
        levels = sorted({c for s in self.drug.protocol.solutions.values() for c in s.values() if c > 0})
        agonist = ", ".join(f"{c / 1000:g} mM" if c >= 1000 else f"{c:g} uM" for c in levels)
        return f"{self.drug.describe()}; agonist {agonist}"


@dataclasses.dataclass(frozen=True, eq=False)
class Proposal:
    """A candidate and what it would tell.

    Attributes
    ----------
    candidate : Candidate
    log10_odds_per_cell : float
        Expected, between the truth and its hardest rival, averaged over what may be true.
    cells : int or None
        Cells until the odds are reached in four of five cases whichever alternative is true; None: more than
        :data:`MOST_CELLS`.
    hardest : (str, str)
        The pair that needs them: if the first is true, the second is hard to rule out.
    sweeps : int
        Of control and of drug in each cell.
    """

    candidate: Candidate
    log10_odds_per_cell: float
    cells: int | None
    hardest: tuple[str, str]
    sweeps: int = SWEEPS

    def describe(self) -> str:
        """Return it in one sentence."""
        many = f"{self.cells} cell{'s' if self.cells != 1 else ''}" if self.cells else f"more than {MOST_CELLS} cells"
        return (
            f"{self.candidate.describe()}: {self.sweeps} control and {self.sweeps} drug sweeps in each of {many} "
            f"(expected odds per cell {_odds(self.log10_odds_per_cell)})"
        )


def _odds(log10: float) -> str:
    return "above a million" if log10 > 6 else f"{10**log10:.2g}:1"


def candidates(like: Setting, drug: str, levels_uM: Sequence[float], *, own: Sequence[Setting] = ()) -> list[Candidate]:
    """Return protocols worth considering on the rig of a setting.

    Parameters
    ----------
    like : Setting
        Recorded on the rig.
    drug : str
    levels_uM : sequence of float
        Concentrations used so far.
    own : sequence of Setting
        Drug settings recorded so far: repeating them is an option as well.
    """
    held = next(iter(like.protocol.solutions.get("agonist", {"glutamate": 0.0})), "glutamate")
    dt = like.dt_ms

    def jump(width: float, agonist_uM: float = 10_000.0) -> Protocol:
        return fast_application.jump(held, agonist_uM, width, 60.0, dt)

    def pair(first: float, interval: float) -> Protocol:
        return fast_application.paired_pulses(interval, held, 10_000.0, first, 5.0, 40.0, dt)

    top, bottom = max(levels_uM), min(levels_uM)
    wide: list[tuple[Protocol, float, Any]] = [(jump(w), top, "both") for w in (1.0, 10.0, 100.0, 500.0)]
    wide += [(pair(1.0, 20.0), top, "both"), (pair(100.0, 50.0), top, "both")]
    wide += [(fast_application.train(50.0, 5, held, 10_000.0, 1.0, 50.0, dt), top, "both")]
    for width in (1.0, 100.0):
        wide += [(jump(width), top, "agonist"), (jump(width), top, "control")]
        wide += [(jump(width), 3.0 * top, "both"), (jump(width), bottom / 3.0, "both")]
        wide += [(jump(width, 300.0), top, "both")]
    made = [
        Candidate(Setting.planned(p, Bath(), like), Setting.planned(p, Bath({drug: level}, placement), like))
        for p, level, placement in wide
    ]
    known = {c.drug.key for c in made}
    for s in own:
        if s.key not in known:
            made.append(Candidate(dataclasses.replace(s, bath=Bath()), s))
    return made


def propose_next(
    found: Discrimination,
    options: Sequence[Candidate] | None = None,
    *,
    sweeps: int = SWEEPS,
    most: int = MOST_ALTERNATIVES,
    known: dict[tuple[Any, ...], np.ndarray] | None = None,
) -> list[Proposal]:
    """Return candidates ranked by what they are expected to tell of the alternatives that are left.

    Parameters
    ----------
    found : Discrimination
    options : sequence of Candidate, optional
        Default :func:`candidates` on the rig of the recordings.
    sweeps : int
        Of control and of drug in each cell.
    most : int
        Alternatives that are played against each other.
    known : dict of setting -> covariance of its channel noise, optional
        Filled and reused, for proposals after every sweep.

    Returns
    -------
    list of Proposal
        Empty where fewer than two alternatives are left.
    """
    players = _players(found)[:most]
    if len(players) < 2:
        return []
    recorded = [found.tally.settings[k] for k in sorted({r.setting for r in found.tally.rows})]
    with_drug = [s for s in recorded if s.drug]
    if options is None:
        levels = [s.concentration_uM for s in with_drug]
        options = candidates(recorded[0], found.drug, levels, own=with_drug)
    if not options:
        raise UsageError("No candidate to choose from")
    settings: dict[tuple[Any, ...], Setting] = {}
    for c in options:
        settings.setdefault(c.control.key, c.control)
        settings.setdefault(c.drug.key, c.drug)
    order = list(settings)
    unique = tuple(settings.values())
    noise, amplitude = _typical(found)
    best = players[0].contender
    reference = Bench(best.bench.model, unique)
    known = {} if known is None else known
    new = [k for k, key in enumerate(order) if key not in known]
    for k, c in zip(new, reference.channel_covariances(_carried(best, reference), new), strict=True):
        known[order[k]] = c
    channel = [known[key] for key in order]
    whitenings = [
        whiten(noise, sweeps, np.ones(s.bins, dtype=bool), rig_covariance(s), c)
        for s, c in zip(unique, channel, strict=True)
    ]
    predictions = []
    for player in players:
        bench = Bench(player.contender.bench.model, unique)
        theta = _carried(player.contender, bench)
        columns = [bench.names.index(player.contender.bench.names[c]) for c in player.contender.columns]
        value, slope = bench.slopes(theta, columns)
        predictions.append(
            (
                [w(value[p]) for w, p in zip(whitenings, bench.parts, strict=True)],
                [w(slope[p]) for w, p in zip(whitenings, bench.parts, strict=True)],
            )
        )
    weights = np.array([p.weight for p in players])
    weights = weights / weights.sum()
    pairs = [
        (i, j)
        for i, j in itertools.permutations(range(len(players)), 2)
        if not players[i].alternative.within(players[j].alternative)
    ]
    spread = {(i, j): _spread(found, players[i], players[j]) for i, j in pairs}
    held = [_information(p, found.inflation) for p in players]
    made = []
    for c in options:
        places = [order.index(c.control.key), order.index(c.drug.key)]
        parts = {(i, j): _difference(predictions[i], predictions[j], places, amplitude) for i, j in pairs}
        per_cell, total = 0.0, 0.0
        for i in {i for i, _ in pairs}:
            gains = [_gain(parts[i, j], held[j], 1) / found.inflation for k, j in pairs if k == i]
            per_cell += weights[i] * 0.5 * min(gains)
            total += weights[i]
        cells, hardest = 1, pairs[0]
        for i, j in pairs:
            needed = math.log(found.odds) - 0.5 * (players[j].delta - players[i].delta)
            n = _cells(parts[i, j], held[j], found.inflation, max(needed, 0.0), spread[i, j])
            if n > cells:
                cells, hardest = n, (i, j)
        made.append(
            Proposal(
                c,
                per_cell / max(total, 1e-300) / math.log(10.0),
                cells if cells <= MOST_CELLS else None,
                (players[hardest[0]].name, players[hardest[1]].name),
                sweeps,
            )
        )
    return sorted(made, key=lambda p: (p.cells or MOST_CELLS + 1, -p.log10_odds_per_cell))


def _players(found: Discrimination) -> list[Entry]:
    """Return the alternatives between which the next experiment is to decide."""
    named = [e for e in found.entries if e.name in found.verdict.names]
    left = named if len(named) > 1 else simplest(found.entries)
    return sorted(left, key=lambda e: e.delta)[:MOST_ALTERNATIVES]


def _typical(found: Discrimination) -> tuple[CellNoise, float]:
    """Return the noise and the amplitude (nS) of the median cell."""
    best = found.entries[0].contender
    data = found.contest.data
    _, _, amplitudes = data.residual(best.bench.parts, best.bench.predict(best.theta))
    rig = float(np.median([n.rig_pA for n in found.noise.values()]))
    channel = float(np.median([n.channel_nS2 for n in found.noise.values()]))
    return CellNoise(rig, channel, "median cell"), float(np.median([a[0] for a in amplitudes.values()]))


def _carried(contender: Any, bench: Bench) -> np.ndarray:
    """Return the parameters of a contender in the order of another bench."""
    theta = bench.start.copy()
    for name, value in zip(contender.bench.names, contender.theta, strict=True):
        theta[bench.names.index(name)] = value
    return theta


def _difference(
    truth: tuple[list[np.ndarray], list[np.ndarray]], rival: tuple[list[np.ndarray], list[np.ndarray]],
    places: Sequence[int], amplitude: float,
) -> tuple[float, np.ndarray, np.ndarray]:  # fmt: skip
    """Return what is left between truth and rival in one cell: r'r, G'r and G'G after the rival's own amplitude."""
    y = amplitude * np.concatenate([truth[0][k] for k in places])
    shape = np.concatenate([rival[0][k] for k in places])
    slope = amplitude * np.concatenate([rival[1][k] for k in places])
    norm = max(float(shape @ shape), 1e-300)
    r = y - shape * float(shape @ y) / norm
    g = slope - np.outer(shape, shape @ slope) / norm
    return float(r @ r), g.T @ r, g.T @ g


def _information(player: Entry, inflation: float) -> np.ndarray:
    """Return what the data so far know of the parameters of an alternative."""
    j = player.contender.found.jacobian
    return j.T @ j / inflation


def _gain(part: tuple[float, np.ndarray, np.ndarray], held: np.ndarray, cells: int) -> float:
    """Return the expected chi-squared between truth and refitted rival after so many cells."""
    rr, gr, gg = part
    system = cells * gg + held
    ridge = 1e-10 * max(float(np.trace(system)), 1e-300) * np.eye(len(system))
    return max(0.0, cells * rr - cells**2 * float(gr @ np.linalg.solve(system + ridge, gr)))


def _cells(
    part: tuple[float, np.ndarray, np.ndarray], held: np.ndarray, inflation: float, needed: float, spread: float
) -> int:
    """Return the cells until the log odds are reached in four of five cases."""
    for n in range(1, MOST_CELLS + 1):
        gain = _gain(part, held, n) / inflation
        if 0.5 * gain - _POWER_Z * spread * math.sqrt(gain) >= needed:
            return n
    return MOST_CELLS + 1


def _spread(found: Discrimination, truth: Entry, rival: Entry) -> float:
    """Return by how much the evidence differs between cells, over what noise alone would do (at least one)."""
    data = found.contest.data
    if len(data.cells) < 3:
        return 1.0
    evidence, expected = [], []
    for cell in data.cells:
        own = data.only([cell])
        residuals = []
        for e in (truth, rival):
            c = e.contender
            residuals.append(own.residual(c.bench.parts, c.bench.predict(c.theta))[0])
        evidence.append(0.5 * float(residuals[1] @ residuals[1] - residuals[0] @ residuals[0]))
        expected.append(float(np.sum((residuals[0] - residuals[1]) ** 2)))
    return math.sqrt(max(1.0, float(np.var(evidence, ddof=1)) / max(float(np.mean(expected)), 1e-300)))
