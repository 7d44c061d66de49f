"""Forgetting a single post, because its author deleted it at the network: it is gone, and as if it had never been here.

First its keys are taken from every record, so that it is never accepted again. Then, under a claim of the batch that
brought it, its rows are deleted from every version of the lake, its author's profile is folded anew from what is left,
and published. Should this process die, the ledger gives the batch to the next attempt, which accepts it without the
post and does the rest; files of older versions that still hold it go with maintenance then, or when this is run again.

What stays: the key, for who may not come in again; the decisions that the post touched, which were made; versions of
the profile from before in files that the lake keeps for its retention; in Kafka the sealed record, for the topic's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from alphaads_pipelines.decisions.explain.affected_decisions import Touched, members_of, touched_by
from alphaads_pipelines.errors import AlphaAdsError, Fenced, NotFound
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.deduplication import forget
from alphaads_pipelines.ingest.find_post import FoundPost, accepted_at, batches_of, find_post
from alphaads_pipelines.ingest.heartbeat import Heartbeat
from alphaads_pipelines.ingest.publish import publish
from alphaads_pipelines.pipeline.batch_run import plan_replay
from alphaads_pipelines.pipeline.rebuild_profiles import refold_people
from alphaads_pipelines.pipeline.reports import Tools
from alphaads_pipelines.schema.tables import POST_ENTITIES, POST_SCORES, RAW_POSTS
from alphaads_pipelines.streams.base import Erasable, OffsetRange, Stream

_TABLES = (RAW_POSTS, POST_SCORES, POST_ENTITIES)
_MARK_BYTES = 32
"""The end of a sealed record: random enough to stand nowhere else."""

_AT_WORK = ("planned", "running", "failed", "lost")
"""States of a batch that may still bring the post."""

Note = Callable[[Collection[str]], None]
"""Told whose data is about to be read and changed, before it is."""


class Stores(Tools, Protocol):
    """The domain objects of a micro-batch, and the stream; `wiring.Wiring` is one."""

    @property
    def stream(self) -> Stream:
        """Where posts came by."""


def _nothing(_: Collection[str]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done.

    Attributes
    ----------
    was_here: whether a version of the post was in the lake; if not, it will not come in.
    touched: what it touched before it was gone; None where it was not here.
    records: removed from the stream. rows: deleted, by table.
    """

    was_here: bool
    touched: Touched | None
    records: int
    rows: Mapping[str, int]


def forget_post(stores: Stores, topic: str, keys: Collection[bytes], note: Note, patience_s: float) -> Forgotten:
    """Forget a post, in all its versions. To forget it again changes nothing.

    Parameters
    ----------
    topic: of sealed posts. keys: of the versions (`find_post.keys_of`).
    patience_s: how long to wait for batches that are at work on the same partitions.

    Raises
    ------
    WriteConflict: they were at it all the time; the post does not come in again, ask again for the rest.
    InvalidRequest: the post's batch waits for a person (`alphaads batches`).
    StoreUnavailable, StreamUnavailable: ask again.
    """
    touched = None
    try:
        versions = find_post(stores.engine, stores.ledger, stores.lake, topic, keys)
        note(members_of(stores.engine, versions[0]))
        touched = touched_by(stores.engine, stores.lake, versions)
    except NotFound:
        note(())
    forget(stores.engine, keys)
    batches = batches_of(stores.engine, topic, keys)
    records = _remove_records(stores.stream, topic, [place for places in batches.values() for place in places])
    rows: Counter[str] = Counter()
    for seq, places in batches.items():
        batch = stores.ledger.get(seq)
        if batch.state in _AT_WORK or accepted_at(batch, stores.lake, places, keys):
            rows.update(_forget_in(stores, seq, places, keys, note if touched is None else _nothing, patience_s))
    return Forgotten(touched is not None or rows.total() > 0, touched, records, dict(rows))


def _remove_records(stream: Stream, topic: str, places: Sequence[OffsetRange]) -> int:
    """Remove records from a stream that can do that; those that retention removed are gone already."""
    if not isinstance(stream, Erasable) or not places:
        return 0
    lows = stream.low_offsets(topic)
    held = [record for chunk in stream.read([p for p in places if p.start >= lows[p.partition]]) for record in chunk]
    removed = stream.remove(topic, held) if held else 0
    stream.scrub(topic, [record.value[-_MARK_BYTES:] for record in held])
    return removed


def _forget_in(
    stores: Stores, seq: int, places: Sequence[OffsetRange], keys: Collection[bytes], note: Note, patience_s: float
) -> Mapping[str, int]:
    """Delete the posts' rows of one batch and publish the profile that is left; rows by table."""
    attempt = plan_replay(stores, seq, patience_s)
    batch = stores.ledger.claim(seq, attempt, "forget-post", datetime.now(UTC))
    try:
        with Heartbeat(stores.ledger, batch) as heartbeat:
            posts = accepted_at(batch, stores.lake, places, keys)
            note({post.subject_id for post in posts})
            return _without(stores, batch, posts, heartbeat.check)
    except BaseException as error:
        if not isinstance(error, Fenced):
            code = error.code if isinstance(error, AlphaAdsError) else "interrupted"
            stores.ledger.fail(batch, code, datetime.now(UTC))
        raise


def _without(stores: Stores, batch: Batch, posts: Sequence[FoundPost], check: Callable[[], None]) -> Mapping[str, int]:
    rows: Counter[str] = Counter()
    shards = {post.shard: [each.post_key for each in posts if each.shard == post.shard] for post in posts}
    for table in _TABLES:
        for shard, keys in shards.items():
            rows[table.name] += stores.lake.erase_posts(table, keys, shard).get("rows_deleted", 0)
    people = sorted({post.subject_id for post in posts})
    refolded = refold_people(stores.lake, batch, people, frozenset(), check)
    versions = {table.name: version for table in _TABLES if (version := stores.lake.version(table)) is not None}
    versions |= {name: written.version for name, written in refolded.tables.items() if written.version is not None}
    assert batch.counts is not None, "only a committed batch is planned again"
    accepted, duplicates = batch.counts.accepted - len(posts), batch.counts.duplicates + len(posts)
    counts = replace(batch.counts, accepted=accepted, duplicates=duplicates)
    publish(stores.engine, stores.ledger, batch, counts, refolded.current, versions, datetime.now(UTC))
    return rows
