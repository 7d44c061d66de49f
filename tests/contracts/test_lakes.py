"""The contract of `stores.lake.base.Lake`, as Delta keeps it; another lake joins `LAKES`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import Fenced, NotFound, SchemaMismatch, WriteConflict
from alphaads_pipelines.schema.columns import Column, Table
from alphaads_pipelines.schema.tables import (
    AD_CREATIVES,
    BANDIT_POLICY,
    CUSTOMER_PROFILES,
    LAKE_TABLES,
    POST_SCORES,
    RAW_POSTS,
)
from alphaads_pipelines.stores.lake.base import Lake, Slice, empty_frame, polars_schema
from alphaads_pipelines.stores.lake.delta import DeltaLake
from tests.stores.lake.lake_rows import DAY, OTHER_DAY, frame, no_guard, places, post_slice, posts, profiles

MakeLake = Callable[[], Lake]
LAKES = [DeltaLake]


@pytest.fixture(params=LAKES)
def make_lake(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLake:
    """Each call is another process's view of the same lake."""
    return lambda: request.param(tmp_path / "lake")


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    return make_lake()


def test_an_untouched_table_is_empty_and_has_no_version(lake: Lake) -> None:
    for table in LAKE_TABLES:
        assert lake.version(table) is None
        assert lake.scan(table).collect_schema() == polars_schema(table)
        assert lake.scan(table).collect().is_empty()
        assert not lake.maintain(table, retention_hours=1)
    assert lake.read_slice(RAW_POSTS, post_slice(1, {0: (0, 9)})).is_empty()


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_values_of_every_table_come_back_as_they_were(lake: Lake, table: Table) -> None:
    rows = frame(table, [{}, {}])
    version = lake.append(table, rows)
    assert lake.scan(table).collect().equals(rows)
    assert lake.scan(table, version).collect().equals(rows)


def test_a_slice_replaces_exactly_its_own_offsets(lake: Lake) -> None:
    lake.replace_slice(
        RAW_POSTS, posts(1, {0: range(10), 1: range(5)}), post_slice(1, {0: (0, 10), 1: (0, 5)}), no_guard
    )
    second = post_slice(2, {0: (10, 20), 1: (5, 30)})
    lake.replace_slice(RAW_POSTS, posts(2, {0: range(10, 20), 1: range(5, 30)}), second, no_guard)
    lake.maintain(RAW_POSTS, retention_hours=1)
    again = dataclasses.replace(second, again=True)
    lake.replace_slice(RAW_POSTS, posts(2, {0: [11], 1: [29]}), again, no_guard)
    expected = [(1, 0, each) for each in range(10)] + [(1, 1, each) for each in range(5)] + [(2, 0, 11), (2, 1, 29)]
    assert places(lake.scan(RAW_POSTS)) == expected
    assert places(lake.read_slice(RAW_POSTS, again)) == [(2, 0, 11), (2, 1, 29)]


def test_partitions_of_one_batch_have_their_own_ranges(lake: Lake) -> None:
    lake.replace_slice(
        RAW_POSTS, posts(1, {0: range(100), 1: range(100)}), post_slice(1, {0: (0, 100), 1: (0, 100)}), no_guard
    )
    odd = post_slice(2, {0: (0, 10), 1: (90, 100)}, again=True)
    lake.replace_slice(RAW_POSTS, empty_frame(RAW_POSTS), odd, no_guard)
    kept = places(lake.scan(RAW_POSTS))
    assert kept == [(1, 0, each) for each in range(10, 100)] + [(1, 1, each) for each in range(90)]


@pytest.mark.parametrize("second", [posts(1, {0: range(8)}, OTHER_DAY), posts(1, {0: [3]}), empty_frame(RAW_POSTS)])
def test_a_retry_removes_what_the_attempt_before_wrote(lake: Lake, second: pl.DataFrame) -> None:
    lake.replace_slice(RAW_POSTS, posts(0, {1: range(8)}), post_slice(0, {1: (0, 8)}), no_guard)
    where = post_slice(1, {0: (0, 8)})
    lake.replace_slice(RAW_POSTS, posts(1, {0: range(8)}, DAY), where, no_guard)
    lake.replace_slice(RAW_POSTS, second, dataclasses.replace(where, again=True), no_guard)
    found = lake.scan(RAW_POSTS).filter(pl.col("batch_seq") == 1).collect()
    assert found.sort("stream_offset").equals(second)
    assert lake.scan(RAW_POSTS).filter(pl.col("batch_seq") == 0).collect().height == 8


