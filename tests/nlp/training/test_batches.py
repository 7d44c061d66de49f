"""From examples to arrays: targets, tags by piece, batches in an order that the seed fixes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from alphaads_pipelines.nlp.artifact import SHIPPED, TOKENIZER
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.tokenisation import WINDOW, WordPieces
from alphaads_pipelines.nlp.training.batches import (
    LABELS,
    Batch,
    Sample,
    as_tensors,
    batches_of,
    collate,
    columns_of,
    samples_of,
)
from alphaads_pipelines.nlp.training.sources import Example
from tests.nlp.packages import NEEDS_TRAINING

PIECES = WordPieces(SHIPPED / TOKENIZER)
OUTSIDE = frozenset(["O"])


def _sample(row: int, length: int) -> Sample:
    targets = np.zeros(LABELS, np.float32)
    targets[row % LABELS] = 1
    return Sample(row, [row + 1] * length, [1] * length, targets, None)


def _samples(count: int) -> list[Sample]:
    chance = random.Random(1)
    return [_sample(row, chance.randint(2, 60)) for row in range(count)]


def _tags(example: Example) -> list[tuple[str, set[str]]]:
    """(piece, tags that are right) of an example's pieces."""
    [sample] = samples_of([example], PIECES)
    [normal], [window] = PIECES.windows([example.text])
    assert sample.tags is not None
    return [
        (normal.text[start:end], {TAGS[tag] for tag in np.flatnonzero(row)})
        for (start, end), row in zip(window.offsets, sample.tags, strict=True)
    ]


def test_the_heads_stand_one_after_the_other() -> None:
    columns = [number for task in HEADS for number in range(LABELS)[columns_of(task)]]
    assert columns == list(range(LABELS))


def test_targets_are_a_distribution_of_each_known_head() -> None:
    [sample] = samples_of([Example("so angry", {"sentiment": (0,), "emotion": (0, 5)})], PIECES)
    assert sample.targets[columns_of("sentiment")].tolist() == [1.0, 0.0, 0.0]
    assert sample.targets[columns_of("emotion")].tolist() == [0.5, 0, 0, 0, 0, 0.5, 0]
    for task in set(HEADS) - {"sentiment", "emotion"}:
        assert not sample.targets[columns_of(task)].any()
    assert sample.tags is None


def test_a_long_example_is_its_first_window() -> None:
    samples = samples_of([Example("short"), Example("word " * 500), Example("")], PIECES)
    assert [sample.row for sample in samples] == [0, 1, 2]
    assert [len(sample.ids) for sample in samples] == [3, WINDOW, 2]


def test_each_piece_has_its_words_tags_and_only_the_first_begins() -> None:
    words = [(0, 7, frozenset(["B-ORG", "B-GROUP"])), (8, 12, frozenset(["I-ORG"])), (13, 15, OUTSIDE)]
    tags = _tags(Example("Qzxwvia Corp is", words=words))
    assert tags[0] == tags[-1] == ("", set()), "end marks are not judged"
    of_the_name = [allowed for piece, allowed in tags[1:-1] if piece in "Qzxwvia" and piece not in ("Corp", "is")]
    assert len(of_the_name) > 1
    assert of_the_name[0] == {"B-ORG", "B-GROUP"}
    assert all(each == {"I-ORG", "I-GROUP"} for each in of_the_name[1:])
    assert dict(tags)["Corp"] == {"I-ORG"}
    assert dict(tags)["is"] == {"O"}


def test_tags_find_their_words_behind_what_was_replaced() -> None:
    text = "@ada ! https://t.co/x #NewYork_ Paris"
    spans = [(0, 4), (5, 6), (7, 21), (22, 31), (32, 37)]
    allowed = [OUTSIDE, OUTSIDE, OUTSIDE, frozenset(["B-LOC"]), frozenset(["B-PER"])]
    tags = _tags(Example(text, words=[(*span, tags) for span, tags in zip(spans, allowed, strict=True)]))
    assert [(piece, *each) for piece, each in tags[1:-1]] == [
        ("👤", "O"),
        ("!", "O"),
        ("#", "B-LOC"),
        ("New", "I-LOC"),
        ("York", "I-LOC"),
        ("Paris", "B-PER"),
    ]


def test_every_sample_is_in_one_batch_with_others_about_as_long() -> None:
    samples = _samples(500)
    batches = batches_of(samples, 256, seed=3)
    assert sorted(row for batch in batches for row in batch.rows.tolist()) == list(range(500))
    assert all(batch.ids.size <= 256 for batch in batches)
    filled = sum(batch.mask.sum() for batch in batches) / sum(batch.mask.size for batch in batches)
    assert filled > 0.9


def test_a_sample_longer_than_a_batch_is_one_alone() -> None:
    batches = batches_of([_sample(0, 100), _sample(1, 5), _sample(2, 5)], 20, seed=1)
    assert sorted(sorted(batch.rows.tolist()) for batch in batches) == [[0], [1, 2]]


def test_the_seed_fixes_the_order_and_another_gives_another() -> None:
    samples = _samples(300)

    def rows(seed: int) -> list[list[int]]:
        return [batch.rows.tolist() for batch in batches_of(samples, 256, seed)]

    assert rows(3) == rows(3)
    assert rows(3) != rows(4)
    lengths = [len(samples[batch[0]].ids) for batch in rows(3)]
    assert lengths != sorted(lengths), "long batches do not all come last"


def test_no_samples_are_no_batches() -> None:
    assert batches_of([], 256, seed=1) == []


def test_samples_are_filled_up_to_the_longest() -> None:
    tagged = _sample(1, 3)
    tagged.tags = np.ones((3, len(TAGS)), bool)
    batch = collate([_sample(0, 5), tagged])
    assert batch.mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch.ids.tolist() == [[1, 1, 1, 1, 1], [2, 2, 2, 0, 0]]
    assert not batch.tags[0].any()
    assert batch.tags[1].any(-1).tolist() == [True, True, True, False, False]
    assert batch.targets.argmax(1).tolist() == batch.rows.tolist() == [0, 1]


@NEEDS_TRAINING
def test_a_batch_becomes_tensors_by_name() -> None:
    tensors = as_tensors(collate([_sample(0, 2)]))
    assert set(tensors) == set(Batch.__struct_fields__)
    assert tensors["mask"].tolist() == [[1, 1]]


@pytest.mark.parametrize("task", HEADS)
def test_each_label_has_its_own_column(task: str) -> None:
    samples = samples_of([Example("x", {task: (number,)}) for number in range(len(HEADS[task]))], PIECES)
    assert np.array_equal(np.stack([each.targets[columns_of(task)] for each in samples]), np.eye(len(HEADS[task])))
