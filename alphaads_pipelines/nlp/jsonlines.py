"""The JSON lines of `alphaads score`: `id` and `text` in, a score out; a bad line is reported, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
import orjson

from alphaads_pipelines.nlp.base import Scorer

_BATCH = 512


def score_lines(
    lines: Iterable[bytes], scorer: Scorer, refuse: Callable[[int, str], None], batch: int = _BATCH
) -> Iterator[bytes]:
    """Score each line's `text`, in order.

    Parameters
    ----------
    lines: JSON objects, one a line; blank lines are skipped.
    refuse: told the number of a line that is no object with `id` and `text`, and why.
    batch: texts scored at once.

    Yields
    ------
    One JSON object (bytes, no newline) per good line: id, language, sentiment, emotion, tweet_emotion, intent,
    offensive, entities, null_reasons, model.
    """
    model = msgspec.to_builtins(scorer.model)
    items = _items(lines, refuse)
    while chunk := list(islice(items, batch)):
        for (identity, _), score in zip(chunk, scorer.score([text for _, text in chunk]), strict=True):
            fields = msgspec.to_builtins(score)
            fields.pop("language_confidence")
            yield orjson.dumps({"id": identity, **fields, "model": model})


def _items(lines: Iterable[bytes], refuse: Callable[[int, str], None]) -> Iterator[tuple[Any, str]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = orjson.loads(line)
        except orjson.JSONDecodeError:
            refuse(number, "not valid JSON")
            continue
        if not isinstance(item, dict) or "id" not in item or not isinstance(item.get("text"), str):
            refuse(number, "needs an object with `id` and a string `text`")
            continue
        yield item["id"], item["text"]
