"""SYNTHETIC batches of scored posts: the columns of `post_scores` and `post_entities` that a fold reads.

Authors and names follow Zipf's law. A batch spans half an hour, so that people recur within hours, days and weeks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alphaads_pipelines.schema.tables import EMOTIONS, POST_ENTITIES, POST_SCORES
from alphaads_pipelines.stores.lake.base import polars_schema

_START_US = 1_767_225_600_000_000  # 2026-01-01
_BATCH_US = 1_800_000_000
_ZIPF_EXPONENT = 1.05
_TRACKED, _NAMES = 20, 2_000
_SENTIMENTS = np.array(["negative", "neutral", "positive"])
_LANGUAGES = np.array(["en", "en", "en", "es", "de"])
_PLATFORMS = np.array(["x", "x", "instagram", "facebook", "linkedin"])


def scored_batches(people: Sequence[str], posts: int, seed: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Generate (scores, entities) of `posts` posts by `people`, most active first, one name per post."""
    rng = np.random.default_rng(seed)
    ids, writers = np.array(people), _zipf(len(people))
    tracked = [f"brand-{number}" for number in range(_TRACKED)]
    names = _zipf(_TRACKED + _NAMES)
    start_us = _START_US
    while True:
        author = rng.choice(len(ids), posts, p=writers)
        keys = pl.Series([rng.bytes(16) for _ in range(posts)])
        positive = rng.random(posts)
        columns: dict[str, Any] = {
            "shard": author % 16,
            "platform": _PLATFORMS[author % len(_PLATFORMS)],
            "subject_id": ids[author],
            "post_key": keys,
            "version": np.zeros(posts, np.int32),
            "created_at": start_us + rng.integers(0, _BATCH_US, posts),
            "language": _LANGUAGES[rng.integers(0, len(_LANGUAGES), posts)],
            "sentiment": _SENTIMENTS[rng.integers(0, len(_SENTIMENTS), posts)],
            "sentiment_positive": positive,
            "sentiment_negative": (1 - positive) / 2,
            "emotion": np.array(EMOTIONS)[rng.integers(0, len(EMOTIONS), posts)],
        }
        named = rng.choice(_TRACKED + _NAMES, posts, p=names).tolist()
        entities = {
            "post_key": keys.gather(rng.integers(0, posts, posts)),
            "tracked_id": [tracked[name] if name < _TRACKED else None for name in named],
            "name_token": [f"n_{name:016}" for name in named],
        }
        yield _typed(columns, polars_schema(POST_SCORES)), _typed(entities, polars_schema(POST_ENTITIES))
        start_us += _BATCH_US


def group_by_hour(scores: pl.DataFrame) -> pl.DataFrame:
    """Sum each person's hours with plain polars, as a baseline."""
    sentiment = (pl.col("sentiment_positive") - pl.col("sentiment_negative")).sum()
    emotions = [(pl.col("emotion") == name).sum().alias(name) for name in EMOTIONS]
    hour = pl.col("created_at").dt.truncate("1h")
    return scores.group_by("subject_id", hour).agg(pl.len(), pl.col("sentiment").count(), sentiment, *emotions)


def _zipf(length: int) -> npt.NDArray[np.float64]:
    weights = np.arange(1, length + 1, dtype=np.float64) ** -_ZIPF_EXPONENT
    return np.asarray(weights / weights.sum(), np.float64)


def _typed(columns: dict[str, Any], declared: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([pl.Series(name, values).cast(declared[name]) for name, values in columns.items()])
