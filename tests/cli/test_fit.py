"""`potentiate fit`: from a table of conditions to estimates with words, a figure and a file to go on from."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.cli import main
from potentiate.inference.store import load_fit
from potentiate.kinetics.modulator import Modulator, apply_modulator

FREE = ("--free", "closing=O->C2")
PULSE = protocols.jump(width_ms=2.0, before_ms=2.0, after_ms=11.0, dt_ms=0.1)


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One patch in control and with a drug that triples the time in the open state, saved as a rig would."""
    folder = tmp_path_factory.mktemp("patches")
    drug = Modulator("mydrug", 1, 50.0, 1.0, {"open": (3.0,)}, {"gate": 0.0})
    scheme = apply_modulator(find_scheme("Destexhe_ampa5"), drug)
    patch = Patch(scheme, channels=500, rig=Rig(noise_pA=1.0))
    lines = ["file,cell,drug,concentration_uM,placement,agonist_mM,pulse_ms,on_ms"]
    for k, level in enumerate((0.0, 100.0)):
        run(patch, PULSE, [Bath({"mydrug": level})] * 2, seed=k).save(folder / f"{k}.nc")
        lines.append(f"{k}.nc,c1,{'mydrug' if level else 'control'},{level},both,10,2,2")
    (folder / "conditions.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in this process, in an empty folder, without touching the user's compilation cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("potentiate.kinetics.ensemble.enable_compilation_cache", lambda *_: None)


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["fit", *words])
    return int(end.value.code or 0)


@pytest.mark.slow
def test_fit_of_a_folder(potentiate, patches, tmp_path):
    asked = (
        str(patches),
        "--scheme",
        "Destexhe_ampa5",
        *FREE,
        "--effects",
        "closing",
        "--fix",
        "kd=50",
        "--starts",
        "2",
    )
    outcome = potentiate("fit", *asked, "--intervals", "curvature", "--out", "one")
    assert outcome.code == 0, outcome.err
    sharing, _, found = outcome.out.partition("Solved for")
    assert "one value for all sweeps" in sharing, "the sharing table comes first"
    assert "mydrug w(open)" in sharing
    for text in ("Assumed", "determined", "c1: amplitude", "noise", "Combinations, best known first", "Residuals",
                 "Starts: 2 of 2 end at the best"):  # fmt: skip
        assert text in found
    rows = {r["parameter"]: r for r in csv.DictReader((tmp_path / "one" / "table.csv").read_text().splitlines())}
    planted = next(
        e.backward.k if s.states[e.source] == "C2" else e.forward.k
        for s in [find_scheme("Destexhe_ampa5")]
        for e in s.edges
        if {s.states[e.source], s.states[e.target]} == {"C2", "O"}
    )
    for name, truth in (("closing", planted), ("mydrug w(open)", 3.0)):
        assert float(rows[name]["low"]) < truth < float(rows[name]["high"])
        assert rows[name]["word"] == "determined"
    for name in ("figure.svg", "figure.png", "fit.nc", "results.json"):
        assert (tmp_path / "one" / name).stat().st_size > 500
    # the file alone is enough to go on
    again = potentiate("fit", "--resume", "one/fit.nc", "--intervals", "none", "--json")
    assert again.code == 0, again.err
    body = again.object
    assert body["status"] == "ok"
    assert body["starts"][0]["iterations"] <= 6
    values = {o["id"]: o for o in body["observables"]}
    assert values["closing"]["value"] == pytest.approx(float(rows["closing"]["estimate"]), rel=1e-3)
    assert values["closing"]["label"] == "calibration"
    assert body["sharing"][0][2] == "one value for all sweeps"
    assert {"table", "figure", "fit", "results"} <= set(body["files"])
    # and for other programs
    other = potentiate("convert", "one/fit.nc", "out.petab", "--json")
    assert other.code == 0, other.err
    assert {"problem", "model", "parameters", "conditions"} <= set(other.object["files"])
    assert "mydrug w(open)" in (tmp_path / "out.petab" / "parameters.tsv").read_text()
    assert potentiate("convert", "one/table.csv", "no.petab").code == 3


