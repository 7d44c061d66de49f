"""Creatives as rows of `ad_creatives` and as the published document that decisions are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import polars as pl

from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.stores.base import conform, polars_schema
from alphaads_pipelines.tables import AD_CREATIVES


def creative_rows(creatives: Sequence[Creative], now: datetime) -> pl.DataFrame:
    """Rows of `ad_creatives`, each with moderation's verdict."""
    rows = [
        {**asdict(each), "moderation": "approved" if moderate(each).approved else "refused", "created_at": now}
        for each in creatives
    ]
    return conform(AD_CREATIVES, pl.DataFrame(rows, schema=polars_schema(AD_CREATIVES)))


def creatives_document(rows: pl.DataFrame) -> dict[str, Any]:
    """What is published: {"creatives": [...]} with the approved rows only."""
    approved = rows.filter(pl.col("moderation") == "approved").drop("created_at").sort("creative_id")
    return {"creatives": approved.to_dicts()}
