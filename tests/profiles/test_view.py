"""The view of a person as of a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.profile_summary import mood_of
from alphaads_pipelines.profiles.state import ProfileState, decode, empty, encode
from alphaads_pipelines.profiles.view import ProfileView, view
from tests.profiles.scores import NOON, Scored, frame

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _state(posts: Sequence[Scored]) -> ProfileState:
    return decode(fold_profiles({}, frame(posts), 1)[0]["state"][0])


def _view(posts: Sequence[Scored], now: datetime = NOON) -> ProfileView:
    return view(encode(_state(posts)), now)


def _mood_at(posts: Sequence[Scored], at: datetime) -> str | None:
    return mood_of(_state(posts), (at - EPOCH) // timedelta(hours=1))


def _many(n: int, emotion: str, at: datetime) -> list[Scored]:
    return [Scored(emotion=emotion, created_at=at)] * n


def test_mood_halves_in_a_day() -> None:
    old, new = _many(4, "anger", NOON - timedelta(hours=48)), _many(1, "joy", NOON)
    assert _mood_at([*old, *new], NOON) == "anger", (
        "4 posts of two days ago weigh as much as 1; ties go to the alphabet"
    )
    assert _mood_at([*old, *new], NOON - timedelta(hours=1)) == "anger"
    assert _mood_at([*_many(3, "anger", NOON - timedelta(hours=48)), *new], NOON) == "joy"


def test_what_comes_later_does_not_change_the_mood_of_now() -> None:
    posts = [*_many(1, "joy", NOON), *_many(9, "fear", NOON + timedelta(hours=1))]
    assert _mood_at(posts, NOON) == "joy"
    assert _mood_at(posts, NOON + timedelta(hours=1)) == "fear"
    assert _mood_at(posts, NOON - timedelta(hours=1)) is None


def test_an_old_mood_fades_below_a_sixteenth_of_a_post() -> None:
    assert _mood_at(_many(1, "joy", NOON), NOON + timedelta(days=4)) == "joy"
    assert _mood_at(_many(1, "joy", NOON), NOON + timedelta(days=4, hours=1)) is None
    assert _mood_at(_many(2, "joy", NOON), NOON + timedelta(days=5)) == "joy"
    assert _mood_at(_many(1_000, "joy", NOON), NOON + timedelta(days=6, hours=23)) == "joy"
    assert _mood_at(_many(1_000, "joy", NOON), NOON + timedelta(days=7)) is None


def test_who_shows_no_emotion_has_no_mood() -> None:
    assert _mood_at([Scored(emotion=None)], NOON) is None


def test_fields_by_hand() -> None:
    shown = _view(
        [
            Scored(created_at=NOON - timedelta(hours=30), emotion="sadness", sentiment_positive=0.0),
            Scored(created_at=NOON, emotion="joy", platform="facebook"),
            Scored(created_at=NOON, emotion="joy", language="es"),
            Scored(created_at=NOON, emotion=None, language=None, sentiment=None, sentiment_positive=None),
        ]
    )
    assert shown.posts == 4
    assert shown.mood == "joy"
    assert shown.mood_trend == "rising"
    assert shown.sentiment_mean == pytest.approx((-0.25 + 0.5 + 0.5) / 3)
    assert shown.emotions == {"joy": pytest.approx(2 / 3), "sadness": pytest.approx(1 / 3)}
    assert (shown.language, shown.languages) == ("en", {"en": 2, "es": 1})
    assert shown.platforms == {"facebook": 1, "x": 3}
    assert {hour: count for hour, count in enumerate(shown.active_hours) if count} == {6: 1, 12: 3}
    assert shown.active_weekdays == [1, 3, 0, 0, 0, 0, 0], "NOON is a Tuesday"
    assert (shown.first_post_at, shown.last_post_at) == (NOON - timedelta(hours=30), NOON)
    assert [(hour.hour_at, hour.posts, hour.emotions) for hour in shown.journey] == [
        (NOON - timedelta(hours=30), 1, {"sadness": 1}),
        (NOON, 3, {"joy": 2}),
    ]
    assert shown.journey[1].sentiment_mean == 0.5


def test_the_trend_forgets_what_was_weeks_ago() -> None:
    last_year = [Scored(created_at=NOON - timedelta(days=365), sentiment_positive=0.0, sentiment_negative=1.0)] * 50
    last_week = [Scored(created_at=NOON - timedelta(days=7), sentiment_positive=0.9, sentiment_negative=0.0)]
    today = [Scored(sentiment_positive=0.5, sentiment_negative=0.0)]
    assert _view([*last_year, *last_week, *today]).mood_trend == "falling"
    assert _view([*last_year, *today]).mood_trend is None, "there is nothing recent to compare with"
    assert _view([*last_week, *today], NOON - timedelta(hours=1)).mood_trend is None, "today has not come yet"


@pytest.mark.parametrize(("lately", "trend"), [(0.9, "rising"), (0.1, "falling"), (0.52, "steady"), (None, None)])
def test_trend_compares_the_last_day_with_all_before(lately: float | None, trend: str | None) -> None:
    before = Scored(created_at=NOON - timedelta(hours=24), sentiment_positive=0.5, sentiment_negative=0.0)
    after = Scored(created_at=NOON, sentiment_positive=lately or 0.0, sentiment_negative=0.0)
    assert _view([before] if lately is None else [before, after]).mood_trend == trend


def test_a_journey_shows_the_latest_hours_in_order() -> None:
    posts = [Scored(created_at=NOON - timedelta(hours=hour)) for hour in range(60)]
    hours = [each.hour_at for each in _view(posts).journey]
    assert hours == [NOON - timedelta(hours=hour) for hour in range(47, -1, -1)]


def test_nobody_yet_is_shown_as_nothing() -> None:
    shown = view(encode(empty()), NOON)
    assert (shown.posts, shown.mood, shown.mood_trend, shown.sentiment_mean) == (0, None, None, None)
    assert (shown.emotions, shown.language, shown.first_post_at, shown.journey) == ({}, None, None, [])
    assert (shown.brands, shown.interests) == ([], [])
    assert (shown.active_hours, shown.active_weekdays) == ([0] * 24, [0] * 7)
