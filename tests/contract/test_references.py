"""Every source key of the library resolves in the bibliography, and the reader refuses what it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from potentiate.errors import DocumentError, UnknownNameError
from potentiate.library import references as room
from potentiate.library.compound import bibliography_keys
from potentiate.library.document import LIBRARY
from potentiate.library.finding import find_finding, finding_ids
from potentiate.library.modulator import modulator_ids
from potentiate.library.scheme import scheme_document, scheme_ids


def sources_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "source" and isinstance(part, str):
                yield part
            else:
                yield from sources_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from sources_in(part)


def documents(*folders: str) -> list[Any]:
    paths = [path for folder in folders for path in sorted((LIBRARY / folder).rglob("*.yaml"))]
    return [pytest.param(path, id=path.stem) for path in paths]


@pytest.mark.parametrize("name", scheme_ids())
def test_every_key_of_a_scheme_resolves(name: str) -> None:
    document, correction = scheme_document(name)
    for key in [*document.source.keys, *(correction.source.keys if correction else [])]:
        assert room.reference(key).read, f"{key} does not say what was read"
    assert set(room.references_of_scheme(name)) >= set(document.source.keys)


@pytest.mark.parametrize("path", documents("parameters/modulators"))
def test_every_source_of_a_modulator_is_an_entry_or_a_finding(path: Any) -> None:
    for source in sources_in(yaml.safe_load(path.read_text())):
        key = room.key_of(source)
        assert key in room.bibliography() or key in finding_ids(), f"{path.name}: {source!r}"


@pytest.mark.parametrize("path", documents("receptors", "parameters/receptors"))
def test_every_source_of_a_receptor_is_an_entry(path: Any) -> None:
    for source in sources_in(yaml.safe_load(path.read_text())):
        key = room.key_of(source)
        assert key in room.bibliography() or key in finding_ids(), f"{path.name}: {source!r}"


@pytest.mark.parametrize("name", finding_ids())
def test_the_key_of_a_finding_resolves(name: str) -> None:
    key = find_finding(name).source.key
    assert key is None or key in room.bibliography()


def test_the_two_readers_of_keys_agree() -> None:
    assert set(room.bibliography()) == bibliography_keys()
    assert list(room.bibliography()) == sorted(room.bibliography()), "entries are sorted by key"


def test_every_entry_says_what_it_is_and_what_was_read() -> None:
    for entry in room.bibliography().values():
        assert entry.field("title"), entry.key
        assert entry.read, entry.key
        assert "  " not in entry.text()
        assert "\\" not in entry.text()


def test_model_codes_are_cited_with_their_commit() -> None:
    for entry in room.bibliography().values():
        if "ModelDBRepository" in entry.text() + entry.read:
            assert "@" in entry.text() + entry.read, entry.key


def test_an_entry_returns_as_it_was_written() -> None:
    text = room.BIBLIOGRAPHY.read_text(encoding="utf-8")
    for entry in room.bibliography().values():
        assert entry.bibtex() in text


def test_modulators_and_schemes_name_their_works() -> None:
    assert "partin1996" in room.references_of_modulator("aniracetam")
    assert room.references_of_modulator("caffeine") == []
    for name in modulator_ids():
        assert set(room.references_of_modulator(name)) <= set(room.bibliography())


@pytest.mark.parametrize(
    "text",
    ["rubbish", "@misc{a,\n  title = {t},\n", "@misc{a,\n  title = t,\n}", "@misc{a,\n}\n@misc{a,\n}",
     "@misc{a,\n  year = {1},\n  year = {2},\n}"],
)  # fmt: skip
def test_damaged_bibliographies_are_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        room.read_bibtex(text, "x.bib")


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="partin1996"):
        room.reference("partin1995")
