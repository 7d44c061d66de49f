"""The key ring: wraps and unwraps, and always matches the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphaads_pipelines.errors import ConfigurationError, UnsealError
from alphaads_pipelines.privacy.key_ring import KekMissing, KeyRing, KeyRingFile
from alphaads_pipelines.privacy.secrets_file import MasterKeys

RING = KeyRing("new", {"new": b"n" * 32, "old": b"o" * 32})
DATA_KEY = b"d" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    MasterKeys.load_or_create(tmp_path / "home.key")
    return tmp_path / "home.key"


@pytest.mark.parametrize("kek_id", ["new", "old"])
def test_what_is_wrapped_can_be_opened_by_the_same_key_alone(kek_id: str) -> None:
    wrapped = RING.wrap(kek_id, DATA_KEY, "key", "subject")
    assert DATA_KEY not in wrapped
    assert RING.unwrap(kek_id, wrapped, "key", "subject") == DATA_KEY
    assert RING.wrap(kek_id, DATA_KEY, "key", "subject") != wrapped, "nonces are random"
    other = "new" if kek_id == "old" else "old"
    for wrong in ((other, wrapped, "key", "subject"), (kek_id, wrapped, "key2", "subject"), (kek_id, b"", "key", "s")):
        with pytest.raises(UnsealError):
            RING.unwrap(*wrong)


def test_a_key_that_the_ring_does_not_hold_is_told_apart() -> None:
    with pytest.raises(KekMissing, match="ALPHAADS_KEY_FILE"):
        RING.unwrap("gone", RING.wrap("old", DATA_KEY, "key", "subject"), "key", "subject")
    with pytest.raises(KekMissing, match="ALPHAADS_KEY_FILE"):
        RING.wrap("gone", DATA_KEY, "key", "subject")


def test_a_look_sees_what_another_process_wrote(path: Path) -> None:
    ours, theirs = KeyRingFile(path), KeyRingFile(path)
    first = ours.current()
    assert ours.current() is first, "what did not change is not read again"
    begun = theirs.begin()
    assert (ours.current().newest, ours.current().former) == (begun.newest, {first.newest})
    assert theirs.begin().newest == begun.newest, "what was begun is gone on with"
    theirs.drop(frozenset({first.newest}))
    assert ours.current().former == frozenset()
    assert theirs.begin().newest != begun.newest


def test_the_newest_key_is_never_dropped(path: Path) -> None:
    ring = KeyRingFile(path)
    begun = ring.begin()
    assert ring.drop(frozenset({begun.newest})).newest == begun.newest
    assert ring.current().former == begun.former


def test_a_file_that_went_away_counts_as_it_was_held(path: Path) -> None:
    ring = KeyRingFile(path)
    held = ring.current()
    path.unlink()
    assert ring.current() is held
    with pytest.raises(ConfigurationError, match="ALPHAADS_KEY_FILE"):
        KeyRingFile(path).current()


def test_a_file_that_was_damaged_is_an_error(path: Path) -> None:
    ring = KeyRingFile(path)
    ring.current()
    path.write_bytes(b"{}")
    with pytest.raises(ConfigurationError, match="ALPHAADS_KEY_FILE"):
        ring.current()
