"""Rows of `post_scores`."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from alphaads_pipelines.nlp.lexicon import LexiconScorer
from alphaads_pipelines.nlp.rows import score_rows
from alphaads_pipelines.platforms.base import Post
from alphaads_pipelines.stores.base import polars_schema
from alphaads_pipelines.tables import EMOTIONS, POST_SCORES, RAW_POSTS, SENTIMENTS
from tests.stores import lake_rows

SCORER = LexiconScorer()
TEXTS = ["I am so happy with it", "Me encanta, es maravilloso", "", "the bus leaves at nine from here", "love it"]
CARRIED = ["event_date", "shard", "stream_partition", "stream_offset", "batch_seq", "subject_id", "post_key", "version"]


def _post(text: str) -> Post:
    return Post("generic", "1", "ada", text, datetime(2024, 3, 1, tzinfo=UTC))


def _raw(count: int) -> pl.DataFrame:
    return lake_rows.posts(5, {0: range(count)})


def test_a_row_is_what_the_scorer_says_beside_where_the_post_lies() -> None:
    raw = _raw(len(TEXTS))
    rows = score_rows(raw, [_post(text) for text in TEXTS], SCORER)
    assert rows.schema == polars_schema(POST_SCORES)
    assert rows.select(CARRIED).equals(raw.select(CARRIED))
    for row, score in zip(rows.iter_rows(named=True), SCORER.score(TEXTS), strict=True):
        assert row["language"] == score.language
        assert row["language_confidence"] == score.language_confidence
        for field, labels in (("sentiment", SENTIMENTS), ("emotion", EMOTIONS)):
            said = getattr(score, field)
            assert row[field] == (said and said.label)
            assert [row[f"{field}_{label}"] for label in labels] == [said and said.probs[label] for label in labels]
        assert row["confidence"] == (score.sentiment and max(score.sentiment.probs.values()))
        assert (row["tier"], row["model_name"]) == ("lexicon", "vader-mended")
        assert row["model_version"] == SCORER.model.version


def test_nulls_carry_their_reasons() -> None:
    rows = score_rows(_raw(len(TEXTS)), [_post(text) for text in TEXTS], SCORER)
    assert rows["null_reason"].to_list() == [
        None,
        "sentiment=unsupported_language,emotion=unsupported_language",
        "language=no_words,sentiment=no_words,emotion=no_words",
        "emotion=no_emotion_cue",
        "language=too_uncertain",
    ]


def test_a_post_whose_key_is_destroyed_gets_no_row() -> None:
    raw = _raw(3)
    rows = score_rows(raw, [_post("good"), None, _post("bad")], SCORER)
    assert rows["post_key"].to_list() == [raw["post_key"][0], raw["post_key"][2]]
    assert rows["sentiment"].to_list() == ["positive", "negative"]


@pytest.mark.parametrize("posts", [[], [None, None]])
def test_without_posts_there_are_no_rows_but_all_columns(posts: list[None]) -> None:
    rows = score_rows(lake_rows.frame(RAW_POSTS, []) if not posts else _raw(2), posts, SCORER)
    assert rows.height == 0
    assert rows.schema == polars_schema(POST_SCORES)
