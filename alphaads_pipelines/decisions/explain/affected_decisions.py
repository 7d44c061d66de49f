"""Decisions affected by a post, and the ads chosen there.

A post affected a decision if that used the mood of its author (or linked accounts), the post was known by then, and it
weighed at least FADED of a post, or removing it changes the leading emotion. Weights end with the mood's horizon, a
week after the post. Effects on all-time counts are left out: they affect every later decision alike.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Engine, Row

from alphaads_pipelines.decisions.explain.mood_posts import HORIZON, MoodPosts, hours_of, place_of, read_mood_posts
from alphaads_pipelines.decisions.explain.why_person import BY_POSTS
from alphaads_pipelines.ingest.find_post import FoundPost
from alphaads_pipelines.profiles.mood import FADED, leading_emotion
from alphaads_pipelines.profiles.time_buckets import hour_of
from alphaads_pipelines.stores.lake.base import Lake
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from alphaads_pipelines.stores.subjects.links import members_in

_DECISIONS = sql_table("ad_decisions")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AffectedDecision:
    """A decision in which the post had weight.

    `weight` in posts, `share` of all posts' weight. `changed_mood`: without the post another emotion, or none, would
    lead. `impression_at`: None without an impression.
    """

    decision_id: str
    tenant: str
    decided_at: datetime
    placement: str
    campaign_id: str
    creative_id: str
    mood: str | None
    weight: float
    share: float
    changed_mood: bool
    impression_at: datetime | None


@dataclass(frozen=True, slots=True)
class AffectedCreative:
    """An ad chosen there; texts are None once deleted."""

    creative_id: str
    tenant: str | None
    campaign_id: str | None
    headline: str | None
    body: str | None
    decisions: int
    shown: int


@dataclass(frozen=True, slots=True)
class PostImpact:
    """The effects of a post; `post_keys`: of its versions, of which only the first counts in a mood."""

    post_keys: list[str]
    subject_id: str
    platform: str
    created_at: datetime
    decisions: list[AffectedDecision]
    creatives: list[AffectedCreative]


def members_of(engine: Engine, post: FoundPost) -> tuple[str, ...]:
    """The author and linked subjects. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return members_in(connection, post.subject_id)


def find_affected_decisions(engine: Engine, lake: Lake, versions: Sequence[FoundPost]) -> PostImpact:
    """Find the effects of a post so far, the latest decision first. Raises StoreUnavailable.

    Parameters
    ----------
    versions: of one post, the first version first.
    """
    post = versions[0]
    decisions = [] if post.version else _decisions(engine, lake, post)
    return PostImpact(
        post_keys=[each.post_key.hex() for each in versions],
        subject_id=post.subject_id,
        platform=post.platform,
        created_at=post.created_at,
        decisions=decisions,
        creatives=_creatives(engine, decisions),
    )


def _decisions(engine: Engine, lake: Lake, post: FoundPost) -> list[AffectedDecision]:
    members = members_of(engine, post)
    since, until = post.created_at - HORIZON, post.created_at + HORIZON + _HOUR
    with reading(engine) as connection:
        shards = {row.subject_id: row.shard for row in select_in(connection, "subjects", "subject_id", members)}
        linked_at = {row.subject_id: row.linked_at for row in select_in(connection, "people", "subject_id", members)}
        made = connection.execute(
            sa.select(_DECISIONS)
            .where(_DECISIONS.c.subject_id.in_(members), _DECISIONS.c.personalisation == BY_POSTS)
            .where(_DECISIONS.c.decided_at.between(post.created_at, until))
            .order_by(_DECISIONS.c.decided_at.desc(), _DECISIONS.c.decision_id)
        ).all()
    if not made:
        return []
    posts = read_mood_posts(engine, lake, shards, since, until)
    touches = []
    for row in made:
        together = {each for each in members if each == row.subject_id or linked_at[each] <= row.decided_at}
        if post.subject_id in together and (touch := _touch(posts, post, row, together)) is not None:
            touches.append(touch)
    return touches


def _touch(posts: MoodPosts, post: FoundPost, row: Row[Any], subjects: Collection[str]) -> AffectedDecision | None:
    at: datetime = row.decided_at
    theirs = posts.frame.filter(pl.col("subject_id").is_in(sorted(subjects)))
    weighed = MoodPosts(theirs).weighed(at)
    mine = weighed.filter(pl.col("post_key") == post.post_key)
    if mine.is_empty():
        return None
    [own] = mine.iter_rows(named=True)
    changed = _changes_leading_emotion(weighed, own, hour_of(at))
    if own["weight"] < FADED and not changed:
        return None
    return AffectedDecision(
        decision_id=row.decision_id,
        tenant=row.tenant,
        decided_at=at,
        placement=row.placement,
        campaign_id=row.campaign_id,
        creative_id=row.arm_id,
        mood=row.mood,
        weight=own["weight"],
        share=own["share"],
        changed_mood=changed,
        impression_at=row.impression_at,
    )


def _changes_leading_emotion(weighed: pl.DataFrame, own: dict[str, Any], now_hour: int) -> bool:
    hours = hours_of(weighed)
    leading = leading_emotion(hours, now_hour)
    hours[own["hour"]][place_of(own["emotion"])] -= 1
    return leading_emotion(hours, now_hour) != leading


def _creatives(engine: Engine, decisions: Sequence[AffectedDecision]) -> list[AffectedCreative]:
    """Most decisions first."""
    chosen: dict[str, list[AffectedDecision]] = {}
    for each in decisions:
        chosen.setdefault(each.creative_id, []).append(each)
    with reading(engine) as connection:
        kept = {row.creative_id: row for row in select_in(connection, "creatives", "creative_id", chosen)}
    found = [
        AffectedCreative(
            creative_id=creative_id,
            tenant=getattr(kept.get(creative_id), "tenant", None),
            campaign_id=getattr(kept.get(creative_id), "campaign_id", None),
            headline=getattr(kept.get(creative_id), "headline", None),
            body=getattr(kept.get(creative_id), "body", None),
            decisions=len(made),
            shown=sum(each.impression_at is not None for each in made),
        )
        for creative_id, made in chosen.items()
    ]
    return sorted(found, key=lambda each: (-each.decisions, each.creative_id))
