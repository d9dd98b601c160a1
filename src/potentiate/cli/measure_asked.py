"""What a user asked of `potentiate measure`, parsed: numbers in the units inside, names checked, nothing left over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UnknownNameError, UsageError
from ..measures.conventions import chosen, convention
from ..units import parse

Span = tuple[float, float]

#: kind -> what it is called in a sentence
KINDS = {
    "application": "an application", "train": "a train", "pairs": "paired pulses", "field": "field potentials",
    "timecourse": "a time course", "nsfa": "a fluctuation analysis", "events": "events",
}  # fmt: skip

#: option -> kinds that it means something to
BELONGS = {
    "on": ("application",), "off": ("application",), "minimum": ("application", "events"),
    "stimuli": ("train", "pairs", "field", "timecourse"), "step": ("train", "pairs"),
    "slope": ("field", "timecourse"), "window": ("field", "timecourse", "nsfa"), "search": ("field", "timecourse"),
    "volley": ("field", "timecourse"), "polarity": ("field", "timecourse", "events"), "intensities": ("field",),
    "baseline": ("application", "field", "timecourse", "nsfa"), "induction": ("timecourse",), "drug": ("timecourse",),
    "last": ("timecourse",), "result": ("timecourse",), "bins": ("timecourse",), "control": ("timecourse",),
    "follow": ("timecourse",), "interval": ("timecourse",), "column": ("timecourse",), "by": ("timecourse",),
}  # fmt: skip

#: Short names of conventions that are long to type.
SHORT = {"fixed": "fixed window", "max": "maximum", "left": "[k, k+1)", "right": "(k, k+1]"}


@dataclass(frozen=True)
class Asked:
    """The options, parsed. Times in ms (also those of minutes), currents in pA."""

    on_ms: float | None = None
    off_ms: float | None = None
    stimuli_ms: tuple[float, ...] | None = None
    minimum_pA: float = 0.0
    step_mV: float | None = None
    step_ms: Span | None = None
    event_settings: Any = None
    window_ms: Span | None = None
    search_ms: Span | None = None
    volley_ms: Span | None = None
    baseline_ms: Span | None = None
    induction_ms: float | None = None
    drug_ms: Span | None = None
    result_ms: Span | None = None
    interval_ms: float | None = None
    polarity: str | None = None
    intensities: tuple[float, ...] | None = None
    intensity_unit: str = ""
    last_min: int | None = None
    control: str | None = None
    follow: str | None = None
    column: str | None = None
    by: str | None = None
    unit: str | None = None
    conventions: Mapping[str, str] = ()  # type: ignore[assignment]
    given: tuple[str, ...] = ()

    def convention(self, function: str) -> str | None:
        """Return the chosen convention of a function of `measures`, None for the default."""
        return dict(self.conventions).get(function)

    def fit(self, kind: str) -> None:
        """Refuse options that mean nothing to a kind of measurement.

        Raises
        ------
        UsageError
        """
        for option in self.given:
            if option in BELONGS and kind not in BELONGS[option]:
                owners = " or ".join(KINDS[name] for name in BELONGS[option])
                raise UsageError(f"--{option} belongs to {owners}, not to {KINDS[kind]}",
                                 do=f"leave it out, or give --as {BELONGS[option][0]}")  # fmt: skip

    def inputs(self) -> dict[str, Any]:
        """Return what was given, for the results file."""
        elsewhere = ("given", "conventions", "minimum_pA", "on_ms", "off_ms", "stimuli_ms", "event_settings", "unit")
        fields = {name: value for name, value in vars(self).items() if name not in elsewhere}
        return {
            "on_ms": self.on_ms, "off_ms": self.off_ms,
            "stimuli_ms": list(self.stimuli_ms) if self.stimuli_ms else None, "minimum_pA": self.minimum_pA,
            **{name: value for name, value in fields.items() if value not in (None, "")},
            "conventions": dict(self.conventions),
        }  # fmt: skip


def parse_asked(options: Mapping[str, Any]) -> Asked:
    """Parse the options of the command.

    Parameters
    ----------
    options : mapping
        Option name -> text as given, None where it was not.

    Raises
    ------
    UsageError
        A number without its unit, a span that ends before it begins, an unknown convention.
    """
    text = {name: value for name, value in options.items() if value is not None and value != ()}

    def time(name: str) -> float | None:
        return parse(text[name], "time", where=f"--{name}") if name in text else None

    def span(name: str) -> Span | None:
        return _span(text[name], f"--{name}") if name in text else None

    on, off = time("on"), time("off")
    if on is not None and off is not None and off <= on:
        raise UsageError(f"The agonist ends at {text['off']!r} before it begins at {text['on']!r}",
                         do="give --on before --off")  # fmt: skip
    stimuli = tuple(parse(part, "time", where="--stimuli") for part in text["stimuli"].split(",")) \
        if "stimuli" in text else None  # fmt: skip
    if on is not None and stimuli:
        raise UsageError("--on and --off belong to an application, not to a train", do="leave out --stimuli")
    minimum = parse(text["minimum"], "current", where="--minimum") if "minimum" in text else None
    if minimum is not None and minimum < 0:
        raise UsageError(f"Negative floor {text['minimum']!r}", where="--minimum", do="give zero or more")
    interval = time("interval")
    if interval is not None and interval <= 0:
        raise UsageError(f"Sweeps every {text['interval']!r}", where="--interval", do="give a time above zero")
    intensities, unit = _intensities(text["intensities"]) if "intensities" in text else (None, "")
    last = text.get("last")
    if last is not None and "result" in text:
        raise UsageError("--last and --result say the same thing twice", do="give one of them")
    made = {name: value for name, value in _conventions(text.get("convention", ()))}
    for option, function in (("slope", "measure_field"), ("bins", "bin_time")):
        if option in text:
            made[function] = chosen(function, SHORT.get(text[option], text[option]))
    if last is not None:
        made["time_course"] = chosen("time_course", f"last {last} min")
    if "result" in text:
        made["time_course"] = "window"
    from ..measures.jump import MINIMUM_PA

    return Asked(
        on, off, stimuli, MINIMUM_PA if minimum is None else minimum,
        parse(text["step"], "voltage", where="--step") if "step" in text else None, None, None,
        span("window"), span("search"), span("volley"), span("baseline"), time("induction"), span("drug"),
        span("result"), interval, text.get("polarity"), intensities, unit, last, text.get("control"),
        text.get("follow"), text.get("column"), text.get("by"), text.get("unit"), made, tuple(text),
    )  # fmt: skip


def _span(text: str, where: str) -> Span:
    """Return begin and end of ``"5 ms, 8 ms"``."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2:
        raise UsageError(f"Cannot read the span {text!r}", where=where, do='write begin and end: "5 ms, 8 ms"')
    begin, end = (parse(part, "time", where=where) for part in parts)
    if end <= begin:
        raise UsageError(
            f"The span {text!r} ends before it begins", where=where, do='write begin and end: "5 ms, 8 ms"'
        )
    return begin, end


