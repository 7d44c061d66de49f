"""The project's own format: docs/generic-format.md."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.errors import RejectedPayload
from alphaads_pipelines.platforms.base import Post
from alphaads_pipelines.platforms.fields import REASONS
from alphaads_pipelines.platforms.generic import GenericPlatform
from alphaads_pipelines.platforms.mentions import mask
from tests.conftest import ROOT

DOCUMENT = ROOT / "docs" / "generic-format.md"
PLATFORM = GenericPlatform()
SMALL: dict[str, Any] = {"id": "p1", "author_id": "42", "text": "so happy", "created_at": "2026-10-05T07:06:30Z"}
FULL: dict[str, Any] = {
    **SMALL,
    "platform": "x",
    "author_name": "Ada Ferncroft",
    "author_handle": "adafern",
    "version": 1,
    "kind": "reply",
    "language": "en-GB",
    "hashtags": ["#Joy"],
    "likes": 3,
    "shares": 0,
    "replies": 1,
}


def _in_version(flat: dict[str, Any], version: int) -> dict[str, Any]:
    payload = {key: value for key, value in flat.items() if not key.startswith("author_")} | {"format_version": version}
    payload["author"] = {key.removeprefix("author_"): value for key, value in flat.items() if key.startswith("author_")}
    if version == 3:
        payload["metrics"] = {key: payload.pop(key) for key in ("likes", "shares", "replies") if key in payload}
        if "language" in payload:
            payload["lang"] = payload.pop("language")
    return payload


def _reason(payload: dict[str, Any]) -> str:
    with pytest.raises(RejectedPayload) as caught:
        PLATFORM.parse(payload)
    return caught.value.reason


def test_the_smallest_post() -> None:
    assert PLATFORM.parse(SMALL) == Post(
        platform="generic",
        post_id="p1",
        author_id="42",
        text="so happy",
        created_at=datetime(2026, 10, 5, 7, 6, 30, tzinfo=UTC),
    )


def test_the_fullest_post() -> None:
    assert PLATFORM.parse(FULL) == Post(
        platform="x",
        post_id="p1",
        author_id="42",
        text="so happy",
        created_at=datetime(2026, 10, 5, 7, 6, 30, tzinfo=UTC),
        version=1,
        kind="reply",
        author_name="Ada Ferncroft",
        author_handle="adafern",
        language="en",
        hashtags=("joy",),
        likes=3,
        shares=0,
        replies=1,
    )


@pytest.mark.parametrize("base", [SMALL, FULL])
@pytest.mark.parametrize("version", [2, 3])
def test_all_versions_give_the_same_post_and_the_same_body(base: dict[str, Any], version: int) -> None:
    other = _in_version(base, version)
    assert PLATFORM.parse(other) == PLATFORM.parse(base)
    assert PLATFORM.split(other, mask) == PLATFORM.split(base, mask)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_id"),
        ({"id": ""}, "missing_id"),
        ({"id": {}}, "bad_type"),
        ({"author_id": None}, "missing_author"),
        ({"author_id": " "}, "missing_author"),
        ({"text": None}, "missing_text"),
        ({"text": 5}, "bad_type"),
        ({"text": "x" * 100_001}, "text_too_long"),
        ({"created_at": None}, "bad_timestamp"),
        ({"created_at": "now"}, "bad_timestamp"),
        ({"created_at": []}, "bad_timestamp"),
        ({"created_at": True}, "bad_timestamp"),
        ({"created_at": "2026-10-05T07:06:30"}, "bad_timestamp"),
        ({"created_at": 5}, "bad_timestamp"),
        ({"platform": "two words"}, "bad_type"),
        ({"platform": 5}, "bad_type"),
        ({"version": -1}, "bad_type"),
        ({"version": 2**31}, "bad_type"),
        ({"version": "1"}, "bad_type"),
        ({"kind": "poem"}, "bad_type"),
        ({"hashtags": "joy"}, "bad_type"),
        ({"hashtags": [5]}, "bad_type"),
        ({"likes": -1}, "bad_type"),
        ({"likes": 1.5}, "bad_type"),
        ({"author_name": []}, "bad_type"),
        ({"language": 5}, "bad_type"),
        ({"format_version": 9}, "unknown_format_version"),
        ({"format_version": 0}, "unknown_format_version"),
        ({"format_version": "2"}, "bad_type"),
        ({"format_version": 2, "author": "Ada"}, "bad_type"),
        ({"format_version": 2}, "missing_author"),
        ({"format_version": 3, "author": {"id": 1}, "metrics": [1]}, "bad_type"),
    ],
)
def test_reasons(change: dict[str, Any], reason: str) -> None:
    payload = {**SMALL, **change}
    assert _reason(payload) == reason
    body = PLATFORM.split(payload, mask)[0].payload
    assert _reason(body) == reason


def test_null_is_absent() -> None:
    nothing = dict.fromkeys(("platform", "version", "kind", "author_name", "hashtags", "likes", "format_version"))
    assert PLATFORM.parse({**SMALL, **nothing}) == PLATFORM.parse(SMALL)


def test_a_whole_number_is_an_id_like_its_digits() -> None:
    post = PLATFORM.parse({**SMALL, "id": 7, "author_id": 42})
    assert (post.post_id, post.author_id) == ("7", "42")


def test_the_network_goes_with_the_author() -> None:
    assert PLATFORM.split({**SMALL, "platform": " Facebook "}, mask)[0].network == "facebook"
    assert PLATFORM.split(SMALL, mask)[0].network == "generic"
    assert PLATFORM.split({**SMALL, "platform": "facebook", "text": None}, mask)[0].network == "facebook"


def test_a_quote_becomes_posts_of_their_own_authors() -> None:
    inner = {**_in_version(SMALL, 2), "id": "q", "author": {"id": "43"}, "text": "inner"}
    outer = {**_in_version(SMALL, 2), "platform": "x", "quoted": inner}
    del inner["format_version"]
    first, second = PLATFORM.split(outer, mask)
    assert (first.author_id, second.author_id) == ("42", "43")
    assert first.payload["quoted"] == {"id": "q"}
    assert PLATFORM.parse(first.payload).kind == "quote"
    assert (second.network, PLATFORM.parse(second.payload).text) == ("x", "inner")


@pytest.mark.parametrize("quoted", [{"id": "q"}, {}, None, "q", [1]])
def test_a_mere_reference_is_no_post(quoted: object) -> None:
    assert len(PLATFORM.split({**SMALL, "quoted": quoted}, mask)) == 1


def test_a_quote_that_is_no_object_is_not_kept() -> None:
    for base in (SMALL, {**SMALL, "text": None}):
        assert "quoted" not in PLATFORM.split({**base, "quoted": [{"text": "of another"}]}, mask)[0].payload


def test_endless_quotes_end() -> None:
    payload = dict(SMALL)
    for number in range(3_000):
        payload = {**SMALL, "id": str(number), "quoted": payload}
    assert len(PLATFORM.split(payload, mask)) == 3_001


def test_a_field_nobody_documented_is_kept_only_where_the_post_is_rejected() -> None:
    assert "mood" not in PLATFORM.split({**SMALL, "mood": "@ada"}, mask)[0].payload
    kept = PLATFORM.split({**SMALL, "created_at": None, "posted_at": "noon", "mood": "@ada"}, mask)[0]
    assert kept.payload == {**SMALL, "created_at": None, "posted_at": "noon", "mood": "@user"}
    assert kept.author_id == "42"


def test_an_unknown_version_lies_under_its_author_all_the_same() -> None:
    for payload in ({**SMALL, "format_version": 9}, {**_in_version(SMALL, 2), "format_version": 9}):
        assert PLATFORM.split(payload, mask)[0].author_id == "42"


@given(st.text(alphabet=st.characters(exclude_characters="@＠﹫/")), st.sampled_from([1, 2, 3]))
def test_splitting_changes_nothing_but_people(text: str, version: int) -> None:
    payload = {**FULL, "text": text} if version == 1 else _in_version({**FULL, "text": text}, version)
    assert PLATFORM.parse(PLATFORM.split(payload, mask)[0].payload) == PLATFORM.parse(payload)


def test_the_documents_examples_are_posts_and_it_lists_every_reason() -> None:
    text = DOCUMENT.read_text()
    examples = [json.loads(each) for each in re.findall(r"```json\n(.*?)\n```", text, re.DOTALL)]
    posts = [PLATFORM.parse(each) for each in examples]
    assert posts[0].text == posts[1].text and posts[0].created_at == posts[1].created_at
    assert set(re.findall(r"`([a-z_]+)`", text)) >= set(REASONS)
    assert set(re.findall(r"`([a-z_]+)`", text)) >= set(FULL)
