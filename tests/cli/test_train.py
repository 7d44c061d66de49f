"""`alphaads train`: a real training in small, again after it, and who serves then."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from alphaads_pipelines.cli.train import _recipe
from alphaads_pipelines.nlp.artifact import CARD, SHIPPED, TOKENIZER, open_artifact
from alphaads_pipelines.nlp.training import quality, run_directory
from alphaads_pipelines.nlp.training.run_directory import Made
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.models import serving_model, trained_models
from tests.cli.conftest import Command
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.training.excerpt import TINY, save_excerpt
from tests.nlp.training.stated import FIGURES, stated

TINY_OPTIONS = ("--epochs", "1", "--seed", "5", "--layers", "0", "--examples", "240", "--threads", "1")


@pytest.fixture(autouse=True)
def openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets this for its process, which is that of all tests."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture
def data(shared_data: Path, tmp_path: Path) -> Path:
    return save_excerpt(shared_data, tmp_path / "data")


@pytest.fixture
def serve(settings: Settings) -> Callable[[str, float], Path]:
    """Let a model serve that states one value for every figure."""

    def promoted(version: str, value: float) -> Path:
        models = trained_models(settings)
        stated(models.path(version), value)
        models.promote(version)
        return models.path(version)

    return promoted


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model learns too little from an excerpt to be calibrated."""
    monkeypatch.setattr(quality, "HIGHEST_ERROR", 0.5)


@NEEDS_TRAINING
def test_a_model_is_trained_and_serves_and_one_that_is_worse_than_the_next_is_refused(
    command: Command, data: Path, settings: Settings, serve: Callable[[str, float], Path], loose: None
) -> None:
    serve("old", 0.0)
    done = command("train", "nlp", "--data", data, *TINY_OPTIONS)
    assert done.exit_code == 0, done.output
    version = serving_model(settings).name
    assert version != "old"
    assert f"{version} lies in {serving_model(settings)}" in done.stdout
    assert f"the model in {serving_model(settings)} serves" in done.stdout
    assert "compared with old:" in done.stdout
    assert re.search(r"^sentiment +TweetEval sentiment +macro recall +90 +\d+\.\d", done.stdout, re.MULTILINE)
    assert re.search(r"^ +ok: irony: TweetEval irony, F1 of ironic .* against 0\.0000$", done.stdout, re.MULTILINE)
    stages = ["reading", "fitting", "teaching", "writing", "calibrating"]
    told = done.stderr.splitlines()
    assert [line for line in told if not line.startswith("step ")] == stages
    assert re.fullmatch(r"step (\d+) of \1, loss \d+\.\d{3}", told[-3])

    better = serve("better", 0.9)
    again = command("train", "nlp", "--data", data, *TINY_OPTIONS, "--json")
    assert again.exit_code == 1
    said = orjson.loads(again.stdout)
    assert (said["version"], said["compared_with"]) == (version, "better"), "the same recipe made the same model"
    assert (said["passed"], said["promoted"]) == (False, False)
    assert len(said["figures"]) == len(FIGURES)
    assert len([each for each in said["findings"] if not each["passed"]]) == len(FIGURES) + 1
    assert serving_model(settings) == better
    assert "going on from the checkpoint" not in again.stderr, "a training that was finished begins anew"


