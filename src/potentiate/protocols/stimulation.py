"""Stimulation of afferent fibres: one bout (test pulse, tetanus, theta bursts, pairing, STDP ...) of one pathway."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise

from ..errors import UsageError

#: Width of a stimulus, ms; two stimuli closer than this are one.
PULSE_WIDTH_MS = 0.1

_AFTER_MS = 500.0


@dataclasses.dataclass(frozen=True)
class Stimulation:
    """One bout of stimulation of one pathway.

    Attributes
    ----------
    name : str
    pulses_ms : tuple of float
        Presynaptic stimuli, from the start of the bout.
    duration_ms : float
        At least the last pulse; what follows it is recorded until then.
    spikes_ms : tuple of float
        Postsynaptic spikes evoked by current injection.
    holding_mV : float or None
        Postsynaptic voltage clamp during the bout; None: the cell is free.
    strength : float
        Fraction of the fibres under the electrode that is recruited, 0 to 1.
    pathway : str
    assumed : tuple of str
        What was set without a source, and what it changes.

    Raises
    ------
    UsageError
        Stimuli that overlap or run backwards, a bout shorter than what it holds, a strength outside 0 to 1.
    """

    name: str
    pulses_ms: tuple[float, ...]
    duration_ms: float
    spikes_ms: tuple[float, ...] = ()
    holding_mV: float | None = None
    strength: float = 0.4
    pathway: str = "test"
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"stimulation {self.name!r}"
        object.__setattr__(self, "pulses_ms", tuple(float(t) for t in self.pulses_ms))
        object.__setattr__(self, "spikes_ms", tuple(float(t) for t in self.spikes_ms))
        if not self.pulses_ms and not self.spikes_ms:
            raise UsageError("A stimulation without a pulse or spike", where=where, do="give at least one time")
        if not (math.isfinite(self.duration_ms) and self.duration_ms > 0):
            raise UsageError(f"Duration {self.duration_ms!r} ms", where=where, why="not a positive time")
        _check_times(self.pulses_ms, "pulse", PULSE_WIDTH_MS, self.duration_ms, where)
        _check_times(self.spikes_ms, "spike", 1.0, self.duration_ms, where)
        if not 0.0 <= self.strength <= 1.0:  # also false for NaN
            raise UsageError(
                f"Stimulus strength {self.strength!r}",
                where=where,
                why="it is the fraction of fibres recruited: 0 is below every threshold, 1 recruits all",
                do="give a number from 0 to 1 (a usual test pulse is 0.3 to 0.5)",
            )
        if self.holding_mV is not None and not -200.0 <= self.holding_mV <= 200.0:
            raise UsageError(
                f"Holding potential {self.holding_mV!r} mV",
                where=where,
                why="no membrane survives it",
                do="check the unit",
            )
        if self.holding_mV is not None and self.spikes_ms:
            raise UsageError(
                "Postsynaptic spikes in voltage clamp",
                where=where,
                why="a clamped cell does not spike",
                do="give one of them",
            )
        if not self.pathway:
            raise UsageError("A stimulation needs the name of its pathway", where=where, do="e.g. 'test' or 'control'")

    @property
    def rate_Hz(self) -> float:
        """Highest rate within the bout, Hz; zero for a single pulse."""
        return 1000.0 / min((b - a for a, b in pairwise(self.pulses_ms)), default=math.inf)

    def trains(self, gap_ms: float = 1000.0) -> tuple[tuple[float, ...], ...]:
        """Return the pulses in groups that silence of more than `gap_ms` separates."""
        groups: list[list[float]] = []
        for t in self.pulses_ms:
            if groups and t - groups[-1][-1] <= gap_ms:
                groups[-1].append(t)
            else:
                groups.append([t])
        return tuple(tuple(g) for g in groups)

    def on(self, pathway: str) -> Stimulation:
        """Return the same bout on another pathway."""
        return dataclasses.replace(self, pathway=pathway)

    def with_strength(self, strength: float) -> Stimulation:
        """Return the same bout at another stimulus strength (fraction of fibres, 0 to 1)."""
        return dataclasses.replace(self, strength=strength)

    def as_document(self) -> dict[str, object]:
        """Return the stimulation as plain data, for the recording's provenance."""
        document = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in document.items()}


