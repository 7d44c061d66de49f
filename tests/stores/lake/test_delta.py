"""What the Delta lake does beyond the contract of every lake: its log, its files, and several processes at once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from alphaads_pipelines.errors import ConfigurationError, Fenced, SchemaMismatch, StoreUnavailable, WriteConflict
from alphaads_pipelines.schema.columns import Privacy, Table
from alphaads_pipelines.schema.tables import LAKE_TABLES, POST_SCORES, RAW_POSTS
from alphaads_pipelines.stores.lake import delta_tables
from alphaads_pipelines.stores.lake.delta import DeltaLake, slice_filter, slice_predicate
from alphaads_pipelines.stores.lake.delta_tables import Handles, translated
from alphaads_pipelines.stores.lake.readers import read_duckdb
from tests.conftest import ROOT
from tests.stores.lake.lake_rows import OTHER_DAY, frame, no_guard, places, post_slice, posts

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def write_post(lake: DeltaLake, seq: int, *, partition: int = 0) -> int:
    """Batch `seq`, of one post at offset `seq`."""
    return lake.replace_slice(
        RAW_POSTS, posts(seq, {partition: [seq]}), post_slice(seq, {partition: (seq, seq + 1)}), no_guard
    )


def log_content(root: Path, table: Table) -> str:
    """All that the log says, checkpoints decoded."""
    said = []
    for path in sorted((root / table.name / "_delta_log").iterdir()):
        if path.suffix == ".parquet":
            said.append(pl.read_parquet(path).write_ndjson())
        else:
            said.append(path.read_text())
    return "\n".join(said)


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_no_personal_value_reaches_the_log(root: Path, table: Table) -> None:
    personal = [column for column in table.columns if column.privacy is not Privacy.NOTHING]
    planted: dict[str, Any] = {
        column.name: {"utf8": "planted", "binary": b"planted", "float64": 0.8125, "int64": 77_777_777}[column.type]
        for column in personal
        if column.type in {"utf8", "binary", "float64", "int64"}
    }
    lake = DeltaLake(root)
    lake.append(table, frame(table, [planted, planted]))
    lake.maintain(table, retention_hours=1)
    said = log_content(root, table)
    assert "numRecords" in said
    assert all(word not in said for word in ("planted", "0.8125", "77777777"))
    if "stream_offset" in table.column_names:
        assert "minValues" in said


def test_the_predicate_names_places_only() -> None:
    where = post_slice(4, {0: (5, 9), 1: (1, 3)})
    assert slice_predicate(RAW_POSTS, where) == (
        "shard IN (0, 1, 2, 3) AND ((stream_partition = 0 AND stream_offset >= 5 AND stream_offset < 9)"
        " OR (stream_partition = 1 AND stream_offset >= 1 AND stream_offset < 3))"
    )
    inside = posts(4, {0: range(12), 1: range(12)}).filter(slice_filter(RAW_POSTS, where))
    assert places(inside) == [(4, 0, each) for each in range(5, 9)] + [(4, 1, each) for each in (1, 2)]


def test_files_lie_by_date_and_shard_and_know_their_offsets(root: Path) -> None:
    lake = DeltaLake(root)
    lake.replace_slice(RAW_POSTS, posts(1, {0: range(8)}), post_slice(1, {0: (0, 8)}), no_guard)
    files = sorted(Path(path) for path in lake.files(RAW_POSTS))
    assert [path.parent.relative_to(root).as_posix() for path in files] == [
        "raw_posts/event_date=2024-03-01/shard=0",
        "raw_posts/event_date=2024-03-01/shard=2",
    ]
    columns = {}
    for index in range(pq.read_metadata(files[0]).row_group(0).num_columns):
        column = pq.read_metadata(files[0]).row_group(0).column(index)
        columns[column.path_in_schema] = column.statistics is not None
    assert {name for name, has_statistics in columns.items() if has_statistics} == {
        "stream_partition", "stream_offset", "batch_seq"
    }  # fmt: skip


def test_the_log_gets_checkpoints_as_it_grows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_tables, "CHECKPOINT_EVERY", 5)
    lake = DeltaLake(root)
    for seq in range(11):
        write_post(lake, seq)
    log = root / "raw_posts" / "_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) == 2
    for path in log.glob("0000000000000000000[0-8].json"):
        path.unlink()
    assert places(DeltaLake(root).scan(RAW_POSTS)) == [(seq, 0, seq) for seq in range(11)]


def test_a_stored_column_may_be_read_by_a_uri_as_by_a_path(root: Path) -> None:
    lake = DeltaLake(f"file://{root}")
    write_post(lake, 3)
    assert places(DeltaLake(root).scan(RAW_POSTS)) == places(lake.scan(RAW_POSTS)) == [(3, 0, 3)]
    assert places(lake.read_slice(RAW_POSTS, post_slice(3, {0: (3, 4)}))) == [(3, 0, 3)]
    assert Handles("s3://bucket/lake/", {"region": "x"}).uri(RAW_POSTS) == "s3://bucket/lake/raw_posts"


def test_a_folder_may_have_a_name_that_urls_quote(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path / "José's data, #{1}", tidy_after_files=4)
    for seq in range(20):
        write_post(lake, seq)
    lake.maintain(RAW_POSTS, retention_hours=1)
    assert all(Path(path).exists() for path in lake.files(RAW_POSTS))
    assert places(lake.scan(RAW_POSTS)) == [(seq, 0, seq) for seq in range(20)]
    assert lake.read_slice(RAW_POSTS, post_slice(3, {0: (3, 4)})).height == 1
    assert read_duckdb(tmp_path / "José's data, #{1}", "raw_posts").aggregate("count(*)").fetchall() == [(20,)]


@pytest.mark.parametrize("name", ["run=3", "copy[1]", "100%", "a*", "a|b"])
def test_a_folder_that_would_be_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="in its path"):
        DeltaLake(tmp_path / name)


@pytest.mark.parametrize(
    ("vendor", "ours", "words"),
    [
        (delta_tables.CommitFailedError("x"), WriteConflict, "committed first"),
        (delta_tables.SchemaMismatchError("x"), SchemaMismatch, "differ"),
        (delta_tables.DeltaProtocolError("x"), ConfigurationError, "newer"),
        (delta_tables.DeltaError("parquet: No space left on device (os error 28)"), StoreUnavailable, "disk is full"),
        (OSError(errno.ENOSPC, "x"), StoreUnavailable, "disk is full"),
        (PermissionError("/planted/path"), StoreUnavailable, "PermissionError"),
        (pl.exceptions.ComputeError("planted"), StoreUnavailable, "ComputeError"),
        (Fenced("mine"), Fenced, "mine"),
    ],
)
def test_vendor_errors_are_translated(vendor: Exception, ours: type[Exception], words: str) -> None:
    with pytest.raises(ours, match=words) as caught, translated(RAW_POSTS, "write"):
        raise vendor
    assert "planted" not in str(caught.value)


def test_a_lake_that_cannot_be_written_says_so_and_recovers(root: Path) -> None:
    lake = DeltaLake(root)
    write_post(lake, 1)
    (root / "raw_posts").rename(root / "away")
    (root / "raw_posts").write_text("a file where the table was")
    with pytest.raises(StoreUnavailable):
        write_post(lake, 2)
    (root / "raw_posts").unlink()
    (root / "away").rename(root / "raw_posts")
    write_post(lake, 2)
    assert places(lake.scan(RAW_POSTS)) == [(1, 0, 1), (2, 0, 2)]


def test_a_missing_file_is_said(root: Path) -> None:
    lake = DeltaLake(root)
    write_post(lake, 1)
    Path(lake.files(RAW_POSTS)[0]).unlink()
    with pytest.raises(StoreUnavailable):
        lake.read_slice(RAW_POSTS, post_slice(1, {0: (0, 9)}))


_FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.schema.tables import RAW_POSTS
from tests.stores.lake.lake_rows import no_guard, post_slice, posts
lake = DeltaLake(sys.argv[1])
lake.append(RAW_POSTS, posts(1, {0: [0]}))
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
try:
    lake.replace_slice(RAW_POSTS, posts(2, {0: range(1, 3000)}), post_slice(2, {0: (1, 3000)}), no_guard)
except StoreUnavailable:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    lake.replace_slice(RAW_POSTS, posts(2, {0: range(1, 3000)}), post_slice(2, {0: (1, 3000)}, again=True), no_guard)
    print("recovered", lake.scan(RAW_POSTS).collect().height)
"""
_FORK = """
import os, sys
sys.path.insert(0, sys.argv[2])
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.schema.tables import BANDIT_POLICY
from tests.stores.lake.lake_rows import frame
lake = DeltaLake(sys.argv[1])
child = os.fork()
lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{}]))
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("rows", lake.scan(BANDIT_POLICY).collect().height)
"""


