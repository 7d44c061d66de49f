"""What every scorer tier promises, checked against all of them."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.nlp import neural
from alphaads_pipelines.nlp.base import Label, Options, Score, Scorer
from alphaads_pipelines.nlp.registry import SCORERS, build_scorer
from alphaads_pipelines.schema.tables import EMOTIONS, SENTIMENTS
from tests.nlp.packages import NEEDS_TRANSFORMERS
from tests.nlp.texts import AWKWARD, TEXTS, bad_inputs, every_emoji, tweets
from tests.nlp.tiny_models import tiny_options

LABELS = {
    "sentiment": SENTIMENTS,
    "emotion": EMOTIONS,
    "tweet_emotion": ("anger", "joy", "optimism", "sadness"),
    "intent": ("purchase", "complaint", "praise", "question", "other"),
    "offensive": None,
}
ENTITIES = {"PER", "LOC", "ORG", "PRODUCT", "WORK", "GROUP"}
FIELDS = ("language", *LABELS, "entities")
PLAIN = [
    "I love this phone",
    "Worst service ever, I am furious",
    "Me encanta, gracias por todo",
    "😡",
    "the bus is at 9",
]


NEEDS = {"transformers": [NEEDS_TRANSFORMERS]}
TOLERANCE = {"transformers": 1e-5, "neural": neural.TOLERANCE, "cascade": neural.TOLERANCE}
"""By how much a probability may differ between two batches; elsewhere by nothing."""


@pytest.fixture(params=[pytest.param(tier, marks=NEEDS.get(tier, [])) for tier in SCORERS], scope="module")
def tier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def options(tier: str, tmp_path_factory: pytest.TempPathFactory) -> Options:
    return tiny_options(tmp_path_factory.mktemp("models")) if tier == "transformers" else Options()


@pytest.fixture(scope="module")
def scorer(tier: str, options: Options) -> Scorer:
    return build_scorer(tier, options)


def _check_label(said: Label, names: tuple[str, ...] | None) -> None:
    assert names is None or tuple(said.probs) == names
    assert all(0.0 <= each <= 1.0 for each in said.probs.values())
    assert sum(said.probs.values()) == pytest.approx(1.0, abs=1e-9)
    assert said.probs[said.label] == max(said.probs.values())


def _check(text: str, score: Score) -> None:
    for field in FIELDS:
        reason = score.null_reasons.get(field, "")
        assert (getattr(score, field) is None) == bool(reason), f"{field} is null with a reason, or neither"
    for field, names in LABELS.items():
        said = getattr(score, field)
        if said is not None:
            _check_label(said, names)
    assert set(score.null_reasons) <= set(FIELDS)
    assert score.language_confidence is None or 0.0 <= score.language_confidence <= 1.0
    for entity in score.entities or ():
        assert text[entity.start : entity.end] == entity.text
        assert entity.type in ENTITIES


def _differ(one: Score, other: Score, tolerance: float) -> bool:
    """Whether two scores of a text say different things."""
    if msgspec.structs.replace(one, **_NO_LABELS) != msgspec.structs.replace(other, **_NO_LABELS):
        return True
    for field in LABELS:
        this, that = getattr(one, field), getattr(other, field)
        if (this is None) != (that is None):
            return True
        if this is not None and this.probs != pytest.approx(that.probs, rel=0, abs=tolerance):
            return True
    return False


_NO_LABELS = dict.fromkeys(LABELS)


def test_its_tier_is_the_one_in_the_registry(tier: str, scorer: Scorer) -> None:
    assert scorer.tier == tier
    assert SCORERS.load(tier) is type(scorer)


def test_its_model_has_a_name_and_a_version(scorer: Scorer) -> None:
    assert scorer.model.name
    assert scorer.model.version
    assert scorer.model == scorer.model


def test_no_texts_no_scores(scorer: Scorer) -> None:
    assert scorer.score([]) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(TEXTS, max_size=4))
def test_any_string_gets_labels_that_sum_to_one_or_null_with_a_reason(scorer: Scorer, texts: list[str]) -> None:
    scores = scorer.score(texts)
    assert len(scores) == len(texts)
    for text, score in zip(texts, scores, strict=True):
        _check(text, score)


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: f"{len(text)} of {text[:12]!a}")
def test_awkward_texts_get_through(scorer: Scorer, text: str) -> None:
    _check(text, scorer.score([text])[0])


def test_text_without_a_word_is_never_neutral(scorer: Scorer) -> None:
    for text in ("", " ", "\n", "\u200b", "@someone", "https://example.com/good", "🇺🇸", "42"):
        score = scorer.score([text])[0]
        assert score.sentiment is None, text
        assert score.null_reasons["sentiment"]
        assert score.emotion is None


def test_every_emoji_gets_through_alone_and_after_a_word(scorer: Scorer, shared_data: Path) -> None:
    emoji = every_emoji(shared_data)
    assert len(emoji) > 2_500
    texts = [*emoji, *(f"nice {each}" for each in emoji)]
    for text, score in zip(texts, scorer.score(texts), strict=True):
        _check(text, score)


def test_naughty_strings_and_injected_prompts_get_through(scorer: Scorer, shared_data: Path) -> None:
    texts = bad_inputs(shared_data)
    assert len(texts) > 150
    for text, score in zip(texts, scorer.score(texts), strict=True):
        _check(text, score)


def test_a_text_scores_the_same_alone_and_in_any_batch(
    tier: str, options: Options, scorer: Scorer, shared_data: Path
) -> None:
    texts = [*tweets(shared_data, "val")[0][:300], *PLAIN, *PLAIN]
    fresh, tolerance = build_scorer(tier, options), TOLERANCE.get(tier, 0.0)
    alone = {text: fresh.score([text])[0] for text in texts}
    random.Random(7).shuffle(texts)
    for some in (texts, texts[:50]):
        assert not [
            text for text, score in zip(some, scorer.score(some), strict=True) if _differ(score, alone[text], tolerance)
        ]


def test_scores_can_be_written_as_json_and_read_back(scorer: Scorer) -> None:
    scores = scorer.score(PLAIN)
    assert msgspec.json.decode(msgspec.json.encode(scores), type=list[Score]) == scores


def test_praise_and_anger_are_told_apart(scorer: Scorer) -> None:
    praise, anger = scorer.score(PLAIN)[:2]
    assert praise.sentiment is not None
    assert praise.sentiment.label == "positive"
    assert anger.sentiment is not None
    assert anger.sentiment.label == "negative"
