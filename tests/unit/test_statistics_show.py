"""Figures of comparisons, mixed models and curves: n and its unit are in the figure, refusals too, bytes repeat."""

import io

import numpy as np
import pytest

from potentiate.measures import Table, compare, concentration_response, fit_sets, hill, mixed_model
from potentiate.show.estimation_figure import estimation_figure, marginal_figure
from potentiate.show.hill_figure import hill_figure


def paired(animals=False, groups=("control", "drug")):
    rng = np.random.default_rng(0)
    rows = [
        (f"c{k}", f"m{k // 3}", g, 10 + k / 2 + 4 * j + rng.normal()) for k in range(12) for j, g in enumerate(groups)
    ]
    columns = {"cell": [r[0] for r in rows], "drug": [r[2] for r in rows], "decay (ms)": [r[3] for r in rows]}
    return Table.from_columns(columns | ({"animal": [r[1] for r in rows]} if animals else {}))


def words(figure):
    from matplotlib.text import Text

    return " ".join(" ".join(t.get_text() for t in figure.findobj(Text)).split())


def svg(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    return buffer.getvalue()


@pytest.mark.parametrize("log", [False, True])
def test_two_groups(log):
    found = compare(paired(), "decay", "drug", paired=True, log=log)
    figure = estimation_figure(found)
    text = words(figure)
    assert "12 cells" in text
    assert "n = 12 cells" in text
    assert ("ratio of geometric means" if log else "mean difference (ms)") in text
    # the axis of the effect is zero (or one) at the mean of the reference
    values, effect = figure.axes
    reference = found.groups[0].mean.value
    low, high = values.get_ylim()
    neutral = 1.0 if log else 0.0
    ours = effect.transData.transform((0, neutral))[1]
    assert values.transData.transform((0, reference))[1] == pytest.approx(ours)
    joined = [line for line in values.lines if len(line.get_xdata()) == 2 and line.get_zorder() == 1]
    assert len(joined) == 12
    assert low < reference < high
    assert svg(figure) == svg(estimation_figure(found))


def test_several_groups():
    found = compare(paired(groups=("a", "b", "c")), "decay", "drug", paired=True)
    figure = estimation_figure(found)
    assert len(figure.axes) == 2
    assert "(Holm)" in words(figure)
    assert "95 % interval (BCa" in words(figure)


def test_a_refusal_is_drawn():
    found = compare(paired(animals=True), "decay", "drug", unit="cell", paired=True)
    text = words(estimation_figure(found))
    assert "refused" in text
    assert "12 cells from 4 animals" in text
    several = compare(paired(animals=True, groups=("a", "b", "c")), "decay", "drug", unit="cell", paired=True)
    assert "12 cells from 4 animals" in words(estimation_figure(several))


def test_few_values_are_marked():
    found = compare(paired(animals=True), "decay", "drug", paired=True)
    assert "too narrow: few values" in words(estimation_figure(found))


def test_marginal_means():
    model = mixed_model(paired(animals=True), "decay", ["drug"], ["animal", "cell"], log=True)
    figure = marginal_figure(model, [("drug / control", model.against("drug", "drug", "control"))])
    assert "4 animals, 12 cells, 24 rows" in words(figure)
    assert len(model.observed(drug="drug")) == 12


def test_curves():
    c = np.array([1.0, 3, 10, 30, 100, 300])
    sets = {f"cell {k}": (c, hill(c, 0, 50 + 10 * k, 12, 1.2)) for k in range(3)}
    common = fit_sets(sets, ["EC50"], convention="3-parameter", intervals=False)
    assert words(hill_figure("peak", "CX614", "uM", "pA", sets, common.separate, common)).count("12 µM") == 3
    flat = {"a": (c, np.ones(6))}
    fits = {"a": concentration_response(*flat["a"])}
    assert "not determined" in words(hill_figure("peak", "CX614", "uM", "pA", flat, fits))
