"""An erased subject is in no file of the lake despite concurrent writers, and no other subject's rows change."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.schema.tables import AD_CREATIVES, CUSTOMER_PROFILES, RAW_POSTS
from alphaads_pipelines.stores.lake import delta, delta_erase
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.lake.delta_merge import FANOUT, merge_small_files
from tests.stores.lake.lake_rows import OTHER_DAY, SHARDS, frame, no_guard, post_slice, posts, profiles
from tests.stores.lake.test_delta_merge import handle_of

GONE, SHARD = "subject-3", 1
"""Of `posts`: offset 3, 10, 17 ...; those of stream partition 1 and an even offset lie in shard 1."""
BATCHES, EACH = 8, 6


def write(lake: DeltaLake, seq: int, *, again: bool = False) -> None:
    span = (EACH * seq, EACH * (seq + 1))
    rows = posts(seq, {1: range(*span)}, OTHER_DAY if seq % 2 else posts(0, {1: [0]})["event_date"][0])
    lake.replace_slice(RAW_POSTS, rows, post_slice(seq, {1: span}, again=again), no_guard)


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    """Eight batches under two dates, in the shards 1 and 3; a lake that never tidies by itself."""
    lake = DeltaLake(tmp_path / "lake", tidy_after_files=10**9)
    for seq in range(BATCHES):
        write(lake, seq)
    return lake


def everything(lake: DeltaLake) -> pl.DataFrame:
    return lake.scan(RAW_POSTS).collect().sort("stream_offset")


def others(rows: pl.DataFrame) -> pl.DataFrame:
    """All but what is erased: the same subject's rows in another shard stay, to see that it is not looked into."""
    return rows.filter((pl.col("subject_id") != GONE) | (pl.col("shard") != SHARD))


def folder_of(lake: DeltaLake) -> Path:
    return Path(lake._handles.uri(RAW_POSTS))


def files_on_disk(lake: DeltaLake) -> set[Path]:
    return {path for path in folder_of(lake).rglob("*.parquet") if "_delta_log" not in path.parts}


def rows_on_disk(lake: DeltaLake, subject: str = GONE) -> int:
    """Rows of a subject in all files, whatever the log says of them."""
    return sum(pq.read_table(path)["subject_id"].to_pylist().count(subject) for path in files_on_disk(lake))


def test_only_files_that_hold_the_subject_are_touched(lake: DeltaLake) -> None:
    before, files = everything(lake), set(lake.files(RAW_POSTS))
    holding = {
        path for path in files if f"shard={SHARD}/" in path and GONE in pq.read_table(path)["subject_id"].to_pylist()
    }
    figures = lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=False)
    assert everything(lake).equals(others(before))
    assert files - set(lake.files(RAW_POSTS)) == holding
    assert figures["files_rewritten"] == len(holding) < figures["files"] == len(files) // 2
    assert figures["rows_deleted"] == before.height - others(before).height > 0
    assert not holding & {str(path) for path in files_on_disk(lake)}, "they are deleted at once"


def test_merged_and_replaced_files_go_too(lake: DeltaLake) -> None:
    write(lake, 2, again=True)
    for seq in range(BATCHES, BATCHES + 2 * FANOUT):
        write(lake, seq)
    merge_small_files(RAW_POSTS, handle_of(lake))
    assert rows_on_disk(lake) > everything(lake).filter(pl.col("subject_id") == GONE).height
    for shard in (1, 3):
        lake.erase(RAW_POSTS, GONE, shard, writers_ended=False)
    assert rows_on_disk(lake) == 0
    assert lake.find_subject(RAW_POSTS, GONE, None) == {
        "files": len(files_on_disk(lake)), "unreadable": 0, "rows": 0, "mentions": 0,
        "log_files": len(list((folder_of(lake) / "_delta_log").rglob("*.*"))),
    }  # fmt: skip


