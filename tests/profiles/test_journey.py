"""The journey follows its hours in order, and ignores later ones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.stats import hypergeom

from alphaads_pipelines.profiles.journey import (
    CHANCE,
    LEAST_MENTIONS,
    MOST_HOURS,
    SILENCE_HOURS,
    Journey,
    _precedents,
    journey_of,
    volatility_of,
)
from alphaads_pipelines.profiles.profile_summary import mood_of
from alphaads_pipelines.profiles.state import (
    FIRST_EMOTION,
    FORMAT,
    POSTS,
    ProfileState,
    add_hour,
    combine,
    decode,
    empty,
    encode,
)
from alphaads_pipelines.profiles.time_buckets import hour_at
from alphaads_pipelines.schema.tables import EMOTIONS
from tests.profiles.states import NOON_HOUR, counts, lived_states, state_of

FOREVER = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)


def _at(hour: int) -> datetime:
    return hour_at(NOON_HOUR + hour)


def _until(state: ProfileState, hour: int) -> ProfileState:
    def known(counted: dict[int, list[int]]) -> dict[int, list[int]]:
        return {each: value for each, value in counted.items() if each <= hour}

    topics = {topic: known(hours) for topic, hours in state.topics.items()}
    return ProfileState(FORMAT, known(state.hours), state.languages, state.platforms, topics)


def _runs(journey: Journey) -> list[tuple[str, datetime, datetime, int]]:
    return [(each.emotion, each.start_at, each.end_at, each.posts) for each in journey.episodes]


@examples(max_examples=60)
@given(lived_states(), st.integers(-450, 450), st.integers(0, 59))
def test_the_journey_as_of_a_time_knows_nothing_later(state: ProfileState, hour: int, minute: int) -> None:
    at = _at(hour) + timedelta(minutes=minute)
    assert journey_of(state, at) == journey_of(_until(state, NOON_HOUR + hour), at)


@examples(max_examples=40)
@given(lived_states(), st.randoms(use_true_random=False))
def test_the_order_in_which_posts_came_does_not_matter(state: ProfileState, dice: random.Random) -> None:
    hours, topics = list(state.hours.items()), list(state.topics.items())
    dice.shuffle(hours)
    dice.shuffle(topics)
    shuffled = ProfileState(FORMAT, dict(hours), {}, {}, dict(topics))
    assert journey_of(shuffled, FOREVER) == journey_of(decode(encode(state)), FOREVER)


@examples(max_examples=30)
@given(lived_states(), lived_states())
def test_what_was_added_and_taken_out_again_leaves_no_trace(kept: ProfileState, erased: ProfileState) -> None:
    assert journey_of(combine(combine(kept, erased), erased, sign=-1), FOREVER) == journey_of(kept, FOREVER)


@examples(max_examples=60)
@given(lived_states())
def test_probabilities_sum_to_one_and_counts_to_hours(state: ProfileState) -> None:
    journey = journey_of(state, FOREVER)
    for row in journey.transitions:
        assert set(row.probabilities) == set(EMOTIONS)
        assert sum(row.probabilities.values()) == pytest.approx(1.0)
        assert min(row.probabilities.values()) > 0
        assert sum(row.counts.values()) == row.hours > 0
    assert (journey.switching is None) == (not journey.transitions)


@examples(max_examples=60)
@given(lived_states())
def test_episodes_follow_each_other_and_changes_lie_among_the_hours(state: ProfileState) -> None:
    journey = journey_of(state, FOREVER)
    starts = {hour.hour_at for hour in journey.hours if hour.emotions}
    for earlier, later in zip(journey.episodes, journey.episodes[1:], strict=False):
        assert earlier.end_at <= later.start_at
    assert all(0 < each.share <= 1 and each.start_at in starts for each in journey.episodes)
    emotional = [hour.posts for hour in journey.hours if hour.emotions]
    assert sum(each.posts for each in journey.episodes) == sum(emotional)
    assert {each.changed_at for each in journey.changes} <= starts
    assert journey.posts == sum(hour[POSTS] for hour in state.hours.values())
    assert journey.volatility is None or 0 <= journey.volatility <= 2


@pytest.mark.parametrize("as_of", [FOREVER, datetime(1, 1, 1, tzinfo=UTC), _at(0)])
def test_nobody_has_an_empty_journey(as_of: datetime) -> None:
    assert journey_of(empty(), as_of) == Journey(as_of, 0, None, None, [], [], [], [])


@examples(max_examples=60)
@given(lived_states())
def test_the_last_episode_is_the_mood_that_the_profile_shows(state: ProfileState) -> None:
    journey = journey_of(state, FOREVER)
    last = max((hour for hour, counted in state.hours.items() if any(counted[FIRST_EMOTION:])), default=None)
    if last is None:
        assert journey.episodes == []
    else:
        assert journey.episodes[-1].emotion == mood_of(state, last)


def test_episodes_by_hand() -> None:
    state = state_of(
        {
            0: counts(joy=3, anger=1),
            1: counts(anger=1, fear=1),
            2: counts(posts=3),
            26: counts(anger=3, joy=1),
            27: counts(anger=1),
        }
    )
    journey = journey_of(state, FOREVER)
    assert _runs(journey) == [("joy", _at(0), _at(2), 6), ("anger", _at(26), _at(28), 5)]
    assert [each.share for each in journey.episodes] == [3 / 6, 4 / 5]
    assert _runs(journey_of(state, _at(26))) == [("joy", _at(0), _at(2), 6), ("anger", _at(26), _at(27), 4)]


@pytest.mark.parametrize(("gap", "episodes", "transitions"), [(SILENCE_HOURS, 1, 1), (SILENCE_HOURS + 1, 2, 0)])
def test_a_long_silence_ends_an_episode(gap: int, episodes: int, transitions: int) -> None:
    journey = journey_of(state_of({0: counts(joy=1), gap: counts(joy=1)}), FOREVER)
    assert (len(journey.episodes), len(journey.transitions)) == (episodes, transitions)
    assert (journey.volatility is None) == (transitions == 0)


def test_transitions_by_hand() -> None:
    emotions = ("joy", "joy", "anger", "joy")
    journey = journey_of(state_of({hour: counts(**{name: 1}) for hour, name in enumerate(emotions)}), FOREVER)
    rows = {row.emotion: row for row in journey.transitions}
    assert set(rows) == {"joy", "anger"}
    assert rows["joy"].counts == {"anger": 1, "joy": 1}
    assert rows["anger"].counts == {"joy": 1}
    assert rows["joy"].probabilities["anger"] == pytest.approx((1 + 1 / 7) / 3)
    assert rows["anger"].probabilities["fear"] == pytest.approx((1 / 7) / 2)
    assert journey.switching == pytest.approx(2 / 3)


def test_of_a_tie_what_led_before_goes_on_else_the_alphabet_leads() -> None:
    tied = {0: counts(anger=1, joy=1), 1: counts(joy=1), 2: counts(anger=1, joy=1)}
    rows = {row.emotion: row.counts for row in journey_of(state_of(tied), FOREVER).transitions}
    assert rows == {"anger": {"joy": 1}, "joy": {"joy": 1}}


def test_volatility_by_hand() -> None:
    state = state_of({0: counts(500, joy=1), 1: counts(-500, joy=1), 2: counts(None, joy=3), 3: counts(-100, joy=1)})
    assert journey_of(state, FOREVER).volatility == pytest.approx(((1.0**2 + 0.4**2) / 2) ** 0.5)
    assert volatility_of(state) == journey_of(state, FOREVER).volatility
    assert journey_of(state, _at(0)).volatility is None


def _turned_angry(hours: int = 12) -> dict[int, list[int]]:
    before = {hour: counts(400, joy=2, neutral=1) for hour in range(-10 * hours, 0, 10)}
    return before | {hour: counts(-600, anger=2, neutral=1) for hour in range(0, 10 * hours, 10)}


def test_a_change_names_its_sides_and_what_came_before() -> None:
    around = {"lumora": {-20: 3, -10: 3, 0: 3, 10: 3}, "often": dict.fromkeys(range(-120, 120, 10), 2)}
    [change] = journey_of(state_of(_turned_angry(), around), FOREVER).changes
    assert (change.changed_at, change.before, change.after) == (_at(0), "joy", "anger")
    assert (change.sentiment_before, change.sentiment_after) == (pytest.approx(0.4), pytest.approx(-0.6))
    [cause] = change.preceded_by
    assert (cause.topic, cause.mentions, cause.expected, cause.sentiment_mean) == ("lumora", 9, 0.0, -0.5)
    assert cause.p_value < 1e-3


def test_what_is_named_only_after_a_change_did_not_precede_it() -> None:
    later = {"lumora": dict.fromkeys(range(10, 120, 10), 3)}
    [change] = journey_of(state_of(_turned_angry(), later), FOREVER).changes
    assert change.preceded_by == []


def test_a_change_is_known_once_enough_is_seen_of_it() -> None:
    state = state_of(_turned_angry())
    known = [len(journey_of(state, _at(hour)).changes) for hour in range(-10, 120, 10)]
    assert known[0] == known[1] == 0
    assert known[-1] == 1
    assert known == sorted(known)


def test_hours_beyond_the_most_are_left_out() -> None:
    state = empty()
    for hour in range(MOST_HOURS + 5):
        add_hour(state, hour, counts(joy=1))
    journey = journey_of(state, FOREVER)
    assert len(journey.hours) == journey.posts == MOST_HOURS
    assert journey.hours[0].hour_at == hour_at(5)


@examples(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 200), st.data())
def test_chance_is_the_hypergeometric_tail(posts: int, others: int, data: st.DataObject) -> None:
    mentions = data.draw(st.integers(1, posts))
    before = data.draw(st.integers(0, others))
    hours = {-30: counts(posts=others), 0: counts(posts=posts)}
    state = state_of(hours, {"lumora": {-30: before, 0: mentions}})
    found = _precedents(state, NOON_HOUR)
    expected = hypergeom.sf(mentions - 1, posts + others, mentions + before, posts)
    is_named = mentions >= LEAST_MENTIONS and mentions * others > before * posts and expected <= CHANCE
    assert [each.p_value for each in found] == ([pytest.approx(expected, rel=1e-6)] if is_named else [])