def _intensities(text: str) -> tuple[tuple[float, ...], str]:
    """Return numbers and unit of ``"20x6, 40x6, 60 uA"``."""
    unit = re.search(r"\s*([A-Za-zµμ%]+)\s*$", text.replace("x", "\u00d7"))
    if unit is None:
        raise UsageError(f"No unit in {text!r}", where="--intensities", do='write it like "20x6, 40x6, 60x6 uA"')
    numbers: list[float] = []
    for part in text.replace("x", "\u00d7")[: unit.start()].split(","):
        match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(?:\u00d7\s*(\d{1,5}))?\s*", part)
        if match is None:
            raise UsageError(f"Cannot read the intensity {part.strip()!r}", where="--intensities",
                             do='one number per sweep, "20x6" for six sweeps: "20x6, 40x6 uA"')  # fmt: skip
        numbers += [float(match.group(1))] * int(match.group(2) or 1)
    return tuple(numbers), unit.group(1).replace("µ", "u").replace("μ", "u")


def _conventions(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return (function, name) of ``"PPR=mean of ratios"``."""
    found = []
    for text in texts:
        quantity, _, name = text.partition("=")
        if not name.strip():
            raise UsageError(f"Cannot read the convention {text!r}", where="--convention",
                             do='write quantity=name, e.g. "PPR=mean of ratios" (potentiate conventions)')  # fmt: skip
        try:
            entry = convention(quantity.strip())
        except UnknownNameError as error:
            raise UnknownNameError("convention", quantity.strip(), error.nearest,
                                   do="list them with: potentiate conventions") from None  # fmt: skip
        found.append((entry.function, chosen(entry.function, SHORT.get(name.strip(), name.strip()))))
    return found
