"""Changes of profiles: listed with each publication, trimmed, and enough for whoever may go by them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from alphaads_pipelines.ingest.publish import publish_profiles
from alphaads_pipelines.stores.live_profiles import LISTED, changed_profiles, whole_shards
from alphaads_pipelines.stores.sql.relational import METADATA, connect, reading, sql_table, transaction

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLE = ("a", "b", "c", "d")


def _publish(engine: Engine, move: int, shards: Sequence[int], people: Sequence[str] = PEOPLE) -> None:
    rows = [
        {"subject_id": each, "shard": PEOPLE.index(each) % 2, "state": str(move).encode()}
        for each in people
        if PEOPLE.index(each) % 2 in shards
    ]
    with transaction(engine) as connection:
        publish_profiles(connection, rows, shards, move, {}, NOON)


def _listed(engine: Engine, shard: int) -> list[int]:
    changes = sql_table("profile_changes")
    query = sa.select(changes.c.publish_seq).where(changes.c.shard == shard).distinct().order_by(changes.c.publish_seq)
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def _listed_after(engine: Engine) -> dict[int, int | None]:
    published = sql_table("published")
    with reading(engine) as connection:
        return dict(connection.execute(sa.select(published.c.shard, published.c.listed_after)).tuples().all())


def test_only_the_last_publications_stay_listed(engine: Engine) -> None:
    for move in range(1, LISTED + 10):
        _publish(engine, move, (0,))
        assert len(_listed(engine, 0)) <= LISTED
    assert _listed(engine, 0) == list(range(10, LISTED + 10))
    assert _listed_after(engine) == {0: 9}
    with reading(engine) as connection:
        rows = connection.execute(sa.select(sa.func.count()).select_from(sql_table("profile_changes"))).scalar_one()
    assert rows == LISTED * 2


def test_the_last_change_of_a_shard_that_rests_stays_until_it_moves(engine: Engine) -> None:
    _publish(engine, 1, (0, 1))
    for move in range(2, 2 * LISTED):
        _publish(engine, move, (0,))
    assert _listed(engine, 1) == [1]
    _publish(engine, 2 * LISTED, (1,))
    assert (_listed(engine, 1), _listed_after(engine)[1]) == ([2 * LISTED], 1)


def test_a_publication_of_nobody_moves_on_all_the_same(engine: Engine) -> None:
    for move in range(1, LISTED + 3):
        _publish(engine, move, (0,), people=())
    assert (_listed(engine, 0), _listed_after(engine)) == ([], {0: 2})


def test_changes_lead_to_what_is_current(engine: Engine) -> None:
    _publish(engine, 1, (0, 1))
    _publish(engine, 2, (0,), people=("a",))
    _publish(engine, 3, (0,), people=("a",))
    with reading(engine) as connection:
        assert changed_profiles(connection, 0, 1) == {"a": b"3"}
        assert changed_profiles(connection, 0, 0) == {"a": b"3", "c": b"1"}
        assert changed_profiles(connection, 1, 1) == {}
        assert whole_shards(connection, [0, 1, 2]) == {0: {"a": b"3", "c": b"1"}, 1: {"b": b"1", "d": b"1"}, 2: {}}


_MOVES = st.lists(
    st.tuples(st.sampled_from([(0,), (1,), (0, 1)]), st.sets(st.sampled_from(PEOPLE)), st.integers(1, LISTED)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=_MOVES, seen_at=st.integers(0, 12))
def test_whoever_may_go_by_the_changes_ends_with_all_there_is(
    moves: list[tuple[tuple[int, ...], set[str], int]], seen_at: int
) -> None:
    """However shards take turns, and whichever numbers other shards used up in between."""
    engine = connect("sqlite://")
    METADATA.create_all(engine)
    seen: dict[int, dict[str, bytes]] = {0: {}, 1: {}}
    pointers: dict[int, int] = {0: 0, 1: 0}
    move = 0
    for number, (shards, people, step) in enumerate(moves):
        move += step
        _publish(engine, move, shards, sorted(people))
        if number == seen_at:
            pointers |= {each: _pointer(engine, each) for each in (0, 1)}
            with reading(engine) as connection:
                seen = whole_shards(connection, (0, 1))
    for shard, after in _listed_after(engine).items():
        if after is not None and pointers[shard] >= after:
            with reading(engine) as connection:
                now = {**seen[shard], **changed_profiles(connection, shard, pointers[shard])}
                assert now == whole_shards(connection, [shard])[shard]
    engine.dispose()


def _pointer(engine: Engine, shard: int) -> int:
    published = sql_table("published")
    with reading(engine) as connection:
        query = sa.select(published.c.publish_seq).where(published.c.shard == shard)
        return connection.execute(query).scalar() or 0
