"""Keyed hashes: stable under one key file, unlinkable without it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.privacy.secrets_file import MasterKeys


def _keys(seed: int) -> MasterKeys:
    return MasterKeys(*(bytes([seed, place]) * 16 for place in range(len(fields(MasterKeys)))))


OURS, OTHERS = Pseudonyms(_keys(1)), Pseudonyms(_keys(2))
anything = st.text(st.characters(), max_size=30)


@settings(max_examples=100, deadline=None)
@given(anything, anything)
def test_the_same_name_gives_the_same_pseudonym_under_one_key_file_only(platform: str, name: str) -> None:
    again = Pseudonyms(_keys(1))
    assert OURS.identity(platform, name) == again.identity(platform, name) != OTHERS.identity(platform, name)
    assert OURS.mention(platform, name) == again.mention(platform, name) != OTHERS.mention(platform, name)
    assert OURS.name(name) == again.name(name) != OTHERS.name(name)
    assert OURS.post_key(platform, name, 1) == again.post_key(platform, name, 1) != OTHERS.post_key(platform, name, 1)


@settings(max_examples=100, deadline=None)
@given(anything, anything)
def test_pseudonyms_have_their_shape_whatever_the_name(platform: str, name: str) -> None:
    assert len(OURS.identity(platform, name).mac) == 32
    assert re.fullmatch(r"u_[a-z2-7]{16}", OURS.mention(platform, name))
    assert re.fullmatch(r"n_[a-z2-7]{16}", OURS.name(name))
    assert OURS.name(name)[2:] != OURS.mention(platform, name)[2:], "nobody can tell that a handle is a name"
    assert len(OURS.post_key(platform, name, 0)) == 16


def test_a_handle_is_one_person_whatever_its_case() -> None:
    assert OURS.mention("x", "FernCroft") == OURS.mention("x", "ferncroft") == OURS.mention("x", "FERNCROFT")


def test_networks_posts_and_versions_are_told_apart() -> None:
    assert OURS.identity("x", "1") != OURS.identity("facebook", "1")
    assert OURS.mention("x", "a") != OURS.mention("facebook", "a")
    keys = {OURS.post_key(*each) for each in (("x", "1", 0), ("x", "1", 1), ("x", "11", 0), ("y", "1", 0))}
    assert len(keys) == 4
    assert OURS.body_key("x", b"1") != OURS.body_key("y", b"1") != OURS.body_key("y", b"2")


def test_each_hash_has_a_key_of_its_own() -> None:
    """A body that spells a post's id must not take the post's key, nor an author's identity be a mention."""
    assert OURS.body_key("x", b"1\x000") != OURS.post_key("x", "1", 0)
    identity, mention = OURS.identity("x", "a").mac, OURS.mention("x", "a")
    one_key = Pseudonyms(MasterKeys(*[b"k" * 32] * len(fields(MasterKeys))))
    assert one_key.identity("x", "a").mac != identity
    assert one_key.mention("x", "a") != mention


def test_the_keys_are_never_shown() -> None:
    shown = f"{_keys(1)!r} {_keys(1)!s}"
    assert "hidden" in shown
    assert "\\x01" not in shown


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home.key"


def test_pseudonyms_survive_a_restart(path: Path) -> None:
    first = Pseudonyms(MasterKeys.load_or_create(path)).identity("x", "42")
    assert Pseudonyms(MasterKeys.load_or_create(path)).identity("x", "42") == first
