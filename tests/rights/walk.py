"""An independent walk over every store, with the keys but without the export code.

It reads files as they lie on disk: Parquet through the Delta log by hand, SQLite page by page through its own library,
the spool by its framing. Where a subject stands in a table is found from the stored columns, not from declarations. All
it borrows is the reader of a profile's state.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from alphaads_pipelines.profiles.state import decode

Place = tuple[str, str]
"""Store and table, topic or file."""
Held = dict[Place, list[str]]
"""One subject's rows as canonical JSON."""

LEFT_OUT = frozenset({"wrapped_key", "sealed_subject", "sealed_body"})
"""Sealed for the house alone, or opened instead."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Walk:
    """Everything that is held, by subject.

    Parameters
    ----------
    home: ALPHAADS_HOME.
    keys: key id -> data key.
    body_key: platform and body of a rejected payload -> the key it is indexed by.
    """

    def __init__(self, home: Path, keys: Mapping[str, bytes], body_key: Any) -> None:
        self._keys, self._body_key = keys, body_key
        self.held: dict[str, Held] = defaultdict(lambda: defaultdict(list))
        self._post_keys: dict[str, str] = {}
        self._decisions: dict[str, str] = {}
        places = self._lake(home / "lake")
        self._posts(home / "stream" / "posts.raw.db", places)
        for segment in sorted((home / "spool").glob("*.spool")):
            self._take_decisions(("spool", "ads.decisions"), _framed(segment.read_bytes()))
        self._take_decisions(("stream", "ads.decisions"), _messages(home / "stream" / "ads.decisions.db"))
        for value in _messages(home / "stream" / "ads.events.db"):
            event = json.loads(value)
            self._add(self._decisions.get(event["decision_id"]), ("stream", "ads.events"), event)
        self._relational(home / "relational.db")

    def _add(self, subject: str | None, place: Place, row: Mapping[str, Any]) -> None:
        if subject is not None:
            self.held[subject][place].append(canonical(row))

    def _lake(self, lake: Path) -> set[tuple[int, int]]:
        places = set()
        for folder in sorted(lake.iterdir()):
            for row in _delta_rows(folder):
                if "subject_id" not in row:
                    continue
                subject = row["subject_id"]
                if "stream_offset" in row:
                    places.add((row["stream_partition"], row["stream_offset"]))
                if row.get("post_key"):
                    self._post_keys[row["post_key"].hex()] = subject
                shown = {name: value for name, value in row.items() if name not in LEFT_OUT}
                if "sealed_body" in row:
                    body = self._unsealed({**row, "body": row["sealed_body"]})
                    shown["payload"] = json.loads(body)
                    if folder.name == "rejected_posts":
                        self._post_keys[self._body_key(row["platform"], body).hex()] = subject
                self._add(subject, ("lake", folder.name), shown)
        return places

    def _posts(self, database: Path, places: set[tuple[int, int]]) -> None:
        names = ("schema_version", "platform", "shard", "subject_id", "key_id", "nonce", "correlation_id")
        names += ("observed_at_us", "attributed", "body")
        for position, value in _positioned(database):
            partition, offset = position >> 48, position & (1 << 48) - 1
            if (partition, offset) in places:
                continue
            said = dict(zip(names, msgspec.msgpack.decode(value), strict=True))
            shown = {name: each for name, each in said.items() if name != "body"}
            shown |= {"partition": partition, "offset": offset, "payload": json.loads(self._unsealed(said))}
            self._add(said["subject_id"], ("stream", "posts.raw"), shown)

    def _unsealed(self, row: Mapping[str, Any]) -> bytes:
        bound = "|".join(str(row[name]) for name in ("schema_version", "platform", "shard", "subject_id", "key_id"))
        return AESGCM(self._keys[row["key_id"]]).decrypt(row["nonce"], row["body"], bound.encode())

    def _take_decisions(self, place: Place, records: Iterator[bytes]) -> None:
        for record in records:
            decision = json.loads(record)
            if decision["decision_id"] not in self._decisions:
                self._decisions[decision["decision_id"]] = decision["subject_id"]
                self._add(decision["subject_id"], place, decision)

    def _relational(self, database: Path) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.row_factory = sqlite3.Row
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                for stored in connection.execute(f'SELECT * FROM "{name}"'):
                    row = dict(stored)
                    subject = row.get("subject_id") or self._post_keys.get((row.get("post_key") or b"").hex())
                    shown = {column: value for column, value in row.items() if column not in LEFT_OUT}
                    self._add(subject, ("relational", name), shown)


def canonical(row: Mapping[str, Any]) -> str:
    """A row so that two readers of it agree, whatever their types are."""
    return json.dumps({name: _simple(name, value) for name, value in row.items()}, sort_keys=True)


def _simple(name: str, value: Any) -> Any:
    if name == "state" and isinstance(value, bytes):
        return _texts(msgspec.structs.asdict(decode(value)))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return int(value)
    if name.endswith(("_at", "_until")) and value is not None:
        return _microseconds(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in "{[":
        return _texts(json.loads(value))
    return _texts(value)


def _texts(value: Any) -> Any:
    """With keys as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _texts(each) for key, each in value.items()}
    return [_texts(each) for each in value] if isinstance(value, list | tuple) else value


def _microseconds(value: Any) -> int:
    if isinstance(value, int):
        return value
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _delta_rows(table: Path) -> Iterator[dict[str, Any]]:
    """Rows of the files that the log's commits leave in place; such a small table has no checkpoint yet."""
    live: dict[str, dict[str, Any]] = {}
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                live[action["add"]["path"]] = action["add"]["partitionValues"]
            if "remove" in action:
                live.pop(action["remove"]["path"])
    for path, partition in live.items():
        said = {name: int(value) if value.isdigit() else value for name, value in partition.items()}
        for row in pq.ParquetFile(table / unquote(path)).read().to_pylist():
            yield {**said, **row}


def _positioned(database: Path) -> Iterator[tuple[int, bytes]]:
    with closing(sqlite3.connect(database)) as connection:
        yield from connection.execute("SELECT position, value FROM messages")


def _messages(database: Path) -> Iterator[bytes]:
    yield from (value for _, value in _positioned(database))


def _framed(data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        length, _ = struct.unpack_from("<II", data, place)
        yield data[place + 8 : place + 8 + length]
        place += 8 + length
