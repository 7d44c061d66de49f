"""The personal part of an explanation: the mood, and its posts with their stream offsets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine, Row

from alphaads_pipelines.decisions.explain.explanation import MOST_POSTS, PersonReason, PostReason
from alphaads_pipelines.decisions.explain.mood_posts import HORIZON, mood_from, read_mood_posts
from alphaads_pipelines.ingest.batches import batch_id
from alphaads_pipelines.stores.lake.base import Lake
from alphaads_pipelines.stores.sql.relational import reading, select_in

BY_POSTS = "mood"
"""The only personalisation that uses posts."""


def person_reason(engine: Engine, lake: Lake, row: Row[Any], subjects: Sequence[str], posts_topic: str) -> PersonReason:
    """Explain a decision's use of personal data. Raises StoreUnavailable.

    Parameters
    ----------
    row: of `ad_decisions`, with a subject. subjects: the person's, as of now.
    """
    at: datetime = row.decided_at
    shards = linked_then(engine, subjects, at)
    by_posts = row.personalisation == BY_POSTS
    found = read_mood_posts(engine, lake, shards if by_posts else {}, at - HORIZON, at).weighed(at)
    shares = found.group_by("emotion").agg(pl.col("share").sum()).sort("share", "emotion", descending=[True, False])
    return PersonReason(
        subject_id=row.subject_id,
        subjects=list(shards),
        mood=row.mood,
        publish_seq=row.publish_seq,
        mood_again=mood_from(found, at),
        posts_weighed=found.height,
        posts_rerun=int(found["is_rerun"].sum()),
        shares=dict(shares.iter_rows()),
        posts=[_post(each, posts_topic) for each in found.head(MOST_POSTS).iter_rows(named=True)],
    )


def linked_then(engine: Engine, subjects: Sequence[str], at: datetime) -> dict[str, int]:
    """Subject id -> shard, of the first subject and those linked to it by that time."""
    with reading(engine) as connection:
        known = select_in(connection, "subjects", "subject_id", subjects, ["subject_id", "shard"])
        people = select_in(connection, "people", "subject_id", subjects, ["subject_id", "linked_at"])
    shards = {row.subject_id: row.shard for row in known}
    late = {row.subject_id for row in people if row.linked_at > at} - set(subjects[:1])
    return {each: shards[each] for each in subjects if each in shards and each not in late}


def _post(row: dict[str, Any], topic: str) -> PostReason:
    return PostReason(
        post_key=row["post_key"].hex(),
        subject_id=row["subject_id"],
        platform=row["platform"],
        created_at=row["created_at"],
        emotion=row["emotion"],
        weight=row["weight"],
        share=row["share"],
        topic=topic,
        partition=row["stream_partition"],
        offset=row["stream_offset"],
        batch_id=batch_id(row["batch_seq"]),
    )
