"""From a tally to alternatives at their best: noise found at a reference fit, data whitened, everything fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .alternatives import EFFECTS, Alternative
from .bench import Bench
from .contest import Contender, Contest, Data
from .tally import Block, Tally
from .whitening import CellNoise, cell_noise, channel_nS, rig_covariance, whiten

#: Where a wider alternative is better by more, the narrower one is tried from its end as well.
GAP = 4.0


def prepare(
    benches: Mapping[int, Bench], tally: Tally, alternatives: Sequence[Alternative], *, affinity: bool, rundown: bool
) -> tuple[Contest, dict[str, CellNoise], list[np.ndarray], dict[str, Contender]]:
    """Return the whitened contest, the noise of each cell, the covariance of each block, and where to start.

    A first pass with white noise finds a reference; the channels' noise is that of the reference.
    """
    settings = tally.settings
    blocks = tuple(tally.blocks())
    recorded = sorted({b.setting for b in blocks})
    rig = {k: rig_covariance(settings[k]) for k in recorded}
    none = {k: np.zeros_like(rig[k]) for k in recorded}
    first = {c: CellNoise(_rough_noise([b for b in blocks if b.cell == c], rig), 0.0, "rough")
             for c in tally.cells}  # fmt: skip
    contest = Contest(benches, whiten_blocks(blocks, first, rig, none, rundown), affinity=affinity)
    seeds: dict[str, Contender] = {}
    control = [k for k in recorded if settings[k].drug is None]
    nothing = Alternative(())
    own = Contest(benches, contest.data.of_settings(control), affinity=affinity)
    start = own.fit(nothing)
    seeds[nothing.name] = start
    singles = [a for a in alternatives if len(a.effects) == 1 and a.exchange_while_open]
    for a in singles or [a for a in alternatives if a.effects]:
        seeds[a.name] = contest.fit(a, (start,))
    reference = min(seeds.values(), key=lambda c: c.chi2 if c.alternative.effects else math.inf)
    richest = contest.fit(richest_of(alternatives, reference.alternative), (reference,))
    seeds["richest"] = richest
    prediction = richest.bench.predict(richest.theta)
    _, _, amplitudes = contest.data.residual(richest.bench.parts, prediction)
    channel = dict(zip(recorded, reference.bench.channel_covariances(reference.theta, recorded), strict=True))
    noise: dict[str, CellNoise] = {}
    for cell in tally.cells:
        mine = [b for b in blocks if b.cell == cell]
        a = amplitudes[cell]
        residuals = []
        for b in mine:
            scale = a[0] + (a[1] * b.order if len(a) > 1 else 0.0)
            r = b.mean - scale * prediction[richest.bench.parts[b.setting]]
            residuals.append(r - np.nanmean(r))
        noise[cell] = cell_noise(mine, residuals, rig, channel, float(a[0]) * channel_nS(richest.bench.model.scheme))
    data = whiten_blocks(blocks, noise, rig, channel, rundown)
    covariances = [(noise[b.cell].rig_pA ** 2 * rig[b.setting] + noise[b.cell].channel_nS2 * channel[b.setting]) / b.n
                   for b in blocks]  # fmt: skip
    return Contest(benches, data, affinity=affinity), noise, covariances, seeds


def whiten_blocks(
    blocks: Sequence[Block], noise: Mapping[str, CellNoise], rig: Mapping[int, np.ndarray],
    channel: Mapping[int, np.ndarray], rundown: bool,
) -> Data:  # fmt: skip
    made = [whiten(noise[b.cell], b.n, np.isfinite(b.mean), rig[b.setting], channel[b.setting]) for b in blocks]
    return Data(tuple(blocks), tuple(made), rundown)


def _rough_noise(blocks: Sequence[Block], rig: Mapping[int, np.ndarray]) -> float:
    """Return the noise of a sample from second differences of neighbouring bins, robust against the response."""
    found = []
    for b in blocks:
        variance = np.diag(rig[b.setting]) / b.n
        y = b.mean
        bend = y[2:] - 2 * y[1:-1] + y[:-2]
        found.append(np.abs(bend) / np.sqrt(variance[2:] + 4 * variance[1:-1] + variance[:-2]))
    joined = np.concatenate(found)
    return max(float(np.nanmedian(joined)) / 0.6745, 1e-6)


def richest_of(alternatives: Sequence[Alternative], like: Alternative) -> Alternative:
    """Return the alternative with every step that any alternative knows."""
    steps = tuple(e for e in EFFECTS if any(e in a.effects for a in alternatives))
    return Alternative(steps, like.sites if like.effects else 1, like.exchange_while_open)


def run_contest(
    contest: Contest, alternatives: Sequence[Alternative], seeds: Mapping[str, Contender]
) -> tuple[list[Contender], Contender]:
    """Return every alternative at its best, and the richest one (every step at once), which judges the noise."""
    done: dict[Alternative, Contender] = {}
    nothing = seeds[Alternative(()).name]
    for a in sorted(alternatives, key=lambda a: (len(a.effects), not a.exchange_while_open)):
        parts = sorted((c for b, c in done.items() if b.effects and b.within(a)), key=lambda c: c.chi2)
        twins = [c for b, c in done.items() if b.effects and b.effects == a.effects]
        starts: list[Contender | None] = [*parts, *twins[:1]]
        if len(a.effects) < 2:  # also from the documents: few control sweeps may lead the base rates astray
            starts += [seeds.get(a.name) or nothing, None]
        for start in starts[:1] if len(a.effects) == 2 else []:
            if start is not None:  # all pairs that start here share the derivative
                own = [n for n in start.bench.names if n != start.bench.model.exchange_name and not n.endswith("koff")]
                start.bench.slopes(start.theta, [start.bench.names.index(n) for n in own])
        done[a] = contest.fit(a, starts or (nothing,))
    for a in sorted(alternatives, key=lambda a: -len(a.effects)):
        # what holds an alternative within it may have found a better place for everything else
        wider = [c for b, c in done.items() if b != a and a.within(b)]
        if wider:
            other = min(wider, key=lambda c: c.chi2)
            if other.chi2 < done[a].chi2 - GAP:
                done[a] = min(done[a], contest.fit(a, (other,)), key=lambda c: c.chi2)
    contenders = [done[a] for a in alternatives]
    best = min(contenders, key=lambda c: c.chi2)
    richest = contest.fit(richest_of(alternatives, best.alternative), (best, seeds["richest"]))
    return contenders, richest
