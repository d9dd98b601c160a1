"""Are planted mechanisms found? Confusion matrix with and without enough data, and sweeps to a decision.

``python calibration/studies/confusion.py [--seeds 4] [--only confusion|watch|report]`` simulates stochastic outside-out
patches of Partin1996 with a planted drug, asks :func:`potentiate.inference.discriminate.discriminate`, and writes
``docs/studies/confusion.{csv,md,png}`` and ``docs/studies/watch.csv``. About ten minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.inference.alternatives import EffectModel
from potentiate.inference.discriminate import Binding, discriminate
from potentiate.inference.experiment import Experiment
from potentiate.inference.next_experiment import Candidate
from potentiate.inference.setting import Setting
from potentiate.inference.watch import Watcher
from potentiate.kinetics.scheme import Scheme
from potentiate.protocols.protocol import Protocol
from potentiate.show.style import BLUE, GREY, NORMAL, SMALL, VERMILLION, heading, page, styled

STUDIES = Path(__file__).parents[2] / "docs" / "studies"
SCHEME = find_scheme("Partin1996")
KD_UM, KOFF = 500.0, 2.0
RIG = dict(exchange_10_90_ms=0.2)

#: Planted mechanisms: factors on rates with the site occupied.
PLANTED = {
    "no effect": {},
    "closing": {"closing": 1 / 5},
    "desensitization entry": {"desensitization entry": 1 / 4},
    "unbinding": {"unbinding": 1 / 4},
    "closing + desensitization entry": {"closing": 1 / 4, "desensitization entry": 1 / 4},
}

#: Data: cells, sweeps of each kind, widths of the pulses, channels, noise of a sample before the filter.
AMOUNTS = {
    "enough": dict(cells=4, repeats=8, widths=(1.0, 100.0), channels=100, noise=2.0),
    "few": dict(cells=1, repeats=1, widths=(1.0,), channels=30, noise=4.0),
}


def planted_scheme(factors: dict[str, float]) -> Scheme:
    """Return the scheme with the drug's site and its effects."""
    rate_map = EffectModel(SCHEME, ligand="drug", kd_uM=KD_UM, koff_per_ms=KOFF).rate_map("drug")
    theta = rate_map.start
    for effect, factor in factors.items():
        theta[rate_map.names.index(f"drug {effect}")] = np.log(factor)
    return rate_map.scheme_at(theta)


def record(name: str, seed: int, *, cells: int, repeats: int, widths: tuple[float, ...], channels: int, noise: float):
    """Return experiments of stochastic patches: control and 3 mM drug in both solutions."""
    scheme = planted_scheme(PLANTED[name])
    baths = [Bath()] * repeats + [Bath({"drug": 3000.0})] * repeats
    made = []
    for c in range(cells):
        # patches differ in their number of channels
        n = int(channels * np.exp(0.4 * np.random.default_rng([seed, c]).standard_normal()))
        for i, width in enumerate(widths):
            protocol = protocols.jump(width_ms=width, after_ms=40.0, dt_ms=0.02)
            patch = Patch(scheme, channels=n, stochastic=True, rig=Rig(noise_pA=noise, **RIG))
            recording = run(patch, protocol, baths, seed=100_000 * seed + 100 * c + i)
            made.append(Experiment(recording, protocol, baths, cell=f"cell {c + 1}", **RIG))
    return made


def confusion(seeds: int) -> list[dict[str, object]]:
    """Return one row per planted mechanism, amount of data and seed."""
    rows: list[dict[str, object]] = []
    for amount, options in AMOUNTS.items():
        for planted, factors in PLANTED.items():
            for seed in range(1, seeds + 1):
                began = time.perf_counter()
                experiments = record(planted, seed, **options)
                found = discriminate(
                    experiments, SCHEME, binding=Binding(KD_UM, KOFF), leave_out=False, propose=False, seed=seed
                )
                answer = found.verdict.names[0] if found.status == "decided" else found.status
                covered = ""
                if found.status == "decided" and answer == planted:
                    covered = sum(s.low <= factors[s.effect] <= s.high for s in found.verdict.sizes)
                rows.append(
                    {"data": amount, "planted": planted, "seed": seed, "answer": answer,
                     "listed": int(planted in found.verdict.names), "best": found.entries[0].name,
                     "covered": covered, "of": len(factors) if covered != "" else "",
                     "factors": "; ".join(f"{s.effect} {s.factor:.3g} ({s.low:.3g} to {s.high:.3g})"
                                          for s in found.verdict.sizes),
                     "seconds": round(time.perf_counter() - began, 1)}
                )  # fmt: skip
                print(*rows[-1].values(), sep=" | ", flush=True)
    return rows


