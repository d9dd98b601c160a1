"""Figure of the reference engine's study: where four protocols lead the enzymes, and all outcomes beside the published.

``python calibration/studies/reference_induction_figure.py [--paths]`` draws ``docs/studies/reference_induction.png``
from ``reference_induction.csv`` and ``reference_induction_paths.csv``; ``--paths`` runs the four protocols first (drawn
channels, two runs each; minutes).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from potentiate.kinetics.ensemble import use_float64
from potentiate.mechanisms.geometrical_readout import DEPRESSION_CORNERS, POTENTIATION_CORNERS
from potentiate.preparations.reference_protocols import published_inductions
from potentiate.show.style import BLUE, GREY, NORMAL, SMALL, VERMILLION, heading, page, styled

STUDIES = Path(__file__).parents[2] / "docs" / "studies"
SHOWN = ("Tigaret 1Pre2Post10", "Tigaret 2Post1Pre50", "Tigaret 1Pre1Post10", "Dudek & Bear 900 x 50 Hz")
LINES = {"LTP": VERMILLION, "LTD": BLUE, "none": GREY, "not read": GREY}


def run_paths() -> None:
    """Run the protocols shown and keep the mean path, one point a second."""
    use_float64()
    with (STUDIES / "reference_induction_paths.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("protocol", "time_s", "CaN_uM", "CaMKII_uM"))
        for p in published_inductions():
            if p.name in SHOWN:
                found = p.spine(channels="drawn").run(p.stimulation, runs=2, seed=1, bin_ms=1000.0)
                columns = 1e-3 * found.time_ms, found.can_uM.mean(axis=0), found.camkii_uM.mean(axis=0)
                for row in zip(*columns, strict=True):
                    writer.writerow((p.name, *(f"{x:.4g}" for x in row)))
                file.flush()


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a file of the study."""
    with (STUDIES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@styled
def draw(rows: Sequence[dict[str, str]], paths: Sequence[dict[str, str]]) -> Any:
    """Return the figure."""
    figure = page(11.0, 5.4)
    plane = figure.add_axes((0.065, 0.17, 0.385, 0.71))
    for corners, colour, word, at in (
        (DEPRESSION_CORNERS, BLUE, "depression", (4.3, 3.0)),
        (POTENTIATION_CORNERS, VERMILLION, "potentiation", (8.2, 3.0)),
    ):
        plane.fill(*np.array(corners).T, color=colour, alpha=0.12, lw=0)
        plane.text(*at, word, color=colour, ha="center", fontsize=NORMAL)
    published = {p.name: p.published for p in published_inductions()}
    styles = {"Tigaret 1Pre1Post10": "--", "Dudek & Bear 900 x 50 Hz": ":"}
    for name in SHOWN:
        path = np.array([[float(r["CaN_uM"]), float(r["CaMKII_uM"])] for r in paths if r["protocol"] == name])
        if len(path):
            plane.plot(*path.T, color=LINES[published[name]], ls=styles.get(name, "-"), lw=1.2, label=name)
    plane.legend(loc="upper left", ncols=2, fontsize=SMALL, frameon=False, handlelength=2.2, borderaxespad=0.0)
    plane.set(xlim=(0, 13.5), ylim=(0, 38), xlabel="calcineurin with calmodulin (uM)", ylabel="active CaMKII (uM)")
    # outcomes
    names = [p.name for p in published_inductions()]
    ax = figure.add_axes((0.66, 0.17, 0.315, 0.71))
    ax.axvspan(-10, 10, color=GREY, alpha=0.12, lw=0)
    ax.axvline(0, color=GREY, lw=0.6)
    for r in rows:
        if r["drug"]:
            continue
        drawn = r["channels"] == "drawn"
        y = len(names) - 1 - names.index(r["protocol"]) + (0.14 if drawn else -0.14)
        right = r["published"] in (r["direction"], "not read")
        colour = "black" if drawn else GREY
        ax.errorbar(
            float(r["weight_change_percent"]), y, xerr=float(r["sd"]), fmt="o" if drawn else "s", ms=4.2, color=colour,
            mfc=colour if right else "white", elinewidth=0.8, capsize=0,
        )  # fmt: skip
    for i, name in enumerate(names):
        ax.text(
            -0.03, len(names) - 1 - i, f"{name}: {published[name]}", transform=ax.get_yaxis_transform(), ha="right",
            va="center", fontsize=SMALL, color=LINES[published[name]],
        )  # fmt: skip
    ax.set(xlim=(-100, 100), ylim=(-0.7, len(names) - 0.3), yticks=[])
    ax.set_xlabel("weight change of the model (%), ± SD of runs")
    ax.spines["left"].set_visible(False)
    heading(
        figure,
        "Reference induction engine (port of Rodrigues et al. 2023) on the published inductions",
        "Colour: published direction (orange potentiation, blue depression, grey none or not read). Circles: channels "
        "drawn; squares: expected channels.\nOpen symbol: not the published direction; grey band: no change. "
        "Left: mean of 2 runs, channels drawn.",
    )
    return figure


def main() -> None:
    """Draw, after running if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", action="store_true")
    if parser.parse_args().paths:
        run_paths()
    figure = draw(read("reference_induction.csv"), read("reference_induction_paths.csv"))
    figure.savefig(STUDIES / "reference_induction.png", dpi=150)


if __name__ == "__main__":
    main()
