"""Rows of `post_scores`: a batch's accepted posts and what the scorer says of them, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from alphaads_pipelines.nlp.base import Label, Score, Scorer
from alphaads_pipelines.platforms.base import Post
from alphaads_pipelines.stores.base import conform, polars_schema
from alphaads_pipelines.tables import EMOTIONS, POST_SCORES, SENTIMENTS

_CARRIED = (
    *("event_date", "shard", "stream_partition", "stream_offset", "batch_seq", "platform", "subject_id"),
    *("post_key", "version", "created_at"),
)
_NULLABLE_FIELDS = ("language", "sentiment", "emotion")


def score_rows(raw: pl.DataFrame, posts: Sequence[Post | None], scorer: Scorer) -> pl.DataFrame:
    """Score accepted posts.

    Parameters
    ----------
    raw: rows of `raw_posts`.
    posts: their posts, in the same order; None where the key is destroyed: such a row gets no score.
    scorer: the model.

    Returns
    -------
    Rows of `post_scores`, in the order of `raw`.
    """
    kept = [post is not None for post in posts]
    carried = raw.select(_CARRIED)
    if not all(kept):
        carried = carried.filter(pl.Series(kept))
    scores = scorer.score([post.text for post in posts if post is not None])
    model = scorer.model
    said = _columns(scores)
    declared = polars_schema(POST_SCORES)
    columns = pl.DataFrame(said, schema={name: declared[name] for name in said})
    constants = [
        pl.lit(scorer.tier).alias("tier"),
        pl.lit(model.name).alias("model_name"),
        pl.lit(model.version).alias("model_version"),
    ]
    return conform(POST_SCORES, pl.concat([carried, columns], how="horizontal").with_columns(constants))


def _columns(scores: Sequence[Score]) -> dict[str, list[Any]]:
    sentiments = [score.sentiment for score in scores]
    emotions = [score.emotion for score in scores]
    return {
        "language": [score.language for score in scores],
        "language_confidence": [score.language_confidence for score in scores],
        "sentiment": [said and said.label for said in sentiments],
        **{f"sentiment_{label}": _probabilities(sentiments, label) for label in SENTIMENTS},
        "emotion": [said and said.label for said in emotions],
        **{f"emotion_{label}": _probabilities(emotions, label) for label in EMOTIONS},
        "confidence": [said and said.probs[said.label] for said in sentiments],
        "null_reason": [_reasons(score) for score in scores],
    }


def _probabilities(labels: Sequence[Label | None], name: str) -> list[float | None]:
    return [None if label is None else label.probs[name] for label in labels]


def _reasons(score: Score) -> str | None:
    reasons = score.null_reasons
    return ",".join(f"{field}={reasons[field]}" for field in _NULLABLE_FIELDS if field in reasons) or None
