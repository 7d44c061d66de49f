"""Take posts in and publish them in this process, without Dagster: for tests of what comes after."""

from __future__ import annotations

from datetime import UTC, datetime

from alphaads_pipelines.campaigns.sample_campaigns import seed_samples
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.ingest.heartbeat import Heartbeat
from alphaads_pipelines.pipeline.ad_creatives import refresh_creatives
from alphaads_pipelines.pipeline.microbatch import MicroBatch
from alphaads_pipelines.pipeline.stages import STAGES
from alphaads_pipelines.stores.sql.documents import publish_document
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts


def publish_batches(wiring: Wiring) -> int:
    """Run every batch that can be planned; how many."""
    done = 0
    while True:
        now = datetime.now(UTC)
        wiring.ledger.plan(wiring.stream.end_offsets(wiring.topics.posts), now)
        due = wiring.ledger.due(now, lambda batch: False)
        for batch in due:
            claimed = wiring.ledger.claim(batch.seq, batch.attempt, "test", now)
            with Heartbeat(wiring.ledger, claimed) as heartbeat:
                micro = MicroBatch(wiring, claimed, heartbeat.check)
                for stage in STAGES:
                    micro.run(stage)
            done += 1
        if not due:
            return done


def publish_everything(wiring: Wiring, posts: int = 200, authors: int = 30) -> None:
    """Posts, creatives and a policy, all published."""
    wiring.intake.take("generic", list(synthetic_posts(posts, seed=5, authors=authors)), "0" * 32)
    publish_batches(wiring)
    now = datetime.now(UTC)
    ends = wiring.stream.end_offsets(wiring.topics.posts)
    wiring.ledger.note_idle(ends, now)
    seed_samples(wiring.engine, now)
    refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), (), now)
    publish_document(wiring.engine, "policy", {"policy": "thompson", "state": {}}, now)
