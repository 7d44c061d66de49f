"""Our own model as assets: real trainings in small, through Dagster; what is worse does not get to serve."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, ExecuteInProcessResult

from alphaads_pipelines.nlp.artifact import SHIPPED, open_artifact
from alphaads_pipelines.nlp.training import quality
from alphaads_pipelines.runtime.in_process import InProcess
from assets.training import NLP_MODEL, SERVED_NLP_MODEL
from resources import names
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.training.excerpt import TINY, save_excerpt
from tests.nlp.training.stated import FIGURES, stated


@pytest.fixture
def training(jobs: InProcess, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The jobs of an installation that trains on an excerpt; a model learns too little there to be calibrated."""
    data = save_excerpt(shared_data, tmp_path / "data")
    jobs.wiring.settings = jobs.wiring.settings.model_copy(update={"nlp_data": data})
    jobs.wiring.__dict__["recipe"] = TINY
    monkeypatch.setattr(quality, "HIGHEST_ERROR", 0.5)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    return jobs


def _serve(jobs: InProcess, version: str, value: float) -> Path:
    models = jobs.wiring.trained_models
    stated(models.path(version), value)
    models.promote(version)
    return models.path(version)


def _run(jobs: InProcess, *assets: str) -> ExecuteInProcessResult:
    definition = jobs.definitions.get_repository_def().get_job(names.TRAINING)
    selection = [AssetKey(each) for each in assets] or None
    return definition.execute_in_process(instance=jobs.instance, raise_on_error=False, asset_selection=selection)


def _made(result: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Metadata of each asset that a run materialised."""
    found = (event.materialization for event in result.get_asset_materialization_events())
    return {
        each.asset_key.to_user_string(): {name: value.value for name, value in each.metadata.items()} for each in found
    }


def _is_picture(markdown: str) -> bool:
    [encoded] = re.findall(r"base64,([^)]+)\)", markdown)
    return base64.b64decode(encoded).startswith(b"\x89PNG")


@NEEDS_TRAINING
def test_a_model_that_is_not_worse_serves_from_then_on(training: InProcess) -> None:
    _serve(training, "old", 0.0)
    result = _run(training)
    assert result.success
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("quality", True)
    made = _made(result)
    version = made[NLP_MODEL]["version"]
    assert made[SERVED_NLP_MODEL] == {
        **{"version": version, "before": "old", "is_overridden": False},
        "path": str(training.wiring.trained_models.path(version)),
    }
    assert training.wiring.trained_models.serving().name == version
    assert open_artifact(training.wiring.trained_models.serving()).manifest.version == version
    better = _serve(training, "better", 0.9)
    alone = _run(training, SERVED_NLP_MODEL)
    assert not alone.success, "the asset that promotes judges too, for it can be run alone"
    [failure] = alone.get_step_failure_events()
    assert "REFUSED: mean of the figures not lower" in str(failure.step_failure_data.error_display_string)
    assert training.wiring.trained_models.serving() == better


@NEEDS_TRAINING
def test_a_worse_model_is_refused_with_its_numbers_and_the_old_one_serves_on(training: InProcess) -> None:
    old = _serve(training, "old", 0.9)
    result = _run(training)
    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("quality", False)
    shown = {name: value.value for name, value in check.metadata.items()}
    assert shown["compared_with"] == "old"
    refused = [line for line in shown["findings"].splitlines() if "**not met**" in line]
    assert len(refused) == len(FIGURES) + 1
    assert all("| 0.9 | **not met** |" in line for line in refused)
    made = _made(result)
    assert set(made) == {NLP_MODEL}, "what the check stops is not run"
    assert training.wiring.trained_models.serving() == old
    metadata = made[NLP_MODEL]
    assert _is_picture(metadata["loss"])
    assert _is_picture(metadata["reliability"])
    assert metadata["figures"].count("\n") == 1 + len(FIGURES)
    assert "| seed | 5 |" in metadata["recipe"]
    assert metadata["steps"] > 5
    assert 1_000_000 < metadata["bytes"] < quality.LARGEST_BYTES


def test_without_the_data_a_run_says_which_setting_names_them(jobs: InProcess) -> None:
    result = _run(jobs)
    [failure] = result.get_step_failure_events()
    assert "NLP_DATA is not set" in str(failure.step_failure_data.error_display_string)
    assert jobs.wiring.trained_models.serving() == SHIPPED


def test_nothing_is_promoted_before_anything_is_trained(jobs: InProcess) -> None:
    [failure] = _run(jobs, SERVED_NLP_MODEL).get_step_failure_events()
    assert "was never materialised" in str(failure.step_failure_data.error_display_string)
