"""Pictures: PNGs of a readable size that show what they are given."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest

from alphaads_pipelines.nlp.drift import Drift, Judgement, ModelChange
from alphaads_pipelines.nlp.plots import drift_plot_png, emotion_plot_png, loss_plot_png, reliability_plot_png
from alphaads_pipelines.nlp.reliability import Bin, Reliability

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CARD = Reliability((Bin(4, 0.4, 0.5), Bin(96, 0.9, 0.8)), 0.1, 100)
TASKS = ("sentiment", "emotion", "tweet_emotion", "intent", "offensive", "irony")


def _size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _drift(*tasks: str, psi: float = 0.01) -> Drift:
    hours = [NOON + timedelta(hours=each) for each in range(24)]
    judged = [Judgement(task, hour, "m 1", 900, 6_300, psi, 0.02, "joy") for task in tasks for hour in hours]
    return Drift((*judged, Judgement("emotion", None, "m 1", 9, 9, 0.5, 0.1, "joy")), 0, ())


@pytest.mark.parametrize(
    ("counts", "without"), [({"joy": 40, "anger": 7}, 12), ({}, 0), ({"fear": 1}, 0), ({"joy": 10**9}, 10**9)]
)
def test_the_emotion_plot_is_a_png_of_a_readable_size(counts: dict[str, int], without: int) -> None:
    png = emotion_plot_png(counts, without)
    width, height = _size(png)
    assert 400 <= width <= 1_000
    assert 200 <= height <= 600


def test_other_counts_give_another_picture() -> None:
    assert emotion_plot_png({"joy": 40}, 2) != emotion_plot_png({"anger": 40}, 2)


@pytest.mark.parametrize("tasks", [0, 1, 6])
def test_the_drift_plot_grows_with_the_tasks(tasks: int) -> None:
    width, height = _size(drift_plot_png(_drift(*TASKS[:tasks])))
    assert 600 <= width <= 1_000
    assert 150 * max(1, tasks) <= height <= 200 * max(1, tasks) + 50


def test_the_drift_plot_shows_what_drifted_and_who_scored() -> None:
    calm = _drift("emotion")
    changed = Drift(calm.judged, 0, (ModelChange(NOON + timedelta(hours=3), "m 0", "m 1"),))
    pictures = [drift_plot_png(each) for each in (calm, _drift("emotion", psi=0.3), changed)]
    assert len(set(pictures)) == 3


def test_an_index_of_nothing_can_be_drawn() -> None:
    assert _size(drift_plot_png(_drift("emotion", psi=0.0)))


@pytest.mark.parametrize("tasks", [0, 1, 4, 6])
def test_the_reliability_plot_has_a_place_for_each_task(tasks: int) -> None:
    width, height = _size(reliability_plot_png(dict.fromkeys(TASKS[:tasks], CARD)))
    assert 300 <= width <= 1_000
    assert 300 <= height <= 400 * max(1, -(-tasks // 3))


def test_another_reliability_gives_another_picture() -> None:
    other = Reliability((Bin(4, 0.4, 0.5), Bin(96, 0.9, 0.9)), 0.004, 100)
    assert reliability_plot_png({"intent": CARD}) != reliability_plot_png({"intent": other})


def test_a_card_without_cases_can_be_drawn() -> None:
    assert _size(reliability_plot_png({"intent": Reliability((), 0.0, 0)}))


@pytest.mark.parametrize("steps", [0, 1, 5_000])
def test_the_loss_plot_is_a_png_of_a_readable_size(steps: int) -> None:
    width, height = _size(loss_plot_png([(step + 1, 4.0 / (step + 1)) for step in range(steps)]))
    assert 400 <= width <= 1_000
    assert 200 <= height <= 600
