"""Hourly partitions by planning time, shared by all assets of a micro-batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from dagster import AssetExecutionContext, BackfillPolicy, BetaWarning, HourlyPartitionsDefinition

# Dagster's version is pinned; the tests launch such backfills.
warnings.filterwarnings("ignore", category=BetaWarning, message=".*backfill_policy.*")

HOURS = HourlyPartitionsDefinition(start_date="2026-01-01-00:00", end_offset=1)
"""UTC keys like 2026-11-24-03:00; `end_offset` includes the current hour."""

ONE_RUN = BackfillPolicy.single_run()
"""A backfill is one run that takes its batches in turn."""


def hours_of(context: AssetExecutionContext) -> Sequence[str]:
    """Partition keys of a run; empty without partitions."""
    return context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
