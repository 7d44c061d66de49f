"""Posts as JSON lines, and what is said of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alphaads_pipelines.nlp.jsonlines import score_lines
from alphaads_pipelines.nlp.lexicon import LexiconScorer
from alphaads_pipelines.schema.tables import EMOTIONS, SENTIMENTS

SCORER = LexiconScorer()
CONTRACT = [
    *("id", "language", "sentiment", "emotion", "tweet_emotion", "intent", "offensive", "entities", "model"),
    "null_reasons",
]


def _lines(*lines: bytes, batch: int = 512) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    refused: list[tuple[int, str]] = []
    answers = list(score_lines(lines, SCORER, lambda number, reason: refused.append((number, reason)), batch))
    assert all(b"\n" not in answer for answer in answers)
    return [json.loads(answer) for answer in answers], refused


def test_the_fields_and_their_order_are_the_contract() -> None:
    [answer], refused = _lines(b'{"id": "7", "text": "I am so happy with this phone", "more": 1}')
    assert list(answer) == CONTRACT
    assert refused == []
    assert answer["id"] == "7"
    assert answer["language"] == "en"
    assert answer["sentiment"]["label"] == "positive"
    assert list(answer["sentiment"]) == ["label", "probs"]
    assert list(answer["sentiment"]["probs"]) == list(SENTIMENTS)
    assert answer["emotion"]["label"] == "joy"
    assert list(answer["emotion"]["probs"]) == list(EMOTIONS)
    assert answer["model"] == {"name": "vader-mended", "version": SCORER.model.version}


def test_a_null_has_its_reason() -> None:
    [answer], _ = _lines(b'{"id": 1, "text": "Me encanta, es maravilloso"}')
    assert answer["language"] == "es"
    assert answer["sentiment"] is None
    assert answer["null_reasons"]["sentiment"] == "unsupported_language"
    nulls = {field for field, value in answer.items() if value is None}
    assert nulls == set(answer["null_reasons"])


@pytest.mark.parametrize(
    "identity", ["1", '"a\\u00e9"', "null", "123456789012345678901234567890", '{"a": [1, 2]}', "1.50"]
)
def test_an_id_goes_out_as_it_came_in(identity: str) -> None:
    answers = list(score_lines([f'{{"text": "ok", "id": {identity}}}'.encode()], SCORER, pytest.fail))
    assert answers[0].startswith(f'{{"id":{identity},"language"'.encode())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"id": "\xff", "text": "x"}', "not valid JSON"),
        (b'{"id": 1, "text": "\\ud83d"}', "not valid JSON"),
        (b'{"id": ' + b"[" * 100_000 + b', "text": "x"}', "not valid JSON"),
        (b"[1]", "needs an object with `id` and a string `text`"),
        (b'{"text": "x"}', "needs an object with `id` and a string `text`"),
        (b'{"id": 1}', "needs an object with `id` and a string `text`"),
        (b'{"id": 1, "text": 5}', "needs an object with `id` and a string `text`"),
        (b'{"id": 1, "text": null}', "needs an object with `id` and a string `text`"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(line: bytes, reason: str) -> None:
    answers, refused = _lines(b'{"id": 1, "text": "good"}', b"", line, b'{"id": 2, "text": ""}\r\n')
    assert [answer["id"] for answer in answers] == [1, 2]
    assert refused == [(3, reason)]


def test_the_size_of_a_batch_changes_nothing() -> None:
    lines = [json.dumps({"id": n, "text": f"day {n} is {'great' if n % 2 else 'bad'}"}).encode() for n in range(23)]
    assert _lines(*lines, batch=4) == _lines(*lines)
