"""Which model serves: the promoted one, the one before it after a rollback, the shipped one at last."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphaads_pipelines.errors import MissingArtifact, NotFound
from alphaads_pipelines.nlp.artifact import MODEL, SHIPPED
from alphaads_pipelines.nlp.trained_models import TrainedModels
from tests.nlp.training.stated import stated


@pytest.fixture
def models(tmp_path: Path) -> TrainedModels:
    found = TrainedModels(tmp_path / "models")
    for version in ("a", "b", "c"):
        stated(found.path(version))
    return found


def test_the_shipped_model_serves_until_another_is_promoted(models: TrainedModels, tmp_path: Path) -> None:
    assert TrainedModels(tmp_path / "nothing" / "here").serving() == SHIPPED
    assert models.serving() == SHIPPED
    models.promote("b")
    assert models.serving() == models.path("b")


def test_another_process_sees_what_was_promoted(models: TrainedModels) -> None:
    elsewhere = TrainedModels(models.folder)
    models.promote("a")
    assert elsewhere.serving() == models.path("a")
    elsewhere.promote("c")
    assert models.serving() == models.path("c")


def test_rolling_back_goes_the_way_back_to_the_shipped_model(models: TrainedModels) -> None:
    for version in ("a", "b", "b", "c"):
        models.promote(version)
    assert [models.roll_back() for _ in range(4)] == [models.path("b"), models.path("a"), SHIPPED, SHIPPED]


def test_what_was_never_trained_is_not_promoted(models: TrainedModels) -> None:
    models.promote("a")
    for version in ("z", "current", "..", "../models/b", ""):
        with pytest.raises(NotFound, match=r"there are: a, b, c$"):
            models.promote(version)
    assert models.serving() == models.path("a")


def test_a_damaged_model_is_not_promoted(models: TrainedModels) -> None:
    (models.path("b") / MODEL).write_bytes(b"cut")
    with pytest.raises(MissingArtifact, match="alphaads train nlp"):
        models.promote("b")
    assert models.serving() == SHIPPED


def test_the_pointer_is_replaced_whole(models: TrainedModels) -> None:
    for number in range(60):
        models.promote("ab"[number % 2])
    files = sorted(path.name for path in models.folder.iterdir() if path.is_file())
    assert files == ["current"]
    assert len((models.folder / "current").read_text().split()) == 20
