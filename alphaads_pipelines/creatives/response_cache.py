"""Caches responses of language models, so that each brief is paid for once.

Failures are cached too, or an impossible brief would cost again in every run. The folder holds no personal data;
delete a file to retry its brief.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

import msgspec

from alphaads_pipelines.creatives.prompt import Ad


class CachedResponse(msgspec.Struct, frozen=True):
    """A brief's ad; None for a failure."""

    ad: Ad | None


_decoder = msgspec.json.Decoder(CachedResponse)


class ResponseCache:
    """Responses by key, in memory and optionally in `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._entries: dict[str, CachedResponse] = {}

    @staticmethod
    def key(*parts: str) -> str:
        """Hash a model's name and prompt."""
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def read(self, key: str) -> CachedResponse | None:
        """Look a response up; None on a miss or a damaged file."""
        if key not in self._entries and self._folder is not None:
            self._load(self._folder / f"{key}.json", key)
        return self._entries.get(key)

    def write(self, key: str, response: CachedResponse) -> None:
        """Store a response atomically."""
        self._entries[key] = response
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{key}.{uuid4().hex}"
        draft.write_bytes(msgspec.json.encode(response))
        draft.replace(self._folder / f"{key}.json")

    def _load(self, path: Path, key: str) -> None:
        try:
            self._entries[key] = _decoder.decode(path.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return