@pytest.mark.parametrize("option", ["--output", "--no-promote"])
def test_a_model_that_is_only_made_is_judged_and_does_not_serve(
    command: Command,
    settings: Settings,
    serve: Callable[[str, float], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
) -> None:
    old = serve("old", 0.7)
    made = stated(tmp_path / "workshop" / "new", 0.8)
    for name in (TOKENIZER, CARD):
        (made.path / name).touch()
    monkeypatch.setattr(run_directory, "make", lambda *_: Made(made, [], [(1, 2.0)]))
    given = (option, tmp_path / "mine") if option == "--output" else (option,)
    done = command("train", "nlp", "--data", tmp_path, *given, "--json")
    assert done.exit_code == 0, done.output
    said = orjson.loads(done.stdout)
    folder = tmp_path / "mine" if option == "--output" else settings.models_path / "new"
    assert (said["passed"], said["promoted"], said["path"]) == (True, False, str(folder))
    assert open_artifact(folder).manifest.version == "new"
    assert serving_model(settings) == old


def test_the_options_make_the_recipe() -> None:
    assert _recipe(1.0, 5, "0", 240, 1) == TINY
    assert _recipe(None, None, " 0, 2,5", 0, 0).layers == (0, 2, 5)


@pytest.mark.parametrize(("given", "set_to"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_of_torch_sleep_while_they_wait_unless_a_user_says_otherwise(
    command: Command, monkeypatch: pytest.MonkeyPatch, given: str | None, set_to: str
) -> None:
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    else:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    command("train", "nlp")
    assert os.environ["OMP_WAIT_POLICY"] == set_to


def test_promote_lets_a_model_serve_that_is_not_worse(
    command: Command, settings: Settings, serve: Callable[[str, float], Path]
) -> None:
    serve("old", 0.7)
    for version, value in (("worse", 0.6), ("same", 0.7)):
        stated(settings.models_path / version, value)
    refused = command("train", "promote", "worse")
    assert refused.exit_code == 1
    assert "REFUSED: mean of the figures not lower, 0.6000 against 0.7000" in refused.stdout
    assert "refused: worse" in refused.stderr
    assert serving_model(settings).name == "old"
    assert command("train", "promote", "same").exit_code == 0
    assert serving_model(settings).name == "same"
    forced = command("train", "promote", "worse", "--force")
    assert forced.exit_code == 0
    assert f"the model in {settings.models_path / 'worse'} serves" in forced.stdout
    assert serving_model(settings).name == "worse"


def test_rollback_goes_back_to_the_model_before_and_at_last_to_the_shipped_one(
    command: Command, settings: Settings, serve: Callable[[str, float], Path]
) -> None:
    serve("first", 0.7)
    serve("second", 0.7)
    for serves in (settings.models_path / "first", SHIPPED, SHIPPED):
        done = command("train", "rollback")
        assert (done.exit_code, done.stdout) == (0, f"the model in {serves} serves\n")


def test_a_setting_that_overrules_what_is_promoted_is_told(
    command: Command, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = stated(tmp_path / "own")
    stated(settings.models_path / "new", 0.8)
    monkeypatch.setenv("NLP_ARTIFACT", str(own.path))
    done = command("train", "promote", "new")
    assert done.exit_code == 0
    assert "compared with own:" in done.stdout
    assert f"the model in {own.path} serves" in done.stdout
    assert "NLP_ARTIFACT says so" in done.stderr
    assert trained_models(settings).serving().name == "new"


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("nlp",), 2, "--data or NLP_DATA"),
    (("nlp", "--data", "nowhere"), 2, "nowhere is no folder"),
    (("nlp", "--data", "DATA", "--layers", "0,6"), 2, "--layers: numbers from 0 to 5"),
    (("nlp", "--data", "DATA", "--layers", ""), 2, "--layers: numbers from 0 to 5"),
    (("promote", "z"), 1, "there is no trained model of that version; there are: none"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), WRONG, ids=lambda each: str(each))
def test_what_cannot_be_done_is_one_line(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = command("train", *(tmp_path / "empty" if each == "DATA" else each for each in arguments))
    assert (done.exit_code, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert told in line


@NEEDS_TRAINING
def test_a_missing_dataset_is_named_and_nothing_is_left_behind(
    command: Command, data: Path, settings: Settings
) -> None:
    (data / "goemotions" / "ekman" / "train.tsv").unlink()
    done = command("train", "nlp", "--data", data, *TINY_OPTIONS)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "goemotions/ekman/train.tsv is missing; docs/models.md" in done.stderr
    assert not settings.training_path.exists()
