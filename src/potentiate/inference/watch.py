"""While recording goes on: each new sweep updates the verdict, the next sweep is proposed, and an end is called.

Nothing is compiled and nothing is fitted from scratch: an update starts every alternative where the last one ended,
with the derivative that was computed there (predictions do not depend on the data).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NumericalError, PotentiateError, UsageError
from ..kinetics.scheme import Scheme
from .alternatives import Alternative, EffectModel, all_alternatives, base_rates
from .bench import Bench
from .contest import Contender, Contest, inflation_of
from .discriminate import Binding, Discrimination, rank, sizes_of
from .experiment import Experiment
from .next_experiment import Candidate, Proposal, candidates, propose_next
from .preparing import prepare, richest_of, run_contest, whiten_blocks
from .setting import Setting
from .tally import Tally
from .verdict import Verdict, judge
from .whitening import cell_noise, channel_nS, rig_covariance

#: Files that are never recordings.
IGNORED = (".csv", ".tsv", ".txt", ".md", ".json", ".part", ".tmp", ".log")

#: A file that cannot be read is tried again while it grows, and so many polls after that.
PATIENCE = 20

#: After so many seconds an update answers; alternatives that are not fitted again by then follow in the next look.
BUDGET_S = 0.5

#: So many updates in a row must give the same verdict: looking after every sweep finds something by chance too often.
CONFIRM = 2

Reader = Callable[[Path], Sequence[Experiment]]


@dataclasses.dataclass(frozen=True)
class NextSweep:
    """The sweep to record next.

    Attributes
    ----------
    setting : Setting
    text : str
    proposal : Proposal or None
        Why; None where no alternatives are compared yet.
    """

    setting: Setting
    text: str
    proposal: Proposal | None = None


@dataclasses.dataclass(frozen=True)
class Update:
    """What one look at the folder found.

    Attributes
    ----------
    files : tuple of str
        Read this time.
    waiting : tuple of str
        Not complete yet; tried again.
    unreadable : tuple of str
        Given up: name and reason.
    sweeps : int
        All so far.
    status : {"waiting", "undecided", "decided", "no effect"}
        "waiting": control and drug of one cell are not both there.
    sentence : str
    names : tuple of str
        Alternatives that are left.
    weights : dict of alternative -> weight
    next_sweep : NextSweep or None
    pending : int
        Alternatives that still stand where they were before these sweeps; the next look goes on with them.
    stop : bool
        Nothing pending, the same verdict for :data:`CONFIRM` updates, and no step left that a protocol of the menu
        might test.
    seconds : float
    """

    files: tuple[str, ...]
    waiting: tuple[str, ...]
    unreadable: tuple[str, ...]
    sweeps: int
    status: str
    sentence: str
    names: tuple[str, ...]
    weights: dict[str, float]
    next_sweep: NextSweep | None
    pending: int
    stop: bool
    seconds: float

    def describe(self) -> str:
        """Return it in one line."""
        text = f"{self.sweeps} sweeps   {self.status}: {self.sentence}"
        if self.next_sweep is not None and not self.stop:
            text += f"   next: {self.next_sweep.text}"
        return text


def folder_reader(folder: Path) -> Reader:
    """Return what reads a file of a folder: by its line in conditions.csv, else by the protocol that it holds."""
    from .conditions import TABLES, conditions_of, load_conditions

    def read(path: Path) -> Sequence[Experiment]:
        if any((folder / name).is_file() for name in TABLES):
            return load_conditions(folder, files=(path.name,)).experiments
        return conditions_of(path, {}, {}).experiments

    return read


class Watcher:
    """A folder in which sweeps appear, and what they say so far.

    Parameters
    ----------
    folder : path
    scheme : Scheme
    menu : sequence of Candidate, optional
        What may be recorded next; default :func:`.next_experiment.candidates` on the rig of the first sweep.
    read : callable, optional
        From a file to its experiments; default :func:`folder_reader`.
    binding, alternatives, free, odds, smallest_fold, rundown
        As for :func:`.discriminate.discriminate`.
    """

    def __init__(
        self,
        folder: str | Path,
        scheme: Scheme,
        *,
        menu: Sequence[Candidate] | None = None,
        read: Reader | None = None,
        binding: Binding | None = None,
        alternatives: Sequence[Alternative] | None = None,
        free: Any = None,
        odds: float = 20.0,
        smallest_fold: float = 1.25,
        rundown: bool = False,
    ) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise UsageError("No such folder", where=str(folder), do="name the folder in which the sweeps appear")
        self.scheme, self.menu, self.binding = scheme, None if menu is None else list(menu), binding
        self.read = read or folder_reader(self.folder)
        self.alternatives = None if alternatives is None else tuple(alternatives)
        self.free = base_rates(scheme)[0] if free is None else free
        self.odds, self.smallest_fold, self.rundown = odds, smallest_fold, rundown
        self.tally = Tally()
        self.done: dict[str, None] = {}
        self.given_up: dict[str, str] = {}
        self._tries: dict[str, tuple[int, int]] = {}
        self._best: dict[Alternative, Contender] = {}
        self._richest: Contender | None = None
        self._noise: Any = None
        self._channel: dict[tuple[Any, ...], np.ndarray] = {}
        self._planned: dict[tuple[Any, ...], np.ndarray] = {}
        self._stale: set[Alternative] = set()
        self._affinity = False
        self._benches: dict[int, Bench] = {}
        self._contest: Contest | None = None
        self._covariances: list[np.ndarray] = []
        self._agreed: tuple[tuple[str, tuple[str, ...]], int] = (("", ()), 0)
        self.found: Discrimination | None = None

    # ------------------------------------------------------------------------------------------------ files

    def _new_files(self) -> tuple[list[Path], list[str]]:
        """Read what can be read; return the files that were read and the names of those that are not complete."""
        read, waiting = [], []
        for path in sorted(self.folder.iterdir(), key=lambda p: (p.stat().st_mtime_ns if p.exists() else 0, p.name)):
            name = path.name
            known = name in self.done or name in self.given_up
            if known or name.startswith(".") or path.suffix.lower() in IGNORED or not path.is_file():
                continue
            try:
                experiments = self.read(path)
                for e in experiments:
                    self.tally.add(e)
            except (PotentiateError, OSError, ValueError, KeyError, IndexError, EOFError) as error:
                size = path.stat().st_size if path.exists() else 0
                before, tries = self._tries.get(name, (-1, 0))
                tries = tries + 1 if size == before else 0
                self._tries[name] = (size, tries)
                if tries >= PATIENCE:
                    self.given_up[name] = getattr(error, "what", None) or str(error)
                else:
                    waiting.append(name)
                continue
            if experiments:  # a table may gain the line of this file later
                self.done[name] = None
                read.append(path)
            else:
                waiting.append(name)
        return read, waiting

    # ---------------------------------------------------------------------------------------------- verdict

    def update(self) -> Update | None:
        """Look once; None where nothing changed."""
        began = time.perf_counter()
        given_up = set(self.given_up)
        read, waiting = self._new_files()
        lost = tuple(f"{name}: {self.given_up[name]}" for name in self.given_up if name not in given_up)
        if not read and not lost and not self._stale:
            return None
        verdict, weights = Verdict("waiting", "control and drug sweeps of one cell are needed", ()), {}
        if self._both_kinds():
            self.found = self._weigh(began, bool(read))
            verdict = self.found.verdict
            weights = {e.name: e.weight for e in self.found.entries}
        count = self._agreed[1]
        if not self._stale:
            key = (verdict.status, verdict.names if verdict.status == "decided" else ())
            count = count + 1 if key == self._agreed[0] else 1
            self._agreed = (key, count)
        stop = not self._stale and verdict.status in ("decided", "no effect") and count >= CONFIRM
        # an end needs every protocol of the menu, unless no step is left untested
        stop = stop and not (verdict.untested and self._unrecorded())
        return Update(
            tuple(p.name for p in read),
            tuple(waiting),
            lost,
            len(self.tally.rows),
            verdict.status,
            verdict.sentence,
            verdict.names,
            weights,
            None if stop else self._next(),
            len(self._stale),
            stop,
            time.perf_counter() - began,
        )

    def _both_kinds(self) -> bool:
        for cell in self.tally.cells:
            kinds = {self.tally.settings[r.setting].drug for r in self.tally.rows if r.cell == cell}
            if None in kinds and len(kinds) > 1:
                return True
        return False

    def _weigh(self, began: float, new_data: bool) -> Discrimination:
        """Return the verdict on everything so far, starting where the last one ended."""
        tally = self.tally
        drug = tally.drugs[0]
        levels = sorted({tally.settings[r.setting].concentration_uM for r in tally.rows} - {0.0})
        binding = self.binding = self.binding or Binding(float(np.exp(np.mean(np.log(levels)))))
        alternatives = self.alternatives = self.alternatives or all_alternatives(self.scheme, binding.sites)
        if Alternative(()) not in alternatives:
            alternatives = self.alternatives = (Alternative(()), *alternatives)
        affinity = len(levels) > 1
        if affinity != self._affinity:  # a second concentration: kd is fitted from now on
            self._best, self._affinity = {}, affinity
        if not self._benches or len(next(iter(self._benches.values())).settings) != len(tally.settings):
            sites = tuple(dict.fromkeys(a.sites for a in alternatives if a.effects)) or binding.sites[:1]
            self._benches = {n: Bench(self._model(drug, n, binding), tuple(tally.settings)) for n in sites}
        if not self._best:
            self._contest, self._noise, self._covariances, seeds = prepare(
                self._benches, tally, alternatives, affinity=affinity, rundown=self.rundown
            )
            contenders, self._richest = run_contest(self._contest, alternatives, seeds)
            self._best = {c.alternative: c for c in contenders}
            self._stale = set()
        else:
            if new_data:
                self._contest, self._covariances = self._whitened(affinity)
                self._best = {a: self._stand(self._contest, a, c) for a, c in self._best.items()}
                self._stale = set(self._best)
            self._go_on(began)
        contest, richest = self._contest, self._richest
        assert contest is not None and richest is not None
        inflation, size, _ = inflation_of(richest, contest.data)
        entries = tuple(
            dataclasses.replace(e, sizes=sizes_of(contest, e.contender, inflation, profile=False))
            for e in rank(contest, list(self._best.values()), inflation, self.odds)
        )
        verdict = judge(drug, entries, odds=self.odds, smallest_fold=self.smallest_fold)
        return Discrimination(
            drug, self.scheme, entries, verdict, (), (), self._noise, inflation, size, contest, tally,
            tuple(self._covariances), (), self.odds,
        )  # fmt: skip

    def _model(self, drug: str, sites: int, binding: Binding) -> EffectModel:
        return EffectModel(
            self.scheme,
            self.free,
            ligand=drug,
            sites=sites,
            kd_uM=binding.kd_uM,
            koff_per_ms=binding.koff_per_ms,
        )

    def _go_on(self, began: float) -> None:
        """Fit alternatives again, the most promising first, until the time is spent; always at least one."""
        contest, alternatives = self._contest, self.alternatives
        assert contest is not None and alternatives is not None and self._richest is not None
        if len(self._stale) == len(self._best):
            like = min(self._best.values(), key=lambda c: c.chi2)
            self._richest = self._again(contest, richest_of(alternatives, like.alternative), self._richest)
        for a in sorted(self._stale, key=lambda a: self._best[a].chi2 + 2 * len(a.effects)):
            self._best[a] = self._again(contest, a, self._best[a])
            self._stale.discard(a)
            if time.perf_counter() - began > BUDGET_S:
                return

    def _whitened(self, affinity: bool) -> tuple[Contest, list[np.ndarray]]:
        """Return the contest on the present data; the shape of the channels' noise is kept once known."""
        blocks = tuple(self.tally.blocks())
        settings = self.tally.settings
        recorded = sorted({b.setting for b in blocks})
        reference = min(self._best.values(), key=lambda c: c.chi2)
        missing = [k for k in recorded if settings[k].key not in self._channel]
        if missing:
            bench = self._benches[reference.alternative.sites if reference.alternative.effects else min(self._benches)]
            theta = _carried(reference, bench)
            for k, c in zip(missing, bench.channel_covariances(theta, missing), strict=True):
                self._channel[settings[k].key] = c
        channel = {k: self._channel[settings[k].key] for k in recorded}
        rig = {k: rig_covariance(settings[k]) for k in recorded}
        assert self._richest is not None
        bench = self._benches[self._richest.alternative.sites]
        prediction = bench.predict(_carried(self._richest, bench))
        noise = {}
        for cell in self.tally.cells:
            mine = [b for b in blocks if b.cell == cell]
            shape = np.concatenate([prediction[bench.parts[b.setting]] for b in mine])
            y = np.concatenate([b.mean for b in mine])
            good = np.isfinite(y)
            size = max(0.0, float(shape[good] @ y[good]) / max(float(shape[good] @ shape[good]), 1e-300))
            residuals = []
            for b in mine:
                r = b.mean - size * prediction[bench.parts[b.setting]]
                residuals.append(r - np.nanmean(r))
            noise[cell] = cell_noise(mine, residuals, rig, channel, size * channel_nS(self.scheme))
        self._noise = noise
        data = whiten_blocks(blocks, noise, rig, channel, self.rundown)
        covariances = [
            (noise[b.cell].rig_pA ** 2 * rig[b.setting] + noise[b.cell].channel_nS2 * channel[b.setting]) / b.n
            for b in blocks
        ]
        return Contest(self._benches, data, affinity=affinity), covariances

    def _again(self, contest: Contest, alternative: Alternative, before: Contender) -> Contender:
        try:
            return contest.fit(alternative, (before,))
        except NumericalError:
            return self._stand(contest, alternative, before)

    def _stand(self, contest: Contest, alternative: Alternative, before: Contender) -> Contender:
        """Return a contender with its parameters as they were, judged on the present data."""
        bench = self._benches[alternative.sites if alternative.effects else next(iter(self._benches))]
        theta = _carried(before, bench)
        columns = contest.columns(alternative)
        residual, _, _ = contest.data.residual(bench.parts, bench.predict(theta))
        chi2 = float(residual @ residual)
        found = dataclasses.replace(before.found, x=theta[list(columns)], residuals=residual, ssr=chi2)
        return dataclasses.replace(
            before, alternative=alternative, bench=bench, columns=columns, theta=theta, chi2=chi2, found=found
        )

    # ------------------------------------------------------------------------------------------- next sweep

    def _next(self) -> NextSweep | None:
        """Return the sweep to record next in the present cell."""
        if not self.tally.rows:
            return None
        last = self.tally.rows[-1]
        if self.menu is None:
            with_drug = [s for s in self.tally.settings if s.drug]
            if not with_drug:
                return None
            levels = [s.concentration_uM for s in with_drug]
            self.menu = candidates(self.tally.settings[0], with_drug[0].drug or "drug", levels)
        if self.found is None:
            return self._balance(self.menu[0], last.cell, None)
        if self.found.verdict.untested and (new := self._unrecorded()):
            return self._balance(new[0], last.cell, None)
        proposals = propose_next(self.found, self.menu, sweeps=1, most=3, known=self._planned)
        if not proposals:
            return self._balance(self.menu[0], last.cell, None)
        best = max(proposals, key=lambda p: p.log10_odds_per_cell)
        return self._balance(best.candidate, last.cell, best)

    def _unrecorded(self) -> list[Candidate]:
        """Return the protocols of the menu that lack control or drug sweeps."""
        keys = {self.tally.settings[r.setting].key for r in self.tally.rows}
        return [c for c in self.menu or [] if not {c.control.key, c.drug.key} <= keys]

    def _balance(self, candidate: Candidate, cell: str, proposal: Proposal | None) -> NextSweep:
        """Return control or drug of a candidate, whichever this cell has less of."""
        keys = [self.tally.settings[r.setting].key for r in self.tally.rows if r.cell == cell]
        less_drug = keys.count(candidate.drug.key) < keys.count(candidate.control.key)
        setting = candidate.drug if less_drug else candidate.control
        return NextSweep(setting, setting.describe(), proposal)


