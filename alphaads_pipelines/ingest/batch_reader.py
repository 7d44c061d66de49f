"""Read a batch: validate and deduplicate its records into rows of `raw_posts` and `rejected_posts`.

Deterministic across attempts. No record is lost: if decoding, unsealing or parsing fails, it becomes a rejected row
with its reason, still sealed, and a replay tries it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.errors import EnvelopeError, KeyDestroyed, OffsetsLost, RejectedPayload, UnsealError
from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.ingest.deduplication import KeyedRecord, register_keys
from alphaads_pipelines.platforms.base import Platform, Post
from alphaads_pipelines.privacy.envelope import Envelope, decode
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.privacy.sealer import SealedBody, Sealer, Unsealed
from alphaads_pipelines.registry import Registry
from alphaads_pipelines.schema.tables import RAW_POSTS, REJECTED_POSTS
from alphaads_pipelines.stores.lake.base import Lake, conform, polars_schema
from alphaads_pipelines.streams.base import StoredRecord, Stream
from alphaads_pipelines.telemetry import get_logger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ERASED = "erased"
_NOT_AN_ENVELOPE = "not_an_envelope"
_HEADER = ("schema_version", "platform", "shard", "subject_id", "key_id", "nonce", "sealed_body")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """The rows of a batch.

    Attributes
    ----------
    posts: the unsealed posts, in the order of `raw`; they stay in memory.
    counts: read = accepted + rejected + duplicates.
    """

    raw: pl.DataFrame
    rejected: pl.DataFrame
    posts: list[Post]
    counts: BatchCounts


@dataclass(slots=True)
class _Entry:
    partition: int
    offset: int
    envelope: Envelope
    post: Post | None = None
    reason: str = ""
    detail: str = ""
    post_key: bytes = b""


@dataclass(slots=True)
class _Columns:
    values: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, **row: Any) -> None:
        for name, value in row.items():
            self.values.setdefault(name, []).append(value)


class BatchReader:
    """Reads batches.

    Parameters
    ----------
    sealer, pseudonyms: over the same master keys.
    engine: holds the index of post keys.
    lake: source of a replay whose offsets the stream no longer holds.
    """

    def __init__(
        self,
        stream: Stream,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        platforms: Registry[Platform],
        engine: Engine,
        lake: Lake,
    ) -> None:
        self._stream, self._sealer, self._pseudonyms = stream, sealer, pseudonyms
        self._engine, self._lake = engine, lake
        self._parsers: dict[str, Platform] = {}
        self._platforms = platforms

    def read(self, batch: Batch) -> AcceptedBatch:
        """Read exactly the batch's ranges.

        Raises
        ------
        OffsetsLost: a live batch starts below the low watermark. StreamUnavailable, StoreUnavailable.
        """
        entries, kept_duplicates = self._read_records(batch)
        self._validate(batch, entries)
        keyed = [KeyedRecord(each.post_key, each.partition, each.offset) for each in entries]
        first = register_keys(self._engine, keyed)
        good = [each for each, wins in zip(entries, first, strict=True) if wins and each.post is not None]
        bad = [each for each, wins in zip(entries, first, strict=True) if wins and each.post is None]
        duplicates = len(entries) - len(good) - len(bad) + kept_duplicates
        counts = BatchCounts(len(entries) + kept_duplicates, len(good), len(bad), duplicates, _seen_until(entries))
        posts = [each.post for each in good if each.post is not None]
        return AcceptedBatch(_raw_rows(batch, good), _rejected_rows(batch, bad), posts, counts)

    def unseal_posts(self, raw: pl.DataFrame) -> list[Post | None]:
        """Unseal the posts of `raw_posts` rows, in order; None where the key is destroyed."""
        bodies = self._sealer.unseal([SealedBody(*row) for row in raw.select(_HEADER).iter_rows()])
        platforms = raw["platform"].to_list()
        posts: list[Post | None] = []
        for platform, body in zip(platforms, bodies, strict=True):
            if isinstance(body, KeyDestroyed):
                posts.append(None)
            elif isinstance(body, UnsealError):
                raise body
            else:
                posts.append(self._parser(platform).parse(orjson.loads(body)))
        return posts

    def _read_records(self, batch: Batch) -> tuple[list[_Entry], int]:
        """Read the batch's records; count duplicates that the lake no longer holds."""
        try:
            records = [record for chunk in self._stream.read(batch.ranges) for record in chunk]
        except OffsetsLost:
            if batch.kind != "replay" or batch.counts is None:
                raise
            held = list(self._read_from_lake(batch))
            return held, batch.counts.read - len(held)
        return [self._decode(batch, record) for record in records], 0

    def _decode(self, batch: Batch, record: StoredRecord) -> _Entry:
        try:
            return _Entry(record.partition, record.offset, decode(record.value))
        except EnvelopeError:
            envelope = self._seal_unreadable(batch, record)
            detail = "the record is no envelope v1"
            return _Entry(record.partition, record.offset, envelope, None, _NOT_AN_ENVELOPE, detail)

    def _seal_unreadable(self, batch: Batch, record: StoredRecord) -> Envelope:
        # It may contain personal data, so it is sealed with the key of the day.
        [envelope] = self._sealer.seal("unknown", [Unsealed(None, record.value)], batch.id, batch.planned_at)
        return envelope

    def _read_from_lake(self, batch: Batch) -> Iterator[_Entry]:
        for table in (RAW_POSTS, REJECTED_POSTS):
            rows = self._lake.read_slice(table, batch.slice)
            for row in rows.iter_rows(named=True):
                observed_us = (row["observed_at"] - _EPOCH) // timedelta(microseconds=1)
                header = (row["schema_version"], row["platform"], row["shard"], row["subject_id"], row["key_id"])
                sealed = (row["nonce"], row["correlation_id"], observed_us, row.get("attributed", True))
                envelope = Envelope(*header, *sealed, row["sealed_body"])
                entry = _Entry(row["stream_partition"], row["stream_offset"], envelope)
                yield self._decode_sealed_record(batch, entry) if row.get("reason") == _NOT_AN_ENVELOPE else entry

    def _decode_sealed_record(self, batch: Batch, entry: _Entry) -> _Entry:
        # the whole record, not a payload
        [body] = self._sealer.unseal([entry.envelope])
        if isinstance(body, UnsealError):
            return entry
        return self._decode(batch, StoredRecord(entry.partition, entry.offset, body))

    def _validate(self, batch: Batch, entries: Sequence[_Entry]) -> None:
        waiting = [each for each in entries if not each.reason]
        for each, body in zip(waiting, self._sealer.unseal([each.envelope for each in waiting]), strict=True):
            if isinstance(body, UnsealError):
                each.reason = body.code if isinstance(body, KeyDestroyed) else "unseal_failed"
                each.detail = "the body cannot be opened"
            elif each.envelope.shard not in batch.shards:
                each.reason, each.detail = "wrong_partition", "the author's shard belongs to another stream partition"
            else:
                self._parse_body(each, body)
        for each in entries:
            if not each.post_key:
                each.post_key = self._pseudonyms.post_key("record", f"{each.partition}", each.offset)

    def _parse_body(self, entry: _Entry, body: bytes) -> None:
        envelope = entry.envelope
        try:
            post = self._parser(envelope.platform).parse(orjson.loads(body))
            if not envelope.attributed:
                raise RejectedPayload("missing_author", "nobody could be attributed at intake")
            entry.post = post
            entry.post_key = self._pseudonyms.post_key(post.platform, post.post_id, post.version)
        except RejectedPayload as error:
            entry.reason, entry.detail = error.reason, error.detail
            entry.post_key = self._pseudonyms.body_key(envelope.platform, body)
        except Exception as error:  # noqa: BLE001 - a parser's bug must not stop a batch; a replay tries again
            _log.error("parser failed", platform=envelope.platform, error=type(error).__name__)
            entry.reason, entry.detail = "parser_error", type(error).__name__
            entry.post_key = self._pseudonyms.body_key(envelope.platform, body)

    def _parser(self, platform: str) -> Platform:
        if platform not in self._parsers:
            if platform not in self._platforms:
                raise RejectedPayload("unknown_platform", "no parser has the name in the envelope")
            self._parsers[platform] = self._platforms.load(platform)()
        return self._parsers[platform]


