"""An installation's streams of decisions and events, and their consumers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, Row

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.bandits.policy_roles import Pin
from alphaads_pipelines.bandits.policy_store import load_version
from alphaads_pipelines.pipeline.learning import Learned, Teaching, learn_policies
from alphaads_pipelines.pipeline.policy_history import write_history
from alphaads_pipelines.schema.tables import BANDIT_POLICY
from alphaads_pipelines.stores.lake.base import Lake
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.streams.base import Record, Stream
from alphaads_pipelines.streams.embedded import EmbeddedStream
from alphaads_pipelines.streams.topics import Topics

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DECISIONS, EVENTS = "ads.decisions", "ads.events"
BOTH = Teaching(("thompson", "linear_thompson"))


def decision(key: str, arm: str = "arm-a", at: datetime = NOON, **more: Any) -> dict[str, Any]:
    """A decision as the API records it."""
    told = {
        "decision_id": key,
        "correlation_id": f"c-{key}",
        "tenant": "acme",
        "subject_id": None,
        "placement": "feed",
        "campaign_id": "spring",
        "arm_id": arm,
        "creative": {"creative_id": arm, "campaign_id": "spring", "headline": "Hello"},
        "context": {"hour": at.hour, "placement": "feed", "mood": "joy"},
        "eligible": ["arm-a", "arm-b", "arm-c"],
        "policy": "thompson",
        "policy_version": 0,
        "policy_role": "serving",
        "propensity": 1 / 3,
        "seed": 7,
        "experiments": {"e1": "control"},
        "shadow": {"random": {"arm_id": "arm-b", "propensity": 1 / 3, "version": 0}},
        "mood": "joy",
        "personalised": True,
        "personalisation": "mood",
        "reason": "because",
        "version": "p1.c1.b0.0",
        "publish_seq": 1,
        "cost_microusd": 5_000,
        "data_age_s": 0.5,
        "decided_at": at.isoformat(),
    }
    return {**told, **more}


def of_event(key: str, kind: str = "impression", at: datetime = NOON, **more: Any) -> dict[str, Any]:
    """An event as the API records it."""
    told = {"event_id": f"e-{key}-{kind}", "decision_id": key, "kind": kind, "occurred_at": at.isoformat()}
    return {**told, "tenant": "acme", "correlation_id": "c", **more}


@dataclass
class Loop:
    """Streams, stores, and the learning between them."""

    stream: Stream
    engine: Engine
    lake: Lake
    teaching: Teaching = BOTH
    spread: int = field(default=0)

    def tell(self, topic: str, *records: Mapping[str, Any] | bytes) -> None:
        """Put records into a topic, round robin over its partitions."""
        values = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
        self.stream.produce(topic, [Record((self.spread + n) % 4, value) for n, value in enumerate(values)])
        self.spread += len(values)

    def decided(self, *keys: str, arm: str = "arm-a", at: datetime = NOON) -> None:
        """Tell of decisions for an arm."""
        self.tell(DECISIONS, *(decision(key, arm, at) for key in keys))

    def happened(self, kind: str, *keys: str, at: datetime = NOON) -> None:
        """Tell of events."""
        self.tell(EVENTS, *(of_event(key, kind, at) for key in keys))

    def learn(self, now: datetime = NOON) -> Learned:
        """Learn what is new."""
        topics = {"topics": Topics("posts.raw", DECISIONS, EVENTS)}
        return learn_policies(self.stream, self.engine, self.teaching, **topics, now=now)

    def remember(self, now: datetime = NOON) -> int | None:
        """Write the history of the counting policy."""
        return write_history(self.lake, self.engine, ["thompson"], now)

    def policy(self, name: str = "thompson") -> Policy:
        """The newest version of a policy."""
        with reading(self.engine) as connection:
            return load_version(connection, Pin(name)).policy

    def counts(self, name: str = "thompson") -> dict[str, list[float]]:
        """What a policy has learned: {arm: [pulls, rewards]}."""
        return dict(self.policy(name).state()["arms"])

    def rows(self, table: str = "ad_decisions") -> list[Row[Any]]:
        """Every row of a table, in order."""
        stored = sql_table(table)
        with reading(self.engine) as connection:
            return list(connection.execute(sa.select(stored).order_by(*stored.primary_key)).all())

    def history(self) -> list[tuple[Any, ...]]:
        """What the lake says of the counting policy."""
        frame = self.lake.scan(BANDIT_POLICY).select("version", "arm_id", "pulls", "rewards", "alpha", "beta")
        return sorted(frame.collect().rows())


def loop_at(path: Path, engine: Engine) -> Loop:
    """The loop of a folder and a database."""
    stream = EmbeddedStream(path / "stream")
    for topic in (DECISIONS, EVENTS):
        stream.ensure_topic(topic, 4)
    return Loop(stream, engine, DeltaLake(path / "lake"))


def later(**since: float) -> datetime:
    """So long after NOON."""
    return NOON + timedelta(**since)
