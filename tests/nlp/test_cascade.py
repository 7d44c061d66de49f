"""The cascade: who has the word, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from alphaads_pipelines.nlp.base import Options, Score
from alphaads_pipelines.nlp.cascade import SURE, CascadeScorer
from alphaads_pipelines.nlp.lexicon import LexiconScorer
from alphaads_pipelines.nlp.neural import NeuralScorer
from alphaads_pipelines.nlp.training.sources import Sources
from alphaads_pipelines.nlp.training.thresholds import curve

CLEAR = "GREAT service, I love it, happy happy happy, best ever!!! 😍"
OPEN = "the bus is at 9"
OPTIONS = Options(threads=1)


@pytest.fixture(scope="module")
def cascade() -> CascadeScorer:
    return CascadeScorer(OPTIONS)


def test_the_lexicon_has_the_word_where_it_is_sure_and_the_neural_tier_elsewhere(cascade: CascadeScorer) -> None:
    texts = [OPEN, CLEAR, "", "Me encanta, gracias por todo", OPEN]
    cheap, dear = LexiconScorer().score(texts), NeuralScorer(OPTIONS).score(texts)
    assert cheap[1].sentiment is not None
    assert cheap[1].sentiment.probs["positive"] >= SURE
    assert cascade.score(texts) == [dear[0], cheap[1], *dear[2:]]
    assert cascade.score(texts)[1].null_reasons["intent"] == "not_in_tier"


def test_the_neural_tier_sees_only_what_was_left_open(cascade: CascadeScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = cascade._neural.score

    def watched(texts: Sequence[str]) -> list[Score]:
        seen.extend(texts)
        return real(texts)

    monkeypatch.setattr(cascade._neural, "score", watched)
    cascade.score([CLEAR, OPEN, CLEAR])
    cascade.score([CLEAR])
    assert seen == [OPEN]


def test_its_version_tells_both_models_and_the_threshold(cascade: CascadeScorer) -> None:
    lexicon, own = LexiconScorer().model, NeuralScorer(OPTIONS).model
    assert cascade.model.name == f"{lexicon.name}+{own.name}"
    assert cascade.model.version == f"{lexicon.version}+{own.version}@{SURE}"


def test_its_sentiment_is_within_half_a_point_of_the_neural_tiers(shared_data: Path) -> None:
    examples = Sources(shared_data).tweeteval("sentiment", "val")
    chosen, alone = curve(LexiconScorer(), NeuralScorer(OPTIONS), examples, [SURE, 1.01])
    assert chosen.macro_recall >= alone.macro_recall - 0.005
    assert chosen.settled > 0.03, "or the cascade saves nothing"
    assert alone.settled == 0.0
