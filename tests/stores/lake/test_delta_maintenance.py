"""Maintenance merges small files, deletes unneeded ones, and touches nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.schema.tables import BANDIT_POLICY, CUSTOMER_PROFILES, RAW_POSTS
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.lake.delta_merge import FANOUT
from tests.stores.lake.lake_rows import frame, no_guard, places, post_slice, posts, profiles

HOUR_S = 3600


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def lake(root: Path) -> DeltaLake:
    """A lake that never tidies by itself."""
    return DeltaLake(root, tidy_after_files=10**9)


def write_batches(lake: DeltaLake, batches: range) -> None:
    for seq in batches:
        where = post_slice(seq, {0: (2 * seq, 2 * seq + 2)})
        lake.replace_slice(RAW_POSTS, posts(seq, {0: [2 * seq, 2 * seq + 1]}), where, no_guard)


def age(paths: list[Path], hours: float) -> None:
    then = time.time() - hours * HOUR_S
    for path in paths:
        os.utime(path, (then, then))


def parquet_files(root: Path) -> list[Path]:
    return [path for path in (root / "raw_posts").rglob("*.parquet") if "_delta_log" not in path.parts]


def test_crowded_partitions_are_merged_and_others_left(lake: DeltaLake, root: Path) -> None:
    write_batches(lake, range(FANOUT - 1))
    assert lake.maintain(RAW_POSTS, retention_hours=1)["files_merged"] == 0
    write_batches(lake, range(FANOUT - 1, FANOUT))
    rows = lake.scan(RAW_POSTS).collect().sort("stream_offset")
    figures = lake.maintain(RAW_POSTS, retention_hours=1)
    assert figures["files_before"] == figures["files_merged"] == 2 * FANOUT
    assert figures["files_after"] == 2
    assert figures["files_given_up"] == 0
    assert lake.scan(RAW_POSTS).collect().sort("stream_offset").equals(rows)
    merged = pq.read_metadata(lake.files(RAW_POSTS)[0]).row_group(0)
    assert {merged.column(index).compression for index in range(merged.num_columns)} == {"ZSTD"}


def test_idle_tables_are_left_alone(lake: DeltaLake) -> None:
    write_batches(lake, range(FANOUT))
    first = lake.maintain(RAW_POSTS, retention_hours=1)
    assert lake.maintain(RAW_POSTS, retention_hours=1)["version"] == first["version"]


def test_tables_with_other_partitions_are_merged_too(lake: DeltaLake) -> None:
    for seq in range(FANOUT):
        lake.replace_slice(CUSTOMER_PROFILES, profiles(seq, [("a", 0)]), post_slice(seq, {0: (0, 1)}), no_guard)
        lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": seq}]))
    for table in (CUSTOMER_PROFILES, BANDIT_POLICY):
        assert lake.maintain(table, retention_hours=1)["files_after"] == 1
        assert lake.scan(table).collect().height == FANOUT


def test_replaced_files_live_as_long_as_the_retention(lake: DeltaLake, root: Path) -> None:
    write_batches(lake, range(FANOUT))
    before = lake.version(RAW_POSTS)
    assert lake.maintain(RAW_POSTS, retention_hours=1)["files_deleted"] == 0
    assert lake.scan(RAW_POSTS, before).collect().height == 2 * FANOUT
    assert lake.maintain(RAW_POSTS, retention_hours=0)["files_deleted"] == 2 * FANOUT
    assert len(parquet_files(root)) == len(lake.files(RAW_POSTS)) == 2
    assert lake.scan(RAW_POSTS).collect().height == 2 * FANOUT


def test_files_of_killed_writers_go_and_those_of_running_ones_stay(lake: DeltaLake, root: Path) -> None:
    write_batches(lake, range(2))
    folder = Path(lake.files(RAW_POSTS)[0]).parent
    killed, running = folder / "part-killed.snappy.parquet", folder / "part-running.snappy.parquet"
    for path in (killed, running):
        path.write_bytes(b"half a file")
    age([killed, *map(Path, lake.files(RAW_POSTS))], hours=3)
    assert lake.maintain(RAW_POSTS, retention_hours=0)["files_deleted"] == 1
    assert not killed.exists()
    assert running.exists()
    assert places(lake.scan(RAW_POSTS)) == [(seq // 2, 0, seq) for seq in range(4)]


def test_the_log_is_cut_at_the_retention(lake: DeltaLake, root: Path) -> None:
    write_batches(lake, range(6))
    log = root / "raw_posts" / "_delta_log"
    old = sorted(log.glob("*.json"))
    lake.maintain(RAW_POSTS, retention_hours=2)
    assert set(old) <= set(log.iterdir())
    age(old, hours=3)
    lake.maintain(RAW_POSTS, retention_hours=2)
    assert not set(old) & set(log.iterdir())
    for reader in (lake, DeltaLake(root)):
        assert reader.scan(RAW_POSTS).collect().height == 12
        with pytest.raises(NotFound, match="older than what maintenance keeps"):
            reader.scan(RAW_POSTS, 1)
    write_batches(lake, range(6, 8))
    assert DeltaLake(root).scan(RAW_POSTS).collect().height == 16


def test_young_versions_survive_the_cut_of_old_ones(lake: DeltaLake, root: Path) -> None:
    write_batches(lake, range(3))
    log = root / "raw_posts" / "_delta_log"
    lake.maintain(RAW_POSTS, retention_hours=2)
    old = list(log.iterdir())
    write_batches(lake, range(3, 6))
    versions = {lake.version(RAW_POSTS): 12}
    write_batches(lake, range(6, 7))
    age(old, hours=3)
    lake.maintain(RAW_POSTS, retention_hours=2)
    for version, rows in versions.items():
        assert lake.scan(RAW_POSTS, version).collect().height == rows
