"""Nested EPSC tables of Elmasri et al. 2022 (Commun Biol 5:174): the authors' mixed models, every published number.

Their model: logarithm of the response ~ factor * transfection + (1 | animal / slice / pair), REML, Kenward-Roger.
The numbering of animals restarts in every genotype. Published numbers are rounded, so agreement is asked to the last
digit printed. Not compared, because the methods do not exist here: Bayes factors, Dunnett's and Westfall's adjusted p,
intervals of standardised effect sizes.
"""

import functools

import numpy as np
import pytest

from potentiate.measures import compare, mixed_model, read_table, unit_of_n

LEVELS = ("animal", "slice", "pair")
UNITS = {"peak": "pA", "decay": "ms", "rise": "ms", "dt50": "ms", "charge": "pC"}
KO = ("peak", "rise", "decay", "dt50", "charge")


@pytest.fixture(scope="module")
def folder(data_dir):
    return data_dir / "epsc_tables_elmasri_grin2a"


def agrees(ours, printed):
    """Equal to the last digit printed."""
    digits = len(printed.partition(".")[2])
    return ours == pytest.approx(float(printed), abs=0.501 * 10.0**-digits)


def p_agrees(p, printed):
    return p < 0.001 if printed == "<.001" else agrees(p, printed)


@functools.cache
def model_of(path, factor, response, levels=None):
    table = read_table(path, units={response: UNITS[response]})
    if levels:
        table = table.where_is(factor, levels)
    return mixed_model(table, response, (factor, "transfection"), LEVELS, log=True, nested_in=factor)


def check_means(model, factor, rows):
    assert len(rows) == 2 * len(model.factors[factor])
    for row in rows:
        mean = model.mean(**{factor: row[factor], "transfection": row["transfection"]})
        assert agrees(mean.value, row["response"]), row
        assert agrees(mean.df, row["df"]), row
        assert agrees(mean.interval[0], row["lower.CL"]), row
        assert agrees(mean.interval[1], row["upper.CL"]), row
        assert mean.unit_of_n == "animal"


def check_ratio(contrast, row):
    assert agrees(contrast.effect.value, row["ratio"]), row
    assert contrast.effect.df == pytest.approx(float(row["df"]), abs=0.01)
    assert agrees(contrast.effect.interval[0], row["lower.CL"]), row
    assert agrees(contrast.effect.interval[1], row["upper.CL"]), row


def check_shares(model, rows):
    named = {"pair:(slice:animal)": "pair", "slice:animal": "slice"}
    ours = dict(model.shares())
    for row in rows:
        share = ours[named.get(row["Group"], row["Group"])]
        assert agrees(share.value, row["ICC"]), row
        assert share.n == (int(row["N"]),)


def interaction_weights(model, level, reference):
    w = model.weights
    (factor, _) = model.factors
    above = w(**{factor: level, "transfection": "+"}) - w(**{factor: level, "transfection": "-"})
    below = w(**{factor: reference, "transfection": "+"}) - w(**{factor: reference, "transfection": "-"})
    return above - below


def interaction(model, level, reference):
    """Ratio of the transfection ratios of two levels."""
    return model.contrast(interaction_weights(model, level, reference))


