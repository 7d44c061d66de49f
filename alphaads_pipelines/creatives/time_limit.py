"""A limit on the time that somebody else's code takes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def run_with_timeout(seconds: float, action: Callable[[], T]) -> T:
    """What `action` returns or raises, or TimeoutError after so many seconds.

    Code that does not end cannot be stopped: it goes on in a thread that nobody waits for, and its result is dropped.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(action())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            result.set_exception(error)

    Thread(target=run, daemon=True, name="within").start()
    return result.result(timeout=seconds)