#: Of the replays: pulses on the menu, and the rig.
MENU = {
    "1 ms": protocols.jump(width_ms=1.0, after_ms=40.0, dt_ms=0.05),
    "100 ms": protocols.jump(width_ms=100.0, after_ms=40.0, dt_ms=0.05),
    "paired": protocols.paired_pulses(50.0, first_ms=100.0, second_ms=5.0, dt_ms=0.05),
}
MOST_SWEEPS = 24


def replay(planted: str, strategy: str, seed: int, folder: Path) -> dict[str, object]:
    """Record one patch sweep by sweep until the watcher calls an end."""
    patch = Patch(planted_scheme(PLANTED[planted]), channels=60, stochastic=True, rig=Rig(noise_pA=2.0))

    def setting(protocol: Protocol, dose: float) -> Setting:
        samples = round(protocol.duration_ms / protocol.dt_ms) + 1
        return Setting(protocol, Bath({"drug": dose}) if dose else Bath(), samples, protocol.dt_ms)

    menu = [Candidate(setting(p, 0.0), setting(p, 3000.0)) for p in MENU.values()]
    made: dict[str, Experiment] = {}
    watcher = Watcher(
        folder, SCHEME, menu=menu, read=lambda path: [made[path.name]], binding=Binding(KD_UM, KOFF)
    )  # fmt: skip
    fixed = {"in turn": [s for c in menu for s in (c.control, c.drug)], "brief pulses": [menu[0].control, menu[0].drug]}
    spent: list[float] = []
    following: Setting = menu[0].control
    update = None
    for k in range(MOST_SWEEPS):
        now = following if strategy == "proposed" else fixed[strategy][k % len(fixed[strategy])]
        recording = run(patch, now.protocol, now.bath, seed=1000 * seed + k)
        name = f"{k:03d}.nc"
        made[name] = Experiment(recording, now.protocol, now.bath, cell="cell 1")
        (folder / name).write_bytes(b"")
        pending = True
        while pending:
            began = time.process_time()
            update = watcher.update()
            spent.append(time.process_time() - began)
            assert update is not None
            pending = update.pending > 0
        assert update is not None
        if update.stop:
            break
        assert update.next_sweep is not None
        following = update.next_sweep.setting
    assert update is not None
    answer = update.names[0] if update.status == "decided" else update.status
    return {
        "planted": planted, "strategy": strategy, "seed": seed, "sweeps": update.sweeps, "ended": int(update.stop),
        "answer": answer, "right": int(answer == planted), "median update s": round(float(np.median(spent[2:])), 2),
        "longest update s": round(max(spent), 2),
    }  # fmt: skip


def replays(seeds: int) -> list[dict[str, object]]:
    """Return one row per planted mechanism, strategy and seed."""
    rows = []
    for planted in ("closing", "unbinding", "closing + desensitization entry"):
        for strategy in ("proposed", "in turn", "brief pulses"):
            for seed in range(1, seeds + 1):
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(replay(planted, strategy, seed, Path(folder)))
                print(*rows[-1].values(), sep=" | ", flush=True)
    return rows


def write(name: str, rows: list[dict[str, object]]) -> None:
    """Write rows as a table."""
    STUDIES.mkdir(parents=True, exist_ok=True)
    with (STUDIES / name).open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(name: str) -> list[dict[str, str]]:
    """Return a table that was written before."""
    with (STUDIES / name).open(newline="") as handle:
        return list(csv.DictReader(handle))