def _check_times(times: tuple[float, ...], what: str, apart_ms: float, duration_ms: float, where: str) -> None:
    for i, t in enumerate(times):
        if not (math.isfinite(t) and 0.0 <= t <= duration_ms):
            raise UsageError(
                f"The {what} at {t!r} ms is outside the bout",
                where=where,
                why=f"the bout runs from 0 to {duration_ms:g} ms",
                do="move it, or lengthen the bout",
            )
        # 1e-9: sums of intervals carry rounding
        if i and t - times[i - 1] < apart_ms - 1e-9:
            word = "runs backwards" if t < times[i - 1] else "overlaps the one before it"
            raise UsageError(
                f"The {what} at {t:g} ms {word}",
                where=where,
                why=f"the {what} before it is at {times[i - 1]:g} ms and they must be {apart_ms:g} ms apart",
                do="give times in order, or a lower rate",
            )


def _count(value: int, what: str, where: str) -> int:
    if int(value) != value or value < 1:
        raise UsageError(f"{what}: {value!r}", where=where, why="not a whole number of one or more")
    return int(value)


def _positive(value: float, what: str, where: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{what}: {value!r}", where=where, why="not a positive number")
    return float(value)


def test_pulse(*, strength: float = 0.4, pathway: str = "test", after_ms: float = 100.0) -> Stimulation:
    """Return one stimulus, as given every 15 to 30 s to follow a response."""
    return Stimulation("test pulse", (0.0,), after_ms, strength=strength, pathway=pathway)


def input_output(
    strengths: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0), *, pathway: str = "test"
) -> tuple[Stimulation, ...]:
    """Return test pulses of rising strength, for the curve of response against recruited fibres.

    Raises
    ------
    UsageError
        Strengths that fall, or lie outside 0 to 1.
    """
    if list(strengths) != sorted(strengths):
        raise UsageError(
            "The strengths of an input-output curve fall", why=f"{list(strengths)}", do="give them in order"
        )
    return tuple(test_pulse(strength=s, pathway=pathway) for s in strengths)


def paired_pulses(
    interval_ms: float, *, strength: float = 0.4, pathway: str = "test", after_ms: float = 100.0
) -> Stimulation:
    """Return two stimuli `interval_ms` apart (onset to onset)."""
    name = f"paired pulses, {interval_ms:g} ms"
    gap = _positive(interval_ms, "Interval in ms", name)
    return Stimulation(name, (0.0, gap), gap + after_ms, strength=strength, pathway=pathway)


def train(
    rate_Hz: float, pulses: int, *, strength: float = 0.4, pathway: str = "test", after_ms: float = _AFTER_MS
) -> Stimulation:
    """Return equally spaced stimuli."""
    name = f"{pulses} pulses at {rate_Hz:g} Hz"
    step, n = 1000.0 / _positive(rate_Hz, "Rate in Hz", name), _count(pulses, "Number of pulses", name)
    times = tuple(i * step for i in range(n))
    return Stimulation(name, times, times[-1] + after_ms, strength=strength, pathway=pathway)


def tetanus(
    trains: int = 1,
    rate_Hz: float = 100.0,
    duration_s: float = 1.0,
    interval_s: float = 20.0,
    *,
    strength: float = 0.4,
    pathway: str = "test",
) -> Stimulation:
    """Return high-frequency stimulation: `trains` trains, `interval_s` from the start of one to that of the next.

    The defaults are one train of 100 Hz for 1 s (source 003); 20 s between trains is the usual choice for
    three or four of them.

    Parameters
    ----------
    trains : int
    rate_Hz, duration_s : float
        Of each train.
    interval_s : float
        From the start of one train to the start of the next.
    strength : float
        Part of the fibres, 0 to 1.
    pathway : str

    Raises
    ------
    UsageError
        Trains that overlap; numbers that are not positive.
    """
    name = f"{trains} x {rate_Hz:g} Hz, {duration_s:g} s"
    rate, length = _positive(rate_Hz, "Rate in Hz", name), _positive(duration_s, "Duration of a train in s", name)
    n = _count(trains, "Number of trains", name)
    if n > 1 and _positive(interval_s, "Interval in s", name) < length:
        raise UsageError(
            f"Trains of {length:g} s every {interval_s:g} s overlap", where=name, do="lengthen the interval"
        )
    per_train = max(1, round(rate * length))
    times = tuple(k * interval_s * 1e3 + i * 1e3 / rate for k in range(n) for i in range(per_train))
    return Stimulation(name, times, times[-1] + _AFTER_MS, strength=strength, pathway=pathway)


