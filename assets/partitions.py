"""The hour in which a batch was planned: the one partitioning that all assets of a micro-batch share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from dagster import AssetExecutionContext, BackfillPolicy, BetaWarning, HourlyPartitionsDefinition

# Pinned version; the pipeline's tests launch such backfills.
warnings.filterwarnings("ignore", category=BetaWarning, message=".*backfill_policy.*")

HOURS = HourlyPartitionsDefinition(start_date="2026-01-01-00:00", end_offset=1)
"""Keys like 2026-11-24-03:00, UTC; `end_offset` makes the current hour a partition too."""

ONE_RUN = BackfillPolicy.single_run()
"""A backfill of many hours is one run, which takes one batch after the other."""


def hours_of(context: AssetExecutionContext) -> Sequence[str]:
    """Keys of the hours that a run was launched for; none for a run without partitions."""
    return context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
