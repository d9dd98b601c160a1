"""Progress on stderr: nothing below a second, a line that renews itself in a terminal, else one line per tenth."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evidence.scoring_pool import Progress

#: Before this much time nothing is said.
SILENT_S = 1.0


class Meter:
    """Says how far the findings are, at which rate, and how long the rest may take."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.live = quiet, sys.stderr.isatty()
        self.began, self.tenth, self.wrote = time.monotonic(), 0, False

    def tell(self, told: Progress) -> None:
        """Say where the run is, if it is time to."""
        if self.quiet or (told.done and time.monotonic() - self.began < SILENT_S):
            return
        text = f"{told.done}/{told.of} findings"
        if told.per_s:
            text += f", {60 * told.per_s:.3g} a minute"
        text += f", about {_time(told.left_s)} left ({told.now})"
        if self.live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self.wrote = True
        elif 10 * told.done // told.of > self.tenth:
            self.tenth = 10 * told.done // told.of
            print(f"potentiate: {text}", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clear the line."""
        if self.wrote:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