def test_the_same_rows_again_give_the_same_table(lake: Lake) -> None:
    rows, where = posts(1, {0: range(20), 1: range(20)}), post_slice(1, {0: (0, 20), 1: (0, 20)}, again=True)
    for _ in range(3):
        lake.replace_slice(RAW_POSTS, rows, where, no_guard)
    assert lake.scan(RAW_POSTS).collect().sort("post_key").equals(rows.sort("post_key"))


def test_a_first_attempt_without_rows_writes_nothing(lake: Lake) -> None:
    made = lake.replace_slice(RAW_POSTS, empty_frame(RAW_POSTS), post_slice(1, {0: (0, 9)}), no_guard)
    version = lake.replace_slice(RAW_POSTS, posts(2, {0: [9]}), post_slice(2, {0: (9, 10)}), no_guard)
    assert version == made + 1
    assert lake.replace_slice(RAW_POSTS, empty_frame(RAW_POSTS), post_slice(3, {0: (10, 20)}), no_guard) == version
    assert lake.version(RAW_POSTS) == version


@pytest.mark.parametrize("where", [Slice(3, (), ()), Slice(3, (), (), again=True), Slice(3, (), (0, 1), again=True)])
def test_an_empty_slice_holds_and_removes_nothing(lake: Lake, where: Slice) -> None:
    lake.replace_slice(RAW_POSTS, posts(3, {0: [1]}), post_slice(3, {0: (1, 2)}), no_guard)
    lake.replace_slice(RAW_POSTS, empty_frame(RAW_POSTS), where, no_guard)
    assert lake.read_slice(RAW_POSTS, where).is_empty()
    assert places(lake.scan(RAW_POSTS)) == [(3, 0, 1)]
    with pytest.raises(SchemaMismatch, match="outside"):
        lake.replace_slice(RAW_POSTS, posts(3, {0: [1]}), where, no_guard)


def test_rows_outside_the_slice_are_refused(lake: Lake) -> None:
    for where in (post_slice(1, {0: (0, 3)}), post_slice(1, {1: (0, 9)})):
        with pytest.raises(SchemaMismatch, match="outside the slice of batch 1"):
            lake.replace_slice(RAW_POSTS, posts(1, {0: range(4)}), where, no_guard)
    assert lake.scan(RAW_POSTS).collect().is_empty()


def test_single_posts_are_erased_from_now_and_from_every_older_version(lake: Lake) -> None:
    rows = posts(1, {0: range(20), 1: range(20)})
    first = lake.replace_slice(RAW_POSTS, rows, post_slice(1, {0: (0, 20), 1: (0, 20)}), no_guard)
    [shard, *_] = rows["shard"].unique().sort()
    gone = rows.filter(pl.col("shard") == shard)["post_key"].to_list()[:3]
    elsewhere = rows.filter(pl.col("shard") != shard)["post_key"][0]
    assert lake.erase_posts(RAW_POSTS, [*gone, elsewhere, b"no such key     "], shard)["rows_deleted"] == 3
    kept = rows.filter(~pl.col("post_key").is_in(gone))
    assert lake.scan(RAW_POSTS).collect().sort("post_key").equals(kept.sort("post_key"))
    assert lake.erase_posts(RAW_POSTS, gone, shard).get("rows_deleted", 0) == 0
    assert not lake.erase_posts(POST_SCORES, gone, shard), "a table that is not there"
    with pytest.raises((OSError, pl.exceptions.ComputeError)):
        lake.scan(RAW_POSTS, first).collect()  # its file is deleted


