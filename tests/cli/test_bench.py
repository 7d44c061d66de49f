"""`alphaads bench`: one JSON object, sizes by name, servers from the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks import ingest, latency
from benchmarks.registry import BENCHMARKS, FULL, load
from benchmarks.tweets import REAL
from tests.cli.conftest import Command
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.tiny_artifact import save_artifact
from tests.nlp.tiny_data import save_data


def test_it_prints_one_object_with_a_ratio_and_its_limit(command: Command) -> None:
    done = command("bench", "load", "--set", "times=1")
    assert done.exit_code == 0, done.output
    [line] = done.stdout.splitlines()
    found = orjson.loads(line)
    assert (found["bench"], found["times"], found["limit"]) == ("load", 1, 1.5)
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


def test_ingest_runs_with_the_tier_of_the_settings_or_the_one_given(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(posts: int = 1, tier: str = "lexicon", **servers: str) -> dict[str, Any]:
        asked.append(tier)
        return {"bench": "ingest"}

    monkeypatch.setattr(ingest, "run", run)
    monkeypatch.setenv("SCORER_TIER", "cascade")
    assert command("bench", "ingest").exit_code == 0
    assert command("bench", "ingest", "--tier", "lexicon").exit_code == 0
    assert asked == ["cascade", "lexicon"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("load", "--data", "here"), "takes no --data"),
        (("lake", "--tier", "lexicon"), "takes no --tier"),
        (("ingest", "--tier", "psychic"), "unknown scorer tier 'psychic'"),
    ],
)
def test_an_option_that_cannot_be_meant_is_wrong_use(command: Command, given: tuple[str, ...], told: str) -> None:
    done = command("bench", *given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


@NEEDS_TRAINING
def test_nlp_tells_speeds_shares_and_a_ratio_to_the_peer_of_the_same_run(command: Command, tmp_path: Path) -> None:
    data, artifact = save_data(tmp_path / "data"), save_artifact(tmp_path / "tiny")
    given = ("--data", data, "--artifact", artifact, "--set", "posts=8", "--set", "rounds=1")
    done = command("bench", "nlp", *given)
    assert done.exit_code == 0, done.output
    [line] = done.stdout.splitlines()
    found: dict[str, Any] = orjson.loads(line)
    assert (found["bench"], found["texts"], found["posts"], found["model"]) == ("nlp", REAL, 8, "tiny 1")
    speeds = ("posts_per_second", "cascade_posts_per_second", "lexicon_posts_per_second", "peer_model_only")
    assert all(found[name] > 0 for name in speeds)
    assert found["peer_with_tokenising"] <= found["peer_model_only"]
    expected = found["posts_per_second"] / found["peer_model_only"]
    assert found["ratio_to_peer_model_only"] == pytest.approx(expected, rel=0.1)
    assert set(found["share_of_time"]) == {"language", "normalising_and_tokenising", "network", "rest"}
    assert sum(found["share_of_time"].values()) == pytest.approx(1)
    assert 0 < found["share_of_time"]["network"] < 1
    assert 0 < found["share_judged"] <= 1
    assert found["pieces_per_post"] > found["peer_pieces_per_post"] > 2, "the tiny vocabulary is mostly letters"
    assert found["memory_mib"]["before"] <= found["memory_mib"]["scored"]
