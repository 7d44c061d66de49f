"""Emotions from cue words and emoji."""

from __future__ import annotations

from collections import Counter

import pytest

from alphaads_pipelines.nlp import emotions
from alphaads_pipelines.nlp.emotions import emotion_probabilities
from alphaads_pipelines.nlp.idioms import join_idioms
from alphaads_pipelines.schema.tables import EMOTIONS


def _said(text: str, emoji: str = "") -> str | None:
    words = text.split()
    probabilities = emotion_probabilities(join_idioms(words, words)[1], list(emoji))
    if probabilities is None:
        return None
    assert tuple(probabilities) == EMOTIONS
    assert sum(probabilities.values()) == pytest.approx(1.0)
    return max(probabilities, key=probabilities.__getitem__)


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("i am furious", "anger"),
        ("that is disgusting", "disgust"),
        ("i am terrified", "fear"),
        ("so happy today", "joy"),
        ("meh whatever", "neutral"),
        ("i cried all night", "sadness"),
        ("wow unexpected", "surprise"),
        ("can't stand it", "anger"),
        ("can't wait for it", "joy"),
        ("happy happy furious", "joy"),
        ("the bus is at nine", None),
        ("", None),
    ],
)
def test_cues(text: str, emotion: str | None) -> None:
    assert _said(text) == emotion


@pytest.mark.parametrize("text", ["not happy", "i'm never scared", "isn't all that sad", "no more rage", "not fed up"])
def test_a_negated_cue_is_no_cue(text: str) -> None:
    assert _said(text) is None


def test_a_negation_does_not_reach_further_than_three_words() -> None:
    assert _said("not that it matters i am happy") == "joy"


def test_a_negated_cue_leaves_the_others() -> None:
    assert _said("not happy with this place and furious") == "anger"


@pytest.mark.parametrize(("emoji", "emotion"), [("😡", "anger"), ("❤", "joy"), ("😢", "sadness"), ("👍", None)])
def test_emoji_are_cues_where_they_have_an_emotion(emoji: str, emotion: str | None) -> None:
    assert _said("", emoji) == emotion


def test_each_cue_word_stands_for_one_emotion() -> None:
    listed = Counter(word for words in emotions._WORDS.values() for word in words.split())
    assert [word for word, times in listed.items() if times > 1] == []
    assert set(emotions.CUES.values()) == set(EMOTIONS)
