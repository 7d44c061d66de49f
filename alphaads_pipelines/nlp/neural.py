"""The neural tier, the default: the project's own encoder and heads (docs/models.md, artifacts/posts).

English only: other languages score null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.artifact import Calibration, open_artifact
from alphaads_pipelines.nlp.base import Entity, Label, Model, Options, Score, Scorer
from alphaads_pipelines.nlp.cache import ScoreCache
from alphaads_pipelines.nlp.emoji import VALENCE, emoji_in
from alphaads_pipelines.nlp.emotions import CUES
from alphaads_pipelines.nlp.encoder import Answers, Encoder
from alphaads_pipelines.nlp.entity_decoding import entities_of
from alphaads_pipelines.nlp.language import NO_WORDS, Language, LanguageDetector, english, null_score
from alphaads_pipelines.nlp.normalisation import Normal
from alphaads_pipelines.nlp.reliability import Reliability
from alphaads_pipelines.nlp.text import LONGEST, readable
from alphaads_pipelines.nlp.tokenisation import Window, WordPieces

TOLERANCE = 1e-6
"""Largest difference of a text's probability between two batches.

Activation ranges are fixed, and float sums keep one order under any padding: in 4,600 public texts, alone and in random
batches, no bit of a probability differed (AVX-512), nor in 60 tweets with AVX2. A sum differing in its last bit may
round to another 8-bit step, which moved a probability by up to 0.1. Between kinds of CPU those 60 tweets differed by up
to 1e-4, without changing a label.
"""

_AT_ONCE, _CHARACTERS_AT_ONCE = 2_048, 400_000
"""Texts, and their characters, processed at once; bounds memory."""

_EMOJI_WEIGHT = 1 / 22
"""Factor of the cubed emoji valence, in logits, since the sentiment training tweets have no emoji. Maximises the
likelihood on TweetEval's emotion tweets with emoji (96 of validation; log loss 0.32 without, 0.27 with; anger and
sadness as negative, joy and optimism as positive)."""

Floats = npt.NDArray[np.float64]


class Classified(msgspec.Struct, frozen=True):
    """Probabilities (texts, labels) by task, and each text's entities."""

    probabilities: dict[str, Floats]
    entities: list[list[Entity]]


class NeuralScorer(Scorer):
    """Sentiment, emotion, intent, offensiveness and entities from one encoder pass. Raises MissingArtifact."""

    tier: ClassVar[str] = "neural"

    def __init__(self, options: Options = Options()) -> None:
        artifact = open_artifact(options.artifact)
        self._manifest = artifact.manifest
        self._pieces = WordPieces(artifact.tokenizer)
        self._encoder = Encoder(artifact.model, options.threads)
        self._languages = LanguageDetector()
        self._cache = ScoreCache()

    @property
    def model(self) -> Model:
        """As in the artifact's manifest."""
        return Model(self._manifest.name, self._manifest.version)

    def reliability(self) -> Mapping[str, Reliability]:
        """Calibration on the validation data, by task."""
        return self._manifest.reliability

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score each text; repeated texts (reposts) once."""
        return [score for some in _parts(texts) for score in self._cache.score(some, self._score_all)]

    def classify(self, texts: Sequence[str]) -> Classified:
        """Classify one or more English texts."""
        normal, windows = self._pieces.windows(texts)
        answers = self._encoder.run(windows)
        entities: list[list[Entity]] = [[] for _ in texts]
        names = np.array(self._manifest.tags)
        for window, logits in zip(windows, answers.tags, strict=True):
            tags = logits.argmax(-1)
            if tags.any():
                text = texts[window.post]
                entities[window.post] += entities_of(text, normal[window.post], window, names[tags].tolist())
        probabilities = self._probabilities(len(texts), windows, answers)
        self._add_emoji(probabilities["sentiment"], normal)
        return Classified(probabilities, entities)

    def _probabilities(self, posts: int, windows: Sequence[Window], answers: Answers) -> dict[str, Floats]:
        """Average the logits of a post's windows, weighted by length."""
        owner = np.array([window.post for window in windows])
        weight = np.array([len(window.ids) for window in windows], np.float64)
        total = np.bincount(owner, weight, posts)
        found = {}
        for number, (task, labels) in enumerate(self._manifest.heads.items()):
            logits = np.zeros((posts, len(labels)))
            np.add.at(logits, owner, answers.labels[number, :, : len(labels)] * weight[:, None])
            found[task] = calibrated(logits / total[:, None], self._manifest.calibration[task])
        return found

    def _add_emoji(self, sentiment: Floats, normal: Sequence[Normal]) -> None:
        names = self._manifest.heads["sentiment"]
        positive, negative = names.index("positive"), names.index("negative")
        for row, each in enumerate(normal):
            says = 0.0 if each.text.isascii() else _emoji_shift(each.text)
            if says:
                sentiment[row, positive] *= np.exp(says)
                sentiment[row, negative] *= np.exp(-says)
                sentiment[row] /= sentiment[row].sum()

    def _score_all(self, texts: list[str]) -> list[Score]:
        read = [self._read(text) for text in texts]
        to_judge = [number for number, (_, reason) in enumerate(read) if reason is None]
        scores = [
            null_score(language, dict.fromkeys((*_FIELDS, "entities"), reason or "")) for language, reason in read
        ]
        if not to_judge:
            return scores
        judged = self.classify([texts[number] for number in to_judge])
        labels = {task: _labels(self._manifest.heads[task], judged.probabilities[task]) for task in _FIELDS}
        for row, number in enumerate(to_judge):
            said = {task: labels[task][row] for task in _FIELDS}
            scores[number] = _scored(read[number][0], said, judged.entities[row])
        return scores

    def _read(self, text: str) -> tuple[Language, str | None]:
        plain, pictures = readable(text)
        detected = self._languages.detect(plain)
        if detected is NO_WORDS and not emoji_in(pictures):
            return detected, "no_words"
        if detected.guess == "en":
            return detected, None
        return english(detected, plain.lower().split(), CUES)


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    characters = 0
    for text in texts:
        length = min(len(text), LONGEST)
        if part and (len(part) == _AT_ONCE or characters + length > _CHARACTERS_AT_ONCE):
            yield part
            part, characters = [], 0
        part.append(text)
        characters += length
    if part:
        yield part


def _emoji_shift(text: str) -> float:
    """Logit shift towards positive; one strong emoji outweighs many weak ones."""
    found = [VALENCE[emoji] ** 3 for emoji in emoji_in(text)]
    return _EMOJI_WEIGHT * sum(found) / len(found) if found else 0.0


_FIELDS = ("sentiment", "emotion", "tweet_emotion", "intent", "offensive")


def calibrated(logits: Floats, calibration: Calibration) -> Floats:
    """Turn logits (cases, labels) into probabilities."""
    scaled = logits / calibration.temperature + np.asarray(calibration.bias)
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _labels(names: tuple[str, ...], probabilities: Floats) -> list[Label]:
    best = probabilities.argmax(1).tolist()
    return [
        Label(names[most], dict(zip(names, row, strict=True)))
        for most, row in zip(best, probabilities.tolist(), strict=True)
    ]


def _scored(language: Language, said: dict[str, Label], entities: list[Entity]) -> Score:
    reasons = {} if language.reason is None else {"language": language.reason}
    return Score(language.code, language.confidence, **said, entities=entities, null_reasons=reasons)
