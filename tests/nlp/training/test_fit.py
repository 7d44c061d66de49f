"""Fitting: one that was killed and goes on ends with the very weights of one that was not."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.training import fit as fitting
from alphaads_pipelines.nlp.training.batches import LABELS, Sample, columns_of
from alphaads_pipelines.nlp.training.fit import Schedule, fit
from alphaads_pipelines.nlp.training.network import Shape, build
from tests.nlp.packages import needs

pytestmark = needs("torch")
PIECES = 50
SCHEDULE = Schedule(epochs=2.5, pieces_in_batch=100, rate=1e-3, head_rate=1e-2, seed=3)


class Killed(Exception):
    """Stands for whatever ends a process."""


def _samples(count: int = 40) -> list[Sample]:
    dice = random.Random(11)
    return [_sample(row, dice) for row in range(count)]


def _sample(row: int, dice: random.Random) -> Sample:
    """The label is a matter of the first piece; every third sample is tagged, too."""
    ids = [dice.randrange(PIECES) for _ in range(dice.randrange(3, 12))]
    targets, tags = np.zeros(LABELS, np.float32), None
    for task, labels in HEADS.items():
        targets[columns_of(task).start + ids[0] % len(labels)] = 1.0
    if row % 3 == 0:
        tags = np.zeros((len(ids), len(TAGS)), bool)
        tags[range(len(ids)), [each % len(TAGS) for each in ids]] = True
    return Sample(row, ids, [each % 8 for each in ids], targets, tags)


def _network() -> Any:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    return build(Shape(PIECES, layers=1, hidden=24, attention_heads=2, inner=48, dropout=0.3))


def _fitted(checkpoint: Path, kill_at: int | None = None, schedule: Schedule = SCHEDULE) -> tuple[Any, list[int]]:
    """The network, and the steps that were told."""
    network, told = _network(), []

    def report(step: int, steps: int, loss: float) -> None:
        told.append(step)
        assert 0 < step <= steps
        assert loss > 0
        if step == kill_at:
            raise Killed

    with suppress(Killed):
        fit(network, _samples(), schedule, checkpoint, report)
    return network, told


def _same(one: Any, other: Any) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(bool((this == that).all()) for this, that in pairs)


@pytest.fixture
def saves_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_CHECKPOINT_EVERY_S", -1.0)


@pytest.fixture
def whole(tmp_path: Path) -> Any:
    network, told = _fitted(tmp_path / "whole.pt")
    assert told == list(range(1, told[-1] + 1))
    return network


@pytest.mark.parametrize("kill_at", [[1], [2], [4, 5, 8], [6]], ids=str)
def test_a_killed_fit_goes_on_to_the_same_weights(
    tmp_path: Path, whole: Any, saves_each_step: None, kill_at: list[int]
) -> None:
    first = 1
    for step in kill_at:
        _, told = _fitted(tmp_path / "killed.pt", step)
        assert told == list(range(first, step + 1)), "the step that was killed is done again"
        first = step
    network, told = _fitted(tmp_path / "killed.pt")
    assert told[0] == first
    assert _same(network, whole)


def test_a_finished_fit_has_nothing_left_to_do(tmp_path: Path, whole: Any) -> None:
    network, told = _fitted(tmp_path / "whole.pt")
    assert told == []
    assert _same(network, whole)


def test_another_seed_makes_other_weights(tmp_path: Path, whole: Any) -> None:
    other, _ = _fitted(tmp_path / "other.pt", schedule=Schedule(epochs=2.5, pieces_in_batch=100, seed=4))
    assert not _same(other, whole)


def test_it_learns_what_the_samples_say(tmp_path: Path) -> None:
    losses: list[float] = []
    schedule = Schedule(epochs=40, pieces_in_batch=100, rate=1e-3, head_rate=1e-2)
    fit(_network(), _samples(), schedule, tmp_path / "c.pt", lambda _, __, loss: losses.append(loss))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("damage", ["cut", "empty", "another network"])
def test_a_checkpoint_that_does_not_fit_is_named(tmp_path: Path, whole: Any, damage: str) -> None:
    import torch

    path = tmp_path / "whole.pt"
    if damage == "another network":
        state = torch.load(path, weights_only=True)
        state["network"].pop("tagger.bias")
        torch.save(state, path)
    else:
        path.write_bytes(path.read_bytes()[:1_000] if damage == "cut" else b"")
    with pytest.raises(MissingArtifact, match=r"whole.pt cannot be gone on from .*delete it"):
        _fitted(path)
