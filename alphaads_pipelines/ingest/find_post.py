"""Find a post by `platform:post_id`, or by `key:` and its post key, in stream, ledger and lake."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.deduplication import place_of
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.stores.lake.base import Lake, Slice
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from alphaads_pipelines.streams.base import OffsetRange

VERSIONS = 16
"""Versions looked up per post: the original and its first 15 edits."""
KEY = "key"
"""Prefix of a post key, instead of a platform."""

_POST_KEY = r"[0-9a-f]{32}"
_RANGES = sql_table("batch_ranges")


@dataclass(frozen=True, slots=True)
class FoundPost:
    """An accepted version of a post.

    Attributes
    ----------
    place: its offset in the stream. batch: the batch that accepted it.
    """

    post_key: bytes
    version: int
    subject_id: str
    shard: int
    platform: str
    created_at: datetime
    place: OffsetRange
    batch: Batch


def parse_post(text: str) -> tuple[str, str]:
    """Split `platform:post_id`; the id may contain colons. Raises InvalidRequest."""
    platform, _, post_id = text.partition(":")
    if not platform or not post_id:
        raise InvalidRequest("POST: give platform:post_id as the network has them, or key: and a post key")
    return platform.strip().lower(), post_id


def keys_of(pseudonyms: Pseudonyms, platform: str, post_id: str) -> tuple[bytes, ...]:
    """Keys of all possible versions of a post. Raises InvalidRequest for a malformed post key."""
    if platform != KEY:
        return tuple(pseudonyms.post_key(platform, post_id, version) for version in range(VERSIONS))
    if not re.fullmatch(_POST_KEY, post_id):
        raise InvalidRequest("a post key is 32 hexadecimal digits")
    return (bytes.fromhex(post_id),)


def find_post(engine: Engine, ledger: Ledger, lake: Lake, topic: str, keys: Collection[bytes]) -> list[FoundPost]:
    """Find the accepted versions of a post, in order.

    Raises
    ------
    NotFound: no version is in the lake. StoreUnavailable.
    """
    batches = batches_of(engine, topic, keys)
    found = [post for seq, places in batches.items() for post in accepted_at(ledger.get(seq), lake, places, keys)]
    if not found:
        raise NotFound("no post of this name is here; one that was just taken in is found after some seconds")
    return sorted(found, key=lambda post: post.version)


def batches_of(engine: Engine, topic: str, keys: Collection[bytes]) -> dict[int, list[OffsetRange]]:
    """Map batch numbers to places of records with the keys, forgotten or not. Raises StoreUnavailable."""
    found: dict[int, list[OffsetRange]] = {}
    with reading(engine) as connection:
        for row in select_in(connection, "post_keys", "post_key", keys):
            if (place := place_of(row)) is None:
                continue
            partition, offset = place
            holds = (_RANGES.c.start_offset <= offset) & (_RANGES.c.end_offset > offset)
            of_batch = sa.select(_RANGES.c.batch_seq).where(_RANGES.c.topic == topic, _RANGES.c.partition == partition)
            for seq in connection.execute(of_batch.where(holds)).scalars():
                found.setdefault(seq, []).append(OffsetRange(topic, partition, offset, offset + 1))
    return dict(sorted(found.items()))


def accepted_at(batch: Batch, lake: Lake, places: Sequence[OffsetRange], keys: Collection[bytes]) -> list[FoundPost]:
    """Find posts with these keys at places of a batch. Raises StoreUnavailable."""
    columns = ["post_key", "version", "subject_id", "shard", "platform", "created_at"]
    found = []
    for each in places:
        rows = lake.read_slice(RAW_POSTS, Slice(batch.seq, (each,), batch.shards), columns)
        posts = [FoundPost(**row, place=each, batch=batch) for row in rows.iter_rows(named=True)]
        found += [post for post in posts if post.post_key in keys]
    return found
