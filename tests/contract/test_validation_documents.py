"""Contract of the documents behind the board: rules of findings, causes of misses, structures, the fast subset."""

from potentiate.evidence import baseline
from potentiate.evidence.validation import is_slow
from potentiate.library.board import causes, fast_slices, structures
from potentiate.library.document import LIBRARY
from potentiate.library.finding import NoExperiment, find_finding, finding_ids
from potentiate.library.finding_rules import complaints

BASELINE = baseline.read()


#: Published as an order of magnitude only ("about a thousand"), so that their tolerance is wider than x/÷2.
ORDERS_OF_MAGNITUDE = {"ani-F", "ani-metabolite-parent"}


def test_findings_keep_the_rules_that_a_user_must_keep():
    wrong = {name: told for name in finding_ids() if (told := complaints(find_finding(name)))}
    assert set(wrong) == ORDERS_OF_MAGNITUDE
    assert all(len(told) == 1 and "wider than" in told[0] for told in wrong.values())


def test_every_fail_of_the_baseline_has_a_cause():
    fails = {name for name, held in BASELINE.items() if held["verdict"] == "fail"}
    assert fails - set(causes()) == set()


def test_no_cause_is_left_from_a_miss_that_is_gone():
    missed = {name for name, held in BASELINE.items() if held["verdict"] in ("fail", "near")}
    assert set(causes()) - missed == set()


def test_causes_that_were_shown_say_where():
    for name, cause in causes().items():
        assert cause.known == "suspected" or cause.where, name


def test_pages_that_causes_name_are_there():
    docs = LIBRARY.parents[2]
    for name, cause in causes().items():
        place = (cause.where or "").split(",")[0].split(" ")[0]
        if place.startswith("docs/"):
            assert (docs / place).is_file(), name
        elif "/" in place:
            assert (LIBRARY / place).is_file(), name


def test_the_baseline_holds_what_can_be_simulated():
    asked = {n for n in finding_ids() if not isinstance(find_finding(n).experiment, NoExperiment)}
    assert set(BASELINE) <= asked | set(structures())
    assert all(held["model"] is not None for held in BASELINE.values())
    assert len(BASELINE) >= 70
    assert len(asked - set(BASELINE)) < 0.1 * len(asked), "a few have no value: no parameters, only a shape"


def test_structures_and_the_fast_subset_name_findings():
    assert all(find_finding(name).effect.kind == "structure" for name in structures())
    assert all(is_slow(find_finding(name)) for name in fast_slices())
