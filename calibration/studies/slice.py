"""What the slice does: drug-free targets, AP5, and how a drug moves threshold and ceiling. Writes docs/studies/slice.*.

Run from `calibration/studies`: ``python slice.py`` (about half an hour). Findings named in calibration/plan.yaml were
used in the fit and are marked so; everything else was computed once with the frozen numbers.
"""

from __future__ import annotations

import csv
import dataclasses
import sys
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from potentiate.library.slice_document import find_slice
from potentiate.measures.field_potential import fixed_window, measure_field
from potentiate.measures.time_course import time_course
from potentiate.preparations.slice import Slice, SliceRun
from potentiate.protocols import stimulation as stim
from potentiate.protocols.timetable import Event, Induce, Timetable, WashIn

OUT = Path(__file__).parents[2] / "docs" / "studies"
SLICES = 12
BASELINE_MIN = 20.0
DRUG = ("aniracetam", 1500.0)


@dataclasses.dataclass(frozen=True)
class Case:
    """One experiment: what is given, what was published, and as what it counts."""

    name: str
    timetable: Timetable
    published: str
    target: tuple[float, float] | None = None  # per cent change and its SEM (NaN: not printed)
    role: str = "test"
    at_min: float = 60.0


def after(induction: stim.Stimulation, *drugs: tuple[str, float], then: tuple = (), minutes: float = 60.0) -> Timetable:
    """Return 20 min of baseline, 25 min of drug if there is one, the bout, an hour."""
    start = BASELINE_MIN + (25.0 if drugs else 0.0)
    events: list[Event] = [WashIn(name, c, BASELINE_MIN) for name, c in drugs]
    events.append(Induce(induction, start))
    end = start + induction.duration_ms / 60_000.0
    for bout, wait in then:
        events.append(Induce(bout, end + wait))
        end += wait + bout.duration_ms / 60_000.0
    return Timetable(induction.name, BASELINE_MIN, end + minutes, tuple(events))


def cases() -> list[Case]:
    """Return all experiments."""
    nan = float("nan")
    tbs = stim.theta_burst
    return [
        Case("2 x 100 Hz", after(stim.tetanus(2)), "+63.1 % (n 9)", (63.12, nan), "calibration"),
        Case("900 x 1 Hz", after(stim.low_frequency()), "-27.2 +- 2.8 % (n 13)", (-27.2, 2.8), "calibration"),
        Case("theta bursts (10)", after(tbs(10)), "+62.5 +- 10.5 % (n 7)", (62.5, 10.5), "calibration"),
        Case("pairing", after(stim.pairing()), "+94 +- 17 % of the EPSC (n 5)", (94.0, 16.6)),
        Case("3 x theta bursts (10)", after(tbs(10, trains=3, train_interval_s=20.0)), "about +58 %", (58.0, nan)),
        Case("10 bursts, 2 s apart", after(tbs(10, spacing_ms=2000.0)), "ineffective", (0.0, nan)),
        Case("1 x 100 Hz", after(stim.tetanus(1)), "no drug-free number in adult rat"),
        Case("1 x 100 Hz, 10 min", after(stim.tetanus(1)), "+86 % (Barco, train not stated)", (86.0, nan), at_min=10.0),
        Case("1 x 100 Hz, 30 min", after(stim.tetanus(1)), "+59 % (Barco, train not stated)", (59.0, nan), at_min=30.0),
        Case("1 x 100 Hz, 60 min", after(stim.tetanus(1)), "+39 % (Barco, train not stated)", (39.0, nan), at_min=60.0),
        Case("4 x 100 Hz", after(stim.tetanus(4)), "-"),
        Case("2 x 100 Hz in AP5", after(stim.tetanus(2), ("d-ap5", 50.0)), "no LTP", (0.0, nan)),
        Case("theta bursts (10) in AP5", after(tbs(10), ("d-ap5", 50.0)), "no LTP", (0.0, nan)),
        Case(
            "depotentiation", after(stim.tetanus(2), then=((stim.low_frequency(), 15.0),)),
            "-23.5 +- 5.6 % of the level before (n 5)", (-23.5, 5.6),
        ),
        *[
            Case(f"theta bursts ({n}){' + aniracetam 1.5 mM' if drugs else ''}", after(tbs(n), *drugs), "-")
            for n in (3, 5, 20) for drugs in ((), (DRUG,))
        ],
        Case("1 x 100 Hz + aniracetam 1.5 mM", after(stim.tetanus(1), DRUG), "facilitated induction"),
        Case("4 x 100 Hz + aniracetam 1.5 mM", after(stim.tetanus(4), DRUG), "ceiling not raised"),
        Case("theta bursts (10) + aniracetam 1.5 mM", after(tbs(10), DRUG), "-"),
    ]  # fmt: skip


