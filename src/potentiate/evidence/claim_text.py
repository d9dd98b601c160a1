"""A claim in plain words, resolved into the vocabulary of the library; what is not understood is asked back."""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Sequence

from ..errors import UnknownNameError, UsageError, nearest
from ..library.claim import KIND_OF, Claim, Number, all_claims, claim_ids, find_claim
from ..library.compound import find_compound, known_names, normalise
from ..library.finding_index import all_findings
from ..library.vocabulary import Claimed, OutcomeWord, find_outcome, find_population, starts, vocabulary
from .claim_line import NEAR

#: A claim longer than this is a text.
MAX_LETTERS = 300
#: Names that are targets or words of claims before they are what was taken.
_TARGETS = frozenset({
    "acetylcholine", "dopamine", "serotonin", "gaba", "adenosine", "l-glutamate", "ampa", "nmda", "kainate", "glycine",
    "magnesium-ion",
})  # fmt: skip
_DOSE = re.compile(r"\b\d+(?:[.,]\d+)?\s*(?:mg/kg|mg|ug|µg|g|mM|uM|µM|nM)\b", re.IGNORECASE)
#: Words of claims that name nothing; a word that is none of these may be a name that the library does not know.
_PLAIN = frozenset("""
a about acts adults after all also an and animals any are as at be been before better between body boosts brain by
can causes clinical combined combination cure cures daily day days do does dose doses drug drugs during each effect
effective effects enhances enhancer every everyone faster fights for from gives good good-for great harm has have
help helps high higher hours how humans hurts in increases influences into is it its just known levels long longer
lowers make makes many may me mg might minutes month months more most much my natural need needs no nootropic
nootropics normal not of on once only or our over people performance person pill pills powder powerful product
proven quickly raises really reduces safe scientifically seconds several shown slows so some stack stacks stronger
strongly study studies supplement supplements supports take taken taking than that the their them these they this
those through to together treats two under up us use used users using very was week weeks well what when which who
will with without work works worse years you your improves improve improved
""".split())  # fmt: skip


