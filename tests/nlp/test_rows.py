"""Rows of `post_scores` and `post_entities`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl
import pytest

from alphaads_pipelines.nlp.base import Entity, Label, Model, Score, Scorer
from alphaads_pipelines.nlp.gazetteer import Gazetteer, TrackedName
from alphaads_pipelines.nlp.lexicon import LexiconScorer
from alphaads_pipelines.nlp.rows import entity_rows, readable_posts, score_rows
from alphaads_pipelines.platforms.base import Post
from alphaads_pipelines.schema.tables import (
    EMOTIONS,
    INTENTS,
    POST_ENTITIES,
    POST_SCORES,
    RAW_POSTS,
    SENTIMENTS,
    TWEET_EMOTIONS,
)
from alphaads_pipelines.stores.lake.base import polars_schema
from tests.stores.lake import lake_rows

SCORER = LexiconScorer()
TEXTS = ["I am so happy with it", "Me encanta, es maravilloso", "", "the bus leaves at nine from here", "love it"]
CARRIED = ["event_date", "shard", "stream_partition", "stream_offset", "batch_seq", "subject_id", "post_key", "version"]
LABELS = {"sentiment": SENTIMENTS, "emotion": EMOTIONS, "tweet_emotion": TWEET_EMOTIONS, "intent": INTENTS}
LAMP = TrackedName("lamp", "Lumora", "brand", "ORG", ("Lumora lamp",), ("spring", "summer"))


class OutspokenScorer(Scorer):
    """Says something in every field, and takes every word with a capital for a person."""

    tier = "outspoken"

    def __init__(self) -> None:
        """It needs no options."""

    @property
    def model(self) -> Model:
        return Model("outspoken", "7")

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> Score:
        said = [
            Label(names[1], {name: 0.5 if name == names[1] else 0.1 for name in names}) for names in LABELS.values()
        ]
        offensive = Label("not_offensive", {"not_offensive": 0.75, "offensive": 0.25})
        starts = [place for place, letter in enumerate(text) if letter.isupper()]
        words = [(start, start + len(text[start:].split()[0])) for start in starts]
        entities = [Entity(text[start:end], "PER", start, end, 0.9) for start, end in words]
        return Score("en", 0.9, *said, offensive, entities, {})


def _post(text: str) -> Post:
    return Post("generic", "1", "ada", text, datetime(2024, 3, 1, tzinfo=UTC))


def _raw(count: int) -> pl.DataFrame:
    return lake_rows.posts(5, {0: range(count)})


def _scored(raw: pl.DataFrame, posts: Sequence[Post | None], scorer: Scorer = SCORER) -> pl.DataFrame:
    places, texts = readable_posts(raw, posts)
    return score_rows(places, scorer.score(texts), scorer)


def _entities(
    raw: pl.DataFrame, posts: Sequence[Post | None], scorer: Scorer = SCORER, gazetteer: Gazetteer | None = None
) -> pl.DataFrame:
    places, texts = readable_posts(raw, posts)
    return entity_rows(places, texts, scorer.score(texts), scorer, gazetteer or Gazetteer(), "token of {}".format)


@pytest.mark.parametrize("scorer", [SCORER, OutspokenScorer()], ids=lambda scorer: scorer.tier)
def test_a_row_is_what_the_scorer_says_beside_where_the_post_lies(scorer: Scorer) -> None:
    raw = _raw(len(TEXTS))
    rows = _scored(raw, [_post(text) for text in TEXTS], scorer)
    assert rows.schema == polars_schema(POST_SCORES)
    assert rows.select(CARRIED).equals(raw.select(CARRIED))
    for row, score in zip(rows.iter_rows(named=True), scorer.score(TEXTS), strict=True):
        assert row["language"] == score.language
        assert row["language_confidence"] == score.language_confidence
        for field, labels in LABELS.items():
            said = getattr(score, field)
            assert row[field] == (said and said.label)
            assert [row[f"{field}_{label}"] for label in labels] == [said and said.probs[label] for label in labels]
        assert row["confidence"] == (score.sentiment and max(score.sentiment.probs.values()))
        assert row["offensive"] == (score.offensive and score.offensive.label)
        assert row["offensive_probability"] == (score.offensive and score.offensive.probs["offensive"])
        assert (row["tier"], row["model_name"]) == (scorer.tier, scorer.model.name)
        assert row["model_version"] == scorer.model.version


def test_nulls_carry_their_reasons() -> None:
    never = "tweet_emotion=not_in_tier,intent=not_in_tier,offensive=not_in_tier,entities=not_in_tier"
    rows = _scored(_raw(len(TEXTS)), [_post(text) for text in TEXTS])
    assert rows["null_reason"].to_list() == [
        never,
        f"sentiment=unsupported_language,emotion=unsupported_language,{never}",
        f"language=no_words,sentiment=no_words,emotion=no_words,{never}",
        f"emotion=no_emotion_cue,{never}",
        f"language=too_uncertain,{never}",
    ]
    said = _scored(_raw(1), [_post("fine")], OutspokenScorer())
    assert said["null_reason"].to_list() == [None]
    assert said.null_count().sum_horizontal().item() == 1, "nothing else is null"


def test_a_post_whose_key_is_destroyed_gets_no_row() -> None:
    raw = _raw(3)
    posts = [_post("this is a good Lumora"), None, _post("this is a bad Lumora")]
    rows = _scored(raw, posts)
    assert rows["post_key"].to_list() == [raw["post_key"][0], raw["post_key"][2]]
    assert rows["sentiment"].to_list() == ["positive", "negative"]
    assert _entities(raw, posts, gazetteer=Gazetteer([LAMP]))["post_key"].to_list() == rows["post_key"].to_list()


@pytest.mark.parametrize("posts", [[], [None, None]])
def test_without_posts_there_are_no_rows_but_all_columns(posts: list[None]) -> None:
    raw = lake_rows.frame(RAW_POSTS, []) if not posts else _raw(2)
    for table, rows in ((POST_SCORES, _scored(raw, posts)), (POST_ENTITIES, _entities(raw, posts))):
        assert rows.height == 0
        assert rows.schema == polars_schema(table)


def test_an_entity_lies_where_its_post_lies_and_is_named_by_a_token_alone() -> None:
    raw, gazetteer = _raw(3), Gazetteer([LAMP], version=4)
    texts = ["Ada bought a Lumora", "nothing to name", "a lumora lamp for Ada"]
    rows = _entities(raw, [_post(text) for text in texts], OutspokenScorer(), gazetteer)
    assert rows.schema == polars_schema(POST_ENTITIES)
    assert rows.select(CARRIED).equals(raw[[0, 0, 2, 2]].select(CARRIED))
    said = ("entity_number", "type", "start_char", "end_char", "confidence", "source", "tracked_id", "name_token")
    campaigns = '["spring", "summer"]'
    assert rows.select(said).rows() == [
        (0, "PER", 0, 3, 0.9, "model", None, "token of ada"),
        (1, "ORG", 13, 19, 0.9, "model", "lamp", "token of lumora"),
        (0, "ORG", 2, 13, None, "gazetteer", "lamp", "token of lumora lamp"),
        (1, "PER", 18, 21, 0.9, "model", None, "token of ada"),
    ]
    assert rows["campaign_ids"].to_list() == [None, campaigns, campaigns, None]
    assert rows["gazetteer_version"].to_list() == [4] * 4
    assert rows.select("tier", "model_name", "model_version").unique().rows() == [("outspoken", "outspoken", "7")]


def test_a_tier_that_looks_for_no_entities_leaves_those_of_the_gazetteer() -> None:
    posts = [_post("good Lumora"), _post("good")]
    assert _entities(_raw(2), posts).height == 0
    assert _entities(_raw(2), posts, gazetteer=Gazetteer([LAMP]))["source"].to_list() == ["gazetteer"]
