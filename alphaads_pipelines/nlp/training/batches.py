"""Batches of windows of similar length, in a seeded order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.normalisation import Normal
from alphaads_pipelines.nlp.tokenisation import Window, WordPieces, padded
from alphaads_pipelines.nlp.training.sources import Example

LABELS = sum(map(len, HEADS.values()))
_OFFSETS = dict(zip(HEADS, np.cumsum([0, *map(len, HEADS.values())]).tolist(), strict=False))


def columns_of(task: str) -> slice:
    """A task's columns in the logits of all heads."""
    return slice(_OFFSETS[task], _OFFSETS[task] + len(HEADS[task]))


class TeacherOutput(msgspec.Struct, frozen=True, gc=False):
    """A teacher's probabilities (labels) and (pieces, tags) for a window; zeros are excluded from the loss."""

    labels: npt.NDArray[np.float32]
    tags: npt.NDArray[np.float16]


class Sample(msgspec.Struct, gc=False):
    """A training window: `targets` (labels) hold a distribution per known head, else zeros; `tags` (pieces, tags) are 1
    for correct tags, all zeros for unlabelled pieces; `row` is the example's number."""

    row: int
    ids: list[int]
    shapes: list[int]
    targets: npt.NDArray[np.float32]
    tags: npt.NDArray[np.bool_] | None
    teacher: TeacherOutput | None = None


class Batch(msgspec.Struct):
    """Arrays (samples, pieces), (samples, labels) and (samples, pieces, tags); teacher arrays are zeros without one."""

    rows: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    shapes: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    tags: npt.NDArray[np.bool_]
    teacher_labels: npt.NDArray[np.float32]
    teacher_tags: npt.NDArray[np.float32]


def samples_of(examples: Sequence[Example], pieces: WordPieces) -> list[Sample]:
    """Make a sample of each example's first window."""
    normal, windows = pieces.windows([each.text for each in examples])
    first: dict[int, Window] = {}
    for window in windows:
        first.setdefault(window.post, window)
    return [_sample(row, examples[row], normal[row], window) for row, window in first.items()]


def _sample(row: int, example: Example, normal: Normal, window: Window) -> Sample:
    targets = np.zeros(LABELS, np.float32)
    for task, labels in example.labels.items():
        targets[[columns_of(task).start + label for label in labels]] = 1.0 / len(labels)
    tags = None if example.words is None else _tags(example.words, normal, window)
    return Sample(row, window.ids, window.shapes, targets, tags)


def _tags(words: Sequence[tuple[int, int, frozenset[str]]], normal: Normal, window: Window) -> npt.NDArray[np.bool_]:
    """Correct tags per piece: its word's, with I- instead of B- after the word's first piece."""
    tags = np.zeros((len(window.ids), len(TAGS)), bool)
    at, before = 0, -1
    for number, (start, end) in enumerate(window.offsets):
        if start == end:
            continue
        place = normal.span_in_post(start, end)[0]
        while at + 1 < len(words) and words[at][1] <= place:
            at += 1
        allowed = words[at][2]
        if at == before:
            allowed = frozenset(f"I{tag[1:]}" if tag[0] == "B" else tag for tag in allowed)
        tags[number, [TAGS.index(tag) for tag in allowed]] = True
        before = at
    return tags


def batches_of(samples: Sequence[Sample], pieces_in_batch: int, seed: int) -> list[Batch]:
    """All samples once, collated."""
    return [collate(group) for group in groups_of(samples, pieces_in_batch, seed)]


def groups_of(samples: Sequence[Sample], pieces_in_batch: int, seed: int) -> list[list[Sample]]:
    """Group all samples by similar length, in an order set by `seed`.

    `pieces_in_batch` includes padding; one long sample may exceed it.
    """
    chance = random.Random(seed)  # noqa: S311
    order = sorted(samples, key=lambda each: (len(each.ids), chance.random()))
    groups: list[list[Sample]] = [[]]
    for sample in order:
        if groups[-1] and (len(groups[-1]) + 1) * len(sample.ids) > pieces_in_batch:
            groups.append([])
        groups[-1].append(sample)
    chance.shuffle(groups)
    return [group for group in groups if group]


def collate(group: Sequence[Sample]) -> Batch:
    """Pad samples into arrays."""
    ids, shapes, mask = padded(group)
    tags, teacher_tags = np.zeros((*ids.shape, len(TAGS)), bool), np.zeros((*ids.shape, len(TAGS)), np.float32)
    teacher_labels = np.zeros((len(group), LABELS), np.float32)
    for number, each in enumerate(group):
        if each.tags is not None:
            tags[number, : len(each.ids)] = each.tags
        if each.teacher is not None:
            teacher_labels[number], teacher_tags[number, : len(each.ids)] = each.teacher.labels, each.teacher.tags
    targets = np.stack([each.targets for each in group])
    rows = np.array([each.row for each in group])
    return Batch(rows, ids, shapes, mask, targets, tags, teacher_labels, teacher_tags)


def as_tensors(batch: Batch) -> dict[str, Any]:
    """The batch's arrays as torch tensors, by name."""
    import torch

    return {name: torch.from_numpy(getattr(batch, name)) for name in batch.__struct_fields__}
