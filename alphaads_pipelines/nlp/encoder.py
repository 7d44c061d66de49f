"""Runs the shared encoder: windows of word pieces in, logits out.

Each thread runs small batches: a matrix within each core's cache is faster than one shared by all cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.tokenisation import HasPieces, padded
from alphaads_pipelines.telemetry import MODEL_SECONDS

Floats = npt.NDArray[np.float32]

_PIECES_IN_BATCH, _MOST_WINDOWS = 512, 32


class Answers(msgspec.Struct, frozen=True):
    """Logits: `labels` (heads, windows, most labels of a head); `tags` per window (pieces, tags)."""

    labels: Floats
    tags: list[Floats]


class Encoder:
    """An ONNX Runtime session; `threads` concurrent batches, 0 is one per available core."""

    def __init__(self, model: Path, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Extended fusions choose slower kernels here (training/graph.py).
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._threads = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)), "encoder")

    @MODEL_SECONDS.time()
    def run(self, windows: Sequence[HasPieces]) -> Answers:
        """Logits of one or more windows, in order."""
        groups = list(_groups(windows))
        tags: list[Floats] = [np.empty((0, 0), np.float32)] * len(windows)
        labels = None
        for group, (judged, tagged) in zip(
            groups, self._threads.map(lambda group: self._run(windows, group), groups), strict=True
        ):
            if labels is None:
                labels = np.empty((judged.shape[0], len(windows), judged.shape[2]), np.float32)
            labels[:, group] = judged
            for row, number in enumerate(group):
                tags[number] = tagged[row, : len(windows[number].ids)]
        assert labels is not None
        return Answers(labels, tags)

    def _run(self, windows: Sequence[HasPieces], group: list[int]) -> tuple[Floats, Floats]:
        ids, shapes, mask = padded([windows[number] for number in group])
        labels, tags = self._session.run(("labels", "tags"), {"ids": ids, "shapes": shapes, "mask": mask})
        return labels, tags


def _groups(windows: Sequence[HasPieces]) -> Iterator[list[int]]:
    """Longest windows first, so that no thread finishes late."""
    group: list[int] = []
    for number in sorted(range(len(windows)), key=lambda each: -len(windows[each].ids)):
        longest = len(windows[group[0]].ids) if group else 0
        if group and (len(group) == _MOST_WINDOWS or (len(group) + 1) * longest > _PIECES_IN_BATCH):
            yield group
            group = []
        group.append(number)
    if group:
        yield group