def test_everywhere_is_looked_into_when_no_shard_is_known(lake: DeltaLake) -> None:
    before = everything(lake)
    lake.erase(RAW_POSTS, GONE, None, writers_ended=False)
    assert everything(lake).equals(before.filter(pl.col("subject_id") != GONE))


def test_a_file_of_nobody_else_is_removed_whole(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path / "lake")
    for seq, subject in enumerate(("a", "b")):
        lake.append(CUSTOMER_PROFILES, profiles(seq, [(subject, 0)]))
    lake.erase(CUSTOMER_PROFILES, "a", 0, writers_ended=False)
    assert lake.scan(CUSTOMER_PROFILES).collect()["subject_id"].to_list() == ["b"]
    assert len(lake.files(CUSTOMER_PROFILES)) == 1


def test_erasing_again_or_a_stranger_writes_nothing(lake: DeltaLake) -> None:
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=False)
    version = lake.version(RAW_POSTS)
    assert lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)["rows_deleted"] == 0
    assert lake.erase(RAW_POSTS, "nobody", SHARD, writers_ended=True)["rows_deleted"] == 0
    assert lake.version(RAW_POSTS) == version


def test_a_folder_with_strange_characters_is_no_obstacle(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path / "José's data, #{1}")
    write(lake, 0)
    assert lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)["rows_deleted"] == 0
    assert lake.erase(RAW_POSTS, GONE, 3, writers_ended=True)["rows_deleted"] == 1
    assert lake.find_subject(RAW_POSTS, GONE, None)["rows"] == 0


def test_tables_of_nobody_and_tables_that_are_not_there_are_left_alone(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path / "lake")
    lake.append(AD_CREATIVES, frame(AD_CREATIVES, [{}]))
    assert not lake.erase(AD_CREATIVES, GONE, None, writers_ended=True)
    assert not lake.erase(RAW_POSTS, GONE, 0, writers_ended=True)
    assert not lake.find_subject(RAW_POSTS, GONE, 0)
    assert lake.version(RAW_POSTS) is None


def test_what_a_killed_writer_left_goes_once_all_writers_ended(lake: DeltaLake) -> None:
    [orphan, *_] = (path for path in lake.files(RAW_POSTS) if f"shard={SHARD}/" in path)
    rows = posts(0, {1: [10, 24]}, shards={1: [SHARD]}).drop("event_date", "shard")
    assert set(rows["subject_id"]) == {GONE}
    left = Path(orphan).with_name("part-left.parquet")
    rows.write_parquet(left)
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=False)
    assert left.exists(), "a writer may be about to commit it"
    assert lake.find_subject(RAW_POSTS, GONE, SHARD)["rows"] == 2
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)
    assert not left.exists()


def test_a_torn_file_is_counted_and_hides_no_other(lake: DeltaLake) -> None:
    folder = Path(next(path for path in lake.files(RAW_POSTS) if f"shard={SHARD}/" in path)).parent
    (folder / "part-torn.parquet").write_bytes(b"PAR1 torn")
    found = lake.find_subject(RAW_POSTS, GONE, SHARD)
    assert (found["unreadable"], found["rows"]) == (1, rows_in(lake))
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)
    assert lake.find_subject(RAW_POSTS, GONE, SHARD)["rows"] == 0
    assert (folder / "part-torn.parquet").exists()


def rows_in(lake: DeltaLake, shard: int = SHARD) -> int:
    return everything(lake).filter((pl.col("subject_id") == GONE) & (pl.col("shard") == shard)).height


@pytest.mark.parametrize("rival", ["retry", "first attempt", "merge"])
def test_an_erasure_starts_again_upon_whoever_came_first(
    lake: DeltaLake, rival: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, began = everything(lake), []
    for seq in range(BATCHES, BATCHES + 2 * FANOUT):
        write(lake, seq)
    before = everything(lake)
    real = delta_erase.write_file

    def late(*args: object, **options: object) -> object:
        if not began:
            began.append(rival)
            if rival == "merge":
                assert merge_small_files(RAW_POSTS, handle_of(lake), shards=[SHARD])[0]
            else:
                write(lake, 1 if rival == "retry" else 100, again=rival == "retry")
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(delta_erase, "write_file", late)
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)
    kept = everything(lake)
    assert began
    assert rows_in(lake) == 0
    assert kept.filter(pl.col("batch_seq") < 100).equals(others(before))
    assert kept["stream_offset"].is_unique().all()


