"""The curve by which the cascade's threshold is chosen, on scorers whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from alphaads_pipelines.nlp.base import Label, Model, Score, Scorer
from alphaads_pipelines.nlp.training.sources import Example
from alphaads_pipelines.nlp.training.thresholds import Point, curve
from alphaads_pipelines.schema.tables import SENTIMENTS


class Fixed(Scorer):
    """Says what it was told to say of each text: (label, probability), or nothing."""

    tier = "fixed"

    def __init__(self, says: Mapping[str, tuple[str, float]]) -> None:
        self._says = says

    @property
    def model(self) -> Model:
        return Model("fixed", "1")

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [self._score(*self._says.get(text, ("", 0.0))) for text in texts]

    def _score(self, name: str, sure: float) -> Score:
        rest = (1 - sure) / 2
        said = Label(name, {each: sure if each == name else rest for each in SENTIMENTS}) if name else None
        return Score(None, None, said, None, None, None, None, None, {})


FIRST = Fixed({"a": ("negative", 0.9), "b": ("positive", 0.8), "c": ("neutral", 0.6)})
RIGHT = {"a": "negative", "b": "neutral", "c": "positive", "d": "positive"}
SECOND = Fixed({name: (label, 0.7) for name, label in RIGHT.items()})
EXAMPLES = [Example(name, {"sentiment": (SENTIMENTS.index(label),)}) for name, label in RIGHT.items()]


def test_a_higher_threshold_leaves_more_to_the_second() -> None:
    points = curve(FIRST, SECOND, EXAMPLES, [0.5, 0.7, 0.85, 1.01])
    assert [point.settled for point in points] == [0.75, 0.5, 0.25, 0.0]
    assert [point.threshold for point in points] == [0.5, 0.7, 0.85, 1.01]


def test_the_figure_is_that_of_who_has_the_word() -> None:
    [low, middle, high] = curve(FIRST, SECOND, EXAMPLES, [0.5, 0.7, 0.85])
    assert low.macro_recall == pytest.approx((1 + 0 + 1 / 2) / 3)
    assert middle.macro_recall == pytest.approx((1 + 0 + 1) / 3)
    assert high == Point(0.85, 1.0, 0.25)


def test_what_nobody_says_is_a_miss() -> None:
    [point] = curve(Fixed({}), Fixed({"a": ("negative", 0.9)}), EXAMPLES, [0.5])
    assert point.macro_recall == pytest.approx(1 / 3)
    assert point.settled == 0.0
