"""Scorers to which something happens, for tests of what runs them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import msgspec

from alphaads_pipelines.nlp.base import Entity, Label, Model, Score, Scorer
from alphaads_pipelines.schema.tables import EMOTIONS, INTENTS, SENTIMENTS

_PRAISE = Label("praise", {name: 0.6 if name == "praise" else 0.1 for name in INTENTS})
_DECENT = Label("not_offensive", {"not_offensive": 0.75, "offensive": 0.25})
_MENTION = re.compile("@u_[a-z2-7]+")
"""Tokens of mentions are keyed, so two installations spell them differently."""


class DisturbedScorer(Scorer):
    """The scorer of an installation, with something that happens before it scores."""

    tier = "disturbed"

    def __init__(self, scorer: Scorer, disturb: Callable[[], None]) -> None:
        self._scorer, self._disturb = scorer, disturb

    @property
    def model(self) -> Model:
        return self._scorer.model

    def score(self, texts: Sequence[str]) -> list[Score]:
        self._disturb()
        return self._scorer.score(texts)


class NamingScorer(DisturbedScorer):
    """Takes every word for a person, and says something of intent and offence, too."""

    def score(self, texts: Sequence[str]) -> list[Score]:
        scores = zip(texts, super().score(texts), strict=True)
        return [
            msgspec.structs.replace(score, intent=_PRAISE, offensive=_DECENT, entities=_words(text), null_reasons={})
            for text, score in scores
        ]


def _words(text: str) -> list[Entity]:
    return [Entity(word[0], "PER", word.start(), word.end(), 0.5) for word in re.finditer(r"\S+", text)]


class MistakenScorer(DisturbedScorer):
    """Gives a label that the table does not know."""

    def score(self, texts: Sequence[str]) -> list[Score]:
        wrong = Label("melancholy", dict.fromkeys(("negative", "neutral", "positive", "melancholy"), 0.25))
        return [Score("en", 0.9, wrong, None, None, None, None, None, {}) for _ in texts]


class HashScorer(Scorer):
    """Says of a text what its hash says; another version says something else, and sometimes nothing."""

    tier = "hash"

    def __init__(self, version: str) -> None:
        self._version = version

    @property
    def model(self) -> Model:
        return Model("hash", self._version)

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [self._score(text, random.Random(f"{self._version}:{_MENTION.sub('@someone', text)}")) for text in texts]

    def _score(self, text: str, dice: random.Random) -> Score:
        words = [word for word in _words(text) if not _MENTION.search(word.text)]
        named = dice.sample(words, min(2, len(words)))
        if dice.random() < 0.2:
            return Score(None, None, None, None, None, None, None, named, {"sentiment": "unsupported_language"})
        sentiment, emotion = self._label(dice, SENTIMENTS), self._label(dice, EMOTIONS)
        return Score("en", 0.9, sentiment, emotion, None, None, None, named, {})

    def _label(self, dice: random.Random, names: Sequence[str]) -> Label:
        likely = dice.choice(names)
        rest = 0.25 / (len(names) - 1)
        return Label(likely, {name: 0.75 if name == likely else rest for name in names})
