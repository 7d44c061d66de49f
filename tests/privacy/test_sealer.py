"""The sealer: bodies open only with their subject's key, until it is destroyed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from alphaads_pipelines.errors import KeyDestroyed, UnsealError
from alphaads_pipelines.privacy.envelope import Envelope
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.privacy.keys import Identity
from alphaads_pipelines.privacy.sealer import Sealer, Unsealed
from alphaads_pipelines.stores.subjects import subject_keys
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
from tests.concurrency import at_once

pytestmark = pytest.mark.integration
SHARDS = 16
RING = partial(KeyRing, "k", {"k": b"k" * 32})
WRONG_RING = partial(KeyRing, "k", {"k": b"w" * 32})
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def _identity(number: int) -> Identity:
    return Identity(number.to_bytes(32, "big"), "x")


def _sealer(engine: Engine, cache_size: int = 100_000) -> Sealer:
    return Sealer(RelationalSubjectKeys(engine, RING, SHARDS), SHARDS, cache_size)


@pytest.fixture
def sealer(engine: Engine) -> Sealer:
    return _sealer(engine)


@pytest.fixture
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll the key generation without delay."""
    monkeypatch.setattr(subject_keys, "_POLL_S", 0.0)


def _seal(sealer: Sealer, *items: tuple[int | None, bytes]) -> list[Envelope]:
    unsealed = [Unsealed(None if who is None else _identity(who), body) for who, body in items]
    return sealer.seal("x", unsealed, "c-1", NOON)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.none() | st.integers(0, 9), st.binary(max_size=300)), max_size=12))
def test_whatever_is_sealed_opens_again_here_and_elsewhere(
    sealer: Sealer, engine: Engine, items: list[tuple[int | None, bytes]]
) -> None:
    sealed = _seal(sealer, *items)
    bodies = [body for _, body in items]
    assert sealer.unseal(sealed) == _sealer(engine).unseal(sealed) == bodies
    assert [each.attributed for each in sealed] == [who is not None for who, _ in items]
    assert all(body not in each.body for body, each in zip(bodies, sealed, strict=True) if len(body) > 3)


def test_an_envelope_says_when_whose_and_where(sealer: Sealer, engine: Engine) -> None:
    [envelope] = _seal(sealer, (1, b"body"))
    [subject] = RelationalSubjectKeys(engine, RING, SHARDS).ensure([_identity(1)])
    assert (envelope.subject_id, envelope.shard, envelope.key_id) == (subject.subject_id, subject.shard, subject.key_id)
    assert (envelope.platform, envelope.correlation_id) == ("x", "c-1")
    assert envelope.observed_at_us == int(NOON.timestamp()) * 1_000_000


def test_the_same_body_never_looks_the_same_twice(sealer: Sealer) -> None:
    sealed = _seal(sealer, *[(1, b"body")] * 50)
    assert len({each.nonce for each in sealed}) == len({each.body for each in sealed}) == 50


def test_sealing_nothing_makes_no_key(sealer: Sealer, engine: Engine) -> None:
    assert _seal(sealer) == []
    assert not subject_keys.needs_key_file(engine)


def test_a_changed_body_or_header_does_not_open(sealer: Sealer) -> None:
    [mine, other] = _seal(sealer, (1, b"a body of some length"), (2, b"another"))
    flipped = bytes([mine.body[0] ^ 1]) + mine.body[1:]
    changes: list[dict[str, Any]] = [
        *({"body": flipped}, {"body": mine.body[:-1]}, {"body": b""}, {"body": other.body}),
        *({"nonce": other.nonce}, {"nonce": b""}, {"platform": "y"}, {"shard": (mine.shard + 1) % SHARDS}),
        *({"schema_version": 2}, {"subject_id": other.subject_id}, {"key_id": other.key_id}),
        {"subject_id": other.subject_id, "key_id": other.key_id, "shard": other.shard},
    ]
    opened = sealer.unseal([msgspec.structs.replace(mine, **changed) for changed in changes])
    assert all(type(each) is UnsealError for each in opened), opened
    assert sealer.unseal([mine, other]) == [b"a body of some length", b"another"]


