"""When a person sleeps: the protocol of a subject."""

from __future__ import annotations

import dataclasses
import re

from ..errors import UsageError

_PERIOD = re.compile(
    r"(?:day\s+(\d+)\s+)?(\d{1,2}):(\d{2})\s*(?:-|to)\s*(\d{1,2}):(\d{2})(?:\s+(?:daily\s+)?x\s*(\d+))?"
)
_AWAKE = re.compile(r"awake(?:\s+from\s+(?:day\s+(\d+)\s+)?(\d{1,2}):(\d{2}))?")


@dataclasses.dataclass(frozen=True)
class SleepSchedule:
    """Periods of sleep on the clock of a regimen (hours from 00:00 of day 1).

    Attributes
    ----------
    wake_h : float
        The person wakes here at the latest; the course of alertness begins here.
    sleeps_h : tuple of (from, to)
        Sleep after that.

    Examples
    --------
    >>> SleepSchedule(7.0, ((23.0, 31.0),)).sleeps_h
    ((23.0, 31.0),)
    """

    wake_h: float = 7.0
    sleeps_h: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        end = self.wake_h
        for begin, until in self.sleeps_h:
            if begin < end:
                raise UsageError(
                    f"Sleep begins at {begin:g} h", why=f"the person wakes at {end:g} h", do="put periods in order"
                )
            if until <= begin:
                raise UsageError(f"Sleep from {begin:g} to {until:g} h", why="it ends before it begins")
            end = until


def nights(days: int, *, bed_h: float = 23.0, rise_h: float = 7.0) -> SleepSchedule:
    """Return a schedule of so many nights, from the first rise on.

    Parameters
    ----------
    days : int
    bed_h, rise_h : float
        Clock hours; sleep may cross midnight.

    Examples
    --------
    >>> nights(2).sleeps_h
    ((23.0, 31.0), (47.0, 55.0))
    """
    if not (0.0 <= bed_h < 24.0 and 0.0 <= rise_h < 24.0 and bed_h != rise_h):
        raise UsageError(f"To bed at {bed_h:g} and up at {rise_h:g}", why="clock hours run from 0 to 24")
    length = (rise_h - bed_h) % 24.0
    begin = bed_h if bed_h > rise_h else bed_h + 24.0
    return SleepSchedule(rise_h, tuple((begin + 24.0 * d, begin + 24.0 * d + length) for d in range(days)))


def parse_sleep(text: str) -> SleepSchedule:
    """Read a schedule written in words.

    Parameters
    ----------
    text : str
        ``"awake from 07:00"``, ``"23:00-07:00 x3"`` (so many nights), or several parts divided by ``;``, such as
        ``"awake from 06:00; day 2 14:00-16:00; day 2 23:00-07:00"``.

    Raises
    ------
    UsageError
        A part that is not understood.

    Examples
    --------
    >>> parse_sleep("awake from 07:00").sleeps_h
    ()
    >>> parse_sleep("23:00-07:00 x2") == nights(2)
    True
    """
    wake: float | None = None
    sleeps: list[tuple[float, float]] = []
    for part in (p.strip() for p in text.split(";")):
        if not part:
            continue
        if found := _AWAKE.fullmatch(part):
            wake = _clock(found.group(1), found.group(2) or "7", found.group(3) or "00")
            continue
        found = _PERIOD.fullmatch(part)
        if found is None:
            raise UsageError(
                f"Cannot read {part!r} as sleep", do="write it like '23:00-07:00 x3' or 'awake from 07:00'"
            )
        begin = _clock(found.group(1), found.group(2), found.group(3))
        length = (_clock(None, found.group(4), found.group(5)) - begin) % 24.0
        if length == 0.0:
            raise UsageError(f"Sleep without length in {part!r}")
        sleeps += [(begin + 24.0 * d, begin + 24.0 * d + length) for d in range(int(found.group(6) or 1))]
    sleeps.sort()
    if wake is None:
        # the first night ends at the hour at which the person also woke before it
        wake = sleeps[0][1] % 24.0 if sleeps else 7.0
        if sleeps and sleeps[0][0] < wake:
            sleeps = [(a + 24.0, b + 24.0) for a, b in sleeps]
    return SleepSchedule(wake, tuple(sleeps))


def _clock(day: str | None, hour: str, minute: str) -> float:
    h, m = int(hour), int(minute)
    if h > 24 or m > 59:
        raise UsageError(f"{hour}:{minute} is no time of day")
    return 24.0 * (int(day) - 1 if day else 0) + h + m / 60.0
