"""The fast VADER beside the package it takes its lexicon from."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.nlp.fast_vader import NO_POLARITY, Polarity, Vader
from tests.nlp.texts import tweets

package = import_module("vaderSentiment.vaderSentiment")
VADER = Vader()
ORIGINAL: Any = package.SentimentIntensityAnalyzer()
RULED = sorted(
    {
        *package.NEGATE,
        *package.BOOSTER_DICT,
        *package.SPECIAL_CASES,
        *"but no least at very or nor so this never without doubt kind of table frobn't good bad GREAT hate".split(),
        *("NOT", "SO", "BUT", "Good", ":)", ":(", "!", "?", "good!!", "(bad)", "a.", "No", "VERY"),
    }
)
WORDS = st.sampled_from(RULED) | st.sampled_from(sorted(VADER.lexicon))


def _polarity(text: str, vader: Vader = VADER) -> Polarity:
    words, shouting = vader.split(text)
    return vader.polarity(words, [word.lower() for word in words], shouting, text)


def _assert_same(text: str) -> None:
    ours, theirs = _polarity(text), ORIGINAL.polarity_scores(text)
    words = max(1, len(VADER.split(text)[0]))
    assert ours.compound == pytest.approx(theirs["compound"], abs=5.1e-5), text
    assert ours.positive / words == pytest.approx(theirs["pos"], abs=5.1e-4), text
    assert ours.negative / words == pytest.approx(theirs["neg"], abs=5.1e-4), text


def test_real_tweets_get_the_packages_answer(shared_data: Path) -> None:
    texts = [text for text in tweets(shared_data, "val")[0] if ORIGINAL.emojis.keys().isdisjoint(text)]
    assert len(texts) > 1_800
    for text in texts:
        _assert_same(text)


@settings(max_examples=500, deadline=None)
@given(st.lists(WORDS, max_size=10))
def test_any_row_of_ruled_words_gets_the_packages_answer(words: list[str]) -> None:
    _assert_same(" ".join(words))


@pytest.mark.parametrize(
    "text",
    [
        "VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!",
        "At least it isn't a horrible book.",
        "The book was only kind of good.",
        "it was just enough good, sort of bad",
        "The plot was good, but the good good characters are bad and the bad dialog is not great.",
        "no good no bad, no one or good",
        "no no no",
        "at least good, very least good, the least good, least good",
        "not what I call so good, like this good",
        "without a doubt good, without doubt the good",
        "the shit, to die for, a kiss of death at the bus stop, yeah right",
        "what?? really??? bad????",
        "",
        "   ",
    ],
)
def test_the_rules_one_by_one(text: str) -> None:
    _assert_same(text)


def test_a_text_without_a_known_word_says_nothing() -> None:
    assert _polarity("the table has legs!!!") is NO_POLARITY


def test_more_words_count_and_leave_the_package_alone() -> None:
    more = Vader({"frobnicated": -3.0})
    assert _polarity("it frobnicated", more).compound < -0.5
    assert _polarity("it frobnicated") is NO_POLARITY
    assert "frobnicated" not in package.SentimentIntensityAnalyzer().lexicon


def test_valences_beside_the_words_count_like_words() -> None:
    beside = VADER.polarity(["it"], ["it"], False, "it", [VADER.lexicon["good"]])
    assert beside == _polarity("it good")
