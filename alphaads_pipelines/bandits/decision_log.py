"""Decisions and their clicks, as a log for off-policy evaluation.

A record counts after its attribution window, if the ad was shown: an unseen ad cannot be clicked. A log holds one
policy in the serving role, with its logged propensities; canaries and experiments are separate logs. A click is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from alphaads_pipelines.bandits.context import FEATURES, vector
from alphaads_pipelines.bandits.ope.logs import Log
from alphaads_pipelines.bandits.policy_roles import SERVING
from alphaads_pipelines.bandits.reward_join import ATTRIBUTION_WINDOW
from alphaads_pipelines.stores.sql.relational import sql_table

_COLUMNS = ("arm_id", "context", "eligible", "propensity", "decided_at", "click_at")


def closed_decisions(connection: Connection, policy: str, now: datetime, most: int) -> list[Row[Any]]:
    """The newest `most` countable decisions of a policy with known propensities, newest first.

    Columns: arm_id, context, eligible, propensity, decided_at, click_at.
    """
    table = sql_table("ad_decisions")
    has_events = sa.or_(table.c.impression_at.is_not(None), table.c.click_at.is_not(None))
    is_logged = sa.and_(table.c.policy == policy, table.c.policy_role == SERVING, table.c.propensity > 0)
    query = sa.select(*(table.c[name] for name in _COLUMNS)).where(
        table.c.decided_at < now - ATTRIBUTION_WINDOW, has_events, is_logged
    )
    rows = connection.execute(query.order_by(table.c.decided_at.desc()).limit(most)).all()
    return [row for row in rows if row.arm_id in row.eligible]


def log_of(rows: Sequence[Row[Any]]) -> Log:
    """The log of these decisions. Contexts omit the leading 1, which `RegistryPolicy` adds."""
    arms = sorted({arm for row in rows for arm in row.eligible})
    place = {arm: at for at, arm in enumerate(arms)}
    eligible = np.zeros((len(rows), len(arms)), dtype=bool)
    for number, row in enumerate(rows):
        eligible[number, [place[arm] for arm in row.eligible]] = True
    contexts = np.array([vector(row.context) for row in rows]).reshape(-1, FEATURES)
    return Log(
        arms=tuple(arms),
        chosen=np.array([place[row.arm_id] for row in rows], dtype=np.int64),
        propensities=np.array([row.propensity for row in rows], dtype=np.float64),
        rewards=np.array([row.click_at is not None for row in rows], dtype=np.float64),
        contexts=contexts[:, 1:].astype(np.float32),
        positions=np.zeros(len(rows), dtype=np.int64),
        eligible=eligible,
    )
