"""The checks of the models, through Dagster, over a lake that real batches filled."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity
from prometheus_client import generate_latest

from alphaads_pipelines.nlp.base import Label, Model, Options, Score, Scorer
from alphaads_pipelines.nlp.drift import DOCUMENT
from alphaads_pipelines.nlp.reliability import Bin, Reliability
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.runtime.metrics import registry
from alphaads_pipelines.schema.tables import EMOTIONS, SENTIMENTS
from alphaads_pipelines.stores.sql.documents import publish_document
from resources import names

NOON = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
DAY_BEFORE = NOON - timedelta(days=1)


class LiteralScorer(Scorer):
    """Says what the text says: `joy positive`."""

    tier = "literal"

    def __init__(self, options: Options = Options(), version: str = "1", **tasks: Reliability) -> None:
        self._version, self._tasks = version, tasks

    @property
    def model(self) -> Model:
        return Model("literal", self._version)

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [self._score(*text.split()) for text in texts]

    def reliability(self) -> Mapping[str, Reliability]:
        return self._tasks

    def _score(self, emotion: str, sentiment: str) -> Score:
        said = [Label(each, {n: float(n == each) for n in names}) for each, names in _fields(emotion, sentiment)]
        return Score("en", 0.9, said[1], said[0], None, None, None, None, {})


def _fields(emotion: str, sentiment: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(emotion, EMOTIONS), (sentiment, SENTIMENTS)]


def _publish(jobs: InProcess, hour: datetime, joyful: int, angry: int) -> None:
    """Posts of one hour, published; sentiment is the same whatever the emotion."""
    emotions = ["joy"] * joyful + ["anger"] * angry
    posts = [
        {"id": f"{hour:%d%H}-{place}", "platform": "generic", "author_id": f"a{place % 40}", "author_name": "A"}
        | {"text": f"{emotion} {'positive' if place % 2 else 'negative'}", "created_at": hour.isoformat()}
        for place, emotion in enumerate(emotions)
    ]
    jobs.wiring.intake.take("generic", posts, "c" * 32)
    run_until_idle(jobs.wiring)


def _checks(jobs: InProcess) -> dict[str, AssetCheckEvaluation]:
    definition = jobs.definitions.get_repository_def().get_job(names.MODEL_WATCH)
    result = definition.execute_in_process(instance=jobs.instance)
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def _shown(check: AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in check.metadata.items()}


def _is_picture(markdown: str) -> bool:
    [encoded] = re.findall(r"base64,([^)]+)\)", markdown)
    return base64.b64decode(encoded).startswith(b"\x89PNG")


def _ratios(jobs: InProcess) -> dict[str, float]:
    page = generate_latest(registry(jobs.wiring)).decode()
    found = re.findall(r'^alphaads_label_drift_ratio\{task="(\w+)"\} (\S+)$', page, re.MULTILINE)
    return {task: float(value) for task, value in found}


@pytest.fixture
def literal(jobs: InProcess) -> InProcess:
    jobs.wiring.__dict__["scorer"] = LiteralScorer()
    jobs.wiring.settings.multiprocess_metrics_path.mkdir(parents=True)
    return jobs


def test_planted_drift_warns_names_the_hour_and_moves_the_metric(literal: InProcess) -> None:
    _publish(literal, DAY_BEFORE, joyful=300, angry=100)
    _publish(literal, NOON - timedelta(hours=1), joyful=300, angry=100)
    _publish(literal, NOON, joyful=100, angry=300)
    drift = _checks(literal)["drift"]
    assert (drift.passed, drift.severity) == (False, AssetCheckSeverity.WARN)
    assert drift.asset_key.to_user_string() == "post_scores"
    shown = _shown(drift)
    assert _is_picture(shown["plot"])
    rows = [line for line in shown["drifted"].splitlines() if f"| {NOON:%Y-%m-%d %H:%M} |" in line]
    assert len(rows) == 1
    assert re.search(r"^\| emotion \|.*\| 400 \| 400 \|.*anger 25.0% → 75.0% \| literal 1 \|$", rows[0])
    assert shown["not_judged"] > 0, "eleven o'clock has nothing to be compared with"
    ratios = _ratios(literal)
    assert ratios["emotion"] > 1
    assert ratios["sentiment"] < 1


def test_an_unchanged_stream_passes(literal: InProcess) -> None:
    _publish(literal, DAY_BEFORE, joyful=300, angry=100)
    _publish(literal, NOON, joyful=290, angry=110)
    drift = _checks(literal)["drift"]
    assert drift.passed
    shown = _shown(drift)
    assert shown["judged"] == 4, "two tasks, each by the hour and by the day; one language cannot move"
    assert "drifted" not in shown
    assert all(0 <= ratio < 1 for ratio in _ratios(literal).values())


def test_a_change_of_the_model_is_reported_and_passes(literal: InProcess) -> None:
    _publish(literal, DAY_BEFORE, joyful=300, angry=100)
    literal.wiring.__dict__["scorer"] = LiteralScorer(version="2")
    _publish(literal, NOON, joyful=100, angry=300)
    drift = _checks(literal)["drift"]
    assert drift.passed
    assert f"| {NOON:%Y-%m-%d %H:%M} | literal 1 | literal 2 |" in _shown(drift)["model_changes"]


def test_an_empty_installation_passes_and_says_that_nothing_was_judged(literal: InProcess) -> None:
    checks = _checks(literal)
    assert checks["drift"].passed
    assert (_shown(checks["drift"])["judged"], _ratios(literal)) == (0, {})


def test_a_finding_that_nobody_keeps_up_is_left_out_of_the_metrics(literal: InProcess) -> None:
    now = datetime.now(UTC)
    for age, ratios in ((timedelta(hours=2), {"emotion": 1.5}), (timedelta(hours=4), {})):
        told = {"ratios": {"emotion": 1.5}, "judged_at": (now - age).isoformat()}
        publish_document(literal.wiring.engine, DOCUMENT, told, now)
        assert _ratios(literal) == ratios


@pytest.mark.parametrize(("error", "passed"), [(0.05, True), (0.051, False)])
def test_calibration_is_that_of_the_scorer_in_use(literal: InProcess, error: float, passed: bool) -> None:
    good, asked = Reliability((Bin(9, 0.9, 0.91),), 0.01, 9), Reliability((Bin(9, 0.9, 0.8),), error, 9)
    literal.wiring.__dict__["scorer"] = LiteralScorer(sentiment=good, emotion=asked)
    calibration = _checks(literal)["calibration"]
    assert calibration.passed is passed
    shown = _shown(calibration)
    assert _is_picture(shown["plot"])
    assert f"| emotion | {error:.3f} | 0.100 | 9 |" in shown["calibration"]
    assert shown["model"] == "literal 1"


def test_a_tier_without_figures_passes_and_says_so(literal: InProcess) -> None:
    calibration = _checks(literal)["calibration"]
    assert calibration.passed
    assert _shown(calibration)["calibration"] == "not stated"