def answers(rows: list[dict[str, str]]) -> list[str]:
    """Return the answers that occur: planted ones first, then others, then no verdict."""
    found = dict.fromkeys(r["answer"] for r in rows)
    last = [a for a in ("undecided",) if a in found]
    return [*PLANTED, *(a for a in found if a not in PLANTED and a not in last), *last]


def report() -> None:
    """Write the page and the figure from the tables."""
    rows, watched = read("confusion.csv"), read("watch.csv")
    columns = answers(rows)
    lines = [
        "# Planted mechanisms: are they found?",
        "",
        "`calibration/studies/confusion.py` simulates stochastic outside-out patches of Partin1996 with a drug site "
        "(kd 500 uM, koff 2 /ms, one concentration of 3 mM in both solutions, exchange 0.2 ms) and asks `discriminate` "
        "with its defaults: sixteen alternatives; closing, desensitization and unbinding of the scheme fitted along.",
        "",
    ]
    for amount, options in AMOUNTS.items():
        lines += [
            f"## {amount.capitalize()} data",
            "",
            f"{options['cells']} cell(s), {options['repeats']} sweep(s) each of control and drug, pulses of "
            f"{' and '.join(f'{w:g} ms' for w in options['widths'])}, about {options['channels']} channels, "
            f"{options['noise']:g} pA noise.",
            "",
            f"| planted | {' | '.join(columns)} | truth among those left |",
            f"|---|{'---:|' * (len(columns) + 1)}",
        ]
        for planted in PLANTED:
            own = [r for r in rows if r["data"] == amount and r["planted"] == planted]
            counts = [sum(r["answer"] == c for r in own) for c in columns]
            listed = sum(int(r["listed"]) for r in own)
            lines.append(f"| {planted} | {' | '.join(str(c or '') for c in counts)} | {listed} of {len(own)} |")
        wrong = sum(r["data"] == amount and r["answer"] not in ("undecided", r["planted"]) for r in rows)
        covered = sum(int(r["covered"] or 0) for r in rows if r["data"] == amount)
        of = sum(int(r["of"] or 0) for r in rows if r["data"] == amount)
        lines += [
            "",
            f"Wrong verdicts: {wrong}. 95 % intervals of right verdicts that hold the truth: {covered} of {of}.",
            "",
        ]
    lines += [
        "## Sweeps to a decision",
        "",
        f"One patch (60 channels, 2 pA), watched sweep by sweep; at most {MOST_SWEEPS} sweeps. `proposed` records what "
        "the watcher proposes from a menu of 1 ms, 100 ms and paired pulses; `in turn` goes through the menu; "
        "`brief pulses` alternates control and drug with 1 ms. An end needs the same verdict twice and every protocol "
        "that could test a step left open.",
        "",
        "| planted | strategy | sweeps (median, range) | ended | right | update, CPU s (median, longest) |",
        "|---|---|---|---|---|---|",
    ]
    for planted in dict.fromkeys(r["planted"] for r in watched):
        for strategy in dict.fromkeys(r["strategy"] for r in watched):
            own = [r for r in watched if r["planted"] == planted and r["strategy"] == strategy]
            if not own:
                continue
            n = sorted(int(r["sweeps"]) for r in own)
            median = np.median([float(r["median update s"]) for r in own])
            longest = max(float(r["longest update s"]) for r in own)
            lines.append(
                f"| {planted} | {strategy} | {np.median(n):g} ({n[0]} to {n[-1]}) | "
                f"{sum(int(r['ended']) for r in own)} of {len(own)} | "
                f"{sum(int(r['right']) for r in own)} of {len(own)} | "
                f"{median:.2f}, {longest:.2f} |"
            )
    lines += [
        "",
        "The longest update is the first one with control and drug, which fits everything from nothing; it and all "
        'times were taken on a busy machine. A planted "no effect" ends undecided where an effect of 1.25-fold is not '
        "excluded for every step that the pulses can see. A verdict on few data ends with the steps that they do not "
        "test.",
    ]
    lines += ["", "![Confusion matrices and sweeps to a decision](confusion.png)", ""]
    (STUDIES / "confusion.md").write_text("\n".join(lines))
    draw(rows, watched).savefig(STUDIES / "confusion.png", dpi=150)


