"""Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531).

The teacher labels every head and piece, since most texts have only one known label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from alphaads_pipelines.nlp.encoder import Answers, Encoder
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.training import network
from alphaads_pipelines.nlp.training.batches import LABELS, Sample, TeacherOutput, columns_of
from alphaads_pipelines.nlp.training.sources import FEW_EXAMPLES

_AT_ONCE = 4_000

Floats = npt.NDArray[np.float32]


def with_teacher(samples: Sequence[Sample], teacher: Path, threads: int = 0) -> list[Sample]:
    """Add a teacher's probabilities to samples; `teacher` is the graph written by graph.py."""
    encoder = Encoder(teacher, threads)
    found: list[Sample] = []
    for start in range(0, len(samples), _AT_ONCE):
        some = samples[start : start + _AT_ONCE]
        found += _with_answers(some, encoder.run(some))
    return found


def _with_answers(samples: Sequence[Sample], answers: Answers) -> list[Sample]:
    probabilities = np.zeros((len(samples), LABELS), np.float32)
    for number, (task, labels) in enumerate(HEADS.items()):
        probabilities[:, columns_of(task)] = _probabilities(answers.labels[number, :, : len(labels)])
    for row, sample in enumerate(samples):
        for task in FEW_EXAMPLES:  # memorised: the teacher would only repeat the known label
            if sample.targets[columns_of(task)].any():
                probabilities[row, columns_of(task)] = 0.0
    return [
        replace(sample, teacher=TeacherOutput(labels, _probabilities(tags).astype(np.float16)))
        for sample, labels, tags in zip(samples, probabilities, answers.tags, strict=True)
    ]


def _probabilities(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    shares: Floats = raised / raised.sum(-1, keepdims=True)
    return shares


def lower_part(whole: Any, layers: int) -> Any:
    """Initialise a network from the lowest layers, embeddings and heads of a larger one."""
    smaller = network.build(replace(whole.shape, layers=min(layers, whole.shape.layers)))
    held = whole.state_dict()
    smaller.load_state_dict({name: held[name] for name in smaller.state_dict()})
    return smaller
