"""Segments hold people who behave alike, keep their ids, and identify no person."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import isnan, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples

from alphaads_pipelines.profiles.segments import (
    FEATURES,
    LEAST_PEOPLE,
    LEAST_POSTS,
    Fit,
    Segmentation,
    features_of,
    fit_segments,
    from_document,
    no_segments,
    segment_of,
    to_document,
    traits_of,
)
from alphaads_pipelines.profiles.state import ProfileState, decode, empty, encode
from tests.profiles.states import counts, lived_states, person, state_of

GROUPS = ((range(0, 6), "joy"), (range(18, 24), "anger"), (range(9, 14), "sadness"))


def _people(seed: int, sizes: Sequence[int] = (40, 40, 40)) -> list[list[ProfileState]]:
    dice = np.random.default_rng(seed)
    return [
        [person(dice, hours, emotion) for _ in range(size)]
        for (hours, emotion), size in zip(GROUPS, sizes, strict=True)
    ]


def _fit(groups: Sequence[Sequence[ProfileState]], before: Segmentation | None = None) -> Fit:
    features = [features_of(state) for group in groups for state in group]
    return fit_segments([each for each in features if each is not None], before or no_segments())


def _common(group: Sequence[ProfileState], segmentation: Segmentation) -> str | None:
    """The segment of nine of ten in the group; None if there is no such."""
    [(segment, number)] = Counter(segment_of(state, segmentation) for state in group).most_common(1)
    return segment if number >= 0.9 * len(group) else None


@pytest.fixture(scope="module")
def groups() -> list[list[ProfileState]]:
    return _people(1)


@pytest.fixture(scope="module")
def fit(groups: list[list[ProfileState]]) -> Fit:
    return _fit(groups)


def test_planted_groups_are_found(groups: list[list[ProfileState]], fit: Fit) -> None:
    named = [_common(group, fit.segmentation) for group in groups]
    assert sorted(map(str, named)) == ["s1", "s2", "s3"]
    assert sum(fit.sizes.values()) == 120
    assert fit.silhouette == max(fit.silhouettes.values())


def test_traits_name_what_sets_a_group_apart(groups: list[list[ProfileState]], fit: Fit) -> None:
    segments = {each.segment_id: each for each in fit.segmentation.segments}
    joyful = traits_of(segments[str(_common(groups[0], fit.segmentation))], fit.segmentation)
    assert {name for name, off in joyful if off > 0} >= {"night", "joy"}
    assert len(joyful) == 3


def test_a_refit_on_other_people_keeps_the_ids(groups: list[list[ProfileState]], fit: Fit) -> None:
    others = _people(2)
    again = _fit(others[::-1], fit.segmentation).segmentation
    assert [_common(group, again) for group in others] == [_common(group, fit.segmentation) for group in groups]
    assert again.next_number == fit.segmentation.next_number


def test_who_is_new_gets_a_new_id_and_an_old_id_is_never_given_again(
    groups: list[list[ProfileState]], fit: Fit
) -> None:
    dice = np.random.default_rng(3)
    newcomers = [person(dice, range(6, 9), "fear") for _ in range(40)]
    without_last = _fit([*groups[:2], newcomers], fit.segmentation).segmentation
    gone = {each.segment_id for each in fit.segmentation.segments} - {each.segment_id for each in without_last.segments}
    assert gone == {_common(groups[2], fit.segmentation)}
    assert _common(newcomers, without_last) == "s4"
    back = _fit([*groups, newcomers], without_last).segmentation
    assert _common(groups[2], back) == "s5", "an id that was given up is not remembered, so it is not given either"


def test_the_same_people_give_the_same_document_in_any_order(groups: list[list[ProfileState]], fit: Fit) -> None:
    assert _fit(groups).segmentation == fit.segmentation
    shuffled = _fit([list(reversed(group)) for group in groups])
    assert Counter(shuffled.sizes.values()) == Counter(fit.sizes.values())


@pytest.mark.parametrize("sizes", [(40, 40, 3), (40, 9, 9), (12, 0, 0), (13, 3, 2)])
def test_no_segment_is_smaller_than_the_least_group(sizes: tuple[int, ...]) -> None:
    fit = _fit(_people(4, sizes))
    assert fit.sizes
    assert min(fit.sizes.values()) >= LEAST_PEOPLE
    assert sum(fit.sizes.values()) == sum(sizes)


@pytest.mark.parametrize("size", [0, 1, LEAST_PEOPLE - 1])
def test_too_few_people_are_no_segment_and_old_ones_are_given_up(size: int, fit: Fit) -> None:
    few = _fit(_people(5, (size, 0, 0)), fit.segmentation)
    assert few.segmentation.segments == []
    assert few.segmentation.next_number == 4
    assert few.silhouette is None


def test_people_who_are_all_alike_are_one_segment() -> None:
    same = state_of({hour: counts(joy=1) for hour in range(LEAST_POSTS)})
    fit = _fit([[same] * 30])
    assert dict(fit.sizes) == {"s1": 30}
    assert segment_of(same, fit.segmentation) == "s1"


def test_the_document_comes_back_and_holds_nothing_but_means(fit: Fit) -> None:
    document = json.loads(json.dumps(to_document(fit.segmentation)))
    assert from_document(document) == fit.segmentation
    assert set(document) == {"format", "features", "mean", "scale", "segments", "next_number"}
    assert {frozenset(each) for each in document["segments"]} == {frozenset({"segment_id", "centroid"})}
    assert all(round(value, 2) == value for each in document["segments"] for value in each["centroid"])


@pytest.mark.parametrize("change", [{"format": 99}, {"features": ["volume"]}, {"mean": "high"}])
def test_a_document_of_other_code_is_no_segmentation_but_its_ids_are_taken(fit: Fit, change: dict[str, object]) -> None:
    assert from_document({**to_document(fit.segmentation), **change}) == no_segments(next_number=4)
    assert from_document({}) == no_segments()


@examples(max_examples=60)
@given(lived_states())
def test_features_can_be_told_of_anybody_with_enough_posts(state: ProfileState) -> None:
    features = features_of(state)
    if features is None:
        assert sum(each[0] for each in state.hours.values()) < LEAST_POSTS
        return
    named = dict(zip(FEATURES, features, strict=True))
    assert sum(named[each] for each in ("night", "morning", "afternoon", "evening")) == pytest.approx(1.0)
    assert isnan(named["joy"]) or sum(named[each] for each in FEATURES[7:14]) == pytest.approx(1.0)
    assert np.array_equal(features, features_of(decode(encode(state))), equal_nan=True)


def test_features_by_hand() -> None:
    # NOON_HOUR is a Tuesday's; four days later is Saturday.
    state = state_of({0: counts(500, joy=2, anger=1), 1: counts(-500, joy=1), 4 * 24 + 8: counts(None, posts=4)})
    features = features_of(state)
    assert features is not None
    named = dict(zip(FEATURES, features, strict=True))
    assert (named["volume"], named["pace"]) == (log1p(8), log1p(4))
    assert (named["afternoon"], named["evening"], named["weekend"]) == (0.5, 0.5, 0.5)
    assert (named["joy"], named["anger"], named["sentiment"], named["volatility"]) == (0.75, 0.25, 0.25, 1.0)


def test_nobody_has_a_segment_before_a_fit_or_with_too_few_posts(fit: Fit) -> None:
    known, unknown = person(np.random.default_rng(6), range(24), "joy"), state_of({0: counts(joy=LEAST_POSTS - 1)})
    assert segment_of(known, no_segments()) is None
    assert segment_of(unknown, fit.segmentation) is None
    assert segment_of(empty(), fit.segmentation) is None
    assert segment_of(known, fit.segmentation) is not None
