"""Rows of `post_scores` and `post_entities` for a batch's accepted posts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl

from alphaads_pipelines.nlp.base import Label, Score, Scorer
from alphaads_pipelines.nlp.gazetteer import Gazetteer
from alphaads_pipelines.platforms.base import Post
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import EMOTIONS, INTENTS, POST_ENTITIES, POST_SCORES, SENTIMENTS, TWEET_EMOTIONS
from alphaads_pipelines.stores.lake.base import conform, polars_schema

_CARRIED = (
    *("event_date", "shard", "stream_partition", "stream_offset", "batch_seq", "platform", "subject_id"),
    *("post_key", "version", "created_at"),
)
_LABELS = {"sentiment": SENTIMENTS, "emotion": EMOTIONS, "tweet_emotion": TWEET_EMOTIONS, "intent": INTENTS}
_NULLABLE_FIELDS = ("language", *_LABELS, "offensive", "entities")


def readable_posts(raw: pl.DataFrame, posts: Sequence[Post | None]) -> tuple[pl.DataFrame, list[str]]:
    """Return the indices and texts of the posts that can be scored.

    `posts` are those of the `raw_posts` rows; None, skipped, if the key is destroyed.
    """
    kept = [post is not None for post in posts]
    places = raw.select(_CARRIED)
    if not all(kept):
        places = places.filter(pl.Series(kept))
    return places, [post.text for post in posts if post is not None]


def score_rows(places: pl.DataFrame, scores: Sequence[Score], scorer: Scorer) -> pl.DataFrame:
    """Score the posts into rows of `post_scores`."""
    return _rows(POST_SCORES, places, _columns(scores), scorer)


def entity_rows(
    places: pl.DataFrame,
    texts: Sequence[str],
    scores: Sequence[Score],
    scorer: Scorer,
    gazetteer: Gazetteer,
    name_token: Callable[[str], str],
) -> pl.DataFrame:
    """Link entities into rows of `post_entities`; without a model's, the gazetteer's remain.

    `name_token` makes the pseudonym of a normalised name; no name is stored.
    """
    linked = [gazetteer.link(text, score.entities) for text, score in zip(texts, scores, strict=True)]
    entities = [each for found in linked for each in found]
    names = {each.name for each in entities} | {each.person for each in entities if each.person is not None}
    tokens = {name: name_token(name) for name in names}
    columns: dict[str, list[Any]] = {
        "entity_number": [number for found in linked for number in range(len(found))],
        "type": [each.type for each in entities],
        "start_char": [each.start for each in entities],
        "end_char": [each.end for each in entities],
        "confidence": [each.confidence for each in entities],
        "source": [each.source for each in entities],
        "tracked_id": [each.tracked_id if each.person is None else tokens[each.person] for each in entities],
        "campaign_ids": [None if each.tracked_id is None else json.dumps(each.campaign_ids) for each in entities],
        "name_token": [tokens[each.name] for each in entities],
        "gazetteer_version": [gazetteer.version] * len(entities),
    }
    of_post = pl.Series([place for place, found in enumerate(linked) for _ in found], dtype=pl.UInt32)
    return _rows(POST_ENTITIES, places[of_post], columns, scorer)


def _rows(table: Table, places: pl.DataFrame, columns: dict[str, list[Any]], scorer: Scorer) -> pl.DataFrame:
    declared, model = polars_schema(table), scorer.model
    said = pl.DataFrame(columns, schema={name: declared[name] for name in columns})
    constants = [
        pl.lit(scorer.tier).alias("tier"),
        pl.lit(model.name).alias("model_name"),
        pl.lit(model.version).alias("model_version"),
    ]
    return conform(table, pl.concat([places, said], how="horizontal").with_columns(constants))


def _columns(scores: Sequence[Score]) -> dict[str, list[Any]]:
    offensive = [score.offensive for score in scores]
    return {
        "language": [score.language for score in scores],
        "language_confidence": [score.language_confidence for score in scores],
        **{name: column for field in _LABELS for name, column in _label_columns(scores, field)},
        "confidence": [score.sentiment and score.sentiment.probs[score.sentiment.label] for score in scores],
        "offensive": [said and said.label for said in offensive],
        "offensive_probability": _probabilities(offensive, "offensive"),
        "null_reason": [_reasons(score) for score in scores],
    }


def _label_columns(scores: Sequence[Score], field: str) -> Iterable[tuple[str, list[Any]]]:
    said: list[Label | None] = [getattr(score, field) for score in scores]
    yield field, [label and label.label for label in said]
    for label in _LABELS[field]:
        yield f"{field}_{label}", _probabilities(said, label)


def _probabilities(labels: Sequence[Label | None], name: str) -> list[float | None]:
    return [None if label is None else label.probs[name] for label in labels]


def _reasons(score: Score) -> str | None:
    reasons = score.null_reasons
    return ",".join(f"{field}={reasons[field]}" for field in _NULLABLE_FIELDS if field in reasons) or None
