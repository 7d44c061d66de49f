"""Payloads in which people are planted everywhere a payload can name one. A new platform adds its own here.

Every handle, name and id is invented and unlike any other string, so that finding it in a body proves a leak.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """`people`: author id -> strings that may be in that author's parts only. `strangers`: may be in none."""

    payload: dict[str, Any]
    people: dict[str, tuple[str, ...]]
    strangers: tuple[str, ...]
    kinds: tuple[str, ...] = field(default=("original",))


def _v1_user(number: int, handle: str, name: str) -> dict[str, Any]:
    return {
        "id": number,
        "id_str": str(number),
        "screen_name": handle,
        "name": name,
        "description": "ex @strngrbio, see twitter.com/strngrbiolink",
        "url": "https://twitter.com/strngruserurl",
        "entities": {"url": {"urls": [{"expanded_url": "https://twitter.com/strngrentity"}]}},
        "profile_image_url": "https://pbs.example/strngrimage/1.jpg",
    }


_MENTION = {"screen_name": "strngrmention", "name": "Stranger Mentionson", "id": 990001, "id_str": "990001"}
_MEDIA = {
    "source_user_id": 990002,
    "source_user_id_str": "990002",
    "expanded_url": "https://twitter.com/strngrmedia/status/5/photo/1",
    "additional_media_info": {"source_user": _v1_user(990003, "strngrsource", "Stranger Sourceson")},
}
_URL = {
    "expanded_url": "https://twitter.com/strngrexpanded/status/7",
    "display_url": "twitter.com/strngrdisplay",
}
_STRANGERS_V1 = (
    "strngr", "Stranger", "Mentionson", "Sourceson", "990001", "990002", "990003", "990004", "990005", "990006",
)  # fmt: skip


def _v1(number: int, user: dict[str, Any], text: str, **extra: Any) -> dict[str, Any]:
    return {
        "created_at": "Wed Aug 27 13:08:45 +0000 2008",
        "id": number,
        "id_str": str(number),
        "text": text,
        "user": user,
        "lang": "en",
        "entities": {"user_mentions": [_MENTION], "urls": [_URL], "media": [_MEDIA], "hashtags": [{"text": "Joy"}]},
        "extended_entities": {"media": [_MEDIA]},
        "in_reply_to_screen_name": "strngrreply",
        "in_reply_to_user_id": 990004,
        "in_reply_to_user_id_str": "990004",
        "in_reply_to_status_id_str": "55",
        "contributors": [{"id": 990005, "screen_name": "strngrcontributor"}],
        "quoted_status_permalink": {"expanded": "https://twitter.com/strngrpermalink/status/8"},
        "place": {"name": "Strangerville", "contained_within": []},
        "source": '<a href="https://strngrsourceapp.example">app</a>',
        "display_text_range": [0, 20],
        "favorite_count": 3,
        "retweet_count": 1,
        **extra,
    }


_INNER = _v1(102, _v1_user(7002, "inrhandle", "Inner Personson"), "inner words for @strngrinner")
_QUOTED = _v1(103, _v1_user(7003, "qtdhandle", "Quoted Personson"), "quoted words", quoted_status=_INNER)
_OUTER_TEXT = (
    "RT @qtdhandle: hello @inrhandle .@strngrdot RT@strngrtight ＠strngrwide @STRNGRLOUD "
    "https://x.com/strngrlink/status/9 twitter.com/qtdhandle &amp; @strngrlast"
)
X_V1 = Example(
    payload=_v1(
        101,
        _v1_user(7001, "outhandle", "Outer Personson @strngrname"),
        "short @strngrshort",
        extended_tweet={
            "full_text": _OUTER_TEXT,
            "entities": {"user_mentions": [_MENTION], "hashtags": [{"text": "Long"}]},
            "extended_entities": {"media": [_MEDIA]},
        },
        retweeted_status=_QUOTED,
        is_quote_status=True,
    ),
    people={
        "7001": ("outhandle", "Outer Personson", "7001"),
        "7002": ("inrhandle", "Inner Personson", "7002", "inner words"),
        "7003": ("qtdhandle", "Quoted Personson", "7003", "quoted words"),
    },
    strangers=_STRANGERS_V1,
    kinds=("repost", "quote", "reply"),
)

