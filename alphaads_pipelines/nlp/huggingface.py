"""The transformers tier: any Hugging Face classifiers of sentiment and of emotion.

Intent, offensiveness and entities are null, as are languages missing from a model's card (none listed: English). Texts
are preprocessed as in the model family's training.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.base import Label, Model, Options, Score, Scorer
from alphaads_pipelines.nlp.cache import ScoreCache
from alphaads_pipelines.nlp.classifier import MULTILINGUAL, Classifier, pick_device, use_threads
from alphaads_pipelines.nlp.emotions import CUES
from alphaads_pipelines.nlp.hub import locate
from alphaads_pipelines.nlp.language import NO_WORDS, Language, LanguageDetector, english
from alphaads_pipelines.nlp.model_labels import LabelMap, emotion_map, sentiment_map, tweet_emotion_map
from alphaads_pipelines.nlp.text import LONGEST, readable

_VERSION = "1"
"""Version of this file's text and label handling."""

_MENTION, _LINK = re.compile(r"(?<!\w)[@＠]\w+"), re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_FAMILIES = (("cardiffnlp", "@user", "http"), ("twitter-", "@user", "http"), ("bertweet", "@USER", "HTTPURL"))
"""Part of a model's name -> its placeholders for mentions and links; other models get the text unchanged."""

_FIELDS = ("sentiment", "emotion", "tweet_emotion")
_NOT_IN_TIER = dict.fromkeys(("intent", "offensive", "entities"), "not_in_tier")
_Answers = dict[str, Label | str]


class _FieldClassifier:
    def __init__(self, name: str, classifier: Classifier, fields: dict[str, LabelMap]) -> None:
        self.classifier, self._fields = classifier, fields
        self._write = writer_for(name)

    def answers(self, texts: Sequence[str], reasons: Sequence[str | None]) -> list[_Answers]:
        """One answer per text; texts with a reason are not classified."""
        read = [self._write(text) for text, reason in zip(texts, reasons, strict=True) if reason is None]
        rows = iter(self.classifier.probabilities(read).tolist())
        return [self._said(next(rows)) if reason is None else dict.fromkeys(self._fields, reason) for reason in reasons]

    def _said(self, row: list[float]) -> _Answers:
        if any(each != each for each in row):
            return dict.fromkeys(self._fields, "not_a_number")
        return {field: labels.label(row) or "label_not_ours" for field, labels in self._fields.items()}

    def refuses(self, language: Language, not_english: str | None) -> str | None:
        """Reason not to classify texts in a language, if any."""
        known = self.classifier.languages
        if language is NO_WORDS:
            return "no_words"
        if MULTILINGUAL in known or language.code in known or ("en" in known and not_english is None):
            return None
        return not_english or "unsupported_language"


class TransformersScorer(Scorer):
    """Two models, from the hub or folders."""

    tier: ClassVar[str] = "transformers"

    def __init__(self, options: Options = Options()) -> None:
        try:
            device = pick_device(options.device)
            use_threads(options.threads)
            sentiment = Classifier(locate(options.sentiment_model, options.token), device)
            emotion = Classifier(locate(options.emotion_model, options.token), device)
        except ModuleNotFoundError as error:
            raise MissingArtifact(
                f"the transformers tier needs the package {error.name!r}: run `make install-models`, or install the "
                "extra: `pip install 'alpha-creators-ads[transformers]'`"
            ) from error
        self._judges = (
            _FieldClassifier(
                options.sentiment_model,
                sentiment,
                {"sentiment": sentiment_map(options.sentiment_model, sentiment.labels)},
            ),
            _FieldClassifier(options.emotion_model, emotion, _emotion_fields(options.emotion_model, emotion.labels)),
        )
        self._precision = "" if device.type == "cpu" else "-fp16"
        self._languages = LanguageDetector()
        self._cache = ScoreCache()

    @property
    def model(self) -> Model:
        """Both models' names and versions."""
        files = [judge.classifier.files for judge in self._judges]
        versions = "+".join(each.version for each in files)
        return Model("+".join(each.name for each in files), f"{_VERSION}-{versions}{self._precision}")

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score each text; repeated texts (reposts) once."""
        return self._cache.score(texts, self._score_all)

    def _score_all(self, texts: list[str]) -> list[Score]:
        plain = [readable(text)[0] for text in texts]
        detected = [self._languages.detect(each) for each in plain]
        read = [english(found, each.lower().split(), CUES) for found, each in zip(detected, plain, strict=True)]
        said: list[_Answers] = [{"tweet_emotion": "not_in_tier"} for _ in texts]
        for judge in self._judges:
            reasons = [
                judge.refuses(found, not_english) for found, (_, not_english) in zip(detected, read, strict=True)
            ]
            for answers, more in zip(said, judge.answers(texts, reasons), strict=True):
                answers.update(more)
        return [_score(language, answers) for (language, _), answers in zip(read, said, strict=True)]


def _emotion_fields(model: str, labels: Sequence[str]) -> dict[str, LabelMap]:
    fields = {"emotion": emotion_map(model, labels)}
    tweet_emotion = tweet_emotion_map(labels)
    return fields if tweet_emotion is None else {**fields, "tweet_emotion": tweet_emotion}


def writer_for(model: str) -> Callable[[str], str]:
    """Return the text preprocessing of a model family."""
    for part, mention, link in _FAMILIES:
        if part in model.lower():
            return lambda text: _MENTION.sub(mention, _LINK.sub(link, text[:LONGEST]))
    return lambda text: text[:LONGEST]


def _score(language: Language, answers: _Answers) -> Score:
    labels = {field: said for field, said in answers.items() if isinstance(said, Label)}
    reasons = {field: said for field, said in answers.items() if isinstance(said, str)} | _NOT_IN_TIER
    if language.reason is not None:
        reasons["language"] = language.reason
    sentiment, emotion, tweet_emotion = (labels.get(field) for field in _FIELDS)
    return Score(language.code, language.confidence, sentiment, emotion, tweet_emotion, None, None, None, reasons)
