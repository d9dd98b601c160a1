"""Warm timings: repeated until enough, with the best and the median of the repeats."""

import time
from collections.abc import Callable
from typing import Any


def timed(function: Callable[[], Any], *, repeats: int = 50, seconds: float = 3.0) -> dict[str, float]:
    """Return the best and the median wall time in ms of up to `repeats` calls within about `seconds`."""
    function()
    times = []
    begin = time.perf_counter()
    while len(times) < repeats and (len(times) < 3 or time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    times.sort()
    return {"best_ms": 1e3 * times[0], "median_ms": 1e3 * times[len(times) // 2], "repeats": len(times)}


def once(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result, the wall time and the processor time in s (all threads) of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - wall, time.process_time() - cpu
