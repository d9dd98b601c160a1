"""Every disposition keeps the contract, and says nothing that its compound document does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from potentiate.errors import DocumentError, UnknownNameError
from potentiate.library import disposition as room
from potentiate.library.compound import SOURCE_DOCUMENTS, bibliography_keys, compound_ids, find_compound
from potentiate.library.compound_parts import Parameter
from potentiate.library.disposition import DIMENSIONS, UNITS, Disposition, PkNumber, find_disposition

IDS = room.disposition_ids()

#: last word of a number's name -> what a compound document calls it
QUANTITIES = {
    "V": ("V", "V/F"), "CL": ("CL", "CL/F"), "half_life": ("half-life",), "k12": ("k12",), "k21": ("k21",),
    "k13": ("k13",), "k31": ("k31",), "F": ("F",), "fraction": ("fraction",), "ka": ("ka",), "tlag": ("tlag",),
    "fu": ("fu",), "ke0": ("ke0",), "first_pass": ("fraction",), "Vmax": ("Vmax",), "Km": ("Km",),
    "csf_ratio": ("ratio",), "kpuu": ("ratio",),
}  # fmt: skip


def read(identifier: str) -> Disposition:
    return room.read_disposition(room.DISPOSITIONS / f"{identifier}.yaml")


def numbers(document: Disposition) -> Iterator[tuple[str, str, PkNumber]]:
    """Yield (compound that it is a number of, flat name, number) of every variant."""
    for variant in document.variants:
        for name, number in document.numbers(variant.name):
            metabolite, dot, _ = name.partition(".")
            owner = metabolite if dot and metabolite in variant.metabolites else document.compound
            yield owner, name, number


def quantity_of(name: str) -> str:
    """Return the last word of a flat name: ``po.gut.first_pass:x`` is a ``first_pass``."""
    return name.rpartition(".")[2].partition(":")[0]


def within(number: PkNumber, parameter: Parameter) -> bool:
    """Return whether a compound document has a number of this value, from the same source."""
    if parameter.value is None or parameter.unit not in UNITS or parameter.source != number.source:
        return False
    factor, per_kg = UNITS[parameter.unit]
    low, high = parameter.value if isinstance(parameter.value, tuple) else (parameter.value, parameter.value)
    if per_kg != number.per_kg:
        return False
    value = number.internal()
    return low * factor * (1 - 1e-9) <= value <= high * factor * (1 + 1e-9)


def test_every_file_is_a_disposition_of_its_name() -> None:
    assert {f"{i}.yaml" for i in IDS} == {path.name for path in room.DISPOSITIONS.iterdir()}
    assert len(IDS) >= 20


@pytest.mark.parametrize("identifier", IDS)
def test_it_loads_and_its_compounds_exist(identifier: str) -> None:
    document = read(identifier)
    assert document.compound in compound_ids()
    assert find_disposition(document.compound, document.species) is document
    for variant in document.variants:
        assert set(variant.metabolites) <= set(find_compound(document.compound).metabolites)


@pytest.mark.parametrize("identifier", IDS)
def test_sources_are_in_the_bibliography(identifier: str) -> None:
    for _, name, number in numbers(read(identifier)):
        for key in (number.source, number.omega2_source):
            assert key is None or key in bibliography_keys() | set(SOURCE_DOCUMENTS), f"{name}: {key}"
    # texts name their works too
    text = (room.DISPOSITIONS / f"{identifier}.yaml").read_text(encoding="utf-8")
    for key in re.findall(r"\(([a-z]+[a-z-]*\d{4}[a-z]?)\b", text):
        assert key in bibliography_keys(), key


@pytest.mark.parametrize("identifier", IDS)
def test_values_lie_within_their_intervals_and_in_sensible_ranges(identifier: str) -> None:
    document = read(identifier)
    for _, name, number in numbers(document):
        if number.value is None:
            continue
        if number.interval is not None:
            assert number.interval[0] <= number.value <= number.interval[1], name
        if quantity_of(name) in ("F", "fraction", "first_pass", "fu"):
            assert 0 <= number.internal() <= 1, name
        if quantity_of(name) in ("V", "CL", "ka", "half_life", "k12", "k21"):
            assert number.internal() > 0, name


@pytest.mark.parametrize("identifier", IDS)
def test_first_pass_gives_away_no_more_than_there_is(identifier: str) -> None:
    document = read(identifier)
    for variant in document.variants:
        for route in document.routes_of(variant.name).values():
            for branch in route.branches:
                assert sum(n.internal() for n in branch.first_pass.values()) <= 1


@pytest.mark.parametrize("identifier", IDS)
def test_a_relative_course_has_no_height(identifier: str) -> None:
    document = read(identifier)
    for variant in document.variants:
        relative = document.scale == "relative"
        assert (variant.V is None) == relative
        assert (variant.CL is None) == relative
        assert (variant.half_life is not None) == relative
        assert not (relative and variant.metabolites), "a metabolite of a course without height"


@pytest.mark.parametrize("identifier", IDS)
def test_every_reported_number_stands_in_the_compound_document(identifier: str) -> None:
    """A number that was read on a page is written once more, with its page, where the compound is described."""
    document = read(identifier)
    for owner, name, number in numbers(document):
        if number.value is None or number.status != "reported":
            continue
        compound = find_compound(owner)
        block = compound.pharmacokinetics.get(document.species)
        assert block is not None, f"{owner} has no pharmacokinetics in {document.species}"
        allowed = QUANTITIES[quantity_of(name)]
        assert any(p.quantity in allowed and within(number, p) for p in block.parameters), (
            f"{name} = {number.value} {number.unit} ({number.source}) is not in compounds/{owner}.yaml"
        )


@pytest.mark.parametrize("identifier", IDS)
def test_a_computed_number_rests_on_a_work_that_the_compound_document_cites(identifier: str) -> None:
    document = read(identifier)
    cited = find_compound(document.compound).sources()
    for variant in document.variants:
        for metabolite in variant.metabolites:
            cited |= find_compound(metabolite).sources()
    for _, name, number in numbers(document):
        if number.status == "computed":
            assert number.source in cited, f"{name}: {number.source}"


@pytest.mark.parametrize("identifier", IDS)
def test_no_number_crosses_species(identifier: str) -> None:
    document = read(identifier)
    if document.species == "human":
        return
    human = find_disposition(document.compound, "human")
    if human is None:
        return
    theirs = {n.value for _, k, n in numbers(human) if n.value is not None and n.status == "reported"}
    ours = {n.value for _, k, n in numbers(document) if n.value is not None and n.status == "reported"}
    assert not theirs & ours, "a rat has a number of a person"


def test_what_has_no_disposition_says_why() -> None:
    """A compound whose pharmacokinetics are on record, but not as a model, holds the reason."""
    for identifier in compound_ids():
        compound = find_compound(identifier)
        for species, block in compound.pharmacokinetics.items():
            if find_disposition(identifier, species) is not None:
                continue
            reasons = [p.unknown for p in block.parameters if p.unknown]
            as_metabolite = any(identifier in v.metabolites for d in map(read, IDS) for v in d.variants)
            assert block.unknown or reasons or as_metabolite, f"{identifier} in {species}"


def test_a_species_without_a_document_has_no_model() -> None:
    assert find_disposition("caffeine", "human") is not None
    assert find_disposition("caffeine", "rat") is None  # its half-life is known, its volume is not
    assert find_disposition("imuracetam") is None
    assert find_disposition("cx516") is None


def test_the_fraction_taken_up_in_the_mouth_stays_unknown() -> None:
    for compound in ("caffeine", "l-theanine", "methylliberine", "theacrine"):
        document = find_disposition(compound)
        assert document is not None
        for route in ("buccal", "sublingual", "pouch"):
            mouth = next(b for b in document.routes[route].branches if b.site == "mouth")
            assert mouth.fraction is not None
            assert mouth.fraction.value is None
            assert mouth.fraction.interval == (0, 1)
    assert "buccal" not in read("cx717-human").routes


def test_units_are_converted_once() -> None:
    aniracetam = read("aniracetam-human").variant("clearance")
    assert aniracetam.CL is not None
    assert aniracetam.CL.internal() == pytest.approx(150)  # 2.5 L/min in L/h
    theanine = read("l-theanine-human").routes["po"].branches[0]
    assert theanine.tlag is not None
    assert theanine.tlag.internal() == pytest.approx(1 / 6)
    assert theanine.tlag.internal_interval() == pytest.approx((1 / 6, 0.4))
    assert set(DIMENSIONS["V"]) <= set(UNITS)


MINIMAL = """id: testine-human
compound: testine
species: human
scale: absolute
body_weight: {value: 70, unit: kg, status: assumed, reason: a test}
fu: {unit: '1', unknown: a test}
kpuu: {unit: '1', unknown: a test}
variants:
- name: all
  text: nobody
  V: {value: 10, unit: L, status: assumed, reason: a test}
  CL: {value: 1, unit: L/h, status: assumed, reason: a test}