def test_interruption_keeps_the_best_and_says_how_to_go_on(quiet, patches, tmp_path, monkeypatch, capsys):
    from potentiate.inference import fit as module

    search, calls = module._search, []

    def stopping(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return search(*arguments)

    monkeypatch.setattr(module, "_search", stopping)
    code = call(
        str(patches / "0.nc"), "--on", "2 ms", "--pulse", "2 ms", "--agonist", "10 mM glutamate",
        "--scheme", "Destexhe_ampa5", "--free", "closing=O->C2; recovery=D2->C2", "--out", "stopped",
    )  # fmt: skip
    assert code == 130
    printed = capsys.readouterr()
    assert "potentiate fit --resume stopped/fit.nc" in printed.err
    kept = load_fit(tmp_path / "stopped" / "fit.nc")
    assert kept.status == "interrupted"
    assert len(kept.starts) == 1
    assert math.isfinite(kept["closing"].value)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "Nothing to fit"),
        (("{p}",), 2, "No scheme"),
        (("{p}", "--scheme", "Partin1997"), 2, "Partin1996"),
        (("{p}", "--scheme", "Destexhe_ampa5", "--effects", "none"), 2, "Nothing is free"),
        (("{p}", "--scheme", "Destexhe_ampa5", "--free", "O->C9"), 2, "O->C2"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--effects", "closng"), 2, "closing"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--effects", "unbinding"), 2, "Unknown effect"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--effects", "closing,opening"), 2, "one number of the operator"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--share", "opening=cell"), 2, "closing"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--share", "closing=dish"), 2, "sharing"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--bounds", "closing=1"), 2, "LOW:HIGH"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--drug", "CX614"), 2, "No sweep holds"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--fix", "kd=-1"), 2, "not a positive number"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--on", "2 ms"), 2, "write it into the table"),
        (("{p}", "--scheme", "Destexhe_ampa5", *FREE, "--starts", "0"), 2, "0 starts"),
        (("{p}/0.nc", "--scheme", "Destexhe_ampa5", *FREE, "--agonist", "a lot"), 2, "10 mM"),
        (
            (
                "{p}/0.nc",
                "--scheme",
                "Destexhe_ampa5",
                *FREE,
                "--agonist",
                "10 mM AMPA",
                "--on",
                "2 ms",
                "--pulse",
                "2ms",
            ),
            2,
            "AMPA does not act on Destexhe_ampa5",
        ),
        (("{p}/none.csv", "--scheme", "Destexhe_ampa5", *FREE), 3, "Cannot open"),
        (("{p}", "--scheme", "NMDA5_Destexhe1996", "--free", "O->RA9"), 2, "transition"),
        (("--resume", "{p}/0.nc"), 3, "Not a fit"),
        (("--watch", "{p}"), 2, "No scheme"),
        (("--watch", "{p}/none", "--scheme", "Destexhe_ampa5"), 2, "No such folder"),
        (("{p}", "--watch", "{p}"), 2, "its own folder"),
        (("--resume", "{p}/0.nc", "--free", "all"), 2, "without data"),
    ],
)
def test_bad_requests(quiet, patches, capsys, words, code, message):
    assert call(*[w.replace("{p}", str(patches)) for w in words]) == code
    assert message in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_a_single_file_brings_its_own_protocol(quiet, patches):
    from potentiate.cli.fit_asked import gather

    found = gather([patches / "1.nc"], {}, {}, None)
    (e,) = found.experiments
    assert e.drug(0) == "mydrug"
    assert dict(e.protocol.marks) == {"on": 2.0, "off": 4.0}
    assert "those that the file holds" in found.assumed[0]


def test_what_is_not_determined_is_a_status_and_no_number():
    from potentiate.cli.fit import _observable, _row
    from potentiate.inference.result import Estimate

    e = Estimate("kd", "uM", 512.0, 0.0, math.inf, "not determined", "not bounded below or above", "all", 1.0, 0.1, 1e4)
    assert _row(e)[1] is None
    assert "best at 512" in _row(e)[6]
    made = _observable(e).as_dict("calibration")
    assert made["value"] is None
    assert made["status"] == "not determined"
    assert made["notes"] == ["best fit at 512"]


def updates(*, interrupted: bool):
    """What a watch yields, without the fits behind it."""
    from potentiate.inference.watch import Update

    def watch(folder, scheme, **options):
        yield Update(("a.nc",), (), (), 1, "waiting", "control and drug are needed", (), {}, None, 0, False, 0.1)
        if interrupted:
            raise KeyboardInterrupt
        weights = {"closing": 0.97, "opening": 0.03}
        lost = ("c.nc: damaged",)
        yield Update(("b.nc",), (), lost, 2, "decided", "it slows closing", ("closing",), weights, None, 0, True, 0.2)

    return watch


@pytest.mark.parametrize("interrupted", [False, True])
def test_watching_reports_every_sweep_and_keeps_the_last_verdict(quiet, tmp_path, monkeypatch, capsys, interrupted):
    monkeypatch.setattr("potentiate.inference.watch.watch", updates(interrupted=interrupted))
    code = call("--watch", "rig", "--scheme", "Destexhe_ampa5", "--out", "seen")
    printed = capsys.readouterr()
    assert code == (130 if interrupted else 0)
    assert "a.nc   1 sweeps   waiting" in printed.out
    rows = list(csv.DictReader((tmp_path / "seen" / "table.csv").read_text().splitlines()))
    assert [r["status"] for r in rows] == (["waiting"] if interrupted else ["waiting", "decided"])
    if interrupted:
        assert "--watch rig" in printed.err
    else:
        assert "Weights: closing 0.97" in printed.out
        assert "cannot be read: c.nc: damaged" in printed.out
