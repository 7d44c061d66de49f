"""Fit behavioural segments daily and publish the centroids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.profiles.segment_journeys import count_segments, large_enough
from alphaads_pipelines.profiles.segments import (
    DOCUMENT,
    LEAST_PEOPLE,
    Fit,
    Segmentation,
    features_of,
    fit_segments,
    from_document,
    to_document,
)
from alphaads_pipelines.profiles.state import ProfileState, decode
from alphaads_pipelines.stores.sql.documents import read_document, replace_document_in
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction

MOST_PEOPLE = 20_000
"""Sample size, lowest subject ids first: ids are random, and a constant sample makes stable segments."""
JOURNEY_DAYS = 28

_PAGE = 1_000
_PROFILES = sql_table("live_profiles")
LeftOut = Callable[[Connection], Collection[str]]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Outcome of a fit.

    Parameters
    ----------
    people: sample size, including people with too few posts.
    before: the previous segmentation.
    journeys: rows of `count_segments` by segment and day, without groups below LEAST_PEOPLE.
    version: of the published document.
    """

    people: int
    before: Segmentation
    fit: Fit
    journeys: pl.DataFrame
    version: int

    @property
    def new_ids(self) -> set[str]:
        """Segments without a predecessor."""
        return _ids(self.fit.segmentation) - _ids(self.before)

    @property
    def gone_ids(self) -> set[str]:
        """Segments without a successor."""
        return _ids(self.before) - _ids(self.fit.segmentation)


def read_segments(engine: Engine) -> Segmentation:
    """The published segments. Raises StoreUnavailable."""
    return from_document(read_document(engine, DOCUMENT)[1])


def refresh_segments(
    engine: Engine, now: datetime, *, left_out: LeftOut, note: Callable[[Collection[str]], None]
) -> Refreshed:
    """Fit segments to a bounded sample of live profiles and publish them.

    Parameters
    ----------
    left_out: subjects excluded from analytics; queried in each reading transaction.
    note: called with the subject ids read, before use; an error aborts the fit.

    Raises
    ------
    WriteConflict: another fit was published meanwhile; this one changed nothing. StoreUnavailable.
    """
    seen, held = read_document(engine, DOCUMENT)
    before = from_document(held)
    looked_at = {subject: features_of(state) for subject, state in _people(engine, left_out)}
    note(looked_at.keys())
    fit = fit_segments([each for each in looked_at.values() if each is not None], before)
    with transaction(engine) as connection:
        overtaken = "another fit of the segments was published meanwhile; this one changed nothing"
        document = to_document(fit.segmentation)
        version = replace_document_in(connection, DOCUMENT, document, now, seen=seen, overtaken=overtaken)
    again = (state for subject, state in _people(engine, left_out) if subject in looked_at)
    journeys = count_segments(again, fit.segmentation, now - timedelta(days=JOURNEY_DAYS))
    return Refreshed(len(looked_at), before, fit, large_enough(journeys, LEAST_PEOPLE), version)


def _ids(segmentation: Segmentation) -> set[str]:
    return {each.segment_id for each in segmentation.segments}


def _people(engine: Engine, left_out: LeftOut) -> Iterator[tuple[str, ProfileState]]:
    """Iterate the sample in pages: all states at once would not fit into memory."""
    after, number = "", 0
    while number < MOST_PEOPLE:
        with reading(engine) as connection:
            refused = left_out(connection)
            page = sa.select(_PROFILES.c.subject_id, _PROFILES.c.state).where(_PROFILES.c.subject_id > after)
            rows = connection.execute(page.order_by(_PROFILES.c.subject_id).limit(_PAGE)).all()
        kept = [row for row in rows if row.subject_id not in refused][: MOST_PEOPLE - number]
        yield from ((row.subject_id, decode(bytes(row.state))) for row in kept)
        if len(rows) < _PAGE:
            return
        after, number = rows[-1].subject_id, number + len(kept)