def test_one_body_that_does_not_open_spoils_no_other(sealer: Sealer) -> None:
    sealed = _seal(sealer, (1, b"a"), (2, b"b"), (3, b"c"))
    sealed[1] = msgspec.structs.replace(sealed[1], body=b"\0" * 20)
    missing = msgspec.structs.replace(sealed[0], key_id="nobodys")
    opened = sealer.unseal([*sealed, missing])
    assert (opened[0], opened[2]) == (b"a", b"c")
    assert [type(opened[1]), type(opened[3])] == [UnsealError, KeyDestroyed]


def test_another_key_file_opens_nothing(sealer: Sealer, engine: Engine) -> None:
    sealed = _seal(sealer, (1, b"a"))
    wrong = Sealer(RelationalSubjectKeys(engine, WRONG_RING, SHARDS), SHARDS)
    with pytest.raises(UnsealError, match="ALPHAADS_KEY_FILE"):
        wrong.unseal(sealed)


def test_a_destroyed_key_opens_nothing_in_any_process_however_warm_its_cache(
    sealer: Sealer, engine: Engine, looking_always: None
) -> None:
    elsewhere = _sealer(engine)
    sealed = _seal(sealer, (1, b"gone"), (2, b"stays"), (None, b"nobody's"))
    for each in (sealer, elsewhere):
        assert each.unseal(sealed) == [b"gone", b"stays", b"nobody's"]
    RelationalSubjectKeys(engine, RING, SHARDS).destroy(sealed[0].subject_id)
    for each in (sealer, elsewhere, _sealer(engine)):
        [first, *rest] = each.unseal(sealed)
        assert isinstance(first, KeyDestroyed)
        assert rest == [b"stays", b"nobody's"]


def test_what_an_erased_person_writes_next_is_sealed_with_a_new_key(
    sealer: Sealer, engine: Engine, looking_always: None
) -> None:
    [old] = _seal(sealer, (1, b"old"))
    RelationalSubjectKeys(engine, RING, SHARDS).destroy(old.subject_id)
    [new] = _seal(sealer, (1, b"new"))
    assert not {old.subject_id, old.key_id} & {new.subject_id, new.key_id}
    [first, second] = sealer.unseal([old, new])
    assert isinstance(first, KeyDestroyed)
    assert second == b"new"


class ErasedMeanwhile(RelationalSubjectKeys):
    """Keys whose subjects are erased by another process just after they were looked up."""

    def ensure(self, identities: Any) -> Any:
        found = super().ensure(identities)
        for each in found:
            RelationalSubjectKeys(self._engine, RING, SHARDS).destroy(each.subject_id)
        return found


def test_a_key_destroyed_while_it_seals_is_not_kept(engine: Engine, looking_always: None) -> None:
    sealer = Sealer(ErasedMeanwhile(engine, RING, SHARDS), SHARDS)
    sealed = _seal(sealer, (1, b"a"))
    assert [type(each) for each in sealer.unseal(sealed)] == [KeyDestroyed]


def test_the_cache_of_ciphers_is_bounded_and_a_larger_batch_opens(engine: Engine) -> None:
    sealer = _sealer(engine, cache_size=5)
    sealed = _seal(sealer, *[(number, bytes([number])) for number in range(20)])
    assert sealer.unseal(sealed) == [bytes([number]) for number in range(20)]
    assert len(sealer._ciphers) == 5


def test_threads_may_share_a_sealer_with_a_small_cache(engine: Engine, looking_always: None) -> None:
    sealer = _sealer(engine, cache_size=2)
    erasing = RelationalSubjectKeys(engine, RING, SHARDS)

    def seal_and_open(start: int) -> None:
        for turn in range(12):
            items = [((start + turn + each) % 8, f"{start} {turn} {each}".encode()) for each in range(5)]
            assert sealer.unseal(_seal(sealer, *items)) == [body for _, body in items]

    def erase() -> None:
        for number in range(100, 112):
            erasing.destroy(erasing.ensure([_identity(number)])[0].subject_id)

    at_once(*[partial(seal_and_open, start) for start in range(3)], erase)
