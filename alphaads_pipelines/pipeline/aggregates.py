"""Release groups for aggregates once a day, and cache them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
from sqlalchemy import Connection, Engine

from alphaads_pipelines.analytics.activity import Activity, lay_out
from alphaads_pipelines.analytics.aggregates import groups_frame
from alphaads_pipelines.analytics.release import make_release
from alphaads_pipelines.pipeline.segments import read_segments
from alphaads_pipelines.platforms.terms import is_forbidden
from alphaads_pipelines.profiles.time_buckets import day_of
from alphaads_pipelines.stores.released_groups import (
    add_groups,
    all_groups,
    linked_persons,
    live_states,
    note_released,
    released_until,
)
from alphaads_pipelines.stores.sql.documents import read_document, replace_document_in
from alphaads_pipelines.stores.sql.relational import reading, select_in, transaction
from alphaads_pipelines.stores.subjects.permissions import excluded_in
from alphaads_pipelines.stores.subjects.subjects import existing_in, subjects_on

PURPOSE = "analytics"
RELEASES = "released_groups"
"""Document with the last day released; its version counts releases."""

SETTLES = timedelta(hours=6)
"""Delay after a day's end before its release; later posts are not counted."""


def last_settled_day(now: datetime) -> date:
    """One past the newest day (UTC) that is settled."""
    return (now - SETTLES).astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Released:
    """Outcome of a release.

    Parameters
    ----------
    version: number of the release. until_day: one past its last day.
    groups, posts: new ones. is_new: False if this day was released before.
    """

    version: int
    until_day: date
    groups: int
    posts: int
    is_new: bool


def release_groups(engine: Engine, *, least: int, now: datetime, note: Callable[[Collection[str]], None]) -> Released:
    """Publish the groups of all activity since the last release, at most once a day.

    Reads every live profile. People who are restricted, have objected, or whose network forbids analytics are left out
    until that ends.

    Parameters
    ----------
    least: minimum people per group.
    note: called with the subject ids read, before use; an error aborts the release.

    Raises
    ------
    WriteConflict: another run released meanwhile; this one changed nothing. StoreUnavailable.
    """
    seen, held = read_document(engine, RELEASES)
    until_day = last_settled_day(now)
    if held.get("until_day", "") >= until_day.isoformat():
        return Released(seen, until_day, 0, 0, is_new=False)
    activity = read_activity(engine, until_day, unreleased_only=True)
    note(activity.subjects)
    made = make_release(activity, least)
    with transaction(engine) as connection:
        overtaken = "another run released groups meanwhile; this one changed nothing"
        released = {"until_day": until_day.isoformat()}
        version = replace_document_in(connection, RELEASES, released, now, seen=seen, overtaken=overtaken)
        add_groups(connection, made.groups, version, now)
        note_released(connection, existing_in(connection, made.subjects), until_day)
    return Released(version, until_day, len(made.groups), sum(group["posts"] for group in made.groups), is_new=True)


def read_activity(engine: Engine, until_day: date, *, unreleased_only: bool = False) -> Activity:
    """Activity before a day of all countable people. Reads every live profile. Raises StoreUnavailable."""
    segmentation = read_segments(engine)
    with reading(engine) as connection:
        since = released_until(connection) if unreleased_only else {}
        return lay_out(
            live_states(connection, _left_out(connection)),
            persons=linked_persons(connection),
            segmentation=segmentation,
            since_days={subject: day_of(day) for subject, day in since.items()},
            until_day=day_of(until_day),
        )


def _left_out(connection: Connection) -> set[str]:
    of_platforms = subjects_on(connection, lambda platform: is_forbidden([platform], PURPOSE))
    return excluded_in(connection, PURPOSE) | of_platforms


class CurrentGroups:
    """Cache of the released groups."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: tuple[int, pl.DataFrame] = (0, groups_frame([]))

    def read(self) -> tuple[int, pl.DataFrame]:
        """(version, groups as `groups_frame` gives them). Raises StoreUnavailable."""
        with reading(self._engine) as connection:
            chosen = select_in(connection, "published_documents", "name", [RELEASES], ["version"])
            version = chosen[0].version if chosen else 0
            if version != self._held[0]:
                self._held = version, groups_frame(all_groups(connection))
        return self._held
