"""A promoted model through the whole pipeline: a warm process takes it up with its next batch, and no other one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import typer
from msgspec.structs import replace

from alphaads_pipelines.cli.score import _scorer as scorer_of_the_command
from alphaads_pipelines.cli.train import promote as promote_by_command
from alphaads_pipelines.nlp.artifact import MODEL, Calibration, Manifest, open_artifact, write_manifest
from alphaads_pipelines.nlp.reliability import Reliability
from alphaads_pipelines.nlp.serving import ServingScorer
from alphaads_pipelines.nlp.trained_models import TrainedModels
from alphaads_pipelines.pipeline import microbatch
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.schema.tables import POST_SCORES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.tiny_artifact import save_artifact
from tests.pipeline.scorers import DisturbedScorer, HashScorer

pytestmark = NEEDS_TRAINING
FLAT = 50.0
"""A temperature that makes every label about as probable."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"scorer_tier": "neural", "scorer_threads": 1})


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with random weights."""
    return save_artifact(tmp_path_factory.mktemp("network"))


Train = Callable[[str, float, float], TrainedModels]


@pytest.fixture
def train(wiring: Wiring, network: Path) -> Train:
    """A version of the same network with a temperature of its own, and what it states to reach."""

    def trained(version: str, temperature: float, reached: float) -> TrainedModels:
        folder = wiring.trained_models.path(version)
        shutil.copytree(network, folder)
        write_manifest(folder, _changed(open_artifact(folder).manifest, version, temperature, reached))
        return wiring.trained_models

    return trained


def _changed(manifest: Manifest, version: str, temperature: float, reached: float) -> Manifest:
    return replace(
        manifest,
        version=version,
        calibration={task: Calibration(temperature, each.bias) for task, each in manifest.calibration.items()},
        validation={"sentiment": reached},
        reliability=dict.fromkeys(manifest.heads, Reliability((), 0.0, 0)),
    )


def _batch(wiring: Wiring, name: str) -> tuple[set[str], float]:
    """Versions and highest confidence in the scores of the batch that a few posts make."""
    posts = [
        {"id": f"{name}{number}", "platform": "generic", "author_id": f"a{number}", "author_name": "A"}
        | {"text": f"I love this phone, what a great day number {number}", "created_at": "2026-11-24T10:00:00+00:00"}
        for number in range(4)
    ]
    wiring.intake.take("generic", posts, "c")
    run_until_idle(wiring)
    [batch] = wiring.ledger.batches(limit=1)
    scores = wiring.lake.read_slice(POST_SCORES, batch.slice)
    highest = scores.select(pl.max_horizontal("sentiment_negative", "sentiment_neutral", "sentiment_positive")).max()
    return set(scores["model_version"]), highest.item()


def test_the_next_batch_is_scored_by_the_promoted_model(jobs: InProcess, train: Train) -> None:
    wiring = jobs.wiring
    train("sharp", 0.2, 0.7).promote("sharp")
    versions, confidence = _batch(wiring, "p")
    assert versions == {"sharp"}
    with wired(wiring.settings) as elsewhere:
        train("flat", FLAT, 0.7)
        elsewhere.trained_models.promote("flat")
    versions, after = _batch(wiring, "q")
    assert versions == {"flat"}
    assert after < 0.36 < confidence, "it is that model that scores, and no cached score of the other"
    assert wiring.scorer.model.version == "flat"
    wiring.trained_models.roll_back()
    assert _batch(wiring, "r") == ({"sharp"}, pytest.approx(confidence, abs=1e-6))


def test_a_batch_has_one_model_though_another_is_promoted_while_it_is_scored(
    jobs: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = ["first"]
    monkeypatch.setattr(microbatch, "SCORED_AT_ONCE", 1)

    def build(path: Path) -> DisturbedScorer:
        return DisturbedScorer(HashScorer(path.name), lambda: serving.append("second"))

    jobs.wiring.__dict__["scorer"] = ServingScorer(build, lambda: Path(serving[-1]))
    assert _batch(jobs.wiring, "p")[0] == {"first"}
    assert _batch(jobs.wiring, "q")[0] == {"second"}


def test_a_refused_model_scores_nothing(
    jobs: InProcess, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("old", 1.0, 0.7).promote("old")
    assert _batch(jobs.wiring, "p")[0] == {"old"}
    train("worse", FLAT, 0.6)
    for name, value in jobs.wiring.settings.process_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(typer.Exit):
        promote_by_command("worse")
    assert _batch(jobs.wiring, "q")[0] == {"old"}


def test_a_model_that_is_damaged_after_its_promotion_leaves_the_one_before(jobs: InProcess, train: Train) -> None:
    train("old", 1.0, 0.7).promote("old")
    assert _batch(jobs.wiring, "p")[0] == {"old"}
    models = train("cut", 1.0, 0.7)
    models.promote("cut")
    (models.path("cut") / MODEL).write_bytes(b"cut")
    assert _batch(jobs.wiring, "q")[0] == {"old"}


def test_the_command_scores_by_the_promoted_model_unless_a_folder_is_named(
    jobs: InProcess, train: Train, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("mine", 1.0, 0.7).promote("mine")
    for name, value in jobs.wiring.settings.process_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert scorer_of_the_command(None).model.version == "mine"
    assert scorer_of_the_command(None, artifact=network).model.version == open_artifact(network).manifest.version


def test_a_folder_in_the_settings_overrules_what_is_promoted(settings: Settings, train: Train, network: Path) -> None:
    train("mine", 1.0, 0.7).promote("mine")
    with wired(settings.model_copy(update={"nlp_artifact": network})) as overruled:
        assert overruled.scorer.model.version == open_artifact(network).manifest.version
        assert overruled.scorer.current() is overruled.scorer
