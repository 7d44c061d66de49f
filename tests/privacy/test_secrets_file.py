"""The key file: created once, readable by its owner only, never recreated beside data that needs it."""

from __future__ import annotations

import os
import stat
from dataclasses import astuple, fields
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from alphaads_pipelines.errors import ConfigurationError, UnsealError
from alphaads_pipelines.privacy.secrets_file import FIRST_KEK, KeyFile, KeyFileContent, MasterKeys
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.concurrency import at_once


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "home.key"


def test_it_is_made_once_and_read_ever_after(path: Path) -> None:
    made = MasterKeys.load_or_create(path)
    assert MasterKeys.load_or_create(path) == made
    keys = astuple(made)
    assert {len(key) for key in keys} == {32}
    assert len(set(keys)) == len(fields(MasterKeys)), "each key is for one use only"
    assert list(path.parent.iterdir()) == [path], "no draft stays behind"


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    first, second = (MasterKeys.load_or_create(tmp_path / name) for name in ("a", "b"))
    assert not set(astuple(first)) & set(astuple(second))


def test_only_its_owner_can_read_it_whatever_the_umask(path: Path) -> None:
    old = os.umask(0)
    try:
        MasterKeys.load_or_create(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
def test_one_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    MasterKeys.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=r"ALPHAADS_KEY_FILE.*chmod 600"):
        MasterKeys.load_or_create(path)


def test_processes_that_make_it_at_once_all_get_the_same_keys(path: Path) -> None:
    made = at_once(*[partial(MasterKeys.load_or_create, path)] * 8)
    assert all(keys == made[0] for keys in made)
    assert list(path.parent.iterdir()) == [path]


def _damage(content: dict[str, Any]) -> list[bytes]:
    whole = orjson.dumps(content)
    short = {**content, "kek": content["kek"][:20]}
    changed = ({"version": 99}, {"kek": 5}, {"kek": "%%%"}, {"kek": ""}, {"post": None}, {"post": "é"})
    return [
        *(b"", b"\0" * 300, b"[]", b"null", b'"kek"', whole[:-5], whole[: len(whole) // 2], orjson.dumps(short)),
        *(orjson.dumps({**content, **each}) for each in changed),
        orjson.dumps({name: value for name, value in content.items() if name != "mention"}),
    ]


def test_a_damaged_one_is_an_error_and_stays_as_it_is(path: Path) -> None:
    MasterKeys.load_or_create(path)
    for damaged in _damage(orjson.loads(path.read_bytes())):
        path.write_bytes(damaged)
        with pytest.raises(ConfigurationError, match="ALPHAADS_KEY_FILE") as caught:
            MasterKeys.load_or_create(path)
        assert path.read_bytes() == damaged
        assert caught.value.__cause__ is None, "a cause could show the content"


def test_a_folder_in_its_place_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="ALPHAADS_KEY_FILE"):
        MasterKeys.load_or_create(path)


def test_a_missing_one_that_is_needed_is_an_error_and_none_is_made(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        MasterKeys.load_or_create(path, is_needed=lambda: True)
    assert not path.exists()


def test_one_that_another_process_made_while_this_one_asked_is_read(path: Path) -> None:
    def another_makes_it() -> bool:
        MasterKeys.load_or_create(path)
        return True

    assert MasterKeys.load_or_create(path, is_needed=another_makes_it) == MasterKeys.load_or_create(path)


# --- version 1 -------------------------------------------------------------------------------------------------------


@pytest.fixture
def first_version(path: Path) -> dict[str, Any]:
    """Write a version 1 file to `path`; its content."""
    MasterKeys.load_or_create(path)
    content = orjson.loads(path.read_bytes())
    kept = {name: content[name] for name in ("kek", "identity", "mention", "post", "suppression")}
    path.write_bytes(orjson.dumps({"version": 1, **kept}))
    return kept


def test_a_file_of_version_1_is_upgraded_where_it_lies(path: Path, first_version: dict[str, Any]) -> None:
    upgraded = MasterKeys.load_or_create(path)
    content = orjson.loads(path.read_bytes())
    assert {name: content[name] for name in first_version} == first_version
    assert (content["version"], content["kek_id"], content["former_keks"]) == (2, FIRST_KEK, {})
    assert len({*astuple(upgraded)}) == len(fields(MasterKeys)), "what is new is random"
    assert MasterKeys.load_or_create(path) == upgraded
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_upgrade_it_at_once_all_get_the_same_keys(path: Path, first_version: dict[str, Any]) -> None:
    upgraded = at_once(*[partial(MasterKeys.load_or_create, path)] * 8)
    assert all(keys == upgraded[0] for keys in upgraded)
    assert MasterKeys.load_or_create(path) == upgraded[0]


def test_an_upgrade_that_is_killed_leaves_the_old_file_and_is_made_again(
    path: Path, first_version: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            MasterKeys.load_or_create(path)
    assert path.read_bytes() == before
    MasterKeys.load_or_create(path)
    assert list(path.parent.iterdir()) == [path]


def test_changes_made_at_once_are_all_made(path: Path) -> None:
    MasterKeys.load_or_create(path)

    def add(number: int) -> None:
        def change(content: KeyFileContent) -> KeyFileContent:
            return msgspec.structs.replace(content, former_keks={**content.former_keks, str(number): bytes(32)})

        KeyFile(path).change(change)

    at_once(*[partial(add, number) for number in range(8)])
    assert sorted(KeyFile(path).read().former_keks) == [str(number) for number in range(8)]


# --- beside data -----------------------------------------------------------------------------------------------------

POST = {"id": "1", "platform": "x", "author_id": "42", "text": "t", "created_at": "2026-10-05T07:06:30Z"}


def test_an_installation_that_lost_its_key_file_says_so_and_makes_none(settings: Settings) -> None:
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c")
    content = settings.key_file.read_bytes()
    settings.key_file.unlink()
    with wired(settings) as wiring, pytest.raises(ConfigurationError, match="ALPHAADS_KEY_FILE"):
        wiring.intake.take("generic", [POST], "c")
    assert not settings.key_file.exists()
    settings.key_file.write_bytes(content)
    settings.key_file.chmod(0o600)
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c")


def test_an_installation_with_the_key_file_of_another_takes_nothing_in(settings: Settings) -> None:
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c")
        ends = wiring.stream.end_offsets(settings.posts_topic)
    settings.key_file.unlink()
    MasterKeys.load_or_create(settings.key_file)
    with wired(settings) as wiring:
        for payload in (POST, {**POST, "author_id": None}):
            with pytest.raises(UnsealError, match="ALPHAADS_KEY_FILE"):
                wiring.intake.take("generic", [payload], "c")
        assert wiring.stream.end_offsets(settings.posts_topic) == ends
