"""Types are read by many threads at once from their first use on; msgspec alone would end the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_FIRST_USES = Path(__file__).with_name("msgspec_thread_crash.py")


def _ended(how: str, rounds: int) -> int:
    return subprocess.run([sys.executable, str(_FIRST_USES), how, str(rounds)], check=False, timeout=800).returncode


def test_threads_that_are_first_at_once_read_alike() -> None:
    assert _ended("prepared", 300) == 0


def test_what_it_keeps_from_us_is_still_there() -> None:
    """Once this fails, msgspec can do without `typed.decoder`, and so can we."""
    if (code := _ended("bare", 3_000)) == 0:
        pytest.fail("msgspec reads a new type in many threads at once now")
    assert code < 0, "ended by a signal"
