"""Run the experiments of many findings on several processes; every finished one is kept, whatever happens next.

Findings that share runs (the same preparation, the same inductions) go to the same process, so that what one has
computed serves the next. Messages are JSON text. Workers are started afresh (no fork: JAX has threads).
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait

from ..errors import NumericalError
from ..library.finding import Finding, NoExperiment, SliceExperiment
from . import score_cache
from .experiment import samples
from .scoring import Sample

#: Fewer seconds of work than this are not worth the start of further processes.
WORTH_A_PROCESS_S = 15.0
#: What one finding costs by preparation, s: only to share the work and to tell the time left at the start.
COST_S = {"patch": 0.25, "membrane": 0.1, "synapse": 0.9, "slice": 15.0, "subject": 0.5}


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a board is."""

    done: int
    of: int
    now: str
    per_s: float
    left_s: float


def expected_s(finding: Finding) -> float:
    """Return about how long a finding takes on one core, s."""
    experiment = finding.experiment
    if isinstance(experiment, NoExperiment):
        return 0.0
    cost = COST_S[experiment.preparation]
    if isinstance(experiment, SliceExperiment):
        learns = [arm for arm in experiment.arms if arm.induction]
        # plasticity is asked of one scheme and of more slices, a response of every scheme
        cost *= sum(arm.slices / 12 for arm in learns) if learns else 1.0
    return cost


def run_all(
    findings: Sequence[Finding],
    done: Callable[[Finding, list[Sample]], None],
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] = lambda told: None,
) -> None:
    """Run the experiment of every finding that the cache does not hold, and keep its samples there.

    Parameters
    ----------
    findings : sequence of Finding
    done : callable
        Told every finding with its samples as soon as these are known.
    workers : int, optional
        Processes; default as many as there are cores, or one where the work is small.
    progress : callable

    Raises
    ------
    NumericalError
        A process died.
    KeyboardInterrupt
        What was finished before has been told and kept.
    """
    waiting: list[Finding] = []
    for finding in findings:
        name = score_cache.key(finding)
        kept = samples(finding) if name is None else score_cache.load(name)
        if kept is None:
            waiting.append(finding)
        else:
            done(finding, kept)
    if not waiting:
        return
    total = sum(map(expected_s, waiting))
    cores = workers or (1 if total < WORTH_A_PROCESS_S else _cores())
    cores = min(cores, len(waiting))
    clock = _Clock(waiting, cores, progress)
    found = _here(waiting) if cores == 1 else _elsewhere(waiting, cores)
    clock.starts(waiting[0].id)
    for finding, values in found:
        done(finding, values)
        clock.finished(finding)


def compute(finding: Finding) -> list[Sample]:
    """Run the experiment of a finding and keep its samples."""
    values = samples(finding)
    name = score_cache.key(finding)
    if name is not None:
        score_cache.save(name, values)
    return values


class _Clock:
    """Turns finished findings into a rate and the time that is left, by the cost of each."""

    def __init__(self, findings: Sequence[Finding], cores: int, tell: Callable[[Progress], None]) -> None:
        self.cost = {f.id: expected_s(f) for f in findings}
        self.of, self.count, self.spent = len(findings), 0, 0.0
        self.cores, self.tell, self.began = cores, tell, time.monotonic()

    def starts(self, name: str) -> None:
        self.tell(Progress(0, self.of, name, 0.0, sum(self.cost.values()) / self.cores))

    def finished(self, finding: Finding) -> None:
        self.count += 1
        self.spent += self.cost[finding.id]
        passed = time.monotonic() - self.began
        left = max(sum(self.cost.values()) - self.spent, 0.0) * passed / max(self.spent, 1e-9)
        self.tell(Progress(self.count, self.of, finding.id, self.count / max(passed, 1e-9), left))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _here(findings: Sequence[Finding]) -> Iterator[tuple[Finding, list[Sample]]]:
    for finding in findings:
        yield finding, compute(finding)


def _elsewhere(findings: Sequence[Finding], cores: int) -> Iterator[tuple[Finding, list[Sample]]]:
    context = multiprocessing.get_context("spawn")
    queue = _Queue(findings)
    busy: dict[Connection, tuple[Finding, str]] = {}
    workers = []
    try:
        for _ in range(cores):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(theirs,), daemon=True)
            worker.start()
            theirs.close()
            workers.append(worker)
            _hand(ours, queue, busy, None)
        while busy:
            for ours in wait(list(busy)):
                assert isinstance(ours, Connection)
                finding, group = busy.pop(ours)
                try:
                    told = json.loads(ours.recv_bytes())
                except EOFError:
                    raise NumericalError(
                        f"The process that ran {finding.id} died", do="run again with --workers 1; the rest is kept"
                    ) from None
                if "error" in told:
                    raise NumericalError(f"{finding.id}: {told['error']}", do="run again with --debug --workers 1")
                _hand(ours, queue, busy, group)
                yield finding, [Sample(float(v), s, name, why) for v, s, name, why in told["samples"]]
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _hand(ours: Connection, queue: _Queue, busy: dict[Connection, tuple[Finding, str]], group: str | None) -> None:
    following = queue.take(group)
    if following is not None:
        ours.send_bytes(following[0].model_dump_json().encode())
        busy[ours] = following


class _Queue:
    """Findings by what they share; a process stays in its group, else takes the one with most work left."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.groups: dict[str, list[Finding]] = {}
        for finding in findings:
            self.groups.setdefault(_shared(finding), []).append(finding)

    def take(self, group: str | None) -> tuple[Finding, str] | None:
        if group is None or not self.groups.get(group):
            left = {name: sum(map(expected_s, those)) for name, those in self.groups.items() if those}
            if not left:
                return None
            group = max(left, key=lambda name: left[name])
        return self.groups[group].pop(0), group


def _shared(finding: Finding) -> str:
    """Return a name of the runs that a finding shares with others."""
    experiment = finding.experiment
    assert not isinstance(experiment, NoExperiment)
    if isinstance(experiment, SliceExperiment):
        learns = next((arm for arm in experiment.arms if arm.induction), experiment.arm)
        told = learns.model_dump(mode="json", include={"slice", "solution", "temperature", "induction", "strength"})
        return f"slice {json.dumps(told, sort_keys=True)}"
    return f"{experiment.preparation} {finding.subject}"


def _work(pipe: Connection) -> None:
    """Run what comes through the pipe until it closes; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            finding = Finding.model_validate_json(pipe.recv_bytes())
        except EOFError:
            return
        try:
            rows = [[repr(s.value), s.scheme, s.variant, s.reason] for s in compute(finding)]
            answer = {"samples": rows}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        pipe.send_bytes(json.dumps(answer).encode())