@pytest.mark.parametrize("response", KO)
class TestKnockout:
    def model(self, folder, response):
        return model_of(folder / "n2a_ko_nmdar.dat", "genotype", response)

    def table(self, folder):
        return folder / "published_tables_n2a_ko_nmdar.tsv"

    def test_marginal_means_and_ratios(self, folder, response):
        model = self.model(folder, response)
        tables = all_tables(self.table(folder), response)
        check_means(model, "genotype", tables["means"])
        for row in tables["ratios"]:
            check_ratio(model.against("transfection", "+", "-", genotype=row["genotype"]), row)
        for row in tables["contrasts"]:
            level, reference = row["genotype_trt.vs.ctrl"].split(" / ")
            check_ratio(interaction(model, level, reference), row)

    def test_f_tests(self, folder, response):
        model = self.model(folder, response)
        tables = all_tables(self.table(folder), response)
        ours = dict(model.f_tests())
        polynomial = {
            "genotype.L:transfection.L": interaction(model, "HOM", "WT").test,
            "genotype.Q:transfection.L": self.quadratic(model),
        }
        for row in tables["anova"]:
            source = row["Source"]
            if source in ours:
                assert agrees(ours[source].statistic, row["F"]), row
                assert ours[source].df_effect == int(row["Df"])
                assert agrees(ours[source].df, row["Df.res"]), row
                assert p_agrees(ours[source].value, row["Pr(>F)"]), row
            else:
                test = polynomial.pop(source)
                assert agrees(test.statistic**2, row["F"]), row
        assert not polynomial
        for row in tables["joint"]:
            test = model.against("transfection", "+", "-", genotype=row["genotype"]).test
            assert agrees(test.statistic**2, row["F.ratio"]), row
            assert p_agrees(test.value, row["p.value"]), row

    @staticmethod
    def quadratic(model):
        first, second = interaction_weights(model, "HET", "WT"), interaction_weights(model, "HET", "HOM")
        return model.contrast(first + second).test

    def test_variance_components(self, folder, response):
        check_shares(self.model(folder, response), all_tables(self.table(folder), response)["icc"])

    def test_standardised_effects(self, folder, response):
        model = self.model(folder, response)
        for row in all_tables(self.table(folder), response)["r"]:
            level, reference = row["genotype"].split(" / ")
            assert agrees(interaction(model, level, reference).r, row["r"]), row


def all_tables(path, response):
    """The tables of a response by what they hold, told by their columns."""
    kinds = {}
    for rows in every_table(path)[response]:
        columns = set(rows[0])
        kind = ("anova" if "Df.res" in columns else "icc" if "ICC" in columns else "means" if "response" in columns
                else "joint" if "F.ratio" in columns else "r" if "r" in columns else "steps" if "t.ratio" in columns
                else "ratios" if "contrast" in columns and "ratio" in columns
                else "contrasts" if "ratio" in columns else "other")  # fmt: skip
        if kind != "other":
            assert kind not in kinds
            kinds[kind] = rows
    return kinds


