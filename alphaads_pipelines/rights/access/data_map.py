"""Collect a person's data from every store, for an export.

Tables with a personal column are read by subject id or post keys, so new ones are included. Sealed bodies are opened;
keys and internally sealed columns are left out.

Memory: a few thousand rows, plus the ids of the person's posts and decisions (some hundred bytes each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
import polars as pl
import sqlalchemy as sa

from alphaads_pipelines.decisions.spool import spooled
from alphaads_pipelines.errors import EnvelopeError, OffsetsLost, UnsealError
from alphaads_pipelines.ports import Ports
from alphaads_pipelines.privacy.envelope import Envelope, decode
from alphaads_pipelines.privacy.sealer import SealedBody
from alphaads_pipelines.profiles.state import decode as decode_state
from alphaads_pipelines.schema.columns import Privacy, Table
from alphaads_pipelines.schema.operational_tables import PUBLISHED_DOCUMENTS
from alphaads_pipelines.schema.records import DOCUMENTS
from alphaads_pipelines.schema.tables import LAKE_TABLES, ON_ANY_SHARD, REJECTED_POSTS, RELATIONAL_TABLES
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from alphaads_pipelines.streams.base import OffsetRange

Row = dict[str, Any]

EXCLUDED_TABLES: Mapping[str, str] = {
    "suppressions": "holds keyed hashes of people who were erased, and nothing else of them",
    "early_events": "holds events whose decision is not in yet, for a day at most: nobody knows whose they are",
    "tracked_names": "holds names that a tenant chose; no subject leads there",
}
"""Tables with personal columns excluded from exports, and why."""

_CHUNK_ROWS = 4_096
_BODY, _STATE = "sealed_body", "state"
_HEADER = ("schema_version", "platform", "shard", "subject_id", "key_id", "nonce", _BODY)


@dataclass(frozen=True, slots=True)
class Section:
    """A person's rows in one table, topic or file; `rows` is a one-time iterator."""

    store: str
    name: str
    doc: str
    rows: Iterator[Row]


@dataclass(frozen=True, slots=True)
class Sources:
    """Stores of personal data.

    Parameters
    ----------
    audit: subject id -> entries of the audit log about them.
    """

    ports: Ports
    audit: Callable[[str], Iterable[Row]]


@dataclass(slots=True)
class _Seen:
    places: set[tuple[int, int]] = field(default_factory=set)
    post_keys: set[bytes] = field(default_factory=set)
    decisions: set[str] = field(default_factory=set)


