"""Parsers for fields common to all networks, and their rejection reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from alphaads_pipelines.errors import RejectedPayload

MAX_TEXT_CHARS = 100_000
FIRST_YEAR, LAST_YEAR = 2000, 2100

REASONS: dict[str, str] = {
    "malformed_json": "the line is not JSON",
    "not_an_object": "the JSON value is not an object",
    "too_large": "the payload is larger than a stream record may be",
    "unknown_format_version": "format_version is none that this code reads",
    "missing_id": "the post has no id",
    "missing_author": "the post does not say who wrote it",
    "missing_text": "the post has no text field",
    "text_too_long": f"the text has more than {MAX_TEXT_CHARS} characters",
    "bad_timestamp": "created_at is absent or no time that this format allows",
    "bad_type": "a field has a value of the wrong type",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000  # year 5138 in seconds, 1973 in milliseconds
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_RENAMED_LANGUAGES = {"in": "id", "iw": "he", "ji": "yi"}
_EXACT_FLOAT = 2**53
_MAX_COUNT = 2**63


def rejected(reason: str, detail: str = "") -> RejectedPayload:
    """Return the error for a known reason; `detail` defaults to its meaning."""
    return RejectedPayload(reason, detail or REASONS[reason])


def identifier(value: Any) -> str | None:
    """Return an id as text, or None. A float too large to be exact is None."""
    if isinstance(value, str):
        return clean(value).strip() or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOAT:
        return str(int(value))
    return None


def clean(text: str) -> str:
    """Return valid Unicode without NUL: split surrogates are joined, lone ones and NUL become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def post_text(value: Any) -> str:
    """Return the text of a post.

    Raises
    ------
    RejectedPayload: missing_text, bad_type, text_too_long.
    """
    if value is None:
        raise rejected("missing_text")
    if not isinstance(value, str):
        raise rejected("bad_type", "text must be a string")
    if len(value) > MAX_TEXT_CHARS:
        raise rejected("text_too_long")
    return clean(value)


def rfc3339(value: str) -> datetime:
    """Parse a time with offset into UTC.

    Raises
    ------
    RejectedPayload: bad_timestamp.
    """
    if not _RFC3339.fullmatch(value):
        raise rejected("bad_timestamp")
    try:
        return in_range(datetime.fromisoformat(value.upper()))
    except ValueError:
        raise rejected("bad_timestamp") from None


def epoch(value: float) -> datetime:
    """Parse seconds or milliseconds since 1970, distinguished by size, into UTC.

    Raises
    ------
    RejectedPayload: bad_timestamp.
    """
    unit = 1_000 if abs(value) >= _MILLISECONDS_FROM else 1_000_000
    try:
        return in_range(_EPOCH + timedelta(microseconds=round(value * unit)))
    except (ValueError, OverflowError):
        raise rejected("bad_timestamp") from None


def in_range(moment: datetime) -> datetime:
    """Return `moment` in UTC if within the years 2000 to 2100.

    Raises
    ------
    RejectedPayload: bad_timestamp.
    """
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise rejected("bad_timestamp") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise rejected("bad_timestamp", f"created_at lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def language(value: Any) -> str | None:
    """ISO 639-1 code of a BCP 47 tag; None if undetermined or without a two-letter code."""
    if not isinstance(value, str):
        return None
    primary = value[:3].partition("-")[0].partition("_")[0].lower()
    if len(primary) != 2 or not (primary.isascii() and primary.isalpha()):
        return None
    return _RENAMED_LANGUAGES.get(primary, primary)


def count(value: Any) -> int | None:
    """A count, or None if hidden or invalid."""
    return value if type(value) is int and 0 <= value < _MAX_COUNT else None


def hashtags(values: Iterable[Any]) -> tuple[str, ...]:
    """Distinct tags in order, lower case, without #."""
    tags = (clean(value).strip().lstrip("#＃").lower() for value in values if isinstance(value, str))
    return tuple(dict.fromkeys(tag for tag in tags if tag))
