"""Every compound document keeps the contract; hostile input to the loader is tested elsewhere."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest

from potentiate.errors import DocumentError, NoPharmacologyError, UnknownNameError, UsageError
from potentiate.library import compound as room
from potentiate.library.compound import Compound, cautions, find_compound
from potentiate.library.compound_terms import cas_is_valid, molar_mass
from potentiate.library.finding import find_finding, finding_ids
from potentiate.library.modulator import modulator_ids
from potentiate.library.references import references_of_modulator, references_of_scheme
from potentiate.library.scheme import scheme_ids

IDS = room.compound_ids()

#: what the four source documents name as something that acts (not the transmitters' receptors, not BDNF)
NAMED_BY_SOURCES = {
    "source-000": ["CX516", "CX717", "aniracetam", "caffeine", "L-theanine", "methylliberine", "Dynamine",
                   "theacrine", "TeaCrine", "fentanyl", "glutamate", "Roon", "ampakines", "racetams"],
    "source-001": ["imuracetam", "aniracetam", "N-anisoyl-GABA", "AMPA", "NMDA", "glutamate",
                   "acetylcholine", "dopamine", "serotonin"],
    "source-002": ["Alpha-GPC", "citicoline", "racetams", "aniracetam", "piracetam", "L-tyrosine",
                   "phenylpiracetam", "Rhodiola rosea", "5-HTP", "Bacopa monnieri", "ashwagandha",
                   "L-theanine", "magnesium threonate", "phenibut", "Noopept", "Lion's Mane",
                   "acetyl-L-carnitine", "vinpocetine", "CoQ10", "alpha-lipoic acid", "modafinil", "choline",
                   "Thesis", "Nootrobox", "GABA"],
    "source-003": ["imuracetam", "aniracetam", "glutamate", "AMPA"],
}  # fmt: skip

NEGATIVE_CONTROL_AND_TOOLS = [
    "thiocyanate", "NBQX", "CNQX", "DNQX", "AP5", "MK-801", "GYKI 52466", "GYKI 53784", "perampanel",
    "CP-465022", "bicuculline", "picrotoxin", "mecamylamine", "alfentanil", "DAMGO", "kainate", "quisqualate",
    "glycine", "cyclothiazide", "diazoxide", "IDRA 21", "S18986", "PEPA", "LY404187", "LY451646", "LY451395",
    "TAK-137", "TAK-653", "BIIB104", "Org 26576", "S47445", "CX546", "CX554", "CX614", "CX691", "CX1739",
    "oxiracetam", "p-anisic acid", "2-pyrrolidinone", "paraxanthine", "theobromine", "theophylline",
]  # fmt: skip


@pytest.fixture(scope="module")
def compounds() -> dict[str, Compound]:
    return {c.id: c for c in room.all_compounds()}


def test_all_documents_load_and_are_enough(compounds: dict[str, Compound]) -> None:
    assert set(compounds) == {path.stem for path in room.DIRECTORY.iterdir()}, "a file is not a compound"
    assert len(compounds) >= 45


@pytest.mark.parametrize("identifier", IDS)
def test_identity_is_complete_or_its_gap_explained(identifier: str, compounds: dict[str, Compound]) -> None:
    compound = compounds[identifier]
    for field in room.IDENTITY if compound.kind == "compound" else ():
        assert (getattr(compound, field) is None) == (field in compound.unknown), field
    if compound.formula is not None:
        assert compound.molar_mass == pytest.approx(molar_mass(compound.formula), abs=0.01)
    if compound.cas is not None:
        assert cas_is_valid(compound.cas)


@pytest.mark.parametrize("identifier", IDS)
def test_sources_exist(identifier: str, compounds: dict[str, Compound]) -> None:
    cited = compounds[identifier].sources()
    assert cited, "a document without any source"
    assert not cited - room.bibliography_keys() - set(room.SOURCE_DOCUMENTS)


@pytest.mark.parametrize("identifier", IDS)
def test_every_number_has_a_source_or_is_marked(identifier: str, compounds: dict[str, Compound]) -> None:
    compound = compounds[identifier]
    numbers = [p for action in compound.actions for p in action.parameters]
    numbers += [p for pk in compound.pharmacokinetics.values() for p in pk.parameters]
    for number in numbers:
        assert number.value is None or number.source is not None or number.status == "assumed", number
        assert number.value is not None or number.unknown, number


@pytest.mark.parametrize("identifier", IDS)
def test_metabolites_and_parents_agree(identifier: str, compounds: dict[str, Compound]) -> None:
    compound = compounds[identifier]
    for metabolite in compound.metabolites:
        assert metabolite in compounds
        # a metabolite that is also a transmitter has no single parent
        assert compounds[metabolite].parent in (identifier, None)
    if compound.parent is not None:
        assert identifier in compounds[compound.parent].metabolites
    for part in compound.constituents:
        assert part.compound in compounds
        assert part.amount_mg is not None or part.unknown or compound.kind == "class"


def test_names_are_unique_across_documents(compounds: dict[str, Compound]) -> None:
    owners: dict[str, set[str]] = {}
    for compound in compounds.values():
        for name in (compound.id, compound.name, *compound.synonyms, compound.cas or ""):
            owners.setdefault(room.normalise(name), set()).add(compound.id)
    owners.pop("", None)
    assert not {name: ids for name, ids in owners.items() if len(ids) > 1}
    for field in ("inchikey", "cas", "pubchem"):
        values = Counter(getattr(c, field) for c in compounds.values() if getattr(c, field) is not None)
        assert not [value for value, n in values.items() if n > 1], field


def test_light_index_sees_the_names_of_the_validated_document(compounds: dict[str, Compound]) -> None:
    for identifier, compound in compounds.items():
        head = room.names_in(room.read_text(room.DIRECTORY / f"{identifier}.yaml"))
        full = [compound.id, compound.name, *compound.synonyms, *([compound.cas] if compound.cas else [])]
        assert head == full


@pytest.mark.parametrize(
    "name",
    sorted({n for names in NAMED_BY_SOURCES.values() for n in names} | set(NEGATIVE_CONTROL_AND_TOOLS)),
)
def test_what_the_sources_and_the_laboratory_name_resolves(name: str) -> None:
    assert find_compound(name)


@pytest.mark.parametrize("source", sorted(NAMED_BY_SOURCES))
def test_documents_say_which_source_names_them(source: str) -> None:
    silent = [n for n in NAMED_BY_SOURCES[source] if source not in find_compound(n).named_in]
    assert not silent


@pytest.mark.parametrize("name", ["72432-10-1", "ANIRACETAM", " ani racetam", "Ampamet", "ani-racetam"])
def test_lookup_ignores_case_spaces_hyphens(name: str) -> None:
    assert find_compound(name).id == "aniracetam"


def test_greek_and_plain_spelling_agree() -> None:
    assert find_compound("α-GPC").id == find_compound("alpha GPC").id == "alpha-gpc"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("anircetam", "aniracetam"), ("caffiene", "caffeine"), ("cyclothiazid", "cyclothiazide"),
     ("teacrin", "TeaCrine"), ("CX-71", "CX-717")],
)  # fmt: skip
def test_misspelling_names_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_compound(wrong)
    assert right.lower() in [name.lower() for name in caught.value.nearest]
    assert caught.value.exit_code == 2


def test_imuracetam_is_an_entity_without_pharmacology() -> None:
    compound = find_compound("67542-41-0")
    assert compound.id == "imuracetam"
    assert compound.actions == ()
    assert compound.formula is None, "no page gives a structure"
    with pytest.raises(NoPharmacologyError) as caught:
        compound.require_pharmacology()
    assert "record was found" in caught.value.why
    assert "aniracetam" in caught.value.do
    assert compound.substitution is not None
    assert compound.substitution.named_by == ("source-001", "source-003")


def test_only_entities_without_record_are_refused(compounds: dict[str, Compound]) -> None:
    refused = set()
    for compound in compounds.values():
        try:
            compound.require_pharmacology()
        except NoPharmacologyError:
            refused.add(compound.id)
    assert refused == {"imuracetam", "thesis", "nootrobox", "alpha-brain", "exercise"}


def test_pouch_of_source_000() -> None:
    parts = {c.compound: c.amount_mg for c in find_compound("Roon").constituents}
    assert parts == {"caffeine": 80, "l-theanine": 60, "methylliberine": 25, "theacrine": 5}


@pytest.mark.parametrize("concentration_uM", [1500.0, 5000.0])
def test_aniracetam_in_the_millimolar_range_warns_of_solubility(concentration_uM: float) -> None:
    found = [t for t in cautions(find_compound("aniracetam"), concentration_uM) if "(solubility)" in t]
    assert len(found) == 1
    assert "assumed" in found[0], "the threshold has no source and must say so"
    assert "mM" in found[0]


def test_caution_starts_at_its_threshold() -> None:
    aniracetam = find_compound("aniracetam")
    assert cautions(aniracetam, 0.05) == []
    assert not any("solubility" in t for t in cautions(aniracetam, 999.0))
    assert sum("(solubility)" in t for t in cautions(aniracetam, 1000.0)) == 1
    assert sum("(solubility)" in t for t in cautions(aniracetam, 20000.0)) == 2
    assert cautions(find_compound("l-theanine"), 1e5) == []
    caffeine = find_compound("caffeine")
    assert [sum("(toxicity)" in t for t in cautions(caffeine, uM)) for uM in (70, 80, 420)] == [0, 1, 2]


@pytest.mark.parametrize("concentration_uM", [-1.0, float("nan"), float("inf")])
def test_caution_refuses_an_impossible_concentration(concentration_uM: float) -> None:
    with pytest.raises(UsageError):
        cautions(find_compound("aniracetam"), concentration_uM)


@pytest.mark.parametrize(
    ("formula", "expected"),
    # values printed by the pages read for these compounds (g/mol)
    [("C12H13NO3", 219.24), ("C8H10N4O2", 194.19), ("C14H15N3O", 241.29), ("C9H4N4O4", 232.15),
     ("C19H23N3O3S", 373.47), ("C8H7ClN2O2S", 230.67), ("Mg+2", 24.305), ("CNS-", 58.08)],
)  # fmt: skip
def test_molar_mass(formula: str, expected: float) -> None:
    assert molar_mass(formula) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("formula", ["", "c2h6o", "C2H6(OH)", "Xx2", "2H"])
def test_molar_mass_refuses_what_it_cannot_read(formula: str) -> None:
    with pytest.raises(ValueError, match=r"formula|atomic weight"):
        molar_mass(formula)


def test_cas_check_digit_catches_every_wrong_digit() -> None:
    for digit in range(10):
        assert cas_is_valid(f"72432-10-{digit}") == (digit == 1)
    for text in ("72432101", "1-10-1", "72432-1-1", "72432-10-1 "):
        assert not cas_is_valid(text)


MINIMAL = """id: {stem}
name: Testine
kind: compound
formula: C2H6O
molar_mass: 46.07
identity_sources: {{formula: structure-known}}
unknown: {{cas: none, inchikey: none, pubchem: none, actions: none}}
{extra}
"""


def _written(folder: Path, text: str, stem: str = "testine") -> Path:
    path = folder / f"{stem}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_minimal_document_is_accepted(tmp_path: Path) -> None:
    assert room.read_compound(_written(tmp_path, MINIMAL.format(stem="testine", extra=""))).name == "Testine"


_ACTION = (
    "actions: [{target: AMPA receptor, kind: agonist, direction: increase, evidence: cells, effect: opens, "
    "sources: [arai1995]"
)


@pytest.mark.parametrize(
    ("change", "extra", "message"),
    [
        (("molar_mass: 46.07", "molar_mass: 64.07"), "", "molar mass"),
        (("cas: none, ", ""), "", "'cas' is missing"),
        (("cas: none", "cas: none, colour: none"), "", "not a field"),
        (("kind: compound", "kind: compound\ncas: 58-08-3"), "", "check digit"),
        (("kind: compound", "kind: product"), "", "not a formula"),
        (("formula: structure-known", "cas: structure-known"), "", "where 'formula' is from"),
        (("formula: structure-known", "formula: nobody1900"), "", "not in the bibliography"),
        ((", actions: none", ""), "", "no actions"),
        (("", ""), "metabolites: [unobtainium]", "has no document"),
        (("", ""), "dosage: 5", "Extra inputs"),
        (("", ""), "pharmacology: none on record", "no_pharmacology"),
        (("", ""), "cautions: [{subject: solubility, above_uM: 5, text: low, status: assumed}]", "a reason"),
        (("", ""), "cautions: [{subject: solubility, above_uM: 5, text: low, status: reported}]", "a source"),
        (("actions: none", "pharmacokinetics: none"), _ACTION + "}]", "why it has none"),
        (
            (", actions: none", ""),
            _ACTION + ", parameters: [{quantity: Kd, value: 1, unit: uM}]}]",
            "needs a source",
        ),
        (
            (", actions: none", ""),
            _ACTION + ", parameters: [{quantity: Kd, value: [2, 1], unit: uM, source: ahmed2010}]}]",
            "[low, high]",
        ),
        (
            (", actions: none", ""),
            _ACTION + ", parameters: [{quantity: Kd, source: arai1995}]}]",
            "the reason why there is none",
        ),
    ],
)
def test_a_broken_rule_is_refused(tmp_path: Path, change: tuple[str, str], extra: str, message: str) -> None:
    text = MINIMAL.format(stem="testine", extra=extra)
    if change[0]:
        assert change[0] in text, "the mutation would change nothing"
        text = text.replace(*change)
    with pytest.raises(DocumentError) as caught:
        room.read_compound(_written(tmp_path, text))
    assert message in str(caught.value)
    assert "testine.yaml" in caught.value.where


def test_id_and_file_name_must_agree(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="differ"):
        room.read_compound(_written(tmp_path, MINIMAL.format(stem="other", extra="")))


def test_bibliography_is_bibtex_and_says_what_was_read() -> None:
    text = room.read_text(room.BIBLIOGRAPHY)
    entries = re.split(r"^@", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(room.bibliography_keys()), "a key is used twice"
    for entry in entries:
        assert entry.count("{") == entry.count("}"), entry[:60]
        assert re.search(r"^  note = \{.{4,}\},$", entry, flags=re.MULTILINE), entry[:60]
        doi = re.search(r"doi = \{(.*)\}", entry)
        assert doi is None or doi.group(1).startswith("10."), entry[:60]


def test_every_work_of_the_bibliography_is_cited(compounds: dict[str, Compound]) -> None:
    cited = set().union(*(c.sources() for c in compounds.values()))
    cited |= {key for name in scheme_ids() for key in references_of_scheme(name)}
    cited |= {key for drug in modulator_ids() for key in references_of_modulator(drug)}
    cited |= {key for name in finding_ids() if (key := find_finding(name).source.key)}
    folders = (
        "receptors",
        "solutions",
        "parameters",
        "preparations",
        "effects",
        "rules",
        "stacks",
        "people",
        "interactions",
    )
    paths = [p for folder in folders for p in (room.LIBRARY / folder).rglob("*.yaml")]
    # constants that live in code name their key in a docstring or comment
    paths += room.LIBRARY.parent.rglob("*.py")
    tables = "".join(p.read_text(encoding="utf-8") for p in paths)
    assert not {key for key in room.bibliography_keys() - cited if key not in tables}


def test_documents_give_no_advice_and_hold_no_paths() -> None:
    for path in (*room.DIRECTORY.iterdir(), room.BIBLIOGRAPHY):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(work|home|tmp|Users)/", text), path.name
        advice = re.search(r"\b(you should|recommended dose|we recommend|take \d)", text, re.IGNORECASE)
        assert advice is None, path.name


def test_one_lookup_does_not_validate_the_library() -> None:
    room._load.cache_clear()
    room._index.cache_clear()
    started = time.perf_counter()
    find_compound("caffeine")
    elapsed = time.perf_counter() - started
    assert room._load.cache_info().currsize == 1
    # about 25 ms; the margin is for a loaded machine, an index that parses whole documents takes longer
    assert elapsed < 0.3
