"""JSON lines of `alphaads score`: `id` and `text` in, a score out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import msgspec

from alphaads_pipelines.nlp.base import Entity, Label, Model, Score, Scorer

_BATCH = 512


class _Asked(msgspec.Struct):
    id: msgspec.Raw  # any type; returned unchanged
    text: str


_decoder = msgspec.json.Decoder(_Asked)


class _Answer(msgspec.Struct):
    """One output line; fields and their order are a contract."""

    id: msgspec.Raw
    language: str | None
    sentiment: Label | None
    emotion: Label | None
    tweet_emotion: Label | None
    intent: Label | None
    offensive: Label | None
    entities: list[Entity] | None
    model: Model
    null_reasons: dict[str, str]


def score_lines(
    lines: Iterable[bytes], scorer: Scorer, refuse: Callable[[int, str], None], batch: int = _BATCH
) -> Iterator[bytes]:
    """Score each line's `text`, in order.

    Parameters
    ----------
    lines: JSON objects with `id` and `text`; blank lines are skipped.
    refuse: called with the number of a bad line, which is skipped, and the reason.
    batch: texts scored at once.

    Yields
    ------
    One JSON object (bytes, no newline) per good line, with the fields of `_Answer`.
    """
    model, encode = scorer.model, msgspec.json.Encoder().encode
    asked = _asked(lines, refuse)
    while chunk := list(islice(asked, batch)):
        for each, score in zip(chunk, scorer.score([each.text for each in chunk]), strict=True):
            yield encode(_answer(each.id, score, model))


def _answer(identity: msgspec.Raw, score: Score, model: Model) -> _Answer:
    return _Answer(
        identity,
        score.language,
        score.sentiment,
        score.emotion,
        score.tweet_emotion,
        score.intent,
        score.offensive,
        score.entities,
        model,
        score.null_reasons,
    )


def _asked(lines: Iterable[bytes], refuse: Callable[[int, str], None]) -> Iterator[_Asked]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _decoder.decode(line.decode())
        except msgspec.ValidationError:
            refuse(number, "needs an object with `id` and a string `text`")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            refuse(number, "not valid JSON")
