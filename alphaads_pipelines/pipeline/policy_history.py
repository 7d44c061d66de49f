"""History of posteriors in the lake, by policy and arm, at most hourly.

For people and notebooks only: decisions and learning read `policy_versions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.bandits.arm_counts import CountingPolicy
from alphaads_pipelines.bandits.policy_roles import Pin
from alphaads_pipelines.bandits.policy_store import load_version
from alphaads_pipelines.errors import AlphaAdsError
from alphaads_pipelines.schema.tables import BANDIT_POLICY
from alphaads_pipelines.stores.lake.base import Lake, polars_schema
from alphaads_pipelines.stores.sql.documents import publish_document, read_document
from alphaads_pipelines.stores.sql.relational import reading

HISTORY = "policy_history"
"""Document with the time of the last write."""
EVERY = timedelta(hours=1)


def write_history(lake: Lake, engine: Engine, names: Iterable[str], now: datetime) -> int | None:
    """Append arms whose posterior changed; returns the table's version, if written.

    Changes are found by comparison with the lake, so the next run repairs crashes. The document limits comparisons to
    one an hour.

    Raises
    ------
    SchemaMismatch, WriteConflict, StoreUnavailable.
    """
    _, last = read_document(engine, HISTORY)
    if "written_at" in last and timedelta(0) <= now - datetime.fromisoformat(last["written_at"]) < EVERY:
        return None
    rows = [row for name in dict.fromkeys(names) for row in _news(lake, engine, name, now)]
    frame = pl.DataFrame(rows, schema=polars_schema(BANDIT_POLICY), orient="row")
    version = lake.append(BANDIT_POLICY, frame) if rows else None
    publish_document(engine, HISTORY, {"written_at": now.isoformat()}, now)
    return version


def _news(lake: Lake, engine: Engine, name: str, now: datetime) -> list[tuple[Any, ...]]:
    try:
        with reading(engine) as connection:
            taught = load_version(connection, Pin(name))
    except AlphaAdsError as error:
        if error.retryable:
            raise
        return []  # logged where it was to be taught
    policy = taught.policy
    if not isinstance(policy, CountingPolicy) or not policy.known_arms:
        return []
    newest = pl.col("alpha", "beta").sort_by("updated_at", "version").last()
    held = lake.scan(BANDIT_POLICY).filter(pl.col("policy") == name).group_by("arm_id").agg(newest).collect()
    written = {arm: tuple(each) for arm, *each in held.iter_rows()}
    found = {arm: policy.posterior(arm) for arm in sorted(policy.known_arms)}
    counts = policy.state()["arms"]
    return [
        (name, taught.version, arm, *beliefs, *(round(each) for each in counts[arm]), now)
        for arm, beliefs in found.items()
        if written.get(arm) != beliefs
    ]
