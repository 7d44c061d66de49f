"""Timeouts for blocking calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def run_with_timeout(seconds: float, action: Callable[[], T]) -> T:
    """Run `action` in a thread. After a TimeoutError the thread runs on, its result unused."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(action())
        except BaseException as error:  # noqa: BLE001 - raised in the caller
            result.set_exception(error)

    Thread(target=run, daemon=True, name="within").start()
    return result.result(timeout=seconds)