def theta_burst(
    bursts: int = 10,
    pulses: int = 4,
    rate_Hz: float = 100.0,
    spacing_ms: float = 200.0,
    trains: int = 1,
    train_interval_s: float = 10.0,
    *,
    strength: float = 0.4,
    pathway: str = "test",
) -> Stimulation:
    """Return theta-burst stimulation: bursts of `pulses`, onset to onset `spacing_ms` apart, in `trains`.

    200 ms is the optimal spacing; 2 s is ineffective (Larson, Wong & Lynch 1986).

    Parameters
    ----------
    bursts : int
        Bursts per train.
    pulses : int
        Per burst, at `rate_Hz`.
    spacing_ms : float
    trains : int
    train_interval_s : float
        From the start of one train to the start of the next.
    strength : float
        Part of the fibres, 0 to 1.
    pathway : str

    Raises
    ------
    UsageError
        Bursts or trains that overlap; numbers that are not positive.
    """
    name = f"{trains} x {bursts} theta bursts, {spacing_ms:g} ms" if trains != 1 else (
        f"{bursts} theta bursts, {spacing_ms:g} ms"
    )  # fmt: skip
    n, m, k = _count(bursts, "Bursts", name), _count(pulses, "Pulses per burst", name), _count(trains, "Trains", name)
    step = 1000.0 / _positive(rate_Hz, "Rate in Hz", name)
    spacing = _positive(spacing_ms, "Spacing in ms", name)
    if n > 1 and (m - 1) * step >= spacing:
        raise UsageError(f"Bursts of {m} pulses at {rate_Hz:g} Hz overlap", where=name, do="lengthen the spacing")
    if k > 1 and (n - 1) * spacing + (m - 1) * step >= _positive(train_interval_s, "Interval in s", name) * 1e3:
        raise UsageError(f"Trains of {n} bursts overlap", where=name, do="lengthen the interval between trains")
    times = tuple(
        j * train_interval_s * 1e3 + b * spacing + p * step for j in range(k) for b in range(n) for p in range(m)
    )
    return Stimulation(name, times, times[-1] + _AFTER_MS, strength=strength, pathway=pathway)


def low_frequency(
    pulses: int = 900, rate_Hz: float = 1.0, *, strength: float = 0.4, pathway: str = "test"
) -> Stimulation:
    """Return low-frequency stimulation (900 pulses at 1 Hz: depression, or depotentiation after LTP)."""
    bout = train(rate_Hz, pulses, strength=strength, pathway=pathway)
    return dataclasses.replace(bout, name=f"{pulses} x {rate_Hz:g} Hz")


