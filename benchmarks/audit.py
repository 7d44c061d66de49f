"""`bench audit`: the cost of writing and verifying audit log entries.

The peer is the minimum of any log: `os.write` of an equally long line to a file opened for appending.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired


def run(entries: int = 20_000, people: int = 10_000, rounds: int = 5) -> dict[str, Any]:
    """Report medians; one kind of entry lists `people` subjects, as for a batch's table."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        home = Path(folder) / "home"
        with wired(Settings(_env_file=None, environment="test", alphaads_home=home)) as wiring:
            _record(wiring, ["0" * 32])
            [chain] = wiring.settings.audit_path.glob("*.jsonl")
            line = chain.read_bytes()
            subjects = [f"{each:032x}" for each in range(people)]
            entry_s = _median(rounds, entries, lambda: _record(wiring, ["0" * 32]))
            many_s = _median(rounds, 5, lambda: _record(wiring, subjects))
            plain_s = _plain(Path(folder) / "plain", line, rounds, entries)
            started = time.perf_counter()
            verdict = wiring.rights.audit_verifier.verify()
            verified = verdict.entries / (time.perf_counter() - started)
    return {
        "bench": "audit",
        "entries": entries,
        "people": people,
        "rounds": rounds,
        "microseconds_per_entry": round(entry_s * 1e6, 1),
        "plain_append_microseconds": round(plain_s * 1e6, 1),
        "ratio_to_plain_append": round(entry_s / plain_s, 1),
        "milliseconds_per_entry_of_many": round(many_s * 1e3, 1),
        "verified_entries_per_second": round(verified),
        "bytes_per_entry": len(line),
    }


def _record(wiring: Wiring, subjects: list[str]) -> None:
    wiring.audit.record(
        action="profile.read",
        purpose="personalised_ads",
        actor="api:default/bench",
        resource="GET /profiles/{subject_id}",
        subjects=subjects,
        correlation_id="0" * 32,
    )


def _plain(path: Path, line: bytes, rounds: int, entries: int) -> float:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return _median(rounds, entries, lambda: os.write(file, line))
    finally:
        os.close(file)


def _median(rounds: int, calls: int, call: Callable[[], object]) -> float:
    """Median seconds per call."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        taken.append((time.perf_counter() - started) / calls)
    return statistics.median(taken)
