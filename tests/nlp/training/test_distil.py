"""Distillation: what a smaller network is told, where it begins, and that it comes to say what its teacher says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.nlp.encoder import Encoder
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.training.batches import LABELS, Sample, as_tensors, batches_of, columns_of
from alphaads_pipelines.nlp.training.distil import lower_part, with_teacher
from alphaads_pipelines.nlp.training.fit import Schedule, fit
from alphaads_pipelines.nlp.training.graph import GraphWriter, observed_ranges
from alphaads_pipelines.nlp.training.network import Shape, build
from tests.nlp.packages import NEEDS_TRAINING

pytestmark = NEEDS_TRAINING
PIECES = 60


def _samples(count: int, known: str | None = None) -> list[Sample]:
    chance = np.random.default_rng(7)
    samples = []
    for row in range(count):
        ids = [int(each) for each in chance.integers(5, PIECES, int(chance.integers(3, 9)))]
        targets = np.zeros(LABELS, np.float32)
        if known is not None:
            targets[columns_of(known).start] = 1.0
        samples.append(Sample(row, ids, [each % 8 for each in ids], targets, None))
    return samples


@pytest.fixture(scope="module")
def whole() -> Any:
    import torch

    torch.manual_seed(3)
    model = build(Shape(PIECES, layers=2, hidden=48, attention_heads=4, inner=96, dropout=0.0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    return model


@pytest.fixture(scope="module")
def teacher(whole: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "model.onnx"
    ranges = observed_ranges(whole, (as_tensors(batch) for batch in batches_of(_samples(64), 256, 1)))
    weights = {name: value.detach().numpy() for name, value in whole.state_dict().items()}
    GraphWriter(weights, ranges, whole.shape.attention_heads).write(path)
    return path


def test_each_sample_gets_its_own_answers_in_order(teacher: Path) -> None:
    samples = _samples(40)
    told = with_teacher(samples, teacher, threads=1)
    assert [each.row for each in told] == [each.row for each in samples]
    for sample, each in zip(samples, told, strict=True):
        alone = Encoder(teacher, 1).run([sample])
        assert each.teacher is not None
        assert each.teacher.tags.shape == (len(sample.ids), len(TAGS))
        for number, (task, labels) in enumerate(HEADS.items()):
            said = each.teacher.labels[columns_of(task)]
            assert said.sum() == pytest.approx(1.0, abs=1e-5)
            assert said.argmax() == alone.labels[number, 0, : len(labels)].argmax()
        assert np.allclose(each.teacher.tags.astype(np.float32).sum(-1), 1.0, atol=5e-3)


def test_what_it_learned_by_heart_is_not_told(teacher: Path) -> None:
    [sentiment] = with_teacher(_samples(1, "sentiment"), teacher, threads=1)
    [irony] = with_teacher(_samples(1, "irony"), teacher, threads=1)
    assert sentiment.teacher is not None and irony.teacher is not None
    assert sentiment.teacher.labels[columns_of("sentiment")].any()
    assert sentiment.teacher.labels[columns_of("irony")].any()
    assert not irony.teacher.labels[columns_of("irony")].any()


def test_it_begins_as_the_lowest_layers(whole: Any) -> None:
    smaller = lower_part(whole, 1)
    held, kept = whole.state_dict(), smaller.state_dict()
    assert smaller.shape.layers == 1
    assert all(bool((held[name] == value).all()) for name, value in kept.items())
    assert {name for name in held if name not in kept} == {name for name in held if name.startswith("layers.1.")}
    assert lower_part(whole, 5).shape.layers == whole.shape.layers


def test_a_smaller_network_comes_to_say_what_its_teacher_says(whole: Any, teacher: Path, tmp_path: Path) -> None:
    told, smaller = with_teacher(_samples(300), teacher, threads=1), lower_part(whole, 1)
    before = _agreement(smaller, told)
    fit(smaller, told, Schedule(epochs=12, rate=2e-3, head_rate=2e-3, seed=1), tmp_path / "c.pt", lambda *_: None)
    after = _agreement(smaller, told)
    assert after > before + 0.1, (before, after)


def _agreement(model: Any, told: list[Sample]) -> float:
    """Share of heads and samples of which both say the same."""
    same = []
    for batch in batches_of(told, 4096, 1):
        tensors = as_tensors(batch)
        labels, _ = model.eval()(tensors["ids"], tensors["shapes"], tensors["mask"])
        for task in HEADS:
            columns = columns_of(task)
            same.append(
                (labels[:, columns].argmax(1) == tensors["teacher_labels"][:, columns].argmax(1)).float().mean()
            )
    return float(sum(same) / len(same))
