"""The quality check: what it demands of a new model, and the numbers that it tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alphaads_pipelines.nlp.artifact import MODEL
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.training.quality import LARGEST_BYTES, judge
from tests.nlp.training.stated import FIGURES, stated

WITHOUT_IRONY = {task: labels for task, labels in HEADS.items() if task != "irony"}
ACCEPTED: list[dict[str, Any]] = [
    {},
    {"value": 0.71},
    {"sentiment": 0.69, "irony": 0.71},
    {"error": 0.05},
    {"sentiment": 0.6900000001, "irony": 0.7099999999},
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"sentiment": 0.6899, "irony": 0.9},
        "sentiment: TweetEval sentiment, macro recall at most 0.01 lower, 0.6899 agai",
    ),
    ({"value": 0.695}, "mean of the figures not lower, 0.6950 against 0.7000"),
    ({"value": 0.8, "intent": None}, "intent: weak labels (docs/models.md), macro F1 at most 0.01 lower, 0.7000"),
    ({"value": 0.8, "error": 0.0501}, "calibration error of offensive at most 0.05, 0.0501"),
    ({"value": 0.8, "size": LARGEST_BYTES}, "at most 40,000,000 bytes, 40,00"),
    ({"value": 0.8, "heads": WITHOUT_IRONY}, "the same heads and tags"),
]


@pytest.mark.parametrize("changes", ACCEPTED, ids=str)
def test_a_model_that_is_not_worse_may_serve(tmp_path: Path, changes: dict[str, Any]) -> None:
    stated(tmp_path / "old")
    verdict = judge(stated(tmp_path / "new", **changes), tmp_path / "old")
    assert (verdict.passed, verdict.refusals) == (True, [])
    assert (verdict.candidate, verdict.serving) == ("new", "old")


@pytest.mark.parametrize(("changes", "told"), REFUSED, ids=lambda each: str(each)[:40])
def test_a_worse_model_is_refused_with_its_numbers(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    stated(tmp_path / "old")
    verdict = judge(stated(tmp_path / "new", **changes), tmp_path / "old")
    assert not verdict.passed
    assert any(line.startswith(f"REFUSED: {told}") for line in verdict.refusals), verdict.refusals


def test_every_demand_is_a_line_with_its_numbers(tmp_path: Path) -> None:
    stated(tmp_path / "old")
    lines = [str(each) for each in judge(stated(tmp_path / "new", 0.71), tmp_path / "old").findings]
    assert len(lines) == 1 + len(HEADS) + 1 + len(FIGURES) + 1
    assert [line for line in lines if not re.search(r"\d", line)] == ["ok: the same heads and tags"]
    for name in FIGURES:
        assert f"ok: {name} at most 0.01 lower, 0.7100 against 0.7000" in lines


def test_a_figure_that_the_old_model_was_not_measured_by_is_not_compared(tmp_path: Path) -> None:
    stated(tmp_path / "old", irony=None)
    assert judge(stated(tmp_path / "new", irony=0.1), tmp_path / "old").passed


@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "damaged"])
def test_without_a_model_that_serves_only_the_limits_count(tmp_path: Path, is_there: bool) -> None:
    if is_there:
        stated(tmp_path / "old", 0.99)
        (tmp_path / "old" / MODEL).write_bytes(b"cut")
    verdict = judge(stated(tmp_path / "new", 0.1), tmp_path / "old")
    assert (verdict.passed, verdict.serving) == (True, None)
    assert not judge(stated(tmp_path / "loose", error=0.2), tmp_path / "old").passed
