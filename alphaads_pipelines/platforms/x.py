"""X (Twitter): objects of API v1.1 and v2, alone or wrapped in responses.

Of a readable post `split` keeps only the fields read by `parse`; profile texts, links, media, places and other accounts
are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

from alphaads_pipelines.platforms import fields
from alphaads_pipelines.platforms.base import AuthoredPayload, Payload, Platform, Post, PostKind, Tokenise
from alphaads_pipelines.platforms.fields import count, identifier, rejected
from alphaads_pipelines.platforms.malformed import parse_malformed
from alphaads_pipelines.platforms.mentions import PLAIN_HANDLE, hide_people, hide_people_beside, hide_people_within

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_NESTED = ("retweeted_status", "quoted_status")
# API v2 renamed tweets to posts; both spellings are in use.
_EDITS = ("edit_history_tweet_ids", "edit_history_post_ids")
_REFERENCES = ("referenced_tweets", "referenced_posts")
_REFERENCE_TYPES = ("retweeted", "quoted", "replied_to")
_NOTES = ("note_tweet", "note_post")
_INCLUDED = ("tweets", "posts")
_COUNTS = ("favorite_count", "retweet_count", "reply_count")
_COUNTS_V2 = ("like_count", "retweet_count", "repost_count", "reply_count")
_ADDRESSEES = ("in_reply_to_screen_name", "in_reply_to_user_id_str", "in_reply_to_user_id")

Users = dict[str, Payload]


class XPlatform(Platform):
    """Reads v1.1 and v2 objects; a v2 response yields one payload per post."""

    name: ClassVar[str] = "x"

    def split(self, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
        """Split into the payload's posts and those nested in them."""
        posts, users = _unwrap(payload)
        parts = [_one(post, users, tokenise) for outer in posts for post in _with_nested(outer)]
        return parts or [AuthoredPayload(None, hide_people_within(payload, tokenise, PLAIN_HANDLE))]

    def parse(self, payload: Payload) -> Post:
        """See `Platform.parse`."""
        if "malformed" in payload:
            return parse_malformed(payload, self)
        edits = _edits(payload)
        post_id = _post_id(payload)
        if post_id is None:
            raise rejected("missing_id")
        author = _author(payload)
        author_id = _author_id(payload)
        if author_id is None:
            raise rejected("missing_author")
        return Post(
            platform=self.name,
            post_id=edits[0] if post_id in edits else post_id,
            author_id=author_id,
            text=_unescape(fields.post_text(_text(payload))),
            created_at=_created_at(payload.get("created_at")),
            version=edits.index(post_id) if post_id in edits else 0,
            kind=_kind(payload),
            author_name=_string(author, "name"),
            author_handle=_string(author, "screen_name") or _string(author, "username"),
            language=fields.language(payload.get("lang")),
            hashtags=_hashtags(payload),
            **_post_counts(payload),
        )


def _unwrap(payload: Payload) -> tuple[list[Any], Users]:
    """Return the posts and users of a response, or the payload itself."""
    data, statuses = payload.get("data"), payload.get("statuses")
    if isinstance(data, dict | list):
        includes = payload.get("includes")
        included = includes if isinstance(includes, dict) else {}
        posts = [*(data if isinstance(data, list) else [data]), *_lists(included, _INCLUDED)]
        users = {user_id: user for user in _lists(included, ("users",)) if (user_id := _own_id(user))}
        return posts, users
    if isinstance(statuses, list):
        return statuses, {}
    return [payload], {}


def _lists(holder: Payload, names: tuple[str, ...]) -> list[Any]:
    return [each for name in names if isinstance(found := holder.get(name), list) for each in found]


def _own_id(user: Any) -> str | None:
    return identifier(user.get("id")) if isinstance(user, dict) else None


def _with_nested(post: Any) -> Iterator[Any]:
    """Yield a post and its nested posts, breadth first."""
    waiting = [post]
    for each in waiting:
        yield each
        if isinstance(each, dict):
            waiting.extend(each[name] for name in _NESTED if _is_post(each.get(name)))


def _is_post(value: Any) -> bool:
    """Whether a nested value is a post, not just a reference."""
    return isinstance(value, dict) and bool(value.keys() - {"id", "id_str"})


def _one(post: Any, users: Users, tokenise: Tokenise) -> AuthoredPayload:
    if not isinstance(post, dict):
        return AuthoredPayload(None, {"not_a_post": hide_people_within(post, tokenise, PLAIN_HANDLE)})
    author_id = _author_id(post)
    own = {**_basics(post, tokenise), **_relations(post, tokenise), **_owner(post, author_id, users, tokenise)}
    if author_id is None or not ("id" in own and "text" in own and "created_at" in own):
        own = hide_people_beside(own, _without_nested(post), tokenise, PLAIN_HANDLE)
    return AuthoredPayload(author_id, own)


def _without_nested(post: Payload) -> Payload:
    return {key: value for key, value in post.items() if key not in _NESTED}


def _basics(post: Payload, tokenise: Tokenise) -> Payload:
    own: Payload = {}
    if post_id := _post_id(post):
        own["id"] = post_id
    if isinstance(text := _text(post), str):
        own["text"] = hide_people(text, tokenise, PLAIN_HANDLE)
    for name in ("created_at", "lang"):
        if isinstance(value := post.get(name), str):
            own[name] = hide_people(value, tokenise, PLAIN_HANDLE)
    for name in _COUNTS:
        if (number := count(post.get(name))) is not None:
            own[name] = number
    if isinstance(metrics := post.get("public_metrics"), dict):
        own["public_metrics"] = {name: metrics[name] for name in _COUNTS_V2 if count(metrics.get(name)) is not None}
    if tags := _hashtags(post):
        own["entities"] = {"hashtags": [{"text": hide_people(tag, tokenise, PLAIN_HANDLE)} for tag in tags]}
    if edits := _edits(post):
        own["edit_history_tweet_ids"] = edits
    return own


