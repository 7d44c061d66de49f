"""Names shared by assets, resources and sensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alphaads_pipelines.ingest.batches import Batch

MICRO_BATCH = "micro_batch"
ADVERTISING = "advertising"
ADVERTISING_LOOP = "advertising_loop"
PROMOTION = "promotion"
CREATIVES = "creatives"
INTEGRITY = "integrity"
MODEL_WATCH = "model_watch"
MAINTENANCE = "maintenance"
PRUNE = "prune"
AGGREGATES = "aggregates"
ERASURES = "erasures"
TRAINING = "training"
SEGMENTS = "segments"
"""Jobs."""

WIRING = "wiring"
BATCH_RUN = "batch_run"
"""Resources."""

LONGEST_RUN = {"dagster/max_runtime": "3600"}
"""Time limit of every run but replays of hours."""

LONGEST_TRAINING = {"dagster/max_runtime": "86400"}
"""Time limit of trainings."""

BATCH_TAG = "alphaads/batch"
ATTEMPT_TAG = "alphaads/attempt"
CORRELATION_TAG = "alphaads/correlation_id"
"""Run tags."""


def batch_config(batch: Batch) -> dict[str, Any]:
    """Run config of a batch."""
    return {"resources": {BATCH_RUN: {"config": {"batch_seq": batch.seq}}}}


def batch_tags(batch: Batch, correlation_id: str) -> Mapping[str, str]:
    """Run tags of an attempt."""
    return {BATCH_TAG: batch.id, ATTEMPT_TAG: str(batch.attempt), CORRELATION_TAG: correlation_id}