class DataMap:
    """A subject's data. Consume the sections in order: later ones use keys found in earlier ones.

    Without `shard`, every shard is searched.
    """

    def __init__(self, sources: Sources, subject_id: str, shard: int | None) -> None:
        self._ports, self._audit, self._subject, self._shard = sources.ports, sources.audit, subject_id, shard
        self._seen = _Seen()

    def sections(self) -> Iterator[Section]:
        """One section per table, topic and document, even if empty, grouped by store.

        Raises
        ------
        StoreUnavailable, StreamUnavailable: here, or while rows are read.
        """
        for table in exported_tables(LAKE_TABLES):
            yield Section("lake", table.name, table.doc, self._lake_rows(table))
        posts, decisions, events = self._ports.topics
        # Spool before stream: a record forwarded in between is then found in the stream.
        yield Section("spool", decisions, "Decisions on their way to the stream.", self._spooled_decisions())
        yield Section("stream", posts, "Sealed posts that are not in the lake.", self._stream_posts())
        yield Section("stream", decisions, "Decisions about this person.", self._stream_decisions())
        yield Section("stream", events, "What happened to the ads that were shown.", self._events())
        for table in exported_tables(RELATIONAL_TABLES):
            yield Section("relational", table.name, table.doc, self._relational_rows(table))
        yield Section("relational", PUBLISHED_DOCUMENTS.name, PUBLISHED_DOCUMENTS.doc, self._documents())
        yield Section("audit", "entries", "Who accessed this person's data, when and what for.", self._audited())

    def _audited(self) -> Iterator[Row]:
        yield from self._audit(self._subject)

    def _lake_rows(self, table: Table) -> Iterator[Row]:
        rows = self._ports.lake.scan(table).filter(pl.col("subject_id") == self._subject)
        if self._shard is not None and "shard" in table.column_names and table.name not in ON_ANY_SHARD:
            rows = rows.filter(pl.col("shard") == self._shard)
        for frame in rows.collect_batches(chunk_size=_CHUNK_ROWS, maintain_order=False):
            if "stream_offset" in frame.columns:
                self._seen.places.update(frame.select("stream_partition", "stream_offset").iter_rows())
            if "post_key" in frame.columns:
                self._seen.post_keys.update(frame["post_key"])
            bodies = self._opened(frame) if _BODY in frame.columns else [None] * frame.height
            for row, body in zip(frame.iter_rows(named=True), bodies, strict=True):
                if table.name == REJECTED_POSTS.name and isinstance(body, bytes):
                    self._seen.post_keys.add(self._ports.pseudonyms.body_key(row["platform"], body))
                yield {**_formatted(table, row), **({} if body is None else _payload(body))}

    def _opened(self, frame: pl.DataFrame) -> Sequence[bytes | UnsealError]:
        return self._ports.sealer.unseal([SealedBody(*row) for row in frame.select(_HEADER).iter_rows()])

    def _stream_posts(self) -> Iterator[Row]:
        for chunk in self._records(self._ports.topics.posts):
            found: list[tuple[int, int, Envelope]] = []
            for partition, offset, value in chunk:
                envelope = _envelope(value) if self._subject.encode() in value else None
                if envelope and envelope.subject_id == self._subject and (partition, offset) not in self._seen.places:
                    found.append((partition, offset, envelope))
            bodies = self._ports.sealer.unseal([envelope for _, _, envelope in found])
            for (partition, offset, envelope), body in zip(found, bodies, strict=True):
                header = {name: getattr(envelope, name) for name in envelope.__struct_fields__ if name != "body"}
                yield {"partition": partition, "offset": offset, **_plain(header), **_payload(body)}

    def _stream_decisions(self) -> Iterator[Row]:
        for chunk in self._records(self._ports.topics.decisions):
            yield from self._decisions(value for _, _, value in chunk)

    def _spooled_decisions(self) -> Iterator[Row]:
        yield from self._decisions(spooled(self._ports.spool_path))

    def _decisions(self, records: Iterator[bytes]) -> Iterator[Row]:
        for record in records:
            decision = _json(record) if self._subject.encode() in record else None
            if decision and decision.get("subject_id") == self._subject:
                decision_id = str(decision.get("decision_id"))
                if decision_id not in self._seen.decisions:
                    self._seen.decisions.add(decision_id)
                    yield decision

    def _events(self) -> Iterator[Row]:
        if not self._seen.decisions:
            return
        for chunk in self._records(self._ports.topics.events):
            for _, _, value in chunk:
                event = _json(value)
                if event and event.get("decision_id") in self._seen.decisions:
                    yield event

    def _records(self, topic: str) -> Iterator[list[tuple[int, int, bytes]]]:
        """All records of a topic; skips records that retention removes meanwhile."""
        stream = self._ports.stream
        for partition, end in sorted(stream.end_offsets(topic).items()):
            start = stream.low_offsets(topic)[partition]
            try:
                for chunk in stream.read([OffsetRange(topic, partition, start, end)] if start < end else []):
                    yield [(each.partition, each.offset, each.value) for each in chunk]
            except OffsetsLost as lost:
                for chunk in stream.read([OffsetRange(topic, partition, lost.low, end)] if lost.low < end else []):
                    yield [(each.partition, each.offset, each.value) for each in chunk]

    def _relational_rows(self, table: Table) -> Iterator[Row]:
        column = str(table.subject_column)
        stored = sql_table(table.name)
        if column == "subject_id":
            query = sa.select(stored).where(stored.c.subject_id == self._subject).order_by(*stored.primary_key)
            with reading(self._ports.engine) as connection:
                for row in connection.execution_options(yield_per=_CHUNK_ROWS).execute(query):
                    yield _formatted(table, dict(row._mapping))
            return
        keys = sorted(self._seen.post_keys)
        for start in range(0, len(keys), _CHUNK_ROWS):
            with reading(self._ports.engine) as connection:
                rows = select_in(connection, table.name, column, keys[start : start + _CHUNK_ROWS])
            yield from (_formatted(table, dict(row._mapping)) for row in rows)

    def _documents(self) -> Iterator[Row]:
        """Entries of published documents keyed by subject or decision."""
        mine = self._seen.decisions | {self._subject}
        personal = {each.name: [part.name for part in each.columns if part.is_personal] for each in DOCUMENTS}
        with reading(self._ports.engine) as connection:
            names = [name for name, parts in personal.items() if parts]
            rows = select_in(connection, PUBLISHED_DOCUMENTS.name, "name", names, ["name", "document"])
        for row in rows:
            for part in personal[row.name]:
                held = row.document.get(part, {})
                if entries := {key: held[key] for key in sorted(mine & held.keys())}:
                    yield {"name": row.name, part: entries}


def exported_tables(tables: Sequence[Table]) -> list[Table]:
    """Every table with a personal column except EXCLUDED_TABLES.

    Raises
    ------
    LookupError: one has neither a subject id nor a post key.
    """
    personal = [table for table in tables if any(column.is_personal for column in table.columns)]
    lost = [table.name for table in personal if not table.subject_column and table.name not in EXCLUDED_TABLES]
    if lost:
        raise LookupError(f"{', '.join(lost)}: say in data_map.py how a person's rows are found, or why there are none")
    return [table for table in personal if table.name not in EXCLUDED_TABLES]


def _formatted(table: Table, row: Mapping[str, Any]) -> Row:
    formatted: Row = {}
    for column in table.columns:
        value = row[column.name]
        if column.privacy is Privacy.SEALED:
            continue
        if column.name == _STATE and isinstance(value, bytes):
            formatted[column.name] = msgspec.structs.asdict(decode_state(value))
        else:
            formatted[column.name] = orjson.loads(value) if column.type == "json" and isinstance(value, str) else value
    return _plain(formatted)


def _plain(row: Row) -> Row:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def _payload(body: bytes | UnsealError) -> Row:
    if isinstance(body, UnsealError):
        return {"payload": None, "payload_missing": body.code}
    return {"payload": _json(body) or body.decode("utf-8", "replace")}


def _json(value: bytes) -> Row | None:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _envelope(value: bytes) -> Envelope | None:
    try:
        return decode(value)
    except EnvelopeError:
        return None
