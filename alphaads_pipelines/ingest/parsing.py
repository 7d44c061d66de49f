"""Parse a file without sealing it, for `alphaads parse`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alphaads_pipelines.errors import RejectedPayload
from alphaads_pipelines.ingest.files import PayloadFile
from alphaads_pipelines.platforms.base import AuthoredPayload, Malformed, Platform, Post
from alphaads_pipelines.platforms.malformed import malformed_payload
from alphaads_pipelines.platforms.mentions import mask
from alphaads_pipelines.platforms.registry import PLATFORMS


@dataclass(frozen=True, slots=True)
class Reject:
    """A payload that is not a post: line (or array position) and reason."""

    line: int
    reason: str
    detail: str


def parse_file(path: Path | str, platform: str | Platform) -> Iterator[Post | Reject]:
    """Parse every post of a file, nested posts after their parent.

    Mentions read `@user`: there is no key to pseudonymise them, and output is reproducible.

    Raises
    ------
    InvalidRequest: unreadable file. ConfigurationError: unknown platform.
    """
    parser = PLATFORMS.load(platform)() if isinstance(platform, str) else platform
    return _parsed(PayloadFile(path), parser)


def _parsed(file: PayloadFile, parser: Platform) -> Iterator[Post | Reject]:
    for line, item in file.numbered():
        if isinstance(item, Malformed):
            parts = [AuthoredPayload(None, malformed_payload(item.raw))]
        else:
            parts = parser.split(item, mask)
        for part in parts:
            yield _post_or_reject(parser, part, line)


def _post_or_reject(parser: Platform, part: AuthoredPayload, line: int) -> Post | Reject:
    try:
        return parser.parse(part.payload)
    except RejectedPayload as error:
        return Reject(line, error.reason, error.detail)
