"""The board notices a broken model: each mutation of the drugs flips the findings that rest on what it breaks.

A mutation rewrites the documents of the drugs; nothing else changes. Verdicts are read off the distance (`miss`), so
that findings that set a parameter are seen as well. What a mutation does not flip, though one might expect it, is
listed too.
"""

import contextlib
import math

import pytest
import yaml

from potentiate.evidence import patch_experiment, slice_experiment, slice_run, synapse_experiment
from potentiate.evidence.experiment import judge, samples
from potentiate.library import modulator
from potentiate.library.finding import find_finding

DRUGS = modulator._paths()


def halve_closing(document):
    """Closing is slowed by half as much: an open state that is preferred 7-fold is preferred 4-fold."""
    for variant in document.get("variants", []):
        weights = variant.get("weights", {})
        if "open" in weights:
            weights["open"] = [1.0 + (w - 1.0) / 2.0 for w in weights["open"]]


def remove_desensitization(document):
    """The drug leaves desensitization alone."""
    for variant in document.get("variants", []):
        variant.get("weights", {}).pop("desensitized", None)


def swap_flip_and_flop(document):
    """What stands for flip acts like flop, and the reverse."""
    variants = {v["name"]: v for v in document.get("variants", [])}
    if {"reference", "flop"} <= set(variants):
        flip, flop = variants["reference"], variants["flop"]
        flip["weights"], flop["weights"] = flop["weights"], flip["weights"]


def _forget():
    modulator.find_action.cache_clear()
    for room in (patch_experiment, synapse_experiment, slice_experiment, slice_run):
        for made in vars(room).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()


@contextlib.contextmanager
def mutated(change, folder, monkeypatch):
    paths = {}
    for name, path in DRUGS.items():
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(document)
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(yaml.safe_dump(document), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(modulator, "_paths", lambda: paths)
        _forget()
        try:
            yield
        finally:
            _forget()


def word(name):
    finding = find_finding(name)
    miss = judge(finding, samples(finding)).miss
    if math.isnan(miss):
        return "no value"
    return "pass" if miss <= 1 and not (miss == 1 and finding.effect.kind in ("direction", "order")) else (
        "near" if miss < 2 else "fail")  # fmt: skip


#: mutation -> finding -> (whole model, broken model)
FLIPS = {
    halve_closing: {
        # CX516: its one number, and with it the width of field EPSPs
        "cx516-deact-4fold": ("pass", "near"),
        # aniracetam's EPSC decay flips, but towards the page: the whole model is too slow there
        "ani-epsc-decay-fold": ("fail", "pass"),
        "cx614-deact-8p4": ("pass", "fail"),
    },
    remove_desensitization: {
        # trains
        "ctz-train-decline": ("pass", "fail"),
        "ani-nm-depression": ("near", "fail"),
        # paired pulses
        "ctz-calyx-depression": ("pass", "fail"),
        # slow application
        "cx546-250": ("pass", "near"),
        # long pulses
        "ctz-blocks-desens": ("pass", "fail"),
        "ctz-flip-desens": ("pass", "fail"),
        "ctz-18fold": ("pass", "fail"),
    },
    swap_flip_and_flop: {
        # cyclothiazide, Partin 1994
        "ctz-flop-50fold": ("pass", "fail"),
        "ctz-flip-affinity-order": ("near", "fail"),
        "ctz-flop-slower": ("fail", "near"),
    },
}

#: Expected to flip by some, and does not: the model is too coarse there, or the finding asks too little.
BLIND = {
    # a direction passes at half the effect as well
    halve_closing: ("ani-tang-epsc-decay", "ani-guide3-epsc-decay", "ani-epsc-slow-and-large"),
    # pairs at the calyx are depletion in the model; aniracetam's weight on the desensitized state is small
    remove_desensitization: ("ani-nm-ppr-e18", "ani-nm-ppr-p2", "ani-glu-current-1mM"),
    # CX614 has one set of numbers for flip and flop, so nothing can be swapped
    swap_flip_and_flop: ("cx614-jin-deact", "cx614-jin-des", "cx614-jin-flip-deact", "ctz-flip-off-30x"),
}


@pytest.mark.parametrize("change", FLIPS, ids=lambda f: f.__name__)
def test_a_broken_drug_is_noticed(change, tmp_path, monkeypatch):
    whole = {name: word(name) for name in FLIPS[change]}
    with mutated(change, tmp_path, monkeypatch):
        broken = {name: word(name) for name in FLIPS[change]}
    assert {name: (whole[name], broken[name]) for name in whole} == FLIPS[change]
    first = next(iter(whole))
    assert word(first) == whole[first], "the mutation leaves nothing behind"


@pytest.mark.parametrize("change", BLIND, ids=lambda f: f.__name__)
def test_what_does_not_notice(change, tmp_path, monkeypatch):
    whole = {name: word(name) for name in BLIND[change]}
    with mutated(change, tmp_path, monkeypatch):
        assert {name: word(name) for name in BLIND[change]} == whole
