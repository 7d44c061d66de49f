"""`alphaads bench`: one JSON object, sizes by name, servers from the settings."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from benchmarks import latency
from benchmarks.registry import BENCHMARKS, FULL, load
from tests.cli.conftest import Command


def test_it_prints_one_object_with_a_ratio_and_its_limit(command: Command) -> None:
    done = command("bench", "load", "--set", "times=1")
    assert done.exit_code == 0, done.output
    [line] = done.stdout.splitlines()
    found = orjson.loads(line)
    assert (found["bench"], found["times"], found["limit"]) == ("load", 1, 1.8)
    assert found["ratio_to_import_dagster"] > 0
    assert "running load" in done.stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the latency benchmark was asked for; it is not run."""
    held: dict[str, Any] = {}

    def run(seconds: float = 60.0, rate: float = 28.0, **servers: str) -> dict[str, Any]:
        held.update(seconds=seconds, rate=rate, **servers)
        return {"bench": "latency"}

    monkeypatch.setattr(latency, "run", run)
    return held


def test_sizes_are_given_by_name(command: Command, asked: dict[str, Any]) -> None:
    assert command("bench", "latency", "--set", "seconds=1.5", "--set", "rate=7").exit_code == 0
    assert asked == {"seconds": 1.5, "rate": 7}


def test_full_means_the_documented_sizes(command: Command, asked: dict[str, Any]) -> None:
    assert command("bench", "latency", "--full", "--set", "rate=1").exit_code == 0
    assert asked == {**FULL["latency"], "rate": 1}


def test_servers_are_those_that_the_settings_name(
    command: Command, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert command("bench", "latency", "--servers").exit_code == 0
    assert asked["redis_url"] == "redis://127.0.0.1:1/0"
    assert "database_url" not in asked


@pytest.mark.parametrize("size", ["times=many", "patience=3"])
def test_a_size_that_cannot_be_meant_is_wrong_use(command: Command, size: str) -> None:
    done = command("bench", "load", "--set", size)
    assert (done.exit_code, done.stdout) == (2, "")
    assert size.partition("=")[0] in done.stderr
    assert "Traceback" not in done.output


def test_each_registered_benchmark_can_be_loaded() -> None:
    assert set(FULL) <= set(BENCHMARKS)
    assert all(callable(load(name)) for name in BENCHMARKS)
