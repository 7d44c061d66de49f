"""Run calls at once, for tests of what may be raced for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Start all of the calls together, in a thread each; their results, in order. Raises what any of them raised."""
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait(300)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(600) for future in [pool.submit(run, call) for call in calls]]
