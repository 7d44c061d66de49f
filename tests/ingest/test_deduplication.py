"""First write wins, on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.ingest.deduplication import KeyedRecord, forget_keys, place_of, register_keys
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from tests.concurrency import at_once

pytestmark = pytest.mark.integration


def _key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _held(engine: Engine) -> dict[bytes, tuple[int, int]]:
    with reading(engine) as connection:
        rows = connection.execute(sa.select(sql_table("post_keys"))).all()
    return {bytes(row.post_key): (row.stream_partition, row.stream_offset) for row in rows}


def test_nobody_claims_nothing(engine: Engine) -> None:
    assert register_keys(engine, []) == []


def test_the_first_claim_wins_and_a_later_one_loses(engine: Engine) -> None:
    assert register_keys(engine, [KeyedRecord(_key(1), 0, 5), KeyedRecord(_key(2), 0, 6)]) == [True, True]
    assert register_keys(engine, [KeyedRecord(_key(1), 0, 9), KeyedRecord(_key(3), 0, 10)]) == [False, True]
    assert register_keys(engine, [KeyedRecord(_key(1), 0, 1)]) == [False], "first is who came first, not who lies lower"


def test_the_same_record_again_is_no_duplicate_of_itself(engine: Engine) -> None:
    records = [KeyedRecord(_key(number % 7), number % 3, number) for number in range(30)]
    first = register_keys(engine, records)
    assert sum(first) == 7
    assert register_keys(engine, records) == first
    assert register_keys(engine, records[::-1]) == first[::-1]


def test_within_one_batch_the_lowest_place_wins_in_whatever_order_it_comes(engine: Engine) -> None:
    records = [
        KeyedRecord(_key(1), 2, 1),
        KeyedRecord(_key(1), 1, 9),
        KeyedRecord(_key(1), 1, 8),
        KeyedRecord(_key(1), 3, 0),
    ]
    assert register_keys(engine, records) == [False, False, True, False]


def test_more_claims_than_a_statement_has_parameters(tight_engine: Engine) -> None:
    records = [KeyedRecord(_key(number), 0, number) for number in range(3_000)]
    assert all(register_keys(tight_engine, records))
    later = [KeyedRecord(_key(number), 1, number) for number in range(1_500, 4_500)]
    assert register_keys(tight_engine, later) == [False] * 1_500 + [True] * 1_500


def test_batches_that_claim_at_once_share_the_keys_without_doubles(engine: Engine) -> None:
    rng = random.Random(7)
    batches = []
    for partition in range(4):
        keys = rng.sample(range(300), 200)
        batches.append([KeyedRecord(_key(key), partition, offset) for offset, key in enumerate(keys)])
    won = at_once(*[partial(register_keys, engine, batch) for batch in batches])
    winners: dict[bytes, tuple[int, int]] = {}
    for batch, wins in zip(batches, won, strict=True):
        for each, is_first in zip(batch, wins, strict=True):
            if is_first:
                assert each.key not in winners
                winners[each.key] = (each.partition, each.offset)
    assert winners == _held(engine)
    assert set(winners) == {each.key for batch in batches for each in batch}


def test_a_forgotten_key_is_nobodys_any_more_and_knows_where_its_record_lay(engine: Engine) -> None:
    claimed, keys = KeyedRecord(_key(1), 2, 7), [_key(1), _key(2), _key(3)]
    assert register_keys(engine, [claimed]) == [True]
    for is_first in (True, False):
        forget_keys(engine, [_key(1), _key(2), _key(2)])
        assert register_keys(engine, [claimed, KeyedRecord(_key(2), 0, 9)]) == [False, False]
        assert register_keys(engine, [KeyedRecord(_key(3), 0, int(is_first))]) == [is_first]
    with reading(engine) as connection:
        found = {bytes(row.post_key): place_of(row) for row in select_in(connection, "post_keys", "post_key", keys)}
    assert found == {_key(1): (2, 7), _key(2): None, _key(3): (0, 1)}


def test_a_claim_that_races_with_forgetting_does_not_stay(engine: Engine) -> None:
    keys = [_key(number) for number in range(60)]
    records = [KeyedRecord(key, number % 3, number) for number, key in enumerate(keys)]
    at_once(partial(register_keys, engine, records), partial(forget_keys, engine, keys))
    assert all(partition < 0 for partition, _ in _held(engine).values())
    assert register_keys(engine, records) == [False] * 60
