"""Scored posts for tests of profiles, made by hand or by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from alphaads_pipelines.schema.tables import EMOTIONS, POST_ENTITIES, POST_SCORES
from alphaads_pipelines.stores.lake.base import polars_schema

TOKEN = "n_4q7xk2m5r6t3v2za"
"""Of an untracked name; other topics in these tests are ids of tracked names."""
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Scored:
    """One scored post; `sentiment` None: the text could not be scored."""

    subject_id: str = "ada"
    created_at: datetime = NOON
    sentiment: str | None = "positive"
    sentiment_positive: float | None = 0.75
    sentiment_negative: float | None = 0.25
    emotion: str | None = "joy"
    language: str | None = "en"
    platform: str = "x"
    version: int = 0
    shard: int = 3
    topics: tuple[str, ...] = ()


def frame(posts: Iterable[Scored]) -> pl.DataFrame:
    """The posts as rows of `post_scores`, with the columns that a fold reads."""
    declared = polars_schema(POST_SCORES)
    names = [name for name in Scored.__dataclass_fields__ if name != "topics"]
    schema = {name: declared[name] for name in ("post_key", *names)}
    rows = [(_key(number), *(getattr(post, name) for name in names)) for number, post in enumerate(posts)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def entities(posts: Iterable[Scored]) -> pl.DataFrame:
    """Entities of the posts as rows of `post_entities`, with the columns that a fold reads; matches `frame(posts)`."""
    declared = polars_schema(POST_ENTITIES)
    schema = {name: declared[name] for name in ("post_key", "tracked_id", "name_token")}
    rows = [
        (_key(number), None if topic == TOKEN else topic, TOKEN)
        for number, post in enumerate(posts)
        for topic in post.topics
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _key(number: int) -> bytes:
    return number.to_bytes(16, "big")


@st.composite
def scored_posts(draw: st.DrawFn) -> Scored:
    """Any post of three people within some days before or after 1970 or 2026."""
    start = draw(st.sampled_from((NOON, datetime(1970, 1, 1, tzinfo=UTC))))
    subject = draw(st.integers(0, 2))
    has_sentiment = draw(st.booleans())
    positive = draw(st.integers(0, 100)) / 100
    return Scored(
        subject_id=f"subject-{subject}",
        created_at=start + timedelta(seconds=draw(st.integers(-200_000, 200_000))),
        sentiment="neutral" if has_sentiment else None,
        sentiment_positive=positive if has_sentiment else None,
        sentiment_negative=round((1 - positive) / 2, 4) if has_sentiment else None,
        emotion=draw(st.sampled_from((None, *EMOTIONS))),
        language=draw(st.sampled_from((None, "en", "es", "de"))),
        platform=draw(st.sampled_from(("x", "generic", "facebook"))),
        shard=subject,
        topics=tuple(draw(st.lists(st.sampled_from(("lumora", "pelmo", TOKEN)), max_size=3))),
    )
