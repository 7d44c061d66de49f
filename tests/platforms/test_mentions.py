"""Other people in texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.platforms.mentions import (
    DOTTED_HANDLE,
    PERSON_KEYS,
    PLAIN_HANDLE,
    hide_people,
    hide_people_within,
    mask,
)


def _token(handle: str) -> str:
    return f"<{handle}>"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("@Ada", "@<ada>"),
        ("hi @ada!", "hi @<ada>!"),
        (".@ada_1 and (@bo)", ".@<ada_1> and (@<bo>)"),
        ("RT @ada: hello", "RT @<ada>: hello"),
        ("RT@ada hello", "RT@<ada> hello"),
        ("@ada@bo", "@<ada>@<bo>"),
        ("＠ada ﹫bo", "@<ada> @<bo>"),
        ("@ａｄａ", "@<ada>"),
        ("@adaさん", "@<ada>さん"),
        ("こんにちは@ada", "こんにちは@<ada>"),
        ("@Jürgen", "@<jürgen>"),
        ("@Мария!", "@<мария>!"),
        ("@राम", "@<राम>"),
        ("mail me: ada.f+x@example.com.", "mail me: ada.f+x@example.com."),
        ("ada@localhost", "ada@<localhost>"),
        ("5 @ 3 and @ alone @", "5 @ 3 and @ alone @"),
        ("&lt;@ada&gt;", "&lt;@<ada>&gt;"),
        ("no one here", "no one here"),
        ("", ""),
    ],
)
def test_mentions_in_any_network(text: str, hidden: str) -> None:
    assert hide_people(text, _token, PLAIN_HANDLE) == hidden
    assert hide_people(text, _token, DOTTED_HANDLE) == hidden


@pytest.mark.parametrize(
    ("text", "plain", "dotted"),
    [
        ("@ada.fern x", "@<ada>.fern x", "@<ada.fern> x"),
        ("@ada-fern", "@<ada>-fern", "@<ada-fern>"),
        ("thanks @ada.", "thanks @<ada>.", "thanks @<ada>."),
        ("@[Ada Fern](urn:li:person:7) hi", "@[Ada Fern](urn:li:person:7) hi", "@<[ada fern](urn:li:person:7)> hi"),
    ],
)
def test_what_a_handle_may_hold_differs(text: str, plain: str, dotted: str) -> None:
    assert hide_people(text, _token, PLAIN_HANDLE) == plain
    assert hide_people(text, _token, DOTTED_HANDLE) == dotted


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://twitter.com/Ada/status/1?s=20 ok", "https://twitter.com/<ada> ok"),
        ("see X.com/ada.", "see X.com/<ada>."),
        ("(mobile.twitter.com/ada)", "(mobile.twitter.com/<ada>)"),
        ("www.instagram.com/ada.fern/", "www.instagram.com/<ada.fern>"),
        ("instagram.com/stories/ada/1", "instagram.com/<stories/ada/1>"),
        ("linkedin.com/in/ada-fern", "linkedin.com/<in/ada-fern>"),
        ("facebook.com/profile.php?id=77", "facebook.com/<profile.php?id=77>"),
        ("tiktok.com/@ada", "tiktok.com/<ada>"),
        ("t.me/ada", "t.me/<ada>"),
        ("https://t.co/abc netflix.com/title at.me/x", "https://t.co/abc netflix.com/title at.me/x"),
        ("and/or twitter.com", "and/or twitter.com"),
    ],
)
def test_links_to_profiles(text: str, hidden: str) -> None:
    assert hide_people(text, _token, PLAIN_HANDLE) == hidden


def test_a_mention_and_a_link_give_the_same_token() -> None:
    assert hide_people("@Ada x.com/ada", _token, PLAIN_HANDLE) == "@<ada> x.com/<ada>"


@given(st.text(), st.text())
def test_no_handle_outlives_hiding(before: str, after: str) -> None:
    hidden = hide_people(f"{before} @plantedhandle {after}", mask, PLAIN_HANDLE)
    assert "plantedhandle" not in hidden
    hidden = hide_people(f"{before}\n@planted.handle\n{after}", mask, DOTTED_HANDLE)
    assert "planted" not in hidden


@given(st.text(alphabet=st.characters(exclude_characters="@＠﹫/")))
def test_a_text_without_people_is_untouched(text: str) -> None:
    assert hide_people(text, mask, DOTTED_HANDLE) == text


@pytest.mark.parametrize("piece", ["a", "@", "@a", "a@a.", "@[", "x.com/", "@a.", "@a-", "ü@ü", "@[a](", "/"])
def test_time_grows_with_the_text_and_not_faster(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    hide_people(text, mask, DOTTED_HANDLE)
    hide_people(text, mask, PLAIN_HANDLE)
    assert time.process_time() - started < 3.0


def test_hiding_within_drops_the_keys_that_name_people() -> None:
    value = dict.fromkeys(PERSON_KEYS, "planted") | {"kept": ["@planted", {"deep": "x.com/planted", "user": 1}, 5]}
    assert hide_people_within(value, mask, PLAIN_HANDLE) == {"kept": ["@user", {"deep": "x.com/user"}, 5]}


def test_hiding_within_ends_at_a_depth() -> None:
    value: object = "@planted"
    for _ in range(5_000):
        value = [value]
    assert "planted" not in str(hide_people_within(value, mask, PLAIN_HANDLE))