#: Outcomes that yield to others in the same sentence.
_YIELDS = {
    "ampa-function": ("desensitization", "deactivation", "ampa-binding", "ampa-calcium", "ampa-agonism", "reach"),
    "ltp": ("after-ltp",), "cognition": ("synergy",), "fatigue": ("synergy",),
    # a disease says who, where something else says what
    "dementia-course": ("memory", "cognition", "attention", "mood"),
    "depression": ("memory", "cognition", "mood", "breathing"),
}  # fmt: skip
#: "does not improve": people gain nothing.
_GAINS_NOT = re.compile(
    r"\b(does|do|did|will|can)(n't| ?not|n’t) (improve|help|enhance|boost|work|restore|relieve|reduce)"
    r"|\bno (better|benefit)\b",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Understood:
    """A claim as it was understood.

    Attributes
    ----------
    claim : Claim
    document : str or None
        Id of the claim document with the same wording.
    assumed : tuple of str
    """

    claim: Claim
    document: str | None
    assumed: tuple[str, ...]


def understand(
    text: str, *, subject: Sequence[str] = (), outcome: str | None = None, population: str | None = None
) -> Understood:
    """Resolve a claim; see `claim_answer.answer_claim`."""
    text = _checked(text)
    if not subject and outcome is None and population is None:
        document = _document(text)
        if document is not None:
            return Understood(document, document.id, ())
    _check_language(text)
    names = {find_compound(s).id: s for s in subject} or _subjects(text)
    meant = find_outcome(outcome) if outcome else _outcome(text, tuple(names))
    told = _without_names(text, names)
    if len(names) > 1 and any(n in _TARGETS for n in names):
        names = {n: s for n, s in names.items() if n not in _TARGETS} or names
    if not names:
        raise _no_subject(text)
    within = {c.compound for n in names if find_compound(n).kind == "class" for c in find_compound(n).constituents}
    if within & set(names):  # "aniracetam is an ampakine": the class says what it is, not what was taken
        names = {n: s for n, s in names.items() if find_compound(n).kind != "class"}
    who = find_population(population).id if population else _population(text, meant)
    direction, assumed = _direction(told, meant)
    compared = None
    if (than := re.search(r"\bthan\b(.*)", text, flags=re.IGNORECASE)) and len(names) == 2:
        others = _subjects(than.group(1))
        if len(others) == 1:
            compared = next(iter(others))
            names.pop(compared, None)
            assumed.append(f"compared with {find_compound(compared).name}")
    dose = _DOSE.search(text)
    number = _number(text) if meant.family == "exposure" else None
    if number is not None:
        assumed = [f"a number is met within a factor of {NEAR:g}"]
    claim = Claim(
        id="asked", text=text, kind=KIND_OF[meant.family], subject=tuple(sorted(names)), outcome=meant.id,
        direction=direction, population=who, dose=dose.group(0) if dose else None, comparator=compared,
        number=number,
    )  # fmt: skip
    return Understood(claim, None, tuple(assumed))


def cleaned(text: str) -> str:
    """Return text on one line, without control characters: it is printed, and a terminal would obey them."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    return "".join(c for c in text if unicodedata.category(c)[0] != "C").strip()


def _checked(text: str) -> str:
    text = cleaned(text)
    if not re.search(r"\w", text):
        raise UsageError("The claim is empty", do='for example: potentiate claim "Aniracetam improves memory"')
    if len(text) > MAX_LETTERS:
        raise UsageError(
            f"The claim has {len(text)} letters", why=f"one sentence of at most {MAX_LETTERS} is answered",
            do="ask one claim at a time",
        )  # fmt: skip
    return text


def _document(text: str) -> Claim | None:
    if text in claim_ids():
        return find_claim(text)
    return _wordings().get(normalise(text))


@functools.cache
def _wordings() -> dict[str, Claim]:
    return {normalise(wording): claim for claim in all_claims() for wording in (claim.text, *claim.also)}


def _check_language(text: str) -> None:
    letters = [c for c in text if c.isalpha()]
    foreign = [c for c in letters if "LATIN" not in unicodedata.name(c, "") and "GREEK" not in unicodedata.name(c, "")]
    do = "write the claim in English"
    if 2 * len(foreign) > len(letters):
        raise UsageError("The claim is not in English", why="its letters are not Latin", do=do)
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    counts = {name: len(words & set(common)) for name, common in vocabulary().languages.items()}
    english = counts.pop("English")
    other = max(counts, key=lambda k: counts[k])
    if counts[other] > english and counts[other] >= 2:
        raise UsageError("The claim is not in English", why=f"it reads like {other}", do=do)


def _subjects(text: str) -> dict[str, str]:
    """Return the compounds that a text names, with the words that name them; longer names hide shorter ones."""
    found: dict[str, str] = {}
    rest = text
    for name, identifier in _names():
        pattern = rf"(?<![\w]){re.escape(name)}(?:s)?(?![\w])"
        if identifier in _TARGETS:  # "AMPA receptors" are what is acted on
            pattern += "(?! receptor| site)"
        if name.casefold() not in rest.casefold():
            continue
        hit = re.search(pattern, rest, flags=re.IGNORECASE)
        if hit:
            found.setdefault(identifier, hit.group(0))
            rest = rest[: hit.start()] + " _ " + rest[hit.end() :]
    return found


@functools.cache
def _names() -> tuple[tuple[str, str], ...]:
    pairs = {}
    for name, identifier in known_names().items():
        for form in {name, name.replace("-", " "), name.replace("'", "’"), name.replace("'", "")}:
            if len(form) > 2 and not form.isdigit():
                pairs[form] = identifier
    return tuple(sorted(pairs.items(), key=lambda p: (-len(p[0]), p[0])))


def _without_names(text: str, names: dict[str, str]) -> str:
    for spoken in names.values():
        text = re.sub(re.escape(spoken), " _ ", text, flags=re.IGNORECASE)
    return text


def _outcome(text: str, subject: tuple[str, ...]) -> OutcomeWord:
    hits = {o.id: max(map(len, found)) for o in vocabulary().outcomes if (found := starts(o.said, text))}
    hits = {i: n for i, n in hits.items() if not _hidden(i, hits, text)}
    # a target that the sentence only names on the way ("AMPA receptor desensitization") yields to what is said of it
    for general, special in _YIELDS.items():
        if general in hits and any(s in hits for s in special):
            hits.pop(general)
    if len(hits) > 1:
        hits.pop("more-is-better", None)  # "is better for memory"
    if len(hits) == 1:
        return find_outcome(next(iter(hits)))
    on_record = outcomes_on_record(subject)
    told = f"on record for it: {', '.join(on_record)}" if on_record else "nothing is on record for it"
    if not hits:
        if not subject:
            raise _no_subject(text)
        raise UsageError(
            "No outcome was understood", where=repr(text[:80]), why=told,
            do="say what it is said to change, or add --outcome, for example --outcome memory",
        )  # fmt: skip
    names = ", ".join(hits)
    raise UsageError(
        f"The claim speaks of {len(hits)} outcomes: {names}", where=repr(text[:80]), why=told,
        do=f"ask one at a time: --outcome {next(iter(hits))}",
    )  # fmt: skip


def _hidden(identifier: str, hits: dict[str, int], text: str) -> bool:
    """Say whether an outcome is only the whole of another one that is said, or its words lie within longer ones."""
    for other in hits:
        if other != identifier and _within(other, identifier):
            return True
    mine = starts(find_outcome(identifier).said, text)
    longer = [w for o in hits if o != identifier for w in starts(find_outcome(o).said, text)]
    return all(any(m != w and m.casefold() in w.casefold() for w in longer) for m in mine)


def _within(part: str, whole: str) -> bool:
    above = find_outcome(part).part_of
    return above == whole or (above is not None and _within(above, whole))


def outcomes_on_record(subject: Sequence[str]) -> list[str]:
    """Return the outcomes of which any finding about some compounds speaks, most often first."""
    counts: dict[str, int] = {}
    for f in all_findings():
        if subject and (f.subject in subject or set(f.partners) & set(subject)):
            text = f.human.outcome if f.human else f.observable
            for o in vocabulary().outcomes:
                if o.reads(text):
                    counts[o.id] = counts.get(o.id, 0) + 1
    return sorted(counts, key=lambda i: (-counts[i], i))[:10]


def _population(text: str, outcome: OutcomeWord) -> str | None:
    hits = [p.id for p in vocabulary().populations if starts(p.said, text)]
    if "healthy" in hits and len(hits) > 1:
        hits.remove("healthy")
    if len(hits) == 2 and "older" in hits:
        hits.remove("older")
    if len(hits) > 1:
        told = f"The claim speaks of {len(hits)} groups: {', '.join(hits)}"
        raise UsageError(told, do=f"ask one at a time: --population {hits[0]}")
    return hits[0] if hits else None


def _direction(text: str, outcome: OutcomeWord) -> tuple[Claimed, list[str]]:
    verbs = vocabulary().verbs
    hits = {d: starts(words, text) for d, words in verbs.items()}
    if outcome.family == "harm" and re.search(r"\b(un|not )safe", text, flags=re.IGNORECASE):
        return "increase", []
    if outcome.family == "behaviour" and _GAINS_NOT.search(text):
        return "not better", []
    if hits["none"] or re.match(r"no\b", text, flags=re.IGNORECASE):
        return "none", []
    if starts(outcome.less, text):
        return "decrease", []
    if hits["decrease"] and not hits["increase"]:
        return "decrease", []
    if hits["increase"] and not hits["decrease"]:
        return "increase", []
    if hits["increase"] and hits["decrease"]:
        first = min((text.casefold().find(w), d) for d in ("increase", "decrease") for w in hits[d])  # type: ignore[literal-required,type-var]
        return first[1], [f"direction: {first[1]}, the first verb of the sentence"]  # type: ignore[return-value]
    assumed: Claimed = "increase" if outcome.better == "more" or outcome.family == "harm" else "decrease"
    return assumed, [f"direction: {assumed}, because the claim has no verb that is known"]


_SPAN = re.compile(
    r"(?P<within>within |in under |less than )?(?P<a>\d+(?:\.\d+)?)(?:\s*(?:to|-|–|and)\s*(?P<b>\d+(?:\.\d+)?))?\s*"
    r"(?P<unit>s|sec(?:ond)?s?|min(?:ute)?s?|h|hours?|fold|times|-fold)\b",
    re.IGNORECASE,
)
_UNITS = {"s": "s", "m": "min", "h": "h", "f": "fold", "t": "fold", "-": "fold"}


def _number(text: str) -> Number | None:
    """Return the span of time, or the fold, that a text claims."""
    match = _SPAN.search(text)
    if match is None:
        return Number(low=0, high=1, unit="min") if starts(("in seconds", "within seconds"), text) else None
    first, last = float(match["a"]), float(match["b"] or match["a"])
    low, high = sorted((0.0 if match["within"] and not match["b"] else first, last))
    return Number(low=low, high=high, unit=_UNITS[match["unit"][0].lower()])


def _no_subject(text: str) -> UsageError:
    names = known_names()
    unknown = [w for w in re.findall(r"[^\W_][\w'’-]+", text) if w.casefold() not in _PLAIN and not _is_word(w)]
    for word in sorted(unknown, key=lambda w: (w.islower(), -len(w))):
        if nearest(word, names):
            return UnknownNameError("substance", word, names, do="use a name that the library knows")
    if unknown:
        first = sorted(unknown, key=lambda w: (w.islower(), -len(w)))[0]
        return UnknownNameError("substance", first, names, do="list what is known: potentiate compound --list")
    return UsageError(
        "The claim names no substance", where=repr(text[:80]), do="name what is said to act, or add --subject NAME"
    )


def _is_word(word: str) -> bool:
    v = vocabulary()
    said = [w for o in v.outcomes for w in o.said] + [w for p in v.populations for w in p.said]
    said += [w for words in v.verbs.values() for w in words]
    return bool(starts(tuple(w for w in said if " " not in w), word))
