"""Detects encoded text: escapes, base64, base32 and hexadecimal."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator

from alphaads_pipelines.campaigns.text.normalisation import normalise

_ESCAPES = re.compile(
    r"(?:[%=][0-9A-Fa-f]{2}){2,}"  # percent signs, quoted-printable
    r"|(?<=[^\W\d_])%[0-9A-Fa-f]{2}|%(?:2[0EFef]|3[Aa]|40)"  # no percentages
    r"|\\[ux]\{?[0-9A-Fa-f]{2}"
    r"|&(?:#[xX]?[0-9A-Fa-f]{1,8}|[A-Za-z]{2,8});"
)
_WORD = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,6}")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE32 = re.compile(r"[A-Z2-7]+=*")
_ASCII_TEXT = re.compile(r"[A-Za-z0-9 .,:;/@'!?_%-]+")
_LONGEST_CAPITALS = 16
_MIN_ASCII_BYTES, _MIN_UNICODE_BYTES = 5, 8
"""Shorter words decode to text by chance, more often beyond ASCII."""


def has_encoded_text(text: str) -> bool:
    """Whether a word decodes to readable text."""
    plain = normalise(text)
    return bool(_ESCAPES.search(plain)) or any(_is_encoded(word) for word in _WORD.findall(plain))


def _is_encoded(word: str) -> bool:
    bare = word.rstrip("=")
    is_capitals = bare.isupper() and len(word) < _LONGEST_CAPITALS
    if bare.isdecimal() or (bare.isalpha() and (bare[1:].islower() or (is_capitals and word == bare))):
        return False
    return any(map(_is_readable, _decodings(bare)))


_DECODERS: tuple[Callable[[str], bytes], ...] = (
    lambda bare: base64.b64decode(bare.translate({ord("-"): "+", ord("_"): "/"}) + "=" * (-len(bare) % 4)),
    lambda bare: bytes.fromhex(bare) if _HEXADECIMAL.fullmatch(bare) else b"",
    lambda bare: base64.b32decode(bare + "=" * (-len(bare) % 8)) if _BASE32.fullmatch(bare) else b"",
)


def _decodings(bare: str) -> Iterator[bytes]:
    for decode in _DECODERS:
        try:
            yield decode(bare)
        except ValueError:
            continue


def _is_readable(decoded: bytes) -> bool:
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return False
    if _ASCII_TEXT.fullmatch(text):
        return len(decoded) >= _MIN_ASCII_BYTES
    return len(decoded) >= _MIN_UNICODE_BYTES and not any(
        unicodedata.category(each) in {"Cc", "Cn", "Co"} for each in text
    )
