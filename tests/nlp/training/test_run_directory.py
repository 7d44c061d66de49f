"""Real trainings on an excerpt of the real data: what comes out, again and after a kill, and what stops them."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alphaads_pipelines.errors import InvalidRequest, MissingArtifact, WriteConflict
from alphaads_pipelines.nlp.artifact import CARD, MANIFEST, MODEL, TOKENIZER, Artifact
from alphaads_pipelines.nlp.base import Options
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.neural import NeuralScorer
from alphaads_pipelines.nlp.training import fit, recipe
from alphaads_pipelines.nlp.training.recipe import Recipe
from alphaads_pipelines.nlp.training.run_directory import Made, make
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.training.excerpt import TINY, save_excerpt
from tests.nlp.training.stated import FIGURES

pytestmark = [NEEDS_TRAINING, pytest.mark.slow]
KILLED_AT = 3


class Killed(Exception):
    """Stands for whatever ends a process."""


class Progress:
    """What a training told; it is killed at a step."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.steps: list[int] = []
        self.stages: list[str] = []
        self._kill_at = kill_at

    def report(self, step: int, steps: int, loss: float) -> None:
        self.steps.append(step)
        if step == self._kill_at:
            raise Killed

    def make(self, data: Path, workshop: Path, recipe: Recipe = TINY) -> Made:
        return make(data, workshop, recipe, self.report, self.stages.append)


@pytest.fixture(scope="session")
def data(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_excerpt(shared_data, tmp_path_factory.mktemp("excerpt"))


@pytest.fixture(scope="session")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Artifact]:
    """A model, and where it was handed over to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    progress = Progress()
    made = progress.make(data, folder / "workshop")
    assert progress.stages == ["reading", "fitting", "teaching", "writing", "calibrating"]
    assert progress.steps == [step for step, _ in made.losses] == list(range(1, len(made.losses) + 1))
    artifact = made.hand_over(folder / "model")
    assert list((folder / "workshop").iterdir()) == [], "nothing is left of it that another training would find"
    return made, artifact


def test_a_model_is_made_that_loads_and_scores(undisturbed: tuple[Made, Artifact]) -> None:
    made, artifact = undisturbed
    assert sorted(path.name for path in artifact.path.iterdir()) == sorted([CARD, MANIFEST, MODEL, TOKENIZER])
    scorer = NeuralScorer(Options(artifact=artifact.path, threads=1))
    assert scorer.model.version == artifact.manifest.version
    [english, spanish] = scorer.score(["I love this phone, thank you!", "Me encanta, gracias por todo"])
    for task in ("sentiment", "emotion", "tweet_emotion", "intent", "offensive"):
        assert tuple(getattr(english, task).probs) == HEADS[task]
        assert getattr(spanish, task) is None
    assert english.entities is not None
    assert set(scorer.reliability()) == set(HEADS)
    assert [each.split for each in made.figures] == ["validation"] * len(FIGURES)


def test_its_manifest_says_how_it_was_made_and_what_it_reaches(undisturbed: tuple[Made, Artifact]) -> None:
    manifest = undisturbed[1].manifest
    assert set(manifest.validation) == set(FIGURES)
    assert any(value > 0 for value in manifest.validation.values())
    told = manifest.recipe
    assert (told["seed"], told["layers"], told["examples"], told["epochs"]) == (5, "0", 240, 1.0)
    assert len(str(told["data"])) == 12


def test_its_card_holds_data_licences_seed_figures_and_limits(undisturbed: tuple[Made, Artifact]) -> None:
    made, artifact = undisturbed
    card = (artifact.path / CARD).read_text(encoding="utf-8")
    assert f"# Model card: alphaads-posts {artifact.manifest.version}" in card
    assert "seed 5" in card
    assert "One encoder of 1 layer" in card
    for part in ("## Data", "## Figures", "## Limits", "Apache-2.0", "CC BY 4.0", "CC BY 3.0", "weak", "**Not for**"):
        assert part in card, part
    for figure in made.figures:
        assert figure.told is not None
        row = f"| {figure.task} | {figure.data} | {figure.measure} | {figure.cases:,} | {100 * figure.told:.1f} |"
        assert row in card
    for task, reliability in artifact.manifest.reliability.items():
        assert f"| {task} | {reliability.ece:.3f} |" in card


def test_a_killed_training_goes_on_to_the_same_model(
    data: Path, tmp_path: Path, undisturbed: tuple[Made, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed), monkeypatch.context() as patch:
        patch.setattr(fit, "_CHECKPOINT_EVERY_S", -1.0)
        Progress(KILLED_AT).make(data, tmp_path)
    other = Progress(1)
    with pytest.raises(Killed):
        other.make(data, tmp_path, replace(TINY, schedule=replace(TINY.schedule, seed=6)))
    assert other.steps == [1], "another recipe does not take over the checkpoint"
    assert len(list(tmp_path.iterdir())) == 2
    again = Progress()
    made = again.make(data, tmp_path)
    assert again.steps[0] == KILLED_AT
    assert "going on from the checkpoint" in again.stages
    whole, artifact = undisturbed
    assert made.artifact.manifest == artifact.manifest
    assert made.losses == whole.losses, "the curve has no gap"


def test_a_training_that_is_at_work_is_left_alone(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        Progress(1).make(data, tmp_path)
    [work] = tmp_path.iterdir()
    with (work / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(WriteConflict, match="in another process"):
            Progress().make(data, tmp_path)


@pytest.mark.parametrize("name", ["tweeteval/irony/val_labels.txt", "wnut17/emerging.dev.conll"])
def test_a_missing_file_of_the_validation_data_is_told_before_the_fit(data: Path, tmp_path: Path, name: str) -> None:
    moved = (data / name).rename(tmp_path / "aside")
    progress = Progress()
    try:
        with pytest.raises(InvalidRequest, match=f"{name} is missing; docs/models.md"):
            progress.make(data, tmp_path / "workshop")
    finally:
        moved.rename(data / name)
    assert progress.steps == []


def test_a_missing_package_names_the_command_that_installs_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = recipe.find_spec

    def without_onnx(name: str) -> Any:
        return None if name == "onnx" else found(name)

    monkeypatch.setattr(recipe, "find_spec", without_onnx)
    with pytest.raises(MissingArtifact, match="training needs onnx; run `make install-models`"):
        Progress().make(data, tmp_path)
