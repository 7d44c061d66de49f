"""Other people's labels become ours by name, or the model is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.nlp.model_labels import emotion_map, sentiment_map, tweet_emotion_map
from alphaads_pipelines.schema.tables import EMOTIONS

GO_EMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval "
    "disgust embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief "
    "remorse sadness surprise neutral"
).split()


def _sentiment(model: str, labels: list[str], row: list[float]) -> dict[str, float]:
    said = sentiment_map(model, labels).label(row)
    assert said is not None
    return said.probs


@pytest.mark.parametrize(
    "labels",
    [
        ["negative", "neutral", "positive"],
        ["Negative", "Neutral", "Positive"],
        ["NEG", "NEU", "POS"],
        ["very negative", "neutral", "Very Positive"],
    ],
)
def test_three_degrees_of_any_spelling_are_ours(labels: list[str]) -> None:
    assert _sentiment("any/model", labels, [0.2, 0.3, 0.5]) == {"negative": 0.2, "neutral": 0.3, "positive": 0.5}
    turned = _sentiment("any/model", labels[::-1], [0.2, 0.3, 0.5])
    assert turned == {"negative": 0.5, "neutral": 0.3, "positive": 0.2}


def test_old_cardiff_labels_without_names_have_the_order_of_their_card() -> None:
    labels = ["LABEL_0", "LABEL_1", "LABEL_2"]
    said = _sentiment("cardiffnlp/twitter-roberta-base-sentiment", labels, [0.7, 0.2, 0.1])
    assert said == pytest.approx({"negative": 0.7, "neutral": 0.2, "positive": 0.1})
    with pytest.raises(ConfigurationError, match="'LABEL_0', 'LABEL_1', 'LABEL_2'"):
        sentiment_map("someone/else", labels)
    with pytest.raises(ConfigurationError, match="'LABEL_0', 'LABEL_1'"):
        sentiment_map("cardiffnlp/twitter-roberta-base-irony", labels[:2])


def test_two_labels_leave_neutral_at_nothing() -> None:
    assert _sentiment("a/b", ["NEGATIVE", "POSITIVE"], [0.1, 0.9]) == {"negative": 0.1, "neutral": 0.0, "positive": 0.9}


def test_stars_are_added_up() -> None:
    stars = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
    said = _sentiment("a/b", stars, [0.1, 0.2, 0.3, 0.15, 0.25])
    assert said == pytest.approx({"negative": 0.3, "neutral": 0.3, "positive": 0.4})


@pytest.mark.parametrize("labels", [["LABEL_0", "LABEL_1"], ["toxic", "fine"], ["positive", "other"], ["score"]])
def test_labels_that_mean_no_sentiment_are_listed_and_refused(labels: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        sentiment_map("a/b", labels)
    assert all(repr(label) in str(refused.value) for label in labels)
    assert "SENTIMENT_MODEL" in str(refused.value)


def test_emotions_go_by_name_and_what_the_model_lacks_has_no_share() -> None:
    said = emotion_map("a/b", ["joy", "sadness", "anger"]).label([0.2, 0.3, 0.5])
    assert said is not None
    assert said.label == "anger"
    assert said.probs == dict.fromkeys(EMOTIONS, 0.0) | {"joy": 0.2, "sadness": 0.3, "anger": 0.5}


def test_goemotions_are_added_up_to_ekmans() -> None:
    found = emotion_map("a/b", GO_EMOTIONS)
    assert None not in found.places
    row = [1 / 56] * 28
    row[GO_EMOTIONS.index("remorse")] += 0.5
    said = found.label(row)
    assert said is not None
    assert said.label == "sadness"
    assert said.probs["sadness"] == pytest.approx(0.5 + 5 / 56)
    assert sum(said.probs.values()) == pytest.approx(1.0)


def test_a_label_that_we_lack_is_left_out_or_if_it_leads_nothing_is_said() -> None:
    found = emotion_map("a/b", ["joy", "sadness", "boredom"])
    said = found.label([0.45, 0.15, 0.4])
    assert said is not None
    assert (said.label, said.probs["joy"]) == ("joy", pytest.approx(0.75))
    assert found.label([0.3, 0.2, 0.5]) is None
    assert found.label([0.0, 0.0, 1.0]) is None


@pytest.mark.parametrize("labels", [["LABEL_0", "LABEL_1"], ["joy"], ["neutral", "joy"], ["negative", "positive"]])
def test_labels_that_mean_fewer_than_two_emotions_are_refused(labels: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="EMOTION_MODEL"):
        emotion_map("a/b", labels)


def test_only_tweetevals_four_emotions_fill_their_field() -> None:
    found = tweet_emotion_map(["joy", "optimism", "anger", "sadness"])
    assert found is not None
    said = found.label([0.2, 0.5, 0.2, 0.1])
    assert said is not None
    assert said.probs == {"anger": 0.2, "joy": 0.2, "optimism": 0.5, "sadness": 0.1}
    for others in (["joy", "optimism", "anger"], ["joy", "anger", "sadness", "fear"], [*said.probs, "love"]):
        assert tweet_emotion_map(others) is None


@settings(max_examples=60)
@given(st.lists(st.floats(1e-12, 1.0), min_size=28, max_size=28))
def test_what_is_said_sums_to_one(weights: list[float]) -> None:
    total = sum(weights)
    said = emotion_map("a/b", GO_EMOTIONS).label([each / total for each in weights])
    assert said is not None
    assert tuple(said.probs) == EMOTIONS
    assert sum(said.probs.values()) == pytest.approx(1.0, abs=1e-9)
    assert said.probs[said.label] == max(said.probs.values())