routes:
  iv:
    branches:
    - {site: vein}
"""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [(("unit: L,", "unit: mg,"), "unit"), (("unit: L,", "unit: 1/h,"), "use one of"),
     (("value: 10, ", ""), "reason why"), (("value: 10", "value: -10"), "negative"),
     (("scale: absolute", "scale: relative"), "half_life"),
     (("status: assumed, reason: a test}\n  CL", "reason: a test}\n  CL"), "source"),
     (("id: testine-human", "id: testine-rat"), "file"), (("    - {site: vein}", "    - {site: gut}"), "F")],
)  # fmt: skip
def test_damaged_documents_are_refused(change: tuple[str, str], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "testine-human.yaml"
    path.write_text(MINIMAL, encoding="utf-8")
    assert room.read_disposition(path).compound == "testine"
    room.read_disposition.cache_clear()
    path.write_text(MINIMAL.replace(*change), encoding="utf-8")
    assert change[0] in MINIMAL
    with pytest.raises(DocumentError, match=complaint):
        room.read_disposition(path)


def test_an_unknown_variant_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="abstinent"):
        read("caffeine-human").variant("abstinant")


def test_documents_give_no_advice_and_hold_no_paths() -> None:
    for path in room.DISPOSITIONS.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(work|home|tmp|Users)/", text), path.name
        assert not re.search(r"\b(you should|recommended dose|we recommend|take \d)", text, re.IGNORECASE), path.name
