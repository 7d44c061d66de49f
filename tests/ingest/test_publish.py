"""Publishing: one transaction, and nothing of it from an attempt that was overtaken."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import Fenced
from alphaads_pipelines.ingest import publish as publishing
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.ingest.publish import publish
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.stores.sql.documents import publish_document, read_document
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
from tests.concurrency import at_once
from tests.ingest.ledgers import COUNTS, NOON, at, claimed, ledger_on, never, plan_one

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    _make_keys(engine, "s1", "s2")
    return ledger_on(engine)


def _make_keys(engine: Engine, *subjects: str) -> None:
    rows = [{"key_id": f"key of {each}", "subject_id": each, "kek_id": "k", "wrapped_key": b""} for each in subjects]
    with transaction(engine) as connection:
        insert_ignore(connection, "subject_keys", [{**row, "expires_at": None} for row in rows])


def _profiles(*rows: tuple[str, int, bytes]) -> pl.DataFrame:
    names = ("subject_id", "shard", "state")
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], schema=dict.fromkeys(names), strict=False)


def _rows(engine: Engine, table: str) -> Sequence[Any]:
    held = sql_table(table)
    with reading(engine) as connection:
        return connection.execute(sa.select(held).order_by(*held.primary_key)).all()


def _everything(engine: Engine) -> list[Sequence[Any]]:
    return [_rows(engine, table) for table in ("batches", "stream_positions", "published", "live_profiles")]


def _pointers(engine: Engine) -> dict[int, tuple[int, dict[str, int]]]:
    return {row.shard: (row.publish_seq, row.versions) for row in _rows(engine, "published")}


def test_publishing_moves_batch_profiles_and_pointers_together(engine: Engine, ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, {1: 10}))
    publish(engine, ledger, batch, COUNTS, _profiles(("s1", 1, b"a"), ("s2", 5, b"b")), {"raw_posts": 3}, at(1))
    assert ledger.get(batch.seq).state == "committed"
    assert _pointers(engine) == {1: (1, {"raw_posts": 3}), 5: (1, {"raw_posts": 3})}
    live = [(row.subject_id, row.shard, row.publish_seq, bytes(row.state)) for row in _rows(engine, "live_profiles")]
    assert live == [("s1", 1, 1, b"a"), ("s2", 5, 1, b"b")]


def test_who_was_erased_is_not_published(engine: Engine, ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, {1: 10}))
    _keys(engine).destroy("s1")
    publish(engine, ledger, batch, COUNTS, _profiles(("s1", 1, b"a"), ("s2", 5, b"b")), {"raw_posts": 3}, at(1))
    assert [row.subject_id for row in _rows(engine, "live_profiles")] == ["s2"]
    assert _pointers(engine).keys() == {1, 5}, "everybody else's posts are"


@pytest.mark.parametrize("first", ["erasure", "publishing"])
def test_an_erasure_and_a_publication_that_race_leave_no_profile(engine: Engine, ledger: Ledger, first: str) -> None:
    """The later of the two waits for the earlier one, whose transaction is open when it begins."""
    batch, keys, began = claimed(ledger, plan_one(ledger, {1: 10})), _keys(engine), threading.Event()

    def erase() -> None:
        with transaction(engine) as connection:
            keys.destroy_in(connection, "s1")
            if first == "erasure":
                began.set()
                time.sleep(0.2)
            profiles = sql_table("live_profiles")
            connection.execute(profiles.delete().where(profiles.c.subject_id == "s1"))

    def publish_it() -> None:
        if first == "publishing":
            began.set()
        publish(engine, ledger, batch, COUNTS, _profiles(("s1", 1, b"a"), ("s2", 5, b"b")), {"raw_posts": 3}, at(1))

    early, late = (erase, publish_it) if first == "erasure" else (publish_it, erase)
    thread = threading.Thread(target=early)
    thread.start()
    began.wait()
    late()
    thread.join()
    assert [row.subject_id for row in _rows(engine, "live_profiles")] == ["s2"]


def _keys(engine: Engine) -> RelationalSubjectKeys:
    return RelationalSubjectKeys(engine, lambda: KeyRing("k", {"k": bytes(32)}), 8)


def test_pointers_count_moves_and_keep_what_did_not_move(engine: Engine, ledger: Ledger) -> None:
    first = claimed(ledger, plan_one(ledger, {1: 10}))
    publish(engine, ledger, first, COUNTS, _profiles(("s1", 1, b"a")), {"raw_posts": 3, "post_scores": 2}, at(1))
    second = claimed(ledger, plan_one(ledger, {1: 10, 2: 10}))
    publish(engine, ledger, second, COUNTS, _profiles(("s2", 2, b"b")), {"raw_posts": 4}, at(2))
    [again] = ledger.replay([first.seq], at(3))
    publish(engine, ledger, claimed(ledger, again), COUNTS, _profiles(("s1", 1, b"c")), {"post_scores": 7}, at(4))
    moved, kept = (3, {"raw_posts": 3, "post_scores": 7}), (2, {"raw_posts": 4})
    assert _pointers(engine) == {1: moved, 5: moved, 2: kept, 6: kept}


def test_an_overtaken_attempt_publishes_nothing(engine: Engine, ledger: Ledger) -> None:
    old = claimed(ledger, plan_one(ledger, {1: 10}))
    [planned] = ledger.due(at(31), never)
    _may_not_publish(engine, ledger, old)
    new = claimed(ledger, planned, at(32))
    _may_not_publish(engine, ledger, old)
    publish(engine, ledger, new, COUNTS, _profiles(("s1", 1, b"new")), {"raw_posts": 4}, at(34))
    assert [bytes(row.state) for row in _rows(engine, "live_profiles")] == [b"new"]


def _may_not_publish(engine: Engine, ledger: Ledger, batch: Batch) -> None:
    before = _everything(engine)
    with pytest.raises(Fenced):
        publish(engine, ledger, batch, COUNTS, _profiles(("s1", 1, b"old")), {"raw_posts": 3}, at(33))
    assert _everything(engine) == before


def test_a_publication_that_fails_at_its_end_leaves_nothing(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = claimed(ledger, plan_one(ledger, {1: 10}))
    before = _everything(engine)

    def fail(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(publishing, "_move_pointers", fail)
    with pytest.raises(RuntimeError, match="planted"):
        publish(engine, ledger, batch, COUNTS, _profiles(("s1", 1, b"a")), {"raw_posts": 3}, at(1))
    assert _everything(engine) == before
    ledger.check(batch)


def test_a_publication_of_no_profiles_still_moves_the_pointers(engine: Engine, ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, {1: 10}))
    publish(engine, ledger, batch, COUNTS, _profiles(), {"rejected_posts": 1}, at(1))
    assert set(_pointers(engine)) == {1, 5}


def test_batches_that_publish_at_once_all_show_as_news(engine: Engine, ledger: Ledger) -> None:
    batches = [claimed(ledger, plan_one(ledger, dict.fromkeys(range(count), 5))) for count in (1, 2, 3)]

    def go(batch: Batch) -> None:
        publish(engine, ledger, batch, COUNTS, _profiles((f"s{batch.seq}", batch.shards[0], b"")), {}, NOON)

    at_once(*[partial(go, batch) for batch in batches])
    pointers = _pointers(engine)
    assert set(pointers) == {0, 1, 2, 4, 5, 6}
    for row in _rows(engine, "live_profiles"):
        assert row.publish_seq == pointers[row.shard][0] > 0


def test_documents_are_swapped_whole_and_counted(engine: Engine) -> None:
    assert read_document(engine, "policy") == (0, {})
    assert publish_document(engine, "policy", {"arms": [1], "old": True}, NOON) == 1
    assert publish_document(engine, "policy", {"arms": [2]}, NOON) == 2
    assert publish_document(engine, "advertising", {}, NOON) == 1
    assert read_document(engine, "policy") == (2, {"arms": [2]})


def test_documents_that_are_published_at_once_get_versions_of_their_own(engine: Engine) -> None:
    calls = [partial(publish_document, engine, "policy", {"by": number}, NOON) for number in range(6)]
    versions = at_once(*calls)
    assert sorted(versions) == [1, 2, 3, 4, 5, 6]
    assert read_document(engine, "policy") == (6, {"by": versions.index(6)})
