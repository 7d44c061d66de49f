"""Noisy answers: bounded sums, noise of the right size, and no small group."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given, settings

from alphaads_pipelines.analytics.aggregates import Question
from alphaads_pipelines.analytics.noise import (
    MOST_POSTS,
    Sums,
    add_noise,
    bounded_sums,
    keys_of_rows,
    least_noisy_people,
)
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS
from tests.analytics.populations import FIRST_DAY, PLATFORMS, Crowd, crowds

BY_EMOTION = Question(by=("emotion",))
BY_PLATFORM = Question(by=("platform",))
KNOWN = {"platform": PLATFORMS}


@given(crowds)
@settings(max_examples=30)
def test_without_a_person_no_row_changes_by_more_than_its_bound(crowd: Crowd) -> None:
    crowd.persons = {}
    keys = keys_of_rows(BY_PLATFORM, KNOWN)
    with_all = bounded_sums(crowd.activity(FIRST_DAY + 40), BY_PLATFORM, keys)
    for gone in sorted(crowd.states)[:5]:
        states = {subject: state for subject, state in crowd.states.items() if subject != gone}
        without = bounded_sums(Crowd(states).activity(FIRST_DAY + 40), BY_PLATFORM, keys)
        changed = [(one, other) for one, other in zip(with_all, without, strict=True) if one != other]
        assert len(changed) <= 1, "a person is in one row at most"
        for one, other in changed:
            felt = [a - b for a, b in zip(one.emotion_posts, other.emotion_posts, strict=True)]
            assert one.people - other.people == 1
            assert min(felt) >= 0
            assert sum(felt) <= MOST_POSTS
            assert abs(one.sentiment_milli - other.sentiment_milli) <= 1_000


def test_sums_are_of_those_who_are_asked_about() -> None:
    made = Crowd()
    for number in range(30):
        made.post(f"s{number}", FIRST_DAY + number % 2, 1, "joy" if number % 3 else "anger", "x", "en")
    made.post("much", FIRST_DAY, 2, "fear", "x", "es")
    for _ in range(99):
        made.post("much", FIRST_DAY, 2, "fear", "x", "es")
    activity = made.activity(FIRST_DAY + 2)
    [total] = bounded_sums(activity, Question(), [{}])
    assert (total.people, sum(total.emotion_posts)) == (31, 30 + MOST_POSTS)
    keys = keys_of_rows(Question(languages=("en",), by=("emotion",)), {})
    rows = {each.key["emotion"]: each for each in bounded_sums(activity, Question(languages=("en",)), keys)}
    assert {name: each.people for name, each in rows.items() if each.people} == {"joy": 20, "anger": 10}
    assert rows["joy"].sentiment_milli == 20 * 250
    assert rows["fear"] == Sums({"emotion": "fear"}, 0, [0] * 8, 0)


def test_rows_are_known_without_a_look_at_the_data() -> None:
    assert [each["emotion"] for each in keys_of_rows(BY_EMOTION, {})] == list(EMOTIONS)
    assert keys_of_rows(Question(languages=("en", "de"), by=("language",)), {}) == [
        {"language": "de"},
        {"language": "en"},
    ]
    for by in ("language", "period", "segment"):
        with pytest.raises(InvalidRequest):
            keys_of_rows(Question(by=(by,)), {})


def _row(people: int, key: str = "") -> Sums:
    return Sums({"emotion": key} if key else {}, people, [people * 2, *([0] * 7)], people * 100)


def test_a_large_group_is_told_closely() -> None:
    """Each bound below fails once in a billion times: twenty times the scale and more."""
    [row] = add_noise([_row(100_000)], 1.0, 10).rows
    scales = {"people": 4, "emotion": MOST_POSTS * 2}
    assert abs(row.people - 100_000) <= 24 * scales["people"]
    assert abs(row.emotion_posts[EMOTIONS[0]] - 200_000) <= 24 * scales["emotion"]
    assert abs(row.sentiment_mean - 0.1) < 0.01
    assert row.posts == sum(row.emotion_posts.values())
    assert min(row.emotion_posts.values()) >= 0


@pytest.mark.parametrize(("epsilon", "people"), [(0.4, 1_000), (4.0, 300)])
def test_the_noise_is_as_wide_as_epsilon_says(epsilon: float, people: int) -> None:
    """Of 4,000 draws the mean distance lies within a third of what the discrete Laplace has, but once in a billion.

    There are so many people that none of the rows is withheld, but as seldom.
    """
    assert 2_000 * exp(-(people - least_noisy_people(epsilon, 10)) * epsilon / 4) < 1e-9
    rows = add_noise([_row(people, EMOTIONS[0])] * 4_000, epsilon, 10).rows
    assert len(rows) == 4_000
    distances = {
        "people": ([row.people - people for row in rows], epsilon / 4),
        "posts": ([row.emotion_posts[EMOTIONS[0]] - 2 * people for row in rows], epsilon / 2 / MOST_POSTS),
        "sentiment": ([(row.sentiment_mean - 0.1) * row.people * 1_000 for row in rows], epsilon / 4 / 1_000),
    }
    for figure, (found, rate) in distances.items():
        expected = 2 * exp(-rate) / (1 - exp(-2 * rate))
        distance = sum(map(abs, found)) / len(found)
        assert expected / 1.4 < distance < expected * 1.4, figure


def test_small_groups_are_withheld_and_named() -> None:
    answer = add_noise([_row(9, "joy"), _row(0, "fear"), _row(100_000, "anger")], 1.0, 10)
    assert [row.key for row in answer.rows] == [{"emotion": "anger"}]
    assert answer.withheld == [{"emotion": "joy"}, {"emotion": "fear"}]


def test_the_threshold_keeps_a_small_group_in_but_once_in_a_billion() -> None:
    for epsilon in (0.1, 1.0, 3.0):
        above = least_noisy_people(epsilon, 10) - 9
        assert exp(-above * epsilon / 4) <= 1e-9


def test_the_three_parts_cost_no_more_than_epsilon() -> None:
    dp = pytest.importorskip("opendp.prelude")
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    for epsilon in (0.1, 0.777, 2.0):
        parts = ((1, 0.25), (MOST_POSTS, 0.5), (1_000, 0.25))
        spent = sum(dp.m.make_laplace(*space, scale=most / (epsilon * share)).map(most) for most, share in parts)
        assert spent <= epsilon * (1 + 1e-9)
