"""Plots of journeys: PNGs of a readable size with the given content."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from alphaads_pipelines.profiles.journey import journey_of
from alphaads_pipelines.profiles.journey_plot import journey_plot_png, segment_journeys_png
from alphaads_pipelines.profiles.segment_journeys import SCHEMA
from alphaads_pipelines.profiles.state import ProfileState
from tests.profiles.states import counts, person, state_of

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
DAY = datetime(2026, 11, 24, tzinfo=UTC)


def _size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _picture(state: ProfileState, as_of: datetime = FOREVER) -> bytes:
    return journey_plot_png(journey_of(state, as_of))


@pytest.mark.parametrize(
    "hours",
    [
        {},
        {0: counts(joy=1)},
        {0: counts(None, posts=3)},
        {-300_000: counts(joy=1), 0: counts(-400, anger=2, posts=5), 30: counts(fear=1)},
        {hour: counts(joy=1, surprise=1) for hour in range(0, 2_000, 7)},
    ],
    ids=["nothing", "one post", "no cue", "decades", "many"],
)
@pytest.mark.filterwarnings("error::UserWarning")
def test_any_journey_can_be_drawn(hours: dict[int, list[int]]) -> None:
    width, height = _size(_picture(state_of(hours)))
    assert 800 <= width <= 1_200
    assert 400 <= height <= 700


def test_the_same_journey_gives_the_same_picture_and_another_another() -> None:
    state = person(np.random.default_rng(1), range(24), "joy")
    assert _picture(state) == _picture(state)
    halfway = sorted(state.hours)[len(state.hours) // 2]
    assert _picture(state, datetime.fromtimestamp(halfway * 3600, UTC)) != _picture(state)


def test_a_change_is_to_be_seen() -> None:
    calm = {hour: counts(joy=2) for hour in range(0, 200, 10)}
    angry = {hour: counts(anger=2) for hour in range(200, 400, 10)}
    journey = journey_of(state_of({**calm, **angry}), FOREVER)
    assert len(journey.changes) == 1
    assert journey_plot_png(journey) != journey_plot_png(replace(journey, changes=[]))


def _rows(segments: int) -> pl.DataFrame:
    rows = [
        (f"s{number}", DAY + timedelta(days=day), 12, 30, 30, 900, *(2, 0, 1, 10 + number, 3, 0, 0))
        for number in range(1, segments + 1)
        for day in (0, 1, 3)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@pytest.mark.parametrize("segments", [0, 1, 8])
@pytest.mark.filterwarnings("error::UserWarning")
def test_the_picture_of_segments_has_a_panel_for_each(segments: int) -> None:
    width, height = _size(segment_journeys_png(_rows(segments)))
    assert 800 <= width <= 1_200
    assert 120 * max(1, segments) <= height <= 200 * max(1, segments) + 120


def test_a_day_without_an_emotion_can_be_drawn() -> None:
    silent = pl.DataFrame([("s1", DAY, 12, 30, 0, 0, *[0] * 7)], schema=SCHEMA, orient="row")
    assert _size(segment_journeys_png(silent))