def _script(text: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text, str(root), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout.strip()


def test_a_write_that_does_not_fit_leaves_the_table_as_it_was(root: Path) -> None:
    assert _script(_FULL_DISK, root) == "recovered 3000"


def test_nothing_runs_at_import_so_a_fork_can_write(root: Path) -> None:
    assert _script(_FORK, root) == "rows 2"


def test_handles_are_not_shared_with_a_forked_child(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = DeltaLake(root)
    write_post(lake, 1)
    assert lake._handles._pool(RAW_POSTS)
    monkeypatch.setattr(delta_tables.os, "getpid", lambda: -1)
    assert not lake._handles._pool(RAW_POSTS)


def _write_batches(root: str, partition: int, batches: int, tries: Any, start: Barrier) -> None:
    lake = DeltaLake(root, tidy_after_files=8)
    start.wait(300)
    for batch in range(batches):
        seq = batch * 2 + partition
        span = range(batch * 5, batch * 5 + 5)

        def guard() -> None:
            with tries.get_lock():
                tries.value += 1

        where = post_slice(seq, {partition: (span.start, span.stop)})
        lake.replace_slice(RAW_POSTS, posts(seq, {partition: span}), where, guard)


def _maintain(root: str, done: Any, start: Barrier) -> None:
    lake = DeltaLake(root)
    start.wait(300)
    while not done.value:
        lake.maintain(RAW_POSTS, retention_hours=1)


def _start(barrier: Barrier, target: Callable[..., None], *arguments: Any) -> Any:
    process = SPAWN.Process(target=target, args=(*arguments, barrier))
    process.start()
    return process


def _expected(batches: int) -> list[tuple[int, int, int]]:
    return sorted(
        (batch * 2 + partition, partition, batch * 5 + each)
        for partition in (0, 1) for batch in range(batches) for each in range(5)
    )  # fmt: skip


def test_two_processes_on_their_own_shards_never_conflict(root: Path) -> None:
    DeltaLake(root).append(RAW_POSTS, posts(0, {0: []}))
    tries = SPAWN.Value("i", 0)
    batches = 25
    barrier = SPAWN.Barrier(2)
    writers = [_start(barrier, _write_batches, str(root), each, batches, tries) for each in (0, 1)]
    for writer in writers:
        writer.join(600)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert places(DeltaLake(root).scan(RAW_POSTS)) == _expected(batches)
    assert tries.value == 2 * batches


@pytest.mark.slow
def test_writers_that_race_to_create_the_table_and_maintenance_lose_nothing(root: Path) -> None:
    tries, done = SPAWN.Value("i", 0), SPAWN.Value("i", 0)
    batches = 40
    barrier = SPAWN.Barrier(4)
    writers = [_start(barrier, _write_batches, str(root), each, batches, tries) for each in (0, 1)]
    maintainers = [_start(barrier, _maintain, str(root), done) for _ in range(2)]
    for writer in writers:
        writer.join(600)
    done.value = 1
    for maintainer in maintainers:
        maintainer.join(600)
    assert [each.exitcode for each in (*writers, *maintainers)] == [0, 0, 0, 0]
    assert places(DeltaLake(root).scan(RAW_POSTS)) == _expected(batches)


@pytest.mark.slow
def test_writers_merge_their_small_files_as_they_go(root: Path) -> None:
    lake = DeltaLake(root, tidy_after_files=8)
    counts = []
    for seq in range(60):
        write_post(lake, seq)
        counts.append(len(lake.files(RAW_POSTS)))
    assert max(counts) < 50
    assert places(lake.scan(RAW_POSTS)) == [(seq, 0, seq) for seq in range(60)]
    untidy = DeltaLake(root, tidy_after_files=10**6)
    for seq in range(60, 100):
        write_post(untidy, seq)
    assert len(untidy.files(RAW_POSTS)) >= counts[-1] + 40


def test_a_writer_frozen_until_the_log_was_cleaned_is_stopped(root: Path) -> None:
    """It wakes with a state whose successors are gone from the log; it must come back to the guard, not write."""
    lake, other = DeltaLake(root), DeltaLake(root)
    write_post(lake, 0)
    calls = 0

    def guard() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Fenced("attempt 2 owns the batch")
        for seq in range(1, 6):
            write_post(other, seq)
        long_ago = time.time() - 7200
        for path in (root / "raw_posts" / "_delta_log").iterdir():
            os.utime(path, (long_ago, long_ago))
        other.maintain(RAW_POSTS, retention_hours=1)

    with pytest.raises(Fenced):
        lake.replace_slice(RAW_POSTS, posts(9, {0: [9]}, OTHER_DAY), post_slice(9, {0: (9, 10)}), guard)
    assert places(DeltaLake(root).scan(RAW_POSTS)) == [(seq, 0, seq) for seq in range(6)]


def test_score_columns_may_be_null_where_declared(root: Path) -> None:
    rows = frame(POST_SCORES, [{"language": None, "sentiment": None, "sentiment_positive": None}])
    lake = DeltaLake(root)
    lake.append(POST_SCORES, rows)
    assert lake.scan(POST_SCORES).collect().equals(rows)