def _relations(post: Payload, tokenise: Tokenise) -> Payload:
    """Ids of the posts replied to, repeated and quoted, with the addressee as a token."""
    own: Payload = {}
    for name in _NESTED:
        if isinstance(nested := post.get(name), dict):
            own[name] = {"id": _post_id(nested)}
    if post.get("is_quote_status") is True:
        own["is_quote_status"] = True
    if answered := identifier(post.get("in_reply_to_status_id_str")) or identifier(post.get("in_reply_to_status_id")):
        own["in_reply_to_status_id_str"] = answered
    if addressee := next((found for name in _ADDRESSEES if (found := identifier(post.get(name)))), None):
        own["in_reply_to_screen_name"] = tokenise(addressee.lower())
    if references := _references(post):
        own["referenced_tweets"] = [{"type": kind, "id": post_id} for kind, post_id in references]
    return own


def _owner(post: Payload, author_id: str | None, users: Users, tokenise: Tokenise) -> Payload:
    if author_id is None:
        return {}
    user = users.get(author_id) or _author(post)
    own = {"id_str": author_id}
    if name := _string(user, "name"):
        own["name"] = hide_people(name, tokenise, PLAIN_HANDLE)
    if handle := _string(user, "screen_name") or _string(user, "username"):
        own["screen_name"] = handle
    return {"user": own}


def _author(post: Payload) -> Payload:
    user = post.get("user")
    return user if isinstance(user, dict) else {}


def _author_id(post: Payload) -> str | None:
    user = _author(post)
    return identifier(user.get("id_str")) or identifier(user.get("id")) or identifier(post.get("author_id"))


def _post_id(post: Payload) -> str | None:
    return identifier(post.get("id_str")) or identifier(post.get("id"))


def _string(holder: Payload, name: str) -> str | None:
    value = holder.get(name)
    return fields.clean(value) or None if isinstance(value, str) else None


def _text(post: Payload) -> Any:
    for name, inner in (("extended_tweet", "full_text"), *((note, "text") for note in _NOTES)):
        if isinstance(long := post.get(name), dict) and isinstance(long.get(inner), str):
            return long[inner]
    return post["full_text"] if isinstance(post.get("full_text"), str) else post.get("text")


def _unescape(text: str) -> str:
    """X escapes only these three characters; & last, or &amp;lt; would become <."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _edits(post: Payload) -> list[str]:
    """Ids of all versions, oldest first; empty if not given."""
    for name in _EDITS:
        if isinstance(history := post.get(name), list):
            ids = [identifier(each) for each in history]
            return [each for each in ids if each is not None]
    return []


def _references(post: Payload) -> list[tuple[str, str | None]]:
    return [
        (each["type"], identifier(each.get("id")))
        for each in _lists(post, _REFERENCES)
        if isinstance(each, dict) and each.get("type") in _REFERENCE_TYPES
    ]


def _kind(post: Payload) -> PostKind:
    kinds = {kind for kind, _ in _references(post)}
    text = _text(post)
    if post.get("retweeted_status") or "retweeted" in kinds or (isinstance(text, str) and text.startswith("RT @")):
        return "repost"
    if post.get("quoted_status") or post.get("is_quote_status") is True or "quoted" in kinds:
        return "quote"
    answers = ("in_reply_to_status_id_str", "in_reply_to_status_id", *_ADDRESSEES)
    return "reply" if "replied_to" in kinds or any(post.get(name) for name in answers) else "original"


def _hashtags(post: Payload) -> tuple[str, ...]:
    """A hashtag is `text` in v1.1 and `tag` in v2; long texts have their own entities."""
    holders = [post, *(post.get(name) for name in ("extended_tweet", *_NOTES))]
    found = []
    for holder in holders:
        entities = holder.get("entities") if isinstance(holder, dict) else None
        tags = entities.get("hashtags") if isinstance(entities, dict) else None
        if isinstance(tags, list):
            found += [tag.get("text", tag.get("tag")) for tag in tags if isinstance(tag, dict)]
    return fields.hashtags(found) if found else ()


def _post_counts(post: Payload) -> dict[str, int | None]:
    metrics = post.get("public_metrics")
    if not isinstance(metrics, dict):
        likes, shares, replies = (count(post.get(name)) for name in _COUNTS)
        return {"likes": likes, "shares": shares, "replies": replies}
    shares = metrics.get("retweet_count", metrics.get("repost_count"))
    return {
        "likes": count(metrics.get("like_count")),
        "shares": count(shares),
        "replies": count(metrics.get("reply_count")),
    }


def _created_at(value: Any) -> datetime:
    """`Wed Aug 27 13:08:45 +0000 2008` (v1.1) or RFC 3339 (v2)."""
    if not isinstance(value, str):
        raise rejected("bad_timestamp")
    if len(value) != 30 or value[3] != " ":
        return fields.rfc3339(value)
    try:
        moment = datetime(
            int(value[26:]), _MONTHS[value[4:7]], int(value[8:10]), int(value[11:13]), int(value[14:16]),
            int(value[17:19]), tzinfo=UTC if value[20:25] == "+0000" else _offset(value[20:25]),
        )  # fmt: skip
    except (ValueError, KeyError):
        raise rejected("bad_timestamp") from None
    return fields.in_range(moment)


def _offset(text: str) -> timezone:
    sign = {"+": 1, "-": -1}[text[0]]
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))