@pytest.mark.parametrize("again", [True, False])
def test_a_writer_that_began_before_the_erasure_conflicts_and_brings_nothing_back(lake: DeltaLake, again: bool) -> None:
    before, calls = everything(lake), []

    def guard() -> None:
        if not calls:
            lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=False)
        calls.append(1)

    seq = 1 if again else 100
    span = (EACH * seq, EACH * (seq + 1))
    new = posts(seq, {1: range(*span)}, OTHER_DAY).filter(pl.col("subject_id") != GONE)
    lake.replace_slice(RAW_POSTS, new, post_slice(seq, {1: span}, again=again), guard)
    assert len(calls) == 2, "it was told, and ran again upon the erasure"
    kept = everything(lake)
    assert rows_in(lake) == 0
    assert kept.filter(pl.col("batch_seq") == seq).height == new.height
    assert kept.filter(pl.col("batch_seq") != seq).equals(others(before).filter(pl.col("batch_seq") != seq))


def test_a_merge_that_began_before_the_erasure_leaves_no_file_behind(
    lake: DeltaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in range(BATCHES, BATCHES + 2 * FANOUT):
        write(lake, seq)
    late = handle_of(lake)
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)
    monkeypatch.setattr(
        "alphaads_pipelines.stores.lake.delta_merge.file_rows",
        lambda *_: posts(1, {1: [10]}).drop("shard", "event_date"),
    )
    merged, given_up = merge_small_files(RAW_POSTS, late, shards=[SHARD])
    assert (merged, given_up > 0) == (0, True)
    assert lake.find_subject(RAW_POSTS, GONE, SHARD)["rows"] == 0


def test_others_that_keep_committing_first_are_an_error_to_try_again(
    lake: DeltaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta, "_ATTEMPTS", 2)
    numbers = iter(range(100, 200))
    real = delta_erase.write_file

    def late(*args: object, **options: object) -> object:
        write(lake, next(numbers))
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(delta_erase, "write_file", late)
    with pytest.raises(WriteConflict):
        lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=False)


def test_an_erasure_that_stops_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    """Stops at every point it tells of, one after the other."""
    chance = random.Random(5)
    stops = 0
    while True:
        lake = DeltaLake(tmp_path / str(stops), tidy_after_files=10**9)
        for seq in range(BATCHES):
            write(lake, seq)
        write(lake, chance.randrange(BATCHES), again=True)
        before, told = everything(lake), []

        def stop(where: str, told: list[str] = told, at: int = stops) -> None:
            told.append(where)
            if len(told) > at:
                raise KeyboardInterrupt

        try:
            lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=False, tick=stop)
        except KeyboardInterrupt:
            stops += 1
        else:
            break
        DeltaLake(tmp_path / str(stops - 1)).erase(RAW_POSTS, GONE, SHARD, writers_ended=True)
        assert lake.find_subject(RAW_POSTS, GONE, SHARD)["rows"] == 0
        assert everything(lake).equals(others(before))
    assert stops == 3


def test_maintenance_after_an_erasure_finds_nothing_missing(lake: DeltaLake) -> None:
    lake.erase(RAW_POSTS, GONE, SHARD, writers_ended=True)
    lake.maintain(RAW_POSTS, retention_hours=0)
    assert rows_in(lake) == 0
    assert lake.find_subject(RAW_POSTS, GONE, SHARD)["mentions"] == 0
    assert everything(lake)["shard"].is_in(range(SHARDS)).all()
