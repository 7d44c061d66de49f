"""The subject of the demo's decision: the busiest with a mood, if their network allows personalised ads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphaads_pipelines.wiring.app import Wiring

_MOST_ASKED = 100
_WHILE = timedelta(hours=1)
"""A mood fades by whole hours, and one may strike between the choice and the decision."""


def busiest_subject(wiring: Wiring, now: datetime) -> str | None:
    """Return the busiest subject whose network allows personalised ads.

    Subjects with a current mood precede those whose mood has faded by `now` (UTC); None if no one ever showed any.
    """
    from alphaads_pipelines.decisions.permissions import PURPOSE
    from alphaads_pipelines.platforms.terms import is_forbidden
    from alphaads_pipelines.profiles.profile_summary import mood_of
    from alphaads_pipelines.profiles.state import decode
    from alphaads_pipelines.profiles.time_buckets import hour_of
    from alphaads_pipelines.stores.sql.relational import reading
    from alphaads_pipelines.stores.subjects.subjects import platforms_of

    busy = _busiest(wiring)
    with reading(wiring.engine) as connection:
        platforms = platforms_of(connection, list(busy))
    allowed = [each for each in busy if not is_forbidden([platforms[each]], PURPOSE)]
    hour = hour_of(now + _WHILE)
    moody = (each for each in allowed if mood_of(decode(busy[each]), hour) is not None)
    return next(moody, next(iter(allowed), None))


def _busiest(wiring: Wiring) -> dict[str, bytes]:
    """State by subject, for subjects that ever showed a mood, the busiest first."""
    import polars as pl

    from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES

    newest = pl.col("batch_seq") == pl.col("batch_seq").max().over("subject_id")
    profiles = wiring.lake.scan(CUSTOMER_PROFILES).filter(newest).filter(pl.col("mood").is_not_null())
    busy = profiles.sort("posts", "subject_id", descending=[True, False]).head(_MOST_ASKED)
    return dict(busy.select("subject_id", "state").collect().iter_rows())
