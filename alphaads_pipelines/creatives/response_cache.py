"""Answers of language models, kept: the same facts and prompt are paid for once.

An answer that never came right is kept too, as none, so that a brief nobody can write for is not paid for every hour.
The folder holds the advertiser's and the model's words only, nothing of a person; deleting a file asks again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

import msgspec

from alphaads_pipelines.creatives.prompt import Ad


class CachedResponse(msgspec.Struct, frozen=True):
    """What came of a brief; without an ad, nothing that may be used."""

    ad: Ad | None


_decoder = msgspec.json.Decoder(CachedResponse)


class ResponseCache:
    """Answers by what was asked, in memory, and in `folder` if one is given."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._entries: dict[str, CachedResponse] = {}

    @staticmethod
    def key(*asked: str) -> str:
        """A hash of what was asked, and of whom."""
        return hashlib.sha256("\0".join(asked).encode()).hexdigest()

    def read(self, key: str) -> CachedResponse | None:
        """What was kept; None if nothing was, or if the file is damaged."""
        if key not in self._entries and self._folder is not None:
            self._load(self._folder / f"{key}.json", key)
        return self._entries.get(key)

    def write(self, key: str, kept: CachedResponse) -> None:
        """Keep it; a file is there whole or not at all."""
        self._entries[key] = kept
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{key}.{uuid4().hex}"
        draft.write_bytes(msgspec.json.encode(kept))
        draft.replace(self._folder / f"{key}.json")

    def _load(self, path: Path, key: str) -> None:
        try:
            self._entries[key] = _decoder.decode(path.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return
