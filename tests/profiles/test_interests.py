"""Brands and interests: what posts name, weighed by how long ago and how."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.privacy.secrets_file import MasterKeys
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.interests import MOST_SHOWN, interests_of
from alphaads_pipelines.profiles.view import ProfileView, view
from tests.profiles.scores import NOON, TOKEN, Scored, entities, frame

NOW_HOUR = 473_000
MONTH = 30 * 24


def _view(*posts: Scored) -> ProfileView:
    [state] = fold_profiles({}, frame(posts), 1, entities(posts))[0]["state"]
    return view(state, NOON)


def test_brands_are_what_is_tracked_and_interests_the_other_names() -> None:
    shown = _view(
        Scored(topics=("lumora", TOKEN)),
        Scored(topics=("lumora",), sentiment_positive=0.0, sentiment_negative=1.0),
        Scored(topics=("pelmo",), created_at=NOON - timedelta(days=30)),
    )
    assert [(each.topic, each.mentions) for each in shown.brands] == [("lumora", 2), ("pelmo", 1)]
    assert [each.topic for each in shown.interests] == [TOKEN]
    lumora, pelmo = shown.brands
    assert (lumora.weight, lumora.sentiment, lumora.affinity) == (2.0, -0.25, -0.5)
    assert (pelmo.weight, pelmo.sentiment, pelmo.affinity) == (0.5, 0.5, 0.25), "half as much a month later"


def test_a_token_is_told_from_the_id_of_a_tracked_name() -> None:
    token = Pseudonyms(MasterKeys(*(bytes(32) for _ in fields(MasterKeys)))).name("lumora lamp")
    tracked, others = interests_of({token: {NOW_HOUR: [1, 0]}, "n_short": {NOW_HOUR: [1, 0]}}, NOW_HOUR)
    assert [each.topic for each in others] == [token]
    assert [each.topic for each in tracked] == ["n_short"]


@pytest.mark.parametrize(("age", "shown"), [(4 * MONTH, True), (4 * MONTH + 1, False), (-1, False)])
def test_a_topic_fades_below_a_sixteenth_of_a_post_and_does_not_show_before_it_is_named(age: int, shown: bool) -> None:
    tracked, _ = interests_of({"lumora": {NOW_HOUR - age: [1, 500]}}, NOW_HOUR)
    assert bool(tracked) is shown


def test_the_weightiest_come_first_and_ties_go_to_the_alphabet() -> None:
    topics = {f"brand-{number:02}": {NOW_HOUR: [1 + number % 2, 0]} for number in range(2 * MOST_SHOWN, 0, -1)}
    tracked, _ = interests_of(topics, NOW_HOUR)
    assert [each.topic for each in tracked] == [f"brand-{number:02}" for number in range(1, 2 * MOST_SHOWN, 2)]
