"""Which microscopic step did the drug change? Alternatives, weighed on the same recordings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..kinetics.scheme import Scheme
from .alternatives import Alternative, EffectModel, all_alternatives, base_rates
from .bench import Bench
from .contest import Contender, Contest, criterion, inflation_of
from .experiment import Experiment
from .fingerprint import Fingerprints, Miss
from .left_blocks import MOST_ALTERNATIVES, LeftBlocks, leave_out_blocks
from .preparing import prepare, run_contest
from .setting import Setting
from .tally import Tally
from .verdict import Size, Verdict, judge, simplest
from .whitening import CellNoise, channel_nS

if TYPE_CHECKING:
    from .next_experiment import Proposal

#: Of one drug site where nothing is known of it.
ASSUMED_KOFF_PER_MS = 1.0


@dataclasses.dataclass(frozen=True)
class Binding:
    """What is known of the drug's site.

    Attributes
    ----------
    kd_uM, koff_per_ms : float
        Of one site of the resting receptor.
    sites : tuple of int
        Numbers of sites to compare.
    source : str
    """

    kd_uM: float
    koff_per_ms: float = ASSUMED_KOFF_PER_MS
    sites: tuple[int, ...] = (1,)
    source: str = "assumed"


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """An alternative in the ranking.

    Attributes
    ----------
    contender : Contender
    aicc, delta, weight : float
        With noise inflated by what even the richest alternative leaves over; delta and weight count that many
        alternatives were tried (:func:`rank`).
    sizes : tuple of Size
        Factor on each rate, with interval.
    worst : Miss or None
        The observable it misses most.
    left_out : float
        Log predictive density of cells that were left out, less that of the best alternative; NaN where not computed.
    left_out_se : float
    live : bool
    status : str
    blocks : LeftBlocks or None
        PSIS-LOO over blocks; None where not asked for or not among the leading alternatives.
    """

    contender: Contender
    aicc: float
    delta: float
    weight: float
    sizes: tuple[Size, ...]
    worst: Miss | None
    left_out: float
    left_out_se: float
    live: bool
    status: str
    blocks: LeftBlocks | None = None

    @property
    def alternative(self) -> Alternative:
        """Which."""
        return self.contender.alternative

    @property
    def name(self) -> str:
        """In words of the bench."""
        return self.contender.alternative.name


@dataclasses.dataclass(frozen=True, eq=False)
class Discrimination:
    """What the recordings say about the drug's mechanism.

    Attributes
    ----------
    drug : str
    scheme : Scheme
    entries : tuple of Entry
        Best first.
    verdict : Verdict
    assumed : tuple of str
    notes : tuple of str
    noise : mapping of cell -> CellNoise
    inflation : float
        What misfits are divided by.
    misfit : float
        Chi-squared per independent value that even the richest alternative leaves.
    contest : Contest
    tally : Tally
    covariances : tuple of arrays
        Of the mean of each block of the data.
    proposals : tuple of Proposal
        Next experiments, best first; empty where nothing is left to tell apart.
    odds : float
    """

    drug: str
    scheme: Scheme
    entries: tuple[Entry, ...]
    verdict: Verdict
    assumed: tuple[str, ...]
    notes: tuple[str, ...]
    noise: Mapping[str, CellNoise]
    inflation: float
    misfit: float
    contest: Contest
    tally: Tally
    covariances: tuple[np.ndarray, ...]
    proposals: tuple[Proposal, ...]
    odds: float

    def __getitem__(self, name: str) -> Entry:
        """Return an alternative by name."""
        from ..errors import UnknownNameError

        for entry in self.entries:
            if entry.name == name:
                return entry
        raise UnknownNameError("alternative", name, [e.name for e in self.entries])

    @property
    def status(self) -> str:
        """``decided``, ``no effect`` or ``undecided``."""
        return self.verdict.status

    @property
    def sentence(self) -> str:
        """The answer."""
        return self.verdict.sentence

    @property
    def live(self) -> tuple[Entry, ...]:
        """Alternatives that the data do not rule out."""
        return tuple(e for e in self.entries if e.live)

    def rows(self) -> list[list[object]]:
        """Return the ranking as a table: alternative, k, AICc, delta, weight, worst observable, z, status."""
        return [
            [e.name, e.contender.parameters, e.aicc, e.delta, e.weight,
             f"{e.worst.name} ({e.worst.setting})" if e.worst else None, e.worst.z if e.worst else None, e.status]
            for e in self.entries
        ]  # fmt: skip


def discriminate(
    experiments: Sequence[Experiment] | Tally,
    scheme: Scheme,
    *,
    binding: Binding | None = None,
    alternatives: Sequence[Alternative] | None = None,
    free: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    odds: float = 20.0,
    smallest_fold: float = 1.25,
    rundown: bool = False,
    leave_out: bool = True,
    loo: bool = False,
    propose: bool = True,
    seed: int = 1,
) -> Discrimination:
    """Weigh what a drug may have done against recordings of control and drug from the same cells.

    Parameters
    ----------
    experiments : sequence of Experiment
        Control and drug sweeps; one drug.
    scheme : Scheme
        Without the drug.
    binding : Binding, optional
        Default: one site, kd at the middle of the concentrations, koff 1/ms, and says so.
    alternatives : sequence of Alternative, optional
        Default: nothing, every step, every pair of steps (:func:`.alternatives.all_alternatives`).
    free : as in :class:`~potentiate.inference.model.Model`
        Base rates that are fitted along; default :func:`.alternatives.base_rates`, ``()`` holds the scheme.
    odds : float
        An alternative is ruled out where the evidence against it exceeds this.
    smallest_fold : float
        "No effect" is only said where every single step is known to change by less than this factor.
    rundown : bool
        Let amplitudes run down linearly from sweep to sweep.
    leave_out : bool
        Predict each cell from the others, for alternatives that are live.
    loo : bool
        Also predict each block (mean sweep of a cell in a setting) from the others, by Pareto-smoothed importance
        sampling: the leading two alternatives, or all live ones up to four.
    propose : bool
        Rank next experiments where alternatives are left.
    seed : int
        Of the synthetic repeats behind errors of observables, and of the draws of PSIS-LOO.

    Returns
    -------
    Discrimination

    Raises
    ------
    UsageError
        No drug, several drugs, or no control of the same cells.

    Notes
    -----
    Objective: generalised least squares of binned mean sweeps, whitened by the covariance of rig and channel noise
    (its second moments are those of the Kalman likelihood), which is the same for all alternatives. Amplitude of each
    cell and offset of each sweep are solved for.
    """
    tally = experiments if isinstance(experiments, Tally) else Tally.of(experiments)
    drug = _one_drug(tally)
    levels = sorted({s.concentration_uM for s in _recorded(tally) if s.drug})
    assumed: list[str] = []
    if binding is None:
        binding = Binding(float(np.exp(np.mean(np.log(levels)))))
        assumed.append(
            f"{drug}: {binding.sites[0]} site, kd {binding.kd_uM:g} uM, koff {binding.koff_per_ms:g} /ms (not told)"
        )
    affinity = len(levels) > 1
    if not affinity:
        assumed.append(f"kd of {drug} stays at {binding.kd_uM:g} uM: one concentration cannot tell it from the effect")
    elif binding.source != "assumed":
        assumed.append(f"{drug}: koff {binding.koff_per_ms:g} /ms ({binding.source}); kd is fitted")
    rates, left = base_rates(scheme) if free is None else (dict(free) if isinstance(free, Mapping) else free, [])
    if free is None:
        assumed.append(f"fitted along: {', '.join(rates) or 'none'}; all other rates of {scheme.name} are held")
        assumed += [f"held: {reason}" for reason in left]
    if alternatives is None:
        placements = {s.bath.placement for s in _recorded(tally) if s.drug}
        exchange = placements != {"both"}
        alternatives = all_alternatives(scheme, binding.sites, exchange=exchange)
        if not exchange:
            assumed.append("drug exchanges with open channels (only drug in one of the two solutions can tell)")
    elif Alternative(()) not in alternatives:
        alternatives = (Alternative(()), *alternatives)
    sites = tuple(dict.fromkeys(a.sites for a in alternatives if a.effects)) or (binding.sites[0],)
    benches = {
        n: Bench(
            EffectModel(
                scheme, rates, ligand=drug, sites=n, kd_uM=binding.kd_uM, koff_per_ms=binding.koff_per_ms
            ),
            tuple(tally.settings),
        )
        for n in sites
    }  # fmt: skip
    contest, noise, covariances, seeds = prepare(benches, tally, alternatives, affinity=affinity, rundown=rundown)
    contenders, richest = run_contest(contest, alternatives, seeds)
    if any(n.source == "residuals" for n in noise.values()):
        assumed.append(f"noise of channels of {1e3 * channel_nS(scheme):g} pS: too few repeated sweeps to read it off")
    inflation, size, correlation = inflation_of(richest, contest.data)
    notes = [_noise_note(noise)]
    if inflation > 1.3:
        notes.append(
            f"misfits count {inflation:.1f} times less than the noise alone would say (chi2 per value {size:.2g}, "
            f"correlation time {correlation:.2g}): cells differ, or the scheme is not quite that of these receptors"
        )
    entries = rank(contest, contenders, inflation, odds)
    printed = Fingerprints(contest.data, tally.settings, covariances, entries[0].contender, inflation, seed)
    best = entries[0]
    wanted = {e.name for e in simplest(entries)}
    made = []
    for e in entries:
        scores = (math.nan, math.nan)
        if leave_out and (e.name in wanted or e is best) and len(contest.data.cells) >= 3:
            scores = _left_out(contest, e.contender, best.contender, inflation)
        made.append(
            dataclasses.replace(
                e, worst=printed.worst(e.contender), left_out=scores[0], left_out_se=scores[1],
                sizes=sizes_of(contest, e.contender, inflation, profile=wanted == {e.name}),
            )
        )  # fmt: skip
    entries = tuple(made)
    if len(contest.data.cells) < 3:
        notes.append(f"{len(contest.data.cells)} cell(s): too few to predict one from the others")
    if loo:
        leading = max(2, min(MOST_ALTERNATIVES, sum(e.live for e in entries)))
        found = leave_out_blocks(contest, [e.contender for e in entries[:leading]], inflation, seed=seed)
        asked = [dataclasses.replace(e, blocks=b) for e, b in zip(entries[: len(found)], found, strict=True)]
        entries = (*asked, *entries[len(found) :])
        notes += [f"PSIS-LOO {e.name}: {e.blocks.describe()}" for e in entries if e.blocks is not None]
        notes.append(
            "PSIS-LOO: log density of mean sweeps, each predicted from the others, less that of the first alternative "
            "(the error is too small where blocks are few); priors a factor of ten wide"
        )
    else:
        notes.append("no PSIS-LOO over mean sweeps: not asked for (--loo)")
    notes.append("delta: AICc + 2 ln(alternatives of as many steps), so that trying many finds nothing by chance")
    verdict = judge(drug, entries, odds=odds, smallest_fold=smallest_fold)
    result = Discrimination(
        drug,
        scheme,
        entries,
        verdict,
        tuple(assumed),
        tuple(notes),
        noise,
        inflation,
        size,
        contest,
        tally,
        tuple(covariances),
        (),
        odds,
    )
    if propose and verdict.status == "undecided":
        from .next_experiment import propose_next

        result = dataclasses.replace(result, proposals=tuple(propose_next(result)))
    return result


def _recorded(tally: Tally) -> list[Setting]:
    return [tally.settings[k] for k in sorted({r.setting for r in tally.rows})]


def _one_drug(tally: Tally) -> str:
    drugs = tally.drugs
    if not drugs:
        raise UsageError("No sweep holds a drug", do="give sweeps with and without the drug")
    for cell in tally.cells:
        kinds = {tally.settings[r.setting].drug for r in tally.rows if r.cell == cell}
        if None in kinds and len(kinds) > 1:
            return drugs[0]
    raise UsageError(
        "No cell has both control and drug sweeps",
        why="the number of channels differs from cell to cell, so a drug's effect on the peak needs its own control",
        do="record control and drug in the same patch",
    )


def rank(contest: Contest, contenders: Sequence[Contender], inflation: float, odds: float) -> tuple[Entry, ...]:
    """Return the ranking; alternatives within the odds of the best are live.

    No effect, one step, two steps are equally likely beforehand, however many alternatives there are of each: AICc goes
    up by twice the logarithm of their number (Scott & Berger 2010, Ann Stat 38:2587), or the best of ten pairs would
    beat the truth by chance.
    """
    scores = np.array([criterion(c, contest.data, inflation) for c in contenders])
    steps = [len(c.alternative.effects) for c in contenders]
    total = scores + 2.0 * np.log([steps.count(n) for n in steps])
    delta = total - total.min()
    weight = np.exp(-0.5 * delta)
    weight /= weight.sum()
    limit = 2.0 * math.log(odds)
    made = []
    for k in np.argsort(delta, kind="stable"):
        c = contenders[k]
        live = bool(delta[k] <= limit)
        status = "live" if live else "ruled out"
        if c.found.status == "stopped":
            status += ", still falling"
        made.append(Entry(c, float(scores[k]), float(delta[k]), float(weight[k]), (), None, math.nan, math.nan, live,
                          status))  # fmt: skip
    return tuple(made)


def sizes_of(contest: Contest, contender: Contender, inflation: float, *, profile: bool) -> tuple[Size, ...]:
    """Return the factor on each rate that an alternative changes, with 95 % interval."""
    bench = contender.bench
    model = bench.model
    made = []
    covariance = None if profile else contest.curvature(contender, inflation)
    for effect in contender.alternative.effects:
        column = bench.names.index(model.effect_names[effect])
        at = contender.columns.index(column)
        x = contender.theta[column]
        if profile:
            interval = contest.profile(contender, model.effect_names[effect], inflation)
            low, high, word = interval.low, interval.high, interval.word
        else:
            assert covariance is not None
            half = 1.96 * math.sqrt(max(covariance[at, at], 0.0))
            low, high, word = x - half, x + half, "determined"
        with np.errstate(over="ignore"):
            made.append(Size(effect, math.exp(x), float(np.exp(low)), float(np.exp(high)), word))
    return tuple(made)


def _left_out(contest: Contest, contender: Contender, best: Contender, inflation: float) -> tuple[float, float]:
    """Return how much better (positive) left-out cells are predicted than by the best alternative, and its error."""
    if contender is best:
        return 0.0, 0.0
    data = contest.data
    gains = []
    for cell in data.cells:
        rest = Contest(contest.benches, data.only([c for c in data.cells if c != cell]), affinity=contest.affinity)
        alone = data.only([cell])
        scores = []
        for c in (contender, best):
            theta = c.theta.copy()
            end = rest.search(c.bench, c.columns, theta, steps=6)
            theta[list(c.columns)] = end.x
            residual, _, _ = alone.residual(c.bench.parts, c.bench.predict(theta))
            scores.append(-0.5 * float(residual @ residual) / inflation)
        gains.append(scores[0] - scores[1])
    return float(np.sum(gains)), float(np.std(gains, ddof=1) * math.sqrt(len(gains)))


def _noise_note(noise: Mapping[str, CellNoise]) -> str:
    sources = sorted({n.source for n in noise.values()})
    typical = np.median([n.rig_pA for n in noise.values()])
    return f"noise of a sample {typical:.2g} pA (median of {len(noise)} cells), from {' and '.join(sources)}"