_V2_ENTITIES = {
    "mentions": [{"username": "strngrmention", "id": "990001", "start": 0, "end": 9}],
    "urls": [{"expanded_url": "https://x.com/strngrexpanded/status/7", "title": "Stranger on X"}],
    "annotations": [{"type": "Person", "normalized_text": "Stranger Annotated"}],
    "hashtags": [{"tag": "Joy", "start": 0, "end": 3}],
}


def _v2(number: str, author: str, text: str, **extra: Any) -> dict[str, Any]:
    return {
        "id": number,
        "author_id": author,
        "text": text,
        "created_at": "2024-03-01T12:00:00.000Z",
        "lang": "en",
        "username": "strngrposter",
        "entities": _V2_ENTITIES,
        "in_reply_to_user_id": "990004",
        "context_annotations": [{"entity": {"id": "9", "name": "Stranger Contextson"}}],
        "attachments": {"media_keys": ["3_1"], "media_source_tweet_id": ["77"]},
        "edit_history_tweet_ids": [number],
        "public_metrics": {"like_count": 2, "retweet_count": 1, "reply_count": 0, "quote_count": 0},
        **extra,
    }


X_V2 = Example(
    payload={
        "data": [
            _v2(
                "201",
                "8001",
                "short",
                note_tweet={"text": "RT @secondhandle: long words @strngrnote", "entities": _V2_ENTITIES},
                referenced_tweets=[{"type": "quoted", "id": "202"}],
            ),
            _v2("204", "8004", "own words of the fourth"),
        ],
        "includes": {
            "users": [
                {"id": "8001", "username": "firsthandle", "name": "First Personson", "description": "@strngrbio"},
                {"id": "8002", "username": "secondhandle", "name": "Second Personson"},
                {"id": "990006", "username": "strngrincluded", "name": "Stranger Includedson"},
            ],
            "tweets": [_v2("202", "8002", "second words x.com/strngrlink")],
            "media": [{"media_key": "3_1", "alt_text": "Stranger at the beach"}],
        },
        "errors": [{"detail": "Could not find user with username: [strngrerror]"}],
        "meta": {"result_count": 2},
    },
    people={
        "8001": ("firsthandle", "First Personson", "8001", "long words"),
        "8002": ("secondhandle", "Second Personson", "8002", "second words"),
        "8004": ("8004", "own words of the fourth"),
    },
    strangers=_STRANGERS_V1,
    kinds=("repost", "reply", "reply"),
)

GENERIC = Example(
    payload={
        "id": "g1",
        "platform": "instagram",
        "author_id": "9001",
        "author_name": "Outer Genericson (not @strngrname)",
        "author_handle": "outgeneric",
        "text": "with @qtd.generic and @strngr.dotted and @[Stranger Linkedson](urn:li:person:990001), "
        "see instagram.com/strngrlink/ and https://www.linkedin.com/in/strngr-in and tiktok.com/@strngrtok",
        "created_at": "2026-03-01T12:00:00Z",
        "hashtags": ["#Joy", "with@strngrtag"],
        "mentions": ["strngrlist"],
        "in_reply_to_user": {"name": "Stranger Repliedson"},
        "quoted": {
            "id": "g2",
            "author_id": "9002",
            "author_name": "Quoted Genericson",
            "author_handle": "qtd.generic",
            "text": "quoted words by me",
            "created_at": 1_772_366_400,
            "quoted": {
                "id": "g3",
                "author_id": 9003,
                "text": "innermost words",
                "created_at": 1_772_366_400_000,
                "author_name": "Innermost Genericson",
            },
        },
    },
    people={
        "9001": ("outgeneric", "Outer Genericson", "9001"),
        "9002": ("qtd.generic", "Quoted Genericson", "9002", "quoted words"),
        "9003": ("Innermost Genericson", "9003", "innermost words"),
    },
    strangers=("strngr", "Stranger", "Linkedson", "Repliedson", "990001"),
    kinds=("quote", "quote", "original"),
)

EXAMPLES: dict[str, tuple[Example, ...]] = {"generic": (GENERIC,), "x": (X_V1, X_V2)}
