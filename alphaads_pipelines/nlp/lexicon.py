"""The lexicon tier: VADER (Hutto & Gilbert 2014, ICWSM) with repairs, and cue words for emotion.

English only: other languages score null. Repairs: emoji have their own valences, and a hostile one outweighs adjacent
praise; idioms count as a whole; links, mentions and invisible characters are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import ClassVar

from alphaads_pipelines.nlp import emoji as emojis
from alphaads_pipelines.nlp import idioms
from alphaads_pipelines.nlp.base import Label, Model, Options, Score, Scorer
from alphaads_pipelines.nlp.cache import ScoreCache
from alphaads_pipelines.nlp.emotions import CUES, emotion_probabilities
from alphaads_pipelines.nlp.fast_vader import NO_POLARITY, Polarity, Vader
from alphaads_pipelines.nlp.language import NO_WORDS, Language, LanguageDetector, english, null_score
from alphaads_pipelines.nlp.text import readable
from alphaads_pipelines.schema.tables import SENTIMENTS

# Multinomial logistic regression over the repaired VADER: a row per label of SENTIMENTS; columns 1, compound, compound
# squared, negative and positive words in tens (at most one ten). Fitted by Newton's method, L2 0.001, classes weighted
# equally, on the 47,398 SemEval-2017 task 4A training tweets outside TweetEval's validation and test sets. Macro recall
# on TweetEval's validation set, which chose the columns: 61.6; plain VADER 59.8.
_WEIGHTS = (
    (-0.283, -1.131, -0.369, 2.015, 0.836),
    (0.555, -0.009, -0.521, -1.233, -0.845),
    (-0.272, 1.140, 0.890, -0.782, 0.009),
)
_MOST_WORDS = 10.0

_HOSTILE = -2.0
"""Emoji valences summing to this or less override adjacent praise."""

_NOT_IN_TIER = dict.fromkeys(("tweet_emotion", "intent", "offensive", "entities"), "not_in_tier")


class LexiconScorer(Scorer):
    """Repaired VADER; a text scores the same alone and in any batch."""

    tier: ClassVar[str] = "lexicon"

    def __init__(self, options: Options = Options()) -> None:
        self._vader = Vader(idioms.VALENCE)
        self._known = frozenset([*self._vader.lexicon, *CUES])
        self._languages = LanguageDetector()
        self._cache = ScoreCache()

    @property
    def model(self) -> Model:
        """VADER and the version of our repairs."""
        return Model("vader-mended", "2")

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score each text; repeated texts (reposts) once."""
        return self._cache.score(texts, self._score_all)

    def _score_all(self, texts: list[str]) -> list[Score]:
        # In turn: the detector's model and the lexicon evict each other from CPU caches.
        read = [readable(text) for text in texts]
        languages = [self._languages.detect(plain) for plain, _ in read]
        return [self._score(*each, language) for each, language in zip(read, languages, strict=True)]

    def _score(self, plain: str, pictures: str, language: Language) -> Score:
        split, shouting = self._vader.split(plain)
        words, lower = idioms.join_idioms(split, [word.lower() for word in split])
        language, reason = english(language, lower, self._known)
        if reason is not None:
            return _null_score(language, reason)
        emoji = emojis.emoji_in(pictures) if pictures else []
        polarity = self._polarity(words, lower, shouting, plain, emoji)
        if language is NO_WORDS and polarity is NO_POLARITY:
            return _null_score(NO_WORDS, "no_words")
        return _scored(language, polarity, emotion_probabilities(lower, emoji))

    def _polarity(self, words: list[str], lower: list[str], shouting: bool, plain: str, emoji: list[str]) -> Polarity:
        valences = [emojis.VALENCE[each] for each in emoji]
        polarity = self._vader.polarity(words, lower, shouting, plain, valences)
        if emoji and min(valences) <= _HOSTILE and sum(valences) <= _HOSTILE and polarity.positive > 0:
            # "great" with a pouting face: the face decides.
            return self._vader.polarity([], [], False, plain, valences)
        return polarity


def _label(probabilities: dict[str, float]) -> Label:
    return Label(max(probabilities, key=probabilities.__getitem__), probabilities)


def _scored(language: Language, polarity: Polarity, emotion: dict[str, float] | None) -> Score:
    reasons = dict(_NOT_IN_TIER)
    if language.reason is not None:
        reasons["language"] = language.reason
    if emotion is None:
        reasons["emotion"] = "no_emotion_cue"
    sentiment = _label(sentiment_probabilities(polarity))
    feeling = None if emotion is None else _label(emotion)
    return Score(language.code, language.confidence, sentiment, feeling, None, None, None, None, reasons)


def _null_score(language: Language, reason: str) -> Score:
    return null_score(language, {"sentiment": reason, "emotion": reason, **_NOT_IN_TIER})


def sentiment_probabilities(polarity: Polarity) -> dict[str, float]:
    """Probability of each sentiment under equal priors."""
    compound, square = polarity.compound, polarity.compound**2
    negative, positive = min(polarity.negative / _MOST_WORDS, 1.0), min(polarity.positive / _MOST_WORDS, 1.0)
    odds = [exp(a + b * compound + c * square + d * negative + e * positive) for a, b, c, d, e in _WEIGHTS]
    total = sum(odds)
    return {label: each / total for label, each in zip(SENTIMENTS, odds, strict=True)}
