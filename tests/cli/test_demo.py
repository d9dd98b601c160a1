"""`potentiate demo`: the set is written once, whole, and can be measured at once."""

from __future__ import annotations

from potentiate.cli import COMMANDS


def test_a_set_is_written_and_measured(potentiate, tmp_path):
    outcome = potentiate("demo", "set", "--cells", "1", "--json")
    assert outcome.code == 0, outcome.err
    body = outcome.object
    assert body["seed"] == 1
    assert body["files"] == {"folder": "set"}
    assert (tmp_path / "set" / "README.txt").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    # what the README says to try
    tried = [text.split("try: ")[1].split() for text in (tmp_path / "set" / "README.txt").read_text().splitlines()
             if "try: " in text]  # fmt: skip
    assert {words[1] for words in tried} == {"measure", "fit", "discriminate"} <= set(COMMANDS)
    assert all(words[0] == "potentiate" for words in tried)
    readme = (tmp_path / "set" / "README.txt").read_text().splitlines()
    line = next(text for text in readme if "measure patches" in text)
    assert 'patches/c1_300uM_100ms.abf --on "10 ms"' in line
    measured = potentiate("measure", "set/patches/c1_control_1ms.abf", "--on", "10 ms", "--off", "11 ms", "--json")
    assert measured.code == 0, measured.err
    assert {entry["label"] for entry in measured.object["observables"]} == {"model"}
    again = potentiate("demo", "set")
    assert again.code == 3
    assert "exists" in again.err


def test_bad_requests_leave_nothing(potentiate, tmp_path):
    assert potentiate("demo", "set", "--cells", "99").code == 2
    assert potentiate("demo", "set", "--format", "doc").code == 2
    assert list(tmp_path.iterdir()) == []
