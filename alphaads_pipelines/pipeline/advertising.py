"""The hourly jobs beside the micro-batches: creatives written and moderated, the policy taught by what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.bandits.learn import Learner
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.creatives.base import Brief, Creative, Generator
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.ingest.publish import publish_document, publish_document_in, read_document, replace_document_in
from alphaads_pipelines.pipeline.ad_records import read_news
from alphaads_pipelines.stores.base import Lake, polars_schema
from alphaads_pipelines.stores.relational import transaction
from alphaads_pipelines.streams.base import Stream
from alphaads_pipelines.tables import AD_CREATIVES, BANDIT_POLICY

CREATIVES, POLICY, LEARNER = "creatives", "policy", "policy_learner"
"""Names of the published documents; the learner's is read by nobody else."""

_DECISION = ("decision_id", "arm_id", "decided_at")
_EVENT = ("decision_id", "kind", "occurred_at")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the creatives are now, and the version under which they are published."""

    rows: pl.DataFrame
    delta_version: int | None
    version: int


def refresh_creatives(
    lake: Lake, engine: Engine, generator: Generator, briefs: Sequence[Brief], now: datetime
) -> Refreshed:
    """Write creatives for every brief, moderate them, publish them all; refused ones stay visible and are not served.

    A creative keeps the time it was first written. When nothing changed, nothing is written.
    """
    before = lake.scan(AD_CREATIVES).collect()
    first_written = dict(zip(before["creative_id"], before["created_at"], strict=True))
    creatives = [creative for brief in briefs for creative in generator.generate(brief)]
    rows = [_creative_row(each, first_written.get(each.creative_id, now)) for each in creatives]
    frame = pl.DataFrame(rows, schema=polars_schema(AD_CREATIVES)).unique("creative_id").sort("creative_id")
    version, held = read_document(engine, CREATIVES)
    document = {"creatives": [{**row, "created_at": row["created_at"].isoformat()} for row in frame.to_dicts()]}
    if frame.equals(before.sort("creative_id")) and held == document:
        return Refreshed(frame, None, version)
    delta_version = lake.replace_all(AD_CREATIVES, frame)
    return Refreshed(frame, delta_version, publish_document(engine, CREATIVES, document, now))


def _creative_row(creative: Creative, created_at: datetime) -> dict[str, Any]:
    return {
        "creative_id": creative.creative_id,
        "campaign_id": creative.campaign_id,
        "emotion": creative.emotion,
        "tone": creative.tone,
        "headline": creative.headline,
        "body": creative.body,
        "call_to_action": creative.call_to_action,
        "generator": creative.generator,
        "moderation": "approved" if moderate(creative).approved else "refused",
        "created_at": created_at,
    }


@dataclass(frozen=True, slots=True)
class Learned:
    """What the policy learned in one go."""

    version: int
    decisions: int
    events: int
    malformed: int
    pulls: int
    rewards: int
    delta_version: int | None
    offsets: Mapping[str, Mapping[str, int]]


def learn_policy(
    stream: Stream, lake: Lake, engine: Engine, *, decisions_topic: str, events_topic: str, now: datetime
) -> Learned:
    """Read decisions and events from where the last run stopped, teach the policy, publish it.

    Exactly once: the policy, what still waits for its other half, and the offsets are swapped in one transaction,
    and only if nobody else did so since they were read.

    Raises
    ------
    WriteConflict: another run published first. StreamUnavailable, StoreUnavailable.
    """
    seen, held = read_document(engine, LEARNER)
    _, published = read_document(engine, POLICY)
    offsets = held.get("offsets", {})
    decisions = read_news(stream, decisions_topic, offsets, _DECISION)
    events = read_news(stream, events_topic, offsets, _EVENT)
    learner = Learner.from_state(held.get("open", {}))
    policy = ThompsonPolicy.from_state(published.get("state", {}))
    rewards = learner.join(decisions.records, events.records)
    policy.update(rewards)
    learner.close(now)
    until = {decisions_topic: decisions.until, events_topic: events.until}
    document = {"policy": policy.name, "state": policy.state(), "offsets": until}
    with transaction(engine) as connection:
        open_ones = {"open": learner.state(), "offsets": until}
        overtaken = "another run taught the policy meanwhile; this one changed nothing"
        replace_document_in(connection, LEARNER, open_ones, now, seen=seen, overtaken=overtaken)
        version = publish_document_in(connection, POLICY, document, now)
    delta_version = _write_history(lake, policy, version, now)
    pulls, won = (sum(each[place] for each in rewards.values()) for place in (0, 1))
    malformed = decisions.left_out + events.left_out
    taught = len(decisions.records), len(events.records), malformed
    return Learned(version, *taught, pulls, won, delta_version, until)


def _write_history(lake: Lake, policy: ThompsonPolicy, version: int, now: datetime) -> int | None:
    """The history of posteriors, for people: arms whose counts are not those last written.

    It is compared with the lake, not told what is new, so that the next run writes what a crash left out.
    """
    newest = pl.col("pulls", "rewards").sort_by("version").last()
    held = lake.scan(BANDIT_POLICY).filter(pl.col("policy") == policy.name).group_by("arm_id").agg(newest).collect()
    written = {arm: [pulls, rewards] for arm, pulls, rewards in held.iter_rows()}
    rows = [
        (policy.name, version, arm, *policy.posterior(arm), *counts, now)
        for arm, counts in policy.state()["arms"].items()
        if written.get(arm) != counts
    ]
    if not rows:
        return None
    return lake.append(BANDIT_POLICY, pl.DataFrame(rows, schema=polars_schema(BANDIT_POLICY), orient="row"))
