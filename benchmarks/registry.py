"""Benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from alphaads_pipelines.errors import InvalidRequest

BENCHMARKS: dict[str, str] = {
    "audit": "benchmarks.audit",
    "budget": "benchmarks.budget",
    "decision": "benchmarks.decision",
    "erasure": "benchmarks.erasure",
    "ingest": "benchmarks.ingest",
    "lake": "benchmarks.lake",
    "latency": "benchmarks.latency",
    "load": "benchmarks.load",
    "nlp": "benchmarks.nlp",
    "ope": "benchmarks.ope",
    "policy": "benchmarks.policy",
    "profiles": "benchmarks.profiles",
    "regret": "benchmarks.regret",
    "sealing": "benchmarks.sealing",
    "served": "benchmarks.served",
}
FULL: dict[str, dict[str, float]] = {
    "budget": {"decisions": 100_000},
    "erasure": {"posts": 5_000_000},
    "ingest": {"posts": 1_000_000, "authors": 100_000},
    "lake": {"posts": 5_000_000, "profiles": 1_000_000, "runs": 9},
    "latency": {"seconds": 300.0},
    "ope": {"runs": 1_000},
    "profiles": {"profiles": 1_000_000, "batches": 50, "runs": 40},
    "regret": {"seeds": 20, "decisions": 20_000},
}
"""Sizes reported in docs/benchmarks.md."""


def load(name: str) -> Callable[..., dict[str, Any]]:
    """Load a benchmark's `run`. Raises InvalidRequest for an unknown name."""
    if name not in BENCHMARKS:
        raise InvalidRequest(f"unknown benchmark; known: {', '.join(sorted(BENCHMARKS))}")
    return cast("Callable[..., dict[str, Any]]", import_module(BENCHMARKS[name]).run)