def test_subject_tables_are_sliced_by_batch(lake: Lake) -> None:
    where = post_slice(7, {0: (0, 5)})
    before = post_slice(6, {0: (0, 5), 1: (0, 5)})
    lake.replace_slice(CUSTOMER_PROFILES, profiles(6, [("a", 0), ("b", 1)]), before, no_guard)
    lake.replace_slice(CUSTOMER_PROFILES, profiles(7, [("a", 0), ("c", 2)]), where, no_guard)
    lake.replace_slice(CUSTOMER_PROFILES, profiles(7, [("c", 2)]), dataclasses.replace(where, again=True), no_guard)
    found = lake.scan(CUSTOMER_PROFILES).select("batch_seq", "subject_id").collect().rows()
    assert sorted(found) == [(6, "a"), (6, "b"), (7, "c")]
    assert lake.read_slice(CUSTOMER_PROFILES, where, ["subject_id"]).to_series().to_list() == ["c"]
    with pytest.raises(SchemaMismatch, match="outside"):
        lake.replace_slice(CUSTOMER_PROFILES, profiles(6, [("a", 0)]), where, no_guard)


def test_tables_without_places_cannot_be_sliced(lake: Lake) -> None:
    with pytest.raises(SchemaMismatch, match="ad_creatives"):
        lake.replace_slice(AD_CREATIVES, frame(AD_CREATIVES, [{}]), post_slice(1, {0: (0, 1)}), no_guard)


def test_a_fenced_writer_writes_nothing(lake: Lake) -> None:
    def guard() -> None:
        raise Fenced("attempt 2 owns the batch")

    for rows in (posts(1, {0: [1]}), empty_frame(RAW_POSTS)):
        with pytest.raises(Fenced):
            lake.replace_slice(RAW_POSTS, rows, post_slice(1, {0: (0, 9)}), guard)
    assert lake.scan(RAW_POSTS).collect().is_empty()


@pytest.mark.parametrize("table", [RAW_POSTS, CUSTOMER_PROFILES], ids=lambda table: table.name)
@pytest.mark.parametrize("newer", ["rows", "other dates", "nothing"])
@pytest.mark.parametrize("same_process", [True, False])
def test_a_writer_that_lost_its_batch_after_the_guard_is_stopped(
    make_lake: MakeLake, table: Table, newer: str, same_process: bool
) -> None:
    """The newer attempt commits between the guard of the older one and its write: the older must come back to it."""
    old = make_lake()
    new = old if same_process else make_lake()
    where = post_slice(5, {0: (0, 20)})
    day = OTHER_DAY if newer == "other dates" else DAY
    if table is RAW_POSTS:
        stale, fresh = posts(5, {0: range(20)}), posts(5, {0: range(5)}, day)
    else:
        stale, fresh = profiles(5, [("a", 0), ("b", 2)]), profiles(5, [("a", 0)])
    fresh = fresh.clear() if newer == "nothing" else fresh
    calls = 0

    def guard() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Fenced("attempt 2 owns the batch")
        new.replace_slice(table, fresh, dataclasses.replace(where, again=True), no_guard)

    old.append(table, stale.clear())
    with pytest.raises(Fenced):
        old.replace_slice(table, stale, where, guard)
    assert calls == 2
    assert lake_rows_equal(make_lake().scan(table).collect(), fresh)


def lake_rows_equal(found: pl.DataFrame, expected: pl.DataFrame) -> bool:
    return found.sort(found.columns).equals(expected.sort(expected.columns))


def test_conflicts_are_retried_and_bounded(make_lake: MakeLake) -> None:
    lake, other = make_lake(), make_lake()
    where = post_slice(1, {0: (0, 5)}, again=True)
    left = 3

    def disturbed() -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            other.replace_slice(RAW_POSTS, posts(1, {0: [left % 5]}), where, no_guard)

    lake.replace_slice(RAW_POSTS, posts(1, {0: [4]}), where, disturbed)
    assert places(lake.scan(RAW_POSTS)) == [(1, 0, 4)]
    left = 10**6
    with pytest.raises(WriteConflict):
        lake.replace_slice(RAW_POSTS, posts(1, {0: [4]}), where, disturbed)