@functools.cache
def every_table(path):
    found, rows, header = {}, [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("### table"):
            rows, header = [], None
            found.setdefault(line.rsplit(": ", 1)[1], []).append(rows)
        elif header is None:
            header = line.split("\t")
        else:
            rows.append(dict(zip(header, line.split("\t"), strict=True)))
    return found


def test_double_knockout_peak(folder):
    """Six mutations; the animal variance ends at zero, which is an answer."""
    tables = all_tables(folder / "published_tables_n2a_dko_mutant_nmdar_peak.tsv", "peak")
    levels = tuple(dict.fromkeys(row["mutation"] for row in tables["means"]))
    model = model_of(folder / "n2a_dko_mutant_nmdar.dat", "mutation", "peak", levels)
    check_means(model, "mutation", tables["means"])
    check_shares(model, tables["icc"])
    for row in tables["ratios"]:
        check_ratio(model.against("transfection", "+", "-", mutation=row["mutation"]), row)
    for row in tables["contrasts"]:
        check_ratio(interaction(model, *row["mutation_trt.vs.ctrl"].split(" / ")), row)
    for row in tables["r"]:
        assert agrees(interaction(model, *row["mutation"].split(" / ")).r, row["r"])
    ours = dict(model.f_tests())
    compared = [row for row in tables["anova"] if row["Source"] in ours]
    assert len(compared) == 3
    for row in compared:
        test = ours[row["Source"]]
        assert agrees(test.statistic, row["F"]), row
        assert agrees(test.df, row["Df.res"]), row


def test_double_knockout_decay(folder):
    """Means and ratios come from four levels, components and contrasts from a second model without WT_2B."""
    tables = all_tables(folder / "published_tables_n2a_dko_mutant_nmdar_decay.tsv", "decay")
    path = folder / "n2a_dko_mutant_nmdar.dat"
    four = model_of(path, "mutation", "decay", ("WT", "K669N", "L812M", "WT_2B"))
    check_means(four, "mutation", tables["means"])
    for row in tables["ratios"]:
        check_ratio(four.against("transfection", "+", "-", mutation=row["mutation"]), row)
    three = model_of(path, "mutation", "decay", ("WT", "K669N", "L812M"))
    check_shares(three, tables["icc"])
    for row in tables["contrasts"]:
        check_ratio(interaction(three, *row["mutation_trt.vs.ctrl"].split(" / ")), row)
    for row in tables["steps"]:
        test = interaction(three, *row["mutation_trt.vs.ctrl"].split(" / ")).test
        assert agrees(test.statistic, row["t.ratio"])
        assert p_agrees(test.value, row["p.value"])


@pytest.mark.parametrize("response", ["peak", "decay"])
def test_dose_rescue(folder, response):
    """One row per pair, no random level: the linear model of the logarithms."""
    tables = every_table(folder / "published_tables_n2a_dose_rescue_nmdar.tsv")[response]
    table = read_table(folder / "n2a_dose_rescue_nmdar.dat", units={response: "1"})
    model = mixed_model(table, response, ["dose"], log=True)
    anova, parameters, means = tables
    ((_, test),) = model.f_tests()
    row = anova[1]
    assert agrees(test.statistic, row["F value"])
    assert (test.df_effect, test.df) == (7, pytest.approx(147))
    assert agrees(test.value, row["p.value"]) if row["p.value"] != "<.001" else test.value < 0.001
    for row in means:
        mean = model.mean(dose=row["dose"])
        assert agrees(mean.value, row["response"])
        assert (agrees(mean.interval[0], row["lower.CL"]), agrees(mean.interval[1], row["upper.CL"])) == (True, True)
    for row in parameters[1:]:
        ratio = model.against("dose", row["Parameter"].removeprefix("dose"), "Unt")
        assert agrees(ratio.effect.value, row["Coefficient"])
        assert agrees(ratio.effect.interval[0], row["CI_low"])
        assert agrees(ratio.effect.interval[1], row["CI_high"])
        assert agrees(ratio.test.statistic, row["t"])


def test_numbers_of_animals_restart(folder):
    """Taken at their word, the labels are 7 animals; the authors had 14. The model says so."""
    table = read_table(folder / "n2a_ko_nmdar.dat", units={"decay": "ms"})
    literal = mixed_model(table, "decay", ["genotype", "transfection"], LEVELS, log=True)
    assert literal.counts["animal"] == 7
    assert "nested in genotype" in literal.notes[0]
    right = model_of(folder / "n2a_ko_nmdar.dat", "genotype", "decay")
    assert right.counts == {"animal": 14, "slice": 53, "pair": 99, "row": 198}
    assert right.notes == ()


def test_pairs_are_not_animals(folder):
    table = read_table(folder / "n2a_ko_nmdar.dat", units={"decay": "ms"}).where_is("genotype", ["HOM"])
    assert unit_of_n(table, "pair").reason.startswith("37 pairs from 4 animals")
    refused = compare(table, "decay", "transfection", unit="pair", paired=True, log=True, reference="-")
    assert refused.differences[0].effect.estimate.status == "refused"
    assert refused.differences[0].test.status == "refused"
    # the means of animals are allowed, and agree with the mixed model to a few percent
    found = compare(
        table, "decay", "transfection", unit="animal", paired=True, log=True, reference="-", repeats="mean"
    ).differences[0].effect.estimate  # fmt: skip
    assert (found.n, found.unit_of_n) == ((4,), "animal")
    model = model_of(folder / "n2a_ko_nmdar.dat", "genotype", "decay")
    assert found.value == pytest.approx(model.against("transfection", "+", "-", genotype="HOM").effect.value, rel=0.05)


def test_mutants_are_in_the_published_range(folder):
    """No published table for this file: only the medians that the curator computed."""
    table = read_table(folder / "n2a_mutant.dat", units={"peakampa": "pA", "decayampa": "ms"})
    wild = table.where_is("mutation", ["WT"])
    for name, on, off in (("peakampa", 9.4, 10.5), ("decayampa", 7.8, 6.1)):
        for sign, median in (("+", on), ("-", off)):
            found = np.nanmedian(wild.where_is("transfection", [sign]).values(name)[0])
            assert found == pytest.approx(median, abs=0.051)
    decays = [np.nanmedian(table.where_is("mutation", [m]).values("decayampa")[0]) for m in table.levels("mutation")]
    assert all(4 <= value <= 11 for value in decays)
    model = mixed_model(table, "decayampa", ["mutation", "transfection"], LEVELS, log=True, nested_in="mutation")
    assert model.status == "ok"
    assert model.counts["animal"] == 27
    for _, mean in model.means():
        assert mean.interval[0] < mean.value < mean.interval[1]
