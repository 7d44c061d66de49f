"""Texts that come again are scored once, and what is remembered has limits."""

from __future__ import annotations

import pytest

from alphaads_pipelines.nlp import cache
from alphaads_pipelines.nlp.base import Score
from alphaads_pipelines.nlp.cache import ScoreCache


def _scored(text: str) -> Score:
    return Score(text, None, None, None, None, None, None, None, {})


def test_a_text_that_comes_again_is_scored_once_and_answers_keep_their_order() -> None:
    asked: list[str] = []

    def score_all(texts: list[str]) -> list[Score]:
        asked.extend(texts)
        return [_scored(text) for text in texts]

    scores = ScoreCache()
    assert [each.language for each in scores.score(["a", "b", "a"], score_all)] == ["a", "b", "a"]
    assert [each.language for each in scores.score(["b", "c"], score_all)] == ["b", "c"]
    assert asked == ["a", "b", "c"]


def test_what_is_remembered_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_TEXTS", 10)
    asked: list[str] = []

    def score_all(texts: list[str]) -> list[Score]:
        asked.extend(texts)
        return [_scored(text) for text in texts]

    scores, texts = ScoreCache(), [f"number {number}" for number in range(25)]
    scores.score(texts, score_all)
    scores.score(texts[10:], score_all)
    assert len(asked) == 25 + 15, "only ten were remembered"
    long = "x" * 500
    scores.score([long], score_all)
    scores.score([long], score_all)
    assert asked.count(long) == 2
