"""Merging files changes no row despite concurrent commits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from alphaads_pipelines.schema.columns import Column, Table
from alphaads_pipelines.schema.tables import AD_CREATIVES, BANDIT_POLICY, CUSTOMER_PROFILES, RAW_POSTS
from alphaads_pipelines.stores.lake import delta_merge
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.lake.delta_merge import FANOUT, LEVELS, crowded, live_files, merge_small_files
from tests.stores.lake.lake_rows import OTHER_DAY, frame, no_guard, places, post_slice, posts, profiles

BATCHES = FANOUT


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    """Sixteen batches of two posts, in partition 0; a lake that never tidies by itself."""
    lake = DeltaLake(tmp_path / "lake", tidy_after_files=10**9)
    for seq in range(BATCHES):
        rewrite(lake, seq)
    return lake


def rewrite(lake: DeltaLake, seq: int, *, again: bool = False, rows: pl.DataFrame | None = None) -> None:
    where = post_slice(seq, {0: (2 * seq, 2 * seq + 2)}, again=again)
    lake.replace_slice(RAW_POSTS, posts(seq, {0: [2 * seq, 2 * seq + 1]}) if rows is None else rows, where, no_guard)


def handle_of(lake: DeltaLake, table: Table = RAW_POSTS) -> DeltaTable:
    handle = lake._handles.open(table)
    assert handle is not None
    return handle


def expected(batches: int = BATCHES) -> list[tuple[int, int, int]]:
    return [(seq, 0, 2 * seq + each) for seq in range(batches) for each in range(2)]


def test_merging_keeps_every_value_and_the_statistics(lake: DeltaLake) -> None:
    before = lake.scan(RAW_POSTS).collect().sort("stream_offset")
    handle = handle_of(lake)
    assert merge_small_files(RAW_POSTS, handle) == (2 * FANOUT, 0)
    assert handle.version() == lake.version(RAW_POSTS)
    files = live_files(handle).sort("partition.shard")
    assert files.select("num_records", "min.stream_offset", "max.stream_offset", "max.batch_seq").rows() == [
        (FANOUT, 0, 2 * FANOUT - 2, FANOUT - 1),
        (FANOUT, 1, 2 * FANOUT - 1, FANOUT - 1),
    ]
    assert lake.scan(RAW_POSTS).collect().sort("stream_offset").equals(before)
    assert lake.read_slice(RAW_POSTS, post_slice(3, {0: (6, 8)})).height == 2
    assert [Path(path).stat().st_size for path in sorted(lake.files(RAW_POSTS))] == files["size_bytes"].to_list()


def test_merged_files_are_plain_parquet_without_statistics_of_people(lake: DeltaLake) -> None:
    merge_small_files(RAW_POSTS, handle_of(lake))
    group = pq.read_metadata(lake.files(RAW_POSTS)[0]).row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert {column.path_in_schema for column in columns if column.is_stats_set} == {
        "stream_partition", "stream_offset", "batch_seq"
    }  # fmt: skip
    assert {"event_date", "shard"}.isdisjoint(column.path_in_schema for column in columns)


def test_two_merges_of_the_same_files_do_not_double_them(lake: DeltaLake) -> None:
    late = handle_of(lake)
    assert merge_small_files(RAW_POSTS, handle_of(lake)) == (2 * FANOUT, 0)
    assert merge_small_files(RAW_POSTS, late) == (0, 2 * FANOUT)
    assert places(lake.scan(RAW_POSTS)) == expected()


def test_a_merge_of_several_commits_leaves_what_another_merge_took(
    lake: DeltaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_merge, "_COMMIT_BYTES", 1)
    late = handle_of(lake)
    assert merge_small_files(RAW_POSTS, handle_of(lake)) == (2 * FANOUT, 0)
    assert merge_small_files(RAW_POSTS, late) == (0, 2 * FANOUT)
    assert places(lake.scan(RAW_POSTS)) == expected()


def test_a_merge_of_several_commits_leaves_what_a_retry_took(lake: DeltaLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_merge, "_COMMIT_BYTES", 1)
    real, moved = delta_merge.write_parquet, posts(5, {0: [11]}, OTHER_DAY)

    def disturbed(table: Table, rows: pl.DataFrame, output: Any) -> None:
        real(table, rows, output)
        if rows["stream_offset"][0] == 0:  # of shard 0, whose commit comes first; the retry takes a file of the second
            where = dataclasses.replace(post_slice(5, {0: (10, 12)}, again=True), shards=(2,))
            lake.replace_slice(RAW_POSTS, moved, where, no_guard)

    monkeypatch.setattr(delta_merge, "write_parquet", disturbed)
    assert merge_small_files(RAW_POSTS, handle_of(lake)) == (0, 2 * FANOUT)
    found = lake.scan(RAW_POSTS)
    assert places(found) == expected()
    assert found.filter(pl.col("event_date") == OTHER_DAY).collect()["stream_offset"].to_list() == [11]


def test_merges_of_different_shards_both_succeed(lake: DeltaLake) -> None:
    late = handle_of(lake)
    assert merge_small_files(RAW_POSTS, handle_of(lake), shards=[0]) == (FANOUT, 0)
    assert merge_small_files(RAW_POSTS, late, shards=[2, 3]) == (FANOUT, 0)
    assert places(lake.scan(RAW_POSTS)) == expected()
    assert len(lake.files(RAW_POSTS)) == 2


@pytest.mark.parametrize("rows", [posts(5, {0: [10, 11]}, OTHER_DAY), posts(5, {0: [10]}), posts(5, {0: []})])
def test_a_merge_gives_way_to_a_retry_that_came_first(lake: DeltaLake, rows: pl.DataFrame) -> None:
    late = handle_of(lake)
    rewrite(lake, 5, again=True, rows=rows)
    _, given_up = merge_small_files(RAW_POSTS, late)
    assert given_up
    found = lake.scan(RAW_POSTS)
    assert places(found.filter(pl.col("batch_seq") != 5)) == [place for place in expected() if place[0] != 5]
    assert places(found.filter(pl.col("batch_seq") == 5)) == places(rows)


@pytest.mark.parametrize("rows", [posts(5, {0: [10, 11]}, OTHER_DAY), posts(5, {0: [10]}), posts(5, {0: []})])
def test_a_retry_runs_again_upon_a_merge_that_came_first(lake: DeltaLake, rows: pl.DataFrame) -> None:
    calls = []

    def guard() -> None:
        if not calls:
            merge_small_files(RAW_POSTS, handle_of(lake))
        calls.append(1)

    where = post_slice(5, {0: (10, 12)}, again=True)
    lake.replace_slice(RAW_POSTS, rows, where, guard)
    assert len(calls) == 2
    found = lake.scan(RAW_POSTS)
    assert places(found.filter(pl.col("batch_seq") != 5)) == [place for place in expected() if place[0] != 5]
    assert places(found.filter(pl.col("batch_seq") == 5)) == places(rows)


def test_first_attempts_and_merges_do_not_disturb_each_other(lake: DeltaLake) -> None:
    calls, late = [], handle_of(lake)

    def guard() -> None:
        calls.append(merge_small_files(RAW_POSTS, handle_of(lake), shards=[0]))

    where = post_slice(BATCHES, {0: (2 * BATCHES, 2 * BATCHES + 2)})
    lake.replace_slice(RAW_POSTS, posts(BATCHES, {0: [2 * BATCHES, 2 * BATCHES + 1]}), where, guard)
    assert calls == [(FANOUT, 0)]
    assert merge_small_files(RAW_POSTS, late, shards=[2]) == (FANOUT, 0)
    assert places(lake.scan(RAW_POSTS)) == expected(BATCHES + 1)


@pytest.mark.parametrize("write", [DeltaLake.replace_all, DeltaLake.append])
def test_whole_tables_and_merges_follow_one_another(
    tmp_path: Path, write: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = DeltaLake(tmp_path / "lake")
    for number in range(FANOUT):
        lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": number}]))
    late = handle_of(lake, BANDIT_POLICY)
    write(lake, BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": 99}]))
    assert merge_small_files(BANDIT_POLICY, late) == (0, FANOUT)
    versions = sorted(lake.scan(BANDIT_POLICY).collect()["version"])
    assert versions == ([99] if write is DeltaLake.replace_all else [*range(FANOUT), 99])

    real = lake._handles._take

    def take_then_merge(table: Table) -> DeltaTable | None:
        handle = real(table)
        merge_small_files(BANDIT_POLICY, handle_of(lake, BANDIT_POLICY))
        return handle

    for number in range(FANOUT):
        lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": number}]))
    monkeypatch.setattr(lake._handles, "_take", take_then_merge)
    held = lake.scan(BANDIT_POLICY).collect().height
    write(lake, BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": 100}]))
    assert lake.scan(BANDIT_POLICY).collect().height == (1 if write is DeltaLake.replace_all else held + 1)


def test_old_files_get_the_columns_declared_since(lake: DeltaLake) -> None:
    younger = Table(
        "raw_posts", "lake", "", (*RAW_POSTS.columns, Column("words", "int64")), ("post_key",), RAW_POSTS.partition_by
    )
    lake.replace_slice(younger, posts(50, {0: [100]}, table=younger), post_slice(50, {0: (100, 101)}), no_guard)
    merge_small_files(younger, handle_of(lake))
    assert sorted(lake.scan(younger).collect()["words"].to_list(), key=str) == [0] + [None] * 2 * BATCHES


def sized(*sizes: int, shard: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "path": [f"{shard}-{number}" for number in range(len(sizes))],
            "size_bytes": sizes,
            "modification_time": range(len(sizes)),
            "partition.shard": [shard] * len(sizes),
        }
    )


def test_only_crowded_levels_of_a_partition_are_merged() -> None:
    few, many = sized(*[10] * (FANOUT - 1), shard=1), sized(*[10] * FANOUT, LEVELS[0], shard=2)
    (group,) = crowded(CUSTOMER_PROFILES, pl.concat([few, many]), 0, LEVELS[0])
    assert group["path"].to_list() == [f"2-{number}" for number in range(FANOUT)]
    assert crowded(CUSTOMER_PROFILES, many, 0, LEVELS[0], shards=[1]) == []
    assert crowded(CUSTOMER_PROFILES, many, LEVELS[0], LEVELS[1]) == []
    assert crowded(AD_CREATIVES, few.drop("partition.shard"), 0, LEVELS[0]) == []


def test_what_is_merged_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_merge, "_MERGED_BYTES", 1000)
    files = sized(*[300] * 40)
    groups = crowded(CUSTOMER_PROFILES, files, 0, LEVELS[0])
    taken = [path for group in groups for path in group["path"]]
    assert taken == files["path"].to_list()[:39]  # the last one would be alone
    assert max(int(group["size_bytes"].sum()) for group in groups) <= 1300


@pytest.mark.slow
def test_rows_are_rewritten_a_few_times_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The point of levels: the bytes rewritten per row do not grow with the number of rows."""
    lake = DeltaLake(tmp_path / "lake", tidy_after_files=FANOUT)
    rewritten = []
    real = delta_merge.write_parquet

    def counting(table: Table, rows: pl.DataFrame, output: Any) -> None:
        rewritten.append(rows.height)
        real(table, rows, output)

    monkeypatch.setattr(delta_merge, "write_parquet", counting)
    monkeypatch.setattr("alphaads_pipelines.stores.lake.delta.WRITER_LEVELS", (6_000, 60_000))
    for seq in range(300):
        lake.replace_slice(CUSTOMER_PROFILES, profiles(seq, [("a", 0)]), post_slice(seq, {0: (0, 1)}), no_guard)
    assert lake.scan(CUSTOMER_PROFILES).collect().height == 300
    assert len(lake.files(CUSTOMER_PROFILES)) < 3 * FANOUT
    assert 0 < sum(rewritten) < 10 * 300
