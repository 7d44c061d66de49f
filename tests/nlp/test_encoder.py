"""The encoder at work: order, batches, threads."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from alphaads_pipelines.nlp.artifact import SHIPPED, open_artifact
from alphaads_pipelines.nlp.encoder import Answers, Encoder, _groups
from alphaads_pipelines.nlp.neural import TOLERANCE
from alphaads_pipelines.nlp.tokenisation import Window, WordPieces
from tests.nlp.texts import tweets


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(open_artifact(SHIPPED).model, threads=1)


@pytest.fixture(scope="module")
def windows(shared_data: Path) -> list[Window]:
    texts = [*tweets(shared_data, "val")[0][:60], "", "word " * 500]
    random.Random(3).shuffle(texts)
    return WordPieces(open_artifact(SHIPPED).tokenizer).windows(texts)[1]


@pytest.fixture(scope="module")
def together(encoder: Encoder, windows: list[Window]) -> Answers:
    return encoder.run(windows)


def _length(number: int) -> Window:
    return Window(0, [0] * number, [0] * number, [(0, 0)] * number, [True] * number)


def _greatest_difference(one: Answers, other: Answers) -> float:
    tags = (np.abs(this - that).max() for this, that in zip(one.tags, other.tags, strict=True))
    return float(max(np.abs(one.labels - other.labels).max(), *tags))


def test_each_window_has_its_labels_and_the_tags_of_its_own_pieces(together: Answers, windows: list[Window]) -> None:
    assert together.labels.shape[1] == len(windows)
    assert [len(tags) for tags in together.tags] == [len(window.ids) for window in windows]
    assert np.isfinite(together.labels).all()


def test_a_window_alone_is_answered_as_in_a_batch(encoder: Encoder, together: Answers, windows: list[Window]) -> None:
    alone = [encoder.run([window]) for window in windows]
    labels = np.concatenate([each.labels for each in alone], axis=1)
    assert _greatest_difference(Answers(labels, [each.tags[0] for each in alone]), together) <= TOLERANCE


def test_the_answers_keep_the_order_of_the_windows(encoder: Encoder, together: Answers, windows: list[Window]) -> None:
    order = list(range(len(windows)))
    random.Random(5).shuffle(order)
    shuffled = encoder.run([windows[number] for number in order])
    expected = Answers(together.labels[:, order], [together.tags[number] for number in order])
    assert _greatest_difference(shuffled, expected) <= TOLERANCE
    spread = np.ptp(together.labels, axis=1)
    assert spread.max() > 1, "the windows differ, so that a mix-up would be seen"


def test_the_number_of_threads_changes_nothing(together: Answers, windows: list[Window]) -> None:
    two = Encoder(open_artifact(SHIPPED).model, threads=2).run(windows)
    assert _greatest_difference(two, together) == 0.0


def test_every_window_is_in_one_group_with_others_about_as_long(windows: list[Window]) -> None:
    groups = list(_groups(windows))
    assert sorted(number for group in groups for number in group) == list(range(len(windows)))
    lengths = [len(windows[number].ids) for group in groups for number in group]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(("length", "number", "most"), [(128, 40, 4), (24, 100, 21), (2, 100, 32), (1_000, 2, 1)])
def test_a_group_holds_few_pieces_and_few_windows(length: int, number: int, most: int) -> None:
    sizes = [len(group) for group in _groups([_length(length)] * number)]
    assert max(sizes) == most
    assert sum(sizes) == number
