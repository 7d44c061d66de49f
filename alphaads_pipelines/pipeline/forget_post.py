"""Forget a post that its author deleted at the network, as if it had never been taken in.

Find, plan, apply. Between finding and planning, the post's keys are marked forgotten, so that no later attempt accepts
it. Then, under a claim of each of its batches, its rows are deleted from every lake version and its author's profile is
rebuilt and published. After a crash, the batch's next attempt runs without the post; older files with it go with
maintenance, or a second call.

These stay: the key, to refuse the post; decisions already made with it; until their retention ends, older profile
versions in lake files and, on Kafka, the sealed record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from alphaads_pipelines.decisions.explain.affected_decisions import PostImpact, find_affected_decisions, members_of
from alphaads_pipelines.errors import AlphaAdsError, Fenced, NotFound
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.deduplication import forget_keys
from alphaads_pipelines.ingest.find_post import FoundPost, accepted_at, batches_of, find_post
from alphaads_pipelines.ingest.heartbeat import Heartbeat
from alphaads_pipelines.ingest.publish import publish
from alphaads_pipelines.pipeline.batch_run import plan_replay
from alphaads_pipelines.pipeline.rebuild_profiles import rebuild_people
from alphaads_pipelines.ports import Ports
from alphaads_pipelines.schema.tables import POST_ENTITIES, POST_SCORES, RAW_POSTS
from alphaads_pipelines.streams.base import Erasable, OffsetRange

_TABLES = (RAW_POSTS, POST_SCORES, POST_ENTITIES)
_MARK_BYTES = 32
"""Length of a sealed record's tail, random enough to be unique."""

_UNFINISHED = ("planned", "running", "failed", "lost")
"""States of a batch that may still bring the post."""

Note = Callable[[Collection[str]], None]
"""Called with the subjects whose data is about to be read and changed."""


def _note_nothing(_: Collection[str]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Outcome of forgetting a post.

    Attributes
    ----------
    was_here: whether a version was in the lake.
    touched: decisions and people it affected; None if it was not here.
    records: removed from the stream. rows: deleted, by table.
    """

    was_here: bool
    touched: PostImpact | None
    records: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where a forgotten post must be removed.

    Attributes
    ----------
    records: places of its sealed records. batches: sequence number -> places, of batches that hold or may bring it.
    """

    records: Sequence[OffsetRange]
    batches: Mapping[int, Sequence[OffsetRange]]


def forget_post(ports: Ports, keys: Collection[bytes], note: Note, patience_s: float) -> Forgotten:
    """Forget a post in all its versions. Idempotent.

    Parameters
    ----------
    keys: of the versions (`find_post.keys_of`).
    patience_s: how long to wait for busy partitions.

    Raises
    ------
    WriteConflict: partitions stayed busy; the post is refused from now on, call again for the rest.
    InvalidRequest: the post's batch waits for an operator (`alphaads batches`).
    StoreUnavailable, StreamUnavailable: call again.
    """
    touched = _find(ports, keys, note)
    forget_keys(ports.engine, keys)
    plan = _plan(ports, keys)
    records = _remove_records(ports, plan.records)
    rows: Counter[str] = Counter()
    for seq, places in plan.batches.items():
        rows.update(_forget_in_batch(ports, seq, places, keys, note if touched is None else _note_nothing, patience_s))
    return Forgotten(touched is not None or rows.total() > 0, touched, records, dict(rows))


def _find(ports: Ports, keys: Collection[bytes], note: Note) -> PostImpact | None:
    """The decisions that the post affected, after noting its people; None if it is not in the lake."""
    try:
        versions = find_post(ports.engine, ports.ledger, ports.lake, ports.topics.posts, keys)
    except NotFound:
        note(())
        return None
    note(members_of(ports.engine, versions[0]))
    return find_affected_decisions(ports.engine, ports.lake, versions)


def _plan(ports: Ports, keys: Collection[bytes]) -> _Plan:
    found = batches_of(ports.engine, ports.topics.posts, keys)

    def is_concerned(batch: Batch) -> bool:
        return batch.state in _UNFINISHED or bool(accepted_at(batch, ports.lake, found[batch.seq], keys))

    batches = {seq: places for seq, places in found.items() if is_concerned(ports.ledger.get(seq))}
    return _Plan([place for places in found.values() for place in places], batches)


def _remove_records(ports: Ports, places: Sequence[OffsetRange]) -> int:
    """Remove records within retention from an erasable stream; returns how many."""
    stream, topic = ports.stream, ports.topics.posts
    if not isinstance(stream, Erasable) or not places:
        return 0
    lows = stream.low_offsets(topic)
    held = [record for chunk in stream.read([p for p in places if p.start >= lows[p.partition]]) for record in chunk]
    removed = stream.remove(topic, held) if held else 0
    stream.scrub(topic, [record.value[-_MARK_BYTES:] for record in held])
    return removed


def _forget_in_batch(
    ports: Ports, seq: int, places: Sequence[OffsetRange], keys: Collection[bytes], note: Note, patience_s: float
) -> Mapping[str, int]:
    """Delete the posts' rows of one batch and publish the rebuilt profile; returns rows by table."""
    attempt = plan_replay(ports, seq, patience_s)
    batch = ports.ledger.claim(seq, attempt, "forget-post", datetime.now(UTC))
    try:
        with Heartbeat(ports.ledger, batch) as heartbeat:
            posts = accepted_at(batch, ports.lake, places, keys)
            note({post.subject_id for post in posts})
            return _delete(ports, batch, posts, heartbeat.check)
    except BaseException as error:
        if not isinstance(error, Fenced):
            code = error.code if isinstance(error, AlphaAdsError) else "interrupted"
            ports.ledger.fail(batch, code, datetime.now(UTC))
        raise


def _delete(ports: Ports, batch: Batch, posts: Sequence[FoundPost], check: Callable[[], None]) -> Mapping[str, int]:
    rows: Counter[str] = Counter()
    shards = {post.shard: [each.post_key for each in posts if each.shard == post.shard] for post in posts}
    for table in _TABLES:
        for shard, keys in shards.items():
            rows[table.name] += ports.lake.erase_posts(table, keys, shard).get("rows_deleted", 0)
    people = sorted({post.subject_id for post in posts})
    rebuilt = rebuild_people(ports.lake, batch, people, frozenset(), check)
    versions = {table.name: version for table in _TABLES if (version := ports.lake.version(table)) is not None}
    versions |= {name: written.version for name, written in rebuilt.tables.items() if written.version is not None}
    assert batch.counts is not None, "only a committed batch is planned again"
    accepted, duplicates = batch.counts.accepted - len(posts), batch.counts.duplicates + len(posts)
    counts = replace(batch.counts, accepted=accepted, duplicates=duplicates)
    publish(ports.engine, ports.ledger, batch, counts, rebuilt.current, versions, datetime.now(UTC))
    return rows