def pairing(
    trains: int = 3,
    pulses: int = 50,
    rate_Hz: float = 100.0,
    interval_s: float = 3.0,
    depolarization_s: float = 180.0,
    holding_mV: float = 0.0,
    *,
    strength: float = 0.4,
    pathway: str = "test",
) -> Stimulation:
    """Return pairing in voltage clamp: stimulation at the end of a long depolarization.

    Known of the protocol behind the +94 % target (PMC1665089, legend of figure 3): three brief high-frequency
    tetani at the end of the long depolarization. Its numbers were not on the page that was read: the defaults
    are assumed, and the bout says so. That the tetanus must come at the end of a depolarization of 3 min (with
    caesium inside) is in Chen, Otmakhov & Lisman 1999 (chen1999), who used up to 200 pulses at 20-100 Hz, and 100-200
    pulses at 1-2 Hz in the ordinary protocol (``pairing(1, 150, 1.0)``).

    Parameters
    ----------
    trains, pulses : int
        Tetani, and pulses in each.
    rate_Hz, interval_s : float
        In a tetanus; from the start of one to that of the next.
    depolarization_s, holding_mV : float
        How long the cell is held, and where.
    strength : float
        Part of the fibres, 0 to 1.
    pathway : str

    Raises
    ------
    UsageError
        Tetani that overlap, or do not fit into the depolarization.
    """
    name = f"pairing, {trains} x {pulses} pulses at {rate_Hz:g} Hz, {holding_mV:g} mV"
    n, m = _count(trains, "Trains", name), _count(pulses, "Pulses per train", name)
    step = 1000.0 / _positive(rate_Hz, "Rate in Hz", name)
    length = _positive(depolarization_s, "Depolarization in s", name) * 1e3
    gap = _positive(interval_s, "Interval in s", name) * 1e3
    if n > 1 and (m - 1) * step >= gap:
        raise UsageError(f"Trains of {m} pulses at {rate_Hz:g} Hz overlap", where=name, do="lengthen the interval")
    span = (n - 1) * gap + m * step
    if span > length:
        raise UsageError(
            "The tetani do not fit into the depolarization",
            where=name,
            why=f"they take {span / 1e3:g} s of {length / 1e3:g} s",
            do="lengthen the depolarization",
        )
    times = tuple(length - span + k * gap + i * step for k in range(n) for i in range(m))
    assumed = (
        f"pairing: {n} tetani of {m} pulses at {rate_Hz:g} Hz every {interval_s:g} s at the end of "
        f"{depolarization_s:g} s at {holding_mV:g} mV; the source page gives the pattern, not the numbers "
        "(changes calcium entry during induction)",
    )
    return Stimulation(name, times, length, holding_mV=holding_mV, strength=strength, pathway=pathway, assumed=assumed)


def stdp(
    pairs: int,
    delta_ms: float,
    rate_Hz: float,
    spikes: int = 1,
    spike_interval_ms: float = 10.0,
    *,
    strength: float = 0.4,
    pathway: str = "test",
) -> Stimulation:
    """Return spike-timing pairs: one presynaptic stimulus and `spikes` postsynaptic spikes, `pairs` times.

    Parameters
    ----------
    delta_ms : float
        From the stimulus to the nearest spike: positive, the first spike follows the stimulus by this;
        negative, the last spike comes before it by this.
    pairs : int
    rate_Hz : float
        Of the pairs.
    spikes : int
    spike_interval_ms : float
    strength : float
        Part of the fibres, 0 to 1.
    pathway : str

    Raises
    ------
    UsageError
        Pairs that overlap; numbers that are not positive.
    """
    word = "pre before post" if delta_ms >= 0 else "post before pre"
    name = f"{pairs} pairs at {rate_Hz:g} Hz, {spikes} spike{'s' * (spikes != 1)}, {delta_ms:+g} ms ({word})"
    n, m = _count(pairs, "Pairs", name), _count(spikes, "Spikes", name)
    period = 1000.0 / _positive(rate_Hz, "Rate in Hz", name)
    if not math.isfinite(delta_ms):
        raise UsageError(f"Interval {delta_ms!r} ms", where=name, why="not a finite time")
    volley = (m - 1) * (_positive(spike_interval_ms, "Interval of spikes in ms", name) if m > 1 else 0.0)
    first_spike = delta_ms if delta_ms >= 0 else delta_ms - volley
    start = max(0.0, -first_spike)
    length = start + max(0.0, first_spike + volley)
    if n > 1 and length >= period:
        raise UsageError(
            f"Pairs of {length:g} ms do not fit into {rate_Hz:g} Hz", where=name, do="lower the rate or the interval"
        )
    pulses_ms = tuple(k * period + start for k in range(n))
    spikes_ms = tuple(k * period + start + first_spike + i * spike_interval_ms for k in range(n) for i in range(m))
    end = (n - 1) * period + length + _AFTER_MS
    return Stimulation(name, pulses_ms, end, spikes_ms, strength=strength, pathway=pathway)