def test_other_shards_do_not_conflict(make_lake: MakeLake) -> None:
    lake, other, calls = make_lake(), make_lake(), []

    def guard() -> None:
        calls.append(1)
        other.replace_slice(RAW_POSTS, posts(2, {1: range(50)}), post_slice(2, {1: (0, 50)}), no_guard)

    lake.replace_slice(RAW_POSTS, posts(1, {0: range(50)}), post_slice(1, {0: (0, 50)}), guard)
    assert calls == [1]
    assert lake.scan(RAW_POSTS).collect().height == 100


def test_versions_stay_readable_and_unknown_ones_are_said(lake: Lake) -> None:
    first = lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": 1}]))
    second = lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{"version": 2}]))
    assert lake.scan(BANDIT_POLICY, first).collect()["version"].to_list() == [1]
    assert sorted(lake.scan(BANDIT_POLICY, second).collect()["version"]) == [1, 2]
    assert lake.version(BANDIT_POLICY) == second
    for version in (second + 1, -1):
        with pytest.raises(NotFound):
            lake.scan(BANDIT_POLICY, version)
    with pytest.raises(NotFound):
        lake.scan(AD_CREATIVES, 0)


def test_a_scan_is_of_the_moment_it_was_made(lake: Lake) -> None:
    lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{}]))
    before = lake.scan(BANDIT_POLICY)
    lake.append(BANDIT_POLICY, frame(BANDIT_POLICY, [{}]))
    assert before.collect().height == 1


def test_replace_all_leaves_only_the_new_rows(lake: Lake) -> None:
    lake.replace_all(AD_CREATIVES, frame(AD_CREATIVES, [{"creative_id": "a"}, {"creative_id": "b"}]))
    lake.replace_all(AD_CREATIVES, frame(AD_CREATIVES, [{"creative_id": "c"}]))
    assert lake.scan(AD_CREATIVES).collect()["creative_id"].to_list() == ["c"]
    lake.replace_all(AD_CREATIVES, empty_frame(AD_CREATIVES))
    assert lake.scan(AD_CREATIVES).collect().is_empty()
    with pytest.raises(SchemaMismatch, match="partitioned"):
        lake.replace_all(RAW_POSTS, empty_frame(RAW_POSTS))


def test_rows_that_break_the_contract_are_refused(lake: Lake) -> None:
    good, where = posts(1, {0: [0]}), post_slice(1, {0: (0, 1)})
    secret = "planted-value"
    for bad in (
        good.drop("platform"),
        good.with_columns(mood=pl.lit(secret)),
        good.with_columns(version=pl.lit(1, pl.Int64)),
        good.with_columns(platform=pl.lit(None, pl.String)),
        good.with_columns(created_at=pl.lit(secret)),
    ):
        for write in (
            lambda rows: lake.replace_slice(RAW_POSTS, rows, where, no_guard),
            lambda rows: lake.append(RAW_POSTS, rows),
            lambda rows: lake.replace_all(RAW_POSTS, rows),
        ):
            with pytest.raises(SchemaMismatch, match="raw_posts") as caught:
                write(bad)
            assert secret not in str(caught.value)
    assert lake.version(RAW_POSTS) is None


def test_columns_come_in_declared_order_whatever_the_order_written(lake: Lake) -> None:
    rows = posts(1, {0: [0]})
    lake.append(RAW_POSTS, rows.select(reversed(rows.columns)))
    assert lake.scan(RAW_POSTS).collect().equals(rows)


def _without(table: Table, name: str) -> Table:
    return dataclasses.replace(table, columns=tuple(each for each in table.columns if each.name != name))


def _with(table: Table, *columns: Column) -> Table:
    return dataclasses.replace(table, columns=(*table.columns, *columns))


