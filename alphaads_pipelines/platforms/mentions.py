"""Replaces other people in a text: @mentions and profile links become tokens.

A token stands for one handle on one network: conversations stay traceable, identities do not. E-mail addresses stay, as
part of the author's text under the author's key.
"""

from __future__ import annotations

import re
import unicodedata
from re import Match, Pattern
from typing import Any

from alphaads_pipelines.platforms.base import Payload, Tokenise

# Letters with their combining marks, in scripts that write vowels as marks.
_LETTER = r"[\w\u0300-\u036f\u0900-\u0e7f]"
# An ASCII handle may touch a following script without a space (Japanese), but must not split a European word.
_NOT_IN_WORD = r"(?![\u00c0-\u05ff])"

PLAIN_HANDLE = re.compile(rf"[@＠﹫]([A-Za-z0-9_]++{_NOT_IN_WORD}|{_LETTER}++)")
"""X handles: letters, digits, underscore."""

DOTTED_HANDLE = re.compile(
    rf"[@＠﹫](\[[^\[\]]{{1,200}}\](?:\([^()]{{1,200}}\))?"
    rf"|[A-Za-z0-9_]++(?:[.-][A-Za-z0-9_]++)*+{_NOT_IN_WORD}|{_LETTER}++(?:[.-]{_LETTER}++)*+)"
)
"""Instagram, Facebook and LinkedIn handles: also dots, hyphens, and @[Name](urn) markup."""

_MAIL_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
_PROFILE_LINK = re.compile(
    r"(?<![a-z0-9])((?:(?:twitter|x|instagram|facebook|fb|threads|tiktok|linkedin|youtube|snapchat)\.(?:com|net)"
    r"|(?:t|fb|m|wa)\.me)/)([^\s\"'<>()\[\]]*[\w/])",
    re.IGNORECASE,
)
# First path segments that are not handles; the person, if any, comes later in the path.
_NOT_HANDLES = frozenset(
    {"in", "company", "pub", "i", "stories", "people", "groups", "user", "c", "channel", "profile.php", "p", "#!"}
)

PERSON_KEYS = frozenset(
    {
        "author",
        "author_handle",
        "author_id",
        "author_name",
        "contributors",
        "in_reply_to_screen_name",
        "in_reply_to_user_id",
        "in_reply_to_user_id_str",
        "includes",
        "mentions",
        "name",
        "quoted_status_permalink",
        "screen_name",
        "source_user",
        "source_user_id",
        "source_user_id_str",
        "user",
        "user_id",
        "user_id_str",
        "user_mentions",
        "username",
        "users",
    }
)
"""Keys that name people; dropped from unreadable payloads."""

_DEEPEST = 64


def mask(handle: str) -> str:
    """A `Tokenise` for use without a key: every mention becomes `@user`."""
    return "user"


def hide_people(text: str, tokenise: Tokenise, handles: Pattern[str]) -> str:
    """Replace the handle in each mention and profile link by its token.

    Parameters
    ----------
    tokenise: handle, lower case and without @ -> token.
    handles: PLAIN_HANDLE or DOTTED_HANDLE.
    """
    if "/" in text:
        text = _PROFILE_LINK.sub(lambda link: link[1] + _link_token(link[2], tokenise), text)
    if "@" in text or "＠" in text or "﹫" in text:
        text = handles.sub(lambda mention: _mention_token(mention, tokenise), text)
    return text


def hide_people_within(value: Any, tokenise: Tokenise, handles: Pattern[str], depth: int = 0) -> Any:
    """Hide people in every string of a JSON value, and drop the values of keys that name people.

    For unreadable payloads: unknown fields are kept for a fixed parser. Nesting beyond 64 levels is dropped.
    """
    if isinstance(value, str):
        return hide_people(value, tokenise, handles)
    if not isinstance(value, dict | list):
        return value
    if depth >= _DEEPEST:
        return None
    if isinstance(value, list):
        return [hide_people_within(each, tokenise, handles, depth + 1) for each in value]
    return {
        hide_people(str(key), tokenise, handles): hide_people_within(each, tokenise, handles, depth + 1)
        for key, each in value.items()
        if key not in PERSON_KEYS
    }


def hide_people_beside(own: Payload, rest: Payload, tokenise: Tokenise, handles: Pattern[str]) -> Payload:
    """Merge `own`, known to be the author's, with the rest after `hide_people_within`."""
    others = {key: value for key, value in rest.items() if key not in own}
    return {**hide_people_within(others, tokenise, handles), **own}


def _mention_token(mention: Match[str], tokenise: Tokenise) -> str:
    start = mention.start()
    before = mention.string[start - 1] if start else " "
    if (before.isascii() and (before.isalnum() or before == "_")) and _MAIL_DOMAIN.match(mention.string, start + 1):
        return mention[0]
    return "@" + tokenise(_normal(mention[1]))


def _link_token(path: str, tokenise: Tokenise) -> str:
    first = path.partition("/")[0].partition("?")[0].removeprefix("@")
    return tokenise(_normal(path if not first or first.lower() in _NOT_HANDLES else first))


def _normal(handle: str) -> str:
    return handle.lower() if handle.isascii() else unicodedata.normalize("NFKC", handle).lower()