def slopes(run: SliceRun) -> tuple[np.ndarray, np.ndarray]:
    """Return times (min) and slopes of all test pulses, in the window of the mean baseline."""
    recording = run.recording
    assert recording is not None
    t, v = recording.time_ms, recording.data[0]
    at = np.asarray(recording.sweep_metadata["time_min"])
    stimulus = float(recording.provenance["stimulus_ms"])
    window = fixed_window(t, v[at < BASELINE_MIN].mean(axis=0), stimulus)
    return at, np.array([measure_field(t, sweep, stimulus, window_ms=window).slope.value for sweep in v])


def change(at: np.ndarray, slope: np.ndarray, case: Case) -> float:
    """Return the change, per cent of the 20 min before the (last) induction, mean of the 10 min before `at_min`."""
    bout = case.timetable.inductions[-1]
    end = bout.until_min + case.at_min
    course = time_course(
        at, slope, induction_min=bout.at_min, convention="window",
        window_min=(end - (10.0 if case.at_min > 15.0 else 4.0), end),
    )  # fmt: skip
    return course.change.value - 100.0


def main() -> None:
    """Run all, write the table and the figure."""
    preparation = Slice.of("ca1-slice")
    rows, curves, done = [], {}, {}
    for case in cases():
        began = time.perf_counter()
        key = repr(case.timetable)
        if key not in done:
            runs = preparation.run(case.timetable, slices=SLICES).done
            done[key] = [slopes(run) for run in runs], np.mean([run.bouts[-1].moved() for run in runs], axis=0)
        courses, moved = done[key]
        found = np.array([change(*course, case) for course in courses])
        mean, sem = found.mean(), found.std(ddof=1) / np.sqrt(len(found))
        verdict = "-"
        if case.target is not None:
            target, spread = case.target
            # means of two samples: the published SEM where it is printed, else a tenth of a baseline (typical)
            width = 2.0 * (spread if np.isfinite(spread) else 10.0)
            verdict = "within" if abs(mean - target) <= width else "outside"
            verdict = f"{verdict} {'2 SEM' if np.isfinite(spread) else '20 points (no SEM printed)'}"
        rows.append([
            case.name, case.published, f"{mean:+.1f} +- {sem:.1f} %", f"{found.std(ddof=1):.1f}", len(found),
            f"{moved[0]:.2f}", f"{moved[1]:.2f}", case.role, verdict,
        ])  # fmt: skip
        curves[case.name] = courses
        print(*rows[-1], f"{time.perf_counter() - began:.0f} s", sep=" | ", file=sys.stderr, flush=True)
    header = ["protocol", "published", "model, mean +- SEM", "SD", "n", "up", "down", "role", "verdict"]
    with (OUT / "slice.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    document = find_slice("ca1-slice")
    fitted = {name: document.plasticity[name] for name in ("potentiation_factor", "persistence", "ltd_gain")}
    lines = [
        "# The slice against its targets", "",
        "Written by `calibration/studies/slice.py`. Change of the field slope, mean of the last ten minutes, per cent",
        "of the 20 min before the induction (with the drug present where there is one). The same slices meet every",
        "protocol.",
        "", "Fitted: " + ", ".join(f"{name} {number.value}" for name, number in fitted.items()) + ".", "",
        "| " + " | ".join(header) + " |", "|" + "---|" * len(header),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows), "",
        "![time courses](slice.png)", "",
    ]  # fmt: skip
    (OUT / "slice.md").write_text("\n".join(lines), encoding="utf-8")
    draw(curves)


def draw(curves: dict) -> None:
    """Draw time courses (per cent of the first 20 min, mean and SEM over slices)."""
    groups = [
        ["2 x 100 Hz", "900 x 1 Hz", "2 x 100 Hz in AP5"], ["theta bursts (10)", "10 bursts, 2 s apart"],
        ["1 x 100 Hz", "1 x 100 Hz + aniracetam 1.5 mM"], ["theta bursts (3)", "theta bursts (3) + aniracetam 1.5 mM"],
    ]  # fmt: skip
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), sharey=True, layout="constrained")
    for axis, names in zip(axes.flat, groups, strict=True):
        for name in names:
            per_slice = np.array([100.0 * y / y[t < BASELINE_MIN].mean() for t, y in curves[name]])
            t = curves[name][0][0]
            bins = t // 1.0
            at = np.unique(bins)
            mean = np.array([per_slice[:, bins == b].mean(axis=1) for b in at])
            axis.errorbar(
                at + 0.5, mean.mean(axis=1), mean.std(axis=1, ddof=1) / np.sqrt(mean.shape[1]),
                fmt="o", ms=3, lw=0.7, label=name,
            )  # fmt: skip
        axis.axhline(100.0, color="0.6", lw=0.8)
        axis.legend(fontsize=8, frameon=False)
        axis.set_xlabel("time (min)")
    for axis in axes[:, 0]:
        axis.set_ylabel("slope (% of baseline)")
    figure.savefig(OUT / "slice.png", dpi=120)


if __name__ == "__main__":
    main()
