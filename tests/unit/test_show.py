"""Figures: they build for everything in the library, keep their style, and save the same bytes twice."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from potentiate.evidence.scoring import Verdict
from potentiate.library.finding import find_finding, finding_ids
from potentiate.library.modulator import find_action, modulator_ids
from potentiate.library.scheme import find_scheme, scheme_ids
from potentiate.measures.decay import decay
from potentiate.measures.observable import Observable, missing
from potentiate.measures.peak import peak
from potentiate.preparations.membrane import run_assay
from potentiate.preparations.membrane_question import can_slow_dissociation_raise_bmax
from potentiate.recordings.recording import Recording
from potentiate.show import style
from potentiate.show.agreement import agreement_figure, counts, split
from potentiate.show.curves import Curve, draw_curve
from potentiate.show.membrane_figure import membrane_figure
from potentiate.show.recording_figure import recording_figure
from potentiate.show.run_figure import run_figure
from potentiate.show.scheme_graph import draw_scheme, scheme_figure
from potentiate.show.scheme_layout import lay_out
from potentiate.show.traces import MOST_SAMPLES, Panel, _thin, draw_traces, patch_figure

T = np.arange(0.0, 60.0, 0.05)
SWEEPS = np.array([-100.0 * np.where(T > 2, np.exp(-(T - 2) / tau), 0.0) for tau in (2.0, 6.0, 9.0)])
LABELS = ("control", "1 mM", "5 mM")
MARKS = {"on": 2.0, "off": 3.0}
PANELS = [
    Panel("deactivation", T, SWEEPS, LABELS, MARKS, bar="10 mM glutamate", window_ms=(0.0, 40.0)),
    Panel("desensitization", T, SWEEPS, LABELS, {"on": 2.0, "off": 50.0}),
    Panel("slow", T, SWEEPS, LABELS, {"on": 10.0, "rise_ms": 5.0}, normalise=True),
]
C = np.array([0.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0])
CURVES = [
    Curve("tau", C, 1 + 4 * C / (C + 1500), "aniracetam (uM)", "tau (ms)", (1500.0, (900.0, None)), "model"),
    Curve("peak", C[1:], np.array([C[1:] / (C[1:] + k) for k in (400, 900)]), "glutamate (uM)", "peak (pA)",
          [Observable("EC50", 400.0, "uM"), Observable("EC50", 900.0, "uM")], ("control", "drug")),
]  # fmt: skip


def verdict(id, word, model, published, interval=None, miss=0.5, unit="ratio"):
    return Verdict(id, word, model, interval, published, unit, "", None, 7, None, "", miss)


VERDICTS = [
    verdict("a-value", "pass", 2.1, 2.0, (1.8, 2.6)),
    verdict("a-failure", "fail", 9.0, 2.0, (7.0, 11.0), 3.4),
    verdict("far-away", "fail", 900.0, 2.0, (7.0, 1100.0), 9.0),
    verdict("a-range", "near", 1.2, (1.5, 2.5), (1.0, 1.4), 1.4),
    verdict("a-direction", "pass", 0.4, "decrease", (0.3, 0.6)),
    verdict("a-null", "calibration", 1.02, "no change", (0.98, 1.1)),
    verdict("an-order", "pass", 1.4, "order"),
    verdict("below-zero", "near", -3.0, -2.0, (-4.0, -1.0), 1.2, "mV"),
    verdict("percent", "pass", -40.0, -50.0, (-60.0, -20.0), 0.4, "%"),
    verdict("silent", "not simulable", math.nan, "increase", miss=math.nan),
]


def texts(figure):
    """Return every text of a figure that is shown and not empty."""
    from matplotlib.text import Text

    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def sound(figure, *, inside=True):
    """Draw a figure; assert readable type and nothing outside the page."""
    figure.draw_without_rendering()
    page = figure.bbox
    shown = texts(figure)
    assert shown
    assert min(t.get_fontsize() for t in shown) >= 8
    if inside:
        for ax in figure.axes:
            for t in (*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label):
                box = t.get_window_extent()
                if t.get_text().strip():
                    assert box.x0 > page.x0 - 2, t.get_text()
                    assert box.x1 < page.x1 + 2, t.get_text()
        for t in figure.texts:
            assert t.get_window_extent().x1 < page.x1 + 2, t.get_text()
    return figure


def test_palette():
    expected = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"]
    assert list(style.PALETTE) == expected
    assert style.SERIES[0] == "#000000"
    assert set(style.SERIES) <= set(style.PALETTE)
    assert len({str(d) for d in style.DASHES}) == len(style.SERIES) == len(set(style.MARKERS))


def test_importing_show_does_not_import_matplotlib():
    import subprocess

    code = (
        "import sys, potentiate.show.traces, potentiate.show.run_figure, potentiate.show.membrane_figure, "
        "potentiate.show.recording_figure, potentiate.show.agreement, potentiate.show.scheme_graph; "
        "sys.exit('matplotlib' in sys.modules)"
    )
    source = Path(style.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(source)})


def test_no_global_state():
    import matplotlib

    before = dict(matplotlib.rcParams)
    sound(patch_figure(PANELS, CURVES, find_scheme("Jonas1993"), "title"))
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", scheme_ids())
def test_every_scheme(name):
    scheme = find_scheme(name)
    places = lay_out(scheme)
    assert len(set(zip(places.column, places.row, places.layer, strict=True))) == scheme.n
    figure = sound(scheme_figure(scheme))
    shown = {t.get_text() for t in texts(figure)}
    front = {s for s, m in zip(scheme.states, places.layer, strict=True) if m == 0}
    assert front <= shown


@pytest.mark.parametrize(
    ("drug", "base"), [*((d, "RH2003_GluA4") for d in modulator_ids()), ("aniracetam", "RT1995"), ("nbqx", "RT1995")]
)
def test_modulated_schemes(drug, base):
    scheme = find_action(drug).apply(find_scheme(base))
    places = lay_out(scheme)
    assert len(set(zip(places.column, places.row, places.layer, strict=True))) == scheme.n
    sound(scheme_figure(scheme))
    plain = lay_out(find_scheme(base))
    where = {name: (c, r) for name, c, r in zip(find_scheme(base).states, plain.column, plain.row, strict=True)}
    for name, c, r in zip(scheme.states, places.column, places.row, strict=True):
        assert where[name.split("+")[0].rsplit("-", 1)[0]] == (c, r)  # a layer is a copy of the scheme behind it


def test_rows_and_columns_of_a_scheme():
    scheme = find_scheme("RH2003_GluA4")
    places = lay_out(scheme)
    at = dict(zip(scheme.states, zip(places.column, places.row, strict=True), strict=True))
    assert [at[f"R{i}"][0] for i in range(5)] == list(range(5))
    assert at["O3"][1] > at["R3"][1] > at["D3"][1] > at["E3"][1]


def test_scheme_with_occupancy_flux_and_rates():
    scheme = find_scheme("RT1995")
    figure = style.page(5, 4)
    ax = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    occupancy = scheme.equilibrium({"glutamate": 1000.0})
    draw_scheme(ax, scheme, occupancy, np.linspace(-1, 1, len(scheme.edges)), ligands_uM={"glutamate": 1000.0})
    sound(figure)
    assert any("%" in t.get_text() for t in texts(figure))


def test_small_scheme_corner_has_no_tiny_type():
    figure = style.page(2.0, 1.6)
    draw_scheme(figure.add_axes((0, 0, 1, 1)), find_scheme("EONS_NMDA_v6_3"))
    sound(figure, inside=False)


def test_traces_are_drawn_down_with_bars_and_zero():
    figure = style.page(3, 2)
    ax = figure.add_axes((0, 0, 1, 1))
    draw_traces(ax, T, SWEEPS, LABELS, MARKS, bar="10 mM glutamate")
    assert not ax.yaxis_inverted()  # inward is negative, so it goes down
    assert ax.lines[0].get_color() == "#000000"
    assert len({line.get_color() for line in ax.lines[:3]}) == 3
    shown = [t.get_text() for t in ax.texts]
    assert {"0", "10 mM glutamate", "10 ms", "20 pA"} <= set(shown)
    assert not ax.axison
    assert len(ax.patches) == 1
    assert ax.patches[0].get_xy()[:, 1].min() > 0  # the solution is above the trace
    sound(figure, inside=False)


def test_normalised_traces_have_no_current_bar():
    figure = style.page(3, 2)
    ax = figure.add_axes((0, 0, 1, 1))
    draw_traces(ax, T, SWEEPS * np.array([[1], [5], [0]]), normalise=True)
    assert not any("pA" in t.get_text() for t in ax.texts)
    assert min(ax.lines[1].get_ydata()) == pytest.approx(-1)


def test_thinning_keeps_the_extremes():
    t = np.arange(100_000) * 0.01
    y = np.random.default_rng(1).normal(size=t.size)
    y[54_321] = -50.0
    few_t, few = _thin(t, y)
    assert few.size <= MOST_SAMPLES + 4
    assert few.min() == -50.0
    assert (np.diff(few_t) > 0).all()


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_any_number_of_sweeps(n):
    rows = np.linspace(1, 2, n)[:, None] * SWEEPS[0]
    labels = [f"{i} mM" for i in range(n)]
    sound(patch_figure([Panel("many", T, rows, labels, MARKS)], (), find_scheme("RT1992")))


@pytest.mark.parametrize("row", [np.zeros(T.size), np.full(T.size, np.nan), np.where(T > 30, np.nan, -T)])
def test_silent_and_broken_traces(row):
    sound(patch_figure([Panel("nothing", T, row[None], ("x",), {"on": 70.0})]))


def test_curve_stays_inside_the_tested_range():
    figure = style.page(3, 3)
    ax = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    draw_curve(ax, CURVES[0])
    drawn = np.concatenate([line.get_xdata() for line in ax.lines if line.get_transform() == ax.transData])
    drawn = drawn[np.isfinite(drawn.astype(float))].astype(float)
    assert drawn.min() == 100.0
    assert drawn.max() == 10000.0
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "aniracetam (µM)"
    sound(figure)


@pytest.mark.parametrize(
    "half", [None, (1e9, None), missing("EC50", "uM", "not determined", "flat"), (300.0, (100.0, 900.0))]
)
def test_half_concentrations(half):
    sound(patch_figure((), [Curve("t", C, C, "drug (uM)", "y", half)]))


def test_curve_with_one_concentration_and_repeats():
    sound(patch_figure((), [Curve("t", [10.0], [1.0], "drug (uM)", "y"), Curve("r", [1, 1, 9], [1, 2, 3], "x", "y")]))


@pytest.mark.parametrize(("panels", "curves"), [(0, 1), (1, 0), (2, 2), (3, 3), (4, 5)])
def test_layouts(panels, curves):
    some, more = (PANELS * 2)[:panels], (CURVES * 3)[:curves]
    for scheme in (None, find_scheme("Jonas1993")):
        if panels or curves or scheme:
            sound(patch_figure(some, more, scheme, "A title"))


def test_agreement():
    figure = sound(agreement_figure(VERDICTS, "aniracetam"))
    numbers, directions = split(VERDICTS)
    assert numbers[0].id == "far-away"
    assert [v.verdict for v in numbers] == sorted((v.verdict for v in numbers), key=["fail", "near", "pass"].index)
    assert {v.id for v in directions} == {"a-direction", "a-null", "an-order"}
    shown = {t.get_text() for t in texts(figure)}
    assert {v.id for v in VERDICTS if v.verdict != "not simulable"} <= shown
    assert "1 not simulable" in counts(VERDICTS)


def test_agreement_without_findings():
    sound(agreement_figure([], "nothing"))
    sound(agreement_figure(VERDICTS[-1:], "nothing"))


def test_agreement_of_real_findings():
    known = [find_finding(i) for i in finding_ids()][:60]
    made = [
        verdict(f.id, "pass", 1.3, f.effect.value if f.effect.value is not None else "no change", (1.1, 1.5))
        for f in known
    ]
    sound(agreement_figure(made, "all"))


def test_run_page():
    scheme = find_action("aniracetam").apply(find_scheme("RH2003_GluA4"))
    figure = sound(run_figure("Aniracetam", PANELS, CURVES, scheme, VERDICTS))
    assert figure.get_size_inches() == pytest.approx((11.69, 8.27))
    shown = {t.get_text() for t in texts(figure)}
    assert {"a-failure", "deactivation", "R0", "control"} <= shown
    sound(run_figure("x", PANELS[:2], (), find_scheme("RT1992"), ()))
    crowd = [verdict(f"finding-number-{i}", "pass", 1.0, 1.0) for i in range(80)] + VERDICTS
    shown = {t.get_text() for t in texts(sound(run_figure("x", PANELS, CURVES, scheme, crowd)))}
    assert "far-away" in shown
    assert any("not drawn" in t for t in shown)


@pytest.mark.parametrize("n", [1, 3, 5, 12])
def test_recording(n):
    rng = np.random.default_rng(1)
    rows = np.array([SWEEPS[1] + rng.normal(0, 1, T.size) for _ in range(n)])
    found = []
    for row in rows:
        at = peak(T, row, baseline_ms=(0, 1.9), search_ms=(2, 60))
        fitted = decay(T, row, at)
        found.append({"peak": at.amplitude, "tau": fitted.tau, "at": at, "fit": fitted,
                      "steady_state": missing("steady_state", "pA", "not steady", "short")})  # fmt: skip
    recording = Recording.from_arrays(T, rows, label="data")
    sound(recording_figure(recording, found, "cell.abf"))
    sound(recording_figure(recording, ()))
    sound(recording_figure(recording, [{"peak": f["peak"]} for f in found]))


def test_membrane():
    run = run_assay(0.5, kon_scale=30.0, intervals=False)
    answer = can_slow_dissociation_raise_bmax(factors=(0.9, 0.5, 0.1), kon_scales=(1.0, 30.0, 200.0))
    sound(membrane_figure(run, answer, drug="slower off"))
    sound(membrane_figure(run))
    sound(membrane_figure(None, answer))
    sound(membrane_figure(run_assay(1.0, sites=2, intervals=True)))


@pytest.mark.parametrize("kind", ["patch", "run", "agreement", "scheme"])
def test_svg_is_deterministic(kind, tmp_path):
    scheme = find_scheme("RH2003_GluA4")
    draw = {
        "patch": lambda: patch_figure(PANELS, CURVES, scheme, "t"),
        "run": lambda: run_figure("x", PANELS, CURVES, scheme, VERDICTS),
        "agreement": lambda: agreement_figure(VERDICTS, "t"),
        "scheme": lambda: scheme_figure(scheme),
    }[kind]
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    draw().savefig(first)
    draw().savefig(second, metadata={"Date": None})
    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()
