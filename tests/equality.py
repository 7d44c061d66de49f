"""When two installations are equal: the same posts, scores, profiles and journeys, whoever ran what when.

Random subject ids are replaced by platform and author, keyed hashes by post ids, bodies are unsealed; columns that
tell of runs and intake (batch, offsets, times of observation, nonces, correlation ids) are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec
import polars as pl

from alphaads_pipelines.profiles.state import decode, encode
from alphaads_pipelines.schema import tables
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring

_Names = Mapping[str, str]
"""Token of a name, keyed -> where it first stands: the same in installations that hold the same."""
_MENTION = re.compile(rb"@u_[a-z2-7]{16}")
"""Tokens of mentions are keyed, so two installations spell them differently."""

RUN_COLUMNS = frozenset(
    {
        *("shard", "batch_seq", "stream_partition", "stream_offset", "subject_id", "post_key", "key_id", "nonce"),
        *("sealed_body", "correlation_id", "observed_at", "event_date", "name_token"),
    }
)


def _hash(rows: list[tuple[object, ...]]) -> str:
    digest = hashlib.sha256()
    for row in sorted(repr(row) for row in rows):
        digest.update(row.encode() + b"\n")
    return f"{len(rows)}:{digest.hexdigest()[:16]}"


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select([name for name in frame.columns if name not in RUN_COLUMNS])


def _current(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return frame.sort("batch_seq").group_by(keys, maintain_order=True).last().select(frame.columns)


def _named(frame: pl.DataFrame, column: str, names: Mapping[object, str]) -> list[tuple[object, ...]]:
    plain = _plain(frame).rows()
    return [(names[key], *row) for key, row in zip(frame[column].to_list(), plain, strict=True)]


def _places_of_names(entities: pl.DataFrame, keys: Mapping[object, str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for token, key, number in entities.select("name_token", "post_key", "entity_number").iter_rows():
        place = f"{keys[key]}:{number}"
        names[token] = min(place, names.get(token, place))
    return names


def _portable(state: bytes, names: _Names) -> bytes:
    """The state with its topics' tokens replaced."""
    held = decode(bytes(state))
    held.topics = {names.get(topic, topic): hours for topic, hours in held.topics.items()}
    return encode(held)


def fingerprint(wiring: Wiring) -> dict[str, str]:
    """Table name -> "rows:hash"; equal installations have equal fingerprints."""
    lake = wiring.lake
    raw = lake.scan(tables.RAW_POSTS).collect()
    posts = [post for post in wiring.batch_reader.unseal_posts(raw) if post is not None]
    assert len(posts) == raw.height, "a sealed post could not be opened"
    subjects = {
        subject: f"{post.platform}:{post.author_id}"
        for subject, post in zip(raw["subject_id"].to_list(), posts, strict=True)
    }
    keys = {
        key: f"{post.platform}:{post.post_id}:{post.version}"
        for key, post in zip(raw["post_key"].to_list(), posts, strict=True)
    }
    assert len(keys) == raw.height, "a post key stands twice in raw_posts"
    entities = lake.scan(tables.POST_ENTITIES).collect()
    names = _places_of_names(entities, keys)
    profiles = _current(lake.scan(tables.CUSTOMER_PROFILES).collect(), ["subject_id"])
    portable = [_portable(state, names) for state in profiles["state"]]
    profiles = profiles.with_columns(state=pl.Series(portable, dtype=pl.Binary))
    journeys = _current(lake.scan(tables.EMOTIONAL_JOURNEYS).collect(), ["subject_id", "hour_at"])
    rejected = lake.scan(tables.REJECTED_POSTS).collect()
    live = sql_table("live_profiles")
    with reading(wiring.engine) as connection:
        states = connection.execute(live.select()).all()
    return {
        "raw_posts": _hash([(_MENTION.sub(b"@someone", msgspec.json.encode(post)),) for post in posts]),
        "post_entities": _hash(_named(entities, "post_key", keys)),
        "post_scores": _hash(_named(lake.scan(tables.POST_SCORES).collect(), "post_key", keys)),
        "customer_profiles": _hash(_named(profiles, "subject_id", subjects)),
        "emotional_journeys": _hash(_named(journeys, "subject_id", subjects)),
        "live_profiles": _hash([(subjects[row.subject_id], _portable(row.state, names)) for row in states]),
        "rejected_posts": _hash([(row,) for row in rejected["reason"].to_list()]),
    }