def _carried(contender: Contender, bench: Bench) -> np.ndarray:
    theta = bench.start.copy()
    for name, value in zip(contender.bench.names, contender.theta, strict=True):
        if name in bench.names:
            theta[bench.names.index(name)] = value
    return theta


def watch(
    folder: str | Path,
    scheme: Scheme,
    *,
    poll_s: float = 0.5,
    limit_s: float = math.inf,
    until_decided: bool = True,
    **options: Any,
) -> Iterator[Update]:
    """Watch a folder and yield an update for each new sweep file.

    Parameters
    ----------
    folder : path
        Files with a line in its ``conditions.csv``, or that hold their own protocol.
    scheme : Scheme
    poll_s : float
        Pause between looks.
    limit_s : float
        Give up after this time without a new file.
    until_decided : bool
        Stop when the mechanisms separate.
    **options
        Of :class:`Watcher`.

    Yields
    ------
    Update
    """
    watcher = Watcher(folder, scheme, **options)
    idle = time.monotonic()
    while True:
        update = watcher.update()
        if update is not None:
            idle = time.monotonic()
            yield update
            if update.stop and until_decided:
                return
            if not update.pending:
                time.sleep(poll_s)
        elif time.monotonic() - idle > limit_s:
            return
        else:
            time.sleep(poll_s)
