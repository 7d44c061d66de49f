"""The project's own JSON post format (docs/generic-format.md) for posts of any network.

`split` converts all three versions to the flat names of version 1, so a post has the same body in every version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NoReturn

import msgspec
from msgspec import Meta, Struct

from alphaads_pipelines.errors import RejectedPayload
from alphaads_pipelines.msgspec_types import decoder
from alphaads_pipelines.platforms import fields
from alphaads_pipelines.platforms.base import AuthoredPayload, Payload, Platform, Post, PostKind, Tokenise
from alphaads_pipelines.platforms.fields import identifier, rejected
from alphaads_pipelines.platforms.malformed import parse_malformed
from alphaads_pipelines.platforms.mentions import DOTTED_HANDLE, hide_people, hide_people_beside, hide_people_within

_NETWORK = r"^\s*[A-Za-z0-9_.-]{1,40}\s*$"
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Flat(Struct, gc=False):
    """Version 1: the flat form, as written."""

    id: str | int
    author_id: str | int
    text: str
    created_at: str | int | float
    platform: Annotated[str, Meta(pattern=_NETWORK)] = "generic"
    version: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    kind: PostKind | None = None
    author_name: str | None = None
    author_handle: str | None = None
    language: str | None = None
    hashtags: list[str] = []
    likes: _Count | None = None
    shares: _Count | None = None
    replies: _Count | None = None


_to_flat = decoder(_Flat)


_FIELDS = _Flat.__struct_fields__
_EXPECTED = {
    "platform": "platform must be 1 to 40 of letters, digits, '.', '_' and '-'",
    "version": "version must be a whole number, 0 or more",
    "kind": "kind must be original, reply, repost or quote",
    "hashtags": "hashtags must be a list of strings",
    "format_version": "format_version must be a whole number",
    "author": "author must be an object",
    "metrics": "metrics must be an object",
    "likes": "likes must be a whole number, 0 or more",
    "shares": "shares must be a whole number, 0 or more",
    "replies": "replies must be a whole number, 0 or more",
}
_REASONS = {
    "id": "missing_id",
    "author_id": "missing_author",
    "text": "missing_text",
    "created_at": "bad_timestamp",
}
_FIELD_IN_ERROR = re.compile(r"`(?:\$\.)?(\w+)")
_IDS = ("id", "author_id", "author_handle")
_OWN = (*_IDS, "platform", "author", "author_name", "format_version")


class GenericPlatform(Platform):
    """Reads versions 1 to 3 of the generic format."""

    name: ClassVar[str] = "generic"

    def split(self, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
        """Split into the post, the post it quotes, and so on inwards."""
        parts = [_one(payload, tokenise)]
        outer, quoted = payload, payload.get("quoted")
        while isinstance(quoted, dict) and quoted.keys() - {"id"}:
            # A quoted post inherits its outer post's network and version.
            outer = {**{key: outer[key] for key in ("platform", "format_version") if key in outer}, **quoted}
            parts.append(_one(outer, tokenise))
            quoted = quoted.get("quoted")
        return parts

    def parse(self, payload: Payload) -> Post:
        """See `Platform.parse`; docs/generic-format.md lists the reasons."""
        if "malformed" in payload:
            return parse_malformed(payload, self)
        flat = _read(payload)
        post = _typed(flat)
        quotes = isinstance(payload.get("quoted"), dict)
        return Post(
            platform=post.platform.strip().lower(),
            post_id=identifier(post.id) or _refuse("id", None),
            author_id=identifier(post.author_id) or _refuse("author_id", None),
            text=fields.post_text(post.text),
            created_at=_created_at(post.created_at),
            version=post.version,
            kind=post.kind or ("quote" if quotes else "original"),
            author_name=fields.clean(post.author_name) if post.author_name else None,
            author_handle=fields.clean(post.author_handle).lstrip("@") if post.author_handle else None,
            language=fields.language(post.language),
            hashtags=fields.hashtags(post.hashtags) if post.hashtags else (),
            likes=post.likes,
            shares=post.shares,
            replies=post.replies,
        )


def _one(payload: Payload, tokenise: Tokenise) -> AuthoredPayload:
    """Reduce a readable post to its documented fields; keep everything permitted of an unreadable one."""
    try:
        body = _read(payload)
        post = _typed(body)
        author = identifier(post.author_id)
        network = post.platform.strip().lower()
    except RejectedPayload:
        return _unreadable(payload, tokenise)
    _hide_in(body, tokenise)
    if "quoted" in payload:
        body.update(_reference(payload["quoted"]))
    return AuthoredPayload(author, body, network)


def _hide_in(body: Payload, tokenise: Tokenise) -> None:
    for name in ("text", "author_name", "language", "created_at"):
        if isinstance(value := body.get(name), str):
            body[name] = hide_people(value, tokenise, DOTTED_HANDLE)
    if "hashtags" in body:
        body["hashtags"] = [hide_people(tag, tokenise, DOTTED_HANDLE) for tag in body["hashtags"]]


def _reference(quoted: Any) -> Payload:
    return {"quoted": {"id": identifier(quoted.get("id"))}} if isinstance(quoted, dict) else {}


def _unreadable(payload: Payload, tokenise: Tokenise) -> AuthoredPayload:
    """Keep a payload to be rejected whole, minus other people, under its author if it names one."""
    own = {key: payload[key] for key in _OWN if key in payload}
    for name in own.keys() - set(_IDS):
        own[name] = hide_people_within(own[name], tokenise, DOTTED_HANDLE)
    nested = payload.get("author")
    if isinstance(nested, dict):
        own["author"] = {key: nested[key] for key in ("id", "name", "handle") if isinstance(nested.get(key), str | int)}
    others = {key: value for key, value in payload.items() if key != "quoted"}
    body = {**hide_people_beside(own, others, tokenise, DOTTED_HANDLE), **_reference(payload.get("quoted"))}
    author = identifier(own.get("author_id")) or (identifier(nested.get("id")) if isinstance(nested, dict) else None)
    network = str(own.get("platform", ""))
    return AuthoredPayload(author, body, network.strip().lower() if re.match(_NETWORK, network) else None)


def _read(payload: Payload) -> Payload:
    """Fields under the names of version 1; null means absent."""
    version = payload.get("format_version")
    if version is None or version == 1:
        source: Mapping[str, Any] = payload
    elif type(version) is not int:
        raise _bad_type("format_version")
    elif version in {2, 3}:
        source = _flattened(payload, version)
    else:
        raise rejected("unknown_format_version")
    return {name: value for name in _FIELDS if (value := source.get(name)) is not None}


def _flattened(payload: Payload, version: int) -> Payload:
    author = _object(payload, "author")
    flat = {
        **payload,
        "author_id": author.get("id"),
        "author_name": author.get("name"),
        "author_handle": author.get("handle"),
    }
    if version == 2:
        return flat
    metrics = _object(payload, "metrics")
    counts = {name: metrics.get(name) for name in ("likes", "shares", "replies")}
    return {**flat, **counts, "language": payload.get("lang")}


def _object(payload: Payload, name: str) -> Mapping[str, Any]:
    value = payload.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _bad_type(name)
    return value


def _typed(flat: Payload) -> _Flat:
    try:
        return _to_flat(flat)
    except msgspec.ValidationError as error:
        # Only the field name is taken from the library's message, which may quote the value.
        field = _FIELD_IN_ERROR.search(str(error).rpartition(" - at ")[2])
        name = field[1] if field else ""
        _refuse(name, flat.get(name))


def _refuse(name: str, value: Any) -> NoReturn:
    if name in _REASONS and (value is None or name == "created_at"):
        raise rejected(_REASONS[name])
    raise _bad_type(name)


def _bad_type(name: str) -> RejectedPayload:
    return rejected("bad_type", _EXPECTED.get(name, f"{name} must be a string" if name in _FIELDS else ""))


def _created_at(value: str | float) -> Any:
    return fields.rfc3339(value) if isinstance(value, str) else fields.epoch(value)
