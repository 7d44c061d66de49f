"""The suppression list on SQLite and on PostgreSQL: no process ingests erased people again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.privacy.keys import Identity
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.privacy.secrets_file import MasterKeys
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.stores.subjects import subject_keys
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
from alphaads_pipelines.stores.subjects.suppressions import Suppressions, suppressed_among

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(MasterKeys(*(bytes([place]) * 32 for place in range(len(fields(MasterKeys))))))
RING = partial(KeyRing, "k", {"k": bytes(32)})
ADA, BO, CY = (PSEUDONYMS.identity("x", name) for name in ("ada", "bo", "cy"))


@pytest.fixture
def keys(engine: Engine) -> RelationalSubjectKeys:
    return _keys(engine)


@pytest.fixture
def suppressions(engine: Engine, keys: RelationalSubjectKeys) -> Suppressions:
    return Suppressions(engine, PSEUDONYMS, keys.generation)


def _keys(engine: Engine) -> RelationalSubjectKeys:
    return RelationalSubjectKeys(engine, RING, 16, suppressed=partial(suppressed_among, PSEUDONYMS))


def _erase(engine: Engine, identity: Identity) -> str:
    """As another process does it, whose keys and suppressions are its own."""
    keys = _keys(engine)
    [subject] = keys.ensure([identity])
    with transaction(engine) as connection:
        Suppressions(engine, PSEUDONYMS, keys.generation).suppress(connection, [identity.mac], subject.subject_id, NOON)
    keys.destroy(subject.subject_id)
    return subject.subject_id


@contextmanager
def _questions(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "suppressions" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_who_was_erased_is_known_and_nobody_else(suppressions: Suppressions, engine: Engine) -> None:
    erased = _erase(engine, ADA)
    assert suppressions.suppressed([ADA.mac, BO.mac]) == {ADA.mac}
    assert suppressions.suppressed([]) == set()
    assert suppressions.is_suppressed(erased)
    assert not suppressions.is_suppressed("0" * 32)


def test_suppressing_again_changes_nothing(suppressions: Suppressions, engine: Engine) -> None:
    for _ in range(2):
        with transaction(engine) as connection:
            suppressions.suppress(connection, [ADA.mac, BO.mac], "s" * 32, NOON)
    with reading(engine) as connection:
        kinds = connection.execute(sa.select(sql_table("suppressions").c.kind)).scalars().all()
    assert sorted(kinds) == ["identity", "identity", "subject"]


def test_the_list_leads_to_nobody_without_its_key(suppressions: Suppressions, engine: Engine) -> None:
    erased = _erase(engine, ADA)
    with reading(engine) as connection:
        held = {bytes(mac) for mac in connection.execute(sa.select(sql_table("suppressions").c.mac)).scalars()}
    assert len(held) == 2
    assert not held & {ADA.mac, erased.encode(), bytes.fromhex(erased)}


def test_many_are_asked_for_in_one_query_and_once(suppressions: Suppressions, engine: Engine) -> None:
    _erase(engine, ADA)
    macs = [PSEUDONYMS.identity("x", f"{number}").mac for number in range(500)]
    with _questions(engine) as seen:
        assert suppressions.suppressed([ADA.mac, *macs]) == {ADA.mac}
        assert len(seen) == 1
        assert suppressions.suppressed(macs) == set()
        assert len(seen) == 1, "who is not suppressed is remembered"


def test_what_is_remembered_is_forgotten_when_a_key_is_destroyed(
    suppressions: Suppressions, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject_keys, "_POLL_S", 0.0)
    assert suppressions.suppressed([ADA.mac]) == set()
    _erase(engine, ADA)
    assert suppressions.suppressed([ADA.mac]) == {ADA.mac}


def test_no_more_is_remembered_than_fits(keys: RelationalSubjectKeys, engine: Engine) -> None:
    small = Suppressions(engine, PSEUDONYMS, keys.generation, cache_size=2)
    assert small.suppressed([ADA.mac, BO.mac]) == small.suppressed([CY.mac]) == set()
    with _questions(engine) as seen:
        small.suppressed([CY.mac])
        assert seen == []
        small.suppressed([ADA.mac])
        assert len(seen) == 1


def test_an_erased_identity_gets_no_new_subject_though_nobody_asked_the_list(
    keys: RelationalSubjectKeys, engine: Engine
) -> None:
    _erase(engine, ADA)
    with pytest.raises(StoreUnavailable, match="ask again"):
        keys.ensure([BO, ADA])
    assert keys.find(ADA) is None
    assert keys.find(BO) is None, "the whole batch is asked for again"
    [subject] = keys.ensure([BO])
    assert keys.find(BO) == subject.subject_id


def test_whoever_is_told_to_ask_again_hears_of_the_erasure_at_once(
    keys: RelationalSubjectKeys, suppressions: Suppressions, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject_keys, "_POLL_S", 3600.0)
    assert suppressions.suppressed([ADA.mac]) == set()
    _erase(engine, ADA)
    assert suppressions.suppressed([ADA.mac]) == set(), "the last look was less than an hour ago"
    with pytest.raises(StoreUnavailable):
        keys.ensure([ADA])
    assert suppressions.suppressed([ADA.mac]) == {ADA.mac}