def test_a_column_declared_later_is_added_and_null_in_older_rows(make_lake: MakeLake) -> None:
    old_code, new_code = make_lake(), make_lake()
    younger = _with(RAW_POSTS, Column("thread_id", "utf8"), Column("words", "int64", nullable=True))
    version = old_code.replace_slice(RAW_POSTS, posts(1, {0: [0]}), post_slice(1, {0: (0, 1)}), no_guard)
    assert new_code.scan(younger).select("thread_id", "words").collect().rows() == [(None, None)]
    rows = posts(2, {0: [1]}, table=younger)
    new_code.replace_slice(younger, rows, post_slice(2, {0: (1, 2)}), no_guard)
    found = new_code.scan(younger).sort("stream_offset").select("thread_id", "words").collect()
    assert found.rows() == [(None, None), ("x", 0)]
    assert new_code.scan(younger, version).select("thread_id").collect().rows() == [(None,)]
    assert new_code.read_slice(younger, post_slice(1, {0: (0, 2)}), ["thread_id"]).null_count().item() == 1
    old_code.replace_slice(RAW_POSTS, posts(3, {0: [2]}), post_slice(3, {0: (2, 3)}), no_guard)
    assert old_code.scan(RAW_POSTS).collect().columns == list(RAW_POSTS.column_names)
    assert new_code.scan(younger).sort("stream_offset").collect()["words"].to_list() == [None, 0, None]


def test_a_column_that_changes_its_type_is_refused(lake: Lake) -> None:
    lake.append(POST_SCORES, frame(POST_SCORES, [{}]))
    flipped = _with(_without(POST_SCORES, "tier"), Column("tier", "int64"))
    with pytest.raises(SchemaMismatch, match=r"post_scores\.tier"):
        lake.append(flipped, frame(flipped, [{}]))
    with pytest.raises(SchemaMismatch, match=r"post_scores\.tier"):
        lake.scan(flipped)
    with pytest.raises(SchemaMismatch, match="partitions"):
        lake.append(dataclasses.replace(POST_SCORES, partition_by=("shard",)), frame(POST_SCORES, [{}]))


def test_maintenance_changes_no_row(lake: Lake) -> None:
    for seq in range(20):
        lake.replace_slice(RAW_POSTS, posts(seq, {0: [seq]}), post_slice(seq, {0: (seq, seq + 1)}), no_guard)
    before = lake.scan(RAW_POSTS).collect().sort("stream_offset")
    figures = lake.maintain(RAW_POSTS, retention_hours=1)
    assert figures["rows"] == 20
    assert lake.scan(RAW_POSTS).collect().sort("stream_offset").equals(before)


@pytest.mark.parametrize("kind", LAKES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_walk_of_batches_retries_and_replays_ends_as_the_model_says(
    kind: type[DeltaLake], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lake = kind(tmp_path_factory.mktemp("walk"))
    bounds: list[dict[int, tuple[int, int]]] = []
    model: dict[tuple[int, int], tuple[int, str]] = {}
    next_offset = {0: 0, 1: 0}
    for _ in range(data.draw(st.integers(2, 7))):
        retry = bool(bounds) and data.draw(st.booleans())
        seq = data.draw(st.integers(0, len(bounds) - 1)) if retry else len(bounds)
        if not retry:
            counts = data.draw(st.dictionaries(st.sampled_from([0, 1]), st.integers(1, 6), min_size=1))
            bounds.append({each: (next_offset[each], next_offset[each] + n) for each, n in counts.items()})
            next_offset.update({each: end for each, (_, end) in bounds[-1].items()})
        kept = {each: [o for o in range(*span) if data.draw(st.booleans())] for each, span in bounds[seq].items()}
        day = data.draw(st.sampled_from([DAY, OTHER_DAY]))
        lake.replace_slice(RAW_POSTS, posts(seq, kept, day), post_slice(seq, bounds[seq], again=retry), no_guard)
        model = {place: value for place, value in model.items() if value[0] != seq}
        model.update({(each, offset): (seq, str(day)) for each, offsets in kept.items() for offset in offsets})
        if data.draw(st.integers(0, 3)) == 0:
            lake.maintain(RAW_POSTS, retention_hours=0)
    found = lake.scan(RAW_POSTS).collect()
    columns = ("stream_partition", "stream_offset", "batch_seq", "event_date")
    assert {(p, o): (seq, str(day)) for p, o, seq, day in found.select(columns).rows()} == model
    assert found.height == len(model)