def _seen_until(entries: Sequence[_Entry]) -> dict[int, datetime]:
    seen: dict[int, int] = {}
    for each in entries:
        seen[each.partition] = max(seen.get(each.partition, 0), each.envelope.observed_at_us)
    return {partition: _EPOCH + timedelta(microseconds=us) for partition, us in seen.items()}


def _shared_columns(batch: Batch, entry: _Entry) -> dict[str, Any]:
    envelope = entry.envelope
    return {
        "stream_partition": entry.partition,
        "stream_offset": entry.offset,
        "batch_seq": batch.seq,
        "platform": envelope.platform,
        "key_id": envelope.key_id,
        "nonce": envelope.nonce,
        "schema_version": envelope.schema_version,
        "correlation_id": envelope.correlation_id,
        "observed_at": envelope.observed_at_us,
    }


def _raw_rows(batch: Batch, entries: Sequence[_Entry]) -> pl.DataFrame:
    columns = _Columns()
    for each in entries:
        assert each.post is not None
        columns.add(
            **_shared_columns(batch, each),
            shard=each.envelope.shard,
            subject_id=each.envelope.subject_id,
            sealed_body=each.envelope.body,
            post_key=each.post_key,
            version=each.post.version,
            kind=each.post.kind,
            created_at=each.post.created_at,
        )
    return _frame(RAW_POSTS, columns, pl.col("created_at").dt.date())


def _rejected_rows(batch: Batch, entries: Sequence[_Entry]) -> pl.DataFrame:
    columns = _Columns()
    for each in entries:
        erased = each.reason == KeyDestroyed.code  # erased people stay in the count only
        shard = each.envelope.shard if each.envelope.shard in batch.shards else batch.shards[0]
        columns.add(
            **_shared_columns(batch, each),
            shard=shard,
            subject_id=_ERASED if erased else each.envelope.subject_id,
            sealed_body=b"" if erased else each.envelope.body,
            attributed=each.envelope.attributed,
            reason=each.reason,
            detail=each.detail,
        )
    return _frame(REJECTED_POSTS, columns, pl.col("observed_at").dt.date())


def _frame(table: Any, columns: _Columns, event_date: pl.Expr) -> pl.DataFrame:
    declared = polars_schema(table)
    names = [name for name in table.column_names if name != "event_date"]
    values = {name: columns.values.get(name, []) for name in names}
    frame = pl.DataFrame(values, schema={name: declared[name] for name in names})
    return conform(table, frame.with_columns(event_date=event_date))