@styled
def draw(rows: list[dict[str, str]], watched: list[dict[str, str]]) -> Any:
    """Return the figure: two matrices and the sweeps to a decision."""
    columns = answers(rows)
    figure = page(11.4, 4.3)
    for i, amount in enumerate(AMOUNTS):
        ax = figure.add_axes((0.165 + 0.265 * i, 0.34, 0.235, 0.49))
        table = np.array(
            [
                [sum(r["data"] == amount and r["planted"] == p and r["answer"] == a for r in rows) for a in columns]
                for p in PLANTED
            ]
        )
        most = max(int(table.sum(axis=1).max()), 1)
        ax.imshow(table, cmap="Blues", vmin=0, vmax=1.3 * most, aspect="auto")
        for y, x in np.argwhere(table > 0):
            dark = table[y, x] > 0.7 * most
            ax.text(x, y, str(table[y, x]), ha="center", va="center", color="white" if dark else "black")
        ax.set_xticks(range(len(columns)), [c.replace("desensitization", "desens.") for c in columns], rotation=40,
                      ha="right")  # fmt: skip
        ax.set_yticks(range(len(PLANTED)), [p.replace("desensitization", "desens.") for p in PLANTED] if i == 0 else [])
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_visible(False)
        ax.set_xlabel("answer")
        ax.set_title(f"{amount.capitalize()} data", fontsize=NORMAL, fontweight="bold")
        if i == 0:
            ax.set_ylabel("planted")
    ax = figure.add_axes((0.755, 0.34, 0.225, 0.49))
    strategies = list(dict.fromkeys(r["strategy"] for r in watched))
    planted = list(dict.fromkeys(r["planted"] for r in watched))
    for k, (strategy, colour) in enumerate(zip(strategies, (VERMILLION, BLUE, GREY), strict=True)):
        for j, p in enumerate(planted):
            own = [r for r in watched if r["planted"] == p and r["strategy"] == strategy]
            x = j + 0.24 * (k - 1) + 0.03 * (np.arange(len(own)) - 0.5 * (len(own) - 1))
            good = np.array([r["right"] == "1" and r["ended"] == "1" for r in own], dtype=bool)
            y = np.array([int(r["sweeps"]) for r in own])
            ax.plot(x[good], y[good], "o", ms=5, color=colour, label=strategy if j == 0 else None)
            ax.plot(x[~good], y[~good], "o", ms=5, mec=colour, mfc="white")
    ax.plot([], [], "o", ms=5, mec="black", mfc="white", label="no or wrong end")
    ax.set_ylim(0, MOST_SWEEPS + 2)
    ax.set_xlim(-0.5, len(planted) - 0.5)
    ax.set_xticks(
        range(len(planted)), [p.replace("desensitization", "desens.").replace(" + ", " +\n") for p in planted]
    )
    ax.set_ylabel("sweeps until the end is called")
    ax.set_title("Watched patch", fontsize=NORMAL, fontweight="bold")
    handles, labels = ax.get_legend_handles_labels()
    order = {label: handle for handle, label in zip(handles, labels, strict=True)}
    figure.legend(order.values(), order.keys(), loc="upper left", bbox_to_anchor=(0.735, 0.2), ncols=2, fontsize=SMALL)
    heading(figure, "Planted mechanisms in synthetic patches: what the comparison answers")
    return figure


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--only", choices=("confusion", "watch", "report"))
    asked = parser.parse_args()
    if asked.only in (None, "confusion"):
        write("confusion.csv", confusion(asked.seeds))
    if asked.only in (None, "watch"):
        write("watch.csv", replays(min(asked.seeds, 3)))
    if asked.only in (None, "report"):
        report()


if __name__ == "__main__":
    main()
